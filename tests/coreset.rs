//! The bytes of core-set messages: every message comes back as it was, and nothing else is believed.

#[path = "coreset/examples.rs"]
mod examples;
#[path = "coreset/strategies.rs"]
mod strategies;

use examples::{address, change, examples, life, member, message, operations, position, view};
use membership::name::{Gid, Rank, ViewNumber};
use membership::wire::coreset::*;
use membership::wire::{Draft, Header, Kind, Message, Sum, TABLE, WireError};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;

fn decode(datagram: &[u8]) -> Result<CoreMessage, WireError> {
    CoreMessage::decode(&Message::receive(datagram, false)?)
}

/// A datagram with something done to it: what comes of it.
fn altered(
    message: &CoreMessage,
    header: impl Fn(&mut Header),
    data: impl Fn(&mut Vec<u8>),
) -> Result<CoreMessage, WireError> {
    let datagram = message.encode().unwrap();
    let read = Message::decode(&datagram).unwrap();
    let (mut head, mut bytes) = (read.header, read.data.to_vec());
    header(&mut head);
    data(&mut bytes);
    let exclude: Vec<Gid> = read.exclude.iter().collect();
    let draft = Draft { header: head, exclude: &exclude, subjects: &[], data: &bytes };
    decode(&draft.to_vec(Sum::Crc).unwrap())
}

#[test]
fn the_examples_are_sent_as_the_file_has_them() {
    let mut found =
        "# A core-set message of each kind, as ms sends it; `ms decode` says what they mean.\n\n"
            .to_string();
    for (name, message) in examples() {
        let datagram = message.encode_in(&view(7, &[1, 2, 3])).unwrap();
        writeln!(found, "# {name} 10.94.0.1:2900 239.192.0.7:2900").unwrap();
        datagram.iter().for_each(|byte| write!(found, "{byte:02x}").unwrap());
        found.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decode/coreset.hex");
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, expected, "{path} differs; REWRITE=1 accepts, and breaks all who speak it");
}

#[test]
fn the_file_is_understood_and_has_every_variant() {
    let (examples, datagrams) = (examples(), examples::datagrams());
    assert_eq!(examples.len(), datagrams.len());
    let (mut bodies, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for ((name, message), datagram) in examples.into_iter().zip(datagrams) {
        bodies.insert(message.body.code());
        kinds.insert(message.body.kind());
        assert_eq!(decode(&datagram), Ok(message), "{name}");
    }
    assert_eq!(bodies.len(), BODIES.len());
    // All of the table's messages between mservers.
    let known = TABLE.iter().filter(|row| row.code < 40);
    let known: BTreeSet<Kind> = known.map(|row| row.kind).collect();
    assert!(kinds.is_superset(&known), "{:?}", known.difference(&kinds));
    assert!(kinds.is_superset(&[Kind::Application, Kind::Forward, Kind::Error].into()));
}

#[test]
fn a_message_type_that_is_not_the_bodys_is_refused() {
    for (name, message) in examples() {
        for row in TABLE.iter().filter(|row| row.kind != message.body.kind()) {
            let found = altered(&message, |header| header.code = row.code, |_| {});
            assert_eq!(found, Err(WireError::Payload("type: of another body")), "{name}");
        }
    }
}

#[test]
fn every_truncation_is_refused_and_fields_of_later_versions_are_ignored() {
    for (name, message) in examples() {
        let len = Message::decode(&message.encode().unwrap()).unwrap().data.len();
        for len in 0..len {
            let found = altered(&message, |_| {}, |data| data.truncate(len));
            assert!(matches!(found, Err(WireError::Payload(_))), "{name}, {len}: {found:?}");
        }
        let later = |data: &mut Vec<u8>| {
            data[1] = PAYLOAD_VERSION + 1;
            data[3] |= 0xE0;
            data.extend(b"more");
        };
        assert_eq!(altered(&message, |_| {}, later).as_ref(), Ok(&message), "{name}");
    }
}

#[test]
fn what_is_no_payload_of_a_core_set_is_refused_by_a_word() {
    let query = message(Body::Query { nonce: 1, check: None });
    let refused = |at: usize, value: u8, word: &'static str| {
        let found = altered(&query, |_| {}, |data| data[at] = value);
        assert_eq!(found, Err(WireError::Payload(word)));
    };
    refused(0, 4, "kind: not of a core-set");
    refused(1, 0, "version: 0");
    refused(2, 20, "body: unknown");
    refused(43, 3, "parents: more than two");
    refused(97, 2, "count: more than one");
    let found = altered(&query, |header| header.view += 1, |_| {});
    assert_eq!(found, Err(WireError::Payload("position: not of the view in the header")));
    let original = Header::new("ring".parse().unwrap(), Kind::Query);
    let datagram = Draft::bare(original).to_vec(Sum::Crc).unwrap();
    assert_eq!(decode(&datagram), Err(WireError::Payload("kind: not of a core-set")));
}

/// What breaks a rule, and the word for it.
type Breach = (fn(&mut View), &'static str);

const BREACHES: &[Breach] = &[
    (|v| v.members.clear(), "view: no members"),
    (|v| v.members[1].gid = Gid::NONE, "view: a member without a gid"),
    (|v| v.members[1].gid = v.members[0].gid, "view: a gid twice"),
    (|v| v.members[1].life.address = address(1), "view: an address twice"),
    (|v| v.parents = vec![position(1, 0); 3], "view: more than two parents"),
    (|v| v.parent = Some(address(99)), "view: parent is no member"),
    (|v| v.former = Some(address(99)), "view: parent and former parent"),
    (|v| v.name.suffix = Some(Gid::NONE), "name: suffix"),
    (|v| v.done.reverse(), "done: not in order"),
    (|v| v.done[1] = v.done[0], "done: not in order"),
    (|v| v.members.extend((0..248).map(|n| numbered(n + 1000))), "view: too many members"),
    (
        |v| v.done = (0..4097).map(|n| Done { origin: numbered(n).life, number: 1 }).collect(),
        "done: too many",
    ),
];

fn numbered(n: u16) -> Member {
    let address = std::net::SocketAddrV4::new(u32::from(n).into(), 2900);
    Member { gid: Gid(n), life: Life { address, ..life(1) } }
}

#[test]
fn a_view_that_breaks_a_rule_is_not_sent() {
    for (breach, word) in BREACHES {
        let mut bad = view(7, &[1, 2, 3]);
        breach(&mut bad);
        let body = Body::Probe { view: Box::new(bad), force: false };
        assert_eq!(message(body).encode(), Err(WireError::Payload(word)));
    }
}

fn refused_change(kind: ChangeKind, breach: impl Fn(&mut Change), word: &'static str) {
    let mut bad = change(kind, 0);
    breach(&mut bad);
    let refused = Err(WireError::Payload(word));
    assert_eq!(message(Body::Commit(bad)).encode(), refused);
}

#[test]
fn a_change_that_breaks_a_rule_is_not_sent() {
    let none = |_: &mut Change| {};
    let rename = || ChangeKind::Rename;
    refused_change(rename(), |c| c.id.class = 7, "change: class of another kind");
    let number = "change: number of views it applies to";
    refused_change(rename(), |c| c.par.clear(), number);
    refused_change(rename(), |c| c.par.push(position(7, 2)), number);
    refused_change(rename(), |c| c.excl.reverse(), "excl: not in order");
    refused_change(rename(), |c| c.excl.push(address(6)), "excl: not in order");
    let many: Vec<_> = (0..251).map(|n| numbered(n).life.address).collect();
    refused_change(rename(), |c| c.excl = many.clone(), "excl: too many");
    refused_change(ChangeKind::Fail { subjects: vec![] }, none, "subjects: none");
    refused_change(ChangeKind::Fail { subjects: many.clone() }, none, "subjects: too many");
    let subjects = vec![address(1), address(2), address(1)];
    refused_change(ChangeKind::Fail { subjects }, none, "subjects: one twice");
    let name = examples::name(None);
    refused_change(ChangeKind::Split { side: vec![], name }, none, "subjects: none");
    let joiner = Member { gid: Gid::NONE, ..member(4) };
    refused_change(ChangeKind::Join { member: joiner }, none, "change: a joiner without a gid");
    let mut operations = operations();
    operations[1].number = 0;
    let numbered = Err(WireError::Payload("operation: number 0"));
    assert_eq!(message(Body::Forward(operations)).encode(), numbered);
}

#[test]
fn a_part_of_a_registry_lies_within_it() {
    let part = |total, offset, bytes| {
        let (position, exact) = (position(7, 2), true);
        let part = Some(RegistryPart { position, exact, total, offset, bytes });
        message(Body::Sync { at: position, part }).encode().map(|_| ())
    };
    let refused = |word| Err(WireError::Payload(word));
    assert_eq!(part(0, 0, vec![]), Ok(()));
    assert_eq!(part(9, 6, vec![0; 3]), Ok(()));
    assert_eq!(part(9, 7, vec![0; 3]), refused("sync: beyond the end"));
    assert_eq!(part(9, u32::MAX, vec![0; 3]), refused("sync: beyond the end"));
    assert_eq!(part(9, 9, vec![]), refused("sync: an empty part"));
    let wanted = vec![position(7, 2); 17];
    let many = message(Body::SyncRequest { wanted, resume: None }).encode().map(|_| ());
    assert_eq!(many, refused("sync: too many positions"));
}

#[test]
fn a_merge_whose_result_would_be_no_view_is_not_sent() {
    let refused = |first: View, second: View, gids: &[u16], word| {
        let gids = gids.iter().copied().map(Gid).collect();
        let kind = ChangeKind::Merge { views: Box::new([first, second]), gids };
        refused_change(kind, |_| {}, word);
    };
    let (ours, theirs) = (|| view(7, &[1, 2]), || view(3, &[8, 9]));
    refused(ours(), theirs(), &[8], "merge: number of gids");
    refused(ours(), theirs(), &[8, 1], "view: a gid twice");
    refused(ours(), theirs(), &[8, 0xFFFF], "view: a member without a gid");
    refused(ours(), view(3, &[8, 2]), &[8, 9], "view: an address twice");
    let mut large = theirs();
    large.members = (1000..1249).map(numbered).collect();
    large.parent = None;
    let gids: Vec<u16> = (1000..1249).collect();
    refused(ours(), large, &gids, "view: too many members");
    let kind =
        ChangeKind::Merge { views: Box::new([ours(), theirs()]), gids: vec![Gid(8), Gid(9)] };
    refused_change(kind, |c| c.par.swap(0, 1), "merge: views it does not apply to");
}

#[test]
fn lists_of_a_message_have_their_limits() {
    let query = || message(Body::Query { nonce: 1, check: None });
    let refused = |message: CoreMessage, word| {
        assert_eq!(message.encode(), Err(WireError::Payload(word)));
    };
    refused(CoreMessage { parents: vec![position(1, 0); 3], ..query() }, "parents: more than two");
    let gids = |gids: &[u16]| gids.iter().copied().map(Gid).collect::<Vec<_>>();
    refused(CoreMessage { exclude: gids(&[2, 1, 2]), ..query() }, "exclude: a gid twice");
    refused(CoreMessage { exclude: gids(&[2, 0xFFFF]), ..query() }, "exclude: no gid");
    let many: Vec<u16> = (0..251).collect();
    refused(CoreMessage { exclude: gids(&many), ..query() }, "exclude: too many");
    let why = "x".repeat(256);
    refused(message(Body::Refused { code: 1, known: life(1).inc, why }), "why: too long");
    let init = |requests, lost| {
        let registry = Default::default();
        let view = Box::new(view(7, &[1]));
        message(Body::Init { view, prev: None, requests, lost, registry })
    };
    refused(init(vec![Request::DelParent; 1025], vec![]), "requests: too many");
    refused(init(vec![], vec![(address(1), 1); 1025]), "lost: too many");
    let full = init(vec![Request::DelParent; 1024], vec![(address(1), 1); 1024]);
    assert_eq!(decode(&full.encode().unwrap()), Ok(full));
    let operation = Operation { bytes: vec![0; 1 << 20], ..operations().remove(0) };
    let huge = message(Body::Forward(vec![operation]));
    assert!(matches!(huge.encode(), Err(WireError::Oversized { .. })));
}

#[test]
fn a_count_that_promises_more_than_is_there_is_refused() {
    let forward = message(Body::Forward(operations()));
    let len = Message::decode(&forward.encode().unwrap()).unwrap().data.len();
    // The count of the operations lies right before them: 22 bytes each, and five of text.
    let at = len - 2 * 22 - 5 - 4;
    let found = altered(&forward, |_| {}, |data| data[at..at + 4].fill(0xFF));
    assert_eq!(found, Err(WireError::Payload("length: ends too early")));
}

#[test]
fn what_is_not_sent_is_not_believed_either() {
    let replaced = |message: &CoreMessage, one: &[u8], other: &[u8], word| {
        let replace = |data: &mut Vec<u8>| {
            let at = data.windows(one.len()).position(|found| found == one).unwrap();
            data[at..at + one.len()].copy_from_slice(other);
        };
        assert_eq!(altered(message, |_| {}, replace), Err(WireError::Payload(word)));
    };
    let commit = message(Body::Commit(change(ChangeKind::Rename, 0)));
    replaced(&commit, &[10, 94, 0, 6], &[10, 94, 0, 4], "excl: not in order");
    let probe = message(Body::Probe { view: Box::new(view(7, &[1, 2, 3])), force: false });
    replaced(&probe, &[0, 2, 10, 94, 0, 2], &[0, 3, 10, 94, 0, 2], "view: a gid twice");
    replaced(&probe, &[0, 2, 10, 94, 0, 2], &[0, 2, 10, 94, 0, 3], "view: an address twice");
}

#[test]
fn the_classical_header_repeats_what_it_can() {
    let read = |body, in_view| {
        let message = message(body);
        let view = view(7, &[1, 2, 3]);
        let datagram = if in_view { message.encode_in(&view) } else { message.encode() }.unwrap();
        let read = Message::decode(&datagram).unwrap();
        assert_eq!((read.header.view, read.header.sender), (7, Gid(1)));
        assert_eq!(read.exclude.iter().collect::<Vec<_>>(), [Gid(3)]);
        (read.header, read.subjects.iter().collect::<Vec<_>>())
    };
    let leave = || Body::Initiate(change(ChangeKind::Leave { who: address(2) }, 1));
    let (header, list) = read(leave(), true);
    assert_eq!(header.kind(), Some(Kind::MLeave));
    assert_eq!((header.subject, header.subject_rank), (Gid(2), Rank(1)));
    assert_eq!((header.subject_addr, list), (*address(2).ip(), vec![]));
    assert_eq!(read(leave(), false).0.subject, Gid::NONE);
    let (header, _) = read(Body::Commit(change(ChangeKind::Join { member: member(4) }, 4)), false);
    assert_eq!((header.kind(), header.subject), (Some(Kind::Commit), Gid(4)));
    let subjects = vec![address(2), address(9), address(3)];
    let (header, list) = read(Body::Initiate(change(ChangeKind::Fail { subjects }, 1)), true);
    assert_eq!(header.kind(), Some(Kind::MMultiFail));
    assert_eq!((header.subject, list), (Gid(0), vec![Gid(2), Gid(3)]));
    let (header, list) = read(Body::Initiate(change(ChangeKind::Rename, 0)), true);
    assert_eq!((header.kind(), list), (Some(Kind::MSplit), vec![]));
}

#[test]
fn a_joiner_without_a_view_is_understood() {
    let (_, joiner) = examples().pop().unwrap();
    let joiner = decode(&joiner.encode().unwrap()).unwrap();
    assert_eq!((joiner.from.gid, joiner.position.num), (Gid::NONE, ViewNumber(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_message_comes_back_as_it_was(message in strategies::message()) {
        let datagram = message.encode().unwrap();
        prop_assert_eq!(decode(&datagram), Ok(message.clone()));
        prop_assert_eq!(message.clone().encode(), Ok(datagram));
    }

    #[test]
    fn no_message_survives_the_loss_of_its_end(
        message in strategies::message(),
        cut in any::<prop::sample::Index>(),
    ) {
        let datagram = message.encode().unwrap();
        let len = Message::decode(&datagram).unwrap().data.len();
        let found = altered(&message, |_| {}, |data| data.truncate(cut.index(len)));
        prop_assert!(found.is_err());
    }

    #[test]
    fn a_message_in_its_senders_view_says_the_same(
        message in strategies::message(),
        view in strategies::view(),
    ) {
        prop_assert_eq!(decode(&message.encode_in(&view).unwrap()), Ok(message));
    }

    #[test]
    fn different_views_have_different_digests(a in strategies::view(), b in strategies::view()) {
        prop_assert_eq!(digest_of(&a, b""), digest_of(&a.clone(), b""));
        prop_assert_ne!(digest_of(&a, b""), digest_of(&b, b""));
        prop_assert_ne!(digest_of(&a, b""), digest_of(&a, &encode_operations(&[])));
    }
}
