//! Daemons, members and the voice together; waiting for what must come true.
//!
//! ```text
//!   until(what, by when, looks) ── what members are told, who died, SIGINT ──> it came true
//!                                                                        └──> Failed: "within 10 s: WHAT: WHY NOT"
//! ```

use super::Trouble;
use super::campus::Campus;
use super::figure::{BUILDINGS, HOSTS, TOP, Work, host, lans};
use super::people::{News, People};
use super::views;
use super::voice::Voice;
use crate::sys::signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Between two looks, if nobody is told anything.
const PAUSE: Duration = Duration::from_millis(40);
/// How long the whole of it may take.
const WHOLE: Duration = Duration::from_secs(60);

/// Where the core of each group is: in one place, unless it is just moving or the network is parted.
pub type Cores = BTreeMap<String, BTreeSet<String>>;

/// The demonstration as it stands.
pub struct Stage {
    /// The daemons.
    pub campus: Campus,
    /// The members.
    pub people: People,
    /// What is said.
    pub voice: Voice,
    end: Instant,
}

impl Stage {
    /// Nothing runs yet.
    pub fn new() -> Result<Stage, Trouble> {
        let (voice, end) = (Voice::new(), Instant::now() + WHOLE);
        Ok(Stage { campus: Campus::new()?, people: People::default(), voice, end })
    }

    /// Waits until `look` finds it true, but not longer than `seconds`, nor than all of it may take; until then it says why
    /// not.
    pub fn until<T>(
        &mut self,
        what: &str,
        seconds: u64,
        mut look: impl FnMut(&Stage) -> Result<T, String>,
    ) -> Result<T, Trouble> {
        let end = self.end.min(Instant::now() + Duration::from_secs(seconds));
        loop {
            self.turn()?;
            match look(self) {
                Ok(found) => return Ok(found),
                Err(why) if Instant::now() >= end => {
                    return Err(Trouble::Failed(format!("not within {seconds} s: {what}: {why}")));
                }
                Err(_) => self.people.wait(PAUSE),
            }
        }
    }

    /// One look at everything that may have happened.
    pub fn turn(&mut self) -> Result<Vec<News>, Trouble> {
        if signal::stops() > 0 {
            return Err(Trouble::Stopped);
        }
        match self.campus.ended() {
            Some(who) => Err(Trouble::Failed(who)),
            None => self.people.listen(),
        }
    }

    /// Somebody on each of these hosts asks to join.
    pub fn join(&mut self, group: &'static str, hosts: &[&str]) -> Result<(), Trouble> {
        let (run_dir, net) = (self.campus.run_dir(), self.campus.net());
        hosts.iter().try_for_each(|name| self.people.join(group, host(name), (&run_dir, net)))
    }

    /// Waits until all members of a group whose hosts run are in one view.
    pub fn settle(&mut self, group: &str, seconds: u64) -> Result<(), Trouble> {
        self.settle_among(group, |_| true, seconds)
    }

    /// Waits until those of them that are on `hosts` are in one view with each other and with nobody else.
    pub fn settle_among(
        &mut self,
        group: &str,
        hosts: impl Fn(usize) -> bool,
        seconds: u64,
    ) -> Result<(), Trouble> {
        let what = format!("all members of {group} have one view");
        self.until(&what, seconds, |stage| {
            views::settled(&stage.people, group, |host| stage.campus.runs(host) && hosts(host))
        })
    }

    /// Whether every set has one view of all its mservers that run and of its parent, and every member interface has a
    /// mserver; otherwise what is missing.
    pub fn stands(&self) -> Result<(), String> {
        let running = |host: usize| self.campus.runs(host);
        for (at, host) in HOSTS.iter().enumerate().filter(|(at, _)| running(*at)) {
            if let Work::Mi { .. } = host.work {
                let status = self.campus.status(at).unwrap_or(Value::Null);
                if status["registered"] != true {
                    return Err(format!("{} has no mserver", host.name));
                }
            }
        }
        self.set_stands(TOP)?;
        BUILDINGS.iter().try_for_each(|building| self.set_stands(building))
    }

    fn set_stands(&self, set: &str) -> Result<(), String> {
        let is_in = |work: Work| match work {
            Work::Parent { .. } => set == TOP,
            Work::Server { set: its, .. } => its == set,
            Work::Mi { .. } => false,
        };
        let peers: Vec<usize> =
            (0..HOSTS.len()).filter(|&at| self.campus.runs(at) && is_in(HOSTS[at].work)).collect();
        let size = peers.len() + usize::from(set != TOP);
        let mut digest = None;
        for at in peers {
            let name = HOSTS[at].name;
            let status = self.campus.status(at).ok_or(format!("{name} does not answer"))?;
            if status["size"].as_u64() != Some(size as u64) {
                let has = status["size"].as_u64().unwrap_or(0);
                return Err(format!("{name} has {has} of {size} members of {set}"));
            }
            if set != TOP && !self.named(&status["parent"]).is_some_and(|at| self.campus.runs(at)) {
                return Err(format!("{set} has no parent that runs"));
            }
            if *digest.get_or_insert(status["digest"].clone()) != status["digest"] {
                return Err(format!("{set} has two views"));
            }
        }
        Ok(())
    }

    /// The host that is the parent of a building's set.
    pub fn parent_of(&self, building: &str) -> Option<usize> {
        let (at, _) = HOSTS.iter().enumerate().find(|(at, host)| {
            matches!(host.work, Work::Server { set, .. } if set == building)
                && self.campus.runs(*at)
        })?;
        self.named(&self.campus.status(at)?["parent"])
    }

    /// The host of an address that a daemon told.
    pub fn named(&self, address: &Value) -> Option<usize> {
        HOSTS.iter().position(|host| *address == host.at(self.campus.net()).to_string())
    }

    /// The sets and LANs that are the core of each group, as their mservers say.
    pub fn cores(&self) -> Cores {
        let mut cores = Cores::new();
        for (at, host) in HOSTS.iter().enumerate() {
            if matches!(host.work, Work::Mi { .. }) {
                continue;
            }
            let told = self.campus.ask(at, "groups").unwrap_or(Value::Null);
            for group in told["groups"].as_array().into_iter().flatten() {
                let name = group["group"].as_str().unwrap_or_default();
                let roles = group["roles"].as_object().into_iter().flatten();
                for (place, _) in roles.filter(|(_, role)| *role == "core") {
                    cores.entry(name.to_string()).or_default().insert(place.clone());
                }
            }
        }
        cores
    }

    /// Waits until the core of a group is there and nowhere else.
    pub fn core_at(&mut self, group: &str, place: &str, seconds: u64) -> Result<(), Trouble> {
        let what = format!("{place} is the core of {group}");
        self.until(&what, seconds, |stage| {
            let cores = stage.cores().remove(group).unwrap_or_default();
            if cores.len() == 1 && cores.contains(place) {
                return Ok(());
            }
            Err(format!("its core is [{}]", Vec::from_iter(cores).join(" ")))
        })
    }
}

/// The LANs of the campus.
pub fn all_lans() -> usize {
    BUILDINGS.iter().map(|building| lans(building).len()).sum()
}
