//! What a test stands on: addresses, a directory, processes, patience.

use membership::sys::control;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// The program.
pub const MS: &str = env!("CARGO_BIN_EXE_ms");
/// How long anything may take that should happen at once, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Looks until there is something to be seen, but no longer than `patience`.
pub fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < patience, "not seen in {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// [`within`] the usual patience.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// Held by every test that runs: those that load the machine hold it alone.
static MACHINE: RwLock<()> = RwLock::new(());

enum Share {
    Some { _guard: RwLockReadGuard<'static, ()> },
    All { _guard: RwLockWriteGuard<'static, ()> },
}

/// Addresses and a directory of a test's own.
pub struct World {
    net: u8,
    dir: PathBuf,
    /// Keeps other processes that run these tests from our network.
    _claim: UdpSocket,
    _share: Share,
}

impl World {
    /// Beside others.
    pub fn new() -> World {
        // A test that failed with it leaves nothing in disorder.
        World::with(Share::Some { _guard: MACHINE.read().unwrap_or_else(|e| e.into_inner()) })
    }

    /// With the machine for itself.
    pub fn alone() -> World {
        World::with(Share::All { _guard: MACHINE.write().unwrap_or_else(|e| e.into_inner()) })
    }

    fn with(share: Share) -> World {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let (net, claim) = loop {
            let net = NEXT.fetch_add(1, Ordering::Relaxed);
            assert!(net < 250, "no network is free");
            if let Ok(claim) = UdpSocket::bind((Ipv4Addr::new(127, 66, net, 254), 2999)) {
                break (net, claim);
            }
        };
        // Short, since the path of a Unix socket may have no more than 107 bytes.
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("d{net}"));
        // It is not there at the first run.
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let world = World { net, dir, _claim: claim, _share: share };
        world.write("ms.conf", "groups ms.groups\nrun-dir run\n");
        world.write("ms.groups", "");
        world
    }

    /// The address of a host.
    pub fn ip(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 66, self.net, host)
    }

    /// The same host in a network that is nobody's own.
    pub fn foreign(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 67, self.net, host)
    }

    /// The port of plain messages of a host.
    pub fn at(&self, host: u8) -> SocketAddrV4 {
        SocketAddrV4::new(self.ip(host), 2900)
    }

    /// A file of the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes one.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Reads one; it is empty if it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A command that knows nothing of the machine's own configuration.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(MS);
        command.current_dir(&self.dir).args(args).stdin(Stdio::null());
        for name in ["RUST_LOG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "MS_FAULTS"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command to its end: its exit code, and what it said on both ways out.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// A daemon in the foreground: its mode, its host, the rest of its command line.
    pub fn spawn(&self, mode: &str, host: u8, rest: &[&str]) -> Daemon {
        self.spawn_with(mode, host, rest, &[])
    }

    /// The same with variables in its environment.
    pub fn spawn_with(&self, mode: &str, host: u8, rest: &[&str], env: &[(&str, &str)]) -> Daemon {
        let ip = self.ip(host).to_string();
        let args = [&[mode, "-f", "-c", "ms.conf", "-i", &ip], rest].concat();
        self.spawn_bare(host, &args, env)
    }

    /// The same with nothing on its command line but what is given.
    pub fn spawn_bare(&self, host: u8, args: &[&str], env: &[(&str, &str)]) -> Daemon {
        let log = self.path(&format!("log{host}"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        // A file serves a host, not a process: what is there is of an earlier one.
        let since = file.metadata().unwrap().len() as usize;
        let child = self.command(args).envs(env.iter().copied()).stderr(file).spawn().unwrap();
        Daemon { child, log, since, run: self.path("run"), at: self.at(host) }
    }

    /// An mcaster that serves.
    pub fn mcaster(&self, host: u8, rest: &[&str]) -> Daemon {
        let daemon = self.spawn("mcaster", host, rest);
        daemon.await_log("ready");
        daemon
    }
}

/// A process, killed when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// Where its own part of the log begins.
    since: usize,
    run: PathBuf,
    at: SocketAddrV4,
}

impl Daemon {
    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default().split_off(self.since)
    }

    /// The first line of its log that has `words` in it.
    pub fn await_log(&self, words: &str) -> String {
        eventually(&format!("{words:?} in the log of {}", self.at), || {
            let log = self.log();
            // A line is one when it is ended.
            let whole = &log[..log.rfind('\n')?];
            whole.lines().find(|line| line.contains(words)).map(str::to_string)
        })
    }

    /// What it knows.
    pub fn status(&self) -> Value {
        let answer = control::ask(&control::path(&self.run, self.at), "status", PATIENCE).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// A counter of its node.
    pub fn counter(&self, word: &str) -> u64 {
        self.status()["counters"][word].as_u64().unwrap_or(0)
    }

    /// The members of a group of an mcaster.
    pub fn members(&self, group: &str) -> Vec<String> {
        let status = self.status();
        let found = status["groups"].as_array().unwrap().iter().find(|g| g["group"] == group);
        let members = found.and_then(|g| g["members"].as_array().cloned()).unwrap_or_default();
        members.iter().map(|m| m.as_str().unwrap().to_string()).collect()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
    }

    /// Kills it without a chance to do anything.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The exit code that it ends with, soon.
    pub fn exit_code(&mut self) -> i32 {
        eventually("its end", || self.child.try_wait().unwrap()).code().unwrap_or(-1)
    }

    /// Whether it has not ended.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A line of its /proc/PID/status, in kB.
    pub fn kilobytes(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- log of {}\n{}", self.at, self.log());
        }
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
