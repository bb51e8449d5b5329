//! A side of a partition that may not live: who is told, and what calls come to (HIERARCHY: partitions and the two rules).
//!
//! ```text
//!   DIRECT, terminated ──> all children that views went to, and
//!                          whoever claimed the group and was sent none yet: it came here with the partition
//!   calls for it       ──> "the group has ended", until there is another of the name
//! ```

use super::{GroupOut, Groups};
use crate::name::GroupName;
use crate::proto::group::Registry;
use crate::proto::mserver::Side;
use crate::wire::group::{Direct, GroupBody, Reason, Refusal, named};

impl Groups {
    /// Whoever claimed a group that ends is told, by the way that the claim came.
    pub(super) fn tell_end(&mut self, direct: &Direct, out: &mut Vec<GroupOut>) {
        if direct.reason != Reason::Terminated {
            return;
        }
        for cause in &direct.causes {
            let claimed = self.pending.get(cause).map(|pending| pending.from);
            if let Some(to) = claimed.filter(|from| *from != self.own() && self.is_below(*from)) {
                self.send(to, direct.key.name, GroupBody::Direct(direct.clone()), out);
            }
        }
    }

    /// Why nobody is found under that name.
    pub(super) fn not_found(&self, group: GroupName) -> Refusal {
        let registries = [Side::Child, Side::Peer].map(|side| self.registry(side));
        let ended = |registry: &Registry| registry.is_terminated(named(group));
        match registries.into_iter().flatten().any(ended) {
            true => Refusal::Terminated,
            false => Refusal::NotFound,
        }
    }
}
