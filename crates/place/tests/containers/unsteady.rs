//! Files that do not keep still: that are shorter than they say, that are given in ever smaller pieces, that cannot be
//! read further. All are survived, and why something was not read is not lost on the way.

use super::{all_fixtures, faults, fixture, look, name_of};
use ostrakon_model::GapReason;
use ostrakon_place::{Fault, File};
use std::cell::Cell;

/// A file that was cut after its size was asked.
struct Shrunk<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl File for Shrunk<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        Ok(piece(&self.bytes[..self.left], offset, buffer, usize::MAX))
    }
}

/// A file that gives less each time.
struct Fewer<'a> {
    bytes: &'a [u8],
    most: Cell<usize>,
}

impl File for Fewer<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let most = self.most.get();
        self.most.set((most * 3 / 4).max(1));
        Ok(piece(self.bytes, offset, buffer, most))
    }
}

/// A file on a disk that is broken from some place on.
struct Broken<'a> {
    bytes: &'a [u8],
    from: usize,
}

impl File for Broken<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let count = piece(self.bytes, offset, buffer, usize::MAX);
        if offset as usize + count > self.from {
            return Err(Fault::new(GapReason::IoError, "the disk is broken here"));
        }
        Ok(count)
    }
}

fn piece(bytes: &[u8], offset: u64, buffer: &mut [u8], most: usize) -> usize {
    let rest = bytes.get(offset as usize..).unwrap_or_default();
    let count = rest.len().min(buffer.len()).min(most);
    buffer[..count].copy_from_slice(&rest[..count]);
    count
}

#[test]
fn a_file_that_shrinks_is_survived_and_said() {
    let mut wrong = Vec::new();
    for name in all_fixtures() {
        // What lies behind a program or an archive's end is not missed.
        if ["setup-", "two.", "alpine", "initramfs-"].iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let bytes = fixture(&name);
        for part in 1..4 {
            let left = bytes.len() * part / 4;
            let Some((seen, result)) = look(name_of(&name), &Shrunk { bytes: &bytes, left }) else { continue };
            let whole = look(name_of(&name), &Shrunk { bytes: &bytes, left: bytes.len() });
            let same = whole.is_some_and(|(whole, _)| {
                let contents = |list: &[super::Seen]| list.iter().map(|it| it.content.clone().ok()).collect::<Vec<_>>();
                contents(&whole) == contents(&seen)
            });
            if faults(&seen, &result).is_empty() && !same {
                wrong.push(format!("{name} shrunk to {left} of {}: {} members and no fault", bytes.len(), seen.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_gives_ever_less_is_survived() {
    for name in all_fixtures() {
        // One byte at a time is too slow for the large ones.
        if name.starts_with("plain/") {
            continue;
        }
        let bytes = fixture(&name);
        let _ = look(name_of(&name), &Fewer { bytes: &bytes, most: Cell::new(4096) });
    }
}

#[test]
fn why_a_file_was_not_read_is_not_lost() {
    let mut wrong = Vec::new();
    for name in all_fixtures() {
        let bytes = fixture(&name);
        // The head can be read, what follows cannot.
        let whole = look(name_of(&name), &Broken { bytes: &bytes, from: bytes.len() });
        if bytes.len() <= 4096 + 512 || whole.is_none_or(|(seen, result)| !faults(&seen, &result).is_empty()) {
            continue;
        }
        let Some((seen, result)) = look(name_of(&name), &Broken { bytes: &bytes, from: 4096 + 256 }) else { continue };
        let reasons: Vec<_> = faults(&seen, &result).iter().map(|fault| fault.reason).collect();
        if !reasons.contains(&GapReason::IoError) {
            wrong.push(format!("{name}: {reasons:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
