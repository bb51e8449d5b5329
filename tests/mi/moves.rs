//! Members follow their groups: into another one, into one of their own, under another name. None is lost in silence.

use crate::lan::{Lan, life, longest, member, name, params, whole};
use membership::proto::mi::{Ask, LocalEvent};
use membership::proto::step::Input;
use membership::wire::group::{
    Call, Content, Core, Direct, GroupBody, Reason, Refusal, Request, RequestId,
};

/// The groups that views named to a client, in the order of what was said.
fn groups(lan: &mut Lan, client: u64) -> Vec<(String, u32)> {
    let all = std::mem::take(&mut lan.told);
    let view = |(whose, event): &(u64, LocalEvent)| match event {
        LocalEvent::View { key, number, .. } if *whose == client => {
            Some((key.to_string(), *number))
        }
        _ => None,
    };
    all.iter().filter_map(view).collect()
}

/// Says what is held, in the order of the reasons.
fn deliver(lan: &mut Lan, first: impl Fn(&Direct) -> bool) {
    let held = lan.held.take().unwrap();
    let is_first = |body: &GroupBody| matches!(body, GroupBody::Direct(direct) if first(direct));
    let (first, rest): (Vec<_>, Vec<_>) = held.into_iter().partition(|(_, body)| is_first(body));
    for (n, body) in first.into_iter().chain(rest) {
        lan.say_from(1, n, body);
    }
}

#[test]
fn the_members_of_a_group_that_became_part_of_another_are_members_of_that_one() {
    let mut lan = Lan::of(2);
    lan.join_of(1, 7, "one");
    lan.join_of(2, 8, "two");
    lan.join_of(2, 9, "two");
    lan.told.clear();
    lan.call_of(1, 7, "one", Ask::Merge { other: name("two") });
    assert_eq!(lan.told(7), ["view 3 of 3, rank 0, Merged, whole", "done"]);
    assert_eq!(lan.told(8), ["view 3 of 3, rank 1, Merged, whole"]);
    assert_eq!(lan.told(9), ["view 3 of 3, rank 2, Merged, whole"]);
    assert!(lan.mi(2).known(name("two")).is_none());
    lan.call_of(2, 8, "two", Ask::Leave { member: member(2, 1) });
    assert_eq!(lan.told(8), ["out: Left", "done"], "by whatever name the application knows it");
}

#[test]
fn a_leave_follows_its_member_into_the_group_that_it_is_in_by_now() {
    let mut lan = Lan::of(2);
    lan.join_of(1, 7, "one");
    lan.join_of(2, 8, "two");
    lan.told.clear();
    lan.held = Some(vec![]);
    lan.call_of(1, 7, "one", Ask::Merge { other: name("two") });
    // It does not know yet that there is no such group any more.
    lan.call_of(2, 8, "two", Ask::Leave { member: member(2, 1) });
    let held = lan.held.take().unwrap();
    let (answers, views): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|(_, body)| matches!(body, GroupBody::Refused { .. }));
    assert_eq!(answers.len(), 1);
    for (n, body) in answers.into_iter().chain(views) {
        lan.say_from(1, n, body);
    }
    lan.wait(2, params().query);
    assert_eq!(lan.told(8), ["view 2 of 2, rank 1, Merged, whole", "out: Left", "done"]);
    assert_eq!(lan.core("one").roster.len(), 1);
}

#[test]
fn members_that_are_split_off_are_not_out_whichever_view_comes_first() {
    for new_first in [false, true] {
        let mut lan = Lan::of(2);
        lan.join_of(1, 7, "one");
        lan.join_of(2, 8, "one");
        lan.told.clear();
        lan.held = Some(vec![]);
        lan.call_of(1, 7, "one", Ask::Split { new: name("new"), members: vec![1] });
        deliver(&mut lan, |direct| (direct.key.name == name("new")) == new_first);
        assert_eq!(lan.told(8), ["view 1 of 1, rank 0, Split, whole"], "new first: {new_first}");
        assert!(lan.mi(2).known(name("one")).is_none());
        lan.wait(2, 2 * longest());
        assert_eq!(lan.told(8), [""; 0]);
    }
}

#[test]
fn a_split_that_was_missed_takes_nobody_away() {
    let mut lan = Lan::of(1);
    lan.join_of(1, 7, "one");
    lan.join_of(1, 8, "one");
    lan.told.clear();
    lan.held = Some(vec![]);
    lan.call_of(1, 7, "one", Ask::Split { new: name("new"), members: vec![1] });
    lan.held = Some(vec![]);
    // The mserver repeats what was not acknowledged, as a whole.
    for core in [lan.core("one"), lan.core("new")] {
        lan.say_from(1, 1, GroupBody::Direct(whole(&core)));
    }
    assert_eq!(lan.told(8), ["view 1 of 1, rank 0, Resync, whole"]);
    assert_eq!(lan.told(7), ["view 3 of 1, rank 0, Resync, whole"]);
}

#[test]
fn who_waits_in_vain_for_the_view_of_its_new_group_asks_for_it() {
    let mut lan = Lan::of(1);
    lan.join_of(1, 7, "one");
    lan.join_of(1, 8, "one");
    lan.told.clear();
    lan.held = Some(vec![]);
    lan.call_of(1, 7, "one", Ask::Split { new: name("new"), members: vec![1] });
    let held = lan.held.take().unwrap();
    let of_new =
        |body: &GroupBody| matches!(body, GroupBody::Direct(d) if d.key.name == name("new"));
    for (n, body) in held.into_iter().filter(|(_, body)| !of_new(body)) {
        lan.say_from(1, n, body);
    }
    assert_eq!(lan.told(8), [""; 0]);
    lan.wait(1, longest());
    assert_eq!(lan.told(8), ["view 1 of 1, rank 0, Resync, whole"]);
}

#[test]
fn who_is_in_no_group_after_a_split_is_told_that_it_is_out() {
    let mut lan = Lan::of(2);
    lan.join_of(1, 7, "one");
    lan.join_of(2, 8, "one");
    lan.told.clear();
    lan.held = Some(vec![]);
    lan.call_of(1, 7, "one", Ask::Split { new: name("new"), members: vec![1] });
    // The new group ends before its first view comes here, and nobody here knows its name.
    let request = lan.submits().pop().unwrap();
    let id = RequestId { origin: life(1), number: 99 };
    let call = Call::Leave { member: member(2, 1) };
    lan.decide(Request { id, group: name("new"), call, ..request });
    let held = lan.held.take().unwrap();
    let of_one =
        |body: &GroupBody| matches!(body, GroupBody::Direct(d) if d.key.name == name("one"));
    for (n, body) in held.into_iter().filter(|(_, body)| of_one(body)) {
        lan.say_from(1, n, body);
    }
    lan.wait(2, longest());
    assert_eq!(lan.told(8), ["out: Split"]);
}

#[test]
fn a_new_name_is_a_new_name_and_nothing_else() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told.clear();
    let mut core = lan.core("db");
    core.key.suffix = Some(3);
    core.number += 1;
    lan.say_from(1, 1, GroupBody::Direct(whole(&core)));
    assert_eq!(groups(&mut lan, 7), [("db.3".to_string(), 2)]);
    assert!(lan.mi(1).known(name("db")).is_none());
    assert_eq!(lan.mi(1).known(name("db.3")).unwrap().at(), (1, 2));
    lan.call(1, 7, Ask::Leave { member: member(1, 1) });
    assert_eq!(lan.submits().pop().unwrap().group, name("db.3"));
}

/// A group of the name "db" that another MI created anew.
fn anew(lan: &Lan, id: u32) -> Core {
    let mut core = lan.core("db");
    core.key.inc = RequestId { origin: life(9), number: 1 };
    core.number = 1;
    core.roster.truncate(1);
    core.roster[0].id = member(1, id);
    core
}

#[test]
fn who_was_in_a_group_that_ended_and_was_created_anew_is_out() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told.clear();
    // Another member of ours joins what has that name now.
    lan.held = Some(vec![]);
    lan.join(1, 8);
    lan.held = None;
    let core = anew(&lan, 2);
    lan.say_from(1, 1, GroupBody::Direct(whole(&core)));
    assert_eq!(lan.told(8), ["view 1 of 1, rank 0, Resync, whole"]);
    // It may have another name by now: it is asked what has this one.
    let asked = lan.submits().len();
    lan.alive = 3;
    let wait = params().reply * (params().retries + 1);
    for _ in 0..wait {
        lan.say_from(1, 1, GroupBody::Poll { nonce: 1 });
        lan.input(1, Input::Tick { elapsed: 1 });
    }
    let view = lan.submits()[asked..].iter().find(|r| r.call == Call::View).unwrap().clone();
    assert_eq!(lan.told(7), [""; 0]);
    lan.say_from(1, 1, GroupBody::Shown { id: view.id, direct: whole(&core) });
    assert_eq!(lan.told(7), ["out: Failed"]);
    assert_eq!(lan.told(8), [""; 0]);
}

#[test]
fn what_is_late_moves_nobody_back() {
    let mut lan = Lan::of(1);
    lan.join_of(1, 7, "two");
    let late = whole(&lan.core("two"));
    lan.join_of(1, 8, "one");
    lan.call_of(1, 8, "one", Ask::Merge { other: name("two") });
    lan.told.clear();
    lan.say_from(1, 1, GroupBody::Direct(late));
    assert_eq!(lan.told(7), [""; 0]);
    assert!(lan.mi(1).known(name("two")).is_none());
}

#[test]
fn a_whole_that_comes_twice_is_told_once() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.join(2, 8);
    lan.told.clear();
    for _ in 0..2 {
        let core = lan.core("db");
        lan.say_from(1, 1, GroupBody::Direct(whole(&core)));
    }
    assert_eq!(lan.told(7), [""; 0]);
    let Some(GroupBody::Got { number: 2, below: 1, .. }) = lan.heard.last() else { panic!() };
}

#[test]
fn a_roster_that_does_not_come_out_is_asked_for_once_in_a_reply_time() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.deaf = true;
    lan.join(2, 8);
    lan.alive = 3;
    let mut core = lan.core("db");
    core.number += 7;
    let content = Content::Delta { gone: vec![], came: vec![] };
    let direct = Direct { content, reason: Reason::Joined, ..whole(&core) };
    let asked = |lan: &Lan| {
        lan.heard.iter().filter(|body| matches!(body, GroupBody::Missing { .. })).count()
    };
    (0..50).for_each(|_| lan.say_from(1, 1, GroupBody::Direct(direct.clone())));
    assert_eq!(asked(&lan), 1);
    for _ in 0..params().reply {
        lan.input(1, Input::Tick { elapsed: 1 });
    }
    (0..50).for_each(|_| lan.say_from(1, 1, GroupBody::Direct(direct.clone())));
    assert_eq!(asked(&lan), 2);
}

#[test]
fn a_stranger_is_reported_once_while_the_report_is_under_way() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.join(1, 8);
    lan.lose = u32::MAX;
    lan.input(1, Input::Gone { client: 7 });
    let before = lan.submits().len();
    for number in 3..9 {
        let mut core = lan.core("db");
        core.number = number;
        lan.say_from(1, 1, GroupBody::Direct(whole(&core)));
    }
    assert_eq!(lan.submits().len(), before);
    let (id, refusal) = (lan.submits().pop().unwrap().id, Refusal::NotFound);
    lan.say_from(1, 1, GroupBody::Refused { id, refusal });
    let mut core = lan.core("db");
    core.number = 9;
    lan.say_from(1, 1, GroupBody::Direct(whole(&core)));
    assert_eq!(lan.submits().len(), before + 1, "and again when that came to nothing");
}

#[test]
fn who_has_moved_is_not_taken_back_by_what_is_late() {
    let mut lan = Lan::of(1);
    lan.join_of(1, 7, "two");
    lan.join_of(1, 8, "one");
    lan.held = Some(vec![]);
    lan.join_of(1, 9, "two");
    // This view of "two" is newer than any that came before "two" became part of "one".
    let late = whole(&lan.core("two"));
    lan.call_of(1, 8, "one", Ask::Merge { other: name("two") });
    lan.told.clear();
    deliver(&mut lan, |direct| direct.reason == Reason::Merged);
    for _ in 0..2 {
        lan.say_from(1, 1, GroupBody::Direct(late.clone()));
    }
    lan.wait(1, longest());
    assert!(lan.mi(1).known(name("two")).is_none());
    let places = groups(&mut lan, 7);
    assert!(places.iter().all(|(group, _)| group == "one"), "{places:?}");
}
