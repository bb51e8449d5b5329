//! Rings of three, as in the thesis: founded, killed, stopped, left.
//!
//! ```text
//!   host 11, gid 1 ── QUERY ──> host 12, gid 2 ── QUERY ──> host 13, gid 3 ── QUERY ──> host 11
//! ```

use super::golden::golden;
use super::peer::Peer;
use super::world::{Daemon, World, eventually, within};
use membership::proto::params::PROFILES;
use membership::sys::socket;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a busy machine may add to the time in which a failure is found.
const SLACK: Duration = Duration::from_secs(2);

/// Starts the member with that gid, of the ring of three whose group has that address.
pub fn member(world: &World, gid: u8, group: &str, rest: &[&str]) -> Daemon {
    member_with(world, gid, group, rest, &[])
}

/// The same with variables in its environment.
pub fn member_with(
    world: &World,
    gid: u8,
    group: &str,
    rest: &[&str],
    env: &[(&str, &str)],
) -> Daemon {
    let operands = operands(world, gid, group);
    let failures = format!("failures{gid}");
    let mut args = vec!["--failures", &failures];
    args.extend_from_slice(rest);
    args.extend(operands.iter().map(String::as_str));
    world.spawn_with("mserver", 10 + gid, &args, env)
}

/// The command line of 1994.
pub fn operands(world: &World, gid: u8, group: &str) -> Vec<String> {
    let (cw, ccw) = ((gid + 1) % 3 + 1, gid % 3 + 1);
    let ip = |gid: u8| world.ip(10 + gid).to_string();
    let words = ["--static", "ring", group, &gid.to_string(), &cw.to_string(), &ip(cw)];
    let words = words.into_iter().map(str::to_string);
    words.chain([ccw.to_string(), ip(ccw)]).collect()
}

/// An mcaster at host 1 and the three members, which have joined one after the other.
pub fn ring(world: &World) -> (Daemon, Vec<Daemon>) {
    let mcaster = world.mcaster(1, &[]);
    let hub = world.ip(1).to_string();
    let members = (1..=3).map(|gid| {
        let member = member(world, gid, &hub, &[]);
        member.await_log("ready");
        member
    });
    let members: Vec<Daemon> = members.collect();
    for member in &members {
        await_replies(member);
    }
    (mcaster, members)
}

/// Waits until a member's neighbour has replied once more.
pub fn await_replies(member: &Daemon) {
    member.await_log("ready");
    let before = member.counter("replies");
    eventually("a REPLY", || (member.counter("replies") > before).then_some(()));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Kills gid 2, and looks at what its monitor, gid 1, makes of that and of its return.
fn crash_and_return(world: &World, mut members: Vec<Daemon>, group: &str) {
    let start = (Instant::now(), now());
    members.remove(1).kill();
    let patience = Duration::from_millis(PROFILES[0].params().detection_ms()) + SLACK;
    let text = within(patience, "the failure in the file", || {
        Some(world.read("failures1")).filter(|text| text.ends_with("\n\n"))
    });
    let took = start.0.elapsed();
    // Four QUERYs less would be too hasty: the last REPLY came just before, the next QUERY never.
    let reply = Duration::from_millis(PROFILES[0].reply_ms.into());
    assert!(took > reply * PROFILES[0].retries, "found after {took:?} already");
    let time = text
        .strip_prefix("Member 2 is detected failed by 1 at ")
        .and_then(|rest| rest.strip_suffix(" sec.\n\n"))
        .unwrap_or_else(|| panic!("{text:?}"));
    assert!((start.1..=now()).contains(&time.parse().unwrap()), "{time}");
    members[0].await_log(&format!("member 2 at {} is detected failed by 1", world.at(12)));
    assert_eq!(members[0].status()["ccw"]["failed"], true);

    let back = member(world, 2, group, &[]);
    members[0].await_log(&format!("member 2 at {} replies again", world.at(12)));
    await_replies(&back);
    assert_eq!(world.read("failures1"), text, "one outage, one line");
    assert_eq!((world.read("failures2"), world.read("failures3")), (String::new(), String::new()));
}

#[test]
fn over_an_mcaster_a_crash_is_found_in_time_and_so_is_the_return() {
    let world = World::new();
    let (mcaster, members) = ring(&world);
    let expected: Vec<String> = (11..=13).map(|host| world.ip(host).to_string()).collect();
    assert_eq!(mcaster.members("ring"), expected);
    crash_and_return(&world, members, &world.ip(1).to_string());
    assert_eq!(mcaster.members("ring"), expected, "a crash leaves the mcaster as it was");
}

#[test]
fn over_ip_multicast_a_crash_is_found_in_time_and_so_is_the_return() {
    let world = World::new();
    let [_, _, net, _] = world.ip(0).octets();
    let group = Ipv4Addr::new(239, 66, net, 1);
    let members: Vec<Daemon> =
        (1..=3).map(|gid| member(&world, gid, &group.to_string(), &[])).collect();
    members.iter().for_each(await_replies);
    // What anybody sends to the group is heard by all, as a plain message.
    let outsider = socket::open_own(world.at(14), 1).unwrap();
    let to = std::net::SocketAddr::from((group, 2900));
    outsider.send_to(&golden("APP_MESSAGE"), &to.into()).unwrap();
    for member in &members {
        eventually("the message", || (member.counter("other-messages") == 1).then_some(()));
    }
    crash_and_return(&world, members, &group.to_string());
}

#[test]
fn a_member_that_is_back_before_anybody_noticed_is_taken_in_again() {
    let world = World::new();
    let (_mcaster, mut members) = ring(&world);
    members.remove(1).kill();
    let back = member(&world, 2, &world.ip(1).to_string(), &[]);
    back.await_log("which knew this address before");
    await_replies(&members[0]);
    assert_eq!(world.read("failures1"), "");
}

#[test]
fn a_monitor_that_was_stopped_accuses_nobody() {
    let world = World::new();
    let (_mcaster, members) = ring(&world);
    members[0].signal(Signal::SIGSTOP);
    // Its own monitor does find it failed, which shows that it was stopped.
    members[2].await_log("member 1 at");
    // The time it sleeps is what is tested, there is no condition to wait for.
    std::thread::sleep(Duration::from_secs(3));
    members[0].signal(Signal::SIGCONT);
    members[2].await_log("replies again");
    members[0].await_log("nobody is accused");
    await_replies(&members[0]);
    assert_eq!(world.read("failures1"), "");
    assert!(world.read("failures3").starts_with("Member 1 is detected failed by 3 at "));
}

#[test]
fn told_to_stop_a_member_leaves_in_good_order() {
    let world = World::new();
    let (mcaster, mut members) = ring(&world);
    members[1].signal(Signal::SIGTERM);
    assert_eq!(members[1].exit_code(), 0);
    members[1].await_log("group ring left");
    let (code, out, _) =
        world.run(&["status", "--json", "--run-dir", "run", &world.ip(1).to_string()]);
    assert_eq!(code, 0);
    let status: Value = serde_json::from_str(&out).unwrap();
    let left = [world.ip(11).to_string(), world.ip(13).to_string()];
    assert_eq!(status["groups"], serde_json::json!([{"group": "ring", "members": left}]));
    assert!(!world.path(&format!("run/{}-2900.ctl", world.ip(12))).exists());
    mcaster.await_log(&format!("group ring: {} left, 2 now", world.ip(12)));
}

#[test]
fn told_to_stop_twice_a_member_ends_at_once() {
    let world = World::new();
    let mcaster = world.mcaster(1, &[]);
    let hub = world.ip(1).to_string();
    let mut member = member(&world, 1, &hub, &["--reply", "60000", "--query", "60000"]);
    member.await_log("ready");
    mcaster.kill();
    member.signal(Signal::SIGTERM);
    member.await_log("told to stop");
    assert!(member.lives(), "its LEAVE_GROUP is not answered");
    member.signal(Signal::SIGTERM);
    assert_eq!(member.exit_code(), 0);
    member.await_log("told to stop again");
}

#[test]
fn asked_by_a_signal_a_daemon_logs_what_it_knows() {
    let world = World::new();
    let (mcaster, members) = ring(&world);
    for (daemon, key) in [(&mcaster, "groups"), (&members[0], "ccw")] {
        daemon.signal(Signal::SIGUSR1);
        let line = daemon.await_log("status {");
        let status: Value = serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
        assert_eq!(status["pid"], daemon.pid());
        assert!(!status[key].is_null());
    }
}

#[test]
fn a_member_that_finds_no_mcaster_says_so_and_ends() {
    let world = World::new();
    let hub = world.ip(1).to_string();
    let mut member = member(&world, 1, &hub, &[]);
    assert_eq!(member.exit_code(), 69);
    let words = format!("error: no answer from mcaster {hub}:2900 to 251 JOIN_GROUPs");
    member.await_log(&words);
}

#[test]
fn a_query_is_answered_as_an_original_would() {
    let world = World::new();
    let _mcaster = world.mcaster(1, &[]);
    let member = member(&world, 3, &world.ip(1).to_string(), &[]);
    member.await_log("ready");
    // gid 3 is monitored by gid 2 at host 12, which is a socket of ours here.
    let cw = Peer::new(world.ip(12), 40001);
    cw.send(world.at(13), &golden("QUERY"));
    let mut reply = golden("REPLY");
    reply[53] = 2;
    assert_eq!(cw.receive(), (world.at(13), reply));
}
