//! What is refused says why, and by its exit code.

use super::{Going, World, host, ms, of_size};

/// A command, its exit code, and words that it says on standard error.
type Case<'a> = (&'a [&'a str], i32, &'a str);

fn all_say(world: &World, cases: &[Case]) {
    for (args, code, words) in cases {
        let (got, text, said) = ms(world, 1, args);
        assert_eq!((got, text.as_str()), (*code, ""), "{args:?}: {said}");
        assert!(said.starts_with("ms: ") && said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn a_command_line_that_is_wrong_is_explained_before_anybody_is_asked() {
    let world = World::new();
    all_say(
        &world,
        &[
            (&["join"], 64, "there must be one GROUP"),
            (&["join", "a b"], 64, "the group's name contains ' '"),
            (&["join", "a.b"], 64, "a.b: must have no dot"),
            (&["join", "--order", "loose", "a"], 64, "--order loose: must be strong or weak"),
            (
                &["join", "--survive", "size > 3", "a"],
                64,
                "--survive size > 3: at 6: must be >= or <, is \">\"",
            ),
            (
                &["join", "--merge", "majority", "a"],
                64,
                "--merge majority: at 1: must be name, none, tag or member, is \"majority\"",
            ),
            (&["join", "--batch", "10", "a"], 64, "--batch 10: must be off, or"),
            (&["join", "--monitor", "fixed 1 x 3", "a"], 64, "as fixed 1s x 3"),
            (&["join", "--monitor", "fixed 1ms x 3", "a"], 64, "must ask once in 10ms to 3600s"),
            (&["join", "--roster", "half", "a"], 64, "--roster half: must be full or count"),
            (
                &["join", "--order", "weak", "--survive", "size < 9 or majority", "a"],
                64,
                "--survive size < 9 or majority: majority needs order strong",
            ),
            (
                &["join", "--name-scope", "1", "--membership-scope", "2", "a"],
                64,
                "--membership-scope 2: must not be above the name-scope, which is 1",
            ),
            (&["join", "--no-rejoin", "--rejoin-always", "a"], 64, "must be one of them"),
            (&["join", "--mode", "any", "a"], 64, "must be create or existing"),
            (&["join", "--name-scope", "a/b", "a"], 64, "--name-scope a/b: must be top, a level,"),
            (&["join", "--patience", "long", "a"], 64, "must be a number of seconds"),
            (&["join", "--count", "0", "a"], 64, "must be a number from 1"),
            (&["run", "a"], 64, "there must be a COMMAND behind --"),
            (
                &["run", "--leader", "--survive", "majority or size < 3", "a", "--", "true"],
                64,
                "--leader: with survive majority or size < 3 in a partition there may be a leader on each side",
            ),
            (&["leave", "a", "b"], 64, "GID b: must be a number"),
            (&["merge", "a"], 64, "there must be a GROUP and an OTHER"),
            (&["split", "a", "b"], 64, "there must be a GID"),
            (&["watch", "--interval", "-1", "a"], 64, "must be a number of seconds"),
        ],
    );
}

#[test]
fn where_there_is_no_member_interface_everything_says_so() {
    let world = World::new();
    let words = "; start ms mi or ms mserver --mi, or name it by --mi";
    all_say(
        &world,
        &[
            (&["join", "a"], 69, words),
            (&["run", "a", "--", "true"], 69, words),
            (&["view", "a"], 69, words),
            (&["members", "a"], 69, words),
            (&["merge", "a", "b"], 69, words),
            (&["split", "a", "b", "1"], 69, words),
            (&["watch", "a"], 69, words),
            (&["leave", "a", "1"], 69, "no daemon answers there; is it running?"),
            (&["join", "--wait", "--timeout", "0.1", "a"], 75, "a: not a member in time"),
        ],
    );
}

#[test]
fn what_a_group_refuses_has_its_sentence_and_its_code() {
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let _one = host(&world, 1);
    let member = Going::start(&world, 1, "a", &["join", "--json", "there"]);
    member.await_event("its first view", of_size(1));
    let none = "there is no group of this name within the scope (code 17)";
    all_say(
        &world,
        &[
            (
                &["join", "--mode", "create", "there"],
                1,
                "there: a group of this name exists (code 16)",
            ),
            (&["join", "--mode", "existing", "none"], 1, none),
            (&["run", "--mode", "existing", "none", "--", "echo", "begun"], 1, none),
            (&["view", "none"], 1, none),
            (&["members", "none"], 1, none),
            (&["merge", "none", "there"], 1, none),
            (&["split", "there", "other", "7"], 1, "there: not a member of the group (code 19)"),
            (&["split", "there", "b.c", "1"], 64, "b.c: must have no dot"),
            (&["leave", "there", "7"], 1, "there: no member here has gid 7"),
        ],
    );
    // A refusal is an event, too.
    let args = ["join", "--json", "--mode", "existing", "none"];
    let (code, text, _) = ms(&world, 1, &args);
    let event: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &event["event"], &event["code"]), (1, &"refused".into(), &17.into()));
}

#[test]
fn a_member_interface_without_a_mserver_lets_nobody_wait_for_ever() {
    let world = World::new();
    let nowhere = world.at(7).to_string();
    let rest = ["--profile", "fast", "--state-dir", ".", "--port", "2900", &nowhere];
    let _mi = world.spawn("mi", 1, &rest);
    all_say(
        &world,
        &[(&["join", "--wait", "--timeout", "0.3", "a"], 75, "a: not a member in time")],
    );
    let (code, _, said) = ms(&world, 1, &["view", "--timeout", "0.2", "a"]);
    assert_eq!(code, 75, "{said}");
    assert!(said.contains("no answer in time"), "{said}");
}

#[test]
fn who_may_not_call_is_told_so() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let world = World::new();
    let _hub = world.mcaster(9, &[]);
    let hub = world.ip(9).to_string();
    let rest =
        ["--profile", "fast", "--state-dir", ".", "--mi", "--mi-allow", "uid:0", "office", &hub];
    let daemon = world.spawn("mserver", 1, &rest);
    daemon.await_log("ready");
    if !nix::unistd::geteuid().is_root() {
        // Then we are somebody who may not, ourselves.
        let (code, _, said) = ms(&world, 1, &["view", "a"]);
        assert_eq!(code, 77, "{said}");
        return;
    }
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path("run"), open).unwrap();
    let at = world.path("run").join(format!("{}-2900.mi", world.ip(1)));
    let mut command = world.command(&["view", "--mi", at.to_str().unwrap(), "a"]);
    let output = command.uid(65_534).gid(65_534).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{said}");
    assert!(said.contains("not authorised to call this member interface"), "{said}");
}
