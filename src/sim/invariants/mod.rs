//! The invariants of a core-set, watched from outside.
//!
//! A [`Watch`] is told what the mservers send and install and how they look after every step. It
//! never asks a mserver what it thinks of the others, so it works for a simulated world, for an
//! explorer and for the logs of real daemons alike.
//!
//! ```text
//! SELF      who installs a view is in it            UNIQUE   two successors of one view part for good
//! RANKS     nobody is in a view twice               ACKED    a member of a new view had accepted it
//! MONO      a view follows the one that was left    FLOOR    what is accepted only rises
//! DIGEST    one digest, one view                    ONCE     one change, one Commit
//! AGREE     one number, one view, jointly           RING     a QUERY goes one rank up
//! TWICE     an operation is applied once, in order  ISO      isolated are others, in the view
//! PROGRESS  no change takes for ever
//! ```
//!
//! CONVERGE, MERGED and DELIVERED hold once the faults have ended: see [`settled`]. What daemons wrote
//! down is checked by [`check_log`].

mod logs;
pub mod predicate;
mod quiet;

pub use logs::check_log;
pub use predicate::Install;
pub use quiet::{Resting, settled};

use crate::name::{Digest, Incarnation};
use crate::wire::coreset::{
    Body, Change, ChangeId, CoreMessage, Done, Life, Operation, Position, View,
};
use predicate::{apart, ccw, entry, higher, lists, mono, ranks, ring};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddrV4;
use std::sync::Arc;

/// A rule was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which rule.
    pub rule: &'static str,
    /// When.
    pub tick: u64,
    /// Who broke it, and with what.
    pub first: String,
    /// With whom, or against what.
    pub second: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{} {}: {}; {}", self.tick, self.rule, self.first, self.second)
    }
}

/// How a mserver looks after a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen<'a> {
    /// Who.
    pub who: SocketAddrV4,
    /// Ticks that the step was told of; 0 if it was another input.
    pub elapsed: u32,
    /// Its view.
    pub view: Option<&'a View>,
    /// Whom it has isolated.
    pub isolated: Vec<SocketAddrV4>,
    /// The highest change that it has accepted on its view.
    pub floor: Option<&'a Change>,
    /// Its phase.
    pub phase: &'static str,
    /// The coordinator that it awaits.
    pub awaited: Option<SocketAddrV4>,
    /// Whether a change is under way there.
    pub live: bool,
}

/// A view that somebody installed, and what came with it.
#[derive(Clone, Debug)]
struct Made {
    view: Arc<View>,
    applied: Vec<(Life, u64)>,
    /// What had been applied on the way to it, counted here and not taken from the view.
    counted: BTreeMap<Life, u64>,
    /// The latest life of each address that was a member on the way to it.
    latest: BTreeMap<SocketAddrV4, Incarnation>,
    first: String,
}

/// What is remembered of one process.
#[derive(Clone, Debug, Default)]
struct Process {
    last: Option<(Life, Arc<View>)>,
    floor: Option<ChangeId>,
    /// The change that it ACKed last: what a joiner has accepted, which is in no view yet.
    acked: Option<ChangeId>,
    triple: Triple,
    since: u32,
    /// The QUERY that the neighbour was sent last.
    asked: Option<u16>,
}

type Triple = (&'static str, Option<ChangeId>, Option<Position>, Option<SocketAddrV4>, usize);

/// Watches all mservers of a world.
#[derive(Clone, Debug)]
pub struct Watch {
    patience: u32,
    reply: u32,
    views: BTreeMap<Digest, Made>,
    by_number: BTreeMap<(u16, u64), Vec<Install>>,
    by_parent: BTreeMap<Position, Vec<Install>>,
    acks: BTreeMap<ChangeId, BTreeSet<Life>>,
    commits: BTreeMap<ChangeId, Change>,
    processes: BTreeMap<SocketAddrV4, Process>,
    longest: u32,
    violation: Option<Violation>,
}

impl Watch {
    /// Nobody has done anything yet. `patience`: for how many ticks at most a change may stand
    /// still at a mserver; `reply`: ticks after which a mserver that was not run starts its timers anew.
    pub fn new(patience: u32, reply: u32) -> Watch {
        Watch {
            patience,
            reply,
            views: BTreeMap::new(),
            by_number: BTreeMap::new(),
            by_parent: BTreeMap::new(),
            acks: BTreeMap::new(),
            commits: BTreeMap::new(),
            processes: BTreeMap::new(),
            longest: 0,
            violation: None,
        }
    }

    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The longest time in ticks for which a change stood still at one mserver.
    pub fn longest(&self) -> u32 {
        self.longest
    }

    /// Counts a violation that was found elsewhere.
    pub fn report(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// A process starts or ends at `who`: what was there before is no more.
    pub fn began(&mut self, who: SocketAddrV4) {
        self.processes.insert(who, Process::default());
    }

    /// `from` sends a message to one other (`to`) or to the group: ACKED, ONCE, RING.
    pub fn sent(&mut self, tick: u64, to: Option<SocketAddrV4>, message: &CoreMessage) {
        let from = message.from.life;
        match &message.body {
            Body::Ack { id, .. } => {
                self.acks.entry(*id).or_default().insert(from);
                self.processes.entry(from.address).or_default().acked = Some(*id);
            }
            Body::Commit(change) | Body::CommitInitiate(change, _) => {
                self.committed(tick, from, change);
            }
            Body::Query { nonce, check: None } => {
                let process = self.processes.entry(from.address).or_default();
                let up = process.last.as_ref().and_then(|(_, view)| ccw(view, from.address));
                if up == to {
                    process.asked = Some(*nonce);
                } else if process.asked != Some(*nonce) {
                    // Others are asked too, but only when the neighbour was.
                    self.broken("RING", tick, who(from), format!("QUERY to {to:?}, not {up:?}"));
                }
            }
            _ => {}
        }
    }

    fn committed(&mut self, tick: u64, from: Life, change: &Change) {
        let known = self.commits.entry(change.id).or_insert_with(|| change.clone());
        if known != change {
            let second = format!("{known:?}");
            self.broken("ONCE", tick, format!("{}: {change:?}", who(from)), second);
        }
    }

    /// `at` installed a view: SELF, RANKS, RING, MONO, DIGEST, TWICE, ACKED, FLOOR, AGREE, UNIQUE.
    pub fn installed(
        &mut self,
        tick: u64,
        at: SocketAddrV4,
        view: &View,
        from: Option<Position>,
        change: Option<&Change>,
        applied: &[Operation],
    ) {
        let Some(me) = entry(view, at) else {
            return self.broken("SELF", tick, at.to_string(), line(view));
        };
        let first = format!("{} installs {}", who(me), line(view));
        if !ranks(view) || view.members.is_empty() {
            self.broken("RANKS", tick, first.clone(), String::new());
        }
        if !ring(view) {
            self.broken("RING", tick, first.clone(), String::new());
        }
        self.follows(tick, &first, me, view, from);
        let view = self.made(tick, &first, view, applied);
        if let Some(change) = change {
            self.accepted(tick, &first, me, &view, change);
        }
        let change = change.map(|change| change.id);
        let install = Install { tick, who: me, view: Arc::clone(&view), from, change };
        self.parted(&first, &install);
        let process = self.processes.entry(at).or_default();
        process.last = Some((me, view));
        process.floor = None;
    }

    fn follows(&mut self, tick: u64, first: &str, me: Life, view: &View, from: Option<Position>) {
        let last = self.processes.get(&me.address).and_then(|process| process.last.clone());
        let left = last.as_ref().map(|(_, view)| view.position);
        if left != from {
            let second = format!("it says that it left {from:?}, and was in {left:?}");
            self.broken("MONO", tick, first.to_string(), second);
        }
        let lives = last.as_ref().is_none_or(|(life, _)| *life == me || from.is_none());
        if !mono(view, from) || !lives {
            let second = format!("it left {from:?}; parents {:?}", view.parents);
            self.broken("MONO", tick, first.to_string(), second);
        }
        let number = (view.position.num.0, view.position.k);
        let before = self.by_number.get(&number).into_iter().flatten().find(|i| i.who == me);
        if let Some(before) = before {
            let second = format!("it did so at t{} already", before.tick);
            self.broken("MONO", tick, first.to_string(), second);
        }
    }

    /// DIGEST and TWICE; the view, shared with all who install it.
    fn made(&mut self, tick: u64, first: &str, view: &View, applied: &[Operation]) -> Arc<View> {
        let applied: Vec<_> = applied.iter().map(|op| (op.origin, op.number)).collect();
        if let Some(made) = self.views.get(&view.position.digest) {
            let shared = Arc::clone(&made.view);
            // A joiner gets the state, not the operations that led to it.
            if *made.view != *view || !applied.is_empty() && made.applied != applied {
                let second = format!("{} with {:?}", made.first, made.applied);
                self.broken("DIGEST", tick, format!("{first} with {applied:?}"), second);
            }
            return shared;
        }
        let (mut counted, latest) = self.inherited(view);
        for (origin, number) in &applied {
            let last = counted.entry(*origin).or_default();
            if *number != *last + 1 {
                let second = format!("applies {number} of {} behind {last}", who(*origin));
                self.broken("TWICE", tick, first.to_string(), second);
                break;
            }
            *last = *number;
        }
        if let Some(second) = miscounted(view, &counted, &latest) {
            self.broken("TWICE", tick, first.to_string(), second);
        }
        let shared = Arc::new(view.clone());
        let first = first.to_string();
        let made = Made { view: Arc::clone(&shared), applied, counted, latest, first };
        self.views.insert(view.position.digest, made);
        shared
    }

    /// What was applied on the way to a view, and the latest lives that were there.
    fn inherited(&self, view: &View) -> (BTreeMap<Life, u64>, BTreeMap<SocketAddrV4, Incarnation>) {
        let mut counted: BTreeMap<Life, u64> = BTreeMap::new();
        let mut latest: BTreeMap<SocketAddrV4, Incarnation> = BTreeMap::new();
        let mut lives: Vec<Life> = view.members.iter().map(|m| m.life).collect();
        let parents = view.parents.iter().filter_map(|parent| self.views.get(&parent.digest));
        // A side of a Merge of which nobody is left has not been merged.
        let came = |parent: &&Made| parent.view.members.iter().any(|m| lists(view, m.life));
        for parent in parents.filter(came) {
            for (life, number) in &parent.counted {
                let most = counted.entry(*life).or_default();
                *most = (*most).max(*number);
            }
            lives.extend(parent.latest.iter().map(|(&address, &inc)| Life { address, inc }));
        }
        for life in lives {
            let last = latest.entry(life.address).or_default();
            *last = (*last).max(life.inc);
        }
        (counted, latest)
    }

    /// ACKED and FLOOR.
    fn accepted(&mut self, tick: u64, first: &str, me: Life, view: &View, change: &Change) {
        let coord = change.id.coord;
        let none = BTreeSet::new();
        let acks = self.acks.get(&change.id).unwrap_or(&none);
        let silent = view.members.iter().map(|m| m.life).find(|m| *m != coord && !acks.contains(m));
        if let Some(silent) = silent {
            let second = format!("{} never sent ACK({:?})", who(silent), change.id);
            self.broken("ACKED", tick, first.to_string(), second);
        }
        let process = self.processes.get(&me.address);
        let floor = process.and_then(|p| if p.last.is_some() { p.floor } else { p.acked });
        let fine = if me == coord {
            floor.is_none_or(|floor| floor == change.id || higher(change.id, floor))
        } else {
            floor == Some(change.id)
        };
        if !fine {
            let second = format!("by {:?}, having accepted {floor:?}", change.id);
            self.broken("FLOOR", tick, first.to_string(), second);
        }
    }

    /// AGREE and UNIQUE, against all earlier installs.
    fn parted(&mut self, first: &str, install: &Install) {
        let number = (install.view.position.num.0, install.view.position.k);
        let same = self.by_number.entry(number).or_default();
        let disagree = same.iter().find(|other| !apart(other, install)).cloned();
        same.push(install.clone());
        let mut also = None;
        if let Some(from) = install.from {
            let same = self.by_parent.entry(from).or_default();
            also = same.iter().find(|other| !apart(other, install)).cloned();
            same.push(install.clone());
        }
        for (rule, other) in [("UNIQUE", also), ("AGREE", disagree)] {
            if let Some(other) = other {
                let what = line(&other.view);
                let second = format!("{} installed {what} at t{}", who(other.who), other.tick);
                self.broken(rule, install.tick, first.to_string(), second);
            }
        }
    }

    /// A step is over: ISO, FLOOR, PROGRESS.
    pub fn stepped(&mut self, tick: u64, seen: &Seen<'_>) {
        let first = seen.who.to_string();
        let stray = seen.isolated.iter().find(|who| {
            **who == seen.who || seen.view.is_none_or(|view| entry(view, **who).is_none())
        });
        if let Some(stray) = stray {
            self.broken("ISO", tick, first.clone(), format!("has isolated {stray}"));
        }
        let installed = self.processes.get(&seen.who).and_then(|p| p.last.as_ref());
        let told = installed.map(|(_, view)| view.position);
        let has = seen.view.map(|view| view.position);
        if has.is_some() && told != has {
            self.broken("MONO", tick, first.clone(), format!("is in {has:?}, installed {told:?}"));
        }
        let patience = self.patience;
        let process = self.processes.entry(seen.who).or_default();
        let floor = seen.floor.map(|change| change.id);
        let sank = match (process.floor, floor) {
            (Some(old), Some(new)) => old != new && !higher(new, old),
            (Some(_), None) => true,
            (None, _) => false,
        };
        // One who is out starts from nothing with every attempt to join.
        let sank = (sank && has.is_some()).then(|| format!("{:?} -> {floor:?}", process.floor));
        process.floor = floor;
        let triple = (seen.phase, floor, has, seen.awaited, seen.isolated.len());
        if triple != process.triple || !seen.live || seen.elapsed > self.reply {
            process.triple = triple;
            process.since = 0;
        } else {
            process.since += seen.elapsed;
        }
        let since = process.since;
        self.longest = self.longest.max(since);
        if let Some(second) = sank {
            self.broken("FLOOR", tick, first.clone(), second);
        }
        if since > patience {
            let second = format!("{} for {since} ticks, on {floor:?}", seen.phase);
            self.broken("PROGRESS", tick, first, second);
        }
    }

    /// `who` is in no view any more.
    pub fn left(&mut self, who: SocketAddrV4) {
        self.began(who);
    }

    fn broken(&mut self, rule: &'static str, tick: u64, first: String, second: String) {
        self.report(Violation { rule, tick, first, second });
    }
}

/// Where a view's account of what was applied differs from ours. It may have forgotten an origin
/// once a later life of the same address had come.
fn miscounted(
    view: &View,
    counted: &BTreeMap<Life, u64>,
    latest: &BTreeMap<SocketAddrV4, Incarnation>,
) -> Option<String> {
    let later = |life: Life| latest.get(&life.address).is_some_and(|inc| *inc > life.inc);
    // It may have forgotten the oldest of those that went, and then has an entry of no address that says so.
    let forgotten = view.done.iter().find(|d| d.origin.address.ip().is_unspecified());
    let forgot =
        |life: Life| forgotten.is_some_and(|f| life.inc <= f.origin.inc) && !lists(view, life);
    let says = |life: Life| view.done.iter().find(|done| done.origin == life).map(|d| d.number);
    let mut current = counted.iter().filter(|(life, _)| !later(**life));
    let wrong = current.find(|(life, number)| match says(**life) {
        None => **number > 0 && !forgot(**life),
        Some(said) => said != **number,
    });
    if let Some((life, number)) = wrong {
        return Some(format!("{number} of {} were applied, it says {:?}", who(*life), says(*life)));
    }
    let invented = |done: &&Done| done.number > 0 && !counted.contains_key(&done.origin);
    view.done.iter().find(invented).map(|done| format!("{done:?}, and none were applied"))
}

fn who(life: Life) -> String {
    format!("{}/{}", life.address.ip(), life.inc)
}

/// A view in a line.
fn line(view: &View) -> String {
    let members: Vec<String> = view.members.iter().map(|m| who(m.life)).collect();
    let Position { num, k, digest } = view.position;
    format!("{num}.{k} {digest:?} [{}]", members.join(" "))
}

#[cfg(test)]
mod tests;
