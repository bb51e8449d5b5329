//! Sets and maps of what an iterator gives, one insertion after another.
//!
//! `collect` sorts it in a vector first, which is faster for many thousands, and stands in the program once for each
//! type: together half a mebibyte, of which a daemon that people download and keep in memory has no use.

use std::collections::{BTreeMap, BTreeSet};

/// What an iterator can be gathered into, in order.
pub trait Sorted: Iterator + Sized {
    /// The set of its items.
    fn sorted_set(self) -> BTreeSet<Self::Item>
    where
        Self::Item: Ord,
    {
        let mut set = BTreeSet::new();
        for item in self {
            set.insert(item);
        }
        set
    }

    /// The map of its pairs; of two with equal keys the latter counts.
    fn sorted_map<K: Ord, V>(self) -> BTreeMap<K, V>
    where
        Self: Iterator<Item = (K, V)>,
    {
        let mut map = BTreeMap::new();
        for (key, value) in self {
            map.insert(key, value);
        }
        map
    }
}

impl<I: Iterator> Sorted for I {}
