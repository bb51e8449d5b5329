//! Starting: in the background, twice, wrongly, and only to be checked.

use super::golden::golden;
use super::peer::Peer;
use super::ring::operands;
use super::world::{World, eventually};
use membership::wire::Kind;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::time::Duration;

/// A daemon in the background, known by its pid file; killed when dropped.
struct Background<'a> {
    world: &'a World,
    pid: Pid,
}

impl Background<'_> {
    /// Starts one, which must say nothing and serve when the command returns.
    fn start<'a>(world: &'a World, args: &[&str]) -> Background<'a> {
        assert_eq!(world.run(args), (0, String::new(), String::new()));
        let text = world.read("pid");
        let pid = text.strip_suffix('\n').expect("a pid file with one line").parse().unwrap();
        Background { world, pid: Pid::from_raw(pid) }
    }

    fn end(&self) {
        kill(self.pid, Signal::SIGTERM).unwrap();
        eventually("its end", || kill(self.pid, None).is_err().then_some(()));
        assert!(!self.world.path("pid").exists(), "the pid file is gone");
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        // It may have ended.
        let _ = kill(self.pid, Signal::SIGKILL);
    }
}

#[test]
fn in_the_background_an_mcaster_serves_when_its_starter_returns() {
    let world = World::new();
    let ip = world.ip(1).to_string();
    let daemon = Background::start(&world, &["mcaster", "-c", "ms.conf", "-i", &ip, "-p", "pid"]);
    let peer = Peer::new(world.ip(11), 2900);
    assert_eq!(peer.ask(world.at(1), &golden("JOIN_GROUP")), Kind::JoinAck);
    // It holds nothing of its starter's: not the directory, not the terminal.
    let proc = format!("/proc/{}", daemon.pid);
    assert_eq!(std::fs::read_link(format!("{proc}/cwd")).unwrap().to_str(), Some("/"));
    for fd in 0..3 {
        let target = std::fs::read_link(format!("{proc}/fd/{fd}")).unwrap();
        assert_eq!(target.to_str(), Some("/dev/null"));
    }
    // Neither the same place nor the same pid file serves two.
    let other = world.ip(2).to_string();
    let (code, _, err) = world.run(&["mcaster", "-c", "ms.conf", "-i", &other, "-p", "pid"]);
    let words = format!(
        "pid file {} is held by a running daemon, process {}",
        world.path("pid").display(),
        daemon.pid
    );
    assert!(code == 73 && err.contains(&words), "{code} {err}");
    let (code, _, err) = world.run(&["mcaster", "-c", "ms.conf", "-i", &ip, "-p", "pid2"]);
    assert!(code == 69 && err.contains(&format!("address {ip}:2900: ")), "{code} {err}");
    assert!(err.lines().count() == 1 && !world.path("pid2").exists());
    assert_eq!(peer.ask(world.at(1), &golden("JOIN_GROUP")), Kind::DupMember, "it serves on");
    daemon.end();
}

#[test]
fn in_the_background_a_member_serves_when_its_starter_returns() {
    let world = World::new();
    let _mcaster = world.mcaster(1, &[]);
    let ip = world.ip(13).to_string();
    let mut args = vec!["mserver", "-c", "ms.conf", "-i", &ip, "-p", "pid"];
    let operands = operands(&world, 3, &world.ip(1).to_string());
    args.extend(operands.iter().map(String::as_str));
    let daemon = Background::start(&world, &args);
    let cw = Peer::new(world.ip(12), 2900);
    assert_eq!(cw.ask(world.at(13), &golden("QUERY")), Kind::Reply);
    // The file of failures is where it was started.
    eventually("a failure", || (!world.read("failures").is_empty()).then_some(()));
    daemon.end();
}

#[test]
fn in_the_background_a_member_that_finds_no_mcaster_fails_on_the_terminal() {
    let world = World::new();
    let ip = world.ip(13).to_string();
    let mut args = vec!["mserver", "-c", "ms.conf", "-i", &ip, "-p", "pid"];
    let operands = operands(&world, 3, &world.ip(1).to_string());
    args.extend(operands.iter().map(String::as_str));
    // Into a file, since a pipe would be read until the daemon itself has ended.
    let err = File::create(world.path("err")).unwrap();
    let status = world.command(&args).stderr(err).status().unwrap();
    let err = world.read("err");
    assert_eq!(status.code(), Some(69), "{err}");
    assert!(err.contains("no answer from mcaster") && err.lines().count() == 1, "{err}");
    assert!(!world.path("pid").exists(), "there is no pid file of what never served");
    assert_eq!(std::fs::read_dir(world.path("run")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_opened_is_told_before_there_is_a_daemon() {
    let world = World::new();
    world.write("file", "");
    let ip = world.ip(1).to_string();
    for (args, code, words) in [
        // 192.0.2.0/24 is for documentation and no host's own.
        (["-i", "192.0.2.1", "-p", "pid"], 69, "address 192.0.2.1:2900: "),
        (
            ["-i", "nonesuch0", "-p", "pid"],
            78,
            "interface nonesuch0: must be an address of this host",
        ),
        (["-i", &ip, "-p", "none/pid"], 73, "none/pid: No such file"),
        (["-i", &ip, "--run-dir", "file/run"], 71, "run directory"),
        (["-i", &ip, "-u", "no-such-user"], 78, "user no-such-user: must be a user of this host"),
    ] {
        let (exit, out, err) = world.run(&[&["mcaster", "-c", "ms.conf"], &args[..]].concat());
        assert!(exit == code && err.contains(words) && out.is_empty(), "{exit} {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    assert!(!world.path("pid").exists());
}

#[test]
fn a_check_tells_every_error_and_starts_nothing() {
    let world = World::new();
    world.write("ms.conf", "query 0\nfrobnicate 1\nrun-dir run\nport x\ngroups bad.groups\n");
    world.write("bad.groups", "ring 239.1.1.1\nother ::1\nlocal 224.0.0.1\n");
    let (code, out, err) = world.run(&["mcaster", "--check", "-c", "ms.conf", "--tick", "0"]);
    let wanted = [
        "ms: ms.conf:1: query 0: must be 1 to 3600000 ms",
        "ms: ms.conf:2: frobnicate: must be a keyword of ms.conf(5)",
        "ms: ms.conf:4: port x: must be 1 to 65535",
        "ms: --tick 0: must be 1 to 60000 ms",
        "ms: bad.groups:2: ",
        "ms: bad.groups:3: ",
    ];
    assert_eq!((code, out.as_str()), (78, ""), "{err}");
    assert_eq!(err.lines().count(), wanted.len(), "{err}");
    for (line, start) in err.lines().zip(wanted) {
        assert!(line.starts_with(start), "{line} should be {start}");
    }
    world.write("ms.conf", "query 500\ngroups good.groups\nrun-dir run\n");
    world.write("good.groups", "ring 239.1.1.1\n");
    let (code, out, err) = world.run(&["mcaster", "--check", "-c", "ms.conf"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "the configuration is right\n", ""));
    assert!(!world.path("run").exists(), "nothing was started");
}

#[test]
fn a_wrong_command_line_is_told_with_the_right_one() {
    let world = World::new();
    for (args, words) in [
        (&["mcaster", "--frobnicate"][..], "frobnicate"),
        (&["mcaster", "operand"], "operand"),
        (&["mserver", "--static", "ring"], "7 operands, not 1"),
        (&["status", "one", "two"], "usage: ms status"),
        (&["status", "::1"], "must be an IPv4 address"),
    ] {
        let (code, _, err) = world.run(args);
        assert!(code == 64 && err.contains(words), "{code} {err}");
    }
    let (code, _, err) = world.run(&[
        "mserver",
        "--static",
        "a b",
        "224.0.0.1",
        "250",
        "x",
        "::1",
        "250",
        "239.1.1.1",
    ]);
    assert_eq!(code, 64);
    for name in ["RING", "ADDRESS", "GID", "CW_GID", "CW_ADDR", "CCW_GID", "CCW_ADDR"] {
        assert!(err.contains(&format!("ms: {name} ")), "{name} in {err}");
    }
}

#[test]
fn a_starter_whose_daemon_is_not_ready_waits() {
    let world = World::new();
    let ip = world.ip(13).to_string();
    let mut args = vec!["mserver", "-c", "ms.conf", "-i", &ip, "-p", "pid", "--reply", "60000"];
    args.extend(["--query", "60000"]);
    let operands = operands(&world, 3, &world.ip(1).to_string());
    args.extend(operands.iter().map(String::as_str));
    // The mcaster is a socket of ours, which answers when we want.
    let hub = Peer::new(world.ip(1), 2900);
    let mut starter = world.command(&args).spawn().unwrap();
    let (from, request) = hub.receive();
    assert_eq!((from, request), (world.at(13), golden("JOIN_GROUP")));
    assert_eq!(world.read("pid"), "", "not ready, and the file says so");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(starter.try_wait().unwrap(), None);
    hub.send(world.at(13), &golden("JOIN_ACK"));
    assert_eq!(starter.wait().unwrap().code(), Some(0));
    let pid = world.read("pid").trim().parse().unwrap();
    let daemon = Background { world: &world, pid: Pid::from_raw(pid) };
    kill(daemon.pid, Signal::SIGTERM).unwrap();
    assert_eq!(hub.receive(), (world.at(13), golden("LEAVE_GROUP")));
    hub.send(world.at(13), &golden("LEAVE_ACK"));
    eventually("its end", || kill(daemon.pid, None).is_err().then_some(()));
}
