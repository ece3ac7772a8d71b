//! See `userpurge_fuzz::limits`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userpurge_fuzz::limits(data));
