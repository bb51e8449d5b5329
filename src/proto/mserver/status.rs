//! What `ms status` and `ms why` show of a mserver.

use super::{Installed, Mserver, Seat, Side};
use crate::proto::coreset::CoreSet;
use crate::wire::coreset::{ChangeId, Member, Position, View};
use serde_json::{Map, Value, json};
use std::net::SocketAddrV4;

impl Mserver {
    /// What it knows: the place with the peers first, that in the child-set beside it.
    pub fn status(&self) -> Value {
        let mut all = Map::new();
        if let Some(seat) = self.seats.get(&Side::Peer) {
            all = of_seat(seat, self.id.own);
        }
        if let Some(seat) = self.seats.get(&Side::Child) {
            all.insert("child".into(), of_seat(seat, self.id.own).into());
        }
        if let Some(lan) = self.groups.lan() {
            all.insert("lan".into(), lan.name().to_string().into());
            all.insert("interfaces".into(), list(lan.guests()));
            all.insert("built_in".into(), address(lan.mi().map(|mi| mi.config().life.address)));
        }
        all.insert("counters".into(), self.counters.to_json());
        let [to_one, to_all] = self.sent.each_ref().map(|sent| sent.to_json());
        all.insert("sent".into(), json!({"to_one": to_one, "to_all": to_all}));
        Value::Object(all)
    }

    /// A question on the control socket: `why ADDRESS`.
    ///
    /// # Errors
    /// That it is none, in words.
    pub fn tell(&self, words: &[&str]) -> Result<Value, String> {
        match words {
            ["why", who] => match who.parse() {
                Ok(who) => Ok(self.memory.about(who)),
                Err(_) => Err(format!("why {who}: must be ADDRESS:PORT")),
            },
            _ => Err(format!("unknown request {:?}", words.join(" "))),
        }
    }
}

impl Installed {
    /// All that must be known to compare it with the views of others.
    pub fn to_json(&self) -> Value {
        let position =
            |p: &Position| json!({"view": p.num.0, "batch": p.k, "digest": p.digest.to_string()});
        let View { position: at, level, name, parents, parent, former, done, .. } = &self.view;
        let done = done.iter().map(|d| {
            json!({
                "address": d.origin.address.to_string(),
                "incarnation": d.origin.inc.0,
                "number": d.number,
            })
        });
        json!({
            "set": name.base.to_string(),
            "suffix": name.suffix.map(|gid| gid.0),
            "level": level,
            "own": self.who.address.to_string(),
            "incarnation": self.who.inc.0,
            "position": position(at),
            "from": self.from.as_ref().map(position),
            "parents": parents.iter().map(position).collect::<Vec<_>>(),
            "parent": address(*parent),
            "former_parent": address(*former),
            "members": members(&self.view),
            "done": done.collect::<Vec<_>>(),
            "change": self.change.as_ref().map(ToString::to_string),
            "change_id": self.change.as_ref().map(|change| change_id(&change.id)),
        })
    }
}

/// A change by the parts that decide which of two goes first.
fn change_id(id: &ChangeId) -> Value {
    json!({
        "round": id.round,
        "class": id.class,
        "key": id.key,
        "coordinator_rank": id.crank,
        "coordinator": id.coord.address.to_string(),
        "incarnation": id.coord.inc.0,
        "number": id.seq,
    })
}

fn of_seat(seat: &Seat, own: SocketAddrV4) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |key: &str, value: Value| {
        all.insert(key.to_string(), value);
    };
    let set = seat.set();
    let view = set.and_then(CoreSet::view);
    let name = view.map_or_else(|| seat.config().name.to_string(), |v| v.name.to_string());
    put("set", name.into());
    put("level", seat.level().into());
    put("phase", set.map_or("out", CoreSet::phase_name).into());
    put("multicast", seat.multicast().into());
    put("incarnation", set.map_or(seat.next_life(), |s| s.life().inc).0.into());
    let Some((set, view)) = set.zip(view) else { return all };
    put("view", view.position.num.0.into());
    put("batch", view.position.k.into());
    put("digest", view.position.digest.to_string().into());
    put("size", view.members.len().into());
    put("rank", view.rank(own).map(|rank| rank.0).into());
    put("gid", view.member(own).map(|m| m.gid.0).into());
    put("parent", address(view.parent));
    put("former_parent", address(view.former));
    put("cw", address(view.cw(own)));
    put("ccw", address(view.ccw(own)));
    put("change", set.floor().map(ToString::to_string).into());
    put("awaited", address(set.awaited()));
    put("previous_change", set.previous().map(ToString::to_string).into());
    put("isolated", list(set.isolated()));
    put("lost", list(set.lost()));
    put("queues", pairs(set.queues()));
    put("timers", pairs(set.timers()));
    put("members", members(view));
    all
}

fn members(view: &View) -> Value {
    let member = |(rank, m): (usize, &Member)| {
        json!({
            "rank": rank,
            "gid": m.gid.0,
            "address": m.life.address.to_string(),
            "incarnation": m.life.inc.0,
        })
    };
    view.members.iter().enumerate().map(member).collect()
}

fn address(address: Option<SocketAddrV4>) -> Value {
    address.map(|a| a.to_string()).into()
}

fn list(addresses: impl Iterator<Item = SocketAddrV4>) -> Value {
    addresses.map(|a| Value::from(a.to_string())).collect()
}

fn pairs<N: Into<Value>>(pairs: impl IntoIterator<Item = (&'static str, N)>) -> Value {
    let pairs = pairs.into_iter().map(|(name, n)| (name.to_string(), n.into()));
    Value::Object(pairs.collect())
}
