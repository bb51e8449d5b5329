//! Partitions, and the two rules of a group: which sides live, and which become one again (IV.E.2).

use super::Scenario;
use crate::proto::mi::Ask;
use crate::sim::campus::event::AppId;
use crate::sim::campus::plan::{NodeId, Plan};
use crate::sim::campus::play::{Play, group};
use crate::sim::campus::world::Campus;
use crate::wire::group::{Mode, Qos, Refusal};

impl Play {
    /// New applications on nodes, one each, that join a group of these rules one after another; each has its node's name as
    /// tag.
    fn members_by(&mut self, name: &str, qos: &Qos, nodes: &[&str]) -> Vec<AppId> {
        let mut all = Vec::new();
        for node in nodes {
            let app = self.on(node);
            all.push(app);
            let (mode, qos) = (Mode::JoinOrCreate, qos.clone().into());
            let ask = Ask::Join { mode, tag: node.as_bytes().to_vec(), qos, patience_ms: 0 };
            self.call(app, group(name), ask);
            self.until_in(name, &all);
        }
        self.run(100);
        all
    }

    /// The nodes whose names begin so do not hear the others any more.
    fn part(&mut self, names: &[&str]) {
        let is_one = |node: &NodeId| {
            names.iter().any(|name| self.plan().sites()[*node].name.starts_with(name))
        };
        let (these, those): (Vec<NodeId>, Vec<NodeId>) =
            (0..self.plan().sites().len()).partition(is_one);
        self.cut(&these, &those);
    }
}

fn survive(rule: &str) -> Qos {
    Qos { survive: rule.to_string(), ..Qos::default() }
}

pub(super) const SIZE_DECIDES: Scenario = Scenario {
    name: "size-decides",
    source: "IV.E.2: partitions of application groups, a limiting size",
    about: "of three hosts one is cut off: its side is too small and ends there, the other lives; the name is free where the \
            group ended, and the group created there takes another when the sides meet.",
    departs: "",
    run: size_decides,
};

fn size_decides() -> Play {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let apps = play.members_by("db", &survive("size >= 2"), &["a/1", "b/1", "c/1"]);
    play.part(&["c"]);
    // A call that waits for the judgement learns of it.
    play.run(200);
    play.call(apps[2], group("db"), Ask::View);
    play.until_out("db", apps[2]);
    play.until_refused(apps[2], Refusal::Terminated);
    play.until_in("db", &apps[..2]);
    let alone = play.on("c/1");
    play.join(alone, group("db"));
    play.until_in("db", &[alone]);
    play.heal();
    play.until("the second group takes another name", |campus| {
        campus.view(alone, group("db")).is_some_and(|view| view.key.suffix.is_some())
    });
    play.end()
}

pub(super) const REBUILT_AND_ENDED: Scenario = Scenario {
    name: "rebuilt-and-ended",
    source: "IV.E.2: partitions of application groups, a particular type of member",
    about: "the mserver over one of two buildings crashes: those below it find themselves without the core, and end, since \
            the member that must be there is in the other building.",
    departs: "",
    run: rebuilt_and_ended,
};

fn rebuilt_and_ended() -> Play {
    let mut play = Play::of(Plan::tree(&[2, 2], 1));
    let apps = play.members_by("db", &survive("tag a1/1"), &["a1/1", "a2/1", "b1/1", "b2/1"]);
    play.crash("b");
    play.until_out("db", apps[2]);
    play.until_out("db", apps[3]);
    play.until_in("db", &apps[..2]);
    play.restart("b");
    play.until("the building is below the campus again", Campus::stands);
    let again = play.on("b1/1");
    play.join(again, group("db"));
    play.until_in("db", &[apps[0], apps[1], again]);
    play.end()
}

pub(super) const SIDES_KEEP_APART: Scenario = Scenario {
    name: "sides-keep-apart",
    source: "IV.E.2: partitions of application groups",
    about: "a group whose sides may not become one again falls apart into two and one: when they meet, the larger side \
            keeps the name, and the other is a group of its own, called after its member.",
    departs: "the thesis does not say which side keeps the name.",
    run: sides_keep_apart,
};

fn sides_keep_apart() -> Play {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let rule = Qos { merge: "none".to_string(), ..Qos::default() };
    let apps = play.members_by("db", &rule, &["a/1", "b/1", "c/1"]);
    play.part(&["c"]);
    play.until_in("db", &apps[2..]);
    play.until_in("db", &apps[..2]);
    play.heal();
    play.until("two groups", |campus| {
        campus.view(apps[2], group("db")).is_some_and(|view| view.key.suffix == Some(2))
    });
    play.until_in("db", &apps[..2]);
    let third = play.on("c/1");
    play.join(third, group("db"));
    play.until_in("db", &[apps[0], apps[1], third]);
    play.leave(apps[2], group("db"));
    play.until_out("db", apps[2]);
    play.end()
}

pub(super) const SIDES_OF_A_BUILDING: Scenario = Scenario {
    name: "sides-of-a-building",
    source: "IV.E.2: partitions of application groups, a particular type of member",
    about: "two buildings part and meet. The group that becomes one where a certain member is does; of the other, the core \
            of one side is raised to that of the other, and keeps apart from it.",
    departs: "the thesis does not say which side keeps the name.",
    run: sides_of_a_building,
};

fn sides_of_a_building() -> Play {
    let mut play = Play::of(Plan::tree(&[2, 2], 1));
    let merge = |rule: &str| Qos { merge: rule.to_string(), ..Qos::default() };
    let nodes = ["a1/1", "a2/1", "b1/1"];
    let one = play.members_by("one", &merge("tag b1/1"), &nodes);
    let two = play.members_by("two", &merge("tag b2/1"), &nodes);
    play.part(&["b"]);
    for (name, apps) in [("one", &one), ("two", &two)] {
        play.until_in(name, &apps[..2]);
        play.until_in(name, &apps[2..]);
    }
    play.run(900);
    play.heal();
    play.until_in("one", &one);
    play.until("two groups", |campus| {
        campus.view(two[2], group("two")).is_some_and(|view| view.key.suffix == Some(2))
    });
    play.until_in("two", &two[..2]);
    play.end()
}

pub(super) const NO_SIDE_LIVES: Scenario = Scenario {
    name: "no-side-lives",
    source: "IV.E.2: partitions of application groups",
    about: "a group whose sides may not live loses one of three hosts: it ends for all. A member that fails is no partition.",
    departs: "",
    run: no_side_lives,
};

fn no_side_lives() -> Play {
    let mut play = Play::of(Plan::tree(&[3], 2));
    let apps = play.members_by("db", &survive("none or size < 1"), &["a/1", "b/1", "c/1", "a/2"]);
    play.crash("a/2");
    play.until_in("db", &apps[..3]);
    play.crash("c");
    for app in &apps[..2] {
        play.until_out("db", *app);
    }
    let again = play.on("a/1");
    play.join(again, group("db"));
    play.until_in("db", &[again]);
    play.restart("c");
    play.until_out("db", apps[2]);
    play.end()
}
