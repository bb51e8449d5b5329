//! Time passes: timers, monitoring (Figure 14), leaving.

use super::cause::Cause;
use super::state::{CoreSet, Inside, Phase, Side, Wait};
use super::turn::Turn;
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::coreset::{Body, Request};
use std::net::SocketAddrV4;

impl CoreSet {
    /// Ticks until something is due; `u32::MAX` if nothing ever is. Fewer of them do nothing but pass.
    pub fn due(&self) -> u32 {
        match &self.side {
            Side::Out(outside) => running([outside.until_next()]),
            Side::In(at) => at.due(),
        }
    }
}

/// The first of some countdowns; those at 0 are off.
fn running(left: impl IntoIterator<Item = u32>) -> u32 {
    left.into_iter().filter(|&left| left > 0).min().unwrap_or(u32::MAX)
}

impl Inside {
    fn due(&self) -> u32 {
        // Operations that wait, requests whose turn it is, and whether a leaver is done, are looked at every tick.
        let waits = self.forward.left() > 0
            || !self.forwarded.is_empty()
            || self.stagger.is_some()
            || self.draining.left() > 0;
        if waits {
            return 1;
        }
        let phase = match &self.phase {
            Phase::Coord { wait, .. } | Phase::Follow { wait, .. } | Phase::Elect { wait, .. } => {
                wait.timer.left()
            }
            Phase::Idle => 0,
        };
        let alone = [
            phase,
            self.watch.query.left(),
            self.watch.reply.left(),
            self.probe.left(),
            self.leaving.map_or(0, Countdown::left),
        ];
        let several = self.pending.values().map(|wait| wait.timer.left());
        let merges = self.merges.values().map(|search| search.timer.left());
        // A separated side whose time is over may take another name as soon as nothing else is at hand.
        let lost = self.lost.values().flatten().map(|&time| time.max(1));
        running(alone.into_iter().chain(several).chain(merges).chain(lost))
    }
}

/// Retries with which the others are asked as well when a neighbour is silent: with fewer, half of them say little.
const MANY: u32 = 6;
/// T_FAILOVER in multiples of T_REPLY: how long a member that is to leave waits for its operations.
const FAILOVER: u32 = 50;

impl Turn<'_> {
    pub fn tick(&mut self, elapsed: u32) {
        // We were not run for longer than anybody waits: what ran is started again, nobody is accused. But only
        // once: where every tick is late, time must count in the end.
        let late = elapsed > self.me.config.params.reply;
        let excused = late && !self.at.late;
        self.at.late = late;
        let judged = if excused { 0 } else { elapsed };
        if excused {
            self.restart_timers();
        }
        self.tick_leave(elapsed);
        self.tick_pending(judged);
        self.tick_watch(elapsed, judged);
        self.tick_phase(judged);
        if self.over().is_some() {
            return;
        }
        if self.at.phase == Phase::Idle {
            self.at.stagger = self.at.stagger.map(|left| left.saturating_sub(elapsed));
        }
        self.tick_batch(elapsed);
        self.tick_drain(elapsed);
        self.tick_probe(elapsed);
    }

    fn restart_timers(&mut self) {
        let fresh = Countdown::after(self.me.config.params.reply);
        let restart = |timer: &mut Countdown| {
            if timer.left() > 0 {
                *timer = fresh;
            }
        };
        match &mut self.at.phase {
            Phase::Coord { wait, .. } | Phase::Follow { wait, .. } | Phase::Elect { wait, .. } => {
                restart(&mut wait.timer);
            }
            Phase::Idle => {}
        }
        restart(&mut self.at.watch.reply);
        self.at.pending.values_mut().for_each(|wait| restart(&mut wait.timer));
    }

    fn tick_phase(&mut self, elapsed: u32) {
        let due = match &mut self.at.phase {
            Phase::Coord { wait, .. } | Phase::Follow { wait, .. } | Phase::Elect { wait, .. } => {
                wait.timer.tick(elapsed)
            }
            Phase::Idle => false,
        };
        if !due {
            return;
        }
        match &self.at.phase {
            Phase::Coord { .. } => self.coordinator_timeout(),
            Phase::Follow { .. } => self.follower_timeout(),
            Phase::Elect { .. } => self.election_timeout(),
            Phase::Idle => {}
        }
    }

    /// Joiners whose INIT is not acknowledged get it again, and are given up in the end.
    fn tick_pending(&mut self, elapsed: u32) {
        let fresh = Countdown::after(self.me.config.params.reply);
        let due: Vec<SocketAddrV4> = self
            .at
            .pending
            .iter_mut()
            .filter_map(|(who, wait)| wait.timer.tick(elapsed).then_some(*who))
            .collect();
        for who in due {
            let Some(wait) = self.at.pending.get_mut(&who) else { continue };
            if wait.retries == 0 {
                self.isolate(who, Cause::InitNotAcked { tries: self.me.config.params.retries + 1 });
            } else {
                *wait = Wait { timer: fresh, retries: wait.retries - 1, ..*wait };
                self.send_init(who);
            }
        }
    }

    /// Whom we monitor, if we do not already ignore it.
    fn watched(&self) -> Option<SocketAddrV4> {
        self.at.view.ccw(self.own()).filter(|ccw| !self.at.iso.contains(ccw))
    }

    fn tick_watch(&mut self, elapsed: u32, judged: u32) {
        let params = self.me.config.params;
        let Some(ccw) = self.watched() else { return };
        let query_due = self.at.watch.query.tick(elapsed);
        let watch = &mut self.at.watch;
        if query_due {
            watch.nonce = watch.nonce.wrapping_add(1);
            watch.retries = params.retries;
            self.at.silent.clear();
            return self.query(ccw);
        }
        if watch.reply.tick(judged) {
            if watch.retries == 0 {
                return self.judge(ccw);
            }
            watch.retries -= 1;
            self.query(ccw);
            self.look_around(ccw);
        }
    }

    /// A neighbour that has been silent for half of its tries may not be the only one: behind a cut there are more, and
    /// whoever did not know of them would wait for the ACK of each. All others are asked too, and judged with it.
    fn look_around(&mut self, ccw: SocketAddrV4) {
        let retries = self.me.config.params.retries;
        if retries < MANY {
            return;
        }
        if self.at.watch.retries == retries / 2 {
            self.at.silent = self.others().into_iter().filter(|other| *other != ccw).sorted_set();
        }
        let nonce = self.at.watch.nonce;
        for other in self.at.silent.clone() {
            self.send(other, Body::Query { nonce, check: None });
        }
    }

    /// The neighbour answered none of our QUERYs, and some of the others none either.
    fn judge(&mut self, ccw: SocketAddrV4) {
        let retries = self.me.config.params.retries;
        let witnesses = self.witnesses(ccw).len();
        let silent = std::mem::take(&mut self.at.silent);
        self.isolate(ccw, Cause::NoReply { queries: retries + 1, witnesses });
        for other in silent {
            self.isolate(other, Cause::NoReply { queries: retries / 2 + 1, witnesses: 0 });
        }
    }

    fn query(&mut self, ccw: SocketAddrV4) {
        self.at.watch.reply = Countdown::after(self.me.config.params.reply);
        let nonce = self.at.watch.nonce;
        self.send(ccw, Body::Query { nonce, check: None });
        if self.at.watch.retries == 0 {
            for other in self.witnesses(ccw) {
                self.send(other, Body::Query { nonce, check: Some(ccw) });
            }
        }
    }

    /// Those who are asked about a silent neighbour before it is judged: the next ones behind us.
    fn witnesses(&self, suspect: SocketAddrV4) -> Vec<SocketAddrV4> {
        let (before, behind): (Vec<_>, Vec<_>) =
            self.others().into_iter().partition(|a| self.at.view.rank(*a) < self.own_rank());
        let most = self.me.config.params.confirm as usize;
        behind.into_iter().chain(before).filter(|a| *a != suspect).take(most).collect()
    }

    /// A QUERY of a member. `check`: about whom it is, if not about us alone. Nobody keeps anything for it: who
    /// asks about somebody is known from the ring.
    pub fn on_query(&mut self, sender: SocketAddrV4, nonce: u16, check: Option<SocketAddrV4>) {
        let Some(suspect) = check else {
            return self.send(sender, Body::Reply { nonce, check });
        };
        let Some(asker) = self.at.view.cw(suspect) else {
            return self.ignore("check-of-a-stranger", sender);
        };
        if suspect == self.own() {
            // Through the witness and straight: one of the two ways may be open.
            self.send(sender, Body::Reply { nonce, check });
            if sender != asker {
                self.send(asker, Body::Reply { nonce, check });
            }
        } else if sender == asker && !self.at.iso.contains(&suspect) {
            self.send(suspect, Body::Query { nonce, check });
        } else {
            self.ignore("check-not-ours", sender);
        }
    }

    /// A REPLY of a member: our neighbour's, its word through a witness, or one that we pass on as a witness.
    pub fn on_reply(&mut self, sender: SocketAddrV4, nonce: u16, check: Option<SocketAddrV4>) {
        let about = check.unwrap_or(sender);
        let asker = self.at.view.cw(about).filter(|asker| *asker != self.own());
        if let Some(asker) = asker.filter(|_| check == Some(sender)) {
            return self.send(asker, Body::Reply { nonce, check });
        }
        let asked = self.at.watch.reply.left() > 0 && nonce == self.at.watch.nonce;
        if asked && check.is_none() && self.at.silent.remove(&sender) {
            return;
        }
        if !asked || self.watched() != Some(about) {
            return self.ignore("reply-not-asked", sender);
        }
        self.at.watch.reply = Countdown::OFF;
        self.at.silent.clear();
        self.at.watch.query = Countdown::after(self.me.config.params.query);
    }

    /// We are to leave in good order: first our operations are committed, if that does not take for ever.
    pub fn drain(&mut self) {
        if self.me.operations.is_empty() {
            return self.want_out();
        }
        if self.at.leaving.is_none() && self.at.draining.left() == 0 {
            let patience = self.me.config.params.reply.saturating_mul(FAILOVER);
            self.at.draining = Countdown::after(patience);
        }
    }

    /// Whether what held us back is done, or takes too long.
    fn tick_drain(&mut self, elapsed: u32) {
        if self.at.draining.left() == 0 {
            return;
        }
        let over = self.at.draining.tick(elapsed);
        if over {
            let left = self.me.operations.len();
            self.refused(&format!("left before {left} operations were agreed on"));
        }
        if over || self.me.operations.is_empty() {
            self.at.draining = Countdown::OFF;
            self.want_out();
        }
    }

    /// We leave now: the request is repeated until a view is without us.
    fn want_out(&mut self) {
        if self.at.leaving.is_none() {
            self.at.leaving = Some(Countdown::after(1));
            self.ask_out();
        }
    }

    fn ask_out(&mut self) {
        let life = self.me.life();
        self.at.leaving = Some(Countdown::after(self.me.config.params.reply));
        self.multicast(Body::Request(Request::Leave(life)));
    }

    fn tick_leave(&mut self, elapsed: u32) {
        if self.at.leaving.as_mut().is_some_and(|timer| timer.tick(elapsed)) {
            self.ask_out();
        }
    }
}
