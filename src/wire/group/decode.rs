//! Bytes to operations on groups; their layout is in `encode.rs`.
//!
//! Bytes behind the last field are fields of a later version, and ignored.

use super::encode::{MODES, REASONS};
use super::{
    Call, Completed, Content, Core, Departed, Direct, Entry, GroupKey, GroupOp, MAX_TAG, MemberId,
    Monitor, Order, Path, Qos, Request, RequestId, Scope, Statement, Whole,
};
use crate::name::Digest;
use crate::wire::WireError;
use crate::wire::coreset::MAX_MEMBERS;
use crate::wire::cursor::{Limit, Read, Reader, refuse};
use std::net::SocketAddrV4;

/// The least bytes that an element of a list can have.
mod least {
    pub const ADDRESS: usize = 6;
    pub const NUMBER: usize = 4;
    pub const LONG: usize = 8;
    pub const MEMBER: usize = 14;
    pub const REQUEST_ID: usize = 18;
    pub const ENTRY: usize = MEMBER + 2 * NUMBER + 3;
    pub const DONE: usize = 20;
    pub const REQUEST: usize = REQUEST_ID + LONG + NUMBER + 4;
}

impl GroupOp {
    /// Reads an operation.
    ///
    /// # Errors
    /// [`WireError::Payload`] with a word for the field that does not make sense, `where: what`.
    pub fn decode(bytes: &[u8]) -> Result<GroupOp, WireError> {
        let mut reader = Reader(bytes);
        match reader.u8()? {
            0 => refuse("version: 0"),
            _ => reader.operation(),
        }
    }
}

impl Direct {
    /// Reads a view.
    ///
    /// # Errors
    /// As [`GroupOp::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Direct, WireError> {
        let mut reader = Reader(bytes);
        match reader.u8()? {
            0 => refuse("version: 0"),
            _ => reader.direct(),
        }
    }
}

impl<'a> Reader<'a> {
    fn operation(&mut self) -> Read<GroupOp> {
        Ok(match self.u8()? {
            0 => GroupOp::Call(self.group_request()?),
            1 => GroupOp::Reserve(self.group_request()?),
            2 => GroupOp::Release { key: self.key()? },
            3 => GroupOp::Create(self.group_request()?),
            4 => GroupOp::Lead {
                key: self.key()?,
                term: self.u32()?,
                branch: self.address()?,
                scope: self.scope()?,
                roams: self.has()?,
            },
            5 => GroupOp::Forget { key: self.key()?, term: self.u32()? },
            6 => GroupOp::Lock { key: self.key()?, term: self.u32()?, carrier: self.address()? },
            7 => GroupOp::Unlock { key: self.key()?, term: self.u32()? },
            8 => {
                let core = Box::new(self.core()?);
                let rider = if self.has()? { Some(Box::new(self.group_request()?)) } else { None };
                GroupOp::Adopt { core, rider, id: self.request_id()? }
            }
            9 => GroupOp::Moved { key: self.key()?, term: self.u32()?, down: self.optional()? },
            10 => {
                let count = self.u16()?.into();
                let limit = Limit(MAX_MEMBERS, least::ADDRESS, "cut: too many");
                let branches = self.list(count, limit, Reader::address)?;
                GroupOp::Cut { branches, all: self.has()?, cause: self.request_id()? }
            }
            11 => GroupOp::Claim(self.group_request()?),
            12 => GroupOp::Rebuild { key: self.key()? },
            13 => GroupOp::Reset,
            14 => GroupOp::Rename { key: self.key()? },
            15 => GroupOp::Summon { key: self.key()? },
            16 => GroupOp::Gathered { key: self.key()?, first: self.request_id()? },
            _ => return refuse("operation: unknown"),
        })
    }

    pub(super) fn direct(&mut self) -> Read<Direct> {
        Ok(Direct {
            key: self.key()?,
            term: self.u32()?,
            number: self.u32()?,
            digest: Digest(self.array()?),
            reason: self.place(&REASONS, "reason: unknown")?,
            causes: {
                let count = self.u16()?.into();
                let limit = Limit(usize::MAX, least::REQUEST_ID, "causes: too many");
                self.list(count, limit, Reader::request_id)?
            },
            content: match self.u8()? {
                0 => Content::Delta { gone: self.numbers()?, came: self.entries()? },
                1 => Content::Whole(Box::new(Whole {
                    entries: self.entries()?,
                    next_gid: self.u32()?,
                    qos: self.qos()?,
                })),
                _ => return refuse("content: unknown"),
            },
        })
    }

    pub(super) fn core(&mut self) -> Read<Core> {
        Ok(Core {
            key: self.key()?,
            qos: self.qos()?,
            term: self.u32()?,
            number: self.u32()?,
            roster: self.entries()?,
            next_gid: self.u32()?,
            done: {
                let count = self.u32()? as usize;
                let limit = Limit(usize::MAX, least::DONE, "done: too many");
                self.list(count, limit, Reader::completed)?
            },
            departed: {
                let count = self.u32()? as usize;
                let limit = Limit(usize::MAX, least::MEMBER + 1, "departed: too many");
                self.list(count, limit, Reader::departed)?
            },
            gathered: {
                let count = self.u32()? as usize;
                let limit = Limit(usize::MAX, least::REQUEST, "gathered: too many");
                self.list(count, limit, Reader::group_request)?
            },
        })
    }

    fn departed(&mut self) -> Read<Departed> {
        Ok(Departed { id: self.member_id()?, left: self.has()? })
    }

    fn completed(&mut self) -> Read<Completed> {
        let (origin, up_to) = (self.life()?, self.u64()?);
        let count = self.u16()?.into();
        let limit = Limit(usize::MAX, least::LONG, "done: too many");
        let beyond = self.list(count, limit, Reader::u64)?;
        if !beyond.is_sorted_by(|a, b| a < b) || beyond.first().is_some_and(|n| *n <= up_to) {
            return refuse("done: not in order");
        }
        Ok(Completed { origin, up_to, beyond })
    }

    pub(super) fn group_request(&mut self) -> Read<Request> {
        let (id, oldest) = (self.request_id()?, self.u64()?);
        if oldest > id.number {
            return refuse("oldest: above the number");
        }
        let (registration, group, reach) = (self.u32()?, self.group_name()?, self.scope()?);
        let call = self.call()?;
        Ok(Request { id, oldest, registration, group, reach, call, path: self.path()? })
    }

    fn call(&mut self) -> Read<Call> {
        Ok(match self.u8()? {
            0 => Call::Join {
                mode: self.place(&MODES, "mode: unknown")?,
                member: self.member_id()?,
                tag: self.tag()?,
                roams: self.has()?,
                qos: self.qos()?,
            },
            1 => Call::Leave { member: self.member_id()? },
            2 => {
                let cut = self.has()?;
                let count = self.u32()? as usize;
                let limit = Limit(usize::MAX, least::MEMBER, "fail: too many");
                Call::Fail { members: self.list(count, limit, Reader::member_id)?, cut }
            }
            3 => Call::Merge { other: self.group_name()? },
            4 => Call::Split { new: self.group_name()?, members: self.numbers()? },
            5 => Call::View,
            6 => Call::Here(Box::new(self.statement()?)),
            _ => return refuse("call: unknown"),
        })
    }

    pub(in crate::wire) fn qos(&mut self) -> Read<Qos> {
        Ok(Qos {
            order: match self.u8()? {
                0 => Order::Strong,
                1 => Order::Weak,
                _ => return refuse("order: unknown"),
            },
            batch: self.u16()?,
            batch_ms: self.u32()?,
            monitor: match (self.u32()?, self.u8()?) {
                (0, 0) => Monitor::Adaptive,
                (0, _) => return refuse("monitor: retries of nothing"),
                (every_ms, retries) => Monitor::Fixed { every_ms, retries },
            },
            count_only: self.has()?,
            survive: self.string()?,
            merge: self.string()?,
            name_scope: self.scope()?,
            membership_scope: self.scope()?,
        })
    }

    pub(super) fn scope(&mut self) -> Read<Scope> {
        Ok(match self.u8()? {
            0 => Scope::Top,
            1 => Scope::Level(self.u8()?),
            2 => Scope::Set(self.group_name()?),
            _ => return refuse("scope: unknown"),
        })
    }

    fn entries(&mut self) -> Read<Vec<Entry>> {
        let count = self.u32()? as usize;
        let limit = Limit(usize::MAX, least::ENTRY, "roster: too many");
        let mut entries = self.list(count, limit, Reader::entry)?;
        Path::share(&mut entries);
        Ok(entries)
    }

    fn entry(&mut self) -> Read<Entry> {
        let (id, gid) = (self.member_id()?, self.u32()?);
        let (tag, flags) = (self.tag()?, self.u8()?);
        let (roams, lost) = (flags & 1 != 0, flags & 2 != 0);
        let registration = self.u32()?;
        Ok(Entry { id, gid, tag, roams, lost, registration, path: self.path()?.into() })
    }

    pub(super) fn statement(&mut self) -> Read<Statement> {
        let (key, term, number) = self.at()?;
        let (digest, next_gid, qos) = (Digest(self.array()?), self.u32()?, self.qos()?);
        let (roster, members) = (self.numbers()?, self.entries()?);
        Ok(Statement { key, term, number, digest, next_gid, qos, roster, members })
    }

    pub(super) fn at(&mut self) -> Read<(GroupKey, u32, u32)> {
        Ok((self.key()?, self.u32()?, self.u32()?))
    }

    pub(in crate::wire) fn tag(&mut self) -> Read<Vec<u8>> {
        let len = usize::from(self.u8()?);
        if len > MAX_TAG {
            return refuse("tag: too long");
        }
        Ok(self.take(len)?.to_vec())
    }

    pub(in crate::wire) fn key(&mut self) -> Read<GroupKey> {
        let name = self.group_name()?;
        let suffix = if self.has()? { Some(self.u32()?) } else { None };
        Ok(GroupKey { name, suffix, inc: self.request_id()? })
    }

    pub(super) fn request_id(&mut self) -> Read<RequestId> {
        Ok(RequestId { origin: self.life()?, number: self.u64()? })
    }

    pub(in crate::wire) fn member_id(&mut self) -> Read<MemberId> {
        Ok(MemberId { mi: self.life()?, number: self.u32()? })
    }

    pub(super) fn path(&mut self) -> Read<Vec<SocketAddrV4>> {
        let count = self.u8()?.into();
        self.list(count, Limit(usize::MAX, least::ADDRESS, "path: too long"), Reader::address)
    }

    pub(in crate::wire) fn numbers(&mut self) -> Read<Vec<u32>> {
        let count = self.u32()? as usize;
        self.list(count, Limit(usize::MAX, least::NUMBER, "numbers: too many"), Reader::u32)
    }

    pub(in crate::wire) fn place<T: Copy>(&mut self, all: &[T], word: &'static str) -> Read<T> {
        match all.get(usize::from(self.u8()?)) {
            Some(one) => Ok(*one),
            None => refuse(word),
        }
    }
}
