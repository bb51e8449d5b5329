//! Worked examples of the protocol as it is here: what its additions to the thesis are for.

use super::literal::two_fails;
use super::{Play, Scenario, params};
use crate::proto::coreset::{Founding, SetParams};
use crate::sim::kind::Kind;

pub(super) const EXAMPLE_1: Scenario = Scenario {
    name: "example-1",
    source: "worked example: simultaneous changes whose coordinators do not hear each other",
    about: "m0 begins the Fail of m5, m1 that of m4, which goes first. m2 and m3 ACK both; m0's Commit comes to\n\
            nothing, and it is alone until it hears m1 again.",
    departs: "",
    run: example_1,
};

fn example_1() -> Play {
    let mut play = two_fails();
    play.cut(&[0], &[1]);
    play.until_in(0, &[0, 2, 3]);
    play.until_in(2, &[1, 2, 3]);
    play.expect(play.members(0) == [0, 2, 3], "m0 lists m2 and m3 one-sidedly");
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
        "0 -> * COMMIT Fail{5}, not 1",
        "1 -> * COMMIT Fail{4}, not 0",
    ]);
    play.rest_in(&[&[0], &[1, 2, 3]]);
    play.heal();
    play.end(&[&[0, 1, 2, 3]])
}

pub(super) const EXAMPLE_2: Scenario = Scenario {
    name: "example-2",
    source: "worked example: a higher change, relayed",
    about: "as example 1, but only m1's Initiate to m0 and its Wait are lost. m2 answers m0's repeated Initiate with\n\
            a Wait that carries the higher change: m0 drops its own and ACKs m1.",
    departs: "",
    run: example_2,
};

fn example_2() -> Play {
    let mut play = two_fails();
    play.delay(Kind::Initiate, 0, 1, 1);
    play.lose(Kind::Initiate, 1, 0, 9);
    play.lose(Kind::Wait, 1, 0, 9);
    play.lose(Kind::Ack, 2, 0, 1);
    play.rest_in(&[&[0, 1, 2, 3]]);
    play.ladder(&[
        "0 -> * INITIATE Fail{5}",
        "2 -> 0 ACK, lost",
        "3 -> 0 ACK",
        "1 -> * INITIATE Fail{4}, not 0",
        "1 -> 0 WAIT-CURRENT Fail{4}, lost",
        "2 3 -> 1 ACK",
        "0 -> 4 1 2 INITIATE Fail{5}",
        "1 -> 0 WAIT-CURRENT Fail{4}, lost",
        "2 -> 0 WAIT-CURRENT Fail{4}",
        "1 -> 0 INITIATE Fail{4}, lost",
        "1 -> 5 INITIATE Fail{4}",
        "2 3 -> 1 MSG_QUERY",
        "0 -> 1 ACK",
        "1 -> 2 3 WAIT-CURRENT Fail{4}",
        "1 -> * COMMIT Fail{4}",
    ]);
    play.nobody_accused();
    play.end(&[&[0, 1, 2, 3]])
}

pub(super) const EXAMPLE_3: Scenario = Scenario {
    name: "example-3",
    source: "worked example: a lost Commit, and the next change already under way",
    about: "m3 misses the Commit of m0's change (m4 leaves); m1 has it and begins the next one (m5 leaves). m3's Wait\n\
            is answered with the Commit, and it takes part.",
    departs: "",
    run: example_3,
};

fn example_3() -> Play {
    let mut play = Play::with(&[0, 1, 2, 3, 4, 5], 0, SetParams { stagger: 0, ..params() });
    play.lose(Kind::Commit, 0, 3, 1);
    play.leave_heard_by(4, 0);
    play.run(1);
    play.leave_heard_by(5, 1);
    play.rest_in(&[&[0, 1, 2, 3]]);
    play.ladder(&[
        "4 -> * LEAVE_REQ, not 1 2 3 5",
        "0 -> * INITIATE Leave{4}",
        "5 -> * LEAVE_REQ, not 0 2 3 4",
        "1 2 3 4 5 -> 0 ACK",
        "0 -> * COMMIT Leave{4}, not 3",
        "1 -> * INITIATE Leave{5}",
        "0 2 -> 1 ACK",
        "3 -> 1 WAIT-PREV",
        "5 -> 1 ACK",
        "1 -> 3 COMMIT Leave{4}",
        "1 -> 3 INITIATE Leave{5}",
        "3 -> 0 MSG_QUERY",
        "5 -> * LEAVE_REQ, not 0 2 3 4",
        "3 -> 1 ACK",
        "0 -> 3 COMMIT Leave{4}",
        "1 -> * COMMIT Leave{5}",
    ]);
    play.nobody_accused();
    play.end(&[&[0, 1, 2, 3]])
}

pub(super) const EXAMPLE_4: Scenario = Scenario {
    name: "example-4",
    source: "worked example: the coordinator dies in the Commit phase",
    about: "m0 has committed the leave of m4 and told only m3. m1 and m2 time out and elect; m3 answers with the\n\
            Commit. Then m0 is excluded.",
    departs: "",
    run: example_4,
};

fn example_4() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.lose_to(Kind::Commit, 0, &[1, 2, 4], 1);
    play.leave(4);
    play.until_sent(Kind::Commit, 0);
    play.crash(0);
    play.rest_in(&[&[1, 2, 3]]);
    play.ladder(&[
        "4 -> * LEAVE_REQ",
        "0 -> * INITIATE Leave{4}",
        "1 2 3 4 -> 0 ACK",
        "0 -> * COMMIT Leave{4}, not 1 2 4",
        "4 -> * LEAVE_REQ",
        "1 2 4 -> 0 MSG_QUERY",
        "4 -> * LEAVE_REQ",
        "1 2 4 -> 0 MSG_QUERY",
        "4 -> * LEAVE_REQ",
        "1 2 4 -> * COORD_FAIL Leave{4}",
        "2 -> 1 COORD_FAIL Leave{4}",
        "3 -> 1 COMMIT Leave{4}",
        "4 -> 1 COORD_FAIL Leave{4}",
        "1 -> 2 COORD_FAIL Leave{4}",
        "3 -> 2 COMMIT Leave{4}",
        "4 -> 2 COORD_FAIL Leave{4}",
        "1 2 -> 4 COORD_FAIL Leave{4}",
        "3 -> 4 COMMIT Leave{4}",
        "1 -> * COMMIT Leave{4}",
        "1 -> * INITIATE Fail{0}",
        "1 -> 4 COMMIT Leave{4}",
        "2 -> * COMMIT Leave{4}",
        "2 -> * INITIATE Fail{0}",
        "2 -> 4 COMMIT Leave{4}",
        "4 -> * COMMIT Leave{4}",
        "2 3 -> 1 ACK",
        "1 3 -> 2 WAIT-CURRENT Fail{0}",
        "1 -> * COMMIT Fail{0}",
    ]);
    play.end(&[&[1, 2, 3]])
}

pub(super) const EXAMPLE_5: Scenario = Scenario {
    name: "example-5",
    source: "worked example: the coordinator dies in the Initiate phase",
    about: "m0's Initiate (m4 has failed) reaches m1 only. The others have not heard of the change when m1 calls an\n\
            election; m1 resumes it, and one Commit removes m4 and m0.",
    departs: "",
    run: example_5,
};

fn example_5() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.crash(4);
    play.lose_to(Kind::Initiate, 0, &[2, 3], 1);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play.rest_in(&[&[1, 2, 3]]);
    play.ladder(&[
        "0 -> * INITIATE Fail{4}, not 2 3",
        "1 -> 0 ACK",
        "1 -> 0 MSG_QUERY",
        "1 -> 0 MSG_QUERY",
        "1 2 3 -> * COORD_FAIL Fail{4}",
        "1 3 -> 2 COORD_FAIL Fail{4}",
        "1 -> 3 COORD_FAIL Fail{4}",
        "1 -> * INITIATE Fail{4}",
        "2 -> 3 COORD_FAIL Fail{4}",
        "2 3 -> 1 ACK",
        "3 -> 2 WAIT-CURRENT Fail{4}",
        "1 -> * COMMIT Fail{4}",
    ]);
    play.expect(play.tally().of("fails") == 1, "one change for both");
    play.end(&[&[1, 2, 3]])
}

pub(super) const EXAMPLE_6: Scenario = Scenario {
    name: "example-6",
    source: "worked example: a Join whose Inits are lost",
    about: "m2 is in the view, and does not know: all Inits are lost. m0 gives it up and excludes it; m2 joins in its\n\
            next life.",
    departs: "",
    run: example_6,
};

fn example_6() -> Play {
    let mut play = Play::with(&[0, 1], 1, params());
    play.lose(Kind::Init, 0, 2, 3);
    play.lose(Kind::JoinReq, 2, 1, 4);
    play.start(2, Founding::Never);
    play.until_sent(Kind::Ack, 2);
    play.lose(Kind::JoinReq, 2, 0, 3);
    play.until_in(0, &[0, 1, 2]);
    play.until_in(0, &[0, 1]);
    play.rest_in(&[&[0, 1, 2]]);
    play.ladder(&[
        "2 -> * JOIN_REQ, not 1",
        "0 -> * INITIATE Join{2}",
        "0 -> 2 INITIATE Join{2}",
        "1 2 -> 0 ACK",
        "0 -> * COMMIT Join{2}",
        "0 -> 2 COMMIT Join{2}",
        "0 -> 2 INIT, lost",
        "2 -> * JOIN_REQ, not 0 1",
        "0 -> 2 INIT, lost",
        "2 -> * JOIN_REQ, not 0 1",
        "0 -> 2 INIT, lost",
        "2 -> * JOIN_REQ, not 0 1",
        "0 -> * INITIATE Fail{2}",
        "1 -> 0 ACK",
        "0 -> * COMMIT Fail{2}",
        "2 -> * JOIN_REQ",
        "0 1 -> 2 ERROR",
        "2 -> * JOIN_REQ",
        "0 -> * INITIATE Join{2}",
        "0 -> 2 INITIATE Join{2}",
        "1 2 -> 0 ACK",
        "0 -> * COMMIT Join{2}",
        "0 -> 2 COMMIT Join{2}",
        "0 -> 2 INIT",
        "2 -> 0 ACK",
    ]);
    let life = play.process(2).map(|process| process.life().inc);
    play.expect(life.is_some_and(|inc| inc.0 > 1), "a later life");
    play.end(&[&[0, 1, 2]])
}

pub(super) const EXAMPLE_7: Scenario = Scenario {
    name: "example-7",
    source: "worked example: a partition and back",
    about: "m0 and m1 are parted from m2 and m3, each side goes on; then they hear each other, and m0 merges them.",
    departs: "",
    run: example_7,
};

fn example_7() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.cut(&[0, 1], &[2, 3]);
    play.rest_in(&[&[0, 1], &[2, 3]]);
    play.skip();
    play.heal();
    play.rest_in(&[&[0, 1, 2, 3]]);
    play.ladder(&["0 -> * INITIATE Merge", "1 2 3 -> 0 ACK", "0 -> * COMMIT Merge"]);
    let number = play.process(3).and_then(|process| process.view()).map(|view| view.position.num.0);
    play.expect(number == Some(6), "4, then 5 on each side, then 6");
    play.end(&[&[0, 1, 2, 3]])
}
