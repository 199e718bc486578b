//! Container images that stores and image files know, and the containers made from them.
//!
//! An engine keeps its images as layers, and what they are called in records beside them: each store has its own. An image
//! that lies in a store is dormant; a container that is defined on a host is installed. Whether it runs no file says.

mod bolt;
mod containerd;
mod docker;
mod layout;
mod reference;
mod storage;

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;
use reference::Reference;
use std::collections::BTreeSet;

pub(crate) struct ContainerImages;

const IMAGE: Attribute = Attribute::known("container.image");
const TAG: Attribute = Attribute::known("container.tag");
const DIGEST: Attribute = Attribute::known("container.digest");
const NAME: Attribute = Attribute::known("container.name");
const PURL: Attribute = Attribute::known("purl");

/// The largest record in JSON.
const LIMIT: u64 = 64 << 20;

/// The largest database of containerd.
const DATABASE_LIMIT: u64 = 128 << 20;

static META: Meta = Meta {
    id: "container-images",
    what: "Container images and containers by the stores of Docker, Podman, CRI-O and containerd, and images by OCI layouts and archives of docker save.",
    cannot_see: "Which containers run; labels and history in an image's configuration; the name of an image whose layout gives it a tag only; the storage of registries; images that compose files and Kubernetes ask for.",
    attributes: &[IMAGE, TAG, DIGEST, NAME, PURL],
    hides: Presences::of(&[Presence::Dormant, Presence::Embedded]),
    live: false,
};

/// What a record of containers could hide.
const HIDES_CONTAINERS: Presences = Presences::of(&[Presence::Installed, Presence::Dormant, Presence::Embedded]);

/// What one entry of a record says.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Image {
    role: Role,
    /// References, as they are written there.
    references: Vec<String>,
    /// A tag that stands there without a name.
    tag: String,
    /// The digest of its manifest, or of the list of its manifests.
    manifest: String,
    /// The digest of its configuration, which engines call its id.
    id: String,
    /// What the container is called.
    names: Vec<String>,
}

/// What an image is in its place.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// It lies there.
    #[default]
    Stored,
    /// A container was made from it.
    Container,
    /// Another image was built on it.
    Base,
}

impl Image {
    fn artifact(&self, seen: &Seen<'_>) -> Artifact {
        // One image may have many names, and most agree in most of this.
        let mut images = BTreeSet::new();
        let mut tags = BTreeSet::from([self.tag.clone()]);
        let mut digests = BTreeSet::from([self.manifest.clone(), self.id.clone()]);
        let mut purls = BTreeSet::new();
        for reference in self.references.iter().map(|text| Reference::of(text)) {
            images.extend(reference.forms());
            purls.extend(reference.purl(&self.manifest));
            tags.insert(reference.tag);
            digests.insert(reference.digest);
        }
        let mut artifact = seen.artifact(ArtifactKind::Package);
        artifact.presence = match self.role {
            Role::Stored => Some(Presence::Dormant),
            Role::Container => None,
            Role::Base => Some(Presence::Embedded),
        };
        let names = self.names.iter().cloned().collect();
        for (attribute, values) in [(IMAGE, images), (TAG, tags), (DIGEST, digests), (NAME, names), (PURL, purls)] {
            values.into_iter().for_each(|value| artifact.push(attribute, value));
        }
        artifact
    }
}

impl Collector for ContainerImages {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        // Every engine can be told to keep its store anywhere, so the names of the files count.
        &[
            Interest::Name("repositories.json"),
            Interest::Name("config.v2.json"),
            Interest::Name("images.json"),
            Interest::Name("containers.json"),
            Interest::Name("volatile-containers.json"),
            Interest::Name("meta.db"),
            Interest::Name("index.json"),
            Interest::Name("manifest.json"),
            Interest::Name("repositories"),
        ]
    }

    fn asks_others(&self, _name: &[u8]) -> bool {
        true
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let mut found = Vec::new();
        let outcome = read(seen, &mut found);
        for image in found.into_iter().collect::<BTreeSet<_>>() {
            out.add(image.artifact(seen));
        }
        let of_containers = ["config.v2.json", "containers.json", "volatile-containers.json", "meta.db"]
            .iter()
            .any(|name| seen.name() == name.as_bytes());
        match outcome {
            Err(Fault { reason, detail, gone: false }) if of_containers => {
                out.gap(seen.locator(), reason, HIDES_CONTAINERS, detail);
                Ok(Examined::Whole)
            }
            outcome => outcome,
        }
    }
}

fn read(seen: &Seen<'_>, found: &mut Vec<Image>) -> Outcome {
    let (name, folder) = (seen.name(), seen.folder());
    let is_record = match name {
        b"repositories.json" => docker::is_store(folder),
        b"config.v2.json" => true,
        b"images.json" => storage::is_store(folder, b"-images/"),
        b"containers.json" | b"volatile-containers.json" => storage::is_store(folder, b"-containers/"),
        b"meta.db" => folder.ends_with(b"/io.containerd.metadata.v1.bolt/"),
        b"index.json" => layout::is_beside(seen) || layout::is_index(seen.head),
        b"manifest.json" => docker::is_saved(seen.head),
        b"repositories" => seen.head.trim_ascii_start().starts_with(b"{"),
        _ => false,
    };
    if !is_record {
        return Ok(Examined::NotMine);
    }
    let bytes = seen.whole(if name == b"meta.db" { DATABASE_LIMIT } else { LIMIT })?;
    if bytes.trim_ascii().is_empty() {
        return Ok(Examined::Whole);
    }
    match name {
        b"repositories.json" => docker::repositories(&bytes, found),
        b"config.v2.json" => docker::container(&bytes, &|driver, id| docker::names_of(seen, driver, id), found),
        b"images.json" => storage::images(&bytes, found),
        b"containers.json" | b"volatile-containers.json" => {
            storage::containers(&bytes, &|| storage::stored_beside(seen), found)
        }
        b"meta.db" => containerd::records(&bytes, found),
        b"index.json" => layout::index(&bytes, layout::is_beside(seen), found),
        b"manifest.json" => docker::saved(&bytes, found),
        _ => docker::saved_tags(&bytes, found),
    }
}

/// The folder that `folder` lies in, with the `/` behind it.
fn above(folder: &[u8]) -> Option<&[u8]> {
    let folder = folder.strip_suffix(b"/")?;
    let at = folder.iter().rposition(|byte| *byte == b'/')?;
    folder.get(..=at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_above_is_found() {
        assert_eq!(above(b"/var/lib/docker/containers/ab/"), Some(b"/var/lib/docker/containers/".as_slice()));
        assert_eq!(above(b"/a/"), Some(b"/".as_slice()));
        assert_eq!(above(b"/"), None);
    }
}
