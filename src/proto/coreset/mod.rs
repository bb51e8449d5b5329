//! One core-set, as one of its mservers sees it: view, ring and the change under way.
//!
//! ```text
//!                       Initiate (higher)                    Commit
//!      Out ── Init ──> Idle ──────────────> Follow ─────────────────────> Idle, next view
//!       ^               │ ^                   │ coordinator silent
//!       │         start │ │ dropped           v
//!       │               v │     winner      Elect ── Coord_Fail to all, all answered
//!       └── left ───── Coord <────────────────┘
//! ```
//!
//! The thesis's protocol (IV.A, IV.C, IV.E.1), hardened; what it rests on:
//!
//! * S1: `floor`, the highest change accepted on a view, only moves upward while that view is installed.
//! * S2: a change is committed only if it is the floor.
//! * S3: the view that a change makes contains only members that ACKed it.
//! * S4: one id has one Commit content: its coordinator fixes the final exclude list, others copy it.
//! * S5: a change that names somebody by an older life or view than a Merge under way does is stale.
//!
//! | file | what | thesis |
//! |---|---|---|
//! | `receive` | which messages count (M-rules) | IV.A, V.D |
//! | `change` | coordinator and follower (C-rules) | Figures 17 to 20, 24, 25 |
//! | `election` | a coordinator fails (E-rules) | Figures 30, 32 |
//! | `requests` | what waits, and who starts it | IV.C.2, IV.C.3 |
//! | `batch` | operations of the layer above | IV.C.2 |
//! | `outside` | joining, founding (J-rules) | Figures 62, 63 |
//! | `partition` | sides that find each other (P-rules) | IV.E.1 |
//! | `ticking` | timers, monitoring | Figure 14 |
//! | `view`, `priority` | views and what changes make of them | IV.C.3 |

mod batch;
mod cause;
mod change;
mod config;
mod election;
mod outside;
mod partition;
mod priority;
mod receive;
mod requests;
mod state;
#[cfg(test)]
mod tests;
mod ticking;
mod turn;
mod view;

pub use cause::Cause;
pub use config::{Config, Founding, REMEMBER, SetAction, SetInput, SetNote, SetParams};
pub use requests::HAS_PARENT;
pub use state::CoreSet;
