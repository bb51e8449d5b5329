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
use super::monitor::{Duty, Monitor};
use super::note::Note;
use super::params::Params;
use super::reliable::{Reliable, Waiting};
use super::step::{Action, End, Input, Via};
use super::timer::Countdown;
use crate::name::{Gid, GroupName};
use crate::wire::{Draft, Header, Kind, Message, Sum, WireError, prefix};
use serde_json::{Value, json};
use std::net::SocketAddrV4;

/// Most gids a ring can have: the original's table.
pub const GIDS: u16 = 250;
/// A JOIN is repeated at least this far apart, in milliseconds.
const REFRESH_MS: u64 = 10_000;
/// An mcaster is asked to let us in for at least so long, in milliseconds: hosts boot in any order.
const JOIN_MS: u64 = 5000;

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

/// Where we are between start and end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// A JOIN_GROUP is out.
    Joining { wait: Reliable },
    /// In the group; the next JOIN_GROUP is due at `refresh`. The last one is not answered yet if
    /// `asked`, one before it was not answered at all if `silent`.
    Joined { refresh: Countdown, asked: bool, silent: bool },
    /// A LEAVE_GROUP is out.
    Leaving { wait: Reliable },
    /// Out of it.
    Left,
}

/// A member of a fixed ring.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ring {
    places: Places,
    params: Params,
    phase: Phase,
    monitor: Monitor,
    failed: bool,
    counters: Counters,
}

impl Ring {
    /// A member that starts now. The first actions are those of joining.
    pub fn start(places: Places, params: Params, actions: &mut Vec<Action>) -> Ring {
        let mut ring = Ring {
            places,
            params,
            phase: Phase::Joining { wait: Reliable::start(&joining(&params)) },
            monitor: Monitor::new(&params),
            failed: false,
            counters: Counters::default(),
        };
        match places.mcaster {
            Some(_) => ring.ask_mcaster(Kind::JoinGroup, actions),
            None => ring.joined(false, actions),
        }
        ring
    }

    /// Other timings from now on: what waits begins to wait anew. The same timings change nothing, or
    /// settings that are read again and again would keep a failure from being found.
    pub fn set_params(&mut self, params: Params) {
        if params == self.params {
            return;
        }
        self.params = params;
        self.monitor = Monitor::new(&params);
        let anew = self.refresh();
        match &mut self.phase {
            Phase::Joining { wait } | Phase::Leaving { wait } => *wait = Reliable::start(&params),
            Phase::Joined { refresh, .. } if *refresh != Countdown::OFF => *refresh = anew,
            Phase::Joined { .. } | Phase::Left => {}
        }
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is. Fewer do nothing but pass.
    pub fn due(&self) -> u32 {
        match self.phase {
            Phase::Joining { wait } | Phase::Leaving { wait } => wait.due(),
            Phase::Joined { refresh, .. } if refresh == Countdown::OFF => self.monitor.due(),
            Phase::Joined { refresh, .. } => self.monitor.due().min(refresh.left()),
            Phase::Left => u32::MAX,
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
            Some(
                kind @ (Kind::JoinAck
                | Kind::DupMember
                | Kind::NegJoin
                | Kind::LeaveAck
                | Kind::NoGroup
                | Kind::NoMember
                | Kind::NegLeave),
            ) => self.on_answer(kind, via, from, actions),
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
        let Some(mcaster) = self.places.mcaster.filter(|m| via == Via::Own && *m == from) else {
            return Err(("answer-not-from-mcaster", None));
        };
        match (self.phase, kind) {
            (Phase::Joining { .. }, Kind::JoinAck | Kind::DupMember) => {
                self.joined(kind == Kind::DupMember, actions);
            }
            (Phase::Joining { .. }, Kind::NegJoin) => {
                let why = format!("mcaster {mcaster} refused the join (NEG_JOIN)");
                self.phase = Phase::Left;
                actions.push(Action::Done(End::Unavailable(why)));
            }
            (Phase::Joined { silent, .. }, Kind::JoinAck | Kind::DupMember) => {
                let forgotten = kind == Kind::JoinAck;
                if silent || forgotten {
                    actions.push(Action::Note(Note::McasterBack { mcaster, forgotten }));
                }
                let refresh = self.refresh();
                self.phase = Phase::Joined { refresh, asked: false, silent: false };
            }
            (Phase::Leaving { .. }, Kind::LeaveAck | Kind::NoGroup | Kind::NoMember) => {
                self.left(true, actions);
            }
            (Phase::Leaving { .. }, Kind::NegLeave) => self.left(false, actions),
            _ => return Err(("answer-not-expected", None)),
        }
        Ok(())
    }

    fn tick(&mut self, elapsed: u32, actions: &mut Vec<Action>) {
        match &mut self.phase {
            Phase::Joining { wait } => match wait.tick(elapsed, &joining(&self.params)) {
                Waiting::On => {}
                Waiting::Again => self.ask_mcaster(Kind::JoinGroup, actions),
                Waiting::GaveUp => self.join_failed(actions),
            },
            Phase::Joined { refresh, asked, silent } => {
                if refresh.tick(elapsed) {
                    let newly_silent = *asked && !*silent;
                    self.phase = Phase::Joined {
                        asked: true,
                        silent: *silent || newly_silent,
                        refresh: self.refresh(),
                    };
                    self.refresh_join(newly_silent, actions);
                }
                self.watch(elapsed, actions);
            }
            Phase::Leaving { wait } => match wait.tick(elapsed, &self.params) {
                Waiting::On => {}
                Waiting::Again => self.ask_mcaster(Kind::LeaveGroup, actions),
                Waiting::GaveUp => self.left(false, actions),
            },
            Phase::Left => {}
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
        match (self.phase, self.places.mcaster) {
            (Phase::Joining { .. } | Phase::Joined { .. }, Some(_)) => {
                self.phase = Phase::Leaving { wait: Reliable::start(&self.params) };
                self.ask_mcaster(Kind::LeaveGroup, actions);
            }
            (Phase::Joining { .. } | Phase::Joined { .. }, None) => self.left(true, actions),
            (Phase::Leaving { .. } | Phase::Left, _) => {}
        }
    }

    fn joined(&mut self, before: bool, actions: &mut Vec<Action>) {
        let (group, mcaster) = (self.places.group, self.places.mcaster);
        let refresh = if mcaster.is_some() { self.refresh() } else { Countdown::OFF };
        self.phase = Phase::Joined { refresh, asked: false, silent: false };
        actions.push(Action::Note(Note::Joined { group, mcaster, before }));
        actions.push(Action::Ready);
    }

    fn join_failed(&mut self, actions: &mut Vec<Action>) {
        let Some(mcaster) = self.places.mcaster else { return };
        let why = format!(
            "no answer from mcaster {mcaster} to {} JOIN_GROUPs: is it running, and may we join?",
            joining(&self.params).retries + 1
        );
        self.phase = Phase::Left;
        actions.push(Action::Done(End::Unavailable(why)));
    }

    /// The JOIN that reminds the mcaster of us: one that was restarted has forgotten its groups.
    fn refresh_join(&mut self, newly_silent: bool, actions: &mut Vec<Action>) {
        let Some(mcaster) = self.places.mcaster else { return };
        if newly_silent {
            actions.push(Action::Note(Note::McasterSilent { mcaster }));
        }
        self.ask_mcaster(Kind::JoinGroup, actions);
    }

    fn left(&mut self, confirmed: bool, actions: &mut Vec<Action>) {
        self.phase = Phase::Left;
        actions.push(Action::Note(Note::Left { group: self.places.group, confirmed }));
        actions.push(Action::Done(End::Stopped));
    }

    fn refresh(&self) -> Countdown {
        Countdown::after(self.params.query.max(self.params.ticks(REFRESH_MS)))
    }

    /// JOIN_GROUP and LEAVE_GROUP bear no gids (WIRE.md, Part A section 4).
    fn ask_mcaster(&self, kind: Kind, actions: &mut Vec<Action>) {
        if let Some(to) = self.places.mcaster {
            send(Header::new(self.places.group, kind), to, actions);
        }
    }

    fn send(&self, kind: Kind, subject: Gid, to: SocketAddrV4, actions: &mut Vec<Action>) {
        let header = Header::new(self.places.group, kind);
        send(Header { sender: self.places.gid, subject, ..header }, to, actions);
    }

    /// What `ms status` shows.
    pub fn status(&self) -> Value {
        let p = &self.places;
        let phase = match self.phase {
            Phase::Joining { .. } => "joining",
            Phase::Joined { .. } => "joined",
            Phase::Leaving { .. } => "leaving",
            Phase::Left => "left",
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

/// The timings of the first JOIN.
fn joining(params: &Params) -> Params {
    Params { retries: params.retries.max(params.ticks(JOIN_MS) / params.reply), ..*params }
}

/// A message as an original would send it: no checksum, nothing but the header.
fn send(header: Header, to: SocketAddrV4, actions: &mut Vec<Action>) {
    let bytes = Draft::bare(header).to_vec(Sum::None).expect("a bare header fits a datagram");
    actions.push(Action::Send { to, bytes });
}
