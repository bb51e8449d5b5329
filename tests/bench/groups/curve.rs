//! Messages of a change as a hierarchy grows at fixed fan-out, by the simulator: the real processes, without a network.
//!
//! Of each set on the way to a member all mservers are there. What lies below the others of them is left out: nobody
//! there is a member, and nobody would hear of it; that is what `idle` counts where it is there. Monitoring, probes and
//! polls do not count; a message counts where it is sent and where it is received, a multicast once at its sender.

use super::Setup;
use membership::sim::campus::event::What;
use membership::sim::campus::play::{Play, group};
use membership::sim::campus::{NodeId, Plan};

/// Mservers of a set.
const FAN: usize = 10;
/// What passes in quiet times too.
const QUIET: [&str; 8] =
    ["QUERY", "REPLY", "QUERY-CHECK", "REPLY-CHECK", "PROBE", "PROBE-REPLY", "POLL", "POLLED"];

pub fn run(setup: &Setup) {
    println!("messages of a join and of a leave at the busiest mserver, {FAN} mservers a set");
    print!("{:>8} {:>7} {:>14} {:>14}", "hosts", "levels", "group of a set", "of the whole");
    println!(" {:>14} {:>14}", "involved", "idle, hear");
    let most = if setup.quick { 2 } else { 5 };
    for levels in 1..=most {
        let near = costs(levels, false);
        let far = costs(levels, true);
        let hosts = FAN.pow(levels as u32);
        let show = |c: &Costs| format!("{} {}", c.join, c.leave);
        print!("{hosts:>8} {levels:>7} {:>14} {:>14}", show(&near), show(&far));
        println!(" {:>14} {:>14}", far.involved, near.strangers);
    }
    println!();
}

struct Costs {
    join: usize,
    leave: usize,
    /// Mservers that a change of the whole concerned.
    involved: usize,
    /// Messages about the group at mservers outside of its core's set, while it changed.
    strangers: usize,
}

/// Sets from the top down to two hosts' ones, named `a...` and `b...`.
fn plan(levels: usize) -> Plan {
    let mut plan = Plan::default();
    grow(&mut plan, (String::new(), "top".to_string()), levels, true);
    plan.with_built_in()
}

fn grow(plan: &mut Plan, (above, set): (String, String), level: usize, top: bool) {
    for place in 0..FAN {
        let name = format!("{above}{}", char::from(b'a' + place as u8));
        let child = (level > 1 && place < if top { 2 } else { 1 }).then(|| format!("s-{name}"));
        plan.mserver(&name, (&set, level as u8), child.as_deref());
        if let Some(child) = child {
            grow(plan, (name, child), level - 1, false);
        }
    }
}

/// What a join and a leave cost: of a group with its core in one lowest set, or with members in two branches.
fn costs(levels: usize, far: bool) -> Costs {
    let mut play = Play::of(plan(levels));
    let below = |top: char, last: char| {
        let way: String = std::iter::once(top).chain("a".repeat(levels).chars()).collect();
        format!("{}{last}", &way[..levels - 1])
    };
    let second = if far && levels > 1 { below('b', 'b') } else { below('a', 'b') };
    let apps = play.members("db", &[&below('a', 'a'), &second]);
    // Nothing moves any more.
    play.run(1000);
    let here = play.node(&below('a', 'c'));
    let app = play.app(here);
    let first = play.events().len();
    play.join(app, group("db"));
    play.until_in("db", &[&apps[..], &[app]].concat());
    play.run(100);
    let joined = play.events().len();
    play.leave(app, group("db"));
    play.until_in("db", &apps);
    play.run(100);
    assert!(play.failed().is_empty(), "{levels} levels, far {far}: {:?}", play.failed());
    let (join, leave) = (count(&play, first, joined), count(&play, joined, play.events().len()));
    let lowest = play.plan().members(play.plan().sets_of(here)[0].0);
    let strange = |(node, count): (usize, &usize)| match lowest.contains(&node) {
        true => 0,
        false => *count,
    };
    Costs {
        join: *join.iter().max().expect("there are nodes"),
        leave: *leave.iter().max().expect("there are nodes"),
        involved: join.iter().filter(|count| **count > 0).count(),
        strangers: join.iter().enumerate().chain(leave.iter().enumerate()).map(strange).sum(),
    }
}

/// Messages of each node in those events.
fn count(play: &Play, first: usize, end: usize) -> Vec<usize> {
    let mut all = vec![0; play.plan().sites().len()];
    for event in &play.events()[first..end] {
        if let What::Sent { from, speech, copies, .. } = &event.what
            && !QUIET.contains(&speech.name())
        {
            all[*from] += 1;
            copies.iter().for_each(|copy| all[copy.to as NodeId] += 1);
        }
    }
    all
}
