//! The daemons as an operator has them: real processes on 127/8, without root.
//!
//! ```text
//!   a test ── World: a network 127.66.N/24 and a directory of its own
//!             ├── Daemon: a process `ms ...`, its log in a file, killed when dropped
//!             └── Peer: a socket of the test that speaks the bytes of 1994
//! ```
//!
//! Every wait is for a condition and has a deadline. Tests run beside each other; one that loads the machine on
//! purpose has it for itself (`World::alone`), so that the timings of the others mean something.

mod cast;
mod control;
mod faults;
mod flood;
mod golden;
mod idle;
mod keys;
mod peer;
mod reload;
mod ring;
mod service;
mod start;
mod user;
mod world;
