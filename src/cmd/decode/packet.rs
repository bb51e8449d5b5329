//! The datagram in a packet: through the link layer, IPv4 and UDP.
//!
//! ```text
//!  Ethernet [VLAN] | Linux cooked | Linux cooked v2 | BSD loopback | nothing    then IPv4, UDP, datagram
//! ```
//!
//! Every length is taken from the innermost header that states one, so that the padding of a short
//! Ethernet frame is no part of the datagram, and what a capture cut off is known to be missing.

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, UdpSlice};
use pcap_parser::Linktype;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Length of the header of Linux cooked captures, in bytes; the type of what follows is its last field.
const COOKED: usize = 16;
/// The same for version 2, where the type is the first field.
const COOKED_2: usize = 20;
/// Length of the BSD loopback header in bytes: an address family in the byte order of some machine.
const LOOPBACK: usize = 4;
/// Bytes of a UDP header.
const UDP: usize = 8;

/// What is in a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found<'a> {
    /// A datagram of UDP over IPv4, or its first fragment.
    Datagram(Datagram<'a>),
    /// A later fragment of UDP over IPv4: only the first says for which port.
    Later,
    /// Something else.
    Other,
}

/// A datagram of UDP over IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// Where it is from.
    pub source: SocketAddrV4,
    /// Where it went.
    pub destination: SocketAddrV4,
    /// Its payload as far as it is there.
    pub payload: &'a [u8],
    /// Bytes of its payload that are not there.
    pub missing: usize,
    /// Whether they went in other fragments.
    pub fragment: bool,
}

/// The link layer of a capture has this number, and nothing here understands it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownLink(pub i32);

/// Looks into a packet of a capture.
///
/// # Errors
/// A link layer that is not among those of this file.
pub fn find(link: Linktype, packet: &[u8]) -> Result<Found<'_>, UnknownLink> {
    // The upper half of the number tells the length of a check sequence and the like.
    let sliced = match Linktype(link.0 & 0xFFFF) {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(packet).ok(),
        Linktype::RAW | Linktype::IPV4 | Linktype(12) | Linktype(14) => {
            LaxSlicedPacket::from_ip(packet).ok()
        }
        Linktype::NULL | Linktype::LOOP => loopback(packet),
        Linktype::LINUX_SLL => cooked(packet, COOKED - 2, COOKED),
        Linktype(276) => cooked(packet, 0, COOKED_2),
        _ => return Err(UnknownLink(link.0)),
    };
    Ok(sliced.map_or(Found::Other, |sliced| in_ip(&sliced)))
}

/// Looks whether bytes of unknown origin are a packet and not a datagram: everything must fit, the
/// checksum of IPv4 included, unless it is zero because the network card was to compute it.
pub fn guess(bytes: &[u8]) -> Option<Datagram<'_>> {
    let ip = match bytes {
        [0x45, ..] => bytes,
        // An Ethernet frame with IPv4 in it.
        [_, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00, ip @ ..] => ip,
        _ => return None,
    };
    let header = etherparse::Ipv4HeaderSlice::from_slice(ip).ok()?.to_header();
    if header.header_checksum != 0 && header.header_checksum != header.calc_header_checksum() {
        return None;
    }
    match find(Linktype::RAW, ip) {
        Ok(Found::Datagram(datagram)) if usize::from(header.total_len) == ip.len() => {
            Some(datagram)
        }
        _ => None,
    }
}

fn loopback(packet: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    match packet.split_at_checked(LOOPBACK)? {
        ([0, 0, 0, 2] | [2, 0, 0, 0], ip) => LaxSlicedPacket::from_ip(ip).ok(),
        _ => None,
    }
}

fn cooked(packet: &[u8], kind: usize, len: usize) -> Option<LaxSlicedPacket<'_>> {
    let (head, rest) = packet.split_at_checked(len)?;
    let kind = EtherType(u16::from_be_bytes([head[kind], head[kind + 1]]));
    Some(LaxSlicedPacket::from_ether_type(kind, rest))
}

fn in_ip<'a>(sliced: &LaxSlicedPacket<'a>) -> Found<'a> {
    let Some(LaxNetSlice::Ipv4(ip)) = &sliced.net else { return Found::Other };
    let (header, inside) = (ip.header(), ip.payload());
    if inside.ip_number != IpNumber::UDP {
        return Found::Other;
    }
    if header.fragments_offset().value() != 0 {
        return Found::Later;
    }
    let Ok(udp) = UdpSlice::from_slice_lax(inside.payload) else { return Found::Other };
    let declared = usize::from(udp.length()).checked_sub(UDP);
    let have = udp.payload().len();
    let at = |ip: Ipv4Addr, port| SocketAddrV4::new(ip, port);
    Found::Datagram(Datagram {
        source: at(header.source_addr(), udp.source_port()),
        destination: at(header.destination_addr(), udp.destination_port()),
        payload: udp.payload(),
        missing: declared.map_or(0, |declared| declared.saturating_sub(have)),
        fragment: header.more_fragments(),
    })
}
