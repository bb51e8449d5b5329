//! `ms status [options] [ADDRESS|all]`: what the daemons of this host know.

mod families;
mod metrics;

use super::{Command, complain, local, print};
use crate::sys::process::exit;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::path::PathBuf;

/// Keys that have a line of their own at the top, in a place of an mserver or of the daemon.
const HEAD: [&str; 5] = ["program", "mode", "address", "pid", "version"];
const SEAT: [&str; 13] = [
    "set",
    "level",
    "phase",
    "view",
    "batch",
    "size",
    "rank",
    "gid",
    "incarnation",
    "digest",
    "members",
    "cw",
    "ccw",
];

/// How it is printed.
#[derive(Clone, Copy)]
enum Form {
    Words,
    Json,
    Metrics,
}

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let address = match matches.free.as_slice() {
        [] => None,
        [address] => Some(address.as_str()),
        _ => {
            complain(&format!("there must be one ADDRESS\nusage: {}", command.synopsis()));
            return exit::USAGE;
        }
    };
    let form = match (matches.opt_present("json"), matches.opt_present("metrics")) {
        (false, false) => Form::Words,
        (true, false) => Form::Json,
        (false, true) => Form::Metrics,
        (true, true) => {
            complain("--json, --metrics: must be one of them");
            return exit::USAGE;
        }
    };
    match local::sockets(&matches, address) {
        Ok(sockets) => show_all(&sockets, form),
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

fn show_all(sockets: &[PathBuf], form: Form) -> i32 {
    let (all, mut code) = local::ask_all(sockets, "status");
    let text = match form {
        Form::Words => all.iter().map(|(_, status)| show(status)).collect(),
        Form::Json => all.iter().map(|(_, status)| format!("{status}\n")).collect(),
        Form::Metrics => {
            // That a daemon does not answer is what the page says, and whoever keeps it must have it whole.
            code = if code == exit::UNAVAILABLE { exit::OK } else { code };
            measured(sockets, all)
        }
    };
    match print(&text) {
        exit::OK => code,
        other => other,
    }
}

/// The page of metrics, of all that should answer.
fn measured(sockets: &[PathBuf], all: Vec<(PathBuf, Value)>) -> String {
    let silent = sockets.iter().filter(|socket| all.iter().all(|(other, _)| other != *socket));
    let silent: Vec<String> = silent.filter_map(|socket| local::daemon_of(socket)).collect();
    let daemon = |(socket, status): (PathBuf, Value)| {
        // Who knows no groups has none.
        let groups = local::ask(&socket, "groups").map(|mut answer| answer["groups"].take());
        metrics::Daemon { status, groups: groups.unwrap_or_default() }
    };
    let daemons: Vec<metrics::Daemon> = all.into_iter().map(daemon).collect();
    metrics::exposition(&daemons, &silent)
}

/// A status for a person: one line that says who it is, then everything else, indented.
fn show(status: &Value) -> String {
    let word = |key: &str| plain(&status[key]);
    let mut out = format!(
        "{} at {}, process {}, version {}\n",
        word("mode"),
        word("address"),
        word("pid"),
        word("version")
    );
    let Value::Object(all) = status else { return out };
    if all.contains_key("members") || all.contains_key("level") {
        show_seat(&mut out, 1, all, &word("address"));
    }
    if let Some(Value::Object(child)) = all.get("child") {
        let _ = writeln!(out, "    as the parent of a set below:");
        show_seat(&mut out, 2, child, &word("address"));
        show_rest(&mut out, 2, child, &SEAT);
    }
    let seat: &[&str] = if all.contains_key("level") { &SEAT } else { &[] };
    let told: Vec<&str> = HEAD.iter().chain(seat).chain(&["child"]).copied().collect();
    show_rest(&mut out, 1, all, &told);
    out
}

/// A place in a core-set: the set, the view, and its members as a table.
fn show_seat(out: &mut String, depth: usize, seat: &Map<String, Value>, own: &str) {
    let indent = "    ".repeat(depth);
    let word = |key: &str| seat.get(key).map_or("none".to_string(), plain);
    let (set, level, phase) = (word("set"), word("level"), word("phase"));
    let _ = writeln!(
        out,
        "{indent}set {set}, level {level}, {phase}, incarnation {}",
        word("incarnation")
    );
    let Some(Value::Array(members)) = seat.get("members") else {
        let _ = writeln!(out, "{indent}in no view");
        return;
    };
    let _ = writeln!(
        out,
        "{indent}view {}, batch {}, size {}, own rank {}, own gid {}",
        word("view"),
        word("batch"),
        word("size"),
        word("rank"),
        word("gid")
    );
    let _ = writeln!(out, "{indent}digest {}", word("digest"));
    let _ = writeln!(
        out,
        "{indent}{:>6}  {:>5}  {:<21}  {:>11}",
        "rank", "gid", "address", "incarnation"
    );
    let is_in = |key: &str, address: &str| match seat.get(key) {
        Some(Value::Array(list)) => list.iter().any(|item| item == address),
        Some(value) => value == address,
        None => false,
    };
    for member in members {
        let address = plain(&member["address"]);
        let mut marks: Vec<&str> = if address == own { vec!["self"] } else { Vec::new() };
        marks.extend(["cw", "ccw", "parent", "isolated"].iter().filter(|key| is_in(key, &address)));
        let line = format!(
            "{indent}{:>6}  {:>5}  {address:<21}  {:>11}  {}",
            plain(&member["rank"]),
            plain(&member["gid"]),
            plain(&member["incarnation"]),
            marks.join(" ")
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// Everything but the keys that were told before.
fn show_rest(out: &mut String, depth: usize, all: &Map<String, Value>, told: &[&str]) {
    for (key, value) in all.iter().filter(|(key, _)| !told.contains(&key.as_str())) {
        show_value(out, depth, key, value);
    }
}

fn show_value(out: &mut String, depth: usize, key: &str, value: &Value) {
    let indent = "    ".repeat(depth);
    // Names of messages are upper case and stay as they are.
    let key = match key.chars().any(char::is_uppercase) {
        true => key.to_string(),
        false => key.replace(['_', '-'], " "),
    };
    // Writing to a String cannot fail.
    let _ = match value {
        Value::Object(fields) if fields.is_empty() => writeln!(out, "{indent}{key}: none"),
        Value::Object(fields) => {
            let _ = writeln!(out, "{indent}{key}:");
            for (key, value) in fields {
                show_value(out, depth + 1, key, value);
            }
            Ok(())
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let _ = writeln!(out, "{indent}{key}:");
            for item in items {
                let _ = writeln!(out, "{indent}    {}", show_item(item));
            }
            Ok(())
        }
        Value::Array(items) if items.is_empty() => writeln!(out, "{indent}{key}: none"),
        Value::Array(items) => {
            writeln!(
                out,
                "{indent}{key}: {}",
                items.iter().map(plain).collect::<Vec<_>>().join(" ")
            )
        }
        scalar => writeln!(out, "{indent}{key}: {}", plain(scalar)),
    };
}

/// One group of an mcaster, or the like, in a line: its first field, then the rest.
fn show_item(item: &Value) -> String {
    let Value::Object(fields) = item else { return plain(item) };
    fields.values().map(plain).collect::<Vec<_>>().join(": ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_string(),
        Value::String(s) => s.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
