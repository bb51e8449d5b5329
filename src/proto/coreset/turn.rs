//! One input's turn at a member: what all rules use.

use super::cause::Cause;
use super::config::{SetAction, SetInput, SetNote};
use super::partition::{EAGER, EAGER_FOR_LOST};
use super::state::{DEPARTED, HISTORY, Inside, Me, Phase, Wait};
use super::view::Applied;
use crate::name::Gid;
use crate::proto::timer::Countdown;
use crate::wire::coreset::{
    Body, Change, ChangeKind, CoreMessage, Member, Operation, Request, View,
};
use std::net::SocketAddrV4;

/// A member, and where its actions go.
pub(super) struct Turn<'a> {
    pub me: &'a mut Me,
    pub at: &'a mut Inside,
    out: &'a mut Vec<SetAction>,
    over: Option<bool>,
}

impl<'a> Turn<'a> {
    pub fn new(me: &'a mut Me, at: &'a mut Inside, out: &'a mut Vec<SetAction>) -> Turn<'a> {
        Turn { me, at, out, over: None }
    }

    /// Whether the member is in no view any more: because it asked for it?
    pub fn over(&self) -> Option<bool> {
        self.over
    }

    /// One input, up to the point where requests are served.
    pub fn take(&mut self, input: SetInput<'_>) {
        match input {
            SetInput::Message(message) => self.receive(message),
            SetInput::Tick { elapsed } => self.tick(elapsed),
            SetInput::Submit(bytes) => self.submit(bytes),
            SetInput::Now(bytes) => self.now(bytes),
            SetInput::InStep(in_step) => self.me.in_step = Some(in_step),
            SetInput::Request(request) => self.ask(request),
            SetInput::Leave => self.drain(),
        }
    }

    /// In no view any more.
    pub fn end(&mut self, asked: bool) {
        self.over = Some(asked);
    }

    pub fn own(&self) -> SocketAddrV4 {
        self.me.config.own
    }

    pub fn own_rank(&self) -> Option<crate::name::Rank> {
        self.at.view.rank(self.own())
    }

    /// A wait that begins now.
    pub fn wait(&self) -> Wait {
        let params = &self.me.config.params;
        Wait { timer: Countdown::after(params.reply), retries: params.retries, extended: 0 }
    }

    pub fn note(&mut self, note: SetNote) {
        self.out.push(SetAction::Note(note));
    }

    pub fn ignore(&mut self, why: &'static str, from: SocketAddrV4) {
        self.note(SetNote::Ignored { why, from });
    }

    /// The only writer of the phase.
    pub fn enter(&mut self, phase: Phase, why: &'static str) {
        let from = self.at.phase.name();
        let to = phase.name();
        let change = match phase {
            Phase::Idle => None,
            _ => self.at.floor.as_ref().map(|c| c.id),
        };
        self.at.phase = phase;
        self.note(SetNote::Phase { from, to, why, change });
    }

    /// Whether a change is current.
    pub fn is_live(&self) -> bool {
        self.at.phase != Phase::Idle
    }

    /// Members that we communicate with, ourselves not.
    pub fn others(&self) -> Vec<SocketAddrV4> {
        let own = self.own();
        self.at.view.addresses().filter(|a| *a != own && !self.at.iso.contains(a)).collect()
    }

    /// The best-ranked member that we communicate with.
    pub fn leader(&self) -> Option<SocketAddrV4> {
        self.at.view.addresses().find(|a| !self.at.iso.contains(a))
    }

    pub fn leads(&self) -> bool {
        self.leader() == Some(self.own())
    }

    /// A message under our view.
    pub fn message(&self, body: Body) -> CoreMessage {
        let prev = self.at.prev.as_ref().map(|c| c.id);
        let mut message = message_in(&self.at.view, self.me, body);
        message.prev = prev;
        message.exclude = self.excluded();
        message
    }

    /// The exclude list of our messages: gids of the isolated, and of those that the current change removes.
    fn excluded(&self) -> Vec<Gid> {
        let mut addresses = self.at.iso.clone();
        let live = self.is_live();
        let floor = self.at.floor.as_ref().filter(|_| live);
        addresses.extend(floor.iter().flat_map(|c| c.excl.iter().copied()));
        let view = &self.at.view;
        addresses.iter().filter_map(|a| view.member(*a)).map(|m| m.gid).collect()
    }

    pub fn send(&mut self, to: SocketAddrV4, body: Body) {
        let message = self.message(body);
        self.send_as(to, message);
    }

    pub fn send_as(&mut self, to: SocketAddrV4, message: CoreMessage) {
        if to != self.own() {
            self.out.push(SetAction::Send { to, message });
        }
    }

    pub fn multicast(&mut self, body: Body) {
        let message = self.message(body);
        self.multicast_message(message);
    }

    pub fn multicast_message(&mut self, message: CoreMessage) {
        self.out.push(SetAction::Multicast(message));
    }

    /// To everybody whom `change` concerns: by multicast, and singly to those who do not hear our group.
    pub fn multicast_as(&mut self, change: &Change, message: CoreMessage) {
        let outside = self.deaf(change);
        self.multicast_message(message.clone());
        for to in outside {
            self.send_as(to, message.clone());
        }
    }

    /// Participants that do not hear our group: a joiner, and the other side of a Merge if its name is another.
    fn deaf(&self, change: &Change) -> Vec<SocketAddrV4> {
        let base = self.at.view.name.base;
        match &change.kind {
            ChangeKind::Merge { views, .. } => views
                .iter()
                .filter(|v| v.name.base != base)
                .flat_map(|v| v.addresses().collect::<Vec<_>>())
                .collect(),
            _ => change.joiner().into_iter().collect(),
        }
    }

    /// Who takes part in a change of our view (thesis IV.C.4): its members, a joiner, both sides of a Merge.
    pub fn participants(&self, change: &Change) -> Vec<SocketAddrV4> {
        self.at.participants(change)
    }

    /// Whether somebody outside of our view takes part in the current change.
    pub fn is_outsider(&self, who: SocketAddrV4) -> bool {
        self.at.is_outsider(who)
    }

    /// Ceases to communicate with a member; what follows depends on what it was to us.
    pub fn isolate(&mut self, who: SocketAddrV4, cause: Cause) {
        if who == self.own() || !self.at.view.contains(who) || !self.at.iso.insert(who) {
            return;
        }
        self.tell_isolated(who, cause);
        self.at.pending.remove(&who);
        let merge = self.at.floor.as_ref().is_some_and(Change::is_merge);
        match &mut self.at.phase {
            Phase::Coord { .. } if merge => self.drop_change("a member of ours is isolated"),
            Phase::Coord { acks, .. } => {
                acks.remove(&who);
                if let Some(floor) = &mut self.at.floor
                    && let Err(place) = floor.excl.binary_search(&who)
                {
                    floor.excl.insert(place, who);
                }
                self.check_done();
            }
            Phase::Follow { coord, .. } if *coord == who => self.elect(None),
            Phase::Elect { heard, .. } => {
                heard.remove(&who);
                self.check_elect();
            }
            Phase::Follow { .. } | Phase::Idle => {}
        }
    }

    /// What `change` makes of our view for the member at `me`.
    pub fn applied(&self, change: &Change, me: SocketAddrV4) -> Applied {
        self.at.view.apply(change, me, self.me.config.params.remember as usize)
    }

    pub fn tell_isolated(&mut self, who: SocketAddrV4, cause: Cause) {
        self.note(SetNote::Isolated { who, why: cause.word(), cause });
    }

    /// Installs what `change` makes of our view.
    pub fn install(&mut self, change: Change) {
        let applied = self.applied(&change, self.own());
        let from = self.at.view.position;
        if !applied.view.contains(self.own()) {
            let asked =
                matches!(change.kind, ChangeKind::Leave { .. } | ChangeKind::DelParent { .. });
            let wanted = self.at.leaving.is_some() || self.at.draining.left() > 0;
            self.over = Some(asked || wanted);
            // The next life must not be one that the others may have forgotten, or it would not last either.
            let forgotten = applied.view.forgotten().unwrap_or_default();
            self.me.inc = self.me.inc.max(forgotten);
            return;
        }
        self.remember_removed(&change, &applied.view);
        self.at.hist.push_back(from);
        if self.at.hist.len() > HISTORY {
            self.at.hist.pop_front();
        }
        let physical = applied.view.position.num != from.num;
        if change.is_merge() {
            // What an operator wanted is done, or will be asked for again.
            self.at.merges.clear();
            // What the other side agreed on the layer above has to get first.
            self.me.keep_step(false);
        }
        self.settle(applied.view);
        self.after_batch(&change, &applied.operations, physical);
        self.at.prev = Some(change.clone());
        self.at.floor = None;
        self.at.known = false;
        self.at.promised.clear();
        self.at.sweep = false;
        self.at.stagger = None;
        self.restart_watch();
        self.enter(Phase::Idle, "installed");
        self.tell_installed(Some(from), Some(change), applied.operations);
    }

    pub fn tell_installed(
        &mut self,
        from: Option<crate::wire::coreset::Position>,
        change: Option<Change>,
        applied: Vec<Operation>,
    ) {
        let view = self.at.view.clone();
        self.out.push(SetAction::Installed { view, from, change, applied });
    }

    /// What local knowledge the members leave behind that the change removes.
    fn remember_removed(&mut self, change: &Change, new: &View) {
        let params = self.me.config.params;
        let went_away = |who: SocketAddrV4| match &change.kind {
            ChangeKind::Leave { who: leaver } => who == *leaver,
            ChangeKind::DelParent { who: parent } => who == *parent,
            ChangeKind::Split { side, .. } => {
                side.contains(&who) != side.contains(&self.me.config.own)
            }
            _ => false,
        };
        let removed: Vec<Member> = self
            .at
            .view
            .members
            .iter()
            .filter(|m| !new.contains(m.life.address))
            .copied()
            .collect();
        for member in removed {
            let Member { life, .. } = member;
            let gone = self.at.gone.entry(life.address).or_default();
            *gone = life.inc.max(*gone);
            self.at.departed.retain(|(who, _)| *who != life.address);
            self.at.departed.push_back((life.address, member.gid));
            if self.at.departed.len() > DEPARTED {
                self.at.departed.pop_front();
            }
            if change.excl.contains(&life.address) && !went_away(life.address) {
                let time = (params.merge > 0).then_some(params.merge);
                self.at.lost.insert(life.address, time);
                self.at.eager = params.probe.saturating_mul(EAGER_FOR_LOST);
            }
        }
        if matches!(change.kind, ChangeKind::Rename) {
            self.at.lost.clear();
        }
        self.judge_merge(change);
    }

    /// Takes a new view, and forgets what it settles.
    fn settle(&mut self, view: View) {
        let at = &mut *self.at;
        at.lost.retain(|who, _| !view.contains(*who));
        at.iso.retain(|who| view.contains(*who));
        at.pending.retain(|who, _| view.contains(*who));
        at.requests.retain(|request| is_open(request, &view));
        at.forwarded.retain(|life, _| view.members.iter().any(|m| m.life == *life));
        at.meet = at.meet.filter(|who| !view.contains(*who));
        at.view = view;
    }

    fn restart_watch(&mut self) {
        let params = self.me.config.params;
        self.at.watch.query = Countdown::after(params.query);
        self.at.watch.reply = Countdown::OFF;
        self.at.silent.clear();
        self.at.eager = self.at.eager.max(params.probe.saturating_mul(EAGER));
        self.at.probe = Countdown::after(self.probe_period());
    }
}

/// Whether a request still wants something of that view.
pub(super) fn is_open(request: &Request, view: &View) -> bool {
    let same = |life: &crate::wire::coreset::Life| {
        view.member(life.address).map(|m| m.life.inc.cmp(&life.inc))
    };
    match request {
        Request::Join(life) => same(life).is_none_or(std::cmp::Ordering::is_lt),
        Request::Leave(life) => same(life).is_some_and(std::cmp::Ordering::is_eq),
        Request::Split { side, .. } => {
            let stays = view.addresses().any(|a| !side.contains(&a));
            !side.is_empty() && stays && side.iter().all(|a| view.contains(*a))
        }
        Request::AddParent(life) => {
            // A parent that comes back in a new life takes its former one's place.
            let place = view.parent.is_none_or(|parent| parent == life.address);
            place && same(life).is_none_or(std::cmp::Ordering::is_lt)
        }
        Request::DelParent => view.parent.is_some(),
        Request::Merge { .. } => false,
    }
}

/// A message under a view that need not be installed here (yet).
pub(super) fn message_in(view: &View, me: &Me, body: Body) -> CoreMessage {
    let gid = view.member(me.config.own).map_or(Gid::NONE, |m| m.gid);
    CoreMessage {
        name: view.name,
        from: Member { gid, life: me.life() },
        level: view.level,
        position: view.position,
        parents: view.parents.clone(),
        prev: None,
        exclude: Vec::new(),
        body,
    }
}
