//! Every rule bites: a watch is told of a breach and names it.

use super::*;
use crate::name::{Gid, Incarnation, ViewNumber};
use crate::wire::coreset::{ChangeKind, Member, SetName};
use std::net::Ipv4Addr;

pub fn life(host: u8) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host), 2900);
    Life { address, inc: Incarnation(1) }
}

pub fn position(num: u16, digest: u8) -> Position {
    Position { num: ViewNumber(num), k: 0, digest: Digest([digest; 16]) }
}

pub fn view(num: u16, digest: u8, members: &[u8]) -> View {
    View {
        position: position(num, digest),
        level: 1,
        name: SetName::default(),
        members: members
            .iter()
            .map(|&host| Member { gid: Gid(host.into()), life: life(host) })
            .collect(),
        parents: Vec::new(),
        parent: None,
        former: None,
        done: Vec::new(),
    }
}

fn change(coord: u8, seq: u16) -> Change {
    let id = ChangeId { round: 0, class: 6, key: 0, crank: 0, coord: life(coord), seq };
    let kind = ChangeKind::Application { operations: Vec::new() };
    Change { id, kind, par: vec![position(7, 1)], excl: Vec::new() }
}

fn message(from: u8, body: Body) -> CoreMessage {
    CoreMessage {
        name: SetName::default(),
        from: Member { gid: Gid(from.into()), life: life(from) },
        level: 1,
        position: position(7, 1),
        parents: Vec::new(),
        prev: None,
        exclude: Vec::new(),
        body,
    }
}

fn seen<'a>(who: u8, view: &'a View, floor: Option<&'a Change>) -> Seen<'a> {
    Seen {
        who: life(who).address,
        elapsed: 1,
        view: Some(view),
        isolated: Vec::new(),
        floor,
        phase: "follower",
        awaited: None,
        live: true,
    }
}

/// Two members in view 7.
fn watch() -> (Watch, View) {
    let mut watch = Watch::new(10, 5);
    let seven = view(7, 1, &[1, 2]);
    for host in [1, 2] {
        watch.installed(0, life(host).address, &seven, None, None, &[]);
    }
    assert_eq!(watch.violation(), None);
    (watch, seven)
}

fn next(digest: u8, members: &[u8]) -> View {
    View { parents: vec![position(7, 1)], ..view(8, digest, members) }
}

fn rule(watch: &Watch) -> &'static str {
    watch.violation().map_or("none", |violation| violation.rule)
}

#[test]
fn two_successors_of_one_view_are_seen() {
    let (mut watch, seven) = watch();
    let from = Some(seven.position);
    watch.installed(3, life(1).address, &next(2, &[1]), from, None, &[]);
    watch.installed(3, life(2).address, &next(3, &[1, 2]), from, None, &[]);
    assert_eq!(rule(&watch), "none", "one way only");
    let (mut watch, _) = self::watch();
    watch.installed(3, life(1).address, &next(2, &[1, 2]), from, None, &[]);
    watch.installed(3, life(2).address, &next(3, &[1, 2]), from, None, &[]);
    assert_eq!(rule(&watch), "UNIQUE");
}

#[test]
fn one_number_for_two_joint_views_is_seen() {
    let mut watch = Watch::new(10, 5);
    watch.installed(0, life(1).address, &view(7, 1, &[1, 2]), None, None, &[]);
    watch.installed(0, life(2).address, &view(7, 2, &[1, 2]), None, None, &[]);
    assert_eq!(rule(&watch), "AGREE");
}

#[test]
fn a_view_without_its_owner_or_behind_its_time_is_seen() {
    let (mut watch, seven) = watch();
    watch.installed(3, life(1).address, &next(2, &[2]), Some(seven.position), None, &[]);
    assert_eq!(rule(&watch), "SELF");
    let (mut watch, _) = self::watch();
    watch.installed(3, life(1).address, &view(8, 2, &[1]), Some(seven.position), None, &[]);
    assert_eq!(rule(&watch), "MONO");
    let (mut watch, _) = self::watch();
    watch.installed(3, life(1).address, &next(2, &[1]), None, None, &[]);
    assert_eq!(rule(&watch), "MONO", "it does not say what it left");
}

#[test]
fn one_digest_for_two_views_is_seen() {
    let mut watch = Watch::new(10, 5);
    watch.installed(0, life(1).address, &view(7, 1, &[1]), None, None, &[]);
    watch.installed(0, life(2).address, &view(7, 1, &[2]), None, None, &[]);
    assert_eq!(rule(&watch), "DIGEST");
}

#[test]
fn a_member_that_did_not_accept_the_change_is_seen() {
    let (mut watch, seven) = watch();
    let change = change(1, 1);
    let eight = next(2, &[1, 2]);
    let mut told = watch.clone();
    watch.installed(3, life(1).address, &eight, Some(seven.position), Some(&change), &[]);
    assert_eq!(rule(&watch), "ACKED");
    told.sent(2, Some(life(1).address), &message(2, Body::Ack { id: change.id, pending: false }));
    told.installed(3, life(1).address, &eight, Some(seven.position), Some(&change), &[]);
    assert_eq!(rule(&told), "none");
    told.installed(3, life(2).address, &eight, Some(seven.position), Some(&change), &[]);
    assert_eq!(rule(&told), "FLOOR", "2 installs what it has not accepted");
}

#[test]
fn a_floor_that_sinks_is_seen() {
    let (mut watch, seven) = watch();
    let (low, high) = (change(1, 1), change(1, 2));
    watch.stepped(1, &seen(2, &seven, Some(&low)));
    watch.stepped(1, &seen(2, &seven, Some(&high)));
    assert_eq!(rule(&watch), "none");
    watch.stepped(1, &seen(2, &seven, None));
    assert_eq!(rule(&watch), "FLOOR");
}

#[test]
fn a_change_that_stands_still_is_seen() {
    let (mut watch, seven) = watch();
    let change = change(1, 1);
    for _ in 0..11 {
        watch.stepped(1, &seen(2, &seven, Some(&change)));
    }
    assert_eq!((rule(&watch), watch.longest()), ("none", 10));
    watch.stepped(1, &seen(2, &seven, Some(&change)));
    assert_eq!(rule(&watch), "PROGRESS");
}

#[test]
fn two_commits_of_one_change_are_seen() {
    let (mut watch, _) = watch();
    let mut other = change(1, 1);
    watch.sent(2, None, &message(1, Body::Commit(other.clone())));
    watch.sent(2, None, &message(2, Body::Commit(other.clone())));
    assert_eq!(rule(&watch), "none");
    other.excl.push(life(2).address);
    watch.sent(2, None, &message(2, Body::CommitInitiate(other, change(1, 2))));
    assert_eq!(rule(&watch), "ONCE");
}

#[test]
fn a_query_to_another_than_the_one_above_is_seen_unless_that_one_was_asked_before() {
    let (mut watch, _) = watch();
    let query = |nonce| message(1, Body::Query { nonce, check: None });
    watch.sent(2, Some(life(2).address), &query(1));
    watch.sent(2, Some(life(3).address), &query(1));
    assert_eq!(rule(&watch), "none");
    watch.sent(2, Some(life(3).address), &query(2));
    assert_eq!(rule(&watch), "RING");
}

#[test]
fn whoever_isolates_itself_or_a_stranger_is_seen() {
    for stray in [2, 3] {
        let (mut watch, seven) = watch();
        let isolated = vec![life(stray).address];
        watch.stepped(1, &Seen { isolated, ..seen(2, &seven, None) });
        assert_eq!(rule(&watch), "ISO");
    }
}

#[test]
fn an_operation_that_runs_twice_or_is_skipped_is_seen() {
    let op = |number| Operation { origin: life(1), number, bytes: Vec::new() };
    let done = |number| vec![Done { origin: life(1), number }];
    for (first, second, breaks) in [(1, 2, "none"), (1, 1, "TWICE"), (1, 3, "TWICE")] {
        let (mut watch, seven) = watch();
        let eight = View { done: done(first), ..next(2, &[1, 2]) };
        let nine =
            View { parents: vec![eight.position], done: done(second), ..view(9, 3, &[1, 2]) };
        let at = life(1).address;
        watch.installed(1, at, &eight, Some(seven.position), None, &[op(first)]);
        watch.installed(2, at, &nine, Some(eight.position), None, &[op(second)]);
        assert_eq!(rule(&watch), breaks);
    }
    let (mut watch, seven) = watch();
    let forgets = next(2, &[1, 2]);
    watch.installed(1, life(1).address, &forgets, Some(seven.position), None, &[op(1)]);
    assert_eq!(rule(&watch), "TWICE", "the view does not say so");
}
