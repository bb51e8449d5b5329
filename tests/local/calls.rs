//! What applications call for, and what they hear of it.

use super::app::{App, Came, join};
use super::lan::Lan;
use membership::wire::group::{Mode, Qos, Reason, Refusal};
use membership::wire::local::{Ask, LocalEvent};

#[test]
fn who_joins_hears_of_its_member_and_of_every_view_and_others_do_too() {
    let lan = Lan::new();
    let mut first = App::new(&lan.socket());
    let call = first.join("db");
    let LocalEvent::Taken { call: of, member } = first.event() else { panic!("taken first") };
    assert_eq!((of, member.mi), (call, first.mi.unwrap()));
    assert_eq!(first.view(), (1, 1));

    let mut second = App::new(&lan.socket());
    second.join("db");
    second.taken();
    match second.event() {
        LocalEvent::View { rank, number, size, whole, came, .. } => {
            assert_eq!((rank, number, size, whole, came.len()), (1, 2, 2, true, 2));
        }
        other => panic!("{other:?}"),
    }
    match first.event() {
        LocalEvent::View { rank, number, reason, whole, came, .. } => {
            assert_eq!((rank, number, reason, whole, came.len()), (0, 2, Reason::Joined, false, 1));
        }
        other => panic!("{other:?}"),
    }
    first.call("db", Ask::Leave { member });
    loop {
        match first.event() {
            LocalEvent::Out { reason, .. } => break assert_eq!(reason, Reason::Left),
            LocalEvent::Done { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(second.view(), (3, 1));
}

#[test]
fn one_application_can_have_many_members_and_hears_of_each() {
    let lan = Lan::new();
    let mut app = App::new(&lan.socket());
    for group in ["a", "b", "c"] {
        app.join(group);
        app.taken();
        assert_eq!(app.view(), (1, 1));
    }
    // Three times in one group: a view for each of those who are in it.
    app.join("a");
    app.taken();
    assert_eq!([app.view(), app.view()], [(2, 2); 2]);
}

#[test]
fn what_cannot_be_is_refused_with_the_number_of_the_call() {
    let lan = Lan::new();
    let mut first = App::new(&lan.socket());
    first.join("db");
    first.taken();
    first.view();
    let mut second = App::new(&lan.socket());
    let (tag, qos) = (vec![], Qos::default());
    let call =
        second.call("db", Ask::Join { mode: Mode::Create, tag, qos: qos.into(), patience_ms: 0 });
    second.taken();
    let group = "db".parse().unwrap();
    let refused = LocalEvent::Refused { call, group, refusal: Refusal::Exists };
    assert_eq!(second.event(), refused);
    // A member of somebody else's is none of its own.
    let member = membership::wire::group::MemberId { mi: first.mi.unwrap(), number: 1 };
    let call = second.call("db", Ask::Leave { member });
    let refused = LocalEvent::Refused { call, group, refusal: Refusal::NotMember };
    assert_eq!(second.event(), refused);
}

#[test]
fn the_greeting_tells_which_member_interface_it_is_and_in_which_life() {
    let mut lan = Lan::new();
    let app = App::new(&lan.socket());
    let before = app.mi.unwrap();
    assert_eq!(before.address, lan.mi_at());
    assert_eq!(lan.status()["incarnation"], before.inc.0);
    let file = format!("state/{}-2901.life", lan.mi_at().ip());
    assert_eq!(lan.world.read(&file).trim(), before.inc.to_string());
    // The next life is above it, whatever the clock says.
    lan.world.write(&file, &format!("{}\n", u32::MAX - 7));
    lan.again();
    let after = App::new(&lan.socket()).mi.unwrap();
    assert_eq!(after.inc.0, u32::MAX - 6);
}

#[test]
fn a_member_interface_that_is_told_to_stop_takes_leave_on_both_sides() {
    let mut lan = Lan::new();
    let mut app = App::new(&lan.socket());
    app.call("db", join());
    app.taken();
    app.view();
    lan.mi.signal(nix::sys::signal::Signal::SIGTERM);
    lan.await_said("unregistered", |body| {
        matches!(body, membership::wire::group::GroupBody::Unregister { .. }).then_some(())
    });
    assert_eq!(app.next(), Came::End);
    assert_eq!(lan.mi.exit_code(), 0);
    assert!(!lan.socket().exists());
}
