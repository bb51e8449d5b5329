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
use membership::wire::group::{GROUP_BODIES, GroupMessage, MAX_TAG, Refusal};
use membership::wire::{Message, Origin, TABLE};
use std::collections::{BTreeMap, BTreeSet};

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

/// The rows `.It CODE Ta NAME Ta ...` of a part of the page, from the column list whose first name is that one.
fn rows(text: &str, first: &str) -> Vec<String> {
    let start = text.find(&format!(".It 0 Ta {first} Ta ")).unwrap_or_else(|| panic!("{first}"));
    let rows = text[start..].lines().take_while(|line| line.starts_with(".It "));
    let cells: Vec<Vec<&str>> =
        rows.map(|row| row[".It ".len()..].splitn(3, " Ta ").collect()).collect();
    for (code, cells) in cells.iter().enumerate() {
        assert_eq!(cells[0], code.to_string(), "{cells:?}");
    }
    cells.iter().map(|cells| cells[1].to_string()).collect()
}

#[test]
fn every_body_about_groups_stands_there_with_its_code_and_type() {
    let text = section(&page("ms_protocol.7"), ".Ss Messages about groups");
    assert_eq!(rows(&text, "register"), GROUP_BODIES);
    // An example of each, and the type that carries it.
    let examples = super::read("tests/decode/group.hex");
    let mut seen = BTreeSet::new();
    for line in examples.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let bytes: Vec<u8> = line
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let message = Message::receive(&bytes, false).unwrap();
        let body = GroupMessage::decode(&message).unwrap().body;
        let kind = TABLE.iter().find(|row| row.code == message.header.code).unwrap().name;
        let row = format!(".It {} Ta {} Ta {kind} Ta ", body.code(), body.name());
        assert!(text.contains(&row), "{row}");
        seen.insert(body.code());
    }
    assert_eq!(seen.len(), GROUP_BODIES.len());
}

#[test]
fn every_operation_and_call_about_groups_stands_there_with_its_code() {
    let text = page("ms_protocol.7");
    let source = super::read("src/wire/group/encode.rs");
    let picture: String = source.lines().take_while(|line| line.starts_with("//!")).collect();
    // The picture has two columns; a code stands before its name there as well.
    let operations = rows(&section(&text, ".Ss Operations on groups"), "CALL");
    let (_, drawn) = picture.split_once("operation   version").unwrap();
    for (code, name) in operations.iter().enumerate() {
        assert!(drawn.contains(&format!(" {code} {name} ")), "{code} {name}");
    }
    let next = operations.len();
    assert!(next == 17 && !drawn.contains(&format!(" {next} ")), "one more than in the page");
    let calls = rows(&section(&text, ".Ss Messages about groups"), "JOIN");
    let (_, drawn) = picture.split_once("call        code").unwrap();
    for (code, name) in calls.iter().enumerate() {
        assert!(drawn.contains(&format!(" {code} {name} ")), "{code} {name}");
    }
    assert_eq!(calls.len(), 7);
}

#[test]
fn every_refusal_stands_there_with_its_code() {
    let text = section(&page("ms_protocol.7"), ".Ss Messages about groups");
    for (place, refusal) in Refusal::ALL.iter().enumerate() {
        let row = format!(".It {} Ta {}\n", 16 + place, refusal.sentence());
        assert!(text.contains(&row), "{row}");
    }
    assert!(text.contains(&format!("at most {MAX_TAG}, and tag")));
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
