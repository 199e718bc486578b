//! SQLite databases, read from memory: nothing is opened beside the file, no journal is written, no lock taken. A
//! write-ahead log that lies beside the file is merged first, as the database itself would.

use crate::collector::Seen;
use crate::reading::be32;
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use rusqlite::Connection;

/// The largest database that is taken into memory: package databases of large systems stay below it.
const LIMIT: u64 = 192 << 20;

/// Opens the database `seen` with its write-ahead log.
pub(crate) fn open(seen: &Seen<'_>) -> Result<Connection, Fault> {
    let mut bytes = seen.whole(LIMIT)?.into_owned();
    let log = [seen.path, b"-wal"].concat();
    match seen.context.tree.find(&log).and_then(|file| file.read_all(LIMIT)) {
        Ok(log) => merge(&mut bytes, &log).map_err(Fault::corrupt)?,
        Err(fault) if fault.gone => {}
        Err(fault) => return Err(fault),
    }
    of_bytes(bytes)
}

/// Opens a database that is these bytes.
pub(crate) fn of_bytes(mut bytes: Vec<u8>) -> Result<Connection, Fault> {
    if !bytes.starts_with(b"SQLite format 3\0") || bytes.len() < 100 {
        return Err(Fault::corrupt("not an SQLite database"));
    }
    // Bytes 18 and 19 say whether it wants a write-ahead log beside it, which memory cannot have.
    bytes[18] = 1;
    bytes[19] = 1;
    let open = || {
        let mut database = Connection::open_in_memory()?;
        database.deserialize_read_exact("main", bytes.as_slice(), bytes.len(), true)?;
        // A hostile schema can hold triggers, views and functions: none of it is run.
        database.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;")?;
        Ok(database)
    };
    open().map_err(|error: rusqlite::Error| fault(&error))
}

/// What SQLite says as a fault.
pub(crate) fn fault(error: &rusqlite::Error) -> Fault {
    Fault::new(GapReason::Corrupt, error.to_string())
}

/// Puts the committed pages of the write-ahead log `log` into the database `bytes`.
///
/// Layout: <https://www.sqlite.org/fileformat.html#the_write_ahead_log>. A frame counts when its salt is the log's and
/// its checksum follows from the frames before; pages count up to the last frame that commits.
fn merge(bytes: &mut Vec<u8>, log: &[u8]) -> Result<(), &'static str> {
    let Some(big_endian) = (match be32(log, 0) {
        Some(0x377f_0683) => Some(true),
        Some(0x377f_0682) => Some(false),
        _ => None,
    }) else {
        return if log.is_empty() { Ok(()) } else { Err("beside it lies a write-ahead log of another kind") };
    };
    let page = be32(log, 8).map_or(0, |size| size as usize);
    if !page.is_power_of_two() || !(512..=65536).contains(&page) || log.len() < 32 {
        return Err("the head of its write-ahead log is damaged");
    }
    let mut sum = checksum(&log[..24], (0, 0), big_endian);
    if (Some(sum.0), Some(sum.1)) != (be32(log, 24), be32(log, 28)) {
        return Err("the head of its write-ahead log is damaged");
    }
    let mut pending: Vec<(usize, &[u8])> = Vec::new();
    for frame in log[32..].chunks_exact(24 + page) {
        let (head, content) = frame.split_at(24);
        sum = checksum(content, checksum(&head[..8], sum, big_endian), big_endian);
        if head[8..16] != log[16..24] || (Some(sum.0), Some(sum.1)) != (be32(head, 16), be32(head, 20)) {
            break;
        }
        let number = be32(head, 0).map_or(0, |number| number as usize);
        pending.push((number, content));
        let commits = be32(head, 4).map_or(0, |pages| pages as usize);
        // The frame that commits says how many pages the database then has.
        if (commits as u64).saturating_mul(page as u64) > LIMIT {
            return Err("its write-ahead log makes it larger than this reader takes");
        }
        if commits > 0 {
            bytes.resize(commits * page, 0);
            for (number, content) in pending.drain(..).filter(|(number, _)| (1..=commits).contains(number)) {
                bytes[(number - 1) * page..number * page].copy_from_slice(content);
            }
        }
    }
    Ok(())
}

fn checksum(bytes: &[u8], start: (u32, u32), big_endian: bool) -> (u32, u32) {
    let word = |chunk: &[u8]| {
        let four = [chunk[0], chunk[1], chunk[2], chunk[3]];
        if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    bytes.chunks_exact(8).fold(start, |(one, two), pair| {
        let one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        let two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
        (one, two)
    })
}
