//! The host's own addresses and networks.

use crate::proto::network::Network;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

/// An IPv4 address of an interface that is up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// The address.
    pub address: Ipv4Addr,
    /// The network that the address lies in.
    pub network: Network,
    /// It is the loopback interface.
    pub loopback: bool,
}

/// Every IPv4 address of this host.
///
/// # Errors
/// What getifaddrs(3) says.
pub fn all() -> io::Result<Vec<Interface>> {
    let mut found = Vec::new();
    for entry in getifaddrs()? {
        let ip = |a: Option<nix::sys::socket::SockaddrStorage>| {
            a.and_then(|a| a.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::ip))
        };
        let (Some(address), Some(mask)) = (ip(entry.address), ip(entry.netmask)) else { continue };
        if entry.flags.contains(InterfaceFlags::IFF_UP) {
            found.push(Interface {
                name: entry.interface_name,
                address,
                network: Network::new(address, u32::from(mask).count_ones() as u8),
                loopback: entry.flags.contains(InterfaceFlags::IFF_LOOPBACK),
            });
        }
    }
    Ok(found)
}

/// The networks of this host's interfaces: who may use an mcaster where nobody said otherwise.
///
/// # Errors
/// As [`all`].
pub fn networks() -> io::Result<Vec<Network>> {
    let mut networks: Vec<Network> = all()?.into_iter().map(|i| i.network).collect();
    networks.sort_unstable();
    networks.dedup();
    Ok(networks)
}

/// The address of the interface called `name`: its first one.
///
/// # Errors
/// As [`all`].
pub fn named(name: &str) -> io::Result<Option<Ipv4Addr>> {
    Ok(all()?.into_iter().find(|i| i.name == name).map(|i| i.address))
}

/// The address from which the kernel would send to `peer`; for a multicast group without a route to
/// it, the first address of this host that is not loopback.
///
/// # Errors
/// There is no way to it, or no such address.
pub fn towards(peer: SocketAddrV4) -> io::Result<Ipv4Addr> {
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    match probe.connect(peer).and_then(|()| probe.local_addr()) {
        Ok(SocketAddr::V4(own)) => Ok(*own.ip()),
        Ok(SocketAddr::V6(_)) => Err(io::ErrorKind::AddrNotAvailable.into()),
        Err(e) if peer.ip().is_multicast() => {
            all()?.into_iter().find(|i| !i.loopback).map(|i| i.address).ok_or(e)
        }
        Err(e) => Err(e),
    }
}
