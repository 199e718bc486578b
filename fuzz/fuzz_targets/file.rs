#![no_main]
//! One file, looked at as a place: by every collector that wants it and through every container it is. The input is its
//! path, a byte of 0, and its content; only the content is changed.

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|input: &[u8]| ostrakon_collect::fuzzing::file(input));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, _seed: u32| {
    let start = data[..size].iter().position(|byte| *byte == 0).map_or(0, |end| end + 1);
    if start >= max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    start + fuzzer_mutate(&mut data[start..], size - start, max_size - start)
});
