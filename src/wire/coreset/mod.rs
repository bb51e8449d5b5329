//! The messages of a core-set: what mservers say to agree on their membership.
//!
//! Each is one of the thesis's messages (Table 4, Figure 13) with a payload of kind [`KIND`] in its data. The fields of
//! the classical header repeat what they can: view number, gids, subject, exclude list; what decides is
//! in the payload, where members are named by address and incarnation, and views by position.
//!
//! The bytes are laid out in `encode.rs`, the rules that both directions check are in `check.rs`.

mod check;
mod classical;
mod decode;
mod digest;
mod encode;
mod words;

pub use check::{
    MAX_COUNTERS, MAX_DONE, MAX_LOST, MAX_MEMBERS, MAX_PARENTS, MAX_REQUESTS, MAX_STRING,
};
pub use digest::{digest_of, encode_operations};
pub use encode::{BODIES, PAYLOAD_VERSION};

use crate::name::{Digest, Gid, GroupName, Incarnation, ViewNumber};
use std::fmt;
use std::net::SocketAddrV4;

/// The payload kind byte of core-set messages.
pub const KIND: u8 = 1;

/// A mserver in one of its lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Life {
    /// Where it is, which is who it is.
    pub address: SocketAddrV4,
    /// Which of its lives: larger each time.
    pub inc: Incarnation,
}

/// A member of a view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Member {
    /// Its index in the core table; [`Gid::NONE`] for a joiner that no change has given one.
    pub gid: Gid,
    /// Who it is.
    pub life: Life,
}

/// Which view, exactly: a place on a line of views.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    /// Number of the physical view.
    pub num: ViewNumber,
    /// Batches of operations committed in it.
    pub k: u64,
    /// Covers everything that the view is.
    pub digest: Digest,
}

/// Name of a set: the configured one, and the suffix of a separated side, which is shown after a dot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SetName {
    /// The configured name.
    pub base: GroupName,
    /// The lowest gid of a side that stayed apart for too long.
    pub suffix: Option<Gid>,
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suffix {
            None => write!(f, "{}", self.base),
            Some(gid) => write!(f, "{}.{gid}", self.base),
        }
    }
}

/// How far the operations of one origin have been applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Done {
    /// Whose.
    pub origin: Life,
    /// Number of the last one applied.
    pub number: u64,
}

/// A view: who is there, in the order of seniority, and where it comes from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct View {
    /// Which.
    pub position: Position,
    /// Level in the hierarchy: 1 for a set of LAN mservers.
    pub level: u8,
    /// Name of the set.
    pub name: SetName,
    /// The members; rank is the place.
    pub members: Vec<Member>,
    /// The views that it was made from: none for a founder's, two for a Merge's.
    pub parents: Vec<Position>,
    /// The member that is the set's parent.
    pub parent: Option<SocketAddrV4>,
    /// The parent that was lost, while there is no other.
    pub former: Option<SocketAddrV4>,
    /// What was applied, in the order of the origins.
    pub done: Vec<Done>,
}

/// Names a change and says which of two goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChangeId {
    /// Larger goes first.
    pub round: u16,
    /// [`ChangeKind::class`]; smaller goes first.
    pub class: u8,
    /// Rank or address of the subject; smaller goes first.
    pub key: u64,
    /// Rank of the coordinator in its view; smaller goes first.
    pub crank: u16,
    /// The coordinator.
    pub coord: Life,
    /// Its count of changes.
    pub seq: u16,
}

/// One operation of the layer above: opaque here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Operation {
    /// The member that wants it.
    pub origin: Life,
    /// Its number: the origin's operations are numbered from 1 without a gap.
    pub number: u64,
    /// What it is.
    pub bytes: Vec<u8>,
}

/// What a change does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ChangeKind {
    /// Members are perceived failed (M_FAIL, M_MULTI_FAIL).
    Fail {
        /// Who.
        subjects: Vec<SocketAddrV4>,
    },
    /// A member leaves (M_LEAVE).
    Leave {
        /// Who.
        who: SocketAddrV4,
    },
    /// The parent goes (M_DEL_PARENT).
    DelParent {
        /// Who.
        who: SocketAddrV4,
    },
    /// The set becomes two (M_SPLIT).
    Split {
        /// Who goes.
        side: Vec<SocketAddrV4>,
        /// The name of those who go.
        name: SetName,
    },
    /// A parent comes (M_ADD_PARENT).
    AddParent {
        /// Who, with the gid it gets.
        member: Member,
    },
    /// A member comes (M_JOIN).
    Join {
        /// Who, with the gid it gets.
        member: Member,
    },
    /// Operations of the layer above (APPLICATION).
    Application {
        /// In their order.
        operations: Vec<Operation>,
    },
    /// Two sets become one (M_MERGE).
    Merge {
        /// The views that become one; the coordinator's first.
        views: Box<[View; 2]>,
        /// The gids of the members of the second one.
        gids: Vec<Gid>,
    },
    /// A separated side takes a name of its own (M_SPLIT with nobody going).
    Rename,
}

impl ChangeKind {
    /// Which kind goes first: the smaller.
    pub fn class(&self) -> u8 {
        match self {
            ChangeKind::Fail { .. } => 0,
            ChangeKind::Leave { .. } => 1,
            ChangeKind::DelParent { .. } => 2,
            ChangeKind::Split { .. } => 3,
            ChangeKind::AddParent { .. } => 4,
            ChangeKind::Join { .. } => 5,
            ChangeKind::Application { .. } => 6,
            ChangeKind::Merge { .. } => 7,
            ChangeKind::Rename => 8,
        }
    }
}

/// A change of one view, or of two that become one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Change {
    /// Its name and priority.
    pub id: ChangeId,
    /// What it does.
    pub kind: ChangeKind,
    /// The views it applies to.
    pub par: Vec<Position>,
    /// Who leaves with it because it did not accept it, in the order of addresses; final in a Commit.
    pub excl: Vec<SocketAddrV4>,
}

/// What a WAIT says.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Wait {
    /// I am on this change.
    Current(Change),
    /// I had accepted this change, it was dropped; go above it.
    Floor(Change),
    /// This change will not be committed by me.
    Dropped(ChangeId),
    /// I still wait for the Commit of this change, your previous one.
    Prev(ChangeId),
    /// I am not in the view that you address me in.
    Notice(Position),
}

/// A request to a set from outside, or from a member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Request {
    /// M_JOIN_REQ: let me in.
    Join(Life),
    /// M_LEAVE_REQ: let me go.
    Leave(Life),
    /// M_SPLIT_REQ: let these go under that name.
    Split {
        /// Who goes.
        side: Vec<SocketAddrV4>,
        /// Their name.
        name: SetName,
    },
    /// M_MERGE_REQ: merge with the set at that address.
    Merge {
        /// Its group address.
        at: SocketAddrV4,
    },
    /// M_ADD_PAR_REQ: take me as parent.
    AddParent(Life),
    /// M_DEL_PAR_REQ: give up the parent.
    DelParent,
}

/// What a core-set message says.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Body {
    /// QUERY: are you there? `check`: asked for somebody else (confirmation).
    Query {
        /// Comes back in the REPLY.
        nonce: u16,
        /// For whom it is asked, if not for the sender.
        check: Option<SocketAddrV4>,
    },
    /// REPLY: I am.
    Reply {
        /// Of the QUERY.
        nonce: u16,
        /// As in the QUERY.
        check: Option<SocketAddrV4>,
    },
    /// QUERY with the flag PROBE: is there another set of our name? `force`: of whatever name.
    Probe {
        /// The sender's view.
        view: Box<View>,
        /// Asked for by an operator: names need not agree.
        force: bool,
    },
    /// REPLY with the flag PROBE.
    ProbeReply {
        /// The sender's view.
        view: Box<View>,
        /// As in the probe.
        force: bool,
    },
    /// Initiate: the message type says the kind of change.
    Initiate(Change),
    /// ACK.
    Ack {
        /// Of which change.
        id: ChangeId,
        /// The sender knows of a physical request or failure that waits.
        pending: bool,
    },
    /// COMMIT.
    Commit(Change),
    /// COMMIT and, right behind it, the Initiate of the next batch.
    CommitInitiate(Change, Change),
    /// WAIT.
    Wait(Wait),
    /// MSG_QUERY: where is the next message of this change?
    MsgQuery(ChangeId),
    /// M_COORD_FAIL.
    CoordFail {
        /// The change whose coordinator failed.
        change: Change,
        /// The sender accepted it from its coordinator.
        active: bool,
        /// It is an answer.
        reply: bool,
    },
    /// INIT: the state, for a joiner.
    Init {
        /// The view.
        view: Box<View>,
        /// The change that made it, if one did.
        prev: Option<Box<Change>>,
        /// Requests that wait.
        requests: Vec<Request>,
        /// Members that were lost, and the ticks that are left to find them.
        lost: Vec<(SocketAddrV4, u32)>,
        /// Digest of the replicated registry at this position.
        registry: Digest,
    },
    /// A request: the message type says which.
    Request(Request),
    /// ERROR: a request is refused.
    Refused {
        /// A code of ms_protocol(7).
        code: u16,
        /// The highest incarnation known of the requester; it must go above it.
        known: Incarnation,
        /// Why, in a sentence.
        why: String,
    },
    /// FORWARD: operations for the leader.
    Forward(Vec<Operation>),
    /// M_STATS_S_REQ, M_STATS_L_REQ: what do you know?
    StatsRequest {
        /// All of it.
        long: bool,
    },
    /// M_STATS_S, M_STATS_L: the answer. Name, level, position and sender of the message belong to it.
    Stats(Stats),
    /// ACK: the request of an operator is taken up; what comes of it, the views show.
    Taken,
    /// SYNC: who has what the group layer knows?
    SyncRequest {
        /// Positions that would do, the best first; that at which the asked one is would, too.
        wanted: Vec<Position>,
        /// The rest of that position's, from that byte on.
        resume: Option<(Position, u32)>,
    },
    /// SYNC: the answer.
    Sync {
        /// Where the sender is.
        at: Position,
        /// What it has; none: nothing that would do.
        part: Option<RegistryPart>,
    },
}

/// Most positions that are asked for.
pub const MAX_WANTED: usize = 16;

/// What the group layer of a set knows at a position, or a part of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RegistryPart {
    /// Which position.
    pub position: Position,
    /// It is all that there is; otherwise it is what is left where some of it is lost.
    pub exact: bool,
    /// Bytes of all of it.
    pub total: u32,
    /// Where this part begins.
    pub offset: u32,
    /// Opaque here.
    pub bytes: Vec<u8>,
}

/// What a mserver is at, by the codes of [`Stats::phase`].
pub const PHASES: [&str; 5] = ["out", "idle", "coordinator", "follower", "election"];

/// What a mserver tells of itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stats {
    /// Members of its view; 0 if it is in none.
    pub size: u16,
    /// What it is at: see ms_protocol(7).
    pub phase: u8,
    /// All the rest: this is an M_STATS_L.
    pub detail: Option<StatsDetail>,
}

/// The long part of what a mserver tells of itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StatsDetail {
    /// Its view, if it is in one.
    pub view: Option<Box<View>>,
    /// Members with whom it ceased to communicate.
    pub isolated: Vec<SocketAddrV4>,
    /// What it counted, by the word that names the cause; at most 255.
    pub counters: Vec<(String, u64)>,
}

/// A core-set message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CoreMessage {
    /// Name of the set.
    pub name: SetName,
    /// The sender; its gid is in the classical header.
    pub from: Member,
    /// Level of the set.
    pub level: u8,
    /// The sender's view; all zero for one that has none.
    pub position: Position,
    /// The views that it was made from.
    pub parents: Vec<Position>,
    /// The change that made it, if one did.
    pub prev: Option<ChangeId>,
    /// Gids in the sender's view of those it does not communicate with: the classical exclude list.
    pub exclude: Vec<Gid>,
    /// The rest.
    pub body: Body,
}
