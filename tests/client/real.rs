//! Members of a group on two hosts of real daemons.

use super::script::LONG;
use super::world::{Daemon, World, eventually};
use membership::client::{Change, Connection, Event, JoinOptions, Member, Place};
use std::path::PathBuf;

/// A host: a mserver with a member interface built in.
fn host(world: &World, number: u8) -> Daemon {
    let hub = world.ip(9).to_string();
    let rest = ["--state-dir", ".", "--mi", "office", &hub];
    let daemon = world.spawn("mserver", number, &rest);
    daemon.await_log("ready");
    daemon
}

fn socket(world: &World, number: u8) -> PathBuf {
    world.path("run").join(format!("{}-2900.mi", world.ip(number)))
}

fn options(world: &World, number: u8) -> JoinOptions {
    JoinOptions::new().place(Place::at(socket(world, number)))
}

/// The next view of so many members.
fn view_of(member: &mut Member, size: u32) -> Change {
    eventually(&format!("a view of {size}"), || match member.next_event(Some(LONG)).unwrap() {
        Some(Event::View(change)) if change.view.size == size => Some(change),
        event => {
            assert!(!event.as_ref().is_some_and(Event::is_last), "{event:?}");
            None
        }
    })
}

#[test]
fn members_on_two_hosts_have_the_same_views_through_a_crash_and_a_restart() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let (_one, two) = (host(&world, 1), host(&world, 2));

    let mut first = options(&world, 1).tag("first").join("orders").unwrap();
    assert_eq!(view_of(&mut first, 1).came[0].tag, b"first");
    let mut second = options(&world, 2).tag("second").join("orders").unwrap();
    let of_second = view_of(&mut second, 2);
    let of_first = view_of(&mut first, 2);
    assert_eq!(of_first.view.digest, of_second.view.digest);
    assert_eq!((first.rank(), second.rank()), (Some(0), Some(1)));
    assert_eq!(of_first.came[0].tag, b"second");

    let mut asker = Connection::open(&Place::at(socket(&world, 2))).unwrap();
    let seen = asker.view("orders", LONG).unwrap();
    assert_eq!((seen.digest, seen.roster.len()), (of_first.view.digest, 2));

    two.kill();
    match super::next(&mut second) {
        Event::Disconnected { last: Some(last), rejoins: true, .. } => {
            assert_eq!(last.digest, of_second.view.digest);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(view_of(&mut first, 1).gone[0].tag, b"second");

    let _two = host(&world, 2);
    let former = match super::next(&mut second) {
        Event::Rejoined { was, now, .. } => {
            assert!(was.mi.inc < now.mi.inc, "{was:?} {now:?}");
            was
        }
        other => panic!("{other:?}"),
    };
    let anew = super::view(&mut second);
    assert!(anew.first && anew.gone.iter().any(|entry| entry.id == former));

    second.leave(LONG).unwrap();
    first.leave(LONG).unwrap();
}
