//! Scenarios of hierarchies and application groups: the thesis's event diagrams of them, and what it leaves open.
//!
//! ```text
//! ms sim figure-43    tests/stories.rs ── tests/stories/figure-43.txt
//!          └──────────────┬──┘
//!                      Scenario ── run ──> Play: a Campus, and what it expected in vain
//! ```
//!
//! | file | what |
//! |---|---|
//! | `figures` | a change of a group, and what gets lost of it: Figures 38, 43, 44, 45 |
//! | `names` | groups that are created at once, and scopes |
//! | `moves` | cores that move, and what happens meanwhile |
//! | `failover` | member interfaces whose mserver fails |
//! | `rules` | partitions, and which sides live and become one again |

mod failover;
mod figures;
mod moves;
mod names;
mod rules;
mod weak;

pub use super::play::Play;

/// A story with a known end.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name: `figure-38`, `core-moves-up`.
    pub name: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What happens, in a line.
    pub about: &'static str,
    /// Where the protocol departs from its source, and why; empty if it does not.
    pub departs: &'static str,
    /// Plays it.
    pub run: fn() -> Play,
}

/// Every scenario there is, in the order of the thesis's pages.
pub const ALL: &[Scenario] = &[
    figures::FIGURE_38,
    figures::FIGURE_43,
    figures::FIGURE_44,
    figures::FIGURE_45,
    names::CREATION_RACE,
    names::CREATION_REFUSED,
    names::SCOPE_EXCEEDED,
    names::SCOPE_BOUNDS_SEARCH,
    names::ONE_NAME_TWO_SCOPES,
    moves::CORE_MOVES_UP,
    moves::CORE_MOVES_DOWN,
    moves::LEAVE_DURING_MOVE,
    moves::CARRIER_CRASHES,
    failover::MI_FAILS_OVER,
    failover::LAN_MOVES_AWAY,
    failover::MI_CRASHES,
    rules::SIZE_DECIDES,
    rules::REBUILT_AND_ENDED,
    rules::NO_SIDE_LIVES,
    rules::SIDES_KEEP_APART,
    rules::SIDES_OF_A_BUILDING,
    weak::WEAK_CHANGES,
    weak::WEAK_PARTITION,
];

/// The scenario of a name; `38` is `figure-38`.
pub fn find(name: &str) -> Option<&'static Scenario> {
    let figure = format!("figure-{name}");
    ALL.iter().find(|scenario| scenario.name == name || scenario.name == figure)
}

impl Scenario {
    /// What stands above its transcript.
    pub fn heading(&self) -> String {
        let mut text = format!("{}: {}\n{}\n", self.name, self.about, self.source);
        if !self.departs.is_empty() {
            text.push_str("Departs: ");
            text.push_str(self.departs);
            text.push('\n');
        }
        text
    }
}
