//! Links of the desktop and the start menu (MS-SHLLINK): what they start. One alone proves nothing of what it leads to. Own
//! code: a header and a few texts behind it.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::{le16, le32, utf16};
use crate::trace;
use ostrakon_model::{GapReason, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Lnk;

static META: Meta = Meta {
    id: "lnk",
    what: "Links (.lnk) in start menus, on desktops, in task bars and among what was used last: the programs they lead to, with \
           arguments.",
    cannot_see: "Links elsewhere; targets that are no files, such as applications of the Store; targets that only a list of \
                 the shell's own items names; jump lists.",
    attributes: &[trace::SOURCE, trace::PATH, trace::NAME, trace::ARGUMENTS],
    hides: Presences::of(&[Presence::Remnant]),
    live: false,
};

/// Links have some KiB.
const MOST: u64 = 1 << 20;
const HEADER: usize = 76;
/// The class of links, behind the size of the header.
const BEGINS: &[u8] = b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";

/// Folders whose links somebody starts things by; Windows XP has names of its own for them in other languages.
const FOLDERS: [&str; 9] = [
    "start menu",
    "desktop",
    "startup",
    "recent",
    "quick launch",
    "taskbar",
    "главное меню",
    "рабочий стол",
    "автозагрузка",
];

impl Collector for Lnk {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Ending(".lnk")]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        let path = String::from_utf8_lossy(path).to_lowercase();
        path.split('/').rev().skip(1).any(|folder| FOLDERS.contains(&folder))
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let bytes = seen.whole(MOST)?;
        if bytes.is_empty() {
            return Ok(Examined::Whole);
        }
        if !bytes.starts_with(BEGINS) {
            return Err(Fault::corrupt("it does not begin as links do"));
        }
        let link = Link::read(&bytes).ok_or_else(|| Fault::new(GapReason::Truncated, "it ends inside what it says"))?;
        // What leads to a page, a printer or a folder of the shell names no file.
        let Some(target) = link.target else { return Ok(Examined::Whole) };
        out.add(trace::of(seen, "shell-link", &target).with(trace::ARGUMENTS, link.arguments));
        Ok(Examined::Whole)
    }
}

#[derive(Default)]
struct Link {
    target: Option<String>,
    arguments: String,
}

impl Link {
    fn read(bytes: &[u8]) -> Option<Self> {
        let flags = le32(bytes, 20)?;
        let has = |bit: u32| flags & bit != 0;
        let mut link = Self::default();
        let mut at = HEADER;
        if has(1) {
            at = at.checked_add(2)?.checked_add(usize::from(le16(bytes, at)?))?;
        }
        if has(2) {
            let info = bytes.get(at..at.checked_add(le32(bytes, at)? as usize)?)?;
            // One that has no place for its own size would be read again and again.
            at = at.checked_add(info.len().max(4))?;
            link.target = local(info);
        }
        // Title, path from the link, folder to start in, arguments, icon.
        let mut relative = None;
        for bit in [4, 8, 0x10, 0x20, 0x40].into_iter().filter(|bit| has(*bit)) {
            let length = usize::from(le16(bytes, at)?) * if has(0x80) { 2 } else { 1 };
            let start = at.checked_add(2)?;
            at = start.checked_add(length)?;
            let text = bytes.get(start..at)?;
            let text = if has(0x80) { utf16(text) } else { narrow(text) };
            match bit {
                8 => relative = Some(text),
                0x20 => link.arguments = text,
                _ => {}
            }
        }
        if link.target.is_none() {
            link.target = variable(bytes, at).or(relative);
        }
        Some(link)
    }
}

/// The path of a file of this machine: a first part and a rest, in letters of a code page and perhaps in Unicode.
fn local(info: &[u8]) -> Option<String> {
    // Bit 1: there is one; what lies on another machine has a name of the network instead.
    if le32(info, 8)? & 1 == 0 {
        return None;
    }
    let text = |field| le32(info, field).and_then(|at| info.get(at as usize..));
    if le32(info, 4)? >= 36 {
        let (base, rest) = (text(28).map(utf16), text(32).map(utf16));
        let path = base.map(|base| base + &rest.unwrap_or_default()).filter(|path| !path.is_empty());
        if path.is_some() {
            return path;
        }
    }
    let path = narrow(text(16)?) + &text(24).map(narrow).unwrap_or_default();
    Some(path).filter(|path| !path.is_empty())
}

/// Letters up to a 0; which code page they are of is not said.
fn narrow(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The path with variables, from the blocks behind the texts: 260 bytes of letters, then 520 of Unicode.
fn variable(bytes: &[u8], start: usize) -> Option<String> {
    let mut rest = bytes.get(start..)?;
    while let Some(size) = le32(rest, 0).filter(|size| *size >= 8) {
        let (block, after) = rest.split_at_checked(size as usize)?;
        if le32(block, 4) == Some(0xa000_0001) {
            return block.get(268..).map(utf16).filter(|path| !path.is_empty());
        }
        rest = after;
    }
    None
}
