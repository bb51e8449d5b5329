//! `ms demo [options]`: the campus of Figure 5 on this host, with real daemons over real IP multicast, and what it lives through.
//!
//! | file | what |
//! |---|---|
//! | `figure` | who is where |
//! | `campus` | the daemons |
//! | `people` | members of groups, and what each was told |
//! | `views` | what members that were told the same must agree on |
//! | `stage` | waiting, with a deadline, for what must come true |
//! | `story` | what happens, step by step |
//! | `tree`, `voice` | what is shown |
//!
//! No step is taken on trust: each waits until daemons and members say that it came true, and in the end all that the
//! members were told is compared.

mod campus;
mod figure;
mod people;
mod stage;
mod story;
mod tree;
mod views;
mod voice;

use super::{Command, complain};
use crate::sys::process::exit;
use crate::sys::signal;
use stage::Stage;
use voice::Shade;

/// Why the demonstration does not go on.
#[derive(Debug)]
enum Trouble {
    /// Something is not as it should be.
    Failed(String),
    /// Somebody wants it to end.
    Stopped,
}

impl Trouble {
    fn failed(why: &str) -> Trouble {
        Trouble::Failed(why.to_string())
    }
}

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    if !matches.free.is_empty() {
        complain(&format!("there must be no operands\nusage: {}", command.synopsis()));
        return exit::USAGE;
    }
    if let Err(e) = signal::install() {
        complain(&format!("signals: {e}"));
        return exit::OSERR;
    }
    let mut stage = match Stage::new() {
        Ok(stage) => stage,
        Err(Trouble::Failed(why)) => {
            complain(&format!("demo: {why}"));
            return exit::OSERR;
        }
        Err(Trouble::Stopped) => return exit::OK,
    };
    let played = story::play(&mut stage);
    let kept = match played {
        Ok(()) if matches.opt_present("keep") => story::keep(&mut stage),
        other => other,
    };
    conclude(&mut stage, kept)
}

/// The last words, and the exit code.
fn conclude(stage: &mut Stage, played: Result<(), Trouble>) -> i32 {
    match played {
        Ok(()) => exit::OK,
        Err(Trouble::Stopped) => {
            stage.voice.step(Shade::Plain, "end", "stopped; every daemon is ended");
            exit::TEMPFAIL
        }
        Err(Trouble::Failed(why)) => {
            stage.voice.step(Shade::Bad, "failed", &why);
            stage.voice.line("\nThe last lines of each log:");
            stage.campus.last_words().iter().for_each(|line| stage.voice.more(line));
            stage.campus.keep_logs = true;
            let dir = stage.campus.dir().display().to_string();
            stage.voice.fail(&format!("{why}; all logs are in {dir}/log"));
            exit::SOFTWARE
        }
    }
}
