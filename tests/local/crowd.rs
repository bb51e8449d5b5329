//! Many applications.

use super::app::{App, Came};
use super::lan::Lan;
use membership::sys::process::raise_file_limit;
use membership::wire::local::{Closing, VERSION};

#[test]
fn two_hundred_applications_are_members_at_once_and_all_see_the_last_view() {
    raise_file_limit();
    let lan = Lan::new();
    let mut apps: Vec<App> = (0..200).map(|_| App::new(&lan.socket())).collect();
    for app in &mut apps {
        app.join("db");
    }
    for app in &mut apps {
        while app.view() != (200, 200) {}
    }
    assert_eq!(lan.clients(), 200);
    // They go all at once, and the last one hears of it.
    let mut last = apps.pop().unwrap();
    drop(apps);
    while last.view().1 != 1 {}
    assert_eq!(lan.clients(), 1);
}

#[test]
fn nobody_takes_more_places_than_are_left_to_others() {
    raise_file_limit();
    let lan = Lan::new();
    let mut apps = Vec::new();
    let refused = loop {
        let mut app = App::silent(&lan.socket());
        match app.greet(VERSION) {
            Came::Hello(_) => apps.push(app),
            other => break other,
        }
    };
    assert_eq!(refused, Came::Closing(Closing::NoPlace));
    assert_eq!(apps.len(), 512, "as many as are left");
    assert_eq!(lan.counter("application-no-place"), 1);
    // Who goes makes room.
    apps.truncate(511);
    super::world::eventually("a place", || {
        let mut app = App::silent(&lan.socket());
        matches!(app.greet(VERSION), Came::Hello(_)).then_some(())
    });
}

#[test]
fn those_who_say_nothing_give_way_to_those_who_come() {
    let lan = Lan::new();
    let mut silent: Vec<App> = (0..64).map(|_| App::silent(&lan.socket())).collect();
    let app = App::new(&lan.socket());
    assert_eq!(silent[0].next(), Came::End, "the oldest of them goes");
    lan.await_counter("application-silent", 1);
    drop(app);
    drop(silent);
}
