//! What can go wrong between an application and its member interface, in sentences.

use crate::name::{GroupName, NameError};
use crate::proto::qos::QosError;
use crate::wire::WireError;
use crate::wire::group::Refusal;
use crate::wire::local::Closing;
use std::fmt;
use std::io;

/// Why something was not done. Each sentence says what became of it.
#[derive(Debug)]
pub enum Error {
    /// No member interface answers: where it was looked for.
    NoMi(String),
    /// The group's name cannot be one.
    Name(NameError),
    /// The name of a group that is to be must have no dot.
    Dot(GroupName),
    /// A tag or a rule is longer than it may be.
    TooLong {
        /// What.
        what: &'static str,
        /// Bytes that it has.
        have: usize,
        /// Bytes that it may have.
        most: usize,
    },
    /// A quality of service cannot be had like that.
    Quality(QosError),
    /// The call had no effect, for this reason.
    Refused {
        /// The group that it was for.
        group: GroupName,
        /// Why.
        refusal: Refusal,
    },
    /// The member interface ended the conversation: nothing that is tried again will do better.
    Closed(Closing),
    /// The member interface closed the connection, or died.
    Gone,
    /// There was no answer in time. The call may still have its effect.
    Timeout,
    /// The member interface went away during the call. Whether it had its effect is not known.
    Unknown,
    /// The membership has ended; its last event said why.
    Over,
    /// The member interface said what makes no sense. The connection was given up.
    Breach(&'static str),
    /// The system refused something.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoMi(place) => write!(f, "no member interface answers at {place}"),
            Error::Name(e) => write!(f, "the group's name {e}"),
            Error::Dot(name) => {
                write!(f, "{name}: must have no dot: it sets off the suffix of a part")
            }
            Error::TooLong { what, have, most } => {
                write!(f, "the {what} has {have} bytes, may have {most}")
            }
            Error::Quality(e) => write!(f, "{e}"),
            Error::Refused { group, refusal } => write!(f, "{group}: {}", refusal.sentence()),
            Error::Closed(closing) => write!(f, "the member interface says: {closing}"),
            Error::Gone => write!(f, "the member interface closed the connection"),
            Error::Timeout => write!(f, "no answer in time; the call may still have its effect"),
            Error::Unknown => write!(
                f,
                "the member interface went away during the call; whether it had its effect is not known"
            ),
            Error::Over => write!(f, "the membership has ended"),
            Error::Breach(word) => {
                write!(
                    f,
                    "the member interface makes no sense ({word}); the connection was given up"
                )
            }
            Error::Io(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<NameError> for Error {
    fn from(e: NameError) -> Error {
        Error::Name(e)
    }
}

impl From<QosError> for Error {
    fn from(e: QosError) -> Error {
        Error::Quality(e)
    }
}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Error {
        Error::Io(e)
    }
}

impl From<nix::Error> for Error {
    fn from(e: nix::Error) -> Error {
        Error::Io(e.into())
    }
}

impl From<WireError> for Error {
    fn from(e: WireError) -> Error {
        match e {
            WireError::Payload(word) => Error::Breach(word),
            WireError::Oversized { have, most } => Error::TooLong { what: "packet", have, most },
            other => Error::Breach(other.cause()),
        }
    }
}

/// The name of a group that may come to be. A dot sets off what a part of a group is called that had to take another
/// name; such a part can be asked about, but not be made.
pub(super) fn new_group(name: &str) -> Result<GroupName, Error> {
    let group: GroupName = name.parse()?;
    if name.contains('.') { Err(Error::Dot(group)) } else { Ok(group) }
}
