//! One door in, actions out.
//!
//! ```text
//!  datagram ─┐                    ┌─> Send, Relay
//!  tick     ─┼─> node.step(input) ┼─> Note (what an operator should be told)
//!  call     ─┤                    ├─> Tell (what an application should)
//!  stop     ─┘                    └─> Ready, Done
//! ```
//!
//! Run to completion: one input, all its actions, next input. The clock of the protocol is the
//! tick: one period of the loop, input or not (thesis VI.B.2).

use super::mi::{Client, LocalCall, LocalEvent};
use super::note::Note;
use crate::name::Incarnation;
use std::net::SocketAddrV4;

/// By which socket a datagram came (thesis, Figure 54).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Via {
    /// A plain message to our own address: the original's "ms" socket.
    Own,
    /// A plain message to the group's IP multicast address.
    Group,
    /// A message that an mcaster relayed, with its prefix: the original's "mc" socket.
    Mcaster,
}

/// What happens to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// A datagram arrived.
    Datagram {
        /// The socket it came by.
        via: Via,
        /// Whom the kernel says it is from: for [`Via::Mcaster`] the mcaster.
        from: SocketAddrV4,
        /// All of it.
        bytes: &'a [u8],
    },
    /// Time passed: so many ticks since the last one. More than 1 means that the process was stopped
    /// or starved; everything that had arrived by then has been input before.
    Tick {
        /// Ticks since the last one, at least 1.
        elapsed: u32,
    },
    /// An application of this host calls.
    Call {
        /// Which application.
        client: Client,
        /// For what.
        call: &'a LocalCall,
    },
    /// An application of this host is gone; its members failed.
    Gone {
        /// Which.
        client: Client,
    },
    /// Leave in good order and say [`Action::Done`].
    Stop,
}

/// What a node wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send a datagram from our own address.
    Send {
        /// To whom.
        to: SocketAddrV4,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// Send the datagram just input, behind the prefix of its sender, to the members of an mcaster's
    /// group in their order, save one.
    Relay {
        /// The group, for [`Mcaster::members`](super::mcaster::Mcaster::members).
        slot: u32,
        /// Place of the member that gets no copy: the sender.
        skip: Option<u32>,
    },
    /// From now on the sockets hear an IP multicast group, or no longer.
    Hear {
        /// Its address.
        group: SocketAddrV4,
        /// Whether it is heard.
        on: bool,
    },
    /// Keep in mind, beyond the end of the process, that no later one at this address may use this incarnation
    /// or a lower one.
    KeepLife(Incarnation),
    /// Tell an application of this host.
    Tell {
        /// Which.
        client: Client,
        /// What.
        event: LocalEvent,
    },
    /// Tell the operator.
    Note(Note),
    /// The node serves now.
    Ready,
    /// The node has ended.
    Done(End),
}

/// How a node ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// As it was told to.
    Stopped,
    /// It cannot serve: the reason, in words.
    Unavailable(String),
}
