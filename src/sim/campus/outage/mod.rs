//! What becomes of a hierarchy when something in it fails: played by the real processes, and told in words.
//!
//! ```text
//!   Plan, acts ──> boot, everybody joins ──> act, time ──> act, time ──> report: who lost what, when, what came back
//!                                                 └── look at each view ──> rows ──> chart
//! ```
//!
//! An application on every node that serves them is a member of one group of the whole, and of one of its lowest set. Who
//! is out joins again, as `ms join` does; who comes back, comes back with its application.

mod chart;
mod standing;
mod words;

use super::event::AppId;
use super::invariants::{Standing, Violation};
use super::plan::{NodeId, Plan, Post};
use super::world::Campus;
use crate::name::GroupName;
use crate::proto::coreset::Founding;
use crate::proto::mi::{Ask, LocalCall};
use crate::proto::params::Params;
use crate::sorted::Sorted as _;
use crate::wire::group::{MemberId, Mode, Qos, Scope};
use standing::{Part, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The group of all applications.
const EVERYBODY: &str = "everybody";
/// Ticks in which a hierarchy must stand, and all of its applications be in.
const BOUND: u32 = 12_000;
/// Ticks after which it is looked whether the hierarchy stands, or somebody is out.
const SLICE: u32 = 20;
/// What is counted when somebody has another view.
const VIEWS: [&str; 10] = [
    "set views",
    "created",
    "joined",
    "left",
    "failed",
    "partitioned",
    "merged",
    "split",
    "resynced",
    "outs",
];

/// What is done to a hierarchy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Processes are gone without a word.
    Kill(BTreeSet<NodeId>),
    /// Processes are told to leave in good order.
    Stop(BTreeSet<NodeId>),
    /// Processes come back.
    Start(BTreeSet<NodeId>),
    /// Nothing gets from these nodes to the others, nor back.
    Cut(BTreeSet<NodeId>),
    /// Everybody hears everybody again.
    Heal,
    /// So many ticks pass.
    Wait(u32),
}

/// A step, as it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Act {
    /// In words.
    pub text: String,
    /// What it is.
    pub step: Step,
}

/// A process over time, as far as it saw what it had seen at first.
#[derive(Clone, Debug)]
struct Row {
    node: NodeId,
    /// From each tick on: how many it sees of how many; none if it does not run.
    states: Vec<(u64, Option<(usize, usize)>)>,
}

/// A hierarchy to which something was done.
#[derive(Clone, Debug)]
pub struct Outage {
    campus: Campus,
    apps: BTreeMap<NodeId, AppId>,
    /// Whose each member is, of now and of before.
    who: BTreeMap<MemberId, NodeId>,
    subjects: Vec<Subject>,
    /// Each subject's views, before anything was done.
    whole: Vec<Vec<Part>>,
    /// Each subject's views now.
    now: Vec<Vec<Part>>,
    /// The tick at which it was first as it should be.
    begun: u64,
    rows: Vec<Row>,
    acts: Vec<(u64, String)>,
    report: String,
}

impl Outage {
    /// Boots a hierarchy, with an application on each of the nodes `served`, and does to it what is asked for.
    ///
    /// # Errors
    /// That the hierarchy does not come to stand, and what is missing; or that a rule of the protocol was broken, which is
    /// an error of ours.
    pub fn play(
        plan: Plan,
        params: Params,
        served: &[NodeId],
        acts: &[Act],
    ) -> Result<Outage, String> {
        let mut outage = Outage::boot(plan, params, served)?;
        // Time passes at the waits, and whatever else was asked for between them happens in one instant.
        let mut before = (outage.campus.now(), outage.now.clone());
        for act in acts {
            if let Step::Wait(ticks) = act.step {
                outage.run(ticks);
                outage.tell(&before);
                before = (outage.campus.now(), outage.now.clone());
            } else {
                outage.act(act);
            }
        }
        outage.conclude();
        match outage.campus.violation() {
            Some(violation) => Err(violation.to_string()),
            None => Ok(outage),
        }
    }

    fn boot(plan: Plan, params: Params, served: &[NodeId]) -> Result<Outage, String> {
        let mut campus = Campus::new(1, plan, params);
        for node in 0..campus.plan().sites().len() {
            campus.start(node, Founding::IfNone);
        }
        in_time(&mut campus, |campus| {
            campus.unfinished().map_or(Ok(()), |what| Err(format!("does not stand: {what}")))
        })?;
        let apps = served.iter().map(|&node| (node, campus.app(node)));
        let apps: BTreeMap<NodeId, AppId> = apps.sorted_map();
        let subjects = subjects(campus.plan(), served);
        let (who, rows, acts) = (BTreeMap::new(), Vec::new(), Vec::new());
        let (whole, now, report) = (Vec::new(), vec![Vec::new(); subjects.len()], String::new());
        let mut outage =
            Outage { campus, apps, who, subjects, whole, now, begun: 0, rows, acts, report };
        for node in served {
            outage.join(*node);
        }
        let all = outage.apps.clone();
        let groups = outage.groups_of_all();
        in_time(&mut outage.campus, |campus| {
            let out = all.iter().find(|(node, app)| {
                !groups[*node].iter().all(|(group, size)| {
                    campus.view(**app, *group).is_some_and(|view| view.roster.len() == *size)
                })
            });
            let name = |node: NodeId| campus.plan().sites()[node].name.clone();
            out.map_or(Ok(()), |(node, _)| Err(format!("{} does not get in", name(*node))))
        })?;
        // Whatever still moves, such as cores to where they belong, comes to its end.
        outage.campus.run(10 * SLICE);
        outage.begun = outage.campus.now();
        outage.rows = outage.all_rows();
        outage.look();
        outage.whole = outage.now.clone();
        outage.look();
        outage.introduce();
        Ok(outage)
    }

    /// The groups of each node with an application, and how many members they must have.
    fn groups_of_all(&self) -> BTreeMap<NodeId, Vec<(GroupName, usize)>> {
        let size = |group: &GroupName| {
            self.apps.keys().filter(|node| self.groups_of(**node).contains(group)).count()
        };
        let of = |node: &NodeId| self.groups_of(*node).into_iter().map(|g| (g, size(&g))).collect();
        self.apps.keys().map(|node| (*node, of(node))).sorted_map()
    }

    /// The groups that the application of a node is in.
    fn groups_of(&self, node: NodeId) -> Vec<GroupName> {
        let home = home(self.campus.plan(), node);
        let in_it = |subject: &Subject| match *subject {
            Subject::Group(group) => Some(group),
            Subject::Local(group) => (Some(group) == home).then_some(group),
            Subject::Set(..) => None,
        };
        self.subjects.iter().filter_map(in_it).collect()
    }

    /// The application of a node joins all of its groups that it is not in.
    fn join(&mut self, node: NodeId) {
        let app = self.apps[&node];
        for group in self.groups_of(node) {
            if !self.is_out(app, group) {
                continue;
            }
            let scope = match group.to_string() == EVERYBODY {
                true => Scope::Top,
                false => Scope::Level(1),
            };
            let qos = Qos { membership_scope: scope, name_scope: scope, ..Qos::default() };
            self.campus.join_as(app, group, Mode::JoinOrCreate, qos);
        }
    }

    /// Whether it is out, or was never in, and nothing that it asked for is under way.
    fn is_out(&self, app: AppId, group: GroupName) -> bool {
        let joins = |call: &&LocalCall| call.group == group && matches!(call.ask, Ask::Join { .. });
        match self.campus.member(app, group) {
            Some((_, standing)) => *standing == Standing::Out,
            None => {
                let last = self.campus.apps[app].calls.iter().rev().find(joins);
                let answered =
                    |c: &LocalCall| self.campus.members.is_answered(app as u64, c.number);
                last.is_none_or(answered)
            }
        }
    }

    fn act(&mut self, act: &Act) {
        self.acts.push((self.campus.now(), act.text.clone()));
        let at = self.seconds(self.campus.now() - self.begun);
        // Writing to a String cannot fail.
        let _ = writeln!(self.report, "\n{at}  {}", act.text);
        match &act.step {
            Step::Kill(nodes) => nodes.iter().for_each(|node| self.campus.kill(*node)),
            Step::Stop(nodes) => nodes.iter().for_each(|node| self.campus.dismiss(*node)),
            Step::Start(nodes) => nodes.iter().for_each(|node| self.start(*node)),
            Step::Cut(nodes) => {
                let all = 0..self.campus.plan().sites().len();
                let others: Vec<NodeId> = all.filter(|node| !nodes.contains(node)).collect();
                let nodes: Vec<NodeId> = nodes.iter().copied().collect();
                self.campus.cut(&nodes, &others);
            }
            Step::Heal => self.campus.heal(),
            Step::Wait(_) => {}
        }
        self.look();
    }

    /// A process comes back, and with it its application.
    fn start(&mut self, node: NodeId) {
        if self.campus.is_up(node) {
            return;
        }
        self.campus.start(node, Founding::IfNone);
        if self.apps.contains_key(&node) {
            let app = self.campus.app(node);
            self.apps.insert(node, app);
            self.join(node);
        }
    }

    /// Lets time pass, looking wherever somebody has another view.
    fn run(&mut self, ticks: u32) {
        for tick in 1..=ticks {
            if self.campus.violation().is_some() {
                return;
            }
            let before = self.views();
            self.campus.run(1);
            if tick % SLICE == 0 {
                let alive = |node: &NodeId| self.campus.is_up(*node);
                let all: Vec<NodeId> = self.apps.keys().copied().filter(alive).collect();
                all.into_iter().for_each(|node| self.join(node));
            }
            if tick % SLICE == 0 || self.views() != before {
                self.look();
            }
        }
    }

    /// Views that anybody was ever told.
    fn views(&self) -> u64 {
        VIEWS.iter().map(|what| self.campus.tally().of(what)).sum()
    }

    /// A span of ticks, as a reader has it.
    fn seconds(&self, ticks: u64) -> String {
        format!("{:.2} s", ticks as f64 * f64::from(self.campus.params.tick_ms) / 1000.0)
    }

    /// What happened, in words.
    pub fn report(&self) -> &str {
        &self.report
    }

    /// The rule that was broken, if one was.
    pub fn violation(&self) -> Option<&Violation> {
        self.campus.violation()
    }
}

/// Lets time pass until something is so, looking now and then.
pub(super) fn in_time(
    campus: &mut Campus,
    so: impl Fn(&Campus) -> Result<(), String>,
) -> Result<(), String> {
    let end = campus.now() + u64::from(BOUND);
    loop {
        let Err(why) = so(campus) else { return Ok(()) };
        if let Some(violation) = campus.violation() {
            return Err(violation.to_string());
        }
        if campus.now() >= end {
            return Err(why);
        }
        campus.run(SLICE);
    }
}

/// The lowest set above a node.
fn home(plan: &Plan, node: NodeId) -> Option<GroupName> {
    let server = match &plan.sites()[node].post {
        Post::Mi { servers } => servers[0],
        Post::Mserver { .. } => node,
    };
    plan.sets_of(server).first().map(|(set, _)| *set)
}

/// All that has views: the sets from the highest down, the group of all, and one for each of several lowest sets.
fn subjects(plan: &Plan, served: &[NodeId]) -> Vec<Subject> {
    let mut sets: Vec<(GroupName, u8)> = plan.sets().into_iter().collect();
    sets.sort_unstable_by_key(|(name, level)| (std::cmp::Reverse(*level), *name));
    let mut all: Vec<Subject> =
        sets.iter().map(|(set, level)| Subject::Set(*set, *level)).collect();
    if !served.is_empty() {
        all.push(Subject::Group(EVERYBODY.parse().expect("a name")));
    }
    let homes: BTreeSet<GroupName> =
        served.iter().filter_map(|node| home(plan, *node)).sorted_set();
    let homes = homes.into_iter().filter(|home| home.to_string() != EVERYBODY);
    let homes: Vec<Subject> = homes.map(Subject::Local).collect();
    if homes.len() > 1 {
        all.extend(homes);
    }
    all
}
