//! Who may call.

use super::app::{App, Came};
use super::lan::Lan;
use super::world::eventually;
use membership::wire::local::{Closing, VERSION};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, getegid, geteuid, setfsuid};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// A user that is nobody's.
const SOMEBODY: u32 = 54_321;

/// What an application of another user than root hears at its greeting, and that user.
fn as_somebody(path: &Path) -> (u32, Vec<Came>) {
    let greet = |path: &Path| {
        let mut app = App::silent(path);
        let first = app.greet(VERSION);
        match first {
            Came::Closing(_) => vec![first, app.next()],
            first => vec![first],
        }
    };
    if !geteuid().is_root() {
        return (geteuid().as_raw(), greet(path));
    }
    let path = path.to_path_buf();
    let thread = std::thread::spawn(move || {
        // SAFETY: the bare system call changes the user of this thread alone, which ends with it; nothing is shared.
        let done = unsafe { libc::syscall(libc::SYS_setresuid, -1, SOMEBODY, -1) };
        assert_eq!(done, 0);
        // The way to the socket leads through directories that are not for everybody.
        setfsuid(Uid::from_raw(0));
        greet(&path)
    });
    (SOMEBODY, thread.join().unwrap())
}

#[test]
fn who_is_not_named_is_told_so_in_a_sentence_and_closed() {
    let lan = Lan::with(&["--mi-allow", "uid:54322", "--mi-allow", "gid:54323"]);
    let (user, heard) = as_somebody(&lan.socket());
    assert_eq!(heard, [Came::Closing(Closing::NotAuthorised), Came::End]);
    assert_eq!(Closing::NotAuthorised.to_string(), "not authorised to call this member interface");
    lan.await_counter("application-not-authorised", 1);
    let line = lan.mi.await_log("turned away, not authorised");
    assert!(line.contains(&format!("application of user {user}, process ")), "{line}");
    // Once a while: nobody can fill the log.
    for n in 2..6 {
        as_somebody(&lan.socket());
        lan.await_counter("application-not-authorised", n);
    }
    assert_eq!(lan.mi.log().matches("turned away").count(), 1);
}

#[test]
fn who_is_named_is_let_in_and_that_can_change_while_it_runs() {
    let user = if geteuid().is_root() { SOMEBODY } else { geteuid().as_raw() };
    let lan = Lan::with(&[]);
    let conf = "groups ms.groups\nrun-dir run\n";
    for (allowed, lines) in [
        (true, format!("mi-allow uid:1 uid:{user}\n")),
        (false, "mi-allow uid:1\nmi-mode 0606\n".to_string()),
        (true, String::new()),
    ] {
        lan.world.write("ms.conf", &format!("{conf}{lines}"));
        let before = lan.mi.log().matches("configuration read again").count();
        lan.mi.signal(Signal::SIGHUP);
        eventually("the configuration is read", || {
            let now = lan.mi.log().matches("configuration read again").count();
            (now > before).then_some(())
        });
        let (_, heard) = as_somebody(&lan.socket());
        assert_eq!(matches!(heard[0], Came::Hello(_)), allowed, "{lines}: {heard:?}");
        let mode = lan.socket().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if lines.contains("mi-mode") { 0o606 } else { 0o666 });
    }
}

#[test]
fn the_file_of_the_socket_has_the_mode_and_the_group_that_it_is_given() {
    let group = nix::unistd::Group::from_gid(getegid()).unwrap().expect("our group has a name");
    let lan = Lan::with(&["--mi-mode", "0660", "--mi-group", &group.name]);
    let file = lan.socket().metadata().unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o660);
    assert_eq!(Gid::from_raw(file.gid()), getegid());
    App::new(&lan.socket());
}
