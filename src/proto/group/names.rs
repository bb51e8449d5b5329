//! Names of groups, and two groups that have one (HIERARCHY: partitions).
//!
//! ```text
//!   Lead of the same group      its core is below that mserver
//!     and here, or below another one as well   both come up, and are one group then
//!     and it has another name here             here and below it gets one name
//!   Lead of another group       the lower incarnation has the name, the other gets a suffix
//! ```
//!
//! Where the sets above and below disagree, whoever has a suffix keeps it: a name that was given up is not taken again.

use super::registry::{Effect, Record, Registry, Role, direct};
use crate::wire::group::{GroupKey, Last, Name, Reason, Request};
use std::net::SocketAddrV4;

impl Registry {
    /// The record of that incarnation, whatever the group is called here.
    pub fn find(&self, key: &GroupKey) -> Option<&Record> {
        self.records.get(&self.name_of(key)?)
    }

    /// What the group of that incarnation is called here.
    pub(super) fn name_of(&self, key: &GroupKey) -> Option<Name> {
        let is_it = |record: &Record| record.key.inc == key.inc;
        let name = key.full_name();
        if self.records.get(&name).is_some_and(is_it) {
            return Some(name);
        }
        let all = (key.name, None)..=(key.name, Some(u32::MAX));
        self.records.range(all).find(|(_, record)| is_it(record)).map(|(name, _)| *name)
    }

    /// A name that no group has, made of that one.
    pub(super) fn free(&self, (name, suffix): Name) -> Name {
        let taken = |name: &Name| self.records.get(name).is_some_and(|record| !record.is_over());
        let from = suffix.map_or(0, |suffix| suffix);
        let free = (from..=u32::MAX).map(|suffix| (name, Some(suffix))).find(|name| !taken(name));
        free.unwrap_or((name, Some(u32::MAX)))
    }

    /// Below the mserver `branch` of ours lies the core of a group.
    pub(super) fn lead(
        &mut self,
        mut new: Record,
        branch: SocketAddrV4,
        effects: &mut Vec<Effect>,
    ) {
        if !self.outlives(&new.key, new.term) || !self.agree_on_name(&mut new, branch, effects) {
            return effects.push(Effect::Stale(new.key));
        }
        let Record { key, term, scope, .. } = new;
        let known = self.get(key.full_name()).filter(|record| record.key.inc == key.inc);
        match known.map(|record| &record.role) {
            None | Some(Role::Reserved(_) | Role::Lost) => {}
            Some(Role::Above(other)) if *other != branch => {
                let rivals = [*other, branch];
                return effects.extend(rivals.map(|branch| Effect::Rival { key, branch }));
            }
            Some(Role::Core { core, lock }) => {
                let elsewhere = |entry: &crate::wire::group::Entry| {
                    !entry.lost && entry.path.first().is_none_or(|first| *first != branch)
                };
                match (core.roster.iter().any(elsewhere), lock) {
                    // Two sides of one group: they become one here.
                    (true, None) => return effects.push(Effect::Rival { key, branch }),
                    (false, _) if known.is_some_and(|known| term > known.term) => {}
                    _ => return effects.push(Effect::Stale(key)),
                }
            }
            Some(Role::Claimed(_)) => {
                if known.is_some_and(|known| term <= known.term) {
                    return effects.push(Effect::Stale(key));
                }
            }
            Some(Role::Above(_) | Role::Suspended(_)) => {
                if known.is_some_and(|known| term < known.term) {
                    return effects.push(Effect::Stale(key));
                }
            }
        }
        let before = self.records.insert(key.full_name(), new);
        effects.push(Effect::Led { key, term, scope });
        effects.extend(before.into_iter().map(waiting).flat_map(again));
    }

    /// One name for what has one below and another one here, and for two groups of one name. False if that is to wait.
    fn agree_on_name(
        &mut self,
        new: &mut Record,
        branch: SocketAddrV4,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let wanted = new.key.full_name();
        match self.name_of(&new.key) {
            Some(here) if here == wanted => return true,
            Some(here) if wanted > here && self.free(wanted) == wanted => {
                return self.rekey(here, wanted, effects);
            }
            Some(here) => {
                // Both may have names that the other cannot use: then the next higher one is tried.
                let least = here.1.max(wanted.1);
                let name = if here.1 == least { here } else { self.free((here.0, least)) };
                if !self.rekey(here, name, effects) {
                    return false;
                }
                new.key.suffix = name.1;
                effects.push(Effect::Rename { key: new.key, branch });
                return true;
            }
            None => {}
        }
        let other = self.get(wanted).filter(|record| !record.is_over()).map(|r| r.key.inc);
        match other {
            None => true,
            Some(other) if new.key.inc < other => self.make_way(wanted, effects),
            Some(_) => {
                new.key.suffix = self.free(wanted).1;
                effects.push(Effect::Rename { key: new.key, branch });
                true
            }
        }
    }

    /// Who has that name gets another one. False if it cannot have it now.
    pub(super) fn make_way(&mut self, name: Name, effects: &mut Vec<Effect>) -> bool {
        self.rekey(name, self.free(name), effects)
    }

    /// The group of that incarnation is called so from now on.
    pub(super) fn rename(&mut self, key: &GroupKey, effects: &mut Vec<Effect>) {
        let Some(here) = self.name_of(key) else { return };
        if here < key.full_name() {
            self.rekey(here, self.free(key.full_name()), effects);
        } else if here > key.full_name() {
            // Whoever wants that learns what it is called, and is right to follow.
            let Some(record) = self.get(here) else { return };
            let (key, term, scope) = (record.key, record.term, record.scope);
            effects.push(Effect::Led { key, term, scope });
        } else if let Some(Role::Above(branch)) = self.get(here).map(|record| &record.role) {
            effects.push(Effect::Rename { key: *key, branch: *branch });
        }
    }

    /// A record gets another name. False if it is on its way elsewhere: it is asked for again.
    fn rekey(&mut self, from: Name, to: Name, effects: &mut Vec<Effect>) -> bool {
        let locked = |record: &Record| matches!(&record.role, Role::Core { lock: Some(_), .. });
        if from == to {
            return true;
        }
        if self.get(from).is_none_or(locked) {
            return false;
        }
        self.give_name(from, to, effects);
        true
    }

    /// A record gets another name. If it is on its way elsewhere, its members hear of that from there.
    pub(super) fn give_name(&mut self, from: Name, to: Name, effects: &mut Vec<Effect>) {
        let Some(mut record) = self.records.remove(&from) else { return };
        (record.key.name, record.key.suffix) = to;
        let (key, term, scope) = (record.key, record.term, record.scope);
        match &mut record.role {
            Role::Core { core, lock } => {
                core.key = key;
                if lock.is_none() {
                    core.number = core.number.saturating_add(1);
                    let direct = direct(core, Reason::Resync, Vec::new(), core.whole());
                    effects.push(Effect::View { direct, core: core.clone(), gone: Vec::new() });
                    effects.push(Effect::Settled { key, term });
                }
            }
            Role::Above(branch) => {
                effects.push(Effect::Rename { key, branch: *branch });
                effects.push(Effect::Led { key, term, scope });
            }
            Role::Claimed(_) => effects.push(Effect::Claimed(key)),
            Role::Reserved(_) | Role::Suspended(_) | Role::Lost => {}
        }
        self.records.insert(to, record);
    }

    /// A core is to come here: by the name that the group has here. False if another group has that.
    pub(super) fn name_adopted(&self, key: &mut GroupKey) -> bool {
        if let Some((_, suffix)) = self.name_of(key) {
            key.suffix = suffix;
        }
        let other = self.get(key.full_name()).filter(|record| record.key.inc != key.inc);
        other.is_none_or(Record::is_over)
    }
}

/// A group that is led by a mserver of ours.
pub(super) fn led(record: Record, branch: SocketAddrV4) -> Record {
    Record { last: Last::default(), role: Role::Above(branch), ..record }
}

/// The requests that wait at a record which is no more.
pub(super) fn waiting(record: Record) -> Vec<Request> {
    match record.role {
        Role::Core { core, lock } => lock.map_or(core.gathered, |lock| lock.waiting),
        Role::Claimed(claims) => claims,
        _ => Vec::new(),
    }
}

/// They look for the core anew.
pub(super) fn again(requests: Vec<Request>) -> impl Iterator<Item = Effect> {
    requests.into_iter().map(|request| Effect::Again(Box::new(request)))
}
