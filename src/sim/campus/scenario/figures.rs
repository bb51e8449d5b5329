//! A change of an application group, and what gets lost of it (IV.D, Figures 38 to 45).
//!
//! ```text
//!   core-set    a        b          top, level 2
//!             ┌─┴─┐    ┌─┴─┐
//!   LANs      a1  a2   b1  b2       level 1
//!   MIs      a1/1 a2/1 b1/1 b2/1
//! ```

use super::Scenario;
use crate::sim::campus::plan::Plan;
use crate::sim::campus::play::{Play, group};

/// Two buildings of two LANs each, and a group with a member in each building: its core is the highest set.
fn two_buildings() -> (Play, Vec<usize>) {
    let mut play = Play::of(Plan::tree(&[2, 2], 1));
    let apps = play.members("db", &["a1/1", "b1/1"]);
    play.until_core("db", "top");
    play.run(100);
    (play, apps)
}

pub(super) const FIGURE_38: Scenario = Scenario {
    name: "figure-38",
    source: "Figure 38, page 71: the application group change protocol",
    about: "a join climbs from its MI to the core-set, is agreed on there, and is told down every branch with members.",
    departs: "",
    run: figure_38,
};

fn figure_38() -> Play {
    let (mut play, mut apps) = two_buildings();
    let joiner = play.on("a1/1");
    play.join(joiner, group("db"));
    apps.push(joiner);
    play.until_in("db", &apps);
    play.end()
}

pub(super) const FIGURE_43: Scenario = Scenario {
    name: "figure-43",
    source: "Figure 43, page 75: a lost Submit",
    about: "the SUBMIT is lost between the LAN's mserver and the core-set; who waits for the DIRECT asks.",
    departs: "",
    run: figure_43,
};

fn figure_43() -> Play {
    let (mut play, mut apps) = two_buildings();
    let joiner = play.on("a1/1");
    play.lose("SUBMIT", "a1", "a", 1);
    play.join(joiner, group("db"));
    apps.push(joiner);
    play.until_in("db", &apps);
    play.end()
}

pub(super) const FIGURE_44: Scenario = Scenario {
    name: "figure-44",
    source: "Figure 44, page 75: a lost Direct",
    about: "the DIRECT is lost between the core-set and the LAN's mserver; it is sent again.",
    departs: "the core-set's mserver misses the ACK and sends again by itself (Figure 42, line 4), if nobody asked before.",
    run: figure_44,
};

fn figure_44() -> Play {
    let (mut play, mut apps) = two_buildings();
    let joiner = play.on("a1/1");
    play.lose("DIRECT", "a", "a1", 1);
    play.join(joiner, group("db"));
    apps.push(joiner);
    play.until_in("db", &apps);
    play.end()
}

pub(super) const FIGURE_45: Scenario = Scenario {
    name: "figure-45",
    source: "Figure 45, page 75: the coordinator fails",
    about: "a mserver of the core-set fails when the change is done and before it tells its children: the group parts there.",
    departs: "the branch does not elect: its set looks for another parent, and the members behind it go on as a side of the \
              partition until there is one.",
    run: figure_45,
};

fn figure_45() -> Play {
    let (mut play, _) = two_buildings();
    let joiner = play.on("a1/1");
    play.lose("DIRECT", "a", "a1", 1);
    play.join(joiner, group("db"));
    play.until_sent("DIRECT", "a");
    play.crash("a");
    play.run(900);
    play.say("the building gets its mserver back");
    play.restart("a");
    play.end()
}
