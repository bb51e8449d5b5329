//! `ms`, a group membership service for Unix hosts: the library behind the command.
//!
//! It implements David Neely's thesis "A Scalable Decentralized Group Membership Service for an Asynchronous Environment"
//! (Naval Postgraduate School, 1994). The map, from the thesis to files:
//!
//! | thesis | what | where |
//! |---|---|---|
//! | Figure 13, Table 5, appendix | the message, its types | [`wire`], [`wire::TABLE`] |
//! | Figures 50, 53 | the prefix of an mcaster | [`wire::prefix`] |
//! | Figure 14 | pairwise monitoring | [`proto::monitor`], and in a core-set `proto::coreset::ticking` |
//! | Figures 15, 20 | Reliable_receive, Reliable_multi_receive | [`proto::reliable`], the phases of [`proto::coreset`] |
//! | Figures 16 to 29, IV.C | changes: coordinator, follower, priority | `proto::coreset::{change, priority, requests}` |
//! | Figures 30 to 32 | election and resume | `proto::coreset::election` |
//! | IV.E.1, Figures 46, 47 | partitions, reformation | `proto::coreset::partition` |
//! | Figures 51, 55 | the mcaster | [`proto::mcaster`] |
//! | Figures 16 to 47 | the event diagrams, played | [`sim::scenario`] |
//! | VI.B, Figure 5 | the whole hierarchy in a file, and the steps to it | [`campus`] |
//! | Figure 57 | the core table | [`wire::coreset::View`] |
//! | Figures 62, 63 | the mserver's joining, Init | `proto::coreset::outside` |
//! | Figures 56, 58 | the mserver: its core-sets behind the wire | [`proto::mserver`] |
//! | VI.B.2 | where a set is heard, by name | [`proto::places`] |
//! | VI.B.2, Figures 51, 53 | being in a group of an mcaster | [`proto::enrolment`] |
//! | II.D.1, IV.E.2 | what a creator chooses, and the two rules of a partition | [`proto::qos`] |
//! | II.D, III.B, IV.D | application groups: what a set knows of them | [`proto::group`], [`wire::group`] |
//! | Figures 38, 59 to 61 | the member interface | [`proto::mi`] |
//! | II.D.2, II.D.3 | between applications and it | [`wire::local`] |
//! | II.D.2, II.D.3 | what applications link: members, events, calls, the C ABI | [`client`] |
//! | VI.B, appendix | the mserver of 1994 | [`proto::ring`] |
//! | VI.B.2 | the logical clock, the loop | [`sys::clock`], [`sys::daemon`], [`sys::sockets`] |
//! | IV, V: figures of runs | the same `step` under faults by seed, and its invariants | [`sim`] |
//!
//! Imports go one way: `name <- wire <- proto <- sys <- cmd <- main`, `proto <- sim`, `proto <- campus <- cmd`, and
//! `proto <- client <- cmd`. `wire` is bytes and nothing else; `proto` is pure, `step(input) -> actions`; `sim` supplies the
//! inputs from a seed where `sys` takes them from the kernel, which it alone touches for daemons; `cmd` is what a person types. What
//! no paper of 1994 has stands beside it: signatures in [`wire::auth`], large messages in [`wire::fragment`] and, between a node and
//! its sockets, [`proto::parcel`]; views, failures and incarnations on disk in [`sys::records`]; where daemons and applications look
//! for sockets, in [`rundir`]; sets and maps from iterators in `sorted`, which all import.
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod campus;
pub mod client;
pub mod cmd;
pub mod name;
pub mod proto;
pub mod rundir;
pub mod sim;
mod sorted;
pub mod sys;
pub mod wire;
