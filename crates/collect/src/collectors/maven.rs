//! Maven artifacts on disk: `pom.properties` inside Java archives, and the `.pom` files of a local repository.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::{Stream, assignment};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;
use std::io::Read;

pub(crate) struct Maven;

const GROUP: Attribute = Attribute::known("maven.group");
const ARTIFACT: Attribute = Attribute::known("maven.artifact");
const COORDINATE: Attribute = Attribute::known("maven.coordinate");
const VERSION: Attribute = Attribute::known("maven.version");
const PURL: Attribute = Attribute::known("purl");

/// Archives of applications hold hundreds of libraries; one with more properties files than this is no such archive.
const MOST_LIBRARIES: usize = 10_000;

static META: Meta = Meta {
    id: "maven",
    what: "Java archives by the pom.properties inside them; artifacts of local Maven repositories by their .pom.",
    cannot_see: "Archives built without Maven; archives inside archives; classes copied into another archive.",
    attributes: &[GROUP, ARTIFACT, COORDINATE, VERSION, PURL],
    hides: Presences::of(&[Presence::Installed, Presence::Dormant, Presence::Embedded]),
    live: false,
};

impl Collector for Maven {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Ending(".jar"), Interest::Ending(".war"), Interest::Ending(".ear"), Interest::Ending(".pom")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        if seen.name().ends_with(b".pom") {
            return of_repository(seen, out);
        }
        if seen.head.is_empty() {
            return Ok(Examined::Whole);
        }
        let stream = std::io::BufReader::new(Stream::of(seen.file)?);
        match libraries(stream) {
            Ok(list) => {
                for (name, properties) in list {
                    let value = |wanted: &str| {
                        let pairs = properties.lines().filter_map(assignment);
                        pairs.filter(|(key, _)| *key == wanted).map(|(_, value)| value.to_owned()).next()
                    };
                    if let (Some(group), Some(id)) = (value("groupId"), value("artifactId")) {
                        let version = value("version").unwrap_or_default();
                        let locator = seen.locator().inside(name.as_bytes());
                        let library = Artifact::new(ArtifactKind::Library, locator, "");
                        out.add(coordinates(library, &group, &id, &version));
                    }
                }
                Ok(Examined::Whole)
            }
            // An archive may begin with the script that starts it; anything else of that name is no archive.
            Err(_) if !seen.head.starts_with(b"PK") && !seen.head.starts_with(b"#!") => Ok(Examined::NotMine),
            Err(problem) => Err(Fault::corrupt(problem)),
        }
    }
}

/// Every `META-INF/maven/*/*/pom.properties` of an archive: name and text.
fn libraries(archive: impl Read + std::io::Seek) -> Result<Vec<(String, String)>, String> {
    let mut archive = zip::ZipArchive::new(archive).map_err(|error| error.to_string())?;
    let names: Vec<String> = archive
        .file_names()
        // A name that cannot be read is not one of ours, which are plain.
        .filter_map(Result::ok)
        .filter(|name| name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties"))
        .take(MOST_LIBRARIES + 1)
        .map(|name| name.into_owned())
        .collect();
    if names.len() > MOST_LIBRARIES {
        return Err(format!("more than {MOST_LIBRARIES} libraries in one archive"));
    }
    let mut list = Vec::new();
    for name in names {
        let mut text = String::new();
        let member = archive.by_name(&name).map_err(|error| error.to_string())?;
        member.take(64 << 10).read_to_string(&mut text).map_err(|error| error.to_string())?;
        list.push((name, text));
    }
    Ok(list)
}

/// `.../repository/GROUP/AS/FOLDERS/ARTIFACT/VERSION/ARTIFACT-VERSION.pom`: asked for and downloaded.
fn of_repository(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    let path = String::from_utf8_lossy(seen.path);
    let parts = path.rsplit_once("/repository/").map(|(_, rest)| rest.split('/').collect::<Vec<_>>());
    let Some([group @ .., id, version, file]) = parts.as_deref() else { return Ok(Examined::NotMine) };
    if group.is_empty() || *file != format!("{id}-{version}.pom") {
        return Ok(Examined::NotMine);
    }
    let library = seen.artifact(ArtifactKind::Library).proving(Presence::Declared);
    out.add(coordinates(library, &group.join("."), id, version));
    Ok(Examined::Whole)
}

fn coordinates(library: Artifact, group: &str, id: &str, version: &str) -> Artifact {
    library
        .with(GROUP, group)
        .with(ARTIFACT, id)
        .with(COORDINATE, format!("{group}:{id}"))
        .with(VERSION, version)
        .with(PURL, format!("pkg:maven/{group}/{id}@{version}"))
}

/// Reads `bytes` as an archive and drops what it finds.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz(bytes: &[u8]) {
    drop(libraries(std::io::Cursor::new(bytes)));
}
