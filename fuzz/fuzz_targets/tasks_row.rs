//! Rows of the store: any bytes behind a right checksum are read or refused, and what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| skala_tasks::store::fuzzing::row(data));
