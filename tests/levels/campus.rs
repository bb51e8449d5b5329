//! The daemons of the plan: real processes, on this host or in network namespaces.
//!
//! ```text
//!   loopback     127.78.N.0/24, IP multicast on lo, no root     N is claimed by a socket, so campuses stand side by side
//!   namespaces   a network namespace a host, a switch a building, an uplink each to the switch of the top
//! ```
//!
//! All share a directory: configuration, sockets, a log and a log of views for each. It stays if the test fails.

use super::coreset_log as log;
use super::lab::Lab;
use super::plan::{self, BUILDINGS, HOSTS, TOP, Work};
use membership::sim::invariants::Install;
use membership::sys::{control, process};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The program.
const MS: &str = env!("CARGO_BIN_EXE_ms");
/// How long one answer of a daemon may take.
const ANSWER: Duration = Duration::from_secs(2);

/// Where the hosts are.
enum Ground {
    Loopback { net: Ipv4Addr, _claim: UdpSocket },
    Namespaces(Lab),
}

/// The daemons. Dropped, it ends them all.
pub struct Campus {
    ground: Ground,
    dir: PathBuf,
    daemons: Vec<Option<Child>>,
    /// Those that were told to end, and may be at it still.
    ending: BTreeMap<usize, Child>,
    /// The directory stays, whatever becomes of the test.
    pub keep: bool,
}

impl Campus {
    /// On this host. Nothing runs yet.
    pub fn on_loopback() -> Campus {
        let claim = |third| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 78, third, 254), 2999)).ok()?;
            Some((Ipv4Addr::new(127, 78, third, 0), socket))
        };
        let (net, _claim) = (1..250).find_map(claim).expect("no network of 127.78.0.0/16 is free");
        Campus::new(Ground::Loopback { net, _claim })
    }

    /// In namespaces of a network of its own: needs root. Nothing runs yet.
    pub fn in_namespaces() -> Campus {
        let hosts: Vec<(&str, u8)> = HOSTS.iter().map(|host| (host.name, host.number)).collect();
        let lab = Lab::new(&hosts);
        for (building, (name, _)) in BUILDINGS.iter().enumerate() {
            lab.add_switch(name);
            for host in HOSTS.iter().filter(|host| host.building() == Some(building)) {
                lab.host(host.name).replug(name);
            }
        }
        Campus::new(Ground::Namespaces(lab))
    }

    fn new(ground: Ground) -> Campus {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        // Not the build directory: the path of a Unix socket has room for a hundred bytes.
        let dir = std::env::temp_dir().join(format!("ms-levels-{}-{number}", std::process::id()));
        // What a process of the same number left there.
        let _ = fs::remove_dir_all(&dir);
        for below in ["run", "state", "log", "views", "told"] {
            fs::create_dir_all(dir.join(below)).expect("a directory");
        }
        let daemons = HOSTS.iter().map(|_| None).collect();
        let campus = Campus { ground, dir, daemons, ending: BTreeMap::new(), keep: false };
        let groups = plan::addresses(campus.net().octets()[2]);
        fs::write(campus.dir.join("ms.groups"), groups).expect("a file");
        campus.configure("");
        campus
    }

    /// Writes the configuration of all anew, with some lines more. Those that run read it when they are told to.
    pub fn configure(&self, more: &str) {
        let conf = "groups ms.groups\nrun-dir run\nstate-dir state\nprofile lan\n";
        // By a rename: a daemon that starts meanwhile reads all of it.
        let new = self.dir.join("ms.conf.new");
        fs::write(&new, format!("{conf}{more}")).expect("a file");
        fs::rename(new, self.dir.join("ms.conf")).expect("a file");
    }

    fn net(&self) -> Ipv4Addr {
        match &self.ground {
            Ground::Loopback { net, .. } => *net,
            Ground::Namespaces(_) => Ipv4Addr::new(10, 94, 0, 0),
        }
    }

    /// Where the daemon of a host is.
    pub fn address(&self, host: usize) -> SocketAddrV4 {
        HOSTS[host].address(self.net())
    }

    /// Where everything lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program, on a host; it ends with us, and knows nothing of the machine's own configuration.
    pub fn command(&self, host: usize) -> Command {
        let mut command = match &self.ground {
            Ground::Loopback { .. } => Command::new(MS),
            Ground::Namespaces(lab) => lab.host(HOSTS[host].name).command(Path::new(MS)),
        };
        for name in ["RUST_LOG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "MS_FAULTS", "MS_MI"] {
            command.env_remove(name);
        }
        command.current_dir(&self.dir).stdin(Stdio::null());
        process::tie_to_us(&mut command);
        command
    }

    /// A file of a kind for a host.
    fn file(&self, kind: &str, host: usize) -> PathBuf {
        self.dir.join(kind).join(HOSTS[host].name)
    }

    /// Starts the daemon of a host. One that was told to end and has not ended has had its time.
    pub fn start(&mut self, host: usize) {
        if let Some(mut child) = self.ending.remove(&host) {
            // It may have ended.
            let _ = child.kill();
            child.wait().expect("its end");
        }
        let address = self.address(host);
        let (mode, rest) = HOSTS[host].arguments(self.net());
        let mut command = self.command(host);
        command.args([mode, "-f", "-c", "ms.conf", "-i", &address.ip().to_string()]);
        if mode == "mserver" {
            command.arg("--views").arg(self.file("views", host));
        }
        let log = File::options().create(true).append(true).open(self.file("log", host));
        command.args(rest).stdout(Stdio::null()).stderr(log.expect("a log"));
        self.daemons[host] = Some(command.spawn().expect("a daemon"));
    }

    /// Starts all, at once.
    pub fn boot(&mut self) {
        (0..HOSTS.len()).for_each(|host| self.start(host));
    }

    /// Ends the daemon of a host without a chance to do anything.
    pub fn crash(&mut self, host: usize) {
        let mut child = self.daemons[host].take().expect("it runs");
        child.kill().expect("a signal");
        child.wait().expect("its end");
    }

    /// Pulls the uplink of a building out, or plugs it in.
    pub fn uplink(&self, building: usize, plugged: bool) {
        self.lab().uplink(BUILDINGS[building].0, plugged);
    }

    fn lab(&self) -> &Lab {
        let Ground::Namespaces(lab) = &self.ground else { panic!("there are no cables on lo") };
        lab
    }

    /// Whether the daemon of a host is to run.
    pub fn runs(&self, host: usize) -> bool {
        self.daemons[host].is_some()
    }

    /// What the daemon of a host says of itself.
    pub fn status(&self, host: usize) -> Result<Value, String> {
        self.ask(host, "status")
    }

    /// What it answers at its control socket.
    pub fn ask(&self, host: usize, request: &str) -> Result<Value, String> {
        let socket = control::path(&self.dir.join("run"), self.address(host));
        let silent =
            |e: &dyn std::fmt::Display| format!("{} does not answer: {e}", HOSTS[host].name);
        let answer = control::ask(&socket, request, ANSWER).map_err(|e| silent(&e))?;
        serde_json::from_str(&answer).map_err(|e| silent(&e))
    }

    /// None of the daemons has ended by itself.
    ///
    /// # Errors
    /// Which did, and how.
    pub fn ended(&mut self) -> Result<(), String> {
        for (daemon, host) in self.daemons.iter_mut().zip(HOSTS) {
            let ended = daemon.as_mut().and_then(|child| child.try_wait().expect("a status"));
            if let Some(status) = ended {
                return Err(format!("the daemon of {} ended: {status}", host.name));
            }
        }
        Ok(())
    }

    /// Whether every set has one view of all its mservers that run, with a parent where one runs, and every member
    /// interface has a mserver; otherwise what is missing.
    pub fn stands(&self) -> Result<(), String> {
        for mi in plan::hosts(|work| matches!(work, Work::Mi(_))) {
            if self.runs(mi) && self.status(mi)?["registered"] != true {
                return Err(format!("{} has no mserver", HOSTS[mi].name));
            }
        }
        self.set_stands(TOP, |work| matches!(work, Work::Parent(_)), 0)?;
        for (building, (set, _)) in BUILDINGS.iter().enumerate() {
            let parents = plan::hosts(|work| work == Work::Parent(building));
            let parent = parents.into_iter().any(|host| self.runs(host));
            self.set_stands(set, |work| work == Work::Server(building), usize::from(parent))?;
        }
        Ok(())
    }

    fn set_stands(
        &self,
        set: &str,
        of: impl Fn(Work) -> bool,
        parents: usize,
    ) -> Result<(), String> {
        let peers: Vec<usize> =
            plan::hosts(of).into_iter().filter(|&host| self.runs(host)).collect();
        let mut digests = BTreeSet::new();
        for host in &peers {
            let status = self.status(*host)?;
            let name = HOSTS[*host].name;
            let size = (peers.len() + parents) as u64;
            if status["size"].as_u64() != Some(size) || status["phase"] != "idle" {
                let (has, phase) = (&status["size"], &status["phase"]);
                return Err(format!("{name} has {has} of {size} members of {set}, {phase}"));
            }
            let parent = self.named(&status["parent"]);
            if parent.is_some_and(|host| !self.runs(host)) || parent.is_some() != (parents > 0) {
                return Err(format!("{name} has {} for the parent of {set}", status["parent"]));
            }
            digests.insert(status["digest"].to_string());
        }
        if digests.len() > 1 { Err(format!("{set} has two views")) } else { Ok(()) }
    }

    /// The parent of a building's set, as its mservers say.
    pub fn parent_of(&self, building: usize) -> Option<usize> {
        let servers = plan::hosts(|work| work == Work::Server(building));
        let server = servers.into_iter().find(|&host| self.runs(host))?;
        self.named(&self.status(server).ok()?["parent"])
    }

    /// The host of an address that a daemon told.
    fn named(&self, address: &Value) -> Option<usize> {
        (0..HOSTS.len()).find(|host| *address == self.address(*host).to_string())
    }

    /// Each group that a mserver knows in some place: group, place, role.
    fn roles(&self) -> Result<Vec<(String, String, String)>, String> {
        let mut all = Vec::new();
        for host in plan::hosts(|work| !matches!(work, Work::Mi(_))) {
            if !self.runs(host) {
                continue;
            }
            let told = self.ask(host, "groups")?;
            for group in told["groups"].as_array().into_iter().flatten() {
                for (place, role) in group["roles"].as_object().into_iter().flatten() {
                    // A LAN of two mservers is two places.
                    let is_lan = BUILDINGS.iter().any(|(_, lan)| lan == place);
                    let at =
                        if is_lan { format!(" at {}", HOSTS[host].name) } else { String::new() };
                    let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
                    all.push((word(&group["group"]), format!("{place}{at}"), word(role)));
                }
            }
        }
        Ok(all)
    }

    /// The sets and LANs that are the core of each group, as the mservers say.
    pub fn cores(&self) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
        let mut cores: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (group, place, _) in self.roles()?.into_iter().filter(|(.., role)| role == "core") {
            cores.entry(group).or_default().insert(place);
        }
        Ok(cores)
    }

    /// The groups whose names a set knows, as each of its mservers says.
    pub fn known_at(&self, set: &str) -> Result<BTreeSet<String>, String> {
        let known = self.roles()?.into_iter().filter(|(_, place, _)| place == set);
        Ok(known.map(|(group, ..)| group).collect())
    }

    /// Whether every mserver has nothing but cores, and names above them.
    pub fn rests(&self) -> Result<(), String> {
        let waits = |(.., role): &(String, String, String)| role != "core" && role != "above";
        match self.roles()?.into_iter().find(waits) {
            Some((group, place, role)) => Err(format!("{group} is {role} in {place}")),
            None => Ok(()),
        }
    }

    /// The views of every set, as its mservers wrote them down, against the rules of core-sets.
    pub fn check_views(&self) {
        let mut sets: BTreeMap<String, Vec<Vec<Install>>> = BTreeMap::new();
        for host in plan::hosts(|work| !matches!(work, Work::Mi(_))) {
            let text = fs::read_to_string(self.file("views", host)).unwrap_or_default();
            let mut own: BTreeMap<String, Vec<Install>> = BTreeMap::new();
            for install in log::read(&text) {
                own.entry(install.view.name.base.to_string()).or_default().push(install);
            }
            own.into_iter().for_each(|(set, log)| sets.entry(set).or_default().push(log));
        }
        assert_eq!(sets.len(), 1 + BUILDINGS.len(), "each set has views");
        sets.into_values().for_each(log::check);
    }

    /// Writes down what all daemons say of themselves and of groups.
    pub fn write_state(&self) {
        let of = |host: usize| {
            let told = |request| self.ask(host, request).unwrap_or_else(Value::from);
            (
                HOSTS[host].name.to_string(),
                json!({"status": told("status"), "groups": told("groups")}),
            )
        };
        let all: serde_json::Map<String, Value> = (0..HOSTS.len()).map(of).collect();
        let text = serde_json::to_string_pretty(&all).unwrap_or_default();
        let _ = fs::write(self.dir.join("state.json"), text);
    }
}

/// What befalls daemons in tests/soak only.
#[allow(dead_code)]
impl Campus {
    /// Tells the daemon of a host to end in good order. Nothing is waited for.
    pub fn end(&mut self, host: usize) {
        self.signal(host, Signal::SIGTERM);
        let child = self.daemons[host].take().expect("it runs");
        self.ending.insert(host, child);
    }

    /// Sends a signal to the daemon of a host.
    pub fn signal(&self, host: usize, signal: Signal) {
        signal::kill(self.pid(host), signal).expect("a signal");
    }

    /// The process of the daemon of a host.
    pub fn pid(&self, host: usize) -> Pid {
        Pid::from_raw(self.daemons[host].as_ref().expect("it runs").id() as i32)
    }

    /// Pulls the cable of a host out, or plugs it in.
    pub fn cable(&self, host: usize, plugged: bool) {
        let host = self.lab().host(HOSTS[host].name);
        if plugged { host.plug() } else { host.unplug() }
    }
}

impl Drop for Campus {
    fn drop(&mut self) {
        let ending = std::mem::take(&mut self.ending).into_values();
        for mut child in self.daemons.iter_mut().filter_map(Option::take).chain(ending) {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.keep || std::thread::panicking() {
            eprintln!("what there is to know is in {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
