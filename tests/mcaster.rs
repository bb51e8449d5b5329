//! The mcaster as a pure machine: what a correct peer of 1994 can rely on, a test a sentence.
//!
//! ```text
//!   hub   this mcaster                 h1 h2 h3   members, in the order of joining
//!   h4    no member, or a late one     h5         sends from a port of its own
//! ```

#[path = "daemon/golden.rs"]
mod golden;

use golden::{golden, request_of};
use membership::name::GroupName;
use membership::proto::mcaster::{Limits, Mcaster};
use membership::proto::note::Note;
use membership::proto::step::{Action, End, Input, Via};
use membership::wire::checksum::{self, Checksum};
use membership::wire::{Draft, Header, Kind, Message, Sum, TABLE, prefix};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

const HUB: &str = "10.94.0.10:2900";
const H1: &str = "10.94.0.11:2900";
const H2: &str = "10.94.0.12:2900";
const H3: &str = "10.94.0.13:2900";
const H4: &str = "10.94.0.14:2900";
const H5: &str = "10.94.0.15:40001";
const FOREIGN: &str = "10.95.0.1:2900";

/// Ticks of 10 ms.
const SECOND: u32 = 100;

fn limits() -> Limits {
    Limits {
        max_groups: 100,
        max_members: 100,
        allow: vec!["10.94.0.0/24".parse().unwrap()],
        expire: 0,
        rejoin: 0,
        rate: 0,
        second: SECOND,
        member_port: 3000,
        own: vec![at(HUB)],
    }
}

fn at(address: &str) -> SocketAddrV4 {
    address.parse().unwrap()
}

fn ip(address: &str) -> Ipv4Addr {
    *at(address).ip()
}

fn field(name: &[u8]) -> GroupName {
    let mut field = [0; 32];
    field[..name.len()].copy_from_slice(name);
    GroupName::from_field(&field).unwrap()
}

fn message(kind: Kind, group: &str) -> Vec<u8> {
    Draft::bare(Header::new(field(group.as_bytes()), kind)).to_vec(Sum::None).unwrap()
}

fn with_crc(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum::compute(&bytes);
    bytes[4..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// A mcaster and what it did with the last input.
struct Hub(Mcaster);

impl Hub {
    fn new(limits: Limits) -> Hub {
        Hub(Mcaster::new(limits))
    }

    /// The golden group "ring" with its three members.
    fn with_ring(limits: Limits) -> Hub {
        let mut hub = Hub::new(limits);
        for member in [H1, H2, H3] {
            assert_eq!(hub.ask(member, &golden("JOIN_GROUP")), Some(Kind::JoinAck));
        }
        hub
    }

    fn take(&mut self, from: &str, bytes: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        let input = Input::Datagram { via: Via::Own, from: at(from), bytes };
        self.0.step(input, &mut actions);
        actions
    }

    /// The one answer to a datagram, and to whom.
    fn answer(&mut self, from: &str, bytes: &[u8]) -> Option<(SocketAddrV4, Vec<u8>)> {
        let mut sent = self.take(from, bytes).into_iter().filter_map(|action| match action {
            Action::Send { to, bytes } => Some((to, bytes)),
            _ => None,
        });
        let first = sent.next();
        assert_eq!(sent.next(), None, "more than one answer");
        first
    }

    /// The type of the answer to a request.
    fn ask(&mut self, from: &str, request: &[u8]) -> Option<Kind> {
        self.answer(from, request).and_then(|(_, bytes)| Message::decode(&bytes).unwrap().kind())
    }

    /// Who gets a copy, in their order; nobody gets anything else.
    fn copies(&mut self, from: &str, bytes: &[u8]) -> Vec<Ipv4Addr> {
        match self.take(from, bytes).as_slice() {
            [] => Vec::new(),
            [Action::Note(Note::Dropped { .. })] => Vec::new(),
            [Action::Relay { slot, skip }] => {
                let members = self.0.members(*slot).0.iter().enumerate();
                members.filter(|(i, _)| Some(*i as u32) != *skip).map(|(_, m)| m.address).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// The word under which a datagram was dropped, which must be counted, answered by nothing and
    /// change nothing but that counter.
    fn dropped(&mut self, from: &str, bytes: &[u8]) -> &'static str {
        let before = self.groups();
        let actions = self.take(from, bytes);
        let [Action::Note(Note::Dropped { cause, .. })] = actions.as_slice() else {
            panic!("not dropped: {actions:?}")
        };
        assert!(self.counter(cause) > 0, "{cause} is not counted");
        assert_eq!(self.groups(), before);
        cause
    }

    fn pass(&mut self, seconds: u32) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..seconds {
            self.0.step(Input::Tick { elapsed: SECOND }, &mut actions);
        }
        actions
    }

    fn groups(&self) -> serde_json::Value {
        self.0.status()["groups"].clone()
    }

    fn members(&self, group: &str) -> Vec<String> {
        let groups = self.groups();
        let found = groups.as_array().unwrap().iter().find(|g| g["group"] == group);
        let members = found.map(|g| g["members"].as_array().unwrap().clone()).unwrap_or_default();
        members.iter().map(|m| m.as_str().unwrap().to_string()).collect()
    }

    fn counter(&self, word: &str) -> u64 {
        self.0.status()["counters"][word].as_u64().unwrap_or(0)
    }
}

#[test]
fn every_answer_is_the_original_s_to_the_byte() {
    let mut hub = Hub::new(limits());
    let (join, leave) = (golden("JOIN_GROUP"), golden("LEAVE_GROUP"));
    for (from, request, answer) in [
        (H1, &join, "JOIN_ACK"),
        (H1, &join, "DUP_MEMBER"),
        (H4, &leave, "NO_MEMBER"),
        (H1, &leave, "LEAVE_ACK"),
        (H1, &message(Kind::LeaveGroup, "nogroup"), "NO_GROUP"),
    ] {
        assert_eq!(hub.answer(from, request), Some((at(from), golden(answer))), "{answer}");
        assert_eq!(hub.counter(answer), 1);
    }
}

#[test]
fn an_answer_echoes_what_a_request_holds_beside_its_meaning_to_its_address_and_port() {
    let mut request = request_of("JOIN_ACK_echo");
    request[..2].copy_from_slice(&[0, 1]);
    request[4..8].copy_from_slice(&[0, 0, 0xFF, 0xFF]);
    let answer = Hub::new(limits()).answer(H5, &request);
    assert_eq!(answer, Some((at(H5), golden("JOIN_ACK_echo"))));
}

#[test]
fn the_lists_and_data_of_a_request_are_ignored_and_its_answer_has_none() {
    let mut hub = Hub::new(limits());
    for (kind, answer) in [(Kind::JoinGroup, "JOIN_ACK"), (Kind::LeaveGroup, "LEAVE_ACK")] {
        let header = Header::new(field(b"ring"), kind);
        let gids = [membership::name::Gid(3)];
        let draft = Draft { header, exclude: &gids, subjects: &gids, data: b"hello" };
        let request = draft.to_vec(Sum::None).unwrap();
        assert_eq!(hub.answer(H1, &request), Some((at(H1), golden(answer))));
    }
}

#[test]
fn garbage_in_data_len_of_a_bare_control_message_does_no_harm() {
    let mut hub = Hub::with_ring(limits());
    for kind in TABLE.iter().map(|row| row.kind).filter(|k| k.data_len_may_be_garbage()) {
        let mut bytes = message(kind, "ring");
        bytes[84..88].copy_from_slice(&0x0b54_0b54_u32.to_be_bytes());
        match kind {
            Kind::JoinGroup => assert_eq!(hub.ask(H1, &bytes), Some(Kind::DupMember)),
            Kind::LeaveGroup => assert_eq!(hub.ask(H4, &bytes), Some(Kind::NoMember)),
            _ => assert_eq!(hub.copies(H4, &bytes).len(), 3, "{kind}"),
        }
    }
}

#[test]
fn a_datagram_that_is_not_as_long_as_it_says_is_dropped_and_counted() {
    let mut hub = Hub::with_ring(limits());
    let whole = golden("APP_MESSAGE");
    for len in 0..whole.len() {
        let cause = if len < 88 { "short" } else { "truncated" };
        assert_eq!(hub.dropped(H4, &whole[..len]), cause, "{len} bytes");
    }
    assert_eq!(hub.dropped(H4, &[whole.as_slice(), b"x"].concat()), "trailing");
    let mut huge = whole;
    huge[84] = 0xFF;
    assert_eq!(hub.dropped(H4, &huge), "truncated");
    let longer_join = [golden("JOIN_GROUP").as_slice(), b"x"].concat();
    assert_eq!(hub.dropped(H4, &longer_join), "trailing");
    assert_eq!(hub.counter("short"), 88);
}

#[test]
fn another_version_a_name_without_end_and_a_wrong_checksum_are_dropped() {
    let mut hub = Hub::with_ring(limits());
    assert_eq!(hub.dropped(H5, &request_of("JOIN_ACK_echo")), "version");
    let mut endless = golden("JOIN_GROUP");
    endless[8..40].fill(b'x');
    assert_eq!(hub.dropped(H4, &endless), "name");
    let mut damaged = with_crc(golden("APP_MESSAGE"));
    damaged[98] ^= 1;
    assert_eq!(hub.dropped(H4, &damaged), "checksum");
}

#[test]
fn an_answer_has_a_crc_if_and_only_if_its_request_had_one() {
    let mut hub = Hub::new(limits());
    for kind in [Kind::JoinGroup, Kind::JoinGroup, Kind::LeaveGroup, Kind::LeaveGroup] {
        let (_, bytes) = hub.answer(H1, &with_crc(message(kind, "ring"))).unwrap();
        assert_eq!(checksum::check(&bytes), Checksum::Good);
        let (_, bytes) = hub.answer(H2, &message(kind, "ring")).unwrap();
        assert_eq!(checksum::check(&bytes), Checksum::None);
    }
}

#[test]
fn copies_go_out_in_the_order_of_joining_and_who_joins_again_is_last() {
    let mut hub = Hub::with_ring(limits());
    let app = golden("APP_MESSAGE");
    assert_eq!(hub.copies(H4, &app), [ip(H1), ip(H2), ip(H3)]);
    assert_eq!(hub.ask(H1, &golden("LEAVE_GROUP")), Some(Kind::LeaveAck));
    assert_eq!(hub.copies(H4, &app), [ip(H2), ip(H3)]);
    assert_eq!(hub.ask(H1, &golden("JOIN_GROUP")), Some(Kind::JoinAck));
    assert_eq!(hub.copies(H4, &app), [ip(H2), ip(H3), ip(H1)]);
    assert_eq!(hub.ask(H2, &golden("JOIN_GROUP")), Some(Kind::DupMember));
    assert_eq!(hub.copies(H4, &app), [ip(H2), ip(H3), ip(H1)]);
}

#[test]
fn no_copy_goes_to_the_address_of_the_sender_whatever_its_port_nor_need_it_be_a_member() {
    let mut hub = Hub::with_ring(limits());
    let app = golden("APP_MESSAGE");
    assert_eq!(hub.copies(H5, &app).len(), 3);
    for from in [H2, "10.94.0.12:3000", "10.94.0.12:40001"] {
        assert_eq!(hub.copies(from, &app), [ip(H1), ip(H3)], "{from}");
    }
}

#[test]
fn a_member_is_an_address_whatever_its_port() {
    let mut hub = Hub::new(limits());
    assert_eq!(hub.ask(H1, &golden("JOIN_GROUP")), Some(Kind::JoinAck));
    assert_eq!(hub.ask("10.94.0.11:5", &golden("JOIN_GROUP")), Some(Kind::DupMember));
    assert_eq!(hub.ask("10.94.0.11:6", &golden("LEAVE_GROUP")), Some(Kind::LeaveAck));
    assert_eq!(hub.ask(H1, &golden("LEAVE_GROUP")), Some(Kind::NoGroup));
}

#[test]
fn every_type_but_join_and_leave_is_relayed_also_those_nobody_knows() {
    let mut hub = Hub::with_ring(limits());
    let codes = (0..1000).chain([u16::MAX]);
    for code in codes.filter(|&c| c != Kind::JoinGroup.code() && c != Kind::LeaveGroup.code()) {
        let header = Header { code, ..Header::new(field(b"ring"), Kind::Query) };
        let bytes = Draft::bare(header).to_vec(Sum::None).unwrap();
        assert_eq!(hub.copies(H4, &bytes).len(), 3, "type {code}");
    }
}

#[test]
fn a_message_to_an_unknown_group_is_dropped_silently() {
    let mut hub = Hub::with_ring(limits());
    assert_eq!(hub.dropped(H1, &message(Kind::Submit, "elsewhere")), "no-such-group");
    assert_eq!(hub.dropped(H1, &message(Kind::Submit, "Ring")), "no-such-group");
}

#[test]
fn names_are_told_apart_up_to_their_end_by_case_and_the_empty_one_is_a_name() {
    let mut hub = Hub::with_ring(limits());
    for name in ["", "Ring", "rin", "ring2", "a name of thirty-one characters"] {
        assert_eq!(hub.ask(H4, &message(Kind::JoinGroup, name)), Some(Kind::JoinAck), "{name:?}");
        assert_eq!(hub.copies(H1, &message(Kind::Submit, name)), [ip(H4)], "{name:?}");
    }
    let mut stale = golden("JOIN_GROUP");
    stale[13..40].fill(b'z');
    assert_eq!(hub.ask(H1, &stale), Some(Kind::DupMember));
}

#[test]
fn groups_are_independent_and_end_with_their_last_member() {
    let mut hub = Hub::with_ring(limits());
    assert_eq!(hub.ask(H1, &message(Kind::JoinGroup, "other")), Some(Kind::JoinAck));
    assert_eq!(hub.copies(H4, &message(Kind::Submit, "other")), [ip(H1)]);
    assert_eq!(hub.ask(H1, &message(Kind::LeaveGroup, "other")), Some(Kind::LeaveAck));
    assert_eq!(hub.ask(H1, &message(Kind::LeaveGroup, "other")), Some(Kind::NoGroup));
    assert_eq!(hub.members("ring").len(), 3);
}

#[test]
fn who_is_not_allowed_can_do_nothing() {
    let mut hub = Hub::with_ring(limits());
    for name in ["JOIN_GROUP", "LEAVE_GROUP", "QUERY", "APP_MESSAGE"] {
        assert_eq!(hub.dropped(FOREIGN, &golden(name)), "not-allowed", "{name}");
    }
    let mut allowed = limits();
    allowed.allow.push("10.95.0.0/16".parse().unwrap());
    hub.0.set_limits(allowed);
    assert_eq!(hub.ask(FOREIGN, &golden("JOIN_GROUP")), Some(Kind::JoinAck));
}

#[test]
fn more_groups_or_members_than_may_be_get_neg_join_and_change_nothing() {
    let mut hub = Hub::with_ring(Limits { max_groups: 1, max_members: 3, ..limits() });
    let before = hub.groups();
    let (to, bytes) = hub.answer(H4, &golden("JOIN_GROUP")).unwrap();
    let mut refusal = golden("JOIN_ACK");
    refusal[51] = 132;
    assert_eq!((to, bytes), (at(H4), refusal));
    assert_eq!(hub.ask(H1, &message(Kind::JoinGroup, "other")), Some(Kind::NegJoin));
    assert_eq!(hub.groups(), before);
    assert_eq!((hub.counter("refused-members"), hub.counter("refused-groups")), (1, 1));
    assert_eq!(hub.ask(H3, &golden("JOIN_GROUP")), Some(Kind::DupMember));
    assert_eq!(hub.ask(H3, &golden("LEAVE_GROUP")), Some(Kind::LeaveAck));
    assert_eq!(hub.ask(H4, &golden("JOIN_GROUP")), Some(Kind::JoinAck));
    hub.0.set_limits(Limits { max_groups: 1, max_members: 1, ..limits() });
    assert_eq!(hub.members("ring").len(), 3, "lower limits drive nobody out");
}

#[test]
fn a_silent_member_stays_for_ever_unless_there_is_a_limit() {
    let mut hub = Hub::with_ring(limits());
    assert_eq!(hub.pass(100_000), []);
    assert_eq!(hub.members("ring").len(), 3);
    assert_eq!(hub.ask(H1, &golden("JOIN_GROUP")), Some(Kind::DupMember));
}

#[test]
fn a_member_that_is_silent_for_longer_than_the_limit_expires_and_with_the_last_its_group() {
    let mut hub = Hub::with_ring(Limits { expire: 10 * u64::from(SECOND), ..limits() });
    for _ in 0..3 {
        hub.pass(6);
        assert_eq!(hub.ask(H1, &golden("JOIN_GROUP")), Some(Kind::DupMember));
        assert!(!hub.copies(H2, &golden("APP_MESSAGE")).is_empty());
    }
    assert_eq!(hub.members("ring"), ["10.94.0.11", "10.94.0.12"]);
    let notes = hub.pass(20);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert_eq!(hub.counter("expired"), 3);
    assert_eq!(hub.ask(H1, &golden("LEAVE_GROUP")), Some(Kind::NoGroup));
}

#[test]
fn a_join_after_a_long_silence_is_a_new_one_where_the_operator_wants_that() {
    let mut hub = Hub::with_ring(Limits { rejoin: 10 * u64::from(SECOND), ..limits() });
    hub.pass(10);
    assert_eq!(hub.ask(H1, &golden("JOIN_GROUP")), Some(Kind::DupMember));
    hub.pass(11);
    assert_eq!(hub.ask(H1, &golden("JOIN_GROUP")), Some(Kind::JoinAck));
    assert_eq!(hub.members("ring"), ["10.94.0.12", "10.94.0.13", "10.94.0.11"]);
    assert_eq!(hub.ask(H1, &golden("JOIN_GROUP")), Some(Kind::DupMember));
}

#[test]
fn a_sender_above_its_rate_is_held_back_until_the_next_second_and_nobody_else_is() {
    let mut hub = Hub::with_ring(Limits { rate: 5, ..limits() });
    let app = golden("APP_MESSAGE");
    for _ in 0..2 {
        for _ in 0..5 {
            assert_eq!(hub.copies(H4, &app).len(), 3);
        }
        assert_eq!(hub.dropped(H4, &app), "rate");
        assert_eq!(hub.copies(H5, &app).len(), 3);
        assert_eq!(hub.ask(H4, &golden("LEAVE_GROUP")), Some(Kind::NoMember));
        hub.pass(1);
    }
}

#[test]
fn what_was_relayed_once_is_never_relayed_again() {
    let mut hub = Hub::with_ring(limits());
    for name in ["APP_MESSAGE", "JOIN_GROUP"] {
        let relayed = [&prefix::encode(at(H4))[..], &golden(name)].concat();
        assert_eq!(hub.dropped(H4, &relayed), "already-relayed");
    }
}

#[test]
fn a_member_whose_copies_would_come_back_to_this_mcaster_is_refused() {
    let mut hub = Hub::with_ring(Limits { own: vec![at("10.94.0.10:3000")], ..limits() });
    assert_eq!(hub.ask("10.94.0.10:2900", &golden("JOIN_GROUP")), Some(Kind::NegJoin));
    assert_eq!(hub.counter("refused-loop"), 1);
    assert_eq!(hub.members("ring").len(), 3);
}

#[test]
fn a_tick_of_another_length_makes_no_silence_longer() {
    let with = |second: u32| Limits { second, expire: 60 * u64::from(second), ..limits() };
    let mut hub = Hub::with_ring(with(SECOND));
    hub.pass(50);
    hub.0.set_limits(with(1));
    hub.0.step(Input::Tick { elapsed: 9 }, &mut Vec::new());
    assert_eq!(hub.members("ring").len(), 3, "silent for 59 of 60 seconds");
    hub.0.step(Input::Tick { elapsed: 2 }, &mut Vec::new());
    assert_eq!(hub.members("ring").len(), 0, "silent for 61 of 60 seconds");
}

#[test]
fn told_to_stop_it_stops_at_once() {
    let mut actions = Vec::new();
    Hub::with_ring(limits()).0.step(Input::Stop, &mut actions);
    assert_eq!(actions, [Action::Done(End::Stopped)]);
}

const NAMES: [&str; 5] = ["", "ring", "Ring", "ring2", "x"];
const VERBS: [Kind; 3] = [Kind::JoinGroup, Kind::LeaveGroup, Kind::Submit];

proptest! {
    #[test]
    fn it_agrees_with_a_naive_model(
        deeds in prop::collection::vec((0..VERBS.len(), 0..NAMES.len(), 1..8u8), 0..200)
    ) {
        let most = Limits { max_groups: 3, max_members: 4, ..limits() };
        let mut hub = Hub::new(most.clone());
        let mut model: BTreeMap<&str, Vec<Ipv4Addr>> = BTreeMap::new();
        for (verb, name, host) in deeds {
            let (verb, name, host) = (VERBS[verb], NAMES[name], Ipv4Addr::new(10, 94, 0, host));
            let bytes = message(verb, name);
            let from = format!("{host}:{}", 2900 + name.len());
            let place = model.get(name).and_then(|group| group.iter().position(|m| *m == host));
            match verb {
                Kind::JoinGroup => {
                    let full = match model.get(name) {
                        Some(group) => group.len() == most.max_members,
                        None => model.len() == most.max_groups,
                    };
                    let answer = match place {
                        Some(_) => Kind::DupMember,
                        None if full => Kind::NegJoin,
                        None => Kind::JoinAck,
                    };
                    if answer == Kind::JoinAck {
                        model.entry(name).or_default().push(host);
                    }
                    prop_assert_eq!(hub.ask(&from, &bytes), Some(answer));
                }
                Kind::LeaveGroup => {
                    let answer = match (model.get_mut(name), place) {
                        (None, _) => Kind::NoGroup,
                        (Some(_), None) => Kind::NoMember,
                        (Some(group), Some(place)) => {
                            group.remove(place);
                            Kind::LeaveAck
                        }
                    };
                    model.retain(|_, group| !group.is_empty());
                    prop_assert_eq!(hub.ask(&from, &bytes), Some(answer));
                }
                _ => {
                    let group = model.get(name).into_iter().flatten();
                    let others: Vec<Ipv4Addr> = group.filter(|m| **m != host).copied().collect();
                    prop_assert_eq!(hub.copies(&from, &bytes), others);
                }
            }
            let shown: Vec<_> = model.iter().map(|(name, members)| {
                let members: Vec<String> = members.iter().map(ToString::to_string).collect();
                serde_json::json!({"group": name, "members": members})
            }).collect();
            prop_assert_eq!(hub.groups(), serde_json::Value::from(shown));
        }
    }
}
