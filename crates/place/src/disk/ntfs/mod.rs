//! How NTFS packs what files hold: by itself (LZNT1), and under CompactOS (XPRESS and LZX, in chunks that a table lists).
//! Every decoder fills the room it is given or says what is wrong; none reads or writes beyond it.

mod lznt1;
mod lzx;
mod wof;
mod xpress;

pub use lznt1::lznt1;
pub use lzx::lzx;
pub use wof::{Wof, parse_reparse};
pub use xpress::xpress_huffman;
