//! `ms status --metrics`: what daemons say of themselves, in the text format of Prometheus.
//!
//! ```text
//!   # HELP membership_set_members Members of the view.
//!   # TYPE membership_set_members gauge
//!   membership_set_members{daemon="10.0.0.1:2900",set="nps",side="peers"} 4
//! ```
//!
//! The daemons count by words; a word that says why something was ignored is a value of the label `cause`, and words that
//! count what was done have names of their own. No label comes from a peer but names of sets and groups, and of those
//! there are only so many.

use super::families::{FAMILIES, Kind};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Groups of one daemon that have lines of their own.
const GROUPS: usize = 1000;

/// A label: its name, and its value.
type Label<'a> = (&'a str, &'a str);

/// Words of counters that are no messages ignored, each with its name and the label that tells it from the others of that
/// name.
const DONE: [(&str, &str, Option<Label<'static>>); 16] = [
    ("views", "membership_views_total", None),
    ("batches", "membership_batches_total", None),
    ("isolations", "membership_isolations_total", None),
    ("idle", "membership_phases_total", Some(("phase", "idle"))),
    ("coordinator", "membership_phases_total", Some(("phase", "coordinator"))),
    ("follower", "membership_phases_total", Some(("phase", "follower"))),
    ("election", "membership_phases_total", Some(("phase", "election"))),
    ("queries-sent", "membership_ring_events_total", Some(("event", "queries-sent"))),
    ("queries-answered", "membership_ring_events_total", Some(("event", "queries-answered"))),
    ("replies", "membership_ring_events_total", Some(("event", "replies"))),
    ("failures", "membership_ring_events_total", Some(("event", "failures"))),
    ("other-messages", "membership_ring_events_total", Some(("event", "other-messages"))),
    ("relayed", "membership_mcaster_relayed_datagrams_total", None),
    ("copies", "membership_mcaster_copies_total", None),
    ("copied-bytes", "membership_mcaster_copied_bytes_total", None),
    ("expired", "membership_mcaster_expired_members_total", None),
];

/// What a daemon told: its status, and its groups, if it knows any.
pub struct Daemon {
    /// Its `status`.
    pub status: Value,
    /// Its `groups`; null of one that has none.
    pub groups: Value,
}

/// All that these daemons say; `silent`: addresses of those that should answer and do not.
pub fn exposition(daemons: &[Daemon], silent: &[String]) -> String {
    let mut page = Page::default();
    for address in silent {
        page.add("membership_up", &[("daemon", address)], 0.0);
    }
    daemons.iter().for_each(|daemon| page.daemon(daemon));
    page.text()
}

/// The lines of each family, in the order in which they came.
#[derive(Default)]
struct Page {
    lines: BTreeMap<&'static str, String>,
}

impl Page {
    fn add(&mut self, name: &'static str, labels: &[Label<'_>], value: f64) {
        assert!(FAMILIES.iter().any(|family| family.0 == name), "{name} is a family");
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let lines = self.lines.entry(name).or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{name}{{{}}} {value}", labels.join(","));
    }

    /// The same, if there is a number.
    fn number(&mut self, name: &'static str, labels: &[Label<'_>], value: &Value) {
        if let Some(value) = value.as_f64() {
            self.add(name, labels, value);
        }
    }

    /// Each family once, with its lines in a row, as the format demands.
    fn text(&self) -> String {
        let mut out = String::new();
        for (name, kind, help) in FAMILIES {
            let Some(lines) = self.lines.get(name) else { continue };
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
        out
    }

    fn daemon(&mut self, daemon: &Daemon) {
        let status = &daemon.status;
        let address = text(&status["address"]);
        let own = ("daemon", address);
        self.add("membership_up", &[own], 1.0);
        let (mode, version) = (text(&status["mode"]), text(&status["version"]));
        let info = [own, ("mode", mode), ("version", version)];
        self.add("membership_daemon_info", &info, 1.0);
        self.number("membership_ticks_total", &[own], &status["ticks"]);
        self.number("membership_late_ticks_total", &[own], &status["late_ticks"]);
        if let Some(ms) = status["tick_ms"].as_f64() {
            self.add("membership_tick_seconds", &[own], ms / 1000.0);
        }
        self.io(own, &status["io"]);
        self.counters(own, &status["counters"]);
        for (to, sent) in object(&status["sent"]) {
            for (message, n) in object(sent) {
                let labels = [own, ("to", to.as_str()), ("message", message)];
                self.number("membership_messages_sent_total", &labels, n);
            }
        }
        for (what, n) in object(&status["authentication"]["counters"]) {
            let labels = [own, ("finding", what.as_str())];
            self.number("membership_authentication_findings_total", &labels, n);
        }
        self.applications(own, &status["applications"]);
        match mode {
            "mcaster" => self.mcaster(own, status),
            "mi" => self.registered(own, status),
            _ => {
                self.seat(own, "peers", status);
                self.seat(own, "child", &status["child"]);
            }
        }
        for (role, n) in object(&status["groups"]["roles"]) {
            self.number("membership_groups", &[own, ("role", role)], n);
        }
        for (reason, n) in object(&status["departures"]) {
            self.number("membership_departures_total", &[own, ("reason", reason)], n);
        }
        self.number("membership_known_groups", &[own], &status["groups"]["known"]);
        self.groups(own, &daemon.groups);
    }

    fn io(&mut self, own: Label<'_>, io: &Value) {
        for (cause, n) in object(io) {
            match cause.as_str() {
                "received" => self.number("membership_received_datagrams_total", &[own], n),
                cause => self.number("membership_socket_errors_total", &[own, ("cause", cause)], n),
            }
        }
    }

    fn counters(&mut self, own: Label<'_>, counters: &Value) {
        for (word, n) in object(counters) {
            if let Some((_, name, label)) = DONE.iter().find(|(of, ..)| of == word) {
                let labels: Vec<Label<'_>> = [own].into_iter().chain(*label).collect();
                self.number(name, &labels, n);
            } else if word.starts_with(char::is_uppercase) {
                // The names of messages: answers of an mcaster.
                let labels = [own, ("answer", word.as_str())];
                self.number("membership_mcaster_answers_total", &labels, n);
            } else {
                let labels = [own, ("cause", word.as_str())];
                self.number("membership_dropped_messages_total", &labels, n);
            }
        }
    }

    fn applications(&mut self, own: Label<'_>, applications: &Value) {
        self.number("membership_applications", &[own], &applications["clients"]);
        self.number("membership_applications_backlog_bytes", &[own], &applications["backlog"]);
        for (cause, n) in object(&applications["counters"]) {
            let labels = [own, ("cause", cause.as_str())];
            self.number("membership_applications_parted_total", &labels, n);
        }
    }

    fn mcaster(&mut self, own: Label<'_>, status: &Value) {
        let groups = status["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        let members = |group: &Value| group["members"].as_array().map_or(0, Vec::len);
        self.add("membership_mcaster_groups", &[own], groups.len() as f64);
        let all: usize = groups.iter().map(members).sum();
        self.add("membership_mcaster_members", &[own], all as f64);
    }

    fn registered(&mut self, own: Label<'_>, status: &Value) {
        let labels = [own, ("lan", text(&status["lan"])), ("mserver", text(&status["mserver"]))];
        self.add("membership_mi_registered", &labels, truth(status["registered"] == true));
    }

    /// A place in a core-set, or in a fixed ring.
    fn seat(&mut self, own: Label<'_>, side: &str, seat: &Value) {
        let Some(set) = seat["set"].as_str() else { return };
        let labels = [own, ("set", set), ("side", side)];
        if !seat["ccw"]["failed"].is_null() {
            let failed = seat["ccw"]["failed"] == true;
            return self.add("membership_ring_neighbour_failed", &labels, truth(failed));
        }
        let inside = seat["view"].is_number();
        self.add("membership_set_joined", &labels, truth(inside));
        self.number("membership_set_incarnation", &labels, &seat["incarnation"]);
        if !inside {
            return;
        }
        let changing = seat["phase"] != "idle";
        let parent = seat["parent"].is_string();
        let count = |key: &str| seat[key].as_array().map_or(0, Vec::len) as f64;
        self.number("membership_set_level", &labels, &seat["level"]);
        self.number("membership_set_view_number", &labels, &seat["view"]);
        self.number("membership_set_batch_number", &labels, &seat["batch"]);
        self.number("membership_set_members", &labels, &seat["size"]);
        self.number("membership_set_rank", &labels, &seat["rank"]);
        self.add("membership_set_changing", &labels, truth(changing));
        self.add("membership_set_has_parent", &labels, truth(parent));
        self.add("membership_set_isolated_members", &labels, count("isolated"));
        self.add("membership_set_lost_members", &labels, count("lost"));
        for (queue, n) in object(&seat["queues"]) {
            let labels = [own, ("set", set), ("side", side), ("queue", queue)];
            self.number("membership_set_queue_length", &labels, n);
        }
    }

    /// The groups that have a view here: those of members here first, if there are too many.
    fn groups(&mut self, own: Label<'_>, groups: &Value) {
        let here = |group: &Value| group["members"].as_array().map_or(0, Vec::len);
        let all = groups.as_array().into_iter().flatten();
        let viewed = all.filter(|group| group["size"].is_number());
        let (mut all, others): (Vec<&Value>, Vec<_>) = viewed.partition(|group| here(group) > 0);
        all.extend(others);
        let hidden = all.len().saturating_sub(GROUPS);
        for group in all.into_iter().take(GROUPS) {
            let labels =
                [own, ("group", text(&group["group"])), ("of", text(&group["incarnation"]))];
            self.number("membership_group_members", &labels, &group["size"]);
            self.number("membership_group_term", &labels, &group["term"]);
            self.number("membership_group_view_number", &labels, &group["number"]);
            self.add("membership_group_local_members", &labels, here(group) as f64);
        }
        if groups.is_array() {
            self.add("membership_hidden_groups", &[own], hidden as f64);
        }
    }
}

fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// As it may stand between the quotes of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mserver() -> Daemon {
        let status = json!({
            "address": "10.0.0.1:2900", "mode": "mserver", "version": "1", "ticks": 5, "tick_ms": 10,
            "late_ticks": 0, "io": {"received": 9, "send-failed": 1},
            "set": "n\"ps", "level": 2, "view": 4, "batch": 0, "size": 3, "rank": 1,
            "incarnation": 7, "phase": "idle", "parent": null, "isolated": ["10.0.0.3:2900"],
            "lost": [], "queues": {"requests": 2}, "child": {"set": "root", "incarnation": 7},
            "counters": {"views": 2, "older-life": 3}, "sent": {"to_one": {"ack": 4}, "to_all": {}},
            "groups": {"known": 1, "roles": {"core": 1}},
        });
        let groups = json!([{"group": "db", "incarnation": "a/1/2", "term": 1, "number": 6,
            "size": 2, "members": [0]}]);
        Daemon { status, groups }
    }

    #[test]
    fn a_family_is_told_once_and_in_a_row() {
        let text = exposition(&[mserver(), mserver()], &["10.0.0.9:2900".to_string()]);
        let names = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(names("# TYPE membership_up gauge"), 1);
        assert_eq!(names("membership_up{"), 3);
        let mut seen: Vec<&str> = Vec::new();
        for line in text.lines() {
            let name = match line.strip_prefix("# ") {
                Some(rest) => rest.split(' ').nth(1).unwrap(),
                None => line.split('{').next().unwrap(),
            };
            if seen.last() != Some(&name) {
                assert!(!seen.contains(&name), "{name} comes twice:\n{text}");
                seen.push(name);
            }
        }
    }

    #[test]
    fn what_was_ignored_is_told_by_cause_and_what_was_done_by_name() {
        let text = exposition(&[mserver()], &[]);
        let own = "{daemon=\"10.0.0.1:2900\"";
        for line in [
            format!("membership_dropped_messages_total{own},cause=\"older-life\"}} 3"),
            format!("membership_views_total{own}}} 2"),
            format!("membership_socket_errors_total{own},cause=\"send-failed\"}} 1"),
            format!("membership_set_members{own},set=\"n\\\"ps\",side=\"peers\"}} 3"),
            format!("membership_set_joined{own},set=\"root\",side=\"child\"}} 0"),
            format!("membership_group_members{own},group=\"db\",of=\"a/1/2\"}} 2"),
            format!("membership_tick_seconds{own}}} 0.01"),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn names_are_as_the_format_wants_them() {
        for (name, kind, help) in FAMILIES {
            let fine = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.starts_with("membership_") && name.chars().all(fine), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}: {help}");
            for reserved in ["_count", "_sum", "_bucket", "_ms", "_s", "_info_total"] {
                assert!(!name.ends_with(reserved), "{name}");
            }
        }
    }
}
