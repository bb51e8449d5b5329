//! Three levels of real daemons and their members: on 127/8 without root, and in network namespaces with it.
//!
//! ```text
//!   a test ── Stage ── Campus   4 mservers at the top, 4 below, 8 member interfaces
//!               └───── People   `ms join --json`, 40 processes: what they print is judged, line by line, by the rules
//!                               that the simulated campus watches (WHOLE NEXT ROSTER SAME GHOST ONCE CONVERGE NAMES)
//! ```
//!
//! Every wait is for a condition and has a deadline; a test that fails leaves its directory, with the state of every daemon
//! (`state.json`) and what every member has printed. What is known to fail is ignored as open, and can be tried:
//! `cargo test --test levels parents -- --ignored`, `at_once`, `midst`. Those in namespaces need root:
//! `cargo test --test levels namespaces -- --ignored`.

mod campus;
mod churn;
#[path = "../coreset_live/log.rs"]
mod coreset_log;
#[path = "../lab/mod.rs"]
mod lab;
mod midst;
mod namespaces;
mod people;
mod plan;
mod stage;
mod told;
