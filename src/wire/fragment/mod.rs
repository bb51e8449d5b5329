//! Messages that fit no datagram: numbered fragments with selective repeat (WIRE.md Part B point 6).
//!
//! The thesis lets a message be as long as its lists (Figure 13) and leaves the rest to IP, where one lost
//! piece loses the whole. Here a message longer than the path's payload travels as the parts of a *whole*,
//! in the data of FRAGMENT messages, and only parts that were lost are sent again:
//!
//! ```text
//!  Sending                                     Receiving
//!     | PART 0 of 5 ------------------------------> |
//!     | PART 1 of 5 ---------------- lost           |
//!     | PART 2, 3 of 5 ---------------------------> |
//!     | PART 4 of 5, asks: round 1 ---------------> |
//!     | <--------------- MISSING 1, for round 1 --- |
//!     | PART 1 of 5, asks: round 2 ---------------> |  digest fits: the whole is delivered
//!     | <---------------- RECEIVED, for round 2 --- |
//! ```
//!
//! A receiver speaks only when it is asked, or when it has everything. A question that stays unanswered for
//! `wait` ticks is asked again with the one part that bore it, so what is not known to be lost is not
//! repeated. The first round goes to all receivers at once, which is where a multicast saves something;
//! later ones go to those who miss the part.
//!
//! Both sides are plain data with countdowns: [`Sending`] holds wholes until everyone has acknowledged or
//! is given up, [`Receiving`] holds half-received wholes within [`ReceiveLimits`], and remembers completed
//! ones so that none is delivered twice. Neither knows time, sockets or the meaning of what it carries.
//!
//! The layout of the data is in `payload.rs`.

mod parts;
mod payload;
mod receiving;
mod refusal;
mod sending;
#[cfg(test)]
mod tests;

pub use parts::Parts;
pub use payload::{Fragment, KIND, Op, Part, Report, WholeId};
pub use receiving::{Abandoned, Arrival, Outcome, ReceiveLimits, Receiving};
pub use refusal::Refusal;
pub use sending::{Event, Progress, SendLimits, Sending};

use super::{HEADER_LEN, Header, MAX_DATAGRAM, WireError};
use std::net::SocketAddrV4;

/// Largest whole there can be, in bytes; the limits of both sides may be lower, never higher.
pub const MAX_WHOLE: usize = 1 << 20;
/// Smallest share of a whole that a part may have, in bytes: the last line of defence against wholes of
/// innumerable parts.
pub const MIN_PART: usize = 64;
/// Most parts that a whole can have: 16,384.
pub const MAX_PARTS: usize = MAX_WHOLE / MIN_PART;

/// A FRAGMENT message that is to be sent, once to each receiver.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Outgoing {
    /// Who needs it; never empty, in ascending order. More than one may be served by a multicast: it does
    /// those no harm who have the part.
    pub to: Vec<SocketAddrV4>,
    /// The header to send it under.
    pub header: Header,
    /// The data: at most [`Room::part`] bytes behind the fixed fields.
    pub data: Vec<u8>,
}

/// How much of a whole fits one datagram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Room {
    part: usize,
}

impl Room {
    /// Smallest room for a part that is worked with, in bytes: twice [`MIN_PART`], so that the parts of a
    /// whole that is only just too large for one datagram are not smaller than that.
    pub const MIN: usize = 2 * MIN_PART;

    /// The room in datagrams of at most `mtu` bytes, of which the last `reserve` bytes are left free for a
    /// trailer that the caller will append to the data, an authentication for instance.
    ///
    /// # Errors
    /// [`WireError::Oversized`] if less than [`Room::MIN`] bytes would remain.
    pub fn new(mtu: usize, reserve: usize) -> Result<Room, WireError> {
        let most = mtu.min(MAX_DATAGRAM);
        let taken = HEADER_LEN + payload::FIXED;
        match most.checked_sub(taken).and_then(|room| room.checked_sub(reserve)) {
            Some(part) if part >= Room::MIN => Ok(Room { part }),
            _ => {
                Err(WireError::Oversized { have: reserve.saturating_add(taken + Room::MIN), most })
            }
        }
    }

    /// Whether a message of `len` bytes fits one datagram as it is, and needs no fragments.
    pub fn fits(self, len: usize) -> bool {
        len <= HEADER_LEN + payload::FIXED + self.part
    }

    /// Bytes of a whole that fit one fragment.
    pub fn part(self) -> usize {
        self.part
    }

    /// Into how many parts a whole of `total` bytes is cut: as few as fit, of the same size but for a byte.
    pub fn count(self, total: usize) -> usize {
        total.div_ceil(self.part)
    }

    /// Whether a report on a whole of `count` parts, a bit for each, fits one fragment.
    pub fn holds_report(self, count: usize) -> bool {
        count.div_ceil(8) <= self.part
    }
}
