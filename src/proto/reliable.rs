//! Reliable_receive (Figure 15): wait for an answer, ask again, give up.
//!
//! The thesis writes it as a procedure that waits. Here the waiting is a value: its owner sends the first
//! message, lets it tick, sends again when told to, and drops it when the answer comes.

use super::params::Params;
use super::timer::Countdown;

/// A wait for one answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reliable {
    timer: Countdown,
    left: u32,
}

/// What a tick made of a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// Nothing yet.
    On,
    /// Ask again (lines 5 to 9).
    Again,
    /// No answer to any of them (line 10).
    GaveUp,
}

impl Reliable {
    /// A wait that begins now: the first message has just been sent (lines 1 and 2).
    pub fn start(params: &Params) -> Reliable {
        Reliable { timer: Countdown::after(params.reply), left: params.retries }
    }

    /// Lets `elapsed` ticks pass.
    ///
    /// When more than T_REPLY passed at once, the process was not running: the answer may have been lost to a
    /// full socket, and nobody is to be accused of that. The running timer then starts again.
    pub fn tick(&mut self, elapsed: u32, params: &Params) -> Waiting {
        if elapsed > params.reply.max(1) {
            self.timer = Countdown::after(params.reply);
            return Waiting::On;
        }
        if !self.timer.tick(elapsed) {
            return Waiting::On;
        }
        if self.left == 0 {
            return Waiting::GaveUp;
        }
        self.left -= 1;
        self.timer = Countdown::after(params.reply);
        Waiting::Again
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        self.timer.left()
    }

    /// Retries left.
    pub fn left(&self) -> u32 {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::params::Profile;

    #[test]
    fn retries_means_retries() {
        let params = Params { reply: 4, retries: 2, ..Profile::named("lan").unwrap().params() };
        let mut wait = Reliable::start(&params);
        let mut said = Vec::new();
        for tick in 1..=20 {
            match wait.tick(1, &params) {
                Waiting::On => {}
                other => said.push((tick, other)),
            }
            if said.last().is_some_and(|s| s.1 == Waiting::GaveUp) {
                break;
            }
        }
        assert_eq!(said, [(4, Waiting::Again), (8, Waiting::Again), (12, Waiting::GaveUp)]);
    }

    #[test]
    fn a_process_that_was_stopped_accuses_nobody() {
        let params = Profile::named("lan").unwrap().params();
        let mut wait = Reliable::start(&params);
        for _ in 0..100 {
            assert_eq!(wait.tick(params.reply + 1, &params), Waiting::On);
        }
        assert_eq!(wait, Reliable::start(&params));
    }
}
