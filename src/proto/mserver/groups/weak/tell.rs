//! Views of a weak group, for the member interfaces here: what the facts come to, as a change if they allow it.
//!
//! ```text
//!   somebody came, behind all others           joined, a delta
//!   somebody went                              left; cut off: partitioned; else failed; a delta
//!   both, or somebody is back, or stands       merged, the whole
//!   before others, as it came elsewhere
//!   a member interface is here that was not    resync, the whole
//! ```

use super::super::effect::child_of;
use super::super::{GroupOut, Groups};
use super::Replica;
use crate::proto::group::{Applied, Delivery};
use crate::wire::group::{Content, Direct, Entry, Fact, MemberId, Reason, RequestId, Whole};
use std::collections::BTreeSet;

impl Replica {
    /// The last view that was told, with all that it says.
    pub(super) fn whole(&self, reason: Reason, causes: Vec<RequestId>) -> Direct {
        let (entries, qos) = (self.told.clone(), self.qos.clone());
        self.view(reason, causes, Content::Whole(Box::new(Whole { entries, next_gid: 0, qos })))
    }

    fn view(&self, reason: Reason, causes: Vec<RequestId>, content: Content) -> Direct {
        let (key, term, (number, digest, _)) = (self.key, self.term, self.last());
        Direct { key, term, number, digest, reason, causes, content }
    }

    /// Why the roster is not the one that was told, and what changed, if that says it all.
    fn difference(&self, now: &[Entry]) -> (Reason, Option<Content>) {
        let place = |entry: &Entry| (entry.id, entry.gid);
        let before: BTreeSet<(MemberId, u32)> = self.told.iter().map(place).collect();
        let after: BTreeSet<(MemberId, u32)> = now.iter().map(place).collect();
        let gone = self.told.iter().filter(|entry| !after.contains(&place(entry)));
        let gone: Vec<&Entry> = gone.collect();
        let stay = self.told.iter().filter(|entry| after.contains(&place(entry))).map(place);
        let came = now.iter().filter(|entry| !before.contains(&place(entry)));
        let came: Vec<Entry> = came.cloned().collect();
        let behind = stay.chain(came.iter().map(place)).eq(now.iter().map(place));
        let is_back = |entry: &Entry| {
            let fact = self.state.fact(entry.id);
            let live = fact.and_then(|fact| fact.live.as_ref());
            fact.is_some_and(|fact| fact.gone > 0) || live.is_some_and(|l| l.epoch as u32 > 0)
        };
        let whole = !behind || came.iter().any(is_back) || (!came.is_empty() && !gone.is_empty());
        if whole {
            return (Reason::Merged, None);
        }
        let facts: Vec<&Fact> = gone.iter().filter_map(|e| self.state.fact(e.id)).collect();
        let reason = match () {
            () if gone.is_empty() => Reason::Joined,
            () if facts.iter().any(|fact| fact.cut && fact.gone < Fact::DIED) => {
                Reason::Partitioned
            }
            () if facts.iter().all(|fact| fact.gone == Fact::LEFT) => Reason::Left,
            () => Reason::Failed,
        };
        let gone = gone.iter().map(|entry| entry.gid).collect();
        (reason, Some(Content::Delta { gone, came }))
    }
}

impl Groups {
    /// Tells the member interfaces here how the roster is now, if they were told otherwise. `anew`: in any case, the whole.
    pub(super) fn tell_weak(
        &mut self,
        inc: &RequestId,
        cause: Option<RequestId>,
        anew: bool,
        out: &mut Vec<GroupOut>,
    ) {
        let child_of = child_of(self.own(), self.lan.is_some());
        let Some(weak) = self.weak.get_mut(inc) else { return };
        let (now, mut views) = (weak.state.roster(), Vec::<Delivery>::new());
        let place = |entry: &Entry| (entry.id, entry.gid);
        if !anew && now.iter().map(place).eq(weak.told.iter().map(place)) {
            if now != weak.told {
                self.relay.repath(&weak.key, &now, child_of, &mut views);
                weak.told = now;
            }
            return self.deliver(views, out);
        }
        let (mut reason, change) = weak.difference(&now);
        let same = now.iter().map(place).eq(weak.told.iter().map(place));
        if weak.told.is_empty() && cause == Some(*inc) {
            reason = Reason::Created;
        } else if same {
            reason = Reason::Resync;
        }
        weak.told = now;
        if self.relay.known(&weak.key).is_none() {
            weak.number = weak.number.max(weak.floor);
        }
        weak.number = weak.number.saturating_add(1);
        weak.floor = weak.floor.max(weak.number);
        let causes: Vec<RequestId> = cause.into_iter().collect();
        let whole = weak.whole(reason, causes.clone());
        let told = match change.filter(|_| !anew && reason != Reason::Created) {
            Some(change) => weak.view(reason, causes.clone(), change),
            None => whole.clone(),
        };
        if self.relay.view(&told, &child_of, &mut views) == Applied::Gap {
            self.relay.view(&whole, &child_of, &mut views);
        }
        causes.into_iter().for_each(|cause| self.told(cause, *inc, out));
        self.deliver(views, out);
    }
}
