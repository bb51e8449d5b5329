//! SIGHUP: a good file takes effect, a bad one changes nothing.

use super::golden::golden;
use super::peer::Peer;
use super::ring::{await_replies, member};
use super::world::{Daemon, World, eventually};
use membership::wire::Kind;
use nix::sys::signal::Signal;

const READ: &str = "configuration read again";

fn conf(world: &World, more: &str) {
    world.write("ms.conf", &format!("groups ms.groups\nrun-dir run\n{more}"));
}

/// Sends a JOIN_GROUP that must not be answered.
fn assert_refused(mcaster: &Daemon, peer: &Peer, world: &World) {
    let before = mcaster.counter("not-allowed");
    peer.send(world.at(1), &golden("JOIN_GROUP"));
    eventually("a refusal", || (mcaster.counter("not-allowed") > before).then_some(()));
}

#[test]
fn a_changed_allow_list_takes_effect_and_what_cannot_change_gets_its_line() {
    let world = World::new();
    let (a, b) = (Peer::new(world.ip(11), 2900), Peer::new(world.ip(12), 2900));
    conf(&world, &format!("allow {}\n", world.ip(11)));
    let mcaster = world.mcaster(1, &[]);
    assert_eq!(a.ask(world.at(1), &golden("JOIN_GROUP")), Kind::JoinAck);
    assert_refused(&mcaster, &b, &world);

    conf(&world, &format!("allow {}\nport 2901\nttl 7\nmax-members 1\n", world.ip(12)));
    mcaster.signal(Signal::SIGHUP);
    mcaster.await_log(READ);
    for name in ["port", "ttl"] {
        mcaster.await_log(&format!("{name}: cannot change while running"));
    }
    assert_refused(&mcaster, &a, &world);
    assert_eq!(
        b.ask(world.at(1), &golden("JOIN_GROUP")),
        Kind::NegJoin,
        "one is as many as may be"
    );
    assert_eq!(mcaster.members("ring"), [world.ip(11).to_string()], "members stay");
}

#[test]
fn a_bad_file_leaves_the_old_settings_and_every_error_is_named() {
    let world = World::new();
    conf(&world, &format!("allow {}\n", world.ip(11)));
    let mcaster = world.mcaster(1, &[]);
    conf(&world, "allow 127.0.0.0/8\nquery 0\nfrobnicate 1\n");
    mcaster.signal(Signal::SIGHUP);
    mcaster.await_log("error: ms.conf:4: query 0: must be 1 to 3600000 ms");
    mcaster.await_log("error: ms.conf:5: frobnicate: must be a keyword of ms.conf(5)");
    mcaster.await_log("configuration not changed, the old one stays in force");
    let (a, b) = (Peer::new(world.ip(11), 2900), Peer::new(world.ip(12), 2900));
    assert_eq!(a.ask(world.at(1), &golden("JOIN_GROUP")), Kind::JoinAck);
    assert_refused(&mcaster, &b, &world);

    std::fs::remove_file(world.path("ms.conf")).unwrap();
    mcaster.signal(Signal::SIGHUP);
    mcaster.await_log("error: ms.conf: No such file");
    assert_eq!(a.ask(world.at(1), &golden("JOIN_GROUP")), Kind::DupMember);
    assert!(!mcaster.log().contains(READ));
}

#[test]
fn a_member_takes_other_timings_and_a_rotated_file_of_failures() {
    let world = World::new();
    let _mcaster = world.mcaster(1, &[]);
    let hub = world.ip(1).to_string();
    let (one, two) = (member(&world, 1, &hub, &[]), member(&world, 2, &hub, &[]));
    await_replies(&one);
    conf(&world, "query 100\nretries 1\n");
    std::fs::rename(world.path("failures1"), world.path("failures1.old")).unwrap();
    one.signal(Signal::SIGHUP);
    one.await_log(READ);
    two.kill();
    one.await_log("no REPLY to 2 QUERYs");
    let told = "Member 2 is detected failed by 1 at ";
    eventually("the failure is written down", || {
        world.read("failures1").starts_with(told).then_some(())
    });
    assert_eq!(world.read("failures1.old"), "");
}
