//! What mservers, member interfaces and applications say about application groups (thesis II.D, IV.D, VI.C).
//!
//! ```text
//!   application ── call ──> MI ── SUBMIT ──> LAN mserver ── SUBMIT ──> ... the core ── agreed operation
//!                           MI <── DIRECT ── LAN mserver <── DIRECT ── ...      └── DIRECT
//! ```
//!
//! Here are the nouns; what is decided about them is in `proto::group`. An operation travels inside a core-set's
//! batches and is opaque there: its bytes are those of [`GroupOp::encode`].

mod decode;
mod encode;
mod message;
mod path;
mod record;
mod refusal;
mod weak;

pub use encode::PAYLOAD_VERSION;
pub(in crate::wire) use encode::{MODES, REASONS};
pub use message::{GROUP_BODIES, GroupBody, GroupMessage, Way};
pub use path::Path;
pub use record::{Last, Lock, Name, Record, Role, named};
pub use refusal::Refusal;
pub use weak::{Fact, Gossip, Presence, Want};

use super::coreset::Life;
use crate::name::{Digest, GroupName};
use std::fmt;
use std::net::SocketAddrV4;

/// The payload kind byte of messages about groups.
pub const KIND: u8 = 2;
/// Longest tag of a member, in bytes.
pub const MAX_TAG: usize = 64;
/// Most mservers between a core and a member interface: as many levels as there can be.
pub const MAX_PATH: usize = 255;
/// Longest text of a condition on which a side of a partition lives or merges, in bytes.
pub const MAX_RULE: usize = 255;

/// A request, for ever: who asked, in which life, and the number there. That of its creation is a group's incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId {
    /// The member interface, or the mserver, that asked.
    pub origin: Life,
    /// Its count of requests, from 1.
    pub number: u64,
}

/// A member, for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberId {
    /// Its member interface.
    pub mi: Life,
    /// Its number there.
    pub number: u32,
}

/// Which group: a name, and the incarnation that tells groups of one name apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupKey {
    /// The name that its creator gave it.
    pub name: GroupName,
    /// The gid that sets off a side that had to take another name.
    pub suffix: Option<u32>,
    /// The request that created it.
    pub inc: RequestId,
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suffix {
            None => write!(f, "{}", self.name),
            Some(gid) => write!(f, "{}.{gid}", self.name),
        }
    }
}

/// How far something reaches (III.B.1.c, d).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Scope {
    /// Everything there is above, as it is at any time.
    #[default]
    Top,
    /// Sets up to this level.
    Level(u8),
    /// Sets below the set of this name, and that one.
    Set(GroupName),
}

/// Whether changes of a group are agreed on before anybody sees them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Order {
    /// All members see the same views in the same order.
    #[default]
    Strong,
    /// Each change is seen at once where it comes from, and everywhere in the end.
    Weak,
}

/// How member interfaces see that an application does not answer any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Monitor {
    /// Timeouts follow the measured round trip and the host's own delays; who wants to be asked at all says so.
    #[default]
    Adaptive,
    /// It is asked at fixed times, however slow it or the host is: a bound of detection.
    Fixed {
        /// Milliseconds from one question to the next, at least 1.
        every_ms: u32,
        /// How often a question is repeated that is not answered.
        retries: u8,
    },
}

/// What a creator chooses (HIERARCHY: quality of service). Rules are kept as they were written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Qos {
    /// Strong or weak.
    pub order: Order,
    /// Changes that become one view at the most; 0 and 1: each is a view of its own.
    pub batch: u16,
    /// Milliseconds that a change may wait for others.
    pub batch_ms: u32,
    /// How it is seen that an application does not answer any more.
    pub monitor: Monitor,
    /// Members are told the size and their rank, not the roster.
    pub count_only: bool,
    /// On which condition a side of a partition lives; empty: on any.
    pub survive: String,
    /// On which condition sides become one again; empty: because they were one.
    pub merge: String,
    /// Up to where the name is reserved.
    pub name_scope: Scope,
    /// The highest place that the core may have.
    pub membership_scope: Scope,
}

/// A member as a core knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Entry {
    /// Who.
    pub id: MemberId,
    /// Its number in the group: never given twice on one side of a partition.
    pub gid: u32,
    /// What it says of itself.
    pub tag: Vec<u8>,
    /// Its member interface has another mserver to go to if this one fails: it is waited for.
    pub roams: bool,
    /// The mserver that it was reached by is lost: it is cut off unless it is stated anew.
    pub lost: bool,
    /// The number of the registration by which its member interface is reached: what is said by way of a former one
    /// is void.
    pub registration: u32,
    /// The mservers from the core down to its member interface; none where the core is that LAN's own.
    pub path: Path,
}

/// Why a view differs from the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// The group was created.
    Created,
    /// Somebody joined.
    Joined,
    /// Somebody left.
    Left,
    /// Somebody failed.
    Failed,
    /// Mservers were lost, and those behind them.
    Partitioned,
    /// Two groups, or two sides of one, became one.
    Merged,
    /// Some went to a group of their own.
    Split,
    /// Nothing changed; the roster is told again.
    Resync,
    /// The group ended here: this side of a partition may not live.
    Terminated,
}

/// Who gets in by a join.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Mode {
    /// Joins the group, or creates it.
    #[default]
    JoinOrCreate,
    /// Creates it; an error if it exists.
    Create,
    /// Joins it; an error if it does not exist.
    Existing,
}

/// What an application, or a mserver in its place, calls for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Call {
    /// A_JOIN.
    Join {
        /// Joining, creating, or both.
        mode: Mode,
        /// Whom.
        member: MemberId,
        /// What it says of itself.
        tag: Vec<u8>,
        /// Its member interface has more than one mserver to go to.
        roams: bool,
        /// What a creator chooses; for the search only its membership scope counts.
        qos: Qos,
    },
    /// A_LEAVE.
    Leave {
        /// Whom.
        member: MemberId,
    },
    /// A_FAIL, A_MULTI_FAIL: members are gone without leave.
    Fail {
        /// Whom.
        members: Vec<MemberId>,
        /// They are cut off, for all that is known: a mserver on the way to them was lost.
        cut: bool,
    },
    /// A_MERGE: another group becomes part of this one.
    Merge {
        /// The other group.
        other: GroupName,
    },
    /// A_SPLIT: some members go to a group of their own.
    Split {
        /// Its name.
        new: GroupName,
        /// Their gids.
        members: Vec<u32>,
    },
    /// The roster, once more, for who asks.
    View,
    /// Members are reached by the way that this came by, from now on; where nobody decides the group any more, it is
    /// what it is rebuilt from.
    Here(Box<Statement>),
}

/// What is known of a group below its core: by a member interface, or by a mserver for all those in its subtree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Statement {
    /// Which group.
    pub key: GroupKey,
    /// The term of its last view here.
    pub term: u32,
    /// Number of that view.
    pub number: u32,
    /// Its digest.
    pub digest: Digest,
    /// The gid of the next member.
    pub next_gid: u32,
    /// What its creator chose.
    pub qos: Qos,
    /// The gids of all members of the view, in the order of seniority.
    pub roster: Vec<u32>,
    /// The members here; their paths are those from who states them down.
    pub members: Vec<Entry>,
}

/// A call on its way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Request {
    /// Which.
    pub id: RequestId,
    /// The lowest number that is still under way where it comes from: no lower one is ever asked again.
    pub oldest: u64,
    /// The group's name.
    pub group: GroupName,
    /// The registration of the member interface that it is from, or about; 0: of none.
    pub registration: u32,
    /// How far the group may be looked for: its membership scope, if that is known where the call comes from.
    pub reach: Scope,
    /// What is called for.
    pub call: Call,
    /// The mservers that it came by, the highest first.
    pub path: Vec<SocketAddrV4>,
}

impl Request {
    /// It has come from a member interface by that registration.
    pub fn come_by(&mut self, registration: u32) {
        self.registration = registration;
        if let Call::Here(statement) = &mut self.call {
            statement.members.iter_mut().for_each(|entry| entry.registration = registration);
        }
    }
}

/// A group where it is decided: everything that another set needs to go on with it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Core {
    /// Which.
    pub key: GroupKey,
    /// What its creator chose.
    pub qos: Qos,
    /// Larger each time the core moves or is rebuilt.
    pub term: u32,
    /// Number of its view.
    pub number: u32,
    /// The members in the order of seniority.
    pub roster: Vec<Entry>,
    /// The gid of the next one.
    pub next_gid: u32,
    /// Which requests of each origin are done.
    pub done: Vec<Completed>,
    /// Those who went last, the latest at the end.
    pub departed: Vec<Departed>,
    /// Changes that wait for others, to become one view with them.
    pub gathered: Vec<Request>,
}

/// A member that is one no more: another side of a partition, on which it still is, shall not bring it back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Departed {
    /// Who.
    pub id: MemberId,
    /// It wanted to leave, which is final; otherwise it failed, and if another side still reaches it, it lives.
    pub left: bool,
}

/// Requests of one origin that are done.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Completed {
    /// Whose.
    pub origin: Life,
    /// All up to this number are done.
    pub up_to: u64,
    /// And these beyond it.
    pub beyond: Vec<u64>,
}

/// An operation on the registry of a set: agreed on there, applied by all of its mservers alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GroupOp {
    /// A call, for the group whose core is here.
    Call(Request),
    /// A name is to be reserved for a group that is created below.
    Reserve(Request),
    /// The creation of a reserved name came to nothing, or what was claimed is decided above.
    Release {
        /// Whose.
        key: GroupKey,
    },
    /// The group begins here, with its first member.
    Create(Request),
    /// Below the mserver `branch` of this set lies the core.
    Lead {
        /// Of which group.
        key: GroupKey,
        /// Its term; a lower one than is known changes nothing.
        term: u32,
        /// Whose subtree.
        branch: SocketAddrV4,
        /// Up to where the name is kept.
        scope: Scope,
        /// Those below it may find another way if it fails: the name stays theirs for a while.
        roams: bool,
    },
    /// The group is no more.
    Forget {
        /// Which.
        key: GroupKey,
        /// The term in which it ended.
        term: u32,
    },
    /// Nothing is decided here any more until it is known whether the core has moved.
    Lock {
        /// Of which group.
        key: GroupKey,
        /// The term that it moves with.
        term: u32,
        /// The mserver of this set that carries it.
        carrier: SocketAddrV4,
    },
    /// It did not move.
    Unlock {
        /// Which.
        key: GroupKey,
        /// The term that the lock was for.
        term: u32,
    },
    /// The core moves here, and one call that made it move is answered in the same change.
    Adopt {
        /// The record, with its new term and paths.
        core: Box<Core>,
        /// The call.
        rider: Option<Box<Request>>,
        /// The move: made once, whoever proposes it again.
        id: RequestId,
    },
    /// The core has moved away from here.
    Moved {
        /// Which.
        key: GroupKey,
        /// Its new term.
        term: u32,
        /// The branch that it went down; none: up.
        down: Option<SocketAddrV4>,
    },
    /// The members behind some mservers of this set are cut off.
    Cut {
        /// The mservers.
        branches: Vec<SocketAddrV4>,
        /// Those who may find another way, too: they have been waited for.
        all: bool,
        /// The request in whose name it is done, so that it is done once.
        cause: RequestId,
    },
    /// Nobody decides the group any more: a [`Call::Here`] that it is to be rebuilt from.
    Claim(Request),
    /// It is rebuilt from what was claimed so far.
    Rebuild {
        /// Which.
        key: GroupKey,
    },
    /// The group of that incarnation is called so from now on, wherever its core is.
    Rename {
        /// The incarnation, and the new name.
        key: GroupKey,
    },
    /// Somebody else decides the same group: its core, here or below, is to come up and be merged with that.
    Summon {
        /// Which.
        key: GroupKey,
    },
    /// The time is up in which changes of a group are gathered: they become a view.
    Gathered {
        /// Of which group.
        key: GroupKey,
        /// The first of them.
        first: RequestId,
    },
    /// Part of what the set knew is lost with those who knew it: what its proposer has left counts from now on.
    Reset,
}

/// A view on its way down.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Direct {
    /// Of which group.
    pub key: GroupKey,
    /// The core's term.
    pub term: u32,
    /// The view's number.
    pub number: u32,
    /// Covers incarnation, number and roster with gids.
    pub digest: Digest,
    /// Why it differs from the one before.
    pub reason: Reason,
    /// The requests that are done with it.
    pub causes: Vec<RequestId>,
    /// What changed, or all of it.
    pub content: Content,
}

/// What a DIRECT says of the roster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Content {
    /// Who went and who came, since the number before.
    Delta {
        /// Gids of those who went.
        gone: Vec<u32>,
        /// Those who came, who stand behind all others.
        came: Vec<Entry>,
    },
    /// All of it.
    Whole(Box<Whole>),
}

/// All that those below the core keep of a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Whole {
    /// The members in the order of seniority.
    pub entries: Vec<Entry>,
    /// The gid of the next one.
    pub next_gid: u32,
    /// What its creator chose.
    pub qos: Qos,
}
