//! containerd: images and containers in its database, by namespaces. Docker, Kubernetes and others each have one of these.
//! An image is `v1/NAMESPACE/images/REFERENCE` with `target/digest`, a container `v1/NAMESPACE/containers/ID` with `image`.
//! <https://github.com/containerd/containerd/blob/main/core/metadata/buckets.go>

use super::bolt::{Bucket, Database, Value};
use super::reference::{self, Reference};
use super::{Image, Role};
use crate::collector::{Examined, Outcome};
use ostrakon_place::Fault;
use std::collections::BTreeMap;

/// The images and containers in the database `bytes`.
pub(super) fn records(bytes: &[u8], found: &mut Vec<Image>) -> Outcome {
    let mut database = Database::open(bytes)?;
    let root = database.root();
    let mut problem = None;
    for (version, records) in buckets(&mut database, root) {
        if version != b"v1" {
            problem = Some(format!("records of version {} are not known", String::from_utf8_lossy(version)));
            continue;
        }
        for (_, namespace) in buckets(&mut database, records) {
            let parts = buckets(&mut database, namespace);
            let part = |name: &[u8]| parts.iter().find(|(part, _)| *part == name).map(|(_, bucket)| *bucket);
            let known = part(b"images").map(|images| digests(&mut database, images)).unwrap_or_default();
            if let Some(reference) = known.iter().find_map(|(reference, digest)| digest.is_empty().then_some(reference))
            {
                problem = problem.or_else(|| Some(format!("{reference} has no digest")));
            }
            let names = names(&known);
            if let Some(list) = part(b"containers") {
                containers(&mut database, list, &known, &names, found);
            }
            found.extend(names.into_iter().map(|(manifest, references)| {
                let references = references.into_iter().map(str::to_owned).collect();
                Image { references, manifest: manifest.to_owned(), ..Image::default() }
            }));
        }
    }
    match (database.problem(), problem) {
        (Some(fault), _) => Err(fault),
        (None, Some(problem)) => Err(Fault::corrupt(problem)),
        (None, None) => Ok(Examined::Whole),
    }
}

/// The buckets in a bucket.
fn buckets<'a>(database: &mut Database<'a>, bucket: Bucket<'a>) -> Vec<(&'a [u8], Bucket<'a>)> {
    let entries = database.entries(bucket).into_iter();
    entries
        .filter_map(|(name, value)| match value {
            Value::Bucket(bucket) => Some((name, bucket)),
            Value::Bytes(_) => None,
        })
        .collect()
}

/// The text of the value `name` in a bucket; empty where there is none.
fn text<'a>(database: &mut Database<'a>, bucket: Bucket<'a>, name: &[u8]) -> String {
    let mut entries = database.entries(bucket).into_iter();
    let text = entries.find_map(|(key, value)| match value {
        Value::Bytes(bytes) if key == name => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    });
    text.unwrap_or_default()
}

/// The digest of each image, by the image's name.
fn digests<'a>(database: &mut Database<'a>, images: Bucket<'a>) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for (name, image) in buckets(database, images) {
        let target = buckets(database, image).into_iter().find(|(name, _)| *name == b"target");
        let digest = target.map(|(_, target)| text(database, target, b"digest")).unwrap_or_default();
        let digest = reference::digest(&digest).unwrap_or_default();
        known.insert(String::from_utf8_lossy(name).into_owned(), digest);
    }
    known
}

/// The names of each image, by the image's digest: what Kubernetes pulls has three.
fn names(known: &BTreeMap<String, String>) -> BTreeMap<&str, Vec<&str>> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (reference, digest) in known {
        names.entry(digest).or_default().push(reference);
    }
    names
}

fn containers<'a>(
    database: &mut Database<'a>,
    list: Bucket<'a>,
    known: &BTreeMap<String, String>,
    names: &BTreeMap<&str, Vec<&str>>,
    found: &mut Vec<Image>,
) {
    for (id, container) in buckets(database, list) {
        let asked = text(database, container, b"image");
        if asked.is_empty() {
            // It was made from a folder.
            continue;
        }
        let manifest = known.get(&asked).cloned().unwrap_or_default();
        let mut references = Vec::new();
        if !manifest.is_empty()
            && !Reference::of(&asked).has_name()
            && let Some(others) = names.get(manifest.as_str())
        {
            references.extend(others.iter().map(|name| (*name).to_owned()));
        }
        references.push(asked);
        let names = vec![String::from_utf8_lossy(id).into_owned()];
        found.push(Image { role: Role::Container, references, manifest, names, ..Image::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &[u8] = include_bytes!(
        "../../../fixtures/container-images/real/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"
    );

    #[test]
    fn images_and_containers_are_listed() {
        let mut found = Vec::new();
        assert_eq!(records(REAL, &mut found), Ok(Examined::Whole));
        found.sort();
        let lines: Vec<_> =
            found.iter().map(|image| format!("{} {}", image.references.join(" "), image.names.join(" "))).collect();
        assert_eq!(
            lines,
            [
                "docker.io/kasperskylab/kesl:12.1 registry.example:5000/tools/kesl-container:1 ",
                "docker.io/kasperskylab/kesl:12.1 web",
            ]
        );
        assert!(found.iter().all(|image| image.manifest.starts_with("sha256:")));
    }

    #[test]
    fn damage_is_a_fault() {
        let cut = REAL.get(..REAL.len() / 2).unwrap_or_default();
        assert!(records(cut, &mut Vec::new()).is_err());
        assert!(records(b"no database", &mut Vec::new()).is_err());
    }
}
