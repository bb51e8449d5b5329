//! The wire format against the datagrams of 1994, and against itself.
//!
//! What no input may do, panic, is in `fuzz_bodies.rs`; that plain messages cost no allocation is in
//! `alloc.rs`.

mod vectors;

use membership::name::{Gid, GroupName, Rank};
use membership::wire::fragment::MAX_WHOLE;
use membership::wire::{Draft, HEADER_LEN, Header, Kind, Message, Sum, TABLE, WireError, prefix};
use proptest::prelude::*;
use vectors::Vector;

const DATA_LEN: std::ops::Range<usize> = 84..88;

/// The message in a datagram, behind the prefix if one is to be there.
fn decode<'a>(vector: &Vector, datagram: &'a [u8]) -> Result<Message<'a>, WireError> {
    match vector.prefix {
        None => Message::decode(datagram),
        Some(_) => prefix::decode(datagram).and_then(|(_, message)| Message::decode(message)),
    }
}

fn encode(draft: &Draft<'_>, sum: Sum) -> Vec<u8> {
    let mut dirty = vec![0xAA; draft.encoded_len() + 9];
    let len = draft.encode(&mut dirty, sum).unwrap();
    assert_eq!(dirty.split_off(len), [0xAA; 9], "nothing is written behind the message");
    dirty
}

#[test]
fn every_datagram_of_1994_decodes_to_its_fields() {
    for vector in vectors::all() {
        let message = decode(&vector, &vector.datagram).expect(&vector.name);
        assert_eq!(message.header, vector.header, "{}", vector.name);
        assert_eq!(message.kind().unwrap().name(), vector.kind);
        assert!(message.exclude.iter().eq(vector.exclude.iter().copied()), "{}", vector.name);
        assert!(message.subjects.iter().eq(vector.subjects.iter().copied()), "{}", vector.name);
        assert_eq!(message.data, vector.data, "{}", vector.name);
    }
}

#[test]
fn every_datagram_of_1994_is_sent_byte_for_byte_but_for_what_means_nothing() {
    for vector in vectors::all() {
        let fresh = Header {
            subject_addr: std::net::Ipv4Addr::UNSPECIFIED,
            subject_rank: Rank(0),
            ..vector.header
        };
        let draft = Draft {
            header: fresh,
            exclude: &vector.exclude,
            subjects: &vector.subjects,
            data: &vector.data,
        };
        let mut datagram = vector.prefix.map(prefix::encode).map_or(vec![], Vec::from);
        datagram.extend(encode(&draft, Sum::None));
        assert_eq!(datagram, vector.cleaned(), "{}", vector.name);
    }
}

#[test]
fn what_an_mcaster_relayed_comes_apart_into_sender_and_message_and_back() {
    let (relayed, plain): (Vec<_>, Vec<_>) =
        vectors::all().into_iter().partition(|vector| vector.prefix.is_some());
    assert_eq!((relayed.len(), plain.len()), (4, 14));
    for vector in relayed {
        assert!(prefix::is_extended(&vector.datagram), "{}", vector.name);
        let (sender, message) = prefix::decode(&vector.datagram).unwrap();
        assert_eq!(Some(sender), vector.prefix);
        assert_eq!([&prefix::encode(sender), message].concat(), vector.datagram);
    }
    for vector in plain {
        assert!(!prefix::is_extended(&vector.datagram), "{}", vector.name);
        assert_eq!(prefix::decode(&vector.datagram), Err(WireError::Family(1)));
    }
}

#[test]
fn an_original_has_no_checksum_and_is_heard_only_where_that_is_accepted() {
    for vector in vectors::all().into_iter().filter(|vector| vector.prefix.is_none()) {
        assert_eq!(Message::receive(&vector.datagram, false), Err(WireError::Unchecked));
        assert_eq!(Message::receive(&vector.datagram, true), Message::decode(&vector.datagram));
    }
}

#[test]
fn the_answer_of_an_mcaster_brings_back_what_the_request_said() {
    let vector = vectors::all().into_iter().find(|vector| vector.request.is_some()).unwrap();
    let mut request = vector.request.clone().unwrap();
    assert_eq!(Message::decode(&request), Err(WireError::Version(9)));
    request[..2].copy_from_slice(&[0, 1]);
    let asked = Message::decode(&request).unwrap().header;
    let answered = vector.header;
    let echoed = Header {
        authentication: 0,
        sender: Gid(0),
        code: Kind::JoinAck.code(),
        subject: asked.sender,
        ..asked
    };
    assert_eq!(asked.kind(), Some(Kind::JoinGroup));
    assert_eq!(answered, echoed);
}

#[test]
fn every_truncation_of_a_datagram_is_refused() {
    for vector in vectors::all() {
        for len in 0..vector.datagram.len() {
            let refused = decode(&vector, &vector.datagram[..len]);
            assert!(refused.is_err(), "{} of {len} bytes: {refused:?}", vector.name);
        }
    }
}

#[test]
fn every_extension_of_a_datagram_is_refused() {
    for vector in vectors::all() {
        for more in 1..200 {
            for fill in [0, 0xFF] {
                let mut datagram = vector.datagram.clone();
                datagram.resize(vector.datagram.len() + more, fill);
                let refused = decode(&vector, &datagram);
                let trailing = matches!(refused, Err(WireError::Trailing { .. }));
                assert!(trailing, "{} and {more} bytes: {refused:?}", vector.name);
            }
        }
    }
}

#[test]
fn garbage_in_data_len_is_tolerated_in_the_control_messages_of_1994_alone() {
    for row in TABLE {
        let bare = Draft::bare(Header::new(GroupName::default(), row.kind));
        let mut datagram = encode(&bare, Sum::None);
        for garbage in [1_u32, 0x0B54, 0xFFFF, u32::MAX] {
            datagram[DATA_LEN].copy_from_slice(&garbage.to_be_bytes());
            let result = Message::decode(&datagram);
            let need = HEADER_LEN as u64 + u64::from(garbage);
            if row.kind.data_len_may_be_garbage() {
                assert_eq!(result.map(|m| m.data), Ok(&[][..]), "{}", row.name);
            } else {
                let truncated = WireError::Truncated { have: HEADER_LEN, need };
                assert_eq!(result, Err(truncated), "{}", row.name);
            }
        }
    }
    let tolerated = TABLE.iter().filter(|row| row.kind.data_len_may_be_garbage()).count();
    assert_eq!(tolerated, 11);
}

#[test]
fn garbage_in_data_len_is_not_tolerated_beside_lists_or_data() {
    let header = Header::new(GroupName::default(), Kind::Query);
    let gids = [Gid(1)];
    for draft in [
        Draft { exclude: &gids, ..Draft::bare(header) },
        Draft { subjects: &gids, ..Draft::bare(header) },
        Draft { data: b"x", ..Draft::bare(header) },
    ] {
        let mut datagram = encode(&draft, Sum::None);
        assert!(Message::decode(&datagram).is_ok());
        datagram[DATA_LEN].copy_from_slice(&[0, 0, 0x0B, 0x54]);
        let refused = Message::decode(&datagram);
        assert!(matches!(refused, Err(WireError::Truncated { .. })), "{refused:?}");
    }
}

#[test]
fn what_fits_no_fragments_list_or_buffer_is_not_encoded_and_the_buffer_stays() {
    let header = Header::new(GroupName::default(), Kind::Submit);
    let data = vec![1; MAX_WHOLE - HEADER_LEN + 1];
    let mut buf = vec![0xAA; MAX_WHOLE + 100];
    let most = Draft { data: &data[1..], ..Draft::bare(header) };
    assert_eq!(most.encode(&mut buf, Sum::Crc), Ok(MAX_WHOLE));
    buf.fill(0xAA);
    let refused = Draft { data: &data, ..most }.encode(&mut buf, Sum::Crc);
    assert_eq!(refused, Err(WireError::Oversized { have: MAX_WHOLE + 1, most: MAX_WHOLE }));
    let refused = Draft::bare(header).encode(&mut buf[..HEADER_LEN - 1], Sum::Crc);
    assert_eq!(refused, Err(WireError::Oversized { have: HEADER_LEN, most: HEADER_LEN - 1 }));
    let gids = vec![Gid(1); 65_536];
    let refused = Draft { exclude: &gids, ..Draft::bare(header) }.encode(&mut buf, Sum::Crc);
    assert_eq!(refused, Err(WireError::Oversized { have: 65_536, most: 65_535 }));
    assert!(buf.iter().all(|&byte| byte == 0xAA));
}

fn headers() -> impl Strategy<Value = Header> {
    let name = prop::collection::vec(any::<u8>(), 0..=GroupName::MAX).prop_map(|name| {
        let mut field = [0; GroupName::FIELD];
        field[..name.len()].copy_from_slice(&name);
        GroupName::from_field(&field).unwrap()
    });
    let numbers = any::<(u16, u32, u16, u16, u16, u32, u16)>();
    (name, numbers).prop_map(
        |(group, (view, authentication, sender, code, subject, addr, rank))| Header {
            group,
            view,
            authentication,
            sender: Gid(sender),
            code,
            subject: Gid(subject),
            subject_addr: addr.into(),
            subject_rank: Rank(rank),
        },
    )
}

fn gids() -> impl Strategy<Value = Vec<Gid>> {
    prop::collection::vec(any::<u16>().prop_map(Gid), 0..40)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        header in headers(),
        exclude in gids(),
        subjects in gids(),
        data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let draft = Draft { header, exclude: &exclude, subjects: &subjects, data: &data };
        for sum in [Sum::None, Sum::Crc] {
            let datagram = encode(&draft, sum);
            prop_assert_eq!(&datagram, &draft.to_vec(sum).unwrap());
            let message = Message::receive(&datagram, sum == Sum::None).unwrap();
            prop_assert_eq!(message.header, header);
            prop_assert!(message.exclude.iter().eq(exclude.iter().copied()));
            prop_assert!(message.subjects.iter().eq(subjects.iter().copied()));
            prop_assert_eq!(message.data, &data[..]);
        }
    }

    #[test]
    fn no_damage_of_up_to_three_bits_is_received(
        header in headers(),
        data in prop::collection::vec(any::<u8>(), 0..100),
        bits in prop::collection::btree_set(0_usize..8 * (HEADER_LEN + 100), 1..4),
    ) {
        let mut datagram = encode(&Draft { data: &data, ..Draft::bare(header) }, Sum::Crc);
        let bits: std::collections::BTreeSet<_> =
            bits.into_iter().map(|bit| bit % (8 * datagram.len())).collect();
        for bit in bits {
            datagram[bit / 8] ^= 0x80 >> (bit % 8);
        }
        prop_assert!(Message::receive(&datagram, false).is_err());
    }

    #[test]
    fn any_data_len_of_an_88_byte_query_is_tolerated(len: u32, header in headers()) {
        let mut datagram = encode(&Draft::bare(header), Sum::None);
        datagram[DATA_LEN].copy_from_slice(&len.to_be_bytes());
        let tolerated = header.kind().is_some_and(Kind::data_len_may_be_garbage) || len == 0;
        prop_assert_eq!(Message::decode(&datagram).is_ok(), tolerated);
        let query = Header { code: Kind::Query.code(), ..header };
        datagram[50..52].copy_from_slice(&query.code.to_be_bytes());
        let message = Message::decode(&datagram).unwrap();
        prop_assert_eq!(message.header, query);
        prop_assert!(message.data.is_empty());
    }
}
