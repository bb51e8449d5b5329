//! Faults for tests: datagrams dropped, delayed or duplicated by rule, at the socket layer.
//!
//! A daemon reads the file that the environment variable `MS_FAULTS` names, at its start and on SIGHUP, and says
//! so aloud. One rule a line, all that match a datagram apply, in their order:
//!
//! ```text
//! seed 42
//! drop 100% in from 127.0.0.2
//! delay 5..20 30% out type QUERY
//! duplicate 10%
//! ```
//!
//! A delay is in milliseconds; a percentage is a chance, 100 % where there is none; `in` and `out` say which way,
//! both where neither is there; `from` and `to` name the peer; `type` the message's name in THE TABLE.

use crate::wire::{HEADER_LEN, TABLE, prefix};
use byteorder::{BigEndian, ByteOrder};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// The environment variable that names the file of rules.
pub const VARIABLE: &str = "MS_FAULTS";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Drop,
    Duplicate,
    Delay { from: u64, to: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rule {
    fault: Fault,
    /// Out of ten thousand.
    chance: u64,
    inbound: Option<bool>,
    peer: Option<Ipv4Addr>,
    code: Option<u16>,
}

/// Rules and the state of their chances.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    state: u64,
}

/// Which way a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It was received.
    In,
    /// It is to be sent.
    Out,
}

impl Faults {
    /// Reads rules, one a line.
    ///
    /// # Errors
    /// The first line that is none, with its number.
    pub fn parse(text: &str) -> Result<Faults, String> {
        let mut faults = Faults::default();
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> =
                line.split('#').next().unwrap_or("").split_whitespace().collect();
            let wrong = |what: &str| format!("line {}: {what}: {line}", number + 1);
            match words.as_slice() {
                [] => {}
                ["seed", seed] => faults.state = seed.parse().map_err(|_| wrong("bad seed"))?,
                [name, rest @ ..] => {
                    faults.rules.push(parse_rule(name, rest).ok_or_else(|| wrong("bad rule"))?);
                }
            }
        }
        Ok(faults)
    }

    /// Whether there are no rules: the common case, which costs nothing.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What is to become of a datagram from or to `peer`: a delay for each of its copies; none at all
    /// if it is lost.
    pub fn judge(&mut self, way: Way, peer: SocketAddrV4, bytes: &[u8]) -> Vec<Duration> {
        let mut copies = vec![Duration::ZERO];
        for i in 0..self.rules.len() {
            let rule = self.rules[i];
            if rule.matches(way, peer, bytes) && self.roll(10_000) < rule.chance {
                match rule.fault {
                    Fault::Drop => return Vec::new(),
                    Fault::Duplicate => copies.push(Duration::ZERO),
                    Fault::Delay { from, to } => {
                        for copy in &mut copies {
                            *copy += Duration::from_millis(from + self.roll(to - from + 1));
                        }
                    }
                }
            }
        }
        copies
    }

    /// A number below `bound`, by splitmix64.
    fn roll(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

impl Rule {
    fn matches(&self, way: Way, peer: SocketAddrV4, bytes: &[u8]) -> bool {
        let message = if prefix::is_extended(bytes) { &bytes[prefix::LEN..] } else { bytes };
        let code = (message.len() >= HEADER_LEN).then(|| BigEndian::read_u16(&message[50..]));
        self.inbound.is_none_or(|inbound| inbound == (way == Way::In))
            && self.peer.is_none_or(|address| address == *peer.ip())
            && self.code.is_none_or(|wanted| code == Some(wanted))
    }
}

fn parse_rule(name: &str, words: &[&str]) -> Option<Rule> {
    let mut words = words.iter();
    let fault = match name {
        "drop" => Fault::Drop,
        "duplicate" => Fault::Duplicate,
        "delay" => {
            let span = words.next()?;
            let (from, to) = span.split_once("..").unwrap_or((span, span));
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            if from > to || to > 60_000 {
                return None;
            }
            Fault::Delay { from, to }
        }
        _ => return None,
    };
    let mut rule = Rule { fault, chance: 10_000, inbound: None, peer: None, code: None };
    while let Some(word) = words.next() {
        match *word {
            "in" => rule.inbound = Some(true),
            "out" => rule.inbound = Some(false),
            "from" | "to" => rule.peer = Some(words.next()?.parse().ok()?),
            "type" => {
                let name = words.next()?;
                rule.code = Some(TABLE.iter().find(|row| row.name == *name)?.code);
            }
            percent => {
                let percent: f64 = percent.strip_suffix('%')?.parse().ok()?;
                if !(0.0..=100.0).contains(&percent) {
                    return None;
                }
                rule.chance = (percent * 100.0).round() as u64;
            }
        }
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Draft, Header, Kind, Sum};

    fn query() -> Vec<u8> {
        Draft::bare(Header::new("ring".parse().unwrap(), Kind::Query)).to_vec(Sum::None).unwrap()
    }

    #[test]
    fn a_rule_hits_what_it_names_and_nothing_else() {
        let mut faults = Faults::parse("drop 100% in from 10.0.0.1 type QUERY # cut").unwrap();
        let (a, b) = ("10.0.0.1:2900".parse().unwrap(), "10.0.0.2:2900".parse().unwrap());
        assert!(faults.judge(Way::In, a, &query()).is_empty());
        assert_eq!(faults.judge(Way::Out, a, &query()), [Duration::ZERO]);
        assert_eq!(faults.judge(Way::In, b, &query()), [Duration::ZERO]);
        assert_eq!(faults.judge(Way::In, a, b"garbage"), [Duration::ZERO]);
        let extended = [&prefix::encode(a)[..], &query()].concat();
        assert!(faults.judge(Way::In, a, &extended).is_empty());
    }

    #[test]
    fn the_same_seed_makes_the_same_faults() {
        let text = "seed 7\nduplicate 50%\ndelay 5..20 50%\ndrop 20%";
        let peer = "10.0.0.1:2900".parse().unwrap();
        let run = || {
            let mut faults = Faults::parse(text).unwrap();
            (0..1000).map(|_| faults.judge(Way::In, peer, &query())).collect::<Vec<_>>()
        };
        let (one, two) = (run(), run());
        assert_eq!(one, two);
        assert!(one.iter().any(Vec::is_empty));
        assert!(one.iter().any(|c| c.len() == 2));
        assert!(one.iter().flatten().all(|d| *d <= Duration::from_millis(20)));
    }

    #[test]
    fn what_is_no_rule_is_refused_with_its_line() {
        for bad in ["loose 5%", "drop 101%", "delay x", "delay 9..5", "drop type NOTHING", "seed -"]
        {
            let error = Faults::parse(&format!("\n{bad}")).unwrap_err();
            assert!(error.starts_with("line 2: "), "{error}");
        }
    }
}
