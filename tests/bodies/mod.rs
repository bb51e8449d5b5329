//! What must hold for any input whatsoever, one function for each door through which bytes come in.
//!
//! The targets of `tests/fuzz` call these with inputs that a fuzzer has bred, `tests/fuzz_bodies.rs` with
//! random ones and with damaged datagrams of 1994. A door that is added gets a function here, a property
//! there, and a target of four lines.

// Each fuzz target is a crate of its own and calls one of them.
#![allow(dead_code)]

use membership::campus;
use membership::name::{Gid, GroupName};
use membership::proto::mcaster::{Limits, Mcaster};
use membership::proto::network::Network;
use membership::proto::node::{Node, Role};
use membership::proto::params::Profile;
use membership::proto::qos::{Merge, NAMES, RuleError, Side, Survive};
use membership::proto::ring::{Neighbour, Places, Ring};
use membership::proto::step::{Input, Via};
use membership::wire::auth::{Fate, Finding, Guard, Keys, Mode, TRAILER_LEN, Trailer};
use membership::wire::coreset::{CoreMessage, View};
use membership::wire::fragment::{
    Event, Fragment, Outcome, Outgoing, ReceiveLimits, Receiving, Refusal, Room, SendLimits,
    Sending,
};
use membership::wire::group::{MAX_RULE, Qos};
use membership::wire::local::{Asking, Assembly, MAX_PACKET, Telling};
use membership::wire::{
    Draft, HEADER_LEN, Header, Kind, MAX_DATAGRAM, Message, Sum, WireError, prefix,
};
use std::net::{Ipv4Addr, SocketAddrV4};

/// A datagram is refused with a word, or understood so well that it can be said again.
pub fn message(datagram: &[u8]) {
    let message = match Message::decode(datagram) {
        Ok(message) => message,
        Err(error) => {
            assert_eq!(Message::receive(datagram, true), Err(error));
            assert_eq!(WireError::CAUSES[error.index()], error.cause());
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    match Message::receive(datagram, true) {
        Ok(received) => assert_eq!(received, message),
        Err(error) => assert_eq!(error.cause(), "checksum"),
    }
    if datagram.len() > MAX_DATAGRAM {
        return;
    }
    let exclude: Vec<Gid> = message.exclude.iter().collect();
    let subjects: Vec<Gid> = message.subjects.iter().collect();
    let draft = Draft {
        header: message.header,
        exclude: &exclude,
        subjects: &subjects,
        data: message.data,
    };
    let mut dirty = vec![0xAA; datagram.len()];
    assert_eq!(draft.encode(&mut dirty, Sum::Crc), Ok(datagram.len()));
    assert_eq!(Message::receive(&dirty, false), Ok(message));
    assert_eq!(message.header.group.field()[..], dirty[8..40]);
    let _ = message.header.group.to_string();
}

/// The text of an ms.campus: faults with their places, or a hierarchy that can be said again.
pub fn campus(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match campus::parse(&text) {
        Ok(read) => {
            assert_eq!(campus::parse(&read.to_string()), Ok(read.clone()));
            let nobody = campus::plan(&campus::Live::default(), &read);
            assert!(nobody.steps.is_empty() && !nobody.chores.is_empty());
        }
        Err(faults) => {
            assert!(!faults.is_empty() && faults.is_sorted());
            assert!(faults.iter().all(|fault| fault.to_string().contains(": ")));
        }
    }
}

/// What an mcaster may have relayed: a refusal, or a sender and a message to look at.
pub fn prefix(datagram: &[u8]) {
    let extended = prefix::is_extended(datagram);
    match prefix::decode(datagram) {
        Err(error) => {
            assert!(!extended);
            assert!(matches!(error.cause(), "short" | "family"), "{error}");
        }
        Ok((sender, rest)) => {
            assert_eq!(prefix::encode(sender)[..8], datagram[..8]);
            assert_eq!(rest, &datagram[prefix::LEN..]);
            assert!(Message::decode(datagram).is_err(), "a plain message has version 1");
            message(rest);
        }
    }
}

/// The input is first the data of a FRAGMENT message, then a script for a sender, two receivers and a line
/// that loses, repeats, reorders and damages what it carries.
pub fn fragment(input: &[u8]) {
    if let Ok(fragment) = Fragment::decode(input) {
        let again = match &fragment {
            Fragment::Part(part) => part.encode(),
            Fragment::Report(report) => report.encode(),
        };
        // The index of a report, bytes 22 and 23, and what is behind a report are for later versions.
        assert_eq!(again[..20], input[..20]);
        assert_eq!(Fragment::decode(&again), Ok(fragment));
    }
    play(input);
}

/// Plays the script: how many wholes were delivered.
pub fn play(input: &[u8]) -> usize {
    let mut line = Line::new();
    let mut script = input.iter().copied();
    while let Some(op) = script.next() {
        let mut next = || script.next().unwrap_or_default();
        match op % 8 {
            0 => line.send(next(), next()),
            1 | 2 => line.tick(),
            3 => drop(line.take(next())),
            4 => line.corrupt(next(), next(), next()),
            5 => line.repeat(next()),
            _ => line.deliver(next()),
        }
        line.check();
    }
    line.delivered
}

const LIMITS: ReceiveLimits = ReceiveLimits {
    whole: 4000,
    halves_per_sender: 3,
    halves: 4,
    bytes_per_sender: 5000,
    bytes: 5000,
    idle: 6,
    life: 20,
    done: 2,
    memory: 5,
};

struct Line {
    sending: Sending,
    receiving: [Receiving; 2],
    /// From, to (the sender is 0, the receivers 1 and 2), header, data.
    under_way: Vec<(u8, u8, Header, Vec<u8>)>,
    sent: Vec<Vec<u8>>,
    delivered: usize,
}

fn address(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

impl Line {
    fn new() -> Line {
        let room = Room::new(300, 20).expect("wide enough");
        let limits =
            SendLimits { wholes: 3, burst: 4, wait: 2, retries: 3, ..SendLimits::default() };
        let receiving = || Receiving::new(LIMITS, room);
        Line {
            sending: Sending::new(limits, room, 1),
            receiving: [receiving(), receiving()],
            under_way: Vec::new(),
            sent: Vec::new(),
            delivered: 0,
        }
    }

    fn send(&mut self, size: u8, salt: u8) {
        let mut data = vec![salt; usize::from(size) * 16];
        data.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= i as u8);
        let header = Header::new(GroupName::default(), Kind::Init);
        let whole = Draft { data: &data, ..Draft::bare(header) }.to_vec(Sum::Crc).expect("small");
        let mut events = Vec::new();
        match self.sending.send(whole.clone(), &[address(1), address(2)], &mut events) {
            Ok(_) => self.sent.push(whole),
            Err(refusal) => assert!(matches!(refusal, Refusal::Needless | Refusal::Full)),
        }
        self.post(events);
    }

    fn post(&mut self, events: Vec<Event>) {
        for event in events {
            if let Event::Send(Outgoing { to, header, data }) = event {
                assert!(HEADER_LEN + data.len() + 20 <= 300);
                for to in to {
                    self.under_way.push((0, to.ip().octets()[3], header, data.clone()));
                }
            }
        }
    }

    fn tick(&mut self) {
        let mut events = Vec::new();
        self.sending.tick(&mut events);
        self.post(events);
        self.receiving.iter_mut().for_each(|receiving| drop(receiving.tick()));
    }

    fn take(&mut self, which: u8) -> Option<(u8, u8, Header, Vec<u8>)> {
        let len = self.under_way.len();
        (len > 0).then(|| self.under_way.swap_remove(usize::from(which) % len))
    }

    fn corrupt(&mut self, which: u8, at: u8, value: u8) {
        let len = self.under_way.len();
        if len > 0 {
            let (_, _, _, data) = &mut self.under_way[usize::from(which) % len];
            let at = usize::from(at) % data.len();
            data[at] = value;
        }
    }

    fn repeat(&mut self, which: u8) {
        let len = self.under_way.len();
        if (1..100).contains(&len) {
            self.under_way.push(self.under_way[usize::from(which) % len].clone());
        }
    }

    fn deliver(&mut self, which: u8) {
        let Some((from, to, header, data)) = self.take(which) else { return };
        match Fragment::decode(&data) {
            // The kind of fragment decides who reads it, so a damaged one may reach the wrong side.
            Ok(Fragment::Part(part)) => {
                let Some(receiving) = self.receiving.get_mut(usize::from(to.max(1) - 1)) else {
                    return;
                };
                let Ok(arrival) = receiving.part(address(from), &header, &part) else { return };
                if let Outcome::Whole(whole) = arrival.outcome {
                    assert!(self.sent.contains(&whole), "what is delivered was sent");
                    self.delivered += 1;
                }
                if let Some(reply) = arrival.reply {
                    self.under_way.push((to, from, reply.header, reply.data));
                }
            }
            Ok(Fragment::Report(report)) => drop(self.sending.report(address(from), &report)),
            Err(error) => assert!(matches!(error.cause(), "payload" | "short")),
        }
    }

    fn check(&self) {
        assert!(self.sending.wholes() <= 3);
        for receiving in &self.receiving {
            assert!(receiving.bytes() <= LIMITS.bytes);
            assert!(receiving.halves() <= LIMITS.halves);
            assert!(receiving.done() <= LIMITS.done);
        }
    }
}

/// A core-set message is refused with a word, or understood so well that it can be said again.
pub fn coreset(datagram: &[u8]) {
    let Ok(message) = Message::decode(datagram) else { return };
    let core = match CoreMessage::decode(&message) {
        Ok(core) => core,
        Err(WireError::Payload(word)) => {
            assert!(word.contains(": "), "{word}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let again = core.encode().expect("what was taken in may go out");
    let message = Message::receive(&again, false).expect("our own");
    assert_eq!(CoreMessage::decode(&message).as_ref(), Ok(&core));
    let view = View {
        position: core.position,
        level: core.level,
        name: core.name,
        members: vec![core.from],
        parents: core.parents.clone(),
        parent: None,
        former: None,
        done: Vec::new(),
    };
    let in_view = core.encode_in(&view).expect("nor do gids make it longer than it may be");
    assert_eq!(CoreMessage::decode(&Message::decode(&in_view).expect("our own")), Ok(core));
}

/// A packet between an application and a member interface is refused with a word, or is exactly what its meaning is
/// encoded as; whichever packets come one after the other, an event is put together or refused.
pub fn local(packet: &[u8]) {
    let refused = |error: WireError| match error {
        WireError::Payload(word) => assert!(word.contains(": "), "{word}"),
        error => panic!("{error}"),
    };
    match Asking::decode(packet) {
        Ok(asking) if packet.len() <= MAX_PACKET => {
            assert_eq!(asking.encode().as_deref(), Ok(packet));
        }
        Ok(_) => {}
        Err(error) => refused(error),
    }
    match Telling::decode(packet) {
        Ok(telling) => assert_eq!(telling.encode(), packet),
        Err(error) => refused(error),
    }
    let mut assembly = Assembly::default();
    for part in packet.split(|byte| *byte == 0xFF) {
        let Ok(telling) = Telling::decode(part) else { continue };
        match assembly.take(telling) {
            Ok(Some(Telling::Event { event, more })) => {
                assert!(!more);
                assert!(!event.packets().is_empty());
            }
            Ok(Some(Telling::Rest { .. })) => panic!("a rest is no whole"),
            Ok(_) => {}
            Err(error) => refused(error),
        }
    }
}

/// A rule is refused with a place in it, or says the same when it is written anew; and it can be judged.
pub fn rule(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let chars = text.chars().count();
    let refused = |error: RuleError| {
        assert!((1..=chars + 1).contains(&error.at), "{error}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
    };
    match text.parse::<Survive>() {
        Ok(rule) => {
            let again = rule.to_string();
            if again.len() <= MAX_RULE {
                assert_eq!(again.parse(), Ok(rule.clone()), "{again}");
            }
            let without = rule.judge(&Side { roster: &[], majority: false });
            let with = rule.judge(&Side { roster: &[], majority: true });
            // No rule has a not in it, so that a majority never kills; and one that only a majority fulfils needs it.
            assert!(with || !without);
            assert!(!(rule.is_exclusive() && without), "{rule}");
            assert!(rule.counts() || with == without);
        }
        Err(error) => refused(error),
    }
    match text.parse::<Merge>() {
        Ok(rule) => {
            let again = rule.to_string();
            if again.len() <= MAX_RULE {
                assert_eq!(again.parse(), Ok(rule.clone()), "{again}");
            }
            assert_eq!(rule.matches(&[], &[]), rule == Merge::Name);
        }
        Err(error) => refused(error),
    }
    let mut qos = Qos { survive: text.to_string(), merge: text.to_string(), ..Qos::default() };
    assert!(
        text.is_empty() || qos.check().is_ok() == (qos.survival().is_ok() && qos.merging().is_ok())
    );
    for name in NAMES {
        let set = qos.set(name, &text).is_ok();
        // The name of a set may have bytes that are shown in another way than they are said.
        if set && !name.ends_with("scope") {
            let words = qos.get(name).unwrap();
            assert!(
                words.len() > MAX_RULE || qos.clone().set(name, &words).is_ok(),
                "{name} {words}"
            );
        }
    }
    let _ = (qos.supported(), qos.to_json(), qos.is_exclusive());
}

/// A guard that demands signatures lets nothing pass that it did not see made, and does not panic.
pub fn auth(datagram: &[u8]) {
    if Message::receive(datagram, true).is_err() {
        return;
    }
    let keys = Keys::parse("1 00112233445566778899aabbccddeeff").unwrap();
    let from = SocketAddrV4::new(Ipv4Addr::new(10, 94, 0, 11), 2900);
    let (body, trailer) = Trailer::split(Message::decode(datagram).unwrap().data);
    let trailer_len = if trailer.is_some() { TRAILER_LEN } else { 0 };
    assert_eq!(body.len() + trailer_len, Message::decode(datagram).unwrap().data.len());
    for mode in Mode::ALL {
        let mut guard = Guard::new(keys.clone(), mode, [7; 32], 100);
        let verdict = guard.admit(from, datagram);
        match verdict.fate {
            Fate::Pass { data_len, doubt, .. } => {
                assert!(mode != Mode::Require && doubt.is_some(), "{doubt:?}");
                assert!(data_len <= datagram.len());
            }
            Fate::Drop(finding) => assert!(Finding::WORDS.contains(&finding.word())),
        }
        assert_eq!(guard.contacts(), 0);
    }
}

/// Whatever comes in by whichever socket, a daemon's machine takes it, and only what its own rules allow
/// changes it.
pub fn node(datagram: &[u8]) {
    let address = |last| SocketAddrV4::new(Ipv4Addr::new(10, 94, 0, last), 2900);
    let mut actions = Vec::new();
    let limits = Limits {
        max_groups: 4,
        max_members: 4,
        allow: vec![Network::new(Ipv4Addr::new(10, 94, 0, 0), 24)],
        expire: 10,
        rejoin: 5,
        rate: 3,
        second: 2,
        member_port: 3000,
        own: vec![address(10)],
    };
    let neighbour = |n| Neighbour { gid: Gid(n), address: address(10 + n as u8) };
    let places = Places {
        group: "ring".parse().unwrap(),
        mcaster: Some(address(10)),
        gid: Gid(1),
        cw: neighbour(2),
        ccw: neighbour(3),
    };
    let params = Profile::named("lan").unwrap().params();
    let roles = [
        Role::Mcaster(Mcaster::new(limits)),
        Role::Ring(Ring::start(places, params, &mut actions)),
    ];
    for role in roles {
        let mut node = Node::new(role, None, &mut []);
        for (via, from) in [
            (Via::Own, address(13)),
            (Via::Own, address(10)),
            (Via::Own, SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 53)),
            (Via::Group, address(12)),
            (Via::Mcaster, address(10)),
        ] {
            let foreign = !from.ip().octets().starts_with(&[10, 94]);
            let before = foreign.then(|| node.status()["groups"].clone());
            actions.clear();
            node.step(Input::Datagram { via, from, bytes: datagram }, &mut actions);
            assert!(before.is_none_or(|groups| groups == node.status()["groups"]));
            node.step(Input::Tick { elapsed: 1 }, &mut actions);
        }
        let _ = node.status().to_string();
    }
}
