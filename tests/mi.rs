//! The member interface as a pure machine, before a LAN mserver that decides alone: a test a sentence.
//!
//! ```text
//!   application ── call ──> Mi ── SUBMIT ──> Lan: a Registry ── DIRECT ──> all Mis
//! ```

use membership::name::{Digest, GroupName, Incarnation};
use membership::proto::group::{Effect, Registry};
use membership::proto::mi::{Alone, Ask, LocalCall, LocalEvent, Mi, MiConfig};
use membership::proto::params::Profile;
use membership::proto::step::{Action, Input, Via};
use membership::wire::Message;
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Content, Core, Direct, GroupBody, GroupMessage, GroupOp, MemberId, Mode, Qos, Reason,
    Refusal, Request, RequestId, Way, Whole,
};
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddrV4};

fn server(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

fn life(n: u8) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, n), 2901);
    Life { address, inc: Incarnation(9) }
}

fn name(text: &str) -> GroupName {
    text.parse().unwrap()
}

/// A LAN with one mserver that decides, and its member interfaces.
struct Lan {
    registry: Registry,
    mis: Vec<Alone>,
    told: Vec<(u64, LocalEvent)>,
    /// What the MIs said, in their order.
    heard: Vec<GroupBody>,
    /// SUBMITs that are lost before one comes through.
    lose: u32,
    /// DIRECTs that are lost.
    deaf: bool,
}

impl Lan {
    fn of(n: u8) -> Lan {
        let mut lan = Lan {
            registry: Registry::default(),
            mis: Vec::new(),
            told: Vec::new(),
            heard: Vec::new(),
            lose: 0,
            deaf: false,
        };
        for n in 1..=n {
            let params = Profile::named("lan").unwrap().params();
            let servers = vec![server(1), server(2)];
            let (lan_name, built_in) = (name("lan"), false);
            let config = MiConfig { life: life(n), lan: lan_name, servers, params, built_in };
            let mut actions = Vec::new();
            lan.mis.push(Alone::start(config, &mut actions));
            lan.take(n, actions);
            assert!(lan.mi(n).is_registered());
        }
        lan
    }

    fn mi(&self, n: u8) -> &Mi {
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
            if to == server(1) {
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
            GroupBody::Missing { key, .. } => {
                let Some(record) = self.registry.get(key.full_name()) else { return };
                let membership::proto::group::Role::Core { core, .. } = &record.role else {
                    return;
                };
                let whole = Direct {
                    key,
                    term: core.term,
                    number: core.number,
                    digest: core.digest(),
                    reason: Reason::Resync,
                    causes: vec![],
                    content: whole(core),
                };
                self.say(n, GroupBody::Direct(whole));
            }
            _ => {}
        }
    }

    fn decide(&mut self, request: Request) {
        let known = self.registry.get((request.group, None)).is_some();
        let op =
            if known { GroupOp::Call(request.clone()) } else { GroupOp::Create(request.clone()) };
        let mut effects = Vec::new();
        self.registry.apply(op, &mut effects);
        for effect in effects {
            match effect {
                Effect::View { direct, core, .. } if !self.deaf => {
                    for n in 1..=self.mis.len() as u8 {
                        // Whoever has just its first member has no view that a change could follow on.
                        let here = core.roster.iter().filter(|e| e.id.mi == life(n)).count();
                        let came = matches!(&direct.content, Content::Delta { came, .. }
                            if came.iter().any(|e| e.id.mi == life(n)));
                        let content = match here == 1 && came {
                            true => whole(&core),
                            false => direct.content.clone(),
                        };
                        self.say(n, GroupBody::Direct(Direct { content, ..direct.clone() }));
                    }
                }
                Effect::Answer { request, outcome: Err(refusal), .. } => {
                    let n = request.id.origin.address.ip().octets()[3];
                    self.say(n, GroupBody::Refused { id: request.id, refusal });
                }
                _ => {}
            }
        }
    }

    /// The mserver says something to an MI.
    fn say(&mut self, n: u8, body: GroupBody) {
        let from = Life { address: server(1), inc: Incarnation(1) };
        let group = match &body {
            GroupBody::Direct(direct) => direct.key.name,
            _ => name("lan"),
        };
        let bytes = GroupMessage { name: group, from, body }.encode().unwrap();
        self.input(n, Input::Datagram { via: Via::Own, from: server(1), bytes: &bytes });
    }

    fn input(&mut self, n: u8, input: Input<'_>) {
        let mut actions = Vec::new();
        // It may be one that is just being made.
        let Some(mi) = self.mis.get_mut(usize::from(n) - 1) else { return };
        mi.step(input, &mut actions);
        self.take(n, actions);
    }

    fn call(&mut self, n: u8, client: u64, ask: Ask) {
        let call = &LocalCall { number: 1, group: name("db"), ask };
        self.input(n, Input::Call { client, call });
    }

    fn join(&mut self, n: u8, client: u64) {
        let (mode, tag, qos) = (Mode::JoinOrCreate, vec![], Qos::default());
        self.call(n, client, Ask::Join { mode, tag, qos, patience_ms: 0 });
    }

    /// Lets time pass at an MI that is polled all the while.
    fn wait(&mut self, n: u8, ticks: u32) {
        for _ in 0..ticks {
            self.say(n, GroupBody::Poll { nonce: 1 });
            self.input(n, Input::Tick { elapsed: 1 });
        }
    }

    /// What a client was told since the last time, in short.
    fn told(&mut self, client: u64) -> Vec<String> {
        let (mine, rest) = self.told.drain(..).partition(|(whose, _)| *whose == client);
        self.told = rest;
        let mine: Vec<(u64, LocalEvent)> = mine;
        mine.iter().filter_map(|(_, event)| short(event)).collect()
    }
}

fn whole(core: &Core) -> Content {
    let (entries, next_gid, qos) = (core.roster.clone(), core.next_gid, core.qos.clone());
    Content::Whole(Box::new(Whole { entries, next_gid, qos }))
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
        LocalEvent::Taken { .. } | LocalEvent::Alive { .. } => return None,
    })
}

#[test]
fn the_first_view_tells_everybody_and_the_next_ones_what_changed() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    assert_eq!(lan.told(7), ["view 1 of 1, rank 0, Created, whole"]);
    lan.join(2, 8);
    assert_eq!(lan.told(7), ["view 2 of 2, rank 0, Joined, -0 +1"]);
    assert_eq!(lan.told(8), ["view 2 of 2, rank 1, Joined, whole"]);
    let member = MemberId { mi: life(1), number: 1 };
    lan.call(1, 7, Ask::Leave { member });
    assert_eq!(lan.told(7), ["out: Left"]);
    assert_eq!(lan.told(8), ["view 3 of 1, rank 0, Left, -1 +0"]);
    assert!(
        lan.mi(1).known(name("db")).is_none(),
        "nothing is kept of a group without members here"
    );
}

#[test]
fn a_call_that_is_lost_is_sent_again_under_the_same_id_and_has_one_effect() {
    let mut lan = Lan::of(1);
    lan.lose = 2;
    lan.join(1, 7);
    assert_eq!(lan.told(7), [""; 0]);
    lan.wait(1, 10);
    assert_eq!(lan.told(7), ["view 1 of 1, rank 0, Created, whole"]);
    let submits: Vec<RequestId> = lan
        .heard
        .iter()
        .filter_map(|body| match body {
            GroupBody::Submit { request, .. } => Some(request.id),
            _ => None,
        })
        .collect();
    assert_eq!(submits.len(), 3);
    assert!(submits.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_view_that_does_not_follow_is_not_believed_and_the_whole_is_asked_for() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.told(7);
    lan.deaf = true;
    lan.join(2, 8);
    lan.deaf = false;
    lan.join(2, 9);
    assert_eq!(lan.told(7), ["view 3 of 3, rank 0, Resync, whole"]);
}

#[test]
fn a_view_whose_digest_does_not_come_out_is_not_applied() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    let known = lan.mi(1).known(name("db")).unwrap().clone();
    let (term, number) = known.at();
    let content = Content::Delta { gone: vec![], came: vec![] };
    let (key, digest, reason) = (known.key(), Digest([1; 16]), Reason::Joined);
    let forged = Direct { key, term, number: number + 1, digest, reason, causes: vec![], content };
    lan.say(1, GroupBody::Direct(forged));
    assert_eq!(lan.told(7), [""; 0]);
    assert_eq!(lan.mi(1).known(name("db")), Some(&known));
    let asked = lan.heard.iter().any(|body| matches!(body, GroupBody::Missing { .. }));
    assert!(asked, "the whole is asked for");
}

#[test]
fn a_refusal_is_told_once_and_leaves_nothing_behind() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    let (mode, tag, qos) = (Mode::Create, vec![], Qos::default());
    lan.call(2, 8, Ask::Join { mode, tag, qos, patience_ms: 0 });
    lan.wait(2, 30);
    assert_eq!(lan.told(8), ["refused: Exists"]);
}

#[test]
fn whose_application_is_gone_has_failed_for_the_others() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.join(2, 8);
    lan.told(7);
    lan.input(2, Input::Gone { client: 8 });
    assert_eq!(lan.told(7), ["view 3 of 1, rank 0, Failed, -1 +0"]);
}

#[test]
fn a_member_that_the_core_has_and_nobody_here_is_reported_failed() {
    let mut lan = Lan::of(2);
    lan.join(2, 8);
    // An application of MI 1 joined and was gone before the answer came.
    lan.deaf = true;
    lan.join(1, 7);
    lan.lose = 1;
    lan.input(1, Input::Gone { client: 7 });
    lan.deaf = false;
    lan.told(8);
    lan.wait(1, 10);
    lan.wait(2, 10);
    let roster = lan.registry.iter().next().unwrap();
    let membership::proto::group::Role::Core { core, .. } = &roster.role else { panic!() };
    assert_eq!(core.roster.len(), 1, "{core:?}");
}

#[test]
fn an_application_cannot_take_anothers_member_away() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    let member = MemberId { mi: life(1), number: 1 };
    lan.call(1, 8, Ask::Leave { member });
    assert_eq!(lan.told(8), ["refused: NotMember"]);
    assert_eq!(lan.told(7), [""; 0]);
}

#[test]
fn an_mserver_that_is_silent_is_left_for_the_next_with_a_statement_of_what_is_here() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    let params = Profile::named("lan").unwrap().params();
    let silence = params.query + params.reply * (params.retries + 1);
    lan.input(1, Input::Tick { elapsed: silence - 1 });
    assert!(lan.mi(1).is_registered());
    lan.input(1, Input::Tick { elapsed: 1 });
    assert_eq!(lan.told(7), ["mserver lost"]);
    assert_eq!(lan.mi(1).server(), server(2));
    assert_eq!(lan.heard.last(), Some(&GroupBody::Register { number: 2, roams: true }));
    let registered = GroupBody::Registered { number: 2 };
    let from = Life { address: server(2), inc: Incarnation(1) };
    let bytes = GroupMessage { name: name("lan"), from, body: registered }.encode().unwrap();
    lan.input(1, Input::Datagram { via: Via::Own, from: server(2), bytes: &bytes });
    assert_eq!(lan.told(7), ["mserver found"]);
    let Some(GroupBody::Submit { request, .. }) = lan.heard.last() else { panic!() };
    let Call::Here(statement) = &request.call else { panic!("{request:?}") };
    let [stated] = &statement.members[..] else { panic!("{statement:?}") };
    let id = MemberId { mi: life(1), number: 1 };
    assert_eq!((statement.number, stated.entry.id, stated.entry.gid), (1, id, 0));
}

#[test]
fn one_application_cannot_have_calls_without_end_under_way() {
    let mut lan = Lan::of(1);
    lan.lose = u32::MAX;
    for _ in 0..100 {
        lan.call(1, 7, Ask::View);
    }
    assert_eq!(lan.told(7).len(), 36);
    // Others are served all the same.
    lan.lose = 0;
    lan.join(1, 8);
    assert_eq!(lan.told(8), ["view 1 of 1, rank 0, Created, whole"]);
}

fn any_body() -> impl Strategy<Value = GroupBody> {
    let id = (1_u8..5, any::<u64>()).prop_map(|(n, number)| RequestId { origin: life(n), number });
    let request = id.clone().prop_map(|id| Request {
        id,
        oldest: 0,
        group: name("db"),
        call: Call::Leave { member: MemberId { mi: id.origin, number: 1 } },
        path: vec![server(1), server(2)],
    });
    let refusal = (0..Refusal::ALL.len()).prop_map(|place| Refusal::ALL[place]);
    prop_oneof![
        any::<u32>().prop_map(|number| GroupBody::Register { number, roams: true }),
        any::<u32>().prop_map(|number| GroupBody::Registered { number }),
        any::<u16>().prop_map(|nonce| GroupBody::Poll { nonce }),
        any::<u16>().prop_map(|nonce| GroupBody::Polled { nonce }),
        any::<u32>().prop_map(|number| GroupBody::Unregister { number }),
        request.clone().prop_map(|request| GroupBody::Submit { request, way: Way::Raise }),
        id.clone().prop_map(|id| GroupBody::Done { id }),
        id.clone().prop_map(|id| GroupBody::Unheard { id }),
        id.clone().prop_map(|id| GroupBody::Wait { id }),
        id.clone().prop_map(|id| GroupBody::Where { id }),
        (id, refusal).prop_map(|(id, refusal)| GroupBody::Refused { id, refusal }),
        request.prop_map(GroupBody::Grant),
    ]
}

proptest! {
    #[test]
    fn what_is_said_is_heard_to_the_letter_and_nothing_less(body in any_body()) {
        let message = GroupMessage { name: name("db"), from: life(1), body };
        let bytes = message.encode().unwrap();
        let read = Message::receive(&bytes, false).unwrap();
        prop_assert_eq!(GroupMessage::decode(&read), Ok(message));
        for len in 0..read.data.len() {
            let cut = Message { data: &read.data[..len], ..read };
            prop_assert!(GroupMessage::decode(&cut).is_err());
        }
    }

    #[test]
    fn no_datagram_makes_a_member_interface_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut lan = Lan::of(1);
        lan.input(1, Input::Datagram { via: Via::Own, from: server(1), bytes: &bytes });
    }
}
