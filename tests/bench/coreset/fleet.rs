//! A core-set of real daemons on loopback, what they wrote down, and an ear on their group.
//!
//! ```text
//!   ms mserver --views 0.views  ─┐
//!   ms mserver --views 1.views  ─┼─ 239.93.x.1 ──> ear: requests, with the kernel's time of arrival
//!   ...                         ─┘
//! ```
//!
//! Nothing is measured by watching: every view is written with its time by the daemon that installed it, so the bench
//! sleeps while the set works, and reads afterwards.

use membership::sys::socket;
use membership::sys::{control, local};
use membership::wire::{Kind, Message};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{IoSliceMut, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the bench waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks at the files. The set has the machine for itself meanwhile.
const LOOK: Duration = Duration::from_millis(15);

/// Seconds since the epoch, as the daemons write them.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Members by their place in the fleet.
pub type Members = BTreeSet<usize>;

/// A view that a daemon installed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When, in seconds since the epoch.
    pub time: f64,
    /// Its members.
    pub members: Members,
}

struct Daemon {
    child: Option<Child>,
    file: File,
    rest: String,
    views: Vec<Seen>,
}

/// Daemons of one set.
pub struct Fleet {
    dir: PathBuf,
    net: u8,
    options: Vec<String>,
    /// What each of them is told besides: its set, where it is in one of its own.
    posts: Vec<Vec<String>>,
    ear: socket2::Socket,
    daemons: Vec<Daemon>,
}

impl Fleet {
    /// A directory and an ear for `n` daemons, none of which runs yet. `net` keeps fleets apart.
    pub fn new(n: usize, net: u8, options: &[&str]) -> Fleet {
        let dir = std::env::temp_dir().join(format!("ms-bench-{}-{net}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        for name in ["ms.conf", "ms.groups"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let daemon = |i: usize| {
            fs::write(dir.join(format!("{i}.faults")), "").unwrap();
            fs::write(dir.join(format!("{i}.views")), "").unwrap();
            let file = File::open(dir.join(format!("{i}.views"))).unwrap();
            Daemon { child: None, file, rest: String::new(), views: Vec::new() }
        };
        let daemons = (0..n).map(daemon).collect();
        let group = SocketAddrV4::new(Ipv4Addr::new(239, 93, net, 1), 2900);
        let ear = socket::open_group(group, Ipv4Addr::new(127, 93, net, 250)).unwrap();
        setsockopt(&ear, sockopt::ReceiveTimestampns, &true).unwrap();
        let options = options.iter().map(|o| o.to_string()).collect();
        let posts = vec![vec!["bench".to_string(), group.to_string()]; n];
        Fleet { dir, net, options, posts, ear, daemons }
    }

    // Not every bench that takes fleets from here needs these two.
    #[allow(dead_code)]
    /// Daemons of a hierarchy: each with the options and the set that its post says.
    pub fn of_posts(posts: Vec<Vec<String>>, net: u8, options: &[&str]) -> Fleet {
        let mut fleet = Fleet::new(posts.len(), net, options);
        fleet.posts = posts;
        fleet
    }

    #[allow(dead_code)]
    /// Where applications of daemon `i` call.
    pub fn applications(&self, i: usize) -> PathBuf {
        local::path(&self.dir, self.address(i))
    }

    fn address(&self, i: usize) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(127, 93, self.net, i as u8 + 1), 2900)
    }

    fn path(&self, i: usize, what: &str) -> PathBuf {
        self.dir.join(format!("{i}.{what}"))
    }

    /// All of them.
    pub fn all(&self) -> Members {
        (0..self.daemons.len()).collect()
    }

    /// All but one.
    pub fn all_but(&self, gone: usize) -> Members {
        (0..self.daemons.len()).filter(|&i| i != gone).collect()
    }

    /// Starts daemon `i`; says when.
    pub fn start(&mut self, i: usize) -> f64 {
        let dir = |option: &str, path: &Path| [option.to_string(), path.display().to_string()];
        let log = File::options().create(true).append(true).open(self.path(i, "log")).unwrap();
        let begun = now();
        let child = Command::new(env!("CARGO_BIN_EXE_ms"))
            .args(["mserver", "-f", "-i", &self.address(i).ip().to_string()])
            .args(dir("-c", &self.dir.join("ms.conf")))
            .args(dir("--groups", &self.dir.join("ms.groups")))
            .args(dir("--run-dir", &self.dir))
            .args(dir("--state-dir", &self.dir))
            .args(dir("--views", &self.path(i, "views")))
            .args(&self.options)
            .args(&self.posts[i])
            .env("MS_FAULTS", self.path(i, "faults"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemons[i].child = Some(child);
        begun
    }

    /// The process of daemon `i`.
    pub fn pid(&self, i: usize) -> i32 {
        self.daemons[i].child.as_ref().expect("it runs").id() as i32
    }

    /// Sends a signal to daemon `i`; says when.
    pub fn signal(&mut self, i: usize, signal: Signal) -> f64 {
        let begun = now();
        kill(Pid::from_raw(self.pid(i)), signal).unwrap();
        begun
    }

    /// Waits until daemon `i` has ended, as it was told to.
    pub fn ended(&mut self, i: usize) {
        if let Some(mut child) = self.daemons[i].child.take() {
            child.wait().unwrap();
        }
    }

    /// Gives daemon `i` other faults, at its next SIGHUP.
    pub fn set_faults(&self, i: usize, rules: &str) {
        fs::write(self.path(i, "faults"), rules).unwrap();
    }

    /// Rules by which a daemon does not hear those.
    pub fn deaf_to(&self, members: &Members) -> String {
        members.iter().map(|&i| format!("drop in from {}\n", self.address(i).ip())).collect()
    }

    /// Reads what was written since.
    fn look(&mut self) {
        for i in 0..self.daemons.len() {
            let net = self.net;
            let daemon = &mut self.daemons[i];
            daemon.file.read_to_string(&mut daemon.rest).unwrap();
            while let Some((line, rest)) = daemon.rest.split_once('\n') {
                let view: Value = serde_json::from_str(line).unwrap();
                daemon.views.push(seen(&view, net));
                daemon.rest = rest.to_string();
            }
        }
    }

    /// The views that daemon `i` installed after `since`.
    pub fn views(&mut self, i: usize, since: f64) -> Vec<Seen> {
        self.look();
        self.daemons[i].views.iter().filter(|v| v.time >= since).cloned().collect()
    }

    /// Waits until each of `who` has installed a view of just `members` after `since`; when the last one did.
    pub fn agreed(&mut self, who: &Members, members: &Members, since: f64) -> f64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            sleep(LOOK);
            self.look();
            let first = |i: &usize| {
                let mut views = self.daemons[*i].views.iter();
                views.find(|v| v.time >= since && v.members == *members).map(|v| v.time)
            };
            if let Some(times) = who.iter().map(first).collect::<Option<Vec<f64>>>() {
                return times.into_iter().fold(0.0, f64::max);
            }
            if Instant::now() > deadline {
                let last: Vec<_> = self.daemons.iter().map(|d| d.views.last()).collect();
                panic!(
                    "no view of {members:?} at {who:?}: {last:?}\nlogs in {}",
                    self.dir.display()
                );
            }
        }
    }

    /// Starts all and waits until they are one view.
    pub fn found(&mut self) -> f64 {
        let all = self.all();
        let begun = now();
        all.iter().for_each(|&i| _ = self.start(i));
        self.agreed(&all, &all, begun) - begun
    }

    /// Waits until everybody's last view is that of all.
    pub fn whole(&mut self) {
        let all = self.all();
        let deadline = Instant::now() + PATIENCE;
        loop {
            sleep(LOOK);
            self.look();
            if self.daemons.iter().all(|d| d.views.last().is_some_and(|v| v.members == all)) {
                return;
            }
            assert!(Instant::now() < deadline, "not one view; logs in {}", self.dir.display());
        }
    }

    /// When daemon `i` first sent such a request to the group after `since`, by the kernel's clock.
    pub fn requested(&mut self, i: usize, kind: Kind, since: f64) -> Option<f64> {
        let mut first = None;
        while let Some((from, bytes, time)) = self.hear() {
            let is = Message::receive(&bytes, true).is_ok_and(|m| m.kind() == Some(kind));
            if is && from == self.address(i) && time >= since && first.is_none() {
                first = Some(time);
            }
        }
        first
    }

    fn hear(&mut self) -> Option<(SocketAddrV4, Vec<u8>, f64)> {
        let mut buffer = vec![0; 9216];
        let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut vectors = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let got =
            recvmsg::<SockaddrIn>(self.ear.as_raw_fd(), &mut vectors, Some(&mut space), flags);
        let got = got.ok()?;
        let stamp = got.cmsgs().ok()?.find_map(|c| match c {
            ControlMessageOwned::ScmTimestampns(t) => Some(t),
            _ => None,
        })?;
        let from = got.address?;
        let (from, length) = (SocketAddrV4::new(from.ip(), from.port()), got.bytes);
        let time = stamp.tv_sec() as f64 + stamp.tv_nsec() as f64 * 1e-9;
        buffer.truncate(length);
        Some((from, buffer, time))
    }

    /// What `ms status` would show of daemon `i`.
    pub fn status(&self, i: usize) -> Value {
        let socket = control::path(&self.dir, self.address(i));
        let answer = control::ask(&socket, "status", Duration::from_secs(5)).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.daemons.iter_mut().filter_map(|d| d.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn seen(view: &Value, net: u8) -> Seen {
    let place = |member: &Value| {
        let address: SocketAddrV4 = member["address"].as_str().unwrap().parse().unwrap();
        let [_, _, of, host] = address.ip().octets();
        assert_eq!(of, net, "a member of another fleet");
        usize::from(host) - 1
    };
    let members = view["members"].as_array().unwrap().iter().map(place).collect();
    Seen { time: view["time"].as_f64().unwrap(), members }
}
