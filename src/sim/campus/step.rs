//! One input at one node: what the process there does with it, and what becomes of that.

use super::event::{Copy, Fate, To, What};
use super::node::Datagram;
use super::plan::NodeId;
use super::speech::Speech;
use super::world::{Campus, Letter};
use crate::proto::mi::LocalEvent;
use crate::proto::note::{Note, SetNews};
use crate::proto::step::{Action, Input};
use crate::wire::group::Reason;
use std::net::SocketAddrV4;
use std::rc::Rc;

/// Datagrams read in one tick, or under way, beyond which messages only beget messages: a storm.
const STORM: usize = 20_000;
/// Old datagrams that are kept to be sent again.
const PAST: usize = 64;

impl Campus {
    /// Reads every datagram that is due.
    pub(super) fn read_due(&mut self) {
        let mut read = 0;
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let letter = entry.remove();
            self.read(letter);
            read += 1;
            if read > STORM || self.under_way.len() > STORM {
                let second = "messages beget messages without end".to_string();
                return self.broken("STORM", "everybody".to_string(), second);
            }
        }
    }

    /// A copy is read by the process that it finds, if it hears where it went.
    fn read(&mut self, letter: Letter) {
        let Letter { to, from, group, bytes } = letter;
        let node = &mut self.nodes[to];
        if node.process.is_none() || group.is_some_and(|group| !node.heard.contains(&group)) {
            return;
        }
        let via = Campus::via(group);
        if node.stopped {
            return node.keep(Datagram { via, from, bytes });
        }
        self.tick_node(to, self.now - 1);
        let actions = self.nodes[to].input(Input::Datagram { via, from, bytes: &bytes });
        self.perform(to, actions);
    }

    /// An input that is no datagram.
    pub(super) fn input(&mut self, node: NodeId, input: Input<'_>) {
        self.tick_node(node, self.now);
        let actions = self.nodes[node].input(input);
        self.perform(node, actions);
    }

    /// A process hears of the ticks up to `now`.
    pub(super) fn tick_node(&mut self, node: NodeId, now: u64) {
        let (actions, early) = self.nodes[node].tick(now);
        if let Some(early) = early {
            let name = &self.plan.sites()[node].name;
            let first = format!("{name} is due in {} ticks", early.due);
            self.broken("DUE", first, format!("acts after {}: {actions:?}", early.elapsed));
        }
        self.perform(node, actions);
    }

    /// Carries out what a process wants done.
    pub(super) fn perform(&mut self, node: NodeId, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { to, bytes } => self.send(node, to, bytes),
                Action::Hear { group, on: true } => {
                    self.nodes[node].heard.insert(group);
                }
                Action::Hear { group, on: false } => {
                    self.nodes[node].heard.remove(&group);
                }
                Action::KeepLife(inc) => {
                    let kept = &mut self.nodes[node].inc;
                    *kept = inc.max(*kept);
                }
                Action::Tell { client, event } => self.tell(client, event),
                Action::Note(Note::Set(SetNews::View(installed))) => {
                    self.tally.count("set views");
                    self.event(What::Installed { node, installed });
                }
                Action::Note(Note::Dropped { .. }) => self.tally.count("dropped"),
                Action::Done(_) => {
                    self.nodes[node].crash();
                    self.event(What::Process { node, fate: Fate::Ends });
                    self.orphan(node);
                }
                Action::Relay { .. } | Action::Note(_) | Action::Ready => {}
            }
        }
        self.look(node);
    }

    /// Shows the watch what a mserver knows.
    fn look(&mut self, node: NodeId) {
        let mut watch = std::mem::take(&mut self.registries);
        for known in self.knowledge_of(node) {
            watch.stepped(self.now, &self.plan, &known);
        }
        self.registries = watch;
    }

    fn tell(&mut self, client: u64, event: LocalEvent) {
        let Some(app) = usize::try_from(client).ok().filter(|app| *app < self.apps.len()) else {
            return self.broken("TELL", format!("client {client}"), format!("{event:?}"));
        };
        self.count_told(&event);
        // Who is gone hears nothing, but may be told all the same by a process that does not know yet.
        if self.apps[app].alive {
            self.members.told(client, self.now, &event);
        }
        self.event(What::Told { app, event });
    }

    fn count_told(&mut self, event: &LocalEvent) {
        self.tally.count(match event {
            LocalEvent::View { reason, .. } => match reason {
                Reason::Created => "created",
                Reason::Joined => "joined",
                Reason::Left => "left",
                Reason::Failed => "failed",
                Reason::Partitioned => "partitioned",
                Reason::Merged => "merged",
                Reason::Split => "split",
                Reason::Resync => "resynced",
                Reason::Terminated => "terminated",
            },
            LocalEvent::Out { reason: Reason::Terminated, .. } => "ended",
            LocalEvent::Out { .. } => "outs",
            LocalEvent::Refused { .. } => "refused",
            LocalEvent::ServerLost => "mservers lost",
            LocalEvent::Roster { .. } => "rosters",
            _ => return,
        });
    }

    fn send(&mut self, from: NodeId, to: SocketAddrV4, bytes: Vec<u8>) {
        let speech = Rc::new(Speech::of(&bytes));
        let bytes: Rc<[u8]> = bytes.into();
        let own = self.plan.sites()[from].address;
        self.remember(own, &bytes);
        let group = to.ip().is_multicast().then_some(to);
        let receivers: Vec<NodeId> = match group {
            Some(group) => {
                let hears =
                    |node: &NodeId| *node != from && self.nodes[*node].heard.contains(&group);
                (0..self.nodes.len()).filter(hears).collect()
            }
            None => self.plan.at(to).into_iter().collect(),
        };
        let mut copies = Vec::new();
        for to in receivers {
            let plan = Rc::clone(&self.plan);
            self.hush.sent(self.now, &plan, (from, to), &speech);
            let due = self.network.carry(self.now, from, to, &speech);
            self.tally.count(if due.is_empty() { "lost" } else { "datagrams" });
            for &due in &due {
                let bytes = match self.network.damaged(&bytes) {
                    Some(damaged) => {
                        self.tally.count("garbled");
                        damaged.into()
                    }
                    None => Rc::clone(&bytes),
                };
                self.post(due, Letter { to, from: own, group, bytes });
            }
            copies.push(Copy { to, due });
        }
        if self.log.is_some() {
            let to = match (group, self.plan.at(to)) {
                (Some(group), _) => To::Group(group),
                (None, Some(node)) => To::Node(node),
                (None, None) => To::Nobody(to),
            };
            self.event(What::Sent { from, to, speech, copies });
        }
    }

    /// Keeps a sample of what was sent, old and new.
    fn remember(&mut self, from: SocketAddrV4, bytes: &Rc<[u8]>) {
        if self.past.len() < PAST {
            self.past.push((from, Rc::clone(bytes)));
        } else if self.rng.chance(20) {
            let place = self.rng.below(PAST);
            self.past[place] = (from, Rc::clone(bytes));
        }
    }
}
