//! The control socket: its command, and clients that mean no good.

use super::golden::golden;
use super::peer::{Peer, about};
use super::world::{World, eventually};
use membership::wire::Kind;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn socket(world: &World) -> PathBuf {
    world.path(&format!("run/{}-2900.ctl", world.ip(1)))
}

fn connect(world: &World) -> UnixStream {
    let stream = UnixStream::connect(socket(world)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

#[test]
fn without_a_daemon_status_says_so_in_a_line() {
    let world = World::new();
    let ip = world.ip(1).to_string();
    for args in [&["status", "--run-dir", "run"][..], &["status", "--run-dir", "run", &ip]] {
        let (code, out, err) = world.run(args);
        assert_eq!((code, out.as_str(), err.lines().count()), (69, "", 1), "{err}");
    }
    std::fs::create_dir(world.path("run")).unwrap();
    drop(UnixListener::bind(socket(&world)).unwrap());
    for args in [&["status", "--run-dir", "run"][..], &["status", "--run-dir", "run", &ip]] {
        let (code, out, err) = world.run(args);
        assert_eq!((code, out.as_str(), err.lines().count()), (69, "", 1), "{err}");
    }
}

#[test]
fn a_socket_that_a_dead_daemon_left_is_replaced() {
    let world = World::new();
    world.mcaster(1, &[]).kill();
    assert!(socket(&world).exists(), "kill -9 leaves it");
    let mcaster = world.mcaster(1, &[]);
    assert_eq!(mcaster.status()["pid"], mcaster.pid());
}

#[test]
fn status_shows_all_daemons_of_the_host_to_people_and_programs() {
    let world = World::new();
    let _daemons = [world.mcaster(1, &[]), world.mcaster(2, &[])];
    let peer = Peer::new(world.ip(11), 2900);
    assert_eq!(peer.ask(world.at(2), &golden("JOIN_GROUP")), Kind::JoinAck);
    let (code, out, _) = world.run(&["status", "--run-dir", "run"]);
    assert_eq!(code, 0);
    for words in [
        format!("mcaster at {}:2900, process ", world.ip(1)),
        format!("mcaster at {}:2900, process ", world.ip(2)),
        format!("ring: {}\n", world.ip(11)),
    ] {
        assert!(out.contains(&words), "{words} in {out}");
    }
    let (_, out, _) = world.run(&["status", "--run-dir", "run", "--json", "all"]);
    assert_eq!(out.lines().count(), 2, "one daemon a line");
    let (_, out, _) = world.run(&["status", "--run-dir", "run", &world.ip(2).to_string()]);
    assert!(!out.contains(&format!("{}:2900", world.ip(1))), "{out}");
}

#[test]
fn clients_that_are_silent_slow_flooding_or_gone_hurt_nobody() {
    let world = World::new();
    let mcaster = world.mcaster(1, &[]);
    let peer = Peer::new(world.ip(11), 2900);
    // A request whose answer shows that the loop goes round.
    let leave = about("noise", "LEAVE_GROUP");
    // More silent ones than there are places.
    let silent: Vec<UnixStream> = (0..40).map(|_| connect(&world)).collect();
    let start = Instant::now();
    assert_eq!(mcaster.status()["mode"], "mcaster");
    assert!(start.elapsed() < Duration::from_secs(2), "status took {:?}", start.elapsed());
    drop(silent);
    // One that is slow.
    let mut slow = connect(&world);
    for byte in b"status" {
        slow.write_all(&[*byte]).unwrap();
        assert_eq!(peer.ask(world.at(1), &leave), Kind::NoGroup);
    }
    slow.write_all(b"\n").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"mcaster\""), "{answer}");
    // One that floods is shown the door.
    let mut flood = connect(&world);
    eventually("the door", || flood.write_all(&[b'x'; 65536]).is_err().then_some(()));
    // One that asks and goes away, and one that goes away without asking.
    for _ in 0..100 {
        connect(&world).write_all(b"status\n").unwrap();
        drop(connect(&world));
    }
    // One that asks for what there is not.
    let mut lost = connect(&world);
    lost.write_all(b"destroy \x1b[2J\n").unwrap();
    let mut answer = String::new();
    lost.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("{\"error\":") && !answer.contains('\x1b'), "{answer}");
    assert_eq!(mcaster.status()["mode"], "mcaster");
}
