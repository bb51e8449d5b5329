//! What a core-set costs: messages by the daemons' own counters, datagrams, processor time and memory.

use super::fleet::{Fleet, Members};
use serde_json::Value;
use std::fs;
use std::ops::{Add, Sub};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Messages that are none of a change's: they pass in quiet times too.
const MONITORING: [&str; 4] = ["query", "reply", "probe", "probe-reply"];

/// Messages of changes, to one receiver each and to all.
#[derive(Clone, Copy, Default)]
pub struct Sent {
    /// To one.
    pub to_one: u64,
    /// By multicast.
    pub to_all: u64,
}

impl Add for Sent {
    type Output = Sent;

    fn add(self, other: Sent) -> Sent {
        Sent { to_one: self.to_one + other.to_one, to_all: self.to_all + other.to_all }
    }
}

impl Sub for Sent {
    type Output = Sent;

    fn sub(self, other: Sent) -> Sent {
        Sent { to_one: self.to_one - other.to_one, to_all: self.to_all - other.to_all }
    }
}

/// What those daemons have sent for changes since they run.
pub fn sent(fleet: &Fleet, who: &Members) -> Sent {
    // The last answers of a change may still be under way.
    sleep(Duration::from_millis(20));
    who.iter().map(|&i| of(&fleet.status(i)["sent"])).fold(Sent::default(), Sent::add)
}

fn of(sent: &Value) -> Sent {
    let sum = |way: &str| {
        let counters = sent[way].as_object().unwrap().iter();
        let of_changes = counters.filter(|(kind, _)| !MONITORING.contains(&kind.as_str()));
        of_changes.map(|(_, n)| n.as_u64().unwrap()).sum()
    };
    Sent { to_one: sum("to_one"), to_all: sum("to_all") }
}

/// Medians: messages sent, of which so many multicasts.
pub fn median(all: &[Sent]) -> String {
    let middle = |value: fn(&Sent) -> u64| {
        let mut values: Vec<u64> = all.iter().map(value).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    format!("{} + {}", middle(|s| s.to_one), middle(|s| s.to_all))
}

/// What a daemon costs that has nothing to do.
pub struct Idle {
    /// Datagrams that it receives a second.
    pub packets: f64,
    /// Its share of a core, in per cent.
    pub cpu: f64,
    /// Resident memory in KiB.
    pub rss: u64,
}

/// The mean over all daemons of a fleet.
pub fn idle(fleet: &Fleet, seconds: u64) -> Idle {
    let all = fleet.all();
    let received = || -> u64 {
        all.iter().map(|&i| fleet.status(i)["io"]["received"].as_u64().unwrap()).sum()
    };
    let spent = || -> f64 { all.iter().map(|&i| spent(fleet.pid(i))).sum() };
    let (before, spent_before, begun) = (received(), spent(), Instant::now());
    sleep(Duration::from_secs(seconds));
    let share = 1.0 / (begun.elapsed().as_secs_f64() * all.len() as f64);
    let spent_after = spent();
    Idle {
        packets: (received() - before) as f64 * share,
        cpu: (spent_after - spent_before) * share * 100.0,
        rss: all.iter().map(|&i| resident(fleet.pid(i))).sum::<u64>() / all.len() as u64,
    }
}

/// Seconds of processor time, by the scheduler's own clock: ticks are too coarse for what idles.
pub fn spent(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1e-9
}

pub fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
