//! What a member interface may not do to others, and what it cannot make its mserver do.

use membership::name::{GroupName, Incarnation};
use membership::proto::coreset::Founding;
use membership::proto::group::{Known, Role};
use membership::proto::mserver::{Below, Identity, Mserver, Post, Side};
use membership::proto::params::Profile;
use membership::proto::places::Places;
use membership::proto::step::{Action, Input, Via};
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Entry, GroupBody, GroupKey, GroupMessage, MemberId, Mode, Path, Qos, Request, RequestId,
    Scope, Statement, Way,
};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

fn name(text: &str) -> GroupName {
    text.parse().unwrap()
}

fn mi(n: u8) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, n), 2901);
    Life { address, inc: Incarnation(5) }
}

fn member(n: u8) -> MemberId {
    MemberId { mi: mi(n), number: 1 }
}

/// A mserver that is alone in its set.
fn mserver() -> Mserver {
    let id = Identity {
        own: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 2900),
        inc: Incarnation(100),
        places: Places::new(BTreeMap::new(), 2900),
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        params: Profile::named("lan").unwrap().params(),
    };
    let (set, below) = (name("office"), Below::Lan { name: name("lan"), mi: false });
    let post = Post { set, level: 1, founding: Founding::AtOnce, below };
    Mserver::start(id, &post, None, &mut Vec::new())
}

fn say(mserver: &mut Mserver, n: u8, body: GroupBody) -> Vec<Action> {
    let message = GroupMessage { name: name("db"), from: mi(n), body };
    let bytes = message.encode().unwrap();
    let input = Input::Datagram { via: Via::Own, from: mi(n).address, bytes: &bytes };
    let mut actions = Vec::new();
    mserver.step(input, &mut actions);
    actions
}

fn ask(mserver: &mut Mserver, n: u8, number: u64, call: Call) -> Vec<Action> {
    let id = RequestId { origin: mi(n), number };
    let request = Request {
        id,
        oldest: 1,
        group: name("db"),
        registration: 0,
        reach: Scope::Top,
        call,
        path: Vec::new(),
    };
    say(mserver, n, GroupBody::Submit { request, way: Way::Search })
}

fn wait(mserver: &mut Mserver, ticks: u32) {
    for _ in 0..ticks {
        mserver.step(Input::Tick { elapsed: 1 }, &mut Vec::new());
    }
}

fn roster(mserver: &Mserver) -> Vec<MemberId> {
    let core = [Side::Child, Side::Peer].into_iter().find_map(|side| {
        let record = mserver.groups().registry(side)?.get((name("db"), None))?;
        match &record.role {
            Role::Core { core, .. } => Some(core.roster.iter().map(|entry| entry.id).collect()),
            _ => None,
        }
    });
    core.unwrap_or_default()
}

#[test]
fn a_member_interface_speaks_for_its_own_members_only() {
    let mut mserver = mserver();
    for n in [1, 2] {
        say(&mut mserver, n, GroupBody::Register { number: 1, roams: false });
    }
    let qos = Qos::default();
    let join = Call::Join {
        mode: Mode::Create,
        member: member(1),
        tag: vec![],
        roams: false,
        qos: qos.clone(),
    };
    ask(&mut mserver, 2, 1, join.clone());
    assert_eq!(roster(&mserver), []);
    ask(&mut mserver, 1, 1, join);
    assert_eq!(roster(&mserver), [member(1)]);
    let key =
        GroupKey { name: name("db"), suffix: None, inc: RequestId { origin: mi(1), number: 1 } };
    let entry = Entry {
        id: member(1),
        gid: 0,
        tag: vec![],
        roams: false,
        lost: false,
        registration: 0,
        path: Path::from(vec![]),
    };
    let known = Known::new(key).statement(|_| None);
    let here = Statement { roster: vec![0], members: vec![entry], ..known };
    for (number, call) in [
        (2, Call::Leave { member: member(1) }),
        (3, Call::Fail { members: vec![member(1)], cut: false }),
        (4, Call::Here(Box::new(here))),
    ] {
        ask(&mut mserver, 2, number, call);
    }
    assert_eq!(roster(&mserver), [member(1)]);
    assert_eq!(mserver.status()["counters"]["not-its-own-member"], 4);
    // Views are for those who have members, whoever asks for them.
    let missing = GroupBody::Missing { key, term: 0, number: 0 };
    assert!(!say(&mut mserver, 3, missing).iter().any(|a| matches!(a, Action::Send { .. })));
}

#[test]
fn the_highest_numbers_there_are_stop_nobody() {
    let mut mserver = mserver();
    say(&mut mserver, 1, GroupBody::Register { number: u32::MAX, roams: true });
    let inc = RequestId { origin: mi(1), number: u64::MAX };
    let key = GroupKey { name: name("db"), suffix: None, inc };
    let entry = Entry {
        id: member(1),
        gid: u32::MAX,
        tag: vec![],
        roams: true,
        lost: true,
        registration: 0,
        path: Path::from(vec![]),
    };
    let here = Statement {
        term: u32::MAX,
        number: u32::MAX,
        next_gid: u32::MAX,
        roster: vec![u32::MAX],
        members: vec![entry],
        ..Known::new(key).statement(|_| None)
    };
    ask(&mut mserver, 1, u64::MAX, Call::Here(Box::new(here)));
    let rebuilt = (0..100).any(|_| {
        wait(&mut mserver, 1);
        roster(&mserver) == [member(1)]
    });
    assert!(rebuilt);
    ask(&mut mserver, 1, 1, Call::Leave { member: member(1) });
    wait(&mut mserver, 300);
}
