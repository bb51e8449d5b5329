//! The loop: input at once, ticks on time, one lap per input.
//!
//! ```text
//!   sleep until input, a signal or the next tick at which something is due
//!   ├─ ticks: those that nothing was due at, as one
//!   ├─ input: a batch from every socket that has some, each datagram through node.step to the end
//!   ├─ applications: those that called, a few packets each in their turn
//!   ├─ tick:  when it is due, also in a flood; if it is late, all input that waits comes first
//!   └─ signal, service manager, control socket
//! ```
//!
//! An idle daemon costs what its wakings cost, so it sleeps through ticks that would find nothing to do. The node
//! cannot tell the difference: it has all of them before whatever else it is given.

mod applications;
mod faults;
mod local;

use super::batch::{BATCH, LARGEST, Receiver, Sent};
use super::clock::TickClock;
use super::control::Control;
use super::detour::Detour;
use super::fanout::Fanout;
use super::fault::{Faults, Way};
use super::local::Local;
use super::notify::Notify;
use super::quiet::Quiet;
use super::records::Records;
use super::signal;
use super::sockets::Sockets;
use crate::proto::counters::Counters;
use crate::proto::node::{Node, Role};
use crate::proto::note::{Level, Note};
use crate::proto::step::{Action, End, Input, Via};
use crate::wire::WireError;
use log::{debug, info, warn};
use mio::{Events, Poll};
use serde_json::{Value, json};
use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest sleep, if a tick is not longer: a signal that comes just before it is seen after it.
const LONGEST: Duration = Duration::from_millis(250);
/// Batches taken from a socket before a late tick.
const DRAIN: usize = 256;

/// What a daemon is made of.
pub struct Setup {
    /// `mserver`, `mcaster`.
    pub mode: &'static str,
    /// Our own address.
    pub own: SocketAddrV4,
    /// The sockets; the first one sends.
    pub sockets: Vec<(Via, Socket)>,
    /// What it is, and the actions it began with.
    pub node: Node,
    /// The actions it began with.
    pub first: Vec<Action>,
    /// Length of a tick.
    pub tick: Duration,
    /// Ticks missed that an operator should be told of.
    pub late: u32,
    /// Where the control socket is to be.
    pub control: PathBuf,
    /// Where applications are to call, if they can.
    pub applications: Option<super::local::Setup>,
    /// What is written to files.
    pub records: Records,
    /// Faults for tests.
    pub faults: Faults,
}

/// Why [`Daemon::run`] returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// It serves now. Run it on.
    Ready,
    /// SIGHUP. Run it on.
    Reload,
    /// It has ended.
    Ended(End),
}

/// A running daemon.
pub struct Daemon {
    setup: Setup,
    poll: Poll,
    clock: TickClock,
    control: Control,
    /// Applications that call; none where there is no member interface.
    applications: Option<Local>,
    notify: Notify,
    next_watchdog: Option<Instant>,
    receiver: Option<Receiver>,
    sockets: Sockets,
    fanout: Fanout,
    actions: Vec<Action>,
    events: VecDeque<Event>,
    detour: Detour,
    quiet: Quiet,
    counters: Counters,
    /// Every datagram that was taken from the kernel, whatever became of it.
    received: u64,
    late_ticks: u64,
    stops: u32,
    /// The ticks that were to pass until something is due, as it was before the sleep.
    planned: u32,
}

impl Daemon {
    /// Opens the control socket and that of applications, and takes the node's first actions.
    ///
    /// # Errors
    /// The loop or one of those sockets cannot be made.
    pub fn new(mut setup: Setup) -> io::Result<Daemon> {
        let poll = Poll::new()?;
        let sockets = Sockets::new(std::mem::take(&mut setup.sockets), poll.registry())?;
        let named = |e: io::Error| {
            io::Error::new(e.kind(), format!("control socket {}: {e}", setup.control.display()))
        };
        let control = Control::open(setup.control.clone(), poll.registry()).map_err(named)?;
        let applications = setup.applications.take();
        let applications =
            applications.map(|local| applications::open(local, poll.registry())).transpose()?;
        let notify = Notify::from_env();
        let now = Instant::now();
        let first = std::mem::take(&mut setup.first);
        let mut daemon = Daemon {
            poll,
            clock: TickClock::new(now, setup.tick),
            control,
            applications,
            next_watchdog: notify.watchdog().map(|_| now),
            notify,
            receiver: Some(Receiver::new()),
            sockets,
            fanout: Fanout::default(),
            actions: first,
            events: VecDeque::new(),
            detour: Detour::new(std::mem::take(&mut setup.faults)),
            quiet: Quiet::default(),
            counters: Counters::default(),
            received: 0,
            late_ticks: 0,
            stops: 0,
            planned: 1,
            setup,
        };
        daemon.take_actions();
        Ok(daemon)
    }

    /// Runs until there is something that only its owner can do.
    ///
    /// # Errors
    /// The loop itself fails. Nothing that a peer sends does that.
    pub fn run(&mut self) -> io::Result<Event> {
        let mut ready = Events::with_capacity(64);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let Some(event) = self.look_at_signals() {
                return Ok(event);
            }
            self.planned = self.plan();
            match self.poll.poll(&mut ready, Some(self.sleep())) {
                // By a signal, which is looked at when the time is right.
                Err(e) if e.kind() == io::ErrorKind::Interrupted => ready.clear(),
                other => other?,
            }
            let missed = self.pass_quiet_ticks();
            for event in &ready {
                match event.token() {
                    token if Local::owns(token) => self.ready(token),
                    token if Control::owns(token) => self.serve_control(token),
                    token => self.sockets.set_readable(token.0, true),
                }
            }
            self.receive_once();
            self.hear_applications();
            self.keep_time(missed);
            self.flush_applications();
        }
    }

    /// The node, for its owner to change what can be changed while it runs.
    pub fn node(&mut self) -> &mut Node {
        &mut self.setup.node
    }

    /// Other faults, another length of a tick, other files, from now on.
    pub fn change(&mut self, tick: Duration, records: Records, faults: Faults) {
        if tick != self.setup.tick {
            self.clock.set_period(Instant::now(), tick);
            self.setup.tick = tick;
        }
        self.setup.records = records;
        self.detour.set(faults);
    }

    /// Tells the service manager, if there is one.
    pub fn say(&self, what: &str) {
        self.notify.say(what);
    }

    /// What the daemon knows.
    pub fn status(&self) -> Value {
        let mut io = self.counters.to_json();
        io["received"] = self.received.into();
        let mut status = json!({
            "program": "ms",
            "version": env!("CARGO_PKG_VERSION"),
            "mode": self.setup.mode,
            "address": self.setup.own.to_string(),
            "pid": std::process::id(),
            "tick_ms": self.setup.tick.as_millis() as u64,
            "ticks": self.clock.ticks(),
            "late_ticks": self.late_ticks,
            "io": io,
        });
        if let (Value::Object(all), Value::Object(node)) = (&mut status, self.setup.node.status()) {
            all.extend(node);
        }
        if let Some(local) = &self.applications {
            status["applications"] = local.status();
        }
        status
    }

    fn look_at_signals(&mut self) -> Option<Event> {
        let stops = signal::stops();
        if stops > 1 {
            warn!("told to stop again: ending at once");
            return Some(Event::Ended(End::Stopped));
        }
        if stops > self.stops {
            self.stops = stops;
            info!("told to stop");
            self.notify.say("STOPPING=1");
            self.step(Input::Stop);
        }
        if signal::status() {
            info!("status {}", self.status());
        }
        signal::reload().then_some(Event::Reload)
    }

    /// The ticks until something is due.
    fn plan(&self) -> u32 {
        let most = (LONGEST.as_nanos() / self.setup.tick.as_nanos().max(1)) as u32;
        self.setup.node.due().min(most).max(1)
    }

    /// Gives the node the ticks that passed and find nothing due, before any input: a timer that input
    /// starts must not run for the time before. Returns the ticks that find something.
    fn pass_quiet_ticks(&mut self) -> u32 {
        let elapsed = self.clock.elapsed(Instant::now());
        let quiet = elapsed.min(self.planned - 1);
        if quiet > 0 {
            self.step(Input::Tick { elapsed: quiet });
        }
        elapsed - quiet
    }

    /// How long nothing is due.
    fn sleep(&self) -> Duration {
        let busy = self.applications.as_ref().is_some_and(Local::is_busy);
        if busy || self.sockets.any_readable() || !self.events.is_empty() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let due = self.detour.due().into_iter().chain(self.next_watchdog);
        let due = due.chain(self.setup.records.due()).min();
        let due = due.map_or(Duration::MAX, |due| due.saturating_duration_since(now));
        self.clock.sleep(now, self.planned).min(due)
    }

    /// The ticks that are due, those of them that came while input was handled too; and what else is due.
    fn keep_time(&mut self, missed: u32) {
        let now = Instant::now();
        self.release_delayed(now);
        self.control.expire(now, self.poll.registry());
        self.expire_applications(now);
        self.setup.records.write_due(now);
        if let (Some(due), Some(every)) = (self.next_watchdog, self.notify.watchdog())
            && now >= due
        {
            self.notify.say("WATCHDOG=1");
            self.next_watchdog = Some(now + every);
        }
        let elapsed = missed.saturating_add(self.clock.elapsed(now));
        if elapsed == 0 {
            return;
        }
        if elapsed > 1 {
            self.late_ticks += u64::from(elapsed) - 1;
            // What arrived in time must not count as late: it goes first.
            for _ in 0..DRAIN {
                if self.receive_once() == 0 {
                    break;
                }
            }
            if elapsed > self.setup.late.max(1) {
                let ms = u64::from(elapsed) * self.setup.tick.as_millis() as u64;
                self.tell(&Note::Late { ms });
            }
        }
        self.step(Input::Tick { elapsed });
    }

    /// One batch from every socket that has something; says how many datagrams that were.
    fn receive_once(&mut self) -> usize {
        let Some(mut batch) = self.receiver.take() else { return 0 };
        let mut total = 0;
        for place in 0..self.sockets.places() {
            let Some((via, socket)) = self.sockets.readable(place) else { continue };
            let count = match batch.receive(socket) {
                Ok(count) => count,
                Err(e) => {
                    debug!("receiving: {e}");
                    self.counters.count("receive-failed");
                    0
                }
            };
            // A batch that is not full emptied the socket; what comes now is told of anew.
            self.sockets.set_readable(place, count == BATCH);
            total += count;
            self.received += count as u64;
            for datagram in 0..count {
                self.take_datagram(via, &batch, datagram);
            }
            let sent = self.fanout.flush(&batch, self.sockets.own().as_fd());
            self.count_sent(sent);
        }
        self.receiver = Some(batch);
        total
    }

    fn take_datagram(&mut self, via: Via, batch: &Receiver, place: usize) {
        let datagram = batch.get(place);
        let from = datagram.from;
        if from == self.setup.own {
            return;
        }
        if datagram.truncated {
            let error = Some(WireError::Oversized { have: LARGEST + 1, most: LARGEST });
            self.counters.count("oversized");
            self.tell(&Note::Dropped { cause: "oversized", from, error });
            return;
        }
        let bytes = datagram.bytes;
        self.trace_in(via, from, bytes);
        if !self.detour.is_open() {
            return self.take_with_faults(via, from, bytes);
        }
        self.setup.node.step(Input::Datagram { via, from, bytes }, &mut self.actions);
        let relay = |a: &Action| match a {
            Action::Relay { slot, skip } => Some((*slot, *skip)),
            _ => None,
        };
        if let (Some(job), Role::Mcaster(mcaster)) =
            (self.actions.iter().find_map(relay), self.setup.node.role())
        {
            let socket = self.sockets.own().as_fd();
            let sent = self.fanout.relay(mcaster, job, (batch, place), socket);
            self.actions.retain(|a| relay(a).is_none());
            self.count_sent(sent);
        }
        if !self.actions.is_empty() {
            // Copies of earlier datagrams go out before what this one causes.
            let sent = self.fanout.flush(batch, self.sockets.own().as_fd());
            self.count_sent(sent);
            self.take_actions();
        }
    }

    fn count_sent(&mut self, sent: Sent) {
        for (word, n) in [("send-failed", sent.refused), ("send-full", sent.full)] {
            for _ in 0..n {
                self.counters.count(word);
            }
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.setup.node.step(input, &mut self.actions);
        self.take_actions();
    }

    /// What others wait for goes out before anything is written down: a line in a file takes longer than a datagram.
    /// Applications come between the two.
    fn take_actions(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        let (mut told, mut notes) = (Vec::new(), Vec::new());
        for action in actions.drain(..) {
            match action {
                Action::Send { to, bytes } => self.send(to, bytes),
                // A relay concerns a received datagram and is dealt with where that lies.
                Action::Relay { .. } => self.counters.count("relay-without-datagram"),
                Action::Hear { group, on } => self.hear(group, on),
                Action::KeepLife(inc) => self.setup.records.keep_life(inc),
                Action::Tell { client, event } => told.push((client, event)),
                Action::Note(note) => notes.push(note),
                Action::Ready => self.events.push_back(Event::Ready),
                Action::Done(end) => self.events.push_back(Event::Ended(end)),
            }
        }
        self.actions = actions;
        self.tell_applications(&told, !notes.is_empty());
        notes.into_iter().for_each(|note| self.take_note(note));
    }

    fn hear(&mut self, group: SocketAddrV4, on: bool) {
        let (own, registry) = (*self.setup.own.ip(), self.poll.registry());
        if !on {
            return self.sockets.unhear(group, registry);
        }
        if let Err(e) = self.sockets.hear(group, own, registry) {
            warn!("group address {group} cannot be heard: {e}");
        }
    }

    fn send(&mut self, to: SocketAddrV4, bytes: Vec<u8>) {
        self.trace_out(to, &bytes);
        if self.detour.is_open() {
            return self.send_now(to, &bytes);
        }
        self.detour.take(Way::Out, Via::Own, to, &bytes);
        self.release_delayed(Instant::now());
    }

    fn send_now(&mut self, to: SocketAddrV4, bytes: &[u8]) {
        let socket = self.sockets.own();
        // One repetition: the first attempt may only report an ICMP error of an earlier datagram.
        let result = socket
            .send_to(bytes, &SocketAddr::V4(to).into())
            .or_else(|_| socket.send_to(bytes, &SocketAddr::V4(to).into()));
        if let Err(e) = result {
            debug!("sending to {to}: {e}");
            self.counters.count("send-failed");
        }
    }

    fn take_note(&mut self, note: Note) {
        self.trace_note(&note);
        self.tell(&note);
        self.setup.records.take(note);
    }

    /// Logs a note; of those that a peer can cause at will, one a while.
    fn tell(&mut self, note: &Note) {
        let Some(more) = self.quiet.judge(note, Instant::now()) else { return };
        match note.level() {
            Level::Warning => warn!("{note}{more}"),
            Level::Notice => info!("{note}{more}"),
            Level::Debug => debug!("{note}{more}"),
        }
    }
}
