//! Changes at about the same time become one view, where the creator of the group chose so (HIERARCHY: `batch`).
//!
//! ```text
//!   join, leave, failure ──> gathered ── N of them are there ────────────────────────────> one view
//!                               └── the first: Gathering ── T later: GATHERED, agreed on ──┘
//!   whatever else happens to the group ── the view of what was gathered, then that
//! ```
//!
//! What was gathered is in the record, so that whoever of the set is left goes on with it. Requests are done with the
//! view and not before: one that comes again meanwhile is the one that waits. Only what changes something waits; a
//! refusal does not. A member that comes with a view goes with a later one, and is told both.

use super::names::again;
use super::registry::{Effect, Registry, delta};
use crate::wire::group::{
    Call, Core, Entry, GroupKey, MemberId, Order, Reason, Refusal, Request, RequestId,
};
use std::net::SocketAddrV4;

/// Changes that wait at the most, whatever the creator of a group chose.
const MOST: usize = 1024;

impl Registry {
    /// A request that may have to wait for others. It comes back if it does not.
    pub(super) fn gather(
        &mut self,
        key: &GroupKey,
        request: Request,
        effects: &mut Vec<Effect>,
    ) -> Option<Request> {
        let (core, _) = self.core_of(key)?;
        if let Some(known) = core.gathered.iter_mut().find(|known| known.id == request.id) {
            // It may come by another way than before.
            if known.registration <= request.registration {
                *known = request;
            }
            return None;
        }
        let gathers = core.gathers();
        let reads = matches!(request.call, Call::View);
        if core.gathered.is_empty() || reads || core.has_lost() {
            // Nobody has to make room for it.
        } else if !gathers || named(&request.call).is_none_or(|who| core.is_awaited(&who)) {
            self.gathered(key, effects);
            // What it is about may be over with that view.
            self.call(request, effects);
            return None;
        }
        let (core, _) = self.core_of(key)?;
        if !gathers || !core.is_changed_by(&request.call) {
            return Some(request);
        }
        core.gathered.push(request);
        if core.gathered.len() >= MOST.min(core.qos.batch.into()) {
            self.gathered(key, effects);
        } else if core.gathered.len() == 1 {
            effects.push(Effect::Gathering(*key));
        }
        None
    }

    /// The time is up for changes of which that was the first.
    pub(super) fn gathered_since(
        &mut self,
        key: &GroupKey,
        first: RequestId,
        effects: &mut Vec<Effect>,
    ) {
        let Some((core, _)) = self.core_of(key) else { return };
        if core.gathered.first().is_some_and(|request| request.id == first) {
            self.gathered(key, effects);
        }
    }

    /// What was gathered becomes a view; not while it is unclear who is cut off.
    pub(super) fn gathered(&mut self, key: &GroupKey, effects: &mut Vec<Effect>) {
        let Some((core, _)) = self.core_of(key) else { return };
        if core.has_lost() || core.gathered.is_empty() {
            return;
        }
        let requests = std::mem::take(&mut core.gathered);
        let (mut gone, mut came, mut reason) = (Vec::new(), Vec::new(), Reason::Joined);
        let (mut causes, mut answers) = (Vec::new(), Vec::new());
        for request in requests {
            let outcome = core.carry_out(&request, (&mut gone, &mut came, &mut reason));
            let by_view = outcome == Ok(true);
            if by_view {
                causes.push(request.id);
            }
            let (request, outcome) = (Box::new(request), outcome.map(drop));
            answers.push(Effect::Answer { request, outcome, by_view });
        }
        if !causes.is_empty() {
            core.number = core.number.saturating_add(1);
            let direct = delta(core, reason, causes, (&gone, &came));
            let (ended, term) = (core.roster.is_empty(), core.term);
            effects.push(Effect::View { direct, core: Box::new(core.clone()), gone });
            if ended {
                self.end(key, term);
                effects.push(Effect::Ended { key: *key, term });
            }
        }
        effects.append(&mut answers);
    }
}

impl Core {
    /// Whether changes wait for others here. The first member of a group waits for nobody.
    fn gathers(&self) -> bool {
        let chosen = self.qos.batch > 1 && self.qos.batch_ms > 0;
        chosen && self.qos.order == Order::Strong && !self.roster.is_empty()
    }

    /// Whether something that waits is about one of those.
    fn is_awaited(&self, who: &[MemberId]) -> bool {
        let mut all = self.gathered.iter().filter_map(|request| named(&request.call)).flatten();
        all.any(|member| who.contains(&member))
    }

    fn is_changed_by(&self, call: &Call) -> bool {
        match (call, named(call)) {
            (Call::Join { mode, member, .. }, Some(_)) => {
                self.entry(*member).is_none() && self.refuses_to_join(*mode).is_none()
            }
            (_, Some(members)) => members.iter().any(|member| self.entry(*member).is_some()),
            (_, None) => false,
        }
    }

    /// One of the requests that become a view; whether it has a part in that.
    fn carry_out(
        &mut self,
        request: &Request,
        (gone, came, reason): (&mut Vec<Entry>, &mut Vec<Entry>, &mut Reason),
    ) -> Result<bool, Refusal> {
        let goes = match &request.call {
            Call::Join { member, mode, .. } => {
                if self.entry(*member).is_some() {
                    // The other side of a partition had let it in.
                    return Ok(false);
                }
                self.refuses_to_join(*mode).map_or(Ok(()), Err)?;
                came.extend(Entry::of_join(request).map(|entry| self.admit(entry)));
                self.set_done(request.id, request.oldest);
                return Ok(true);
            }
            Call::Leave { member } => {
                let goes: Vec<Entry> = self.entry(*member).cloned().into_iter().collect();
                if goes.is_empty() {
                    return Err(Refusal::NotMember);
                }
                goes
            }
            Call::Fail { members, .. } => self.failed(request, members),
            Call::Merge { .. } | Call::Split { .. } | Call::View | Call::Here(_) => Vec::new(),
        };
        self.set_done(request.id, request.oldest);
        let left = matches!(request.call, Call::Leave { .. });
        // Of several reasons that is told which others may have to do something about.
        *reason = match left && *reason != Reason::Failed {
            _ if goes.is_empty() => *reason,
            true => Reason::Left,
            false => Reason::Failed,
        };
        self.roster.retain(|entry| !goes.iter().any(|one| one.id == entry.id));
        self.set_departed(&goes, left);
        let changed = !goes.is_empty();
        gone.extend(goes);
        Ok(changed)
    }

    /// The members of another side, and what waits there, come to ours.
    pub(super) fn gather_from(&mut self, other: &Core) {
        for request in &other.gathered {
            if !self.gathered.iter().any(|known| known.id == request.id) {
                self.gathered.push(request.clone());
            }
        }
        let waiting = std::mem::take(&mut self.gathered);
        self.gathered = waiting.into_iter().filter(|request| !self.is_done(request.id)).collect();
    }

    /// Mservers are gone: who was to come by way of one comes by another one, and asks there.
    pub(super) fn lose_gathered(&mut self, gone: &[SocketAddrV4]) {
        self.gathered.retain(|request| {
            let behind = request.path.first().is_some_and(|branch| gone.contains(branch));
            !behind || !matches!(request.call, Call::Join { .. })
        });
    }

    /// The group ends here: what waits looks for where it goes on.
    pub(super) fn give_up_gathered(&mut self) -> impl Iterator<Item = Effect> + use<> {
        again(std::mem::take(&mut self.gathered))
    }
}

/// The members that a call is about which may wait for others; of any other call nothing.
fn named(call: &Call) -> Option<Vec<MemberId>> {
    match call {
        Call::Join { member, .. } | Call::Leave { member } => Some(vec![*member]),
        Call::Fail { members, cut: false } => Some(members.clone()),
        Call::Fail { cut: true, .. }
        | Call::Merge { .. }
        | Call::Split { .. }
        | Call::View
        | Call::Here(_) => None,
    }
}
