//! Views on their way down (Figures 40 and 42): from a core, or a mserver below one, to those children that have members.
//!
//! ```text
//!   view ──> applied here? ── no, it does not follow ──> the whole is wanted
//!              └─ yes ──> each child with members before or after:  a change, or the whole if it is new
//!   GOT ──> up to that view it is there; none below any more? the branch is pruned
//!   silence ──> the whole again, after T_REPLY as often as there are retries, then after T_QUERY,
//!               until whoever monitors the child gives it up
//! ```
//!
//! What is kept of a group is its last view and how far each child is; without members below, nothing. A mserver with its
//! own children, and a LAN mserver with its member interfaces, are the same to it: which child leads to a member is asked.

use super::known::{Applied, Known};
use crate::proto::params::Params;
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::group::{Direct, Entry, GroupKey, Reason, RequestId};
use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// How far a child is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Branch {
    /// Term and number of the last view that it has.
    has: (u32, u32),
    /// For its answer to the last one that it was sent; off: it has it.
    wait: Countdown,
    left: u32,
}

/// A group with members below.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Below {
    known: Known,
    /// Why its last view differs from the one before, and the requests that it answers.
    last: (Reason, Vec<RequestId>),
    branches: BTreeMap<SocketAddrV4, Branch>,
}

/// Views on their way down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relay {
    reply: u32,
    retries: u32,
    query: u32,
    /// By incarnation, so that one that is called otherwise now is the same.
    groups: BTreeMap<RequestId, Below>,
    /// Those of them that an answer is waited for of: of many groups these are few, and they alone have timers.
    awaited: BTreeSet<RequestId>,
}

/// A view for a child.
pub type Delivery = (SocketAddrV4, Direct);

impl Relay {
    /// Nothing is under way.
    pub fn new(params: &Params) -> Relay {
        let Params { reply, retries, query, .. } = *params;
        Relay { reply, retries, query, groups: BTreeMap::new(), awaited: BTreeSet::new() }
    }

    /// Other timings from now on; what waits goes on waiting as it did.
    pub fn set_params(&mut self, params: &Params) {
        (self.reply, self.retries, self.query) = (params.reply, params.retries, params.query);
    }

    /// The last view of a group with members below.
    pub fn known(&self, key: &GroupKey) -> Option<&Known> {
        self.groups.get(&key.inc).map(|below| &below.known)
    }

    /// The groups with members below.
    pub fn groups(&self) -> impl Iterator<Item = GroupKey> {
        self.groups.values().map(|below| below.known.key())
    }

    /// Members of a group behind the children that are known.
    pub fn below(&self, key: &GroupKey, child_of: impl Fn(&Entry) -> Option<SocketAddrV4>) -> u32 {
        let roster = self.known(key).map(Known::roster).unwrap_or_default();
        roster.iter().filter(|entry| child_of(entry).is_some()).count() as u32
    }

    /// A view that was decided here, or came from above. `child_of`: by which child a member is reached, if by ours.
    /// [`Applied::Gap`]: the whole is wanted, and nothing was done.
    pub fn view(
        &mut self,
        direct: &Direct,
        child_of: impl Fn(&Entry) -> Option<SocketAddrV4>,
        out: &mut Vec<Delivery>,
    ) -> Applied {
        let below = self.groups.entry(direct.key.inc).or_insert_with(|| Below::new(direct.key));
        let applied = below.known.apply(direct);
        if applied == Applied::New {
            self.awaited.insert(direct.key.inc);
            below.last = (direct.reason, direct.causes.clone());
            let with = below.known.roster().iter().filter_map(&child_of).sorted_set();
            let fresh =
                Branch { has: (0, 0), wait: Countdown::after(self.reply), left: self.retries };
            for (&child, branch) in &mut below.branches {
                *branch = Branch { has: branch.has, ..fresh };
                out.push((child, direct.clone()));
            }
            for child in with {
                if let MapEntry::Vacant(place) = below.branches.entry(child) {
                    place.insert(fresh);
                    out.push((child, below.known.whole(direct.reason, direct.causes.clone())));
                }
            }
        }
        if below.branches.is_empty() {
            self.groups.remove(&direct.key.inc);
        }
        applied
    }

    /// A child has views up to that one, and so many members of it below.
    ///
    /// # Errors
    /// The word under which an answer is counted that nobody waits for.
    pub fn got(
        &mut self,
        child: SocketAddrV4,
        (key, term, number): (GroupKey, u32, u32),
        members: u32,
    ) -> Result<(), &'static str> {
        let below = self.groups.get_mut(&key.inc).ok_or("answer-not-expected")?;
        let at = below.known.at();
        let branch = below.branches.get_mut(&child).ok_or("answer-not-expected")?;
        branch.has = branch.has.max((term, number));
        if branch.has < at {
            return Ok(());
        }
        branch.wait = Countdown::OFF;
        if below.branches.values().all(|branch| branch.wait == Countdown::OFF) {
            self.awaited.remove(&key.inc);
        }
        // Only at the last view: one that is on its way may be the first that has members there.
        if members == 0 {
            below.branches.remove(&child);
        }
        if below.branches.is_empty() {
            self.groups.remove(&key.inc);
        }
        Ok(())
    }

    /// Members are reached by other ways. A child that has members now, or has others, gets the whole; one that has none
    /// any more is told by nobody that it has: whoever was there went another way.
    pub fn repath(
        &mut self,
        key: &GroupKey,
        entries: &[Entry],
        child_of: impl Fn(&Entry) -> Option<SocketAddrV4>,
        out: &mut Vec<Delivery>,
    ) {
        let Some(below) = self.groups.get_mut(&key.inc) else { return };
        let before = below.known.roster().to_vec();
        below.known.repath(entries);
        let mut with = BTreeMap::new();
        for (entry, was) in below.known.roster().iter().zip(&before) {
            if let Some(child) = child_of(entry) {
                *with.entry(child).or_insert(false) |= entry.path != was.path;
            }
        }
        below.branches.retain(|child, _| with.contains_key(child));
        let whole = below.whole();
        let fresh = Branch { has: (0, 0), wait: Countdown::after(self.reply), left: self.retries };
        for (child, differs) in with {
            if differs || !below.branches.contains_key(&child) {
                self.awaited.insert(key.inc);
                below.branches.insert(child, fresh);
                out.push((child, whole.clone()));
            }
        }
        if below.branches.is_empty() {
            self.groups.remove(&key.inc);
        }
    }

    /// A child has missed something: it gets the whole. False if the group is not known here.
    pub fn missing(
        &mut self,
        child: SocketAddrV4,
        key: &GroupKey,
        out: &mut Vec<Delivery>,
    ) -> bool {
        let Some(below) = self.groups.get_mut(&key.inc) else { return false };
        self.awaited.insert(key.inc);
        let wait = Countdown::after(self.reply);
        let fresh = Branch { has: (0, 0), wait, left: self.retries };
        below.branches.entry(child).or_insert(fresh).wait = wait;
        out.push((child, below.whole()));
        true
    }

    /// A child is lost. If it comes back it may know nothing: what it had does not count.
    pub fn anew(&mut self, child: SocketAddrV4) {
        let fresh = Branch { has: (0, 0), wait: Countdown::after(self.reply), left: self.retries };
        for (inc, below) in &mut self.groups {
            if let Some(branch) = below.branches.get_mut(&child) {
                *branch = fresh;
                self.awaited.insert(*inc);
            }
        }
    }

    /// A child is gone: nothing goes there any more.
    pub fn forget(&mut self, child: SocketAddrV4) {
        self.groups.retain(|_, below| {
            below.branches.remove(&child);
            !below.branches.is_empty()
        });
    }

    /// The group is told to our children by somebody else from now on, or by nobody.
    pub fn drop(&mut self, key: &GroupKey) {
        self.groups.remove(&key.inc);
    }

    /// Time passes: what was not answered is told again, as a whole.
    pub fn tick(&mut self, elapsed: u32, out: &mut Vec<Delivery>) {
        let (query, reply) = (self.query, self.reply);
        self.awaited.retain(|inc| {
            let Some(below) = self.groups.get_mut(inc) else { return false };
            let mut late = Vec::new();
            for (&child, branch) in &mut below.branches {
                if branch.wait.tick(elapsed) {
                    let wait = if branch.left == 0 { query } else { reply };
                    (branch.wait, branch.left) =
                        (Countdown::after(wait), branch.left.saturating_sub(1));
                    late.push(child);
                }
            }
            out.extend(late.into_iter().map(|child| (child, below.whole())));
            below.branches.values().any(|branch| branch.wait != Countdown::OFF)
        });
    }

    /// Ticks until something is due; `u32::MAX` if nothing is.
    pub fn due(&self) -> u32 {
        let awaited = self.awaited.iter().filter_map(|inc| self.groups.get(inc));
        let waits = awaited.flat_map(|below| below.branches.values()).map(|b| b.wait.left());
        waits.filter(|&left| left > 0).min().unwrap_or(u32::MAX)
    }
}

impl Below {
    fn new(key: GroupKey) -> Below {
        let last = (Reason::Resync, Vec::new());
        Below { known: Known::new(key), last, branches: BTreeMap::new() }
    }

    /// Its last view, with all that it says.
    fn whole(&self) -> Direct {
        let (reason, causes) = self.last.clone();
        self.known.whole(reason, causes)
    }
}
