//! The registry of a set: which groups it knows, and as what.
//!
//! ```text
//!   nothing ── Reserve ──> reserved ── Lead ──> above ── Adopt ──> core ── Lock ──> locked ── Moved ──> nothing, above
//!      └────── Create, Adopt ────────────────────────────────────────^ <── Unlock ────┘
//! ```
//!
//! * reserved: the name is taken for a group that is being created below;
//! * core: this set decides;
//! * above: the core lies in the subtree of one of our mservers; we keep the name;
//! * lost: that mserver is gone. The name blocks nobody.

use crate::name::GroupName;
use crate::wire::group::{
    Content, Core, Direct, Entry, GroupKey, GroupOp, Reason, Refusal, Request, RequestId,
};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// The move that a record waits for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lock {
    /// The term that it moves with.
    pub term: u32,
    /// The mserver that carries it.
    pub carrier: SocketAddrV4,
    /// Calls that came meanwhile, in the order that was agreed on.
    pub waiting: Vec<Request>,
}

/// What a set is to a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// The name is taken for a creation below.
    Reserved(Box<Request>),
    /// We decide.
    Core {
        /// Everything there is about it.
        core: Box<Core>,
        /// The move under way.
        lock: Option<Box<Lock>>,
    },
    /// The core is in that one's subtree.
    Above(SocketAddrV4),
    /// It was in the subtree of a mserver that is gone.
    Lost,
}

/// A group as a set knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Record {
    /// Which.
    pub key: GroupKey,
    /// The highest term that we heard of.
    pub term: u32,
    /// What we are to it.
    pub role: Role,
}

/// What follows from an operation, for whom it concerns.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// A view, for all mservers of the set that have members of it behind them, before or after.
    View {
        /// What to send.
        direct: Direct,
        /// All members, and their paths.
        core: Box<Core>,
        /// Members that are in it no more: they are told as well.
        gone: Vec<Entry>,
    },
    /// A request is answered; whoever it came by passes it on.
    Answer {
        /// Which, and the way back.
        request: Box<Request>,
        /// What became of it.
        outcome: Result<(), Refusal>,
    },
    /// A request that was done before is asked again: its sender is to be shown the view.
    Show {
        /// Which, and the way back.
        request: Box<Request>,
        /// The group.
        core: Box<Core>,
    },
    /// A request must look for the core again.
    Again(Box<Request>),
    /// A request must wait for another creation of this name.
    Wait(Box<Request>),
    /// The name is reserved; the group is to be created on the way that the request came by.
    Reserved(Box<Request>),
    /// The record does not change any more; its carrier takes it to where it goes.
    Locked {
        /// As it is.
        core: Box<Core>,
        /// The term that it goes with.
        term: u32,
        /// Who takes it.
        carrier: SocketAddrV4,
    },
    /// The core is here now; the sets above, or the one that it came from, are to know.
    Settled {
        /// Which.
        key: GroupKey,
        /// In which term.
        term: u32,
    },
    /// An Adopt or a Lead came too late: the sender's record is older than ours.
    Stale(GroupKey),
    /// The group has ended here; the sets above are to forget its name.
    Ended {
        /// Which.
        key: GroupKey,
        /// In which term.
        term: u32,
    },
}

/// Full name of a group: what tells records apart.
pub type Name = (GroupName, Option<u32>);

/// The groups that a set knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Registry {
    pub(super) records: BTreeMap<Name, Record>,
}

impl GroupKey {
    /// Its full name.
    pub fn full_name(&self) -> Name {
        (self.name, self.suffix)
    }
}

impl Registry {
    /// The record of that name.
    pub fn get(&self, name: Name) -> Option<&Record> {
        self.records.get(&name)
    }

    /// All records, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// One operation, agreed on: what follows from it.
    pub fn apply(&mut self, op: GroupOp, effects: &mut Vec<Effect>) {
        match op {
            GroupOp::Call(request) => self.call(request, effects),
            GroupOp::Reserve(request) => self.reserve(request, effects),
            GroupOp::Release { key } => {
                let reserved = |r: &Record| matches!(r.role, Role::Reserved(_)) && r.key == key;
                if self.get(key.full_name()).is_some_and(reserved) {
                    self.records.remove(&key.full_name());
                }
            }
            GroupOp::Create(request) => self.create(request, effects),
            GroupOp::Lead { key, term, branch } => self.lead(key, term, branch, effects),
            GroupOp::Forget { key, term } => self.forget(key, term, effects),
            GroupOp::Lock { key, term, carrier } => self.lock(key, term, carrier, effects),
            GroupOp::Unlock { key, term } => self.unlock(key, term, effects),
            GroupOp::Adopt { core, rider } => self.adopt(*core, rider, effects),
            GroupOp::Moved { key, term, down } => self.moved(key, term, down, effects),
            GroupOp::Cut { branches, cause } => self.cut(&branches, cause, effects),
            GroupOp::Path { mi, path } => self.path(mi, &path),
        }
    }

    /// Mservers are gone with a view of the set: what they led is lost, what was being created behind them is not.
    pub fn lose(&mut self, gone: &[SocketAddrV4]) {
        self.records.retain(|_, record| match &record.role {
            Role::Reserved(request) => {
                !request.path.first().is_some_and(|branch| gone.contains(branch))
            }
            Role::Core { .. } | Role::Above(_) | Role::Lost => true,
        });
        for record in self.records.values_mut() {
            if matches!(&record.role, Role::Above(branch) if gone.contains(branch)) {
                record.role = Role::Lost;
            }
        }
    }

    fn reserve(&mut self, request: Request, effects: &mut Vec<Effect>) {
        let key = new_key(&request);
        match self.get(key.full_name()) {
            Some(Record { role: Role::Lost, .. }) | None => {
                let role = Role::Reserved(Box::new(request.clone()));
                self.records.insert(key.full_name(), Record { key, term: 0, role });
                effects.push(Effect::Reserved(Box::new(request)));
            }
            // Asked again, perhaps by another way: it goes on from here.
            Some(Record { role: Role::Reserved(first), .. }) if first.id == request.id => {
                effects.push(Effect::Reserved(Box::new(request)));
            }
            Some(Record { role: Role::Reserved(_), .. }) => {
                effects.push(Effect::Wait(Box::new(request)));
            }
            // It exists by now: whether that is good, its core says.
            Some(_) => effects.push(Effect::Again(Box::new(request))),
        }
    }

    fn create(&mut self, request: Request, effects: &mut Vec<Effect>) {
        let key = new_key(&request);
        let taken = |record: &Record| {
            let ours = matches!(&record.role, Role::Reserved(first) if first.id == request.id);
            !ours && record.role != Role::Lost
        };
        if self.get(key.full_name()).is_some_and(taken) {
            return self.call(request, effects);
        }
        let crate::wire::group::Call::Join { qos, .. } = &request.call else {
            let outcome = Err(Refusal::NotFound);
            return effects.push(Effect::Answer { request: Box::new(request), outcome });
        };
        let core = Core {
            key,
            qos: qos.clone(),
            term: 1,
            number: 0,
            roster: Vec::new(),
            next_gid: 0,
            done: Vec::new(),
        };
        let role = Role::Core { core: Box::new(core), lock: None };
        self.records.insert(key.full_name(), Record { key, term: 1, role });
        self.call(request, effects);
        effects.push(Effect::Settled { key, term: 1 });
    }

    fn lead(&mut self, key: GroupKey, term: u32, branch: SocketAddrV4, effects: &mut Vec<Effect>) {
        let new = Record { key, term, role: Role::Above(branch) };
        match self.records.get_mut(&key.full_name()) {
            None => {
                self.records.insert(key.full_name(), new);
            }
            Some(record) if record.key.inc != key.inc => match record.role {
                Role::Lost => *record = new,
                _ => effects.push(Effect::Stale(key)),
            },
            Some(record) if matches!(record.role, Role::Reserved(_)) => *record = new,
            Some(record) if term > record.term || record.role == Role::Lost => *record = new,
            Some(record) if term == record.term && matches!(record.role, Role::Above(_)) => {
                *record = new;
            }
            Some(_) => effects.push(Effect::Stale(key)),
        }
    }

    fn forget(&mut self, key: GroupKey, term: u32, effects: &mut Vec<Effect>) {
        let older =
            |r: &Record| r.key == key && r.term <= term && !matches!(r.role, Role::Core { .. });
        if self.get(key.full_name()).is_some_and(older) {
            self.records.remove(&key.full_name());
            // Whoever is above us kept the name because of us.
            effects.push(Effect::Ended { key, term });
        }
    }

    fn lock(&mut self, key: GroupKey, term: u32, carrier: SocketAddrV4, effects: &mut Vec<Effect>) {
        let Some((core, lock)) = self.core_of(&key) else { return };
        if term <= core.term || lock.is_some() {
            return;
        }
        *lock = Some(Box::new(Lock { term, carrier, waiting: Vec::new() }));
        let core = Box::new(core.clone());
        effects.push(Effect::Locked { core, term, carrier });
    }

    fn unlock(&mut self, key: GroupKey, term: u32, effects: &mut Vec<Effect>) {
        let Some((_, lock)) = self.core_of(&key) else { return };
        if lock.as_ref().is_some_and(|lock| lock.term == term) {
            let waiting = lock.take().map(|lock| lock.waiting).unwrap_or_default();
            waiting.into_iter().for_each(|request| self.call(request, effects));
        }
    }

    fn adopt(&mut self, core: Core, rider: Option<Box<Request>>, effects: &mut Vec<Effect>) {
        let (key, term) = (core.key, core.term);
        let newer = |r: &Record| match &r.role {
            Role::Lost => true,
            _ => r.key.inc == key.inc && term > r.term,
        };
        if !self.get(key.full_name()).is_none_or(newer) {
            // What was carried here twice is here; anything else is older than what we know.
            let here = |r: &Record| r.key == key && r.term == term;
            let settled = self.get(key.full_name()).is_some_and(here);
            effects.push(match settled {
                true => Effect::Settled { key, term },
                false => Effect::Stale(key),
            });
            effects.extend(rider.map(Effect::Again));
            return;
        }
        let role = Role::Core { core: Box::new(core), lock: None };
        self.records.insert(key.full_name(), Record { key, term, role });
        effects.push(Effect::Settled { key, term });
        if let Some(request) = rider {
            self.call(*request, effects);
        }
    }

    fn moved(
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
        match down {
            Some(branch) => {
                let record = Record { key, term, role: Role::Above(branch) };
                self.records.insert(key.full_name(), record);
            }
            None => {
                self.records.remove(&key.full_name());
            }
        }
        effects.extend(waiting.into_iter().map(|request| Effect::Again(Box::new(request))));
    }

    /// Members behind lost mservers leave in one view, of all groups that have such.
    fn cut(&mut self, branches: &[SocketAddrV4], cause: RequestId, effects: &mut Vec<Effect>) {
        let keys: Vec<GroupKey> = self.records.values().map(|record| record.key).collect();
        for key in keys {
            let Some((core, _)) = self.core_of(&key) else { continue };
            if core.is_done(cause) {
                continue;
            }
            core.set_done(cause);
            let behind = |e: &Entry| e.path.first().is_some_and(|branch| branches.contains(branch));
            let gone: Vec<Entry> = core.roster.iter().filter(|e| behind(e)).cloned().collect();
            self.remove(&key, gone, (Reason::Partitioned, vec![cause]), effects);
        }
    }

    fn path(&mut self, mi: crate::wire::coreset::Life, path: &[SocketAddrV4]) {
        for record in self.records.values_mut() {
            let Role::Core { core, .. } = &mut record.role else { continue };
            for entry in core.roster.iter_mut().filter(|entry| entry.id.mi == mi) {
                entry.path = path.to_vec();
            }
        }
    }

    /// The group of exactly that incarnation, if it is decided here.
    pub(super) fn core_of(
        &mut self,
        key: &GroupKey,
    ) -> Option<(&mut Core, &mut Option<Box<Lock>>)> {
        match self.records.get_mut(&key.full_name()) {
            Some(Record { key: found, role: Role::Core { core, lock }, .. }) if found == key => {
                Some((core, lock))
            }
            _ => None,
        }
    }
}

/// The key of the group that a request creates.
pub(super) fn new_key(request: &Request) -> GroupKey {
    GroupKey { name: request.group, suffix: None, inc: request.id }
}

/// A view as it goes to those who have the one before.
pub(super) fn delta(
    core: &Core,
    reason: Reason,
    causes: Vec<RequestId>,
    (gone, came): (&[Entry], &[Entry]),
) -> Direct {
    let content =
        Content::Delta { gone: gone.iter().map(|entry| entry.gid).collect(), came: came.to_vec() };
    direct(core, reason, causes, content)
}

/// A view with all that it says.
pub(super) fn direct(
    core: &Core,
    reason: Reason,
    causes: Vec<RequestId>,
    content: Content,
) -> Direct {
    let (key, term, number, digest) = (core.key, core.term, core.number, core.digest());
    Direct { key, term, number, digest, reason, causes, content }
}
