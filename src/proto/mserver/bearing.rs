//! Between the group layer and the rest of a mserver: operations to its sets, messages to the wire.

use super::groups::{GroupOut, Groups};
use super::{Mserver, Refused, Side};
use crate::proto::coreset::SetInput;
use crate::proto::step::Action;
use crate::wire::Message;
use crate::wire::coreset::{Change, Operation, View};
use crate::wire::group::GroupMessage;
use std::net::SocketAddrV4;

impl Mserver {
    /// The group layer.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// One input of the group layer, and all that follows from it.
    pub(super) fn on_groups(
        &mut self,
        input: impl FnOnce(&mut Groups, &mut Vec<GroupOut>),
        actions: &mut Vec<Action>,
    ) {
        let mut out = Vec::new();
        input(&mut self.groups, &mut out);
        self.take_groups(out, actions);
    }

    /// A set of ours has a view.
    pub(super) fn bear(
        &mut self,
        side: Side,
        view: (&View, Option<&Change>),
        applied: &[Operation],
        actions: &mut Vec<Action>,
    ) {
        self.on_groups(|groups, out| groups.installed(side, view, applied, out), actions);
    }

    /// A message about groups.
    pub(super) fn read_groups(
        &mut self,
        from: SocketAddrV4,
        message: &Message<'_>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        let message = GroupMessage::decode(message).map_err(|e| (e.cause(), Some(e)))?;
        if message.from.address != from {
            return Err(("address-mismatch", None));
        }
        if !self.may_ask(from) {
            return Err(("not-allowed", None));
        }
        let mut out = Vec::new();
        let result = self.groups.message(message, &mut out);
        self.take_groups(out, actions);
        result.map_err(|cause| (cause, None))
    }

    /// Carries out what the group layer wants done. Its operations go to their sets last: a set that is alone agrees
    /// on them at once.
    pub(super) fn take_groups(&mut self, out: Vec<GroupOut>, actions: &mut Vec<Action>) {
        let mut proposals = Vec::new();
        for out in out {
            match out {
                GroupOut::Send { to, message } => match message.encode() {
                    Ok(bytes) => {
                        let places = &self.id.places;
                        let place = |name| Some(places.of(&name));
                        self.parcels.send(bytes, to, &[to], place, actions);
                    }
                    Err(_) => self.counters.count("not-encoded"),
                },
                GroupOut::Propose { side, op } => proposals.push((side, op)),
                GroupOut::Tell { client, event } => actions.push(Action::Tell { client, event }),
            }
        }
        for (side, op) in proposals {
            self.input(side, SetInput::Submit(op.encode()), actions);
        }
    }
}
