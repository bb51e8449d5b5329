//! The kinds of process there are, behind one door.

use super::mcaster::Mcaster;
use super::ring::Ring;
use super::step::{Action, Input};
use serde_json::Value;

/// What a daemon is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// `ms mserver --static`.
    Ring(Ring),
    /// `ms mcaster`.
    Mcaster(Mcaster),
}

impl Node {
    /// One input, all its actions, appended to `actions`.
    pub fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        match self {
            Node::Ring(ring) => ring.step(input, actions),
            Node::Mcaster(mcaster) => mcaster.step(input, actions),
        }
    }

    /// What `ms status` shows of it: an object.
    pub fn status(&self) -> Value {
        match self {
            Node::Ring(ring) => ring.status(),
            Node::Mcaster(mcaster) => mcaster.status(),
        }
    }
}
