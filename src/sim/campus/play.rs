//! A campus on which a scenario is played, what it expected in vain, and the words that tell it.

use super::event::{AppId, What};
use super::invariants::{Standing, Violation};
use super::plan::{NodeId, Plan};
use super::sieve::Sieve;
use super::transcript::transcript;
use super::world::Campus;
use crate::name::GroupName;
use crate::proto::coreset::Founding;
use crate::proto::mi::LocalEvent;
use crate::proto::mserver::Below;
use crate::proto::params::Params;
use crate::sim::links::Catch;
use crate::wire::group::{MemberId, Refusal};
use std::net::SocketAddrV4;
use std::ops::{Deref, DerefMut};

/// Ticks in which a campus must come to rest.
const BOUND: u32 = 3000;
/// Ticks for which it must then stay as it is: longer than any timer of the monitoring.
const STAY: u32 = 300;
/// Ticks after which those who may find another way are waited for no longer, and cores have moved down.
const SETTLED: u32 = 700;

/// A played scenario. It is its campus, whose vocabulary tells the story.
#[derive(Clone, Debug)]
pub struct Play {
    campus: Campus,
    failed: Vec<String>,
}

impl Deref for Play {
    type Target = Campus;

    fn deref(&self) -> &Campus {
        &self.campus
    }
}

impl DerefMut for Play {
    fn deref_mut(&mut self) -> &mut Campus {
        &mut self.campus
    }
}

/// The timings of scenarios: those that core-sets are specified with.
pub fn params() -> Params {
    Params {
        tick_ms: 10,
        query: 60,
        reply: 5,
        retries: 2,
        report_each_round: false,
        confirm: 0,
        merge: 0,
    }
}

/// A group's name, as stories write it.
///
/// # Panics
/// If it is none.
pub fn group(name: &str) -> GroupName {
    name.parse().expect("a story names its groups plainly")
}

impl Play {
    /// A hierarchy that stands, and nothing else.
    ///
    /// # Panics
    /// If it does not come to stand: then there is nothing to tell.
    pub fn of(plan: Plan) -> Play {
        let mut campus = Campus::new(1, plan, params());
        for node in 0..campus.plan().sites().len() {
            campus.start(node, Founding::IfNone);
        }
        let stands = campus.run_until(BOUND, Campus::stands);
        assert!(stands, "the hierarchy does not stand: {:?}", campus.violation());
        campus.run(100);
        campus.record();
        Play { campus, failed: Vec::new() }
    }

    /// Whatever was expected and did not happen: nothing, if the protocol does what it should.
    pub fn failed(&self) -> &[String] {
        &self.failed
    }

    /// Every event, in lines.
    pub fn transcript(&self) -> String {
        transcript(self.plan(), self.events())
    }

    /// Notes what was expected in vain.
    pub fn expect(&mut self, so: bool, what: impl Into<String>) {
        if !so {
            let why = self.violation().map(|v| format!(" ({v})")).unwrap_or_default();
            self.failed.push(format!("t{}: expected: {}{why}", self.now(), what.into()));
        }
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> NodeId {
        self.plan().node(name)
    }

    /// A new application on the node of that name.
    pub fn on(&mut self, name: &str) -> AppId {
        let node = self.node(name);
        self.app(node)
    }

    /// New applications on nodes, one each, that join a group one after another.
    pub fn members(&mut self, name: &str, nodes: &[&str]) -> Vec<AppId> {
        let mut all = Vec::new();
        for node in nodes {
            let app = self.on(node);
            all.push(app);
            self.join(app, group(name));
            self.until_in(name, &all);
        }
        all
    }

    /// The process on the node of that name is gone.
    pub fn crash(&mut self, name: &str) {
        let node = self.node(name);
        self.kill(node);
    }

    /// A process on the node of that name, again.
    pub fn restart(&mut self, name: &str) {
        let node = self.node(name);
        self.start(node, Founding::IfNone);
    }

    /// The next `left` datagrams of a name from one node to another are lost.
    pub fn lose(&mut self, name: &'static str, from: &str, to: &str, left: u32) {
        self.say(format!("lose {left} {name} {from} -> {to}"));
        self.sift(name, from, to, (Catch::Lose, left));
    }

    /// The next datagram of a name from one node to another arrives so many ticks later.
    pub fn delay(&mut self, name: &'static str, from: &str, to: &str, ticks: u32) {
        self.say(format!("delay {name} {from} -> {to} by {ticks}"));
        self.sift(name, from, to, (Catch::Delay(ticks), 1));
    }

    /// The next datagram of a name from one node to another arrives again, so many ticks later.
    pub fn repeat(&mut self, name: &'static str, from: &str, to: &str, ticks: u32) {
        self.say(format!("repeat {name} {from} -> {to} after {ticks}"));
        self.sift(name, from, to, (Catch::Repeat(ticks), 1));
    }

    fn sift(&mut self, name: &'static str, from: &str, to: &str, (catch, left): (Catch, u32)) {
        let (from, to) = (Some(self.node(from)), Some(self.node(to)));
        self.network.sift(Sieve { name: Some(name), from, to, catch, left });
    }

    /// Lets time pass until something is so.
    pub fn until(&mut self, what: &str, so: impl FnMut(&Campus) -> bool) {
        let happened = self.campus.run_until(BOUND, so);
        self.expect(happened, what);
    }

    /// Lets time pass until a node sends a datagram of a name, and to the end of that tick.
    pub fn until_sent(&mut self, name: &str, from: &str) {
        let (before, node) = (self.events().len(), self.node(from));
        self.until(&format!("{from} sends {name}"), |campus| {
            campus.events()[before..].iter().any(|event| match &event.what {
                What::Sent { from, speech, .. } => *from == node && speech.name() == name,
                _ => false,
            })
        });
    }

    /// Lets time pass until all of these are in one view of a group, in the order of seniority, and nobody else.
    pub fn until_in(&mut self, name: &str, apps: &[AppId]) {
        let wanted: Vec<String> = apps.iter().map(|app| format!("p{}", app + 1)).collect();
        let group = group(name);
        let happened = self.campus.run_until(BOUND, |campus| are_in(campus, group, apps));
        let found: Vec<String> = apps
            .iter()
            .map(|app| format!("{:?}", self.view(*app, group).map(|v| (v.term, v.number))))
            .collect();
        let found = found.join(" ");
        self.expect(happened, format!("{name} of {}, has {found}", wanted.join(" ")));
    }

    /// Lets time pass until an application is out of a group, or was never let in.
    pub fn until_out(&mut self, name: &str, app: AppId) {
        let group = group(name);
        self.until(&format!("p{} out of {name}", app + 1), |campus| {
            matches!(campus.member(app, group), Some((_, Standing::Out)))
        });
    }

    /// Lets time pass until an application is told that a call is refused, for this reason.
    pub fn until_refused(&mut self, app: AppId, why: Refusal) {
        self.until(&format!("p{} refused: {why:?}", app + 1), |campus| {
            campus.events().iter().any(|event| match &event.what {
                What::Told { app: whom, event: LocalEvent::Refused { refusal, .. } } => {
                    *whom == app && *refusal == why
                }
                _ => false,
            })
        });
    }

    /// Whether the node of that name is the parent of the set below it, and does not stand by.
    pub fn is_parent(&self, name: &str) -> bool {
        let node = self.node(name);
        let address = self.plan().sites()[node].address;
        let child = self.plan().sets_of(node).get(1).map(|(set, _)| *set);
        let below = child.map(|set| self.plan().members(set)).unwrap_or_default();
        let view = |node: &NodeId| {
            let set = self.mserver(*node)?.peers()?.set()?;
            set.view().and_then(|view| view.parent)
        };
        below.iter().filter(|other| **other != node).any(|other| view(other) == Some(address))
    }

    /// Lets time pass until a set, or the LAN of a mserver of that name, and nobody else decides a group.
    pub fn until_core(&mut self, name: &str, place: &str) {
        let group = group(name);
        let site = self.plan().sites().iter().find(|site| site.name == place);
        let set = site.map_or_else(|| place.to_string(), |site| lan_of(site.address).to_string());
        self.until(&format!("the core of {name} in {place}"), |campus| {
            let cores = campus.cores(group);
            cores.len() == 1 && cores.iter().all(|core| core.to_string() == set)
        });
    }

    /// The end: every application stands as it should, no rule was broken, and nothing more happens.
    pub fn end(mut self) -> Play {
        let mut rests = self.campus.run_until(BOUND, |campus| campus.rests().is_ok());
        if rests {
            self.campus.run(SETTLED);
            rests = self.campus.run_until(BOUND, |campus| campus.rests().is_ok());
        }
        let why = self.rests().err().map(|v| v.to_string()).unwrap_or_default();
        self.expect(rests, format!("rest, but {why}"));
        let mut later = self.campus.clone();
        later.run(STAY);
        self.expect(told(&later) == told(&self.campus), "a quiet end");
        if let Some(violation) = later.violation() {
            self.failed.push(violation.to_string());
        } else if let Err(Violation { rule, first, second, .. }) = later.rests() {
            self.failed.push(format!("no rest: {rule}: {first}; {second}"));
        }
        self
    }
}

/// Whether these, and nobody else, are in one view of a group.
pub fn are_in(campus: &Campus, group: GroupName, apps: &[AppId]) -> bool {
    let members: Option<Vec<MemberId>> =
        apps.iter().map(|app| campus.member(*app, group).map(|(id, _)| id)).collect();
    let Some(members) = members else { return false };
    let views: Option<Vec<_>> = apps.iter().map(|app| campus.view(*app, group)).collect();
    views.is_some_and(|views| {
        views.windows(2).all(|two| two[0].digest == two[1].digest)
            && views
                .iter()
                .all(|v| v.roster.iter().map(|entry| entry.id).eq(members.iter().copied()))
    })
}

/// The LAN of a mserver.
fn lan_of(address: SocketAddrV4) -> GroupName {
    match Below::lan_of(address, false) {
        Below::Lan { name, .. } | Below::Set(name) => name,
    }
}

/// Events that applications were told.
fn told(campus: &Campus) -> usize {
    let told = |event: &&super::event::Event| matches!(event.what, What::Told { .. });
    campus.events().iter().filter(told).count()
}
