//! The rules that show in what members are told, and in nothing else: the same for a simulated campus and for what
//! real member processes wrote down.
//!
//! ```text
//! WHOLE   the first view of a member is the whole roster, with itself in it
//! NEXT    each further one follows: number + 1, but where a partition, a merge or a resync makes it jump
//! ROSTER  what changed, applied to what was, is what is: size, rank, gid and digest come out
//! SAME    two members that are in each other's view of one term and number have the same view
//! GHOST   who was told that somebody left sees that one in no later view of that core; of who failed, in none but one that
//!         a merge or a partition made. It may have lived on elsewhere, where it had not left yet
//! ONCE    a join makes one member, a call has one answer; who is out hears no more
//! ```
//!
//! The order between logs does not matter. In a weak group numbers are each mserver's own, and SAME does not hold.

use super::Violation;
use crate::name::Digest;
use crate::proto::group::view_digest;
use crate::proto::mi::LocalEvent;
use crate::sorted::Sorted as _;
use crate::wire::group::{Entry, GroupKey, MemberId, Order, Reason, RequestId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Number of the log that something stands in: one for each application.
pub type LogId = u64;

/// Term and number of a view.
type At = (u32, u32);

/// The last view that a member was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastView {
    /// Of which group.
    pub key: GroupKey,
    /// The core's term.
    pub term: u32,
    /// Its number.
    pub number: u32,
    /// Its digest.
    pub digest: Digest,
    /// The members, in the order of seniority.
    pub roster: Arc<Vec<Entry>>,
    /// Whether all members see the same views.
    pub order: Order,
}

impl LastView {
    /// What all members of a group have alike at rest: in a weak one the roster, under whatever number.
    pub fn common(&self) -> (u32, Digest) {
        (if self.order == Order::Weak { 0 } else { self.number }, self.digest)
    }
}

/// How a member stands, as far as it was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Its join is under way.
    Joining,
    /// It is in.
    In(LastView),
    /// It is out.
    Out,
}

/// A view that somebody was told, and by whom it was seen.
#[derive(Clone, Debug)]
struct Variant {
    digest: Digest,
    roster: Arc<Vec<Entry>>,
    seen_by: BTreeSet<MemberId>,
}

/// What a log says, in the words of the rules.
struct Line<'a> {
    log: LogId,
    at: u64,
    key: &'a GroupKey,
    member: MemberId,
    place: At,
}

/// Who is out of a group, since which number, and why.
type Removed = BTreeMap<(RequestId, MemberId), (u32, Reason)>;

/// Watches what members are told.
#[derive(Clone, Default, Debug)]
pub struct Members {
    standing: BTreeMap<(LogId, MemberId), Standing>,
    joins: BTreeMap<(LogId, u32), MemberId>,
    answered: BTreeSet<(LogId, u32)>,
    views: BTreeMap<(RequestId, At), Vec<Variant>>,
    /// Who was taken out of the views of a member, and why.
    removed: BTreeMap<(LogId, MemberId), Removed>,
    /// Groups whose members need not see the same views.
    weak: BTreeSet<RequestId>,
    violation: Option<Violation>,
}

impl Members {
    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// How a member stands, by its own log.
    pub fn standing(&self, log: LogId, member: MemberId) -> Option<&Standing> {
        self.standing.get(&(log, member))
    }

    /// The member that a call of a log made, if it was a join.
    pub fn joined_by(&self, log: LogId, call: u32) -> Option<MemberId> {
        self.joins.get(&(log, call)).copied()
    }

    /// Whether a call was answered, other than by views.
    pub fn is_answered(&self, log: LogId, call: u32) -> bool {
        self.answered.contains(&(log, call))
    }

    /// Everybody that was ever spoken of, by log.
    pub fn all(&self) -> impl Iterator<Item = (LogId, MemberId, &Standing)> {
        self.standing.iter().map(|((log, member), standing)| (*log, *member, standing))
    }

    /// An application was told something.
    pub fn told(&mut self, log: LogId, at: u64, event: &LocalEvent) {
        match event {
            LocalEvent::Taken { call, member } => {
                let known = self.standing.insert((log, *member), Standing::Joining);
                if known.is_some() || self.joins.insert((log, *call), *member).is_some() {
                    self.broken(
                        "ONCE",
                        at,
                        says(log, "join taken"),
                        format!("again, as {member:?}"),
                    );
                }
            }
            LocalEvent::View { .. } => self.view(log, at, event),
            LocalEvent::Out { member, reason, .. } => {
                let before = self.standing.insert((log, *member), Standing::Out);
                if !matches!(before, Some(Standing::Joining | Standing::In(_))) {
                    let second = format!("and was {before:?}");
                    self.broken("ONCE", at, says(log, &format!("out, {reason:?}")), second);
                }
            }
            LocalEvent::Refused { call, .. } => {
                self.answer(log, at, *call);
                let Some(member) = self.joined_by(log, *call) else { return };
                let before = self.standing.insert((log, member), Standing::Out);
                if before != Some(Standing::Joining) {
                    let second = format!("and was {before:?}");
                    self.broken("ONCE", at, says(log, "join refused"), second);
                }
            }
            LocalEvent::Done { call } | LocalEvent::Roster { call, .. } => {
                self.answer(log, at, *call);
            }
            LocalEvent::Alive { .. } | LocalEvent::ServerLost | LocalEvent::ServerFound => {}
        }
    }

    fn answer(&mut self, log: LogId, at: u64, call: u32) {
        if !self.answered.insert((log, call)) {
            let second = "and was before".to_string();
            self.broken("ONCE", at, says(log, &format!("call {call} answered")), second);
        }
    }

    fn view(&mut self, log: LogId, at: u64, event: &LocalEvent) {
        let LocalEvent::View { key, member, gid, rank, term, number, digest, size, reason, .. } =
            event
        else {
            return;
        };
        let order = self.order_of(event);
        let line = Line { log, at, key, member: *member, place: (*term, *number) };
        let before = match self.standing.get(&(log, *member)) {
            Some(Standing::Joining) => None,
            Some(Standing::In(view)) => Some(view.clone()),
            other => {
                let second = format!("it is {other:?}");
                return self.wrong("ONCE", &line, second);
            }
        };
        let roster = match roster_after(before.as_ref(), event) {
            Ok(roster) => roster,
            Err((rule, why)) => return self.wrong(rule, &line, why),
        };
        let own = roster.get(*rank as usize).filter(|entry| entry.id == *member);
        if own.is_none_or(|entry| entry.gid != *gid) || roster.len() != *size as usize {
            let why = format!("rank {rank}, gid {gid}, {size} members: not in {roster:?}");
            return self.wrong("ROSTER", &line, why);
        }
        let roster = self.variant(&line, *digest, roster);
        self.no_ghosts(&line, before.as_ref(), *reason, &roster);
        let (key, term, number, digest) = (*key, *term, *number, *digest);
        let last = LastView { key, term, number, digest, roster, order };
        self.standing.insert((log, *member), Standing::In(last));
    }

    /// Whether all members of a group see the same views: the first one that each is told says so.
    fn order_of(&mut self, event: &LocalEvent) -> Order {
        let LocalEvent::View { key, qos, .. } = event else { return Order::Strong };
        if qos.as_ref().is_some_and(|qos| qos.order == Order::Weak) {
            self.weak.insert(key.inc);
        }
        if self.weak.contains(&key.inc) { Order::Weak } else { Order::Strong }
    }

    /// Compares a view with those that others were told at the same place.
    fn variant(&mut self, line: &Line<'_>, digest: Digest, roster: Vec<Entry>) -> Arc<Vec<Entry>> {
        let inc = line.key.inc;
        let known = self.views.entry((inc, line.place)).or_default();
        let same = |v: &Variant| v.digest == digest && ids(&v.roster).eq(ids(&roster));
        if let Some(variant) = known.iter_mut().find(|v| same(v)) {
            variant.seen_by.insert(line.member);
            return Arc::clone(&variant.roster);
        }
        let roster = Arc::new(roster);
        let apart = |v: &&Variant| {
            let sees = roster.iter().any(|entry| v.seen_by.contains(&entry.id));
            sees && v.roster.iter().any(|entry| entry.id == line.member)
        };
        let weak = self.weak.contains(&inc);
        let other =
            known.iter().filter(|_| !weak).find(apart).map(|v| (v.digest, Arc::clone(&v.roster)));
        let seen_by = [line.member].into();
        known.push(Variant { digest, roster: Arc::clone(&roster), seen_by });
        if let Some((other, theirs)) = other {
            let why = format!("{digest} {}; others have {other} {}", list(&roster), list(&theirs));
            self.wrong("SAME", line, why);
        }
        let order = if weak { Order::Weak } else { Order::Strong };
        let made = view_digest(order, &inc, line.place.1, roster.iter());
        if made != digest {
            self.wrong("ROSTER", line, format!("{} makes {made}, not {digest}", list(&roster)));
        }
        self.list(line, &roster);
        roster
    }

    /// Nobody is there twice.
    fn list(&mut self, line: &Line<'_>, roster: &[Entry]) {
        let members: BTreeSet<MemberId> = roster.iter().map(|entry| entry.id).sorted_set();
        let gids: BTreeSet<u32> = roster.iter().map(|entry| entry.gid).sorted_set();
        if members.len() != roster.len() || gids.len() != roster.len() {
            self.wrong("ONCE", line, format!("somebody is twice in {}", list(roster)));
        }
    }

    /// Whoever leaves or fails is out for good. What is gone is seen from the rosters, for those who are told them whole.
    fn no_ghosts(
        &mut self,
        line: &Line<'_>,
        before: Option<&LastView>,
        reason: Reason,
        now: &[Entry],
    ) {
        let inc = line.key.inc;
        let removed = self.removed.entry((line.log, line.member)).or_default();
        let stays: BTreeSet<MemberId> = now.iter().map(|entry| entry.id).sorted_set();
        let jumps = matches!(reason, Reason::Partitioned | Reason::Merged | Reason::Resync);
        if jumps {
            let term = line.place.0;
            removed.retain(|(_, id), (since, why)| {
                (*why == Reason::Left && *since == term) || !stays.contains(id)
            });
        }
        let ghost = stays.iter().find_map(|id| Some((*id, removed.get(&(inc, *id))?.1)));
        if matches!(reason, Reason::Left | Reason::Failed)
            && let Some(before) = before.filter(|before| before.number + 1 == line.place.1)
        {
            let gone = before.roster.iter().filter(|entry| !stays.contains(&entry.id));
            removed.extend(gone.map(|entry| ((inc, entry.id), (line.place.0, reason))));
        }
        if let Some((id, why)) = ghost {
            self.wrong("GHOST", line, format!("{id:?} is there, and had gone: {why:?}"));
        }
    }

    fn wrong(&mut self, rule: &'static str, line: &Line<'_>, why: String) {
        let Line { log, at, key, member, place: (term, number) } = line;
        let what = format!("view {key} {term}.{number} for {}", short(member));
        self.broken(rule, *at, says(*log, &what), why);
    }

    fn broken(&mut self, rule: &'static str, tick: u64, first: String, second: String) {
        self.violation.get_or_insert(Violation { rule, tick, first, second });
    }
}

/// The roster that a view leaves, or the rule that it breaks.
fn roster_after(
    before: Option<&LastView>,
    event: &LocalEvent,
) -> Result<Vec<Entry>, (&'static str, String)> {
    let LocalEvent::View { key, term, number, reason, gone, came, whole, .. } = event else {
        return Err(("WHOLE", "no view".to_string()));
    };
    let Some(before) = before else {
        return match whole {
            true => Ok(came.clone()),
            false => Err(("WHOLE", "a change, and no view before it".to_string())),
        };
    };
    let jumps = matches!(reason, Reason::Partitioned | Reason::Merged | Reason::Resync);
    let other_group = before.key.inc != key.inc;
    let follows = match (other_group, jumps) {
        // A join that was done on two sides of a partition has made two groups of one name, of which one stays.
        (true, _) if *reason == Reason::Resync => *whole && before.key.name == key.name,
        (true, _) => *whole && matches!(reason, Reason::Merged | Reason::Split),
        (false, true) => (*term, *number) > (before.term, before.number),
        (false, false) => *number == before.number + 1 && *term >= before.term,
    };
    if !follows {
        let (term, number) = (before.term, before.number);
        return Err(("NEXT", format!("{reason:?} after {} {term}.{number}", before.key)));
    }
    if *whole {
        return Ok(came.clone());
    }
    let known = |gid: &u32| before.roster.iter().any(|entry| entry.gid == *gid);
    if !gone.iter().all(known) {
        return Err(("ROSTER", format!("{gone:?} go, of {}", list(&before.roster))));
    }
    let stays = |entry: &&Entry| !gone.contains(&entry.gid);
    Ok(before.roster.iter().filter(stays).chain(came).cloned().collect())
}

fn ids(roster: &[Entry]) -> impl Iterator<Item = (MemberId, u32)> + '_ {
    roster.iter().map(|entry| (entry.id, entry.gid))
}

fn short(member: &MemberId) -> String {
    format!("{}#{}", member.mi.address, member.number)
}

fn list(roster: &[Entry]) -> String {
    let all: Vec<String> =
        roster.iter().map(|entry| format!("{}={}", entry.gid, short(&entry.id))).collect();
    format!("[{}]", all.join(" "))
}

fn says(log: LogId, what: &str) -> String {
    format!("log {log}: {what}")
}
