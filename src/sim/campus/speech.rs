//! What a datagram says, as far as somebody who listens in wants to know.

use crate::wire::coreset::{Body, Change, ChangeKind, CoreMessage};
use crate::wire::group::{self, GroupBody, GroupMessage, GroupOp};
use crate::wire::{Kind, Message};

/// A datagram, overheard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Speech {
    /// About application groups, or between a LAN's mserver and its member interfaces.
    Group(Box<GroupMessage>),
    /// Of a core-set.
    Core(Box<CoreMessage>),
    /// A part of a message that is too long for a datagram, and what goes with such.
    Part(Kind),
    /// Nothing that anybody would read.
    Noise,
}

impl Speech {
    /// Listens in.
    pub fn of(datagram: &[u8]) -> Speech {
        let Ok(message) = Message::decode(datagram) else { return Speech::Noise };
        if message.data.first() == Some(&group::KIND)
            && let Ok(message) = GroupMessage::decode(&message)
        {
            return Speech::Group(Box::new(message));
        }
        match CoreMessage::decode(&message) {
            Ok(message) => Speech::Core(Box::new(message)),
            Err(_) => message.kind().map_or(Speech::Noise, Speech::Part),
        }
    }

    /// Its name: of a core-set's message its type's, of one about groups that of what it says.
    pub fn name(&self) -> &'static str {
        match self {
            Speech::Group(message) => group_name(&message.body),
            Speech::Core(message) => crate::sim::kind::name(message),
            Speech::Part(kind) => kind.name(),
            Speech::Noise => "NOISE",
        }
    }

    /// Whether it is about groups, or decides about them: what is of interest where groups are.
    pub fn is_of_groups(&self) -> bool {
        match self {
            Speech::Group(message) => {
                !matches!(message.body, GroupBody::Poll { .. } | GroupBody::Polled { .. })
            }
            Speech::Core(message) => !operations(message).is_empty(),
            Speech::Part(_) | Speech::Noise => false,
        }
    }
}

/// The operations on groups that a core-set's message is to agree on.
pub fn operations(message: &CoreMessage) -> Vec<GroupOp> {
    let applied = |change: &Change| match &change.kind {
        ChangeKind::Application { operations } => operations.clone(),
        _ => Vec::new(),
    };
    let all = match &message.body {
        Body::Initiate(change) | Body::Commit(change) => applied(change),
        Body::CommitInitiate(one, two) => [applied(one), applied(two)].concat(),
        Body::Forward(operations) => operations.clone(),
        _ => return Vec::new(),
    };
    all.iter().filter_map(|operation| GroupOp::decode(&operation.bytes).ok()).collect()
}

fn group_name(body: &GroupBody) -> &'static str {
    match body {
        GroupBody::Register { .. } => "REGISTER",
        GroupBody::Registered { .. } => "REGISTERED",
        GroupBody::Poll { .. } => "POLL",
        GroupBody::Polled { .. } => "POLLED",
        GroupBody::Unregister { .. } => "UNREGISTER",
        GroupBody::Submit { .. } => "SUBMIT",
        GroupBody::Wait { .. } => "WAIT",
        GroupBody::Where { .. } => "MSG_QUERY",
        GroupBody::Refused { .. } => "ERROR",
        GroupBody::Direct(_) => "DIRECT",
        GroupBody::Got { .. } => "ACK",
        GroupBody::Missing { .. } => "SYNC",
        GroupBody::Grant(_) => "GRANT",
        GroupBody::Shown { .. } => "SHOWN",
        GroupBody::Done { .. } => "DONE",
        GroupBody::Unheard { .. } => "UNHEARD",
        GroupBody::Gossip(_) => "GOSSIP",
    }
}
