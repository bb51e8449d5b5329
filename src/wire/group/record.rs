//! What a set knows of its groups, as a value and as bytes: whoever comes to the set gets all of it.
//!
//! ```text
//!  registry  version (1), count (4), record * in the order of full names; count (4), of those that ended:
//!            request-id, term (4) * in the order of request-ids
//!  record    key, term (4), scope, roams (1): 0, 1; last: number (4), count (4), gid (4) *; role (1),
//!            then by the role
//!      0 RESERVED   request
//!      1 CORE       core, count 0 or 1 (1), lock ?: term (4), carrier: address, count (4), request *
//!      2 ABOVE      branch: address
//!      3 SUSPENDED  branch: address
//!      4 LOST       nothing
//!      5 CLAIMED    count (4), request *
//! ```
//!
//! The other parts are those of `encode.rs`. The bytes are one for one: a registry has one encoding, and its digest is
//! that of its bytes.

use super::{Core, GroupKey, PAYLOAD_VERSION, Request, RequestId, Scope};
use crate::name::{Digest, GroupName};
use crate::wire::WireError;
use crate::wire::cursor::{Limit, Read, Reader, Writer, refuse};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddrV4;

/// The move that a record waits for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lock {
    /// The term that it moves with.
    pub term: u32,
    /// The mserver that carries it.
    pub carrier: SocketAddrV4,
    /// Calls that came meanwhile, in the order that was agreed on.
    pub waiting: Vec<Request>,
}

/// What a set is to a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// The name is taken for a creation below.
    Reserved(Box<Request>),
    /// We decide.
    Core {
        /// Everything there is about it.
        core: Box<Core>,
        /// The move under way.
        lock: Option<Box<Lock>>,
    },
    /// The core is in that one's subtree.
    Above(SocketAddrV4),
    /// It was in the subtree of a mserver that is gone, and may come back by another one.
    Suspended(SocketAddrV4),
    /// It was in the subtree of a mserver that is gone.
    Lost,
    /// Nobody decides; these say what is to be rebuilt.
    Claimed(Vec<Request>),
}

/// A group as a set knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Record {
    /// Which.
    pub key: GroupKey,
    /// The highest term that we heard of.
    pub term: u32,
    /// Up to where the name is kept.
    pub scope: Scope,
    /// Those below may find another way if the mserver that leads there fails.
    pub roams: bool,
    /// Where it was lost: the last view that was decided here.
    pub last: Last,
    /// What we are to it.
    pub role: Role,
}

/// The last view of a group that is decided here no more.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Last {
    /// Its number; 0: there was none.
    pub number: u32,
    /// The gids of its members, in the order of seniority.
    pub roster: Vec<u32>,
}

/// Groups that ended, in the order of their incarnations, each with its last term.
pub type Ended = Vec<(RequestId, u32)>;

/// Full name of a group: what tells records apart.
pub type Name = (GroupName, Option<u32>);

/// The parts of what a group is called: no name has a dot that its creator gave it.
pub fn named(called: GroupName) -> Name {
    let parts = || {
        let bytes = called.as_bytes();
        let dot = bytes.iter().rposition(|byte| *byte == b'.')?;
        let suffix = std::str::from_utf8(&bytes[dot + 1..]).ok()?.parse().ok()?;
        let mut field = [0; GroupName::FIELD];
        field[..dot].copy_from_slice(&bytes[..dot]);
        Some((GroupName::from_field(&field)?, Some(suffix)))
    };
    parts().unwrap_or((called, None))
}

impl GroupKey {
    /// Its full name.
    pub fn full_name(&self) -> Name {
        (self.name, self.suffix)
    }

    /// Its full name as one: `db.3`. Without the suffix, where that leaves no room for it.
    pub fn called(&self) -> GroupName {
        let Some(suffix) = self.suffix else { return self.name };
        let mut field = [0; GroupName::FIELD];
        let tail = format!(".{suffix}");
        let (base, tail) = (self.name.as_bytes(), tail.as_bytes());
        let Some(place) = field.get_mut(..base.len() + tail.len()) else { return self.name };
        place[..base.len()].copy_from_slice(base);
        place[base.len()..].copy_from_slice(tail);
        GroupName::from_field(&field).unwrap_or(self.name)
    }
}

impl Record {
    /// Whether the name is free, as far as this record goes.
    pub fn is_over(&self) -> bool {
        matches!(self.role, Role::Lost)
    }

    /// The bytes of all records of a registry, which come in the order of their names, and of the groups that ended,
    /// with their terms.
    pub fn encode_all<'a>(
        records: impl ExactSizeIterator<Item = &'a Record>,
        ended: Ended,
    ) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u8(PAYLOAD_VERSION);
        writer.u32(records.len() as u32);
        records.for_each(|record| writer.record(record));
        writer.u32(ended.len() as u32);
        for (inc, term) in ended {
            writer.request_id(&inc);
            writer.u32(term);
        }
        writer.0
    }

    /// Reads what [`Record::encode_all`] wrote.
    ///
    /// # Errors
    /// [`WireError::Payload`] with a word for the field that does not make sense, `where: what`.
    pub fn decode_all(bytes: &[u8]) -> Result<(Vec<Record>, Ended), WireError> {
        let mut reader = Reader(bytes);
        if reader.u8()? == 0 {
            return refuse("version: 0");
        }
        let count = reader.u32()? as usize;
        let limit = Limit(usize::MAX, LEAST, "registry: too many records");
        let records = reader.list(count, limit, Reader::record)?;
        let count = reader.u32()? as usize;
        let limit = Limit(usize::MAX, LEAST_ENDED, "registry: too many ended");
        let ended =
            reader.list(count, limit, |reader| Ok((reader.request_id()?, reader.u32()?)))?;
        let sorted = records.is_sorted_by(|a, b| a.key.full_name() < b.key.full_name());
        match sorted && ended.is_sorted_by(|(a, _), (b, _)| a < b) {
            true => Ok((records, ended)),
            false => refuse("registry: not in order"),
        }
    }

    /// The digest of a registry: the first 128 bits of the SHA-256 of its bytes.
    pub fn digest_of(bytes: &[u8]) -> Digest {
        let mut digest = Digest::default();
        digest.0.copy_from_slice(&Sha256::digest(bytes)[..16]);
        digest
    }
}

/// The least bytes of a record: an empty name, no suffix, the id of its creation, term, scope, roams and role.
const LEAST: usize = 35;
/// The bytes of a group that ended.
const LEAST_ENDED: usize = 22;
/// The least bytes of a request: its id, an empty name, a call and no path.
const LEAST_REQUEST: usize = 29;

impl Writer {
    fn record(&mut self, record: &Record) {
        self.key(&record.key);
        self.u32(record.term);
        self.scope(&record.scope);
        self.u8(record.roams.into());
        self.u32(record.last.number);
        self.numbers(&record.last.roster);
        match &record.role {
            Role::Reserved(request) => {
                self.u8(0);
                self.group_request(request);
            }
            Role::Core { core, lock } => {
                self.u8(1);
                self.core(core);
                self.u8(lock.is_some().into());
                lock.iter().for_each(|lock| self.lock(lock));
            }
            Role::Above(branch) => {
                self.u8(2);
                self.address(*branch);
            }
            Role::Suspended(branch) => {
                self.u8(3);
                self.address(*branch);
            }
            Role::Lost => self.u8(4),
            Role::Claimed(claims) => {
                self.u8(5);
                self.group_requests(claims);
            }
        }
    }

    fn group_requests(&mut self, requests: &[Request]) {
        self.u32(requests.len() as u32);
        requests.iter().for_each(|request| self.group_request(request));
    }

    fn lock(&mut self, lock: &Lock) {
        self.u32(lock.term);
        self.address(lock.carrier);
        self.group_requests(&lock.waiting);
    }
}

impl Reader<'_> {
    fn record(&mut self) -> Read<Record> {
        let (key, term) = (self.key()?, self.u32()?);
        let (scope, roams) = (self.scope()?, self.has()?);
        let last = Last { number: self.u32()?, roster: self.numbers()? };
        let role = match self.u8()? {
            0 => Role::Reserved(Box::new(self.group_request()?)),
            1 => {
                let core = Box::new(self.core()?);
                if core.key != key {
                    return refuse("record: core of another group");
                }
                let lock = if self.has()? { Some(Box::new(self.lock()?)) } else { None };
                Role::Core { core, lock }
            }
            2 => Role::Above(self.address()?),
            3 => Role::Suspended(self.address()?),
            4 => Role::Lost,
            5 => Role::Claimed(self.group_requests()?),
            _ => return refuse("role: unknown"),
        };
        Ok(Record { key, term, scope, roams, last, role })
    }

    fn lock(&mut self) -> Read<Lock> {
        let (term, carrier) = (self.u32()?, self.address()?);
        Ok(Lock { term, carrier, waiting: self.group_requests()? })
    }

    fn group_requests(&mut self) -> Read<Vec<Request>> {
        let count = self.u32()? as usize;
        let limit = Limit(usize::MAX, LEAST_REQUEST, "requests: too many");
        self.list(count, limit, Reader::group_request)
    }
}
