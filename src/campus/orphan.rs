//! Groups that a plan would cut off for good.
//!
//! ```text
//!   before          set west knows 3 groups, its parent is in set top
//!   after           west ── top         fine
//!                   west    top         west would lose its parent
//!                   west ── top ── m    fine: they still meet above
//!                   west    m (nowhere) m would be in no set, with members below it
//! ```
//!
//! A set that knows groups, its parent, and each of its mservers with somebody below must still meet in one hierarchy when
//! all is done. On the way there they may be parted for a while: groups live through that (IV.E.2).

use super::Live;
use super::live::SetNow;
use super::print::{counted, short};
use crate::name::GroupName;
use crate::sorted::Sorted as _;
use std::collections::BTreeSet;
use std::net::SocketAddrV4;

/// What would be cut off, a sentence for each set or LAN; none: nothing.
pub fn orphans(before: &Live, after: &Live) -> Vec<String> {
    let known = before.sets.iter().filter(|(_, set)| set.groups > 0);
    known.filter_map(|(name, set)| orphaned(*name, set, before, after)).collect()
}

fn orphaned(name: GroupName, set: &SetNow, before: &Live, after: &Live) -> Option<String> {
    let groups = counted(set.groups, "group");
    let homeless = |who: &SocketAddrV4| after.home(*who).is_none();
    if set.members.iter().all(homeless) {
        return Some(format!("set {name} knows {groups} and would lose its last mserver"));
    }
    let matters = |who: &&SocketAddrV4| has_members(**who, before, after);
    for who in set.members.iter().filter(matters) {
        if homeless(who) && !is_replaced(*who, after) {
            let who = short(*who, super::PORT);
            return Some(format!(
                "mserver {who} of set {name} has groups below and would be in no set"
            ));
        }
    }
    let homes = set.members.iter().filter(matters).filter_map(|who| after.home(*who));
    let mut roots: BTreeSet<GroupName> = homes.map(|home| root(after, home)).sorted_set();
    if roots.len() > 1 {
        return Some(format!(
            "set {name} knows {groups}, and its mservers would be in sets that nothing joins"
        ));
    }
    let above = before.sets.get(&name).and_then(|set| set.parent).and_then(|p| before.home(p));
    roots.extend(
        above.filter(|above| after.sets.contains_key(above)).map(|above| root(after, above)),
    );
    (roots.len() > 1).then(|| format!("set {name} knows {groups} and would lose its parent"))
}

/// Whether there may be members of groups below a mserver: on its LAN, in the set that it is the parent of, or we do not know.
fn has_members(who: SocketAddrV4, before: &Live, after: &Live) -> bool {
    let Some(post) = before.posts.get(&who) else { return true };
    match &post.lan {
        Some(_) => post.groups > 0,
        None => after.sets.values().any(|set| set.parent == Some(who)),
    }
}

/// Whether its LAN has another mserver, to which the member interfaces go.
fn is_replaced(who: SocketAddrV4, after: &Live) -> bool {
    let lan = |who: &SocketAddrV4| Some(after.posts.get(who)?.lan.as_ref()?.name);
    let others = after.posts.iter().filter(|(other, post)| **other != who && post.set.is_some());
    lan(&who).is_some_and(|ours| others.into_iter().any(|(other, _)| lan(other) == Some(ours)))
}

/// The highest set that one leads to by its parents.
fn root(live: &Live, from: GroupName) -> GroupName {
    let mut at = from;
    // A circle of parents leads nowhere, and ends here too.
    for _ in 0..=live.sets.len() {
        let above = live.sets.get(&at).and_then(|set| set.parent).and_then(|p| live.home(p));
        match above {
            Some(above) => at = above,
            None => break,
        }
    }
    at
}
