//! What an operator asks for: splits, merges, statistics; and what is refused, in words.

use super::ask::{Operator, named};
use super::set::{CALM, Set, place};
use membership::wire::coreset::{Body, Request};

#[test]
fn a_set_is_split_and_merged_again_as_asked() {
    let set = Set::of(&[11, 12, 13, 14], CALM);
    let operator = Operator::new(set.world.ip(200));
    let other = format!("{}b", set.name);
    let side = vec![set.world.at(12), set.world.at(14)];
    let split = Request::Split { side, name: named(&other) };
    operator.request(set.world.at(13), &set.name, split);
    assert_eq!(set.await_view(&[11, 13])["set"], set.name.as_str());
    assert_eq!(set.await_view(&[12, 14])["set"], other.as_str());
    let merge = Request::Merge { at: place(&other) };
    operator.request(set.world.at(11), &set.name, merge);
    set.await_view(&[11, 12, 13, 14]);
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    let set = Set::of(&[11, 12], CALM);
    let operator = Operator::new(set.world.ip(200));
    let at = set.world.at(11);
    let split = |side| Request::Split { side, name: named("elsewhere") };
    let refused = |request| operator.refused(at, &set.name, request);
    let all = refused(split(vec![set.world.at(11), set.world.at(12)]));
    assert!(all.contains("not all"), "{all}");
    let itself = refused(Request::Merge { at: place(&set.name) });
    assert!(itself.contains("this set itself"), "{itself}");
    let unknown = operator.refused(at, "nobody", split(vec![at]));
    assert!(unknown.contains("not in a set called nobody"), "{unknown}");
    set.await_view(&[11, 12]);
}

#[test]
fn statistics_are_those_of_the_view() {
    let set = Set::of(&[11, 12], CALM);
    let operator = Operator::new(set.world.ip(200));
    let view = set.await_view(&[11, 12]);
    let answer = operator.ask(set.world.at(11), &set.name, Body::StatsRequest { long: true });
    assert_eq!(answer.position.digest.to_string(), view["digest"].as_str().unwrap());
    let Body::Stats(stats) = answer.body else { panic!("{:?}", answer.body) };
    assert_eq!(stats.size, 2);
    let detail = stats.detail.expect("it was asked for");
    assert_eq!(detail.view.expect("there is one").position, answer.position);
}

#[test]
fn a_daemon_leaves_and_joins_as_it_is_told_and_serves_on() {
    let set = Set::of(&[11, 12, 13], CALM);
    let operator = Operator::new(set.world.ip(200));
    let at = set.world.at(12);
    for _ in 0..2 {
        let life = operator.life(at, &set.name);
        operator.request(at, &set.name, Request::Leave(life));
        set.await_view(&[11, 13]);
        set.await_status(12, "it is out", |s| (s["phase"] == "out").then_some(()));
        operator.request(at, &set.name, Request::Join(life));
        set.await_view(&[11, 12, 13]);
    }
}
