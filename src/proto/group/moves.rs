//! The core moves: locked in the set that it leaves, adopted in the one that it comes to, and then no more in the former.

use super::names::{again, led, waiting};
use super::registry::{Effect, Registry, direct};
use super::sides::{Meeting, meet, tell_kept};
use crate::wire::group::{Core, GroupKey, Lock, Reason, Record, Request, RequestId, Role};
use std::net::SocketAddrV4;

impl Registry {
    pub(super) fn lock(
        &mut self,
        key: GroupKey,
        term: u32,
        carrier: SocketAddrV4,
        effects: &mut Vec<Effect>,
    ) {
        // It moves with what waits done.
        self.gathered(&key, effects);
        let Some((core, lock)) = self.core_of(&key) else { return };
        if term <= core.term || lock.is_some() || core.has_lost() {
            return;
        }
        *lock = Some(Box::new(Lock { term, carrier, waiting: Vec::new() }));
        let core = Box::new(core.clone());
        effects.push(Effect::Locked { core, term, carrier });
    }

    pub(super) fn unlock(&mut self, key: GroupKey, term: u32, effects: &mut Vec<Effect>) {
        let Some((core, lock)) = self.core_of(&key) else { return };
        if lock.as_ref().is_some_and(|lock| lock.term == term) {
            let waiting = lock.take().map(|lock| lock.waiting).unwrap_or_default();
            // Whoever still carries the old record of that term comes too late everywhere.
            core.term = term;
            self.set_term(&key, term);
            waiting.into_iter().for_each(|request| self.call(request, effects));
        }
    }

    /// The core comes here. Where another side of the same group is decided already, they become one.
    pub(super) fn adopt(
        &mut self,
        mut core: Core,
        rider: Option<Box<Request>>,
        id: RequestId,
        effects: &mut Vec<Effect>,
    ) {
        let called = core.key;
        let free = self.name_adopted(&mut core.key);
        let key = core.key;
        if key != called {
            // Its members know it by another name: they hear of this one.
            core.number = core.number.saturating_add(1);
        }
        let free = free && self.outlives(&key, core.term);
        core.set_done(id, 0);
        match self.records.get_mut(&key.full_name()).filter(|record| record.key.inc == key.inc) {
            _ if !free => {
                effects.push(Effect::Stale(key));
                return effects.extend(rider.map(Effect::Again));
            }
            Some(Record { term, role: Role::Core { core: here, lock }, .. }) => {
                let mut apart = None;
                if lock.is_none() && !here.is_done(id) {
                    here.set_done(id, 0);
                    let reason = match meet(here, &core) {
                        Meeting::One(core) => {
                            *here = core;
                            Reason::Merged
                        }
                        Meeting::Two { keeps, goes } => {
                            *here = keeps;
                            apart = Some(goes);
                            Reason::Resync
                        }
                    };
                    *term = here.term;
                    tell_kept(here, reason, effects);
                } else {
                    effects.push(Effect::Settled { key, term: *term });
                }
                apart.into_iter().for_each(|goes| self.set_apart(goes, effects));
            }
            Some(record) => {
                let is_new =
                    core.term > record.term || matches!(record.role, Role::Claimed(_) | Role::Lost);
                if !is_new {
                    effects.push(Effect::Stale(key));
                    return effects.extend(rider.map(Effect::Again));
                }
                self.settle(core, called, effects);
            }
            None => self.settle(core, called, effects),
        }
        if let Some(request) = rider {
            self.call(*request, effects);
        }
    }

    fn settle(&mut self, core: Core, called: GroupKey, effects: &mut Vec<Effect>) {
        let (key, term) = (core.key, core.term);
        let before = self.records.remove(&key.full_name());
        if key != called {
            let direct = direct(&core, Reason::Resync, Vec::new(), core.whole());
            let core = Box::new(core.clone());
            effects.push(Effect::View { direct, core, gone: Vec::new() });
        }
        self.decide(core);
        effects.push(Effect::Settled { key, term });
        effects.extend(before.into_iter().map(waiting).flat_map(again));
    }

    pub(super) fn moved(
        &mut self,
        key: GroupKey,
        term: u32,
        down: Option<SocketAddrV4>,
        effects: &mut Vec<Effect>,
    ) {
        let Some((_, lock)) = self.core_of(&key) else { return };
        if lock.as_ref().is_none_or(|lock| lock.term != term) {
            return;
        }
        let waiting = lock.take().map(|lock| lock.waiting).unwrap_or_default();
        let record = self.name_of(&key).and_then(|name| self.records.remove(&name));
        if let (Some(branch), Some(record)) = (down, record) {
            let record = led(Record { term, ..record }, branch);
            effects.push(Effect::Led { key: record.key, term, scope: record.scope });
            self.records.insert(record.key.full_name(), record);
        }
        effects.extend(again(waiting));
    }
}
