//! The trailer: the last 40 bytes of the data of a signed message, big-endian.
//!
//! ```text
//!  0        4        8                16               24                               40
//!  | "msA1" | key id | boot time      | sequence       | MAC, 16 bytes                  |
//!
//!  MAC = the first 16 bytes of HMAC-SHA-256 (RFC 2104, RFC 6234), under the key, of
//!
//!  0            4      6      8             12           16                     n-16 of the datagram
//!  | sender's   | port | 0000 | bytes 0 - 3 | 00000000   | bytes 8 to the trailer's sequence |
//!  | IPv4 addr. |      |      |             | (checksum) |                                   |
//! ```
//!
//! Address and port are those that the receiver sees, or finds in the prefix of an mcaster, so a signed message
//! is worth nothing under another address. The checksum is not covered because it is made last, over the finished
//! datagram, and tells damage from forgery for the counters; everything else is covered, padding included.

use super::keys::Key;
use crate::wire::checksum;
use byteorder::{BigEndian, ByteOrder};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::net::SocketAddrV4;

/// Length of the trailer in bytes: what signing adds to a message.
pub const TRAILER_LEN: usize = 40;
/// Length of the MAC in bytes.
pub const MAC_LEN: usize = 16;
/// What a trailer begins with: `msA1`.
pub const MAGIC: u32 = u32::from_be_bytes(*b"msA1");
/// What the pseudo-header has: address, port, two bytes of zero.
const PSEUDO_LEN: usize = 8;

/// What a trailer says. It is a claim until a [`Guard`](super::Guard) has found the MAC right.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Trailer {
    /// Which key signed.
    pub key: u32,
    /// The sender's life: a number that no other life of the same address and port has.
    pub boot: u64,
    /// Place of the message in that life, from 1.
    pub sequence: u64,
    /// The MAC.
    pub mac: [u8; MAC_LEN],
}

impl Trailer {
    /// Splits the data of a message into what the sender meant and its trailer, if there is one.
    ///
    /// The data of an unsigned message might end like a trailer by chance, once in 2^32; its MAC is then wrong.
    pub fn split(data: &[u8]) -> (&[u8], Option<Trailer>) {
        let Some((payload, trailer)) = data.split_last_chunk::<TRAILER_LEN>() else {
            return (data, None);
        };
        if BigEndian::read_u32(&trailer[0..]) != MAGIC {
            return (data, None);
        }
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(&trailer[TRAILER_LEN - MAC_LEN..]);
        let trailer = Trailer {
            key: BigEndian::read_u32(&trailer[4..]),
            boot: BigEndian::read_u64(&trailer[8..]),
            sequence: BigEndian::read_u64(&trailer[16..]),
            mac,
        };
        (payload, Some(trailer))
    }

    /// Whether `key` made this trailer, of this datagram, for this sender. The comparison takes the
    /// same time wherever the difference is.
    pub(super) fn verifies(&self, key: &Key, sender: SocketAddrV4, datagram: &[u8]) -> bool {
        let covered = &datagram[..datagram.len() - MAC_LEN];
        hmac(key, sender, covered).verify_truncated_left(&self.mac).is_ok()
    }
}

/// Puts the trailer behind a message whose `data_len` allows for it already, and the checksum in.
pub(super) fn append(
    datagram: &mut Vec<u8>,
    key: &Key,
    boot: u64,
    sequence: u64,
    sender: SocketAddrV4,
) {
    let mut fields = [0; TRAILER_LEN - MAC_LEN];
    BigEndian::write_u32(&mut fields[0..], MAGIC);
    BigEndian::write_u32(&mut fields[4..], key.id());
    BigEndian::write_u64(&mut fields[8..], boot);
    BigEndian::write_u64(&mut fields[16..], sequence);
    datagram.extend_from_slice(&fields);
    let mac = hmac(key, sender, datagram).finalize().into_bytes();
    datagram.extend_from_slice(&mac[..MAC_LEN]);
    let sum = checksum::compute(datagram);
    BigEndian::write_u32(&mut datagram[checksum::FIELD], sum);
}

/// The HMAC of a datagram that ends where its MAC begins.
fn hmac(key: &Key, sender: SocketAddrV4, covered: &[u8]) -> Hmac<Sha256> {
    let mut pseudo = [0; PSEUDO_LEN];
    pseudo[..4].copy_from_slice(&sender.ip().octets());
    BigEndian::write_u16(&mut pseudo[4..], sender.port());
    Hmac::<Sha256>::new_from_slice(key.secret())
        .expect("HMAC takes a key of any length")
        .chain_update(pseudo)
        .chain_update(&covered[..checksum::FIELD.start])
        .chain_update([0; 4])
        .chain_update(&covered[checksum::FIELD.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_without_the_magic_has_no_trailer() {
        for len in [0, 1, TRAILER_LEN - 1, TRAILER_LEN, 200] {
            let data = vec![0x6D; len];
            assert_eq!(Trailer::split(&data), (&data[..], None));
        }
    }

    #[test]
    fn the_trailer_is_the_last_40_bytes() {
        let mut data = b"payload".to_vec();
        data.extend_from_slice(
            b"msA1\0\0\0\x07\0\0\0\0\0\0\x01\x02\xff\xff\xff\xff\xff\xff\xff\xfe",
        );
        data.extend_from_slice(&[0xAB; MAC_LEN]);
        let (payload, trailer) = Trailer::split(&data);
        assert_eq!(payload, b"payload");
        let expected =
            Trailer { key: 7, boot: 0x102, sequence: u64::MAX - 1, mac: [0xAB; MAC_LEN] };
        assert_eq!(trailer, Some(expected));
    }

    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        // Test case 2 of the RFC, whose key is shorter than ours may be: the crate is what it says it is.
        let mac = Hmac::<Sha256>::new_from_slice(b"Jefe")
            .unwrap()
            .chain_update(b"what do ya want for nothing?")
            .finalize()
            .into_bytes();
        assert_eq!(mac[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
    }
}
