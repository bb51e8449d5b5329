//! A network of 127.95.0.0/16 and a directory of a test's own, with real daemons in it.

use membership::sys::control;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long what must happen may take: long, for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Dropped, it kills what was started.
pub struct World {
    net: u8,
    /// Where everything lies.
    pub dir: PathBuf,
    /// Keeps other processes that run these tests away.
    _claim: UdpSocket,
    daemons: Vec<(u8, Child)>,
}

impl World {
    pub fn new(net: u8) -> World {
        let deadline = Instant::now() + PATIENCE;
        let claim = loop {
            match UdpSocket::bind(format!("127.95.{net}.254:2999")) {
                Ok(claim) => break claim,
                Err(e) => assert!(Instant::now() < deadline, "127.95.{net}/24 is taken: {e}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        // Short, since the path of a Unix socket may have no more than 107 bytes.
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("a{net}"));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let world = World { net, dir, _claim: claim, daemons: Vec::new() };
        world.write("ms.conf", "groups ms.groups\nrun-dir run\nstate-dir s\n");
        world.write("ms.groups", "");
        world
    }

    /// Text for this network: `@` is its first three numbers and a dot, `%` what makes names of sets its own.
    pub fn text(&self, text: &str) -> String {
        text.replace('@', &format!("127.95.{}.", self.net)).replace('%', &self.net.to_string())
    }

    /// Writes a file with such a text.
    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.dir.join(file), self.text(text)).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ms"));
        command.current_dir(&self.dir).args(args).stdin(Stdio::null());
        command
    }

    /// Starts a daemon by a line such as `ms mserver --interface @1 west%`.
    pub fn start(&mut self, line: &str) {
        let line = self.text(line);
        let words: Vec<&str> = line.split(' ').collect();
        let ["ms", daemon, rest @ ..] = words.as_slice() else { panic!("{line}") };
        let at = rest.iter().position(|word| *word == "--interface").unwrap();
        let host = rest[at + 1].rsplit('.').next().unwrap().parse().unwrap();
        let args = [&[*daemon, "-f", "-c", "ms.conf"], rest].concat();
        let log = File::create(self.dir.join(format!("log{host}"))).unwrap();
        self.daemons.push((host, self.command(&args).stderr(log).spawn().unwrap()));
    }

    pub fn kill(&mut self, host: u8) {
        let place = self.daemons.iter().position(|(who, _)| *who == host).unwrap();
        let (_, mut child) = self.daemons.remove(place);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn status(&self, host: u8) -> Value {
        let at = format!("127.95.{}.{host}:2900", self.net).parse().unwrap();
        let answer = control::ask(&control::path(&self.dir.join("run"), at), "status", PATIENCE);
        answer.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Waits until each of these mservers is in that set with so many members, the parent counted.
    pub fn together(&self, hosts: &[u8], set: &str, size: usize) {
        let set = self.text(set);
        for &host in hosts {
            eventually(&format!("{host} in {set} of {size}"), || {
                let status = self.status(host);
                status["set"] == set.as_str() && status["size"] == size
            });
        }
    }

    /// `ms mgr`: its exit code, and what it said on both ways out.
    pub fn mgr(&self, args: &[&str]) -> (i32, String) {
        said(&self.command(&[&["mgr", "-c", "ms.conf"], args].concat()).output().unwrap())
    }

    /// `ms mgr apply --yes FILE` with that text in the file.
    pub fn apply(&self, text: &str) -> (i32, String) {
        self.write("campus", text);
        self.mgr(&["apply", "--yes", "campus"])
    }

    /// The same, with an answer to the question.
    pub fn answer(&self, text: &str, answer: &str) -> (i32, String) {
        self.write("campus", text);
        let mut command = self.command(&["mgr", "-c", "ms.conf", "apply", "campus"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may have ended without a question.
        let _ = child.stdin.take().unwrap().write_all(answer.as_bytes());
        said(&child.wait_with_output().unwrap())
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

pub fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look() {
        assert!(Instant::now() < deadline, "not seen in {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn said(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
}

/// The lines of a text that begin so, without that.
pub fn lines_behind(text: &str, begin: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.trim().strip_prefix(begin)).map(str::to_string).collect()
}
