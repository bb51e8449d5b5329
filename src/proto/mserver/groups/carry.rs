//! The core moves between the two sides of a mserver (IV.C.2.c).
//!
//! ```text
//!   up:    Lock (below) ──> Adopt (our peers), with the call that caused it ──> Moved (below)
//!   down:  Lock (our peers) ──> Adopt (below) ──> Moved (our peers)
//!   Adopt comes too late: Unlock
//! ```
//!
//! Whoever is in both sets carries the record. Every step is an agreed operation and may be proposed again; what is to be
//! done next follows from what both registries say, so a step that got lost is made up for.

use super::route::Step;
use super::{GroupOut, Groups, Side};
use crate::proto::group::{Lock, Role};
use crate::proto::mserver::groups::loss::Chore;
use crate::wire::group::{Core, GroupKey, GroupOp, Path, Request, RequestId};

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Peer => Side::Child,
            Side::Child => Side::Peer,
        }
    }
}

impl Groups {
    /// The core of a group below is to come up to our peers.
    pub(super) fn raise(&mut self, key: &GroupKey, out: &mut Vec<GroupOut>) {
        if let Some(term) = self.unlocked(Side::Child, key) {
            let above = self.registry(Side::Peer).and_then(|r| r.find(key)).map_or(0, |r| r.term);
            let (term, carrier) = (term.max(above).saturating_add(1), self.own());
            self.propose(Side::Child, GroupOp::Lock { key: *key, term, carrier }, out);
        }
    }

    /// The core of a group below, or deeper, is to come up to our peers: others decide it as well.
    pub(super) fn summon(&mut self, key: &GroupKey, out: &mut Vec<GroupOut>) {
        let Some(registry) = self.registry(Side::Child) else { return };
        match registry.find(key).map(|record| (record.key, &record.role)) {
            Some((key, Role::Core { .. })) if self.may_rise(registry, key) => self.raise(&key, out),
            Some((key, Role::Above(_))) => {
                self.propose(Side::Child, GroupOp::Summon { key }, out);
            }
            _ => {}
        }
    }

    /// The core of a group with members behind us alone is to go down to where they are.
    pub(super) fn sink(&mut self, key: &GroupKey, out: &mut Vec<GroupOut>) {
        let Some(term) = self.unlocked(Side::Peer, key) else { return };
        if self.is_sole_branch(key) {
            let (term, carrier) = (term.saturating_add(1), self.own());
            self.propose(Side::Peer, GroupOp::Lock { key: *key, term, carrier }, out);
        }
    }

    /// The term of a core that may be locked.
    fn unlocked(&self, side: Side, key: &GroupKey) -> Option<u32> {
        let record = self.registry(side)?.find(key)?;
        match &record.role {
            Role::Core { core, lock: None } => Some(core.term),
            _ => None,
        }
    }

    fn is_sole_branch(&self, key: &GroupKey) -> bool {
        let record = self.registry(Side::Peer).and_then(|r| r.find(key));
        match record.map(|record| &record.role) {
            Some(Role::Core { core, .. }) => core.is_behind(self.own()),
            _ => false,
        }
    }

    /// Members are behind us alone: after a while the core goes down, if they still are. It must not go up and down
    /// with every member that comes and goes.
    pub(super) fn judge_branches(&mut self, side: Side, core: &Core) {
        if side != Side::Peer {
            return;
        }
        let chore = Chore::Sink(core.key);
        match core.is_behind(self.own()) {
            true => self.chore(chore),
            false => drop(self.chores.remove(&chore)),
        }
    }

    /// A record is locked, and ours to carry to the other side.
    pub(super) fn carry(&mut self, from: Side, mut core: Core, term: u32, out: &mut Vec<GroupOut>) {
        let (own, key) = (self.own(), core.key);
        if from == Side::Peer && !core.is_behind(own) {
            // Somebody joined elsewhere before it was locked.
            return self.propose(from, GroupOp::Unlock { key, term }, out);
        }
        core.term = term;
        for entry in &mut core.roster {
            let path = match from {
                // One that was let in by us has us in its way already.
                Side::Child if entry.path.first() == Some(&own) => entry.path.to_vec(),
                Side::Child => [&[own], &entry.path[..]].concat(),
                Side::Peer => entry.path.get(1..).unwrap_or_default().to_vec(),
            };
            // We are there, and tell of those behind us who are not.
            (entry.path, entry.lost) = (path.into(), false);
        }
        Path::share(&mut core.roster);
        let rider = match from {
            Side::Child => self.rider(&core.key),
            Side::Peer => None,
        };
        let id = match self.moves.get(&key.inc) {
            Some((of, id)) if *of == term => *id,
            _ => {
                self.requests += 1;
                let id = RequestId { origin: self.me, number: self.requests };
                self.moves.insert(key.inc, (term, id));
                id
            }
        };
        let rider = rider.map(Box::new);
        self.propose(from.other(), GroupOp::Adopt { core: Box::new(core), rider, id }, out);
    }

    /// The first of the calls that wait for the core to come up: it is answered in the same change.
    fn rider(&mut self, key: &GroupKey) -> Option<Request> {
        let parent = self.parent();
        let pending = self.pending.values_mut().find(|p| {
            let waits = p.request.group == key.called() && p.step == Step::Raising;
            waits && !p.below && Some(p.from) != parent
        })?;
        pending.step = Step::Proposed(Side::Peer);
        Some(pending.request.clone())
    }

    fn lock_of_ours(&self, side: Side, key: &GroupKey) -> Option<&Lock> {
        let record = self.registry(side)?.find(key)?;
        match &record.role {
            Role::Core { lock: Some(lock), .. } if lock.carrier == self.own() => Some(lock),
            _ => None,
        }
    }

    /// The core is decided on that side now.
    pub(super) fn on_settled(
        &mut self,
        side: Side,
        key: GroupKey,
        term: u32,
        out: &mut Vec<GroupOut>,
    ) {
        let lock = self.lock_of_ours(side.other(), &key).map(|lock| lock.term);
        let done = self.has_adopted(side, &key, lock);
        match (lock, side) {
            (Some(term), _) if done => {
                let down = (side == Side::Child).then_some(self.own());
                self.moves.remove(&key.inc);
                self.propose(side.other(), GroupOp::Moved { key, term, down }, out);
            }
            (_, Side::Child) => {
                let scope = self.registry(side).and_then(|r| r.find(&key));
                if let Some(scope) = scope.map(|record| record.scope) {
                    self.lead_up(key, term, scope, out);
                }
            }
            (_, Side::Peer) => {}
        }
        // It may have come down from higher up, and have farther to go.
        let record = self.registry(side).and_then(|r| r.find(&key));
        if let Some(Role::Core { core, .. }) = record.map(|record| &record.role) {
            let core = core.clone();
            self.judge_branches(side, &core);
        }
        self.look_again(key.called(), out);
    }

    /// Whether the core has come to that side with the move for which it is locked.
    fn has_adopted(&self, side: Side, key: &GroupKey, lock: Option<u32>) -> bool {
        let Some((term, id)) = self.moves.get(&key.inc) else { return false };
        let id = *id;
        if lock != Some(*term) {
            return false;
        }
        let record = self.registry(side).and_then(|r| r.find(key));
        match record.map(|record| &record.role) {
            Some(Role::Core { core, .. }) => core.is_done(id),
            _ => false,
        }
    }

    /// What we proposed there came too late.
    pub(super) fn on_stale(&mut self, side: Side, key: GroupKey, out: &mut Vec<GroupOut>) {
        if let Some(term) = self.lock_of_ours(side.other(), &key).map(|lock| lock.term) {
            self.moves.remove(&key.inc);
            self.propose(side.other(), GroupOp::Unlock { key, term }, out);
        } else if side == Side::Peer {
            // Our peers know of a later term, and do not have what is below us.
            self.summon(&key, out);
        }
        self.look_again(key.called(), out);
    }

    /// Moves that stand still go on from where they are.
    pub(super) fn mend(&mut self, out: &mut Vec<GroupOut>) {
        for side in [Side::Child, Side::Peer] {
            let Some(registry) = self.registry(side) else { continue };
            let own = self.own();
            let locked: Vec<(Core, u32)> = registry
                .iter()
                .filter_map(|record| match &record.role {
                    Role::Core { core, lock: Some(lock) } if lock.carrier == own => {
                        Some(((**core).clone(), lock.term))
                    }
                    _ => None,
                })
                .collect();
            if self.registry(side.other()).is_none() {
                continue;
            }
            for (core, term) in locked {
                let key = core.key;
                match self.has_adopted(side.other(), &key, Some(term)) {
                    true => self.on_settled(side.other(), key, term, out),
                    false => self.carry(side, core, term, out),
                }
            }
        }
        self.adopt_orphans(out);
        self.resume_chores();
    }

    /// Locks in the set below whose carrier is there no more: we are its parent now, and ask our peers what became
    /// of them. A Lead of the same term comes before the move, which then comes too late, or after it.
    fn adopt_orphans(&mut self, out: &mut Vec<GroupOut>) {
        let Some(sphere) = self.spheres.get(&Side::Child) else { return };
        if sphere.parent != Some(self.own()) {
            return;
        }
        let Some((registry, above)) = sphere.registry().zip(self.registry(Side::Peer)) else {
            return;
        };
        let mut proposals = Vec::new();
        for record in registry.iter() {
            let Role::Core { core, lock: Some(lock) } = &record.role else { continue };
            if sphere.members.contains(&lock.carrier) {
                continue;
            }
            let (key, term, branch) = (record.key, lock.term, self.own());
            let known = above.find(&key);
            proposals.push(match known {
                Some(r)
                    if r.term == term && matches!(r.role, Role::Above(one) if one == branch) =>
                {
                    (Side::Child, GroupOp::Unlock { key, term })
                }
                Some(r) if r.term >= term && matches!(r.role, Role::Core { .. }) => {
                    (Side::Child, GroupOp::Moved { key, term, down: None })
                }
                _ => {
                    let scope = core.qos.name_scope;
                    (Side::Peer, GroupOp::Lead { key, term, branch, scope, roams: true })
                }
            });
        }
        proposals.into_iter().for_each(|(side, op)| self.propose(side, op, out));
    }
}
