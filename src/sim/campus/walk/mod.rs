//! Random schedules: a seed decides a hierarchy, its applications and what happens to them; then all faults end, and
//! everybody must come to rest.
//!
//! ```text
//! boot ──> fault or call, some ticks, ... ──> all heal, all run ──> rest ──> stay
//! ```
//!
//! Every schedule draws a handful of the kinds of fault first and then uses only these, because a schedule of everything
//! at once is always the same noise (Groce and others, "Swarm testing", 2012).

mod fault;
mod rules;

pub use fault::Fault;

use super::invariants::Violation;
use super::plan::Plan;
use super::play::params;
use super::transcript::transcript;
use super::world::Campus;
use crate::proto::coreset::Founding;
use crate::proto::params::{PROFILES, Params};
use crate::sim::links::Weather;
use crate::sim::rng::Rng;
use crate::sim::tally::Tally;

/// Ticks in which a hierarchy must stand, and its applications come to rest, once the faults have ended.
const BOUND: u32 = 4000;
/// Ticks for which all must then stay as it is: longer than any timer of the monitoring.
const STAY: u32 = 700;
/// Most mservers of a hierarchy.
const MSERVERS: usize = 14;

/// What became of a schedule.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Applications.
    pub apps: usize,
    /// Ticks in all.
    pub ticks: u64,
    /// Ticks from the end of the faults to rest.
    pub rested: u64,
    /// What happened.
    pub tally: Tally,
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
}

/// A schedule again, with everything to look at.
#[derive(Clone, Debug)]
pub struct Replay {
    /// As [`walk`] gives it.
    pub report: Report,
    /// Every event.
    pub transcript: String,
}

/// Bounds of the schedules.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// Nothing fails: applications come, join and leave, and that is all.
    pub calm: bool,
    /// The network may fall into parts that live on for themselves.
    pub partitions: bool,
    /// Some groups are weak.
    pub weak: bool,
    /// Some groups gather changes.
    pub gathers: bool,
}

/// The schedule of a seed.
pub fn walk(seed: u64, limits: Limits) -> Report {
    run(seed, limits, false).0
}

/// The same schedule, with its transcript.
pub fn replay(seed: u64, limits: Limits) -> Replay {
    let (report, campus) = run(seed, limits, true);
    Replay { report, transcript: transcript(campus.plan(), campus.events()) }
}

fn run(seed: u64, limits: Limits, record: bool) -> (Report, Campus) {
    let mut rng = Rng::new(seed);
    let (plan, params) = (hierarchy(&mut rng), timings(&mut rng));
    let mut campus = Campus::new(rng.draw(), plan, params);
    campus.gathers = limits.gathers;
    if record {
        campus.record();
    }
    let calm = rng.chance(100) || limits.calm;
    let mut faults = if calm { Fault::CALM.to_vec() } else { swarm(&mut rng, limits) };
    if limits.weak {
        faults.extend([Fault::Weak; 4]);
    }
    let nodes = campus.plan().sites().len();
    campus.say(format!("seed {seed}, {nodes} nodes, {faults:?}, {params:?}"));
    boot(&mut campus, &mut rng, calm);
    applications(&mut campus, &mut rng);
    for _ in 0..rng.between(8, 40) {
        if campus.violation().is_some() {
            break;
        }
        if let Some(fault) = rng.pick(&faults) {
            fault.strike(&mut campus, &mut rng);
        }
        let ticks = if rng.chance(100) { rng.between(30, 200) } else { rng.between(0, 25) };
        campus.run(ticks);
    }
    let rested = end(&mut campus);
    judge_calm(&mut campus, calm);
    let report = Report {
        seed,
        nodes,
        apps: campus.apps().count(),
        ticks: campus.now(),
        rested,
        tally: campus.tally().clone(),
        violation: campus.violation().cloned(),
    };
    (report, campus)
}

/// One to three levels of mservers, member interfaces below.
fn hierarchy(rng: &mut Rng) -> Plan {
    let levels = if rng.chance(400) { 1 } else { 2 + rng.below(2) };
    let fans = loop {
        let fans: Vec<usize> = (0..levels).map(|_| 1 + rng.below(4)).collect();
        let mservers: usize = fans
            .iter()
            .scan(1, |all, fan| {
                *all *= fan;
                Some(*all)
            })
            .sum();
        if mservers <= MSERVERS {
            break fans;
        }
    };
    let lans: usize = fans.iter().product();
    let most = (12 / lans).clamp(1, 3);
    let mut plan = Plan::tree(&fans, 1 + rng.below(most));
    if rng.chance(500) {
        plan = plan.with_standbys();
    }
    if rng.chance(500) {
        plan = plan.with_alternatives();
    }
    plan
}

/// The timings of the model, or others near them, or those of the default profile.
fn timings(rng: &mut Rng) -> Params {
    if rng.chance(500) {
        return params();
    }
    if rng.chance(200) {
        return PROFILES[0].params();
    }
    Params {
        reply: rng.between(3, 6),
        retries: rng.between(1, 6),
        query: rng.between(20, 60),
        confirm: rng.between(0, 2),
        ..params()
    }
}

fn swarm(rng: &mut Rng, limits: Limits) -> Vec<Fault> {
    let may = |fault: &Fault| limits.partitions || !Fault::PARTITIONS.contains(fault);
    let mut faults: Vec<Fault> =
        Fault::ALL.iter().copied().filter(|_| rng.chance(300)).filter(may).collect();
    // Somebody must come back for what goes, and somebody must want something.
    faults.extend([Fault::Start, Fault::Heal, Fault::Join, Fault::Join, Fault::Leave]);
    if limits.partitions {
        faults.extend(Fault::RULED);
    }
    faults
}

/// All in one instant, or one after another.
fn boot(campus: &mut Campus, rng: &mut Rng, calm: bool) {
    let at_once = rng.chance(500);
    for node in 0..campus.plan().sites().len() {
        campus.start(node, Founding::IfNone);
        if !at_once {
            let ticks = rng.between(0, 20);
            campus.run(ticks);
        }
    }
    if calm || rng.chance(800) {
        campus.run_until(BOUND, Campus::stands);
    }
}

/// A few for each node that serves them, most of which want something from the beginning.
fn applications(campus: &mut Campus, rng: &mut Rng) {
    let nodes: Vec<usize> = campus.plan().served().collect();
    for _ in 0..2 + rng.below(19) {
        let Some(node) = rng.pick(&nodes) else { return };
        campus.app(node);
        if rng.chance(300) {
            Fault::Join.strike(campus, rng);
        }
    }
}

/// All faults end, and everybody comes back. The ticks that it takes to come to rest.
fn end(campus: &mut Campus) -> u64 {
    campus.say("all faults end");
    campus.network.heal();
    campus.network.unsift();
    campus.network.weather = Weather::default();
    let nodes = campus.plan().sites().len();
    for node in 0..nodes {
        campus.drift(node, 1000);
        campus.resume(node);
    }
    let begun = campus.now();
    let down = |campus: &Campus| (0..nodes).find(|node| !campus.is_up(*node));
    loop {
        while let Some(node) = down(campus) {
            campus.start(node, Founding::IfNone);
        }
        let leaves = |campus: &Campus| (0..nodes).any(|node| campus.is_leaving(node));
        let stands = |campus: &Campus| campus.stands() && !leaves(campus);
        campus.run_until(BOUND, |campus| stands(campus) || down(campus).is_some());
        if down(campus).is_none() {
            break;
        }
    }
    if let Some(first) = campus.unfinished().filter(|_| campus.violation().is_none()) {
        let second = format!("{BOUND} ticks after the last fault");
        campus.report(Violation { rule: "STANDS", tick: campus.now(), first, second });
    }
    campus.run_until(BOUND, |campus| campus.rests().is_ok());
    let rested = campus.now() - begun;
    // What was lost for good is given up by now, which may make others change; then nothing happens any more.
    campus.run(STAY);
    campus.run_until(BOUND, |campus| campus.rests().is_ok());
    if let Err(violation) = campus.rests() {
        campus.report(violation);
    }
    rested
}

/// Where nothing fails nobody is cut off, gets a view anew, or loses its mserver.
fn judge_calm(campus: &mut Campus, calm: bool) {
    // A view may be told whole without a fault: to one whose branch was taken for empty just before.
    let found = ["failed", "partitioned", "mservers lost"]
        .into_iter()
        .find(|what| campus.tally().of(what) > 0);
    if let Some(what) = found.filter(|_| calm) {
        let second = format!("{what}: {}", campus.tally().of(what));
        let first = "nothing had failed".to_string();
        campus.report(Violation { rule: "CALM", tick: campus.now(), first, second });
    }
}
