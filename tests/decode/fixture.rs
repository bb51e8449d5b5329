//! The datagrams of the originals as fixtures, and captures of them in every format and link layer.

use etherparse::PacketBuilder;
use std::net::SocketAddrV4;

/// A datagram that an original sent.
#[derive(Clone, Debug)]
pub struct Original {
    /// What it is called.
    pub name: String,
    /// Where it is from.
    pub source: SocketAddrV4,
    /// Where it went.
    pub destination: SocketAddrV4,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Reads tests/decode/originals.hex: `# NAME SOURCE DESTINATION`, and digits on the next line.
pub fn originals() -> Vec<Original> {
    let text = include_str!("originals.hex");
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[1].starts_with("00"));
    pairs.map(|pair| original(pair[0], pair[1])).collect()
}

fn original(comment: &str, digits: &str) -> Original {
    let words: Vec<&str> = comment.split_whitespace().collect();
    let pairs = digits.as_bytes().chunks(2);
    Original {
        name: words[1].into(),
        source: words[2].parse().unwrap(),
        destination: words[3].parse().unwrap(),
        bytes: pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect(),
    }
}

/// An IPv4 packet with a datagram.
pub fn ipv4(source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(source.ip().octets(), destination.ip().octets(), 64)
        .udp(source.port(), destination.port())
        .write(&mut packet, payload)
        .unwrap();
    packet
}

/// Puts an Ethernet header before an IPv4 packet.
#[allow(dead_code)] // tests/dissector.rs has no need of it
pub fn ethernet(ip: &[u8]) -> Vec<u8> {
    [b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00", ip].concat()
}

/// A pcap file: microseconds or nanoseconds, big-endian or little-endian. Packet n is captured n
/// and a half seconds after the billionth of the epoch.
pub fn pcap(big: bool, nanoseconds: bool, link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
    let n32 = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let n16 = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let mut file = n32(if nanoseconds { 0xA1B2_3C4D } else { 0xA1B2_C3D4 }).to_vec();
    file.extend([n16(2), n16(4)].concat());
    file.extend([n32(0), n32(0), n32(262_144), n32(link.into())].concat());
    for (i, packet) in packets.iter().enumerate() {
        let half = if nanoseconds { 500_000_000 } else { 500_000 };
        let len = n32(packet.len() as u32);
        file.extend([n32(1_000_000_000 + i as u32), n32(half), len, len].concat());
        file.extend(packet);
    }
    file
}

/// A pcapng file with one interface in nanoseconds, captured as in [`pcap`].
#[allow(dead_code)] // tests/dissector.rs has no need of it
pub fn pcapng(big: bool, link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
    let n32 = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let n16 = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let len = n32((12 + body.len() + padding.len()) as u32);
        [&n32(kind), &len, body, &padding, &len].concat()
    };
    let section = [&n32(0x1A2B_3C4D)[..], &n16(1), &n16(0), &[0xFF; 8]].concat();
    let resolution = [&n16(9)[..], &n16(1), &[9, 0, 0, 0], &n32(0)].concat();
    let interface = [&n16(link)[..], &n16(0), &n32(0), &resolution].concat();
    let mut file = [block(0x0A0D_0D0A, &section), block(1, &interface)].concat();
    for (i, packet) in packets.iter().enumerate() {
        let ticks = (1_000_000_000 + i as u64) * 1_000_000_000 + 500_000_000;
        let len = n32(packet.len() as u32);
        let head = [n32(0), n32((ticks >> 32) as u32), n32(ticks as u32), len, len].concat();
        file.extend(block(6, &[&head[..], packet].concat()));
    }
    file
}
