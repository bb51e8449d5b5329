//! `ms` against the programs of 1994: a peer in C that lays its messages out as they did, compiled for
//! a big-endian 32-bit machine and run under qemu, in a network of namespaces.
//!
//! `cargo test --test interop -- --ignored` as root; Debian's packages iproute2, gcc-powerpc-linux-gnu,
//! libc6-dev-powerpc-cross and qemu-user-static. Plain `cargo test` counts these tests as ignored.

mod answers;
mod cast;
mod exchange;
mod golden;
#[path = "../lab/mod.rs"]
mod lab;
mod ring;

use cast::{Author, require_all};
use exchange::{run_script, same_meaning};

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn our_mcaster_sends_what_the_original_sends() {
    require_all();
    let original = run_script(Author::Original);
    let ours = run_script(Author::Ours);
    for (theirs, ours) in original.iter().zip(&ours) {
        assert_eq!(theirs.command, ours.command);
        assert!(
            same_meaning(&theirs.sent, &ours.sent),
            "{}\noriginal: {:#?}\nours: {:#?}",
            theirs.command,
            theirs.readable(),
            ours.readable()
        );
    }
    assert_eq!(original.len(), ours.len());
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn our_peer_of_1994_sends_what_the_originals_were_seen_to_send() {
    require_all();
    golden::mcaster_and_driver();
    golden::mserver(Author::Original);
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn our_mserver_sends_what_the_originals_were_seen_to_send() {
    require_all();
    golden::mserver(Author::Ours);
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn our_mserver_answers_where_and_what_the_original_answers() {
    require_all();
    assert_eq!(answers::to_script(Author::Original), answers::to_script(Author::Ours));
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn two_retries_are_four_queries_in_the_original_and_in_the_profile_of_the_thesis_only() {
    require_all();
    assert_eq!(ring::queries_before_failure(Author::Original, "--retries 2"), 4);
    assert_eq!(ring::queries_before_failure(Author::Ours, "--profile thesis"), 4);
    assert_eq!(ring::queries_before_failure(Author::Ours, "--retries 2"), 3);
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn our_mserver_repeats_a_join_that_was_lost() {
    require_all();
    ring::join_late();
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn what_crashed_the_original_mcaster_does_not_disturb_ours() {
    require_all();
    exchange::survive_nonsense();
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn three_originals_form_a_ring_over_our_mcaster() {
    require_all();
    ring::of_originals();
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn a_mixed_ring_over_our_mcaster_sees_crashes_and_recoveries() {
    require_all();
    ring::crash_and_recover(Author::Ours);
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn a_mixed_ring_over_the_original_mcaster_sees_crashes_and_recoveries() {
    require_all();
    ring::crash_and_recover(Author::Original);
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn a_mixed_ring_over_ip_multicast_hears_an_application_and_goes_on() {
    require_all();
    ring::application_over_ip_multicast();
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn a_message_through_an_mcaster_reaches_a_mixed_ring_and_disturbs_nobody() {
    require_all();
    ring::application_over_mcaster();
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn our_mserver_leaves_either_mcaster_in_good_order() {
    require_all();
    ring::orderly_leave(Author::Ours);
    ring::orderly_leave(Author::Original);
}

#[test]
#[ignore = "needs root, iproute2, gcc-powerpc-linux-gnu, qemu-user-static"]
fn a_cut_cable_is_a_failure_on_both_sides_until_it_is_back() {
    require_all();
    ring::cut_cable();
}
