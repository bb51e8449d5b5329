//! Application groups as events of `ms trace`: calls and views on their way, and at the socket of applications.
//!
//! ```text
//!   application ── called: join of orders ──> MI ── submit ──> mserver ...
//!               <── told: orders 2.7 joined ──   <── direct ──
//! ```
//!
//! A member interface that is built into a mserver has no datagrams with it: there, what is called and told is all that can
//! be seen of a call that is decided on its own LAN.

use crate::proto::mi::Client;
use crate::wire::group::{
    Call, Content, Direct, GroupBody, GroupKey, GroupMessage, MemberId, Reason, Request, RequestId,
};
use crate::wire::local::{Ask, LocalCall, LocalEvent};
use serde_json::{Value, json};

/// What an application of this host calls for.
pub fn called(client: Client, call: &LocalCall) -> Value {
    let text = match &call.ask {
        Ask::Join { tag, .. } if tag.is_empty() => "join".to_string(),
        Ask::Join { tag, .. } => format!("join as {}", String::from_utf8_lossy(tag)),
        Ask::Leave { member } => format!("leave of member {}", member_in_words(member)),
        Ask::Merge { other } => format!("merge with {other}"),
        Ask::Split { new, members } => format!("split of {} as {new}", counted(members.len())),
        Ask::View => "view".to_string(),
        Ask::Alive { .. } => "it is alive".to_string(),
    };
    at_the_socket("called", client, Some(call.group.to_string()), text)
}

/// What an application of this host is told.
pub fn told(client: Client, event: &LocalEvent) -> Value {
    let (group, text) = match event {
        LocalEvent::Taken { member, .. } => {
            (None, format!("taken up, as member {}", member_in_words(member)))
        }
        LocalEvent::Done { call } => (None, format!("call {call} is done")),
        LocalEvent::Refused { group, refusal, .. } => {
            (Some(group.to_string()), format!("refused: {}", refusal.sentence()))
        }
        LocalEvent::Roster { key, term, number, entries, .. } => {
            let text = format!("roster of view {term}.{number}, {}", counted(entries.len()));
            (Some(key.to_string()), text)
        }
        LocalEvent::Alive { .. } => (None, "is it alive?".to_string()),
        LocalEvent::View { key, gid, rank, term, number, size, reason, .. } => {
            let what = reason_in_words(*reason);
            let text = format!(
                "view {term}.{number} {what}: {}, rank {rank}, gid {gid}",
                counted(*size as usize)
            );
            (Some(key.to_string()), text)
        }
        LocalEvent::Out { group, member, reason } => {
            let what = reason_in_words(*reason);
            (Some(group.to_string()), format!("member {} is out: {what}", member_in_words(member)))
        }
        LocalEvent::ServerLost => (None, "the mserver is lost".to_string()),
        LocalEvent::ServerFound => (None, "a mserver is found".to_string()),
    };
    at_the_socket("told", client, group, text)
}

fn at_the_socket(what: &str, client: Client, group: Option<String>, text: String) -> Value {
    json!({"event": what, "application": client, "group": group, "text": text})
}

/// What a message about groups says besides its name and its group.
pub(super) fn says(m: &GroupMessage) -> String {
    match &m.body {
        GroupBody::Register { number, .. }
        | GroupBody::Registered { number }
        | GroupBody::Unregister { number } => format!("registration {number}"),
        GroupBody::Poll { .. } | GroupBody::Polled { .. } => String::new(),
        GroupBody::Submit { request, .. } | GroupBody::Grant(request) => asks(request),
        GroupBody::Wait { id }
        | GroupBody::Where { id }
        | GroupBody::Done { id }
        | GroupBody::Unheard { id } => format!("call {}", id_in_words(id)),
        GroupBody::Refused { id, refusal } => {
            format!("call {}: {}", id_in_words(id), refusal.sentence())
        }
        GroupBody::Direct(direct) => view(direct),
        GroupBody::Got { key, term, number, below } => {
            format!("{}, {} below", at(key, *term, *number), counted(*below as usize))
        }
        GroupBody::Missing { key, term, number } => {
            format!("all after {}", at(key, *term, *number))
        }
        GroupBody::Shown { id, direct } => format!("call {}: {}", id_in_words(id), view(direct)),
        GroupBody::Gossip(gossip) => {
            format!("{} about {}", counted(gossip.facts.len()), gossip.key)
        }
    }
}

fn asks(request: &Request) -> String {
    let members = |all: &[MemberId]| {
        let few = all.iter().take(3).map(member_in_words).collect::<Vec<_>>().join(" ");
        if all.len() > 3 { format!("{few} and {} more", all.len() - 3) } else { few }
    };
    let what = match &request.call {
        Call::Join { member, .. } => format!("join of {}", member_in_words(member)),
        Call::Leave { member } => format!("leave of {}", member_in_words(member)),
        Call::Fail { members: failed, cut: false } => format!("failure of {}", members(failed)),
        Call::Fail { members: failed, cut: true } => format!("loss of {}", members(failed)),
        Call::Merge { other } => format!("merge with {other}"),
        Call::Split { new, members } => format!("split of {} as {new}", counted(members.len())),
        Call::View => "view".to_string(),
        Call::Here(statement) => format!("{} are here", counted(statement.members.len())),
    };
    format!("{}: {what}, call {}", request.group, id_in_words(&request.id))
}

/// `orders 2.7 joined: +1 -0`.
fn view(direct: &Direct) -> String {
    let what = reason_in_words(direct.reason);
    let content = match &direct.content {
        Content::Delta { gone, came } => format!("+{} -{}", came.len(), gone.len()),
        Content::Whole(whole) => format!("all {}", counted(whole.entries.len())),
    };
    format!("{} {what}: {content}", at(&direct.key, direct.term, direct.number))
}

fn at(key: &GroupKey, term: u32, number: u32) -> String {
    format!("{key} {term}.{number}")
}

fn counted(members: usize) -> String {
    format!("{members} member{}", if members == 1 { "" } else { "s" })
}

fn member_in_words(member: &MemberId) -> String {
    format!("{}/{}", member.mi.address, member.number)
}

fn id_in_words(id: &RequestId) -> String {
    format!("{} of {}", id.number, id.origin.address)
}

/// A reason in a word.
pub fn reason_in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Created => "created",
        Reason::Joined => "joined",
        Reason::Left => "left",
        Reason::Failed => "failed",
        Reason::Partitioned => "partitioned",
        Reason::Merged => "merged",
        Reason::Split => "split",
        Reason::Resync => "resync",
        Reason::Terminated => "terminated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_with_whom_it_is_about() {
        let group = "orders".parse().unwrap();
        let ask = Ask::Split { new: "test".parse().unwrap(), members: vec![4, 5] };
        let event = called(7, &LocalCall { number: 1, group, ask });
        assert_eq!((&event["event"], &event["application"]), (&"called".into(), &7.into()));
        assert_eq!(
            (&event["group"], &event["text"]),
            (&"orders".into(), &"split of 2 members as test".into())
        );
        let lost = told(7, &LocalEvent::ServerLost);
        assert!(lost["group"].is_null() && lost["text"] == "the mserver is lost", "{lost}");
    }
}
