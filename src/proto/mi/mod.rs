//! The member interface: applications on one side, a LAN mserver on the other (thesis II.D, Figures 38, 59 to 61).
//!
//! ```text
//!   application ── call ──> MI ── SUBMIT, again and again ──> LAN mserver
//!               <─ view ───    <── DIRECT ─────────────────
//!
//!   Registering ── ACK ──> Registered ── no QUERY for too long ──> Registering, at the next mserver
//! ```
//!
//! It knows its own members, the last view of each of their groups, and the calls that are under way. A call is sent again
//! until it is answered, under the same id, so that it has one effect whatever is lost. A view is applied only
//! if it follows on the last one and its digest comes out; else the whole roster is asked for. A member that the core
//! knows and we do not is reported failed.

mod local;

pub use local::{LocalCall, LocalEvent};

use super::counters::Counters;
use super::group::{Applied, Known};
use super::note::Note;
use super::params::Params;
use super::step::{Action, Input, Via};
use super::timer::Countdown;
use crate::name::GroupName;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, Direct, GroupBody, GroupMessage, MemberId, Refusal, Request, RequestId,
};
use crate::wire::{Message, WireError};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Calls of one application that may be under way at a time.
const CALLS: usize = 64;
/// Members of one application.
const MEMBERS: usize = 256;

/// An application, as whoever holds its socket counts it.
pub type Client = u64;

/// Who a member interface is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MiConfig {
    /// Our own address and life.
    pub life: Life,
    /// Name of the LAN, for messages that are about no group.
    pub lan: GroupName,
    /// The mservers that we may belong to, in order of preference; at least one.
    pub servers: Vec<SocketAddrV4>,
    /// Timings.
    pub params: Params,
}

/// How we stand with our mserver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// A registration is out.
    Registering { wait: Countdown, left: u32 },
    /// It polls us.
    Registered { silent: Countdown },
}

/// A call that is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pending {
    client: Option<Client>,
    request: Request,
    again: Countdown,
}

/// What applications are told, and whom it concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The application.
    pub client: Client,
    /// What.
    pub event: LocalEvent,
}

/// A member interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mi {
    config: MiConfig,
    server: usize,
    number: u32,
    phase: Phase,
    requests: u64,
    members: u32,
    /// Our members, and whose they are.
    local: BTreeMap<MemberId, (Client, GroupName)>,
    groups: BTreeMap<GroupName, Known>,
    pending: BTreeMap<u64, Pending>,
    counters: Counters,
}

type Refused = (&'static str, Option<WireError>);

impl Mi {
    /// A member interface that starts now. The first action is a registration.
    pub fn start(config: MiConfig, actions: &mut Vec<Action>) -> Mi {
        assert!(!config.servers.is_empty(), "a member interface has an mserver to go to");
        let mut mi = Mi {
            config,
            server: 0,
            number: 0,
            phase: Phase::Registering { wait: Countdown::OFF, left: 0 },
            requests: 0,
            members: 0,
            local: BTreeMap::new(),
            groups: BTreeMap::new(),
            pending: BTreeMap::new(),
            counters: Counters::default(),
        };
        mi.register(actions);
        mi
    }

    /// The mserver that we belong to, or want to.
    pub fn server(&self) -> SocketAddrV4 {
        self.config.servers[self.server]
    }

    /// Whether we belong to it.
    pub fn is_registered(&self) -> bool {
        matches!(self.phase, Phase::Registered { .. })
    }

    /// The last view of a group that we have members in.
    pub fn known(&self, group: GroupName) -> Option<&Known> {
        self.groups.get(&group)
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        let phase = match self.phase {
            Phase::Registering { wait, .. } => wait.left(),
            Phase::Registered { silent } => silent.left(),
        };
        let calls = self.pending.values().map(|pending| pending.again.left());
        calls.chain([phase]).filter(|&left| left > 0).min().unwrap_or(u32::MAX)
    }

    /// One input of the network or the clock, all its actions and all that applications are told.
    pub fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>, told: &mut Vec<Told>) {
        match input {
            Input::Datagram { via, from, bytes } => {
                if let Err((cause, error)) = self.receive(via, from, bytes, actions, told) {
                    self.counters.count(cause);
                    actions.push(Action::Note(Note::Dropped { cause, from, error }));
                }
            }
            Input::Tick { elapsed } => self.tick(elapsed, actions, told),
            Input::Stop => {
                let number = self.number;
                self.tell_server(GroupBody::Unregister { number }, actions);
            }
        }
    }

    /// A call of an application. What becomes of it, [`LocalEvent`]s tell.
    pub fn call(
        &mut self,
        client: Client,
        (group, call): (GroupName, LocalCall),
        actions: &mut Vec<Action>,
        told: &mut Vec<Told>,
    ) {
        let under_way = self.pending.values().filter(|p| p.client == Some(client)).count();
        let members = self.local.values().filter(|(whose, _)| *whose == client).count();
        let joins = matches!(call, LocalCall::Join { .. });
        if under_way >= CALLS || (joins && members >= MEMBERS) {
            let event = LocalEvent::Refused { group, refusal: Refusal::TooLarge };
            return told.push(Told { client, event });
        }
        let call = match call {
            LocalCall::Join { mode, tag, qos } => {
                self.members += 1;
                let member = MemberId { mi: self.config.life, number: self.members };
                self.local.insert(member, (client, group));
                Call::Join { mode, member, tag, qos }
            }
            LocalCall::Leave { member } => match self.local.get(&member) {
                Some((whose, _)) if *whose == client => Call::Leave { member },
                _ => {
                    let event = LocalEvent::Refused { group, refusal: Refusal::NotMember };
                    return told.push(Told { client, event });
                }
            },
            LocalCall::Merge { other } => Call::Merge { other },
            LocalCall::Split { new, members } => Call::Split { new, members },
            LocalCall::View => Call::View,
        };
        self.submit(Some(client), group, call, actions);
    }

    /// An application is gone: its members failed.
    pub fn gone(&mut self, client: Client, actions: &mut Vec<Action>) {
        let mut failed: BTreeMap<GroupName, Vec<MemberId>> = BTreeMap::new();
        for (member, (whose, group)) in &self.local {
            if *whose == client {
                failed.entry(*group).or_default().push(*member);
            }
        }
        self.local.retain(|_, (whose, _)| *whose != client);
        // A join that is still under way must not come to be: the failure follows it in the same order.
        self.pending.values_mut().filter(|p| p.client == Some(client)).for_each(|p| {
            p.client = None;
        });
        for (group, members) in failed {
            self.submit(None, group, Call::Fail { members }, actions);
        }
    }

    fn submit(
        &mut self,
        client: Option<Client>,
        group: GroupName,
        call: Call,
        actions: &mut Vec<Action>,
    ) {
        self.requests += 1;
        let id = RequestId { origin: self.config.life, number: self.requests };
        let request = Request { id, group, call, path: Vec::new() };
        let again = Countdown::after(self.config.params.reply);
        self.pending.insert(self.requests, Pending { client, request: request.clone(), again });
        if self.is_registered() {
            self.send(group, GroupBody::Submit { request, raise: false }, actions);
        }
    }

    fn receive(
        &mut self,
        via: Via,
        from: SocketAddrV4,
        bytes: &[u8],
        actions: &mut Vec<Action>,
        told: &mut Vec<Told>,
    ) -> Result<(), Refused> {
        let wire = |e: WireError| (e.cause(), Some(e));
        let message = Message::receive(bytes, false).map_err(wire)?;
        let message = GroupMessage::decode(&message).map_err(wire)?;
        if via == Via::Mcaster || message.from.address != from {
            return Err(("address-mismatch", None));
        }
        if from != self.server() {
            return Err(("not-our-mserver", None));
        }
        match message.body {
            GroupBody::Registered { number } if number == self.number => {
                self.registered(actions, told);
                Ok(())
            }
            GroupBody::Poll { nonce } if self.is_registered() => {
                self.heard();
                self.tell_server(GroupBody::Polled { nonce }, actions);
                Ok(())
            }
            GroupBody::Wait { id } => {
                let fresh = Countdown::after(self.config.params.query);
                self.pending_of(id)?.again = fresh;
                Ok(())
            }
            GroupBody::Refused { id, refusal } => {
                self.pending_of(id)?;
                self.refused(id, refusal, told);
                Ok(())
            }
            GroupBody::Direct(direct) => {
                self.heard();
                self.on_direct(direct, actions, told);
                Ok(())
            }
            _ => Err(("not-for-an-mi", None)),
        }
    }

    fn pending_of(&mut self, id: RequestId) -> Result<&mut Pending, Refused> {
        let ours = id.origin == self.config.life;
        let pending = self.pending.get_mut(&id.number).filter(|_| ours);
        pending.ok_or(("answer-not-expected", None))
    }

    fn refused(&mut self, id: RequestId, refusal: Refusal, told: &mut Vec<Told>) {
        let Some(pending) = self.pending.remove(&id.number) else { return };
        if let Call::Join { member, .. } = &pending.request.call {
            self.local.remove(member);
        }
        if let Some(client) = pending.client {
            let event = LocalEvent::Refused { group: pending.request.group, refusal };
            told.push(Told { client, event });
        }
    }

    /// A view: applied if it follows, acknowledged in any case, asked for anew if it does not.
    fn on_direct(&mut self, direct: Direct, actions: &mut Vec<Action>, told: &mut Vec<Told>) {
        let (key, name) = (direct.key, direct.key.name);
        self.done(&direct.causes);
        let known = self.groups.entry(name).or_insert_with(|| Known::new(key));
        let before: Vec<MemberId> = known.roster().iter().map(|entry| entry.id).collect();
        match known.apply(&direct) {
            Applied::Gap if self.local.values().any(|(_, group)| *group == name) => {
                let (term, number) = known.at();
                return self.send(name, GroupBody::Missing { key, term, number }, actions);
            }
            Applied::Gap => {
                // Nobody here wants it: one that is late, when all have gone.
                self.groups.remove(&name);
                let (term, number, below) = (direct.term, direct.number, 0);
                return self.send(name, GroupBody::Got { key, term, number, below }, actions);
            }
            Applied::Old => {}
            Applied::New => self.tell_view(&direct, &before, actions, told),
        }
        let Some(known) = self.groups.get(&name) else { return };
        let below = known.roster().iter().filter(|e| self.local.contains_key(&e.id)).count() as u32;
        let (term, number) = known.at();
        self.send(name, GroupBody::Got { key, term, number, below }, actions);
        if below == 0 && !self.local.values().any(|(_, group)| *group == name) {
            self.groups.remove(&name);
        }
    }

    /// The calls that a view completes.
    fn done(&mut self, causes: &[RequestId]) {
        let own = self.config.life;
        for cause in causes.iter().filter(|cause| cause.origin == own) {
            self.pending.remove(&cause.number);
        }
    }

    /// Each of our members hears of the view: whoever is new in it of all, the others of what changed.
    fn tell_view(
        &mut self,
        direct: &Direct,
        before: &[MemberId],
        actions: &mut Vec<Action>,
        told: &mut Vec<Told>,
    ) {
        let name = direct.key.name;
        let Some(known) = self.groups.get(&name) else { return };
        let mut strangers = Vec::new();
        for (rank, entry) in known.roster().iter().enumerate() {
            match self.local.get(&entry.id) {
                Some((client, _)) => {
                    let first = !before.contains(&entry.id);
                    let event = LocalEvent::of_view(known, direct, (entry, rank as u32), first);
                    told.push(Told { client: *client, event });
                }
                None if entry.id.mi == self.config.life => strangers.push(entry.id),
                None => {}
            }
        }
        // Of ours, whoever is not in it and is not on its way in any more is out: it need never have seen a view.
        let gone: Vec<MemberId> = self
            .local
            .iter()
            .filter(|(id, (_, group))| *group == name && !self.is_in_or_joining(id))
            .map(|(id, _)| *id)
            .collect();
        for member in gone {
            if let Some((client, group)) = self.local.remove(&member) {
                let event = LocalEvent::Out { group, member, reason: direct.reason };
                told.push(Told { client, event });
            }
        }
        if !strangers.is_empty() {
            self.submit(None, name, Call::Fail { members: strangers }, actions);
        }
    }

    fn is_in_or_joining(&self, id: &MemberId) -> bool {
        let joins =
            |p: &Pending| matches!(&p.request.call, Call::Join { member, .. } if member == id);
        let (_, group) = self.local[id];
        let roster = self.groups.get(&group).map(Known::roster).unwrap_or_default();
        roster.iter().any(|entry| entry.id == *id) || self.pending.values().any(joins)
    }

    fn tick(&mut self, elapsed: u32, actions: &mut Vec<Action>, told: &mut Vec<Told>) {
        match &mut self.phase {
            Phase::Registering { wait, left } => {
                if wait.tick(elapsed) {
                    if *left == 0 {
                        self.server = (self.server + 1) % self.config.servers.len();
                        self.register(actions);
                    } else {
                        *left -= 1;
                        *wait = Countdown::after(self.config.params.reply);
                        self.ask_in(actions);
                    }
                }
            }
            Phase::Registered { silent } => {
                if silent.tick(elapsed) {
                    self.tell_all(&LocalEvent::ServerLost, told);
                    self.server = (self.server + 1) % self.config.servers.len();
                    self.register(actions);
                }
            }
        }
        if self.is_registered() {
            self.resubmit(elapsed, actions);
        }
    }

    fn resubmit(&mut self, elapsed: u32, actions: &mut Vec<Action>) {
        let fresh = Countdown::after(self.config.params.reply);
        let mut due = Vec::new();
        for pending in self.pending.values_mut() {
            if pending.again.tick(elapsed) {
                pending.again = fresh;
                due.push(pending.request.clone());
            }
        }
        for request in due {
            let group = request.group;
            self.send(group, GroupBody::Submit { request, raise: false }, actions);
        }
    }

    /// A registration under a new number: verdicts about earlier ones are void.
    fn register(&mut self, actions: &mut Vec<Action>) {
        self.number += 1;
        let (reply, left) = (self.config.params.reply, self.config.params.retries);
        self.phase = Phase::Registering { wait: Countdown::after(reply), left };
        self.ask_in(actions);
    }

    fn ask_in(&mut self, actions: &mut Vec<Action>) {
        let number = self.number;
        let ours = |known: &Known| known.statement(|id| self.local.contains_key(id));
        let groups = self.groups.values().map(ours).collect();
        self.tell_server(GroupBody::Register { number, groups }, actions);
    }

    fn registered(&mut self, actions: &mut Vec<Action>, told: &mut Vec<Told>) {
        if self.is_registered() {
            return self.heard();
        }
        self.heard();
        if self.number == 1 {
            actions.push(Action::Ready);
        } else {
            self.tell_all(&LocalEvent::ServerFound, told);
        }
        // What is under way may have been lost with the mserver before.
        let all: Vec<Request> = self.pending.values().map(|p| p.request.clone()).collect();
        for request in all {
            let group = request.group;
            self.send(group, GroupBody::Submit { request, raise: false }, actions);
        }
    }

    /// Our mserver is there: it is lost when it has not polled us for a query and all its tries.
    fn heard(&mut self) {
        let params = &self.config.params;
        let tries = params.reply.saturating_mul(params.retries + 1);
        self.phase = Phase::Registered { silent: Countdown::after(params.query + tries) };
    }

    fn tell_all(&self, event: &LocalEvent, told: &mut Vec<Told>) {
        let mut clients: Vec<Client> = self.local.values().map(|(client, _)| *client).collect();
        clients.sort_unstable();
        clients.dedup();
        told.extend(clients.into_iter().map(|client| Told { client, event: event.clone() }));
    }

    fn tell_server(&mut self, body: GroupBody, actions: &mut Vec<Action>) {
        self.send(self.config.lan, body, actions);
    }

    fn send(&mut self, name: GroupName, body: GroupBody, actions: &mut Vec<Action>) {
        let message = GroupMessage { name, from: self.config.life, body };
        match message.encode() {
            Ok(bytes) => actions.push(Action::Send { to: self.server(), bytes }),
            Err(_) => self.counters.count("not-encoded"),
        }
    }
}
