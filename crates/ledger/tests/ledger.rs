//! The ledger against RFC 6962's own definition, against tampering of every byte, and at size.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_ledger::{Draft, Ledger, LedgerError, Proof, SecretKey, Subject, sha256, verify};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

fn draft(kind: &str, name: &str) -> Draft {
    let subject = vec![Subject::of(name, sha256(name.as_bytes()))];
    Draft { kind: kind.to_owned(), at: "2026-11-23T10:00:00Z".to_owned(), subject, body: json!({"name": name}) }
}

fn some(count: usize) -> Vec<Draft> {
    (0..count).map(|at| draft("look", &format!("pc{at}"))).collect()
}

fn new(folder: &Path) -> (Ledger, SecretKey) {
    let key = SecretKey::generate("ledger.example").unwrap();
    (Ledger::create(folder, &key).unwrap(), key)
}

/// The Merkle tree hash, word by word as RFC 6962 section 2.1 defines it.
fn definition(entries: &[Vec<u8>]) -> [u8; 32] {
    match entries {
        [] => Sha256::digest([]).into(),
        [one] => Sha256::new().chain_update([0]).chain_update(one).finalize().into(),
        list => {
            let k = 1 << (usize::BITS - 1 - (list.len() - 1).leading_zeros());
            let (left, right) = (definition(&list[..k]), definition(&list[k..]));
            Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
        }
    }
}

/// The audit path of RFC 6962 section 2.1.1.
fn path(at: usize, entries: &[Vec<u8>]) -> Vec<[u8; 32]> {
    if entries.len() < 2 {
        return Vec::new();
    }
    let k = 1 << (usize::BITS - 1 - (entries.len() - 1).leading_zeros());
    let (mut path, sibling) = if at < k {
        (path(at, &entries[..k]), definition(&entries[k..]))
    } else {
        (path(at - k, &entries[k..]), definition(&entries[..k]))
    };
    path.push(sibling);
    path
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn root_and_paths_are_those_of_the_definition(batches in prop::collection::vec(1usize..300, 1..5), pick in any::<u64>()) {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, key) = new(folder.path());
        for batch in &batches {
            ledger.append(&key, some(*batch)).unwrap();
        }
        let head = ledger.head().unwrap();
        prop_assert_eq!(head.size, batches.iter().sum::<usize>() as u64);
        let entries: Vec<Vec<u8>> = (0..head.size).map(|at| ledger.bytes(at).unwrap()).collect();
        prop_assert_eq!(head.root.0, definition(&entries));
        let at = pick % head.size;
        let proved: Vec<[u8; 32]> = ledger.inclusion(at, head.size).unwrap().iter().map(|hash| hash.0).collect();
        prop_assert_eq!(proved, path(usize::try_from(at).unwrap(), &entries));
        prop_assert_eq!(verify(folder.path(), None, &[]).unwrap().size, head.size);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list.extend(files(&path))
        } else if path.file_name().unwrap() != "lock" {
            list.push(path)
        }
    }
    list.sort();
    list
}

fn faults(result: Result<impl std::fmt::Debug, LedgerError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn every_byte_of_a_small_log_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, key) = new(folder.path());
    ledger.append(&key, some(3)).unwrap();
    ledger.append(&key, some(2)).unwrap();
    ledger.keep(b"a document").unwrap();
    assert_eq!(verify(folder.path(), None, &[]).unwrap().documents, 1);
    for file in files(folder.path()) {
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&file, &bytes).unwrap();
            assert!(verify(folder.path(), None, &[]).is_err(), "{} byte {at}", file.display());
        }
        fs::write(&file, &whole).unwrap();
    }
    verify(folder.path(), None, &[]).unwrap();
}

/// Rewrites the entries' file of a small log, tiles and all, as somebody would who has no key.
fn rewritten(ledger: &Ledger, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let size = ledger.head().unwrap().size;
    let mut entries: Vec<Vec<u8>> = (0..size).map(|at| ledger.bytes(at).unwrap()).collect();
    change(&mut entries);
    let mut file = Vec::new();
    let mut hashes = Vec::new();
    for entry in &entries {
        file.extend(u16::try_from(entry.len()).unwrap().to_be_bytes());
        file.extend(entry);
        hashes.extend(Sha256::new().chain_update([0]).chain_update(entry).finalize());
    }
    fs::write(ledger.folder().join(format!("tile/entries/000.p/{size}")), file).unwrap();
    fs::write(ledger.folder().join(format!("tile/0/000.p/{size}")), hashes).unwrap();
}

#[test]
fn an_entry_that_was_altered_dropped_or_moved_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, key) = new(folder.path());
    ledger.append(&key, some(6)).unwrap();
    let whole: Vec<(PathBuf, Vec<u8>)> =
        files(folder.path()).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    let again = || whole.iter().for_each(|(file, bytes)| fs::write(file, bytes).unwrap());

    rewritten(&ledger, |entries| {
        let text = String::from_utf8(entries[2].clone()).unwrap();
        entries[2] = text.replacen("payload\":\"ey", "payload\":\"fy", 1).into_bytes();
    });
    assert!(faults(verify(folder.path(), None, &[])).contains("entry 2 was altered"));
    again();
    rewritten(&ledger, |entries| drop(entries.remove(3)));
    assert!(faults(verify(folder.path(), None, &[])).contains("entry 3 was dropped or moved: entry 4 (look: pc4)"));
    again();
    rewritten(&ledger, |entries| entries.swap(1, 4));
    assert!(faults(verify(folder.path(), None, &[])).contains("entry 1 was dropped or moved: entry 4 (look: pc4)"));
    again();
    verify(folder.path(), None, &[]).unwrap();
}

#[test]
fn a_fork_and_a_rollback_show_against_an_older_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, key) = new(&folder.path().join("one"));
    ledger.append(&key, some(4)).unwrap();
    let old = ledger.checkpoint().unwrap();
    ledger.append(&key, some(300)).unwrap();
    let checkpoints = [old.clone(), ledger.checkpoint().unwrap()];
    assert_eq!(verify(ledger.folder(), Some(key.public()), &checkpoints).unwrap().since, Some(304));

    // The holder of the key writes history anew.
    let other = Ledger::create(&folder.path().join("two"), &key).unwrap();
    other.append(&key, vec![draft("look", "another past")]).unwrap();
    let short = faults(verify(other.folder(), None, std::slice::from_ref(&old)));
    assert!(short.contains("rolled back: it has 1 entries and had 4"), "{short}");
    other.append(&key, some(9)).unwrap();
    let forked = faults(verify(other.folder(), None, &[old]));
    assert!(forked.contains("forked: its first 4 entries"), "{forked}");

    let stranger = SecretKey::generate("ledger.example").unwrap();
    assert!(faults(verify(other.folder(), Some(stranger.public()), &[])).contains("the key given"));
    assert!(other.append(&stranger, some(1)).is_err());
}

#[test]
fn a_document_that_an_entry_speaks_of_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, key) = new(folder.path());
    let digest = ledger.keep(b"the plan").unwrap();
    let mut plan = draft("plan", "bod-17-01");
    plan.subject = vec![Subject::of("bod-17-01", digest.as_str())];
    ledger.append(&key, vec![plan]).unwrap();
    verify(folder.path(), None, &[]).unwrap();
    fs::remove_file(folder.path().join("objects").join(&digest)).unwrap();
    let said = faults(verify(folder.path(), None, &[]));
    assert!(said.contains("entry 0 (plan: bod-17-01) speaks of a document that is not there"), "{said}");
}

/// A ledger with an order, two looks and a report made of them.
fn reported(folder: &Path) -> (Ledger, SecretKey, Proof) {
    let (ledger, key) = new(folder);
    let made =
        ledger.append(&key, vec![draft("order", "bod-17-01"), draft("look", "pc1"), draft("look", "pc2")]).unwrap();
    let names = ["order bod-17-01", "look pc1", "look pc2"];
    let made_of: Vec<_> =
        made.iter().zip(names).map(|(it, what)| json!({"index": it.index, "leaf": it.leaf, "what": what})).collect();
    let mut report = draft("report", "status");
    let list = ostrakon_ledger::canonical(&made_of).unwrap();
    let made_of = ledger.keep(&list).unwrap();
    report.body = json!({"made_of": made_of, "order": {"id": "bod-17-01", "sha256": sha256(b"bod-17-01")}});
    let at = ledger.append(&key, vec![report]).unwrap()[0].index;
    ledger.append(&key, some(20)).unwrap();
    let proof = Proof::of(&ledger, at).unwrap();
    (ledger, key, proof)
}

#[test]
fn a_proof_holds_by_itself_and_no_bit_of_it_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let (_, key, proof) = reported(folder.path());
    drop(folder);
    let bytes = proof.to_bytes().unwrap();
    let checked = Proof::check(&bytes, Some(key.public())).unwrap();
    assert_eq!((checked.made_of.len(), checked.size), (3, 24));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(Proof::check(&flipped, None).is_err(), "byte {at}");
    }
    let stranger = SecretKey::generate("ledger.example").unwrap();
    assert!(faults(Proof::check(&bytes, Some(stranger.public()))).contains("the key given"));
}

#[test]
fn a_proof_says_what_was_dropped_swapped_or_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _, proof) = reported(folder.path());
    let said = |proof: &Proof| faults(Proof::check(&proof.to_bytes().unwrap(), None));

    let mut less = proof.clone();
    less.made_of.remove(1);
    assert!(said(&less).contains("entry 1 (look pc1) was dropped from the proof"), "{}", said(&less));

    let mut swapped = proof.clone();
    swapped.made_of[0].entry = String::from_utf8(ledger.bytes(9).unwrap()).unwrap();
    assert!(
        said(&swapped).contains("entry 0, does not hold: it says of itself that it is entry 9"),
        "{}",
        said(&swapped)
    );
    assert!(said(&swapped).contains("the order was swapped"), "{}", said(&swapped));

    let mut other = proof.clone();
    other.list = other.list.replace("look pc2", "look pc3");
    assert!(said(&other).contains("the list of what the report was made of"), "{}", said(&other));

    let mut moved = proof.clone();
    moved.made_of.swap(1, 2);
    assert!(said(&moved).contains("reordered"), "{}", said(&moved));

    let mut wrong = proof;
    wrong.made_of[2].path[0] = wrong.made_of[2].path[1].clone();
    assert!(said(&wrong).contains("entry 2, does not hold: it is not in the log"), "{}", said(&wrong));
}

#[test]
fn what_was_written_after_the_checkpoint_and_never_counted_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, key) = new(folder.path());
    ledger.append(&key, some(255)).unwrap();
    let old = ledger.checkpoint().unwrap();
    let kept: Vec<(PathBuf, Vec<u8>)> =
        files(folder.path()).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    ledger.append(&key, some(40)).unwrap();
    // The power went before the checkpoint was there.
    for (file, bytes) in kept {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    assert_eq!(ledger.checkpoint().unwrap(), old);
    ledger.append(&key, some(7)).unwrap();
    assert_eq!(verify(folder.path(), None, &[old]).unwrap().size, 262);
}

#[test]
fn a_million_entries() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, key) = new(folder.path());
    // Signing a million in an unoptimised build takes minutes: most of them come from one thread less.
    let count = if cfg!(debug_assertions) { 70_000 } else { 1_000_000 };
    for _ in 0..count / 10_000 {
        ledger.append(&key, some(10_000)).unwrap();
    }
    let head = ledger.head().unwrap();
    assert_eq!(head.size, count as u64);
    for at in [0, 65_535, 65_536, head.size - 1] {
        let path = ledger.inclusion(at, head.size).unwrap();
        let leaf = tlog_tiles::record_hash(&ledger.bytes(at).unwrap());
        tlog_tiles::check_record(&path, head.size, head.root, at, leaf).unwrap();
    }
    let path = ledger.consistency(1234, head.size).unwrap();
    assert!(!path.is_empty());
}
