//! How two hierarchies differ, for a person: a line for each thing that comes, goes or changes.
//!
//! ```text
//!   ~ set west
//!       - mserver 10.0.0.3
//!       ~ parent 10.0.0.8 -> 10.0.0.9
//!   + set east
//!       + level 1
//! ```

use super::print::{list, short};
use super::{Campus, Lan, MI_PORT, PORT, Set, derived};
use crate::name::GroupName;
use crate::sorted::Sorted as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddrV4;

/// What is said of a block, by what it is said of.
type Said = BTreeMap<String, String>;

/// The lines, none if nothing differs. Of LANs that the new one says nothing of, nothing is said; nor of addresses.
pub fn diff(old: &Campus, new: &Campus) -> String {
    let mut out = String::new();
    let names: BTreeSet<GroupName> = old.sets.keys().chain(new.sets.keys()).copied().sorted_set();
    for name in names {
        let said = |campus: &Campus| campus.sets.get(&name).map(|set| of_set(name, set, new));
        block(&format!("set {name}"), (said(old), said(new)), &mut out);
    }
    for (name, lan) in &new.lans {
        let before = old.lans.get(name).map(|old| of_lan(*name, old, lan));
        block(&format!("lan {name}"), (before, Some(of_lan(*name, lan, lan))), &mut out);
    }
    out
}

fn block(title: &str, (old, new): (Option<Said>, Option<Said>), out: &mut String) {
    if old == new {
        return;
    }
    let sign = match (&old, &new) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "  {sign} {title}");
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).sorted_set();
    for key in keys {
        let line = |value: &str| format!("{key} {}", value.trim()).trim_end().to_string();
        let _ = match (old.get(key), new.get(key)) {
            (Some(before), Some(after)) if before == after => Ok(()),
            (Some(before), Some(after)) => {
                let none = |value: &str| match value {
                    "" => "(nothing)".to_string(),
                    value => value.to_string(),
                };
                let (before, after) = (none(before), none(after));
                writeln!(out, "      ~ {key} {} -> {}", before.trim(), after.trim())
            }
            (Some(before), None) => writeln!(out, "      - {}", line(before)),
            (None, Some(after)) => writeln!(out, "      + {}", line(after)),
            (None, None) => Ok(()),
        };
    }
}

fn of_set(name: GroupName, set: &Set, new: &Campus) -> Said {
    let mut said = Said::from([("level".to_string(), set.level.to_string())]);
    let told = new.sets.get(&name).is_none_or(|set| set.address.is_some());
    heard(name, set.address, told, &mut said);
    if !set.parents.is_empty() {
        // Which of them it is, and who stands by, is theirs to find out.
        let all: BTreeSet<&SocketAddrV4> = set.parents.iter().sorted_set();
        said.insert("parent".to_string(), list(all, PORT));
    }
    for (who, server) in &set.mservers {
        said.insert(format!("mserver {}", short(*who, PORT)), server.to_string());
    }
    said
}

fn of_lan(name: GroupName, lan: &Lan, new: &Lan) -> Said {
    let mut said = Said::new();
    heard(name, lan.address, new.address.is_some(), &mut said);
    said.extend(lan.mis.iter().map(|mi| (format!("mi {}", short(*mi, MI_PORT)), String::new())));
    said
}

fn heard(name: GroupName, address: Option<SocketAddrV4>, told: bool, said: &mut Said) {
    if told {
        let address = address.unwrap_or_else(|| derived(name));
        said.insert("address".to_string(), short(address, PORT));
    }
}
