//! `ms`, a group membership service for Unix hosts.
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod cmd;
pub mod name;
pub mod proto;
pub mod sys;
pub mod wire;
