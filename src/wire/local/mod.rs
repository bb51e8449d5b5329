//! Packets between applications and the member interface of their host (thesis II.D.2, II.D.3).
//!
//! ```text
//!   application                       member interface
//!      │ HELLO version ──────────────────>│ a Unix socket, SOCK_SEQPACKET: a packet is a whole, and in order
//!      │<───────── HELLO version, MI      │ or CLOSING why, and the end
//!      │ JOIN ───────────────────────────>│
//!      │<───────── TAKEN, VIEW, VIEW ...  │ a long roster goes on in REST
//! ```
//!
//! Here are the nouns; what becomes of a call is decided in `proto::mi`. One packet is one call; for an application it
//! is one event or several, one behind the other: a busy group changes more often than its members are woken. It has at
//! most [`MAX_PACKET`] bytes. HELLO and CLOSING are the same in all versions; whatever else there is may differ between
//! them, so each has exactly its fields and nothing behind them. How they lie there is in `encode.rs`.

mod assembly;
mod decode;
mod encode;

pub use assembly::{Assembly, MAX_ROSTER};

use super::coreset::Life;
use super::group::{Entry, GroupKey, MemberId, Mode, Qos, Reason, Refusal};
use crate::name::{Digest, GroupName};
use std::fmt;

/// The version of the packets that is spoken here.
pub const VERSION: u16 = 1;
/// Longest packet, in bytes.
pub const MAX_PACKET: usize = 65_536;

/// A packet of an application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asking {
    /// The first one: which version it speaks.
    Hello {
        /// The version.
        version: u16,
    },
    /// A call.
    Call(LocalCall),
}

/// A packet for an application, or one of those that it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Telling {
    /// The answer to its first one.
    Hello {
        /// The version that is spoken from now on: the one that was asked for.
        version: u16,
        /// The member interface: its address, and which life of it this is.
        mi: Life,
    },
    /// The last one.
    Closing(Closing),
    /// Something happened.
    Event {
        /// What; the lists of a [`LocalEvent::View`] or [`LocalEvent::Roster`] as far as there was room.
        event: LocalEvent,
        /// They go on in [`Telling::Rest`].
        more: bool,
    },
    /// More of the lists of the event before.
    Rest {
        /// More gids of those who went.
        gone: Vec<u32>,
        /// More of those who came, or of the roster.
        came: Vec<Entry>,
        /// They go on.
        more: bool,
    },
}

/// Why a member interface closes the socket of an application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// It does not speak the version that was asked for.
    Version {
        /// The highest that it speaks.
        spoken: u16,
    },
    /// This user may not call.
    NotAuthorised,
    /// There are too many applications, or too many of this user.
    NoPlace,
    /// A packet was no call.
    NotUnderstood,
}

/// In words for an application.
impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closing::Version { spoken } => {
                write!(f, "this version is not spoken here, the highest is {spoken}")
            }
            Closing::NotAuthorised => write!(f, "not authorised to call this member interface"),
            Closing::NoPlace => write!(f, "no place for another application of this user"),
            Closing::NotUnderstood => write!(f, "a packet was no call"),
        }
    }
}

/// A call of an application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalCall {
    /// The application's own count; answers bear it.
    pub number: u32,
    /// The group that it is about.
    pub group: GroupName,
    /// What is called for.
    pub ask: Ask,
}

/// What an application calls for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Become a member.
    Join {
        /// Joining, creating, or both.
        mode: Mode,
        /// What the member says of itself.
        tag: Vec<u8>,
        /// What a creator chooses.
        qos: Box<Qos>,
        /// Milliseconds that it may leave [`LocalEvent::Alive`] unanswered before it counts as failed; 0: it is
        /// there as long as its process.
        patience_ms: u32,
    },
    /// Be no longer.
    Leave {
        /// The member, which must be the application's own.
        member: MemberId,
    },
    /// Make another group part of this one.
    Merge {
        /// The other group.
        other: GroupName,
    },
    /// Let some members go to a group of their own.
    Split {
        /// Its name.
        new: GroupName,
        /// Their gids.
        members: Vec<u32>,
    },
    /// Tell the roster, also to one who is no member.
    View,
    /// It is there: the answer to [`LocalEvent::Alive`].
    Alive {
        /// Of the question.
        nonce: u32,
    },
}

/// What an application is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LocalEvent {
    /// A join is under way, for this member; views follow, or a refusal.
    Taken {
        /// Which call.
        call: u32,
        /// The member.
        member: MemberId,
    },
    /// A call had its effect.
    Done {
        /// Which.
        call: u32,
    },
    /// A call had no effect.
    Refused {
        /// Which.
        call: u32,
        /// The group that it was for.
        group: GroupName,
        /// Why.
        refusal: Refusal,
    },
    /// The roster that was asked for.
    Roster {
        /// By which call.
        call: u32,
        /// The group.
        key: GroupKey,
        /// The core's term.
        term: u32,
        /// Number of the view.
        number: u32,
        /// Its digest.
        digest: Digest,
        /// What its creator chose.
        qos: Box<Qos>,
        /// The members in the order of seniority.
        entries: Vec<Entry>,
    },
    /// Are you there? Asked of those who joined with a patience.
    Alive {
        /// Comes back in the answer.
        nonce: u32,
    },
    /// A view of a group, for one of the application's members.
    View {
        /// The group.
        key: GroupKey,
        /// The member that is told.
        member: MemberId,
        /// Its gid.
        gid: u32,
        /// Its place in the roster.
        rank: u32,
        /// The core's term: with the group's incarnation and the number it is a fencing token.
        term: u32,
        /// Number of the view.
        number: u32,
        /// Its digest.
        digest: Digest,
        /// Members in it.
        size: u32,
        /// Why it differs from the one before.
        reason: Reason,
        /// What the group's creator chose, where that was not told before: it never changes, but a member may come to
        /// another group.
        qos: Option<Box<Qos>>,
        /// Gids of those who went. Empty where the whole roster is told.
        gone: Vec<u32>,
        /// Those who came, or the whole roster.
        came: Vec<Entry>,
        /// `came` is the whole roster; where only the size is told, it is empty all the same.
        whole: bool,
    },
    /// One of the application's members is no longer in its group.
    Out {
        /// The group.
        group: GroupName,
        /// The member.
        member: MemberId,
        /// Why.
        reason: Reason,
    },
    /// The mserver does not poll us any more: views may be missing.
    ServerLost,
    /// We belong to one again.
    ServerFound,
}
