//! How operations of the layer above come to be agreed on when there are many: in few messages, and whoever's they are.

use membership::proto::coreset::SetParams;
use membership::sim::world::address;
use membership::sim::{HostId, Kind, World};

fn set(n: usize) -> World {
    let mut world = World::formed(11, n, SetParams::default());
    world.record();
    world
}

/// How many operations of `origin` everybody has applied.
fn applied(world: &World, origin: HostId) -> u64 {
    let at = |host| {
        let view = world.process(host).and_then(|process| process.view());
        let done = view.map(|v| v.done.as_slice()).unwrap_or_default();
        done.iter().find(|d| d.origin.address == address(origin)).map_or(0, |d| d.number)
    };
    (0..world.size()).map(at).min().unwrap_or(0)
}

#[test]
fn many_operations_are_forwarded_in_few_messages() {
    let mut world = set(3);
    for operation in 0..200 {
        world.submit(2, &[operation]);
    }
    assert!(world.run_until(60, |world| applied(world, 2) == 200), "{}", world.transcript());
    let transcript = world.transcript();
    let forwards = transcript.lines().filter(|line| line.contains("FORWARD")).count();
    assert!((1..20).contains(&forwards), "{forwards}: {transcript}");
}

#[test]
fn others_who_go_on_do_not_hide_that_something_of_ours_was_lost() {
    let mut world = set(3);
    world.lose(Kind::Forward, 2, 0, 1);
    world.submit(2, b"lost once");
    let mut ticks = 0;
    while applied(&world, 2) == 0 {
        world.submit(1, b"another");
        world.run(1);
        ticks += 1;
        // T_ACK, and a batch that is under way already.
        assert!(ticks < 15, "{}", world.transcript());
    }
    assert!(applied(&world, 1) > 0);
}

#[test]
fn a_leader_that_could_fill_every_batch_itself_serves_the_others_too() {
    let mut world = set(3);
    for _ in 0..40 {
        world.submit(0, &[0; 900]);
    }
    world.submit(2, b"one");
    assert!(world.run_until(30, |world| applied(world, 2) == 1), "{}", world.transcript());
    assert!(applied(&world, 0) < 40, "it was not served last");
}
