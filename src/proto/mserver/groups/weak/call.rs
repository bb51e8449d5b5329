//! Calls for a weak group, applied where they come in (II.D.2).
//!
//! ```text
//!   join    one more is stated here                 leave   gone for good
//!   here    stated here, in a later epoch           fail    gone: for good, if its member interface says so
//!   view    as it is here                           merge, split: not in this version
//! ```

use super::super::route::{Pending, Step};
use super::super::{GroupOut, Groups, Side};
use crate::proto::group::Stated;
use crate::proto::timer::Countdown;
use crate::wire::group::{
    Call, Fact, GroupBody, MemberId, Mode, Reason, Refusal, Request, RequestId, Statement, Want,
    Way, named,
};

/// What becomes of a call.
enum Outcome {
    /// The view that says so goes to who called.
    Told,
    /// It is done, and no view says so there.
    Done,
    /// It was done before: who called is to see the group.
    Show,
    Refused(Refusal),
}

impl Groups {
    /// A call for a weak group whose core is here is carried out, or refused, at once; whether it was.
    pub(in crate::proto::mserver::groups) fn weak_call(
        &mut self,
        id: RequestId,
        out: &mut Vec<GroupOut>,
    ) -> bool {
        let Some(Pending { request, from, below, way, .. }) = self.pending.get(&id) else {
            return false;
        };
        let (request, from, below) = (request.clone(), *from, *below);
        if *way == Way::Reserve {
            return false;
        }
        let inc = self.weak_of(request.group);
        if inc.is_some_and(|inc| below && self.is_fresh(&inc, &request.call)) {
            return self.hold_call(id);
        }
        let outcome = match inc {
            Some(inc) => self.weak_outcome(&inc, &request, (from == self.own(), below), out),
            None => {
                self.is_beyond(&request, below).then_some(Outcome::Refused(Refusal::NotSupported))
            }
        };
        let Some(outcome) = outcome else { return false };
        let body = match outcome {
            Outcome::Told => None,
            Outcome::Done => Some(GroupBody::Done { id }),
            Outcome::Refused(refusal) => Some(GroupBody::Refused { id, refusal }),
            Outcome::Show => {
                let weak = self.weak_of(request.group).and_then(|inc| self.weak.get(&inc));
                let direct = weak.map(|weak| weak.whole(Reason::Resync, Vec::new()));
                direct.map(|direct| GroupBody::Shown { id, direct })
            }
        };
        self.answer(id, body, out);
        true
    }

    /// Whether somebody is to come in whose place among those who are there nobody has told us yet.
    fn is_fresh(&self, inc: &RequestId, call: &Call) -> bool {
        let comes = matches!(call, Call::Join { .. } | Call::Here(_));
        comes && self.weak.get(inc).is_some_and(|weak| weak.fresh != Countdown::OFF)
    }

    /// It looks again when a peer has said what it holds, or has not for too long.
    fn hold_call(&mut self, id: RequestId) -> bool {
        let wait = Countdown::after(self.params.reply);
        if let Some(pending) = self.pending.get_mut(&id) {
            (pending.step, pending.wait) = (Step::Held, wait);
        }
        true
    }

    /// Whether somebody outside of the set below calls for a weak group there.
    fn is_beyond(&self, request: &Request, below: bool) -> bool {
        let registry = self.registry(Side::Child).filter(|_| self.lan.is_none() && !below);
        let record = registry.and_then(|registry| registry.get(named(request.group)));
        record.and_then(super::weak_core).is_some()
    }

    /// What becomes of a call; nothing yet, if it has to go elsewhere first.
    fn weak_outcome(
        &mut self,
        inc: &RequestId,
        request: &Request,
        (ours, below): (bool, bool),
        out: &mut Vec<GroupOut>,
    ) -> Option<Outcome> {
        Some(match &request.call {
            Call::Join { .. } | Call::Here(_) if !below => return None,
            // That it ends is agreed on.
            Call::Fail { members, .. } if members.is_empty() && ours => return None,
            Call::Fail { members, .. } if members.is_empty() => {
                Outcome::Refused(Refusal::NotPossible)
            }
            Call::Join { .. } => self.weak_join(inc, request, out),
            Call::Leave { member } => self.weak_end(inc, request, (&[*member], Fact::LEFT), out),
            Call::Fail { members, cut } => self.weak_fail(inc, request, (members, *cut), out),
            // What is ours is stated by ourselves.
            Call::Here(_) if ours => Outcome::Told,
            Call::Here(statement) => self.weak_here(inc, request, statement, out),
            Call::View => Outcome::Show,
            Call::Merge { .. } | Call::Split { .. } => Outcome::Refused(Refusal::NotSupported),
        })
    }

    fn weak_join(
        &mut self,
        inc: &RequestId,
        request: &Request,
        out: &mut Vec<GroupOut>,
    ) -> Outcome {
        let (own, me) = (self.own(), self.me);
        let Call::Join { mode, member, tag, roams, .. } = &request.call else {
            return Outcome::Refused(Refusal::NotPossible);
        };
        let Some(weak) = self.weak.get_mut(inc) else { return Outcome::Show };
        let is_new = weak.state.fact(*member).is_none();
        if is_new && *mode == Mode::Create && *inc != request.id {
            return Outcome::Refused(Refusal::Exists);
        }
        if is_new && !weak.state.has_room() {
            return Outcome::Refused(Refusal::TooLarge);
        }
        let (id, tag, roams, again) = (*member, tag.clone(), *roams, None);
        let stated = Stated { id, tag, roams, registration: request.registration, again };
        let gid = weak.gid(me);
        let Some(fact) = weak.state.state(&stated, &[own], gid) else { return Outcome::Show };
        weak.own.insert(id, stated);
        self.changed(inc, vec![fact], Some(request.id), out);
        // Where it has been a member, and only the way to it is new, no view says so.
        if self.pending.contains_key(&request.id) { Outcome::Show } else { Outcome::Told }
    }

    fn weak_end(
        &mut self,
        inc: &RequestId,
        request: &Request,
        (members, until): (&[MemberId], u64),
        out: &mut Vec<GroupOut>,
    ) -> Outcome {
        let ends = members.iter().map(|id| (*id, until, false)).collect();
        self.weak_ends(inc, request.id, ends, out)
    }

    /// Whoever says that members failed says it of what it knows of.
    fn weak_fail(
        &mut self,
        inc: &RequestId,
        request: &Request,
        (members, cut): (&[MemberId], bool),
        out: &mut Vec<GroupOut>,
    ) -> Outcome {
        let own = self.own();
        let Some(weak) = self.weak.get(inc) else { return Outcome::Done };
        let until = |id: &MemberId| match request.registration {
            _ if id.mi == request.id.origin => Some(Fact::DIED),
            0 => {
                let live = weak.state.fact(*id)?.live.as_ref()?;
                (*live.path == [own]).then_some(live.epoch)
            }
            number => Some(u64::from(number) << 32 | u64::from(u32::MAX)),
        };
        let ends = members.iter().filter_map(|id| Some((*id, until(id)?, cut))).collect();
        self.weak_ends(inc, request.id, ends, out)
    }

    fn weak_ends(
        &mut self,
        inc: &RequestId,
        id: RequestId,
        ends: Vec<(MemberId, u64, bool)>,
        out: &mut Vec<GroupOut>,
    ) -> Outcome {
        let own = self.own();
        let Some(weak) = self.weak.get_mut(inc) else { return Outcome::Done };
        let (mut facts, mut here) = (Vec::new(), false);
        for (member, until, cut) in ends {
            let live = weak.state.fact(member).and_then(|fact| fact.live.as_ref());
            here |= live.is_some_and(|live| *live.path == [own]);
            let Some(fact) = weak.state.end(member, until, cut) else { continue };
            if fact.live.is_none() {
                weak.own.remove(&member);
            }
            facts.push(fact);
        }
        // Who has members here, or had, is told by a view.
        let cause = Some(id).filter(|_| here);
        self.changed(inc, facts, cause, out);
        if self.pending.contains_key(&id) { Outcome::Done } else { Outcome::Told }
    }

    /// Members are here that were elsewhere, or that nobody here knows any more. They are told all of it, under a number
    /// that is new to them.
    fn weak_here(
        &mut self,
        inc: &RequestId,
        request: &Request,
        statement: &Statement,
        out: &mut Vec<GroupOut>,
    ) -> Outcome {
        if statement.key.inc != *inc {
            return Outcome::Refused(Refusal::Terminated);
        }
        let own = self.own();
        let Some(weak) = self.weak.get_mut(inc) else { return Outcome::Done };
        let mut facts = Vec::new();
        for entry in &statement.members {
            let place = statement.roster.iter().position(|gid| *gid == entry.gid);
            let stated = Stated {
                id: entry.id,
                tag: entry.tag.clone(),
                roams: entry.roams,
                registration: request.registration,
                again: Some(place.map_or(u64::MAX, |place| place as u64)),
            };
            if weak.state.fact(entry.id).is_none() && !weak.state.has_room() {
                continue;
            }
            facts.extend(weak.state.state(&stated, &[own], entry.gid));
            let live = weak.state.fact(entry.id).and_then(|fact| fact.live.as_ref());
            if live.is_some_and(|live| *live.path == [own]) {
                weak.own.insert(entry.id, stated);
            }
        }
        weak.term = weak.term.max(statement.term);
        (weak.number, weak.floor) =
            (weak.number.max(statement.number), weak.floor.max(statement.number));
        self.stir(inc);
        self.tell_weak(inc, Some(request.id), true, out);
        let peers = if facts.is_empty() { Vec::new() } else { self.weak_peers(inc) };
        for peer in peers {
            self.say(inc, peer, (Want::Digest, facts.clone()), out);
        }
        Outcome::Done
    }
}
