#![no_main]
//! The reader of plan files on arbitrary bytes.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(ostrakon_plan::Signed::parse(text));
    }
});
