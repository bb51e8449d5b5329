//! Why a whole, a fragment or a report is not taken, and the word under which that is counted.

use std::fmt;

/// Why something was refused. Nothing was changed by it, except where the variant says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// The whole has more bytes than the limit allows.
    Oversized {
        /// Bytes that it has.
        have: usize,
        /// Bytes that may be.
        most: usize,
    },
    /// The whole fits one datagram and needs no fragments, or nobody is to receive it: our own caller's
    /// slip.
    Needless,
    /// The whole has so many parts that a report on them would not fit a datagram.
    Parts(usize),
    /// As many wholes or bytes are under way as may be.
    Full,
    /// As many wholes or bytes of this one sender are under way as may be.
    SenderFull,
    /// Another count, total or digest than the id stood for until now.
    Contradiction,
    /// A part that was here before, now with other bytes.
    Overlap,
    /// The bytes do not have the digest that was announced: the whole was dropped.
    Digest,
    /// What was put together is no message, or a FRAGMENT again: the whole was dropped.
    Content,
    /// A report on a whole that is not held for this receiver, any more or at all.
    Unknown,
    /// A report for a round that was reported before, or was never asked.
    Stale,
}

impl Refusal {
    /// Every cause there is, for counters and their documentation.
    pub const CAUSES: [&'static str; 11] = [
        "whole-oversized",
        "needless",
        "parts",
        "full",
        "sender-full",
        "contradiction",
        "overlap",
        "digest",
        "content",
        "unknown",
        "late-report",
    ];

    /// One word for the counters of `ms status`.
    pub const fn cause(&self) -> &'static str {
        Refusal::CAUSES[self.index()]
    }

    /// The place of [`Refusal::cause`] in [`Refusal::CAUSES`].
    pub const fn index(&self) -> usize {
        match self {
            Refusal::Oversized { .. } => 0,
            Refusal::Needless => 1,
            Refusal::Parts(_) => 2,
            Refusal::Full => 3,
            Refusal::SenderFull => 4,
            Refusal::Contradiction => 5,
            Refusal::Overlap => 6,
            Refusal::Digest => 7,
            Refusal::Content => 8,
            Refusal::Unknown => 9,
            Refusal::Stale => 10,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Oversized { have, most } => {
                write!(f, "a whole of {have} bytes is too large, at most {most} may be")
            }
            Refusal::Needless => write!(f, "needs no fragments or has no receiver"),
            Refusal::Parts(count) => write!(f, "{count} parts are too many for one report"),
            Refusal::Full => write!(f, "too many wholes are under way"),
            Refusal::SenderFull => write!(f, "too many wholes of this sender are under way"),
            Refusal::Contradiction => write!(f, "contradicts what is known of the whole"),
            Refusal::Overlap => write!(f, "the part was here before with other bytes"),
            Refusal::Digest => write!(f, "the whole has another digest than announced: dropped"),
            Refusal::Content => write!(f, "the whole is no message: dropped"),
            Refusal::Unknown => write!(f, "a report on a whole that is not held"),
            Refusal::Stale => write!(f, "a report for a round that is over"),
        }
    }
}

impl std::error::Error for Refusal {}
