//! The rules of members over what real member processes wrote down.

use super::Violation;
use super::members::Members;
use crate::proto::mi::LocalEvent;

/// What one application was told, in its order, and when: in any unit, as long as all logs have the same.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct MemberLog {
    /// Everything that it was told.
    pub told: Vec<(u64, LocalEvent)>,
}

/// Whether the logs of any number of applications keep the rules of [`Members`].
///
/// # Errors
/// The first breach. The log's number is its place.
pub fn check_member_logs(logs: &[MemberLog]) -> Result<(), Violation> {
    let mut members = Members::default();
    for (place, log) in logs.iter().enumerate() {
        for (at, event) in &log.told {
            members.told(place as u64, *at, event);
        }
    }
    members.violation().cloned().map_or(Ok(()), Err)
}
