//! A hierarchy of real daemons in network namespaces, for as long as one likes: `scripts/soak [MINUTES] [SEED] [WITHOUT]`.
//!
//! ```text
//!   boot ── storm ── rest ── storm ── rest ── ... ── rest ── all logs, from the beginning
//!             │        └── one view a group, one core, one view a set: everybody who is to be there, nobody else
//!             └── members come, leave and die; daemons are killed, ended, paused; cables are pulled; keys and settings change
//! ```
//!
//! Every line that a member prints is judged when it is printed. The first rule that is broken ends it all, with exit code
//! 1, the reason, and a directory with every log. The seed, printed first, decides which blows fall and when; what happens
//! between two of them is the machine's. Without `MS_SOAK` nothing is played: `cargo test` says so and goes on.

// The tests of the modules that this one shares are run by tests/levels, and what only they use is used there.
#[allow(dead_code)]
#[path = "../levels/campus.rs"]
mod campus;
#[path = "../coreset_live/log.rs"]
mod coreset_log;
#[path = "../lab/mod.rs"]
mod lab;
#[allow(dead_code)]
#[path = "../levels/people.rs"]
mod people;
#[path = "../levels/plan.rs"]
mod plan;
#[allow(dead_code)]
#[path = "../levels/stage.rs"]
mod stage;
mod storm;
#[allow(dead_code, unused_imports)]
#[path = "../levels/told.rs"]
mod told;

use membership::sim::Rng;
use std::any::Any;
use std::panic;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storm::{Orders, Soak};

fn main() -> ExitCode {
    let Some(minutes) = variable("MS_SOAK") else {
        println!("soak: skipped; scripts/soak [MINUTES] [SEED] [WITHOUT], as root, plays it");
        return ExitCode::SUCCESS;
    };
    let orders = match Orders::read(&minutes, &variable("MS_SOAK_WITHOUT").unwrap_or_default()) {
        Ok(orders) => orders,
        Err(why) => return refused(&why),
    };
    if !nix::unistd::geteuid().is_root() {
        return refused("needs root: its hosts are network namespaces");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = variable("MS_SEED").map_or(Ok(now.as_micros() as u64), |text| text.parse());
    let Ok(seed) = seed else { return refused("MS_SEED: must be a number") };
    println!("MS_SEED={seed}: {orders}");
    let played = panic::catch_unwind(|| play(orders, seed));
    match played.unwrap_or_else(|panic| Err(words(&*panic))) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("soak: MS_SEED={seed}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// All of it; the report.
fn play(orders: Orders, seed: u64) -> Result<String, String> {
    let length = orders.length;
    let mut soak = Soak::boot(orders, Rng::new(seed));
    let played = go_on(&mut soak, length);
    if played.is_err() {
        soak.stage.write_state();
        soak.stage.campus.keep = true;
    }
    played.map(|()| soak.report())
}

/// Storms and rests, and at the end all logs against all rules.
fn go_on(soak: &mut Soak, length: Duration) -> Result<(), String> {
    soak.rest()?;
    while soak.age() < length {
        soak.storm()?;
        soak.rest()?;
    }
    soak.stage.people.check();
    soak.stage.campus.check_views();
    Ok(())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn refused(why: &str) -> ExitCode {
    eprintln!("soak: {why}");
    ExitCode::FAILURE
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().cloned();
    said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}
