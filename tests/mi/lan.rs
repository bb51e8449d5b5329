//! A LAN with one mserver that decides alone, and its member interfaces.

use membership::name::{GroupName, Incarnation};
use membership::proto::group::{Effect, Registry, Role};
use membership::proto::mi::{Alone, Ask, LocalCall, LocalEvent, Mi, MiConfig};
use membership::proto::params::{Params, Profile};
use membership::proto::step::{Action, Input, Via};
use membership::wire::Message;
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Content, Core, Direct, GroupBody, GroupMessage, GroupOp, MemberId, Mode, Reason, Refusal,
    Request, RequestId,
};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

pub fn server(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

pub fn life(n: u8) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, n), 2901);
    Life { address, inc: Incarnation(9) }
}

pub fn member(n: u8, number: u32) -> MemberId {
    MemberId { mi: life(n), number }
}

pub fn name(text: &str) -> GroupName {
    text.parse().unwrap()
}

pub fn params() -> Params {
    Profile::named("lan").unwrap().params()
}

/// Longer than a call waits for a mserver, or a member for its group.
pub fn longest() -> u32 {
    100 * params().reply
}

/// A LAN with one mserver that decides, and its member interfaces.
pub struct Lan {
    pub registry: Registry,
    pub mis: Vec<Alone>,
    pub told: Vec<(u64, LocalEvent)>,
    /// What the MIs said, in their order.
    pub heard: Vec<GroupBody>,
    /// SUBMITs that are lost before one comes through.
    pub lose: u32,
    /// DIRECTs and what is shown are lost.
    pub deaf: bool,
    /// Requests that had their effect.
    pub done: BTreeSet<RequestId>,
    /// Which mserver there is; 0: none.
    pub alive: u8,
    /// What the mserver said lies here, in its order, until somebody delivers it.
    pub held: Option<Vec<(u8, GroupBody)>>,
}

impl Lan {
    pub fn of(n: u8) -> Lan {
        let mut lan = Lan {
            registry: Registry::default(),
            mis: Vec::new(),
            told: Vec::new(),
            heard: Vec::new(),
            lose: 0,
            deaf: false,
            done: BTreeSet::new(),
            alive: 1,
            held: None,
        };
        for n in 1..=n {
            let servers = vec![server(1), server(2)];
            let (life, lan_name, params) = (life(n), name("lan"), params());
            let config = MiConfig { life, lan: lan_name, servers, params, built_in: false };
            let mut actions = Vec::new();
            lan.mis.push(Alone::start(config, &mut actions));
            lan.take(n, actions);
            assert!(lan.mi(n).is_registered());
        }
        lan
    }

    pub fn mi(&self, n: u8) -> &Mi {
        self.mis[usize::from(n) - 1].mi()
    }

    fn take(&mut self, n: u8, actions: Vec<Action>) {
        for action in actions {
            if let Action::Tell { client, event } = action {
                self.told.push((client, event));
                continue;
            }
            let Action::Send { to, bytes } = action else { continue };
            let message = Message::receive(&bytes, false).unwrap();
            let message = GroupMessage::decode(&message).unwrap();
            self.heard.push(message.body.clone());
            if to == server(self.alive) {
                self.answer(n, message);
            }
        }
    }

    fn answer(&mut self, n: u8, message: GroupMessage) {
        match message.body {
            GroupBody::Register { number, .. } => {
                self.say(n, GroupBody::Registered { number });
            }
            GroupBody::Submit { .. } if self.lose > 0 => self.lose -= 1,
            GroupBody::Submit { request, .. } => self.decide(request),
            // Everything is decided at once, so nothing is under way.
            GroupBody::Where { id } => self.say(n, GroupBody::Unheard { id }),
            GroupBody::Missing { key, .. } => {
                let core = self.cores().into_iter().find(|core| core.key == key);
                if let Some(core) = core {
                    self.say(n, GroupBody::Direct(whole(&core)));
                }
            }
            _ => {}
        }
    }

    /// All groups as they are decided.
    pub fn cores(&self) -> Vec<Core> {
        let core = |role: &Role| match role {
            Role::Core { core, .. } => Some((**core).clone()),
            _ => None,
        };
        self.registry.iter().filter_map(|record| core(&record.role)).collect()
    }

    pub fn core(&self, group: &str) -> Core {
        self.cores().into_iter().find(|core| core.key.name == name(group)).unwrap()
    }

    pub fn decide(&mut self, request: Request) {
        if self.answered(&request) {
            return;
        }
        let known = self.registry.get((request.group, None)).is_some_and(|r| !r.is_over());
        let op =
            if known { GroupOp::Call(request.clone()) } else { GroupOp::Create(request.clone()) };
        let mut effects = Vec::new();
        self.registry.apply(op, &mut effects);
        for effect in effects {
            match effect {
                Effect::View { direct, core, .. } => {
                    self.done.extend(&direct.causes);
                    self.view(&direct, &core);
                }
                Effect::Answer { request, outcome: Err(refusal), .. } => {
                    self.say(asker(&request), GroupBody::Refused { id: request.id, refusal });
                }
                Effect::Answer { request, outcome: Ok(()), by_view: false } => {
                    self.done.insert(request.id);
                    self.say(asker(&request), GroupBody::Done { id: request.id });
                }
                // What is not on this LAN is nowhere.
                Effect::Again(request) => {
                    let (id, refusal) = (request.id, Refusal::NotFound);
                    self.say(asker(&request), GroupBody::Refused { id, refusal });
                }
                Effect::Show { request, core } => {
                    let (id, direct) = (request.id, whole(&core));
                    self.say(asker(&request), GroupBody::Shown { id, direct });
                }
                _ => {}
            }
        }
    }

    /// A group remembers what was done in it; what was done in groups that are no more the LAN remembers. A join is
    /// answered with the group that has the member by now.
    fn answered(&mut self, request: &Request) -> bool {
        let (id, cores) = (request.id, self.cores());
        let here = |core: &Core| core.key.name == request.group && core.is_done(id);
        if !self.done.contains(&id) || cores.iter().any(here) {
            return false;
        }
        let joined = |core: &&Core| match request.call {
            Call::Join { member, .. } => core.entry(member).is_some(),
            _ => false,
        };
        let body = match cores.iter().find(joined) {
            Some(core) => GroupBody::Shown { id, direct: whole(core) },
            None => GroupBody::Refused { id, refusal: Refusal::NotMember },
        };
        self.say(asker(request), body);
        true
    }

    fn view(&mut self, direct: &Direct, core: &Core) {
        for n in 1..=self.mis.len() as u8 {
            // Whoever has just its first member has no view that a change could follow on.
            let here = core.roster.iter().filter(|e| e.id.mi == life(n)).count();
            let came = matches!(&direct.content, Content::Delta { came, .. }
                if came.iter().any(|e| e.id.mi == life(n)));
            let content = match here == 1 && came {
                true => core.whole(),
                false => direct.content.clone(),
            };
            self.say(n, GroupBody::Direct(Direct { content, ..direct.clone() }));
        }
    }

    /// The mserver says something to an MI.
    pub fn say(&mut self, n: u8, body: GroupBody) {
        let can_be_lost = matches!(body, GroupBody::Direct(_) | GroupBody::Shown { .. });
        match &mut self.held {
            _ if self.deaf && can_be_lost => {}
            Some(held) => held.push((n, body)),
            None => self.say_from(self.alive, n, body),
        }
    }

    pub fn say_from(&mut self, from: u8, n: u8, body: GroupBody) {
        let from = Life { address: server(from), inc: Incarnation(1) };
        let group = match &body {
            GroupBody::Direct(direct) => direct.key.name,
            _ => name("lan"),
        };
        let bytes = GroupMessage { name: group, from, body }.encode().unwrap();
        self.input(n, Input::Datagram { via: Via::Own, from: from.address, bytes: &bytes });
    }

    pub fn input(&mut self, n: u8, input: Input<'_>) {
        let mut actions = Vec::new();
        // It may be one that is just being made.
        let Some(mi) = self.mis.get_mut(usize::from(n) - 1) else { return };
        mi.step(input, &mut actions);
        self.take(n, actions);
    }

    pub fn call(&mut self, n: u8, client: u64, ask: Ask) {
        self.call_of(n, client, "db", ask);
    }

    pub fn call_of(&mut self, n: u8, client: u64, group: &str, ask: Ask) {
        self.ask(n, client, &LocalCall { number: 1, group: name(group), ask });
    }

    pub fn ask(&mut self, n: u8, client: u64, call: &LocalCall) {
        self.input(n, Input::Call { client, call });
    }

    pub fn join(&mut self, n: u8, client: u64) {
        self.call(n, client, joins(Mode::JoinOrCreate, 0));
    }

    pub fn join_of(&mut self, n: u8, client: u64, group: &str) {
        self.call_of(n, client, group, joins(Mode::JoinOrCreate, 0));
    }

    /// Lets time pass at an MI that is polled all the while.
    pub fn wait(&mut self, n: u8, ticks: u32) {
        for _ in 0..ticks {
            self.say_from(self.alive, n, GroupBody::Poll { nonce: 1 });
            self.input(n, Input::Tick { elapsed: 1 });
        }
    }

    /// What a client was told since the last time, in short.
    pub fn told(&mut self, client: u64) -> Vec<String> {
        let (mine, rest) = self.told.drain(..).partition(|(whose, _)| *whose == client);
        self.told = rest;
        let mine: Vec<(u64, LocalEvent)> = mine;
        mine.iter().filter_map(|(_, event)| short(event)).collect()
    }

    pub fn submits(&self) -> Vec<Request> {
        let submit = |body: &GroupBody| match body {
            GroupBody::Submit { request, .. } => Some(request.clone()),
            _ => None,
        };
        self.heard.iter().filter_map(submit).collect()
    }
}

fn asker(request: &Request) -> u8 {
    request.id.origin.address.ip().octets()[3]
}

pub fn joins(mode: Mode, patience_ms: u32) -> Ask {
    Ask::Join { mode, tag: vec![], qos: Box::default(), patience_ms }
}

pub fn whole(core: &Core) -> Direct {
    Direct {
        key: core.key,
        term: core.term,
        number: core.number,
        digest: core.digest(),
        reason: Reason::Resync,
        causes: vec![],
        content: core.whole(),
    }
}

fn short(event: &LocalEvent) -> Option<String> {
    Some(match event {
        LocalEvent::View { number, size, rank, reason, whole, gone, came, .. } => {
            let how =
                if *whole { "whole".into() } else { format!("-{} +{}", gone.len(), came.len()) };
            format!("view {number} of {size}, rank {rank}, {reason:?}, {how}")
        }
        LocalEvent::Out { reason, .. } => format!("out: {reason:?}"),
        LocalEvent::Refused { refusal, .. } => format!("refused: {refusal:?}"),
        LocalEvent::ServerLost => "mserver lost".into(),
        LocalEvent::ServerFound => "mserver found".into(),
        LocalEvent::Roster { entries, .. } => format!("roster of {}", entries.len()),
        LocalEvent::Done { .. } => "done".into(),
        LocalEvent::Alive { nonce } => format!("alive? {nonce}"),
        LocalEvent::Taken { .. } => return None,
    })
}
