//! The door of a node that has keys: nothing unsigned goes out, and what may come in is judged first.
//!
//! ```text
//!   datagram ──> guard ── pass ──> the node ──> actions ──> signer ──> sent
//!                  └── challenge, answer ────────────────────^
//! ```
//!
//! What is no message at all is let through: the node refuses it anyway, and counts it by its cause.

use super::counters::Counters;
use super::note::Note;
use super::step::{Action, Input, Via};
use crate::wire::auth::{Fate, Finding, Guard, Keys, Mode, Signer};
use crate::wire::{Message, prefix};
use serde_json::{Value, json};
use std::net::SocketAddrV4;

/// The word for what could not be signed.
const NOT_SIGNED: &str = "not-signed";

/// Keys at work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Door {
    own: SocketAddrV4,
    guard: Guard,
    signer: Signer,
    counters: Counters,
}

impl Door {
    /// A door of a daemon at `own` that starts a life of its own: `boot` was never the boot time of another one
    /// at this address, `seed` is random, `second` is how many ticks a second has.
    pub fn new(
        own: SocketAddrV4,
        keys: Keys,
        mode: Mode,
        (boot, seed): (u64, [u8; 32]),
        second: u32,
    ) -> Door {
        let signer = Signer::new(keys.signing().clone(), boot);
        let guard = Guard::new(keys, mode, seed, second);
        Door { own, guard, signer, counters: Counters::default() }
    }

    /// Other keys and another mode from now on. Contacts stay.
    pub fn change(&mut self, keys: Keys, mode: Mode) {
        self.signer.set_key(keys.signing().clone());
        self.guard.set_keys(keys);
        self.guard.set_mode(mode);
    }

    /// Whether an input may go to the node.
    pub fn admit(&mut self, input: &Input<'_>, actions: &mut Vec<Action>) -> bool {
        match *input {
            Input::Tick { elapsed } => {
                self.guard.tick(elapsed);
                true
            }
            Input::Call { .. } | Input::Gone { .. } | Input::Stop => true,
            Input::Datagram { via, from, bytes } => {
                let (from, bytes) = match via {
                    Via::Own | Via::Group => (from, bytes),
                    Via::Mcaster => match prefix::decode(bytes) {
                        Ok(inner) => inner,
                        Err(_) => return true,
                    },
                };
                Message::receive(bytes, true).is_err() || self.judge(from, bytes, actions)
            }
        }
    }

    fn judge(&mut self, from: SocketAddrV4, bytes: &[u8], actions: &mut Vec<Action>) -> bool {
        let verdict = self.guard.admit(from, bytes);
        if let Some(bytes) = verdict.back {
            actions.push(Action::Send { to: from, bytes });
        }
        let (passes, finding) = match verdict.fate {
            Fate::Pass { doubt: None, .. } => return true,
            Fate::Pass { doubt: Some(finding), .. } => (true, finding),
            Fate::Drop(finding) => (false, finding),
        };
        self.counters.count(finding.word());
        if self.guard.mode().warns(finding) {
            let cause = finding.word();
            actions.push(Action::Note(match passes {
                true => Note::Doubted { cause, from },
                false => Note::Dropped { cause, from, error: None },
            }));
        }
        passes
    }

    /// Signs what is to be sent.
    pub fn seal(&mut self, actions: &mut [Action]) {
        for action in actions {
            if let Action::Send { bytes, .. } = action
                && self.signer.seal(bytes, self.own).is_err()
            {
                // It would be refused by everybody; sending it unsigned is no better in any mode.
                self.counters.count(NOT_SIGNED);
            }
        }
    }

    /// What `ms status` shows.
    pub fn status(&self) -> Value {
        let mut words = Counters::default().to_json();
        for word in Finding::WORDS.into_iter().chain([NOT_SIGNED]) {
            words[word] = self.counters.of(word).into();
        }
        let keys: Vec<u32> = self.guard.keys().ids().collect();
        json!({
            "mode": self.guard.mode().name(),
            "keys": keys,
            "contacts": self.guard.contacts(),
            "challenges": self.guard.challenges(),
            "counters": words,
        })
    }
}
