//! Operations on groups to bytes, and the one place that says how they lie there.
//!
//! All of it is big-endian; a number in brackets is the length in bytes, `*` a list, `?` something that a
//! count of 0 or 1 before it says to be there. `address` and `life` are those of core-set messages.
//!
//! ```text
//!  request-id  origin: life, number (8)
//!  member      its MI: life, number (4)
//!  name        length (1), at most 31, bytes
//!  key         name, count 0 or 1 (1) and suffix (4) ?, request-id
//!  scope       0 (1): top; 1 (1), level (1); 2 (1), name
//!  qos         order (1): 0 strong, 1 weak; batch (2), batch ms (4); monitor: adaptive 0, else every ms (4),
//!              retries (1); count only (1): 0, 1;
//!              survive: length (1), UTF-8; merge: length (1), UTF-8; name scope; membership scope
//!  path        count (1), address *
//!  entry       member, gid (4), length (1), tag, flags (1): 1 roams, 2 lost; registration (4), path
//!  request     request-id, oldest number under way (8), registration (4), name, scope of
//!              the search, call, path
//!  call        code (1), then by the code
//!      0 JOIN    mode (1): 0 join or create, 1 create, 2 existing; member, length (1), tag, roams (1): 0, 1; qos
//!      1 LEAVE   member
//!      2 FAIL    cut off (1): 0, 1; count (4), member *
//!      3 MERGE   name of the other group
//!      4 SPLIT   name of the new group, count (4), gid (4) *
//!      5 VIEW    nothing
//!      6 HERE    statement
//!  statement   key, term (4), number (4), digest (16), next gid (4), qos, count (4), gid (4) *,
//!              count (4), entry *
//!  done        origin: life, up to (8), count (2), number (8) *
//!  core        key, qos, term (4), number (4), count (4), entry *, next gid (4), count (4), done *,
//!              count (4), of those who went: member, left (1): 0, 1 *; count (4), of what waits for other
//!              changes: request *
//!  content     0 (1): count (4), gid (4) * of those who went, count (4), entry * of those who came
//!              1 (1): count (4), entry *, next gid (4), qos
//!  direct      key, term (4), number (4), digest (16), reason (1), count (2), request-id *, content
//!
//!  operation   version (1), code (1), then by the code
//!      0 CALL    request                    6 LOCK    key, term (4), carrier: address
//!      1 RESERVE request                    7 UNLOCK  key, term (4)
//!      2 RELEASE key                        8 ADOPT   core, count 0 or 1 (1), request ?, request-id
//!      3 CREATE  request                    9 MOVED   key, term (4), count 0 or 1 (1), branch: address ?
//!      4 LEAD    key, term (4), address,   10 CUT     count (2), address *, all (1): 0, 1; request-id
//!                scope, roams (1): 0, 1    11 CLAIM   request
//!      5 FORGET  key, term (4)             12 REBUILD key
//!     13 RESET   nothing; an operation of the change itself, without a number
//!     14 RENAME  key                      15 SUMMON  key
//!     16 GATHERED key, request-id
//! ```

use super::{
    Call, Completed, Content, Core, Departed, Direct, Entry, GroupKey, GroupOp, MemberId, Mode,
    Monitor, Order, Qos, Reason, Request, RequestId, Scope, Statement,
};
use crate::wire::cursor::Writer;
use std::net::SocketAddrV4;

/// The version of operations and messages about groups: a higher one has more fields, and these as well.
pub const PAYLOAD_VERSION: u8 = 1;

/// The codes of reasons are their places here.
pub(in crate::wire) const REASONS: [Reason; 9] = [
    Reason::Created,
    Reason::Joined,
    Reason::Left,
    Reason::Failed,
    Reason::Partitioned,
    Reason::Merged,
    Reason::Split,
    Reason::Resync,
    Reason::Terminated,
];

/// The codes of modes are their places here.
pub(in crate::wire) const MODES: [Mode; 3] = [Mode::JoinOrCreate, Mode::Create, Mode::Existing];

impl GroupOp {
    /// The bytes of the operation, as a core-set agrees on them. Tags, paths and rules must keep their limits: the
    /// interface to applications has seen to that.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u8(PAYLOAD_VERSION);
        writer.operation(self);
        writer.0
    }
}

impl Direct {
    /// The bytes of the view, as they lie in a DIRECT.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u8(PAYLOAD_VERSION);
        writer.direct(self);
        writer.0
    }
}

impl Writer {
    fn operation(&mut self, op: &GroupOp) {
        match op {
            GroupOp::Call(request) => self.asked(0, request),
            GroupOp::Reserve(request) => self.asked(1, request),
            GroupOp::Release { key } => {
                self.u8(2);
                self.key(key);
            }
            GroupOp::Create(request) => self.asked(3, request),
            GroupOp::Lead { key, term, branch, scope, roams } => {
                self.of_term(4, key, *term);
                self.address(*branch);
                self.scope(scope);
                self.u8((*roams).into());
            }
            GroupOp::Forget { key, term } => self.of_term(5, key, *term),
            GroupOp::Lock { key, term, carrier } => {
                self.of_term(6, key, *term);
                self.address(*carrier);
            }
            GroupOp::Unlock { key, term } => self.of_term(7, key, *term),
            GroupOp::Adopt { core, rider, id } => {
                self.u8(8);
                self.core(core);
                self.u8(rider.is_some().into());
                rider.iter().for_each(|request| self.group_request(request));
                self.request_id(id);
            }
            GroupOp::Moved { key, term, down } => {
                self.of_term(9, key, *term);
                self.optional(*down);
            }
            GroupOp::Cut { branches, all, cause } => {
                self.u8(10);
                self.addresses(branches);
                self.u8((*all).into());
                self.request_id(cause);
            }
            GroupOp::Claim(request) => self.asked(11, request),
            GroupOp::Rebuild { key } => {
                self.u8(12);
                self.key(key);
            }
            GroupOp::Reset => self.u8(13),
            GroupOp::Rename { key } => {
                self.u8(14);
                self.key(key);
            }
            GroupOp::Summon { key } => {
                self.u8(15);
                self.key(key);
            }
            GroupOp::Gathered { key, first } => {
                self.u8(16);
                self.key(key);
                self.request_id(first);
            }
        }
    }

    fn asked(&mut self, code: u8, request: &Request) {
        self.u8(code);
        self.group_request(request);
    }

    fn of_term(&mut self, code: u8, key: &GroupKey, term: u32) {
        self.u8(code);
        self.key(key);
        self.u32(term);
    }

    pub(super) fn direct(&mut self, direct: &Direct) {
        self.key(&direct.key);
        self.u32(direct.term);
        self.u32(direct.number);
        self.0.extend(direct.digest.0);
        self.place(&REASONS, direct.reason);
        self.u16(direct.causes.len() as u16);
        direct.causes.iter().for_each(|id| self.request_id(id));
        match &direct.content {
            Content::Delta { gone, came } => {
                self.u8(0);
                self.numbers(gone);
                self.entries(came);
            }
            Content::Whole(whole) => {
                self.u8(1);
                self.entries(&whole.entries);
                self.u32(whole.next_gid);
                self.qos(&whole.qos);
            }
        }
    }

    pub(super) fn core(&mut self, core: &Core) {
        self.key(&core.key);
        self.qos(&core.qos);
        self.u32(core.term);
        self.u32(core.number);
        self.entries(&core.roster);
        self.u32(core.next_gid);
        self.u32(core.done.len() as u32);
        for Completed { origin, up_to, beyond } in &core.done {
            self.life(origin);
            self.u64(*up_to);
            self.u16(beyond.len() as u16);
            beyond.iter().for_each(|number| self.u64(*number));
        }
        self.u32(core.departed.len() as u32);
        for Departed { id, left } in &core.departed {
            self.member_id(id);
            self.u8((*left).into());
        }
        self.u32(core.gathered.len() as u32);
        core.gathered.iter().for_each(|request| self.group_request(request));
    }

    pub(super) fn group_request(&mut self, request: &Request) {
        self.request_id(&request.id);
        self.u64(request.oldest);
        self.u32(request.registration);
        self.group_name(&request.group);
        self.scope(&request.reach);
        self.call(&request.call);
        self.path(&request.path);
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Join { mode, member, tag, roams, qos } => {
                self.u8(0);
                self.place(&MODES, *mode);
                self.member_id(member);
                self.short(tag);
                self.u8((*roams).into());
                self.qos(qos);
            }
            Call::Leave { member } => {
                self.u8(1);
                self.member_id(member);
            }
            Call::Fail { members, cut } => {
                self.u8(2);
                self.u8((*cut).into());
                self.u32(members.len() as u32);
                members.iter().for_each(|member| self.member_id(member));
            }
            Call::Merge { other } => {
                self.u8(3);
                self.group_name(other);
            }
            Call::Split { new, members } => {
                self.u8(4);
                self.group_name(new);
                self.numbers(members);
            }
            Call::View => self.u8(5),
            Call::Here(statement) => {
                self.u8(6);
                self.statement(statement);
            }
        }
    }

    pub(in crate::wire) fn qos(&mut self, qos: &Qos) {
        self.u8(match qos.order {
            Order::Strong => 0,
            Order::Weak => 1,
        });
        self.u16(qos.batch);
        self.u32(qos.batch_ms);
        let (every_ms, retries) = match qos.monitor {
            Monitor::Adaptive => (0, 0),
            // 0 would be the other kind.
            Monitor::Fixed { every_ms, retries } => (every_ms.max(1), retries),
        };
        self.u32(every_ms);
        self.u8(retries);
        self.u8(qos.count_only.into());
        self.short(qos.survive.as_bytes());
        self.short(qos.merge.as_bytes());
        self.scope(&qos.name_scope);
        self.scope(&qos.membership_scope);
    }

    pub(super) fn scope(&mut self, scope: &Scope) {
        match scope {
            Scope::Top => self.u8(0),
            Scope::Level(level) => {
                self.u8(1);
                self.u8(*level);
            }
            Scope::Set(name) => {
                self.u8(2);
                self.group_name(name);
            }
        }
    }

    fn entries(&mut self, entries: &[Entry]) {
        self.u32(entries.len() as u32);
        entries.iter().for_each(|entry| self.entry(entry));
    }

    fn entry(&mut self, entry: &Entry) {
        let Entry { id, gid, tag, roams, lost, registration, path } = entry;
        self.member_id(id);
        self.u32(*gid);
        self.short(tag);
        self.u8(u8::from(*roams) | u8::from(*lost) << 1);
        self.u32(*registration);
        self.path(path);
    }

    pub(super) fn statement(&mut self, statement: &Statement) {
        self.at(&statement.key, statement.term, statement.number);
        self.0.extend(statement.digest.0);
        self.u32(statement.next_gid);
        self.qos(&statement.qos);
        self.numbers(&statement.roster);
        self.entries(&statement.members);
    }

    pub(super) fn at(&mut self, key: &GroupKey, term: u32, number: u32) {
        self.key(key);
        self.u32(term);
        self.u32(number);
    }

    pub(in crate::wire) fn key(&mut self, key: &GroupKey) {
        self.group_name(&key.name);
        self.u8(key.suffix.is_some().into());
        key.suffix.iter().for_each(|suffix| self.u32(*suffix));
        self.request_id(&key.inc);
    }

    pub(super) fn request_id(&mut self, id: &RequestId) {
        self.life(&id.origin);
        self.u64(id.number);
    }

    pub(in crate::wire) fn member_id(&mut self, id: &MemberId) {
        self.life(&id.mi);
        self.u32(id.number);
    }

    pub(super) fn path(&mut self, path: &[SocketAddrV4]) {
        self.u8(path.len() as u8);
        path.iter().for_each(|&mserver| self.address(mserver));
    }

    pub(in crate::wire) fn numbers(&mut self, numbers: &[u32]) {
        self.u32(numbers.len() as u32);
        numbers.iter().for_each(|n| self.u32(*n));
    }

    pub(in crate::wire) fn place<T: PartialEq + Copy>(&mut self, all: &[T], one: T) {
        self.u8(all.iter().position(|other| *other == one).unwrap_or(0) as u8);
    }
}
