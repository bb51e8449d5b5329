//! Messages about groups: between mservers, and between a mserver and the member interfaces of its LAN.
//!
//! ```text
//!   application   MI                LAN mserver            ... a core
//!      │ join      │ REGISTER ──────────>│ (M_JOIN, ACK; polled by QUERY, REPLY from then on)
//!      │──────────>│ SUBMIT ────────────>│ SUBMIT ─────────────>│ agreed on
//!      │           │<──────────── WAIT   │<──────────── DIRECT  │
//!      │<── view ──│<──────────── DIRECT │ GOT ────────────────>│
//!      │           │ GOT ───────────────>│
//! ```
//!
//! A type of message serves several exchanges (ACK, WAIT, QUERY), and a group may bear a set's name: the first byte of
//! the data says which exchange it is. The layout of the data is
//!
//! ```text
//!  kind (1): 2, version (1), body (1), sender: life, and the body
//!      0 register    M_JOIN     number (4), count (4), statement *
//!      1 registered  ACK        number (4)
//!      2 poll        QUERY      nonce (2)
//!      3 polled      REPLY      nonce (2)
//!      4 unregister  M_LEAVE_REQ number (4)
//!      5 submit      SUBMIT     raise (1): 0, 1; request
//!      6 wait        WAIT       request-id
//!      7 where       MSG_QUERY  request-id
//!      8 refused     ERROR      code (2), request-id
//!      9 direct      DIRECT     direct
//!     10 got         ACK        key, term (4), number (4), members below (4)
//!     11 missing     SYNC       key, term (4), number (4)
//!     12 grant       A_REGISTER request
//!
//!  statement  key, term (4), number (4), digest (16), count (4), member and gid (4) *
//! ```

use super::{Direct, GroupKey, KIND, MemberId, PAYLOAD_VERSION, Refusal, Request, RequestId};
use crate::name::{Digest, GroupName};
use crate::wire::coreset::Life;
use crate::wire::cursor::{Limit, Read, Reader, Writer, refuse};
use crate::wire::{Draft, Header, Kind, Message, Sum, WireError};

/// The code of the first refusal; the lower ones are those of core-sets.
const REFUSALS: u16 = 16;
/// The least bytes of a statement, and of a member in it.
const STATEMENT: usize = 48;
const STATED: usize = 18;

/// What a member interface knows of a group that it has members in.
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
    /// The members here, with their gids.
    pub members: Vec<(MemberId, u32)>,
}

/// What a message about groups says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GroupBody {
    /// A member interface wants to belong to this mserver.
    Register {
        /// Counts its registrations: a verdict about an older one is void.
        number: u32,
        /// The groups that it has members in.
        groups: Vec<Statement>,
    },
    /// It does.
    Registered {
        /// Of the registration.
        number: u32,
    },
    /// Are you there? To a member interface.
    Poll {
        /// Comes back in the answer.
        nonce: u16,
    },
    /// It is.
    Polled {
        /// Of the question.
        nonce: u16,
    },
    /// A member interface goes in good order.
    Unregister {
        /// Of its registration.
        number: u32,
    },
    /// A call on its way to the core.
    Submit {
        /// The call.
        request: Request,
        /// The sender has members of the group elsewhere in its subtree: the core must come up to it first.
        raise: bool,
    },
    /// It is on its way.
    Wait {
        /// Which call.
        id: RequestId,
    },
    /// What became of it?
    Where {
        /// Which call.
        id: RequestId,
    },
    /// It has no effect.
    Refused {
        /// Which call.
        id: RequestId,
        /// Why.
        refusal: Refusal,
    },
    /// A view on its way to the members.
    Direct(Direct),
    /// It has come.
    Got {
        /// Of which group.
        key: GroupKey,
        /// Its term.
        term: u32,
        /// Its number.
        number: u32,
        /// How many members the sender has in its subtree with that view.
        below: u32,
    },
    /// Views before it have not: the whole roster is wanted.
    Missing {
        /// Of which group.
        key: GroupKey,
        /// The term of the last view that came; 0: none did.
        term: u32,
        /// Its number.
        number: u32,
    },
    /// The name is reserved: the group is to be created on the way that the request came by.
    Grant(Request),
}

/// A message about groups.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupMessage {
    /// The group; of messages between a LAN's mserver and its MIs that are about none, the LAN.
    pub name: GroupName,
    /// Who sends it.
    pub from: Life,
    /// What it says.
    pub body: GroupBody,
}

impl GroupBody {
    /// The message type that carries it.
    pub fn kind(&self) -> Kind {
        match self {
            GroupBody::Register { .. } => Kind::MJoin,
            GroupBody::Registered { .. } | GroupBody::Got { .. } => Kind::Ack,
            GroupBody::Poll { .. } => Kind::Query,
            GroupBody::Polled { .. } => Kind::Reply,
            GroupBody::Unregister { .. } => Kind::MLeaveReq,
            GroupBody::Submit { .. } => Kind::Submit,
            GroupBody::Wait { .. } => Kind::Wait,
            GroupBody::Where { .. } => Kind::MsgQuery,
            GroupBody::Refused { .. } => Kind::Error,
            GroupBody::Direct(_) => Kind::Direct,
            GroupBody::Missing { .. } => Kind::Sync,
            GroupBody::Grant(_) => Kind::ARegister,
        }
    }
}

impl GroupMessage {
    /// The message as a datagram with a checksum.
    ///
    /// # Errors
    /// [`WireError::Oversized`] if it is too long even for fragments.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut writer = Writer(vec![KIND, PAYLOAD_VERSION]);
        writer.group_body(&self.from, &self.body);
        let header = Header::new(self.name, self.body.kind());
        Draft { header, exclude: &[], subjects: &[], data: &writer.0 }.to_vec(Sum::Crc)
    }

    /// Reads a message. Its data may still have the trailer of a signature behind the payload.
    ///
    /// # Errors
    /// [`WireError::Payload`] with a word for the field that does not make sense, `where: what`.
    pub fn decode(message: &Message<'_>) -> Result<GroupMessage, WireError> {
        let mut reader = Reader(message.data);
        if reader.u8()? != KIND {
            return refuse("kind: not of a group");
        }
        if reader.u8()? == 0 {
            return refuse("version: 0");
        }
        let code = reader.u8()?;
        let from = reader.life()?;
        let body = reader.group_body(code)?;
        if message.kind() != Some(body.kind()) {
            return refuse("type: of another body");
        }
        Ok(GroupMessage { name: message.header.group, from, body })
    }
}

impl Writer {
    fn group_body(&mut self, from: &Life, body: &GroupBody) {
        let mut open = |code: u8| {
            self.u8(code);
            self.life(from);
        };
        match body {
            GroupBody::Register { number, groups } => {
                open(0);
                self.u32(*number);
                self.u32(groups.len() as u32);
                groups.iter().for_each(|statement| self.statement(statement));
            }
            GroupBody::Registered { number } => {
                open(1);
                self.u32(*number);
            }
            GroupBody::Poll { nonce } => {
                open(2);
                self.u16(*nonce);
            }
            GroupBody::Polled { nonce } => {
                open(3);
                self.u16(*nonce);
            }
            GroupBody::Unregister { number } => {
                open(4);
                self.u32(*number);
            }
            GroupBody::Submit { request, raise } => {
                open(5);
                self.u8((*raise).into());
                self.group_request(request);
            }
            GroupBody::Wait { id } => {
                open(6);
                self.request_id(id);
            }
            GroupBody::Where { id } => {
                open(7);
                self.request_id(id);
            }
            GroupBody::Refused { id, refusal } => {
                open(8);
                let place = Refusal::ALL.iter().position(|one| one == refusal).unwrap_or(0);
                self.u16(REFUSALS + place as u16);
                self.request_id(id);
            }
            GroupBody::Direct(direct) => {
                open(9);
                self.direct(direct);
            }
            GroupBody::Got { key, term, number, below } => {
                open(10);
                self.at(key, *term, *number);
                self.u32(*below);
            }
            GroupBody::Missing { key, term, number } => {
                open(11);
                self.at(key, *term, *number);
            }
            GroupBody::Grant(request) => {
                open(12);
                self.group_request(request);
            }
        }
    }

    fn statement(&mut self, statement: &Statement) {
        self.at(&statement.key, statement.term, statement.number);
        self.0.extend(statement.digest.0);
        self.u32(statement.members.len() as u32);
        for (member, gid) in &statement.members {
            self.member_id(member);
            self.u32(*gid);
        }
    }

    fn at(&mut self, key: &GroupKey, term: u32, number: u32) {
        self.key(key);
        self.u32(term);
        self.u32(number);
    }
}

impl Reader<'_> {
    fn group_body(&mut self, code: u8) -> Read<GroupBody> {
        Ok(match code {
            0 => GroupBody::Register {
                number: self.u32()?,
                groups: {
                    let count = self.u32()? as usize;
                    let limit = Limit(usize::MAX, STATEMENT, "statements: too many");
                    self.list(count, limit, Reader::statement)?
                },
            },
            1 => GroupBody::Registered { number: self.u32()? },
            2 => GroupBody::Poll { nonce: self.u16()? },
            3 => GroupBody::Polled { nonce: self.u16()? },
            4 => GroupBody::Unregister { number: self.u32()? },
            5 => {
                let raise = self.has()?;
                GroupBody::Submit { request: self.group_request()?, raise }
            }
            6 => GroupBody::Wait { id: self.request_id()? },
            7 => GroupBody::Where { id: self.request_id()? },
            8 => {
                let place = self.u16()?.checked_sub(REFUSALS);
                let refusal = place.and_then(|place| Refusal::ALL.get(usize::from(place)));
                let Some(&refusal) = refusal else { return refuse("refusal: unknown") };
                GroupBody::Refused { id: self.request_id()?, refusal }
            }
            9 => GroupBody::Direct(self.direct()?),
            10 => {
                let (key, term, number) = self.at()?;
                GroupBody::Got { key, term, number, below: self.u32()? }
            }
            11 => {
                let (key, term, number) = self.at()?;
                GroupBody::Missing { key, term, number }
            }
            12 => GroupBody::Grant(self.group_request()?),
            _ => return refuse("body: unknown"),
        })
    }

    fn statement(&mut self) -> Read<Statement> {
        let (key, term, number) = self.at()?;
        let digest = Digest(self.array()?);
        let count = self.u32()? as usize;
        let limit = Limit(usize::MAX, STATED, "statement: too many members");
        let members = self.list(count, limit, |r| Ok((r.member_id()?, r.u32()?)))?;
        Ok(Statement { key, term, number, digest, members })
    }

    fn at(&mut self) -> Read<(GroupKey, u32, u32)> {
        Ok((self.key()?, self.u32()?, self.u32()?))
    }
}
