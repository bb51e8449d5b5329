//! Where the fields of the fixed part lie: in our format, and in what the program of 1994 becomes when it is
//! built for another machine than the one it was written on.
//!
//! ```text
//!                  our format    little-endian   64-bit      64-bit little-endian
//!  fixed part      88 bytes      88              128         128
//!  authentication  44            44, 2 bytes     48, 8       48, 2 bytes
//!  sender_gid      48            48              56          56
//!  ...
//!  data_len        84            84, 2 bytes     120         120, 2 bytes
//! ```
//!
//! A C struct goes out as the machine has it, so a build with another byte order or longer pointers speaks
//! another format (WIRE.md, Part A section 8). Nobody can use such messages, but whoever looks at a
//! capture of them wants to be told what they are.

use crate::wire::checksum;
use crate::wire::{HEADER_LEN, Kind, VERSION};

/// A field of the fixed part, by its name in the C struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Version of the format.
    Vers,
    /// CRC-32C, or the constant that means none.
    Checksum,
    /// 32 bytes with a NUL.
    GroupName,
    /// Low half of the view number.
    GroupView,
    /// The group's number.
    Authentication,
    /// Gid of the sender.
    SenderGid,
    /// The code of THE TABLE.
    MsgType,
    /// Gid of the subject.
    SubjectGid,
    /// IPv4 address of the subject.
    SubjectAddr,
    /// Rank of the subject.
    SubjectRank,
    /// Number of gids in the exclude list.
    ExclListLen,
    /// Number of gids in the subject list.
    SubjListLen,
    /// Number of bytes in the data.
    DataLen,
}

impl Field {
    /// The fields in the order of the wire. The three pointers of the struct mean nothing and are not here.
    pub const ALL: [Field; 13] = [
        Field::Vers,
        Field::Checksum,
        Field::GroupName,
        Field::GroupView,
        Field::Authentication,
        Field::SenderGid,
        Field::MsgType,
        Field::SubjectGid,
        Field::SubjectAddr,
        Field::SubjectRank,
        Field::ExclListLen,
        Field::SubjListLen,
        Field::DataLen,
    ];

    /// Its name in the C struct, and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Vers => "vers",
            Field::Checksum => "checksum",
            Field::GroupName => "group_name",
            Field::GroupView => "group_view",
            Field::Authentication => "authentication",
            Field::SenderGid => "sender_gid",
            Field::MsgType => "msg_type",
            Field::SubjectGid => "subject_gid",
            Field::SubjectAddr => "subject_addr",
            Field::SubjectRank => "subject_rank",
            Field::ExclListLen => "excl_list_len",
            Field::SubjListLen => "subj_list_len",
            Field::DataLen => "data_len",
        }
    }
}

/// Where a build of the program puts the fields, and in which byte order.
#[derive(PartialEq, Eq, Debug)]
pub struct Layout {
    /// Whose it is, to follow "looks like".
    pub whose: &'static str,
    /// Length of the fixed part in bytes.
    pub len: usize,
    /// Whether the machine is little-endian. Most fields go through htons() and are big-endian all the
    /// same; those that the program forgot, or converts with the wrong width, are not.
    pub little: bool,
    /// Offsets in the order of [`Field::ALL`], each of the part that means something.
    at: [usize; 13],
}

/// Our format: the program on the machine it was written on.
pub static OURS: Layout = Layout {
    whose: "an original",
    len: HEADER_LEN,
    little: false,
    at: [0, 4, 8, 40, 44, 48, 50, 52, 56, 60, 68, 76, 84],
};

/// The other machines, those more often met first.
pub static FOREIGN: [Layout; 3] = [
    Layout {
        whose: "a little-endian 64-bit original (x86_64: fixed part of 128 bytes)",
        len: 128,
        little: true,
        at: [0, 4, 8, 40, 48, 56, 58, 60, 64, 72, 88, 104, 120],
    },
    Layout {
        whose: "a little-endian original (i386: fixed part of 88 bytes)",
        len: HEADER_LEN,
        little: true,
        at: OURS.at,
    },
    Layout {
        whose: "a big-endian 64-bit original (fixed part of 128 bytes)",
        len: 128,
        little: false,
        at: [0, 4, 8, 40, 52, 56, 58, 60, 68, 72, 88, 104, 120],
    },
];

impl Layout {
    /// The bytes of `message` in which `field` lies, first and one past the last.
    pub fn span(&self, field: Field) -> std::ops::Range<usize> {
        let width = match field {
            Field::GroupName => 32,
            // Converted with htons(): on a little-endian machine half of the number is gone, the other
            // half lies in the first two bytes.
            Field::Authentication | Field::DataLen if self.little => 2,
            Field::Checksum | Field::Authentication | Field::SubjectAddr | Field::DataLen => 4,
            _ => 2,
        };
        let at = self.at[field as usize];
        at..at + width
    }

    /// The field as a number; `None` for a field that is not wholly there and for the group name.
    pub fn number(&self, message: &[u8], field: Field) -> Option<u32> {
        let bytes = message.get(self.span(field))?;
        let swapped = self.little && matches!(field, Field::Vers | Field::Checksum);
        match bytes.len() {
            2 | 4 if swapped => Some(bytes.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b))),
            2 | 4 => Some(bytes.iter().fold(0, |n, &b| n << 8 | u32::from(b))),
            _ => None,
        }
    }

    /// The message type; `None` where the field is not there or the code means nothing.
    pub fn kind(&self, message: &[u8]) -> Option<Kind> {
        Kind::from_code(u16::try_from(self.number(message, Field::MsgType)?).ok()?)
    }

    /// A gid of a list: on a little-endian machine the program forgets to convert it.
    pub fn gid(&self, pair: [u8; 2]) -> u16 {
        if self.little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
    }

    /// Whether everything about a message speaks for this layout. A single field would be too weak a sign:
    /// most bytes of most messages are zero.
    fn fits(&self, message: &[u8]) -> bool {
        let number = |field| self.number(message, field).unwrap_or(0);
        let named = message.get(self.span(Field::GroupName)).is_some_and(|name| name.contains(&0));
        let Some(kind) = self.kind(message) else { return false };
        if message.len() < self.len
            || number(Field::Vers) != u32::from(VERSION)
            || number(Field::Checksum) != checksum::NONE
            || !named
        {
            return false;
        }
        let lists = 2 * (number(Field::ExclListLen) as usize + number(Field::SubjListLen) as usize);
        let need = (self.len + lists) as u64 + u64::from(number(Field::DataLen));
        let bare = message.len() == self.len && lists == 0 && kind.data_len_may_be_garbage();
        // A 64-bit big-endian one differs from ours in lengths only, and our own message with forty
        // zeros behind it would pass: type or sender must be where this layout has them.
        let apart = self.little
            || message.get(48..52) == Some(&[0; 4])
                && (kind != Kind::Query || number(Field::SenderGid) != 0);
        apart && (bare || need == message.len() as u64)
    }
}

/// The build that a message without sense in our format looks like, if any.
pub fn recognise(message: &[u8]) -> Option<&'static Layout> {
    FOREIGN.iter().find(|layout| layout.fits(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_layout_is_the_wires() {
        let at = |field| OURS.span(field);
        assert_eq!(at(Field::Checksum), 4..8);
        assert_eq!(at(Field::GroupName), 8..40);
        assert_eq!(at(Field::MsgType), 50..52);
        assert_eq!(at(Field::DataLen), 84..OURS.len);
        for pair in Field::ALL.windows(2) {
            assert!(at(pair[0]).end <= at(pair[1]).start);
        }
    }

    #[test]
    fn the_order_of_the_fields_is_that_of_their_numbers() {
        for (i, field) in Field::ALL.iter().enumerate() {
            assert_eq!(*field as usize, i);
        }
    }

    #[test]
    fn our_own_message_with_zeros_behind_it_is_nobody_elses() {
        let mut message = vec![0; 128];
        message[1] = 1;
        message[6..8].fill(0xFF);
        assert_eq!(recognise(&message), None);
    }
}
