//! Groups from a shell: being a member, and calls about groups (thesis II.D.2).
//!
//! ```text
//!   join    a member, as long as it runs; a line, or a hook, for each event
//!   run     a member, as long as a command runs; or a command, as long as the member is the first
//!   leave, merge, split, view, members, watch      one call each
//!   groups  what the daemons of this host know, by their control sockets
//! ```

mod calls;
mod groups;
mod join;
mod run;
mod told;
mod watch;
mod wish;

use super::options;
use super::{Command, complain};
use crate::client::{Error, Refusal};
use crate::sys::process::exit;
use crate::wire::local::Closing;
use getopts::Matches;

/// `ms join`.
pub const JOIN: Command = Command {
    name: "join",
    operands: "GROUP [-- COMMAND...]",
    about: "be a member of a group; print its views, or run COMMAND for each",
    options: &[options::JOINED, options::JOIN, options::MEMBER, options::ALWAYS],
    run: join::run,
};

/// `ms run`.
pub const RUN: Command = Command {
    name: "run",
    operands: "GROUP -- COMMAND...",
    about: "be a member of a group exactly as long as COMMAND lives",
    options: &[options::JOINED, options::RUN, options::MEMBER, options::ALWAYS],
    run: run::run,
};

/// `ms leave`.
pub const LEAVE: Command = Command {
    name: "leave",
    operands: "GROUP GID",
    about: "let a member on this host leave its group",
    options: &[options::LEAVE, options::MEMBER, options::ALWAYS],
    run: calls::leave,
};

/// `ms merge`.
pub const MERGE: Command = Command {
    name: "merge",
    operands: "GROUP OTHER",
    about: "make the group OTHER part of GROUP",
    options: &[options::MEMBER, options::ALWAYS],
    run: calls::merge,
};

/// `ms split`.
pub const SPLIT: Command = Command {
    name: "split",
    operands: "GROUP NEW GID...",
    about: "let members go to a group of their own",
    options: &[options::MEMBER, options::ALWAYS],
    run: calls::split,
};

/// `ms view`.
pub const VIEW: Command = Command {
    name: "view",
    operands: "GROUP",
    about: "show the view of a group",
    options: &[options::SHOWN, options::MEMBER, options::ALWAYS],
    run: calls::view,
};

/// `ms members`.
pub const MEMBERS: Command = Command {
    name: "members",
    operands: "GROUP",
    about: "list the members of a group by rank",
    options: &[options::SHOWN, options::MEMBER, options::ALWAYS],
    run: calls::members,
};

/// `ms watch`.
pub const WATCH: Command = Command {
    name: "watch",
    operands: "GROUP",
    about: "follow the views of a group without being a member",
    options: &[options::WATCH, options::SHOWN, options::MEMBER, options::ALWAYS],
    run: watch::run,
};

/// `ms groups`.
pub const GROUPS: Command = Command {
    name: "groups",
    operands: "[ADDRESS|all]",
    about: "list the groups that the daemons of this host know",
    options: &[options::GROUPS, options::ALWAYS],
    run: groups::run,
};

/// The exit code for what went wrong with a call or a membership.
fn code_of(error: &Error) -> i32 {
    match error {
        Error::Name(_) | Error::Dot(_) | Error::TooLong { .. } | Error::Quality(_) => exit::USAGE,
        Error::Refused { refusal, .. } => code_of_refusal(*refusal),
        Error::Closed(Closing::NotAuthorised) => exit::NOPERM,
        Error::Closed(Closing::NoPlace) | Error::Timeout | Error::Unknown => exit::TEMPFAIL,
        Error::NoMi(_) | Error::Gone | Error::Closed(_) => exit::UNAVAILABLE,
        Error::Over => exit::REFUSED,
        Error::Breach(_) => exit::SOFTWARE,
        Error::Io(_) => exit::OSERR,
    }
}

fn code_of_refusal(refusal: Refusal) -> i32 {
    match refusal {
        Refusal::NotAuthorised => exit::NOPERM,
        Refusal::NoMserver => exit::UNAVAILABLE,
        Refusal::TooMany => exit::TEMPFAIL,
        _ => exit::REFUSED,
    }
}

/// Says why, and returns the exit code.
fn fail(error: &Error) -> i32 {
    match error {
        Error::Refused { refusal, .. } => {
            complain(&format!("{error} (code {})", told::code(*refusal)));
        }
        _ => complain(&format!("{error}{}", advice(error))),
    }
    code_of(error)
}

/// What is to be done about it, where that is not in the sentence.
fn advice(error: &Error) -> &'static str {
    match error {
        Error::NoMi(_) => "; start ms mi or ms mserver --mi, or name it by --mi",
        Error::Closed(Closing::NotAuthorised) => "; see --mi-mode and --mi-allow of mi(8)",
        Error::Closed(Closing::Version { .. }) => "; restart the older one, daemon or application",
        Error::Closed(Closing::NoPlace) => "; end some, or try again later",
        _ => "",
    }
}

/// Says what is wrong with the command line.
fn misused(command: &Command, why: &str) -> i32 {
    complain(&format!("{why}\nusage: {}", command.synopsis()));
    exit::USAGE
}

/// The options and operands before `--`, and the command behind it.
fn parse<'a>(command: &Command, args: &'a [String]) -> Result<(Matches, &'a [String]), i32> {
    let end = args.iter().position(|word| word == "--").unwrap_or(args.len());
    let (head, rest) = args.split_at(end);
    Ok((command.parse(head)?, rest.get(1..).unwrap_or_default()))
}

/// The group, which is the only operand.
fn group<'a>(command: &Command, matches: &'a Matches) -> Result<&'a str, i32> {
    match matches.free.as_slice() {
        [group] => Ok(group),
        _ => Err(misused(command, "there must be one GROUP")),
    }
}
