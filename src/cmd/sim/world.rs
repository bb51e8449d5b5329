//! An operator's ms.campus(5) as a simulated world, what is done to it, and what it came to.
//!
//! ```text
//! ms sim --campus FILE --kill 10.0.0.1 --wait 60 --start 10.0.0.1
//! ms sim SCRIPT          the same steps, a line each, below a line "campus FILE"
//! ```

use super::show;
use crate::campus::{self, MI_PORT, PORT};
use crate::cmd::complain;
use crate::proto::params::PROFILES;
use crate::sim::campus::outage::{Act, Outage, Step};
use crate::sim::campus::plan::{NodeId, Plan, Post};
use crate::sys::process::exit;
use getopts::Matches;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

/// Words that take a host, a set or a LAN, or a time.
const VERBS: [&str; 5] = ["kill", "stop", "start", "cut", "wait"];
/// Seconds that pass after the last step.
const REST: u64 = 60;
/// Most seconds of one wait.
const LONGEST: u64 = 86_400;

/// A campus, with the node of each address.
struct World {
    campus: campus::Campus,
    plan: Plan,
    served: Vec<NodeId>,
    places: BTreeMap<SocketAddrV4, NodeId>,
}

impl World {
    fn of(campus: campus::Campus) -> World {
        let mut world = World {
            plan: Plan::default(),
            served: Vec::new(),
            places: BTreeMap::new(),
            campus: campus.clone(),
        };
        let built_in = campus.mservers().any(|(_, server)| server.mi);
        for (name, set) in &campus.sets {
            let name = plain(name);
            for (&who, server) in &set.mservers {
                let child = campus.charge(who).map(|child| plain(&child));
                let node =
                    world.plan.mserver(&who.to_string(), (&name, set.level), child.as_deref());
                world.put(who, node, PORT);
                world.served.extend(server.mi.then_some(node));
            }
        }
        for (&lan, said) in &campus.lans {
            let servers: Vec<NodeId> =
                campus.servers_of(lan).map(|server| world.places[&server]).collect();
            for &mi in &said.mis {
                let node = world.plan.mi(&servers);
                world.put(mi, node, MI_PORT);
                world.served.push(node);
            }
        }
        if built_in {
            world.plan = world.plan.with_built_in();
        }
        world
    }

    /// A node is called after its host, unless another one is already.
    fn put(&mut self, who: SocketAddrV4, node: NodeId, usual: u16) {
        let alone = self.at(*who.ip(), None).is_empty() && who.port() == usual;
        self.plan.rename(node, if alone { who.ip().to_string() } else { who.to_string() });
        self.places.insert(who, node);
    }

    fn at(&self, ip: Ipv4Addr, port: Option<u16>) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        for (who, node) in &self.places {
            if *who.ip() == ip && port.is_none_or(|port| port == who.port()) {
                found.insert(*node);
            }
        }
        found
    }

    /// The processes of a host, a set with all that is below it, or a LAN; of several, with commas between them.
    fn find(&self, what: &str) -> Result<BTreeSet<NodeId>, String> {
        let mut all = self.find_one(what);
        if all.is_empty() {
            for word in what.split(',') {
                let found = self.find_one(word);
                if found.is_empty() {
                    return Err(format!("{word}: must be a host, set or lan of the campus"));
                }
                all.extend(found);
            }
        }
        Ok(all)
    }

    fn find_one(&self, word: &str) -> BTreeSet<NodeId> {
        if let Ok(who) = word.parse::<SocketAddrV4>() {
            return self.at(*who.ip(), Some(who.port()));
        }
        if let Ok(ip) = word.parse() {
            return self.at(ip, None);
        }
        let mut found = BTreeSet::new();
        let Ok(name) = word.parse() else { return found };
        if let Some(set) = self.campus.sets.get(&name) {
            set.mservers.keys().for_each(|who| self.below(self.places[who], &mut found));
        }
        found.extend(self.campus.servers_of(name).map(|who| self.places[&who]));
        if let Some(lan) = self.campus.lans.get(&name) {
            found.extend(lan.mis.iter().map(|mi| self.places[mi]));
        }
        found
    }

    /// A mserver, and all below it.
    fn below(&self, node: NodeId, found: &mut BTreeSet<NodeId>) {
        found.insert(node);
        let child = match &self.plan.sites()[node].post {
            Post::Mserver { child, .. } => *child,
            Post::Mi { .. } => None,
        };
        for (other, site) in self.plan.sites().iter().enumerate() {
            match &site.post {
                Post::Mserver { set, .. } if Some(*set) == child => self.below(other, found),
                Post::Mi { servers } if servers.contains(&node) => _ = found.insert(other),
                _ => {}
            }
        }
    }

    /// One step, by its words.
    fn act(&self, verb: &str, what: &str) -> Result<Act, String> {
        let who = || self.find(what);
        let step = match verb {
            "kill" => Step::Kill(who()?),
            "stop" => Step::Stop(who()?),
            "start" => Step::Start(who()?),
            "cut" => Step::Cut(who()?),
            "heal" if what.is_empty() => Step::Heal,
            "wait" => match what.parse() {
                Ok(seconds @ 1..=LONGEST) => waits(seconds),
                _ => return Err(format!("wait {what}: must be 1 to {LONGEST} seconds")),
            },
            _ => return Err(format!("{verb}: must be kill, stop, start, cut, heal or wait")),
        };
        Ok(Act { text: format!("{verb} {what}").trim_end().to_string(), step })
    }
}

fn waits(seconds: u64) -> Step {
    let ticks = seconds * 1000 / u64::from(PROFILES[0].tick_ms);
    Step::Wait(u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// A name as it is typed.
fn plain(name: &crate::name::GroupName) -> String {
    String::from_utf8_lossy(name.as_bytes()).into_owned()
}

/// The steps of the command line, in its order.
pub fn steps(matches: &Matches) -> Vec<(String, String)> {
    let mut all: Vec<(usize, String, String)> = Vec::new();
    for verb in VERBS {
        let said = matches.opt_strs_pos(verb).into_iter();
        all.extend(said.map(|(at, what)| (at, verb.to_string(), what)));
    }
    let heals = matches.opt_positions("heal").into_iter();
    all.extend(heals.map(|at| (at, "heal".to_string(), String::new())));
    all.sort_unstable();
    all.into_iter().map(|(_, verb, what)| (verb, what)).collect()
}

/// `ms sim --campus FILE`, with these steps.
pub fn play_file(file: &str, steps: &[(String, String)], svg: Option<&str>) -> i32 {
    let world = match read(Path::new(file)) {
        Ok(world) => world,
        Err(code) => return code,
    };
    let acts: Result<Vec<Act>, String> =
        steps.iter().map(|(verb, what)| world.act(verb, what)).collect();
    match acts {
        Ok(acts) => play(world, acts, svg),
        Err(why) => {
            complain(&why);
            exit::USAGE
        }
    }
}

/// `ms sim SCRIPT`.
pub fn play_script(file: &str, svg: Option<&str>) -> i32 {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) => {
            complain(&format!("{file}: {e}"));
            return exit::NOINPUT;
        }
    };
    let mut world: Option<World> = None;
    let (mut acts, mut faults) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
        let fault = match (words.as_slice(), &world) {
            ([], _) => continue,
            (["campus", path], None) => {
                // Beside the script, as it speaks of this campus.
                let near = Path::new(file).parent().unwrap_or(Path::new("")).join(path);
                match read(&near) {
                    Ok(read) => world = Some(read),
                    Err(code) => return code,
                }
                continue;
            }
            ([verb, what @ ..], Some(world)) if what.len() < 2 => {
                match world.act(verb, what.first().unwrap_or(&"")) {
                    Ok(act) => {
                        acts.push(act);
                        continue;
                    }
                    Err(why) => why,
                }
            }
            (_, Some(_)) => format!("{}: has too many words", words[0]),
            (_, None) => format!("{}: must stand below a line \"campus FILE\"", words[0]),
        };
        faults.push(format!("{file}:{number}: {fault}"));
    }
    match world.filter(|_| faults.is_empty()) {
        Some(world) => play(world, acts, svg),
        None => {
            faults.push(format!("{file}: is no script that can be played"));
            complain(&faults.join("\n"));
            exit::CONFIG
        }
    }
}

fn read(file: &Path) -> Result<World, i32> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|e| {
        complain(&format!("{name}: {e}"));
        exit::NOINPUT
    })?;
    campus::parse(&text).map(World::of).map_err(|faults| {
        faults.iter().for_each(|fault| complain(&format!("{name}:{fault}")));
        exit::CONFIG
    })
}

fn play(world: World, mut acts: Vec<Act>, svg: Option<&str>) -> i32 {
    if !matches!(acts.last(), Some(Act { step: Step::Wait(_), .. })) {
        acts.push(Act { text: String::new(), step: waits(REST) });
    }
    match Outage::play(world.plan, PROFILES[0].params(), &world.served, &acts) {
        Ok(outage) => {
            let text = format!("{}\n{}", outage.report(), outage.chart());
            show(&text, svg, || outage.svg())
        }
        Err(why) => {
            complain(&why);
            exit::SOFTWARE
        }
    }
}
