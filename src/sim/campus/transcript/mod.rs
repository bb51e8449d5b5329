//! What happened on a campus, in lines of text that stay the same as long as the protocol does.
//!
//! ```text
//! t20   p2 calls             join db
//! t20   a2/1 -> a2           SUBMIT join db as a2/1:1
//! t21   a2 -> * !a3          INITIATE create db as a2/1:1        a3 does not get it
//! t23   a2 -> a2/1 +4        DIRECT db 1.1 created [p2]          four ticks late
//! t24   p2 is told           db 1.1 created [p2], rank 0
//! ```
//!
//! Told are the messages about groups, those of core-sets that decide about them, views of sets, and what applications
//! call for and are told; monitoring is not. A member has the name of its application; a request that of its origin and
//! number; a view its term and number, and a star where it says more than changed. The second group of a name is `db~2`.

mod names;

use super::event::{Copy, Event, Fate, To, What};
use super::plan::Plan;
use crate::proto::mi::{Ask, LocalEvent};
use names::Names;
use std::fmt::Write;

/// Every event, in lines.
pub fn transcript(plan: &Plan, events: &[Event]) -> String {
    let mut names = Names::new(plan, events);
    let mut text = String::new();
    for event in events {
        let Some((who, what)) = line(plan, &mut names, event) else { continue };
        let tick = format!("t{}", event.tick);
        // Writing to a String cannot fail.
        let _ = match (who.is_empty(), what.is_empty()) {
            (true, _) => writeln!(text, "-- {what}"),
            (_, true) => writeln!(text, "{tick:<5} {who}"),
            _ => writeln!(text, "{tick:<5} {who:<20} {what}"),
        };
    }
    text
}

/// Who does what; nobody: somebody intervenes.
fn line(plan: &Plan, names: &mut Names<'_>, event: &Event) -> Option<(String, String)> {
    let site = |node: usize| plan.sites()[node].name.clone();
    Some(match &event.what {
        What::Story(text) => (String::new(), text.clone()),
        What::Process { node, fate } => {
            let fate = match fate {
                Fate::Starts(inc) => format!("starts in life {inc}"),
                Fate::Crashes => "crashes".to_string(),
                Fate::Stops => "is stopped".to_string(),
                Fate::Continues => "continues".to_string(),
                Fate::Leaves => "shall leave".to_string(),
                Fate::Ends => "ends".to_string(),
            };
            (format!("{} {fate}", site(*node)), String::new())
        }
        What::Sent { speech, .. } if !speech.is_of_groups() => return None,
        What::Sent { from, to, speech, copies } => {
            let to = receivers(plan, names, event.tick, *to, copies);
            (format!("{} -> {to}", site(*from)), names.speech(speech))
        }
        What::Installed { node, installed } => {
            let view = &installed.view;
            let mark = |who| if view.parent == Some(who) { "^" } else { "" };
            let name = |who| format!("{}{}", plan.name_at(who), mark(who));
            let members: Vec<String> = view.addresses().map(name).collect();
            let (set, num) = (view.name.base, view.position.num);
            (format!("{} == {set} {num} [{}]", site(*node), members.join(" ")), String::new())
        }
        What::Called { app, call } => {
            let group = call.group;
            let what = match &call.ask {
                Ask::Join { mode, qos, .. } => names::join(group, *mode, qos),
                Ask::Leave { .. } => format!("leave {group}"),
                Ask::Merge { other } => format!("merge {other} into {group}"),
                Ask::Split { new, members } => format!("split {members:?} of {group} off as {new}"),
                Ask::View => format!("view of {group}"),
                Ask::Alive { .. } => return None,
            };
            (format!("p{} calls", app + 1), what)
        }
        What::Told { app, event } => (format!("p{} is told", app + 1), told(names, event)?),
        What::Gone { app } => (format!("p{} is gone", app + 1), String::new()),
    })
}

fn told(names: &mut Names<'_>, event: &LocalEvent) -> Option<String> {
    Some(match event {
        LocalEvent::Taken { .. } | LocalEvent::Alive { .. } => return None,
        LocalEvent::Done { call } => format!("call {call} is done"),
        LocalEvent::Refused { group, refusal, .. } => {
            format!("{group}: {}", refusal.sentence())
        }
        LocalEvent::Roster { key, term, number, entries, .. } => {
            format!("{} {}", names.view(key, *term, *number), names.roster(entries))
        }
        LocalEvent::View { key, rank, term, number, reason, gone, came, whole, .. } => {
            let view = names.view(key, *term, *number);
            let roster = match whole {
                true => names.roster(came),
                false => names.delta(key, gone, came),
            };
            format!("{view} {} {roster}, rank {rank}", names::reason(*reason))
        }
        LocalEvent::Out { group, reason, .. } => {
            format!("out of {group}: {}", names::reason(*reason))
        }
        LocalEvent::ServerLost => "the mserver is lost".to_string(),
        LocalEvent::ServerFound => "a mserver is found".to_string(),
    })
}

/// `*` and the set: a group; a name: one node; then what is not as usual: `!a`: a does not get it; `a+6`: six ticks
/// late; `a=`: within the tick.
fn receivers(plan: &Plan, names: &Names<'_>, now: u64, to: To, copies: &[Copy]) -> String {
    let mut all = match to {
        To::Group(group) => vec![format!("*{}", names.place(group))],
        To::Node(_) => Vec::new(),
        To::Nobody(address) => vec![address.to_string()],
    };
    for Copy { to: node, due } in copies {
        let name = &plan.sites()[*node].name;
        if matches!(to, To::Group(_)) && *due == [now + 1] {
            continue;
        }
        all.extend(due.iter().map(|due| match due - now {
            0 => format!("{name}="),
            1 => name.clone(),
            late => format!("{name}+{}", late - 1),
        }));
        if due.is_empty() {
            all.push(format!("!{name}"));
        }
    }
    all.join(" ")
}
