//! `ms mgr apply` and `export` on real daemons, without root: a file, and the hierarchy that it describes.
//!
//! Every wait is for a condition and has a deadline.

mod broken;
mod groups;
mod world;

use world::{World, eventually, lines_behind};

const FLAT: &str = "set west% {
    level 1
    mserver @1
    mserver @2
    mserver @3
    mserver @4
}
";

const TWO_LEVELS: &str = "set top% {
    level 2
    mserver @8
    mserver @9
}

set east% {
    level 1
    parent @9
    mserver @3
    mserver @4
}

set west% {
    level 1
    parent @8
    mserver @1
    mserver @2
}
";

fn flat(world: &mut World) {
    (1..5).for_each(|host| world.start(&format!("ms mserver --interface @{host} west%")));
    world.together(&[1, 2, 3, 4], "west%", 4);
}

/// As the file says, with everything that it says running.
fn two_levels(world: &mut World) {
    for line in [
        "ms mserver --interface @8 --child west% top%",
        "ms mserver --interface @9 --child east% top%",
        "ms mserver --interface @1 west%",
        "ms mserver --interface @2 west%",
        "ms mserver --interface @3 east%",
        "ms mserver --interface @4 east%",
    ] {
        world.start(line);
    }
    world.together(&[8, 9], "top%", 2);
    world.together(&[1, 2], "west%", 3);
    world.together(&[3, 4], "east%", 3);
}

#[test]
fn a_flat_set_becomes_a_campus_of_two_levels() {
    let mut world = World::new(1);
    flat(&mut world);
    let (code, text) = world.apply(FLAT);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("nothing to do: the hierarchy is as campus says"), "{text}");

    // What is not running cannot be started from here: the rest is done, and that is said.
    let (code, text) = world.apply(TWO_LEVELS);
    assert_eq!(code, 75, "{text}");
    assert!(text.contains("split: 127.95.1.3 127.95.1.4 of west1 become the set east1"), "{text}");
    assert!(text.contains("  + set east1\n"), "{text}");
    world.together(&[3, 4], "east%", 2);
    let (_, text) = world.mgr(&["apply", "--yes", "campus"]);
    let by_hand: Vec<String> = lines_behind(&text, "! start on ");
    assert_eq!(by_hand.len(), 2, "{text}");
    for line in by_hand {
        world.start(line.split_once(": ").unwrap().1);
    }
    world.together(&[1, 2], "west%", 3);
    world.together(&[3, 4], "east%", 3);
    world.together(&[8, 9], "top%", 2);

    let (code, text) = world.mgr(&["apply", "campus"]);
    assert_eq!(code, 0, "nothing to ask for: {text}");
    assert!(text.contains("nothing to do"), "{text}");
    for server in ["@4", "@9"] {
        let (code, text) = world.mgr(&["export", &world.text(server)]);
        assert_eq!((code, text), (0, world.text(TWO_LEVELS)), "from {server}");
    }
}

#[test]
fn a_campus_that_stands_is_changed_at_run_time() {
    let mut world = World::new(2);
    two_levels(&mut world);
    // One host moves, and the parents change places.
    let other = "set top% {\n level 2\n mserver @8\n mserver @9\n}
        set east% {\n parent @8\n mserver @2\n mserver @3\n mserver @4\n}
        set west% {\n parent @9\n mserver @1\n}";
    world.write("campus", other);
    let before = world.mgr(&["export", &world.text("@1")]);
    let (code, text) = world.mgr(&["apply", "--dry-run", "campus"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("  6. add-parent: "), "{text}");
    assert!(text.contains("nothing is changed"), "{text}");
    assert_eq!(world.mgr(&["export", &world.text("@1")]), before);

    let (code, text) = world.answer(other, "no\n");
    assert_eq!(code, 75, "{text}");
    assert!(text.contains("not carried out; nothing changed"), "{text}");
    assert_eq!(world.mgr(&["export", &world.text("@1")]), before);

    let (code, text) = world.answer(other, "y\n");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("verified: the hierarchy is as campus says"), "{text}");
    world.together(&[2, 3, 4], "east%", 4);
    world.together(&[1], "west%", 2);
    assert_eq!(world.status(8)["child"]["set"], "east2");
    let (code, text) = world.apply(other);
    assert!(code == 0 && text.contains("nothing to do"), "{text}");

    // Back, at once: with what is smaller by name as the one that stays.
    let (code, text) = world.apply(TWO_LEVELS);
    assert_eq!(code, 0, "{text}");
    let one = "set top% {\n level 2\n mserver @8\n mserver @9\n}
        set east% {\n parent @8 @9\n mserver @1\n mserver @2\n mserver @3\n mserver @4\n}";
    let (code, text) = world.apply(one);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("merge: west2 becomes part of east2"), "{text}");
    world.together(&[1, 2, 3, 4], "east%", 5);
}

#[test]
fn lans_and_their_member_interfaces_are_part_of_it() {
    let mut world = World::new(3);
    world.write("ms.groups", "office% 239.195.3.77\n");
    world.start("ms mserver --interface @1 --lan office% west%");
    world.start("ms mserver --interface @2 --mi west%");
    world.start("ms mserver --interface @3 west%");
    world.together(&[1, 2, 3], "west%", 3);
    let file = "set west% {
    level 1
    mserver @1 lan office%
    mserver @2 mi
    mserver @3
}

lan office% {
    address 239.195.3.77
    mi @101 @102:2955
}
";
    let (code, text) = world.apply(file);
    assert_eq!(code, 75, "{text}");
    let by_hand = lines_behind(&text, "! start on ");
    assert_eq!(by_hand.len(), 2, "{text}");
    for line in by_hand {
        world.start(line.split_once(": ").unwrap().1);
    }
    eventually("the member interfaces are registered", || {
        world.mgr(&["apply", "--yes", "campus"]).0 == 0
    });
    let (code, text) = world.mgr(&["export", &world.text("@3")]);
    assert_eq!((code, text), (0, world.text(file)));
    let (code, text) = world.mgr(&["stats", "--long", &world.text("@1"), &world.text("office%")]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(": lan office3, member interfaces: 2\n"), "{text}");
    assert!(text.contains("  mi 127.95.3.102:2955 "), "{text}");
    // The same lines for all of it.
    let (code, text) = world.mgr(&["apply", "--commands", "campus"]);
    assert_eq!(code, 0);
    assert!(text.contains("#     office3 239.195.3.77\n"), "{text}");
    assert!(text.contains("\nms mserver --interface 127.95.3.1 --lan office3 west3\n"), "{text}");
    assert!(text.contains(" --port 2955 --lan office3 127.95.3.1\n"), "{text}");

    // What cannot change while a daemon runs is said, with the command line that would be right.
    let other = file.replace("mserver @2 mi", "mserver @2").replace(" @102:2955", "");
    let (code, text) = world.apply(&other);
    assert_eq!(code, 75, "{text}");
    let restart = "! restart on 127.95.3.2 with: ms mserver --interface 127.95.3.2 west3 (it has a member \
                   interface built in)";
    assert!(text.contains(restart), "{text}");
    assert!(text.contains("! stop on 127.95.3.102: the member interface at"), "{text}");
}

#[test]
fn sets_that_are_heard_from_an_mcaster_move_as_well() {
    let mut world = World::new(12);
    world.write("ms.groups", "west% @100\neast% @100\ntop% @100\n");
    world.start("ms mcaster --interface @100");
    flat(&mut world);
    world.start("ms mserver --interface @8 --child west% top%");
    world.start("ms mserver --interface @9 --child west% top%");
    world.together(&[8, 9], "top%", 2);
    world.together(&[1, 2, 3, 4], "west%", 5);
    let file = TWO_LEVELS
        .replace("    level 1\n", "    address @100\n")
        .replace("level 2", "address @100");
    let (code, text) = world.apply(&file);
    assert_eq!(code, 0, "{text}");
    world.together(&[3, 4], "east%", 3);
    let (code, text) = world.apply(&file);
    assert!(code == 0 && text.contains("nothing to do"), "{text}");
    // One by one: each leaves its group at the mcaster, and is in the other one.
    let moved =
        file.replace("    mserver @2\n", "").replace("mserver @3", "mserver @2\n    mserver @3");
    let (code, text) = world.apply(&moved);
    assert_eq!(code, 0, "{text}");
    world.together(&[2, 3, 4], "east%", 4);
}
