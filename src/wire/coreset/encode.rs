//! Core-set messages to bytes, and the one place that says how they lie there.
//!
//! All of it is big-endian; a number in brackets is the length in bytes, `*` a list, `?` something that a
//! flag or a count of 0 or 1 before it says to be there. The data of every core-set message opens with
//!
//! ```text
//!  0      1         2      3       4         8      10       14       16      17        43        44
//!  +------+---------+------+-------+---------+------+--------+--------+-------+---------+---------+
//!  | kind | version | body | flags | sender's address| incar- | suffix | level | position| parents |
//!  |  1   |   1     |      |       | IPv4    | port | nation |        |       |   (26)  | count   |
//!  +------+---------+------+-------+---------+------+--------+--------+-------+---------+---------+
//!  | position * parents (26 each) | id (25) ? flag PREV: of the change that made the view          |
//!  +----------------------------------------------------------------------------------------------+
//!  | the body                                                                                     |
//!  +----------------------------------------------------------------------------------------------+
//!  | fields of later versions, ignored                                                            |
//!  +----------------------------------------------------------------------------------------------+
//!
//!  flags   01 PREV   02 FORCE (probe)   04 PENDING (ack)   08 ACTIVE, 10 REPLY (coord-fail); others ignored
//! ```
//!
//! The fields of the header of 1994 complete it: `group_name` is the name without its suffix, `sender_gid` the
//! sender's gid, `exclude_list` its exclude list, in any order; `group_view` repeats the number of
//! the position. A version that adds fields puts them behind all others and has a higher number; it is
//! read as far as it is known. The parts:
//!
//! ```text
//!  address    IPv4 (4), port (2)                                                           6
//!  life       address, incarnation (4)                                                    10
//!  member     gid (2), life                                                               12
//!  position   view number (2), batches (8), digest (16)                                   26
//!  id         round (2), class (1), key (8), rank (2), coordinator: life, count (2)       25
//!  name       suffix (2), FFFF for none; length (1), at most 31; the name without suffix
//!  operation  origin: life, number (8; 0: of the change itself), length (4), bytes
//!
//!  view       position, level (1), name, count 0 or 1 (1) and parent: address ?,
//!             count 0 or 1 (1) and former parent: address ?, count (2), member *,
//!             count (1), position * of the parents, count (2), done *: origin: life, number (8)
//!             (a first origin 0.0.0.0 has the highest incarnation of those that are forgotten)
//!
//!  change     id, count (1), position * that it applies to, count (2), address * of the excluded,
//!             then by the class of the id
//!      0 FAIL         count (2), address *
//!      1 LEAVE        address
//!      2 DEL_PARENT   address
//!      3 SPLIT        count (2), address * of those who go, their name
//!      4 ADD_PARENT   member
//!      5 JOIN         member
//!      6 APPLICATION  count (4), operation *
//!      7 MERGE        view of the coordinator, the other view, gid (2) * for each member of that
//!      8 RENAME       nothing
//!
//!  request    code (1), then by the code
//!      0 JOIN         life
//!      1 LEAVE        life
//!      2 SPLIT        count (2), address * of those who go, their name
//!      3 MERGE        group address of the other set: address
//!      4 ADD_PARENT   life
//!      5 DEL_PARENT   nothing
//! ```
//!
//! And the bodies, with the message types that carry them:
//!
//! ```text
//!   0 query            QUERY         nonce (2), count 0 or 1 (1), for whom it is asked: address ?
//!   1 reply            REPLY         as query
//!   2 probe            QUERY         view
//!   3 probe-reply      REPLY         view
//!   4 initiate         by the class  change; M_FAIL, or M_MULTI_FAIL unless there is one subject; M_LEAVE,
//!                                    M_DEL_PARENT, M_SPLIT (RENAME too), M_ADD_PARENT, M_JOIN, APPLICATION,
//!                                    M_MERGE
//!   5 ack              ACK           id
//!   6 commit           COMMIT        change
//!   7 commit-initiate  COMMIT        change that is committed, change that is initiated
//!   8 wait             WAIT          code (1): 0 CURRENT change, 1 FLOOR change, 2 DROPPED id, 3 PREV id,
//!                                    4 NOTICE position
//!   9 msg-query        MSG_QUERY     id
//!  10 coord-fail       M_COORD_FAIL  change
//!  11 init             INIT          view, count 0 or 1 (1), change ? that made it, count (2), request *,
//!                                    count (2), lost *: address, ticks (4); digest of the registry (16)
//!  12 request          by the code   request; M_JOIN_REQ, M_LEAVE_REQ, M_SPLIT_REQ, M_MERGE_REQ,
//!                                    M_ADD_PAR_REQ, M_DEL_PAR_REQ
//!  13 refused          ERROR         code (2), incarnation (4), length (1), UTF-8
//!  14 forward          FORWARD       count (4), operation *
//!  15 stats-request    M_STATS_S_REQ with a 0 (1), M_STATS_L_REQ with a 1 (1)
//!  16 stats            M_STATS_S     members (2), phase (1): 0 out, 1 idle, 2 coordinator, 3 follower, 4 election
//!                                    and a 0 (1)
//!                      M_STATS_L     as that with a 1 (1), then count 0 or 1 (1), view ?, count (2),
//!                                    address * of the isolated, count (1), counter *: length (1), UTF-8,
//!                                    number (8)
//!  17 taken            ACK           nothing: the request is taken up
//!  18 sync-request     SYNC          count (1), position * that would do, count 0 or 1 (1) ?: position, byte (4)
//!                                    from which on the rest of it is asked for
//!  19 sync             SYNC          the sender's position, count 0 or 1 (1), part ?: position, exact (1): 0, 1;
//!                                    bytes of the whole (4), first of the part (4), length (4), bytes
//! ```
//!
//! A large message travels in fragments; none of this knows.

use super::{
    Body, Change, ChangeId, ChangeKind, CoreMessage, KIND, Member, Operation, Position,
    RegistryPart, Request, SetName, Stats, View, Wait, check, classical,
};
use crate::name::Gid;
use crate::wire::cursor::Writer;
use crate::wire::{Draft, Sum, WireError};

/// The version of the payload: a higher one has more fields, and these as well.
pub const PAYLOAD_VERSION: u8 = 1;

/// The bodies in words, by their codes: the third byte of the payload.
pub const BODIES: [&str; 20] = [
    "query",
    "reply",
    "probe",
    "probe-reply",
    "initiate",
    "ack",
    "commit",
    "commit-initiate",
    "wait",
    "msg-query",
    "coord-fail",
    "init",
    "request",
    "refused",
    "forward",
    "stats-request",
    "stats",
    "taken",
    "sync-request",
    "sync",
];

/// What the fourth byte of the payload says.
pub(super) mod flag {
    /// The header has the id of the change that made the view.
    pub const PREV: u8 = 0x01;
    /// A probe for sets of any name.
    pub const FORCE: u8 = 0x02;
    /// An ACK of who knows of something physical that waits.
    pub const PENDING: u8 = 0x04;
    /// An elector that has the change from its coordinator.
    pub const ACTIVE: u8 = 0x08;
    /// A Coord_Fail that answers one.
    pub const REPLY: u8 = 0x10;
}

impl CoreMessage {
    /// The message as a datagram with a checksum. Of the subject, only what the message itself knows is
    /// in the classical header: see [`CoreMessage::encode_in`].
    ///
    /// # Errors
    /// [`WireError::Payload`] if it breaks a rule that a receiver would refuse it for, with its word;
    /// [`WireError::Oversized`] if it is too long even for fragments.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        self.datagram(&[])
    }

    /// As [`CoreMessage::encode`], for a sender that has a view: the subjects of a change or request
    /// bear their gids of that view in the classical header. Receivers do not ask.
    ///
    /// # Errors
    /// As [`CoreMessage::encode`].
    pub fn encode_in(&self, view: &View) -> Result<Vec<u8>, WireError> {
        self.datagram(&view.members)
    }

    fn datagram(&self, members: &[Member]) -> Result<Vec<u8>, WireError> {
        check::message(self)?;
        let (header, subjects) = classical::header(self, members);
        let mut writer = Writer::default();
        writer.message(self);
        Draft { header, exclude: &self.exclude, subjects: &subjects, data: &writer.0 }
            .to_vec(Sum::Crc)
    }
}

impl Body {
    /// Its code: the place of its name in [`BODIES`].
    pub fn code(&self) -> u8 {
        match self {
            Body::Query { .. } => 0,
            Body::Reply { .. } => 1,
            Body::Probe { .. } => 2,
            Body::ProbeReply { .. } => 3,
            Body::Initiate(_) => 4,
            Body::Ack { .. } => 5,
            Body::Commit(_) => 6,
            Body::CommitInitiate(..) => 7,
            Body::Wait(_) => 8,
            Body::MsgQuery(_) => 9,
            Body::CoordFail { .. } => 10,
            Body::Init { .. } => 11,
            Body::Request(_) => 12,
            Body::Refused { .. } => 13,
            Body::Forward(_) => 14,
            Body::StatsRequest { .. } => 15,
            Body::Stats(_) => 16,
            Body::Taken => 17,
            Body::SyncRequest { .. } => 18,
            Body::Sync { .. } => 19,
        }
    }

    /// What it is, in a word.
    pub fn name(&self) -> &'static str {
        BODIES[usize::from(self.code())]
    }

    fn flags(&self) -> u8 {
        let bit = |set: bool, flag| if set { flag } else { 0 };
        match self {
            Body::Probe { force, .. } | Body::ProbeReply { force, .. } => bit(*force, flag::FORCE),
            Body::Ack { pending, .. } => bit(*pending, flag::PENDING),
            Body::CoordFail { active, reply, .. } => {
                bit(*active, flag::ACTIVE) | bit(*reply, flag::REPLY)
            }
            _ => 0,
        }
    }
}

impl Writer {
    fn message(&mut self, message: &CoreMessage) {
        let prev = if message.prev.is_some() { flag::PREV } else { 0 };
        self.0.extend([KIND, PAYLOAD_VERSION, message.body.code(), message.body.flags() | prev]);
        self.life(&message.from.life);
        self.suffix(message.name.suffix);
        self.u8(message.level);
        self.position(&message.position);
        self.positions(&message.parents);
        message.prev.iter().for_each(|id| self.id(id));
        self.body(&message.body);
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::Query { nonce, check } | Body::Reply { nonce, check } => {
                self.u16(*nonce);
                self.optional(*check);
            }
            Body::Probe { view, .. } | Body::ProbeReply { view, .. } => self.view(view),
            Body::Initiate(change) | Body::Commit(change) => self.change(change),
            Body::CommitInitiate(committed, next) => {
                self.change(committed);
                self.change(next);
            }
            Body::Ack { id, .. } | Body::MsgQuery(id) => self.id(id),
            Body::Wait(wait) => self.wait(wait),
            Body::CoordFail { change, .. } => self.change(change),
            Body::Init { view, prev, requests, lost, registry } => {
                self.view(view);
                self.u8(prev.is_some().into());
                prev.iter().for_each(|change| self.change(change));
                self.u16(requests.len() as u16);
                requests.iter().for_each(|request| self.request(request));
                self.u16(lost.len() as u16);
                for &(address, ticks) in lost {
                    self.address(address);
                    self.u32(ticks);
                }
                self.0.extend(registry.0);
            }
            Body::Request(request) => self.request(request),
            Body::Refused { code, known, why } => {
                self.u16(*code);
                self.u32(known.0);
                self.u8(why.len() as u8);
                self.0.extend(why.as_bytes());
            }
            Body::Forward(operations) => self.operations(operations),
            Body::StatsRequest { long } => self.u8((*long).into()),
            Body::Taken => {}
            Body::Stats(stats) => self.stats(stats),
            Body::SyncRequest { wanted, resume } => {
                self.positions(wanted);
                self.u8(resume.is_some().into());
                if let Some((position, from)) = resume {
                    self.position(position);
                    self.u32(*from);
                }
            }
            Body::Sync { at, part } => {
                self.position(at);
                self.u8(part.is_some().into());
                part.iter().for_each(|part| self.registry_part(part));
            }
        }
    }

    fn registry_part(&mut self, part: &RegistryPart) {
        self.position(&part.position);
        self.u8(part.exact.into());
        self.u32(part.total);
        self.u32(part.offset);
        self.u32(part.bytes.len() as u32);
        self.0.extend(&part.bytes);
    }

    fn stats(&mut self, stats: &Stats) {
        self.u16(stats.size);
        self.u8(stats.phase);
        self.u8(stats.detail.is_some().into());
        let Some(detail) = &stats.detail else { return };
        self.u8(detail.view.is_some().into());
        detail.view.iter().for_each(|view| self.view(view));
        self.addresses(&detail.isolated);
        self.u8(detail.counters.len() as u8);
        for (word, number) in &detail.counters {
            self.u8(word.len() as u8);
            self.0.extend(word.as_bytes());
            self.u64(*number);
        }
    }

    fn wait(&mut self, wait: &Wait) {
        match wait {
            Wait::Current(change) => {
                self.u8(0);
                self.change(change);
            }
            Wait::Floor(change) => {
                self.u8(1);
                self.change(change);
            }
            Wait::Dropped(id) => {
                self.u8(2);
                self.id(id);
            }
            Wait::Prev(id) => {
                self.u8(3);
                self.id(id);
            }
            Wait::Notice(position) => {
                self.u8(4);
                self.position(position);
            }
        }
    }

    fn request(&mut self, request: &Request) {
        match request {
            Request::Join(life) => {
                self.u8(0);
                self.life(life);
            }
            Request::Leave(life) => {
                self.u8(1);
                self.life(life);
            }
            Request::Split { side, name } => {
                self.u8(2);
                self.addresses(side);
                self.name(name);
            }
            Request::Merge { at } => {
                self.u8(3);
                self.address(*at);
            }
            Request::AddParent(life) => {
                self.u8(4);
                self.life(life);
            }
            Request::DelParent => self.u8(5),
        }
    }

    fn change(&mut self, change: &Change) {
        self.id(&change.id);
        self.positions(&change.par);
        self.addresses(&change.excl);
        match &change.kind {
            ChangeKind::Fail { subjects } => self.addresses(subjects),
            ChangeKind::Leave { who } | ChangeKind::DelParent { who } => self.address(*who),
            ChangeKind::Split { side, name } => {
                self.addresses(side);
                self.name(name);
            }
            ChangeKind::AddParent { member } | ChangeKind::Join { member } => self.member(member),
            ChangeKind::Application { operations } => self.operations(operations),
            ChangeKind::Merge { views, gids } => {
                views.iter().for_each(|view| self.view(view));
                gids.iter().for_each(|gid| self.u16(gid.0));
            }
            ChangeKind::Rename => {}
        }
    }

    fn id(&mut self, id: &ChangeId) {
        self.u16(id.round);
        self.u8(id.class);
        self.u64(id.key);
        self.u16(id.crank);
        self.life(&id.coord);
        self.u16(id.seq);
    }

    pub fn operations(&mut self, operations: &[Operation]) {
        self.u32(operations.len() as u32);
        for operation in operations {
            self.life(&operation.origin);
            self.u64(operation.number);
            self.u32(operation.bytes.len() as u32);
            self.0.extend(&operation.bytes);
        }
    }

    fn view(&mut self, view: &View) {
        self.position(&view.position);
        self.rest_of_view(view);
    }

    pub fn rest_of_view(&mut self, view: &View) {
        self.u8(view.level);
        self.name(&view.name);
        self.optional(view.parent);
        self.optional(view.former);
        self.u16(view.members.len() as u16);
        view.members.iter().for_each(|member| self.member(member));
        self.positions(&view.parents);
        self.u16(view.done.len() as u16);
        for done in &view.done {
            self.life(&done.origin);
            self.u64(done.number);
        }
    }

    pub fn name(&mut self, name: &SetName) {
        self.suffix(name.suffix);
        self.group_name(&name.base);
    }

    fn suffix(&mut self, suffix: Option<Gid>) {
        self.u16(suffix.unwrap_or(Gid::NONE).0);
    }

    fn positions(&mut self, positions: &[Position]) {
        self.u8(positions.len() as u8);
        positions.iter().for_each(|position| self.position(position));
    }

    fn position(&mut self, position: &Position) {
        self.u16(position.num.0);
        self.u64(position.k);
        self.0.extend(position.digest.0);
    }

    fn member(&mut self, member: &Member) {
        self.u16(member.gid.0);
        self.life(&member.life);
    }
}
