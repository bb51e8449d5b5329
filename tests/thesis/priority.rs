//! IV.C.3 and V.B.2: which of several changes goes first.

use super::*;
use membership::name::Incarnation;
use membership::sim::scenario::params;
use membership::sim::world::address;
use membership::wire::coreset::Life;

/// The classes of the changes that a host installed, in order: 0 Fail, 1 Leave, 5 Join, 6 batch.
fn classes(play: &Play, host: HostId) -> Vec<u8> {
    installed(play, host).iter().filter_map(|(_, id)| id.map(|id| id.class)).collect()
}

/// Page 47: the highest priority has the change that the set is processing: all others come after it.
#[test]
fn a_current_change_goes_to_its_end_first() {
    let mut play = Play::with(&[0, 1, 2, 3], 1, params());
    play.start(4, Founding::Never);
    play.until_sent(Kind::Initiate, 0);
    play.run(1);
    // All have accepted the Join. A Leave would have gone before it.
    play.leave(3);
    let play = ends(play, &[&[0, 1, 2, 4]]);
    assert_eq!(classes(&play, 0), [5, 1]);
}

/// Page 47: physical changes go before those of application groups.
#[test]
fn physical_changes_go_before_operations() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.leave(3);
    play.submit(1, b"operation");
    play.submit(2, b"operation");
    let play = ends(play, &[&[0, 1, 2]]);
    assert_eq!(classes(&play, 1), [1, 6]);
}

/// Pages 47 and 83: failures go before departures, and these before joins.
#[test]
fn failures_go_before_departures_and_departures_before_joins() {
    let mut play = Play::with(&[0, 1, 2, 3, 4, 5], 1, params());
    play.crash(5);
    // A batch keeps the most senior busy, so that all three wait when it ends.
    play.until("m0 asks in vain for the last time", |world| {
        sent(world, Kind::Query).iter().filter(|s| s.from == 0).count() == 3
    });
    play.run(3);
    play.lose(Kind::Ack, 1, 0, 1);
    play.submit(0, b"operation");
    play.run(1);
    play.start(6, Founding::Never);
    play.leave(4);
    let play = ends(play, &[&[0, 1, 2, 3, 6]]);
    let order: Vec<u8> = classes(&play, 0);
    assert_eq!(order.last(), Some(&5), "the Join comes last: {order:?}");
    let higher = |class, than| id(class, 3, 0).higher(&id(than, 0, 0));
    assert!(higher(0, 1) && higher(1, 5) && higher(0, 5) && higher(5, 6));
}

fn id(class: u8, key: u64, crank: u16) -> ChangeId {
    let coord = Life { address: address(usize::from(crank) + 1), inc: Incarnation(1) };
    ChangeId { round: 0, class, key, crank, coord, seq: 1 }
}

/// Pages 47 and 83: of two failures that of the more senior member goes first.
#[test]
fn the_failure_of_the_more_senior_goes_first() {
    // m4 is of rank 1 and m5 of rank 5; m0 begins the Fail of m5, and m1 that of m4.
    let mut play = Play::of(&[0, 4, 1, 2, 3, 5]);
    play.crash(4);
    play.crash(5);
    play.delay(Kind::Initiate, 0, 1, 1);
    let play = ends(play, &[&[0, 1, 2, 3]]);
    assert_eq!(installed(&play, 0)[0].1.unwrap().coord.address, address(1));
    assert!(id(0, 1, 2).higher(&id(0, 5, 0)), "whoever coordinates it");
}

/// Pages 47 and 84: joiners have no rank; the lower network address goes first.
#[test]
fn of_two_joiners_the_lower_address_is_in_first() {
    let mut play = Play::with(&[0, 1], 3, params());
    for joiner in [4, 3, 2] {
        play.start(joiner, Founding::Never);
    }
    play.rest_in(&[&play.members(0).clone()]);
    // What came first was begun at once; of the others the lower went first.
    let play = ends(play, &[&[0, 1, 4, 2, 3]]);
    assert!(id(5, 2, 1).higher(&id(5, 3, 0)));
    assert_eq!(classes(&play, 0), [5, 5, 5]);
}

/// Page 47: the failure of a change's coordinator has priority over otherwise equal changes. The change that is resumed
/// goes before any that begins.
#[test]
fn a_resumed_change_goes_before_others() {
    let mut play = Play::of(&[0, 1, 2, 3, 4, 5]);
    play.leave(5);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play.run(3);
    // m4 is of a better rank than m5, so its leave would go first.
    play.leave(4);
    let play = ends(play, &[&[1, 2, 3]]);
    let ids: Vec<ChangeId> = installed(&play, 1).into_iter().filter_map(|(_, id)| id).collect();
    assert_eq!((ids[0].round, ids[0].key), (1, 5), "m5 goes first, under an elected coordinator");
    assert!(ChangeId { round: 1, ..id(5, 9, 9) }.higher(&id(0, 0, 0)));
}

/// Page 47: the last tie is decided by the rank of who received the request.
#[test]
fn the_last_tie_is_decided_by_the_coordinators_rank() {
    story("counterexample-t8");
    assert!(id(5, 2, 0).higher(&id(5, 2, 1)));
}

/// Page 89: the order of priorities is unique: of two different changes always one goes first.
#[test]
fn of_two_changes_one_goes_first() {
    let mut ids = Vec::new();
    for round in 0..2 {
        for class in 0..9 {
            for key in 0..3 {
                for crank in 0..3 {
                    ids.push(ChangeId { round, ..id(class, key, crank) });
                }
            }
        }
    }
    for a in &ids {
        for b in &ids {
            assert_eq!(usize::from(a.higher(b)) + usize::from(b.higher(a)), usize::from(a != b));
            for c in ids.iter().filter(|_| a.higher(b)).filter(|c| b.higher(c)) {
                assert!(a.higher(c));
            }
        }
    }
}
