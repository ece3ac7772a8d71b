//! See `userpurge::fuzzing::saved_plan`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| userpurge::fuzzing::saved_plan(data));
