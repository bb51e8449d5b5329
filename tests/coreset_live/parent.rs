//! Two levels: a mserver of the set above is taken as parent of the one below.

use super::ask::Operator;
use super::set::{CALM, Set};
use membership::name::Incarnation;
use membership::wire::coreset::{Life, Request};
use serde_json::Value;

/// What the set below says of its parent.
fn parent<'a>(status: &'a Value, key: &str) -> Option<&'a str> {
    status[key].as_str()
}

#[test]
fn a_parent_comes_is_lost_and_another_comes() {
    let mut set = Set::of(&[11, 12], CALM);
    let below = set.name.clone();
    let above = format!("{below}up");
    for host in [21, 22] {
        let create = if host == 21 { "--create" } else { "--join-only" };
        let options = [CALM, &["--level", "2", create]].concat();
        set.start_in(host, &options, &[&above]);
    }
    set.await_view(&[21, 22]);
    let operator = Operator::new(set.world.ip(200));
    let (first, second) = (set.world.at(21), set.world.at(22));
    let take = |who| Request::AddParent(Life { address: who, inc: Incarnation(0) });
    operator.request(first, &below, take(first));
    set.await_status(11, "a parent", |status| {
        (parent(status, "parent")? == first.to_string()).then_some(())
    });
    let child = set.await_status(21, "the set below", |status| {
        let child = &status["child"];
        (child["size"] == 3).then(|| child.clone())
    });
    assert_eq!((child["set"].as_str(), child["level"].as_u64()), (Some(&below[..]), Some(1)));
    let why = operator.refused(
        second,
        &below,
        Request::AddParent(Life { address: first, inc: Incarnation(0) }),
    );
    assert!(why.contains("ask"), "{why}");
    set.crash(21);
    for host in [11, 12] {
        set.await_status(host, "the loss of the parent", |status| {
            let lost = parent(status, "former_parent")? == first.to_string();
            (lost && status["parent"].is_null()).then_some(())
        });
    }
    set.await_view(&[11, 12]);
    set.await_view(&[22]);
    operator.request(second, &below, take(second));
    for host in [11, 12] {
        set.await_status(host, "another parent", |status| {
            let there = parent(status, "parent")? == second.to_string();
            (there && status["former_parent"].is_null()).then_some(())
        });
    }
    operator.request(set.world.at(11), &below, Request::DelParent);
    set.await_view(&[11, 12]);
    set.await_view(&[22]);
    set.await_status(22, "no set below", |status| {
        let child = &status["child"];
        (child.is_null() || child["phase"] == "out").then_some(())
    });
}
