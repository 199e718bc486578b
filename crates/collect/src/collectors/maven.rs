//! Maven artifacts on disk: `pom.properties` inside Java archives, and the `.pom` files of a local repository.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared, library};
use crate::reading::assignment;
use ostrakon_model::{Attribute, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Maven;

static META: Meta = Meta {
    id: "maven",
    what: "Java archives by the pom.properties inside them; artifacts of local Maven repositories by their .pom.",
    cannot_see: "Archives built without Maven; classes copied into another archive.",
    attributes: &[
        Attribute::known("maven.group"),
        Attribute::known("maven.artifact"),
        Attribute::known("maven.coordinate"),
        Attribute::known("maven.version"),
        Attribute::known("purl"),
    ],
    hides: Presences::of(&[Presence::Installed, Presence::Dormant, Presence::Embedded]),
    live: false,
};

impl Collector for Maven {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("pom.properties"), Interest::Ending(".pom")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        if seen.name() != b"pom.properties" {
            return of_repository(seen, out);
        }
        let text = seen.text(1 << 20)?;
        match read(&text) {
            Some((group, id, version)) => {
                out.add(library(seen.locator(), Ecosystem::Maven, &format!("{group}:{id}"), &version));
                Ok(Examined::Whole)
            }
            None if text.trim().is_empty() => Ok(Examined::Whole),
            // Other tools have files of that name too; Maven's lie in META-INF/maven.
            None if seen.path.windows(16).any(|part| part == b"/META-INF/maven/") => {
                Err(Fault::corrupt("it names no groupId and artifactId"))
            }
            None => Ok(Examined::NotMine),
        }
    }
}

/// Group, artifact and version of a `pom.properties`.
fn read(text: &str) -> Option<(String, String, String)> {
    let value = |wanted: &str| {
        let pair = text.lines().filter_map(assignment).find(|(key, value)| *key == wanted && !value.is_empty());
        pair.map(|(_, value)| value.to_owned())
    };
    Some((value("groupId")?, value("artifactId")?, value("version").unwrap_or_default()))
}

/// `.../repository/GROUP/AS/FOLDERS/ARTIFACT/VERSION/ARTIFACT-VERSION.pom`: asked for and downloaded.
fn of_repository(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    let path = String::from_utf8_lossy(seen.path);
    let parts = path.rsplit_once("/repository/").map(|(_, rest)| rest.split('/').collect::<Vec<_>>());
    let Some([group @ .., id, version, file]) = parts.as_deref() else { return Ok(Examined::NotMine) };
    if group.is_empty() || *file != format!("{id}-{version}.pom") {
        return Ok(Examined::NotMine);
    }
    let group = group.join(".");
    out.add(declared(seen.locator(), Ecosystem::Maven, &format!("{group}:{id}"), version));
    Ok(Examined::Whole)
}
