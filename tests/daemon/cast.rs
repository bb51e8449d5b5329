//! The mcaster between sockets that speak the bytes of 1994.

use super::golden::golden;
use super::peer::{Peer, about};
use super::world::World;
use membership::wire::{Kind, prefix};
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

/// The two sockets of an original mserver, joined to the group.
fn original(world: &World, host: u8) -> (Peer, Peer) {
    let (ms, mc) = (Peer::new(world.ip(host), 2900), Peer::new(world.ip(host), 3000));
    assert_eq!(ms.ask(world.at(1), &golden("JOIN_GROUP")), Kind::JoinAck);
    (ms, mc)
}

#[test]
fn answers_and_copies_are_the_original_s_to_the_byte() {
    let world = World::new();
    let mcaster = world.mcaster(1, &[]);
    let hub = world.at(1);
    let h1 = Peer::new(world.ip(11), 2900);
    let (join, leave) = (golden("JOIN_GROUP"), golden("LEAVE_GROUP"));
    for (request, answer) in [
        (&join, "JOIN_ACK"),
        (&join, "DUP_MEMBER"),
        (&leave, "LEAVE_ACK"),
        (&about("nogroup", "LEAVE_GROUP"), "NO_GROUP"),
        (&join, "JOIN_ACK"),
    ] {
        h1.send(hub, request);
        assert_eq!(h1.receive(), (hub, golden(answer)), "{answer}");
    }
    let members = [original(&world, 12), original(&world, 13)];
    let outsider = Peer::new(world.ip(14), 2900);
    outsider.send(hub, &leave);
    assert_eq!(outsider.receive(), (hub, golden("NO_MEMBER")));

    let app = golden("APP_MESSAGE");
    outsider.send(hub, &app);
    let copy = [&prefix::encode(world.at(14))[..], &app].concat();
    for (_, mc) in &members {
        assert_eq!(mc.receive(), (hub, copy.clone()));
    }
    // A member's own message comes to the others only, from any port.
    let again = SocketAddrV4::new(world.ip(12), 40001);
    Peer::new(world.ip(12), 40001).send(hub, &app);
    let copy = [&prefix::encode(again)[..], &app].concat();
    assert_eq!(members[1].1.receive(), (hub, copy));
    assert_eq!(members[0].1.receive_within(Duration::from_millis(50)), None);
    assert_eq!(mcaster.counter("relayed"), 2);
    assert_eq!(mcaster.counter("copies"), 5);
}

#[test]
fn many_messages_at_once_reach_every_member_in_their_order() {
    let world = World::new();
    let _mcaster = world.mcaster(1, &[]);
    let members: Vec<(Peer, Peer)> = (11..=20).map(|host| original(&world, host)).collect();
    let outsider = Peer::new(world.ip(30), 2900);
    for number in 0..200u8 {
        let mut app = golden("APP_MESSAGE");
        app[98] = number;
        outsider.send(world.at(1), &app);
    }
    for (_, mc) in &members {
        for number in 0..200u8 {
            assert_eq!(mc.receive().1[16 + 98], number);
        }
    }
}

#[test]
fn a_large_message_arrives_whole_and_one_too_large_is_counted() {
    let world = World::new();
    let mcaster = world.mcaster(1, &[]);
    let (_ms, mc) = original(&world, 11);
    let outsider = Peer::new(world.ip(14), 2900);
    let with_data = |len: usize| {
        let mut bytes = about("ring", "JOIN_ACK");
        bytes[50..52].copy_from_slice(&[0, 76]);
        bytes[84..88].copy_from_slice(&(len as u32).to_be_bytes());
        bytes.resize(88 + len, b'x');
        bytes
    };
    outsider.send(world.at(1), &with_data(60_000));
    outsider.send(world.at(1), &with_data(1400));
    assert_eq!(mc.receive().1[16..], with_data(1400));
    assert_eq!(mcaster.status()["io"]["oversized"], 1);
}

#[test]
fn a_member_that_is_silent_for_too_long_is_removed_in_time() {
    let world = World::new();
    let mcaster = world.mcaster(1, &["--expire", "1"]);
    let _silent = original(&world, 11);
    let start = Instant::now();
    mcaster.await_log(&format!("{} was silent for too long, removed, 0 now", world.ip(11)));
    let took = start.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
}
