//! Container images as they are saved: an OCI layout, or an archive of `docker save` (image-spec, image-layout.md and
//! layer.md; Docker's `manifest.json`). Layers lie over each other: what a later one hides or deletes is in its layer and
//! not in the image.

use ostrakon_model::{GapReason, Locator};
use ostrakon_place::container::{self, Bytes, Format, Limits, Memory, Purse, sniff};
use ostrakon_place::{Entry, EntryKind, Fault, File, Folder, Tree};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

/// Manifests, configurations and lists of images stay far below this.
const LARGEST_JSON: u64 = 8 << 20;
/// What all of them together may take, and what is kept of package databases.
const MOST_KEPT: usize = 64 << 20;
/// More images in one place than any real one has.
const MOST_IMAGES: usize = 1000;

/// An image, or several saved together.
#[derive(Debug, Default)]
pub struct Image {
    /// What it is called, and its manifest's or configuration's digest.
    pub name: String,
    /// `sha256:...` of the manifest, or of what stands for it.
    pub digest: String,
    /// Number by locator of every layer.
    layers: FxHashMap<String, usize>,
    /// Of each image, the layer in which a path is seen.
    visible: Vec<FxHashMap<u64, usize>>,
    kinds: FxHashMap<u64, EntryKind>,
    /// Files that tell who owns what.
    kept: BTreeMap<Vec<u8>, Vec<u8>>,
    kept_bytes: usize,
}

impl Image {
    /// The image that the folder at the root of `tree` is, if it is one.
    pub fn of_folder(tree: &dyn Tree, limits: Limits) -> Option<Result<Self, Fault>> {
        tree.find(b"/oci-layout").ok()?;
        let read = |name: &str| {
            let file = tree.find(name.as_bytes()).ok()?;
            file.read_all(LARGEST_JSON).ok()
        };
        let list = images("", &read);
        let list = list.ok().filter(|list| !list.is_empty())?;
        Some(Self::of(list, &mut |path, each| {
            let file = tree.find(path.as_bytes())?;
            let size = file.size()?;
            members(path.as_bytes(), file.as_ref(), &purse(limits, size), each)
        }))
    }

    /// The image that `file` is, whose locator is `locator`, if it is one.
    pub fn of_file(locator: &str, file: &dyn File, limits: Limits) -> Option<Result<Self, Fault>> {
        let mut head = [0; 512];
        let read = file.read_at(0, &mut head).ok()?;
        // Images are saved as tar archives, some of them compressed.
        if !matches!(sniff(b"", &head[..read]), Some(Ok(Format::Tar | Format::Compressed(_)))) {
            return None;
        }
        let size = file.size().ok()?;
        let mut texts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut kept = 0;
        let is_image = |path: &[u8]| {
            [&b"/manifest.json"[..], b"/index.json", b"/oci-layout"].contains(&path) || path.starts_with(b"/blobs/")
        };
        let mut others = 0;
        let _ = members(b"", file, &purse(limits, size), &mut |member, content| {
            // Any other archive shows itself by its first members.
            others += usize::from(!is_image(member.path) && !member.path.ends_with(b"/layer.tar"));
            if others > 1_000 || kept > MOST_KEPT {
                return ControlFlow::Break(());
            }
            let mut first = [0];
            let small = content.size().is_ok_and(|size| size <= LARGEST_JSON) && member.kind == EntryKind::File;
            let starts = small && content.read_at(0, &mut first).is_ok_and(|read| read == 1);
            if starts
                && matches!(first, [b'{' | b'['])
                && let (Ok(bytes), Ok(path)) = (content.read_all(LARGEST_JSON), std::str::from_utf8(member.path))
            {
                kept += bytes.len();
                texts.insert(path.to_owned(), bytes);
            }
            ControlFlow::Continue(())
        });
        let list = images(&format!("{locator}!"), &|name| texts.get(name).cloned());
        let list = list.ok().filter(|list| !list.is_empty())?;
        Some(Self::of(list, &mut |path, each| {
            let inside = path.strip_prefix(locator).and_then(|rest| rest.strip_prefix('!')).unwrap_or_default();
            let purse = purse(limits, size);
            let mut result = Ok(());
            members(b"", file, &purse, &mut |member, content| {
                if member.path != inside.as_bytes() {
                    return ControlFlow::Continue(());
                }
                result = members(member.path, content, &purse, each);
                ControlFlow::Break(())
            })?;
            result
        }))
    }

    /// Lays the layers of each image over each other, the last one first. `open` goes over the members of a layer.
    fn of(list: Vec<Saved>, open: &mut OpenLayer<'_>) -> Result<Self, Fault> {
        let first = list.first();
        let mut image = Self {
            name: first.map(|saved| saved.name.clone()).unwrap_or_default(),
            digest: first.map(|saved| saved.digest.clone()).unwrap_or_default(),
            ..Self::default()
        };
        for saved in &list {
            for layer in &saved.layers {
                let number = image.layers.len();
                image.layers.entry(layer.clone()).or_insert(number);
            }
        }
        for saved in &list {
            let mut seen: FxHashMap<u64, usize> = FxHashMap::default();
            let mut above = Above::default();
            for layer in saved.layers.iter().rev() {
                let number = image.layers.get(layer).copied().unwrap_or_default();
                let mut here = Above::default();
                let read = open(layer, &mut |member, content| {
                    image.lay(member, content, number, &above, &mut here, &mut seen);
                    ControlFlow::Continue(())
                });
                // What cannot be read is a gap when its turn comes; it hides nothing then.
                let _ = read;
                above.add(here);
            }
            image.visible.push(seen);
        }
        Ok(image)
    }

    fn lay(
        &mut self,
        member: &container::Member<'_>,
        content: &dyn File,
        layer: usize,
        above: &Above,
        here: &mut Above,
        seen: &mut FxHashMap<u64, usize>,
    ) {
        let name = crate::reading::last_part(member.path);
        let folder = &member.path[..member.path.len() - name.len()];
        if name == b".wh..wh..opq" {
            here.opaque.insert(hash(folder.strip_suffix(b"/").unwrap_or(folder)));
            return;
        }
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            here.gone.insert(hash(&[folder, hidden].concat()));
            return;
        }
        if above.hides(member.path) {
            return;
        }
        let key = hash(member.path);
        if member.kind != EntryKind::Folder {
            here.files.insert(key);
        }
        if let std::collections::hash_map::Entry::Vacant(entry) = seen.entry(key) {
            entry.insert(layer);
            self.kinds.insert(key, member.kind);
            if member.kind == EntryKind::File
                && is_told_by(member.path)
                && self.kept_bytes < MOST_KEPT
                && let Ok(bytes) = content.read_all((MOST_KEPT - self.kept_bytes) as u64)
            {
                self.kept_bytes += bytes.len();
                self.kept.insert(member.path.to_vec(), bytes);
            }
        }
    }

    /// The number of the layer at `locator`, if it is one.
    pub(crate) fn layer(&self, locator: &str) -> Option<usize> {
        self.layers.get(locator).copied()
    }

    /// Is what lies at `path` of `layer` seen in an image?
    pub(crate) fn shows(&self, layer: usize, path: &[u8]) -> bool {
        let key = hash(path);
        self.visible.iter().any(|seen| seen.get(&key) == Some(&layer))
    }

    /// The locators of the layers, as roots of the image.
    pub fn roots(&self) -> Vec<Locator> {
        let mut roots: Vec<_> = self.layers.keys().map(|layer| Locator(format!("{layer}!"))).collect();
        roots.sort();
        roots
    }

    /// One of the files that were kept, as text.
    pub fn text(&self, path: &str) -> Option<String> {
        self.kept.get(path.as_bytes()).map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned())
    }
}

/// Goes over the members of the layer at a locator.
type OpenLayer<'a> = dyn FnMut(&str, &mut container::Each<'_>) -> Result<(), Fault> + 'a;

/// What the layers above do to those below.
#[derive(Debug, Default)]
struct Above {
    gone: FxHashSet<u64>,
    opaque: FxHashSet<u64>,
    /// Anything but a folder: a folder of that name below is not seen.
    files: FxHashSet<u64>,
}

impl Above {
    fn add(&mut self, more: Self) {
        self.gone.extend(more.gone);
        self.opaque.extend(more.opaque);
        self.files.extend(more.files);
    }

    fn hides(&self, path: &[u8]) -> bool {
        if self.gone.contains(&hash(path)) || self.opaque.contains(&hash(b"")) {
            return true;
        }
        let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.map(|at| hash(&path[..at]))
            .any(|folder| self.gone.contains(&folder) || self.opaque.contains(&folder) || self.files.contains(&folder))
    }
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// Lists of files of packages, and what a system calls itself.
fn is_told_by(path: &[u8]) -> bool {
    let tail = path.strip_prefix(b"/").unwrap_or(path);
    (tail.starts_with(b"var/lib/dpkg/info/") && tail.ends_with(b".list"))
        || tail.ends_with(b"lib/apk/db/installed")
        || tail.starts_with(b"var/lib/rpm/")
        || tail.starts_with(b"usr/lib/sysimage/rpm/")
        || tail.starts_with(b"usr/share/rpm/")
        || [&b"etc/os-release"[..], b"usr/lib/os-release", b"etc/hostname"].contains(&tail)
}

fn purse(limits: Limits, size: u64) -> Purse {
    Purse::of(limits, Memory::of(1), size)
}

fn members(name: &[u8], file: &dyn File, purse: &Purse, each: &mut container::Each<'_>) -> Result<(), Fault> {
    let mut head = [0; 4096];
    let read = file.read_at(0, &mut head)?;
    match sniff(name, &head[..read]) {
        Some(Ok(format)) => container::open(format, name, file, purse, each),
        _ => Err(Fault::new(GapReason::UnsupportedFormat, "no archive")),
    }
}

/// One image as its manifest has it.
#[derive(Debug)]
struct Saved {
    name: String,
    digest: String,
    /// Locators, the lowest first.
    layers: Vec<String>,
}

/// The images of a place whose files `read` gives; `prefix` is what their locators begin with.
fn images(prefix: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<Saved>, serde_json::Error> {
    let mut list = Vec::new();
    if let Some(bytes) = read("/index.json") {
        let index: Value = serde_json::from_slice(&bytes)?;
        of_index(prefix, &index, "", read, 0, &mut list);
    }
    if let (true, Some(bytes)) = (list.is_empty(), read("/manifest.json")) {
        let manifests: Value = serde_json::from_slice(&bytes)?;
        for one in manifests.as_array().into_iter().flatten().take(MOST_IMAGES) {
            let layers = one["Layers"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let layers: Vec<_> = layers.map(|layer| format!("{prefix}/{}", layer.trim_start_matches("./"))).collect();
            let config = one["Config"].as_str().unwrap_or_default();
            let hex = config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
            if !layers.is_empty() {
                let name = one["RepoTags"][0].as_str().unwrap_or_default().to_owned();
                list.push(Saved { name, digest: format!("sha256:{hex}"), layers });
            }
        }
    }
    Ok(list)
}

/// An index lists manifests, and may list other indexes.
fn of_index(
    prefix: &str,
    index: &Value,
    outer: &str,
    read: &dyn Fn(&str) -> Option<Vec<u8>>,
    depth: u32,
    list: &mut Vec<Saved>,
) {
    for entry in index["manifests"].as_array().into_iter().flatten() {
        if depth > 4 || list.len() >= MOST_IMAGES {
            return;
        }
        let annotation = |key: &str| entry["annotations"][key].as_str();
        let name = annotation("io.containerd.image.name").or(annotation("org.opencontainers.image.ref.name"));
        let name = name.unwrap_or(outer);
        let digest = entry["digest"].as_str().unwrap_or_default();
        let Some(manifest) = blob(digest).and_then(|path| read(&path)) else { continue };
        let Ok(manifest) = serde_json::from_slice::<Value>(&manifest) else { continue };
        if manifest["manifests"].is_array() {
            of_index(prefix, &manifest, name, read, depth + 1, list);
            continue;
        }
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let layers: Vec<String> =
            layers.filter_map(|layer| blob(layer["digest"].as_str()?)).map(|path| format!("{prefix}{path}")).collect();
        if !layers.is_empty() {
            list.push(Saved { name: name.to_owned(), digest: digest.to_owned(), layers });
        }
    }
}

/// Where a layout keeps what has this digest.
fn blob(digest: &str) -> Option<String> {
    let (kind, hex) = digest.split_once(':')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(kind) && plain(hex)).then(|| format!("/blobs/{kind}/{hex}"))
}

/// What of the image is known without going through it again.
impl Tree for Image {
    fn folder(&self, path: &[u8]) -> Result<Box<dyn Folder>, Fault> {
        let prefix = [path, b"/"].concat();
        let inside = self.kept.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        let list: Vec<_> = inside.map(|(path, bytes)| (path[prefix.len()..].to_vec(), bytes.clone())).collect();
        if list.is_empty() { Err(unknown()) } else { Ok(Box::new(Kept(list))) }
    }

    fn find(&self, path: &[u8]) -> Result<Box<dyn File>, Fault> {
        self.kept.get(path).map(|bytes| Box::new(InMemory(bytes.clone())) as Box<dyn File>).ok_or_else(unknown)
    }

    fn kind(&self, path: &[u8]) -> Result<Option<EntryKind>, Fault> {
        // What a link leads to is not followed here: it may well be there.
        let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        if ends.map(|at| hash(&path[..at])).any(|folder| self.kinds.get(&folder) == Some(&EntryKind::Link)) {
            return Err(unknown());
        }
        match self.kinds.get(&hash(path)) {
            Some(EntryKind::Link) => Err(unknown()),
            other => Ok(other.copied()),
        }
    }
}

fn unknown() -> Fault {
    let mut fault = Fault::new(GapReason::NotCollected, "it was not kept");
    fault.gone = true;
    fault
}

struct Kept(Vec<(Vec<u8>, Vec<u8>)>);

impl Folder for Kept {
    fn entries(&self, each: &mut dyn FnMut(Entry<'_>)) -> Result<(), Fault> {
        self.0.iter().for_each(|(name, _)| each(Entry { name, kind: EntryKind::File }));
        Ok(())
    }

    fn open(&self, name: &[u8]) -> Result<Box<dyn File>, Fault> {
        let file = self.0.iter().find(|(known, _)| known == name).ok_or_else(unknown)?;
        Ok(Box::new(InMemory(file.1.clone())))
    }

    fn link(&self, _name: &[u8]) -> Result<Vec<u8>, Fault> {
        Err(unknown())
    }
}

struct InMemory(Vec<u8>);

impl File for InMemory {
    fn size(&self) -> Result<u64, Fault> {
        Bytes(&self.0).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        Bytes(&self.0).read_at(offset, buffer)
    }
}
