//! Pairwise monitoring (Figure 14): query the ccw neighbour, judge its silence.
//!
//! ```text
//!   Resting ── T_QUERY ──> Asking ── T_REPLY ──> ask again ... retries ... ──> failed
//!      ^                     │                                                   │
//!      └────── REPLY ────────┘ <──────────── and begin anew, T_QUERY later ──────┘
//! ```
//!
//! Any REPLY of the neighbour counts, whether one is outstanding or not, as in the original: it proves life.

use super::params::Params;
use super::reliable::{Reliable, Waiting};
use super::timer::Countdown;

/// The monitoring of one neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Monitor {
    /// Until the next QUERY.
    Resting {
        /// When it is due.
        next: Countdown,
    },
    /// A QUERY is out.
    Asking {
        /// For the REPLY.
        wait: Reliable,
    },
}

/// What a tick of the monitoring asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Nothing.
    Nothing,
    /// Send a QUERY (lines 1 and 2, and the retries of line 3).
    Query,
    /// Declare the neighbour failed (lines 4 and 5).
    Failed,
}

impl Monitor {
    /// Begins with a rest, as the original does.
    pub fn new(params: &Params) -> Monitor {
        Monitor::Resting { next: Countdown::after(params.query) }
    }

    /// Lets `elapsed` ticks pass.
    pub fn tick(&mut self, elapsed: u32, params: &Params) -> Duty {
        match self {
            Monitor::Resting { next } => {
                if !next.tick(elapsed) {
                    return Duty::Nothing;
                }
                *self = Monitor::Asking { wait: Reliable::start(params) };
                Duty::Query
            }
            Monitor::Asking { wait } => match wait.tick(elapsed, params) {
                Waiting::On => Duty::Nothing,
                Waiting::Again => Duty::Query,
                Waiting::GaveUp => {
                    *self = Monitor::new(params);
                    Duty::Failed
                }
            },
        }
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        match self {
            Monitor::Resting { next } => next.left(),
            Monitor::Asking { wait } => wait.due(),
        }
    }

    /// The neighbour replied (lines 6 and 7).
    pub fn answered(&mut self, params: &Params) {
        *self = Monitor::new(params);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::params::Profile;

    fn duties(ticks: u32, params: &Params) -> Vec<(u32, Duty)> {
        let mut monitor = Monitor::new(params);
        (1..=ticks)
            .map(|t| (t, monitor.tick(1, params)))
            .filter(|(_, duty)| *duty != Duty::Nothing)
            .collect()
    }

    /// The times of a running original: 60, 65, 70, 75, verdict at 80, next round at 140 s.
    #[test]
    fn the_thesis_profile_asks_four_times_and_judges_after_eighty_seconds() {
        let params = Profile::named("thesis").unwrap().params();
        assert_eq!(
            duties(140, &params),
            [
                (60, Duty::Query),
                (65, Duty::Query),
                (70, Duty::Query),
                (75, Duty::Query),
                (80, Duty::Failed),
                (140, Duty::Query)
            ]
        );
    }

    #[test]
    fn any_reply_starts_the_rest_anew() {
        let params = Profile::named("lan").unwrap().params();
        let mut monitor = Monitor::new(&params);
        for _ in 0..1000 {
            assert_eq!(monitor.tick(params.query - 1, &params), Duty::Nothing);
            monitor.answered(&params);
        }
    }
}
