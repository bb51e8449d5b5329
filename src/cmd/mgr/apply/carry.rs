//! Steps carried out: one after the other, each asked for and awaited, with a line for each.
//!
//! ```text
//!   [2/5] split: 10.0.0.3 10.0.0.4 of campus become the set east ... set campus is split: ...
//! ```
//!
//! A set commits a change or does not, so whatever ends this ends it between two steps of the hierarchy.

use super::super::{Desk, PATIENCE};
use crate::campus::{Live, Step};
use crate::cmd::print;
use crate::cmd::serve::{Failure, Plan};
use crate::sys::process::exit;
use crate::sys::signal;
use std::io::Write;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

/// Before somebody is asked again who said so.
const PAUSE: Duration = Duration::from_millis(50);

/// Carries out all steps, or stops at the first that fails and says what was done, what was not, and how to go on.
pub fn all(
    plan: &Plan<'_>,
    (live, steps): (&Live, &[Step]),
    timeout: Duration,
) -> Result<(), Failure> {
    for (at, step) in steps.iter().enumerate() {
        if signal::stops() > 0 {
            return Err(stopped(steps, at, (exit::TEMPFAIL, "interrupted".to_string())));
        }
        print(&format!("[{}/{}] {step} ... ", at + 1, steps.len()));
        // A terminal that is gone is no reason to stop in the middle.
        let _ = std::io::stdout().flush();
        let begun = Instant::now();
        let done = patiently(plan, step, timeout);
        match done.and_then(|line| in_place(plan, step, live).map(|()| line)) {
            Ok(line) => {
                print(&format!("{:.1} s: {}\n", begun.elapsed().as_secs_f32(), line.trim_end()))
            }
            Err(failure) => {
                print("failed\n");
                return Err(stopped(steps, at, failure));
            }
        };
    }
    Ok(())
}

fn stopped(steps: &[Step], at: usize, (code, why): Failure) -> Failure {
    let mut text = format!("{why}\n");
    for (number, step) in steps.iter().enumerate() {
        let word = if number < at { "done" } else { "not done" };
        text.push_str(&format!("{word}: {}. {step}\n", number + 1));
    }
    text.push_str(
        "each step is done as a whole or not at all; run the same command again to go on from here",
    );
    (code, text)
}

/// Who is just leaving a set, or has just come to one, says so: it is asked again.
fn patiently(plan: &Plan<'_>, step: &Step, timeout: Duration) -> Result<String, Failure> {
    let until = Instant::now() + timeout;
    loop {
        match one(plan, step, timeout) {
            Err((exit::DATAERR, why))
                if why.contains("ask again") && Instant::now() < until && signal::stops() < 2 =>
            {
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// Who is to join a set, or to wait for one, must look for it where it is: the next step may rely on that.
fn in_place(plan: &Plan<'_>, step: &Step, live: &Live) -> Result<(), Failure> {
    let (Step::Join { who, set, .. } | Step::StandBy { who, set, .. }) = step else {
        return Ok(());
    };
    let heard = live.sets.get(set).map(|set| &set.heard).filter(|heard| !heard.is_empty());
    let Some(heard) = heard else { return Ok(()) };
    let told = Desk::open(plan, *who, PATIENCE)?.told_of(*set, PATIENCE)?;
    match told.and_then(|told| told.fact::<SocketAddrV4>("heard")) {
        Some(at) if !heard.contains(&at) => {
            let right: Vec<String> = heard.iter().map(ToString::to_string).collect();
            let right = right.join(" and at ");
            let why = format!(
                "{who}: looks for set {set} at {at}, which is heard at {right}: see its ms.groups"
            );
            Err((exit::DATAERR, why))
        }
        _ => Ok(()),
    }
}

fn one(plan: &Plan<'_>, step: &Step, timeout: Duration) -> Result<String, Failure> {
    let desk = |who: SocketAddrV4| Desk::open(plan, who, timeout);
    match step {
        Step::StandDown { who, set } => desk(*who)?.stand_down(*set),
        Step::StandBy { who, set, level } => desk(*who)?.stand_by(*set, *level),
        Step::DelParent { via, parent, .. } => desk(*via)?.del_parent(Some(*parent)),
        Step::Split { via, name, side, .. } => desk(*via)?.split(*name, side.clone()),
        Step::Merge { via, at, .. } => desk(*via)?.merge(*at),
        Step::Leave { who, .. } => desk(*who)?.leave(),
        Step::Join { who, set, level } => desk(*who)?.join(*set, *level),
        Step::AddParent { via, parent, .. } => desk(*via)?.add_parent(*parent),
    }
}
