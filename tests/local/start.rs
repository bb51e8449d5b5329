//! Starting and ending, and what is in the way.

use super::app::App;
use super::lan::Lan;
use super::world::{World, eventually};
use membership::sys::local;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::SocketAddrV4;

#[test]
fn a_socket_that_a_dead_daemon_left_is_replaced() {
    let mut lan = Lan::new();
    App::new(&lan.socket());
    lan.mi.signal(Signal::SIGKILL);
    lan.mi.exit_code();
    assert!(lan.socket().exists(), "nobody took it away");
    lan.again();
    App::new(&lan.socket());
}

#[test]
fn a_socket_at_which_somebody_answers_is_left_alone() {
    let world = World::new();
    let ip = world.ip(9).to_string();
    let path = local::path(&world.path("run"), SocketAddrV4::new(world.ip(9), 2901));
    std::fs::create_dir_all(world.path("run")).unwrap();
    let living = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    living.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    living.listen(8).unwrap();
    let server = world.ip(1).to_string();
    let args = ["mi", "-f", "-c", "ms.conf", "-i", &ip, "--state-dir", "state", &server];
    let (code, _, said) = world.run(&args);
    assert_eq!(code, 69, "{said}");
    let words = format!("socket of applications {}: ", path.display());
    assert!(said.contains(&words) && said.contains("Address already in use"), "{said}");
    assert!(path.exists());
    // As soon as it is dead it is another matter.
    drop(living);
    let daemon = world.spawn("mi", 9, &["--state-dir", "state", &server]);
    eventually("it is served", || {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        socket.connect(&SockAddr::unix(&path).unwrap()).ok()
    });
    drop(daemon);
}

#[test]
fn a_mserver_has_the_socket_if_it_has_a_member_interface_and_not_otherwise() {
    let world = World::new();
    world.write("ms.groups", &format!("db 239.77.{}.1\n", world.ip(0).octets()[2]));
    let daemon = |host, options: &[&str]| {
        let base = ["--create", "--state-dir", "state"];
        let daemon = world.spawn("mserver", host, &[&base, options, &["db"]].concat());
        daemon.await_log("ready");
        daemon
    };
    let _without = daemon(1, &[]);
    let _with = daemon(2, &["--mi", "--lan", "upstairs"]);
    let run = world.path("run");
    assert!(!local::path(&run, world.at(1)).exists());
    let app = App::new(&local::path(&run, world.at(2)));
    // What is built in is known by the port behind that of its mserver.
    assert_eq!(app.mi.unwrap().address, SocketAddrV4::new(world.ip(2), 2901));
}

#[test]
fn a_mserver_that_is_to_be_a_parent_is_a_level_above_and_stands_by() {
    let world = World::new();
    let net = world.ip(0).octets()[2];
    world.write("ms.groups", &format!("low 239.77.{net}.2\nhigh 239.77.{net}.3\n"));
    let options = ["--create", "--state-dir", "state", "--child", "low", "high"];
    let daemon = world.spawn("mserver", 1, &options);
    daemon.await_log("ready");
    let status = daemon.status();
    assert_eq!((&status["set"], &status["level"]), (&"high".into(), &2.into()));
    assert_eq!(status["child"]["set"], "low");
    assert_eq!(status["child"]["level"], 1);
}

#[test]
fn in_the_background_it_serves_when_its_starter_returns() {
    let lan = Lan::new();
    let world = &lan.world;
    let (ip, server) = (world.ip(10).to_string(), world.ip(1).to_string());
    let args = [
        "mi",
        "-c",
        "ms.conf",
        "-i",
        &ip,
        "-p",
        "pid",
        "--state-dir",
        "state",
        "--port",
        "2911",
        &server,
    ];
    assert_eq!(world.run(&args), (0, String::new(), String::new()));
    let pid = Pid::from_raw(world.read("pid").trim().parse().unwrap());
    let path = local::path(&world.path("run"), format!("{ip}:2911").parse().unwrap());
    let app = App::new(&path);
    assert_eq!(app.mi.unwrap().address.port(), 2911);
    kill(pid, Signal::SIGTERM).unwrap();
    eventually("its end", || kill(pid, None).is_err().then_some(()));
    assert!(!path.exists() && !world.path("pid").exists());
}

#[test]
fn what_is_wrong_is_told_with_what_would_be_right() {
    let world = World::new();
    let ip = world.ip(9).to_string();
    let own = format!("{ip}:2901");
    for (args, code, words) in [
        (&["mi"][..], 64, "there must be at least one MSERVER"),
        (&["mi", "::1"], 64, "MSERVER ::1: must be an IPv4 address"),
        (&["mi", "--port", "0", "127.0.0.1"], 64, "--port 0: must be 1 to 65535"),
        (&["mi", &own], 78, "must be another address than our own, give --port"),
        (&["mi", "--mi-mode", "888", "127.0.0.1"], 78, "must be an octal mode, 0 to 0777"),
        (&["mi", "--mi-allow", "root", "127.0.0.1"], 78, "must be user:NAME, group:NAME"),
        (&["mi", "--mi-allow", "user:no-such", "127.0.0.1"], 78, "must be a user of this host"),
        (&["mi", "--mi-group", "no-such", "127.0.0.1"], 78, "must be a group of this host"),
        (&["mi", "--lan", "up.stairs", "127.0.0.1"], 78, "must have no dot"),
        (&["mserver", "--child", "low", "--mi", "high"], 78, "must not be given together with mi"),
        (&["mserver", "--child", "low", "--lan", "x", "high"], 78, "together with lan"),
        (&["mserver", "--child", "high", "high"], 64, "must be another set than SET"),
    ] {
        let (first, rest) = args.split_first().unwrap();
        let all = [&[*first, "-f", "-c", "ms.conf", "-i", &ip], rest].concat();
        let (exit, _, said) = world.run(&all);
        assert!(exit == code && said.contains(words), "{args:?}: {exit} {said}");
    }
    world.write("ms.groups", "lan 127.0.0.1\n");
    let args = ["mi", "-f", "-c", "ms.conf", "-i", &ip, "--lan", "lan", "127.0.0.1"];
    let (exit, _, said) = world.run(&args);
    assert!(exit == 78 && said.contains("must be heard at an IP multicast address"), "{said}");
    // All of it can be said in a file as well.
    let said = "mi yes\nlan x\nmi-mode 600\nmi-allow uid:1 user:root\nmi-allow gid:7\n";
    world.write("ms.groups", "");
    world.write("ms.conf", &format!("run-dir run\n{said}"));
    let (exit, out, err) = world.run(&["mi", "--check", "-c", "ms.conf", "127.0.0.1"]);
    assert_eq!((exit, out.as_str()), (0, "the configuration is right\n"), "{err}");
}
