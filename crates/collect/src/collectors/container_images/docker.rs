//! Docker: the names of images in its own store (`image/DRIVER/repositories.json`), its containers
//! (`containers/ID/config.v2.json`), and what `docker save` puts beside the layers (`manifest.json`, and `repositories` of
//! older versions). Docker with the store of containerd keeps names there.
//! <https://github.com/moby/docker-image-spec>

use super::reference::{self, Reference};
use super::{Image, LIMIT, Role, above};
use crate::collector::{Examined, Outcome, Seen};
use crate::json;
use crate::reading::last_part;
use memchr::memmem;
use ostrakon_place::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// Names, each with the references to its versions, each with the id of an image.
type Names = BTreeMap<String, BTreeMap<String, String>>;

/// How much of an id Docker shows.
const SHORT_ID: usize = 12;

#[derive(Deserialize)]
struct Store {
    #[serde(rename = "Repositories")]
    repositories: Option<Names>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    name: Option<String>,
    image: Option<String>,
    driver: Option<String>,
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "Image")]
    image: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: Option<String>,
    repo_tags: Option<Vec<String>>,
}

/// What is called `repositories` may be anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tags {
    Of(Names),
    Other(IgnoredAny),
}

/// Is this folder one that holds a `repositories.json` of Docker's?
pub(super) fn is_store(folder: &[u8]) -> bool {
    above(folder).is_some_and(|above| above.ends_with(b"/image/"))
}

/// The names in Docker's store.
pub(super) fn repositories(bytes: &[u8], found: &mut Vec<Image>) -> Outcome {
    let store: Store = json::parse(bytes)?;
    let Some(names) = store.repositories else { return Ok(Examined::NotMine) };
    let mut problem = None;
    let mut images: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (reference, id) in names.into_values().flatten() {
        match reference::digest(&id) {
            Some(id) => images.entry(id).or_default().push(reference),
            None => {
                problem = problem.or_else(|| Some(format!("{reference} has no id")));
                found.push(Image { references: vec![reference], ..Image::default() });
            }
        }
    }
    found.extend(images.into_iter().map(|(id, references)| Image { id, references, ..Image::default() }));
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// One container. Where it was made from an image that was called by its id, `names` says, for the driver and the id, what
/// the store calls it now.
pub(super) fn container(bytes: &[u8], names: &dyn Fn(&str, &str) -> Vec<String>, found: &mut Vec<Image>) -> Outcome {
    let record: Container = json::parse(bytes)?;
    let Container { name, image, driver, config } = record;
    let asked = config.and_then(|config| config.image).unwrap_or_default();
    let id = image.as_deref().and_then(reference::digest).unwrap_or_default();
    if asked.is_empty() && id.is_empty() {
        return Err(Fault::corrupt("the container names no image"));
    }
    // Any beginning of an id will do where people type it.
    let is_id = id.strip_prefix("sha256:").is_some_and(|hex| hex.starts_with(asked.as_str()));
    let mut references = Vec::new();
    if is_id || !Reference::of(&asked).has_name() {
        references = names(&driver.unwrap_or_default(), &id);
    }
    if references.is_empty() && !(is_id && asked.len() >= SHORT_ID) {
        references.push(asked);
    }
    let names = name.map(|name| name.trim_start_matches('/').to_owned()).into_iter().collect();
    found.push(Image { role: Role::Container, references, id, names, ..Image::default() });
    Ok(Examined::Whole)
}

/// What the store that the container `seen` belongs to calls the image `id`. A store that cannot be read is a gap where it
/// lies.
pub(super) fn names_of(seen: &Seen<'_>, driver: &str, id: &str) -> Vec<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if driver.is_empty() || !driver.bytes().all(is_plain) {
        return Vec::new();
    }
    let Some(root) = above(seen.folder()).and_then(above) else { return Vec::new() };
    let path = [root, b"image/", driver.as_bytes(), b"/repositories.json"].concat();
    let read = || -> Result<Store, Fault> { json::parse(&seen.context.tree.find(&path)?.read_all(LIMIT)?) };
    let names = read().ok().and_then(|store| store.repositories).unwrap_or_default();
    names.into_values().flatten().filter(|(_, of)| of == id).map(|(reference, _)| reference).collect()
}

/// Does a `manifest.json` that begins so list saved images? Most files of this name are something else.
pub(super) fn is_saved(head: &[u8]) -> bool {
    let has = |word: &[u8]| memmem::find(head, word).is_some();
    head.trim_ascii_start().starts_with(b"[") && (has(b"\"RepoTags\"") || (has(b"\"Config\"") && has(b"\"Layers\"")))
}

/// The `manifest.json` of saved images.
pub(super) fn saved(bytes: &[u8], found: &mut Vec<Image>) -> Outcome {
    let list: Vec<Saved> = json::parse(bytes)?;
    let mut problem = None;
    for (at, Saved { config, repo_tags }) in list.into_iter().enumerate() {
        // The configuration is a file that is called after its digest, and its digest is the id.
        let file = config.as_deref().map(|path| String::from_utf8_lossy(last_part(path.as_bytes())).into_owned());
        let id = file.as_deref().and_then(|name| reference::digest(name.strip_suffix(".json").unwrap_or(name)));
        if config.is_none() {
            problem = problem.or_else(|| Some(format!("image {} has no configuration", at.saturating_add(1))));
        }
        let references = repo_tags.unwrap_or_default();
        found.push(Image { references, id: id.unwrap_or_default(), ..Image::default() });
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// The `repositories` of saved images: names, tags, and the id of a layer for each.
pub(super) fn saved_tags(bytes: &[u8], found: &mut Vec<Image>) -> Outcome {
    let tags: Tags = json::parse(bytes)?;
    let Tags::Of(names) = tags else { return Ok(Examined::NotMine) };
    let is_layer = |id: &String| reference::digest(id).is_some();
    if !names.values().flat_map(BTreeMap::values).any(is_layer) {
        return Ok(Examined::NotMine);
    }
    for (name, tags) in names {
        let references = tags.into_keys().map(|tag| format!("{name}:{tag}")).collect();
        found.push(Image { references, ..Image::default() });
    }
    Ok(Examined::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> String {
        format!("sha256:{}", "0a".repeat(32))
    }

    fn references(found: &[Image]) -> Vec<&str> {
        found.iter().flat_map(|image| &image.references).map(String::as_str).collect()
    }

    #[test]
    fn names_of_one_image_come_together() {
        let id = id();
        let text = format!(
            r#"{{"Repositories":{{"a":{{"a:1":"{id}","a@{id}":"{id}"}},"b/c":{{"b/c:2":"{id}","b/c:3":"none"}}}}}}"#
        );
        let mut found = Vec::new();
        assert!(repositories(text.as_bytes(), &mut found).is_err());
        assert_eq!(references(&found), ["b/c:3", "a:1", &format!("a@{id}"), "b/c:2"]);
        assert_eq!(found.len(), 2);
        assert_eq!(repositories(b"{\"repositories\":[]}", &mut found), Ok(Examined::NotMine));
        assert!(is_store(b"/var/lib/docker/image/overlay2/") && !is_store(b"/srv/overlay2/"));
    }

    #[test]
    fn a_container_has_the_name_it_was_made_from() {
        let id = id();
        let names = |driver: &str, of: &str| {
            assert_eq!((driver, of), ("vfs", id.as_str()));
            vec!["malice/kaspersky:1".to_owned()]
        };
        for asked in ["nginx:1", id.as_str(), "0a0a0a0a0a0a", "0a"] {
            let wanted = if asked == "nginx:1" { asked } else { "malice/kaspersky:1" };
            let text =
                format!(r#"{{"Name":"/web","Driver":"vfs","Image":"{id}","Config":{{"Image":"{asked}","Env":null}}}}"#);
            let mut found = Vec::new();
            assert_eq!(container(text.as_bytes(), &names, &mut found), Ok(Examined::Whole));
            assert_eq!(references(&found), [wanted]);
            assert_eq!(found.first().map(|image| image.names.clone()), Some(vec!["web".to_owned()]));
        }
        assert!(container(b"{\"Name\":\"/web\"}", &names, &mut Vec::new()).is_err());
    }

    #[test]
    fn saved_images_are_read_in_both_forms() {
        let hex = "0a".repeat(32);
        let text =
            format!(r#"[{{"Config":"blobs/sha256/{hex}","RepoTags":["a/b:1"],"Layers":["x"]}},{{"RepoTags":null}}]"#);
        assert!(is_saved(text.as_bytes()));
        let mut found = Vec::new();
        assert!(saved(text.as_bytes(), &mut found).is_err());
        assert_eq!(found.first().map(|image| image.id.as_str()), Some(id().as_str()));
        let old = format!(r#"{{"a/b":{{"1":"{hex}"}}}}"#);
        assert_eq!(saved_tags(old.as_bytes(), &mut found), Ok(Examined::Whole));
        assert_eq!(references(&found), ["a/b:1", "a/b:1"]);
        for other in ["{\"a\":{\"1\":\"x\"}}", "{\"a\":1}", "{}"] {
            assert_eq!(saved_tags(other.as_bytes(), &mut Vec::new()), Ok(Examined::NotMine), "{other}");
        }
        for other in ["{\"name\":\"x\"}", "[1]", "[{\"Config\":1}]"] {
            assert!(!is_saved(other.as_bytes()), "{other}");
        }
    }
}
