//! Random walks: some thousands of schedules of faults, every rule watched at every step.
//!
//! `MS_WALKS` schedules (default below) from seed `MS_SEED` (default 0) on, for up to `MS_HOSTS` hosts (default 16). A
//! failing seed is printed with the end of its transcript; `MS_REPLAY=seed cargo test --test walk replay --
//! --nocapture` prints all of it, and `MS_SVG=file` draws it.

use membership::sim::Tally;
use membership::sim::walk::{Limits, Report, replay, walk};
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// As many as a debug build walks in well under a minute on two cores.
const WALKS: u64 = 2_000;

/// What must have happened in so many schedules, or they prove nothing.
const SOMETIMES: &[&str] = &[
    "joins",
    "leaves",
    "fails",
    "batched fails",
    "splits",
    "parents",
    "renames",
    "dissolved",
    "garbled",
    "merges",
    "batches",
    "piggy-backs",
    "operations",
    "elections",
    "resumed",
    "compressed",
    "simultaneous",
    "overlaps",
    "stragglers",
    "drops",
    "restarts",
    "stops",
    "replayed",
    "forged",
];

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

fn limits() -> Limits {
    let most = number("MS_HOSTS").map_or(16, |n| usize::try_from(n).unwrap());
    Limits { hosts: (3, most) }
}

#[derive(Default)]
struct Sum {
    tally: Tally,
    walks: u64,
    ticks: u64,
    rested: u64,
    slowest: (u64, u64),
    longest: (u32, u64),
    failed: Vec<Report>,
}

impl Sum {
    fn add(&mut self, report: Report) {
        self.tally.merge(&report.tally);
        self.walks += 1;
        self.ticks += report.ticks;
        self.rested += report.rested;
        self.slowest = self.slowest.max((report.rested, report.seed));
        self.longest = self.longest.max((report.longest, report.seed));
        if report.violation.is_some() {
            self.failed.push(report);
        }
    }
}

#[test]
fn no_schedule_of_faults_breaks_a_rule() {
    let walks = number("MS_WALKS").unwrap_or(WALKS);
    let first = number("MS_SEED").unwrap_or(0);
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Sum::default());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + walks || sum.lock().unwrap().failed.len() >= 20 {
                        break;
                    }
                    let report = walk(seed, limits());
                    sum.lock().unwrap().add(report);
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap();
    println!(
        "{} walks, {} ticks; rest after {} ticks on average, at most {:?}; longest change {:?}",
        sum.walks,
        sum.ticks,
        sum.rested / sum.walks.max(1),
        sum.slowest,
        sum.longest
    );
    println!("{}", sum.tally);
    sum.failed.sort_by_key(|report| report.seed);
    for report in &sum.failed {
        let violation = report.violation.as_ref().unwrap();
        println!("seed {} ({} hosts): {violation}", report.seed, report.hosts);
    }
    if let Some(worst) = sum.failed.iter().min_by_key(|report| (report.hosts, report.ticks)) {
        let again = replay(worst.seed, limits());
        let lines: Vec<&str> = again.transcript.lines().collect();
        println!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        panic!(
            "{} of {} schedules break a rule; the smallest: seed {}",
            sum.failed.len(),
            sum.walks,
            worst.seed
        );
    }
    if walks >= WALKS {
        for what in SOMETIMES {
            assert!(sum.tally.of(what) > 0, "there were no {what}: the walks prove nothing");
        }
    }
}

#[test]
fn a_seed_replays_to_the_letter() {
    let seeds = number("MS_REPLAY").map_or(0..8, |seed| seed..seed + 1);
    for seed in seeds {
        let (one, two) = (replay(seed, limits()), replay(seed, limits()));
        assert!(one.transcript == two.transcript, "seed {seed}");
        assert_eq!(one.report.tally, two.report.tally);
        assert_eq!(walk(seed, limits()).tally, one.report.tally, "recording changes the run");
        if number("MS_REPLAY").is_some() {
            println!("{}{:?}", one.transcript, one.report.violation.map(|v| v.to_string()));
            if let Ok(file) = env::var("MS_SVG") {
                std::fs::write(file, one.svg).unwrap();
            }
        }
    }
}
