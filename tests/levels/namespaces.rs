//! The same daemons and members in network namespaces: a switch a building, whose uplink is pulled.

use super::campus::Campus;
use super::churn::{Joins, Manner, plays, rounds, seeded};
use super::churn::{blow_to_a_daemon, blows_to_members, interfaces, servers};
use super::lab::require;
use super::plan::{BUILDINGS, HOSTS, TOP};
use super::stage::Stage;
use membership::sim::Rng;
use membership::wire::group::Reason;

#[test]
#[ignore = "needs root, iproute2"]
fn whatever_befalls_daemons_on_hosts_of_their_own_all_see_the_same() {
    require(&[("ip", "iproute2")]);
    plays(Campus::in_namespaces(), &[servers, interfaces], Manner::OneAfterAnother);
}

#[test]
#[ignore = "needs root, iproute2"]
fn whatever_befalls_members_while_a_building_is_cut_off_all_see_the_same_when_it_is_back() {
    let mut rng = seeded();
    let mut stage = boot();
    for _ in 0..rounds().div_ceil(6) {
        a_building_is_cut_off(&mut stage, &mut rng, Joins::WhereItIsKnown);
    }
    stage.concludes(&[Reason::Partitioned, Reason::Merged]);
}

#[test]
#[ignore = "needs root, iproute2"]
fn groups_of_a_building_that_is_back_are_known_at_the_top() {
    let mut stage = boot();
    cut_off(&mut stage, 0);
    back(&mut stage, 0);
    stage.until("the top knows every group", |stage| {
        let known = stage.campus.known_at(TOP)?;
        let missing = stage.people.groups().into_iter().find(|group| !known.contains(group));
        missing.map_or(Ok(()), |group| Err(format!("{group} is not")))
    });
}

#[test]
#[ignore = "needs root, iproute2"]
fn whatever_befalls_all_while_buildings_are_cut_off_all_see_the_same_when_they_are_back() {
    let mut rng = seeded();
    let mut stage = boot();
    for round in 0..rounds() {
        let level = if round % 2 == 0 { servers } else { interfaces };
        blow_to_a_daemon(&mut stage, &mut rng, level, Manner::OneAfterAnother);
        a_building_is_cut_off(&mut stage, &mut rng, Joins::Anywhere);
    }
    stage.concludes(&[Reason::Partitioned, Reason::Merged]);
}

fn boot() -> Stage {
    require(&[("ip", "iproute2")]);
    Stage::boot(Campus::in_namespaces())
}

fn is_in(building: usize) -> impl Fn(usize) -> bool {
    move |host| HOSTS[host].building() == Some(building)
}

/// Waits until each side has its views.
fn sides_settle(stage: &mut Stage, building: usize) {
    stage.settles_among(is_in(building));
    stage.settles_among(|host| !is_in(building)(host));
}

fn cut_off(stage: &mut Stage, building: usize) {
    stage.campus.uplink(building, false);
    stage.say(&format!("{} is cut off", BUILDINGS[building].0));
    sides_settle(stage, building);
}

fn back(stage: &mut Stage, building: usize) {
    stage.say("each side goes on");
    stage.campus.uplink(building, true);
    stage.stands();
    stage.settles();
    stage.say("all are together again");
}

fn a_building_is_cut_off(stage: &mut Stage, rng: &mut Rng, joins: Joins) {
    let building = rng.below(BUILDINGS.len());
    cut_off(stage, building);
    blows_to_members(stage, rng, joins);
    sides_settle(stage, building);
    back(stage, building);
}
