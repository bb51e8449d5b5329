//! The calls, one command each.

use super::{Going, World, eventually, host, ms, of_size};
use nix::sys::signal::Signal;
use serde_json::Value;

#[test]
fn the_view_is_shown_to_who_is_no_member() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _two) = (host(&world, 1), host(&world, 2));
    let member = Going::start(&world, 1, "a", &["join", "--json", "--tag", "a b", "orders"]);
    let told = member.await_event("its first view", of_size(1));

    let (code, text, _) = ms(&world, 2, &["view", "--json", "orders"]);
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0);
    for key in ["incarnation", "term", "number", "digest", "size", "roster"] {
        assert_eq!(shown[key], told[key], "{key}");
    }
    let (_, text, _) = ms(&world, 2, &["view", "orders"]);
    assert!(text.starts_with("orders 1.1: 1 member, incarnation "), "{text}");
    assert!(text.contains(told["digest"].as_str().unwrap()), "{text}");

    let (_, text, _) = ms(&world, 2, &["members", "orders"]);
    let life = &told["member"]["incarnation"];
    assert_eq!(text, format!("0 0 {}:2901/{life}/1 a b\n", world.ip(1)));
    let (_, text, _) = ms(&world, 2, &["members", "--json", "orders"]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), told["roster"][0]);
}

#[test]
fn a_member_that_is_made_to_leave_has_left() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _two) = (host(&world, 1), host(&world, 2));
    let mut joins = Going::start(&world, 1, "a", &["join", "orders"]);
    joins.await_line("rank 0, gid 0");
    let script = "trap 'exit 4' TERM; echo begun; while :; do sleep 0.02; done";
    let mut runs = Going::start(&world, 1, "b", &["run", "orders", "--", "sh", "-c", script]);
    joins.await_line("+ gid 1");
    runs.await_line("begun");

    // Only its own host can.
    let (code, _, said) = ms(&world, 2, &["leave", "orders", "1"]);
    assert_eq!((code, said.as_str()), (1, "ms: orders: no member here has gid 1\n"));
    assert_eq!(ms(&world, 1, &["leave", "orders", "1"]), (0, String::new(), String::new()));
    // When that is back, it is out.
    let (_, text, _) = ms(&world, 2, &["members", "orders"]);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(runs.ends(), 4);
    joins.await_line("orders 1.3 left: 1 member, rank 0, gid 0");

    // The last one, by whichever daemon of the host has it.
    let (code, ..) = world.run(&["leave", "--run-dir", "run", "--no-wait", "orders", "0"]);
    assert_eq!(code, 0);
    assert_eq!(joins.ends(), 0);
    joins.await_line("orders out: left");
}

#[test]
fn a_group_becomes_part_of_another_and_the_other_is_told_its_name() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let red = Going::start(&world, 1, "a", &["join", "--json", "red"]);
    let blue = Going::start(&world, 1, "b", &["join", "--json", "blue"]);
    red.await_event("red", of_size(1));
    blue.await_event("blue", of_size(1));
    assert_eq!(ms(&world, 1, &["merge", "red", "blue"]), (0, String::new(), String::new()));
    let named = blue.await_event("its name", |event| event["event"] == "renamed");
    assert_eq!((&named["from"], &named["group"]), (&"blue".into(), &"red".into()));
    let (one, other) = (red.await_event("both", of_size(2)), blue.await_event("both", of_size(2)));
    assert_eq!(one["digest"], other["digest"]);
    // Gids collided, so one got another.
    assert_eq!(other["renumbered"][0]["was"], 0);
    assert_eq!(other["renumbered"][0]["gid"], other["gid"]);

    let gid = other["gid"].to_string();
    assert_eq!(ms(&world, 1, &["split", "red", "green", &gid]).0, 0);
    let own = blue.await_event("a group of its own", |event| {
        event["event"] == "view" && event["group"] == "green"
    });
    assert_eq!(own["size"], 1);
    red.await_event("it is gone", |event| event["reason"] == "split");
}

#[test]
fn a_watcher_sees_views_come_and_go() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let args = ["watch", "--interval", "0.02", "--count", "4", "orders"];
    let mut watcher = Going::start(&world, 1, "a", &args);
    let json = Going::start(&world, 1, "b", &["watch", "--json", "--interval", "0.02", "orders"]);
    watcher.await_line("orders: there is no such group");
    json.await_event("absent", |event| event["event"] == "absent");
    let first = Going::start(&world, 1, "c", &["join", "orders"]);
    watcher.await_line("orders 1.1: 1 member");
    let mut second = Going::start(&world, 1, "d", &["join", "--tag", "x", "orders"]);
    watcher.await_line("orders 1.2: 2 members");
    watcher.await_line("  + gid 1 at ");
    let two = json.await_event("two", of_size(2));
    assert_eq!(two["roster"].as_array().unwrap().len(), 2);
    second.signal(Signal::SIGTERM);
    assert_eq!(second.ends(), 0);
    watcher.await_line("  - gid 1 at ");
    assert_eq!(watcher.ends(), 0);
    drop(first);
}

#[test]
fn the_daemons_of_a_host_list_their_groups() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (one, _two) = (host(&world, 1), host(&world, 2));
    let first = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    first.await_event("its first view", of_size(1));
    let _second = Going::start(&world, 2, "b", &["join", "orders"]);
    let both = first.await_event("both", of_size(2));

    let groups = |at: &str| -> Value {
        let (code, text, said) = world.run(&["groups", "--json", "--run-dir", "run", at]);
        assert_eq!((code, said.as_str()), (0, ""));
        serde_json::from_str(&text).unwrap()
    };
    // The core has come up to the set of both.
    let listed = eventually("the core", || {
        let listed = groups(&world.ip(2).to_string())["groups"][0].clone();
        (listed["roles"]["office"] == "core" && listed["number"] == both["number"])
            .then_some(listed)
    });
    for key in ["group", "incarnation", "term", "digest", "size"] {
        assert_eq!(listed[key], both[key], "{key}");
    }
    assert_eq!(listed["members"], serde_json::json!([1]));
    let (_, text, _) = world.run(&["groups", "--run-dir", "run"]);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("orders")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines.iter().all(|line| line.contains("2 members; core in office")), "{text}");
    assert_eq!(one.status()["groups"]["roles"]["core"], 1);
    assert_eq!(one.status()["groups"]["roles"]["member"], 1);
}
