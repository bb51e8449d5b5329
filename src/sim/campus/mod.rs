//! A deterministic campus: whole processes of a hierarchy, with applications, by their real bytes.
//!
//! ```text
//!   walk ──> Campus ── Input ──> Mserver, Alone (the shipping ones), one a node
//!   story ─>  │  │ <── Action ──┘
//!             │  └── applications: call, and are told
//!             ├── network     datagrams under way: lost, late, twice, damaged, cut, sifted by what they say
//!             ├── invariants  of what members are told, of who hears of what, of what must be so at rest
//!             └── events ──── transcript
//! ```
//!
//! The world of core-sets beside it runs bare machines of one set; here whole mservers meet: what is encoded is decoded, two
//! sets of one mserver share its sockets, and member interfaces and applications have views of their own.

mod apps;
pub mod event;
pub mod invariants;
pub mod node;
pub mod outage;
pub mod plan;
pub mod play;
pub mod scale;
pub mod scenario;
pub mod sieve;
pub mod speech;
mod step;
pub mod tally;
pub mod transcript;
pub mod walk;
pub mod world;

pub use event::AppId;
pub use plan::{NodeId, Plan};
pub use sieve::Sieve;
pub use world::Campus;
