//! Every reader of untrusted bytes on noise, and on real files with bytes changed, cut off and doubled: none may panic.
//! The real files are the fixtures of all collectors, so a new collector is in at once.

use ostrakon_collect::fuzzing::file;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The path below its root and the content of every real fixture.
static SEEDS: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    let mut seeds = Vec::new();
    for collector in folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")) {
        for case in folders(&collector).iter().filter(|case| !case.ends_with("empty")) {
            files(case, case, &mut seeds);
        }
    }
    assert!(seeds.len() > 50, "too few fixtures: {}", seeds.len());
    seeds
});

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut list: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap_or_else(|error| panic!("{error}")).path())
        .filter(|path| path.is_dir())
        .collect();
    list.sort();
    list
}

fn files(root: &Path, folder: &Path, seeds: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files(root, &path, seeds);
        } else if let (Ok(inside), Ok(content)) = (path.strip_prefix(root), std::fs::read(&path)) {
            seeds.push((inside.as_os_str().as_encoded_bytes().to_vec(), content));
        }
    }
}

fn look(path: &[u8], content: &[u8]) {
    file(&[path, b"\0", content].concat());
}

#[test]
fn real_files_are_survived() {
    for (path, content) in SEEDS.iter() {
        look(path, content);
        look(path, &[]);
        look(path, &content[..content.len() / 2]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_is_survived(seed in any::<prop::sample::Index>(), bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        look(&SEEDS[seed.index(SEEDS.len())].0, &bytes);
    }

    #[test]
    fn damage_is_survived(
        seed in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        cut in any::<prop::sample::Index>(),
        cut_off in any::<bool>(),
    ) {
        let (path, content) = &SEEDS[seed.index(SEEDS.len())];
        let mut bytes = content.clone();
        if !bytes.is_empty() {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if cut_off {
                bytes.truncate(cut.index(bytes.len()));
            }
        }
        look(path, &bytes);
    }
}
