//! One input at one host: what the process there does with it, and what becomes of that.

use super::{Letter, World, address};
use crate::proto::coreset::{SetAction, SetInput, SetNote, SetParams};
use crate::sim::event::{Copy, Event, What};
use crate::sim::invariants::{Seen, Violation};
use crate::sim::kind::Kind;
use crate::sim::links::HostId;
use crate::sim::transcript;
use crate::wire::coreset::{Body, Change, ChangeKind, CoreMessage, Operation, View, Wait};
use crate::wire::{Message, WireError};
use std::rc::Rc;

/// Datagrams that a stopped process's socket keeps; what comes behind them is lost.
const SOCKET: usize = 256;
/// Old messages that are kept to be sent again.
const PAST: usize = 64;

/// A datagram as its receiver reads it.
///
/// # Errors
/// As those of decoding: the datagram would be dropped, and counted.
pub fn read(datagram: &[u8]) -> Result<CoreMessage, WireError> {
    CoreMessage::decode(&Message::receive(datagram, false)?)
}

impl World {
    /// A copy is read by the process that it finds. Whoever is in no view does not hear the group.
    pub(super) fn read(&mut self, letter: Letter) {
        let Letter { id, to: host, .. } = letter;
        let at = &mut self.hosts[host];
        match &at.process {
            Some(process) if !letter.group || process.view().is_some() => {
                if !at.stopped {
                    self.event(What::Arrived { id, host });
                    self.step(host, SetInput::Message(&letter.message));
                } else if at.unread.len() < SOCKET {
                    at.unread.push(letter);
                }
            }
            Some(_) => {}
            None => self.event(What::Unheard { id, host }),
        }
    }

    /// One input, all its actions, all that is to be said about them.
    pub(super) fn step(&mut self, host: HostId, input: SetInput<'_>) {
        let elapsed = match input {
            SetInput::Tick { elapsed } => elapsed,
            _ => 0,
        };
        let Some(process) = &mut self.hosts[host].process else { return };
        let phase = process.phase_name();
        let due = process.due();
        let mut out = Vec::new();
        process.step(input, &mut out);
        // A daemon sleeps through ticks at which nothing is due.
        let early = elapsed < due && elapsed > 0 && !out.is_empty();
        self.perform(host, out, elapsed, phase);
        if early {
            let (first, second) = (format!("due in {due} ticks"), format!("acts after {elapsed}"));
            self.broken("DUE", first, second);
        }
    }

    /// Carries out what a process wants done. `phase` is the one that it was in before.
    pub(super) fn perform(
        &mut self,
        host: HostId,
        actions: Vec<SetAction>,
        elapsed: u32,
        phase: &'static str,
    ) {
        let mut over = false;
        for action in actions {
            match action {
                SetAction::Send { to, message } => {
                    self.send(host, Some(transcript::host(to)), &message);
                }
                SetAction::Multicast(message) => self.send(host, None, &message),
                SetAction::Installed { view, from, change, applied } => {
                    self.count_install(host, change.as_ref(), &applied, phase);
                    let at = address(host);
                    let by = change.as_ref();
                    self.watch.installed(self.now, at, &view, from, by, &applied);
                    let (view, change) = (Box::new(view), change.map(|change| change.id));
                    self.event(What::Installed { host, view, from, change, applied });
                }
                SetAction::Out { asked } => {
                    self.watch.left(address(host));
                    self.event(What::Out { host, asked });
                    over |= asked;
                }
                SetAction::Note(note) => {
                    self.count_note(host, &note);
                    self.event(What::Note { host, note });
                }
            }
        }
        self.look(host, elapsed);
        if over {
            self.hosts[host].process = None;
        }
    }

    /// Shows the watch how a process looks now.
    fn look(&mut self, host: HostId, elapsed: u32) {
        let at = &mut self.hosts[host];
        let Some(process) = &at.process else { return };
        let inc = process.life().inc;
        if inc > at.inc {
            // What a former life was not rid of, the next one counts from the beginning.
            at.inc = inc;
            let done = process.view().map_or(0, |view| view.done_of(process.life()));
            at.submitted = done + process.outstanding() as u64;
        }
        let phase = process.phase_name();
        let seen = Seen {
            who: address(host),
            elapsed,
            view: process.view(),
            isolated: process.isolated().collect(),
            floor: process.floor(),
            phase,
            awaited: process.awaited(),
            live: !matches!(phase, "idle" | "out"),
        };
        self.watch.stepped(self.now, &seen);
    }

    fn send(&mut self, from: HostId, to: Option<HostId>, message: &CoreMessage) {
        self.watch.sent(self.now, to.map(address), message);
        let carried = message.encode().and_then(|datagram| Ok((read(&datagram)?, datagram)));
        let (datagram, carried) = match carried {
            Ok((carried, datagram)) if carried == *message => (datagram, carried),
            other => {
                let first = format!("{} sends {message:?}", address(from));
                let second = format!("it arrives as {:?}", other.map(|(carried, _)| carried));
                return self.broken("CARRY", first, second);
            }
        };
        self.count_message(message);
        let message = Rc::new(carried);
        self.remember(&message);
        let kind = Kind::of(&message);
        let id = self.messages;
        self.messages += 1;
        let all = self.first..self.hosts.len();
        let receivers = all.filter(|&host| to.map_or(host != from, |to| host == to));
        let mut copies = Vec::new();
        for to in receivers {
            let mut due = self.links.arrivals(self.now, from, to, kind);
            due.retain(|_| !self.spoiled(&datagram, &message));
            copies.push(Copy { to, due });
        }
        let group = to.is_none();
        for Copy { to, due } in &copies {
            self.tally.count(if due.is_empty() { "lost" } else { "messages" });
            for due in due {
                self.post(*due, Letter { id, to: *to, group, message: Rc::clone(&message) });
            }
        }
        self.event(What::Sent { id, from, group, message, copies });
    }

    /// Whether a copy is damaged under way, which its receiver must see.
    fn spoiled(&mut self, datagram: &[u8], message: &CoreMessage) -> bool {
        let Some(damaged) = self.links.damaged(datagram) else { return false };
        self.tally.count("garbled");
        if let Ok(other) = read(&damaged)
            && other != *message
        {
            let first = format!("{damaged:?}, damaged");
            self.broken("CARRY", first, format!("is read as {other:?}"));
        }
        true
    }

    /// A message that nobody sends just now reaches a host in the next tick: an old or a forged one.
    pub fn inject(&mut self, to: HostId, message: CoreMessage) {
        let due = self.now + 1;
        let (id, message) = (self.messages, Rc::new(message));
        self.messages += 1;
        self.post(due, Letter { id, to, group: false, message: Rc::clone(&message) });
        let from = transcript::host(message.from.life.address);
        let copies = vec![Copy { to, due: vec![due] }];
        self.event(What::Sent { id, from, group: false, message, copies });
    }

    /// One of the messages of the past, whoever sent it.
    pub fn old_message(&mut self) -> Option<CoreMessage> {
        self.rng.pick(&self.past).map(|message| (*message).clone())
    }

    /// Keeps a sample of what was sent, old and new.
    fn remember(&mut self, message: &Rc<CoreMessage>) {
        if self.past.len() < PAST {
            self.past.push(Rc::clone(message));
        } else if self.rng.chance(50) {
            let place = self.rng.below(PAST);
            self.past[place] = Rc::clone(message);
        }
    }

    fn post(&mut self, due: u64, letter: Letter) {
        self.posted += 1;
        self.under_way.insert((due, self.posted), letter);
    }

    pub(super) fn event(&mut self, what: What) {
        if let Some(log) = &mut self.log {
            log.push(Event { tick: self.now, what });
        }
    }

    pub(super) fn broken(&mut self, rule: &'static str, first: String, second: String) {
        self.watch.report(Violation { rule, tick: self.now, first, second });
    }

    fn count_message(&mut self, message: &CoreMessage) {
        match &message.body {
            Body::CommitInitiate(..) => self.tally.count("piggy-backs"),
            Body::Wait(Wait::Prev(_)) => self.tally.count("overlaps"),
            Body::Wait(Wait::Dropped(_)) => self.tally.count("drops"),
            Body::Commit(change) if change.id.coord != message.from.life => {
                self.tally.count("stragglers");
            }
            _ => {}
        }
    }

    fn count_install(
        &mut self,
        host: HostId,
        change: Option<&Change>,
        applied: &[Operation],
        phase: &str,
    ) {
        self.tally.count("installs");
        let Some(change) = change else { return };
        if phase == "election" && change.id.coord.address != address(host) {
            self.tally.count("compressed");
        }
        if change.id.coord.address != address(host) {
            return;
        }
        self.tally.count("changes");
        let excluded = change.excl.iter().map(|who| transcript::host(*who));
        let falsely = excluded.filter(|other| self.in_reach(host, *other)).count();
        self.tally.add("false exclusions", falsely as u64);
        self.tally.add("operations", applied.len() as u64);
        match &change.kind {
            ChangeKind::Fail { subjects } => {
                self.tally.count("fails");
                if subjects.len() > 1 {
                    self.tally.count("batched fails");
                }
            }
            ChangeKind::Leave { .. } => self.tally.count("leaves"),
            ChangeKind::Split { .. } => self.tally.count("splits"),
            ChangeKind::Join { .. } => self.tally.count("joins"),
            ChangeKind::Application { .. } => self.tally.count("batches"),
            ChangeKind::Merge { views, .. } => {
                self.tally.count("merges");
                let view = self.hosts[host].process.as_ref().and_then(|process| process.view());
                let came = |view: &View| views[1].addresses().any(|a| view.contains(a));
                if view.is_some_and(|view| !came(view)) {
                    self.tally.count("dissolved");
                }
            }
            ChangeKind::AddParent { .. } | ChangeKind::DelParent { .. } => {
                self.tally.count("parents");
            }
            ChangeKind::Rename => self.tally.count("renames"),
        }
    }

    /// Whether another host is up, in a view, and heard both ways.
    fn in_reach(&self, host: HostId, other: HostId) -> bool {
        let process = self.hosts[other].process.as_ref();
        let member = process.is_some_and(|process| process.view().is_some());
        let heard = self.links.open(host, other) && self.links.open(other, host);
        member && heard && !self.hosts[other].stopped
    }

    fn count_note(&mut self, host: HostId, note: &SetNote) {
        match note {
            SetNote::Isolated { who, .. } => {
                self.tally.count("isolations");
                if self.in_reach(host, transcript::host(*who)) {
                    self.tally.count("false isolations");
                }
            }
            SetNote::Phase { why: "promised elsewhere", .. } => self.tally.count("sweeps"),
            SetNote::Phase { to: "election", .. } => self.tally.count("elections"),
            SetNote::Phase { from: "election", to: "coordinator", .. } => {
                self.tally.count("resumed");
            }
            SetNote::Phase { from: "coordinator", to: "follower", .. } => {
                self.tally.count("simultaneous");
            }
            SetNote::Founded { .. } => self.tally.count("founded"),
            _ => {}
        }
    }
}

/// For how many ticks a change may stand still at one mserver: every try of every extension.
pub(super) fn patience(params: &SetParams) -> u32 {
    (params.extensions + 1) * (params.retries + 1) * params.reply
}
