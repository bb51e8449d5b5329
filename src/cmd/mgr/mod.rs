//! `ms mgr [options] CMD ...`: MS_mgr (thesis VI.B): statistics, changes of core-sets, and of the whole hierarchy.
//!
//! ```text
//!   stats ──> who is SERVER, in which life and view?      not running: 69, not allowed: 77
//!   request ──> taken up, or why not                      refused: 65
//!   stats, again and again, until the view shows it       not in time: 75
//! ```
//!
//! It speaks the requests of Table 5 to the port of a mserver, so it works from every host that is allowed to ask.

mod apply;
mod change;
mod stats;

use super::asker::{Asker, PATIENCE};
use super::serve::{self, Failure, Plan};
use super::{Command, complain, conf, options, print};
use crate::sys::process::exit;
use crate::wire::coreset::{Body, CoreMessage, SetName, Stats};
use std::net::SocketAddrV4;
use std::time::Duration;

/// `ms mgr`
pub const COMMAND: Command = Command {
    name: "mgr",
    operands: "CMD [OPERAND]...",
    about: "ask mservers for statistics and changes of their sets",
    options: &[options::MGR, options::ALWAYS],
    run,
};

/// What each CMD takes, for who gets it wrong.
const USAGES: [&str; 9] = [
    "apply FILE",
    "export SERVER...",
    "stats SERVER [SET]",
    "join SERVER SET",
    "leave SERVER",
    "split SERVER NEWNAME ADDRESS...",
    "merge SERVER SET|ADDRESS",
    "add-parent SERVER PARENT",
    "del-parent SERVER",
];

/// `/etc` is read and the options are; what is left is the request.
fn run(command: &Command, args: &[String]) -> i32 {
    let plan = match serve::plan(command, args) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let done = timeout(&plan).and_then(|timeout| dispatch(&plan, timeout));
    match done {
        Ok(text) => print(&text),
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

fn timeout(plan: &Plan<'_>) -> Result<Duration, Failure> {
    let Some(said) = plan.value("timeout") else { return Ok(Duration::from_secs(30)) };
    match said.parse::<u32>() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds.into())),
        _ => Err((exit::USAGE, format!("--timeout {said}: must be 1 to 86400 seconds"))),
    }
}

fn dispatch(plan: &Plan<'_>, timeout: Duration) -> Result<String, Failure> {
    let operands: Vec<&str> = plan.operands().iter().map(String::as_str).collect();
    let (cmd, server, rest) = match operands.as_slice() {
        ["apply", _] if plan.flag("no-wait") => {
            let why = "--no-wait: apply waits for each step: must not be given with it";
            return Err((exit::USAGE, why.to_string()));
        }
        ["apply", file] => return apply::apply(plan, file, timeout),
        ["export", servers @ ..] if !servers.is_empty() => {
            let servers = servers.iter().map(|server| address(plan, "SERVER", server));
            return apply::export(plan, &servers.collect::<Result<_, _>>()?, timeout);
        }
        [cmd @ ("apply" | "export"), ..] => return Err(wrong(cmd)),
        [cmd, server, rest @ ..] => (*cmd, address(plan, "SERVER", server)?, rest),
        [cmd] => return Err(wrong(cmd)),
        [] => return Err(wrong("")),
    };
    let open = || Desk::open(plan, server, timeout);
    match (cmd, rest) {
        ("stats", []) => open()?.stats(plan, SetName::default()),
        ("stats", [set]) => {
            let name = set.parse().map_err(|e| (exit::USAGE, format!("SET {set}: {e}")))?;
            open()?.stats(plan, SetName { base: name, suffix: None })
        }
        ("join", [set]) => {
            let set = set_name(set)?;
            open()?.join(set, plan.settings.level())
        }
        ("leave", []) => open()?.leave(),
        ("split", [name, side @ ..]) if !side.is_empty() => {
            let name = set_name(name)?;
            let side = side.iter().map(|a| address(plan, "ADDRESS", a));
            let side = side.collect::<Result<Vec<_>, _>>()?;
            open()?.split(name, side)
        }
        ("merge", [other]) => {
            let at = change::place(plan, other)?;
            open()?.merge(at)
        }
        ("add-parent", [parent]) => {
            let parent = address(plan, "PARENT", parent)?;
            open()?.add_parent(parent)
        }
        ("del-parent", []) => open()?.del_parent(None),
        _ => Err(wrong(cmd)),
    }
}

/// How the command would be right: that CMD, or all of them.
fn wrong(cmd: &str) -> Failure {
    let named = |usage: &&&str| usage.split(' ').next() == Some(cmd);
    let usages: Vec<&str> = match USAGES.iter().find(named) {
        Some(usage) => vec![usage],
        None => USAGES.to_vec(),
    };
    let lines: Vec<String> =
        usages.iter().map(|usage| format!("usage: ms mgr [options] {usage}")).collect();
    (exit::USAGE, lines.join("\n"))
}

fn address(plan: &Plan<'_>, what: &str, said: &str) -> Result<SocketAddrV4, Failure> {
    let address = conf::address(said, plan.settings.port)
        .map_err(|why| (exit::USAGE, format!("{what} {said}: {why}")))?;
    if address.ip().is_multicast() || address.ip().is_unspecified() {
        return Err((exit::USAGE, format!("{what} {said}: must be the address of one mserver")));
    }
    Ok(address)
}

fn set_name(said: &str) -> Result<crate::name::GroupName, Failure> {
    if said.contains('.') {
        let why = format!("SET {said}: must have no dot: it sets off the suffix of a part");
        return Err((exit::USAGE, why));
    }
    said.parse().map_err(|e| (exit::USAGE, format!("SET {said}: {e}")))
}

/// Where an operator stands: a mserver to deal with, and time.
struct Desk {
    asker: Asker,
    server: SocketAddrV4,
    timeout: Duration,
    waits: bool,
}

/// What a mserver says of itself.
struct Told {
    message: CoreMessage,
    stats: Stats,
}

/// What a mserver answers to M_STATS_L_REQ, with the keys of `ms status`; `Err`: it refuses, in words. None: the message is
/// no such answer.
pub(super) fn statistics(message: CoreMessage) -> Option<Result<serde_json::Value, String>> {
    match message.body.clone() {
        Body::Stats(stats) => Some(Ok(Told { message, stats }.to_json())),
        Body::Refused { why, .. } => Some(Err(why)),
        _ => None,
    }
}

impl Desk {
    fn open(plan: &Plan<'_>, server: SocketAddrV4, timeout: Duration) -> Result<Desk, Failure> {
        let asker = Asker::open(plan, server)?;
        Ok(Desk { asker, server, timeout, waits: !plan.flag("no-wait") })
    }

    /// Statistics of whoever answers at `to`.
    fn told(
        &mut self,
        to: SocketAddrV4,
        name: SetName,
        patience: Duration,
    ) -> Result<Told, Failure> {
        let body = Body::StatsRequest { long: true };
        let answer = self.asker.ask(to, (name, 0), &body, patience)?;
        let message = answer.ok_or_else(|| silent(to, patience))?;
        match message.body.clone() {
            Body::Stats(stats) => Ok(Told { message, stats }),
            Body::Refused { why, .. } => Err(not_allowed(to, &why)),
            _ => Err(silent(to, patience)),
        }
    }

    /// Of the mserver that is asked, in the set with its peers.
    fn server(&mut self) -> Result<Told, Failure> {
        self.told(self.server, SetName::default(), PATIENCE.min(self.timeout))
    }
}

fn silent(to: SocketAddrV4, patience: Duration) -> Failure {
    let seconds = patience.as_secs_f32();
    let why = "nobody answered: not running, out of reach, or not taking our key";
    (exit::UNAVAILABLE, format!("{to}: {why} (waited {seconds} s)"))
}

fn not_allowed(by: SocketAddrV4, why: &str) -> Failure {
    (exit::NOPERM, format!("{by}: {why}"))
}
