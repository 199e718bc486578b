#![no_main]
//! The reader `npm` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("npm", bytes));
