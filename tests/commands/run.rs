//! `ms run`.

use super::{Going, World, eventually, host, lives, ms, of_size};
use membership::client::Qos;
use nix::sys::signal::Signal;

#[test]
fn its_exit_status_is_that_of_the_command() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let watcher = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    watcher.await_event("a first view", of_size(1));
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        assert_eq!(ms(&world, 1, &["run", "orders", "--", "sh", "-c", script]).0, code);
    }
    let (code, _, said) = ms(&world, 1, &["run", "orders", "--", "/no/such/program"]);
    assert_eq!(code, 127, "{said}");
    let (code, _, said) = ms(&world, 1, &["run", "orders", "--", "/"]);
    assert_eq!(code, 126, "{said}");
    // Five times somebody came and went, in good order.
    let left = watcher.await_event("all have left", |event| event["number"] == 11);
    assert_eq!((&left["reason"], &left["size"]), (&"left".into(), &1.into()));
    let all = watcher.lines();
    assert!(all.iter().all(|line| !line.contains("\"failed\"")), "{all:?}");
}

#[test]
fn the_command_knows_its_place_and_may_read_what_we_may() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let script = "echo $MS_GROUP $MS_TERM.$MS_VIEW of $MS_SIZE rank $MS_RANK; cat";
    let (code, text, _) = ms(&world, 1, &["run", "orders", "--", "sh", "-c", script]);
    assert_eq!((code, text.as_str()), (0, "orders 1.1 of 1 rank 0\n"));
}

#[test]
fn a_signal_stops_the_command_and_then_it_leaves() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let watcher = Going::start(&world, 1, "a", &["join", "--json", "orders"]);
    watcher.await_event("a first view", of_size(1));
    let script = "trap 'echo stopping; exit 5' TERM; echo begun; while :; do sleep 0.02; done";
    let mut runs = Going::start(&world, 1, "b", &["run", "orders", "--", "sh", "-c", script]);
    runs.await_line("begun");
    runs.signal(Signal::SIGTERM);
    assert_eq!(runs.ends(), 5);
    runs.await_line("stopping");
    watcher.await_event("it left", |event| event["reason"] == "left");
}

#[test]
fn the_command_does_not_outlive_it() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let args = ["run", "orders", "--", "sh", "-c", "echo pid $$; exec sleep 30"];
    let runs = Going::start(&world, 1, "a", &args);
    let line = runs.await_line("pid ");
    let pid = line.strip_prefix("pid ").unwrap();
    runs.signal(Signal::SIGKILL);
    eventually("the command has ended", || (!lives(pid)).then_some(()));
}

#[test]
fn a_membership_that_ends_for_good_ends_the_command() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let one = host(&world, 1);
    let args = ["run", "--no-rejoin", "orders", "--", "sh", "-c", "echo begun; exec sleep 30"];
    let mut runs = Going::start(&world, 1, "a", &args);
    runs.await_line("begun");
    one.kill();
    assert_eq!(runs.ends(), 69);
}

#[test]
fn a_command_lives_on_while_its_member_interface_is_away() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let one = host(&world, 1);
    let script = "echo begun; while :; do sleep 0.05; [ -e end ] && exit 9; done";
    let mut runs = Going::start(&world, 1, "a", &["run", "orders", "--", "sh", "-c", script]);
    runs.await_line("begun");
    one.kill();
    let _one = host(&world, 1);
    eventually("it is a member again", || {
        (ms(&world, 1, &["view", "orders"]).0 == 0).then_some(())
    });
    world.write("end", "");
    assert_eq!(runs.ends(), 9);
    assert_eq!(runs.lines(), ["begun"]);
}

#[test]
fn the_next_leader_begins_when_the_first_one_dies_and_has_a_greater_token() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, _two) = (host(&world, 1), host(&world, 2));
    let script = "echo leads $$ - $MS_INCARNATION $MS_TERM $MS_VIEW; exec sleep 30";
    let args = ["run", "--leader", "--allow-split", "jobs", "--", "sh", "-c", script];
    let first = Going::start(&world, 1, "a", &args);
    let line = first.await_line("leads");
    let second = Going::start(&world, 2, "b", &args);
    eventually("both", || {
        let (_, text, _) = ms(&world, 2, &["members", "jobs"]);
        (text.lines().count() == 2).then_some(())
    });
    let watcher = Going::start(&world, 2, "c", &["join", "--json", "jobs"]);
    watcher.await_event("all three", of_size(3));
    assert_eq!(second.lines(), [""; 0], "there is a leader");

    first.signal(Signal::SIGKILL);
    let next = second.await_line("leads");
    let words = |line: &str| line.split(' ').map(str::to_string).collect::<Vec<_>>();
    let (old, new) = (words(&line), words(&next));
    eventually("the old one is gone", || (!lives(&old[1])).then_some(()));
    assert_eq!(old[3], new[3], "the same incarnation");
    let token =
        |words: &[String]| -> (u32, u32) { (words[4].parse().unwrap(), words[5].parse().unwrap()) };
    assert!(token(&old) < token(&new), "{line} {next}");
}

#[test]
fn nothing_that_a_leader_started_outlives_it() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let script = "sh -c 'trap \"\" TERM HUP; sleep 30 & echo there $$ $!; wait' & wait";
    let args = ["run", "--leader", "--allow-split", "jobs", "--", "sh", "-c", script];
    let runs = Going::start(&world, 1, "a", &args);
    let line = runs.await_line("there");
    runs.signal(Signal::SIGKILL);
    for pid in line.split(' ').skip(1) {
        eventually("it has ended", || (!lives(pid)).then_some(()));
    }
}

#[test]
fn a_leader_needs_a_group_of_which_one_side_lives_at_the_most() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let stays = Going::start(&world, 1, "a", &["join", "--json", "open"]);
    stays.await_event("its first view", of_size(1));
    let (code, text, said) = ms(&world, 1, &["run", "--leader", "open", "--", "echo", "leads"]);
    assert_eq!((code, text.as_str()), (1, ""), "{said}");
    let majority = Qos { survive: "majority".to_string(), ..Qos::default() };
    match majority.supported() {
        Ok(()) => {
            assert!(said.contains("ms: open: with survive all in a partition"), "{said}");
            let leads = ms(&world, 1, &["run", "--leader", "jobs", "--", "echo", "leads"]);
            assert_eq!((leads.0, leads.1.as_str()), (0, "leads\n"), "{}", leads.2);
        }
        // What nobody carries out is not promised.
        Err(why) => assert_eq!(said, format!("ms: open: {why} (code 26)\n")),
    }
}

#[test]
fn a_leader_whose_member_interface_is_gone_is_stopped_and_begins_again_later() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let one = host(&world, 1);
    let script = "trap '' TERM; sleep 30 & echo leads $$ $!; wait; wait";
    let args =
        ["run", "--leader", "--allow-split", "--grace", "0.2", "jobs", "--", "sh", "-c", script];
    let mut runs = Going::start(&world, 1, "a", &args);
    let line = runs.await_line("leads");
    let pids: Vec<&str> = line.split(' ').skip(1).collect();
    one.kill();
    // It does not hear SIGTERM, and is killed with all that it started.
    for pid in pids {
        eventually("it is stopped", || (!lives(pid)).then_some(()));
    }
    let _one = host(&world, 1);
    eventually("it leads again", || (runs.lines().len() == 2).then_some(()));
    runs.signal(Signal::SIGTERM);
    // Nor then: but that is between the operator and the command.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(runs.child.try_wait().unwrap().is_none());
    let pid = runs.lines()[1].split(' ').nth(1).unwrap().to_string();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL)
        .unwrap();
    assert_eq!(runs.ends(), 137);
}
