//! `ms why [options] ADDRESS|GROUP|GROUP/MEMBER`: why a mserver was excluded, or a member left its group, as far as the daemons
//! of this host know.
//!
//! ```text
//!   ADDRESS         who perceived what of the mserver, who said so to whom, by which change it was removed
//!   GROUP/MEMBER    who perceived what of the member, by which view it was removed, at whose request
//!     └─ a mserver was lost ──> what is known against that
//! ```

use super::local::{self, Failure};
use super::{Command, complain, conf, print};
use crate::name::GroupName;
use crate::sys::process::exit;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

/// What is asked about.
struct Subject {
    /// As it is asked for on control sockets.
    request: String,
    /// The key of an answer, and what it must be there.
    key: &'static str,
    name: String,
    /// As it is told of.
    said: String,
}

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let [who] = matches.free.as_slice() else {
        complain(&format!(
            "there must be one ADDRESS or GROUP/MEMBER\nusage: {}",
            command.synopsis()
        ));
        return exit::USAGE;
    };
    let subject = match subject(who) {
        Ok(subject) => subject,
        Err(why) => {
            complain(&why);
            return exit::USAGE;
        }
    };
    match local::sockets(&matches, matches.opt_str("at").as_deref()) {
        Ok(sockets) => tell(&subject, &sockets, matches.opt_present("json")),
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

/// An address is a mserver; anything else names a group and, behind a slash, a member. No group's name has one.
fn subject(said: &str) -> Result<Subject, String> {
    if let Ok(address) = conf::address(said, conf::PORT) {
        let (request, name) = (format!("why {address}"), address.to_string());
        return Ok(Subject { request, key: "about", said: name.clone(), name });
    }
    let (group, member) = match said.split_once('/') {
        Some((group, member)) => (group, Some(member)),
        None => (said, None),
    };
    let is_word = |word: &str| !word.is_empty() && !word.contains(char::is_whitespace);
    // Words are what a request is made of.
    if group.parse::<GroupName>().is_err() || !is_word(group) || !member.is_none_or(is_word) {
        return Err(format!("{said}: must be an ADDRESS, or a GROUP, or GROUP/GID"));
    }
    let request = ["why-member", group].into_iter().chain(member).collect::<Vec<_>>().join(" ");
    Ok(Subject { request, key: "group", name: group.to_string(), said: said.to_string() })
}

fn tell(subject: &Subject, sockets: &[PathBuf], json: bool) -> i32 {
    let (mut text, mut code, mut asked) = (String::new(), exit::OK, 0);
    let (mut found, mut lost) = (false, BTreeSet::new());
    let (several, mut told) = (sockets.len() > 1, BTreeSet::new());
    for socket in sockets {
        let answer = local::ask(socket, &subject.request);
        if let Some((its_code, why)) =
            answer.as_ref().ok().and_then(|answer| local::of_another_version(socket, answer))
        {
            complain(&why);
            code = its_code;
            continue;
        }
        match answer.and_then(|answer| known(answer, subject)) {
            Ok(Some(answer)) => {
                asked += 1;
                found |= !events(&answer).is_empty();
                lost.extend(
                    events(&answer)
                        .iter()
                        .filter_map(|e| e["lost_mserver"].as_str())
                        .map(String::from),
                );
                match json {
                    true => text.push_str(&format!("{answer}\n")),
                    false => show(&answer, &subject.said, &mut told, &mut text),
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
        let what = match subject.key {
            "group" => "no member interface runs here, and others keep no such record",
            _ => "no mserver of a core-set runs here, and others keep no such record",
        };
        complain(what);
        return exit::UNAVAILABLE;
    }
    if !found && !json && asked > 0 {
        let what = match subject.key {
            "group" => "nobody is known here to have left",
            _ => "nothing is known against it here",
        };
        text.push_str(&format!("{}: {what}\n", subject.said));
    }
    text.push_str(&of_lost(&lost, sockets, json));
    match print(&text) {
        exit::OK => code,
        other => other,
    }
}

/// What is known against the mservers with which members were lost: why they were is why the members are.
fn of_lost(lost: &BTreeSet<String>, sockets: &[PathBuf], json: bool) -> String {
    let mut text = String::new();
    for who in lost {
        let Ok(subject) = subject(who) else { continue };
        for socket in sockets {
            // Whoever does not answer, or keeps no such record, has been told of.
            let answer = local::ask(socket, &subject.request);
            if let Ok(Some(answer)) = answer.and_then(|answer| known(answer, &subject)) {
                match json {
                    true => text.push_str(&format!("{answer}\n")),
                    false => show(&answer, who, &mut BTreeSet::new(), &mut text),
                }
            }
        }
    }
    text
}

fn events(answer: &Value) -> &[Value] {
    answer["events"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The answer, or none of a daemon that keeps no such record.
fn known(answer: Value, subject: &Subject) -> Result<Option<Value>, Failure> {
    match (&answer[subject.key], answer["error"].as_str()) {
        (Value::String(about), _) if *about == subject.name => Ok(Some(answer)),
        (_, Some(why)) if why.starts_with("unknown request") => Ok(None),
        (_, Some("no member interface is here")) => Ok(None),
        (_, Some(why)) => Err((exit::DATAERR, why.to_string())),
        _ => Err((exit::DATAERR, format!("the answer is none: {answer}"))),
    }
}

/// A paragraph for a daemon: who it is, then its events with their ages, the oldest first. What several member interfaces
/// were told alike is told once.
fn show(answer: &Value, about: &str, told: &mut BTreeSet<String>, out: &mut String) {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_string();
    let tick_ms = answer["tick_ms"].as_u64().unwrap_or(1);
    let mut lines = String::new();
    for event in events(answer) {
        let age = event["ticks_ago"].as_u64().unwrap_or(0).saturating_mul(tick_ms);
        let what = format!("{}{}", member(event), text(&event["what"]));
        if event["member"].is_string() && !told.insert(what.clone()) {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "  {:>12} ago  {what}", age_in_words(age));
    }
    if !lines.is_empty() {
        let _ = write!(out, "{} says of {about}:\n{lines}", text(&answer["address"]));
    }
}

/// `gid 4 at 10.0.0.1:2901, role=db: `, of an event of a group.
fn member(event: &Value) -> String {
    let Some(member) = event["member"].as_str() else { return String::new() };
    let gid = event["gid"].as_u64().map_or("one".to_string(), |gid| format!("gid {gid}"));
    let at = member.split('/').next().unwrap_or(member);
    let tag = event["tag"].as_str().filter(|tag| !tag.is_empty());
    let tag = tag.map(|tag| format!(", {tag}")).unwrap_or_default();
    format!("{gid} at {at}{tag}: ")
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

    #[test]
    fn an_address_is_a_mserver_and_the_rest_a_group_with_or_without_a_member() {
        let request = |said: &str| subject(said).map(|subject| subject.request);
        assert_eq!(request("10.0.0.1").unwrap(), "why 10.0.0.1:2900");
        assert_eq!(request("orders").unwrap(), "why-member orders");
        assert_eq!(request("orders/4").unwrap(), "why-member orders 4");
        assert_eq!(request("orders/path=a/b").unwrap(), "why-member orders path=a/b");
        for wrong in ["", "/4", "orders/", "two words", &"x".repeat(40)] {
            assert!(request(wrong).is_err(), "{wrong}");
        }
    }
}
