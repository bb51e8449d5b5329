//! One set of N hosts, each with a member of one group, and one more that comes and goes.
//!
//! Beside what the members see stands what the set itself takes for a change of its own: the same agreement, without
//! member interface and application.

use super::app::{AppId, Crowd};
use super::fleet::Fleet;
use super::{Setup, Times};
use membership::name::GroupName;
use membership::wire::Kind;
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The first word of a process that is a member and nothing else.
pub const MEMBER: &str = "be-member";

/// A process that joins and stays.
pub fn be_member(socket: &str, group: &str) {
    let (mut crowd, group) = (Crowd::new(), group.parse().unwrap());
    let app = crowd.open(Path::new(socket));
    crowd.join(app, group);
    loop {
        crowd.hear(Duration::from_secs(1));
    }
}

#[derive(Default)]
struct Results {
    join: Times,
    leave: Times,
    death: Times,
    crash: Times,
    set_join: Times,
    set_leave: Times,
    set_crash: Times,
    /// Joins and leaves, one after another, each when all members had seen the last.
    serial: f64,
    /// The same at its own application only.
    alone: f64,
}

pub fn run(setup: &Setup) {
    println!("milliseconds to the last member's view, median / p90 of {}", setup.reps);
    print!("{:>4} {:>13} {:>13} {:>13}", "N", "join", "leave", "process dies");
    print!(" {:>17} {:>13} {:>13}", "daemon dies", "set: join", "set: leave");
    println!(" {:>17} {:>10} {:>10}", "set: crash", "serial/s", "own/s");
    for &n in &setup.sizes {
        let r = measure(n, setup);
        print!("{n:>4} {:>13} {:>13} {:>13}", r.join.show(), r.leave.show(), r.death.show());
        print!(" {:>17} {:>13} {:>13}", r.crash.show(), r.set_join.show(), r.set_leave.show());
        println!(" {:>17} {:>10.0} {:>10.0}", r.set_crash.show(), r.serial, r.alone);
    }
    println!();
}

/// A set, and an application on each host that is a member.
struct Flat {
    fleet: Fleet,
    crowd: Crowd,
    group: GroupName,
    /// The member on each host.
    here: Vec<AppId>,
    size: u32,
}

fn measure(n: usize, setup: &Setup) -> Results {
    let mut fleet = Fleet::new(n, 100 + n as u8, &["-q", "--mi"]);
    fleet.found();
    let (mut crowd, group): (Crowd, GroupName) = (Crowd::new(), "db".parse().unwrap());
    let here: Vec<AppId> = (0..n).map(|i| crowd.open(&fleet.applications(i))).collect();
    for (i, &app) in here.iter().enumerate() {
        let begun = crowd.join(app, group);
        crowd.agreed(&here[..=i], group, (i as u32 + 1, begun));
    }
    let mut flat = Flat { fleet, crowd, group, here, size: n as u32 };
    let mut results = Results::default();
    for rep in 0..setup.reps {
        flat.come_and_go((rep * 7 + 1) % n, &mut results);
        flat.die((rep * 5 + 2) % n, &mut results);
    }
    (results.serial, results.alone) = flat.serial(setup.span / 4);
    for rep in 0..setup.reps.div_ceil(5) {
        flat.lose_host((rep * 5 + 2) % n, &mut results);
        flat.change_set((rep * 3 + 1) % n, &mut results);
    }
    results
}

impl Flat {
    /// An application of host `i` joins and leaves.
    fn come_and_go(&mut self, i: usize, results: &mut Results) {
        let app = self.crowd.open(&self.fleet.applications(i));
        let all = [&self.here[..], &[app]].concat();
        sleep(Duration::from_millis(20));
        let begun = self.crowd.join(app, self.group);
        results.join.add(begun, self.crowd.agreed(&all, self.group, (self.size + 1, begun)));
        sleep(Duration::from_millis(20));
        let begun = self.crowd.leave(app, self.group);
        results.leave.add(begun, self.crowd.agreed(&self.here, self.group, (self.size, begun)));
        self.crowd.close(app);
    }

    /// A process of host `i` that is a member is killed.
    fn die(&mut self, i: usize, results: &mut Results) {
        let begun = Instant::now();
        let mut child = member(&self.fleet.applications(i), self.group);
        self.crowd.agreed(&self.here, self.group, (self.size + 1, begun));
        sleep(Duration::from_millis(20));
        let begun = Instant::now();
        child.kill().unwrap();
        results.death.add(begun, self.crowd.agreed(&self.here, self.group, (self.size, begun)));
        child.wait().unwrap();
    }

    /// Joins and leaves a second: when all have seen the one before, and when who asked has.
    fn serial(&mut self, span: Duration) -> (f64, f64) {
        let app = self.crowd.open(&self.fleet.applications(0));
        let all = [&self.here[..], &[app]].concat();
        let rates = [&all[..], &[app]].map(|who| {
            let (begun, mut done) = (Instant::now(), 0);
            while begun.elapsed() < span {
                let since = self.crowd.join(app, self.group);
                self.crowd.agreed(who, self.group, (self.size + 1, since));
                let since = self.crowd.leave(app, self.group);
                match who.len() {
                    1 => self.crowd.until_held(app, self.group, 0),
                    _ => drop(self.crowd.agreed(&self.here, self.group, (self.size, since))),
                }
                done += 2;
            }
            f64::from(done) / begun.elapsed().as_secs_f64()
        });
        self.crowd.close(app);
        rates.into()
    }

    /// The daemon of host `i` is killed, and its member with it; both come back.
    fn lose_host(&mut self, i: usize, results: &mut Results) {
        let rest: Vec<AppId> =
            (0..self.here.len()).filter(|&j| j != i).map(|j| self.here[j]).collect();
        sleep(Duration::from_millis(300 + 37 * i as u64));
        let (begun, clock) = (Instant::now(), self.fleet.signal(i, Signal::SIGKILL));
        results.crash.add(begun, self.crowd.agreed(&rest, self.group, (self.size - 1, begun)));
        let others = self.fleet.all_but(i);
        results.set_crash.push(self.fleet.agreed(&others, &others, clock) - clock);
        self.fleet.ended(i);
        self.come_back(i);
    }

    fn come_back(&mut self, i: usize) {
        self.crowd.close(self.here[i]);
        let (all, clock) = (self.fleet.all(), self.fleet.start(i));
        self.fleet.agreed(&all, &all, clock);
        self.here[i] = self.crowd.open(&self.fleet.applications(i));
        let begun = self.crowd.join(self.here[i], self.group);
        self.crowd.agreed(&self.here, self.group, (self.size, begun));
    }

    /// What the set takes for changes of its own, while nobody is a member at its host `i`.
    fn change_set(&mut self, i: usize, results: &mut Results) {
        let since = self.crowd.leave(self.here[i], self.group);
        let rest: Vec<AppId> =
            (0..self.here.len()).filter(|&j| j != i).map(|j| self.here[j]).collect();
        self.crowd.agreed(&rest, self.group, (self.size - 1, since));
        sleep(Duration::from_millis(60));
        let (all, others) = (self.fleet.all(), self.fleet.all_but(i));
        let clock = self.fleet.signal(i, Signal::SIGTERM);
        results.set_leave.push(self.fleet.agreed(&others, &others, clock) - clock);
        self.fleet.ended(i);
        // What was said before would leave no room for it.
        self.fleet.requested(i, Kind::MJoinReq, clock);
        let clock = self.fleet.start(i);
        let end = self.fleet.agreed(&all, &all, clock);
        let asked = self.fleet.requested(i, Kind::MJoinReq, clock);
        results.set_join.push(end - asked.expect("its JOIN_REQ is heard"));
        self.crowd.close(self.here[i]);
        self.here[i] = self.crowd.open(&self.fleet.applications(i));
        let begun = self.crowd.join(self.here[i], self.group);
        self.crowd.agreed(&self.here, self.group, (self.size, begun));
    }
}

/// A process that is a member.
fn member(socket: &Path, group: GroupName) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([MEMBER, &socket.display().to_string(), &group.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}
