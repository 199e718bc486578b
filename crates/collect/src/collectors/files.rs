//! Names and paths of every file and folder, also those below a vendor's own folders. The pass itself sees them; this
//! module only says so.

use crate::collector::{Collector, Meta};
use ostrakon_model::{Attribute, Presences};

pub(crate) struct Files;

static META: Meta = Meta {
    id: "files",
    what: "Names and paths of every file, folder and link of the place, and the package each belongs to.",
    cannot_see: "What a file holds under another name; deleted files; classes of Java archives one by one.",
    attributes: &[Attribute::known("file.name"), Attribute::known("file.path"), Attribute::known("file.owner")],
    hides: Presences::FILES,
    live: false,
};

impl Collector for Files {
    fn meta(&self) -> &'static Meta {
        &META
    }
}
