//! Both sides over a line that loses, doubles and reorders, and each side before a hostile peer.

mod line;
mod receiving;
mod sending;

use super::*;
use crate::name::{Gid, GroupName};
use crate::wire::{Draft, Kind, Sum};
use std::collections::BTreeSet;

const MTU: usize = 400;
const RESERVE: usize = 60;

fn peer(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new([10, 94, 0, n].into(), 2900)
}

fn room() -> Room {
    Room::new(MTU, RESERVE).unwrap()
}

/// An encoded message of `len` bytes; `salt` makes it differ from others.
fn message(len: usize, salt: u8) -> Vec<u8> {
    let mut header = Header::new("ring".parse::<GroupName>().unwrap(), Kind::Init);
    (header.sender, header.subject) = (Gid(1), Gid(2));
    let mut bytes = vec![0; len];
    Draft::bare(header).encode(&mut bytes, Sum::None).unwrap();
    for (i, byte) in bytes[HEADER_LEN..].iter_mut().enumerate() {
        *byte = (i * 31 / 7) as u8 ^ salt;
    }
    bytes[84..HEADER_LEN].copy_from_slice(&((len - HEADER_LEN) as u32).to_be_bytes());
    bytes
}

/// Sends the fragment through the encoder, as its bytes would travel.
fn datagram(outgoing: &Outgoing) -> Vec<u8> {
    let draft = Draft { data: &outgoing.data, ..Draft::bare(outgoing.header) };
    let mut buf = [0xAA; MTU - RESERVE];
    let len = draft.encode(&mut buf, Sum::Crc).expect("a fragment leaves room for the trailer");
    buf[..len].to_vec()
}

fn sends(events: Vec<Event>) -> Vec<Outgoing> {
    let send = |event| match event {
        Event::Send(outgoing) => outgoing,
        Event::GaveUp { id, to } => panic!("gave up {id} for {to}"),
    };
    events.into_iter().map(send).collect()
}

/// All first-round parts of one whole.
fn parts_of(whole: &[u8], limits: SendLimits, first: u64) -> Vec<Outgoing> {
    let mut sending = Sending::new(SendLimits { burst: u16::MAX, ..limits }, room(), first);
    let mut events = Vec::new();
    sending.send(whole.to_vec(), &[peer(1)], &mut events).unwrap();
    sends(events)
}

fn as_part(data: &[u8]) -> Part<'_> {
    match Fragment::decode(data) {
        Ok(Fragment::Part(part)) => part,
        other => panic!("no part: {other:?}"),
    }
}

fn as_report(data: &[u8]) -> Report {
    match Fragment::decode(data) {
        Ok(Fragment::Report(report)) => report,
        other => panic!("no report: {other:?}"),
    }
}

#[test]
fn a_path_too_narrow_for_fragments_is_refused() {
    assert!(Room::new(256, 0).is_ok());
    assert!(Room::new(255, 0).is_err());
    assert!(Room::new(1400, 1400).is_err());
    assert!(Room::new(0, usize::MAX).is_err());
    assert_eq!(Room::new(usize::MAX, 0).unwrap().part(), MAX_DATAGRAM - 128);
}

#[test]
fn every_refusal_has_a_word_of_its_own() {
    let words: BTreeSet<_> = Refusal::CAUSES.into_iter().collect();
    assert_eq!(words.len(), Refusal::CAUSES.len());
    assert_eq!(Refusal::Stale.cause(), "late-report");
    assert_eq!(Refusal::Oversized { have: 2, most: 1 }.cause(), "whole-oversized");
}
