//! What a member is told, as values.
//!
//! ```text
//!   View 7 {a, b, c}   View 8 {a, c}: b went   Disconnected, last view 8   Rejoined   View 12 {a, c, me anew}
//!   ──────────────────────────────────────────┤ no member                 ├──────────────────────────────────
//! ```
//!
//! Every view comes with the whole roster and with the difference to the one before, whichever of them the member
//! interface sent. After a time away the difference is to the last view of the membership before: it says what
//! happened meanwhile.

use super::Error;
use crate::name::Digest;
use crate::wire::group::{Entry, GroupKey, MemberId, Qos, Reason, Refusal, RequestId};
use std::sync::Arc;
use std::time::Duration;

/// Something that a member is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// The group has a new view.
    View(Change),
    /// The group goes by another name from now on; its next view follows.
    Renamed {
        /// The name before.
        from: GroupKey,
        /// The name now, or the group that it became part of.
        to: GroupKey,
    },
    /// The group goes on without this member.
    Out {
        /// Why. After [`Reason::Failed`] it lives and was taken for dead; after [`Reason::Terminated`] the group ended on
        /// this side of a partition. If it rejoins, [`Event::Rejoined`] follows.
        reason: Reason,
        /// The member that it was.
        was: MemberId,
        /// Its last view.
        last: Option<Arc<View>>,
        /// It joins again by itself; otherwise this is the last event.
        rejoins: bool,
    },
    /// The join had no effect. This is the last event.
    Refused(Refusal),
    /// The member interface lost its mserver: what happens to the group is not told until [`Event::MserverFound`].
    MserverLost,
    /// The member interface belongs to a mserver again. Views that were missed follow, as one.
    MserverFound,
    /// The member interface went away, and with it the membership: to the others this member failed, or will.
    Disconnected {
        /// The member that it was, if it was one.
        was: Option<MemberId>,
        /// Its last view.
        last: Option<Arc<View>>,
        /// Why.
        why: Arc<Error>,
        /// It tries to join again by itself; otherwise this is the last event.
        rejoins: bool,
    },
    /// A new membership begins: the group takes this for another member than the one before. Its first view follows.
    Rejoined {
        /// The member that it was.
        was: MemberId,
        /// The member that it is.
        now: MemberId,
        /// How long it was none.
        away: Duration,
    },
}

/// A view, and what it changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The view.
    pub view: Arc<View>,
    /// Why it differs from the one before.
    pub reason: Reason,
    /// It is the first of this membership.
    pub first: bool,
    /// Those who came, or at the first view of all: everybody.
    pub came: Vec<Entry>,
    /// Those who went.
    pub gone: Vec<Entry>,
    /// Those who stayed under another gid: the gid before, and who.
    pub renumbered: Vec<(u32, MemberId)>,
}

/// A view of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// Which group; its incarnation is `key.inc`.
    pub key: GroupKey,
    /// The core's term.
    pub term: u32,
    /// Number of the view.
    pub number: u32,
    /// Covers incarnation, number and roster with gids: members with equal digests have the same view.
    pub digest: Digest,
    /// Members in it.
    pub size: u32,
    /// The members in the order of seniority; their `path` is not told. Empty where the group's quality of service
    /// lets only the size be told.
    pub roster: Vec<Entry>,
    /// This member in it; none in a view that an onlooker asked for.
    pub own: Option<Own>,
    /// What the group's creator chose.
    pub qos: Arc<Qos>,
}

/// A member's own place in a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Own {
    /// Who it is.
    pub member: MemberId,
    /// Its gid.
    pub gid: u32,
    /// Its place in the roster: 0 is the most senior.
    pub rank: u32,
}

/// What a resource that is to be used by one member alone can be fenced with: of two tokens of one incarnation the
/// greater one is the later one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token {
    /// Of the group.
    pub incarnation: RequestId,
    /// The core's term.
    pub term: u32,
    /// The view's number.
    pub number: u32,
}

impl View {
    /// The entry of a member.
    pub fn entry(&self, id: MemberId) -> Option<&Entry> {
        self.roster.iter().find(|entry| entry.id == id)
    }

    /// Whether only the size was told.
    pub fn is_counted(&self) -> bool {
        self.roster.is_empty() && self.size > 0
    }

    /// The place of the view among those of its group.
    pub fn token(&self) -> Token {
        Token { incarnation: self.key.inc, term: self.term, number: self.number }
    }
}

impl Event {
    /// Nothing follows on it.
    pub fn is_last(&self) -> bool {
        match self {
            Event::Refused(_) => true,
            Event::Out { rejoins, .. } | Event::Disconnected { rejoins, .. } => !rejoins,
            _ => false,
        }
    }
}
