//! What was counted, by the word that names the cause.

use std::collections::BTreeMap;

/// Counters by cause. The words come from the code, never from a peer, so their number is bounded.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Counters(BTreeMap<&'static str, u64>);

impl Counters {
    /// One more of `cause`.
    pub fn count(&mut self, cause: &'static str) {
        *self.0.entry(cause).or_default() += 1;
    }

    /// How many of `cause`.
    pub fn of(&self, cause: &str) -> u64 {
        self.0.get(cause).copied().unwrap_or(0)
    }

    /// Every cause that occurred, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(&cause, &n)| (cause, n))
    }

    /// As an object of JSON.
    pub fn to_json(&self) -> serde_json::Value {
        self.iter().map(|(cause, n)| (cause.to_string(), serde_json::Value::from(n))).collect()
    }
}
