//! The hierarchy, put together of what each daemon says of itself: nothing is asked, drawn or decided here.
//!
//! ```text
//!   Told { address, status, groups } *  ──>  Tree { sets by level and side, nodes, groups }
//!                                            NPS ── nps1 ── Spanagel ── ece1 ── LAN ece ── MIs
//! ```
//!
//! Daemons may disagree: in a partition each side of a set has a view of its own, and both are shown. What nobody told
//! is unknown, and said to be.

use super::groups::{self, Group};
use crate::sorted::Sorted as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How one daemon was asked, and whether it answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// By its control socket: it told everything.
    Local,
    /// By statistics over the network: it told of one set.
    Remote,
    /// It did not answer, for this reason.
    Silent(String),
}

/// What one daemon told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Its address.
    pub address: String,
    /// How it was asked.
    pub source: Source,
    /// Its status, or the same of its statistics; null of one that is silent.
    pub status: Value,
    /// The list of its groups; null where that is not known.
    pub groups: Value,
}

/// A view of a set, as those in it agree on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// Its level.
    pub level: u64,
    /// Number of the view, and batches since.
    pub at: (u64, u64),
    /// Who is in it by rank, the parent too: rank, gid, address, incarnation.
    pub members: Vec<Member>,
    /// Its parent.
    pub parent: Option<String>,
    /// Members with whom one of the others does not communicate any more.
    pub isolated: BTreeSet<String>,
    /// Members that are looked for on other sides of a partition.
    pub lost: BTreeSet<String>,
    /// What it is at, unless it rests.
    pub phase: Option<String>,
    /// Another side has a view of its own.
    pub parted: bool,
    /// Whose view it is, of those who were asked.
    pub told_by: BTreeSet<String>,
}

/// A member of a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its place: 0 is the most senior.
    pub rank: u64,
    /// Its number.
    pub gid: u64,
    /// Its address.
    pub address: String,
    /// Its incarnation.
    pub incarnation: u64,
}

/// What is known of a mserver beyond its places in sets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Server {
    /// How it was asked; none: it was not.
    pub source: Option<Source>,
    /// The set that it stands by to be the parent of.
    pub stands_by: Option<String>,
    /// The set that it wants to be in, if it is in no view.
    pub outside: Option<String>,
    /// Its LAN, with the member interfaces there.
    pub lan: Option<Lan>,
}

/// A LAN below a mserver.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lan {
    /// Its name.
    pub name: String,
    /// Its member interfaces, by address.
    pub interfaces: BTreeMap<String, Interface>,
}

/// A member interface.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interface {
    /// How it was asked; none: it was not.
    pub source: Option<Source>,
    /// It is part of its mserver.
    pub built_in: bool,
    /// It says that it belongs to a mserver.
    pub registered: Option<bool>,
    /// Its members: how many of which group.
    pub members: BTreeMap<String, usize>,
}

/// The hierarchy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tree {
    /// The sets, the highest first, then by name and parent.
    pub sets: Vec<Set>,
    /// The mservers, by address.
    pub servers: BTreeMap<String, Server>,
    /// The application groups, by name.
    pub groups: Vec<Group>,
    /// Member interfaces of mservers that nobody knows: address of the mserver, and they.
    pub strays: BTreeMap<String, Lan>,
    /// Daemons that are in no hierarchy, in words: mcasters, fixed rings.
    pub beside: Vec<String>,
    /// Silent daemons of which nobody else told.
    pub silent: BTreeMap<String, String>,
}

impl Tree {
    /// Puts it together. The order of `told` does not matter.
    pub fn of(told: &[Told]) -> Tree {
        let mut told: Vec<&Told> = told.iter().collect();
        told.sort_unstable_by(|one, other| one.address.cmp(&other.address));
        let mut tree = Tree { groups: groups::all(&told), ..Tree::default() };
        for daemon in &told {
            tree.take(daemon);
        }
        for set in &tree.sets {
            for member in &set.members {
                tree.servers.entry(member.address.clone()).or_default();
            }
        }
        tree.place_interfaces(&told);
        tree.mark_parted();
        tree.sets.sort_unstable_by(|one, other| {
            let key = |set: &Set| (u64::MAX - set.level, set.name.clone(), set.parent.clone());
            key(one).cmp(&key(other))
        });
        let known: BTreeSet<String> = tree.servers.keys().cloned().sorted_set();
        tree.silent.retain(|address, _| !known.contains(address));
        tree
    }

    /// The sets that no set above is known of.
    pub fn roots(&self) -> impl Iterator<Item = &Set> {
        self.sets.iter().filter(|set| !self.has_place_above(set))
    }

    /// The sets whose parent a member of that set is.
    pub fn below<'a>(&'a self, set: &'a Set, member: &'a Member) -> impl Iterator<Item = &'a Set> {
        self.sets.iter().filter(move |child| {
            child.parent.as_deref() == Some(&member.address) && child.level < set.level
        })
    }

    /// The groups whose core a set or LAN of that name is.
    pub fn cores<'a>(&'a self, place: &'a str) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter(move |group| group.cores.contains(place))
    }

    fn has_place_above(&self, set: &Set) -> bool {
        let Some(parent) = &set.parent else { return false };
        let is_in = |other: &Set| other.members.iter().any(|m| m.address == *parent);
        self.sets.iter().any(|other| other.level > set.level && is_in(other))
    }

    fn take(&mut self, told: &Told) {
        if let Source::Silent(why) = &told.source {
            self.silent.insert(told.address.clone(), why.clone());
            return;
        }
        let status = &told.status;
        match status["mode"].as_str() {
            Some("mcaster") => {
                let groups = status["groups"].as_array().map_or(0, Vec::len);
                self.beside.push(format!("mcaster {}: {groups} groups", told.address));
            }
            Some("mi") => {}
            _ if status["level"].is_null() => {
                let (set, gid) = (text(&status["set"]), &status["gid"]);
                self.beside.push(format!("mserver {}: gid {gid} of ring {set}", told.address));
            }
            _ => self.take_server(told),
        }
    }

    fn take_server(&mut self, told: &Told) {
        let status = &told.status;
        let mut server = Server { source: Some(told.source.clone()), ..Server::default() };
        for (seat, is_child) in [(status, false), (&status["child"], true)] {
            if !seat.is_object() {
                continue;
            }
            match (sighting(seat), is_child) {
                (Some(set), _) => self.merge(set, &told.address),
                (None, true) => server.stands_by = Some(text(&seat["set"]).to_string()),
                (None, false) => server.outside = Some(text(&seat["set"]).to_string()),
            }
        }
        if let Some(name) = status["lan"].as_str() {
            let mut lan = Lan { name: name.to_string(), interfaces: BTreeMap::new() };
            for guest in array(&status["interfaces"]).iter().filter_map(Value::as_str) {
                lan.interfaces.insert(guest.to_string(), Interface::default());
            }
            if let Some(own) = status["built_in"].as_str() {
                let here = members_of(&told.groups);
                let source = Some(told.source.clone());
                let interface =
                    Interface { source, built_in: true, registered: Some(true), members: here };
                lan.interfaces.insert(own.to_string(), interface);
            }
            server.lan = Some(lan);
        }
        self.servers.insert(told.address.clone(), server);
    }

    /// One member's view of a set: the same as that of others if each of them has each other in its own. Who was cut off,
    /// or cannot know yet, has a side for itself.
    fn merge(&mut self, mut seen: Set, by: &str) {
        let has = |set: &Set, who: &str| set.members.iter().any(|m| m.address == who);
        let same = |set: &&mut Set| {
            let named = (set.level, base(&set.name)) == (seen.level, base(&seen.name));
            named && has(set, by) && set.told_by.iter().all(|who| has(&seen, who))
        };
        let found = self.sets.iter_mut().find(same);
        seen.told_by.insert(by.to_string());
        let Some(set) = found else {
            self.sets.push(seen);
            return;
        };
        // The later one counts, with what was said of either.
        let (mut later, other) = match seen.at > set.at {
            true => (seen, set.clone()),
            false => (set.clone(), seen),
        };
        later.isolated.extend(other.isolated);
        later.lost.extend(other.lost);
        later.told_by.extend(other.told_by);
        later.phase = later.phase.or(other.phase);
        *set = later;
    }

    fn mark_parted(&mut self) {
        let mut counted: BTreeMap<(u64, String), usize> = BTreeMap::new();
        for set in &self.sets {
            *counted.entry((set.level, base(&set.name).to_string())).or_default() += 1;
        }
        for set in &mut self.sets {
            set.parted = counted[&(set.level, base(&set.name).to_string())] > 1;
        }
    }

    /// Member interfaces stand below the mserver that they belong to, or want to.
    fn place_interfaces(&mut self, told: &[&Told]) {
        let all = told.iter().filter(|told| told.status["mode"] == "mi");
        for daemon in all {
            let status = &daemon.status;
            let server = text(&status["mserver"]);
            let interface = Interface {
                source: Some(daemon.source.clone()),
                built_in: false,
                registered: status["registered"].as_bool(),
                members: members_of(&daemon.groups),
            };
            let name = text(&status["lan"]).to_string();
            let lan = match self.servers.get_mut(server) {
                Some(server) => server.lan.get_or_insert_with(|| Lan { name, ..Lan::default() }),
                None => self
                    .strays
                    .entry(server.to_string())
                    .or_insert_with(|| Lan { name, ..Lan::default() }),
            };
            lan.interfaces.insert(daemon.address.clone(), interface);
        }
        // Who moved to another mserver is not at the former one, even if that has not noticed yet.
        let home: BTreeMap<String, String> = told
            .iter()
            .filter(|told| told.status["mode"] == "mi")
            .map(|told| (told.address.clone(), text(&told.status["mserver"]).to_string()))
            .sorted_map();
        for (address, server) in &mut self.servers {
            let Some(lan) = &mut server.lan else { continue };
            lan.interfaces.retain(|mi, _| home.get(mi).is_none_or(|at| at == address));
        }
        let silent = &self.silent;
        for lan in self.servers.values_mut().filter_map(|server| server.lan.as_mut()) {
            for (address, interface) in &mut lan.interfaces {
                if let Some(why) = silent.get(address) {
                    interface.source = Some(Source::Silent(why.clone()));
                }
            }
        }
        for (address, why) in silent.clone() {
            if let Some(server) = self.servers.get_mut(&address) {
                server.source = Some(Source::Silent(why));
            }
        }
        let interfaces: BTreeSet<String> = self
            .servers
            .values()
            .filter_map(|server| server.lan.as_ref())
            .flat_map(|lan| lan.interfaces.keys().cloned())
            .sorted_set();
        self.silent.retain(|address, _| !interfaces.contains(address));
    }
}

/// What a place says of its set; none if it is in no view.
fn sighting(seat: &Value) -> Option<Set> {
    let members = seat["members"].as_array()?;
    let member = |m: &Value| Member {
        rank: m["rank"].as_u64().unwrap_or(0),
        gid: m["gid"].as_u64().unwrap_or(0),
        address: text(&m["address"]).to_string(),
        incarnation: m["incarnation"].as_u64().unwrap_or(0),
    };
    let names = |key: &str| {
        array(&seat[key]).iter().filter_map(Value::as_str).map(str::to_string).sorted_set()
    };
    Some(Set {
        name: text(&seat["set"]).to_string(),
        level: seat["level"].as_u64().unwrap_or(0),
        at: (seat["view"].as_u64().unwrap_or(0), seat["batch"].as_u64().unwrap_or(0)),
        members: members.iter().map(member).collect(),
        parent: seat["parent"].as_str().map(str::to_string),
        isolated: names("isolated"),
        lost: names("lost"),
        phase: seat["phase"].as_str().filter(|phase| *phase != "idle").map(str::to_string),
        parted: false,
        told_by: BTreeSet::new(),
    })
}

/// The name without the suffix of a side.
fn base(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// How many members of which group are at a member interface.
fn members_of(groups: &Value) -> BTreeMap<String, usize> {
    let count = |group: &Value| array(&group["members"]).len();
    let here = array(groups).iter().filter(|group| count(group) > 0);
    here.map(|group| (text(&group["group"]).to_string(), count(group))).sorted_map()
}

pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}
