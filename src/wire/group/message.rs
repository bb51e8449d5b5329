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
//!      0 register    M_JOIN     number (4), roams (1): 0, 1
//!      1 registered  ACK        number (4)
//!      2 poll        QUERY      nonce (2)
//!      3 polled      REPLY      nonce (2)
//!      4 unregister  M_LEAVE_REQ number (4)
//!      5 submit      SUBMIT     way (1): 0 search, 1 raise, 2 reserve; request
//!      6 wait        WAIT       request-id
//!      7 where       MSG_QUERY  request-id
//!      8 refused     ERROR      code (2), request-id
//!      9 direct      DIRECT     direct
//!     10 got         ACK        key, term (4), number (4), members below (4)
//!     11 missing     SYNC       key, term (4), number (4)
//!     12 grant       A_REGISTER request
//!     13 shown       A_STATS_L  request-id, direct whose content is whole
//!     14 done        ACK        request-id
//!     15 unheard     ERROR      request-id
//!     16 gossip      SYNC       gossip
//! ```

use super::{
    Content, Direct, Gossip, GroupKey, KIND, PAYLOAD_VERSION, Refusal, Request, RequestId,
};
use crate::name::GroupName;
use crate::wire::coreset::Life;
use crate::wire::cursor::{Read, Reader, Writer, refuse};
use crate::wire::{Draft, Header, Kind, Message, Sum, WireError};

/// The code of the first refusal; the lower ones are those of core-sets.
const REFUSALS: u16 = 16;
/// How a call looks for the core.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// From where it was made, upward; down again where the core lies below.
    Search,
    /// Down to the core, which must come up to the sender's set first: a new member is outside of its subtree.
    Raise,
    /// Upward beyond the search, to where the name is to be reserved.
    Reserve,
}

impl Way {
    /// The codes of ways are their places here.
    const ALL: [Way; 3] = [Way::Search, Way::Raise, Way::Reserve];
}

/// What a message about groups says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GroupBody {
    /// A member interface wants to belong to this mserver.
    Register {
        /// Counts its registrations: a verdict about an older one is void.
        number: u32,
        /// It has more mservers to go to than this one.
        roams: bool,
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
        /// How it looks for the core.
        way: Way,
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
    /// The group as it is where it is decided: the answer to [`Call::View`](super::Call::View), also for one who is no
    /// member, and to any call that was done before it was asked again.
    Shown {
        /// Which call.
        id: RequestId,
        /// The last view; its content is [`Content::Whole`], the receiver refuses another.
        direct: Direct,
    },
    /// It has had its effect.
    Done {
        /// Which call.
        id: RequestId,
    },
    /// The call that was asked about never came here, or is forgotten.
    Unheard {
        /// Which call.
        id: RequestId,
    },
    /// What a mserver knows of the members of a weak group.
    Gossip(Gossip),
}

/// The names of the bodies, by their codes.
pub const GROUP_BODIES: [&str; 17] = [
    "register",
    "registered",
    "poll",
    "polled",
    "unregister",
    "submit",
    "wait",
    "where",
    "refused",
    "direct",
    "got",
    "missing",
    "grant",
    "shown",
    "done",
    "unheard",
    "gossip",
];

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
            GroupBody::Registered { .. } | GroupBody::Got { .. } | GroupBody::Done { .. } => {
                Kind::Ack
            }
            GroupBody::Poll { .. } => Kind::Query,
            GroupBody::Polled { .. } => Kind::Reply,
            GroupBody::Unregister { .. } => Kind::MLeaveReq,
            GroupBody::Submit { .. } => Kind::Submit,
            GroupBody::Wait { .. } => Kind::Wait,
            GroupBody::Where { .. } => Kind::MsgQuery,
            GroupBody::Refused { .. } | GroupBody::Unheard { .. } => Kind::Error,
            GroupBody::Direct(_) => Kind::Direct,
            GroupBody::Missing { .. } | GroupBody::Gossip(_) => Kind::Sync,
            GroupBody::Grant(_) => Kind::ARegister,
            GroupBody::Shown { .. } => Kind::AStatsLong,
        }
    }

    /// Its name, as `ms decode` prints it.
    pub fn name(&self) -> &'static str {
        GROUP_BODIES[usize::from(self.code())]
    }

    /// The byte that tells it from others.
    pub fn code(&self) -> u8 {
        match self {
            GroupBody::Register { .. } => 0,
            GroupBody::Registered { .. } => 1,
            GroupBody::Poll { .. } => 2,
            GroupBody::Polled { .. } => 3,
            GroupBody::Unregister { .. } => 4,
            GroupBody::Submit { .. } => 5,
            GroupBody::Wait { .. } => 6,
            GroupBody::Where { .. } => 7,
            GroupBody::Refused { .. } => 8,
            GroupBody::Direct(_) => 9,
            GroupBody::Got { .. } => 10,
            GroupBody::Missing { .. } => 11,
            GroupBody::Grant(_) => 12,
            GroupBody::Shown { .. } => 13,
            GroupBody::Done { .. } => 14,
            GroupBody::Unheard { .. } => 15,
            GroupBody::Gossip(_) => 16,
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
        GroupMessage::from_parts(&message.header, message.data)
    }

    /// Reads a message from its fixed part and its data.
    ///
    /// # Errors
    /// As [`GroupMessage::decode`].
    pub fn from_parts(header: &Header, data: &[u8]) -> Result<GroupMessage, WireError> {
        let mut reader = Reader(data);
        if reader.u8()? != KIND {
            return refuse("kind: not of a group");
        }
        if reader.u8()? == 0 {
            return refuse("version: 0");
        }
        let code = reader.u8()?;
        let from = reader.life()?;
        let body = reader.group_body(code)?;
        if Kind::from_code(header.code) != Some(body.kind()) {
            return refuse("type: of another body");
        }
        Ok(GroupMessage { name: header.group, from, body })
    }
}

impl Writer {
    fn group_body(&mut self, from: &Life, body: &GroupBody) {
        self.u8(body.code());
        self.life(from);
        match body {
            GroupBody::Register { number, roams } => {
                self.u32(*number);
                self.u8((*roams).into());
            }
            GroupBody::Registered { number } | GroupBody::Unregister { number } => {
                self.u32(*number);
            }
            GroupBody::Poll { nonce } | GroupBody::Polled { nonce } => self.u16(*nonce),
            GroupBody::Submit { request, way } => {
                self.u8(Way::ALL.iter().position(|one| one == way).unwrap_or(0) as u8);
                self.group_request(request);
            }
            GroupBody::Wait { id } | GroupBody::Where { id } => self.request_id(id),
            GroupBody::Refused { id, refusal } => {
                self.refusal(*refusal);
                self.request_id(id);
            }
            GroupBody::Direct(direct) => self.direct(direct),
            GroupBody::Got { key, term, number, below } => {
                self.at(key, *term, *number);
                self.u32(*below);
            }
            GroupBody::Missing { key, term, number } => self.at(key, *term, *number),
            GroupBody::Grant(request) => self.group_request(request),
            GroupBody::Shown { id, direct } => {
                self.request_id(id);
                self.direct(direct);
            }
            GroupBody::Done { id } | GroupBody::Unheard { id } => self.request_id(id),
            GroupBody::Gossip(gossip) => self.gossip(gossip),
        }
    }

    pub(in crate::wire) fn refusal(&mut self, refusal: Refusal) {
        let place = Refusal::ALL.iter().position(|one| *one == refusal).unwrap_or(0);
        self.u16(REFUSALS + place as u16);
    }
}

impl Reader<'_> {
    fn group_body(&mut self, code: u8) -> Read<GroupBody> {
        Ok(match code {
            0 => GroupBody::Register { number: self.u32()?, roams: self.has()? },
            1 => GroupBody::Registered { number: self.u32()? },
            2 => GroupBody::Poll { nonce: self.u16()? },
            3 => GroupBody::Polled { nonce: self.u16()? },
            4 => GroupBody::Unregister { number: self.u32()? },
            5 => {
                let Some(&way) = Way::ALL.get(usize::from(self.u8()?)) else {
                    return refuse("way: unknown");
                };
                GroupBody::Submit { request: self.group_request()?, way }
            }
            6 => GroupBody::Wait { id: self.request_id()? },
            7 => GroupBody::Where { id: self.request_id()? },
            8 => {
                let refusal = self.refusal()?;
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
            13 => {
                let (id, direct) = (self.request_id()?, self.direct()?);
                if !matches!(direct.content, Content::Whole(_)) {
                    return refuse("shown: not whole");
                }
                GroupBody::Shown { id, direct }
            }
            14 => GroupBody::Done { id: self.request_id()? },
            15 => GroupBody::Unheard { id: self.request_id()? },
            16 => GroupBody::Gossip(self.gossip()?),
            _ => return refuse("body: unknown"),
        })
    }

    pub(in crate::wire) fn refusal(&mut self) -> Read<Refusal> {
        let place = self.u16()?.checked_sub(REFUSALS);
        match place.and_then(|place| Refusal::ALL.get(usize::from(place))) {
            Some(refusal) => Ok(*refusal),
            None => refuse("refusal: unknown"),
        }
    }
}
