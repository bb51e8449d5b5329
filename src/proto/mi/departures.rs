//! Who left the groups that we have members in, and why: remembered for people (`ms why GROUP`), for nothing else.
//!
//! ```text
//!   perceived   a member of ours failed: its application ended, or did not answer
//!   removed     a view came without a member: which view, for what reason, and at whose request
//!   told        an application of ours was told that its member is out
//! ```
//!
//! A view bears the requests that made it, and a request bears who asked: the member interface of a member that left or
//! died, the mserver of a LAN that finds a member interface silent, or, where a set lost mservers, one of them with the
//! number of the view that came without it. A bounded list, the oldest forgotten first. Times are ticks.

use super::Mi;
use crate::name::GroupName;
use crate::proto::counters::Counters;
use crate::proto::group::Known;
use crate::sorted::Sorted as _;
use crate::wire::coreset::Life;
use crate::wire::group::{Content, Direct, Entry, MemberId, Reason, RequestId};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};

/// Events that are kept.
const KEPT: usize = 256;
/// Incarnations are larger; of a set that lost mservers, a view's number stands in their place.
const VIEWS: u32 = 0xffff;

/// Why a member of ours counts as failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Failing {
    /// Its application went without leaving.
    Ended,
    /// Its application was asked whether it is there, and did not answer.
    Silent,
    /// A view had a member that nobody here is.
    Unknown,
    /// No mserver was reached for longer than the rules of its group allow.
    CutOff,
}

/// What happened to a member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum What {
    Perceived(Failing),
    Removed {
        at: (u32, u32),
        reason: Reason,
        cause: Option<RequestId>,
        /// The core of the group had been lost; only who was claimed again is in this view.
        rebuilt: bool,
    },
    Told(Reason),
}

/// One event.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Event {
    tick: u64,
    /// Full name of the group at that time.
    group: String,
    member: MemberId,
    /// Its number in the group, if it was in a view that we have seen.
    gid: Option<u32>,
    tag: Vec<u8>,
    what: What,
}

/// Who is missing in a view: how many, why, and some of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Missing {
    all: usize,
    reason: Option<Reason>,
    events: Vec<Event>,
}

/// The last events, and the time.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Departures {
    now: u64,
    events: VecDeque<Event>,
    /// Those who were removed, by reason.
    counted: Counters,
}

impl Departures {
    /// Time passes.
    pub fn tick(&mut self, elapsed: u32) {
        self.now += u64::from(elapsed);
    }

    /// A view may take the place of the one that is known: whoever is missing in it goes.
    pub fn missing(&self, known: &Known, direct: &Direct) -> Missing {
        let gone: Vec<&Entry> = match &direct.content {
            Content::Delta { gone, .. } if gone.is_empty() => return Missing::default(),
            Content::Delta { gone, .. } => {
                let gone: BTreeSet<u32> = gone.iter().copied().sorted_set();
                known.roster().iter().filter(|entry| gone.contains(&entry.gid)).collect()
            }
            Content::Whole(whole) => {
                let there: BTreeSet<&MemberId> = whole.entries.iter().map(|e| &e.id).sorted_set();
                known.roster().iter().filter(|entry| !there.contains(&entry.id)).collect()
            }
        };
        let event = |entry: &Entry| Event {
            tick: self.now,
            group: direct.key.to_string(),
            member: entry.id,
            gid: Some(entry.gid),
            tag: entry.tag.clone(),
            what: What::Removed {
                at: (direct.term, direct.number),
                reason: direct.reason,
                cause: direct.causes.first().copied(),
                rebuilt: direct.reason == Reason::Partitioned && direct.term != known.at().0,
            },
        };
        // Of very many at once, some are enough to see what happened.
        let (all, reason) = (gone.len(), Some(direct.reason));
        Missing { all, reason, events: gone.into_iter().take(KEPT / 2).map(event).collect() }
    }

    /// It did, and they are gone.
    pub fn extend(&mut self, gone: Missing) {
        for reason in std::iter::repeat_n(gone.reason, gone.all).flatten() {
            self.counted.count(reason_in_words(reason));
        }
        gone.events.into_iter().for_each(|event| self.push(event));
    }

    fn keep(&mut self, group: String, member: MemberId, entry: Option<Entry>, what: What) {
        let (gid, tag) = (entry.as_ref().map(|e| e.gid), entry.map(|e| e.tag).unwrap_or_default());
        self.push(Event { tick: self.now, group, member, gid, tag, what });
    }

    fn push(&mut self, event: Event) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// How many were removed from groups that we have members in, by reason.
    pub fn counted(&self) -> Value {
        self.counted.to_json()
    }

    /// What there is of a group, the oldest first; of one member, if one is named: by its gid, its tag or its address.
    pub fn about(&self, group: &str, who: Option<&str>) -> Value {
        let named = |event: &&Event| {
            let address = event.member.mi.address;
            who.is_none_or(|who| {
                event.gid.is_some_and(|gid| gid.to_string() == who)
                    || event.tag == who.as_bytes()
                    || [address.to_string(), address.ip().to_string()].iter().any(|a| a == who)
            })
        };
        let events = self.events.iter().filter(|event| event.group == group).filter(named);
        let events: Vec<Value> = events.map(|event| event.to_json(self.now)).collect();
        json!({"group": group, "events": events})
    }
}

impl Mi {
    /// A member of ours counts as failed.
    pub(super) fn remember_failing(&mut self, group: GroupName, member: MemberId, why: Failing) {
        let entry = self.entry_of(group, member);
        self.departures.keep(group.to_string(), member, entry, What::Perceived(why));
    }

    /// An application of ours is told that its member is out.
    pub(super) fn remember_out(&mut self, group: GroupName, member: MemberId, why: Reason) {
        let entry = self.entry_of(group, member);
        self.departures.keep(group.to_string(), member, entry, What::Told(why));
    }

    fn entry_of(&self, group: GroupName, member: MemberId) -> Option<Entry> {
        self.known(group)?.roster().iter().find(|entry| entry.id == member).cloned()
    }
}

impl Event {
    fn to_json(&self, now: u64) -> Value {
        let MemberId { mi, number } = self.member;
        let mut all = json!({
            "ticks_ago": now - self.tick,
            "event": self.what.word(),
            "gid": self.gid,
            "member": format!("{}/{}/{number}", mi.address, mi.inc),
            "tag": String::from_utf8_lossy(&self.tag),
            "what": self.what.in_words(mi),
        });
        if let What::Removed { at, reason, cause, .. } = &self.what {
            all["term"] = at.0.into();
            all["number"] = at.1.into();
            all["reason"] = reason_in_words(*reason).into();
            all["by"] = cause.map(|cause| cause.origin.address.to_string()).into();
            all["lost_mserver"] = lost_mserver(*cause).map(|who| who.address.to_string()).into();
        }
        all
    }
}

impl What {
    fn word(&self) -> &'static str {
        match self {
            What::Perceived(_) => "perceived",
            What::Removed { .. } => "removed",
            What::Told(_) => "told",
        }
    }

    /// `mi`: the member interface of whom it happened to.
    fn in_words(&self, mi: Life) -> String {
        match self {
            What::Perceived(Failing::Ended) => {
                "perceived failed here: its application ended without leaving".to_string()
            }
            What::Perceived(Failing::Silent) => {
                "perceived failed here: its application did not answer within its patience"
                    .to_string()
            }
            What::Perceived(Failing::CutOff) => {
                "ended here: no mserver was reached for longer than its group allows".to_string()
            }
            What::Perceived(Failing::Unknown) => {
                "reported failed from here: a view had it, and no application here does".to_string()
            }
            What::Removed { at: (term, number), cause: Some(cause), rebuilt: true, .. } => {
                let by = cause.origin.address;
                format!(
                    "removed with view {term}.{number}, partitioned: the set that decided was lost, and {by} \
                     and others claimed the group without it"
                )
            }
            What::Removed { at: (term, number), reason, cause, rebuilt: _ } => {
                let why = why(*reason, *cause, mi);
                format!("removed with view {term}.{number}, {}: {why}", reason_in_words(*reason))
            }
            What::Told(reason) => {
                format!("its application was told that it is out: {}", reason_in_words(*reason))
            }
        }
    }
}

/// At whose request, and what that means.
fn why(reason: Reason, cause: Option<RequestId>, mi: Life) -> String {
    let Some(RequestId { origin, number }) = cause else {
        return "at whose request is not told".to_string();
    };
    let by = origin.address;
    if let Some(lost) = lost_mserver(cause).filter(|_| reason == Reason::Partitioned) {
        let view = origin.inc;
        return format!(
            "the set that decides lost mserver {} with its view {view}: see ms why {0}",
            lost.address
        );
    }
    let its_own = by == mi.address;
    match reason {
        Reason::Left if its_own => format!("it left, by request {number} of its member interface"),
        Reason::Failed if its_own => {
            format!("its member interface said that it failed, by request {number}")
        }
        Reason::Failed => {
            let mi = mi.address;
            format!("mserver {by} said so: member interface {mi} was silent, left or was restarted")
        }
        Reason::Partitioned => {
            format!("mserver {by} lost the way to member interface {}", mi.address)
        }
        _ => format!("by request {number} of {by}"),
    }
}

/// The mserver that the deciding set lost, if that is what the request stands for.
fn lost_mserver(cause: Option<RequestId>) -> Option<Life> {
    cause.map(|cause| cause.origin).filter(|origin| origin.inc.0 <= VIEWS)
}

fn reason_in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Created => "created",
        Reason::Joined => "joined",
        Reason::Left => "left",
        Reason::Failed => "failed",
        Reason::Partitioned => "partitioned",
        Reason::Merged => "merged",
        Reason::Split => "split",
        Reason::Resync => "resync",
        Reason::Terminated => "terminated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Incarnation;

    fn life(host: u8, inc: u32) -> Life {
        Life { address: format!("10.0.0.{host}:2901").parse().unwrap(), inc: Incarnation(inc) }
    }

    fn said(reason: Reason, by: Life, mi: Life) -> String {
        why(reason, Some(RequestId { origin: by, number: 1 }), mi)
    }

    #[test]
    fn who_asked_says_what_happened() {
        let (mi, mserver) = (life(1, 1_700_000_000), life(9, 1_700_000_000));
        assert!(said(Reason::Left, mi, mi).starts_with("it left"));
        assert!(said(Reason::Failed, mi, mi).starts_with("its member interface said"));
        let silent = said(Reason::Failed, mserver, mi);
        assert!(silent.contains("mserver 10.0.0.9:2901 said so"), "{silent}");
        let parted = said(Reason::Partitioned, life(9, 7), mi);
        assert!(parted.contains("lost mserver 10.0.0.9:2901 with its view 7"), "{parted}");
    }

    #[test]
    fn what_is_kept_is_bounded_and_found_by_gid_tag_or_address() {
        let mut departures = Departures::default();
        for number in 0..2 * KEPT as u32 {
            let member = MemberId { mi: life((number % 3) as u8, 9), number };
            let what = What::Perceived(Failing::Ended);
            departures.keep("db".to_string(), member, None, what);
            departures.tick(1);
        }
        assert_eq!(departures.events.len(), KEPT);
        let all = departures.about("db", None);
        assert_eq!(all["events"].as_array().unwrap().len(), KEPT);
        assert_eq!(all["events"][0]["ticks_ago"], KEPT);
        let one = departures.about("db", Some("10.0.0.2"));
        assert!((80..90).contains(&one["events"].as_array().unwrap().len()));
        assert_eq!(departures.about("other", None)["events"], json!([]));
    }
}
