//! The registry of a set at its mservers: real core-sets and replicas in a network that loses, cuts and crashes.

mod world;

use membership::name::{GroupName, Incarnation};
use membership::proto::coreset::{Founding, SetInput};
use membership::proto::group::{Effect, Registry, Role};
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Core, Entry, GroupKey, GroupOp, MemberId, Mode, Qos, Reason, Request, RequestId, Scope,
};
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddrV4};
use world::{World, address};

fn name(text: &str) -> GroupName {
    text.parse().unwrap()
}

/// The request `number` of the member interface behind a mserver.
fn request(host: usize, number: u64, group: &str, call: Call) -> Request {
    let id = RequestId { origin: mi(host), number };
    Request {
        id,
        oldest: 1,
        group: name(group),
        registration: 0,
        reach: Scope::Top,
        call,
        path: vec![address(host)],
    }
}

fn mi(host: usize) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, host as u8 + 1), 2901);
    Life { address, inc: Incarnation(7) }
}

fn member(host: usize, number: u64) -> MemberId {
    MemberId { mi: mi(host), number: number as u32 }
}

fn join(host: usize, number: u64, group: &str) -> Request {
    let (member, tag, mode) = (member(host, number), vec![b'x'; 60], Mode::JoinOrCreate);
    request(
        host,
        number,
        group,
        Call::Join { mode, member, tag, roams: false, qos: Qos::default() },
    )
}

fn create(host: usize, number: u64, group: &str) -> GroupOp {
    GroupOp::Create(join(host, number, group))
}

/// Those behind some hosts are cut off.
fn cut(hosts: &[usize]) -> GroupOp {
    let branches: Vec<_> = hosts.iter().map(|host| address(*host)).collect();
    GroupOp::Cut { branches, all: true, cause: RequestId { origin: mi(hosts[0]), number: 99 } }
}

/// One that leads a name, for what the loss of a mserver does to it.
fn lead(host: usize, group: &str) -> GroupOp {
    let inc = RequestId { origin: mi(host), number: 1 };
    let key = GroupKey { name: name(group), suffix: None, inc };
    GroupOp::Lead { key, term: 1, branch: address(host), scope: Scope::Top, roams: true }
}

/// How many members a group has, where it is decided here.
fn size(registry: &Registry, group: &str) -> Option<usize> {
    match &registry.get((name(group), None))?.role {
        Role::Core { core, .. } => Some(core.roster.len()),
        _ => None,
    }
}

/// A set of these hosts, the first one its founder, with a group of the founder's in it.
fn set_of(hosts: usize) -> World {
    let mut world = World::new(hosts, 1);
    world.start(0, Founding::AtOnce);
    world.submit(0, &create(0, 1, "db"));
    for host in 1..hosts {
        world.start(host, Founding::Never);
    }
    world.settle();
    world
}

#[test]
fn a_joiner_gets_what_is_there_and_what_is_agreed_on_meanwhile() {
    let mut world = World::new(2, 1);
    world.start(0, Founding::AtOnce);
    world.submit(0, &create(0, 1, "db"));
    world.mute.insert(0);
    world.start(1, Founding::Never);
    world.run(60);
    assert!(world.host(1).set.view().is_some() && world.host(1).replica.registry().is_none());
    for number in 2..20 {
        world.submit(0, &GroupOp::Call(join(0, number, "db")));
        world.run(3);
    }
    world.mute.clear();
    world.settle();
    assert_eq!(size(world.registry(1), "db"), Some(19));
    assert_eq!(world.host(1).told.in_step, [true]);
    assert!(world.host(1).told.effects.is_empty());
}

#[test]
fn where_there_are_no_groups_nothing_is_asked_for() {
    let mut world = World::new(3, 1);
    world.start(0, Founding::AtOnce);
    world.start(1, Founding::Never);
    world.start(2, Founding::Never);
    world.settle();
    assert_eq!(world.synced, 0);
}

#[test]
fn a_joiner_whose_source_crashes_asks_another() {
    let mut world = set_of(3);
    world.hosts.push(None);
    world.lives.push(0);
    world.side.push(0);
    world.mute = [0, 1].into();
    world.start(3, Founding::Never);
    for _ in 0..200 {
        if world.host(3).set.view().is_some() {
            break;
        }
        world.run(1);
    }
    world.crash(0);
    world.settle();
    assert_eq!(size(world.registry(3), "db"), Some(1));
    assert_eq!(world.resets, 0);
}

#[test]
fn an_operation_of_a_member_in_step_does_not_wait_for_a_leader_that_is_not() {
    let mut world = set_of(3);
    // The two sides meet, and the one that leads then is not told what the other one had.
    world.side = vec![0, 1, 1];
    world.run(300);
    world.submit(1, &create(1, 1, "web"));
    world.run(50);
    world.side = vec![0, 0, 0];
    world.mute = [1, 2].into();
    for _ in 0..400 {
        world.run(1);
        if world.host(1).set.view().is_some_and(|view| view.members.len() == 3) {
            break;
        }
    }
    world.run(30);
    let leader = world.host(1).set.view().unwrap().addresses().next();
    assert_eq!(leader, Some(address(0)));
    assert!(world.host(0).replica.registry().is_none());
    world.submit(1, &GroupOp::Call(join(1, 2, "web")));
    world.run(40);
    assert_eq!(size(world.registry(2), "web"), Some(2));
    world.mute.clear();
    world.settle();
    assert_eq!(size(world.registry(0), "web"), Some(2));
}

#[test]
fn both_sides_of_a_merge_have_the_groups_of_both_and_are_told_so() {
    let mut world = set_of(4);
    world.submit(2, &GroupOp::Call(join(2, 1, "db")));
    world.settle();
    world.side = vec![0, 0, 1, 1];
    world.run(300);
    world.submit(1, &cut(&[2, 3]));
    world.submit(2, &cut(&[0, 1]));
    world.submit(1, &GroupOp::Call(join(1, 1, "db")));
    world.submit(3, &GroupOp::Call(join(3, 1, "db")));
    world.submit(3, &create(3, 2, "web"));
    world.run(60);
    world.side = vec![0; 4];
    world.settle();
    for host in 0..4 {
        assert_eq!(size(world.registry(host), "db"), Some(4), "{host}");
        assert_eq!(size(world.registry(host), "web"), Some(1), "{host}");
        let merged = |effect: &Effect| match effect {
            Effect::View { direct, .. } => direct.reason == Reason::Merged,
            _ => false,
        };
        let told = &world.host(host).told;
        assert_eq!(told.effects.iter().filter(|(_, e)| merged(e)).count(), 1, "{host}");
        assert_eq!(told.in_step.last(), Some(&false), "{host}");
    }
    assert_eq!(world.resets, 0);
}

#[test]
fn joiners_whose_founder_is_gone_before_it_told_them_anything_begin_anew() {
    let mut world = World::new(3, 1);
    world.start(0, Founding::AtOnce);
    world.submit(0, &create(0, 1, "db"));
    world.mute.insert(0);
    world.start(1, Founding::Never);
    world.start(2, Founding::Never);
    world.run(100);
    assert_eq!(world.host(2).set.view().unwrap().members.len(), 3);
    world.crash(0);
    world.settle();
    assert_eq!((world.resets, size(world.registry(1), "db")), (1, None));
    world.submit(2, &create(2, 1, "db"));
    world.run(30);
    assert_eq!(size(world.registry(1), "db"), Some(1));
    // The founder comes back, and finds what there is now.
    world.start(0, Founding::Never);
    world.mute.clear();
    world.settle();
    assert_eq!(size(world.registry(0), "db"), Some(1));
}

#[test]
fn of_a_side_that_is_gone_too_early_the_other_one_keeps_its_own() {
    let mut world = set_of(4);
    world.side = vec![0, 0, 1, 1];
    world.run(300);
    world.submit(2, &create(2, 1, "web"));
    world.run(60);
    world.side = vec![0; 4];
    world.mute = [0, 1, 2, 3].into();
    for _ in 0..400 {
        world.run(1);
        if world.host(0).set.view().is_some_and(|view| view.members.len() == 4) {
            break;
        }
    }
    world.run(20);
    assert_eq!(world.resets, 0);
    world.crash(2);
    world.crash(3);
    world.mute.clear();
    world.settle();
    assert_eq!(world.resets, 1);
    assert_eq!((size(world.registry(0), "db"), size(world.registry(1), "web")), (Some(1), None));
}

#[test]
fn what_a_lost_mserver_led_waits_for_another_one_with_all_alike() {
    let mut world = set_of(3);
    world.submit(1, &lead(2, "web"));
    world.run(30);
    world.crash(2);
    world.settle();
    for host in [0, 1] {
        let record = world.registry(host).get((name("web"), None)).unwrap();
        assert_eq!(record.role, Role::Suspended(address(2)));
        assert_eq!(world.host(host).told.lost, [vec![address(2)]]);
    }
}

#[test]
fn a_parent_that_comes_and_goes_has_what_its_children_have() {
    let mut world = set_of(2);
    world.hosts.push(None);
    world.lives.push(0);
    world.side.push(0);
    for _ in 0..2 {
        world.start(2, Founding::AsParent);
        world.settle();
        assert_eq!(world.host(0).set.view().unwrap().parent, Some(address(2)));
        assert_eq!(size(world.registry(2), "db"), Some(1));
        world.input(2, SetInput::Leave);
        world.run(60);
        world.crash(2);
        world.settle();
    }
    // Alone it decides nothing.
    world.start(2, Founding::AsParent);
    world.settle();
    world.crash(0);
    world.crash(1);
    world.settle();
    assert_eq!(world.registry(2).get((name("db"), None)).unwrap().role, Role::Lost);
}

#[test]
fn a_registry_that_fits_no_message_comes_in_parts() {
    let mut world = World::new(2, 1);
    world.start(0, Founding::AtOnce);
    let inc = RequestId { origin: mi(0), number: 1 };
    let entry = |gid: u32| {
        let (id, tag) = (MemberId { mi: mi(0), number: gid }, vec![b'x'; 60]);
        Entry {
            id,
            gid,
            tag,
            roams: false,
            lost: false,
            registration: 0,
            path: vec![address(0)].into(),
        }
    };
    let core = Core {
        key: GroupKey { name: name("db"), suffix: None, inc },
        qos: Qos::default(),
        term: 1,
        number: 1,
        roster: (0..9000).map(entry).collect(),
        next_gid: 9000,
        done: Vec::new(),
        departed: Vec::new(),
        gathered: Vec::new(),
    };
    world.submit(0, &GroupOp::Adopt { core: Box::new(core), rider: None, id: inc });
    world.run(30);
    assert!(world.registry(0).encode().len() > 700 << 10);
    world.start(1, Founding::Never);
    world.settle();
    assert_eq!(world.synced, 2);
    assert_eq!(world.registry(0), world.registry(1));
}

/// One of them wants to be the parent.
fn founding(host: usize) -> Founding {
    if host == 4 { Founding::AsParent } else { Founding::IfNone }
}

/// Faults by seed for a while; then everything works, and all must come to one registry.
fn schedule(seed: u64) -> (usize, usize) {
    let hosts = 5;
    let mut world = World::new(hosts, seed);
    world.start(0, Founding::AtOnce);
    let mut numbers = vec![0u64; hosts];
    for _ in 0..60 {
        let host = world.random(hosts as u64) as usize;
        match world.random(12) {
            0 => world.crash(host),
            1..=4 if world.hosts[host].is_none() => {
                world.start(host, founding(host));
            }
            5 => world.side = (0..hosts).map(|_| 0).collect(),
            6 => {
                let side: Vec<u32> = (0..hosts).map(|_| world.random(2) as u32).collect();
                world.side = side;
            }
            7 => world.loss = [0, 0, 5, 20][world.random(4) as usize],
            8 => {
                let mute = (0..hosts).filter(|_| world.random(3) == 0).collect();
                world.mute = mute;
            }
            9 if world.hosts[host].is_some() => world.submit(host, &lead(host, "above")),
            _ if world.hosts[host].is_some() => {
                numbers[host] += 1;
                let group = ["db", "web"][world.random(2) as usize];
                world.submit(host, &create(host, numbers[host], group));
            }
            _ => {}
        }
        let ticks = 1 + world.random(40);
        world.run(ticks);
    }
    (world.loss, world.side) = (0, vec![0; hosts]);
    world.mute.clear();
    for host in 0..hosts {
        if world.hosts[host].is_none() {
            world.start(host, founding(host));
        }
    }
    world.settle();
    (world.synced, world.resets)
}

#[test]
fn whatever_happens_equal_positions_have_equal_registries() {
    let mut sometimes = (0, 0);
    for seed in 1..=60 {
        let (synced, resets) =
            std::panic::catch_unwind(|| schedule(seed)).unwrap_or_else(|_| panic!("seed {seed}"));
        sometimes = (sometimes.0 + synced, sometimes.1 + resets);
    }
    // Otherwise nothing was tested.
    assert!(sometimes.0 > 100 && sometimes.1 > 5, "{sometimes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn any_seed_will_do(seed in 1000u64..) {
        schedule(seed);
    }
}
