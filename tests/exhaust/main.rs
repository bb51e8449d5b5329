//! Every interleaving within a budget: of delivery, loss, duplication, time and crash, on the shipping machine.
//!
//! ```text
//!   state = machines + messages that may arrive + what is left of the budgets
//!   from each: any message arrives | time passes somewhere | somebody crashes
//! ```
//!
//! An explorer of our own, since the machines are values that can be cloned, compared and hashed. Worlds are run to
//! their end, never to a cap; the number of states is asserted (`worlds`), so a change of the protocol shows in it. The
//! shipping invariants (`membership::sim::invariants`) watch, and `sometimes` says what must have occurred.
//!
//! What makes the worlds complete, and why nothing is lost by it:
//!
//! * **The network forgets nothing.** A message that was sent may arrive at any later time, any number of times, or
//!   never. So any number of losses, duplicates and overtakings is in every world, without a budget and without
//!   transitions of their own, and a state with more mail can do whatever one with less can. Of that three
//!   things follow: a state is not new if one with the same machines, no less mail and no less budget was met;
//!   an arrival that changes nothing is no transition; and one that changes nothing but that
//!   it is answered is made at once, in all states, before anything else. Requests and probes
//!   alone arrive once for each time that they are said, since every arrival may start a change
//!   anew, and without end.
//! * **Timers.** Time that passes at one mserver makes every timer due that runs there; retries are 0. So "its
//!   patience ended before the message came" is a budgeted transition, possible at any point. Asking,
//!   submitting and perceiving a failure are mail too: they happen at any point, or never.
//! * **What makes no difference is not compared**, and messages that have had their day are taken away: see
//!   `habits`. `the_reductions_lose_nothing` compares with searches that do none of this.
//! * **One step, once.** The step of one machine with one message is made by the shipping code, over encoded and
//!   decoded bytes, the first time that it occurs; later it is a look into a table (`machines`).
//! * **The invariants once for each thing they can see.** Each rule looks either at one mserver (its step, and what it
//!   has installed, which is part of its identity here) or at pairs of installed views. So a whole run
//!   is told to a `Watch` for each step that is made for the first time and each new combination of
//!   installed views, not for each of the states that differ in nothing which a rule can see.
//!
//! Not asked here: PROGRESS, which is about time, and what must hold once the faults have ended; the walks do.
//!
//! That it bites was tried by hand, a rule taken out of a copy of the machine at a time:
//!
//! | taken out | rule that breaks | world, timers/crashes |
//! |---|---|---|
//! | a Commit counts only for the floor (S2) | FLOOR; if that is not asked: UNIQUE | two of three fail each other 2/1; crossed failures in four 1/1 |
//! | the coordinator waits for the joiner's ACK (S3) | ACKED | any join |
//! | a joiner takes only the INIT of what it ACKed | FLOOR; else AGREE | a third joins 1/1; two join one 1/0 |
//! | digests tell views apart | DIGEST | any |
//! | a resumed change gets a new id (S4) | ONCE | two of three fail each other 2/1, one of four fails 1/0 |
//! | the floor survives a drop (S1) | FLOOR | one and one merge 4/1, two join one 1/0 |
//!
//! Taking out that messages of an older life are ignored (M3) breaks nothing here, nor in random walks.
//!
//! `MS_EXHAUST=1` explores with the larger budgets, in a release build. `MS_WORLD=name MS_BUDGET=timers/crashes`
//! explores one world (`one_world_at_will`). Where a number has changed, the test prints the line to put in its place.

mod habits;
mod machines;
mod search;
mod start;
mod story;
mod worlds;

use search::Report;
use start::World;
use std::env;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;
use worlds::WORLDS;

/// Budgets, and the states that they come to.
struct Round {
    timers: u8,
    crashes: u8,
    states: usize,
}

const fn round(timers: u8, crashes: u8, states: usize) -> Option<Round> {
    Some(Round { timers, crashes, states })
}

type Start = fn() -> World;

struct Case {
    name: &'static str,
    world: Start,
    /// What must have occurred.
    sometimes: &'static [&'static str],
    /// In every build, and when more is asked for.
    small: Option<Round>,
    large: Option<Round>,
}

fn number(name: &str) -> Option<u8> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Explores a case; what is wrong with it.
fn explore(case: &Case, round: &Round) -> Option<String> {
    let begun = Instant::now();
    let Round { timers, crashes, states } = *round;
    let report = (case.world)().explore(timers, crashes);
    let Report { states: found, steps, machines, moves, .. } = report;
    let name = case.name;
    println!(
        "{name} {timers}/{crashes}: {found} states, {steps} steps, {machines} machines, \
         {moves} moves, {:.1} s",
        begun.elapsed().as_secs_f32()
    );
    let never = case.sometimes.iter().find(|what| report.marks[**what] == 0);
    if let Some(never) = never {
        return Some(format!("{name}: there were no {never}: the world proves nothing"));
    }
    (found != states).then(|| format!("{name}: round({timers}, {crashes}, {found})"))
}

#[test]
fn every_world_is_explored_to_its_end() {
    let large = number("MS_EXHAUST").is_some_and(|n| n > 0);
    let next = Mutex::new(WORLDS.iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(case) = next.lock().unwrap().next() else { break };
                    let round = if large { &case.large } else { &case.small };
                    let found = round.as_ref().and_then(|round| explore(case, round));
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "is this meant? then in worlds.rs:\n{}", wrong.join("\n"));
}

#[test]
fn one_world_at_will() {
    let Ok(name) = env::var("MS_WORLD") else { return };
    let budget = env::var("MS_BUDGET").unwrap_or_default();
    let (timers, crashes) = budget.split_once('/').expect("MS_BUDGET=timers/crashes");
    let (timers, crashes) = (timers.parse().unwrap(), crashes.parse().unwrap());
    let case = WORLDS.iter().find(|case| case.name == name).expect("a world of that name");
    let begun = Instant::now();
    let report = (case.world)().explore(timers, crashes);
    println!("{name}: {} states in {:?}: {:?}", report.states, begun.elapsed(), report.marks);
}

#[test]
fn the_reductions_lose_nothing() {
    let worlds: &[(Start, u8, u8)] = &[
        (|| World::of(&[3]).fails(1, 3).fails(2, 1), 0, 1),
        (|| World::of(&[2]).joins(), 0, 0),
        (|| World::of(&[2]).submits(2).joins(), 0, 0),
        (|| World::of(&[2]).submits(1).submits(2), 1, 1),
        (|| World::of(&[2]).fails(1, 2).leaves(2), 1, 1),
        (|| World::of(&[1, 1]).probe(), 1, 0),
    ];
    for (world, timers, crashes) in worlds {
        let short = world().explore(*timers, *crashes);
        let long = world().at_length().explore(*timers, *crashes);
        println!("{} states, {} at length", short.states, long.states);
        assert!(short.states < long.states);
        assert!(short.together == long.together, "other machines occur together");
    }
}
