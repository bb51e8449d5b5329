//! The simulated world itself: what it does to messages and processes, and that a seed is a run.

use membership::proto::coreset::{Founding, SetParams};
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
