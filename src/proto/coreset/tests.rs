//! A few lives of small sets on a network without faults: that the rules fit together at all. What faults do to
//! them is for the simulator.

use super::*;
use crate::name::{Gid, Incarnation};
use crate::wire::coreset::{
    Change, ChangeId, ChangeKind, CoreMessage, Done, Life, Operation, SetName, View,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

#[derive(Default)]
struct World {
    sets: BTreeMap<SocketAddrV4, CoreSet>,
    mail: VecDeque<(SocketAddrV4, CoreMessage)>,
    applied: BTreeMap<SocketAddrV4, Vec<Operation>>,
    notes: Vec<(SocketAddrV4, SetNote)>,
}

fn address(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

impl World {
    fn start(&mut self, n: u8) {
        self.start_with(n, SetParams::default());
    }

    fn start_with(&mut self, n: u8, params: SetParams) {
        let config = Config {
            name: SetName { base: "nps".parse().unwrap(), suffix: None },
            level: 1,
            own: address(n),
            founding: Founding::IfNone,
            params,
        };
        let mut out = Vec::new();
        let set = CoreSet::new(config, Incarnation(1), &mut out);
        self.sets.insert(address(n), set);
        self.carry(address(n), out);
    }

    fn carry(&mut self, from: SocketAddrV4, actions: Vec<SetAction>) {
        for action in actions {
            match action {
                SetAction::Send { to, message } => self.mail.push_back((to, message)),
                SetAction::Multicast(message) => {
                    let hearing =
                        self.sets.iter().filter(|(a, s)| **a != from && s.view().is_some());
                    self.mail.extend(hearing.map(|(a, _)| (*a, message.clone())));
                }
                SetAction::Installed { applied, .. } => {
                    self.applied.entry(from).or_default().extend(applied);
                }
                SetAction::Note(note) => self.notes.push((from, note)),
                SetAction::Out { .. } => {}
            }
        }
    }

    fn input(&mut self, to: SocketAddrV4, input: SetInput<'_>) {
        let mut out = Vec::new();
        if let Some(set) = self.sets.get_mut(&to) {
            set.step(input, &mut out);
        }
        self.carry(to, out);
    }

    fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            let addresses: Vec<SocketAddrV4> = self.sets.keys().copied().collect();
            for to in addresses {
                self.input(to, SetInput::Tick { elapsed: 1 });
            }
            let mut laps = 0;
            while let Some((to, message)) = self.mail.pop_front() {
                self.input(to, SetInput::Message(&message));
                laps += 1;
                assert!(laps < 100_000, "messages without end: {message:?}");
            }
        }
    }

    /// All in one view of so many members.
    fn agree(&self, members: usize) -> bool {
        let mut positions: Vec<_> =
            self.sets.values().map(|s| s.view().map(|v| v.position)).collect();
        positions.dedup();
        positions.len() == 1
            && self.sets.values().all(|s| s.is_idle() && s.view().unwrap().members.len() == members)
    }

    fn run_until_agreed(&mut self, members: usize, limit: u32) -> u32 {
        for tick in 0..limit {
            if self.agree(members) {
                return tick;
            }
            self.run(1);
        }
        let views: Vec<_> = self
            .sets
            .iter()
            .map(|(a, s)| {
                let members = s.view().map(|v| v.addresses().map(|a| a.ip().octets()[3]).collect());
                (a.ip().octets()[3], s.phase_name(), members.unwrap_or(Vec::new()))
            })
            .collect();
        panic!(
            "no agreement on {members} in {limit} ticks: {views:?}\n{:?}",
            self.notes.iter().rev().take(30).collect::<Vec<_>>()
        );
    }
}

fn booted(n: u8) -> World {
    let mut world = World::default();
    (1..=n).for_each(|i| world.start(i));
    world.run_until_agreed(n.into(), 400);
    world
}

#[test]
fn a_set_is_founded_however_many_retries_there_are() {
    for retries in [0, 6, 7, 8, 25, 100] {
        let mut world = World::default();
        let params = SetParams { retries, ..SetParams::default() };
        world.start_with(1, params);
        world.run((retries + 1) * params.join);
        let view = world.sets[&address(1)].view();
        assert_eq!(view.map(|view| view.members.len()), Some(1), "{retries} retries");
    }
}

#[test]
fn any_number_of_hosts_that_boot_in_one_instant_become_one_set() {
    for n in [1, 2, 3, 4, 8, 16] {
        let mut world = World::default();
        (1..=n).for_each(|i| world.start(i));
        let ticks = world.run_until_agreed(n.into(), 400);
        assert!(ticks < 300, "{n} hosts: {ticks} ticks");
    }
}

#[test]
fn a_host_that_comes_later_joins_and_one_that_leaves_is_gone() {
    let mut world = booted(3);
    world.start(4);
    world.run_until_agreed(4, 30);
    world.input(address(1), SetInput::Leave);
    for _ in 0..60 {
        world.run(1);
        if world.sets[&address(1)].view().is_none() {
            break;
        }
    }
    world.sets.remove(&address(1));
    world.run_until_agreed(3, 20);
}

#[test]
fn crashed_members_are_excluded_by_the_others() {
    let mut world = booted(5);
    world.sets.remove(&address(1));
    world.sets.remove(&address(4));
    world.run_until_agreed(3, 200);
}

#[test]
fn operations_of_all_are_applied_in_one_order_each_once() {
    let mut world = booted(4);
    for round in 0..50u8 {
        for n in 1..=4 {
            world.input(address(n), SetInput::Submit(vec![n, round]));
        }
        world.run(1);
    }
    world.run(50);
    let first = world.applied[&address(1)].clone();
    assert_eq!(first.len(), 200);
    for n in 2..=4 {
        assert_eq!(world.applied[&address(n)], first);
    }
}

fn life(n: u8, inc: u32) -> Life {
    Life { address: address(n), inc: Incarnation(inc) }
}

/// A view of one member that counts operations of these origins, and has forgotten those up to an incarnation.
fn side(member: Life, done: &[(Life, u64)], forgotten: Option<u32>) -> View {
    let name = SetName { base: "nps".parse().unwrap(), suffix: None };
    let mut view = View::founding(name, 1, member);
    view.done =
        done.iter().map(|(origin, number)| Done { origin: *origin, number: *number }).collect();
    let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let origin = |inc| Life { address: nobody, inc: Incarnation(inc) };
    view.done.splice(0..0, forgotten.map(|inc| Done { origin: origin(inc), number: 0 }));
    view
}

fn merge_of(one: View, two: View) -> View {
    let coord = one.members[0].life;
    let kind =
        ChangeKind::Merge { views: Box::new([one.clone(), two.clone()]), gids: vec![Gid(1)] };
    let id = ChangeId { round: 0, class: kind.class(), key: 0, crank: 0, coord, seq: 1 };
    let change = Change { id, kind, par: vec![one.position, two.position], excl: Vec::new() };
    one.apply(&change, coord.address, 100).view
}

#[test]
fn what_one_side_of_a_merge_may_have_forgotten_the_other_forgets() {
    for forgotten in [(None, Some(5)), (Some(5), None)] {
        let done = [(life(9, 3), 2), (life(9, 7), 4)];
        let known = |forgotten: Option<u32>| if forgotten.is_some() { &[][..] } else { &done[..] };
        let one = side(life(1, 10), known(forgotten.0), forgotten.0);
        let two = side(life(2, 10), known(forgotten.1), forgotten.1);
        let merged = merge_of(one, two);
        assert_eq!(merged.members.len(), 2);
        assert_eq!((merged.done_of(life(9, 3)), merged.done_of(life(9, 7))), (0, 4));
        assert_eq!(merged.done.len(), 2, "and an entry that says so: {:?}", merged.done);
    }
}

#[test]
fn a_merge_with_somebody_who_may_be_forgotten_keeps_one_side() {
    for (one, two) in [((10, Some(5)), (4, None)), ((4, None), (10, Some(5)))] {
        let merged = merge_of(side(life(1, one.0), &[], one.1), side(life(2, two.0), &[], two.1));
        assert_eq!(merged.addresses().collect::<Vec<_>>(), [address(1)]);
    }
    let known = side(life(1, 10), &[(life(2, 4), 3)], Some(5));
    let merged = merge_of(known, side(life(2, 4), &[(life(2, 4), 2)], None));
    assert_eq!((merged.members.len(), merged.done_of(life(2, 4))), (2, 3), "it is remembered");
}

#[test]
fn of_the_departed_those_of_the_lowest_incarnations_are_forgotten_first() {
    let done: Vec<_> = (2..8).map(|n| (life(n, 20 - u32::from(n)), 1)).collect();
    let view = side(life(1, 1), &done, None);
    let kind = ChangeKind::Rename;
    let id =
        ChangeId { round: 0, class: kind.class(), key: 0, crank: 0, coord: life(1, 1), seq: 1 };
    let change = Change { id, kind, par: vec![view.position], excl: Vec::new() };
    let view = view.apply(&change, address(1), 2).view;
    let origins: Vec<Life> = view.done.iter().map(|d| d.origin).collect();
    assert_eq!(origins[1..], [life(2, 18), life(3, 17)]);
    assert_eq!(origins[0].inc, Incarnation(16));
}
