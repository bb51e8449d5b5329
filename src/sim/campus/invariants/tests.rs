//! Every rule finds the history that breaks it.

use super::*;
use crate::name::{Digest, GroupName, Incarnation};
use crate::proto::group::digest_of;
use crate::proto::mi::{Ask, LocalCall, LocalEvent};
use crate::sim::campus::plan::Plan;
use crate::sim::campus::speech::Speech;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, Entry, GroupBody, GroupKey, GroupMessage, MemberId, Mode, Path, Qos, Reason, Refusal,
    Request, RequestId, Scope, Way,
};
use std::net::{Ipv4Addr, SocketAddrV4};

fn life(host: u8) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host), 2901);
    Life { address, inc: Incarnation(1) }
}

fn member(host: u8) -> MemberId {
    MemberId { mi: life(host), number: 1 }
}

fn entry(host: u8) -> Entry {
    Entry {
        id: member(host),
        gid: host.into(),
        tag: Vec::new(),
        path: Path::default(),
        roams: false,
        lost: false,
        registration: 0,
    }
}

pub fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

fn key(number: u64) -> GroupKey {
    GroupKey { name: group("db"), suffix: None, inc: RequestId { origin: life(9), number } }
}

fn taken(host: u8) -> LocalEvent {
    LocalEvent::Taken { call: 1, member: member(host) }
}

/// The whole roster, as the member of `host` is told it.
fn whole(host: u8, number: u32, reason: Reason, hosts: &[u8]) -> LocalEvent {
    let roster: Vec<Entry> = hosts.iter().map(|host| entry(*host)).collect();
    LocalEvent::View {
        qos: None,
        key: key(1),
        member: member(host),
        gid: host.into(),
        rank: hosts.iter().position(|one| *one == host).unwrap() as u32,
        term: 1,
        number,
        digest: digest_of(&key(1).inc, number, &roster),
        size: hosts.len() as u32,
        reason,
        gone: Vec::new(),
        came: roster,
        whole: true,
    }
}

/// What changed, as the member of `host` is told it.
fn delta(
    host: u8,
    number: u32,
    reason: Reason,
    hosts: &[u8],
    gone: &[u8],
    came: &[u8],
) -> LocalEvent {
    let LocalEvent::View { key, member, gid, rank, term, digest, size, .. } =
        whole(host, number, reason, hosts)
    else {
        unreachable!()
    };
    let gone = gone.iter().map(|host| u32::from(*host)).collect();
    let came = came.iter().map(|host| entry(*host)).collect();
    let whole = false;
    LocalEvent::View {
        qos: None,
        key,
        member,
        gid,
        rank,
        term,
        number,
        digest,
        size,
        reason,
        gone,
        came,
        whole,
    }
}

fn out(host: u8) -> LocalEvent {
    LocalEvent::Out { group: group("db"), member: member(host), reason: Reason::Left }
}

/// The rule that logs break, one an application.
fn rule(logs: &[&[LocalEvent]]) -> &'static str {
    let told = |log: &[LocalEvent]| (0..).zip(log.iter().cloned()).collect();
    let logs: Vec<MemberLog> = logs.iter().map(|log| MemberLog { told: told(log) }).collect();
    check_member_logs(&logs).map_or_else(|violation| violation.rule, |()| "none")
}

/// Two members: the second one joins.
fn two() -> [Vec<LocalEvent>; 2] {
    [
        vec![
            taken(1),
            whole(1, 1, Reason::Created, &[1]),
            delta(1, 2, Reason::Joined, &[1, 2], &[], &[2]),
        ],
        vec![taken(2), whole(2, 2, Reason::Joined, &[1, 2])],
    ]
}

fn then(one: &[LocalEvent], two_: &[LocalEvent]) -> &'static str {
    let [mut first, mut second] = two();
    first.extend_from_slice(one);
    second.extend_from_slice(two_);
    rule(&[&first, &second])
}

#[test]
fn a_history_in_order_keeps_the_rules() {
    assert_eq!(then(&[], &[]), "none");
    let three = delta(1, 3, Reason::Left, &[1], &[2], &[]);
    assert_eq!(then(&[three], &[out(2)]), "none");
    let jump = whole(1, 7, Reason::Resync, &[1, 2]);
    assert_eq!(then(&[jump], &[]), "none");
}

#[test]
fn a_first_view_that_is_a_change_is_found() {
    assert_eq!(rule(&[&[taken(1), delta(1, 1, Reason::Joined, &[1], &[], &[1])]]), "WHOLE");
}

#[test]
fn a_view_that_is_missing_told_twice_or_of_another_group_is_found() {
    let four = delta(1, 4, Reason::Failed, &[1], &[2], &[]);
    assert_eq!(then(&[four], &[]), "NEXT");
    let again = delta(1, 2, Reason::Joined, &[1, 2], &[], &[2]);
    assert_eq!(then(&[again], &[]), "NEXT");
    let back = whole(1, 1, Reason::Resync, &[1]);
    assert_eq!(then(&[back], &[]), "NEXT");
    let LocalEvent::View { member, gid, rank, term, digest, size, came, .. } =
        whole(1, 3, Reason::Joined, &[1, 2])
    else {
        unreachable!()
    };
    let (key, number, reason, gone, whole) = (key(2), 3, Reason::Joined, vec![], true);
    let other = LocalEvent::View {
        qos: None,
        key,
        member,
        gid,
        rank,
        term,
        number,
        digest,
        size,
        reason,
        gone,
        came,
        whole,
    };
    assert_eq!(then(&[other], &[]), "NEXT");
}

#[test]
fn a_view_that_does_not_come_out_is_found() {
    let LocalEvent::View {
        key, member, gid, term, number, size, reason, gone, came, whole, ..
    } = whole(1, 1, Reason::Created, &[1])
    else {
        unreachable!()
    };
    let with = |rank, digest| LocalEvent::View {
        qos: None,
        key,
        member,
        gid,
        rank,
        term,
        number,
        digest,
        size,
        reason,
        gone: gone.clone(),
        came: came.clone(),
        whole,
    };
    assert_eq!(rule(&[&[taken(1), with(0, Digest([7; 16]))]]), "ROSTER");
    let right = digest_of(&key.inc, 1, &[entry(1)]);
    assert_eq!(rule(&[&[taken(1), with(0, right)]]), "none");
    assert_eq!(rule(&[&[taken(1), with(1, right)]]), "ROSTER");
    let stranger = delta(1, 3, Reason::Left, &[1, 2], &[5], &[]);
    assert_eq!(then(&[stranger], &[]), "ROSTER");
}

#[test]
fn two_views_of_one_number_are_found_unless_a_partition_is_between_them() {
    let one = delta(1, 3, Reason::Joined, &[1, 2, 3], &[], &[3]);
    let other = delta(2, 3, Reason::Joined, &[1, 2, 4], &[], &[4]);
    assert_eq!(then(&[one], &[other]), "SAME");
    let one = whole(1, 3, Reason::Partitioned, &[1]);
    let other = whole(2, 3, Reason::Partitioned, &[2]);
    assert_eq!(then(&[one], &[other]), "none", "neither has the other");
}

#[test]
fn who_went_and_is_there_again_is_found() {
    let again = |why, back| {
        let gone = delta(1, 3, why, &[1], &[2], &[]);
        let ghost = whole(1, 4, back, &[1, 2]);
        then(&[gone, ghost], &[])
    };
    assert_eq!(again(Reason::Left, Reason::Joined), "GHOST");
    assert_eq!(again(Reason::Failed, Reason::Joined), "GHOST");
    assert_eq!(again(Reason::Left, Reason::Merged), "GHOST");
    assert_eq!(again(Reason::Failed, Reason::Merged), "none", "it lived on elsewhere");
}

#[test]
fn a_member_that_is_made_twice_or_told_more_when_it_is_out_is_found() {
    let twice = delta(1, 3, Reason::Joined, &[1, 2, 2], &[], &[2]);
    assert_eq!(then(&[twice], &[]), "ONCE");
    assert_eq!(then(&[], &[taken(2)]), "ONCE");
    assert_eq!(then(&[], &[out(2), out(2)]), "ONCE");
    let more = delta(2, 3, Reason::Left, &[2], &[1], &[]);
    assert_eq!(then(&[], &[out(2), more]), "ONCE");
    let refused = || LocalEvent::Refused { call: 2, group: group("db"), refusal: Refusal::Exists };
    assert_eq!(then(&[], &[refused(), refused()]), "ONCE");
    let refused = LocalEvent::Refused { call: 1, group: group("db"), refusal: Refusal::Exists };
    assert_eq!(then(&[], &[refused]), "ONCE", "a join that was refused and is a member");
}

fn join_call(membership_scope: Scope) -> LocalCall {
    let name_scope = membership_scope;
    let qos = Qos { membership_scope, name_scope, ..Qos::default() };
    let ask =
        Ask::Join { mode: Mode::JoinOrCreate, tag: Vec::new(), qos: qos.into(), patience_ms: 0 };
    LocalCall { number: 1, group: group("db"), ask }
}

/// The request of an MI that creates the group.
pub fn call_to_create(number: u64, membership_scope: Scope) -> Request {
    let qos = Qos { membership_scope, ..Qos::default() };
    let (mode, tag, member) = (Mode::JoinOrCreate, Vec::new(), member(1));
    let call = Call::Join { mode, member, tag, roams: false, qos };
    let id = RequestId { origin: life(1), number };
    Request {
        id,
        oldest: 1,
        group: group("db"),
        registration: 0,
        reach: Scope::Top,
        call,
        path: Vec::new(),
    }
}

/// The rule that a SUBMIT for the group of a caller on `a1/1` breaks on its way from one mserver to another.
fn hush(scope: Scope, from: &str, to: &str) -> &'static str {
    let plan = Plan::tree(&[2, 2], 1);
    let mut hush = Hush::default();
    hush.called(&plan, plan.node("a1/1"), &join_call(scope));
    let id = RequestId { origin: life(1), number: 1 };
    let call = Call::View;
    let request = Request {
        id,
        oldest: 1,
        group: group("db"),
        registration: 0,
        reach: Scope::Top,
        call,
        path: Vec::new(),
    };
    let body = GroupBody::Submit { request, way: Way::Search };
    let message = GroupMessage { name: group("db"), from: life(1), body };
    let speech = Speech::of(&message.encode().unwrap());
    hush.sent(1, &plan, (plan.node(from), plan.node(to)), &speech);
    hush.violation().map_or("none", |violation| violation.rule)
}

#[test]
fn a_mserver_that_hears_of_what_does_not_concern_it_is_found() {
    assert_eq!(hush(Scope::Top, "a1", "a"), "none");
    assert_eq!(hush(Scope::Top, "a", "b"), "none");
    assert_eq!(hush(Scope::Top, "b", "b1"), "SILENCE");
}

#[test]
fn a_search_above_its_scope_is_found() {
    assert_eq!(hush(Scope::Level(1), "a1", "a2"), "none");
    assert_eq!(hush(Scope::Level(1), "a", "b"), "SCOPE");
    assert_eq!(hush(Scope::Set(group("set-a")), "a", "b"), "SCOPE");
}

/// The rule of rest that is broken, where applications wanted to be members.
fn rest(logs: &[&[LocalEvent]], alive: &[bool]) -> &'static str {
    let mut members = Members::default();
    for (log, events) in (0..).zip(logs) {
        events.iter().for_each(|event| members.told(log, 1, event));
    }
    let calls = [join_call(Scope::Top)];
    let wish = |(log, alive): (u64, &bool)| Wish { log, alive: *alive, calls: &calls };
    let wishes: Vec<Wish<'_>> = (0..).zip(alive).map(wish).collect();
    let resting = Resting { now: 9, members: &members, wishes: &wishes };
    settled(&resting).map_or_else(|violation| violation.rule, |_| "none")
}

#[test]
fn a_call_without_an_answer_is_found_at_rest() {
    assert_eq!(rest(&[&[]], &[true]), "CALLS");
    assert_eq!(rest(&[&[taken(1)]], &[true]), "CALLS");
    assert_eq!(rest(&[&[taken(1)]], &[false]), "none");
    assert_eq!(rest(&[&[taken(1), whole(1, 1, Reason::Created, &[1])]], &[true]), "none");
}

#[test]
fn members_that_differ_are_dead_or_are_missing_are_found_at_rest() {
    let [first, second] = two();
    assert_eq!(rest(&[&first, &second], &[true, true]), "none");
    assert_eq!(rest(&[&first, &second], &[true, false]), "CONVERGE", "the dead are members");
    let mut behind = first.clone();
    behind.push(delta(1, 3, Reason::Joined, &[1, 2, 3], &[], &[3]));
    assert_eq!(rest(&[&behind, &second], &[true, true]), "CONVERGE");
}

#[test]
fn two_groups_of_one_name_are_found_at_rest() {
    let other = |event: LocalEvent| match event {
        LocalEvent::View {
            member,
            gid,
            rank,
            term,
            number,
            size,
            reason,
            gone,
            came,
            whole,
            ..
        } => {
            let digest = digest_of(&key(2).inc, number, &came);
            let key = key(2);
            LocalEvent::View {
                qos: None,
                key,
                member,
                gid,
                rank,
                term,
                number,
                digest,
                size,
                reason,
                gone,
                came,
                whole,
            }
        }
        event => event,
    };
    let one = [taken(1), whole(1, 1, Reason::Created, &[1])];
    let two = [taken(2), other(whole(2, 1, Reason::Created, &[2]))];
    assert_eq!(rest(&[&one, &two], &[true, true]), "NAMES");
}
