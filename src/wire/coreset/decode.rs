//! Bytes to core-set messages; their layout is in `encode.rs`.
//!
//! Every count has its limit and is compared with what is there before anything is kept, so a message takes
//! memory in proportion to its length, and the length has an end. Bytes behind the last field are fields of
//! a later version, and ignored.

use super::check::{
    MAX_COUNTERS, MAX_DONE, MAX_LOST, MAX_MEMBERS, MAX_PARENTS, MAX_REQUESTS, message as check,
};
use super::encode::flag;
use super::{
    Body, Change, ChangeId, ChangeKind, CoreMessage, Done, KIND, MAX_WANTED, Member, Operation,
    Position, RegistryPart, Request, SetName, Stats, StatsDetail, View, Wait,
};
use crate::name::{Digest, Gid, Incarnation, ViewNumber};
use crate::wire::cursor::{Limit, Read, Reader, refuse};
use crate::wire::{Header, Message, WireError};
use std::net::SocketAddrV4;

/// Bytes of the parts that come in lists, in `encode.rs`: the least that an element can have.
mod least {
    pub const GID: usize = 2;
    pub const ADDRESS: usize = 6;
    pub const MEMBER: usize = 12;
    pub const POSITION: usize = 26;
    pub const DONE: usize = 18;
    pub const OPERATION: usize = 22;
    pub const REQUEST: usize = 1;
    pub const LOST: usize = 10;
    pub const COUNTER: usize = 9;
}

impl CoreMessage {
    /// Reads a message. Its data may still have the trailer of a signature behind the payload.
    ///
    /// # Errors
    /// [`WireError::Payload`] with a word for the field that does not make sense, `where: what`.
    pub fn decode(message: &Message<'_>) -> Result<CoreMessage, WireError> {
        if message.exclude.len() > MAX_MEMBERS {
            return refuse("exclude: too many");
        }
        CoreMessage::from_parts(&message.header, message.exclude.iter().collect(), message.data)
    }

    /// Reads a message that was taken apart before.
    ///
    /// # Errors
    /// As [`CoreMessage::decode`].
    pub fn from_parts(
        header: &Header,
        exclude: Vec<Gid>,
        data: &[u8],
    ) -> Result<CoreMessage, WireError> {
        let mut reader = Reader(data);
        if data.first() != Some(&KIND) {
            return refuse("kind: not of a core-set");
        }
        let [_, version, code, flags] = reader.array()?;
        if version == 0 {
            return refuse("version: 0");
        }
        let message = CoreMessage {
            from: Member { gid: header.sender, life: reader.life()? },
            name: SetName { base: header.group, suffix: reader.suffix()? },
            level: reader.u8()?,
            position: reader.position()?,
            parents: reader.parents()?,
            prev: if flags & flag::PREV != 0 { Some(reader.id()?) } else { None },
            exclude,
            body: reader.body(code, flags)?,
        };
        if message.position.num.0 != header.view {
            return refuse("position: not of the view in the header");
        }
        if header.kind() != Some(message.body.kind()) {
            return refuse("type: of another body");
        }
        check(&message)?;
        Ok(message)
    }
}

impl<'a> Reader<'a> {
    fn body(&mut self, code: u8, flags: u8) -> Read<Body> {
        let is = |flag| flags & flag != 0;
        Ok(match code {
            0 => Body::Query { nonce: self.u16()?, check: self.optional()? },
            1 => Body::Reply { nonce: self.u16()?, check: self.optional()? },
            2 => Body::Probe { view: Box::new(self.view()?), force: is(flag::FORCE) },
            3 => Body::ProbeReply { view: Box::new(self.view()?), force: is(flag::FORCE) },
            4 => Body::Initiate(self.change()?),
            5 => Body::Ack { id: self.id()?, pending: is(flag::PENDING) },
            6 => Body::Commit(self.change()?),
            7 => Body::CommitInitiate(self.change()?, self.change()?),
            8 => Body::Wait(self.wait()?),
            9 => Body::MsgQuery(self.id()?),
            10 => Body::CoordFail {
                change: self.change()?,
                active: is(flag::ACTIVE),
                reply: is(flag::REPLY),
            },
            11 => self.init()?,
            12 => Body::Request(self.request()?),
            13 => Body::Refused {
                code: self.u16()?,
                known: Incarnation(self.u32()?),
                why: self.string()?,
            },
            14 => Body::Forward(self.operations()?),
            15 => Body::StatsRequest { long: self.has()? },
            16 => Body::Stats(self.stats()?),
            17 => Body::Taken,
            18 => Body::SyncRequest {
                wanted: self.positions(Limit(MAX_WANTED, least::POSITION, "sync: too many"))?,
                resume: if self.has()? { Some((self.position()?, self.u32()?)) } else { None },
            },
            19 => Body::Sync {
                at: self.position()?,
                part: if self.has()? { Some(self.registry_part()?) } else { None },
            },
            _ => return refuse("body: unknown"),
        })
    }

    fn init(&mut self) -> Read<Body> {
        Ok(Body::Init {
            view: Box::new(self.view()?),
            prev: if self.has()? { Some(Box::new(self.change()?)) } else { None },
            requests: {
                let count = self.u16()?.into();
                let limit = Limit(MAX_REQUESTS, least::REQUEST, "requests: too many");
                self.list(count, limit, Reader::request)?
            },
            lost: {
                let count = self.u16()?.into();
                let limit = Limit(MAX_LOST, least::LOST, "lost: too many");
                self.list(count, limit, |reader| Ok((reader.address()?, reader.u32()?)))?
            },
            registry: Digest(self.array()?),
        })
    }

    fn stats(&mut self) -> Read<Stats> {
        let (size, phase) = (self.u16()?, self.u8()?);
        if !self.has()? {
            return Ok(Stats { size, phase, detail: None });
        }
        let view = if self.has()? { Some(Box::new(self.view()?)) } else { None };
        let isolated = self.addresses("stats: too many isolated")?;
        let count = self.u8()?.into();
        let limit = Limit(MAX_COUNTERS, least::COUNTER, "stats: too many counters");
        let counters = self.list(count, limit, |reader| Ok((reader.string()?, reader.u64()?)))?;
        Ok(Stats { size, phase, detail: Some(StatsDetail { view, isolated, counters }) })
    }

    fn wait(&mut self) -> Read<Wait> {
        Ok(match self.u8()? {
            0 => Wait::Current(self.change()?),
            1 => Wait::Floor(self.change()?),
            2 => Wait::Dropped(self.id()?),
            3 => Wait::Prev(self.id()?),
            4 => Wait::Notice(self.position()?),
            _ => return refuse("wait: code"),
        })
    }

    fn request(&mut self) -> Read<Request> {
        Ok(match self.u8()? {
            0 => Request::Join(self.life()?),
            1 => Request::Leave(self.life()?),
            2 => Request::Split { side: self.subjects()?, name: self.name()? },
            3 => Request::Merge { at: self.address()? },
            4 => Request::AddParent(self.life()?),
            5 => Request::DelParent,
            _ => return refuse("request: code"),
        })
    }

    fn change(&mut self) -> Read<Change> {
        let id = self.id()?;
        let par = self.parents()?;
        let excl = self.addresses("excl: too many")?;
        let kind = match id.class {
            0 => ChangeKind::Fail { subjects: self.subjects()? },
            1 => ChangeKind::Leave { who: self.address()? },
            2 => ChangeKind::DelParent { who: self.address()? },
            3 => ChangeKind::Split { side: self.subjects()?, name: self.name()? },
            4 => ChangeKind::AddParent { member: self.member()? },
            5 => ChangeKind::Join { member: self.member()? },
            6 => ChangeKind::Application { operations: self.operations()? },
            7 => {
                let views = Box::new([self.view()?, self.view()?]);
                let limit = Limit(MAX_MEMBERS, least::GID, "merge: number of gids");
                let gids = self.list(views[1].members.len(), limit, Reader::gid)?;
                ChangeKind::Merge { views, gids }
            }
            8 => ChangeKind::Rename,
            _ => return refuse("change: class"),
        };
        Ok(Change { id, kind, par, excl })
    }

    fn id(&mut self) -> Read<ChangeId> {
        Ok(ChangeId {
            round: self.u16()?,
            class: self.u8()?,
            key: self.u64()?,
            crank: self.u16()?,
            coord: self.life()?,
            seq: self.u16()?,
        })
    }

    fn operations(&mut self) -> Read<Vec<Operation>> {
        let count = self.u32()? as usize;
        // Bounded by what is there, and by nothing else.
        let limit = Limit(usize::MAX, least::OPERATION, "operations: too many");
        self.list(count, limit, |reader| {
            let (origin, number, len) = (reader.life()?, reader.u64()?, reader.u32()?);
            Ok(Operation { origin, number, bytes: reader.take(len as usize)?.to_vec() })
        })
    }

    fn view(&mut self) -> Read<View> {
        let position = self.position()?;
        let level = self.u8()?;
        let name = self.name()?;
        let (parent, former) = (self.optional()?, self.optional()?);
        let count = self.u16()?.into();
        let limit = Limit(MAX_MEMBERS, least::MEMBER, "view: too many members");
        let members = self.list(count, limit, Reader::member)?;
        let parents = self.parents()?;
        let count = self.u16()?.into();
        let limit = Limit(MAX_DONE, least::DONE, "done: too many");
        let done = self.list(count, limit, |reader| {
            Ok(Done { origin: reader.life()?, number: reader.u64()? })
        })?;
        Ok(View { position, level, name, members, parents, parent, former, done })
    }

    fn name(&mut self) -> Read<SetName> {
        Ok(SetName { suffix: self.suffix()?, base: self.group_name()? })
    }

    fn suffix(&mut self) -> Read<Option<Gid>> {
        Ok(Some(self.gid()?).filter(|&gid| gid != Gid::NONE))
    }

    fn registry_part(&mut self) -> Read<RegistryPart> {
        let (position, exact) = (self.position()?, self.has()?);
        let (total, offset, len) = (self.u32()?, self.u32()?, self.u32()?);
        let bytes = self.take(len as usize)?.to_vec();
        Ok(RegistryPart { position, exact, total, offset, bytes })
    }

    fn parents(&mut self) -> Read<Vec<Position>> {
        self.positions(Limit(MAX_PARENTS, least::POSITION, "parents: more than two"))
    }

    fn positions(&mut self, limit: Limit) -> Read<Vec<Position>> {
        let count = self.u8()?.into();
        self.list(count, limit, Reader::position)
    }

    fn position(&mut self) -> Read<Position> {
        let (num, k) = (ViewNumber(self.u16()?), self.u64()?);
        Ok(Position { num, k, digest: Digest(self.array()?) })
    }

    fn member(&mut self) -> Read<Member> {
        Ok(Member { gid: self.gid()?, life: self.life()? })
    }

    fn subjects(&mut self) -> Read<Vec<SocketAddrV4>> {
        self.addresses("subjects: too many")
    }

    fn addresses(&mut self, word: &'static str) -> Read<Vec<SocketAddrV4>> {
        let count = self.u16()?.into();
        self.list(count, Limit(MAX_MEMBERS, least::ADDRESS, word), Reader::address)
    }
}
