//! What the fuzz targets call: every reader of untrusted bytes on its own.

use crate::collectors::{browser, certs, dpkg, elf, maven, npm, rpm};
use crate::sqlite;

/// A reader that takes arbitrary bytes.
pub type Reader = fn(&[u8]);

/// Every reader and its name, which is also the name of its fuzz target.
pub const READERS: &[(&str, Reader)] = &[
    ("dpkg", dpkg::fuzz),
    ("rpm", rpm::fuzz),
    ("elf", elf::fuzz),
    ("certs", certs::fuzz),
    ("maven", maven::fuzz),
    ("npm", npm::fuzz),
    ("browser", browser::fuzz),
    ("sqlite", sqlite::fuzz),
];
