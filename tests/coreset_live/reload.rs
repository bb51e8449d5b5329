//! SIGHUP: other timings while the set goes on.

use super::set::Set;

const PATIENT: &str = "groups ms.groups\nrun-dir run\nreply 1000\nretries 100\n";
const QUICK: &str = "groups ms.groups\nrun-dir run\ntick 20\nreply 40\nretries 6\n";

#[test]
fn timings_that_are_read_again_decide_about_one_that_is_silent_already() {
    let mut set = Set::new();
    set.world.write("ms.conf", PATIENT);
    // One founds it: with such timings, sets that are founded side by side look for each other for long.
    set.start(11, &["--create"]);
    for host in [12, 13] {
        set.start(host, &[]);
    }
    let before = set.await_view(&[11, 12, 13]);
    set.crash(12);
    // The usual timings would have told by now.
    set.pass_ticks(11, 150);
    set.await_status(11, "it is waited for", |s| (s["digest"] == before["digest"]).then_some(()));
    set.world.write("ms.conf", QUICK);
    for host in [11, 13] {
        set.reload(host);
    }
    assert_eq!(set.await_view(&[11, 13])["tick_ms"], 20);
}

#[test]
fn a_log_of_views_that_was_renamed_is_begun_anew() {
    let mut set = Set::of(&[11], &[]);
    std::fs::rename(set.world.path("views11"), set.world.path("views11.1")).unwrap();
    set.reload(11);
    set.start(12, &[]);
    set.await_view(&[11, 12]);
    assert_eq!(set.world.read("views11.1").lines().count(), 1);
    // In its order for the final check.
    let (old, new) = (set.world.read("views11.1"), set.world.read("views11"));
    set.world.write("views11", &format!("{old}{new}"));
}
