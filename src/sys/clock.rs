//! The logical clock (thesis VI.B.2): ticks of a fixed length, input or not.
//!
//! In the original a tick was a receive that timed out, so that a flood of input stopped the clock. Here it
//! is a point in time: between ticks the process sleeps or handles input, and ticks that passed while it was
//! not run are noticed and told as such.

use std::time::{Duration, Instant};

/// Ticks since the start of the process.
#[derive(Clone, Debug)]
pub struct TickClock {
    period: Duration,
    next: Instant,
    ticks: u64,
}

impl TickClock {
    /// A clock whose first tick is one `period` (at least 1 ms) after `now`.
    pub fn new(now: Instant, period: Duration) -> TickClock {
        let period = period.max(Duration::from_millis(1));
        TickClock { period, next: now + period, ticks: 0 }
    }

    /// How long it is from `now` to the tick after `ticks` (at least 1) of them.
    pub fn sleep(&self, now: Instant, ticks: u32) -> Duration {
        (self.next + self.period * ticks.saturating_sub(1)).saturating_duration_since(now)
    }

    /// The ticks that passed since this was asked last: 0 if the next one is not due yet, as many as were
    /// to be slept through if all is well, more if the process was not run in time.
    pub fn elapsed(&mut self, now: Instant) -> u32 {
        let Some(late) = now.checked_duration_since(self.next) else { return 0 };
        let missed = late.as_nanos() / self.period.as_nanos();
        let missed = u32::try_from(missed).unwrap_or(u32::MAX - 1);
        self.next += self.period * (missed + 1);
        self.ticks += u64::from(missed) + 1;
        missed + 1
    }

    /// Ticks since the start.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Another length of a tick from the next one on.
    pub fn set_period(&mut self, now: Instant, period: Duration) {
        self.period = period.max(Duration::from_millis(1));
        self.next = now + self.period;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_come_on_time_and_lost_ones_are_told() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut clock = TickClock::new(start, ms(10));
        assert_eq!(clock.elapsed(start), 0);
        assert_eq!(clock.elapsed(start + ms(9)), 0);
        assert_eq!(clock.elapsed(start + ms(12)), 1);
        assert_eq!(clock.sleep(start + ms(12), 1), ms(8));
        assert_eq!(clock.sleep(start + ms(12), 3), ms(28));
        assert_eq!(clock.elapsed(start + ms(65)), 5);
        assert_eq!(clock.sleep(start + ms(65), 1), ms(5));
        assert_eq!(clock.ticks(), 6);
    }
}
