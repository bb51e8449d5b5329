//! The core of a group is as low as its members allow, and moves with them (IV.C.2.c).

use super::Scenario;
use crate::sim::campus::plan::Plan;
use crate::sim::campus::play::{Play, group};

fn two_buildings() -> Play {
    Play::of(Plan::tree(&[2, 2], 1))
}

pub(super) const CORE_MOVES_UP: Scenario = Scenario {
    name: "core-moves-up",
    source: "IV.C.2.c: the core-set of an application",
    about: "a group on one LAN gets a member on the next, then one in the next building: its core moves up twice.",
    departs: "",
    run: core_moves_up,
};

fn core_moves_up() -> Play {
    let mut play = two_buildings();
    let mut apps = Vec::new();
    for (node, core) in [("a1/1", "a1"), ("a2/1", "set-a"), ("b1/1", "top")] {
        let app = play.on(node);
        apps.push(app);
        play.join(app, group("db"));
        play.until_in("db", &apps);
        play.until_core("db", core);
        play.run(30);
    }
    play.end()
}

pub(super) const CORE_MOVES_DOWN: Scenario = Scenario {
    name: "core-moves-down",
    source: "IV.C.2.c: the core-set of an application",
    about: "the members in the next building leave, and the core moves down to where the others are; a join goes there.",
    departs: "",
    run: core_moves_down,
};

fn core_moves_down() -> Play {
    let mut play = two_buildings();
    let mut apps = play.members("db", &["a1/1", "b1/1", "a1/1"]);
    play.leave(apps[1], group("db"));
    apps.remove(1);
    play.until_in("db", &apps);
    play.until_core("db", "a1");
    let joiner = play.on("a1/1");
    play.join(joiner, group("db"));
    apps.push(joiner);
    play.until_in("db", &apps);
    play.end()
}

pub(super) const LEAVE_DURING_MOVE: Scenario = Scenario {
    name: "leave-during-move",
    source: "IV.C.2.c: the core-set of an application",
    about: "a member leaves while the core moves up because of another's join: both have their effect, each once.",
    departs: "",
    run: leave_during_move,
};

fn leave_during_move() -> Play {
    let mut play = two_buildings();
    let mut apps = play.members("db", &["a1/1", "a2/1"]);
    play.run(100);
    let joiner = play.on("b1/1");
    play.join(joiner, group("db"));
    play.run(4);
    play.leave(apps[1], group("db"));
    apps[1] = joiner;
    play.until_in("db", &apps);
    play.end()
}

pub(super) const CARRIER_CRASHES: Scenario = Scenario {
    name: "carrier-crashes",
    source: "IV.C.2.c: the core-set of an application",
    about: "the parent that takes the core up crashes on the way; the next parent goes on, and one core is left.",
    departs: "",
    run: carrier_crashes,
};

fn carrier_crashes() -> Play {
    let mut play = Play::of(Plan::tree(&[2, 2], 1).with_standbys());
    let mut apps = play.members("db", &["a1/1", "a2/1"]);
    play.run(100);
    let joiner = play.on("b1/1");
    play.join(joiner, group("db"));
    play.run(6);
    let carrier = if play.is_parent("a") { "a" } else { "a'" };
    play.crash(carrier);
    apps.push(joiner);
    play.until_in("db", &apps);
    play.end()
}
