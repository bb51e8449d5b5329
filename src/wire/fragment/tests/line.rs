//! The two sides together: everything arrives, once, and only what was lost is repeated.

use super::*;
use crate::wire::Message;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A small generator, so that a run depends on the seed that proptest prints and on nothing else.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn percent(&mut self, p: u64) -> bool {
        self.below(100) < p
    }
}

/// What a line does to datagrams, for as long as the weather is bad.
#[derive(Clone, Copy, Debug)]
struct Weather {
    loss: u64,
    double: u64,
    delay: u64,
}

/// One sender, some receivers, and a line between them.
struct Line {
    sending: Sending,
    receiving: BTreeMap<SocketAddrV4, Receiving>,
    delivered: BTreeMap<SocketAddrV4, Vec<Vec<u8>>>,
    under_way: Vec<(u64, SocketAddrV4, SocketAddrV4, Vec<u8>)>,
    dice: Dice,
    now: u64,
    parts_sent: usize,
}

const SENDER: u8 = 200;

impl Line {
    fn new(limits: SendLimits, receivers: u8, seed: u64) -> Line {
        let receiving = || Receiving::new(ReceiveLimits::default(), room());
        Line {
            sending: Sending::new(limits, room(), 7),
            receiving: (1..=receivers).map(|n| (peer(n), receiving())).collect(),
            delivered: BTreeMap::new(),
            under_way: Vec::new(),
            dice: Dice(seed),
            now: 0,
            parts_sent: 0,
        }
    }

    fn transmit(&mut self, from: SocketAddrV4, outgoing: &Outgoing, weather: Weather) {
        assert!(!outgoing.to.is_empty());
        for &to in &outgoing.to {
            let copies = 1 + usize::from(self.dice.percent(weather.double));
            for _ in 0..copies {
                if !self.dice.percent(weather.loss) {
                    let due = self.now + self.dice.below(weather.delay + 1);
                    self.under_way.push((due, from, to, datagram(outgoing)));
                }
            }
        }
    }

    fn transmit_all(&mut self, outgoing: Vec<Outgoing>, weather: Weather) {
        self.parts_sent += outgoing.len();
        outgoing.iter().for_each(|out| self.transmit(peer(SENDER), out, weather));
    }

    fn tick(&mut self, weather: Weather) {
        self.now += 1;
        let (due, later): (Vec<_>, _) =
            std::mem::take(&mut self.under_way).into_iter().partition(|d| d.0 <= self.now);
        self.under_way = later;
        for (_, from, to, bytes) in due {
            self.deliver(from, to, &bytes, weather);
        }
        let mut events = Vec::new();
        self.sending.tick(&mut events);
        self.transmit_all(sends(events), weather);
        for receiving in self.receiving.values_mut() {
            assert_eq!(receiving.tick(), []);
        }
    }

    fn deliver(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8], weather: Weather) {
        let message = Message::receive(bytes, false).unwrap();
        match Fragment::decode(message.data).unwrap() {
            Fragment::Part(part) => {
                let receiving = self.receiving.get_mut(&to).unwrap();
                let arrival = receiving.part(from, &message.header, &part).unwrap();
                if let Outcome::Whole(whole) = arrival.outcome {
                    self.delivered.entry(to).or_default().push(whole);
                }
                if let Some(reply) = arrival.reply {
                    assert_eq!(reply.to, [from]);
                    assert_eq!((reply.header.sender, reply.header.subject), (Gid(2), Gid(1)));
                    self.transmit(to, &reply, weather);
                }
            }
            Fragment::Report(report) => {
                // What the line did to reports makes them stale or unknown, never contradictory.
                match self.sending.report(from, &report) {
                    Ok(_) | Err(Refusal::Stale | Refusal::Unknown) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

const FINE: Weather = Weather { loss: 0, double: 0, delay: 0 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_whole_arrives_once_and_unchanged_over_a_bad_line(
        seed: u64,
        lens in prop::collection::vec(400_usize..9000, 1..4),
        receivers in 1_u8..4,
        burst in 1_u16..20,
        loss in 0_u64..50,
        double in 0_u64..50,
        delay in 0_u64..6,
    ) {
        // Patience for as long as the weather is bad; after that the line is fine and it must end.
        let limits = SendLimits { burst, retries: u8::MAX, ..SendLimits::default() };
        let mut line = Line::new(limits, receivers, seed);
        let to: Vec<_> = line.receiving.keys().copied().collect();
        let weather = Weather { loss, double, delay };
        let mut wholes: Vec<_> = lens.iter().zip(1..).map(|(&len, n)| message(len, n)).collect();
        for whole in &wholes {
            let mut events = Vec::new();
            line.sending.send(whole.clone(), &to, &mut events).unwrap();
            line.transmit_all(sends(events), weather);
        }
        (0..40).for_each(|_| line.tick(weather));
        (0..200).for_each(|_| line.tick(FINE));
        prop_assert_eq!(line.sending.wholes(), 0);
        prop_assert!(line.under_way.is_empty());
        wholes.sort();
        for to in to {
            let mut got = line.delivered.remove(&to).unwrap();
            got.sort();
            prop_assert_eq!(&got, &wholes);
            prop_assert_eq!(line.receiving[&to].bytes(), 0);
        }
    }

    #[test]
    fn exactly_what_was_lost_is_sent_again(lost in prop::collection::btree_set(0_usize..29, 0..29)) {
        let whole = message(30 * room().part(), 1);
        let mut sending = Sending::new(SendLimits::default(), room(), 7);
        let mut receiving = Receiving::new(ReceiveLimits::default(), room());
        let mut events = Vec::new();
        sending.send(whole.clone(), &[peer(1)], &mut events).unwrap();
        let first = sends(std::mem::take(&mut events));
        prop_assert_eq!(first.len(), 30);
        let mut replies = Vec::new();
        let mut got = Vec::new();
        let mut arrive = |out: &Outgoing, replies: &mut Vec<Outgoing>| {
            let arrival = receiving.part(peer(SENDER), &out.header, &as_part(&out.data)).unwrap();
            replies.extend(arrival.reply);
            if let Outcome::Whole(whole) = arrival.outcome { got.push(whole) }
        };
        for (_, out) in first.iter().enumerate().filter(|(i, _)| !lost.contains(i)) {
            arrive(out, &mut replies);
        }
        prop_assert_eq!(replies.len(), 1, "only the last part asks");
        sending.report(peer(1), &as_report(&replies[0].data)).unwrap();
        sending.tick(&mut events);
        let again = sends(events);
        let repeated: BTreeSet<_> = again.iter().map(|o| usize::from(as_part(&o.data).index)).collect();
        prop_assert_eq!(again.len(), repeated.len());
        prop_assert_eq!(repeated, lost);
        again.iter().for_each(|out| arrive(out, &mut replies));
        prop_assert_eq!(got, [whole]);
        let done = sending.report(peer(1), &as_report(&replies.pop().unwrap().data));
        let expected = if again.is_empty() { Err(Refusal::Unknown) } else { Ok(Progress::Complete) };
        prop_assert_eq!(done, expected);
    }
}

#[test]
fn the_largest_whole_passes_the_narrowest_path_of_an_original() {
    let room = Room::new(crate::wire::ORIGINAL_MTU, 100).unwrap();
    let whole = message(MAX_WHOLE, 3);
    let mut sending = Sending::new(SendLimits::default(), room, 0);
    let mut receiving = Receiving::new(ReceiveLimits::default(), room);
    let mut events = Vec::new();
    sending.send(whole.clone(), &[peer(1)], &mut events).unwrap();
    let mut ticks = 0;
    let arrived = 'line: loop {
        let sent = sends(std::mem::take(&mut events));
        assert!(sent.len() <= 32, "no tick exceeds its burst");
        for out in sent {
            let arrival = receiving.part(peer(9), &out.header, &as_part(&out.data)).unwrap();
            if let Outcome::Whole(whole) = arrival.outcome {
                break 'line whole;
            }
        }
        sending.tick(&mut events);
        ticks += 1;
    };
    assert_eq!(arrived, whole);
    assert_eq!(ticks, room.count(MAX_WHOLE).div_ceil(32) - 1);
}
