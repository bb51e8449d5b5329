//! The protocol, pure: no socket, clock, file, random number, thread or log call.
//!
//! Everything here is driven through [`step`]: an [`Input`](step::Input) goes in, [`Action`](step::Action)s
//! come out. The daemon, and any test, call the same code and differ only in who supplies the
//! inputs and carries out the actions.

pub mod coreset;
pub mod counters;
pub mod door;
pub mod enrolment;
pub mod group;
pub mod listing;
pub mod mcaster;
pub mod mi;
pub mod monitor;
pub mod mserver;
pub mod network;
pub mod node;
pub mod note;
pub mod params;
pub mod parcel;
pub mod places;
pub mod qos;
pub mod reliable;
pub mod ring;
pub mod step;
pub mod timer;
