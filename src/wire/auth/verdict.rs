//! What a guard finds, and the words for it.
//!
//! A verdict has two parts that do not depend on each other: what becomes of the datagram, and what its
//! sender is told. In a lax mode a message may pass and its sender be challenged all the same.

use std::fmt;

/// What a datagram turned out to be, other than properly signed and fresh.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Finding {
    /// It is no message at all, or a CHALLENGE or RESPONSE without a nonce.
    Malformed,
    /// It has no trailer.
    Unsigned,
    /// It is signed with a key that is not live here.
    UnknownKey,
    /// The MAC is wrong: forged, changed, sent from another address, or another secret of the same number.
    BadMac,
    /// Its sequence number was seen before, or is older than the window.
    Replayed,
    /// It is rightly signed, but whether now or long ago is not proven yet.
    NoContact,
    /// It was a CHALLENGE, and the answer is given back.
    Answered,
    /// It was a CHALLENGE; its sender gets no more answers in this pace.
    Hurried,
    /// It was the RESPONSE that proves its sender alive.
    Proven,
    /// It was a RESPONSE to a nonce that is not, or no longer, asked.
    Unasked,
}

impl Finding {
    /// The word of each, for counters and their documentation.
    pub const WORDS: [&'static str; 10] = [
        "malformed",
        "unsigned",
        "unknown-key",
        "bad-mac",
        "replayed",
        "no-contact",
        "answered",
        "hurried",
        "proven",
        "unasked",
    ];

    /// One word for the counters of `ms status`.
    pub const fn word(self) -> &'static str {
        Finding::WORDS[self.index()]
    }

    /// The place of [`Finding::word`] in [`Finding::WORDS`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether something is wrong, rather than part of every start.
    pub const fn is_wrong(self) -> bool {
        match self {
            Finding::Malformed
            | Finding::Unsigned
            | Finding::UnknownKey
            | Finding::BadMac
            | Finding::Replayed
            | Finding::Hurried
            | Finding::Unasked => true,
            Finding::NoContact | Finding::Answered | Finding::Proven => false,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What is to be done with a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The datagram itself.
    pub fate: Fate,
    /// An encoded message for the sender of the datagram, to its address and port. It is not signed yet: it is
    /// sent like any other, by way of [`Signer::seal`](super::Signer::seal).
    pub back: Option<Vec<u8>>,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It goes to the protocol.
    Pass {
        /// Bytes of `data` without the trailer.
        data_len: usize,
        /// The live key that it is rightly signed with, if any: who still uses the old one?
        key: Option<u32>,
        /// Why it would not have passed under [`Mode::Require`](super::Mode::Require).
        doubt: Option<Finding>,
    },
    /// It goes nowhere; the word says why, or what the guard has used it for.
    Drop(Finding),
}

/// The guard keeps it, or throws it away, and says nothing.
pub(super) fn dropped(finding: Finding) -> Verdict {
    Verdict { fate: Fate::Drop(finding), back: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_in_the_order_of_the_findings() {
        assert_eq!(Finding::Malformed.word(), "malformed");
        assert_eq!(Finding::NoContact.to_string(), "no-contact");
        assert_eq!(Finding::Unasked.word(), Finding::WORDS[Finding::WORDS.len() - 1]);
    }
}
