//! The invariants of application groups, watched from outside.
//!
//! ```text
//!   members    WHOLE NEXT ROSTER SAME GHOST ONCE    from what members are told; also over logs of real ones
//!   hush       SILENCE SCOPE                        from what is sent to whom
//!   registries REPLICA REACH CORE NAME              from what mservers know
//!   rest       CALLS CONVERGE ORPHAN NAMES          once the faults have ended
//!   weak       ALIKE                                then, of those who hold a weak group
//! ```

mod hush;
mod logs;
mod members;
mod registries;
mod rest;
#[cfg(test)]
mod tests;
mod weak;

pub use crate::sim::invariants::Violation;
pub use hush::Hush;
pub use logs::{MemberLog, check_member_logs};
pub use members::{LastView, LogId, Members, Standing};
pub use registries::{Known, Registries, at_rest, one_core};
pub use rest::{Resting, Wish, settled};
pub use weak::alike;
