//! Rule 2: two sides of what was one group meet, and become one or keep apart (IV.E.2; HIERARCHY: partitions).
//!
//! ```text
//!   neither has cut off anybody of the other ───────────────> they never parted: one
//!   both may become one, by the last views of both ─────────> one
//!   else ──┬─ the larger side, then the more senior one ────> keeps the name and the incarnation; told again
//!          └─ the other ────────────────────────────────────> a group of its own: name.GID; its members are told, split
//! ```
//!
//! Everything below a core knows a group by its incarnation, so that a side that keeps apart needs one of its own. It is
//! made from the last view there, by a member's address and the digest: all who see both sides meet, make the same,
//! and no member interface ever counts that far. Gid: the lowest of that side, whose place in the last common view was
//! the highest there.

use super::reconcile::union;
use super::registry::{Effect, Record, Registry, Role, direct};
use crate::sorted::Sorted as _;
use crate::wire::group::{Core, Entry, MemberId, Reason, RequestId};
use std::collections::BTreeSet;

/// What becomes of two sides.
pub(super) enum Meeting {
    /// One group.
    One(Box<Core>),
    /// Two: the one that is the group from now on, and the other.
    Two { keeps: Box<Core>, goes: Box<Core> },
}

/// Two sides of one incarnation; which is the first matters only if they become one.
pub(super) fn meet(a: &Core, b: &Core) -> Meeting {
    let never_parted = !has_cut_off(a, b) && !has_cut_off(b, a);
    if never_parted || a.qos.merges(&a.roster, &b.roster) {
        return Meeting::One(Box::new(union(a, b)));
    }
    let (mut one, mut other) = (a.clone(), b.clone());
    // Who is in both belongs to the side that reaches it.
    let reach = |core: &Core, id: MemberId| core.entry(id).map(|e| (!e.lost, e.registration));
    one.roster.retain(|entry| reach(b, entry.id) <= reach(a, entry.id));
    other.roster.retain(|entry| reach(a, entry.id) < reach(b, entry.id));
    if one.roster.is_empty() || other.roster.is_empty() {
        return Meeting::One(Box::new(union(a, b)));
    }
    let (mut keeps, mut goes) =
        if weight(&one) >= weight(&other) { (one, other) } else { (other, one) };
    for core in [&mut keeps, &mut goes] {
        core.term = a.term.max(b.term).saturating_add(1);
        core.number = a.number.max(b.number).saturating_add(1);
    }
    let (senior, digest) = (goes.roster.iter().min_by_key(|e| e.gid), goes.digest());
    if let Some(senior) = senior {
        let mut number = [0; 8];
        number.copy_from_slice(&digest.0[..8]);
        let number = u64::from_be_bytes(number) >> 2 | 1 << 62;
        goes.key.inc = RequestId { origin: senior.id.mi, number };
        goes.key.suffix = Some(senior.gid);
    }
    Meeting::Two { keeps: Box::new(keeps), goes: Box::new(goes) }
}

/// Whether `side` made a view without somebody of the other side whom it knew, and who did not go.
fn has_cut_off(side: &Core, other: &Core) -> bool {
    let ids: BTreeSet<MemberId> = side.roster.iter().map(|entry| entry.id).sorted_set();
    let knew = |entry: &&Entry| !entry.lost && entry.gid < side.next_gid;
    let went = |entry: &Entry| side.departed.iter().any(|departed| departed.id == entry.id);
    other.roster.iter().filter(knew).any(|entry| !ids.contains(&entry.id) && !went(entry))
}

/// Which of two sides keeps the name: the larger one, then the one with the most senior member; the rest tells any two
/// apart.
fn weight(core: &Core) -> impl Ord {
    let lowest = core.roster.iter().map(|entry| entry.gid).min();
    (core.roster.len(), std::cmp::Reverse(lowest), core.term, core.number, core.digest().0)
}

impl Registry {
    /// A side that keeps apart is a group of its own from now on. What goes on under the name is told by the caller.
    pub(super) fn set_apart(&mut self, mut goes: Box<Core>, effects: &mut Vec<Effect>) {
        let name = self.free(goes.key.full_name());
        (goes.key.name, goes.key.suffix) = name;
        let (key, term) = (goes.key, goes.term);
        let direct = direct(&goes, Reason::Split, Vec::new(), goes.whole());
        effects.push(Effect::View { direct, core: goes.clone(), gone: Vec::new() });
        self.decide(*goes);
        effects.push(Effect::Settled { key, term });
    }
}

/// The views of what keeps the name after two sides met: all of it, merged or only told again.
pub(super) fn tell_kept(core: &Core, reason: Reason, effects: &mut Vec<Effect>) {
    let (key, term) = (core.key, core.term);
    let direct = direct(core, reason, Vec::new(), core.whole());
    effects.push(Effect::View { direct, core: Box::new(core.clone()), gone: Vec::new() });
    effects.push(Effect::Settled { key, term });
}

/// The record of a group after two sides of it met.
pub(super) fn met(ours: Record, core: Box<Core>) -> Record {
    let (key, term) = (core.key, core.term);
    Record { key, term, role: Role::Core { core, lock: None }, ..ours }
}
