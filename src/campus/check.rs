//! What makes sense by itself but not together: a name twice, a parent that is nowhere, a level that does not fit.

use super::parse::{At, Fault, LanSaid, SetSaid};
use super::words::Place;
use super::{Campus, lan_name};
use crate::name::GroupName;
use crate::sorted::Sorted as _;
use crate::wire::coreset::MAX_MEMBERS;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// The campus of what was said; whatever is wrong is added to `faults`.
pub(super) fn campus(sets: &[SetSaid], lans: &[LanSaid], faults: &mut Vec<Fault>) -> Campus {
    if sets.is_empty() && faults.is_empty() {
        let place = Place { line: 1, column: 1 };
        faults.push(Fault { place, text: "set: there is none, must be at least one".to_string() });
    }
    names(sets, lans, faults);
    mservers(sets, faults);
    let levels = Levels::of(sets, faults);
    let mut campus = Campus::default();
    for set in sets {
        let value = set.value(levels.of_set(set.name.value));
        campus.sets.insert(set.name.value, value);
    }
    for lan in lans {
        campus.lans.insert(lan.name.value, lan.value());
    }
    parents(sets, &campus, faults);
    member_interfaces(lans, &campus, faults);
    campus
}

fn fault(faults: &mut Vec<Fault>, place: Place, text: String) {
    faults.push(Fault { place, text });
}

/// Sets and LANs are heard by their names, so they share one list.
fn names(sets: &[SetSaid], lans: &[LanSaid], faults: &mut Vec<Fault>) {
    let sets = sets.iter().map(|set| ("set", &set.name));
    let lans = lans.iter().map(|lan| ("lan", &lan.name));
    let mut all: Vec<(&str, &At<GroupName>)> = sets.chain(lans).collect();
    all.sort_unstable_by_key(|(_, name)| name.place);
    let mut seen = BTreeSet::new();
    for (what, name) in all {
        if !seen.insert(name.value) {
            let text =
                format!("{what} {}: the name stands here twice, must stand once", name.value);
            fault(faults, name.place, text);
        }
    }
}

fn mservers(sets: &[SetSaid], faults: &mut Vec<Fault>) {
    let mut seen: BTreeMap<SocketAddrV4, GroupName> = BTreeMap::new();
    for set in sets {
        let name = set.name.value;
        if set.mservers.is_empty() {
            let text = format!("set {name}: has no mserver, must have at least one");
            fault(faults, set.name.place, text);
        }
        // The parent is a member as well.
        if set.mservers.len() + 1 > MAX_MEMBERS {
            let (has, most) = (set.mservers.len(), MAX_MEMBERS - 1);
            let text = format!("set {name}: has {has} mservers, must have at most {most}");
            fault(faults, set.name.place, text);
        }
        for (who, _) in &set.mservers {
            if let Some(other) = seen.insert(who.value, name) {
                let who_is = who.value;
                let text = format!("mserver {who_is}: is in set {other}, must be in one set");
                fault(faults, who.place, text);
            }
        }
    }
}

/// A parent is a mserver of a set one level higher, of one set only, and has no LAN.
fn parents(sets: &[SetSaid], campus: &Campus, faults: &mut Vec<Fault>) {
    let mut charges: BTreeMap<SocketAddrV4, GroupName> = BTreeMap::new();
    for set in sets {
        let (name, level) = (set.name.value, campus.sets[&set.name.value].level);
        for At { place, value: who } in &set.parents {
            if let Some(other) = charges.insert(*who, name) {
                let text = format!("parent {who}: is one of set {other}, must be of one set, once");
                fault(faults, *place, text);
            }
            let Some(home) = campus.home(*who) else {
                fault(faults, *place, format!("parent {who}: must be a mserver of a set here"));
                continue;
            };
            let of = campus.sets[&home].level;
            if u16::from(of) != u16::from(level) + 1 {
                let text = format!(
                    "parent {who}: is in set {home} of level {of}, must be in one of level {}",
                    u16::from(level) + 1
                );
                fault(faults, *place, text);
            }
        }
    }
    for (who, server) in sets.iter().flat_map(|set| &set.mservers) {
        if let Some(of) = charges.get(&who.value).filter(|_| server.lan.is_some() || server.mi) {
            let text = format!(
                "mserver {}: is a parent of set {of}, must have neither lan nor mi",
                who.value
            );
            fault(faults, who.place, text);
        }
    }
}

fn member_interfaces(lans: &[LanSaid], campus: &Campus, faults: &mut Vec<Fault>) {
    let mut taken: BTreeMap<SocketAddrV4, String> = BTreeMap::new();
    for (who, server) in campus.mservers() {
        taken.insert(who, "a mserver".to_string());
        if server.mi {
            // It is known by the port behind that of its mserver.
            let own = SocketAddrV4::new(*who.ip(), who.port().wrapping_add(1));
            taken.insert(own, format!("built into mserver {who}"));
        }
    }
    let served: BTreeSet<GroupName> = campus
        .mservers()
        .filter(|(who, _)| campus.charge(*who).is_none())
        .map(|(who, server)| lan_name(who, server.lan))
        .sorted_set();
    for lan in lans {
        let name = lan.name.value;
        if !served.contains(&name) {
            let text = format!("lan {name}: no mserver has it, at least one must");
            fault(faults, lan.name.place, text);
        }
        if let Some(at) = lan.address.as_ref().filter(|at| !at.value.ip().is_multicast()) {
            let text = format!(
                "address {}: must be a multicast address: no mcaster serves a lan",
                at.value
            );
            fault(faults, at.place, text);
        }
        for At { place, value: who } in &lan.mis {
            if let Some(other) = taken.insert(*who, format!("an mi of lan {name}")) {
                let text = format!("mi {who}: is {other} already, must stand once");
                fault(faults, *place, text);
            }
        }
    }
}

/// The levels of sets: as said, or one above the highest of those whose parents a set has.
struct Levels(BTreeMap<GroupName, u8>);

impl Levels {
    fn of(sets: &[SetSaid], faults: &mut Vec<Fault>) -> Levels {
        let said = sets.iter().filter_map(|set| Some((set.name.value, set.level.as_ref()?.value)));
        let mut levels = Levels(said.sorted_map());
        // Those of whose children all levels are known, again and again: a circle is left over.
        let mut left: Vec<&SetSaid> = sets.iter().filter(|set| set.level.is_none()).collect();
        loop {
            let known = |set: &&SetSaid| children(sets, set).all(|c| levels.0.contains_key(&c));
            let Some(at) = left.iter().position(known) else { break };
            let set = left.swap_remove(at);
            let below = children(sets, set).map(|child| levels.of_set(child)).max();
            let level = below.unwrap_or(0).saturating_add(1);
            levels.0.insert(set.name.value, level);
        }
        for set in left {
            let text = format!("set {}: is above itself by its parents, must not", set.name.value);
            fault(faults, set.name.place, text);
        }
        levels
    }

    fn of_set(&self, name: GroupName) -> u8 {
        self.0.get(&name).copied().unwrap_or(1)
    }
}

/// The sets that a mserver of this one is to be a parent of.
fn children<'a>(sets: &'a [SetSaid], set: &'a SetSaid) -> impl Iterator<Item = GroupName> + 'a {
    let ours = |who: &At<SocketAddrV4>| set.mservers.iter().any(|(m, _)| m.value == who.value);
    sets.iter().filter(move |s| s.parents.iter().any(ours)).map(|s| s.name.value)
}
