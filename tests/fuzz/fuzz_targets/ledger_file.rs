//! See `userpurge::fuzzing::ledger_file`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| userpurge::fuzzing::ledger_file(data));
