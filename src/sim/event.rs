//! What happened in a world, event by event: the stuff of transcripts and diagrams.

use super::links::HostId;
use crate::name::Incarnation;
use crate::proto::coreset::SetNote;
use crate::wire::coreset::{ChangeId, CoreMessage, Operation, Position, View};
use std::rc::Rc;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub tick: u64,
    /// What.
    pub what: What,
}

/// A copy of a message, for one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    /// For whom.
    pub to: HostId,
    /// When it arrives: never, once, or more than once.
    pub due: Vec<u64>,
}

/// What happens to a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It starts.
    Starts(Incarnation),
    /// It is gone without a word.
    Crashes,
    /// It is not run any more (SIGSTOP).
    Stops,
    /// It is run again (SIGCONT).
    Continues,
}

/// What an event is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Somebody intervened, in words.
    Story(String),
    /// Something became of a process.
    Process {
        /// Whose.
        host: HostId,
        /// What.
        fate: Fate,
    },
    /// A message was sent.
    Sent {
        /// Counts all messages.
        id: u64,
        /// By whom.
        from: HostId,
        /// To the group; otherwise to one host.
        group: bool,
        /// What.
        message: Rc<CoreMessage>,
        /// To whom.
        copies: Vec<Copy>,
    },
    /// A copy of message `id` was read.
    Arrived {
        /// Which message.
        id: u64,
        /// By whom.
        host: HostId,
    },
    /// A copy of message `id` found nobody.
    Unheard {
        /// Which message.
        id: u64,
        /// Where.
        host: HostId,
    },
    /// A view was installed.
    Installed {
        /// By whom.
        host: HostId,
        /// The view.
        view: Box<View>,
        /// What was left.
        from: Option<Position>,
        /// What made it.
        change: Option<ChangeId>,
        /// What was applied with it.
        applied: Vec<Operation>,
    },
    /// A mserver is in no view any more.
    Out {
        /// Which.
        host: HostId,
        /// It had asked for it.
        asked: bool,
    },
    /// A mserver told its operator something.
    Note {
        /// Which.
        host: HostId,
        /// What.
        note: SetNote,
    },
}
