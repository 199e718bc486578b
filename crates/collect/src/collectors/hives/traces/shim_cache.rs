//! ShimCache, where Windows keeps which programs it has asked about their compatibility: since Windows 8 that they were seen,
//! which need not mean that they ran. The times in it are those of the files. After libyal's winreg-kb, "Application
//! compatibility cache".

use super::{FAMILY, SOURCE};
use crate::collectors::hives::Found;
use crate::hive::{Broken, Key, utf16};
use crate::reading::{le16, le32, le64};
use crate::windows_path::family;
use ostrakon_model::{GapReason, Presence, Presences};
use std::borrow::Cow;
use std::collections::HashSet;

/// Windows keeps 1,024 programs at most.
const MOST: usize = 4096;

const SHORT: &str = "it is cut off";
const MANY: &str = "it has more programs than Windows keeps";

/// Reads the cache of the control set `set`.
pub(in crate::collectors::hives) fn read(control: Key<'_>, set: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for name in ["AppCompatCache", "AppCompatibility"] {
        let path = format!("Control\\Session Manager\\{name}");
        let Some(key) = control.key(&path)? else { continue };
        let Some(value) = key.value("AppCompatCache")? else { continue };
        let path = format!("{set}\\{path}");
        let mut programs = Vec::new();
        let outcome = entries(&value.data, &mut programs);
        let mut told = HashSet::new();
        for program in programs.iter().filter(|program| told.insert(program.as_str())) {
            let mut trace = found.trace(&path, "shimcache", program);
            if let Some(family) = packaged(program) {
                trace.attributes.retain(|(attribute, _)| *attribute == SOURCE);
                trace.push(FAMILY, family);
            }
            found.tell(trace);
        }
        if let Err(why) = outcome {
            let locator = found.locator(&path);
            found.out.gap(
                locator,
                GapReason::Corrupt,
                Presences::of(&[Presence::Remnant]),
                format!("ShimCache: {why}"),
            );
        }
    }
    Ok(())
}

/// The family of an app: of such, Windows 10 writes version, processor, name and publisher, divided by tabs.
fn packaged(text: &str) -> Option<String> {
    let mut parts = text.split('\t').filter(|part| !part.is_empty()).rev();
    let (publisher, name) = (parts.next()?, parts.next()?);
    family(&format!("{name}_{publisher}")).map(Cow::into_owned)
}

/// The paths in a cache of any version, as far as they can be read.
fn entries(data: &[u8], programs: &mut Vec<String>) -> Result<(), &'static str> {
    if data.is_empty() {
        return Ok(());
    }
    match le32(data, 0) {
        Some(0xbadc_0fee) => listed(data, 128, [32, 48], programs),
        Some(0xbadc_0ffe) => listed(data, 8, [24, 32], programs),
        Some(0xdead_beef) => fixed(data, programs),
        // Since Windows 8 the length of the header comes first.
        Some(header @ (0x30 | 0x34 | 0x80)) => marked(data, header as usize, programs),
        Some(_) => Err("it is of an unknown version"),
        None => Err(SHORT),
    }
}

/// Windows 8 and later: entries that begin with a mark and their own length, then the length of the path.
fn marked(data: &[u8], header: usize, programs: &mut Vec<String>) -> Result<(), &'static str> {
    let mut rest = data.get(header..).ok_or(SHORT)?;
    let mut outcome = Ok(());
    while rest.iter().any(|byte| *byte != 0) {
        if programs.len() >= MOST {
            return Err(MANY);
        }
        if !rest.starts_with(b"10ts") && !rest.starts_with(b"00ts") {
            return Err("a program of it begins with no mark");
        }
        let length = le32(rest, 8).map(|length| length as usize);
        let (entry, after) = length.and_then(|length| rest.get(12..)?.split_at_checked(length)).ok_or(SHORT)?;
        match le16(entry, 0).and_then(|length| entry.get(2..)?.get(..usize::from(length))) {
            Some(path) => programs.extend(text(path)),
            // The next one is found all the same.
            None => outcome = Err("a path in it is longer than its entry"),
        }
        rest = after;
    }
    outcome
}

/// Vista and Windows 7: a count, then entries of one length, each with the length of its path and where that lies. `sizes`
/// are the lengths of an entry for 32 and for 64 bits.
fn listed(data: &[u8], header: usize, sizes: [usize; 2], programs: &mut Vec<String>) -> Result<(), &'static str> {
    let count = le32(data, 4).map_or(usize::MAX, |count| count as usize);
    let list = data.get(header..).ok_or(SHORT)?;
    // For 64 bits, four bytes of nothing stand before the place of a path.
    let wide = le32(list, 4) == Some(0);
    let [narrow_size, wide_size] = sizes;
    let mut outcome = if count > MOST { Err(MANY) } else { Ok(()) };
    let size = if wide { wide_size } else { narrow_size };
    let wanted = count.min(MOST);
    if list.len() / size < wanted {
        outcome = Err(SHORT);
    }
    for entry in list.chunks_exact(size).take(wanted) {
        let at = if wide {
            le64(entry, 8).and_then(|at| usize::try_from(at).ok())
        } else {
            le32(entry, 4).map(|at| at as usize)
        };
        let length = le16(entry, 0).map(usize::from);
        let path = at.zip(length).and_then(|(at, length)| data.get(at..)?.get(..length));
        match path {
            Some(path) => programs.extend(text(path)),
            None => outcome = Err("a path in it lies outside it"),
        }
    }
    outcome
}

/// Windows XP: a count, then entries of 552 bytes that begin with the path.
fn fixed(data: &[u8], programs: &mut Vec<String>) -> Result<(), &'static str> {
    const PATH: usize = 528;
    let count = le32(data, 4).map_or(usize::MAX, |count| count as usize);
    let list = data.get(400..).ok_or(SHORT)?.chunks_exact(552);
    let short = list.len() < count.min(MOST);
    for entry in list.take(count.min(MOST)) {
        programs.extend(entry.get(..PATH).and_then(text));
    }
    if short { Err(SHORT) } else { Ok(()) }
}

/// UTF-16 up to its first NUL, if that is anything.
fn text(bytes: &[u8]) -> Option<String> {
    let text: String = utf16(bytes).take_while(|one| *one != '\0').collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 2] = ["C:\\A\\avp.exe", "SYSVOL\\b.exe"];

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn sized(path: &str) -> Vec<u8> {
        let path = wide(path);
        [&(path.len() as u16).to_le_bytes()[..], &path].concat()
    }

    /// Windows 8 (`mark`, header of 128 bytes) and 10 (52).
    fn new(mark: &[u8; 4], header: u32) -> Vec<u8> {
        let mut cache = header.to_le_bytes().to_vec();
        cache.resize(header as usize, 0);
        for path in PATHS {
            let entry = [sized(path), vec![7; 18]].concat();
            cache.extend([&mark[..], &[0; 4], &(entry.len() as u32).to_le_bytes(), &entry].concat());
        }
        cache
    }

    /// Windows 7.
    fn old(wide_entries: bool) -> Vec<u8> {
        let mut cache = [0xbadc_0fee_u32.to_le_bytes(), (PATHS.len() as u32).to_le_bytes()].concat();
        cache.resize(128, 0);
        let size = if wide_entries { 48 } else { 32 };
        let mut at = 128 + size * PATHS.len();
        for path in PATHS.map(wide) {
            let mut entry = [(path.len() as u16).to_le_bytes(), (path.len() as u16).to_le_bytes()].concat();
            if wide_entries {
                entry.extend([0; 4]);
            }
            entry.extend((at as u32).to_le_bytes());
            entry.resize(size, 0);
            cache.extend(entry);
            at += path.len();
        }
        cache.extend(PATHS.iter().flat_map(|path| wide(path)));
        cache
    }

    /// Windows XP.
    fn oldest() -> Vec<u8> {
        let mut cache = [0xdead_beef_u32.to_le_bytes(), (PATHS.len() as u32).to_le_bytes()].concat();
        cache.resize(400, 0);
        for path in PATHS {
            let mut entry = wide(path);
            entry.resize(552, 0);
            cache.extend(entry);
        }
        cache
    }

    fn all() -> [Vec<u8>; 6] {
        [new(b"00ts", 0x80), new(b"10ts", 0x80), new(b"10ts", 0x34), old(false), old(true), oldest()]
    }

    fn read(data: &[u8]) -> (Vec<String>, bool) {
        let mut programs = Vec::new();
        let whole = entries(data, &mut programs).is_ok();
        (programs, whole)
    }

    #[test]
    fn every_version_is_read() {
        for cache in all() {
            assert_eq!(read(&cache), (PATHS.map(str::to_owned).to_vec(), true));
        }
        assert_eq!(read(&[]), (Vec::new(), true));
        assert_eq!(read(&[&[0x34, 0, 0, 0][..], &[0; 0x30]].concat()), (Vec::new(), true));
    }

    #[test]
    fn what_is_cut_off_says_so_and_gives_what_is_left() {
        for cache in all() {
            for length in 1..cache.len() {
                let (programs, whole) = read(&cache[..length]);
                assert!(programs.len() <= PATHS.len());
                // The last entry ends with what is not read.
                assert!(!whole || programs.len() < PATHS.len() || length > cache.len() - 30, "{length}");
            }
        }
        let cache = new(b"10ts", 0x34);
        assert_eq!(read(&cache[..cache.len() - 1]), (vec![PATHS[0].to_owned()], false));
    }

    #[test]
    fn lying_sizes_cost_one_program() {
        let mut cache = new(b"10ts", 0x34);
        cache[0x34 + 12..][..2].copy_from_slice(&u16::MAX.to_le_bytes());
        assert_eq!(read(&cache), (vec![PATHS[1].to_owned()], false));
        let mut cache = old(true);
        cache[128 + 8..][..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(read(&cache), (vec![PATHS[1].to_owned()], false));
        let mut cache = old(false);
        cache[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(!read(&cache).1);
        assert_eq!(read(b"garbage"), (Vec::new(), false));
    }

    #[test]
    fn an_app_is_its_family() {
        let text = "00000009\t000a0000042d0000\t000a000000000000\t0000014c\tContoso.App\th5k2m9q8r7t6w\t";
        assert_eq!(packaged(text).as_deref(), Some("Contoso.App_h5k2m9q8r7t6w"));
        assert_eq!(packaged(PATHS[0]), None);
    }
}
