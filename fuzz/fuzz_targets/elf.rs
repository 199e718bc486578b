#![no_main]
//! The reader `elf` on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ostrakon_fuzz::run("elf", bytes));
