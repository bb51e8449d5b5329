//! Counts of what happened: proof that a run was not vacuous.

use super::campus;
use std::collections::BTreeMap;
use std::fmt;

/// Everything that is counted in core-sets, and what it means.
pub const COUNTED: &[(&str, &str)] = &[
    ("messages", "copies of messages sent"),
    ("lost", "copies that did not arrive"),
    ("installs", "views installed"),
    ("changes", "changes committed by their coordinators"),
    ("joins", "Joins among them"),
    ("leaves", "Leaves among them"),
    ("fails", "Fails among them"),
    ("batched fails", "Fails of more than one member among them"),
    ("splits", "Splits among them"),
    ("merges", "Merges among them"),
    ("parents", "Add_parents and Del_parents among them"),
    ("renames", "Renames among them"),
    ("dissolved", "Merges that a side did not survive"),
    ("batches", "batches of operations among them"),
    ("piggy-backs", "Commits that bore the next Initiate"),
    ("operations", "operations applied, each counted once a line"),
    ("elections", "elections entered"),
    ("resumed", "changes that an elected coordinator started again"),
    ("compressed", "elections that ended because somebody had the Commit"),
    ("simultaneous", "coordinators that gave way to a higher change"),
    ("overlaps", "Initiates that came before the Commit of the change before"),
    ("stragglers", "Commits sent again to one who asked or was behind"),
    ("sweeps", "batches for the sake of a new position"),
    ("drops", "changes dropped by their coordinators"),
    ("isolations", "members isolated"),
    ("false isolations", "members isolated that were up and in reach"),
    (
        "false exclusions",
        "members excluded by a change that were up and in reach of its coordinator",
    ),
    ("founded", "sets founded"),
    ("crashes", "processes crashed"),
    ("restarts", "processes that came back"),
    ("stops", "processes stopped"),
    ("replayed", "old messages sent again"),
    ("forged", "messages of strangers"),
    ("garbled", "messages damaged under way"),
];

/// Whether something is counted, in core-sets or on a campus.
fn is_counted(what: &str) -> bool {
    COUNTED.iter().chain(campus::tally::COUNTED).any(|(name, _)| *name == what)
}

/// The counts of one run, or of many.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// One more of these.
    pub fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// So many more of these.
    pub fn add(&mut self, what: &'static str, many: u64) {
        assert!(is_counted(what), "{what} is not in the list");
        *self.0.entry(what).or_default() += many;
    }

    /// How many of these there were.
    pub fn of(&self, what: &str) -> u64 {
        assert!(is_counted(what), "{what} is not in the list");
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Tally) {
        for (what, many) in &other.0 {
            self.add(what, *many);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> =
            COUNTED.iter().map(|(what, _)| format!("{what} {}", self.of(what))).collect();
        f.write_str(&all.join(", "))
    }
}
