#![no_main]
//! The reader `maven` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("maven", bytes));
