//! What the daemons said of themselves, put together: one picture of the hierarchy as it is.

use super::{Campus, Lan, Server, Set, derived, lan_name};
use crate::name::{Digest, GroupName};
use crate::sorted::Sorted as _;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// What one mserver said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Who.
    pub who: SocketAddrV4,
    /// Its place with its peers, if it has one.
    pub peers: Option<Seat>,
    /// Its place in the set below, if it is the parent or stands by to be.
    pub child: Option<Seat>,
    /// Its LAN, if it has no set below.
    pub lan: Option<LanNow>,
    /// Groups with members below it, whoever decides them.
    pub groups: u64,
}

/// A mserver's place in a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// The set.
    pub set: GroupName,
    /// Its level.
    pub level: u8,
    /// Where it is heard.
    pub heard: Option<SocketAddrV4>,
    /// Groups that it knows.
    pub groups: u64,
    /// All members by rank, the parent, and what tells this view from others; none: it is in no view of it.
    pub view: Option<(Vec<SocketAddrV4>, Option<SocketAddrV4>, Digest)>,
}

/// A LAN, as its mserver knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LanNow {
    /// Its name.
    pub name: GroupName,
    /// Where it is heard.
    pub heard: Option<SocketAddrV4>,
    /// The member interfaces that are registered, but for the built-in one.
    pub mis: BTreeSet<SocketAddrV4>,
    /// One is built in.
    pub built_in: bool,
}

/// A mserver that answered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Post {
    /// The set of its peers, if it is in a view of one.
    pub set: Option<GroupName>,
    /// The set that it is the parent of, or stands by for.
    pub child: Option<GroupName>,
    /// Where it looks for that set.
    pub looks_at: Option<SocketAddrV4>,
    /// Its LAN, if it has no set below.
    pub lan: Option<LanNow>,
    /// Groups with members below it.
    pub groups: u64,
}

/// A set that there is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SetNow {
    /// Its level.
    pub level: u8,
    /// Its members, but for the parent; some may not have answered.
    pub members: BTreeSet<SocketAddrV4>,
    /// Its parent.
    pub parent: Option<SocketAddrV4>,
    /// Where it is heard: in one place, if all its mservers know the same.
    pub heard: BTreeSet<SocketAddrV4>,
    /// Groups that it knows, or that one of its mservers has members of below: those are decided above.
    pub groups: u64,
}

/// The hierarchy as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Live {
    /// The mservers that answered.
    pub posts: BTreeMap<SocketAddrV4, Post>,
    /// The sets that they are in.
    pub sets: BTreeMap<GroupName, SetNow>,
    /// Sets of which there is more than one view: parted, or just changing.
    pub parted: BTreeSet<GroupName>,
}

impl Live {
    /// All answers put together.
    pub fn of(answers: impl IntoIterator<Item = Answer>) -> Live {
        let mut live = Live::default();
        let mut views: BTreeMap<GroupName, Digest> = BTreeMap::new();
        for answer in answers {
            let Answer { who, peers, child, lan, groups } = answer;
            let is_in = |seat: &&Seat| seat.view.is_some();
            let set = peers.as_ref().filter(is_in).map(|seat| seat.set);
            let looks_at = child.as_ref().and_then(|seat| seat.heard);
            let post =
                Post { set, child: child.as_ref().map(|seat| seat.set), looks_at, lan, groups };
            live.posts.insert(who, post);
            for seat in [peers, child].into_iter().flatten() {
                live.see(seat, groups, &mut views);
            }
        }
        live
    }

    fn see(&mut self, seat: Seat, below: u64, views: &mut BTreeMap<GroupName, Digest>) {
        let Some((members, parent, digest)) = seat.view else { return };
        if *views.entry(seat.set).or_insert(digest) != digest {
            self.parted.insert(seat.set);
        }
        let set = self.sets.entry(seat.set).or_default();
        set.level = seat.level;
        set.parent = set.parent.or(parent);
        set.heard.extend(seat.heard);
        set.groups = set.groups.max(seat.groups).max(below);
        set.members.extend(members.into_iter().filter(|who| Some(*who) != parent));
    }

    /// Whether a mserver answered.
    pub fn answers(&self, who: SocketAddrV4) -> bool {
        self.posts.contains_key(&who)
    }

    /// The set whose view has a mserver as a peer, whether or not it answered.
    pub fn home(&self, who: SocketAddrV4) -> Option<GroupName> {
        let seen = || self.sets.iter().find(|(_, set)| set.members.contains(&who));
        match self.posts.get(&who) {
            Some(post) => post.set,
            None => seen().map(|(name, _)| *name),
        }
    }

    /// Those who stand by to be the parent of a set; the parent itself is none of them, nor is one that looks for the
    /// set where it is not.
    pub fn standing_by(&self, set: GroupName) -> impl Iterator<Item = SocketAddrV4> + '_ {
        let parent = self.sets.get(&set).and_then(|set| set.parent);
        let for_it = move |(who, post): &(&SocketAddrV4, &Post)| {
            post.child == Some(set) && Some(**who) != parent && self.elsewhere(post).is_none()
        };
        self.posts.iter().filter(for_it).map(|(who, _)| *who)
    }

    /// Where a mserver looks for the set below, and where that is heard instead.
    pub(super) fn elsewhere(&self, post: &Post) -> Option<(SocketAddrV4, SocketAddrV4)> {
        let (looks_at, set) = (post.looks_at?, self.sets.get(&post.child?)?);
        let heard = *set.heard.first()?;
        (!set.heard.contains(&looks_at)).then_some((looks_at, heard))
    }

    /// Mservers that members of sets speak of, and who did not answer.
    pub fn silent(&self) -> BTreeSet<SocketAddrV4> {
        let told = self.sets.values().flat_map(|set| set.members.iter().copied().chain(set.parent));
        told.filter(|who| !self.answers(*who)).sorted_set()
    }

    /// Sets without a parent, with who stands by and is about to be it.
    pub fn waiting(&self) -> Vec<(GroupName, SocketAddrV4)> {
        let free = self.sets.iter().filter(|(_, set)| set.parent.is_none());
        free.filter_map(|(name, _)| Some((*name, self.standing_by(*name).next()?))).collect()
    }

    /// Whether every set is of one view, and none waits for who stands by to take over.
    pub fn is_settled(&self) -> bool {
        self.parted.is_empty() && self.waiting().is_empty()
    }

    /// As an ms.campus would have it.
    pub fn campus(&self) -> Campus {
        let mut campus = Campus::default();
        // One that only its parent is left of has nobody to name.
        for (name, set) in self.sets.iter().filter(|(_, set)| !set.members.is_empty()) {
            campus.sets.insert(*name, self.said_of(*name, set));
        }
        for lan in self.posts.values().filter_map(|post| post.lan.as_ref()) {
            let address = lan.heard.filter(|at| *at != derived(lan.name));
            if lan.mis.is_empty() && address.is_none() {
                continue;
            }
            let told = campus.lans.entry(lan.name).or_insert(Lan { address, mis: BTreeSet::new() });
            told.mis.extend(&lan.mis);
        }
        campus
    }

    fn said_of(&self, name: GroupName, set: &SetNow) -> Set {
        let server = |who: SocketAddrV4| {
            let lan = self.posts.get(&who).and_then(|post| post.lan.as_ref());
            lan.map_or_else(Server::default, |lan| Server {
                lan: Some(lan.name).filter(|lan| *lan != lan_name(who, None)),
                mi: lan.built_in,
            })
        };
        Set {
            level: set.level,
            address: set.heard.first().copied().filter(|at| *at != derived(name)),
            parents: set.parent.into_iter().chain(self.standing_by(name)).collect(),
            mservers: set.members.iter().map(|who| (*who, server(*who))).sorted_map(),
        }
    }
}
