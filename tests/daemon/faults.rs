//! The fault hook: MS_FAULTS names a file of rules, SIGHUP reads it again.

use super::golden::golden;
use super::peer::Peer;
use super::ring::{await_replies, member_with};
use super::world::{World, eventually};
use membership::wire::Kind;
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn a_neighbour_that_is_cut_off_fails_and_when_healed_recovers() {
    let world = World::new();
    let _mcaster = world.mcaster(1, &[]);
    let (hub, faults) = (world.ip(1).to_string(), world.path("faults"));
    world.write("faults", "");
    let env = [("MS_FAULTS", faults.to_str().unwrap())];
    let one = member_with(&world, 1, &hub, &[], &env);
    let two = member_with(&world, 2, &hub, &[], &[]);
    await_replies(&one);
    let cut = format!("drop in from {}\n", world.ip(12));
    for round in 1..=2 {
        world.write("faults", &cut);
        one.signal(Signal::SIGHUP);
        eventually("the failure", || {
            (one.log().matches("is detected failed by 1").count() == round).then_some(())
        });
        world.write("faults", "# healed\n");
        one.signal(Signal::SIGHUP);
        eventually("the recovery", || {
            (one.log().matches("replies again").count() == round).then_some(())
        });
    }
    one.await_log("faults for tests are in force");
    assert_eq!(two.counter("failures"), 1, "its own ccw neighbour was never there");
    assert_eq!(world.read("failures1").matches("Member 2 is detected failed").count(), 2);
}

#[test]
fn copies_can_be_lost_doubled_and_late_each_for_itself() {
    let world = World::new();
    let (a, b) = (world.ip(11), world.ip(12));
    world.write(
        "faults",
        &format!("drop out to {a} type SUBMIT\nduplicate out to {b}\ndelay 30 out to {b}\n"),
    );
    let faults = world.path("faults");
    let env = [("MS_FAULTS", faults.to_str().unwrap())];
    let mcaster = world.spawn_with("mcaster", 1, &[], &env);
    mcaster.await_log("ready");
    let a = (Peer::new(a, 2900), Peer::new(a, 3000));
    let b = (Peer::new(b, 2900), Peer::new(b, 3000));
    assert_eq!(a.0.ask(world.at(1), &golden("JOIN_GROUP")), Kind::JoinAck);
    assert_eq!(b.0.ask(world.at(1), &golden("JOIN_GROUP")), Kind::JoinAck);
    Peer::new(world.ip(14), 2900).send(world.at(1), &golden("APP_MESSAGE"));
    assert_eq!(b.1.receive(), b.1.receive());
    assert_eq!(b.1.receive_within(Duration::from_millis(50)), None);
    assert_eq!(a.1.receive_within(Duration::from_millis(50)), None);
}

#[test]
fn rules_that_are_none_keep_a_daemon_from_starting_and_a_running_one_as_it_is() {
    let world = World::new();
    world.write("faults", "drop 10%\nloose 5%\n");
    let faults = world.path("faults");
    let env = [("MS_FAULTS", faults.to_str().unwrap())];
    let mut mcaster = world.spawn_with("mcaster", 1, &[], &env);
    assert_eq!(mcaster.exit_code(), 78);
    mcaster.await_log("line 2: bad rule: loose 5%");
    world.write("faults", "");
    let mcaster = world.spawn_with("mcaster", 1, &[], &env);
    mcaster.await_log("ready");
    world.write("faults", "loose 5%\n");
    mcaster.signal(Signal::SIGHUP);
    mcaster.await_log("line 1: bad rule: loose 5%");
    mcaster.await_log("configuration not changed");
}
