//! What applications link: members of groups, what they are told, and calls (thesis II.D).
//!
//! ```text
//!   application                              member interface of the host
//!   JoinOptions::join ──> Member ─┬─ line ─────── ADDRESS-PORT.mi, seqpacket
//!     next_event  waits           │
//!     try_event   does not        └─ timer: back-off while the member interface is away
//!     as_fd       is polled
//!   Connection ── view, merge, split ── line ───────┘
//! ```
//!
//! A [`Member`] keeps the roster itself, from the differences that it is told, and checks each view by number and
//! digest. Events are values. When the member interface dies, its members have failed: an event says so, and from which
//! view on; the member connects again with growing pauses, joins anew, and another event says who it is now. The first
//! view after that tells what changed meanwhile.
//!
//! No thread is started and no signal taken. A member is answered for only while it is used: with a patience
//! ([`JoinOptions::patience`]), or in a group whose monitor is fixed, an application that hangs fails, as it should. Memory is bounded by the roster: packets are
//! taken from the kernel one at a time, when an event is asked for.
//!
//! The same for C is `libmembership`, with the header `membership.h`: see libmembership(3).

mod connection;
mod error;
mod event;
mod ffi;
mod line;
mod member;
mod options;
mod place;
mod roster;

pub use connection::Connection;
pub use error::Error;
pub use event::{Change, Event, Own, Token, View};
pub use member::Member;
pub use options::{JoinOptions, Rejoin};
pub use place::{Place, VARIABLE};

pub use crate::name::{Digest, GroupName};
pub use crate::proto::qos::QosError;
pub use crate::wire::group::{
    Entry, GroupKey, MemberId, Mode, Monitor, Order, Qos, Reason, Refusal, RequestId, Scope,
};
