//! A node: its process, its sockets, its clock.
//!
//! ```text
//!   datagrams ──> unread (while stopped) ──> process.step ──> actions
//!   clock: local ticks pass at a rate of their own; those before `due` are input as one
//! ```

use super::plan::{NodeId, Plan, Post};
use crate::name::Incarnation;
use crate::proto::coreset::Founding;
use crate::proto::mi::{Alone, MiConfig};
use crate::proto::mserver::{Below, Identity, Mserver, Post as Duty};
use crate::proto::params::Params;
use crate::proto::places::Places;
use crate::proto::step::{Action, Input, Via};
use crate::wire::coreset::Life;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::rc::Rc;

/// Datagrams that a stopped process's sockets keep; what comes behind them is lost.
const SOCKET: usize = 256;

/// A datagram, as a socket has it.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// By which socket it came.
    pub via: Via,
    /// Whom it is from.
    pub from: SocketAddrV4,
    /// All of it.
    pub bytes: Rc<[u8]>,
}

/// A process.
#[derive(Clone, Debug)]
pub enum Process {
    /// `ms mserver`.
    Mserver(Box<Mserver>),
    /// `ms mi`.
    Mi(Box<Alone>),
}

impl Process {
    fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        match self {
            Process::Mserver(mserver) => mserver.step(input, actions),
            Process::Mi(mi) => mi.step(input, actions),
        }
    }

    fn due(&self) -> u32 {
        match self {
            Process::Mserver(mserver) => mserver.due(),
            Process::Mi(mi) => mi.due(),
        }
    }
}

/// The clock of a host: how its ticks pass while those of the world do.
#[derive(Clone, Debug)]
struct Clock {
    /// The world's tick at which it got its rate.
    since: u64,
    /// Its own tick then.
    base: u64,
    /// Its ticks in a thousand of the world's.
    rate: u64,
}

impl Clock {
    fn at(&self, now: u64) -> u64 {
        self.base + (now.saturating_sub(self.since)) * self.rate / 1000
    }

    /// The first tick of the world at which it is that late here.
    fn when(&self, local: u64) -> u64 {
        self.since + ((local.saturating_sub(self.base)) * 1000).div_ceil(self.rate)
    }
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// The highest incarnation that a process here has used.
    pub inc: Incarnation,
    /// What runs.
    pub process: Option<Process>,
    /// It is not run just now.
    pub stopped: bool,
    /// It was told to leave, and is on its way out.
    pub leaving: bool,
    /// IP multicast groups that its sockets hear.
    pub heard: BTreeSet<SocketAddrV4>,
    clock: Clock,
    /// Local ticks that the process has heard of.
    ticked: u64,
    /// The world's tick at which something is due; `u64::MAX` if nothing ever is.
    wake: u64,
    unread: Vec<Datagram>,
}

impl Default for Node {
    fn default() -> Node {
        Node {
            inc: Incarnation(0),
            process: None,
            stopped: false,
            leaving: false,
            heard: BTreeSet::new(),
            clock: Clock { since: 0, base: 0, rate: 1000 },
            ticked: 0,
            wake: u64::MAX,
            unread: Vec::new(),
        }
    }
}

/// What a process did that it had said was not due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Early {
    /// In how many ticks it wanted to be called.
    pub due: u32,
    /// After how many it acted.
    pub elapsed: u32,
}

impl Node {
    /// A process starts, in a life above all before.
    pub fn start(
        &mut self,
        (plan, node): (&Plan, NodeId),
        params: Params,
        founding: Founding,
        now: u64,
    ) -> Vec<Action> {
        assert!(self.process.is_none(), "{} runs a process already", plan.sites()[node].name);
        self.begin(now);
        let (own, inc) = (plan.sites()[node].address, self.inc);
        let mut actions = Vec::new();
        self.process = Some(match &plan.sites()[node].post {
            Post::Mserver { set, level, child } => {
                let below =
                    child.map_or_else(|| Below::lan_of(own, plan.is_built_in()), Below::Set);
                let duty = Duty { set: *set, level: *level, founding, below };
                let places = Places::new(BTreeMap::new(), 2900);
                let allow = vec!["10.0.0.0/8".parse().expect("a network")];
                let id = Identity { own, inc, places, allow, params };
                Process::Mserver(Box::new(Mserver::start(id, &duty, None, &mut actions)))
            }
            Post::Mi { servers } => {
                let config = config_of((plan, servers), Life { address: own, inc }, params);
                Process::Mi(Box::new(Alone::start(config, &mut actions)))
            }
        });
        self.rearm();
        actions
    }

    /// A process in a life above all before, on a clock that goes on.
    fn begin(&mut self, now: u64) {
        self.inc = Incarnation(self.inc.0 + 1);
        (self.stopped, self.leaving, self.ticked) = (false, false, self.clock.at(now));
        self.heard.clear();
        self.unread.clear();
    }

    /// The process of a member interface ends, for another one to follow it.
    ///
    /// # Errors
    /// Why it cannot now; it goes on.
    pub fn lay_down(&mut self) -> Result<Vec<u8>, &'static str> {
        let Some(Process::Mi(mi)) = self.process.as_ref() else { return Err("it is none") };
        let left = mi.mi().bequeath()?;
        self.crash();
        Ok(left)
    }

    /// The process that follows it.
    ///
    /// # Errors
    /// Why it does not take what was left.
    pub fn take_over(
        &mut self,
        (plan, node): (&Plan, NodeId),
        params: Params,
        left: &[u8],
        now: u64,
    ) -> Result<Vec<Action>, &'static str> {
        let Post::Mi { servers } = &plan.sites()[node].post else { return Err("it is none") };
        self.begin(now);
        let life = Life { address: plan.sites()[node].address, inc: self.inc };
        let mut actions = Vec::new();
        let mi = Alone::inherit(config_of((plan, servers), life, params), left, &mut actions)?;
        self.process = Some(Process::Mi(Box::new(mi)));
        self.rearm();
        Ok(actions)
    }

    /// The process is gone without a word.
    pub fn crash(&mut self) -> bool {
        self.unread.clear();
        self.heard.clear();
        (self.stopped, self.wake) = (false, u64::MAX);
        self.process.take().is_some()
    }

    /// Whether a process is there and is run.
    pub fn runs(&self) -> bool {
        self.process.is_some() && !self.stopped
    }

    /// The tick of the world at which it must be called.
    pub fn wake(&self) -> u64 {
        if self.runs() { self.wake } else { u64::MAX }
    }

    /// A datagram reaches a stopped process: its socket keeps it, if there is room.
    pub fn keep(&mut self, datagram: Datagram) {
        if self.unread.len() < SOCKET {
            self.unread.push(datagram);
        }
    }

    /// What came while it was stopped.
    pub fn take_unread(&mut self) -> Vec<Datagram> {
        std::mem::take(&mut self.unread)
    }

    /// From now on its clock runs at another rate: so many ticks in a thousand.
    pub fn drift(&mut self, rate: u64, now: u64) {
        let base = self.clock.at(now);
        self.clock = Clock { since: now, base, rate };
        self.rearm();
    }

    /// The ticks up to `now` that it has not heard of, as one. What it does with them, and whether it had said so.
    pub fn tick(&mut self, now: u64) -> (Vec<Action>, Option<Early>) {
        let passed = self.clock.at(now).saturating_sub(self.ticked);
        let elapsed = u32::try_from(passed).unwrap_or(u32::MAX);
        let Some(process) = self.process.as_mut().filter(|_| elapsed > 0) else {
            return (Vec::new(), None);
        };
        let due = process.due();
        let mut actions = Vec::new();
        process.step(Input::Tick { elapsed }, &mut actions);
        self.ticked += passed;
        self.rearm();
        let early = elapsed < due && !actions.is_empty();
        (actions, early.then_some(Early { due, elapsed }))
    }

    /// Any other input. The clock must have been brought up to date by [`Node::tick`] before.
    pub fn input(&mut self, input: Input<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(process) = &mut self.process {
            process.step(input, &mut actions);
            self.rearm();
        }
        actions
    }

    fn rearm(&mut self) {
        let due = self.process.as_ref().map_or(u32::MAX, Process::due);
        self.wake = match due {
            u32::MAX => u64::MAX,
            due => self.clock.when(self.ticked + u64::from(due)),
        };
    }
}

/// What a member interface is told at its start.
fn config_of((plan, servers): (&Plan, &[NodeId]), life: Life, params: Params) -> MiConfig {
    let home = plan.sites()[servers[0]].address;
    let Below::Lan { name: lan, .. } = Below::lan_of(home, false) else {
        unreachable!("a LAN's name is that of a LAN");
    };
    let servers = servers.iter().map(|&server| plan.sites()[server].address).collect();
    MiConfig { life, lan, servers, params, built_in: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_drifts_goes_on_from_where_it_is() {
        let slow = Clock { since: 100, base: 50, rate: 800 };
        assert_eq!((slow.at(100), slow.at(110), slow.at(111)), (50, 58, 58));
        for local in 50..80 {
            let when = slow.when(local);
            assert!(slow.at(when) >= local && (when == 100 || slow.at(when - 1) < local));
        }
    }
}
