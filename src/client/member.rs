//! A member of a group, for as long as its process holds it.
//!
//! ```text
//!          an id           first view     out (failed): joins again
//!   Asked ───────> Taken ───────────> In ──────────────────────────────> Asked
//!     │ refused      │ refused, out    │ out (left, terminated, ...)       ^
//!     v              v                 v                                   │ the timer
//!   Over            Over              Over      any ── hung up ────────> Away ── nobody answers ──> Away, twice as long
//! ```
//!
//! It has a line of its own, so that the end of the line is the end of the membership and of nothing else (II.D: a
//! closed socket is a failed member). Nothing happens between two calls: no thread runs, and packets wait in the
//! kernel. Packets are looked at one at a time, when the application asks for the next event, so the view is
//! always the one that the last event told, and no queue grows.

use super::event::{Event, Own, View};
use super::line::{Heard, Line};
use super::options::millis;
use super::roster::Told;
use super::{Error, JoinOptions, Rejoin};
use crate::name::GroupName;
use crate::wire::group::{MemberId, Mode, Reason, Refusal};
use crate::wire::local::{Ask, Asking, Closing, LocalCall, LocalEvent, Telling};
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause before the next try to connect, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];
/// Packets that one call looks at when none of them comes to an event.
const PACKETS: usize = 256;

/// A membership that ended where another one is to begin. It counts from its first view.
#[derive(Clone, Debug)]
struct Ended {
    was: MemberId,
    last: Arc<View>,
    since: Instant,
    /// The group must be there again: this side may not found another one.
    needs_group: bool,
}

#[derive(Debug)]
enum Phase {
    /// There is no line; at `next` it is tried again.
    Away { next: Instant, ended: Option<Ended> },
    /// The join is out.
    Asked { call: u32, ended: Option<Ended> },
    /// It has an id; its first view is to come.
    Taken { call: u32, id: MemberId, ended: Option<Ended> },
    /// A member.
    In { id: MemberId, view: Arc<View> },
    /// The last event was told, or waits to be taken.
    Over,
}

/// A member of a group.
///
/// ```no_run
/// use membership::client::{Event, JoinOptions};
///
/// let mut member = JoinOptions::new().tag("role=db").join("orders")?;
/// while let Some(event) = member.next_event(None)? {
///     match event {
///         Event::View(change) => println!("view {}: {} members", change.view.number, change.view.size),
///         event if event.is_last() => break,
///         _ => {}
///     }
/// }
/// # Ok::<(), membership::client::Error>(())
/// ```
///
/// One thread at a time may use it; it may move between threads. Dropped without [`Member::leave`] it fails, as with the
/// end of its process: the others are told so at once. A child that was forked without exec(2) shares the line and
/// keeps the membership alive until it exits; over exec(2) the line is closed.
#[derive(Debug)]
pub struct Member {
    group: GroupName,
    options: JoinOptions,
    line: Line,
    phase: Phase,
    pause: Duration,
    calls: u32,
    /// The call by which it leaves; none: it stays.
    leaving: Option<u32>,
    /// What one packet came to.
    events: VecDeque<Event>,
}

impl Member {
    pub(super) fn begin(group: GroupName, options: JoinOptions) -> Result<Member, Error> {
        let mut member = Member {
            group,
            line: Line::new()?,
            phase: Phase::Away { next: Instant::now(), ended: None },
            pause: PAUSES[0],
            calls: 0,
            leaving: None,
            events: VecDeque::new(),
            options,
        };
        match member.connect(None) {
            Err(Error::NoMi(_)) if member.options.wait => member.stay_away(None),
            other => other?,
        }
        member.rearm()?;
        Ok(member)
    }

    /// The group, by the name that it was joined under.
    pub fn group(&self) -> GroupName {
        self.group
    }

    /// Who it is, while it is a member or about to be.
    pub fn id(&self) -> Option<MemberId> {
        match self.phase {
            Phase::Taken { id, .. } | Phase::In { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The view of the last event, while it is a member. This asks nobody.
    pub fn view(&self) -> Option<&Arc<View>> {
        match &self.phase {
            Phase::In { view, .. } => Some(view),
            _ => None,
        }
    }

    /// Its gid in that view.
    pub fn gid(&self) -> Option<u32> {
        Some(self.view()?.own?.gid)
    }

    /// Its place in that view: 0 is the most senior.
    pub fn rank(&self) -> Option<u32> {
        Some(self.view()?.own?.rank)
    }

    /// The next event, if there is one. It answers the member interface's questions by the way.
    ///
    /// # Errors
    /// [`Error::Over`] behind the last event, or the system refuses something.
    pub fn try_event(&mut self) -> Result<Option<Event>, Error> {
        let event = self.advance()?;
        self.rearm()?;
        Ok(event)
    }

    /// The next event. None: there was none in that time, or a signal was caught. Without a timeout it waits
    /// for ever.
    ///
    /// # Errors
    /// As [`Member::try_event`].
    pub fn next_event(&mut self, timeout: Option<Duration>) -> Result<Option<Event>, Error> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(event) = self.try_event()? {
                return Ok(Some(event));
            }
            if !self.line.wait(until)? {
                return Ok(None);
            }
        }
    }

    /// Asks to leave. The last event says that it did; who does not wait for it may drop the member at once, the member
    /// interface carries the request through.
    ///
    /// # Errors
    /// [`Error::Over`]: it has ended already.
    pub fn ask_to_leave(&mut self) -> Result<(), Error> {
        if matches!(self.phase, Phase::Over) {
            return Err(Error::Over);
        }
        if matches!(self.phase, Phase::Away { .. }) {
            self.end();
            return Ok(());
        }
        if self.leaving.is_none() {
            self.calls += 1;
            self.leaving = Some(self.calls);
            self.say_leave();
        }
        Ok(())
    }

    /// Leaves, and waits for it; events in between are forgotten.
    ///
    /// # Errors
    /// [`Error::Timeout`]: not yet, but it will. [`Error::Gone`]: the member interface went away meanwhile, and the
    /// membership with it.
    pub fn leave(mut self, timeout: Duration) -> Result<(), Error> {
        match self.ask_to_leave() {
            Err(Error::Over) => return Ok(()),
            other => other?,
        }
        let until = Instant::now().checked_add(timeout);
        loop {
            match self.try_event() {
                Ok(Some(Event::Disconnected { .. })) => return Err(Error::Gone),
                Ok(Some(event)) if event.is_last() => return Ok(()),
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(Error::Over) => return Ok(()),
                Err(e) => return Err(e),
            }
            // A signal is no reason to give up.
            if !self.line.wait(until)? && until.is_some_and(|until| until <= Instant::now()) {
                return Err(Error::Timeout);
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Event>, Error> {
        for _ in 0..PACKETS {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match &mut self.phase {
                Phase::Over => return Err(Error::Over),
                Phase::Away { next, .. } if Instant::now() < *next => return Ok(None),
                Phase::Away { ended, .. } => {
                    let ended = ended.take();
                    if self.connect(ended.clone()).is_err() {
                        self.stay_away(ended);
                    }
                }
                Phase::Asked { .. } | Phase::Taken { .. } | Phase::In { .. } => {
                    match self.line.hear() {
                        Heard::Nothing => return Ok(None),
                        Heard::Said(Telling::Event { event, .. }) => self.on_event(event),
                        // The line has put lists together, and kept greetings and farewells to itself.
                        Heard::Said(_) => self.lose(Error::Breach("packet: not expected")),
                        Heard::Lost(why) => self.lose(why),
                    }
                }
            }
        }
        Ok(None)
    }

    /// The descriptor is readable if there is more to do now, and when there will be by itself.
    fn rearm(&mut self) -> Result<(), Error> {
        let at = match &self.phase {
            _ if !self.events.is_empty() || self.line.has_more() => Some(Instant::now()),
            Phase::Away { next, .. } => Some(*next),
            _ => None,
        };
        self.line.wake_at(at)
    }

    fn connect(&mut self, ended: Option<Ended>) -> Result<(), Error> {
        self.line.connect(&self.options.place)?;
        self.ask(ended)
    }

    fn ask(&mut self, ended: Option<Ended>) -> Result<(), Error> {
        self.calls += 1;
        // Who created the group once must not be refused because the others keep it alive.
        let mode = match self.options.mode {
            _ if ended.as_ref().is_some_and(|ended| ended.needs_group) => Mode::Existing,
            Mode::Create if ended.is_some() => Mode::JoinOrCreate,
            mode => mode,
        };
        let (tag, qos) = (self.options.tag.clone(), Box::new(self.options.qos.clone()));
        let ask = Ask::Join { mode, tag, qos, patience_ms: millis(self.options.patience) };
        self.say(self.calls, ask)?;
        self.phase = Phase::Asked { call: self.calls, ended };
        Ok(())
    }

    fn say(&mut self, number: u32, ask: Ask) -> Result<(), Error> {
        let group = self.view().map_or(self.group, |view| view.key.name);
        // That nobody listens any more, the next look at the line says, behind what there is to hear.
        self.line.say(&Asking::Call(LocalCall { number, group, ask })).map(drop)
    }

    /// Says that it leaves, as soon as it is known who.
    fn say_leave(&mut self) {
        if let (Some(call), Some(member)) = (self.leaving, self.id()) {
            self.say_or_lose(call, Ask::Leave { member });
        }
    }

    fn say_or_lose(&mut self, number: u32, ask: Ask) {
        if let Err(why) = self.say(number, ask) {
            self.lose(why);
        }
    }

    fn on_event(&mut self, event: LocalEvent) {
        match event {
            LocalEvent::Taken { call, member } => self.on_taken(call, member),
            LocalEvent::Refused { call, refusal, .. } => self.on_refused(call, refusal),
            LocalEvent::Done { call } if self.leaving == Some(call) => self.on_out(Reason::Left),
            LocalEvent::Out { member, reason, .. } if self.id() == Some(member) => {
                self.on_out(reason);
            }
            LocalEvent::Alive { nonce } => self.say_or_lose(0, Ask::Alive { nonce }),
            LocalEvent::View { member, .. } if self.id() == Some(member) => {
                if let Err(word) = self.on_view(event) {
                    self.lose(Error::Breach(word));
                }
            }
            LocalEvent::ServerLost => self.events.push_back(Event::MserverLost),
            LocalEvent::ServerFound => self.events.push_back(Event::MserverFound),
            // Of who we were before, or answers that nobody waits for.
            LocalEvent::View { .. }
            | LocalEvent::Out { .. }
            | LocalEvent::Done { .. }
            | LocalEvent::Roster { .. } => {}
        }
    }

    fn on_taken(&mut self, number: u32, id: MemberId) {
        let Phase::Asked { call, ended } = &mut self.phase else { return };
        if *call == number {
            self.phase = Phase::Taken { call: number, id, ended: ended.take() };
            self.say_leave();
        }
    }

    fn on_refused(&mut self, number: u32, refusal: Refusal) {
        // A leave is refused to one who is out already, and something else says so.
        let (Phase::Asked { call, ended } | Phase::Taken { call, ended, .. }) = &mut self.phase
        else {
            return;
        };
        if *call != number {
            return;
        }
        let may_pass = |ended: &Ended| match refusal {
            // The host is still coming up.
            Refusal::NoMserver => true,
            // The partition is not over yet.
            Refusal::NotFound | Refusal::Terminated => ended.needs_group,
            _ => false,
        };
        if ended.as_ref().is_some_and(may_pass) && self.leaving.is_none() {
            let ended = ended.take();
            self.line.close();
            return self.stay_away(ended);
        }
        self.events.push_back(Event::Refused(refusal));
        self.end();
    }

    fn on_out(&mut self, reason: Reason) {
        let Some(was) = self.id() else { return };
        let rejoins = self.options.rejoin.follows(reason) && self.leaving.is_none();
        let last = self.view().cloned();
        self.events.push_back(Event::Out { reason, was, last, rejoins });
        if !rejoins {
            return self.end();
        }
        let mut ended = self.ended();
        if let Some(ended) = &mut ended {
            ended.needs_group = reason != Reason::Failed;
        }
        if self.ask(ended.clone()).is_err() {
            self.line.close();
            self.stay_away(ended);
        }
    }

    fn on_view(&mut self, event: LocalEvent) -> Result<(), &'static str> {
        let LocalEvent::View { key, member, gid, rank, term, number, digest, .. } = event else {
            return Ok(());
        };
        let LocalEvent::View { size, reason, gone, came, whole, qos, .. } = event else {
            return Ok(());
        };
        let own = Some(Own { member, gid, rank });
        let told = Told { key, term, number, digest, size, own, reason, gone, came, whole, qos };
        let (now, ended) = match &self.phase {
            Phase::Taken { ended, .. } => (None, ended.clone()),
            Phase::In { view, .. } => (Some(view.clone()), None),
            Phase::Away { .. } | Phase::Asked { .. } | Phase::Over => return Ok(()),
        };
        let earlier = ended.as_ref().map(|ended| ended.last.clone());
        let change = told.apply(now.as_deref(), earlier.as_deref())?;
        if let Some(Ended { was, since, .. }) = ended {
            let away = since.elapsed();
            self.events.push_back(Event::Rejoined { was, now: member, away });
        }
        if let Some(from) = now.or(earlier).map(|view| view.key)
            && (from.name, from.suffix) != (key.name, key.suffix)
        {
            self.events.push_back(Event::Renamed { from, to: key });
        }
        self.pause = PAUSES[0];
        self.phase = Phase::In { id: member, view: change.view.clone() };
        self.events.push_back(Event::View(change));
        Ok(())
    }

    /// The line is lost, or worth nothing.
    fn lose(&mut self, why: Error) {
        self.line.close();
        let ended = self.ended();
        let hopeless = match &why {
            Error::Closed(Closing::NoPlace) => ended.is_none(),
            Error::Closed(_) => true,
            _ => false,
        };
        let rejoins = self.options.rejoin != Rejoin::Never && self.leaving.is_none() && !hopeless;
        // While it is away, a member interface that lets us in and hangs up is as good as none.
        let told = !matches!(self.phase, Phase::In { .. }) && ended.is_some();
        if !told || !rejoins {
            let was = ended.as_ref().map(|ended| ended.was);
            let last = ended.as_ref().map(|ended| ended.last.clone());
            let why = Arc::new(why);
            self.events.push_back(Event::Disconnected { was, last, why, rejoins });
        }
        if rejoins { self.stay_away(ended) } else { self.end() }
    }

    /// The last membership there was, which ends now if it has not ended before.
    fn ended(&self) -> Option<Ended> {
        match &self.phase {
            Phase::In { id, view } => {
                let (was, last, since) = (*id, view.clone(), Instant::now());
                Some(Ended { was, last, since, needs_group: false })
            }
            Phase::Asked { ended, .. } | Phase::Taken { ended, .. } | Phase::Away { ended, .. } => {
                ended.clone()
            }
            Phase::Over => None,
        }
    }

    fn stay_away(&mut self, ended: Option<Ended>) {
        self.phase = Phase::Away { next: Instant::now() + self.pause, ended };
        self.pause = (self.pause * 2).min(PAUSES[1]);
    }

    fn end(&mut self) {
        self.line.close();
        self.phase = Phase::Over;
    }
}

/// To poll for reading: when it is ready, [`Member::try_event`] until there is none. It stays the same as long as the member
/// lives, over all connections.
impl AsFd for Member {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}
