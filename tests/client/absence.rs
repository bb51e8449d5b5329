//! A member interface that goes, comes back, is slow, or is wrong.

use super::script::{Dir, Group, LONG, Peer, Script, joined, member};
use super::{next, view};
use membership::client::{Error, Event, Member, Mode, Reason, Refusal, Rejoin};
use membership::wire::local::{Ask, Closing, LocalEvent};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

/// The number of the last view of a membership that ended because the line did.
fn disconnected(one: &mut Member) -> (u32, String) {
    match next(one) {
        Event::Disconnected { was, last, why, rejoins: true } => {
            assert_eq!(was, Some(member(3)));
            (last.unwrap().number, why.to_string())
        }
        other => panic!("{other:?}"),
    }
}

fn readable(one: &Member, ms: u16) -> bool {
    let mut fds = [PollFd::new(one.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(ms)).unwrap() == 1
}

#[test]
fn when_the_member_interface_restarts_a_new_membership_begins() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, mut group) = joined(&dir, &script, &dir.options().mode(Mode::Create));
    drop((peer, script));
    let (number, why) = disconnected(&mut one);
    assert_eq!((number, why.as_str()), (1, "the member interface closed the connection"));
    assert!(one.view().is_none() && one.id().is_none());

    // Nobody is there for a while: that is no event.
    assert!(one.next_event(Some(Duration::from_millis(200))).unwrap().is_none());

    // It comes back, under another address too. Meanwhile 1 failed, 8 came, and so did what we were.
    let script = dir.mi("127.0.0.2-2900.mi");
    let asks = std::thread::spawn(move || {
        let (peer, call) = script.takes(member(9));
        (script, peer, call)
    });
    group.fails(member(2), member(1));
    group.fails(member(2), member(3));
    group.joins(member(2), member(8), "");
    group.joins(member(2), member(9), "");
    assert!(one.next_event(Some(Duration::from_millis(2500))).unwrap().is_none(), "no view yet");
    let (_script, peer, call) = asks.join().unwrap();
    assert!(matches!(call.ask, Ask::Join { mode: Mode::JoinOrCreate, .. }), "{call:?}");
    peer.says(&group.whole(member(9), Reason::Joined));
    match next(&mut one) {
        Event::Rejoined { was, now, away } => {
            assert_eq!((was, now), (member(3), member(9)));
            assert!(away >= Duration::from_millis(200));
        }
        other => panic!("{other:?}"),
    }
    let change = view(&mut one);
    let ids = |entries: &[membership::client::Entry]| -> Vec<u32> {
        entries.iter().map(|entry| entry.id.number).collect()
    };
    assert!(change.first);
    assert_eq!((ids(&change.came), ids(&change.gone)), (vec![8, 9], vec![1, 3]));
    assert_eq!((one.id(), one.rank()), (Some(member(9)), Some(2)));
}

#[test]
fn without_rejoining_the_end_of_the_line_is_the_last_event() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, _) = joined(&dir, &script, &dir.options().rejoin(false));
    drop(peer);
    let last = next(&mut one);
    assert!(last.is_last(), "{last:?}");
    assert!(matches!(one.try_event(), Err(Error::Over)));
}

#[test]
fn what_is_polled_stays_the_same_and_tells_of_all_there_is_to_do() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, group) = joined(&dir, &script, &dir.options());
    let fd = one.as_fd().as_raw_fd();
    assert!(!readable(&one, 0));
    peer.says(&LocalEvent::ServerLost);
    assert!(readable(&one, 5000));
    assert!(one.try_event().unwrap().is_some());
    assert!(one.try_event().unwrap().is_none());
    assert!(!readable(&one, 0));
    drop(peer);
    assert!(readable(&one, 5000));
    assert!(matches!(one.try_event().unwrap(), Some(Event::Disconnected { .. })));
    // The time to connect again comes by itself.
    assert!(readable(&one, 5000));
    let (peer, _) = std::thread::scope(|scope| {
        let takes = scope.spawn(|| script.takes(member(9)));
        assert!(one.try_event().unwrap().is_none());
        takes.join().unwrap()
    });
    let mut group = group;
    group.joins(member(1), member(9), "");
    peer.says(&group.whole(member(9), Reason::Joined));
    assert!(readable(&one, 5000));
    while one.view().is_none() {
        // Two events come of one packet: also one at a time, each is told by the descriptor.
        assert!(readable(&one, 5000));
        one.try_event().unwrap();
    }
    assert_eq!(one.as_fd().as_raw_fd(), fd);
}

#[test]
fn who_waits_for_a_member_interface_joins_when_it_comes() {
    let dir = Dir::new();
    let mut one = dir.options().wait(true).join("orders").unwrap();
    assert!(one.next_event(Some(Duration::from_millis(20))).unwrap().is_none());
    let script = dir.mi("127.0.0.1-2900.mi");
    let says = std::thread::spawn(move || {
        let (peer, _) = script.takes(member(3));
        peer.says(&Group::of("orders", 3).whole(member(3), Reason::Joined));
        peer
    });
    assert!(view(&mut one).first);
    says.join().unwrap();
}

#[test]
fn who_was_taken_for_dead_joins_anew_on_the_same_line() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, mut group) = joined(&dir, &script, &dir.options());
    let name = group.key.name;
    peer.says(&LocalEvent::Out { group: name, member: member(3), reason: Reason::Failed });
    let event = next(&mut one);
    assert!(matches!(event, Event::Out { rejoins: true, .. }) && !event.is_last());
    let call = peer.is_asked();
    assert!(matches!(call.ask, Ask::Join { .. }));
    peer.says(&LocalEvent::Taken { call: call.number, member: member(4) });
    group.joins(member(1), member(4), "");
    peer.says(&group.whole(member(4), Reason::Joined));
    assert!(matches!(next(&mut one), Event::Rejoined { .. }));
    assert_eq!(view(&mut one).came[0].id, member(4));
}

#[test]
fn a_member_interface_that_is_still_coming_up_is_asked_again() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, mut group) = joined(&dir, &script, &dir.options());
    drop(peer);
    let plays = std::thread::spawn(move || {
        // One that has no place, one that has no mserver, and one that takes it.
        script.accept().closes(Closing::NoPlace);
        let (peer, call) = script.takes(member(7));
        peer.refuses(&call, Refusal::NoMserver);
        let (peer, _) = script.takes(member(8));
        group.joins(member(1), member(8), "");
        peer.says(&group.whole(member(8), Reason::Joined));
        peer
    });
    disconnected(&mut one);
    match next(&mut one) {
        Event::Rejoined { was, now, .. } => assert_eq!((was, now), (member(3), member(8))),
        other => panic!("{other:?}"),
    }
    assert!(view(&mut one).first);
    plays.join().unwrap();
}

#[test]
fn a_view_that_does_not_fit_ends_the_line_and_is_never_told() {
    let wrong = |change: &dyn Fn(&mut LocalEvent, &mut Group)| {
        let dir = Dir::new();
        let script = dir.mi("127.0.0.1-2900.mi");
        let (mut one, peer, mut group) = joined(&dir, &script, &dir.options());
        let mut event = group.joins(member(3), member(4), "");
        change(&mut event, &mut group);
        peer.says(&event);
        let (number, why) = disconnected(&mut one);
        assert_eq!(number, 1, "the last view that was told");
        peer.hears_that_it_hung_up();
        why
    };
    let of_gap = wrong(&|event, group| *event = group.joins(member(3), member(5), ""));
    assert!(of_gap.contains("view: not the next one"), "{of_gap}");
    let of_digest = wrong(&|event, _| {
        if let LocalEvent::View { digest, .. } = event {
            digest.0[15] ^= 1;
        }
    });
    assert!(of_digest.contains("view: digest"), "{of_digest}");
    let of_place = wrong(&|event, _| {
        if let LocalEvent::View { rank, .. } = event {
            *rank = u32::MAX;
        }
    });
    assert!(of_place.contains("view: not in it"), "{of_place}");
    let of_size = wrong(&|event, _| {
        if let LocalEvent::View { size, .. } = event {
            *size = 17;
        }
    });
    assert!(of_size.contains("view: size"), "{of_size}");
    let of_age = wrong(&|event, group| {
        group.number = 0;
        *event = group.whole(member(3), Reason::Resync);
    });
    assert!(of_age.contains("view: older"), "{of_age}");
}

#[test]
fn packets_that_make_no_sense_end_the_line() {
    for packet in [vec![200], vec![7], vec![0; 65_537]] {
        let dir = Dir::new();
        let script = dir.mi("127.0.0.1-2900.mi");
        let (mut one, peer, _) = joined(&dir, &script, &dir.options());
        peer.says_packet(&packet);
        let (_, why) = disconnected(&mut one);
        assert!(why.contains("makes no sense"), "{why}");
    }
}

#[test]
fn who_reads_slowly_gets_all_that_was_said_before_the_line_ended() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, mut group) = joined(&dir, &script, &dir.options());
    // As a member interface does: what the kernel does not take any more ends the line.
    peer.socket.set_nonblocking(true).unwrap();
    let mut said = 0;
    loop {
        let event = group.joins(member(3), member(1000 + said), "");
        if peer.socket.send(&event.packets()[0]).is_err() {
            break;
        }
        said += 1;
    }
    drop(peer);
    assert!(said > 100);
    for n in 0..said {
        assert_eq!(view(&mut one).view.number, 2 + n);
    }
    assert_eq!(disconnected(&mut one).0, 1 + said);
}

/// Asks until nothing more is taken.
fn asks_and_does_not_listen(peer: &Peer, one: &mut Member) -> Option<Event> {
    let until = Instant::now() + LONG;
    while Instant::now() < until {
        // It may have hung up by now: that is what is waited for.
        let _ = peer.socket.send(&LocalEvent::Alive { nonce: 1 }.packets()[0]);
        if let Some(event) = one.try_event().unwrap() {
            return Some(event);
        }
    }
    None
}

#[test]
fn a_member_interface_that_asks_and_does_not_listen_costs_no_memory() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, _) = joined(&dir, &script, &dir.options());
    peer.socket.set_nonblocking(true).unwrap();
    let event = asks_and_does_not_listen(&peer, &mut one);
    assert!(matches!(event, Some(Event::Disconnected { .. })), "{event:?}");
}

#[test]
fn a_leave_during_an_absence_is_the_end() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, _) = joined(&dir, &script, &dir.options());
    drop((peer, script));
    disconnected(&mut one);
    one.ask_to_leave().unwrap();
    assert!(matches!(one.next_event(None), Err(Error::Over)));
}

#[test]
fn a_member_interface_that_dies_during_a_leave_ends_the_membership_all_the_same() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (one, peer, _) = joined(&dir, &script, &dir.options());
    let leaves = std::thread::spawn(move || one.leave(LONG));
    peer.is_asked();
    drop((peer, script));
    assert!(matches!(leaves.join().unwrap(), Err(Error::Gone)));
}

/// A member of "orders" whose side of a partition had to end.
fn terminated(dir: &Dir, script: &Script, rejoin: Rejoin) -> (Member, Peer) {
    let (mut one, peer, group) = joined(dir, script, &dir.options().rejoin(rejoin));
    let (group, reason) = (group.key.name, Reason::Terminated);
    peer.says(&LocalEvent::Out { group, member: member(3), reason });
    match next(&mut one) {
        Event::Out { reason: Reason::Terminated, was, last: Some(last), rejoins } => {
            assert_eq!((was, last.size, rejoins), (member(3), 3, rejoin == Rejoin::Always));
        }
        other => panic!("{other:?}"),
    }
    (one, peer)
}

#[test]
fn who_had_to_end_ends_unless_it_said_otherwise() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, _peer) = terminated(&dir, &script, Rejoin::Alive);
    assert!(matches!(one.try_event(), Err(Error::Over)));
}

#[test]
fn who_had_to_end_waits_for_the_side_that_lives_and_founds_no_other() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer) = terminated(&dir, &script, Rejoin::Always);
    let call = peer.is_asked();
    assert!(matches!(call.ask, Ask::Join { mode: Mode::Existing, .. }), "{call:?}");
    peer.refuses(&call, Refusal::NotFound);
    assert!(one.next_event(Some(Duration::from_millis(10))).unwrap().is_none(), "no event");
    // There it is again, on a line of its own.
    let asked = std::thread::spawn(move || {
        let (peer, call) = script.takes(member(4));
        assert!(matches!(call.ask, Ask::Join { mode: Mode::Existing, .. }), "{call:?}");
        let mut group = Group::of("orders", 3);
        group.joins(member(1), member(4), "");
        group.term = 2;
        peer.says(&group.whole(member(4), Reason::Joined));
        peer
    });
    match next(&mut one) {
        Event::Rejoined { was, now, .. } => assert_eq!((was, now), (member(3), member(4))),
        other => panic!("{other:?}"),
    }
    assert_eq!(view(&mut one).view.size, 4);
    drop(asked.join().unwrap());
}
