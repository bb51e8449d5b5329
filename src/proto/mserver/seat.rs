//! A place in a core-set: the set's machine, and how its group is heard.
//!
//! ```text
//!   IP multicast:  the socket hears the group ──────────────> CoreSet
//!   mcaster:       JOIN_GROUP ─ answered? ─ yes ────────────> CoreSet ─ out ─> LEAVE_GROUP
//! ```
//!
//! A set may take another name by a Split or a Merge; then it is heard elsewhere, and the place moves there.

use super::groups::Step;
use super::{Mserver, Side};
use crate::name::{GroupName, Incarnation};
use crate::proto::coreset::{Config, CoreSet, SetAction, SetInput, SetNote, SetParams};
use crate::proto::enrolment::{Enrolment, Outcome};
use crate::proto::note::{Note, SetNews};
use crate::proto::params::Params;
use crate::proto::step::Action;
use crate::wire::Kind;
use crate::wire::coreset::{Change, ChangeKind, CoreMessage, Life, Position, View};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

/// How a group is heard.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Hearing {
    /// By IP multicast, at that address.
    Ip(SocketAddrV4),
    /// From an mcaster.
    Mcaster(Enrolment),
    /// No more.
    Over,
}

/// A place in a core-set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    config: Config,
    inc: Incarnation,
    params: Params,
    hearing: Hearing,
    /// Places in groups of mcasters that are being given up.
    former: Vec<Enrolment>,
    set: Option<CoreSet>,
    /// The highest incarnation that has been kept.
    kept: Incarnation,
}

/// A view that a mserver installed: all that is needed to check it against those of others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    /// Who.
    pub who: Life,
    /// What.
    pub view: View,
    /// The position that it left, if it was in a view.
    pub from: Option<Position>,
    /// The change that made the view, if one did.
    pub change: Option<Change>,
}

/// Number, size, members by rank, and the change that made it.
impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let View { name, position, members, .. } = &self.view;
        write!(f, "set {name}: view {} of {}:", position.num, members.len())?;
        members.iter().try_for_each(|m| write!(f, " {}", m.life.address))?;
        if let Some(change) = &self.change {
            write!(f, ", by {change}")?;
        }
        Ok(())
    }
}

impl Seat {
    /// A place that is to be taken in the set heard at `place`.
    pub fn new(
        config: Config,
        inc: Incarnation,
        place: SocketAddrV4,
        params: Params,
        actions: &mut Vec<Action>,
    ) -> Seat {
        let hearing = hearing(config.name.base, place, params, actions);
        let kept = Incarnation(0);
        Seat { config, inc, params, hearing, former: Vec::new(), set: None, kept }
    }

    /// Whether the group can be heard now.
    pub fn is_heard(&self) -> bool {
        match &self.hearing {
            Hearing::Ip(_) => true,
            Hearing::Mcaster(enrolment) => enrolment.is_joined(),
            Hearing::Over => false,
        }
    }

    /// The core-set begins.
    pub fn begin(&mut self) -> Vec<SetAction> {
        let mut out = Vec::new();
        self.set = Some(CoreSet::new(self.config.clone(), self.inc, &mut out));
        out
    }

    /// The machine, once the group was heard.
    pub fn set(&self) -> Option<&CoreSet> {
        self.set.as_ref()
    }

    /// The configured name, or the one that the set took since.
    pub fn name(&self) -> GroupName {
        self.config.name.base
    }

    /// The level of the set.
    pub fn level(&self) -> u8 {
        self.config.level
    }

    /// Whether we are this set's parent, or want to be.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The life that is above every one used here.
    pub fn next_life(&self) -> Incarnation {
        let used = self.set.as_ref().map_or(self.inc, |set| set.life().inc);
        Incarnation(used.0.saturating_add(1))
    }

    /// Whether a message under another name concerns this set: a Merge, or somebody who takes part in one.
    pub fn concerns(&self, message: &CoreMessage) -> bool {
        self.set.as_ref().is_some_and(|set| set.concerns(message))
    }

    /// One input of the set.
    pub fn step(&mut self, input: SetInput<'_>) -> Vec<SetAction> {
        let mut out = Vec::new();
        if let Some(set) = &mut self.set {
            set.step(input, &mut out);
        }
        out
    }

    /// Other timings from now on.
    pub fn set_params(&mut self, params: Params) {
        self.params = params;
        self.config.params = SetParams::of(&params);
        if let Hearing::Mcaster(enrolment) = &mut self.hearing {
            enrolment.set_params(params);
        }
        if let Some(set) = &mut self.set {
            set.set_params(self.config.params);
        }
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        let hearing = match &self.hearing {
            Hearing::Mcaster(enrolment) => enrolment.due(),
            Hearing::Ip(_) | Hearing::Over => u32::MAX,
        };
        let former = self.former.iter().map(Enrolment::due).min().unwrap_or(u32::MAX);
        let set = self.set.as_ref().map_or(u32::MAX, CoreSet::due);
        hearing.min(former).min(set)
    }

    /// IP multicast groups that must be heard.
    pub fn groups(&self) -> Option<SocketAddrV4> {
        match &self.hearing {
            Hearing::Ip(group) => Some(*group),
            Hearing::Mcaster(_) | Hearing::Over => None,
        }
    }

    /// Where messages for all of the set go.
    pub fn group(&self) -> Option<SocketAddrV4> {
        match &self.hearing {
            Hearing::Ip(group) => Some(*group),
            Hearing::Mcaster(enrolment) => Some(enrolment.mcaster()),
            Hearing::Over => None,
        }
    }

    /// How the group is heard, in words.
    pub fn multicast(&self) -> String {
        match &self.hearing {
            Hearing::Ip(group) => format!("ip {group}"),
            Hearing::Mcaster(e) => format!("mcaster {} ({})", e.mcaster(), e.phase_name()),
            Hearing::Over => "none".to_string(),
        }
    }

    fn enrolments(&self) -> impl Iterator<Item = &Enrolment> {
        let now = match &self.hearing {
            Hearing::Mcaster(enrolment) => Some(enrolment),
            Hearing::Ip(_) | Hearing::Over => None,
        };
        now.into_iter().chain(&self.former)
    }

    /// Whether one of our mcasters has that address.
    pub fn mcaster_is(&self, ip: Ipv4Addr) -> bool {
        self.enrolments().any(|e| *e.mcaster().ip() == ip)
    }

    /// Whether we have, or want, or give up a place in that group at that mcaster.
    pub fn is_enrolled(&self, group: GroupName, mcaster: SocketAddrV4) -> bool {
        self.enrolments().any(|e| e.mcaster() == mcaster && e.group() == group)
    }

    /// An answer of an mcaster.
    ///
    /// # Errors
    /// As those of [`Enrolment::answer`].
    pub fn on_answer(
        &mut self,
        group: GroupName,
        kind: Kind,
        actions: &mut Vec<Action>,
    ) -> Result<Option<Outcome>, &'static str> {
        if let Hearing::Mcaster(enrolment) = &mut self.hearing
            && enrolment.group() == group
        {
            let outcome = enrolment.answer(kind, actions)?;
            return Ok(self.ended(outcome));
        }
        let Some(former) = self.former.iter_mut().find(|e| e.group() == group) else {
            return Err("answer-not-expected");
        };
        let outcome = former.answer(kind, actions)?;
        if matches!(outcome, Some(Outcome::Left { .. })) {
            self.former.retain(|e| e.group() != group);
        }
        Ok(outcome)
    }

    /// Time passes at the mcaster.
    pub fn tick_enrolment(&mut self, elapsed: u32, actions: &mut Vec<Action>) -> Option<Outcome> {
        let before = self.former.len();
        self.former.retain_mut(|e| e.tick(elapsed, actions).is_none());
        let left = (self.former.len() < before).then_some(Outcome::Left { confirmed: false });
        let outcome = match &mut self.hearing {
            Hearing::Mcaster(enrolment) => enrolment.tick(elapsed, actions),
            Hearing::Ip(_) | Hearing::Over => None,
        };
        self.ended(outcome).or(left)
    }

    fn ended(&mut self, outcome: Option<Outcome>) -> Option<Outcome> {
        if matches!(outcome, Some(Outcome::Left { .. })) {
            self.hearing = Hearing::Over;
        }
        outcome
    }

    /// The group is of no interest any more.
    pub fn stop_hearing(&mut self, actions: &mut Vec<Action>) {
        match &mut self.hearing {
            Hearing::Mcaster(enrolment) => enrolment.leave(actions),
            hearing => *hearing = Hearing::Over,
        }
    }

    /// Whether nothing of it is left.
    pub fn is_over(&self) -> bool {
        self.hearing == Hearing::Over && self.former.is_empty()
    }

    /// The set has a name that is heard elsewhere.
    fn rehear(&mut self, name: GroupName, place: SocketAddrV4, actions: &mut Vec<Action>) {
        self.config.name.base = name;
        let new = hearing(name, place, self.params, actions);
        if let Hearing::Mcaster(mut old) = std::mem::replace(&mut self.hearing, new) {
            old.leave(actions);
            self.former.push(old);
        }
    }

    /// A message as it goes to its receivers, under the view that its sender has.
    fn encode(&self, message: &CoreMessage) -> Option<Vec<u8>> {
        let view = self.set.as_ref().and_then(CoreSet::view);
        view.map_or_else(|| message.encode(), |view| message.encode_in(view)).ok()
    }

    fn others(&self) -> Vec<SocketAddrV4> {
        let view = self.set.as_ref().and_then(CoreSet::view);
        let own = self.config.own;
        view.into_iter().flat_map(View::addresses).filter(|&a| a != own).collect()
    }
}

/// Begins to hear a group.
fn hearing(
    name: GroupName,
    place: SocketAddrV4,
    params: Params,
    actions: &mut Vec<Action>,
) -> Hearing {
    match place.ip().is_multicast() {
        true => Hearing::Ip(place),
        false => Hearing::Mcaster(Enrolment::start(name, place, params, actions)),
    }
}

/// Why an operator's request was refused, if it was.
pub fn refusal(out: &[SetAction]) -> Option<String> {
    out.iter().find_map(|action| match action {
        SetAction::Note(SetNote::Refused { why }) => Some(why.clone()),
        _ => None,
    })
}

impl Mserver {
    /// Carries out what a set wants done.
    pub(super) fn take(&mut self, side: Side, out: Vec<SetAction>, actions: &mut Vec<Action>) {
        self.keep_life(side, actions);
        for action in out {
            match action {
                SetAction::Send { to, mut message } => {
                    self.groups.complete(side, &mut message.body);
                    self.send(side, to, false, &message, actions);
                }
                SetAction::Multicast(message) => {
                    if let Some(to) = self.seats.get(&side).and_then(Seat::group) {
                        self.send(side, to, true, &message, actions);
                    }
                }
                SetAction::Installed { view, from, change, applied } => {
                    let step = Step {
                        view: &view,
                        from: from.as_ref(),
                        change: change.as_ref(),
                        applied: &applied,
                    };
                    self.on_groups(|groups, out| groups.installed(side, step, out), actions);
                    self.installed(side, view, from, change, actions);
                }
                SetAction::Out { asked } => self.out(side, asked, actions),
                SetAction::Note(note) => self.note(side, note, actions),
            }
        }
    }

    pub(super) fn send(
        &mut self,
        side: Side,
        to: SocketAddrV4,
        group: bool,
        message: &CoreMessage,
        actions: &mut Vec<Action>,
    ) {
        let Some(seat) = self.seats.get(&side) else { return };
        let Some(bytes) = seat.encode(message) else {
            return self.counters.count("not-encoded");
        };
        let members = if group { seat.others() } else { vec![to] };
        if let Some(view) = seat.set().and_then(CoreSet::view) {
            self.memory.told(view, message, (!group).then_some(to));
        }
        self.sent[usize::from(group)].count(message.body.name());
        let places = &self.id.places;
        self.parcels.send(bytes, to, &members, |name| Some(places.of(&name)), actions);
    }

    /// An incarnation must not be used again, even by a process that knows nothing of this one: it is kept before
    /// anybody hears of it.
    fn keep_life(&mut self, side: Side, actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get_mut(&side) else { return };
        let Some(inc) = seat.set.as_ref().map(|set| set.life().inc) else { return };
        if inc > seat.kept {
            seat.kept = inc;
            actions.push(Action::KeepLife(inc));
        }
    }

    fn installed(
        &mut self,
        side: Side,
        view: View,
        from: Option<Position>,
        change: Option<Change>,
        actions: &mut Vec<Action>,
    ) {
        let Some(seat) = self.seats.get_mut(&side) else { return };
        let name = view.name.base;
        if name != seat.config.name.base {
            let place = self.id.places.of(&name);
            seat.rehear(name, place, actions);
        }
        let who = seat
            .set
            .as_ref()
            .map(CoreSet::life)
            .unwrap_or(Life { address: seat.config.own, inc: seat.inc });
        let is_batch = |c: &Change| matches!(c.kind, ChangeKind::Application { .. });
        if change.as_ref().is_some_and(|c| is_batch(c) && c.excl.is_empty()) {
            self.counters.count("batches");
        } else {
            self.counters.count("views");
            self.memory.installed(&view, change.as_ref());
            let installed = Installed { who, view, from, change };
            actions.push(Action::Note(Note::Set(SetNews::View(Box::new(installed)))));
        }
        if side == Side::Peer && !std::mem::replace(&mut self.ready, true) {
            actions.push(Action::Ready);
        }
        self.listen(actions);
    }

    fn out(&mut self, side: Side, asked: bool, actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get_mut(&side) else { return };
        let set = seat.config.name;
        self.on_groups(|groups, out| groups.out_of(side, out), actions);
        let Some(seat) = self.seats.get_mut(&side) else { return };
        if !self.stopping {
            actions.push(Action::Note(Note::Set(SetNews::OutOfSet { set, asked })));
        }
        self.memory.out(set, seat.config.own, asked);
        if asked {
            seat.inc = seat.next_life();
            seat.set = None;
            seat.stop_hearing(actions);
            self.listen(actions);
            self.end_if_out(actions);
        }
    }

    fn note(&mut self, side: Side, note: SetNote, actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get(&side) else { return };
        let set = seat.config.name;
        match note {
            SetNote::Ignored { why, .. } => self.counters.count(why),
            SetNote::Isolated { who, cause, .. } => {
                self.counters.count("isolations");
                self.memory.isolated(set, who, cause);
                actions.push(Action::Note(Note::Set(SetNews::Isolated { set, who, cause })));
            }
            SetNote::Phase { from, to, .. } if from != to => self.counters.count(to),
            SetNote::Phase { .. } => {}
            SetNote::Refused { why } => {
                actions.push(Action::Note(Note::Set(SetNews::Refused { why })))
            }
            SetNote::Founded { num, inc } => {
                actions.push(Action::Note(Note::Set(SetNews::Founded { set, num, inc })));
            }
        }
    }
}
