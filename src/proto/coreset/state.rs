//! The state of a core-set at one of its mservers: plain data.

use super::config::{Config, SetAction, SetInput, SetParams};
use super::outside::Outside;
use super::turn::Turn;
use crate::name::{Gid, Incarnation, ViewNumber};
use crate::proto::timer::Countdown;
use crate::wire::coreset::{Change, ChangeId, CoreMessage, Life, Position, Request, View};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddrV4;

/// Views of our own line that we still know.
pub(super) const HISTORY: usize = 8;
/// Departed members whose gids are not given to others yet.
pub(super) const DEPARTED: usize = 64;

/// Who we are, in a view or out of one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Me {
    pub config: Config,
    pub inc: Incarnation,
    /// Counts our changes, never reset within a life.
    pub seq: u16,
    /// Our operations that are not committed yet, in their order, the first one's number.
    pub operations: VecDeque<Vec<u8>>,
    pub first: u64,
    /// The number of the first one that the leader was not told of.
    pub forwarded: u64,
    /// Whether the layer above has everything that was agreed on; none: it keeps nothing.
    pub in_step: Option<bool>,
}

impl Me {
    /// A view has come whose past the layer above knows, or does not.
    pub fn keep_step(&mut self, known: bool) {
        self.in_step = self.in_step.map(|_| known);
    }

    pub fn life(&self) -> Life {
        Life { address: self.config.own, inc: self.inc }
    }
}

/// What we do about the current change. The change itself is the floor.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Phase {
    /// Nothing.
    Idle,
    /// We coordinate it: Reliable_multi_receive of the ACKs (Figure 20).
    Coord { acks: BTreeSet<SocketAddrV4>, wait: Wait },
    /// We accepted it: Reliable_receive of the Commit (Figure 15).
    Follow { coord: SocketAddrV4, wait: Wait },
    /// Its coordinator is perceived failed: Reliable_multi_receive of the Coord_Fails. True: had accepted it.
    Elect { heard: BTreeMap<SocketAddrV4, bool>, wait: Wait },
}

impl Phase {
    pub fn wait(&self) -> Option<&Wait> {
        match self {
            Phase::Idle => None,
            Phase::Coord { wait, .. } | Phase::Follow { wait, .. } | Phase::Elect { wait, .. } => {
                Some(wait)
            }
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Coord { .. } => "coordinator",
            Phase::Follow { .. } => "follower",
            Phase::Elect { .. } => "election",
        }
    }
}

/// A waiting line: for how long, how many more times, how often it may still be extended by others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Wait {
    pub timer: Countdown,
    pub retries: u32,
    pub extended: u32,
}

/// Monitoring of the ccw neighbour (Figure 14).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Watch {
    /// Until the next QUERY.
    pub query: Countdown,
    /// For the REPLY; off if none is outstanding.
    pub reply: Countdown,
    pub retries: u32,
    pub nonce: u16,
}

/// Merges that we remember to have ACKed on one view.
pub(super) const PROMISES: usize = 8;

/// A Merge that we ACKed, and what it says of the members of the other side: their lives, and their view's number.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Promised {
    pub id: ChangeId,
    pub others: Vec<Life>,
    pub num: ViewNumber,
}

/// The search for a set of another name: until the next probe, and probes left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Search {
    pub timer: Countdown,
    pub left: u32,
}

/// A separated member: how long it is looked for; none: as long as it takes.
pub(super) type Lost = BTreeMap<SocketAddrV4, Option<u32>>;

/// State of a member of a view.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Inside {
    pub view: View,
    /// The change that made the view, if one did.
    pub prev: Option<Change>,
    /// Positions before this one, the last one last.
    pub hist: VecDeque<Position>,
    /// The highest change accepted on this view.
    pub floor: Option<Change>,
    /// It was accepted from its coordinator, not only heard of in an election.
    pub known: bool,
    /// Merges that we ACKed on this view: they may be committed as long as we do not know that they were dropped.
    pub promised: Vec<Promised>,
    /// A change was refused for one of them that we do not follow any more: a new position would settle it.
    pub sweep: bool,
    pub phase: Phase,
    /// Members with whom we ceased to communicate.
    pub iso: BTreeSet<SocketAddrV4>,
    /// What waits; satisfied by a view, or forgotten.
    pub requests: Vec<Request>,
    /// Ticks until we may start the first of them; none: not served yet.
    pub stagger: Option<u32>,
    pub lost: Lost,
    /// The highest life known to have gone, by address.
    pub gone: BTreeMap<SocketAddrV4, Incarnation>,
    /// Who went last, and the gid that it had; the latest one last.
    pub departed: VecDeque<(SocketAddrV4, Gid)>,
    pub watch: Watch,
    /// Others whom we asked as well, since our neighbour is silent, and who have not answered.
    pub silent: BTreeSet<SocketAddrV4>,
    /// Joiners whose INIT is not acknowledged.
    pub pending: BTreeMap<SocketAddrV4, Wait>,
    /// Until the next probe, and probe replies counted.
    pub probe: Countdown,
    pub probe_replies: u32,
    /// Ticks for which probes go out more often.
    pub eager: u32,
    /// How many times the time between probes is doubled, since merges do not last.
    pub backoff: u32,
    /// Runs while a Merge has not lasted yet.
    pub merged: Countdown,
    /// A leader of a separated side who wants to meet us after this batch.
    pub meet: Option<SocketAddrV4>,
    /// No batch is started meanwhile: somebody waits for us to be idle.
    pub hold: Countdown,
    /// Somebody told us of a physical request, in an ACK.
    pub heard_pending: Countdown,
    /// How long batches have been held back for physical requests.
    pub held_back: u32,
    /// Operations that others forwarded to us, by life and number.
    pub forwarded: BTreeMap<Life, BTreeMap<u64, Vec<u8>>>,
    /// Until our own outstanding operations are forwarded again.
    pub forward: Countdown,
    /// Ticks that operations have waited without a batch being committed.
    pub unserved: u32,
    /// We want to leave as soon as our operations are committed; runs out if they are not.
    pub draining: Countdown,
    /// We want to leave now; until the next LEAVE_REQ.
    pub leaving: Option<Countdown>,
    /// The last tick came too late.
    pub late: bool,
    /// Merges with sets of other names that an operator wants: where they are, and until the next probe.
    pub merges: BTreeMap<SocketAddrV4, Search>,
}

/// In a view, or not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Side {
    Out(Outside),
    In(Box<Inside>),
}

/// One core-set at one of its mservers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CoreSet {
    pub(super) me: Me,
    pub(super) side: Side,
}

impl CoreSet {
    /// A mserver that starts in its life `inc`, and looks for its set.
    pub fn new(config: Config, inc: Incarnation, out: &mut Vec<SetAction>) -> CoreSet {
        let operations = VecDeque::new();
        let me = Me { config, inc, seq: 0, operations, first: 1, forwarded: 1, in_step: None };
        let mut set = CoreSet { me, side: Side::Out(Outside::default()) };
        set.begin(out);
        set
    }

    /// One input, all its actions.
    pub fn step(&mut self, input: SetInput<'_>, out: &mut Vec<SetAction>) {
        match &mut self.side {
            Side::Out(_) => self.step_outside(input, out),
            Side::In(at) => {
                let mut turn = Turn::new(&mut self.me, at, out);
                turn.take(input);
                turn.serve();
                if let Some(asked) = turn.over() {
                    self.leave(asked, out);
                }
            }
        }
    }

    /// The installed view.
    pub fn view(&self) -> Option<&View> {
        match &self.side {
            Side::In(at) => Some(&at.view),
            Side::Out(_) => None,
        }
    }

    /// Members of the view with whom we ceased to communicate.
    pub fn isolated(&self) -> impl Iterator<Item = SocketAddrV4> + '_ {
        match &self.side {
            Side::In(at) => Some(at.iso.iter().copied()),
            Side::Out(_) => None,
        }
        .into_iter()
        .flatten()
    }

    /// Whether no change is under way and nothing waits.
    pub fn is_idle(&self) -> bool {
        match &self.side {
            Side::In(at) => {
                at.phase == Phase::Idle
                    && at.iso.is_empty()
                    && at.pending.is_empty()
                    && at.requests.is_empty()
            }
            Side::Out(outside) => !outside.wants_in(),
        }
    }

    /// `idle`, `coordinator`, `follower`, `election`, or `out`.
    pub fn phase_name(&self) -> &'static str {
        match &self.side {
            Side::In(at) => at.phase.name(),
            Side::Out(_) => "out",
        }
    }

    /// Whether we are in the set, or it answers us.
    pub fn is_answered(&self) -> bool {
        match &self.side {
            Side::In(_) => true,
            Side::Out(outside) => outside.is_answered(),
        }
    }

    /// The coordinator that is awaited, if one is.
    pub fn awaited(&self) -> Option<SocketAddrV4> {
        match &self.side {
            Side::In(at) => match at.phase {
                Phase::Follow { coord, .. } => Some(coord),
                _ => None,
            },
            Side::Out(_) => None,
        }
    }

    /// The highest change accepted on the view; in none, the Join of us that was.
    pub fn floor(&self) -> Option<&Change> {
        match &self.side {
            Side::In(at) => at.floor.as_ref(),
            Side::Out(outside) => outside.floor(),
        }
    }

    /// Members that are looked for on other sides of a partition.
    pub fn lost(&self) -> impl Iterator<Item = SocketAddrV4> + '_ {
        match &self.side {
            Side::In(at) => Some(at.lost.keys().copied()),
            Side::Out(_) => None,
        }
        .into_iter()
        .flatten()
    }

    /// The change that made the view, if one did.
    pub fn previous(&self) -> Option<&Change> {
        match &self.side {
            Side::In(at) => at.prev.as_ref(),
            Side::Out(_) => None,
        }
    }

    /// What waits, by name.
    pub fn queues(&self) -> Vec<(&'static str, usize)> {
        let mut queues = vec![("operations", self.me.operations.len())];
        if let Side::In(at) = &self.side {
            queues.push(("requests", at.requests.len()));
            queues.push(("forwarded", at.forwarded.values().map(|m| m.len()).sum()));
            queues.push(("pending-joiners", at.pending.len()));
        }
        queues
    }

    /// Ticks left of the timers that run, by name.
    pub fn timers(&self) -> Vec<(&'static str, u32)> {
        let mut timers = match &self.side {
            Side::In(at) => vec![
                ("query", at.watch.query.left()),
                ("reply", at.watch.reply.left()),
                ("phase", at.phase.wait().map_or(0, |wait| wait.timer.left())),
                ("probe", at.probe.left()),
                ("stagger", at.stagger.unwrap_or(0)),
                ("leave", at.leaving.map_or(0, Countdown::left)),
            ],
            Side::Out(outside) => vec![("join", outside.until_next())],
        };
        timers.retain(|(_, left)| *left > 0);
        timers
    }

    /// Other timings from now on; what waits goes on waiting as it did.
    pub fn set_params(&mut self, params: SetParams) {
        self.me.config.params = params;
    }

    /// Whether a message under another set's name concerns this one: a Merge, or somebody who takes part in it.
    pub fn concerns(&self, message: &CoreMessage) -> bool {
        match &self.side {
            Side::In(at) => at.concerns(message),
            Side::Out(_) => false,
        }
    }

    /// Whether we are on our way out, because we were told to.
    pub fn is_leaving(&self) -> bool {
        match &self.side {
            Side::In(at) => at.leaving.is_some() || at.draining.left() > 0,
            Side::Out(_) => false,
        }
    }

    /// Whether the layer above has what was agreed on so far; none if it never said.
    pub fn is_in_step(&self) -> Option<bool> {
        self.me.in_step
    }

    /// How many operations of ours wait for being agreed on.
    pub fn outstanding(&self) -> usize {
        self.me.operations.len()
    }

    /// A message of the layer above to a member, under our view; none out of one.
    pub fn message(&self, body: crate::wire::coreset::Body) -> Option<CoreMessage> {
        self.view().map(|view| super::turn::message_in(view, &self.me, body))
    }

    /// Our present life.
    pub fn life(&self) -> Life {
        self.me.life()
    }
}
