//! `ms tree [options] [ADDRESS]`: the live hierarchy: sets, parents, LANs, member interfaces, groups and their health.
//!
//! | file | what |
//! |---|---|
//! | `gather` | who is asked, and how |
//! | `model`, `groups` | what comes of all that was told |
//! | `text`, `svg`, `data` | drawn for terminals, as a picture, for programs |
//! | `watch` | one drawing after another, with marks |

mod data;
mod gather;
mod groups;
pub(super) mod model;
mod svg;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod watch;

use super::paint::colours;
use super::serve::{self, Failure, Plan};
use super::{Command, complain, conf, local, options, print};
use crate::sys::process::{self, exit};
use gather::Asking;
use model::Tree;
use std::io::{ErrorKind, IsTerminal, Write, stdout};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

/// From one drawing to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// `ms tree`.
pub const COMMAND: Command = Command {
    name: "tree",
    operands: "[ADDRESS]",
    about: "draw the live hierarchy: sets, parents, member interfaces, groups",
    options: &[options::TREE, options::ALWAYS],
    run,
};

fn run(command: &Command, args: &[String]) -> i32 {
    let plan = match serve::plan(command, args) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    match draw(&plan) {
        Ok(code) => code,
        Err((exit::USAGE, why)) => {
            complain(&format!("{why}\nusage: {}", command.synopsis()));
            exit::USAGE
        }
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

fn draw(plan: &Plan<'_>) -> Result<i32, Failure> {
    let forms = ["watch", "dot", "json"].iter().filter(|form| plan.flag(form)).count();
    if forms + usize::from(plan.value("svg").is_some()) > 1 {
        return Err((exit::USAGE, "--watch, --dot, --svg, --json: must be one of them".into()));
    }
    let patience = match plan.value("timeout").map_or(Ok(1), |said| said.parse::<u32>()) {
        Ok(seconds @ 1..=3600) => Duration::from_secs(seconds.into()),
        _ => return Err((exit::USAGE, "--timeout: must be 1 to 3600 seconds".into())),
    };
    let run_dir = plan.value("run-dir").map_or_else(process::default_run_dir, PathBuf::from);
    let address = match plan.operands() {
        [] => None,
        [address] => Some(address_of(address)?),
        _ => return Err((exit::USAGE, "there must be one ADDRESS".into())),
    };
    let mut asking = Asking::new(plan, run_dir, plan.flag("local"), patience);
    let look = |asking: &mut Asking<'_>| {
        let first = match address {
            Some(address) => vec![address],
            None => local::addresses(&asking.run_dir)?,
        };
        let told = asking.all(&first)?;
        match told.iter().all(|one| matches!(one.source, model::Source::Silent(_))) {
            true => Err((asking.code(), nobody(&told))),
            false => Ok(Tree::of(&told)),
        }
    };
    if plan.flag("watch") {
        return watch_on(|| look(&mut asking));
    }
    let tree = look(&mut asking)?;
    match (plan.value("svg"), plan.flag("dot"), plan.flag("json")) {
        (Some(file), ..) if file != "-" => {
            std::fs::write(&file, svg::picture(&tree, &short))
                .map_err(|e| (exit::CANTCREAT, format!("{file}: {e}")))?;
            Ok(exit::OK)
        }
        (Some(_), ..) => Ok(print(&svg::picture(&tree, &short))),
        (None, true, _) => Ok(print(&data::dot(&tree, &short))),
        (None, _, true) => Ok(print(&format!("{}\n", data::json(&tree)))),
        _ => {
            let colours = colours();
            let lines = text::lines(&tree, &short);
            let lines = lines.iter().map(|line| format!("{}\n", text::printed(line, colours)));
            Ok(print(&lines.collect::<String>()))
        }
    }
}

fn address_of(said: &str) -> Result<SocketAddrV4, Failure> {
    conf::address(said, conf::PORT).map_err(|why| (exit::USAGE, format!("ADDRESS {said}: {why}")))
}

/// Nobody answered: why the first one did not.
fn nobody(told: &[model::Told]) -> String {
    let Some(first) = told.first() else { return "nobody is there".to_string() };
    let model::Source::Silent(why) = &first.source else { return String::new() };
    let more = match why.starts_with(gather::NO_ANSWER) {
        true => ": not running, out of reach, or not taking our key",
        false => "",
    };
    format!("{}: {why}{more}", first.address)
}

/// Draws until nobody looks any more. On a terminal each drawing takes the place of the last one; elsewhere one follows
/// the other, when there is something new.
fn watch_on(mut look: impl FnMut() -> Result<Tree, Failure>) -> Result<i32, Failure> {
    let (colours, terminal) = (colours(), stdout().is_terminal());
    let mut watch = watch::Watch::default();
    loop {
        let lines = match look() {
            Ok(tree) => text::lines(&tree, &short),
            // They may come back: that is what is watched for.
            Err((exit::UNAVAILABLE, why)) => vec![text::Line::trouble(&why)],
            Err(failure) => return Err(failure),
        };
        let (lines, changed) = watch.next(&lines, colours);
        if terminal || changed {
            let clear = if terminal { "\x1b[H\x1b[2J" } else { "" };
            let end = if terminal { "" } else { "\n" };
            let drawing: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let drawn = format!("{clear}{drawing}{end}");
            let mut out = stdout();
            match out.write_all(drawn.as_bytes()).and_then(|()| out.flush()) {
                Ok(()) => {}
                // Who closed the output has seen enough.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(exit::OK),
                Err(e) => return Err((exit::IOERR, format!("standard output: {e}"))),
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// An address without the port that a mserver has unless it is told otherwise, as it may be given to any command.
fn short(address: &str) -> String {
    address.strip_suffix(":2900").unwrap_or(address).to_string()
}
