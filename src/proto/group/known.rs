//! The last view of a group, as those below the core have it: member interfaces, and mservers on the way.

use super::roster::digest_of;
use crate::name::Digest;
use crate::wire::group::{Content, Direct, Entry, GroupKey, MemberId, Statement};

/// A group that somebody below us, or here, is a member of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    key: GroupKey,
    term: u32,
    number: u32,
    digest: Digest,
    roster: Vec<Entry>,
}

/// What became of a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It is the last one now.
    New,
    /// It was here before, or is older than what is.
    Old,
    /// It does not follow: there is something missing between.
    Gap,
}

impl Known {
    /// A group of which nothing is known but which it is.
    pub fn new(key: GroupKey) -> Known {
        Known { key, term: 0, number: 0, digest: Digest::default(), roster: Vec::new() }
    }

    /// Which group.
    pub fn key(&self) -> GroupKey {
        self.key
    }

    /// Term and number of the last view.
    pub fn at(&self) -> (u32, u32) {
        (self.term, self.number)
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The members, in the order of seniority.
    pub fn roster(&self) -> &[Entry] {
        &self.roster
    }

    /// Takes a view, if it follows on the last one and its digest comes out. Terms go before numbers: after a move or
    /// a rebuild numbers may jump.
    pub fn apply(&mut self, direct: &Direct) -> Applied {
        let same = direct.key.inc == self.key.inc;
        if same && (direct.term, direct.number) <= (self.term, self.number) {
            return Applied::Old;
        }
        let roster = match &direct.content {
            Content::Whole(entries) => entries.clone(),
            // A first view tells everybody that came: there was nobody before.
            Content::Delta { gone, came } if same && direct.number == self.number + 1 => {
                let stays = |entry: &&Entry| !gone.contains(&entry.gid);
                self.roster.iter().filter(stays).chain(came).cloned().collect()
            }
            Content::Delta { .. } => return Applied::Gap,
        };
        if digest_of(&direct.key.inc, direct.number, &roster) != direct.digest {
            return Applied::Gap;
        }
        self.key = direct.key;
        (self.term, self.number, self.digest) = (direct.term, direct.number, direct.digest);
        self.roster = roster;
        Applied::New
    }

    /// What we tell a new mserver of it.
    pub fn statement(&self, ours: impl Fn(&MemberId) -> bool) -> Statement {
        let members = self.roster.iter().filter(|entry| ours(&entry.id));
        Statement {
            key: self.key,
            term: self.term,
            number: self.number,
            digest: self.digest,
            members: members.map(|entry| (entry.id, entry.gid)).collect(),
        }
    }
}
