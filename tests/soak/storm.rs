//! Blows, each with its remedy, and the rests between storms of them.
//!
//! ```text
//!   blow        remedy, some time later, or when the storm is over
//!   kills       started again            SIGKILL
//!   ends        started again            SIGTERM: an orderly end
//!   pauses      goes on                  SIGSTOP, SIGCONT
//!   cables      plugged in               that of a host
//!   uplinks     plugged in               that of a building's switch
//!   reloads     none                     other settings, SIGHUP
//!   keys        none                     a new key is learnt, signs, and the old one goes: three rounds of SIGHUP
//!   members     none                     they join, leave and die
//! ```

use super::campus::Campus;
use super::people::Manners;
use super::plan::{self, BUILDINGS, GROUPS, HOSTS, Work};
use super::stage::Stage;
use membership::sim::Rng;
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

/// How long all may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before that a daemon is not to be told anything by a signal: it may not be listening yet.
const GROWN_UP: Duration = Duration::from_secs(2);
/// Members there should be, and of a group in a building at least.
const MEMBERS: usize = 40;
const BESIDE: usize = 2;
/// Blows of which something is left, at most.
const AT_ONCE: usize = 3;
/// Between two looks at members and daemons.
const PAUSE: Duration = Duration::from_millis(20);
/// A member that was out joins again, whatever the reason.
const MANNERS: Manners = Manners { options: &["--rejoin-always"], refused: true };

/// What can befall them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Blow {
    Kills,
    Ends,
    Pauses,
    Cables,
    Uplinks,
    Reloads,
    Keys,
    Members,
}

impl Blow {
    const ALL: [Blow; 8] = [
        Blow::Kills,
        Blow::Ends,
        Blow::Pauses,
        Blow::Cables,
        Blow::Uplinks,
        Blow::Reloads,
        Blow::Keys,
        Blow::Members,
    ];

    fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// What is to be played.
pub struct Orders {
    /// For how long.
    pub length: Duration,
    blows: Vec<Blow>,
    /// Mservers at the top are hit as well.
    parents: bool,
    /// A blow falls while something is left of another.
    overlaps: bool,
}

impl Orders {
    /// Reads minutes, and the words of what is left out.
    ///
    /// # Errors
    /// What is no number and no word.
    pub fn read(minutes: &str, without: &str) -> Result<Orders, String> {
        let number: f64 = minutes.parse().map_err(|_| format!("{minutes}: must be minutes"))?;
        let length = Duration::try_from_secs_f64(number * 60.0)
            .map_err(|_| format!("{minutes}: must be minutes"))?;
        let words: Vec<&str> = without.split([',', ' ']).filter(|word| !word.is_empty()).collect();
        let known = |word: &str| {
            ["parents", "overlaps"].contains(&word) || Blow::ALL.iter().any(|b| b.word() == word)
        };
        if let Some(word) = words.iter().find(|word| !known(word)) {
            let all: Vec<String> = Blow::ALL.iter().map(|blow| blow.word()).collect();
            return Err(format!("{word}: must be of parents overlaps {}", all.join(" ")));
        }
        let with = |word: &str| !words.contains(&word);
        let blows: Vec<Blow> = Blow::ALL.into_iter().filter(|blow| with(&blow.word())).collect();
        if blows.is_empty() {
            return Err("nothing is left to be played".to_string());
        }
        Ok(Orders { length, blows, parents: with("parents"), overlaps: with("overlaps") })
    }

    /// Messages are signed, if only that there are keys to be changed.
    fn is_signed(&self) -> bool {
        self.blows.contains(&Blow::Keys)
    }

    /// Lines of the configuration that stay.
    fn settings(&self) -> &'static str {
        if self.is_signed() { "key keys\n" } else { "" }
    }
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.blows.iter().map(|blow| blow.word()).collect();
        write!(f, "{} s of {}", self.length.as_secs(), words.join(" "))?;
        let parents = if self.parents { "parents too" } else { "parents spared" };
        let overlaps = if self.overlaps { "at once" } else { "one after another" };
        write!(f, ", {parents}, {overlaps}")
    }
}

/// What is left of a blow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Harm {
    Down(usize),
    Paused(usize),
    Unplugged(usize),
    CutOff(usize),
}

/// The hierarchy, and what befell it.
pub struct Soak {
    /// Daemons and members.
    pub stage: Stage,
    orders: Orders,
    rng: Rng,
    began: Instant,
    harms: Vec<(Instant, Harm)>,
    /// When each daemon was started.
    started: Vec<Instant>,
    /// Rounds of changes of keys, three to a change.
    rounds: u32,
    round_at: Instant,
    tally: BTreeMap<Blow, u32>,
    rests: Vec<Duration>,
    /// Memory of the largest daemon after the boot, KiB.
    resident: u64,
}

impl Soak {
    /// Boots all daemons and lets the first members join.
    pub fn boot(orders: Orders, rng: Rng) -> Soak {
        let campus = Campus::in_namespaces();
        if orders.is_signed() {
            write_keys(&campus, 0);
        }
        campus.configure(orders.settings());
        let stage = Stage::boot_with(campus, MANNERS);
        let now = Instant::now();
        let mut soak = Soak {
            stage,
            orders,
            rng,
            began: now,
            harms: Vec::new(),
            started: vec![now; HOSTS.len()],
            rounds: 0,
            round_at: now,
            tally: BTreeMap::new(),
            rests: Vec::new(),
            resident: 0,
        };
        soak.resident = soak.largest();
        soak
    }

    /// Time since the boot.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Blows for a while.
    ///
    /// # Errors
    /// A rule is broken, or somebody ended by himself.
    pub fn storm(&mut self) -> Result<(), String> {
        let (length, blows) = match self.orders.overlaps {
            true => (self.rng.between(8_000, 20_000), usize::MAX),
            false => (self.rng.between(2_000, 8_000), 1),
        };
        let end = Instant::now() + Duration::from_millis(length.into());
        let mut left = blows;
        while Instant::now() < end {
            if left > 0 && self.harms.len() < AT_ONCE {
                left -= usize::from(self.blow(end));
            }
            if self.orders.blows.contains(&Blow::Members) && self.rng.chance(500) {
                self.members();
            }
            let gap = self.rng.between(50, 1_500);
            self.pass(Duration::from_millis(gap.into()))?;
        }
        Ok(())
    }

    /// All is remedied, and comes to rest.
    ///
    /// # Errors
    /// It does not, a rule is broken, or somebody ended by himself.
    pub fn rest(&mut self) -> Result<(), String> {
        std::mem::take(&mut self.harms).into_iter().for_each(|(_, harm)| self.remedy(harm));
        let began = Instant::now();
        self.stage.within(PATIENCE, "all comes to rest", |stage| {
            stage.campus.stands()?;
            stage.people.settled(|host| stage.campus.runs(host))?;
            stage.campus.rests()?;
            stage.one_core()
        })?;
        let took = began.elapsed();
        self.rests.push(took);
        self.stage.say(&format!("all is at rest after {:.1} s", took.as_secs_f64()));
        Ok(())
    }

    /// What was done, and what came of it.
    pub fn report(&self) -> String {
        let blows: Vec<String> =
            self.tally.iter().map(|(blow, count)| format!("{count} {}", blow.word())).collect();
        let longest = self.rests.iter().max().copied().unwrap_or_default();
        let people = &self.stage.people;
        format!(
            "soak: {} s: {}\n\
             soak: {} rests, the longest after {:.1} s\n\
             soak: {} views of {} processes, for {:?}, keep every rule\n\
             soak: the largest daemon has {} KiB, after the boot {} KiB",
            self.age().as_secs(),
            blows.join(", "),
            self.rests.len(),
            longest.as_secs_f64(),
            people.views(),
            people.all().len(),
            people.reasons(),
            self.largest(),
            self.resident,
        )
    }

    /// Time passes: members are listened to, and what is due is remedied.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.stage.people.listen()?;
            self.stage.campus.ended()?;
            let now = Instant::now();
            let is_due = |(at, _): &&(Instant, Harm)| *at <= now;
            let due: Vec<Harm> = self.harms.iter().filter(is_due).map(|(_, harm)| *harm).collect();
            self.harms.retain(|(at, _)| *at > now);
            due.into_iter().for_each(|harm| self.remedy(harm));
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// One blow, if there is anything that it can befall.
    fn blow(&mut self, end: Instant) -> bool {
        let blow = self.rng.pick(&self.orders.blows).expect("there are some");
        let harm = match blow {
            Blow::Kills | Blow::Ends | Blow::Pauses | Blow::Cables => self.host_harm(blow),
            Blow::Uplinks => {
                let building = self.rng.below(BUILDINGS.len());
                Some(Harm::CutOff(building)).filter(|harm| self.harms.iter().all(|h| h.1 != *harm))
            }
            Blow::Reloads => return self.reload(),
            Blow::Keys => return self.turn_keys(),
            Blow::Members => {
                self.members();
                return true;
            }
        };
        let Some(harm) = harm else { return false };
        self.strike(blow, harm);
        // Some are over before anybody notices.
        let longest = if self.rng.chance(300) { 400 } else { 6_000 };
        let lasts = Duration::from_millis(self.rng.between(20, longest).into());
        let until = if self.orders.overlaps { Instant::now() + lasts } else { end };
        self.harms.push((until, harm));
        true
    }

    /// What a blow would do to a host that nothing else befell.
    fn host_harm(&mut self, blow: Blow) -> Option<Harm> {
        let hit = |host: usize| {
            let of = |harm: &Harm| match harm {
                Harm::Down(other) | Harm::Paused(other) | Harm::Unplugged(other) => *other == host,
                Harm::CutOff(_) => false,
            };
            self.harms.iter().any(|(_, harm)| of(harm))
        };
        let spared =
            |host: usize| matches!(HOSTS[host].work, Work::Parent(_)) && !self.orders.parents;
        let whole = |host: &usize| !hit(*host) && !spared(*host) && self.stage.campus.runs(*host);
        let hosts: Vec<usize> = (0..HOSTS.len()).filter(whole).collect();
        let host = self.rng.pick(&hosts)?;
        Some(match blow {
            Blow::Pauses => Harm::Paused(host),
            Blow::Cables => Harm::Unplugged(host),
            _ => Harm::Down(host),
        })
    }

    fn strike(&mut self, blow: Blow, harm: Harm) {
        let campus = &mut self.stage.campus;
        let said = match harm {
            Harm::Down(host) if blow == Blow::Ends => {
                campus.end(host);
                format!("{} is told to end", HOSTS[host].name)
            }
            Harm::Down(host) => {
                campus.crash(host);
                format!("{} is killed", HOSTS[host].name)
            }
            Harm::Paused(host) => {
                campus.signal(host, Signal::SIGSTOP);
                format!("{} is paused", HOSTS[host].name)
            }
            Harm::Unplugged(host) => {
                campus.cable(host, false);
                format!("{} is unplugged", HOSTS[host].name)
            }
            Harm::CutOff(building) => {
                campus.uplink(building, false);
                format!("{} is cut off", BUILDINGS[building].0)
            }
        };
        *self.tally.entry(blow).or_default() += 1;
        self.stage.say(&said);
    }

    fn remedy(&mut self, harm: Harm) {
        let campus = &mut self.stage.campus;
        let said = match harm {
            Harm::Down(host) => {
                campus.start(host);
                self.started[host] = Instant::now();
                format!("{} is started again", HOSTS[host].name)
            }
            Harm::Paused(host) => {
                campus.signal(host, Signal::SIGCONT);
                format!("{} goes on", HOSTS[host].name)
            }
            Harm::Unplugged(host) => {
                campus.cable(host, true);
                format!("{} is plugged in", HOSTS[host].name)
            }
            Harm::CutOff(building) => {
                campus.uplink(building, true);
                format!("{} is back", BUILDINGS[building].0)
            }
        };
        self.stage.say(&said);
    }

    /// Whether every daemon that runs would hear a signal now.
    fn all_hear(&self) -> bool {
        let paused = self.harms.iter().any(|(_, harm)| matches!(harm, Harm::Paused(_)));
        !paused && self.started.iter().all(|at| at.elapsed() > GROWN_UP)
    }

    fn tell_all(&mut self, blow: Blow, what: &str) {
        let campus = &self.stage.campus;
        let running = (0..HOSTS.len()).filter(|host| campus.runs(*host));
        running.for_each(|host| campus.signal(host, Signal::SIGHUP));
        *self.tally.entry(blow).or_default() += 1;
        self.stage.say(what);
    }

    fn reload(&mut self) -> bool {
        if !self.all_hear() {
            return false;
        }
        let (retries, confirm) = (self.rng.between(20, 26), self.rng.between(0, 1));
        let settings = format!("retries {retries}\nconfirm {confirm}\n");
        self.stage.campus.configure(&format!("{}{settings}", self.orders.settings()));
        self.tell_all(Blow::Reloads, &format!("retries {retries}, confirm {confirm}"));
        true
    }

    /// The next round of a change of keys, not before the last one is over.
    fn turn_keys(&mut self) -> bool {
        if !self.all_hear() || self.round_at.elapsed() < GROWN_UP {
            return false;
        }
        self.rounds += 1;
        self.round_at = Instant::now();
        let said = write_keys(&self.stage.campus, self.rounds);
        self.tell_all(Blow::Keys, &said);
        true
    }

    /// Somebody joins, leaves or dies.
    fn members(&mut self) {
        let staying = self.stage.people.staying();
        let many = staying.len() > MEMBERS;
        let victim = self.rng.pick(&staying).filter(|_| many || self.rng.chance(500));
        let said = match victim {
            None => self.join(),
            Some(number) if self.beside(number) <= BESIDE => return,
            Some(number) if self.rng.chance(500) => {
                self.stage.people.leave(number);
                format!("{number} leaves")
            }
            Some(number) => {
                self.stage.people.kill(number);
                format!("{number} is killed")
            }
        };
        *self.tally.entry(Blow::Members).or_default() += 1;
        self.stage.say(&said);
    }

    /// Where its group began; not on a host without a member interface.
    fn join(&mut self) -> String {
        let (group, hosts) = self.rng.pick(GROUPS).expect("there are groups");
        let runs = |host: &usize| self.stage.campus.runs(*host);
        let hosts: Vec<usize> = hosts.iter().map(|host| plan::at(host)).filter(runs).collect();
        let Some(host) = self.rng.pick(&hosts) else { return "nobody can join".to_string() };
        self.stage.people.join(&self.stage.campus, group, host);
        format!("{} joins {group}", HOSTS[host].name)
    }

    /// Members of somebody's group in his building, with him.
    fn beside(&self, number: usize) -> usize {
        let all = self.stage.people.all();
        let place = |at: usize| (all[at].group, HOSTS[all[at].host].building());
        let staying = self.stage.people.staying().into_iter();
        staying.filter(|other| place(*other) == place(number)).count()
    }

    /// Resident memory of the largest daemon, KiB.
    fn largest(&self) -> u64 {
        let resident = |host: usize| {
            let path = format!("/proc/{}/status", self.stage.campus.pid(host));
            let text = fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        (0..HOSTS.len()).map(resident).max().unwrap_or(0)
    }
}

/// Writes the keys of a round: after three of them there is another key. What they are, in words.
fn write_keys(campus: &Campus, round: u32) -> String {
    let key = |number: u32| format!("{number} {:032x}\n", u128::from(number) << 64 | 0x5ec2e7);
    let (old, new) = (round / 3 + 1, round / 3 + 2);
    let (text, said) = match round % 3 {
        0 => (key(old), format!("key {old} is the only one")),
        1 => (key(old) + &key(new), format!("key {new} is learnt")),
        _ => (key(new) + &key(old), format!("key {new} signs")),
    };
    let (path, new) = (campus.dir().join("keys"), campus.dir().join("keys.new"));
    fs::write(&new, text).expect("a file");
    fs::set_permissions(&new, Permissions::from_mode(0o600)).expect("a mode");
    fs::rename(new, path).expect("a file");
    said
}
