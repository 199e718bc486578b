//! Looking: a place named on the command line becomes a look with its gaps, and what the sinks make of it.

use crate::args::{Global, Looking};
use crate::error::CommandError;
use crate::home::Home;
use crate::lockdown;
use crate::opened::Opened;
use crate::sinks::IdentifySink;
use crate::terminal;
use jiff::Timestamp;
use ostrakon_collect::{Looked, Sink, methods};
use ostrakon_identify::evidence::Evidence;
use ostrakon_identify::finding::gather;
use ostrakon_identify::{Hits, Recogniser, Subject};
use ostrakon_model::{
    ArtifactKind, AssetKind, Ending, Excluded, Gap, GapReason, Locator, Look, MethodState, Presence, Presences, Record,
};
use ostrakon_place::{BundleReader, PlaceError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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

/// Is this place a bundle? One that is damaged is told by its name.
pub(crate) fn is_bundle(place: &Path) -> bool {
    let named = place.to_string_lossy().ends_with(ostrakon_place::bundle::SUFFIX);
    place.is_file() && (named || BundleReader::open(place).is_ok())
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
            Named::Files(files) => (files.identify(global, looking, recogniser, lock)?, None),
            Named::Bundle(bundle) => {
                lock();
                (of_bundle(bundle, recogniser)?, Some(bundle.to_path_buf()))
            }
        });
    }
    Ok(list)
}

/// Is the file the evidence lies in a thing of its own? A database of packages or accounts changes with every other.
pub(crate) fn can_be_hashed(evidence: &Evidence) -> bool {
    !matches!(evidence.kind, ArtifactKind::Package | ArtifactKind::Process | ArtifactKind::Account)
}

/// The file of a locator that goes on inside it.
pub(crate) fn file_of(locator: &Locator) -> &str {
    locator.as_str().split('!').next().unwrap_or_default()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `file` as seen from `root`, if it lies below it.
pub(crate) fn inside(root: &Path, file: &Path) -> Option<Vec<u8>> {
    // A file that is still to be written lies in a folder that is there.
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let whole = match std::fs::canonicalize(file) {
        Ok(whole) => whole,
        Err(_) => std::fs::canonicalize(parent).ok()?.join(file.file_name()?),
    };
    let rest = whole.strip_prefix(root).ok()?;
    Some([b"/", std::os::unix::ffi::OsStrExt::as_bytes(rest.as_os_str())].concat())
}

pub(crate) fn ending(looked: &Looked) -> Ending {
    Ending {
        finished: now().to_string(),
        files: looked.files,
        folders: looked.folders,
        bytes_read: looked.bytes_read,
        members: looked.members,
        bytes_inflated: looked.bytes_inflated,
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
        Record::Artifact(artifact) | Record::Known(artifact) => {
            artifacts += 1;
            sink.artifact(artifact);
        }
        Record::Gap(gap) => sink.gap(gap),
        Record::Excluded(excluded) => sink.excluded(excluded),
        Record::Stamps(_) | Record::Name(_) => {}
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
        if can_be_hashed(evidence) && evidence.sha256.is_none() {
            evidence.sha256 = digests.get(evidence.locator.as_str()).cloned();
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

pub(crate) fn gathered(
    recogniser: &Recogniser,
    look: Look,
    ending: Option<Ending>,
    sinks: Vec<IdentifySink<'_>>,
) -> Subject {
    let mut hits = Hits::default();
    let (mut gaps, mut excluded) = (Vec::new(), Vec::new());
    for sink in sinks {
        hits.absorb(sink.hits);
        gaps.extend(sink.gaps);
        excluded.extend(sink.excluded);
    }
    gaps.sort_by(|one: &Gap, other| (&one.locator, one.reason).cmp(&(&other.locator, other.reason)));
    excluded.sort_by(|one: &Excluded, other| one.locator.cmp(&other.locator));
    let statements = std::mem::take(&mut hits.statements);
    let findings = gather(recogniser, &look.asset.id, &look.layers, hits);
    Subject { look, ending, findings, gaps, excluded, statements }
}

/// What an inventory came to.
pub(crate) struct Inventoried {
    pub(crate) look: Look,
    pub(crate) ending: Ending,
    pub(crate) gaps: u64,
}
