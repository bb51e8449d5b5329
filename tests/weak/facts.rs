//! Facts about weak groups: whoever heard the same has the same, whatever the order (II.B).

use membership::name::Incarnation;
use membership::proto::group::{Stated, Weak};
use membership::wire::coreset::Life;
use membership::wire::group::{Fact, MemberId, Presence};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddrV4};

fn mserver(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

fn member(n: u32) -> MemberId {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, 1), 2901);
    MemberId { mi: Life { address, inc: Incarnation(7) }, number: n }
}

fn stated(n: u32, registration: u32, again: bool) -> Stated {
    let again = again.then_some(0);
    Stated { id: member(n), tag: Vec::new(), roams: false, registration, again }
}

/// Few of everything, so that facts meet.
fn fact() -> impl Strategy<Value = Fact> {
    let until = prop_oneof![4 => 0..4_u64, 1 => Just(Fact::DIED), 1 => Just(Fact::LEFT)];
    let live = (0..5_u64, 0..2_u8, any::<bool>(), 0..3_u8).prop_map(|(epoch, tag, roams, path)| {
        Presence { epoch, tag: vec![tag], roams, path: vec![mserver(path)].into() }
    });
    let place = (0..4_u64, 0..3_u32);
    (0..4_u32, until, any::<bool>(), place, prop::option::of(live)).prop_map(
        |(n, gone, cut, (since, gid), live)| Fact { id: member(n), gone, cut, since, gid, live },
    )
}

fn of(facts: &[Fact]) -> Weak {
    let mut weak = Weak::default();
    facts.iter().for_each(|fact| _ = weak.hear(fact));
    weak
}

fn joined(one: &Weak, other: &Weak) -> Weak {
    let mut weak = one.clone();
    other.facts().for_each(|fact| _ = weak.hear(fact));
    weak
}

proptest! {
    #[test]
    fn whoever_heard_the_same_has_the_same(
        (facts, shuffled) in vec(fact(), 0..20)
            .prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
    ) {
        prop_assert_eq!(of(&facts), of(&shuffled));
        prop_assert_eq!(of(&facts).roster(), of(&shuffled).roster());
        let twice = [&facts[..], &shuffled[..]].concat();
        prop_assert_eq!(of(&facts), of(&twice));
    }

    #[test]
    fn states_join_as_a_semilattice_does(
        (a, b, c) in (vec(fact(), 0..8), vec(fact(), 0..8), vec(fact(), 0..8)),
    ) {
        let (a, b, c) = (of(&a), of(&b), of(&c));
        prop_assert_eq!(joined(&a, &a), a.clone());
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
    }

    #[test]
    fn nothing_that_is_heard_changes_a_state_that_has_it(facts in vec(fact(), 0..12)) {
        let whole = of(&facts);
        for fact in &facts {
            prop_assert!(!whole.clone().hear(fact));
        }
    }

    #[test]
    fn equal_digests_are_equal_rosters(
        (a, b) in (vec(fact(), 0..6), vec(fact(), 0..6)),
    ) {
        let (a, b) = (of(&a), of(&b));
        let ids = |weak: &Weak| -> Vec<(MemberId, u32)> {
            weak.roster().iter().map(|entry| (entry.id, entry.gid)).collect()
        };
        if a.digest() == b.digest() {
            prop_assert_eq!(ids(&a), ids(&b));
        }
        let mut bare = a.clone();
        bare.forget_gone();
        prop_assert_eq!((bare.digest(), bare.roster()), (a.digest(), a.roster()));
    }

    #[test]
    fn nobody_has_the_gid_of_another(facts in vec(fact(), 0..20)) {
        let roster = of(&facts).roster();
        let gids: std::collections::BTreeSet<u32> = roster.iter().map(|entry| entry.gid).collect();
        prop_assert_eq!(gids.len(), roster.len());
    }

    #[test]
    fn who_left_is_never_there_again(facts in vec(fact(), 0..12), registration in any::<u32>()) {
        let mut weak = of(&facts);
        weak.end(member(1), Fact::LEFT, false);
        prop_assert_eq!(weak.state(&stated(1, registration, true), &[mserver(1)], 9), None);
        facts.iter().for_each(|fact| _ = weak.hear(fact));
        prop_assert!(weak.roster().iter().all(|entry| entry.id != member(1)));
    }

    #[test]
    fn replicas_that_exchange_what_they_hold_end_alike(
        (facts, order) in (vec((0..3_usize, fact()), 0..15), vec((0..3_usize, 0..3_usize), 0..20)),
    ) {
        let mut replicas = vec![Weak::default(); 3];
        for (at, fact) in &facts {
            replicas[*at].hear(fact);
        }
        // Whatever was exchanged meanwhile, and in which order, one round of all with all is enough.
        let all = (0..3).flat_map(|a| (0..3).map(move |b| (a, b)));
        for (from, to) in order.iter().copied().chain(all.clone()).chain(all) {
            let said = replicas[from].clone();
            said.facts().for_each(|fact| _ = replicas[to].hear(fact));
        }
        prop_assert_eq!(&replicas[0], &replicas[1]);
        prop_assert_eq!(&replicas[1], &replicas[2]);
    }
}

#[test]
fn a_member_that_was_cut_off_is_stated_again_and_keeps_its_place() {
    let mut weak = Weak::default();
    let first = weak.state(&stated(1, 1, false), &[mserver(1)], 5).unwrap();
    weak.state(&stated(2, 1, false), &[mserver(1)], 6).unwrap();
    let epoch = first.live.unwrap().epoch;
    weak.end(member(1), epoch, true).unwrap();
    assert_eq!(weak.roster().len(), 1);
    let again = weak.state(&stated(1, 1, true), &[mserver(1)], 8).unwrap();
    assert!(again.live.unwrap().epoch > epoch);
    let roster: Vec<(MemberId, u32)> = weak.roster().iter().map(|e| (e.id, e.gid)).collect();
    assert_eq!(roster, [(member(1), 5), (member(2), 6)]);
}

#[test]
fn a_slow_former_mserver_ends_nobody_who_moved() {
    let mut weak = Weak::default();
    weak.state(&stated(1, 1, false), &[mserver(1)], 5).unwrap();
    weak.state(&stated(1, 2, true), &[mserver(2)], 6).unwrap();
    // The verdict is about the first registration, and so is what it states itself.
    weak.end(member(1), 1 << 32 | u64::from(u32::MAX), false);
    assert_eq!(weak.state(&stated(1, 1, true), &[mserver(1)], 7), None);
    let roster = weak.roster();
    assert_eq!((roster.len(), roster[0].gid, &*roster[0].path), (1, 5, &[mserver(2)][..]));
}

#[test]
fn a_silent_member_interface_comes_back_by_its_next_registration() {
    let mut weak = Weak::default();
    weak.state(&stated(1, 1, false), &[mserver(1)], 5).unwrap();
    weak.end(member(1), 1 << 32 | u64::from(u32::MAX), false).unwrap();
    assert_eq!(weak.state(&stated(1, 1, true), &[mserver(1)], 5), None);
    assert!(weak.state(&stated(1, 2, true), &[mserver(1)], 5).is_some());
    assert_eq!(weak.roster().len(), 1);
}
