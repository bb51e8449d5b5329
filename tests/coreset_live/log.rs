//! A log of views, read back: what a daemon wrote with `--views` becomes installs again.

use membership::name::{Digest, Gid, Incarnation, ViewNumber};
use membership::sim::invariants::{Install, check_log};
use membership::wire::coreset::{ChangeId, Done, Life, Member, Position, SetName, View, digest_of};
use serde_json::Value;
use std::net::SocketAddrV4;
use std::sync::Arc;

/// Classes of changes whose digest covers more than the view.
const SPLIT: u8 = 3;
const APPLICATION: u8 = 6;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number, not {value}"))
}

fn small<N: TryFrom<u64>>(value: &Value) -> N {
    N::try_from(number(value)).unwrap_or_else(|_| panic!("a smaller number, not {value}"))
}

fn address(value: &Value) -> SocketAddrV4 {
    let text = value.as_str().unwrap_or_else(|| panic!("an address, not {value}"));
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn optional<T>(value: &Value, read: impl Fn(&Value) -> T) -> Option<T> {
    (!value.is_null()).then(|| read(value))
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    let items = value.as_array().unwrap_or_else(|| panic!("a list, not {value}"));
    items.iter().map(read).collect()
}

fn life(address_: &Value, incarnation: &Value) -> Life {
    Life { address: address(address_), inc: Incarnation(small(incarnation)) }
}

fn digest(value: &Value) -> Digest {
    let text = value.as_str().filter(|text| text.len() == 32);
    let text = text.unwrap_or_else(|| panic!("32 digits, not {value}"));
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("digits");
    Digest(std::array::from_fn(byte))
}

fn position(value: &Value) -> Position {
    Position {
        num: ViewNumber(small(&value["view"])),
        k: number(&value["batch"]),
        digest: digest(&value["digest"]),
    }
}

fn view(line: &Value) -> View {
    let base = line["set"].as_str().expect("a name").parse().expect("a name");
    let member = |m: &Value| Member {
        gid: Gid(small(&m["gid"])),
        life: life(&m["address"], &m["incarnation"]),
    };
    let done = |d: &Value| Done {
        origin: life(&d["address"], &d["incarnation"]),
        number: number(&d["number"]),
    };
    View {
        position: position(&line["position"]),
        level: small(&line["level"]),
        name: SetName { base, suffix: optional(&line["suffix"], |gid| Gid(small(gid))) },
        members: list(&line["members"], member),
        parents: list(&line["parents"], position),
        parent: optional(&line["parent"], address),
        former: optional(&line["former_parent"], address),
        done: list(&line["done"], done),
    }
}

fn change(id: &Value) -> ChangeId {
    ChangeId {
        round: small(&id["round"]),
        class: small(&id["class"]),
        key: number(&id["key"]),
        crank: small(&id["coordinator_rank"]),
        coord: life(&id["coordinator"], &id["incarnation"]),
        seq: small(&id["number"]),
    }
}

fn install(line: &str) -> Install {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    let seconds = line["time"].as_f64().expect("a time");
    Install {
        tick: (seconds * 1e6) as u64,
        who: life(&line["own"], &line["incarnation"]),
        view: Arc::new(view(&line)),
        from: optional(&line["from"], position),
        change: optional(&line["change_id"], change),
    }
}

/// What the lines of a log say. A line that is being written is none yet.
pub fn read(text: &str) -> Vec<Install> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(install).collect()
}

/// Checks the logs of all daemons of a set together: ticks are microseconds.
///
/// # Panics
/// They break a rule, or a view's digest is not that of what it says.
pub fn check(logs: Vec<Vec<Install>>) {
    let mut all: Vec<Install> = logs.into_iter().flatten().collect();
    // A stable sort: the lines of one daemon stay in their order.
    all.sort_by_key(|install| install.tick);
    for install in &all {
        let covers_more = |id: ChangeId| [SPLIT, APPLICATION].contains(&id.class);
        if !install.change.is_some_and(covers_more) {
            assert_eq!(digest_of(&install.view, &[]), install.view.position.digest, "{install:?}");
        }
    }
    if let Err(violation) = check_log(&all) {
        panic!("{violation}");
    }
}
