//! Weak groups at a mserver (HIERARCHY: quality of service; thesis II.B): a change is told at once where it comes from,
//! and everywhere in the end.
//!
//! ```text
//!   creation, name, where the core is ── agreed on, as for any group; the record has no roster
//!   join, leave, failure ──> the mserver of that LAN:  its own facts ──> a view to its member interfaces, at once
//!                                                           └── gossip ──> each peer: the same, a hop later
//!   digests differ ──> all facts there, and back       digests are equal ──> silence
//! ```
//!
//! The core of a weak group is a LAN, or the set of its mserver and its peers; it does not reach higher in this version.
//! Each mserver of the core holds all facts (`proto::group::Weak`, where it stands why they come to the same everywhere);
//! the parent of the set, which has no members behind it that are not behind the others, holds none.
//!
//! * A call is applied by the mserver that it reaches first, if the core is there: it waits for nobody. One that comes
//!   from elsewhere makes the core come up first, as ever; then it is applied by the mserver below which it was made.
//! * A mserver that has just come to hold a group, as the core came up or it was started again, lets somebody in when a peer
//!   has said who is there; after 2 T_REPLY in any case. So a newcomer stands behind all others.
//! * Every gossip bears the digest of what its sender holds. A peer whose digest is not ours is asked for what it holds once
//!   in a T_REPLY, as often as there are retries, then once in a T_QUERY, and told what we hold. Three messages make both
//!   alike, whatever was lost before. A new view of the set begins this anew
//!   with everybody, since who comes may know nothing, or other things.
//! * Views are each mserver's own: their numbers go up by one for those who are told them, and start above any that was
//!   heard of, so that a member interface that comes from another mserver, or from our own life before, hears only of
//!   higher ones. The digest of a view does not cover its number: at rest it is the same everywhere.
//! * Members behind a lost mserver are cut off as those of other groups are, by whoever comes to it first; sides of a
//!   partition both go on. Each mserver watches what is said of its own members: one that was cut off, and is still here,
//!   is stated again in the next epoch. That is all there is to a merge.
//! * A group without members ends by agreement. If somebody was let in meanwhile elsewhere, its mserver claims the group
//!   back, as it would after the loss of its core.
//!
//! | file | what |
//! |---|---|
//! | `call` | joins, leaves, failures, and who came by another way |
//! | `gossip` | what peers tell each other |
//! | `tell` | views, for the member interfaces here |

mod call;
mod gossip;
mod tell;

use super::{CREATE, GroupOut, Groups, SETTLE, Side};
use crate::name::{Digest, GroupName};
use crate::proto::group::{Effect, Record, Role, Stated, Weak, view_digest};
use crate::proto::mserver::groups::loss::Chore;
use crate::proto::timer::Countdown;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, Core, Entry, Fact, GroupKey, MemberId, Order, Presence, Qos, RequestId, Scope, Want,
    named,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// A weak group whose core is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replica {
    key: GroupKey,
    qos: Qos,
    term: u32,
    state: Weak,
    /// Of the state; it costs more than to keep it.
    digest: Digest,
    /// The members that are here: whoever says that they are not is told better.
    own: BTreeMap<MemberId, Stated>,
    /// The last roster that our member interfaces were told of, and the number of its view.
    told: Vec<Entry>,
    number: u32,
    /// The highest number that a peer, or a member interface, has spoken of.
    floor: u32,
    /// Members that were new here.
    came: u16,
    /// The last digest of each peer.
    heard: BTreeMap<SocketAddrV4, Digest>,
    /// Until those who differ are told our digest.
    wait: Countdown,
    left: u32,
    /// Until those who are gone are forgotten, if nothing happens.
    calm: Countdown,
    /// Until it ends, if nobody joins.
    bare: Countdown,
    /// Until somebody may come in though no peer has said who is there.
    fresh: Countdown,
}

impl Replica {
    fn new(key: GroupKey, core: &Core) -> Replica {
        let state = Weak::default();
        Replica {
            key,
            qos: core.qos.clone(),
            term: core.term,
            digest: state.digest(),
            state,
            own: BTreeMap::new(),
            told: Vec::new(),
            number: 0,
            floor: 0,
            came: 0,
            heard: BTreeMap::new(),
            wait: Countdown::OFF,
            left: 0,
            calm: Countdown::OFF,
            bare: Countdown::OFF,
            fresh: Countdown::OFF,
        }
    }

    /// What is known of its members.
    pub fn state(&self) -> &Weak {
        &self.state
    }

    /// Which group.
    pub fn key(&self) -> GroupKey {
        self.key
    }

    /// Number, digest and size of the last view that was told here.
    pub fn last(&self) -> (u32, Digest, usize) {
        let digest = view_digest(Order::Weak, &self.key.inc, self.number, &self.told);
        (self.number, digest, self.told.len())
    }

    fn due(&self) -> u32 {
        let all = [self.wait.left(), self.calm.left(), self.bare.left(), self.fresh.left()];
        all.into_iter().filter(|&left| left > 0).min().unwrap_or(u32::MAX)
    }

    /// A number for a new member: the mserver in the upper half, and a count.
    fn gid(&mut self, me: Life) -> u32 {
        self.came = self.came.wrapping_add(1);
        let Life { address, inc } = me;
        let place = u32::from(*address.ip()) ^ u32::from(address.port()) << 16 ^ inc.0;
        place.wrapping_mul(0x9E37_79B9) & 0xffff_0000 | u32::from(self.came)
    }

    /// Whether all of these hold what we do.
    fn is_agreed(&self, peers: &[SocketAddrV4]) -> bool {
        peers.iter().all(|peer| self.heard.get(peer) == Some(&self.digest))
    }
}

/// The record of a weak group that is decided there.
fn weak_core(record: &Record) -> Option<&Core> {
    match &record.role {
        Role::Core { core, .. } if core.qos.order == Order::Weak => Some(core),
        _ => None,
    }
}

impl Groups {
    /// The weak groups whose members are known here.
    pub fn weak(&self) -> impl Iterator<Item = &Replica> {
        self.weak.values()
    }

    /// How far a group may be looked for, as far as that is known here.
    pub(super) fn reach_of(&self, key: &GroupKey) -> Scope {
        let known = self.relay.known(key).map(|known| known.qos());
        let known = known.or_else(|| self.weak.get(&key.inc).map(|weak| &weak.qos));
        known.map_or(Scope::Top, |qos| qos.membership_scope)
    }

    pub(super) fn weak_due(&self) -> u32 {
        self.weak.values().map(Replica::due).min().unwrap_or(u32::MAX)
    }

    /// Whether that is a weak group, whose views do not come from agreed operations.
    pub(super) fn is_weak(&self, key: &GroupKey) -> bool {
        self.weak.contains_key(&key.inc) || self.weak_record(key).is_some()
    }

    /// The record by which the core of a weak group is here: on our LAN, or with our peers.
    fn weak_record(&self, key: &GroupKey) -> Option<(GroupKey, &Core)> {
        let sides = [Side::Peer, Side::Child].into_iter();
        let mut found = sides.filter_map(|side| self.registry(side)?.find(key));
        found.find_map(|record| Some((record.key, weak_core(record)?)))
    }

    /// The weak group of that name, if its core is here. Without a record, as long as we do not know what our peers know.
    fn weak_of(&mut self, group: GroupName) -> Option<RequestId> {
        self.lan.as_ref()?;
        let sides = [Side::Child, Side::Peer].into_iter();
        let found = sides.filter_map(|side| self.registry(side)?.get(named(group)));
        let found = found.filter(|record| weak_core(record).is_some()).map(|record| record.key);
        if let Some(key) = found.min() {
            self.hold(&key);
            return Some(key.inc);
        }
        let lost = self.registry(Side::Peer).is_none();
        let mut here = self.weak.values().filter(|weak| lost && !weak.own.is_empty());
        here.find(|weak| weak.key.called() == group).map(|weak| weak.key.inc)
    }

    /// A weak group whose core is here is held here, under the name and the term that it has.
    fn hold(&mut self, key: &GroupKey) -> bool {
        if self.lan.is_none() {
            return false;
        }
        let Some((key, core)) = self.weak_record(key) else { return false };
        let (term, new) = (core.term, Replica::new(key, core));
        let was_held = self.weak.contains_key(&key.inc);
        self.weak.entry(key.inc).or_insert(new);
        let waits = !was_held && !self.weak_peers(&key.inc).is_empty();
        let fresh = Countdown::after(2 * self.params.reply);
        let Some(weak) = self.weak.get_mut(&key.inc) else { return false };
        if waits {
            weak.fresh = fresh;
        }
        let renamed = weak.key != key;
        (weak.key, weak.term) = (key, weak.term.max(term));
        renamed
    }

    /// What was agreed on may be about weak groups: they come here, take another name, or end.
    pub(super) fn weak_effect(&mut self, effect: &Effect, out: &mut Vec<GroupOut>) {
        match effect {
            Effect::View { direct: seen, .. } if self.is_weak(&seen.key) => {
                self.hold_anew(&seen.key, out);
            }
            Effect::Settled { key, .. } if self.weak_record(key).is_some() => {
                self.hold_anew(key, out);
                self.compare_anew(&key.inc);
            }
            Effect::Ended { key, term } if self.weak.contains_key(&key.inc) => {
                self.weak_ended(key, *term, out);
            }
            _ => {}
        }
    }

    fn hold_anew(&mut self, key: &GroupKey, out: &mut Vec<GroupOut>) {
        if self.hold(key) {
            self.tell_weak(&key.inc, None, true, out);
        }
    }

    /// It has ended, as nobody was known to be in it: who is here all the same claims it back.
    fn weak_ended(&mut self, key: &GroupKey, term: u32, out: &mut Vec<GroupOut>) {
        if self.weak_record(key).is_some() {
            return;
        }
        let Some(weak) = self.weak.get_mut(&key.inc) else { return };
        if weak.own.is_empty() {
            self.weak.remove(&key.inc);
            return self.relay.drop(key);
        }
        weak.term = weak.term.max(term).saturating_add(1);
        let key = weak.key;
        self.tell_weak(&key.inc, None, true, out);
        self.state_of(&key, out);
    }

    /// We know what our peers know: which weak groups are theirs, and ours.
    pub(super) fn weak_in_step(&mut self, out: &mut Vec<GroupOut>) {
        let known = [Side::Child, Side::Peer].map(|side| self.registry(side));
        let records = known.iter().flatten().flat_map(|registry| registry.iter());
        let keys: Vec<GroupKey> =
            records.filter(|r| weak_core(r).is_some()).map(|r| r.key).collect();
        keys.iter().for_each(|key| self.hold_anew(key, out));
        let held: Vec<GroupKey> = self.weak.values().map(|weak| weak.key).collect();
        for key in held {
            self.compare_anew(&key.inc);
            let Some(weak) = self.weak.get(&key.inc) else { continue };
            if weak.own.is_empty() && self.weak_record(&key).is_none() {
                self.weak.remove(&key.inc);
                self.relay.drop(&key);
            }
        }
    }

    /// Our peers have another view: who came may know nothing, and members may be behind one who is not among them.
    pub(super) fn weak_installed(&mut self) {
        let all: Vec<RequestId> = self.weak.keys().copied().collect();
        all.iter().for_each(|inc| self.compare_anew(inc));
        self.sweep();
    }

    /// Members behind mservers that are not among our peers are cut off after a while, whoever spoke of them.
    fn sweep(&mut self) {
        let Some(sphere) = self.spheres.get(&Side::Peer) else { return };
        let first = |(_, live): (&Fact, &Presence)| live.path.first().copied();
        let homes: BTreeSet<SocketAddrV4> =
            self.weak.values().flat_map(|weak| weak.state.live().filter_map(first)).collect();
        let strange = |home: &SocketAddrV4| *home != self.own() && !sphere.members.contains(home);
        let branches: Vec<SocketAddrV4> = homes.into_iter().filter(strange).collect();
        if !branches.is_empty() {
            self.chore(Chore::Cut { side: Side::Peer, branches, view: 0, all: true });
        }
    }

    /// Members behind lost mservers are cut off. Those who may find another way are waited for until `all`.
    pub(super) fn weak_cut(
        &mut self,
        branches: &[SocketAddrV4],
        all: bool,
        out: &mut Vec<GroupOut>,
    ) {
        let back = self.spheres.get(&Side::Peer).map(|sphere| sphere.members.clone());
        let lost: Vec<SocketAddrV4> = branches
            .iter()
            .copied()
            .filter(|branch| !back.as_ref().is_some_and(|back| back.contains(branch)))
            .collect();
        let groups: Vec<RequestId> = self.weak.keys().copied().collect();
        for inc in groups {
            let Some(weak) = self.weak.get_mut(&inc) else { continue };
            let behind: Vec<(MemberId, u64)> = weak
                .state
                .live()
                .filter(|(_, live)| live.path.first().is_some_and(|home| lost.contains(home)))
                .filter(|(_, live)| all || !live.roams)
                .map(|(fact, live)| (fact.id, live.epoch))
                .collect();
            let facts: Vec<Fact> = behind
                .into_iter()
                .filter_map(|(id, epoch)| weak.state.end(id, epoch, true))
                .collect();
            self.changed(&inc, facts, None, out);
        }
    }

    pub(super) fn tick_weak(&mut self, elapsed: u32, out: &mut Vec<GroupOut>) {
        let groups: Vec<RequestId> = self.weak.keys().copied().collect();
        for inc in groups {
            let Some(weak) = self.weak.get_mut(&inc) else { continue };
            let (wait, calm) = (weak.wait.tick(elapsed), weak.calm.tick(elapsed));
            let bare = weak.bare.tick(elapsed);
            weak.fresh.tick(elapsed);
            if wait {
                self.compare(&inc, out);
            }
            if calm {
                self.forget_gone(&inc);
            }
            if bare {
                self.end_bare(&inc, out);
            }
        }
    }

    /// Nothing has happened for as long as a message can be under way: if all hold the same, those who are gone are
    /// forgotten.
    fn forget_gone(&mut self, inc: &RequestId) {
        let peers = self.weak_peers(inc);
        let wait = Countdown::after(self.params.reply.saturating_mul(CREATE));
        let Some(weak) = self.weak.get_mut(inc) else { return };
        match weak.is_agreed(&peers) {
            true => weak.state.forget_gone(),
            false => weak.calm = wait,
        }
    }

    /// Nobody is in it: if all know, it ends. Those who were cut off may live on elsewhere, and come back.
    fn end_bare(&mut self, inc: &RequestId, out: &mut Vec<GroupOut>) {
        let peers = self.weak_peers(inc);
        let wait = self.bare_wait(&peers);
        let Some(weak) = self.weak.get_mut(inc) else { return };
        if weak.state.live().next().is_some() {
            return;
        }
        weak.bare = wait;
        let (key, agreed) = (weak.key, weak.is_agreed(&peers));
        let cut = weak.state.facts().any(|fact| fact.gone < Fact::DIED);
        let ends = |call: &Call| matches!(call, Call::Fail { members, .. } if members.is_empty());
        let group = key.called();
        let asked =
            self.pending.values().any(|p| p.request.group == group && ends(&p.request.call));
        if !agreed {
            self.ask_all(inc, out);
        } else if !asked && self.weak_record(&key).is_some() {
            self.ask(&key, 0, Call::Fail { members: Vec::new(), cut }, out);
        }
    }

    /// How long a group without members is kept: not at all, if nobody else can let one in.
    fn bare_wait(&self, peers: &[SocketAddrV4]) -> Countdown {
        let times = if peers.is_empty() { 0 } else { SETTLE + 2 * self.rank(Side::Peer) };
        Countdown::after(self.params.reply.saturating_mul(times).max(1))
    }

    /// Something is different now: what was waited for begins anew.
    fn stir(&mut self, inc: &RequestId) {
        let peers = self.weak_peers(inc);
        let bare = self.bare_wait(&peers);
        let calm = Countdown::after(self.params.reply.saturating_mul(CREATE));
        let Some(weak) = self.weak.get_mut(inc) else { return };
        weak.digest = weak.state.digest();
        weak.calm = if weak.state.remembers() { calm } else { Countdown::OFF };
        let empty = weak.state.live().next().is_none();
        weak.bare = if empty { bare } else { Countdown::OFF };
    }

    /// Facts are new by what happened here: those below are told, and our peers.
    fn changed(
        &mut self,
        inc: &RequestId,
        facts: Vec<Fact>,
        cause: Option<RequestId>,
        out: &mut Vec<GroupOut>,
    ) {
        if facts.is_empty() {
            return;
        }
        self.stir(inc);
        self.tell_weak(inc, cause, false, out);
        for peer in self.weak_peers(inc) {
            self.say(inc, peer, (Want::Digest, facts.clone()), out);
        }
        self.sweep();
    }
}
