//! The peer held against captured datagrams: what running builds of the 1994 programs, on a big-endian
//! 32-bit machine, were seen to send. A test against a peer is worth what the peer is worth.

use crate::cast::{Author, Driver, start_peer, unhex};
use crate::exchange::{hex, meaning};
use crate::lab::{Datagram, Lab, await_truth};
use membership::wire::{Kind, Message};

const JOIN_GROUP: &str = "000100000000ffff72696e670000000000000000000000000000000000000000000000000000\
    0000000000000000000000000078000000000000000000000000000000000000000000000000\
    000000000000000000000000";
const QUERY: &str = "000100000000ffff72696e670000000000000000000000000000000000000000000000000000\
    0000000000000000000000010000000300000000000000000000000000000000000000000000\
    000000000000000000000000";
const REPLY: &str = "000100000000ffff72696e670000000000000000000000000000000000000000000000000000\
    0000000000000000000000030001000100000000000000000000000000000000000000000000\
    000000000000000000000000";
const SUBMIT: &str = "000100000000ffff72696e670000000000000000000000000000000000000000000000000000\
    000000070000010203040004004c000200000000000000000000100d5bf000020000100d5c00\
    00010000408008940000000500030005000768656c6c6f";
const HEAD_FIRST: &str = "000100000000ffff72696e670000000000000000000000000000000000000000000000000000\
    000000000000000000000004004c000000000000000000000000100d5be00002000000000000\
    00000000408008c70000000e0005000361646465642d332d7468656e2d35";
const EXTENDED: &str = "00020b540a5e000e0000000000000000000100000000ffff72696e6700000000000000000000\
    00000000000000000000000000000000000000070000010203040004004c0002000000000000\
    00000000100d5bf000020000100d5c0000010000408008940000000500030005000768656c6c\
    6f";
const ECHO_ANSWER: &str = "0001aaaa0000ffff67727000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
    aaaa1112aaaa00000000000000822122aaaa0a0b0c0d5152aaaa000000000000aaaa00000000\
    0000aaaa0000000000000000";
const ECHO_REQUEST: &str = "0009aaaa6162636467727000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
    aaaa1112aaaa01020304212200783132aaaa0a0b0c0d5152aaaadeadbeef0000aaaadeadbeef\
    0000aaaadeadbeef00000000";

/// What of a message a receiver may rely on: the subject's address and rank are stale content too, what
/// data_len says in a message without data, and a checksum that is right is as good as none.
pub fn reliable(datagram: &[u8]) -> Vec<u8> {
    let message = Message::receive(datagram, true).expect("a message");
    let mut bare = meaning(datagram);
    bare[4..8].fill(0);
    bare[56..62].fill(0);
    if message.data.is_empty() {
        bare[84..88].fill(0);
    }
    bare
}

fn assert_sent(seen: &[Datagram], golden: &str, what: &str) {
    let golden = reliable(&unhex(golden));
    let plain = seen.iter().filter(|it| it.target.port() != 3000);
    let plain: Vec<Vec<u8>> = plain.map(|it| reliable(&it.payload)).collect();
    let others: Vec<String> = plain.iter().map(|message| hex(message)).collect();
    assert!(plain.contains(&golden), "{what}: no {}\namong {others:#?}", hex(&golden));
}

/// The driver's messages, and the mcaster's answer and copy, are those of the originals.
pub fn mcaster_and_driver() {
    let lab = Lab::new(&[("hub", 10), ("h1", 11), ("h4", 14)]);
    let hub = lab.host("hub");
    let mut mcaster = start_peer(&hub, &["mcaster"]);
    mcaster.expect("ready");
    let mut capture = hub.capture();
    let mut h1 = Driver::start(&lab.host("h1"), "10.94.0.10");
    let mut h4 = Driver::start(&lab.host("h4"), "10.94.0.10");

    h1.say(&format!("raw {ECHO_REQUEST}"));
    assert_eq!(
        h1.expect(Kind::JoinAck, "grp").bytes,
        unhex(ECHO_ANSWER),
        "the answer, dirt and all"
    );

    capture.take(); // of version 9, to show that nobody checks it
    h1.say("send 120 ring");
    h1.expect(Kind::JoinAck, "ring");
    assert_sent(&capture.take(), JOIN_GROUP, "JOIN_GROUP");

    h4.say(
        "send 76 ring view=7 auth=0x01020304 sender=4 subject=2 exclude=5,3 subjects=7 data=hello",
    );
    h4.sync();
    h1.sync();
    assert_sent(&capture.take(), SUBMIT, "SUBMIT");
    let golden = unhex(EXTENDED);
    let copy = &h1.received()[2].bytes;
    assert_eq!(copy[..16], golden[..16], "the prefix");
    assert_eq!(reliable(&copy[16..]), reliable(&golden[16..]), "the message behind it");

    h4.say("send 76 ring sender=4 exclude=3,5 data=added-3-then-5");
    h4.sync();
    assert_sent(&capture.take(), HEAD_FIRST, "a list, last gid first");
}

/// The JOIN_GROUP, QUERY and REPLY of an mserver are those of the originals.
pub fn mserver(author: Author) {
    let lab = Lab::new(&[("hub", 10), ("h1", 11), ("h2", 12), ("h3", 13)]);
    let mut mcaster = Author::Original.start_mcaster(&lab.host("hub"));
    let mut seen = lab.host("h1").capture();
    let start = |host: &str, neighbours: &str| {
        let line = format!("--tick 20 --query 300 --reply 100 ring 10.94.0.10 {neighbours}");
        author.start_mserver(&lab.host(host), &line)
    };
    let _third = start("h3", "3 1 10.94.0.11 2 10.94.0.12");
    mcaster.expect("JOIN_GROUP ring from 10.94.0.13:2900 answered JOIN_ACK");
    let _first = start("h1", "1 2 10.94.0.12 3 10.94.0.13");
    let mut sent = Vec::new();
    await_truth("a QUERY is answered", || {
        sent.extend(seen.take());
        sent.iter().any(|it| it.target.port() == 2900 && it.source.ip().octets()[3] == 13)
    });
    assert_sent(&sent, JOIN_GROUP, "JOIN_GROUP");
    assert_sent(&sent, QUERY, "QUERY");
    assert_sent(&sent, REPLY, "REPLY");
}
