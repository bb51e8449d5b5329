//! From the text of an ms.campus(5) to a campus.
//!
//! ```text
//!   file  = { ("set" | "lan") NAME "{" { LINE } "}" }
//!   LINE  = KEYWORD { VALUE }                 to the end of the line, or to a "}"
//! ```
//!
//! All that is wrong is told, not the first of it only; what cannot be read is left out, so that the rest can be judged.
//! What makes sense by itself but not together is told by `check`.

use super::words::{Place, Word, words};
use super::{Campus, Lan, MI_PORT, PORT, Server, Set, check};
use crate::name::GroupName;
use crate::sorted::Sorted as _;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Something that is wrong: where, and what it must be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// Where it stands.
    pub(super) place: Place,
    /// Thing, value, allowance.
    pub(super) text: String,
}

/// `LINE:COLUMN: thing value: what it must be`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Something and where it was said.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub place: Place,
    pub value: T,
}

/// A set as it was said.
#[derive(Clone, Debug)]
pub(super) struct SetSaid {
    pub name: At<GroupName>,
    pub level: Option<At<u8>>,
    pub address: Option<At<SocketAddrV4>>,
    pub parents: Vec<At<SocketAddrV4>>,
    pub mservers: Vec<(At<SocketAddrV4>, Server)>,
}

/// A LAN as it was said.
#[derive(Clone, Debug)]
pub(super) struct LanSaid {
    pub name: At<GroupName>,
    pub address: Option<At<SocketAddrV4>>,
    pub mis: Vec<At<SocketAddrV4>>,
}

/// Reads an ms.campus.
///
/// # Errors
/// Everything that is wrong with it, in the order of the places.
pub fn parse(text: &str) -> Result<Campus, Vec<Fault>> {
    let mut reader = Reader { faults: Vec::new(), sets: Vec::new(), lans: Vec::new() };
    reader.file(&words(text));
    let Reader { mut faults, sets, lans } = reader;
    let campus = check::campus(&sets, &lans, &mut faults);
    if faults.is_empty() {
        return Ok(campus);
    }
    faults.sort_unstable();
    Err(faults)
}

struct Reader {
    faults: Vec<Fault>,
    sets: Vec<SetSaid>,
    lans: Vec<LanSaid>,
}

impl Reader {
    fn fault(&mut self, place: Place, text: String) {
        self.faults.push(Fault { place, text });
    }

    fn file(&mut self, mut rest: &[Word<'_>]) {
        while let [kind, ..] = rest {
            rest = match kind.text {
                "set" | "lan" => self.block(*kind, &rest[1..]),
                other => {
                    self.fault(kind.place, format!("{other}: must be set or lan"));
                    let next = rest[1..].iter().position(|w| ["set", "lan"].contains(&w.text));
                    next.map_or(&[], |next| &rest[next + 1..])
                }
            };
        }
    }

    /// A block behind its first word; returns what follows it.
    fn block<'a, 'b>(&mut self, kind: Word<'_>, rest: &'a [Word<'b>]) -> &'a [Word<'b>] {
        let what = kind.text;
        let (name, inside) = match rest {
            [name, open, inside @ ..] if open.text == "{" && !is_brace(name) => (name, inside),
            [name, other, ..] if !is_brace(name) && name.place.line == kind.place.line => {
                let (name, other) = (name.text, other.text);
                self.fault(kind.place, format!("{what} {name}: must go on with {{, not {other}"));
                return after_block(rest);
            }
            _ => {
                self.fault(kind.place, format!("{what}: must be followed by a name and {{"));
                return after_block(rest);
            }
        };
        let (end, closed) = end_of(inside);
        if !closed {
            self.fault(
                kind.place,
                format!("{what} {}: is not closed, must end with }}", name.text),
            );
        }
        let (lines, after) = inside.split_at(end);
        let named = self.name(what, name);
        let lines = lines.chunk_by(|a, b| a.place.line == b.place.line);
        match what {
            "set" => {
                let read = self.set(named, lines);
                self.sets.extend(read);
            }
            _ => {
                let read = self.lan(named, lines);
                self.lans.extend(read);
            }
        }
        &after[usize::from(closed)..]
    }

    fn set<'a>(
        &mut self,
        name: Option<At<GroupName>>,
        lines: impl Iterator<Item = &'a [Word<'a>]>,
    ) -> Option<SetSaid> {
        let (mut level, mut address) = (None, None);
        let (mut parents, mut mservers) = (Vec::new(), Vec::new());
        for line in lines {
            let (keyword, values) = (line[0], &line[1..]);
            match keyword.text {
                "level" => {
                    let value = self.one(keyword, values).and_then(|word| self.level(word));
                    self.once(&mut level, keyword, value);
                }
                "address" => {
                    let value = self.one(keyword, values).and_then(|word| self.heard_at(word));
                    self.once(&mut address, keyword, value);
                }
                "parent" => {
                    self.some(keyword, values);
                    let hosts = values.iter().filter_map(|word| self.host("parent", word, PORT));
                    parents.extend(hosts);
                }
                "mserver" => mservers.extend(self.mserver(keyword, values)),
                _ => self.unknown(keyword, "a set", "level, address, parent or mserver"),
            }
        }
        Some(SetSaid { name: name?, level, address, parents, mservers })
    }

    fn lan<'a>(
        &mut self,
        name: Option<At<GroupName>>,
        lines: impl Iterator<Item = &'a [Word<'a>]>,
    ) -> Option<LanSaid> {
        let (mut address, mut mis) = (None, Vec::new());
        for line in lines {
            let (keyword, values) = (line[0], &line[1..]);
            match keyword.text {
                "address" => {
                    let value = self.one(keyword, values).and_then(|word| self.heard_at(word));
                    self.once(&mut address, keyword, value);
                }
                "mi" => {
                    self.some(keyword, values);
                    mis.extend(values.iter().filter_map(|word| self.host("mi", word, MI_PORT)));
                }
                _ => self.unknown(keyword, "a lan", "address or mi"),
            }
        }
        Some(LanSaid { name: name?, address, mis })
    }

    fn unknown(&mut self, keyword: Word<'_>, of: &str, allowed: &str) {
        let text = format!("{}: no keyword of {of}, must be {allowed}", keyword.text);
        self.fault(keyword.place, text);
    }

    /// The value of a keyword that has one.
    fn one<'a>(&mut self, keyword: Word<'_>, values: &'a [Word<'a>]) -> Option<&'a Word<'a>> {
        if let [value] = values {
            return Some(value);
        }
        let text = format!("{}: has {} values, must have one", keyword.text, values.len());
        self.fault(keyword.place, text);
        None
    }

    fn some(&mut self, keyword: Word<'_>, values: &[Word<'_>]) {
        if values.is_empty() {
            self.fault(keyword.place, format!("{}: has no value, must have some", keyword.text));
        }
    }

    fn once<T>(&mut self, place: &mut Option<At<T>>, keyword: Word<'_>, value: Option<At<T>>) {
        if place.is_some() {
            let text = format!("{}: stands in this block twice, must stand once", keyword.text);
            return self.fault(keyword.place, text);
        }
        *place = value;
    }

    fn name(&mut self, what: &str, word: &Word<'_>) -> Option<At<GroupName>> {
        let text = word.text;
        let read: Result<GroupName, String> = match text.contains('.') {
            true => Err("must have no dot: it sets off the suffix of a part".to_string()),
            false => text.parse().map_err(|e: crate::name::NameError| e.to_string()),
        };
        match read {
            Ok(value) => Some(At { place: word.place, value }),
            Err(why) => {
                self.fault(word.place, format!("{what} {text}: {why}"));
                None
            }
        }
    }

    fn level(&mut self, word: &Word<'_>) -> Option<At<u8>> {
        match word.text.parse() {
            Ok(value @ 1..) => Some(At { place: word.place, value }),
            _ => {
                self.fault(word.place, format!("level {}: must be 1 to 255", word.text));
                None
            }
        }
    }

    /// `ADDRESS [lan NAME] [mi]`
    fn mserver(
        &mut self,
        keyword: Word<'_>,
        values: &[Word<'_>],
    ) -> Option<(At<SocketAddrV4>, Server)> {
        let [address, rest @ ..] = values else {
            self.some(keyword, values);
            return None;
        };
        let who = self.host("mserver", address, PORT);
        let mut server = Server::default();
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            match word.text {
                "mi" => server.mi = true,
                "lan" => match rest.next() {
                    Some(name) => server.lan = self.name("lan", name).map(|at| at.value),
                    None => self.fault(word.place, "lan: must be followed by a name".to_string()),
                },
                other => {
                    let text = format!("mserver {}: {other}: must be lan NAME or mi", address.text);
                    self.fault(word.place, text);
                }
            }
        }
        Some((who?, server))
    }

    /// The address of one host.
    fn host(&mut self, what: &str, word: &Word<'_>, port: u16) -> Option<At<SocketAddrV4>> {
        let address = read_address(word.text, port).filter(|address| {
            let ip = address.ip();
            !ip.is_multicast() && !ip.is_unspecified() && !ip.is_broadcast() && address.port() > 0
        });
        let Some(value) = address else {
            let text = format!(
                "{what} {}: must be the IPv4 address of one host, address[:port]",
                word.text
            );
            self.fault(word.place, text);
            return None;
        };
        Some(At { place: word.place, value })
    }

    /// The address of a group, or of an mcaster.
    fn heard_at(&mut self, word: &Word<'_>) -> Option<At<SocketAddrV4>> {
        let address = read_address(word.text, PORT).filter(|address| {
            let ip = address.ip();
            let of_routers = ip.octets()[..3] == [224, 0, 0];
            !of_routers && !ip.is_unspecified() && ip.octets()[0] < 240 && address.port() > 0
        });
        let Some(value) = address else {
            let text = format!(
                "address {}: must be a multicast address, 224.0.1.0 to 239.255.255.255, or the address \
                 of an mcaster",
                word.text
            );
            self.fault(word.place, text);
            return None;
        };
        Some(At { place: word.place, value })
    }
}

fn is_brace(word: &Word<'_>) -> bool {
    ["{", "}"].contains(&word.text)
}

/// Where a block ends: at its closing brace or, if it has none, where the next one begins.
fn end_of(inside: &[Word<'_>]) -> (usize, bool) {
    let mut line = 0;
    for (at, word) in inside.iter().enumerate() {
        let first = std::mem::replace(&mut line, word.place.line) != word.place.line;
        match word.text {
            "}" => return (at, true),
            "set" | "lan" if first => return (at, false),
            _ => {}
        }
    }
    (inside.len(), false)
}

/// What follows a block that cannot be read: what is behind its closing brace, or the next block.
fn after_block<'a, 'b>(rest: &'a [Word<'b>]) -> &'a [Word<'b>] {
    let end = rest.iter().position(|w| w.text == "}" || ["set", "lan"].contains(&w.text));
    match end {
        Some(at) if rest[at].text == "}" => &rest[at + 1..],
        Some(at) => &rest[at..],
        None => &[],
    }
}

fn read_address(text: &str, port: u16) -> Option<SocketAddrV4> {
    let with_port = text.parse().ok();
    with_port.or_else(|| Some(SocketAddrV4::new(text.parse::<Ipv4Addr>().ok()?, port)))
}

impl SetSaid {
    /// Without the places.
    pub fn value(&self, level: u8) -> Set {
        Set {
            level,
            address: self.address.as_ref().map(|at| at.value),
            parents: self.parents.iter().map(|at| at.value).collect(),
            mservers: self.mservers.iter().map(|(who, server)| (who.value, *server)).sorted_map(),
        }
    }
}

impl LanSaid {
    /// Without the places.
    pub fn value(&self) -> Lan {
        Lan {
            address: self.address.as_ref().map(|at| at.value),
            mis: self.mis.iter().map(|at| at.value).sorted_set(),
        }
    }
}
