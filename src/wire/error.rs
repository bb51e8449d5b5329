//! What can be wrong with a datagram, and the word under which it is counted.

use std::fmt;

/// Why a datagram is no message. Nothing was changed by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireError {
    /// Shorter than the fixed part that must be there, in bytes.
    Short {
        /// Bytes that arrived.
        have: usize,
        /// Bytes that the fixed part has.
        need: usize,
    },
    /// `vers` is not 1.
    Version(u16),
    /// `group_name` has no NUL in its 32 bytes.
    Name,
    /// The header declares more than arrived, in bytes.
    Truncated {
        /// Bytes that arrived.
        have: usize,
        /// Bytes that the header declares.
        need: u64,
    },
    /// The header declares less than arrived, in bytes.
    Trailing {
        /// Bytes that arrived.
        have: usize,
        /// Bytes that the header declares.
        need: u64,
    },
    /// The checksum is there and wrong.
    Checksum {
        /// The field as received.
        found: u32,
        /// The CRC-32C of what was received.
        computed: u32,
    },
    /// There is no checksum where one is demanded.
    Unchecked,
    /// The prefix of an mcaster has another address family than 2.
    Family(u16),
    /// The message fits no datagram or no buffer, in bytes.
    Oversized {
        /// Bytes that it has.
        have: usize,
        /// Bytes that may be.
        most: usize,
    },
    /// The payload in `data` is malformed: which field does not make sense.
    Payload(&'static str),
}

impl WireError {
    /// Every cause there is, for counters and their documentation.
    pub const CAUSES: [&'static str; 10] = [
        "short",
        "version",
        "name",
        "truncated",
        "trailing",
        "checksum",
        "unchecked",
        "family",
        "oversized",
        "payload",
    ];

    /// One word for the counters of `ms status`.
    pub const fn cause(&self) -> &'static str {
        WireError::CAUSES[self.index()]
    }

    /// The place of [`WireError::cause`] in [`WireError::CAUSES`].
    pub const fn index(&self) -> usize {
        match self {
            WireError::Short { .. } => 0,
            WireError::Version(_) => 1,
            WireError::Name => 2,
            WireError::Truncated { .. } => 3,
            WireError::Trailing { .. } => 4,
            WireError::Checksum { .. } => 5,
            WireError::Unchecked => 6,
            WireError::Family(_) => 7,
            WireError::Oversized { .. } => 8,
            WireError::Payload(_) => 9,
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Short { have, need } => {
                write!(f, "{have} bytes are too short, the fixed part has {need}")
            }
            WireError::Version(v) => write!(f, "version {v}, must be {}", super::VERSION),
            WireError::Name => write!(f, "the group name has no NUL in its 32 bytes"),
            WireError::Truncated { have, need } => {
                write!(f, "the header declares {need} bytes, only {have} are there")
            }
            WireError::Trailing { have, need } => {
                write!(f, "the header declares {need} bytes, {have} are there")
            }
            WireError::Checksum { found, computed } => {
                write!(f, "checksum {found:08x}, must be {computed:08x}: damaged")
            }
            WireError::Unchecked => write!(f, "no checksum (0000ffff), one is demanded"),
            WireError::Family(n) => write!(f, "address family {n:04x} in the prefix, must be 0002"),
            WireError::Oversized { have, most } => {
                write!(f, "{have} bytes are too many, at most {most} may be")
            }
            WireError::Payload(what) => write!(f, "malformed payload: {what}"),
        }
    }
}

impl std::error::Error for WireError {}
