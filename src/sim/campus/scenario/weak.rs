//! Weak groups: each change is told at once where it is made, and everywhere in the end (II.B).

use super::Scenario;
use crate::sim::campus::event::AppId;
use crate::sim::campus::plan::Plan;
use crate::sim::campus::play::{Play, group};
use crate::sim::campus::world::Campus;
use crate::wire::group::{Mode, Order, Qos};

fn join(play: &mut Play, node: &str) -> AppId {
    let (app, qos) = (play.on(node), Qos { order: Order::Weak, ..Qos::default() });
    play.join_as(app, group("db"), Mode::JoinOrCreate, qos);
    app
}

fn members(nodes: &[&str]) -> (Play, Vec<AppId>) {
    let mut play = Play::of(Plan::tree(&[nodes.len()], 1));
    let mut apps = Vec::new();
    for node in nodes {
        let app = join(&mut play, node);
        apps.push(app);
        play.until_in("db", &apps);
    }
    play.run(100);
    (play, apps)
}

pub(super) const WEAK_CHANGES: Scenario = Scenario {
    name: "weak-changes",
    source: "II.B: weak consistency",
    about: "two join and one leaves at three mservers in one instant: each is told at once where it is, and all have one roster soon.",
    departs: "the thesis names weak ordering, and does not say how.",
    run: weak_changes,
};

fn weak_changes() -> Play {
    let (mut play, apps) = members(&["a/1", "b/1", "c/1"]);
    join(&mut play, "a/1");
    join(&mut play, "b/1");
    play.leave(apps[2], group("db"));
    play.until("one roster", |campus| campus.rests().is_ok());
    play.end()
}

pub(super) const WEAK_PARTITION: Scenario = Scenario {
    name: "weak-partition",
    source: "II.B: weak consistency; IV.E.2",
    about: "a mserver is cut off; both sides go on, somebody joins on each, and with the partition's end all are in one roster.",
    departs: "the thesis names weak ordering, and does not say how.",
    run: weak_partition,
};

fn weak_partition() -> Play {
    let (mut play, apps) = members(&["a/1", "b/1", "c/1"]);
    let these = ["a", "a/1", "b", "b/1"].map(|name| play.node(name));
    let those = ["c", "c/1"].map(|name| play.node(name));
    play.cut(&these, &those);
    play.until_in("db", &apps[..2]);
    play.until_in("db", &apps[2..]);
    join(&mut play, "a/1");
    join(&mut play, "c/1");
    play.run(100);
    play.heal();
    let whole = |campus: &Campus| {
        let view = campus.view(apps[0], group("db"));
        view.is_some_and(|view| view.roster.len() == 5) && campus.rests().is_ok()
    };
    play.until("one roster of 5", whole);
    play.end()
}
