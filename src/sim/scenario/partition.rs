//! A set is parted and becomes one again (Figures 46 and 47).
//!
//! ```text
//!      8 [1 2 3 4 5 6]                    m1 m2 m3 ┊ m4 m5 m6
//!      9 [1 2 3]   9b [4 5 6]             each side excludes the other
//!     10 [1 2 3 4 5 6]                    the leaders probe, hear each other, and merge
//! ```

use super::{Play, Scenario, params};
use crate::proto::coreset::{Founding, SetParams};
use crate::sim::links::HostId;
use crate::wire::coreset::{Request, View};

/// Two halves of a set of six.
const SIDES: [&[HostId]; 2] = [&[1, 2, 3], &[4, 5, 6]];

pub(super) const FIGURE_46: Scenario = Scenario {
    name: "figure-46",
    source: "Figure 46, page 77: partitioning of a core-set",
    about: "the network parts m1, m2, m3 from m4, m5, m6: each half finds the other failed, and goes on\n\
            in a view of its own.",
    departs: "a side needs one change for all whom it misses: who does not ACK leaves in the same Commit.",
    run: figure_46,
};

fn figure_46() -> Play {
    let mut play = Play::of(&[1, 2, 3, 4, 5, 6]);
    play.cut(SIDES[0], SIDES[1]);
    play.rest_in(&SIDES);
    play.ladder(&[
        "1 -> * INITIATE Fail{6}, not 4 5 6",
        "2 3 -> 1 ACK",
        "4 -> * INITIATE Fail{3}, not 1 2 3",
        "5 6 -> 4 ACK",
        "1 -> 4 5 INITIATE Fail{6}, lost",
        "2 3 -> 1 MSG_QUERY",
        "1 -> 2 3 WAIT-CURRENT Fail{6}",
        "4 -> 1 2 INITIATE Fail{3}, lost",
        "5 6 -> 4 MSG_QUERY",
        "4 -> 5 6 WAIT-CURRENT Fail{3}",
        "1 -> 4 5 INITIATE Fail{6}, lost",
        "2 3 -> 1 MSG_QUERY",
        "4 -> 1 2 INITIATE Fail{3}, lost",
        "1 -> 2 3 WAIT-CURRENT Fail{6}",
        "5 6 -> 4 MSG_QUERY",
        "4 -> 5 6 WAIT-CURRENT Fail{3}",
        "1 -> * COMMIT Fail{6}, not 4 5 6",
        "4 -> * COMMIT Fail{3}, not 1 2 3",
    ]);
    play.expect(play.tally().of("changes") == 2, "one change on each side");
    play.end(&SIDES)
}

pub(super) const FIGURE_47: Scenario = Scenario {
    name: "figure-47",
    source: "Figure 47, page 78: the partitioned core-set reforms",
    about: "the halves of Figure 46, one of which has the parent m6, still share the multicast address. When\n\
            the network is mended their leaders hear each other's queries, and the halves merge.",
    departs: "the queries are PROBEs of the leaders only, and the Merge is one agreed change: it is committed\n\
              by all members of both sides, or by none.",
    run: figure_47,
};

fn figure_47() -> Play {
    let params = SetParams { probe: 15, ..params() };
    let mut play = Play::with(&[1, 2, 3, 4, 5], 1, params);
    play.say("6 shall become the parent");
    play.start(6, Founding::Never);
    let life = play.process(6).map(|process| process.life());
    let Some(life) = life else { return play };
    play.request(1, Request::AddParent(life));
    play.rest_in(&[&[1, 2, 3, 4, 5, 6]]);
    play.cut(SIDES[0], SIDES[1]);
    play.rest_in(&SIDES);
    let parent = |play: &Play, host| view(play, host).and_then(|view| view.parent).is_some();
    play.expect(parent(&play, 4) && !parent(&play, 1), "one side has the parent");
    let num = view(&play, 1).map(|view| view.position.num);
    play.skip();
    play.heal();
    play.rest_in(&[&[1, 2, 3, 4, 5, 6]]);
    play.ladder(&["1 -> * INITIATE Merge", "2 3 4 5 6 -> 1 ACK", "1 -> * COMMIT Merge"]);
    play.expect(parent(&play, 1), "the parent is the parent of all again");
    let merged = view(&play, 1).map(|view| view.position.num);
    play.expect(merged == num.map(|num| num.next()), "the view after the newest of both");
    play.end(&[&[1, 2, 3, 4, 5, 6]])
}

fn view(play: &Play, host: HostId) -> Option<&View> {
    play.process(host).and_then(|process| process.view())
}
