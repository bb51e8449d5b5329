//! What an operator sees: status of all, metrics, why a member left, what is traced.

use super::{Going, World, eventually, host, of_size};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a command that asks the daemons of the run directory.
fn asked(world: &World, args: &[&str]) -> (i32, String, String) {
    world.run(&[&args[..1], &["--run-dir", "run"], &args[1..]].concat())
}

/// A member interface that is a daemon of its own, of the mserver on another host.
fn interface(world: &World, number: u8, server: u8) -> super::world::Daemon {
    let server = world.at(server).to_string();
    let rest = ["--profile", "fast", "--state-dir", ".", "--port", "2900", &server];
    let daemon = world.spawn("mi", number, &rest);
    daemon.await_log("ready");
    daemon
}

#[test]
fn a_socket_that_a_dead_daemon_left_keeps_nobody_from_being_shown() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, two) = (host(&world, 1), host(&world, 2));
    two.kill();
    let left = "-2900.ctl: left by a daemon that died; start it again, or remove the file";
    for args in [["status", "all"], ["status", "--json"], ["groups", "all"]] {
        let (code, out, said) = asked(&world, &args);
        assert_eq!(code, 0, "{args:?}: {said}");
        assert!(out.contains(&world.at(1).to_string()), "{args:?}: {out}");
        let line = format!("{}{left}\n", world.ip(2));
        assert!(said.ends_with(&line) && said.lines().count() == 1, "{args:?}: {said}");
    }
    let two = world.ip(2).to_string();
    let (code, out, said) = asked(&world, &["status", &two]);
    assert_eq!((code, out.as_str()), (69, ""), "{said}");
    let (code, out, _) = asked(&world, &["status", "--metrics"]);
    assert_eq!(code, 0);
    for (number, up) in [(1, 1), (2, 0), (9, 1)] {
        let line = format!("membership_up{{daemon=\"{}\"}} {up}\n", world.at(number));
        assert!(out.contains(&line), "{line} in {out}");
    }
}

/// What promtool, where it is installed, has to say of a page; nothing if it is right.
fn linted(page: &str) -> String {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("promtool is not installed: the page is checked by its own test only");
        return String::new();
    };
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn every_kind_of_daemon_has_metrics_that_a_linter_likes() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _mi) = (host(&world, 1), interface(&world, 3, 1));
    let rest = ["--static", "ring", "239.66.0.1", "1", "2", "127.0.0.2", "2", "127.0.0.2"];
    let ring = world.spawn("mserver", 4, &rest);
    ring.await_log("ready");
    let member = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    member.await_event("its first view", of_size(1));
    let (code, page, said) = asked(&world, &["status", "--metrics"]);
    assert_eq!((code, said.as_str()), (0, ""));
    for words in [
        "mode=\"mserver\"",
        "mode=\"mi\"",
        "mode=\"mcaster\"",
        "membership_set_members{",
        "membership_mcaster_groups{",
        "membership_mi_registered{",
        "membership_ring_neighbour_failed{",
        "group=\"orders\"",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert_eq!(linted(&page), "", "{page}");
    let (code, _, said) = asked(&world, &["status", "--metrics", "--json"]);
    assert_eq!(code, 64, "{said}");
}

#[test]
fn why_a_member_failed_is_told_with_who_perceived_it_and_in_which_view() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _two) = (host(&world, 1), host(&world, 2));
    let stays = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    stays.await_event("its first view", of_size(1));
    let goes = Going::start(&world, 2, "b", &["join", "--json", "--tag", "name=mike", "orders"]);
    goes.await_event("both", of_size(2));
    goes.signal(Signal::SIGKILL);
    stays.await_event("it failed", |event| event["reason"] == "failed");
    let mi = format!("{}:2901", world.ip(2));
    for who in ["orders/1", "orders/name=mike", &format!("orders/{}", world.ip(2)), "orders"] {
        let (code, out, said) = asked(&world, &["why", who]);
        assert_eq!((code, said.as_str()), (0, ""), "{who}");
        for words in [
            format!("{} says of {who}:\n", world.at(1)),
            format!("gid 1 at {mi}, name=mike: removed with view "),
            "failed: its member interface said that it failed".to_string(),
            format!("gid 1 at {mi}, name=mike: perceived failed here: its application ended"),
        ] {
            assert!(out.contains(&words), "{who}: {words} in {out}");
        }
    }
    let (code, out, _) = asked(&world, &["why", "orders/0"]);
    assert_eq!((code, out.as_str()), (0, "orders/0: nobody is known here to have left\n"));
    let (code, _, said) = asked(&world, &["why", "two words"]);
    assert!(code == 64 && said.contains("must be an ADDRESS, or a GROUP, or GROUP/GID"), "{said}");
}

#[test]
fn why_a_member_was_cut_off_is_told_with_what_is_known_against_its_mserver() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, two) = (host(&world, 1), host(&world, 2));
    let stays = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    stays.await_event("its first view", of_size(1));
    let goes = Going::start(&world, 2, "b", &["join", "--json", "--no-rejoin", "orders"]);
    goes.await_event("both", of_size(2));
    two.kill();
    stays.await_event("it is cut off", |event| event["reason"] == "partitioned");
    let (code, out, _) = asked(&world, &["why", "orders/1"]);
    assert_eq!(code, 0, "{out}");
    let lost = format!("the set that decides lost mserver {} with its view", world.at(2));
    let against = format!("{} says of {}:\n", world.at(1), world.at(2));
    for words in [lost.as_str(), &against, "no REPLY to", "removed from set office with view"] {
        assert!(out.contains(words), "{words} in {out}");
    }
    let (_, out, _) = asked(&world, &["why", "--json", "orders/1"]);
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(first["events"][0]["lost_mserver"], world.at(2).to_string());
    assert_eq!(first["events"][0]["reason"], "partitioned");
}

#[test]
fn calls_and_views_are_traced_at_member_interfaces_and_mservers() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _mi) = (host(&world, 1), interface(&world, 3, 1));
    let file = std::fs::File::create(world.path("trace")).unwrap();
    let args = ["trace", "--run-dir", "run", "--json"];
    let mut trace = world.command(&args).stdout(file).spawn().unwrap();
    let at = world.at(3).to_string();
    let wanted = [
        ("called", 3, "orders", "join"),
        ("told", 3, "orders", "view 1.1 created: 1 member, rank 0, gid 0"),
        ("sent", 3, "submit", "orders: join of"),
        ("received", 1, "submit", "orders: join of"),
        ("sent", 1, "direct", "orders 1.1 created"),
        ("received", 3, "direct", "orders 1.1 created"),
    ];
    // Whether it follows already, nobody says: somebody joins again and again until all is seen.
    eventually("a join in the trace", || {
        let join = ["join", "--run-dir", "run", "--mi", &at, "--count", "1", "orders"];
        assert_eq!(world.run(&join).0, 0);
        let text = world.read("trace");
        let events = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let events: Vec<Value> = events.collect();
        let is_there = |(what, own, name, words): &(&str, u8, &str, &str)| {
            let own = world.at(*own).to_string();
            events.iter().any(|event| {
                let text = event["text"].as_str().unwrap_or("");
                let named = event["message"] == *name || event["group"] == *name;
                event["event"] == *what && event["own"] == own && named && text.contains(words)
            })
        };
        wanted.iter().all(is_there).then_some(())
    });
    trace.kill().unwrap();
    trace.wait().unwrap();
}

/// A daemon of another version at the control socket of a host: it knows `status`, and nothing that came later.
fn older(world: &World, number: u8) {
    use std::io::{BufRead, BufReader};
    let path = world.path(&format!("run/{}-2900.ctl", world.ip(number)));
    std::fs::create_dir_all(world.path("run")).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut line = String::new();
            let read = BufReader::new(&stream).read_line(&mut line);
            let answer = match line.trim() {
                "status" => {
                    json!({"mode": "mserver", "version": "0.0.1", "address": "x", "pid": 1})
                }
                other => json!({"error": format!("unknown request {other:?}")}),
            };
            let _ = read.and_then(|_| writeln!(stream, "{answer}"));
        }
    });
}

#[test]
fn a_daemon_of_another_version_is_said_to_be_one_and_to_want_a_restart() {
    let world = World::new();
    older(&world, 1);
    let one = world.ip(1).to_string();
    let (code, out, _) = asked(&world, &["status", &one]);
    assert_eq!(code, 0);
    assert!(out.contains("version 0.0.1"), "{out}");
    for args in [
        &["groups", "all"][..],
        &["groups", &one],
        &["why", "10.0.0.1"],
        &["why", "orders/4"],
        &["leave", "orders", "4"],
    ] {
        let (code, out, said) = asked(&world, args);
        assert_eq!((code, out.as_str()), (69, ""), "{args:?}: {said}");
        let words = format!(
            "the daemon is of version 0.0.1, not {}; restart it",
            env!("CARGO_PKG_VERSION")
        );
        assert!(said.contains(&words) && said.lines().count() == 1, "{args:?}: {said}");
    }
}

#[test]
fn where_nothing_runs_every_command_says_so_in_a_line_and_what_to_do() {
    let world = World::new();
    let one = world.ip(1).to_string();
    for (args, words) in [
        (&["status"][..], "no daemon runs here: no control socket in run; see --run-dir"),
        (&["status", &one], "no daemon answers there; is it running?"),
        (&["groups"], "no daemon runs here: no control socket in run; see --run-dir"),
        (&["why", "10.0.0.1"], "no daemon runs here: no control socket in run; see --run-dir"),
        (&["why", "orders/1"], "no daemon runs here: no control socket in run; see --run-dir"),
        (&["trace"], "no daemon runs here: no control socket in run; see --run-dir"),
        (&["tree"], "no daemon runs here: no control socket in run; see --run-dir"),
        (&["tree", "--local", &one], "no daemon answers there; is it running?"),
        (&["tree", &one], "no answer in 1000 ms: not running, out of reach, or not taking our key"),
    ] {
        let (code, out, said) = asked(&world, args);
        assert_eq!((code, out.as_str()), (69, ""), "{args:?}: {said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{args:?}: {said}");
    }
}

#[test]
fn who_may_not_use_a_control_socket_is_told_who_may() {
    use std::os::unix::process::CommandExt;
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    if !nix::unistd::geteuid().is_root() {
        eprintln!("only root can become somebody who may not: not tried");
        return;
    }
    let nine = world.ip(9).to_string();
    let run = world.path("run");
    // Another user may not even enter the directory of the build, so the program is one that it has open.
    for args in [["status", &nine], ["groups", &nine], ["trace", &nine], ["tree", &nine]] {
        let mut command = Command::new(super::world::MS);
        command.args([&args[..1], &["--run-dir", run.to_str().unwrap()], &args[1..]].concat());
        let output = match command.uid(65534).gid(65534).output() {
            Ok(output) => output,
            Err(e) => return eprintln!("the program is not to be run by others here: {e}"),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(77), "{args:?}: {said}");
        assert!(said.contains("ask as root or as the daemon's user"), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    }
}
