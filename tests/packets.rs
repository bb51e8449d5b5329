//! The packets between applications and a member interface: there and back, and nothing but whole ones.

mod bodies;
#[path = "coreset/strategies.rs"]
mod coreset;

use coreset::{group_name, life};
use membership::name::{Digest, GroupName};
use membership::wire::WireError;
use membership::wire::group::{
    Entry, GroupKey, MAX_TAG, MemberId, Mode, Monitor, Order, Path, Qos, Reason, Refusal,
    RequestId, Scope,
};
use membership::wire::local::{
    Ask, Asking, Assembly, Closing, LocalCall, LocalEvent, MAX_PACKET, MAX_ROSTER, Telling, VERSION,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn member() -> impl Strategy<Value = MemberId> {
    (life(), any::<u32>()).prop_map(|(mi, number)| MemberId { mi, number })
}

fn tag() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=MAX_TAG)
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Top),
        any::<u8>().prop_map(Scope::Level),
        group_name().prop_map(Scope::Set)
    ]
}

fn qos() -> impl Strategy<Value = Qos> {
    let order = prop_oneof![Just(Order::Strong), Just(Order::Weak)];
    let monitor = prop_oneof![
        Just(Monitor::Adaptive),
        (1..=u32::MAX, any::<u8>())
            .prop_map(|(every_ms, retries)| Monitor::Fixed { every_ms, retries })
    ];
    let numbers = (any::<(u16, u32)>(), monitor, any::<bool>());
    (order, numbers, ".{0,60}", ".{0,60}", scope(), scope()).prop_map(
        |(order, ((batch, batch_ms), monitor, count_only), survive, merge, name, most)| Qos {
            order,
            batch,
            batch_ms,
            monitor,
            count_only,
            survive,
            merge,
            name_scope: name,
            membership_scope: most,
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let mode = prop_oneof![Just(Mode::JoinOrCreate), Just(Mode::Create), Just(Mode::Existing)];
    prop_oneof![
        (mode, tag(), qos(), any::<u32>()).prop_map(|(mode, tag, qos, patience_ms)| Ask::Join {
            mode,
            tag,
            qos: qos.into(),
            patience_ms
        }),
        member().prop_map(|member| Ask::Leave { member }),
        group_name().prop_map(|other| Ask::Merge { other }),
        (group_name(), vec(any::<u32>(), 0..20))
            .prop_map(|(new, members)| Ask::Split { new, members }),
        Just(Ask::View),
        any::<u32>().prop_map(|nonce| Ask::Alive { nonce }),
    ]
}

fn asking() -> impl Strategy<Value = Asking> {
    let call = (any::<u32>(), group_name(), ask())
        .prop_map(|(number, group, ask)| Asking::Call(LocalCall { number, group, ask }));
    prop_oneof![1 => any::<u16>().prop_map(|version| Asking::Hello { version }), 9 => call]
}

fn key() -> impl Strategy<Value = GroupKey> {
    (group_name(), any::<Option<u32>>(), life(), any::<u64>()).prop_map(
        |(name, suffix, origin, number)| {
            let inc = RequestId { origin, number };
            GroupKey { name, suffix, inc }
        },
    )
}

fn entry() -> impl Strategy<Value = Entry> {
    (member(), any::<u32>(), tag()).prop_map(|(id, gid, tag)| Entry {
        id,
        gid,
        tag,
        path: Path::default(),
        roams: false,
        lost: false,
        registration: 0,
    })
}

fn reason() -> impl Strategy<Value = Reason> {
    use Reason::*;
    prop::sample::select(vec![
        Created,
        Joined,
        Left,
        Failed,
        Partitioned,
        Merged,
        Split,
        Resync,
        Terminated,
    ])
}

fn view(most: usize) -> impl Strategy<Value = LocalEvent> {
    let numbers = any::<[u32; 5]>();
    let lists = (vec(any::<u32>(), 0..=most), vec(entry(), 0..=most));
    let whole = (any::<bool>(), prop::option::of(qos().prop_map(Box::new)));
    (key(), member(), numbers, any::<[u8; 16]>(), reason(), lists, whole).prop_map(
        |(key, member, numbers, digest, reason, (gone, came), (whole, qos))| {
            let [gid, rank, term, number, size] = numbers;
            let digest = Digest(digest);
            LocalEvent::View {
                key,
                member,
                gid,
                rank,
                term,
                number,
                digest,
                size,
                reason,
                qos,
                gone,
                came,
                whole,
            }
        },
    )
}

fn roster(most: usize) -> impl Strategy<Value = LocalEvent> {
    (any::<[u32; 3]>(), key(), any::<[u8; 16]>(), qos(), vec(entry(), 0..=most)).prop_map(
        |([call, term, number], key, digest, qos, entries)| {
            let qos = Box::new(qos);
            let digest = Digest(digest);
            LocalEvent::Roster { call, key, term, number, digest, qos, entries }
        },
    )
}

fn event() -> impl Strategy<Value = LocalEvent> {
    let refusal = prop::sample::select(Refusal::ALL.to_vec());
    prop_oneof![
        (any::<u32>(), member()).prop_map(|(call, member)| LocalEvent::Taken { call, member }),
        any::<u32>().prop_map(|call| LocalEvent::Done { call }),
        (any::<u32>(), group_name(), refusal)
            .prop_map(|(call, group, refusal)| LocalEvent::Refused { call, group, refusal }),
        any::<u32>().prop_map(|nonce| LocalEvent::Alive { nonce }),
        (group_name(), member(), reason()).prop_map(|(group, member, reason)| LocalEvent::Out {
            group,
            member,
            reason
        }),
        Just(LocalEvent::ServerLost),
        Just(LocalEvent::ServerFound),
        view(5),
        roster(5),
    ]
}

fn telling() -> impl Strategy<Value = Telling> {
    let closing = prop_oneof![
        any::<u16>().prop_map(|spoken| Closing::Version { spoken }),
        Just(Closing::NotAuthorised),
        Just(Closing::NoPlace),
        Just(Closing::NotUnderstood),
    ];
    let has_lists =
        |event: &LocalEvent| matches!(event, LocalEvent::View { .. } | LocalEvent::Roster { .. });
    prop_oneof![
        1 => (any::<u16>(), life()).prop_map(|(version, mi)| Telling::Hello { version, mi }),
        1 => closing.prop_map(Telling::Closing),
        6 => (event(), any::<bool>()).prop_map(move |(event, more)| {
            let more = more && has_lists(&event);
            Telling::Event { event, more }
        }),
        2 => (vec(any::<u32>(), 0..5), vec(entry(), 0..5), any::<bool>())
            .prop_map(|(gone, came, more)| Telling::Rest { gone, came, more }),
    ]
}

/// What an application makes of packets that come one after the other: one event, with the last of them.
fn assembled(packets: &[Vec<u8>]) -> LocalEvent {
    let mut assembly = Assembly::default();
    let (last, before) = packets.split_last().unwrap();
    for packet in before {
        assert!(packet.len() <= MAX_PACKET);
        assert_eq!(assembly.take(Telling::decode(packet).unwrap()), Ok(None));
    }
    assert!(last.len() <= MAX_PACKET);
    match assembly.take(Telling::decode(last).unwrap()) {
        Ok(Some(Telling::Event { event, more: false })) => event,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn what_an_application_asks_comes_as_it_was_meant_and_only_whole(asking in asking()) {
        let packet = asking.encode().unwrap();
        prop_assert_eq!(Asking::decode(&packet), Ok(asking));
        bodies::local(&packet);
        for len in 0..packet.len() {
            prop_assert!(Asking::decode(&packet[..len]).is_err(), "the first {len} bytes");
        }
        prop_assert!(Asking::decode(&[&packet[..], &[0]].concat()).is_err());
    }

    #[test]
    fn what_it_is_told_comes_as_it_was_meant_and_only_whole(telling in telling()) {
        let packet = telling.encode();
        prop_assert_eq!(Telling::decode(&packet), Ok(telling));
        bodies::local(&packet);
        for len in 0..packet.len() {
            prop_assert!(Telling::decode(&packet[..len]).is_err(), "the first {len} bytes");
        }
        prop_assert!(Telling::decode(&[&packet[..], &[0]].concat()).is_err());
    }

    #[test]
    fn an_event_is_its_packets_together(event in event()) {
        let packets = event.packets();
        prop_assert_eq!(packets.len(), 1);
        prop_assert_eq!(assembled(&packets), event);
    }

    #[test]
    fn a_damaged_packet_breaks_nothing(
        telling in telling(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut packet = telling.encode();
        let at = at.index(packet.len());
        packet[at] = byte;
        bodies::local(&packet);
    }
}

fn one<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> T {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    strategy.new_tree(&mut runner).unwrap().current()
}

#[test]
fn a_view_of_a_hundred_thousand_members_comes_in_many_packets_and_whole() {
    let member = one(member());
    let (tag, path) = (b"role=db".to_vec(), Path::default());
    let entries: Vec<Entry> = (0..100_000)
        .map(|gid| Entry {
            id: member,
            gid,
            tag: tag.clone(),
            roams: false,
            lost: false,
            registration: 0,
            path: path.clone(),
        })
        .collect();
    let mut view = one(view(0));
    let LocalEvent::View { gone, came, .. } = &mut view else { unreachable!() };
    (*gone, *came) = ((0..70_000).collect(), entries.clone());
    let packets = view.packets();
    assert!((40..60).contains(&packets.len()), "{}", packets.len());
    assert_eq!(assembled(&packets), view);
    let mut roster = one(roster(0));
    let LocalEvent::Roster { entries: list, .. } = &mut roster else { unreachable!() };
    *list = entries;
    assert_eq!(assembled(&roster.packets()), roster);
}

#[test]
fn a_rest_follows_on_a_list_that_goes_on_and_on_nothing_else() {
    let rest = |gone: usize, came: usize, more| Telling::Rest {
        gone: vec![7; gone],
        came: vec![one(entry()); came],
        more,
    };
    let begin = |event: LocalEvent| Telling::Event { event, more: true };
    let word = |telling: &[Telling]| {
        let mut assembly = Assembly::default();
        telling.iter().find_map(|telling| assembly.take(telling.clone()).err())
    };
    let refused = |what| Some(WireError::Payload(what));
    assert_eq!(word(&[rest(0, 1, false)]), refused("rest: of nothing"));
    assert_eq!(word(&[begin(one(roster(0))), rest(1, 0, false)]), refused("rest: of no such list"));
    assert_eq!(
        word(&[begin(one(view(0))), begin(one(view(0)))]),
        refused("rest: an event instead")
    );
    // A member interface that never comes to an end is not believed for ever.
    let forever: Vec<Telling> = std::iter::once(begin(one(view(0))))
        .chain(std::iter::repeat_n(rest(65_536, 0, true), MAX_ROSTER / 65_536 + 1))
        .collect();
    assert_eq!(word(&forever), refused("roster: too many"));
    // The connection may end at any time.
    let closing = Telling::Closing(Closing::NotUnderstood);
    let mut assembly = Assembly::default();
    assert_eq!(assembly.take(begin(one(view(0)))), Ok(None));
    assert_eq!(assembly.take(closing.clone()), Ok(Some(closing)));
}

#[test]
fn what_is_too_long_for_a_call_is_refused_before_it_is_sent() {
    let group: GroupName = "db".parse().unwrap();
    let call = |ask| Asking::Call(LocalCall { number: 1, group, ask });
    let join = |tag: usize, rule: usize| {
        let qos = Qos { survive: "x".repeat(rule), ..Qos::default() };
        call(Ask::Join { mode: Mode::Create, tag: vec![0; tag], qos: qos.into(), patience_ms: 0 })
    };
    assert!(join(64, 255).encode().is_ok());
    assert_eq!(join(65, 0).encode(), Err(WireError::Oversized { have: 65, most: 64 }));
    assert_eq!(join(0, 256).encode(), Err(WireError::Oversized { have: 256, most: 255 }));
    let split = |n| call(Ask::Split { new: group, members: vec![0; n] });
    assert!(split(16_000).encode().is_ok());
    assert!(matches!(split(17_000).encode(), Err(WireError::Oversized { most: MAX_PACKET, .. })));
}

#[test]
fn the_first_packets_lie_as_they_always_will() {
    assert_eq!(VERSION, 1);
    assert_eq!(Asking::Hello { version: 0x0102 }.encode().unwrap(), [0, 1, 2]);
    let mi = membership::wire::coreset::Life {
        address: "10.94.0.7:2901".parse().unwrap(),
        inc: membership::name::Incarnation(0x0A0B_0C0D),
    };
    let hello = Telling::Hello { version: 1, mi }.encode();
    assert_eq!(hello, [0, 0, 1, 10, 94, 0, 7, 0x0B, 0x55, 0x0A, 0x0B, 0x0C, 0x0D]);
    let closing = |closing| Telling::Closing(closing).encode();
    assert_eq!(closing(Closing::Version { spoken: 1 }), [1, 0, 0, 1]);
    assert_eq!(closing(Closing::NotAuthorised), [1, 1, 0, 0]);
    assert_eq!(closing(Closing::NoPlace), [1, 2, 0, 0]);
    assert_eq!(closing(Closing::NotUnderstood), [1, 3, 0, 0]);
    let leave = LocalCall { number: 3, group: "db".parse().unwrap(), ask: Ask::View };
    assert_eq!(Asking::Call(leave).encode().unwrap(), *b"\x05\0\0\0\x03\x02db");
}
