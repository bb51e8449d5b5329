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
//!
//! [`Mi`] is the machine: messages in, messages out. It runs behind sockets of its own ([`Alone`]), or inside a mserver,
//! which calls it.

mod alone;
mod local;

pub use crate::wire::local::{Ask, LocalCall, LocalEvent};
pub use alone::Alone;

use super::group::{Applied, Known};
use super::params::Params;
use super::timer::Countdown;
use crate::name::GroupName;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, Direct, Entry, GroupBody, GroupMessage, MemberId, Refusal, Request, RequestId, Way,
};
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
    /// It is a part of its mserver, which it cannot lose.
    pub built_in: bool,
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
    /// Whose, and its number there; nobody's: our own.
    client: Option<(Client, u32)>,
    request: Request,
    again: Countdown,
}

/// What happens to a member interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MiInput<'a> {
    /// Our mserver, or who was one, says something; that it is from that address the caller has checked.
    Message(Box<GroupMessage>),
    /// Time passed: so many ticks, at least one.
    Tick {
        /// Ticks since the last one.
        elapsed: u32,
    },
    /// An application calls.
    Call {
        /// Which application.
        client: Client,
        /// For what.
        call: &'a LocalCall,
    },
    /// An application is gone; its members failed.
    Gone {
        /// Which.
        client: Client,
    },
    /// Leave in good order.
    Stop,
}

/// What a member interface wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MiAction {
    /// Send to our mserver.
    Send(GroupMessage),
    /// Tell an application.
    Tell {
        /// Which.
        client: Client,
        /// What.
        event: LocalEvent,
    },
    /// We belong to a mserver for the first time.
    Ready,
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
}

impl Mi {
    /// A member interface that starts now. The first action is a registration.
    pub fn start(config: MiConfig, out: &mut Vec<MiAction>) -> Mi {
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
        };
        mi.register(out);
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

    /// Who we are.
    pub fn config(&self) -> &MiConfig {
        &self.config
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

    /// One input, all its actions.
    ///
    /// # Errors
    /// The word under which a message is counted that was ignored.
    pub fn step(
        &mut self,
        input: MiInput<'_>,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        match input {
            MiInput::Message(message) => return self.receive(*message, out),
            MiInput::Tick { elapsed } => self.tick(elapsed, out),
            MiInput::Call { client, call } => self.call(client, call, out),
            MiInput::Gone { client } => self.gone(client, out),
            MiInput::Stop => {
                let number = self.number;
                self.tell_server(GroupBody::Unregister { number }, out);
            }
        }
        Ok(())
    }

    /// A call of an application. What becomes of it, [`LocalEvent`]s tell.
    fn call(&mut self, client: Client, call: &LocalCall, out: &mut Vec<MiAction>) {
        let (group, number) = (call.group, call.number);
        let refuse = |refusal| MiAction::Tell {
            client,
            event: LocalEvent::Refused { call: number, group, refusal },
        };
        let under_way =
            self.pending.values().filter(|p| p.client.is_some_and(|(c, _)| c == client));
        let members = self.local.values().filter(|(whose, _)| *whose == client).count();
        let joins = matches!(call.ask, Ask::Join { .. });
        if under_way.count() >= CALLS || (joins && members >= MEMBERS) {
            return out.push(refuse(Refusal::TooMany));
        }
        let call = match call.ask.clone() {
            Ask::Join { mode, tag, qos, patience_ms: _ } => {
                self.members += 1;
                let member = MemberId { mi: self.config.life, number: self.members };
                self.local.insert(member, (client, group));
                let event = LocalEvent::Taken { call: number, member };
                out.push(MiAction::Tell { client, event });
                let roams = self.config.servers.len() > 1;
                Call::Join { mode, member, tag, roams, qos }
            }
            Ask::Leave { member } => match self.local.get(&member) {
                Some((whose, _)) if *whose == client => Call::Leave { member },
                _ => return out.push(refuse(Refusal::NotMember)),
            },
            Ask::Merge { other } => Call::Merge { other },
            Ask::Split { new, members } => Call::Split { new, members },
            Ask::View => Call::View,
            Ask::Alive { .. } => return,
        };
        self.submit(Some((client, number)), group, call, out);
    }

    /// An application is gone: its members failed.
    fn gone(&mut self, client: Client, out: &mut Vec<MiAction>) {
        let mut failed: BTreeMap<GroupName, Vec<MemberId>> = BTreeMap::new();
        for (member, (whose, group)) in &self.local {
            if *whose == client {
                failed.entry(*group).or_default().push(*member);
            }
        }
        self.local.retain(|_, (whose, _)| *whose != client);
        // A join that is still under way must not come to be: the failure follows it in the same order.
        for pending in self.pending.values_mut() {
            pending.client = pending.client.filter(|(whose, _)| *whose != client);
        }
        for (group, members) in failed {
            self.submit(None, group, Call::Fail { members, cut: false }, out);
        }
    }

    fn submit(
        &mut self,
        client: Option<(Client, u32)>,
        group: GroupName,
        call: Call,
        out: &mut Vec<MiAction>,
    ) {
        self.requests += 1;
        let id = RequestId { origin: self.config.life, number: self.requests };
        let oldest = self.pending.keys().next().map_or(id.number, |first| *first);
        let request = Request { id, oldest, group, call, path: Vec::new() };
        let again = Countdown::after(self.config.params.reply);
        self.pending.insert(self.requests, Pending { client, request: request.clone(), again });
        if self.is_registered() {
            self.send(group, GroupBody::Submit { request, way: Way::Search }, out);
        }
    }

    fn receive(
        &mut self,
        message: GroupMessage,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        if message.from.address != self.server() {
            return Err("not-our-mserver");
        }
        match message.body {
            GroupBody::Registered { number } if number == self.number => {
                self.registered(out);
                Ok(())
            }
            GroupBody::Poll { nonce } if self.is_registered() => {
                self.heard();
                self.tell_server(GroupBody::Polled { nonce }, out);
                Ok(())
            }
            GroupBody::Wait { id } => {
                let fresh = Countdown::after(self.config.params.query);
                self.pending_of(id)?.again = fresh;
                Ok(())
            }
            GroupBody::Refused { id, refusal } => {
                self.pending_of(id)?;
                self.refused(id, refusal, out);
                Ok(())
            }
            GroupBody::Direct(direct) => {
                self.heard();
                self.on_direct(direct, out);
                Ok(())
            }
            _ => Err("not-for-an-mi"),
        }
    }

    fn pending_of(&mut self, id: RequestId) -> Result<&mut Pending, &'static str> {
        let ours = id.origin == self.config.life;
        let pending = self.pending.get_mut(&id.number).filter(|_| ours);
        pending.ok_or("answer-not-expected")
    }

    fn refused(&mut self, id: RequestId, refusal: Refusal, out: &mut Vec<MiAction>) {
        let Some(pending) = self.pending.remove(&id.number) else { return };
        if let Call::Join { member, .. } = &pending.request.call {
            self.local.remove(member);
        }
        if let Some((client, call)) = pending.client {
            let event = LocalEvent::Refused { call, group: pending.request.group, refusal };
            out.push(MiAction::Tell { client, event });
        }
    }

    /// A view: applied if it follows, acknowledged in any case, asked for anew if it does not.
    fn on_direct(&mut self, direct: Direct, out: &mut Vec<MiAction>) {
        let (key, name) = (direct.key, direct.key.name);
        self.done(&direct.causes);
        let known = self.groups.entry(name).or_insert_with(|| Known::new(key));
        let before: Vec<MemberId> = known.roster().iter().map(|entry| entry.id).collect();
        match known.apply(&direct) {
            Applied::Gap if self.local.values().any(|(_, group)| *group == name) => {
                let (term, number) = known.at();
                return self.send(name, GroupBody::Missing { key, term, number }, out);
            }
            Applied::Gap => {
                // Nobody here wants it: one that is late, when all have gone.
                self.groups.remove(&name);
                let (term, number, below) = (direct.term, direct.number, 0);
                return self.send(name, GroupBody::Got { key, term, number, below }, out);
            }
            Applied::Old => {}
            Applied::New => self.tell_view(&direct, &before, out),
        }
        let Some(known) = self.groups.get(&name) else { return };
        let below = known.roster().iter().filter(|e| self.local.contains_key(&e.id)).count() as u32;
        let (term, number) = known.at();
        self.send(name, GroupBody::Got { key, term, number, below }, out);
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
    fn tell_view(&mut self, direct: &Direct, before: &[MemberId], out: &mut Vec<MiAction>) {
        let name = direct.key.name;
        let Some(known) = self.groups.get(&name) else { return };
        let mut strangers = Vec::new();
        for (rank, entry) in known.roster().iter().enumerate() {
            match self.local.get(&entry.id) {
                Some((client, _)) => {
                    let first = !before.contains(&entry.id);
                    let event = local::of_view(known, direct, (entry, rank as u32), first);
                    out.push(MiAction::Tell { client: *client, event });
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
                out.push(MiAction::Tell { client, event });
            }
        }
        if !strangers.is_empty() {
            self.submit(None, name, Call::Fail { members: strangers, cut: false }, out);
        }
    }

    fn is_in_or_joining(&self, id: &MemberId) -> bool {
        let joins =
            |p: &Pending| matches!(&p.request.call, Call::Join { member, .. } if member == id);
        let (_, group) = self.local[id];
        let roster = self.groups.get(&group).map(Known::roster).unwrap_or_default();
        roster.iter().any(|entry| entry.id == *id) || self.pending.values().any(joins)
    }

    fn tick(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        match &mut self.phase {
            Phase::Registering { wait, left } => {
                if wait.tick(elapsed) {
                    if *left == 0 {
                        self.server = (self.server + 1) % self.config.servers.len();
                        self.register(out);
                    } else {
                        *left -= 1;
                        *wait = Countdown::after(self.config.params.reply);
                        self.ask_in(out);
                    }
                }
            }
            Phase::Registered { silent } => {
                if silent.tick(elapsed) {
                    self.tell_all(&LocalEvent::ServerLost, out);
                    self.server = (self.server + 1) % self.config.servers.len();
                    self.register(out);
                }
            }
        }
        if self.is_registered() {
            self.resubmit(elapsed, out);
        }
    }

    fn resubmit(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
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
            self.send(group, GroupBody::Submit { request, way: Way::Search }, out);
        }
    }

    /// A registration under a new number: verdicts about earlier ones are void.
    fn register(&mut self, out: &mut Vec<MiAction>) {
        self.number += 1;
        let (reply, left) = (self.config.params.reply, self.config.params.retries);
        self.phase = Phase::Registering { wait: Countdown::after(reply), left };
        self.ask_in(out);
    }

    fn ask_in(&mut self, out: &mut Vec<MiAction>) {
        let number = self.number;
        let roams = self.config.servers.len() > 1;
        self.tell_server(GroupBody::Register { number, roams }, out);
    }

    fn registered(&mut self, out: &mut Vec<MiAction>) {
        if self.is_registered() {
            return self.heard();
        }
        self.heard();
        if self.number == 1 {
            out.push(MiAction::Ready);
        } else {
            self.tell_all(&LocalEvent::ServerFound, out);
        }
        self.state(out);
        // What is under way may have been lost with the mserver before.
        let all: Vec<Request> = self.pending.values().map(|p| p.request.clone()).collect();
        for request in all {
            let group = request.group;
            self.send(group, GroupBody::Submit { request, way: Way::Search }, out);
        }
    }

    /// Says to a new mserver which members are here.
    fn state(&mut self, out: &mut Vec<MiAction>) {
        let path = |entry: &Entry| self.local.contains_key(&entry.id).then(Vec::new);
        let ours = |known: &Known| known.statement(path);
        let statements: Vec<_> = self.groups.values().map(ours).collect();
        for statement in statements.into_iter().filter(|s| !s.members.is_empty()) {
            self.submit(None, statement.key.name, Call::Here(Box::new(statement)), out);
        }
    }

    /// Our mserver is there: it is lost when it has not polled us for a query and all its tries.
    fn heard(&mut self) {
        let params = &self.config.params;
        let tries = params.reply.saturating_mul(params.retries + 1);
        let silent = match self.config.built_in {
            true => Countdown::OFF,
            false => Countdown::after(params.query + tries),
        };
        self.phase = Phase::Registered { silent };
    }

    fn tell_all(&self, event: &LocalEvent, out: &mut Vec<MiAction>) {
        let mut clients: Vec<Client> = self.local.values().map(|(client, _)| *client).collect();
        clients.sort_unstable();
        clients.dedup();
        let tell = |client| MiAction::Tell { client, event: event.clone() };
        out.extend(clients.into_iter().map(tell));
    }

    fn tell_server(&mut self, body: GroupBody, out: &mut Vec<MiAction>) {
        self.send(self.config.lan, body, out);
    }

    fn send(&mut self, name: GroupName, body: GroupBody, out: &mut Vec<MiAction>) {
        out.push(MiAction::Send(GroupMessage { name, from: self.config.life, body }));
    }
}
