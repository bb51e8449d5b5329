//! What is remembered for people: who was isolated or removed, by whom, of what evidence (`ms why`).
//!
//! ```text
//!   perceived   we ceased to communicate with it: no REPLY, no ACK ..., or a member's word
//!   heard       the exclude list of a member's message had it
//!   told        the exclude list of a message of ours had it
//!   removed     a change was committed without it
//! ```
//!
//! A bounded list, the oldest forgotten first. Times are ticks, as all time is here; whoever shows them knows
//! how long a tick is.

use crate::proto::coreset::Cause;
use crate::wire::coreset::{Change, ChangeKind, CoreMessage, SetName, View};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddrV4;

/// Events that are kept.
const KEPT: usize = 512;

/// What an event is, for those who sort them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum What {
    Perceived,
    Heard,
    Told,
    Removed,
    Out,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            What::Perceived => "perceived",
            What::Heard => "heard",
            What::Told => "told",
            What::Removed => "removed",
            What::Out => "out",
        }
    }
}

/// One event.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Event {
    tick: u64,
    who: SocketAddrV4,
    what: What,
    /// Whose word it is, or to whom it went; none: ours, or to all.
    other: Option<SocketAddrV4>,
    /// The view in which it happened.
    view: u16,
    text: String,
}

/// The last events, and the time.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Memory {
    now: u64,
    events: VecDeque<Event>,
}

impl Memory {
    /// Time passes.
    pub fn tick(&mut self, elapsed: u32) {
        self.now += u64::from(elapsed);
    }

    /// We ceased to communicate with a member.
    pub fn isolated(&mut self, set: SetName, who: SocketAddrV4, cause: Cause) {
        let text = format!("perceived failed in set {set}: {cause}");
        let other = match cause {
            Cause::SaidBy { by, .. } | Cause::GivenUpBy { by, .. } => Some(by),
            _ => None,
        };
        self.keep(Event { tick: self.now, who, what: What::Perceived, other, view: 0, text });
    }

    /// A message from a member of our view: whom its exclude list has.
    pub fn heard(&mut self, view: &View, m: &CoreMessage) {
        let by = m.from.life.address;
        for who in listed(view, m) {
            let name = m.body.name();
            let text = format!("excluded by {by}, in its {name}");
            self.gossip(What::Heard, who, Some(by), (view, text));
        }
    }

    /// A message of ours, to one member or to all.
    pub fn told(&mut self, view: &View, m: &CoreMessage, to: Option<SocketAddrV4>) {
        for who in listed(view, m) {
            let name = m.body.name();
            let text = match to {
                Some(to) => format!("told {to} in our {name} that it is excluded"),
                None => format!("told all members in our {name} that it is excluded"),
            };
            self.gossip(What::Told, who, to, (view, text));
        }
    }

    /// Each says the same in all its messages: the first one counts.
    fn gossip(
        &mut self,
        what: What,
        who: SocketAddrV4,
        other: Option<SocketAddrV4>,
        (view, text): (&View, String),
    ) {
        let view = view.position.num.0;
        let known = self.events.iter().rev().any(|event| {
            (event.what, event.who, event.other, event.view) == (what, who, other, view)
        });
        if !known {
            self.keep(Event { tick: self.now, who, what, other, view, text });
        }
    }

    /// A view was installed; whom the change removed is not in it.
    pub fn installed(&mut self, view: &View, change: Option<&Change>) {
        let Some(change) = change else { return };
        let (set, num) = (view.name, view.position.num);
        let coord = change.id.coord.address;
        for who in removed_by(change).into_iter().filter(|who| !view.contains(*who)) {
            let (round, seq) = (change.id.round, change.id.seq);
            let text =
                format!("removed from set {set} with view {num}: change {round}/{seq}, {change}");
            let (what, other) = (What::Removed, Some(coord));
            self.keep(Event { tick: self.now, who, what, other, view: num.0, text });
        }
    }

    /// We are in no view any more.
    pub fn out(&mut self, set: SetName, own: SocketAddrV4, asked: bool) {
        let text = match asked {
            true => format!("left set {set}, as it was asked to"),
            false => format!("in no view of set {set} any more, joins again"),
        };
        let (what, other) = (What::Out, None);
        self.keep(Event { tick: self.now, who: own, what, other, view: 0, text });
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// What there is about an address, the oldest first.
    pub fn about(&self, who: SocketAddrV4) -> Value {
        let events = self.events.iter().filter(|event| event.who == who);
        let event = |event: &Event| {
            json!({
                "ticks_ago": self.now - event.tick,
                "event": event.what.word(),
                "other": event.other.map(|other| other.to_string()),
                "what": event.text,
            })
        };
        let events: Vec<Value> = events.map(event).collect();
        json!({"about": who.to_string(), "events": events})
    }
}

/// Whom the exclude list of a message has, if it is of that view.
fn listed(view: &View, m: &CoreMessage) -> Vec<SocketAddrV4> {
    if m.position != view.position {
        return Vec::new();
    }
    let member = |gid| view.members.iter().find(|m| m.gid == gid);
    m.exclude.iter().filter_map(|gid| member(*gid)).map(|m| m.life.address).collect()
}

/// Who goes with a change.
fn removed_by(change: &Change) -> Vec<SocketAddrV4> {
    let mut gone = change.excl.clone();
    match &change.kind {
        ChangeKind::Leave { who } | ChangeKind::DelParent { who } => gone.push(*who),
        ChangeKind::Split { side, .. } => gone.extend(side),
        ChangeKind::Fail { .. }
        | ChangeKind::AddParent { .. }
        | ChangeKind::Join { .. }
        | ChangeKind::Application { .. }
        | ChangeKind::Merge { .. }
        | ChangeKind::Rename => {}
    }
    gone
}
