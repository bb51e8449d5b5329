//! Two sets become one: what their registries come to (RECONCILE; thesis IV.E.2, rule 2).
//!
//! ```text
//!   one side        other side       together
//!   core            core             one group: union, highest number + 1, highest term + 1; or two (sides.rs)
//!   core            above, lost      the higher term; at equal terms the core
//!   above           above            the higher term; at equal terms the lower branch
//!   one incarnation another          the lower incarnation keeps the name, the other gets a suffix
//! ```
//!
//! A pure function of both, the same whichever side computes it. A request that both sides did, since it was applied
//! twice before they met again, is done once: members are told apart by who they are.

use super::names::{again, waiting};
use super::registry::{Effect, Record, Registry, Role};
use super::sides::{Meeting, meet, met, tell_kept};
use crate::name::Digest;
use crate::sorted::Sorted as _;
use crate::wire::WireError;
use crate::wire::group::{Core, Entry, Last, Reason};

/// The registry of the merged set, and the views that follow.
///
/// The first registry is that of the side whose members stand first in the merged view.
pub fn reconcile(first: &Registry, second: &Registry) -> (Registry, Vec<Effect>) {
    let mut all = first.clone();
    let mut effects = Vec::new();
    for record in second.iter() {
        let name = record.key.full_name();
        match all.records.remove(&name) {
            None => {
                all.records.insert(name, record.clone());
            }
            Some(ours) if ours.key.inc == record.key.inc => {
                let (together, goes) = same_group(ours, record.clone(), &mut effects);
                all.records.insert(name, together);
                if let Some(goes) = goes {
                    all.set_apart(goes, &mut effects);
                }
            }
            Some(ours) => apart(ours, record.clone(), &mut all, &mut effects),
        }
    }
    for (inc, term) in &second.ended {
        all.bury(*inc, *term);
    }
    // Who still has members of a group knows better than who has none any more.
    let Registry { records, ended } = &mut all;
    records.retain(|_, record| {
        let lives = matches!(record.role, Role::Core { .. } | Role::Above(_) | Role::Claimed(_));
        if lives {
            ended.remove(&record.key.inc);
        }
        lives || !ended.contains_key(&record.key.inc)
    });
    (all, effects)
}

impl Registry {
    /// All of it as bytes, for those who come.
    pub fn encode(&self) -> Vec<u8> {
        let ended = self.ended.iter().map(|(inc, term)| (*inc, *term)).collect();
        Record::encode_all(self.records.values(), ended)
    }

    /// Reads what [`Registry::encode`] wrote.
    ///
    /// # Errors
    /// [`WireError::Payload`] with a word for the field that does not make sense.
    pub fn decode(bytes: &[u8]) -> Result<Registry, WireError> {
        let (records, ended) = Record::decode_all(bytes)?;
        let named = |record: Record| (record.key.full_name(), record);
        let records = records.into_iter().map(named).sorted_map();
        Ok(Registry { records, ended: ended.into_iter().sorted_map() })
    }

    /// What tells registries apart: at one position of a set all have the same.
    pub fn digest(&self) -> Digest {
        Record::digest_of(&self.encode())
    }

    /// Nobody is left in the set but its parent, which decides nothing here: no core is in the set any more.
    pub fn orphan(&mut self) {
        for record in self.records.values_mut() {
            if let Role::Core { core, .. } = &record.role {
                let roster = core.roster.iter().map(|entry| entry.gid).collect();
                record.last = Last { number: core.number, roster };
                record.role = Role::Lost;
            }
        }
    }
}

/// What becomes of a group that both know, and the side of it that keeps apart, if one does.
fn same_group(
    ours: Record,
    theirs: Record,
    effects: &mut Vec<Effect>,
) -> (Record, Option<Box<Core>>) {
    match (&ours.role, &theirs.role) {
        (Role::Core { core: a, .. }, Role::Core { core: b, .. }) => {
            let (core, goes, reason) = match meet(a, b) {
                Meeting::One(core) => (core, None, Reason::Merged),
                Meeting::Two { keeps, goes } => (keeps, Some(goes), Reason::Resync),
            };
            tell_kept(&core, reason, effects);
            let together = met(ours.clone(), core);
            effects.extend([ours, theirs].map(waiting).into_iter().flat_map(again));
            (together, goes)
        }
        _ => match strength(&ours) >= strength(&theirs) {
            true => (ours, None),
            false => (theirs, None),
        },
    }
}

/// Which of two records about one group is believed: one that lives, then the higher term, then who knows more.
fn strength(record: &Record) -> (bool, u32, u8, std::cmp::Reverse<Option<std::net::SocketAddrV4>>) {
    let (knows, branch) = match &record.role {
        Role::Core { .. } => (4, None),
        Role::Above(branch) => (3, Some(*branch)),
        Role::Claimed(_) => (2, None),
        Role::Reserved(_) | Role::Suspended(_) => (1, None),
        Role::Lost => (0, None),
    };
    (!record.is_over(), record.term, knows, std::cmp::Reverse(branch))
}

/// The members of both sides: those that both have where the first has them, then the first's, then the second's.
pub(super) fn union(a: &Core, b: &Core) -> Core {
    let mut core = a.clone();
    core.next_gid = a.next_gid.max(b.next_gid);
    core.roster.retain(|entry| !b.has_seen_off(entry));
    core.departed.extend(&b.departed);
    core.set_departed(&[], false);
    for entry in b.roster.iter().filter(|entry| !a.has_seen_off(entry)) {
        if let Some(ours) = core.roster.iter_mut().find(|ours| ours.id == entry.id) {
            // Who is lost to one side is reached by the other.
            if (!ours.lost, ours.registration) < (!entry.lost, entry.registration) {
                (ours.path, ours.lost) = (entry.path.clone(), entry.lost);
                ours.registration = entry.registration;
            }
            continue;
        }
        let taken = core.roster.iter().any(|ours| ours.gid == entry.gid);
        let gid = if taken { core.next_gid } else { entry.gid };
        core.next_gid = core.next_gid.max(gid.saturating_add(1));
        core.roster.push(Entry { gid, ..entry.clone() });
    }
    core.term = a.term.max(b.term).saturating_add(1);
    core.number = a.number.max(b.number).saturating_add(1);
    for done in &b.done {
        match core.done.binary_search_by_key(&done.origin, |d| d.origin) {
            Ok(place) => core.done[place].join(done),
            Err(place) => core.done.insert(place, done.clone()),
        }
    }
    core.gather_from(b);
    core
}

/// Two groups that happen to have one name: the lower incarnation keeps it, if both live.
fn apart(ours: Record, theirs: Record, all: &mut Registry, effects: &mut Vec<Effect>) {
    let exists = |record: &Record| matches!(record.role, Role::Core { .. } | Role::Above(_));
    let name = ours.key.full_name();
    let (keeps, goes) = match (exists(&ours), exists(&theirs)) {
        (true, true) if ours.key.inc <= theirs.key.inc => (ours, theirs),
        (true, true) | (false, true) => (theirs, ours),
        (true, false) | (false, false) => (ours, theirs),
    };
    if exists(&goes) {
        all.records.insert(name, goes);
        all.give_name(name, all.free(name), effects);
    } else {
        effects.extend(again(waiting(goes)));
    }
    all.records.insert(name, keeps);
}
