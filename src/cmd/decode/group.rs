//! The payload of a message about groups: one tree, shown as that of a core-set message is.
//!
//! ```text
//!  payload:        group
//!                  body: submit
//!                  from: address 10.94.1.1:2901, inc 784000009
//!                  raise: no
//!                  request:
//!                    id: address 10.94.1.1:2901, inc 784000009, number 1
//!                    ...
//! ```
//!
//! Names, rules and tags are what a peer chose, and escaped.

use super::payload::hex;
use crate::name::GroupName;
use crate::wire::coreset::Life;
use crate::wire::group::{
    Call, Content, Direct, Entry, Fact, Gossip, GroupBody, GroupKey, GroupMessage, MemberId, Mode,
    Monitor, Order, Qos, Reason, Request, RequestId, Scope, Statement, Want, Way,
};
use serde_json::{Map, Value, json};

/// What the payload says, key by key.
pub fn object(message: &GroupMessage) -> Map<String, Value> {
    let mut tree = Map::new();
    let mut put = |key: &str, value: Value| drop(tree.insert(key.into(), value));
    put("body", message.body.name().into());
    put("from", life(&message.from));
    match &message.body {
        GroupBody::Register { number, roams } => {
            put("number", (*number).into());
            put("roams", (*roams).into());
        }
        GroupBody::Registered { number } | GroupBody::Unregister { number } => {
            put("number", (*number).into());
        }
        GroupBody::Poll { nonce } | GroupBody::Polled { nonce } => put("nonce", (*nonce).into()),
        GroupBody::Submit { request: asked, way } => {
            let way = match way {
                Way::Search => "search",
                Way::Raise => "raise",
                Way::Reserve => "reserve",
            };
            put("way", way.into());
            put("request", request(asked));
        }
        GroupBody::Wait { id: of }
        | GroupBody::Where { id: of }
        | GroupBody::Done { id: of }
        | GroupBody::Unheard { id: of } => put("id", id(of)),
        GroupBody::Refused { id: of, refusal } => {
            put("id", id(of));
            put("why", refusal.sentence().into());
        }
        GroupBody::Direct(view) => put("direct", direct(view)),
        GroupBody::Got { key: of, term, number, below } => {
            put("key", key(of));
            put("term", (*term).into());
            put("number", (*number).into());
            put("below", (*below).into());
        }
        GroupBody::Missing { key: of, term, number } => {
            put("key", key(of));
            put("term", (*term).into());
            put("number", (*number).into());
        }
        GroupBody::Grant(granted) => put("request", request(granted)),
        GroupBody::Shown { id: of, direct: view } => {
            put("id", id(of));
            put("direct", direct(view));
        }
        GroupBody::Gossip(said) => put("gossip", gossip(said)),
    }
    tree
}

fn gossip(gossip: &Gossip) -> Value {
    json!({
        "key": key(&gossip.key),
        "term": gossip.term,
        "number": gossip.number,
        "digest": hex(&gossip.digest.0),
        "wants": match gossip.wants {
            Want::Nothing => "nothing",
            Want::Digest => "digest",
            Want::Facts => "facts",
        },
        "facts": list(&gossip.facts, fact),
    })
}

fn fact(fact: &Fact) -> Value {
    let mut value = member(&fact.id);
    match fact.gone {
        0 => {}
        Fact::LEFT => value["gone"] = "left".into(),
        Fact::DIED => value["gone"] = "died".into(),
        until => value["gone"] = epoch(until).into(),
    }
    value["cut"] = fact.cut.into();
    value["since"] = fact.since.into();
    value["gid"] = fact.gid.into();
    if let Some(live) = &fact.live {
        value["epoch"] = epoch(live.epoch).into();
        value["tag"] = live.tag.escape_ascii().to_string().into();
        value["roams"] = live.roams.into();
        value["path"] = list(&live.path, |mserver| mserver.to_string().into());
    }
    value
}

/// The registration, and how often the member was stated again under it.
fn epoch(epoch: u64) -> String {
    format!("{}.{}", epoch >> 32, epoch as u32)
}

fn statement(statement: &Statement) -> Value {
    json!({
        "key": key(&statement.key),
        "term": statement.term,
        "number": statement.number,
        "digest": hex(&statement.digest.0),
        "next_gid": statement.next_gid,
        "qos": qos(&statement.qos),
        "roster": statement.roster,
        "members": list(&statement.members, entry),
    })
}

fn direct(direct: &Direct) -> Value {
    let mut value = json!({
        "key": key(&direct.key),
        "term": direct.term,
        "number": direct.number,
        "digest": hex(&direct.digest.0),
        "reason": match direct.reason {
            Reason::Created => "created",
            Reason::Joined => "joined",
            Reason::Left => "left",
            Reason::Failed => "failed",
            Reason::Partitioned => "partitioned",
            Reason::Merged => "merged",
            Reason::Split => "split",
            Reason::Resync => "resync",
            Reason::Terminated => "terminated",
        },
        "causes": list(&direct.causes, id),
    });
    match &direct.content {
        Content::Delta { gone, came } => {
            value["gone"] = list(gone, |gid| (*gid).into());
            value["came"] = list(came, entry);
        }
        Content::Whole(whole) => {
            value["whole"] = list(&whole.entries, entry);
            value["next_gid"] = whole.next_gid.into();
            value["qos"] = qos(&whole.qos);
        }
    }
    value
}

fn entry(entry: &Entry) -> Value {
    let mut value = member(&entry.id);
    value["gid"] = entry.gid.into();
    value["tag"] = entry.tag.escape_ascii().to_string().into();
    value["roams"] = entry.roams.into();
    value["lost"] = entry.lost.into();
    value["registration"] = entry.registration.into();
    value["path"] = list(&entry.path, |mserver| mserver.to_string().into());
    value
}

fn request(request: &Request) -> Value {
    json!({
        "id": id(&request.id),
        "oldest": request.oldest,
        "registration": request.registration,
        "reach": scope(&request.reach),
        "group": name(&request.group),
        "call": call(&request.call),
        "path": list(&request.path, |mserver| mserver.to_string().into()),
    })
}

fn call(call: &Call) -> Value {
    match call {
        Call::Join { mode, member: who, tag, roams, qos: chosen } => json!({
            "kind": "join",
            "mode": match mode {
                Mode::JoinOrCreate => "join-or-create",
                Mode::Create => "create",
                Mode::Existing => "existing",
            },
            "member": member(who),
            "tag": tag.escape_ascii().to_string(),
            "roams": roams,
            "qos": qos(chosen),
        }),
        Call::Leave { member: who } => json!({ "kind": "leave", "member": member(who) }),
        Call::Fail { members, cut } => {
            json!({ "kind": "fail", "members": list(members, member), "cut": cut })
        }
        Call::Merge { other } => json!({ "kind": "merge", "other": name(other) }),
        Call::Split { new, members } => {
            json!({ "kind": "split", "new": name(new), "members": members })
        }
        Call::View => json!({ "kind": "view" }),
        Call::Here(stated) => json!({ "kind": "here", "statement": statement(stated) }),
    }
}

fn qos(qos: &Qos) -> Value {
    let (every_ms, retries) = match qos.monitor {
        Monitor::Adaptive => (0, 0),
        Monitor::Fixed { every_ms, retries } => (every_ms, retries),
    };
    json!({
        "order": match qos.order {
            Order::Strong => "strong",
            Order::Weak => "weak",
        },
        "batch": qos.batch,
        "batch_ms": qos.batch_ms,
        "every_ms": every_ms,
        "retries": retries,
        "count_only": qos.count_only,
        "survive": qos.survive.escape_default().to_string(),
        "merge": qos.merge.escape_default().to_string(),
        "name_scope": scope(&qos.name_scope),
        "membership_scope": scope(&qos.membership_scope),
    })
}

fn scope(scope: &Scope) -> Value {
    match scope {
        Scope::Top => "top".into(),
        Scope::Level(level) => format!("level {level}").into(),
        Scope::Set(set) => format!("set {set}").into(),
    }
}

fn key(key: &GroupKey) -> Value {
    let mut value = json!({ "name": name(&key.name) });
    key.suffix.iter().for_each(|suffix| value["suffix"] = (*suffix).into());
    value["inc"] = id(&key.inc);
    value
}

fn id(id: &RequestId) -> Value {
    let mut value = life(&id.origin);
    value["number"] = id.number.into();
    value
}

fn member(id: &MemberId) -> Value {
    let mut value = life(&id.mi);
    value["number"] = id.number.into();
    value
}

fn life(life: &Life) -> Value {
    json!({ "address": life.address.to_string(), "inc": life.inc.0 })
}

/// A name as it is displayed: escaped.
fn name(name: &GroupName) -> Value {
    name.to_string().into()
}

fn list<T>(items: &[T], value: impl Fn(&T) -> Value) -> Value {
    items.iter().map(value).collect()
}
