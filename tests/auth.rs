//! Authentication between several parties: who is believed, and when, on a network that loses, doubles,
//! reorders and replays, while hosts restart and their clocks jump.

#[path = "auth/forgery.rs"]
mod forgery;
#[path = "auth/world.rs"]
mod world;

use membership::wire::Kind;
use membership::wire::auth::{Fate, Finding, Guard, Keys, Signer, WINDOW};
use proptest::prelude::*;
use world::{PACE, Packet, World, address, key, message};

/// Hosts that have all talked to each other.
fn talkative(hosts: usize) -> World {
    let mut world = World::new(hosts);
    for _ in 0..5 {
        for from in 0..hosts {
            for to in (0..hosts).filter(|&to| to != from) {
                world.attempts(from, to);
            }
        }
    }
    world
}

#[test]
fn first_contact_costs_one_retry_and_nothing_after_it() {
    let mut world = World::new(2);
    assert_eq!(world.attempts(0, 1), 2);
    assert_eq!(world.attempts(0, 1), 1);
    assert_eq!(world.attempts(1, 0), 2);
    assert_eq!(world.attempts(1, 0), 1);
}

#[test]
fn two_that_have_both_just_started_do_not_wait_for_each_other() {
    let mut world = World::new(2);
    world.send(0, 1);
    world.send(1, 0);
    world.deliver_all();
    let (there, back) = (world.send(0, 1), world.send(1, 0));
    world.deliver_all();
    assert!(world.passed.contains(&(1, there)) && world.passed.contains(&(0, back)));
}

#[test]
fn nothing_that_was_captured_passes_again() {
    let mut world = talkative(2);
    world.replay_everything();
    assert_eq!(world.attempts(0, 1), 1, "and the contact is as it was");
}

#[test]
fn nothing_that_was_captured_passes_after_a_restart_of_the_receiver() {
    let mut world = talkative(2);
    world.restart(1, 2000);
    world.replay_everything();
    world.tick(PACE);
    assert!(world.attempts(0, 1) <= 2);
    world.replay_everything();
}

#[test]
fn nothing_that_was_captured_passes_after_a_restart_of_the_sender() {
    for boot in [2000, 5, u64::MAX, 0] {
        let mut world = talkative(2);
        world.restart(0, boot);
        world.replay_everything();
        world.tick(PACE);
        assert!(world.attempts(0, 1) <= 2, "a clock that went to {boot} locks nobody out");
        world.replay_everything();
        assert_eq!(world.attempts(0, 1), 1);
    }
}

#[test]
fn a_third_host_that_just_started_believes_nothing_that_was_said_before() {
    let mut world = talkative(3);
    world.restart(2, 7);
    // Not its own: what a host hears of itself is a matter of its sockets.
    let captured: Vec<Packet> =
        world.captured.iter().filter(|packet| packet.from != 2).cloned().collect();
    let before = world.passed.clone();
    for _ in 0..2 {
        for packet in &captured {
            world.deliver(&Packet { to: 2, ..packet.clone() });
        }
        // The first time this makes host 2 ask both others, who answer.
        world.deliver_all();
        world.tick(PACE);
    }
    assert_eq!(world.passed, before);
    assert_eq!(world.hosts[2].guard.contacts(), 2);
    assert_eq!(world.attempts(0, 2), 1);
    assert_eq!(world.attempts(1, 2), 1);
}

#[test]
fn the_old_window_stays_in_force_until_the_new_life_is_proven() {
    let mut world = talkative(2);
    let old = world.send(0, 1);
    let late = world.net.remove(0);
    world.restart(0, 2000);
    world.send(0, 1);
    let newborn = world.net.remove(0);
    assert_eq!(world.deliver(&newborn), Finding::NoContact);
    world.net.clear();
    world.deliver(&late);
    assert!(world.passed.contains(&(1, old)), "an unproven life takes nothing from a proven one");
}

#[test]
fn replays_of_a_former_life_do_not_keep_the_living_one_out() {
    let mut world = talkative(2);
    world.restart(0, 500);
    let former: Vec<Packet> =
        world.captured.iter().filter(|packet| packet.to == 1).cloned().collect();
    let mut attempt = 0;
    loop {
        attempt += 1;
        assert!(attempt < 5, "locked out");
        for packet in &former {
            world.deliver(packet);
        }
        let number = world.send(0, 1);
        world.deliver_all();
        if world.passed.contains(&(1, number)) {
            break;
        }
        world.tick(PACE);
    }
    for packet in &former {
        world.deliver(packet);
    }
    assert_eq!(world.attempts(0, 1), 1, "nor do they take the place of it");
}

#[test]
fn keys_are_changed_without_losing_a_message() {
    let both = |first: u32, second: u32| {
        let line = |id: u32| {
            let hex: String = (0..16).map(|n| format!("{:02x}", n * id)).collect();
            format!("{id} {hex}\n")
        };
        Keys::parse(&(line(first) + &line(second))).unwrap()
    };
    let (mut signers, mut guards): (Vec<Signer>, Vec<Guard>) =
        World::new(3).hosts.into_iter().map(|host| (host.signer, host.guard)).unzip();
    let exchange = |signers: &mut Vec<Signer>, guards: &mut Vec<Guard>| {
        let mut lost = 0;
        for from in 0..3 {
            for to in (0..3).filter(|&to| to != from) {
                let mut query = message(Kind::Query, b"are you there?");
                signers[from].seal(&mut query, address(from)).unwrap();
                let verdict = guards[to].admit(address(from), &query);
                lost += usize::from(!matches!(verdict.fate, Fate::Pass { doubt: None, .. }));
                let Some(mut challenge) = verdict.back else { continue };
                signers[to].seal(&mut challenge, address(to)).unwrap();
                let mut response = guards[from].admit(address(to), &challenge).back.unwrap();
                signers[from].seal(&mut response, address(from)).unwrap();
                guards[to].admit(address(from), &response);
            }
        }
        lost
    };
    assert_eq!(exchange(&mut signers, &mut guards), 6, "first contact");
    for keys in [both(1, 2), both(2, 1), Keys::from(key(2))] {
        for host in 0..3 {
            guards[host].set_keys(keys.clone());
            signers[host].set_key(keys.signing().clone());
            assert_eq!(exchange(&mut signers, &mut guards), 0, "{keys:?} at host {host}");
        }
    }
    let mut old = message(Kind::Query, b"");
    Signer::new(key(1), 77).seal(&mut old, address(0)).unwrap();
    assert_eq!(guards[1].admit(address(0), &old).fate, Fate::Drop(Finding::UnknownKey));
}

#[test]
fn a_challenge_shown_to_another_and_an_answer_given_to_another_prove_nothing() {
    let mut world = World::new(3);
    world.send(0, 1);
    let query = world.net.remove(0);
    assert_eq!(world.deliver(&query), Finding::NoContact);
    let challenge = world.net.remove(0);
    // Host 2 is asked in the name of host 1, and answers: host 1 has not asked it.
    assert_eq!(world.deliver(&Packet { to: 2, ..challenge.clone() }), Finding::Answered);
    let misled = world.net.remove(0);
    assert_eq!(world.deliver(&misled), Finding::Unasked);
    assert_eq!(world.deliver(&Packet { from: 0, ..misled }), Finding::BadMac);
    // Nobody else can ask with it.
    assert_eq!(world.deliver(&Packet { from: 2, ..challenge.clone() }), Finding::BadMac);
    // And the true answer is one to host 1 only, once.
    assert_eq!(world.deliver(&challenge), Finding::Answered);
    let response = world.net.remove(0);
    assert_eq!(world.deliver(&Packet { to: 2, ..response.clone() }), Finding::Unasked);
    assert_eq!(world.deliver(&response), Finding::Proven);
    assert_eq!(world.deliver(&response), Finding::Replayed);
}

#[test]
fn a_captured_message_makes_us_ask_once_a_second_at_most() {
    let mut world = talkative(2);
    let captured = world.captured.iter().rev().find(|packet| packet.from == 0).cloned().unwrap();
    world.restart(1, 2000);
    let (mut asked, seconds) = (0, 30);
    for _ in 0..seconds * PACE {
        for _ in 0..3 {
            world.deliver(&captured);
            asked += world.net.len();
            world.net.clear();
        }
        world.tick(1);
    }
    assert!((seconds as usize / 2..=seconds as usize).contains(&asked), "{asked}");
}

#[test]
fn a_sender_may_skip_far_ahead_and_late_ones_pass_as_far_as_the_window_goes() {
    let mut world = World::new(2);
    world.attempts(0, 1);
    let first = world.send(0, 1);
    for _ in 1..WINDOW {
        world.send(0, 1);
    }
    let beyond = world.send(0, 1);
    let packets = std::mem::take(&mut world.net);
    world.deliver(packets.last().unwrap());
    assert!(world.passed.contains(&(1, beyond)));
    assert_eq!(world.deliver(&packets[0]), Finding::Replayed);
    assert!(!world.passed.contains(&(1, first)));
    world.deliver(&packets[1]);
    assert!(world.passed.contains(&(1, first + 1)));
}

/// What a network and its hosts can do to us. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Deed {
    Send(usize, usize),
    Deliver(usize),
    Double(usize),
    Lose(usize),
    Replay(usize, usize),
    Restart(usize, u64),
    Tick(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Deed::Send(from, to)),
        12 => any::<usize>().prop_map(Deed::Deliver),
        2 => any::<usize>().prop_map(Deed::Double),
        1 => any::<usize>().prop_map(Deed::Lose),
        6 => (any::<usize>(), any::<usize>()).prop_map(|(which, to)| Deed::Replay(which, to)),
        1 => (any::<usize>(), prop_oneof![any::<u64>(), 0u64..2000])
            .prop_map(|(host, boot)| Deed::Restart(host, boot)),
        3 => (1..3 * PACE).prop_map(Deed::Tick),
    ]
}

fn perform(world: &mut World, deed: Deed) {
    let hosts = world.hosts.len();
    let waiting = world.net.len();
    match deed {
        Deed::Send(from, to) => {
            let from = from % hosts;
            world.send(from, (from + 1 + to % (hosts - 1)) % hosts);
        }
        Deed::Deliver(which) if waiting > 0 => {
            let packet = world.net.remove(which % waiting);
            world.deliver(&packet);
        }
        Deed::Double(which) if waiting > 0 => {
            let packet = world.net[which % waiting].clone();
            world.deliver(&packet);
        }
        Deed::Lose(which) if waiting > 0 => {
            let lost = world.net.remove(which % waiting);
            world.captured.push(lost);
        }
        Deed::Replay(which, to) if !world.captured.is_empty() => {
            let packet = world.captured[which % world.captured.len()].clone();
            world.deliver(&Packet { to: to % hosts, ..packet });
        }
        Deed::Restart(host, boot) => world.restart(host % hosts, boot),
        Deed::Tick(elapsed) => world.tick(elapsed),
        Deed::Deliver(_) | Deed::Double(_) | Deed::Lose(_) | Deed::Replay(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// [`World::deliver`] checks that no message passes twice at a host, however often that restarts, and
    /// none of a life after one of a later life.
    #[test]
    fn whatever_the_network_does_all_is_believed_at_most_once_and_nobody_is_locked_out(
        deeds in prop::collection::vec(deed(), 0..400),
    ) {
        let mut world = World::new(3);
        for deed in deeds {
            perform(&mut world, deed);
        }
        world.net.clear();
        world.tick(PACE);
        for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
            world.attempts(from, to);
        }
        // What was lost on the way may still come late; what came may not come again.
        world.show_everything();
        world.replay_everything();
    }
}
