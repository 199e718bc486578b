//! Looking: a place named on the command line becomes a look with its gaps, and what the sinks make of it.

use crate::args::{Global, Looking};
use crate::error::CommandError;
use crate::home::Home;
use crate::lockdown;
use crate::sinks::{BundleSink, IdentifySink, Kept, Shared};
use crate::terminal::{self, Progress};
use jiff::Timestamp;
use ostrakon_collect::{Looked, Marks, Place, Sink, look, look_at_host, methods};
use ostrakon_identify::evidence::Evidence;
use ostrakon_identify::finding::gather;
use ostrakon_identify::{Finding, Hits, Recogniser, Subject};
use ostrakon_model::record::BUNDLE_SCHEMA;
use ostrakon_model::{
    ArtifactKind, Asset, AssetKind, Ending, Excluded, Exclusion, FileDigest, Gap, GapReason, Locator, Look,
    MethodState, Presence, Presences, Record, locator,
};
use ostrakon_place::{Borders, BundleReader, BundleWriter, FolderTree, PlaceError, Tree};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A place that holds files, opened.
pub(crate) struct Opened {
    tree: FolderTree,
    borders: Borders,
    live: bool,
    name: String,
    /// What the user calls it.
    asset: Option<String>,
}

/// The one place where the program asks for the time.
#[expect(clippy::disallowed_methods, reason = "the command line passes the clock in")]
pub(crate) fn now_exactly() -> Timestamp {
    Timestamp::now()
}

/// The time, as looks and reports give it.
pub(crate) fn now() -> Timestamp {
    let now = now_exactly();
    // No look is so exact that parts of a second mean anything.
    now.round(jiff::Unit::Second).unwrap_or(now)
}

/// Is this the place of files of a bundle?
pub(crate) fn is_bundle(place: &Path) -> bool {
    place.is_file()
}

/// A place as it was named.
enum Named<'a> {
    Bundle(&'a Path),
    Files(Box<Opened>),
}

/// Looks at every place, or at this machine if none is named, and says of each which bundle it was, if it was one.
///
/// Every place is opened before anything is read, and the running machine comes first: it is asked about processes, which a
/// locked process may not do. `writes`: files whose folders the locked process must still write in.
pub(crate) fn look_at(
    global: &Global,
    places: &[PathBuf],
    looking: &Looking,
    recogniser: &Recogniser,
    writes: &[&Path],
) -> Result<Vec<(Subject, Option<PathBuf>)>, CommandError> {
    if looking.asset.is_some() && places.len() > 1 {
        let help = "look at each place by itself, with a name of its own";
        return Err(CommandError::new("--asset names one asset, and several places are given", help));
    }
    let home = Home::of(global)?;
    let places: Vec<Option<&Path>> = match places {
        [] => vec![None],
        list => list.iter().map(|place| Some(place.as_path())).collect(),
    };
    let mut opened = Vec::new();
    for place in places {
        opened.push(match place {
            Some(bundle) if is_bundle(bundle) => Named::Bundle(bundle),
            place => Named::Files(Box::new(Opened::open(place, looking, writes, home.path())?)),
        });
    }
    opened.sort_by_key(|named| !matches!(named, Named::Files(files) if files.is_live()));
    let mut locked = None;
    let mut list = Vec::new();
    for named in &opened {
        let mut lock = || locked.get_or_insert_with(|| lockdown::lock(writes)).clone();
        list.push(match named {
            Named::Files(files) => (files.identify(global, looking, recogniser, lock), None),
            Named::Bundle(bundle) => {
                lock();
                (of_bundle(bundle, recogniser)?, Some(bundle.to_path_buf()))
            }
        });
    }
    Ok(list)
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
        Ok(Self { tree, borders, live, name, asset: looking.asset.clone() })
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
    fn head(&self, lock: &str, marks: &Marks) -> Look {
        let user = rustix::process::geteuid();
        let who = if user.is_root() { "root".to_owned() } else { format!("user (uid {})", user.as_raw()) };
        Look {
            schema: BUNDLE_SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: now().to_string(),
            asset: self.asset(),
            place: self.tree.path().display().to_string(),
            privilege: format!("{who}; {lock}"),
            methods: methods(self.live),
            marks: marks.bytes().iter().map(|mark| hex(mark)).collect(),
        }
    }

    fn place<'a>(&'a self, marks: &'a Marks) -> Place<'a> {
        Place { tree: &self.tree, borders: &self.borders, live: self.live, marks }
    }

    /// What only a running machine has, where the place is one.
    fn host<S: Sink>(&self, sink: S) -> (Looked, S) {
        if self.live { look_at_host(&self.place(&Marks::default()), sink) } else { (Looked::default(), sink) }
    }

    fn files<S: Sink>(
        &self,
        global: &Global,
        looking: &Looking,
        marks: &Marks,
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
        let looked = look(&self.place(marks), sinks, &progress.files);
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
    ) -> Subject {
        let new = || IdentifySink::of(recogniser);
        let (mut looked, first) = self.host(new());
        let marks = Marks::of(recogniser.marks());
        let look = self.head(&lock(), &marks);
        let (files, sinks) = self.files(global, looking, &marks, first, new);
        looked.add(&files);
        let mut subject = gathered(recogniser, look, Some(ending(&looked)), sinks);
        subject.gaps.extend(self.nothing_there(&looked));
        self.hash(&mut subject.findings);
        subject
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
        let look = self.head(&lock(), marks);
        let shared = Mutex::new(Shared { writer: BundleWriter::create(out, &look)?, error: None });
        let new = || BundleSink::of(&shared, recogniser);
        let mut first = new();
        kept.artifacts.into_iter().for_each(|artifact| first.artifact(artifact));
        kept.gaps.into_iter().for_each(|gap| first.gap(gap));
        let (files, sinks) = self.files(global, looking, marks, first, new);
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
            digests.extend(evidence.sha256.map(|sha256| (file_of(&evidence.locator).to_owned(), sha256)));
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
        (looked.files == 0).then(|| Gap {
            locator: Locator("/".to_owned()),
            reason: GapReason::Unreached,
            hides: Presences::FILES,
            collector: "files".to_owned(),
            detail: "it holds no file: is the disk mounted?".to_owned(),
        })
    }

    /// Hashes the files that evidence names, as long as that stays a small part of the look.
    fn hash(&self, findings: &mut [Finding]) {
        const MOST_BYTES: u64 = 4 << 30;
        let mut budget = MOST_BYTES;
        for evidence in findings.iter_mut().flat_map(|finding| &mut finding.evidence) {
            if can_be_hashed(evidence) && evidence.sha256.is_none() {
                evidence.sha256 = self.digest(evidence, &mut budget);
            }
        }
    }

    fn digest(&self, evidence: &Evidence, budget: &mut u64) -> Option<String> {
        let path = locator::decode(file_of(&evidence.locator));
        let split = path.iter().rposition(|byte| *byte == b'/')?;
        let (folder, name) = (&path[..split.max(1)], &path[split + 1..]);
        let file = self.tree.folder(folder).ok()?.open(name).ok()?;
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

/// Is the file the evidence lies in a thing of its own? A database of packages or accounts changes with every other.
fn can_be_hashed(evidence: &Evidence) -> bool {
    !matches!(evidence.kind, ArtifactKind::Package | ArtifactKind::Process | ArtifactKind::Account)
}

/// The file of a locator that goes on inside it.
fn file_of(locator: &Locator) -> &str {
    locator.as_str().split('!').next().unwrap_or_default()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `file` as seen from `root`, if it lies below it.
fn inside(root: &Path, file: &Path) -> Option<Vec<u8>> {
    // A file that is still to be written lies in a folder that is there.
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let whole = match std::fs::canonicalize(file) {
        Ok(whole) => whole,
        Err(_) => std::fs::canonicalize(parent).ok()?.join(file.file_name()?),
    };
    let rest = whole.strip_prefix(root).ok()?;
    Some([b"/", std::os::unix::ffi::OsStrExt::as_bytes(rest.as_os_str())].concat())
}

fn ending(looked: &Looked) -> Ending {
    Ending {
        finished: now().to_string(),
        files: looked.files,
        folders: looked.folders,
        bytes_read: looked.bytes_read,
        artifacts: looked.artifacts,
        by_collector: looked.by_collector.clone(),
    }
}

/// Reads the bundle `file` and recognises in it.
pub(crate) fn of_bundle(file: &Path, recogniser: &Recogniser) -> Result<Subject, PlaceError> {
    let reader = BundleReader::open(file)?;
    let look = reader.look.clone();
    let mut sink = IdentifySink::of(recogniser);
    sink.gaps.extend(not_collected(&look, recogniser));
    let mut ending: Option<Ending> = None;
    let (mut names, mut artifacts) = (0, 0);
    let mut digests = BTreeMap::new();
    reader.records(&mut |record| match record {
        Record::Look(_) => {}
        Record::Listing(listing) => {
            names += listing.names.len() as u64;
            sink.listing(&listing);
        }
        Record::Artifact(artifact) => {
            artifacts += 1;
            sink.artifact(artifact);
        }
        Record::Gap(gap) => sink.gap(gap),
        Record::Excluded(excluded) => sink.excluded(excluded),
        Record::Digest(digest) => drop(digests.insert(digest.locator.0, digest.sha256)),
        Record::Ending(end) => ending = Some(end),
    });
    if let Some(ending) = &ending
        && ending.artifacts != names + artifacts
    {
        let detail = format!("it ends with {} artifacts and holds {}", ending.artifacts, names + artifacts);
        sink.gap(Gap {
            locator: Locator::of_path(file.as_os_str().as_encoded_bytes()),
            reason: GapReason::Corrupt,
            hides: Presences::of(&Presence::ALL),
            collector: "bundle".to_owned(),
            detail,
        });
    }
    let mut subject = gathered(recogniser, look, ending, vec![sink]);
    for evidence in subject.findings.iter_mut().flat_map(|finding| &mut finding.evidence) {
        if can_be_hashed(evidence) {
            evidence.sha256 = digests.get(file_of(&evidence.locator)).cloned();
        }
    }
    Ok(subject)
}

/// Of several looks at one place of one asset the latest counts; the others are said and left out. Looks at other places
/// of it, two disks of one machine, count beside each other.
pub(crate) fn latest(global: &Global, subjects: Vec<Subject>) -> Vec<Subject> {
    let kept = latest_quietly(subjects.clone());
    for subject in &subjects {
        let (asset, place) = (&subject.look.asset, &subject.look.place);
        let same = |known: &&Subject| known.look.asset == *asset && known.look.place == *place;
        if let Some(known) = kept.iter().find(same).filter(|known| known.look.started != subject.look.started) {
            let text = format!(
                "Two looks at {} ({place}): the one of {} counts. If they are two assets, look with --asset NAME.",
                asset.name, known.look.started
            );
            terminal::say(global, &terminal::printable(&text));
        }
    }
    kept
}

/// The same, where looks of all times are what is asked for.
pub(crate) fn latest_quietly(mut subjects: Vec<Subject>) -> Vec<Subject> {
    let mut kept: Vec<Subject> = Vec::new();
    subjects.sort_by(|one, other| other.look.started.cmp(&one.look.started));
    for subject in subjects {
        let (asset, place) = (&subject.look.asset, &subject.look.place);
        if !kept.iter().any(|known| known.look.asset == *asset && known.look.place == *place) {
            kept.push(subject);
        }
    }
    kept.reverse();
    kept
}

/// What is asked for now and was not looked for when the bundle was made, though this version would.
fn not_collected(look: &Look, recogniser: &Recogniser) -> Option<Gap> {
    let then = look.not_collected();
    let now: std::collections::BTreeSet<_> = methods(look.asset.kind == AssetKind::Host)
        .into_iter()
        .filter(|method| method.state == MethodState::Used)
        .flat_map(|method| method.attributes)
        .collect();
    let asked = recogniser.attributes();
    let mut missing: Vec<String> =
        asked.iter().filter(|it| then.contains(it) && now.contains(it)).map(ToString::to_string).collect();
    let marks = recogniser.marks().iter().filter(|mark| !look.marks.contains(&hex(mark))).count();
    if marks > 0 {
        missing.push(format!("{marks} mark(s) in executables"));
    }
    (!missing.is_empty()).then(|| Gap {
        locator: Locator("/".to_owned()),
        reason: GapReason::NotCollected,
        hides: Presences::FILES,
        collector: "bundle".to_owned(),
        detail: missing.join(", "),
    })
}

fn gathered(recogniser: &Recogniser, look: Look, ending: Option<Ending>, sinks: Vec<IdentifySink<'_>>) -> Subject {
    let mut hits = Hits::default();
    let (mut gaps, mut excluded) = (Vec::new(), Vec::new());
    for sink in sinks {
        hits.absorb(sink.hits);
        gaps.extend(sink.gaps);
        excluded.extend(sink.excluded);
    }
    gaps.sort_by(|one: &Gap, other| (&one.locator, one.reason).cmp(&(&other.locator, other.reason)));
    excluded.sort_by(|one: &Excluded, other| one.locator.cmp(&other.locator));
    let findings = gather(recogniser, &look.asset.id, hits);
    Subject { look, ending, findings, gaps, excluded }
}

/// What an inventory came to.
pub(crate) struct Inventoried {
    pub(crate) look: Look,
    pub(crate) ending: Ending,
    pub(crate) gaps: u64,
}
