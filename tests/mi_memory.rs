//! A member costs at most 200 bytes at a member interface, whether it is one of its own or of another.
//!
//! This test has a binary of its own because its allocator serves the whole process. It counts by thread, so that what
//! the test harness does beside it does not show.

use membership::name::{GroupName, Incarnation};
use membership::proto::group::digest_of;
use membership::proto::mi::{Ask, LocalCall, Mi, MiAction, MiConfig, MiInput};
use membership::proto::params::Profile;
use membership::wire::coreset::Life;
use membership::wire::group::{
    Content, Direct, Entry, GroupBody, GroupKey, GroupMessage, MAX_TAG, MemberId, Mode, Qos,
    Reason, RequestId, Whole,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Members of the group.
const MEMBERS: u32 = 10_000;
/// Those of the member interface itself, where they are measured.
const HERE: u32 = 1000;
/// Those of one application.
const EACH: u32 = 250;
/// Those of one application that are let in at a time.
const PART: u32 = 50;
/// What a member may cost, in bytes.
const COST: usize = 200;

struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes unchanged to the system's allocator, which keeps the contract. The counter is a plain cell
// without a destructor and is not allocated, so counting cannot come back here.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and nothing to prove.
        let _ = HELD.try_with(|held| held.set(held.get().wrapping_add(layout.size())));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = HELD.try_with(|held| held.set(held.get().wrapping_sub(layout.size())));
        // SAFETY: `pointer` is from `System.alloc` above, with this layout, as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn server() -> Life {
    Life { address: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 2900), inc: Incarnation(1) }
}

fn life(n: u32) -> Life {
    let address = SocketAddrV4::new(Ipv4Addr::from_bits(0x0A01_0000 + n), 2901);
    Life { address, inc: Incarnation(9) }
}

fn group() -> GroupName {
    "db".parse().unwrap()
}

/// A member interface that belongs to its mserver, and what it says from now on.
fn registered() -> (Mi, Vec<MiAction>) {
    let (life, lan) = (life(1), "lan".parse().unwrap());
    let params = Profile::named("lan").unwrap().params();
    let config = MiConfig { life, lan, servers: vec![server().address], params, built_in: false };
    let mut out = Vec::new();
    let mut mi = Mi::start(config, &mut out);
    say(&mut mi, GroupBody::Registered { number: 1 }, &mut out);
    (mi, out)
}

fn say(mi: &mut Mi, body: GroupBody, out: &mut Vec<MiAction>) {
    let message = Box::new(GroupMessage { name: group(), from: server(), body });
    mi.step(MiInput::Message(message), out).unwrap();
}

fn join(mi: &mut Mi, client: u64, tag: &[u8], out: &mut Vec<MiAction>) {
    let (mode, qos, tag) = (Mode::JoinOrCreate, Qos::default(), tag.to_vec());
    let ask = Ask::Join { mode, tag, qos: qos.into(), patience_ms: 0 };
    let call = LocalCall { number: 1, group: group(), ask };
    mi.step(MiInput::Call { client, call: &call }, out).unwrap();
}

fn view(number: u32, reason: Reason, roster: &[Entry], came: Option<&[Entry]>) -> GroupBody {
    let inc = RequestId { origin: life(1), number: 1 };
    let key = GroupKey { name: group(), suffix: None, inc };
    let content = match came {
        Some(came) => Content::Delta { gone: vec![], came: came.to_vec() },
        None => {
            let (entries, next_gid) = (roster.to_vec(), 2 * MEMBERS);
            Content::Whole(Box::new(Whole { entries, next_gid, qos: Qos::default() }))
        }
    };
    let digest = digest_of(&inc, number, roster);
    let ours = |call: &Entry| (call.id.mi == life(1)).then_some(call.id.number);
    // The first requests of the member interface are its joins, one after the other.
    let causes = came.unwrap_or(roster).iter().filter_map(ours);
    let causes = causes.map(|n| RequestId { origin: life(1), number: n.into() }).collect();
    GroupBody::Direct(Direct { key, term: 1, number, digest, reason, causes, content })
}

fn entry(mi: u32, number: u32, gid: u32, tag: &[u8]) -> Entry {
    let id = MemberId { mi: life(mi), number };
    let (tag, path) = (tag.to_vec(), vec![server().address; 3].into());
    Entry { id, gid, tag, roams: false, lost: false, registration: 0, path }
}

#[test]
fn a_member_elsewhere_costs_at_most_200_bytes_with_the_longest_tag() {
    let (mut mi, mut out) = registered();
    join(&mut mi, 7, b"", &mut out);
    let tag = [b'x'; MAX_TAG];
    let mut roster = vec![entry(1, 1, 0, b"")];
    roster.extend((1..MEMBERS).map(|n| entry(1 + n, 1, n, &tag)));
    out.clear();
    let before = HELD.get();
    say(&mut mi, view(1, Reason::Joined, &roster, None), &mut out);
    out = Vec::new();
    let each = (HELD.get() - before) / MEMBERS as usize;
    assert_eq!(mi.known(group()).unwrap().roster().len(), MEMBERS as usize);
    assert!(each > MAX_TAG, "{each} bytes: the counter does not count");
    assert!(each <= COST, "{each} bytes");
    // Room is made for those who come, and no more.
    let came = [entry(1 + MEMBERS, 1, MEMBERS, &tag)];
    roster.extend_from_slice(&came);
    let held = HELD.get();
    say(&mut mi, view(2, Reason::Joined, &roster, Some(&came)), &mut out);
    out = Vec::new();
    assert!(HELD.get() - held <= COST, "{} bytes", HELD.get() - held);
    assert!(out.is_empty() && mi.known(group()).unwrap().at() == (1, 2));
    println!("{each} bytes for a member elsewhere");
}

#[test]
fn a_member_here_costs_at_most_200_bytes() {
    let tag = b"role=standby,zone=b";
    let (mut mi, mut out) = registered();
    let mut roster: Vec<Entry> = (1..=MEMBERS - HERE).map(|n| entry(1 + n, 1, n, b"")).collect();
    // The first one brings the others' rows along; those behind it are measured.
    join(&mut mi, 1, tag, &mut out);
    roster.push(entry(1, 1, 0, tag));
    say(&mut mi, view(1, Reason::Joined, &roster, None), &mut out);
    drop(std::mem::take(&mut out));
    let before = HELD.get();
    let mut others = Vec::new();
    // An application can have only so many calls under way: each part of its members is let in before the next.
    for round in 0..EACH / PART {
        let mut came = Vec::new();
        for client in 0..HERE / EACH {
            for _ in 0..PART {
                join(&mut mi, 2 + u64::from(client), tag, &mut out);
                let number = 2 + (others.len() + came.len()) as u32;
                came.push(entry(1, number, MEMBERS + number, tag));
            }
        }
        others.extend_from_slice(&came);
        let all = [&roster[..], &others[..]].concat();
        say(&mut mi, view(2 + round, Reason::Joined, &all, Some(&came)), &mut out);
        drop(std::mem::take(&mut out));
    }
    drop(others);
    let each = (HELD.get() - before) / HERE as usize;
    assert_eq!(mi.known(group()).unwrap().roster().len(), MEMBERS as usize + 1);
    assert!(each > tag.len(), "{each} bytes: the counter does not count");
    assert!(each <= COST, "{each} bytes");
    mi.step(MiInput::Tick { elapsed: 10 }, &mut out).unwrap();
    assert!(out.is_empty(), "all joins are answered");
    println!("{each} bytes for a member here");
}
