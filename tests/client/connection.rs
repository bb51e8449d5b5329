//! Calls by somebody who is no member.

use super::script::{Dir, Group, LONG, life, member};
use membership::client::{Connection, Error, Refusal};
use membership::wire::local::{Ask, Closing, LocalEvent};
use std::time::Duration;

/// Opens a connection to the one member interface of the directory.
fn open(dir: &Dir, script: &super::script::Script) -> (Connection, super::script::Peer) {
    std::thread::scope(|scope| {
        let peer = scope.spawn(|| script.accept());
        let connection = Connection::open(&dir.place()).unwrap();
        (connection, peer.join().unwrap())
    })
}

#[test]
fn the_view_of_a_group_is_told_to_who_asks() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut connection, peer) = open(&dir, &script);
    assert_eq!(connection.mi(), life(1));
    let group = Group::of("orders", 5000);
    let answer = group.clone();
    let plays = std::thread::spawn(move || {
        let call = peer.is_asked();
        assert_eq!(call.ask, Ask::View);
        // An answer to a call that was given up is nobody's.
        peer.says(&LocalEvent::Done { call: call.number.wrapping_sub(1) });
        peer.says(&answer.answer(&call));
        peer
    });
    let view = connection.view("orders", LONG).unwrap();
    assert_eq!((view.roster, view.own, view.number), (group.roster, None, 1));
    plays.join().unwrap();
}

#[test]
fn changes_are_asked_for_and_answered() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut connection, peer) = open(&dir, &script);
    let plays = std::thread::spawn(move || {
        let call = peer.is_asked();
        assert_eq!(call.ask, Ask::Merge { other: "b".parse().unwrap() });
        peer.says(&LocalEvent::Done { call: call.number });
        let call = peer.is_asked();
        assert_eq!(call.ask, Ask::Split { new: "b".parse().unwrap(), members: vec![4, 5] });
        peer.refuses(&call, Refusal::Exists);
        peer
    });
    connection.merge("a", "b", LONG).unwrap();
    let refused = connection.split("a", "b", &[4, 5], LONG).unwrap_err();
    assert_eq!(refused.to_string(), "a: a group of this name exists");
    let long = connection.split("a", "b", &[0; 20_000], LONG).unwrap_err();
    assert!(matches!(long, Error::TooLong { .. }), "{long}");
    plays.join().unwrap();
}

#[test]
fn no_answer_in_time_is_an_error_and_the_line_goes_on() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut connection, peer) = open(&dir, &script);
    let late = connection.merge("a", "b", Duration::from_millis(30)).unwrap_err();
    assert!(matches!(late, Error::Timeout), "{late}");
    let plays = std::thread::spawn(move || {
        let first = peer.is_asked();
        peer.says(&LocalEvent::Refused {
            call: first.number,
            group: first.group,
            refusal: Refusal::NotFound,
        });
        let second = peer.is_asked();
        peer.says(&LocalEvent::Done { call: second.number });
        peer
    });
    connection.merge("a", "c", LONG).unwrap();
    plays.join().unwrap();
}

#[test]
fn a_question_is_asked_again_and_a_change_is_not() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut connection, peer) = open(&dir, &script);
    let plays = std::thread::spawn(move || {
        let call = peer.is_asked();
        assert_eq!(call.ask, Ask::View);
        drop(peer);
        let peer = script.accept();
        peer.says(&Group::of("orders", 2).answer(&peer.is_asked()));
        peer.is_asked();
        drop(peer);
        // The next call opens a line of its own.
        let peer = script.accept();
        let call = peer.is_asked();
        peer.says(&LocalEvent::Done { call: call.number });
        peer
    });
    assert_eq!(connection.view("orders", LONG).unwrap().roster[0].id, member(1));
    let unknown = connection.merge("orders", "b", LONG).unwrap_err();
    assert!(matches!(unknown, Error::Unknown), "{unknown}");
    connection.merge("orders", "b", LONG).unwrap();
    plays.join().unwrap();
}

#[test]
fn a_line_that_broke_while_nobody_looked_is_opened_anew() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let (mut connection, peer) = open(&dir, &script);
    drop(peer);
    let plays = std::thread::spawn(move || {
        let peer = script.accept();
        let call = peer.is_asked();
        peer.says(&LocalEvent::Done { call: call.number });
        peer
    });
    connection.merge("a", "b", LONG).unwrap();
    plays.join().unwrap();
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let dir = Dir::new();
    let script = dir.mi("127.0.0.1-2900.mi");
    let plays = std::thread::spawn(move || script.accept().closes(Closing::NotAuthorised));
    match Connection::open(&dir.place()) {
        // The script greets first, so the refusal may come behind the greeting.
        Ok(mut connection) => {
            let why = connection.merge("a", "b", LONG).unwrap_err();
            assert!(matches!(why, Error::Closed(_) | Error::Unknown), "{why}");
        }
        Err(e) => assert_eq!(
            e.to_string(),
            "the member interface says: not authorised to call this member interface"
        ),
    }
    plays.join().unwrap();
    let nobody = Connection::open(&dir.place()).unwrap_err();
    assert!(matches!(nobody, Error::NoMi(_)), "{nobody}");
}
