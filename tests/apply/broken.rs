//! What goes wrong: faults in the file, steps that fail, somebody who breaks it off.

use crate::world::{World, lines_behind};
use crate::{FLAT, TWO_LEVELS, two_levels};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

/// One host moves and the parents change places: many steps.
const OTHER: &str = "set top% {\n level 2\n mserver @8\n mserver @9\n}
    set east% {\n parent @8\n mserver @2\n mserver @3\n mserver @4\n}
    set west% {\n parent @9\n mserver @1\n}";

#[test]
fn every_fault_of_a_file_is_told_before_anybody_is_asked() {
    let world = World::new(5);
    let (code, text) = world.apply("set x {\n    level 0\n    mserver @999\n}\nfrob\n");
    assert_eq!(code, 78, "{text}");
    let expected = "ms: campus:2:11: level 0: must be 1 to 255
ms: campus:3:13: mserver 127.95.5.999: must be the IPv4 address of one host, address[:port]
ms: campus:5:1: frob: must be set or lan
";
    // The set has a mserver, though not one that can be read.
    assert!(text.starts_with(&expected[..expected.len() - 1]) || text.contains("frob"), "{text}");
    for line in expected.lines() {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert_eq!(world.mgr(&["apply", "nowhere"]).0, 66);
    assert_eq!(world.mgr(&["apply"]), (64, "ms: usage: ms mgr [options] apply FILE\n".to_string()));
    assert_eq!(world.mgr(&["export"]).0, 64);
    let (code, text) = world.mgr(&["export", "--timeout", "1", &world.text("@1")]);
    assert!(code == 69 && text.contains("nobody answered"), "{text}");
}

#[test]
fn nobody_is_asked_for_more_than_may_be() {
    let mut world = World::new(6);
    for host in 1..5 {
        world.start(&format!(
            "ms mserver --interface @{host} --allow @0/24 --allow 127.0.0.0/24 west%"
        ));
    }
    world.together(&[1, 2, 3, 4], "west%", 4);
    world.write("campus", FLAT);
    let (code, text) = world.mgr(&["apply", "-i", "127.94.0.1", "campus"]);
    assert!(code == 77 && text.contains("not allowed"), "{text}");
    world.kill(4);
    world.together(&[1, 2, 3], "west%", 3);
    let (code, text) = world.mgr(&["apply", "--timeout", "1", "campus"]);
    assert_eq!(code, 75, "{text}");
    assert!(text.contains("3 mservers answered, 1 did not"), "{text}");
    assert!(text.contains("  ? 127.95.6.4:2900: nobody answered"), "{text}");
    let line = "! start on 127.95.6.4: ms mserver --interface 127.95.6.4 west6";
    assert!(text.contains(line), "{text}");
}

#[test]
fn what_was_broken_off_goes_on_where_it_was() {
    let mut world = World::new(7);
    two_levels(&mut world);
    world.write("campus", OTHER);
    let mut command = world.command(&["mgr", "-c", "ms.conf", "apply", "-y", "campus"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let (mut before, mut plan) = (Vec::new(), String::new());
    while !plan.contains("[1/") {
        before.clear();
        assert!(told.read_until(b'/', &mut before).unwrap() > 0, "{plan}");
        plan.push_str(&String::from_utf8_lossy(&before));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75), "{rest}");
    // What had begun was done first.
    assert!(rest.contains(" s: "), "{rest}");
    assert!(rest.contains("interrupted\n"), "{rest}");
    let done = lines_behind(&rest, "ms: done: ");
    let left = lines_behind(&rest, "ms: not done: ");
    assert_eq!((done.len(), left.len()), (1, 5), "{rest}");
    assert!(rest.contains("run the same command again to go on from here"), "{rest}");

    let (code, text) = world.mgr(&["apply", "--yes", "campus"]);
    assert_eq!(code, 0, "{text}");
    let (_, named) = left[0].split_once(". ").unwrap();
    assert!(text.contains(&format!("  1. {named}\n")), "{named} is first in {text}");
    assert!(text.contains("[5/5] "), "{text}");
}

#[test]
fn nothing_is_lost_when_it_is_killed() {
    let mut world = World::new(8);
    two_levels(&mut world);
    world.write("campus", OTHER);
    let mut command = world.command(&["mgr", "-c", "ms.conf", "apply", "-y", "campus"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("[1/") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, text) = world.mgr(&["apply", "--yes", "campus"]);
    assert_eq!(code, 0, "{text}");
    world.together(&[2, 3, 4], "east%", 4);
}

#[test]
fn a_step_that_fails_says_what_was_done_and_what_was_not() {
    let mut world = World::new(10);
    // One host has an address of its own for a set: it will look for it in vain.
    world.write("elsewhere", "west% 239.195.10.99\n");
    world.start("ms mserver --interface @8 --child west% top%");
    world.start("ms mserver --interface @9 --groups elsewhere --child east% top%");
    for (host, set) in [(1, "west"), (2, "west"), (3, "east"), (4, "east")] {
        world.start(&format!("ms mserver --interface @{host} {set}%"));
    }
    world.together(&[8, 9], "top%", 2);
    world.together(&[1, 2], "west%", 3);
    world.together(&[3, 4], "east%", 3);
    let swapped = TWO_LEVELS.replace("@8\n    mserver @1", "@9\n    mserver @1");
    let swapped = swapped.replace("parent @9\n    mserver @3", "parent @8\n    mserver @3");
    world.write("campus", &swapped);
    let (code, text) = world.mgr(&["apply", "--yes", "--timeout", "2", "campus"]);
    assert_eq!(code, 65, "{text}");
    for line in [
        "[2/4] stand by: 127.95.10.9 waits to be the parent of west10 ... failed",
        "ms: 127.95.10.9:2900: looks for set west10 at 239.195.10.99:2900, which is heard at ",
        "ms: done: 1. del-parent: ",
        "ms: not done: 2. stand by: ",
        "ms: not done: 4. add-parent: ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    // West keeps the parent that it has until there is one to follow.
    let (code, text) = world.mgr(&["apply", "--yes", "campus"]);
    assert_eq!(code, 75, "{text}");
    let restart = "! restart on 127.95.10.9 with: ms mserver --interface 127.95.10.9 --child west10 top10 (it \
                   looks for set west10 at 239.195.10.99:2900, which is heard at ";
    assert!(text.contains(restart), "{text}");
    world.together(&[1, 2], "west%", 3);
    world.kill(9);
    world.start("ms mserver --interface @9 --child west% top%");
    world.together(&[1, 2], "west%", 3);
    world.together(&[8, 9], "top%", 2);
    let (code, text) = world.mgr(&["apply", "--yes", "campus"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn who_looks_for_a_set_elsewhere_is_no_part_of_it() {
    let mut world = World::new(11);
    world.write("elsewhere", "east% 239.195.11.99\n");
    world.start("ms mserver --interface @1 east%");
    world.start("ms mserver --interface @2 --groups elsewhere east%");
    world.together(&[1, 2], "east%", 1);
    let (code, text) = world.apply("set east% {\n mserver @1\n mserver @2\n}");
    assert_eq!(code, 75, "{text}");
    assert!(text.contains("its mservers have different ms.groups"), "{text}");
    assert!(text.contains("refused: a set that is parted is left alone"), "{text}");
    let (code, text) = world.mgr(&["apply", "--no-wait", "campus"]);
    assert!(code == 64 && text.contains("apply waits for each step"), "{text}");
}

#[test]
fn with_keys_a_file_is_applied_by_who_has_one() {
    let mut world = World::new(9);
    let key = world.dir.join("keys");
    let secret = "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    std::fs::write(&key, secret).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    for host in 1..4 {
        world.start(&format!("ms mserver --interface @{host} --key keys west%"));
    }
    world.together(&[1, 2, 3], "west%", 3);
    world.write("campus", "set west% {\n mserver @1\n mserver @2\n}\nset east% { mserver @3 }\n");
    let (code, text) = world.mgr(&["apply", "--yes", "--timeout", "1", "campus"]);
    assert_eq!(code, 75, "{text}");
    assert!(text.contains("0 mservers answered, 3 did not"), "{text}");
    assert!(
        text.contains("nobody answered: not running, out of reach, or not taking our key"),
        "{text}"
    );
    let (code, text) = world.mgr(&["apply", "--yes", "--key", "keys", "campus"]);
    assert_eq!(code, 0, "{text}");
    world.together(&[3], "east%", 1);
}
