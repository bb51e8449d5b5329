//! What must be so once the faults have ended and time has passed.
//!
//! ```text
//! CALLS     every call of a live application has its answer
//! CONVERGE  all members of a group have one view, and live members are in it, each once, and nobody else
//! NAMES     a name that is kept everywhere is, with its suffix, one group's
//! ```

use super::Violation;
use super::members::{LastView, LogId, Members, Standing};
use crate::name::GroupName;
use crate::proto::mi::{Ask, LocalCall};
use crate::sorted::Sorted as _;
use crate::wire::group::{MemberId, RequestId, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// What an application wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Its log.
    pub log: LogId,
    /// It is still there.
    pub alive: bool,
    /// Its calls, in their order.
    pub calls: &'a [LocalCall],
}

/// A world of which all is known.
#[derive(Clone, Copy, Debug)]
pub struct Resting<'a> {
    /// When.
    pub now: u64,
    /// What members were told.
    pub members: &'a Members,
    /// What all applications wanted.
    pub wishes: &'a [Wish<'a>],
}

/// Whether the rules of rest hold; the groups that have members.
///
/// # Errors
/// The first that does not.
pub fn settled(resting: &Resting<'_>) -> Result<BTreeSet<RequestId>, Violation> {
    let broken = |rule, (first, second)| Violation { rule, tick: resting.now, first, second };
    for wish in resting.wishes.iter().filter(|wish| wish.alive) {
        calls(resting.members, wish).map_err(|what| broken("CALLS", what))?;
    }
    let views = live_views(resting);
    converge(&views).map_err(|what| broken("CONVERGE", what))?;
    let narrow = narrow(resting.wishes);
    names(&views, &narrow).map_err(|what| broken("NAMES", what))?;
    Ok(views.keys().copied().sorted_set())
}

type What = (String, String);

fn calls(members: &Members, wish: &Wish<'_>) -> Result<(), What> {
    for call in wish.calls {
        let open = match &call.ask {
            Ask::Join { .. } => match members.joined_by(wish.log, call.number) {
                Some(member) => members.standing(wish.log, member) == Some(&Standing::Joining),
                None => !members.is_answered(wish.log, call.number),
            },
            Ask::Leave { member } => {
                let out = members.standing(wish.log, *member) == Some(&Standing::Out);
                !out && !members.is_answered(wish.log, call.number)
            }
            Ask::Merge { .. } | Ask::Split { .. } | Ask::View => {
                !members.is_answered(wish.log, call.number)
            }
            Ask::Alive { .. } => false,
        };
        if open {
            let first = format!("log {} calls for {:?} of {}", wish.log, call.ask, call.group);
            return Err((first, "and has no answer".to_string()));
        }
    }
    Ok(())
}

type Views<'a> = BTreeMap<RequestId, Vec<(LogId, MemberId, &'a LastView)>>;

/// The last views of all live members, by the incarnation of their group.
fn live_views<'a>(resting: &Resting<'a>) -> Views<'a> {
    let live: BTreeSet<LogId> =
        resting.wishes.iter().filter(|wish| wish.alive).map(|wish| wish.log).sorted_set();
    let mut views: Views<'a> = BTreeMap::new();
    for (log, member, standing) in resting.members.all().filter(|(log, ..)| live.contains(log)) {
        if let Standing::In(view) = standing {
            views.entry(view.key.inc).or_default().push((log, member, view));
        }
    }
    views
}

fn converge(views: &Views<'_>) -> Result<(), What> {
    for all in views.values() {
        let Some((first_log, _, first)) = all.first() else { continue };
        let at = |view: &LastView| format!("{} {}.{}", view.key, view.term, view.number);
        for (log, _, view) in all {
            if view.common() != first.common() {
                let one = format!("log {first_log} has {}", at(first));
                return Err((one, format!("log {log} has {}", at(view))));
            }
        }
        let live: BTreeSet<MemberId> = all.iter().map(|(_, member, _)| *member).sorted_set();
        let listed: BTreeSet<MemberId> = first.roster.iter().map(|entry| entry.id).sorted_set();
        if live != listed {
            let one = format!("{} lists {listed:?}", at(first));
            return Err((one, format!("live are {live:?}")));
        }
    }
    Ok(())
}

/// Names that somebody wanted for less than everything: there may be several groups of such.
fn narrow(wishes: &[Wish<'_>]) -> BTreeSet<GroupName> {
    let is_narrow = |call: &&LocalCall| match &call.ask {
        Ask::Join { qos, .. } => qos.name_scope != Scope::Top,
        _ => false,
    };
    let calls = wishes.iter().flat_map(|wish| wish.calls);
    calls.filter(is_narrow).map(|call| call.group).sorted_set()
}

fn names(views: &Views<'_>, narrow: &BTreeSet<GroupName>) -> Result<(), What> {
    let mut known = BTreeMap::new();
    for (inc, all) in views {
        for (log, _, view) in all.iter().filter(|(.., view)| !narrow.contains(&view.key.name)) {
            let name = (view.key.name, view.key.suffix);
            if let Some((other, by)) = known.insert(name, (inc, log))
                && other != inc
            {
                let first = format!("log {log} is in {}, created by {inc:?}", view.key);
                return Err((first, format!("log {by} in another, created by {other:?}")));
            }
        }
    }
    Ok(())
}
