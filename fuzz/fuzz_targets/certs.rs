#![no_main]
//! The reader `certs` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("certs", bytes));
