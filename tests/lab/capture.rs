//! What passes a host's interface, in the order in which it passes.
//!
//! A packet socket inside the host's namespace: the datagrams of a process that sends to many are seen
//! in the order of sending, which no receiver could tell.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::SocketAddrV4;
use std::path::Path;
use std::thread;

const ETH_P_ALL: u16 = 3; // <linux/if_ether.h>: also what this host sends itself
const QUEUE: usize = 4 << 20;

/// A UDP datagram as it was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// Who sent it.
    pub source: SocketAddrV4,
    /// To whom.
    pub target: SocketAddrV4,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// An ear on a host's interface.
pub struct Capture {
    socket: Socket,
}

impl Capture {
    /// Opens a packet socket in the namespace that `file` stands for.
    pub(super) fn open(file: &Path) -> Capture {
        let namespace = File::open(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        // A namespace is a thread's; a socket stays where it was opened.
        let opened = thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("setns");
            let protocol = Protocol::from(i32::from(ETH_P_ALL.to_be()));
            Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).expect("a packet socket")
        });
        let socket = opened.join().expect("the packet socket is opened");
        socket.set_nonblocking(true).expect("non-blocking");
        socket.set_recv_buffer_size(QUEUE).expect("a long queue");
        Capture { socket }
    }

    /// What was seen since the last call. It does not wait: call it when an answer has shown that
    /// everything of interest is through.
    pub fn take(&mut self) -> Vec<Datagram> {
        let mut buffer = vec![0; 1 << 16];
        let mut seen = Vec::new();
        loop {
            match self.socket.read(&mut buffer) {
                Ok(count) => seen.extend(udp(&buffer[..count])),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return seen,
                Err(e) => panic!("capture: {e}"),
            }
        }
    }
}

fn udp(packet: &[u8]) -> Option<Datagram> {
    let packet = SlicedPacket::from_ip(packet).ok()?;
    let Some(NetSlice::Ipv4(ip)) = packet.net else { return None };
    let Some(TransportSlice::Udp(udp)) = packet.transport else { return None };
    let header = ip.header();
    Some(Datagram {
        source: SocketAddrV4::new(header.source_addr(), udp.source_port()),
        target: SocketAddrV4::new(header.destination_addr(), udp.destination_port()),
        payload: udp.payload().to_vec(),
    })
}
