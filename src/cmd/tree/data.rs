//! The hierarchy for programs: as JSON, and as a graph for dot(1).

use super::model::{Interface, Member, Server, Set, Source, Tree};
use super::text::{Names, interface_in_words, set_parts};
use serde_json::{Value, json};
use std::fmt::Write;

/// All that is known, with the words of `ms status` for its keys.
pub fn json(tree: &Tree) -> Value {
    let servers = tree.servers.iter().map(|(address, server)| of_server(address, server));
    let groups = tree.groups.iter().map(|group| {
        json!({
            "group": group.name,
            "incarnation": group.incarnation,
            "term": group.at.map(|at| at.0),
            "number": group.at.map(|at| at.1),
            "size": group.size,
            "cores": group.cores,
            "trouble": group.trouble,
        })
    });
    let silent = tree.silent.iter().map(|(who, why)| json!({"address": who, "why": why}));
    json!({
        "sets": tree.sets.iter().map(of_set).collect::<Vec<_>>(),
        "mservers": servers.collect::<Vec<_>>(),
        "groups": groups.collect::<Vec<_>>(),
        "beside": tree.beside,
        "silent": silent.collect::<Vec<_>>(),
    })
}

fn of_set(set: &Set) -> Value {
    let member = |m: &Member| {
        json!({
            "rank": m.rank,
            "gid": m.gid,
            "address": m.address,
            "incarnation": m.incarnation,
        })
    };
    json!({
        "set": set.name,
        "level": set.level,
        "view": set.at.0,
        "batch": set.at.1,
        "size": set.members.len(),
        "members": set.members.iter().map(member).collect::<Vec<_>>(),
        "parent": set.parent,
        "phase": set.phase.as_deref().unwrap_or("idle"),
        "isolated": set.isolated,
        "lost": set.lost,
        "parted": set.parted,
        "told_by": set.told_by,
    })
}

fn of_server(address: &str, server: &Server) -> Value {
    let lan = server.lan.as_ref().map(|lan| {
        let interfaces = lan.interfaces.iter().map(|(mi, interface)| of_interface(mi, interface));
        json!({"lan": lan.name, "interfaces": interfaces.collect::<Vec<_>>()})
    });
    let mut all = source(server.source.as_ref());
    all["address"] = address.into();
    all["stands_by"] = server.stands_by.clone().into();
    all["outside"] = server.outside.clone().into();
    all["below"] = lan.unwrap_or_default();
    all
}

fn of_interface(address: &str, interface: &Interface) -> Value {
    let mut all = source(interface.source.as_ref());
    all["address"] = address.into();
    all["built_in"] = interface.built_in.into();
    all["registered"] = interface.registered.into();
    all["members"] = json!(interface.members);
    all
}

/// How it was asked, and why it is silent if it is.
fn source(source: Option<&Source>) -> Value {
    match source {
        Some(Source::Local) => json!({"told": "all"}),
        Some(Source::Remote) => json!({"told": "statistics"}),
        Some(Source::Silent(why)) => json!({"told": "nothing", "why": why}),
        None => json!({"told": "not-asked"}),
    }
}

/// A cluster for each set, an edge from each parent to its set and from each mserver to its member interfaces.
pub fn dot(tree: &Tree, names: Names<'_>) -> String {
    let mut out = String::from(
        "digraph membership {\n  rankdir=TB; compound=true; node [shape=box, fontsize=10];\n",
    );
    // Writing to a String cannot fail.
    for (n, set) in tree.sets.iter().enumerate() {
        let words = set_parts(set, names).into_iter().map(|(text, _)| format!("\n{text}"));
        let label = quoted(&format!("{}{}", set.name, words.collect::<String>()));
        let _ = writeln!(out, "  subgraph cluster_{n} {{\n    label={label};");
        for member in set.members.iter().filter(|m| set.parent.as_ref() != Some(&m.address)) {
            let (id, label) = (quoted(&member.address), quoted(&names(&member.address)));
            let _ = writeln!(out, "    {id} [label={label}];");
        }
        out.push_str("  }\n");
    }
    for (n, set) in tree.sets.iter().enumerate() {
        let first = set.members.iter().find(|m| set.parent.as_ref() != Some(&m.address));
        if let (Some(parent), Some(first)) = (&set.parent, first) {
            let (from, to) = (quoted(parent), quoted(&first.address));
            let _ = writeln!(out, "  {from} -> {to} [lhead=cluster_{n}];");
        }
    }
    for (address, server) in &tree.servers {
        for (mi, interface) in server.lan.iter().flat_map(|lan| &lan.interfaces) {
            let (words, _) = interface_in_words(interface);
            let (id, from) = (quoted(mi), quoted(address));
            let label = quoted(&format!("{}\n{words}", names(mi)));
            let _ = writeln!(out, "  {id} [label={label}, style=rounded];\n  {from} -> {id};");
        }
    }
    out.push_str("}\n");
    out
}

/// A string of the language of dot.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}
