//! Groups of random rules: which of their sides live, and which become one again.

use super::fault::{alive, another};
use crate::name::GroupName;
use crate::proto::mi::Ask;
use crate::sim::campus::event::AppId;
use crate::sim::campus::invariants::Standing;
use crate::sim::campus::world::Campus;
use crate::sim::rng::Rng;
use crate::wire::group::{Mode, Qos};

/// Kinds of members, as their tags say.
const KINDS: usize = 3;

/// Every form that rule 1 has. The host is that of a member interface in many hierarchies.
const SURVIVE: [&str; 10] = [
    "all",
    "none",
    "size >= 2",
    "size >= 3",
    "size < 3",
    "tag t0",
    "member 10.0.0.5",
    "size >= 2 and tag t1",
    "tag t0 or tag t1 and size < 4",
    "(member 10.0.0.4 or size >= 3) and size < 9",
];

/// Every form that rule 2 has.
const MERGE: [&str; 6] = ["name", "name", "name", "none", "tag t0", "member 10.0.0.4"];

/// An application joins one of a few groups; where that creates it, with random rules.
pub(super) fn join(campus: &mut Campus, rng: &mut Rng) {
    let name = format!("r{}", 1 + rng.below(3));
    let group: GroupName = name.parse().expect("a name");
    let out = |app: &AppId| matches!(campus.member(*app, group), None | Some((_, Standing::Out)));
    let free: Vec<AppId> = alive(campus).into_iter().filter(out).collect();
    let Some(app) = rng.pick(&free) else { return another(campus, rng) };
    let (survive, merge) = (SURVIVE[rng.below(SURVIVE.len())], MERGE[rng.below(MERGE.len())]);
    let mut qos = Qos::default();
    for (choice, words) in [("survive", survive), ("merge", merge)] {
        qos.set(choice, words).expect("a rule");
    }
    let tag = format!("t{}", app % KINDS).into_bytes();
    let (mode, qos) = (Mode::JoinOrCreate, qos.into());
    campus.call(app, group, Ask::Join { mode, tag, qos, patience_ms: 0 });
}
