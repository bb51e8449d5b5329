//! The receiving side: puts wholes together again, within limits that no sender can make it exceed.
//!
//! ```text
//!              the first part                        the last part, the digest fits
//!  (nothing) -----------------> Half { bytes, ... } --------------------------------> Done { ticks }
//!      ^                           |  |                 delivered, RECEIVED is sent     |   ^   |
//!      |  `idle` or `life` over <--+  +--> another digest: dropped          a repeat ---+---+   |
//!      +------------------------------------ `memory` ticks without a repeat, or crowded out ---+
//! ```
//!
//! A half takes its whole length from the budgets with its first part, so one that was begun can also be
//! finished; what does not fit is refused, not made room for, lest two large wholes push each other out for
//! ever. That is why a half must also end: `idle` ticks after its last new part, or `life` ticks after its
//! first. A whole that is done is remembered for as long as its parts still come, and `memory` ticks more:
//! they are acknowledged again when they ask, and not delivered again. The memory is bounded too; when it
//! is full, he who takes most of it loses his oldest entry, so nobody can flush another's.

use super::payload::{Part, Report, WholeId};
use super::{MAX_WHOLE, Outgoing, Parts, Refusal, Room};
use crate::wire::{Header, Kind, Message};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// How much a receiving side holds and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReceiveLimits {
    /// Largest whole in bytes; more than [`MAX_WHOLE`] means that.
    pub whole: usize,
    /// Half-received wholes of one sender.
    pub halves_per_sender: usize,
    /// Half-received wholes in total.
    pub halves: usize,
    /// Bytes of half-received wholes of one sender.
    pub bytes_per_sender: usize,
    /// Bytes of half-received wholes in total.
    pub bytes: usize,
    /// Ticks for which a half-received whole is kept after its last new part, 1 or more.
    pub idle: u32,
    /// Ticks for which a half-received whole is kept after its first part, 1 or more.
    pub life: u32,
    /// Completed wholes that are remembered, 1 or more.
    pub done: usize,
    /// Ticks for which a completed whole is remembered after its last part: longer than a sender waits
    /// before it asks again, or it would be sent and delivered once more.
    pub memory: u32,
}

impl Default for ReceiveLimits {
    /// 16 halves and 4 MiB of a sender, which is all that one with default limits holds, 64 and 16 MiB in
    /// total; all 8 tries of the default [`SendLimits`] may fail before a half is idle, and a done whole is
    /// remembered twice as long.
    ///
    /// [`SendLimits`]: super::SendLimits
    fn default() -> ReceiveLimits {
        ReceiveLimits {
            whole: MAX_WHOLE,
            halves_per_sender: 16,
            halves: 64,
            bytes_per_sender: 4 * MAX_WHOLE,
            bytes: 16 * MAX_WHOLE,
            idle: 50,
            life: 1000,
            done: 256,
            memory: 100,
        }
    }
}

/// What a part was good for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It is new, others are still missing.
    Kept,
    /// It was here before.
    Repeated,
    /// It was the last one: the bytes of one complete encoded message, its checksum not yet checked.
    Whole(Vec<u8>),
}

/// What a part was good for, and what is to be answered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Arrival {
    /// What it was good for.
    pub outcome: Outcome,
    /// A report, if one is due.
    pub reply: Option<Outgoing>,
}

/// A half-received whole whose time is over; it was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Abandoned {
    /// Who sent the parts.
    pub from: SocketAddrV4,
    /// The number of the whole.
    pub id: u64,
    /// Parts that never came.
    pub missing: u16,
}

/// The receiving side of fragmentation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Receiving {
    limits: ReceiveLimits,
    room: Room,
    slots: BTreeMap<(SocketAddrV4, u64), Slot>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Slot {
    whole: WholeId,
    state: State,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum State {
    Half { bytes: Vec<u8>, missing: Parts, idle: u32, life: u32 },
    Done { ticks: u32 },
}

impl Receiving {
    /// A receiving side that has nothing. `room` bounds its reports.
    pub fn new(limits: ReceiveLimits, room: Room) -> Receiving {
        let ReceiveLimits { idle, life, memory, done, .. } = limits;
        assert!(
            idle > 0 && life > 0 && memory > 0 && done > 0,
            "nothing could be kept: {limits:?}"
        );
        Receiving { limits, room, slots: BTreeMap::new() }
    }

    /// Takes a part, as decoded, that came from `from` in a message with `header`. The answer travels under
    /// the same header with sender and subject changed over.
    ///
    /// # Errors
    /// The part is not used and not answered: [`Refusal::Oversized`], [`Refusal::Parts`],
    /// [`Refusal::Full`], [`Refusal::SenderFull`], [`Refusal::Contradiction`], [`Refusal::Overlap`] change
    /// nothing; [`Refusal::Digest`] and [`Refusal::Content`] drop what was received of the whole.
    pub fn part(
        &mut self,
        from: SocketAddrV4,
        header: &Header,
        part: &Part<'_>,
    ) -> Result<Arrival, Refusal> {
        let key = (from, part.whole.id);
        if !self.slots.contains_key(&key) {
            self.admit(from, &part.whole)?;
        }
        let limits = self.limits;
        let slot = self.slots.entry(key).or_insert_with(|| Slot::begun(part.whole, &limits));
        if slot.whole != part.whole {
            return Err(Refusal::Contradiction);
        }
        let (new, missing) = slot.take(part, &limits)?;
        let outcome = match new {
            false => Outcome::Repeated,
            true if !missing.is_empty() => Outcome::Kept,
            true => Outcome::Whole(self.complete(key)?),
        };
        let due = part.round != 0 || matches!(outcome, Outcome::Whole(_));
        let report = Report { whole: part.whole, round: part.round, missing };
        let reply = due.then(|| Outgoing {
            to: vec![from],
            header: Header { sender: header.subject, subject: header.sender, ..*header },
            data: report.encode(),
        });
        Ok(Arrival { outcome, reply })
    }

    /// One tick has passed: what is over is dropped, and returned if it was a half.
    pub fn tick(&mut self) -> Vec<Abandoned> {
        let mut abandoned = Vec::new();
        self.slots.retain(|&(from, id), slot| match &mut slot.state {
            State::Half { missing, idle, life, .. } => {
                *idle -= 1;
                *life -= 1;
                let over = *idle == 0 || *life == 0;
                if over {
                    abandoned.push(Abandoned { from, id, missing: missing.len() });
                }
                !over
            }
            State::Done { ticks } => {
                *ticks -= 1;
                *ticks > 0
            }
        });
        abandoned
    }

    /// A sender is gone for other reasons: what it began is dropped.
    pub fn forget(&mut self, sender: SocketAddrV4) {
        self.slots.retain(|&(from, _), _| from != sender);
    }

    /// Bytes that half-received wholes take.
    pub fn bytes(&self) -> usize {
        self.slots.values().map(Slot::bytes).sum()
    }

    /// How many half-received wholes there are.
    pub fn halves(&self) -> usize {
        self.slots.values().filter(|slot| slot.is_half()).count()
    }

    /// How many completed wholes are remembered.
    pub fn done(&self) -> usize {
        self.slots.len() - self.halves()
    }

    /// The guards of a whole of which nothing is known yet.
    fn admit(&self, from: SocketAddrV4, whole: &WholeId) -> Result<(), Refusal> {
        let (have, most) = (whole.total as usize, self.limits.whole.min(MAX_WHOLE));
        if have > most {
            return Err(Refusal::Oversized { have, most });
        }
        if !self.room.holds_report(usize::from(whole.count)) {
            return Err(Refusal::Parts(usize::from(whole.count)));
        }
        let theirs = || self.slots.range((from, 0)..=(from, u64::MAX)).map(|(_, slot)| slot);
        let halves = theirs().filter(|slot| slot.is_half()).count();
        let bytes: usize = theirs().map(Slot::bytes).sum();
        if halves >= self.limits.halves_per_sender || bytes + have > self.limits.bytes_per_sender {
            return Err(Refusal::SenderFull);
        }
        if self.halves() >= self.limits.halves || self.bytes() + have > self.limits.bytes {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// All parts are there: judges them, and remembers the whole if it is delivered.
    fn complete(&mut self, key: (SocketAddrV4, u64)) -> Result<Vec<u8>, Refusal> {
        let Some(Slot { whole, state: State::Half { bytes, .. } }) = self.slots.remove(&key) else {
            unreachable!("a whole becomes complete by a part that was kept in its half");
        };
        if !whole.is_digest_of(&bytes) {
            return Err(Refusal::Digest);
        }
        match Message::decode(&bytes) {
            Ok(message) if message.kind() != Some(Kind::Fragment) => {}
            _ => return Err(Refusal::Content),
        }
        self.crowd_out();
        self.slots.insert(key, Slot { whole, state: State::Done { ticks: self.limits.memory } });
        Ok(bytes)
    }

    /// Makes room in the memory of completed wholes: who has most of it loses the entry that was silent
    /// longest.
    fn crowd_out(&mut self) {
        while self.done() >= self.limits.done {
            let mut shares: BTreeMap<SocketAddrV4, usize> = BTreeMap::new();
            for ((from, _), _) in self.slots.iter().filter(|(_, slot)| !slot.is_half()) {
                *shares.entry(*from).or_default() += 1;
            }
            let most = shares.iter().max_by_key(|&(_, count)| *count).map(|(&from, _)| from);
            let oldest = self
                .slots
                .iter()
                .filter(|((from, _), _)| Some(*from) == most)
                .filter_map(|(&key, slot)| slot.silence().map(|ticks| (ticks, key)))
                .min();
            let Some((_, key)) = oldest else { return };
            self.slots.remove(&key);
        }
    }
}

impl Slot {
    fn begun(whole: WholeId, limits: &ReceiveLimits) -> Slot {
        let state = State::Half {
            bytes: vec![0; whole.total as usize],
            missing: Parts::all(whole.count),
            idle: limits.idle,
            life: limits.life,
        };
        Slot { whole, state }
    }

    /// Takes a part in: whether it is new, and what is missing now.
    fn take(&mut self, part: &Part<'_>, limits: &ReceiveLimits) -> Result<(bool, Parts), Refusal> {
        match &mut self.state {
            State::Done { ticks } => {
                *ticks = limits.memory;
                Ok((false, Parts::none(self.whole.count)))
            }
            State::Half { bytes, missing, idle, .. } => {
                let place = &mut bytes[self.whole.range(part.index)];
                if missing.remove(part.index) {
                    place.copy_from_slice(part.bytes);
                    *idle = limits.idle;
                    return Ok((true, missing.clone()));
                }
                if place != part.bytes {
                    return Err(Refusal::Overlap);
                }
                Ok((false, missing.clone()))
            }
        }
    }

    fn is_half(&self) -> bool {
        matches!(self.state, State::Half { .. })
    }

    fn bytes(&self) -> usize {
        match &self.state {
            State::Half { bytes, .. } => bytes.len(),
            State::Done { .. } => 0,
        }
    }

    /// Ticks for which a completed whole is still remembered.
    fn silence(&self) -> Option<u32> {
        match self.state {
            State::Half { .. } => None,
            State::Done { ticks } => Some(ticks),
        }
    }
}
