//! What the thesis says of a core-set, claim by claim: one test each, with the page. Where the protocol here keeps a
//! claim in another way than the thesis has it, the test says so.
//!
//! | module | chapter |
//! |---|---|
//! | `architecture` | III.A, and the messages of IV |
//! | `monitoring` | III.A.3 and IV.A |
//! | `changes` | IV.C.1 to IV.C.4 |
//! | `priority` | IV.C.3 and V.B.2 |
//! | `elections` | IV.C.5 |
//! | `partitions` | IV.E.1 |
//! | `correctness` | V |

#[path = "thesis/architecture.rs"]
mod architecture;
#[path = "thesis/changes.rs"]
mod changes;
#[path = "thesis/correctness.rs"]
mod correctness;
#[path = "thesis/elections.rs"]
mod elections;
#[path = "thesis/monitoring.rs"]
mod monitoring;
#[path = "thesis/partitions.rs"]
mod partitions;
#[path = "thesis/priority.rs"]
mod priority;

use membership::proto::coreset::{Founding, SetNote};
use membership::sim::event::What;
use membership::sim::scenario::{Play, find};
use membership::sim::{HostId, Kind, World};
use membership::wire::coreset::{ChangeId, CoreMessage, Request, View};
use std::rc::Rc;

/// A message that was sent.
struct Sent {
    tick: u64,
    from: HostId,
    /// To whom; everybody else, if it was a multicast.
    to: Vec<HostId>,
    message: Rc<CoreMessage>,
}

/// The messages of a kind, in the order of sending.
fn sent(world: &World, kind: Kind) -> Vec<Sent> {
    let one = |event: &membership::sim::event::Event| match &event.what {
        What::Sent { from, message, copies, .. } if kind.covers(Kind::of(message)) => Some(Sent {
            tick: event.tick,
            from: *from,
            to: copies.iter().map(|copy| copy.to).collect(),
            message: Rc::clone(message),
        }),
        _ => None,
    };
    world.events().iter().filter_map(one).collect()
}

/// Who sent messages of a kind, in the order of sending.
fn senders(world: &World, kind: Kind) -> Vec<HostId> {
    sent(world, kind).iter().map(|sent| sent.from).collect()
}

/// The views that a host installed, by rank, and the changes that made them.
fn installed(world: &World, host: HostId) -> Vec<(Vec<HostId>, Option<ChangeId>)> {
    let one = |event: &membership::sim::event::Event| match &event.what {
        What::Installed { host: at, view, change, .. } if *at == host => {
            Some((members(view), *change))
        }
        _ => None,
    };
    world.events().iter().filter_map(one).collect()
}

/// Whom a host isolated, in that order.
fn isolated(world: &World, host: HostId) -> Vec<HostId> {
    let one = |event: &membership::sim::event::Event| match &event.what {
        What::Note { host: at, note: SetNote::Isolated { who, .. } } if *at == host => {
            Some(membership::sim::transcript::host(*who))
        }
        _ => None,
    };
    world.events().iter().filter_map(one).collect()
}

fn members(view: &View) -> Vec<HostId> {
    view.members.iter().map(|m| membership::sim::transcript::host(m.life.address)).collect()
}

fn view(world: &World, host: HostId) -> &View {
    world.process(host).and_then(|process| process.view()).expect("a member")
}

/// The number of the view that a host is in.
fn number(world: &World, host: HostId) -> u16 {
    view(world, host).position.num.0
}

/// The play must have gone as it expected.
#[track_caller]
fn sound(play: Play) -> Play {
    assert!(play.failed().is_empty(), "{}\n{}", play.failed().join("\n"), play.transcript());
    play
}

/// All of it must end so, in quiet.
#[track_caller]
fn ends(play: Play, views: &[&[HostId]]) -> Play {
    sound(play.end(views))
}

/// A scenario, played.
#[track_caller]
fn story(name: &str) -> Play {
    sound((find(name).expect("a scenario").run)())
}

/// A set of hosts 0 to 3, and 4, which it has taken as its parent.
fn with_parent() -> Play {
    let mut play = Play::with(&[0, 1, 2, 3], 1, membership::sim::scenario::params());
    play.start(4, Founding::Never);
    let life = play.process(4).expect("it runs").life();
    play.request(0, Request::AddParent(life));
    play.rest_in(&[&[0, 1, 2, 3, 4]]);
    sound(play)
}

#[test]
fn every_claim_has_its_page() {
    let modules = [
        "architecture",
        "monitoring",
        "changes",
        "priority",
        "elections",
        "partitions",
        "correctness",
    ];
    let mut claims = 0;
    for module in modules {
        let path = format!("{}/tests/thesis/{module}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let mut doc = String::new();
        for line in text.lines() {
            match line.strip_prefix("///") {
                Some(words) => doc.push_str(words),
                None if line == "#[test]" => {
                    let cites = doc.trim().starts_with("Page ") || doc.trim().starts_with("Pages ");
                    assert!(cites, "{module}: {doc}");
                    claims += 1;
                }
                None => doc.clear(),
            }
        }
    }
    assert!(claims >= 90, "{claims}");
}
