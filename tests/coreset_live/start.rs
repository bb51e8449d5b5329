//! Starts that fail say why, with the code that sysexits(3) has for it.

use super::set::{CALM, PATIENCE, Set};
use super::world::{World, within};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A start that fails: its arguments, its code, a word of why.
fn fails(world: &World, args: &[&str], code: i32, why: &str) {
    let all = [&["mserver", "-f", "-c", "ms.conf"], args].concat();
    let (ended, out, err) = world.run(&all);
    assert_eq!(ended, code, "{args:?}: {out}{err}");
    assert!(err.contains(why), "{args:?}: {err}");
}

#[test]
fn a_command_line_that_is_wrong_is_refused_with_64() {
    let world = World::new();
    let ip = world.ip(11).to_string();
    for (args, why) in [
        (&[][..], "there must be SET and perhaps ADDRESS, not 0 operands"),
        (&["a", "-", "c"][..], "not 3 operands"),
        (&["with.dot"][..], "must have no dot"),
        (&["set", "nowhere:at:all"][..], "ADDRESS nowhere:at:all"),
        (&["--create", "--join-only", "set"][..], "must not be given together"),
        (&["--no-such", "set"][..], "no-such"),
        (&["a-name-that-is-longer-than-the-field-for-it", "-"][..], "SET"),
    ] {
        fails(&world, &[&["-i", &ip], args].concat(), 64, why);
    }
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_78() {
    let world = World::new();
    let ip = world.ip(11).to_string();
    fails(&world, &["-i", "no-such-interface", "set"], 78, "no-such-interface");
    fails(&world, &["-i", &ip, "--level", "0", "set"], 78, "level 0");
    fails(&world, &["-i", &ip, "--reply", "soon", "set"], 78, "soon");
    fails(&world, &["-i", &ip, "--key", "no-keys", "set"], 78, "no-keys");
}

#[test]
fn what_the_system_refuses_has_the_code_of_its_cause() {
    let mut set = Set::new();
    let ip = set.world.ip(11).to_string();
    // TEST-NET-1 of RFC 5737: nobody's own.
    fails(&set.world, &["-i", "192.0.2.1", "set"], 69, "192.0.2.1");
    fails(&set.world, &["-i", &ip, "--views", "no/such/dir", "set"], 73, "views file");
    set.world.write("plain", "");
    fails(&set.world, &["-i", &ip, "--state-dir", "plain/dir", "set"], 71, "state directory");
    set.start(11, &["--create"]);
    set.await_view(&[11]);
    fails(&set.world, &["-i", &ip, "set"], 69, "address");
    set.await_view(&[11]);
}

#[test]
fn a_start_in_the_background_ends_when_there_is_a_view() {
    let set = Set::of(&[11], CALM);
    let ip = set.world.ip(12).to_string();
    let options = ["-c", "ms.conf", "-i", &ip, "-p", "pid", "--state-dir", "state", "--join-only"];
    let args = [&["mserver"], &options[..], &["--views", "views12", &set.name]].concat();
    let (code, _, err) = set.world.run(&args);
    let pid = set.world.read("pid").trim().parse().map(Pid::from_raw);
    within(PATIENCE, "it had joined when its starter ended", || {
        (set.installs(12).len() == 1).then_some(())
    });
    let ended = pid.map(|pid| kill(pid, Signal::SIGTERM));
    assert_eq!(code, 0, "{err}");
    assert_eq!(ended, Ok(Ok(())));
    set.await_view(&[11]);
}

#[test]
fn an_mcaster_that_is_not_there_ends_the_start_with_69() {
    let world = World::new();
    let (ip, hub) = (world.ip(11).to_string(), world.ip(1).to_string());
    fails(&world, &["-i", &ip, "--retries", "1", "set", &hub], 69, &hub);
}
