//! The mserver: core-sets behind the wire (thesis VI.B, Figures 56 to 58).
//!
//! ```text
//!   datagram ─> message ─> payload ─┬─> seat: a place in a core-set ─> actions ─> payload ─> datagram
//!                  │                ├─> an operator's request, answered
//!                  └── fragments    └─> ignored, by cause
//! ```
//!
//! A mserver has up to two places in core-sets: with its peers, and as the parent of a child-set. Both are one type,
//! told apart by which names they answer to. What is remembered beyond the protocol's own state is for people:
//! counters by cause, and of each member that was isolated or removed who said so and why (`ms why`).

mod bearing;
mod groups;
mod memory;
mod operator;
mod seat;
mod status;

pub use groups::{Groups, Replica};
pub use memory::Memory;
pub use operator::NOT_ALLOWED;
pub use seat::{Installed, Seat};

use super::coreset::{Config, CoreSet, Founding, SetInput};
use super::counters::Counters;
use super::enrolment::{Enrolment, Outcome};
use super::network::Network;
use super::note::{Note, SetNews};
use super::params::Params;
use super::parcel::Parcels;
use super::places::Places;
use super::step::{Action, End, Input, Via};
use crate::name::{GroupName, Incarnation};
use crate::sorted::Sorted as _;
use crate::wire::coreset::{Body, CoreMessage, Life, Request, SetName};
use crate::wire::{Kind, Message, WireError, group, prefix};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// A set is looked for at least so long, in milliseconds, by those who may not found it: longer than a restarted mcaster
/// takes to hear of its members again.
const SEARCH_MS: u64 = 15_000;

/// Which of its places in core-sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// With its peers.
    Peer,
    /// As the parent of the set below.
    Child,
}

/// Who a mserver is, and what it is allowed to believe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Our own address.
    pub own: SocketAddrV4,
    /// Larger than any incarnation that was used at this address.
    pub inc: Incarnation,
    /// Where sets are heard.
    pub places: Places,
    /// Whose requests are taken.
    pub allow: Vec<Network>,
    /// Timings.
    pub params: Params,
}

/// What a mserver is there for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Post {
    /// The set of its peers.
    pub set: GroupName,
    /// The level of that set.
    pub level: u8,
    /// What it does where there is none.
    pub founding: Founding,
    /// What is below it.
    pub below: Below,
}

/// What is below a mserver: its child side (Figure 56).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Below {
    /// The member interfaces of a LAN of that name.
    Lan {
        /// The LAN's name.
        name: GroupName,
        /// One of them is built in.
        mi: bool,
    },
    /// The set that it is the parent of, or wants to be.
    Set(GroupName),
}

impl Below {
    /// The member interfaces of a LAN that nobody named: it is called after the address of its mserver.
    pub fn lan_of(own: SocketAddrV4, mi: bool) -> Below {
        let [a, b, c, d] = own.ip().octets();
        let name = format!("lan-{a}-{b}-{c}-{d}").parse();
        Below::Lan { name: name.expect("an address makes a name"), mi }
    }
}

/// A mserver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mserver {
    id: Identity,
    seats: BTreeMap<Side, Seat>,
    /// IP multicast groups that our sockets hear.
    heard: BTreeSet<SocketAddrV4>,
    parcels: Parcels,
    counters: Counters,
    /// Messages sent, by what they are: each to one mserver, and each to all of a group.
    sent: [Counters; 2],
    memory: Memory,
    groups: Groups,
    /// How deep what follows from one input is, and what was too deep: it is proposed with the next tick.
    depth: u32,
    later: Vec<groups::GroupOut>,
    stopping: bool,
    ready: bool,
    /// Ticks that have passed without it.
    waited: u32,
}

/// What is wrong with a datagram: the word, and the error if it is no message.
type Refused = (&'static str, Option<WireError>);

impl Mserver {
    /// A mserver that takes up its post. The first actions are those of asking for its set; the sockets hear `heard`
    /// already.
    pub fn start(
        id: Identity,
        post: &Post,
        heard: Option<SocketAddrV4>,
        actions: &mut Vec<Action>,
    ) -> Mserver {
        let me = Life { address: id.own, inc: id.inc };
        let mut first = Vec::new();
        let mut mserver = Mserver {
            groups: Groups::new(me, id.params, post.below, &mut first),
            depth: 0,
            later: Vec::new(),
            parcels: Parcels::new(id.inc.0),
            memory: Memory::default(),
            id,
            seats: BTreeMap::new(),
            heard: heard.into_iter().sorted_set(),
            counters: Counters::default(),
            sent: Default::default(),
            stopping: false,
            ready: false,
            waited: 0,
        };
        mserver.take_groups(first, actions);
        mserver.sit(Side::Peer, (post.set, post.level, post.founding), actions);
        if let Below::Set(name) = post.below {
            let below = (name, post.level.saturating_sub(1), Founding::AsParent);
            mserver.sit(Side::Child, below, actions);
        }
        mserver
    }

    /// Takes a place in a set.
    fn sit(
        &mut self,
        side: Side,
        (name, level, founding): (GroupName, u8, Founding),
        actions: &mut Vec<Action>,
    ) {
        let config = Config {
            name: SetName { base: name, suffix: None },
            level,
            own: self.id.own,
            founding,
            params: super::coreset::SetParams::of(&self.id.params),
        };
        let inc = self.seats.get(&side).map_or(self.id.inc, |seat| seat.next_life());
        let place = self.id.places.of(&name);
        let mut seat = Seat::new(config, inc, place, self.id.params, actions);
        let begun = if seat.is_heard() { seat.begin() } else { Vec::new() };
        self.seats.insert(side, seat);
        self.take(side, begun, actions);
        self.listen(actions);
    }

    /// Other timings and places from now on.
    pub fn change(&mut self, params: Params, allow: Vec<Network>) {
        self.id.allow = allow;
        if params != self.id.params {
            self.id.params = params;
            self.seats.values_mut().for_each(|seat| seat.set_params(params));
            self.groups.set_params(params);
        }
    }

    /// Other places from now on, for sets that take another name.
    pub fn change_places(&mut self, places: Places) {
        self.id.places = places;
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is.
    pub fn due(&self) -> u32 {
        if !self.later.is_empty() {
            return 1;
        }
        let seats = self.seats.values().map(Seat::due).min().unwrap_or(u32::MAX);
        seats.min(self.parcels.due()).min(self.groups.due())
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
            Input::Call { client, call } => {
                self.on_groups(|g, out| g.call(client, call, out), actions)
            }
            Input::Gone { client } => self.on_groups(|g, out| g.gone(client, out), actions),
            Input::Stop => self.stop(actions),
        }
    }

    /// An operation of the layer above, to be agreed on by our peers.
    pub fn submit(&mut self, bytes: Vec<u8>, actions: &mut Vec<Action>) {
        self.input(Side::Peer, SetInput::Submit(bytes), actions);
    }

    fn tick(&mut self, elapsed: u32, actions: &mut Vec<Action>) {
        self.memory.tick(elapsed);
        let later = std::mem::take(&mut self.later);
        self.take_groups(later, actions);
        self.wait_for_set(elapsed, actions);
        let places = &self.id.places;
        self.parcels.tick(elapsed, |name| Some(places.of(&name)), actions);
        for side in [Side::Child, Side::Peer] {
            self.input(side, SetInput::Tick { elapsed }, actions);
            let Some(seat) = self.seats.get_mut(&side) else { continue };
            let outcome = seat.tick_enrolment(elapsed, actions);
            self.enrolled(side, outcome, actions);
        }
        self.on_groups(|groups, out| groups.tick(elapsed, out), actions);
    }

    /// Who may only join has nothing to do where there is no set; one that answers is waited for.
    fn wait_for_set(&mut self, elapsed: u32, actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get(&Side::Peer).filter(|_| !self.ready && !self.stopping)
        else {
            return;
        };
        let Some(set) = seat.set().filter(|_| seat.config().founding == Founding::Never) else {
            return;
        };
        let params = &self.id.params;
        let asking = seat.config().params.join.saturating_mul(params.retries + 1);
        let patience = asking.max(params.ticks(SEARCH_MS));
        self.waited = self.waited.saturating_add(elapsed);
        if self.waited > patience && !set.is_answered() {
            let seconds = u64::from(patience) * u64::from(params.tick_ms) / 1000;
            let why = format!("no set {} answered for {seconds} s", seat.name());
            actions.push(Action::Done(End::Unavailable(why)));
        }
    }

    fn stop(&mut self, actions: &mut Vec<Action>) {
        self.stopping = true;
        for side in [Side::Child, Side::Peer] {
            self.leave_set(side, actions);
        }
        self.end_if_out(actions);
    }

    fn leave_set(&mut self, side: Side, actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get_mut(&side) else { return };
        match seat.set() {
            Some(_) => self.input(side, SetInput::Leave, actions),
            None => seat.stop_hearing(actions),
        }
    }

    fn receive(
        &mut self,
        via: Via,
        from: SocketAddrV4,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        let wire = |e: WireError| (e.cause(), Some(e));
        let (from, bytes) = match via {
            Via::Own | Via::Group => (from, bytes),
            Via::Mcaster if self.seats.values().any(|s| s.mcaster_is(*from.ip())) => {
                prefix::decode(bytes).map_err(wire)?
            }
            Via::Mcaster => return Err(("not-our-mcaster", None)),
        };
        let message = checked(bytes).map_err(wire)?;
        match message.kind() {
            Some(kind) if Enrolment::answers(kind) => {
                self.on_answer(kind, message.header.group, (via, from), actions)
            }
            Some(Kind::Fragment) => {
                let (header, data) = (&message.header, message.data);
                let whole = self.parcels.receive(from, header, data, actions);
                match whole.map_err(|cause| (cause, None))? {
                    Some(bytes) => {
                        let message = Message::receive(&bytes, false).map_err(wire)?;
                        self.read(via, from, &message, actions)
                    }
                    None => Ok(()),
                }
            }
            Some(_) => self.read(via, from, &message, actions),
            None => Err(("unknown-type", None)),
        }
    }

    /// A message of a core-set, or for one.
    fn read(
        &mut self,
        via: Via,
        from: SocketAddrV4,
        message: &Message<'_>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        if message.data.first() == Some(&group::KIND) {
            return self.read_groups(from, message, actions);
        }
        let message = CoreMessage::decode(message).map_err(|e| (e.cause(), Some(e)))?;
        if message.from.life.address != from {
            return Err(("address-mismatch", None));
        }
        match &message.body {
            Body::StatsRequest { .. } | Body::Request(_) => {
                self.on_request(via, message, actions).map_err(|cause| (cause, None))
            }
            Body::Stats(_) | Body::Taken => Err(("not-asked", None)),
            // Who may not join may not come in by a Merge either.
            _ if !self.may_ask(from) => Err(("not-allowed", None)),
            _ => self.give(&message, actions).map_err(|cause| (cause, None)),
        }
    }

    /// Gives a message to the place that it concerns.
    fn give(
        &mut self,
        message: &CoreMessage,
        actions: &mut Vec<Action>,
    ) -> Result<(), &'static str> {
        let named = |seat: &&Seat| seat.name() == message.name.base;
        let side = self
            .seats
            .iter()
            .find(|(_, seat)| named(seat))
            .or_else(|| self.seats.iter().find(|(_, seat)| seat.concerns(message)))
            .map(|(side, _)| *side)
            .ok_or("other-set")?;
        if let Some(view) = self.seats.get(&side).and_then(Seat::set).and_then(CoreSet::view) {
            self.memory.heard(view, message);
        }
        match &message.body {
            Body::Sync { .. } | Body::SyncRequest { .. } => self.read_sync(side, message, actions),
            body => {
                if matches!(body, Body::Init { .. }) {
                    self.read_sync(side, message, actions)?;
                }
                self.input(side, SetInput::Message(message), actions);
                Ok(())
            }
        }
    }

    fn on_answer(
        &mut self,
        kind: Kind,
        group: GroupName,
        (via, from): (Via, SocketAddrV4),
        actions: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        for side in [Side::Peer, Side::Child] {
            let Some(seat) = self.seats.get_mut(&side) else { continue };
            if via == Via::Own && seat.is_enrolled(group, from) {
                let outcome =
                    seat.on_answer(group, kind, actions).map_err(|cause| (cause, None))?;
                self.enrolled(side, outcome, actions);
                return Ok(());
            }
        }
        Err(("answer-not-from-mcaster", None))
    }

    /// What follows from how a place stands with its mcaster.
    fn enrolled(&mut self, side: Side, outcome: Option<Outcome>, actions: &mut Vec<Action>) {
        match outcome {
            Some(Outcome::Joined { .. }) => {
                let Some(seat) = self.seats.get_mut(&side) else { return };
                if seat.set().is_none() && !self.stopping {
                    let begun = seat.begin();
                    self.take(side, begun, actions);
                }
            }
            Some(Outcome::Refused(why)) => match self.ready {
                true => actions.push(Action::Note(Note::Set(SetNews::Refused { why }))),
                false => actions.push(Action::Done(End::Unavailable(why))),
            },
            Some(Outcome::Left { .. }) => self.end_if_out(actions),
            None => {}
        }
    }

    /// One input of one of our core-sets.
    fn input(&mut self, side: Side, input: SetInput<'_>, actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get_mut(&side) else { return };
        let out = seat.step(input);
        self.take(side, out, actions);
    }

    /// Ends when we were told to, and every place is given up.
    fn end_if_out(&mut self, actions: &mut Vec<Action>) {
        if self.stopping && self.seats.values().all(Seat::is_over) {
            actions.push(Action::Done(End::Stopped));
        }
    }

    /// Hears the groups of our sets, and no others.
    fn listen(&mut self, actions: &mut Vec<Action>) {
        let wanted: BTreeSet<SocketAddrV4> =
            self.seats.values().flat_map(Seat::groups).sorted_set();
        let hear = |&group: &SocketAddrV4| Action::Hear { group, on: true };
        actions.extend(wanted.difference(&self.heard).map(hear));
        let unhear = |&group: &SocketAddrV4| Action::Hear { group, on: false };
        actions.extend(self.heard.difference(&wanted).map(unhear));
        self.heard = wanted;
    }

    /// Whether somebody may ask for changes.
    fn allows(&self, who: SocketAddrV4) -> bool {
        self.id.allow.iter().any(|network| network.contains(*who.ip()))
    }

    /// Our place with our peers.
    pub fn peers(&self) -> Option<&Seat> {
        self.seat(Side::Peer)
    }

    /// Our place in a set.
    pub fn seat(&self, side: Side) -> Option<&Seat> {
        self.seats.get(&side)
    }

    /// A request of this host's operator, for our peers.
    fn ask(&mut self, side: Side, request: Request, actions: &mut Vec<Action>) -> Option<String> {
        let seat = self.seats.get_mut(&side)?;
        let out = seat.step(SetInput::Request(request));
        let refused = seat::refusal(&out);
        self.take(side, out, actions);
        refused
    }
}

/// A message with a right checksum; only the answers of an mcaster may have none, as the original's have.
fn checked(bytes: &[u8]) -> Result<Message<'_>, WireError> {
    match Message::receive(bytes, false) {
        Err(error) => match Message::receive(bytes, true) {
            Ok(message) if message.kind().is_some_and(Enrolment::answers) => Ok(message),
            _ => Err(error),
        },
        message => message,
    }
}
