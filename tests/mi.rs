//! The member interface as a pure machine, before a LAN mserver that decides alone: a test a sentence.
//!
//! ```text
//!   application ── call ──> Mi ── SUBMIT ──> Lan: a Registry ── DIRECT ──> all Mis
//! ```

#[path = "mi/answers.rs"]
mod answers;
#[path = "mi/examples.rs"]
mod examples;
#[path = "mi/hops.rs"]
mod hops;
#[path = "mi/lan.rs"]
mod lan;
#[path = "mi/moves.rs"]
mod moves;
#[path = "mi/mservers.rs"]
mod mservers;
#[path = "mi/quality.rs"]
mod quality;
#[path = "mi/walk.rs"]
mod walk;
#[path = "mi/words.rs"]
mod words;

use lan::{Lan, joins, member, name, params, server};
use membership::name::Digest;
use membership::proto::mi::Ask;
use membership::proto::step::Input;
use membership::wire::group::{Call, Content, Direct, GroupBody, Mode, Reason};

#[test]
fn the_first_view_tells_everybody_and_the_next_ones_what_changed() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    assert_eq!(lan.told(7), ["view 1 of 1, rank 0, Created, whole"]);
    lan.join(2, 8);
    assert_eq!(lan.told(7), ["view 2 of 2, rank 0, Joined, -0 +1"]);
    assert_eq!(lan.told(8), ["view 2 of 2, rank 1, Joined, whole"]);
    let member = member(1, 1);
    lan.call(1, 7, Ask::Leave { member });
    assert_eq!(lan.told(7), ["out: Left", "done"]);
    assert_eq!(lan.told(8), ["view 3 of 1, rank 0, Left, -1 +0"]);
    assert!(
        lan.mi(1).known(name("db")).is_none(),
        "nothing is kept of a group without members here"
    );
}

#[test]
fn a_call_that_is_lost_is_sent_again_under_the_same_id_and_has_one_effect() {
    let mut lan = Lan::of(1);
    lan.lose = 2;
    lan.join(1, 7);
    assert_eq!(lan.told(7), [""; 0]);
    lan.wait(1, 10);
    assert_eq!(lan.told(7), ["view 1 of 1, rank 0, Created, whole"]);
    let submits = lan.submits();
    assert_eq!(submits.len(), 3);
    assert!(submits.windows(2).all(|pair| pair[0].id == pair[1].id));
}

#[test]
fn a_view_that_does_not_follow_is_not_believed_and_the_whole_is_asked_for() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.told(7);
    lan.deaf = true;
    lan.join(2, 8);
    lan.deaf = false;
    lan.join(2, 9);
    assert_eq!(lan.told(7), ["view 3 of 3, rank 0, Resync, whole"]);
}

#[test]
fn a_view_whose_digest_does_not_come_out_is_not_applied() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    let known = lan.mi(1).known(name("db")).unwrap().clone();
    let (term, number) = known.at();
    let content = Content::Delta { gone: vec![], came: vec![] };
    let (key, digest, reason) = (known.key(), Digest([1; 16]), Reason::Joined);
    let forged = Direct { key, term, number: number + 1, digest, reason, causes: vec![], content };
    lan.say(1, GroupBody::Direct(forged));
    assert_eq!(lan.told(7), [""; 0]);
    assert_eq!(lan.mi(1).known(name("db")), Some(&known));
    let asked = lan.heard.iter().any(|body| matches!(body, GroupBody::Missing { .. }));
    assert!(asked, "the whole is asked for");
}

#[test]
fn a_refusal_is_told_once_and_leaves_nothing_behind() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.call(2, 8, joins(Mode::Create, 0));
    lan.wait(2, 30);
    assert_eq!(lan.told(8), ["refused: Exists"]);
}

#[test]
fn whose_application_is_gone_has_failed_for_the_others() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.join(2, 8);
    lan.told(7);
    lan.input(2, Input::Gone { client: 8 });
    assert_eq!(lan.told(7), ["view 3 of 1, rank 0, Failed, -1 +0"]);
}

#[test]
fn a_member_that_the_core_has_and_nobody_here_is_reported_failed() {
    let mut lan = Lan::of(2);
    lan.join(2, 8);
    // An application of MI 1 joined and was gone before the answer came.
    lan.deaf = true;
    lan.join(1, 7);
    lan.lose = 1;
    lan.input(1, Input::Gone { client: 7 });
    lan.deaf = false;
    lan.told(8);
    lan.wait(1, 10);
    lan.wait(2, 10);
    assert_eq!(lan.core("db").roster.len(), 1, "{:?}", lan.core("db"));
}

#[test]
fn an_application_cannot_take_anothers_member_away() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    let member = member(1, 1);
    lan.call(1, 8, Ask::Leave { member });
    assert_eq!(lan.told(8), ["refused: NotMember"]);
    assert_eq!(lan.told(7), [""; 0]);
}

#[test]
fn an_mserver_that_is_silent_is_left_for_the_next_and_told_what_is_here() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    let params = params();
    let silence = params.query + params.reply * (params.retries + 1);
    lan.input(1, Input::Tick { elapsed: silence - 1 });
    assert!(lan.mi(1).is_registered());
    lan.input(1, Input::Tick { elapsed: 1 });
    assert_eq!(lan.told(7), ["mserver lost"]);
    assert_eq!(lan.mi(1).server(), server(2));
    assert_eq!(lan.heard.last(), Some(&GroupBody::Register { number: 2, roams: true }));
    lan.alive = 2;
    lan.say(1, GroupBody::Registered { number: 2 });
    let Call::Here(stated) = lan.submits().pop().unwrap().call else { panic!("{:?}", lan.heard) };
    assert_eq!((stated.term, stated.number, stated.next_gid), (1, 1, 1));
    let [entry] = &stated.members[..] else { panic!("{stated:?}") };
    assert_eq!((entry.id, entry.gid, &stated.roster[..]), (member(1, 1), 0, &[0][..]));
}

#[test]
fn one_application_cannot_have_calls_without_end_under_way() {
    let mut lan = Lan::of(1);
    lan.lose = u32::MAX;
    for _ in 0..100 {
        lan.call(1, 7, Ask::View);
    }
    assert_eq!(lan.told(7).len(), 36);
    // Others are served all the same.
    lan.lose = 0;
    lan.join(1, 8);
    assert_eq!(lan.told(8), ["view 1 of 1, rank 0, Created, whole"]);
}
