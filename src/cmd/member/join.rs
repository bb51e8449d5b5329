//! `ms join [options] GROUP [-- COMMAND...]`: a member for as long as this runs.
//!
//! ```text
//!   event ──> a line on standard output
//!         └─> COMMAND, with the event in its environment and as JSON on its standard input, one at a time
//! ```
//!
//! While a hook runs nothing is asked of the line: with a patience, a member whose hook hangs has failed.

use super::told::{self, Teller};
use super::{code_of, fail, group, misused, parse, wish};
use crate::client::{Error, Event, Member, Qos, Reason, Refusal};
use crate::cmd::{Command, complain};
use crate::sys::child::{self, Bond, Child, Signals, in_time};
use crate::sys::process::exit;
use nix::sys::signal::Signal;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What ends a membership in good order.
pub const ENDS: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];
/// How long leaving may take: the member interface carries it through in any case.
pub const LEAVING: Duration = Duration::from_secs(10);
/// How long a hook may run on when this is to end.
const GRACE: Duration = Duration::from_secs(10);

pub fn run(command: &Command, args: &[String]) -> i32 {
    let (matches, hook) = match parse(command, args) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let name = match group(command, &matches) {
        Ok(name) => name,
        Err(code) => return code,
    };
    let said = wish::joining(&matches)
        .and_then(|options| Ok((options, wish::timeout(&matches)?, wish::count(&matches)?)));
    let (options, timeout, count) = match said {
        Ok(said) => said,
        Err(why) => return misused(command, &why),
    };
    let signals = match Signals::take(&ENDS) {
        Ok(signals) => signals,
        Err(e) => return fail(&Error::Io(e)),
    };
    match options.join(name) {
        Ok(member) => {
            let teller = Teller::default();
            let json = matches.opt_present("json");
            let until = in_time(timeout);
            let chosen = options.chosen().clone();
            Joined { member, signals, name, chosen, hook, json, teller, count, until }.last()
        }
        Err(e) => fail(&e),
    }
}

struct Joined<'a> {
    member: Member,
    signals: Signals,
    name: &'a str,
    /// What the group is to have, if this creates it.
    chosen: Qos,
    hook: &'a [String],
    json: bool,
    teller: Teller,
    /// Views that are still to come before this ends.
    count: Option<u64>,
    /// Until when it must be a member.
    until: Option<Instant>,
}

/// What follows on an event.
enum Next {
    Stay,
    Leave(i32),
    End(i32),
}

impl Joined<'_> {
    /// Until it ends; the exit code.
    fn last(mut self) -> i32 {
        let next = loop {
            match self.turn() {
                Ok(Next::Stay) => {}
                Ok(next) => break next,
                Err(e) => return fail(&e),
            }
        };
        match next {
            Next::Leave(code) => leave(self.member, code),
            Next::End(code) => code,
            Next::Stay => exit::OK,
        }
    }

    fn turn(&mut self) -> Result<Next, Error> {
        while let Some(event) = self.member.try_event()? {
            match self.take(&event)? {
                Next::Stay => {}
                next => return Ok(next),
            }
        }
        if self.signals.next()?.is_some() {
            return Ok(Next::Leave(exit::OK));
        }
        if self.until.is_some_and(|until| until <= Instant::now()) {
            complain(&format!("{}: not a member in time", self.name));
            return Ok(Next::Leave(exit::TEMPFAIL));
        }
        self.signals.wait(Some(self.member.as_fd()), self.until)?;
        Ok(Next::Stay)
    }

    fn take(&mut self, event: &Event) -> Result<Next, Error> {
        if let Some(next) = self.tell(event)? {
            return Ok(next);
        }
        if let Event::View(_) = event {
            self.until = None;
            if let Some(left) = &mut self.count {
                *left -= 1;
                if *left == 0 {
                    return Ok(Next::Leave(exit::OK));
                }
            }
        }
        Ok(if event.is_last() {
            Next::End(end_of(self.name, event, &self.chosen))
        } else {
            Next::Stay
        })
    }

    /// Prints the event, or runs the hook; tells if that is the end.
    fn tell(&mut self, event: &Event) -> Result<Option<Next>, Error> {
        if !self.hook.is_empty() {
            return self.run_hook(event);
        }
        let text = match self.json {
            true => format!("{}\n", self.teller.json(self.name, event, false)),
            // An end that is an error is explained on the other way out.
            false if event.is_last() && !is_left(event) => String::new(),
            false => told::text(self.name, event),
        };
        // A pipe that is closed is nobody who wants to know more.
        let closed = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
        match closed {
            Ok(()) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Some(Next::Leave(exit::OK))),
            Err(_) => Ok(Some(Next::Leave(exit::IOERR))),
        }
    }

    fn run_hook(&mut self, event: &Event) -> Result<Option<Next>, Error> {
        let environment = told::environment_of(self.name, event);
        let json = self.teller.json(self.name, event, true).to_string() + "\n";
        let input = child::input(json.as_bytes())?;
        let mut child =
            match Child::start(self.hook, &environment, input, Bond::Loose, &self.signals) {
                Ok(child) => child,
                Err(e) => return Ok(Some(Next::Leave(not_started(&self.hook[0], &e)))),
            };
        let (mut stopped, mut until) = (false, None);
        loop {
            // Before we look: an end that is told from here on lies ready when we wait.
            while let Some(came) = self.signals.next()? {
                stopped = true;
                until = until.or(in_time(GRACE));
                child.pass(came);
            }
            if let Some(code) = child.ended()? {
                if code != 0 {
                    complain(&format!("{}: exit status {code}", self.hook[0]));
                }
                return Ok(stopped.then_some(Next::Leave(exit::OK)));
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                child.signal(Signal::SIGKILL);
                until = None;
            }
            self.signals.wait(None, until)?;
        }
    }
}

/// Leaves, and says if that did not end well.
pub fn leave(member: Member, code: i32) -> i32 {
    match member.leave(LEAVING) {
        Ok(()) => code,
        // The member interface is gone, and the membership with it.
        Err(Error::Gone) => code,
        Err(e) if code == exit::OK => fail(&e),
        Err(_) => code,
    }
}

/// A program cannot be started: the exit code, which is that of env(1).
pub fn not_started(program: &str, error: &io::Error) -> i32 {
    complain(&format!("{program}: {error}"));
    if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::NOT_RUN }
}

fn is_left(event: &Event) -> bool {
    matches!(event, Event::Out { reason: Reason::Left, .. })
}

/// The exit code after the last event, which is explained where it is an error.
pub fn end_of(name: &str, event: &Event, chosen: &Qos) -> i32 {
    match event {
        Event::Refused(refusal @ Refusal::NotSupported) => {
            // Which part of it that is, the refusal does not tell.
            let why =
                chosen.supported().map_or_else(|e| e.to_string(), |()| refusal.sentence().into());
            complain(&format!("{name}: {why} (code {})", told::code(*refusal)));
            exit::REFUSED
        }
        Event::Refused(refusal) => match name.parse() {
            Ok(group) => fail(&Error::Refused { group, refusal: *refusal }),
            Err(e) => fail(&Error::Name(e)),
        },
        event if is_left(event) => exit::OK,
        Event::Out { reason, .. } => {
            complain(&format!("{name}: out of the group: {}", told::reason(*reason)));
            exit::REFUSED
        }
        Event::Disconnected { why, .. } => {
            complain(&format!("{name}: {why}"));
            code_of(why)
        }
        _ => exit::OK,
    }
}
