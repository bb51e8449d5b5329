//! What can be told of a datagram, sense or no sense.
//!
//! ```text
//!  datagram -> plain? extended? -- no fault in it --------------------------------> Reading
//!                   \- faults -> built for another machine (layout)? -- yes ------> Reading, with a fault
//!                                   \- no -> the reading that makes sense longest -> Reading, with a fault
//! ```
//!
//! [`crate::wire::Message::decode`] refuses at the first thing that is wrong, as a daemon must. Here a
//! person wants to know what is wrong, where, and what the rest says: fields are read as far as they can be
//! trusted. Nothing is read that a fault has made a guess; the bytes from there on are kept as they are.

use super::layout::{self, Field, Layout, OURS};
use crate::wire::checksum::{self, Checksum};
use crate::wire::{Kind, VERSION, prefix};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Where a datagram stops making sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// In bytes from the start of the datagram, prefix included.
    pub offset: usize,
    /// The field there.
    pub field: &'static str,
    /// What was found, and what would make sense.
    pub reason: String,
}

/// The 16 bytes before an extended message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    /// Address family, 2 in a good one.
    pub family: u16,
    /// Who sent the message to the mcaster.
    pub sender: SocketAddrV4,
}

/// What a datagram says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading<'a> {
    /// The prefix of an mcaster, if the message is an extended one.
    pub prefix: Option<Prefix>,
    /// Where the fields lie.
    pub layout: &'static Layout,
    /// As much of the fixed part as can be trusted.
    head: &'a [u8],
    /// What the checksum says, where enough is there to judge it.
    pub checksum: Option<Checksum>,
    /// The exclude list as far as it is there; `None` where there is no telling.
    pub exclude: Option<Vec<u16>>,
    /// The subject list, likewise.
    pub subjects: Option<Vec<u16>>,
    /// The data, likewise.
    pub data: Option<&'a [u8]>,
    /// Bytes that belong to no field that makes sense, and where they start in the datagram.
    pub rest: (usize, &'a [u8]),
    /// Odd but allowed: the field and what is odd.
    pub notes: Vec<(&'static str, String)>,
    /// What is wrong, the first in the datagram first; empty for a good message.
    pub faults: Vec<Fault>,
}

/// What is known of a datagram besides its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clue {
    /// It went to the port of extended messages.
    pub extended: bool,
    /// How many of its bytes, at the end, are not there to be looked at.
    pub missing: usize,
    /// Why they are not: they went in other fragments of IPv4, else the capture did not keep them.
    pub fragment: bool,
}

impl Clue {
    /// What is wrong with a message of which only `have` bytes are there.
    fn cut(self, have: usize) -> String {
        let (all, because) =
            (have + self.missing, if self.fragment { "in this IPv4 fragment" } else { "captured" });
        format!("only {have} of the message's {all} bytes are {because}")
    }
}

/// Reads a datagram. Never fails: what is wrong is in [`Reading::faults`].
pub fn dissect<'a>(datagram: &'a [u8], clue: Clue) -> Reading<'a> {
    let plain = read(datagram, &OURS, 0, clue);
    let extended = read_extended(datagram, clue);
    let (first, second) = match extended {
        Some(extended) if clue.extended => (extended, Some(plain)),
        extended => (plain, extended),
    };
    if first.faults.is_empty() {
        return first;
    }
    // An mcaster's answers go to whoever asks, so a plain message to the port of extended ones is no
    // nonsense; nor is an extended one in a file that does not say where it went.
    if let Some(second) = &second
        && second.faults.is_empty()
    {
        return second.clone();
    }
    if let Some(foreign) = read_foreign(datagram) {
        return foreign;
    }
    match second {
        Some(second) if second.stops_at() > first.stops_at() => second,
        _ => first,
    }
}

impl Reading<'_> {
    /// The field as a number, if it can be trusted.
    pub fn number(&self, field: Field) -> Option<u32> {
        self.layout.number(self.head, field)
    }

    /// A 16-bit field.
    pub fn short(&self, field: Field) -> Option<u16> {
        self.number(field).and_then(|n| u16::try_from(n).ok())
    }

    /// The group name up to its NUL, or all 32 bytes if it has none.
    pub fn group_name(&self) -> Option<&[u8]> {
        let field = self.head.get(self.layout.span(Field::GroupName))?;
        field.split(|&b| b == 0).next()
    }

    /// The subject's address.
    pub fn subject_addr(&self) -> Option<Ipv4Addr> {
        self.number(Field::SubjectAddr).map(Ipv4Addr::from)
    }

    /// The message type, if it has a meaning.
    pub fn kind(&self) -> Option<Kind> {
        self.layout.kind(self.head)
    }

    fn stops_at(&self) -> usize {
        self.faults.first().map_or(usize::MAX, |fault| fault.offset)
    }
}

/// The reading behind a prefix; `None` where none can be: too short, or a family that is neither right
/// nor expected.
fn read_extended(datagram: &[u8], clue: Clue) -> Option<Reading<'_>> {
    let (sender, message) = prefix::decode(datagram).ok()?;
    let zeros = datagram[8..prefix::LEN].iter().all(|&b| b == 0);
    // Without the port as a clue the family alone would be too weak a sign.
    if !zeros && !clue.extended {
        return None;
    }
    let mut reading = read(message, &OURS, prefix::LEN, clue);
    reading.prefix = Some(Prefix { family: 2, sender });
    if !zeros {
        reading
            .notes
            .push(("prefix", "bytes 8 to 15 are not zero, as an original has them".into()));
    }
    Some(reading)
}

/// The reading of a message that a build for another machine has sent, or another machine's mcaster has
/// put its prefix to.
fn read_foreign(datagram: &[u8]) -> Option<Reading<'_>> {
    if let Some(layout) = layout::recognise(datagram) {
        return Some(read_in(layout, datagram, 0));
    }
    let (head, message) = datagram.split_at_checked(prefix::LEN)?;
    let family = match head[..2] {
        [2, 0] => 0x0200,
        [0, 2] => 2,
        _ => return None,
    };
    let sender = Ipv4Addr::new(head[4], head[5], head[6], head[7]);
    let sender = SocketAddrV4::new(sender, u16::from_be_bytes([head[2], head[3]]));
    let mut reading = match layout::recognise(message) {
        Some(layout) => read_in(layout, message, prefix::LEN),
        None if family == 0x0200 => read(message, &OURS, prefix::LEN, Clue::default()),
        None => return None,
    };
    // Two bytes of a family are a weak sign: what follows must make sense.
    if reading.layout == &OURS && !reading.faults.is_empty() {
        return None;
    }
    reading.prefix = Some(Prefix { family, sender });
    if family != 2 {
        let reason = "family 0200, must be 0002: looks like a little-endian mcaster";
        reading.faults.insert(0, Fault { offset: 0, field: "prefix", reason: reason.into() });
    }
    Some(reading)
}

/// Reads a message in the layout that it was recognised by, and says so as its fault.
fn read_in<'a>(layout: &'static Layout, message: &'a [u8], base: usize) -> Reading<'a> {
    let mut reading = read(message, layout, base, Clue::default());
    let (field, found) = if layout.little {
        (Field::Vers, "0100, must be 0001")
    } else {
        (Field::Authentication, "8 bytes, must be 4")
    };
    let reason = format!("{found}: looks like {}; ms does not understand it", layout.whose);
    let offset = base + OURS.span(field).start;
    reading.faults.insert(0, Fault { offset, field: field.name(), reason });
    reading
}

/// Reads a message that starts at `base` of its datagram.
fn read<'a>(message: &'a [u8], layout: &'static Layout, base: usize, clue: Clue) -> Reading<'a> {
    let mut reading = Reading {
        prefix: None,
        layout,
        head: &message[..message.len().min(layout.len)],
        checksum: None,
        exclude: None,
        subjects: None,
        data: None,
        rest: (base + message.len(), &[]),
        notes: Vec::new(),
        faults: Vec::new(),
    };
    if let Some(version) = reading.short(Field::Vers).filter(|&v| v != VERSION) {
        let mut reason = format!("{version:04x}, must be {VERSION:04x}: no message of ms");
        if version == VERSION.swap_bytes() {
            reason += ", or one of a little-endian original that is damaged";
        }
        reading.head = &message[..2];
        reading.rest = (base + 2, &message[2..]);
        reading.faults.push(Fault { offset: base, field: "vers", reason });
        return reading;
    }
    if message.len() < layout.len {
        fault_short(&mut reading, message, base, clue);
        return reading;
    }
    let name = layout.span(Field::GroupName);
    if !message[name.clone()].contains(&0) {
        let reason = "32 bytes without a NUL, must be at most 31 and a NUL".into();
        reading.faults.push(Fault { offset: base + name.start, field: "group_name", reason });
    }
    read_body(&mut reading, message, base, clue);
    judge_checksum(&mut reading, message, base, clue);
    reading
}

/// The datagram ends within the fixed part.
fn fault_short<'a>(reading: &mut Reading<'a>, message: &'a [u8], base: usize, clue: Clue) {
    let layout = reading.layout;
    let have = message.len();
    let first = Field::ALL.into_iter().find(|&field| layout.span(field).end > have);
    let field = first.unwrap_or(Field::DataLen);
    let at = layout.span(field).start.min(have);
    let reason = match clue.missing {
        0 => format!("only {have} of the fixed part's {} bytes are there", layout.len),
        _ => clue.cut(have),
    };
    reading.faults.push(Fault { offset: base + at, field: field.name(), reason });
    reading.rest = (base + at, &message[at..]);
    reading.notes.extend(unknown_type(reading));
}

/// The lists and the data behind a whole fixed part.
fn read_body<'a>(reading: &mut Reading<'a>, message: &'a [u8], base: usize, clue: Clue) {
    let layout = reading.layout;
    let exclude = reading.number(Field::ExclListLen).unwrap_or(0);
    let subjects = reading.number(Field::SubjListLen).unwrap_or(0);
    let mut data = reading.number(Field::DataLen).unwrap_or(0);
    let bare = message.len() == layout.len && clue.missing == 0 && exclude == 0 && subjects == 0;
    if bare && data != 0 && reading.kind().is_some_and(Kind::data_len_may_be_garbage) {
        let note = format!("{data} is what an original had on its stack, there is no data");
        reading.notes.push(("data_len", note));
        data = 0;
    }
    reading.notes.extend(unknown_type(reading));
    let mut body = Body { rest: &message[layout.len..], taken: layout.len, missing: clue.missing };
    let fixed = |field| base + layout.span(field).start;
    let mut fault = None;
    for (list, len, field) in [
        (&mut reading.exclude, exclude, Field::ExclListLen),
        (&mut reading.subjects, subjects, Field::SubjListLen),
    ] {
        let bytes = 2 * len as usize;
        let (room, is_cut) = (body.room(), body.is_cut());
        let gids = body.take(bytes, 2).chunks_exact(2);
        if !is_cut {
            *list = Some(gids.map(|pair| layout.gid([pair[0], pair[1]])).collect());
        }
        if bytes > room {
            let most = room / 2;
            let reason =
                format!("{len}, must be at most {most}: {bytes} bytes of gids, {room} are there");
            fault = Some(Fault { offset: fixed(field), field: field.name(), reason });
            break;
        }
    }
    if fault.is_none() {
        let (room, is_cut) = (body.room(), body.is_cut());
        // No datagram is longer than a usize, so a number that is too large for one is short of room, too.
        let bytes = body.take(usize::try_from(data).unwrap_or(usize::MAX), 1);
        reading.data = (!is_cut || data == 0).then_some(bytes);
        if u64::from(data) > room as u64 {
            let reason = format!("{data}, must be {room}: no more bytes are there");
            fault = Some(Fault { offset: fixed(Field::DataLen), field: "data_len", reason });
        } else if body.room() > 0 {
            let (declared, have) = (body.taken, body.taken + body.room());
            let reason = format!("the message has {have} bytes, its header declares {declared}");
            fault = Some(Fault { offset: base + declared, field: "data", reason });
        }
    }
    reading.rest = (base + message.len() - body.rest.len(), body.rest);
    reading.faults.extend(fault);
    if clue.missing > 0 {
        let (have, reason) = (message.len(), clue.cut(message.len()));
        reading.faults.push(Fault { offset: base + have, field: "data", reason });
    }
}

/// What lies behind the fixed part: some of it here, some not captured.
struct Body<'a> {
    rest: &'a [u8],
    taken: usize,
    missing: usize,
}

impl<'a> Body<'a> {
    /// How many bytes there are, captured or not.
    fn room(&self) -> usize {
        self.rest.len() + self.missing
    }

    /// Whether what comes next was not captured.
    fn is_cut(&self) -> bool {
        self.rest.is_empty() && self.missing > 0
    }

    /// Takes `want` bytes, or as many whole units of them as are here.
    fn take(&mut self, want: usize, unit: usize) -> &'a [u8] {
        let want = want.min(self.room());
        let here = want.min(self.rest.len());
        let (taken, rest) = self.rest.split_at(here - here % unit);
        self.missing -= want - here;
        self.taken += want;
        self.rest = rest;
        taken
    }
}

fn unknown_type(reading: &Reading<'_>) -> Option<(&'static str, String)> {
    let code = reading.short(Field::MsgType)?;
    match reading.kind() {
        Some(_) => None,
        None => Some(("msg_type", format!("{code} has no meaning"))),
    }
}

/// The checksum, which a build for another machine does not have. It says nothing of a message that
/// is not whole, and where the lengths are wrong it is no news that it is, too.
fn judge_checksum(reading: &mut Reading<'_>, message: &[u8], base: usize, clue: Clue) {
    if reading.layout != &OURS {
        reading.checksum = Some(Checksum::None);
        return;
    }
    match checksum::check(message) {
        Checksum::Bad { .. } if clue.missing > 0 => {}
        judged => reading.checksum = Some(judged),
    }
    if let (Some(Checksum::Bad { found, computed }), true) =
        (reading.checksum, reading.faults.is_empty())
    {
        let reason = format!("{found:08x}, must be {computed:08x} or 0000ffff (none): damaged");
        reading.faults.push(Fault { offset: base + 4, field: "checksum", reason });
    }
}
