//! Applications that hang, die, flood or talk nonsense, and those beside them.

use super::app::{App, Came, join, packet};
use super::lan::Lan;
use super::world::eventually;
use membership::wire::group::{Call, MemberId, Reason};
use membership::wire::local::{Ask, Asking, Closing, LocalEvent, MAX_PACKET, VERSION};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// An application with a member in "db", alone there.
fn member(lan: &Lan) -> App {
    let mut app = App::new(&lan.socket());
    app.join("db");
    app.taken();
    app.view();
    app
}

/// Ends floods, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_application_that_dies_leaves_a_member_that_failed() {
    let lan = Lan::new();
    let mut app = member(&lan);
    let other = {
        let mut other = App::new(&lan.socket());
        other.join("db");
        other.taken();
        other.view();
        other
    };
    assert_eq!(app.view(), (2, 2));
    drop(other);
    match app.event() {
        LocalEvent::View { reason, gone, size, .. } => {
            assert_eq!((reason, gone.len(), size), (Reason::Failed, 1, 1));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_application_that_dies_while_it_joins_is_no_member_for_long() {
    let lan = Lan::new();
    let mut app = member(&lan);
    lan.hold(true);
    let mut dying = App::new(&lan.socket());
    dying.join("db");
    let member = dying.taken();
    lan.await_submit("the join", |call| {
        matches!(call, Call::Join { member: who, .. } if *who == member).then_some(())
    });
    drop(dying);
    lan.await_submit("the failure", |call| {
        matches!(call, Call::Fail { members, .. } if members.contains(&member)).then_some(())
    });
    lan.hold(false);
    assert_eq!([app.view(), app.view()], [(2, 2), (3, 1)]);
}

#[test]
fn an_application_that_never_reads_is_closed_and_its_members_fail_while_others_are_served() {
    let lan = Lan::new();
    let mut app = member(&lan);
    let mut hung = App::new(&lan.socket());
    // Each of its members hears of each view, and soon that is more than fits.
    let mut size = 1;
    eventually("it is closed", || {
        let said = hung.try_say(&packet(1, "db", join()));
        if said.is_err_and(|e| e.kind() != ErrorKind::WouldBlock) {
            return Some(());
        }
        // The other one hears of every one of them meanwhile.
        while let Some(Came::Event(event)) = app.within(Duration::from_millis(1)) {
            let LocalEvent::View { size: now, .. } = event else { panic!("{event:?}") };
            size = now;
        }
        None
    });
    lan.await_counter("application-not-reading", 1);
    lan.mi.await_log("closed, it does not read what it is told");
    // What it was told before is there, and then the end.
    while hung.next() != Came::End {}
    while size != 1 {
        size = app.view().1;
    }
    assert_eq!(lan.clients(), 1);
}

#[test]
fn a_flood_of_one_application_starves_neither_others_nor_the_mserver() {
    let lan = Lan::alone();
    let path = lan.socket();
    let (stop, floods) = (AtomicBool::new(false), 2);
    std::thread::scope(|scope| {
        let _end = Stop(&stop);
        for _ in 0..floods {
            scope.spawn(|| {
                let app = App::new(&path);
                let alive = packet(1, "db", Ask::Alive { nonce: 7 });
                while !stop.load(Ordering::Relaxed) {
                    // Where there is no room, it tries again at once.
                    let _ = app.try_say(&alive);
                }
            });
        }
        eventually("all flood", || (lan.clients() == floods).then_some(()));
        let start = Instant::now();
        let mut slowest = Duration::ZERO;
        // Longer than a mserver may be silent before it is given up.
        while start.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            let app = member(&lan);
            slowest = slowest.max(asked.elapsed());
            drop(app);
        }
        assert_eq!(lan.status()["registered"], true);
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    });
}

#[test]
fn a_flood_of_connections_starves_nobody_who_was_let_in() {
    let lan = Lan::alone();
    let path = lan.socket();
    let mut app = member(&lan);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = Stop(&stop);
        for greets in [false, true] {
            let (path, stop) = (&path, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let flood = App::silent(path);
                    if greets {
                        // It may have had to give way already.
                        let _ = flood.say(&Asking::Hello { version: VERSION }.encode().unwrap());
                    }
                }
            });
        }
        let start = Instant::now();
        let mut slowest = Duration::ZERO;
        while start.elapsed() < Duration::from_secs(1) {
            let asked = Instant::now();
            // A member that it does not have: refused at once.
            let member = MemberId { mi: app.mi.unwrap(), number: 77 };
            app.call("db", Ask::Leave { member });
            assert!(matches!(app.event(), LocalEvent::Refused { .. }));
            slowest = slowest.max(asked.elapsed());
        }
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    });
}

#[test]
fn what_is_no_call_is_answered_by_the_end() {
    let lan = Lan::new();
    let hello = Asking::Hello { version: VERSION }.encode().unwrap();
    let nonsense: [&[u8]; 7] = [
        &[255],
        &[0, 0],
        &hello,
        b"GET / HTTP/1.1\r\n\r\n",
        &packet(1, "db", Ask::View)[..7],
        &[packet(1, "db", Ask::View), vec![0]].concat(),
        &vec![5; MAX_PACKET + 1],
    ];
    for (n, nonsense) in nonsense.iter().enumerate() {
        let mut app = App::new(&lan.socket());
        app.say(nonsense).unwrap();
        assert_eq!(app.next(), Came::Closing(Closing::NotUnderstood), "{n}");
        assert_eq!(app.next(), Came::End);
    }
    // A call before the greeting is as much nonsense.
    let mut app = App::silent(&lan.socket());
    app.say(&packet(1, "db", Ask::View)).unwrap();
    assert_eq!(app.next(), Came::Closing(Closing::NotUnderstood));
    lan.await_counter("application-not-understood", 8);
    lan.mi.await_log("closed, it sent what is no call");
    eventually("they are gone", || (lan.clients() == 0).then_some(()));
}

#[test]
fn another_version_is_refused_with_the_one_that_is_spoken() {
    let lan = Lan::new();
    for version in [0, VERSION + 1, u16::MAX] {
        let mut app = App::silent(&lan.socket());
        let closing = Closing::Version { spoken: VERSION };
        assert_eq!(app.greet(version), Came::Closing(closing));
        assert_eq!(app.next(), Came::End);
    }
    lan.await_counter("application-version", 3);
    // A member whose application speaks nonsense in the end fails as if it had died.
    let mut app = member(&lan);
    let mut other = App::new(&lan.socket());
    other.join("db");
    assert_eq!(app.view(), (2, 2));
    other.say(&[77]).unwrap();
    assert_eq!(app.view(), (3, 1));
}
