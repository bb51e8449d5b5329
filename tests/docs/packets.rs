//! What mi(8) says of packets is how they lie there.

use super::{page, section};
use membership::name::{Digest, GroupName, Incarnation};
use membership::wire::coreset::Life;
use membership::wire::group::{GroupKey, MemberId, Mode, Reason, Refusal, RequestId};
use membership::wire::local::{
    Ask, Asking, Closing, LocalCall, LocalEvent, MAX_PACKET, Telling, VERSION,
};

const MI: Life = Life {
    address: std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 2901),
    inc: Incarnation(7),
};
const MEMBER: MemberId = MemberId { mi: MI, number: 1 };

/// Code and name of each row of the first table behind `words`.
fn table(words: &str) -> Vec<(u8, String)> {
    let text = section(&page("mi.8"), ".Ss Packets");
    let (_, rest) = text.split_once(words).expect(words);
    let rows = rest.split_once(".Bl -column").unwrap().1.split_once("\n.El").unwrap().0;
    let rows = rows.lines().filter_map(|l| l.strip_prefix(".It "));
    rows.map(|l| l.split(" Ta ").collect::<Vec<_>>())
        .map(|cells| (cells[0].parse().unwrap(), cells[1].to_string()))
        .collect()
}

fn name() -> GroupName {
    "db".parse().unwrap()
}

#[test]
fn what_an_application_sends_has_the_codes_of_the_page() {
    let hello = Asking::Hello { version: VERSION }.encode().unwrap()[0];
    let join = Ask::Join { mode: Mode::Create, tag: vec![], qos: Box::default(), patience_ms: 0 };
    let asks = [
        ("JOIN", join),
        ("LEAVE", Ask::Leave { member: MEMBER }),
        ("MERGE", Ask::Merge { other: name() }),
        ("SPLIT", Ask::Split { new: name(), members: vec![1] }),
        ("VIEW", Ask::View),
        ("ALIVE", Ask::Alive { nonce: 1 }),
    ];
    let mut codes = vec![(hello, "HELLO".to_string())];
    for (word, ask) in asks {
        let call = Asking::Call(LocalCall { number: 1, group: name(), ask });
        codes.push((call.encode().unwrap()[0], word.to_string()));
    }
    assert_eq!(table("Of an application,"), codes);
}

#[test]
fn what_an_application_gets_has_the_codes_of_the_page() {
    let key = GroupKey { name: name(), suffix: None, inc: RequestId { origin: MI, number: 1 } };
    let (member, digest) = (MEMBER, Digest::default());
    let (term, number) = (1, 1);
    let events = [
        ("TAKEN", LocalEvent::Taken { call: 1, member }),
        ("DONE", LocalEvent::Done { call: 1 }),
        ("REFUSED", LocalEvent::Refused { call: 1, group: name(), refusal: Refusal::Exists }),
        (
            "ROSTER",
            LocalEvent::Roster {
                call: 1,
                key,
                term,
                number,
                digest,
                qos: Box::default(),
                entries: vec![],
            },
        ),
        ("ALIVE", LocalEvent::Alive { nonce: 1 }),
        (
            "VIEW",
            LocalEvent::View {
                key,
                member,
                gid: 0,
                rank: 0,
                term,
                number,
                digest,
                size: 1,
                reason: Reason::Created,
                qos: None,
                gone: vec![],
                came: vec![],
                whole: true,
            },
        ),
        ("OUT", LocalEvent::Out { group: name(), member, reason: Reason::Left }),
        ("SERVER_LOST", LocalEvent::ServerLost),
        ("SERVER_FOUND", LocalEvent::ServerFound),
    ];
    let code = |telling: Telling| telling.encode()[0];
    let mut codes = vec![
        (code(Telling::Hello { version: VERSION, mi: MI }), "HELLO".to_string()),
        (code(Telling::Closing(Closing::NoPlace)), "CLOSING".to_string()),
    ];
    codes.extend(events.map(|(word, event)| (event.packets()[0][0], word.to_string())));
    let rest = Telling::Rest { gone: vec![], came: vec![], more: false };
    codes.push((code(rest), "REST".to_string()));
    assert_eq!(table("For an application,"), codes);
}

#[test]
fn the_numbers_in_the_text_are_those_of_the_program() {
    let text = section(&page("mi.8"), ".Sh SOCKET OF APPLICATIONS").replace('\n', " ");
    assert!(text.contains(&format!("of at most {MAX_PACKET} bytes")));
    assert!(text.contains(&format!("The version is {VERSION}.")));
    assert_eq!(Refusal::ALL.len(), 11, "as many as the page names");
}
