//! How a view follows from the one before, and what it changed.
//!
//! ```text
//!   told in whole ──────────> the roster told    difference to the one before, also to one of an earlier membership
//!   told as a delta ────────> before - gone + came, if it is the next one
//!                             its digest must come out, and we stand where we are told to
//! ```
//!
//! The member interface checks all this as well, and its socket loses nothing: what does not fit is a breach, and the
//! connection is given up. A view is never guessed.

use super::event::{Change, Own, View};
use crate::name::Digest;
use crate::proto::group::view_digest;
use crate::sorted::Sorted as _;
use crate::wire::group::{Entry, GroupKey, MemberId, Qos, Reason};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A view as it was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub key: GroupKey,
    pub term: u32,
    pub number: u32,
    pub digest: Digest,
    pub size: u32,
    pub own: Option<Own>,
    pub reason: Reason,
    pub gone: Vec<u32>,
    pub came: Vec<Entry>,
    pub whole: bool,
    pub qos: Option<Box<Qos>>,
}

impl Told {
    /// The view that follows on `now`, the last one of this membership; `earlier` is that of the membership before.
    ///
    /// # Errors
    /// What does not fit.
    pub fn apply(self, now: Option<&View>, earlier: Option<&View>) -> Result<Change, &'static str> {
        let counted = self.is_counted(now);
        let change = match now {
            Some(now) if !self.whole => {
                self.follows(now)?;
                self.extend(now)
            }
            None if !self.whole => return Err("view: a delta to nothing"),
            Some(now) if self.is_older_than(now) => return Err("view: older"),
            now => self.compare(now.is_none(), now.or(earlier)),
        };
        let view = &*change.view;
        if counted {
            return Ok(change);
        }
        if view.roster.len() != view.size as usize {
            return Err("view: size");
        }
        let (order, inc) = (view.qos.order, &view.key.inc);
        if view_digest(order, inc, view.number, &view.roster) != view.digest {
            return Err("view: digest");
        }
        let stands = |own: Own| {
            let here = view.roster.get(own.rank as usize);
            here.is_some_and(|e| (e.id, e.gid) == (own.member, own.gid))
        };
        if view.own.is_none_or(stands) { Ok(change) } else { Err("view: not in it") }
    }

    /// Whether only the size is told.
    fn is_counted(&self, now: Option<&View>) -> bool {
        let known = now.filter(|view| view.key.inc == self.key.inc).map(|view| &*view.qos);
        let counts = self.qos.as_deref().or(known).is_some_and(|qos| qos.count_only);
        counts && self.came.is_empty() && self.gone.is_empty()
    }

    fn is_older_than(&self, now: &View) -> bool {
        self.key.inc == now.key.inc && (self.term, self.number) < (now.term, now.number)
    }

    fn follows(&self, now: &View) -> Result<(), &'static str> {
        let next = now.number.checked_add(1) == Some(self.number) && self.term >= now.term;
        if next && self.key.inc == now.key.inc { Ok(()) } else { Err("view: not the next one") }
    }

    fn extend(mut self, now: &View) -> Change {
        self.gone.sort_unstable();
        let goes = |entry: &&Entry| self.gone.binary_search(&entry.gid).is_ok();
        let gone = now.roster.iter().filter(goes).cloned().collect();
        let stay = now.roster.iter().filter(|entry| !goes(entry));
        let roster = stay.chain(&self.came).cloned().collect();
        let (reason, came) = (self.reason, std::mem::take(&mut self.came));
        let view = Arc::new(self.view(roster, Some(now)));
        Change { view, reason, first: false, came, gone, renumbered: Vec::new() }
    }

    /// The view told is all of it; the difference is to `before`.
    fn compare(mut self, first: bool, earlier: Option<&View>) -> Change {
        let before = earlier.map(|view| view.roster.as_slice()).unwrap_or_default();
        let roster = std::mem::take(&mut self.came);
        let gids = |roster: &[Entry]| -> BTreeMap<MemberId, u32> {
            roster.iter().map(|entry| (entry.id, entry.gid)).sorted_map()
        };
        let (old, new) = (gids(before), gids(&roster));
        let came = roster.iter().filter(|e| !old.contains_key(&e.id)).cloned().collect();
        let gone = before.iter().filter(|e| !new.contains_key(&e.id)).cloned().collect();
        let stayed = roster.iter().filter_map(|e| Some((*old.get(&e.id)?, e)));
        let renumbered =
            stayed.filter(|(gid, e)| *gid != e.gid).map(|(gid, e)| (gid, e.id)).collect();
        let (reason, view) = (self.reason, Arc::new(self.view(roster, earlier)));
        Change { view, reason, first, came, gone, renumbered }
    }

    fn view(self, roster: Vec<Entry>, earlier: Option<&View>) -> View {
        // What was told once is not told again.
        let told = earlier.filter(|view| view.key.inc == self.key.inc).map(|view| view.qos.clone());
        View {
            qos: self.qos.map(Arc::from).or(told).unwrap_or_default(),
            key: self.key,
            term: self.term,
            number: self.number,
            digest: self.digest,
            size: self.size,
            roster,
            own: self.own,
        }
    }
}
