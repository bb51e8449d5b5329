//! The member of a fixed ring as a pure machine: WIRE.md's correct peer of 1994, a test a sentence.
//!
//! ```text
//!              QUERY                     QUERY
//!   h2, gid 2 ───────> h1, gid 1 (we) ───────> h3, gid 3        hub: the mcaster
//!   our cw                                     our ccw
//! ```

#[path = "daemon/golden.rs"]
mod golden;

use golden::golden;
use membership::name::{Gid, GroupName};
use membership::proto::note::Note;
use membership::proto::params::{Params, Profile};
use membership::proto::ring::{Neighbour, Places, Ring};
use membership::proto::step::{Action, End, Input, Via};
use membership::wire::{Kind, Message, TABLE, prefix};
use proptest::prelude::*;
use std::net::SocketAddrV4;

const HUB: &str = "10.94.0.10:2900";
const H1: &str = "10.94.0.11:2900";
const H2: &str = "10.94.0.12:2900";
const H3: &str = "10.94.0.13:2900";
const H4: &str = "10.94.0.14:2900";

fn at(address: &str) -> SocketAddrV4 {
    address.parse().unwrap()
}

fn group() -> GroupName {
    "ring".parse().unwrap()
}

fn profile(name: &str) -> Params {
    Profile::named(name).unwrap().params()
}

fn neighbour(gid: u16, address: &str) -> Neighbour {
    Neighbour { gid: Gid(gid), address: at(address) }
}

fn places(mcaster: Option<&str>) -> Places {
    Places {
        group: group(),
        mcaster: mcaster.map(at),
        gid: Gid(1),
        cw: neighbour(2, H2),
        ccw: neighbour(3, H3),
    }
}

/// A message of the golden kind, with the type that `kind` says.
fn message(kind: Kind) -> Vec<u8> {
    let mut bytes = golden("JOIN_ACK");
    bytes[50..52].copy_from_slice(&kind.code().to_be_bytes());
    bytes
}

struct Member {
    ring: Ring,
    now: u32,
}

type Sent = (SocketAddrV4, Vec<u8>);

impl Member {
    fn start(params: Params) -> (Member, Vec<Action>) {
        let mut actions = Vec::new();
        let ring = Ring::start(places(Some(HUB)), params, &mut actions);
        (Member { ring, now: 0 }, actions)
    }

    /// One that the mcaster has let in before any tick.
    fn joined(params: Params) -> Member {
        let (mut member, _) = Member::start(params);
        assert!(member.take(HUB, &golden("JOIN_ACK")).contains(&Action::Ready));
        member
    }

    fn step(&mut self, input: Input<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        self.ring.step(input, &mut actions);
        actions
    }

    fn take_by(&mut self, via: Via, from: &str, bytes: &[u8]) -> Vec<Action> {
        self.step(Input::Datagram { via, from: at(from), bytes })
    }

    fn take(&mut self, from: &str, bytes: &[u8]) -> Vec<Action> {
        self.take_by(Via::Own, from, bytes)
    }

    fn tick(&mut self) -> Vec<Action> {
        self.now += 1;
        self.step(Input::Tick { elapsed: 1 })
    }

    /// What happens in so many ticks, each with its time in ticks since the start.
    fn pass(&mut self, ticks: u32) -> Vec<(u32, Action)> {
        let mut all = Vec::new();
        for _ in 0..ticks {
            let actions = self.tick();
            all.extend(actions.into_iter().map(|action| (self.now, action)));
        }
        all
    }

    /// The times of QUERYs and of failures in so many ticks, while nobody answers.
    fn silence(&mut self, ticks: u32) -> (Vec<u32>, Vec<u32>) {
        let (mut queries, mut failures) = (Vec::new(), Vec::new());
        for (now, action) in self.pass(ticks) {
            match action {
                Action::Send { to, bytes } if kind(&bytes) == Kind::Query => {
                    assert_eq!((to, bytes), (at(H3), query()));
                    queries.push(now);
                }
                Action::Note(Note::Failed { gid, address, by, .. }) => {
                    assert_eq!((gid, address, by), (Gid(3), at(H3), Gid(1)));
                    failures.push(now);
                }
                _ => {}
            }
        }
        (queries, failures)
    }

    fn counter(&self, word: &str) -> u64 {
        self.ring.status()["counters"][word].as_u64().unwrap_or(0)
    }
}

fn kind(bytes: &[u8]) -> Kind {
    Message::decode(bytes).unwrap().kind().unwrap()
}

/// The golden one: from gid 1 about gid 3.
fn query() -> Vec<u8> {
    golden("QUERY")
}

/// The golden one with other gids: from gid 3, about gid 1.
fn reply() -> Vec<u8> {
    golden("REPLY")
}

fn sent(actions: &[Action]) -> Vec<Sent> {
    let sent = actions.iter().filter_map(|action| match action {
        Action::Send { to, bytes } => Some((*to, bytes.clone())),
        _ => None,
    });
    sent.collect()
}

/// When the golden message of that name was sent to the mcaster.
fn times(all: &[(u32, Action)], name: &str) -> Vec<u32> {
    let action = Action::Send { to: at(HUB), bytes: golden(name) };
    all.iter().filter(|(_, a)| *a == action).map(|(now, _)| *now).collect()
}

fn dropped(actions: &[Action]) -> &'static str {
    let [Action::Note(Note::Dropped { cause, .. })] = actions else { panic!("{actions:?}") };
    cause
}

#[test]
fn what_it_sends_is_the_original_s_to_the_byte() {
    let (mut member, first) = Member::start(profile("thesis"));
    assert_eq!(sent(&first), [(at(HUB), golden("JOIN_GROUP"))]);
    member.take(HUB, &golden("JOIN_ACK"));
    let queries: Vec<Sent> =
        member.pass(60).into_iter().flat_map(|(_, action)| sent(&[action])).collect();
    assert!(queries.contains(&(at(H3), golden("QUERY"))));
    let leave = member.step(Input::Stop);
    assert_eq!(sent(&leave), [(at(HUB), golden("LEAVE_GROUP"))]);
    // The golden REPLY is one of gid 3 to its cw neighbour with gid 1.
    let mut h3 = places(Some(HUB));
    (h3.gid, h3.cw) = (Gid(3), neighbour(1, H1));
    let mut actions = Vec::new();
    let mut ring = Ring::start(h3, profile("thesis"), &mut actions);
    actions.clear();
    let input = Input::Datagram { via: Via::Own, from: at(H1), bytes: &query() };
    ring.step(input, &mut actions);
    assert_eq!(sent(&actions), [(at(H1), golden("REPLY"))]);
}

#[test]
fn the_join_is_sent_again_and_then_given_up_with_a_sentence() {
    let (mut member, _) = Member::start(profile("lan"));
    let all = member.pass(1000);
    // Hosts boot in any order: for five seconds, though 23 tries would have been enough for a QUERY.
    assert_eq!(times(&all, "JOIN_GROUP"), (1..=250).map(|n| 2 * n).collect::<Vec<_>>());
    let Some((502, Action::Done(End::Unavailable(why)))) = all.last() else { panic!("{all:?}") };
    assert!(why.starts_with("no answer from mcaster 10.94.0.10:2900 to 251 JOIN_GROUPs"), "{why}");
}

#[test]
fn dup_member_means_joined_and_neg_join_that_it_cannot_be() {
    let (mut member, _) = Member::start(profile("lan"));
    let actions = member.take(HUB, &golden("DUP_MEMBER"));
    assert!(matches!(
        actions[..],
        [Action::Note(Note::Joined { before: true, .. }), Action::Ready]
    ));
    let (mut member, _) = Member::start(profile("lan"));
    let actions = member.take(HUB, &message(Kind::NegJoin));
    let [Action::Done(End::Unavailable(why))] = actions.as_slice() else { panic!("{actions:?}") };
    assert!(why.contains("NEG_JOIN"));
}

#[test]
fn only_the_mcaster_answers_for_the_mcaster() {
    let (mut member, _) = Member::start(profile("lan"));
    for from in [H2, H3, H4, "10.94.0.10:40001"] {
        let actions = member.take(from, &golden("JOIN_ACK"));
        assert_eq!(dropped(&actions), "answer-not-from-mcaster", "{from}");
    }
    let relayed = [&prefix::encode(at(HUB))[..], &golden("JOIN_ACK")].concat();
    let actions = member.take_by(Via::Mcaster, HUB, &relayed);
    assert_eq!(dropped(&actions), "answer-not-from-mcaster");
    let mut other = golden("JOIN_ACK");
    other[8..12].copy_from_slice(b"rong");
    assert_eq!(dropped(&member.take(HUB, &other)), "other-group");
    assert!(member.take(HUB, &golden("JOIN_ACK")).contains(&Action::Ready));
}

#[test]
fn a_query_that_comes_before_the_join_ack_is_answered_and_kills_nobody() {
    let (mut member, _) = Member::start(profile("lan"));
    assert_eq!(kind(&sent(&member.take(H2, &query()))[0].1), Kind::Reply);
    assert!(member.take(HUB, &golden("JOIN_ACK")).contains(&Action::Ready));
}

#[test]
fn nobody_is_queried_before_the_join_is_answered() {
    let params = Params { retries: 1000, ..profile("lan") };
    let (mut member, _) = Member::start(params);
    for (now, action) in member.pass(3000) {
        for (to, bytes) in sent(&[action]) {
            assert_eq!((to, kind(&bytes)), (at(HUB), Kind::JoinGroup), "tick {now}");
        }
    }
}

#[test]
fn a_query_of_the_cw_neighbour_about_our_group_is_answered_to_its_address_and_port() {
    let mut member = Member::joined(profile("lan"));
    for from in [H2, "10.94.0.12:40001"] {
        let answer = sent(&member.take(from, &query()));
        let mut wanted = reply();
        wanted[48..54].copy_from_slice(&[0, 1, 0, 1, 0, 2]);
        assert_eq!(answer, [(at(from), wanted)]);
    }
    let mut other = query();
    other[8..12].copy_from_slice(b"rong");
    assert_eq!(dropped(&member.take(H2, &other)), "other-group");
    for from in [H3, H4, HUB] {
        assert_eq!(dropped(&member.take(from, &query())), "query-not-from-cw", "{from}");
    }
}

#[test]
fn the_gids_in_a_query_or_reply_mean_nothing() {
    let mut member = Member::joined(profile("lan"));
    let mut strange = query();
    strange[48..50].fill(0xFF);
    strange[52..54].fill(0xFF);
    assert_eq!(sent(&member.take(H2, &strange)).len(), 1);
    strange[51] = 1;
    member.take(H3, &strange);
    assert_eq!(member.counter("replies"), 1);
}

#[test]
fn a_query_through_the_mcaster_is_answered_plainly_to_its_sender() {
    let mut member = Member::joined(profile("lan"));
    let from = "10.94.0.12:40001";
    let relayed = [&prefix::encode(at(from))[..], &query()].concat();
    let answer = sent(&member.take_by(Via::Mcaster, HUB, &relayed));
    assert_eq!((answer[0].0, kind(&answer[0].1)), (at(from), Kind::Reply));
    let actions = member.take_by(Via::Mcaster, H4, &relayed);
    assert_eq!(dropped(&actions), "not-our-mcaster");
}

#[test]
fn any_reply_of_the_ccw_neighbour_postpones_the_next_query_and_no_other_does() {
    let params = profile("lan");
    let mut member = Member::joined(params);
    let relayed = [&prefix::encode(at("10.94.0.13:7"))[..], &reply()].concat();
    for _ in 0..20 {
        assert_eq!(member.silence(params.query - 1), (vec![], vec![]));
        assert_eq!(member.take("10.94.0.13:40001", &reply()), []);
        assert_eq!(member.silence(params.query - 1), (vec![], vec![]));
        assert_eq!(member.take_by(Via::Mcaster, HUB, &relayed), []);
    }
    assert_eq!(dropped(&member.take(H2, &reply())), "reply-not-from-ccw");
    assert_eq!(member.silence(params.query).0.len(), 1);
}

#[test]
fn with_the_original_s_timing_it_asks_and_judges_to_the_second_as_the_original() {
    let mut member = Member::joined(profile("thesis"));
    let (queries, failures) = member.silence(220);
    assert_eq!(queries, [60, 65, 70, 75, 140, 145, 150, 155, 220]);
    assert_eq!(failures, [80, 160], "the original reports every round");
}

#[test]
fn with_our_timing_retries_means_retries_and_an_outage_is_told_once() {
    let params = profile("lan");
    let mut member = Member::joined(params);
    let (queries, failures) = member.silence(86);
    assert_eq!(queries, (20..43).map(|n| 2 * n).collect::<Vec<_>>());
    assert_eq!(failures, [86]);
    assert_eq!(member.silence(1000).1.len(), 0);
    assert_eq!(member.counter("failures"), 1);
}

#[test]
fn a_failed_neighbour_that_replies_has_recovered_and_can_fail_again() {
    let mut member = Member::joined(profile("lan"));
    for outage in 1..4 {
        assert_eq!(member.silence(100).1.len(), 1);
        assert_eq!(member.ring.status()["ccw"]["failed"], true);
        let actions = member.take(H3, &reply());
        assert!(matches!(actions[..], [Action::Note(Note::Recovered { gid: Gid(3), .. })]));
        assert_eq!(member.take(H3, &reply()), []);
        assert_eq!(member.counter("failures"), outage);
    }
}

#[test]
fn a_late_tick_accuses_nobody_and_the_next_silence_is_judged_as_ever() {
    let params = profile("lan");
    for asleep in [params.reply + 1, 300, 1_000_000, u32::MAX] {
        let mut member = Member::joined(params);
        member.pass(params.query + params.retries * params.reply);
        for _ in 0..10 {
            let actions = member.step(Input::Tick { elapsed: asleep });
            assert!(!actions.iter().any(|a| matches!(a, Action::Note(Note::Failed { .. }))));
        }
        assert_eq!(member.silence(params.reply).1.len(), 1, "{asleep}");
    }
}

#[test]
fn a_restarted_mcaster_learns_of_us_by_the_join_that_is_repeated() {
    let mut member = Member::joined(profile("lan"));
    assert_eq!(times(&member.pass(1000), "JOIN_GROUP"), [1000]);
    assert_eq!(member.take(HUB, &golden("DUP_MEMBER")), [], "all is as it was");
    assert_eq!(times(&member.pass(1000), "JOIN_GROUP"), [2000]);
    let silent = member.pass(1000);
    let told = |all: &[(u32, Action)]| {
        all.iter().filter(|(_, a)| matches!(a, Action::Note(Note::McasterSilent { .. }))).count()
    };
    assert_eq!((times(&silent, "JOIN_GROUP"), told(&silent)), (vec![3000], 1));
    assert_eq!(told(&member.pass(5000)), 0, "told once");
    let actions = member.take(HUB, &golden("JOIN_ACK"));
    assert!(matches!(actions[..], [Action::Note(Note::McasterBack { forgotten: true, .. })]));
}

#[test]
fn settings_read_again_without_other_timings_postpone_nothing() {
    let mut member = Member::joined(profile("lan"));
    let mut failures = 0;
    for _ in 0..100 {
        failures += member.silence(1).1.len();
        member.ring.set_params(profile("lan"));
    }
    assert_eq!(failures, 1);
}

#[test]
fn a_tick_of_another_length_leaves_the_join_to_be_repeated_in_its_time() {
    let mut member = Member::joined(profile("lan"));
    member.ring.set_params(profile("thesis"));
    assert_eq!(times(&member.pass(100), "JOIN_GROUP"), [60]);
}

#[test]
fn it_leaves_with_retries_and_any_answer_that_it_is_out_ends_it() {
    for answer in [Kind::LeaveAck, Kind::NoGroup, Kind::NoMember] {
        let mut member = Member::joined(profile("lan"));
        member.step(Input::Stop);
        assert_eq!(sent(&member.tick()), []);
        let actions = member.take(HUB, &message(answer));
        let left = Note::Left { group: group(), confirmed: true };
        assert_eq!(actions, [Action::Note(left), Action::Done(End::Stopped)], "{answer}");
    }
    let mut member = Member::joined(profile("lan"));
    member.step(Input::Stop);
    let all = member.pass(100);
    assert_eq!(times(&all, "LEAVE_GROUP"), (1..23).map(|n| 2 * n).collect::<Vec<_>>());
    let left = Note::Left { group: group(), confirmed: false };
    assert_eq!(all[22..], [(46, Action::Note(left)), (46, Action::Done(End::Stopped))]);
}

#[test]
fn with_ip_multicast_there_is_nobody_to_ask_and_it_is_ready_at_once() {
    let mut actions = Vec::new();
    let mut ring = Ring::start(places(None), profile("lan"), &mut actions);
    assert!(actions.contains(&Action::Ready));
    assert_eq!(sent(&actions), []);
    let mut member = Member { ring: ring.clone(), now: 0 };
    assert_eq!(member.silence(2000).1, [86]);
    actions.clear();
    ring.step(Input::Stop, &mut actions);
    assert!(actions.contains(&Action::Done(End::Stopped)));
}

#[test]
fn messages_that_mean_nothing_to_a_ring_are_counted_and_change_nothing() {
    let mut member = Member::joined(profile("lan"));
    let before = member.ring.status()["monitor"].clone();
    let answers = |k: Kind| k == Kind::Query || k == Kind::Reply || k.code() >= 130;
    let others: Vec<Kind> = TABLE.iter().map(|row| row.kind).filter(|&k| !answers(k)).collect();
    for kind in &others {
        assert_eq!(member.take(H3, &message(*kind)), [], "{kind}");
    }
    assert_eq!(member.take_by(Via::Group, H4, &golden("APP_MESSAGE")), []);
    assert_eq!(member.counter("other-messages"), others.len() as u64 + 1);
    let mut unknown = query();
    unknown[50] = 0xEE;
    assert_eq!(dropped(&member.take(H3, &unknown)), "unknown-type");
    assert_eq!(member.ring.status()["monitor"], before);
}

#[test]
fn a_query_that_is_damaged_or_not_as_long_as_it_says_is_dropped() {
    let mut member = Member::joined(profile("lan"));
    assert_eq!(dropped(&member.take(H2, &[])), "short");
    assert_eq!(dropped(&member.take(H2, &query()[..87])), "short");
    assert_eq!(dropped(&member.take(H2, &[query().as_slice(), b"x"].concat())), "trailing");
    let mut damaged = query();
    damaged[4] = 1;
    assert_eq!(dropped(&member.take(H2, &damaged)), "checksum");
    let mut garbage = query();
    garbage[84..88].fill(0xAB);
    assert_eq!(sent(&member.take(H2, &garbage)).len(), 1, "data_len of an original");
}

/// What may come between two ticks; mostly nothing does.
const BETWEEN: [Option<(&str, &str)>; 8] = [
    Some((HUB, "JOIN_ACK")),
    Some((HUB, "LEAVE_ACK")),
    Some((H2, "QUERY")),
    Some((H3, "REPLY")),
    None,
    None,
    None,
    None,
];

proptest! {
    /// A daemon sleeps through ticks at which nothing is due, and gives them all at once before
    /// whatever comes next.
    #[test]
    fn ticks_that_find_nothing_due_may_come_as_one(
        spans in prop::collection::vec((0..BETWEEN.len(), 0..50u32), 0..100),
        stop in 0..100usize,
    ) {
        let (mut single, mut merged) = (Member::joined(profile("lan")), Member::joined(profile("lan")));
        for (i, (what, ticks)) in spans.into_iter().enumerate() {
            let mut actions = [Vec::new(), Vec::new()];
            for (member, actions) in [&mut single, &mut merged].into_iter().zip(&mut actions) {
                if let Some((from, name)) = BETWEEN[what] {
                    actions.extend(member.take(from, &golden(name)));
                }
                if i == stop {
                    actions.extend(member.step(Input::Stop));
                }
            }
            for _ in 0..ticks {
                actions[0].extend(single.tick());
            }
            let mut left = ticks;
            while left > 0 {
                let quiet = left.min(merged.ring.due() - 1);
                if quiet > 0 {
                    prop_assert_eq!(merged.step(Input::Tick { elapsed: quiet }), []);
                    left -= quiet;
                }
                if left > 0 {
                    actions[1].extend(merged.tick());
                    left -= 1;
                }
            }
            prop_assert_eq!(&actions[0], &actions[1]);
            prop_assert_eq!(&single.ring, &merged.ring);
        }
    }
}
