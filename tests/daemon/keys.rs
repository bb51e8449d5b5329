//! Daemons with keys: signed rings, strangers, replays, and a rotation while all goes on.

use super::golden::golden;
use super::peer::Peer;
use super::ring::{await_replies, member};
use super::world::{Daemon, World, eventually};
use membership::wire::Kind;
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;

const OLD: &str = "1 00112233445566778899aabbccddeeff\n";
const NEW: &str = "2 ffeeddccbbaa99887766554433221100\n";

fn keys(world: &World, name: &str, text: &str) {
    world.write(name, text);
    let only_ours = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(world.path(name), only_ours).unwrap();
}

/// An mcaster and a ring of three, all with these options.
fn signed_ring(world: &World, options: &[&str]) -> (Daemon, Vec<Daemon>) {
    let mcaster = world.mcaster(1, options);
    let hub = world.ip(1).to_string();
    let members: Vec<Daemon> = (1..=3).map(|gid| member(world, gid, &hub, options)).collect();
    members.iter().for_each(await_replies);
    (mcaster, members)
}

fn no_failures(world: &World) {
    for gid in 1..=3 {
        assert_eq!(world.read(&format!("failures{gid}")), "", "gid {gid}");
    }
}

#[test]
fn a_signed_ring_forms_over_a_signed_mcaster_and_strangers_change_nothing() {
    let world = World::new();
    keys(&world, "keys", OLD);
    let (mcaster, members) = signed_ring(&world, &["--key", "keys"]);
    let stranger = Peer::new(world.ip(40), 2900);
    let before = mcaster.members("ring");
    assert_eq!(before.len(), 3);
    stranger.send(world.at(1), &golden("JOIN_GROUP"));
    let unsigned = |daemon: &Daemon| {
        daemon.status()["authentication"]["counters"]["unsigned"].as_u64().unwrap_or(0)
    };
    eventually("the refusal of a stranger", || (unsigned(&mcaster) > 0).then_some(()));
    assert_eq!(mcaster.members("ring"), before);
    // The address of a neighbour is of no use without its key.
    stranger.send(world.at(11), &golden("QUERY"));
    eventually("the refusal of a stranger", || (unsigned(&members[0]) > 0).then_some(()));
    members.iter().for_each(await_replies);
    no_failures(&world);
}

#[test]
fn a_member_that_is_restarted_proves_itself_anew() {
    let world = World::new();
    keys(&world, "keys", OLD);
    let (_mcaster, mut members) = signed_ring(&world, &["--key", "keys"]);
    members.remove(1).kill();
    let hub = world.ip(1).to_string();
    let back = member(&world, 2, &hub, &["--key", "keys"]);
    await_replies(&back);
    members.iter().for_each(await_replies);
}

#[test]
fn keys_are_rotated_without_a_failure() {
    let world = World::new();
    keys(&world, "keys", OLD);
    let (mcaster, members) = signed_ring(&world, &["--key", "keys"]);
    let all: Vec<&Daemon> = members.iter().chain([&mcaster]).collect();
    // First everybody learns the new key, then everybody signs with it, then the old one goes.
    for (round, text) in
        [format!("{OLD}{NEW}"), format!("{NEW}{OLD}"), NEW.to_string()].into_iter().enumerate()
    {
        keys(&world, "keys", &text);
        for daemon in &all {
            daemon.signal(Signal::SIGHUP);
            eventually("the keys are read", || {
                let read = daemon.log().matches("configuration read again").count();
                (read > round).then_some(())
            });
        }
        members.iter().for_each(await_replies);
    }
    no_failures(&world);
}

#[test]
fn prefer_lets_the_unsigned_pass_and_says_so() {
    let world = World::new();
    keys(&world, "keys", OLD);
    let mcaster = world.mcaster(1, &["--key", "keys", "--auth", "prefer"]);
    let original = Peer::new(world.ip(11), 2900);
    assert_eq!(original.ask(world.at(1), &golden("JOIN_GROUP")), Kind::JoinAck);
    mcaster.await_log(&format!(
        "datagram from {} would be dropped with --auth require: unsigned",
        world.at(11)
    ));
    assert_eq!(mcaster.members("ring"), [world.ip(11).to_string()]);
}

#[test]
fn a_message_that_was_recorded_is_worth_nothing_after_a_restart() {
    let world = World::new();
    keys(&world, "keys", OLD);
    let hub = world.ip(1).to_string();
    // The socket of the test stands where the mcaster should, and keeps the JOIN that it gets.
    let trap = Peer::new(world.ip(1), 2900);
    let recorded = {
        let _member = member(&world, 1, &hub, &["--key", "keys"]);
        trap.receive().1
    };
    drop(trap);
    let mcaster = world.mcaster(1, &["--key", "keys"]);
    let thief = Peer::new(world.ip(11), 2900);
    thief.send(world.at(1), &recorded);
    let count =
        || mcaster.status()["authentication"]["counters"]["no-contact"].as_u64().filter(|n| *n > 0);
    eventually("a first contact without proof", count);
    assert_eq!(mcaster.members("ring"), [""; 0]);
}

#[test]
fn a_key_file_that_others_can_read_or_that_is_wrong_starts_nothing() {
    let world = World::new();
    world.write("keys", OLD);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(world.path("keys"), open).unwrap();
    let ip = world.ip(1).to_string();
    let start = ["mcaster", "-f", "-c", "ms.conf", "-i", &ip, "--key", "keys"];
    let (code, _, said) = world.run(&start);
    assert_eq!(code, 78);
    assert!(said.contains("keys: must be its owner's alone (chmod 600)"), "{said}");
    keys(&world, "keys", "0 0011\n1 xyz\n");
    let (code, _, said) = world.run(&start);
    assert_eq!(code, 78);
    assert!(said.contains("keys:1: ") && said.contains("keys:2: "), "{said}");
    assert!(!said.contains("xyz"), "a secret is never shown: {said}");
}
