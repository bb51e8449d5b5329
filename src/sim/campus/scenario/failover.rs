//! Member interfaces whose mserver fails go to the next one (III.A.5).

use super::Scenario;
use crate::sim::campus::plan::Plan;
use crate::sim::campus::play::{Play, group};

pub(super) const MI_FAILS_OVER: Scenario = Scenario {
    name: "mi-fails-over",
    source: "III.A.5: the polling of member interfaces",
    about: "a LAN's mserver crashes; its MI registers with the next one, and the group loses nobody.",
    departs: "the thesis's MI has one mserver; here it may have several, in order of preference.",
    run: mi_fails_over,
};

fn mi_fails_over() -> Play {
    let mut play = Play::of(Plan::tree(&[3], 1).with_alternatives());
    let apps = play.members("db", &["a/1", "b/1"]);
    play.run(100);
    play.crash("a");
    play.run(400);
    play.until_in("db", &apps);
    let later = play.on("c/1");
    play.join(later, group("db"));
    play.until_in("db", &[apps[0], apps[1], later]);
    play.end()
}

pub(super) const LAN_MOVES_AWAY: Scenario = Scenario {
    name: "lan-moves-away",
    source: "III.A.5: the polling of member interfaces",
    about: "the only mserver that knows a group crashes; its MIs tell the next one, which goes on with it.",
    departs: "the thesis's MI has one mserver; here it may have several, in order of preference.",
    run: lan_moves_away,
};

fn lan_moves_away() -> Play {
    let mut play = Play::of(Plan::tree(&[2], 2).with_alternatives());
    let mut apps = play.members("db", &["a/1", "a/2", "a/1"]);
    play.run(100);
    play.crash("a");
    play.run(600);
    play.until_in("db", &apps);
    let later = play.on("b/1");
    play.join(later, group("db"));
    apps.push(later);
    play.until_in("db", &apps);
    play.end()
}

pub(super) const MI_CRASHES: Scenario = Scenario {
    name: "mi-crashes",
    source: "III.A.5: the polling of member interfaces",
    about: "an MI with two members crashes: both have failed for the others, in one view.",
    departs: "",
    run: mi_crashes,
};

fn mi_crashes() -> Play {
    let mut play = Play::of(Plan::tree(&[2], 1));
    let apps = play.members("db", &["a/1", "b/1", "b/1"]);
    play.run(100);
    play.crash("b/1");
    play.until_in("db", &apps[..1]);
    let failed = play.tally().of("failed");
    play.expect(failed == 1, format!("one view for both, not {failed}"));
    play.end()
}
