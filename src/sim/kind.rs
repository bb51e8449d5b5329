//! What kind of message it is: the names that filters, transcripts and diagrams use.

use crate::wire::coreset::{Body, CoreMessage, Request, Wait};
use std::fmt;

/// A kind of core-set message, by its name in Table 4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// QUERY.
    Query,
    /// REPLY.
    Reply,
    /// QUERY with the flag PROBE.
    Probe,
    /// REPLY with the flag PROBE.
    ProbeReply,
    /// Any message that initiates a change.
    Initiate,
    /// ACK.
    Ack,
    /// COMMIT.
    Commit,
    /// COMMIT with the next Initiate behind it. A filter for either of the two hits it.
    CommitInitiate,
    /// WAIT, whatever it says.
    Wait,
    /// MSG_QUERY.
    MsgQuery,
    /// M_COORD_FAIL.
    CoordFail,
    /// INIT.
    Init,
    /// M_JOIN_REQ.
    JoinReq,
    /// Any other request.
    Request,
    /// ERROR.
    Refused,
    /// FORWARD.
    Forward,
    /// Statistics, what answers MS_mgr, and what the layer above says: a set itself ignores them.
    Stats,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Kind; 17] = [
        Kind::Query,
        Kind::Reply,
        Kind::Probe,
        Kind::ProbeReply,
        Kind::Initiate,
        Kind::Ack,
        Kind::Commit,
        Kind::CommitInitiate,
        Kind::Wait,
        Kind::MsgQuery,
        Kind::CoordFail,
        Kind::Init,
        Kind::JoinReq,
        Kind::Request,
        Kind::Refused,
        Kind::Forward,
        Kind::Stats,
    ];

    /// Kind of a message.
    pub fn of(message: &CoreMessage) -> Kind {
        match &message.body {
            Body::Query { .. } => Kind::Query,
            Body::Reply { .. } => Kind::Reply,
            Body::Probe { .. } => Kind::Probe,
            Body::ProbeReply { .. } => Kind::ProbeReply,
            Body::Initiate(_) => Kind::Initiate,
            Body::Ack { .. } => Kind::Ack,
            Body::Commit(_) => Kind::Commit,
            Body::CommitInitiate(..) => Kind::CommitInitiate,
            Body::Wait(_) => Kind::Wait,
            Body::MsgQuery(_) => Kind::MsgQuery,
            Body::CoordFail { .. } => Kind::CoordFail,
            Body::Init { .. } => Kind::Init,
            Body::Request(Request::Join(_)) => Kind::JoinReq,
            Body::Request(_) => Kind::Request,
            Body::Refused { .. } => Kind::Refused,
            Body::Forward(_) => Kind::Forward,
            Body::StatsRequest { .. } | Body::Stats(_) | Body::Taken => Kind::Stats,
            Body::SyncRequest { .. } | Body::Sync { .. } => Kind::Stats,
        }
    }

    /// Whether a filter for `self` concerns a message of kind `other`.
    pub fn covers(self, other: Kind) -> bool {
        self == other
            || other == Kind::CommitInitiate && matches!(self, Kind::Commit | Kind::Initiate)
    }

    /// Whether it belongs to the two-phase protocol: monitoring and probing run beside it.
    pub fn changes(self) -> bool {
        !matches!(self, Kind::Query | Kind::Reply | Kind::Probe | Kind::ProbeReply)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Query => "QUERY",
            Kind::Reply => "REPLY",
            Kind::Probe => "PROBE",
            Kind::ProbeReply => "PROBE-REPLY",
            Kind::Initiate => "INITIATE",
            Kind::Ack => "ACK",
            Kind::Commit => "COMMIT",
            Kind::CommitInitiate => "COMMIT+INITIATE",
            Kind::Wait => "WAIT",
            Kind::MsgQuery => "MSG_QUERY",
            Kind::CoordFail => "COORD_FAIL",
            Kind::Init => "INIT",
            Kind::JoinReq => "JOIN_REQ",
            Kind::Request => "REQUEST",
            Kind::Refused => "ERROR",
            Kind::Forward => "FORWARD",
            Kind::Stats => "STATS",
        })
    }
}

/// Name of a message, a little more exact than its kind: which WAIT, which request.
pub fn name(message: &CoreMessage) -> &'static str {
    match &message.body {
        Body::Query { check: Some(_), .. } => "QUERY-CHECK",
        Body::Reply { check: Some(_), .. } => "REPLY-CHECK",
        Body::Query { .. } => "QUERY",
        Body::Reply { .. } => "REPLY",
        Body::Probe { .. } => "PROBE",
        Body::ProbeReply { .. } => "PROBE-REPLY",
        Body::Initiate(_) => "INITIATE",
        Body::Ack { .. } => "ACK",
        Body::Commit(_) => "COMMIT",
        Body::CommitInitiate(..) => "COMMIT+INITIATE",
        Body::Wait(Wait::Current(_)) => "WAIT-CURRENT",
        Body::Wait(Wait::Floor(_)) => "WAIT-FLOOR",
        Body::Wait(Wait::Dropped(_)) => "WAIT-DROPPED",
        Body::Wait(Wait::Prev(_)) => "WAIT-PREV",
        Body::Wait(Wait::Notice(_)) => "WAIT-NOTICE",
        Body::MsgQuery(_) => "MSG_QUERY",
        Body::CoordFail { .. } => "COORD_FAIL",
        Body::Init { .. } => "INIT",
        Body::Request(Request::Join(_)) => "JOIN_REQ",
        Body::Request(Request::Leave(_)) => "LEAVE_REQ",
        Body::Request(Request::Split { .. }) => "SPLIT_REQ",
        Body::Request(Request::Merge { .. }) => "MERGE_REQ",
        Body::Request(Request::AddParent(_)) => "ADD_PAR_REQ",
        Body::Request(Request::DelParent) => "DEL_PAR_REQ",
        Body::Refused { .. } => "ERROR",
        Body::Forward(_) => "FORWARD",
        Body::StatsRequest { .. } => "STATS_REQ",
        Body::Stats(_) => "STATS",
        Body::Taken => "TAKEN",
        Body::SyncRequest { .. } => "SYNC_REQ",
        Body::Sync { .. } => "SYNC",
    }
}
