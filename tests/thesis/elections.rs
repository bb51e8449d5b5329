//! IV.C.5: the coordinator of a change fails.

use super::*;
use std::collections::BTreeSet;

/// m0 begins the Fail of m4, which reaches only some, and crashes.
fn begun_and_gone(heard: &[HostId]) -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.crash(4);
    let deaf: Vec<HostId> = [1, 2, 3].into_iter().filter(|host| !heard.contains(host)).collect();
    play.lose_to(Kind::Initiate, 0, &deaf, 1);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play
}

/// The coordinators of the changes that were begun after the first.
fn resumed_by(play: &Play) -> Vec<HostId> {
    let mut hosts = senders(play, Kind::Initiate);
    hosts.remove(0);
    hosts.dedup();
    hosts
}

/// Page 62: with the election a change takes three phases.
#[test]
fn a_change_whose_coordinator_fails_takes_three_phases() {
    let play = story("figure-33");
    let tick = |kind, nth: usize| sent(&play, kind)[nth].tick;
    assert!(tick(Kind::CoordFail, 0) < tick(Kind::Initiate, 1));
    assert!(tick(Kind::Initiate, 1) < tick(Kind::Commit, 0));
}

/// Page 63: the failure is found by the timeout of an expected message, or by monitoring: here the former.
#[test]
fn a_coordinator_is_given_up_when_the_commit_does_not_come() {
    let play = ends(begun_and_gone(&[1, 2, 3]), &[&[1, 2, 3]]);
    assert!(play.transcript().contains("1 isolates 0: no Commit"));
}

/// Page 63: and here the latter.
#[test]
fn a_coordinator_is_given_up_when_its_monitor_misses_it() {
    // m4 does not ACK for long, so m1's next QUERY to m0 comes in the middle of the change.
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.until("m1 has begun to ask", |world| senders(world, Kind::Query).contains(&1));
    play.lose(Kind::Reply, 0, 1, 9);
    play.run(11);
    play.lose(Kind::Commit, 0, 1, 9);
    play.delay(Kind::Ack, 3, 0, 9);
    play.leave(4);
    play.until("m1 gives up m0", |world| isolated(world, 1) == [0]);
    let play = sound(play);
    let notes = play.transcript();
    assert!(notes.contains("1 isolates 0: no REPLY"), "{notes}");
    assert!(notes.contains("1 phase follower -> election"), "{notes}");
}

/// Page 63: all who elect learn the status of all others: each multicasts its own.
#[test]
fn all_learn_the_status_of_all() {
    let play = ends(begun_and_gone(&[1, 2]), &[&[1, 2, 3]]);
    let calls = sent(&play, Kind::CoordFail);
    let to_all: BTreeSet<HostId> =
        calls.iter().filter(|call| call.to.len() > 1).map(|call| call.from).collect();
    assert_eq!(to_all, BTreeSet::from([1, 2, 3]));
}

/// Pages 63 and 64: the highest in rank of those who have the change becomes its coordinator, whoever has it.
#[test]
fn the_most_senior_who_has_the_change_is_elected() {
    for (heard, winner) in [(&[1, 2, 3][..], 1), (&[2, 3], 2), (&[3], 3), (&[1, 3], 1), (&[2], 2)] {
        let play = ends(begun_and_gone(heard), &[&[1, 2, 3]]);
        assert_eq!(resumed_by(&play), [winner], "{heard:?}");
    }
}

/// Page 64: a single coordinator is chosen: nobody else begins the change again.
#[test]
fn a_single_coordinator_is_chosen() {
    let play = story("figure-33");
    assert_eq!(play.tally().of("resumed"), 1);
    assert_eq!(resumed_by(&play), [2]);
}

/// Page 64: if some member has committed the change, it is completed with a Commit alone.
#[test]
fn a_change_that_somebody_has_committed_needs_no_initiate() {
    for name in ["figure-31", "figure-35", "example-4"] {
        let play = story(name);
        let begun = installed(&play, 3)[0].1;
        let again = sent(&play, Kind::Initiate).into_iter().filter(|s| match &s.message.body {
            membership::wire::coreset::Body::Initiate(change) => Some(change.id) == begun,
            _ => false,
        });
        assert_eq!(again.count(), 1, "{name}: begun once");
        assert_eq!(play.tally().of("resumed"), 0, "{name}");
        assert!(play.tally().of("compressed") > 0, "{name}");
    }
}

/// Page 64: who is in the view that a Commit makes had knowledge of the change, so it can commit it.
#[test]
fn whoever_remains_after_a_commit_knew_of_the_change() {
    let play = story("figure-36");
    // m2, which never knew, is in no view that m3 or m4 made of it.
    assert_eq!(installed(&play, 3)[0].0, [1, 3, 4]);
    assert_eq!(installed(&play, 4)[0].0, [1, 3, 4]);
    let knew: Vec<HostId> = senders(&play, Kind::Ack)[..2].to_vec();
    assert_eq!(knew, [3, 4]);
}

/// Page 64: a member that learns of another's failure by gossip ceases to communicate with it.
#[test]
fn who_hears_of_a_failure_by_gossip_isolates_too() {
    let play = ends(begun_and_gone(&[1]), &[&[1, 2, 3]]);
    assert_eq!(isolated(&play, 2)[..1], [0]);
    assert!(play.transcript().contains("2 isolates 0: given up by a follower"));
}

/// Page 67: a change that nobody but its failed coordinator knew is lost, and found again if it still matters.
#[test]
fn a_failure_that_is_lost_with_its_coordinator_is_found_again() {
    let play = ends(begun_and_gone(&[]), &[&[1, 2, 3]]);
    assert_eq!(play.tally().of("resumed"), 0);
}

/// Page 69: a member that never heard of a change is excluded by those who commit it. Here it hears so.
#[test]
fn a_member_without_the_change_is_excluded() {
    let play = story("figure-36");
    assert_eq!(installed(&play, 2)[0].0, [2], "and goes on by itself");
}

/// Page 70: an election for a higher change ends a lower one at all who hear of it.
#[test]
fn an_election_for_a_higher_change_ends_a_lower_one() {
    let play = story("figure-37");
    let classes: Vec<u8> =
        installed(&play, 4).iter().filter_map(|(_, id)| id.map(|id| id.class)).collect();
    assert_eq!(classes, [0, 1], "the Fail, then the Leave that it had begun");
}

/// Page 63: the coordinator may fail again and again: whoever is left elects the next one.
#[test]
fn elected_coordinators_may_fail_too() {
    let mut play = Play::of(&[0, 1, 2, 3, 4, 5]);
    play.crash(5);
    for coordinator in [0, 1, 2] {
        play.until_sent(Kind::Initiate, coordinator);
        play.crash(coordinator);
    }
    let play = ends(play, &[&[3, 4]]);
    assert_eq!(play.tally().of("resumed"), 3);
}
