//! Every reader of untrusted bytes on noise, and on real files with bytes changed, cut off and doubled: none may panic.

use ostrakon_collect::fuzzing::READERS;
use proptest::prelude::*;
use std::path::Path;

/// Real files to start from.
const SEEDS: [&str; 10] = [
    "dpkg/real/var/lib/dpkg/status",
    "rpm/real/var/lib/rpm/rpmdb.sqlite",
    "rpm/real-bdb/var/lib/rpm/Packages",
    "rpm/real-ndb/usr/lib/sysimage/rpm/Packages.db",
    "elf/real/opt/kaspersky/kesl/lib64/libkavsdk.so",
    "certs/real/etc/ssl/certs/ca-certificates.crt",
    "certs/real/home/ada/.mozilla/firefox/abcd.default/cert9.db",
    "npm/real/usr/lib/node_modules/tslib/package.json",
    "browser/real/home/ada/.config/chromium/Default/Preferences",
    "maven/real/home/dev/.m2/repository/org/slf4j/slf4j-nop/1.7.32/slf4j-nop-1.7.32.jar",
];

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    SEEDS
        .iter()
        .map(|seed| std::fs::read(folder.join(seed)).unwrap_or_else(|error| panic!("{seed}: {error}")))
        .collect()
}

#[test]
fn every_reader_has_a_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
    let mut targets: Vec<String> = std::fs::read_dir(folder)
        .map(|list| list.flatten().map(|entry| entry.path()).collect::<Vec<_>>())
        .unwrap_or_default()
        .iter()
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    targets.sort();
    let mut readers: Vec<String> = READERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    // Those of other crates: what a stranger is handed, and what an administrator is sent.
    readers.extend(["plan", "proof"].map(str::to_owned));
    readers.sort();
    assert_eq!(targets, readers);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        for (_, reader) in READERS {
            reader(&bytes);
        }
    }

    #[test]
    fn damage_is_survived(
        seed in 0..SEEDS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        cut in any::<prop::sample::Index>(),
        cut_off in any::<bool>(),
    ) {
        let mut bytes = seeds()[seed].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut_off {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (_, reader) in READERS {
            reader(&bytes);
        }
    }
}
