//! Who is where: the sets of a hierarchy, the mservers in them, and the member interfaces below (Figure 5).
//!
//! ```text
//!   level 2   set top      a       b
//!                         /|\      |\
//!   level 1   set of a  a1 a2 a3   b1 b2   set of b
//!                       |            \
//!   level 0          a1/1 a1/2       b1/1
//! ```
//!
//! A node is called after its way down: `a2` is the second below `a`, `a2/1` a member interface of its LAN. `a'` is a peer
//! of `a` that would be parent in its place.

use crate::name::GroupName;
use crate::sorted::Sorted as _;
use crate::wire::group::Scope;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Number of a node in its plan.
pub type NodeId = usize;

/// What runs on a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Post {
    /// A mserver.
    Mserver {
        /// The set of its peers.
        set: GroupName,
        /// The level of that set, 1 for the mservers of LANs.
        level: u8,
        /// The set that it is parent of, or would be; none: member interfaces are below it.
        child: Option<GroupName>,
    },
    /// A member interface.
    Mi {
        /// The mservers that it may belong to, in order of preference.
        servers: Vec<NodeId>,
    },
}

/// A node: a host with one process on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// What stories call it.
    pub name: String,
    /// Where it is.
    pub address: SocketAddrV4,
    /// What runs there.
    pub post: Post,
}

/// A hierarchy.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Plan {
    sites: Vec<Site>,
    /// Each mserver of a LAN has a member interface inside.
    built_in: bool,
}

/// A name that stories and plans give.
fn named(text: &str) -> GroupName {
    text.parse().expect("names of plans are short and plain")
}

impl Plan {
    /// A tree: so many mservers in the highest set, so many below each of them, and so on down; at the bottom so many
    /// member interfaces below each mserver of a LAN.
    pub fn tree(fans: &[usize], mis: usize) -> Plan {
        let mut plan = Plan::default();
        plan.branch("", "top", fans, mis);
        plan
    }

    fn branch(&mut self, above: &str, set: &str, fans: &[usize], mis: usize) {
        let Some((&fan, below)) = fans.split_first() else { return };
        let level = u8::try_from(fans.len()).expect("a hierarchy has few levels");
        for place in 0..fan {
            let name = match above {
                "" => char::from(b'a' + u8::try_from(place).expect("a letter each")).to_string(),
                _ => format!("{above}{}", place + 1),
            };
            let child = (!below.is_empty()).then(|| format!("set-{name}"));
            let node = self.mserver(&name, (set, level), child.as_deref());
            match child {
                Some(child) => self.branch(&name, &child, below, mis),
                None => (0..mis).for_each(|_| {
                    self.mi(&[node]);
                }),
            }
        }
    }

    /// One more mserver: in a set of a level, and parent of another.
    pub fn mserver(&mut self, name: &str, (set, level): (&str, u8), child: Option<&str>) -> NodeId {
        let ip = self.next_ip(level);
        let post = Post::Mserver { set: named(set), level, child: child.map(named) };
        self.sites.push(Site {
            name: name.to_string(),
            address: SocketAddrV4::new(ip, 2900),
            post,
        });
        self.sites.len() - 1
    }

    /// One more member interface: below the first of these mservers, or one of the others if need be.
    pub fn mi(&mut self, servers: &[NodeId]) -> NodeId {
        let home = servers[0];
        let beside = self.below(home).count();
        let name = format!("{}/{}", self.sites[home].name, beside + 1);
        let address = SocketAddrV4::new(self.next_ip(0), 2901);
        self.sites.push(Site { name, address, post: Post::Mi { servers: servers.to_vec() } });
        self.sites.len() - 1
    }

    /// The last two bytes are the node's number, from 1 on.
    fn next_ip(&self, level: u8) -> Ipv4Addr {
        let number = u16::try_from(self.sites.len() + 1).expect("a plan has at most 65535 nodes");
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(10, level, high, low)
    }

    /// A node gets another name.
    pub fn rename(&mut self, node: NodeId, name: String) {
        self.sites[node].name = name;
    }

    /// For each mserver that is a parent, a peer that would take its place: `a'` for `a`.
    pub fn with_standbys(mut self) -> Plan {
        for node in self.mservers().collect::<Vec<_>>() {
            let Site { name, post: Post::Mserver { set, level, child }, .. } = &self.sites[node]
            else {
                continue;
            };
            if let Some(child) = child {
                let (name, set) = (format!("{name}'"), set.to_string());
                let (level, child) = (*level, child.to_string());
                self.mserver(&name, (&set, level), Some(&child));
            }
        }
        self
    }

    /// Each member interface may also go to the other mservers of its mserver's set.
    pub fn with_alternatives(mut self) -> Plan {
        for node in 0..self.sites.len() {
            let Post::Mi { servers } = &self.sites[node].post else { continue };
            let home = servers[0];
            let peers: Vec<NodeId> =
                self.mservers().filter(|&peer| peer != home && self.peers(home, peer)).collect();
            if let Post::Mi { servers } = &mut self.sites[node].post {
                servers.extend(peers);
            }
        }
        self
    }

    /// Each mserver of a LAN has a member interface inside.
    pub fn with_built_in(mut self) -> Plan {
        self.built_in = true;
        self
    }

    /// Whether a node serves applications.
    pub fn serves(&self, node: NodeId) -> bool {
        match &self.sites[node].post {
            Post::Mi { .. } => true,
            Post::Mserver { child, .. } => self.built_in && child.is_none(),
        }
    }

    /// Whether mservers of LANs have a member interface inside.
    pub fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// The nodes, by their numbers.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The node of that name.
    ///
    /// # Panics
    /// If there is none: a story speaks of its own plan.
    pub fn node(&self, name: &str) -> NodeId {
        let found = self.sites.iter().position(|site| site.name == name);
        found.unwrap_or_else(|| panic!("no node {name} in the plan"))
    }

    /// The node at an address.
    pub fn at(&self, address: SocketAddrV4) -> Option<NodeId> {
        let [_, _, high, low] = address.ip().octets();
        let node = usize::from(u16::from_be_bytes([high, low])).checked_sub(1)?;
        self.sites.get(node).filter(|site| site.address == address).map(|_| node)
    }

    /// Name of the node at an address; the address itself where there is none.
    pub fn name_at(&self, address: SocketAddrV4) -> String {
        self.at(address).map_or_else(|| address.to_string(), |node| self.sites[node].name.clone())
    }

    /// All mservers.
    pub fn mservers(&self) -> impl Iterator<Item = NodeId> + '_ {
        let is_mserver = |node: &NodeId| matches!(self.sites[*node].post, Post::Mserver { .. });
        (0..self.sites.len()).filter(is_mserver)
    }

    /// All nodes that serve applications.
    pub fn served(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.sites.len()).filter(|node| self.serves(*node))
    }

    /// The member interfaces whose first choice a mserver is.
    pub fn below(&self, mserver: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let home = move |site: &Site| match &site.post {
            Post::Mi { servers } => servers[0] == mserver,
            Post::Mserver { .. } => false,
        };
        (0..self.sites.len()).filter(move |node| home(&self.sites[*node]))
    }

    fn peers(&self, one: NodeId, other: NodeId) -> bool {
        match (&self.sites[one].post, &self.sites[other].post) {
            (Post::Mserver { set, .. }, Post::Mserver { set: theirs, .. }) => set == theirs,
            _ => false,
        }
    }

    /// The sets that a mserver is in, with their levels: that of its peers, and the one that it is parent of.
    pub fn sets_of(&self, node: NodeId) -> Vec<(GroupName, u8)> {
        match &self.sites[node].post {
            Post::Mserver { set, level, child } => {
                let child = child.map(|child| (child, level.saturating_sub(1)));
                [(*set, *level)].into_iter().chain(child).collect()
            }
            Post::Mi { .. } => Vec::new(),
        }
    }

    /// All sets, with their levels.
    pub fn sets(&self) -> BTreeSet<(GroupName, u8)> {
        self.mservers().flat_map(|node| self.sets_of(node)).sorted_set()
    }

    /// The mservers of a set, those that are its parent, or would be, among them.
    pub fn members(&self, set: GroupName) -> Vec<NodeId> {
        let inside = |node: &NodeId| self.sets_of(*node).iter().any(|(name, _)| *name == set);
        self.mservers().filter(inside).collect()
    }

    /// The lowest level on which two mservers are in one set; none if they are in no set together.
    pub fn meet(&self, one: NodeId, other: NodeId) -> Option<u8> {
        let theirs = self.sets_of(other);
        let both = self.sets_of(one).into_iter().filter(|set| theirs.contains(set));
        both.map(|(_, level)| level).min()
    }

    /// The sets above a node that serves applications, from its LAN's mservers to the top.
    pub fn sets_above(&self, node: NodeId) -> BTreeSet<(GroupName, u8)> {
        let first = match &self.sites[node].post {
            Post::Mi { servers } => servers.clone(),
            Post::Mserver { .. } => vec![node],
        };
        let mut all = BTreeSet::new();
        let mut next: Vec<NodeId> = first;
        while let Some(node) = next.pop() {
            let Post::Mserver { set, level, .. } = self.sites[node].post else { continue };
            if all.insert((set, level)) {
                let leads = |node: &NodeId| match self.sites[*node].post {
                    Post::Mserver { child, .. } => child == Some(set),
                    Post::Mi { .. } => false,
                };
                next.extend(self.mservers().filter(leads));
            }
        }
        all
    }

    /// The mservers that may have to do with a group that this node has members of.
    pub fn involved(&self, node: NodeId) -> BTreeSet<NodeId> {
        let sets = self.sets_above(node);
        sets.into_iter().flat_map(|(set, _)| self.members(set)).sorted_set()
    }

    /// The highest level that a scope reaches.
    pub fn reach(&self, scope: Scope) -> u8 {
        match scope {
            Scope::Top => u8::MAX,
            Scope::Level(level) => level,
            Scope::Set(name) => {
                let found = self.sets().into_iter().find(|(set, _)| *set == name);
                found.map_or(u8::MAX, |(_, level)| level)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_a_parent_for_every_set_but_the_highest() {
        let plan = Plan::tree(&[2, 3, 2], 1);
        assert_eq!(plan.mservers().count(), 2 + 2 * 3 + 2 * 3 * 2);
        assert_eq!(plan.served().count(), 12);
        let (a2, a21) = (plan.node("a2"), plan.node("a21"));
        assert_eq!(plan.members(named("set-a2")), [a2, a21, plan.node("a22")]);
        assert_eq!(plan.meet(a2, a21), Some(1));
        assert_eq!(plan.meet(a2, plan.node("a3")), Some(2));
        assert_eq!(plan.meet(a2, plan.node("b")), None);
        let above: Vec<u8> = plan.sets_above(plan.node("a21/1")).iter().map(|s| s.1).collect();
        assert_eq!(above.len(), 3);
        let involved = plan.involved(plan.node("a21/1"));
        assert!(involved.contains(&plan.node("b")) && !involved.contains(&plan.node("b1")));
        assert!(plan.sites().iter().all(|site| plan.at(site.address).is_some()));
    }

    #[test]
    fn standbys_and_alternatives_are_peers_of_whom_they_stand_by_for() {
        let plan = Plan::tree(&[2, 2], 1).with_standbys().with_alternatives();
        assert!(plan.members(named("set-a")).contains(&plan.node("a'")));
        let Post::Mi { servers } = &plan.sites()[plan.node("a1/1")].post else { panic!() };
        assert_eq!(*servers, [plan.node("a1"), plan.node("a2")]);
        assert!(!plan.serves(plan.node("a1")) && plan.with_built_in().serves(0).eq(&false));
    }
}
