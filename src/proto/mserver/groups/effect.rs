//! What follows from agreed operations, and views on their way down.
//!
//! Everybody in a set sees the same effects; each acts on those that concern it:
//!
//! ```text
//!   a view          whoever of the set has members behind it (not its parent: those are behind the others)
//!   an answer       whoever the request came by first
//!   the core here   the parent, or the LAN's mserver, tells its own peers
//! ```

use super::route::Step;
use super::{GroupOut, Groups, Side};
use crate::name::GroupName;
use crate::proto::group::{Applied, Delivery, Effect, Role};
use crate::proto::mserver::groups::answer::What;
use crate::proto::mserver::groups::loss::Chore;
use crate::proto::timer::Countdown;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, Content, Core, Direct, Entry, GroupBody, GroupKey, GroupOp, MemberId, Path, Reason,
    Refusal, Request, RequestId, Scope, named,
};
use std::net::SocketAddrV4;

impl Groups {
    pub(super) fn effect(&mut self, side: Side, effect: Effect, out: &mut Vec<GroupOut>) {
        self.weak_effect(&effect, out);
        match effect {
            Effect::View { direct, core, gone: _ } => self.on_view(side, &direct, &core, out),
            Effect::Answer { request, outcome, by_view } => {
                self.on_outcome(side, &request, outcome, by_view, out);
            }
            Effect::Show { request, core } => {
                if self.concerns(side, &request) {
                    let id = request.id;
                    let body = GroupBody::Shown { id, direct: all_of(&core) };
                    self.answer(id, Some(body), out);
                    self.tell_again(side, &core, &request, out);
                }
            }
            Effect::Again(request) => self.on_again(side, *request, out),
            Effect::Wait(request) => self.on_wait_for(side, &request, out),
            Effect::Reserved(request) => {
                self.chore(Chore::Release(request.id, request.group));
                if side == Side::Peer {
                    self.grant(*request, out);
                }
            }
            Effect::Locked { core, term, carrier } => {
                if carrier == self.own() {
                    self.carry(side, *core, term, out);
                }
            }
            Effect::Settled { key, term } => self.on_settled(side, key, term, out),
            Effect::Led { key, term, scope } => self.on_led(side, key, term, scope, out),
            Effect::Repath(core) => self.on_repath(side, &core, out),
            Effect::Claimed(key) => self.chore(Chore::Rebuild(side, key)),
            Effect::Gathering(key) => {
                // Those before it became a view.
                self.chores.remove(&Chore::Gathered(side, key));
                self.chore(Chore::Gathered(side, key));
            }
            Effect::Rival { key, branch } => {
                if side == Side::Peer && branch == self.own() {
                    self.summon(&key, out);
                }
            }
            Effect::Summoned(key) => match side {
                Side::Child => self.raise(&key, out),
                Side::Peer if self.leads(&key) => self.summon(&key, out),
                Side::Peer => {}
            },
            Effect::Rename { key, branch } => {
                if side == Side::Peer && branch == self.own() {
                    self.propose(Side::Child, GroupOp::Rename { key }, out);
                }
            }
            Effect::Stale(key) => self.on_stale(side, key, out),
            Effect::Ended { key, term } => {
                self.chores.remove(&Chore::Sink(key));
                self.moves.remove(&key.inc);
                if side == Side::Child && self.leads(&key) {
                    self.propose(Side::Peer, GroupOp::Forget { key, term }, out);
                }
                self.look_again(key.called(), out);
            }
        }
    }

    fn on_again(&mut self, side: Side, request: Request, out: &mut Vec<GroupOut>) {
        if !self.concerns(side, &request) {
            self.pending.remove(&request.id);
            return;
        }
        match request.call {
            Call::Merge { other } => self.refuse_merge(&request, other, out),
            _ => self.dispatch(request.id, out),
        }
    }

    /// Another creation of that name is under way.
    fn on_wait_for(&mut self, side: Side, request: &Request, out: &mut Vec<GroupOut>) {
        if self.concerns(side, request)
            && let Some(pending) = self.pending.get_mut(&request.id)
        {
            (pending.step, pending.wait) = (Step::Held, Countdown::after(2 * self.params.reply));
            let (from, id) = (pending.from, request.id);
            self.send(from, request.group, GroupBody::Wait { id }, out);
        }
    }

    /// Whether a request is ours to see to: it came to its set by us.
    fn concerns(&self, side: Side, request: &Request) -> bool {
        let alone = side == Side::Child && self.lan.is_some();
        alone || request.path.first() == Some(&self.own())
    }

    /// The other group of a merge is not decided where the first one is.
    fn refuse_merge(&mut self, request: &Request, other: GroupName, out: &mut Vec<GroupOut>) {
        let registries = [Side::Child, Side::Peer].map(|side| self.registry(side));
        let mut records = registries.iter().flatten().filter_map(|r| r.get(named(other)));
        let refusal = match records.any(|record| !record.is_over()) {
            true => Refusal::NotPossible,
            false => Refusal::NotFound,
        };
        let id = request.id;
        self.answer(id, Some(GroupBody::Refused { id, refusal }), out);
    }

    /// Whether our peers believe that the group is below us.
    pub(super) fn leads(&self, key: &GroupKey) -> bool {
        let record = self.registry(Side::Peer).and_then(|r| r.find(key));
        matches!(record.map(|r| &r.role), Some(Role::Above(branch)) if *branch == self.own())
    }

    fn on_view(&mut self, side: Side, direct: &Direct, core: &Core, out: &mut Vec<GroupOut>) {
        self.tell_end(direct, out);
        for cause in &direct.causes {
            self.told(*cause, direct.key.inc, out);
        }
        if side == Side::Child && self.lan.is_none() {
            return;
        }
        self.tell(direct, Some(core), out);
        self.judge_branches(side, core);
    }

    /// A view says what became of a request: whoever asked has it from there. One that asked for more than a view is
    /// answered by itself.
    pub(super) fn told(&mut self, cause: RequestId, inc: RequestId, out: &mut Vec<GroupOut>) {
        let Some(pending) = self.pending.get(&cause) else { return };
        let is_told = is_told(&pending.request.call);
        self.remember(cause, What::Done(inc));
        if is_told {
            self.answer(cause, None, out);
        }
    }

    /// A view goes down to those of our children that have members.
    pub(super) fn tell(
        &mut self,
        direct: &Direct,
        core: Option<&Core>,
        out: &mut Vec<GroupOut>,
    ) -> Applied {
        if self.is_weak(&direct.key) {
            return Applied::Old;
        }
        let mut views = Vec::new();
        let child_of = child_of(self.own(), self.lan.is_some());
        let mut applied = self.relay.view(direct, &child_of, &mut views);
        if let (Applied::Gap, Some(core)) = (applied, core) {
            // Where it is decided, all of it is known.
            let mut whole = all_of(core);
            (whole.reason, whole.causes) = (direct.reason, direct.causes.clone());
            applied = self.relay.view(&whole, &child_of, &mut views);
        }
        if applied == Applied::Old
            && let Content::Whole(whole) = &direct.content
        {
            self.relay.repath(&direct.key, &whole.entries, &child_of, &mut views);
        }
        self.deliver(views, out);
        applied
    }

    /// Views as messages. Member interfaces need no paths.
    pub(super) fn deliver(&mut self, views: Vec<Delivery>, out: &mut Vec<GroupOut>) {
        for (to, mut direct) in views {
            if let Some(lan) = &self.lan {
                let guest = lan.life_of(to);
                if guest.is_none() {
                    self.chore(Chore::Stranger(to));
                }
                let dead = |e: &&Entry| guest.is_some_and(|life| is_former(e.id.mi, life));
                let entries = match &direct.content {
                    Content::Delta { came, .. } => came,
                    Content::Whole(whole) => &whole.entries,
                };
                let dead: Vec<MemberId> = entries.iter().filter(dead).map(|e| e.id).collect();
                self.fail_dead(&direct.key, dead, out);
                let entries = match &mut direct.content {
                    Content::Delta { came, .. } => came,
                    Content::Whole(whole) => &mut whole.entries,
                };
                entries.iter_mut().for_each(|entry| entry.path = Path::default());
            }
            self.send(to, direct.key.name, GroupBody::Direct(direct), out);
        }
    }

    /// Members at former lives of a member interface: requests of theirs were on their way for too long.
    fn fail_dead(&mut self, key: &GroupKey, mut dead: Vec<MemberId>, out: &mut Vec<GroupOut>) {
        let group = key.called();
        dead.retain(|id| {
            !self.pending.values().any(|p| match &p.request.call {
                Call::Fail { members, .. } => p.request.group == group && members.contains(id),
                _ => false,
            })
        });
        if !dead.is_empty() {
            self.ask(key, 0, Call::Fail { members: dead, cut: false }, out);
        }
    }

    /// A child has a view, and so many members of it below.
    pub(super) fn on_got(
        &mut self,
        from: SocketAddrV4,
        (key, term, number): (GroupKey, u32, u32),
        below: u32,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let known = self.relay.known(&key).filter(|known| known.at() == (term, number));
        if let Some(known) = known.filter(|_| below == 0 && self.lan.is_some()) {
            // Whom we take to be there, nobody there is.
            let child_of = child_of(self.own(), true);
            let there = known.roster().iter().filter(|entry| child_of(entry) == Some(from));
            let dead = there.map(|entry| entry.id).collect();
            self.fail_dead(&key, dead, out);
        }
        self.relay.got(from, (key, term, number), below)
    }

    /// A view from above.
    pub(super) fn on_direct(
        &mut self,
        from: SocketAddrV4,
        direct: &Direct,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let parent = self.spheres.get(&Side::Peer).and_then(|sphere| sphere.parent);
        if parent != Some(from) || from == self.own() {
            // Whoever decides reaches us by the parent that we had: it learns of the one that we have.
            let group = direct.key.called();
            let here = |p: &super::route::Pending| {
                p.request.group == group && matches!(p.request.call, Call::Here(_))
            };
            if parent.is_some() && !self.pending.values().any(here) {
                // A member may have been let in by that way while we changed over, and nothing came by ours.
                if self.relay.known(&direct.key).is_none() && leads_here(direct, from, self.own()) {
                    self.tell(direct, None, out);
                }
                self.state_of(&direct.key, out);
            }
            return Err("not-our-parent");
        }
        self.tell_end(direct, out);
        for cause in &direct.causes {
            self.told(*cause, direct.key.inc, out);
        }
        let (key, name) = (direct.key, direct.key.name);
        let applied = self.tell(direct, None, out);
        if applied == Applied::New && self.is_reached_otherwise(&key, from) {
            // Somebody joined by a way that was lost meanwhile, and is not cut off with it.
            self.state_of(&key, out);
        }
        let body = match applied {
            Applied::Gap => {
                let (term, number) = self.relay.known(&key).map_or((0, 0), |known| known.at());
                GroupBody::Missing { key, term, number }
            }
            Applied::New | Applied::Old => {
                let child_of = child_of(self.own(), self.lan.is_some());
                let below = self.relay.below(&key, child_of);
                let known = self.relay.known(&key).map(|known| known.at());
                let (term, number) = known.unwrap_or((direct.term, direct.number));
                GroupBody::Got { key, term, number, below }
            }
        };
        self.send(from, name, body, out);
        Ok(())
    }

    /// Whether the core has members of ours by another mserver than the one above us.
    fn is_reached_otherwise(&self, key: &GroupKey, parent: SocketAddrV4) -> bool {
        let own = self.own();
        let roster = self.relay.known(key).map(|known| known.roster()).unwrap_or_default();
        roster.iter().any(|entry| {
            let place = entry.path.iter().rposition(|mserver| *mserver == own);
            let above =
                place.and_then(|place| place.checked_sub(1)).and_then(|p| entry.path.get(p));
            above.is_some_and(|above| *above != parent)
        })
    }

    pub(super) fn on_missing(
        &mut self,
        from: SocketAddrV4,
        key: &GroupKey,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        if !self.is_below(from) {
            return Err("stranger");
        }
        let mut views = Vec::new();
        let known = self.relay.missing(from, key, &mut views);
        self.deliver(views, out);
        if known { Ok(()) } else { Err("group-not-known") }
    }

    fn on_outcome(
        &mut self,
        side: Side,
        request: &Request,
        outcome: Result<(), Refusal>,
        by_view: bool,
        out: &mut Vec<GroupOut>,
    ) {
        let id = request.id;
        if !self.concerns(side, request) {
            // It was proposed by us for another one, who answers it.
            self.pending.remove(&id);
            return;
        }
        let body = match outcome {
            Ok(()) if by_view && is_told(&request.call) => None,
            Ok(()) => Some(GroupBody::Done { id }),
            Err(refusal) => Some(GroupBody::Refused { id, refusal }),
        };
        self.answer(id, body, out);
    }

    /// A request that was done before is asked again: what told so may have been lost on the way down.
    fn tell_again(&mut self, side: Side, core: &Core, request: &Request, out: &mut Vec<GroupOut>) {
        if side == Side::Child && self.lan.is_none() {
            return;
        }
        if self.relay.known(&core.key).is_none() {
            self.tell(&all_of(core), None, out);
        }
        let to = match (request.path.get(1), self.lan.is_some()) {
            (Some(child), _) => *child,
            (None, _) => request.id.origin.address,
        };
        let child_of = child_of(self.own(), self.lan.is_some());
        if core.roster.iter().any(|entry| child_of(entry) == Some(to)) {
            let mut views = Vec::new();
            self.relay.missing(to, &core.key, &mut views);
            self.deliver(views, out);
        }
    }

    fn on_led(
        &mut self,
        side: Side,
        key: GroupKey,
        term: u32,
        scope: Scope,
        out: &mut Vec<GroupOut>,
    ) {
        // Its creation, which we passed on, is done: whoever asked is told so from where it was created.
        self.pending.remove(&key.inc);
        match side {
            Side::Child => self.lead_up(key, term, scope, out),
            Side::Peer => {
                self.forget_if_ended(&key, out);
                if self.lan.is_none() && self.leads(&key) {
                    // Those below us tell their own from now on.
                    self.relay.drop(&key);
                }
                self.look_again(key.called(), out);
            }
        }
    }

    /// The sets above are to know that the core is below us, as far up as the name is kept.
    pub(super) fn lead_up(
        &mut self,
        key: GroupKey,
        term: u32,
        scope: Scope,
        out: &mut Vec<GroupOut>,
    ) {
        if self.reaches_below(&scope) {
            return;
        }
        let Some(registry) = self.registry(Side::Peer) else { return };
        let branch = self.own();
        let known = registry.get(key.full_name()).is_some_and(|record| {
            record.key == key
                && record.term == term
                && matches!(record.role, Role::Above(one) if one == branch)
        });
        if !known {
            let roams = self.lan.as_ref().is_none_or(|lan| lan.roams());
            self.propose(Side::Peer, GroupOp::Lead { key, term, branch, scope, roams }, out);
        }
    }

    /// What is below us is made known to our peers: we, or they, have just come.
    pub(super) fn announce(&mut self, out: &mut Vec<GroupOut>) {
        let Some(registry) = self.registry(Side::Child) else { return };
        let known: Vec<(GroupKey, u32, Scope)> = registry
            .iter()
            .filter(|record| matches!(record.role, Role::Core { .. } | Role::Above(_)))
            .map(|record| (record.key, record.term, record.scope))
            .collect();
        known.into_iter().for_each(|(key, term, scope)| self.lead_up(key, term, scope, out));
    }

    fn on_repath(&mut self, side: Side, core: &Core, out: &mut Vec<GroupOut>) {
        if side == Side::Child && self.lan.is_none() {
            return;
        }
        match self.relay.known(&core.key) {
            Some(known) if known.at() == (core.term, core.number) => {
                let mut views = Vec::new();
                let child_of = child_of(self.own(), self.lan.is_some());
                self.relay.repath(&core.key, &core.roster, child_of, &mut views);
                self.deliver(views, out);
            }
            _ => {
                self.tell(&all_of(core), None, out);
            }
        }
        self.judge_branches(side, core);
    }
}

/// Whether that life was before this one, at the same address.
fn is_former(one: Life, now: Life) -> bool {
    one.address == now.address && one.inc < now.inc
}

/// The last view of a group, with all that it says.
pub(super) fn all_of(core: &Core) -> Direct {
    Direct {
        key: core.key,
        term: core.term,
        number: core.number,
        digest: core.digest(),
        reason: Reason::Resync,
        causes: Vec::new(),
        content: core.whole(),
    }
}

/// Calls that have had their effect when a view says so: whoever called is told that view.
fn is_told(call: &Call) -> bool {
    matches!(call, Call::Join { .. } | Call::Leave { .. } | Call::Fail { .. })
}

/// Whether members are reached by us and, just above, by that mserver.
fn leads_here(direct: &Direct, above: SocketAddrV4, own: SocketAddrV4) -> bool {
    let Content::Whole(whole) = &direct.content else { return false };
    whole.entries.iter().any(|entry| entry.path.windows(2).any(|way| way == [above, own]))
}

/// By which child a member is reached, if by one of ours.
pub(super) fn child_of(own: SocketAddrV4, lan: bool) -> impl Fn(&Entry) -> Option<SocketAddrV4> {
    move |entry| match entry.path.iter().rposition(|mserver| *mserver == own) {
        Some(place) => Some(entry.path.get(place + 1).copied().unwrap_or(entry.id.mi.address)),
        None => (entry.path.is_empty() && lan).then_some(entry.id.mi.address),
    }
}
