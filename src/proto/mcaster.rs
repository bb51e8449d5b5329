//! The multicast emulator (Figures 51 and 55; WIRE.md, Part A section 6).
//!
//! ```text
//!   JOIN_GROUP, LEAVE_GROUP ──> group list ──> ACK to the requester
//!   anything else           ──> a copy behind a 16-byte prefix to every member but the sender
//! ```
//!
//! Towards original members it is the original to the byte. Not kept are its crashes, the old buffer contents it
//! sent out for bytes that never arrived, and its readiness to amplify for the whole world: who may join or
//! send is said by an allow-list, groups and members are bounded (NEG_JOIN, which the original sends when it
//! is out of memory), senders can be held to a rate.
//!
//! Loops: a copy always bears a prefix, and what bears a prefix is never relayed; nor is a copy ever sent
//! to an address that this mcaster itself listens on. So no chain of mcasters can carry a message round.

use super::counters::Counters;
use super::network::Network;
use super::note::Note;
use super::step::{Action, Input, Via};
use crate::name::GroupName;
use crate::wire::checksum::{self, Checksum};
use crate::wire::{HEADER_LEN, Kind, Message, VERSION, WireError, prefix};
use byteorder::{BigEndian, ByteOrder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Senders whose rate is watched in one second. Others beyond them pass: a bound on memory, and the
/// allow-list bounds who they can be.
const RATED_SENDERS: usize = 4096;

/// Limits of an mcaster.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// Groups at a time.
    pub max_groups: usize,
    /// Members of one group at a time.
    pub max_members: usize,
    /// Who may join, leave and send.
    pub allow: Vec<Network>,
    /// Ticks of silence after which a member is removed; 0: never.
    pub expire: u64,
    /// Ticks of silence after which a second JOIN is a new one, not a duplicate; 0: never.
    pub rejoin: u64,
    /// Datagrams a sender may have relayed in a second; 0: any number.
    pub rate: u32,
    /// Ticks in a second.
    pub second: u32,
    /// The port of members that copies go to.
    pub member_port: u16,
    /// Where this mcaster itself listens.
    pub own: Vec<SocketAddrV4>,
}

/// A member: an address, since members are told apart by nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    /// Its address.
    pub address: Ipv4Addr,
    /// When it was last heard of, in ticks since the start.
    seen: u64,
}

/// A group: its members in the order of joining.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Group {
    name: GroupName,
    members: Vec<Member>,
    /// Changes with the member list: what is kept ready made of it is compared by this.
    edition: u64,
}

/// What one sender may still send.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Allowance {
    left: u32,
}

/// What the relay counted beyond drops: kept apart, since they are counted for every datagram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Relayed {
    datagrams: u64,
    copies: u64,
    bytes: u64,
}

/// The emulator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mcaster {
    limits: Limits,
    names: BTreeMap<GroupName, u32>,
    groups: Vec<Option<Group>>,
    free: Vec<u32>,
    editions: u64,
    rated: BTreeMap<Ipv4Addr, Allowance>,
    now: u64,
    until_second: u32,
    relayed: Relayed,
    counters: Counters,
}

type Refusal = (&'static str, Option<WireError>);

impl Mcaster {
    /// An emulator without groups.
    pub fn new(limits: Limits) -> Mcaster {
        Mcaster {
            until_second: limits.second,
            limits,
            names: BTreeMap::new(),
            groups: Vec::new(),
            free: Vec::new(),
            editions: 0,
            rated: BTreeMap::new(),
            now: 0,
            relayed: Relayed::default(),
            counters: Counters::default(),
        }
    }

    /// Other limits from now on. Groups and members beyond the new ones stay until they leave.
    pub fn set_limits(&mut self, limits: Limits) {
        self.until_second = self.until_second.min(limits.second);
        // A tick of another length: what was silent for a second is still silent for a second.
        let (old, new) = (u64::from(self.limits.second), u64::from(limits.second));
        let convert = |ticks: &mut u64| *ticks = *ticks * new / old.max(1);
        convert(&mut self.now);
        for group in self.groups.iter_mut().flatten() {
            group.members.iter_mut().for_each(|member| convert(&mut member.seen));
        }
        self.limits = limits;
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is. Fewer do nothing but pass.
    pub fn due(&self) -> u32 {
        match self.limits.rate > 0 || self.limits.expire > 0 {
            true => self.until_second,
            false => u32::MAX,
        }
    }

    /// One input, all its actions.
    pub fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        match input {
            Input::Datagram { via, from, bytes } => {
                if let Err((cause, error)) = self.receive(via, from, bytes, actions) {
                    self.counters.count(cause);
                    actions.push(Action::Note(Note::Dropped { cause, from, error }));
                }
            }
            Input::Tick { elapsed } => self.tick(elapsed, actions),
            // Applications call member interfaces.
            Input::Call { .. } | Input::Gone { .. } => {}
            Input::Stop => actions.push(Action::Done(super::step::End::Stopped)),
        }
    }

    /// The members of the group in `slot` in the order of joining, and the edition of that list. An
    /// empty slot has no members.
    pub fn members(&self, slot: u32) -> (&[Member], u64) {
        match self.groups.get(slot as usize) {
            Some(Some(group)) => (&group.members, group.edition),
            _ => (&[], 0),
        }
    }

    /// The port of members that copies go to.
    pub fn member_port(&self) -> u16 {
        self.limits.member_port
    }

    fn receive(
        &mut self,
        via: Via,
        from: SocketAddrV4,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        if via != Via::Own {
            return Err(("unexpected-socket", None));
        }
        if !self.limits.allow.iter().any(|net| net.contains(*from.ip())) {
            return Err(("not-allowed", None));
        }
        if prefix::is_extended(bytes) {
            return Err(("already-relayed", None));
        }
        let message = Message::receive(bytes, true).map_err(|e| (e.cause(), Some(e)))?;
        let group = message.header.group;
        match message.kind() {
            Some(Kind::JoinGroup) => self.join(group, from, bytes, actions),
            Some(Kind::LeaveGroup) => self.leave(group, from, bytes, actions),
            _ => return self.relay(group, from, bytes.len(), actions),
        }
        Ok(())
    }

    /// Lines 22 to 25.
    fn relay(
        &mut self,
        group: GroupName,
        from: SocketAddrV4,
        len: usize,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        let Some(&slot) = self.names.get(&group) else {
            return Err(("no-such-group", None));
        };
        if !self.within_rate(*from.ip()) {
            return Err(("rate", None));
        }
        let Some(Some(group)) = self.groups.get_mut(slot as usize) else {
            return Err(("no-such-group", None));
        };
        let sender = group.members.iter().position(|m| m.address == *from.ip());
        if let Some(place) = sender {
            group.members[place].seen = self.now;
        }
        let copies = group.members.len() - usize::from(sender.is_some());
        self.relayed.datagrams += 1;
        self.relayed.copies += copies as u64;
        self.relayed.bytes += (copies * (len + prefix::LEN)) as u64;
        if copies > 0 {
            actions.push(Action::Relay { slot, skip: sender.map(|p| p as u32) });
        }
        Ok(())
    }

    fn within_rate(&mut self, sender: Ipv4Addr) -> bool {
        let rate = self.limits.rate;
        if rate == 0 {
            return true;
        }
        if let Some(allowance) = self.rated.get_mut(&sender) {
            let within = allowance.left > 0;
            allowance.left = allowance.left.saturating_sub(1);
            return within;
        }
        if self.rated.len() < RATED_SENDERS {
            self.rated.insert(sender, Allowance { left: rate - 1 });
        }
        true
    }

    /// Lines 5 to 12.
    fn join(
        &mut self,
        name: GroupName,
        from: SocketAddrV4,
        request: &[u8],
        actions: &mut Vec<Action>,
    ) {
        let address = *from.ip();
        let answer = match self.admit(name, address) {
            Ok(Admission::Added(members)) => {
                actions.push(Action::Note(Note::MemberAdded {
                    group: name,
                    member: address,
                    members,
                }));
                Kind::JoinAck
            }
            Ok(Admission::Rejoined) => {
                actions.push(Action::Note(Note::MemberRejoined { group: name, member: address }));
                Kind::JoinAck
            }
            Ok(Admission::Duplicate) => Kind::DupMember,
            Err((cause, why)) => {
                self.counters.count(cause);
                actions.push(Action::Note(Note::MemberRefused { group: name, member: from, why }));
                Kind::NegJoin
            }
        };
        self.counters.count(answer.name());
        actions.push(Action::Send { to: from, bytes: answer_to(request, answer) });
    }

    fn admit(
        &mut self,
        name: GroupName,
        address: Ipv4Addr,
    ) -> Result<Admission, (&'static str, &'static str)> {
        let now = self.now;
        let slot = self.names.get(&name).copied();
        let place = slot.and_then(|slot| {
            self.members(slot).0.iter().position(|m| m.address == address).map(|p| (slot, p))
        });
        if let Some((slot, place)) = place {
            let (rejoin, edition) = (self.limits.rejoin, self.next_edition());
            let Some(group) = &mut self.groups[slot as usize] else {
                unreachable!("a group with members is in its slot")
            };
            let silence = now - group.members[place].seen;
            group.members[place].seen = now;
            if rejoin == 0 || silence <= rejoin {
                return Ok(Admission::Duplicate);
            }
            let member = group.members.remove(place);
            group.members.push(member);
            group.edition = edition;
            return Ok(Admission::Rejoined);
        }
        let endpoint = SocketAddrV4::new(address, self.limits.member_port);
        if self.limits.own.contains(&endpoint) {
            return Err(("refused-loop", "copies would come back to this mcaster"));
        }
        let slot = match slot {
            Some(slot) if self.members(slot).0.len() >= self.limits.max_members => {
                return Err(("refused-members", "the group has as many members as may be"));
            }
            Some(slot) => slot,
            None if self.names.len() >= self.limits.max_groups => {
                return Err(("refused-groups", "there are as many groups as may be"));
            }
            None => self.add_group(name),
        };
        let edition = self.next_edition();
        let Some(group) = &mut self.groups[slot as usize] else {
            unreachable!("a named group is in its slot")
        };
        // Ten thousand groups of a few members: exact growth keeps them in a few megabytes.
        group.members.reserve_exact(if group.members.len() < 16 { 1 } else { 16 });
        group.members.push(Member { address, seen: now });
        group.edition = edition;
        Ok(Admission::Added(group.members.len()))
    }

    /// Lines 13 to 19.
    fn leave(
        &mut self,
        name: GroupName,
        from: SocketAddrV4,
        request: &[u8],
        actions: &mut Vec<Action>,
    ) {
        let address = *from.ip();
        let answer = match self.names.get(&name).copied() {
            None => Kind::NoGroup,
            Some(slot) => match self.remove(slot, |m| m.address == address).as_slice() {
                [] => Kind::NoMember,
                _ => {
                    let members = self.members(slot).0.len();
                    actions.push(Action::Note(Note::MemberRemoved {
                        group: name,
                        member: address,
                        members,
                        expired: false,
                    }));
                    Kind::LeaveAck
                }
            },
        };
        self.counters.count(answer.name());
        actions.push(Action::Send { to: from, bytes: answer_to(request, answer) });
    }

    fn tick(&mut self, elapsed: u32, actions: &mut Vec<Action>) {
        self.now += u64::from(elapsed);
        self.until_second = self.until_second.saturating_sub(elapsed);
        if self.until_second == 0 {
            self.until_second = self.limits.second;
            self.rated.clear();
            if self.limits.expire > 0 {
                self.expire(actions);
            }
        }
    }

    fn expire(&mut self, actions: &mut Vec<Action>) {
        let (now, limit) = (self.now, self.limits.expire);
        for slot in 0..self.groups.len() as u32 {
            let Some(Some(group)) = self.groups.get(slot as usize) else { continue };
            let (name, mut members) = (group.name, group.members.len());
            for member in self.remove(slot, |m| now - m.seen > limit) {
                members -= 1;
                self.counters.count("expired");
                actions.push(Action::Note(Note::MemberRemoved {
                    group: name,
                    member,
                    members,
                    expired: true,
                }));
            }
        }
    }

    /// Removes the members that `which` names, and the group with its last one.
    fn remove(&mut self, slot: u32, which: impl Fn(&Member) -> bool) -> Vec<Ipv4Addr> {
        let edition = self.next_edition();
        let Some(Some(group)) = self.groups.get_mut(slot as usize) else { return Vec::new() };
        let mut removed = Vec::new();
        group.members.retain(|m| {
            let goes = which(m);
            if goes {
                removed.push(m.address);
            }
            !goes
        });
        if !removed.is_empty() {
            group.edition = edition;
        }
        if group.members.is_empty() {
            self.names.remove(&group.name);
            self.groups[slot as usize] = None;
            self.free.push(slot);
        }
        removed
    }

    fn add_group(&mut self, name: GroupName) -> u32 {
        let group = Some(Group { name, members: Vec::new(), edition: 0 });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.groups[slot as usize] = group;
                slot
            }
            None => {
                self.groups.push(group);
                (self.groups.len() - 1) as u32
            }
        };
        self.names.insert(name, slot);
        slot
    }

    fn next_edition(&mut self) -> u64 {
        self.editions += 1;
        self.editions
    }

    /// What `ms status` shows.
    pub fn status(&self) -> Value {
        let groups: Vec<Value> = self
            .names
            .iter()
            .map(|(name, &slot)| {
                let members = self.members(slot).0.iter().map(|m| m.address.to_string());
                json!({"group": name.to_string(), "members": members.collect::<Vec<_>>()})
            })
            .collect();
        let mut counters = self.counters.to_json();
        counters["relayed"] = self.relayed.datagrams.into();
        counters["copies"] = self.relayed.copies.into();
        counters["copied-bytes"] = self.relayed.bytes.into();
        json!({
            "groups": groups,
            "limits": {
                "max_groups": self.limits.max_groups,
                "max_members": self.limits.max_members,
                "allow": self.limits.allow.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "expire_ticks": self.limits.expire,
                "rejoin_ticks": self.limits.rejoin,
                "rate": self.limits.rate,
            },
            "counters": counters,
        })
    }
}

/// What a JOIN came to.
enum Admission {
    /// A new member; so many there are now.
    Added(usize),
    /// A member that had been silent for longer than the limit; it is the last one now.
    Rejoined,
    /// It was a member.
    Duplicate,
}

/// The answer to a request: its own 88 bytes with some fields rewritten, the others echoed, padding and the
/// tail of the name included (lines 20 and 21; vector JOIN_ACK_echo). It has a CRC if the request had one.
fn answer_to(request: &[u8], answer: Kind) -> Vec<u8> {
    let mut bytes = request[..HEADER_LEN].to_vec();
    let requester = BigEndian::read_u16(&request[48..]);
    BigEndian::write_u16(&mut bytes[0..], VERSION);
    BigEndian::write_u32(&mut bytes[44..], 0);
    BigEndian::write_u16(&mut bytes[48..], 0);
    BigEndian::write_u16(&mut bytes[50..], answer.code());
    BigEndian::write_u16(&mut bytes[52..], requester);
    for (pointer, length) in [(64, 68), (72, 76)] {
        BigEndian::write_u32(&mut bytes[pointer..], 0);
        BigEndian::write_u16(&mut bytes[length..], 0);
    }
    BigEndian::write_u64(&mut bytes[80..], 0);
    let sum = match checksum::check(request) {
        Checksum::Good => checksum::compute(&bytes),
        Checksum::None | Checksum::Bad { .. } => checksum::NONE,
    };
    BigEndian::write_u32(&mut bytes[4..], sum);
    bytes
}
