//! `ms tree`, of daemons that run.

use super::{Going, World, eventually, host, of_size};
use serde_json::Value;

/// A parent of the office, or one that stands by.
fn parent(world: &World, number: u8) -> super::world::Daemon {
    let hub = world.ip(9).to_string();
    let rest = ["--profile", "fast", "--state-dir", ".", "--child", "office", "campus", &hub];
    let daemon = world.spawn("mserver", number, &rest);
    daemon.await_log("ready");
    daemon
}

fn tree(world: &World, args: &[&str]) -> (i32, String, String) {
    world.run(&[&["tree", "-c", "ms.conf"], args].concat())
}

#[test]
fn sets_parents_stand_bys_lans_and_groups_are_drawn() {
    let world = World::new();
    world.write("ms.groups", &format!("office {}\n", world.at(9)));
    let _hub = world.mcaster(9, &[]);
    let (one, two) = (host(&world, 1), host(&world, 2));
    let (first, second) = (parent(&world, 4), parent(&world, 5));
    let member = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    member.await_event("its first view", of_size(1));
    let ip = |number: u8| world.ip(number).to_string();
    let text = eventually("the whole tree", || {
        let (code, text, said) = tree(&world, &["--run-dir", "run"]);
        assert_eq!((code, said.as_str()), (0, ""), "{text}");
        let there = ["set campus", "parent ", "stands by for office", "core of orders"];
        there.iter().all(|words| text.contains(words)).then_some(text)
    });
    for words in [
        "├─ ".to_string() + &ip(4),
        format!("{}:2901", ip(1)),
        "built in; orders".to_string(),
        "built in; no members".to_string(),
        format!("mcaster {}", world.at(9)),
        "1 member, core lan-127-66-".to_string(),
    ] {
        assert!(text.contains(&words), "{words} in\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours but for a terminal: {text}");
    // What is normal at boot, and of who stands by, is no warning to anybody.
    for daemon in [&one, &two, &first, &second] {
        let log = daemon.log();
        let quiet = ["there is a parent", "sync-of-a-stranger", "answer-not-expected"];
        assert!(!quiet.iter().any(|words| log.contains(words)), "{log}");
    }

    let (_, json, _) = tree(&world, &["--run-dir", "run", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["sets"][0]["set"], "campus");
    assert_eq!(json["groups"][0]["group"], "orders");
    let (_, picture, _) = tree(&world, &["--run-dir", "run", "--svg", "-"]);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    let (code, out, _) = tree(&world, &["--run-dir", "run", "--svg", "tree.svg"]);
    assert_eq!((code, out.as_str(), world.read("tree.svg").len() > 1000), (0, "", true));
    let (_, graph, _) = tree(&world, &["--run-dir", "run", "--dot"]);
    assert!(graph.starts_with("digraph membership {"), "{graph}");
    let (code, _, said) = tree(&world, &["--dot", "--json"]);
    assert!(code == 64 && said.contains("must be one of them"), "{said}");
}

#[test]
fn other_hosts_tell_their_sets_by_statistics_and_nothing_more() {
    let world = World::new();
    world.write("ms.groups", &format!("office {}\n", world.at(9)));
    let _hub = world.mcaster(9, &[]);
    let (_one, _two, parent) = (host(&world, 1), host(&world, 2), parent(&world, 4));
    let one = world.ip(1).to_string();
    let text = eventually("both sets", || {
        // As from another host: the control sockets are elsewhere.
        let (code, text, said) = tree(&world, &["--run-dir", "elsewhere", &one]);
        assert_eq!((code, said.as_str()), (0, ""));
        (text.contains("set campus") && text.contains("set office")).then_some(text)
    });
    assert_eq!(text.matches("what is below is not told").count(), 2, "{text}");
    assert!(!text.contains("built in") && !text.contains("orders"), "{text}");
    parent.kill();
    let text = eventually("it is missed", || {
        let (_, text, _) = tree(&world, &["--run-dir", "elsewhere", &one]);
        let missed = text.contains("silent: no answer in 1000 ms") || !text.contains("set campus");
        missed.then_some(text)
    });
    assert!(text.contains("set office"), "{text}");
}

#[test]
fn a_mserver_that_does_not_allow_us_is_said_to() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let hub = world.ip(9).to_string();
    let rest = ["--profile", "fast", "--state-dir", ".", "--allow", "10.9.9.9/32", "office", &hub];
    let one = world.spawn("mserver", 1, &rest);
    one.await_log("ready");
    let (code, out, said) = tree(&world, &["--run-dir", "elsewhere", &world.ip(1).to_string()]);
    assert_eq!((code, out.as_str()), (77, ""), "{said}");
    assert!(said.contains("not allowed: see --allow of mserver(8)"), "{said}");
}

#[test]
fn what_changes_is_marked_while_it_is_watched() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let file = std::fs::File::create(world.path("watched")).unwrap();
    let args = ["tree", "-c", "ms.conf", "--run-dir", "run", "--watch"];
    let mut watching = world.command(&args).stdout(file).spawn().unwrap();
    let await_line = |start: &str, words: &str| {
        eventually(&format!("{start}{words}"), || {
            let text = world.read("watched");
            text.lines().any(|l| l.starts_with(start) && l.contains(words)).then_some(())
        });
    };
    await_line("  set office", "1 member");
    let two = host(&world, 2);
    await_line("~ set office", "2 members");
    await_line("+ ", &world.ip(2).to_string());
    two.kill();
    await_line("- ", &world.ip(2).to_string());
    watching.kill().unwrap();
    watching.wait().unwrap();
}
