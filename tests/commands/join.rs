//! `ms join`.

use super::{Going, World, host, ms, of_size};
use nix::sys::signal::Signal;

#[test]
fn views_are_told_in_json_with_all_that_a_checker_needs() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _two) = (host(&world, 1), host(&world, 2));
    let mut first = Going::start(&world, 1, "a", &["join", "--json", "--tag", "role=db", "orders"]);
    let alone = first.await_event("its first view", of_size(1));
    let mut second = Going::start(&world, 2, "b", &["join", "--json", "orders"]);
    let (here, there) =
        (first.await_event("two", of_size(2)), second.await_event("two", of_size(2)));

    for key in ["group", "incarnation", "term", "number", "digest", "size"] {
        assert!(!here[key].is_null() && here[key] == there[key], "{key}: {here} {there}");
    }
    assert_eq!((&here["rank"], &there["rank"]), (&0.into(), &1.into()));
    assert_eq!(alone["reason"], "created");
    assert_eq!(here["came"][0]["member"], there["member"]);
    // What follows from the view before is not told again; to a newcomer all is told.
    assert!(here["roster"].is_null(), "{here}");
    assert_eq!(there["roster"][0]["tag"], "role=db");
    assert_eq!(there["roster"][0]["member"], alone["member"]);
    assert_eq!(there["roster"][1]["gid"], there["gid"]);

    second.signal(Signal::SIGINT);
    assert_eq!(second.ends(), 0);
    let after = first.await_event("it left", |event| event["reason"] == "left");
    assert_eq!(after["gone"][0]["gid"], there["gid"]);
    first.signal(Signal::SIGTERM);
    assert_eq!(first.ends(), 0);
}

#[test]
fn who_is_killed_has_failed_and_the_others_are_told() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let first = Going::start(&world, 1, "a", &["join", "orders"]);
    first.await_line("orders 1.1 created: 1 member, rank 0, gid 0");
    let second = Going::start(&world, 1, "b", &["join", "--tag", "x=y", "orders"]);
    second.await_line("orders 1.2 joined: 2 members, rank 1, gid 1");
    second.await_line(&format!("  + gid 1 at {}:2901, x=y", world.ip(1)));
    second.signal(Signal::SIGKILL);
    first.await_line("orders 1.3 failed: 1 member, rank 0, gid 0");
    first.await_line(&format!("  - gid 1 at {}:2901, x=y", world.ip(1)));
}

#[test]
fn it_ends_after_as_many_views_as_it_was_told() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let (code, text, said) = ms(&world, 1, &["join", "--count", "1", "orders"]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert!(text.starts_with("orders 1.1 created: 1 member, rank 0, gid 0\n"), "{text}");
    // It has left in good order.
    assert_eq!(ms(&world, 1, &["view", "orders"]).0, 1);
}

#[test]
fn a_hook_has_the_event_in_its_environment_and_on_its_input() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let script = "echo $MS_EVENT $MS_REASON $MS_GROUP $MS_TERM.$MS_VIEW of $MS_SIZE: $MS_RANK \
                  $MS_GID +$MS_CAME -$MS_GONE $MS_INCARNATION $MS_MEMBER; cat; exit 3";
    let args = ["join", "orders", "--", "sh", "-c", script];
    let mut first = Going::start(&world, 1, "a", &args);
    let line = first.await_line("view created orders 1.1 of 1: 0 0 +0 -");
    let origin = format!("{}:2901/", world.ip(1));
    assert_eq!(line.matches(&origin).count(), 2, "{line}");
    let event = first.await_event("JSON", of_size(1));
    assert_eq!(event["roster"][0]["gid"], 0);
    // How it ends is told, and changes nothing.
    first.await_line("ms: sh: exit status 3");

    let (code, ..) = ms(&world, 1, &["join", "--count", "1", "orders"]);
    assert_eq!(code, 0);
    first.await_line("view joined orders 1.2 of 2: 0 0 +1 -");
    first.await_line("view left orders 1.3 of 1: 0 0 + -1");
    let event = first.await_event("the whole roster again", |event| event["number"] == 3);
    assert_eq!(event["roster"].as_array().unwrap().len(), 1);
    first.signal(Signal::SIGTERM);
    assert_eq!(first.ends(), 0);
}

#[test]
fn a_hook_is_told_of_a_merge_and_of_its_new_name() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let script = "echo $MS_EVENT $MS_REASON $MS_GROUP was $MS_FROM: $MS_SIZE";
    let red = Going::start(&world, 1, "a", &["join", "red", "--", "sh", "-c", script]);
    let blue = Going::start(&world, 1, "b", &["join", "blue", "--", "sh", "-c", script]);
    red.await_line("view created red was : 1");
    blue.await_line("view created blue was : 1");
    assert_eq!(ms(&world, 1, &["merge", "red", "blue"]).0, 0);
    blue.await_line("renamed red was blue:");
    blue.await_line("view merged red was : 2");
    red.await_line("view merged red was : 2");
}

#[test]
fn a_member_interface_that_comes_back_has_a_new_member() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let one = host(&world, 1);
    let mut stays = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    let mut goes = Going::start(&world, 1, "b", &["join", "--json", "--no-rejoin", "jobs"]);
    stays.await_event("its first view", of_size(1));
    goes.await_event("its first view", of_size(1));
    one.kill();
    let lost = stays.await_event("it is told", |event| event["event"] == "disconnected");
    assert_eq!((&lost["rejoins"], &lost["last"]["number"]), (&true.into(), &1.into()));
    assert_eq!(goes.ends(), 69);

    let _one = host(&world, 1);
    let anew = stays.await_event("it is one again", |event| event["event"] == "rejoined");
    assert_eq!(anew["was"], lost["member"]);
    stays.signal(Signal::SIGTERM);
    assert_eq!(stays.ends(), 0);
}

#[test]
fn it_waits_for_a_member_interface_if_it_is_told_to() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let early = Going::start(&world, 1, "a", &["join", "--wait", "orders"]);
    let _one = host(&world, 1);
    early.await_line("orders 1.1 created");
}
