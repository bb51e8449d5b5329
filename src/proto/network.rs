//! A network of IPv4 addresses, as an allow-list names it.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An address and the number of its bits that count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Network {
    base: u32,
    bits: u8,
}

impl Network {
    /// The network of `bits` (0 to 32, more count as 32) that `address` lies in.
    pub fn new(address: Ipv4Addr, bits: u8) -> Network {
        let bits = bits.min(32);
        Network { base: u32::from(address) & mask(bits), bits }
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.bits) == self.base
    }
}

fn mask(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.bits)
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Network, &'static str> {
        const ALLOWED: &str = "must be an IPv4 network such as 10.1.0.0/16, or one address";
        let (address, bits) = s.split_once('/').unwrap_or((s, "32"));
        let address: Ipv4Addr = address.parse().map_err(|_| ALLOWED)?;
        let bits: u8 = bits.parse().ok().filter(|&b| b <= 32).ok_or(ALLOWED)?;
        let network = Network::new(address, bits);
        if u32::from(address) != network.base {
            return Err("has bits set behind its mask, must name the network's first address");
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        let net: Network = "10.1.0.0/16".parse().unwrap();
        assert!(net.contains("10.1.255.1".parse().unwrap()));
        assert!(!net.contains("10.2.0.0".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("255.255.255.255".parse().unwrap()));
        let one: Network = "10.1.2.3".parse().unwrap();
        assert!(one.contains("10.1.2.3".parse().unwrap()));
        assert!(!one.contains("10.1.2.2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "10.1.0.0/33", "10.1.0.0/", "10.1.0.1/16", "::1", "a/8", "10.1.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
