//! Hosts that sign and guard, the network between them, and what must always hold.

use membership::name::Gid;
use membership::wire::auth::{Fate, Finding, Guard, Key, Mode, Signer};
use membership::wire::{Draft, Header, Kind, Message, Sum};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// Ticks in a second.
pub const PACE: u32 = 10;

pub fn key(id: u32) -> Key {
    Key::new(id, &(0..16).map(|n| n * id as u8).collect::<Vec<u8>>()).unwrap()
}

pub fn address(host: usize) -> SocketAddrV4 {
    SocketAddrV4::new([192, 0, 2, host as u8 + 1].into(), 2900)
}

pub fn message(kind: Kind, data: &[u8]) -> Vec<u8> {
    let header = Header::new("ring".parse().unwrap(), kind);
    Draft { header, exclude: &[], subjects: &[Gid(4)], data }.to_vec(Sum::Crc).unwrap()
}

/// A datagram on the way, or in the hands of who captured it.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: usize,
    pub to: usize,
    pub bytes: Vec<u8>,
}

pub struct Host {
    pub signer: Signer,
    pub guard: Guard,
    pub life: usize,
}

/// Hosts under `require`, the network between them, and a memory of everything that was ever sent.
pub struct World {
    pub hosts: Vec<Host>,
    pub net: Vec<Packet>,
    pub captured: Vec<Packet>,
    boots: BTreeSet<u64>,
    seeds: u8,
    /// Sender and its life, by number of the message.
    sent: Vec<(usize, usize)>,
    /// Receiver and number of the message.
    pub passed: BTreeSet<(usize, usize)>,
    /// The newest life that a receiver has heard, by receiver and sender.
    heard: BTreeMap<(usize, usize), usize>,
}

impl World {
    pub fn new(hosts: usize) -> World {
        let mut world = World {
            hosts: Vec::new(),
            net: Vec::new(),
            captured: Vec::new(),
            boots: BTreeSet::new(),
            seeds: 0,
            sent: Vec::new(),
            passed: BTreeSet::new(),
            heard: BTreeMap::new(),
        };
        for _ in 0..hosts {
            let host = world.start(1000, 0);
            world.hosts.push(host);
        }
        world
    }

    fn start(&mut self, mut boot: u64, life: usize) -> Host {
        while !self.boots.insert(boot) {
            boot = boot.wrapping_add(1);
        }
        self.seeds = self.seeds.wrapping_add(1);
        let guard = Guard::new(key(1).into(), Mode::Require, [self.seeds; 32], PACE);
        Host { signer: Signer::new(key(1), boot), guard, life }
    }

    pub fn restart(&mut self, host: usize, boot: u64) {
        self.hosts[host] = self.start(boot, self.hosts[host].life + 1);
    }

    fn seal(&mut self, from: usize, to: usize, mut bytes: Vec<u8>) {
        self.hosts[from].signer.seal(&mut bytes, address(from)).unwrap();
        self.net.push(Packet { from, to, bytes });
    }

    /// Sends a message of its own number.
    pub fn send(&mut self, from: usize, to: usize) -> usize {
        let number = self.sent.len();
        self.sent.push((from, self.hosts[from].life));
        self.seal(from, to, message(Kind::Query, &(number as u64).to_be_bytes()));
        number
    }

    /// Hands a packet over, and checks what must hold of whatever passes.
    pub fn deliver(&mut self, packet: &Packet) -> Finding {
        self.captured.push(packet.clone());
        let Packet { from, to, bytes } = packet;
        let received = Message::receive(bytes, false).unwrap();
        let verdict = self.hosts[*to].guard.admit(address(*from), bytes);
        if let Some(back) = verdict.back {
            assert!(matches!(verdict.fate, Fate::Drop(Finding::NoContact | Finding::Answered)));
            self.seal(*to, *from, back);
        }
        match verdict.fate {
            Fate::Drop(finding) => finding,
            Fate::Pass { data_len, key, doubt } => {
                assert_eq!((key, doubt), (Some(1), None));
                let payload = received.data[..data_len].try_into().unwrap();
                let number = u64::from_be_bytes(payload) as usize;
                let (sender, life) = self.sent[number];
                assert_eq!(sender, *from, "passed under another name");
                assert!(self.passed.insert((*to, number)), "message {number} passed twice");
                let newest = self.heard.entry((*to, sender)).or_insert(life);
                assert!(life >= *newest, "message {number} is of a former life");
                *newest = life;
                Finding::Proven
            }
        }
    }

    pub fn deliver_all(&mut self) {
        while !self.net.is_empty() {
            let packet = self.net.remove(0);
            self.deliver(&packet);
        }
    }

    pub fn tick(&mut self, elapsed: u32) {
        for host in &mut self.hosts {
            host.guard.tick(elapsed);
        }
    }

    /// Sends from `from` to `to` on a good network, once a second, until it passes: how often.
    pub fn attempts(&mut self, from: usize, to: usize) -> usize {
        for attempt in 1..=5 {
            let number = self.send(from, to);
            self.deliver_all();
            if self.passed.contains(&(to, number)) {
                return attempt;
            }
            self.tick(PACE);
        }
        panic!("{from} is locked out of {to}");
    }

    /// Shows every datagram that was ever captured to its addressee again.
    pub fn show_everything(&mut self) {
        for packet in std::mem::take(&mut self.captured) {
            self.deliver(&packet);
        }
        // What that provoked between the hosts themselves goes its way.
        self.deliver_all();
    }

    /// The same, where everything had its chance before: nothing may come of it.
    pub fn replay_everything(&mut self) {
        let before = self.passed.clone();
        self.show_everything();
        assert_eq!(self.passed, before);
    }
}
