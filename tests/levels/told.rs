//! What `ms join --json` printed, read back: the lines of a member process become what its member interface told it.
//!
//! ```text
//!   {"event":"view","first":true,"roster":[...]}   Taken, View (whole)
//!   {"event":"view","came":[...],"gone":[...]}     View (a change)
//!   {"event":"out"}, {"event":"disconnected"}      Out
//! ```
//!
//! So the rules of the simulated campus judge real processes. What is not printed is filled in where it can be nothing
//! else: a membership was taken before its first view, and one whose member interface is gone is over. A first view
//! without a roster, or a second first one, stays what it is, and breaks a rule.

use membership::name::{Digest, Incarnation};
use membership::proto::mi::LocalEvent;
use membership::wire::coreset::Life;
use membership::wire::group::{Entry, GroupKey, MemberId, Reason, Refusal, RequestId};
use serde_json::Value;
use std::collections::BTreeSet;

/// The only way in which a member interface may part from its applications: it is gone.
const GONE: &str = "the member interface closed the connection";

/// Reads the lines of one process, in their order.
#[derive(Default)]
pub struct Reader {
    calls: u32,
    taken: BTreeSet<MemberId>,
}

impl Reader {
    /// What a line says, in the words of the rules.
    ///
    /// # Panics
    /// It says what no member process may print.
    pub fn line(&mut self, text: &str) -> Vec<LocalEvent> {
        let line: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        match line["event"].as_str() {
            Some("view") => self.view(&line),
            Some("out") => self.out(&line, reason(&line["reason"])),
            Some("disconnected") => {
                assert_eq!(line["reason"], GONE, "{text}");
                if line["member"].is_null() { Vec::new() } else { self.out(&line, Reason::Failed) }
            }
            Some("refused") => vec![self.refused(&line)],
            Some("mserver-lost") => vec![LocalEvent::ServerLost],
            Some("mserver-found") => vec![LocalEvent::ServerFound],
            // The views behind them say the same.
            Some("renamed" | "rejoined") => Vec::new(),
            _ => panic!("no event of a member: {text}"),
        }
    }

    fn view(&mut self, line: &Value) -> Vec<LocalEvent> {
        let own = member(&line["member"]);
        let mut events = Vec::new();
        if line["first"] == true {
            events.push(self.take(own));
        }
        let whole = !line["roster"].is_null();
        let came = if whole { &line["roster"] } else { &line["came"] };
        let gone = if whole { Vec::new() } else { list(&line["gone"], |e| small(&e["gid"])) };
        events.push(LocalEvent::View {
            key: key(line),
            member: own,
            gid: small(&line["gid"]),
            rank: small(&line["rank"]),
            term: small(&line["term"]),
            number: small(&line["number"]),
            digest: digest(&line["digest"]),
            size: small(&line["size"]),
            reason: reason(&line["reason"]),
            gone,
            came: list(came, entry),
            whole,
            qos: None,
        });
        events
    }

    fn out(&mut self, line: &Value, reason: Reason) -> Vec<LocalEvent> {
        let own = member(&line["member"]);
        let mut events = Vec::new();
        if !self.taken.contains(&own) {
            events.push(self.take(own));
        }
        let group = word(&line["group"]).parse().expect("a group's name");
        events.push(LocalEvent::Out { group, member: own, reason });
        events
    }

    fn refused(&mut self, line: &Value) -> LocalEvent {
        self.calls += 1;
        let refusal = Refusal::ALL[small::<usize>(&line["code"]) - 16];
        let group = word(&line["group"]).parse().expect("a group's name");
        LocalEvent::Refused { call: self.calls, group, refusal }
    }

    fn take(&mut self, member: MemberId) -> LocalEvent {
        self.calls += 1;
        self.taken.insert(member);
        LocalEvent::Taken { call: self.calls, member }
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a word, not {value}"))
}

fn small<N: TryFrom<u64>>(value: &Value) -> N {
    let number = value.as_u64().unwrap_or_else(|| panic!("a number, not {value}"));
    N::try_from(number).unwrap_or_else(|_| panic!("a smaller number, not {value}"))
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap_or_else(|| panic!("a list, not {value}")).iter().map(read).collect()
}

fn digest(value: &Value) -> Digest {
    let text = word(value);
    assert_eq!(text.len(), 32, "{text}");
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("digits");
    Digest(std::array::from_fn(byte))
}

fn member(value: &Value) -> MemberId {
    let address = word(&value["address"]).parse().expect("an address");
    let mi = Life { address, inc: Incarnation(small(&value["incarnation"])) };
    MemberId { mi, number: small(&value["number"]) }
}

fn entry(value: &Value) -> Entry {
    Entry {
        id: member(&value["member"]),
        gid: small(&value["gid"]),
        tag: word(&value["tag"]).as_bytes().to_vec(),
        roams: false,
        lost: false,
        registration: 0,
        path: Default::default(),
    }
}

/// The group: its name, what sets it off behind a dot, and `ADDRESS/LIFE/NUMBER` of the request that created it.
fn key(line: &Value) -> GroupKey {
    let full = word(&line["group"]);
    let (name, suffix) = full.split_once('.').map_or((full, None), |(name, gid)| (name, Some(gid)));
    let made: Vec<&str> = word(&line["incarnation"]).split('/').collect();
    let [address, life, number] = made[..] else { panic!("three parts, not {made:?}") };
    let inc = Incarnation(life.parse().expect("a life"));
    let origin = Life { address: address.parse().expect("an address"), inc };
    GroupKey {
        name: name.parse().expect("a name"),
        suffix: suffix.map(|gid| gid.parse().expect("a gid")),
        inc: RequestId { origin, number: number.parse().expect("a number") },
    }
}

fn reason(value: &Value) -> Reason {
    match word(value) {
        "created" => Reason::Created,
        "joined" => Reason::Joined,
        "left" => Reason::Left,
        "failed" => Reason::Failed,
        "partitioned" => Reason::Partitioned,
        "merged" => Reason::Merged,
        "split" => Reason::Split,
        "resync" => Reason::Resync,
        "terminated" => Reason::Terminated,
        other => panic!("no reason: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use membership::proto::group::digest_of;
    use membership::sim::campus::invariants::{MemberLog, check_member_logs};
    use serde_json::json;

    fn id(number: u8) -> Value {
        json!({"address": format!("10.0.0.{number}:2901"), "incarnation": 7, "number": 1})
    }

    fn listed(numbers: &[u8]) -> Value {
        numbers
            .iter()
            .map(|n| json!({"gid": n, "member": id(*n), "tag": "a"}))
            .collect::<Vec<_>>()
            .into()
    }

    /// View `number` of a group with these members, as the first of them that is `own` prints it.
    fn view(own: u8, number: u32, all: &[u8]) -> Value {
        let made = "10.0.0.1:2901/7/1";
        let roster: Vec<Entry> = list(&listed(all), entry);
        let inc = key(&json!({"group": "db", "incarnation": made})).inc;
        json!({
            "event": "view", "group": "db", "incarnation": made, "term": 1, "number": number,
            "digest": digest_of(&inc, number, &roster).to_string(), "size": all.len(),
            "reason": "joined", "first": false, "member": id(own), "gid": own,
            "rank": all.iter().position(|n| *n == own), "came": [], "gone": [],
        })
    }

    fn first(own: u8, number: u32, all: &[u8]) -> Value {
        let mut line = view(own, number, all);
        line["first"] = true.into();
        line["roster"] = listed(all);
        line
    }

    fn change(own: u8, number: u32, all: &[u8], came: &[u8], gone: &[u8]) -> Value {
        let mut line = view(own, number, all);
        line["came"] = listed(came);
        line["gone"] = listed(gone);
        line
    }

    /// The rule that the lines of some processes break.
    fn rule(logs: &[&[Value]]) -> &'static str {
        let log = |lines: &&[Value]| {
            let mut reader = Reader::default();
            let told = lines.iter().flat_map(|line| reader.line(&line.to_string()));
            MemberLog { told: (0..).zip(told).collect() }
        };
        let logs: Vec<MemberLog> = logs.iter().map(log).collect();
        check_member_logs(&logs).map_or_else(|violation| violation.rule, |()| "none")
    }

    #[test]
    fn what_is_printed_in_order_keeps_the_rules() {
        let one = [first(1, 1, &[1]), change(1, 2, &[1, 2], &[2], &[])];
        let two = [first(2, 2, &[1, 2])];
        assert_eq!(rule(&[&one, &two]), "none");
    }

    #[test]
    fn another_roster_a_gap_a_ghost_and_a_second_first_view_are_found_in_what_is_printed() {
        let one = [first(1, 1, &[1]), change(1, 2, &[1, 2], &[2], &[])];
        let with = |line: Value| rule(&[&[&one[..], &[line]].concat(), &[first(2, 2, &[1, 2])]]);
        assert_eq!(with(change(1, 4, &[1, 2, 3], &[3], &[])), "NEXT");
        assert_eq!(with(change(1, 3, &[1, 2, 3], &[], &[])), "ROSTER");
        assert_eq!(with(first(1, 3, &[1, 2])), "ONCE");
        assert_eq!(rule(&[&one, &[first(2, 2, &[2, 1])]]), "SAME");
        let mut failed = change(1, 3, &[1], &[], &[2]);
        failed["reason"] = "failed".into();
        let ghost = change(1, 4, &[1, 2], &[2], &[]);
        assert_eq!(rule(&[&[&one[..], &[failed, ghost]].concat()]), "GHOST");
    }

    #[test]
    fn a_member_whose_interface_is_gone_is_out_and_another_one_later() {
        let gone = json!({"event": "disconnected", "group": "db", "member": id(2), "reason": GONE});
        let mut anew = first(2, 4, &[1, 3]);
        anew["member"] = id(3);
        anew["gid"] = 3.into();
        anew["rank"] = 1.into();
        let before = [first(2, 2, &[1, 2]), gone.clone(), anew.clone()];
        assert_eq!(rule(&[&before]), "none");
        let late = [first(2, 2, &[1, 2]), gone, change(2, 3, &[1, 2, 3], &[3], &[])];
        assert_eq!(rule(&[&late]), "ONCE");
    }

    #[test]
    #[should_panic(expected = "makes no sense")]
    fn a_member_interface_that_told_nonsense_is_no_end_of_a_membership() {
        let why = "the member interface makes no sense (view: digest); the connection was given up";
        let line = json!({"event": "disconnected", "group": "db", "member": id(2), "reason": why});
        let _ = Reader::default().line(&line.to_string());
    }
}
