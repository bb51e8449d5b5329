//! What the creator of a group chooses, in words (HIERARCHY: quality of service).
//!
//! ```text
//!   words of a person ── set ──> Qos ── get ──> the same words, on every screen
//!                                 ├── check      can it be at all?
//!                                 ├── supported  is it carried out by this version?
//!                                 └── survives, merges   the two rules of a partition
//! ```
//!
//! On the wire a rule is its text. Whoever lets a group be created checks it; whoever finds one all the same that it
//! cannot read lets no side live by it, and none merge: two sides that are kept apart are better than two that both decide.

mod grammar;
mod rule;
mod words;

pub use grammar::RuleError;
pub use rule::{Merge, Side, Survive, Who, has_majority};

use crate::wire::group::{Entry, MAX_RULE, Monitor, Order, Qos, Scope};
use serde_json::{Map, Value};
use std::fmt;

/// What can be chosen, by the names of the options of `ms join`, in the order in which it is shown.
pub const NAMES: [&str; 8] =
    ["order", "batch", "monitor", "roster", "survive", "merge", "name-scope", "membership-scope"];

/// What is chosen in vain as long as no mserver carries it out: a group that is promised it is not created. Whoever
/// builds one of these takes its name away here, and nowhere else.
const NOT_YET: &[&str] = &[];
/// What is not carried out together with a weak order.
const STRONG_ONLY: &[&str] = &["batch", "survive", "merge"];

/// Milliseconds between two questions of a fixed monitor, and how often one is repeated: from a busy host to an hour.
const EVERY_MS: std::ops::RangeInclusive<u32> = 10..=3_600_000;
const MOST_RETRIES: u8 = 100;
/// Milliseconds that a change may wait for others.
const BATCH_MS: std::ops::RangeInclusive<u32> = 1..=60_000;

/// What is wrong with a choice. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QosError {
    /// Which, of [`NAMES`].
    pub name: &'static str,
    /// The words that were said.
    pub said: String,
    /// What they should be.
    pub why: String,
}

impl fmt::Display for QosError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.name, self.said, self.why)
    }
}

impl std::error::Error for QosError {}

impl Qos {
    /// Chooses something, of [`NAMES`], in words.
    ///
    /// # Errors
    /// There is no such choice, or it cannot be had in these words. Whether all that was chosen goes together,
    /// [`Qos::check`] says.
    pub fn set(&mut self, name: &str, said: &str) -> Result<(), QosError> {
        let Some(&name) = NAMES.iter().find(|known| **known == name) else {
            let why = format!("must be one of {}", NAMES.join(", "));
            return Err(QosError { name: "quality of service", said: format!("{name:?}"), why });
        };
        let set = match name {
            "order" => words::order(said).map(|order| self.order = order),
            "batch" => words::batch(said).map(|batch| (self.batch, self.batch_ms) = batch),
            "monitor" => words::monitor(said).map(|monitor| self.monitor = monitor),
            "roster" => words::roster(said).map(|count_only| self.count_only = count_only),
            "survive" => words::rule(said, &Survive::All).map(|rule| self.survive = rule),
            "merge" => words::rule(said, &Merge::Name).map(|rule| self.merge = rule),
            "name-scope" => words::scope(said).map(|scope| self.name_scope = scope),
            _ => words::scope(said).map(|scope| self.membership_scope = scope),
        };
        set.map_err(|why| QosError { name, said: said.to_string(), why })
    }

    /// What was chosen, in words that [`Qos::set`] takes; none of a name that there is not.
    pub fn get(&self, name: &str) -> Option<String> {
        Some(match name {
            "order" => words::of_order(self.order).to_string(),
            "batch" => words::of_batch(self.batch, self.batch_ms),
            "monitor" => words::of_monitor(self.monitor),
            "roster" => if self.count_only { "count" } else { "full" }.to_string(),
            "survive" => words::of_rule(&self.survive, &Survive::All),
            "merge" => words::of_rule(&self.merge, &Merge::Name),
            "name-scope" => self.name_scope.to_string(),
            "membership-scope" => self.membership_scope.to_string(),
            _ => return None,
        })
    }

    /// All of it, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, String)> {
        NAMES.into_iter().map(|name| (name, self.get(name).unwrap_or_default()))
    }

    /// What is not as it is where nobody chooses.
    pub fn chosen(&self) -> impl Iterator<Item = (&'static str, String)> {
        let usual = Qos::default();
        self.all().filter(move |(name, word)| usual.get(name).as_ref() != Some(word))
    }

    /// All of it as an object: the names with underscores, and the words.
    pub fn to_json(&self) -> Value {
        let entry = |(name, word): (&str, String)| (name.replace('-', "_"), word.into());
        let mut all: Map<String, Value> = self.all().map(entry).collect();
        if let Some(ms) = self.detection_ms() {
            all.insert("detection_ms".to_string(), ms.into());
        }
        all.into()
    }

    /// The same with a group that reaches no higher than its name, where that alone was chosen.
    pub fn within_name(mut self) -> Qos {
        if self.membership_scope == Scope::Top {
            self.membership_scope = self.name_scope;
        }
        self
    }

    /// Whether it can be, and goes together. What it says of rules, numbers and scopes a decoder has not looked at.
    ///
    /// # Errors
    /// The first choice that cannot be, and why.
    pub fn check(&self) -> Result<(), QosError> {
        let no = |name: &'static str, why: String| {
            Err(QosError { name, said: self.get(name).unwrap_or_default(), why })
        };
        let survive = match self.survival() {
            Ok(rule) => rule,
            Err(why) => return no("survive", why.to_string()),
        };
        if let Err(why) = self.merging() {
            return no("merge", why.to_string());
        }
        match self.monitor {
            Monitor::Fixed { every_ms, .. } if !EVERY_MS.contains(&every_ms) => {
                return no("monitor", "must ask once in 10ms to 3600s".to_string());
            }
            Monitor::Fixed { retries, .. } if retries > MOST_RETRIES => {
                return no("monitor", "must have at most 100 retries".to_string());
            }
            Monitor::Fixed { .. } | Monitor::Adaptive => {}
        }
        let batches = self.batch > 1 || self.batch_ms > 0;
        if batches && (self.batch < 2 || !BATCH_MS.contains(&self.batch_ms)) {
            return no("batch", "must be 2 or more changes or 1ms to 60s".to_string());
        }
        if self.order == Order::Weak && survive.counts() {
            // Each side of it has views of its own, so that nobody knows of which one a majority is needed.
            return no("survive", "majority needs order strong".to_string());
        }
        let above = match (self.membership_scope, self.name_scope) {
            (Scope::Level(most), Scope::Level(name)) => most > name,
            (Scope::Top, Scope::Level(_) | Scope::Set(_)) => true,
            // Which of two sets is the higher one, a mserver knows.
            _ => false,
        };
        match above {
            true => {
                let name = self.name_scope;
                no("membership-scope", format!("must not be above the name-scope, which is {name}"))
            }
            false => Ok(()),
        }
    }

    /// Whether this version carries it out.
    ///
    /// # Errors
    /// The first choice that it does not.
    pub fn supported(&self) -> Result<(), QosError> {
        let weak = self.order == Order::Weak;
        if let Some((name, said)) =
            self.chosen().find(|(name, _)| weak && STRONG_ONLY.contains(name))
        {
            let why = "this version carries it out only with order strong".to_string();
            return Err(QosError { name, said, why });
        }
        let missing =
            |name: &str| NOT_YET.contains(&name) || name == "survive" && self.counts_majority();
        match self.chosen().find(|(name, _)| missing(name)) {
            None => Ok(()),
            Some((name, said)) => {
                let why = match name {
                    "survive" => "this version carries out no majority".to_string(),
                    _ => {
                        let usual = Qos::default().get(name).unwrap_or_default();
                        format!("this version carries out only {usual}")
                    }
                };
                Err(QosError { name, said, why })
            }
        }
    }

    /// Rule 1, as it was written.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn survival(&self) -> Result<Survive, RuleError> {
        if self.survive.is_empty() { Ok(Survive::All) } else { self.survive.parse() }
    }

    /// Rule 2, as it was written.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn merging(&self) -> Result<Merge, RuleError> {
        if self.merge.is_empty() { Ok(Merge::Name) } else { self.merge.parse() }
    }

    /// Rule 1: whether a side of a partition lives. One with a rule that cannot be read does not.
    pub fn survives(&self, side: &Side<'_>) -> bool {
        self.survival().is_ok_and(|rule| rule.judge(side))
    }

    /// Rule 2: whether two sides of one incarnation become one, by the rosters of their last views. Those of a group whose rule
    /// cannot be read do not.
    pub fn merges(&self, one: &[Entry], other: &[Entry]) -> bool {
        self.merging().is_ok_and(|rule| rule.matches(one, other))
    }

    /// Whether rule 1 asks for a majority: the core keeps the views that it may be counted of.
    pub fn counts_majority(&self) -> bool {
        self.survival().is_ok_and(|rule| rule.counts())
    }

    /// Whether at most one side of a partition lives: see [`Survive::is_exclusive`].
    pub fn is_exclusive(&self) -> bool {
        self.order == Order::Strong && self.survival().is_ok_and(|rule| rule.is_exclusive())
    }

    /// Whether sides may have to die: a member interface that is cut off cannot tell, and takes it that its own does.
    pub fn may_end(&self) -> bool {
        self.survival() != Ok(Survive::All)
    }

    /// The longest time, in milliseconds, from the last sign of an application to the verdict, where that is fixed: once to the next
    /// question, and once for it and for each time that it is repeated. A tick of the daemon may come on top of it.
    pub fn detection_ms(&self) -> Option<u64> {
        match self.monitor {
            Monitor::Adaptive => None,
            Monitor::Fixed { every_ms, retries } => {
                Some(u64::from(every_ms) * (u64::from(retries) + 2))
            }
        }
    }
}

const _: () = assert!(MAX_RULE == 255, "the sentence of a rule that is too long says so");
