//! Groups that are created at once, and how far names and members reach (III.B.1.c, d).

use super::Scenario;
use crate::sim::campus::plan::Plan;
use crate::sim::campus::play::{Play, group};
use crate::wire::group::{Mode, Qos, Refusal, Scope};

fn two_buildings() -> Play {
    Play::of(Plan::tree(&[2, 2], 1))
}

fn within(membership_scope: Scope, name_scope: Scope) -> Qos {
    Qos { membership_scope, name_scope, ..Qos::default() }
}

pub(super) const CREATION_RACE: Scenario = Scenario {
    name: "creation-race",
    source: "II.D.2.a, III.B.1.c: names are unique within their scope",
    about: "two applications in two buildings create the same group in the same tick: one does, the other joins it.",
    departs: "",
    run: creation_race,
};

fn creation_race() -> Play {
    let mut play = two_buildings();
    let (one, other) = (play.on("a1/1"), play.on("b1/1"));
    play.join(one, group("db"));
    play.join(other, group("db"));
    play.until("both are in", |campus| {
        let size = |app| campus.view(app, group("db")).map_or(0, |view| view.roster.len());
        size(one) == 2 && size(other) == 2
    });
    play.end()
}

pub(super) const CREATION_REFUSED: Scenario = Scenario {
    name: "creation-refused",
    source: "II.D.2.a: a name that is in use",
    about: "two applications in two buildings want to be the one that creates the group: one is, the other is refused.",
    departs: "",
    run: creation_refused,
};

fn creation_refused() -> Play {
    let mut play = two_buildings();
    let (one, other) = (play.on("a1/1"), play.on("b1/1"));
    for app in [one, other] {
        play.join_as(app, group("db"), Mode::Create, Qos::default());
    }
    play.until("one is in, the other was refused", |campus| {
        let inside = |app: &usize| campus.view(*app, group("db")).is_some();
        [one, other].iter().filter(|app| inside(app)).count() == 1
            && campus.tally().of("refused") == 1
    });
    play.end()
}

pub(super) const SCOPE_EXCEEDED: Scenario = Scenario {
    name: "scope-exceeded",
    source: "III.B.1.d: the membership-scope of a group",
    about: "a group whose name is kept everywhere and whose members may be in one building only: who asks from another is refused.",
    departs: "",
    run: scope_exceeded,
};

fn scope_exceeded() -> Play {
    let mut play = two_buildings();
    let (one, other) = (play.on("a1/1"), play.on("b1/1"));
    let qos = within(Scope::Set(group("set-a")), Scope::Top);
    play.join_as(one, group("db"), Mode::Create, qos);
    play.until_in("db", &[one]);
    play.run(50);
    play.join(other, group("db"));
    play.until_refused(other, Refusal::ScopeExceeded);
    play.end()
}

pub(super) const SCOPE_BOUNDS_SEARCH: Scenario = Scenario {
    name: "scope-bounds-search",
    source: "III.B.1.d: the membership-scope of a search",
    about: "who looks for a group in its own building finds none there, and nobody above is asked.",
    departs: "",
    run: scope_bounds_search,
};

fn scope_bounds_search() -> Play {
    let mut play = two_buildings();
    let (one, other) = (play.on("a1/1"), play.on("b1/1"));
    let at_home = |set| within(Scope::Set(group(set)), Scope::Set(group(set)));
    play.join_as(one, group("db"), Mode::Create, at_home("set-a"));
    play.until_in("db", &[one]);
    play.run(50);
    play.join_as(other, group("db"), Mode::Existing, at_home("set-b"));
    play.until_refused(other, Refusal::NotFound);
    play.end()
}

pub(super) const ONE_NAME_TWO_SCOPES: Scenario = Scenario {
    name: "one-name-two-scopes",
    source: "III.B.1.c: the name-scope of a group",
    about: "two buildings have a group of one name each, and neither hears of the other's.",
    departs: "",
    run: one_name_two_scopes,
};

fn one_name_two_scopes() -> Play {
    let mut play = two_buildings();
    let apps = ["a1/1", "b1/1", "a2/1"].map(|node| play.on(node));
    for (app, set) in apps.into_iter().zip(["set-a", "set-b", "set-a"]) {
        let qos = within(Scope::Set(group(set)), Scope::Set(group(set)));
        play.join_as(app, group("db"), Mode::JoinOrCreate, qos);
        play.run(50);
    }
    play.until_in("db", &[apps[0], apps[2]]);
    play.until_in("db", &[apps[1]]);
    play.end()
}
