//! Hierarchies that nobody thought of.

use super::*;
use proptest::prelude::*;

/// A campus of two levels that makes sense: sets, who is where, who is whose parent.
fn campuses() -> impl Strategy<Value = Campus> {
    let lan = prop_oneof![Just(None), "[a-zä'\\\\\"{}]{1,6}".prop_map(Some)];
    let mserver = (0_usize..5, lan, any::<bool>(), prop_oneof![Just(2900_u16), 1..=u16::MAX]);
    let parents = prop::collection::vec((0_usize..5, 0_u8..4), 0..4);
    let address = prop_oneof![Just(None), (1_u8..9).prop_map(Some)];
    let addresses = prop::collection::vec(address, 6);
    let mis = prop::collection::vec(1_u16..3, 0..4);
    (prop::collection::vec(mserver, 1..9), parents, addresses, mis).prop_map(assemble)
}

type Drawn = (Vec<(usize, Option<String>, bool, u16)>, Vec<(usize, u8)>, Vec<Option<u8>>, Vec<u16>);

fn assemble((mservers, parents, addresses, mis): Drawn) -> Campus {
    let mut campus = Campus::default();
    let heard = |which: usize| addresses[which].map(|n| at(&format!("239.9.9.{n}")));
    let mut used = BTreeSet::new();
    for (host, (set, lan, mi, port)) in mservers.into_iter().enumerate() {
        let set_name = name(&format!("S{set}"));
        let entry = campus.sets.entry(set_name).or_insert_with(|| Set {
            level: 1,
            address: heard(set),
            ..Set::default()
        });
        let lan = lan.filter(|text| !["{", "}"].contains(&text.as_str())).map(|text| name(&text));
        let who: SocketAddrV4 = SocketAddrV4::new([10, 1, 0, host as u8].into(), port);
        entry.mservers.insert(who, Server { lan, mi });
        used.extend(lan);
    }
    for (n, (set, host)) in parents.into_iter().enumerate() {
        let who = at(&format!("10.2.0.{}", host + 4 * n as u8));
        let Some(entry) = campus.sets.get_mut(&name(&format!("S{set}"))) else { continue };
        entry.parents.push(who);
        let top = campus.sets.entry(name("top")).or_insert_with(|| Set {
            level: 2,
            address: heard(5),
            ..Set::default()
        });
        top.mservers.insert(who, Server::default());
    }
    for (n, (lan, port)) in used.into_iter().zip(mis).enumerate() {
        let who = SocketAddrV4::new([10, 3, 0, n as u8].into(), 2900 + port);
        campus.lans.insert(lan, Lan { address: None, mis: BTreeSet::from([who]) });
    }
    campus
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_is_read_as_the_same(campus in campuses()) {
        prop_assert_eq!(parse(&campus.to_string()).unwrap(), campus);
    }

    #[test]
    fn a_plan_leads_to_where_there_is_none(from in campuses(), to in campuses(), groups in 0_u64..2) {
        let before = Live::of(answers(&from, groups));
        let first = plan(&before, &to);
        let again = plan(&first.after, &to);
        prop_assert_eq!(again.steps, Vec::<Step>::new());
        // Nobody is lost on the way but who is wanted nowhere.
        for (who, post) in &first.after.posts {
            let left = |s: &Step| matches!(s, Step::Leave { who: gone, .. } if gone == who);
            let wanted = to.home(*who).is_some() && before.home(*who).is_some();
            let fine = post.set.is_some() || !wanted || first.steps.iter().any(left);
            prop_assert!(fine, "{} was lost", who);
        }
        let _ = (diff(&before.campus(), &to), orphans(&before, &first.after), commands(&to));
    }

    #[test]
    fn a_plan_that_is_broken_off_goes_on_where_it_was(
        from in campuses(),
        to in campuses(),
        cut in any::<prop::sample::Index>(),
    ) {
        let before = Live::of(answers(&from, 0));
        let whole = plan(&before, &to);
        let done = cut.index(whole.steps.len() + 1);
        let mut live = before;
        live.take_over();
        whole.steps[..done].iter().for_each(|step| step.apply(&mut live));
        let rest = plan(&live, &to);
        prop_assert_eq!(&rest.steps[..], &whole.steps[done..]);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "([a-z0-9.:{}# \n]|set |lan |mserver |mi |parent |\\PC){0,200}") {
        if let Ok(campus) = parse(&text) {
            prop_assert_eq!(parse(&campus.to_string()).unwrap(), campus);
        }
    }
}
