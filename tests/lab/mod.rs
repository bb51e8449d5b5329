//! A small network of its own for a test: hosts with a cable each to one switch.
//!
//! ```text
//!   namespace mslab-PID-N-lan
//!   +--------------------------- bridge ---------------------------+
//!        | hub          | h1           | h2               ...  a veth each
//!   +----+-----+   +----+-----+   +----+-----+
//!   | 10.94.0.1|   |10.94.0.11|   |10.94.0.12|          a namespace each
//!   +----------+   +----------+   +----------+
//! ```
//!
//! The switch too lives in a namespace, so that nothing appears in the network of the machine, several
//! labs can stand side by side with the same addresses, and no firewall rule of the machine applies.
//! It forwards multicast to every port. Everything goes when the [`Lab`] is dropped, also when the
//! test panics; what a killed test left behind is cleared away by the next one.
#![allow(dead_code, unused_imports)] // every test that includes the lab uses its own part of it

mod capture;
mod process;

pub use capture::{Capture, Datagram};
pub use process::Process;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must happen, unless it says otherwise. Long, for a busy machine:
/// it is only ever spent by a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(15);

const PREFIX: &str = "mslab";

/// Fails the test, naming everything that is missing: root, and `programs` as (program, package).
pub fn require(programs: &[(&str, &str)]) {
    let mut missing = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        missing.push("root".to_string());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    for (program, package) in programs {
        if !std::env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
            missing.push(format!("{program} (package {package})"));
        }
    }
    assert!(missing.is_empty(), "this test needs {}", missing.join(", "));
}

/// Waits until `truth` holds.
///
/// # Panics
/// After [`PATIENCE`], saying `what` did not come about.
pub fn await_truth(what: &str, mut truth: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !truth() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Switch, cables and hosts.
pub struct Lab {
    name: String,
    hosts: BTreeMap<&'static str, Host>,
    directory: PathBuf,
}

/// One host: a network namespace with the interface `eth0`, and a directory.
#[derive(Clone)]
pub struct Host {
    /// Its name in the lab, at most 12 characters.
    pub name: &'static str,
    /// Its address on `eth0`.
    pub address: Ipv4Addr,
    /// Where its processes may leave files.
    pub directory: PathBuf,
    namespace: String,
    switch: String,
}

impl Lab {
    /// Builds a network of hosts with these names; the number is the last byte of `10.94.0.N`.
    pub fn new(hosts: &[(&'static str, u8)]) -> Lab {
        static BUILT: AtomicUsize = AtomicUsize::new(0);
        require(&[("ip", "iproute2")]);
        clear_abandoned();
        let number = BUILT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}-{}-{number}", std::process::id());
        // Not the build directory: a Unix socket's path has room for a hundred bytes.
        let directory = std::env::temp_dir().join(&name);
        let mut lab = Lab { name, hosts: BTreeMap::new(), directory };
        let switch = lab.namespace("lan");
        ip(&["netns", "add", &switch]);
        ip(&["-n", &switch, "link", "add", "lan", "type", "bridge", "mcast_snooping", "0"]);
        ip(&["-n", &switch, "link", "set", "lan", "up"]);
        // Nobody is on it at first; see Host::replug.
        ip(&["-n", &switch, "link", "add", "other", "type", "bridge", "mcast_snooping", "0"]);
        ip(&["-n", &switch, "link", "set", "other", "up"]);
        for &(host, number) in hosts {
            lab.add(host, Ipv4Addr::new(10, 94, 0, number));
        }
        for host in lab.hosts.values() {
            host.await_carrier(true);
        }
        lab
    }

    /// Adds a switch with an uplink to the one called `lan`; see [`Host::replug`].
    pub fn add_switch(&self, name: &str) {
        let switch = self.namespace("lan");
        let (here, there) = (format!("{name}-up"), format!("{name}-down"));
        ip(&["-n", &switch, "link", "add", name, "type", "bridge", "mcast_snooping", "0"]);
        ip(&["-n", &switch, "link", "set", name, "up"]);
        ip(&["-n", &switch, "link", "add", &here, "type", "veth", "peer", "name", &there]);
        ip(&["-n", &switch, "link", "set", &here, "master", name, "up"]);
        ip(&["-n", &switch, "link", "set", &there, "master", "lan", "up"]);
    }

    /// Pulls the uplink of a switch that was added, or plugs it in again.
    pub fn uplink(&self, switch: &str, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        let uplink = format!("{switch}-up");
        ip(&["-n", &self.namespace("lan"), "link", "set", &uplink, state]);
    }

    /// The host with this name.
    pub fn host(&self, name: &str) -> Host {
        self.hosts[name].clone()
    }

    /// The name of the host with this address, for transcripts; the address itself if it is none.
    pub fn name_of(&self, address: Ipv4Addr) -> String {
        let host = self.hosts.values().find(|host| host.address == address);
        host.map_or(address.to_string(), |host| host.name.to_string())
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }

    fn add(&mut self, name: &'static str, address: Ipv4Addr) {
        let (namespace, switch) = (self.namespace(name), self.namespace("lan"));
        let directory = self.directory.join(name);
        std::fs::create_dir_all(&directory).expect("a directory for the host");
        ip(&["netns", "add", &namespace]);
        ip(&["-n", &switch, "link", "add", name, "type", "veth", "peer", "name", "eth0"]);
        ip(&["-n", &switch, "link", "set", "eth0", "netns", &namespace]);
        ip(&["-n", &switch, "link", "set", name, "master", "lan", "up"]);
        ip(&["-n", &namespace, "link", "set", "lo", "up"]);
        ip(&["-n", &namespace, "address", "add", &format!("{address}/24"), "dev", "eth0"]);
        ip(&["-n", &namespace, "link", "set", "eth0", "up"]);
        ip(&["-n", &namespace, "route", "add", "224.0.0.0/4", "dev", "eth0"]);
        let host = Host { name, address, directory, namespace, switch };
        self.hosts.insert(name, host);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let hosts = self.hosts.keys().copied().chain(["lan"]);
        hosts.for_each(|host| remove(&self.namespace(host)));
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Host {
    /// A program on this host, to be started.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        // It replaces itself by the program, so that the child's pid is the program's.
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command.current_dir(&self.directory);
        command
    }

    /// Starts a program on this host; its output is followed from now on.
    pub fn spawn(&self, program: &Path, args: &[&str]) -> Process {
        let mut command = self.command(program);
        command.args(args);
        Process::start(format!("{}: {}", self.name, args.join(" ")), command)
    }

    /// Runs a program on this host to its end and returns what it printed.
    pub fn output(&self, program: &Path, args: &[&str]) -> String {
        let output = self.command(program).args(args).output().expect("ip netns exec");
        let (text, complaint) = (output.stdout, output.stderr);
        let complaint = String::from_utf8_lossy(&complaint);
        assert!(output.status.success(), "{program:?} {args:?}: {} {complaint}", output.status);
        String::from_utf8(text).expect("output is UTF-8")
    }

    /// Waits until some process of this host has UDP port `port` open.
    pub fn await_port(&self, port: u16) {
        let wanted = format!(":{port:04X} ");
        await_truth(&format!("{} opens port {port}", self.name), || {
            self.output(Path::new("cat"), &["/proc/net/udp"]).contains(&wanted)
        });
    }

    /// Every UDP datagram that passes this host's interface from now on.
    pub fn capture(&self) -> Capture {
        Capture::open(&namespace_file(&self.namespace))
    }

    /// Pulls the cable out.
    pub fn unplug(&self) {
        ip(&["-n", &self.switch, "link", "set", self.name, "down"]);
        self.await_carrier(false);
    }

    /// Puts the cable back.
    pub fn plug(&self) {
        ip(&["-n", &self.switch, "link", "set", self.name, "up"]);
        self.await_carrier(true);
    }

    /// Puts the cable into another switch, `lan`, `other` or one that was added: nobody on `other` reaches anybody else.
    pub fn replug(&self, switch: &str) {
        ip(&["-n", &self.switch, "link", "set", self.name, "master", switch]);
    }

    /// Until the kernel has noticed, it drops what is sent.
    fn await_carrier(&self, wanted: bool) {
        await_truth(&format!("cable of {} is plugged: {wanted}", self.name), || {
            let ends = [(&self.namespace, "eth0"), (&self.switch, self.name)];
            let up = |(ns, link): (&String, &str)| {
                ip(&["-n", ns, "-brief", "link", "show", link]).contains("LOWER_UP")
            };
            if wanted { ends.into_iter().all(up) } else { !ends.into_iter().any(up) }
        });
    }
}

fn namespace_file(name: &str) -> PathBuf {
    Path::new("/var/run/netns").join(name)
}

/// Runs ip(8) and returns what it printed.
fn ip(args: &[&str]) -> String {
    let output = Command::new("ip").args(args).output().expect("ip can be run");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {complaint}", args.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ends what runs in a namespace and removes it. Never panics: it runs while a test fails.
fn remove(namespace: &str) {
    let run = |args: &[&str]| Command::new("ip").args(args).output();
    if let Ok(pids) = run(&["netns", "pids", namespace]) {
        for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
            let pid = pid.parse().map(nix::unistd::Pid::from_raw);
            let _ = pid.map(|pid| nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL));
        }
    }
    let _ = run(&["netns", "delete", namespace]);
}

/// Removes the labs of test processes that are no more.
fn clear_abandoned() {
    let listed = ip(&["netns", "list"]);
    for namespace in listed.lines().filter_map(|line| line.split_whitespace().next()) {
        let mut parts = namespace.split('-');
        let ours = parts.next() == Some(PREFIX);
        let owner = parts.next().filter(|_| ours);
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(namespace);
        }
    }
}
