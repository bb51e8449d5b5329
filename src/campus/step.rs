//! One change of the hierarchy, as MS_mgr asks for it (Table 5), and what the hierarchy is after it. Each is atomic: a core-set
//! commits it or does not.

use super::live::{Live, SetNow};
use super::print::{list, short};
use super::{PORT, Post};
use crate::name::GroupName;
use crate::sorted::Sorted as _;
use std::fmt;
use std::net::SocketAddrV4;

/// A step. `via` is a mserver that is asked for it where the one concerned need not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A mserver no longer stands by to be the parent of a set.
    StandDown {
        /// Who.
        who: SocketAddrV4,
        /// The set.
        set: GroupName,
    },
    /// It does from now on.
    StandBy {
        /// Who.
        who: SocketAddrV4,
        /// The set.
        set: GroupName,
        /// Its level.
        level: u8,
    },
    /// The parent of a set goes.
    DelParent {
        /// A member.
        via: SocketAddrV4,
        /// The set.
        set: GroupName,
        /// Who goes.
        parent: SocketAddrV4,
        /// Who stands by, and takes over.
        heir: Option<SocketAddrV4>,
    },
    /// Members of a set become one of their own.
    Split {
        /// A member that stays.
        via: SocketAddrV4,
        /// The set.
        set: GroupName,
        /// The new one.
        name: GroupName,
        /// Who goes.
        side: Vec<SocketAddrV4>,
    },
    /// A set becomes part of another.
    Merge {
        /// A member of the one that stays.
        via: SocketAddrV4,
        /// The set that stays.
        set: GroupName,
        /// A member of the other one.
        at: SocketAddrV4,
        /// The other one.
        other: GroupName,
    },
    /// A mserver leaves its set.
    Leave {
        /// Who.
        who: SocketAddrV4,
        /// The set.
        set: GroupName,
    },
    /// A mserver in no set joins one, or founds it.
    Join {
        /// Who.
        who: SocketAddrV4,
        /// The set.
        set: GroupName,
        /// Its level.
        level: u8,
    },
    /// A set gets a parent.
    AddParent {
        /// A member.
        via: SocketAddrV4,
        /// The set.
        set: GroupName,
        /// Who.
        parent: SocketAddrV4,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |who: &SocketAddrV4| short(*who, PORT);
        match self {
            Step::StandDown { who, set } => {
                write!(f, "stand down: {} no longer waits to be the parent of {set}", name(who))
            }
            Step::StandBy { who, set, .. } => {
                write!(f, "stand by: {} waits to be the parent of {set}", name(who))
            }
            Step::DelParent { set, parent, heir: None, .. } => {
                write!(f, "del-parent: {} is no longer the parent of {set}", name(parent))
            }
            Step::DelParent { set, parent, heir: Some(heir), .. } => {
                let (parent, heir) = (name(parent), name(heir));
                write!(
                    f,
                    "del-parent: {parent} is no longer the parent of {set}, {heir} takes over"
                )
            }
            Step::Split { set, name, side, .. } => {
                write!(f, "split: {} of {set} become the set {name}", list(side, PORT))
            }
            Step::Merge { set, other, .. } => write!(f, "merge: {other} becomes part of {set}"),
            Step::Leave { who, set } => write!(f, "leave: {} leaves {set}", name(who)),
            Step::Join { who, set, level } => {
                write!(f, "join: {} joins {set} of level {level}", name(who))
            }
            Step::AddParent { set, parent, .. } => {
                write!(f, "add-parent: {} becomes the parent of {set}", name(parent))
            }
        }
    }
}

impl Step {
    /// The hierarchy as it is when the step is done.
    pub fn apply(&self, live: &mut Live) {
        match self {
            Step::StandDown { who, .. } => live.post(*who).charge(None),
            Step::StandBy { who, set, .. } => live.post(*who).charge(Some(*set)),
            Step::DelParent { set, parent, .. } => {
                live.set(*set).parent = None;
                live.post(*parent).charge(None);
            }
            Step::Split { set, name, side, .. } => {
                let old = live.set(*set);
                old.members.retain(|who| !side.contains(who));
                let (level, groups) = (old.level, old.groups);
                let members = side.iter().copied().sorted_set();
                live.sets.insert(*name, SetNow { level, members, groups, ..SetNow::default() });
                side.iter().for_each(|who| live.post(*who).set = Some(*name));
            }
            Step::Merge { set, other, .. } => {
                let gone = live.sets.remove(other).unwrap_or_default();
                let stays = live.set(*set);
                stays.members.extend(&gone.members);
                stays.groups = stays.groups.max(gone.groups);
                for who in gone.members {
                    live.post(who).set = Some(*set);
                }
            }
            Step::Leave { who, set } => {
                live.post(*who).set = None;
                let old = live.set(*set);
                old.members.remove(who);
                if old.members.is_empty() && old.parent.is_none() {
                    live.sets.remove(set);
                }
            }
            Step::Join { who, set, level } => {
                live.post(*who).set = Some(*set);
                let new = live.set(*set);
                new.level = *level;
                new.members.insert(*who);
            }
            Step::AddParent { set, parent, .. } => {
                live.set(*set).parent = Some(*parent);
                live.post(*parent).charge(Some(*set));
            }
        }
        live.take_over();
    }
}

impl Post {
    /// Where it will look for the set, nobody has said yet.
    fn charge(&mut self, child: Option<GroupName>) {
        (self.child, self.looks_at) = (child, None);
    }
}

impl Live {
    fn post(&mut self, who: SocketAddrV4) -> &mut Post {
        self.posts.entry(who).or_default()
    }

    fn set(&mut self, name: GroupName) -> &mut SetNow {
        self.sets.entry(name).or_default()
    }

    /// A set without a parent takes one that stands by, without being told.
    pub(super) fn take_over(&mut self) {
        for (name, heir) in self.waiting() {
            self.set(name).parent = Some(heir);
        }
    }
}
