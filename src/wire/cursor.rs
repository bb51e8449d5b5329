//! Numbers, addresses, strings and lists as they lie in the data of our own messages: big-endian, lengths explicit.
//!
//! Every count has its limit and is compared with what is there before anything is kept, so a message takes memory in
//! proportion to its length, and the length has an end.

use super::WireError;
use super::coreset::Life;
use crate::name::{Gid, GroupName, Incarnation};
use std::net::{Ipv4Addr, SocketAddrV4};

/// What reading comes to.
pub(super) type Read<T> = Result<T, WireError>;

/// A refusal with its word, `where: what`.
pub(super) const fn refuse<T>(word: &'static str) -> Read<T> {
    Err(WireError::Payload(word))
}

/// Longest string, in bytes.
pub(super) const MAX_STRING: usize = 255;

/// Most elements of a list, the least bytes of one, and the word for too many.
pub(super) struct Limit(pub usize, pub usize, pub &'static str);

/// Data as it grows. Counts are checked to be small before anything is written.
#[derive(Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    /// A name behind its length of one byte.
    pub fn group_name(&mut self, name: &GroupName) {
        self.short(name.as_bytes());
    }

    /// Bytes, at most 255, behind their length.
    pub fn short(&mut self, bytes: &[u8]) {
        self.u8(bytes.len() as u8);
        self.0.extend(bytes);
    }

    pub fn life(&mut self, life: &Life) {
        self.address(life.address);
        self.u32(life.inc.0);
    }

    pub fn addresses(&mut self, addresses: &[SocketAddrV4]) {
        self.u16(addresses.len() as u16);
        addresses.iter().for_each(|&address| self.address(address));
    }

    pub fn optional(&mut self, address: Option<SocketAddrV4>) {
        self.u8(address.is_some().into());
        address.into_iter().for_each(|address| self.address(address));
    }

    pub fn address(&mut self, address: SocketAddrV4) {
        self.0.extend(address.ip().octets());
        self.u16(address.port());
    }

    pub fn u8(&mut self, n: u8) {
        self.0.push(n);
    }

    pub fn u16(&mut self, n: u16) {
        self.0.extend(n.to_be_bytes());
    }

    pub fn u32(&mut self, n: u32) {
        self.0.extend(n.to_be_bytes());
    }

    pub fn u64(&mut self, n: u64) {
        self.0.extend(n.to_be_bytes());
    }
}

/// What is left of the data.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn gid(&mut self) -> Read<Gid> {
        Ok(Gid(self.u16()?))
    }

    pub fn life(&mut self) -> Read<Life> {
        Ok(Life { address: self.address()?, inc: Incarnation(self.u32()?) })
    }

    pub fn optional(&mut self) -> Read<Option<SocketAddrV4>> {
        if self.has()? { self.address().map(Some) } else { Ok(None) }
    }

    pub fn address(&mut self) -> Read<SocketAddrV4> {
        let ip = Ipv4Addr::from(self.array::<4>()?);
        Ok(SocketAddrV4::new(ip, self.u16()?))
    }

    /// A name behind its length of one byte.
    pub fn group_name(&mut self) -> Read<GroupName> {
        let len = self.u8()?.into();
        let bytes = self.take(len)?;
        let mut field = [0; GroupName::FIELD];
        if len > GroupName::MAX || bytes.contains(&0) {
            return refuse("name: length");
        }
        field[..len].copy_from_slice(bytes);
        match GroupName::from_field(&field) {
            Some(name) => Ok(name),
            None => refuse("name: length"),
        }
    }

    pub fn string(&mut self) -> Read<String> {
        // A length of one byte is at most this.
        const { assert!(MAX_STRING == u8::MAX as usize) };
        let len = self.u8()?.into();
        match std::str::from_utf8(self.take(len)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => refuse("string: not UTF-8"),
        }
    }

    /// A list whose count was read; refused before anything is kept if it cannot be.
    pub fn list<T>(
        &mut self,
        count: usize,
        Limit(most, least, word): Limit,
        element: impl Fn(&mut Reader<'a>) -> Read<T>,
    ) -> Read<Vec<T>> {
        if count > most {
            return refuse(word);
        }
        if count > self.0.len() / least {
            return refuse("length: ends too early");
        }
        (0..count).map(|_| element(self)).collect()
    }

    /// A count of 0 or 1.
    pub fn has(&mut self) -> Read<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => refuse("count: more than one"),
        }
    }

    pub fn u8(&mut self) -> Read<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Read<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        match self.0.split_first_chunk() {
            Some((first, rest)) => {
                self.0 = rest;
                Ok(*first)
            }
            None => refuse("length: ends too early"),
        }
    }

    pub fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        match self.0.split_at_checked(len) {
            Some((first, rest)) => {
                self.0 = rest;
                Ok(first)
            }
            None => refuse("length: ends too early"),
        }
    }
}
