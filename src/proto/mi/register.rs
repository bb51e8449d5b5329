//! Belonging to a mserver (Figure 65), and to the next one when it is silent (HIERARCHY: physical hierarchy).
//!
//! ```text
//!   Registering ── answer to the last number ──> Registered ── no QUERY for T_QUERY and all tries ──┐
//!        ^─────────────── the next mserver, a new number <── it leaves in good order, and says so ──┤
//!        └──────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A registration says which members are here, in which views. What applications missed while nobody polled us they learn
//! from the views that the mserver sends in answer; a group of which none comes is in doubt.

use super::{Client, LocalEvent, Mi, MiAction, Pending, name_of};
use crate::proto::timer::Countdown;
use crate::wire::group::{
    Call, Entry, GroupBody, GroupKey, MemberId, Reason, RequestId, Statement,
};

/// How we stand with our mserver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// A registration is out.
    Registering { wait: Countdown, left: u32 },
    /// It polls us.
    Registered { silent: Countdown },
}

impl Phase {
    /// Ticks until it changes.
    pub fn left(self) -> u32 {
        match self {
            Phase::Registering { wait, .. } => wait.left(),
            Phase::Registered { silent } => silent.left(),
        }
    }
}

impl Mi {
    pub(super) fn tick_phase(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        match &mut self.phase {
            Phase::Registering { wait, left } => {
                if !wait.tick(elapsed) {
                    return;
                }
                if *left == 0 {
                    return self.next_server(out);
                }
                *left -= 1;
                *wait = Countdown::after(self.config.params.reply);
                self.ask_in(out);
            }
            Phase::Registered { silent } => {
                if silent.tick(elapsed) {
                    self.tell_all(&LocalEvent::ServerLost, out);
                    self.next_server(out);
                }
            }
        }
    }

    /// Our mserver leaves in good order: with another one to go to, nothing need be missed.
    pub(super) fn dismissed(
        &mut self,
        number: u32,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        if number != self.number {
            return Err("older-registration");
        }
        if self.roams() {
            self.tell_all(&LocalEvent::ServerLost, out);
            self.next_server(out);
        }
        Ok(())
    }

    fn next_server(&mut self, out: &mut Vec<MiAction>) {
        self.server = (self.server + 1) % self.config.servers.len();
        self.register(out);
    }

    /// A registration under a new number: verdicts about earlier ones are void.
    pub(super) fn register(&mut self, out: &mut Vec<MiAction>) {
        self.number = self.number.wrapping_add(1);
        let (reply, left) = (self.config.params.reply, self.config.params.retries);
        self.phase = Phase::Registering { wait: Countdown::after(reply), left };
        self.ask_in(out);
    }

    fn ask_in(&mut self, out: &mut Vec<MiAction>) {
        let (number, roams) = (self.number, self.roams());
        self.tell_server(GroupBody::Register { number, roams }, out);
    }

    /// Whether we have another mserver to go to.
    pub(super) fn roams(&self) -> bool {
        self.config.servers.len() > 1
    }

    /// The core reaches us by a mserver that we do not belong to: it learns of the one that we do.
    pub(super) fn correct(&mut self, key: &GroupKey, out: &mut Vec<MiAction>) {
        let Some(group) = self.groups.get(&key.inc).filter(|_| self.is_registered()) else {
            return;
        };
        let name = name_of(&group.known.key());
        let here = |p: &Pending| p.request.group == name && matches!(p.request.call, Call::Here(_));
        if !self.pending.values().any(here) {
            self.state_of(&[key.inc], out);
        }
    }

    /// Says to a new mserver which members are here, and in which views.
    fn state(&mut self, out: &mut Vec<MiAction>) {
        let all: Vec<RequestId> = self.groups.keys().copied().collect();
        self.state_of(&all, out);
    }

    fn state_of(&mut self, groups: &[RequestId], out: &mut Vec<MiAction>) {
        let own = self.config.life;
        let is_ours = |id: MemberId| id.mi == own && self.local.contains_key(&id.number);
        let path = |entry: &Entry| is_ours(entry.id).then(Vec::new);
        let statements: Vec<Statement> = groups
            .iter()
            .filter_map(|inc| Some(self.groups.get(inc)?.known.statement(path)))
            .collect();
        for statement in statements.into_iter().filter(|s| !s.members.is_empty()) {
            self.submit(None, name_of(&statement.key), Call::Here(Box::new(statement)), out);
        }
    }

    pub(super) fn registered(
        &mut self,
        number: u32,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        if number != self.number {
            return Err("older-registration");
        }
        let is_new = !self.is_registered();
        self.heard();
        if is_new {
            let was_ready = std::mem::replace(&mut self.was_ready, true);
            match was_ready && !std::mem::take(&mut self.taken_over) {
                false => out.push(MiAction::Ready),
                true => self.tell_all(&LocalEvent::ServerFound, out),
            }
            // What is under way may have been lost with the mserver before, and so may views.
            self.doubt_all();
            self.submit_all(out);
            self.state(out);
        }
        Ok(())
    }

    /// Nobody knows of us any more. A group that may not live on every side of a partition must be taken to live on
    /// another one, in the end: its members here are terminated. Others keep the last view that they have.
    pub(super) fn tick_cut_off(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        if !self.was_ready {
            return;
        }
        self.cut_off = self.cut_off.saturating_add(elapsed);
        let over = self.ends().filter(|(_, bound)| *bound <= self.cut_off);
        let over: Vec<RequestId> = over.map(|(inc, _)| inc).collect();
        for inc in over {
            let Some(group) = self.groups.get(&inc) else { continue };
            let members: Vec<u32> = self.ours(&group.known).collect();
            self.end(&members, Reason::Terminated, out);
        }
    }

    /// Groups that end when we are cut off, and after how many ticks: as long as another mserver may need to take us over,
    /// or as its creator fixed it.
    fn ends(&self) -> impl Iterator<Item = (RequestId, u32)> {
        let (params, usual) = (self.config.params, self.longest());
        let ends = self.groups.iter().filter(|(_, group)| group.known.qos().may_end());
        ends.map(move |(&inc, group)| {
            let fixed = group.known.qos().detection_ms().map(|ms| params.ticks(ms));
            (inc, fixed.unwrap_or(usual))
        })
    }

    /// Ticks until groups end because we are cut off.
    pub(super) fn ends_due(&self) -> impl Iterator<Item = u32> {
        let cut_off = self.was_ready && !self.is_registered();
        let ends = cut_off.then(|| self.ends()).into_iter().flatten();
        ends.map(|(_, bound)| bound.saturating_sub(self.cut_off).max(1))
    }

    /// Our mserver is there: it is lost when it has not polled us for a query and all its tries.
    pub(super) fn heard(&mut self) {
        let silent = match self.config.built_in {
            true => Countdown::OFF,
            false => Countdown::after(self.config.params.query.saturating_add(self.tries())),
        };
        self.phase = Phase::Registered { silent };
        self.cut_off = 0;
    }

    fn tell_all(&self, event: &LocalEvent, out: &mut Vec<MiAction>) {
        let tell = |&client: &Client| MiAction::Tell { client, event: event.clone() };
        out.extend(self.sessions.keys().map(tell));
    }
}
