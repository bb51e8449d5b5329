//! Who has no key, or only what others signed: nothing passes, nothing is remembered, nothing amplified.

use crate::world::{PACE, World, address, key, message};
use membership::name::Gid;
use membership::wire::auth::{
    ANSWERS_EACH, Fate, Finding, Guard, Key, Keys, Mode, Nonce, Signer, TRAILER_LEN, nonce_of,
};
use membership::wire::{Draft, Header, Kind, Message, Sum, checksum, prefix};
use proptest::prelude::*;
use std::net::SocketAddrV4;

/// The golden vector: key 1 is 000102...0f, the sender is 192.0.2.1:2900 in its life 1. The message is a QUERY
/// of gid 3 to gid 5 in the set "ring", without a payload, the first of that life.
const GOLDEN: &str = concat!(
    "000100000182e04772696e670000000000000000000000000000000000000000",
    "0000000000000000000000000000000000030000000500000000000000000000",
    "000000000000000000000000000000000000000000000028", // the header ends here: 40 bytes of data
    "6d734131000000010000000000000001000000000000000176449d9d64c2990be600b409125cc5a6",
);

#[test]
fn the_golden_datagram_is_what_another_implementation_must_send() {
    let mut header = Header::new("ring".parse().unwrap(), Kind::Query);
    header.sender = Gid(3);
    header.subject = Gid(5);
    let mut datagram = Draft::bare(header).to_vec(Sum::Crc).unwrap();
    Signer::new(key(1), 1).seal(&mut datagram, address(0)).unwrap();
    let hex: String = datagram.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
    let keys = Keys::parse("1 000102030405060708090a0b0c0d0e0f").unwrap();
    let verdict = Guard::new(keys, Mode::Prefer, [0; 32], PACE).admit(address(0), &datagram);
    let doubt = Some(Finding::NoContact);
    assert_eq!(verdict.fate, Fate::Pass { data_len: 0, key: Some(1), doubt });
}

/// A guard that knows host 0, and a fresh message of host 0 that it would pass.
fn fresh() -> (Guard, Vec<u8>) {
    let mut world = World::new(2);
    world.attempts(0, 1);
    world.send(0, 1);
    let bytes = world.net.remove(0).bytes;
    let guard = world.hosts.remove(1).guard;
    assert!(matches!(guard.clone().admit(address(0), &bytes).fate, Fate::Pass { .. }));
    (guard, bytes)
}

#[test]
fn no_flipped_bit_passes_even_with_a_checksum_that_fits() {
    let (guard, good) = fresh();
    for bit in 0..8 * good.len() {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Message::receive(&bad, false).is_err(), "the checksum sees bit {bit}");
        if (4..8).contains(&(bit / 8)) {
            continue; // The checksum itself, which who forges has to put right.
        }
        let sum = checksum::compute(&bad);
        bad[4..8].copy_from_slice(&sum.to_be_bytes());
        let mut guard = guard.clone();
        let before = guard.clone();
        assert!(matches!(guard.admit(address(0), &bad).fate, Fate::Drop(_)), "bit {bit}");
        assert_eq!(guard, before, "bit {bit} changed something");
    }
}

#[test]
fn no_message_passes_under_another_address_or_cut_short() {
    let (mut guard, good) = fresh();
    for other in ["192.0.2.1:2901", "192.0.2.2:2900", "192.0.2.9:2900", "0.0.0.0:0"] {
        let verdict = guard.admit(other.parse().unwrap(), &good);
        assert_eq!(verdict.fate, Fate::Drop(Finding::BadMac), "{other}");
        assert_eq!(verdict.back, None);
    }
    for len in 0..good.len() {
        let verdict = guard.admit(address(0), &good[..len]);
        assert_eq!(verdict.fate, Fate::Drop(Finding::Malformed));
    }
    assert!(matches!(guard.admit(address(0), &good).fate, Fate::Pass { .. }));
}

#[test]
fn a_message_through_an_mcaster_is_that_of_the_address_in_the_prefix() {
    let (mut guard, good) = fresh();
    let relayed = [&prefix::encode(address(7))[..], &good].concat();
    let (claimed, inner) = prefix::decode(&relayed).unwrap();
    assert_eq!(guard.admit(claimed, inner).fate, Fate::Drop(Finding::BadMac));
    let relayed = [&prefix::encode(address(0))[..], &good].concat();
    let (sender, inner) = prefix::decode(&relayed).unwrap();
    assert!(matches!(guard.admit(sender, inner).fate, Fate::Pass { .. }));
}

#[test]
fn a_flood_of_forged_senders_leaves_nothing_behind() {
    let (mut guard, good) = fresh();
    let before = guard.clone();
    let mut forger = Signer::new(Key::new(1, &[0xEE; 16]).unwrap(), u64::MAX);
    let mut forged = message(Kind::Query, b"");
    forger.seal(&mut forged, address(0)).unwrap();
    for n in 0..20_000u32 {
        let from = SocketAddrV4::new((0xC633_0000 + n).into(), n as u16);
        let datagram = if n % 2 == 0 { &forged } else { &good };
        assert_eq!(guard.admit(from, datagram).fate, Fate::Drop(Finding::BadMac));
    }
    assert_eq!(guard, before);
}

/// A signed challenge of host 1, of its life `boot`.
fn challenge(boot: u64, nonce: Nonce) -> Vec<u8> {
    let mut bytes = message(Kind::Challenge, &[&[5][..], &nonce].concat());
    Signer::new(key(1), boot).seal(&mut bytes, address(1)).unwrap();
    bytes
}

#[test]
fn answering_amplifies_nothing_and_stops_for_who_asks_too_often() {
    let mut host = World::new(1).hosts.remove(0);
    let mut answers = 0;
    for round in 0..1000u32 {
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&(round / 10).to_be_bytes());
        let asked = challenge(1, nonce);
        let Some(mut back) = host.guard.admit(address(1), &asked).back else { continue };
        host.signer.seal(&mut back, address(0)).unwrap();
        assert!(back.len() <= asked.len());
        let answer = Message::receive(&back, false).unwrap();
        assert_eq!(answer.kind(), Some(Kind::Response));
        assert_eq!(nonce_of(answer.data), Some(nonce));
        answers += 1;
    }
    assert_eq!(answers, ANSWERS_EACH);
    host.guard.tick(PACE);
    assert!(host.guard.admit(address(1), &challenge(1, [3; 16])).back.is_some());
}

#[test]
fn a_replayed_challenge_does_not_use_up_the_answer_to_the_next() {
    let mut guard = World::new(1).hosts.remove(0).guard;
    let captured = challenge(1, [1; 16]);
    for _ in 0..1000 {
        guard.admit(address(1), &captured);
    }
    assert!(guard.admit(address(1), &challenge(2, [2; 16])).back.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_make_a_guard_panic_or_remember(
        data in prop::collection::vec(any::<u8>(), 0..200),
        kind in prop_oneof![Just(Kind::Query), Just(Kind::Challenge), Just(Kind::Response)],
        key in 0u32..3,
    ) {
        let (mut guard, _) = fresh();
        let before = guard.clone();
        guard.admit(address(0), &data);
        let mut claimed = data.clone();
        if let Some(at) = claimed.len().checked_sub(TRAILER_LEN) {
            claimed[at..at + 4].copy_from_slice(b"msA1");
            claimed[at + 4..at + 8].copy_from_slice(&key.to_be_bytes());
        }
        for data in [&data, &claimed] {
            let fate = guard.admit(address(0), &message(kind, data)).fate;
            prop_assert!(matches!(fate, Fate::Drop(_)));
        }
        prop_assert_eq!(guard, before);
    }
}
