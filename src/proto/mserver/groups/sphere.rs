//! What a mserver knows of a set that it decides with: who is in it, and its registry.

use super::loss::Chore;
use super::{GroupOut, Groups, Side, Work};
use crate::name::GroupName;
use crate::proto::group::{Registry, Replica, ReplicaOut};
use crate::proto::params::Params;
use crate::wire::coreset::{Body, Change, Operation, Position, View};
use std::net::SocketAddrV4;

/// A set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sphere {
    /// Its name.
    pub name: GroupName,
    /// Its level.
    pub level: u8,
    /// Its members, in the order of seniority.
    pub members: Vec<SocketAddrV4>,
    /// The one of them that is its parent.
    pub parent: Option<SocketAddrV4>,
    replica: Replica,
}

/// A view of a set, as it is installed.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The view.
    pub view: &'a View,
    /// The position that was left, if there was one.
    pub from: Option<&'a Position>,
    /// The change that made it, if one did.
    pub change: Option<&'a Change>,
    /// The operations that were applied with it, in their order.
    pub applied: &'a [Operation],
}

impl Sphere {
    fn new(own: SocketAddrV4, params: &Params) -> Sphere {
        let replica = Replica::new(own, params.reply, params.retries);
        let name = GroupName::default();
        Sphere { name, level: 0, members: Vec::new(), parent: None, replica }
    }

    /// The groups that the set knows, if we know what it knows.
    pub fn registry(&self) -> Option<&Registry> {
        self.replica.registry()
    }

    pub(super) fn due(&self) -> u32 {
        self.replica.due()
    }

    pub(super) fn set_params(&mut self, params: &Params) {
        self.replica.set_timings(params.reply, params.retries);
    }
}

impl Groups {
    /// Whether we know what a set of ours knows.
    pub fn in_step(&self, side: Side) -> bool {
        self.spheres.get(&side).is_some_and(|sphere| sphere.registry().is_some())
    }

    /// A set of ours has a view, in which operations were applied.
    pub fn installed(&mut self, side: Side, step: Step<'_>, out: &mut Vec<GroupOut>) {
        let Step { view, from, change, applied } = step;
        let (own, params) = (self.own(), self.params);
        let sphere = self.spheres.entry(side).or_insert_with(|| Sphere::new(own, &params));
        let former = std::mem::replace(&mut sphere.parent, view.parent);
        (sphere.name, sphere.level) = (view.name.base, view.level);
        if from.is_none_or(|from| from.num != view.position.num) {
            sphere.members = view.addresses().collect();
        }
        let mut news = Vec::new();
        sphere.replica.installed(view, from, change, applied, &mut news);
        self.follow(side, news, out);
        if side == Side::Peer && from.is_none_or(|from| from.num != view.position.num) {
            self.weak_installed();
        }
        if view.parent != former && side == Side::Peer && view.parent != Some(own) {
            self.work.push_back(Work::Parent(view.parent));
        }
        self.finish(out);
    }

    /// A SYNC, or the INIT that is about to let us in.
    ///
    /// # Errors
    /// The word under which it is counted that it was ignored.
    pub fn sync(
        &mut self,
        side: Side,
        (from, body): (SocketAddrV4, &Body),
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let (own, params) = (self.own(), self.params);
        let sphere = self.spheres.entry(side).or_insert_with(|| Sphere::new(own, &params));
        let mut news = Vec::new();
        let result = sphere.replica.message(from, body, &mut news);
        self.follow(side, news, out);
        self.finish(out);
        result
    }

    /// Fills in what an INIT says of the registry.
    pub fn complete(&self, side: Side, body: &mut Body) {
        if let Some(sphere) = self.spheres.get(&side) {
            sphere.replica.complete(body);
        }
    }

    /// We are in no view of a set any more.
    pub fn out_of(&mut self, side: Side, out: &mut Vec<GroupOut>) {
        self.spheres.remove(&side);
        self.chores.retain(|chore, _| !chore.is_of(side));
        if side == Side::Child && self.lan.is_none() {
            self.chore(Chore::Childless);
        }
        self.hold_proposed(side);
        self.finish(out);
    }

    pub(super) fn tick_spheres(&mut self, elapsed: u32, out: &mut Vec<GroupOut>) {
        for side in [Side::Child, Side::Peer] {
            let Some(sphere) = self.spheres.get_mut(&side) else { continue };
            let mut news = Vec::new();
            sphere.replica.tick(elapsed, &mut news);
            self.follow(side, news, out);
        }
    }

    fn follow(&mut self, side: Side, news: Vec<ReplicaOut>, out: &mut Vec<GroupOut>) {
        for news in news {
            match news {
                ReplicaOut::Effect { effect, position: _ } => {
                    self.work.push_back(Work::Effect(side, *effect));
                }
                // Whoever sent it is of another version, or means harm: all of us ignore it alike.
                ReplicaOut::Unreadable { operation: _, error } => {
                    out.push(GroupOut::Unreadable(error));
                }
                ReplicaOut::Lost { removed, cause } => {
                    self.work.push_back(Work::Lost(side, removed, cause.num.0));
                }
                ReplicaOut::Send { to, body } => out.push(GroupOut::Sync { side, to, body }),
                ReplicaOut::InStep { anew: _ } => self.work.push_back(Work::InStep(side)),
                ReplicaOut::Propose(op) => out.push(GroupOut::Now { side, op }),
            }
        }
    }
}
