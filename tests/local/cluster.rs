//! Mservers in place of the scripted one: what a cluster is made of.

use super::app::{App, Came};
use super::world::{Daemon, World};
use membership::sys::local;
use nix::sys::signal::Signal;
use std::net::SocketAddrV4;
use std::path::PathBuf;

/// A network with a set "nps" of its own.
fn world() -> World {
    let world = World::new();
    world.write("ms.groups", &format!("nps 239.77.{}.1\n", world.ip(0).octets()[2]));
    world
}

/// A mserver that serves.
fn mserver(world: &World, host: u8, options: &[&str]) -> Daemon {
    let base = ["--state-dir", "state"];
    let daemon = world.spawn("mserver", host, &[&base, options, &["nps"]].concat());
    daemon.await_log("ready");
    daemon
}

fn socket(world: &World, host: u8, port: u16) -> PathBuf {
    local::path(&world.path("run"), SocketAddrV4::new(world.ip(host), port))
}

/// Reads views until there is one of so many members.
fn until(app: &mut App, members: u32) {
    while app.view().1 != members {}
}

#[test]
fn one_daemon_a_host_is_a_cluster_whose_applications_see_each_other_come_and_go() {
    let world = world();
    let _first = mserver(&world, 1, &["--mi", "--create"]);
    let second = mserver(&world, 2, &["--mi"]);
    let mut here = App::new(&socket(&world, 1, 2900));
    here.join("db");
    until(&mut here, 1);
    let mut there = App::new(&socket(&world, 2, 2900));
    there.join("db");
    until(&mut there, 2);
    until(&mut here, 2);
    let mut third = App::new(&socket(&world, 2, 2900));
    third.join("db");
    for app in [&mut here, &mut there, &mut third] {
        until(app, 3);
    }
    drop(third);
    until(&mut here, 2);
    until(&mut there, 2);
    // The host dies, and with it all that are on it.
    second.signal(Signal::SIGKILL);
    until(&mut here, 1);
    while there.next() != Came::End {}
}

#[test]
fn a_member_interface_of_its_own_and_one_that_is_built_in_serve_one_lan() {
    let world = world();
    let _mserver = mserver(&world, 1, &["--mi", "--create", "--lan", "upstairs"]);
    let server = world.ip(1).to_string();
    let mi = |host| {
        let args = ["--state-dir", "state", "--lan", "upstairs", &server];
        let daemon = world.spawn("mi", host, &args);
        daemon.await_log("ready");
        daemon
    };
    let (_second, third) = (mi(2), mi(3));
    let mut apps =
        [(1, 2900), (2, 2901), (3, 2901)].map(|(host, port)| App::new(&socket(&world, host, port)));
    for app in &mut apps {
        app.join("db");
    }
    for app in &mut apps {
        until(app, 3);
    }
    third.signal(Signal::SIGKILL);
    let [first, second, _] = &mut apps;
    until(first, 2);
    until(second, 2);
}
