//! From the hierarchy as it is to the one that is wanted, step by step; what is left then, only hands can do.
//!
//! ```text
//!   stand down ──> relieve parents ──> split ──> merge ──> leave ──> join ──> parents, and who stands by
//! ```
//!
//! The plan is found by doing it: the next step, by the order above, is applied to a copy of the hierarchy, until there is none.
//! So each step meets what it needs, and a plan that was broken off is found again, without its first part.

use super::lines::{command_of_mi, command_of_mserver};
use super::print::short;
use super::{Campus, Live, PORT, Post, Step, lan_name};
use crate::name::GroupName;
use std::fmt;
use std::net::SocketAddrV4;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What MS_mgr cannot do.
    pub chores: Vec<Chore>,
    /// The hierarchy when all steps are done.
    pub after: Live,
}

/// Something that only hands can do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Chore {
    /// A daemon does not run.
    Start {
        /// Who.
        who: SocketAddrV4,
        /// Its command line.
        line: String,
    },
    /// It runs, but not so.
    Restart {
        /// Who.
        who: SocketAddrV4,
        /// What cannot change while it runs.
        why: String,
        /// Its command line.
        line: String,
    },
    /// A member of a set that does not answer.
    Silent {
        /// Who.
        who: SocketAddrV4,
        /// The set.
        set: GroupName,
    },
    /// Nothing is wanted of it.
    Stop {
        /// Who.
        who: SocketAddrV4,
        /// What it is.
        what: &'static str,
    },
}

impl fmt::Display for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Chore::Start { who, line } => write!(f, "start on {}: {line}", who.ip()),
            Chore::Restart { who, why, line } => {
                write!(f, "restart on {} with: {line} ({why})", who.ip())
            }
            Chore::Silent { who, set } => {
                let who = short(*who, PORT);
                write!(f, "see to {who}: set {set} has it as a member, but it does not answer us")
            }
            Chore::Stop { who, what } => {
                write!(f, "stop on {}: the {what} at {who}, which has no place here", who.ip())
            }
        }
    }
}

/// The plan that makes what is wanted of what is.
pub fn plan(live: &Live, wanted: &Campus) -> Plan {
    let mut after = live.clone();
    after.take_over();
    let mut steps = Vec::new();
    // Each mserver and set is concerned a few times at the most. What peers say must not keep us busy for ever.
    let most = 16 + 8 * (live.posts.len() + live.sets.len() + wanted.sets.len());
    while let Some(step) = (Search { live: &after, wanted }).next().filter(|_| steps.len() < most) {
        step.apply(&mut after);
        steps.push(step);
    }
    let mut chores = chores(live, &after, wanted);
    chores.sort_unstable();
    Plan { steps, chores, after }
}

/// Looks for the next step.
struct Search<'a> {
    live: &'a Live,
    wanted: &'a Campus,
}

impl Search<'_> {
    fn next(&self) -> Option<Step> {
        self.stand_down()
            .or_else(|| self.relieve())
            .or_else(|| self.split())
            .or_else(|| self.merge())
            .or_else(|| self.leave())
            .or_else(|| self.join())
            .or_else(|| self.charge())
    }

    fn posts(&self) -> impl Iterator<Item = (SocketAddrV4, &Post)> {
        self.live.posts.iter().map(|(who, post)| (*who, post))
    }

    /// Whether a mserver stays in the set that it is in. Of sets that nothing is said of, nothing is changed.
    fn stays(&self, who: SocketAddrV4) -> bool {
        let now = self.live.home(who);
        match self.wanted.home(who) {
            Some(home) => now == Some(home),
            None => now.is_none_or(|now| !self.wanted.sets.contains_key(&now)),
        }
    }

    /// Whether a mserver may go on to be the parent of a set, or to wait for that.
    fn keeps(&self, who: SocketAddrV4, set: GroupName) -> bool {
        match self.wanted.sets.contains_key(&set) || self.wanted.home(who).is_some() {
            true => self.wanted.charge(who) == Some(set) && self.stays(who),
            false => true,
        }
    }

    /// A member of a set that can be asked.
    fn via(&self, set: GroupName) -> Option<SocketAddrV4> {
        let members = &self.live.sets.get(&set)?.members;
        members.iter().copied().find(|who| self.live.answers(*who))
    }

    /// Whether a set is there or may come, and of the level that is wanted.
    fn fits(&self, set: GroupName) -> bool {
        let wanted = self.wanted.sets.get(&set).map(|set| set.level);
        self.live.sets.get(&set).is_none_or(|set| Some(set.level) == wanted)
    }

    /// Whether a mserver that is in its place can be told now to be the parent of a set, or to stand by.
    fn is_free(&self, who: SocketAddrV4, set: GroupName) -> bool {
        let Some(post) = self.live.posts.get(&who) else { return false };
        let home = self.wanted.home(who);
        // A LAN below cannot be given up while it runs.
        let in_place = post.set.is_some() && post.set == home && post.lan.is_none();
        in_place && post.child.is_none() && home.is_some_and(|h| self.fits(h)) && self.fits(set)
    }

    fn stand_down(&self) -> Option<Step> {
        self.posts().find_map(|(who, post)| {
            let set = post.child?;
            let is_parent = self.live.sets.get(&set).and_then(|set| set.parent) == Some(who);
            (!is_parent && !self.keeps(who, set)).then_some(Step::StandDown { who, set })
        })
    }

    fn relieve(&self) -> Option<Step> {
        let leaving = || {
            let parents = self.live.sets.iter().filter_map(|(set, now)| Some((*set, now.parent?)));
            parents.filter(|(set, parent)| !self.keeps(*parent, *set))
        };
        let goes = |(set, parent), heir| {
            let via = self.via(set)?;
            Some(Step::DelParent { via, set, parent, heir })
        };
        // First those for whom another one can take over, so that it frees others as well.
        for (set, parent) in leaving() {
            if let Some(heir) = self.live.standing_by(set).next() {
                return goes((set, parent), Some(heir));
            }
            let parents = self.wanted.sets.get(&set).map(|set| set.parents.as_slice());
            let mut heirs = parents.unwrap_or_default().iter().copied();
            if let Some(who) = heirs.find(|who| self.is_free(*who, set)) {
                let level = self.live.sets[&set].level;
                return Some(Step::StandBy { who, set, level });
            }
        }
        let mut free = leaving().filter(|(set, _)| self.has_successor(*set));
        free.find_map(|which| goes(which, None))
    }

    /// Whether a set that gives up its parent will have another one, or is to have none. A parent that nobody who runs can
    /// follow stays until somebody can.
    fn has_successor(&self, set: GroupName) -> bool {
        let Some(wanted) = self.wanted.sets.get(&set) else { return true };
        let able = |post: &Post| post.lan.is_none() && self.live.elsewhere(post).is_none();
        let runs = |who: &SocketAddrV4| self.live.posts.get(who).is_some_and(able);
        wanted.parents.is_empty() || wanted.parents.iter().any(runs)
    }

    /// Members that are to be a set that there is not yet go at once.
    fn split(&self) -> Option<Step> {
        for (&set, now) in &self.live.sets {
            let here = || now.members.iter().copied().filter(|who| self.live.answers(*who));
            for (&name, new) in &self.wanted.sets {
                if self.live.sets.contains_key(&name) || new.level != now.level {
                    continue;
                }
                let free = |who: &SocketAddrV4| {
                    new.mservers.contains_key(who)
                        && self.live.posts.get(who).is_some_and(|post| post.child.is_none())
                };
                let mut side: Vec<SocketAddrV4> = here().filter(free).collect();
                // One must stay: it follows by itself.
                let via = here().find(|who| !side.contains(who)).or_else(|| side.pop());
                if let Some(via) = via.filter(|_| !side.is_empty()) {
                    return Some(Step::Split { via, set, name, side });
                }
            }
        }
        None
    }

    /// A set all of whose members are to be in another one, whose name is the smaller: it is the one that the merged set has.
    fn merge(&self) -> Option<Step> {
        for (&other, now) in &self.live.sets {
            let mut homes = now.members.iter().map(|who| self.wanted.home(*who));
            let Some(set) = homes.next().flatten() else { continue };
            let same = homes.all(|home| home == Some(set)) && set < other;
            let known = self.live.sets.get(&set).is_some_and(|set| set.level == now.level);
            let free = now.parent.is_none() && now.members.iter().all(|who| self.is_idle(*who));
            if let (true, Some(at), Some(via)) =
                (same && known && free && self.fits(set), self.via(other), self.via(set))
            {
                return Some(Step::Merge { via, set, at, other });
            }
        }
        None
    }

    /// It answers, and has nothing to do with a set below.
    fn is_idle(&self, who: SocketAddrV4) -> bool {
        self.live.posts.get(&who).is_some_and(|post| post.child.is_none())
    }

    fn leave(&self) -> Option<Step> {
        self.posts().find_map(|(who, post)| {
            let set = post.set?;
            let may = post.child.is_none() && self.wanted.home(who).is_none_or(|h| self.fits(h));
            (may && !self.stays(who)).then_some(Step::Leave { who, set })
        })
    }

    fn join(&self) -> Option<Step> {
        self.posts().find_map(|(who, post)| {
            let set =
                self.wanted.home(who).filter(|_| post.set.is_none() && post.child.is_none())?;
            let level = self.wanted.sets[&set].level;
            self.fits(set).then_some(Step::Join { who, set, level })
        })
    }

    /// Sets get their parents, the highest first, and others stand by.
    fn charge(&self) -> Option<Step> {
        let mut sets: Vec<_> = self.wanted.sets.iter().collect();
        sets.sort_unstable_by_key(|(name, set)| (std::cmp::Reverse(set.level), **name));
        for (&set, wanted) in sets {
            let mut free = wanted.parents.iter().copied().filter(|who| self.is_free(*who, set));
            let Some(who) = free.next() else { continue };
            let has_parent = self.live.sets.get(&set).is_none_or(|now| now.parent.is_some());
            return Some(match self.via(set).filter(|_| !has_parent) {
                Some(via) => Step::AddParent { via, set, parent: who },
                None => Step::StandBy { who, set, level: wanted.level },
            });
        }
        None
    }
}

fn chores(before: &Live, after: &Live, wanted: &Campus) -> Vec<Chore> {
    let mut chores = Vec::new();
    for (who, _) in wanted.mservers() {
        let line = command_of_mserver(wanted, who).unwrap_or_default();
        match (after.posts.get(&who), after.home(who)) {
            (None, Some(set)) => chores.push(Chore::Silent { who, set }),
            (None, None) => chores.push(Chore::Start { who, line }),
            (Some(post), home) => {
                let why = fixed(before, (who, post, home), wanted);
                chores.extend(why.map(|why| Chore::Restart { who, why, line }));
            }
        }
    }
    for (name, lan) in &wanted.lans {
        let of_lan = |now: &&super::LanNow| now.name == *name;
        let seen = || after.posts.values().filter_map(|post| post.lan.as_ref()).filter(of_lan);
        for &who in &lan.mis {
            let line = command_of_mi(wanted, who).unwrap_or_default();
            if !seen().any(|now| now.mis.contains(&who)) {
                chores.push(Chore::Start { who, line });
            }
        }
        let strangers = seen().flat_map(|now| &now.mis).filter(|who| !lan.mis.contains(who));
        let what = "member interface";
        chores.extend(strangers.map(|who| Chore::Stop { who: *who, what }));
    }
    // Who was in a set that something is said of, and is in none now.
    let left =
        after.posts.iter().filter(|(who, post)| wanted.home(**who).is_none() && post.set.is_none());
    chores.extend(left.map(|(who, _)| Chore::Stop { who: *who, what: "mserver" }));
    chores
}

/// What is not as it is wanted and cannot change while a mserver runs.
fn fixed(
    before: &Live,
    (who, post, home): (SocketAddrV4, &Post, Option<GroupName>),
    wanted: &Campus,
) -> Option<String> {
    let set = wanted.home(who)?;
    let new = &wanted.sets[&set];
    let now = before.sets.get(&set);
    if let Some(now) = now.filter(|now| now.level != new.level) {
        return Some(format!("set {set} is of level {}, not {}", now.level, new.level));
    }
    let heard = now.filter(|_| home == Some(set)).and_then(|now| now.heard.first().copied());
    if let (Some(heard), Some(address)) = (heard, new.address)
        && heard != address
    {
        return Some(format!("set {set} is heard at {heard}, not {address}"));
    }
    if let (Some(child), Some((looks_at, heard))) = (post.child, before.elsewhere(post)) {
        return Some(format!("it looks for set {child} at {looks_at}, which is heard at {heard}"));
    }
    let server = new.mservers[&who];
    match (&post.lan, wanted.charge(who)) {
        (Some(lan), Some(child)) => {
            Some(format!("it has the lan {} below, the parent of {child} has none", lan.name))
        }
        (None, None) if server.lan.is_some() || server.mi => {
            Some("it was started to be a parent, and has no lan".to_string())
        }
        (Some(lan), None) if lan.name != lan_name(who, server.lan) => {
            Some(format!("its lan is {}, not {}", lan.name, lan_name(who, server.lan)))
        }
        (Some(lan), None) if lan.built_in != server.mi => Some(match server.mi {
            true => "it has no member interface built in".to_string(),
            false => "it has a member interface built in".to_string(),
        }),
        _ => None,
    }
}
