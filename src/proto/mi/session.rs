//! Applications as the member interface counts them: their members, their calls, and whether they are there.
//!
//! ```text
//!   join with a patience ──> Alive? ── a third ──> Alive? ── a third ──> Alive? ── a third ──> failed
//!                              └── answer: from the start ──┘
//! ```

use crate::proto::timer::Countdown;
use crate::wire::group::RequestId;

/// Questions in one patience: an application may miss two and still be there.
const QUESTIONS: u32 = 3;

/// Where one of our members is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    /// On its way in, by the request of that number.
    Joining(u64),
    /// In the last view of the group of this incarnation.
    In(RequestId),
    /// In no view that we know: another group should have it.
    Astray,
}

/// One of our members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Local {
    /// Whose it is.
    pub client: u64,
    /// Where it is.
    pub home: Home,
}

/// An application with members, or with calls under way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Session {
    /// Numbers of its members.
    pub members: Vec<u32>,
    /// Calls under way.
    pub calls: usize,
    /// Whether it is there.
    pub watch: Watch,
}

/// Whether an application is there, as far as it wants to be asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Watch {
    /// Numbers of the members that joined with a patience, and that patience in ticks.
    patient: Vec<(u32, u32)>,
    /// Of the last question, and of the last answer.
    nonce: u32,
    answered: u32,
    /// Ticks since it last answered.
    silent: u32,
    ask: Countdown,
}

/// What a watch wants done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Watched {
    /// Ask it, with this nonce.
    Ask(u32),
    /// Its members with a patience failed.
    Silent,
}

impl Session {
    /// One of its members is no more.
    pub fn forget(&mut self, member: u32) {
        self.members.retain(|&number| number != member);
        self.watch.patient.retain(|&(number, _)| number != member);
    }

    /// Nothing is left to know of it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.calls == 0
    }
}

impl Watch {
    /// From now on a member counts as failed if the application does not answer for so many ticks. Whoever joins is
    /// there.
    pub fn add(&mut self, member: u32, patience: u32) {
        self.silent = 0;
        self.patient.push((member, patience.max(QUESTIONS)));
        let third = self.third();
        if self.ask == Countdown::OFF || self.ask.left() > third {
            self.ask = Countdown::after(third);
        }
    }

    /// The members that fail together.
    pub fn patient(&self) -> Vec<u32> {
        self.patient.iter().map(|&(number, _)| number).collect()
    }

    /// It answers a question; one that was asked, and not answered yet.
    pub fn answer(&mut self, nonce: u32) {
        let open = self.nonce.wrapping_sub(self.answered);
        if self.nonce.wrapping_sub(nonce) < open {
            (self.answered, self.silent) = (nonce, 0);
        }
    }

    /// Time passes. A longer time than there is between two questions was our own absence, not the application's.
    pub fn tick(&mut self, elapsed: u32) -> Option<Watched> {
        if self.patient.is_empty() {
            return None;
        }
        self.silent += elapsed.min(self.third());
        if self.silent >= self.patience() {
            return Some(Watched::Silent);
        }
        if !self.ask.tick(elapsed) {
            return None;
        }
        self.ask = Countdown::after(self.third());
        self.nonce = self.nonce.wrapping_add(1);
        Some(Watched::Ask(self.nonce))
    }

    /// Ticks until something is due.
    pub fn due(&self) -> u32 {
        match self.patient.is_empty() {
            true => u32::MAX,
            false => self.ask.left().min(self.patience().saturating_sub(self.silent)).max(1),
        }
    }

    /// That of the least patient member.
    fn patience(&self) -> u32 {
        self.patient.iter().map(|&(_, patience)| patience).min().unwrap_or(u32::MAX)
    }

    fn third(&self) -> u32 {
        self.patience() / QUESTIONS
    }
}
