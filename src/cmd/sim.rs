//! `ms sim [options] [SCENARIO]`: plays scenarios and random walks of core-sets, and draws them.
//!
//! ```text
//! ms sim              every scenario in a line
//! ms sim figure-22    its transcript, its event diagram
//! ms sim --walk 7     the same of a random schedule of faults
//! ms sim --walks 500  500 of them: what was broken
//! ```
//!
//! A scenario or a walk that breaks a rule of the protocol is an error of ours, so it ends with EX_SOFTWARE.

use super::{Command, complain, print};
use crate::sim::Tally;
use crate::sim::diagram::Diagram;
use crate::sim::scenario::{ALL, Scenario, find};
use crate::sim::walk::{Limits, Report, replay, walk};
use crate::sys::process::exit;
use getopts::Matches;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Hosts that a walk may have: fewer than three have nothing to disagree about; as many as a schedule can
/// still bring to rest in the time that it has.
const HOSTS: RangeInclusive<u64> = 3..=64;
/// Walks that break a rule, after which no further ones are tried.
const ENOUGH: usize = 20;

/// What the command line asks for.
#[derive(Clone, Copy)]
enum Wish<'a> {
    List,
    Scenario(&'a Scenario),
    Walk(u64),
    Walks { first: u64, many: u64 },
}

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let wished = wish(&matches).and_then(|wish| Ok((wish, limits(&matches)?)));
    let (wish, limits) = match wished {
        Ok(wished) => wished,
        Err(why) => {
            complain(&format!("{why}\nusage: {}", command.synopsis()));
            return exit::USAGE;
        }
    };
    let svg = matches.opt_str("svg");
    match wish {
        Wish::List => list(),
        Wish::Scenario(scenario) => play(scenario, svg.as_deref()),
        Wish::Walk(seed) => again(seed, limits, svg.as_deref()),
        Wish::Walks { first, many } => walks(first, many, limits),
    }
}

/// What is wished for, or what is wrong with it.
fn wish(matches: &Matches) -> Result<Wish<'_>, String> {
    let walk = number(matches, "walk", 0..=u64::MAX)?;
    let walks = number(matches, "walks", 1..=1_000_000_000)?;
    let seed = number(matches, "seed", 0..=u64::MAX)?;
    let wish = match (matches.free.as_slice(), walk, walks) {
        ([], None, None) => Wish::List,
        ([name], None, None) => match find(name) {
            Some(scenario) => Wish::Scenario(scenario),
            None => return Err(format!("{name}: no such scenario; ms sim lists them")),
        },
        ([], Some(seed), None) => Wish::Walk(seed),
        ([], None, Some(many)) => Wish::Walks { first: seed.unwrap_or(0), many },
        _ => return Err("there must be one SCENARIO, or --walk, or --walks".to_string()),
    };
    let needs = |option: &str, other: &str, fits: bool| match matches.opt_present(option) && !fits {
        true => Err(format!("--{option} goes with {other} only")),
        false => Ok(()),
    };
    let (is_walk, is_walks) = (matches!(wish, Wish::Walk(_)), matches!(wish, Wish::Walks { .. }));
    needs("seed", "--walks", is_walks)?;
    needs("hosts", "--walk and --walks", is_walk || is_walks)?;
    needs("svg", "a SCENARIO and --walk", is_walk || matches!(wish, Wish::Scenario(_)))?;
    Ok(wish)
}

fn number(
    matches: &Matches,
    option: &str,
    allowed: RangeInclusive<u64>,
) -> Result<Option<u64>, String> {
    let Some(text) = matches.opt_str(option) else { return Ok(None) };
    match text.parse::<u64>().ok().filter(|number| allowed.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let (low, high) = (allowed.start(), allowed.end());
            Err(format!("--{option} {text}: must be a number from {low} to {high}"))
        }
    }
}

fn limits(matches: &Matches) -> Result<Limits, String> {
    let low = Limits::default().hosts.0;
    Ok(match number(matches, "hosts", HOSTS)?.map(usize::try_from) {
        Some(Ok(high)) => Limits { hosts: (low, high) },
        _ => Limits::default(),
    })
}

fn list() -> i32 {
    let width = ALL.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let lines = ALL.iter().map(|scenario| {
        let Scenario { name, source, .. } = scenario;
        format!("{name:<width$}  {source}\n")
    });
    print(&lines.collect::<String>())
}

/// A scenario, told and drawn.
fn play(scenario: &Scenario, svg: Option<&str>) -> i32 {
    let play = (scenario.run)();
    let diagram = Diagram::new(play.events());
    let text = format!("{}\n{}\n{}", scenario.heading(), play.transcript(), diagram.text());
    let shown = show(&text, svg, || diagram.svg());
    for failed in play.failed() {
        complain(&format!("{}: {failed}", scenario.name));
    }
    match play.failed() {
        [] => shown,
        _ => exit::SOFTWARE,
    }
}

/// The walk of a seed, told and drawn.
fn again(seed: u64, limits: Limits, svg: Option<&str>) -> i32 {
    let replay = replay(seed, limits);
    let text = format!("{}\n{}", replay.transcript, replay.text);
    let shown = show(&text, svg, || replay.svg.clone());
    match replay.report.violation {
        Some(violation) => {
            complain(&format!("seed {seed}: {violation}"));
            exit::SOFTWARE
        }
        None => shown,
    }
}

fn show(text: &str, svg: Option<&str>, draw: impl FnOnce() -> String) -> i32 {
    if let Some(file) = svg
        && let Err(e) = std::fs::write(file, draw())
    {
        complain(&format!("{file}: {e}"));
        return exit::CANTCREAT;
    }
    print(text)
}

/// What many walks came to.
#[derive(Default)]
struct Sum {
    tally: Tally,
    walks: u64,
    ticks: u64,
    rested: u64,
    slowest: u64,
    failed: Vec<Report>,
}

impl Sum {
    fn add(&mut self, report: Report) {
        self.walks += 1;
        self.ticks += report.ticks;
        self.rested += report.rested;
        self.slowest = self.slowest.max(report.rested);
        self.tally.merge(&report.tally);
        if report.violation.is_some() {
            self.failed.push(report);
        }
    }

    fn text(&self) -> String {
        let Sum { walks, ticks, slowest, .. } = self;
        let mean = self.rested / self.walks.max(1);
        let mut text = format!("{walks} walks, {ticks} ticks\n");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "rest after {mean} ticks on average, {slowest} at most");
        for (what, meaning) in crate::sim::tally::COUNTED {
            let _ = writeln!(text, "{:>10}  {what}: {meaning}", self.tally.of(what));
        }
        text
    }
}

/// Walks, on all processors, until enough of them break a rule.
fn walks(first: u64, many: u64, limits: Limits) -> i32 {
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let collected = || sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= many || collected().failed.len() >= ENOUGH {
                        break;
                    }
                    let report = walk(first.wrapping_add(turn), limits);
                    collected().add(report);
                }
            });
        }
    });
    let mut sum = std::mem::take(&mut *collected());
    sum.failed.sort_by_key(|report| report.seed);
    let code = print(&sum.text());
    for report in &sum.failed {
        let violation = report.violation.as_ref().map(ToString::to_string).unwrap_or_default();
        complain(&format!("seed {} ({} hosts): {violation}", report.seed, report.hosts));
    }
    match sum.failed.first() {
        Some(_) => exit::SOFTWARE,
        None => code,
    }
}
