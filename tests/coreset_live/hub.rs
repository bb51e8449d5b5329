//! Sets that are heard in other ways: from an mcaster, and signed.

use super::set::{PATIENCE, Set, secret};
use super::world::within;

#[test]
fn a_set_behind_an_mcaster_forms_survives_a_crash_and_is_left() {
    let mut set = Set::new();
    let mcaster = set.world.mcaster(1, &[]);
    let (name, hub) = (set.name.clone(), set.world.ip(1).to_string());
    for host in [11, 12, 13] {
        set.start_in(host, &[], &[&name, &hub]);
    }
    set.await_view(&[11, 12, 13]);
    assert_eq!(mcaster.members(&name).len(), 3);
    set.crash(12);
    set.await_view(&[11, 13]);
    set.start_in(12, &[], &[&name, &hub]);
    set.await_view(&[11, 12, 13]);
    assert_eq!(set.leave(13), 0);
    set.await_view(&[11, 12]);
    assert_eq!(mcaster.members(&name).len(), 2, "the one that left is out of the group too");
}

#[test]
fn a_set_outlives_its_mcaster() {
    let mut set = Set::new();
    let mcaster = set.world.mcaster(1, &[]);
    let (name, hub) = (set.name.clone(), set.world.ip(1).to_string());
    for host in [11, 12, 13] {
        set.start_in(host, &[], &[&name, &hub]);
    }
    set.await_view(&[11, 12, 13]);
    mcaster.kill();
    set.crash(12);
    set.await_view(&[11, 13]);
    let mcaster = set.world.mcaster(1, &[]);
    // It can only ask, and nobody hears it before the others have made themselves known to the mcaster again.
    set.start_in(12, &["--join-only"], &[&name, &hub]);
    set.await_view(&[11, 12, 13]);
    within(PATIENCE, "all of them", || (mcaster.members(&name).len() == 3).then_some(()));
}

#[test]
fn a_set_with_keys_takes_nobody_without() {
    let mut set = Set::new();
    secret(&set.world.path("keys"), "1 00112233445566778899aabbccddeeff\n");
    for host in [11, 12, 13] {
        set.start(host, &["--key", "keys"]);
    }
    set.await_view(&[11, 12, 13]);
    set.start(14, &["--join-only"]);
    let unsigned = |status: &serde_json::Value| {
        status["authentication"]["counters"]["unsigned"].as_u64().filter(|&n| n > 0)
    };
    set.await_status(11, "somebody without a key", unsigned);
    set.await_view(&[11, 12, 13]);
    assert!(set.installs(14).is_empty());
    set.crash(12);
    set.start(12, &["--key", "keys"]);
    set.await_view(&[11, 12, 13]);
}
