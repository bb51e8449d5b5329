//! What the mservers of a core tell each other of a weak group.
//!
//! ```text
//!   A                                        B
//!   │ news, its digest; wants the digest ───>│ heard
//!   │<──────────────────────── its digest ── │   another? whoever has it asks, a T_REPLY later
//!   │
//!   │ its digest; wants the facts ──────────>│ the same?  it says so
//!   │<──────── all its facts; wants those ── │ another
//!   │ all facts; wants the digest ──────────>│ now both hold the same
//! ```
//!
//! Digests that differ are no reason to tell everything at once: where changes are under way each way, they are the same
//! when these have arrived.

use super::super::{GroupOut, Groups, Side};
use crate::proto::group::Stated;
use crate::proto::timer::Countdown;
use crate::wire::group::{Fact, Gossip, GroupBody, MemberId, RequestId, Want};
use std::net::SocketAddrV4;

impl Groups {
    /// Those who hold the group as we do: our peers without their parent, once the core is with them.
    pub(super) fn weak_peers(&self, inc: &RequestId) -> Vec<SocketAddrV4> {
        let Some(weak) = self.weak.get(inc) else { return Vec::new() };
        let Some(sphere) = self.spheres.get(&Side::Peer) else { return Vec::new() };
        let record = self.registry(Side::Peer).and_then(|registry| registry.find(&weak.key));
        if record.and_then(super::weak_core).is_none() {
            return Vec::new();
        }
        let other = |who: &SocketAddrV4| *who != self.own() && sphere.parent != Some(*who);
        sphere.members.iter().copied().filter(other).collect()
    }

    /// What others hold is not known any more.
    pub(super) fn compare_anew(&mut self, inc: &RequestId) {
        let retries = self.params.retries;
        let Some(weak) = self.weak.get_mut(inc) else { return };
        weak.heard.clear();
        (weak.wait, weak.left) = (Countdown::after(1), retries);
        self.stir(inc);
    }

    /// Those who differ, or have said nothing yet, are told our digest. Who holds nothing waits to be told.
    pub(super) fn compare(&mut self, inc: &RequestId, out: &mut Vec<GroupOut>) {
        let peers = self.weak_peers(inc);
        let (reply, query) = (self.params.reply, self.params.query);
        let Some(weak) = self.weak.get_mut(inc) else { return };
        let (digest, knows) = (weak.digest, weak.state.live().next().is_some());
        let differ: Vec<SocketAddrV4> = peers
            .into_iter()
            .filter(|peer| match weak.heard.get(peer) {
                Some(heard) => *heard != digest,
                None => knows,
            })
            .collect();
        if differ.is_empty() {
            return;
        }
        let wait = if weak.left == 0 { query } else { reply };
        (weak.wait, weak.left) = (Countdown::after(wait), weak.left.saturating_sub(1));
        differ.into_iter().for_each(|peer| self.say(inc, peer, (Want::Facts, Vec::new()), out));
    }

    /// Those who have not said that they hold what we do are asked, though we hold nothing.
    pub(super) fn ask_all(&mut self, inc: &RequestId, out: &mut Vec<GroupOut>) {
        for peer in self.weak_peers(inc) {
            let holds = |weak: &super::Replica| weak.heard.get(&peer) == Some(&weak.digest);
            if !self.weak.get(inc).is_some_and(holds) {
                self.say(inc, peer, (Want::Facts, Vec::new()), out);
            }
        }
    }

    /// Says something to one peer, and waits for what it says.
    pub(super) fn say(
        &mut self,
        inc: &RequestId,
        to: SocketAddrV4,
        (wants, facts): (Want, Vec<Fact>),
        out: &mut Vec<GroupOut>,
    ) {
        let (reply, retries) = (self.params.reply, self.params.retries);
        let Some(weak) = self.weak.get_mut(inc) else { return };
        if !facts.is_empty() {
            (weak.wait, weak.left) = (Countdown::after(reply), retries);
        }
        let (key, term, number, digest) = (weak.key, weak.term, weak.number, weak.digest);
        let gossip = Gossip { key, term, number, digest, wants, facts };
        self.send(to, key.name, GroupBody::Gossip(gossip), out);
    }

    /// A peer says what it holds.
    pub(in crate::proto::mserver::groups) fn on_gossip(
        &mut self,
        from: SocketAddrV4,
        gossip: &Gossip,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let inc = gossip.key.inc;
        self.hold(&gossip.key);
        if !self.weak_peers(&inc).contains(&from) {
            return Err(if self.weak.contains_key(&inc) { "stranger" } else { "group-not-known" });
        }
        let Some(weak) = self.weak.get_mut(&inc) else { return Err("group-not-known") };
        let mut news = false;
        for fact in &gossip.facts {
            news |= weak.state.hear(fact);
        }
        weak.heard.insert(from, gossip.digest);
        weak.floor = weak.floor.max(gossip.number);
        let better = if news { self.know_better(&inc) } else { Vec::new() };
        if news {
            self.stir(&inc);
            self.tell_weak(&inc, None, false, out);
            self.sweep();
        }
        self.is_shown(&inc, out);
        let others = if better.is_empty() { Vec::new() } else { self.weak_peers(&inc) };
        for peer in others.into_iter().filter(|peer| *peer != from) {
            self.say(&inc, peer, (Want::Digest, better.clone()), out);
        }
        self.answer_gossip(from, gossip, out);
        Ok(())
    }

    /// A peer is answered with what it wants. If it holds something else it is asked, unless it has said otherwise by then.
    fn answer_gossip(&mut self, from: SocketAddrV4, gossip: &Gossip, out: &mut Vec<GroupOut>) {
        let (reply, retries) = (self.params.reply, self.params.retries);
        let Some(weak) = self.weak.get_mut(&gossip.key.inc) else { return };
        let differs = weak.digest != gossip.digest;
        if differs && weak.wait == Countdown::OFF {
            (weak.wait, weak.left) = (Countdown::after(reply), retries);
        }
        let answer = match gossip.wants {
            Want::Nothing => return,
            Want::Facts if differs => {
                let wants = if gossip.facts.is_empty() { Want::Facts } else { Want::Digest };
                (wants, weak.state.facts().cloned().collect())
            }
            Want::Digest | Want::Facts => (Want::Nothing, Vec::new()),
        };
        self.say(&gossip.key.inc, from, answer, out);
    }

    /// A peer told us what it holds: who waited for that may come in now.
    fn is_shown(&mut self, inc: &RequestId, out: &mut Vec<GroupOut>) {
        let Some(weak) = self.weak.get_mut(inc) else { return };
        if weak.fresh != Countdown::OFF && weak.state.live().next().is_some() {
            weak.fresh = Countdown::OFF;
            let group = weak.key.called();
            self.look_again(group, out);
        }
    }

    /// What is said of our own members may be wrong: those who were cut off, and are here, are stated again. Those who went
    /// to another mserver, or for good, are ours no more.
    fn know_better(&mut self, inc: &RequestId) -> Vec<Fact> {
        let (own, me) = (self.own(), self.me);
        let Some(weak) = self.weak.get_mut(inc) else { return Vec::new() };
        let here = |fact: &Fact| fact.live.as_ref().is_some_and(|live| *live.path == [own]);
        let ours: Vec<MemberId> = weak.own.keys().copied().collect();
        let mut better = Vec::new();
        for id in ours {
            if weak.state.fact(id).is_some_and(here) {
                continue;
            }
            let gid = weak.gid(me);
            let gone = weak.state.fact(id).is_none_or(|fact| fact.live.is_none());
            let stated = weak.own.get(&id).filter(|_| gone);
            let again = stated
                .map(|stated| Stated { again: stated.again.or(Some(u64::MAX)), ..stated.clone() });
            match again.and_then(|stated| weak.state.state(&stated, &[own], gid)) {
                Some(fact) => better.push(fact),
                None => drop(weak.own.remove(&id)),
            }
        }
        better
    }
}
