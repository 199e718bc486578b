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

/// Writes a bundle. It appears under its name only when it is whole.
pub struct BundleWriter {
    out: zstd::stream::write::Encoder<'static, BufWriter<fs::File>>,
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
            let out = BufWriter::new(file);
            zstd::stream::write::Encoder::new(out, 3)
        };
        let out = create().map_err(|source| write_error(file, source))?;
        let mut writer = Self { out, part, file: file.to_owned() };
        writer.record(&Record::Look(Box::new(look.clone())))?;
        Ok(writer)
    }

    /// Adds one record.
    pub fn record(&mut self, record: &Record) -> Result<(), PlaceError> {
        let mut line = serde_json::to_vec(record).map_err(|error| write_error(&self.file, error.into()))?;
        line.push(b'\n');
        self.lines(&line)
    }

    /// Adds lines that are records already.
    pub fn lines(&mut self, lines: &[u8]) -> Result<(), PlaceError> {
        self.out.write_all(lines).map_err(|source| write_error(&self.file, source))
    }

    /// Ends the bundle and gives it its name.
    pub fn finish(mut self, ending: &Ending) -> Result<(), PlaceError> {
        self.record(&Record::Ending(ending.clone()))?;
        let Self { out, part, file } = self;
        let close = || {
            let out = out.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
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
    pub fn records(self, each: &mut dyn FnMut(Record)) {
        self.some(&|_| true, each);
    }

    /// The same for the records whose lines `wanted` takes; the others are not read.
    pub fn some(mut self, wanted: &dyn Fn(&[u8]) -> bool, each: &mut dyn FnMut(Record)) {
        loop {
            self.line += 1;
            let problem = match read_line(&mut self.lines) {
                Ok(None) if self.ended => return,
                Ok(None) => "it ends before the look did".to_owned(),
                Ok(Some(_)) if self.ended => "it goes on after its ending".to_owned(),
                Err(why) => why,
                Ok(Some(line)) if !wanted(&line) => continue,
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
