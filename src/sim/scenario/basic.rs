//! A change in two phases, and what gets lost of it (Figures 16, 19, 21, 22 and 23).
//!
//! ```text
//! m1 ── Initiate ──> m2 m3 m4        m5 has crashed, and m1, which monitors it, coordinates its Fail
//! m1 <──── ACK ───── m2 m3 m4
//! m1 ── Commit ────> m2 m3 m4
//! ```

use super::{Play, Scenario};
use crate::sim::kind::Kind;

pub(super) const FIGURE_16: Scenario = Scenario {
    name: "figure-16",
    source: "Figure 16, page 48: the basic two-phase protocol",
    about: "m1 finds m5 failed; Initiate, ACKs and Commit take it out of the view.",
    departs: "",
    run: figure_16,
};

/// Five members, the youngest of which crashes; the most senior one monitors it.
pub(super) fn m5_crashes() -> Play {
    let mut play = Play::of(&[1, 2, 3, 4, 5]);
    play.crash(5);
    play
}

fn figure_16() -> Play {
    let mut play = m5_crashes();
    play.rest_in(&[&[1, 2, 3, 4]]);
    play.ladder(&["1 -> * INITIATE Fail{5}", "2 3 4 -> 1 ACK", "1 -> * COMMIT Fail{5}"]);
    play.end(&[&[1, 2, 3, 4]])
}

pub(super) const FIGURE_19: Scenario = Scenario {
    name: "figure-19",
    source: "Figure 19, page 50: timeout, retries and failure detection",
    about: "m1 waits for the ACK of m2, tries again as often as it may, and finds it failed.",
    departs: "who did not ACK leaves in the same Commit: no second change is needed for it.",
    run: figure_19,
};

fn figure_19() -> Play {
    let mut play = Play::of(&[1, 2, 3]);
    play.crash(3);
    play.crash(2);
    play.rest_in(&[&[1]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{3}",
        "1 -> 2 INITIATE Fail{3}",
        "1 -> 2 INITIATE Fail{3}",
        "1 -> * COMMIT Fail{3}",
    ]);
    play.expect(play.tally().of("fails") == 1, "one change for both");
    play.end(&[&[1]])
}

pub(super) const FIGURE_21: Scenario = Scenario {
    name: "figure-21",
    source: "Figure 21, page 51: a lost ACK",
    about: "the ACK of m3 is lost; m1 sends it the Initiate again, and it ACKs again.",
    departs: "m2 and m4 wait no longer for the Commit than m1 for the ACK, so they ask for it\n\
              meanwhile, and the answers cross the Commit. Figure 23 draws such a question.",
    run: figure_21,
};

fn figure_21() -> Play {
    let mut play = m5_crashes();
    play.lose(Kind::Ack, 3, 1, 1);
    play.rest_in(&[&[1, 2, 3, 4]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}",
        "2 -> 1 ACK",
        "3 -> 1 ACK, lost",
        "4 -> 1 ACK",
        "1 -> 3 INITIATE Fail{5}",
        "2 3 4 -> 1 MSG_QUERY",
        "3 -> 1 ACK",
        "1 -> 2 WAIT-CURRENT Fail{5}",
        "1 -> 3 INITIATE Fail{5}",
        "1 -> 4 WAIT-CURRENT Fail{5}",
        "1 -> * COMMIT Fail{5}",
        "3 -> 1 ACK",
    ]);
    play.nobody_accused();
    play.end(&[&[1, 2, 3, 4]])
}

pub(super) const FIGURE_22: Scenario = Scenario {
    name: "figure-22",
    source: "Figure 22, page 52: a lost Commit",
    about: "m3 does not get the Commit; it asks m1, which sends it again.",
    departs: "any member that has committed would have answered, not only m1.",
    run: figure_22,
};

fn figure_22() -> Play {
    let mut play = m5_crashes();
    play.lose(Kind::Commit, 1, 3, 1);
    play.rest_in(&[&[1, 2, 3, 4]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}",
        "2 3 4 -> 1 ACK",
        "1 -> * COMMIT Fail{5}, not 3",
        "3 -> 1 MSG_QUERY",
        "1 -> 3 COMMIT Fail{5}",
    ]);
    play.end(&[&[1, 2, 3, 4]])
}

pub(super) const FIGURE_23: Scenario = Scenario {
    name: "figure-23",
    source: "Figure 23, page 53: a member that does not hear the coordinator",
    about: "m2 does not hear m1; m3 and m4 are told to wait until m1 has given it up, and hear of it\n\
            by gossip in the Commit. Then the link is mended, and m2 comes back.",
    departs: "the Commit does not only tell of m2's failure but takes m2 out of the view. m2 hears the\n\
              others' answer to its own Fail, finds itself left out, and goes on alone until it can\n\
              come back.",
    run: figure_23,
};

fn figure_23() -> Play {
    let mut play = m5_crashes();
    play.until_sent(Kind::Query, 1);
    play.run(2);
    play.cut_one_way(&[1], &[2]);
    play.until_in(3, &[1, 3, 4]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}, not 2",
        "3 4 -> 1 ACK",
        "1 -> 2 INITIATE Fail{5}, lost",
        "3 4 -> 1 MSG_QUERY",
        "1 -> 3 4 WAIT-CURRENT Fail{5}",
        "1 -> 2 INITIATE Fail{5}, lost",
        "3 4 -> 1 MSG_QUERY",
        "1 -> 3 4 WAIT-CURRENT Fail{5}",
        "1 -> * COMMIT Fail{5}, not 2",
    ]);
    play.rest_in(&[&[1, 3, 4], &[2]]);
    play.heal();
    play.end(&[&[1, 3, 4, 2]])
}
