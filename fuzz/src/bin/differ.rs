//! Routing states one after the other: what did not change is left alone, and the last one is in force.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| mesh::check_changes(input));
