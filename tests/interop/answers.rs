//! What an mserver answers, to whom, and where to: one script for the original and for ours.
//!
//! ```text
//!   h2, its cw neighbour ----- QUERY -----> h1, the mserver
//!       |                                     ^
//!       +--- QUERY ---> mcaster --- :3000 ----+    the REPLY is plain all the same
//! ```

use crate::cast::{Author, Driver};
use crate::golden::reliable;
use crate::lab::{Datagram, Lab, await_truth};
use membership::wire::{Kind, Message};
use std::net::SocketAddrV4;

const MSERVER: &str = "10.94.0.11";
const HUB: &str = "10.94.0.10";

/// Who says what, directly or through the mcaster, and to which host and port a REPLY is due.
const SCRIPT: &[(&str, &str, &str, Option<&str>)] = &[
    ("h2", MSERVER, "send 0 ring sender=2 subject=1", Some("10.94.0.12:2900")),
    ("h2", MSERVER, "send 0 ring sender=2 subject=1 declare=2900", Some("10.94.0.12:2900")),
    // Only the IP of the cw neighbour and the group count, neither gids nor the port.
    ("h2", MSERVER, "send 0 ring sender=77 subject=78 view=5", Some("10.94.0.12:2900")),
    ("h2", MSERVER, "port 40001", None),
    ("h2", MSERVER, "send 0 ring sender=2 subject=1", Some("10.94.0.12:40001")),
    ("h2", HUB, "send 0 ring sender=2 subject=1", Some("10.94.0.12:40001")),
    ("h2", HUB, "port 2900", None),
    ("h2", HUB, "send 0 ring sender=2 subject=1", Some("10.94.0.12:2900")),
    // None of these.
    ("h2", MSERVER, "send 0 Ring sender=2 subject=1", None),
    ("h2", MSERVER, "send 0 - sender=2 subject=1", None),
    ("h3", MSERVER, "send 0 ring sender=2 subject=1", None),
    ("h4", MSERVER, "send 0 ring sender=2 subject=1", None),
    ("h4", HUB, "send 0 ring sender=2 subject=1", None),
    ("h3", MSERVER, "send 1 ring sender=3 subject=1", None),
    ("h4", MSERVER, "send 1 ring sender=3 subject=1", None),
    // Of no concern to a mserver of that time: printed, or counted, no more.
    ("h4", MSERVER, "send 130 ring", None),
    ("h4", MSERVER, "send 21 ring data=ack", None),
    ("h4", MSERVER, "send 999 ring", None),
    ("h4", HUB, "send 76 ring exclude=3,3,5 subjects=7 data=hello", None),
    // Still there, by either socket; the plain one last, because an original may drop what comes by it
    // while the other has something too.
    ("h2", HUB, "send 0 ring sender=2 subject=1", Some("10.94.0.12:2900")),
    ("h2", MSERVER, "send 0 ring sender=2 subject=1", Some("10.94.0.12:2900")),
];

/// Plays the script to an mserver and returns everything that it sent: who got it, and what it meant.
///
/// # Panics
/// If a REPLY goes where the script does not say, or does not come.
pub fn to_script(author: Author) -> Vec<(SocketAddrV4, Vec<u8>)> {
    let lab = Lab::new(&[("hub", 10), ("h1", 11), ("h2", 12), ("h3", 13), ("h4", 14)]);
    let _mcaster = Author::Original.start_mcaster(&lab.host("hub"));
    let mut drivers = ["h2", "h3", "h4"].map(|host| (host, Driver::start(&lab.host(host), HUB)));
    let mut capture = lab.host("h1").capture();
    // Its own QUERYs would only be in the way.
    let line = "--query 3600000 ring 10.94.0.10 1 2 10.94.0.12 3 10.94.0.13";
    let _mserver = author.start_mserver(&lab.host("h1"), line);
    // An original must not hear anything else first.
    await_truth("it has its JOIN_ACK", || capture.take().iter().any(|it| is(it, Kind::JoinAck)));
    let mut sent = Vec::new();
    for (host, way, command, expected) in SCRIPT {
        let (_, driver) = drivers.iter_mut().find(|(name, _)| name == host).expect("a driver");
        driver.say(&format!("to {way}"));
        driver.say(command);
        let target: Option<SocketAddrV4> = expected.map(|text| text.parse().expect("an address"));
        if command.starts_with("port") {
            continue;
        }
        if *way == HUB {
            driver.sync();
        }
        let mut replies = Vec::new();
        match target {
            Some(_) => await_truth(command, || {
                replies.extend(capture.take().into_iter().filter(is_reply));
                !replies.is_empty()
            }),
            // Nothing is to come. That it does not come later either shows in the steps that follow.
            None => replies.extend(capture.take().into_iter().filter(is_reply)),
        }
        let targets: Vec<SocketAddrV4> = replies.iter().map(|it| it.target).collect();
        assert_eq!(targets, Vec::from_iter(target), "{author:?}: {host}: {command}");
        sent.extend(replies.into_iter().map(|it| (it.target, reliable(&it.payload))));
    }
    sent
}

fn is(it: &Datagram, kind: Kind) -> bool {
    Message::decode(&it.payload).is_ok_and(|message| message.kind() == Some(kind))
}

/// A REPLY of the mserver, not one that the script sends to it.
fn is_reply(it: &Datagram) -> bool {
    is(it, Kind::Reply) && it.source.ip().to_string() == MSERVER
}
