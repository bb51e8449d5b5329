//! A packet, as a member interface and an application read it.
#![no_main]

#[path = "../../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::local(input));
