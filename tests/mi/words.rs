//! What is said about groups, as bytes.

use crate::lan::{Lan, life, name, server};
use membership::name::Digest;
use membership::proto::step::{Input, Via};
use membership::wire::Message;
use membership::wire::group::{
    Call, Content, Direct, Entry, Fact, Gossip, GroupBody, GroupKey, GroupMessage, MemberId,
    Presence, Qos, Reason, Refusal, Request, RequestId, Scope, Want, Way, Whole,
};
use proptest::prelude::*;

fn any_body() -> impl Strategy<Value = GroupBody> {
    let id = (1_u8..5, any::<u64>()).prop_map(|(n, number)| RequestId { origin: life(n), number });
    let request = id.clone().prop_map(|id| Request {
        id,
        group: name("db"),
        oldest: id.number / 2,
        registration: 0,
        reach: Scope::Top,
        call: Call::Leave { member: MemberId { mi: id.origin, number: 1 } },
        path: vec![server(1), server(2)],
    });
    let refusal = (0..Refusal::ALL.len()).prop_map(|place| Refusal::ALL[place]);
    prop_oneof![
        (any::<u32>(), any::<bool>())
            .prop_map(|(number, roams)| GroupBody::Register { number, roams }),
        any::<u32>().prop_map(|number| GroupBody::Registered { number }),
        any::<u16>().prop_map(|nonce| GroupBody::Poll { nonce }),
        any::<u16>().prop_map(|nonce| GroupBody::Polled { nonce }),
        any::<u32>().prop_map(|number| GroupBody::Unregister { number }),
        (request.clone(), any_way()).prop_map(|(request, way)| GroupBody::Submit { request, way }),
        id.clone().prop_map(|id| GroupBody::Wait { id }),
        id.clone().prop_map(|id| GroupBody::Where { id }),
        id.clone().prop_map(|id| GroupBody::Done { id }),
        id.clone().prop_map(|id| GroupBody::Unheard { id }),
        (id.clone(), refusal).prop_map(|(id, refusal)| GroupBody::Refused { id, refusal }),
        request.prop_map(GroupBody::Grant),
        any_gossip(id.clone()).prop_map(GroupBody::Gossip),
        (id.clone(), any_direct(id.clone(), Just(true)))
            .prop_map(|(id, direct)| GroupBody::Shown { id, direct }),
        any_direct(id, any::<bool>()).prop_map(GroupBody::Direct),
    ]
}

fn any_gossip(id: impl Strategy<Value = RequestId>) -> impl Strategy<Value = Gossip> {
    let live = (any::<u64>(), prop::collection::vec(0..9_u8, 0..9), any::<bool>()).prop_map(
        |(epoch, tag, roams)| Presence { epoch, tag, roams, path: vec![server(3)].into() },
    );
    let place = (any::<u64>(), any::<u32>());
    let facts = (any::<u64>(), any::<bool>(), place, prop::option::of(live));
    (id, any::<u32>(), any::<u32>(), prop::collection::vec(facts, 0..5)).prop_map(
        |(inc, term, number, facts)| {
            let fact = |(gone, cut, (since, gid), live)| {
                let id = MemberId { mi: inc.origin, number: gid };
                Fact { id, gone, cut, since, gid, live }
            };
            let key = GroupKey { name: name("db"), suffix: None, inc };
            let facts = facts.into_iter().map(fact).collect();
            let wants = [Want::Nothing, Want::Digest, Want::Facts][term as usize % 3];
            Gossip { key, term, number, digest: Digest([9; 16]), wants, facts }
        },
    )
}

fn any_way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Search), Just(Way::Raise), Just(Way::Reserve)]
}

fn any_direct(
    id: impl Strategy<Value = RequestId>,
    whole: impl Strategy<Value = bool>,
) -> impl Strategy<Value = Direct> {
    let entries = prop::collection::vec((any::<u32>(), prop::collection::vec(0..9_u8, 0..9)), 0..5);
    (id, any::<u32>(), any::<u32>(), entries, whole).prop_map(|(inc, term, number, came, whole)| {
        let entry = |(gid, tag): (u32, Vec<u8>)| {
            let id = MemberId { mi: inc.origin, number: gid / 2 };
            let (roams, lost) = (gid % 2 == 0, gid % 3 == 0);
            Entry { id, gid, tag, roams, lost, registration: gid, path: vec![server(3)].into() }
        };
        let came: Vec<Entry> = came.into_iter().map(entry).collect();
        let content = match whole {
            true => Content::Whole(Box::new(Whole {
                entries: came,
                next_gid: term,
                qos: Qos { survive: "majority".into(), ..Qos::default() },
            })),
            false => Content::Delta { gone: vec![term, number], came },
        };
        let key = GroupKey { name: name("db"), suffix: Some(term), inc };
        let (digest, reason, causes) = (Digest([9; 16]), Reason::Split, vec![inc]);
        Direct { key, term, number, digest, reason, causes, content }
    })
}

#[test]
fn what_is_shown_must_be_whole() {
    let id = RequestId { origin: life(1), number: 1 };
    let key = GroupKey { name: name("db"), suffix: None, inc: id };
    let content = Content::Delta { gone: vec![], came: vec![] };
    let (digest, reason) = (Digest::default(), Reason::Resync);
    let direct = Direct { key, term: 1, number: 1, digest, reason, causes: vec![], content };
    let body = GroupBody::Shown { id, direct };
    let bytes = GroupMessage { name: name("db"), from: life(1), body }.encode().unwrap();
    let refused = GroupMessage::decode(&Message::receive(&bytes, false).unwrap()).unwrap_err();
    assert_eq!(refused.to_string(), "malformed payload: shown: not whole");
}

proptest! {
    #[test]
    fn what_is_said_is_heard_to_the_letter_and_nothing_less(body in any_body()) {
        let message = GroupMessage { name: name("db"), from: life(1), body };
        let bytes = message.encode().unwrap();
        let read = Message::receive(&bytes, false).unwrap();
        prop_assert_eq!(GroupMessage::decode(&read), Ok(message));
        for len in 0..read.data.len() {
            let cut = Message { data: &read.data[..len], ..read };
            prop_assert!(GroupMessage::decode(&cut).is_err());
        }
    }

    #[test]
    fn no_datagram_makes_a_member_interface_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut lan = Lan::of(1);
        lan.input(1, Input::Datagram { via: Via::Own, from: server(1), bytes: &bytes });
    }
}
