//! Bundles: the result of one look in one file, records as JSON lines under zstd. A bundle that ends early is read as far
//! as it goes, and says so with a gap that hides everything.

use crate::PlaceError;
use ostrakon_model::record::BUNDLE_SCHEMA;
use ostrakon_model::{Ending, Gap, GapReason, Locator, Look, Presence, Presences, Record};
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// How a bundle's name ends.
pub const SUFFIX: &str = ".ostrakon";

/// The longest line a reader takes: a listing of a folder is cut into lines far below it.
const LONGEST_LINE: u64 = 64 << 20;

/// What records are for: those of the second kind are all that a second look at the same place asks about.
///
/// Each kind lies in zstd frames of its own, and before each frame a skippable one (RFC 8878, 3.1.2) says what it is and how
/// long: so a second look passes over the rest, and any zstd reader gives all lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All that was seen.
    All,
    /// What is recognised, and what tells whether files have changed.
    Again,
}

/// How a skippable frame begins, and the size of what is in ours: the kind in a byte, the length of the next frame in eight.
const SIGN: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0];
/// How many bytes of lines a frame holds, or a little more.
const FRAME: usize = 4 << 20;

/// Writes a bundle. It appears under its name only when it is whole.
pub struct BundleWriter {
    out: BufWriter<fs::File>,
    all: Vec<u8>,
    again: Vec<u8>,
    part: std::path::PathBuf,
    file: std::path::PathBuf,
}

impl BundleWriter {
    /// Begins the bundle `file` with its head.
    pub fn create(file: &Path, look: &Look) -> Result<Self, PlaceError> {
        if fs::symlink_metadata(file).is_ok_and(|there| !there.is_file()) {
            let why = "it is there, and is no file";
            return Err(write_error(file, std::io::Error::new(std::io::ErrorKind::AlreadyExists, why)));
        }
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let part = std::path::PathBuf::from(part);
        let create = || {
            // A bundle tells much about a machine: only its owner reads it. What a look that was cut off left is replaced,
            // and a link in its place is not followed.
            match fs::remove_file(&part) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = fs::OpenOptions::new();
            let file = std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600)
                .write(true)
                .create_new(true)
                .open(&part)?;
            Ok(BufWriter::new(file))
        };
        let out = create().map_err(|source| write_error(file, source))?;
        let mut writer = Self { out, all: Vec::new(), again: Vec::new(), part, file: file.to_owned() };
        writer.record(&Record::Look(Box::new(look.clone())))?;
        writer.frame(Kind::Again)?;
        Ok(writer)
    }

    /// Adds one record, for all readers.
    pub fn record(&mut self, record: &Record) -> Result<(), PlaceError> {
        let mut line = serde_json::to_vec(record).map_err(|error| write_error(&self.file, error.into()))?;
        line.push(b'\n');
        self.lines(&line, Kind::Again)
    }

    /// Adds lines that are records already.
    pub fn lines(&mut self, lines: &[u8], kind: Kind) -> Result<(), PlaceError> {
        let waiting = self.waiting(kind);
        waiting.extend_from_slice(lines);
        if waiting.len() >= FRAME { self.frame(kind) } else { Ok(()) }
    }

    fn waiting(&mut self, kind: Kind) -> &mut Vec<u8> {
        match kind {
            Kind::All => &mut self.all,
            Kind::Again => &mut self.again,
        }
    }

    /// Writes the lines that wait.
    fn frame(&mut self, kind: Kind) -> Result<(), PlaceError> {
        let lines = std::mem::take(self.waiting(kind));
        if lines.is_empty() {
            return Ok(());
        }
        let mut write = || {
            let frame = zstd::bulk::compress(&lines, 3)?;
            self.out.write_all(&SIGN)?;
            self.out.write_all(&[u8::from(kind == Kind::Again)])?;
            self.out.write_all(&(frame.len() as u64).to_le_bytes())?;
            self.out.write_all(&frame)
        };
        write().map_err(|source| write_error(&self.file, source))
    }

    /// Ends the bundle and gives it its name.
    pub fn finish(mut self, ending: &Ending) -> Result<(), PlaceError> {
        self.frame(Kind::All)?;
        self.record(&Record::Ending(ending.clone()))?;
        self.frame(Kind::Again)?;
        let Self { out, part, file, .. } = self;
        let close = || {
            let out = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            out.sync_all()?;
            fs::rename(&part, &file)
        };
        close().map_err(|source| write_error(&file, source))
    }
}

fn write_error(file: &Path, source: std::io::Error) -> PlaceError {
    PlaceError::Write { file: file.display().to_string(), source }
}

/// Reads a bundle record by record.
pub struct BundleReader {
    lines: BufReader<zstd::stream::read::Decoder<'static, BufReader<fs::File>>>,
    file: String,
    line: u64,
    /// The head.
    pub look: Look,
    ended: bool,
}

impl BundleReader {
    /// Opens the bundle `file` and reads its head.
    pub fn open(file: &Path) -> Result<Self, PlaceError> {
        let name = file.display().to_string();
        let not = |why: String| PlaceError::Bundle { file: name.clone(), why };
        let opened = fs::File::open(file).map_err(|error| not(error.to_string()))?;
        let decoder = zstd::stream::read::Decoder::new(opened).map_err(|error| not(error.to_string()))?;
        let mut lines = BufReader::with_capacity(256 << 10, decoder);
        let head = read_line(&mut lines).map_err(&not)?.ok_or_else(|| not("it is empty".to_owned()))?;
        let look = match serde_json::from_slice(&head) {
            Ok(Record::Look(look)) if look.schema == BUNDLE_SCHEMA => *look,
            Ok(Record::Look(look)) => {
                return Err(not(format!("it is of schema {}, this program reads {BUNDLE_SCHEMA}", look.schema)));
            }
            Ok(_) => return Err(not("it does not begin with its head".to_owned())),
            Err(error) => return Err(not(error.to_string())),
        };
        Ok(Self { lines, file: name, line: 1, look, ended: false })
    }

    /// Calls `each` for every record after the head. What cannot be read becomes one gap that hides everything.
    pub fn records(mut self, each: &mut dyn FnMut(Record)) {
        loop {
            self.line += 1;
            let problem = match read_line(&mut self.lines) {
                Ok(None) if self.ended => return,
                Ok(None) => "it ends before the look did".to_owned(),
                Ok(Some(_)) if self.ended => "it goes on after its ending".to_owned(),
                Err(why) => why,
                Ok(Some(line)) => match serde_json::from_slice::<Record>(&line) {
                    Ok(record) => {
                        self.ended = matches!(record, Record::Ending(_));
                        each(record);
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
            };
            each(Record::Gap(Gap {
                locator: Locator::of_path(self.file.as_bytes()),
                reason: GapReason::Truncated,
                hides: Presences::of(&Presence::ALL),
                collector: "bundle".to_owned(),
                detail: format!("record {}: {problem}", self.line),
            }));
            return;
        }
    }
}

/// Calls `each` for the records of the bundle `file` that a second look asks about, but for its head.
///
/// # Errors
/// A sentence that says what is wrong with it; whoever gets one has to look at everything.
pub fn again(file: &Path, each: &mut dyn FnMut(Record)) -> Result<(), String> {
    let mut bytes = BufReader::new(fs::File::open(file).map_err(|error| error.to_string())?);
    let mut ended = false;
    let mut frames = 0;
    let (mut packed, mut lines) = (Vec::new(), Vec::with_capacity(FRAME + FRAME / 4));
    let mut decoder = zstd::bulk::Decompressor::new().map_err(|error| error.to_string())?;
    loop {
        let mut sign = [0; 17];
        let read = fill(&mut bytes, &mut sign).map_err(|error| error.to_string())?;
        if read == 0 {
            return if ended { Ok(()) } else { Err("it ends before the look did".to_owned()) };
        }
        if read < sign.len() || sign[..8] != SIGN {
            return Err("it was written by another version".to_owned());
        }
        let length = u64::from_le_bytes(sign[9..].try_into().unwrap_or_default());
        if sign[8] == 0 {
            let length = i64::try_from(length).map_err(|error| error.to_string())?;
            bytes.seek_relative(length).map_err(|error| error.to_string())?;
            continue;
        }
        packed.clear();
        bytes.by_ref().take(length.min(LONGEST_LINE)).read_to_end(&mut packed).map_err(|error| error.to_string())?;
        lines.clear();
        // A frame says how much it holds; none of ours holds more than its longest line beyond what a frame is cut at.
        let size = zstd::zstd_safe::get_frame_content_size(&packed).ok().flatten().unwrap_or_default();
        lines.reserve(usize::try_from(size.min(LONGEST_LINE + FRAME as u64)).unwrap_or_default());
        decoder.decompress_to_buffer(&packed, &mut lines).map_err(|error| error.to_string())?;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if ended || line.last() != Some(&b'\n') {
                return Err("it ends in the middle of a record, or goes on after its ending".to_owned());
            }
            match serde_json::from_slice::<Record>(line).map_err(|error| error.to_string())? {
                Record::Look(_) if frames == 0 => {}
                record => {
                    ended = matches!(record, Record::Ending(_));
                    each(record);
                }
            }
        }
        frames += 1;
    }
}

fn fill(bytes: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match bytes.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn read_line(lines: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if read as u64 == LONGEST_LINE => Err("a record longer than any this program writes".to_owned()),
        Some(_) => Err("it ends in the middle of a record".to_owned()),
    }
}
