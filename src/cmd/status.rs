//! `ms status [options] [ADDRESS|all]`: what the daemons of this host know.

use super::{Command, complain, conf, print};
use crate::sys::control;
use crate::sys::process::{self, exit};
use serde_json::Value;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon may take for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let dir = matches.opt_str("run-dir").map_or_else(process::default_run_dir, PathBuf::from);
    let sockets = match matches.free.as_slice() {
        [] => all(&dir),
        [word] if word == "all" => all(&dir),
        [address] => match conf::address(address, conf::PORT) {
            Ok(address) => Ok(vec![control::path(&dir, address)]),
            Err(why) => {
                complain(&format!("ADDRESS {address}: {why}"));
                return exit::USAGE;
            }
        },
        _ => {
            complain(&format!("there must be one ADDRESS\nusage: {}", command.synopsis()));
            return exit::USAGE;
        }
    };
    match sockets {
        Ok(sockets) if !sockets.is_empty() => show_all(&sockets, matches.opt_present("json")),
        Ok(_) | Err(_) => {
            complain(&format!("no daemon runs here: no control socket in {}", dir.display()));
            exit::UNAVAILABLE
        }
    }
}

fn all(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "ctl"))
        .collect();
    found.sort();
    Ok(found)
}

fn show_all(sockets: &[PathBuf], json: bool) -> i32 {
    let mut code = exit::OK;
    let mut text = String::new();
    for socket in sockets {
        match ask(socket) {
            Ok(status) if json => text.push_str(&format!("{status}\n")),
            Ok(status) => text.push_str(&show(&status)),
            Err((why, its_code)) => {
                complain(&why);
                code = its_code;
            }
        }
    }
    match print(&text) {
        exit::OK => code,
        other => other,
    }
}

fn ask(socket: &Path) -> Result<Value, (String, i32)> {
    let name = socket.display();
    let answer = control::ask(socket, "status", PATIENCE).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            (format!("{name}: no daemon answers there; is it running?"), exit::UNAVAILABLE)
        }
        io::ErrorKind::PermissionDenied => {
            (format!("{name}: {e}; ask as root or as the daemon's user"), exit::NOPERM)
        }
        _ => (format!("{name}: {e}"), exit::IOERR),
    })?;
    serde_json::from_str(&answer)
        .map_err(|e| (format!("{name}: the answer is no status: {e}"), exit::DATAERR))
}

/// A status for a person: one line that says who it is, then everything else, indented.
fn show(status: &Value) -> String {
    let word = |key: &str| match &status[key] {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let mut out = format!(
        "{} at {}, process {}, version {}\n",
        word("mode"),
        word("address"),
        word("pid"),
        word("version")
    );
    if let Value::Object(all) = status {
        for (key, value) in all {
            if !["program", "mode", "address", "pid", "version"].contains(&key.as_str()) {
                show_value(&mut out, 1, key, value);
            }
        }
    }
    out
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
        Value::String(s) => s.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
