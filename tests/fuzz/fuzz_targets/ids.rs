//! See `userpurge_fuzz::ids`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userpurge_fuzz::ids(data));
