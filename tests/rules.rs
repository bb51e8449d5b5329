//! The rules of a partition, as properties: what is written is read, and at most one side has a majority.

use membership::name::Incarnation;
use membership::proto::qos::{Merge, Side, Survive, Who, has_majority};
use membership::wire::coreset::Life;
use membership::wire::group::{Entry, MAX_RULE, MAX_TAG, MemberId, Order, Path, Qos, Scope};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddrV4};

fn tag() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-z]{1,6}=[a-z]{1,6}".prop_map(String::into_bytes),
        "and|or|tag|size|majority".prop_map(String::into_bytes),
        vec(any::<u8>(), 1..=MAX_TAG),
    ]
}

fn who() -> impl Strategy<Value = Who> {
    (any::<[u8; 4]>(), any::<u16>(), any::<[u32; 2]>(), 0..4).prop_map(
        |(ip, port, [inc, number], less)| {
            let address = SocketAddrV4::new(ip.into(), port);
            let mi = Life { address, inc: Incarnation(inc) };
            match less {
                0 => Who::Host(ip.into()),
                1 => Who::Mi(address),
                2 => Who::Life(mi),
                _ => Who::Member(MemberId { mi, number }),
            }
        },
    )
}

fn survive() -> impl Strategy<Value = Survive> {
    let one = prop_oneof![
        Just(Survive::All),
        Just(Survive::None),
        Just(Survive::Majority),
        any::<u32>().prop_map(Survive::AtLeast),
        any::<u32>().prop_map(Survive::Below),
        tag().prop_map(Survive::Tag),
        who().prop_map(Survive::Member),
    ];
    one.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Survive::And),
            vec(inner, 2..4).prop_map(Survive::Or)
        ]
    })
}

fn merge() -> impl Strategy<Value = Merge> {
    prop_oneof![
        Just(Merge::Name),
        Just(Merge::None),
        tag().prop_map(Merge::Tag),
        who().prop_map(Merge::Member),
    ]
}

fn roster(gids: &[u32]) -> Vec<Entry> {
    let entry = |&gid: &u32| {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, gid as u8), 2901);
        let id = MemberId { mi: Life { address, inc: Incarnation(1) }, number: gid };
        let tag = if gid % 2 == 0 { b"even".to_vec() } else { Vec::new() };
        Entry { id, gid, tag, roams: false, lost: false, registration: 0, path: Path::default() }
    };
    gids.iter().map(entry).collect()
}

/// Views that follow on one another, and the sides of the last one: to which each gid falls.
fn history() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<u8>)> {
    let view =
        prop::collection::btree_set(0..12_u32, 1..9).prop_map(|gids| gids.into_iter().collect());
    (vec(view, 1..4), vec(0..3_u8, 12))
}

proptest! {
    #[test]
    fn a_rule_that_is_written_is_read(rule in survive()) {
        let text = rule.to_string();
        prop_assume!(text.len() <= MAX_RULE);
        prop_assert_eq!(text.parse(), Ok(rule), "{}", text);
    }

    #[test]
    fn a_rule_for_merging_that_is_written_is_read(rule in merge()) {
        prop_assert_eq!(rule.to_string().parse(), Ok(rule));
    }

    #[test]
    fn at_most_one_side_has_a_majority_and_so_lives_by_an_exclusive_rule(
        (views, sides) in history(),
        rule in survive(),
    ) {
        let mut living = 0;
        for side in 0..3 {
            let gids: Vec<u32> = (0..12).filter(|gid| sides[*gid as usize] == side).collect();
            let roster = roster(&gids);
            let majority = has_majority(&roster, views.iter().map(Vec::as_slice));
            let lives = Survive::Majority.judge(&Side { roster: &roster, majority });
            prop_assert_eq!(lives, majority);
            living += u32::from(rule.judge(&Side { roster: &roster, majority }));
        }
        prop_assert!(!rule.is_exclusive() || living <= 1, "{} lets {} live", rule, living);
    }

    #[test]
    fn whether_sides_merge_does_not_depend_on_who_asks(rule in merge(), a in 0..9_u32, b in 0..9_u32) {
        let (one, other) = (roster(&[a]), roster(&[b]));
        prop_assert_eq!(rule.matches(&one, &other), rule.matches(&other, &one));
    }

    #[test]
    fn what_is_chosen_in_words_comes_back_in_the_same_words(
        rule in survive(),
        merging in merge(),
        batch in 2_u16..,
        ms in 1_u32..60_000,
        levels in (any::<u8>(), any::<u8>()),
    ) {
        let mut qos = Qos::default();
        let said = [
            ("batch", format!("{batch} or {ms}ms")),
            ("monitor", format!("fixed {ms}ms x {}", ms % 100)),
            ("survive", rule.to_string()),
            ("merge", merging.to_string()),
            ("name-scope", levels.0.to_string()),
            ("membership-scope", levels.1.to_string()),
        ];
        for (name, words) in &said {
            prop_assume!(words.len() <= MAX_RULE);
            qos.set(name, words).unwrap();
        }
        // And once more, from what it shows.
        let mut again = Qos::default();
        for (name, words) in qos.all() {
            again.set(name, &words).unwrap();
        }
        prop_assert_eq!(&again, &qos);
        prop_assert_eq!(qos.survival(), Ok(rule));
        prop_assert_eq!(qos.merging(), Ok(merging));
        let fits = levels.1 <= levels.0 && ms >= 10;
        prop_assert_eq!(qos.check().is_ok(), fits, "{:?}", qos.check());
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_its_name() {
    let with = |change: fn(&mut Qos)| {
        let mut qos = Qos::default();
        change(&mut qos);
        qos.check().map_err(|why| why.to_string())
    };
    assert_eq!(with(|_| ()), Ok(()));
    assert_eq!(with(|qos| qos.order = Order::Weak), Ok(()));
    assert_eq!(
        with(|qos| {
            qos.order = Order::Weak;
            qos.survive = "size < 3 or majority".into();
        }),
        Err("survive size < 3 or majority: majority needs order strong".into())
    );
    assert_eq!(
        with(|qos| qos.name_scope = Scope::Level(1)),
        Err("membership-scope top: must not be above the name-scope, which is 1".into())
    );
    assert_eq!(
        with(|qos| {
            qos.name_scope = Scope::Level(1);
            *qos = qos.clone().within_name();
        }),
        Ok(())
    );
    assert_eq!(
        with(|qos| qos.batch = 5),
        Err("batch 5 or 0ms: must be 2 or more changes or 1ms to 60s".into())
    );
    assert_eq!(with(|qos| qos.survive = "x".repeat(300)).map_err(|why| why.len() > 300), Err(true));
}

#[test]
fn by_a_rule_that_cannot_be_read_no_side_lives_and_none_merge() {
    let nonsense = || "weight >= 3".to_string();
    let qos = Qos { survive: nonsense(), merge: nonsense(), ..Qos::default() };
    let roster = roster(&[1, 2, 3]);
    assert!(!qos.survives(&Side { roster: &roster, majority: true }));
    assert!(!qos.merges(&roster, &roster));
    assert!(qos.may_end() && !qos.is_exclusive() && !qos.counts_majority());
    assert_eq!(qos.get("survive").as_deref(), Some("weight >= 3"), "and it can be shown");
}
