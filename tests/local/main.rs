//! The socket of applications: a real `ms mi` between applications that are sockets of the test and a mserver that is one too.
//!
//! ```text
//!   App ── SOCK_SEQPACKET ──> ms mi ── UDP ──> Lan: a mserver that decides alone
//! ```
//!
//! Every wait is for a condition and has a deadline.

mod access;
mod app;
mod calls;
mod cluster;
mod crowd;
mod harm;
mod lan;
mod start;
#[allow(dead_code)]
#[path = "../daemon/world.rs"]
mod world;
