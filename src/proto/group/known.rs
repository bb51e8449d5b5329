//! The last view of a group, as those below the core have it: member interfaces, and mservers on the way.

use super::roster::view_digest;
use crate::name::Digest;
use crate::wire::group::{
    Content, Direct, Entry, GroupKey, Qos, Reason, RequestId, Statement, Whole,
};
use std::net::SocketAddrV4;

/// A group that somebody below us, or here, is a member of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    key: GroupKey,
    term: u32,
    number: u32,
    digest: Digest,
    roster: Vec<Entry>,
    next_gid: u32,
    qos: Qos,
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
        Known {
            key,
            term: 0,
            number: 0,
            digest: Digest::default(),
            roster: Vec::new(),
            next_gid: 0,
            qos: Qos::default(),
        }
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
        let (inc, number) = (&direct.key.inc, direct.number);
        match &direct.content {
            Content::Whole(whole) => {
                if view_digest(whole.qos.order, inc, number, &whole.entries) != direct.digest {
                    return Applied::Gap;
                }
                self.roster.clone_from(&whole.entries);
                self.roster.shrink_to_fit();
            }
            // A first view tells everybody that came: there was nobody before.
            Content::Delta { gone, came } if same && self.number.checked_add(1) == Some(number) => {
                let mut gone = gone.clone();
                gone.sort_unstable();
                let stays = |entry: &Entry| gone.binary_search(&entry.gid).is_err();
                let roster = self.roster.iter().filter(|entry| stays(entry)).chain(came);
                if view_digest(self.qos.order, inc, number, roster) != direct.digest {
                    return Applied::Gap;
                }
                self.roster.retain(stays);
                self.roster.reserve_exact(came.len());
                for entry in came {
                    let path = entry.path.clone().shared(&self.roster);
                    self.roster.push(Entry { path, ..entry.clone() });
                }
            }
            Content::Delta { .. } => return Applied::Gap,
        }
        self.key = direct.key;
        (self.term, self.number, self.digest) = (direct.term, number, direct.digest);
        match &direct.content {
            Content::Whole(whole) => {
                (self.next_gid, self.qos) = (whole.next_gid, whole.qos.clone())
            }
            Content::Delta { came, .. } => {
                let next = came.iter().map(|entry| entry.gid.saturating_add(1)).max();
                self.next_gid = self.next_gid.max(next.unwrap_or(0));
            }
        }
        Applied::New
    }

    /// The gid of the next member.
    pub fn next_gid(&self) -> u32 {
        self.next_gid
    }

    /// What its creator chose.
    pub fn qos(&self) -> &Qos {
        &self.qos
    }

    /// Members are reached by other ways: the same view, told again as a whole.
    pub fn repath(&mut self, entries: &[Entry]) {
        let same = |(ours, theirs): (&Entry, &Entry)| ours.id == theirs.id;
        if entries.len() == self.roster.len() && self.roster.iter().zip(entries).all(same) {
            self.roster = entries.to_vec();
        }
    }

    /// The view, with all that it says.
    pub fn whole(&self, reason: Reason, causes: Vec<RequestId>) -> Direct {
        let (entries, next_gid, qos) = (self.roster.clone(), self.next_gid, self.qos.clone());
        let content = Content::Whole(Box::new(Whole { entries, next_gid, qos }));
        let (key, term, number, digest) = (self.key, self.term, self.number, self.digest);
        Direct { key, term, number, digest, reason, causes, content }
    }

    /// What is told of it to a new mserver: the members that are `ours`, with their paths from here down.
    pub fn statement(&self, ours: impl Fn(&Entry) -> Option<Vec<SocketAddrV4>>) -> Statement {
        let stated = |entry: &Entry| Some(Entry { path: ours(entry)?.into(), ..entry.clone() });
        Statement {
            key: self.key,
            term: self.term,
            number: self.number,
            digest: self.digest,
            next_gid: self.next_gid,
            qos: self.qos.clone(),
            roster: self.roster.iter().map(|entry| entry.gid).collect(),
            members: self.roster.iter().filter_map(stated).collect(),
        }
    }
}
