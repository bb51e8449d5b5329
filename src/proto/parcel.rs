//! Messages that fit no datagram, between a node and its sockets: out in fragments, in as wholes.
//!
//! ```text
//!   message ─ fits? ─ yes ──────────────────────> datagram
//!                └─── no ─> Sending ─> FRAGMENTs ─> datagrams   (selective repeat: wire::fragment)
//!   FRAGMENT ─> Receiving ─ whole? ─> message
//! ```
//!
//! A first round that several are to get goes to their group. What has no known receivers, a probe for strangers, goes
//! in one datagram however large it is, and IP may cut it: nobody could say what is missing.

use super::step::Action;
use crate::name::GroupName;
use crate::wire::auth::Trailer;
use crate::wire::fragment::{
    Event, Fragment, Outcome, Outgoing, ReceiveLimits, Receiving, Room, SendLimits, Sending,
};
use crate::wire::{Draft, Header, Sum};
use std::net::SocketAddrV4;

/// What a datagram may have on an Ethernet, behind the headers of IP and UDP.
const MTU: usize = 1472;
/// Left free for a signature.
const RESERVE: usize = 96;
/// Fragments are counted in ticks; after a long sleep this many are enough to end what has ended.
const CATCH_UP: u32 = 256;

/// Both directions of one node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Parcels {
    room: Room,
    sending: Sending,
    receiving: Receiving,
}

impl Parcels {
    /// `life` is larger than that of any former process at this address.
    pub fn new(life: u32) -> Parcels {
        let room = Room::new(MTU, RESERVE).expect("an Ethernet has room for parts");
        let sending = Sending::new(SendLimits::default(), room, u64::from(life) << 32);
        let receiving = Receiving::new(ReceiveLimits::default(), room);
        Parcels { room, sending, receiving }
    }

    /// Sends a message to one address, or to a group that has these `members`: none if nobody knows them.
    /// `place` says where a group is heard.
    pub fn send(
        &mut self,
        bytes: Vec<u8>,
        to: SocketAddrV4,
        members: &[SocketAddrV4],
        place: impl Fn(GroupName) -> Option<SocketAddrV4>,
        actions: &mut Vec<Action>,
    ) {
        if self.room.fits(bytes.len()) || members.is_empty() {
            return actions.push(Action::Send { to, bytes });
        }
        let mut events = Vec::new();
        match self.sending.send(bytes.clone(), members, &mut events) {
            Ok(_) => take(events, place, actions),
            // Too many at a time: better in one piece than not at all.
            Err(_) => actions.push(Action::Send { to, bytes }),
        }
    }

    /// Takes the data of a FRAGMENT message; a message that is whole now is returned.
    ///
    /// # Errors
    /// The word under which a fragment is counted that was of no use.
    pub fn receive(
        &mut self,
        from: SocketAddrV4,
        header: &Header,
        data: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<Option<Vec<u8>>, &'static str> {
        // Whether it is signed was seen to before; what it says ends in front of that.
        let fragment = match (Fragment::decode(data), Trailer::split(data)) {
            (Err(_), (unsigned, Some(_))) => Fragment::decode(unsigned),
            (fragment, _) => fragment,
        };
        match fragment.map_err(|e| e.cause())? {
            Fragment::Part(part) => {
                let arrival =
                    self.receiving.part(from, header, &part).map_err(|refusal| refusal.cause())?;
                let reply = arrival.reply.map(Event::Send);
                take(reply.into_iter().collect(), |_| None, actions);
                Ok(match arrival.outcome {
                    Outcome::Whole(bytes) => Some(bytes),
                    Outcome::Kept | Outcome::Repeated => None,
                })
            }
            Fragment::Report(report) => {
                self.sending.report(from, &report).map_err(|refusal| refusal.cause())?;
                Ok(None)
            }
        }
    }

    /// Time passes.
    pub fn tick(
        &mut self,
        elapsed: u32,
        place: impl Fn(GroupName) -> Option<SocketAddrV4>,
        actions: &mut Vec<Action>,
    ) {
        for _ in 0..elapsed.min(CATCH_UP) {
            if self.due() == u32::MAX {
                return;
            }
            let mut events = Vec::new();
            self.sending.tick(&mut events);
            self.receiving.tick();
            take(events, &place, actions);
        }
    }

    /// Ticks until something is due; `u32::MAX` if nothing is under way.
    pub fn due(&self) -> u32 {
        let busy =
            self.sending.wholes() > 0 || self.receiving.halves() > 0 || self.receiving.done() > 0;
        if busy { 1 } else { u32::MAX }
    }
}

fn take(
    events: Vec<Event>,
    place: impl Fn(GroupName) -> Option<SocketAddrV4>,
    actions: &mut Vec<Action>,
) {
    for event in events {
        // Who is given up here, the protocol above gives up by its own rules.
        let Event::Send(Outgoing { to, header, data }) = event else { continue };
        let draft = Draft { header, exclude: &[], subjects: &[], data: &data };
        let Ok(bytes) = draft.to_vec(Sum::Crc) else { continue };
        match (to.as_slice(), place(header.group)) {
            ([_, _, ..], Some(group)) => actions.push(Action::Send { to: group, bytes }),
            (each, _) => {
                actions.extend(each.iter().map(|&to| Action::Send { to, bytes: bytes.clone() }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::auth::{Key, Signer};
    use crate::wire::{Kind, Message};

    #[test]
    fn a_large_message_arrives_signed_or_not() {
        let [one, two]: [SocketAddrV4; 2] =
            ["10.0.0.1:2900", "10.0.0.2:2900"].map(|text| text.parse().unwrap());
        for is_signed in [false, true] {
            let mut signer = Signer::new(Key::new(1, &[7; 32]).unwrap(), 1);
            let (mut from, mut to) = (Parcels::new(1), Parcels::new(1));
            let whole = large();
            let (mut actions, mut ignored) = (Vec::new(), Vec::new());
            from.send(whole.clone(), two, &[two], |_| None, &mut actions);
            assert!(actions.len() > 2, "it fits no datagram");
            let mut got = Vec::new();
            for action in actions {
                let Action::Send { mut bytes, .. } = action else { continue };
                if is_signed {
                    signer.seal(&mut bytes, one).unwrap();
                }
                let part = Message::receive(&bytes, false).unwrap();
                assert_eq!(part.kind(), Some(Kind::Fragment));
                got.extend(to.receive(one, &part.header, part.data, &mut ignored).unwrap());
            }
            assert_eq!(got, [whole], "signed: {is_signed}");
        }
    }

    fn large() -> Vec<u8> {
        let header = Header::new("campus".parse().unwrap(), Kind::Sync);
        let draft = Draft { header, exclude: &[], subjects: &[], data: &[5; 4000] };
        draft.to_vec(Sum::Crc).unwrap()
    }
}
