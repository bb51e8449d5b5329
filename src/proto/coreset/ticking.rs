//! Time passes: timers, monitoring (Figure 14), leaving.

use super::state::{CoreSet, Inside, Phase, Side, Wait};
use super::turn::Turn;
use crate::proto::timer::Countdown;
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
        // Operations that wait, and requests whose turn it is, are looked at every tick.
        let waits = self.forward.left() > 0 || !self.forwarded.is_empty() || self.stagger.is_some();
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
        let merges = self.merges.values().map(|timer| timer.left());
        // A separated side whose time is over may take another name as soon as nothing else is at hand.
        let lost = self.lost.values().flatten().map(|&time| time.max(1));
        running(alone.into_iter().chain(several).chain(merges).chain(lost))
    }
}

impl Turn<'_> {
    pub fn tick(&mut self, elapsed: u32) {
        // We were not run for longer than anybody waits: what ran is started again, nobody is accused.
        let late = elapsed > self.me.config.params.reply;
        let judged = if late { 0 } else { elapsed };
        if late {
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
                self.isolate(who, "INIT not acknowledged");
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
            return self.query(ccw);
        }
        if watch.reply.tick(judged) {
            if watch.retries == 0 {
                return self.isolate(ccw, "no REPLY");
            }
            watch.retries -= 1;
            self.query(ccw);
        }
    }

    fn query(&mut self, ccw: SocketAddrV4) {
        self.at.watch.reply = Countdown::after(self.me.config.params.reply);
        let nonce = self.at.watch.nonce;
        self.send(ccw, Body::Query { nonce, check: None });
    }

    pub fn on_reply(&mut self, sender: SocketAddrV4, nonce: u16) {
        let asked = self.at.watch.reply.left() > 0 && nonce == self.at.watch.nonce;
        if !asked || self.watched() != Some(sender) {
            return self.ignore("reply-not-asked", sender);
        }
        self.at.watch.reply = Countdown::OFF;
        self.at.watch.query = Countdown::after(self.me.config.params.query);
    }

    /// We were told to leave: the request is repeated until a view is without us.
    pub fn want_out(&mut self) {
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
