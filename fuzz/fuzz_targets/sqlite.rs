#![no_main]
//! The reader `sqlite` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("sqlite", bytes));
