//! Sets of the largest size there is. 64 members by default; `MS_LARGE=250` for more, in a release build.

use membership::name::{Digest, Gid, Incarnation, ViewNumber};
use membership::proto::coreset::{Founding, REMEMBER, SetParams};
use membership::proto::params::Profile;
use membership::sim::world::address;
use membership::sim::{HostId, Weather, World};
use membership::wire::coreset::{
    Body, Change, ChangeId, ChangeKind, CoreMessage, Done, Life, MAX_MEMBERS, Member, Position,
    SetName, View,
};
use std::net::{Ipv4Addr, SocketAddrV4};

fn size() -> usize {
    std::env::var("MS_LARGE").map_or(64, |text| text.parse().unwrap())
}

fn lan() -> SetParams {
    SetParams::of(&Profile::named("lan").unwrap().params())
}

fn rest(world: &mut World, hosts: &[HostId]) -> u64 {
    let begun = world.now();
    let rests = world.run_until(6000, |world| world.rests(hosts));
    assert!(rests, "{:?} {:?}", world.violation(), world.unrest(hosts));
    world.now() - begun
}

#[test]
fn a_large_set_boots_in_one_instant_and_lives() {
    let n = size();
    let mut world = World::new(7, n, &World::template(lan()));
    world.links.weather = Weather { delay: (0, 1), ..Weather::default() };
    let all: Vec<HostId> = (0..n).collect();
    all.iter().for_each(|host| world.start(*host, Founding::IfNone));
    println!("boot of {n}: {} ticks", rest(&mut world, &all));
    world.submit(n - 1, b"operation");
    let (these, those) = all.split_at(n / 2);
    world.cut(these, those);
    let parted = |world: &World| world.rests(these) && world.rests(those);
    assert!(world.run_until(2000, parted), "{:?}", world.unrest(these));
    world.heal();
    println!("two halves of {n}: {} ticks", rest(&mut world, &all));
    let quarter: Vec<HostId> = all.iter().copied().filter(|host| host % 4 == 3).collect();
    quarter.iter().for_each(|host| world.crash(*host));
    println!("a quarter crashes: {} ticks", rest(&mut world, &all));
    quarter.iter().for_each(|host| world.start(*host, Founding::IfNone));
    println!("and comes back: {} ticks", rest(&mut world, &all));
    world.must_be_sound();
}

#[test]
fn one_after_another_they_make_a_large_set() {
    let n = size() / 2;
    let mut world = World::formed(7, n, lan());
    (0..n).for_each(|host| world.submit(host, &host.to_be_bytes()));
    world.leave(0);
    world.run(200);
    let rest: Vec<HostId> = (1..n).collect();
    assert!(world.rests(&rest), "{:?}", world.unrest(&rest));
    assert_eq!(world.process(1).unwrap().view().unwrap().done.len(), n);
    world.must_be_sound();
}

/// A view of so many members that remembers as many departed origins as any.
fn largest(first: usize, members: usize) -> View {
    let life = |n: usize| {
        let ip = Ipv4Addr::from(0x0A00_0000 + u32::try_from(n).unwrap());
        Life { address: SocketAddrV4::new(ip, 2900), inc: Incarnation(1_800_000_000) }
    };
    let member = |n: usize| Member { gid: Gid(u16::try_from(n).unwrap()), life: life(n) };
    let done = |n: usize| Done { origin: life(n), number: u64::MAX };
    let origins = (first..first + members).chain(1000..1000 + REMEMBER as usize + 1);
    let position = Position { num: ViewNumber(7), k: 1, digest: Digest([7; 16]) };
    View {
        position,
        level: 1,
        name: SetName { base: "a-name-of-the-largest-length-31".parse().unwrap(), suffix: None },
        members: (first..first + members).map(member).collect(),
        parents: vec![position; 2],
        parent: None,
        former: Some(address(1)),
        done: origins.map(done).collect(),
    }
}

#[test]
fn the_largest_messages_can_be_sent() {
    let half = MAX_MEMBERS / 2;
    let (one, two) = (largest(0, half), largest(half, half));
    let coord = one.members[0].life;
    let gids = two.members.iter().map(|m| m.gid).collect();
    let par = vec![one.position, two.position];
    let kind = ChangeKind::Merge { views: Box::new([one.clone(), two]), gids };
    let id = ChangeId { round: 0, class: kind.class(), key: 0, crank: 0, coord, seq: 1 };
    let merge = Change { id, kind, par, excl: Vec::new() };
    let message = |body| CoreMessage {
        name: one.name,
        from: one.members[0],
        level: 1,
        position: one.position,
        parents: one.parents.clone(),
        prev: Some(id),
        exclude: one.members.iter().map(|m| m.gid).collect(),
        body,
    };
    let view = Box::new(largest(0, MAX_MEMBERS));
    let lost = (0..half).map(|n| (address(n), 7)).collect();
    let registry = Digest::default();
    let prev = Some(Box::new(merge.clone()));
    let init = Body::Init { view: view.clone(), prev, requests: Vec::new(), lost, registry };
    for body in [Body::Initiate(merge), Body::Probe { view, force: false }, init] {
        let name = body.name();
        let sent = message(body).encode().unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {} bytes", sent.len());
    }
}
