//! Compressed streams that lie in a row and are one: what the decoders of gzip and lz4 leave to those who call them.

use super::stream::Carried;
use super::zeros;
use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// gzip (RFC 1952, 2.2): as many members as there are, and zeros behind the last.
pub(super) struct Gzip<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Gzip<R> {
    pub(super) fn of(source: R) -> Self {
        Self(Some(GzDecoder::new(source)))
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(decoder) = &mut self.0 {
            let read = decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let more = is_more(decoder.get_mut())?;
            let source = self.0.take().filter(|_| more).map(GzDecoder::into_inner);
            self.0 = source.map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// Frames of lz4 (lz4_Frame_format.md): those of today, those from before, which end with what they are in, and those that
/// are to be skipped.
pub(super) struct Lz4<R: BufRead> {
    /// A decoder of one frame: it cannot be given another one of other blocks.
    decoder: Option<FrameDecoder<Ahead<R>>>,
    /// Is a frame open, and is it one from before?
    within: bool,
    old: bool,
}

/// The mark of a frame from before there were any.
const OLD: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

impl<R: BufRead> Lz4<R> {
    pub(super) fn of(source: R) -> Self {
        let ahead = Ahead { mark: [0; 4], used: 4, source, ended: false };
        Self { decoder: Some(FrameDecoder::new(ahead)), within: false, old: false }
    }

    /// Begins the next frame; says whether there is one.
    fn next(&mut self) -> Result<bool> {
        let Some(decoder) = self.decoder.take() else { return Ok(false) };
        let mut ahead = decoder.into_inner();
        loop {
            if !is_more(&mut ahead.source)? {
                return Ok(false);
            }
            let mut mark = [0; 4];
            ahead.source.read_exact(&mut mark)?;
            if !is_skipped(&mark) {
                self.old = mark == OLD;
                self.within = true;
                (ahead.mark, ahead.used) = (mark, 0);
                self.decoder = Some(FrameDecoder::new(ahead));
                return Ok(true);
            }
            let mut length = [0; 4];
            ahead.source.read_exact(&mut length)?;
            let length = u64::from(u32::from_le_bytes(length));
            let mut skipped = Read::take(&mut ahead.source, length);
            if std::io::copy(&mut skipped, &mut std::io::sink())? < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while !buffer.is_empty() {
            if !self.within && !self.next()? {
                return Ok(0);
            }
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let read = decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            // The decoder takes the end of its source for the end of a frame.
            if decoder.get_ref().ended && !self.old {
                return Err(Error::new(ErrorKind::UnexpectedEof, "it ends in the middle of a frame"));
            }
            self.within = false;
        }
        Ok(0)
    }
}

/// A source, of which the mark of a frame was read.
struct Ahead<R> {
    mark: [u8; 4],
    /// How much of the mark was given.
    used: usize,
    source: R,
    /// Was its end met?
    ended: bool,
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mark = self.mark.get(self.used..).unwrap_or_default();
        if !mark.is_empty() {
            let count = mark.len().min(buffer.len());
            buffer[..count].copy_from_slice(&mark[..count]);
            self.used += count;
            return Ok(count);
        }
        let read = self.source.read(buffer)?;
        self.ended = read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

/// Is it the mark of a frame that holds nothing, of lz4 or zstd?
pub(super) fn is_skipped(mark: &[u8]) -> bool {
    matches!(mark, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Does anything follow but zeros?
fn is_more(source: &mut impl BufRead) -> Result<bool> {
    let mut count = 0;
    loop {
        let known = source.fill_buf()?;
        let length = known.len();
        if let Some(place) = known.iter().position(|byte| *byte != 0) {
            source.consume(place);
            return Ok(true);
        }
        source.consume(length);
        count += length as u64;
        if length == 0 {
            return Ok(false);
        }
        if count > zeros::MOST {
            return Err(Error::other(Carried(zeros::too_many())));
        }
    }
}
