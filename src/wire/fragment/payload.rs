//! What lies in the data of a FRAGMENT message.
//!
//! ```text
//!  0      1      2       4          8                  16         20      22      24                40
//!  +------+------+-------+----------+------------------+----------+-------+-------+-----------------+
//!  | kind | op   | count | total    | id of the whole  | round    | index | zero  | digest          |
//!  |  4   |      |       | bytes    |                  |          |       |       | 16 bytes        |
//!  +------+------+-------+----------+------------------+----------+-------+-------+-----------------+
//!  | op 0 PART     the bytes of part `index`; a round other than 0 asks for a report                |
//!  | op 1 MISSING  a bit for each part, set if it is missing; spare bits zero; for that round       |
//!  | op 2 RECEIVED nothing                                                                          |
//!  +------------------------------------------------------------------------------------------------+
//! ```
//!
//! All of it big-endian. `id` is unique for its sender, `digest` the first 16 bytes of the SHA-256 of the
//! whole; count, total and digest are the same in every fragment and report of a whole. Part i of n holds
//! the bytes from `i * total / n` to `(i + 1) * total / n`, so count and total alone say how long every
//! part is and where it belongs: two parts cannot overlap. `index` is zero in reports. Bytes behind a
//! report are ignored, a later version may add some; behind a PART there can be none.

use super::{MAX_PARTS, MAX_WHOLE, MIN_PART, Parts};
use crate::wire::{HEADER_LEN, WireError};
use byteorder::{BigEndian, ByteOrder};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The payload kind byte of transport matters: the first byte of the data of a FRAGMENT.
pub const KIND: u8 = 4;
/// Bytes before those of the part or the report.
pub(super) const FIXED: usize = 40;
const DIGEST: usize = 16;

/// What a fragment is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Op {
    /// A part of a whole.
    Part = 0,
    /// A report: these parts are missing.
    Missing = 1,
    /// A report: the whole is here.
    Received = 2,
}

/// What every fragment says of its whole; the ranges are those that [`Fragment::decode`] lets pass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WholeId {
    /// Number of the whole, unique for its sender over restarts.
    pub id: u64,
    /// Bytes of the whole, 128 to [`MAX_WHOLE`].
    pub total: u32,
    /// Parts of the whole, 2 to [`MAX_PARTS`].
    pub count: u16,
    /// First 16 bytes of the SHA-256 of the whole.
    pub digest: [u8; DIGEST],
}

impl WholeId {
    /// Where part `index` belongs in the whole.
    pub fn range(&self, index: u16) -> Range<usize> {
        let cut = |i: u64| (i * u64::from(self.total) / u64::from(self.count)) as usize;
        cut(u64::from(index))..cut(u64::from(index) + 1)
    }

    /// Whether these are bytes that the digest was made of.
    pub(super) fn is_digest_of(&self, whole: &[u8]) -> bool {
        digest(whole) == self.digest
    }
}

/// The digest of a whole.
pub(super) fn digest(whole: &[u8]) -> [u8; DIGEST] {
    let sum = Sha256::digest(whole);
    let mut first = [0; DIGEST];
    first.copy_from_slice(&sum[..DIGEST]);
    first
}

/// A part of a whole, borrowing its datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part<'a> {
    /// The whole that it is a part of.
    pub whole: WholeId,
    /// Which part it is, less than `whole.count`.
    pub index: u16,
    /// The round that ends with this part: a report is asked for. Zero asks nothing.
    pub round: u32,
    /// The bytes of `whole.range(index)`.
    pub bytes: &'a [u8],
}

/// What a receiver says of a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The whole that it is about.
    pub whole: WholeId,
    /// The round that it answers; zero if the whole was complete without a question.
    pub round: u32,
    /// What is missing; empty means that the whole was received.
    pub missing: Parts,
}

/// The data of a FRAGMENT message, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fragment<'a> {
    /// For [`Receiving::part`](super::Receiving::part).
    Part(Part<'a>),
    /// For [`Sending::report`](super::Sending::report).
    Report(Report),
}

impl<'a> Fragment<'a> {
    /// Reads the data of a FRAGMENT message, any trailer already taken off. Does not allocate for a part,
    /// and a bit for each part for a report.
    ///
    /// # Errors
    /// [`WireError::Short`] if the fixed fields are not all there, else [`WireError::Payload`] with the field that
    /// does not make sense.
    pub fn decode(data: &'a [u8]) -> Result<Fragment<'a>, WireError> {
        let Some((fixed, rest)) = data.split_at_checked(FIXED) else {
            return Err(WireError::Short { have: data.len(), need: FIXED });
        };
        if fixed[0] != KIND {
            return Err(WireError::Payload("fragment: not of the transport kind"));
        }
        let whole = decode_whole(fixed)?;
        let round = BigEndian::read_u32(&fixed[16..]);
        let index = BigEndian::read_u16(&fixed[20..]);
        match fixed[1] {
            op if op == Op::Part as u8 => {
                if index >= whole.count {
                    return Err(WireError::Payload("fragment: index beyond count"));
                }
                if rest.len() != whole.range(index).len() {
                    return Err(WireError::Payload("fragment: length of the part"));
                }
                Ok(Fragment::Part(Part { whole, index, round, bytes: rest }))
            }
            op if op == Op::Missing as u8 => {
                let missing = rest
                    .get(..Parts::bytes_for(whole.count))
                    .and_then(|bits| Parts::from_bytes(bits, whole.count))
                    .filter(|missing| !missing.is_empty())
                    .ok_or(WireError::Payload("fragment: missing parts"))?;
                Ok(Fragment::Report(Report { whole, round, missing }))
            }
            op if op == Op::Received as u8 => {
                Ok(Fragment::Report(Report { whole, round, missing: Parts::none(whole.count) }))
            }
            _ => Err(WireError::Payload("fragment: operation")),
        }
    }
}

fn decode_whole(fixed: &[u8]) -> Result<WholeId, WireError> {
    let count = BigEndian::read_u16(&fixed[2..]);
    let total = BigEndian::read_u32(&fixed[4..]);
    let (parts, bytes) = (usize::from(count), total as usize);
    if !(2..=MAX_PARTS).contains(&parts) {
        return Err(WireError::Payload("fragment: count"));
    }
    if !(HEADER_LEN..=MAX_WHOLE).contains(&bytes) || bytes < parts * MIN_PART {
        return Err(WireError::Payload("fragment: total"));
    }
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(&fixed[24..FIXED]);
    Ok(WholeId { id: BigEndian::read_u64(&fixed[8..]), total, count, digest })
}

impl Part<'_> {
    /// The data of the message that carries the part.
    pub fn encode(&self) -> Vec<u8> {
        encode(Op::Part, &self.whole, self.round, self.index, self.bytes)
    }
}

impl Report {
    /// What the report is, by what it says.
    pub fn op(&self) -> Op {
        if self.missing.is_empty() { Op::Received } else { Op::Missing }
    }

    /// The data of the message that carries the report.
    pub fn encode(&self) -> Vec<u8> {
        let rest = if self.missing.is_empty() { &[] } else { self.missing.as_bytes() };
        encode(self.op(), &self.whole, self.round, 0, rest)
    }
}

fn encode(op: Op, whole: &WholeId, round: u32, index: u16, rest: &[u8]) -> Vec<u8> {
    let mut data = vec![0; FIXED + rest.len()];
    data[0] = KIND;
    data[1] = op as u8;
    BigEndian::write_u16(&mut data[2..], whole.count);
    BigEndian::write_u32(&mut data[4..], whole.total);
    BigEndian::write_u64(&mut data[8..], whole.id);
    BigEndian::write_u32(&mut data[16..], round);
    BigEndian::write_u16(&mut data[20..], index);
    data[24..FIXED].copy_from_slice(&whole.digest);
    data[FIXED..].copy_from_slice(rest);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: WholeId =
        WholeId { id: 0x0102_0304_0506_0708, total: 1001, count: 3, digest: [0xD1; 16] };

    #[test]
    fn a_part_is_laid_out_as_the_picture_says() {
        let bytes = [0xBB; 334];
        let data = Part { whole: WHOLE, index: 2, round: 5, bytes: &bytes }.encode();
        assert_eq!(data[..8], [4, 0, 0, 3, 0, 0, 0x03, 0xE9]);
        assert_eq!(data[8..16], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(data[16..24], [0, 0, 0, 5, 0, 2, 0, 0]);
        assert_eq!(data[24..40], [0xD1; 16]);
        assert_eq!(data[40..], bytes);
    }

    #[test]
    fn a_report_is_laid_out_as_the_picture_says() {
        let mut missing = Parts::none(3);
        missing.insert(1);
        let data = Report { whole: WHOLE, round: 7, missing }.encode();
        assert_eq!(data[..4], [4, 1, 0, 3]);
        assert_eq!(data[16..24], [0, 0, 0, 7, 0, 0, 0, 0]);
        assert_eq!(data[40..], [0b0100_0000]);
        let data = Report { whole: WHOLE, round: 7, missing: Parts::none(3) }.encode();
        assert_eq!((data[1], data.len()), (2, 40));
    }

    #[test]
    fn the_parts_of_a_whole_lie_side_by_side() {
        for (total, count) in [(128, 2), (129, 2), (1001, 3), (1 << 20, 16_384), (1 << 20, 777)] {
            let whole = WholeId { total, count, ..WHOLE };
            let mut end = 0;
            for index in 0..count {
                let range = whole.range(index);
                assert_eq!(range.start, end);
                assert!(range.len() >= MIN_PART);
                assert!(range.len() <= (total as usize).div_ceil(usize::from(count)));
                end = range.end;
            }
            assert_eq!(end, total as usize);
        }
    }

    fn each_op() -> [Vec<u8>; 3] {
        [
            Part { whole: WHOLE, index: 1, round: 0, bytes: &[7; 334] }.encode(),
            Report { whole: WHOLE, round: 1, missing: Parts::all(3) }.encode(),
            Report { whole: WHOLE, round: 1, missing: Parts::none(3) }.encode(),
        ]
    }

    #[test]
    fn what_is_encoded_is_decoded_and_every_truncation_is_refused() {
        for data in each_op() {
            let again = match Fragment::decode(&data).unwrap() {
                Fragment::Part(part) => part.encode(),
                Fragment::Report(report) => report.encode(),
            };
            assert_eq!(again, data);
            for len in 0..data.len() {
                assert!(Fragment::decode(&data[..len]).is_err(), "{len} of {} bytes", data.len());
            }
        }
    }

    #[test]
    fn a_part_may_not_be_longer_but_a_report_may_grow_in_later_versions() {
        let [mut part, mut missing, mut received] = each_op();
        part.push(0);
        missing.push(0xFF);
        received.push(0xFF);
        assert_eq!(
            Fragment::decode(&part),
            Err(WireError::Payload("fragment: length of the part"))
        );
        assert!(Fragment::decode(&missing).is_ok());
        assert!(Fragment::decode(&received).is_ok());
    }

    #[test]
    fn a_field_that_makes_no_sense_is_named() {
        let refused = |at: usize, value: &[u8], word: &'static str| {
            let [mut data, ..] = each_op();
            data[at..at + value.len()].copy_from_slice(value);
            assert_eq!(Fragment::decode(&data), Err(WireError::Payload(word)));
        };
        refused(0, &[1], "fragment: not of the transport kind");
        refused(1, &[3], "fragment: operation");
        refused(2, &[0, 0], "fragment: count");
        refused(2, &[0, 1], "fragment: count");
        refused(2, &[0x40, 1], "fragment: count");
        refused(4, &[0, 0, 0, 191], "fragment: total");
        refused(4, &[0, 0x10, 0, 1], "fragment: total");
        refused(20, &[0, 3], "fragment: index beyond count");
        refused(20, &[0, 0], "fragment: length of the part");
    }

    #[test]
    fn a_report_that_misses_nothing_or_what_is_not_there_is_refused() {
        let [_, data, _] = each_op();
        for bits in [0, 0b1111_0000, 0b0000_0001] {
            let mut data = data.clone();
            *data.last_mut().unwrap() = bits;
            let refused = Err(WireError::Payload("fragment: missing parts"));
            assert_eq!(Fragment::decode(&data), refused);
        }
    }
}
