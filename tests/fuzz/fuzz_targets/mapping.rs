//! See `userpurge_fuzz::mapping`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userpurge_fuzz::mapping(data));
