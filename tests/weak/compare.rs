//! The same work in a strong and in a weak group: what it costs, and how long it takes (II.B).
//!
//! A change of a strong group rides on what the mservers of a set say to each other anyway, and many ride together: it
//! costs fewer datagrams than one of a weak group, which is gossip to each of them and its answer. What a weak group is
//! for is time.
//!
//! `cargo test --test weak sooner -- --nocapture` prints the table.

use super::told::weak;
use membership::proto::mi::LocalEvent;
use membership::sim::campus::event::What;
use membership::sim::campus::play::{Play, group};
use membership::sim::campus::{AppId, Campus, Plan};
use membership::wire::group::{Mode, Qos};

/// Ticks in which everything that a change causes has happened.
const LONG: u32 = 50;

/// What one change costs: datagrams that arrive, ticks until who made it is told, and until all are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cost {
    datagrams: usize,
    own: u64,
    all: u64,
}

fn arrivals(campus: &Campus, since: usize) -> usize {
    let copies = campus.events()[since..].iter().map(|event| match &event.what {
        What::Sent { copies, .. } => copies.iter().map(|copy| copy.due.len()).sum(),
        _ => 0,
    });
    copies.sum()
}

/// When an application was told a view first after that event.
fn told(campus: &Campus, since: usize, whom: AppId) -> Option<u64> {
    let is = |what: &What| matches!(what, What::Told { app, event: LocalEvent::View { .. } } if *app == whom);
    campus.events()[since..].iter().find(|event| is(&event.what)).map(|event| event.tick)
}

/// Several at once join a group that stands, one at each of so many mservers.
fn cost(qos: &Qos, mservers: usize, at_once: usize) -> Cost {
    let names: Vec<String> = ('a'..).take(mservers).map(|name| format!("{name}/1")).collect();
    let mut play = Play::of(Plan::tree(&[mservers], 1));
    let mut apps = Vec::new();
    for name in &names {
        let app = play.on(name);
        play.join_as(app, group("db"), Mode::JoinOrCreate, qos.clone());
        apps.push(app);
        play.until("in", |campus| campus.rests().is_ok());
    }
    play.run(200);
    let new: Vec<AppId> = names.iter().take(at_once).map(|name| play.on(name)).collect();
    let mut idle = play.clone();
    let (since, now) = (play.events().len(), play.now());
    for app in &new {
        play.join_as(*app, group("db"), Mode::JoinOrCreate, qos.clone());
    }
    play.run(LONG);
    idle.run(LONG);
    assert!(play.rests().is_ok(), "{:?}", play.rests());
    let own = new.iter().filter_map(|app| told(&play, since, *app)).max().unwrap() - now;
    // The last view is that of the last change, wherever it was.
    let last = play.events()[since..].iter().rev();
    let mut last = last.filter(|e| matches!(e.what, What::Told { .. }));
    let all = last.next().unwrap().tick - now;
    let datagrams = arrivals(&play, since) - arrivals(&idle, since);
    Cost { datagrams, own, all }
}

#[test]
fn a_weak_change_is_told_sooner_everywhere() {
    println!("mservers joins   strong: datagrams own all   weak: datagrams own all");
    for mservers in [2, 4, 8] {
        for at_once in [1, mservers] {
            let (strong, weak) =
                (cost(&Qos::default(), mservers, at_once), cost(&weak(), mservers, at_once));
            println!(
                "{mservers:8} {at_once:5}   {:17} {:3} {:3}   {:15} {:3} {:3}",
                strong.datagrams, strong.own, strong.all, weak.datagrams, weak.own, weak.all
            );
            assert!(weak.own < strong.own, "{mservers}, {at_once}: {weak:?} {strong:?}");
            assert!(weak.all <= strong.all, "{mservers}, {at_once}: {weak:?} {strong:?}");
        }
    }
}
