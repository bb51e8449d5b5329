//! What mservers tell each other of a weak group: facts about its members, which add up in whatever order they come.
//!
//! ```text
//!  gossip  key, term (4), number (4), digest (16), wants (1): 0 nothing, 1 digest, 2 facts; count (4), fact *
//!  fact    member, gone: until (8), cut (1): 0, 1; since (8), gid (4), count 0 or 1 (1), presence ?
//!  presence  epoch (8), length (1), tag, roams (1): 0, 1; count (1), address *
//! ```
//!
//! The other parts are those of `encode.rs`. The digest is that of what the sender holds, with these facts in it. Facts may
//! be none: then only the digests are compared.

use super::{GroupKey, MemberId, Path};
use crate::name::Digest;
use crate::wire::cursor::{Limit, Read, Reader, Writer};

/// The least bytes of a fact.
const FACT: usize = 14 + 8 + 1 + 8 + 4 + 1;

/// A member as its mserver knows it to be there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Presence {
    /// The registration of its member interface in the upper half; in the lower, how often it was stated again under it.
    pub epoch: u64,
    /// What it says of itself.
    pub tag: Vec<u8>,
    /// Its member interface has another mserver to go to.
    pub roams: bool,
    /// The mservers by which it is reached.
    pub path: Path,
}

/// All that is known of one who is a member of a weak group, or was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fact {
    /// Who.
    pub id: MemberId,
    /// Epochs up to this one are over; 0: none is.
    pub gone: u64,
    /// The last of them because a way was lost.
    pub cut: bool,
    /// How many members had come before, as far as its first mserver knew: its seniority.
    pub since: u64,
    /// Its number in the group, unless a more senior one has it.
    pub gid: u32,
    /// It is there, in an epoch that is not over.
    pub live: Option<Presence>,
}

impl Fact {
    /// It left: no epoch comes after that.
    pub const LEFT: u64 = u64::MAX;
    /// Its application ended, or its member interface did: nor does one after that.
    pub const DIED: u64 = u64::MAX - 1;
}

/// What is wanted of who hears a gossip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Want {
    /// No answer.
    Nothing,
    /// The digest of what it holds then.
    Digest,
    /// All that it holds, if that is not the same.
    Facts,
}

impl Want {
    /// The codes are their places here.
    const ALL: [Want; 3] = [Want::Nothing, Want::Digest, Want::Facts];
}

/// What one mserver tells another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Gossip {
    /// Of which group.
    pub key: GroupKey,
    /// The term of its record.
    pub term: u32,
    /// Of the sender's own last view.
    pub number: u32,
    /// Of what the sender holds.
    pub digest: Digest,
    /// What it is to be answered with.
    pub wants: Want,
    /// What is new, or all.
    pub facts: Vec<Fact>,
}

impl Writer {
    pub(super) fn gossip(&mut self, gossip: &Gossip) {
        let Gossip { key, term, number, digest, wants, facts } = gossip;
        self.at(key, *term, *number);
        self.0.extend(digest.0);
        self.place(&Want::ALL, *wants);
        self.u32(facts.len() as u32);
        facts.iter().for_each(|fact| self.fact(fact));
    }

    fn fact(&mut self, fact: &Fact) {
        self.member_id(&fact.id);
        self.u64(fact.gone);
        self.u8(fact.cut.into());
        self.u64(fact.since);
        self.u32(fact.gid);
        self.u8(fact.live.is_some().into());
        if let Some(Presence { epoch, tag, roams, path }) = &fact.live {
            self.u64(*epoch);
            self.short(tag);
            self.u8((*roams).into());
            self.path(path);
        }
    }
}

impl Reader<'_> {
    pub(super) fn gossip(&mut self) -> Read<Gossip> {
        let (key, term, number) = self.at()?;
        let digest = Digest(self.array()?);
        let wants = self.place(&Want::ALL, "wants: unknown")?;
        let count = self.u32()? as usize;
        let facts = self.list(count, Limit(usize::MAX, FACT, "facts: too many"), Reader::fact)?;
        Ok(Gossip { key, term, number, digest, wants, facts })
    }

    fn fact(&mut self) -> Read<Fact> {
        Ok(Fact {
            id: self.member_id()?,
            gone: self.u64()?,
            cut: self.has()?,
            since: self.u64()?,
            gid: self.u32()?,
            live: if self.has()? { Some(self.presence()?) } else { None },
        })
    }

    fn presence(&mut self) -> Read<Presence> {
        let (epoch, tag, roams) = (self.u64()?, self.tag()?, self.has()?);
        Ok(Presence { epoch, tag, roams, path: self.path()?.into() })
    }
}
