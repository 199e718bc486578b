//! The hives are made by `tests/fixtures/windows/make_hives.py`, which says what is in them. libhivex and reglookup
//! read the sound ones as is asked here.

use super::{Hive, Key, Value, log};
use std::collections::HashMap;

mod damaged;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/fixtures/windows/hives/", $name))
    };
}

const NAMES: &[u8] = fixture!("names.hive");
const BIG: &[u8] = fixture!("big.hive");
const DELETED: &[u8] = fixture!("deleted.hive");
const DIRTY: &[u8] = fixture!("dirty.hive");
const LOG1: &[u8] = fixture!("dirty.log1");
const LOG2: &[u8] = fixture!("dirty.log2");
const OLD: &[u8] = fixture!("dirty.old");
const WHOLE: &[u8] = fixture!("dirty.whole");
const TRUNCATED: &[u8] = fixture!("truncated.hive");
const LYING: &[u8] = fixture!("lying.hive");
const CYCLE: &[u8] = fixture!("cycle.hive");

fn open(bytes: &[u8], logs: &[&[u8]]) -> Hive {
    let logs: Vec<_> = logs.iter().map(|log| log.to_vec()).collect();
    Hive::open(bytes.to_vec(), &logs).unwrap()
}

/// Why a hive cannot be opened.
fn refused(bytes: &[u8]) -> String {
    Hive::open(bytes.to_vec(), &[]).err().unwrap().0
}

fn key<'h>(hive: &'h Hive, path: &str) -> Key<'h> {
    hive.root().unwrap().key(path).unwrap().unwrap()
}

fn value(hive: &Hive, path: &str, name: &str) -> Value {
    key(hive, path).value(name).unwrap().unwrap()
}

fn names(keys: &[Key<'_>]) -> Vec<String> {
    keys.iter().map(Key::name).collect()
}

/// Every key with its values, by its path. A key whose lists are broken has none.
fn walk(hive: &Hive) -> Vec<(String, Vec<Value>)> {
    let mut all = Vec::new();
    let mut waiting: Vec<_> = hive.root().map(|root| (String::new(), root)).into_iter().collect();
    while let Some((path, key)) = waiting.pop() {
        for below in key.keys().unwrap_or_default() {
            waiting.push((format!("{path}\\{}", below.name()), below));
        }
        all.push((path, key.values().unwrap_or_default()));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[test]
fn names_of_every_script_are_read() {
    let hive = open(NAMES, &[]);
    let root = hive.root().unwrap();
    let top = ["Many", "Microsoft", "Tiroler Nußöl", "WOW6432Node", "Лаборатория", "软件"];
    assert_eq!(names(&root.keys().unwrap()), top);
    assert_eq!(names(&key(&hive, "Лаборатория").keys().unwrap()), ["Ёлка", "Продукт"]);
    assert_eq!(names(&key(&hive, "软件").keys().unwrap()), ["杀毒", "🧪"]);
    assert_eq!((hive.doubts(), hive.skipped()), (&[][..], 0));
}

#[test]
fn a_key_is_found_by_its_path_in_capitals_or_not() {
    let hive = open(NAMES, &[]);
    let uninstall = key(&hive, r"wow6432node\MICROSOFT\Uninstall\{c2a1}");
    assert_eq!(uninstall.value("publisher").unwrap().unwrap().text().unwrap(), "АО «Пример»");
    assert_eq!(key(&hive, r"\лаборатория\ёЛКА\").name(), "Ёлка");
    assert_eq!(key(&hive, "TIROLER NUßÖL").name(), "Tiroler Nußöl");
    assert_eq!(key(&hive, "").name(), "ROOT");
    let root = hive.root().unwrap();
    for path in [r"Microsoft\Window", r"Microsoft\Windows\CurrentVersion", "Tiroler NuÃŸÃ¶l", "?"] {
        assert!(root.key(path).unwrap().is_none(), "{path}");
    }
}

#[test]
fn lists_of_lists_are_read_in_their_order() {
    let hive = open(NAMES, &[]);
    let many = key(&hive, "Many").keys().unwrap();
    assert_eq!(names(&many), ["Key 0", "Key 1", "Key 2", "Key 3", "Key 4", "Key 5", "Key 6"]);
    let numbers = many.iter().map(|key| key.value("N").unwrap().unwrap().number().unwrap());
    assert!(numbers.eq(0..7));
}

#[test]
fn values_mean_what_their_types_say() {
    let hive = open(NAMES, &[]);
    let windows = key(&hive, r"Microsoft\Windows");
    assert_eq!(windows.values().unwrap().len(), 15);
    let value = |name| windows.value(name).unwrap().unwrap();
    assert_eq!(value("").text().unwrap(), "по умолчанию");
    assert_eq!(value("TEXT").text().unwrap(), r"C:\Program Files\Пример");
    assert_eq!(value("path").text().unwrap(), r"%SystemRoot%\system32");
    assert_eq!(value("Texts").text().unwrap(), "один");
    assert_eq!(value("Unended").text().unwrap(), "no NUL");
    assert_eq!(value("Ended early").text().unwrap(), "seen");
    assert_eq!(value("Number").number(), Some(0x1234_5678));
    assert_eq!(value("Big-endian").number(), Some(0x102));
    assert_eq!(value("Long").number(), Some(1 << 40));
    assert!(value("Bytes").data.iter().copied().eq(0..=255));
    assert_eq!(value("Empty"), Value { name: "Empty".to_owned(), kind: 3, data: Vec::new() });
    assert_eq!(value("ПАРАМЕТР").text().unwrap(), "кириллица");
    assert_eq!(value("设置").text().unwrap(), "中文");
    assert_eq!(value("grÖße").number(), Some(7));
    assert_eq!((value("Number").text(), value("Text").number()), (None, None));
    assert!(windows.value("no such").unwrap().is_none());
}

#[test]
fn a_long_value_is_put_together() {
    let hive = open(BIG, &[]);
    let data = value(&hive, "Blob", "big").data;
    assert!(data.iter().copied().eq((0..20_000_u32).map(|at| (at * 7 % 251) as u8)));
    assert_eq!(value(&hive, "Blob", "small").number(), Some(1));
}

#[test]
fn deleted_keys_are_found_with_what_is_left_of_them() {
    let hive = open(DELETED, &[]);
    assert_eq!(names(&key(&hive, "Software").keys().unwrap()), ["Last", "Live"]);
    let deleted = hive.deleted();
    let paths: Vec<_> = deleted.iter().map(|one| (one.path.as_str(), one.whole)).collect();
    let expected = [
        (r"Software\Vendor", true),
        (r"Software\Robbed", true),
        (r"Software\Vendor\Продукт", true),
        // Where its parent was, there is something else now.
        ("Orphan", false),
    ];
    assert_eq!(paths, expected);
    let values: HashMap<_, _> = deleted.iter().map(|one| (one.key.name(), one.key.values().unwrap())).collect();
    assert_eq!(values["Vendor"][0].text().unwrap(), r"C:\Vendor");
    assert_eq!(values["Продукт"][0].text().unwrap(), "12.3");
    assert_eq!(values["Продукт"][1].number(), Some(456));
    assert_eq!(values["Orphan"][0].text().unwrap(), "here");
    // The cell of the other value's data belongs to something else.
    assert_eq!(values["Robbed"].iter().map(|value| value.name.as_str()).collect::<Vec<_>>(), ["Kept"]);
    assert!(deleted.iter().all(|one| one.key.keys().unwrap().is_empty()));
    assert_eq!(hive.skipped(), 0);
    assert!(open(NAMES, &[]).deleted().is_empty());
}

#[test]
fn a_dirty_hive_is_completed_from_its_logs() {
    let whole = walk(&open(WHOLE, &[]));
    for logs in [&[LOG1, LOG2][..], &[LOG2, LOG1], &[LOG2, b"", LOG1, &[0; 1024]]] {
        let hive = open(DIRTY, logs);
        assert_eq!(hive.doubts(), [""; 0]);
        assert_eq!(walk(&hive), whole);
    }
}

#[test]
fn a_log_that_begins_later_is_taken_and_one_that_is_older_is_not() {
    // What lies between is in the hive already; so Windows takes it too.
    let hive = open(DIRTY, &[LOG2]);
    assert_eq!(hive.doubts(), [""; 0]);
    assert_eq!(walk(&hive), walk(&open(WHOLE, &[])));

    let hive = open(&with_numbers(DIRTY, 9, 8), &[LOG1]);
    assert_eq!(hive.doubts(), ["it was not closed, and no log has what may be missing"]);
    assert_eq!(value(&hive, r"Software\Vendor", "Version").text().unwrap(), "1");
}

#[test]
fn the_logs_of_a_clean_hive_are_not_read() {
    let clean = with_numbers(DIRTY, 7, 7);
    let hive = open(&clean, &[LOG1, LOG2, b"no log"]);
    assert_eq!(hive.doubts(), [""; 0]);
    assert_eq!(value(&hive, r"Software\Vendor", "Version").text().unwrap(), "1");
}

#[test]
fn the_numbers_of_entries_start_again() {
    let high = u32::MAX - 1;
    let log1 = with_entries(LOG1, high, &[high]);
    let log2 = with_entries(LOG2, u32::MAX, &[u32::MAX, 0]);
    for primary in [high + 1, 1] {
        let hive = open(&with_numbers(DIRTY, primary, high), &[&log1, &log2]);
        assert_eq!(hive.doubts(), [""; 0]);
        assert_eq!(walk(&hive), walk(&open(WHOLE, &[])));
    }
}

#[test]
fn what_a_log_cannot_say_is_a_doubt() {
    const NONE: &str = "it was not closed, and no log has what may be missing";
    const TORN: &str = "an entry of its log is torn: what it held is lost";
    let doubts = |logs: &[&[u8]]| open(DIRTY, logs).doubts().to_vec();
    let changed = |log: &[u8], at: usize| {
        let mut log = log.to_vec();
        log[at] ^= 1;
        log
    };
    assert_eq!(doubts(&[]), [NONE]);
    assert_eq!(doubts(&[b"", &[0; 4096]]), [NONE]);
    assert_eq!(doubts(&[OLD]), ["its log has the form of Windows 8 and before, which is not read", NONE]);
    assert_eq!(doubts(&[b"some text"]), ["what should be its log is none", NONE]);
    assert_eq!(doubts(&[LOG1, b"some text"]), ["what should be its log is none"]);
    // In its pages, in its own header, in the last of its entries.
    assert_eq!(doubts(&[&changed(LOG1, 2000)]), [TORN, NONE]);
    assert_eq!(doubts(&[&changed(LOG1, 530)]), [TORN, NONE]);
    assert_eq!(doubts(&[LOG1, &changed(LOG2, LOG2.len() - 2000)]), [TORN]);
    assert_eq!(doubts(&[LOG1, &LOG2[..LOG2.len() - 512]]), [TORN]);
    // The first log ends with 7.
    let later = with_entries(LOG2, 9, &[9, 10]);
    assert_eq!(doubts(&[LOG1, &later]), ["entries are missing between its logs"]);
}

#[test]
fn a_torn_log_is_good_up_to_where_it_is_torn() {
    let hive = open(DIRTY, &[LOG1, &LOG2[..LOG2.len() - 512]]);
    assert_eq!(names(&key(&hive, "Software").keys().unwrap()), ["Added", "Vendor"]);
    assert_eq!(value(&hive, r"Software\Vendor", "Version").text().unwrap(), "2");
}

#[test]
fn older_entries_behind_the_last_one_are_not_taken() {
    let older = with_entries(LOG2, 8, &[8, 3]);
    let hive = open(DIRTY, &[LOG1, &older]);
    assert_eq!(hive.doubts(), [""; 0]);
    assert_eq!(names(&key(&hive, "Software").keys().unwrap()), ["Added", "Vendor"]);
}

#[test]
fn an_entry_cannot_make_a_hive_longer_than_hive_and_logs() {
    let mut log = LOG1.to_vec();
    log[512 + 16..512 + 20].copy_from_slice(&0x7fff_f000_u32.to_le_bytes());
    let hive = open(DIRTY, &[&hashed(log)]);
    let none = "it was not closed, and no log has what may be missing";
    assert_eq!(hive.doubts(), ["an entry of its log cannot belong to it", none]);
    assert_eq!(hive.cells.bins().len(), DIRTY.len() - 4096);
}

#[test]
fn a_header_with_a_wrong_checksum_is_replaced_by_that_of_the_log() {
    let mut damaged = DIRTY.to_vec();
    damaged[36..44].fill(0xff);
    let hive = open(&damaged, &[LOG1, LOG2]);
    assert_eq!(hive.doubts(), [""; 0]);
    assert_eq!(walk(&hive), walk(&open(WHOLE, &[])));

    let mut damaged = NAMES.to_vec();
    damaged[100] ^= 1;
    let hive = open(&damaged, &[]);
    assert_eq!(hive.doubts(), ["the checksum of its header is wrong, and no log has what may be missing"]);
    assert_eq!(walk(&hive), walk(&open(NAMES, &[])));
}

#[test]
fn a_hive_that_is_cut_off_gives_what_is_left() {
    let hive = open(TRUNCATED, &[]);
    assert_eq!(hive.doubts(), ["it is cut off: its header says that it is longer"]);
    let root = hive.root().unwrap();
    assert_eq!(names(&root.keys().unwrap()), names(&open(NAMES, &[]).root().unwrap().keys().unwrap()));
    assert_eq!(value(&hive, r"Microsoft\Windows", "").text().unwrap(), "по умолчанию");
    assert_eq!(hive.skipped(), 0);
    assert_eq!(key(&hive, "软件").keys().err().unwrap().0, "an offset in it lies outside the hive");
    assert_eq!(hive.skipped(), 1);
}

#[test]
fn a_cell_that_lies_about_its_length_does_not_cost_its_siblings() {
    let hive = open(LYING, &[]);
    // That of B is too short for a key; that of C would reach beyond the end.
    assert_eq!(names(&hive.root().unwrap().keys().unwrap()), ["A", "C", "D"]);
    assert_eq!(hive.skipped(), 1);
    let values = key(&hive, "D").values().unwrap();
    assert_eq!(values.iter().map(|value| value.text().unwrap()).collect::<Vec<_>>(), ["one", "three", "four"]);
    assert!(hive.skipped() > 1);
}

#[test]
fn lists_that_lead_in_a_circle_end() {
    let hive = open(CYCLE, &[]);
    let paths: Vec<_> = walk(&hive).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["", r"\Top", r"\Top\Loop", r"\Top\Loop\Inside", r"\Top\Rings"]);
    assert!(hive.skipped() > 0);
}

#[test]
fn what_is_no_hive_is_refused() {
    assert_eq!(refused(b""), "it is no registry hive");
    assert_eq!(refused(&[0; 8192]), "it is no registry hive");
    assert_eq!(refused(&NAMES[..4096]), "it is cut off before its first key");
    assert_eq!(refused(LOG1), "it is the log of a registry hive");
    let mut ancient = NAMES.to_vec();
    ancient[24] = 1;
    assert_eq!(refused(&ancient), "it is a registry hive of an unknown version");
}

/// A hive with other numbers in its header.
fn with_numbers(hive: &[u8], primary: u32, secondary: u32) -> Vec<u8> {
    let mut hive = hive.to_vec();
    hive[4..8].copy_from_slice(&primary.to_le_bytes());
    hive[8..12].copy_from_slice(&secondary.to_le_bytes());
    let sum = hive[..508].chunks(4).fold([0; 4], |sum: [u8; 4], word| std::array::from_fn(|at| sum[at] ^ word[at]));
    hive[508..512].copy_from_slice(&sum);
    hive
}

/// A log with other numbers in its header and in its entries.
fn with_entries(log: &[u8], header: u32, numbers: &[u32]) -> Vec<u8> {
    let mut log = with_numbers(log, header, header);
    let mut at = 512;
    for number in numbers {
        log[at + 12..at + 16].copy_from_slice(&number.to_le_bytes());
        at += u32::from_le_bytes(log[at + 4..at + 8].try_into().unwrap()) as usize;
    }
    hashed(log)
}

/// A log with the right hashes for what is in it.
fn hashed(mut log: Vec<u8>) -> Vec<u8> {
    let mut at = 512;
    while let Some(size) = log.get(at + 4..at + 8) {
        let size = u32::from_le_bytes(size.try_into().unwrap()) as usize;
        let Some(entry) = log.get_mut(at..at.saturating_add(size)).filter(|entry| entry.len() >= 40) else { break };
        let body = log::marvin32(&entry[40..]);
        entry[24..32].copy_from_slice(&body.to_le_bytes());
        let head = log::marvin32(&entry[..32]);
        entry[32..40].copy_from_slice(&head.to_le_bytes());
        at += size;
    }
    log
}
