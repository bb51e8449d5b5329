//! The whole hierarchy as a value: what an ms.campus(5) says, and what the daemons say of themselves (thesis III.A, Figure 5).
//!
//! ```text
//!   text ── parse, check ──> Campus ──┐
//!                                     ├── diff ──> + - ~ lines
//!   answers ── Live::of ──> Live ─────┴── plan ──> steps, each atomic, and what only hands can do
//!                            └── campus() ── Display ──> text
//! ```
//!
//! | file | what |
//! |---|---|
//! | `words`, `parse`, `check` | from text to a [`Campus`], with the place of everything that is wrong |
//! | `print` | and back |
//! | `live` | what the daemons said, put together |
//! | `diff` | how the two differ, for a person |
//! | `plan`, `step` | the steps from one to the other |
//! | `orphan` | groups that these would cut off |
//! | `lines` | the command lines of daemons that must be started |
//!
//! Nothing here asks a daemon or looks at a clock: `ms mgr apply` does.

mod check;
mod diff;
mod lines;
mod live;
mod orphan;
mod parse;
mod plan;
mod print;
mod step;
#[cfg(test)]
mod tests;
mod words;

pub use diff::diff;
pub use lines::{addresses, command_of_mi, command_of_mserver, commands};
pub use live::{Answer, LanNow, Live, Post, Seat, SetNow};
pub use orphan::orphans;
pub use parse::{Fault, parse};
pub use plan::{Chore, Plan, plan};
pub use print::counted;
pub use step::Step;

use crate::name::GroupName;
use crate::proto::mserver::Below;
use crate::proto::places::Places;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// UDP port of a mserver whose address is given without one.
pub const PORT: u16 = 2900;
/// UDP port of a member interface whose address is given without one.
pub const MI_PORT: u16 = 2901;

/// A hierarchy: its core-sets and the LANs below them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Campus {
    /// The core-sets, by name.
    pub sets: BTreeMap<GroupName, Set>,
    /// The LANs that something is said of, by name.
    pub lans: BTreeMap<GroupName, Lan>,
}

/// A core-set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Set {
    /// 1 for a set of LAN mservers, one more than the sets that its members are parents of.
    pub level: u8,
    /// Where it is heard, if not at the address that its name gives it.
    pub address: Option<SocketAddrV4>,
    /// Mservers of a set one level higher: its parent, and those who stand by to be.
    pub parents: Vec<SocketAddrV4>,
    /// Its members, but for the parent.
    pub mservers: BTreeMap<SocketAddrV4, Server>,
}

/// What is below a mserver, if it is no parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Server {
    /// The name of its LAN, if not the one that its address gives it.
    pub lan: Option<GroupName>,
    /// A member interface is built in.
    pub mi: bool,
}

/// A LAN of member interfaces.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lan {
    /// Where it is heard, if not at the address that its name gives it.
    pub address: Option<SocketAddrV4>,
    /// Its member interfaces, but for those that are built into mservers.
    pub mis: BTreeSet<SocketAddrV4>,
}

impl Campus {
    /// The set that a mserver is a member of.
    pub fn home(&self, who: SocketAddrV4) -> Option<GroupName> {
        self.sets.iter().find(|(_, set)| set.mservers.contains_key(&who)).map(|(name, _)| *name)
    }

    /// The set that a mserver is the parent of, or stands by for.
    pub fn charge(&self, who: SocketAddrV4) -> Option<GroupName> {
        self.sets.iter().find(|(_, set)| set.parents.contains(&who)).map(|(name, _)| *name)
    }

    /// Every mserver, with what is below it.
    pub fn mservers(&self) -> impl Iterator<Item = (SocketAddrV4, Server)> + '_ {
        self.sets.values().flat_map(|set| set.mservers.iter().map(|(who, server)| (*who, *server)))
    }

    /// The mservers of a LAN. One that is to be a parent has none.
    pub fn servers_of(&self, lan: GroupName) -> impl Iterator<Item = SocketAddrV4> + '_ {
        let has = move |&(who, server): &(SocketAddrV4, Server)| {
            lan_name(who, server.lan) == lan && self.charge(who).is_none()
        };
        self.mservers().filter(has).map(|(who, _)| who)
    }

    /// The LAN of a member interface.
    pub fn lan_of_mi(&self, mi: SocketAddrV4) -> Option<GroupName> {
        self.lans.iter().find(|(_, lan)| lan.mis.contains(&mi)).map(|(name, _)| *name)
    }
}

/// The name of a mserver's LAN: the one that it was given, or that of its address.
pub fn lan_name(who: SocketAddrV4, given: Option<GroupName>) -> GroupName {
    given.unwrap_or_else(|| match Below::lan_of(who, false) {
        Below::Lan { name, .. } | Below::Set(name) => name,
    })
}

/// Where a set or LAN is heard if nobody gave it an address.
pub fn derived(name: GroupName) -> SocketAddrV4 {
    Places::new(BTreeMap::new(), PORT).of(&name)
}
