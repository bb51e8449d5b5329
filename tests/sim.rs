//! The simulated world itself: what it does to messages and processes, and that a seed is a run.

use membership::proto::coreset::{Founding, SetParams};
use membership::sim::campus::scale::{Point, Shape, is_whole, measure, shapes};
use membership::sim::diagram::Diagram;
use membership::sim::world::address;
use membership::sim::{HostId, Kind, Weather, World};
use membership::wire::coreset::Request;

/// `n` members at rest, whose events are recorded from here on.
fn set(n: usize) -> World {
    let mut world = World::formed(7, n, SetParams::default());
    world.record();
    world
}

/// Everybody is in one view with everybody else.
fn together(world: &World) -> bool {
    let all: Vec<HostId> = (0..world.size()).collect();
    world.rests(&all) && world.up().len() == world.size()
}

fn members(world: &World, host: HostId) -> Vec<HostId> {
    let view = world.process(host).and_then(|process| process.view());
    let view = view.map(|view| view.members.as_slice()).unwrap_or_default();
    view.iter().map(|m| m.life.address.ip().octets()[3].into()).collect()
}

#[test]
fn a_formed_set_has_its_hosts_in_the_order_of_their_numbers() {
    let world = set(5);
    for host in 0..5 {
        assert_eq!(members(&world, host), [0, 1, 2, 3, 4]);
    }
    assert_eq!(world.process(0).unwrap().view().unwrap().position.num.0, 5);
}

#[test]
fn a_leave_is_told_in_seven_lines() {
    let mut world = set(3);
    world.leave(2);
    world.run(3);
    let told: Vec<String> = world
        .transcript()
        .lines()
        .map(|line| line[6..].split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.contains("phase"))
        .collect();
    let expected = [
        "-- 2 shall leave",
        "2 -> * LEAVE_REQ 2/1",
        "0 -> * INITIATE Leave{2} 0.3 on 3",
        "1 -> 0 ACK Leave 0.3 pending",
        "2 -> 0 ACK Leave 0.3",
        "0 == 4 [0 1] by Leave 0.3",
        "0 -> * COMMIT Leave{2} 0.3 on 3",
    ];
    assert_eq!(told, expected, "{}", world.transcript());
    world.run(1);
    assert!(world.process(2).is_none(), "it is out, so its process ends");
    assert_eq!(members(&world, 1), [0, 1]);
    world.must_be_sound();
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_not() {
    let run = |seed| {
        let mut world = World::formed(seed, 4, SetParams::default());
        world.record();
        world.links.weather =
            Weather { loss: 200, duplicate: 100, delay: (0, 6), ordered: false, damage: 50 };
        world.drift(2, 100);
        world.leave(1);
        world.submit(3, b"operation");
        world.run(100);
        world.transcript()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn lost_commits_are_asked_for() {
    let mut world = set(4);
    world.lose(Kind::Commit, 0, 3, 2);
    world.submit(0, b"operation");
    world.run(2);
    assert_eq!(world.process(1).unwrap().view().unwrap().position.k, 0);
    world.run(1);
    assert_eq!(world.process(1).unwrap().view().unwrap().position.k, 1);
    assert_eq!(world.process(3).unwrap().view().unwrap().position.k, 0, "its Commit is lost");
    assert!(world.run_until(20, together));
    let text = world.transcript();
    assert_eq!(text.matches("MSG_QUERY").count(), 2, "{text}");
    assert_eq!(text.matches("0 -> !3").count(), 1, "{text}");
    assert_eq!(text.matches("isolates").count(), 0, "{text}");
}

#[test]
fn a_late_message_arrives_late_and_a_repeated_one_twice() {
    let mut world = set(3);
    world.delay(Kind::Ack, 1, 0, 3);
    world.repeat(Kind::Ack, 2, 0, 9);
    world.submit(0, b"operation");
    world.run(20);
    let text = world.transcript();
    assert!(text.contains("1 -> 0+4"), "{text}");
    assert!(text.contains("2 -> 0 0+10"), "{text}");
    assert!(text.contains("0 ignores 2: from-behind"), "{text}");
    assert!(together(&world));
}

#[test]
fn two_halves_part_and_come_together_when_they_hear_each_other() {
    let mut world = set(4);
    world.cut(&[0, 1], &[2, 3]);
    assert!(world.run_until(200, |world| world.rests(&[0, 1]) && world.rests(&[2, 3])));
    assert_eq!((members(&world, 0), members(&world, 3)), (vec![0, 1], vec![2, 3]));
    world.heal();
    assert!(world.run_until(60, together), "{}", world.transcript());
    assert_eq!(world.tally().of("merges"), 1);
    world.must_be_sound();
}

#[test]
fn a_deaf_host_is_left_and_leaves() {
    let mut world = set(3);
    world.cut_one_way(&[0, 1], &[2]);
    let parted = |world: &World| members(world, 0) == [0, 1] && members(world, 2) == [2];
    assert!(world.run_until(200, parted), "{}", world.transcript());
    assert!(world.links.open(2, 0) && !world.links.open(0, 2));
}

#[test]
fn a_crashed_process_is_removed_and_comes_back_in_a_later_life() {
    let mut world = set(3);
    let life = world.process(1).unwrap().life();
    world.crash(1);
    assert!(world.run_until(100, |world| members(world, 0) == [0, 2]));
    world.start(1, Founding::IfNone);
    assert!(world.run_until(30, together));
    assert_eq!(members(&world, 0), [0, 2, 1], "it is the youngest now");
    assert!(world.process(1).unwrap().life().inc > life.inc);
    world.must_be_sound();
}

#[test]
fn a_process_that_is_stopped_for_a_moment_accuses_nobody() {
    let mut world = set(3);
    world.run(55);
    world.stop(1);
    world.run(12);
    world.resume(1);
    world.run(60);
    assert!(together(&world));
    assert_eq!(world.tally().of("isolations"), 0, "{}", world.transcript());
    // Stopped for long it is removed, and no more than it; then it finds the others again.
    world.stop(1);
    assert!(world.run_until(200, |world| members(world, 0) == [0, 2]));
    world.resume(1);
    assert!(world.run_until(100, together), "{}", world.transcript());
    world.must_be_sound();
}

#[test]
fn clocks_that_drift_do_not_part_a_set() {
    let mut world = set(5);
    for host in 0..5 {
        world.drift(host, 50);
    }
    world.run(1000);
    assert!(together(&world));
    assert_eq!(world.tally().of("isolations"), 0);
}

#[test]
fn damaged_datagrams_are_as_good_as_lost() {
    let mut world = set(3);
    world.links.weather.damage = 1000;
    assert!(world.run_until(300, |world| (0..3).all(|host| members(world, host) == [host])));
    assert!(world.tally().of("garbled") > 0);
    world.links.weather.damage = 0;
    assert!(world.run_until(300, together));
    world.must_be_sound();
}

#[test]
fn an_old_message_of_an_earlier_life_changes_nothing() {
    let mut world = set(3);
    let old: Vec<_> = (0..64).filter_map(|_| world.old_message()).collect();
    let before = world.process(0).unwrap().view().cloned();
    for mut message in old {
        message.from.life.inc.0 = 0;
        if message.from.life.address != address(0) {
            world.inject(0, message);
        }
    }
    world.run(100);
    assert_eq!(world.process(0).unwrap().view().cloned(), before);
    assert_eq!(world.tally().of("isolations"), 0, "{}", world.transcript());
}

#[test]
fn operations_reach_everybody_once_and_in_their_order() {
    let mut world = set(4);
    for number in 0..20 {
        world.submit(number % 4, &[number as u8]);
        if number % 3 == 0 {
            world.run(1);
        }
    }
    assert!(world.run_until(100, together), "{}", world.transcript());
    let done = &world.process(2).unwrap().view().unwrap().done;
    assert_eq!(done.iter().map(|d| d.number).collect::<Vec<_>>(), [5, 5, 5, 5]);
    assert!(world.tally().of("piggy-backs") > 0);
    world.must_be_sound();
}

#[test]
fn a_split_makes_two_sets_that_stay_apart() {
    let mut world = set(4);
    let mut name = world.process(0).unwrap().view().unwrap().name;
    name.base = "t".parse().unwrap();
    world.request(0, Request::Split { side: vec![address(1), address(3)], name });
    world.run(200);
    assert_eq!((members(&world, 0), members(&world, 3)), (vec![0, 2], vec![1, 3]));
    assert!(world.rests(&[0, 1, 2, 3]), "{:?}", world.unrest(&[0, 1, 2, 3]));
    world.must_be_sound();
}

#[test]
fn a_diagram_shows_who_said_what_and_what_became_of_it() {
    let mut world = set(3);
    world.lose(Kind::Commit, 0, 2, 1);
    world.leave(1);
    world.run(20);
    world.crash(2);
    let diagram = Diagram::new(world.events());
    let text = diagram.text();
    let line = |start: &str| {
        text.lines().find(|line| line.contains(start)).unwrap_or_else(|| panic!("{text}"))
    };
    assert!(line("Commit").contains("o-Commit Leave{1}------>|----------------------x|"), "{text}");
    assert!(line("Msg_Query").contains("|<-"), "{text}");
    assert!(line("[4: 0 2]").starts_with("   "), "{text}");
    assert_eq!(text.matches("[4: 0 2]").count(), 2, "{text}");
    assert!(!text.contains("Probe"), "monitoring and probing are left out: {text}");
    let svg = diagram.svg();
    for part in [">m0<", ">Commit Leave{1}<", ">4 [0 2]<", "class=\"msg lost\"", "</svg>"] {
        assert!(svg.contains(part), "{part}");
    }
    let all = Diagram::of(world.events(), |_| true).text();
    assert!(all.contains("Probe"), "{all}");
}

#[test]
fn a_split_of_nobody_or_of_all_is_refused() {
    for (hosts, side) in [(1, vec![]), (3, vec![]), (3, vec![0, 1, 2]), (1, vec![0, 0])] {
        let mut world = set(hosts);
        let mut name = world.process(0).unwrap().view().unwrap().name;
        name.base = "t".parse().unwrap();
        let side = side.into_iter().map(address).collect();
        world.request(0, Request::Split { side, name });
        world.run(30);
        assert_eq!(world.tally().of("splits"), 0);
        assert!(together(&world) && world.transcript().contains("0 is refused"));
    }
}

#[test]
fn a_joiner_whose_set_dies_while_it_joins_founds_its_own() {
    let mut world = World::new(7, 2, &World::template(SetParams::default()));
    world.record();
    world.start(0, Founding::AtOnce);
    world.start(1, Founding::IfNone);
    assert!(world.run_until(10, |world| world.transcript().contains("1 -> 0               ACK")));
    world.crash(0);
    assert!(world.run_until(100, |world| members(world, 1) == [1]), "{}", world.transcript());
}

#[test]
fn whoever_is_a_member_does_not_take_itself_as_parent() {
    let mut world = World::new(7, 3, &World::template(SetParams::default()));
    world.record();
    world.start(0, Founding::AtOnce);
    world.start(1, Founding::IfNone);
    world.run(10);
    world.start(2, Founding::IfNone);
    world.run(1);
    // While the Join of 2 runs the set is asked to take it as its parent, and its INIT says so.
    let life = world.process(2).unwrap().life();
    world.request(1, Request::AddParent(life));
    assert!(world.run_until(10, |world| members(world, 2) == [0, 1, 2]), "{}", world.transcript());
    world.crash(0);
    world.crash(1);
    world.run(200);
    assert!(world.rests(&[2]), "{:?}", world.unrest(&[2]));
    world.must_be_sound();
}

#[test]
fn whoever_has_more_retries_than_a_life_has_requests_founds_its_set_too() {
    let params = SetParams { retries: 24, ..SetParams::default() };
    let mut world = World::new(7, 1, &World::template(params));
    world.start(0, Founding::IfNone);
    assert!(world.run_until(50, together), "{:?}", world.unrest(&[0]));
}

/// What `ms sim` prints, and how it ends.
fn ms_sim(args: &[&str]) -> (i32, String, String) {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_ms"));
    let out = program.arg("sim").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

/// A file that a test leaves behind.
fn scratch(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"))
}

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/ms.campus.sample");

#[test]
fn a_parent_that_dies_costs_its_branch_the_others_and_nobody_below_it_anything() {
    let picture = scratch("outage.svg");
    let kill = ["--kill", "10.77.0.1", "--wait", "20", "--start", "10.77.0.1", "--wait", "20"];
    let (code, text, err) = ms_sim(&[&["--campus", SAMPLE, "--svg", &picture][..], &kill].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{text}");
    for words in [
        "set NPS              view 4, 3 members, after ",
        ": without its parent 10.77.0.1\n",
        "view 4.12, 5 members, after ",
        "nothing changed in 20.00 s for: set Ingersoll, set Root, group Ingersoll, group Root, group \
         Spanagel\n",
        ": with 10.77.0.1 as its parent\n",
        ", 11 members, after ",
        ": together again\n",
        "\n40.00 s  all is as it was\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let row = |name: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("{text}")).split_whitespace().nth(1).unwrap()
    };
    assert!(row("10.77.0.1 ").starts_with("........"), "{text}");
    assert!(row("10.77.1.11 ").contains("4444") && row("10.77.2.11 ").contains("5555"), "{text}");
    assert!(row("10.77.2.1 ").chars().all(|c| c == '#'), "{text}");
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.contains(">5 of 11<") && svg.contains(">kill 10.77.0.1<"), "{svg}");
}

#[test]
fn one_that_stands_by_takes_the_place_of_a_parent_and_a_script_says_the_same() {
    let script = scratch("outage.txt");
    let text =
        format!("# Ingersoll has a second parent\ncampus {SAMPLE}\nkill 10.77.0.3\nwait 30\n");
    std::fs::write(&script, text).unwrap();
    let (code, told, err) = ms_sim(&[&script]);
    assert_eq!((code, err.as_str()), (0, ""), "{told}");
    assert!(told.contains(": parent 10.77.0.4 for 10.77.0.3\n"), "{told}");
    assert!(told.contains("\n30.00 s  not whole: set NPS (3 of 4)\n"), "{told}");
    let options = ["--campus", SAMPLE, "--kill", "10.77.0.3", "--wait", "30"];
    assert_eq!(ms_sim(&options).1, told);
}

#[test]
fn a_step_that_the_campus_has_no_place_for_is_refused_in_words() {
    for (args, words) in [
        (&["--kill", "10.9.9.9"][..], "10.9.9.9: must be a host, set or lan of the campus"),
        (&["--cut", "Spanagel,Gate"], "Gate: must be a host, set or lan of the campus"),
        (&["--wait", "0"], "wait 0: must be 1 to 86400 seconds"),
    ] {
        let (code, out, err) = ms_sim(&[&["--campus", SAMPLE][..], args].concat());
        assert!(code == 64 && out.is_empty() && err.contains(words), "{args:?}: {code} {err}");
    }
    let (code, _, err) = ms_sim(&["--kill", "10.0.0.1"]);
    assert!(code == 64 && err.contains("--kill goes with --campus FILE only"), "{err}");
    let script = scratch("bad.txt");
    std::fs::write(&script, format!("campus {SAMPLE}\nhurt 10.77.0.3\nwait\n")).unwrap();
    let (code, _, err) = ms_sim(&[&script]);
    assert!(code == 78 && err.contains("bad.txt:2: hurt: must be kill, stop,"), "{err}");
    assert!(err.contains("bad.txt:3: wait : must be 1 to 86400 seconds"), "{err}");
}

/// The largest hierarchy: `MS_SCALE` hosts, or as many as a debug build measures in a quarter of a minute.
fn largest() -> u64 {
    std::env::var("MS_SCALE").map_or(10_000, |text| text.parse().expect("MS_SCALE is a number"))
}

#[test]
fn a_change_costs_the_busiest_mserver_the_same_in_small_and_large_hierarchies() {
    for far in [false, true] {
        let points: Vec<Point> = shapes(10, largest())
            .into_iter()
            .map(|shape| measure(shape, far, false).unwrap_or_else(|e| panic!("{shape:?}: {e}")))
            .collect();
        assert_eq!(points[0].shape.hosts(), 10);
        let costs = |of: fn(&Point) -> usize| points[1..].iter().map(of).collect::<Vec<_>>();
        // The set, its parent and a few of its own: nothing that grows with the levels.
        for all in [costs(|p| p.join.busiest), costs(|p| p.leave.busiest)] {
            assert!(all.iter().all(|cost| (12..=16).contains(cost)), "far {far}: {all:?}");
            assert!(all.windows(2).all(|two| two[1] <= two[0]), "far {far}: {all:?}");
        }
        let crashes = costs(|p| p.crash.busiest);
        assert!(crashes.iter().all(|cost| *cost <= 40), "far {far}: {crashes:?}");
        let ticks: Vec<u64> = points.iter().map(|p| p.join.ticks).collect();
        // One way up and one down for each level more, and none if the core is in the members' set.
        assert!(ticks.windows(2).all(|two| two[1] <= two[0] + 2), "far {far}: {ticks:?}");
        assert!(far || ticks.iter().all(|t| *t == ticks[0]), "{ticks:?}");
    }
}

#[test]
fn what_is_left_out_of_a_large_hierarchy_would_have_heard_nothing() {
    let shape = Shape { fan: 3, levels: 3 };
    for far in [false, true] {
        let (lazy, whole) =
            (measure(shape, far, false).unwrap(), measure(shape, far, true).unwrap());
        assert!(!is_whole(&lazy) && is_whole(&whole), "{} of {}", lazy.played, whole.played);
        let costs = |p: &Point| (p.join, p.leave);
        assert_eq!(costs(&lazy), costs(&whole), "far {far}");
    }
}

#[test]
fn a_scale_run_says_what_was_measured_and_draws_it() {
    let picture = scratch("scale.svg");
    let (code, text, err) = ms_sim(&["--scale", "--scale-hosts", "16", "--svg", &picture]);
    assert_eq!((code, err.as_str()), (0, ""), "{text}");
    assert!(text.contains("none is extrapolated"), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(" / ")).count(), 2 + 1, "{text}");
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.contains(">10 hosts<") && svg.contains("fan-out 10, one set"), "{svg}");
}
