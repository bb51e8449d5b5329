//! The 16 bytes that an mcaster puts before a message (Figure 53): whose message it is.
//!
//! ```text
//!  0       2       4               8                              16
//!  | 00 02 | port  | IPv4 address  | 8 bytes of zero              | the message, unchanged ...
//! ```
//!
//! It is the `sockaddr_in` of the sender as a big-endian machine lays it out (Figure 50): family first, no
//! length byte. The family must be `00 02`: an original passes the prefix to sendto() when it answers.

use super::error::WireError;
use byteorder::{BigEndian, ByteOrder};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Length of the prefix in bytes.
pub const LEN: usize = 16;
const FAMILY: u16 = 2;

/// Writes the prefix for a message that `sender` sent.
pub fn encode(sender: SocketAddrV4) -> [u8; LEN] {
    let mut prefix = [0; LEN];
    BigEndian::write_u16(&mut prefix[0..], FAMILY);
    BigEndian::write_u16(&mut prefix[2..], sender.port());
    prefix[4..8].copy_from_slice(&sender.ip().octets());
    prefix
}

/// Splits what came from an mcaster into the original sender and its message. The eight bytes
/// that an original leaves zero are not looked at.
pub fn decode(datagram: &[u8]) -> Result<(SocketAddrV4, &[u8]), WireError> {
    let Some((prefix, message)) = datagram.split_at_checked(LEN) else {
        return Err(WireError::Short { have: datagram.len(), need: LEN });
    };
    let family = BigEndian::read_u16(prefix);
    if family != FAMILY {
        return Err(WireError::Family(family));
    }
    let ip = Ipv4Addr::new(prefix[4], prefix[5], prefix[6], prefix[7]);
    Ok((SocketAddrV4::new(ip, BigEndian::read_u16(&prefix[2..])), message))
}

/// Whether a datagram looks like one that an mcaster has already relayed: the prefix, and behind
/// it a header of our version. A plain message of version 1 never does.
pub fn is_extended(datagram: &[u8]) -> bool {
    datagram.len() >= LEN + super::HEADER_LEN
        && BigEndian::read_u16(datagram) == FAMILY
        && datagram[8..LEN].iter().all(|&b| b == 0)
        && BigEndian::read_u16(&datagram[LEN..]) == super::VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_a_big_endian_sockaddr_in() {
        let sender = "10.94.0.14:2900".parse().unwrap();
        let prefix = encode(sender);
        assert_eq!(prefix, *b"\x00\x02\x0b\x54\x0a\x5e\x00\x0e\0\0\0\0\0\0\0\0");
        let mut datagram = prefix.to_vec();
        datagram.extend_from_slice(b"message");
        assert_eq!(decode(&datagram), Ok((sender, &b"message"[..])));
    }

    #[test]
    fn a_short_or_foreign_prefix_is_refused() {
        assert_eq!(decode(&[0; 15]), Err(WireError::Short { have: 15, need: 16 }));
        let mut little = encode("1.2.3.4:5".parse().unwrap());
        little[..2].copy_from_slice(&[2, 0]);
        assert_eq!(decode(&little), Err(WireError::Family(0x0200)));
    }
}
