//! See `userpurge_fuzz::replies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userpurge_fuzz::replies(data));
