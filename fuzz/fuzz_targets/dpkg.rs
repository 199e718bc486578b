#![no_main]
//! The reader `dpkg` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("dpkg", bytes));
