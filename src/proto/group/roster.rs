//! The members of a group in the order of seniority, the digest of a view, and which requests are done.

use crate::name::Digest;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, Completed, Content, Core, Departed, Entry, MemberId, Mode, Order, Refusal, Request,
    RequestId, Whole,
};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddrV4;

/// Members that one group can have.
const MAX_ROSTER: usize = 1 << 20;
/// Numbers beyond the first gap that are remembered of one origin: as many requests may be under way.
const BEYOND: usize = 1024;
/// Members that went and are remembered.
const DEPARTED_MEMBERS: usize = 64;
/// Origins without members that are remembered.
const DEPARTED: usize = 256;

/// The digest of a view: over incarnation, number, and the roster with gids in its order; never over how it came
/// about.
pub fn digest_of<'a>(
    inc: &RequestId,
    number: u32,
    roster: impl IntoIterator<Item = &'a Entry>,
) -> Digest {
    let mut hash = Sha256::new();
    hash.update(bytes_of(&inc.origin));
    hash.update(inc.number.to_be_bytes());
    hash.update(number.to_be_bytes());
    for entry in roster {
        // Of a large roster this is most of what a view costs: the hash is asked once for each member.
        let mut bytes = [0; 18];
        bytes[..10].copy_from_slice(&bytes_of(&entry.id.mi));
        bytes[10..14].copy_from_slice(&entry.id.number.to_be_bytes());
        bytes[14..].copy_from_slice(&entry.gid.to_be_bytes());
        hash.update(bytes);
    }
    let mut digest = Digest::default();
    let whole = hash.finalize();
    digest.0.copy_from_slice(&whole[..16]);
    digest
}

/// The digest of a view by the order of its group: in a weak one numbers are each mserver's own, and the digest does not
/// cover them, so that it is the same wherever the roster is.
pub fn view_digest<'a>(
    order: Order,
    inc: &RequestId,
    number: u32,
    roster: impl IntoIterator<Item = &'a Entry>,
) -> Digest {
    match order {
        Order::Strong => digest_of(inc, number, roster),
        Order::Weak => digest_of(inc, 0, roster),
    }
}

impl Core {
    /// The digest of the view that is.
    pub fn digest(&self) -> Digest {
        digest_of(&self.key.inc, self.number, &self.roster)
    }

    /// All of it, as a view tells it.
    pub fn whole(&self) -> Content {
        let (entries, next_gid) = (self.roster.clone(), self.next_gid);
        Content::Whole(Box::new(Whole { entries, next_gid, qos: self.qos.clone() }))
    }

    /// Whether members are lost of whom it is not clear yet whether they are cut off.
    pub fn has_lost(&self) -> bool {
        self.roster.iter().any(|entry| entry.lost)
    }

    /// Whether a request may change nothing before that is clear: until then somebody else may go on from this very view.
    pub fn waits_for(&self, request: &Request) -> bool {
        let clears =
            matches!(request.call, Call::Here(_) | Call::View | Call::Fail { cut: true, .. });
        !clears && self.has_lost()
    }

    /// Members are none any more. The oldest of many are forgotten.
    pub fn set_departed(&mut self, gone: &[Entry], left: bool) {
        self.departed.extend(gone.iter().map(|entry| Departed { id: entry.id, left }));
        self.departed.drain(..self.departed.len().saturating_sub(DEPARTED_MEMBERS));
    }

    /// Whether somebody that another side has as a member went here, and does not live on there.
    pub fn has_seen_off(&self, theirs: &Entry) -> bool {
        let is_final = |departed: &Departed| departed.left || theirs.lost;
        self.departed.iter().any(|departed| departed.id == theirs.id && is_final(departed))
    }

    /// Why nobody joins who is not its creator, if that is so.
    pub(super) fn refuses_to_join(&self, mode: Mode) -> Option<Refusal> {
        let full = (self.roster.len() >= MAX_ROSTER).then_some(Refusal::TooLarge);
        if mode == Mode::Create { Some(Refusal::Exists) } else { full }
    }

    /// A new member, behind all others.
    pub(super) fn admit(&mut self, entry: Entry) -> Entry {
        let (gid, path) = (self.next_gid, entry.path.shared(&self.roster));
        let entry = Entry { gid, path, ..entry };
        self.next_gid = self.next_gid.saturating_add(1);
        // Of many small groups, room for as many again would be most of what they cost.
        self.roster.reserve_exact(1);
        self.roster.push(entry.clone());
        entry
    }

    /// Those of the members that a request says to have failed of whom it may say so: whom a mserver does not reach
    /// any more may be reached by another one by now.
    pub(super) fn failed(&self, request: &Request, members: &[MemberId]) -> Vec<Entry> {
        let there = |e: &Entry| {
            let later = request.registration != 0 && e.registration > request.registration;
            e.path.starts_with(&request.path) && !later
        };
        let may = |e: &Entry| e.id.mi == request.id.origin || there(e);
        let failed = |e: &&Entry| members.contains(&e.id) && may(e);
        self.roster.iter().filter(failed).cloned().collect()
    }

    /// The entry of a member.
    pub fn entry(&self, id: MemberId) -> Option<&Entry> {
        self.roster.iter().find(|entry| entry.id == id)
    }

    /// Whether a request of that name is done.
    pub fn is_done(&self, id: RequestId) -> bool {
        self.done.iter().any(|done| done.origin == id.origin && done.has(id.number))
    }

    /// A request is done: it has had its effect, once. What its origin never asks again need not be remembered one
    /// by one.
    pub fn set_done(&mut self, id: RequestId, oldest: u64) {
        let place = self.done.binary_search_by_key(&id.origin, |done| done.origin);
        let place = place.unwrap_or_else(|place| {
            let new = Completed { origin: id.origin, up_to: 0, beyond: Vec::new() };
            self.done.reserve_exact(1);
            self.done.insert(place, new);
            place
        });
        let done = &mut self.done[place];
        if let Some(below) = oldest.checked_sub(1).filter(|below| *below > done.up_to) {
            done.up_to = below;
            done.beyond.retain(|number| *number > below);
        }
        done.add(id.number);
        self.forget_departed(id.origin);
    }

    fn forget_departed(&mut self, but: Life) {
        if self.done.len() <= DEPARTED {
            return;
        }
        let here = |life: Life| life == but || self.roster.iter().any(|e| e.id.mi == life);
        let departed: Vec<Life> =
            self.done.iter().map(|done| done.origin).filter(|life| !here(*life)).collect();
        let surplus = departed.len().saturating_sub(DEPARTED);
        self.done.retain(|done| !departed[..surplus].contains(&done.origin));
    }

    /// Whether that mserver of the core's own set, and no other, has members behind it.
    pub fn is_behind(&self, mserver: SocketAddrV4) -> bool {
        let mut branches = self.roster.iter().filter_map(|entry| entry.path.first());
        branches.next() == Some(&mserver) && branches.all(|branch| *branch == mserver)
    }
}

impl Entry {
    /// Who joins, before it has a number in the group.
    pub(super) fn of_join(request: &Request) -> Option<Entry> {
        let Call::Join { member, tag, roams, .. } = &request.call else { return None };
        let (id, tag, registration) = (*member, tag.clone(), request.registration);
        let path = request.path.clone().into();
        Some(Entry { id, gid: 0, tag, roams: *roams, lost: false, registration, path })
    }
}

impl Completed {
    /// Whether that number is among them.
    pub fn has(&self, number: u64) -> bool {
        number <= self.up_to || self.beyond.binary_search(&number).is_ok()
    }

    /// One more is done.
    pub fn add(&mut self, number: u64) {
        if self.has(number) {
            return;
        }
        if let Err(place) = self.beyond.binary_search(&number) {
            self.beyond.insert(place, number);
        }
        // Requests that were refused elsewhere, or gave up, leave gaps; the oldest gap is closed when there are too many.
        if self.beyond.len() > BEYOND {
            self.up_to = self.beyond.remove(0);
        }
        while self.beyond.first() == Some(&(self.up_to + 1)) {
            self.up_to = self.beyond.remove(0);
        }
    }

    /// The union of what both sides of a partition did.
    pub fn join(&mut self, other: &Completed) {
        self.up_to = self.up_to.max(other.up_to);
        let beyond = std::mem::take(&mut self.beyond);
        beyond.into_iter().chain(other.beyond.iter().copied()).for_each(|n| self.add(n));
    }
}

fn bytes_of(life: &Life) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..4].copy_from_slice(&life.address.ip().octets());
    bytes[4..6].copy_from_slice(&life.address.port().to_be_bytes());
    bytes[6..].copy_from_slice(&life.inc.0.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Incarnation;
    use std::net::Ipv4Addr;

    #[test]
    fn requests_are_done_once_in_whatever_order() {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2901);
        let origin = Life { address, inc: Incarnation(1) };
        let mut done = Completed { origin, up_to: 0, beyond: Vec::new() };
        for number in [3, 1, 3, 5, 2] {
            done.add(number);
        }
        assert_eq!((done.up_to, done.beyond.as_slice()), (3, &[5][..]));
        assert!(done.has(2) && !done.has(4) && done.has(5));
        let other = Completed { origin, up_to: 4, beyond: vec![7] };
        done.join(&other);
        assert_eq!((done.up_to, done.beyond.as_slice()), (5, &[7][..]));
    }
}
