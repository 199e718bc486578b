//! What disk images and the file systems in them are read with.

pub mod ntfs;
