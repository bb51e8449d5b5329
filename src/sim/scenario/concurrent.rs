//! Changes that meet: one begins before another has ended everywhere, or two begin at once (Figures 26, 27 and 28).
//!
//! Which change a member begins is decided by which request it has heard: those of m5, m6 and m7, who want to leave,
//! are lost on their way to all but one.

use super::{Play, Scenario, params};
use crate::proto::coreset::SetParams;
use crate::sim::kind::Kind;
use crate::sim::links::HostId;

/// Everybody begins what it has heard of at once: nobody leaves it to a more senior one.
fn hasty() -> SetParams {
    SetParams { stagger: 0, ..params() }
}

impl Play {
    /// A member wants to leave, and for some time only one other hears so.
    pub(super) fn leave_heard_by(&mut self, leaver: HostId, only: HostId) {
        let mut others = self.members(only);
        others.retain(|host| *host != leaver && *host != only);
        self.lose_to(Kind::Request, leaver, &others, 4);
        self.leave(leaver);
    }
}

pub(super) const FIGURE_26: Scenario = Scenario {
    name: "figure-26",
    source: "Figure 26, page 58: overlapping changes",
    about: "m4 has not got the Commit of C1 (m5 leaves) when m2 begins C2 (m6 leaves): it lets m2 wait,\n\
            asks m1, gets the Commit and then takes part in C2.",
    departs: "m2 answers the Wait with the Commit of C1, which it has, and its Initiate again: no wait\n\
              timeout passes. The answer of m1 comes too, as in the figure, and is not needed any more.",
    run: figure_26,
};

fn figure_26() -> Play {
    let mut play = Play::with(&[1, 2, 3, 4, 5, 6], 0, SetParams { stagger: 2, ..params() });
    play.leave(5);
    play.run(1);
    play.leave_heard_by(6, 2);
    play.lose(Kind::Commit, 1, 4, 1);
    play.rest_in(&[&[1, 2, 3, 4]]);
    play.ladder(&[
        "5 -> * LEAVE_REQ",
        "1 -> * INITIATE Leave{5}",
        "6 -> * LEAVE_REQ, not 1 3 4 5",
        "2 3 4 5 6 -> 1 ACK",
        "1 -> * COMMIT Leave{5}, not 4",
        "2 -> * INITIATE Leave{6}",
        "1 3 -> 2 ACK",
        "4 -> 2 WAIT-PREV",
        "6 -> 2 ACK",
        "4 -> 1 MSG_QUERY",
        "6 -> * LEAVE_REQ, not 1 3 4 5",
        "2 -> 4 COMMIT Leave{5}",
        "2 -> 4 INITIATE Leave{6}",
        "1 -> 4 COMMIT Leave{5}",
        "4 -> 2 ACK",
        "2 -> * COMMIT Leave{6}",
    ]);
    play.expect(play.tally().of("overlaps") == 1, "one overlap");
    play.end(&[&[1, 2, 3, 4]])
}

pub(super) const FIGURE_27: Scenario = Scenario {
    name: "figure-27",
    source: "Figure 27, page 59: virtually simultaneous changes",
    about: "m1 begins C1 (m5 leaves) and m4 begins C2 (m6 leaves) in one instant; m3 hears them in the\n\
            other order. All decide for C1, and C2 follows it.",
    departs: "the lower Initiate is answered with a Wait that carries the higher change, so a coordinator\n\
              that has missed it learns of it there (see example-2); here it knows already.",
    run: figure_27,
};

fn figure_27() -> Play {
    let mut play = Play::with(&[1, 2, 3, 4, 5, 6], 0, hasty());
    play.leave_heard_by(5, 1);
    play.leave_heard_by(6, 4);
    play.delay(Kind::Initiate, 1, 3, 1);
    play.rest_in(&[&[1, 2, 3, 4]]);
    play.ladder(&[
        "5 -> * LEAVE_REQ, not 2 3 4 6",
        "6 -> * LEAVE_REQ, not 1 2 3 5",
        "1 -> * INITIATE Leave{5}",
        "4 -> * INITIATE Leave{6}",
        "2 4 5 6 -> 1 ACK",
        "1 2 -> 4 WAIT-CURRENT Leave{5}",
        "3 -> 4 ACK",
        "5 6 -> 4 WAIT-CURRENT Leave{5}",
        "3 -> 1 ACK",
        "1 -> * COMMIT Leave{5}",
        "4 -> * INITIATE Leave{6}",
        "6 -> * LEAVE_REQ, not 1 2 3 5",
        "1 2 3 6 -> 4 ACK",
        "4 -> * COMMIT Leave{6}",
    ]);
    play.expect(play.tally().of("simultaneous") == 1, "one coordinator gives way");
    play.end(&[&[1, 2, 3, 4]])
}

pub(super) const FIGURE_28: Scenario = Scenario {
    name: "figure-28",
    source: "Figure 28, page 61: virtually simultaneous and overlapping changes",
    about: "m4 has not got the Commit of C1 (m5 leaves) when m2 begins C2 (m6) and m3 C3 (m7) at once; and\n\
            m1 has not got that of C2 when m3 begins C3 again. One change at a time is completed.",
    departs: "as in Figures 26 and 27.",
    run: figure_28,
};

fn figure_28() -> Play {
    let mut play = Play::with(&[1, 2, 3, 4, 5, 6, 7], 0, hasty());
    play.leave_heard_by(5, 1);
    play.run(1);
    play.leave_heard_by(6, 2);
    play.leave_heard_by(7, 3);
    play.lose(Kind::Commit, 1, 4, 1);
    play.lose(Kind::Commit, 2, 1, 1);
    play.rest_in(&[&[1, 2, 3, 4]]);
    play.ladder(&[
        "5 -> * LEAVE_REQ, not 2 3 4 6 7",
        "1 -> * INITIATE Leave{5}",
        "6 -> * LEAVE_REQ, not 1 3 4 5 7",
        "7 -> * LEAVE_REQ, not 1 2 4 5 6",
        "2 3 4 5 6 7 -> 1 ACK",
        "1 -> * COMMIT Leave{5}, not 4",
        "2 -> * INITIATE Leave{6}",
        "3 -> * INITIATE Leave{7}",
        "1 3 -> 2 ACK",
        "4 -> 2 WAIT-PREV",
        "6 7 -> 2 ACK",
        "1 2 -> 3 WAIT-CURRENT Leave{6}",
        "4 -> 3 WAIT-PREV",
        "6 7 -> 3 WAIT-CURRENT Leave{6}",
        "2 -> 4 COMMIT Leave{5}",
        "2 -> 4 INITIATE Leave{6}",
        "3 -> 4 COMMIT Leave{5}",
        "4 -> 1 MSG_QUERY",
        "6 -> * LEAVE_REQ, not 1 3 4 5 7",
        "7 -> * LEAVE_REQ, not 1 2 4 5 6",
        "4 -> 2 ACK",
        "1 -> 4 COMMIT Leave{5}",
        "2 -> * COMMIT Leave{6}, not 1",
        "3 -> * INITIATE Leave{7}",
        "1 -> 2 MSG_QUERY",
        "1 -> 3 WAIT-PREV",
        "2 4 7 -> 3 ACK",
        "2 3 -> 1 COMMIT Leave{6}",
        "3 -> 1 INITIATE Leave{7}",
        "7 -> * LEAVE_REQ, not 1 2 4 5 6",
        "1 -> 3 ACK",
        "3 -> * COMMIT Leave{7}",
    ]);
    play.end(&[&[1, 2, 3, 4]])
}
