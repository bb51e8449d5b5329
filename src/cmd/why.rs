//! `ms why [options] ADDRESS`: why a mserver was excluded, as far as the daemons of this host know.
//!
//! Each tells who perceived what of it, who said so to whom, and by which change it was removed.

use super::local::{self, Failure};
use super::{Command, complain, conf, print};
use crate::sys::process::exit;
use serde_json::Value;
use std::fmt::Write;
use std::net::SocketAddrV4;

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let [who] = matches.free.as_slice() else {
        complain(&format!("there must be one ADDRESS\nusage: {}", command.synopsis()));
        return exit::USAGE;
    };
    let who = match conf::address(who, conf::PORT) {
        Ok(who) => who,
        Err(why) => {
            complain(&format!("ADDRESS {who}: {why}"));
            return exit::USAGE;
        }
    };
    let sockets = match local::sockets(&matches, matches.opt_str("at").as_deref()) {
        Ok(sockets) => sockets,
        Err((code, why)) => {
            complain(&why);
            return code;
        }
    };
    let several = sockets.len() > 1;
    let (mut text, mut code, mut found, mut asked) = (String::new(), exit::OK, false, 0);
    for socket in sockets {
        match local::ask(&socket, &format!("why {who}")).and_then(|answer| known(answer, who)) {
            Ok(Some(answer)) => {
                asked += 1;
                found |= answer["events"].as_array().is_some_and(|events| !events.is_empty());
                match matches.opt_present("json") {
                    true => text.push_str(&format!("{answer}\n")),
                    false => show(&answer, &mut text),
                }
            }
            Ok(None) => {}
            // Likely the one that we are asked about: what a daemon that died left behind.
            Err((exit::UNAVAILABLE, _)) if several => {}
            Err((its_code, why)) => {
                complain(&why);
                code = its_code;
            }
        }
    }
    if asked == 0 && code == exit::OK {
        complain("no mserver of a core-set runs here, and others keep no such record");
        return exit::UNAVAILABLE;
    }
    if !found && !matches.opt_present("json") {
        text.push_str(&format!("{who}: nothing is known against it here\n"));
    }
    match print(&text) {
        exit::OK => code,
        other => other,
    }
}

/// The answer, or none of a daemon that keeps no such record.
fn known(answer: Value, who: SocketAddrV4) -> Result<Option<Value>, Failure> {
    match (&answer["about"], answer["error"].as_str()) {
        (Value::String(about), _) if *about == who.to_string() => Ok(Some(answer)),
        (_, Some(why)) if why.starts_with("unknown request") => Ok(None),
        (_, Some(why)) => Err((exit::DATAERR, why.to_string())),
        _ => Err((exit::DATAERR, format!("the answer is none: {answer}"))),
    }
}

/// A paragraph for a daemon: who it is, then its events with their ages, the oldest first.
fn show(answer: &Value, out: &mut String) {
    let Some(events) = answer["events"].as_array().filter(|events| !events.is_empty()) else {
        return;
    };
    let text = |value: &Value| value.as_str().unwrap_or("?").to_string();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{} says of {}:", text(&answer["address"]), text(&answer["about"]));
    let tick_ms = answer["tick_ms"].as_u64().unwrap_or(1);
    for event in events {
        let age = event["ticks_ago"].as_u64().unwrap_or(0).saturating_mul(tick_ms);
        let _ = writeln!(out, "  {:>12} ago  {}", age_in_words(age), text(&event["what"]));
    }
}

/// `0.340 s`, `12 min 5 s`, `3 h 20 min`, `2 d 4 h`.
fn age_in_words(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..60 => format!("{s}.{:03} s", ms % 1000),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_two_units_at_most() {
        let words = [340, 61_000, 12_000_000, 187_200_000].map(age_in_words);
        assert_eq!(words, ["0.340 s", "1 min 1 s", "3 h 20 min", "2 d 4 h"]);
    }
}
