//! One run, step by step: what the invariants are told of it, and how it reads.

use crate::machines::{Item, Local, address, number};
use membership::name::Gid;
use membership::proto::coreset::{CoreSet, SetAction};
use membership::sim::invariants::Seen;
use membership::sim::{Watch, kind};
use membership::wire::coreset::{Body, CoreMessage, Member};
use std::net::SocketAddrV4;

/// Makes the step again, and tells the invariants.
///
/// An ACK is told of when it is read, not when it is sent: a coordinator must have it in hand. So all that a rule
/// looks at is one mserver's own, but for what pairs of installed views have to do with each other. What a joiner
/// has accepted is what it ACKed last, which it is asked for when it comes in.
pub fn tell(watch: &mut Watch, local: &Local, who: usize, item: &Item) {
    let Some(mut set) = local.set.clone() else { return };
    if let Item::Message(message) = item {
        match (&message.body, set.view(), set.floor()) {
            (Body::Ack { .. }, _, _) => watch.sent(0, Some(address(who)), message),
            (Body::Init { .. }, None, Some(floor)) => {
                let body = Body::Ack { id: floor.id, pending: false };
                let from = Member { gid: Gid::NONE, life: set.life() };
                watch.sent(0, None, &CoreMessage { from, body, ..message.clone() });
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    set.step(item.input(), &mut out);
    let elapsed = u32::from(*item == Item::Tick);
    report(watch, &set, out, elapsed);
}

/// Tells the invariants what a mserver did and what has become of it.
pub fn report(watch: &mut Watch, set: &CoreSet, out: Vec<SetAction>, elapsed: u32) {
    let who = set.life().address;
    for action in out {
        match action {
            SetAction::Send { to, message } => sent(watch, Some(to), &message),
            SetAction::Multicast(message) => sent(watch, None, &message),
            SetAction::Installed { view, from, change, applied } => {
                watch.installed(0, who, &view, from, change.as_ref(), &applied);
            }
            SetAction::Out { .. } => watch.left(who),
            SetAction::Note(_) => {}
        }
    }
    let seen = Seen {
        who,
        elapsed,
        view: set.view(),
        isolated: set.isolated().collect(),
        floor: set.floor(),
        phase: set.phase_name(),
        awaited: set.awaited(),
        live: !matches!(set.phase_name(), "idle" | "out"),
    };
    watch.stepped(0, &seen);
}

fn sent(watch: &mut Watch, to: Option<SocketAddrV4>, message: &CoreMessage) {
    if !matches!(message.body, Body::Ack { .. }) {
        watch.sent(0, to, message);
    }
}

/// A step in words.
pub fn line(local: &Local, who: usize, item: &Item) -> String {
    let what = match item {
        Item::Message(message) => {
            format!(
                "{} of {} {:?}",
                kind::name(message),
                number(message.from.life.address),
                short(message)
            )
        }
        Item::Tick => "time".to_string(),
        other => format!("{other:?}"),
    };
    let Some(mut set) = local.set.clone() else { return String::new() };
    let mut out = Vec::new();
    let before = set.phase_name();
    set.step(item.input(), &mut out);
    let view = set.view().map(|view| {
        let members: Vec<usize> = view.members.iter().map(|m| number(m.life.address)).collect();
        format!("{}.{} {members:?}", view.position.num, view.position.k)
    });
    format!("{who} < {what}: {before} -> {} in {}\n", set.phase_name(), view.unwrap_or_default())
}

/// Which change a message is about.
fn short(message: &CoreMessage) -> String {
    match &message.body {
        Body::Initiate(change) | Body::Commit(change) | Body::CoordFail { change, .. } => {
            let excl: Vec<usize> = change.excl.iter().map(|a| number(*a)).collect();
            format!("{}r{} excl {excl:?}", number(change.id.coord.address), change.id.round)
        }
        Body::Ack { id, .. } | Body::MsgQuery(id) => {
            format!("{}r{}", number(id.coord.address), id.round)
        }
        _ => String::new(),
    }
}
