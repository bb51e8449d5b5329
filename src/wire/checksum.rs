//! The checksum field (offset 4): CRC-32C of the whole message with the field itself zero.
//!
//! The originals write the constant `0000FFFF` there and check nothing (WIRE.md, Part A section 9), so
//! that value keeps its meaning, "none": a sum that happens to be `0000FFFF` is sent as `0001FFFF`.

/// What an original C program writes: no checksum.
pub const NONE: u32 = 0x0000_FFFF;
/// Stands for a sum that happens to be [`NONE`].
const ALIAS: u32 = 0x0001_FFFF;
/// Where the field lies.
pub(super) const FIELD: std::ops::Range<usize> = 4..8;

/// What a message's checksum field says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// `0000FFFF`: sent by an original, says nothing.
    None,
    /// The sum is there and right.
    Good,
    /// The message was damaged, or never was one: the sum found, and the one it should be.
    Bad {
        /// The field as received.
        found: u32,
        /// The CRC-32C of what was received.
        computed: u32,
    },
}

/// The value for the field of this message, whose own four bytes count as zero. `message` must be
/// at least a header long.
pub fn compute(message: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&message[..FIELD.start]);
    let sum = crc32c::crc32c_append(sum, &[0; 4]);
    match crc32c::crc32c_append(sum, &message[FIELD.end..]) {
        NONE => ALIAS,
        sum => sum,
    }
}

/// Judges a message of at least a header's length.
pub fn check(message: &[u8]) -> Checksum {
    let found = u32::from_be_bytes([message[4], message[5], message[6], message[7]]);
    if found == NONE {
        return Checksum::None;
    }
    match compute(message) {
        computed if computed == found => Checksum::Good,
        computed => Checksum::Bad { found, computed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_crc_32c() {
        // The check value of the Castagnoli polynomial, as in RFC 3720 and every catalogue of CRCs.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn the_field_does_not_count() {
        let mut message = [7u8; 100];
        let sum = compute(&message);
        message[FIELD].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(compute(&message), sum);
        assert_eq!(check(&message), Checksum::Good);
        message[99] ^= 1;
        assert!(matches!(check(&message), Checksum::Bad { .. }));
        message[FIELD].copy_from_slice(&NONE.to_be_bytes());
        assert_eq!(check(&message), Checksum::None);
    }
}
