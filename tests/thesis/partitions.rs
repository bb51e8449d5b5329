//! IV.E.1: sets part and reform.

use super::*;
use membership::proto::coreset::SetParams;
use membership::sim::scenario::params;
use membership::sim::world::address;

/// Six members, parted in the middle.
fn parted(params: SetParams, more: usize) -> Play {
    let mut play = Play::with(&[0, 1, 2, 3, 4, 5], more, params);
    play.cut(&[0, 1, 2], &[3, 4, 5]);
    play.rest_in(&[&[0, 1, 2], &[3, 4, 5]]);
    sound(play)
}

/// Page 76: one side has the original parent, the other has none.
#[test]
fn one_side_has_the_parent() {
    let mut play = with_parent();
    play.cut(&[0, 1], &[2, 3, 4]);
    play.rest_in(&[&[0, 1], &[2, 3, 4]]);
    let play = sound(play);
    assert_eq!(view(&play, 0).parent, None);
    assert_eq!(view(&play, 3).parent, Some(address(4)));
}

/// Page 78: the parent is the parent of the whole set again.
#[test]
fn the_parent_is_the_parent_of_the_reformed_set() {
    let mut play = with_parent();
    play.cut(&[0, 1], &[2, 3, 4]);
    play.rest_in(&[&[0, 1], &[2, 3, 4]]);
    play.heal();
    let play = ends(play, &[&[0, 1, 2, 3, 4]]);
    assert!((0..5).all(|host| view(&play, host).parent == Some(address(4))));
    assert_eq!(view(&play, 0).former, None);
}

/// Page 77: members taken for failed stay in the multicast group: both sides hear each other as soon as they can.
#[test]
fn the_sides_hear_each_other_at_the_shared_address() {
    let mut play = parted(params(), 0);
    play.heal();
    play.until_sent(Kind::ProbeReply, 3);
    let play = sound(play);
    let reply = sent(&play, Kind::ProbeReply).pop().unwrap();
    assert_eq!(reply.to, [0]);
    let probes = sent(&play, Kind::Probe);
    let probe = probes.iter().rfind(|probe| probe.from == 0).unwrap();
    assert_eq!((probe.to.len(), probe.tick + 1), (5, reply.tick), "one multicast to all");
}

/// Page 77: the attempts are repeated. A leader makes them, whether it misses somebody or not.
#[test]
fn attempts_to_find_the_others_are_repeated() {
    let mut play = parted(params(), 0);
    let before = sent(&play, Kind::Probe).len();
    play.run(3 * params().probe);
    let asked = senders(&play, Kind::Probe).split_off(before);
    for leader in [0, 3] {
        assert!(asked.iter().filter(|from| **from == leader).count() >= 2, "{asked:?}");
    }
    assert!(asked.iter().all(|from| [0, 3].contains(from)));
}

/// Page 78: current members ignore these queries.
#[test]
fn members_ignore_the_queries_of_their_own_set() {
    let often = SetParams { probe: 20, probe_idle: 20, ..params() };
    let mut play = Play::with(&[0, 1, 2], 0, often);
    play.run(200);
    assert!(!sent(&play, Kind::Probe).is_empty());
    assert!(sent(&play, Kind::ProbeReply).is_empty());
    assert!(installed(&play, 1).is_empty());
}

/// Page 78: the view number of the reformed set is one above the higher one of the two.
#[test]
fn the_reformed_view_is_numbered_above_both() {
    let mut play = parted(params(), 0);
    play.leave(5);
    play.rest_in(&[&[0, 1, 2], &[3, 4]]);
    play.leave(4);
    play.rest_in(&[&[0, 1, 2], &[3]]);
    let (one, two) = (number(&play, 0), number(&play, 3));
    assert_eq!(two, one + 2);
    play.heal();
    let play = ends(play, &[&[0, 1, 2, 3]]);
    assert_eq!(number(&play, 0), two + 1);
}

/// Pages 46 and 78: the reformed set is the union of what both sides are now, with what came and went meanwhile.
#[test]
fn the_reformed_set_is_the_union_of_what_is_there_now() {
    let mut play = parted(params(), 1);
    play.cut(&[0, 1, 2], &[6]);
    play.start(6, Founding::Never);
    play.rest_in(&[&[0, 1, 2], &[3, 4, 5, 6]]);
    play.leave(1);
    play.rest_in(&[&[0, 2], &[3, 4, 5, 6]]);
    play.heal();
    ends(play, &[&[0, 2, 3, 4, 5, 6]]);
}

/// Page 78: partitions merge as separate sets do: the same action. It is agreed on by all of both sides.
#[test]
fn partitions_merge_in_one_change() {
    let mut play = parted(params(), 0);
    let before = play.tally().of("changes");
    play.heal();
    let play = ends(play, &[&[0, 1, 2, 3, 4, 5]]);
    assert_eq!(play.tally().of("changes"), before + 1);
    assert_eq!(play.tally().of("merges"), 1);
}

/// Pages 46 and 78: after a predetermined time without success the sides become sets of their own, for good.
#[test]
fn sides_that_do_not_meet_in_time_become_sets_of_their_own() {
    let mut play = parted(SetParams { merge: 150, ..params() }, 0);
    play.until("both sides have taken names", |world| {
        [0, 3].iter().all(|host| view(world, *host).name.suffix.is_some())
    });
    play.heal();
    play.run(400);
    ends(play, &[&[0, 1, 2], &[3, 4, 5]]);
}

/// Page 79: the suffix of a side's name is the lowest gid that has remained in it: unique, found by each side alone,
/// and the base of the name stays.
#[test]
fn the_names_of_the_sides_are_unique_and_show_where_they_come_from() {
    let mut play = parted(SetParams { merge: 150, ..params() }, 0);
    let base = view(&play, 0).name.base;
    play.run(300);
    let play = sound(play);
    for (host, lowest) in [(0, 0), (2, 0), (3, 3), (5, 3)] {
        let name = view(&play, host).name;
        assert_eq!((name.base, name.suffix.map(|gid| gid.0)), (base, Some(lowest)));
    }
}

/// Page 46: the time is what an operator says; without a limit the sides look for each other as long as it takes.
#[test]
fn without_a_limit_the_sides_go_on_looking() {
    let mut play = parted(params(), 0);
    play.run(3000);
    play.heal();
    ends(play, &[&[0, 1, 2, 3, 4, 5]]);
}

/// Page 76: more than two sides reform as well.
#[test]
fn three_sides_become_one_set() {
    let mut play = Play::of(&[0, 1, 2, 3, 4, 5]);
    play.cut(&[0, 1], &[2, 3, 4, 5]);
    play.cut(&[2, 3], &[4, 5]);
    play.rest_in(&[&[0, 1], &[2, 3], &[4, 5]]);
    play.heal();
    let mut play = sound(play);
    play.until("one set", |world| world.rests(&[0, 1, 2, 3, 4, 5]));
    let all = play.members(0);
    assert_eq!(all.len(), 6);
    ends(play, &[&all]);
}
