//! Who has which view: of a set its mservers, of a group its applications' nodes.

use super::{Outage, Row};
use crate::name::{Digest, GroupName};
use crate::proto::mserver::Side;
use crate::sim::campus::plan::NodeId;
use crate::sorted::Sorted as _;
use std::collections::BTreeSet;

/// Something that has views.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Subject {
    /// A core-set, of a level.
    Set(GroupName, u8),
    /// The group of all applications.
    Group(GroupName),
    /// The group of a lowest set's applications, which has its name.
    Local(GroupName),
}

/// Those who have one view, and whom it shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Who has it.
    pub by: BTreeSet<NodeId>,
    /// Who is in it, but for a parent.
    pub sees: BTreeSet<NodeId>,
    /// The parent, of a set that has one.
    pub parent: Option<NodeId>,
    /// Its number, in words.
    pub view: String,
    digest: Digest,
    /// The tick since which it is just so.
    pub since: u64,
}

impl Part {
    /// Whether it shows the same.
    pub fn shows(&self, other: &Part) -> bool {
        (&self.sees, self.parent) == (&other.sees, other.parent)
    }
}

impl Outage {
    /// Looks at every view, and notes whose is another than before.
    pub(super) fn look(&mut self) {
        for (&node, &app) in &self.apps {
            for group in self.groups_of(node) {
                let member = self.campus.member(app, group).map(|(id, _)| (id, node));
                self.who.extend(member);
            }
        }
        for place in 0..self.subjects.len() {
            let mut parts = match self.subjects[place] {
                Subject::Set(set, level) => self.parts_of_set(set, level),
                Subject::Group(group) | Subject::Local(group) => self.parts_of_group(group),
            };
            for part in &mut parts {
                let same = |old: &&Part| old.shows(part) && old.by == part.by;
                if let Some(old) = self.now[place].iter().find(same) {
                    part.since = old.since;
                }
            }
            self.now[place] = parts;
        }
        let now = self.campus.now();
        for place in 0..self.rows.len() {
            let state = self.state(self.rows[place].node);
            let states = &mut self.rows[place].states;
            if states.last().is_none_or(|(_, last)| *last != state) {
                states.push((now, state));
            }
        }
    }

    fn parts_of_set(&self, set: GroupName, level: u8) -> Vec<Part> {
        let plan = self.campus.plan();
        let mut parts = Vec::new();
        for node in plan.members(set).into_iter().filter(|node| !self.campus.is_stopped(*node)) {
            let is_peer = plan.sets_of(node).first() == Some(&(set, level));
            let side = if is_peer { Side::Peer } else { Side::Child };
            let seat = self.campus.mserver(node).and_then(|mserver| mserver.seat(side));
            let Some(view) = seat.and_then(|seat| seat.set()).and_then(|set| set.view()) else {
                continue;
            };
            let parent = view.parent.and_then(|who| plan.at(who));
            let sees = view.addresses().filter_map(|who| plan.at(who));
            let sees = sees.filter(|who| Some(*who) != parent).sorted_set();
            let name = format!("view {}", view.position.num);
            self.put(&mut parts, node, (name, view.position.digest), (sees, parent));
        }
        parts
    }

    fn parts_of_group(&self, group: GroupName) -> Vec<Part> {
        let mut parts = Vec::new();
        for (&node, &app) in &self.apps {
            let view = self.campus.view(app, group);
            if let Some(view) = view.filter(|_| self.campus.is_up(node)) {
                let sees = view.roster.iter().filter_map(|entry| self.who.get(&entry.id).copied());
                let name = format!("view {}.{}", view.term, view.number);
                self.put(&mut parts, node, (name, view.digest), (sees.sorted_set(), None));
            }
        }
        parts
    }

    fn put(
        &self,
        parts: &mut Vec<Part>,
        by: NodeId,
        (view, digest): (String, Digest),
        (sees, parent): (BTreeSet<NodeId>, Option<NodeId>),
    ) {
        let since = self.campus.now();
        match parts.iter_mut().find(|part| part.view == view && part.digest == digest) {
            Some(part) => _ = part.by.insert(by),
            None => parts.push(Part { by: [by].into(), sees, parent, view, digest, since }),
        }
    }

    /// How much a process sees of what it saw at first: of its sets and groups the one of which it misses most.
    fn state(&self, node: NodeId) -> Option<(usize, usize)> {
        if !self.campus.is_up(node) {
            return None;
        }
        let mut worst = (1, 1);
        for (whole, now) in self.whole.iter().zip(&self.now) {
            let size = |part: &Part| part.sees.len() + usize::from(part.parent.is_some());
            let Some(all) = whole.iter().find(|part| part.by.contains(&node)) else { continue };
            let seen = now.iter().find(|part| part.by.contains(&node)).map_or(0, size);
            if seen * worst.1 < worst.0 * size(all) {
                worst = (seen, size(all));
            }
        }
        Some(worst)
    }

    /// A row for each process, those of parents above those of their children.
    pub(super) fn all_rows(&self) -> Vec<Row> {
        let nodes = super::chart::order(self.campus.plan());
        nodes.into_iter().map(|(node, _)| Row { node, states: Vec::new() }).collect()
    }
}
