#![no_main]
//! The reader `rpm` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("rpm", bytes));
