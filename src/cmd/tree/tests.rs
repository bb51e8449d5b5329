//! Drawings of hierarchies that nobody runs: right, and readable whatever their size.

use super::model::{Source, Told, Tree};
use super::{data, svg, text};
use crate::cmd::paint::Shade;
use serde_json::{Value, json};

/// What the mserver at `own` says of a set.
fn seat(own: &str, set: &str, level: u8, members: &[String], parent: Option<&str>) -> Value {
    let all = members.iter().enumerate().map(
        |(rank, address)| json!({"rank": rank, "gid": rank, "address": address, "incarnation": 7}),
    );
    json!({
        "mode": "mserver", "address": own, "set": set, "level": level, "phase": "idle",
        "view": 4, "batch": 2, "size": members.len(), "members": all.collect::<Vec<_>>(),
        "parent": parent, "isolated": [], "lost": [],
    })
}

fn told(address: &str, status: Value, groups: Value) -> Told {
    Told { address: address.to_string(), source: Source::Local, status, groups }
}

/// A campus: so many buildings, each with so many LANs of two hosts.
fn campus(buildings: u8, lans: u8) -> Vec<Told> {
    let parents: Vec<String> = (0..buildings).map(|b| format!("10.1.{b}.1:2900")).collect();
    let mut all = Vec::new();
    for (b, parent) in parents.iter().enumerate() {
        let name = format!("building-{b}");
        let mut members: Vec<String> =
            (0..lans).map(|lan| format!("10.2.{b}.{}:2900", lan + 1)).collect();
        members.push(parent.clone());
        let mut status = seat(parent, "campus", 2, &parents, None);
        status["child"] = seat(parent, &name, 1, &members, Some(parent));
        all.push(told(parent, status, groups("campus", b == 0)));
        for (lan, own) in members[..usize::from(lans)].iter().enumerate() {
            let mut status = seat(own, &name, 1, &members, Some(parent));
            let mis = [1, 2].map(|mi| format!("10.{}.{b}.{lan}:2901", mi + 2));
            status["lan"] = format!("lan-{b}-{lan}").into();
            status["interfaces"] = mis.to_vec().into();
            all.push(told(own, status, json!([])));
            for mi in mis {
                let status = json!({"mode": "mi", "mserver": own, "registered": true,
                    "lan": format!("lan-{b}-{lan}")});
                all.push(told(&mi, status, groups("", lan % 2 == 0)));
            }
        }
    }
    all
}

/// Two groups, decided in `core`, with members here or not.
fn groups(core: &str, here: bool) -> Value {
    let roles = if core.is_empty() { json!({}) } else { json!({core: "core"}) };
    let members = if here { json!([0, 3]) } else { json!([]) };
    let group = |name: &str| {
        json!({"group": name, "incarnation": format!("a/1/{name}"), "term": 3, "number": 9,
            "size": 40, "roles": roles, "members": members})
    };
    json!([group("orders"), group("a-group-whose-name-is-31-letters")])
}

fn same(address: &str) -> String {
    address.to_string()
}

fn drawn(told: &[Told]) -> Vec<String> {
    let lines = text::lines(&Tree::of(told), &same);
    lines.iter().map(|line| text::printed(line, false)).collect()
}

/// Where each text of a picture lies: left, right, base line.
fn texts(picture: &str) -> Vec<(f64, f64, i64, String)> {
    let number = |line: &str, key: &str| {
        let rest = line.split_once(&format!(" {key}=\"")).unwrap().1;
        rest.split('"').next().unwrap().parse::<f64>().unwrap()
    };
    let lines = picture.lines().filter(|line| line.starts_with("<text "));
    let of = |line: &str| {
        let shown = line.split_once('>').unwrap().1.split('<').next().unwrap();
        let plain = shown.replace("&amp;", "&").replace("&lt;", "<");
        let lead = plain.chars().take_while(|c| *c == ' ').count() as f64;
        let x = number(line, "x");
        let right = x + plain.chars().count() as f64 * 7.3;
        (x + lead * 7.2, right, number(line, "y") as i64, plain)
    };
    lines.map(of).collect()
}

fn assert_readable(picture: &str) {
    let all = texts(picture);
    let width: f64 =
        picture.split_once("width=\"").unwrap().1.split('"').next().unwrap().parse().unwrap();
    for (n, one) in all.iter().enumerate() {
        assert!(one.1 <= width, "{one:?} goes beyond {width}");
        for other in &all[n + 1..] {
            let beside = one.1 <= other.0 || other.1 <= one.0;
            assert!(beside || (one.2 - other.2).abs() >= 14, "{one:?} lies over {other:?}");
        }
    }
}

#[test]
fn a_tree_has_every_set_below_its_parent_and_every_host_below_its_mserver() {
    let lines = drawn(&campus(2, 1));
    let wanted = [
        "set campus                        level 2, view 4, 2 members                    core of a-group-whose-name-is-31-letters orders",
        "├─ 10.1.0.1:2900                  rank 0, gid 0",
        "│  └─ set building-0              level 1, view 4, 2 members, parent 10.1.0.1:2900",
        "│     └─ 10.2.0.1:2900            rank 0, gid 0; LAN lan-0-0",
        "│        ├─ 10.3.0.0:2901         a-group-whose-name-is-31-letters×2 orders×2",
    ];
    assert_eq!(lines[..5], wanted, "{lines:#?}");
    assert_eq!(
        lines.last().unwrap(),
        "└─ orders                         view 3.9, 40 members, core campus"
    );
}

#[test]
fn pictures_are_readable_at_every_size() {
    for (buildings, lans) in [(1, 1), (3, 3), (10, 10)] {
        let told = campus(buildings, lans);
        let picture = svg::picture(&Tree::of(&told), &same);
        assert_readable(&picture);
        let mservers = usize::from(buildings) * usize::from(lans);
        let edges = picture.matches("class=\"edge\"").count();
        assert_eq!(edges, mservers + usize::from(buildings), "a line to each set and each LAN");
    }
}

#[test]
fn what_is_wrong_is_said_and_shown() {
    let members = ["10.0.0.1:2900", "10.0.0.2:2900", "10.0.0.3:2900"].map(str::to_string);
    let mut one = seat(&members[0], "office", 1, &members, None);
    one["isolated"] = json!([members[2]]);
    one["child"] = json!({"set": "cellar", "level": 0, "phase": "out"});
    let dead = |at: &str| Told {
        address: at.to_string(),
        source: Source::Silent("no <answer> & so on".to_string()),
        status: Value::Null,
        groups: Value::Null,
    };
    let groups =
        json!([{"group": "db", "incarnation": "x", "term": 1, "roles": {"office": "lost"}}]);
    let told = [told(&members[0], one, groups), dead(&members[2]), dead("10.0.0.9:2901")];
    let lines = drawn(&told).join("\n");
    for words in [
        "rank 0, gid 0; stands by for cellar",
        "rank 1, gid 1; not asked",
        "rank 2, gid 2; silent: no <answer> & so on; isolated",
        "10.0.0.9:2901                     silent:",
        "no view yet, 0 members, core not known, lost in office",
    ] {
        assert!(lines.contains(words), "{words} in\n{lines}");
    }
    let tree = Tree::of(&told);
    let shades = text::lines(&tree, &same);
    assert_eq!(shades.iter().filter(|line| line.shade == Shade::Bad).count(), 2, "{shades:#?}");
    let picture = svg::picture(&tree, &same);
    assert_readable(&picture);
    assert!(picture.contains("no &lt;answer&gt; &amp; so on"), "{picture}");
    assert_eq!(data::json(&tree)["mservers"][2]["told"], "nothing");
}

#[test]
fn each_side_of_a_partition_has_its_own_view() {
    let all: Vec<String> = (1..=4).map(|n| format!("10.0.0.{n}:2900")).collect();
    let side = |own: &String, members: &[String]| {
        told(own, seat(own, "office", 1, members, None), json!([]))
    };
    let told: Vec<Told> = vec![
        side(&all[0], &all[..2]),
        side(&all[1], &all[..2]),
        side(&all[2], &all[2..]),
        side(&all[3], &all[2..]),
    ];
    let tree = Tree::of(&told);
    assert!(tree.sets.len() == 2 && tree.sets.iter().all(|set| set.parted), "{tree:#?}");
    assert_eq!(drawn(&told).iter().filter(|l| l.contains("one of several sides")).count(), 2);
}

#[test]
fn who_was_cut_off_and_does_not_know_yet_is_a_side_of_its_own_whoever_is_asked_first() {
    let all: Vec<String> = (1..=4).map(|n| format!("10.0.0.{n}:2900")).collect();
    for cut in 0..4 {
        let rest: Vec<String> = all.iter().filter(|who| **who != all[cut]).cloned().collect();
        let view = |own: &String| match *own == all[cut] {
            true => told(own, seat(own, "office", 1, &all, None), json!([])),
            false => told(own, seat(own, "office", 1, &rest, None), json!([])),
        };
        let tree = Tree::of(&all.iter().map(view).collect::<Vec<_>>());
        let mut sizes: Vec<usize> = tree.sets.iter().map(|set| set.told_by.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 3], "{tree:#?}");
    }
}

#[test]
fn statistics_of_other_hosts_tell_what_they_tell_and_the_rest_is_said_to_be_unknown() {
    let members = ["10.0.0.1:2900", "10.0.0.2:2900"].map(str::to_string);
    let mut one = told(&members[0], seat(&members[0], "nps", 2, &members, None), Value::Null);
    one.source = Source::Remote;
    let lines = drawn(&[one]);
    assert!(lines[1].ends_with("rank 0, gid 0; what is below is not told"), "{lines:#?}");
    assert!(lines[2].ends_with("rank 1, gid 1; not asked"), "{lines:#?}");
}

#[test]
fn a_graph_has_a_cluster_for_each_set_and_names_are_quoted() {
    let graph = data::dot(&Tree::of(&campus(2, 1)), &|address| format!("\"{address}\""));
    assert_eq!(graph.matches("subgraph cluster_").count(), 3);
    assert!(graph.contains("[label=\"\\\"10.1.0.1:2900\\\"\"]"), "{graph}");
    assert_eq!(graph.matches('{').count(), graph.matches('}').count());
}

#[test]
fn daemons_that_lie_cannot_make_a_drawing_endless() {
    // Each takes the other for its parent, on every level.
    let members = ["10.0.0.1:2900", "10.0.0.2:2900"].map(str::to_string);
    let mut told = Vec::new();
    for (n, own) in members.iter().enumerate() {
        for level in [3, 2, 1] {
            let parent = Some(members[1 - n].as_str());
            told.push(self::told(
                own,
                seat(own, &format!("s{level}"), level, &members, parent),
                json!([]),
            ));
        }
    }
    let lines = drawn(&told);
    assert!(lines.len() < 40, "{lines:#?}");
    assert_readable(&svg::picture(&Tree::of(&told), &same));
}
