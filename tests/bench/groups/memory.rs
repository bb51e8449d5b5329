//! What groups and members cost in bytes: of daemons by the slope of their anonymous memory, and of the tables alone.

use super::Setup;
use super::app::{AppId, Crowd};
use super::fleet::Fleet;
use membership::name::{GroupName, Incarnation};
use membership::proto::group::{Registry, Relay};
use membership::proto::params::PROFILES;
use membership::wire::coreset::Life;
use membership::wire::group::{
    Completed, Core, Entry, GroupKey, GroupOp, MemberId, Qos, RequestId,
};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// Hosts of the real set.
const HOSTS: usize = 3;
/// Groups that one application is a member of.
const EACH: usize = 200;
/// Members of the one large group, and mservers that they are behind.
const LARGE: u32 = 10_000;
const MSERVERS: u32 = 16;
/// Copies of it, so that pages are no matter.
const COPIES: usize = 20;

pub fn run(setup: &Setup) {
    println!("bytes of anonymous memory");
    let groups = if setup.quick { EACH } else { 1000 };
    let mut fleet = Fleet::new(HOSTS, 150, &["-q", "--mi"]);
    fleet.found();
    let mut crowd = Crowd::new();
    let names: Vec<GroupName> = (0..groups).map(|n| format!("g{n}").parse().unwrap()).collect();
    let mut steps = Vec::new();
    let mut apps: Vec<AppId> = Vec::new();
    for members in [0, 1, 10, 20] {
        while apps.len() < members * groups / EACH {
            apps.push(crowd.open(&fleet.applications(apps.len() / (groups / EACH) % HOSTS)));
            fill(&mut crowd, (&apps, groups), &names);
        }
        let held: u64 = fleet.all().iter().map(|&i| anonymous(fleet.pid(i))).sum();
        steps.push((members, held as f64 / HOSTS as f64));
    }
    for pair in steps.windows(2) {
        let [(fewer, less), (more, held)] = pair else { unreachable!() };
        let each = (held - less) / ((more - fewer) * groups) as f64;
        println!(
            "{groups} groups, members {fewer:>2} -> {more:>2}: {each:>7.0} a member, each daemon"
        );
    }
    tables();
    println!();
}

/// The last application becomes a member of its share of the groups.
fn fill(crowd: &mut Crowd, (apps, groups): (&[AppId], usize), names: &[GroupName]) {
    let app = *apps.last().expect("there is one");
    let first = (apps.len() - 1) * EACH % groups;
    for part in names[first..first + EACH].chunks(32) {
        part.iter().for_each(|name| _ = crowd.join(app, *name));
        part.iter().for_each(|name| crowd.until_held(app, *name, 1));
    }
    // What the others are told is not left lying.
    while !crowd.hear(Duration::from_millis(1)).is_empty() {}
}

/// One group of many members, as a registry and a relay hold it.
fn tables() {
    let before = anonymous(std::process::id() as i32);
    let registries: Vec<Registry> = (0..COPIES).map(|_| registry()).collect();
    let middle = anonymous(std::process::id() as i32);
    let relays: Vec<Relay> = registries.iter().map(relay).collect();
    let after = anonymous(std::process::id() as i32);
    let each = |bytes: u64| bytes as f64 / (COPIES as u32 * LARGE) as f64;
    let (registry, relay) = (each(middle - before), each(after - middle));
    println!("one group of {LARGE}: {registry:.0} a member in a registry, {relay:.0} in a relay");
    assert_eq!((registries.len(), relays.len()), (COPIES, COPIES));
}

fn registry() -> Registry {
    let mserver = |n: u32| SocketAddrV4::new(Ipv4Addr::from(0x0A00_0000 + n % MSERVERS), 2900);
    let life = |n: u32| Life { address: mserver(n), inc: Incarnation(1) };
    let entry = |gid: u32| {
        let (id, path) = (MemberId { mi: life(gid), number: gid }, vec![mserver(gid)].into());
        Entry { id, gid, tag: Vec::new(), roams: false, lost: false, registration: 0, path }
    };
    let id = RequestId { origin: life(0), number: 1 };
    let core = Core {
        key: GroupKey { name: "large".parse().unwrap(), suffix: None, inc: id },
        qos: Qos::default(),
        term: 2,
        number: 1,
        roster: (0..LARGE).map(entry).collect(),
        next_gid: LARGE,
        done: (0..MSERVERS)
            .map(|n| Completed { origin: life(n), up_to: 9, beyond: Vec::new() })
            .collect(),
        departed: Vec::new(),
        gathered: Vec::new(),
    };
    let op = GroupOp::Adopt { core: Box::new(core), rider: None, id };
    // By its bytes, as it comes to a mserver.
    let op = GroupOp::decode(&op.encode()).unwrap();
    let mut registry = Registry::default();
    registry.apply(op, &mut Vec::new());
    registry
}

fn relay(registry: &Registry) -> Relay {
    use membership::proto::group::Role;
    let mut relay = Relay::new(&PROFILES[0].params());
    for record in registry.iter() {
        let Role::Core { core, .. } = &record.role else { continue };
        let view = membership::wire::group::Direct {
            key: core.key,
            term: core.term,
            number: core.number,
            digest: core.digest(),
            reason: membership::wire::group::Reason::Resync,
            causes: Vec::new(),
            content: core.whole(),
        };
        relay.view(&view, |entry| entry.path.first().copied(), &mut Vec::new());
    }
    relay
}

fn anonymous(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
