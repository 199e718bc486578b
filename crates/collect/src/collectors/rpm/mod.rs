//! RPM packages by rpm's own database, in each of its three formats: SQLite, ndb, Berkeley DB.

mod bdb;
pub(crate) mod header;
mod ndb;

use crate::collector::{Collector, Context, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::marks::Marks;
use crate::owners::Owners;
use crate::sqlite;
use header::Header;
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::{Fault, Tree};

pub(crate) struct Rpm;

pub(crate) const NAME: Attribute = Attribute::known("rpm.name");
pub(crate) const VERSION: Attribute = Attribute::known("rpm.version");
const REQUIRES: Attribute = Attribute::known("rpm.requires");
pub(crate) const VENDOR: Attribute = Attribute::known("rpm.vendor");
pub(crate) const PACKAGER: Attribute = Attribute::known("rpm.packager");
const PURL: Attribute = Attribute::known("purl");

/// The largest database that is taken into memory.
const LIMIT: u64 = 192 << 20;

const PATHS: [&str; 8] = [
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/lib/sysimage/rpm/Packages",
    "usr/share/rpm/rpmdb.sqlite",
    "usr/share/rpm/Packages",
];

static META: Meta = Meta {
    id: "rpm",
    what: "RPM packages in the package database (SQLite, ndb or Berkeley DB), with vendor and packager.",
    cannot_see: "Programs installed without rpm; what a package's scripts made.",
    attributes: &[NAME, VERSION, REQUIRES, VENDOR, PACKAGER, PURL],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

impl Collector for Rpm {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        const WANTS: [Interest; 8] = {
            let mut wants = [Interest::Path(""); 8];
            let mut at = 0;
            while at < PATHS.len() {
                wants[at] = Interest::Path(PATHS[at]);
                at += 1;
            }
            wants
        };
        &WANTS
    }

    fn asks_others(&self, _name: &[u8]) -> bool {
        true
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let mut problem = None;
        let read = headers(seen, &mut |blob| match Header::parse(&blob) {
            Ok(header) => {
                let text = |tag| header.text(tag).unwrap_or_default();
                let (name, release) = (text(header::NAME), text(header::RELEASE));
                // Keys that rpm trusts are entries of the database, and no packages.
                if name == "gpg-pubkey" || name.is_empty() {
                    return;
                }
                let version = format!("{}-{release}", text(header::VERSION));
                let artifact = seen.artifact(ArtifactKind::Package).with(NAME, name).with(VERSION, &version);
                let mut artifact = artifact.with(VENDOR, text(header::VENDOR)).with(PACKAGER, text(header::PACKAGER));
                // Names of packages: not files, not capabilities of libraries, not rpm's own.
                let names = header.texts(header::REQUIRES).filter(|name| !name.iter().any(|byte| b"/(".contains(byte)));
                names.for_each(|name| artifact.push(REQUIRES, String::from_utf8_lossy(name)));
                out.add(artifact.with(PURL, format!("pkg:rpm/{name}@{version}")));
            }
            Err(why) => problem = problem.take().or(Some(why)),
        });
        read?;
        problem.map_or(Ok(Examined::Whole), |why| Err(Fault::corrupt(why)))
    }
}

/// Calls `each` for every package header of the database.
fn headers(seen: &Seen<'_>, each: &mut dyn FnMut(Vec<u8>)) -> Result<(), Fault> {
    if seen.head.is_empty() {
        return Ok(());
    }
    match seen.name() {
        b"rpmdb.sqlite" => {
            let database = sqlite::open(seen)?;
            let mut rows = || {
                let mut statement = database.prepare("SELECT blob FROM Packages")?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    each(row.get(0)?);
                }
                Ok(())
            };
            rows().map_err(|error: rusqlite::Error| sqlite::fault(&error))
        }
        b"Packages.db" => ndb::headers(&seen.whole(LIMIT)?, each).map_err(Fault::corrupt),
        _ => bdb::headers(&seen.whole(LIMIT)?, each).map_err(Fault::corrupt),
    }
}

/// The file lists of all packages.
pub(crate) fn owned(tree: &dyn Tree, owners: &mut Owners) {
    for path in PATHS {
        let path = [b"/", path.as_bytes()].concat();
        let Ok(file) = tree.find(&path) else { continue };
        let mut head = [0; crate::collector::HEAD];
        let Ok(read) = file.read_at(0, &mut head) else { continue };
        let context = Context { tree, live: false, marks: &Marks::default(), worth: &|_| false, alone: false };
        let (text, head) = (String::from_utf8_lossy(&path), &head[..read]);
        let seen = Seen { path: &path, text: &text, head, file: file.as_ref(), root: b"", context };
        // A database that cannot be read gives no owners; the collector reports the gap.
        let _ = headers(&seen, &mut |blob| {
            if let Ok(header) = Header::parse(&blob)
                && let Some(name) = header.text(header::NAME)
            {
                owners.package(format!("rpm:{name}"));
                header.files().for_each(|path| owners.file(&path));
            }
        });
    }
}
