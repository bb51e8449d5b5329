//! What members of a weak group are told, and when.

use membership::proto::mi::LocalEvent;
use membership::sim::campus::event::What;
use membership::sim::campus::play::{Play, group};
use membership::sim::campus::{AppId, Plan};
use membership::wire::group::{Mode, Order, Qos, Reason, Refusal, Scope};

/// A weak group, within one set.
pub fn weak() -> Qos {
    Qos { order: Order::Weak, ..Qos::default() }
}

pub fn joins(play: &mut Play, app: AppId) {
    play.join_as(app, group("db"), Mode::JoinOrCreate, weak());
}

/// Applications on these nodes, in one weak group, one after another.
pub fn members(play: &mut Play, nodes: &[&str]) -> Vec<AppId> {
    let mut all = Vec::new();
    for node in nodes {
        let app = play.on(node);
        joins(play, app);
        all.push(app);
        play.until_in("db", &all);
    }
    all
}

pub fn good(play: Play) {
    let play = play.end();
    assert!(play.failed().is_empty(), "{}\n{}", play.failed().join("\n"), play.transcript());
}

/// The reasons of the views that an application was told, in their order.
fn reasons(play: &Play, whom: AppId) -> Vec<Reason> {
    let reason = |event: &membership::sim::campus::event::Event| match &event.what {
        What::Told { app, event: LocalEvent::View { reason, .. } } if *app == whom => Some(*reason),
        _ => None,
    };
    play.events().iter().filter_map(reason).collect()
}

#[test]
fn members_of_one_set_join_and_leave_and_all_have_one_roster() {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let mut apps = members(&mut play, &["a/1", "b/1", "c/1", "a/1"]);
    assert_eq!(reasons(&play, apps[0])[..2], [Reason::Created, Reason::Joined]);
    play.leave(apps[1], group("db"));
    apps.remove(1);
    play.until_in("db", &apps);
    assert_eq!(reasons(&play, apps[0]).last(), Some(&Reason::Left));
    good(play);
}

#[test]
fn a_group_of_one_lan_never_leaves_it_and_its_name_is_free_when_it_ends() {
    let mut play = Play::of(Plan::tree(&[2], 2));
    let apps = members(&mut play, &["a/1", "a/2"]);
    play.until_core("db", "a");
    apps.iter().for_each(|app| play.leave(*app, group("db")));
    play.until("no core", |campus| campus.cores(group("db")).is_empty());
    let app = play.on("b/1");
    play.join_as(app, group("db"), Mode::Create, Qos::default());
    play.until_in("db", &[app]);
    good(play);
}

#[test]
fn a_group_of_a_set_ends_when_its_last_member_leaves() {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let apps = members(&mut play, &["a/1", "b/1"]);
    apps.iter().for_each(|app| play.leave(*app, group("db")));
    play.until("no core", |campus| campus.cores(group("db")).is_empty());
    let app = play.on("c/1");
    play.join_as(app, group("db"), Mode::Create, Qos::default());
    play.until_in("db", &[app]);
    good(play);
}

#[test]
fn a_change_is_told_at_once_where_it_was_made_though_nobody_else_answers() {
    let mut play = Play::of(Plan::tree(&[3], 2));
    let apps = members(&mut play, &["a/1", "b/1", "c/1"]);
    play.run(100);
    let others: Vec<_> = ["b", "c"].map(|name| play.node(name)).into();
    others.iter().for_each(|node| play.stop(*node));
    let app = play.on("a/2");
    joins(&mut play, app);
    play.run(6);
    let told = reasons(&play, apps[0]);
    assert_eq!(told.last(), Some(&Reason::Joined), "{told:?}");
    others.iter().for_each(|node| play.resume(*node));
    good(play);
}

#[test]
fn changes_that_are_made_at_once_come_to_one_roster() {
    let mut play = Play::of(Plan::tree(&[4], 1));
    let mut apps = members(&mut play, &["a/1", "b/1", "c/1", "d/1"]);
    play.run(100);
    let left = apps.remove(2);
    let late: Vec<AppId> = ["a/1", "b/1", "c/1", "d/1"].map(|node| play.on(node)).into();
    play.leave(left, group("db"));
    late.iter().for_each(|app| joins(&mut play, *app));
    play.until("all in", |campus| campus.rests().is_ok());
    good(play);
}

#[test]
fn who_dies_has_failed_and_who_goes_with_its_host_as_well() {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let mut apps = members(&mut play, &["a/1", "b/1", "b/1", "c/1"]);
    let dead = apps.remove(3);
    membership::sim::campus::Campus::end(&mut play, dead);
    play.until_in("db", &apps);
    assert_eq!(reasons(&play, apps[0]).last(), Some(&Reason::Failed));
    play.crash("b/1");
    play.until_in("db", &apps[..1]);
    assert_eq!(reasons(&play, apps[0]).last(), Some(&Reason::Failed));
    good(play);
}

#[test]
fn what_is_not_carried_out_in_a_weak_group_is_refused() {
    let mut play = Play::of(Plan::tree(&[2, 2], 1));
    let apps = members(&mut play, &["a1/1", "a2/1"]);
    let beyond = play.on("b1/1");
    joins(&mut play, beyond);
    play.until_refused(beyond, Refusal::NotSupported);
    play.call(
        apps[0],
        group("db"),
        membership::proto::mi::Ask::Split { new: group("web"), members: vec![1] },
    );
    play.until_refused(apps[0], Refusal::NotSupported);
    let narrow = Qos { name_scope: Scope::Level(1), membership_scope: Scope::Level(1), ..weak() };
    let app = play.on("b1/1");
    play.join_as(app, group("own"), Mode::JoinOrCreate, narrow);
    play.until_in("own", &[app]);
    play.until_in("db", &apps);
    good(play);
}
