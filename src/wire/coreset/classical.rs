//! What of a core-set message the header of 1994 can say (Figure 13): type, subject, lists.
//!
//! ```text
//!  group_name    the name without its suffix      subject_gid, _addr, _rank   of the one it is about
//!  group_view    number of the sender's view      subject_list                gids of several: MULTI_FAIL,
//!  sender_gid    FFFF from a joiner                                           SPLIT, SPLIT_REQ
//!  exclude_list  gids in the sender's view        msg_type                    from the body
//! ```
//!
//! Name, number, sender's gid, exclude list and type are read by the receiver. The subject is for whoever
//! looks at a capture: payloads name mservers by address, and a gid is known only to who has the view.

use super::{Body, Change, ChangeKind, CoreMessage, Member, Request, Stats};
use crate::name::{Gid, Rank};
use crate::wire::{Header, Kind};
use std::net::SocketAddrV4;

impl Body {
    /// The message type that carries it.
    pub fn kind(&self) -> Kind {
        match self {
            Body::Query { .. } | Body::Probe { .. } => Kind::Query,
            Body::Reply { .. } | Body::ProbeReply { .. } => Kind::Reply,
            Body::Initiate(change) => change.kind.kind(),
            Body::Ack { .. } | Body::Taken => Kind::Ack,
            Body::Commit(_) | Body::CommitInitiate(..) => Kind::Commit,
            Body::Wait(_) => Kind::Wait,
            Body::MsgQuery(_) => Kind::MsgQuery,
            Body::CoordFail { .. } => Kind::MCoordFail,
            Body::Init { .. } => Kind::Init,
            Body::Request(request) => request.kind(),
            Body::Refused { .. } => Kind::Error,
            Body::Forward(_) => Kind::Forward,
            Body::StatsRequest { long: false } => Kind::MStatsShortReq,
            Body::StatsRequest { long: true } => Kind::MStatsLongReq,
            Body::Stats(Stats { detail: None, .. }) => Kind::MStatsShort,
            Body::Stats(_) => Kind::MStatsLong,
            Body::SyncRequest { .. } | Body::Sync { .. } => Kind::Sync,
        }
    }
}

impl ChangeKind {
    /// The message type of its Initiate.
    pub fn kind(&self) -> Kind {
        match self {
            ChangeKind::Fail { subjects } if subjects.len() == 1 => Kind::MFail,
            ChangeKind::Fail { .. } => Kind::MMultiFail,
            ChangeKind::Leave { .. } => Kind::MLeave,
            ChangeKind::DelParent { .. } => Kind::MDelParent,
            ChangeKind::Split { .. } | ChangeKind::Rename => Kind::MSplit,
            ChangeKind::AddParent { .. } => Kind::MAddParent,
            ChangeKind::Join { .. } => Kind::MJoin,
            ChangeKind::Application { .. } => Kind::Application,
            ChangeKind::Merge { .. } => Kind::MMerge,
        }
    }
}

impl Request {
    /// The message type that makes it.
    pub fn kind(&self) -> Kind {
        match self {
            Request::Join(_) => Kind::MJoinReq,
            Request::Leave(_) => Kind::MLeaveReq,
            Request::Split { .. } => Kind::MSplitReq,
            Request::Merge { .. } => Kind::MMergeReq,
            Request::AddParent(_) => Kind::MAddParReq,
            Request::DelParent => Kind::MDelParReq,
        }
    }
}

/// The header, and the subject list. Gids are looked up among `members`; one that is not there is FFFF in
/// the header and missing in the list.
pub(super) fn header(message: &CoreMessage, members: &[Member]) -> (Header, Vec<Gid>) {
    let header = Header {
        view: message.position.num.0,
        sender: message.from.gid,
        ..Header::new(message.name.base, message.body.kind())
    };
    let mut subject = Subject { members, header, list: Vec::new() };
    match &message.body {
        Body::Query { check: Some(who), .. } | Body::Reply { check: Some(who), .. } => {
            subject.one(*who, 0);
        }
        Body::Initiate(change) | Body::Commit(change) | Body::CommitInitiate(change, _) => {
            subject.of_change(change);
        }
        Body::Request(request) => subject.of_request(request),
        _ => {}
    }
    (subject.header, subject.list)
}

struct Subject<'a> {
    members: &'a [Member],
    header: Header,
    list: Vec<Gid>,
}

impl Subject<'_> {
    fn of_change(&mut self, change: &Change) {
        // The key of a change that removes somebody is the rank of that one.
        let rank = change.id.key;
        match &change.kind {
            ChangeKind::Fail { subjects } => match subjects[..] {
                [who] => self.one(who, rank),
                _ => self.several(subjects),
            },
            ChangeKind::Leave { who } | ChangeKind::DelParent { who } => self.one(*who, rank),
            ChangeKind::Split { side, .. } => self.several(side),
            ChangeKind::AddParent { member } | ChangeKind::Join { member } => {
                self.one(member.life.address, 0);
                self.header.subject = member.gid;
            }
            ChangeKind::Application { .. } | ChangeKind::Merge { .. } | ChangeKind::Rename => {}
        }
    }

    fn of_request(&mut self, request: &Request) {
        match request {
            Request::Join(who) | Request::Leave(who) | Request::AddParent(who) => {
                self.one(who.address, 0);
            }
            Request::Split { side, .. } => self.several(side),
            Request::Merge { .. } | Request::DelParent => {}
        }
    }

    fn one(&mut self, who: SocketAddrV4, rank: u64) {
        self.header.subject = self.gid(who).unwrap_or(Gid::NONE);
        self.header.subject_addr = *who.ip();
        self.header.subject_rank = Rank(u16::try_from(rank).unwrap_or(u16::MAX));
    }

    fn several(&mut self, who: &[SocketAddrV4]) {
        self.list = who.iter().filter_map(|&address| self.gid(address)).collect();
    }

    fn gid(&self, address: SocketAddrV4) -> Option<Gid> {
        self.members.iter().find(|m| m.life.address == address).map(|m| m.gid)
    }
}
