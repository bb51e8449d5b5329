//! Sets that come about: all at once, by decree, by the patient.

use super::set::Set;

#[test]
fn eight_that_boot_in_the_same_instant_become_one_view() {
    let hosts: Vec<u8> = (11..=18).collect();
    let mut set = Set::new();
    // The profile's own timings: this is what a host does that nobody configured.
    hosts.iter().for_each(|&host| set.start(host, &[]));
    let view = set.await_view(&hosts);
    assert_eq!(view["size"], 8);
    assert_eq!(view["set"], set.name.as_str());
    let (code, out, _) = set.world.run(&["status", "--json", "--run-dir", "run", "all"]);
    assert_eq!((code, out.lines().count()), (0, 8));
    for line in out.lines() {
        let status: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(status["mode"], "mserver");
        assert_eq!(status["level"], 1);
    }
}

#[test]
fn two_that_both_create_the_set_at_once_merge() {
    let mut set = Set::new();
    set.start(11, &["--create"]);
    set.start(12, &["--create"]);
    set.await_view(&[11, 12]);
    for host in [11, 12] {
        let first = &set.installs(host)[0];
        assert_eq!((first.view.members.len(), first.change), (1, None), "it asked nobody");
    }
}

#[test]
fn whoever_may_only_join_waits_for_somebody_who_founds() {
    let mut set = Set::new();
    set.start(11, &["--join-only"]);
    // Longer than it takes another to found a set, and than a life has tries.
    set.pass_ticks(11, 100);
    set.await_status(11, "it is out", |status| (status["phase"] == "out").then_some(()));
    assert!(set.installs(11).is_empty());
    set.start(12, &[]);
    set.await_view(&[11, 12]);
}

#[test]
fn a_daemon_of_another_level_is_refused_in_words() {
    let mut set = Set::of(&[11, 12], &[]);
    set.start(13, &["--level", "2"]);
    set.daemon(13).await_log("a set of level 1 takes nobody of level 2");
    set.await_status(13, "it is out", |status| (status["phase"] == "out").then_some(()));
    set.await_view(&[11, 12]);
    assert!(set.installs(13).is_empty());
}
