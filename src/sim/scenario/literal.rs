//! Runs in which the protocol of 1994, taken literally, ends in views that contradict each other, or never.

use super::{Play, Scenario, params};
use crate::proto::coreset::{Founding, SetParams};
use crate::sim::kind::Kind;

pub(super) const L1: Scenario = Scenario {
    name: "counterexample-l1",
    source: "Figure 24, line 3: is any Commit for my view number the expected one?",
    about: "m0 begins the Fail of m5 and m1 that of m4, and they do not hear each other; m2 gets the Commit of\n\
            one, m3 that of the other, then both coordinators crash.",
    departs: "literally m2 and m3 install different views of one number, each listing the other, and go on\n\
              to do so. Here m2 does not take the Commit of a change that it has left: it isolates the\n\
              sender, and learns from m3 what has become of its own.",
    run: counterexample_l1,
};

/// m4 and m5 have crashed. m0 monitors m5 and m1 monitors m4: each begins a Fail, and that of m4 goes first.
pub(super) fn two_fails() -> Play {
    let mut play = Play::of(&[0, 4, 1, 2, 3, 5]);
    play.crash(4);
    play.crash(5);
    play
}

fn counterexample_l1() -> Play {
    let mut play = two_fails();
    play.cut(&[0], &[1]);
    play.lose(Kind::Commit, 0, 3, 1);
    play.lose(Kind::Commit, 1, 2, 1);
    play.until_sent(Kind::Commit, 1);
    play.crash(0);
    play.crash(1);
    play.run(2);
    let lists = |play: &Play, one, two| play.members(one).contains(&two);
    play.expect(play.members(2).len() == 6, "m2 installs no Commit of m0");
    play.expect(lists(&play, 3, 2), "m3 has installed that of m1");
    play.rest_in(&[&[2, 3]]);
    play.ladder(&[
        "0 -> * INITIATE Fail{5}, not 1",
        "2 3 -> 0 ACK",
        "1 -> * INITIATE Fail{4}, not 0",
        "2 3 -> 1 ACK",
        "0 -> 4 INITIATE Fail{5}",
        "0 -> 1 INITIATE Fail{5}, lost",
        "1 -> 0 INITIATE Fail{4}, lost",
        "1 -> 5 INITIATE Fail{4}",
        "2 3 -> 1 MSG_QUERY",
        "1 -> 2 3 WAIT-CURRENT Fail{4}",
        "0 -> 4 INITIATE Fail{5}",
        "0 -> 1 INITIATE Fail{5}, lost",
        "1 -> 0 INITIATE Fail{4}, lost",
        "1 -> 5 INITIATE Fail{4}",
        "2 3 -> 1 MSG_QUERY",
        "1 -> 2 3 WAIT-CURRENT Fail{4}",
        "0 -> * COMMIT Fail{5}, not 1 3",
        "1 -> * COMMIT Fail{4}, not 0 2",
        "2 -> 1 MSG_QUERY",
        "2 -> 1 MSG_QUERY",
        "2 -> * COORD_FAIL Fail{4}",
        "3 -> 2 COMMIT Fail{4}",
        "2 -> * COMMIT Fail{4}",
        "2 -> * INITIATE Fail{1}",
        "3 -> 2 ACK",
        "2 -> * COMMIT Fail{1}",
    ]);
    play.end(&[&[2, 3]])
}

pub(super) const L2: Scenario = Scenario {
    name: "counterexample-l2",
    source: "IV.E.1 and VI.B.2: joins on both sides of a partition",
    about: "m0 and m1 have parted. m2 joins the one and m3 the other; late requests of theirs reach the other\n\
            side too.",
    departs: "literally each side admits the other's member, who takes the change for one of its own view: two\n\
              views of one number that list both. Here a joiner must ACK the change that lets it in, and\n\
              whoever is a member of another view does not; the change is dropped.",
    run: counterexample_l2,
};

fn counterexample_l2() -> Play {
    let mut play = Play::with(&[0, 1], 2, params());
    play.cut(&[0], &[1]);
    play.rest_in(&[&[0], &[1]]);
    play.skip();
    play.delay(Kind::JoinReq, 2, 1, 6);
    play.delay(Kind::JoinReq, 3, 0, 6);
    play.start(2, Founding::Never);
    play.start(3, Founding::Never);
    play.until_in(2, &[0, 2]);
    play.until_in(3, &[1, 3]);
    play.until_sent(Kind::Wait, 0);
    play.ladder(&[
        "2 3 -> * JOIN_REQ",
        "0 -> * INITIATE Join{2}, not 1",
        "0 -> 2 INITIATE Join{2}",
        "1 -> * INITIATE Join{3}, not 0",
        "1 -> 3 INITIATE Join{3}",
        "2 -> 0 ACK",
        "3 -> 1 ACK",
        "0 -> * COMMIT Join{2}, not 1",
        "0 -> 2 COMMIT Join{2}",
        "0 -> 2 INIT",
        "1 -> * COMMIT Join{3}, not 0",
        "1 -> 3 COMMIT Join{3}",
        "1 -> 3 INIT",
        "2 -> 0 ACK",
        "3 -> 1 ACK",
        "1 -> * INITIATE Join{2}, not 0",
        "1 -> 2 INITIATE Join{2}",
        "0 -> * INITIATE Join{3}, not 1",
        "0 -> 3 INITIATE Join{3}",
        "2 -> 1 WAIT-NOTICE",
        "3 -> 1 ACK",
        "2 -> 1 WAIT-NOTICE",
        "2 -> 0 ACK",
        "3 -> 0 WAIT-NOTICE",
        "3 -> 0 WAIT-NOTICE",
        "0 -> 3 INITIATE Join{3}",
        "1 -> 2 INITIATE Join{2}",
        "3 -> 0 WAIT-NOTICE",
        "2 -> 1 WAIT-NOTICE",
        "2 -> 0 MSG_QUERY",
        "3 -> 1 MSG_QUERY",
        "0 -> 2 WAIT-CURRENT Join{3}",
        "1 -> 3 WAIT-CURRENT Join{2}",
    ]);
    play.rest_in(&[&[0, 2], &[1, 3]]);
    play.heal();
    play.end(&[&[0, 2, 1, 3]])
}

pub(super) const L3: Scenario = Scenario {
    name: "counterexample-l3",
    source: "VI.B.2: a late Init",
    about: "m0 admits m1, but its Init is late and the next ones are lost: m0 gives m1 up. Then the Init arrives,\n\
            and m1 is in a view that m0 has left.",
    departs: "literally nobody ever notices, since Query and Reply are not tied to a view. Here m1's next Query\n\
              names its view; m0 answers with the Commit that removed it, and they merge.",
    run: counterexample_l3,
};

fn counterexample_l3() -> Play {
    let mut play = Play::with(&[0], 1, params());
    play.delay(Kind::Init, 0, 1, 25);
    play.lose(Kind::Init, 0, 1, 2);
    play.start(1, Founding::Never);
    play.until_in(0, &[0, 1]);
    play.lose(Kind::JoinReq, 1, 0, 5);
    play.until_in(0, &[0]);
    play.until_in(1, &[0, 1]);
    play.ladder(&[
        "1 -> * JOIN_REQ",
        "0 -> * INITIATE Join{1}",
        "0 -> 1 INITIATE Join{1}",
        "1 -> 0 ACK",
        "0 -> * COMMIT Join{1}",
        "0 -> 1 COMMIT Join{1}",
        "0 -> 1 INIT",
        "1 -> * JOIN_REQ, not 0",
        "0 -> 1 INIT, lost",
        "1 -> * JOIN_REQ, not 0",
        "0 -> 1 INIT, lost",
        "1 -> * JOIN_REQ, not 0",
        "0 -> * COMMIT Fail{1}",
        "1 -> * JOIN_REQ, not 0",
        "1 -> * JOIN_REQ, not 0",
        "1 -> 0 ACK",
    ]);
    play.expect(play.members(0) == [0], "m1 is alone in that view");
    play.end(&[&[0, 1]])
}

pub(super) const L4: Scenario = Scenario {
    name: "counterexample-l4",
    source: "Figure 24, lines 13 to 19: each waits for the other",
    about: "m1 and m3 both begin the leave of m2. m1 crashes, and m0 gets m3's Initiate only in the election.",
    departs: "literally the changes are one, since type and subject are all that they are known by: m0 follows\n\
              m3 and m3 follows m0, each asks the other, and each is told to wait, for ever. Here a\n\
              change has an id, so m3's is another, lower one; and a Wait extends a timer only so often.",
    run: counterexample_l4,
};

fn counterexample_l4() -> Play {
    let mut play = Play::with(&[0, 1, 2, 3], 0, SetParams { stagger: 1, ..params() });
    play.lose(Kind::Request, 2, 0, 9);
    play.lose(Kind::Initiate, 1, 3, 1);
    play.delay(Kind::Initiate, 3, 0, 14);
    play.lose(Kind::CoordFail, 3, 0, 1);
    play.leave(2);
    play.until_sent(Kind::Initiate, 1);
    play.crash(1);
    play.rest_in(&[&[0, 3]]);
    play.ladder(&[
        "2 -> * LEAVE_REQ, not 0",
        "1 -> * INITIATE Leave{2}, not 3",
        "0 2 -> 1 ACK",
        "3 -> * INITIATE Leave{2}",
        "2 -> 3 WAIT-CURRENT Leave{2}",
        "3 -> 1 ACK",
        "2 -> * LEAVE_REQ, not 0",
        "0 2 3 -> 1 MSG_QUERY",
        "2 -> * LEAVE_REQ, not 0",
        "0 2 3 -> 1 MSG_QUERY",
        "2 -> * LEAVE_REQ, not 0",
        "0 2 -> * COORD_FAIL Leave{2}",
        "0 -> 3 WAIT-CURRENT Leave{2}",
        "2 -> 0 COORD_FAIL Leave{2}",
        "3 -> * COORD_FAIL Leave{2}, not 0",
        "0 3 -> 2 COORD_FAIL Leave{2}",
        "2 -> 3 COORD_FAIL Leave{2}",
        "2 -> * LEAVE_REQ, not 0",
        "0 -> 3 COORD_FAIL Leave{2}",
        "3 -> 0 COORD_FAIL Leave{2}",
        "2 3 -> 0 MSG_QUERY",
        "0 -> * INITIATE Leave{2}",
        "0 -> 2 3 WAIT-CURRENT Leave{2}",
        "2 3 -> 0 ACK",
        "0 -> * COMMIT Leave{2}",
        "2 -> * LEAVE_REQ, not 0",
    ]);
    play.end(&[&[0, 3]])
}
