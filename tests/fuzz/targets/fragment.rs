//! The data of a FRAGMENT, and a script for a bad line.
#![no_main]

#[path = "../../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::fragment(input));
