//! What a mserver knows of a set that it decides with: who is in it, and its registry.

use super::{GroupOut, Groups, Side, Work};
use crate::name::GroupName;
use crate::proto::group::Registry;
use crate::wire::coreset::{Change, Operation, View};
use crate::wire::group::GroupOp;
use std::net::SocketAddrV4;

/// A set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sphere {
    /// Its name.
    pub name: GroupName,
    /// Its level.
    pub level: u8,
    /// Its members, in the order of seniority.
    pub members: Vec<SocketAddrV4>,
    /// The one of them that is its parent.
    pub parent: Option<SocketAddrV4>,
    registry: Registry,
}

impl Sphere {
    /// The groups that the set knows, if we know what it knows.
    pub fn registry(&self) -> Option<&Registry> {
        Some(&self.registry)
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        u32::MAX
    }
}

impl Groups {
    /// A set of ours has a view, in which these operations were applied.
    pub fn installed(
        &mut self,
        side: Side,
        (view, _change): (&View, Option<&Change>),
        applied: &[Operation],
        out: &mut Vec<GroupOut>,
    ) {
        let own = self.own();
        let is_new = !self.spheres.contains_key(&side);
        let sphere = self.spheres.entry(side).or_insert_with(|| Sphere {
            name: view.name.base,
            level: view.level,
            members: Vec::new(),
            parent: None,
            registry: Registry::default(),
        });
        let members: Vec<SocketAddrV4> = view.addresses().collect();
        let removed: Vec<SocketAddrV4> =
            sphere.members.iter().filter(|m| !members.contains(m)).copied().collect();
        let former = sphere.parent;
        (sphere.name, sphere.level) = (view.name.base, view.level);
        (sphere.members, sphere.parent) = (members, view.parent);
        for operation in applied {
            let Ok(op) = GroupOp::decode(&operation.bytes) else { continue };
            let mut effects = Vec::new();
            sphere.registry.apply(op, &mut effects);
            self.work.extend(effects.into_iter().map(|effect| Work::Effect(side, effect)));
        }
        if !removed.is_empty() {
            sphere.registry.lose(&removed);
            let number = view.position.num.0;
            self.work.push_back(Work::Lost(side, removed, number));
        }
        let parent = sphere.parent;
        if is_new {
            self.work.push_back(Work::InStep(side));
        }
        if parent != former && side == Side::Peer && parent != Some(own) {
            self.work.push_back(Work::Parent(parent));
        }
        self.finish(out);
    }

    /// We are in no view of a set any more.
    pub fn out_of(&mut self, side: Side, out: &mut Vec<GroupOut>) {
        self.spheres.remove(&side);
        self.chores.retain(|chore, _| !chore.is_of(side));
        self.hold_proposed(side);
        self.finish(out);
    }

    pub(super) fn tick_spheres(&mut self, _elapsed: u32, _out: &mut Vec<GroupOut>) {}
}
