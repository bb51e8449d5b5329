//! Core-sets of real daemons: on 127/8 without root, and in network namespaces with it.
//!
//! ```text
//!   a test ── Set: a network 127.66.N/24, or Switches: namespaces with a cable each
//!             ├── daemons `ms mserver -f --views FILE SET`, asked by their control sockets
//!             ├── an operator: a socket that speaks M_SPLIT_REQ and the like
//!             └── in the end: every line of every log of views, against the rules that the simulator watches
//! ```
//!
//! Every wait is for a condition and has a deadline. What a test waits for is what stays true: on a machine that is
//! busy a daemon may be suspected wrongly, and come back, while the test looks elsewhere. Those in namespaces need
//! root: `cargo test --test coreset_live -- --ignored`.

mod ask;
mod boot;
mod chaos;
mod crash;
mod cut;
mod hub;
#[path = "../lab/mod.rs"]
mod lab;
mod leave;
mod log;
mod network;
mod noise;
mod operator;
mod parent;
mod pause;
mod reload;
mod set;
mod start;
mod switches;
#[allow(dead_code)] // the tests of single daemons use the rest
#[path = "../daemon/world.rs"]
mod world;
