//! What makes sense, checked once, at the door.
//!
//! ```text
//!  bytes -> decode -> check -> CoreMessage -> the protocol -> CoreMessage -> check -> encode -> bytes
//! ```
//!
//! The same rules stand on both sides, so that what one mserver sends every other understands, and the
//! protocol need not ask again. They are about the message alone: whether it fits what the receiver knows
//! is the protocol's business. Each refusal has a word of its own, `where: what`.

use super::{
    Body, Change, ChangeKind, CoreMessage, MAX_WANTED, Member, RegistryPart, Request, SetName,
    Stats, StatsDetail, View, Wait,
};
use crate::name::Gid;
use crate::sorted::Sorted as _;
use crate::wire::{WireError, cursor};
use std::collections::BTreeSet;
use std::net::SocketAddrV4;

/// Most members of a view: the size of the core table of 1994.
pub const MAX_MEMBERS: usize = 250;
/// Most views that one view is made from: those of the two sides of a Merge.
pub const MAX_PARENTS: usize = 2;
/// Most origins whose applied operations a view counts.
pub const MAX_DONE: usize = 4096;
/// Most requests that wait in an INIT.
pub const MAX_REQUESTS: usize = 1024;
/// Most lost members that an INIT names.
pub const MAX_LOST: usize = 1024;
/// Most counters that statistics have.
pub const MAX_COUNTERS: usize = 255;
/// Longest string, in bytes.
pub const MAX_STRING: usize = cursor::MAX_STRING;

type Checked = Result<(), WireError>;

fn demand(fine: bool, word: &'static str) -> Checked {
    if fine { Ok(()) } else { Err(WireError::Payload(word)) }
}

/// Whether a message may be sent, or believed to be one.
pub(super) fn message(message: &CoreMessage) -> Checked {
    name(&message.name)?;
    demand(message.parents.len() <= MAX_PARENTS, "parents: more than two")?;
    demand(message.exclude.len() <= MAX_MEMBERS, "exclude: too many")?;
    let distinct: BTreeSet<_> = message.exclude.iter().sorted_set();
    demand(distinct.len() == message.exclude.len(), "exclude: a gid twice")?;
    demand(!message.exclude.contains(&Gid::NONE), "exclude: no gid")?;
    body(&message.body)
}

fn body(body: &Body) -> Checked {
    match body {
        Body::Query { .. } | Body::Reply { .. } | Body::Ack { .. } | Body::MsgQuery(_) => Ok(()),
        Body::Probe { view: v, .. } | Body::ProbeReply { view: v, .. } => view(v),
        Body::Initiate(c) | Body::Commit(c) | Body::CoordFail { change: c, .. } => change(c),
        Body::CommitInitiate(committed, next) => change(committed).and_then(|()| change(next)),
        Body::Wait(Wait::Current(c) | Wait::Floor(c)) => change(c),
        Body::Wait(Wait::Dropped(_) | Wait::Prev(_) | Wait::Notice(_)) => Ok(()),
        Body::Init { view: v, prev, requests, lost, registry: _ } => {
            view(v)?;
            prev.as_deref().map_or(Ok(()), change)?;
            demand(requests.len() <= MAX_REQUESTS, "requests: too many")?;
            requests.iter().try_for_each(request)?;
            demand(lost.len() <= MAX_LOST, "lost: too many")
        }
        Body::Request(r) => request(r),
        Body::Refused { why, .. } => demand(why.len() <= MAX_STRING, "why: too long"),
        Body::Forward(operations) => {
            let numbered = operations.iter().all(|operation| operation.number > 0);
            demand(numbered, "operation: number 0")
        }
        Body::StatsRequest { .. } | Body::Taken | Body::Stats(Stats { detail: None, .. }) => Ok(()),
        Body::SyncRequest { wanted, .. } => {
            demand(wanted.len() <= MAX_WANTED, "sync: too many positions")
        }
        Body::Sync { part, .. } => part.as_ref().map_or(Ok(()), registry_part),
        Body::Stats(Stats { detail: Some(detail), .. }) => stats(detail),
    }
}

fn stats(detail: &StatsDetail) -> Checked {
    detail.view.as_deref().map_or(Ok(()), view)?;
    demand(detail.isolated.len() <= MAX_MEMBERS, "stats: too many isolated")?;
    demand(detail.counters.len() <= MAX_COUNTERS, "stats: too many counters")?;
    let fine = detail.counters.iter().all(|(word, _)| word.len() <= MAX_STRING);
    demand(fine, "stats: a word too long")
}

/// The rules for a view on its own.
fn view(view: &View) -> Checked {
    name(&view.name)?;
    demand(!view.members.is_empty(), "view: no members")?;
    members(&view.members)?;
    demand(view.parents.len() <= MAX_PARENTS, "view: more than two parents")?;
    if let Some(parent) = view.parent {
        let is_member = view.members.iter().any(|m| m.life.address == parent);
        demand(is_member, "view: parent is no member")?;
        demand(view.former.is_none(), "view: parent and former parent")?;
    }
    demand(view.done.len() <= MAX_DONE, "done: too many")?;
    demand(view.done.is_sorted_by(|a, b| a.origin < b.origin), "done: not in order")
}

/// Members that are, or together will be, those of one view.
fn members<'a>(members: impl IntoIterator<Item = &'a Member>) -> Checked {
    let (mut gids, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for member in members {
        demand(member.gid != Gid::NONE, "view: a member without a gid")?;
        demand(gids.insert(member.gid), "view: a gid twice")?;
        demand(addresses.insert(member.life.address), "view: an address twice")?;
    }
    demand(gids.len() <= MAX_MEMBERS, "view: too many members")
}

fn change(change: &Change) -> Checked {
    let applies_to = if matches!(change.kind, ChangeKind::Merge { .. }) { 2 } else { 1 };
    demand(change.id.class == change.kind.class(), "change: class of another kind")?;
    demand(change.par.len() == applies_to, "change: number of views it applies to")?;
    demand(change.excl.len() <= MAX_MEMBERS, "excl: too many")?;
    demand(ascending(&change.excl), "excl: not in order")?;
    match &change.kind {
        ChangeKind::Fail { subjects } => some_of(subjects),
        ChangeKind::Leave { .. } | ChangeKind::DelParent { .. } | ChangeKind::Rename => Ok(()),
        ChangeKind::Split { side, name: n } => some_of(side).and_then(|()| name(n)),
        ChangeKind::AddParent { member } | ChangeKind::Join { member } => {
            demand(member.gid != Gid::NONE, "change: a joiner without a gid")
        }
        ChangeKind::Application { .. } => Ok(()),
        ChangeKind::Merge { views, gids } => merge(change, views, gids),
    }
}

/// Both sides for themselves, and what becomes of them together: whoever applies the change has a view
/// that keeps the rules.
fn merge(change: &Change, views: &[View; 2], gids: &[Gid]) -> Checked {
    views.iter().try_for_each(view)?;
    let applied = views.iter().map(|v| v.position).eq(change.par.iter().copied());
    demand(applied, "merge: views it does not apply to")?;
    demand(gids.len() == views[1].members.len(), "merge: number of gids")?;
    let second = views[1].members.iter().zip(gids).map(|(m, &gid)| Member { gid, life: m.life });
    let second: Vec<Member> = second.collect();
    members(views[0].members.iter().chain(&second))
}

/// A list that means somebody: not empty, nobody twice.
fn some_of(addresses: &[SocketAddrV4]) -> Checked {
    demand(!addresses.is_empty(), "subjects: none")?;
    demand(addresses.len() <= MAX_MEMBERS, "subjects: too many")?;
    let distinct: BTreeSet<_> = addresses.iter().sorted_set();
    demand(distinct.len() == addresses.len(), "subjects: one twice")
}

fn request(request: &Request) -> Checked {
    match request {
        Request::Split { side, name: n } => some_of(side).and_then(|()| name(n)),
        Request::Join(_) | Request::Leave(_) | Request::Merge { .. } => Ok(()),
        Request::AddParent(_) | Request::DelParent => Ok(()),
    }
}

/// A part lies within the whole, and is empty only where that is.
fn registry_part(part: &RegistryPart) -> Checked {
    let end = u64::from(part.offset) + part.bytes.len() as u64;
    demand(end <= u64::from(part.total), "sync: beyond the end")?;
    demand(!part.bytes.is_empty() || part.total == 0, "sync: an empty part")
}

fn name(name: &SetName) -> Checked {
    demand(name.suffix != Some(Gid::NONE), "name: suffix")
}

fn ascending<T: PartialOrd>(list: &[T]) -> bool {
    list.is_sorted_by(|a, b| a < b)
}
