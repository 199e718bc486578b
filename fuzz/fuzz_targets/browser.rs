#![no_main]
//! The reader `browser` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("browser", bytes));
