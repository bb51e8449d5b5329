//! The member interface: applications on one side, a LAN mserver on the other (thesis II.D, Figures 38, 59 to 61).
//!
//! ```text
//!   application ── call ──> MI ── SUBMIT; MSG_QUERY ... ──> LAN mserver
//!               <─ view ───    <── DIRECT ─────────────────
//!
//!   Registering ── ACK ──> Registered ── no QUERY for too long ──> Registering, at the next mserver
//! ```
//!
//! It knows its own members, the last view of each of their groups, and the calls that are under way. A call is asked
//! about and sent again until it is answered, under the same id, so that it has one effect whatever is lost. A view is applied only
//! if it follows on the last one and its digest comes out; else the whole roster is asked for. A member that the core
//! knows and we do not is reported failed; one that we know and the core does not is told that it is out.
//!
//! * `calls`: what applications ask for, until it is answered or refused;
//! * `views`: what comes down, and where members are afterwards;
//! * `departures`: who left, and why, for people;
//! * `doubt`: what is done when a view is missed that should have come;
//! * `register`: belonging to a mserver, and to the next one when it is silent;
//! * `estate`: what it leaves to the process that follows it in its life;
//! * `session`: applications, and what they have;
//! * `watch`: whether they are there.
//!
//! [`Mi`] is the machine: messages in, messages out. It runs behind sockets of its own ([`Alone`]), or inside a mserver,
//! which calls it.

mod alone;
mod calls;
mod departures;
mod doubt;
mod estate;
mod local;
mod register;
mod session;
mod views;
mod watch;

pub use crate::wire::local::{Ask, LocalCall, LocalEvent};
pub use alone::Alone;

use super::group::Known;
use super::params::Params;
use super::timer::Countdown;
use crate::name::GroupName;
use crate::wire::coreset::Life;
use crate::wire::group::{GroupBody, GroupKey, GroupMessage, MemberId, Request, RequestId};
use departures::Departures;
use doubt::{Astray, Doubt};
use register::Phase;
use serde_json::Value;
use session::{Local, Session};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

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

/// A call that is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pending {
    /// Whose, and its number there; nobody's: our own, or of one who is gone.
    client: Option<(Client, u32)>,
    request: Request,
    /// Until it is asked about, or sent again.
    again: Countdown,
    /// How often it was asked about since somebody said anything of it.
    asked: u32,
    /// For a mserver to be found; off: for ever.
    unreached: Countdown,
    /// It has been sent: the core may know it.
    sent: bool,
}

/// A group with members of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Group {
    known: Known,
    doubt: Doubt,
}

/// What happens to a member interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MiInput<'a> {
    /// Our mserver, or who was one, says something; that it is from that address the caller has checked.
    Message(Box<GroupMessage>),
    /// Our mserver says something to all member interfaces of its LAN; a view may be of a group that is none of ours.
    Overheard(Box<GroupMessage>),
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
    /// Counts registrations.
    number: u32,
    phase: Phase,
    /// We belonged to a mserver before.
    was_ready: bool,
    /// Another process of this life did, and we not yet.
    taken_over: bool,
    /// Ticks since we belong to none any more.
    cut_off: u32,
    requests: u64,
    members: u32,
    /// Our members, by their numbers.
    local: BTreeMap<u32, Local>,
    sessions: BTreeMap<Client, Session>,
    /// The groups that at least one of our members is in, by incarnation.
    groups: BTreeMap<RequestId, Group>,
    /// Groups that we had members in, and the last view then: what is not newer is late.
    past: VecDeque<(RequestId, (u32, u32))>,
    /// Groups whose whole roster was asked for a short time ago.
    asked: BTreeMap<RequestId, Countdown>,
    astray: BTreeMap<u32, Astray>,
    /// Groups that have members of ours as theirs which are in others, by incarnation.
    claims: BTreeMap<RequestId, (GroupName, Vec<MemberId>)>,
    pending: BTreeMap<u64, Pending>,
    departures: Departures,
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
            was_ready: false,
            taken_over: false,
            cut_off: 0,
            requests: 0,
            members: 0,
            local: BTreeMap::new(),
            sessions: BTreeMap::new(),
            groups: BTreeMap::new(),
            past: VecDeque::new(),
            asked: BTreeMap::new(),
            astray: BTreeMap::new(),
            claims: BTreeMap::new(),
            pending: BTreeMap::new(),
            departures: Departures::default(),
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

    /// The last view of a group that we have members in, by its full name.
    pub fn known(&self, group: GroupName) -> Option<&Known> {
        let mut all = self.groups.values().map(|group| &group.known);
        all.find(|known| name_of(&known.key()) == group)
    }

    /// The last view of each group that we have members in.
    pub fn groups(&self) -> impl Iterator<Item = &Known> {
        self.groups.values().map(|group| &group.known)
    }

    /// The application whose member that is, if it is one of ours.
    pub fn owner(&self, member: &MemberId) -> Option<Client> {
        let local = self.local.get(&member.number)?;
        (member.mi == self.config.life).then_some(local.client)
    }

    /// Who left a group that we have members in, as far as is remembered: an object with `events`. `who`: one member, by
    /// its gid, its tag or the address of its member interface.
    pub fn why(&self, group: &str, who: Option<&str>) -> Value {
        self.departures.about(group, who)
    }

    /// How many members of others and ours left groups that we had members in, by reason.
    pub fn departures(&self) -> Value {
        self.departures.counted()
    }

    /// Who we are.
    pub fn config(&self) -> &MiConfig {
        &self.config
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        let watches = self.sessions.values().map(|session| session.watch.due());
        let registered = self.is_registered();
        let calls = self.pending.values().map(|pending| match registered {
            true => pending.again.left(),
            false => pending.unreached.left(),
        });
        let doubts = self.doubts_due().filter(|_| registered);
        let all = watches.chain(calls).chain(doubts).chain(self.ends_due());
        let all = all.chain([self.phase.left()]);
        all.filter(|&left| left > 0).min().unwrap_or(u32::MAX)
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
            MiInput::Overheard(message) => {
                if self.is_unconcerned(&message.body) {
                    return Err("not-concerned");
                }
                return self.receive(*message, out);
            }
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

    fn receive(
        &mut self,
        message: GroupMessage,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        if message.from.address != self.server() {
            if let GroupBody::Direct(direct) = &message.body {
                self.correct(&direct.key, out);
            }
            return Err("not-our-mserver");
        }
        if let GroupBody::Registered { number } = message.body {
            return self.registered(number, out);
        }
        // Whatever was under way before is asked for again when we belong to it.
        if !self.is_registered() {
            return Err("not-registered");
        }
        match message.body {
            GroupBody::Poll { nonce } => {
                self.heard();
                self.tell_server(GroupBody::Polled { nonce }, out);
                Ok(())
            }
            GroupBody::Wait { id } => self.wait(id),
            GroupBody::Refused { id, refusal } => self.refused(id, refusal, out),
            GroupBody::Shown { id, direct } => self.shown(id, direct, out),
            GroupBody::Done { id } => self.done(id, out),
            GroupBody::Unheard { id } => self.unheard(id, out),
            GroupBody::Unregister { number } => self.dismissed(number, out),
            GroupBody::Direct(direct) => {
                self.heard();
                self.direct(direct, out);
                Ok(())
            }
            _ => Err("not-for-an-mi"),
        }
    }

    fn tick(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        self.departures.tick(elapsed);
        let was_registered = self.is_registered();
        self.tick_phase(elapsed, out);
        // What is called for in this turn has not waited yet.
        if self.is_registered() {
            self.resubmit(elapsed, out);
            self.tick_asked(elapsed);
            self.tick_doubts(elapsed, out);
        } else {
            self.give_up(elapsed, out);
            if !was_registered {
                self.tick_cut_off(elapsed, out);
            }
        }
        self.tick_watches(elapsed, out);
    }

    /// One of our members, as others know it.
    fn id_of(&self, member: u32) -> MemberId {
        MemberId { mi: self.config.life, number: member }
    }

    fn tell(&self, client: Client, event: LocalEvent, out: &mut Vec<MiAction>) {
        out.push(MiAction::Tell { client, event });
    }

    fn tell_server(&self, body: GroupBody, out: &mut Vec<MiAction>) {
        self.send(self.config.lan, body, out);
    }

    fn send(&self, name: GroupName, body: GroupBody, out: &mut Vec<MiAction>) {
        out.push(MiAction::Send(GroupMessage { name, from: self.config.life, body }));
    }

    /// How long a mserver goes on repeating what was not acknowledged.
    fn tries(&self) -> u32 {
        self.config.params.reply.saturating_mul(self.config.params.retries + 1)
    }

    /// T_CREATE: what takes longer than that has come to nothing.
    fn longest(&self) -> u32 {
        self.config.params.reply.saturating_mul(100)
    }
}

/// What requests call a group: its full name, or the one that it was given if that is too long.
fn name_of(key: &GroupKey) -> GroupName {
    key.called()
}
