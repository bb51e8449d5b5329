//! The sending side: holds wholes until every receiver has acknowledged or is given up.
//!
//! For each receiver of a whole it is in one of two turns:
//!
//! ```text
//!            a round's last part has gone out and asks
//!  Sending ---------------------------------------------> Waiting
//!  { queue }                                              { ticks, probe }
//!     ^  <--- MISSING: the queue is what is missing --------|  |  |
//!     |  <--- `wait` ticks without an answer: the probe ----+  |  |
//!                                     RECEIVED: done <---------+  |
//!       more than `retries` tries without progress: given up <----+
//! ```
//!
//! Parts leave in [`Sending::send`] and [`Sending::tick`], at most `burst` of them a tick, oldest whole
//! first, so that a large whole does not overrun the receivers' socket buffers. Reports only fill queues:
//! what several receivers miss leaves with the next tick as one [`Outgoing`] to all of them.

use super::payload::{self, Part, Report, WholeId};
use super::{MAX_PARTS, MAX_WHOLE, Outgoing, Parts, Refusal, Room};
use crate::sorted::Sorted as _;
use crate::wire::{Header, Kind, Message};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// How much a sending side holds and how long it tries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SendLimits {
    /// Largest whole in bytes; more than [`MAX_WHOLE`] means that.
    pub whole: usize,
    /// Wholes held at once.
    pub wholes: usize,
    /// Bytes of wholes held at once.
    pub bytes: usize,
    /// Parts that leave in a tick, 1 or more. A part to several receivers counts once.
    pub burst: u16,
    /// Ticks to wait for a report before it is asked for again, 1 or more.
    pub wait: u32,
    /// Tries in a row without progress after which a receiver is given up.
    pub retries: u8,
}

impl Default for SendLimits {
    /// 16 wholes and 4 MiB at once, 32 parts a tick, 8 tries 5 ticks apart.
    fn default() -> SendLimits {
        SendLimits {
            whole: MAX_WHOLE,
            wholes: 16,
            bytes: 4 * MAX_WHOLE,
            burst: 32,
            wait: 5,
            retries: 8,
        }
    }
}

/// What a sending side wants done or known.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A part is to be sent.
    Send(Outgoing),
    /// A receiver said nothing, or nothing new, for too long: the whole is not repeated to it any more. It
    /// may have it nevertheless.
    GaveUp {
        /// The whole.
        id: u64,
        /// The receiver.
        to: SocketAddrV4,
    },
}

/// What a report brought about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Progress {
    /// So many parts will be sent again.
    Repeats(u16),
    /// This receiver has the whole, others do not yet.
    Received,
    /// The last receiver has the whole: it is not held any more.
    Complete,
}

/// The sending side of fragmentation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sending {
    limits: SendLimits,
    room: Room,
    next: u64,
    /// Parts that may still leave in this tick.
    credit: u16,
    wholes: BTreeMap<u64, Whole>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Whole {
    id: WholeId,
    header: Header,
    bytes: Vec<u8>,
    receivers: BTreeMap<SocketAddrV4, Receiver>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Receiver {
    turn: Turn,
    /// The last round that was asked about; 0 before the first.
    asked: u32,
    /// Reports of this round and before are settled.
    settled: u32,
    /// The fewest parts that were ever reported missing: what progress is measured by.
    fewest: u16,
    /// Tries since the last progress.
    tries: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Turn {
    /// These parts are to go out, never none; the last one asks.
    Sending { queue: Parts },
    /// A report is due within so many ticks, or `probe` goes out again.
    Waiting { ticks: u32, probe: u16 },
}

impl Sending {
    /// A sending side with nothing to send. Its wholes are numbered from `first`, which must lie above all
    /// numbers that an earlier life of this process used: a boot time in the upper half will do.
    pub fn new(limits: SendLimits, room: Room, first: u64) -> Sending {
        assert!(limits.burst > 0 && limits.wait > 0, "nothing would ever leave: {limits:?}");
        Sending { limits, room, next: first, credit: limits.burst, wholes: BTreeMap::new() }
    }

    /// Takes a whole, one complete encoded message that is not a FRAGMENT, to be brought to all of `to`.
    /// Returns its number, and appends the first burst to `events`. Fragments travel under the header of
    /// the whole, but for the type.
    ///
    /// # Errors
    /// The whole is not held, nothing changed: [`Refusal::Oversized`], [`Refusal::Parts`],
    /// [`Refusal::Needless`] if it fits one datagram or `to` is empty, [`Refusal::Content`] if it is no
    /// message, [`Refusal::Full`].
    pub fn send(
        &mut self,
        whole: Vec<u8>,
        to: &[SocketAddrV4],
        events: &mut Vec<Event>,
    ) -> Result<u64, Refusal> {
        let (header, count) = self.admit(&whole, to)?;
        let id = WholeId {
            id: self.next,
            total: u32::try_from(whole.len()).expect("no more than MAX_WHOLE"),
            count,
            digest: payload::digest(&whole),
        };
        self.next += 1;
        let fresh = Receiver {
            turn: Turn::Sending { queue: Parts::all(count) },
            asked: 0,
            settled: 0,
            fewest: count,
            tries: 0,
        };
        let receivers = to.iter().map(|&to| (to, fresh.clone())).sorted_map();
        self.wholes.insert(id.id, Whole { id, header, bytes: whole, receivers });
        self.flush(events);
        Ok(id.id)
    }

    /// The guards of [`Sending::send`]: the header for the fragments, and the number of parts.
    fn admit(&self, whole: &[u8], to: &[SocketAddrV4]) -> Result<(Header, u16), Refusal> {
        let (have, most) = (whole.len(), self.limits.whole.min(MAX_WHOLE));
        if have > most {
            return Err(Refusal::Oversized { have, most });
        }
        let message = Message::decode(whole).map_err(|_| Refusal::Content)?;
        if message.kind() == Some(Kind::Fragment) {
            return Err(Refusal::Content);
        }
        if to.is_empty() || self.room.fits(have) {
            return Err(Refusal::Needless);
        }
        let count = self.room.count(have);
        if count > MAX_PARTS || !self.room.holds_report(count) {
            return Err(Refusal::Parts(count));
        }
        if self.wholes.len() >= self.limits.wholes || self.bytes() + have > self.limits.bytes {
            return Err(Refusal::Full);
        }
        let header = Header { code: Kind::Fragment.code(), ..message.header };
        Ok((header, u16::try_from(count).expect("no more than MAX_PARTS")))
    }

    /// Takes what a receiver said.
    ///
    /// # Errors
    /// The report is ignored, nothing changed: [`Refusal::Unknown`], [`Refusal::Contradiction`],
    /// [`Refusal::Stale`].
    pub fn report(&mut self, from: SocketAddrV4, report: &Report) -> Result<Progress, Refusal> {
        let id = report.whole.id;
        let whole = self.wholes.get_mut(&id).ok_or(Refusal::Unknown)?;
        if whole.id != report.whole {
            return Err(Refusal::Contradiction);
        }
        let receiver = whole.receivers.get_mut(&from).ok_or(Refusal::Unknown)?;
        if report.missing.is_empty() {
            whole.receivers.remove(&from);
            return Ok(self.close(id));
        }
        // A report that was overtaken by the answer to a later question, or came twice, would have parts
        // repeated that have been repeated already.
        if report.round <= receiver.settled || report.round > receiver.asked {
            return Err(Refusal::Stale);
        }
        receiver.settled = receiver.asked;
        let missing = report.missing.len();
        if missing < receiver.fewest {
            receiver.fewest = missing;
            receiver.tries = 0;
        } else {
            receiver.tries = receiver.tries.saturating_add(1);
        }
        receiver.turn = Turn::Sending { queue: report.missing.clone() };
        Ok(Progress::Repeats(missing))
    }

    /// One tick has passed: asks again where no report came, gives up where that was in vain, and lets the
    /// next burst leave.
    pub fn tick(&mut self, events: &mut Vec<Event>) {
        self.credit = self.limits.burst;
        let retries = self.limits.retries;
        for whole in self.wholes.values_mut() {
            let id = whole.id.id;
            whole.receivers.retain(|&to, receiver| {
                receiver.tick(whole.id.count);
                let keep = receiver.tries <= retries;
                if !keep {
                    events.push(Event::GaveUp { id, to });
                }
                keep
            });
        }
        self.wholes.retain(|_, whole| !whole.receivers.is_empty());
        self.flush(events);
    }

    /// A receiver is gone for other reasons: nothing more is sent to it, and nobody is told.
    pub fn forget(&mut self, receiver: SocketAddrV4) {
        for whole in self.wholes.values_mut() {
            whole.receivers.remove(&receiver);
        }
        self.wholes.retain(|_, whole| !whole.receivers.is_empty());
    }

    /// Bytes of the wholes that are held.
    pub fn bytes(&self) -> usize {
        self.wholes.values().map(|whole| whole.bytes.len()).sum()
    }

    /// How many wholes are held.
    pub fn wholes(&self) -> usize {
        self.wholes.len()
    }

    /// Drops the whole if no receiver is left.
    fn close(&mut self, id: u64) -> Progress {
        if self.wholes.get(&id).is_some_and(|whole| !whole.receivers.is_empty()) {
            return Progress::Received;
        }
        self.wholes.remove(&id);
        Progress::Complete
    }

    /// Lets parts leave while there is credit.
    fn flush(&mut self, events: &mut Vec<Event>) {
        for whole in self.wholes.values_mut() {
            while self.credit > 0 {
                let Some(index) = whole.lowest() else { break };
                self.credit -= 1;
                whole.emit(index, self.limits.wait, events);
            }
        }
    }
}

impl Whole {
    /// The lowest part that anyone is to be sent.
    fn lowest(&self) -> Option<u16> {
        self.receivers.values().filter_map(Receiver::first).min()
    }

    /// Sends part `index` to everyone in whose queue it is. Whose queue ends with it is asked, in a message
    /// of its own: a question to the others would come too early, and have them report what is still under
    /// way.
    fn emit(&mut self, index: u16, wait: u32, events: &mut Vec<Event>) {
        let mut rounds: BTreeMap<u32, Vec<SocketAddrV4>> = BTreeMap::new();
        for (&to, receiver) in &mut self.receivers {
            if let Some(round) = receiver.take(index, wait) {
                rounds.entry(round).or_default().push(to);
            }
        }
        for (round, to) in rounds {
            let bytes = &self.bytes[self.id.range(index)];
            let data = Part { whole: self.id, index, round, bytes }.encode();
            events.push(Event::Send(Outgoing { to, header: self.header, data }));
        }
    }
}

impl Receiver {
    fn tick(&mut self, count: u16) {
        let Turn::Waiting { ticks, probe } = &mut self.turn else { return };
        *ticks -= 1;
        if *ticks == 0 {
            let mut queue = Parts::none(count);
            queue.insert(*probe);
            self.turn = Turn::Sending { queue };
            self.tries = self.tries.saturating_add(1);
        }
    }

    fn first(&self) -> Option<u16> {
        match &self.turn {
            Turn::Sending { queue } => queue.first(),
            Turn::Waiting { .. } => None,
        }
    }

    /// Takes part `index` from the queue, if it is in it; returns the round that ends with it, else 0.
    fn take(&mut self, index: u16, wait: u32) -> Option<u32> {
        let Turn::Sending { queue } = &mut self.turn else { return None };
        if !queue.remove(index) {
            return None;
        }
        if !queue.is_empty() {
            return Some(0);
        }
        // Progress is at least one part in `retries` + 1 rounds, so no round number comes near 2^32.
        self.asked += 1;
        self.turn = Turn::Waiting { ticks: wait, probe: index };
        Some(self.asked)
    }
}
