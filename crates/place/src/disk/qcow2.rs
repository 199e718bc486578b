//! Disks of QEMU (qcow2, versions 2 and 3; docs/interop/qcow2.rst of QEMU): tables of two levels lead to clusters that lie in
//! the file as they are, are packed, or lie in the image below. Own code: `qcow2-core` refuses zstd and images below, `qcow`
//! reads past the end; neither borrows its file.

use super::cluster::{Pages, Pieces, Run, Source, UNPACKED, big, fill, read};
use super::inflate::inflate;
use super::sibling::{Beside, Lent, Siblings};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::io::Read;

const MAGIC: &[u8] = b"QFI\xfb";
/// Clusters may be of 512 bytes to 2 MiB.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// The longest name of an image below, and the longest header with what follows it.
const NAME: u64 = 1023;
const HEADER: usize = 4 << 10;
/// The bits of a table's entry that are a place.
const PLACE: u64 = 0x00ff_ffff_ffff_fe00;
/// Features that a reader must know: was it closed, is it damaged, another file with the data, another compression,
/// smaller pieces.
const DIRTY: u64 = 1;
const DAMAGED: u64 = 2;
const DATA_FILE: u64 = 4;
const COMPRESSION: u64 = 8;
const EXTENDED: u64 = 16;

/// Is this the beginning of such an image?
pub(in crate::disk) fn is_one(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Shows the disk in the image `file`.
///
/// # Errors
/// Where the image contradicts its format, is encrypted, or what lies below it is not there.
pub(in crate::disk) fn open<'a>(file: &'a dyn File, siblings: &Siblings<'a>) -> Result<Box<dyn File + 'a>, Fault> {
    Ok(Box::new(Qcow2::open(Box::new(Lent(file)), &Beside::of(siblings))?))
}

/// The disk as it was when somebody kept its state in the image: those states are not read.
pub(in crate::disk) fn snapshots(file: &dyn File) -> Result<Option<Fault>, Fault> {
    let mut header = [0; 72];
    fill(file, 0, &mut header, "its header")?;
    let count = big(&header, 60, 4);
    let detail =
        format!("{count} internal snapshot(s) of the image are not read: make images of them with qemu-img convert -l");
    Ok((count > 0).then(|| Fault::new(GapReason::UnsupportedFormat, detail)))
}

struct Qcow2<'a> {
    file: Box<dyn File + 'a>,
    /// What holds the data, where it is another file.
    data: Option<Box<dyn File + 'a>>,
    below: Option<Box<dyn File + 'a>>,
    size: u64,
    cluster_bits: u32,
    /// Where the table of the first level is, and how many entries it has.
    table: u64,
    entries: u64,
    extended: bool,
    zstd: bool,
    pages: Pages,
    clusters: Pieces,
}

impl<'a> Qcow2<'a> {
    fn open(file: Box<dyn File + 'a>, beside: &Beside<'_, 'a>) -> Result<Self, Fault> {
        let mut header = vec![0; HEADER];
        let known = file.read_at(0, &mut header)?;
        header.truncate(known);
        let version = big(&header, 4, 4);
        if !is_one(&header) || known < 72 || (version > 2 && known < 104) {
            return Err(Fault::corrupt("the header of the qcow2 image is broken"));
        }
        if !(2..=3).contains(&version) {
            let detail = format!("a qcow2 image of version {version}, which is not known");
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        let features = if version == 2 { 0 } else { big(&header, 72, 8) };
        if features & !(DIRTY | DAMAGED | DATA_FILE | COMPRESSION | EXTENDED) != 0 {
            let detail = format!("a qcow2 image with features that are not known ({features:#x})");
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        if features & DAMAGED != 0 {
            return Err(Fault::corrupt("QEMU has marked the image as damaged: repair it with qemu-img check -r all"));
        }
        match big(&header, 32, 4) {
            0 => {}
            1 | 2 => {
                return Err(Fault::new(
                    GapReason::Encrypted,
                    "an encrypted qcow2 image: decrypt it with qemu-img convert",
                ));
            }
            _ => return Err(Fault::corrupt("a qcow2 image encrypted in a way that is not known")),
        }
        let cluster_bits = u32::try_from(big(&header, 20, 4)).ok().filter(|bits| CLUSTER_BITS.contains(bits));
        let cluster_bits =
            cluster_bits.ok_or_else(|| Fault::corrupt("a qcow2 image with clusters of a size that cannot be"))?;
        let length = if version == 2 { 72 } else { big(&header, 100, 4) };
        let zstd = match if length > 104 && features & COMPRESSION != 0 { big(&header, 104, 1) } else { 0 } {
            0 => false,
            1 => true,
            _ => {
                return Err(Fault::new(
                    GapReason::UnsupportedFormat,
                    "a qcow2 image packed in a way that is not known",
                ));
            }
        };
        let mut image = Self {
            size: big(&header, 24, 8),
            cluster_bits,
            table: big(&header, 40, 8),
            entries: big(&header, 36, 4),
            extended: features & EXTENDED != 0,
            zstd,
            data: None,
            below: None,
            pages: Pages::default(),
            clusters: Pieces::new(UNPACKED),
            file,
        };
        let held = (1_u128 << image.cluster_bits) * u128::from(image.in_table()) * u128::from(image.entries);
        if u128::from(image.size) > held {
            return Err(Fault::corrupt("the qcow2 image is larger than its table"));
        }
        let (mut format, mut data_name) = (None, None);
        for (kind, value) in extensions(&header, length) {
            match kind {
                0xe279_2aca => format = Some(value.to_vec()),
                0x4441_5441 => data_name = Some(value.to_vec()),
                _ => {}
            }
        }
        if features & DATA_FILE != 0 {
            let name = data_name.ok_or_else(|| Fault::corrupt("the file with the data of the image has no name"))?;
            image.data = Some(beside.part(&name)?);
        }
        let (at, length) = (big(&header, 8, 8), big(&header, 16, 4));
        if at != 0 && length != 0 {
            if length > NAME {
                return Err(Fault::corrupt("the name of the image below is too long"));
            }
            let mut name = vec![0; usize::try_from(length).unwrap_or_default()];
            fill(&*image.file, at, &mut name, "the name of the image below")?;
            image.below = Some(below(&name, format.as_deref(), beside)?);
        }
        Ok(image)
    }

    /// How many clusters a table of the second level speaks of.
    fn in_table(&self) -> u64 {
        (1 << self.cluster_bits) / self.entry()
    }

    /// The size of its entries.
    fn entry(&self) -> u64 {
        if self.extended { 16 } else { 8 }
    }

    /// What lies at `at`, and how far.
    fn run(&self, at: u64) -> Result<Run<'_>, Fault> {
        let cluster = 1_u64 << self.cluster_bits;
        let (number, inside) = (at / cluster, at % cluster);
        let left = cluster - inside;
        let (first, second) = (number / self.in_table(), number % self.in_table());
        if first >= self.entries {
            return Err(Fault::corrupt("a place behind the table of the image"));
        }
        let entry = |table: u64, bytes: u64| self.pages.array::<8>(0, &*self.file, table.checked_add(bytes));
        let table = big(&entry(self.table, first * 8)?, 0, 8) & PLACE;
        if table == 0 {
            let all = (self.in_table() - second).saturating_mul(cluster) - inside;
            return Run::below(self.below.as_deref(), at, all);
        }
        let leads = big(&entry(table, second * self.entry())?, 0, 8);
        if leads >> 62 & 1 == 1 {
            let piece = self.clusters.get(leads, || self.unpack(leads))?;
            let from = usize::try_from(inside).unwrap_or(usize::MAX);
            return Ok(Run { source: Source::Unpacked(piece, from), length: left });
        }
        let place = leads & PLACE;
        let data = self.data.as_deref().unwrap_or(&*self.file);
        let stored = |length: u64| Run::stored(data, place.checked_add(inside), length);
        if self.extended {
            let bits = big(&entry(table, second * 16 + 8)?, 0, 8);
            let piece = cluster / 32;
            let (index, length) = (inside / piece, piece - inside % piece);
            return match (bits >> index & 1, bits >> (32 + index) & 1) {
                (_, 1) => Ok(Run::zeros(length)),
                (0, _) => Run::below(self.below.as_deref(), at, length),
                _ => Ok(stored(length)),
            };
        }
        match (place, leads & 1) {
            (_, 1) => Ok(Run::zeros(left)),
            // The first cluster of another file is one like any; that of this one is its header.
            (0, _) if self.data.is_none() || leads >> 63 == 0 => Run::below(self.below.as_deref(), at, left),
            _ => Ok(stored(left)),
        }
    }

    /// The packed cluster that an entry leads to.
    fn unpack(&self, leads: u64) -> Result<Box<[u8]>, Fault> {
        let bits = 62 - (self.cluster_bits - 8);
        let place = leads & ((1 << bits) - 1);
        let sectors = (leads & ((1 << 62) - 1)) >> bits;
        let most = 1_usize << self.cluster_bits;
        let length = ((sectors + 1) * 512).saturating_sub(place % 512);
        let mut packed = vec![0; usize::try_from(length).unwrap_or_default().min(2 * most)];
        // The last may end before its last sector does.
        let there = self.file.read_at(place, &mut packed)?;
        packed.truncate(there);
        let cluster = if self.zstd { unzstd(&packed, most)? } else { inflate_bare(&packed, most)? };
        if cluster.len() < most {
            return Err(Fault::corrupt("a packed cluster gives less than a cluster"));
        }
        Ok(cluster)
    }
}

impl File for Qcow2<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        read(self.size, offset, buffer, |at| self.run(at))
    }
}

/// The image that lies below one, by the `name` and the format that one gives.
fn below<'a>(name: &[u8], format: Option<&[u8]>, beside: &Beside<'_, 'a>) -> Result<Box<dyn File + 'a>, Fault> {
    let name = name.strip_prefix(b"file:").unwrap_or(name);
    let (file, beside) = beside.parent(&[name])?;
    let mut head = [0; 4096];
    let known = file.read_at(0, &mut head)?;
    let head = head.get(..known).unwrap_or_default();
    if is_one(head) && format != Some(b"raw") {
        return Ok(Box::new(Qcow2::open(file, &beside)?));
    }
    // Whoever writes an image could name any file of this machine as the disk below.
    if !super::is_raw_disk(&*file)? {
        let name = String::from_utf8_lossy(name);
        let detail = format!("what lies below the image, {name}, is neither a qcow2 image nor a disk");
        return Err(Fault::new(GapReason::UnsupportedFormat, detail));
    }
    Ok(file)
}

/// What follows the header: kinds of extensions and their values.
fn extensions(header: &[u8], length: u64) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = usize::try_from(length).ok().and_then(|length| header.get(length..)).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, length) = (big(rest, 0, 4), big(rest, 4, 4) as usize);
        let value = rest.get(8..)?.get(..length).filter(|_| kind != 0)?;
        rest = rest.get(8 + length.next_multiple_of(8)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Clusters are packed with bare deflate.
fn inflate_bare(packed: &[u8], most: usize) -> Result<Box<[u8]>, Fault> {
    inflate(packed, most, false)
}

fn unzstd(packed: &[u8], most: usize) -> Result<Box<[u8]>, Fault> {
    let broken = |error: std::io::Error| Fault::corrupt(format!("a packed cluster does not unpack: {error}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(broken)?.single_frame();
    // Nobody needs a window that is larger than the cluster.
    decoder.window_log_max(*CLUSTER_BITS.end()).map_err(broken)?;
    let mut cluster = vec![0; most];
    decoder.read_exact(&mut cluster).map_err(broken)?;
    Ok(cluster.into())
}
