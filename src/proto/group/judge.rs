//! Rule 1: whether a side of a partition lives (IV.E.2; HIERARCHY: partitions and the two rules).
//!
//! ```text
//!   members are cut off ──> those who stay, judged ──┬─ they live ─────────> one view, partitioned
//!                                                    ├─ somebody is waited for: later
//!                                                    └─ they do not ───────> terminated: all are told, the name is free
//! ```
//!
//! The judgement is part of the very operation that cuts off, so that nobody sees a view of a side that may not live. What
//! tells the members is a DIRECT without anybody in it: an end, and not a view. The record stays as one that is lost,
//! with nobody in its last view: whoever still claims the group, because that DIRECT was lost, is told the same again.

use super::names::again;
use super::registry::{Effect, Registry, delta, direct};
use crate::proto::qos::Side;
use crate::wire::group::{Core, Entry, GroupKey, Last, Name, Reason, Refusal, Request, RequestId};

impl Core {
    /// Whether the group may go on with these, and nobody else.
    pub(super) fn lives_with(&self, roster: &[Entry]) -> bool {
        self.qos.survives(&Side { roster, majority: false })
    }
}

impl Last {
    /// Whether that side of the group was terminated: views of other sides that are as late are not its own.
    pub(super) fn is_end_of(&self, number: u32) -> bool {
        self.is_end() && self.number > number
    }

    /// Whether the last view is that of an end: nobody is in it.
    pub(super) fn is_end(&self) -> bool {
        self.number > 0 && self.roster.is_empty()
    }
}

impl Registry {
    /// Whether the group of that name was terminated here, and there is no other of that name since.
    pub fn is_terminated(&self, name: Name) -> bool {
        self.get(name).is_some_and(|record| record.is_over() && record.last.is_end())
    }

    /// These are cut off, and the others judged. `may_wait`: somebody may be found by another way, who could make up for
    /// them; then nobody is judged to death yet.
    pub(super) fn cut_off(
        &mut self,
        key: &GroupKey,
        gone: Vec<Entry>,
        (causes, may_wait): (Vec<RequestId>, bool),
        effects: &mut Vec<Effect>,
    ) {
        let Some((core, lock)) = self.core_of(key) else { return };
        if gone.is_empty() {
            return;
        }
        let stays: Vec<Entry> =
            core.roster.iter().filter(|entry| !gone.contains(entry)).cloned().collect();
        // Where nobody stays there is nobody to judge: the group is decided elsewhere, if anywhere.
        if stays.is_empty() || core.lives_with(&stays) {
            return self.remove(key, gone, (Reason::Partitioned, causes), effects);
        }
        let is_open = lock.is_some() || stays.iter().any(|entry| entry.lost);
        if !(may_wait && is_open) {
            self.terminate(key, causes, effects);
        }
    }

    /// The side ends: all of it are told, and those who were cut off with it.
    fn terminate(&mut self, key: &GroupKey, causes: Vec<RequestId>, effects: &mut Vec<Effect>) {
        let Some((core, lock)) = self.core_of(key) else { return };
        let waiting = lock.take().map(|lock| lock.waiting).unwrap_or_default();
        let gone = std::mem::take(&mut core.roster);
        core.number = core.number.saturating_add(1);
        let direct = delta(core, Reason::Terminated, causes, (&gone, &[]));
        let (key, term, number) = (core.key, core.term, core.number);
        let core = Box::new(core.clone());
        effects.push(Effect::View { direct, core, gone });
        self.set_lost(&key, term, Last { number, roster: Vec::new() });
        effects.push(Effect::Ended { key, term });
        effects.extend(again(waiting));
    }

    /// What was claimed is no side that may live: those who claimed it are told.
    pub(super) fn end_claimed(
        &mut self,
        mut core: Core,
        claims: Vec<Request>,
        effects: &mut Vec<Effect>,
    ) {
        core.roster.clear();
        core.number = core.number.saturating_add(1);
        // Nobody decides in the term that it was given: another side that lives, at that of all, is not older.
        core.term = core.term.saturating_sub(1);
        let causes = claims.iter().map(|claim| claim.id).collect();
        let direct = direct(&core, Reason::Terminated, causes, core.whole());
        let (key, term, number) = (core.key, core.term, core.number);
        effects.push(Effect::View { direct, core: Box::new(core), gone: Vec::new() });
        self.set_lost(&key, term, Last { number, roster: Vec::new() });
        effects.push(Effect::Ended { key, term });
        for request in claims {
            let (request, outcome) = (Box::new(request), Err(Refusal::Terminated));
            effects.push(Effect::Answer { request, outcome, by_view: false });
        }
    }
}
