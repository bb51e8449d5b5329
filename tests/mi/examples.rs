//! A message about groups of each kind, and the file that has their bytes, for other implementations to be held against.

use crate::lan::{life, name, server};
use membership::name::{Digest, Incarnation};
use membership::wire::Message;
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Content, Direct, Entry, Fact, GROUP_BODIES, Gossip, GroupBody, GroupKey, GroupMessage,
    MemberId, Mode, Order, Presence, Qos, Reason, Refusal, Request, RequestId, Scope, Statement,
    Want, Way, Whole,
};
use std::collections::BTreeSet;
use std::fmt::Write;

fn member(n: u8) -> MemberId {
    MemberId { mi: life(n), number: 1 }
}

fn entry(n: u8, tag: &[u8]) -> Entry {
    let (id, tag, path) = (member(n), tag.to_vec(), vec![server(1), server(2)]);
    Entry {
        id,
        gid: n.into(),
        tag,
        roams: n == 1,
        lost: n == 2,
        registration: 0,
        path: path.into(),
    }
}

fn direct(suffix: Option<u32>, content: Content) -> Direct {
    let key = GroupKey { name: name("db"), suffix, inc: id(1) };
    let (digest, reason, causes) = (Digest([7; 16]), Reason::Joined, vec![id(2)]);
    Direct { key, term: 1, number: 2, digest, reason, causes, content }
}

fn id(number: u64) -> RequestId {
    RequestId { origin: life(1), number }
}

fn submit(call: Call) -> GroupBody {
    let (id, group, path) = (id(3), name("db"), vec![server(1)]);
    let request =
        Request { id, oldest: 1, group, registration: 3, reach: Scope::Level(2), call, path };
    GroupBody::Submit { request, way: Way::Search }
}

/// What the messages are called, who sends them, and what they say.
fn examples() -> Vec<(&'static str, Life, GroupBody)> {
    let (mi, mserver) = (life(1), Life { address: server(1), inc: Incarnation(5) });
    let key = GroupKey { name: name("db"), suffix: None, inc: id(1) };
    let qos = Qos {
        order: Order::Weak,
        survive: "majority".into(),
        name_scope: Scope::Level(2),
        membership_scope: Scope::Set(name("nps")),
        ..Qos::default()
    };
    let mode = Mode::Create;
    let members = vec![Entry { path: vec![].into(), ..entry(1, b"") }];
    let (digest, survive) = (Digest([7; 16]), Qos::default());
    let statement = Statement {
        key,
        term: 1,
        number: 2,
        digest,
        next_gid: 3,
        qos: survive,
        roster: vec![1, 2],
        members,
    };
    let tag = b"role=\x1b".to_vec();
    let join = Call::Join { mode, member: member(1), tag, roams: true, qos: qos.clone() };
    let request = Request {
        id: id(1),
        oldest: 1,
        group: name("db"),
        registration: 3,
        reach: Scope::Top,
        call: join.clone(),
        path: vec![],
    };
    let delta = Content::Delta { gone: vec![3, 4], came: vec![entry(1, b"role=db")] };
    let whole = Content::Whole(Box::new(Whole {
        entries: vec![entry(1, b""), entry(2, b"x")],
        next_gid: 3,
        qos,
    }));
    let fail = Call::Fail { members: vec![member(1), member(2)], cut: true };
    vec![
        ("REGISTER", mi, GroupBody::Register { number: 2, roams: true }),
        ("REGISTERED", mserver, GroupBody::Registered { number: 2 }),
        ("POLL", mserver, GroupBody::Poll { nonce: 77 }),
        ("POLLED", mi, GroupBody::Polled { nonce: 77 }),
        ("UNREGISTER", mi, GroupBody::Unregister { number: 2 }),
        ("SUBMIT-JOIN", mi, submit(join)),
        ("SUBMIT-LEAVE", mi, submit(Call::Leave { member: member(1) })),
        ("SUBMIT-FAIL", mi, submit(fail)),
        ("SUBMIT-MERGE", mi, submit(Call::Merge { other: name("web") })),
        ("SUBMIT-SPLIT", mi, submit(Call::Split { new: name("web"), members: vec![1, 2] })),
        ("SUBMIT-VIEW", mi, submit(Call::View)),
        ("SUBMIT-HERE", mi, submit(Call::Here(Box::new(statement)))),
        ("WAIT", mserver, GroupBody::Wait { id: id(1) }),
        ("WHERE", mi, GroupBody::Where { id: id(1) }),
        ("REFUSED", mserver, GroupBody::Refused { id: id(1), refusal: Refusal::NotFound }),
        ("DIRECT", mserver, GroupBody::Direct(direct(None, delta))),
        ("DIRECT-WHOLE", mserver, GroupBody::Direct(direct(Some(3), whole.clone()))),
        ("GOT", mi, GroupBody::Got { key, term: 1, number: 2, below: 1 }),
        ("MISSING", mi, GroupBody::Missing { key, term: 1, number: 2 }),
        ("GRANT", mserver, GroupBody::Grant(request)),
        ("SHOWN", mserver, GroupBody::Shown { id: id(9), direct: direct(None, whole) }),
        ("DONE", mserver, GroupBody::Done { id: id(1) }),
        ("UNHEARD", mserver, GroupBody::Unheard { id: id(1) }),
        ("GOSSIP", mserver, GroupBody::Gossip(gossip(key))),
    ]
}

/// One who is there, and one who left.
fn gossip(key: GroupKey) -> Gossip {
    let member = |number| MemberId { mi: life(1), number };
    let live = Presence {
        epoch: 3 << 32 | 1,
        tag: b"x".to_vec(),
        roams: true,
        path: vec![server(1)].into(),
    };
    let (gone, cut) = (3 << 32, true);
    let there = Fact { id: member(1), gone, cut, since: 0, gid: 7, live: Some(live) };
    let left = Fact { id: member(2), gone: Fact::LEFT, cut: false, since: 1, gid: 8, live: None };
    Gossip {
        key,
        term: 1,
        number: 2,
        digest: Digest([7; 16]),
        wants: Want::Digest,
        facts: vec![there, left],
    }
}

#[test]
fn the_examples_are_sent_as_the_file_has_them() {
    let about =
        "# A message about groups of each kind, as ms sends it; `ms decode` says what they mean.";
    let mut found = format!("{about}\n\n");
    let mut codes = BTreeSet::new();
    for (called, from, body) in examples() {
        codes.insert(body.code());
        let message = GroupMessage { name: name("db"), from, body };
        let datagram = message.encode().unwrap();
        let read = Message::receive(&datagram, false).unwrap();
        assert_eq!(GroupMessage::decode(&read), Ok(message), "{called}");
        let to = if from == life(1) { server(1) } else { life(1).address };
        writeln!(found, "# {called} {} {to}", from.address).unwrap();
        datagram.iter().for_each(|byte| write!(found, "{byte:02x}").unwrap());
        found.push('\n');
    }
    assert_eq!(codes.len(), GROUP_BODIES.len(), "every body");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decode/group.hex");
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, expected, "{path} differs; REWRITE=1 accepts, and breaks all who speak it");
}
