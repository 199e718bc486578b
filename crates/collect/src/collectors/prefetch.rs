//! What Windows noted of programs it started, to start them faster the next time: one file for each program and each place it
//! ran from, kept after it is gone. Format: libyal, "Windows Prefetch File (PF) format".

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::{le32, le64, utf16};
use crate::{trace, windows_path};
use ostrakon_model::{GapReason, Presence, Presences};
use ostrakon_place::Fault;
use ostrakon_place::disk::ntfs::xpress_huffman;

pub(crate) struct Prefetch;

static META: Meta = Meta {
    id: "prefetch",
    what: "Prefetch files of Windows XP to 11, compressed ones too: programs that were run, where from, how often, and up to \
           eight times when.",
    cannot_see: "Programs that ran where Windows keeps no such files, as servers do not, or that were driven out by later \
                 ones; files of Windows on drives of its own kind (ReadyBoot, Layout).",
    attributes: &[trace::SOURCE, trace::PATH, trace::NAME, trace::LAST_RUN, trace::RUN_COUNT],
    hides: Presences::of(&[Presence::Remnant]),
    live: false,
};

/// The largest have some 2 MiB.
const MOST: u64 = 16 << 20;
/// The longest name that the header has room for.
const NAME: usize = 29;

impl Collector for Prefetch {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Ending(".pf")]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        path.rsplit(|byte| *byte == b'/').nth(1).is_some_and(|folder| folder.eq_ignore_ascii_case(b"prefetch"))
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let bytes = seen.whole(MOST)?;
        if bytes.is_empty() {
            return Ok(Examined::Whole);
        }
        let unpacked;
        let bytes = if bytes.starts_with(b"MAM") {
            unpacked = unpack(&bytes)?;
            &unpacked
        } else {
            &*bytes
        };
        let Some(run) = Run::read(bytes)? else { return Ok(Examined::NotMine) };
        let path = run.path(bytes);
        let mut artifact = trace::of(seen, "prefetch", path.as_deref().unwrap_or(&run.name));
        run.times.iter().for_each(|time| artifact.push(trace::LAST_RUN, time));
        artifact.push(trace::RUN_COUNT, run.count.to_string());
        out.add(artifact);
        match path {
            Some(_) => Ok(Examined::Whole),
            None => Err(Fault::corrupt("it does not say where its program lies")),
        }
    }
}

/// Since Windows 10: how it is packed, the size of what is, perhaps a checksum, and XPRESS with Huffman codes.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let how = bytes.get(3).copied().unwrap_or_default();
    if how & 0x7f != 4 {
        return Err(Fault::new(GapReason::UnsupportedFormat, format!("packed in way {how}, which is not known")));
    }
    let start = if how & 0x80 == 0 { 8 } else { 12 };
    let cut_off = || Fault::new(GapReason::Truncated, "it ends inside its header");
    let size = le32(bytes, 4).ok_or_else(cut_off)?;
    if u64::from(size) > MOST {
        return Err(Fault::new(GapReason::Limit, format!("it unpacks to more than {} MiB", MOST >> 20)));
    }
    let mut unpacked = vec![0; size as usize];
    xpress_huffman(bytes.get(start..).ok_or_else(cut_off)?, &mut unpacked).map_err(Fault::corrupt)?;
    Ok(unpacked)
}

/// What the header says.
struct Run {
    name: String,
    count: u32,
    times: Vec<String>,
}

impl Run {
    /// None where it is no prefetch file: other files of the folder are called so as well.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        if bytes.get(4..8) != Some(b"SCCA") {
            return Ok(None);
        }
        let cut_off = || Fault::new(GapReason::Truncated, "it ends inside its header");
        let number = |at| le32(bytes, at).ok_or_else(cut_off);
        // Where the times lie and how many, and the count. Those of version 30 come in two forms, told by how long they are.
        let (at, times, count) = match (number(0)?, number(84)?) {
            (17, _) => (120, 1, 144),
            (23, _) => (128, 1, 152),
            (26, _) | (30, 304..) => (128, 8, 208),
            (30 | 31, _) => (128, 8, 200),
            (version, _) => {
                let detail = format!("version {version}, which is not known");
                return Err(Fault::new(GapReason::UnsupportedFormat, detail));
            }
        };
        if number(12)? as usize > bytes.len() {
            return Err(Fault::new(GapReason::Truncated, "it is shorter than it says"));
        }
        let times = (0..times).filter_map(|number| windows_path::time(le64(bytes, at + 8 * number)?)).collect();
        let name = utf16(bytes.get(16..76).ok_or_else(cut_off)?);
        Ok(Some(Self { name, count: number(count)?, times }))
    }

    /// The path of the program, from those of all files that were read when it started.
    fn path(&self, bytes: &[u8]) -> Option<String> {
        let start = le32(bytes, 100)? as usize;
        let list = bytes.get(start..start.checked_add(le32(bytes, 104)? as usize)?)?;
        let units: Vec<u16> = list.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let mut paths = units.split(|unit| *unit == 0).map(String::from_utf16_lossy);
        paths.find(|path| {
            let name = path.rsplit('\\').next().unwrap_or(path);
            let whole = self.name.chars().count() < NAME;
            let begin: String = if whole { name.to_owned() } else { name.chars().take(NAME).collect() };
            begin.to_lowercase() == self.name.to_lowercase()
        })
    }
}
