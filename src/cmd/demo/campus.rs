//! The daemons: processes of this very program, one for each host of the figure.
//!
//! ```text
//!   claim a network 127.77.N.0/24 ──> directory: ms.conf, ms.groups, run/, state/, a log each
//!   start, kill ──> ms mserver ..., ms mi ...      none of them outlives us, whatever becomes of us
//! ```

use super::Trouble;
use super::figure::{self, HOSTS, Host, TOP, Work};
use crate::sys::{control, fault, process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Networks 127.77.N.0/24 that may be taken, so that campuses stand side by side.
const NETS: std::ops::Range<u8> = 10..90;
/// How long a daemon may take to say what it knows.
const PATIENCE: Duration = Duration::from_secs(2);
/// Lines of a log that are shown if something goes wrong.
const TAIL: usize = 3;

/// The daemons, and what they share. Dropped, it ends them all and takes its directory away.
pub struct Campus {
    program: PathBuf,
    net: u8,
    dir: PathBuf,
    /// As [`HOSTS`]; none: it does not run.
    daemons: Vec<Option<Child>>,
    /// The directory is left where it is: there is something to be read in it.
    pub keep_logs: bool,
    /// Keeps others from our network.
    _claim: UdpSocket,
}

impl Campus {
    /// Claims a network and makes a directory. Nothing runs yet.
    pub fn new() -> Result<Campus, Trouble> {
        let claim = |net| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 77, net, 254), 2999)).ok()?;
            Some((net, socket))
        };
        let (net, _claim) = NETS
            .into_iter()
            .find_map(claim)
            .ok_or_else(|| Trouble::failed("no network of 127.77.0.0/16 is free"))?;
        let program = std::env::current_exe().map_err(|e| cannot("find this program", &e))?;
        let dir = std::env::temp_dir().join(format!("ms-demo-{}", std::process::id()));
        let daemons = HOSTS.iter().map(|_| None).collect();
        let campus = Campus { program, net, dir, daemons, keep_logs: false, _claim };
        campus.furnish().map_err(|e| cannot(&format!("write to {}", campus.dir.display()), &e))?;
        Ok(campus)
    }

    fn furnish(&self) -> std::io::Result<()> {
        for below in ["run", "state", "log", "faults"] {
            fs::create_dir_all(self.dir.join(below))?;
        }
        fs::write(self.dir.join("ms.groups"), figure::addresses(self.net))?;
        fs::write(self.config(), "groups ms.groups\nrun-dir run\nstate-dir state\nprofile lan\n")?;
        HOSTS.iter().try_for_each(|host| fs::write(self.faults(host), ""))
    }

    /// The number of our network.
    pub fn net(&self) -> u8 {
        self.net
    }

    /// Where everything lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the sockets are.
    pub fn run_dir(&self) -> PathBuf {
        self.dir.join("run")
    }

    /// The configuration that all daemons have.
    pub fn config(&self) -> PathBuf {
        self.dir.join("ms.conf")
    }

    fn faults(&self, host: &Host) -> PathBuf {
        self.dir.join("faults").join(host.number.to_string())
    }

    fn log(&self, host: &Host) -> PathBuf {
        self.dir.join("log").join(host.number.to_string())
    }

    /// Starts the daemon of a host.
    pub fn start(&mut self, at: usize) -> Result<(), Trouble> {
        let host = &HOSTS[at];
        let log = File::options().create(true).append(true).open(self.log(host));
        let log = log.map_err(|e| cannot("write a log", &e))?;
        let mut command = Command::new(&self.program);
        command.args(arguments(host, self.net)).current_dir(&self.dir);
        command.env(fault::VARIABLE, self.faults(host));
        for name in ["RUST_LOG", "NOTIFY_SOCKET", "WATCHDOG_USEC"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        process::tie_to_us(&mut command);
        let child = command.spawn().map_err(|e| cannot(&format!("start {}", host.name), &e))?;
        self.daemons[at] = Some(child);
        Ok(())
    }

    /// Kills the daemon of a host without a word of warning.
    pub fn kill(&mut self, at: usize) {
        if let Some(mut child) = self.daemons[at].take() {
            // It may have ended by itself: that is seen by `ended`, if it should not.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Cuts the network between these hosts and all others: each drops what comes from the other side.
    pub fn cut(&mut self, side: &[usize]) -> Result<(), Trouble> {
        self.set_faults(|one, other| side.contains(&one) != side.contains(&other))
    }

    /// Makes it whole again.
    pub fn heal(&mut self) -> Result<(), Trouble> {
        self.set_faults(|_, _| false)
    }

    fn set_faults(&mut self, apart: impl Fn(usize, usize) -> bool) -> Result<(), Trouble> {
        for (at, host) in HOSTS.iter().enumerate() {
            let others = HOSTS.iter().enumerate().filter(|(other, _)| apart(at, *other));
            let rules: String = others
                .map(|(_, other)| format!("drop 100% in from {}\n", other.at(self.net).ip()))
                .collect();
            fs::write(self.faults(host), rules).map_err(|e| cannot("write faults", &e))?;
            if let Some(child) = &self.daemons[at] {
                let pid = Pid::from_raw(child.id() as i32);
                kill(pid, Signal::SIGHUP).map_err(|e| cannot("send a signal", &e.into()))?;
            }
        }
        Ok(())
    }

    /// Whether the daemon of a host runs, as far as we have to do with it.
    pub fn runs(&self, at: usize) -> bool {
        self.daemons[at].is_some()
    }

    /// A daemon that has ended by itself: none should. Each is told of once.
    pub fn ended(&mut self) -> Option<String> {
        let mut all = self.daemons.iter_mut().zip(HOSTS);
        all.find_map(|(child, host)| {
            let end = match child.as_mut()?.try_wait() {
                Ok(None) => return None,
                Ok(Some(status)) => status.to_string(),
                Err(e) => e.to_string(),
            };
            *child = None;
            Some(format!("the daemon on {} ended: {end}", host.name))
        })
    }

    /// What the daemon of a host knows, if it runs and answers.
    pub fn status(&self, at: usize) -> Option<Value> {
        self.ask(at, "status")
    }

    /// What it answers to a request by its control socket.
    pub fn ask(&self, at: usize, request: &str) -> Option<Value> {
        self.daemons[at].as_ref()?;
        let socket = control::path(&self.run_dir(), HOSTS[at].at(self.net));
        serde_json::from_str(&control::ask(&socket, request, PATIENCE).ok()?).ok()
    }

    /// The last lines of each log.
    pub fn last_words(&self) -> Vec<String> {
        let mut all = Vec::new();
        for host in HOSTS {
            let text = fs::read(self.log(host)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL)..];
            all.extend(tail.iter().map(|line| format!("{:<7} {line}", host.name)));
        }
        all
    }
}

impl Drop for Campus {
    fn drop(&mut self) {
        (0..HOSTS.len()).for_each(|at| self.kill(at));
        if !self.keep_logs {
            // What is left of it in the directory for temporary files harms nobody.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The command line of the daemon of a host.
fn arguments(host: &Host, net: u8) -> Vec<String> {
    let daemon = if matches!(host.work, Work::Mi { .. }) { "mi" } else { "mserver" };
    let own = host.at(net).ip().to_string();
    let mut all: Vec<String> = [daemon, "-f", "-c", "ms.conf", "-i", &own].map(Into::into).into();
    match host.work {
        Work::Parent { of } => all.extend(["--child", of, TOP].map(Into::into)),
        Work::Server { set, lan } => all.extend(["--lan", lan, set].map(Into::into)),
        Work::Mi { lan } => {
            all.extend(["--lan", lan].map(Into::into));
            all.extend(figure::servers(lan).map(|server| server.at(net).to_string()));
        }
    }
    all
}

fn cannot(what: &str, e: &std::io::Error) -> Trouble {
    Trouble::failed(&format!("cannot {what}: {e}"))
}
