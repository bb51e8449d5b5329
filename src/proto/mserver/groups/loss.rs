//! What is done some time after mservers are lost, or something stands still: each by the best-ranked mserver that
//! still finds it undone, as an agreed operation (HIERARCHY: nothing that a timer causes changes a registry by itself).
//!
//! | chore | after | what |
//! |---|---|---|
//! | cut | T_SETTLE, T_FAILOVER | members behind lost mservers go, in one view; those who may find another way later |
//! | childless | T_FAILOVER | we are in no set below any more: our peers learn that nothing is decided behind us |
//! | rebuild | T_SETTLE | a group whose core is lost is decided anew from what was claimed |
//! | gathered | as its creator chose | changes that wait for others become a view |
//! | release | T_CREATE | a name that was reserved for nothing is free |
//! | sink | T_FAILOVER | the core goes down to the only branch with members |
//! | upstream | T_FAILOVER | nobody is above us any more who decides: we claim what we know |
//! | stranger | T_FAILOVER | a member interface that should be ours did not register: its members failed |
//! | newcomers | T_SETTLE | who came from another mserver has said by now of which groups its members are |
//! | mend | T_FAILOVER | moves that stand still go on |

use super::effect::{all_of, child_of};
use super::route::Step;
use super::{CREATE, FAILOVER, GroupOut, Groups, SETTLE, Side};
use crate::name::{GroupName, Incarnation};
use crate::proto::group::{Record, Registry, Relay, Role};
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::coreset::Life;
use crate::wire::group::{Call, Entry, GroupKey, GroupOp, MemberId, RequestId};
use std::collections::BTreeSet;
use std::net::SocketAddrV4;

/// Something to be done later.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Chore {
    Cut {
        side: Side,
        branches: Vec<SocketAddrV4>,
        view: u16,
        all: bool,
    },
    /// Members behind lost mservers of the set below, if they are decided above.
    Orphans {
        branches: Vec<SocketAddrV4>,
    },
    Childless,
    Rebuild(Side, GroupKey),
    Gathered(Side, GroupKey),
    Release(RequestId, GroupName),
    Sink(GroupKey),
    Upstream,
    Stranger(SocketAddrV4),
    Newcomers,
    Mend,
}

impl Chore {
    /// Whether it is about a set that we are in on that side.
    pub(super) fn is_of(&self, of: Side) -> bool {
        match self {
            Chore::Cut { side, .. } | Chore::Rebuild(side, _) => *side == of,
            Chore::Gathered(side, _) => *side == of,
            Chore::Orphans { .. } => of == Side::Child,
            Chore::Release(..) | Chore::Sink(_) | Chore::Upstream => of == Side::Peer,
            Chore::Childless | Chore::Stranger(_) | Chore::Newcomers | Chore::Mend => false,
        }
    }
}

impl Groups {
    /// Something is to be done later; what is under way already goes on as it is.
    pub(super) fn chore(&mut self, chore: Chore) {
        let reply = self.params.reply;
        let (times, rank) = match &chore {
            Chore::Cut { side, all, .. } => {
                (if *all { FAILOVER } else { SETTLE }, self.rank(*side))
            }
            Chore::Rebuild(side, _) => (SETTLE, self.rank(*side)),
            Chore::Gathered(side, _) => (0, self.rank(*side)),
            Chore::Newcomers => (SETTLE, 0),
            Chore::Release(..) => (CREATE, self.rank(Side::Peer)),
            Chore::Orphans { .. } | Chore::Sink(_) | Chore::Upstream => (FAILOVER, 0),
            Chore::Childless | Chore::Stranger(_) | Chore::Mend => (FAILOVER, 0),
        };
        let chosen = match &chore {
            Chore::Gathered(side, key) => self.gathering(*side, key).map_or(0, |(ticks, _)| ticks),
            _ => 0,
        };
        let wait = reply.saturating_mul(times + 2 * rank).saturating_add(chosen);
        self.chores.entry(chore).or_insert(Countdown::after(wait));
    }

    pub(super) fn rank(&self, side: Side) -> u32 {
        let place = self
            .spheres
            .get(&side)
            .and_then(|sphere| sphere.members.iter().position(|member| *member == self.own()));
        place.unwrap_or(0) as u32
    }

    pub(super) fn tick_chores(&mut self, elapsed: u32, out: &mut Vec<GroupOut>) {
        let mut due = Vec::new();
        self.chores.retain(|chore, wait| {
            let is_due = wait.tick(elapsed);
            if is_due {
                due.push(chore.clone());
            }
            !is_due
        });
        due.into_iter().for_each(|chore| self.carry_out(chore, out));
    }

    fn carry_out(&mut self, chore: Chore, out: &mut Vec<GroupOut>) {
        match chore {
            Chore::Cut { side, branches, view, all } => {
                if side == Side::Peer {
                    self.weak_cut(&branches, all, out);
                }
                if self.registry(side).is_some_and(|r| is_behind(r, &branches, all)) {
                    let origin = Life { address: branches[0], inc: Incarnation(view.into()) };
                    let cause = RequestId { origin, number: 1 + u64::from(all) };
                    self.propose(side, GroupOp::Cut { branches, all, cause }, out);
                }
            }
            Chore::Orphans { branches } => self.cut_orphans(&branches, out),
            Chore::Childless => self.end_childless(out),
            Chore::Rebuild(side, key) => self.rebuild(side, key, out),
            Chore::Gathered(side, key) => {
                if let Some((_, first)) = self.gathering(side, &key) {
                    self.propose(side, GroupOp::Gathered { key, first }, out);
                    self.chore(Chore::Gathered(side, key));
                }
            }
            Chore::Release(inc, name) => {
                let record = self.registry(Side::Peer).and_then(|r| r.get((name, None)));
                if let Some(record) = record
                    && matches!(record.role, Role::Reserved(_))
                    && record.key.inc == inc
                {
                    let key = record.key;
                    self.propose(Side::Peer, GroupOp::Release { key }, out);
                }
            }
            Chore::Sink(key) => self.sink(&key, out),
            Chore::Upstream => {
                if self.spheres.get(&Side::Peer).is_some_and(|sphere| sphere.parent.is_none()) {
                    self.state(out);
                }
            }
            Chore::Stranger(address) => self.fail_stranger(address, out),
            // Names that were not created meanwhile may be from now on.
            Chore::Newcomers => {}
            Chore::Mend => {
                self.mend(out);
                self.announce(out);
                self.forget_ended(out);
                self.chore(Chore::Mend);
            }
        }
    }

    /// How many ticks changes of a group wait for others there, and the first of them, if any do.
    fn gathering(&self, side: Side, key: &GroupKey) -> Option<(u32, RequestId)> {
        let record = self.registry(side)?.find(key)?;
        match &record.role {
            Role::Core { core, .. } => {
                let ticks = self.params.ticks(core.qos.batch_ms.into());
                core.gathered.first().map(|request| (ticks, request.id))
            }
            _ => None,
        }
    }

    /// A view of a set came without some mservers.
    pub(super) fn on_lost(&mut self, side: Side, branches: Vec<SocketAddrV4>, view: u16) {
        for all in [false, true] {
            self.chore(Chore::Cut { side, branches: branches.clone(), view, all });
        }
        if side == Side::Child {
            branches.iter().for_each(|child| self.relay.anew(*child));
            self.chore(Chore::Orphans { branches: branches.clone() });
        }
        // Whoever had a request of ours has it no more.
        for pending in self.pending.values_mut() {
            if matches!(pending.step, Step::At(at) if branches.contains(&at)) {
                (pending.step, pending.wait) = (Step::Held, Countdown::after(1));
            }
        }
    }

    /// What is to be done some time is done, though whoever saw why may be gone since.
    pub(super) fn resume_chores(&mut self) {
        for side in [Side::Child, Side::Peer] {
            let Some(registry) = self.registry(side) else { continue };
            let (mut branches, mut chores) = (BTreeSet::new(), Vec::new());
            for record in registry.iter() {
                match &record.role {
                    Role::Core { core, .. } => {
                        let lost = core.roster.iter().filter(|entry| entry.lost);
                        branches.extend(lost.filter_map(|entry| entry.path.first().copied()));
                        if !core.gathered.is_empty() {
                            chores.push(Chore::Gathered(side, record.key));
                        }
                    }
                    Role::Suspended(branch) => drop(branches.insert(*branch)),
                    Role::Claimed(_) => chores.push(Chore::Rebuild(side, record.key)),
                    Role::Reserved(first) => chores.push(Chore::Release(first.id, first.group)),
                    Role::Above(_) | Role::Lost => {}
                }
            }
            if !branches.is_empty() {
                let branches = branches.into_iter().collect();
                chores.push(Chore::Cut { side, branches, view: 0, all: true });
            }
            chores.into_iter().for_each(|chore| self.chore(chore));
        }
    }

    /// We know what a set knows: what is below is announced, what is above is asked about, and all that waits goes on.
    pub(super) fn on_in_step(&mut self, side: Side, out: &mut Vec<GroupOut>) {
        self.announce(out);
        if side == Side::Peer {
            self.weak_in_step(out);
            self.catch_up();
            self.state(out);
        }
        self.mend(out);
        self.chore(Chore::Mend);
        let held: Vec<RequestId> = self
            .pending
            .iter()
            .filter(|(_, p)| matches!(p.step, Step::Held | Step::Raising))
            .map(|(id, _)| *id)
            .collect();
        held.into_iter().for_each(|id| self.dispatch(id, out));
    }

    /// Those below us hear of the groups that our peers decide, as they are now.
    fn catch_up(&mut self) {
        let Some(registry) = self.registry(Side::Peer) else { return };
        let cores: Vec<_> = registry
            .iter()
            .filter_map(|record| match &record.role {
                Role::Core { core, .. } => Some((**core).clone()),
                _ => None,
            })
            .collect();
        for core in cores {
            let known = self.relay.known(&core.key).is_some();
            let ours = child_of(self.own(), self.lan.is_some());
            if known || core.roster.iter().any(|entry| ours(entry).is_some()) {
                self.work.push_back(super::Work::Tell(all_of(&core)));
            }
        }
    }

    /// The mserver above us is another one, or none.
    pub(super) fn on_parent(&mut self, parent: Option<SocketAddrV4>, out: &mut Vec<GroupOut>) {
        match parent {
            Some(_) => {
                self.chores.remove(&Chore::Upstream);
                self.state(out);
            }
            None => self.chore(Chore::Upstream),
        }
    }

    /// Says of every group that is decided elsewhere which members are here, and how they are reached now.
    fn state(&mut self, out: &mut Vec<GroupOut>) {
        let elsewhere = |key: &GroupKey| !self.is_decided_below(key);
        let keys: Vec<GroupKey> = self.relay.groups().filter(elsewhere).collect();
        keys.iter().for_each(|key| self.state_of(key, out));
    }

    /// Says it of one.
    pub(super) fn state_of(&mut self, key: &GroupKey, out: &mut Vec<GroupOut>) {
        let child = child_of(self.own(), self.lan.is_some());
        let own = self.own();
        let down = |entry: &Entry| {
            child(entry)?;
            let place = entry.path.iter().rposition(|mserver| *mserver == own);
            Some(entry.path[place.map_or(0, |place| place + 1)..].to_vec())
        };
        let Some(statement) = self.relay.known(key).map(|known| known.statement(down)) else {
            return;
        };
        if !statement.members.is_empty() {
            self.ask(key, 0, Call::Here(Box::new(statement)), out);
        }
    }

    /// Our peers believe that the group is below us: if it has ended meanwhile, they are told.
    pub(super) fn forget_if_ended(&mut self, key: &GroupKey, out: &mut Vec<GroupOut>) {
        let Some(registry) = self.registry(Side::Child) else { return };
        if registry.find(key).is_none_or(Record::is_over) {
            self.forget_led(|led| led.inc == key.inc, out);
        }
    }

    /// All that our peers believe to be below us, and is not.
    pub(super) fn forget_ended(&mut self, out: &mut Vec<GroupOut>) {
        let Some(registry) = self.registry(Side::Child) else { return };
        let here: BTreeSet<RequestId> =
            registry.iter().filter(|r| !r.is_over()).map(|r| r.key.inc).sorted_set();
        self.forget_led(|led| !here.contains(&led.inc), out);
    }

    /// Our peers are told of groups that they believe to be below us that they are not.
    pub(super) fn forget_led(&mut self, is: impl Fn(&GroupKey) -> bool, out: &mut Vec<GroupOut>) {
        let Some(registry) = self.registry(Side::Peer) else { return };
        let own = self.own();
        let led = registry.iter().filter(|r| matches!(r.role, Role::Above(b) if b == own));
        let led: Vec<(GroupKey, u32)> =
            led.filter(|record| is(&record.key)).map(|record| (record.key, record.term)).collect();
        for (key, term) in led {
            self.propose(Side::Peer, GroupOp::Forget { key, term }, out);
        }
    }

    fn is_decided_below(&self, key: &GroupKey) -> bool {
        let record = self.registry(Side::Child).and_then(|r| r.find(key));
        record.is_some_and(|r| matches!(r.role, Role::Core { .. }))
    }

    /// Mservers of the set below are lost for good, and what was behind them with them: the core, above, is told.
    fn cut_orphans(&mut self, branches: &[SocketAddrV4], out: &mut Vec<GroupOut>) {
        let own = self.own();
        let back = self.spheres.get(&Side::Child).map(|sphere| &sphere.members);
        let lost = |branch: &&SocketAddrV4| !back.is_some_and(|back| back.contains(branch));
        let branches: Vec<SocketAddrV4> = branches.iter().filter(lost).copied().collect();
        let behind = |entry: &Entry| {
            let place = entry.path.iter().rposition(|mserver| *mserver == own);
            let next = place.and_then(|place| entry.path.get(place + 1));
            next.is_some_and(|next| branches.contains(next))
        };
        self.fail_where(behind, out);
        branches.iter().for_each(|child| self.relay.forget(*child));
    }

    /// What was claimed becomes the group, unless there is somebody above again to ask.
    fn rebuild(&mut self, side: Side, key: GroupKey, out: &mut Vec<GroupOut>) {
        let record = self.registry(side).and_then(|r| r.find(&key));
        let Some(record) = record.filter(|r| matches!(r.role, Role::Claimed(_))) else { return };
        let parent = self.spheres.get(&side).and_then(|sphere| sphere.parent);
        let (is_top, in_step) = (self.reaches_below(&record.scope), self.registry(Side::Peer));
        match parent {
            // It sees to that.
            Some(parent) if parent != self.own() => {}
            Some(_) if !is_top && in_step.is_none() => {}
            Some(_) if !is_top => self.propose(side, GroupOp::Release { key }, out),
            _ => self.propose(side, GroupOp::Rebuild { key }, out),
        }
        self.chore(Chore::Rebuild(side, key));
    }

    /// The set below goes on without us, by another parent or by none, or is no more.
    fn end_childless(&mut self, out: &mut Vec<GroupOut>) {
        if self.spheres.contains_key(&Side::Child) {
            return;
        }
        self.forget_led(|_| true, out);
        let own = self.own();
        let locks = self.registry(Side::Peer).into_iter().flat_map(|r| r.iter());
        let ours: Vec<GroupOp> = locks
            .filter_map(|record| match &record.role {
                Role::Core { lock: Some(lock), .. } if lock.carrier == own => {
                    Some(GroupOp::Unlock { key: record.key, term: lock.term })
                }
                _ => None,
            })
            .collect();
        ours.into_iter().for_each(|op| self.propose(Side::Peer, op, out));
        self.fail_where(|entry| entry.path.contains(&own), out);
        self.relay = Relay::new(&self.params);
    }

    /// A member interface that views are sent to never registered here.
    fn fail_stranger(&mut self, address: SocketAddrV4, out: &mut Vec<GroupOut>) {
        if self.lan.as_ref().is_none_or(|lan| lan.is_guest(address)) {
            return;
        }
        let child = child_of(self.own(), true);
        self.fail_where(|entry| child(entry) == Some(address), out);
        self.relay.forget(address);
    }

    fn fail_where(&mut self, is: impl Fn(&Entry) -> bool, out: &mut Vec<GroupOut>) {
        let mut failed: Vec<(GroupKey, Vec<MemberId>)> = Vec::new();
        for key in self.relay.groups() {
            let roster = self.relay.known(&key).map(|known| known.roster()).unwrap_or_default();
            let members: Vec<MemberId> =
                roster.iter().filter(|entry| is(entry)).map(|entry| entry.id).collect();
            if !members.is_empty() {
                failed.push((key, members));
            }
        }
        for (key, members) in failed {
            self.ask(&key, 0, Call::Fail { members, cut: true }, out);
        }
    }

    /// What was to be agreed on in a set that we are not in any more looks for another way.
    pub(super) fn hold_proposed(&mut self, side: Side) {
        for pending in self.pending.values_mut() {
            if pending.step == Step::Proposed(side) {
                (pending.step, pending.wait) = (Step::Held, Countdown::after(1));
            }
        }
    }
}

/// Whether a cut would change anything.
fn is_behind(registry: &Registry, branches: &[SocketAddrV4], all: bool) -> bool {
    registry.iter().any(|record| match &record.role {
        Role::Core { core, .. } => core.roster.iter().any(|e| {
            let waits = !all && (e.roams || e.path.len() > 1);
            e.lost && !waits && e.path.first().is_some_and(|branch| branches.contains(branch))
        }),
        Role::Suspended(branch) => (all || !record.roams) && branches.contains(branch),
        _ => false,
    })
}
