//! From one mserver to the next: what is missed is told, what comes from a former one is not heard.

use crate::lan::{Lan, longest, name, params, whole};
use membership::proto::step::Input;
use membership::wire::group::{Call, GroupBody};

/// The MI loses its mserver, and registers at the second one.
fn fail_over(lan: &mut Lan, n: u8) {
    lan.alive = 2;
    let params = params();
    let silence = params.query + params.reply * (params.retries + 1);
    lan.input(n, Input::Tick { elapsed: silence });
    assert!(lan.mi(n).is_registered());
}

#[test]
fn what_was_missed_is_told_whole_when_another_mserver_is_found() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.told.clear();
    lan.held = Some(vec![]);
    lan.join(2, 8);
    lan.held = None;
    fail_over(&mut lan, 1);
    assert_eq!(lan.told(7), ["mserver lost", "mserver found"]);
    let core = lan.core("db");
    lan.say(1, GroupBody::Direct(whole(&core)));
    assert_eq!(lan.told(7), ["view 2 of 2, rank 0, Resync, whole"]);
}

#[test]
fn who_was_declared_failed_meanwhile_is_told_so() {
    let mut lan = Lan::of(2);
    lan.join(1, 7);
    lan.join(2, 8);
    lan.told.clear();
    fail_over(&mut lan, 1);
    lan.told(7);
    let mut core = lan.core("db");
    core.roster.remove(0);
    core.number += 1;
    lan.say(1, GroupBody::Direct(whole(&core)));
    // It could have been split off: that view would come within the tries of the mserver.
    lan.wait(1, params().reply * (params().retries + 1) - 1);
    assert_eq!(lan.told(7), [""; 0]);
    lan.wait(1, 1);
    assert_eq!(lan.told(7), ["out: Failed"]);
    lan.join(1, 7);
    assert_eq!(lan.core("db").roster.last().unwrap().id.number, 2, "it may join anew");
}

#[test]
fn of_a_group_that_nobody_tells_of_a_new_mserver_is_asked() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.join_of(1, 8, "web");
    lan.told.clear();
    fail_over(&mut lan, 1);
    // "db" has ended while we were away; "web" has not.
    lan.registry = Default::default();
    lan.wait(1, longest() - 1);
    assert_eq!(lan.told(7), ["mserver lost", "mserver found"]);
    lan.wait(1, 1);
    assert_eq!(lan.told(7), ["out: Failed"]);
    assert!(lan.submits().iter().any(|request| request.call == Call::View));
    assert!(lan.mi(1).known(name("db")).is_none());
}

#[test]
fn a_former_mserver_is_not_heard() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    fail_over(&mut lan, 1);
    lan.told.clear();
    let mut core = lan.core("db");
    core.number += 1;
    lan.say_from(1, 1, GroupBody::Direct(whole(&core)));
    lan.say_from(1, 1, GroupBody::Poll { nonce: 1 });
    assert_eq!(lan.told(7), [""; 0]);
    assert_eq!(lan.mis[0].counters().of("not-our-mserver"), 2);
}

#[test]
fn an_answer_to_an_older_registration_is_not_heard() {
    let mut lan = Lan::of(1);
    fail_over(&mut lan, 1);
    lan.say(1, GroupBody::Registered { number: 1 });
    assert_eq!(lan.mis[0].counters().of("older-registration"), 1);
    lan.alive = 0;
    lan.input(1, Input::Tick { elapsed: 1000 });
    lan.say_from(1, 1, GroupBody::Poll { nonce: 1 });
    assert_eq!(lan.mis[0].counters().of("not-registered"), 1);
    assert!(!lan.mi(1).is_registered());
}

#[test]
fn a_call_that_was_under_way_goes_to_the_next_mserver_at_once() {
    let mut lan = Lan::of(1);
    lan.lose = u32::MAX;
    lan.join(1, 7);
    lan.lose = 0;
    let before = lan.submits().len();
    fail_over(&mut lan, 1);
    assert_eq!(lan.submits().len(), before + 1);
    assert_eq!(
        lan.told(7),
        ["mserver lost", "mserver found", "view 1 of 1, rank 0, Created, whole"]
    );
}
