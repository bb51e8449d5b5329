//! What became of a request, on its way back; and what a hop says to one that asks (Figures 43, 44).
//!
//! An answer is remembered as long as copies of its request may be on their way: one that comes late must not have
//! another effect, on a group that has the name by now.

use super::route::{PATIENCE, Pending, Step};
use super::{CREATE, GroupOut, Groups};
use crate::name::GroupName;
use crate::proto::mserver::Side;
use crate::proto::timer::Countdown;
use crate::wire::group::{GroupBody, Refusal, RequestId, named};
use std::net::SocketAddrV4;

/// Answers that are remembered.
const ANSWERED: usize = 8192;

/// What became of a request that passed through here: a copy of it that is late must not become something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answered {
    pub what: What,
    pub forget: Countdown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// It was refused.
    Refused(Refusal),
    /// It had its effect on the group of that incarnation.
    Done(RequestId),
}

impl Groups {
    /// Whether the group of that name is, for all that is known here, not the one of that incarnation.
    pub(super) fn is_another(&self, group: GroupName, inc: RequestId) -> bool {
        let registries = [Side::Child, Side::Peer].map(|side| self.registry(side));
        let mut records = registries.iter().flatten().filter_map(|r| r.get(named(group)));
        let known = self.relay.groups().any(|key| key.inc == inc);
        !known && !records.any(|record| record.key.inc == inc && !record.is_over())
    }

    /// An answer is remembered as long as copies of the request may be on their way.
    pub(super) fn remember(&mut self, id: RequestId, what: What) {
        if id.origin == self.me {
            return;
        }
        if self.answered.len() >= ANSWERED {
            let oldest = self.answered.iter().min_by_key(|(_, answered)| answered.forget.left());
            let oldest = oldest.map(|(id, _)| *id);
            oldest.map(|id| self.answered.remove(&id));
        }
        let forget = Countdown::after(self.params.reply.saturating_mul(CREATE));
        self.answered.insert(id, Answered { what, forget });
    }

    /// What became of a request, to whom it came from. Without an answer a view tells it.
    pub(super) fn answer(
        &mut self,
        id: RequestId,
        answer: Option<GroupBody>,
        out: &mut Vec<GroupOut>,
    ) {
        let Some(pending) = self.pending.remove(&id) else { return };
        match &answer {
            Some(GroupBody::Refused { refusal, .. }) => {
                self.remember(id, What::Refused(*refusal));
            }
            Some(GroupBody::Shown { direct, .. }) => {
                self.remember(id, What::Done(direct.key.inc));
            }
            _ => {}
        }
        if let Some(body) = answer.filter(|_| pending.from != self.own()) {
            self.send(pending.from, pending.request.group, body, out);
        }
    }

    pub(super) fn on_answer(
        &mut self,
        from: SocketAddrV4,
        body: GroupBody,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let (GroupBody::Refused { id, .. } | GroupBody::Shown { id, .. } | GroupBody::Done { id }) =
            body
        else {
            return Err("answer-not-expected");
        };
        self.pending_at(id, from)?;
        self.answer(id, Some(body), out);
        Ok(())
    }

    fn pending_at(
        &mut self,
        id: RequestId,
        at: SocketAddrV4,
    ) -> Result<&mut Pending, &'static str> {
        let pending = self.pending.get_mut(&id).filter(|pending| pending.step == Step::At(at));
        pending.ok_or("answer-not-expected")
    }

    pub(super) fn on_wait(
        &mut self,
        from: SocketAddrV4,
        id: RequestId,
    ) -> Result<(), &'static str> {
        let (wait, left) = (self.params.reply.saturating_mul(PATIENCE), self.params.retries);
        let pending = self.pending_at(id, from)?;
        (pending.wait, pending.left) = (Countdown::after(wait), left);
        Ok(())
    }

    pub(super) fn on_where(
        &mut self,
        from: SocketAddrV4,
        id: RequestId,
        out: &mut Vec<GroupOut>,
    ) -> Result<(), &'static str> {
        let (group, body) = match self.pending.get_mut(&id) {
            Some(pending) => {
                if pending.from == from {
                    pending.silent = 0;
                }
                if pending.step == Step::At(from) {
                    // Each of us believes that the other has it: it looks where it belongs now.
                    (pending.step, pending.wait) = (Step::Held, Countdown::after(1));
                }
                (pending.request.group, GroupBody::Wait { id })
            }
            None => (GroupName::default(), GroupBody::Unheard { id }),
        };
        self.send(from, group, body, out);
        Ok(())
    }

    /// It looks anew with the next tick: whoever forgets it each time must not keep us busy.
    pub(super) fn on_unheard(
        &mut self,
        from: SocketAddrV4,
        id: RequestId,
    ) -> Result<(), &'static str> {
        let pending = self.pending_at(id, from)?;
        (pending.step, pending.wait) = (Step::Held, Countdown::after(1));
        Ok(())
    }
}
