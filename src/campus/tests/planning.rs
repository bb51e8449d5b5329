//! From one hierarchy to another.

use super::*;

fn steps(from: &str, to: &str) -> Vec<String> {
    let plan = plan(&live(from, 0), &parse(to).unwrap());
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_hierarchy_that_is_as_it_is_wanted_needs_nothing() {
    let wanted = parse(TWO_LEVELS).unwrap();
    let live = live(TWO_LEVELS, 3);
    let found = plan(&live, &wanted);
    assert_eq!((found.steps, found.chores), (vec![], vec![]));
    assert_eq!(diff(&live.campus(), &wanted), "");
    assert_eq!(live.campus(), wanted);
}

const FLAT: &str = "
    set all { mserver 10.0.0.1\n mserver 10.0.0.2\n mserver 10.0.0.3 }
    set below { parent 10.0.0.8 10.0.0.9\n mserver 10.0.0.5 }
    set top { mserver 10.0.0.8\n mserver 10.0.0.9 }
";

#[test]
fn a_flat_set_becomes_two_with_parents() {
    let to = "
        set all { parent 10.0.0.8\n mserver 10.0.0.1 }
        set east { parent 10.0.0.9\n mserver 10.0.0.2\n mserver 10.0.0.3 }
        set top { mserver 10.0.0.8\n mserver 10.0.0.9 }
        set below { mserver 10.0.0.5 }";
    let expected = [
        "stand down: 10.0.0.9 no longer waits to be the parent of below",
        "del-parent: 10.0.0.8 is no longer the parent of below",
        "split: 10.0.0.2 10.0.0.3 of all become the set east",
        "add-parent: 10.0.0.8 becomes the parent of all",
        "add-parent: 10.0.0.9 becomes the parent of east",
    ];
    assert_eq!(steps(FLAT, to), expected);
    let lines = diff(&live(FLAT, 0).campus(), &parse(to).unwrap());
    let expected = "  ~ set all
      - mserver 10.0.0.2
      - mserver 10.0.0.3
      + parent 10.0.0.8
  ~ set below
      - parent 10.0.0.8 10.0.0.9
  + set east
      + level 1
      + mserver 10.0.0.2
      + mserver 10.0.0.3
      + parent 10.0.0.9
";
    assert_eq!(lines, expected);
}

#[test]
fn a_parent_is_relieved_when_another_one_waits() {
    let to = FLAT.replace("parent 10.0.0.8 10.0.0.9", "parent 10.0.0.9");
    assert_eq!(
        steps(FLAT, &to),
        ["del-parent: 10.0.0.8 is no longer the parent of below, 10.0.0.9 takes over"]
    );
    let one = FLAT.replace("parent 10.0.0.8 10.0.0.9", "parent 10.0.0.8");
    // The one that has been idle had a lan until now: that cannot change while it runs.
    let found = plan(&live(&one, 0), &parse(&to).unwrap());
    let restart = "restart on 10.0.0.9 with: ms mserver --interface 10.0.0.9 --child below top (it has \
                   the lan lan-10-0-0-9 below, the parent of below has none)";
    assert_eq!(found.chores.iter().map(ToString::to_string).collect::<Vec<_>>(), [restart]);
    assert_eq!(found.steps, [], "the old one stays until there is somebody to follow it");
}

#[test]
fn sets_change_their_parents_with_each_other() {
    let text = |p, q| {
        format!(
            "set x {{ parent 10.0.0.{p}\n mserver 10.0.0.1 }}
        set y {{ parent 10.0.0.{q}\n mserver 10.0.0.2 }}
        set top {{ mserver 10.0.0.8\n mserver 10.0.0.9 }}"
        )
    };
    let expected = [
        "del-parent: 10.0.0.8 is no longer the parent of x",
        "stand by: 10.0.0.8 waits to be the parent of y",
        "del-parent: 10.0.0.9 is no longer the parent of y, 10.0.0.8 takes over",
        "add-parent: 10.0.0.9 becomes the parent of x",
    ];
    assert_eq!(steps(&text(8, 9), &text(9, 8)), expected);
}

#[test]
fn a_mserver_moves_and_a_set_is_dissolved() {
    let from = "set a { mserver 10.0.0.1\n mserver 10.0.0.2 }\nset b { mserver 10.0.0.3\n mserver 10.0.0.4 }";
    let to = "set a { mserver 10.0.0.1 }\nset b { mserver 10.0.0.2\n mserver 10.0.0.3\n mserver 10.0.0.4 }";
    assert_eq!(steps(from, to), ["leave: 10.0.0.2 leaves a", "join: 10.0.0.2 joins b of level 1"]);
    let one = "set a { mserver 10.0.0.1\n mserver 10.0.0.2\n mserver 10.0.0.3\n mserver 10.0.0.4 }";
    assert_eq!(steps(from, one), ["merge: b becomes part of a"]);
    let gone = plan(&live(from, 0), &parse("set b { mserver 10.0.0.4 }").unwrap());
    let said: Vec<String> = gone.steps.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["leave: 10.0.0.3 leaves b"], "of set a, nothing is said");
    assert_eq!(gone.chores.len(), 1, "{:?}", gone.chores);
    let renamed = "set c { mserver 10.0.0.1\n mserver 10.0.0.2 }";
    let expected = [
        "split: 10.0.0.1 of a become the set c",
        "leave: 10.0.0.2 leaves a",
        "join: 10.0.0.2 joins c of level 1",
    ];
    assert_eq!(steps(from, renamed), expected);
}

#[test]
fn daemons_that_do_not_run_are_started_by_hand() {
    let wanted = parse(TWO_LEVELS).unwrap();
    let mut some = answers(&wanted, 0);
    some.retain(|answer| ![at("10.0.0.8"), at("10.0.0.3")].contains(&answer.who));
    for answer in &mut some {
        if let Some(lan) = &mut answer.lan {
            lan.mis.remove(&at("10.0.0.101:2901"));
        }
    }
    let live = Live::of(some);
    assert_eq!(live.silent(), BTreeSet::from([at("10.0.0.3"), at("10.0.0.8")]));
    let said: Vec<String> = plan(&live, &wanted).chores.iter().map(ToString::to_string).collect();
    let expected = [
        "start on 10.0.0.101: ms mi --interface 10.0.0.101 --lan a 10.0.0.1",
        "see to 10.0.0.3: set east has it as a member, but it does not answer us",
        "see to 10.0.0.8: set top has it as a member, but it does not answer us",
    ];
    assert_eq!(said, expected);
    let nobody = plan(&Live::default(), &wanted);
    assert_eq!((nobody.steps.len(), nobody.chores.len()), (0, 9));
}

#[test]
fn groups_are_not_cut_off_unseen() {
    let told = |from: &str, to: &str| {
        let before = live(from, 3);
        let found = plan(&before, &parse(to).unwrap());
        orphans(&before, &found.after)
    };
    let text = |west: &str, more: &str| {
        format!(
            "set west {{ {west}\n mserver 10.0.0.1\n{more} }}
        set east {{ parent 10.0.0.9\n mserver 10.0.0.3 }}
        set top {{ mserver 10.0.0.8\n mserver 10.0.0.9 }}"
        )
    };
    let from = text("parent 10.0.0.8", "mserver 10.0.0.2");
    assert_eq!(told(&from, &from), [""; 0]);
    assert_eq!(
        told(&from, &text("", "mserver 10.0.0.2")),
        ["set west knows 3 groups and would lose its parent"]
    );
    assert_eq!(
        told(&from, &text("parent 10.0.0.8", "")),
        ["mserver 10.0.0.2 of set west has groups below and would be in no set"]
    );
    let south = format!("{}\nset south {{ mserver 10.0.0.2 }}", text("parent 10.0.0.8", ""));
    let why = "set west knows 3 groups, and its mservers would be in sets that nothing joins";
    assert_eq!(told(&from, &south), [why]);
    // Where they meet above, it is no loss.
    let moved = from
        .replace("mserver 10.0.0.2", "")
        .replace("mserver 10.0.0.3", "mserver 10.0.0.3\nmserver 10.0.0.2");
    assert_eq!(told(&from, &moved), [""; 0]);
    assert_eq!(orphans(&live(&from, 0), &Live::default()), [""; 0], "there are no groups");
    let gone = orphans(&live("set x { mserver 10.0.0.1 }", 1), &Live::default());
    assert_eq!(gone, ["set x knows 1 group and would lose its last mserver"]);
}
