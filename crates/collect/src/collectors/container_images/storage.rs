//! The store that Podman, Buildah, Skopeo and CRI-O share: images in `DRIVER-images/images.json`, containers in
//! `DRIVER-containers/containers.json`, those that need not outlive a crash in `volatile-containers.json`.
//! <https://github.com/containers/storage>

use super::reference::{self, Reference};
use super::{Image, LIMIT, Role, above};
use crate::collector::{Examined, Outcome, Seen};
use crate::json;
use crate::reading::last_part;
use ostrakon_place::Fault;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The drivers of the store: what the names of its folders begin with.
const DRIVERS: [&str; 7] = ["overlay", "overlay2", "vfs", "btrfs", "zfs", "aufs", "devicemapper"];

#[derive(Deserialize)]
struct Stored {
    id: Option<String>,
    digest: Option<String>,
    names: Option<Vec<String>>,
    /// What it was called once; it is the same image under any of its names.
    #[serde(rename = "names-history")]
    history: Option<Vec<String>>,
}

impl Stored {
    fn references(&self) -> Vec<String> {
        self.names.iter().chain(&self.history).flatten().cloned().collect()
    }
}

#[derive(Deserialize)]
struct Container {
    id: Option<String>,
    names: Option<Vec<String>>,
    /// The id of its image.
    image: Option<String>,
    /// What its engine wrote: JSON in a string.
    metadata: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "image-name")]
    image: Option<String>,
}

/// Is this a folder of the store, by the end of its name?
pub(super) fn is_store(folder: &[u8], ending: &[u8]) -> bool {
    let Some(folder) = folder.strip_suffix(ending) else { return false };
    DRIVERS.iter().any(|driver| last_part(folder) == driver.as_bytes())
}

/// The images of a store.
pub(super) fn images(bytes: &[u8], found: &mut Vec<Image>) -> Outcome {
    let list: Option<Vec<Stored>> = json::parse(bytes)?;
    let mut problem = None;
    for (at, stored) in list.into_iter().flatten().enumerate() {
        let references = stored.references();
        if stored.id.is_none() {
            problem = problem.or_else(|| Some(format!("image {} has no id", at.saturating_add(1))));
        }
        let id = stored.id.as_deref().and_then(reference::digest).unwrap_or_default();
        let manifest = stored.digest.as_deref().and_then(reference::digest).unwrap_or_default();
        found.push(Image { references, manifest, id, ..Image::default() });
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// The containers of a store. `stored` gives the names of its images by their ids; it is asked where a container has only
/// the id.
pub(super) fn containers(
    bytes: &[u8],
    stored: &dyn Fn() -> BTreeMap<String, Vec<String>>,
    found: &mut Vec<Image>,
) -> Outcome {
    let list: Option<Vec<Container>> = json::parse(bytes)?;
    let mut problem = None;
    let mut known = None;
    for (at, Container { id, names, image, metadata }) in list.into_iter().flatten().enumerate() {
        if id.is_none() {
            problem = problem.or_else(|| Some(format!("container {} has no id", at.saturating_add(1))));
        }
        // Other programs than Podman and CRI-O put there what they like.
        let metadata: Option<Metadata> = metadata.and_then(|text| json::parse(text.as_bytes()).ok());
        let asked = metadata.and_then(|metadata| metadata.image).unwrap_or_default();
        let image = image.unwrap_or_default();
        if asked.is_empty() && image.is_empty() {
            // It was made from nothing, or from a folder.
            continue;
        }
        let references = if Reference::of(&asked).has_name() {
            vec![asked]
        } else {
            known.get_or_insert_with(stored).get(&image).cloned().unwrap_or_default()
        };
        let id = reference::digest(&image).unwrap_or_default();
        let names = names.unwrap_or_default();
        found.push(Image { role: Role::Container, references, id, names, ..Image::default() });
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// The names of the images in the store that the containers in `seen` belong to, by their ids. A store that cannot be read
/// is a gap where it lies.
pub(super) fn stored_beside(seen: &Seen<'_>) -> BTreeMap<String, Vec<String>> {
    let Some(root) = above(seen.folder()) else { return BTreeMap::new() };
    let folder = seen.folder().strip_suffix(b"-containers/").map(last_part).unwrap_or_default();
    let path = [root, folder, b"-images/images.json"].concat();
    let read = || -> Result<Vec<Stored>, Fault> {
        let list: Option<Vec<Stored>> = json::parse(&seen.context.tree.find(&path)?.read_all(LIMIT)?)?;
        Ok(list.unwrap_or_default())
    };
    let list = read().unwrap_or_default();
    list.into_iter().filter_map(|stored| Some((stored.id.clone()?, stored.references()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_all_its_names() {
        let hex = "0a".repeat(32);
        let text = format!(
            r#"[{{"id":"{hex}","digest":"sha256:{hex}","names":["a/b:1"],"names-history":["c/d:2","a/b:1"]}},{{"names":null}}]"#
        );
        let mut found = Vec::new();
        assert!(images(text.as_bytes(), &mut found).is_err());
        let first = found.first().cloned().unwrap_or_default();
        assert_eq!(first.references, ["a/b:1", "c/d:2", "a/b:1"]);
        assert_eq!((first.id, first.manifest), (format!("sha256:{hex}"), format!("sha256:{hex}")));
        assert_eq!(images(b"null", &mut Vec::new()), Ok(Examined::Whole));
    }

    #[test]
    fn a_container_is_named_by_its_engine_or_by_the_store() {
        let text = r#"[{"id":"1","names":["web"],"image":"i","metadata":"{\"image-name\":\"a/b:1\",\"pod\":1}"},
            {"id":"2","image":"i","metadata":"free text"},{"id":"3"}]"#;
        let stored = || BTreeMap::from([("i".to_owned(), vec!["c/d:2".to_owned()])]);
        let mut found = Vec::new();
        assert_eq!(containers(text.as_bytes(), &stored, &mut found), Ok(Examined::Whole));
        let names: Vec<_> = found.iter().flat_map(|image| &image.references).collect();
        assert_eq!(names, ["a/b:1", "c/d:2"]);
    }

    #[test]
    fn folders_of_a_store_are_known() {
        assert!(is_store(b"/var/lib/containers/storage/overlay-images/", b"-images/"));
        assert!(!is_store(b"/srv/www/holiday-images/", b"-images/"));
    }
}
