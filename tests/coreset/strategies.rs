//! Arbitrary core-set messages that keep the rules of the door, and all that they are made of.
//!
//! The larger ones are boxed: one within the other they would be too large for the stack of a test.
//!
//! For any test: `#[path = "coreset/strategies.rs"] mod strategies;`.

// Each test binary that includes this needs others.
#![allow(dead_code)]

use membership::name::{Digest, Gid, GroupName, Incarnation, ViewNumber};
use membership::wire::coreset::*;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

/// Few most of the time, now and then as many as there can be.
fn some(least: usize, most: usize) -> impl Strategy<Value = usize> {
    prop_oneof![60 => least..=most.min(least + 5), 1 => Just(most)]
}

/// An address, often one of few, so that messages speak of the same mservers.
pub fn address() -> impl Strategy<Value = SocketAddrV4> {
    prop_oneof![
        3 => (1_u8..20).prop_map(|n| SocketAddrV4::new(Ipv4Addr::new(10, 94, 0, n), 2900)),
        1 => any::<(u32, u16)>().prop_map(|(ip, port)| SocketAddrV4::new(ip.into(), port)),
    ]
}

fn any_address() -> impl Strategy<Value = SocketAddrV4> {
    any::<(u32, u16)>().prop_map(|(ip, port)| SocketAddrV4::new(ip.into(), port))
}

/// So many addresses, in ascending order.
pub fn addresses(count: usize) -> impl Strategy<Value = Vec<SocketAddrV4>> {
    btree_set(any_address(), count).prop_map(|set| set.into_iter().collect())
}

/// A gid that somebody has.
pub fn gid() -> impl Strategy<Value = Gid> {
    prop_oneof![3 => 0_u16..250, 1 => 0..0xFFFF_u16].prop_map(Gid)
}

/// So many different gids, in any order.
pub fn gids(count: usize) -> impl Strategy<Value = Vec<Gid>> {
    btree_set(0..0xFFFF_u16, count)
        .prop_map(|set| set.into_iter().map(Gid).collect::<Vec<_>>())
        .prop_shuffle()
}

pub fn incarnation() -> impl Strategy<Value = Incarnation> {
    any::<u32>().prop_map(Incarnation)
}

pub fn life() -> impl Strategy<Value = Life> {
    (address(), incarnation()).prop_map(|(address, inc)| Life { address, inc })
}

/// A member with a gid.
pub fn member() -> impl Strategy<Value = Member> {
    (gid(), life()).prop_map(|(gid, life)| Member { gid, life })
}

pub fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 16]>().prop_map(Digest)
}

pub fn position() -> impl Strategy<Value = Position> {
    (any::<u16>(), any::<u64>(), digest()).prop_map(|(num, k, digest)| Position {
        num: ViewNumber(num),
        k,
        digest,
    })
}

pub fn positions(count: Range<usize>) -> impl Strategy<Value = Vec<Position>> {
    vec(position(), count)
}

/// A name of any bytes but NUL: that is what the wire allows.
pub fn group_name() -> impl Strategy<Value = GroupName> {
    let bytes = vec(1_u8..=255, 0..=GroupName::MAX);
    prop_oneof![Just(b"ring".to_vec()), bytes].prop_map(|bytes| {
        let mut field = [0; GroupName::FIELD];
        field[..bytes.len()].copy_from_slice(&bytes);
        GroupName::from_field(&field).expect("a NUL is left")
    })
}

pub fn set_name() -> BoxedStrategy<SetName> {
    (group_name(), proptest::option::of(gid()))
        .prop_map(|(base, suffix)| SetName { base, suffix })
        .boxed()
}

pub fn done() -> BoxedStrategy<Vec<Done>> {
    let done = (any_address(), incarnation(), any::<u64>());
    vec(done, 0..6)
        .prop_map(|list| {
            let life = |address, inc| Life { address, inc };
            let done =
                list.into_iter().map(|(a, inc, number)| Done { origin: life(a, inc), number });
            let mut done: Vec<Done> = done.collect();
            done.sort();
            done.dedup_by_key(|done| done.origin);
            done
        })
        .boxed()
}

/// Members of one view, those given, each with an incarnation.
fn members_of(addresses: Vec<SocketAddrV4>, gids: Vec<Gid>) -> impl Strategy<Value = Vec<Member>> {
    vec(incarnation(), addresses.len()).prop_map(move |incs| {
        let member = |((&address, &gid), inc)| Member { gid, life: Life { address, inc } };
        addresses.iter().zip(&gids).zip(incs).map(member).collect()
    })
}

/// A view of these mservers, in this order.
fn view_of(addresses: Vec<SocketAddrV4>) -> BoxedStrategy<View> {
    let count = addresses.len();
    let members = gids(count).prop_flat_map(move |gids| members_of(addresses.clone(), gids));
    // Which member is the parent, or who was.
    let parent =
        prop_oneof![Just(Err(None)), (0..count).prop_map(Ok), address().prop_map(|a| Err(Some(a)))];
    (position(), any::<u8>(), set_name(), members, positions(0..MAX_PARENTS + 1), parent, done())
        .prop_map(|(position, level, name, members, parents, parent, done)| {
            let (parent, former) = match parent {
                Ok(rank) => (Some(members[rank].life.address), None),
                Err(former) => (None, former),
            };
            View { position, level, name, members, parents, parent, former, done }
        })
        .boxed()
}

pub fn view() -> BoxedStrategy<View> {
    let who = some(1, MAX_MEMBERS).prop_flat_map(addresses).prop_shuffle();
    who.prop_flat_map(view_of).boxed()
}

pub fn operation() -> impl Strategy<Value = Operation> {
    let bytes = prop_oneof![20 => vec(any::<u8>(), 0..20), 1 => Just(vec![7; 70_000])];
    (life(), 1..=u64::MAX, bytes).prop_map(|(origin, number, bytes)| Operation {
        origin,
        number,
        bytes,
    })
}

pub fn operations() -> BoxedStrategy<Vec<Operation>> {
    vec(operation(), 0..5).boxed()
}

/// Addresses that are given in any order: of who goes, of who failed.
fn subjects() -> BoxedStrategy<Vec<SocketAddrV4>> {
    some(1, MAX_MEMBERS).prop_flat_map(addresses).prop_shuffle().boxed()
}

/// Two views that can become one, and the gids that the members of the second one get.
fn merge() -> BoxedStrategy<ChangeKind> {
    let counts = prop_oneof![60 => (1_usize..5, 1_usize..5), 1 => Just((125, 125))];
    counts
        .prop_flat_map(|(first, second)| {
            let who = addresses(first + second).prop_shuffle();
            who.prop_flat_map(move |mut who| {
                let others = who.split_off(first);
                (view_of(who), view_of(others), gids(first + second))
            })
            .prop_map(move |(mut a, b, mut gids)| {
                let rest = gids.split_off(first);
                a.members.iter_mut().zip(gids).for_each(|(member, gid)| member.gid = gid);
                ChangeKind::Merge { views: Box::new([a, b]), gids: rest }
            })
        })
        .boxed()
}

pub fn change_kind() -> BoxedStrategy<ChangeKind> {
    prop_oneof![
        address().prop_map(|who| ChangeKind::Fail { subjects: vec![who] }),
        subjects().prop_map(|subjects| ChangeKind::Fail { subjects }),
        address().prop_map(|who| ChangeKind::Leave { who }),
        address().prop_map(|who| ChangeKind::DelParent { who }),
        (subjects(), set_name()).prop_map(|(side, name)| ChangeKind::Split { side, name }),
        member().prop_map(|member| ChangeKind::AddParent { member }),
        member().prop_map(|member| ChangeKind::Join { member }),
        operations().prop_map(|operations| ChangeKind::Application { operations }),
        merge(),
        Just(ChangeKind::Rename),
    ]
    .boxed()
}

/// An id of a change of that class.
fn id_of(class: u8) -> BoxedStrategy<ChangeId> {
    let numbers = (any::<u16>(), any::<u64>(), any::<u16>(), any::<u16>());
    (numbers, life())
        .prop_map(move |((round, key, crank, seq), coord)| ChangeId {
            round,
            class,
            key,
            crank,
            coord,
            seq,
        })
        .boxed()
}

/// The id of a change that is not told.
pub fn change_id() -> impl Strategy<Value = ChangeId> {
    (0_u8..9).prop_flat_map(id_of)
}

pub fn change() -> BoxedStrategy<Change> {
    let excl = some(0, MAX_MEMBERS).prop_flat_map(addresses);
    (change_kind(), excl, position())
        .prop_flat_map(|(kind, excl, position)| {
            let par = match &kind {
                ChangeKind::Merge { views, .. } => views.iter().map(|view| view.position).collect(),
                _ => vec![position],
            };
            id_of(kind.class()).prop_map(move |id| Change {
                id,
                kind: kind.clone(),
                par: par.clone(),
                excl: excl.clone(),
            })
        })
        .boxed()
}

pub fn wait() -> BoxedStrategy<Wait> {
    prop_oneof![
        change().prop_map(Wait::Current),
        change().prop_map(Wait::Floor),
        change_id().prop_map(Wait::Dropped),
        change_id().prop_map(Wait::Prev),
        position().prop_map(Wait::Notice),
    ]
    .boxed()
}

pub fn request() -> BoxedStrategy<Request> {
    prop_oneof![
        life().prop_map(Request::Join),
        life().prop_map(Request::Leave),
        (subjects(), set_name()).prop_map(|(side, name)| Request::Split { side, name }),
        address().prop_map(|at| Request::Merge { at }),
        life().prop_map(Request::AddParent),
        Just(Request::DelParent),
    ]
    .boxed()
}

fn init() -> BoxedStrategy<Body> {
    let prev = proptest::option::of(change().prop_map(Box::new));
    let lost = vec((address(), any::<u32>()), 0..5);
    (view().prop_map(Box::new), prev, vec(request(), 0..5), lost, digest())
        .prop_map(|(view, prev, requests, lost, registry)| Body::Init {
            view,
            prev,
            requests,
            lost,
            registry,
        })
        .boxed()
}

fn refused() -> impl Strategy<Value = Body> {
    (any::<u16>(), incarnation(), "\\PC{0,60}").prop_map(|(code, known, why)| Body::Refused {
        code,
        known,
        why,
    })
}

fn stats() -> BoxedStrategy<Stats> {
    let view = proptest::option::of(view().prop_map(Box::new));
    let counters = vec(("[a-z-]{0,20}", any::<u64>()), 0..9);
    let isolated = some(0, MAX_MEMBERS).prop_flat_map(addresses);
    let detail = (view, isolated, counters).prop_map(|(view, isolated, counters)| StatsDetail {
        view,
        isolated,
        counters,
    });
    (any::<u16>(), any::<u8>(), proptest::option::of(detail))
        .prop_map(|(size, phase, detail)| Stats { size, phase, detail })
        .boxed()
}

fn registry_part() -> impl Strategy<Value = RegistryPart> {
    let bytes = (vec(any::<u8>(), 0..60), any::<u16>(), any::<u16>());
    (position(), any::<bool>(), bytes).prop_map(|(position, exact, (bytes, offset, behind))| {
        let (offset, behind) = match bytes.is_empty() {
            true => (0, 0),
            false => (u32::from(offset), u32::from(behind)),
        };
        let total = offset + bytes.len() as u32 + behind;
        RegistryPart { position, exact, total, offset, bytes }
    })
}

pub fn body() -> BoxedStrategy<Body> {
    let nonce = || (any::<u16>(), proptest::option::of(address()));
    let probe = || (view().prop_map(Box::new), any::<bool>());
    prop_oneof![
        nonce().prop_map(|(nonce, check)| Body::Query { nonce, check }),
        nonce().prop_map(|(nonce, check)| Body::Reply { nonce, check }),
        probe().prop_map(|(view, force)| Body::Probe { view, force }),
        probe().prop_map(|(view, force)| Body::ProbeReply { view, force }),
        change().prop_map(Body::Initiate),
        (change_id(), any::<bool>()).prop_map(|(id, pending)| Body::Ack { id, pending }),
        change().prop_map(Body::Commit),
        (change(), change()).prop_map(|(committed, next)| Body::CommitInitiate(committed, next)),
        wait().prop_map(Body::Wait),
        change_id().prop_map(Body::MsgQuery),
        (change(), any::<bool>(), any::<bool>())
            .prop_map(|(change, active, reply)| Body::CoordFail { change, active, reply }),
        init(),
        request().prop_map(Body::Request),
        refused(),
        operations().prop_map(Body::Forward),
        any::<bool>().prop_map(|long| Body::StatsRequest { long }),
        stats().prop_map(Body::Stats),
        Just(Body::Taken),
        (positions(0..17), proptest::option::of((position(), any::<u32>())))
            .prop_map(|(wanted, resume)| Body::SyncRequest { wanted, resume }),
        (position(), proptest::option::of(registry_part()))
            .prop_map(|(at, part)| Body::Sync { at, part }),
    ]
    .boxed()
}

/// Any message that keeps the rules.
pub fn message() -> BoxedStrategy<CoreMessage> {
    let from = (prop_oneof![Just(Gid::NONE), gid()], life());
    let exclude = some(0, MAX_MEMBERS).prop_flat_map(gids);
    let prev = proptest::option::of(change_id());
    let sender = (set_name(), from, any::<u8>(), position(), positions(0..MAX_PARENTS + 1), prev);
    (sender, exclude, body())
        .prop_map(|((name, (gid, life), level, position, parents, prev), exclude, body)| {
            CoreMessage {
                name,
                from: Member { gid, life },
                level,
                position,
                parents,
                prev,
                exclude,
                body,
            }
        })
        .boxed()
}
