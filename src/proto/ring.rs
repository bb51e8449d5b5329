//! The mserver of 1994: a fixed ring, pairwise monitoring, nothing else (thesis VI.B and appendix).
//!
//! ```text
//!            cw: queries us                     ccw: we query it
//!   ... ──────────────────────> [ my gid ] ──────────────────────> ...
//!
//!   Joining ── JOIN_ACK ──> Joined ── stop ──> Leaving ── LEAVE_ACK ──> Left
//! ```
//!
//! Departures from the original, each for one of its faults (WIRE.md, Part A section 7): the JOIN is sent again
//! until it is answered, and only an answer of the mcaster about our group counts; DUP_MEMBER means that we are
//! in the group; the JOIN is repeated now and then, so that a restarted mcaster learns of us; what
//! comes through port 3000 must come from our mcaster; we leave when told to stop. What is kept: nobody
//! is queried before we have joined, since a QUERY that comes before its JOIN_ACK kills an original; only the IP
//! address of a neighbour counts, neither its port nor its gid; any REPLY postpones the next QUERY.

use super::counters::Counters;
use super::enrolment::{Enrolment, Outcome};
use super::monitor::{Duty, Monitor};
use super::note::Note;
use super::params::Params;
use super::step::{Action, End, Input, Via};
use crate::name::{Gid, GroupName};
use crate::wire::{Draft, Header, Kind, Message, Sum, WireError, prefix};
use serde_json::{Value, json};
use std::net::SocketAddrV4;

/// Most gids a ring can have: the original's table.
pub const GIDS: u16 = 250;
/// A neighbour on the ring.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Neighbour {
    /// Its gid.
    pub gid: Gid,
    /// Its address.
    pub address: SocketAddrV4,
}

/// Who is who: the command line of 1994.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Places {
    /// The group.
    pub group: GroupName,
    /// The mcaster that emulates multicast, or none where the group has an IP multicast address.
    pub mcaster: Option<SocketAddrV4>,
    /// Our gid.
    pub gid: Gid,
    /// Who monitors us.
    pub cw: Neighbour,
    /// Whom we monitor.
    pub ccw: Neighbour,
}

/// How we hear the group.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Hearing {
    /// By IP multicast, until we left.
    Ip { left: bool },
    /// From an mcaster.
    Mcaster(Enrolment),
}

/// A member of a fixed ring.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ring {
    places: Places,
    params: Params,
    hearing: Hearing,
    monitor: Monitor,
    failed: bool,
    counters: Counters,
}

impl Ring {
    /// A member that starts now. The first actions are those of joining.
    pub fn start(places: Places, params: Params, actions: &mut Vec<Action>) -> Ring {
        let hearing = match places.mcaster {
            Some(mcaster) => {
                Hearing::Mcaster(Enrolment::start(places.group, mcaster, params, actions))
            }
            None => {
                let (group, mcaster, before) = (places.group, None, false);
                actions.push(Action::Note(Note::Joined { group, mcaster, before }));
                actions.push(Action::Ready);
                Hearing::Ip { left: false }
            }
        };
        let (monitor, counters) = (Monitor::new(&params), Counters::default());
        Ring { places, params, hearing, monitor, failed: false, counters }
    }

    /// Other timings from now on: what waits begins to wait anew. The same timings change nothing, or
    /// settings that are read again and again would keep a failure from being found.
    pub fn set_params(&mut self, params: Params) {
        if params == self.params {
            return;
        }
        self.params = params;
        self.monitor = Monitor::new(&params);
        if let Hearing::Mcaster(enrolment) = &mut self.hearing {
            enrolment.set_params(params);
        }
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is. Fewer do nothing but pass.
    pub fn due(&self) -> u32 {
        match &self.hearing {
            Hearing::Ip { left: true } => u32::MAX,
            Hearing::Ip { left: false } => self.monitor.due(),
            Hearing::Mcaster(enrolment) if !enrolment.is_joined() => enrolment.due(),
            Hearing::Mcaster(enrolment) => self.monitor.due().min(enrolment.due()),
        }
    }

    /// One input, all its actions.
    pub fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        match input {
            Input::Datagram { via, from, bytes } => {
                if let Err((cause, error)) = self.receive(via, from, bytes, actions) {
                    self.counters.count(cause);
                    actions.push(Action::Note(Note::Dropped { cause, from, error }));
                }
            }
            Input::Tick { elapsed } => self.tick(elapsed, actions),
            // Applications call member interfaces.
            Input::Call { .. } | Input::Gone { .. } => {}
            Input::Stop => self.stop(actions),
        }
    }

    fn receive(
        &mut self,
        via: Via,
        from: SocketAddrV4,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<(), (&'static str, Option<WireError>)> {
        let wire = |e: WireError| (e.cause(), Some(e));
        let (from, bytes) = match via {
            Via::Own | Via::Group => (from, bytes),
            Via::Mcaster if self.places.mcaster.is_some_and(|m| m.ip() == from.ip()) => {
                prefix::decode(bytes).map_err(wire)?
            }
            Via::Mcaster => return Err(("not-our-mcaster", None)),
        };
        let message = Message::receive(bytes, true).map_err(wire)?;
        if message.header.group != self.places.group {
            return Err(("other-group", None));
        }
        match message.kind() {
            Some(Kind::Query) => self.on_query(from, actions),
            Some(Kind::Reply) => self.on_reply(from, actions),
            Some(kind) if Enrolment::answers(kind) => self.on_answer(kind, via, from, actions),
            // An original prints the others and does nothing; so do we, and count them.
            Some(_) => {
                self.counters.count("other-messages");
                Ok(())
            }
            None => Err(("unknown-type", None)),
        }
    }

    fn on_query(
        &mut self,
        from: SocketAddrV4,
        actions: &mut Vec<Action>,
    ) -> Result<(), (&'static str, Option<WireError>)> {
        if from.ip() != self.places.cw.address.ip() {
            return Err(("query-not-from-cw", None));
        }
        self.counters.count("queries-answered");
        self.send(Kind::Reply, self.places.cw.gid, from, actions);
        Ok(())
    }

    fn on_reply(
        &mut self,
        from: SocketAddrV4,
        actions: &mut Vec<Action>,
    ) -> Result<(), (&'static str, Option<WireError>)> {
        let ccw = self.places.ccw;
        if from.ip() != ccw.address.ip() {
            return Err(("reply-not-from-ccw", None));
        }
        self.counters.count("replies");
        self.monitor.answered(&self.params);
        if std::mem::take(&mut self.failed) {
            let (group, gid, address) = (self.places.group, ccw.gid, ccw.address);
            actions.push(Action::Note(Note::Recovered { group, gid, address }));
        }
        Ok(())
    }

    fn on_answer(
        &mut self,
        kind: Kind,
        via: Via,
        from: SocketAddrV4,
        actions: &mut Vec<Action>,
    ) -> Result<(), (&'static str, Option<WireError>)> {
        match &mut self.hearing {
            Hearing::Mcaster(enrolment) if via == Via::Own && enrolment.mcaster() == from => {
                let outcome = enrolment.answer(kind, actions).map_err(|cause| (cause, None))?;
                self.heard(outcome, actions);
                Ok(())
            }
            _ => Err(("answer-not-from-mcaster", None)),
        }
    }

    /// What follows from how we stand with the mcaster.
    fn heard(&self, outcome: Option<Outcome>, actions: &mut Vec<Action>) {
        match outcome {
            None => {}
            Some(Outcome::Joined { .. }) => actions.push(Action::Ready),
            Some(Outcome::Refused(why)) => actions.push(Action::Done(End::Unavailable(why))),
            Some(Outcome::Left { .. }) => actions.push(Action::Done(End::Stopped)),
        }
    }

    fn tick(&mut self, elapsed: u32, actions: &mut Vec<Action>) {
        match &mut self.hearing {
            Hearing::Ip { left } if *left => {}
            Hearing::Ip { .. } => self.watch(elapsed, actions),
            Hearing::Mcaster(enrolment) => {
                let was_joined = enrolment.is_joined();
                let outcome = enrolment.tick(elapsed, actions);
                self.heard(outcome, actions);
                if was_joined {
                    self.watch(elapsed, actions);
                }
            }
        }
    }

    fn watch(&mut self, elapsed: u32, actions: &mut Vec<Action>) {
        let ccw = self.places.ccw;
        match self.monitor.tick(elapsed, &self.params) {
            Duty::Nothing => {}
            Duty::Query => {
                self.counters.count("queries-sent");
                self.send(Kind::Query, ccw.gid, ccw.address, actions);
            }
            Duty::Failed if self.failed && !self.params.report_each_round => {}
            Duty::Failed => {
                self.failed = true;
                self.counters.count("failures");
                actions.push(Action::Note(Note::Failed {
                    group: self.places.group,
                    gid: ccw.gid,
                    address: ccw.address,
                    by: self.places.gid,
                    queries: self.params.retries + 1,
                }));
            }
        }
    }

    fn stop(&mut self, actions: &mut Vec<Action>) {
        match &mut self.hearing {
            Hearing::Ip { left } if *left => {}
            Hearing::Ip { left } => {
                *left = true;
                actions
                    .push(Action::Note(Note::Left { group: self.places.group, confirmed: true }));
                actions.push(Action::Done(End::Stopped));
            }
            Hearing::Mcaster(enrolment) => enrolment.leave(actions),
        }
    }

    fn send(&self, kind: Kind, subject: Gid, to: SocketAddrV4, actions: &mut Vec<Action>) {
        let header = Header::new(self.places.group, kind);
        send(Header { sender: self.places.gid, subject, ..header }, to, actions);
    }

    /// What `ms status` shows.
    pub fn status(&self) -> Value {
        let p = &self.places;
        let phase = match &self.hearing {
            Hearing::Ip { left: false } => "joined",
            Hearing::Ip { left: true } => "left",
            Hearing::Mcaster(enrolment) => enrolment.phase_name(),
        };
        let next = match self.monitor {
            Monitor::Resting { next } => json!({"state": "resting", "ticks": next.left()}),
            Monitor::Asking { wait } => json!({"state": "asking", "retries_left": wait.left()}),
        };
        let neighbour = |n: Neighbour| json!({"gid": n.gid.0, "address": n.address.to_string()});
        let mut ccw = neighbour(p.ccw);
        ccw["failed"] = self.failed.into();
        json!({
            "set": p.group.to_string(),
            "phase": phase,
            "multicast": p.mcaster.map_or("ip".into(), |m| format!("mcaster {m}")),
            "gid": p.gid.0,
            "cw": neighbour(p.cw),
            "ccw": ccw,
            "monitor": next,
            "counters": self.counters.to_json(),
        })
    }
}

/// A message as an original would send it: no checksum, nothing but the header.
fn send(header: Header, to: SocketAddrV4, actions: &mut Vec<Action>) {
    let bytes = Draft::bare(header).to_vec(Sum::None).expect("a bare header fits a datagram");
    actions.push(Action::Send { to, bytes });
}
