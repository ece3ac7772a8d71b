//! See `userpurge::fuzzing::mapping`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| userpurge::fuzzing::mapping(data));
