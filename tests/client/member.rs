//! Joining, being a member, leaving.

use super::script::{Dir, Group, LONG, joined, member};
use super::{next, view};
use membership::client::{
    Connection, Entry, Error, Event, JoinOptions, Member, Mode, Place, Reason, Refusal, Scope,
};
use membership::wire::local::{Ask, Closing, LocalEvent};
use nix::poll::{PollFd, PollFlags, poll};
use std::os::fd::AsFd;
use std::time::Duration;

#[test]
fn a_member_may_move_between_threads() {
    fn moves<T: Send>() {}
    moves::<Member>();
    moves::<Connection>();
    moves::<Event>();
}

#[test]
fn a_join_says_all_that_was_chosen() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let options = dir
        .options()
        .mode(Mode::Create)
        .tag("role=db")
        .survive("majority")
        .name_scope(Scope::Level(2))
        .batch(10, Duration::from_millis(20))
        .patience(Duration::from_micros(1500));
    let _member = options.join("orders").unwrap();
    let call = script.accept().is_asked();
    assert_eq!(call.group, "orders".parse().unwrap());
    let Ask::Join { mode, tag, qos, patience_ms } = call.ask else { panic!("{call:?}") };
    assert_eq!((mode, tag.as_slice(), patience_ms), (Mode::Create, &b"role=db"[..], 2));
    assert_eq!((qos.survive.as_str(), qos.name_scope), ("majority", Scope::Level(2)));
    assert_eq!((qos.batch, qos.batch_ms), (10, 20));
}

#[test]
fn the_first_view_has_everybody_and_the_next_ones_say_who_came_and_went() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut one = dir.options().join("orders").unwrap();
    assert!(one.view().is_none() && one.id().is_none());
    let mut group = Group::of("orders", 3);
    let (peer, _) = script.takes(member(3));
    peer.says(&group.whole(member(3), Reason::Joined));

    let first = view(&mut one);
    assert!(first.first && first.came.len() == 3 && first.gone.is_empty());
    assert_eq!((one.id(), one.rank(), one.gid()), (Some(member(3)), Some(2), Some(12)));

    peer.says(&group.joins(member(3), member(7), "role=db"));
    let second = view(&mut one);
    let tags = |entries: &[Entry]| -> Vec<Vec<u8>> {
        entries.iter().map(|entry| entry.tag.clone()).collect()
    };
    assert_eq!((second.view.number, second.reason), (2, Reason::Joined));
    assert_eq!(tags(&second.came), [b"role=db"]);

    peer.says(&group.fails(member(3), member(1)));
    let third = view(&mut one);
    assert_eq!((third.gone[0].id, third.reason), (member(1), Reason::Failed));
    assert_eq!((one.rank(), third.view.size), (Some(1), 3));
    let now = one.view().unwrap();
    assert_eq!((now.roster.as_slice(), now.digest), (group.roster.as_slice(), group.digest()));
    assert!(second.view.token() < now.token(), "the token fences");
    // What the application kept is as it was.
    assert_eq!((first.view.size, second.view.size), (3, 4));
}

#[test]
fn a_roster_of_many_packets_is_one_view() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut one = dir.options().join("orders").unwrap();
    let group = Group::of("orders", 20_000);
    let (peer, _) = script.takes(member(20_000));
    let event = group.whole(member(20_000), Reason::Joined);
    assert!(event.packets().len() > 3);
    let says = std::thread::spawn(move || peer.says(&event));
    assert_eq!(view(&mut one).view.roster, group.roster);
    says.join().unwrap();
}

#[test]
fn where_only_the_size_is_told_there_is_no_roster() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut one = dir.options().count_only(true).join("orders").unwrap();
    let (peer, _) = script.takes(member(3));
    let mut group = Group::of("orders", 3);
    group.qos.count_only = true;
    let mut events = vec![group.whole(member(3), Reason::Joined)];
    events.push(group.joins(member(3), member(4), ""));
    for event in &mut events {
        if let LocalEvent::View { came, .. } = event {
            came.clear();
        }
        peer.says(event);
    }
    assert!(view(&mut one).view.is_counted());
    let now = view(&mut one).view;
    assert_eq!((now.size, now.roster.len(), now.is_counted()), (4, 0, true));
    assert_eq!(one.rank(), Some(2));
}

#[test]
fn a_name_that_changes_and_gids_that_change_are_told() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, mut group) = joined(&dir, &script, &dir.options());
    group.key.suffix = Some(10);
    group.term += 1;
    group.number += 4;
    group.roster[0].gid = 99;
    peer.says(&group.whole(member(3), Reason::Merged));
    match next(&mut one) {
        Event::Renamed { from, to } => {
            assert_eq!((from.to_string(), to.to_string()), ("orders".into(), "orders.10".into()));
        }
        other => panic!("{other:?}"),
    }
    let change = view(&mut one);
    assert_eq!(
        (change.renumbered, change.came, change.gone),
        (vec![(10, member(1))], vec![], vec![])
    );
}

#[test]
fn questions_are_answered_by_the_way() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, _) = joined(&dir, &script, &dir.options().patience(LONG));
    peer.says(&LocalEvent::Alive { nonce: 77 });
    // Nobody answers in the application's place.
    peer.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(std::io::Read::read(&mut &peer.socket, &mut [0; 100]).is_err());
    peer.socket.set_read_timeout(Some(LONG)).unwrap();
    assert!(one.try_event().unwrap().is_none());
    assert_eq!(peer.is_asked().ask, Ask::Alive { nonce: 77 });
}

#[test]
fn losing_and_finding_the_mserver_is_told() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, _) = joined(&dir, &script, &dir.options());
    peer.says(&LocalEvent::ServerLost);
    peer.says(&LocalEvent::ServerFound);
    assert!(matches!(next(&mut one), Event::MserverLost));
    assert!(matches!(next(&mut one), Event::MserverFound));
    assert!(one.view().is_some());
}

#[test]
fn several_events_in_one_packet_come_one_by_one_and_the_descriptor_knows() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, mut group) = joined(&dir, &script, &dir.options());
    let came = group.joins(member(3), member(4), "");
    let events = [came, group.fails(member(3), member(4)), LocalEvent::ServerLost];
    let packet: Vec<u8> = events.iter().flat_map(LocalEvent::packets).flatten().collect();
    peer.says_packet(&packet);
    assert_eq!(view(&mut one).view.size, 4);
    // Nothing is left in the socket; who polls must hear of the rest all the same.
    let readable = |one: &Member, ms: u8| {
        poll(&mut [PollFd::new(one.as_fd(), PollFlags::POLLIN)], ms).unwrap() == 1
    };
    assert!(readable(&one, 200));
    assert_eq!(view(&mut one).view.size, 3);
    assert!(matches!(next(&mut one), Event::MserverLost));
    assert!(one.try_event().unwrap().is_none());
    assert!(!readable(&one, 0));
}

#[test]
fn a_member_leaves() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (one, peer, group) = joined(&dir, &script, &dir.options());
    let leaves = std::thread::spawn(move || one.leave(LONG));
    assert_eq!(peer.is_asked().ask, Ask::Leave { member: member(3) });
    let (name, member) = (group.key.name, member(3));
    peer.says(&LocalEvent::Out { group: name, member, reason: Reason::Left });
    leaves.join().unwrap().unwrap();
    peer.hears_that_it_hung_up();
}

#[test]
fn a_leave_before_the_first_view_is_carried_through() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut one = dir.options().join("orders").unwrap();
    one.ask_to_leave().unwrap();
    let (peer, _) = script.takes(member(3));
    peer.says(&Group::of("orders", 3).whole(member(3), Reason::Joined));
    view(&mut one);
    let call = peer.is_asked();
    assert_eq!(call.ask, Ask::Leave { member: member(3) });
    peer.says(&LocalEvent::Done { call: call.number });
    let last = next(&mut one);
    assert!(last.is_last() && matches!(last, Event::Out { reason: Reason::Left, .. }));
    assert!(matches!(one.try_event(), Err(Error::Over)));
    assert!(matches!(one.ask_to_leave(), Err(Error::Over)));
}

#[test]
fn a_leave_that_nobody_answers_says_that_it_will_come() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (one, peer, _) = joined(&dir, &script, &dir.options());
    assert!(matches!(one.leave(Duration::from_millis(50)), Err(Error::Timeout)));
    // The request came before the end of the line.
    assert_eq!(peer.is_asked().ask, Ask::Leave { member: member(3) });
    peer.hears_that_it_hung_up();
}

#[test]
fn a_member_that_is_dropped_hangs_up() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (one, peer, _) = joined(&dir, &script, &dir.options());
    drop(one);
    peer.hears_that_it_hung_up();
}

#[test]
fn a_refused_join_says_why_and_nothing_else() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut one = dir.options().mode(Mode::Existing).join("orders").unwrap();
    let (peer, call) = script.takes(member(3));
    peer.refuses(&call, Refusal::NotFound);
    let last = next(&mut one);
    assert!(last.is_last() && matches!(last, Event::Refused(Refusal::NotFound)));
    assert!(matches!(one.next_event(None), Err(Error::Over)));
    peer.hears_that_it_hung_up();
}

#[test]
fn a_group_that_ended_for_us_says_so_last() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut one, peer, group) = joined(&dir, &script, &dir.options());
    let (name, member) = (group.key.name, member(3));
    peer.says(&LocalEvent::Out { group: name, member, reason: Reason::Partitioned });
    match next(&mut one) {
        Event::Out { reason: Reason::Partitioned, was, last, rejoins: false } => {
            assert_eq!((was, last.unwrap().number), (member, 1));
        }
        other => panic!("{other:?}"),
    }
    assert!(one.view().is_none() && one.rank().is_none());
    assert!(matches!(one.try_event(), Err(Error::Over)));
}

#[test]
fn who_may_not_call_is_told_so() {
    for why in [Closing::NotAuthorised, Closing::NoPlace, Closing::Version { spoken: 9 }] {
        let dir = Dir::new();
        let script = dir.mi("127.0.0.1-2900.mi");
        let mut one = dir.options().join("orders").unwrap();
        script.accept().closes(why);
        match next(&mut one) {
            Event::Disconnected { was: None, last: None, why: told, rejoins: false } => {
                assert!(matches!(*told, Error::Closed(closing) if closing == why), "{told}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_cannot_be_asked_for_is_not_asked_for() {
    let dir = Dir::new();
    let said = |options: JoinOptions, name: &str| options.join(name).unwrap_err().to_string();
    let options = dir.options();
    assert!(said(options.clone(), "a b").starts_with("the group's name contains ' '"));
    let dot = "a.b: must have no dot: it sets off the suffix of a part";
    assert_eq!(said(options.clone(), "a.b"), dot);
    let long = "the tag has 65 bytes, may have 64";
    assert_eq!(said(options.clone().tag(vec![b'x'; 65]), "a"), long);
    let long = "the survive rule has 256 bytes, may have 255";
    assert_eq!(said(options.clone().survive("x".repeat(256)), "a"), long);
    let none = format!("no member interface answers at {}", dir.0.display());
    assert_eq!(said(options.clone(), "a"), none);
    let nobody = options.place(Place::at(dir.0.join("x.mi")));
    assert!(said(nobody, "a").contains("x.mi: No such file"));
}
