//! Where a request goes next, and its answer on the way back (Figures 38 to 45).
//!
//! ```text
//!   SUBMIT ──> what does the side below know of the group? ── core: agree on it there, or carry it up first
//!                 └─ nothing ──> our peers? ── core: agree on it; below one of them: on to that one
//!                       └─ nothing ──> to the parent; where the scope or the hierarchy ends: reserve the name, or refuse
//!
//!   Reliable_receive at every hop:   SUBMIT ──> lost        MSG_QUERY ──> WAIT: it is on its way
//!                                    MSG_QUERY ──> ERROR: unheard of ──> SUBMIT again, by the way that is right now
//! ```
//!
//! A request has one id from end to end, so that it may be sent twice at every hop; each hop remembers whom to give
//! the answer to.

use super::answer::What;
use super::loss::Chore;
use super::{CREATE, GroupOut, Groups};
use crate::name::GroupName;
use crate::proto::group::{Registry, Role};
use crate::proto::mserver::Side;
use crate::proto::timer::Countdown;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, GroupBody, GroupKey, GroupOp, MAX_PATH, Mode, Refusal, Request, RequestId, Scope, Way,
    named,
};
use std::net::SocketAddrV4;

/// Requests that pass through a mserver at a time; more are not taken, and come again.
const UNDER_WAY: usize = 65_536;
/// A hop that says it is still at it is asked again after so many T_REPLY.
pub(super) const PATIENCE: u32 = 8;

/// A request that passes through here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    /// As it came; its path is that from us down if it came from below, or that in the set of our peers.
    pub request: Request,
    /// Whom the answer goes to: ourselves, if it is our own.
    pub from: SocketAddrV4,
    /// It came from our subtree.
    pub below: bool,
    pub way: Way,
    pub step: Step,
    pub wait: Countdown,
    pub left: u32,
    /// Ticks since it was last asked about: who does not ask any more has its answer from elsewhere.
    pub silent: u32,
}

/// How far a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// It waits for something to become clear, and looks again then.
    Held,
    /// The core comes up because of it.
    Raising,
    /// It is with another mserver.
    At(SocketAddrV4),
    /// It is being agreed on.
    Proposed(Side),
}

/// Where a request goes.
enum Route {
    Hold,
    Drop,
    Refuse(Refusal),
    To(SocketAddrV4, Way, Vec<SocketAddrV4>),
    Agree(Side, Proposal, Vec<SocketAddrV4>),
    Raise(GroupKey),
}

/// As what a request is agreed on.
enum Proposal {
    Call,
    Reserve,
    Create,
    Claim,
}

impl Groups {
    /// A request of our own, or in the name of a member interface that is gone.
    /// `registration`: which one it is about, or 0.
    pub(super) fn ask(
        &mut self,
        key: &GroupKey,
        registration: u32,
        call: Call,
        out: &mut Vec<GroupOut>,
    ) {
        self.requests += 1;
        let id = RequestId { origin: self.me, number: self.requests };
        let ours = self.pending.keys().filter(|other| other.origin == self.me);
        let oldest = ours.map(|other| other.number).min().unwrap_or(id.number);
        let (group, reach) = (key.called(), self.reach_of(key));
        let path = Vec::new();
        let request = Request { id, oldest, registration, group, reach, call, path };
        self.enter(request, (self.own(), true, Way::Search), out);
    }

    fn enter(
        &mut self,
        request: Request,
        (from, below, way): (SocketAddrV4, bool, Way),
        out: &mut Vec<GroupOut>,
    ) {
        let (id, step, wait) = (request.id, Step::Held, Countdown::OFF);
        let left = self.params.retries;
        self.pending.insert(id, Pending { request, from, below, way, step, wait, left, silent: 0 });
        self.dispatch(id, out);
    }

    pub(super) fn on_submit(
        &mut self,
        from: SocketAddrV4,
        mut request: Request,
        way: Way,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let guest = self.lan.as_ref().is_some_and(|lan| lan.is_guest(from));
        let below = self.is_below(from);
        if !below && !self.is_in(Side::Peer, from) {
            return Err("stranger");
        }
        if guest && (request.id.origin.address != from || !request.path.is_empty()) {
            return Err("not-its-own-request");
        }
        if guest && !is_about(&request.call, request.id.origin) {
            return Err("not-its-own-member");
        }
        if request.path.len() >= MAX_PATH {
            return Err("path-too-long");
        }
        if let Some(lan) = self.lan.as_ref().filter(|_| guest) {
            request.come_by(lan.number_of(from));
        }
        let (id, group) = (request.id, request.group);
        if let Some(pending) = self.pending.get_mut(&id) {
            let came_round = pending.below && !below && matches!(pending.step, Step::At(_));
            if pending.step == Step::At(from) || came_round {
                // It was on its way up when the group came to be below us, and is sent back: we see to it ourselves.
                (pending.step, pending.wait) = (Step::Held, Countdown::after(1));
                self.send(from, group, GroupBody::Wait { id }, out);
                return Ok(());
            }
            // It may come by another way than before.
            (pending.from, pending.below, pending.way) = (from, below, way);
            (pending.request.path, pending.silent) = (request.path, 0);
            self.send(from, group, GroupBody::Wait { id }, out);
            return Ok(());
        }
        if self.pending.len() >= UNDER_WAY {
            return Err("too-many-requests");
        }
        match self.answered.get(&id) {
            Some(What::Refused(refusal)) => {
                self.send(from, group, GroupBody::Refused { id, refusal }, out);
                return Ok(());
            }
            Some(What::Done(inc)) if self.is_another(group, inc) => {
                let refusal = Refusal::Terminated;
                self.send(from, group, GroupBody::Refused { id, refusal }, out);
                return Ok(());
            }
            Some(What::Done(_)) | None => {}
        }
        self.enter(request, (from, below, way), out);
        Ok(())
    }

    /// Sends a request to where it goes now.
    pub(super) fn dispatch(&mut self, id: RequestId, out: &mut Vec<GroupOut>) {
        if self.weak_call(id, out) {
            return;
        }
        let Some(pending) = self.pending.get(&id) else { return };
        let route = self.route(pending);
        let reply = self.params.reply;
        let Some(pending) = self.pending.get_mut(&id) else { return };
        (pending.left, pending.wait) = (self.params.retries, Countdown::after(reply));
        let request = pending.request.clone();
        match route {
            Route::Hold => {
                pending.step = Step::Held;
                pending.wait = Countdown::after(reply.saturating_mul(2));
            }
            Route::Drop => {
                self.pending.remove(&id);
            }
            Route::Refuse(refusal) => {
                self.answer(id, Some(GroupBody::Refused { id, refusal }), out)
            }
            Route::To(to, way, path) => {
                pending.step = Step::At(to);
                let group = request.group;
                let request = Request { path, ..request };
                self.send(to, group, GroupBody::Submit { request, way }, out);
            }
            Route::Agree(side, proposal, path) => {
                pending.step = Step::Proposed(side);
                pending.wait = Countdown::after(reply.saturating_mul(CREATE));
                let request = Request { path, ..request };
                let op = match proposal {
                    Proposal::Call => GroupOp::Call(request),
                    Proposal::Reserve => GroupOp::Reserve(request),
                    Proposal::Create => GroupOp::Create(request),
                    Proposal::Claim => GroupOp::Claim(request),
                };
                self.propose(side, op, out);
            }
            Route::Raise(key) => {
                pending.step = Step::Raising;
                self.raise(&key, out);
            }
        }
    }

    /// All requests about a group that wait for it to become clear where it is.
    pub(super) fn look_again(&mut self, group: GroupName, out: &mut Vec<GroupOut>) {
        let waits =
            |p: &Pending| p.request.group == group && matches!(p.step, Step::Held | Step::Raising);
        let ids: Vec<RequestId> =
            self.pending.iter().filter(|(_, p)| waits(p)).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.dispatch(id, out));
    }

    fn route(&self, pending: &Pending) -> Route {
        let Pending { request, below, way, .. } = pending;
        if *way != Way::Reserve
            && let Some(route) = self.route_below(request, *below)
        {
            return route;
        }
        self.route_among_peers(pending)
    }

    /// The parent of our peers, if that is somebody else.
    pub(super) fn parent(&self) -> Option<SocketAddrV4> {
        let parent = self.spheres.get(&Side::Peer).and_then(|sphere| sphere.parent);
        parent.filter(|parent| *parent != self.own())
    }

    /// If the side below knows the group, there.
    fn route_below(&self, request: &Request, below: bool) -> Option<Route> {
        let has_below = self.lan.is_some() || self.spheres.contains_key(&Side::Child);
        let Some(registry) = self.registry(Side::Child) else {
            // A set that we are to be the parent of, and know nothing of yet.
            return (has_below && !below).then_some(Route::Hold);
        };
        let record = registry.get(named(request.group))?;
        let from_outside = !below && wants_in(&request.call);
        match &record.role {
            Role::Core { core, .. } if core.waits_for(request) => Some(Route::Hold),
            Role::Core { .. } if from_outside => Some(match self.may_rise(registry, record.key) {
                true => Route::Raise(record.key),
                false => Route::Refuse(Refusal::ScopeExceeded),
            }),
            Role::Core { .. } => {
                let path = match (&self.lan, below) {
                    (Some(_), _) => Vec::new(),
                    (None, true) => request.path.clone(),
                    (None, false) => vec![self.own()],
                };
                Some(Route::Agree(Side::Child, Proposal::Call, path))
            }
            Role::Above(branch) if *branch != self.own() => {
                let way = if wants_in(&request.call) { Way::Raise } else { Way::Search };
                let path = match below {
                    true => request.path.clone(),
                    false => vec![self.own()],
                };
                Some(Route::To(*branch, way, path))
            }
            Role::Above(_) | Role::Reserved(_) | Role::Suspended(_) | Role::Claimed(_) => {
                Some(Route::Hold)
            }
            Role::Lost => None,
        }
    }

    fn route_among_peers(&self, pending: &Pending) -> Route {
        let Pending { request, from, below, way, .. } = pending;
        let (below, way) = (*below, *way);
        let from_parent = !below && self.parent() == Some(*from);
        if let Some(route) = self.route_in_lan(request, below) {
            return route;
        }
        let Some((registry, sphere)) = self.registry(Side::Peer).zip(self.spheres.get(&Side::Peer))
        else {
            return Route::Hold;
        };
        let path = match below {
            true => [&[self.own()], &request.path[..]].concat(),
            false => request.path.clone(),
        };
        match registry.get(named(request.group)).map(|record| &record.role) {
            Some(Role::Core { .. } | Role::Above(_)) if way == Way::Reserve => {
                Route::Refuse(Refusal::Exists)
            }
            // Our parent asks for somebody outside of our set: now that the core is here, it raises it further.
            Some(Role::Core { .. }) if from_parent && wants_in(&request.call) => Route::Drop,
            Some(Role::Core { core, .. }) if core.waits_for(request) => Route::Hold,
            Some(Role::Core { .. }) => Route::Agree(Side::Peer, Proposal::Call, path),
            // It has just gone, or is not there yet.
            Some(Role::Above(branch)) if *branch == self.own() => Route::Hold,
            Some(Role::Above(branch)) => {
                let way = if wants_in(&request.call) { Way::Raise } else { Way::Search };
                Route::To(*branch, way, path)
            }
            Some(Role::Claimed(_)) if matches!(request.call, Call::Here(_)) => {
                Route::Agree(Side::Peer, Proposal::Claim, path)
            }
            Some(Role::Reserved(first)) if first.id == request.id => {
                // Granted, and the grant was lost, or is on its way.
                Route::Agree(Side::Peer, Proposal::Reserve, path)
            }
            Some(Role::Reserved(_) | Role::Suspended(_) | Role::Claimed(_)) => Route::Hold,
            // Who sent it to us is wrong about where the group is.
            None | Some(Role::Lost) if !below => Route::Drop,
            None | Some(Role::Lost) => {
                self.route_up(request, way, path, (sphere.name, sphere.level, sphere.parent))
            }
        }
    }

    /// A group that never leaves the LAN needs nobody else.
    fn route_in_lan(&self, request: &Request, below: bool) -> Option<Route> {
        let lan = self.lan.as_ref().filter(|_| below)?;
        let Call::Join { qos, mode, .. } = &request.call else { return None };
        let here = |scope: &Scope| reaches(scope, lan.name(), 0);
        let known = lan.registry().get(named(request.group)).is_some_and(|r| !r.is_over());
        if known || !here(&qos.membership_scope) {
            return None;
        }
        match mode {
            Mode::Existing => Some(Route::Refuse(Refusal::NotFound)),
            _ if here(&qos.name_scope) => {
                Some(Route::Agree(Side::Child, Proposal::Create, Vec::new()))
            }
            _ => None,
        }
    }

    fn route_up(
        &self,
        request: &Request,
        way: Way,
        path: Vec<SocketAddrV4>,
        (name, level, parent): (GroupName, u8, Option<SocketAddrV4>),
    ) -> Route {
        let parent = parent.filter(|parent| *parent != self.own());
        let (search, reserve) = match &request.call {
            Call::Join { qos, .. } => (qos.membership_scope, qos.name_scope),
            Call::Here(statement) => (statement.qos.membership_scope, statement.qos.name_scope),
            _ => (request.reach, request.reach),
        };
        if let (Some(parent), Way::Search) = (parent, way)
            && !reaches(&search, name, level)
        {
            return Route::To(parent, Way::Search, path);
        }
        let creates =
            matches!(request.call, Call::Join { mode: Mode::JoinOrCreate | Mode::Create, .. });
        match parent {
            _ if matches!(request.call, Call::Here(_)) => {
                Route::Agree(Side::Peer, Proposal::Claim, path)
            }
            // The core was above and is lost; before anything else happens, it is rebuilt from what we know.
            None if self.has_members(request.group) => Route::Hold,
            // Our parent is gone, and another one may be there soon, who knows more.
            None if self.chores.contains_key(&Chore::Upstream) => Route::Hold,
            // So may those be whose members have just come to us, and know of the group.
            _ if self.chores.contains_key(&Chore::Newcomers) => Route::Hold,
            _ if !creates => Route::Refuse(self.not_found(request.group)),
            Some(parent) if !reaches(&reserve, name, level) => {
                Route::To(parent, Way::Reserve, path)
            }
            _ => Route::Agree(Side::Peer, Proposal::Reserve, path),
        }
    }

    /// Whether a group of that name has members below us, as far as we were told.
    fn has_members(&self, group: GroupName) -> bool {
        self.relay.groups().any(|key| key.full_name() == named(group))
    }

    /// Whether the core of a group below may come up to our peers.
    pub(super) fn may_rise(&self, registry: &Registry, key: GroupKey) -> bool {
        let Some(Role::Core { core, .. }) = registry.get(key.full_name()).map(|r| &r.role) else {
            return false;
        };
        !self.reaches_below(&core.qos.membership_scope)
    }

    /// Whether a scope ends with the side below us.
    pub(super) fn reaches_below(&self, scope: &Scope) -> bool {
        match (&self.lan, self.spheres.get(&Side::Child)) {
            (Some(lan), _) => reaches(scope, lan.name(), 0),
            (None, Some(sphere)) => reaches(scope, sphere.name, sphere.level),
            (None, None) => false,
        }
    }

    /// Whether somebody is a child of ours.
    pub(super) fn is_below(&self, who: SocketAddrV4) -> bool {
        self.lan.as_ref().is_some_and(|lan| lan.is_guest(who)) || self.is_in(Side::Child, who)
    }

    fn is_in(&self, side: Side, who: SocketAddrV4) -> bool {
        self.spheres.get(&side).is_some_and(|sphere| sphere.members.contains(&who))
    }

    pub(super) fn tick_pending(&mut self, elapsed: u32, out: &mut Vec<GroupOut>) {
        let reply = self.params.reply;
        let longest = self.params.query.max(reply.saturating_mul(PATIENCE)).saturating_mul(3);
        let (mut again, mut asked) = (Vec::new(), Vec::new());
        let own = self.own();
        self.answered.tick(elapsed);
        self.pending.retain(|_, pending| {
            pending.silent = pending.silent.saturating_add(elapsed);
            pending.silent < longest || pending.from == own
        });
        for (&id, pending) in &mut self.pending {
            if !pending.wait.tick(elapsed) {
                continue;
            }
            match pending.step {
                Step::At(at) if pending.left > 0 => {
                    pending.left -= 1;
                    pending.wait = Countdown::after(reply);
                    asked.push((at, pending.request.group, id));
                }
                Step::At(_) | Step::Held | Step::Raising | Step::Proposed(_) => again.push(id),
            }
        }
        for (at, group, id) in asked {
            self.send(at, group, GroupBody::Where { id }, out);
        }
        again.into_iter().for_each(|id| self.dispatch(id, out));
    }

    /// A name is reserved: down the way that the request came, to where the group begins.
    pub(super) fn grant(&mut self, mut request: Request, out: &mut Vec<GroupOut>) {
        if request.path.first() != Some(&self.own()) || self.answered.get(&request.id).is_some() {
            return;
        }
        request.path.remove(0);
        match request.path.first().copied() {
            Some(next) => {
                let group = request.group;
                self.send(next, group, GroupBody::Grant(request), out);
            }
            None if self.lan.is_some() => {
                self.propose(Side::Child, GroupOp::Create(request), out);
            }
            // The members of a set below stand behind its mservers, not behind its parent.
            None => {}
        }
    }

    pub(super) fn on_grant(
        &mut self,
        from: SocketAddrV4,
        request: Request,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let parent = self.spheres.get(&Side::Peer).and_then(|sphere| sphere.parent);
        if parent != Some(from) {
            return Err("not-our-parent");
        }
        self.grant(request, out);
        Ok(())
    }
}

/// Whether a call is about members of that member interface, as those must be that one makes.
fn is_about(call: &Call, mi: Life) -> bool {
    match call {
        Call::Join { member, .. } | Call::Leave { member } => member.mi == mi,
        Call::Fail { members, .. } => members.iter().all(|member| member.mi == mi),
        Call::Here(statement) => statement.members.iter().all(|entry| entry.id.mi == mi),
        Call::Merge { .. } | Call::Split { .. } | Call::View => true,
    }
}

/// Whether a call makes somebody a member who may be outside of the core's subtree.
fn wants_in(call: &Call) -> bool {
    matches!(call, Call::Join { .. } | Call::Here(_))
}

/// Whether a scope ends with the set of that name and level.
pub(super) fn reaches(scope: &Scope, name: GroupName, level: u8) -> bool {
    match scope {
        Scope::Top => false,
        Scope::Level(top) => level >= *top,
        Scope::Set(set) => *set == name,
    }
}
