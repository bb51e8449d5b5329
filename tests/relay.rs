//! Views on their way down, as pure machines: a core, two mservers, four member interfaces; a test a sentence.
//!
//! ```text
//!            core
//!       s1 ──┴── s2
//!     m1  m2   m3  m4
//! ```

use membership::name::{GroupName, Incarnation};
use membership::proto::group::{Applied, Delivery, Known, Relay, digest_of};
use membership::proto::params::{Params, Profile};
use membership::wire::coreset::Life;
use membership::wire::group::{
    Content, Direct, Entry, GroupKey, MemberId, Qos, Reason, RequestId, Whole,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

const REPLY: u32 = 2;
const RETRIES: u32 = 5;
const QUERY: u32 = 20;

fn params(retries: u32) -> Params {
    Params { reply: REPLY, retries, query: QUERY, ..Profile::named("lan").unwrap().params() }
}

fn mserver(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

fn mi(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, n), 2901)
}

/// The mserver that leads to the MI.
fn above(n: u8) -> SocketAddrV4 {
    mserver(if n <= 2 { 1 } else { 2 })
}

fn life(n: u8) -> Life {
    Life { address: mi(n), inc: Incarnation(3) }
}

fn key() -> GroupKey {
    let name: GroupName = "db".parse().unwrap();
    GroupKey { name, suffix: None, inc: RequestId { origin: life(1), number: 1 } }
}

fn entry(n: u8, gid: u32) -> Entry {
    let id = MemberId { mi: life(n), number: gid };
    Entry {
        id,
        gid,
        tag: vec![],
        roams: false,
        lost: false,
        registration: 0,
        path: vec![above(n)].into(),
    }
}

/// What is decided: rosters, one after the other.
#[derive(Default)]
struct Core {
    number: u32,
    roster: Vec<Entry>,
    gids: u32,
}

impl Core {
    fn join(&mut self, n: u8) -> Direct {
        let came = entry(n, self.gids);
        self.gids += 1;
        self.roster.push(came.clone());
        self.decided(vec![], vec![came])
    }

    fn leave(&mut self, place: usize) -> Direct {
        let gone = self.roster.remove(place);
        self.decided(vec![gone.gid], vec![])
    }

    fn decided(&mut self, gone: Vec<u32>, came: Vec<Entry>) -> Direct {
        self.number += 1;
        Direct {
            key: key(),
            term: 1,
            number: self.number,
            digest: digest_of(&key().inc, self.number, &self.roster),
            reason: Reason::Joined,
            causes: vec![],
            content: Content::Delta { gone, came },
        }
    }
}

fn by_path(entry: &Entry) -> Option<SocketAddrV4> {
    entry.path.first().copied()
}

fn sends(out: &[Delivery]) -> Vec<(SocketAddrV4, bool)> {
    let whole = |direct: &Direct| matches!(direct.content, Content::Whole(_));
    out.iter().map(|(to, direct)| (*to, whole(direct))).collect()
}

#[test]
fn only_children_with_members_hear_of_a_group_and_new_ones_hear_all_of_it() {
    let (mut core, mut relay) = (Core::default(), Relay::new(&params(RETRIES)));
    let mut out = Vec::new();
    assert_eq!(relay.view(&core.join(1), by_path, &mut out), Applied::New);
    assert_eq!(sends(&out), [(mserver(1), true)]);
    out.clear();
    relay.view(&core.join(3), by_path, &mut out);
    assert_eq!(sends(&out), [(mserver(1), false), (mserver(2), true)]);
}

#[test]
fn what_is_not_answered_is_told_again_as_a_whole_and_then_ever_more_seldom() {
    let (mut core, mut relay) = (Core::default(), Relay::new(&params(RETRIES)));
    let mut out = Vec::new();
    relay.view(&core.join(1), by_path, &mut out);
    out.clear();
    relay.tick(REPLY, &mut out);
    assert_eq!(sends(&out), [(mserver(1), true)]);
    for _ in 0..RETRIES {
        relay.tick(REPLY, &mut out);
    }
    assert_eq!((out.len() as u32, relay.due()), (RETRIES + 1, QUERY));
    // Whoever monitors the child says when it is gone.
    relay.forget(mserver(1));
    assert_eq!((relay.groups().count(), relay.due()), (0, u32::MAX));
}

#[test]
fn a_branch_without_members_is_pruned_but_not_for_an_older_view() {
    let (mut core, mut relay) = (Core::default(), Relay::new(&params(RETRIES)));
    let mut out = Vec::new();
    relay.view(&core.join(1), by_path, &mut out);
    relay.view(&core.join(2), by_path, &mut out);
    relay.got(mserver(1), (key(), 1, 1), 0).unwrap();
    assert_eq!(relay.groups().count(), 1, "the second view may have the first members there");
    relay.got(mserver(1), (key(), 1, 2), 0).unwrap();
    assert_eq!(relay.groups().count(), 0, "nothing is kept of a group without members below");
    assert!(relay.got(mserver(1), (key(), 1, 2), 0).is_err());
}

#[test]
fn a_view_that_does_not_follow_is_not_passed_on() {
    let (mut core, mut relay) = (Core::default(), Relay::new(&params(RETRIES)));
    let mut out = Vec::new();
    relay.view(&core.join(1), by_path, &mut out);
    core.join(2);
    out.clear();
    assert_eq!(relay.view(&core.join(3), by_path, &mut out), Applied::Gap);
    assert_eq!(out, []);
}

/// A tree in which messages are lost and late.
struct Tree {
    core: Core,
    top: Relay,
    mservers: BTreeMap<SocketAddrV4, Relay>,
    mis: BTreeMap<SocketAddrV4, Known>,
    /// The members that MIs have themselves, by their gids, and the view that they came with: gone are those that a
    /// later view is without.
    local: BTreeMap<u32, (SocketAddrV4, u32)>,
    mail: Vec<Mail>,
}

enum Mail {
    Down(SocketAddrV4, SocketAddrV4, Direct),
    Got(SocketAddrV4, SocketAddrV4, u32, u32),
    Missing(SocketAddrV4, SocketAddrV4),
}

impl Tree {
    fn new() -> Tree {
        let relay = Relay::new(&params(1000));
        let mservers = (1..=2).map(|n| (mserver(n), relay.clone())).collect();
        let core = Core::default();
        Tree {
            core,
            top: relay,
            mservers,
            mis: BTreeMap::new(),
            local: BTreeMap::new(),
            mail: Vec::new(),
        }
    }

    fn post(&mut self, from: SocketAddrV4, out: Vec<Delivery>) {
        self.mail.extend(out.into_iter().map(|(to, direct)| Mail::Down(from, to, direct)));
    }

    fn decide(&mut self, direct: &Direct) {
        let mut out = Vec::new();
        if self.top.view(direct, by_path, &mut out) == Applied::Gap {
            // It had no members below for a while. Where it is decided, all of it is known.
            let (entries, next_gid) = (self.core.roster.clone(), self.core.gids);
            let content =
                Content::Whole(Box::new(Whole { entries, next_gid, qos: Qos::default() }));
            let whole = Direct { content, ..direct.clone() };
            assert_eq!(self.top.view(&whole, by_path, &mut out), Applied::New);
        }
        self.post(mserver(0), out);
    }

    fn carry(&mut self, mail: Mail) {
        let mut out = Vec::new();
        match mail {
            Mail::Down(from, to, direct) => match self.mservers.get_mut(&to) {
                Some(relay) => {
                    let ours = |e: &Entry| (by_path(e) == Some(to)).then_some(e.id.mi.address);
                    if relay.view(&direct, ours, &mut out) == Applied::Gap {
                        self.mail.push(Mail::Missing(to, from));
                    } else {
                        let (number, below) = (direct.number, relay.below(&key(), ours));
                        self.mail.push(Mail::Got(to, from, number, below));
                    }
                    self.post(to, out);
                }
                None => self.at_mi(from, to, &direct),
            },
            Mail::Got(from, to, number, below) => {
                // Whoever is asked too late says so; that is no harm.
                let _ = match self.mservers.get_mut(&to) {
                    Some(relay) => relay.got(from, (key(), 1, number), below),
                    None => self.top.got(from, (key(), 1, number), below),
                };
            }
            Mail::Missing(from, to) => {
                match self.mservers.get_mut(&to) {
                    Some(relay) => relay.missing(from, &key(), &mut out),
                    None => self.top.missing(from, &key(), &mut out),
                };
                self.post(to, out);
            }
        }
    }

    fn at_mi(&mut self, from: SocketAddrV4, to: SocketAddrV4, direct: &Direct) {
        let known = self.mis.entry(to).or_insert_with(|| Known::new(key()));
        let ours = |known: &Known| -> BTreeSet<u32> {
            let at = known.roster().iter().filter(|e| e.id.mi.address == to);
            at.map(|e| e.gid).collect()
        };
        if known.apply(direct) == Applied::Gap {
            if self.local.values().any(|(mi, _)| *mi == to) {
                return self.mail.push(Mail::Missing(to, from));
            }
            // Nobody here wants it.
            self.mis.remove(&to);
            return self.mail.push(Mail::Got(to, from, direct.number, 0));
        }
        let after = ours(known);
        let number = known.at().1;
        self.local.retain(|gid, (mi, since)| *mi != to || *since > number || after.contains(gid));
        // A view that is late may have members that are gone: they are not here any more.
        let here = after.iter().filter(|gid| self.local.contains_key(gid)).count() as u32;
        if here == 0 {
            self.mis.remove(&to);
        }
        self.mail.push(Mail::Got(to, from, number, here));
    }

    fn tick(&mut self) {
        let mut out = Vec::new();
        self.top.tick(1, &mut out);
        self.post(mserver(0), out);
        for n in 1..=2 {
            let mut out = Vec::new();
            self.mservers.get_mut(&mserver(n)).unwrap().tick(1, &mut out);
            self.post(mserver(n), out);
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_or_late_all_who_have_members_come_to_the_last_view(
        steps in proptest::collection::vec((0_u8..10, any::<u8>()), 1..60)
    ) {
        let mut tree = Tree::new();
        for (what, who) in steps {
            match what {
                0..=2 => {
                    let direct = tree.core.join(1 + who % 4);
                    let came = (mi(1 + who % 4), direct.number);
                    tree.local.insert(tree.core.gids - 1, came);
                    tree.decide(&direct);
                }
                // A group without members has ended, and with it this test.
                3 if tree.core.roster.len() > 1 => {
                    let place = usize::from(who) % tree.core.roster.len();
                    let direct = tree.core.leave(place);
                    tree.decide(&direct);
                }
                4 if !tree.mail.is_empty() => {
                    let place = usize::from(who) % tree.mail.len();
                    tree.mail.remove(place);
                }
                5..=8 if !tree.mail.is_empty() => {
                    let place = usize::from(who) % tree.mail.len();
                    let mail = tree.mail.remove(place);
                    tree.carry(mail);
                }
                _ => tree.tick(),
            }
        }
        for _ in 0..200 {
            for mail in std::mem::take(&mut tree.mail) {
                tree.carry(mail);
            }
            tree.tick();
        }
        let members = |n: u8| tree.core.roster.iter().filter(|e| e.id.mi == life(n)).count();
        for n in (1..=4).filter(|n| members(*n) > 0) {
            let known = tree.mis.get(&mi(n)).map(Known::roster);
            prop_assert_eq!(known, Some(tree.core.roster.as_slice()), "MI {}", n);
        }
    }
}
