//! Daemons that are stopped and go on: suspended machines, debuggers, swapping.

use super::set::Set;
use nix::sys::signal::Signal;

#[test]
fn one_that_is_stopped_for_too_long_is_excluded_and_comes_back_by_itself() {
    let set = Set::of(&[11, 12, 13, 14], &[]);
    let stopped = set.world.at(12);
    set.daemon(12).signal(Signal::SIGSTOP);
    set.await_view(&[11, 13, 14]);
    set.daemon(12).signal(Signal::SIGCONT);
    set.await_view(&[11, 12, 13, 14]);
    let excluded = set.await_install(11, "the exclusion", |i| !i.view.contains(stopped));
    set.await_install(11, "the return", |i| i.tick > excluded.tick && i.view.contains(stopped));
}

#[test]
fn all_that_are_stopped_and_go_on_are_in_one_view_again() {
    let set = Set::of(&[11, 12, 13], &[]);
    // The clock of one that is in nobody's set goes on.
    let mut clock = Set::of(&[21], &[]);
    for host in [11, 12, 13] {
        set.daemon(host).signal(Signal::SIGSTOP);
    }
    clock.pass_ticks(21, 100);
    for host in [11, 12, 13] {
        set.daemon(host).signal(Signal::SIGCONT);
    }
    // They may have suspected each other for a moment: none had been there to answer.
    set.await_view(&[11, 12, 13]);
    assert_eq!(clock.leave(21), 0);
}

#[test]
fn a_daemon_that_was_itself_stopped_does_not_accuse_its_neighbour() {
    let mut set = Set::new();
    let patient = ["--retries", "200"];
    // It alone judges early, so nobody has judged it by the time that it goes on.
    set.start(11, &["--query", "100", "--reply", "20", "--retries", "30", "--create"]);
    set.start(12, &patient);
    set.start(13, &patient);
    let before = set.await_view(&[11, 12, 13]);
    for _ in 0..3 {
        set.daemon(11).signal(Signal::SIGSTOP);
        // Its verdict takes 72 ticks, that of the others 804.
        set.pass_ticks(12, 120);
        set.daemon(11).signal(Signal::SIGCONT);
        // As long as it would take to accuse one that does not answer.
        set.pass_ticks(11, 150);
    }
    let after = set.await_view(&[11, 12, 13]);
    assert_eq!(after["digest"], before["digest"]);
    for host in [11, 12, 13] {
        assert_eq!(set.daemon(host).counter("isolations"), 0, "host {host}");
    }
}
