//! Which messages count, and as what (M-rules): the first rule that applies ends it.
//!
//! ```text
//!   M3 older or newer life      M8  same view: exclude list, then dispatch
//!   M4 not in my view           M9  sender one view ahead: what did I miss?
//!   M5 isolated                 M10 sender one view behind: here is the Commit
//!   M6, M7 notices, outsiders   M11 ahead on another line: isolate   M12 older: stale
//! ```
//!
//! A stale message never causes an isolation; only facts that cannot become false do.

use super::cause::Cause;
use super::config::SetNote;
use super::state::{Inside, PROMISES, Phase, Promised};
use super::turn::Turn;
use crate::name::ViewNumber;
use crate::wire::coreset::{Body, Change, ChangeKind, CoreMessage, Life, Request, Wait};
use std::net::SocketAddrV4;

/// Messages whose sender expects us in its view.
fn is_active(body: &Body) -> bool {
    match body {
        Body::Initiate(_)
        | Body::MsgQuery(_)
        | Body::CoordFail { .. }
        | Body::Query { .. }
        | Body::Wait(Wait::Prev(_)) => true,
        Body::Reply { .. }
        | Body::Probe { .. }
        | Body::ProbeReply { .. }
        | Body::Ack { .. }
        | Body::Commit(_)
        | Body::CommitInitiate(..)
        | Body::Wait(_)
        | Body::Init { .. }
        | Body::Request(_)
        | Body::Refused { .. }
        | Body::Forward(_)
        | Body::StatsRequest { .. }
        | Body::Stats(_)
        | Body::Taken
        | Body::SyncRequest { .. }
        | Body::Sync { .. } => false,
    }
}

impl Inside {
    /// Who takes part in a change of our view (thesis IV.C.4): its members, a joiner, both sides of a Merge.
    pub fn participants(&self, change: &Change) -> Vec<SocketAddrV4> {
        match &change.kind {
            ChangeKind::Merge { views, .. } => {
                views.iter().flat_map(|v| v.addresses().collect::<Vec<_>>()).collect()
            }
            _ => {
                let joiner = change.joiner().filter(|j| !self.view.contains(*j));
                self.view.addresses().chain(joiner).collect()
            }
        }
    }

    /// Whether somebody outside of our view takes part in the current change.
    pub fn is_outsider(&self, who: SocketAddrV4) -> bool {
        !self.view.contains(who)
            && self.floor.as_ref().is_some_and(|c| self.participants(c).contains(&who))
    }

    /// Whether a message under another set's name is for us all the same.
    pub fn concerns(&self, m: &CoreMessage) -> bool {
        let forced = matches!(
            m.body,
            Body::Probe { force: true, .. } | Body::ProbeReply { force: true, .. }
        );
        forced || self.concerns_merge(m) || self.is_outsider(m.from.life.address)
    }

    /// An Initiate or a Commit of a Merge of our view that lists the sender.
    fn concerns_merge(&self, m: &CoreMessage) -> bool {
        let (Body::Initiate(change) | Body::Commit(change)) = &m.body else { return false };
        let ChangeKind::Merge { views, .. } = &change.kind else { return false };
        change.par.contains(&self.view.position)
            && views.iter().any(|v| v.contains(m.from.life.address))
    }
}

impl Turn<'_> {
    pub fn receive(&mut self, m: &CoreMessage) {
        let sender = m.from.life.address;
        if sender == self.own() {
            return self.ignore("own-message", sender);
        }
        let merge = self.at.concerns_merge(m);
        if m.name.base != self.at.view.name.base && !self.at.concerns(m) {
            return self.ignore("other-set", sender);
        }
        match &m.body {
            Body::Request(request) => {
                return self.on_request(m.from.life, m.level, request.clone());
            }
            Body::Probe { view, force } => return self.on_probe(m, view, *force, true),
            Body::ProbeReply { view, force } => return self.on_probe(m, view, *force, false),
            _ => {}
        }
        if let Some(member) = self.at.view.member(sender) {
            if m.from.life.inc < member.life.inc {
                return self.ignore("older-life", sender);
            }
            if m.from.life.inc > member.life.inc {
                return self.isolate(sender, Cause::NewLife { inc: m.from.life.inc });
            }
        } else if !self.is_outsider(sender) && !merge {
            return self.stranger(m);
        }
        if self.at.iso.contains(&sender) {
            return self.ignore("isolated", sender);
        }
        if let Body::Wait(Wait::Notice(position)) = &m.body {
            return match *position == self.at.view.position {
                true => self.on_notice(sender),
                false => self.ignore("old-notice", sender),
            };
        }
        if let Body::Forward(operations) = &m.body {
            return self.on_forward(sender, operations);
        }
        if !self.at.view.contains(sender) {
            return self.dispatch(m);
        }
        self.by_position(m)
    }

    /// The sender is not in our view, and never will be. If it coordinates a Merge that we follow it has gone on,
    /// with it or without: waiting longer would end as this does (C26).
    fn on_notice(&mut self, sender: SocketAddrV4) {
        let awaited = matches!(self.at.phase, Phase::Follow { coord, .. } if coord == sender);
        if awaited && !self.at.view.contains(sender) {
            return self.enter(Phase::Idle, "the other side's coordinator has gone on");
        }
        self.isolate(sender, Cause::NotInView);
    }

    /// M4: somebody who is not in our view.
    fn stranger(&mut self, m: &CoreMessage) {
        let sender = m.from.life.address;
        if !is_active(&m.body) {
            return self.ignore("stranger", sender);
        }
        match &self.at.prev {
            // It was removed by a Commit that it has not seen.
            Some(prev) if self.at.view.parents.contains(&m.position) => {
                let commit = Body::Commit(prev.clone());
                self.send(sender, commit);
            }
            _ => self.send(sender, Body::Wait(Wait::Notice(m.position))),
        }
    }

    fn by_position(&mut self, m: &CoreMessage) {
        let (sender, own) = (m.from.life.address, self.at.view.position);
        if m.position == own {
            let mine = self.at.view.member(self.own()).map(|m| m.gid);
            if mine.is_some_and(|gid| m.exclude.contains(&gid)) {
                return self.isolate(sender, Cause::ExcludesUs { message: m.body.name() });
            }
            self.at.pending.remove(&sender);
            return self.dispatch(m);
        }
        if m.parents.contains(&own) {
            return self.sender_ahead(m);
        }
        if self.at.view.parents.contains(&m.position) {
            return self.sender_behind(m);
        }
        if m.position.ahead(&own) {
            self.isolate(sender, Cause::OtherLine { position: m.position, reply: false });
            return self.send(sender, Body::Wait(Wait::Notice(m.position)));
        }
        match &m.body {
            Body::Reply { nonce, check: None }
                if self.at.watch.reply.left() > 0 && *nonce == self.at.watch.nonce =>
            {
                self.isolate(sender, Cause::OtherLine { position: m.position, reply: true });
            }
            body if is_active(body) && !self.at.hist.contains(&m.position) => {
                self.send(sender, Body::Wait(Wait::Notice(m.position)));
            }
            _ => self.ignore("stale", sender),
        }
    }

    /// M9: the sender is one view ahead.
    fn sender_ahead(&mut self, m: &CoreMessage) {
        let sender = m.from.life.address;
        match &m.body {
            Body::Commit(change) if change.par.contains(&self.at.view.position) => {
                self.on_commit(sender, change);
            }
            Body::CommitInitiate(change, next) if change.par.contains(&self.at.view.position) => {
                self.on_commit(sender, change);
                if self.at.view.position == m.position && self.over().is_none() {
                    self.on_initiate(sender, next);
                }
            }
            Body::Initiate(_) => match m.prev {
                Some(prev) => self.send(sender, Body::Wait(Wait::Prev(prev))),
                None => self.ignore("no-previous-change", sender),
            },
            _ => match m.prev {
                Some(prev) => self.send(sender, Body::MsgQuery(prev)),
                None => self.ignore("no-previous-change", sender),
            },
        }
    }

    /// M10: the sender is one view behind.
    fn sender_behind(&mut self, m: &CoreMessage) {
        let sender = m.from.life.address;
        let (true, Some(prev)) = (is_active(&m.body), self.at.prev.clone()) else {
            return self.ignore("from-behind", sender);
        };
        self.send(sender, Body::Commit(prev));
        if !matches!(m.body, Body::Wait(Wait::Prev(_))) {
            return;
        }
        let fresh = self.wait();
        let most = self.me.config.params.extensions;
        if let (Phase::Coord { wait, .. }, Some(floor)) = (&mut self.at.phase, &self.at.floor) {
            if wait.extended < most {
                *wait = super::state::Wait { extended: wait.extended + 1, ..fresh };
            }
            let initiate = Body::Initiate(floor.clone());
            self.send(sender, initiate);
        }
    }

    fn dispatch(&mut self, m: &CoreMessage) {
        let sender = m.from.life.address;
        let member = self.at.view.contains(sender) && m.position == self.at.view.position;
        match &m.body {
            Body::Initiate(change) => self.on_initiate(sender, change),
            Body::Ack { id, pending } => {
                let excluded = if member { self.excluded_by(m) } else { Vec::new() };
                self.on_ack(sender, id, *pending, &excluded);
            }
            Body::Commit(change) if change.par.contains(&self.at.view.position) => {
                self.on_commit(sender, change);
            }
            Body::Wait(wait) => self.on_wait(sender, wait),
            Body::MsgQuery(id) => self.on_msg_query(sender, id),
            Body::CoordFail { change, active, reply } if member => {
                let excluded = self.excluded_by(m);
                self.on_coord_fail(sender, change, (*active, *reply), &excluded);
            }
            Body::Query { nonce, check } if member => self.on_query(sender, *nonce, *check),
            Body::Reply { nonce, check } if member => self.on_reply(sender, *nonce, *check),
            // A repeated INIT for a view that we have.
            Body::Init { view, .. } if view.position == self.at.view.position => {
                if let Some(id) = self.at.prev.as_ref().map(|c| c.id) {
                    self.ack(sender, id);
                }
            }
            _ => self.ignore("not-for-this-view", sender),
        }
    }

    /// Members that the sender, who is at our position, excludes.
    fn excluded_by(&self, m: &CoreMessage) -> Vec<SocketAddrV4> {
        let view = &self.at.view;
        m.exclude.iter().filter_map(|gid| view.by_gid(*gid)).map(|m| m.life.address).collect()
    }

    pub fn refused(&mut self, why: &str) {
        self.note(SetNote::Refused { why: why.to_string() });
    }

    /// Whether a request concerns somebody who takes part in nothing yet.
    pub fn knows(&self, request: &Request) -> bool {
        self.at.requests.contains(request)
    }

    /// Remembers that we ACK a Merge: until it is dropped, or there is another view, it may be committed.
    pub fn promise(&mut self, change: &Change) {
        let Some(promised) = self.other_side(change) else { return };
        self.at.promised.push(promised);
        if self.at.promised.len() > PROMISES {
            self.at.promised.remove(0);
        }
    }

    /// What a Merge says of the other side.
    fn other_side(&self, change: &Change) -> Option<Promised> {
        let ChangeKind::Merge { views, .. } = &change.kind else { return None };
        let other = views.iter().find(|v| v.position != self.at.view.position)?;
        let others = other.members.iter().map(|m| m.life).collect();
        Some(Promised { id: change.id, others, num: other.position.num })
    }

    /// Whether a change names somebody from outside by an older life or view than a Merge does that we coordinate
    /// or have ACKed (S5). It does not matter whether we still wait for that Merge: others may commit it.
    pub fn is_stale(&self, change: &Change) -> bool {
        let current = self.at.floor.as_ref().filter(|_| self.is_live());
        let current = current.and_then(|floor| self.other_side(floor));
        let newer = |named: Life, num: Option<ViewNumber>| {
            current.iter().chain(&self.at.promised).any(|promised| {
                let known = promised.others.iter().find(|life| life.address == named.address);
                known.is_some_and(|life| {
                    // A joiner counts as older than any view.
                    let earlier = num.is_none_or(|num| promised.num.newer(num));
                    named.inc < life.inc || (named.inc == life.inc && earlier)
                })
            })
        };
        match &change.kind {
            ChangeKind::Join { member } | ChangeKind::AddParent { member } => {
                newer(member.life, None)
            }
            ChangeKind::Merge { .. } => self
                .other_side(change)
                .is_some_and(|other| other.others.iter().any(|life| newer(*life, Some(other.num)))),
            _ => false,
        }
    }
}
