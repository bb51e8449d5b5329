//! A campus: nodes, a network between them, applications, and time, all of it inside one value.
//!
//! ```text
//! tick:  1. every datagram that is due is read, in the order of (due, sent)
//!        2. every process with something due hears of the tick, node by node
//! ```
//!
//! Ticks at which nothing is due are leapt over; a process hears of them before its next input, as one. A campus that
//! is diligent leaps over none, and is the same campus: that proves what processes say of when they are due.

use super::event::{Event, Fate, What};
use super::invariants::{
    Hush, Known, Members, Registries, Resting, Violation, Wish, alike, at_rest, settled,
};
use super::node::{Node, Process};
use super::plan::{NodeId, Plan};
use super::sieve::Network;
use crate::name::GroupName;
use crate::proto::coreset::{CoreSet, Founding};
use crate::proto::group::Role;
use crate::proto::mi::LocalCall;
use crate::proto::mserver::{Mserver, Seat, Side};
use crate::proto::params::Params;
use crate::proto::step::{Input, Via};
use crate::sim::rng::Rng;
use crate::sim::tally::Tally;
use crate::sorted::Sorted as _;
use crate::wire::coreset::Position;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::rc::Rc;

/// A datagram under way to a node.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub to: NodeId,
    pub from: SocketAddrV4,
    /// The IP multicast group that it went to, if it did.
    pub group: Option<SocketAddrV4>,
    pub bytes: Rc<[u8]>,
}

/// An application: a script's hand on a node.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub node: NodeId,
    pub alive: bool,
    pub calls: Vec<LocalCall>,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Campus {
    pub(super) plan: Rc<Plan>,
    pub(super) params: Params,
    pub(super) now: u64,
    posted: u64,
    pub(super) under_way: BTreeMap<(u64, u64), Letter>,
    pub(super) nodes: Vec<Node>,
    pub(super) apps: Vec<App>,
    /// The network.
    pub network: Network,
    /// Who creates a group may choose that its changes are gathered.
    pub gathers: bool,
    pub(super) members: Members,
    pub(super) hush: Hush,
    pub(super) registries: Registries,
    pub(super) other: Option<Violation>,
    pub(super) tally: Tally,
    pub(super) log: Option<Vec<Event>>,
    /// Datagrams of the past, to be sent again.
    pub(super) past: Vec<(SocketAddrV4, Rc<[u8]>)>,
    pub(super) rng: Rng,
    diligent: bool,
}

impl Campus {
    /// A campus on which nothing runs yet.
    pub fn new(seed: u64, plan: Plan, params: Params) -> Campus {
        let mut rng = Rng::new(seed);
        Campus {
            nodes: vec![Node::default(); plan.sites().len()],
            plan: Rc::new(plan),
            params,
            now: 0,
            posted: 0,
            under_way: BTreeMap::new(),
            apps: Vec::new(),
            network: Network::new(rng.fork()),
            gathers: false,
            members: Members::default(),
            hush: Hush::default(),
            registries: Registries::default(),
            other: None,
            tally: Tally::default(),
            log: None,
            past: Vec::new(),
            rng,
            diligent: false,
        }
    }

    /// From now on no tick is leapt over.
    pub fn be_diligent(&mut self) {
        self.diligent = true;
    }

    /// The hierarchy.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The present tick.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// What was counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Keeps a log of all events from here on.
    pub fn record(&mut self) {
        self.log = Some(Vec::new());
    }

    /// The events since [`Campus::record`].
    pub fn events(&self) -> &[Event] {
        self.log.as_deref().unwrap_or(&[])
    }

    /// What members were told.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        let of_others = self.registries.violation().or(self.other.as_ref());
        self.members.violation().or(self.hush.violation()).or(of_others)
    }

    /// Reports what broke a rule.
    pub fn report(&mut self, violation: Violation) {
        self.other.get_or_insert(violation);
    }

    pub(super) fn broken(&mut self, rule: &'static str, first: String, second: String) {
        self.report(Violation { rule, tick: self.now, first, second });
    }

    /// Puts a remark into the log.
    pub fn say(&mut self, text: impl Into<String>) {
        self.event(What::Story(text.into()));
    }

    pub(super) fn event(&mut self, what: What) {
        if let Some(log) = &mut self.log {
            log.push(Event { tick: self.now, what });
        }
    }

    pub(super) fn post(&mut self, due: u64, letter: Letter) {
        self.posted += 1;
        self.under_way.insert((due, self.posted), letter);
    }

    /// The mserver on a node.
    pub fn mserver(&self, node: NodeId) -> Option<&Mserver> {
        match &self.nodes[node].process {
            Some(Process::Mserver(mserver)) => Some(mserver),
            _ => None,
        }
    }

    /// Whether a process is there, stopped or not.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.nodes[node].process.is_some()
    }

    /// Whether a process was told to leave, and is there yet.
    pub fn is_leaving(&self, node: NodeId) -> bool {
        self.is_up(node) && self.nodes[node].leaving
    }

    /// Whether the process on a node is stopped.
    pub fn is_stopped(&self, node: NodeId) -> bool {
        self.nodes[node].stopped
    }

    /// Starts a process where none runs.
    pub fn start(&mut self, node: NodeId, founding: Founding) {
        if self.nodes[node].inc.0 > 0 {
            self.tally.count("restarts");
        }
        let plan = Rc::clone(&self.plan);
        let actions = self.nodes[node].start((&plan, node), self.params, founding, self.now);
        let fate = Fate::Starts(self.nodes[node].inc);
        self.event(What::Process { node, fate });
        self.perform(node, actions);
    }

    /// The process on a node is gone without a word, and whatever applications ran there.
    pub fn kill(&mut self, node: NodeId) {
        if self.nodes[node].crash() {
            self.tally.count("crashes");
            self.event(What::Process { node, fate: Fate::Crashes });
            self.orphan(node);
        }
    }

    /// The process of a member interface ends, while its applications wait for the one that follows it.
    ///
    /// # Errors
    /// Why it cannot now; it goes on.
    pub fn lay_down(&mut self, node: NodeId) -> Result<Vec<u8>, &'static str> {
        let left = self.nodes[node].lay_down()?;
        self.say(format!("{} is upgraded", self.plan.sites()[node].name));
        Ok(left)
    }

    /// The process that follows it.
    ///
    /// # Errors
    /// Why it does not take what was left; nothing runs then.
    pub fn take_over(&mut self, node: NodeId, left: &[u8]) -> Result<(), &'static str> {
        let plan = Rc::clone(&self.plan);
        let actions = self.nodes[node].take_over((&plan, node), self.params, left, self.now)?;
        self.say(format!("{} goes on", plan.sites()[node].name));
        self.perform(node, actions);
        Ok(())
    }

    /// Applications do not outlive their host.
    pub(super) fn orphan(&mut self, node: NodeId) {
        self.apps.iter_mut().filter(|app| app.node == node).for_each(|app| app.alive = false);
    }

    /// The process on a node is not run any more.
    pub fn stop(&mut self, node: NodeId) {
        if self.nodes[node].runs() {
            self.nodes[node].stopped = true;
            self.tally.count("stops");
            self.event(What::Process { node, fate: Fate::Stops });
        }
    }

    /// A stopped process reads all that came meanwhile, then hears how long it was away.
    pub fn resume(&mut self, node: NodeId) {
        if !self.nodes[node].stopped {
            return;
        }
        self.nodes[node].stopped = false;
        self.event(What::Process { node, fate: Fate::Continues });
        for datagram in self.nodes[node].take_unread() {
            let (via, from) = (datagram.via, datagram.from);
            let actions =
                self.nodes[node].input(Input::Datagram { via, from, bytes: &datagram.bytes });
            self.perform(node, actions);
        }
        self.find_gone(node);
        let (actions, _) = self.nodes[node].tick(self.now);
        self.perform(node, actions);
    }

    /// A process is told to leave in good order.
    pub fn dismiss(&mut self, node: NodeId) {
        if self.nodes[node].runs() {
            self.nodes[node].leaving = true;
            self.event(What::Process { node, fate: Fate::Leaves });
            self.input(node, Input::Stop);
        }
    }

    /// So many ticks of a thousand pass on a node.
    pub fn drift(&mut self, node: NodeId, rate: u64) {
        if self.nodes[node].runs() {
            let (actions, _) = self.nodes[node].tick(self.now);
            self.perform(node, actions);
        }
        self.nodes[node].drift(rate, self.now);
    }

    /// Nothing gets from any of `these` to any of `those` any more, nor back.
    pub fn cut(&mut self, these: &[NodeId], those: &[NodeId]) {
        let names = |all: &[NodeId]| {
            let names: Vec<&str> =
                all.iter().map(|n| self.plan.sites()[*n].name.as_str()).collect();
            names.join(" ")
        };
        self.say(format!("cut {} | {}", names(these), names(those)));
        for &a in these {
            for &b in those {
                self.network.cut(a, b);
                self.network.cut(b, a);
            }
        }
    }

    /// Everybody hears everybody again.
    pub fn heal(&mut self) {
        self.say("heal");
        self.network.heal();
    }

    /// Lets time pass: so many ticks, fewer if a rule is broken.
    pub fn run(&mut self, ticks: u32) {
        let end = self.now + u64::from(ticks);
        while self.now < end && self.violation().is_none() {
            self.advance(end);
        }
    }

    /// Lets time pass until something is so, for `limit` ticks at most; whether it is so.
    pub fn run_until(&mut self, limit: u32, mut so: impl FnMut(&Campus) -> bool) -> bool {
        let end = self.now + u64::from(limit);
        loop {
            if so(self) {
                return true;
            }
            if self.now >= end || self.violation().is_some() {
                return false;
            }
            self.advance(end);
        }
    }

    /// The next tick at which something happens, but `end` at the latest.
    fn advance(&mut self, end: u64) {
        let next = match self.diligent {
            true => self.now + 1,
            false => {
                let letter = self.under_way.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
                let wake = self.nodes.iter().map(Node::wake).min().unwrap_or(u64::MAX);
                letter.min(wake)
            }
        };
        self.now = next.clamp(self.now + 1, end.max(self.now + 1));
        self.tick();
    }

    fn tick(&mut self) {
        self.read_due();
        for node in 0..self.nodes.len() {
            let due = self.nodes[node].wake() <= self.now || self.diligent;
            if due && self.nodes[node].runs() {
                self.tick_node(node, self.now);
            }
        }
    }

    /// Whether every set has come together: all its mservers that run are in one view, with a parent if one runs.
    pub fn stands(&self) -> bool {
        self.unfinished().is_none()
    }

    /// A set that is not one, or a member interface that is not registered, if there is such.
    pub fn unfinished(&self) -> Option<String> {
        let sets = self.plan.sets();
        let set = sets.iter().find(|(set, level)| {
            let members = self.plan.members(*set);
            let running: Vec<NodeId> =
                members.into_iter().filter(|node| self.nodes[*node].runs()).collect();
            let (peers, parents): (Vec<NodeId>, Vec<NodeId>) = running
                .into_iter()
                .partition(|node| self.plan.sets_of(*node).first() == Some(&(*set, *level)));
            !self.is_one(&peers, !parents.is_empty())
        });
        let alone = self.nodes.iter().position(|node| match &node.process {
            Some(Process::Mi(mi)) => !mi.mi().is_registered(),
            _ => false,
        });
        let set = set.map(|(set, _)| format!("{set} is not one"));
        set.or(alone.map(|node| format!("{} is not registered", self.plan.sites()[node].name)))
    }

    fn is_one(&self, peers: &[NodeId], with_parent: bool) -> bool {
        let views = peers.iter().map(|node| {
            let set = self.mserver(*node).and_then(Mserver::peers).and_then(Seat::set);
            set.and_then(CoreSet::view)
        });
        let mut position: Option<Position> = None;
        for view in views {
            let Some(view) = view else { return false };
            let all = peers.iter().all(|peer| view.contains(self.plan.sites()[*peer].address));
            if !all || view.parent.is_some() != with_parent {
                return false;
            }
            if *position.get_or_insert(view.position) != view.position {
                return false;
            }
        }
        true
    }

    /// What all mservers know, of each of their sets and of their LANs.
    pub fn knowledge(&self) -> Vec<Known<'_>> {
        (0..self.nodes.len()).flat_map(|node| self.knowledge_of(node)).collect()
    }

    pub(super) fn knowledge_of(&self, node: NodeId) -> Vec<Known<'_>> {
        let Some(mserver) = self.mserver(node) else { return Vec::new() };
        let who = self.plan.sites()[node].address;
        let of_set = |side: Side| {
            let registry = mserver.groups().registry(side)?;
            let view = mserver.seat(side)?.set()?.view()?;
            let (set, level, position) = (view.name.base, view.level, Some(view.position));
            Some(Known { who, set, level, position, registry })
        };
        let lan = mserver.groups().lan().map(|lan| {
            let (set, registry) = (lan.name(), lan.registry());
            Known { who, set, level: 0, position: None, registry }
        });
        [Side::Peer, Side::Child].into_iter().filter_map(of_set).chain(lan).collect()
    }

    /// The sets, and LANs, of which somebody holds that they decide a group of that name.
    pub fn cores(&self, group: GroupName) -> BTreeSet<GroupName> {
        let knowledge = self.knowledge();
        let decides = |known: &&Known<'_>| {
            let record = known.registry.get((group, None));
            record.is_some_and(|record| matches!(record.role, Role::Core { .. }))
        };
        knowledge.iter().filter(decides).map(|known| known.set).sorted_set()
    }

    /// Whether every application stands as it should once the faults have ended.
    ///
    /// # Errors
    /// What does not.
    pub fn rests(&self) -> Result<(), Violation> {
        let wishes: Vec<Wish<'_>> = self
            .apps
            .iter()
            .enumerate()
            .map(|(app, entry)| Wish { log: app as u64, alive: entry.alive, calls: &entry.calls })
            .collect();
        let tick = self.now;
        let live = settled(&Resting { now: tick, members: &self.members, wishes: &wishes })?;
        let broken = |(rule, first, second)| Violation { rule, tick, first, second };
        at_rest(&self.knowledge(), &live).map_err(broken)?;
        let replicas = (0..self.nodes.len()).filter_map(|node| Some((node, self.mserver(node)?)));
        let held = replicas.flat_map(|(node, mserver)| {
            mserver.groups().weak().map(move |weak| (self.plan.sites()[node].address, weak))
        });
        alike(held).map_err(broken)
    }

    /// One of the datagrams of the past arrives again, at any node.
    pub fn replay(&mut self) {
        let Some((from, bytes)) = self.rng.pick(&self.past) else { return };
        let to = self.rng.below(self.nodes.len());
        if self.plan.sites()[to].address != from {
            self.tally.count("replayed");
            self.post(self.now + 1, Letter { to, from, group: None, bytes });
        }
    }

    pub(super) fn via(group: Option<SocketAddrV4>) -> Via {
        group.map_or(Via::Own, |_| Via::Group)
    }
}
