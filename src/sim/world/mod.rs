//! Hosts, a network between them, and time: all of it inside one value.
//!
//! ```text
//! tick:  1. every message that is due is read, in the order of (due, sent)
//!        2. every process that runs hears of the tick, host by host
//! ```
//!
//! Host n is 10.0.0.n:2900. A process that is stopped reads nothing; when it continues it gets all
//! that came meanwhile, and then one tick for the whole time, as a daemon does that drains its
//! socket before it looks at the clock.

mod step;

use super::event::{Event, Fate, What};
use super::invariants::{Resting, Violation, Watch, settled};
use super::kind::Kind;
use super::links::{Catch, Filter, HostId, Links};
use super::rng::Rng;
use super::tally::Tally;
use super::transcript::transcript;
use crate::name::Incarnation;
use crate::proto::coreset::{Config, CoreSet, Founding, SetInput, SetParams};
use crate::wire::coreset::{CoreMessage, Request, SetName};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

/// Messages read in one tick, or under way, beyond which messages only beget messages: a storm. In large sets, where
/// everybody may speak to everybody a few times, as many for each pair.
const STORM: usize = 20_000;
const STORM_PAIR: usize = 12;
/// Address of a host.
pub fn address(host: HostId) -> SocketAddrV4 {
    let last = u8::try_from(host).expect("no more hosts than addresses");
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, last), 2900)
}

/// A copy of a message under way.
#[derive(Clone, Debug)]
struct Letter {
    id: u64,
    to: HostId,
    /// It went to the group.
    group: bool,
    message: Rc<CoreMessage>,
}

/// A host, and the process that runs on it.
#[derive(Clone, Debug)]
struct Host {
    config: Config,
    /// The highest incarnation that a process here has used.
    inc: Incarnation,
    process: Option<CoreSet>,
    stopped: bool,
    /// What a stopped process has not read, and how long it was not run.
    unread: Vec<Letter>,
    unrun: u32,
    /// Ticks that are skipped or doubled, of a thousand.
    drift: u32,
    /// Operations handed to the present life.
    submitted: u64,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct World {
    now: u64,
    messages: u64,
    posted: u64,
    under_way: BTreeMap<(u64, u64), Letter>,
    /// The network.
    pub links: Links,
    hosts: Vec<Host>,
    /// The lowest number in use: the thesis counts its mservers from 1.
    first: HostId,
    watch: Watch,
    tally: Tally,
    log: Option<Vec<Event>>,
    past: Vec<Rc<CoreMessage>>,
    rng: Rng,
}

impl World {
    /// `n` hosts on which nothing runs yet; `template` says what the processes will have in common.
    pub fn new(seed: u64, n: usize, template: &Config) -> World {
        let mut rng = Rng::new(seed);
        let hosts = (0..n).map(|host| Host {
            config: Config { own: address(host), ..template.clone() },
            inc: Incarnation(0),
            process: None,
            stopped: false,
            unread: Vec::new(),
            unrun: 0,
            drift: 0,
            submitted: 0,
        });
        World {
            now: 0,
            messages: 0,
            posted: 0,
            under_way: BTreeMap::new(),
            links: Links::new(rng.fork()),
            hosts: hosts.collect(),
            first: 0,
            watch: Watch::new(step::patience(&template.params), template.params.reply),
            tally: Tally::default(),
            log: None,
            past: Vec::new(),
            rng,
        }
    }

    /// A template for [`World::new`]: a LAN set `s` with these timings.
    pub fn template(params: SetParams) -> Config {
        let name = SetName { base: "s".parse().expect("a name"), suffix: None };
        Config { name, level: 1, own: address(0), founding: Founding::IfNone, params }
    }

    /// A set of `n` members, ranks as numbers, at rest in the view numbered `n`; nothing logged so far.
    pub fn formed(seed: u64, n: usize, params: SetParams) -> World {
        let order: Vec<HostId> = (0..n).collect();
        World::ranked(seed, &order, 0, params)
    }

    /// A set of those hosts in the order of their ranks, at rest in a view with their count as its number; nothing
    /// logged so far. `more` hosts besides, of the next numbers, run nothing yet. Hosts are counted from the
    /// lowest of `order`.
    pub fn ranked(seed: u64, order: &[HostId], more: usize, params: SetParams) -> World {
        let hosts = order.iter().max().map_or(0, |last| last + 1) + more;
        let mut world = World::new(seed, hosts, &World::template(params));
        world.first = order.iter().min().copied().unwrap_or(0);
        for (rank, &host) in order.iter().enumerate() {
            let founding = if rank == 0 { Founding::AtOnce } else { Founding::IfNone };
            world.start(host, founding);
            let formed = world.run_until(1000, |world| world.rests(&order[..=rank]));
            assert!(formed, "host {host} does not get in: {:?}", world.violation());
        }
        world.tally = Tally::default();
        world
    }

    /// Keeps a log of all events from here on.
    pub fn record(&mut self) {
        self.log = Some(Vec::new());
    }

    /// The events since [`World::record`].
    pub fn events(&self) -> &[Event] {
        self.log.as_deref().unwrap_or(&[])
    }

    /// The present tick.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.watch.violation()
    }

    /// Every event since [`World::record`], in lines.
    pub fn transcript(&self) -> String {
        transcript(self.events())
    }

    /// For a story: no rule may be broken by now.
    ///
    /// # Panics
    /// If one was, with the rule and all that happened since [`World::record`].
    pub fn must_be_sound(&self) {
        if let Some(violation) = self.violation() {
            panic!("{violation}\n{}", self.transcript());
        }
    }

    /// What was counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What is known of everybody from outside.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// How many hosts there are.
    pub fn size(&self) -> usize {
        self.hosts.len()
    }

    /// The process on a host.
    pub fn process(&self, host: HostId) -> Option<&CoreSet> {
        self.hosts[host].process.as_ref()
    }

    /// The members of the view that a host is in, by rank; none if it is in none.
    pub fn members(&self, host: HostId) -> Vec<HostId> {
        let view = self.process(host).and_then(CoreSet::view);
        view.into_iter().flat_map(|v| v.addresses().map(super::transcript::host)).collect()
    }

    /// Hosts with a process, stopped or not.
    pub fn up(&self) -> Vec<HostId> {
        (0..self.hosts.len()).filter(|host| self.hosts[*host].process.is_some()).collect()
    }

    /// Whether the process on a host is stopped.
    pub fn is_stopped(&self, host: HostId) -> bool {
        self.hosts[host].stopped
    }

    /// Puts a remark into the log.
    pub fn say(&mut self, text: impl Into<String>) {
        self.event(What::Story(text.into()));
    }

    /// Starts a process where none runs, in a life above all before.
    pub fn start(&mut self, host: HostId, founding: Founding) {
        let at = &mut self.hosts[host];
        assert!(at.process.is_none(), "host {host} runs a process already");
        if at.inc > Incarnation(0) {
            self.tally.count("restarts");
        }
        at.inc = Incarnation(at.inc.0 + 1);
        at.config.founding = founding;
        at.submitted = 0;
        let mut out = Vec::new();
        let inc = at.inc;
        at.process = Some(CoreSet::new(at.config.clone(), inc, &mut out));
        self.watch.began(address(host));
        self.event(What::Process { host, fate: Fate::Starts(inc) });
        self.perform(host, out, 0, "out");
    }

    /// The process on a host is gone without a word.
    pub fn crash(&mut self, host: HostId) {
        let at = &mut self.hosts[host];
        if at.process.take().is_some() {
            at.stopped = false;
            at.unread.clear();
            self.tally.count("crashes");
            self.event(What::Process { host, fate: Fate::Crashes });
        }
    }

    /// The process on a host is not run any more.
    pub fn stop(&mut self, host: HostId) {
        if self.hosts[host].process.is_some() && !self.hosts[host].stopped {
            self.hosts[host].stopped = true;
            self.hosts[host].unrun = 0;
            self.tally.count("stops");
            self.event(What::Process { host, fate: Fate::Stops });
        }
    }

    /// A stopped process reads all that came meanwhile, then hears how long it was away.
    pub fn resume(&mut self, host: HostId) {
        let at = &mut self.hosts[host];
        if !at.stopped {
            return;
        }
        at.stopped = false;
        let unread = std::mem::take(&mut at.unread);
        let elapsed = at.unrun;
        self.event(What::Process { host, fate: Fate::Continues });
        for letter in unread {
            self.read(letter);
        }
        if elapsed > 0 {
            self.step(host, SetInput::Tick { elapsed });
        }
    }

    /// So many of a thousand ticks of a host are skipped, and as many doubled.
    pub fn drift(&mut self, host: HostId, permille: u32) {
        self.hosts[host].drift = permille;
    }

    /// The process on a host wants an operation agreed on.
    pub fn submit(&mut self, host: HostId, bytes: &[u8]) {
        if self.runs(host) {
            self.hosts[host].submitted += 1;
            self.step(host, SetInput::Submit(bytes.to_vec()));
        }
    }

    /// The process on a host wants to leave.
    pub fn leave(&mut self, host: HostId) {
        if self.runs(host) {
            self.say(format!("{host} shall leave"));
            self.step(host, SetInput::Leave);
        }
    }

    /// An operator asks something of the process on a host.
    pub fn request(&mut self, host: HostId, request: Request) {
        if self.runs(host) {
            self.step(host, SetInput::Request(request));
        }
    }

    /// Nothing gets from any of `these` to any of `those` any more, nor back.
    pub fn cut(&mut self, these: &[HostId], those: &[HostId]) {
        self.say(format!("cut {these:?} | {those:?}"));
        for &a in these {
            for &b in those {
                self.links.cut(a, b);
                self.links.cut(b, a);
            }
        }
    }

    /// Nothing gets from any of `these` to any of `those` any more; back it does.
    pub fn cut_one_way(&mut self, these: &[HostId], those: &[HostId]) {
        self.say(format!("cut {these:?} -> {those:?}"));
        for &a in these {
            for &b in those {
                self.links.cut(a, b);
            }
        }
    }

    /// Everybody hears everybody again.
    pub fn heal(&mut self) {
        self.say("heal");
        self.links.heal();
    }

    /// The next `left` messages of a kind from one host to another are lost.
    pub fn lose(&mut self, kind: Kind, from: HostId, to: HostId, left: u32) {
        self.say(format!("lose {left} {kind} {from} -> {to}"));
        self.catch(kind, from, to, left, Catch::Lose);
    }

    /// The next `left` messages of a kind from one host to each of these are lost.
    pub fn lose_to(&mut self, kind: Kind, from: HostId, to: &[HostId], left: u32) {
        let names: Vec<String> = to.iter().map(ToString::to_string).collect();
        self.say(format!("lose {left} {kind} {from} -> {}", names.join(" ")));
        for &to in to {
            self.catch(kind, from, to, left, Catch::Lose);
        }
    }

    /// The next message of a kind from one host to another arrives so many ticks later.
    pub fn delay(&mut self, kind: Kind, from: HostId, to: HostId, ticks: u32) {
        self.say(format!("delay {kind} {from} -> {to} by {ticks}"));
        self.catch(kind, from, to, 1, Catch::Delay(ticks));
    }

    /// The next message of a kind from one host to another arrives again, so many ticks later.
    pub fn repeat(&mut self, kind: Kind, from: HostId, to: HostId, ticks: u32) {
        self.say(format!("repeat {kind} {from} -> {to} after {ticks}"));
        self.catch(kind, from, to, 1, Catch::Repeat(ticks));
    }

    fn catch(&mut self, kind: Kind, from: HostId, to: HostId, left: u32, catch: Catch) {
        let (from, to) = (Some(from), Some(to));
        self.links.filter(Filter { kind: Some(kind), from, to, catch, left });
    }

    /// Lets time pass: so many ticks, fewer if a rule is broken.
    pub fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            if self.violation().is_some() {
                break;
            }
            self.tick();
        }
    }

    /// Lets time pass until something is so, for `limit` ticks at most; whether it is so.
    pub fn run_until(&mut self, limit: u32, mut so: impl FnMut(&World) -> bool) -> bool {
        for _ in 0..limit {
            if so(self) {
                return true;
            }
            if self.violation().is_some() {
                return false;
            }
            self.tick();
        }
        so(self)
    }

    /// One tick.
    pub fn tick(&mut self) {
        self.now += 1;
        let mut read = 0;
        let storm = STORM.max(STORM_PAIR * self.hosts.len().pow(2));
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let letter = entry.remove();
            self.read(letter);
            read += 1;
            if read > storm || self.under_way.len() > storm {
                let second = "messages beget messages without end".to_string();
                self.broken("STORM", "everybody".to_string(), second);
                return;
            }
        }
        for host in 0..self.hosts.len() {
            let elapsed = self.elapsed(host);
            if elapsed > 0 {
                self.step(host, SetInput::Tick { elapsed });
            }
        }
    }

    /// How many ticks a host hears of in this one.
    fn elapsed(&mut self, host: HostId) -> u32 {
        let at = &mut self.hosts[host];
        let elapsed = match at.drift {
            0 => 1,
            drift if self.rng.chance(drift) => 0,
            drift => 1 + u32::from(self.rng.chance(drift)),
        };
        if at.stopped {
            at.unrun += elapsed;
            return 0;
        }
        elapsed
    }

    /// Counts something that a schedule did.
    pub fn count(&mut self, what: &'static str) {
        self.tally.count(what);
    }

    /// Whether those hosts' processes are at rest as the only members of what they are in.
    pub fn rests(&self, component: &[HostId]) -> bool {
        self.unrest(component).is_ok()
    }

    /// What is not at rest among those hosts.
    pub fn unrest(&self, component: &[HostId]) -> Result<(), Violation> {
        let resting: Vec<Resting<'_>> = component
            .iter()
            .filter_map(|&host| {
                let process = self.hosts[host].process.as_ref()?;
                Some(Resting {
                    who: address(host),
                    view: process.view(),
                    isolates: process.isolated().next().is_some(),
                    idle: process.is_idle(),
                    phase: process.phase_name(),
                    submitted: self.hosts[host].submitted,
                })
            })
            .collect();
        settled(self.now, &resting)
    }

    /// Notes a violation that only the whole shows.
    pub fn report(&mut self, violation: Violation) {
        self.watch.report(violation);
    }

    fn runs(&self, host: HostId) -> bool {
        self.hosts[host].process.is_some() && !self.hosts[host].stopped
    }
}
