//! The only code that touches the kernel: sockets and multicast, the mio loop, process, log.
//!
//! ```text
//!   sockets ── recvmmsg ──> fault hook ──> node.step ──> actions ──> sendmmsg
//!   clock ──── ticks ─────────────────────────^
//!   signals ── stop, reload, status ──────────^
//! ```
//!
//! `unsafe` lives here and in the C ABI only; each block says why it is sound.

pub mod batch;
pub mod child;
pub mod clock;
pub mod control;
pub mod daemon;
pub mod detour;
pub mod entropy;
pub mod event;
pub mod fanout;
pub mod fault;
pub mod guard;
pub mod interface;
pub mod journal;
pub mod local;
pub mod notify;
pub mod process;
pub mod quiet;
pub mod records;
pub mod signal;
pub mod socket;
pub mod sockets;
