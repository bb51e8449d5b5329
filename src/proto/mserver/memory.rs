//! What is remembered for people: who was isolated or removed, by whom, of what (`ms why`).
//!
//! A bounded list, the oldest forgotten first. Times are ticks, as all time is here; whoever shows them knows
//! how long a tick is.

use crate::wire::coreset::{Change, ChangeKind, View};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddrV4;

/// Events that are kept.
const KEPT: usize = 512;

/// One event.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Event {
    tick: u64,
    who: SocketAddrV4,
    what: String,
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
    pub fn isolated(&mut self, who: SocketAddrV4, why: &str) {
        self.keep(who, format!("isolated here: {why}"));
    }

    /// A view was installed; whom the change removed is not in it.
    pub fn installed(&mut self, view: &View, change: Option<&Change>) {
        let Some(change) = change else { return };
        let (set, num) = (view.name, view.position.num);
        let coord = change.id.coord.address;
        for who in removed_by(change).into_iter().filter(|who| !view.contains(*who)) {
            let what = format!(
                "removed from set {set} with view {num} by {change}, which {coord} coordinated"
            );
            self.keep(who, what);
        }
    }

    fn keep(&mut self, who: SocketAddrV4, what: String) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Event { tick: self.now, who, what });
    }

    /// What there is about an address, the oldest first.
    pub fn about(&self, who: SocketAddrV4) -> Value {
        let events = self.events.iter().filter(|event| event.who == who);
        let events: Vec<Value> = events
            .map(|event| json!({"ticks_ago": self.now - event.tick, "what": event.what}))
            .collect();
        json!({"about": who.to_string(), "events": events})
    }
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
