//! One call each: `ms leave`, `ms merge`, `ms split`, `ms view`, `ms members` (thesis II.D.2).
//!
//! ```text
//!   view, members, merge, split ──> the member interface, at the socket of applications
//!   leave ──> the daemon, at its control socket: only who may stop it may speak for its applications
//!         └─> view, again and again, until the member is out
//! ```
//!
//! A member belongs to the line of the application that joined, and this is another one. So the daemon lets the member
//! leave as if its application had called for it, which learns of it by its last event. An application's own user, who may
//! not use the control socket, ends `ms join` or `ms run` by a signal, to the same effect.

use super::{code_of, fail, group, misused, told, wish};
use crate::client::{Connection, Error, Refusal, View};
use crate::cmd::local::{self, Failure};
use crate::cmd::{Command, complain, print};
use crate::sys::process::exit;
use getopts::Matches;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two looks whether a member is out.
const PAUSE: Duration = Duration::from_millis(50);

pub fn view(command: &Command, args: &[String]) -> i32 {
    ask(command, args, |view, json| match json {
        true => format!("{}\n", told::whole(view)),
        false => format!(
            "{} {}.{}: {}, incarnation {}, digest {}\n    {}\n",
            view.key,
            view.term,
            view.number,
            told::size(view),
            told::incarnation(&view.key.inc),
            view.digest,
            told::quality(view)
        ),
    })
}

pub fn members(command: &Command, args: &[String]) -> i32 {
    ask(command, args, |view, json| {
        let line = |(rank, entry)| match json {
            true => format!("{}\n", told::entry_json(entry, Some(rank))),
            false => {
                let id = told::member(&entry.id);
                let line = format!("{rank} {} {id} {}", entry.gid, told::printable(entry));
                format!("{}\n", line.trim_end())
            }
        };
        view.roster.iter().enumerate().map(line).collect()
    })
}

/// Asks for the view of a group, and shows it.
fn ask(command: &Command, args: &[String], show: impl Fn(&View, bool) -> String) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let name = match group(command, &matches) {
        Ok(name) => name,
        Err(code) => return code,
    };
    let answer = call(command, &matches, |connection, time| connection.view(name, time));
    match answer {
        Ok(view) => print(&show(&view, matches.opt_present("json"))),
        Err(code) => code,
    }
}

pub fn merge(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let [name, other] = matches.free.as_slice() else {
        return misused(command, "there must be a GROUP and an OTHER");
    };
    let answer = call(command, &matches, |connection, time| connection.merge(name, other, time));
    answer.map_or_else(|code| code, |()| exit::OK)
}

pub fn split(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let [name, new, gids @ ..] = matches.free.as_slice() else {
        return misused(command, "there must be a GROUP, a NEW one, and a GID");
    };
    let mut numbers = Vec::new();
    for gid in gids {
        match gid.parse() {
            Ok(gid) => numbers.push(gid),
            Err(_) => return misused(command, &format!("GID {gid}: must be a number")),
        }
    }
    if numbers.is_empty() {
        return misused(command, "there must be a GID of those who go");
    }
    let answer =
        call(command, &matches, |connection, time| connection.split(name, new, &numbers, time));
    answer.map_or_else(|code| code, |()| exit::OK)
}

/// Calls the member interface; the exit code where that fails, which was explained.
fn call<T>(
    command: &Command,
    matches: &Matches,
    make: impl FnOnce(&mut Connection, Duration) -> Result<T, Error>,
) -> Result<T, i32> {
    let said = wish::place(matches).and_then(|place| Ok((place, wish::timeout(matches)?)));
    let (place, timeout) = said.map_err(|why| misused(command, &why))?;
    let made = Connection::open(&place).and_then(|mut connection| make(&mut connection, timeout));
    made.map_err(|e| fail(&e))
}

pub fn leave(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let [name, gid] = matches.free.as_slice() else {
        return misused(command, "there must be a GROUP and a GID");
    };
    let Ok(gid) = gid.parse::<u32>() else {
        return misused(command, &format!("GID {gid}: must be a number"));
    };
    // A name with a blank would be another request.
    if let Err(e) = name.parse::<crate::client::GroupName>() {
        return fail(&Error::Name(e));
    }
    let said = wish::controls(&matches).and_then(|sockets| Ok((sockets, wish::timeout(&matches)?)));
    let (sockets, timeout) = match said {
        Ok(said) => said,
        Err(why) => return misused(command, &why),
    };
    let mut why = (exit::UNAVAILABLE, "no daemon runs here".to_string());
    for socket in sockets {
        match local::ask(&socket, &format!("leave {name} {gid}")).and_then(|a| taken(&socket, &a)) {
            Ok(()) if matches.opt_present("no-wait") => return exit::OK,
            Ok(()) => {
                let out = |connection: &mut Connection, time| is_out(connection, name, gid, time);
                return call(command, &matches, |connection, _| out(connection, timeout))
                    .map_or_else(|code| code, |()| exit::OK);
            }
            // What a daemon that died left behind says less than one that knows of no such member.
            Err((exit::UNAVAILABLE, _)) if why.0 != exit::UNAVAILABLE => {}
            Err(failure) => why = failure,
        }
    }
    complain(&why.1);
    why.0
}

/// Whether the daemon made it so.
fn taken(socket: &Path, answer: &Value) -> Result<(), Failure> {
    match answer["error"].as_str() {
        None => Ok(()),
        Some(why) => Err(local::of_another_version(socket, answer)
            .unwrap_or_else(|| (exit::REFUSED, why.to_string()))),
    }
}

/// Waits until nobody has that gid any more.
fn is_out(
    connection: &mut Connection,
    name: &str,
    gid: u32,
    timeout: Duration,
) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        match connection.view(name, timeout.saturating_sub(start.elapsed())) {
            Ok(view) if view.roster.iter().all(|entry| entry.gid != gid) => return Ok(()),
            Ok(_) => {}
            // It was the last one.
            Err(e) if is_absent(&e) => return Ok(()),
            Err(e) => return Err(e),
        }
        if start.elapsed() >= timeout {
            return Err(Error::Timeout);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether that says that there is no such group.
pub fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Refused { refusal: Refusal::NotFound | Refusal::Terminated, .. })
}

/// Whether it may be otherwise if one asks again.
pub fn may_pass(error: &Error) -> bool {
    let code = code_of(error);
    matches!(error, Error::NoMi(_) | Error::Gone) || code == exit::TEMPFAIL || is_no_mserver(error)
}

fn is_no_mserver(error: &Error) -> bool {
    matches!(error, Error::Refused { refusal: Refusal::NoMserver, .. })
}
