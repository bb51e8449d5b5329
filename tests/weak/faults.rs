//! Weak groups while mservers crash, messages are lost and the network falls apart.

use super::told::{good, joins, members};
use membership::sim::campus::play::{Play, group};
use membership::sim::campus::{AppId, Plan};

fn nodes(play: &Play, names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| play.node(name)).collect()
}

#[test]
fn members_behind_a_mserver_that_crashes_are_cut_off() {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let mut apps = members(&mut play, &["a/1", "b/1", "c/1"]);
    play.run(100);
    play.crash("b");
    play.crash("b/1");
    apps.remove(1);
    play.until_in("db", &apps);
    play.restart("b");
    play.restart("b/1");
    let later = play.on("b/1");
    joins(&mut play, later);
    apps.push(later);
    play.until_in("db", &apps);
    good(play);
}

#[test]
fn a_mserver_that_comes_back_has_all_from_its_peers_and_loses_nobody() {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let apps = members(&mut play, &["a/1", "b/1", "c/1"]);
    play.run(100);
    play.crash("b");
    play.run(20);
    play.restart("b");
    play.until("rest", |campus| campus.rests().is_ok());
    play.run(1000);
    play.until_in("db", &apps);
    good(play);
}

#[test]
fn the_only_mserver_that_knew_of_a_group_comes_back_and_so_does_the_group() {
    let mut play = Play::of(Plan::tree(&[1], 2));
    let apps = members(&mut play, &["a/1", "a/2"]);
    play.run(100);
    play.crash("a");
    play.run(20);
    play.restart("a");
    play.run(1500);
    play.until_in("db", &apps);
    good(play);
}

#[test]
fn a_member_interface_that_fails_over_loses_nobody() {
    for crash in [true, false] {
        let mut play = Play::of(Plan::tree(&[3], 1).with_alternatives());
        let mut apps = members(&mut play, &["a/1", "b/1"]);
        play.run(100);
        if crash {
            play.crash("a");
        } else {
            let (one, other) = (nodes(&play, &["a/1"]), nodes(&play, &["a"]));
            play.cut(&one, &other);
        }
        play.run(600);
        play.until_in("db", &apps);
        let later = play.on("c/1");
        joins(&mut play, later);
        apps.push(later);
        play.until_in("db", &apps);
        play.heal();
        good(play);
    }
}

#[test]
fn both_sides_of_a_partition_go_on_and_are_one_again() {
    let mut play = Play::of(Plan::tree(&[4], 1));
    let mut apps = members(&mut play, &["a/1", "b/1", "c/1", "d/1"]);
    play.run(100);
    let (these, those) =
        (nodes(&play, &["a", "a/1", "b", "b/1"]), nodes(&play, &["c", "c/1", "d", "d/1"]));
    play.cut(&these, &those);
    play.until_in("db", &apps[..2]);
    play.until_in("db", &apps[2..]);
    let here: AppId = play.on("a/1");
    let there = play.on("d/1");
    joins(&mut play, here);
    joins(&mut play, there);
    let gone = apps.remove(1);
    play.leave(gone, group("db"));
    play.run(300);
    play.heal();
    play.until("one roster", |campus| campus.rests().is_ok());
    apps.extend([here, there]);
    let all = play.view(apps[0], group("db")).map(|view| view.roster.len());
    play.expect(all == Some(5), format!("5 members, not {all:?}"));
    good(play);
}

#[test]
fn a_short_partition_cuts_nobody_off() {
    let mut play = Play::of(Plan::tree(&[3], 1));
    let apps = members(&mut play, &["a/1", "b/1", "c/1"]);
    play.run(100);
    let (these, those) = (nodes(&play, &["a", "a/1"]), nodes(&play, &["b", "b/1", "c", "c/1"]));
    play.cut(&these, &those);
    play.run(30);
    play.heal();
    play.until("rest", |campus| campus.rests().is_ok());
    play.run(800);
    play.until_in("db", &apps);
    good(play);
}

#[test]
fn the_loss_of_any_message_is_made_up_for() {
    let mut still = Play::of(Plan::tree(&[3], 1));
    let apps = members(&mut still, &["a/1", "b/1"]);
    still.run(100);
    let mut failed = Vec::new();
    for name in ["SUBMIT", "DIRECT", "ACK", "GOSSIP"] {
        for (from, to) in [
            ("c/1", "c"),
            ("c", "c/1"),
            ("c", "a"),
            ("a", "c"),
            ("c", "b"),
            ("b", "a"),
            ("b", "b/1"),
        ] {
            for times in [1, 3] {
                let (mut play, mut apps) = (still.clone(), apps.clone());
                play.lose(name, from, to, times);
                let joiner = play.on("c/1");
                joins(&mut play, joiner);
                apps.push(joiner);
                play.until_in("db", &apps);
                play.leave(apps.remove(0), group("db"));
                play.until_in("db", &apps);
                let ended = play.end();
                let what = format!("{times} {name} {from} -> {to}");
                failed.extend(ended.failed().iter().map(|why| format!("{what}: {why}")));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
