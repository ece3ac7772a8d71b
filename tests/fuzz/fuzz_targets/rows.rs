//! See `userpurge_fuzz::rows`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userpurge_fuzz::rows(data));
