//! Why we ceased to communicate with a member: the evidence, as far as one mserver has it.
//!
//! It is for people (`ms why`); nothing in the protocol depends on it.

use crate::name::Incarnation;
use crate::wire::coreset::{ChangeId, Position};
use std::fmt;
use std::net::SocketAddrV4;

/// What was perceived, or said, of a member.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// QUERYs of pairwise monitoring went unanswered (Figure 14).
    NoReply {
        /// How many.
        queries: u32,
        /// Others who were asked to ask it.
        witnesses: usize,
    },
    /// Our Initiate was not ACKed (Figure 20).
    NoAck {
        /// Of which change.
        change: ChangeId,
        /// How often it was sent.
        tries: u32,
        /// It was a Merge, which is all or nothing.
        merge: bool,
    },
    /// The change that it coordinated was not committed (Figure 15).
    NoCommit {
        /// Which change.
        change: ChangeId,
        /// How often we asked.
        tries: u32,
    },
    /// Our Coord_Fail was not answered (Figure 30).
    NoAnswerInElection {
        /// Whose coordinator failed.
        change: ChangeId,
        /// How often it was sent.
        tries: u32,
    },
    /// A joiner did not acknowledge its INIT.
    InitNotAcked {
        /// How often it was sent.
        tries: u32,
    },
    /// The exclude list of a member's ACK has it.
    SaidBy {
        /// Who said so.
        by: SocketAddrV4,
        /// Of which change it was the ACK.
        change: ChangeId,
    },
    /// Members look for another coordinator in its place.
    GivenUpBy {
        /// Who said so.
        by: SocketAddrV4,
        /// The change that it coordinated.
        change: ChangeId,
        /// We were waiting for its Commit, too.
        awaited: bool,
    },
    /// The change that it initiated excludes us.
    ItsChangeExcludesUs {
        /// Which change.
        change: ChangeId,
    },
    /// It stays in a view from which that Commit excludes us.
    ItExcludedUs {
        /// Which change.
        change: ChangeId,
        /// Who sent the Commit.
        by: SocketAddrV4,
    },
    /// It committed another change than the one that we accepted.
    OtherCommit {
        /// Which change.
        change: ChangeId,
    },
    /// It asks for, or speaks in, a life after the one in our view.
    NewLife {
        /// That one.
        inc: Incarnation,
    },
    /// It says that it is not in our view.
    NotInView,
    /// The exclude list of its message has us.
    ExcludesUs {
        /// What message.
        message: &'static str,
    },
    /// It is in a view that does not come from ours.
    OtherLine {
        /// Which.
        position: Position,
        /// Its REPLY said so.
        reply: bool,
    },
}

impl Cause {
    /// In a word or two, without the particulars.
    pub fn word(&self) -> &'static str {
        match self {
            Cause::NoReply { .. } => "no REPLY",
            Cause::NoAck { merge: false, .. } => "no ACK",
            Cause::NoAck { merge: true, .. } => "no ACK of a Merge",
            Cause::NoCommit { .. } => "no Commit",
            Cause::NoAnswerInElection { .. } => "no answer in an election",
            Cause::InitNotAcked { .. } => "INIT not acknowledged",
            Cause::SaidBy { .. } => "excluded by a follower",
            Cause::GivenUpBy { awaited: true, .. } => "a follower gave it up",
            Cause::GivenUpBy { awaited: false, .. } => "given up by a follower",
            Cause::ItsChangeExcludesUs { .. } => "its change excludes us",
            Cause::ItExcludedUs { .. } => "it excluded us",
            Cause::OtherCommit { .. } => "it committed another change",
            Cause::NewLife { .. } => "new life",
            Cause::NotInView => "it is not in our view",
            Cause::ExcludesUs { .. } => "it excludes us",
            Cause::OtherLine { reply: false, .. } => "it is on another line",
            Cause::OtherLine { reply: true, .. } => "it replies from another line",
        }
    }
}

/// With all particulars, so that the place of the evidence can be found in logs and captures.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::NoReply { queries, witnesses: 0 } => {
                write!(f, "no REPLY to {}", times(*queries, "QUERY", "QUERYs"))
            }
            Cause::NoReply { queries, witnesses } => {
                let queries = times(*queries, "QUERY", "QUERYs");
                write!(f, "no REPLY to {queries}, nor to those of {witnesses} other members")
            }
            Cause::NoAck { change, tries, merge } => {
                let what = if *merge { "Initiate of the Merge" } else { "Initiate" };
                write!(f, "no ACK of {}, sent {}", named(what, change), often(*tries))
            }
            Cause::NoCommit { change, tries } => {
                write!(
                    f,
                    "no Commit of {}, asked for {}",
                    named("its change", change),
                    often(*tries)
                )
            }
            Cause::NoAnswerInElection { change, tries } => {
                let of = named("change", change);
                write!(f, "no answer to Coord_Fail about {of}, sent {}", often(*tries))
            }
            Cause::InitNotAcked { tries } => write!(f, "no ACK of INIT, sent {}", often(*tries)),
            Cause::SaidBy { by, change } => {
                write!(f, "{by} excluded it in its ACK of {}", named("our change", change))
            }
            Cause::GivenUpBy { by, change, awaited: _ } => {
                write!(f, "{by} gave it up as coordinator of {}", named("change", change))
            }
            Cause::ItsChangeExcludesUs { change } => {
                write!(f, "it initiated {}, which excludes us", named("change", change))
            }
            Cause::ItExcludedUs { change, by } => {
                let of = named("change", change);
                write!(f, "the Commit of {of}, sent by {by}, leaves it in the view and us out")
            }
            Cause::OtherCommit { change } => {
                write!(f, "it committed {}, not the one accepted here", named("change", change))
            }
            Cause::NewLife { inc } => write!(f, "it has begun a new life, incarnation {inc}"),
            Cause::NotInView => write!(f, "it says that it is not in our view"),
            Cause::ExcludesUs { message } => {
                write!(f, "the exclude list of its {message} has us")
            }
            Cause::OtherLine { position, reply } => {
                let how = if *reply { "it replies from" } else { "it is in" };
                write!(f, "{how} view {}, which does not come from ours", position.num)
            }
        }
    }
}

fn named(what: &str, change: &ChangeId) -> String {
    format!("{what} {}/{} of {}", change.round, change.seq, change.coord.address)
}

fn often(tries: u32) -> String {
    if tries == 1 { "once".to_string() } else { format!("{tries} times") }
}

fn times(n: u32, one: &str, several: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { several })
}
