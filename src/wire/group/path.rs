//! The way to a member (HIERARCHY: paths are shared between members).
//!
//! A roster of thousands is reached by a few ways, and is copied whenever a view of it is passed on: members that are
//! reached alike share the mservers on the way, whose list is never changed, only replaced.

use super::Entry;
use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::ops::Deref;
use std::sync::Arc;

/// Mservers, the highest first. The empty way costs nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Path(Option<Arc<[SocketAddrV4]>>);

impl Path {
    /// The same way, shared with one of those if it is reached alike.
    pub fn shared(self, with: &[Entry]) -> Path {
        // Who came last came as likely as not from the same place.
        with.iter().rev().find(|entry| entry.path == self).map_or(self, |e| e.path.clone())
    }

    /// Equal ways of a roster become one.
    pub fn share(roster: &mut [Entry]) {
        let mut ways: BTreeSet<Path> = BTreeSet::new();
        for entry in roster {
            match ways.get(&entry.path) {
                Some(way) => entry.path = way.clone(),
                None => _ = ways.insert(entry.path.clone()),
            }
        }
    }
}

impl From<Vec<SocketAddrV4>> for Path {
    fn from(way: Vec<SocketAddrV4>) -> Path {
        Path((!way.is_empty()).then(|| way.into()))
    }
}

impl Deref for Path {
    type Target = [SocketAddrV4];

    fn deref(&self) -> &[SocketAddrV4] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Incarnation;
    use crate::wire::coreset::Life;
    use crate::wire::group::MemberId;
    use std::net::Ipv4Addr;

    fn entry(gid: u32) -> Entry {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, (gid % 3) as u8), 2900);
        let id = MemberId { mi: Life { address, inc: Incarnation(1) }, number: gid };
        let path = vec![address].into();
        Entry { id, gid, tag: Vec::new(), roams: false, lost: false, registration: 0, path }
    }

    fn is_one(a: &Path, b: &Path) -> bool {
        std::ptr::eq(a.as_ptr(), b.as_ptr())
    }

    #[test]
    fn members_that_are_reached_alike_share_their_way() {
        let mut roster: Vec<Entry> = (0..9).map(entry).collect();
        assert!(!is_one(&roster[0].path, &roster[3].path));
        let before = roster.clone();
        Path::share(&mut roster);
        assert_eq!(roster, before);
        assert!(is_one(&roster[0].path, &roster[6].path));
        assert!(is_one(&entry(10).path.shared(&roster), &roster[1].path));
        assert_eq!(Path::from(Vec::new()), Path::default());
    }
}
