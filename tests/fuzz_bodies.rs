//! The bodies of the fuzz targets with random input and damaged datagrams, so that every `cargo test` runs
//! them.

mod bodies;
#[path = "coreset/examples.rs"]
mod coreset;
mod vectors;

use membership::name::Gid;
use membership::wire::fragment::{Part, Parts, Report, WholeId};
use membership::wire::{Draft, Message, Sum};
use proptest::prelude::*;

type Body = fn(&[u8]);

/// Every door; a new one is added here.
const BODIES: [Body; 9] = [
    bodies::message,
    bodies::prefix,
    bodies::fragment,
    bodies::coreset,
    bodies::auth,
    bodies::node,
    bodies::local,
    bodies::rule,
    bodies::campus,
];

/// What rules are made of, and what they are not.
const WORDS: &[&str] = &[
    "all",
    "none",
    "majority",
    "size",
    ">=",
    "<",
    "3",
    "0",
    "tag",
    "x=y",
    "\"a b\"",
    "\"\\x00\"",
    "\"",
    "member",
    "10.0.0.1",
    "10.0.0.1:2901/7/3",
    "(",
    ")",
    "and",
    "or",
    "name",
    "not",
    ">",
    "\u{fc}",
];

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

/// One thing that happens to a datagram under way.
#[derive(Clone, Debug)]
enum Damage {
    Set(usize, u8),
    Cut(usize),
    Append(Vec<u8>),
    Insert(usize, u8),
    Remove(usize),
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let damage = prop_oneof![
        4 => any::<(usize, u8)>().prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => any::<usize>().prop_map(Damage::Cut),
        1 => bytes(40).prop_map(Damage::Append),
        1 => any::<(usize, u8)>().prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => any::<usize>().prop_map(Damage::Remove),
    ];
    prop::collection::vec(damage, 0..6)
}

fn damaged(mut datagram: Vec<u8>, damages: Vec<Damage>) -> Vec<u8> {
    for damage in damages {
        let len = datagram.len();
        match damage {
            Damage::Set(at, byte) if len > 0 => datagram[at % len] = byte,
            Damage::Cut(at) => datagram.truncate(at % (len + 1)),
            Damage::Append(more) => datagram.extend(more),
            Damage::Insert(at, byte) => datagram.insert(at % (len + 1), byte),
            Damage::Remove(at) if len > 0 => drop(datagram.remove(at % len)),
            Damage::Set(..) | Damage::Remove(_) => {}
        }
    }
    datagram
}

/// The data of a fragment of each kind.
fn fragments() -> Vec<Vec<u8>> {
    let whole = WholeId { id: 5, total: 1001, count: 9, digest: [3; 16] };
    let bytes = vec![7; whole.range(4).len()];
    let report = |missing| Report { whole, round: 1, missing }.encode();
    vec![
        Part { whole, index: 4, round: 1, bytes: &bytes }.encode(),
        report(Parts::all(9)),
        report(Parts::none(9)),
    ]
}

#[test]
fn the_datagrams_of_1994_break_nothing() {
    for vector in vectors::all() {
        BODIES.iter().for_each(|body| body(&vector.datagram));
        BODIES.iter().for_each(|body| body(&vector.cleaned()));
        vector.request.iter().for_each(|request| BODIES.iter().for_each(|body| body(request)));
    }
}

#[test]
fn the_messages_of_a_core_set_break_nothing() {
    let datagrams = coreset::datagrams();
    assert!(datagrams.len() > 30);
    datagrams.iter().for_each(|datagram| BODIES.iter().for_each(|body| body(datagram)));
}

#[test]
fn a_script_that_only_delivers_brings_the_whole_to_both_receivers() {
    let script = [&[0, 60, 1][..], &[7, 0].repeat(9), &[1].repeat(3), &[7, 0].repeat(20)].concat();
    assert_eq!(bodies::play(&script), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn arbitrary_bytes_break_nothing(input in bytes(400)) {
        BODIES.iter().for_each(|body| body(&input));
    }

    #[test]
    fn words_of_rules_in_any_order_break_nothing(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..24),
    ) {
        bodies::rule(words.join(" ").as_bytes());
        bodies::rule(words.concat().as_bytes());
    }

    #[test]
    fn damaged_datagrams_of_1994_break_nothing(which in 0_usize..18, damages in damages()) {
        let datagram = damaged(vectors::all().swap_remove(which).datagram, damages);
        BODIES.iter().for_each(|body| body(&datagram));
    }

    #[test]
    fn damaged_fragments_break_nothing(which in 0_usize..3, damages in damages()) {
        let data = damaged(fragments().swap_remove(which), damages);
        BODIES.iter().for_each(|body| body(&data));
    }

    #[test]
    fn damaged_messages_of_a_core_set_break_nothing(
        which in any::<prop::sample::Index>(),
        damages in damages(),
        in_data in any::<bool>(),
    ) {
        let datagrams = coreset::datagrams();
        let datagram = which.get(&datagrams);
        let damaged = if in_data {
            // The header stays whole, so that the damage is in what it leads to.
            let message = Message::decode(datagram).unwrap();
            let data = damaged(message.data.to_vec(), damages);
            let exclude: Vec<Gid> = message.exclude.iter().collect();
            let draft = Draft { header: message.header, exclude: &exclude, subjects: &[], data: &data };
            draft.to_vec(Sum::Crc).unwrap()
        } else {
            damaged(datagram.clone(), damages)
        };
        BODIES.iter().for_each(|body| body(&damaged));
    }

    #[test]
    fn a_damaged_campus_breaks_nothing(damages in damages()) {
        bodies::campus(&damaged(include_bytes!("../etc/ms.campus.sample").to_vec(), damages));
    }

    #[test]
    fn no_script_of_a_bad_line_breaks_fragmentation(
        sizes in prop::collection::vec(30_u8..100, 1..4),
        script in bytes(600),
    ) {
        // Begins by sending, so that there is something for the line to spoil.
        let opening = sizes.iter().flat_map(|&size| [0, size, size]);
        bodies::fragment(&opening.chain(script).collect::<Vec<u8>>());
    }
}
