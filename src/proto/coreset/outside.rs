//! In no view: joining a set, or founding it (J-rules; Figures 62 and 63).
//!
//! ```text
//!   joiner                                       the set
//!   JOIN_REQ, by multicast, every T_JOIN ──────> queued by all, started by the most senior
//!          <──────────────────────── Initiate ── Join of me in this life
//!   ACK: I follow this change ─────────────────>
//!          <──────────────────────────── INIT ── the view that this change made
//! ```
//!
//! A joiner ACKs the very change that lets it in, so it is in no view that it does not know of. Where nobody
//! answers, it founds the set, and probes for others who did the same.

use super::config::{Founding, SetAction, SetInput, SetNote};
use super::partition::EAGER;
use super::state::{CoreSet, Inside, Me, Phase, Side, Watch};
use super::turn::Turn;
use crate::name::Incarnation;
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::coreset::{
    Body, Change, CoreMessage, Life, Member, Operation, Position, Request, View,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddrV4;

/// The code of a refusal whose cure is a new life.
pub(super) const OLD_LIFE: u16 = 1;
/// A request is repeated so often in one life, then a new one begins.
const TRIES: u32 = 8;

/// State of a mserver in no view.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Outside {
    /// Until the next JOIN_REQ; off if we do not want in.
    timer: Countdown,
    /// JOIN_REQs sent in this life.
    tries: u32,
    /// JOIN_REQs that nobody answered, of this life and of those before; as many as decide at most.
    asked: u32,
    /// Somebody answered one.
    answered: bool,
    /// The Join of us that we ACKed.
    floor: Option<Change>,
}

impl Outside {
    /// Whether we want in.
    pub fn wants_in(&self) -> bool {
        self.timer.left() > 0
    }

    /// Whether a member answered us.
    pub fn is_answered(&self) -> bool {
        self.answered || self.floor.is_some()
    }

    /// Ticks until the next JOIN_REQ; 0: never.
    pub fn until_next(&self) -> u32 {
        self.timer.left()
    }

    /// The Join of us that we ACKed.
    pub fn floor(&self) -> Option<&Change> {
        self.floor.as_ref()
    }
}

impl CoreSet {
    /// The first steps of a mserver.
    pub(super) fn begin(&mut self, out: &mut Vec<SetAction>) {
        match self.me.config.founding {
            Founding::AtOnce => self.found(out),
            Founding::IfNone | Founding::Never | Founding::AsParent => self.ask_in(out),
        }
    }

    pub(super) fn step_outside(&mut self, input: SetInput<'_>, out: &mut Vec<SetAction>) {
        match input {
            SetInput::Tick { elapsed } => {
                let Side::Out(outside) = &mut self.side else { return };
                if outside.timer.tick(elapsed) {
                    self.try_again(out);
                }
            }
            SetInput::Message(message) => self.receive_outside(message, out),
            SetInput::Submit(bytes) => self.me.operations.push_back(bytes),
            SetInput::InStep(in_step) => self.me.in_step = Some(in_step),
            SetInput::Now(_) => ignore("not-now", self.me.config.own, out),
            SetInput::Leave => {
                self.side = Side::Out(Outside::default());
                out.push(SetAction::Out { asked: true });
            }
            SetInput::Request(_) => {
                let why = "there is no view to change yet".to_string();
                out.push(SetAction::Note(SetNote::Refused { why }));
            }
        }
    }

    fn ask_in(&mut self, out: &mut Vec<SetAction>) {
        let Side::Out(outside) = &mut self.side else { return };
        outside.timer = Countdown::after(self.me.config.params.join);
        outside.tries += 1;
        outside.asked = (outside.asked + 1).min(self.me.config.params.retries + 1);
        let life = self.me.life();
        let request = match self.me.config.founding {
            Founding::AsParent => Request::AddParent(life),
            Founding::IfNone | Founding::AtOnce | Founding::Never => Request::Join(life),
        };
        out.push(SetAction::Multicast(message_outside(&self.me, Body::Request(request))));
    }

    fn try_again(&mut self, out: &mut Vec<SetAction>) {
        let Side::Out(outside) = &mut self.side else { return };
        let alone = !outside.answered && outside.floor.is_none();
        // With the next life the count begins anew, so the patience ends before this one does.
        let patience = (self.me.config.params.retries + 1).min(TRIES);
        if alone && outside.asked >= patience && self.me.config.founding == Founding::IfNone {
            return self.found(out);
        }
        if outside.tries >= TRIES {
            self.new_life(self.me.inc);
        }
        self.ask_in(out);
    }

    /// Above `known` and above the present one.
    fn new_life(&mut self, known: Incarnation) {
        self.me.inc = Incarnation(self.me.inc.max(known).0.saturating_add(1));
        // A life's operations are numbered from 1.
        self.me.first = 1;
        self.me.forwarded = 1;
        if let Side::Out(outside) = &mut self.side {
            outside.tries = 0;
            outside.floor = None;
            // Whoever answered the last life may be gone or out of reach by now. If nobody did, that still counts:
            // with more retries than a life has tries, a set would never be founded.
            if std::mem::take(&mut outside.answered) {
                outside.asked = 0;
            }
        }
    }

    /// The set begins with us.
    fn found(&mut self, out: &mut Vec<SetAction>) {
        // A Join of the present life may still be committed somewhere.
        self.new_life(self.me.inc);
        let config = &self.me.config;
        let view = View::founding(config.name, config.level, self.me.life());
        let (num, inc) = (view.position.num, self.me.inc);
        out.push(SetAction::Note(SetNote::Founded { num, inc }));
        self.enter_view(view, None, Vec::new(), BTreeMap::new(), None, out);
    }

    fn receive_outside(&mut self, m: &CoreMessage, out: &mut Vec<SetAction>) {
        let sender = m.from.life.address;
        if m.name.base != self.me.config.name.base || sender == self.me.config.own {
            return ignore("other-set", sender, out);
        }
        let own = self.me.life();
        let Side::Out(outside) = &mut self.side else { return };
        if !outside.wants_in() {
            return ignore("out", sender, out);
        }
        match &m.body {
            Body::Initiate(change) if lets_in(change, own) => {
                if !outside.floor.as_ref().is_none_or(|floor| follows(change, floor)) {
                    return ignore("lower-join", sender, out);
                }
                outside.answered = true;
                outside.floor = Some(change.clone());
                let ack = Body::Ack { id: change.id, pending: false };
                out.push(SetAction::Send { to: sender, message: message_outside(&self.me, ack) });
            }
            Body::Init { view, prev: Some(prev), requests, lost, .. } => {
                let mine = view.member(own.address).is_some_and(|m| m.life == own);
                if !mine || outside.floor.as_ref().is_none_or(|floor| floor.id != prev.id) {
                    return ignore("init-of-another-change", sender, out);
                }
                let lost = lost.iter().map(|(who, t)| (*who, (*t > 0).then_some(*t))).sorted_map();
                let (view, prev) = ((**view).clone(), (**prev).clone());
                self.enter_view(view, Some(prev), requests.clone(), lost, Some(sender), out);
            }
            Body::Refused { code, known, why } if *known >= own.inc => {
                outside.answered = true;
                let why = format!("by {sender}: {why}");
                out.push(SetAction::Note(SetNote::Refused { why }));
                if *code != OLD_LIFE {
                    // A new life would be told the same, at once and for ever.
                    outside.timer = Countdown::after(self.me.config.params.probe_idle);
                    return;
                }
                self.new_life(*known);
                self.ask_in(out);
            }
            _ => ignore("out", sender, out),
        }
    }

    /// J2, and the founder's first view.
    fn enter_view(
        &mut self,
        view: View,
        prev: Option<Change>,
        requests: Vec<Request>,
        lost: BTreeMap<SocketAddrV4, Option<u32>>,
        init_from: Option<SocketAddrV4>,
        out: &mut Vec<SetAction>,
    ) {
        let id = prev.as_ref().map(|c| c.id);
        let change = prev.clone();
        // A founder has no past, a joiner's is with the others.
        self.me.keep_step(id.is_none());
        let mut inside = Box::new(fresh(&self.me, view, prev));
        inside.requests = requests;
        inside.lost = lost;
        inside.lost.retain(|who, _| !inside.view.contains(*who));
        let mut turn = Turn::new(&mut self.me, &mut inside, out);
        turn.tell_installed(None, change, Vec::<Operation>::new());
        if let (Some(to), Some(id)) = (init_from, id) {
            turn.ack(to, id);
        }
        turn.forward();
        turn.serve();
        let over = turn.over();
        self.side = Side::In(inside);
        if let Some(asked) = over {
            self.leave(asked, out);
        }
    }

    /// In no view any more: for good, or to come back in a new life.
    pub(super) fn leave(&mut self, asked: bool, out: &mut Vec<SetAction>) {
        self.side = Side::Out(Outside::default());
        out.push(SetAction::Out { asked });
        if !asked {
            self.new_life(self.me.inc);
            self.ask_in(out);
        }
    }
}

/// J1: whether the Initiate lets us in.
fn lets_in(change: &Change, own: Life) -> bool {
    use crate::wire::coreset::ChangeKind::{AddParent, Join};
    match &change.kind {
        Join { member } | AddParent { member } => member.life == own,
        _ => false,
    }
}

/// J1: a change for a later position, or at the same one an id at least as high: rounds restart at each position.
fn follows(change: &Change, floor: &Change) -> bool {
    let (Some(new), Some(old)) = (change.par.first(), floor.par.first()) else { return false };
    let later = new.num.newer(old.num) || (new.num == old.num && new.k > old.k);
    later || (new.num == old.num && new.k == old.k && !floor.id.higher(&change.id))
}

fn ignore(why: &'static str, from: SocketAddrV4, out: &mut Vec<SetAction>) {
    out.push(SetAction::Note(SetNote::Ignored { why, from }));
}

fn message_outside(me: &Me, body: Body) -> CoreMessage {
    CoreMessage {
        name: me.config.name,
        from: Member { gid: crate::name::Gid::NONE, life: me.life() },
        level: me.config.level,
        position: Position::default(),
        parents: Vec::new(),
        prev: None,
        exclude: Vec::new(),
        body,
    }
}

/// The state of a member that has just come.
fn fresh(me: &Me, view: View, prev: Option<Change>) -> Inside {
    let params = me.config.params;
    Inside {
        view,
        prev,
        hist: VecDeque::new(),
        floor: None,
        known: false,
        promised: Vec::new(),
        sweep: false,
        phase: Phase::Idle,
        iso: BTreeSet::new(),
        requests: Vec::new(),
        stagger: None,
        lost: BTreeMap::new(),
        gone: BTreeMap::new(),
        departed: VecDeque::new(),
        silent: BTreeSet::new(),
        watch: Watch { query: Countdown::after(params.query), ..Watch::default() },
        pending: BTreeMap::new(),
        // It probes at once: others may have founded the set in the same instant.
        probe: Countdown::after(1),
        probe_replies: 0,
        eager: params.probe.saturating_mul(EAGER),
        backoff: 0,
        merged: Countdown::OFF,
        meet: None,
        hold: Countdown::OFF,
        heard_pending: Countdown::OFF,
        held_back: 0,
        forwarded: BTreeMap::new(),
        forward: Countdown::OFF,
        unserved: 0,
        draining: Countdown::OFF,
        leaving: None,
        late: false,
        merges: BTreeMap::new(),
    }
}
