//! The rules of a partition where a group is decided: who is judged, when, and what is left (IV.E.2). A test a sentence.

use membership::name::{GroupName, Incarnation};
use membership::proto::group::{Effect, Registry, Role, reconcile};
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Core, GroupKey, GroupOp, MemberId, Mode, Qos, Reason, Refusal, Request, RequestId, Scope,
    Statement,
};
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
    let (oldest, group, reach) = (1, name("db"), Scope::Top);
    Request { id, oldest, group, registration: 0, reach, call, path: vec![mserver(n)] }
}

fn join(n: u8, qos: Qos, roams: bool) -> Request {
    let (member, tag) = (MemberId { mi: mi(n), number: 1 }, format!("m{n}").into_bytes());
    request(n, 1, Call::Join { mode: Mode::JoinOrCreate, member, tag, roams, qos })
}

fn apply(registry: &mut Registry, op: GroupOp) -> Vec<Effect> {
    // As every set does: what was agreed on is bytes.
    let op = GroupOp::decode(&op.encode()).unwrap();
    let mut effects = Vec::new();
    registry.apply(op, &mut effects);
    effects
}

/// A registry whose set is the core of "db" of that rule, with a member each at these mservers, of which some may find
/// another one.
fn core_of(survive: &str, members: &[u8], roaming: &[u8]) -> Registry {
    let mut registry = Registry::default();
    for (i, n) in members.iter().enumerate() {
        let qos = Qos { survive: survive.to_string(), ..Qos::default() };
        let request = join(*n, qos, roaming.contains(n));
        apply(
            &mut registry,
            if i == 0 { GroupOp::Create(request) } else { GroupOp::Call(request) },
        );
    }
    registry
}

fn core(registry: &Registry) -> Option<&Core> {
    match registry.get((name("db"), None)).map(|record| &record.role) {
        Some(Role::Core { core, .. }) => Some(core),
        _ => None,
    }
}

fn gids(registry: &Registry) -> Vec<u32> {
    let roster = core(registry).map(|core| &core.roster[..]).unwrap_or_default();
    roster.iter().map(|entry| entry.gid).collect()
}

/// These mservers are lost, and given up.
fn lose(registry: &mut Registry, gone: &[u8], all: bool) -> Vec<Effect> {
    let branches: Vec<SocketAddrV4> = gone.iter().map(|n| mserver(*n)).collect();
    registry.lose(&branches);
    let origin = Life { address: mserver(1), inc: Incarnation(2) };
    let cause = RequestId { origin, number: 1 + u64::from(all) };
    apply(registry, GroupOp::Cut { branches, all, cause })
}

/// What members are told, and to whom it goes.
fn told(effects: &[Effect]) -> Vec<(Reason, u32, usize)> {
    let told = |effect: &Effect| match effect {
        Effect::View { direct, core, .. } => {
            Some((direct.reason, direct.number, core.roster.len()))
        }
        _ => None,
    };
    effects.iter().filter_map(told).collect()
}

fn statement(core: &Core, n: u8) -> Request {
    let members = core.roster.iter().filter(|entry| entry.id.mi == mi(n)).cloned();
    let members = members.map(|mut entry| {
        entry.path = Vec::new().into();
        entry
    });
    let statement = Statement {
        key: core.key,
        term: core.term,
        number: core.number,
        digest: core.digest(),
        next_gid: core.next_gid,
        qos: core.qos.clone(),
        roster: core.roster.iter().map(|entry| entry.gid).collect(),
        members: members.collect(),
    };
    request(n, 9, Call::Here(Box::new(statement)))
}

/// What comes of claims where nobody decides the group.
fn rebuild(registry: &mut Registry, key: GroupKey, claims: &[Request]) -> Vec<Effect> {
    for claim in claims {
        apply(registry, GroupOp::Claim(claim.clone()));
    }
    apply(registry, GroupOp::Rebuild { key })
}

#[test]
fn a_side_that_lives_makes_one_view_and_one_that_does_not_ends_with_none() {
    for (rule, lives) in [
        ("all", true),
        ("none", false),
        ("size >= 2", true),
        ("size >= 3", false),
        ("size < 2", false),
        ("tag m2", true),
        ("tag m3", false),
        ("member 10.0.1.1", true),
        ("member 10.0.1.3", false),
        ("tag m3 or size >= 2 and member 10.0.1.2:2901/7", true),
        ("tag m1 and tag m3", false),
    ] {
        let mut registry = core_of(rule, &[1, 2, 3], &[]);
        let effects = lose(&mut registry, &[3], false);
        let view = if lives { (Reason::Partitioned, 4, 2) } else { (Reason::Terminated, 4, 0) };
        assert_eq!(told(&effects), [view], "{rule}");
        assert_eq!(gids(&registry), if lives { vec![0, 1] } else { vec![] }, "{rule}");
        assert_eq!(registry.is_terminated((name("db"), None)), !lives, "{rule}");
    }
}

#[test]
fn where_a_group_was_terminated_another_may_be_created() {
    let mut registry = core_of("none", &[1, 2], &[]);
    lose(&mut registry, &[2], false);
    let again =
        Request { id: RequestId { origin: mi(1), number: 5 }, ..join(1, Qos::default(), false) };
    apply(&mut registry, GroupOp::Create(again));
    assert_eq!(gids(&registry), [0]);
    assert!(!registry.is_terminated((name("db"), None)));
}

#[test]
fn nobody_is_judged_to_death_while_somebody_is_waited_for() {
    let mut registry = core_of("size >= 3", &[1, 2, 3, 4], &[3]);
    assert_eq!(told(&lose(&mut registry, &[3, 4], false)), [(Reason::Partitioned, 5, 3)]);
    assert_eq!(told(&lose(&mut registry, &[3, 4], true)), [(Reason::Terminated, 6, 0)]);
    let mut registry = core_of("size >= 4", &[1, 2, 3, 4], &[3]);
    assert_eq!(told(&lose(&mut registry, &[3, 4], false)), [], "3 may come with more");
    assert_eq!(told(&lose(&mut registry, &[3, 4], true)), [(Reason::Terminated, 5, 0)]);
}

#[test]
fn a_side_without_its_core_is_judged_when_it_is_rebuilt() {
    let former = core_of("size >= 2", &[1, 2, 3], &[]);
    let core_before = core(&former).unwrap().clone();
    let claims = [1, 2, 3].map(|n| statement(&core_before, n));
    let told_of = |claims: &[Request]| {
        let mut registry = Registry::default();
        told(&rebuild(&mut registry, core_before.key, claims))
    };
    assert_eq!(told_of(&claims), [(Reason::Partitioned, 3, 3)], "they are all of it");
    assert_eq!(told_of(&claims[..2]), [(Reason::Partitioned, 4, 2)]);
    assert_eq!(told_of(&claims[..1]), [(Reason::Terminated, 5, 0)]);
}

#[test]
fn who_claims_a_group_that_was_terminated_is_told_the_same_again() {
    let mut registry = core_of("size >= 3", &[1, 2, 3, 4], &[]);
    let before = core(&registry).unwrap().clone();
    lose(&mut registry, &[3, 4], false);
    let effects = rebuild(&mut registry, before.key, &[1, 2].map(|n| statement(&before, n)));
    assert_eq!(told(&effects).len(), 1);
    assert_eq!(told(&effects)[0].0, Reason::Terminated);
    let refused = |effect: &&Effect| {
        matches!(effect, Effect::Answer { outcome: Err(Refusal::Terminated), .. })
    };
    assert_eq!(effects.iter().filter(refused).count(), 2);
    assert!(gids(&registry).is_empty());
}

#[test]
fn those_of_another_side_that_lives_may_claim_it_where_it_was_terminated() {
    let mut ended = core_of("tag m3", &[1, 2, 3, 4], &[]);
    let mut lives = ended.clone();
    lose(&mut ended, &[3, 4], false);
    lose(&mut lives, &[1, 2], false);
    let later = core(&lives).unwrap().clone();
    let effects = rebuild(&mut ended, later.key, &[3, 4].map(|n| statement(&later, n)));
    assert_eq!(told(&effects), [(Reason::Partitioned, 5, 2)], "the same view, in a later term");
    assert_eq!(gids(&ended), [2, 3]);
}

/// A group of that rule for merging, with a member each at four mservers, as both halves have it that hear the other no
/// more.
fn halves(merge: &str) -> (Registry, Registry) {
    let mut one = Registry::default();
    for n in 1..=4 {
        let request = join(n, Qos { merge: merge.to_string(), ..Qos::default() }, false);
        apply(&mut one, if n == 1 { GroupOp::Create(request) } else { GroupOp::Call(request) });
    }
    let mut other = one.clone();
    one.lose(&[mserver(4)]);
    other.lose(&[mserver(1), mserver(2), mserver(3)]);
    (one, other)
}

/// The groups of a registry: full name, and the gids.
fn groups(registry: &Registry) -> Vec<(String, Vec<u32>)> {
    let cores = registry.iter().filter_map(|record| match &record.role {
        Role::Core { core, .. } => Some(core),
        _ => None,
    });
    let gids = |core: &Core| core.roster.iter().map(|entry| entry.gid).collect();
    cores.map(|core| (core.key.to_string(), gids(core))).collect()
}

#[test]
fn sides_become_one_if_their_rule_has_it_whoever_is_first() {
    for (rule, merge) in [
        ("name", true),
        ("none", false),
        ("tag m4", true),
        ("tag m5", false),
        ("member 10.0.1.2", true),
        ("member 10.0.1.9", false),
    ] {
        let (mut one, mut other) = halves(rule);
        lose(&mut one, &[4], false);
        lose(&mut other, &[1, 2, 3], false);
        for (first, second) in [(&one, &other), (&other, &one)] {
            let (together, effects) = reconcile(first, second);
            let mut found = groups(&together);
            found.iter_mut().for_each(|(_, gids)| gids.sort_unstable());
            if merge {
                assert_eq!(found, [("db".to_string(), vec![0, 1, 2, 3])], "{rule}");
                continue;
            }
            let apart = [("db".to_string(), vec![0, 1, 2]), ("db.3".to_string(), vec![3])];
            assert_eq!(found, apart, "{rule}");
            // Numbers go on above those of both sides, and each member is told where it is.
            let mut views = told(&effects);
            views.sort_unstable();
            assert_eq!(views, [(Reason::Split, 6, 1), (Reason::Resync, 6, 3)], "{rule}");
        }
        let both = [reconcile(&one, &other).0, reconcile(&other, &one).0];
        let incs = both.map(|r| r.iter().map(|record| record.key.inc).collect::<Vec<_>>());
        assert_eq!(incs[0], incs[1], "{rule}: whoever computes it makes the same incarnation");
    }
}

#[test]
fn halves_that_meet_before_anybody_is_cut_off_never_were_sides() {
    let (one, other) = halves("none");
    let (together, _) = reconcile(&one, &other);
    assert_eq!(groups(&together), [("db".to_string(), vec![0, 1, 2, 3])]);
    // One of them has: then the other is a side, too.
    let (one, mut other) = halves("none");
    lose(&mut other, &[1, 2, 3], false);
    let (together, _) = reconcile(&one, &other);
    assert_eq!(groups(&together).len(), 2);
    let all = groups(&together);
    assert_eq!(all, [("db".to_string(), vec![0, 1, 2]), ("db.3".to_string(), vec![3])]);
}
