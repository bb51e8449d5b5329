//! Places where the thesis's text cannot be meant as it stands.

use super::{Play, Scenario, params};
use crate::proto::coreset::{Founding, SetParams};
use crate::sim::kind::Kind;
use crate::sim::links::HostId;
use crate::sim::world::World;

pub(super) const T1: Scenario = Scenario {
    name: "counterexample-t1",
    source: "Figure 24, line 21, and Figure 25, line 23: the late Commit",
    about: "m3 misses the Commit of C1 (m4 leaves) and the Initiate of C2 (m5 leaves), and asks m0, which\n\
            coordinates C2 by now.",
    departs: "the figures make the answer from the current change, C2, which not all have ACKed: m3 would commit\n\
              it alone. The answer is the previous change.",
    run: counterexample_t1,
};

fn counterexample_t1() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4, 5]);
    play.lose(Kind::Commit, 0, 3, 1);
    play.leave(4);
    play.leave(5);
    play.until_sent(Kind::Initiate, 0);
    play.run(1);
    play.lose(Kind::Initiate, 0, 3, 1);
    play.rest_in(&[&[0, 1, 2, 3]]);
    play.ladder(&[
        "4 5 -> * LEAVE_REQ",
        "0 -> * INITIATE Leave{4}",
        "1 2 3 4 5 -> 0 ACK",
        "0 -> * COMMIT Leave{4}, not 3",
        "0 -> * INITIATE Leave{5}, not 3",
        "1 2 5 -> 0 ACK",
        "5 -> * LEAVE_REQ",
        "3 -> 0 MSG_QUERY",
        "0 -> 3 COMMIT Leave{4}",
        "0 -> 3 INITIATE Leave{5}",
        "3 -> 0 ACK",
        "1 2 5 -> 0 MSG_QUERY",
        "0 -> * COMMIT Leave{5}",
        "0 -> 1 2 5 COMMIT Leave{5}",
    ]);
    play.nobody_accused();
    play.end(&[&[0, 1, 2, 3]])
}

pub(super) const T2: Scenario = Scenario {
    name: "counterexample-t2",
    source: "Figure 25, lines 22 and 32: who is answered, and who is asked again",
    about: "the first ACK of m1 and the Commit to m2 are lost. m0 sends its Initiate again to m1, and the Commit\n\
            to m2 when it has no change of its own any more.",
    departs: "as printed, the previous change is looked for only while there is a current one, and the Initiate\n\
              goes to senders, which nothing defines; it goes to those who have not ACKed.",
    run: counterexample_t2,
};

fn counterexample_t2() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.lose(Kind::Ack, 1, 0, 1);
    play.lose(Kind::Commit, 0, 2, 1);
    play.leave(3);
    play.rest_in(&[&[0, 1, 2]]);
    play.ladder(&[
        "3 -> * LEAVE_REQ",
        "0 -> * INITIATE Leave{3}",
        "1 -> 0 ACK, lost",
        "2 3 -> 0 ACK",
        "0 -> 1 INITIATE Leave{3}",
        "3 -> * LEAVE_REQ",
        "1 -> 0 ACK",
        "2 3 -> 0 MSG_QUERY",
        "0 -> * COMMIT Leave{3}, not 2",
        "0 -> 2 3 COMMIT Leave{3}",
    ]);
    play.nobody_accused();
    play.end(&[&[0, 1, 2]])
}

pub(super) const T3: Scenario = Scenario {
    name: "counterexample-t3",
    source: "Figure 24, line 20: only the previous coordinator sends a Commit again",
    about: "all but m3 have the Commit when the coordinator m0 crashes. m3 asks m0 in vain, then the others.",
    departs: "literally the others could not help m3, though they know the outcome. Here whoever is one view\n\
              ahead answers with the Commit, so m3's election ends with its first message.",
    run: counterexample_t3,
};

fn counterexample_t3() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.lose(Kind::Commit, 0, 3, 1);
    play.leave(4);
    play.until_sent(Kind::Commit, 0);
    play.crash(0);
    play.rest_in(&[&[1, 2, 3]]);
    play.ladder(&[
        "4 -> * LEAVE_REQ",
        "0 -> * INITIATE Leave{4}",
        "1 2 3 4 -> 0 ACK",
        "0 -> * COMMIT Leave{4}, not 3",
        "3 -> 0 MSG_QUERY",
        "3 -> 0 MSG_QUERY",
        "3 -> * COORD_FAIL Leave{4}",
        "1 2 -> 3 COMMIT Leave{4}",
        "3 -> * COMMIT Leave{4}",
        "3 -> * INITIATE Fail{0}",
        "1 2 -> 3 ACK",
        "3 -> * COMMIT Fail{0}",
    ]);
    play.expect(play.tally().of("resumed") == 0, "nobody begins the change anew");
    play.end(&[&[1, 2, 3]])
}

pub(super) const T4: Scenario = Scenario {
    name: "counterexample-t4",
    source: "V.D.4, page 89: the proof of Claim 2",
    about: "m1 ACKs a (m5 leaves) of m0, then follows b (m4 has failed) of m2, which crashes; m1 is elected and\n\
            resumes b, while m0, out of reach, commits a with m1's ACK.",
    departs: "the proof has it that the Commit's gossip names the sender of the higher change: m1 resumes it\n\
              and is not named. What holds is that the divergence is one-way: m0's view lists m1, but\n\
              none that m1 installs lists m0, until they merge.",
    run: counterexample_t4,
};

fn counterexample_t4() -> Play {
    let mut play = Play::of(&[0, 1, 3, 4, 2, 5]);
    play.crash(4);
    play.cut(&[0], &[2]);
    play.lose_to(Kind::Initiate, 2, &[3, 5], 9);
    play.until_sent(Kind::Query, 2);
    play.run(13);
    play.leave(5);
    play.until_sent(Kind::Ack, 1);
    play.cut(&[0], &[1]);
    play.until_sent(Kind::Initiate, 2);
    play.until("m1 switches", |world| awaits(world, 1, 2));
    play.crash(2);
    play.until_in(0, &[0, 1, 3]);
    play.until("m1 has a view of its own", |world| world.members(1) == [1]);
    let lists = |one, two| play.members(one).contains(&two);
    let one_way = lists(0, 1) && !lists(1, 0);
    play.expect(one_way, "m0 lists m1, m1 does not list m0");
    play.ladder(&[
        "5 -> * LEAVE_REQ",
        "0 -> * INITIATE Leave{5}, not 2",
        "1 3 5 -> 0 ACK",
        "2 -> * INITIATE Fail{4}, not 0 3 5",
        "1 -> 2 ACK",
        "0 -> 4 INITIATE Leave{5}",
        "0 -> 2 INITIATE Leave{5}, lost",
        "5 -> * LEAVE_REQ",
        "3 5 -> 0 MSG_QUERY",
        "0 -> 3 5 WAIT-CURRENT Leave{5}",
        "1 -> 2 MSG_QUERY",
        "2 -> 0 3 5 INITIATE Fail{4}, lost",
        "0 -> 4 INITIATE Leave{5}",
        "0 -> 2 INITIATE Leave{5}, lost",
        "5 -> * LEAVE_REQ",
        "1 -> 2 MSG_QUERY",
        "3 5 -> 0 MSG_QUERY",
        "0 -> 3 5 WAIT-CURRENT Leave{5}",
        "0 -> * COMMIT Leave{5}, not 1 2",
        "5 -> * LEAVE_REQ",
        "1 -> * COORD_FAIL Fail{4}, not 0",
        "3 -> 1 COMMIT Leave{5}",
        "1 -> 0 COORD_FAIL Fail{4}, lost",
        "1 -> 5 COORD_FAIL Fail{4}",
        "1 -> 0 COORD_FAIL Fail{4}, lost",
        "1 -> 5 COORD_FAIL Fail{4}",
        "1 -> * COMMIT Fail{4}, not 0",
    ]);
    play.rest_in(&[&[0, 3], &[1]]);
    play.heal();
    play.end(&[&[0, 3, 1]])
}

/// Whether a host follows a change of another.
fn awaits(world: &World, host: HostId, coord: HostId) -> bool {
    let awaited = world.process(host).and_then(|process| process.awaited());
    awaited == Some(crate::sim::world::address(coord))
}

pub(super) const T5: Scenario = Scenario {
    name: "counterexample-t5",
    source: "Figure 17, lines 6 to 11: whom a Commit's exclude list names",
    about: "m1 does not ACK the leave of m4; the Commit that lets m4 go names it.",
    departs: "literally m1 stays in the view until a Fail of its own, so views of one number list members that\n\
              exclude each other. Here it leaves in the same Commit.",
    run: counterexample_t5,
};

fn counterexample_t5() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    let number = |play: &Play| {
        play.process(0).and_then(|process| process.view()).map(|view| view.position.num)
    };
    let before = number(&play);
    play.crash(1);
    play.leave(4);
    play.rest_in(&[&[0, 2, 3]]);
    play.ladder(&[
        "4 -> * LEAVE_REQ",
        "0 -> * INITIATE Leave{4}",
        "2 3 4 -> 0 ACK",
        "0 -> 1 INITIATE Leave{4}",
        "4 -> * LEAVE_REQ",
        "2 3 4 -> 0 MSG_QUERY",
        "0 -> 2 3 4 WAIT-CURRENT Leave{4}",
        "0 -> 1 INITIATE Leave{4}",
        "4 -> * LEAVE_REQ",
        "2 3 4 -> 0 MSG_QUERY",
        "0 -> 2 3 4 WAIT-CURRENT Leave{4}",
        "0 -> * COMMIT Leave{4}",
        "4 -> * LEAVE_REQ",
    ]);
    play.expect(number(&play) == before.map(|num| num.next()), "one view later");
    play.end(&[&[0, 2, 3]])
}

pub(super) const T6: Scenario = Scenario {
    name: "counterexample-t6",
    source: "Figure 25, line 10, and page 56: a lower Coord_Fail is quietly discarded",
    about: "m3 holds an election for a (m5 leaves), whose coordinator m0 has crashed, while all others are on\n\
            the higher b (m4 has failed) of m2.",
    departs: "literally nobody answers m3, which would give up members who live. Here it is answered with a Wait\n\
              that carries b, and follows it.",
    run: counterexample_t6,
};

fn counterexample_t6() -> Play {
    let mut play = Play::of(&[0, 1, 3, 4, 2, 5]);
    play.crash(4);
    play.lose(Kind::Initiate, 2, 3, 9);
    play.until_sent(Kind::Query, 2);
    play.run(11);
    play.lose_to(Kind::Initiate, 0, &[1, 2, 5], 1);
    play.leave_heard_by(5, 0);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play.rest_in(&[&[1, 3, 2]]);
    play.ladder(&[
        "5 -> * LEAVE_REQ, not 1 2 3 4",
        "0 -> * INITIATE Leave{5}, not 1 2 5",
        "3 -> 0 ACK",
        "2 -> * INITIATE Fail{4}, not 3",
        "1 5 -> 2 ACK",
        "5 -> * LEAVE_REQ, not 1 2 3 4",
        "3 -> 0 MSG_QUERY",
        "1 -> 2 MSG_QUERY",
        "2 -> 0 INITIATE Fail{4}",
        "2 -> 3 INITIATE Fail{4}, lost",
        "5 -> 2 MSG_QUERY",
        "2 -> 1 5 WAIT-CURRENT Fail{4}",
        "5 -> * LEAVE_REQ, not 1 2 3 4",
        "3 -> 0 MSG_QUERY",
        "2 -> 0 INITIATE Fail{4}",
        "2 -> 3 INITIATE Fail{4}, lost",
        "1 -> 2 MSG_QUERY",
        "5 -> * LEAVE_REQ, not 1 2 3 4",
        "5 -> 2 MSG_QUERY",
        "2 -> 1 5 WAIT-CURRENT Fail{4}",
        "3 -> * COORD_FAIL Leave{5}",
        "1 2 5 -> 3 WAIT-CURRENT Fail{4}",
        "3 -> 2 ACK",
        "2 -> * COMMIT Fail{4}",
        "5 -> * LEAVE_REQ",
        "1 -> * INITIATE Leave{5}",
        "2 3 5 -> 1 ACK",
        "1 -> * COMMIT Leave{5}",
    ]);
    play.nobody_accused();
    play.end(&[&[1, 3, 2]])
}

pub(super) const T7: Scenario = Scenario {
    name: "counterexample-t7",
    source: "page 40: who finds itself on an exclude list",
    about: "m0 does not hear m4 any more and begins its Fail; only m4 gets the Initiate, and m0 crashes.",
    departs: "literally m4 ceases to speak with everybody at once, for a change that comes to nothing. Here an\n\
              exclude list that is not committed isolates its sender only: m4 stays.",
    run: counterexample_t7,
};

fn counterexample_t7() -> Play {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    play.cut_one_way(&[4], &[0]);
    play.lose_to(Kind::Initiate, 0, &[1, 2, 3], 1);
    play.until_sent(Kind::Initiate, 0);
    play.crash(0);
    play.rest_in(&[&[1, 2, 3, 4]]);
    play.ladder(&[
        "0 -> * INITIATE Fail{4}, not 1 2 3",
        "4 -> * INITIATE Fail{0}, not 0",
        "1 2 3 -> 4 ACK",
        "4 -> * COMMIT Fail{0}, not 0",
    ]);
    play.end(&[&[1, 2, 3, 4]])
}

pub(super) const T8: Scenario = Scenario {
    name: "counterexample-t8",
    source: "IV.C.3, page 47: the tie-break by the coordinator's rank",
    about: "m0, m1 and m2 begin the Join of m3 in one instant.",
    departs: "the thesis has this tie-break for application groups only: these three changes would be equal, and\n\
              none would yield. Here the rank of the coordinator decides, last of all; and usually the\n\
              others leave a request to the most senior for a while.",
    run: counterexample_t8,
};

fn counterexample_t8() -> Play {
    let mut play = Play::with(&[0, 1, 2], 1, SetParams { stagger: 0, ..params() });
    play.start(3, Founding::Never);
    play.rest_in(&[&[0, 1, 2, 3]]);
    play.ladder(&[
        "3 -> * JOIN_REQ",
        "0 -> * INITIATE Join{3}",
        "0 -> 3 INITIATE Join{3}",
        "1 -> * INITIATE Join{3}",
        "1 -> 3 INITIATE Join{3}",
        "2 -> * INITIATE Join{3}",
        "2 -> 3 INITIATE Join{3}",
        "1 2 3 -> 0 ACK",
        "0 2 -> 1 WAIT-CURRENT Join{3}",
        "0 1 -> 2 WAIT-CURRENT Join{3}",
        "0 -> * COMMIT Join{3}",
        "0 -> 3 COMMIT Join{3}",
        "0 -> 3 INIT",
        "3 -> 0 ACK",
    ]);
    play.expect(play.tally().of("simultaneous") == 2, "two give way");
    play.end(&[&[0, 1, 2, 3]])
}
