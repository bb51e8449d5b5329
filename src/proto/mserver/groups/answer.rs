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
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

/// Answers that are remembered.
const ANSWERED: usize = 8192;

/// What became of requests that passed through here: a copy of one that is late must not become something else. A busy
/// group has thousands of them, so that time passes for the oldest alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Answered {
    by_id: BTreeMap<RequestId, What>,
    /// In the order in which they are forgotten: each so many ticks after the one before.
    order: VecDeque<(u32, RequestId)>,
    /// Ticks until the last one is.
    span: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// It was refused.
    Refused(Refusal),
    /// It had its effect on the group of that incarnation.
    Done(RequestId),
}

impl Answered {
    pub fn get(&self, id: &RequestId) -> Option<What> {
        self.by_id.get(id).copied()
    }

    /// Remembers it for so many ticks, of many the latest.
    fn insert(&mut self, id: RequestId, what: What, ticks: u32) {
        if self.by_id.insert(id, what).is_some() {
            self.order_without(|other| other == id);
        } else if self.by_id.len() > ANSWERED
            && let Some(&(_, oldest)) = self.order.front()
        {
            self.by_id.remove(&oldest);
            self.order_without(|other| other == oldest);
        }
        let after = ticks.saturating_sub(self.span);
        self.span += after;
        self.order.push_back((after, id));
    }

    /// One is taken out; those behind it keep their times.
    fn order_without(&mut self, is: impl Fn(RequestId) -> bool) {
        let Some(place) = self.order.iter().position(|(_, id)| is(*id)) else { return };
        let after = self.order.remove(place).map_or(0, |(after, _)| after);
        match self.order.get_mut(place) {
            Some((next, _)) => *next += after,
            None => self.span -= after,
        }
    }

    pub fn tick(&mut self, mut elapsed: u32) {
        while let Some((after, id)) = self.order.front_mut() {
            let passed = elapsed.min(*after);
            self.span -= passed;
            if *after > elapsed {
                *after -= passed;
                return;
            }
            elapsed -= passed;
            self.by_id.remove(id);
            self.order.pop_front();
        }
    }
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
        self.answered.insert(id, what, self.params.reply.saturating_mul(CREATE));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Incarnation;
    use crate::wire::coreset::Life;
    use std::net::Ipv4Addr;

    fn id(number: u64) -> RequestId {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2901);
        RequestId { origin: Life { address, inc: Incarnation(1) }, number }
    }

    #[test]
    fn answers_are_forgotten_in_their_time_and_of_too_many_the_oldest() {
        let mut answered = Answered::default();
        for (now, number) in [(0, 1), (3, 2), (2, 3)] {
            answered.tick(now);
            answered.insert(id(number), What::Done(id(number)), 10);
        }
        // Said again after five ticks: it stays as long as if it were new.
        answered.insert(id(1), What::Refused(Refusal::Exists), 10);
        let left = |answered: &Answered| {
            (1..=3).filter(|n| answered.get(&id(*n)).is_some()).collect::<Vec<_>>()
        };
        answered.tick(7);
        assert_eq!(left(&answered), [1, 2, 3]);
        answered.tick(1);
        assert_eq!(left(&answered), [1, 3]);
        assert_eq!(answered.get(&id(1)), Some(What::Refused(Refusal::Exists)));
        answered.tick(2);
        assert_eq!((left(&answered), answered), (Vec::new(), Answered::default()));
        let mut answered = Answered::default();
        (0..=ANSWERED as u64).for_each(|n| answered.insert(id(n), What::Done(id(n)), 10));
        assert_eq!((answered.get(&id(0)), answered.order.len()), (None, ANSWERED));
        answered.tick(10);
        assert_eq!(answered, Answered::default());
    }
}
