//! Application groups where they are decided (thesis II.D, III.B, IV.D): what a set of mservers knows of them.
//!
//! ```text
//!   agreed operation ──> Registry::apply ──> effects: a view to send down, an answer, the next step elsewhere
//!   view of mservers ──> Registry::lose     (names led by a lost mserver are free)
//!   merge of sets ─────> reconcile(both)    (groups of both sides, one way or the other)
//! ```
//!
//! A registry is a pure function of the position of its set: all mservers of a set apply the same operations in the
//! same order, and whoever an effect concerns acts on it. Nothing here knows how a message travels.

mod call;
mod claim;
mod gather;
mod history;
mod judge;
mod known;
mod moves;
mod names;
mod reconcile;
mod registry;
mod relay;
mod replica;
mod roster;
mod sides;
mod sync;
mod weak;

pub use known::{Applied, Known};
pub use reconcile::reconcile;
pub use registry::{Effect, Lock, Record, Registry, Role};
pub use relay::{Delivery, Relay};
pub use replica::{Replica, ReplicaOut};
pub use roster::{digest_of, view_digest};
pub use weak::{Stated, Weak};
