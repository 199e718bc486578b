//! Pieces that are packed with deflate, each by itself.

use crate::tree::Fault;
use flate2::{Decompress, FlushDecompress, Status};

/// What `packed` holds: a stream of zlib, checked by its sum, or a bare one. It may give fewer bytes than `most`, and
/// something may follow it.
///
/// # Errors
/// Where it does not end, or gives more than `most` bytes.
pub(in crate::disk) fn inflate(packed: &[u8], most: usize, zlib: bool) -> Result<Box<[u8]>, Fault> {
    let mut bytes = vec![0; most];
    let mut stream = Decompress::new(zlib);
    match stream.decompress(packed, &mut bytes, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => {}
        Ok(_) => return Err(Fault::corrupt("a packed piece of the disk does not end where it must")),
        Err(error) => return Err(Fault::corrupt(format!("a packed piece of the disk does not inflate: {error}"))),
    }
    bytes.truncate(usize::try_from(stream.total_out()).unwrap_or_default());
    Ok(bytes.into())
}
