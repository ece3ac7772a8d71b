//! See `userpurge_fuzz::configuration`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userpurge_fuzz::configuration(data));
