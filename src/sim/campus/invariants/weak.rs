//! What mservers hold of weak groups, once the faults have ended.
//!
//! ```text
//! ALIKE   all that hold a weak group hold the same members, in the same epochs and order
//! ```

use crate::name::Digest;
use crate::proto::mserver::Replica;
use crate::wire::group::{Entry, RequestId};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Whether all replicas of each weak group are alike: in what they compare, and in the roster that it comes to.
///
/// # Errors
/// The rule, and two that differ.
pub fn alike<'a>(
    held: impl Iterator<Item = (SocketAddrV4, &'a Replica)>,
) -> Result<(), (&'static str, String, String)> {
    let mut known: BTreeMap<RequestId, (SocketAddrV4, Digest, Vec<Entry>)> = BTreeMap::new();
    for (who, replica) in held {
        let (digest, roster) = (replica.state().digest(), replica.state().roster());
        let new = || (who, digest, roster.clone());
        let (other, theirs, there) = known.entry(replica.key().inc).or_insert_with(new);
        let place = |entry: &Entry| (entry.id, entry.gid);
        if *theirs != digest || !there.iter().map(place).eq(roster.iter().map(place)) {
            let first = format!("{who} has {digest} of {}, {}", replica.key(), roster.len());
            return Err(("ALIKE", first, format!("{other} has {theirs}, {}", there.len())));
        }
    }
    Ok(())
}
