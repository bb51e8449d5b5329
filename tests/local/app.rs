//! An application that is a socket of the test.

use super::world::PATIENCE;
use membership::name::GroupName;
use membership::wire::coreset::Life;
use membership::wire::group::{MemberId, Mode};
use membership::wire::local::{
    Ask, Asking, Assembly, Closing, LocalCall, LocalEvent, MAX_PACKET, Telling, VERSION,
};
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// It.
pub struct App {
    socket: Socket,
    assembly: Assembly,
    /// What is left of the packet that came last.
    unread: Vec<u8>,
    calls: u32,
    /// The member interface that it greeted.
    pub mi: Option<Life>,
}

/// What came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Came {
    Hello(Life),
    Closing(Closing),
    Event(LocalEvent),
    End,
}

impl App {
    /// Connected, and nothing said.
    pub fn silent(path: &Path) -> App {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        socket.connect(&SockAddr::unix(path).unwrap()).unwrap();
        App { socket, assembly: Assembly::default(), unread: Vec::new(), calls: 0, mi: None }
    }

    /// Connected, and let in.
    pub fn new(path: &Path) -> App {
        let mut app = App::silent(path);
        match app.greet(VERSION) {
            Came::Hello(mi) => app.mi = Some(mi),
            other => panic!("{other:?}"),
        }
        app
    }

    /// Says its version; what comes of it.
    pub fn greet(&mut self, version: u16) -> Came {
        self.say(&Asking::Hello { version }.encode().unwrap()).unwrap();
        self.next()
    }

    /// Sends a packet.
    pub fn say(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.send(packet).map(drop)
    }

    /// Sends a packet, unless there is no room for it.
    pub fn try_say(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.send_with_flags(packet, libc_dontwait()).map(drop)
    }

    /// Calls; the number of the call.
    pub fn call(&mut self, group: &str, ask: Ask) -> u32 {
        self.calls += 1;
        self.say(&packet(self.calls, group, ask)).unwrap();
        self.calls
    }

    /// Joins.
    pub fn join(&mut self, group: &str) -> u32 {
        self.call(group, join())
    }

    /// The next that comes, in time.
    pub fn next(&mut self) -> Came {
        self.within(PATIENCE).unwrap_or_else(|| panic!("nothing came in {PATIENCE:?}"))
    }

    /// The next that comes within that time.
    pub fn within(&mut self, patience: Duration) -> Option<Came> {
        let deadline = Instant::now() + patience;
        let mut buffer = vec![0; MAX_PACKET + 1];
        loop {
            if !self.unread.is_empty() {
                let mut rest = &self.unread[..];
                let telling = Telling::read(&mut rest).unwrap();
                self.unread = rest.to_vec();
                match self.assembly.take(telling).unwrap() {
                    Some(Telling::Event { event, .. }) => return Some(Came::Event(event)),
                    Some(Telling::Hello { mi, .. }) => return Some(Came::Hello(mi)),
                    Some(Telling::Closing(closing)) => return Some(Came::Closing(closing)),
                    Some(Telling::Rest { .. }) => panic!("a rest is no whole"),
                    None => continue,
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            let len = match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(0) => return Some(Came::End),
                Ok(len) => len,
                Err(e) => match io::Error::from(e).kind() {
                    ErrorKind::ConnectionReset => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return None,
                    other => panic!("{other}"),
                },
            };
            self.unread = buffer[..len].to_vec();
        }
    }

    /// The next event.
    pub fn event(&mut self) -> LocalEvent {
        match self.next() {
            Came::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    /// The next view: its number and size.
    pub fn view(&mut self) -> (u32, u32) {
        loop {
            if let LocalEvent::View { number, size, .. } = self.event() {
                return (number, size);
            }
        }
    }

    /// The member that a join is under way for, which is the next event.
    pub fn taken(&mut self) -> MemberId {
        match self.event() {
            LocalEvent::Taken { member, .. } => member,
            other => panic!("{other:?}"),
        }
    }
}

fn libc_dontwait() -> i32 {
    MsgFlags::MSG_DONTWAIT.bits()
}

/// A join of nothing special.
pub fn join() -> Ask {
    Ask::Join { mode: Mode::JoinOrCreate, tag: vec![], qos: Box::default(), patience_ms: 0 }
}

/// The packet of a call.
pub fn packet(number: u32, group: &str, ask: Ask) -> Vec<u8> {
    let group: GroupName = group.parse().unwrap();
    Asking::Call(LocalCall { number, group, ask }).encode().unwrap()
}
