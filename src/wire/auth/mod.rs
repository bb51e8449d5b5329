//! Who sent this, and just now? A keyed MAC and a sequence number behind every message.
//!
//! ```text
//!    0            88         ...               n-40                                  n
//!    | header     | gid lists | payload        | trailer (see trailer.rs)            |
//!                             |<-------------- data_len bytes --------------------->|
//!
//!    A, just started                                        B, knows nothing of A's life
//!    | any message, signed, seq 1  ------------------------->|  no-contact: dropped, nothing believed
//!    |<---------------------------------  CHALLENGE, nonce   |  signed by B; at most one a second
//!    | RESPONSE, nonce, seq 2  ----------------------------->|  made after the nonce was: A lives, and its
//!    | the same request again, seq 3  ---------------------->|  window opens behind seq 2: passed
//! ```
//!
//! A MAC says that a member of the circle of keys made a message, not when. The sequence number says when, but
//! only to one who remembers the last; after a start of either side nobody does, so the receiver asks for a
//! signature under a nonce of its own. That opens the window for one life (boot time) of one sender (address
//! and port), behind the number of the answer: whatever was captured before stays outside, and nobody depends on
//! clocks that agree, or that only go forward. Peers retry what was dropped meanwhile.
//!
//! What this does not give: secrecy; a way to tell members that share a key apart, except by address; and a
//! binding to the receiver: one datagram serves a whole group, so the destination is not in the MAC, and a message
//! for one member can be shown, while it is fresh, to another, or to its own sender. The protocol above checks
//! whom a message concerns, and drops what bears its own address.
//!
//! [`Signer`] is the sender's side, [`Guard`] the receiver's; both are pure, the seed of the nonces and the boot
//! time come from outside. The `authentication` field of the header is the group's number of 1994, and no security.

mod challenge;
mod guard;
mod keys;
mod signer;
mod trailer;
mod verdict;
mod window;

pub use challenge::{NONCE_LEN, NONCE_PACES, Nonce, PAYLOAD_KIND, PAYLOAD_LEN, decode as nonce_of};
pub use guard::{ANSWERS, ANSWERS_EACH, CONTACTS, Guard, STRANGERS};
pub use keys::{Key, KeyError, KeyFault, Keys};
pub use signer::Signer;
pub use trailer::{MAC_LEN, MAGIC, TRAILER_LEN, Trailer};
pub use verdict::{Fate, Finding, Verdict};
pub use window::WIDTH as WINDOW;

use std::fmt;
use std::str::FromStr;

/// What becomes of messages that are not properly signed and fresh; everything sent is signed in all of them.
///
/// A set is taken into authentication without a stop by giving every host first `sign`, then
/// `prefer` until nothing is warned of any more, then `require`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// They pass; the finding is there to be counted.
    Sign,
    /// They pass, with a warning.
    Prefer,
    /// They are dropped.
    Require,
}

impl Mode {
    /// All of them, from lax to strict.
    pub const ALL: [Mode; 3] = [Mode::Sign, Mode::Prefer, Mode::Require];

    /// The word of the configuration file.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Sign => "sign",
            Mode::Prefer => "prefer",
            Mode::Require => "require",
        }
    }

    /// Whether an operator should be told of `finding`, at a limited rate. First contact is part of every
    /// start and passes by itself, so it is no news in any mode.
    pub const fn warns(self, finding: Finding) -> bool {
        match self {
            Mode::Sign => false,
            Mode::Prefer | Mode::Require => finding.is_wrong(),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is no [`Mode`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModeError;

impl fmt::Display for ModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be sign, prefer or require")
    }
}

impl std::error::Error for ModeError {}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(s: &str) -> Result<Mode, ModeError> {
        Mode::ALL.into_iter().find(|mode| mode.name() == s).ok_or(ModeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_its_word() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for word in ["", "Sign", "required", "none"] {
            assert_eq!(word.parse::<Mode>(), Err(ModeError));
        }
    }

    #[test]
    fn only_what_is_wrong_is_warned_of_and_not_while_signing_is_rolled_out() {
        assert!(Mode::Prefer.warns(Finding::Unsigned));
        assert!(Mode::Require.warns(Finding::BadMac));
        assert!(!Mode::Sign.warns(Finding::BadMac));
        assert!(!Mode::Prefer.warns(Finding::NoContact));
        assert!(!Mode::Require.warns(Finding::Proven));
    }
}
