//! Event diagrams, in the manner of the thesis's Figures 21 to 28: a lifeline for every host, time
//! downwards, an arrow for every message, a small circle where one is multicast, a box for a view.
//!
//! ```text
//!  tick  0              1              2
//!    1   o--Initiate--->|------------->|
//!    2   |<--------ACK--o              |
//!    2   |<-------------|---------ACK--o
//!    3   [8: 0 1 2]     |              |
//! ```
//!
//! A place is a tick and a slot in it: what happens at one host in one tick is drawn one below the
//! other, and a message never arrives above the place where it was sent. Ticks in which nothing is
//! seen take no room. Monitoring and probing are left out unless they are asked for.

mod campus;
mod svg;
mod text;

use super::event::{Event, Fate, What};
use super::kind::Kind;
use super::links::HostId;
use super::transcript::{Names, host as host_of};
use crate::proto::coreset::SetNote;
use crate::wire::coreset::{Body, ChangeKind, CoreMessage, Request, Wait};
use std::collections::{BTreeMap, BTreeSet};

/// Where something is drawn: a tick, and a slot in it.
pub(super) type Place = (u64, usize);

/// How an arrow ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The message is read.
    At(Place),
    /// It is lost.
    Lost,
    /// It finds nobody.
    Unheard(Place),
}

/// One copy of a message.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    pub to: HostId,
    pub end: End,
}

/// A message, with an arrow for each copy.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    pub from: HostId,
    pub at: Place,
    pub group: bool,
    pub label: String,
    pub arrows: Vec<Arrow>,
}

impl Fan {
    /// A multicast that somebody may hear goes to nobody where nobody lives.
    fn forget_the_dead(&mut self) {
        let unheard = |arrow: &Arrow| matches!(arrow.end, End::Unheard(_));
        if self.group && !self.arrows.iter().all(unheard) {
            self.arrows.retain(|arrow| !unheard(arrow));
        }
    }
}

/// Something on a lifeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// A view.
    View(String),
    /// It ceases to communicate with others.
    Isolates(Vec<HostId>),
    /// It enters a phase.
    Phase(&'static str),
    /// It starts.
    Starts,
    /// It is gone: crashed, or out.
    Ends,
    /// It is not run, or run again.
    Stops(bool),
    /// An application there calls, or is told something.
    Told(String),
}

/// What a diagram shows.
#[derive(Clone, Debug, Default)]
pub struct Diagram {
    hosts: Vec<HostId>,
    /// What hosts are called that have more than a number.
    names: BTreeMap<HostId, String>,
    fans: Vec<Fan>,
    marks: Vec<(HostId, Place, Mark)>,
    stories: Vec<(Place, String)>,
}

impl Diagram {
    /// Of the two-phase protocol: without monitoring and probing.
    pub fn new(events: &[Event]) -> Diagram {
        Diagram::of(events, Kind::changes)
    }

    /// Of the kinds of message that `shown` says.
    pub fn of(events: &[Event], shown: impl Fn(Kind) -> bool) -> Diagram {
        let mut layout = Layout::default();
        for event in events {
            layout.add(event, &shown);
        }
        layout.finish()
    }

    /// All ticks in which something is drawn, and how many slots each has.
    pub(super) fn ticks(&self) -> BTreeMap<u64, usize> {
        let mut ticks = BTreeMap::new();
        let mut see = |(tick, slot): Place| {
            let slots = ticks.entry(tick).or_insert(0);
            *slots = (*slots).max(slot + 1);
        };
        for fan in &self.fans {
            see(fan.at);
            for arrow in &fan.arrows {
                if let End::At(at) | End::Unheard(at) = arrow.end {
                    see(at);
                }
            }
        }
        self.marks.iter().for_each(|(_, at, mark)| {
            if !matches!(mark, Mark::Phase(_)) {
                see(*at);
            }
        });
        self.stories.iter().for_each(|(at, _)| see(*at));
        ticks
    }
}

/// Finds a place for everything.
#[derive(Default)]
struct Layout {
    diagram: Diagram,
    names: Names,
    seen: BTreeSet<HostId>,
    /// Tick and last used slot of each host, and whether a message or a box stands there.
    last: BTreeMap<HostId, (u64, usize, bool)>,
    /// The first slot below all remarks.
    free: Place,
    /// Where in `fans` the messages are.
    fans: BTreeMap<u64, usize>,
}

impl Layout {
    fn add(&mut self, event: &Event, shown: &impl Fn(Kind) -> bool) {
        let tick = event.tick;
        match &event.what {
            What::Story(text) => self.story(tick, text),
            What::Process { host, fate } => {
                let mark = match fate {
                    Fate::Starts(_) => Mark::Starts,
                    Fate::Crashes => Mark::Ends,
                    Fate::Stops => Mark::Stops(true),
                    Fate::Continues => Mark::Stops(false),
                };
                self.mark(tick, *host, mark);
            }
            What::Sent { id, from, group, message, copies } if shown(Kind::of(message)) => {
                let label = self.label(message);
                let lost = copies.iter().filter(|copy| copy.due.is_empty()).map(|copy| copy.to);
                self.sent((tick, *id), (*from, *group), label, lost.collect());
            }
            What::Arrived { id, host } => self.arrive(tick, *id, *host, End::At),
            What::Unheard { id, host } => self.arrive(tick, *id, *host, End::Unheard),
            What::Sent { .. } => {}
            What::Installed { host, view, .. } => {
                // Below the arrow that brought it.
                if let Some((at, _, taken)) = self.last.get_mut(host) {
                    *taken |= *at == tick;
                }
                let mark = Mark::View(self.names.view(view));
                self.mark(tick, *host, mark);
            }
            What::Out { host, .. } => self.mark(tick, *host, Mark::Ends),
            What::Note { host, note } => self.note(tick, *host, note),
        }
    }

    fn finish(mut self) -> Diagram {
        self.diagram.hosts = self.seen.into_iter().collect();
        self.diagram.fans.iter_mut().for_each(Fan::forget_the_dead);
        self.diagram
    }

    fn story(&mut self, tick: u64, text: &str) {
        let slots = self.last.values().filter(|(at, ..)| *at == tick);
        let slot = slots.map(|(_, slot, _)| slot + 1).max().unwrap_or(0);
        // Remarks that follow one another stand together.
        let slot = match self.free {
            (at, free) if at == tick && slot < free => free - 1,
            _ => slot,
        };
        self.diagram.stories.push(((tick, slot), text.to_string()));
        self.free = (tick, slot + 1);
    }

    fn sent(
        &mut self,
        (tick, id): (u64, u64),
        (from, group): (HostId, bool),
        label: String,
        lost: Vec<HostId>,
    ) {
        let at = self.below(tick, from);
        let arrows = lost.into_iter().map(|to| Arrow { to, end: End::Lost }).collect();
        self.seen.insert(from);
        self.fans.insert(id, self.diagram.fans.len());
        self.diagram.fans.push(Fan { from, at, group, label, arrows });
    }

    fn note(&mut self, tick: u64, host: HostId, note: &SetNote) {
        match note {
            SetNote::Isolated { who, .. } => {
                let who = host_of(*who);
                if let Some((at, (of, _), Mark::Isolates(list))) = self.diagram.marks.last_mut()
                    && (*at, *of) == (host, tick)
                {
                    return list.push(who);
                }
                self.mark(tick, host, Mark::Isolates(vec![who]));
            }
            SetNote::Phase { to, .. } => {
                let at = self.beside(tick, host);
                self.diagram.marks.push((host, at, Mark::Phase(to)));
            }
            SetNote::Ignored { .. } | SetNote::Refused { .. } | SetNote::Founded { .. } => {}
        }
    }

    fn arrive(&mut self, tick: u64, id: u64, host: HostId, end: impl Fn(Place) -> End) {
        let Some(fan) = self.fans.get(&id).copied() else { return };
        let sent = self.diagram.fans[fan].at;
        let (_, mut slot) = self.below(tick, host);
        if sent.0 == tick {
            slot = slot.max(sent.1 + 1);
        }
        self.last.insert(host, (tick, slot, false));
        self.seen.insert(host);
        let arrow = Arrow { to: host, end: end((tick, slot)) };
        self.diagram.fans[fan].arrows.push(arrow);
    }

    fn mark(&mut self, tick: u64, host: HostId, mark: Mark) {
        let at = self.below(tick, host);
        self.seen.insert(host);
        self.diagram.marks.push((host, at, mark));
    }

    /// The next free place of a host, now taken. Where a message just arrived, one more thing may
    /// stand: what it caused.
    fn below(&mut self, tick: u64, host: HostId) -> Place {
        let free = if self.free.0 == tick { self.free.1 } else { 0 };
        let slot = match self.last.get(&host) {
            Some((at, slot, taken)) if *at == tick => slot + usize::from(*taken),
            _ => 0,
        };
        let slot = slot.max(free);
        self.last.insert(host, (tick, slot, true));
        (tick, slot)
    }

    /// The last place of a host, which takes no room.
    fn beside(&self, tick: u64, host: HostId) -> Place {
        match self.last.get(&host) {
            Some((at, slot, _)) if *at == tick => (tick, *slot),
            _ => (tick, 0),
        }
    }

    /// The name of a message in the thesis's spelling, and its change where that is not plain.
    fn label(&mut self, message: &CoreMessage) -> String {
        let name = match Kind::of(message) {
            Kind::Query => "Query",
            Kind::Reply => "Reply",
            Kind::Probe => "Probe",
            Kind::ProbeReply => "Probe reply",
            Kind::Initiate => "Initiate",
            Kind::Ack => "ACK",
            Kind::Commit | Kind::CommitInitiate => "Commit",
            Kind::Wait => "Wait",
            Kind::MsgQuery => "Msg_Query",
            Kind::CoordFail => "Coord_Fail",
            Kind::Init => "Init",
            Kind::JoinReq => "Join_req",
            Kind::Request => match &message.body {
                Body::Request(Request::Leave(_)) => "Leave_req",
                Body::Request(Request::Split { .. }) => "Split_req",
                Body::Request(Request::Merge { .. }) => "Merge_req",
                Body::Request(Request::AddParent(_)) => "Add_par_req",
                _ => "Del_par_req",
            },
            Kind::Refused => "Error",
            Kind::Forward => "Forward",
            Kind::Stats => "Stats",
        };
        match &message.body {
            Body::Initiate(change)
            | Body::Commit(change)
            | Body::CoordFail { change, reply: false, .. }
            | Body::Wait(Wait::Current(change) | Wait::Floor(change)) => {
                format!("{name} {}", self.short(&change.kind))
            }
            Body::CommitInitiate(one, two) => {
                let (one, two) = (self.short(&one.kind), self.short(&two.kind));
                format!("{name} {one}, Initiate {two}")
            }
            Body::Wait(Wait::Notice(_)) => format!("{name} notice"),
            Body::Wait(Wait::Prev(_)) => format!("{name} prev"),
            Body::Wait(Wait::Dropped(_)) => format!("{name} dropped"),
            _ => name.to_string(),
        }
    }

    fn short(&mut self, kind: &ChangeKind) -> String {
        match kind {
            ChangeKind::Merge { .. } => "Merge".to_string(),
            other => self.names.kind(other),
        }
    }
}
