//! `ms mgr apply FILE`, `ms mgr export SERVER...`: the whole hierarchy at once.
//!
//! ```text
//!   FILE ── faults: 78 ──> wanted ─┐
//!   mservers named, and on ──> live ┴─> difference, steps, what is left for hands ── groups cut off: 65 ──>
//!   asked, or --yes ──> step, step, step ── failed: its code ──> live again, and nothing differs: 0; hands: 75
//! ```

mod carry;
mod gather;

use super::Plan as Said;
use crate::campus::{self, Campus, Chore, Live};
use crate::cmd::serve::Failure;
use crate::cmd::{complain, print};
use crate::sorted::Sorted as _;
use crate::sys::process::exit;
use crate::sys::signal;
use gather::{Found, gather};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, Write as _};
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

/// From one look at what came of it to the next.
const LOOK: Duration = Duration::from_millis(200);

/// `export`: the hierarchy that these mservers belong to, as a file.
pub fn export(
    said: &Said<'_>,
    servers: &BTreeSet<SocketAddrV4>,
    timeout: Duration,
) -> Result<String, Failure> {
    let Found { live, silent } = gather(said, servers, timeout)?;
    silent.values().for_each(|why| complain(why));
    if live.posts.is_empty() {
        return Err((exit::UNAVAILABLE, "nobody answered: there is nothing to export".to_string()));
    }
    let text = live.campus().to_string();
    print(&text);
    let parted: Vec<String> = live.parted.iter().map(ToString::to_string).collect();
    if !parted.is_empty() {
        let why = format!("set {}: has more than one view: parted, or changing", parted.join(" "));
        return Err((exit::TEMPFAIL, why));
    }
    if let Some((who, _)) = silent.first_key_value() {
        let why = format!("what {who} and others who are silent know is missing");
        return Err((exit::UNAVAILABLE, why));
    }
    // What daemons were told one by one may make no sense together.
    let faults = campus::parse(&text).err().unwrap_or_default();
    let lines: Vec<String> = faults.iter().map(|fault| format!("the export: {fault}")).collect();
    if lines.is_empty() { Ok(String::new()) } else { Err((exit::DATAERR, lines.join("\n"))) }
}

/// `apply`: the hierarchy becomes what the file says.
pub fn apply(said: &Said<'_>, file: &str, timeout: Duration) -> Result<String, Failure> {
    let wanted = read(file)?;
    if said.flag("commands") {
        return Ok(campus::commands(&wanted));
    }
    let named: BTreeSet<SocketAddrV4> = wanted.mservers().map(|(who, _)| who).sorted_set();
    let found = gather(said, &named, timeout)?;
    let plan = campus::plan(&found.live, &wanted);
    print(&shown(file, &found, &plan, &wanted));
    whole(&found.live)?;
    spared(said, &found.live, &plan.after)?;
    if plan.steps.is_empty() && (found.live.is_settled() || said.flag("dry-run")) {
        return concluded(file, &plan.chores);
    }
    if said.flag("dry-run") {
        return Ok("nothing is changed: --dry-run\n".to_string());
    }
    if !said.flag("yes") && !plan.steps.is_empty() {
        confirmed()?;
    }
    signal::install().map_err(|e| crate::cmd::serve::refused("signals", &e))?;
    carry::all(said, (&found.live, &plan.steps), timeout)?;
    verified(said, (file, &wanted), &named, timeout)
}

fn read(file: &str) -> Result<Campus, Failure> {
    let text =
        std::fs::read_to_string(file).map_err(|e| (exit::NOINPUT, format!("{file}: {e}")))?;
    campus::parse(&text).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("{file}:{fault}")).collect();
        (exit::CONFIG, lines.join("\n"))
    })
}

/// The plan, for a person.
fn shown(file: &str, found: &Found, plan: &campus::Plan, wanted: &Campus) -> String {
    let (answered, silent) = (found.live.posts.len(), found.silent.len());
    // Writing to a String cannot fail.
    let mut out = format!("{answered} mservers answered, {silent} did not\n");
    for why in found.silent.values() {
        let _ = writeln!(out, "  ? {why}");
    }
    let lines = campus::diff(&found.live.campus(), wanted);
    if !lines.is_empty() {
        let _ = writeln!(out, "from what is (-) to {file} (+):\n{}", lines.trim_end());
    }
    if !plan.steps.is_empty() {
        out.push_str("steps:\n");
        for (at, step) in plan.steps.iter().enumerate() {
            let _ = writeln!(out, "  {}. {step}", at + 1);
        }
        let groups = found.live.sets.values().map(|set| set.groups).max().unwrap_or(0);
        if groups > 0 {
            let known = campus::counted(groups, "group");
            let _ = writeln!(
                out,
                "  ({known}: members are told where their ways part for a while, and when they meet again)"
            );
        }
    }
    out.push_str(&by_hand(&plan.chores));
    out
}

fn by_hand(chores: &[Chore]) -> String {
    let lines = chores.iter().map(|chore| format!("  ! {chore}\n"));
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("by hand:\n{lines}") }
}

/// Sets that are parted are left alone.
fn whole(live: &Live) -> Result<(), Failure> {
    if live.parted.is_empty() {
        return Ok(());
    }
    let why = |name| {
        let heard = live.sets.get(name).map(|set| &set.heard);
        let heard: Vec<String> = heard.into_iter().flatten().map(ToString::to_string).collect();
        match heard.len() {
            0 | 1 => format!("set {name}: has more than one view: parted, or changing"),
            _ => format!(
                "set {name}: has more than one view, heard at {}: its mservers have different ms.groups",
                heard.join(" and at ")
            ),
        }
    };
    let mut lines: Vec<String> = live.parted.iter().map(why).collect();
    lines.push("refused: a set that is parted is left alone; nothing changed".to_string());
    Err((exit::TEMPFAIL, lines.join("\n")))
}

/// No groups are cut off, unless it is wanted so.
fn spared(said: &Said<'_>, before: &Live, after: &Live) -> Result<(), Failure> {
    let mut lines = campus::orphans(before, after);
    if lines.is_empty() || said.flag("orphan-groups") {
        return Ok(());
    }
    lines.push(
        "refused: it would cut groups off; nothing changed (see --orphan-groups)".to_string(),
    );
    Err((exit::DATAERR, lines.join("\n")))
}

/// Nothing is left to do, for us.
fn concluded(file: &str, chores: &[Chore]) -> Result<String, Failure> {
    match chores.len() {
        0 => Ok(format!("nothing to do: the hierarchy is as {file} says\n")),
        n => {
            let left = campus::counted(n as u64, "thing");
            let why = format!("the hierarchy is not yet as {file} says: {left} to do by hand");
            Err((exit::TEMPFAIL, why))
        }
    }
}

fn confirmed() -> Result<(), Failure> {
    print("carry it out? [y/N] ");
    // If nobody sees the question, nobody answers it.
    let _ = std::io::stdout().flush();
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match (read, line.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => Err((exit::TEMPFAIL, "not carried out; nothing changed".to_string())),
    }
}

/// Looks until nothing differs that could have been changed: who stands by takes over by itself.
fn verified(
    said: &Said<'_>,
    (file, wanted): (&str, &Campus),
    named: &BTreeSet<SocketAddrV4>,
    timeout: Duration,
) -> Result<String, Failure> {
    let until = Instant::now() + timeout;
    loop {
        let live = gather(said, named, timeout)?.live;
        let plan = campus::plan(&live, wanted);
        if plan.steps.is_empty() && live.is_settled() {
            print(&by_hand(&plan.chores));
            concluded(file, &plan.chores)?;
            return Ok(format!("verified: the hierarchy is as {file} says\n"));
        }
        if Instant::now() >= until || signal::stops() > 0 {
            print(&by_hand(&plan.chores));
            let steps = plan.steps.iter().map(|step| format!("left: {step}\n"));
            let waiting = live.waiting();
            let waiting = waiting.iter().map(|(set, heir)| {
                format!("left: {heir} stands by to be the parent of set {set}, and is not yet\n")
            });
            let left: String = steps.chain(waiting).collect();
            let why = "all steps were done, but the hierarchy is not as it should be: run it again";
            return Err((exit::TEMPFAIL, format!("{left}{why}")));
        }
        std::thread::sleep(LOOK);
    }
}
