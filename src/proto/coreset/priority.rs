//! Which of two changes goes first (thesis IV.C.3): a strict total order on their ids.

use crate::wire::coreset::{Change, ChangeId, ChangeKind, View};
use std::cmp::{Ordering, Reverse};
use std::net::SocketAddrV4;

impl ChangeId {
    /// Whether this change goes before `other`.
    pub fn higher(&self, other: &ChangeId) -> bool {
        self.order(other) == Ordering::Greater
    }

    fn order(&self, other: &ChangeId) -> Ordering {
        let rank = |id: &ChangeId| {
            let smaller_first = Reverse((id.class, id.key, id.crank, id.coord.address));
            (id.round, smaller_first, id.coord.inc, id.seq)
        };
        rank(self).cmp(&rank(other))
    }
}

impl Change {
    /// Whether this change goes before `floor`, or there is none.
    pub(super) fn above(&self, floor: Option<&Change>) -> bool {
        floor.is_none_or(|floor| self.id.higher(&floor.id))
    }

    /// Whether it is a Merge.
    pub(super) fn is_merge(&self) -> bool {
        matches!(self.kind, ChangeKind::Merge { .. })
    }

    /// Whether it is a batch of operations.
    pub(super) fn is_batch(&self) -> bool {
        matches!(self.kind, ChangeKind::Application { .. })
    }

    /// Who comes by it, if somebody does.
    pub(super) fn joiner(&self) -> Option<SocketAddrV4> {
        match &self.kind {
            ChangeKind::Join { member } | ChangeKind::AddParent { member } => {
                Some(member.life.address)
            }
            _ => None,
        }
    }
}

/// An address as a key: smaller addresses go first.
pub(super) fn address_key(address: SocketAddrV4) -> u64 {
    u64::from(u32::from(*address.ip())) << 16 | u64::from(address.port())
}

/// The key of a change of that kind on `view`.
pub(super) fn key(kind: &ChangeKind, view: &View) -> u64 {
    let rank = |who: &SocketAddrV4| view.rank(*who).map_or(u64::MAX, |r| r.0.into());
    match kind {
        ChangeKind::Fail { subjects } => subjects.iter().map(rank).min().unwrap_or(u64::MAX),
        ChangeKind::Leave { who } | ChangeKind::DelParent { who } => rank(who),
        ChangeKind::Split { side, .. } => side.iter().map(rank).min().unwrap_or(u64::MAX),
        ChangeKind::Join { member } | ChangeKind::AddParent { member } => {
            address_key(member.life.address)
        }
        ChangeKind::Merge { views, .. } => {
            views.iter().filter_map(View::lowest).min().map_or(u64::MAX, address_key)
        }
        ChangeKind::Application { .. } | ChangeKind::Rename => 0,
    }
}
