//! How members treat one another when one is slow, silent, leaving or new: nobody is accused without need.

use membership::name::Gid;
use membership::proto::coreset::{Founding, SetNote, SetParams};
use membership::proto::params::Profile;
use membership::sim::event::What;
use membership::sim::world::address;
use membership::sim::{HostId, Kind, World};
use membership::wire::coreset::{Body, ChangeKind};

fn set(n: usize, params: SetParams) -> World {
    let mut world = World::formed(7, n, params);
    world.record();
    world
}

fn together(world: &World) -> bool {
    let all: Vec<HostId> = (0..world.size()).collect();
    world.rests(&all) && world.up().len() == world.size()
}

fn members(world: &World, host: HostId) -> Vec<HostId> {
    let view = world.process(host).and_then(|process| process.view());
    let view = view.map(|view| view.members.as_slice()).unwrap_or_default();
    view.iter().map(|m| m.life.address.ip().octets()[3].into()).collect()
}

fn gid(world: &World, host: HostId, of: HostId) -> Option<Gid> {
    world.process(host)?.view()?.member(address(of)).map(|m| m.gid)
}

/// Who accused whom, and of what.
fn accusations(world: &World) -> Vec<(HostId, &'static str)> {
    let isolations = world.events().iter().filter_map(|event| match event.what {
        What::Note { host, note: SetNote::Isolated { why, .. } } => Some((host, why)),
        _ => None,
    });
    isolations.collect()
}

#[test]
fn a_neighbour_that_others_hear_is_not_accused() {
    let confirmed = |confirm| {
        let mut world = set(5, SetParams { confirm, ..SetParams::default() });
        world.links.cut(1, 2);
        world.run(200);
        world
    };
    let world = confirmed(2);
    assert!(together(&world), "{}", world.transcript());
    assert_eq!(world.tally().of("isolations"), 0, "{}", world.transcript());
    assert!(world.transcript().contains("QUERY-CHECK"));
    assert!(confirmed(0).tally().of("isolations") > 0, "without confirmation it is");
}

#[test]
fn a_neighbour_that_nobody_hears_is_accused_in_the_same_time() {
    let times = [0, 2].map(|confirm| {
        let mut world = set(5, SetParams { confirm, ..SetParams::default() });
        world.crash(1);
        assert!(world.run_until(100, |world| members(world, 0) == [0, 2, 3, 4]));
        world.now()
    });
    assert_eq!(times[0], times[1]);
}

#[test]
fn two_members_have_nobody_to_ask() {
    let mut world = set(2, SetParams { confirm: 2, ..SetParams::default() });
    world.crash(1);
    assert!(world.run_until(100, |world| members(world, 0) == [0]));
}

/// However long it was not run, and wherever in its rounds that was: it may be given up, but it gives up nobody
/// for want of an answer.
#[test]
fn whoever_was_not_run_itself_accuses_nobody_of_silence() {
    for ticks in 6..80 {
        for offset in [0, 1, 3, 55, 60, 62] {
            let mut world = set(3, SetParams::default());
            world.run(offset);
            world.stop(1);
            world.run(ticks);
            world.resume(1);
            world.run(30);
            let accuses = |(host, why): &(HostId, &str)| *host == 1 && why.starts_with("no ");
            let of_silence: Vec<_> = accusations(&world).into_iter().filter(accuses).collect();
            assert_eq!(of_silence, [], "{ticks} from {offset}: {}", world.transcript());
        }
    }
}

#[test]
fn whoever_is_always_late_finds_a_dead_neighbour_all_the_same() {
    let mut world = set(2, SetParams::default());
    world.crash(0);
    for _ in 0..40 {
        world.stop(1);
        world.run(6);
        world.resume(1);
    }
    assert_eq!(members(&world, 1), [1], "{}", world.transcript());
}

#[test]
fn what_a_leaver_submitted_is_agreed_on_before_it_goes() {
    let mut world = set(3, SetParams::default());
    world.lose(Kind::Forward, 2, 0, 3);
    for operation in 0..5 {
        world.submit(2, &[operation]);
    }
    world.leave(2);
    assert!(world.run_until(60, |world| world.process(2).is_none()), "{}", world.transcript());
    world.run(20);
    let done = &world.process(0).unwrap().view().unwrap().done;
    assert_eq!(done.iter().map(|d| d.number).collect::<Vec<_>>(), [5]);
    world.must_be_sound();
}

#[test]
fn a_leaver_whose_operations_find_nobody_goes_in_the_end() {
    let mut world = set(3, SetParams::default());
    world.lose(Kind::Forward, 2, 0, 1000);
    world.lose(Kind::Initiate, 2, 0, 1000);
    world.submit(2, b"operation");
    world.leave(2);
    assert!(world.run_until(400, |world| world.process(2).is_none()), "{}", world.transcript());
    world.must_be_sound();
}

#[test]
fn a_gid_is_not_given_to_another_at_once_and_its_former_owner_gets_it_again() {
    let mut world = set(4, SetParams::default());
    let before: Vec<_> = (0..4).map(|of| gid(&world, 0, of)).collect();
    world.crash(1);
    world.leave(2);
    let gone = |world: &World| members(world, 0) == [0, 3] && world.process(2).is_none();
    assert!(world.run_until(200, gone));
    world.start(2, Founding::IfNone);
    assert!(world.run_until(50, |world| members(world, 0) == [0, 3, 2]));
    assert_eq!(gid(&world, 0, 2), before[2], "1 is missed, and may still have its own");
    world.start(1, Founding::IfNone);
    assert!(world.run_until(50, together), "{}", world.transcript());
    assert_eq!(gid(&world, 0, 1), before[1]);
    world.must_be_sound();
}

/// Probes and all that makes a Merge get through, but no QUERY: the set flaps, but less and less often.
#[test]
fn merges_that_do_not_last_become_rarer() {
    let mut world = set(2, SetParams::default());
    world.lose(Kind::Query, 0, 1, u32::MAX);
    let mut gaps = Vec::new();
    for merge in 1..8 {
        let begun = world.now();
        assert!(world.run_until(1000, |world| world.tally().of("merges") == merge));
        gaps.push(world.now() - begun);
    }
    assert!(gaps[1] < gaps[2] && gaps[2] == gaps[6], "{gaps:?}");
    let probe = u64::from(SetParams::default().probe);
    assert!(gaps[6] <= gaps[1] + 4 * probe, "{gaps:?}");
    world.links.unfilter();
    assert!(world.run_until(200, together), "{}", world.transcript());
    world.must_be_sound();
}

/// Its operations might run twice if it came back as it was: nobody knows any more which were applied.
#[test]
fn whoever_was_forgotten_comes_back_in_a_new_life() {
    let mut world = set(4, SetParams { remember: 0, ..SetParams::default() });
    world.submit(3, b"one");
    world.run(10);
    world.lose(Kind::Forward, 3, 0, 1000);
    world.cut(&[0, 1, 2], &[3]);
    world.submit(3, b"two");
    let life = world.process(3).unwrap().life();
    assert!(world.run_until(200, |world| members(world, 0) == [0, 1, 2]));
    world.heal();
    assert!(world.run_until(200, together), "{}", world.transcript());
    assert!(world.process(3).unwrap().life() > life);
    assert_eq!(world.tally().of("dissolved"), 1);
    let view = world.process(0).unwrap().view().unwrap();
    assert!(view.done.iter().all(|d| d.origin != life), "{:?}", view.done);
    world.must_be_sound();
}

#[test]
fn whoever_is_remembered_comes_back_as_it_was() {
    let mut world = set(4, SetParams { remember: 1, ..SetParams::default() });
    world.submit(3, b"one");
    world.run(10);
    let life = world.process(3).unwrap().life();
    world.cut(&[0, 1, 2], &[3]);
    assert!(world.run_until(200, |world| members(world, 0) == [0, 1, 2]));
    world.heal();
    assert!(world.run_until(200, together), "{}", world.transcript());
    assert_eq!(world.process(3).unwrap().life(), life);
    world.must_be_sound();
}

/// It gave up waiting for a Merge that the others commit. An old Initiate that names one of them by an earlier view
/// must not get it: both would list the other in different views of one number.
#[test]
fn whoever_gave_up_a_merge_does_not_join_an_earlier_one() {
    let mut world = set(4, SetParams::default());
    world.cut(&[0, 1], &[2, 3]);
    assert!(world.run_until(200, |world| world.rests(&[0, 1]) && world.rests(&[2, 3])));
    (0..3).for_each(|from| world.lose(Kind::Commit, from, 3, 1000));
    world.heal();
    assert!(world.run_until(60, |world| members(world, 2) == [0, 1, 2, 3]));
    let phase = |world: &World| world.process(3).unwrap().phase_name();
    assert_eq!(phase(&world), "follower");
    assert!(world.run_until(60, |world| phase(world) == "idle"), "{}", world.transcript());
    let merge = world.events().iter().find_map(|event| match &event.what {
        What::Sent { message, .. } => match &message.body {
            Body::Initiate(change) => match &change.kind {
                ChangeKind::Merge { .. } => Some(((**message).clone(), change.clone())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let (mut message, mut change) = merge.expect("there was one");
    let ChangeKind::Merge { views, .. } = &mut change.kind else { unreachable!() };
    views[0].position.num.0 -= 1;
    change.par[0] = views[0].position;
    change.id.round += 1;
    message.position = views[0].position;
    message.body = Body::Initiate(change);
    world.inject(3, message);
    world.run(2);
    assert!(world.transcript().contains("3 ignores 0: stale-change"), "{}", world.transcript());
    assert_eq!(world.tally().of("sweeps"), 1);
    world.links.unfilter();
    assert!(world.run_until(200, together), "{}", world.transcript());
    world.must_be_sound();
}

#[test]
fn members_behind_one_cut_are_removed_at_once_by_one_change() {
    // The timings of the profile lan: the verdict takes at most 40 + 23 * 2 ticks, a change a few more. If the ACK of
    // each silent member were waited for, it would be 46 more.
    let lan = SetParams::of(&Profile::named("lan").unwrap().params());
    for (these, those) in [([0, 1, 2, 3], [4, 5, 6, 7]), ([0, 2, 4, 6], [1, 3, 5, 7])] {
        let mut world = set(8, lan);
        world.run(30);
        world.cut(&these, &those);
        let halves = |world: &World| {
            (0..8).all(|host| {
                let side = if these.contains(&host) { these } else { those };
                members(world, host) == side
            })
        };
        assert!(world.run_until(110, halves), "{}", world.transcript());
        world.heal();
        assert!(world.run_until(100, together), "{}", world.transcript());
    }
}

#[test]
fn one_silent_neighbour_costs_the_others_nothing() {
    let lan = SetParams::of(&Profile::named("lan").unwrap().params());
    let mut world = set(8, lan);
    world.crash(3);
    assert!(world.run_until(110, |world| members(world, 0) == [0, 1, 2, 4, 5, 6, 7]));
    assert!(accusations(&world).iter().all(|(_, why)| *why == "no REPLY"));
    world.run(200);
    assert_eq!(world.tally().of("isolations"), 1, "{}", world.transcript());
}
