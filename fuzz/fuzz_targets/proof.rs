#![no_main]
//! The check of a proof file on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(ostrakon_ledger::Proof::check(bytes, None)));
