//! V: the terms, the properties and the claims.

use super::*;
use membership::proto::coreset::SetParams;
use membership::sim::Weather;
use membership::sim::scenario::params;
use membership::sim::walk::{Limits, walk};
use std::collections::BTreeMap;

/// Page 83: no majority is needed: any part of a set goes on, even one of one.
#[test]
fn no_majority_is_needed() {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.cut(&[4], &[0, 1, 2, 3]);
    play.rest_in(&[&[0, 1, 2, 3], &[4]]);
    play.submit(4, b"alone");
    let play = ends(play, &[&[0, 1, 2, 3], &[4]]);
    assert_eq!(view(&play, 4).done[0].number, 1);
}

/// Page 83: complete agreement of all who survive is required: a change waits for each of them.
#[test]
fn all_who_survive_must_agree() {
    for slow in [1, 2] {
        let mut play = Play::of(&[0, 1, 2, 3]);
        play.delay(Kind::Ack, slow, 0, 4);
        play.leave(3);
        play.run(6);
        assert_eq!(play.members(0).len(), 4);
        ends(play, &[&[0, 1, 2]]);
    }
}

/// Page 83: failures that are suspected while a change is processed are changes themselves.
#[test]
fn a_lack_of_response_during_a_change_is_a_failure() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.leave(3);
    play.crash(2);
    let play = ends(play, &[&[0, 1]]);
    assert_eq!(isolated(&play, 0), [2]);
    assert_eq!(play.tally().of("fails"), 0, "the Leave removes it");
}

/// Page 84: who is taken for faulty, and so hears nothing any more, finds the other faulty too.
#[test]
fn isolation_becomes_mutual() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.cut(&[3], &[0, 1, 2]);
    play.rest_in(&[&[0, 1, 2], &[3]]);
    let play = sound(play);
    assert!(isolated(&play, 0).contains(&3));
    assert!([0, 1, 2].iter().all(|host| isolated(&play, 3).contains(host)));
}

/// Page 84: a member ignores all messages of one that it has isolated.
#[test]
fn who_is_isolated_is_not_listened_to() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.lose(Kind::Reply, 1, 2, 3);
    play.until("a verdict", |world| isolated(world, 2) == [1]);
    play.run(3);
    let play = sound(play);
    assert!(play.transcript().contains("2 ignores 1: isolated"), "{}", play.transcript());
}

/// Page 84: a multicast that follows an isolation makes the whole set isolate: by the change that it begins, all
/// leave the isolated one behind.
#[test]
fn gossip_makes_an_isolation_everybodys() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.lose(Kind::Reply, 1, 2, 3);
    play.until_in(0, &[0, 2, 3]);
    play.until_in(3, &[0, 2, 3]);
    let play = sound(play);
    assert!(
        isolated(&play, 0).is_empty() && isolated(&play, 3).is_empty(),
        "they had seen nothing"
    );
}

/// Page 84: a view is ordered by seniority; the most senior member has rank 0.
#[test]
fn a_view_is_ordered_by_seniority() {
    let mut play = Play::with(&[3, 1, 2], 1, params());
    play.start(4, Founding::Never);
    let play = ends(play, &[&[3, 1, 2, 4]]);
    let rank = |host| view(&play, 1).rank(membership::sim::world::address(host)).unwrap().0;
    assert_eq!([3, 1, 2, 4].map(rank), [0, 1, 2, 3]);
}

/// Page 84: who leaves and comes back is the youngest.
#[test]
fn seniority_does_not_outlive_an_absence() {
    let mut play = Play::of(&[0, 1, 2]);
    play.leave(0);
    play.rest_in(&[&[1, 2]]);
    play.start(0, Founding::Never);
    ends(play, &[&[1, 2, 0]]);
}

/// Page 85: the number of members may change by more than one in a single view change.
#[test]
fn a_view_may_lose_and_gain_several() {
    let play = story("figure-47");
    let sizes: Vec<usize> = installed(&play, 1).iter().map(|(view, _)| view.len()).collect();
    assert_eq!(sizes, [6, 3, 6]);
}

/// Page 85: identical views imply identical members and ranks. A view's digest is what identifies it.
#[test]
fn identical_views_have_the_same_members_and_ranks() {
    let mut seen = 0;
    for seed in 0..10 {
        let mut world = World::formed(seed, 6, SetParams::default());
        world.record();
        world.links.weather = Weather { loss: 250, ..Weather::default() };
        world.leave(4);
        world.run(400);
        let mut views = BTreeMap::new();
        for event in world.events() {
            if let What::Installed { view, .. } = &event.what {
                let first = views.entry(view.position).or_insert_with(|| members(view));
                assert_eq!(*first, members(view), "seed {seed}");
            }
        }
        seen += views.len();
    }
    assert!(seen > 50, "{seen}");
}

/// Page 85: a partition whose view lists somebody who is outside of it is legal for a while, and becomes stable.
#[test]
fn unstable_partitions_become_stable() {
    let mut play = Play::of(&[0, 4, 1, 2, 3, 5]);
    play.crash(4);
    play.crash(5);
    play.cut(&[0], &[1]);
    play.until("m0 lists who is elsewhere", |world| {
        world.members(0) == [0, 2, 3] && world.members(2) == [1, 2, 3]
    });
    ends(play, &[&[0], &[1, 2, 3]]);
}

/// Page 86, E1: a change is processed in spite of others, and of failures, its coordinator's among them.
#[test]
fn every_change_is_processed_in_spite_of_others_and_of_failures() {
    let mut play = Play::with(&[0, 1, 2, 3, 4, 5], 1, params());
    play.leave(5);
    play.start(6, Founding::Never);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play.crash(3);
    let play = ends(play, &[&[1, 2, 4, 6]]);
    assert!(play.process(5).is_none());
}

/// Page 86, E1: the exception is that all who know of the change fail.
#[test]
fn a_change_is_lost_only_with_all_who_know_it() {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.lose_to(Kind::Request, 4, &[1, 2, 3], 99);
    play.lose_to(Kind::Initiate, 0, &[1, 2, 3], 1);
    play.leave(4);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play.crash(4);
    let play = ends(play, &[&[1, 2, 3]]);
    let classes = installed(&play, 1).iter().filter_map(|(_, id)| id.map(|id| id.class)).max();
    assert_eq!(classes, Some(0), "no Leave was committed");
}

/// Page 86, E2: a change waits for a bounded number of others, even if these do not end.
#[test]
fn a_change_waits_for_a_finite_number_of_others() {
    let mut play = Play::with(&[0, 1, 2, 3], 1, params());
    let mut waited = 0;
    play.leave(3);
    play.start(4, Founding::Never);
    while play.members(0) != [0, 1, 2, 4] && waited < 200 {
        for host in [0, 1, 2] {
            play.submit(host, b"without end");
        }
        play.run(1);
        waited += 1;
    }
    let made = installed(&play, 0).into_iter().filter_map(|(_, id)| id);
    let batches = made.filter(|id| id.class == 6).count();
    assert!(waited < 60 && batches < 12, "{waited}\n{}", play.transcript());
    ends(play, &[&[0, 1, 2, 4]]);
}

/// Page 86, GP: all members of a partition have identical views, with whatever was lost on the way to it.
#[test]
fn a_partition_has_identical_views() {
    for seed in 0..20 {
        let mut world = World::formed(seed, 7, SetParams::default());
        world.links.weather = Weather { loss: 300, ..Weather::default() };
        world.crash(seed as usize % 7);
        world.run(150);
        world.links.weather = Weather::default();
        let up = world.up();
        assert!(
            world.run_until(600, |world| world.rests(&up)),
            "seed {seed}: {:?}",
            world.unrest(&up)
        );
        let first = view(&world, up[0]).clone();
        assert!(up.iter().all(|host| *view(&world, *host) == first), "seed {seed}");
        world.must_be_sound();
    }
}

/// Page 87: those who do not ACK are isolated, and gossiped about in the Commit.
#[test]
fn who_does_not_acknowledge_is_named_in_the_commit() {
    let play = story("counterexample-t5");
    let membership::wire::coreset::Body::Commit(commit) =
        &sent(&play, Kind::Commit)[0].message.body
    else {
        panic!()
    };
    assert_eq!(commit.excl, [membership::sim::world::address(1)]);
}

/// Page 88, Claim 1: a coordinator needs no certain number of responses to complete its change.
#[test]
fn a_coordinator_completes_its_change_with_however_few() {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.leave(4);
    for host in [1, 2, 3, 4] {
        play.crash(host);
    }
    play.run(1);
    let mut play = ends(play, &[&[0]]);
    play.submit(0, b"on");
    ends(play, &[&[0]]);
}

/// Page 88, Claim 1: a change that was dropped for a higher one is begun again after it.
#[test]
fn a_dropped_change_is_begun_again() {
    let play = story("figure-27");
    let begun = senders(&play, Kind::Initiate);
    assert_eq!(begun, [1, 4, 4], "C1, C2, and C2 again");
}

/// Page 89, Claim 1: a change is completed though its coordinator and all who have committed it fail: no commit is
/// invisible.
#[test]
fn a_change_is_completed_though_all_who_committed_it_fail() {
    let play = invisible_commit();
    assert!(play.process(4).is_none(), "it has left");
    let first = installed(&play, 2)[0].1.unwrap();
    assert_eq!((first.class, first.round), (1, 1), "the Leave, resumed");
}

/// m0 commits the leave of m4, only m1 gets the Commit, and both crash.
fn invisible_commit() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.lose_to(Kind::Commit, 0, &[2, 3, 4], 9);
    play.leave(4);
    play.until_in(1, &[0, 1, 2, 3]);
    play.crash(0);
    play.crash(1);
    ends(play, &[&[2, 3]])
}

/// Page 91: that is not different from a coordinator that fails before its Commit: three phases complete it.
#[test]
fn a_commit_that_nobody_alive_has_seen_is_as_none() {
    let play = invisible_commit();
    assert_eq!(play.tally().of("compressed"), 0);
    assert_eq!(play.tally().of("resumed"), 1);
}

/// Page 89, Claim 2: either one change is committed, or those who commit different ones part. Every run of two Fails under
/// loss is watched: no two who install different views of one number list each other.
#[test]
fn those_who_commit_different_changes_part() {
    let mut both = 0;
    for seed in 0..150 {
        let order = [0, 4, 1, 2, 3, 5];
        let mut world = World::ranked(seed, &order, 0, SetParams::default());
        world.record();
        world.crash(4);
        world.crash(5);
        world.run_until(100, |world| !senders(world, Kind::Initiate).is_empty());
        world.links.weather = Weather { loss: 500, ..Weather::default() };
        world.run(60);
        world.must_be_sound();
        let first = |host| installed(&world, host).first().and_then(|(_, id)| *id);
        let mut ids: Vec<ChangeId> = [0, 1, 2, 3].into_iter().filter_map(first).collect();
        ids.dedup();
        both += usize::from(ids.len() > 1);
        world.links.weather = Weather::default();
        let up = world.up();
        assert!(
            world.run_until(1000, |world| world.rests(&up)),
            "seed {seed}: {:?}",
            world.unrest(&up)
        );
        world.must_be_sound();
    }
    assert!(both > 10, "only {both} runs had two changes: they prove nothing");
}

/// Page 89, Claim 2: the proof's second half does not hold as it stands; the divergence is one-way.
#[test]
fn a_commit_does_not_always_name_the_sender_of_the_higher_change() {
    story("counterexample-t4");
}

/// Page 90, Claim 3: a coordinator that fails after its Commit is made good in two phases.
#[test]
fn two_phases_do_when_somebody_has_the_commit() {
    let play = story("figure-35");
    assert_eq!(play.tally().of("resumed"), 0);
}

/// Page 90, the example in the proof of Claim 3: Ca's Initiate of a reaches mi only, and Ca fails; Cb's Initiate of
/// the higher b reaches mj only, and Cb fails. Had mi committed a without an Initiate of its own, mj and mk would
/// never have. Here mi needs their ACKs, and hears of b instead.
#[test]
fn no_change_is_committed_that_others_have_not_acknowledged() {
    // Ca is m0, which monitors m6; Cb is m4, which monitors m3; mi, mj, mk are m1, m2, m5.
    let mut play = Play::of(&[0, 1, 2, 3, 4, 5, 6]);
    play.crash(3);
    play.crash(6);
    play.lose_to(Kind::Initiate, 0, &[2, 4, 5], 1);
    play.lose_to(Kind::Initiate, 4, &[0, 1, 5], 1);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play.until_sent(Kind::Initiate, 4);
    play.crash(4);
    let play = ends(play, &[&[1, 2, 5]]);
    let views = installed(&play, 1);
    assert!([2, 5].iter().all(|host| installed(&play, *host) == views), "{}", play.transcript());
}

/// Page 91, the theorem: safe and live. Some random schedules of all faults; tests/walk.rs walks thousands.
#[test]
fn the_protocol_is_safe_and_live() {
    for seed in 1_000_000..1_000_040 {
        let report = walk(seed, Limits { hosts: (3, 8) });
        assert_eq!(report.violation, None, "seed {seed}");
    }
}
