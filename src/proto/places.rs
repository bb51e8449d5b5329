//! Where a set is heard: the well-known file of names and addresses (thesis VI.B.2), and a rule for the rest.
//!
//! A name that nobody listed gets an address of its own inside 239.192.0.0/14, the organization-local scope of
//! RFC 2365: the first 18 bits of the SHA-256 of the name, so that all hosts find the same one unasked. Two names may
//! meet at one address; messages bear their names, so that costs only what each hears of the other.

use crate::name::GroupName;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// First address of those that are derived.
const BASE: u32 = u32::from_be_bytes([239, 192, 0, 0]);
/// How many bits a name decides.
const BITS: u32 = 18;

/// The addresses of sets by their names.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Places {
    known: BTreeMap<GroupName, SocketAddrV4>,
    port: u16,
}

impl Places {
    /// The listed addresses; derived ones have this port.
    pub fn new(known: BTreeMap<GroupName, SocketAddrV4>, port: u16) -> Places {
        Places { known, port }
    }

    /// The set of this name is heard there, whatever was listed.
    pub fn set(&mut self, name: GroupName, address: SocketAddrV4) {
        self.known.insert(name, address);
    }

    /// Where the set of this name is heard: an IP multicast address, or that of an mcaster.
    pub fn of(&self, name: &GroupName) -> SocketAddrV4 {
        self.known.get(name).copied().unwrap_or_else(|| derived(name, self.port))
    }
}

fn derived(name: &GroupName, port: u16) -> SocketAddrV4 {
    let hash = Sha256::digest(name.as_bytes());
    let first = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    SocketAddrV4::new(Ipv4Addr::from(BASE | first >> (32 - BITS)), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_listed_has_an_address_that_all_hosts_find() {
        let mut places = Places::new(BTreeMap::new(), 2900);
        let name: GroupName = "spanagel".parse().unwrap();
        let derived = places.of(&name);
        assert_eq!(derived.ip().octets()[0], 239);
        assert!((192..196).contains(&derived.ip().octets()[1]));
        assert_eq!(derived, Places::new(BTreeMap::new(), 2900).of(&name));
        places.set(name, "239.1.2.3:2900".parse().unwrap());
        assert_eq!(places.of(&name), "239.1.2.3:2900".parse().unwrap());
    }
}
