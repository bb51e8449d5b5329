//! The member interfaces of a LAN: registered, polled, lost (III.A.5, Figure 65).
//!
//! ```text
//!   MI ── REGISTER ──> a guest ── QUERY, once each T_QUERY ──> REPLY
//!                                   └── no REPLY to all of them: its members failed
//! ```
//!
//! Its mserver alone decides for those groups that have members nowhere else. The member interface that is built in
//! registers as any other, and is not polled: it is this process.

use super::loss::Chore;
use super::{GroupOut, Groups, Work};
use crate::name::GroupName;
use crate::proto::group::Registry;
use crate::proto::mi::{Mi, MiAction, MiConfig};
use crate::proto::timer::Countdown;
use crate::wire::coreset::Life;
use crate::wire::group::{Call, GroupBody, GroupKey, MemberId};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Member interfaces of one LAN.
const GUESTS: usize = 4096;

/// A member interface that belongs to us.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Guest {
    life: Life,
    /// Of its registration.
    number: u32,
    /// It has other mservers to go to.
    roams: bool,
    /// Until the next QUERY; off while one is out, or for the one that is built in.
    query: Countdown,
    reply: Countdown,
    left: u32,
    nonce: u16,
}

/// A LAN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lan {
    name: GroupName,
    registry: Registry,
    guests: BTreeMap<SocketAddrV4, Guest>,
    mi: Option<Mi>,
}

impl Lan {
    /// Its name.
    pub fn name(&self) -> GroupName {
        self.name
    }

    /// The groups that have members here and nowhere else, and are decided here.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The addresses of its member interfaces, the built-in one with them.
    pub fn guests(&self) -> impl Iterator<Item = SocketAddrV4> + '_ {
        self.guests.keys().copied()
    }

    /// The member interface that is built in.
    pub fn mi(&self) -> Option<&Mi> {
        self.mi.as_ref()
    }

    pub(super) fn mi_mut(&mut self) -> Option<&mut Mi> {
        self.mi.as_mut()
    }

    /// The address under which the built-in one is known.
    pub(super) fn built_in(&self) -> Option<SocketAddrV4> {
        self.mi.as_ref().map(|mi| mi.config().life.address)
    }

    pub(super) fn is_guest(&self, address: SocketAddrV4) -> bool {
        self.guests.contains_key(&address)
    }

    /// The life in which a member interface is registered.
    pub(super) fn life_of(&self, address: SocketAddrV4) -> Option<Life> {
        self.guests.get(&address).map(|guest| guest.life)
    }

    /// The number of its registration.
    pub(super) fn number_of(&self, address: SocketAddrV4) -> u32 {
        self.guests.get(&address).map_or(0, |guest| guest.number)
    }

    /// Whether any of them has another mserver to go to.
    pub(super) fn roams(&self) -> bool {
        self.guests.values().any(|guest| guest.roams)
    }

    pub(super) fn due(&self) -> u32 {
        let guests = self.guests.values().flat_map(|g| [g.query.left(), g.reply.left()]);
        let mi = self.mi.as_ref().map_or(u32::MAX, Mi::due);
        guests.filter(|&left| left > 0).min().unwrap_or(u32::MAX).min(mi)
    }
}

/// The life of a member interface that is built into a mserver: that of a process beside it, on the port behind.
fn built_in(me: Life) -> Life {
    let port = me.address.port().wrapping_add(1);
    Life { address: SocketAddrV4::new(*me.address.ip(), port), inc: me.inc }
}

impl Groups {
    pub(super) fn open_lan(&mut self, name: GroupName, mi: bool) {
        let mut lan =
            Lan { name, registry: Registry::default(), guests: BTreeMap::new(), mi: None };
        if mi {
            let (life, servers) = (built_in(self.me), vec![self.own()]);
            let config = MiConfig { life, lan: name, servers, params: self.params, built_in: true };
            let mut actions = Vec::new();
            lan.mi = Some(Mi::start(config, &mut actions));
            for action in actions {
                if let MiAction::Send(message) = action {
                    self.work.push_back(Work::FromMi(message));
                }
            }
        }
        self.lan = Some(lan);
    }

    pub(super) fn on_register(
        &mut self,
        life: Life,
        (number, roams): (u32, bool),
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let params = self.params;
        let Some(lan) = &mut self.lan else { return Err("no-lan-here") };
        let address = life.address;
        let built_in = lan.built_in() == Some(address);
        let before = lan.guests.get(&address).map(|guest| (guest.life.inc, guest.number));
        if before.is_some_and(|before| (life.inc, number) < before) {
            return Err("older-registration");
        }
        if before.is_none() && lan.guests.len() >= GUESTS {
            return Err("too-many-guests");
        }
        let nonce = lan.guests.get(&address).map_or(0, |guest| guest.nonce);
        let query = match built_in {
            true => Countdown::OFF,
            false => Countdown::after(1 + spread(address) % params.query.max(1)),
        };
        let (reply, left) = (Countdown::OFF, params.retries);
        let guest = Guest { life, number, roams, query, reply, left, nonce };
        let name = lan.name;
        if let Some(former) = lan.guests.insert(address, guest).filter(|g| g.life.inc < life.inc) {
            // It was restarted: whoever was at its former life is gone.
            self.fail_members(former.life, former.number, out);
        }
        if before.is_none() && number > 1 {
            self.chore(Chore::Newcomers);
        }
        self.send(address, name, GroupBody::Registered { number }, out);
        Ok(())
    }

    pub(super) fn on_polled(&mut self, from: SocketAddrV4, nonce: u16) -> Result<(), &'static str> {
        let (query, left) = (self.params.query, self.params.retries);
        let lan = self.lan.as_mut().ok_or("no-lan-here")?;
        let guest = lan.guests.get_mut(&from).ok_or("stranger")?;
        if guest.nonce != nonce || guest.reply == Countdown::OFF {
            return Err("answer-not-expected");
        }
        (guest.reply, guest.query, guest.left) = (Countdown::OFF, Countdown::after(query), left);
        Ok(())
    }

    pub(super) fn on_unregister(
        &mut self,
        life: Life,
        number: u32,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let lan = self.lan.as_mut().ok_or("no-lan-here")?;
        let guest = lan.guests.get(&life.address).ok_or("stranger")?;
        if (guest.life, guest.number) != (life, number) {
            return Err("older-registration");
        }
        self.lose_guest(life.address, out);
        Ok(())
    }

    pub(super) fn tick_lan(&mut self, elapsed: u32, out: &mut Vec<GroupOut>) {
        let reply = self.params.reply;
        let Some(lan) = &mut self.lan else { return };
        let name = lan.name;
        let (mut ask, mut lost) = (Vec::new(), Vec::new());
        for (&address, guest) in &mut lan.guests {
            if guest.query.tick(elapsed) {
                guest.nonce = guest.nonce.wrapping_add(1);
                guest.reply = Countdown::after(reply);
                ask.push((address, guest.nonce));
            } else if guest.reply.tick(elapsed) {
                match guest.left {
                    0 => lost.push(address),
                    _ => {
                        (guest.left, guest.reply) = (guest.left - 1, Countdown::after(reply));
                        ask.push((address, guest.nonce));
                    }
                }
            }
        }
        for (address, nonce) in ask {
            self.send(address, name, GroupBody::Poll { nonce }, out);
        }
        lost.into_iter().for_each(|address| self.lose_guest(address, out));
    }

    /// A member interface is gone, with all members there.
    fn lose_guest(&mut self, address: SocketAddrV4, out: &mut Vec<GroupOut>) {
        let Some(lan) = &mut self.lan else { return };
        let Some(guest) = lan.guests.remove(&address) else { return };
        self.fail_members(guest.life, guest.number, out);
        self.relay.forget(address);
    }

    /// All application members of a member interface fail, in one batch for each group.
    fn fail_members(&mut self, life: Life, number: u32, out: &mut Vec<GroupOut>) {
        let mut failed: Vec<(GroupKey, Vec<MemberId>)> = Vec::new();
        for key in self.relay.groups() {
            let roster = self.relay.known(&key).map(|known| known.roster()).unwrap_or_default();
            let members: Vec<MemberId> =
                roster.iter().map(|e| e.id).filter(|id| id.mi == life).collect();
            if !members.is_empty() {
                failed.push((key, members));
            }
        }
        for (key, members) in failed {
            self.ask(&key, number, Call::Fail { members, cut: false }, out);
        }
    }
}

/// Member interfaces that register in one instant are not polled in one.
fn spread(address: SocketAddrV4) -> u32 {
    let ip = u32::from(*address.ip()) ^ u32::from(address.port());
    ip.wrapping_mul(0x9E37_79B9) >> 8
}
