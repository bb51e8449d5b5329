//! Application groups at a mserver: requests on their way to the core, views on their way to the members (thesis IV.D).
//!
//! ```text
//!   MI, child mserver ── SUBMIT ──> route ─┬─> the core is with our peers, or below: an operation, agreed on
//!                                          ├─> it is elsewhere: on to the next mserver
//!                                          └─> it must come up to us, or be created
//!   agreed operation ──> Registry ── effects ──> views down (Relay), answers back, the next step of a move
//! ```
//!
//! A mserver decides with its peers, and below it alone for the member interfaces of its LAN or, as a parent, with the
//! set below. The group layer holds no reference to a set: operations go down as proposals, and come up applied.
//!
//! | file | what |
//! |---|---|
//! | `route` | where a request goes next |
//! | `answer` | answers on their way back |
//! | `effect` | what follows from agreed operations |
//! | `judge` | sides of a partition that may not live |
//! | `carry` | the core moves up and down |
//! | `lan` | member interfaces: registered, polled, lost |
//! | `loss` | what is done some time after mservers are lost |
//! | `sphere` | what a mserver knows of a set that it decides with |
//! | `weak` | weak groups, whose changes are not agreed on |

mod answer;
mod carry;
mod effect;
mod judge;
mod lan;
mod loss;
mod route;
mod sphere;
mod weak;

pub use sphere::{Sphere, Step};
pub use weak::Replica;

use super::{Below, Side};
use crate::name::GroupName;
use crate::proto::group::{Effect, Registry, Relay};
use crate::proto::mi::{Client, LocalCall, LocalEvent, MiAction, MiInput};
use crate::proto::params::Params;
use crate::wire::WireError;
use crate::wire::coreset::{Body, Life};
use crate::wire::group::{Direct, GroupBody, GroupMessage, GroupOp, RequestId};
use answer::Answered;
use lan::Lan;
use loss::Chore;
use route::Pending;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

use crate::proto::timer::Countdown;

/// T_SETTLE, T_FAILOVER and T_CREATE in multiples of T_REPLY.
const SETTLE: u32 = 5;
const FAILOVER: u32 = 50;
const CREATE: u32 = 100;

/// What the group layer wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupOut {
    /// Send a message to one mserver or member interface.
    Send {
        /// Its address.
        to: SocketAddrV4,
        /// What.
        message: GroupMessage,
    },
    /// An operation for a set to agree on.
    Propose {
        /// Which of ours.
        side: Side,
        /// What.
        op: GroupOp,
    },
    /// An operation of this very position of a set.
    Now {
        /// Which of ours.
        side: Side,
        /// What.
        op: GroupOp,
    },
    /// A message about a registry, to another member of its set.
    Sync {
        /// Which of ours.
        side: Side,
        /// Whom.
        to: SocketAddrV4,
        /// What.
        body: Body,
    },
    /// An operation was agreed on that says nothing to us.
    Unreadable(WireError),
    /// Tell an application of the member interface that is built in.
    Tell {
        /// Which.
        client: Client,
        /// What.
        event: LocalEvent,
    },
}

/// What is still to be done in this turn.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Work {
    Effect(Side, Effect),
    /// Mservers are gone with that view of a set.
    Lost(Side, Vec<SocketAddrV4>, u16),
    /// We know now what a set knows.
    InStep(Side),
    /// The parent of our peers is another one.
    Parent(Option<SocketAddrV4>),
    /// Those below are to hear of a view.
    Tell(Direct),
    /// A message of ourselves, or of the member interface that is built in, to the other of both.
    ToMi(GroupBody, GroupName),
    FromMi(GroupMessage),
}

/// The group layer of a mserver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Groups {
    me: Life,
    params: Params,
    /// Its LAN, if it has no set below.
    lan: Option<Lan>,
    spheres: BTreeMap<Side, Sphere>,
    relay: Relay,
    /// The weak groups whose core is here, by incarnation.
    weak: BTreeMap<RequestId, Replica>,
    pending: BTreeMap<RequestId, Pending>,
    answered: Answered,
    chores: BTreeMap<Chore, Countdown>,
    /// Our own requests, counted.
    requests: u64,
    /// The moves that we carry, by the incarnation of the group: the term that it moves with, and the move itself.
    moves: BTreeMap<RequestId, (u32, RequestId)>,
    work: VecDeque<Work>,
}

impl Groups {
    /// The group layer of a mserver that starts now, in no set yet.
    pub fn new(me: Life, params: Params, below: Below, out: &mut Vec<GroupOut>) -> Groups {
        let mut groups = Groups {
            me,
            params,
            lan: None,
            spheres: BTreeMap::new(),
            relay: Relay::new(&params),
            weak: BTreeMap::new(),
            pending: BTreeMap::new(),
            answered: Answered::default(),
            chores: BTreeMap::new(),
            requests: 0,
            moves: BTreeMap::new(),
            work: VecDeque::new(),
        };
        if let Below::Lan { name, mi } = below {
            groups.open_lan(name, mi);
        }
        groups.finish(out);
        groups
    }

    /// Our own address.
    fn own(&self) -> SocketAddrV4 {
        self.me.address
    }

    /// Other timings from now on.
    pub fn set_params(&mut self, params: Params) {
        self.params = params;
        self.relay.set_params(&params);
        self.spheres.values_mut().for_each(|sphere| sphere.set_params(&params));
    }

    /// The registry of a side, if it is known: of the set, or of our own LAN.
    pub fn registry(&self, side: Side) -> Option<&Registry> {
        match (side, &self.lan) {
            (Side::Child, Some(lan)) => Some(lan.registry()),
            _ => self.spheres.get(&side).and_then(Sphere::registry),
        }
    }

    /// What is told to those below.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Requests that pass through here and are not answered yet.
    pub fn under_way(&self) -> usize {
        self.pending.len()
    }

    /// The LAN below, if there is one.
    pub fn lan(&self) -> Option<&Lan> {
        self.lan.as_ref()
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        let pending = self.pending.values().map(|pending| pending.wait.left());
        let chores = self.chores.values().map(|wait| wait.left());
        let own = pending.chain(chores).filter(|&left| left > 0).min().unwrap_or(u32::MAX);
        let lan = self.lan.as_ref().map_or(u32::MAX, Lan::due);
        let spheres = self.spheres.values().map(Sphere::due).min().unwrap_or(u32::MAX);
        own.min(lan).min(spheres).min(self.relay.due()).min(self.weak_due())
    }

    /// An application of this host calls the member interface that is built in. Without one, nobody is there to call.
    pub fn call(&mut self, client: Client, call: &LocalCall, out: &mut Vec<GroupOut>) {
        self.step_mi(MiInput::Call { client, call }, out);
        self.finish(out);
    }

    /// An application of this host is gone.
    pub fn gone(&mut self, client: Client, out: &mut Vec<GroupOut>) {
        self.step_mi(MiInput::Gone { client }, out);
        self.finish(out);
    }

    /// Time passes.
    pub fn tick(&mut self, elapsed: u32, out: &mut Vec<GroupOut>) {
        self.step_mi(MiInput::Tick { elapsed }, out);
        let mut views = Vec::new();
        self.relay.tick(elapsed, &mut views);
        self.deliver(views, out);
        self.tick_spheres(elapsed, out);
        self.tick_lan(elapsed, out);
        self.tick_weak(elapsed, out);
        self.tick_chores(elapsed, out);
        self.tick_pending(elapsed, out);
        self.finish(out);
    }

    /// A message about groups, from the address that it says it is from.
    ///
    /// # Errors
    /// The word under which it is counted that it was ignored.
    pub fn message(
        &mut self,
        message: GroupMessage,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let result = self.take_message(message, out);
        self.finish(out);
        result
    }

    fn take_message(
        &mut self,
        message: GroupMessage,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let GroupMessage { from: life, body, .. } = message;
        let from = life.address;
        match body {
            GroupBody::Register { number, roams } => self.on_register(life, (number, roams), out),
            GroupBody::Polled { nonce } => self.on_polled(from, nonce),
            GroupBody::Unregister { number } => self.on_unregister(life, number, out),
            GroupBody::Submit { request, way } => self.on_submit(from, request, way, out),
            GroupBody::Wait { id } => self.on_wait(from, id),
            GroupBody::Where { id } => self.on_where(from, id, out),
            GroupBody::Unheard { id } => self.on_unheard(from, id),
            GroupBody::Refused { .. } | GroupBody::Shown { .. } | GroupBody::Done { .. } => {
                self.on_answer(from, body, out)
            }
            GroupBody::Grant(request) => self.on_grant(from, request, out),
            GroupBody::Direct(direct) => self.on_direct(from, &direct, out),
            GroupBody::Got { key, term, number, below } => {
                self.on_got(from, (key, term, number), below, out)
            }
            GroupBody::Missing { key, .. } => self.on_missing(from, &key, out),
            GroupBody::Gossip(gossip) => self.on_gossip(from, &gossip, out),
            GroupBody::Registered { .. } | GroupBody::Poll { .. } => Err("not-for-a-mserver"),
        }
    }

    /// Does what has come up, until nothing is left.
    fn finish(&mut self, out: &mut Vec<GroupOut>) {
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::Effect(side, effect) => self.effect(side, effect, out),
                Work::Lost(side, branches, view) => self.on_lost(side, branches, view),
                Work::InStep(side) => self.on_in_step(side, out),
                Work::Parent(parent) => self.on_parent(parent, out),
                Work::Tell(direct) => {
                    self.tell(&direct, None, out);
                }
                Work::ToMi(body, name) => {
                    let message = Box::new(GroupMessage { name, from: self.me, body });
                    self.step_mi(MiInput::Message(message), out);
                }
                Work::FromMi(message) => {
                    // What it says to nobody's use is no news: both are one process.
                    let _ = self.take_message(message, out);
                }
            }
        }
    }

    /// One input of the member interface that is built in.
    fn step_mi(&mut self, input: MiInput<'_>, out: &mut Vec<GroupOut>) {
        let Some(mi) = self.lan.as_mut().and_then(Lan::mi_mut) else { return };
        let mut actions = Vec::new();
        let _ = mi.step(input, &mut actions);
        for action in actions {
            match action {
                MiAction::Send(message) => self.work.push_back(Work::FromMi(message)),
                MiAction::Tell { client, event } => out.push(GroupOut::Tell { client, event }),
                MiAction::Ready => {}
            }
        }
    }

    /// Sends to a mserver, or to a member interface.
    fn send(
        &mut self,
        to: SocketAddrV4,
        name: GroupName,
        body: GroupBody,
        out: &mut Vec<GroupOut>,
    ) {
        if self.lan.as_ref().is_some_and(|lan| lan.built_in() == Some(to)) {
            return self.work.push_back(Work::ToMi(body, name));
        }
        out.push(GroupOut::Send { to, message: GroupMessage { name, from: self.me, body } });
    }

    /// An operation is to be agreed on, or applied at once where we decide alone.
    fn propose(&mut self, side: Side, op: GroupOp, out: &mut Vec<GroupOut>) {
        match (side, &mut self.lan) {
            (Side::Child, Some(lan)) => {
                let mut effects = Vec::new();
                lan.registry_mut().apply(op, &mut effects);
                self.work.extend(effects.into_iter().map(|e| Work::Effect(Side::Child, e)));
            }
            _ => out.push(GroupOut::Propose { side, op }),
        }
    }
}
