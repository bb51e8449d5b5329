//! The packets of a capture: pcap in every byte order and both units of time, and pcapng.
//!
//! Packets are taken one by one, so a capture may be larger than memory, or a pipe from tcpdump that never
//! ends.

use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{
    Block, InterfaceDescriptionBlock, LegacyPcapReader, Linktype, PcapBlockOwned, PcapError,
    PcapNGReader,
};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read};

/// Room for one packet with everything that the format puts around it, in bytes: four times the longest
/// packet that libpcap keeps.
const ROOM: usize = 1 << 20;
/// Interfaces of a capture that are remembered.
const INTERFACES: usize = 1 << 16;
/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

/// The format of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// That of tcpdump since ever.
    Pcap,
    /// That of Wireshark.
    Pcapng,
}

impl Format {
    /// How many bytes tell a format.
    pub const MAGIC: usize = 4;

    /// The format of what begins with these bytes, if it is a capture.
    pub fn of(start: &[u8]) -> Option<Format> {
        match start.get(..Format::MAGIC)? {
            [0x0A, 0x0D, 0x0D, 0x0A] => Some(Format::Pcapng),
            [0xA1, 0xB2, 0xC3, 0xD4] | [0xD4, 0xC3, 0xB2, 0xA1] => Some(Format::Pcap),
            [0xA1, 0xB2, 0x3C, 0x4D] | [0x4D, 0x3C, 0xB2, 0xA1] => Some(Format::Pcap),
            [0x34, 0xCD, 0xB2, 0xA1] => Some(Format::Pcap),
            _ => None,
        }
    }
}

/// When a packet was captured: UTC, as precisely as the capture says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Time {
    seconds: i128,
    nanos: u32,
    digits: usize,
}

/// A packet of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// When, if the capture says so.
    pub time: Option<Time>,
    /// What its first header is.
    pub link: Linktype,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// Why the rest of a capture was not read.
#[derive(Debug)]
pub enum Stopped {
    /// It could not be read.
    Read(io::Error),
    /// It is damaged; in words.
    Damaged(String),
    /// Whoever wanted the packets wants no more.
    Unwanted(io::Error),
}

/// Gives the packets of a capture to `each`, in their order.
///
/// # Errors
/// Why the capture was not read to its end; the packets before that have been given.
pub fn packets(
    format: Format,
    reader: impl Read,
    each: &mut dyn FnMut(Packet<'_>) -> io::Result<()>,
) -> Result<(), Stopped> {
    let failure = RefCell::new(None);
    let mut watched = Watched { reader, failure: &failure };
    let start = watched.start(format).map_err(Stopped::Read)?;
    let reader = io::Cursor::new(start).chain(watched);
    let walked = match format {
        Format::Pcap => LegacyPcapReader::new(ROOM, reader)
            .map_err(|why| describe(&why, 0))
            .and_then(|mut reader| walk(&mut reader, each)),
        Format::Pcapng => PcapNGReader::new(ROOM, reader)
            .map_err(|why| describe(&why, 0))
            .and_then(|mut reader| walk(&mut reader, each)),
    };
    // The parser knows only that reading failed.
    match failure.take() {
        Some(error) => Err(Stopped::Read(error)),
        None => walked,
    }
}

/// A reader that remembers why it failed.
struct Watched<'a, R> {
    reader: R,
    failure: &'a RefCell<Option<io::Error>>,
}

impl<R: Read> Watched<'_, R> {
    /// The first header of a capture: the parser wants it whole at once, and a pipe gives what it has.
    fn start(&mut self, format: Format) -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        self.by_ref().take(if format == Format::Pcap { 24 } else { 12 }).read_to_end(&mut start)?;
        if let (Format::Pcapng, Some(order)) = (format, start.get(8..12)) {
            let len = [start[4], start[5], start[6], start[7]];
            let big = order == [0x1A, 0x2B, 0x3C, 0x4D];
            let len = if big { u32::from_be_bytes(len) } else { u32::from_le_bytes(len) };
            let more = u64::from(len).min(ROOM as u64 / 2).saturating_sub(12);
            self.by_ref().take(more).read_to_end(&mut start)?;
        }
        Ok(start)
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buf) {
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let copy = io::Error::new(error.kind(), error.to_string());
                    self.failure.replace(Some(error));
                    return Err(copy);
                }
            }
        }
    }
}

fn walk(
    reader: &mut dyn PcapReaderIterator,
    each: &mut dyn FnMut(Packet<'_>) -> io::Result<()>,
) -> Result<(), Stopped> {
    let mut section = Section::default();
    let mut number = 0;
    loop {
        match reader.next() {
            Ok((len, block)) => {
                if let Some(packet) = section.take(&block, number + 1)? {
                    number += 1;
                    each(packet).map_err(Stopped::Unwanted)?;
                }
                drop(block);
                reader.consume(len);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => {
                let before = reader.data().len();
                reader.refill().map_err(|why| describe(&why, number))?;
                // The parser would ask for ever if there was room for nothing.
                if reader.data().len() == before && !reader.reader_exhausted() {
                    return Err(describe(&PcapError::<&[u8]>::BufferTooSmall, number));
                }
            }
            Err(why) => return Err(describe(&why, number)),
        }
    }
}

fn describe<I: AsRef<[u8]> + fmt::Debug>(why: &PcapError<I>, number: u64) -> Stopped {
    let why = match why {
        PcapError::Incomplete(_) | PcapError::UnexpectedEof | PcapError::Eof => "it ends there",
        PcapError::BufferTooSmall => "a length beyond any packet",
        PcapError::HeaderNotRecognized => "another format",
        PcapError::ReadError => "it cannot be read",
        PcapError::NomError(..) | PcapError::OwnedNomError(..) => "a header that makes no sense",
    };
    Stopped::Damaged(format!("damaged behind packet {number}: {why}"))
}

/// What the headers of a capture say of the packets behind them.
#[derive(Default)]
struct Section {
    nanoseconds: bool,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// Ticks in a second.
    ticks: u128,
    digits: usize,
    /// Seconds to be added.
    offset: i64,
}

impl Section {
    fn take<'a>(
        &mut self,
        block: &'a PcapBlockOwned<'_>,
        number: u64,
    ) -> Result<Option<Packet<'a>>, Stopped> {
        let (interface, ticks, bytes) = match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.nanoseconds = header.is_nanosecond_precision();
                self.interfaces = vec![Interface::legacy(header.network, self.nanoseconds)];
                return Ok(None);
            }
            PcapBlockOwned::Legacy(packet) => {
                let interface = self.interface(0, number)?;
                let time = Time {
                    seconds: packet.ts_sec.into(),
                    // A damaged file may say more than a second has.
                    nanos: if self.nanoseconds {
                        packet.ts_usec.min(999_999_999)
                    } else {
                        packet.ts_usec.min(999_999) * 1000
                    },
                    digits: interface.digits,
                };
                let (time, link) = (Some(time), interface.link);
                return Ok(Some(Packet { number, time, link, bytes: packet.data }));
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                return Ok(None);
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(described)) => {
                if self.interfaces.len() >= INTERFACES {
                    return Err(Stopped::Damaged(format!("more than {INTERFACES} interfaces")));
                }
                self.interfaces.push(Interface::described(described));
                return Ok(None);
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                (packet.if_id, Some(ticks), packet.packet_data())
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => (0, None, packet.packet_data()),
            PcapBlockOwned::NG(_) => return Ok(None),
        };
        let interface = self.interface(interface, number)?;
        let time = ticks.map(|ticks| interface.time(ticks));
        Ok(Some(Packet { number, time, link: interface.link, bytes }))
    }

    fn interface(&self, number: u32, packet: u64) -> Result<Interface, Stopped> {
        let found = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number));
        found.copied().ok_or_else(|| {
            let why = format!("damaged at packet {packet}: no interface {number}");
            Stopped::Damaged(why)
        })
    }
}

impl Interface {
    fn legacy(link: Linktype, nanoseconds: bool) -> Interface {
        let digits = if nanoseconds { 9 } else { 6 };
        Interface { link, ticks: 10u128.pow(digits as u32), digits, offset: 0 }
    }

    fn described(block: &InterfaceDescriptionBlock<'_>) -> Interface {
        // The first bit says whether the rest counts powers of two or of ten.
        let power = u32::from(block.if_tsresol & 0x7F);
        let (ticks, digits) = match block.if_tsresol & 0x80 {
            0 => (10u128.checked_pow(power), power.clamp(0, 9)),
            _ => (2u128.checked_pow(power), (power * 3).div_ceil(10).clamp(0, 9)),
        };
        Interface {
            link: block.linktype,
            ticks: ticks.unwrap_or(u128::MAX),
            digits: digits as usize,
            offset: block.if_tsoffset,
        }
    }

    fn time(&self, ticks: u64) -> Time {
        let (seconds, part) = (u128::from(ticks) / self.ticks, u128::from(ticks) % self.ticks);
        let nanos = match part.checked_mul(NANOS) {
            Some(product) => product / self.ticks,
            None => 0,
        };
        Time {
            seconds: seconds as i128 + i128::from(self.offset),
            nanos: nanos as u32,
            digits: self.digits,
        }
    }
}

/// As RFC 3339 has it, with as many digits as the capture is precise; seconds since 1970 with an `@`
/// before them where the year would not have four digits.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i128 = 86_400;
        // From 1970 to the end of the year 9999.
        if !(0..253_402_300_800).contains(&self.seconds) {
            return write!(f, "@{}", self.seconds);
        }
        let (year, month, day) = civil((self.seconds / DAY) as u32);
        let second = self.seconds % DAY;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.digits > 0 {
            let nanos = format!("{:09}", self.nanos);
            write!(f, ".{}", &nanos[..self.digits.min(nanos.len())])?;
        }
        write!(f, "Z")
    }
}

/// Year, month and day of a day counted from 1 January 1970. Years are taken to begin in March, so that
/// the leap day is the last and the months before it have 153 days in every five.
fn civil(day: u32) -> (u32, u32, u32) {
    let day = day + 719_468; // from 1 March of the year 0
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let in_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * era + year + next, month, in_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(seconds: i128, nanos: u32, digits: usize) -> String {
        Time { seconds, nanos, digits }.to_string()
    }

    #[test]
    fn a_time_is_printed_as_the_calendar_has_it() {
        assert_eq!(show(0, 0, 6), "1970-01-01T00:00:00.000000Z");
        assert_eq!(show(951_782_399, 999_999_999, 9), "2000-02-28T23:59:59.999999999Z");
        assert_eq!(show(951_782_400, 0, 0), "2000-02-29T00:00:00Z");
        assert_eq!(show(4_107_542_400, 1_500_000, 6), "2100-03-01T00:00:00.001500Z");
        assert_eq!(show(253_402_300_799, 0, 0), "9999-12-31T23:59:59Z");
        assert_eq!(show(253_402_300_800, 0, 6), "@253402300800");
        assert_eq!(show(-1, 0, 6), "@-1");
    }

    #[test]
    fn a_tick_may_be_a_power_of_ten_or_of_two() {
        let interface = |ticks, digits| Interface { link: Linktype(1), ticks, digits, offset: 1 };
        assert_eq!(interface(1000, 3).time(1500).to_string(), "1970-01-01T00:00:02.500Z");
        assert_eq!(interface(1 << 10, 3).time(1536).to_string(), "1970-01-01T00:00:02.500Z");
        assert_eq!(interface(u128::MAX, 9).time(7).to_string(), "1970-01-01T00:00:01.000000000Z");
    }
}
