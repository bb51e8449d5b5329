//! The registry of a set: which groups it knows, and as what.
//!
//! ```text
//!   nothing ── Reserve ──> reserved ── Lead ──> above ── Adopt ──> core ── Lock ──> locked ── Moved ──> nothing, above
//!      └────── Create, Adopt ────────────────────────────────────────^ <── Unlock ────┘
//!      └────── Claim ──> claimed ── Rebuild ─────────────────────────┘
//! ```
//!
//! * reserved: the name is taken for a group that is being created below;
//! * core: this set decides;
//! * above: the core lies in the subtree of one of our mservers; we keep the name;
//! * suspended: that mserver is gone; whoever leads there next says so soon, and the name waits;
//! * lost: that mserver is gone. The name blocks nobody;
//! * claimed: the core is lost, and those below say what they know, that it may be rebuilt.

use super::names::{again, waiting};
use crate::wire::group::{
    Call, Content, Core, Direct, Entry, GroupKey, GroupOp, Last, Name, Reason, Refusal, Request,
    RequestId, Scope,
};
pub use crate::wire::group::{Lock, Record, Role};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Groups that have ended and are remembered by a set.
const ENDED: usize = 256;

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
        /// A view says so too, to all members.
        by_view: bool,
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
    /// The core is in the subtree of one of us; the sets above are to know.
    Led {
        /// Of which group.
        key: GroupKey,
        /// In which term.
        term: u32,
        /// Up to where the name is kept.
        scope: Scope,
    },
    /// Members are reached by other ways than before.
    Repath(Box<Core>),
    /// What is known of a group that nobody decides is being gathered.
    Claimed(GroupKey),
    /// A change waits for others: no longer than the creator of the group chose.
    Gathering(GroupKey),
    /// The core of the same group is below that mserver, and elsewhere too: it must come up, and be merged.
    Rival {
        /// Which.
        key: GroupKey,
        /// Below whom.
        branch: SocketAddrV4,
    },
    /// A core is to come up, from here or, if it is deeper, to here.
    Summoned(GroupKey),
    /// The group of that incarnation is called so; its core is below that mserver.
    Rename {
        /// The incarnation, and the name.
        key: GroupKey,
        /// Below whom.
        branch: SocketAddrV4,
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

/// The groups that a set knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Registry {
    pub(super) records: BTreeMap<Name, Record>,
    /// Groups that are no more, and the term in which they ended: whoever was away meanwhile and still believes in one
    /// is wrong.
    pub(super) ended: BTreeMap<RequestId, u32>,
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
                let open = |r: &Record| {
                    matches!(r.role, Role::Reserved(_) | Role::Claimed(_)) && r.key == key
                };
                if self.get(key.full_name()).is_some_and(open) {
                    let before = self.records.remove(&key.full_name());
                    effects.extend(before.into_iter().map(waiting).flat_map(again));
                }
            }
            GroupOp::Create(request) => self.create(request, effects),
            GroupOp::Lead { key, term, branch, scope, roams } => {
                let (last, role) = (Last::default(), Role::Above(branch));
                self.lead(Record { key, term, scope, roams, last, role }, branch, effects);
            }
            GroupOp::Rename { key } => self.rename(&key, effects),
            GroupOp::Summon { key } => effects.push(Effect::Summoned(key)),
            GroupOp::Forget { key, term } => self.forget(key, term, effects),
            GroupOp::Lock { key, term, carrier } => self.lock(key, term, carrier, effects),
            GroupOp::Unlock { key, term } => self.unlock(key, term, effects),
            GroupOp::Adopt { core, rider, id } => self.adopt(*core, rider, id, effects),
            GroupOp::Moved { key, term, down } => self.moved(key, term, down, effects),
            GroupOp::Cut { branches, all, cause } => self.cut(&branches, all, cause, effects),
            GroupOp::Claim(request) => self.claim(request, effects),
            GroupOp::Rebuild { key } => self.rebuild(&key, effects),
            GroupOp::Gathered { key, first } => self.gathered_since(&key, first, effects),
            // Which registry counts, its keeper knows: it is about whole ones.
            GroupOp::Reset => {}
        }
    }

    /// Mservers are gone with a view of the set: what was being created behind them is not. What they led, and the
    /// members behind them, are marked, and stay until it is clear that nobody comes back another way
    /// ([`GroupOp::Cut`]).
    pub fn lose(&mut self, gone: &[SocketAddrV4]) {
        self.records.retain(|_, record| match &record.role {
            Role::Reserved(request) => {
                !request.path.first().is_some_and(|branch| gone.contains(branch))
            }
            _ => true,
        });
        for record in self.records.values_mut() {
            match &mut record.role {
                Role::Above(branch) if gone.contains(branch) => {
                    record.role = Role::Suspended(*branch);
                }
                Role::Core { core, .. } => {
                    let behind = |e: &&mut Entry| e.path.first().is_some_and(|b| gone.contains(b));
                    core.roster.iter_mut().filter(behind).for_each(|entry| entry.lost = true);
                    core.lose_gathered(gone);
                }
                _ => {}
            }
        }
    }

    fn reserve(&mut self, request: Request, effects: &mut Vec<Effect>) {
        let key = new_key(&request);
        match self.get(key.full_name()) {
            Some(Record { role: Role::Lost, .. }) | None => {
                let role = Role::Reserved(Box::new(request.clone()));
                let (scope, roams) = (scope_of(&request), false);
                let record = Record { key, term: 0, scope, roams, last: Last::default(), role };
                self.records.insert(key.full_name(), record);
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
            !ours && !record.is_over()
        };
        if self.get(key.full_name()).is_some_and(taken) {
            return self.call(request, effects);
        }
        let Call::Join { qos, .. } = &request.call else {
            let (request, outcome) = (Box::new(request), Err(Refusal::NotFound));
            return effects.push(Effect::Answer { request, outcome, by_view: false });
        };
        let core = Core {
            key,
            qos: qos.clone(),
            term: 1,
            number: 0,
            roster: Vec::new(),
            next_gid: 0,
            done: Vec::new(),
            departed: Vec::new(),
            gathered: Vec::new(),
        };
        self.decide(core);
        self.call(request, effects);
        effects.push(Effect::Settled { key, term: 1 });
    }

    fn forget(&mut self, key: GroupKey, term: u32, effects: &mut Vec<Effect>) {
        let older = |r: &Record| r.term <= term && !matches!(r.role, Role::Core { .. });
        if self.find(&key).is_some_and(older) {
            self.end(&key, term);
            // Whoever is above us kept the name because of us.
            effects.push(Effect::Ended { key, term });
        }
    }

    /// Members behind lost mservers leave in one view, of all groups that have such; what these led is lost. Those who
    /// may find another way are waited for until `all`.
    fn cut(
        &mut self,
        branches: &[SocketAddrV4],
        all: bool,
        cause: RequestId,
        effects: &mut Vec<Effect>,
    ) {
        let keys: Vec<GroupKey> = self.records.values().map(|record| record.key).collect();
        for key in keys {
            let Some(record) = self.records.get_mut(&key.full_name()) else { continue };
            let led = matches!(&record.role, Role::Suspended(branch) if branches.contains(branch));
            if led && (all || !record.roams) {
                record.role = Role::Lost;
            }
            let Some((core, lock)) = self.core_of(&key) else { continue };
            if lock.as_ref().is_some_and(|lock| !branches.contains(&lock.carrier)) {
                // It is on its way; whoever carries it sees to those below who are gone.
                continue;
            }
            let waits = |e: &Entry| !all && (e.roams || e.path.len() > 1);
            let behind = |e: &Entry| e.path.first().is_some_and(|b| branches.contains(b));
            let off = |e: &&Entry| e.lost && behind(e) && !waits(e);
            let gone: Vec<Entry> = core.roster.iter().filter(off).cloned().collect();
            // A move that such a one carried has come to nothing with it.
            let carrier = lock.as_ref().filter(|lock| branches.contains(&lock.carrier));
            if let Some(term) = carrier.filter(|_| all).map(|lock| lock.term) {
                self.unlock(key, term, effects);
            }
            self.cut_off(&key, gone, (vec![cause], !all), effects);
        }
    }

    /// The group is no more. Of many that ended, those are forgotten first that were created first.
    pub(super) fn end(&mut self, key: &GroupKey, term: u32) {
        let record = self.name_of(key).and_then(|name| self.records.remove(&name));
        self.bury(key.inc, record.map_or(term, |record| record.term.max(term)));
    }

    pub(super) fn bury(&mut self, inc: RequestId, term: u32) {
        let known = self.ended.entry(inc).or_default();
        *known = term.max(*known);
        if self.ended.len() > ENDED
            && let Some(oldest) = self.ended.keys().copied().min_by_key(|id| (id.number, *id))
        {
            self.ended.remove(&oldest);
        }
    }

    /// Whether a group went on, with that term, after all that is known here to have ended of it.
    pub(super) fn outlives(&mut self, key: &GroupKey, term: u32) -> bool {
        let ended = self.ended.get(&key.inc).is_some_and(|ended| term <= *ended);
        if !ended {
            self.ended.remove(&key.inc);
        }
        !ended
    }

    /// The group is decided here no more, and perhaps elsewhere.
    pub(super) fn set_lost(&mut self, key: &GroupKey, term: u32, last: Last) {
        let Some(record) = self.record_of(key) else { return };
        (record.term, record.role, record.last) = (record.term.max(term), Role::Lost, last);
    }

    /// The group is decided here from now on.
    pub(super) fn decide(&mut self, core: Core) {
        let (key, term, scope) = (core.key, core.term, core.qos.name_scope);
        let role = Role::Core { core: Box::new(core), lock: None };
        self.records.insert(
            key.full_name(),
            Record { key, term, scope, roams: false, last: Last::default(), role },
        );
    }

    pub(super) fn set_term(&mut self, key: &GroupKey, term: u32) {
        if let Some(record) = self.record_of(key) {
            record.term = term;
        }
    }

    pub(super) fn record_of(&mut self, key: &GroupKey) -> Option<&mut Record> {
        let name = self.name_of(key)?;
        self.records.get_mut(&name)
    }

    /// The group of exactly that incarnation, if it is decided here.
    pub(super) fn core_of(
        &mut self,
        key: &GroupKey,
    ) -> Option<(&mut Core, &mut Option<Box<Lock>>)> {
        match &mut self.record_of(key)?.role {
            Role::Core { core, lock } => Some((core, lock)),
            _ => None,
        }
    }
}

/// Up to where the name is to be kept that a request creates.
fn scope_of(request: &Request) -> Scope {
    match &request.call {
        Call::Join { qos, .. } => qos.name_scope,
        _ => Scope::Top,
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
