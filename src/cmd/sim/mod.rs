//! `ms sim [options] [SCENARIO]`: plays scenarios and random walks, of core-sets and of whole hierarchies with groups, and
//! draws them.
//!
//! ```text
//! ms sim                       every scenario in a line
//! ms sim figure-22             its transcript, its event diagram
//! ms sim --walk 7              the same of a random schedule of faults
//! ms sim --walks 500           500 of them: what was broken
//! ms sim --campus --walks 500  the same of hierarchies with application groups
//! ```
//!
//! A scenario or a walk that breaks a rule of the protocol is an error of ours, so it ends with EX_SOFTWARE.

mod many;

use super::{Command, complain, print};
use crate::sim::campus;
use crate::sim::diagram::Diagram;
use crate::sim::scenario::{ALL, Scenario, find};
use crate::sim::tally;
use crate::sim::walk::{Limits, replay, walk};
use crate::sys::process::exit;
use getopts::Matches;
use many::{Walked, walks};
use std::ops::RangeInclusive;

/// Hosts that a walk may have: fewer than three have nothing to disagree about; as many as a schedule can
/// still bring to rest in the time that it has.
const HOSTS: RangeInclusive<u64> = 3..=64;
/// What the command line asks for.
#[derive(Clone, Copy)]
enum Wish<'a> {
    List,
    Scenario(&'a Scenario),
    Campus(&'a campus::scenario::Scenario),
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
    let of_campus = matches.opt_present("campus");
    match wish {
        Wish::List => list(),
        Wish::Scenario(scenario) => play(scenario, svg.as_deref()),
        Wish::Campus(scenario) => tell(scenario, svg.as_deref()),
        Wish::Walk(seed) if of_campus => again_on_campus(seed),
        Wish::Walk(seed) => again(seed, limits, svg.as_deref()),
        Wish::Walks { first, many } if of_campus => {
            let walked =
                |seed| Walked::from(campus::walk::walk(seed, campus::walk::Limits::default()));
            walks(first, many, (campus::tally::COUNTED, &walked))
        }
        Wish::Walks { first, many } => {
            let walked = |seed| Walked::from(walk(seed, limits));
            walks(first, many, (tally::COUNTED, &walked))
        }
    }
}

/// What is wished for, or what is wrong with it.
fn wish(matches: &Matches) -> Result<Wish<'_>, String> {
    let walk = number(matches, "walk", 0..=u64::MAX)?;
    let walks = number(matches, "walks", 1..=1_000_000_000)?;
    let seed = number(matches, "seed", 0..=u64::MAX)?;
    let wish = match (matches.free.as_slice(), walk, walks) {
        ([], None, None) => Wish::List,
        ([name], None, None) => match (find(name), campus::scenario::find(name)) {
            (Some(scenario), _) => Wish::Scenario(scenario),
            (None, Some(scenario)) => Wish::Campus(scenario),
            (None, None) => return Err(format!("{name}: no such scenario; ms sim lists them")),
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
    let of_campus = matches.opt_present("campus");
    needs("campus", "--walk and --walks", is_walk || is_walks)?;
    needs("hosts", "--walk and --walks of core-sets", (is_walk || is_walks) && !of_campus)?;
    let is_scenario = matches!(wish, Wish::Scenario(_) | Wish::Campus(_));
    needs("svg", "a SCENARIO and --walk of core-sets", is_scenario || is_walk && !of_campus)?;
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
    let sets = ALL.iter().map(|scenario| (scenario.name, scenario.source));
    let groups = campus::scenario::ALL.iter().map(|scenario| (scenario.name, scenario.source));
    let all: Vec<(&str, &str)> = sets.chain(groups).collect();
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    print(
        &all.iter().map(|(name, source)| format!("{name:<width$}  {source}\n")).collect::<String>(),
    )
}

/// A scenario of groups, told and drawn.
fn tell(scenario: &campus::scenario::Scenario, svg: Option<&str>) -> i32 {
    let play = (scenario.run)();
    let diagram = Diagram::of_campus(&play);
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

/// The walk of a seed over a hierarchy, told.
fn again_on_campus(seed: u64) -> i32 {
    let replay = campus::walk::replay(seed, campus::walk::Limits::default());
    let shown = print(&replay.transcript);
    match replay.report.violation {
        Some(violation) => {
            complain(&format!("seed {seed}: {violation}"));
            exit::SOFTWARE
        }
        None => shown,
    }
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
