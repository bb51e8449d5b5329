//! The coordinator of a change fails, and another one is elected (Figures 29, 31 and 33 to 37).
//!
//! ```text
//! phase 1   Coord_Fail from all to all
//! phase 2   Initiate, ACKs          none of these if somebody has committed the change: the compressed protocol
//! phase 3   Commit
//! ```

use super::basic::m5_crashes;
use super::{Play, Scenario, params};
use crate::proto::coreset::SetParams;
use crate::sim::kind::Kind;

pub(super) const FIGURE_29: Scenario = Scenario {
    name: "figure-29",
    source: "Figure 29, page 62: election and change-processing",
    about: "m1 fails while it collects ACKs for the Fail of m5. m2, the first to give it up, says so; all\n\
            answer, and m2, the highest in rank, begins the change anew.",
    departs: "the new Initiate excludes m1, so one Commit completes the change and removes m1. Coord_Fail\n\
              is multicast once by each and then sent to each other one that asks.",
    run: figure_29,
};

fn figure_29() -> Play {
    let mut play = m5_crashes();
    for late in [3, 4] {
        play.delay(Kind::Initiate, 1, late, 2);
    }
    play.until_sent(Kind::Ack, 2);
    play.crash(1);
    play.rest_in(&[&[2, 3, 4]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}",
        "2 3 4 -> 1 ACK",
        "2 3 4 -> 1 MSG_QUERY",
        "2 3 4 -> 1 MSG_QUERY",
        "2 3 4 -> * COORD_FAIL Fail{5}",
        "2 4 -> 3 COORD_FAIL Fail{5}",
        "2 -> 4 COORD_FAIL Fail{5}",
        "2 -> * INITIATE Fail{5}",
        "3 -> 4 COORD_FAIL Fail{5}",
        "3 4 -> 2 ACK",
        "4 -> 3 WAIT-CURRENT Fail{5}",
        "2 -> * COMMIT Fail{5}",
    ]);
    play.end(&[&[2, 3, 4]])
}

pub(super) const FIGURE_31: Scenario = Scenario {
    name: "figure-31",
    source: "Figure 31, page 65: the compressed protocol",
    about: "m1 fails while it sends the Commit for the Fail of m5, and only m2 gets it. Whoever elects gets it\n\
            from m2, and passes it on.",
    departs: "m2 need not be elected, nor wait for the election's end: it answers the first Coord_Fail with\n\
              the Commit, and the first elector that gets it multicasts it. Then m1 is excluded by a Fail.",
    run: figure_31,
};

fn figure_31() -> Play {
    let mut play = m5_crashes();
    play.lose_to(Kind::Commit, 1, &[3, 4], 1);
    play.until_sent(Kind::Commit, 1);
    play.crash(1);
    play.rest_in(&[&[2, 3, 4]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}",
        "2 3 4 -> 1 ACK",
        "1 -> * COMMIT Fail{5}, not 3 4",
        "3 4 -> 1 MSG_QUERY",
        "3 4 -> 1 MSG_QUERY",
        "3 4 -> * COORD_FAIL Fail{5}",
        "2 -> 3 COMMIT Fail{5}",
        "4 -> 3 COORD_FAIL Fail{5}",
        "2 -> 4 COMMIT Fail{5}",
        "3 -> 4 COORD_FAIL Fail{5}",
        "3 -> * COMMIT Fail{5}",
        "3 -> * INITIATE Fail{1}",
        "3 -> 4 COMMIT Fail{5}",
        "4 -> * COMMIT Fail{5}",
        "4 -> * INITIATE Fail{1}",
        "4 -> 3 COMMIT Fail{5}",
        "2 4 -> 3 ACK",
        "2 3 -> 4 WAIT-CURRENT Fail{1}",
        "3 -> * COMMIT Fail{1}",
    ]);
    play.end(&[&[2, 3, 4]])
}

pub(super) const FIGURE_33: Scenario = Scenario {
    name: "figure-33",
    source: "Figure 33, page 66: the coordinator fails in the Initiate phase",
    about: "m1 fails at once after its Initiate for the Fail of m5. All others time out, elect m2, and it\n\
            completes the change.",
    departs: "as in Figure 29.",
    run: figure_33,
};

fn figure_33() -> Play {
    let mut play = m5_crashes();
    play.until_sent(Kind::Initiate, 1);
    play.crash(1);
    play.rest_in(&[&[2, 3, 4]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}",
        "2 3 4 -> 1 ACK",
        "2 3 4 -> 1 MSG_QUERY",
        "2 3 4 -> 1 MSG_QUERY",
        "2 3 4 -> * COORD_FAIL Fail{5}",
        "3 4 -> 2 COORD_FAIL Fail{5}",
        "2 4 -> 3 COORD_FAIL Fail{5}",
        "2 -> 4 COORD_FAIL Fail{5}",
        "2 -> * INITIATE Fail{5}",
        "3 -> 4 COORD_FAIL Fail{5}",
        "2 -> 3 4 WAIT-CURRENT Fail{5}",
        "3 4 -> 2 ACK",
        "4 -> 3 WAIT-CURRENT Fail{5}",
        "2 -> * COMMIT Fail{5}",
    ]);
    play.end(&[&[2, 3, 4]])
}

pub(super) const FIGURE_34: Scenario = Scenario {
    name: "figure-34",
    source: "Figure 34, page 67: the coordinator fails and its Initiate is lost",
    about: "m1 finds m5 failed, its Initiate reaches nobody, and it fails too. The change is lost with it, but\n\
            m2 finds m1 failed, and m5's failure is found again on the way.",
    departs: "m5 does not ACK the Fail of m1, so it leaves in the same Commit.",
    run: figure_34,
};

fn figure_34() -> Play {
    let mut play = m5_crashes();
    play.lose_to(Kind::Initiate, 1, &[2, 3, 4], 1);
    play.until_sent(Kind::Initiate, 1);
    play.crash(1);
    play.rest_in(&[&[2, 3, 4]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}, not 2 3 4",
        "2 -> * INITIATE Fail{1}",
        "3 4 -> 2 ACK",
        "2 -> 5 INITIATE Fail{1}",
        "3 4 -> 2 MSG_QUERY",
        "2 -> 3 4 WAIT-CURRENT Fail{1}",
        "2 -> 5 INITIATE Fail{1}",
        "3 4 -> 2 MSG_QUERY",
        "2 -> 3 4 WAIT-CURRENT Fail{1}",
        "2 -> * COMMIT Fail{1}",
    ]);
    play.end(&[&[2, 3, 4]])
}

pub(super) const FIGURE_35: Scenario = Scenario {
    name: "figure-35",
    source: "Figure 35, page 68: the coordinator fails in the Commit phase",
    about: "m1 fails while it sends the Commit for the Fail of m5, and only m4 gets it. In the election m2\n\
            learns so, and sends the Commit to all.",
    departs: "as in Figure 31.",
    run: figure_35,
};

fn figure_35() -> Play {
    let mut play = m5_crashes();
    play.lose_to(Kind::Commit, 1, &[2, 3], 1);
    play.until_sent(Kind::Commit, 1);
    play.crash(1);
    play.rest_in(&[&[2, 3, 4]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}",
        "2 3 4 -> 1 ACK",
        "1 -> * COMMIT Fail{5}, not 2 3",
        "2 3 -> 1 MSG_QUERY",
        "2 3 -> 1 MSG_QUERY",
        "2 3 -> * COORD_FAIL Fail{5}",
        "3 -> 2 COORD_FAIL Fail{5}",
        "4 -> 2 COMMIT Fail{5}",
        "2 -> 3 COORD_FAIL Fail{5}",
        "4 -> 3 COMMIT Fail{5}",
        "2 -> * COMMIT Fail{5}",
        "2 -> * INITIATE Fail{1}",
        "3 -> * COMMIT Fail{5}",
        "3 -> * INITIATE Fail{1}",
        "3 4 -> 2 ACK",
        "2 4 -> 3 WAIT-CURRENT Fail{1}",
        "2 -> * COMMIT Fail{1}",
    ]);
    play.end(&[&[2, 3, 4]])
}

pub(super) const FIGURE_36: Scenario = Scenario {
    name: "figure-36",
    source: "Figure 36, page 69: the coordinator fails and messages are lost",
    about: "m2 has never heard of the change (Fail of m5), m3 has committed it, m4 is still waiting, and m1\n\
            fails. m3 and m4 go on without m2; then m2 comes back.",
    departs: "m2 hears of the election, and from the Commit that it is excluded: it goes on alone at once,\n\
              and merges with the others as soon as they hear each other.",
    run: figure_36,
};

fn figure_36() -> Play {
    let mut play = m5_crashes();
    play.lose(Kind::Initiate, 1, 2, 3);
    play.lose_to(Kind::Commit, 1, &[2, 4], 1);
    play.until_sent(Kind::Commit, 1);
    play.crash(1);
    play.rest_in(&[&[3, 4], &[2]]);
    play.ladder(&[
        "1 -> * INITIATE Fail{5}, not 2",
        "3 4 -> 1 ACK",
        "1 -> 2 INITIATE Fail{5}, lost",
        "3 4 -> 1 MSG_QUERY",
        "1 -> 3 4 WAIT-CURRENT Fail{5}",
        "1 -> 2 INITIATE Fail{5}, lost",
        "3 4 -> 1 MSG_QUERY",
        "1 -> 3 4 WAIT-CURRENT Fail{5}",
        "1 -> * COMMIT Fail{5}, not 2 4",
        "4 -> 1 MSG_QUERY",
        "4 -> 1 MSG_QUERY",
        "4 2 -> * COORD_FAIL Fail{5}",
        "3 -> 4 2 COMMIT Fail{5}",
        "4 -> 2 COORD_FAIL Fail{5}",
        "4 -> * COMMIT Fail{5}",
        "4 -> * INITIATE Fail{1}",
        "2 -> * INITIATE Fail{1,3,4}",
        "3 -> 4 ACK",
        "3 4 -> 2 COMMIT Fail{5}",
        "4 -> * COMMIT Fail{1}",
        "2 -> 5 INITIATE Fail{1,3,4}",
        "2 -> 5 INITIATE Fail{1,3,4}",
        "2 -> * COMMIT Fail{1,3,4}",
    ]);
    play.end(&[&[2, 3, 4]])
}

pub(super) const FIGURE_37: Scenario = Scenario {
    name: "figure-37",
    source: "Figure 37, page 70: the coordinator fails while changes are simultaneous",
    about: "m2's Initiate of C1 (m5 has failed) reaches only m1, and m2 fails. m4 begins C2 (m6 leaves), which\n\
            goes behind C1: m3 and m4 learn so in the election for C1, which drops C2. It follows later.",
    departs: "m1 answers C2 with a Wait that carries C1; here all of these are lost, or m4 would change to\n\
              C1 at once, before the election.",
    run: figure_37,
};

fn figure_37() -> Play {
    let hasty = SetParams { stagger: 0, ..params() };
    let mut play = Play::with(&[1, 5, 2, 3, 4, 6], 0, hasty);
    play.crash(5);
    play.lose_to(Kind::Initiate, 2, &[3, 4, 6], 1);
    play.until_sent(Kind::Initiate, 2);
    play.crash(2);
    play.run(3);
    play.lose(Kind::Wait, 1, 4, 9);
    play.leave_heard_by(6, 4);
    play.rest_in(&[&[1, 3, 4]]);
    play.ladder(&[
        "2 -> * INITIATE Fail{5}, not 3 4 6",
        "1 -> 2 ACK",
        "6 -> * LEAVE_REQ, not 1 2 3 5",
        "4 -> * INITIATE Leave{6}",
        "1 -> 4 WAIT-CURRENT Fail{5}, lost",
        "3 6 -> 4 ACK",
        "1 -> 2 MSG_QUERY",
        "4 -> 1 5 2 INITIATE Leave{6}",
        "6 -> * LEAVE_REQ, not 1 2 3 5",
        "1 -> 4 WAIT-CURRENT Fail{5}, lost",
        "3 6 -> 4 MSG_QUERY",
        "4 -> 3 6 WAIT-CURRENT Leave{6}",
        "1 -> 2 MSG_QUERY",
        "4 -> 1 5 2 INITIATE Leave{6}",
        "6 -> * LEAVE_REQ, not 1 2 3 5",
        "1 -> 4 WAIT-CURRENT Fail{5}, lost",
        "1 -> * COORD_FAIL Fail{5}",
        "3 6 -> 4 MSG_QUERY",
        "3 4 6 -> * COORD_FAIL Fail{5}",
        "4 -> 3 6 WAIT-CURRENT Fail{5}",
        "1 4 6 -> 3 COORD_FAIL Fail{5}",
        "1 3 6 -> 4 COORD_FAIL Fail{5}",
        "1 -> 6 COORD_FAIL Fail{5}",
        "1 -> * INITIATE Fail{5}",
        "3 4 -> 6 COORD_FAIL Fail{5}",
        "3 4 6 -> 1 ACK",
        "6 -> 3 4 WAIT-CURRENT Fail{5}",
        "6 -> * LEAVE_REQ, not 1 2 3 5",
        "1 -> * COMMIT Fail{5}",
        "4 -> * INITIATE Leave{6}",
        "1 3 6 -> 4 ACK",
        "4 -> * COMMIT Leave{6}",
    ]);
    play.expect(play.tally().of("simultaneous") == 0, "C2 ends in an election");
    play.end(&[&[1, 3, 4]])
}
