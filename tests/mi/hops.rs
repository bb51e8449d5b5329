//! Between a member interface and its mserver: what became of a call (Figures 43, 44), and what is said to all at once.

use crate::lan::{Lan, life, member, name, params, server, whole};
use membership::name::Incarnation;
use membership::proto::step::{Input, Via};
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Content, Direct, GroupBody, GroupMessage, Reason, Refusal, RequestId,
};

/// Lets time pass at the first MI, whose mserver polls it and does nothing else.
fn pass(lan: &mut Lan, ticks: u32) {
    for _ in 0..ticks {
        lan.say_from(1, 1, GroupBody::Poll { nonce: 1 });
        lan.input(1, Input::Tick { elapsed: 1 });
    }
}

/// What the MIs said of calls since the last time, in short.
fn said(lan: &mut Lan) -> Vec<&'static str> {
    let heard = std::mem::take(&mut lan.heard);
    let is_of_call =
        |body: &&GroupBody| matches!(body, GroupBody::Submit { .. } | GroupBody::Where { .. });
    heard.iter().filter(is_of_call).map(GroupBody::name).collect()
}

/// A LAN whose only MI has called for something, and whose mserver does not answer.
fn in_silence() -> (Lan, RequestId) {
    let mut lan = Lan::of(1);
    lan.alive = 3;
    lan.join(1, 7);
    (lan, RequestId { origin: life(1), number: 1 })
}

#[test]
fn what_is_not_answered_is_asked_about_twice_and_then_sent_again() {
    let (mut lan, _) = in_silence();
    assert_eq!(said(&mut lan), ["submit"]);
    pass(&mut lan, params().reply - 1);
    assert_eq!(said(&mut lan), [""; 0]);
    pass(&mut lan, 1);
    assert_eq!(said(&mut lan), ["where"]);
    pass(&mut lan, 5 * params().reply);
    assert_eq!(said(&mut lan), ["where", "submit", "where", "where", "submit"]);
}

#[test]
fn a_mserver_that_is_still_at_it_is_asked_again_later() {
    let (mut lan, id) = in_silence();
    pass(&mut lan, 2 * params().reply);
    lan.say_from(1, 1, GroupBody::Wait { id });
    said(&mut lan);
    pass(&mut lan, params().query - 1);
    assert_eq!(said(&mut lan), [""; 0]);
    pass(&mut lan, 1 + 2 * params().reply);
    assert_eq!(said(&mut lan), ["where", "where", "submit"], "counted from its word on");
}

#[test]
fn what_a_mserver_has_not_heard_of_is_sent_again_at_once() {
    let (mut lan, id) = in_silence();
    pass(&mut lan, params().reply);
    said(&mut lan);
    lan.say_from(1, 1, GroupBody::Unheard { id });
    assert_eq!(said(&mut lan), ["submit"]);
    let id = RequestId { number: 99, ..id };
    lan.say_from(1, 1, GroupBody::Unheard { id });
    assert_eq!(said(&mut lan), [""; 0]);
    assert_eq!(lan.mis[0].counters().of("answer-not-expected"), 1);
}

/// A join was done, says the mserver, and its view does not come.
fn done_without_a_view() -> (Lan, RequestId) {
    let (mut lan, id) = in_silence();
    lan.say_from(1, 1, GroupBody::Done { id });
    pass(&mut lan, params().reply * (params().retries + 1));
    let asked = lan.submits().pop().unwrap();
    assert_eq!(asked.call, Call::View);
    assert_eq!(lan.told(7), [""; 0]);
    (lan, asked.id)
}

#[test]
fn a_join_whose_view_is_lost_is_answered_by_the_roster_that_has_it() {
    let (mut lan, asked) = done_without_a_view();
    lan.alive = 1;
    let join = lan.submits().remove(0);
    lan.deaf = true;
    lan.decide(join);
    let direct = whole(&lan.core("db"));
    lan.say_from(1, 1, GroupBody::Shown { id: asked, direct });
    assert_eq!(lan.told(7), ["view 1 of 1, rank 0, Resync, whole"]);
}

#[test]
fn a_join_whose_member_is_gone_again_is_answered_as_well() {
    let (mut lan, id) = done_without_a_view();
    lan.say_from(1, 1, GroupBody::Refused { id, refusal: Refusal::NotFound });
    assert_eq!(lan.told(7), ["out: Failed"]);
    pass(&mut lan, 3 * params().query);
    assert_eq!(lan.told(7), [""; 0]);
}

/// The mserver says a view to all MIs at once, in one datagram.
fn proclaim(lan: &mut Lan, direct: Direct) {
    let from = Life { address: server(1), inc: Incarnation(1) };
    let message = GroupMessage { name: direct.key.name, from, body: GroupBody::Direct(direct) };
    let bytes = message.encode().unwrap();
    for n in 1..=lan.mis.len() as u8 {
        lan.input(n, Input::Datagram { via: Via::Group, from: from.address, bytes: &bytes });
    }
}

#[test]
fn a_view_for_the_whole_lan_is_for_those_who_have_members() {
    let mut lan = Lan::of(3);
    lan.join(1, 7);
    lan.join(2, 8);
    lan.told.clear();
    let mut core = lan.core("db");
    core.number += 1;
    core.roster.remove(1);
    let content = Content::Delta { gone: vec![1], came: vec![] };
    let direct = Direct { content, reason: Reason::Failed, ..whole(&core) };
    lan.heard.clear();
    proclaim(&mut lan, direct);
    assert_eq!(lan.told(7), ["view 3 of 1, rank 0, Failed, -1 +0"]);
    assert_eq!(lan.told(8), ["out: Failed"]);
    let got = lan.heard.iter().filter(|body| matches!(body, GroupBody::Got { .. })).count();
    assert_eq!((got, lan.heard.len()), (2, 2), "the third one says nothing: {:?}", lan.heard);
    assert_eq!(lan.mis[2].counters().of("not-concerned"), 1);
    // One that does not know yet whom it has hears of it by its name.
    core.number += 1;
    core.roster[0].id = member(3, 5);
    proclaim(&mut lan, whole(&core));
    assert!(lan.submits().iter().any(|request| matches!(request.call, Call::Fail { .. })));
}

#[test]
fn a_mserver_that_leaves_in_good_order_is_left_at_once() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told.clear();
    lan.say_from(1, 1, GroupBody::Unregister { number: 7 });
    assert_eq!(lan.mis[0].counters().of("older-registration"), 1);
    assert_eq!(lan.mi(1).server(), server(1));
    lan.alive = 2;
    lan.say_from(1, 1, GroupBody::Unregister { number: 1 });
    assert_eq!(lan.mi(1).server(), server(2));
    assert!(lan.mi(1).is_registered());
    assert_eq!(lan.told(7), ["mserver lost", "mserver found"]);
}

#[test]
fn a_roster_that_leaves_views_out_is_a_resync_unless_it_says_why() {
    for (reason, jumps, told) in [
        (Reason::Joined, 1, "Joined"),
        (Reason::Joined, 2, "Resync"),
        (Reason::Failed, 2, "Resync"),
        (Reason::Partitioned, 2, "Partitioned"),
        (Reason::Merged, 5, "Merged"),
        (Reason::Split, 3, "Split"),
    ] {
        let mut lan = Lan::of(1);
        lan.join(1, 7);
        lan.told.clear();
        let mut core = lan.core("db");
        core.number += jumps;
        lan.say(1, GroupBody::Direct(Direct { reason, ..whole(&core) }));
        assert_eq!(lan.told(7), [format!("view {} of 1, rank 0, {told}, whole", 1 + jumps)]);
        assert!(lan.mi(1).known(name("db")).is_some());
    }
}
