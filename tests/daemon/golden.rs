//! Datagrams of the original programs as they were captured from a wire, by name.
//!
//! ```text
//!   hosts   hub 10.94.0.10 mcaster    h1 10.94.0.11 gid 1    h3 10.94.0.13 gid 3    h4 10.94.0.14 no mserver
//!   ring    h1 monitors h3, so h3 is its ccw neighbour and it is the cw neighbour of h3
//! ```

// Each test binary that includes this uses another part.
#![allow(dead_code)]

#[path = "../vectors/mod.rs"]
mod vectors;

use std::sync::OnceLock;
use vectors::Vector;

/// The bytes of the datagram called `name`.
pub fn golden(name: &str) -> Vec<u8> {
    find(name).datagram.clone()
}

/// What the datagram called `name` is the answer to.
pub fn request_of(name: &str) -> Vec<u8> {
    find(name).request.clone().expect("it is an answer")
}

/// All that are plain messages.
pub fn plain() -> Vec<Vec<u8>> {
    all().iter().filter(|v| v.prefix.is_none()).map(|v| v.datagram.clone()).collect()
}

fn find(name: &str) -> &'static Vector {
    all().iter().find(|v| v.name == name).expect("a name of the list")
}

/// Read once: tests ask thousands of times.
fn all() -> &'static [Vector] {
    static ALL: OnceLock<Vec<Vector>> = OnceLock::new();
    ALL.get_or_init(vectors::all)
}
