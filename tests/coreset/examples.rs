//! A core-set message of each body, and of each kind of change, WAIT and request: their datagrams are in
//! tests/decode/coreset.hex, for other implementations to be held against.

// Each test binary that includes this needs others.
#![allow(dead_code)]

use membership::name::{Digest, Gid, Incarnation, ViewNumber};
use membership::wire::coreset::*;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Names, messages, in the order of the file.
pub type Examples = Vec<(String, CoreMessage)>;

/// The datagrams in tests/decode/coreset.hex: `# NAME SOURCE DESTINATION`, and digits on the next line.
pub fn datagrams() -> Vec<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).expect("digits") as u8;
    let bytes =
        |line: &str| line.as_bytes().chunks(2).map(|p| digit(p[0]) << 4 | digit(p[1])).collect();
    let lines = include_str!("../decode/coreset.hex").lines();
    lines.filter(|line| line.starts_with("00")).map(bytes).collect()
}

pub fn address(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 94, 0, n), 2900)
}

pub fn life(n: u8) -> Life {
    Life { address: address(n), inc: Incarnation(784_000_000 + u32::from(n)) }
}

pub fn member(n: u8) -> Member {
    Member { gid: Gid(n.into()), life: life(n) }
}

pub fn name(suffix: Option<u16>) -> SetName {
    SetName { base: "ring".parse().unwrap(), suffix: suffix.map(Gid) }
}

pub fn position(num: u16, k: u64) -> Position {
    Position { num: ViewNumber(num), k, digest: Digest([num as u8; 16]) }
}

pub fn view(num: u16, members: &[u8]) -> View {
    View {
        position: position(num, 0),
        level: 1,
        name: name(None),
        members: members.iter().map(|&n| member(n)).collect(),
        parents: vec![position(num - 1, 3)],
        parent: Some(address(members[0])),
        former: None,
        done: vec![Done { origin: life(1), number: 9 }, Done { origin: life(3), number: 1 }],
    }
}

pub fn change(kind: ChangeKind, key: u64) -> Change {
    let par = match &kind {
        ChangeKind::Merge { views, .. } => views.iter().map(|view| view.position).collect(),
        _ => vec![position(7, 2)],
    };
    let (class, coord) = (kind.class(), life(1));
    let id = ChangeId { round: 1, class, key, crank: 0, coord, seq: 4 };
    Change { id, kind, par, excl: vec![address(5), address(6)] }
}

pub fn kinds() -> Vec<(&'static str, ChangeKind)> {
    vec![
        ("FAIL", ChangeKind::Fail { subjects: vec![address(3)] }),
        ("MULTI_FAIL", ChangeKind::Fail { subjects: vec![address(3), address(2)] }),
        ("LEAVE", ChangeKind::Leave { who: address(2) }),
        ("DEL_PARENT", ChangeKind::DelParent { who: address(2) }),
        ("SPLIT", ChangeKind::Split { side: vec![address(2)], name: name(Some(2)) }),
        ("ADD_PARENT", ChangeKind::AddParent { member: member(4) }),
        ("JOIN", ChangeKind::Join { member: member(4) }),
        ("APPLICATION", ChangeKind::Application { operations: operations() }),
        (
            "MERGE",
            ChangeKind::Merge {
                views: Box::new([view(7, &[1, 2]), view(3, &[8, 9])]),
                gids: vec![Gid(8), Gid(0)],
            },
        ),
        ("RENAME", ChangeKind::Rename),
    ]
}

pub fn operations() -> Vec<Operation> {
    let operation =
        |n, number, bytes: &[u8]| Operation { origin: life(n), number, bytes: bytes.into() };
    vec![operation(1, 10, b"first"), operation(3, 2, b"")]
}

fn waits() -> Vec<(&'static str, Wait)> {
    let [current, floor] = [0, 1].map(|_| change(ChangeKind::Leave { who: address(2) }, 1));
    let id = floor.id;
    vec![
        ("CURRENT", Wait::Current(current)),
        ("FLOOR", Wait::Floor(floor)),
        ("DROPPED", Wait::Dropped(id)),
        ("PREV", Wait::Prev(id)),
        ("NOTICE", Wait::Notice(position(6, 1))),
    ]
}

fn requests() -> Vec<(&'static str, Request)> {
    vec![
        ("JOIN", Request::Join(life(4))),
        ("LEAVE", Request::Leave(life(2))),
        ("SPLIT", Request::Split { side: vec![address(2)], name: name(Some(2)) }),
        ("MERGE", Request::Merge { at: "239.192.0.7:2900".parse().unwrap() }),
        ("ADD_PARENT", Request::AddParent(life(4))),
        ("DEL_PARENT", Request::DelParent),
    ]
}

fn init() -> Body {
    Body::Init {
        view: Box::new(view(7, &[1, 2, 4])),
        prev: Some(Box::new(change(ChangeKind::Join { member: member(4) }, 4))),
        requests: requests().into_iter().map(|(_, request)| request).collect(),
        lost: vec![(address(5), 600), (address(6), 12)],
        registry: Digest([0xEE; 16]),
    }
}

/// A message of member 1 in view 7.
pub fn message(body: Body) -> CoreMessage {
    let view = view(7, &[1, 2, 3]);
    CoreMessage {
        name: view.name,
        from: member(1),
        level: 1,
        position: position(7, 2),
        parents: view.parents,
        prev: Some(change(ChangeKind::Rename, 0).id),
        exclude: vec![Gid(3)],
        body,
    }
}

fn detail() -> StatsDetail {
    StatsDetail {
        view: Some(Box::new(view(7, &[1, 2, 3]))),
        isolated: vec![address(2)],
        counters: vec![("stale".into(), 12), ("stranger".into(), 1)],
    }
}

fn registry_part() -> RegistryPart {
    let bytes = vec![1, 0, 0, 0, 0];
    RegistryPart { position: position(7, 1), exact: true, total: 14, offset: 9, bytes }
}

pub fn examples() -> Examples {
    let leave = || change(ChangeKind::Leave { who: address(2) }, 1);
    let batch = || change(ChangeKind::Application { operations: operations() }, 0);
    let probe = || Box::new(view(7, &[1, 2, 3]));
    let mut bodies = vec![
        ("QUERY".to_string(), Body::Query { nonce: 77, check: None }),
        ("QUERY-CHECK".into(), Body::Query { nonce: 77, check: Some(address(2)) }),
        ("REPLY".into(), Body::Reply { nonce: 77, check: None }),
        ("PROBE".into(), Body::Probe { view: probe(), force: false }),
        ("PROBE-REPLY".into(), Body::ProbeReply { view: probe(), force: true }),
        ("ACK".into(), Body::Ack { id: leave().id, pending: true }),
        ("COMMIT".into(), Body::Commit(leave())),
        ("COMMIT-INITIATE".into(), Body::CommitInitiate(batch(), batch())),
        ("MSG_QUERY".into(), Body::MsgQuery(leave().id)),
        ("COORD_FAIL".into(), Body::CoordFail { change: leave(), active: true, reply: false }),
        ("INIT".into(), init()),
        (
            "ERROR".into(),
            Body::Refused { code: 1, known: Incarnation(784_000_009), why: "is too old".into() },
        ),
        ("FORWARD".into(), Body::Forward(operations())),
        ("STATS_S_REQ".into(), Body::StatsRequest { long: false }),
        ("STATS_L_REQ".into(), Body::StatsRequest { long: true }),
        ("STATS_S".into(), Body::Stats(Stats { size: 3, phase: 1, detail: None })),
        ("STATS_L".into(), Body::Stats(Stats { size: 3, phase: 2, detail: Some(detail()) })),
        ("TAKEN".into(), Body::Taken),
        (
            "SYNC_REQ".into(),
            Body::SyncRequest { wanted: vec![position(7, 2)], resume: Some((position(6, 0), 9)) },
        ),
        ("SYNC".into(), Body::Sync { at: position(7, 2), part: Some(registry_part()) }),
        ("SYNC-NOTHING".into(), Body::Sync { at: position(7, 2), part: None }),
    ];
    let initiates = kinds().into_iter();
    bodies.extend(
        initiates.map(|(name, kind)| (format!("INITIATE-{name}"), Body::Initiate(change(kind, 2)))),
    );
    bodies
        .extend(waits().into_iter().map(|(name, wait)| (format!("WAIT-{name}"), Body::Wait(wait))));
    let asked = requests().into_iter();
    bodies.extend(asked.map(|(name, request)| (format!("REQUEST-{name}"), Body::Request(request))));
    let mut examples: Examples =
        bodies.into_iter().map(|(name, body)| (name, message(body))).collect();
    // A joiner has no gid and no view.
    examples.push((
        "JOINER".into(),
        CoreMessage {
            from: Member { gid: Gid::NONE, life: life(4) },
            position: Position::default(),
            parents: vec![],
            prev: None,
            exclude: vec![],
            ..message(Body::Request(Request::Join(life(4))))
        },
    ));
    examples
}
