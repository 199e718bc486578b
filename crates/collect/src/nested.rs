//! Going into containers: an archive, package or image is a place of its own, and what lies in it is looked at like any
//! other file, to any depth within the limits.

use crate::collector::HEAD;
use crate::collectors::archives::HIDES;
use crate::look::Sink;
use crate::worker::{At, Worker, guarded};
use ostrakon_model::locator::encode;
use ostrakon_model::{Gap, GapReason, Locator, Presence};
use ostrakon_place::container::{self, Codec, Format, Member, NotOpened, Purse, sniff};
use ostrakon_place::disk::{self, Image};
use ostrakon_place::{EntryKind, Fault, File, Folder, Tree};
use rustc_hash::FxHashSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

/// Is this file worth asking whether it is a container?
pub(crate) fn could_be(name: &[u8], head: &[u8]) -> bool {
    sniff(name, head).is_some()
}

/// A container that is open, as its members see it.
struct Inside<'n> {
    /// The locator of the container and what separates members from it; behind that, the member's path, while it is told.
    text: String,
    /// How long the first part of `text` is.
    prefix: usize,
    copy: bool,
    deleted: bool,
    owner: Option<&'n str>,
    /// The number of the layer it is of the image that the place is.
    layer: Option<usize>,
    tree: &'n dyn Tree,
    depth: u32,
    purse: &'n Purse,
    /// The folder that was named last.
    folder: String,
    /// The folder whose classes were told last.
    package: Vec<u8>,
    /// Only what these lead to; the first is a path in this container.
    parts: &'n [Vec<u8>],
    /// Was anything found that they lead to?
    found: bool,
}

impl<'n> Inside<'n> {
    /// A member of which nothing is said yet.
    fn at(&self) -> At<'n> {
        At {
            path: b"",
            text: "",
            tree: self.tree,
            alone: false,
            copy: self.copy,
            deleted: self.deleted,
            owner: self.owner,
            depth: self.depth,
            purse: Some(self.purse),
        }
    }
}

impl<S: Sink> Worker<'_, S> {
    /// Goes into the file where it is a container.
    pub(crate) fn enter(&mut self, at: &At<'_>, file: &dyn File, head: &[u8]) {
        match sniff(at.name(), head) {
            None => {}
            Some(Err(NotOpened(kind))) => self.not_opened(at, Fault::new(GapReason::ArchiveNotOpened, kind)),
            Some(Ok(format)) if self.is_worth_it(format, at, head) => {
                self.open(format, at, file, &[]);
            }
            Some(Ok(_)) => {}
        }
    }

    /// Goes to what `parts` lead to inside the file, and looks at that alone. Was it there?
    pub(crate) fn lead(&mut self, at: &At<'_>, file: &dyn File, parts: &[Vec<u8>]) -> bool {
        let mut head = vec![0; HEAD];
        let format = match file.read_at(0, &mut head) {
            Ok(read) => sniff(at.name(), &head[..read]),
            Err(fault) => {
                self.unread(at, fault);
                return true;
            }
        };
        match format {
            Some(Ok(format)) => self.open(format, at, file, parts),
            Some(Err(NotOpened(kind))) => {
                self.not_opened(at, Fault::new(GapReason::ArchiveNotOpened, kind));
                true
            }
            None => false,
        }
    }

    /// Single compressed files are many, and most hold text: a look at what their first bytes inflate to tells.
    fn is_worth_it(&mut self, format: Format, at: &At<'_>, head: &[u8]) -> bool {
        let Format::Compressed(codec) = format else { return true };
        let name = at.name();
        let inner = name.iter().rposition(|byte| *byte == b'.').map_or(name, |dot| &name[..dot]);
        if !self.limits.paranoid && is_documentation(at.path) && (is_inert(inner) || is_document(inner)) {
            return false;
        }
        let mut bytes = [0; 512];
        let known = if codec == Codec::Gzip { container::peek(head, &mut bytes) } else { None };
        // Too little to tell an archive by: it is opened.
        let Some(known) = known.filter(|known| *known == bytes.len() || self.ends_there(head, *known)) else {
            return true;
        };
        let bytes = &bytes[..known];
        if self.router.by_name(at.path, inner) || sniff(inner, bytes).is_some() || Image::may_be(bytes) {
            return true;
        }
        let mut wanted = Vec::new();
        self.router.by_magic(bytes, &mut wanted);
        !wanted.is_empty()
    }

    /// Is that all that a compressed file of one head holds?
    fn ends_there(&self, head: &[u8], known: usize) -> bool {
        // Its last four bytes are the size of what it holds (RFC 1952), where it is one stream alone.
        let size = head.last_chunk::<4>().map(|size| u32::from_le_bytes(*size) as usize);
        head.len() < HEAD && known > 0 && size == Some(known)
    }

    fn open(&mut self, format: Format, at: &At<'_>, file: &dyn File, parts: &[Vec<u8>]) -> bool {
        if at.depth >= self.limits.depth {
            let (reason, detail) = if self.limits.depth == 0 {
                (GapReason::ArchiveNotOpened, format!("{}; opened with --depth 1 and more", format.title()))
            } else {
                let depth = self.limits.depth;
                (GapReason::Limit, format!("{} in {depth} others: deeper with --depth", format.title()))
            };
            let told = !matches!(format, Format::SelfExtracting | Format::Msi | Format::Disk(Image::Raw));
            if told || self.has_members(format, at.name(), file) {
                self.not_opened(at, Fault::new(reason, detail));
            }
            return true;
        }
        // What lies in a container is paid for by the outermost.
        if let Some(purse) = at.purse {
            return self.opened(format, at, file, parts, purse);
        }
        let size = match file.size() {
            Ok(size) => size,
            Err(fault) => {
                self.not_opened(at, fault);
                return true;
            }
        };
        let purse = Purse::of(self.limits, self.memory.clone(), size);
        let found = self.opened(format, at, file, parts, &purse);
        self.looked.bytes_inflated += purse.inflated();
        found
    }

    fn opened(&mut self, format: Format, at: &At<'_>, file: &dyn File, parts: &[Vec<u8>], purse: &Purse) -> bool {
        match format {
            Format::Disk(image) => self.disk(image, at, file, parts, purse),
            format => self.members(format, at, file, parts, purse),
        }
    }

    /// Is there anything in a file that its first bytes only make a container perhaps?
    fn has_members(&self, format: Format, name: &[u8], file: &dyn File) -> bool {
        let purse = Purse::of(self.limits, self.memory.clone(), file.size().unwrap_or_default());
        let mut found = false;
        let opened = guarded(|| {
            if let Format::Disk(image) = format {
                return disk::volumes(file, image != Image::Raw, &mut |_, _| {
                    found = true;
                    ControlFlow::Break(())
                });
            }
            container::open(format, name, file, &purse, &mut |_, _| {
                found = true;
                ControlFlow::Break(())
            })
        });
        found || opened.is_err()
    }

    pub(crate) fn members(
        &mut self,
        format: Format,
        at: &At<'_>,
        file: &dyn File,
        parts: &[Vec<u8>],
        purse: &Purse,
    ) -> bool {
        let layer = self.image.and_then(|image| image.layer(at.text));
        let owner = crate::collectors::package_file::owner(format, file, purse);
        let mut inside = Inside {
            text: format!("{}!", at.text),
            prefix: at.text.len() + 1,
            copy: at.copy || !is_java(at.name()),
            deleted: at.deleted,
            owner: owner.as_deref().or(at.owner),
            layer,
            // Its files know no tree, and stand below no root of the place.
            tree: match self.image {
                Some(image) if layer.is_some() => image,
                _ => &Nowhere,
            },
            depth: at.depth + 1,
            purse,
            folder: String::new(),
            package: Vec::new(),
            parts,
            found: false,
        };
        let result = guarded(|| {
            container::open(format, at.name(), file, purse, &mut |member, file| self.member(member, file, &mut inside))
        });
        if let Err(fault) = result {
            self.not_opened(at, fault);
        }
        inside.found
    }

    fn member(&mut self, member: &Member<'_>, file: &dyn File, inside: &mut Inside<'_>) -> ControlFlow<()> {
        if member.path == b"/" {
            return ControlFlow::Continue(());
        }
        let mut rest: &[Vec<u8>] = &[];
        if let Some((part, others)) = inside.parts.split_first() {
            let below =
                member.path == part || (member.path.starts_with(part) && member.path.get(part.len()) == Some(&b'/'));
            if !below || (!others.is_empty() && member.path != part) {
                return ControlFlow::Continue(());
            }
            rest = others;
        }
        let whole = inside.parts.is_empty() || rest.is_empty();
        if whole && member.packed && !self.limits.paranoid && member.path.ends_with(b".class") {
            self.class(member, inside);
            return ControlFlow::Continue(());
        }
        let mut text = std::mem::take(&mut inside.text);
        text.push_str(&encode(member.path));
        let (mut copy, mut owner) = (inside.copy, inside.owner);
        if let (Some(image), Some(layer)) = (self.image, inside.layer) {
            // What no layer above hides or deletes is in the image, and not in a copy.
            copy = !image.shows(layer, member.path);
            owner = if copy || member.kind == EntryKind::Folder { None } else { self.owners.of(member.path) };
        }
        let at = At { path: member.path, text: &text, copy, owner, ..inside.at() };
        if rest.is_empty() {
            inside.found = true;
            self.told(member, file, &at, &mut inside.folder);
        } else {
            inside.found |= self.lead(&at, file, rest);
        }
        text.truncate(inside.prefix);
        inside.text = text;
        ControlFlow::Continue(())
    }

    /// Tells a member's name, and looks at what it holds.
    fn told(&mut self, member: &Member<'_>, file: &dyn File, at: &At<'_>, last_folder: &mut String) {
        self.looked.members += 1;
        let slash = at.text.rfind('/').unwrap_or_default();
        let folder = &at.text[..slash];
        if last_folder != folder {
            folder.clone_into(last_folder);
            self.sink.folder(folder);
        }
        self.name(at, member.kind == EntryKind::Folder);
        if member.kind == EntryKind::File {
            let members = self.looked.members;
            self.content(member, file, at);
            if self.looked.members > members {
                // Names of its own members were told in between.
                self.sink.folder(last_folder);
            }
        }
    }

    /// Classes of a Java archive are told by the folder they lie in, once: they are most of its members.
    fn class(&mut self, member: &Member<'_>, inside: &mut Inside<'_>) {
        inside.found = true;
        let name = crate::reading::last_part(member.path);
        let folder = &member.path[..member.path.len() - name.len()];
        if inside.package == folder {
            return;
        }
        folder.clone_into(&mut inside.package);
        let Some(folder) = folder.strip_suffix(b"/").filter(|folder| !folder.is_empty()) else { return };
        let mut text = std::mem::take(&mut inside.text);
        text.push_str(&encode(folder));
        let at = At { path: folder, text: &text, ..inside.at() };
        let above = text.rfind('/').unwrap_or_default();
        if inside.folder != text[..above] {
            text[..above].clone_into(&mut inside.folder);
            self.sink.folder(&text[..above]);
        }
        self.looked.members += 1;
        self.name(&at, true);
        text.truncate(inside.prefix);
        inside.text = text;
    }

    /// Looks at what a member holds, if anybody could want it.
    pub(crate) fn content(&mut self, member: &Member<'_>, file: &dyn File, at: &At<'_>) {
        let mut wanted = Vec::new();
        self.router.folder(&at.path[..at.path.len() - at.name().len()], &mut wanted);
        self.router.names(at.path, at.name(), member.packed, &mut wanted);
        let inert = || is_inert(at.name()) || memchr::memmem::find(at.path, b"/META-INF/services/").is_some();
        if member.packed && wanted.is_empty() && !self.limits.paranoid && inert() {
            return;
        }
        // Inflating 4 KiB of everything costs more than asking twice of the few that are wanted.
        let mut head = vec![0; if wanted.is_empty() && member.packed { 512 } else { HEAD }];
        let read = match file.read_at(0, &mut head) {
            Ok(read) => read,
            Err(fault) => return self.unread(at, fault),
        };
        self.router.by_magic(&head[..read], &mut wanted);
        let cut = head.len() < HEAD && read == head.len();
        let format = sniff(at.name(), &head[..read]);
        if wanted.is_empty() && format.is_none() && !(cut && Image::may_be(&head)) {
            return;
        }
        let mut length = read;
        if cut {
            head.resize(HEAD, 0);
            length = match file.read_at(0, &mut head) {
                Ok(read) => read,
                Err(fault) => return self.unread(at, fault),
            };
        }
        self.examine(at, file, &head[..length], &wanted);
    }

    pub(crate) fn not_opened(&mut self, at: &At<'_>, fault: Fault) {
        let Fault { reason, detail, gone } = fault;
        if !gone && !at.deleted {
            let locator = Locator(at.text.to_owned());
            self.gaps += 1;
            let mut hides = HIDES;
            if is_java(at.name()) && !at.copy {
                hides.insert(Presence::Installed);
            }
            self.sink.gap(Gap { locator, reason, hides, collector: "archives".to_owned(), detail });
        }
    }
}

/// Does a name say that a file holds neither a program nor a list of anything? Inside compressed archives such files are
/// most, and inflating each to see that it is what it says would be most of a look.
fn is_inert(name: &[u8]) -> bool {
    static KNOWN: LazyLock<FxHashSet<&[u8]>> = LazyLock::new(|| INERT.iter().map(|ending| ending.as_bytes()).collect());
    const NAMES: [&[u8]; 4] = [b"LICENSE", b"NOTICE", b"COPYING", b"AUTHORS"];
    if NAMES.contains(&name) {
        return true;
    }
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return false };
    let ending = &name[dot + 1..];
    let mut lower = [0; 16];
    let Some(lower) = lower.get_mut(..ending.len()) else { return false };
    lower.copy_from_slice(ending);
    lower.make_ascii_lowercase();
    KNOWN.contains(&*lower)
}

/// How such names end.
const INERT: &[&str] = &[
    "class",
    "html",
    "htm",
    "css",
    "js",
    "mjs",
    "cjs",
    "ts",
    "map",
    "png",
    "gif",
    "jpg",
    "jpeg",
    "svg",
    "ico",
    "properties",
    "xsd",
    "dtd",
    "xsl",
    "xml",
    "md",
    "rst",
    "txt",
    "java",
    "kt",
    "scala",
    "groovy",
    "py",
    "pyi",
    "pyc",
    "pxd",
    "c",
    "h",
    "cc",
    "cpp",
    "hpp",
    "go",
    "rs",
    "rb",
    "php",
    "ttf",
    "woff",
    "woff2",
    "po",
    "mo",
    "less",
    "scss",
    "rels",
    "vue",
    "clj",
    "json",
    "yaml",
    "yml",
    "toml",
    "proto",
    "mf",
    "sf",
    "csv",
    "tmpl",
    "sql",
    "tasty",
    // Stubs of classes, as every JDK has them by the ten thousand, and signatures that lie beside what they sign.
    "sig",
    "kotlin_module",
    "kotlin_metadata",
    "kotlin_builtins",
    "res",
    "rsc",
    "tld",
    "jsp",
    "dict",
    "brk",
    "nrm",
    "typed",
];

/// What is in a Java archive is installed with it; any other container is a copy of what lies in it.
fn is_java(name: &[u8]) -> bool {
    [&b".jar"[..], b".war", b".ear"]
        .iter()
        .any(|ending| name.len() > ending.len() && name[name.len() - ending.len()..].eq_ignore_ascii_case(ending))
}

/// Is it where systems keep manual pages and documents?
fn is_documentation(path: &[u8]) -> bool {
    [&b"/share/man/"[..], b"/share/doc/", b"/share/info/"].iter().any(|part| memchr::memmem::find(path, part).is_some())
}

/// Is it the name of a manual page or a list of changes, as distributions compress them by the ten thousand?
fn is_document(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 5] = [b"changelog", b"changes", b"news", b"readme", b"todo"];
    const ENDINGS: [&[u8]; 4] = [b"", b".Debian", b".old", b".upstream"];
    let stem = name.iter().position(|byte| *byte == b'.').unwrap_or(name.len());
    let section = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let manual = name.len() > section.len()
        && matches!(section, [b'1'..=b'9', rest @ ..] if rest.len() < 7)
        && memchr::memmem::find(name, b".so.").is_none();
    manual || (NAMES.iter().any(|known| name[..stem].eq_ignore_ascii_case(known)) && ENDINGS.contains(&&name[stem..]))
}

/// The tree of what lies in a container: nothing beside a file can be asked for.
struct Nowhere;

fn nowhere() -> Fault {
    let mut fault = Fault::new(GapReason::NotCollected, "files beside it in its container are not asked about");
    fault.gone = true;
    fault
}

impl Tree for Nowhere {
    fn folder(&self, _path: &[u8]) -> Result<Box<dyn Folder>, Fault> {
        Err(nowhere())
    }

    fn find(&self, _path: &[u8]) -> Result<Box<dyn File>, Fault> {
        Err(nowhere())
    }

    fn kind(&self, _path: &[u8]) -> Result<Option<EntryKind>, Fault> {
        Err(nowhere())
    }
}
