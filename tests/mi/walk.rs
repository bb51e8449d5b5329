//! Calls, views, losses and departures in any order: what applications may rely on.

use crate::lan::{Lan, joins, life, longest, name, whole};
use membership::proto::mi::{Ask, LocalCall, LocalEvent};
use membership::proto::step::Input;
use membership::wire::group::{GroupBody, MemberId, Mode, RequestId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const GROUPS: [&str; 3] = ["one", "two", "three"];

/// One thing that happens. Places are taken modulo what there is.
#[derive(Clone, Debug)]
enum Event {
    Join {
        mi: u8,
        client: u8,
        group: u8,
        patience: bool,
    },
    Leave {
        member: u8,
    },
    Merge {
        client: u8,
        group: u8,
        other: u8,
    },
    Split {
        client: u8,
        group: u8,
        new: u8,
        gid: u8,
    },
    View {
        client: u8,
        group: u8,
    },
    Answer {
        client: u8,
    },
    Gone {
        client: u8,
    },
    /// What was said at that place is heard, once, twice, or never.
    Deliver {
        place: u8,
        times: u8,
    },
    /// An mserver repeats the whole of a group.
    Repeat {
        mi: u8,
        group: u8,
    },
    Ticks {
        mi: u8,
        ticks: u8,
    },
    Loss {
        submits: u8,
    },
}

fn event() -> impl Strategy<Value = Event> {
    use Event::*;
    let n = any::<u8>;
    prop_oneof![
        4 => (n(), n(), n(), any::<bool>())
            .prop_map(|(mi, client, group, patience)| Join { mi, client, group, patience }),
        2 => n().prop_map(|member| Leave { member }),
        1 => (n(), n(), n()).prop_map(|(client, group, other)| Merge { client, group, other }),
        1 => (n(), n(), n(), n())
            .prop_map(|(client, group, new, gid)| Split { client, group, new, gid }),
        1 => (n(), n()).prop_map(|(client, group)| View { client, group }),
        1 => n().prop_map(|client| Answer { client }),
        1 => n().prop_map(|client| Gone { client }),
        12 => (n(), prop_oneof![6 => Just(1_u8), 1 => Just(2), 1 => Just(0)])
            .prop_map(|(place, times)| Deliver { place, times }),
        2 => (n(), n()).prop_map(|(mi, group)| Repeat { mi, group }),
        3 => (n(), 1..30_u8).prop_map(|(mi, ticks)| Ticks { mi, ticks }),
        1 => (0..3_u8).prop_map(|submits| Loss { submits }),
    ]
}

/// What applications were told, checked as it comes.
#[derive(Default)]
struct Watched {
    /// Calls that were not answered, by client and number.
    open: BTreeSet<(u64, u32)>,
    /// The join of each member.
    joins: BTreeMap<MemberId, (u64, u32)>,
    /// Group, term and number of the last view of each member.
    last: BTreeMap<MemberId, (RequestId, u32, u32)>,
    out: BTreeSet<MemberId>,
    /// The last question of each client.
    asked: BTreeMap<u64, u32>,
    gone: BTreeSet<u64>,
}

impl Watched {
    fn answered(&mut self, client: u64, call: u32) {
        assert!(self.open.remove(&(client, call)), "client {client}: call {call} answered twice");
    }

    fn hear(&mut self, client: u64, event: &LocalEvent) {
        assert!(!self.gone.contains(&client), "nobody is there to be told {event:?}");
        match event {
            LocalEvent::Taken { call, member } => {
                assert!(self.joins.insert(*member, (client, *call)).is_none());
            }
            LocalEvent::Done { call } | LocalEvent::Roster { call, .. } => {
                self.answered(client, *call);
            }
            LocalEvent::Refused { call, .. } => {
                self.answered(client, *call);
                self.joins.retain(|_, join| *join != (client, *call));
            }
            LocalEvent::View { key, member, term, number, whole, size, came, rank, .. } => {
                assert!(!self.out.contains(member), "{member:?} is out");
                let join = self.joins[member];
                assert_eq!(join.0, client, "of another application");
                self.open.remove(&join);
                assert!(rank < size && (!whole || came.len() == *size as usize));
                let last = self.last.insert(*member, (key.inc, *term, *number));
                match last.filter(|last| last.0 == key.inc) {
                    Some((_, t, n)) if *whole => assert!((*term, *number) > (t, n), "{event:?}"),
                    Some((_, _, n)) => assert_eq!(*number, n + 1, "{event:?}"),
                    None => assert!(*whole, "the first one tells everybody: {event:?}"),
                }
            }
            LocalEvent::Out { member, .. } => {
                assert!(self.out.insert(*member), "{member:?} is out twice");
                assert_eq!(self.joins[member].0, client);
                self.open.remove(&self.joins[member]);
            }
            LocalEvent::Alive { nonce } => drop(self.asked.insert(client, *nonce)),
            LocalEvent::ServerLost | LocalEvent::ServerFound => {}
        }
    }
}

struct Walk {
    lan: Lan,
    watched: Watched,
    calls: u32,
    /// Where each client is; who is gone comes back as another.
    clients: BTreeMap<u8, u64>,
}

impl Walk {
    fn new() -> Walk {
        let mut lan = Lan::of(2);
        lan.held = Some(vec![]);
        Walk { lan, watched: Watched::default(), calls: 0, clients: BTreeMap::new() }
    }

    /// A client, and its MI.
    fn client(&mut self, place: u8) -> (u64, u8) {
        let place = place % 4;
        let client = *self.clients.entry(place).or_insert(place.into());
        (client, 1 + place % 2)
    }

    fn call(&mut self, place: u8, group: u8, ask: Ask) {
        let (client, mi) = self.client(place);
        self.calls += 1;
        let number = self.calls;
        self.watched.open.insert((client, number));
        let group = name(GROUPS[usize::from(group) % GROUPS.len()]);
        self.lan.ask(mi, client, &LocalCall { number, group, ask });
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Join { mi, client, group, patience } => {
                let ask = joins(Mode::JoinOrCreate, if patience { 400 } else { 0 });
                self.call(client ^ (mi & 1), group, ask);
            }
            Event::Leave { member: place } => {
                let all: Vec<_> =
                    self.watched.joins.iter().map(|(id, join)| (*id, join.0)).collect();
                let Some(&(member, whose)) = all.get(usize::from(place) % all.len().max(1)) else {
                    return;
                };
                let place = self.clients.iter().find(|(_, client)| **client == whose);
                let Some((&place, _)) = place else { return };
                self.call(place, 0, Ask::Leave { member });
            }
            Event::Merge { client, group, other } => {
                let other = name(GROUPS[usize::from(other) % GROUPS.len()]);
                self.call(client, group, Ask::Merge { other });
            }
            Event::Split { client, group, new, gid } => {
                let new = name(GROUPS[usize::from(new) % GROUPS.len()]);
                self.call(client, group, Ask::Split { new, members: vec![u32::from(gid % 4)] });
            }
            Event::View { client, group } => self.call(client, group, Ask::View),
            Event::Answer { client } => self.answer(client),
            Event::Gone { client: place } => {
                let (client, mi) = self.client(place);
                self.hear();
                self.watched.gone.insert(client);
                self.watched.open.retain(|(whose, _)| *whose != client);
                self.lan.input(mi, Input::Gone { client });
                self.clients.insert(place % 4, client + 4);
            }
            Event::Deliver { place, times } => {
                let held = self.lan.held.as_mut().unwrap();
                if held.is_empty() {
                    return;
                }
                let (n, body) = held.remove(usize::from(place) % held.len());
                (0..times).for_each(|_| self.lan.say_from(1, n, body.clone()));
            }
            Event::Repeat { mi, group } => self.repeat(1 + mi % 2, group),
            Event::Ticks { mi, ticks } => self.lan.wait(1 + mi % 2, ticks.into()),
            Event::Loss { submits } => self.lan.lose = submits.into(),
        }
        self.hear();
    }

    fn answer(&mut self, place: u8) {
        let (client, mi) = self.client(place);
        let Some(&nonce) = self.watched.asked.get(&client) else { return };
        let call = LocalCall { number: 0, group: name("one"), ask: Ask::Alive { nonce } };
        self.lan.ask(mi, client, &call);
    }

    fn repeat(&mut self, mi: u8, group: u8) {
        let cores = self.lan.cores();
        let Some(core) = cores.get(usize::from(group) % cores.len().max(1)) else { return };
        self.lan.say(mi, GroupBody::Direct(whole(core)));
    }

    fn hear(&mut self) {
        for (client, event) in std::mem::take(&mut self.lan.told) {
            self.watched.hear(client, &event);
        }
    }

    /// Nothing is lost any more; the mserver repeats what is not acknowledged.
    fn rest(&mut self) {
        self.lan.lose = 0;
        // What is said meanwhile comes behind what was said before: the network has no memory of its own.
        while let Some(held) = self.lan.held.as_mut().filter(|held| !held.is_empty()) {
            let (n, body) = held.remove(0);
            self.lan.say_from(1, n, body);
        }
        self.lan.held = None;
        for _ in 0..3 * longest() {
            for mi in 1..=2 {
                for place in 0..4 {
                    self.answer(place);
                }
                self.lan.wait(mi, 1);
                for core in self.lan.cores() {
                    let lags = self.lan.mi(mi).known(core.key.name).is_none_or(|known| {
                        known.key() != core.key || known.at() != (core.term, core.number)
                    });
                    let ours = core.roster.iter().any(|entry| entry.id.mi == life(mi));
                    if lags && ours {
                        self.lan.say(mi, GroupBody::Direct(whole(&core)));
                    }
                }
                self.hear();
            }
        }
    }

    /// Members that were let in and are not out: those are in the groups, and nobody else is.
    fn check(&self) {
        assert_eq!(self.watched.open, BTreeSet::new(), "not answered");
        let alive = self.watched.joins.iter().filter(|(id, (client, _))| {
            !self.watched.out.contains(id) && !self.watched.gone.contains(client)
        });
        let alive: BTreeSet<MemberId> = alive.map(|(id, _)| *id).collect();
        let mut listed = BTreeSet::new();
        for core in self.lan.cores() {
            for entry in &core.roster {
                assert!(listed.insert(entry.id), "{:?} is in two groups", entry.id);
                let at = (core.key.inc, core.term, core.number);
                let mi = self.lan.mi(entry.id.mi.address.ip().octets()[3]);
                let last = self.watched.last.get(&entry.id);
                assert_eq!(last, Some(&at), "{core:?}\n{mi:?}");
            }
        }
        assert_eq!(alive, listed);
    }
}

fn walk(events: &[Event]) {
    let mut walk = Walk::new();
    events.iter().for_each(|event| walk.step(event));
    walk.rest();
    walk.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_numbers_follow_on_out_is_last_and_each_call_is_answered_once(
        events in prop::collection::vec(event(), 1..120),
    ) {
        walk(&events);
    }
}
