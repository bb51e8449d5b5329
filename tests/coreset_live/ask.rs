//! An operator: a socket that is in no set, asks and is answered.

use super::set::PATIENCE;
use membership::name::{Gid, GroupName, Incarnation};
use membership::wire::Message;
use membership::wire::coreset::{Body, CoreMessage, Life, Member, Position, Request, SetName};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// How long an answer is waited for before the question is asked again.
const AGAIN: Duration = Duration::from_millis(300);

/// It.
pub struct Operator {
    socket: UdpSocket,
    at: SocketAddrV4,
}

/// A set's name as it was configured.
pub fn named(name: &str) -> SetName {
    let base: GroupName = name.parse().expect("a name");
    SetName { base, suffix: None }
}

impl Operator {
    /// At that address.
    pub fn new(ip: Ipv4Addr) -> Operator {
        let at = SocketAddrV4::new(ip, 2900);
        let socket = UdpSocket::bind(at).expect("the operator's address is free");
        socket.set_read_timeout(Some(AGAIN)).expect("a timeout");
        Operator { socket, at }
    }

    /// Asks a daemon about a set, again and again until it answers.
    pub fn ask(&self, daemon: SocketAddrV4, set: &str, body: Body) -> CoreMessage {
        let life = Life { address: self.at, inc: Incarnation(0) };
        let question = CoreMessage {
            name: named(set),
            from: Member { gid: Gid::NONE, life },
            level: 1,
            position: Position::default(),
            parents: Vec::new(),
            prev: None,
            exclude: Vec::new(),
            body,
        };
        let bytes = question.encode().expect("the question is sound");
        let mut buffer = [0; 65_536];
        let start = Instant::now();
        loop {
            self.socket.send_to(&bytes, daemon).expect("sent");
            if let Ok((count, from)) = self.socket.recv_from(&mut buffer) {
                assert_eq!(from, daemon.into());
                let message = Message::receive(&buffer[..count], true).expect("a message");
                return CoreMessage::decode(&message).expect("an answer");
            }
            assert!(start.elapsed() < PATIENCE, "{daemon} does not answer {question:?}");
        }
    }

    /// Where it is.
    pub fn at(&self) -> SocketAddrV4 {
        self.at
    }

    /// Sends bytes, whatever they are.
    pub fn send(&self, daemon: SocketAddrV4, bytes: &[u8]) {
        self.socket.send_to(bytes, daemon).expect("sent");
    }

    /// The life that a mserver is in.
    pub fn life(&self, daemon: SocketAddrV4, set: &str) -> Life {
        self.ask(daemon, set, Body::StatsRequest { long: false }).from.life
    }

    /// Asks for something that must be taken up.
    pub fn request(&self, daemon: SocketAddrV4, set: &str, request: Request) {
        let answer = self.ask(daemon, set, Body::Request(request));
        assert_eq!(answer.body, Body::Taken);
    }

    /// Asks for something that must be refused; why it is.
    pub fn refused(&self, daemon: SocketAddrV4, set: &str, request: Request) -> String {
        match self.ask(daemon, set, Body::Request(request)).body {
            Body::Refused { why, .. } => why,
            other => panic!("not refused: {other:?}"),
        }
    }
}
