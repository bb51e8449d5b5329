//! A member interface is upgraded: another process goes on in its life, and no application is told a view for it.

use membership::proto::mi::LocalEvent;
use membership::sim::campus::event::{AppId, What};
use membership::sim::campus::play::{Play, group};
use membership::sim::campus::{NodeId, Plan};

/// Ticks that an upgrade takes: a few of those after which a silent member interface is found out.
const WHILE: u32 = 8;

/// Two LANs, a member on each, and the node of the first one's member interface.
fn db() -> (Play, Vec<AppId>, NodeId) {
    let mut play = Play::of(Plan::tree(&[2], 1));
    let apps = play.members("db", &["a/1", "b/1"]);
    play.run(300);
    let node = play.node("a/1");
    (play, apps, node)
}

/// Views, and whatever else that is no question whether it is there, that an application was told so far.
fn told(play: &Play, app: AppId) -> Vec<LocalEvent> {
    let all = play.events().iter().filter_map(|event| match &event.what {
        What::Told { app: whom, event } if *whom == app => Some(event.clone()),
        _ => None,
    });
    all.filter(|event| !matches!(event, LocalEvent::Alive { .. })).collect()
}

#[test]
fn an_upgrade_costs_no_application_a_view() {
    let (mut play, apps, node) = db();
    let before: Vec<_> = apps.iter().map(|app| told(&play, *app)).collect();
    for _ in 0..3 {
        let left = play.lay_down(node).unwrap();
        play.run(WHILE);
        play.take_over(node, &left).unwrap();
        play.run(1000);
    }
    let after: Vec<_> = apps.iter().map(|app| told(&play, *app)).collect();
    assert_eq!(before, after, "{}", play.transcript());
    // It is the same member as ever: it sees who joins, and can leave.
    let later = play.on("b/1");
    play.join(later, group("db"));
    play.until_in("db", &[apps[0], apps[1], later]);
    play.leave(apps[0], group("db"));
    play.until_out("db", apps[0]);
    play.until_in("db", &[apps[1], later]);
    let play = play.end();
    assert!(play.failed().is_empty(), "{:?}\n{}", play.failed(), play.transcript());
}

#[test]
fn what_happens_in_a_group_meanwhile_is_told_afterwards_once_and_in_order() {
    let (mut play, apps, node) = db();
    let later = play.on("b/1");
    let before = told(&play, apps[0]).len();
    let left = play.lay_down(node).unwrap();
    play.join(later, group("db"));
    play.run(WHILE);
    assert_eq!(told(&play, apps[0]).len(), before);
    play.take_over(node, &left).unwrap();
    play.until_in("db", &[apps[0], apps[1], later]);
    assert_eq!(told(&play, apps[0]).len(), before + 1, "{}", play.transcript());
    let play = play.end();
    assert!(play.failed().is_empty(), "{:?}\n{}", play.failed(), play.transcript());
}

#[test]
fn nothing_is_left_while_a_call_is_under_way_but_a_moment_later() {
    let (mut play, _, node) = db();
    let app = play.on("a/1");
    play.join(app, group("db"));
    assert_eq!(play.lay_down(node), Err("something is under way"));
    assert!(play.is_up(node));
    play.run(100);
    let left = play.lay_down(node).unwrap();
    play.take_over(node, &left).unwrap();
    assert!(play.end().failed().is_empty());
}

#[test]
fn what_is_damaged_foreign_or_of_a_later_life_is_not_taken() {
    let (mut play, _, node) = db();
    let mut other = play.clone();
    let left = play.lay_down(node).unwrap();
    for length in 0..left.len() {
        assert!(play.take_over(node, &left[..length]).is_err(), "{length}");
    }
    for bit in 0..8 * left.len() {
        let mut wrong = left.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(play.take_over(node, &wrong), Err("it is damaged"), "bit {bit}");
    }
    let neighbour = other.node("b/1");
    other.crash("b/1");
    assert_eq!(other.take_over(neighbour, &left), Err("it is of another member interface"));
    // One that was started again has a later life than this one can follow.
    let mut young = Play::of(Plan::tree(&[2], 1));
    young.crash("a/1");
    young.restart("a/1");
    young.run(300);
    let later = young.lay_down(node).unwrap();
    other.kill(node);
    assert_eq!(other.take_over(node, &later), Err("it is of a later life than this one"));
    play.take_over(node, &left).unwrap();
    assert!(play.end().failed().is_empty());
}
