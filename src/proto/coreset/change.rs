//! A change on its way (C-rules): the coordinator's two phases, and who follows (Figures 17 to 20, 24, 25).
//!
//! ```text
//!   coordinator                followers
//!   Initiate ─────────────────> is it above my floor?  no: WAIT with the floor
//!            <───────── ACK ──── yes: it is my floor now
//!   all ACKed
//!   install, Commit ──────────> is it my floor?  yes: install.  no: isolate the coordinator
//! ```
//!
//! Beyond the thesis: a change has an id; a WAIT carries the higher change; any member that has committed answers a
//! straggler; those who did not ACK leave in the same Commit, no separate Fail is needed.

use super::batch::fit_together;
use super::cause::Cause;
use super::priority::key;
use super::state::{Phase, Wait};
use super::turn::{Turn, message_in};
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::coreset::{self, Body, Change, ChangeId, ChangeKind, CoreMessage, Position};
use std::collections::BTreeSet;
use std::net::SocketAddrV4;

impl Turn<'_> {
    /// Starts a change of our own. Only in Idle.
    pub fn start(&mut self, kind: ChangeKind, why: &'static str) {
        assert!(self.at.phase == Phase::Idle, "a change starts in Idle only");
        let round = self.at.floor.as_ref().map_or(0, |floor| floor.id.round);
        let change = self.new_change(kind, round);
        // The floor's round, if that is enough to go above it; else the next.
        let change = match change.above(self.at.floor.as_ref()) {
            true => change,
            false => self.new_change(change.kind, round.saturating_add(1)),
        };
        self.coordinate(change, why);
    }

    fn new_change(&mut self, kind: ChangeKind, round: u16) -> Change {
        let par: Vec<Position> = match &kind {
            ChangeKind::Merge { views, .. } => views.iter().map(|v| v.position).collect(),
            _ => vec![self.at.view.position],
        };
        let excl = match kind {
            ChangeKind::Merge { .. } => Vec::new(),
            _ => self.at.iso.iter().copied().collect(),
        };
        let id = self.new_id(&kind, round);
        Change { id, kind, par, excl }
    }

    fn new_id(&mut self, kind: &ChangeKind, round: u16) -> ChangeId {
        self.me.seq = self.me.seq.wrapping_add(1);
        let view = &self.at.view;
        ChangeId {
            round,
            class: kind.class(),
            key: key(kind, view),
            crank: view.rank(self.me.config.own).map_or(u16::MAX, |r| r.0),
            coord: self.me.life(),
            seq: self.me.seq,
        }
    }

    /// The first phase (Figure 17). The change is above the floor.
    pub fn coordinate(&mut self, change: Change, why: &'static str) {
        assert!(change.above(self.at.floor.as_ref()), "the floor only moves upward");
        self.at.floor = Some(change);
        self.at.known = true;
        let wait = self.wait();
        self.enter(Phase::Coord { acks: BTreeSet::new(), wait }, why);
        self.initiate();
        self.check_done();
    }

    fn initiate(&mut self) {
        let Some(floor) = self.at.floor.clone() else { return };
        if !self.missing().is_empty() {
            let message = self.message(Body::Initiate(floor.clone()));
            self.multicast_as(&floor, message);
        }
    }

    /// Participants whose ACK the coordinator waits for.
    fn missing(&self) -> Vec<SocketAddrV4> {
        let (Phase::Coord { acks, .. }, Some(floor)) = (&self.at.phase, &self.at.floor) else {
            return Vec::new();
        };
        let own = self.own();
        let mut missing = self.participants(floor);
        missing.retain(|a| *a != own && !acks.contains(a) && !floor.excl.contains(a));
        missing
    }

    /// C9: everybody has ACKed.
    pub fn check_done(&mut self) {
        if !matches!(self.at.phase, Phase::Coord { .. }) || !self.missing().is_empty() {
            return;
        }
        let Some(change) = self.at.floor.clone() else { return };
        // Under the view that the others get: we may not be in it ourselves.
        let stays = self.at.view.addresses().find(|a| !change.excl.contains(a) && *a != self.own());
        let own_view = self.applied(&change, self.own()).view;
        let view = match (own_view.contains(self.own()), stays) {
            (false, Some(other)) => self.applied(&change, other).view,
            _ => own_view,
        };
        let deaf = change.clone();
        let mut commit = message_in(&view, self.me, Body::Commit(change.clone()));
        commit.prev = Some(change.id);
        let joiner = change.joiner().filter(|j| view.contains(*j));
        self.install(change.clone());
        if self.over().is_none()
            && joiner.is_none()
            && change.is_batch()
            && let Some(next) = self.next_batch()
        {
            return self.commit_and_initiate(commit, change, next);
        }
        self.multicast_as(&deaf, commit);
        if let Some(joiner) = joiner.filter(|_| self.over().is_none()) {
            self.send_init(joiner);
            let wait = self.wait();
            self.at.pending.insert(joiner, wait);
        }
    }

    /// The Commit and the next Initiate in one datagram, if they fit: the same as one after the other.
    fn commit_and_initiate(&mut self, commit: CoreMessage, change: Change, next: ChangeKind) {
        let next = self.new_change(next, 0);
        self.at.floor = Some(next.clone());
        self.at.known = true;
        let wait = self.wait();
        self.enter(Phase::Coord { acks: BTreeSet::new(), wait }, "next batch");
        match fit_together(&change.kind, &next.kind) {
            true => self.multicast(Body::CommitInitiate(change, next)),
            false => {
                self.multicast_message(commit);
                self.multicast(Body::Initiate(next));
            }
        }
        self.check_done();
    }

    /// C21 to C24: the coordinator's time is up.
    pub fn coordinator_timeout(&mut self) {
        let missing = self.missing();
        let fresh = Countdown::after(self.me.config.params.reply);
        let (Phase::Coord { wait, .. }, Some(floor)) = (&mut self.at.phase, &mut self.at.floor)
        else {
            return;
        };
        if wait.retries > 0 {
            *wait = Wait { timer: fresh, retries: wait.retries - 1, ..*wait };
            let initiate = floor.clone();
            for to in missing {
                self.send(to, Body::Initiate(initiate.clone()));
            }
            return;
        }
        let change = floor.id;
        let tries = self.me.config.params.retries + 1;
        if floor.is_merge() {
            self.back_off();
            self.drop_change("a Merge is all or nothing");
            for who in missing {
                self.isolate(who, Cause::NoAck { change, tries, merge: true });
            }
            return;
        }
        let joiner = floor.joiner().filter(|j| missing.contains(j));
        if missing.len() == 1 && joiner.is_some() && floor.excl.is_empty() {
            return self.drop_change("the joiner is silent");
        }
        if let Some(joiner) = joiner {
            if let Err(place) = floor.excl.binary_search(&joiner) {
                floor.excl.insert(place, joiner);
            }
            self.forget_join(joiner);
        }
        for who in missing {
            self.isolate(who, Cause::NoAck { change, tries, merge: false });
        }
        self.check_done();
    }

    /// A Merge or a Join is given up. The floor stays: a late Commit of it would still be honoured.
    pub fn drop_change(&mut self, why: &'static str) {
        let Some(floor) = self.at.floor.clone() else { return };
        self.enter(Phase::Idle, why);
        self.at.probe = Countdown::after(self.probe_period());
        if let Some(joiner) = floor.joiner() {
            self.forget_join(joiner);
        }
        let message = self.message(Body::Wait(coreset::Wait::Dropped(floor.id)));
        self.multicast_as(&floor, message);
    }

    /// C1 to C6.
    pub fn on_initiate(&mut self, sender: SocketAddrV4, change: &Change) {
        if !change.par.contains(&self.at.view.position) {
            return self.ignore("initiate-for-another-view", sender);
        }
        let coord = change.id.coord.address;
        if change.excl.contains(&self.own()) {
            return self.isolate(sender, Cause::ItsChangeExcludesUs { change: change.id });
        }
        if coord == self.own() || self.at.iso.contains(&coord) {
            return self.ignore("initiate-of-ours-or-isolated", sender);
        }
        if self.is_stale(change) {
            self.at.sweep |= !self.is_live();
            return self.ignore("stale-change", sender);
        }
        if change.is_merge() && !self.at.iso.is_empty() {
            return self.ignore("merge-not-now", sender);
        }
        if change.above(self.at.floor.as_ref()) {
            self.promise(change);
            self.at.floor = Some(change.clone());
            self.at.known = true;
            let wait = self.wait();
            self.enter(Phase::Follow { coord, wait }, "initiate");
            return self.ack(coord, change.id);
        }
        if self.at.floor.as_ref().is_some_and(|floor| floor.id == change.id) {
            let fresh = Countdown::after(self.me.config.params.reply);
            if let Phase::Follow { wait, .. } = &mut self.at.phase {
                wait.timer = fresh;
                return self.ack(coord, change.id);
            }
            return self.ignore("initiate-again", sender);
        }
        self.answer_floor(sender);
    }

    /// WAIT with our floor: current, or dropped.
    pub fn answer_floor(&mut self, to: SocketAddrV4) {
        let Some(floor) = self.at.floor.clone() else { return };
        let wait = match self.is_live() {
            true => coreset::Wait::Current(floor),
            false => coreset::Wait::Floor(floor),
        };
        self.send(to, Body::Wait(wait));
    }

    pub fn ack(&mut self, to: SocketAddrV4, id: ChangeId) {
        let pending = self.physical_waits();
        self.send(to, Body::Ack { id, pending });
    }

    /// C7, C8.
    pub fn on_ack(
        &mut self,
        sender: SocketAddrV4,
        id: &ChangeId,
        pending: bool,
        excluded: &[SocketAddrV4],
    ) {
        let reply = self.me.config.params.reply;
        if pending {
            self.at.heard_pending = Countdown::after(2 * reply);
        }
        let current = self.at.floor.as_ref().is_some_and(|floor| floor.id == *id);
        match &mut self.at.phase {
            Phase::Coord { acks, .. } if current => {
                acks.insert(sender);
            }
            _ if self.at.prev.as_ref().is_some_and(|prev| prev.id == *id) => {
                self.at.pending.remove(&sender);
                return;
            }
            _ => return self.ignore("ack-not-expected", sender),
        }
        for who in excluded {
            if *who != sender {
                self.isolate(*who, Cause::SaidBy { by: sender, change: *id });
            }
        }
        self.check_done();
    }

    /// C10 to C12. The change applies to our view.
    pub fn on_commit(&mut self, sender: SocketAddrV4, change: &Change) {
        if change.excl.contains(&self.own()) {
            if self.is_live() {
                self.enter(Phase::Idle, "excluded");
            }
            let others: Vec<SocketAddrV4> =
                self.at.view.addresses().filter(|a| !change.excl.contains(a)).collect();
            for who in others {
                self.isolate(who, Cause::ItExcludedUs { change: change.id, by: sender });
            }
            return;
        }
        if self.at.floor.as_ref().is_none_or(|floor| floor.id != change.id) {
            return self.isolate(sender, Cause::OtherCommit { change: change.id });
        }
        let relay = matches!(self.at.phase, Phase::Elect { .. });
        let message = relay.then(|| {
            let view = self.applied(change, self.own()).view;
            let mut message = message_in(&view, self.me, Body::Commit(change.clone()));
            message.prev = Some(change.id);
            message
        });
        let participants = change.clone();
        self.install(change.clone());
        if let Some(message) = message {
            self.multicast_as(&participants, message);
        }
    }

    /// C13 to C17, and WAIT-PREV for one who is at our own view.
    pub fn on_wait(&mut self, sender: SocketAddrV4, wait: &coreset::Wait) {
        match wait {
            coreset::Wait::Current(change) => self.on_wait_current(sender, change),
            coreset::Wait::Floor(change) => self.on_wait_floor(sender, change),
            coreset::Wait::Dropped(id) => {
                if id.coord.address == sender {
                    self.at.promised.retain(|promised| promised.id != *id);
                }
                let current = self.at.floor.as_ref().is_some_and(|floor| floor.id == *id);
                if !current || !matches!(self.at.phase, Phase::Follow { .. }) {
                    return self.ignore("dropped-not-followed", sender);
                }
                let joiner = self.at.floor.as_ref().and_then(Change::joiner);
                self.enter(Phase::Idle, "dropped");
                if let Some(joiner) = joiner {
                    self.forget_join(joiner);
                }
            }
            coreset::Wait::Prev(_) | coreset::Wait::Notice(_) => {
                self.ignore("wait-not-for-this-view", sender);
            }
        }
    }

    fn on_wait_current(&mut self, sender: SocketAddrV4, change: &Change) {
        if !change.par.contains(&self.at.view.position) {
            // The other side of a Merge is busy.
            let merges = self.at.floor.as_ref().is_some_and(Change::is_merge);
            return match (merges, &self.at.phase) {
                (true, Phase::Coord { .. }) => self.drop_change("the other side is busy"),
                _ => self.ignore("wait-for-another-view", sender),
            };
        }
        let most = self.me.config.params.extensions;
        let fresh = self.wait();
        let current = self.at.floor.as_ref().is_some_and(|floor| floor.id == change.id);
        match &mut self.at.phase {
            Phase::Follow { wait, .. } if current && wait.extended < most => {
                *wait = Wait { extended: wait.extended + 1, ..fresh };
            }
            _ if change.above(self.at.floor.as_ref()) => self.on_initiate(sender, change),
            _ => self.ignore("wait-of-no-use", sender),
        }
    }

    fn on_wait_floor(&mut self, sender: SocketAddrV4, change: &Change) {
        let Some(floor) = self.at.floor.clone() else {
            return self.ignore("wait-of-no-use", sender);
        };
        if !matches!(self.at.phase, Phase::Coord { .. }) || !change.id.higher(&floor.id) {
            return self.ignore("wait-of-no-use", sender);
        }
        let again = self.new_change(floor.kind, change.id.round.saturating_add(1));
        if again.above(self.at.floor.as_ref()) {
            self.coordinate(again, "above a dropped change");
        }
    }

    /// C18 to C20.
    pub fn on_msg_query(&mut self, sender: SocketAddrV4, id: &ChangeId) {
        let own = self.me.life();
        let Some(floor) = self.at.floor.clone() else {
            return match id.coord == own {
                true => self.send(sender, Body::Wait(coreset::Wait::Dropped(*id))),
                false => self.ignore("query-of-no-change", sender),
            };
        };
        match &self.at.phase {
            Phase::Coord { acks, .. } if floor.id == *id && !acks.contains(&sender) => {
                self.send(sender, Body::Initiate(floor));
            }
            Phase::Idle if floor.id == *id => {
                self.send(sender, Body::Wait(coreset::Wait::Dropped(*id)));
            }
            _ => self.answer_floor(sender),
        }
    }

    /// C25, C26: the follower's time is up.
    pub fn follower_timeout(&mut self) {
        let fresh = Countdown::after(self.me.config.params.reply);
        let Some(id) = self.at.floor.as_ref().map(|floor| floor.id) else { return };
        let Phase::Follow { coord, wait } = &mut self.at.phase else { return };
        let coord = *coord;
        if wait.retries > 0 {
            *wait = Wait { timer: fresh, retries: wait.retries - 1, ..*wait };
            return self.send(coord, Body::MsgQuery(id));
        }
        match self.at.view.contains(coord) {
            true => {
                let tries = self.me.config.params.retries;
                self.isolate(coord, Cause::NoCommit { change: id, tries });
            }
            false => self.enter(Phase::Idle, "the other side's coordinator is silent"),
        }
    }
}

impl Turn<'_> {
    /// A change of another coordinator, as ours: round + 1, and those whom it removed stay removed.
    pub fn resumed(&mut self, floor: &Change) -> Change {
        let mut change = self.new_change(floor.kind.clone(), floor.id.round.saturating_add(1));
        // The key is fixed when an id is made; later exclusions do not alter it.
        change.id.key = floor.id.key;
        change.par.clone_from(&floor.par);
        let excl: BTreeSet<SocketAddrV4> =
            change.excl.iter().chain(&floor.excl).copied().sorted_set();
        change.excl = excl.into_iter().collect();
        change
    }
}
