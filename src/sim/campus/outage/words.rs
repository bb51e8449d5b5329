//! The report: what each step changed, of which set or group, when it was so, and what is left of it in the end.

use super::Outage;
use super::standing::{Part, Subject};
use crate::sim::campus::plan::NodeId;
use crate::sorted::Sorted as _;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Names that a list tells; it counts the others.
const NAMES: usize = 6;

impl Outage {
    /// What is played.
    pub(super) fn introduce(&mut self) {
        let plan = self.campus.plan();
        let (mservers, sets) = (plan.mservers().count(), plan.sets().len());
        let (mis, members) = (plan.sites().len() - mservers, self.apps.len());
        let _ = write!(
            self.report,
            "{mservers} mservers in {sets} sets, {mis} member interfaces of their own; {members} \
             members of group everybody"
        );
        let locals = self.subjects.iter().any(|subject| matches!(subject, Subject::Local(_)));
        let local = if locals { ", each also of a group of its lowest set" } else { "" };
        let _ = writeln!(self.report, "{local}");
    }

    /// What became of all in the time since a tick.
    pub(super) fn tell(&mut self, (begun, before): &(u64, Vec<Vec<Part>>)) {
        let mut same = Vec::new();
        for (place, before) in before.iter().enumerate() {
            let lines = self.told(*begun, before, &self.now[place]);
            let name = name(self.subjects[place]);
            if lines.is_empty() {
                same.push(name);
                continue;
            }
            for (number, line) in lines.iter().enumerate() {
                let name = if number == 0 { name.as_str() } else { "" };
                let _ = writeln!(self.report, "  {name:<20} {line}");
            }
        }
        let passed = self.seconds(self.campus.now() - begun);
        if !same.is_empty() {
            let _ = writeln!(self.report, "  nothing changed in {passed} for: {}", same.join(", "));
        }
    }

    /// One line for each view that shows its holders something else than what they had.
    fn told(&self, begun: u64, before: &[Part], after: &[Part]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in after {
            let had: Vec<&Part> =
                before.iter().filter(|old| !old.by.is_disjoint(&part.by)).collect();
            if had.len() == 1 && had[0].shows(part) {
                continue;
            }
            let old = had.iter().flat_map(|part| part.sees.iter().copied()).sorted_set();
            let mut changes = Vec::new();
            let (lost, came): (BTreeSet<NodeId>, BTreeSet<NodeId>) =
                (&old - &part.sees, &part.sees - &old);
            for (word, who) in [("without", lost), ("with", came)] {
                if !who.is_empty() {
                    changes.push(format!("{word} {}", self.names(&who)));
                }
            }
            let parent = had.first().and_then(|part| part.parent);
            if parent != part.parent {
                let name = |node: NodeId| self.campus.plan().sites()[node].name.clone();
                changes.push(match (parent, part.parent) {
                    (Some(was), Some(is)) => format!("parent {} for {}", name(is), name(was)),
                    (Some(was), None) => format!("without its parent {}", name(was)),
                    (_, Some(is)) => format!("with {} as its parent", name(is)),
                    (None, None) => continue,
                });
            }
            if had.len() > 1 {
                changes.push("together again".to_string());
            }
            let at = match after.len() {
                1 => String::new(),
                _ => format!(" at {}", self.names(&part.by)),
            };
            let took = self.seconds(part.since.saturating_sub(begun));
            let view = &part.view;
            lines.push(format!(
                "{view}, {}, after {took}{at}: {}",
                counted(part.sees.len(), "member"),
                changes.join(", ")
            ));
        }
        if after.is_empty() && !before.is_empty() {
            lines.push("nobody is left who has a view".to_string());
        }
        lines
    }

    /// What is not as it was at first.
    pub(super) fn conclude(&mut self) {
        let mut left = Vec::new();
        for ((subject, whole), now) in self.subjects.iter().zip(&self.whole).zip(&self.now) {
            let as_before = match (whole.as_slice(), now.as_slice()) {
                ([was], [is]) => was.sees == is.sees && was.parent.is_some() == is.parent.is_some(),
                (was, is) => was.is_empty() && is.is_empty(),
            };
            if as_before {
                continue;
            }
            let all: usize = whole.iter().map(|part| part.sees.len()).sum();
            let sizes: Vec<String> = now.iter().map(|part| part.sees.len().to_string()).collect();
            let parent = whole.iter().any(|part| part.parent.is_some());
            let orphan = parent && now.iter().any(|part| part.parent.is_none());
            let orphan = if orphan { ", no parent" } else { "" };
            let sizes = if sizes.is_empty() { "0".to_string() } else { sizes.join(" + ") };
            left.push(format!("{} ({sizes} of {all}{orphan})", name(*subject)));
        }
        let total = self.seconds(self.campus.now() - self.begun);
        let text = match left.is_empty() {
            true => "all is as it was".to_string(),
            false => format!("not whole: {}", left.join(", ")),
        };
        let _ = writeln!(self.report, "\n{total}  {text}");
    }

    /// Some names, and how many more.
    fn names(&self, nodes: &BTreeSet<NodeId>) -> String {
        let name = |node: &NodeId| self.campus.plan().sites()[*node].name.as_str();
        let mut all: Vec<&str> = nodes.iter().map(name).take(NAMES).collect();
        let more = nodes.len().saturating_sub(NAMES);
        let more = format!("and {more} more");
        if nodes.len() > NAMES {
            all.push(&more);
        }
        all.join(" ")
    }
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn name(subject: Subject) -> String {
    match subject {
        Subject::Set(name, _) => format!("set {name}"),
        Subject::Group(name) | Subject::Local(name) => format!("group {name}"),
    }
}
