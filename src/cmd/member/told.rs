//! What a member is told, as lines for a person, as JSON, and as the environment of a program.
//!
//! ```text
//!   orders 2.7 joined: 3 members, rank 1, gid 4      view 7 in term 2
//!     + gid 5 at 10.0.0.3:2900, role=db
//!     - gid 2 at 10.0.0.2:2900
//! ```

use crate::client::{Change, Entry, Event, MemberId, Own, Reason, Refusal, RequestId, View};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Variables hold lists of so many gids at most: there is a limit to what a program can be given.
const LISTED: usize = 1000;

/// The word for why a view differs from the one before, or why somebody is out.
pub fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Created => "created",
        Reason::Joined => "joined",
        Reason::Left => "left",
        Reason::Failed => "failed",
        Reason::Partitioned => "partitioned",
        Reason::Merged => "merged",
        Reason::Split => "split",
        Reason::Resync => "resync",
        Reason::Terminated => "terminated",
    }
}

/// The code of a refusal, as ms_protocol(7) has it.
pub fn code(refusal: Refusal) -> usize {
    16 + Refusal::ALL.iter().position(|r| *r == refusal).unwrap_or_default()
}

/// An incarnation in one word, to be compared.
pub fn incarnation(id: &RequestId) -> String {
    format!("{}/{}/{}", id.origin.address, id.origin.inc, id.number)
}

/// A member in one word.
pub fn member(id: &MemberId) -> String {
    format!("{}/{}/{}", id.mi.address, id.mi.inc, id.number)
}

fn member_json(id: &MemberId) -> Value {
    json!({
        "address": id.mi.address.to_string(),
        "incarnation": id.mi.inc.0,
        "number": id.number,
    })
}

/// A tag as text, whatever it is.
pub fn tag(entry: &Entry) -> String {
    String::from_utf8_lossy(&entry.tag).into_owned()
}

/// A member of a roster.
pub fn entry_json(entry: &Entry, rank: Option<usize>) -> Value {
    let mut all = Map::new();
    if let Some(rank) = rank {
        all.insert("rank".into(), rank.into());
    }
    all.insert("gid".into(), entry.gid.into());
    all.insert("member".into(), member_json(&entry.id));
    all.insert("tag".into(), tag(entry).into());
    all.into()
}

fn list(entries: &[Entry]) -> Value {
    entries.iter().map(|entry| entry_json(entry, None)).collect()
}

/// The members by rank.
pub fn roster(view: &View) -> Value {
    view.roster.iter().enumerate().map(|(rank, entry)| entry_json(entry, Some(rank))).collect()
}

/// What tells a view from others.
pub fn head(event: &str, view: &View) -> Map<String, Value> {
    let all = json!({
        "event": event,
        "group": view.key.to_string(),
        "incarnation": incarnation(&view.key.inc),
        "term": view.term,
        "number": view.number,
        "digest": view.digest.to_string(),
        "size": view.size,
    });
    if let Value::Object(all) = all { all } else { Map::new() }
}

/// A view as who asked for it is told it: with the roster, and what the group's creator chose.
pub fn whole(view: &View) -> Value {
    let mut all = head("view", view);
    all.insert("qos".into(), view.qos.to_json());
    all.insert("roster".into(), roster(view));
    all.into()
}

/// Turns events into JSON: the whole roster is told where it does not follow from the one before.
#[derive(Default)]
pub struct Teller {
    last: Option<(RequestId, u32)>,
}

impl Teller {
    /// An event of a member of `group`. `whole`: with the roster in any case.
    pub fn json(&mut self, group: &str, event: &Event, whole: bool) -> Value {
        let out = |event: &str, was: Option<&MemberId>, rejoins: bool| {
            json!({
                "event": event,
                "group": group,
                "member": was.map(member_json),
                "rejoins": rejoins,
            })
        };
        match event {
            Event::View(change) => self.view(change, whole),
            Event::Renamed { from, to } => json!({
                "event": "renamed",
                "group": to.to_string(),
                "incarnation": incarnation(&to.inc),
                "from": from.to_string(),
                "from_incarnation": incarnation(&from.inc),
            }),
            Event::Out { reason: why, was, last, rejoins } => {
                let mut all = out("out", Some(was), *rejoins);
                all["reason"] = reason(*why).into();
                all["last"] = last.as_ref().map(|view| Value::Object(head("view", view))).into();
                all
            }
            Event::Refused(refusal) => json!({
                "event": "refused",
                "group": group,
                "code": code(*refusal),
                "reason": refusal.sentence(),
            }),
            Event::MserverLost => json!({"event": "mserver-lost", "group": group}),
            Event::MserverFound => json!({"event": "mserver-found", "group": group}),
            Event::Disconnected { was, last, why, rejoins } => {
                let mut all = out("disconnected", was.as_ref(), *rejoins);
                all["reason"] = why.to_string().into();
                all["last"] = last.as_ref().map(|view| Value::Object(head("view", view))).into();
                all
            }
            Event::Rejoined { was, now, away } => json!({
                "event": "rejoined",
                "group": group,
                "was": member_json(was),
                "member": member_json(now),
                "away_ms": away.as_millis() as u64,
            }),
        }
    }

    fn view(&mut self, change: &Change, whole: bool) -> Value {
        let view = &*change.view;
        let mut all = head("view", view);
        all.insert("reason".into(), reason(change.reason).into());
        all.insert("first".into(), change.first.into());
        if let Some(Own { member, gid, rank }) = view.own {
            all.insert("member".into(), member_json(&member));
            all.insert("gid".into(), gid.into());
            all.insert("rank".into(), rank.into());
        }
        all.insert("came".into(), list(&change.came));
        all.insert("gone".into(), list(&change.gone));
        if !change.renumbered.is_empty() {
            let renumbered = change.renumbered.iter();
            let renumbered = renumbered
                .map(|(was, id)| json!({"was": was, "gid": view.entry(*id).map(|e| e.gid)}));
            all.insert("renumbered".into(), renumbered.collect());
        }
        let here = (view.key.inc, view.number);
        let next = self.last == Some((here.0, view.number.wrapping_sub(1)));
        let jumps = matches!(change.reason, Reason::Partitioned | Reason::Merged | Reason::Resync);
        if whole || change.first {
            all.insert("qos".into(), view.qos.to_json());
        }
        if whole || change.first || jumps || !next {
            all.insert("roster".into(), roster(view));
        }
        self.last = Some(here);
        all.into()
    }
}

/// The gids of some members, if they are not too many.
fn gids(entries: &[Entry]) -> Option<String> {
    let gids = entries.iter().map(|entry| entry.gid.to_string());
    (entries.len() <= LISTED).then(|| gids.collect::<Vec<_>>().join(" "))
}

/// What a program is told of a view by its environment; of the first one alone that is the fencing token.
pub fn environment(view: &View) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("MS_GROUP", view.key.to_string()),
        ("MS_INCARNATION", incarnation(&view.key.inc)),
        ("MS_TERM", view.term.to_string()),
        ("MS_VIEW", view.number.to_string()),
        ("MS_DIGEST", view.digest.to_string()),
        ("MS_SIZE", view.size.to_string()),
    ];
    if let Some(own) = view.own {
        all.push(("MS_MEMBER", member(&own.member)));
        all.push(("MS_GID", own.gid.to_string()));
        all.push(("MS_RANK", own.rank.to_string()));
    }
    all
}

/// What a hook is told of an event by its environment.
pub fn environment_of(group: &str, event: &Event) -> Vec<(&'static str, String)> {
    let (word, view) = match event {
        Event::View(change) => ("view", Some(&change.view)),
        Event::Renamed { .. } => ("renamed", None),
        Event::Out { last, .. } => ("out", last.as_ref()),
        Event::Refused(_) => ("refused", None),
        Event::MserverLost => ("mserver-lost", None),
        Event::MserverFound => ("mserver-found", None),
        Event::Disconnected { last, .. } => ("disconnected", last.as_ref()),
        Event::Rejoined { .. } => ("rejoined", None),
    };
    let mut all = view.map(|view| environment(view)).unwrap_or_default();
    if all.is_empty() {
        let name =
            if let Event::Renamed { to, .. } = event { to.to_string() } else { group.into() };
        all.push(("MS_GROUP", name));
    }
    all.push(("MS_EVENT", word.to_string()));
    match event {
        Event::View(change) => {
            all.push(("MS_REASON", reason(change.reason).to_string()));
            all.extend(gids(&change.came).map(|gids| ("MS_CAME", gids)));
            all.extend(gids(&change.gone).map(|gids| ("MS_GONE", gids)));
        }
        Event::Out { reason: why, .. } => all.push(("MS_REASON", reason(*why).to_string())),
        Event::Refused(refusal) => all.push(("MS_REASON", refusal.sentence().to_string())),
        Event::Renamed { from, to } => {
            all.push(("MS_FROM", from.to_string()));
            all.push(("MS_INCARNATION", incarnation(&to.inc)));
        }
        Event::Rejoined { was, now, .. } => {
            all.push(("MS_WAS", member(was)));
            all.push(("MS_MEMBER", member(now)));
        }
        Event::Disconnected { why, .. } => all.push(("MS_REASON", why.to_string())),
        _ => {}
    }
    all
}

/// An event for a person, in whole lines.
pub fn text(group: &str, event: &Event) -> String {
    let again = |rejoins: &bool| if *rejoins { "; it joins again" } else { "" };
    match event {
        Event::View(change) => of_change(change),
        Event::Renamed { from, to } => format!("{from} is called {to} from now on\n"),
        Event::Out { reason: why, rejoins, .. } => {
            format!("{group} out: {}{}\n", reason(*why), again(rejoins))
        }
        Event::Refused(refusal) => format!("{group} refused: {}\n", refusal.sentence()),
        Event::MserverLost => format!("{group}: the mserver is lost; views may be missing\n"),
        Event::MserverFound => format!("{group}: a mserver is found\n"),
        Event::Disconnected { why, rejoins, .. } => {
            format!("{group} disconnected: {why}{}\n", again(rejoins))
        }
        Event::Rejoined { was, now, away } => {
            let ms = away.as_millis();
            format!("{group} rejoined as {} after {ms} ms, was {}\n", member(now), member(was))
        }
    }
}

fn of_change(change: &Change) -> String {
    let view = &*change.view;
    let mut out = format!(
        "{} {}.{} {}: {}",
        view.key,
        view.term,
        view.number,
        reason(change.reason),
        size(view)
    );
    if let Some(own) = view.own {
        let _ = write!(out, ", rank {}, gid {}", own.rank, own.gid);
    }
    out.push('\n');
    if change.first {
        out.push_str(&of_qos(view));
    }
    for (sign, entries) in [('+', &change.came), ('-', &change.gone)] {
        out.push_str(&lines(sign, entries));
    }
    for (was, id) in &change.renumbered {
        let gid = view.entry(*id).map_or(0, |entry| entry.gid);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  = gid {was} is gid {gid} from now on");
    }
    out
}

/// What the group's creator chose, all of it.
pub fn quality(view: &View) -> String {
    view.qos.all().map(|(name, words)| format!("{name} {words}")).collect::<Vec<_>>().join(", ")
}

/// What was chosen for the group, a line each; nothing where all is as usual.
fn of_qos(view: &View) -> String {
    let bound = match view.qos.detection_ms() {
        Some(ms) => format!("  * who does not answer is out within {ms} ms\n"),
        None => String::new(),
    };
    let chosen = view.qos.chosen().map(|(name, words)| format!("  * {name} {words}\n"));
    chosen.chain([bound]).collect()
}

/// A line for each of those who came or went.
pub fn lines(sign: char, entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("  {sign} {}\n", of_entry(entry))).collect()
}

/// How many there are, in words.
pub fn size(view: &View) -> String {
    format!("{} member{}", view.size, if view.size == 1 { "" } else { "s" })
}

fn of_entry(entry: &Entry) -> String {
    let tag = if entry.tag.is_empty() { String::new() } else { format!(", {}", printable(entry)) };
    format!("gid {} at {}{tag}", entry.gid, entry.id.mi.address)
}

/// A tag without what would harm a terminal.
pub fn printable(entry: &Entry) -> String {
    tag(entry).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{GroupKey, Monitor, Qos};
    use crate::name::{Digest, Incarnation};
    use crate::wire::coreset::Life;
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::sync::Arc;

    fn someone(number: u32) -> MemberId {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 2901);
        MemberId { mi: Life { address, inc: Incarnation(7) }, number }
    }

    fn view(qos: Qos) -> Arc<View> {
        let inc = RequestId { origin: someone(1).mi, number: 1 };
        let key = GroupKey { name: "db".parse().unwrap(), suffix: None, inc };
        let (roster, digest, qos) = (Vec::new(), Digest::default(), Arc::new(qos));
        let own = Some(Own { member: someone(1), gid: 4, rank: 1 });
        Arc::new(View { key, term: 2, number: 3, digest, size: 5, roster, own, qos })
    }

    fn changed(reason: Reason, qos: Qos) -> Event {
        let (came, gone, renumbered) = (Vec::new(), Vec::new(), Vec::new());
        Event::View(Change { view: view(qos), reason, first: false, came, gone, renumbered })
    }

    fn variable(event: &Event, name: &str) -> Option<String> {
        let all = environment_of("db", event);
        all.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Event, reason, group, and what it was before, by the environment.
    fn variables(event: &Event) -> [Option<String>; 4] {
        ["MS_EVENT", "MS_REASON", "MS_GROUP", "MS_FROM"].map(|name| variable(event, name))
    }

    fn some(words: [&str; 4]) -> [Option<String>; 4] {
        words.map(|word| Some(word.to_string()).filter(|word| !word.is_empty()))
    }

    #[test]
    fn the_end_on_one_side_of_a_partition_is_told_in_all_ways() {
        let last = Some(view(Qos::default()));
        let event = Event::Out { reason: Reason::Terminated, was: someone(1), last, rejoins: true };
        assert_eq!(variables(&event), some(["out", "terminated", "db", ""]));
        assert_eq!(variable(&event, "MS_VIEW").as_deref(), Some("3"), "of the last one");
        let json = Teller::default().json("db", &event, false);
        assert_eq!((&json["event"], &json["reason"]), (&"out".into(), &"terminated".into()));
        assert_eq!((&json["rejoins"], &json["last"]["number"]), (&true.into(), &3.into()));
        assert_eq!(text("db", &event), "db out: terminated; it joins again\n");
    }

    #[test]
    fn sides_that_part_and_meet_are_told_in_all_ways() {
        for (reason, word) in [(Reason::Partitioned, "partitioned"), (Reason::Merged, "merged")] {
            let event = changed(reason, Qos::default());
            assert_eq!(variables(&event), some(["view", word, "db", ""]));
            let json = Teller::default().json("db", &event, false);
            assert_eq!((&json["event"], &json["reason"]), (&"view".into(), &word.into()));
            assert!(json["roster"].is_array(), "numbers may jump");
            let line = format!("db 2.3 {word}: 5 members, rank 1, gid 4\n");
            assert_eq!(text("db", &event), line);
        }
    }

    #[test]
    fn a_side_that_must_take_another_name_is_told_in_all_ways() {
        let from = view(Qos::default()).key;
        let event = Event::Renamed { from, to: GroupKey { suffix: Some(4), ..from } };
        assert_eq!(variables(&event), some(["renamed", "", "db.4", "db"]));
        let json = Teller::default().json("db", &event, false);
        assert_eq!((&json["group"], &json["from"]), (&"db.4".into(), &"db".into()));
        assert_eq!(text("db", &event), "db is called db.4 from now on\n");
        let event =
            Event::Rejoined { was: someone(1), now: someone(2), away: std::time::Duration::ZERO };
        assert_eq!(variable(&event, "MS_WAS").as_deref(), Some("10.0.0.1:2901/7/1"));
        assert_eq!(variable(&event, "MS_MEMBER").as_deref(), Some("10.0.0.1:2901/7/2"));
    }

    #[test]
    fn what_was_chosen_is_told_at_the_first_view_and_where_it_is_not_the_usual() {
        let monitor = Monitor::Fixed { every_ms: 1000, retries: 3 };
        let qos = Qos { monitor, survive: "majority".into(), ..Qos::default() };
        let Event::View(mut change) = changed(Reason::Created, qos) else { unreachable!() };
        assert!(!text("db", &Event::View(change.clone())).contains("  * "));
        change.first = true;
        let event = Event::View(change);
        let lines = "  * monitor fixed 1s x 3\n  * survive majority\n  * who does not answer is out within 5000 ms\n";
        assert!(text("db", &event).ends_with(lines), "{}", text("db", &event));
        let json = Teller::default().json("db", &event, false);
        assert_eq!(
            (&json["qos"]["survive"], &json["qos"]["order"]),
            (&"majority".into(), &"strong".into())
        );
        assert_eq!(json["qos"]["detection_ms"], 5000);
    }
}
