//! The sender's side: a key, the own life, and a count of everything that was sent in it.

use super::keys::Key;
use super::trailer::{self, TRAILER_LEN};
use crate::wire::{MAX_DATAGRAM, Message, WireError};
use byteorder::{BigEndian, ByteOrder};
use std::net::SocketAddrV4;

/// Where the header has `data_len`.
const DATA_LEN: std::ops::Range<usize> = 84..88;

/// Signs what is sent. One for a process, whatever number of sockets and peers it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signer {
    key: Key,
    boot: u64,
    last: u64,
}

impl Signer {
    /// A signer at the start of a life.
    ///
    /// `boot` must differ from that of every other life of the same address and port: a second life under the
    /// same number would be taken for a replay of the first. The real-time clock at the start, in nanoseconds,
    /// does; it need not be right, nor later than the last time.
    pub fn new(key: Key, boot: u64) -> Signer {
        Signer { key, boot, last: 0 }
    }

    /// Signs with another key from now on; life and count go on.
    pub fn set_key(&mut self, key: Key) {
        self.key = key;
    }

    /// The number of the life.
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// Puts a trailer behind an encoded message that is sent from `own`, the address and port as the receivers
    /// see them, and corrects `data_len` and checksum.
    ///
    /// A message that is sent again must be sealed again, from its unsigned form: receivers take the same bytes
    /// for a replay. To several receivers at once the same bytes may go.
    ///
    /// # Errors
    /// The datagram is no message, or with [`TRAILER_LEN`] bytes more it is too large for a datagram.
    /// Message and count are then as they were.
    pub fn seal(&mut self, datagram: &mut Vec<u8>, own: SocketAddrV4) -> Result<(), WireError> {
        let data_len = Message::decode(datagram)?.data.len() + TRAILER_LEN;
        let have = datagram.len() + TRAILER_LEN;
        if have > MAX_DATAGRAM {
            return Err(WireError::Oversized { have, most: MAX_DATAGRAM });
        }
        self.count();
        // At most MAX_DATAGRAM.
        BigEndian::write_u32(&mut datagram[DATA_LEN], data_len as u32);
        trailer::append(datagram, &self.key, self.boot, self.last, own);
        Ok(())
    }

    /// Moves on to the next sequence number. Who has sent 2^64 - 1 messages begins another life, which
    /// its peers will ask to prove itself, rather than a number twice.
    fn count(&mut self) {
        match self.last.checked_add(1) {
            Some(next) => self.last = next,
            None => {
                self.boot = self.boot.wrapping_add(1);
                self.last = 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Trailer;
    use super::*;
    use crate::wire::{Draft, HEADER_LEN, Header, Kind, Sum};

    fn signer() -> Signer {
        Signer::new(Key::new(1, &[7; 16]).unwrap(), 41)
    }

    fn own() -> SocketAddrV4 {
        "192.0.2.1:2900".parse().unwrap()
    }

    fn query(data: &[u8]) -> Vec<u8> {
        let header = Header::new("ring".parse().unwrap(), Kind::Query);
        Draft { header, exclude: &[], subjects: &[], data }.to_vec(Sum::Crc).unwrap()
    }

    #[test]
    fn a_sealed_message_is_a_message_with_40_bytes_more() {
        let plain = query(b"data");
        let mut sealed = plain.clone();
        signer().seal(&mut sealed, own()).unwrap();
        assert_eq!(sealed.len(), plain.len() + TRAILER_LEN);
        let message = Message::receive(&sealed, false).unwrap();
        assert_eq!(message.header, Message::decode(&plain).unwrap().header);
        let (payload, trailer) = Trailer::split(message.data);
        assert_eq!(payload, b"data");
        let trailer = trailer.unwrap();
        assert_eq!((trailer.key, trailer.boot, trailer.sequence), (1, 41, 1));
    }

    #[test]
    fn no_message_and_no_room_leave_everything_as_it_was() {
        let mut signer = signer();
        let mut short = vec![0; 87];
        assert_eq!(signer.seal(&mut short, own()), Err(WireError::Short { have: 87, need: 88 }));
        assert_eq!(short, vec![0; 87]);
        let mut full = query(&vec![0; MAX_DATAGRAM - HEADER_LEN - TRAILER_LEN + 1]);
        let before = full.clone();
        let oversized = WireError::Oversized { have: MAX_DATAGRAM + 1, most: MAX_DATAGRAM };
        assert_eq!(signer.seal(&mut full, own()), Err(oversized));
        assert_eq!(full, before);
        let mut fits = query(&vec![0; MAX_DATAGRAM - HEADER_LEN - TRAILER_LEN]);
        signer.seal(&mut fits, own()).unwrap();
        assert_eq!(signer.last, 1);
    }

    #[test]
    fn garbage_in_the_length_of_an_original_is_not_signed() {
        let mut original = query(&[]);
        BigEndian::write_u32(&mut original[DATA_LEN], 0x0B54);
        signer().seal(&mut original, own()).unwrap();
        assert_eq!(Message::receive(&original, false).unwrap().data.len(), TRAILER_LEN);
    }

    #[test]
    fn a_life_whose_numbers_are_used_up_is_followed_by_another() {
        let mut signer = signer();
        signer.last = u64::MAX - 1;
        signer.count();
        assert_eq!((signer.boot, signer.last), (41, u64::MAX));
        signer.count();
        assert_eq!((signer.boot, signer.last), (42, 1));
    }
}
