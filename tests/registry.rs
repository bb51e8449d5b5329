//! The registry of a set as a pure machine: what the operations of HIERARCHY's chapter on groups do, a test a sentence.

use membership::name::{GroupName, Incarnation};
use membership::proto::group::{Effect, Registry, Role, reconcile};
use membership::wire::WireError;
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Content, Core, Direct, GroupKey, GroupOp, MemberId, Mode, Qos, Reason, Refusal, Request,
    RequestId, Scope,
};
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddrV4};

fn mserver(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

fn mi(n: u8) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, n), 2901);
    Life { address, inc: Incarnation(7) }
}

fn name(text: &str) -> GroupName {
    text.parse().unwrap()
}

/// A request of the MI `n`, which came by the mserver `n`.
fn request(n: u8, number: u64, call: Call) -> Request {
    let id = RequestId { origin: mi(n), number };
    Request {
        id,
        oldest: 1,
        group: name("db"),
        registration: 0,
        reach: Scope::Top,
        call,
        path: vec![mserver(n)],
    }
}

fn member(n: u8) -> MemberId {
    MemberId { mi: mi(n), number: 1 }
}

fn join(n: u8, number: u64, mode: Mode) -> Request {
    let (member, tag, qos) = (member(n), format!("m{n}").into_bytes(), Qos::default());
    request(n, number, Call::Join { mode, member, tag, roams: false, qos })
}

fn leave(n: u8, number: u64) -> Request {
    request(n, number, Call::Leave { member: member(n) })
}

/// The same, by somebody who chooses that three changes become one view, if it creates the group.
fn gathering(mut request: Request) -> Request {
    if let Call::Join { qos, .. } = &mut request.call {
        (qos.batch, qos.batch_ms) = (3, 50);
    }
    request
}

/// The core is behind `branch`.
fn lead(key: GroupKey, term: u32, branch: SocketAddrV4) -> GroupOp {
    GroupOp::Lead { key, term, branch, scope: Scope::Top, roams: false }
}

fn apply(registry: &mut Registry, op: GroupOp) -> Vec<Effect> {
    // As every set does: what was agreed on is bytes.
    let op = GroupOp::decode(&op.encode()).unwrap();
    let mut effects = Vec::new();
    registry.apply(op, &mut effects);
    effects
}

/// A registry whose set is the core of "db", with the members of these MIs.
fn core_of(members: &[u8]) -> Registry {
    let mut registry = Registry::default();
    for (i, &n) in members.iter().enumerate() {
        let request = join(n, 1, Mode::JoinOrCreate);
        apply(
            &mut registry,
            if i == 0 { GroupOp::Create(request) } else { GroupOp::Call(request) },
        );
    }
    registry
}

fn core(registry: &Registry) -> &Core {
    match &registry.get((name("db"), None)).unwrap().role {
        Role::Core { core, .. } => core,
        other => panic!("{other:?}"),
    }
}

fn key(registry: &Registry) -> GroupKey {
    registry.get((name("db"), None)).unwrap().key
}

fn views(effects: &[Effect]) -> Vec<&Direct> {
    let view = |effect: &'_ Effect| matches!(effect, Effect::View { .. });
    effects
        .iter()
        .filter(|e| view(e))
        .map(|effect| match effect {
            Effect::View { direct, .. } => direct,
            _ => unreachable!(),
        })
        .collect()
}

fn outcome(effects: &[Effect]) -> Result<(), Refusal> {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Answer { outcome, .. } => Some(*outcome),
            _ => None,
        })
        .unwrap()
}

#[test]
fn members_stand_in_the_order_in_which_they_came_and_every_change_is_one_view() {
    let mut registry = core_of(&[1, 2, 3]);
    let gids: Vec<u32> = core(&registry).roster.iter().map(|entry| entry.gid).collect();
    assert_eq!((core(&registry).number, gids), (3, vec![0, 1, 2]));
    let effects = apply(&mut registry, GroupOp::Call(leave(2, 2)));
    let [view] = views(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((view.number, view.reason), (4, Reason::Left));
    assert_eq!(view.content, Content::Delta { gone: vec![1], came: vec![] });
    assert_eq!(view.digest, core(&registry).digest());
    // A gid is never given twice.
    apply(&mut registry, GroupOp::Call(join(2, 3, Mode::Existing)));
    assert_eq!(core(&registry).roster.last().unwrap().gid, 3);
}

#[test]
fn a_request_that_comes_again_has_no_second_effect_and_is_shown_what_is() {
    let mut registry = core_of(&[1, 2]);
    apply(&mut registry, GroupOp::Call(leave(2, 2)));
    let before = registry.clone();
    for again in [join(2, 1, Mode::JoinOrCreate), leave(2, 2)] {
        let effects = apply(&mut registry, GroupOp::Call(again));
        assert!(matches!(&effects[..], [Effect::Show { .. }]), "{effects:?}");
    }
    assert_eq!(registry, before);
}

#[test]
fn the_last_member_takes_the_group_with_it_and_the_sets_above_are_to_forget_it() {
    let mut registry = core_of(&[1]);
    let key = key(&registry);
    let effects = apply(&mut registry, GroupOp::Call(leave(1, 2)));
    assert!(effects.contains(&Effect::Ended { key, term: 1 }), "{effects:?}");
    assert!(registry.get((name("db"), None)).is_none());
    // Whoever still believes in it is wrong, whatever has the name by now.
    apply(&mut registry, GroupOp::Create(join(2, 1, Mode::Create)));
    let lead = lead(key, 1, mserver(9));
    assert_eq!(apply(&mut registry, lead), [Effect::Stale(key)]);
}

#[test]
fn a_name_is_reserved_once_and_the_other_creation_waits() {
    let mut registry = Registry::default();
    let (first, second) = (join(1, 1, Mode::Create), join(2, 1, Mode::JoinOrCreate));
    let reserved = |request: &Request| vec![Effect::Reserved(Box::new(request.clone()))];
    assert_eq!(apply(&mut registry, GroupOp::Reserve(first.clone())), reserved(&first));
    assert_eq!(
        apply(&mut registry, GroupOp::Reserve(second.clone())),
        [Effect::Wait(Box::new(second.clone()))]
    );
    assert_eq!(apply(&mut registry, GroupOp::Reserve(first.clone())), reserved(&first));
    // It came into being behind mserver 1: the other one goes there.
    let key = GroupKey { name: name("db"), suffix: None, inc: first.id };
    let led = vec![Effect::Led { key, term: 1, scope: Scope::Top }];
    assert_eq!(apply(&mut registry, lead(key, 1, mserver(1))), led);
    let again = vec![Effect::Again(Box::new(second.clone()))];
    assert_eq!(apply(&mut registry, GroupOp::Reserve(second)), again);
}

#[test]
fn a_creation_that_comes_to_nothing_frees_the_name() {
    let mut registry = Registry::default();
    let first = join(1, 1, Mode::Create);
    apply(&mut registry, GroupOp::Reserve(first.clone()));
    let key = GroupKey { name: name("db"), suffix: None, inc: first.id };
    apply(&mut registry, GroupOp::Release { key });
    assert!(registry.get((name("db"), None)).is_none());
    // So does the loss of the branch behind which it went on.
    apply(&mut registry, GroupOp::Reserve(first));
    registry.lose(&[mserver(1)]);
    assert!(registry.get((name("db"), None)).is_none());
}

#[test]
fn who_creates_what_exists_is_refused_and_who_joins_what_does_not_looks_on() {
    let mut registry = core_of(&[1]);
    let effects = apply(&mut registry, GroupOp::Call(join(2, 1, Mode::Create)));
    assert_eq!(outcome(&effects), Err(Refusal::Exists));
    let effects = apply(&mut registry, GroupOp::Call(leave(3, 1)));
    assert_eq!(outcome(&effects), Err(Refusal::NotMember));
    let mut empty = Registry::default();
    let effects = apply(&mut empty, GroupOp::Call(join(2, 1, Mode::Existing)));
    assert!(matches!(&effects[..], [Effect::Again(_)]), "{effects:?}");
}

#[test]
fn the_core_moves_up_with_the_join_that_made_it_and_nothing_is_lost() {
    // The core is below mserver 1; the set above knows that.
    let mut below = core_of(&[1, 3]);
    let mut above = Registry::default();
    let key = key(&below);
    apply(&mut above, lead(key, 1, mserver(1)));
    let lock = GroupOp::Lock { key, term: 2, carrier: mserver(1) };
    let effects = apply(&mut below, lock);
    let [Effect::Locked { core: record, term: 2, .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    // A call that comes meanwhile waits, and looks for the core again when it has moved.
    assert_eq!(apply(&mut below, GroupOp::Call(leave(3, 2))), []);
    let mut record = (**record).clone();
    record.term = 2;
    for entry in &mut record.roster {
        entry.path = [&[mserver(1)], &entry.path[..]].concat().into();
    }
    let rider = Some(Box::new(join(2, 1, Mode::Existing)));
    let adopt = GroupOp::Adopt {
        core: Box::new(record),
        rider,
        id: RequestId { origin: mi(7), number: 7 },
    };
    let effects = apply(&mut above, adopt.clone());
    let [view] = views(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((view.term, view.number, core(&above).roster.len()), (2, 3, 3));
    assert!([1, 2].iter().all(|&n| !core(&above).is_behind(mserver(n))));
    let before = above.clone();
    apply(&mut above, adopt);
    assert_eq!(above, before, "carried twice, adopted once");
    let effects = apply(&mut below, GroupOp::Moved { key, term: 2, down: None });
    assert!(matches!(&effects[..], [Effect::Again(call)] if call.id == leave(3, 2).id));
    assert!(below.get((name("db"), None)).is_none());
}

#[test]
fn a_move_that_fails_is_undone_and_what_waited_is_done() {
    let mut registry = core_of(&[1, 2]);
    let key = key(&registry);
    apply(&mut registry, GroupOp::Lock { key, term: 2, carrier: mserver(1) });
    apply(&mut registry, GroupOp::Call(leave(2, 2)));
    let effects = apply(&mut registry, GroupOp::Unlock { key, term: 2 });
    assert_eq!(outcome(&effects), Ok(()));
    assert_eq!(core(&registry).roster.len(), 1);
}

#[test]
fn an_older_term_changes_nothing() {
    let mut registry = core_of(&[1]);
    let key = key(&registry);
    let before = registry.clone();
    for old in [
        lead(key, 1, mserver(2)),
        GroupOp::Lock { key, term: 1, carrier: mserver(1) },
        GroupOp::Moved { key, term: 2, down: None },
        GroupOp::Unlock { key, term: 2 },
        GroupOp::Forget { key, term: 9 },
    ] {
        apply(&mut registry, old);
        assert_eq!(registry, before);
    }
}

#[test]
fn members_behind_lost_mservers_leave_in_one_view_once() {
    let mut registry = core_of(&[1, 2, 3, 4]);
    let cause = RequestId { origin: Life { address: mserver(1), inc: Incarnation(1) }, number: 1 };
    let cut = GroupOp::Cut { branches: vec![mserver(2), mserver(3)], all: true, cause };
    // Whoever comes back another way meanwhile says so, and stays: only who is marked goes.
    assert_eq!(apply(&mut registry, cut.clone()), []);
    registry.lose(&[mserver(2), mserver(3)]);
    let effects = apply(&mut registry, cut.clone());
    let [view] = views(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((view.number, view.reason), (5, Reason::Partitioned));
    assert_eq!(view.content, Content::Delta { gone: vec![1, 2], came: vec![] });
    assert_eq!(apply(&mut registry, cut), []);
}

#[test]
fn names_led_by_a_lost_mserver_block_nobody() {
    let mut registry = Registry::default();
    let first = join(1, 1, Mode::Create);
    let key = GroupKey { name: name("db"), suffix: None, inc: first.id };
    apply(&mut registry, lead(key, 3, mserver(1)));
    let cause = RequestId { origin: mi(9), number: 1 };
    registry.lose(&[mserver(1)]);
    apply(&mut registry, GroupOp::Cut { branches: vec![mserver(1)], all: false, cause });
    let other = join(2, 1, Mode::Create);
    let effects = apply(&mut registry, GroupOp::Reserve(other.clone()));
    assert_eq!(effects, [Effect::Reserved(Box::new(other))]);
}

#[test]
fn two_groups_become_one_and_gids_stay_unique() {
    let mut registry = core_of(&[1, 2]);
    let mut other = join(3, 1, Mode::Create);
    other.group = name("spare");
    apply(&mut registry, GroupOp::Create(other));
    let effects =
        apply(&mut registry, GroupOp::Call(request(1, 2, Call::Merge { other: name("spare") })));
    assert_eq!(outcome(&effects), Ok(()));
    let gids: Vec<u32> = core(&registry).roster.iter().map(|entry| entry.gid).collect();
    assert_eq!(gids, [0, 1, 2]);
    assert!(registry.get((name("spare"), None)).is_none());
}

#[test]
fn some_members_go_to_a_group_of_their_own() {
    let mut registry = core_of(&[1, 2, 3]);
    let split = |number, members: &[u32]| {
        let members = members.to_vec();
        GroupOp::Call(request(1, number, Call::Split { new: name("part"), members }))
    };
    assert_eq!(outcome(&apply(&mut registry, split(2, &[9]))), Err(Refusal::NotMember));
    assert_eq!(outcome(&apply(&mut registry, split(3, &[0, 1, 2]))), Err(Refusal::NotPossible));
    assert_eq!(outcome(&apply(&mut registry, split(4, &[1]))), Ok(()));
    let part = registry.get((name("part"), None)).unwrap();
    let Role::Core { core: part, .. } = &part.role else { panic!() };
    assert_eq!((part.number, part.roster.len(), core(&registry).roster.len()), (1, 1, 2));
}

#[test]
fn sides_of_one_group_become_one_whoever_reckons() {
    let common = core_of(&[1, 2, 3, 4]);
    let cause =
        |n| RequestId { origin: Life { address: mserver(n), inc: Incarnation(1) }, number: 1 };
    let (mut a, mut b) = (common.clone(), common);
    let branches = vec![mserver(3), mserver(4)];
    a.lose(&branches);
    apply(&mut a, GroupOp::Cut { branches, all: true, cause: cause(1) });
    let branches = vec![mserver(1), mserver(2)];
    b.lose(&branches);
    apply(&mut b, GroupOp::Cut { branches, all: true, cause: cause(3) });
    // Both go on and give the same gid to different members.
    apply(&mut a, GroupOp::Call(join(5, 1, Mode::Existing)));
    apply(&mut b, GroupOp::Call(join(6, 1, Mode::Existing)));
    let (whole, effects) = reconcile(&a, &b);
    assert_eq!(whole, reconcile(&a, &b).0);
    let core = core(&whole);
    let gids: Vec<u32> = core.roster.iter().map(|entry| entry.gid).collect();
    assert_eq!(gids, [0, 1, 4, 2, 3, 5]);
    assert_eq!((core.term, core.number), (2, 7));
    assert_eq!(views(&effects).len(), 1);
}

#[test]
fn groups_of_one_name_but_different_incarnations_never_mix() {
    let (a, b) = (core_of(&[1]), core_of(&[2]));
    for (whole, _) in [reconcile(&a, &b), reconcile(&b, &a)] {
        assert_eq!(core(&whole).roster[0].id, member(1));
        let other = whole.iter().find(|record| record.key.suffix.is_some()).unwrap();
        let Role::Core { core, .. } = &other.role else { panic!() };
        assert_eq!(core.roster[0].id, member(2));
        assert_eq!(core.key, other.key);
    }
}

#[test]
fn a_registry_has_one_encoding_and_nothing_else_is_one() {
    let registry = core_of(&[1, 2]);
    let bytes = registry.encode();
    let refused = |bytes: &[u8], word| {
        assert_eq!(Registry::decode(bytes), Err(WireError::Payload(word)));
    };
    refused(&[], "length: ends too early");
    refused(&[0, 0, 0, 0, 0], "version: 0");
    refused(&[1, 255, 255, 255, 255], "length: ends too early");
    // The same record twice, a role that there is not, and a core of another group.
    let record = &bytes[5..bytes.len() - 4];
    let twice = [&bytes[..4], &[2], record, record, &[0; 4]].concat();
    refused(&twice, "registry: not in order");
    let role = 5 + 3 + 1 + 18 + 4 + 1 + 1 + 8;
    let mut other = bytes.clone();
    other[role] = 7;
    refused(&other, "role: unknown");
    let mut other = bytes.clone();
    other[role + 2] = b'x';
    refused(&other, "record: core of another group");
    assert_eq!(Registry::decode(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(Registry::default()));
    assert_ne!(registry.digest(), core_of(&[1]).digest());
}

fn any_op() -> impl Strategy<Value = GroupOp> {
    let request = (1_u8..5, 1_u64..4, 0_u8..6).prop_map(|(n, number, what)| match what {
        0 => join(n, number, Mode::JoinOrCreate),
        1 => gathering(join(n, number, Mode::JoinOrCreate)),
        2 => join(n, number, Mode::Create),
        3 => leave(n, number),
        4 => request(n, number, Call::Fail { members: vec![member(n), member(9)], cut: false }),
        _ => request(n, number, Call::View),
    });
    let key = (1_u8..5, 1_u64..4).prop_map(|(n, number)| GroupKey {
        name: name("db"),
        suffix: None,
        inc: RequestId { origin: mi(n), number },
    });
    let at = (1_u8..5).prop_map(mserver);
    let cause = (1_u8..5).prop_map(|n| RequestId { origin: mi(n), number: 9 });
    prop_oneof![
        3 => request.clone().prop_map(GroupOp::Call),
        1 => request.clone().prop_map(GroupOp::Reserve),
        2 => request.prop_map(GroupOp::Create),
        1 => (key.clone(), 0_u32..4, at.clone())
            .prop_map(|(key, term, branch)| lead(key, term, branch)),
        1 => (key.clone(), 0_u32..4).prop_map(|(key, term)| GroupOp::Forget { key, term }),
        1 => (key.clone(), 0_u32..4, at.clone())
            .prop_map(|(key, term, carrier)| GroupOp::Lock { key, term, carrier }),
        1 => (key.clone(), 0_u32..4).prop_map(|(key, term)| GroupOp::Unlock { key, term }),
        1 => (key.clone(), 1_u8..5, 1_u64..4).prop_map(|(key, n, number)| GroupOp::Gathered {
            key,
            first: RequestId { origin: mi(n), number },
        }),
        1 => (key, 0_u32..4, proptest::option::of(at.clone()))
            .prop_map(|(key, term, down)| GroupOp::Moved { key, term, down }),
        1 => (at, cause).prop_map(|(at, cause)| GroupOp::Cut { branches: vec![at], all: true, cause }),
    ]
}

proptest! {
    /// Whatever is agreed on, in whatever order: rosters have no member and no gid twice, views are numbered without a
    /// gap, their digests fit, and doing the same again changes nothing that counts.
    #[test]
    fn no_sequence_of_operations_breaks_a_roster(ops in proptest::collection::vec(any_op(), 1..40)) {
        let mut registry = Registry::default();
        for op in ops {
            let before = registry.clone();
            let effects = apply(&mut registry, op);
            for record in registry.iter() {
                let Role::Core { core, .. } = &record.role else { continue };
                prop_assert!(!core.roster.is_empty());
                prop_assert_eq!((core.key, core.term), (record.key, record.term));
                let mut gids: Vec<u32> = core.roster.iter().map(|e| e.gid).collect();
                gids.sort_unstable();
                gids.dedup();
                prop_assert_eq!(gids.len(), core.roster.len());
                prop_assert!(gids.iter().all(|gid| *gid < core.next_gid));
            }
            // Calls that waited may make several with one operation.
            let mut last = std::collections::BTreeMap::new();
            for view in views(&effects) {
                let number = match before.find(&view.key).map(|r| &r.role) {
                    Some(Role::Core { core, .. }) => core.number,
                    _ => 0,
                };
                let number = last.insert(view.key.inc, view.number).unwrap_or(number);
                prop_assert_eq!(view.number, number + 1);
                let bytes = view.encode();
                prop_assert_eq!(&Direct::decode(&bytes).unwrap(), view);
                for len in 0..bytes.len() {
                    prop_assert!(Direct::decode(&bytes[..len]).is_err());
                }
            }
        }
        let bytes = registry.encode();
        let again = Registry::decode(&bytes).unwrap();
        prop_assert_eq!(again.digest(), registry.digest());
        prop_assert_eq!(again, registry);
        for len in 0..bytes.len() {
            prop_assert!(Registry::decode(&bytes[..len]).is_err());
        }
    }

    #[test]
    fn no_bytes_make_an_operation_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = GroupOp::decode(&bytes);
        let _ = Direct::decode(&bytes);
        let _ = Registry::decode(&bytes);
    }
}
