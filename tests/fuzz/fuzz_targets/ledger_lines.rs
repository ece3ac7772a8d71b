//! See `userpurge_fuzz::ledger_lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| userpurge_fuzz::ledger_lines(data));
