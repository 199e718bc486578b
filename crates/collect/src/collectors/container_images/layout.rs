//! OCI image layouts: the `index.json` beside a file `oci-layout`, in a folder or in an archive. What an image is called
//! stands in annotations, whole or as a tag alone.
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use super::reference;
use super::{Image, Role};
use crate::collector::{Examined, Outcome, Seen};
use crate::json;
use memchr::memmem;
use ostrakon_place::{EntryKind, Fault};
use serde::Deserialize;
use std::collections::BTreeMap;

type Annotations = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Index {
    manifests: Option<Vec<Descriptor>>,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: Option<String>,
    annotations: Option<Annotations>,
}

/// Is the file that makes a folder a layout beside this one? In an archive nothing can be asked, and the content tells.
pub(super) fn is_beside(seen: &Seen<'_>) -> bool {
    let mark = [seen.folder(), b"oci-layout"].concat();
    matches!(seen.context.tree.kind(&mark), Ok(Some(EntryKind::File)))
}

/// Does an `index.json` that begins so list manifests? Most files of this name are something else.
pub(super) fn is_index(head: &[u8]) -> bool {
    let has = |word: &[u8]| memmem::find(head, word).is_some();
    has(b"\"manifests\"") && (has(b"\"application/vnd.") || has(b"\"sha256:"))
}

/// The images of a layout; `sure` says that it is one.
pub(super) fn index(bytes: &[u8], sure: bool, found: &mut Vec<Image>) -> Outcome {
    let index: Index = json::parse(bytes)?;
    let Some(manifests) = index.manifests else {
        return if sure { Err(Fault::corrupt("the index lists no manifests")) } else { Ok(Examined::NotMine) };
    };
    let mut problem = None;
    found.extend(index.annotations.as_ref().and_then(base));
    for (at, Descriptor { digest, annotations }) in manifests.into_iter().enumerate() {
        let annotations = annotations.unwrap_or_default();
        // What was signed or said about an image is stored like one.
        if annotations.contains_key("vnd.docker.reference.type") {
            continue;
        }
        let manifest = digest.as_deref().and_then(reference::digest);
        if manifest.is_none() {
            problem = problem.or_else(|| Some(format!("manifest {} has no digest", at.saturating_add(1))));
        }
        let mut image = Image { manifest: manifest.unwrap_or_default(), ..Image::default() };
        image.references.extend(annotations.get("io.containerd.image.name").cloned());
        match annotations.get("org.opencontainers.image.ref.name") {
            Some(name) if name.contains(['/', ':', '@']) => image.references.push(name.clone()),
            Some(tag) => image.tag = tag.clone(),
            None => {}
        }
        found.push(image);
        found.extend(base(&annotations));
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// The image that another was built on.
fn base(annotations: &Annotations) -> Option<Image> {
    let name = annotations.get("org.opencontainers.image.base.name")?;
    let digest = annotations.get("org.opencontainers.image.base.digest");
    let manifest = digest.and_then(|digest| reference::digest(digest)).unwrap_or_default();
    Some(Image { role: Role::Base, references: vec![name.clone()], manifest, ..Image::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(annotations: &str) -> Vec<Image> {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"digest":"{digest}","size":1,"annotations":{{{annotations}}}}}]}}"#
        );
        assert!(is_index(text.as_bytes()));
        let mut found = Vec::new();
        assert_eq!(index(text.as_bytes(), false, &mut found), Ok(Examined::Whole));
        found
    }

    #[test]
    fn names_and_tags_are_told_apart() {
        let names = |annotations: &str| {
            let first = one(annotations).first().cloned().unwrap_or_default();
            (first.references.join(" "), first.tag)
        };
        let pair = |name: &str, tag: &str| (name.to_owned(), tag.to_owned());
        assert_eq!(names(r#""org.opencontainers.image.ref.name":"12.1""#), pair("", "12.1"));
        assert_eq!(names(r#""org.opencontainers.image.ref.name":"a/b:1""#), pair("a/b:1", ""));
        let both = r#""io.containerd.image.name":"docker.io/a/b:1","org.opencontainers.image.ref.name":"1""#;
        assert_eq!(names(both), pair("docker.io/a/b:1", "1"));
        assert_eq!(names(""), pair("", ""));
    }

    #[test]
    fn the_base_of_an_image_is_inside_it() {
        let found = one(r#""org.opencontainers.image.base.name":"docker.io/a/base:1""#);
        assert_eq!(found.iter().map(|image| image.role).collect::<Vec<_>>(), [Role::Stored, Role::Base]);
    }

    #[test]
    fn damage_is_told_from_other_files() {
        assert_eq!(index(b"{\"routes\":[]}", false, &mut Vec::new()), Ok(Examined::NotMine));
        assert!(index(b"{\"routes\":[]}", true, &mut Vec::new()).is_err());
        assert!(index(b"{\"manifests\":[{\"size\":1}]}", true, &mut Vec::new()).is_err());
        assert!(!is_index(b"{\"schemaVersion\":1,\"manifests\":[\"app\"]}"));
    }
}
