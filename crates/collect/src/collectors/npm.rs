//! npm packages as installed: `package.json` of every package directly below a `node_modules` or Debian's `nodejs` folder.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;

pub(crate) struct Npm;

const NAME: Attribute = Attribute::known("npm.name");
const VERSION: Attribute = Attribute::known("npm.version");
const AUTHOR: Attribute = Attribute::known("npm.author");
const PURL: Attribute = Attribute::known("purl");

static META: Meta = Meta {
    id: "npm",
    what: "npm packages as installed in node_modules folders and in Debian's nodejs folders, and package files of npm.",
    cannot_see: "Packages bundled into one script.",
    attributes: &[NAME, VERSION, AUTHOR, PURL],
    hides: Presences::of(&[Presence::Installed, Presence::Embedded]),
    live: false,
};

#[derive(Deserialize)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    author: Option<Author>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Author {
    Text(String),
    Person { name: Option<String>, email: Option<String> },
    Other(serde::de::IgnoredAny),
}

impl Collector for Npm {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("package.json")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        // What `npm pack` makes has its manifest there, and nothing else does.
        if !is_installed(seen.path) && !seen.text.ends_with("!/package/package.json") {
            return Ok(Examined::NotMine);
        }
        let bytes = seen.whole(16 << 20)?;
        if bytes.is_empty() {
            return Ok(Examined::Whole);
        }
        let manifest = match read(&bytes) {
            Ok(manifest) => manifest,
            Err(error) => return Err(Fault::corrupt(error.to_string())),
        };
        // Folders of a package can hold a package.json that only sets the kind of module: no package.
        let Some(name) = manifest.name else { return Ok(Examined::NotMine) };
        let version = manifest.version.unwrap_or_default();
        let author = match manifest.author {
            Some(Author::Text(text)) => text,
            Some(Author::Person { name, email }) => [name, email].into_iter().flatten().collect::<Vec<_>>().join(" "),
            Some(Author::Other(_)) | None => String::new(),
        };
        let artifact = seen.artifact(ArtifactKind::Library).with(NAME, &name).with(VERSION, &version);
        let purl = format!("pkg:npm/{}@{version}", name.replacen('@', "%40", 1));
        out.add(artifact.with(AUTHOR, author).with(PURL, purl));
        Ok(Examined::Whole)
    }
}

fn read(bytes: &[u8]) -> Result<Manifest, serde_json::Error> {
    serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

/// `.../node_modules/NAME/package.json` or `.../node_modules/@SCOPE/NAME/package.json`.
fn is_installed(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|byte| *byte == b'/').skip(2);
    let above = match parts.next() {
        Some(scope) if scope.starts_with(b"@") => parts.next(),
        other => other,
    };
    match above {
        Some(b"node_modules") => true,
        Some(b"nodejs") => parts.next() == Some(b"share"),
        _ => false,
    }
}
