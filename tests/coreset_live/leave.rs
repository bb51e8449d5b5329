//! Leaving in good order.

use super::set::{CALM, Set};
use membership::sim::invariants::Install;

/// The class of a Leave among changes.
const LEAVE: u8 = 1;

#[test]
fn whoever_is_told_to_stop_leaves_and_the_others_know_it_left() {
    let mut set = Set::of(&[11, 12, 13, 14], CALM);
    let left = set.world.at(13);
    assert_eq!(set.leave(13), 0);
    set.await_view(&[11, 12, 14]);
    let leave = |i: &Install| i.change.is_some_and(|id| id.class == LEAVE);
    for host in [11, 12, 14] {
        set.await_install(host, "a Leave", |i| leave(i) && !i.view.contains(left));
    }
}

#[test]
fn all_that_are_told_to_stop_together_leave_one_after_the_other() {
    let mut set = Set::of(&[11, 12, 13], CALM);
    for host in [11, 12, 13] {
        set.daemon(host).signal(nix::sys::signal::Signal::SIGTERM);
    }
    for host in [11, 12, 13] {
        assert_eq!(set.end(host), 0);
    }
}

#[test]
fn whoever_left_can_come_back() {
    let mut set = Set::of(&[11, 12], CALM);
    assert_eq!(set.leave(11), 0);
    set.await_view(&[12]);
    set.start(11, CALM);
    let view = set.await_view(&[11, 12]);
    assert_eq!(view["members"][0]["address"], set.world.at(12).to_string(), "seniority is new");
}

#[test]
fn whoever_can_reach_nobody_ends_all_the_same() {
    let mut set = Set::of(&[11, 12, 13], &[]);
    // It hears nothing any more, so nobody can agree to its leaving.
    set.fault(12, &set.deaf(&[11, 13]));
    assert_eq!(set.leave(12), 0);
    set.await_view(&[11, 13]);
    set.start(14, &["--join-only"]);
    set.await_view(&[11, 13, 14]);
}

#[test]
fn whoever_is_in_no_set_ends_at_once() {
    let mut set = Set::new();
    set.start(11, &["--join-only"]);
    set.await_status(11, "it is out", |status| (status["phase"] == "out").then_some(()));
    assert_eq!(set.leave(11), 0);
    assert!(set.installs(11).is_empty());
}
