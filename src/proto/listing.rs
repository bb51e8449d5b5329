//! What a daemon knows of application groups, for a person: `ms groups`, and in short `ms status`.
//!
//! ```text
//!   registry of each of its sets ── core, above, reserved ...
//!   views passed on to those below ── below                     ──> one entry for each incarnation
//!   member interface ── the members that are here
//! ```

use super::group::{Known, Record, Registry, Role, digest_of};
use super::mi::Mi;
use super::mserver::{Mserver, Side};
use crate::name::Digest;
use crate::wire::group::{GroupKey, Order, Qos, RequestId};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A group, put together of what the parts of a daemon know of it.
#[derive(Default)]
struct Item {
    /// What its sets are to it: name of the set, and the word.
    roles: Map<String, Value>,
    /// Some below have members.
    below: bool,
    /// Gids of the members here, if there is a member interface.
    here: Option<Vec<u32>>,
    term: u32,
    /// Number, digest and size of the last view that is known.
    view: Option<(u32, Digest, usize)>,
    /// What its creator chose.
    qos: Option<Qos>,
}

type Items = BTreeMap<GroupKey, Item>;

/// All groups that a mserver knows.
pub fn of_mserver(mserver: &Mserver) -> Value {
    let (mut items, groups) = (Items::new(), mserver.groups());
    for side in [Side::Peer, Side::Child] {
        let lan = groups.lan().filter(|_| side == Side::Child).map(|lan| lan.name());
        let set = lan.or_else(|| mserver.seat(side).map(|seat| seat.name()));
        if let (Some(set), Some(registry)) = (set, groups.registry(side)) {
            of_registry(&set.to_string(), registry, &mut items);
        }
    }
    for weak in groups.weak() {
        items.entry(weak.key()).or_default().view = Some(weak.last());
    }
    for key in groups.relay().groups() {
        let item = items.entry(key).or_default();
        item.below = true;
        if let Some(known) = groups.relay().known(&key) {
            item.see(known);
        }
    }
    if let Some(mi) = groups.lan().and_then(|lan| lan.mi()) {
        of_members(mi, &mut items);
    }
    items.iter().map(|(key, item)| item.to_json(key)).collect()
}

/// All groups that a member interface has members in.
pub fn of_mi(mi: &Mi) -> Value {
    let mut items = Items::new();
    of_members(mi, &mut items);
    items.iter().map(|(key, item)| item.to_json(key)).collect()
}

/// How many groups a daemon is what to, of a listing: there may be too many to tell each in a status.
pub fn counted(listing: &Value) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let items = listing.as_array().map(Vec::as_slice).unwrap_or_default();
    for item in items {
        let roles = item["roles"].as_object().into_iter().flat_map(Map::values);
        let roles = roles.filter_map(Value::as_str);
        let below = (item["below"] == true).then_some("below");
        let here = item["members"].as_array().is_some_and(|gids| !gids.is_empty());
        for word in roles.chain(below).chain(here.then_some("member")) {
            *counts.entry(word.to_string()).or_default() += 1;
        }
    }
    json!({"known": items.len(), "roles": counts})
}

fn of_registry(set: &str, registry: &Registry, items: &mut Items) {
    for Record { key, term, role, .. } in registry.iter() {
        let word = match role {
            Role::Reserved(_) => "reserved",
            Role::Core { lock: None, .. } => "core",
            Role::Core { lock: Some(_), .. } => "moving",
            Role::Above(_) => "above",
            Role::Suspended(_) => "suspended",
            Role::Lost => "lost",
            Role::Claimed(_) => "claimed",
            // What is no more is kept for those who do not know yet.
        };
        let item = items.entry(*key).or_default();
        item.term = item.term.max(*term);
        if let Role::Core { core, .. } = role {
            // Of a weak group the members are known to each mserver, and not agreed on.
            if core.qos.order == Order::Strong {
                let digest = digest_of(&key.inc, core.number, &core.roster);
                item.view = Some((core.number, digest, core.roster.len()));
            }
            item.qos = Some(core.qos.clone());
        }
        item.roles.insert(set.to_string(), word.into());
    }
}

fn of_members(mi: &Mi, items: &mut Items) {
    for known in mi.groups() {
        let item = items.entry(known.key()).or_default();
        let ours = known.roster().iter().filter(|entry| mi.owner(&entry.id).is_some());
        item.here = Some(ours.map(|entry| entry.gid).collect());
        item.see(known);
    }
}

impl Item {
    /// A view is known; of several the last one counts.
    fn see(&mut self, known: &Known) {
        let (term, number) = known.at();
        if self.view.is_none_or(|(before, ..)| (self.term, before) < (term, number)) {
            self.view = Some((number, known.digest(), known.roster().len()));
        }
        self.term = self.term.max(term);
        // Where it is decided it is known best.
        self.qos.get_or_insert_with(|| known.qos().clone());
    }

    fn to_json(&self, key: &GroupKey) -> Value {
        let RequestId { origin, number } = key.inc;
        let mut all = json!({
            "group": key.to_string(),
            "incarnation": format!("{}/{}/{number}", origin.address, origin.inc),
            "term": self.term,
            "roles": self.roles,
            "below": self.below,
        });
        if let Some((number, digest, size)) = self.view {
            all["number"] = number.into();
            all["digest"] = digest.to_string().into();
            all["size"] = size.into();
        }
        if let Some(qos) = &self.qos {
            all["qos"] = qos.to_json();
        }
        if let Some(here) = &self.here {
            all["members"] = here.clone().into();
        }
        all
    }
}
