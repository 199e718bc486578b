//! Every fixture cut off, and with a byte changed: damage is a fault, never a panic; and where the format can tell, never
//! silence.

use super::{Seen, all_fixtures, faults, fixture, look, name_of};
use ostrakon_place::Fault;
use ostrakon_place::container::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What cannot know that it was cut: archives in a row, and programs whose archive is no part of them.
const CANNOT_TELL: [&str; 5] = ["two.", "alpine.apk", "initramfs-", "setup-", "tool.AppImage"];

/// What has a checksum of every byte of content.
const CHECKED: [&str; 23] = [
    "deflate.zip",
    "plain/stored.zip.gz",
    "bzip2.zip",
    "descriptor.zip",
    "lzma.zip",
    "deflate64.zip",
    "xz.zip",
    "zstd.zip",
    "zip64.zip",
    "one.tar.gz",
    "one.tar.xz",
    "one.tar.zst",
    "one.tar.bz2",
    "one.tar.lz4",
    "large.txt.gz",
    "lzma2.7z",
    "apart.7z",
    "bcj.7z",
    "bcj2.7z",
    "ppmd.7z",
    "deflate.7z",
    "bzip2.7z",
    "plain/copy.7z.gz",
];

/// What came of a look: nothing if it was told to be no container, or the words of a panic.
type Outcome = Result<Option<(Vec<Seen>, Result<(), Fault>)>, String>;

fn guarded(name: &str, bytes: &[u8]) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| look(name_of(name), &Bytes(bytes)))).map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// All contents, whatever they are called.
fn contents(seen: &[Seen]) -> Vec<&[u8]> {
    let mut list: Vec<_> = seen.iter().filter_map(|it| it.content.as_deref().ok()).collect();
    list.sort_unstable();
    list
}

/// How far apart the places are where a fixture is broken: those that are kept compressed are much larger.
fn step(name: &str, small: usize) -> usize {
    if name.starts_with("plain/") { small * 19 } else { small }
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} of them, such as\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn a_cut_is_survived_and_said() {
    let mut wrong = Vec::new();
    for name in all_fixtures() {
        let bytes = fixture(&name);
        let whole = look(name_of(&name), &Bytes(&bytes));
        let can_tell = !CANNOT_TELL.iter().any(|start| name.starts_with(start));
        let step = step(&name, 97);
        for end in (step..bytes.len()).step_by(step) {
            match guarded(&name, &bytes[..end]) {
                Err(panic) => wrong.push(format!("{name} cut at {end}: panic: {panic}")),
                Ok(Some((seen, result))) if can_tell && faults(&seen, &result).is_empty() => {
                    let same = whole.as_ref().is_some_and(|(whole, _)| contents(whole) == contents(&seen));
                    if !same {
                        wrong.push(format!("{name} cut at {end}: {} members and no fault", seen.len()));
                    }
                }
                Ok(_) => {}
            }
        }
    }
    none(&wrong);
}

#[test]
fn a_changed_byte_is_survived() {
    let mut wrong = Vec::new();
    for name in all_fixtures() {
        let mut bytes = fixture(&name);
        for at in (0..bytes.len()).step_by(step(&name, 53)) {
            bytes[at] ^= 0xff;
            if let Err(panic) = guarded(&name, &bytes) {
                wrong.push(format!("{name} changed at {at}: panic: {panic}"));
            }
            bytes[at] ^= 0xff;
        }
    }
    none(&wrong);
}

#[test]
fn a_changed_byte_of_what_has_checksums_is_said() {
    let mut wrong = Vec::new();
    for name in CHECKED {
        let mut bytes = fixture(name);
        let (whole, result) = look(name_of(name), &Bytes(&bytes)).unwrap();
        if !faults(&whole, &result).is_empty() {
            wrong.push(format!("{name} is not read as it is"));
            continue;
        }
        for at in (0..bytes.len()).step_by(step(name, 53)) {
            bytes[at] ^= 0x10;
            if let Ok(Some((seen, result))) = guarded(name, &bytes)
                && faults(&seen, &result).is_empty()
                && contents(&seen) != contents(&whole)
            {
                wrong.push(format!("{name} changed at {at}: another content and no fault"));
            }
            bytes[at] ^= 0x10;
        }
    }
    none(&wrong);
}
