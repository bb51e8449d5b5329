//! A deterministic world in which core-sets are run, watched and drawn.
//!
//! ```text
//!            seed
//!             │
//!   walk ──> world ── SetInput ──> CoreSet (the shipping one), one a host
//!   story ─>  │  <── SetAction ──┘
//!             │
//!             ├── links       encoded bytes under way: lost, late, twice, cut, filtered
//!             ├── invariants  told of every message, view and step
//!             └── events ──── transcript, diagram, ladder
//! ```
//!
//! Nothing here reads a clock, a file or a source of chance but the seed: the same seed is the same
//! run, to the last line of its transcript. Time is counted in ticks; in a tick first all messages
//! that are due are read, in the order in which they were sent, then every process hears of the tick.

pub mod campus;
pub mod diagram;
pub mod event;
pub mod invariants;
pub mod kind;
pub mod links;
pub mod rng;
pub mod scenario;
pub mod tally;
pub mod transcript;
pub mod walk;
pub mod world;

pub use invariants::{Violation, Watch};
pub use kind::Kind;
pub use links::{Catch, Filter, HostId, Links, Weather};
pub use rng::Rng;
pub use tally::Tally;
pub use world::World;
