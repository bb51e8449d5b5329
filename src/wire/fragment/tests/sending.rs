//! The sending side alone: what it repeats, to whom, and when it gives up.

use super::*;

#[test]
fn a_lost_question_is_asked_again_with_its_one_part() {
    let limits = SendLimits { wait: 3, ..SendLimits::default() };
    let mut sending = Sending::new(limits, room(), 7);
    let mut events = Vec::new();
    sending.send(message(2000, 1), &[peer(1)], &mut events).unwrap();
    let last = sends(std::mem::take(&mut events)).pop().unwrap();
    for _ in 0..2 {
        sending.tick(&mut events);
        assert_eq!(events, []);
    }
    sending.tick(&mut events);
    let again = sends(events);
    assert_eq!(again.len(), 1);
    let (last, again) = (as_part(&last.data), as_part(&again[0].data));
    assert_eq!((last.round, again.round), (1, 2));
    assert_eq!((last.index, last.bytes), (again.index, again.bytes));
}

#[test]
fn what_several_receivers_miss_leaves_once_and_asks_each_at_its_own_end() {
    let mut sending = Sending::new(SendLimits::default(), room(), 7);
    let mut events = Vec::new();
    sending.send(message(2000, 1), &[peer(1), peer(2), peer(3)], &mut events).unwrap();
    let first = sends(std::mem::take(&mut events));
    assert!(first.iter().all(|out| out.to == [peer(1), peer(2), peer(3)]));
    let whole = as_part(&first[0].data).whole;
    let report = |indices: &[u16]| {
        let mut missing = Parts::none(whole.count);
        indices.iter().for_each(|&index| missing.insert(index));
        Report { whole, round: 1, missing }
    };
    assert_eq!(sending.report(peer(1), &report(&[1, 3])), Ok(Progress::Repeats(2)));
    assert_eq!(sending.report(peer(2), &report(&[1])), Ok(Progress::Repeats(1)));
    assert_eq!(sending.report(peer(3), &report(&[])), Ok(Progress::Received));
    sending.tick(&mut events);
    let again: Vec<_> = sends(events)
        .into_iter()
        .map(|out| (as_part(&out.data).index, as_part(&out.data).round, out.to))
        .collect();
    assert_eq!(again, [(1, 0, vec![peer(1)]), (1, 2, vec![peer(2)]), (3, 2, vec![peer(1)])]);
}

#[test]
fn a_silent_receiver_is_given_up_aloud_after_as_many_retries_as_are_said() {
    let limits = SendLimits { wait: 2, retries: 3, ..SendLimits::default() };
    let mut sending = Sending::new(limits, room(), 7);
    let mut events = Vec::new();
    let id = sending.send(message(2000, 1), &[peer(1), peer(2)], &mut events).unwrap();
    let whole = as_part(&sends(std::mem::take(&mut events))[0].data).whole;
    let received = Report { whole, round: 1, missing: Parts::none(whole.count) };
    assert_eq!(sending.report(peer(2), &received), Ok(Progress::Received));
    for _ in 0..2 * (1 + 3) {
        sending.tick(&mut events);
    }
    let (gave_up, again): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| matches!(event, Event::GaveUp { .. }));
    assert_eq!(gave_up, [Event::GaveUp { id, to: peer(1) }]);
    assert_eq!(again.len(), 3);
    assert_eq!((sending.wholes(), sending.bytes()), (0, 0));
}

#[test]
fn a_receiver_that_never_has_more_is_given_up() {
    let mut sending = Sending::new(SendLimits::default(), room(), 7);
    let mut events = Vec::new();
    let id = sending.send(message(2000, 1), &[peer(1)], &mut events).unwrap();
    let mut rounds = 0;
    while sending.wholes() > 0 {
        let sent = sends(std::mem::take(&mut events));
        let Part { whole, round, .. } = as_part(&sent.last().unwrap().data);
        let greedy = Report { whole, round, missing: Parts::all(whole.count) };
        sending.report(peer(1), &greedy).unwrap();
        sending.tick(&mut events);
        rounds += 1;
    }
    assert_eq!(events, [Event::GaveUp { id, to: peer(1) }]);
    assert_eq!(rounds, 1 + usize::from(SendLimits::default().retries));
}

#[test]
fn a_report_counts_once_and_only_from_whom_it_is_due() {
    let mut sending = Sending::new(SendLimits::default(), room(), 7);
    let mut events = Vec::new();
    sending.send(message(2000, 1), &[peer(1)], &mut events).unwrap();
    let Part { whole, .. } = as_part(&sends(std::mem::take(&mut events))[0].data);
    let mut missing = Parts::none(whole.count);
    missing.insert(2);
    let report = Report { whole, round: 1, missing };
    let with = |whole, round| Report { whole, round, ..report.clone() };
    let before = sending.clone();
    let mut refused = |from, report| sending.report(from, &report).unwrap_err().cause();
    assert_eq!(refused(peer(2), with(whole, 1)), "unknown");
    assert_eq!(refused(peer(1), with(WholeId { id: 8, ..whole }, 1)), "unknown");
    assert_eq!(refused(peer(1), with(WholeId { digest: [0; 16], ..whole }, 1)), "contradiction");
    assert_eq!(refused(peer(1), with(whole, 0)), "late-report");
    assert_eq!(refused(peer(1), with(whole, 2)), "late-report");
    assert_eq!(sending, before);
    assert_eq!(sending.report(peer(1), &report), Ok(Progress::Repeats(1)));
    assert_eq!(sending.report(peer(1), &report), Err(Refusal::Stale));
    sending.forget(peer(1));
    assert_eq!(sending.wholes(), 0);
    assert_eq!(sending.report(peer(1), &report), Err(Refusal::Unknown));
}

#[test]
fn what_cannot_be_sent_is_refused_and_nothing_is_held() {
    let limits = SendLimits { whole: 3000, wholes: 2, bytes: 4000, ..SendLimits::default() };
    let mut sending = Sending::new(limits, room(), 7);
    let mut events = Vec::new();
    let fresh = sending.clone();
    let fits = MTU - RESERVE;
    let mut nested = message(1000, 1);
    nested[51] = Kind::Fragment.code() as u8;
    let nobody: &[SocketAddrV4] = &[];
    for (whole, to, refusal) in [
        (message(3001, 1), &[peer(1)][..], Refusal::Oversized { have: 3001, most: 3000 }),
        (message(fits, 1), &[peer(1)], Refusal::Needless),
        (message(1000, 1), nobody, Refusal::Needless),
        (nested, &[peer(1)], Refusal::Content),
        (vec![0; 1000], &[peer(1)], Refusal::Content),
    ] {
        assert_eq!(sending.send(whole, to, &mut events), Err(refusal));
    }
    assert_eq!(sending, fresh);
    assert_eq!(events, []);
    assert_eq!(sending.send(message(fits + 1, 1), &[peer(1)], &mut events), Ok(7));
    assert_eq!(sending.send(message(3000, 1), &[peer(1)], &mut events), Ok(8));
    assert_eq!(sending.send(message(fits + 1, 1), &[peer(1)], &mut events), Err(Refusal::Full));

    let narrow = Room::new(HEADER_LEN + 40 + Room::MIN, 0).unwrap();
    let mut sending = Sending::new(SendLimits::default(), narrow, 7);
    let most = 8 * Room::MIN * Room::MIN;
    assert!(sending.send(message(most, 1), &[peer(1)], &mut events).is_ok());
    let refused = sending.send(message(most + 1, 1), &[peer(1)], &mut events);
    assert_eq!(refused, Err(Refusal::Parts(8 * Room::MIN + 1)));
}
