//! The hierarchy as it is, asked for: from the mservers that are named to all that these speak of.
//!
//! ```text
//!   named ──> asked, many at a time ──> members, parents, heirs that they speak of ──> asked ──> ...
//!                 └── place with the peers; then in the set below, or the LAN
//! ```

use super::super::{Desk, PATIENCE, Told};
use crate::campus::{Answer, LanNow, Live, Seat};
use crate::cmd::serve::{Failure, Plan};
use crate::name::GroupName;
use crate::sorted::Sorted as _;
use crate::sys::process::exit;
use crate::wire::coreset::SetName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::thread;
use std::time::{Duration, Instant};

/// Asked at a time.
const AT_ONCE: usize = 32;
/// Asked at all, whatever peers speak of.
const MOST: usize = 16_384;
/// A set that shows two views may just be changing: so long it is looked at again.
const CALM: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

/// What was found.
pub struct Found {
    /// What is.
    pub live: Live,
    /// Who did not answer, and why.
    pub silent: BTreeMap<SocketAddrV4, String>,
}

/// Asks those who are named, and all that they speak of; again while a set seems to be changing.
pub fn gather(
    plan: &Plan<'_>,
    named: &BTreeSet<SocketAddrV4>,
    timeout: Duration,
) -> Result<Found, Failure> {
    let until = Instant::now() + CALM.min(timeout);
    loop {
        let found = once(plan, named, PATIENCE.min(timeout))?;
        if found.live.parted.is_empty() || Instant::now() >= until {
            return Ok(found);
        }
        thread::sleep(PAUSE);
    }
}

fn once(
    plan: &Plan<'_>,
    named: &BTreeSet<SocketAddrV4>,
    patience: Duration,
) -> Result<Found, Failure> {
    let mut answers: BTreeMap<SocketAddrV4, Answer> = BTreeMap::new();
    let mut silent = BTreeMap::new();
    let mut next: Vec<SocketAddrV4> = named.iter().copied().collect();
    while !next.is_empty() {
        for some in next.chunks(AT_ONCE) {
            let told: Vec<_> = thread::scope(|scope| {
                let ask = |&who| (who, scope.spawn(move || ask(plan, who, patience)));
                let asked: Vec<_> = some.iter().map(ask).collect();
                asked.into_iter().map(|(who, asked)| (who, asked.join())).collect()
            });
            for (who, told) in told {
                match told.unwrap_or_else(|_| Err((exit::SOFTWARE, "a thread failed".into()))) {
                    Ok(answer) => drop(answers.insert(who, answer)),
                    // What we may not ask of one we cannot put together of the others.
                    Err(failure) if failure.0 == exit::NOPERM => return Err(failure),
                    Err(failure) if failure.0 == exit::CONFIG => return Err(failure),
                    Err((_, why)) => drop(silent.insert(who, why)),
                }
            }
        }
        let spoken_of: BTreeSet<SocketAddrV4> = answers.values().flat_map(speaks_of).sorted_set();
        next = spoken_of
            .into_iter()
            .filter(|who| !answers.contains_key(who) && !silent.contains_key(who))
            .take(MOST.saturating_sub(answers.len() + silent.len()))
            .collect();
    }
    Ok(Found { live: Live::of(answers.into_values()), silent })
}

fn speaks_of(answer: &Answer) -> impl Iterator<Item = SocketAddrV4> + '_ {
    let views = answer.peers.iter().chain(&answer.child).filter_map(|seat| seat.view.as_ref());
    views.flat_map(|(members, _, _)| members.iter().copied())
}

/// All that one mserver tells of itself.
fn ask(plan: &Plan<'_>, who: SocketAddrV4, patience: Duration) -> Result<Answer, Failure> {
    let mut desk = Desk::open(plan, who, patience)?;
    let told = desk.told(who, SetName::default(), patience)?;
    let child = match told.fact("child") {
        Some(set) => desk.told_of(set, patience)?.map(|told| told.seat()),
        None => None,
    };
    let lan = match told.fact("lan") {
        Some(lan) => desk.told_of(lan, patience)?.map(|of_lan| LanNow {
            name: lan,
            heard: of_lan.fact("heard"),
            mis: of_lan.facts("mi").filter(|mi| Some(*mi) != told.fact("built-in")).sorted_set(),
            built_in: told.fact::<SocketAddrV4>("built-in").is_some(),
        }),
        None => None,
    };
    let groups = told.groups("below");
    Ok(Answer { who, peers: Some(told.seat()), child, lan, groups })
}

impl Desk {
    /// Statistics of that set or LAN; none if there is no such thing there any more.
    pub fn told_of(
        &mut self,
        name: GroupName,
        patience: Duration,
    ) -> Result<Option<Told>, Failure> {
        let until = Instant::now() + patience;
        let asked = SetName { base: name, suffix: None };
        loop {
            let told = self.told(self.server, asked, patience)?;
            // It may be the answer to what was asked before, once more.
            if told.message.name.base == name {
                return Ok(Some(told));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }
}

impl Told {
    /// What stands behind the word of a fact, of each.
    fn facts<'a, T: std::str::FromStr>(&'a self, word: &'a str) -> impl Iterator<Item = T> + 'a {
        let all = self.stats.detail.iter().flat_map(|detail| &detail.counters);
        all.filter_map(move |(fact, _)| {
            let (key, value) = fact.split_once(' ')?;
            value.parse().ok().filter(|_| key == word)
        })
    }

    pub(in super::super) fn fact<T: std::str::FromStr>(&self, word: &str) -> Option<T> {
        self.facts(word).next()
    }

    fn groups(&self, which: &str) -> u64 {
        let mut all = self.stats.detail.iter().flat_map(|detail| &detail.counters);
        all.find(|(word, _)| word.strip_prefix("groups ") == Some(which)).map_or(0, |(_, n)| *n)
    }

    fn seat(&self) -> Seat {
        let view = |view: &crate::wire::coreset::View| {
            (view.addresses().collect(), view.parent, view.position.digest)
        };
        Seat {
            set: self.message.name.base,
            level: self.message.level,
            heard: self.fact("heard"),
            groups: self.groups("known"),
            view: self.view().map(view),
        }
    }
}
