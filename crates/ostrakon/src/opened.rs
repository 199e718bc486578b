//! A place with files, opened: a folder that holds a root, this machine, or one file and what lies in it.

use crate::args::{Global, Looking};
use crate::error::CommandError;
use crate::looking::{Inventoried, can_be_hashed, ending, file_of, gathered, hex, inside, now};
use crate::sinks::{BundleSink, IdentifySink, Kept, Shared};
use crate::terminal::{self, Progress};
use ostrakon_collect::{
    Earlier, Image, Looked, Marks, Place, Sink, look, look_at_file, look_at_host, methods, volumes,
};
use ostrakon_identify::evidence::Evidence;
use ostrakon_identify::{Finding, Recogniser, Subject};
use ostrakon_model::record::BUNDLE_SCHEMA;
use ostrakon_model::{
    Artifact, Asset, AssetKind, Exclusion, FileDigest, Gap, GapReason, Locator, Look, Presences, Record, locator,
};
use ostrakon_place::container::Limits;
use ostrakon_place::{Borders, BundleReader, BundleWriter, FolderTree, Tree, bundle};
use sha2::{Digest, Sha256};
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A place that holds files, opened.
pub(crate) struct Opened {
    tree: FolderTree,
    borders: Borders,
    live: bool,
    name: String,
    /// What the user calls it.
    asset: Option<String>,
    /// Where the place is one file: its path, and what leads into it.
    file: Option<(Vec<u8>, Vec<Vec<u8>>)>,
    limits: Limits,
    /// The container image it is, once that was read.
    image: OnceCell<Option<Image>>,
    /// The bundle of an earlier look at it, and what that look saw, once it was read.
    since: Option<PathBuf>,
    /// Never dropped: the program ends with it, and to give back its many small pieces one by one takes long.
    earlier: OnceCell<ManuallyDrop<Earlier>>,
    /// Files changed before this second of the epoch are given a stamp.
    stamped_before: Cell<Option<i64>>,
}

impl Opened {
    /// Opens `place`, or this machine. `outputs` are the program's own files, which it does not look at; neither does it at
    /// `home`, where the quarantine is.
    pub(crate) fn open(
        place: Option<&Path>,
        looking: &Looking,
        outputs: &[&Path],
        home: &Path,
    ) -> Result<Self, CommandError> {
        let root = place.unwrap_or(Path::new("/"));
        if let Some(file) = file_place(root)? {
            return Self::open_file(root, file, looking);
        }
        let tree = FolderTree::open(root)?;
        let live = tree.path() == Path::new("/");
        let mut borders = tree.borders()?;
        if looking.cross_network {
            borders.open_network();
        }
        for path in &looking.exclude {
            let there = std::fs::symlink_metadata(path).is_ok();
            let inside = inside(tree.path(), path).filter(|_| there).ok_or_else(|| {
                let help = format!("--exclude takes a folder or file below {}", root.display());
                CommandError::new(
                    format!("{} is not there, or not in the place that is looked at", path.display()),
                    help,
                )
            })?;
            borders.close(&inside, Exclusion::ByRequest);
        }
        for output in outputs {
            let mut part = output.as_os_str().to_owned();
            part.push(".part");
            for file in [output.to_path_buf(), PathBuf::from(part)] {
                if let Some(inside) = inside(tree.path(), &file) {
                    borders.close(&inside, Exclusion::OwnOutput);
                }
            }
        }
        // The program's own folders in its home, and only if they are its own: a home is no place to hide in.
        for name in ["runs", "ledger", "receipts", "plans", "keys"] {
            let folder = home.join(name);
            let own = std::fs::symlink_metadata(&folder).is_ok_and(|meta| {
                meta.is_dir() && std::os::unix::fs::MetadataExt::uid(&meta) == rustix::process::geteuid().as_raw()
            });
            if own && let Some(inside) = inside(tree.path(), &folder) {
                borders.close(&inside, Exclusion::OwnOutput);
            }
        }
        let name = if live { "this machine".to_owned() } else { root.display().to_string() };
        Ok(Self {
            live,
            name,
            asset: looking.asset.clone(),
            limits: limits(looking),
            since: since(looking),
            ..Self::of(tree, borders)
        })
    }

    /// Opens a file as a place: what it is by itself, and what lies in it.
    fn open_file(named: &Path, file: (PathBuf, Vec<Vec<u8>>), looking: &Looking) -> Result<Self, CommandError> {
        if !looking.exclude.is_empty() {
            let help = "it leaves out folders and files of a place that is a folder";
            return Err(CommandError::new(format!("--exclude, and {} is a file", named.display()), help));
        }
        if looking.since.is_some() {
            let help = "a file as a place is read whole: leave --since out";
            return Err(CommandError::new(format!("--since, and {} is a file", named.display()), help));
        }
        let (path, parts) = file;
        let path = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec();
        Ok(Self {
            name: named.display().to_string(),
            asset: looking.asset.clone(),
            file: Some((path, parts)),
            limits: limits(looking),
            ..Self::of(FolderTree::open(Path::new("/"))?, Borders::default())
        })
    }

    /// A place of which nothing is known but where it ends.
    fn of(tree: FolderTree, borders: Borders) -> Self {
        Self {
            tree,
            borders,
            live: false,
            name: String::new(),
            asset: None,
            file: None,
            limits: Limits::default(),
            image: OnceCell::new(),
            since: None,
            earlier: OnceCell::new(),
            stamped_before: Cell::new(None),
        }
    }

    /// Reads the earlier look, if there is one and it can serve: of the same place, by the same program, with the same
    /// dossiers and limits. What it saw of files that have not changed is then told again.
    fn read_earlier(&self, global: &Global, now: &Look) -> Result<(), CommandError> {
        let Some(file) = &self.since else { return Ok(()) };
        let reader = BundleReader::open(file)?;
        let then = &reader.look;
        let other = [
            ("another place", (&then.place, &then.asset.id) != (&now.place, &now.asset.id)),
            ("another version of this program", (&then.version, &then.methods) != (&now.version, &now.methods)),
            ("other dossiers", now.dossiers.iter().any(|one| !then.dossiers.contains(one))),
            ("other marks in programs", now.marks.iter().any(|one| !then.marks.contains(one))),
            ("other limits for archives", then.limits != now.limits),
        ];
        if let Some((what, _)) = other.iter().find(|(_, differs)| *differs) {
            let text = format!("{} is a look with {what}: every file is read again.", file.display());
            terminal::say(global, &terminal::printable(&text));
            return Ok(());
        }
        // Who writes a bundle wants all that was seen; else what the dossiers at hand recognise is enough.
        let brief = self.stamped_before.get().is_none();
        let mut earlier = Earlier::new(brief);
        let mut broken = None;
        let mut take = |record| match record {
            Record::Stamps(stamps) => earlier.stamps(stamps),
            Record::Artifact(artifact) | Record::Known(artifact) => earlier.artifact(artifact),
            Record::Name(name) if brief => earlier.name(name),
            // Names of the place's own folders are met again; those inside containers are not.
            Record::Listing(listing) if listing.dir.contains('!') => earlier.listing(listing),
            Record::Gap(gap) if gap.collector == "bundle" => broken = Some(gap.detail),
            Record::Name(_) | Record::Listing(_) | Record::Gap(_) | Record::Look(_) => {}
            Record::Excluded(_) | Record::Digest(_) | Record::Ending(_) => {}
        };
        let read = if brief {
            bundle::again(file, &mut take)
        } else {
            reader.records(&mut take);
            Ok(())
        };
        if let Some(why) = read.err().or(broken) {
            let text = format!("{} is not whole ({why}): every file is read again.", file.display());
            terminal::say(global, &terminal::printable(&text));
            return Ok(());
        }
        let _ = self.earlier.set(ManuallyDrop::new(earlier));
        Ok(())
    }

    /// Is it the running machine?
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    fn text(&self, path: &str) -> Option<String> {
        let bytes = self.tree.find(path.as_bytes()).and_then(|file| file.read_all(1 << 16)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The asset the place is.
    pub(crate) fn asset(&self) -> Asset {
        if let Some(image) = self.image.get().and_then(Option::as_ref) {
            let line = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|file| image.text(file));
            let os = line.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")));
            let os = os.unwrap_or_default().trim_matches('"').to_owned();
            let name = if image.name.is_empty() { self.name.clone() } else { image.name.clone() };
            let (id, name) = match &self.asset {
                Some(given) => (given.clone(), given.clone()),
                None => (format!("image:{}", image.digest), name),
            };
            return Asset { id, kind: AssetKind::Image, name, os };
        }
        if let Some(locator) = self.file_locator() {
            let name = locator.as_str().rsplit(['/', '!']).next().unwrap_or_default().to_owned();
            let (id, name) = match &self.asset {
                Some(given) => (given.clone(), given.clone()),
                None => (format!("file:{locator}"), name),
            };
            return Asset { id, kind: AssetKind::File, name, os: String::new() };
        }
        let path = self.tree.path().to_string_lossy();
        // The machine id is confidential by its own manual page: its digest serves as well.
        let machine = self.text("/etc/machine-id").filter(|id| id.len() == 32).map(|id| {
            let digest = Sha256::digest(format!("ostrakon\n{id}").as_bytes());
            format!("machine:{}", hex(&digest[..8]))
        });
        let os = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|file| {
            let text = self.text(file)?;
            let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
            Some(line.trim_matches('"').to_owned())
        });
        let name = if self.live {
            rustix::system::uname().nodename().to_string_lossy().into_owned()
        } else {
            let name = self.text("/etc/hostname").filter(|name| !name.is_empty());
            name.unwrap_or_else(|| self.tree.path().file_name().unwrap_or_default().to_string_lossy().into_owned())
        };
        // Two copies of one disk have one machine id: the path tells them apart from the machine itself.
        let id = match (machine, self.live) {
            (Some(machine), true) => machine,
            (Some(machine), false) => format!("{machine}@{path}"),
            (None, true) => format!("host:{name}"),
            (None, false) => format!("tree:{path}"),
        };
        let kind = if self.live { AssetKind::Host } else { AssetKind::Tree };
        if let Some(given) = &self.asset {
            return Asset { id: given.clone(), kind, name: given.clone(), os: os.unwrap_or_default() };
        }
        Asset { id, kind, name, os: os.unwrap_or_default() }
    }

    /// The head of the look that now begins. `lock` says what the process did to itself.
    fn head(&self, lock: &str, marks: &Marks, recogniser: &Recogniser) -> Look {
        let user = rustix::process::geteuid();
        let who = if user.is_root() { "root".to_owned() } else { format!("user (uid {})", user.as_raw()) };
        Look {
            schema: BUNDLE_SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: now().to_string(),
            asset: self.asset(),
            place: self.file_locator().map_or_else(|| self.tree.path().display().to_string(), |locator| locator.0),
            privilege: format!("{who}; {lock}"),
            methods: methods(self.live),
            marks: marks.bytes().iter().map(|mark| hex(mark)).collect(),
            dossiers: recogniser
                .dossiers()
                .iter()
                .map(|dossier| format!("{} {}", dossier.id, hex(&Sha256::digest(dossier.text.as_bytes()))))
                .collect(),
            limits: format!("{:?}", self.limits),
            layers: self.roots(),
        }
    }

    /// What together is the root of the place, where that is an image: its layers, or the volumes of its disk.
    fn roots(&self) -> Vec<Locator> {
        match (self.image.get().and_then(Option::as_ref), &self.file) {
            (Some(image), _) => image.roots(),
            (None, Some((path, _))) => volumes(&self.tree, path),
            (None, None) => Vec::new(),
        }
    }

    /// Where the one file lies that the place is.
    fn file_locator(&self) -> Option<Locator> {
        let (path, parts) = self.file.as_ref()?;
        Some(parts.iter().fold(Locator::of_path(path), |locator, part| locator.inside(part)))
    }

    fn place<'a>(&'a self, marks: &'a Marks, worth: &'a (dyn Fn(&Artifact) -> bool + Sync)) -> Place<'a> {
        Place {
            tree: &self.tree,
            live: self.live,
            marks,
            limits: self.limits,
            image: self.image(),
            earlier: self.earlier.get().map(|earlier| &**earlier),
            stamped_before: self.stamped_before.get(),
            worth,
        }
    }

    /// The container image that the place is, if it is one. Its lists are read, so the process must be locked by now.
    fn image(&self) -> Option<&Image> {
        let read = || match &self.file {
            None if self.live => None,
            None => Image::of_folder(&self.tree, self.limits),
            Some((path, parts)) if parts.is_empty() => {
                let file = self.tree.find(path).ok()?;
                Image::of_file(&locator::encode(path), file.as_ref(), self.limits)
            }
            Some(_) => None,
        };
        self.image.get_or_init(|| read().and_then(Result::ok)).as_ref()
    }

    /// What only a running machine has, where the place is one.
    fn host<S: Sink>(&self, sink: S) -> (Looked, S) {
        if self.live {
            look_at_host(&self.place(&Marks::default(), &|_| false), sink)
        } else {
            (Looked::default(), sink)
        }
    }

    fn files<S: Sink>(
        &self,
        global: &Global,
        looking: &Looking,
        marks: &Marks,
        recogniser: &Recogniser,
        first: S,
        new: impl Fn() -> S,
    ) -> (Looked, Vec<S>) {
        let threads = looking
            .threads
            .map_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get), usize::from);
        let mut sinks: Vec<S> = (1..threads).map(|_| new()).collect();
        sinks.insert(0, first);
        let progress = Progress::begin(global, &self.name);
        // A reader that panics becomes a gap; its message on stderr would only alarm.
        let hook = std::panic::take_hook();
        if !global.verbose {
            std::panic::set_hook(Box::new(|_| {}));
        }
        let worth = |artifact: &Artifact| recogniser.knows(artifact);
        let place = self.place(marks, &worth);
        let looked = match &self.file {
            None => look(&place, &self.tree, &self.borders, sinks, &progress.files),
            Some((path, parts)) => {
                let (looked, mut sink, found) =
                    look_at_file(&place, path, parts, sinks.swap_remove(0), &progress.files);
                if !found {
                    sink.gap(self.unreached("nothing of this name lies there"));
                }
                (looked, vec![sink])
            }
        };
        std::panic::set_hook(hook);
        looked
    }

    /// Looks, and recognises on the way. `lock` locks the process down, once what needs more is done, and says how far.
    pub(crate) fn identify(
        &self,
        global: &Global,
        looking: &Looking,
        recogniser: &Recogniser,
        lock: impl FnOnce() -> String,
    ) -> Result<Subject, CommandError> {
        let new = || IdentifySink::of(recogniser);
        let (mut looked, first) = self.host(new());
        let marks = Marks::of(recogniser.marks());
        let lock = lock();
        self.image();
        let look = self.head(&lock, &marks, recogniser);
        self.read_earlier(global, &look)?;
        let (files, sinks) = self.files(global, looking, &marks, recogniser, first, new);
        looked.add(&files);
        let mut subject = gathered(recogniser, look, Some(ending(&looked)), sinks);
        subject.gaps.extend(self.nothing_there(&looked));
        self.hash(&mut subject.findings);
        Ok(subject)
    }

    /// Looks, and writes everything into a bundle.
    pub(crate) fn inventory(
        &self,
        global: &Global,
        looking: &Looking,
        recogniser: &Recogniser,
        lock: impl FnOnce() -> String,
        out: &Path,
    ) -> Result<Inventoried, CommandError> {
        let marks = &Marks::of(recogniser.marks());
        let kept = Kept::default();
        let (mut looked, kept) = self.host(kept);
        let lock = lock();
        self.image();
        let look = self.head(&lock, marks, recogniser);
        // What is written while it is read may be written twice within what a clock of files can tell apart.
        self.stamped_before.set(Some(now().as_second() - 2));
        self.read_earlier(global, &look)?;
        let shared = Mutex::new(Shared { writer: BundleWriter::create(out, &look)?, error: None });
        let new = || BundleSink::of(&shared, recogniser);
        let mut first = new();
        kept.artifacts.into_iter().for_each(|artifact| first.artifact(artifact));
        kept.gaps.into_iter().for_each(|gap| first.gap(gap));
        let (files, sinks) = self.files(global, looking, marks, recogniser, first, new);
        looked.add(&files);
        let mut gaps = 0;
        let mut sinks = sinks;
        if let (Some(gap), Some(sink)) = (self.nothing_there(&looked), sinks.first_mut()) {
            sink.gap(gap);
        }
        let mut known = Vec::new();
        for mut sink in sinks {
            sink.close_listing();
            sink.flush();
            gaps += sink.gaps;
            known.push(sink.known);
        }
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = shared.error {
            return Err(error.into());
        }
        // The digests of what is known today: a report made of the bundle can name the very files.
        let mut writer = shared.writer;
        let mut findings = gathered(recogniser, look.clone(), None, known).findings;
        self.hash(&mut findings);
        let mut digests = BTreeMap::new();
        for evidence in findings.into_iter().flat_map(|finding| finding.evidence) {
            // What lies in a container has its digest with it.
            if !evidence.locator.as_str().contains('!') {
                digests.extend(evidence.sha256.map(|sha256| (evidence.locator.0, sha256)));
            }
        }
        for (file, sha256) in digests {
            writer.record(&Record::Digest(FileDigest { locator: Locator(file), sha256 }))?;
        }
        let ending = ending(&looked);
        writer.finish(&ending)?;
        Ok(Inventoried { look, ending, gaps })
    }

    /// A place without a file is more often a mount that failed than a place without a file.
    fn nothing_there(&self, looked: &Looked) -> Option<Gap> {
        (looked.files == 0).then(|| self.unreached("it holds no file: is the disk mounted?"))
    }

    fn unreached(&self, detail: &str) -> Gap {
        Gap {
            locator: self.file_locator().unwrap_or_else(|| Locator("/".to_owned())),
            reason: GapReason::Unreached,
            hides: Presences::FILES,
            collector: "files".to_owned(),
            detail: detail.to_owned(),
        }
    }

    /// Hashes the files that evidence names, as long as that stays a small part of the look.
    fn hash(&self, findings: &mut [Finding]) {
        const MOST_BYTES: u64 = 4 << 30;
        let mut budget = MOST_BYTES;
        for evidence in findings.iter_mut().flat_map(|finding| &mut finding.evidence) {
            // What lies in a container was hashed when it was met.
            let nested = evidence.locator.as_str().contains('!');
            if can_be_hashed(evidence) && evidence.sha256.is_none() && !nested {
                evidence.sha256 = self.digest(evidence, &mut budget);
            }
        }
    }

    fn digest(&self, evidence: &Evidence, budget: &mut u64) -> Option<String> {
        let path = locator::decode(file_of(&evidence.locator));
        let split = path.iter().rposition(|byte| *byte == b'/')?;
        let (folder, name) = (&path[..split.max(1)], &path[split + 1..]);
        let folder = self.tree.folder(folder).ok()?;
        let file = folder.open(name).ok()?;
        let size = file.size().ok()?;
        *budget = budget.checked_sub(size)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        let mut at = 0;
        loop {
            let read = file.read_at(at, &mut buffer).ok()?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            at += read as u64;
        }
        Some(hex(&hash.finalize()))
    }
}

/// The earlier look that was given; who wants everything read has none.
fn since(looking: &Looking) -> Option<PathBuf> {
    looking.since.clone().filter(|_| !looking.paranoid)
}

/// The limits that were asked for.
fn limits(looking: &Looking) -> Limits {
    Limits {
        depth: looking.depth,
        ratio: looking.most_expansion,
        members: looking.most_members,
        memory: looking.most_memory << 20,
        time: Duration::from_secs(looking.most_seconds),
        paranoid: looking.paranoid,
    }
}

/// A file of this machine, and the parts that lead to a place inside it.
type PartedPlace = (PathBuf, Vec<Vec<u8>>);

/// A place that is one file, or lies in one: the file, and what leads into it, part by part. A locator of an earlier look
/// can be given as it was printed.
fn file_place(place: &Path) -> Result<Option<PartedPlace>, CommandError> {
    let whole = |path: &Path| std::fs::canonicalize(path).ok().filter(|path| path.is_file());
    if let Some(path) = whole(place) {
        return Ok(Some((path, Vec::new())));
    }
    let text = place.to_string_lossy();
    let Some((outer, inner)) = text.split_once('!') else { return Ok(None) };
    let outer = locator::decode(outer);
    let outer: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(&outer);
    let Some(path) = whole(Path::new(outer)) else {
        let help = "a locator begins with the path of a file on this machine, then `!` and the path inside it";
        return Err(CommandError::new(format!("cannot look at {text}: there is no file {}", outer.display()), help));
    };
    let part = |part: &str| {
        let part = locator::decode(part.trim_end_matches('/'));
        if part.starts_with(b"/") { part } else { [b"/", part.as_slice()].concat() }
    };
    Ok(Some((path, inner.split('!').map(part).collect())))
}
