//! The payload of a core-set message: one tree, for programs as JSON, for persons as indented rows.
//!
//! ```text
//!  payload:        core-set
//!                  body: initiate
//!                  from: address 10.94.0.1:2900, inc 784000001
//!                  ...
//!                  change:
//!                    kind: join
//!                    member: gid 4, address 10.94.0.4:2900, inc 784000004
//! ```
//!
//! Strings that a peer chose are escaped in both. The bytes of operations are not repeated: they are in the data.

use super::payload::hex;
use crate::name::Digest;
use crate::wire::coreset::{
    Body, Change, ChangeId, ChangeKind, CoreMessage, Life, Member, Operation, PHASES, Position,
    RegistryPart, Request, Stats, View, Wait,
};
use serde_json::{Map, Value, json};
use std::net::SocketAddrV4;

/// Columns that a row of short values fills.
const WIDTH: usize = 72;

/// The classes of changes by their numbers.
const CLASSES: [&str; 9] = [
    "fail",
    "leave",
    "del-parent",
    "split",
    "add-parent",
    "join",
    "application",
    "merge",
    "rename",
];

/// What the payload says, key by key.
pub fn object(core: &CoreMessage) -> Map<String, Value> {
    let mut tree = Tree::default();
    tree.put("body", core.body.name());
    tree.put("name", core.name.to_string());
    tree.put("from", life(&core.from.life));
    tree.put("level", core.level);
    tree.put("position", position(&core.position));
    tree.put("parents", list(&core.parents, position));
    core.prev.iter().for_each(|prev| tree.put("prev", id(prev)));
    match &core.body {
        Body::Query { nonce, check } | Body::Reply { nonce, check } => {
            tree.put("nonce", *nonce);
            check.iter().for_each(|who| tree.put("check", who.to_string()));
        }
        Body::Probe { view: v, force } | Body::ProbeReply { view: v, force } => {
            tree.put("force", *force);
            tree.put("view", view(v));
        }
        Body::Initiate(c) | Body::Commit(c) => tree.put("change", change(c)),
        Body::CommitInitiate(committed, next) => {
            tree.put("change", change(committed));
            tree.put("next", change(next));
        }
        Body::Ack { id: of, pending } => {
            tree.put("id", id(of));
            tree.put("pending", *pending);
        }
        Body::Wait(said) => wait(said, &mut tree),
        Body::MsgQuery(of) => tree.put("id", id(of)),
        Body::CoordFail { change: c, active, reply } => {
            tree.put("active", *active);
            tree.put("reply", *reply);
            tree.put("change", change(c));
        }
        Body::Init { .. } => init(&core.body, &mut tree),
        Body::Request(asked) => tree.put("request", request(asked)),
        Body::Refused { code, known, why } => {
            tree.put("code", *code);
            tree.put("known", known.0);
            tree.put("why", why.escape_default().to_string());
        }
        Body::Forward(operations) => tree.put("operations", list(operations, operation)),
        Body::StatsRequest { long } => tree.put("long", *long),
        Body::Stats(said) => stats(said, &mut tree),
        Body::Taken => {}
        Body::SyncRequest { wanted, resume } => {
            tree.put("wanted", list(wanted, position));
            if let Some((of, from)) = resume {
                tree.put("resume", position(of));
                tree.put("from-byte", *from);
            }
        }
        Body::Sync { at, part } => {
            tree.put("at", position(at));
            part.iter().for_each(|part| tree.put("part", registry_part(part)));
        }
    }
    tree.0
}

#[derive(Default)]
struct Tree(Map<String, Value>);

impl Tree {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }
}

fn init(body: &Body, tree: &mut Tree) {
    let Body::Init { view: v, prev, requests, lost, registry } = body else { return };
    tree.put("view", view(v));
    prev.iter().for_each(|made_by| tree.put("change", change(made_by)));
    tree.put("requests", list(requests, request));
    let lost_member =
        |(who, ticks): &(SocketAddrV4, u32)| json!({ "address": who.to_string(), "ticks": ticks });
    tree.put("lost", list(lost, lost_member));
    tree.put("registry", digest(registry));
}

/// The bytes themselves are in the data.
fn registry_part(part: &RegistryPart) -> Value {
    json!({
        "position": position(&part.position),
        "exact": part.exact,
        "total": part.total,
        "offset": part.offset,
        "length": part.bytes.len(),
    })
}

fn stats(stats: &Stats, tree: &mut Tree) {
    tree.put("size", stats.size);
    let phase = PHASES.get(usize::from(stats.phase));
    tree.put("phase", phase.map_or_else(|| stats.phase.to_string(), ToString::to_string));
    let Some(detail) = &stats.detail else { return };
    detail.view.iter().for_each(|v| tree.put("view", view(v)));
    tree.put("isolated", list(&detail.isolated, |who| who.to_string().into()));
    let counter = |(word, n): &(String, u64)| (word.escape_default().to_string(), (*n).into());
    tree.put("counters", detail.counters.iter().map(counter).collect::<Map<_, _>>());
}

fn wait(wait: &Wait, tree: &mut Tree) {
    let (code, key, value) = match wait {
        Wait::Current(c) => ("current", "change", change(c)),
        Wait::Floor(c) => ("floor", "change", change(c)),
        Wait::Dropped(of) => ("dropped", "id", id(of)),
        Wait::Prev(of) => ("prev", "id", id(of)),
        Wait::Notice(at) => ("notice", "addressed", position(at)),
    };
    tree.put("code", code);
    tree.put(key, value);
}

fn request(request: &Request) -> Value {
    let of = |kind: &str, who: &Life| json!({ "kind": kind, "address": who.address.to_string(), "inc": who.inc.0 });
    match request {
        Request::Join(who) => of("join", who),
        Request::Leave(who) => of("leave", who),
        Request::Split { side, name } => {
            json!({ "kind": "split", "side": addresses(side), "name": name.to_string() })
        }
        Request::Merge { at } => json!({ "kind": "merge", "at": at.to_string() }),
        Request::AddParent(who) => of("add-parent", who),
        Request::DelParent => json!({ "kind": "del-parent" }),
    }
}

fn change(change: &Change) -> Value {
    let mut tree = Tree::default();
    tree.put("kind", CLASSES[usize::from(change.kind.class())]);
    tree.put("id", id(&change.id));
    tree.put("par", list(&change.par, position));
    tree.put("excl", addresses(&change.excl));
    match &change.kind {
        ChangeKind::Fail { subjects } => tree.put("subjects", addresses(subjects)),
        ChangeKind::Leave { who } | ChangeKind::DelParent { who } => {
            tree.put("who", who.to_string());
        }
        ChangeKind::Split { side, name } => {
            tree.put("side", addresses(side));
            tree.put("name", name.to_string());
        }
        ChangeKind::AddParent { member: m } | ChangeKind::Join { member: m } => {
            tree.put("member", member(m));
        }
        ChangeKind::Application { operations } => {
            tree.put("operations", list(operations, operation));
        }
        ChangeKind::Merge { views, gids } => {
            tree.put("views", list(&views[..], view));
            tree.put("gids", list(gids, |gid| gid.0.into()));
        }
        ChangeKind::Rename => {}
    }
    tree.0.into()
}

fn view(view: &View) -> Value {
    let mut tree = Tree::default();
    tree.put("position", position(&view.position));
    tree.put("level", view.level);
    tree.put("name", view.name.to_string());
    tree.put("members", list(&view.members, member));
    tree.put("parents", list(&view.parents, position));
    view.parent.iter().for_each(|who| tree.put("parent", who.to_string()));
    view.former.iter().for_each(|who| tree.put("former", who.to_string()));
    let done = list(&view.done, |done| {
        let (address, inc) = (done.origin.address.to_string(), done.origin.inc.0);
        json!({ "address": address, "inc": inc, "number": done.number })
    });
    tree.put("done", done);
    tree.0.into()
}

fn operation(operation: &Operation) -> Value {
    let (address, inc) = (operation.origin.address.to_string(), operation.origin.inc.0);
    let length = operation.bytes.len();
    json!({ "address": address, "inc": inc, "number": operation.number, "length": length })
}

fn id(id: &ChangeId) -> Value {
    let class = CLASSES.get(usize::from(id.class)).map_or(id.class.into(), |&word| json!(word));
    json!({
        "round": id.round,
        "class": class,
        "key": id.key,
        "crank": id.crank,
        "coord": id.coord.address.to_string(),
        "inc": id.coord.inc.0,
        "seq": id.seq,
    })
}

fn member(member: &Member) -> Value {
    let Life { address, inc } = member.life;
    json!({ "gid": member.gid.0, "address": address.to_string(), "inc": inc.0 })
}

fn life(life: &Life) -> Value {
    json!({ "address": life.address.to_string(), "inc": life.inc.0 })
}

fn position(position: &Position) -> Value {
    json!({ "num": position.num.0, "k": position.k, "digest": digest(&position.digest) })
}

fn digest(digest: &Digest) -> String {
    hex(&digest.0)
}

fn addresses(addresses: &[SocketAddrV4]) -> Value {
    list(addresses, |address| address.to_string().into())
}

fn list<T>(items: &[T], value: impl Fn(&T) -> Value) -> Value {
    items.iter().map(value).collect()
}

/// The rows of a tree: a key and its value, or the rows of its value below it.
pub fn rows(tree: &Map<String, Value>) -> Vec<String> {
    let mut rows = Vec::new();
    for (key, value) in tree {
        match value {
            Value::Object(below) if !fits_a_row(value) => {
                rows.push(format!("{key}:"));
                rows.extend(self::rows(below).iter().map(|row| format!("  {row}")));
            }
            Value::Array(items) if items.is_empty() => rows.push(format!("{key}: none")),
            Value::Array(items) if items.len() == 1 && fits_a_row(&items[0]) => {
                rows.push(format!("{key}: {}", words(&items[0])));
            }
            Value::Array(items) => {
                rows.push(format!("{key}:"));
                rows.extend(list_rows(items).iter().map(|row| format!("  {row}")));
            }
            _ => rows.push(format!("{key}: {}", words(value))),
        }
    }
    rows
}

/// A row for each short object of a list, a number and rows for each long one, or as many words in a row as
/// there is room for.
fn list_rows(items: &[Value]) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for (number, item) in items.iter().enumerate() {
        match (item, rows.last_mut()) {
            (Value::Object(below), _) if !fits_a_row(item) => {
                rows.push(format!("{number}:"));
                rows.extend(self::rows(below).iter().map(|row| format!("  {row}")));
            }
            (Value::Object(_), _) | (_, None) => rows.push(words(item)),
            (_, Some(row)) if row.len() + words(item).len() >= WIDTH => rows.push(words(item)),
            (_, Some(row)) => *row += &format!(" {}", words(item)),
        }
    }
    rows
}

/// Whether a value has nothing below it that has something below it.
fn fits_a_row(value: &Value) -> bool {
    let is_word = |value: &Value| !value.is_object() && !value.is_array();
    value.as_object().map_or(is_word(value), |pairs| pairs.values().all(is_word))
}

/// A value that fits a row.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{key} {}", words(value))).collect();
            pairs.join(", ")
        }
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_values_share_a_row_and_objects_have_their_own() {
        let many: Vec<Value> = (0..12).map(|n| json!(format!("10.94.0.{n}:2900"))).collect();
        let tree = json!({
            "empty": [],
            "excl": many,
            "pair": { "a": 1, "b": true },
            "deep": { "list": [{ "n": 1 }, { "n": 2 }], "one": [{ "n": 1 }] },
            "deeper": [{ "list": [1, 2] }],
        });
        let Value::Object(tree) = tree else { unreachable!() };
        assert_eq!(
            rows(&tree),
            [
                "empty: none",
                "excl:",
                "  10.94.0.0:2900 10.94.0.1:2900 10.94.0.2:2900 10.94.0.3:2900",
                "  10.94.0.4:2900 10.94.0.5:2900 10.94.0.6:2900 10.94.0.7:2900",
                "  10.94.0.8:2900 10.94.0.9:2900 10.94.0.10:2900 10.94.0.11:2900",
                "pair: a 1, b yes",
                "deep:",
                "  list:",
                "    n 1",
                "    n 2",
                "  one: n 1",
                "deeper:",
                "  0:",
                "    list:",
                "      1 2",
            ]
        );
    }
}
