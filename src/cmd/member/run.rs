//! `ms run [options] GROUP -- COMMAND...`: a member exactly as long as COMMAND lives.
//!
//! ```text
//!   join ── first view ──> COMMAND ── ends ──> leave, exit as it did
//!                             ^ stopped when the membership ends first
//!   --leader:   rank 0 ──> COMMAND <── stopped when rank, member interface or mserver is lost; started again
//!                                      when the member is first again
//! ```
//!
//! If this program dies, so does COMMAND: of a leader at once, since the next one begins then.

use super::join::{end_of, leave, not_started};
use super::{fail, group, misused, parse, told, wish};
use crate::client::{
    Error, Event, JoinOptions, Member, MemberId, Qos, Reason, Rejoin, RequestId, View,
};
use crate::cmd::{Command, complain};
use crate::proto::qos::Survive;
use crate::sys::child::{Bond, Child, Signals, in_time};
use crate::sys::process::exit;
use getopts::Matches;
use nix::sys::signal::Signal;
use std::os::fd::AsFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Signals that COMMAND gets as we do.
const PASSED: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];
/// Of those, the ones that end this program while there is no COMMAND.
const ENDS: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];
/// How long COMMAND may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

pub fn run(command: &Command, args: &[String]) -> i32 {
    let (matches, words) = match parse(command, args) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let name = match group(command, &matches) {
        Ok(name) => name,
        Err(code) => return code,
    };
    if words.is_empty() {
        return misused(command, "there must be a COMMAND behind --");
    }
    let leader = matches.opt_present("leader");
    let alone = leader && !matches.opt_present("allow-split");
    let said = wish::joining(&matches).and_then(|options| {
        let options = if leader { of_leader(options, alone, &matches)? } else { options };
        let grace = wish::seconds(&matches, "grace")?.unwrap_or(GRACE);
        Ok((options, wish::timeout(&matches)?, grace))
    });
    let (options, timeout, grace) = match said {
        Ok(said) => said,
        Err(why) => return misused(command, &why),
    };
    let signals = match Signals::take(&PASSED) {
        Ok(signals) => signals,
        Err(e) => return fail(&Error::Io(e)),
    };
    let member = match options.join(name) {
        Ok(member) => member,
        Err(e) => return fail(&e),
    };
    let until = in_time(timeout);
    let bound = Bound {
        chosen: options.chosen().clone(),
        alone,
        signals,
        words,
        name,
        leader,
        grace,
        until,
        child: None,
        ending: false,
        last: None,
    };
    bound.last(member)
}

/// The options of a leader. One that must be alone founds a group of which one side lives at the most; and where its
/// side had to end it waits for the other one, instead of founding a group next to it.
fn of_leader(options: JoinOptions, alone: bool, matches: &Matches) -> Result<JoinOptions, String> {
    let options = match alone && !matches.opt_present("survive") {
        true => options.survive(Survive::Majority.to_string()),
        false => options,
    };
    let chosen = options.chosen();
    if alone && !chosen.is_exclusive() {
        let survive = chosen.get("survive").unwrap_or_default();
        return Err(format!("--leader: {}", split_of(&survive)));
    }
    let always = !matches.opt_present("no-rejoin");
    Ok(if always { options.rejoin(Rejoin::Always) } else { options })
}

/// Why there may be more than one leader.
fn split_of(survive: &str) -> String {
    format!(
        "with survive {survive} in a partition there may be a leader on each side; it must need a majority \
         (--survive majority, which is the default), or with --allow-split that is accepted"
    )
}

/// A command and a membership, bound to one another.
struct Bound<'a> {
    /// What the group is to have, if this creates it.
    chosen: Qos,
    /// There must be no leader on another side of a partition.
    alone: bool,
    signals: Signals,
    words: &'a [String],
    name: &'a str,
    leader: bool,
    grace: Duration,
    /// Until when it must be a member.
    until: Option<Instant>,
    child: Option<Running>,
    /// COMMAND was told to end by others than us: how it ends is how we end.
    ending: bool,
    /// The exit code after the last event; then only the end of COMMAND is waited for.
    last: Option<i32>,
}

/// In which group, and as which member, COMMAND runs.
type Role = (RequestId, MemberId);

struct Running {
    child: Child,
    role: Role,
    stop: Stop,
}

/// Whether COMMAND is to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// It is.
    No,
    /// It was told to end, and is killed then.
    Told(Option<Instant>),
    /// It was killed.
    Killed,
}

impl Bound<'_> {
    /// Until COMMAND or the membership has ended; the exit code.
    fn last(mut self, mut member: Member) -> i32 {
        let code = loop {
            match self.turn(&mut member) {
                Ok(None) => {}
                Ok(Some(code)) => break code,
                Err(e) => break self.abandon(&e),
            }
        };
        // After the last event there is nothing to leave any more; then that is nothing that takes time.
        leave(member, code)
    }

    fn turn(&mut self, member: &mut Member) -> Result<Option<i32>, Error> {
        // First of all: an end of COMMAND that is told from here on lies ready when we wait.
        if let Some(code) = self.hear_signals()? {
            return Ok(Some(code));
        }
        if let Some(code) = self.look_after_command()? {
            return Ok(Some(code));
        }
        while self.last.is_none() {
            let Some(event) = member.try_event()? else { break };
            self.take(&event);
            self.judge(member);
        }
        if let (Some(code), None) = (self.last, &self.child) {
            return Ok(Some(code));
        }
        if let Some(code) = self.begin(member)? {
            return Ok(Some(code));
        }
        if self.until.is_some_and(|until| until <= Instant::now()) {
            complain(&format!("{}: not a member in time", self.name));
            return Ok(Some(exit::TEMPFAIL));
        }
        let other = self.last.is_none().then(|| member.as_fd());
        self.signals.wait(other, self.wakes())?;
        Ok(None)
    }
}

impl Bound<'_> {
    fn take(&mut self, event: &Event) {
        match event {
            Event::View(change) if self.alone && !change.view.qos.is_exclusive() => {
                let survive = change.view.qos.get("survive").unwrap_or_default();
                complain(&format!("{}: {}", self.name, split_of(&survive)));
                self.last = Some(exit::REFUSED);
            }
            Event::View(_) => self.until = None,
            // Somebody made it leave, which is an order to COMMAND as well.
            Event::Out { reason: Reason::Left, .. } => self.ending = true,
            _ => {}
        }
        if event.is_last() {
            self.last = Some(end_of(self.name, event, &self.chosen));
        }
    }

    /// Whether COMMAND may run, as who it would run.
    fn role(&self, view: Option<&View>) -> Option<Role> {
        let view = view.filter(|_| self.last.is_none())?;
        let own = view.own?;
        match self.leader {
            true => (own.rank == 0).then_some((view.key.inc, own.member)),
            false => Some((view.key.inc, own.member)),
        }
    }

    /// Stops COMMAND if it may not go on.
    fn judge(&mut self, member: &Member) {
        let role = self.role(member.view().map(|view| &**view));
        let Some(running) = &mut self.child else { return };
        let stays = match self.leader {
            true => role == Some(running.role),
            // It outlives a membership that begins anew.
            false => self.last.is_none(),
        };
        if !stays && running.stop == Stop::No {
            running.child.signal(Signal::SIGTERM);
            running.stop = Stop::Told(in_time(self.grace));
        }
    }

    /// Starts COMMAND if it may run and does not; an exit code if it cannot be started.
    fn begin(&mut self, member: &Member) -> Result<Option<i32>, Error> {
        let Some(view) = member.view().filter(|_| self.child.is_none()) else { return Ok(None) };
        let Some(role) = self.role(Some(view)) else { return Ok(None) };
        let environment = told::environment(view);
        let (bond, input) = match self.leader {
            // A job of its own cannot read from our terminal.
            true => (Bond::Tight, Stdio::null()),
            false => (Bond::Loose, Stdio::inherit()),
        };
        match Child::start(self.words, &environment, input, bond, &self.signals) {
            Ok(child) => self.child = Some(Running { child, role, stop: Stop::No }),
            Err(e) => return Ok(Some(not_started(&self.words[0], &e))),
        }
        Ok(None)
    }

    /// The exit code, if COMMAND ended by itself, or for good.
    fn look_after_command(&mut self) -> Result<Option<i32>, Error> {
        let Some(running) = &mut self.child else { return Ok(None) };
        if let Some(code) = running.child.ended()? {
            let was_stopped = running.stop != Stop::No;
            self.child = None;
            return Ok((self.ending || !was_stopped).then_some(code));
        }
        if let Stop::Told(Some(until)) = running.stop
            && until <= Instant::now()
        {
            running.child.signal(Signal::SIGKILL);
            running.stop = Stop::Killed;
        }
        Ok(None)
    }

    /// Passes signals on; an exit code if that is the end.
    fn hear_signals(&mut self) -> Result<Option<i32>, Error> {
        while let Some(came) = self.signals.next()? {
            match &self.child {
                Some(running) => {
                    self.ending |= came.signal == Signal::SIGTERM;
                    running.child.pass(came);
                }
                None if ENDS.contains(&came.signal) => return Ok(Some(128 + came.signal as i32)),
                None => {}
            }
        }
        Ok(None)
    }

    fn wakes(&self) -> Option<Instant> {
        match &self.child {
            Some(Running { stop: Stop::Told(until), .. }) => *until,
            _ => self.until,
        }
    }

    /// The system refused something: COMMAND cannot be looked after any more.
    fn abandon(&mut self, error: &Error) -> i32 {
        if let Some(running) = &mut self.child {
            running.child.signal(Signal::SIGTERM);
            let until = in_time(self.grace);
            while let Ok(None) = running.child.ended() {
                if until.is_none_or(|until| until <= Instant::now()) {
                    running.child.signal(Signal::SIGKILL);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        fail(error)
    }
}
