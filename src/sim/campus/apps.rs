//! The applications of a campus: scripts that call, and are told.

use super::event::{AppId, What};
use super::invariants::{LastView, Standing};
use super::plan::NodeId;
use super::world::{App, Campus};
use crate::name::GroupName;
use crate::proto::mi::{Ask, LocalCall};
use crate::proto::step::Input;
use crate::wire::group::{MemberId, Mode, Qos};

impl Campus {
    /// A new application on a node.
    pub fn app(&mut self, node: NodeId) -> AppId {
        assert!(self.plan.serves(node), "{} serves no applications", self.plan.sites()[node].name);
        let alive = self.nodes[node].process.is_some();
        self.apps.push(App { node, alive, calls: Vec::new() });
        self.apps.len() - 1
    }

    /// The node of an application.
    pub fn node_of(&self, app: AppId) -> NodeId {
        self.apps[app].node
    }

    /// The applications, and whether each is there.
    pub fn apps(&self) -> impl Iterator<Item = (AppId, bool)> + '_ {
        self.apps.iter().enumerate().map(|(app, entry)| (app, entry.alive))
    }

    /// An application calls.
    pub fn call(&mut self, app: AppId, group: GroupName, ask: Ask) {
        let node = self.apps[app].node;
        if !self.apps[app].alive || !self.nodes[node].runs() {
            return;
        }
        let number = self.apps[app].calls.len() as u32 + 1;
        let call = LocalCall { number, group, ask };
        self.apps[app].calls.push(call.clone());
        self.hush.called(&self.plan, node, &call);
        self.tally.count("calls");
        self.event(What::Called { app, call: call.clone() });
        self.input(node, Input::Call { client: app as u64, call: &call });
    }

    /// An application joins a group, or creates it.
    pub fn join(&mut self, app: AppId, group: GroupName) {
        self.join_as(app, group, Mode::JoinOrCreate, Qos::default());
    }

    /// An application joins a group in a mode; where that creates it, with this quality of service.
    pub fn join_as(&mut self, app: AppId, group: GroupName, mode: Mode, qos: Qos) {
        self.call(app, group, Ask::Join { mode, tag: Vec::new(), qos: qos.into(), patience_ms: 0 });
    }

    /// An application leaves a group with its last member there, if it has any.
    pub fn leave(&mut self, app: AppId, group: GroupName) {
        if let Some((member, _)) = self.member(app, group) {
            self.call(app, group, Ask::Leave { member });
        }
    }

    /// An application is gone without a word. A stopped process finds its socket closed when it is run again.
    pub fn end(&mut self, app: AppId) {
        let node = self.apps[app].node;
        if std::mem::replace(&mut self.apps[app].alive, false) {
            self.event(What::Gone { app });
            if self.nodes[node].runs() {
                self.input(node, Input::Gone { client: app as u64 });
            }
        }
    }

    /// A process that was stopped finds the sockets closed of those that ended meanwhile.
    pub(super) fn find_gone(&mut self, node: NodeId) {
        let here = |app: &AppId| self.apps[*app].node == node && !self.apps[*app].alive;
        let gone: Vec<AppId> = (0..self.apps.len()).filter(here).collect();
        for app in gone {
            let actions = self.nodes[node].input(Input::Gone { client: app as u64 });
            self.perform(node, actions);
        }
    }

    /// The last member that an application has, or had, in a group it joined under this name, and how it stands.
    pub fn member(&self, app: AppId, group: GroupName) -> Option<(MemberId, &Standing)> {
        let joins = |call: &&LocalCall| call.group == group && matches!(call.ask, Ask::Join { .. });
        let call = self.apps[app].calls.iter().rev().find(joins)?;
        let member = self.members.joined_by(app as u64, call.number)?;
        Some((member, self.members.standing(app as u64, member)?))
    }

    /// The last view that an application was told of a group it is in.
    pub fn view(&self, app: AppId, group: GroupName) -> Option<&LastView> {
        match self.member(app, group) {
            Some((_, Standing::In(view))) => Some(view),
            _ => None,
        }
    }
}
