//! The member interface's part in what the creator of a group chose.

use crate::lan::{Lan, longest, member, name, params, whole};
use membership::proto::mi::Ask;
use membership::proto::step::Input;
use membership::wire::group::{Call, GroupBody, Mode, Monitor, Order, Qos, Reason, Refusal};
use membership::wire::local::LocalEvent;

fn joins_with(qos: Qos) -> Ask {
    Ask::Join { mode: Mode::JoinOrCreate, tag: vec![], qos: qos.into(), patience_ms: 0 }
}

fn fixed(every_ms: u32, retries: u8) -> Qos {
    Qos { monitor: Monitor::Fixed { every_ms, retries }, ..Qos::default() }
}

/// The group that client 7 of MI 1 is alone in, with a rule that not every side can fulfil.
fn with_majority(monitor: Monitor) -> Lan {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    let mut core = lan.core("db");
    core.qos = Qos { survive: "majority".into(), monitor, ..Qos::default() };
    core.number += 1;
    lan.say(1, GroupBody::Direct(whole(&core)));
    lan.told(7);
    lan
}

/// Ticks until the MI is without a mserver, and the last one has not yet been forgotten.
fn cut_off(lan: &mut Lan) {
    lan.alive = 0;
    let silence = params().query + params().reply * (params().retries + 1);
    lan.input(1, Input::Tick { elapsed: silence });
    assert!(!lan.mi(1).is_registered());
    assert_eq!(lan.told(7), ["mserver lost"]);
}

fn pass(lan: &mut Lan, ticks: u32) {
    (0..ticks).for_each(|_| lan.input(1, Input::Tick { elapsed: 1 }));
}

#[test]
fn a_group_that_counts_tells_its_size_and_the_own_rank() {
    let mut lan = Lan::of(2);
    lan.call(1, 7, joins_with(Qos { count_only: true, ..Qos::default() }));
    lan.join(2, 8);
    assert!(!lan.told.is_empty());
    for (_, event) in &lan.told {
        if let LocalEvent::View { gone, came, .. } = event {
            assert!(gone.is_empty() && came.is_empty(), "{event:?}");
        }
    }
    assert_eq!(
        lan.told(7),
        ["view 1 of 1, rank 0, Created, whole", "view 2 of 2, rank 0, Joined, -0 +0"]
    );
    assert_eq!(lan.told(8), ["view 2 of 2, rank 1, Joined, whole"]);
    lan.call(1, 7, Ask::Leave { member: member(1, 1) });
    assert_eq!(lan.told(8), ["view 3 of 1, rank 0, Left, -0 +0"]);
    lan.call(2, 8, Ask::View);
    assert_eq!(lan.told(8), ["roster of 1"], "who asks is told");
}

#[test]
fn every_member_learns_what_was_chosen_by_whoever_created_the_group() {
    let mut lan = Lan::of(2);
    let chosen = Qos { count_only: true, ..fixed(1000, 3) };
    lan.call(1, 7, joins_with(chosen.clone()));
    lan.join(2, 8);
    let told = |lan: &Lan, client| {
        let views = lan.told.iter().filter(|(whose, _)| *whose == client);
        let mut qos = views.filter_map(|(_, event)| match event {
            LocalEvent::View { qos: Some(qos), .. } => Some((**qos).clone()),
            _ => None,
        });
        (qos.next(), qos.next())
    };
    assert_eq!(told(&lan, 7), (Some(chosen.clone()), None), "once");
    assert_eq!(told(&lan, 8), (Some(chosen.clone()), None));
    assert_eq!(lan.mi(1).known(name("db")).unwrap().qos(), &chosen, "and states it");
    lan.call(2, 8, Ask::View);
    let asked = lan
        .told
        .iter()
        .any(|(_, event)| matches!(event, LocalEvent::Roster { qos, .. } if **qos == chosen));
    assert!(asked);
}

#[test]
fn a_fixed_monitor_asks_all_members_of_its_group_and_keeps_its_bound() {
    let mut lan = Lan::of(2);
    // A tick is 10 ms.
    lan.call(1, 7, joins_with(fixed(100, 1)));
    lan.join(2, 8);
    lan.told.clear();
    lan.wait(2, 29);
    assert_eq!(lan.told(8), ["alive? 1", "alive? 2"], "who chose nothing is asked as well");
    lan.wait(2, 1);
    assert_eq!(lan.told(8), ["out: Failed"], "300 ms after it came");
    assert_eq!(lan.told(7), ["view 3 of 1, rank 0, Failed, -1 +0"]);
    // An answer counts for all questions before it, and only for so long.
    lan.wait(1, 19);
    lan.call(1, 7, Ask::Alive { nonce: 1 });
    lan.wait(1, 20);
    assert_eq!(lan.told(7), ["alive? 1", "alive? 2", "alive? 3"]);
    lan.wait(1, 1);
    assert_eq!(lan.told(7), ["out: Failed"]);
}

#[test]
fn a_member_that_leaves_such_a_group_is_asked_no_more() {
    let mut lan = Lan::of(1);
    lan.call(1, 7, joins_with(fixed(100, 1)));
    lan.join_of(1, 7, "web");
    lan.call(1, 7, Ask::Leave { member: member(1, 1) });
    lan.told(7);
    lan.wait(1, 200);
    assert_eq!(lan.told(7), [""; 0]);
    assert_eq!(lan.core("web").roster.len(), 1);
}

#[test]
fn what_cannot_be_and_what_is_not_carried_out_is_refused_here() {
    let mut lan = Lan::of(1);
    let weak = Qos { order: Order::Weak, ..Qos::default() };
    let cannot = [
        Qos { survive: "majority".into(), ..weak.clone() },
        Qos { survive: "most".into(), ..Qos::default() },
        Qos { merge: "majority".into(), ..Qos::default() },
        fixed(9, 1),
        Qos { batch: 10, ..Qos::default() },
    ];
    for qos in cannot {
        lan.call(1, 7, joins_with(qos.clone()));
        assert_eq!(lan.told(7), ["refused: NotPossible"], "{qos:?}");
    }
    let known = [
        weak,
        Qos { batch: 10, batch_ms: 50, ..Qos::default() },
        Qos { survive: "majority".into(), ..Qos::default() },
        Qos { merge: "none".into(), ..Qos::default() },
    ];
    for qos in known.into_iter().filter(|qos| qos.supported().is_err()) {
        lan.call(1, 7, joins_with(qos.clone()));
        assert_eq!(lan.told(7), [format!("refused: {:?}", Refusal::NotSupported)], "{qos:?}");
    }
    assert!(lan.submits().is_empty(), "nobody else was asked");
}

#[test]
fn who_is_cut_off_ends_where_not_every_side_lives_but_not_at_once() {
    let mut lan = with_majority(Monitor::Adaptive);
    cut_off(&mut lan);
    pass(&mut lan, longest() - 1);
    assert_eq!(lan.told(7), [""; 0], "another mserver may still take it over");
    pass(&mut lan, 1);
    assert_eq!(lan.told(7), ["out: Terminated"]);
    // And once it is back the core is told, that nobody takes it for a member.
    lan.alive = 1;
    lan.wait(1, 200);
    let is_report =
        |call: &Call| matches!(call, Call::Fail { members, .. } if members == &[member(1, 1)]);
    assert!(lan.submits().iter().any(|request| is_report(&request.call)));
    assert!(lan.cores().is_empty());
}

#[test]
fn how_long_who_is_cut_off_goes_on_can_be_fixed() {
    let mut lan = with_majority(Monitor::Fixed { every_ms: 5000, retries: 1 });
    cut_off(&mut lan);
    for _ in 0..1499 {
        lan.input(1, Input::Tick { elapsed: 1 });
        // It is there.
        let asked = lan.told.drain(..).map(|(_, event)| match event {
            LocalEvent::Alive { nonce } => nonce,
            event => panic!("{event:?}"),
        });
        let asked: Vec<u32> = asked.collect();
        asked.into_iter().for_each(|nonce| lan.call(1, 7, Ask::Alive { nonce }));
    }
    pass(&mut lan, 1);
    assert!(lan.told(7).contains(&"out: Terminated".to_string()));
}

#[test]
fn who_is_cut_off_keeps_its_last_view_where_every_side_lives() {
    let mut lan = Lan::of(1);
    lan.join(1, 7);
    lan.told(7);
    cut_off(&mut lan);
    pass(&mut lan, 100 * longest());
    assert_eq!(lan.told(7), [""; 0]);
    lan.alive = 1;
    lan.wait(1, 200);
    assert_eq!(lan.told(7), ["mserver found"]);
    assert_eq!(lan.core("db").roster.len(), 1);
}

#[test]
fn a_view_that_ends_the_group_says_so_to_its_members() {
    let mut lan = with_majority(Monitor::Adaptive);
    let mut core = lan.core("db");
    (core.number, core.roster) = (3, vec![]);
    let direct = membership::wire::group::Direct { reason: Reason::Terminated, ..whole(&core) };
    lan.say(1, GroupBody::Direct(direct));
    assert_eq!(lan.told(7), ["out: Terminated"]);
    assert!(lan.mi(1).groups().next().is_none());
}
