//! Loss and cuts by rule (MS_FAULTS): datagrams are dropped where they arrive, so that a cut may have one direction.

use super::set::PATIENCE;
use super::set::{Set, one_view};
use super::world::within;

const ALL: &[u8] = &[11, 12, 13, 14];

#[test]
fn with_a_fifth_of_everything_lost_there_is_one_view_in_the_end() {
    let mut set = Set::new();
    for host in ALL {
        set.world.write(&format!("faults{host}"), &format!("seed {host}\ndrop 20% in\n"));
        set.start(*host, &[]);
    }
    set.await_view(ALL);
    set.crash(12);
    set.await_view(&[11, 13, 14]);
    set.heal(&[11, 13, 14]);
    set.await_view(&[11, 13, 14]);
}

#[test]
fn what_is_late_and_out_of_order_and_twice_makes_one_view_too() {
    let mut set = Set::new();
    for host in ALL {
        let rules = format!("seed {host}\nduplicate 20%\ndelay 0..60 50% in\n");
        set.world.write(&format!("faults{host}"), &rules);
        set.start(*host, &[]);
    }
    set.await_view(ALL);
    assert_eq!(set.leave(11), 0);
    set.await_view(&ALL[1..]);
    set.start(11, &[]);
    set.await_view(ALL);
}

#[test]
fn halves_that_are_cut_off_go_on_and_become_one_view_again() {
    let set = Set::of(ALL, &[]);
    set.cut([&[11, 13], &[12, 14]]);
    set.await_view(&[11, 13]);
    set.await_view(&[12, 14]);
    set.heal(ALL);
    set.await_view(ALL);
}

#[test]
fn one_that_is_heard_but_hears_not_is_not_in_a_view_with_those_it_does_not_hear() {
    let set = Set::of(&[11, 12, 13], &[]);
    set.fault(12, &set.deaf(&[11]));
    await_parted(&set, 11, 12);
    set.heal(&[12]);
    set.await_view(&[11, 12, 13]);
}

#[test]
fn two_that_do_not_hear_each_other_but_a_third_are_in_no_view_together() {
    let set = Set::of(&[11, 12, 13], &[]);
    set.cut([&[11], &[13]]);
    await_parted(&set, 11, 13);
    // One of them is with the one that both hear.
    let pairs = [[11, 12], [12, 13]].map(|pair| pair.map(|host| set.seen(host)));
    within(PATIENCE, "a view of two", || pairs.iter().find_map(|pair| one_view(pair)));
    set.heal(&[11, 13]);
    set.await_view(&[11, 12, 13]);
}

/// Waits until no view has both.
fn await_parted(set: &Set, one: u8, other: u8) {
    let lists = |at: u8, who: u8| {
        let who = set.world.at(who).to_string();
        let status = set.seen(at).status()?;
        let members = status["members"].as_array()?;
        Some(members.iter().any(|member| member["address"] == who.as_str()))
    };
    within(PATIENCE, &format!("{one} and {other} have parted"), || {
        (!lists(one, other)? && !lists(other, one)?).then_some(())
    });
}
