//! What mservers know of groups: one history for each set, one core for each group.
//!
//! ```text
//! REPLICA  the registry of a set is the same at all its mservers that are at one position
//! REACH    no core above its membership scope
//! CORE     at rest, and wherever nobody is cut off: one set decides a group, at its highest term
//! NAME     at rest: where a name is kept it is one group's, and that of the sets below it too
//! ```

use super::Violation;
use crate::name::GroupName;
use crate::proto::group::{Record, Registry, Role};
use crate::sim::campus::plan::Plan;
use crate::wire::coreset::Position;
use crate::wire::group::{GroupKey, RequestId};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddrV4;

/// A registry, as a mserver has it for one of its sets.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Whose.
    pub who: SocketAddrV4,
    /// For which set.
    pub set: GroupName,
    /// Of which level.
    pub level: u8,
    /// Where that set is, there.
    /// None: it decides alone.
    pub position: Option<Position>,
    /// What it knows.
    pub registry: &'a Registry,
}

/// Watches what mservers know.
#[derive(Clone, Default, Debug)]
pub struct Registries {
    seen: BTreeMap<(GroupName, Position), (u64, SocketAddrV4)>,
    last: BTreeMap<(SocketAddrV4, GroupName), Position>,
    violation: Option<Violation>,
}

impl Registries {
    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// A mserver has done a step.
    pub fn stepped(&mut self, now: u64, plan: &Plan, known: &Known<'_>) {
        let Known { who, set, level, position, registry } = *known;
        let Some(position) = position else { return };
        if self.last.insert((who, set), position) == Some(position) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        registry.hash(&mut hasher);
        let hash = hasher.finish();
        let (first, by) = *self.seen.entry((set, position)).or_insert((hash, who));
        let name = plan.name_at(who);
        if first != hash {
            let second = format!("{} had another at the same position", plan.name_at(by));
            let first = format!("{name} in {set} knows {}", list(registry));
            self.broken("REPLICA", now, first, second);
        }
        for record in registry.iter() {
            if let Role::Core { core, .. } = &record.role
                && level > plan.reach(core.qos.membership_scope)
            {
                let first = format!("{name} has the core of {} in {set}", record.key);
                let second = format!("level {level}, beyond {:?}", core.qos.membership_scope);
                self.broken("REACH", now, first, second);
            }
        }
    }

    fn broken(&mut self, rule: &'static str, tick: u64, first: String, second: String) {
        self.violation.get_or_insert(Violation { rule, tick, first, second });
    }
}

/// Whether each group has at most one core at its highest term, where nobody is cut off from anybody.
///
/// # Errors
/// The group that has two, in words.
pub fn one_core(all: &[Known<'_>]) -> Result<(), (String, String)> {
    let mut cores: BTreeMap<RequestId, (u32, BTreeSet<GroupName>)> = BTreeMap::new();
    for (known, record) in records(all) {
        let (highest, sets) = cores.entry(record.key.inc).or_default();
        if record.term > *highest {
            *highest = record.term;
            sets.clear();
        }
        if matches!(record.role, Role::Core { .. }) && record.term == *highest {
            sets.insert(known.set);
        }
        if sets.len() > 1 {
            let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
            let first = format!("{} has its core in {}", record.key, sets.join(" and "));
            return Err((first, format!("at term {highest}")));
        }
    }
    Ok(())
}

/// Whether, at rest, each group that has members is decided by one set, at all of whose mservers it is the same; and whether
/// a name is one group's wherever it is kept.
///
/// # Errors
/// The rule, and what breaks it.
pub fn at_rest(
    all: &[Known<'_>],
    live: &BTreeSet<RequestId>,
) -> Result<(), (&'static str, String, String)> {
    one_core(all).map_err(|(first, second)| ("CORE", first, second))?;
    let mut decided = BTreeSet::new();
    let mut names: BTreeMap<(GroupName, (GroupName, Option<u32>)), GroupKey> = BTreeMap::new();
    for (known, record) in records(all) {
        let core = matches!(record.role, Role::Core { .. });
        if core && !live.contains(&record.key.inc) {
            let first = format!("{} decides {}", known.set, record.key);
            return Err(("CORE", first, "which has no members any more".to_string()));
        }
        if core {
            decided.insert(record.key.inc);
        }
        if matches!(record.role, Role::Core { .. } | Role::Above(_)) {
            let name = (known.set, record.key.full_name());
            let other = *names.entry(name).or_insert(record.key);
            if other != record.key {
                let first = format!("{} keeps {:?}", known.set, record.key);
                return Err(("NAME", first, format!("and {other:?}")));
            }
        }
    }
    match live.difference(&decided).next() {
        Some(inc) => Err(("CORE", format!("nobody decides {inc:?}"), "it has members".to_string())),
        None => Ok(()),
    }
}

fn records<'a>(all: &'a [Known<'a>]) -> impl Iterator<Item = (&'a Known<'a>, &'a Record)> {
    all.iter().flat_map(|known| known.registry.iter().map(move |record| (known, record)))
}

/// The groups of a registry, in words.
fn list(registry: &Registry) -> String {
    let role = |record: &Record| match &record.role {
        Role::Reserved(_) => "reserved".to_string(),
        Role::Core { core, lock } => {
            let lock = if lock.is_some() { ", locked" } else { "" };
            format!("core at {}.{}{lock}", core.term, core.number)
        }
        Role::Above(branch) => format!("below {branch}"),
        Role::Suspended(branch) => format!("below {branch}, suspended"),
        Role::Lost => "lost".to_string(),
        Role::Claimed(claims) => format!("claimed by {}", claims.len()),
    };
    let all: Vec<String> =
        registry.iter().map(|r| format!("{} {} {}", r.key, r.term, role(r))).collect();
    format!("[{}]", all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{call_to_create, group};
    use super::*;
    use crate::name::{Digest, ViewNumber};
    use crate::wire::group::{GroupOp, Scope};

    /// A registry in which a group was created, as the only or a later one of its MI.
    fn deciding(number: u64, scope: Scope) -> Registry {
        let mut registry = Registry::default();
        registry.apply(GroupOp::Create(call_to_create(number, scope)), &mut Vec::new());
        registry
    }

    fn known<'a>(
        plan: &Plan,
        who: &str,
        set: &str,
        level: u8,
        registry: &'a Registry,
    ) -> Known<'a> {
        let who = plan.sites()[plan.node(who)].address;
        let position = Position { num: ViewNumber(3), k: 1, digest: Digest([1; 16]) };
        Known { who, set: group(set), level, position: Some(position), registry }
    }

    #[test]
    fn two_histories_of_one_set_and_a_core_that_is_too_high_are_found() {
        let plan = Plan::tree(&[2, 2], 0);
        let (one, other) = (deciding(1, Scope::Level(1)), deciding(2, Scope::Level(1)));
        let rule = |all: &[Known<'_>]| {
            let mut watch = Registries::default();
            all.iter().for_each(|known| watch.stepped(1, &plan, known));
            watch.violation().map_or("none", |violation| violation.rule)
        };
        let a1 = known(&plan, "a1", "set-a", 1, &one);
        assert_eq!(rule(&[a1, known(&plan, "a2", "set-a", 1, &one)]), "none");
        assert_eq!(rule(&[a1, known(&plan, "a2", "set-a", 1, &other)]), "REPLICA");
        assert_eq!(rule(&[known(&plan, "a", "top", 2, &one)]), "REACH");
    }

    #[test]
    fn two_cores_none_and_one_of_the_dead_are_found() {
        let plan = Plan::tree(&[2, 2], 0);
        let (core, empty) = (deciding(1, Scope::Top), Registry::default());
        let inc = core.iter().next().unwrap().key.inc;
        let rule = |all: &[Known<'_>], live: &[RequestId]| {
            at_rest(all, &live.iter().copied().collect())
                .map_or_else(|(rule, ..)| rule, |()| "none")
        };
        let here = known(&plan, "a1", "set-a", 1, &core);
        assert_eq!(rule(&[here, known(&plan, "b", "top", 2, &empty)], &[inc]), "none");
        assert_eq!(rule(&[here, known(&plan, "b", "top", 2, &core)], &[inc]), "CORE");
        assert_eq!(rule(&[here], &[]), "CORE");
        assert_eq!(rule(&[known(&plan, "b", "top", 2, &empty)], &[inc]), "CORE");
        let other = deciding(2, Scope::Top);
        let second = other.iter().next().unwrap().key.inc;
        let there = known(&plan, "a2", "set-a", 1, &other);
        assert_eq!(rule(&[here, there], &[inc, second]), "NAME");
    }
}
