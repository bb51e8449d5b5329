//! Operations of the layer above: agreed on in batches, in one order, each exactly once.
//!
//! A member keeps its operations until they are committed, and forwards them, in their order, to the leader, which
//! makes a batch of everything consecutive it has. The first goes at once; while it is under way others gather, and go
//! with the next view or when they fill a datagram: the busier the set, the more an exchange carries. What gets
//! lost is forwarded again after T_ACK. A batch that commits without losses is a step of
//! `k`, not of the view number. Who does not know what was agreed on before (a joiner, both sides of a Merge) starts no
//! batch: somebody who does is to have what was agreed on. Physical changes start in Idle only, so batches make room: whoever
//! knows of a physical request starts none for a while.

use super::state::Phase;
use super::turn::Turn;
use crate::proto::timer::Countdown;
use crate::wire::coreset::{Body, Change, ChangeKind, Life, Operation};
use std::net::SocketAddrV4;

/// Bytes of operations in one batch: one datagram holds them.
const BATCH: usize = 1000;
/// Operations of ours that are forwarded and not committed, at the most.
const UNDER_WAY: usize = 1024;
/// Operations of one member that a leader keeps before they are their turn.
const WINDOW: usize = 4096;

impl Turn<'_> {
    /// An operation of our own host.
    pub fn submit(&mut self, bytes: Vec<u8>) {
        self.me.operations.push_back(bytes);
        let alone = self.me.forwarded <= self.me.first;
        if alone || self.unforwarded().1 {
            self.forward_more();
        }
    }

    /// An operation that means this position: a change of its own, or nothing. Where something physical waits, there
    /// is another position before long, and whoever wants it can see whether it still does.
    pub fn now(&mut self, bytes: Vec<u8>) {
        let busy = self.is_live() || self.physical_waits() || self.at.leaving.is_some();
        if busy {
            return self.ignore("not-now", self.own());
        }
        let operations = vec![Operation { origin: self.me.life(), number: 0, bytes }];
        self.start(ChangeKind::Application { operations }, "now or never");
    }

    /// Our operations that were not forwarded, in their order, as far as one datagram goes; and whether they fill it.
    fn unforwarded(&self) -> (Vec<Operation>, bool) {
        let origin = self.me.life();
        let from = self.me.forwarded.max(self.me.first);
        let past = usize::try_from(from - self.me.first).unwrap_or(usize::MAX);
        let mut room = BATCH;
        let mut list = Vec::new();
        if past >= UNDER_WAY {
            return (list, false);
        }
        for (number, bytes) in (from..).zip(self.me.operations.iter().skip(past)) {
            let size = bytes.len() + OVERHEAD;
            if size > room && !list.is_empty() {
                return (list, true);
            }
            room = room.saturating_sub(size);
            list.push(Operation { origin, number, bytes: bytes.clone() });
        }
        (list, room == 0)
    }

    /// To the leader, from the first that is outstanding: it may be another one, or have missed something.
    pub fn forward(&mut self) {
        self.me.forwarded = self.me.first;
        self.at.forward = Countdown::OFF;
        self.forward_more();
    }

    /// To the leader, what it has not been told yet.
    fn forward_more(&mut self) {
        if self.me.operations.is_empty() {
            return;
        }
        if self.at.forward.left() == 0 {
            self.at.forward = Countdown::after(self.me.config.params.reply);
        }
        let Some(leader) = self.leader().filter(|l| *l != self.own()) else { return };
        let (operations, _) = self.unforwarded();
        if let Some(last) = operations.last() {
            self.me.forwarded = last.number + 1;
            self.send(leader, Body::Forward(operations));
        }
    }

    pub fn on_forward(&mut self, sender: SocketAddrV4, operations: &[Operation]) {
        let Some(origin) = self.at.view.member(sender).map(|m| m.life) else {
            return self.ignore("forward-of-a-stranger", sender);
        };
        let done = self.at.view.done_of(origin);
        let kept = self.at.forwarded.entry(origin).or_default();
        for operation in operations {
            if operation.origin == origin && operation.number > done && kept.len() < WINDOW {
                kept.entry(operation.number).or_insert_with(|| operation.bytes.clone());
            }
        }
    }

    /// Whether we know what was agreed on before, and so what a batch would mean.
    fn may_decide(&self) -> bool {
        self.me.in_step != Some(false)
    }

    /// Whether any operation waits that we know of.
    fn waits(&self) -> bool {
        !self.me.operations.is_empty() || self.at.forwarded.values().any(|m| !m.is_empty())
    }

    /// Starts a batch if it is ours to start and nothing stands in its way; true if one was started.
    pub fn serve_batch(&mut self) -> bool {
        if !self.waits() || !self.my_turn() || self.at.leaving.is_some() {
            return false;
        }
        if let Some(meet) = self.at.meet.take() {
            self.meet(meet);
            return false;
        }
        match self.next_batch() {
            Some(kind) => {
                self.start(kind, "operations");
                true
            }
            None => false,
        }
    }

    /// A batch, even of nothing, for the sake of a new position: promises of the old one then bind nobody.
    pub fn sweep(&mut self) -> bool {
        if !std::mem::take(&mut self.at.sweep) || self.at.leaving.is_some() {
            return false;
        }
        let operations = if self.may_decide() { self.consecutive() } else { Vec::new() };
        self.start(ChangeKind::Application { operations }, "promised elsewhere");
        true
    }

    /// The leader at once, others when nothing was committed for long.
    fn my_turn(&self) -> bool {
        let own = self.own();
        let before =
            self.at.view.addresses().filter(|a| !self.at.iso.contains(a)).take_while(|a| *a != own);
        let rank = before.count() as u32;
        let patience = self.me.config.params.reply.saturating_mul(2 * rank);
        rank == 0 || self.at.unserved >= patience
    }

    /// The next batch, unless it must not be started now.
    pub fn next_batch(&mut self) -> Option<ChangeKind> {
        let blocked = self.physical_waits() || self.at.heard_pending.left() > 0;
        let most = 3 * self.me.config.params.reply;
        let held = self.at.hold.left() > 0 || self.at.meet.is_some() || self.at.leaving.is_some();
        if !self.may_decide() || held || (blocked && self.at.held_back < most) {
            return None;
        }
        let operations = self.consecutive();
        if operations.is_empty() {
            return None;
        }
        // One batch goes; then physical changes have their time again.
        self.at.held_back = 0;
        Some(ChangeKind::Application { operations })
    }

    /// What can be applied now: of each member, its operations from the next one on without a gap. Each time another
    /// member's come first, or one that always fills a batch would keep all others from being served.
    fn consecutive(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        let mut room = BATCH;
        let members = &self.at.view.members;
        let first = (self.at.view.position.k % members.len() as u64) as usize;
        for member in members.iter().cycle().skip(first).take(members.len()) {
            let origin: Life = member.life;
            let mut number = self.at.view.done_of(origin) + 1;
            while let Some(bytes) = self.operation(origin, number) {
                let size = bytes.len() + OVERHEAD;
                if size > room && !operations.is_empty() {
                    return operations;
                }
                room = room.saturating_sub(size);
                operations.push(Operation { origin, number, bytes: bytes.clone() });
                number += 1;
            }
        }
        operations
    }

    fn operation(&self, origin: Life, number: u64) -> Option<&Vec<u8>> {
        if origin == self.me.life() {
            let place = number.checked_sub(self.me.first)?;
            return self.me.operations.get(usize::try_from(place).ok()?);
        }
        self.at.forwarded.get(&origin)?.get(&number)
    }

    /// What an install means for operations that wait.
    pub fn after_batch(&mut self, change: &Change, applied: &[Operation], physical: bool) {
        let own = self.me.life();
        let (done, before) = (self.at.view.done_of(own), self.me.first);
        while self.me.first <= done && self.me.operations.pop_front().is_some() {
            self.me.first += 1;
        }
        for operation in applied {
            if let Some(kept) = self.at.forwarded.get_mut(&operation.origin) {
                kept.remove(&operation.number);
            }
        }
        self.at.forwarded.retain(|_, kept| !kept.is_empty());
        if change.is_batch() {
            self.at.unserved = 0;
        }
        if physical {
            self.at.held_back = 0;
            self.at.heard_pending = Countdown::OFF;
        }
        match physical {
            // The leader may be another one, which knows none of them.
            true => self.forward(),
            false => {
                // Only what makes progress is not forwarded again: others' operations say nothing of ours.
                if self.me.first > before || self.me.operations.is_empty() {
                    self.at.forward = Countdown::OFF;
                }
                self.forward_more();
            }
        }
    }

    /// Time passes for operations that wait.
    pub fn tick_batch(&mut self, elapsed: u32) {
        let params = self.me.config.params;
        self.at.hold.tick(elapsed);
        self.at.heard_pending.tick(elapsed);
        match self.waits() {
            true => self.at.unserved = self.at.unserved.saturating_add(elapsed),
            false => self.at.unserved = 0,
        }
        let blocked = self.physical_waits() || self.at.heard_pending.left() > 0;
        if blocked && self.at.phase == Phase::Idle {
            self.at.held_back = self.at.held_back.saturating_add(elapsed).min(3 * params.reply);
        }
        if self.at.forward.tick(elapsed) {
            self.forward();
        }
    }
}

/// Whether two batches, one that is committed and one that is initiated, fit one datagram.
pub(super) fn fit_together(one: &ChangeKind, two: &ChangeKind) -> bool {
    let size = |kind: &ChangeKind| match kind {
        ChangeKind::Application { operations } => {
            operations.iter().map(|o| o.bytes.len() + OVERHEAD).sum::<usize>()
        }
        _ => 0,
    };
    size(one) + size(two) <= BATCH
}

/// Bytes of an operation beside its own.
const OVERHEAD: usize = 22;
