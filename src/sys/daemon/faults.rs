//! Datagrams that take the detour of faults for tests, on their way in or out.

use super::Daemon;
use crate::proto::node::Role;
use crate::proto::step::{Action, Input, Via};
use crate::sys::detour::Delayed;
use crate::sys::fault::Way;
use crate::wire::prefix;
use std::net::SocketAddrV4;
use std::time::Instant;

impl Daemon {
    pub(super) fn take_with_faults(&mut self, via: Via, from: SocketAddrV4, bytes: &[u8]) {
        self.detour.take(Way::In, via, from, bytes);
        self.release_delayed(Instant::now());
    }

    pub(super) fn release_delayed(&mut self, now: Instant) {
        while let Some(Delayed { way, via, peer, bytes, .. }) = self.detour.release(now) {
            match way {
                Way::Out => self.send_now(peer, &bytes),
                Way::In => {
                    let mut actions = Vec::new();
                    let input = Input::Datagram { via, from: peer, bytes: &bytes };
                    self.setup.node.step(input, &mut actions);
                    self.relay_singly(&mut actions, peer, &bytes);
                    self.actions.append(&mut actions);
                    self.take_actions();
                }
            }
        }
    }

    /// Relays without the ready-made destinations, each copy with faults of its own.
    fn relay_singly(&mut self, actions: &mut Vec<Action>, from: SocketAddrV4, bytes: &[u8]) {
        let mut copies = Vec::new();
        actions.retain(|action| match (action, self.setup.node.role()) {
            (Action::Relay { slot, skip }, Role::Mcaster(mcaster)) => {
                let (members, _) = mcaster.members(*slot);
                let port = mcaster.member_port();
                let others = members.iter().enumerate().filter(|(i, _)| Some(*i as u32) != *skip);
                copies.extend(others.map(|(_, m)| SocketAddrV4::new(m.address, port)));
                false
            }
            _ => true,
        });
        let extended = [&prefix::encode(from)[..], bytes].concat();
        for to in copies {
            self.detour.take(Way::Out, Via::Own, to, &extended);
        }
    }
}
