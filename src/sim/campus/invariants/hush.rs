//! Who hears of a group: nobody who has nothing to do with it, and nobody above its scope.
//!
//! ```text
//! SILENCE  a mserver hears of a group only if it is in a set above somebody who called for it
//! SCOPE    two mservers speak of a group only in sets within its scopes
//! ```
//!
//! This is what makes the service scale: whatever happens in a group costs those nothing who are not concerned.

use super::Violation;
use crate::name::GroupName;
use crate::proto::mi::{Ask, LocalCall};
use crate::sim::campus::plan::{NodeId, Plan, Post};
use crate::sim::campus::speech::{Speech, operations};
use crate::wire::group::{GroupBody, GroupMessage, GroupOp};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a group's extent, from who called for it.
#[derive(Clone, Default, Debug)]
struct Extent {
    /// Nodes from which there were calls.
    callers: BTreeSet<NodeId>,
    /// Mservers that may hear of it.
    mservers: BTreeSet<NodeId>,
    /// The highest level that any call allows.
    reach: u8,
}

/// Watches who hears of what.
#[derive(Clone, Default, Debug)]
pub struct Hush {
    groups: BTreeMap<GroupName, Extent>,
    violation: Option<Violation>,
}

impl Hush {
    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The highest level that any call for a group allowed.
    pub fn reach(&self, group: GroupName) -> Option<u8> {
        self.groups.get(&group).map(|extent| extent.reach)
    }

    /// An application on a node calls.
    pub fn called(&mut self, plan: &Plan, node: NodeId, call: &LocalCall) {
        let (reach, other) = match &call.ask {
            Ask::Join { qos, .. } => {
                let (name, membership) = (qos.name_scope, qos.membership_scope);
                (plan.reach(name).max(plan.reach(membership)), None)
            }
            Ask::Leave { .. } | Ask::Alive { .. } => (0, None),
            Ask::View => (u8::MAX, None),
            Ask::Merge { other } | Ask::Split { new: other, .. } => (u8::MAX, Some(*other)),
        };
        let extent = self.groups.entry(call.group).or_default();
        extent.reach = extent.reach.max(reach);
        if extent.callers.insert(node) {
            extent.mservers.extend(plan.involved(node));
        }
        let Some(other) = other else { return };
        // Two groups that become one, or come from one, are everybody's affair who knows either.
        let mut both = extent.clone();
        let theirs = self.groups.entry(other).or_default();
        both.callers.extend(&theirs.callers);
        both.mservers.extend(&theirs.mservers);
        *theirs = both.clone();
        self.groups.insert(call.group, both);
    }

    /// A datagram is sent.
    pub fn sent(&mut self, now: u64, plan: &Plan, (from, to): (NodeId, NodeId), speech: &Speech) {
        if matches!(plan.sites()[to].post, Post::Mi { .. }) {
            return;
        }
        for group in groups_of(speech) {
            let Some(extent) = self.groups.get(&group) else { continue };
            let both = || format!("{} -> {}", plan.sites()[from].name, plan.sites()[to].name);
            let said = || format!("{} of {group}, {}", speech.name(), both());
            if !extent.mservers.contains(&to) {
                let second = "it has nothing to do with it".to_string();
                let violation = Violation { rule: "SILENCE", tick: now, first: said(), second };
                self.violation.get_or_insert(violation);
            } else if let Some(level) = plan.meet(from, to)
                && level > extent.reach
            {
                let second = format!("they meet on level {level}, it reaches {}", extent.reach);
                let violation = Violation { rule: "SCOPE", tick: now, first: said(), second };
                self.violation.get_or_insert(violation);
            }
        }
    }
}

/// The groups that a datagram is about.
pub fn groups_of(speech: &Speech) -> Vec<GroupName> {
    match speech {
        Speech::Group(message) => group_of(message).into_iter().collect(),
        Speech::Core(message) => operations(message).iter().filter_map(group_of_op).collect(),
        Speech::Part(_) | Speech::Noise => Vec::new(),
    }
}

fn group_of(message: &GroupMessage) -> Option<GroupName> {
    match &message.body {
        GroupBody::Submit { request, .. } | GroupBody::Grant(request) => Some(request.group),
        GroupBody::Direct(direct) => Some(direct.key.name),
        GroupBody::Got { key, .. } | GroupBody::Missing { key, .. } => Some(key.name),
        GroupBody::Shown { direct, .. } => Some(direct.key.name),
        GroupBody::Gossip(gossip) => Some(gossip.key.name),
        GroupBody::Wait { .. }
        | GroupBody::Where { .. }
        | GroupBody::Refused { .. }
        | GroupBody::Done { .. }
        | GroupBody::Unheard { .. } => Some(message.name),
        _ => None,
    }
}

fn group_of_op(op: &GroupOp) -> Option<GroupName> {
    match op {
        GroupOp::Call(request)
        | GroupOp::Reserve(request)
        | GroupOp::Create(request)
        | GroupOp::Claim(request) => Some(request.group),
        GroupOp::Release { key }
        | GroupOp::Lead { key, .. }
        | GroupOp::Forget { key, .. }
        | GroupOp::Lock { key, .. }
        | GroupOp::Unlock { key, .. }
        | GroupOp::Moved { key, .. }
        | GroupOp::Rename { key }
        | GroupOp::Summon { key }
        | GroupOp::Gathered { key, .. }
        | GroupOp::Rebuild { key } => Some(key.name),
        GroupOp::Adopt { core, .. } => Some(core.key.name),
        _ => None,
    }
}
