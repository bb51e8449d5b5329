//! Whether an application is there (III.A.5: the member interface polls its processes).
//!
//! ```text
//!   fixed T x 2      Alive? ── T ── Alive? ── T ── Alive? ── T ── failed       asked once in T, whatever comes
//!   patience L       Alive? ── a third ── Alive? ── a third ── failed          L after the last answer
//!                       └── answer: this question and all before it are answered
//! ```
//!
//! A group whose monitor is fixed fixes the limit of its members: an application that takes longer to answer has failed, be it
//! dead or slow, and be it us who were kept from running. Otherwise who joins may name a patience, and the limit follows
//! what is measured: it is at least the patience, and grows with the round trip as the timeouts of TCP do (RFC 6298), up to
//! [`MOST`] times as much; time that we were kept from running does not count. An application that grows slower and
//! slower is not taken for dead; one that ends answering is, a little later.

use crate::proto::timer::Countdown;
use std::collections::VecDeque;

/// Questions in one patience, the last of which need not be answered.
const THIRDS: u32 = 3;
/// How many times its patience an application that answers slowly may take.
const MOST: u32 = 8;
/// Unanswered questions that are remembered; more are not asked.
const OPEN: usize = 128;

/// What is demanded of an application for one of its members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Demand {
    /// Not to be silent for so many ticks, or as much longer as its answers take.
    Patience(u32),
    /// To answer within `retries` + 1 times so many ticks.
    Fixed {
        /// Ticks from one question to the next.
        every: u32,
        /// Questions that may be repeated.
        retries: u32,
    },
}

/// Whether it is there, as far as it is asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Watch {
    /// By the numbers of the members; one may be in it twice.
    demands: Vec<(u32, Demand)>,
    /// Of the last question.
    nonce: u32,
    /// Questions without an answer, the oldest first.
    open: VecDeque<Open>,
    /// Ticks since it last answered, without those that we were kept from running.
    silent: u32,
    ask: Countdown,
    trip: Trip,
}

/// A question without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Open {
    nonce: u32,
    /// Ticks since it was asked.
    age: u32,
}

/// The round trip, smoothed: eighths of a tick, and quarters of its mean deviation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Trip {
    eighths: u32,
    quarters: u32,
}

/// What a watch wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Watched {
    /// Ask it, with this nonce.
    Ask(u32),
    /// These of its members failed.
    Silent(Vec<u32>),
}

impl Watch {
    /// From now on a member counts as failed if the application is silent for so many ticks.
    pub fn add(&mut self, member: u32, patience: u32) {
        self.demands.push((member, Demand::Patience(patience.max(THIRDS))));
        self.hurry();
    }

    /// The group that a member came to fixes how it is asked, or does not.
    pub fn fix(&mut self, member: u32, fixed: Option<Demand>) {
        let is_fixed = |(m, d): &(u32, Demand)| *m == member && matches!(d, Demand::Fixed { .. });
        let before = self.demands.iter().find(|demand| is_fixed(demand)).map(|(_, d)| *d);
        if before == fixed {
            return;
        }
        self.demands.retain(|demand| !is_fixed(demand));
        self.demands.extend(fixed.map(|demand| (member, demand)));
        self.hurry();
    }

    /// In how many ticks an answer is demanded for a member; 0: its group says, or nothing is.
    pub fn patience_of(&self, member: u32) -> u32 {
        let of = |&(number, demand): &(u32, Demand)| match demand {
            Demand::Patience(patience) if number == member => Some(patience),
            _ => None,
        };
        self.demands.iter().find_map(of).unwrap_or(0)
    }

    /// Nothing is demanded for that member any more.
    pub fn forget(&mut self, member: u32) {
        self.demands.retain(|&(number, _)| number != member);
        if self.demands.is_empty() {
            (self.ask, self.open) = (Countdown::OFF, VecDeque::new());
        }
    }

    /// It gave a sign of life by itself.
    pub fn heard(&mut self) {
        self.open.clear();
        self.silent = 0;
    }

    /// It answers a question; one that is open.
    pub fn answer(&mut self, nonce: u32) {
        let Some(place) = self.open.iter().position(|open| open.nonce == nonce) else { return };
        self.trip.measure(self.open[place].age);
        self.open.drain(..=place);
        self.silent = 0;
    }

    /// Time passes. What is beyond the time that we wanted to sleep was our own absence, not the application's.
    pub fn tick(&mut self, elapsed: u32) -> Option<Watched> {
        if self.demands.is_empty() {
            return None;
        }
        self.silent = self.silent.saturating_add(elapsed.min(self.due()));
        self.open.iter_mut().for_each(|open| open.age = open.age.saturating_add(elapsed));
        let silent: Vec<u32> = self.late().collect();
        if !silent.is_empty() {
            return Some(Watched::Silent(silent));
        }
        if !self.ask.tick(elapsed) {
            return None;
        }
        self.ask = Countdown::after(self.interval());
        if self.open.len() >= OPEN {
            return None;
        }
        self.nonce = self.nonce.wrapping_add(1);
        self.open.push_back(Open { nonce: self.nonce, age: 0 });
        Some(Watched::Ask(self.nonce))
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        if self.demands.is_empty() {
            return u32::MAX;
        }
        let ends = self.demands.iter().filter_map(|&(_, demand)| {
            let (waited, limit) = self.standing(demand)?;
            Some(limit.saturating_sub(waited))
        });
        ends.chain([self.ask.left()]).min().unwrap_or(u32::MAX).max(1)
    }

    /// The members whose limit is over.
    fn late(&self) -> impl Iterator<Item = u32> {
        let late = |demand| self.standing(demand).is_some_and(|(waited, limit)| waited >= limit);
        self.demands.iter().filter(move |(_, demand)| late(*demand)).map(|(member, _)| *member)
    }

    /// How long it has been waited for an answer, and how long it can be; nothing where none is due.
    fn standing(&self, demand: Demand) -> Option<(u32, u32)> {
        let oldest = self.open.front()?;
        Some(match demand {
            Demand::Patience(patience) => (self.silent, self.stretched(patience)),
            Demand::Fixed { every, retries } => (oldest.age, every.saturating_mul(retries + 1)),
        })
    }

    /// A patience, or more where answers take longer: each has twice the time in which it should have come.
    fn stretched(&self, patience: u32) -> u32 {
        let slow = self.trip.timeout().saturating_mul(2);
        slow.clamp(patience, patience.saturating_mul(MOST))
    }

    /// From one question to the next.
    fn interval(&self) -> u32 {
        let of = |&(_, demand): &(u32, Demand)| match demand {
            Demand::Patience(patience) => self.stretched(patience) / THIRDS,
            Demand::Fixed { every, .. } => every,
        };
        self.demands.iter().map(of).min().unwrap_or(u32::MAX).max(1)
    }

    /// The next question comes no later than it must by now.
    fn hurry(&mut self) {
        let interval = self.interval();
        if !self.demands.is_empty() && (self.ask == Countdown::OFF || self.ask.left() > interval) {
            self.ask = Countdown::after(interval);
        }
    }
}

impl Trip {
    /// An answer took so many ticks.
    fn measure(&mut self, ticks: u32) {
        let ticks = ticks.min(u32::MAX / 64);
        if *self == Trip::default() {
            *self = Trip { eighths: ticks * 8, quarters: 0 };
            return;
        }
        let smooth = self.eighths / 8;
        self.eighths = self.eighths - smooth + ticks;
        self.quarters = self.quarters - self.quarters / 4 + ticks.abs_diff(smooth);
    }

    /// Within how many ticks an answer should come.
    fn timeout(self) -> u32 {
        self.eighths / 8 + self.quarters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An application that answers each question so many ticks later; how many ticks until it failed, if it did.
    fn fails(watch: &mut Watch, ticks: u32, delay: impl Fn(u32) -> Option<u32>) -> Option<u32> {
        let mut answers: Vec<(u32, u32)> = Vec::new();
        for now in 1..=ticks {
            let due: Vec<u32> =
                answers.iter().filter(|(at, _)| *at <= now).map(|(_, nonce)| *nonce).collect();
            answers.retain(|(at, _)| *at > now);
            due.into_iter().for_each(|nonce| watch.answer(nonce));
            match watch.tick(1) {
                Some(Watched::Silent(_)) => return Some(now),
                Some(Watched::Ask(nonce)) => {
                    answers.extend(delay(now).map(|delay| (now + delay, nonce)));
                }
                None => {}
            }
        }
        None
    }

    fn patient(ticks: u32) -> Watch {
        let mut watch = Watch::default();
        watch.add(1, ticks);
        watch
    }

    fn fixed(every: u32, retries: u32) -> Watch {
        let mut watch = Watch::default();
        watch.fix(1, Some(Demand::Fixed { every, retries }));
        watch
    }

    #[test]
    fn a_fixed_bound_is_kept_whenever_the_application_hangs() {
        for (every, retries) in [(1, 0), (5, 0), (10, 3), (7, 1)] {
            for hangs in 1..60 {
                let mut watch = fixed(every, retries);
                let answers = |now| (now < hangs).then_some(0);
                let failed = fails(&mut watch, 1000, answers).expect("it hangs");
                let (took, bound) = (failed - hangs, every * (retries + 2));
                assert!(took <= bound, "{every} x {retries}: {took} of {bound}, from {hangs}");
                assert!(took > every * retries, "no earlier than all retries");
            }
        }
    }

    #[test]
    fn a_patience_ends_when_it_is_said_to_where_nothing_is_slow() {
        assert_eq!(fails(&mut patient(40), 1000, |_| None), Some(40));
        assert_eq!(fails(&mut patient(40), 10_000, |_| Some(1)), None);
        let hangs = |now| (now < 500).then_some(1);
        let failed = fails(&mut patient(40), 1000, hangs).unwrap();
        assert!((500..=540).contains(&failed), "{failed}");
    }

    #[test]
    fn under_growing_delay_fixed_excludes_the_living_and_adaptive_does_not() {
        // From nothing to 150 ticks in 3000: nobody is dead.
        let delay = |now| Some(now / 20);
        let excluded = fails(&mut fixed(13, 1), 3000, delay).expect("fixed does");
        assert!((26 * 20..26 * 20 + 60).contains(&excluded), "{excluded}: past 26 ticks");
        assert_eq!(fails(&mut patient(40), 3000, delay), None);
        // And yet one that ends answering is found out.
        let dies = |now| (now < 2000).then_some(now / 20);
        let failed = fails(&mut patient(40), 5000, dies).expect("it is dead");
        assert!(
            failed <= 2000 + 100 + 40 * MOST,
            "{failed}: its last answers are under way for 100"
        );
    }

    #[test]
    fn our_own_absence_is_held_against_nobody_but_where_the_bound_is_fixed() {
        let silent = |watch: &mut Watch| {
            let asked = (0..13).find_map(|_| watch.tick(1));
            assert_eq!(asked, Some(Watched::Ask(1)));
            watch.tick(1000)
        };
        assert_ne!(silent(&mut patient(40)), Some(Watched::Silent(vec![1])));
        assert_eq!(silent(&mut fixed(13, 1)), Some(Watched::Silent(vec![1])));
    }

    #[test]
    fn each_member_has_the_limit_that_was_demanded_for_it() {
        let mut watch = patient(40);
        watch.add(2, 100);
        let (mut gone, mut now) = (Vec::new(), 0);
        while gone.len() < 2 {
            now += 1;
            if let Some(Watched::Silent(members)) = watch.tick(1) {
                members.iter().for_each(|&member| watch.forget(member));
                gone.push((now, members));
            }
        }
        assert_eq!(gone[0], (40, vec![1]));
        assert!(gone[1].0 <= 100 && gone[1].1 == [2], "{gone:?}");
        assert_eq!(watch.due(), u32::MAX);
    }

    #[test]
    fn who_never_answers_is_not_asked_for_ever() {
        let mut watch = fixed(1_000_000, 0);
        watch.add(2, 1_000_000);
        watch.add(3, 3);
        watch.demands.retain(|(member, _)| *member != 3);
        watch.ask = Countdown::after(1);
        let asked = (0..10_000).filter_map(|_| {
            watch.ask = Countdown::after(1);
            watch.tick(1)
        });
        assert_eq!(asked.count(), OPEN);
    }
}
