//! Calls about groups by somebody who need not be a member (II.D.2).
//!
//! ```text
//!   call ──> the member interface ── no answer yet ──> waits, at most as long as it may
//!                                 ── gone ──> a question: asked again; a change: Unknown, for it may have happened
//! ```

use super::error::new_group;
use super::event::View;
use super::line::{Heard, Line};
use super::roster::Told;
use super::{Error, Place};
use crate::name::GroupName;
use crate::wire::coreset::Life;
use crate::wire::group::{Entry, Reason};
use crate::wire::local::{Ask, Asking, LocalCall, LocalEvent, Telling};
use std::time::{Duration, Instant};

/// How long the greeting of a member interface may take.
const GREETING: Duration = Duration::from_secs(5);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// A line to the member interface for calls. One thread at a time may use it; it may move between threads.
#[derive(Debug)]
pub struct Connection {
    place: Place,
    line: Line,
    calls: u32,
    mi: Life,
}

/// What a call comes to.
enum Answer {
    Done,
    Roster(LocalEvent),
}

impl Connection {
    /// A line to the member interface at `place`, which has answered.
    ///
    /// # Errors
    /// There is none, or it does not let us in.
    pub fn open(place: &Place) -> Result<Connection, Error> {
        let mut line = Line::new()?;
        let until = Instant::now() + GREETING;
        let mi = greet(&mut line, place, until)?;
        Ok(Connection { place: place.clone(), line, calls: 0, mi })
    }

    /// The member interface that answered last: its address, and which life of it.
    pub fn mi(&self) -> Life {
        self.mi
    }

    /// The view of a group. If the member interface comes back within the time, it is asked again.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Timeout`], [`Error::NoMi`].
    pub fn view(&mut self, group: &str, timeout: Duration) -> Result<View, Error> {
        let (group, until) = (group.parse()?, Instant::now() + timeout);
        loop {
            match self.call(group, Ask::View, until) {
                Err(Error::Unknown | Error::NoMi(_)) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                Err(e) => return Err(e),
                Ok(Answer::Roster(roster)) => return of_roster(roster),
                Ok(Answer::Done) => return Err(Error::Breach("roster: missing")),
            }
        }
    }

    /// The members of a group in the order of seniority.
    ///
    /// # Errors
    /// As [`Connection::view`].
    pub fn members(&mut self, group: &str, timeout: Duration) -> Result<Vec<Entry>, Error> {
        Ok(self.view(group, timeout)?.roster)
    }

    /// Makes the group `other` part of `group`: its members stand behind the others, its name is free again.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Timeout`] and [`Error::Unknown`], after which it may still have happened.
    pub fn merge(&mut self, group: &str, other: &str, timeout: Duration) -> Result<(), Error> {
        let (group, other) = (group.parse()?, other.parse()?);
        self.call(group, Ask::Merge { other }, Instant::now() + timeout).map(drop)
    }

    /// Lets the members with these gids go to a group of their own.
    ///
    /// # Errors
    /// As [`Connection::merge`]; [`Error::TooLong`] if there are too many gids for one call.
    pub fn split(
        &mut self,
        group: &str,
        new: &str,
        gids: &[u32],
        timeout: Duration,
    ) -> Result<(), Error> {
        let (group, new) = (group.parse()?, new_group(new)?);
        let ask = Ask::Split { new, members: gids.to_vec() };
        self.call(group, ask, Instant::now() + timeout).map(drop)
    }

    fn call(&mut self, group: GroupName, ask: Ask, until: Instant) -> Result<Answer, Error> {
        self.calls = self.calls.wrapping_add(1);
        let number = self.calls;
        self.say(LocalCall { number, group, ask }, until)?;
        loop {
            match self.line.hear() {
                Heard::Said(Telling::Event { event, .. }) => match event {
                    LocalEvent::Done { call } if call == number => return Ok(Answer::Done),
                    LocalEvent::Refused { call, group, refusal } if call == number => {
                        return Err(Error::Refused { group, refusal });
                    }
                    LocalEvent::Roster { call, .. } if call == number => {
                        return Ok(Answer::Roster(event));
                    }
                    LocalEvent::Alive { nonce } => {
                        let answer = Ask::Alive { nonce };
                        let call = LocalCall { number: 0, group, ask: answer };
                        // If it does not get through, the next look at the line says so.
                        let _ = self.line.say(&Asking::Call(call));
                    }
                    // Answers to calls that were given up.
                    _ => {}
                },
                Heard::Said(_) => {}
                Heard::Lost(e @ (Error::Closed(_) | Error::Breach(_))) => return Err(e),
                Heard::Lost(_) => return Err(Error::Unknown),
                Heard::Nothing => wait(&self.line, until)?,
            }
        }
    }

    /// Says it on the line that is, or if that broke while nobody looked, and so said nothing, on a new one.
    fn say(&mut self, call: LocalCall, until: Instant) -> Result<(), Error> {
        let asking = Asking::Call(call);
        if self.line.say(&asking)? {
            return Ok(());
        }
        self.mi = greet(&mut self.line, &self.place, until)?;
        self.line.say(&asking).map(drop)
    }
}

/// Connects, and waits for the answer to the greeting.
fn greet(line: &mut Line, place: &Place, until: Instant) -> Result<Life, Error> {
    line.connect(place)?;
    loop {
        match line.hear() {
            Heard::Lost(Error::Gone) => return Err(Error::NoMi(place.in_words())),
            Heard::Lost(e) => return Err(e),
            // Nothing was asked for yet.
            Heard::Said(_) => {}
            Heard::Nothing => match line.mi() {
                Some(mi) => return Ok(mi),
                None => wait(line, until)?,
            },
        }
    }
}

/// Waits for something to hear; a signal is no reason to give up.
fn wait(line: &Line, until: Instant) -> Result<(), Error> {
    if !line.wait(Some(until))? && Instant::now() >= until { Err(Error::Timeout) } else { Ok(()) }
}

fn of_roster(event: LocalEvent) -> Result<View, Error> {
    let LocalEvent::Roster { key, term, number, digest, qos, entries, .. } = event else {
        return Err(Error::Breach("roster: missing"));
    };
    let told = Told {
        size: entries.len() as u32,
        own: None,
        reason: Reason::Resync,
        gone: Vec::new(),
        came: entries,
        whole: true,
        qos: Some(qos),
        key,
        term,
        number,
        digest,
    };
    let change = told.apply(None, None).map_err(Error::Breach)?;
    Ok(std::sync::Arc::unwrap_or_clone(change.view))
}
