//! Crashes: without a word, and back in a new life.

use super::set::Set;

#[test]
fn a_crash_becomes_one_view_without_it() {
    let mut set = Set::of(&[11, 12, 13, 14, 15], &[]);
    set.crash(13);
    set.await_view(&[11, 12, 14, 15]);
    let without = |i: &membership::sim::invariants::Install| !i.view.contains(set.world.at(13));
    set.await_install(11, "a view without host 13", without);
}

#[test]
fn two_that_crash_together_are_both_missed() {
    let mut set = Set::of(&[11, 12, 13, 14, 15], &[]);
    // Neighbours, one of them the most senior there is.
    set.crash(11);
    set.crash(12);
    set.await_view(&[13, 14, 15]);
}

#[test]
fn a_daemon_that_is_restarted_at_once_comes_back_in_a_new_life() {
    let mut set = Set::of(&[11, 12, 13], &[]);
    let life = |set: &Set| set.await_status(12, "its life", |s| s["incarnation"].as_u64());
    for _ in 0..2 {
        let before = life(&set);
        set.crash(12);
        set.start(12, &[]);
        set.await_view(&[11, 12, 13]);
        assert!(life(&set) > before);
    }
}

#[test]
fn a_set_whose_daemons_all_crash_rises_again() {
    let mut set = Set::of(&[11, 12, 13], &[]);
    for host in [11, 12, 13] {
        set.crash(host);
    }
    for host in [11, 12, 13] {
        set.start(host, &[]);
    }
    set.await_view(&[11, 12, 13]);
}
