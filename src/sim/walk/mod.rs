//! Random schedules: a seed decides a world and what happens to it; then all faults end, and it must
//! come to rest.
//!
//! ```text
//! boot ──> fault, some ticks, fault, some ticks, ... ──> two halves? rest ──> all heal, rest ──> stay
//! ```
//!
//! Every schedule draws at most a handful of the kinds of fault first and then uses only these, because a schedule of everything
//! at once is always the same noise (Groce and others, "Swarm testing", 2012).

mod fault;

pub use fault::Fault;

use super::diagram::Diagram;
use super::invariants::Violation;
use super::links::{HostId, Weather};
use super::rng::Rng;
use super::tally::Tally;
use super::transcript::transcript;
use super::world::World;
use crate::proto::coreset::{Founding, SetParams};
use crate::proto::params::PROFILES;

/// Ticks in which a world must come to rest once the faults have ended.
const BOUND: u32 = 1500;
/// Ticks for which it must then stay as it is: longer than any timer of the monitoring.
const STAY: u32 = 150;
/// Times that those who are given up may make others lost.
const ROUNDS: u32 = 6;
/// Most hosts of a world whose views remember next to nothing of who departed: there a Merge may send half of its
/// members away to come back in new lives, and with many sides that goes on for long.
const FORGETFUL: usize = 8;

/// What became of a schedule.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Hosts.
    pub hosts: usize,
    /// Ticks in all.
    pub ticks: u64,
    /// Ticks from the end of the faults to rest.
    pub rested: u64,
    /// The longest time in ticks that a change stood still at a mserver.
    pub longest: u32,
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
    /// The same, drawn with characters.
    pub text: String,
    /// The same as a picture.
    pub svg: String,
}

/// Bounds of the schedules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Fewest and most hosts.
    pub hosts: (usize, usize),
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { hosts: (3, 16) }
    }
}

/// The schedule of a seed.
pub fn walk(seed: u64, limits: Limits) -> Report {
    run(seed, limits, false).0
}

/// The same schedule, with its transcript and its diagram.
pub fn replay(seed: u64, limits: Limits) -> Replay {
    let (report, world) = run(seed, limits, true);
    let diagram = Diagram::new(world.events());
    Replay {
        report,
        transcript: transcript(world.events()),
        text: diagram.text(),
        svg: diagram.svg(),
    }
}

/// The world at the end of the schedule of a seed.
pub fn state(seed: u64, limits: Limits) -> World {
    run(seed, limits, false).1
}

fn run(seed: u64, limits: Limits, record: bool) -> (Report, World) {
    let mut rng = Rng::new(seed);
    let hosts = size(&mut rng, limits);
    let mut params = params(&mut rng);
    if hosts > FORGETFUL {
        params.remember = SetParams::default().remember;
    }
    let calm = rng.chance(100);
    if calm {
        // Sides that gave each other up are two sets, and a joiner that asks for either gets into both.
        params.merge = 0;
    }
    let mut world = World::new(rng.draw(), hosts, &World::template(params));
    if record {
        world.record();
    }
    let faults = if calm { Fault::CALM.to_vec() } else { swarm(&mut rng) };
    world.say(format!("seed {seed}, {hosts} hosts, {faults:?}, {params:?}"));
    boot(&mut world, &mut rng, calm);
    let booted = world.tally().of("false isolations");
    for _ in 0..rng.between(4, 16) {
        if world.violation().is_some() {
            break;
        }
        if let Some(fault) = rng.pick(&faults) {
            fault.strike(&mut world, &mut rng);
        }
        let ticks = if rng.chance(100) { rng.between(30, 150) } else { rng.between(0, 25) };
        world.run(ticks);
    }
    let rested = end(&mut world, &mut rng, calm, params.merge);
    let isolated = world.tally().of("false isolations") - booted;
    if calm && isolated > 0 {
        let second = format!("{isolated} members that were up were isolated");
        let first = "nothing had failed".to_string();
        world.report(Violation { rule: "CALM", tick: world.now(), first, second });
    }
    let report = Report {
        seed,
        hosts,
        ticks: world.now(),
        rested,
        longest: world.watch().longest(),
        tally: world.tally().clone(),
        violation: world.violation().cloned(),
    };
    (report, world)
}

/// Small sets more often than large ones: they are cheap, and most faults need few to show.
fn size(rng: &mut Rng, limits: Limits) -> usize {
    let (low, high) = limits.hosts;
    let top = if rng.chance(750) { high.min(low.max(6)) } else { high };
    low + rng.below(top - low + 1)
}

/// The timings of the model, or others near them, or those of the default profile.
fn params(rng: &mut Rng) -> SetParams {
    let model = SetParams::default();
    if rng.chance(500) {
        return model;
    }
    if rng.chance(200) {
        let confirm = rng.between(0, 2);
        return SetParams { confirm, ..SetParams::of(&PROFILES[0].params()) };
    }
    SetParams {
        reply: rng.between(3, 6),
        retries: rng.between(1, 6),
        query: rng.between(20, 60),
        stagger: rng.between(1, 5),
        confirm: rng.between(0, 2),
        remember: if rng.chance(500) { rng.between(0, 3) } else { model.remember },
        merge: if rng.chance(300) { rng.between(50, 300) } else { 0 },
        ..model
    }
}

fn swarm(rng: &mut Rng) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Fault::ALL.iter().copied().filter(|_| rng.chance(350)).collect();
    // Somebody must come back for what goes.
    faults.extend([Fault::Start, Fault::Heal]);
    faults
}

/// All in one instant, one after another, or in two halves that do not know each other.
fn boot(world: &mut World, rng: &mut Rng, calm: bool) {
    let late = rng.below(world.size());
    let now: Vec<HostId> = (0..world.size()).filter(|host| *host != late).collect();
    match rng.below(3) {
        0 => now.iter().for_each(|host| world.start(*host, Founding::IfNone)),
        1 => {
            for &host in &now {
                world.start(host, Founding::IfNone);
                let ticks = rng.between(0, 30);
                world.run(ticks);
            }
        }
        _ => {
            let (these, those) = now.split_at(now.len() / 2);
            if !calm {
                world.cut(these, those);
            }
            now.iter().for_each(|host| world.start(*host, Founding::IfNone));
        }
    }
    if calm || rng.chance(800) {
        world.run_until(400, |world| world.rests(&now));
    }
}

/// All faults end. The ticks that the world takes to come to rest.
fn end(world: &mut World, rng: &mut Rng, calm: bool, merge: u32) -> u64 {
    world.say("all faults end");
    world.links.heal();
    world.links.unfilter();
    world.links.weather = Weather::default();
    if !calm && rng.chance(300) {
        world.links.weather =
            Weather { delay: (0, 2), ordered: rng.chance(500), ..Weather::default() };
    }
    for host in 0..world.size() {
        world.drift(host, 0);
        world.resume(host);
        if world.process(host).is_none() && rng.chance(300) {
            world.start(host, Founding::IfNone);
        }
    }
    if !calm && rng.chance(300) {
        let (these, those): (Vec<HostId>, Vec<HostId>) =
            (0..world.size()).partition(|_| rng.chance(500));
        world.cut(&these, &those);
        rest(world, &[&these, &those]);
        world.heal();
    }
    let all: Vec<HostId> = (0..world.size()).collect();
    let rested = rest(world, &[&all]);
    // What was asked while messages were still lost may be judged now, and who is lost is given up, which may make
    // others lost; afterwards nothing happens any more.
    let mut installs = world.tally().of("installs");
    for _ in 0..ROUNDS {
        world.run(STAY + merge);
        rest(world, &[&all]);
        if world.tally().of("installs")
            == std::mem::replace(&mut installs, world.tally().of("installs"))
        {
            break;
        }
    }
    world.run(STAY);
    if world.tally().of("installs") != installs && world.violation().is_none() {
        let first = "the world had come to rest".to_string();
        let second = "views were installed nevertheless".to_string();
        world.report(Violation { rule: "STABLE", tick: world.now(), first, second });
    }
    rested
}

/// Waits until every component is at rest, and says how long that took.
fn rest(world: &mut World, components: &[&[HostId]]) -> u64 {
    let begun = world.now();
    let rests = |world: &World| components.iter().all(|hosts| world.rests(hosts));
    if !world.run_until(BOUND, rests) {
        let unrest = components.iter().find_map(|hosts| world.unrest(hosts).err());
        if let Some(violation) = unrest {
            world.report(violation);
        }
    }
    world.now() - begun
}
