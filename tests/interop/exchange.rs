//! What an mcaster answers and relays, step by step, and the same from two mcasters compared.
//!
//! A step is one datagram of one host; when the mcaster has dealt with it, everything that the mcaster
//! sent for it, in the order of sending, is the step's result.

use crate::cast::{Author, Driver, SYNC_GROUP};
use crate::lab::{Datagram, Lab};
use membership::wire::{HEADER_LEN, Message, prefix};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;

/// One step and what came of it.
pub struct Step {
    /// Host and command.
    pub command: String,
    /// What the mcaster sent, in the order of sending.
    pub sent: Vec<Datagram>,
}

impl Step {
    /// The datagrams for a person who wants to know where they differ.
    pub fn readable(&self) -> Vec<String> {
        let line = |it: &Datagram| format!("to {}: {}", it.target, hex(&it.payload));
        self.sent.iter().map(line).collect()
    }
}

/// Host, command of the driver, and what the mcaster must send for it: answers as `NAME host:port`,
/// copies as `copy host`, in the order of sending.
type Row = (&'static str, &'static str, &'static [&'static str]);

const SCRIPT: &[Row] = &[
    // Nobody is anywhere yet.
    ("h4", "send 121 ring", &["NO_GROUP h4:2900"]),
    ("h4", "send 76 ring data=nobody", &[]),
    // Three join. It is the IP that counts, not the port; the answer goes to the port.
    ("h1", "send 120 ring", &["JOIN_ACK h1:2900"]),
    ("h2", "send 120 ring sender=258 view=4370 auth=16909060", &["JOIN_ACK h2:2900"]),
    ("h3", "send 120 ring declare=2900", &["JOIN_ACK h3:2900"]),
    ("h1", "send 120 ring", &["DUP_MEMBER h1:2900"]),
    ("h1", "port 40001", &[]),
    ("h1", "send 120 ring", &["DUP_MEMBER h1:40001"]),
    ("h4", "send 121 ring", &["NO_MEMBER h4:2900"]),
    // A message goes to all but its sender, whatever port it sends from.
    ("h1", "send 76 ring data=other-port", &["copy h2", "copy h3"]),
    ("h1", "port 2900", &[]),
    ("h1", "send 76 ring exclude=3,5 subjects=7 data=hello", &["copy h2", "copy h3"]),
    ("h2", "send 77 ring sender=2 subject=7 view=9 auth=1", &["copy h1", "copy h3"]),
    // One from outside goes to all.
    ("h4", "send 76 ring data=from-outside", &["copy h1", "copy h2", "copy h3"]),
    ("h4", "send 76 ring size=936", &["copy h1", "copy h2", "copy h3"]),
    // Only joining and leaving are the mcaster's own; even its answers it relays.
    ("h3", "send 0 ring sender=3", &["copy h1", "copy h2"]),
    ("h3", "send 1 ring sender=3", &["copy h1", "copy h2"]),
    ("h3", "send 130 ring", &["copy h1", "copy h2"]),
    ("h3", "send 999 ring data=unheard-of", &["copy h1", "copy h2"]),
    // Names are case sensitive; the empty one and one of 31 characters are names.
    ("h1", "send 76 Ring data=case", &[]),
    ("h1", "send 121 Ring", &["NO_GROUP h1:2900"]),
    ("h1", "send 120 -", &["JOIN_ACK h1:2900"]),
    ("h4", "send 76 - data=to-the-nameless", &["copy h1"]),
    ("h1", "send 121 -", &["LEAVE_ACK h1:2900"]),
    ("h2", "send 120 a-name-of-thirty-one-characters", &["JOIN_ACK h2:2900"]),
    ("h4", "send 76 a-name-of-thirty-one-characters", &["copy h2"]),
    // Groups know nothing of one another.
    ("h3", "send 120 other", &["JOIN_ACK h3:2900"]),
    ("h2", "send 120 other", &["JOIN_ACK h2:2900"]),
    ("h4", "send 76 other data=x", &["copy h3", "copy h2"]),
    ("h3", "send 121 other declare=1", &["LEAVE_ACK h3:2900"]),
    ("h4", "send 76 ring data=x", &["copy h1", "copy h2", "copy h3"]),
    ("h4", "send 76 other data=x", &["copy h2"]),
    // Who left and comes again is last; lists and data of a join are nobody's business.
    ("h2", "send 121 ring", &["LEAVE_ACK h2:2900"]),
    ("h4", "send 76 ring data=x", &["copy h1", "copy h3"]),
    ("h2", "send 120 ring exclude=1,2 subjects=3 data=ignored", &["JOIN_ACK h2:2900"]),
    ("h4", "send 76 ring data=x", &["copy h1", "copy h3", "copy h2"]),
    // Of a request whose bytes all differ, view, authentication, subject and sender show what comes back.
    ("h4", ECHO, &["JOIN_ACK h4:2900"]),
    // One may leave from another port; a group that nobody is left in is gone.
    ("h1", "port 40002", &[]),
    ("h1", "send 121 ring", &["LEAVE_ACK h1:40002"]),
    ("h1", "port 2900", &[]),
    ("h1", "send 121 ring", &["NO_MEMBER h1:2900"]),
    ("h2", "send 121 ring", &["LEAVE_ACK h2:2900"]),
    ("h3", "send 121 ring", &["LEAVE_ACK h3:2900"]),
    ("h3", "send 121 ring", &["NO_GROUP h3:2900"]),
    ("h4", "send 120 ring", &["JOIN_ACK h4:2900"]),
];

const ECHO: &str = "raw 0001aaaa0000ffff67727000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
    1112aaaa01020304212200783132aaaa0a0b0c0d5152aaaadeadbeef0000aaaadeadbeef0000aaaadeadbeef00000000";

const HOSTS: &[(&str, u8)] = &[("hub", 10), ("h1", 11), ("h2", 12), ("h3", 13), ("h4", 14)];

struct Stage {
    lab: Lab,
    author: Author,
    drivers: BTreeMap<&'static str, Driver>,
}

impl Stage {
    fn new(lab: Lab, author: Author) -> Stage {
        let hub = lab.host("hub").address.to_string();
        let hosts = HOSTS.iter().map(|(name, _)| *name).filter(|name| *name != "hub");
        let drivers = hosts.map(|name| (name, Driver::start(&lab.host(name), &hub))).collect();
        Stage { lab, author, drivers }
    }

    fn sync(&mut self) {
        self.drivers.values_mut().for_each(Driver::sync);
    }

    fn say(&mut self, host: &str, command: &str) {
        self.drivers.get_mut(host).expect("a host of the script").say(command);
        // The sender's answer is the end of the step, the others' that they have their copies.
        self.drivers.get_mut(host).expect("a host of the script").sync();
        self.sync();
    }

    fn describe(&self, it: &Datagram) -> String {
        let host = self.lab.name_of(*it.target.ip());
        if it.target.port() == 3000 {
            return format!("copy {host}");
        }
        let kind = Message::decode(&it.payload).ok().and_then(|message| message.kind());
        let kind = kind.map_or("?".to_string(), |kind| kind.to_string());
        format!("{kind} {host}:{}", it.target.port())
    }
}

/// Runs the script against an mcaster.
///
/// # Panics
/// If it sends anything else than the script says, if a copy is not the message behind its sender's
/// address, and if a member did not receive what was sent to it.
pub fn run_script(author: Author) -> Vec<Step> {
    let lab = Lab::new(HOSTS);
    let hub = lab.host("hub");
    let mut capture = hub.capture();
    let _mcaster = author.start_mcaster(&hub);
    let mut stage = Stage::new(lab, author);
    stage.sync();
    capture.take();
    let mut steps = Vec::new();
    for (host, command, expected) in SCRIPT {
        stage.say(host, command);
        let seen: Vec<Datagram> = capture.take().into_iter().filter(|it| !is_sync(it)).collect();
        let (sent, requests): (Vec<_>, Vec<_>) =
            seen.into_iter().partition(|it| *it.source.ip() == hub.address);
        let described: Vec<String> = sent.iter().map(|it| stage.describe(it)).collect();
        assert_eq!(described, *expected, "{:?}: {host}: {command}", stage.author);
        for copy in sent.iter().filter(|it| it.target.port() == 3000) {
            let request = &requests[0];
            assert_eq!(copy.payload[..prefix::LEN], prefix::encode(request.source), "{command}");
            assert_eq!(copy.payload[prefix::LEN..], request.payload, "{command}");
        }
        steps.push(Step { command: format!("{host}: {command}"), sent });
    }
    assert_arrival(&stage, &steps);
    steps
}

/// Each driver, a program of its own, has received exactly what was seen going to it.
fn assert_arrival(stage: &Stage, steps: &[Step]) {
    for (name, driver) in &stage.drivers {
        let address = stage.lab.host(name).address;
        let sent = steps.iter().flat_map(|step| &step.sent);
        let sent: Vec<(u16, &[u8])> = sent
            .filter(|it| *it.target.ip() == address)
            .map(|it| (it.target.port(), &it.payload[..]))
            .collect();
        let received = driver.received();
        let received: Vec<_> = received.iter().map(|it| (it.port, &it.bytes[..])).collect();
        assert_eq!(sent, received, "{name}");
    }
}

fn is_sync(it: &Datagram) -> bool {
    it.payload.get(8..).is_some_and(|rest| rest.starts_with(SYNC_GROUP.as_bytes()))
}

/// Whether two mcasters sent the same: copies to the last byte; in answers, padding, pointers and what
/// lies behind the name may differ, and data_len, which the original forgets to set.
pub fn same_meaning(one: &[Datagram], other: &[Datagram]) -> bool {
    let meaning = |sent: &[Datagram]| -> Vec<Datagram> { sent.iter().map(without_dirt).collect() };
    meaning(one) == meaning(other)
}

fn without_dirt(it: &Datagram) -> Datagram {
    let mut it = it.clone();
    if it.target.port() != 3000 && it.payload.len() == HEADER_LEN {
        it.payload = meaning(&it.payload);
        it.payload[84..].fill(0);
    }
    it
}

/// A message with zeros where the format means nothing: padding, pointers and behind the name.
pub fn meaning(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    for dirt in [2..4, 42..44, 54..56, 62..68, 70..76, 78..84] {
        message[dirt].fill(0);
    }
    let end = 8 + message[8..40].iter().position(|&byte| byte == 0).unwrap_or(32);
    message[end..40].fill(0);
    message
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Datagrams that made an original crash, overrun its memory or relay old content: our mcaster drops them,
/// answers none of them and goes on.
pub fn survive_nonsense() {
    let lab = Lab::new(HOSTS);
    let hub = lab.host("hub");
    let mut capture = hub.capture();
    let mut mcaster = Author::Ours.start_mcaster(&hub);
    let mut stage = Stage::new(lab, Author::Ours);
    stage.say("h1", "send 120 ring");
    stage.say("h2", "send 120 ring");
    capture.take();
    let unending = format!("raw 000100000000ffff{}{}", "41".repeat(32), "00".repeat(48));
    for nonsense in [
        "send 76 ring declare=327680",
        "send 76 ring declare=4294967295",
        "send 76 ring data=short declare=20",
        "send 76 ring data=long declare=1",
        "raw 00",
        "raw 0001",
        &unending,
    ] {
        stage.say("h1", nonsense);
        let seen = capture.take();
        let mut sent = seen.iter().filter(|it| *it.source.ip() == hub.address);
        assert!(sent.all(is_sync), "{nonsense}: something was sent for it");
    }
    stage.say("h1", "send 76 ring data=still-there");
    let copies = capture.take().into_iter().filter(|it| it.target.port() == 3000);
    assert_eq!(copies.count(), 1);
    mcaster.signal(Signal::SIGTERM);
    assert_eq!(mcaster.expect_exit().code(), Some(0));
}
