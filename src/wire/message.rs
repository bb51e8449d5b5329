//! A message: the 88-byte header, two lists of gids, data (Figure 13; WIRE.md Part A section 2).
//!
//! [`Message`] borrows the datagram that it was decoded from, [`Draft`] borrows what it is made of: neither
//! direction allocates. What departs from 1994: padding, pointer fields and the bytes behind the name are sent
//! as zero and ignored on receipt, a header that declares another length than arrived is refused, and the
//! checksum is one (see [`checksum`]).

use super::checksum::{self, Checksum};
use super::error::WireError;
use super::fragment::MAX_WHOLE;
use super::table::Kind;
use super::{HEADER_LEN, VERSION};
use crate::name::{Gid, GroupName, Rank};
use byteorder::{BigEndian, ByteOrder};
use std::net::Ipv4Addr;

/// The fields of the fixed part that mean something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// Core-set or group that the message is about.
    pub group: GroupName,
    /// Low 16 bits of the view number.
    pub view: u16,
    /// The group's number of the thesis; compared, and no security.
    pub authentication: u32,
    /// Sender's gid.
    pub sender: Gid,
    /// The `msg_type` field, see [`Header::kind`].
    pub code: u16,
    /// Gid of whom the message is about, or to.
    pub subject: Gid,
    /// Address of the subject; stale in messages of an original.
    pub subject_addr: Ipv4Addr,
    /// Rank of the subject; stale in messages of an original.
    pub subject_rank: Rank,
}

impl Header {
    /// A header with everything but group and type zero.
    pub fn new(group: GroupName, kind: Kind) -> Header {
        Header {
            group,
            view: 0,
            authentication: 0,
            sender: Gid(0),
            code: kind.code(),
            subject: Gid(0),
            subject_addr: Ipv4Addr::UNSPECIFIED,
            subject_rank: Rank(0),
        }
    }

    /// The message type, or `None` for a code without a meaning.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_code(self.code)
    }
}

/// A list of gids as it lies in a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gids<'a>(&'a [u8]);

impl<'a> Gids<'a> {
    /// The gids in the order of the wire. An original sends its lists in the reverse order of their
    /// making, so the order means nothing.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Gid> + 'a {
        self.0.chunks_exact(2).map(|pair| Gid(BigEndian::read_u16(pair)))
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether `gid` is among them.
    pub fn contains(self, gid: Gid) -> bool {
        self.iter().any(|g| g == gid)
    }
}

/// A decoded message, borrowing its datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// The fixed part.
    pub header: Header,
    /// The exclude list.
    pub exclude: Gids<'a>,
    /// The subject list.
    pub subjects: Gids<'a>,
    /// Whatever the type has to say beyond that.
    pub data: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a datagram. Its structure is checked, its checksum is not: see [`Message::receive`].
    ///
    /// # Errors
    /// Too short, another version, a name without NUL, or a header that declares more or less than
    /// arrived, except where originals send garbage in `data_len`
    /// ([`Kind::data_len_may_be_garbage`]): an 88-byte message of these types is read without data.
    pub fn decode(datagram: &'a [u8]) -> Result<Message<'a>, WireError> {
        let Some((head, rest)) = datagram.split_at_checked(HEADER_LEN) else {
            return Err(WireError::Short { have: datagram.len(), need: HEADER_LEN });
        };
        let header = decode_header(head)?;
        let exclude = 2 * usize::from(BigEndian::read_u16(&head[68..]));
        let subjects = 2 * usize::from(BigEndian::read_u16(&head[76..]));
        let mut data = BigEndian::read_u32(&head[84..]);
        let lists = exclude + subjects;
        let garbage = header.kind().is_some_and(Kind::data_len_may_be_garbage);
        if rest.is_empty() && lists == 0 && garbage {
            data = 0;
        }
        let have = datagram.len();
        let need = (HEADER_LEN + lists) as u64 + u64::from(data);
        if (have as u64) < need {
            return Err(WireError::Truncated { have, need });
        }
        if (have as u64) > need {
            return Err(WireError::Trailing { have, need });
        }
        let (exclude, rest) = rest.split_at(exclude);
        let (subjects, data) = rest.split_at(subjects);
        Ok(Message { header, exclude: Gids(exclude), subjects: Gids(subjects), data })
    }

    /// Reads a datagram and checks its checksum; one without a checksum is accepted only where
    /// `unchecked` says so.
    ///
    /// # Errors
    /// As [`Message::decode`], and a checksum that is wrong, or missing where it may not.
    pub fn receive(datagram: &'a [u8], unchecked: bool) -> Result<Message<'a>, WireError> {
        let message = Message::decode(datagram)?;
        match checksum::check(datagram) {
            Checksum::Good => Ok(message),
            Checksum::None if unchecked => Ok(message),
            Checksum::None => Err(WireError::Unchecked),
            Checksum::Bad { found, computed } => Err(WireError::Checksum { found, computed }),
        }
    }

    /// The message type, or `None` for a code without a meaning.
    pub fn kind(&self) -> Option<Kind> {
        self.header.kind()
    }
}

fn decode_header(head: &[u8]) -> Result<Header, WireError> {
    let version = BigEndian::read_u16(head);
    if version != VERSION {
        return Err(WireError::Version(version));
    }
    let mut field = [0; GroupName::FIELD];
    field.copy_from_slice(&head[8..40]);
    Ok(Header {
        group: GroupName::from_field(&field).ok_or(WireError::Name)?,
        view: BigEndian::read_u16(&head[40..]),
        authentication: BigEndian::read_u32(&head[44..]),
        sender: Gid(BigEndian::read_u16(&head[48..])),
        code: BigEndian::read_u16(&head[50..]),
        subject: Gid(BigEndian::read_u16(&head[52..])),
        subject_addr: Ipv4Addr::new(head[56], head[57], head[58], head[59]),
        subject_rank: Rank(BigEndian::read_u16(&head[60..])),
    })
}

/// What goes into the checksum field of a message that is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sum {
    /// `0000FFFF`, as the originals write it.
    None,
    /// The CRC-32C.
    Crc,
}

/// A message to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The fixed part.
    pub header: Header,
    /// The exclude list.
    pub exclude: &'a [Gid],
    /// The subject list.
    pub subjects: &'a [Gid],
    /// Whatever the type has to say beyond that.
    pub data: &'a [u8],
}

impl<'a> Draft<'a> {
    /// A message that is its header and nothing else.
    pub fn bare(header: Header) -> Draft<'a> {
        Draft { header, exclude: &[], subjects: &[], data: &[] }
    }

    /// Bytes on the wire.
    pub fn encoded_len(&self) -> usize {
        HEADER_LEN + 2 * (self.exclude.len() + self.subjects.len()) + self.data.len()
    }

    /// Writes the message to the front of `buf`, whatever is in it, and says how many bytes it has.
    ///
    /// # Errors
    /// [`WireError::Oversized`] if it does not fit `buf`, the largest whole that can travel in fragments, or a
    /// list its 16-bit length. `buf` is then as it was.
    pub fn encode(&self, buf: &mut [u8], sum: Sum) -> Result<usize, WireError> {
        let len = self.encoded_len();
        let longest = self.exclude.len().max(self.subjects.len());
        for (have, most) in [(len, buf.len().min(MAX_WHOLE)), (longest, usize::from(u16::MAX))] {
            if have > most {
                return Err(WireError::Oversized { have, most });
            }
        }
        let (head, rest) = buf[..len].split_at_mut(HEADER_LEN);
        self.encode_header(head);
        let (exclude, rest) = rest.split_at_mut(2 * self.exclude.len());
        let (subjects, data) = rest.split_at_mut(2 * self.subjects.len());
        encode_gids(exclude, self.exclude);
        encode_gids(subjects, self.subjects);
        data.copy_from_slice(self.data);
        let sum = match sum {
            Sum::None => checksum::NONE,
            Sum::Crc => checksum::compute(&buf[..len]),
        };
        BigEndian::write_u32(&mut buf[checksum::FIELD], sum);
        Ok(len)
    }

    /// The message as a datagram of its own, for what is sent too rarely to keep a buffer for.
    ///
    /// # Errors
    /// As [`Draft::encode`].
    pub fn to_vec(&self, sum: Sum) -> Result<Vec<u8>, WireError> {
        let mut datagram = vec![0; self.encoded_len()];
        self.encode(&mut datagram, sum)?;
        Ok(datagram)
    }

    fn encode_header(&self, head: &mut [u8]) {
        let h = &self.header;
        head.fill(0);
        BigEndian::write_u16(head, VERSION);
        head[8..40].copy_from_slice(h.group.field());
        BigEndian::write_u16(&mut head[40..], h.view);
        BigEndian::write_u32(&mut head[44..], h.authentication);
        BigEndian::write_u16(&mut head[48..], h.sender.0);
        BigEndian::write_u16(&mut head[50..], h.code);
        BigEndian::write_u16(&mut head[52..], h.subject.0);
        head[56..60].copy_from_slice(&h.subject_addr.octets());
        BigEndian::write_u16(&mut head[60..], h.subject_rank.0);
        // The lengths were checked to fit their fields.
        BigEndian::write_u16(&mut head[68..], self.exclude.len() as u16);
        BigEndian::write_u16(&mut head[76..], self.subjects.len() as u16);
        BigEndian::write_u32(&mut head[84..], self.data.len() as u32);
    }
}

fn encode_gids(field: &mut [u8], gids: &[Gid]) {
    for (pair, gid) in field.chunks_exact_mut(2).zip(gids) {
        BigEndian::write_u16(pair, gid.0);
    }
}
