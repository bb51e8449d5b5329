//! Calls: each is answered once; what cannot be is refused at once; who does not answer has failed.

use crate::lan::{Lan, joins, life, longest, member, name, params};
use membership::proto::mi::{Ask, LocalCall, LocalEvent};
use membership::proto::step::Input;
use membership::wire::group::{Call, GroupBody, MemberId, Mode, Qos, Refusal};

#[test]
fn a_roster_is_told_to_members_and_to_others() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.told(7);
    lan.call(1, 7, Ask::View);
    lan.call(2, 8, Ask::View);
    assert_eq!(lan.told(7), ["roster of 1"]);
    assert_eq!(lan.told(8), ["roster of 1"]);
    lan.call_of(2, 8, "web", Ask::View);
    assert_eq!(lan.told(8), ["refused: NotFound"]);
    assert!(lan.mi(2).known(name("db")).is_none(), "who asks is no member");
}

#[test]
fn a_leave_a_merge_and_a_split_are_done_when_a_view_says_so() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.join(1, 7);
    lan.join_of(1, 7, "web");
    lan.told(7);
    lan.call(1, 7, Ask::Merge { other: name("web") });
    assert_eq!(lan.told(7).last().unwrap(), "done");
    lan.call(1, 7, Ask::Split { new: name("web"), members: vec![1] });
    assert!(lan.told(7).contains(&"done".to_string()));
    lan.call(1, 7, Ask::Leave { member: member(1, 1) });
    assert_eq!(lan.told(7), ["view 5 of 1, rank 0, Left, -1 +0", "out: Left", "done"]);
}

#[test]
fn who_merges_groups_of_others_is_answered_as_well() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.join_of(1, 7, "web");
    lan.call(2, 8, Ask::Merge { other: name("web") });
    assert_eq!(lan.told(8), ["done"]);
}

#[test]
fn a_call_whose_view_was_lost_is_answered_when_it_is_asked_again() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.join(1, 8);
    lan.told(7);
    lan.deaf = true;
    lan.call(1, 7, Ask::Leave { member: member(1, 1) });
    lan.deaf = false;
    lan.told(8);
    lan.wait(1, 2 * params().reply);
    assert_eq!(lan.told(7), ["out: Left", "done"]);
    assert_eq!(lan.told(8), ["view 3 of 1, rank 0, Resync, whole"]);
}

#[test]
fn who_does_not_answer_within_its_patience_has_failed() {
    let mut lan = Lan::of(2);
    lan.join(2, 9);
    lan.call(1, 7, joins(Mode::JoinOrCreate, 300));
    lan.call_of(1, 7, "web", joins(Mode::JoinOrCreate, 300));
    lan.call_of(1, 7, "log", joins(Mode::JoinOrCreate, 0));
    lan.told(7);
    lan.told(9);
    // A tick is 10 ms.
    lan.wait(1, 29);
    assert_eq!(lan.told(7), ["alive? 1", "alive? 2"]);
    lan.call(1, 7, Ask::Alive { nonce: 2 });
    lan.wait(1, 29);
    assert_eq!(lan.told(7), ["alive? 3", "alive? 4", "alive? 5"]);
    // An answer to what it has answered is none.
    lan.call(1, 7, Ask::Alive { nonce: 2 });
    lan.wait(1, 1);
    assert_eq!(lan.told(7), ["out: Failed", "out: Failed"], "but not who has no patience");
    assert_eq!(lan.told(9), ["view 3 of 1, rank 0, Failed, -1 +0"]);
    lan.wait(1, 100);
    assert_eq!(lan.told(7), [""; 0]);
    assert_eq!(lan.core("log").roster.len(), 1);
}

#[test]
fn the_own_absence_of_a_member_interface_kills_no_application() {
    let mut lan = Lan::of(1);
    lan.call(1, 7, joins(Mode::JoinOrCreate, 300));
    lan.told(7);
    lan.input(1, Input::Tick { elapsed: 80 });
    assert_eq!(lan.told(7), ["alive? 1"]);
}

#[test]
fn without_a_mserver_a_call_is_refused_in_the_end_but_a_leave_waits() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.alive = 0;
    lan.input(1, Input::Tick { elapsed: 1000 });
    lan.told(7);
    lan.join(1, 8);
    lan.call(1, 8, Ask::View);
    lan.call(1, 7, Ask::Leave { member: member(1, 1) });
    let wait =
        |lan: &mut Lan, ticks| (0..ticks).for_each(|_| lan.input(1, Input::Tick { elapsed: 1 }));
    wait(&mut lan, longest() - 1);
    assert_eq!(lan.told(8), [""; 0]);
    wait(&mut lan, 1);
    assert_eq!(lan.told(8), ["refused: NoMserver", "refused: NoMserver"]);
    // The application may go; its leave is carried through.
    lan.input(1, Input::Gone { client: 7 });
    wait(&mut lan, longest());
    lan.alive = 1;
    wait(&mut lan, 100);
    assert!(lan.cores().is_empty());
    let is_leave = |call: &Call| matches!(call, Call::Leave { .. });
    assert!(lan.submits().iter().any(|request| is_leave(&request.call)));
    assert!(!lan.submits().iter().any(|request| matches!(request.call, Call::Fail { .. })));
}

#[test]
fn what_the_member_interface_can_refuse_never_leaves_it() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    let asked = lan.submits().len();
    let join = |tag: Vec<u8>, survive: String, mode| {
        let qos = Qos { survive, ..Qos::default() };
        Ask::Join { mode, tag, qos: qos.into(), patience_ms: 0 }
    };
    let plain = |mode| join(vec![], String::new(), mode);
    let split = |new: &str, members| Ask::Split { new: name(new), members };
    let stranger = MemberId { mi: life(2), number: 1 };
    for (group, ask, refusal) in [
        ("db", join(vec![0; 65], String::new(), Mode::Create), Refusal::TooLarge),
        ("db", join(vec![], "x".repeat(256), Mode::Create), Refusal::TooLarge),
        ("db.5", plain(Mode::Create), Refusal::NotPossible),
        (".5", plain(Mode::Existing), Refusal::NotFound),
        ("db.x", Ask::View, Refusal::NotFound),
        ("db", Ask::Merge { other: name("db") }, Refusal::NotPossible),
        ("db", Ask::Merge { other: name("web.") }, Refusal::NotFound),
        ("db", split("web", vec![]), Refusal::NotMember),
        ("db", split("web", vec![0; 70_000]), Refusal::TooLarge),
        ("db", split("we.b", vec![0]), Refusal::NotPossible),
        ("db", split("db", vec![0]), Refusal::Exists),
        ("db", Ask::Leave { member: stranger }, Refusal::NotMember),
    ] {
        lan.call_of(1, 7, group, ask.clone());
        assert_eq!(lan.told(7), [format!("refused: {refusal:?}")], "{group} {ask:?}");
    }
    let (group, ask) = (Default::default(), Ask::View);
    lan.ask(1, 7, &LocalCall { number: 1, group, ask });
    assert_eq!(lan.told(7), ["refused: NotFound"], "no name at all");
    assert_eq!(lan.submits().len(), asked);
    // A group that had to take another name has a dot and digits in it.
    lan.call_of(1, 7, "db.5", Ask::View);
    assert_eq!(lan.submits().len(), asked + 1);
}

#[test]
fn one_application_has_at_most_256_members() {
    let mut lan = Lan::of(1);
    for _ in 0..257 {
        lan.join(1, 7);
    }
    let refused = lan.told(7).into_iter().filter(|told| told == "refused: TooMany").count();
    assert_eq!(refused, 1);
    lan.join(1, 8);
    assert_eq!(lan.core("db").roster.len(), 257);
}

#[test]
fn a_join_that_was_never_sent_needs_no_failure() {
    let mut lan = Lan::of(1);
    lan.alive = 0;
    lan.input(1, Input::Tick { elapsed: 1000 });
    lan.join(1, 7);
    lan.input(1, Input::Gone { client: 7 });
    lan.alive = 2;
    (0..50).for_each(|_| lan.input(1, Input::Tick { elapsed: 1 }));
    assert!(lan.mi(1).is_registered());
    assert!(lan.submits().is_empty(), "{:?}", lan.submits());
}

#[test]
fn a_call_is_answered_under_its_own_number() {
    let mut lan = Lan::of(1);
    let call = LocalCall { number: 42, group: name("db"), ask: joins(Mode::JoinOrCreate, 0) };
    lan.ask(1, 7, &call);
    lan.ask(1, 7, &LocalCall { number: 43, ask: Ask::View, ..call });
    let taken = LocalEvent::Taken { call: 42, member: member(1, 1) };
    assert!(lan.told.contains(&(7, taken)));
    let roster = |event: &LocalEvent| matches!(event, LocalEvent::Roster { call: 43, entries, .. } if entries.len() == 1);
    assert!(lan.told.iter().any(|(_, event)| roster(event)));
    assert!(!lan.heard.iter().any(|body| matches!(body, GroupBody::Missing { .. })));
}
