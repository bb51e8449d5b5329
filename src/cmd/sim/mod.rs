//! `ms sim [options] [SCENARIO]`: plays scenarios and random walks, of core-sets and of whole hierarchies with groups, and
//! draws them.
//!
//! ```text
//! ms sim                       every scenario in a line
//! ms sim figure-22             its transcript, its event diagram
//! ms sim --walk 7              the same of a random schedule of faults
//! ms sim --walks 500           500 of them: what was broken
//! ms sim --campus --walks 500  the same of hierarchies with application groups
//! ms sim --minutes 10          as many walks as there is time for
//! ms sim --campus FILE --kill 10.0.0.1    what becomes of an operator's hierarchy
//! ms sim --scale               what a change costs as a hierarchy grows
//! ```
//!
//! A scenario or a walk that breaks a rule of the protocol is an error of ours, so it ends with EX_SOFTWARE.

mod many;
mod plot;
mod scale;
mod world;

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
use std::path::Path;
use std::time::Duration;

/// Hosts that a walk may have: fewer than three have nothing to disagree about; as many as a schedule can
/// still bring to rest in the time that it has.
const HOSTS: RangeInclusive<u64> = 3..=64;
/// Hosts of the largest hierarchy of a scale run.
const SCALES: RangeInclusive<u64> = 10..=1_000_000;
/// Walks, if there is only a time.
const MANY: u64 = 1_000_000_000;
/// What the command line asks for.
#[derive(Clone, Copy)]
enum Wish<'a> {
    List,
    Scenario(&'a Scenario),
    Groups(&'a campus::scenario::Scenario),
    Walk(u64),
    Walks { first: u64, many: u64, time: Option<Duration> },
    Campus(&'a str),
    Script(&'a str),
    Scale { most: u64 },
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
        Wish::Groups(scenario) => tell(scenario, svg.as_deref()),
        Wish::Campus(file) => world::play_file(file, &world::steps(&matches), svg.as_deref()),
        Wish::Script(file) => world::play_script(file, svg.as_deref()),
        Wish::Scale { most } => scale::run(most, svg.as_deref()),
        Wish::Walk(seed) if of_campus => again_on_campus(seed),
        Wish::Walk(seed) => again(seed, limits, svg.as_deref()),
        Wish::Walks { first, many, time } if of_campus => {
            let walked =
                |seed| Walked::from(campus::walk::walk(seed, campus::walk::Limits::default()));
            walks(first, (many, time), (campus::tally::COUNTED, &walked))
        }
        Wish::Walks { first, many, time } => {
            let walked = |seed| Walked::from(walk(seed, limits));
            walks(first, (many, time), (tally::COUNTED, &walked))
        }
    }
}

/// What is wished for, or what is wrong with it.
fn wish(matches: &Matches) -> Result<Wish<'_>, String> {
    let walk = number(matches, "walk", 0..=u64::MAX)?;
    let walks = number(matches, "walks", 1..=MANY)?;
    let minutes = number(matches, "minutes", 1..=100_000)?;
    let first = number(matches, "seed", 0..=u64::MAX)?.unwrap_or(0);
    let most = number(matches, "scale-hosts", SCALES)?;
    let (of_campus, scale) = (matches.opt_present("campus"), matches.opt_present("scale"));
    let wish = match (matches.free.as_slice(), walk, walks, minutes) {
        ([], None, None, None) if scale => Wish::Scale { most: most.unwrap_or(*SCALES.end()) },
        ([], None, None, None) if of_campus => {
            return Err("--campus goes with a FILE, or with --walk, --walks or --minutes".into());
        }
        ([], None, None, None) => Wish::List,
        ([file], None, None, None) if of_campus && !scale => Wish::Campus(file),
        ([name], None, None, None) if !scale => named(name)?,
        ([], Some(seed), None, None) if !scale => Wish::Walk(seed),
        ([], None, many, _) if !scale => {
            let time = minutes.map(|minutes| Duration::from_secs(60 * minutes));
            Wish::Walks { first, many: many.unwrap_or(MANY), time }
        }
        _ => return Err("there must be one SCENARIO or FILE, --walk, --walks or --scale".into()),
    };
    fits(matches, &wish)?;
    Ok(wish)
}

/// The scenario of that name, or one in a file.
fn named(name: &str) -> Result<Wish<'_>, String> {
    match (find(name), campus::scenario::find(name)) {
        (Some(scenario), _) => Ok(Wish::Scenario(scenario)),
        (None, Some(scenario)) => Ok(Wish::Groups(scenario)),
        (None, None) if Path::new(name).is_file() => Ok(Wish::Script(name)),
        (None, None) => Err(format!("{name}: no such scenario; ms sim lists them")),
    }
}

/// Whether all options make sense together.
fn fits(matches: &Matches, wish: &Wish<'_>) -> Result<(), String> {
    let of_campus = matches.opt_present("campus");
    let (is_walk, is_walks) = (matches!(wish, Wish::Walk(_)), matches!(wish, Wish::Walks { .. }));
    let is_file = matches!(wish, Wish::Campus(_));
    let is_scale = matches!(wish, Wish::Scale { .. });
    let of_set = (is_walk || is_walks) && !of_campus;
    let drawn = !(matches!(wish, Wish::List) || is_walks || is_walk && of_campus);
    let steps = world::steps(matches);
    let step = steps.first().map_or("", |(verb, _)| verb);
    for (option, other, fits) in [
        ("seed", "--walks and --minutes", is_walks),
        ("campus", "a FILE, or with --walk, --walks or --minutes,", is_walk || is_walks || is_file),
        ("hosts", "--walk and --walks of core-sets", of_set),
        ("scale-hosts", "--scale", is_scale),
        ("svg", "what can be drawn: a SCENARIO, a FILE, --walk of core-sets or --scale,", drawn),
        (step, "--campus FILE", is_file),
    ] {
        if !option.is_empty() && matches.opt_present(option) && !fits {
            return Err(format!("--{option} goes with {other} only"));
        }
    }
    Ok(())
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
