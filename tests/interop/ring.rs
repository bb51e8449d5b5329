//! Rings in which originals and ours monitor one another.
//!
//! ```text
//!        QUERY: everyone to its ccw neighbour, the gid below its own
//!
//!        1 <--- 2 <--- 3 <--- 4 <--- 1
//! ```

use crate::cast::Author::{self, Original, Ours};
use crate::cast::{Driver, MULTICAST, ask_ms};
use crate::lab::{Host, Lab, PATIENCE, Process, await_truth};
use membership::wire::Kind;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const HOSTS: &[(&str, u8)] =
    &[("hub", 10), ("h1", 11), ("h2", 12), ("h3", 13), ("h4", 14), ("h5", 15)];
const HUB: &str = "10.94.0.10";
const GROUP: &str = "ring";
const FAILURES: &str = "failures"; // in a process's working directory, the host's own

const TICK: Duration = Duration::from_millis(20);
const QUERY: Duration = Duration::from_millis(200);
const REPLY: Duration = Duration::from_millis(100);
const RETRIES: u32 = 2;
/// A failure is noticed within this: the rest of a query period, then the first QUERY and its retries,
/// one more than configured in an original; and some for a busy machine.
const NOTICED: Duration = Duration::from_millis(200 + 4 * 100 + 6 * 20 + 1500);

/// A ring; the player of gid `n` runs on host `hn`.
struct Ring {
    lab: Lab,
    address: &'static str,
    query: Duration,
    players: Vec<Author>,
    processes: Vec<Process>,
}

impl Ring {
    /// Starts all of them and returns when every QUERY is answered.
    ///
    /// An original takes the first message after its JOIN_GROUP for the answer, so over an mcaster nobody
    /// may query one before it has joined: originals first, and no two of them neighbours.
    fn start(lab: Lab, address: &'static str, players: &[Author]) -> Ring {
        let mut ring =
            Ring { lab, address, query: QUERY, players: players.to_vec(), processes: Vec::new() };
        let mut started: Vec<(usize, Process)> = Vec::new();
        for wanted in [Original, Ours] {
            let gids = (1..=players.len()).filter(|gid| players[gid - 1] == wanted);
            for gid in gids {
                started.push((gid, ring.launch(gid)));
            }
            let ready = if wanted == Original { "joined" } else { "ready" };
            let those = started.iter_mut().filter(|(gid, _)| players[gid - 1] == wanted);
            those.for_each(|(_, process)| drop(process.expect(ready)));
        }
        started.sort_by_key(|(gid, _)| *gid);
        ring.processes = started.into_iter().map(|(_, process)| process).collect();
        ring.await_round();
        ring
    }

    fn host(&self, gid: usize) -> Host {
        self.lab.host(["h1", "h2", "h3", "h4"][gid - 1])
    }

    fn cw(&self, gid: usize) -> usize {
        gid % self.players.len() + 1
    }

    fn ccw(&self, gid: usize) -> usize {
        (gid + self.players.len() - 2) % self.players.len() + 1
    }

    fn process(&mut self, gid: usize) -> &mut Process {
        &mut self.processes[gid - 1]
    }

    fn launch(&self, gid: usize) -> Process {
        let host = self.host(gid);
        let (cw, ccw) = (self.cw(gid), self.ccw(gid));
        let timers = format!(
            "--tick {} --query {} --reply {} --retries {RETRIES} --failures {FAILURES}",
            TICK.as_millis(),
            self.query.as_millis(),
            REPLY.as_millis()
        );
        let place = format!(
            "{GROUP} {} {gid} {cw} {} {ccw} {}",
            self.address,
            self.host(cw).address,
            self.host(ccw).address
        );
        self.players[gid - 1].start_mserver(&host, &format!("{timers} {place}"))
    }

    /// Waits until everyone has, from now on, been queried and been answered.
    fn await_round(&mut self) {
        for gid in 1..=self.players.len() {
            match self.players[gid - 1] {
                Original => {
                    let (cw, ccw) = (self.host(self.cw(gid)), self.host(self.ccw(gid)));
                    let query = format!("QUERY from {}:2900 by 2900", cw.address);
                    let reply = format!("REPLY from {}:2900 by 2900", ccw.address);
                    self.process(gid).skip();
                    self.process(gid).expect_all(&[query, reply]);
                }
                Ours => {
                    let host = self.host(gid);
                    let both = || [counted(&host, "queries-answered"), counted(&host, "replies")];
                    let before = both();
                    await_truth(&format!("{gid} is queried and answered"), || {
                        both().iter().zip(&before).all(|(now, before)| now > before)
                    });
                }
            }
        }
    }

    fn failures_file(&self, gid: usize) -> PathBuf {
        self.host(gid).directory.join(FAILURES)
    }

    /// What the file of `gid` says, as (failed, detected by).
    fn failures(&self, gid: usize) -> Vec<(usize, usize)> {
        let text = std::fs::read_to_string(self.failures_file(gid)).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with("\n\n"), "{text:?}");
        text.split_terminator("\n\n")
            .map(|line| parse_failure(line).unwrap_or_else(|| panic!("not a failure: {line:?}")))
            .collect()
    }

    /// Waits until `gid` has noted one more failure, which must be of its ccw neighbour.
    fn await_failure(&self, gid: usize, before: usize) {
        let what = format!("{gid} notes the failure of {}", self.ccw(gid));
        await_truth(&what, || self.failures(gid).len() > before);
        assert_eq!(self.failures(gid).last(), Some(&(self.ccw(gid), gid)));
    }

    fn noted(&self, gid: usize) -> usize {
        self.failures(gid).len()
    }

    /// Nobody has noted a failure since [`Ring::settle`] returned `since`, and ours think well of their
    /// neighbours.
    fn assert_calm(&self, since: &[usize]) {
        for gid in 1..=self.players.len() {
            assert_eq!(self.noted(gid), since[gid - 1], "failures noted by {gid}");
            if self.players[gid - 1] == Ours {
                let status = status(&self.host(gid));
                assert_eq!(status["phase"], "joined", "{status}");
                assert_eq!(status["ccw"]["failed"], false, "{status}");
            }
        }
    }

    /// How many failures each has noted, once all are up: before that, some may have.
    fn settle(&mut self) -> Vec<usize> {
        self.await_round();
        (1..=self.players.len()).map(|gid| self.noted(gid)).collect()
    }

    /// An original that crashed is still a member for the mcaster, which would refuse it: it is made to
    /// leave, then started. If a QUERY comes before the mcaster's answer it gives up, and tries again.
    fn revive(&mut self, gid: usize) {
        for _ in 0..8 {
            let mut driver = Driver::start(&self.host(gid), self.address);
            driver.say(&format!("send {} {GROUP}", Kind::LeaveGroup.code()));
            driver.expect(Kind::LeaveAck, GROUP);
            driver.end();
            *self.process(gid) = self.launch(gid);
            if self.process(gid).expect_or_exit("joined") {
                return;
            }
        }
        panic!("{gid} was queried before it had joined, eight times");
    }
}

/// Reads `Member 3 is detected failed by 4 at 784111777 sec.`; the time must be about now.
fn parse_failure(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_prefix("Member ")?;
    let (failed, rest) = rest.split_once(" is detected failed by ")?;
    let (by, rest) = rest.split_once(" at ")?;
    let time: u64 = rest.strip_suffix(" sec.")?.parse().ok()?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().ok()?.as_secs();
    assert!(now.abs_diff(time) < 60, "{line}: now is {now}");
    Some((failed.parse().ok()?, by.parse().ok()?))
}

/// What `ms status` says of the one daemon on a host.
fn status(host: &Host) -> Value {
    let text = ask_ms(host, &["status", "--json"]);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}: {text}", host.name))
}

/// How often that daemon has counted `what`.
fn counted(host: &Host, what: &str) -> u64 {
    status(host)["counters"][what].as_u64().unwrap_or(0)
}

/// Three originals over our mcaster. Each has its cw neighbour running when it joins, so all start at
/// once and the first QUERY comes late.
pub fn of_originals() {
    let lab = Lab::new(HOSTS);
    let _mcaster = Ours.start_mcaster(&lab.host("hub"));
    let query = Duration::from_millis(1500);
    let players = vec![Original; 3];
    let mut ring = Ring { lab, address: HUB, query, players, processes: Vec::new() };
    ring.processes = (1..=3).map(|gid| ring.launch(gid)).collect();
    ring.processes.iter_mut().for_each(|process| {
        process.expect("joined");
    });
    ring.await_round();
    ring.assert_calm(&[0, 0, 0]);
}

/// Everyone joins and is monitored; a crash of either kind is noted by the other; an original that comes
/// back is noticed.
pub fn crash_and_recover(mcaster: Author) {
    let lab = Lab::new(HOSTS);
    let _mcaster = mcaster.start_mcaster(&lab.host("hub"));
    let mut ring = Ring::start(lab, HUB, &[Original, Ours, Original, Ours]);
    let before = ring.settle();

    ring.process(3).kill();
    ring.await_failure(4, before[3]);
    ring.process(4).skip();
    ring.revive(3);
    ring.process(4).expect("member 3 at 10.94.0.13:2900 replies again");
    let before = ring.settle();
    ring.await_round();
    ring.assert_calm(&before);

    // Ours comes back without more ado: that it still is a member suits it.
    ring.process(2).kill();
    ring.await_failure(3, before[2]);
    *ring.process(2) = ring.launch(2);
    ring.process(2).expect("ready");
    let before = ring.settle();
    ring.await_round();
    ring.assert_calm(&before);
}

/// How many QUERYs go to a neighbour that is not there until its failure is noted.
pub fn queries_before_failure(author: Author, options: &str) -> usize {
    let lab = Lab::new(HOSTS);
    let host = lab.host("h1");
    let mut capture = host.capture();
    let place = format!("{GROUP} {MULTICAST} 1 2 10.94.0.12 3 10.94.0.13");
    let timers = format!("--tick 20 --query 1000 --reply 60 --failures {FAILURES}");
    let _mserver = author.start_mserver(&host, &format!("{options} {timers} {place}"));
    let noted = || std::fs::read_to_string(host.directory.join(FAILURES)).unwrap_or_default();
    await_truth("a failure is noted", || noted().ends_with("\n\n"));
    assert_eq!(parse_failure(noted().trim_end()), Some((3, 1)));
    let seen = capture.take();
    seen.iter().filter(|it| it.target.to_string() == "10.94.0.13:2900").count()
}

/// Ours is there before the mcaster: its first JOIN_GROUP is lost, a later one is not.
pub fn join_late() {
    let lab = Lab::new(HOSTS);
    let mut capture = lab.host("h2").capture();
    let line = format!("--reply 1000 --retries 10 {GROUP} {HUB} 2 3 10.94.0.13 1 10.94.0.11");
    let mut ours = Ours.start_mserver(&lab.host("h2"), &line);
    await_truth("a JOIN_GROUP is sent", || !capture.take().is_empty());
    let mut mcaster = Original.start_mcaster(&lab.host("hub"));
    mcaster.expect("JOIN_GROUP ring from 10.94.0.12:2900 answered JOIN_ACK");
    ours.expect("ready");
}

/// A driver that is no member multicasts; every original prints it, ours counts it, and monitoring goes on.
pub fn application_over_ip_multicast() {
    let lab = Lab::new(HOSTS);
    let mut ring = Ring::start(lab, MULTICAST, &[Original, Original, Ours, Ours]);
    tell_everyone(&mut ring, "by 2900");
}

/// The same through an mcaster.
pub fn application_over_mcaster() {
    let lab = Lab::new(HOSTS);
    let _mcaster = Ours.start_mcaster(&lab.host("hub"));
    let mut ring = Ring::start(lab, HUB, &[Original, Ours, Original, Ours]);
    tell_everyone(&mut ring, "by 3000");
}

fn tell_everyone(ring: &mut Ring, way: &str) {
    let before = ring.settle();
    let mut driver = Driver::start(&ring.lab.host("h5"), ring.address);
    let submit = Kind::Submit.code();
    driver.say(&format!("send {submit} {GROUP} sender=9 exclude=3,5 subjects=7,8 data=hello"));
    // The gids go out last first, and are stored last first again.
    let heard =
        format!("{submit} from 10.94.0.15:2900 {way} exclude=3,5 subjects=7,8 data=68656c6c6f");
    for gid in 1..=ring.players.len() {
        match ring.players[gid - 1] {
            Original => drop(ring.process(gid).expect(&heard)),
            Ours => {
                let what = format!("{gid} counts the message");
                await_truth(&what, || counted(&ring.host(gid), "other-messages") == 1);
                ring.process(gid).signal(Signal::SIGUSR1);
                ring.process(gid).expect("\"other-messages\":1");
            }
        }
    }
    ring.await_round();
    ring.assert_calm(&before);
}

/// SIGTERM: exit status 0, and the mcaster knows the member no more.
pub fn orderly_leave(mcaster: Author) {
    let lab = Lab::new(HOSTS);
    let _mcaster = mcaster.start_mcaster(&lab.host("hub"));
    let mut ring = Ring::start(lab, HUB, &[Original, Ours, Original, Ours]);
    ring.process(2).signal(Signal::SIGTERM);
    assert_eq!(ring.process(2).expect_exit().code(), Some(0));
    let mut driver = Driver::start(&ring.host(2), HUB);
    driver.say(&format!("send {} {GROUP}", Kind::LeaveGroup.code()));
    driver.expect(Kind::NoMember, GROUP);
}

/// Without its cable, ours is failed for its monitor and its neighbour is failed for it, in time; with
/// the cable back both find the other again.
pub fn cut_cable() {
    let lab = Lab::new(HOSTS);
    let mut ring = Ring::start(lab, MULTICAST, &[Original, Original, Ours, Original]);
    let before = ring.settle();
    let cut = Instant::now();
    ring.host(3).unplug();
    ring.await_failure(4, before[3]);
    ring.await_failure(3, before[2]);
    let took = cut.elapsed();
    assert!(took < NOTICED, "noticed after {took:?}, must be within {NOTICED:?}");
    assert!(took < PATIENCE);
    ring.process(3).skip();
    ring.host(3).plug();
    ring.process(3).expect("member 2 at 10.94.0.12:2900 replies again");
    let before = ring.settle();
    ring.await_round();
    ring.assert_calm(&before);
}
