//! Views: who is where, and what a change makes of one (`apply`).
//!
//! Nothing here comes from local knowledge: everybody who applies one change to one view gets the same view, and so
//! the same digest (S4).

use crate::name::{Digest, Gid, Incarnation, Rank, ViewNumber};
use crate::wire::coreset::{
    Change, ChangeKind, Done, Life, Member, Operation, Position, View, digest_of, encode_operations,
};
use std::net::{Ipv4Addr, SocketAddrV4};

impl Position {
    /// Whether this one is at least as far as `other`, by number and count of batches.
    pub fn ahead(&self, other: &Position) -> bool {
        self.num.newer(other.num) || (self.num == other.num && self.k >= other.k)
    }
}

/// A view after a change, and what was applied on the way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Applied {
    pub view: View,
    pub operations: Vec<Operation>,
}

impl View {
    /// The first view of a set: its founder alone.
    pub(super) fn founding(name: crate::wire::coreset::SetName, level: u8, founder: Life) -> View {
        let mut view = View {
            position: Position { num: ViewNumber(1), k: 0, digest: Digest::default() },
            level,
            name,
            members: vec![Member { gid: Gid(0), life: founder }],
            parents: Vec::new(),
            parent: None,
            former: None,
            done: Vec::new(),
        };
        view.position.digest = digest_of(&view, &[]);
        view
    }

    /// The member at an address.
    pub fn member(&self, address: SocketAddrV4) -> Option<&Member> {
        self.members.iter().find(|m| m.life.address == address)
    }

    /// The member with a gid.
    pub fn by_gid(&self, gid: Gid) -> Option<&Member> {
        self.members.iter().find(|m| m.gid == gid)
    }

    /// Whether the address is a member's.
    pub fn contains(&self, address: SocketAddrV4) -> bool {
        self.member(address).is_some()
    }

    /// Place of the member at an address.
    pub fn rank(&self, address: SocketAddrV4) -> Option<Rank> {
        let place = self.members.iter().position(|m| m.life.address == address)?;
        u16::try_from(place).ok().map(Rank)
    }

    /// Addresses in the order of seniority.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddrV4> + '_ {
        self.members.iter().map(|m| m.life.address)
    }

    /// Whom the member at `address` monitors: the one before it, the first one the last; none if it is alone.
    pub fn ccw(&self, address: SocketAddrV4) -> Option<SocketAddrV4> {
        let (rank, n) = (usize::from(self.rank(address)?.0), self.members.len());
        (n > 1).then(|| self.members[(rank + n - 1) % n].life.address)
    }

    /// Who monitors the member at `address`.
    pub fn cw(&self, address: SocketAddrV4) -> Option<SocketAddrV4> {
        let (rank, n) = (usize::from(self.rank(address)?.0), self.members.len());
        (n > 1).then(|| self.members[(rank + 1) % n].life.address)
    }

    /// The lowest address: which of two sides goes first.
    pub fn lowest(&self) -> Option<SocketAddrV4> {
        self.addresses().min()
    }

    /// Number of the last operation of `origin` that was applied.
    pub fn done_of(&self, origin: Life) -> u64 {
        self.done.iter().find(|d| d.origin == origin).map_or(0, |d| d.number)
    }

    /// What `change` makes of this view, for the member at `me`: a Split makes two.
    ///
    /// `change` must apply to this view, and its `excl` be final. `remember`: departed origins that it remembers.
    pub(super) fn apply(&self, change: &Change, me: SocketAddrV4, remember: usize) -> Applied {
        let mut view = self.clone();
        view.parents = change.par.clone();
        let mut operations = Vec::new();
        let mut extra = Vec::new();
        match &change.kind {
            ChangeKind::Fail { .. } => {}
            ChangeKind::Leave { who } => view.remove(*who, false),
            ChangeKind::DelParent { who } => view.remove(*who, false),
            ChangeKind::Split { side, name } => {
                let goes = side.contains(&me);
                extra.push(u8::from(goes));
                view.members.retain(|m| side.contains(&m.life.address) == goes);
                view.keep_parent();
                if goes {
                    view.name = *name;
                }
            }
            ChangeKind::Join { member } => view.add(*member, &change.excl),
            ChangeKind::AddParent { member } => {
                view.add(*member, &change.excl);
                if view.contains(member.life.address) {
                    view.parent = Some(member.life.address);
                    view.former = None;
                }
            }
            ChangeKind::Application { operations: wanted } => {
                operations = view.apply_operations(wanted);
                extra = encode_operations(&operations);
            }
            ChangeKind::Merge { views, gids } => view = merged(views, gids, &change.par),
            ChangeKind::Rename => {
                view.name.suffix = view.members.iter().map(|m| m.gid).min();
            }
        }
        for address in &change.excl {
            view.remove(*address, true);
        }
        view.forget(remember);
        view.position = self.next_position(change);
        view.position.digest = digest_of(&view, &extra);
        Applied { view, operations }
    }

    fn next_position(&self, change: &Change) -> Position {
        let batch = matches!(change.kind, ChangeKind::Application { .. }) && change.excl.is_empty();
        let digest = Digest::default();
        if batch {
            return Position { k: self.position.k + 1, digest, ..self.position };
        }
        let newest = change.par.iter().map(|p| p.num).fold(self.position.num, |a, b| match b {
            b if b.newer(a) => b,
            _ => a,
        });
        Position { num: newest.next(), k: 0, digest }
    }

    fn add(&mut self, member: Member, excl: &[SocketAddrV4]) {
        if !excl.contains(&member.life.address) && !self.contains(member.life.address) {
            // A new life makes what its former ones had done unimportant.
            self.done.retain(|d| {
                d.origin.address != member.life.address || d.origin.inc >= member.life.inc
            });
            self.members.push(member);
        }
    }

    /// Takes a member away; `lost`: it did not go by its own or an operator's will.
    fn remove(&mut self, address: SocketAddrV4, lost: bool) {
        self.members.retain(|m| m.life.address != address);
        if self.parent == Some(address) {
            self.parent = None;
            self.former = lost.then_some(address);
        }
    }

    fn keep_parent(&mut self) {
        if self.parent.is_some_and(|p| !self.contains(p)) {
            self.parent = None;
            self.former = None;
        }
    }

    /// Those operations that are next in the count of a member, in their order; and those without a number, which
    /// are of this change and no other: a change is applied once, so they need not be counted.
    fn apply_operations(&mut self, wanted: &[Operation]) -> Vec<Operation> {
        let mut applied = Vec::new();
        for operation in wanted {
            let member = self.members.iter().any(|m| m.life == operation.origin);
            if !member {
                continue;
            }
            if operation.number == self.done_of(operation.origin) + 1 {
                self.set_done(operation.origin, operation.number);
                applied.push(operation.clone());
            } else if operation.number == 0 {
                applied.push(operation.clone());
            }
        }
        applied
    }

    /// Forgets the oldest of the departed origins if there are too many: those of the lowest incarnations, which
    /// count seconds. What is left of them is one entry of no address, with the highest incarnation forgotten.
    fn forget(&mut self, remember: usize) {
        let stays = |life: &Life| {
            *life.address.ip() == Ipv4Addr::UNSPECIFIED
                || self.members.iter().any(|m| m.life == *life)
        };
        let departed = self.done.iter().map(|d| d.origin).filter(|life| !stays(life));
        let mut departed: Vec<Life> = departed.collect();
        let surplus = departed.len().saturating_sub(remember);
        departed.sort_unstable_by_key(|life| (life.inc, life.address));
        departed.truncate(surplus);
        if let Some(last) = departed.last().map(|life| life.inc) {
            self.done.retain(|d| !departed.contains(&d.origin));
            self.set_forgotten(last);
        }
    }

    /// The highest incarnation that an origin had that is forgotten.
    pub(super) fn forgotten(&self) -> Option<Incarnation> {
        let first = self.done.first().map(|d| d.origin);
        first.filter(|life| *life.address.ip() == Ipv4Addr::UNSPECIFIED).map(|life| life.inc)
    }

    fn set_forgotten(&mut self, inc: Incarnation) {
        let inc = self.forgotten().map_or(inc, |known| known.max(inc));
        self.done.retain(|d| *d.origin.address.ip() != Ipv4Addr::UNSPECIFIED);
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        self.set_done(Life { address, inc }, 0);
    }

    /// Whether this view may have forgotten how many operations of `life` were applied.
    fn may_have_forgotten(&self, life: &Life) -> bool {
        self.forgotten().is_some_and(|last| life.inc <= last)
            && !self.done.iter().any(|d| d.origin == *life)
    }

    fn set_done(&mut self, origin: Life, number: u64) {
        match self.done.binary_search_by_key(&origin, |d| d.origin) {
            Ok(place) => self.done[place].number = number,
            Err(place) => self.done.insert(place, Done { origin, number }),
        }
    }
}

/// The union of two sides: the first one's members, then the second one's, with the gids that the change gives
/// them; of two parents the first side's stays, the other leaves.
///
/// An operation that was applied on one side must not be applied again when its origin comes back from the other.
/// If a side may have forgotten a member of the other, nobody can say which were: then all of the second side leave,
/// and come back in new lives, which have no operations yet.
fn merged(views: &[View; 2], gids: &[Gid], par: &[Position]) -> View {
    let [one, two] = views;
    let mut view = one.clone();
    view.parents = par.to_vec();
    let forgot =
        |side: &View, other: &View| other.members.iter().any(|m| side.may_have_forgotten(&m.life));
    let other_parent = two.parent.filter(|_| one.parent.is_some());
    let nobody = two.addresses().all(|a| Some(a) == other_parent);
    if nobody || forgot(one, two) || forgot(two, one) {
        return view;
    }
    for (member, gid) in two.members.iter().zip(gids) {
        if Some(member.life.address) != other_parent {
            view.members.push(Member { gid: *gid, life: member.life });
        }
    }
    view.parent = one.parent.or(two.parent);
    view.former = match view.parent {
        Some(_) => None,
        None => one.former.or(two.former),
    };
    view.name = one.name.min(two.name);
    // What one side remembers of an origin and the other may have forgotten is not the whole: both forget it.
    view.done.retain(|d| !two.may_have_forgotten(&d.origin));
    if let Some(inc) = two.forgotten() {
        view.set_forgotten(inc);
    }
    let real = |d: &&Done| *d.origin.address.ip() != Ipv4Addr::UNSPECIFIED;
    for done in two.done.iter().filter(real).filter(|d| !one.may_have_forgotten(&d.origin)) {
        let number = view.done_of(done.origin).max(done.number);
        view.set_done(done.origin, number);
    }
    view
}

/// The gids that the members of `two` get beside those of `one`: their own where it is free, else the smallest free in both.
pub(super) fn merged_gids(one: &View, two: &View) -> Vec<Gid> {
    let mut taken: Vec<Gid> = one.members.iter().chain(&two.members).map(|m| m.gid).collect();
    let of_one = |gid| one.members.iter().any(|m| m.gid == gid);
    two.members
        .iter()
        .map(|m| {
            if !of_one(m.gid) {
                return m.gid;
            }
            let gid = smallest_free(&taken);
            taken.push(gid);
            gid
        })
        .collect()
}

/// The smallest gid that is not among `taken`.
pub(super) fn smallest_free(taken: &[Gid]) -> Gid {
    (0..u16::MAX).map(Gid).find(|gid| !taken.contains(gid)).unwrap_or(Gid::NONE)
}
