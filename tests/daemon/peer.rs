//! A host that is a socket of the test.

use super::golden::golden;
use membership::wire::{Kind, Message};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// How long a datagram on the loopback interface may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// It.
pub struct Peer(UdpSocket);

/// The golden message of that name about another group.
pub fn about(group: &str, name: &str) -> Vec<u8> {
    renamed(golden(name), group)
}

/// A message, about another group.
pub fn renamed(mut bytes: Vec<u8>, group: &str) -> Vec<u8> {
    bytes[8..40].fill(0);
    bytes[8..8 + group.len()].copy_from_slice(group.as_bytes());
    bytes
}

impl Peer {
    /// At that address and port.
    pub fn new(ip: Ipv4Addr, port: u16) -> Peer {
        let socket = UdpSocket::bind((ip, port)).unwrap();
        Peer(socket)
    }

    /// Sends.
    pub fn send(&self, to: SocketAddrV4, bytes: &[u8]) {
        assert_eq!(self.0.send_to(bytes, to).unwrap(), bytes.len());
    }

    /// The next datagram, if one comes in time.
    pub fn receive_within(&self, patience: Duration) -> Option<(SocketAddrV4, Vec<u8>)> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 2048];
        match self.0.recv_from(&mut buffer) {
            Ok((len, SocketAddr::V4(from))) => Some((from, buffer[..len].to_vec())),
            Ok((_, from)) => panic!("{from}"),
            Err(e) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&e.kind()) => None,
            Err(e) => panic!("{e}"),
        }
    }

    /// The next datagram.
    pub fn receive(&self) -> (SocketAddrV4, Vec<u8>) {
        self.receive_within(PATIENCE).expect("a datagram")
    }

    /// The type of the answer to a request, which must come from where it was sent.
    pub fn ask(&self, to: SocketAddrV4, bytes: &[u8]) -> Kind {
        self.send(to, bytes);
        let (from, bytes) = self.receive();
        assert_eq!(from, to);
        Message::decode(&bytes).unwrap().kind().unwrap()
    }

    /// How long it takes until a question is answered, if it is within that time.
    pub fn answer_time(&self, to: SocketAddrV4, bytes: &[u8], most: Duration) -> Option<Duration> {
        self.0.set_nonblocking(true).unwrap();
        // Answers to earlier questions, and what others sent here.
        while self.0.recv_from(&mut [0; 2048]).is_ok() {}
        self.0.set_nonblocking(false).unwrap();
        let start = Instant::now();
        self.send(to, bytes);
        self.receive_within(most).map(|_| start.elapsed())
    }
}
