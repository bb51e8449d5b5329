//! The registry of a set at one of its mservers: kept in step with the set, fetched where it is missing.
//!
//! ```text
//!   founder ──────────────────────────────> in step <──── whoever has all of it ────┐
//!   joiner ───> behind ── SYNC: what have you? ──> a member ── SYNC: all of it ──> in step
//!   Merge ────> behind ── SYNC ──> the other side ── what it had before ──> RECONCILE ──> in step
//!   nobody has it ──> the leader: RESET ── agreed ──> what the leader has left counts
//! ```
//!
//! A registry is a function of the position, so an answer is right whoever gives it and however late it comes: it is at a
//! position on our line or of no use. Who is behind keeps what was agreed on meanwhile, and starts no batch: see
//! [`SetInput::InStep`](crate::proto::coreset::SetInput::InStep). As long as anybody in the view is in step, that one's
//! answer is enough. After a Merge nobody is, but each side has the other's half.
//!
//! If all who had a part are gone, all others say so, round after round, and the leader proposes a RESET. It is an
//! operation of one position and no other ([`SetInput::Now`](crate::proto::coreset::SetInput::Now)), so nothing can come
//! between what the leader knew and what counts; it decides where the registry is, not what is in it, so it is small.
//! Should its proposer go before anybody has fetched that, what the others still have counts the next time.

use super::history::{Consequence, Fate, History, Kept, Stage, Step, apply};
use super::registry::{Effect, Registry};
use super::sync::Behind;
use crate::name::Digest;
use crate::proto::timer::Countdown;
use crate::wire::WireError;
use crate::wire::coreset::{Body, Change, ChangeKind, Life, Operation, Position, View};
use crate::wire::group::GroupOp;
use std::net::SocketAddrV4;

/// Rounds in which all others have nothing before a registry counts as lost: an answer may still be under way.
const ROUNDS: u32 = 3;
/// How long registries of former positions are kept for others, in multiples of T_REPLY.
const REMEMBERED: u32 = 100;

/// What a replica wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplicaOut {
    /// Something came of an operation or a Merge; in their order.
    Effect {
        /// What.
        effect: Box<Effect>,
        /// The position of the set that it came about with.
        position: Position,
    },
    /// An operation was agreed on that says nothing to this version; it has no effect.
    Unreadable {
        /// Which.
        operation: Operation,
        /// What is wrong with it.
        error: WireError,
    },
    /// Mservers are gone with a view. Said at once, in step or not.
    Lost {
        /// Which.
        removed: Vec<SocketAddrV4>,
        /// The position that they are gone with.
        cause: Position,
    },
    /// A message for another member.
    Send {
        /// Whom.
        to: SocketAddrV4,
        /// What.
        body: Body,
    },
    /// We have the registry now.
    InStep {
        /// What happened before is not known in full: everything that concerns us must be looked at anew. Otherwise
        /// the effects before have told it.
        anew: bool,
    },
    /// An operation of this very position: [`SetInput::Now`](crate::proto::coreset::SetInput::Now).
    Propose(GroupOp),
}

/// The registry of a set at one of its mservers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replica {
    pub(super) own: SocketAddrV4,
    /// T_REPLY, and how often.
    pub(super) reply: u32,
    retries: u32,
    /// What an INIT said.
    pub(super) init: Option<(Position, Digest)>,
    pub(super) place: Option<Box<Place>>,
}

/// A member's place in its set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place {
    pub position: Position,
    /// In the order of ranks.
    pub members: Vec<Life>,
    pub stand: Stand,
    /// Of former positions, for those who lack them.
    pub kept: Kept,
    pub forget: Countdown,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Stand {
    InStep(Registry),
    Behind(Box<Behind>),
}

impl Replica {
    /// Of a mserver that is in no view. `reply`: T_REPLY in ticks; `retries`: how many more times one is asked before a
    /// proposal is made again.
    pub fn new(own: SocketAddrV4, reply: u32, retries: u32) -> Replica {
        Replica { own, reply, retries, init: None, place: None }
    }

    /// Other timings from now on.
    pub fn set_timings(&mut self, reply: u32, retries: u32) {
        (self.reply, self.retries) = (reply, retries);
    }

    /// The registry; none while out of step.
    pub fn registry(&self) -> Option<&Registry> {
        match &self.place.as_ref()?.stand {
            Stand::InStep(registry) => Some(registry),
            Stand::Behind(_) => None,
        }
    }

    /// The position that the registry is that of.
    pub fn position(&self) -> Option<Position> {
        self.place.as_ref().map(|place| place.position)
    }

    /// Fills in what an INIT says of the registry, before it is sent.
    pub fn complete(&self, body: &mut Body) {
        if let (Body::Init { view, registry, .. }, Some(known)) = (body, self.registry())
            && self.position() == Some(view.position)
        {
            *registry = known.digest();
        }
    }

    /// We are in no view any more.
    pub fn left(&mut self) {
        self.init = None;
        self.place = None;
    }

    /// A view was installed, as [`SetAction::Installed`](crate::proto::coreset::SetAction::Installed) says.
    pub fn installed(
        &mut self,
        view: &View,
        from: Option<&Position>,
        change: Option<&Change>,
        applied: &[Operation],
        out: &mut Vec<ReplicaOut>,
    ) {
        match self.place.as_deref() {
            Some(place) if from == Some(&place.position) => self.moved(view, change, applied, out),
            _ => self.entered(view, change, out),
        }
    }

    /// A SYNC, or the INIT that is about to let us in.
    ///
    /// # Errors
    /// The word for why it is ignored; nothing has changed then.
    pub fn message(
        &mut self,
        from: SocketAddrV4,
        body: &Body,
        out: &mut Vec<ReplicaOut>,
    ) -> Result<(), &'static str> {
        match body {
            Body::Init { view, registry, .. } => {
                self.init = Some((view.position, *registry));
                Ok(())
            }
            Body::SyncRequest { wanted, resume } => {
                self.on_request(from, wanted, resume.as_ref(), out)
            }
            Body::Sync { at, part } => self.on_answer(from, at, part.as_ref(), out),
            _ => Err("sync-of-another-kind"),
        }
    }

    /// Time passes.
    pub fn tick(&mut self, elapsed: u32, out: &mut Vec<ReplicaOut>) {
        let Some(place) = &mut self.place else { return };
        if place.forget.tick(elapsed) {
            place.kept = Kept::default();
        }
        let Stand::Behind(behind) = &mut place.stand else { return };
        if !behind.timer.tick(elapsed) {
            return;
        }
        let others = place.members.iter().filter(|m| m.address != self.own).count();
        if others == 0 || (behind.rounds >= ROUNDS && self.leads()) {
            self.propose(out);
        }
        self.ask_next(out);
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is.
    pub fn due(&self) -> u32 {
        let Some(place) = &self.place else { return u32::MAX };
        let asking = match &place.stand {
            Stand::Behind(behind) => behind.timer.left(),
            Stand::InStep(_) => 0,
        };
        let running = [asking, place.forget.left()].into_iter().filter(|&left| left > 0);
        running.min().unwrap_or(u32::MAX)
    }

    fn leads(&self) -> bool {
        let place = self.place.as_ref();
        place.and_then(|place| place.members.first()).is_some_and(|m| m.address == self.own)
    }

    /// We are in a view and were in none.
    fn entered(&mut self, view: &View, change: Option<&Change>, out: &mut Vec<ReplicaOut>) {
        let empty = Registry::default();
        let told = (view.position, empty.digest());
        let position = view.position;
        let known = change.is_none() || self.init == Some(told);
        let stand = match known {
            true => Stand::InStep(empty),
            false => Stand::Behind(Box::new(Behind::new(History::new(position, None)))),
        };
        let members = view.members.iter().map(|m| m.life).collect();
        let (kept, forget) = (Kept::default(), Countdown::OFF);
        self.place = Some(Box::new(Place { position, members, stand, kept, forget }));
        match known {
            true => out.push(ReplicaOut::InStep { anew: true }),
            false => self.ask(change.map(|change| change.id.coord.address), out),
        }
    }

    /// One view after the other.
    fn moved(
        &mut self,
        view: &View,
        change: Option<&Change>,
        applied: &[Operation],
        out: &mut Vec<ReplicaOut>,
    ) {
        let Some(mut place) = self.place.take() else { return };
        let merge = change.and_then(|change| other_side(change, &place.position, view));
        let fate = place.fate(view, change);
        if !fate.removed.is_empty() {
            let removed = fate.removed.clone();
            out.push(ReplicaOut::Lost { removed, cause: view.position });
        }
        let from = std::mem::replace(&mut place.position, view.position);
        place.members = view.members.iter().map(|m| m.life).collect();
        let own = view.member(self.own).map(|m| m.life);
        let proposer = applied.iter().find(|o| is_reset(o)).map(|o| o.origin);
        let step = match (merge, proposer) {
            (Some(merge), _) => merge,
            (None, Some(proposer)) if Some(proposer) != own => Step::Reset,
            (None, _) => Step::Plain(applied.to_vec()),
        };
        let stage = Stage { position: view.position, step, fate };
        match &mut place.stand {
            Stand::InStep(registry) => match &stage.step {
                Step::Plain(operations) => {
                    let mut news = Vec::new();
                    apply(registry, stage.position, operations, &mut news);
                    stage.fate.befall(registry);
                    tell(news, out);
                }
                _ => {
                    let mut history = History::new(from, Some(std::mem::take(registry)));
                    history.push(stage, &place.kept);
                    place.stand = Stand::Behind(Box::new(Behind::new(history)));
                }
            },
            Stand::Behind(behind) => {
                behind.history.push(stage, &place.kept);
                behind.heard.clear();
                behind.rounds = 0;
                if proposer.is_some() && proposer == own {
                    // What we have left is what counts.
                    let left = behind.history.left_at(&view.position, &place.kept);
                    place.stand = Stand::InStep(left.unwrap_or_default());
                    out.push(ReplicaOut::InStep { anew: true });
                }
            }
        }
        let first =
            proposer.map(|life| life.address).or(change.and_then(|c| place.beyond(c, self.own)));
        self.place = Some(place);
        self.go_on(first, out);
    }

    /// Whatever is known now; if it is not enough, somebody is asked: `first`, if nobody else is being asked.
    pub(super) fn go_on(&mut self, first: Option<SocketAddrV4>, out: &mut Vec<ReplicaOut>) {
        self.resolve(out);
        let Some(place) = &self.place else { return };
        let Stand::Behind(behind) = &place.stand else { return };
        let waits = behind.timer.left() > 0
            && behind.asked.is_some_and(|who| place.members.iter().any(|m| m.address == who));
        if waits {
            return;
        }
        self.ask(first, out);
    }

    /// How long others may ask for what we had.
    pub(super) fn memory(&self) -> u32 {
        self.reply.saturating_mul(REMEMBERED)
    }

    /// Is in step if nothing is missing any more.
    fn resolve(&mut self, out: &mut Vec<ReplicaOut>) {
        let forget = self.memory();
        let Some(place) = &mut self.place else { return };
        let Stand::Behind(behind) = &mut place.stand else { return };
        let mut news = Vec::new();
        let resolved = behind.history.resolve(&mut place.kept, &mut news);
        tell(news, out);
        place.forget = Countdown::after(forget);
        if let Some((registry, unbroken)) = resolved {
            place.stand = Stand::InStep(registry);
            out.push(ReplicaOut::InStep { anew: !unbroken });
        }
    }

    fn propose(&mut self, out: &mut Vec<ReplicaOut>) {
        out.push(ReplicaOut::Propose(GroupOp::Reset));
        // It may not have been possible at this moment.
        if let Some(Place { stand: Stand::Behind(behind), .. }) = self.place.as_deref_mut() {
            behind.rounds = 0;
            behind.timer = Countdown::after(self.reply.saturating_mul(self.retries + 1));
        }
    }
}

impl Place {
    /// Who is on the other side of a Merge has what we lack: each of us asks another one.
    fn beyond(&self, change: &Change, own: SocketAddrV4) -> Option<SocketAddrV4> {
        let ChangeKind::Merge { views, .. } = &change.kind else { return None };
        let there = |a: &SocketAddrV4| self.members.iter().any(|m| m.address == *a);
        let ours = views.iter().find(|side| side.contains(own))?;
        let theirs = views.iter().find(|side| !side.contains(own))?;
        let side: Vec<SocketAddrV4> = theirs.addresses().filter(there).collect();
        let rank = ours.rank(own).map_or(0, |rank| usize::from(rank.0));
        side.get(rank % side.len().max(1)).copied()
    }

    /// What a view says of the mservers.
    fn fate(&self, view: &View, change: Option<&Change>) -> Fate {
        let mut before = self.members.clone();
        if let Some(Change { kind: ChangeKind::Merge { views, .. }, .. }) = change {
            before = views.iter().flat_map(|side| side.members.iter().map(|m| m.life)).collect();
        }
        let gone = |life: &&Life| !view.members.iter().any(|m| m.life == **life);
        let removed = before.iter().filter(gone).map(|life| life.address).collect();
        let parent_alone = view.members.len() == 1 && view.parent.is_some();
        Fate { removed, parent_alone }
    }
}

/// The step of a Merge in which both sides come together; none if of the second side nobody is left.
fn other_side(change: &Change, from: &Position, view: &View) -> Option<Step> {
    let ChangeKind::Merge { views, .. } = &change.kind else { return None };
    let first = views[0].position == *from;
    let other = &views[usize::from(first)];
    let stays = |life: Life| view.members.iter().any(|m| m.life == life);
    let together = views[1].members.iter().any(|m| stays(m.life));
    together.then_some(Step::Merge { other: other.position, first })
}

fn is_reset(operation: &Operation) -> bool {
    operation.number == 0 && GroupOp::decode(&operation.bytes) == Ok(GroupOp::Reset)
}

fn tell(news: Vec<Consequence>, out: &mut Vec<ReplicaOut>) {
    out.extend(news.into_iter().map(|(position, what)| match what {
        Ok(effect) => ReplicaOut::Effect { effect: Box::new(effect), position },
        Err((operation, error)) => ReplicaOut::Unreadable { operation, error },
    }));
}
