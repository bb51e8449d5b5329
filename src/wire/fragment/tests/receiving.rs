//! The receiving side alone: what it refuses, keeps, forgets, and answers.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_hostile_sender_exceeds_no_limit(
        senders in 1_u8..7,
        parts in prop::collection::vec((any::<u8>(), 0_u64..12, 2_u16..9, 128_u32..3000, 0_u16..9, 0_u8..3), 1..300),
    ) {
        let limits = ReceiveLimits {
            whole: 2500, halves_per_sender: 3, halves: 8, bytes_per_sender: 4000, bytes: 9000,
            idle: 5, life: 9, done: 4, memory: 7,
        };
        let mut receiving = Receiving::new(limits, room());
        let header = Header::new(GroupName::default(), Kind::Fragment);
        for (from, id, count, total, index, salt) in parts {
            if salt == 2 && index == 0 {
                receiving.tick();
            }
            let whole = WholeId { id, total: total.max(u32::from(count) * 64), count, digest: [salt; 16] };
            let index = index % count;
            let bytes = vec![salt; whole.range(index).len()];
            let before = receiving.clone();
            let result = receiving.part(peer(from % senders), &header, &Part { whole, index, round: 1, bytes: &bytes });
            if result.is_err_and(|e| !matches!(e, Refusal::Digest | Refusal::Content)) {
                prop_assert_eq!(&receiving, &before, "a refusal changes nothing");
            }
            prop_assert!(receiving.bytes() <= limits.bytes);
            prop_assert!(receiving.halves() <= limits.halves);
            prop_assert!(receiving.done() <= limits.done);
            if senders == 1 {
                prop_assert!(receiving.bytes() <= limits.bytes_per_sender);
                prop_assert!(receiving.halves() <= limits.halves_per_sender);
            }
        }
        (0..limits.life.max(limits.memory)).for_each(|_| drop(receiving.tick()));
        prop_assert_eq!(receiving, Receiving::new(limits, room()));
    }
}

#[test]
fn a_fragment_that_contradicts_or_overlaps_is_refused() {
    let mut receiving = Receiving::new(ReceiveLimits::default(), room());
    let parts = parts_of(&message(2000, 1), SendLimits::default(), 7);
    let header = parts[0].header;
    let part = as_part(&parts[0].data);
    let kept = receiving.part(peer(9), &header, &part).unwrap();
    assert_eq!(kept, Arrival { outcome: Outcome::Kept, reply: None });
    let before = receiving.clone();
    let other = WholeId { digest: [0; 16], ..part.whole };
    let refused = receiving.part(peer(9), &header, &Part { whole: other, ..part });
    assert_eq!(refused, Err(Refusal::Contradiction));
    let forged = vec![0x55; part.bytes.len()];
    let refused = receiving.part(peer(9), &header, &Part { bytes: &forged, ..part });
    assert_eq!(refused, Err(Refusal::Overlap));
    assert_eq!(receiving, before);
    assert_eq!(receiving.part(peer(9), &header, &part).unwrap().outcome, Outcome::Repeated);
    let stranger = receiving.part(peer(8), &header, &Part { whole: other, ..part }).unwrap();
    assert_eq!(stranger.outcome, Outcome::Kept, "another sender's id is another whole");
}

#[test]
fn a_repeat_of_a_completed_whole_is_acknowledged_again_and_not_delivered_again() {
    let limits = ReceiveLimits { memory: 4, ..ReceiveLimits::default() };
    let mut receiving = Receiving::new(limits, room());
    let whole = message(2000, 1);
    let parts = parts_of(&whole, SendLimits::default(), 7);
    let take = |receiving: &mut Receiving, out: &Outgoing| {
        receiving.part(peer(9), &out.header, &as_part(&out.data)).unwrap()
    };
    let arrivals: Vec<_> = parts.iter().map(|out| take(&mut receiving, out)).collect();
    let delivered = arrivals.iter().filter(|a| a.outcome == Outcome::Whole(whole.clone())).count();
    assert_eq!((delivered, receiving.bytes(), receiving.done()), (1, 0, 1));
    for _ in 0..3 {
        // A repeat keeps the memory alive: three times three ticks are more than its four.
        (0..3).for_each(|_| assert_eq!(receiving.tick(), []));
        let silent = take(&mut receiving, &parts[0]);
        assert_eq!(silent, Arrival { outcome: Outcome::Repeated, reply: None });
        let asked = take(&mut receiving, parts.last().unwrap());
        assert_eq!(asked.outcome, Outcome::Repeated);
        let report = as_report(&asked.reply.unwrap().data);
        assert_eq!((report.op(), report.round), (Op::Received, 1));
    }
    let lie = WholeId { total: 2001, ..as_part(&parts[0].data).whole };
    let bytes = vec![0; lie.range(0).len()];
    let part = Part { whole: lie, index: 0, round: 1, bytes: &bytes };
    let refused = receiving.part(peer(9), &parts[0].header, &part);
    assert_eq!(refused, Err(Refusal::Contradiction));
    (0..4).for_each(|_| assert_eq!(receiving.tick(), []));
    assert_eq!(receiving.done(), 0);
}

#[test]
fn a_whole_that_is_not_what_was_announced_is_dropped() {
    let header = Header::new(GroupName::default(), Kind::Fragment);
    let mut nested = message(300, 1);
    nested[51] = Kind::Fragment.code() as u8;
    for (bytes, digest, refusal) in [
        (message(300, 1), [0; 16], Refusal::Digest),
        (nested.clone(), payload::digest(&nested), Refusal::Content),
        (vec![1; 300], payload::digest(&[1; 300]), Refusal::Content),
    ] {
        let mut receiving = Receiving::new(ReceiveLimits::default(), room());
        let whole = WholeId { id: 1, total: 300, count: 2, digest };
        let part = |index| Part { whole, index, round: 1, bytes: &bytes[whole.range(index)] };
        assert!(receiving.part(peer(9), &header, &part(1)).is_ok());
        assert_eq!(receiving.part(peer(9), &header, &part(0)), Err(refusal));
        assert_eq!((receiving.bytes(), receiving.halves(), receiving.done()), (0, 0, 0));
    }
}

#[test]
fn one_sender_cannot_take_the_room_or_the_memory_of_another() {
    let limits = ReceiveLimits { done: 3, halves_per_sender: 2, ..ReceiveLimits::default() };
    let mut receiving = Receiving::new(limits, room());
    let give = |receiving: &mut Receiving, from, id, most| {
        let parts = parts_of(&message(2000, 1), SendLimits::default(), id);
        let mut take = |out: &Outgoing| receiving.part(from, &out.header, &as_part(&out.data));
        parts.iter().take(most).map(&mut take).last().unwrap()
    };
    for id in 0..2 {
        assert!(give(&mut receiving, peer(66), id, 1).is_ok());
    }
    assert_eq!(give(&mut receiving, peer(66), 2, 1), Err(Refusal::SenderFull));
    assert!(give(&mut receiving, peer(66), 1, 99).is_ok(), "what was begun can be finished");
    assert!(give(&mut receiving, peer(1), 0, 99).is_ok());
    for id in 10..20 {
        assert!(give(&mut receiving, peer(66), id, 99).is_ok());
        receiving.tick();
    }
    assert_eq!(receiving.done(), 3);
    assert_eq!(give(&mut receiving, peer(1), 0, 99).unwrap().outcome, Outcome::Repeated);
}

#[test]
fn a_half_ends_by_silence_or_by_age() {
    let limits = ReceiveLimits { idle: 3, life: 5, ..ReceiveLimits::default() };
    let parts = parts_of(&message(2000, 1), SendLimits::default(), 7);
    let abandoned = |missing| Abandoned { from: peer(9), id: 7, missing };
    let mut silent = Receiving::new(limits, room());
    let mut dripping = silent.clone();
    let give = |receiving: &mut Receiving, n: usize| {
        receiving.part(peer(9), &parts[n].header, &as_part(&parts[n].data)).unwrap()
    };
    give(&mut silent, 0);
    let ends: Vec<_> = (0..3).flat_map(|_| silent.tick()).collect();
    assert_eq!(ends, [abandoned(parts.len() as u16 - 1)]);
    let ends: Vec<_> = (0..5)
        .flat_map(|n| {
            give(&mut dripping, n);
            dripping.tick()
        })
        .collect();
    assert_eq!(ends, [abandoned(parts.len() as u16 - 5)]);
    assert_eq!(dripping.halves(), 0);
    give(&mut dripping, 0);
    dripping.forget(peer(9));
    assert_eq!(dripping.halves(), 0);
}

#[test]
fn what_does_not_fit_the_budget_is_refused_and_not_made_room_for() {
    let limits = ReceiveLimits { bytes: 5000, ..ReceiveLimits::default() };
    let mut receiving = Receiving::new(limits, room());
    let large = parts_of(&message(3000, 1), SendLimits::default(), 7);
    let give = |receiving: &mut Receiving, from, out: &Outgoing| {
        receiving.part(from, &out.header, &as_part(&out.data)).map(|arrival| arrival.outcome)
    };
    assert_eq!(give(&mut receiving, peer(1), &large[0]), Ok(Outcome::Kept));
    assert_eq!(give(&mut receiving, peer(2), &large[0]), Err(Refusal::Full));
    assert_eq!(receiving.bytes(), 3000);
    large[1..].iter().for_each(|out| drop(give(&mut receiving, peer(1), out)));
    assert_eq!((receiving.bytes(), receiving.done()), (0, 1));
    assert_eq!(give(&mut receiving, peer(2), &large[0]), Ok(Outcome::Kept), "now there is room");

    let limits = ReceiveLimits { whole: 2999, ..limits };
    let refused = give(&mut Receiving::new(limits, room()), peer(1), &large[0]);
    assert_eq!(refused, Err(Refusal::Oversized { have: 3000, most: 2999 }));
}

#[test]
fn a_whole_whose_report_would_not_fit_our_datagrams_is_refused() {
    let narrow = Room::new(256, 0).unwrap();
    let mut receiving = Receiving::new(ReceiveLimits::default(), narrow);
    let whole = WholeId { id: 1, total: 1025 * 64, count: 1025, digest: [0; 16] };
    let bytes = [0; 64];
    let part = Part { whole, index: 0, round: 1, bytes: &bytes };
    let header = Header::new(GroupName::default(), Kind::Fragment);
    assert_eq!(receiving.part(peer(1), &header, &part), Err(Refusal::Parts(1025)));
    assert_eq!(receiving.bytes(), 0);
}
