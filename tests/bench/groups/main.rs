//! How fast application groups change, and what they cost: `cargo bench --bench groups`, or `-- flat churn` for parts.
//!
//! ```text
//!   application ── socket ── ms mserver --mi ══ multicast on loopback ══ ms mserver --mi ── socket ── application
//! ```
//!
//! Real daemons, profile lan; applications are sockets of this process, so that every time is that of the *last*
//! member's view as a member takes it.
//!
//! | part | what |
//! |---|---|
//! | `flat` | one set: join, leave, death of a process and of a daemon, beside a change of the set itself |
//! | `levels` | joins of 2, 10, 100, 1000 members in hierarchies of 1, 2 and 3 levels; who hears of them |
//! | `churn` | changes a second of a group of 100, all members told all views in order |
//! | `memory` | bytes for each group and member, at mservers and member interfaces |
//! | `curve` | messages of a change at the busiest mserver, as a simulated hierarchy grows |
//!
//! By environment: `MS_BENCH_N` ("3 5 8 16"), `MS_BENCH_REPS` (30), `MS_BENCH_SECONDS` (5).

mod app;
// What the bench of core-sets alone needs of it besides is not used here.
mod churn;
#[allow(dead_code)]
#[path = "../coreset/costs.rs"]
mod costs;
mod curve;
mod flat;
#[allow(dead_code)]
#[path = "../coreset/fleet.rs"]
mod fleet;
mod levels;
mod memory;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::time::{Duration, Instant};

/// The settings of a run.
pub struct Setup {
    pub sizes: Vec<usize>,
    pub reps: usize,
    pub span: Duration,
    pub quick: bool,
}

/// What measures one of them.
type Part = fn(&Setup);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, socket, group] = args.as_slice()
        && word == flat::MEMBER
    {
        return flat::be_member(socket, group);
    }
    // `cargo test --benches` runs benches too, to see that they run at all.
    let quick = args.iter().any(|a| a == "--test");
    let said = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_string());
    let sizes = said("MS_BENCH_N", if quick { "3" } else { "3 5 8 16" });
    let setup = Setup {
        sizes: sizes.split_whitespace().map(|n| n.parse().expect("a size")).collect(),
        reps: said("MS_BENCH_REPS", if quick { "1" } else { "30" }).parse().expect("a number"),
        span: Duration::from_secs_f64(
            said("MS_BENCH_SECONDS", if quick { "0.2" } else { "5" }).parse().expect("seconds"),
        ),
        quick,
    };
    // A thousand members are as many sockets.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let parts: [(&str, Part); 5] = [
        ("flat", flat::run),
        ("levels", levels::run),
        ("churn", churn::run),
        ("memory", memory::run),
        ("curve", curve::run),
    ];
    let named: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    for (name, part) in parts {
        if named.is_empty() || named.iter().any(|a| *a == name) {
            part(&setup);
        }
    }
}

/// Milliseconds of one kind of event.
#[derive(Default)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn add(&mut self, begun: Instant, ended: Instant) {
        self.0.push((ended - begun).as_secs_f64() * 1e3);
    }

    pub fn push(&mut self, seconds: f64) {
        self.0.push(seconds * 1e3);
    }

    /// The value below which that share of them lies.
    pub fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    /// Median and p90.
    pub fn show(&self) -> String {
        format!("{:.2} / {:.2}", self.at(0.5), self.at(0.9))
    }
}
