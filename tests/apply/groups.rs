//! Groups are not cut off without anybody saying so.

use crate::world::{World, eventually};
use std::process::{Child, Stdio};

/// A member, as long as the value lives.
struct Member(Child);

impl Member {
    fn join(world: &World, host: u8, group: &str) -> Member {
        let at = world.text(&format!("@{host}"));
        let mut command = world.command(&["join", "--run-dir", "run", "--mi", &at, group]);
        Member(command.stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const CAMPUS: &str = "
    set top% {
        level 2
        mserver @8
    }
    set west% {
        parent @8
        mserver @1 mi
        mserver @2 mi
    }";

fn size_of(world: &World, host: u8, group: &str) -> usize {
    let at = world.text(&format!("@{host}"));
    let output = world.command(&["members", "--run-dir", "run", "--mi", &at, group]).output();
    output.map_or(0, |output| String::from_utf8_lossy(&output.stdout).lines().count())
}

#[test]
fn a_plan_that_would_orphan_groups_is_refused() {
    let mut world = World::new(4);
    world.start("ms mserver --interface @8 --child west% top%");
    world.start("ms mserver --interface @1 --mi west%");
    world.start("ms mserver --interface @2 --mi west%");
    world.together(&[1, 2], "west%", 3);
    world.together(&[8], "top%", 1);
    let (code, text) = world.apply(CAMPUS);
    assert_eq!(code, 0, "{text}");
    let _members = [1, 2].map(|host| Member::join(&world, host, "db"));
    eventually("two members", || size_of(&world, 1, "db") >= 2 && size_of(&world, 2, "db") >= 2);

    let before = world.mgr(&["export", &world.text("@1")]);
    let without = CAMPUS.replace("parent @8", "");
    let (code, text) = world.apply(&without);
    assert_eq!(code, 65, "{text}");
    assert!(text.contains("set west4 knows 1 group and would lose its parent"), "{text}");
    assert!(text.contains("refused: it would cut groups off; nothing changed"), "{text}");
    let (code, text) = world.apply(&CAMPUS.replace("mserver @2 mi", ""));
    assert_eq!(code, 65, "{text}");
    assert!(text.contains("mserver 127.95.4.2 of set west4 has groups below"), "{text}");
    assert_eq!(world.mgr(&["export", &world.text("@1")]), before);

    world.write("campus", &without);
    let (code, text) = world.mgr(&["apply", "--yes", "--orphan-groups", "campus"]);
    assert_eq!(code, 0, "{text}");
    world.together(&[1, 2], "west%", 2);
    assert!(size_of(&world, 1, "db") >= 2, "those who still meet stay together");
}

#[test]
fn nor_are_groups_that_are_decided_above() {
    let mut world = World::new(13);
    world.start("ms mserver --interface @8 --child west% top%");
    world.start("ms mserver --interface @9 --child east% top%");
    world.start("ms mserver --interface @1 --mi west%");
    world.start("ms mserver --interface @2 --mi east%");
    world.together(&[1], "west%", 2);
    world.together(&[2], "east%", 2);
    world.together(&[8, 9], "top%", 2);
    let members = [1, 2].map(|host| Member::join(&world, host, "db"));
    eventually("two members", || size_of(&world, 1, "db") >= 2 && size_of(&world, 2, "db") >= 2);
    let file = "
    set top% {\n level 2\n mserver @8\n mserver @9\n }
    set east% {\n mserver @2 mi\n }
    set west% {\n parent @8\n mserver @1 mi\n }";
    let (code, text) = world.apply(file);
    assert_eq!(code, 65, "{text}");
    assert!(text.contains("set east13 knows 1 group and would lose its parent"), "{text}");
    // When there are no members any more, there is nothing to lose.
    drop(members);
    eventually("it may lose its parent", || world.apply(file).0 == 0);
    world.together(&[2], "east%", 1);
}
