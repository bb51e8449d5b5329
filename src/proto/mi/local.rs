//! What an application is told of a view (II.D.3).

use crate::proto::group::Known;
use crate::wire::group::{Content, Direct, Entry};
use crate::wire::local::LocalEvent;

/// What one of our members is told of the view that was just applied; `first`: it was not in the one before.
pub(super) fn of_view(
    known: &Known,
    direct: &Direct,
    (entry, rank): (&Entry, u32),
    first: bool,
) -> LocalEvent {
    let (qos, nobody) = (known.qos(), (Vec::new(), Vec::new()));
    let whole = first || matches!(direct.content, Content::Whole(_));
    let (gone, came) = match &direct.content {
        // In a large group that is what it is for: a change costs every member the same.
        _ if qos.count_only => nobody,
        Content::Delta { gone, came } if !whole => (gone.clone(), came.clone()),
        Content::Delta { .. } | Content::Whole(_) => (Vec::new(), known.roster().to_vec()),
    };
    LocalEvent::View {
        key: known.key(),
        member: entry.id,
        gid: entry.gid,
        rank,
        term: known.at().0,
        number: known.at().1,
        digest: known.digest(),
        size: known.roster().len() as u32,
        reason: direct.reason,
        qos: whole.then(|| Box::new(qos.clone())),
        gone,
        came,
        whole,
    }
}
