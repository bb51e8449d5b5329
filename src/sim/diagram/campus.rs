//! The event diagram of a campus: a lifeline for every node, the core in the middle, members at the sides.
//!
//! ```text
//!  tick  a1/1        a1          a           b           b1          b1/1
//!   20   (p3: join db)           |           |           |           |
//!   20   o-Submit--->|           |           |           |           |
//!   21   |           o-Submit--->|           |           |           |
//! ```
//!
//! Messages about groups are drawn, and those of core-sets that decide about them. When a copy is read is known when it is
//! sent, so an arrow is drawn to its end even if nobody is there any more.

use super::{Diagram, End, Layout, Mark};
use crate::proto::mi::{Ask, LocalCall, LocalEvent};
use crate::sim::campus::Campus;
use crate::sim::campus::event::{AppId, Event, Fate, To, What};
use crate::sim::campus::plan::{NodeId, Plan, Post};
use crate::sim::campus::speech::Speech;
use crate::sim::links::HostId;
use crate::sorted::Sorted as _;
use crate::wire::group::GroupBody;
use std::collections::BTreeMap;

impl Diagram {
    /// Of what happened on a campus.
    pub fn of_campus(campus: &Campus) -> Diagram {
        let order = order(campus.plan());
        let places: BTreeMap<NodeId, HostId> =
            order.iter().enumerate().map(|(place, node)| (*node, place)).sorted_map();
        let (layout, under_way) = (Layout::default(), BTreeMap::new());
        let mut drawing = Drawing { campus, places, layout, under_way };
        for (place, node) in order.iter().enumerate() {
            let name = campus.plan().sites()[*node].name.clone();
            drawing.layout.diagram.names.insert(place, name);
        }
        for (number, event) in (0..).zip(campus.events()) {
            drawing.arrivals(event.tick);
            drawing.add(number, event);
        }
        drawing.arrivals(u64::MAX);
        drawing.layout.finish()
    }
}

/// Finds a place for everything.
struct Drawing<'a> {
    campus: &'a Campus,
    places: BTreeMap<NodeId, HostId>,
    layout: Layout,
    /// Copies that will be read: when and by whom, in the order in which they were sent.
    under_way: BTreeMap<(u64, u64, HostId), ()>,
}

impl Drawing<'_> {
    /// What is read up to a tick.
    fn arrivals(&mut self, now: u64) {
        while let Some((&(tick, id, host), ())) = self.under_way.first_key_value() {
            if tick > now {
                break;
            }
            self.under_way.remove(&(tick, id, host));
            self.layout.arrive(tick, id, host, End::At);
        }
    }

    fn add(&mut self, number: u64, event: &Event) {
        let tick = event.tick;
        match &event.what {
            What::Story(text) => self.layout.story(tick, text),
            What::Process { node, fate } => {
                let mark = match fate {
                    Fate::Starts(_) => Mark::Starts,
                    Fate::Crashes | Fate::Ends => Mark::Ends,
                    Fate::Stops => Mark::Stops(true),
                    Fate::Continues => Mark::Stops(false),
                    Fate::Leaves => Mark::Told("shall leave".to_string()),
                };
                self.layout.mark(tick, self.places[node], mark);
            }
            What::Sent { from, to, speech, copies } if speech.is_of_groups() => {
                let lost = copies.iter().filter(|copy| copy.due.is_empty());
                let lost = lost.map(|copy| self.places[&copy.to]).collect();
                let from = (self.places[from], matches!(to, To::Group(_)));
                self.layout.sent((tick, number), from, label(speech), lost);
                for copy in copies {
                    let host = self.places[&copy.to];
                    self.under_way.extend(copy.due.iter().map(|due| ((*due, number, host), ())));
                }
            }
            What::Called { app, call } => self.told(tick, *app, called(call)),
            What::Told { app, event } => self.told(tick, *app, heard(event)),
            What::Gone { app } => self.told(tick, *app, Some("gone".to_string())),
            What::Sent { .. } | What::Installed { .. } => {}
        }
    }

    fn told(&mut self, tick: u64, app: AppId, what: Option<String>) {
        let Some(what) = what else { return };
        let host = self.places[&self.campus.node_of(app)];
        self.layout.mark(tick, host, Mark::Told(format!("p{}: {what}", app + 1)));
    }
}

fn called(call: &LocalCall) -> Option<String> {
    let group = call.group;
    Some(match &call.ask {
        Ask::Join { .. } => format!("join {group}"),
        Ask::Leave { .. } => format!("leave {group}"),
        Ask::Merge { .. } => format!("merge {group}"),
        Ask::Split { .. } => format!("split {group}"),
        Ask::View => format!("view {group}"),
        Ask::Alive { .. } => return None,
    })
}

fn heard(event: &LocalEvent) -> Option<String> {
    Some(match event {
        LocalEvent::View { key, term, number, size, .. } => {
            format!("{key} {term}.{number} of {size}")
        }
        LocalEvent::Out { .. } => "out".to_string(),
        LocalEvent::Refused { .. } => "refused".to_string(),
        LocalEvent::ServerLost => "mserver lost".to_string(),
        LocalEvent::ServerFound => "mserver found".to_string(),
        _ => return None,
    })
}

/// The name of a message in the thesis's spelling, and its view where it has one.
fn label(speech: &Speech) -> String {
    let name = match speech.name() {
        "ACK" => "ACK".to_string(),
        "MSG_QUERY" => "Msg_Query".to_string(),
        name => {
            let (first, rest) = name.split_at(1);
            format!("{first}{}", rest.to_lowercase())
        }
    };
    match speech {
        Speech::Group(message) => match &message.body {
            GroupBody::Direct(direct) => format!("{name} {}.{}", direct.term, direct.number),
            GroupBody::Got { term, number, .. } => format!("{name} {term}.{number}"),
            _ => name,
        },
        _ => name,
    }
}

/// The nodes from left to right: the first half of the tree with parents behind their children, the rest the other way
/// round.
fn order(plan: &Plan) -> Vec<NodeId> {
    let levels = plan.sets();
    let Some((top, _)) = levels.iter().max_by_key(|(_, level)| *level) else {
        return Vec::new();
    };
    let tops = peers(plan, |set| set == top);
    let mut all = Vec::new();
    let left = tops.len().div_ceil(2);
    tops[..left].iter().for_each(|node| walk(plan, *node, true, &mut all));
    tops[left..].iter().for_each(|node| walk(plan, *node, false, &mut all));
    all
}

fn peers(plan: &Plan, so: impl Fn(&crate::name::GroupName) -> bool) -> Vec<NodeId> {
    let of = |node: &NodeId| match &plan.sites()[*node].post {
        Post::Mserver { set, .. } => so(set),
        Post::Mi { .. } => false,
    };
    plan.mservers().filter(of).collect()
}

fn walk(plan: &Plan, node: NodeId, left: bool, all: &mut Vec<NodeId>) {
    // One that stands by stands where it is; the children are the first parent's.
    let children: Vec<NodeId> = match &plan.sites()[node].post {
        Post::Mserver { child: Some(child), .. } => peers(plan, |set| set == child),
        _ => plan.below(node).collect(),
    };
    let fresh: Vec<NodeId> = children.into_iter().filter(|child| !all.contains(child)).collect();
    if !left {
        all.push(node);
    }
    fresh.into_iter().for_each(|child| walk(plan, child, left, all));
    if left {
        all.push(node);
    }
}
