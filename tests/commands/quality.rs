//! What the creator of a group chooses, from a shell: shown to all, kept, or refused.

use super::{Going, World, host, ms, of_size};
use membership::client::Qos;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

#[test]
fn what_was_chosen_is_shown_to_all_whoever_created_the_group() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _two) = (host(&world, 1), host(&world, 2));
    let args =
        ["join", "--monitor", "fixed 5s x 3", "--roster", "count", "--name-scope", "1", "db"];
    let first = Going::start(&world, 1, "a", &args);
    first.await_line("db 1.1 created: 1 member, rank 0, gid 0");
    for line in [
        "  * monitor fixed 5s x 3",
        "  * roster count",
        "  * name-scope 1",
        "  * membership-scope 1",
        "  * who does not answer is out within 25000 ms",
    ] {
        first.await_line(line);
    }
    // What the second one would choose does not count.
    let second = Going::start(&world, 2, "b", &["join", "--json", "--monitor", "adaptive", "db"]);
    let qos = second.await_event("its first view", of_size(2))["qos"].clone();
    let all = |qos: &Value| {
        let words = ["order", "batch", "monitor", "roster", "survive", "merge", "name_scope"];
        words.map(|word| qos[word].as_str().unwrap().to_string()).join("; ")
    };
    let said = "strong; off; fixed 5s x 3; count; all; name; 1";
    assert_eq!((all(&qos), &qos["detection_ms"]), (said.into(), &25_000.into()));

    for number in [1, 2] {
        let (_, text, _) = ms(&world, number, &["view", "db"]);
        let words = "order strong, batch off, monitor fixed 5s x 3, roster count, survive all, merge name, \
                     name-scope 1, membership-scope 1";
        assert_eq!(text.lines().nth(1), Some(format!("    {words}").as_str()));
        let (_, text, _) = ms(&world, number, &["view", "--json", "db"]);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["qos"], qos);
        let at = world.ip(number).to_string();
        let groups = |args: &[&str]| {
            let args = [&["groups", "--run-dir", "run"], args, &[&at]].concat();
            let output = world.command(&args).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let text = groups(&[]);
        assert!(text.contains("; monitor fixed 5s x 3; roster count; name-scope 1; "), "{text}");
        let json: Value = serde_json::from_str(&groups(&["--json"])).unwrap();
        assert_eq!(json["groups"][0]["qos"], qos);
    }
}

#[test]
fn where_only_the_size_is_told_it_is_told_at_every_change() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let first = Going::start(&world, 1, "a", &["join", "--json", "--roster", "count", "db"]);
    first.await_event("its first view", of_size(1));
    let mut second = Going::start(&world, 1, "b", &["join", "--json", "db"]);
    let (here, there) =
        (first.await_event("two", of_size(2)), second.await_event("two", of_size(2)));
    assert_eq!((&here["rank"], &there["rank"]), (&0.into(), &1.into()));
    assert_eq!((&here["came"], &there["roster"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    second.signal(Signal::SIGTERM);
    assert_eq!(second.ends(), 0);
    let left = first.await_event("it left", |event| event["reason"] == "left");
    assert_eq!((&left["size"], &left["gone"]), (&1.into(), &Value::Array(vec![])));
    // Who asks is told.
    assert!(ms(&world, 1, &["members", "db"]).1.starts_with("0 0 "));
}

#[test]
fn a_member_that_hangs_is_out_within_the_bound_that_was_printed() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _two) = (host(&world, 1), host(&world, 2));
    let first = Going::start(&world, 1, "a", &["join", "--monitor", "fixed 100ms x 2", "db"]);
    let line = first.await_line("who does not answer is out within");
    let words: Vec<&str> = line.split(' ').collect();
    let bound = Duration::from_millis(words[words.len() - 2].parse().unwrap());
    assert_eq!(bound, Duration::from_millis(400));
    // On another host, which learns of the bound from the group.
    let mut second = Going::start(&world, 2, "b", &["join", "--json", "--no-rejoin", "db"]);
    second.await_event("its first view", of_size(2));
    first.await_line("joined: 2 members");
    let since = Instant::now();
    second.signal(Signal::SIGSTOP);
    first.await_line("failed: 1 member, rank 0");
    let took = since.elapsed();
    // What the bound does not have in it: the change itself, and a host that runs other tests.
    assert!(took < bound + Duration::from_millis(800), "{took:?} of {bound:?}");
    assert!(took > Duration::from_millis(200), "{took:?}: all retries were made");
    second.signal(Signal::SIGCONT);
    assert_eq!(second.ends(), 1);
}

#[test]
fn what_is_not_carried_out_is_refused_by_its_name() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    for (name, words) in [
        ("order", "weak"),
        ("batch", "10 or 50ms"),
        ("monitor", "fixed 1s x 3"),
        ("roster", "count"),
        ("survive", "majority and size >= 1"),
        ("merge", "none"),
    ] {
        let mut qos = Qos::default();
        qos.set(name, words).unwrap();
        let option = format!("--{name}");
        let (code, text, said) = ms(&world, 1, &["join", "--count", "1", &option, words, name]);
        match qos.supported() {
            Ok(()) => assert_eq!((code, said.as_str()), (0, ""), "{name}: {text}"),
            Err(why) => {
                assert_eq!((code, text.as_str()), (1, ""));
                assert_eq!(said, format!("ms: {name}: {why} (code 26)\n"));
                assert_eq!(ms(&world, 1, &["view", name]).0, 1, "nothing was created");
            }
        }
    }
}
