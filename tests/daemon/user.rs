//! `-u USER`: only root can give up what it has.

use super::golden::golden;
use super::peer::Peer;
use super::ring::operands;
use super::world::World;
use membership::wire::Kind;
use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use std::path::PathBuf;

/// A directory that anybody may enter, which the usual one need not be; gone when dropped.
struct Open(PathBuf);

impl Open {
    fn new(world: &World) -> Open {
        let [_, _, net, _] = world.ip(0).octets();
        let dir = std::env::temp_dir().join(format!("ms-user-{}-{net}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        Open(dir)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Best effort.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn nobody() -> Option<Uid> {
    let user = User::from_name("nobody").unwrap();
    if !Uid::effective().is_root() || user.is_none() {
        // Through the handle itself: the test runner swallows what passing tests print.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: -u USER needs root and a user nobody");
        return None;
    }
    user.map(|user| user.uid)
}

#[test]
fn as_root_a_daemon_becomes_another_user_for_good_and_works_on() {
    let Some(uid) = nobody() else { return };
    let world = World::new();
    let dir = Open::new(&world);
    let (run, pid, conf, failures) =
        (dir.file("run"), dir.file("pid"), dir.file("ms.conf"), dir.file("failures"));
    std::fs::write(&conf, "").unwrap();
    let common = ["-f", "-u", "nobody", "-c", &conf, "--run-dir", &run, "-i"];
    let (hub, own) = (world.ip(1).to_string(), world.ip(13).to_string());
    let args = [&["mcaster"], &common[..], &[&hub, "-p", &pid]].concat();
    let mut mcaster = world.spawn_bare(1, &args, &[]);
    mcaster.await_log("ready");
    let operands = operands(&world, 3, &hub);
    let mut args = [&["mserver"], &common[..], &[&own, "--failures", &failures]].concat();
    args.extend(operands.iter().map(String::as_str));
    let mut member = world.spawn_bare(13, &args, &[]);
    member.await_log("ready");
    for daemon in [&mcaster, &member] {
        let text = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let uids = text.lines().find(|line| line.starts_with("Uid:")).unwrap();
        assert!(uids.split_whitespace().skip(1).all(|id| id == uid.to_string()), "{uids}");
        let caps = text.lines().find(|line| line.starts_with("CapEff:")).unwrap();
        assert!(caps.ends_with("0000000000000000"), "{caps}");
    }
    assert_eq!(std::fs::read_to_string(&pid).unwrap().trim(), mcaster.pid().to_string());
    let cw = Peer::new(world.ip(12), 2900);
    assert_eq!(cw.ask(world.at(13), &golden("QUERY")), Kind::Reply);
    for daemon in [&mut mcaster, &mut member] {
        daemon.signal(Signal::SIGHUP);
        daemon.await_log("configuration read again");
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.exit_code(), 0);
    }
    assert_eq!(std::fs::read_dir(&run).unwrap().count(), 0, "no control socket is left");
    assert_eq!(std::fs::read_to_string(&pid).unwrap_or_default(), "", "nor a process number");
}

#[test]
fn without_root_it_says_that_it_cannot() {
    if Uid::effective().is_root() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: this one is for those who are not root");
        return;
    }
    let world = World::new();
    let mut mcaster = world.spawn("mcaster", 1, &["-u", "root"]);
    assert_eq!(mcaster.exit_code(), 77);
    mcaster.await_log("giving up privileges: ");
}
