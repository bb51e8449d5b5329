//! The members of a weak group, as facts that add up (HIERARCHY: quality of service; thesis II.B).
//!
//! ```text
//!   fact    (gone, cut) <= (gone', cut')     since, gid >= since', gid'     presence <= presence'
//!   join    the maximum                      the minimum                    the maximum, if it is not gone
//!   state   one fact for each who was ever heard of; two states join fact by fact
//! ```
//!
//! Each part of a fact is an element of a total order, and what joins is always its maximum or always its minimum; so the
//! join is commutative, associative and idempotent, and states grow. Whoever has heard the same facts, in whatever order
//! and however often, has the same state: this is all that convergence rests on. That a presence which is over is thrown
//! away changes nothing, as `gone` never comes down.
//!
//! An epoch is the registration of a member interface, and how often its mserver stated the member again under it. A
//! verdict names the epoch that it is about and ends those up to it:
//!
//! | who says so | ends |
//! |---|---|
//! | the member leaves, or its application dies | all epochs, for good |
//! | its mserver: the member interface is silent | those of the registration that was silent |
//! | a mserver that has lost the way to it | the epoch that it saw |
//!
//! A verdict of the last two kinds may be wrong, as after a partition: then the mserver that has the member states it with
//! the next epoch, which no verdict was about, and everybody has it again. No verdict that is late can end that.
//!
//! What is remembered of those who are gone is a fact without a presence. It may be forgotten when every mserver of the
//! core holds the same and no message from before can be under way; the digest that they compare is therefore that of
//! those who are there alone. The roster is a function of these, in the order in which they came: who came at once stands
//! by his gid, and who has a gid that a more senior member has as well gets the next that is free.

use super::registry::{Effect, Registry};
use crate::name::Digest;
use crate::wire::coreset::Life;
use crate::wire::group::{Call, Entry, Fact, GroupKey, Last, MemberId, Presence, Request};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// Members that a weak group can have, those who are gone and remembered with them.
const MAX_FACTS: usize = 1 << 20;

/// What is known of the members of one weak group.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Weak {
    facts: BTreeMap<MemberId, Fact>,
}

/// A member as its own mserver states it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stated {
    /// Who.
    pub id: MemberId,
    /// What it says of itself.
    pub tag: Vec<u8>,
    /// Its member interface has another mserver to go to.
    pub roams: bool,
    /// By which registration it is reached.
    pub registration: u32,
    /// It was a member before, elsewhere or for all that it knows: its place in the roster then.
    pub again: Option<u64>,
}

impl Weak {
    /// The fact about a member, if there is one.
    pub fn fact(&self, id: MemberId) -> Option<&Fact> {
        self.facts.get(&id)
    }

    /// All facts, by member.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.values()
    }

    /// Those who are there.
    pub fn live(&self) -> impl Iterator<Item = (&Fact, &Presence)> {
        self.facts.values().filter_map(|fact| Some((fact, fact.live.as_ref()?)))
    }

    /// Whether there is room for one more.
    pub fn has_room(&self) -> bool {
        self.facts.len() < MAX_FACTS
    }

    /// A fact is heard: whether it was news. One too many is not kept, and not believed.
    pub fn hear(&mut self, fact: &Fact) -> bool {
        let Some(known) = self.facts.get_mut(&fact.id) else {
            let room = self.facts.len() < MAX_FACTS;
            if room {
                self.facts.insert(fact.id, plain(fact.clone()));
            }
            return room;
        };
        let joined = join(known, fact);
        let is_news = joined != *known;
        *known = joined;
        is_news
    }

    /// A member is stated by the mserver at the end of `path`, to which it is registered: the fact, if it says more than
    /// was known. `gid`: for one who is new.
    pub fn state(&mut self, stated: &Stated, path: &[SocketAddrV4], gid: u32) -> Option<Fact> {
        let Stated { id, tag, roams, registration, again } = stated.clone();
        let base = u64::from(registration) << 32 | u64::from(again.is_some());
        let (gone, last, born) = match self.facts.get(&id) {
            None => (0, None, None),
            Some(fact) => (fact.gone, fact.live.as_ref(), Some((fact.since, fact.gid))),
        };
        if gone >= Fact::DIED {
            return None;
        }
        let epoch = match last {
            // By a later registration it is with somebody else, or with us and known.
            Some(live) if *live.path == *path && live.epoch >= base => return None,
            Some(live) if live.epoch >> 32 > u64::from(registration) => return None,
            Some(live) => base.max(live.epoch + 1),
            None if gone >> 32 > u64::from(registration) => return None,
            None if gone >> 32 == u64::from(registration) && gone as u32 == u32::MAX => {
                return None;
            }
            None => base.max(if gone == 0 { 0 } else { gone + 1 }),
        };
        let since = || again.unwrap_or_else(|| self.next_place());
        let (since, gid) = born.unwrap_or_else(|| (since(), gid));
        let live = Some(Presence { epoch, tag, roams, path: path.to_vec().into() });
        self.learn(Fact { id, gone, cut: false, since, gid, live })
    }

    /// A member left, or died, for good (`until`), or is gone up to an epoch: the fact, if it says more than was known.
    pub fn end(&mut self, id: MemberId, until: u64, cut: bool) -> Option<Fact> {
        let known = self.facts.get(&id);
        let (since, gid) = known.map_or((u64::MAX, u32::MAX), |fact| (fact.since, fact.gid));
        self.learn(Fact { id, gone: until, cut, since, gid, live: None })
    }

    fn learn(&mut self, fact: Fact) -> Option<Fact> {
        self.hear(&fact).then(|| self.facts[&fact.id].clone())
    }

    /// Those who are gone are remembered no more.
    pub fn forget_gone(&mut self) {
        self.facts.retain(|_, fact| fact.live.is_some());
    }

    /// Whether anybody is remembered who is gone.
    pub fn remembers(&self) -> bool {
        self.facts.values().any(|fact| fact.live.is_none())
    }

    fn next_place(&self) -> u64 {
        let last = self.live().map(|(fact, _)| fact.since).max();
        last.map_or(0, |since| since.saturating_add(1))
    }

    /// What mservers compare: who is there, in which epoch, since when. Nothing of those who are gone.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for (fact, live) in self.live() {
            let MemberId { mi: Life { address, inc }, number } = fact.id;
            hash.update(address.ip().octets());
            hash.update(address.port().to_be_bytes());
            hash.update(inc.0.to_be_bytes());
            hash.update(number.to_be_bytes());
            hash.update(live.epoch.to_be_bytes());
            hash.update(fact.since.to_be_bytes());
            hash.update(fact.gid.to_be_bytes());
        }
        let mut digest = Digest::default();
        digest.0.copy_from_slice(&hash.finalize()[..16]);
        digest
    }

    /// The members, the most senior first.
    pub fn roster(&self) -> Vec<Entry> {
        let mut all: Vec<(&Fact, &Presence)> = self.live().collect();
        all.sort_by_key(|(fact, _)| (fact.since, fact.gid, fact.id));
        let mut taken = BTreeSet::new();
        let entry = |(fact, live): (&Fact, &Presence)| {
            let mut gid = fact.gid;
            while !taken.insert(gid) {
                gid = gid.wrapping_add(1);
            }
            let (tag, path) = (live.tag.clone(), live.path.clone());
            let registration = (live.epoch >> 32) as u32;
            Entry { id: fact.id, gid, tag, roams: live.roams, lost: false, registration, path }
        };
        all.into_iter().map(entry).collect()
    }
}

impl Registry {
    /// A call for a weak group whose name is here: agreed on is only that it ends, for want of members. Any other goes back
    /// to whom it came by, who carries it out alone.
    pub(super) fn weak_call(
        &mut self,
        key: &GroupKey,
        term: u32,
        request: Request,
        effects: &mut Vec<Effect>,
    ) {
        let request = Box::new(request);
        match &request.call {
            Call::Fail { members, cut } if members.is_empty() => {
                match cut {
                    true => self.set_lost(key, term, Last::default()),
                    false => self.end(key, term),
                }
                effects.push(Effect::Ended { key: *key, term });
                effects.push(Effect::Answer { request, outcome: Ok(()), by_view: false });
            }
            _ => effects.push(Effect::Again(request)),
        }
    }
}

/// What two facts about one member say together.
fn join(one: &Fact, other: &Fact) -> Fact {
    let (gone, cut) = (one.gone, one.cut).max((other.gone, other.cut));
    let (since, gid) = (one.since, one.gid).min((other.since, other.gid));
    let live = one.live.as_ref().max(other.live.as_ref()).cloned();
    plain(Fact { id: one.id, gone, cut, since, gid, live })
}

/// A presence that is over is none.
fn plain(mut fact: Fact) -> Fact {
    let Fact { gone, .. } = fact;
    fact.live = fact.live.filter(|live| live.epoch > gone);
    fact
}
