//! The application groups of a hierarchy, put together of what daemons know of each.

use super::model::{Told, array, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An application group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its full name.
    pub name: String,
    /// What tells it from others of its name.
    pub incarnation: String,
    /// Term and number of the last view that anybody knows; none while it is being created.
    pub at: Option<(u64, u64)>,
    /// Members in that view.
    pub size: u64,
    /// The sets and LANs that decide.
    pub cores: BTreeSet<String>,
    /// What is not as it should be, by place: `suspended in nps`.
    pub trouble: BTreeSet<String>,
}

/// All groups that these daemons know, by name.
pub fn all(told: &[&Told]) -> Vec<Group> {
    let mut found: BTreeMap<(String, String), Group> = BTreeMap::new();
    for item in told.iter().flat_map(|told| array(&told.groups)) {
        let key = (text(&item["group"]).to_string(), text(&item["incarnation"]).to_string());
        let (name, incarnation) = key.clone();
        let group = found.entry(key).or_insert_with(|| Group {
            name,
            incarnation,
            at: None,
            size: 0,
            cores: BTreeSet::new(),
            trouble: BTreeSet::new(),
        });
        group.take(item);
    }
    found.into_values().collect()
}

impl Group {
    fn take(&mut self, item: &Value) {
        let number = item["number"].as_u64();
        let at = number.map(|number| (item["term"].as_u64().unwrap_or(0), number));
        if at > self.at {
            self.at = at;
            self.size = item["size"].as_u64().unwrap_or(0);
        }
        for (place, role) in item["roles"].as_object().into_iter().flatten() {
            match role.as_str() {
                Some("core") => {
                    self.cores.insert(place.clone());
                }
                Some("moving") => {
                    self.cores.insert(place.clone());
                    self.trouble.insert(format!("moving from {place}"));
                }
                Some(word @ ("reserved" | "suspended" | "claimed" | "lost")) => {
                    self.trouble.insert(format!("{word} in {place}"));
                }
                _ => {}
            }
        }
    }

    /// `2.7: 3 members, core nps`, and what is not as it should be.
    pub fn in_words(&self) -> String {
        let at = match self.at {
            Some((term, number)) => format!("view {term}.{number}, "),
            None => "no view yet, ".to_string(),
        };
        let members = if self.size == 1 { "member" } else { "members" };
        let cores: Vec<&str> = self.cores.iter().map(String::as_str).collect();
        let core = match cores.as_slice() {
            [] => "core not known".to_string(),
            cores => format!("core {}", cores.join(", ")),
        };
        let trouble: String = self.trouble.iter().map(|what| format!(", {what}")).collect();
        format!("{at}{} {members}, {core}{trouble}", self.size)
    }

    /// Whether somebody should look at it.
    pub fn is_in_trouble(&self) -> bool {
        !self.trouble.is_empty() || self.cores.len() != 1
    }
}
