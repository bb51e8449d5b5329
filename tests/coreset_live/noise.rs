//! Datagrams that mean harm: of strangers, of earlier lives, of other sets and views, damaged or sent again. None changes
//! anything but a counter.

use super::ask::{Operator, named};
use super::set::Set;
use membership::name::{Digest, Gid, Incarnation, ViewNumber};
use membership::wire::coreset::{
    Body, Change, ChangeId, ChangeKind, CoreMessage, Life, Member, Position, Request, View, Wait,
};
use serde_json::Value;
use std::net::SocketAddrV4;

/// What a forger at `me` says, who knows the view to the letter: each kind of message.
fn forgeries(view: &View, me: SocketAddrV4) -> Vec<Body> {
    let coord = Life { address: me, inc: Incarnation(u32::MAX) };
    let victim = view.members[0].life.address;
    let id = |class| ChangeId { round: 9, class, key: 0, crank: 0, coord, seq: 1 };
    let par = vec![view.position];
    let change = |kind: ChangeKind, excl: Vec<SocketAddrV4>| {
        let id = id(kind.class());
        Change { id, kind, par: par.clone(), excl }
    };
    let fail = change(ChangeKind::Fail { subjects: vec![victim] }, vec![victim]);
    let leave = change(ChangeKind::Leave { who: victim }, vec![]);
    let empty = change(ChangeKind::Application { operations: vec![] }, vec![]);
    vec![
        Body::Initiate(fail.clone()),
        Body::Initiate(leave.clone()),
        Body::Initiate(change(ChangeKind::DelParent { who: victim }, vec![])),
        Body::Initiate(change(ChangeKind::Rename, vec![])),
        Body::Initiate(empty.clone()),
        Body::Commit(fail.clone()),
        Body::Commit(leave.clone()),
        Body::CommitInitiate(empty.clone(), empty),
        Body::CoordFail { change: fail.clone(), active: true, reply: false },
        Body::Ack { id: id(0), pending: true },
        Body::MsgQuery(id(0)),
        Body::Wait(Wait::Current(fail)),
        Body::Wait(Wait::Notice(view.position)),
        Body::Query { nonce: 7, check: None },
        Body::Query { nonce: 7, check: Some(victim) },
        Body::Reply { nonce: 7, check: None },
        Body::Forward(vec![]),
        Body::Refused { code: 1, known: Incarnation(u32::MAX), why: "no".into() },
        Body::Init {
            view: Box::new(view.clone()),
            prev: Some(Box::new(leave)),
            requests: vec![Request::DelParent],
            lost: vec![],
            registry: Digest::default(),
        },
    ]
}

fn unchanged(one: &Value, two: &Value) -> bool {
    ["set", "view", "digest", "members", "isolated", "phase"].iter().all(|key| one[key] == two[key])
}

#[test]
fn forged_damaged_and_repeated_messages_change_nothing_but_counters() {
    let set = Set::of(&[11, 12, 13], super::set::CALM);
    let before = set.await_view(&[11, 12, 13]);
    let forger = Operator::new(set.world.ip(200));
    let long = Body::StatsRequest { long: true };
    let answer = forger.ask(set.world.at(11), &set.name, long);
    let Body::Stats(stats) = answer.body else { panic!("{:?}", answer.body) };
    let view = *stats.detail.and_then(|detail| detail.view).expect("a view");
    let other = Position { num: ViewNumber(view.position.num.0 + 1), k: 0, ..view.position };
    let mut sent = 0_u64;
    for host in [11, 12, 13] {
        let to = set.world.at(host);
        for body in forgeries(&view, forger.at()) {
            // As a member, as nobody; in the view, in the next one, in none; of this set, of another.
            for (gid, position, name) in [
                (Gid(0), view.position, set.name.as_str()),
                (Gid(1), other, set.name.as_str()),
                (Gid::NONE, Position::default(), set.name.as_str()),
                (Gid(0), view.position, "another"),
            ] {
                for who in [forger.at(), set.world.at(12)] {
                    let message = CoreMessage {
                        name: named(name),
                        from: Member { gid, life: Life { address: who, inc: Incarnation(1) } },
                        level: 1,
                        position,
                        parents: vec![view.position],
                        prev: None,
                        exclude: vec![Gid(0), Gid(1), Gid(2)],
                        body: body.clone(),
                    };
                    let bytes = message.encode().expect("a sound forgery");
                    forger.send(to, &bytes);
                    forger.send(to, &bytes);
                    let mut damaged = bytes.clone();
                    let place = sent as usize % damaged.len();
                    damaged[place] ^= 0x10;
                    forger.send(to, &damaged);
                    forger.send(to, &bytes[..place]);
                    sent += 4;
                }
            }
        }
    }
    for host in [11, 12, 13] {
        let counted = |status: &Value| {
            let all = status["counters"].as_object()?;
            let of = |word: &str| all.get(word).and_then(Value::as_u64).unwrap_or(0);
            let seen = ["stranger", "address-mismatch", "checksum", "other-set"];
            seen.iter().all(|word| of(word) > 0).then(|| status.clone())
        };
        let after = set.await_status(host, "what was sent is counted", counted);
        assert!(unchanged(&before, &after), "{host}: {before} became {after}");
        assert_eq!(after["counters"].get("isolations"), None, "{after}");
    }
    assert_eq!(set.await_view(&[11, 12, 13])["digest"], before["digest"], "after {sent} datagrams");
}
