//! What takes what a look yields: one recognises on the way, one writes a bundle, one keeps.

use ostrakon_collect::Sink;
use ostrakon_identify::{Hits, Recogniser};
use ostrakon_model::{Artifact, ArtifactKind, Excluded, Gap, KnownName, Listing, Name, Owner, Record, Stamps};
use ostrakon_place::bundle::Kind;
use ostrakon_place::{BundleWriter, PlaceError};
use std::sync::{Mutex, PoisonError};

/// Keeps what comes in before there is a bundle to write it to.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) gaps: Vec<Gap>,
}

impl Sink for Kept {
    fn folder(&mut self, _path: &str) {}
    fn entry(&mut self, _name: &Name<'_>) {}
    fn artifact(&mut self, artifact: Artifact) {
        self.artifacts.push(artifact);
    }
    fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }
    fn excluded(&mut self, _excluded: Excluded) {}
}

/// Recognises as things come in.
pub(crate) struct IdentifySink<'a> {
    recogniser: &'a Recogniser,
    pub(crate) hits: Hits,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) excluded: Vec<Excluded>,
}

impl<'a> IdentifySink<'a> {
    pub(crate) fn of(recogniser: &'a Recogniser) -> Self {
        Self { recogniser, hits: Hits::default(), gaps: Vec::new(), excluded: Vec::new() }
    }

    fn see(&mut self, artifact: &Artifact) {
        self.recogniser.artifact(artifact, &mut self.hits);
    }

    /// A listing of a bundle, as if its names were met one by one.
    pub(crate) fn listing(&mut self, listing: &Listing) {
        let top = listing.dir.trim_end_matches('/');
        let mut path = String::new();
        let mut owners = vec![None; listing.names.len()];
        for (owner, list) in &listing.owners {
            for at in list {
                if let Some(place) = owners.get_mut(*at as usize) {
                    *place = Some(owner.as_str());
                }
            }
        }
        for (name, owner) in listing.names.iter().zip(owners) {
            let (name, folder) = name.strip_suffix('/').map_or((name.as_str(), false), |name| (name, true));
            path.clear();
            path.push_str(top);
            path.push('/');
            path.push_str(name);
            let name = Name { path: &path, name, is_folder: folder, owner: Owner::Known(owner), copy: listing.copy };
            self.recogniser.entry(&name, &mut self.hits);
        }
    }
}

impl Sink for IdentifySink<'_> {
    fn folder(&mut self, _path: &str) {}

    fn entry(&mut self, name: &Name<'_>) {
        self.recogniser.entry(name, &mut self.hits);
    }

    fn artifact(&mut self, artifact: Artifact) {
        self.see(&artifact);
    }

    fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    fn excluded(&mut self, excluded: Excluded) {
        self.excluded.push(excluded);
    }
}

/// The one bundle that all threads write to.
pub(crate) struct Shared {
    pub(crate) writer: BundleWriter,
    pub(crate) error: Option<PlaceError>,
}

/// Writes as things come in: lines are gathered by each thread and handed over in pieces.
pub(crate) struct BundleSink<'s, 'r> {
    shared: &'s Mutex<Shared>,
    lines: Vec<u8>,
    /// Lines that a second look asks about.
    again: Vec<u8>,
    listing: Listing,
    pub(crate) gaps: u64,
    /// What the dossiers of today recognise on the way.
    pub(crate) known: IdentifySink<'r>,
}

/// How many names a line of a listing holds at most: a folder with more goes on in the next.
const NAMES_A_LINE: usize = 4096;
/// How many bytes of lines a thread keeps before it hands them over.
const PIECE: usize = 256 << 10;

impl<'s, 'r> BundleSink<'s, 'r> {
    pub(crate) fn of(shared: &'s Mutex<Shared>, recogniser: &'r Recogniser) -> Self {
        let known = IdentifySink::of(recogniser);
        Self { shared, lines: Vec::new(), again: Vec::new(), listing: Listing::default(), gaps: 0, known }
    }

    fn record(&mut self, record: &Record) {
        let again = matches!(record, Record::Known(_) | Record::Name(_) | Record::Stamps(_));
        let lines = if again { &mut self.again } else { &mut self.lines };
        // Records are plain data: they always have a JSON form.
        if serde_json::to_writer(&mut *lines, record).is_ok() {
            lines.push(b'\n');
        }
        if lines.len() > PIECE {
            self.flush();
        }
    }

    pub(crate) fn close_listing(&mut self) {
        if !self.listing.names.is_empty() {
            let next = Listing { dir: self.listing.dir.clone(), copy: self.listing.copy, ..Listing::default() };
            let listing = std::mem::replace(&mut self.listing, next);
            self.record(&Record::Listing(listing));
        }
    }

    pub(crate) fn flush(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for (lines, kind) in [(&mut self.lines, Kind::All), (&mut self.again, Kind::Again)] {
            if let Err(error) = shared.writer.lines(lines, kind) {
                shared.error = Some(error);
            }
            lines.clear();
        }
    }
}

impl Sink for BundleSink<'_, '_> {
    fn folder(&mut self, path: &str) {
        self.close_listing();
        path.clone_into(&mut self.listing.dir);
    }

    fn entry(&mut self, name: &Name<'_>) {
        let taken = self.known.hits.taken;
        self.known.entry(name);
        if self.known.hits.taken > taken {
            self.record(&Record::Name(KnownName {
                path: name.path.to_owned(),
                folder: name.is_folder,
                owner: name.owner.get().unwrap_or_default().to_owned(),
                copy: name.copy,
            }));
        }
        if name.copy != self.listing.copy {
            self.close_listing();
            self.listing.copy = name.copy;
        }
        if let Some(owner) = name.owner.get()
            && let Ok(at) = u32::try_from(self.listing.names.len())
        {
            self.listing.owners.entry(owner.to_owned()).or_default().push(at);
        }
        let slash = if name.is_folder { "/" } else { "" };
        self.listing.names.push(format!("{}{slash}", name.name));
        if self.listing.names.len() >= NAMES_A_LINE {
            self.close_listing();
        }
    }

    fn artifact(&mut self, artifact: Artifact) {
        let taken = self.known.hits.taken;
        self.known.see(&artifact);
        // Systems and packages are asked about whatever is looked for: what is a root, what needs what.
        let asked = matches!(artifact.kind, ArtifactKind::System | ArtifactKind::Package);
        let known = asked || self.known.hits.taken > taken;
        self.record(&if known { Record::Known(artifact) } else { Record::Artifact(artifact) });
    }

    fn gap(&mut self, gap: Gap) {
        self.gaps += 1;
        self.record(&Record::Gap(gap));
    }

    fn excluded(&mut self, excluded: Excluded) {
        self.record(&Record::Excluded(excluded));
    }

    fn stamps(&mut self, stamps: Stamps) {
        self.record(&Record::Stamps(stamps));
    }
}
