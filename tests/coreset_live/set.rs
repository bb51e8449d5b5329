//! A core-set on 127/8: daemons by the last byte of their addresses, faults by file, and the final check.

use super::log;
use super::world::{Daemon, World, within};
use membership::name::GroupName;
use membership::proto::places::Places;
use membership::sim::invariants::Install;
use membership::sys::control;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long anything may take, on a machine that is busy. Only a test that fails waits for so long.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long one answer of a daemon may take.
const ANSWER: Duration = Duration::from_secs(2);

/// What makes a daemon slower to suspect another, where a test is about something else.
pub const CALM: &[&str] = &["--retries", "25"];

/// A daemon as all can see it: who it is and where it can be asked.
pub struct Seen {
    /// Its address.
    pub at: SocketAddrV4,
    /// The directory of its control socket.
    pub run: PathBuf,
}

impl Seen {
    /// What it says of itself, if it answers.
    pub fn status(&self) -> Option<Value> {
        let answer = control::ask(&control::path(&self.run, self.at), "status", ANSWER).ok()?;
        serde_json::from_str(&answer).ok()
    }
}

/// The view that all of `set` are in and nobody else: number, digest and ranks of all are the same, and nothing is
/// under way or isolated anywhere.
pub fn one_view(set: &[Seen]) -> Option<Value> {
    let wanted: BTreeSet<String> = set.iter().map(|seen| seen.at.to_string()).collect();
    let mut first: Option<Value> = None;
    for seen in set {
        let status = seen.status()?;
        let members = status["members"].as_array()?;
        let addresses = members.iter().filter_map(|m| m["address"].as_str().map(str::to_string));
        let rests = status["phase"] == "idle" && status["isolated"].as_array()?.is_empty();
        if !rests || addresses.collect::<BTreeSet<_>>() != wanted {
            return None;
        }
        let same = |one: &Value| {
            ["set", "view", "batch", "digest", "members"].iter().all(|key| one[key] == status[key])
        };
        match &first {
            Some(one) if !same(one) => return None,
            Some(_) => {}
            None => first = Some(status),
        }
    }
    first
}

/// A core-set.
pub struct Set {
    /// Addresses and a directory.
    pub world: World,
    /// Its name, which no other test uses.
    pub name: String,
    daemons: BTreeMap<u8, Daemon>,
    ever: BTreeSet<u8>,
}

impl Set {
    /// With nobody in it.
    pub fn new() -> Set {
        let world = World::new();
        let name = format!("live{}", world.ip(0).octets()[2]);
        Set { world, name, daemons: BTreeMap::new(), ever: BTreeSet::new() }
    }

    /// With these in one view.
    pub fn of(hosts: &[u8], options: &[&str]) -> Set {
        let mut set = Set::new();
        // The first one founds it, so that the others need not wait in vain for somebody to answer.
        let create = [options, &["--create"]].concat();
        set.start(hosts[0], &create);
        set.await_view(&hosts[..1]);
        hosts[1..].iter().for_each(|&host| set.start(host, options));
        set.await_view(hosts);
        set
    }

    /// Starts a daemon that looks for the set.
    pub fn start(&mut self, host: u8, options: &[&str]) {
        let name = self.name.clone();
        self.start_in(host, options, &[&name]);
    }

    /// The same with other operands.
    pub fn start_in(&mut self, host: u8, options: &[&str], operands: &[&str]) {
        let faults = format!("faults{host}");
        if !self.world.path(&faults).exists() {
            self.world.write(&faults, "");
        }
        let views = format!("views{host}");
        let rest = [&["--state-dir", "state", "--views", &views], options, operands].concat();
        let daemon = self.world.spawn_with("mserver", host, &rest, &[("MS_FAULTS", &faults)]);
        self.daemons.insert(host, daemon);
        self.ever.insert(host);
    }

    /// The daemon of a host.
    pub fn daemon(&self, host: u8) -> &Daemon {
        &self.daemons[&host]
    }

    /// Ends one without a chance to do anything.
    pub fn crash(&mut self, host: u8) {
        self.daemons.remove(&host).expect("it runs").kill();
    }

    /// Tells one to leave; the exit code.
    pub fn leave(&mut self, host: u8) -> i32 {
        self.daemon(host).signal(Signal::SIGTERM);
        self.end(host)
    }

    /// The exit code of one that was told to leave.
    pub fn end(&mut self, host: u8) -> i32 {
        let mut daemon = self.daemons.remove(&host).expect("it runs");
        within(PATIENCE, "the end of a daemon that leaves", || {
            (!daemon.lives()).then(|| daemon.exit_code())
        })
    }

    /// Where a daemon can be asked.
    pub fn seen(&self, host: u8) -> Seen {
        Seen { at: self.world.at(host), run: self.world.path("run") }
    }

    /// Waits for a condition of what a daemon says of itself.
    pub fn await_status<T>(&self, host: u8, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let seen = self.seen(host);
        within(PATIENCE, &format!("{what} at host {host}"), || look(&seen.status()?))
    }

    /// Waits until these are in one view, and nobody else in it; what one of them says of it.
    pub fn await_view(&self, hosts: &[u8]) -> Value {
        let set: Vec<Seen> = hosts.iter().map(|&host| self.seen(host)).collect();
        let view = within(PATIENCE, &format!("one view of {hosts:?}"), || one_view(&set));
        for &host in hosts {
            let logged = |i: &Install| view["digest"] == i.view.position.digest.to_string();
            within(PATIENCE, &format!("host {host} has written it down"), || {
                self.installs(host).iter().any(logged).then_some(())
            });
        }
        view
    }

    /// Waits until a daemon's own clock has moved on by `n` ticks.
    pub fn pass_ticks(&self, host: u8, n: u64) {
        let ticks = |status: &Value| status["ticks"].as_u64();
        let start = self.await_status(host, "its clock", ticks);
        self.await_status(host, &format!("{n} ticks"), |status| {
            (ticks(status)? >= start + n).then_some(())
        });
    }

    /// A daemon neither hears nor is slow, or whatever these rules say, from now on.
    pub fn fault(&self, host: u8, rules: &str) {
        self.world.write(&format!("faults{host}"), rules);
        self.reload(host);
    }

    /// Cuts both ways between all of one side and all of the other.
    pub fn cut(&self, sides: [&[u8]; 2]) {
        for (side, other) in [(sides[0], sides[1]), (sides[1], sides[0])] {
            for &host in side {
                self.fault(host, &self.deaf(other));
            }
        }
    }

    /// Rules by which nothing of `to` is heard.
    pub fn deaf(&self, to: &[u8]) -> String {
        to.iter().map(|&other| format!("drop in from {}\n", self.world.ip(other))).collect()
    }

    /// No faults any more.
    pub fn heal(&self, hosts: &[u8]) {
        hosts.iter().for_each(|&host| self.fault(host, ""));
    }

    /// Has a daemon read its configuration again.
    pub fn reload(&self, host: u8) {
        let daemon = self.daemon(host);
        let count = || daemon.log().matches("configuration read again").count();
        let before = count();
        daemon.signal(Signal::SIGHUP);
        within(PATIENCE, "the configuration is read", || (count() > before).then_some(()));
    }

    /// All views that the daemons of a host have installed.
    pub fn installs(&self, host: u8) -> Vec<Install> {
        log::read(&self.world.read(&format!("views{host}")))
    }

    /// Waits until a daemon has installed a view of that kind.
    pub fn await_install(
        &self,
        host: u8,
        what: &str,
        wanted: impl Fn(&Install) -> bool,
    ) -> Install {
        let what = format!("{what} in the log of host {host}");
        within(PATIENCE, &what, || self.installs(host).into_iter().find(|i| wanted(i)))
    }
}

/// Where a set of that name is heard.
pub fn place(name: &str) -> SocketAddrV4 {
    let name: GroupName = name.parse().expect("a name");
    Places::new(BTreeMap::new(), 2900).of(&name)
}

/// Writes a file that only its owner can read.
pub fn secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Nobody needs to remember it: every set's logs are checked when its test is over.
impl Drop for Set {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            log::check(self.ever.iter().map(|&host| self.installs(host)).collect());
        }
    }
}
