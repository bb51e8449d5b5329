//! A core-set in network namespaces: hosts with cables to one of two switches.

use super::lab::{Host, Lab, Process};
use super::log;
use super::set::{PATIENCE, Seen, one_view};
use super::world::{MS, within};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::Path;

/// The set and the network that it is in.
pub struct Switches {
    daemons: BTreeMap<&'static str, Process>,
    /// The network.
    pub lab: Lab,
}

impl Switches {
    /// Boots a daemon on each host, all at once, and waits until they are in one view.
    pub fn boot(hosts: &[(&'static str, u8)]) -> Switches {
        let lab = Lab::new(hosts);
        let mut set = Switches { lab, daemons: BTreeMap::new() };
        for (name, _) in hosts {
            set.start(name);
        }
        set.await_view(&set.names());
        set
    }

    /// Starts the daemon of a host.
    pub fn start(&mut self, name: &'static str) {
        let host = self.lab.host(name);
        std::fs::write(host.directory.join("faults"), "").expect("a file");
        std::fs::write(host.directory.join("conf"), "").expect("a file");
        let args = ["MS_FAULTS=faults", MS, "mserver", "-f", "-c", "conf", "-i", "eth0"];
        let own = ["--run-dir", ".", "--state-dir", ".", "--views", "views", "lab"];
        let daemon = host.spawn(Path::new("env"), &[&args[..], &own].concat());
        self.daemons.insert(name, daemon);
    }

    /// All hosts.
    pub fn names(&self) -> Vec<&'static str> {
        self.daemons.keys().copied().collect()
    }

    /// All hosts by their ranks in the one view that they are in.
    pub fn by_rank(&self) -> Vec<&'static str> {
        let view = self.await_view(&self.names());
        let members = view["members"].as_array().expect("members");
        let address = |name: &str| self.seen(name).at.to_string();
        let name = |at: &Value| self.names().into_iter().find(|name| address(name) == *at);
        members.iter().map(|m| name(&m["address"]).expect("a host")).collect()
    }

    /// Ends the daemon of a host without a chance to do anything.
    pub fn crash(&mut self, name: &str) {
        self.daemons.get_mut(name).expect("it runs").kill();
    }

    fn seen(&self, name: &str) -> Seen {
        let Host { address, directory, .. } = self.lab.host(name);
        Seen { at: SocketAddrV4::new(address, 2900), run: directory }
    }

    /// Waits until these are in one view, and nobody else in it.
    pub fn await_view(&self, names: &[&str]) -> Value {
        let set: Vec<Seen> = names.iter().map(|name| self.seen(name)).collect();
        within(PATIENCE, &format!("one view of {names:?}"), || one_view(&set))
    }

    /// Waits until no view has both.
    pub fn await_parted(&self, one: &str, other: &str) {
        let lists = |at: &str, who: &str| {
            let status = self.seen(at).status()?;
            let who = self.seen(who).at.to_string();
            let members = status["members"].as_array()?;
            Some(members.iter().any(|member| member["address"] == who.as_str()))
        };
        within(PATIENCE, &format!("{one} and {other} have parted"), || {
            (!lists(one, other)? && !lists(other, one)?).then_some(())
        });
    }

    /// One host hears nothing of these from now on; it is heard as before.
    pub fn deafen(&mut self, name: &'static str, to: &[&str]) {
        let line = |who: &&str| format!("drop in from {}\n", self.lab.host(who).address);
        let rules: String = to.iter().map(line).collect();
        let host = self.lab.host(name);
        std::fs::write(host.directory.join("faults"), rules).expect("a file");
        let daemon = self.daemons.get_mut(name).expect("it runs");
        daemon.skip();
        daemon.signal(Signal::SIGHUP);
        daemon.expect("configuration read again");
    }
}

impl Drop for Switches {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let views = |name: &&str| self.lab.host(name).directory.join("views");
            let read = |path| std::fs::read_to_string(path).expect("a log of views");
            log::check(self.daemons.keys().map(|name| log::read(&read(views(name)))).collect());
        }
    }
}
