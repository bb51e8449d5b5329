//! What happened on a campus, event by event: the stuff of transcripts.

use super::plan::NodeId;
use super::speech::Speech;
use crate::name::Incarnation;
use crate::proto::mi::{LocalCall, LocalEvent};
use crate::proto::mserver::Installed;
use std::net::SocketAddrV4;
use std::rc::Rc;

/// Number of an application.
pub type AppId = usize;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub tick: u64,
    /// What.
    pub what: What,
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
    /// It is told to leave in good order.
    Leaves,
    /// It has ended of itself.
    Ends,
}

/// Where a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// To one node.
    Node(NodeId),
    /// To all that hear an IP multicast group.
    Group(SocketAddrV4),
    /// To an address at which there is nobody.
    Nobody(SocketAddrV4),
}

/// A copy of a datagram, for one node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    /// For whom.
    pub to: NodeId,
    /// When it arrives: never, once, or more than once.
    pub due: Vec<u64>,
}

/// What an event is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Somebody intervened, in words.
    Story(String),
    /// Something became of a process.
    Process {
        /// Whose.
        node: NodeId,
        /// What.
        fate: Fate,
    },
    /// A datagram was sent.
    Sent {
        /// By whom.
        from: NodeId,
        /// To whom.
        to: To,
        /// What it says.
        speech: Rc<Speech>,
        /// Its copies.
        copies: Vec<Copy>,
    },
    /// A mserver installed a view of its set.
    Installed {
        /// Which.
        node: NodeId,
        /// The view.
        installed: Box<Installed>,
    },
    /// An application called.
    Called {
        /// Which.
        app: AppId,
        /// For what.
        call: LocalCall,
    },
    /// An application was told something.
    Told {
        /// Which.
        app: AppId,
        /// What.
        event: LocalEvent,
    },
    /// An application is gone without a word.
    Gone {
        /// Which.
        app: AppId,
    },
}
