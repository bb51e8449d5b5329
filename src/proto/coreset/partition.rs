//! Sides that lost and find each other (P-rules; thesis IV.E.1).
//!
//! ```text
//!   leader of {0,1}                      leader of {2,3}
//!   PROBE(view) by multicast ──────────> lower address than mine?  I answer: PROBE-REPLY(view)
//!   my side has the lowest address: Merge(both views), an ordinary change with two parents
//! ```

use super::state::Phase;
use super::turn::Turn;
use crate::proto::timer::Countdown;
use crate::wire::coreset::{Body, Change, ChangeKind, CoreMessage, View, Wait};
use std::net::SocketAddrV4;

/// Probes that go out often after an install, and after a loss.
pub(super) const EAGER: u32 = 33;
pub(super) const EAGER_FOR_LOST: u32 = 200;
/// Most doublings of the time between probes.
const BACKOFF: u32 = 2;

impl Turn<'_> {
    /// A leader looks for other sides in every state.
    pub fn tick_probe(&mut self, elapsed: u32) {
        let params = self.me.config.params;
        self.at.eager = self.at.eager.saturating_sub(elapsed);
        for time in self.at.lost.values_mut().flatten() {
            *time = time.saturating_sub(elapsed);
        }
        if self.at.merged.tick(elapsed) {
            self.at.backoff = 0;
        }
        if self.at.probe.tick(elapsed) {
            self.at.probe = Countdown::after(self.probe_period());
            if self.leads() {
                self.probe(false);
            }
        }
        let due: Vec<SocketAddrV4> = self
            .at
            .merges
            .iter_mut()
            .filter_map(|(at, search)| search.timer.tick(elapsed).then_some(*at))
            .collect();
        for at in due {
            let Some(search) = self.at.merges.get_mut(&at) else { continue };
            if search.left == 0 {
                self.at.merges.remove(&at);
                self.refused(&format!("no merge with {at}: no leader of a set answers there"));
                continue;
            }
            search.left -= 1;
            search.timer = Countdown::after(params.probe);
            let view = Box::new(self.at.view.clone());
            self.send(at, Body::Probe { view, force: true });
        }
        self.rename_if_due();
    }

    /// Ticks to the next probe: few while others may be about, more when merges with them do not last.
    pub fn probe_period(&self) -> u32 {
        let params = &self.me.config.params;
        let often = params.probe << self.at.backoff;
        if self.at.eager > 0 { often } else { often.max(params.probe_idle) }
    }

    /// A Merge failed, or did not last: where probes get through and little else does, a set would flap.
    pub fn back_off(&mut self) {
        self.at.backoff = (self.at.backoff + 1).min(BACKOFF);
    }

    /// What a change that is installed says of the last Merge.
    pub fn judge_merge(&mut self, change: &Change) {
        if change.is_merge() {
            self.at.merged = Countdown::after(self.me.config.params.query.saturating_mul(4));
        } else if !change.excl.is_empty() && self.at.merged.left() > 0 {
            self.at.merged = Countdown::OFF;
            self.back_off();
        }
    }

    fn probe(&mut self, force: bool) {
        let view = Box::new(self.at.view.clone());
        self.multicast(Body::Probe { view, force });
    }

    /// P1: the time to find the others is over; this side takes a name of its own.
    fn rename_if_due(&mut self) {
        let over = !self.at.lost.is_empty() && self.at.lost.values().all(|t| *t == Some(0));
        if over && self.leads() && self.at.phase == Phase::Idle && !self.physical_waits() {
            self.start(ChangeKind::Rename, "the others were not found");
        }
    }

    /// P3: another leader's view; `asked`: a PROBE, else the answer to one.
    pub fn on_probe(&mut self, m: &CoreMessage, other: &View, force: bool, asked: bool) {
        let sender = m.from.life.address;
        if self.at.view.contains(sender) {
            return self.ignore("probe-of-a-member", sender);
        }
        if (m.name != self.at.view.name && !force) || other.level != self.at.view.level {
            return self.ignore("probe-of-another-set", sender);
        }
        if other.addresses().any(|a| self.at.view.contains(a)) {
            return match other.contains(self.own()) {
                true => self.send(sender, Body::Wait(Wait::Notice(other.position))),
                false => self.ignore("probe-shares-a-member", sender),
            };
        }
        if !self.leads() {
            return self.ignore("probe-is-the-leaders", sender);
        }
        if !asked {
            self.at.probe_replies = self.at.probe_replies.wrapping_add(1);
        }
        let first = self.at.view.lowest() < other.lowest();
        let patience = !asked && self.at.probe_replies.is_multiple_of(3);
        let idle = self.at.phase == Phase::Idle && self.at.iso.is_empty();
        if idle && (first || patience) && !self.physical_waits() {
            return self.merge_with(other);
        }
        let busy = self.at.floor.as_ref().is_some_and(|c| c.is_batch());
        if busy && self.is_live_here() {
            self.at.meet = Some(sender);
        }
        if asked {
            self.at.hold = Countdown::after(2 * self.me.config.params.reply);
            let view = Box::new(self.at.view.clone());
            self.send(sender, Body::ProbeReply { view, force });
        }
    }

    fn is_live_here(&self) -> bool {
        !matches!(self.at.phase, Phase::Idle)
    }

    /// A batch is done and somebody wants to meet us: no further one is started for a while.
    pub fn meet(&mut self, other: SocketAddrV4) {
        self.at.hold = Countdown::after(2 * self.me.config.params.reply);
        let view = Box::new(self.at.view.clone());
        self.send(other, Body::Probe { view, force: false });
    }
}
