//! Between the group layer and the rest of a mserver: operations to its sets, messages to the wire.

use super::groups::{GroupOut, Groups};
use super::{Mserver, Refused, Seat, Side};
use crate::proto::coreset::SetInput;
use crate::proto::step::Action;
use crate::wire::Message;
use crate::wire::coreset::CoreMessage;
use crate::wire::group::GroupMessage;
use std::net::SocketAddrV4;

/// How many operations one may lead to the next of within one step. Sets that are alone agree at once, and what two of
/// them, or those who speak to them, make each other do must not take all our time.
const DEEP: u32 = 40;

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

    /// A SYNC for one of our sets, or the INIT that is about to let us in.
    pub(super) fn read_sync(
        &mut self,
        side: Side,
        message: &CoreMessage,
        actions: &mut Vec<Action>,
    ) -> Result<(), &'static str> {
        let mut out = Vec::new();
        let from = message.from.life.address;
        let result = self.groups.sync(side, (from, &message.body), &mut out);
        self.take_groups(out, actions);
        result
    }

    /// The sets are told whether the group layer has what they agreed on: of some views they assume the worst.
    fn gate(&mut self, actions: &mut Vec<Action>) {
        for side in [Side::Child, Side::Peer] {
            let in_step = self.groups.in_step(side);
            let knows = self
                .seats
                .get(&side)
                .and_then(Seat::set)
                .is_some_and(|set| set.is_in_step() == Some(in_step));
            if !knows {
                self.input(side, SetInput::InStep(in_step), actions);
            }
        }
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
                GroupOut::Propose { .. } | GroupOut::Now { .. } if self.depth >= DEEP => {
                    self.later.push(out);
                }
                GroupOut::Propose { side, op } => {
                    proposals.push((side, SetInput::Submit(op.encode())));
                }
                GroupOut::Now { side, op } => proposals.push((side, SetInput::Now(op.encode()))),
                GroupOut::Sync { side, to, body } => {
                    let set = self.seats.get(&side).and_then(Seat::set);
                    if let Some(message) = set.and_then(|set| set.message(body)) {
                        self.send(side, to, false, &message, actions);
                    }
                }
                GroupOut::Unreadable(_) => self.counters.count("unreadable-operation"),
                GroupOut::Tell { client, event } => actions.push(Action::Tell { client, event }),
            }
        }
        self.depth += 1;
        for (side, input) in proposals {
            self.input(side, input, actions);
        }
        self.gate(actions);
        self.depth -= 1;
    }
}
