//! MS_mgr, `ms why` and `ms trace` on real mservers: processes on 127.92.0.0/16, without root.
//!
//! Every wait is for a condition and has a deadline.

use membership::sys::control;
use serde_json::Value;
use std::fs::File;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A network and a directory of a test's own.
struct World {
    net: u8,
    dir: PathBuf,
    /// Keeps other processes that run these tests away.
    _claim: UdpSocket,
    daemons: Vec<(u8, Child)>,
}

impl World {
    fn new(net: u8) -> World {
        let deadline = Instant::now() + PATIENCE;
        let claim = loop {
            match UdpSocket::bind(format!("127.92.{net}.254:2999")) {
                Ok(claim) => break claim,
                Err(e) => assert!(Instant::now() < deadline, "127.92.{net}/24 is taken: {e}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // Short, since the path of a Unix socket may have no more than 107 bytes.
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("m{net}"));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("ms.conf"), "groups ms.groups\nrun-dir run\nstate-dir s\n")
            .unwrap();
        std::fs::write(dir.join("ms.groups"), "").unwrap();
        World { net, dir, _claim: claim, daemons: Vec::new() }
    }

    fn ip(&self, host: u8) -> String {
        format!("127.92.{}.{host}", self.net)
    }

    fn at(&self, host: u8) -> String {
        format!("{}:2900", self.ip(host))
    }

    /// A set's name that no other test uses: its address follows from it.
    fn set(&self, name: &str) -> String {
        format!("{name}{}", self.net)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ms"));
        command.current_dir(&self.dir).args(args).stdin(Stdio::null());
        command
    }

    fn mserver(&mut self, host: u8, rest: &[&str]) {
        let ip = self.ip(host);
        let args = [&["mserver", "-f", "-c", "ms.conf", "-i", &ip], rest].concat();
        let log = File::create(self.dir.join(format!("log{host}"))).unwrap();
        self.daemons.push((host, self.command(&args).stderr(log).spawn().unwrap()));
    }

    /// So many mservers of one set, all in one view.
    fn together(&mut self, hosts: &[u8], name: &str) {
        let set = self.set(name);
        hosts.iter().for_each(|&host| self.mserver(host, &[&set]));
        for &host in hosts {
            self.eventually("one view", || self.status(host)["size"] == hosts.len());
        }
    }

    fn status(&self, host: u8) -> Value {
        let at = self.at(host).parse().unwrap();
        let answer = control::ask(&control::path(&self.dir.join("run"), at), "status", PATIENCE);
        answer.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    fn eventually(&self, what: &str, mut look: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !look() {
            assert!(Instant::now() < deadline, "not seen in {PATIENCE:?}: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill(&mut self, host: u8) {
        let place = self.daemons.iter().position(|(who, _)| *who == host).unwrap();
        let (_, mut child) = self.daemons.remove(place);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// `ms mgr`: its exit code, and what it said on both ways out.
    fn mgr(&self, args: &[&str]) -> (i32, String) {
        said(&self.command(&[&["mgr", "-c", "ms.conf"], args].concat()).output().unwrap())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (host, child) in &mut self.daemons {
            let _ = child.kill();
            let _ = child.wait();
            if std::thread::panicking() {
                let log = std::fs::read_to_string(self.dir.join(format!("log{host}")));
                eprintln!("---- log of host {host}\n{}", log.unwrap_or_default());
            }
        }
    }
}

fn said(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
}

#[test]
fn a_member_leaves_and_joins_as_it_is_told() {
    let mut world = World::new(1);
    world.together(&[1, 2, 3], "a");
    let (set, who) = (world.set("a"), world.ip(3));
    let (code, text) = world.mgr(&["stats", &who, "--json"]);
    let stats: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &stats["size"], &stats["set"]), (0, &3.into(), &set.as_str().into()));
    assert_eq!(world.mgr(&["leave", &who]), (0, format!("{who}:2900 has left set {set}\n")));
    world.eventually("a view of two", || world.status(1)["size"] == 2);
    let (code, text) = world.mgr(&["stats", &who]);
    assert!(code == 0 && text.contains("in no view"), "{text}");
    let (code, text) = world.mgr(&["join", &who, &set]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("of 3, with rank 2"), "{text}");
    let (code, text) = world.mgr(&["join", &who, "elsewhere"]);
    assert_eq!(code, 65, "{text}");
    assert!(text.contains("leave that first"), "{text}");
}

#[test]
fn the_only_member_leaves_and_founds_anew() {
    let mut world = World::new(2);
    world.together(&[1], "b");
    let (set, who) = (world.set("b"), world.ip(1));
    assert_eq!(world.mgr(&["leave", &who]).0, 0);
    let (code, text) = world.mgr(&["join", &who, &set]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("of 1, with rank 0"), "{text}");
}

#[test]
fn a_set_is_split_and_merged_again() {
    let mut world = World::new(3);
    world.together(&[1, 2, 3, 4], "c");
    let (set, east) = (world.set("c"), world.set("east"));
    let hosts = [1, 2, 3, 4].map(|host| world.ip(host));
    let [one, two, three, four] = hosts.each_ref().map(String::as_str);
    let (code, text) = world.mgr(&["split", one, &set, three]);
    assert!(code == 65 && text.contains("another name"), "{text}");
    let (code, text) = world.mgr(&["split", one, &east, three, "127.92.3.99"]);
    assert!(code == 65 && text.contains("is not in set"), "{text}");
    let (code, text) = world.mgr(&["split", one, &east, three, four]);
    assert_eq!(code, 0, "{text}");
    world.eventually("the other side", || world.status(4)["set"] == east.as_str());
    assert_eq!((&world.status(4)["size"], &world.status(2)["size"]), (&2.into(), &2.into()));
    // By a member that does not lead, the other set named by its name.
    let (code, text) = world.mgr(&["merge", two, &east]);
    assert_eq!(code, 0, "{text}");
    world.eventually("all in one", || world.status(4)["size"] == 4);
    let (code, text) = world.mgr(&["merge", one, four]);
    assert!(code == 65 && text.contains("one set already"), "{text}");
}

#[test]
fn a_set_gets_a_parent_and_gives_it_up() {
    let mut world = World::new(4);
    world.together(&[1, 2], "d");
    let top = world.set("top");
    world.mserver(9, &["--level", "2", &top]);
    world.eventually("the set above", || world.status(9)["size"] == 1);
    let (one, parent) = (world.ip(1), world.ip(9));
    let (code, text) = world.mgr(&["del-parent", &one]);
    assert!(code == 65 && text.contains("has no parent"), "{text}");
    let (code, text) = world.mgr(&["add-parent", &one, &world.ip(2)]);
    assert!(code == 65 && text.contains("level"), "{text}");
    let (code, text) = world.mgr(&["add-parent", &one, &parent]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(world.status(9)["child"]["set"], world.set("d").as_str());
    let text = said(&world.command(&["status", "--run-dir", "run", &parent]).output().unwrap()).1;
    assert!(text.contains("as the parent of a set below"), "{text}");
    let (code, text) = world.mgr(&["leave", &parent]);
    assert!(code == 65 && text.contains("del-parent that first"), "{text}");
    let (code, text) = world.mgr(&["del-parent", &one]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(world.mgr(&["leave", &parent]).0, 0);
}

#[test]
fn who_is_not_there_or_not_allowed_is_told_apart() {
    let mut world = World::new(5);
    let set = world.set("e");
    world.mserver(1, &["--allow", "127.92.5.0/24", &set]);
    world.eventually("the set", || world.status(1)["size"] == 1);
    let one = world.ip(1);
    let (code, text) = world.mgr(&["stats", "--timeout", "1", &world.ip(77)]);
    assert!(code == 69 && text.contains("nobody answered"), "{text}");
    for cmd in [&["stats", &one][..], &["leave", &one]] {
        let (code, text) = world.mgr(&[cmd, &["-i", "127.93.5.1"]].concat());
        assert!(code == 77 && text.contains("not allowed"), "{text}");
    }
    for wrong in [&[][..], &["frob", &one], &["join", &one], &["stats", "239.1.1.1"]] {
        assert_eq!(world.mgr(wrong).0, 64, "{wrong:?}");
    }
    let own = world.ip(2);
    let args = ["join", &one, &set, "--no-wait", "-i", &own];
    assert_eq!(world.mgr(&args), (0, format!("{one}:2900 has taken it up\n")));
}

#[test]
fn with_keys_who_has_none_is_not_heard() {
    let mut world = World::new(6);
    let key = world.dir.join("keys");
    std::fs::write(&key, "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n")
        .unwrap();
    assert!(Command::new("chmod").arg("600").arg(&key).status().unwrap().success());
    let (set, one) = (world.set("f"), world.ip(1));
    world.mserver(1, &["--key", "keys", &set]);
    world.eventually("the set", || world.status(1)["size"] == 1);
    let (code, text) = world.mgr(&["stats", &one, "--timeout", "1"]);
    assert_eq!(code, 69, "{text}");
    let (code, text) = world.mgr(&["stats", &one, "--key", "keys"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn why_names_the_message_the_tries_and_the_change() {
    let mut world = World::new(7);
    world.together(&[1, 2, 3], "g");
    let who = world.at(3);
    world.kill(3);
    world.eventually("a view of two", || {
        world.status(1)["size"] == 2 && world.status(2)["size"] == 2
    });
    let (code, text) = said(&world.command(&["why", "--run-dir", "run", &who]).output().unwrap());
    assert_eq!(code, 0, "{text}");
    for words in
        ["no REPLY to 23 QUERYs", "coordinated by", "excluded by", "removed from set", " ago "]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    let one = world.ip(1);
    let args = ["why", "--run-dir", "run", "--at", &one, "10.9.9.9"];
    let (code, text) = said(&world.command(&args).output().unwrap());
    assert_eq!((code, text.as_str()), (0, "10.9.9.9:2900: nothing is known against it here\n"));
}

#[test]
fn trace_tells_what_happens_and_draws_it() {
    let mut world = World::new(8);
    world.together(&[1, 2], "h");
    let three = world.ip(3);
    let out = File::create(world.dir.join("trace")).unwrap();
    let args = ["trace", "--run-dir", "run", "--seconds", "4", "--svg", "t.svg"];
    let mut trace = world.command(&args).stdout(out).spawn().unwrap();
    let told = || std::fs::read_to_string(world.dir.join("trace")).unwrap();
    world.eventually("a first event", || !told().is_empty());
    let set = world.set("h");
    let three_args = ["mserver", "-f", "-c", "ms.conf", "-i", &three, &set];
    let log = File::create(world.dir.join("log3")).unwrap();
    let joiner = world.command(&three_args).stderr(log).spawn().unwrap();
    world.eventually("the Commit", || told().contains(" commit "));
    assert!(trace.wait().unwrap().success());
    world.daemons.push((3, joiner));
    let text = std::fs::read_to_string(world.dir.join("trace")).unwrap();
    for words in [" -> ", " <- ", "initiate Join of", "view 3 of 3"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let svg = std::fs::read_to_string(world.dir.join("t.svg")).unwrap();
    assert!(svg.contains("marker-end") && svg.contains("Join of"), "{svg}");
}
