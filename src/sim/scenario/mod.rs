//! Scenarios: the event diagrams of the thesis, what breaks its protocol when it is taken literally, and worked
//! examples, each played on the state machine that ships.
//!
//! ```text
//! ms sim figure-22    tests/stories.rs ── tests/stories/figure-22.txt
//!          └──────────────┬──┘
//!                      Scenario ── run ──> Play: a World, and what it expected in vain
//! ```
//!
//! A scenario says who fails and what is lost, which messages must follow, and in which views all must end. Where the
//! protocol departs from the figure, it says how and why.
//!
//! | file | what |
//! |---|---|
//! | `basic` | a change, and what gets lost of it: Figures 16 to 23 |
//! | `concurrent` | changes that meet: Figures 26 to 28 |
//! | `election` | coordinators that fail: Figures 29 to 37 |
//! | `partition` | sets that part and merge: Figures 46 and 47 |
//! | `literal` | runs in which the protocol of 1994 ends in disagreement or not at all |
//! | `defects` | places where its text cannot be meant |
//! | `examples` | worked examples of this protocol |

mod basic;
mod concurrent;
mod defects;
mod election;
mod examples;
mod ladder;
mod literal;
mod partition;
mod play;

pub use ladder::ladder;
pub use play::{Play, params};

/// A story with a known end.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name: `figure-16`, `counterexample-l1`, `example-2`.
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

/// Every scenario there is, in the order of the thesis's pages, then of the specification.
pub const ALL: &[Scenario] = &[
    basic::FIGURE_16,
    basic::FIGURE_19,
    basic::FIGURE_21,
    basic::FIGURE_22,
    basic::FIGURE_23,
    concurrent::FIGURE_26,
    concurrent::FIGURE_27,
    concurrent::FIGURE_28,
    election::FIGURE_29,
    election::FIGURE_31,
    election::FIGURE_33,
    election::FIGURE_34,
    election::FIGURE_35,
    election::FIGURE_36,
    election::FIGURE_37,
    partition::FIGURE_46,
    partition::FIGURE_47,
    literal::L1,
    literal::L2,
    literal::L3,
    literal::L4,
    defects::T1,
    defects::T2,
    defects::T3,
    defects::T4,
    defects::T5,
    defects::T6,
    defects::T7,
    defects::T8,
    examples::EXAMPLE_1,
    examples::EXAMPLE_2,
    examples::EXAMPLE_3,
    examples::EXAMPLE_4,
    examples::EXAMPLE_5,
    examples::EXAMPLE_6,
    examples::EXAMPLE_7,
];

/// The scenario of a name; `16` is `figure-16`.
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
