//! What one change costs in a hierarchy of any size: measured with the real processes, never by a formula.
//!
//! ```text
//!   level 3     o──o──o──o           a set is played where a member is in it or below it
//!               |  |
//!   level 2     o  o──o──o  ...      of the others, idle, only their parents: whatever these were to hear of
//!               |  |                 a group would be sent down to them, and that is looked for
//!   level 1     m  m──o──o           m: a host whose application is a member
//! ```
//!
//! What counts at a mserver are the datagrams that it sends, a multicast once, and those that it receives, but for
//! monitoring, probes and polls, which pass in quiet times too. A datagram takes one tick, and nothing else takes time, so
//! ticks are datagrams that had to follow one another.

use super::event::{AppId, What};
use super::outage::in_time;
use super::plan::{NodeId, Plan};
use super::play::{are_in, group, params};
use super::world::Campus;
use crate::proto::coreset::Founding;
use crate::proto::mserver::Mserver;
use crate::proto::places::Places;
use crate::sim::campus::event::{Event, To};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// What passes in quiet times too.
const QUIET: [&str; 8] =
    ["QUERY", "REPLY", "QUERY-CHECK", "REPLY-CHECK", "PROBE", "PROBE-REPLY", "POLL", "POLLED"];
/// Ticks until nothing moves any more that a join set in motion.
const REST: u32 = 1000;
/// Ticks after the last view in which what follows of a change still counts.
const AFTER: u32 = 100;

/// The shape of a hierarchy: so many mservers in each set, so many levels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Mservers of a set, its parent not counted: 3 at least.
    pub fan: usize,
    /// Levels of sets: 1 at least.
    pub levels: u32,
}

impl Shape {
    /// Its hosts: the mservers of the lowest sets, each with a member interface built in.
    pub fn hosts(self) -> u64 {
        (self.fan as u64).saturating_pow(self.levels)
    }

    /// All of its mservers.
    pub fn mservers(self) -> u64 {
        (1..=self.levels).map(|level| Shape { levels: level, ..self }.hosts()).sum()
    }
}

/// What a change cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Messages at the mserver that has most of them.
    pub busiest: usize,
    /// Ticks until the last member has the view.
    pub ticks: u64,
}

/// What was measured in a hierarchy.
#[derive(Clone, Debug)]
pub struct Point {
    /// Of this shape.
    pub shape: Shape,
    /// The members are below different mservers of the highest set, not in one lowest set.
    pub far: bool,
    /// Mservers that were played.
    pub played: usize,
    /// A third member joins.
    pub join: Cost,
    /// It leaves.
    pub leave: Cost,
    /// Its host crashes.
    pub crash: Cost,
    /// The process that a join kept busiest, as it was then.
    pub busiest: Mserver,
}

/// A hierarchy, as far as it is played.
struct Stage {
    plan: Plan,
    /// Hosts of the first lowest set, and of the one below another mserver of the highest set, if there is any.
    hosts: Vec<Vec<NodeId>>,
    /// Where the idle sets would hear.
    idle: BTreeSet<SocketAddrV4>,
}

impl Stage {
    fn of(shape: Shape, everything: bool) -> Stage {
        let mut stage = Stage { plan: Plan::default(), hosts: Vec::new(), idle: BTreeSet::new() };
        let played = if everything { usize::MAX } else { 2 };
        stage.grow("", "top", (shape.fan, shape.levels), played);
        stage.plan = std::mem::take(&mut stage.plan).with_built_in();
        stage
    }

    /// A set, and those below so many of its mservers.
    fn grow(&mut self, above: &str, set: &str, (fan, level): (usize, u32), played: usize) {
        let mut here = Vec::new();
        for place in 0..fan {
            let name = format!("{above}{place}");
            let child = (level > 1).then(|| format!("s{name}"));
            let height = u8::try_from(level).expect("a hierarchy has few levels");
            here.push(self.plan.mserver(&name, (set, height), child.as_deref()));
            let Some(child) = child else { continue };
            if place < played {
                let played = if played == usize::MAX { played } else { 1 };
                self.grow(&format!("{name}."), &child, (fan, level - 1), played);
            } else {
                self.idle.insert(Places::new(BTreeMap::new(), 2900).of(&group(&child)));
            }
        }
        if level == 1 {
            self.hosts.push(here);
        }
    }
}

/// What a join, a leave and a crash cost there, of a group with its core in one lowest set or, `far`, in the highest.
/// With `everything` no set is left out.
///
/// # Errors
/// What did not come true, or that something was sent to an idle set.
pub fn measure(shape: Shape, far: bool, everything: bool) -> Result<Point, String> {
    let Stage { plan, hosts, idle } = Stage::of(shape, everything);
    let played = plan.sites().len();
    let first = &hosts[0];
    let second = if far { hosts.last().unwrap_or(first) } else { first };
    let mut campus = Campus::new(1, plan, params());
    (0..played).for_each(|node| campus.start(node, Founding::IfNone));
    in_time(&mut campus, |campus| {
        campus.unfinished().map_or(Ok(()), |what| Err(format!("does not stand: {what}")))
    })?;
    let apps = [first[0], second[1], first[2]].map(|node| campus.app(node));
    let (stay, all) = (&apps[..2], &apps[..]);
    for count in 1..=2 {
        campus.join(apps[count - 1], group("db"));
        in_view(&mut campus, &apps[..count])?;
    }
    campus.run(REST);
    let weigh = |campus: &mut Campus, apps: &[AppId]| changed(campus, apps, &idle);
    campus.record();
    campus.join(apps[2], group("db"));
    let (join, at) = weigh(&mut campus, all)?;
    let busiest = campus.mserver(at).expect("a plan of mservers").clone();
    campus.record();
    campus.leave(apps[2], group("db"));
    let (leave, _) = weigh(&mut campus, stay)?;
    campus.join(apps[2], group("db"));
    in_view(&mut campus, all)?;
    campus.run(REST);
    campus.record();
    campus.kill(first[2]);
    let (crash, _) = weigh(&mut campus, stay)?;
    Ok(Point { shape, far, played, join, leave, crash, busiest })
}

/// Lets time pass until these are in one view.
fn in_view(campus: &mut Campus, apps: &[AppId]) -> Result<(), String> {
    campus.log = None;
    in_time(campus, |campus| match are_in(campus, group("db"), apps) {
        true => Ok(()),
        false => Err(format!("{} members do not come into one view", apps.len())),
    })
}

/// Lets time pass until a change is everybody's; what it cost, and which mserver most.
fn changed(
    campus: &mut Campus,
    apps: &[AppId],
    idle: &BTreeSet<SocketAddrV4>,
) -> Result<(Cost, NodeId), String> {
    let begun = campus.now();
    if !campus.run_until(20 * REST, |campus| are_in(campus, group("db"), apps)) {
        return Err(format!("{} members do not come into one view", apps.len()));
    }
    let ticks = campus.now() - begun;
    campus.run(AFTER);
    if let Some(violation) = campus.violation() {
        return Err(violation.to_string());
    }
    let mut counts = vec![0; campus.plan().sites().len()];
    for event in campus.log.take().unwrap_or_default() {
        count(&event, &mut counts, idle)?;
    }
    // Of several the lowest number: the first of its set.
    let (at, busiest) = counts.iter().enumerate().rev().max_by_key(|(_, n)| **n).unwrap_or((0, &0));
    Ok((Cost { busiest: *busiest, ticks }, at))
}

fn count(event: &Event, counts: &mut [usize], idle: &BTreeSet<SocketAddrV4>) -> Result<(), String> {
    let What::Sent { from, to, speech, copies } = &event.what else { return Ok(()) };
    if QUIET.contains(&speech.name()) {
        return Ok(());
    }
    if matches!(to, To::Group(group) if idle.contains(group)) {
        // Its parent calls for it in vain, as it would not where the set is there.
        return match speech.is_of_groups() {
            true => Err(format!("{} goes to an idle set", speech.name())),
            false => Ok(()),
        };
    }
    counts[*from] += 1;
    copies.iter().for_each(|copy| counts[copy.to] += 1);
    Ok(())
}

/// The shapes of a fan-out with 10 hosts, or the fewest above, to so many.
pub fn shapes(fan: usize, most: u64) -> Vec<Shape> {
    let all = (1..=20).map(|levels| Shape { fan, levels });
    all.filter(|shape| (10..=most).contains(&shape.hosts())).collect()
}

/// Whether nothing in a hierarchy is left out.
pub fn is_whole(point: &Point) -> bool {
    point.played as u64 == point.shape.mservers()
}
