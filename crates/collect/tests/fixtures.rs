//! Every collector on what a real tool wrote, on the same damaged, and on nothing: `fixtures/<collector>/<case>` are small
//! roots. Damage is a gap, never a crash and never silence; nothing is nothing, and no gap.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_collect::{COLLECTORS, Looked, Marks, Place, Sink, look};
use ostrakon_model::{Artifact, Excluded, Gap, Name};
use ostrakon_place::container::Limits;
use ostrakon_place::{Borders, FolderTree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

#[derive(Default)]
struct Kept {
    artifacts: Vec<Artifact>,
    gaps: Vec<Gap>,
}

impl Sink for Kept {
    fn folder(&mut self, _path: &str) {}
    fn entry(&mut self, _name: &Name<'_>) {}
    fn artifact(&mut self, artifact: Artifact) {
        self.artifacts.push(artifact);
    }
    fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }
    fn excluded(&mut self, _excluded: Excluded) {}
}

fn looked(root: &Path, marks: &[&str]) -> (Looked, Kept) {
    let marks = &Marks::of(marks.iter().map(|mark| mark.as_bytes().to_vec()).collect());
    let tree = FolderTree::open(root).unwrap();
    let borders = &Borders::default();
    let place = Place {
        tree: &tree,
        live: false,
        marks,
        earlier: None,
        stamped_before: None,
        image: None,
        limits: Limits::default(),
        worth: &|_| true,
    };
    let (looked, mut sinks) = look(&place, &tree, borders, vec![Kept::default()], &AtomicU64::new(0));
    let mut kept = sinks.remove(0);
    kept.artifacts.sort_by(|one, other| (&one.locator, &one.attributes).cmp(&(&other.locator, &other.attributes)));
    kept.gaps.sort_by(|one, other| one.locator.cmp(&other.locator));
    (looked, kept)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// What needs no fixture of its own: the pass itself, and what only a running machine has.
const WITHOUT: [&str; 3] = ["files", "process", "archives"];

#[test]
fn collectors_modules_and_fixtures_agree_one_to_one() {
    let registered: BTreeSet<String> = COLLECTORS.iter().map(|collector| collector.meta().id.to_owned()).collect();
    assert_eq!(registered.len(), COLLECTORS.len(), "two collectors have one id");
    let modules: BTreeSet<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collectors"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().replace('_', "-"))
        .filter(|name| name != "mod")
        .collect();
    assert_eq!(registered, modules, "registry and modules differ");
    let folders: BTreeSet<String> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let wanted: BTreeSet<String> = registered.iter().filter(|id| !WITHOUT.contains(&id.as_str())).cloned().collect();
    assert_eq!(wanted, folders, "registry and fixtures differ");
}

#[test]
fn the_page_of_collectors_is_the_registry() {
    let mut page = String::from(
        "# Collectors\n\nWhat each looks at and what it cannot see. This page is made from the registry by a test; change the \
         collector, not the page.\n",
    );
    for method in ostrakon_collect::methods(true) {
        let attributes: Vec<_> = method.attributes.iter().map(|attribute| format!("`{attribute}`")).collect();
        let attributes = if attributes.is_empty() { "none".to_owned() } else { attributes.join(", ") };
        page.push_str(&format!(
            "\n## {}\n\n{}\n\nCannot see: {}\n\nAttributes: {attributes}.\n",
            method.collector, method.what, method.cannot_see
        ));
    }
    is_current("collectors.md", &page);
}

#[test]
fn the_table_of_attributes_is_the_vocabulary() {
    let mut page = String::from(
        "# Attributes\n\nWhat an indicator may test and a collector may set. This page is made from the vocabulary by a test; \
         change the vocabulary, not the page. One without a collector is known and not looked for yet.\n\n\
         | attribute | what it is | set by |\n| --- | --- | --- |\n",
    );
    for attribute in ostrakon_model::Attribute::all() {
        let by: Vec<&str> = COLLECTORS
            .iter()
            .map(|collector| collector.meta())
            .filter(|meta| meta.attributes.contains(&attribute))
            .map(|meta| meta.id)
            .collect();
        page.push_str(&format!("| `{attribute}` | {} | {} |\n", attribute.info().meaning, by.join(", ")));
    }
    is_current("attributes.md", &page);
}

/// Is this what the page says? If not it is written anew, and the test fails until that is committed.
fn is_current(name: &str, page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::fs::read_to_string(&file).ok().as_deref() != Some(page) {
        let _ = std::fs::write(&file, page);
        panic!("docs/{name} was out of date and is written anew: look at it and commit it");
    }
}

#[test]
fn what_real_tools_wrote_is_read() {
    for collector in COLLECTORS.iter().map(|collector| collector.meta().id).filter(|id| !WITHOUT.contains(id)) {
        for case in cases(collector, "real") {
            let (_, kept) = looked(&case, &["Kaspersky Anti-Virus SDK"]);
            let name = format!("{collector}-{}", case.file_name().unwrap().to_string_lossy());
            let mine: Vec<_> = kept.artifacts.iter().filter(|artifact| artifact.collector == collector).collect();
            let gaps: Vec<_> = kept.gaps.iter().filter(|gap| gap.collector == collector).collect();
            assert!(!mine.is_empty(), "{name}: nothing was found");
            assert!(gaps.is_empty(), "{name}: {gaps:#?}");
            // Keys, times and the versions of the machine that made a fixture say nothing about the reader.
            insta::with_settings!({ filters => vec![
                (r#""elf.build_id": "[0-9a-f]+""#, r#""elf.build_id": "[hex]""#),
                (r#""(signature.sha256)": "[0-9a-f]+""#, r#""$1": "[hex]""#),
            ]}, {
                insta::assert_json_snapshot!(name, (mine, gaps));
            });
        }
    }
}

#[test]
fn damage_is_a_gap() {
    for collector in COLLECTORS.iter().map(|collector| collector.meta().id).filter(|id| !WITHOUT.contains(id)) {
        for case in cases(collector, "damaged") {
            let (_, kept) = looked(&case, &["Kaspersky Anti-Virus SDK"]);
            let gaps: Vec<_> = kept.gaps.iter().filter(|gap| gap.collector == collector).collect();
            assert!(!gaps.is_empty(), "{}: damage went unseen", case.display());
            let name = format!("{collector}-{}", case.file_name().unwrap().to_string_lossy());
            insta::assert_json_snapshot!(name, gaps);
        }
    }
}

#[test]
fn nothing_is_nothing_and_no_gap() {
    for collector in COLLECTORS.iter().map(|collector| collector.meta().id).filter(|id| !WITHOUT.contains(id)) {
        for case in cases(collector, "empty") {
            let (_, kept) = looked(&case, &[]);
            let mine: Vec<_> = kept.artifacts.iter().filter(|artifact| artifact.collector == collector).collect();
            let named = ["init", "systemd", "snap", "flatpak", "kmod"].contains(&collector);
            assert!(named || mine.is_empty(), "{}: {mine:#?}", case.display());
            let gaps: Vec<_> = kept.gaps.iter().filter(|gap| gap.collector == collector).collect();
            assert!(gaps.is_empty(), "{}: {gaps:#?}", case.display());
        }
    }
}

/// The case folders of a collector whose name begins with `kind`.
fn cases(collector: &str, kind: &str) -> Vec<PathBuf> {
    let folder = fixtures().join(collector);
    let mut list: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(kind))
        .collect();
    assert!(!list.is_empty(), "{collector} has no fixture of kind {kind}");
    list.sort();
    list
}
