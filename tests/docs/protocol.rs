//! What ms_protocol(7) says in numbers is what the program does.

use super::{page, section};
use membership::name::{Gid, Incarnation, ViewNumber};
use membership::proto::coreset::{REMEMBER, SetParams};
use membership::proto::params::PROFILES;
use membership::proto::places::Places;
use membership::wire::coreset::{
    BODIES, Life, MAX_DONE, MAX_LOST, MAX_MEMBERS, MAX_REQUESTS, MAX_STRING, Member, PHASES,
    Position, SetName, View, digest_of,
};
use membership::wire::{Origin, TABLE};
use std::collections::BTreeMap;

#[test]
fn ms_protocol_has_every_message_and_no_other() {
    let rows: Vec<(u16, String, String)> = section(&page("ms_protocol.7"), ".Sh MESSAGE TYPES")
        .lines()
        .filter_map(|l| l.strip_prefix(".It "))
        .map(|l| l.split(" Ta ").collect::<Vec<_>>())
        .filter_map(|c| Some((c[0].parse().ok()?, c[1].to_string(), c[2].to_string())))
        .collect();
    let origin = |o: Origin| match o {
        Origin::Thesis => "1994".to_string(),
        Origin::Ours => "ms".to_string(),
    };
    let table: Vec<(u16, String, String)> =
        TABLE.iter().map(|r| (r.code, r.name.to_string(), origin(r.origin))).collect();
    assert_eq!(rows, table);
}

#[test]
fn the_timings_of_a_core_set_are_those_of_the_program() {
    for profile in PROFILES {
        let set = SetParams::of(&profile.params());
        let ms = |ticks: u32| match ticks {
            0 => "none".to_string(),
            ticks => format!("{} ms", ticks * profile.tick_ms),
        };
        let timings = [set.join, set.stagger, set.probe, set.probe_idle, set.merge].map(ms);
        let row = format!(".It {} Ta {}\n", profile.name, timings.join(" Ta "));
        assert!(page("ms_protocol.7").contains(&row), "{row}");
        assert_eq!((set.extensions, set.confirm, set.remember), (6, 0, REMEMBER));
    }
    let text = page("ms_protocol.7").replace('\n', " ");
    for said in
        ["at most six times", "K is 0 in all profiles", &format!("at most {REMEMBER} of them")]
    {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn the_limits_of_a_payload_are_those_of_the_program() {
    let text = section(&page("ms_protocol.7"), ".Ss Validity of a payload").replace('\n', " ");
    for said in [
        format!("A view has 1 to {MAX_MEMBERS} members"),
        format!("at most {MAX_DONE} entries of what is done"),
        format!("Exclude lists have at most {MAX_MEMBERS} gids"),
        format!("at most {MAX_REQUESTS} requests and {MAX_LOST} lost"),
        format!("at most {MAX_STRING} bytes"),
    ] {
        assert!(text.contains(&said), "{said}");
    }
}

#[test]
fn every_body_and_phase_stands_there_with_its_code() {
    let text = section(&page("ms_protocol.7"), ".Ss Payload");
    for (code, name) in BODIES.iter().enumerate() {
        let row = format!(".it {code} ta {name} ta ");
        assert!(text.to_lowercase().contains(&row), "{row}");
    }
    let phases: Vec<String> =
        PHASES.iter().enumerate().map(|(code, name)| format!("{code} {name}")).collect();
    let text = text.replace('\n', " ");
    assert!(text.contains(&format!("A phase is {}.", phases.join(", "))), "{phases:?}");
}

#[test]
fn the_digest_of_the_example_is_that_of_its_view() {
    let text = section(&page("ms_protocol.7"), ".Sh EXAMPLES");
    let life = Life { address: "10.94.0.1:2900".parse().unwrap(), inc: Incarnation(784_000_001) };
    let view = View {
        position: Position { num: ViewNumber(1), ..Position::default() },
        level: 1,
        name: SetName { base: "ring".parse().unwrap(), suffix: None },
        members: vec![Member { gid: Gid(0), life }],
        parents: Vec::new(),
        parent: None,
        former: None,
        done: Vec::new(),
    };
    assert!(text.contains(&format!("\n{}\n", digest_of(&view, &[]))), "{}", digest_of(&view, &[]));
}

#[test]
fn the_address_of_the_example_is_the_derived_one() {
    let derived = Places::new(BTreeMap::new(), 2900).of(&"nps".parse().unwrap());
    let text = section(&page("ms_protocol.7"), ".Sh GROUP ADDRESSES").replace('\n', " ");
    assert!(text.contains(&format!(".Ql nps is at {}.", derived.ip())), "{derived}");
}
