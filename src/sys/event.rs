//! A datagram as an event of `ms trace`: what it is, in a line of JSON; and what applications call for and are told.
//!
//! Copies of one datagram have one `id`, at the sender and at every receiver, so that arrows can be drawn.

mod groups;

pub use groups::{called, told};

use crate::proto::step::Via;
use crate::wire::coreset::{Body, Change, ChangeId, CoreMessage, Request, Wait};
use crate::wire::group::{self, GroupMessage};
use crate::wire::{Message, prefix};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::net::SocketAddrV4;

/// One that arrived.
pub fn received(via: Via, from: SocketAddrV4, bytes: &[u8]) -> Value {
    let (peer, inner) = match via {
        Via::Own | Via::Group => (from, bytes),
        Via::Mcaster => prefix::decode(bytes).unwrap_or((from, bytes)),
    };
    let via = match via {
        Via::Own => "own",
        Via::Group => "group",
        Via::Mcaster => "mcaster",
    };
    event("received", peer, via, inner)
}

/// One that is sent.
pub fn sent(to: SocketAddrV4, bytes: &[u8]) -> Value {
    event("sent", to, if to.ip().is_multicast() { "group" } else { "own" }, bytes)
}

fn event(what: &str, peer: SocketAddrV4, via: &str, bytes: &[u8]) -> Value {
    let hash = Sha256::digest(bytes);
    let id: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut event = json!({"event": what, "peer": peer.to_string(), "via": via, "id": id});
    let Ok(message) = Message::receive(bytes, true) else {
        event["message"] = "no message".into();
        return event;
    };
    event["set"] = message.header.group.to_string().into();
    event["view"] = message.header.view.into();
    if message.data.first() == Some(&group::KIND)
        && let Ok(m) = GroupMessage::decode(&message)
    {
        event["message"] = m.body.name().into();
        event["text"] = groups::says(&m).into();
        // No set has a part in it.
        event["group"] = event["set"].take();
        return event;
    }
    match CoreMessage::decode(&message) {
        Ok(m) => {
            event["message"] = m.body.name().into();
            event["set"] = m.name.to_string().into();
            let (change, text) = says(&m.body);
            event["change"] = change.map(name_of).into();
            event["text"] = text.into();
        }
        Err(_) => {
            let kind = message.kind().map_or("unknown".to_string(), |kind| kind.to_string());
            event["message"] = kind.into();
        }
    }
    event
}

/// `2/7 of 10.0.0.1:2900`: round, the coordinator's count, the coordinator.
fn name_of(id: ChangeId) -> String {
    format!("{}/{} of {}", id.round, id.seq, id.coord.address)
}

/// The change that a message is about, and what it says besides its name.
fn says(body: &Body) -> (Option<ChangeId>, String) {
    let of = |change: &Change| (Some(change.id), change.to_string());
    match body {
        Body::Initiate(change) | Body::Commit(change) => of(change),
        Body::CommitInitiate(change, next) => (Some(change.id), format!("{change}; then {next}")),
        Body::CoordFail { change, .. } => of(change),
        Body::Wait(Wait::Current(change) | Wait::Floor(change)) => of(change),
        Body::Wait(Wait::Dropped(id)) => (Some(*id), "dropped".to_string()),
        Body::Wait(Wait::Prev(id)) => (Some(*id), "its Commit is missing".to_string()),
        Body::Wait(Wait::Notice(at)) => (None, format!("not in your view {}", at.num)),
        Body::Ack { id, .. } | Body::MsgQuery(id) => (Some(*id), String::new()),
        Body::Query { check: Some(who), .. } | Body::Reply { check: Some(who), .. } => {
            (None, format!("about {who}"))
        }
        Body::Query { .. } | Body::Reply { .. } => (None, String::new()),
        Body::Probe { view, .. } | Body::ProbeReply { view, .. } | Body::Init { view, .. } => {
            (None, format!("view {} of {}", view.position.num, view.members.len()))
        }
        Body::Request(request) => (None, asks(request)),
        Body::Refused { why, .. } => (None, why.clone()),
        Body::Forward(operations) => (None, format!("{} operations", operations.len())),
        Body::StatsRequest { .. } | Body::Stats(_) | Body::Taken => (None, String::new()),
        Body::SyncRequest { wanted, .. } => (None, format!("{} positions", wanted.len())),
        Body::Sync { part: None, .. } => (None, "nothing".to_string()),
        Body::Sync { part: Some(part), .. } => {
            let end = part.offset as usize + part.bytes.len();
            (None, format!("bytes {} to {end} of {}", part.offset, part.total))
        }
    }
}

fn asks(request: &Request) -> String {
    match request {
        Request::Join(life) => format!("Join of {}", life.address),
        Request::Leave(life) => format!("Leave of {}", life.address),
        Request::Split { side, name } => format!("Split of {} members as {name}", side.len()),
        Request::Merge { at } => format!("Merge with the set at {at}"),
        Request::AddParent(life) => format!("Add_parent of {}", life.address),
        Request::DelParent => "Del_parent".to_string(),
    }
}
