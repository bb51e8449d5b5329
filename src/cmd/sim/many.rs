//! Many walks, of either world: on all processors, and what they came to.

use crate::cmd::{complain, print};
use crate::sim::{Tally, Violation};
use crate::sim::{campus, walk};
use crate::sys::process::exit;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Walks that break a rule, after which no further ones are tried.
const ENOUGH: usize = 20;

/// What became of a walk.
pub struct Walked {
    seed: u64,
    hosts: usize,
    ticks: u64,
    rested: u64,
    tally: Tally,
    violation: Option<Violation>,
}

impl From<walk::Report> for Walked {
    fn from(report: walk::Report) -> Walked {
        let walk::Report { seed, hosts, ticks, rested, tally, violation, .. } = report;
        Walked { seed, hosts, ticks, rested, tally, violation }
    }
}

impl From<campus::walk::Report> for Walked {
    fn from(report: campus::walk::Report) -> Walked {
        let campus::walk::Report { seed, nodes, ticks, rested, tally, violation, .. } = report;
        Walked { seed, hosts: nodes, ticks, rested, tally, violation }
    }
}

/// What is counted, and a walk by its seed.
pub type Kind<'a> = (&'a [(&'static str, &'static str)], &'a (dyn Fn(u64) -> Walked + Sync));

/// What many walks came to.
#[derive(Default)]
struct Sum {
    tally: Tally,
    walks: u64,
    ticks: u64,
    rested: u64,
    slowest: u64,
    failed: Vec<Walked>,
}

impl Sum {
    fn add(&mut self, walked: Walked) {
        self.walks += 1;
        self.ticks += walked.ticks;
        self.rested += walked.rested;
        self.slowest = self.slowest.max(walked.rested);
        self.tally.merge(&walked.tally);
        if walked.violation.is_some() {
            self.failed.push(walked);
        }
    }

    fn text(&self, counted: &[(&'static str, &'static str)]) -> String {
        let Sum { walks, ticks, slowest, .. } = self;
        let mean = self.rested / self.walks.max(1);
        let mut text = format!("{walks} walks, {ticks} ticks\n");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "rest after {mean} ticks on average, {slowest} at most");
        for (what, meaning) in counted {
            let _ = writeln!(text, "{:>10}  {what}: {meaning}", self.tally.of(what));
        }
        text
    }
}

/// Walks, on all processors, until enough of them break a rule, or the time is up.
pub fn walks(first: u64, (many, time): (u64, Option<Duration>), (counted, walk): Kind<'_>) -> i32 {
    let begun = Instant::now();
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let collected = || sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let late = time.is_some_and(|time| begun.elapsed() >= time);
                    if turn >= many || late || collected().failed.len() >= ENOUGH {
                        break;
                    }
                    let walked = walk(first.wrapping_add(turn));
                    collected().add(walked);
                }
            });
        }
    });
    let mut sum = std::mem::take(&mut *collected());
    sum.failed.sort_unstable_by_key(|walked| walked.seed);
    let code = print(&sum.text(counted));
    for walked in &sum.failed {
        let violation = walked.violation.as_ref().map(ToString::to_string).unwrap_or_default();
        complain(&format!("seed {} ({} hosts): {violation}", walked.seed, walked.hosts));
    }
    match sum.failed.first() {
        Some(_) => exit::SOFTWARE,
        None => code,
    }
}
