//! What happened, in lines of text that stay the same as long as the protocol does.
//!
//! ```text
//! t16   0 -> *            INITIATE Fail{1,4} 0.3 on 8
//! t16   2 phase idle -> follower: initiate
//! t16   2 -> 0            ACK Fail 0.3
//! t18   0 -> * !3 4+6     COMMIT Fail{1,4} 0.3 on 8       3 does not get it, 4 six ticks late
//! t18   0 == 9 [0 2 3] by Fail{1,4} 0.3
//! ```
//!
//! Hosts are numbers. A position is `9`, or `9.3` after three batches; the second digest with one
//! number is `9b`, the third `9c`, so that two views with one number are told apart at a glance and
//! no digest's bytes stand in a file. A change is its kind, its coordinator and sequence number,
//! its round if there was more than one, the view it applies to, and whom it excludes.

use super::event::{Copy, Event, Fate, What};
use super::kind::name;
use super::links::HostId;
use crate::name::Digest;
use crate::proto::coreset::SetNote;
use crate::wire::coreset::{
    Body, Change, ChangeId, ChangeKind, CoreMessage, Life, Operation, Position, Request, View, Wait,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddrV4;

/// Number of the host at `address`.
pub fn host(address: SocketAddrV4) -> HostId {
    usize::from(address.ip().octets()[3])
}

/// The names of positions: letters in the order in which they appeared.
#[derive(Clone, Default, Debug)]
pub struct Names {
    seen: BTreeMap<(u16, u64), Vec<Digest>>,
}

impl Names {
    /// Name of a position; `-` for none.
    pub fn position(&mut self, at: Position) -> String {
        if at == Position::default() {
            return "-".to_string();
        }
        let known = self.seen.entry((at.num.0, at.k)).or_default();
        let place = known.iter().position(|d| *d == at.digest).unwrap_or_else(|| {
            known.push(at.digest);
            known.len() - 1
        });
        let mut name = at.num.to_string();
        if at.k > 0 {
            let _ = write!(name, ".{}", at.k);
        }
        match place {
            0 => {}
            1..26 => name.push(char::from(b'a' + u8::try_from(place).unwrap_or(25))),
            _ => {
                let _ = write!(name, "#{place}");
            }
        }
        name
    }

    /// A change: kind, coordinator and number, view, exclude list.
    pub fn change(&mut self, change: &Change) -> String {
        let mut text = format!("{} {}", self.kind(&change.kind), number(&change.id));
        let on: Vec<String> = change.par.iter().map(|p| self.position(*p)).collect();
        let _ = write!(text, " on {}", on.join("+"));
        let subjects = match &change.kind {
            ChangeKind::Fail { subjects } => subjects.as_slice(),
            _ => &[],
        };
        if change.excl != subjects {
            let _ = write!(text, " excl{}", set(&change.excl));
        }
        text
    }

    /// What a change does.
    pub fn kind(&mut self, kind: &ChangeKind) -> String {
        match kind {
            ChangeKind::Fail { subjects } => format!("Fail{}", set(subjects)),
            ChangeKind::Leave { who } => format!("Leave{{{}}}", host(*who)),
            ChangeKind::DelParent { who } => format!("Del_parent{{{}}}", host(*who)),
            ChangeKind::Split { side, name } => format!("Split{} {}", set(side), name.base),
            ChangeKind::AddParent { member } => {
                format!("Add_parent{{{}}}", host(member.life.address))
            }
            ChangeKind::Join { member } => format!("Join{{{}}}", host(member.life.address)),
            ChangeKind::Application { operations } => format!("Apply{}", applied(operations)),
            ChangeKind::Merge { views, .. } => {
                let [one, two] = &**views;
                format!("Merge{{{} {}}}", self.view(one), self.view(two))
            }
            ChangeKind::Rename => "Rename".to_string(),
        }
    }

    /// A view: position and members by rank.
    pub fn view(&mut self, view: &View) -> String {
        let members: Vec<String> =
            view.members.iter().map(|m| host(m.life.address).to_string()).collect();
        format!("{} [{}]", self.position(view.position), members.join(" "))
    }

    /// A message: its name and what it says.
    pub fn message(&mut self, message: &CoreMessage) -> String {
        let says = match &message.body {
            Body::Query { check: Some(whom), .. } | Body::Reply { check: Some(whom), .. } => {
                format!("for {}", host(*whom))
            }
            Body::Query { .. } | Body::Reply { .. } => format!("in {}", self.at(message)),
            Body::Probe { view, force } | Body::ProbeReply { view, force } => {
                format!("{}{}", self.view(view), if *force { " force" } else { "" })
            }
            Body::Initiate(change) | Body::Commit(change) => self.change(change),
            Body::CommitInitiate(one, two) => {
                format!("{} then {}", self.change(one), self.change(two))
            }
            Body::Ack { id, pending } => {
                format!("{}{}", id_name(id), if *pending { " pending" } else { "" })
            }
            Body::Wait(Wait::Current(change) | Wait::Floor(change)) => self.change(change),
            Body::Wait(Wait::Dropped(id) | Wait::Prev(id)) | Body::MsgQuery(id) => id_name(id),
            Body::Wait(Wait::Notice(position)) => {
                format!("{} from {}", self.position(*position), self.at(message))
            }
            Body::CoordFail { change, active, reply } => {
                let active = if *active { " active" } else { "" };
                let reply = if *reply { " reply" } else { "" };
                format!("{}{active}{reply}", self.change(change))
            }
            Body::Init { view, .. } => self.view(view),
            Body::Request(request) => asks(request),
            Body::Refused { why, .. } => why.clone(),
            Body::Forward(operations) => applied(operations),
            Body::StatsRequest { .. } | Body::Stats(_) | Body::Taken => String::new(),
            Body::SyncRequest { .. } | Body::Sync { .. } => String::new(),
        };
        let mut text = format!("{} {says}", name(message));
        let changes = !matches!(message.body, Body::Query { .. } | Body::Reply { .. });
        if changes && !message.exclude.is_empty() {
            let gids: Vec<String> = message.exclude.iter().map(ToString::to_string).collect();
            let _ = write!(text, " without{{{}}}", gids.join(" "));
        }
        text
    }

    fn at(&mut self, message: &CoreMessage) -> String {
        self.position(message.position)
    }

    /// The line of an event, without its tick; none for one that its neighbours tell already.
    pub fn event(&mut self, event: &Event) -> Option<String> {
        Some(match &event.what {
            What::Story(text) => format!("-- {text}"),
            What::Process { host, fate } => match fate {
                Fate::Starts(inc) => format!("{host} starts, life {inc}"),
                Fate::Crashes => format!("{host} crashes"),
                Fate::Stops => format!("{host} is stopped"),
                Fate::Continues => format!("{host} is continued"),
            },
            What::Sent { from, group, message, copies, .. } => {
                let to = receivers(event.tick, *group, copies);
                format!("{:<20} {}", format!("{from} -> {to}"), self.message(message))
            }
            What::Arrived { .. } | What::Unheard { .. } => return None,
            What::Installed { host, view, change, applied: operations, .. } => {
                let by = change.as_ref().map(|id| format!(" by {}", id_name(id)));
                let applies = (!operations.is_empty()).then(|| applied(operations));
                let applies = applies.map(|a| format!(" applies {a}"));
                let (by, applies) = (by.unwrap_or_default(), applies.unwrap_or_default());
                format!("{host} == {}{by}{applies}", self.view(view))
            }
            What::Out { host, asked } => {
                format!("{host} is out, {}", if *asked { "as asked" } else { "unasked" })
            }
            What::Note { host, note } => format!("{host} {}", says(note)),
        })
    }
}

/// The whole transcript.
pub fn transcript(events: &[Event]) -> String {
    let mut names = Names::default();
    let mut text = String::new();
    for event in events {
        if let Some(line) = names.event(event) {
            let line = format!("t{:<5}{line}", event.tick);
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// `*`: the group; `3`: one host; then what is not as usual: `!3`: 3 does not get it; `4+6`: 4 gets it six
/// ticks late; `4=`: within the tick.
fn receivers(now: u64, group: bool, copies: &[Copy]) -> String {
    let mut names = Vec::new();
    if group {
        names.push("*".to_string());
    }
    for Copy { to, due } in copies {
        if group && *due == [now + 1] {
            continue;
        }
        names.extend(due.iter().map(|due| match due - now {
            0 => format!("{to}="),
            1 => to.to_string(),
            late => format!("{to}+{late}"),
        }));
        if due.is_empty() {
            names.push(format!("!{to}"));
        }
    }
    names.join(" ")
}

fn set(who: &[SocketAddrV4]) -> String {
    let names: Vec<String> = who.iter().map(|a| host(*a).to_string()).collect();
    format!("{{{}}}", names.join(","))
}

fn life(life: &Life) -> String {
    format!("{}/{}", host(life.address), life.inc)
}

/// Coordinator, its count, and the round if there was more than one.
fn number(id: &ChangeId) -> String {
    let round = if id.round > 0 { format!(" r{}", id.round) } else { String::new() };
    format!("{}.{}{round}", host(id.coord.address), id.seq)
}

/// A change by its id alone.
pub fn id_name(id: &ChangeId) -> String {
    const CLASSES: [&str; 9] =
        ["Fail", "Leave", "Del_parent", "Split", "Add_parent", "Join", "Apply", "Merge", "Rename"];
    let class = CLASSES.get(usize::from(id.class)).unwrap_or(&"?");
    format!("{class} {}", number(id))
}

/// Operations as origin and numbers: `{3#1-4 5#2}`.
fn applied(operations: &[Operation]) -> String {
    let mut runs: Vec<(Life, u64, u64)> = Vec::new();
    for op in operations {
        match runs.last_mut() {
            Some((origin, _, last)) if *origin == op.origin && op.number == *last + 1 => *last += 1,
            _ => runs.push((op.origin, op.number, op.number)),
        }
    }
    let names: Vec<String> = runs
        .iter()
        .map(|(origin, first, last)| {
            let origin = host(origin.address);
            if first == last {
                format!("{origin}#{first}")
            } else {
                format!("{origin}#{first}-{last}")
            }
        })
        .collect();
    format!("{{{}}}", names.join(" "))
}

fn asks(request: &Request) -> String {
    match request {
        Request::Join(who) | Request::Leave(who) | Request::AddParent(who) => life(who),
        Request::Split { side, name } => format!("{} {}", set(side), name.base),
        Request::Merge { at } => at.to_string(),
        Request::DelParent => String::new(),
    }
}

fn says(note: &SetNote) -> String {
    match note {
        SetNote::Ignored { why, from } => format!("ignores {}: {why}", host(*from)),
        SetNote::Isolated { who, why, .. } => format!("isolates {}: {why}", host(*who)),
        SetNote::Phase { from, to, why, change } => {
            let change = change.as_ref().map(|id| format!(" of {}", id_name(id)));
            format!("phase {from} -> {to}{}: {why}", change.unwrap_or_default())
        }
        SetNote::Refused { why } => format!("is refused: {why}"),
        SetNote::Founded { num, inc } => format!("founds the set: {num}, life {inc}"),
    }
}
