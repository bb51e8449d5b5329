//! The line to a member interface: a seqpacket socket and a timer behind one descriptor that never changes.
//!
//! ```text
//!   what an application polls = epoll ─┬─ socket   readable: there is a packet; writable: for what is owed
//!                                      └─ timer    it is time to connect again, or an event is left
//! ```
//!
//! A socket's own descriptor would change with each new connection, and between two there would be none to poll. Nothing
//! here waits but [`Line::wait`].

use super::{Error, Place};
use crate::wire::coreset::Life;
use crate::wire::local::{Asking, Assembly, MAX_PACKET, Telling, VERSION};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Packets that may wait until the member interface takes them.
const OWED: usize = 64;

/// The line. It is open as long as it has a socket.
#[derive(Debug)]
pub(super) struct Line {
    epoll: Epoll,
    timer: TimerFd,
    /// When the timer was set to go off.
    alarm: Option<Instant>,
    socket: Option<Socket>,
    /// Who answers, once it has said so.
    mi: Option<Life>,
    owed: VecDeque<Vec<u8>>,
    assembly: Assembly,
    buffer: Vec<u8>,
    /// What is left in it of the packet that came last.
    unread: Range<usize>,
}

/// What there was to hear.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing, for now.
    Nothing,
    /// This.
    Said(Telling),
    /// It is over. The line is closed.
    Lost(Error),
}

impl Line {
    /// A line that is not open.
    pub fn new() -> Result<Line, Error> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Line {
            epoll,
            timer,
            alarm: None,
            socket: None,
            mi: None,
            owed: VecDeque::new(),
            assembly: Assembly::default(),
            // One byte more than there may be tells a packet that is too long.
            buffer: vec![0; MAX_PACKET + 1],
            unread: 0..0,
        })
    }

    /// Who answers on this line, once it has said so.
    pub fn mi(&self) -> Option<Life> {
        self.mi
    }

    /// Opens the line to the first member interface that answers, and greets it.
    pub fn connect(&mut self, place: &Place) -> Result<(), Error> {
        self.close();
        let mut why = None;
        for path in place.candidates() {
            match dial(&path) {
                Ok(socket) => {
                    self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
                    self.socket = Some(socket);
                    // Whoever hangs up before it hears this may have said why.
                    return self.say(&Asking::Hello { version: VERSION }).map(drop);
                }
                // What a dead daemon left says less than one that does not let us in.
                Err(e) if why.is_some() && e.kind() != io::ErrorKind::PermissionDenied => {}
                Err(e) => why = Some(format!("{}: {e}", path.display())),
            }
        }
        Err(Error::NoMi(why.unwrap_or_else(|| place.in_words())))
    }

    /// Hangs up. What was owed is forgotten.
    pub fn close(&mut self) {
        // A socket that is closed leaves the epoll by itself.
        self.socket = None;
        self.mi = None;
        self.owed.clear();
        self.assembly = Assembly::default();
        self.unread = 0..0;
    }

    /// There is more to hear, of which the descriptor knows nothing.
    pub fn has_more(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Says something, or at least owes it. False: they hung up and will not hear it; what they said before can still be
    /// heard. On an error nothing of it was said.
    pub fn say(&mut self, asking: &Asking) -> Result<bool, Error> {
        let packet = asking.encode()?;
        if self.owed.len() >= OWED {
            return Err(Error::Breach("packets: not taken"));
        }
        if self.socket.is_none() {
            return Ok(false);
        }
        self.owed.push_back(packet);
        self.flush()
    }

    /// Says what is owed, as far as it is taken. False: nobody is there any more.
    fn flush(&mut self) -> Result<bool, Error> {
        let Some(socket) = &self.socket else { return Ok(false) };
        let before = self.owed.len();
        let mut there = true;
        while let Some(packet) = self.owed.front() {
            // In a program that is not ours a broken pipe must be an error and no signal.
            match socket.send_with_flags(packet, libc::MSG_NOSIGNAL) {
                Ok(_) => drop(self.owed.pop_front()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if is_hangup(&e) => {
                    there = false;
                    self.owed.clear();
                }
                Err(e) => return Err(e.into()),
            }
        }
        if before > 0 {
            let mut flags = EpollFlags::EPOLLIN;
            flags.set(EpollFlags::EPOLLOUT, !self.owed.is_empty());
            self.epoll.modify(socket, &mut EpollEvent::new(flags, 0))?;
        }
        Ok(there)
    }

    /// The next thing that was said.
    pub fn hear(&mut self) -> Heard {
        match self.flush().and_then(|_| self.receive()) {
            Ok(Some(telling)) => Heard::Said(telling),
            Ok(None) => Heard::Nothing,
            Err(e) => {
                self.close();
                Heard::Lost(e)
            }
        }
    }

    fn receive(&mut self) -> Result<Option<Telling>, Error> {
        while self.has_more() || self.receive_packet()? {
            let mut rest = &self.buffer[self.unread.clone()];
            let telling = Telling::read(&mut rest)?;
            self.unread.start = self.unread.end - rest.len();
            match self.assembly.take(telling)? {
                Some(Telling::Hello { version: VERSION, mi }) => self.mi = Some(mi),
                Some(Telling::Hello { .. }) => return Err(Error::Breach("hello: another version")),
                Some(Telling::Closing(closing)) => return Err(Error::Closed(closing)),
                Some(event) => return Ok(Some(event)),
                None => {}
            }
        }
        Ok(None)
    }

    /// The next packet. False: there is none, for now.
    fn receive_packet(&mut self) -> Result<bool, Error> {
        let mut was_reset = false;
        loop {
            let Some(mut socket) = self.socket.as_ref() else { return Ok(false) };
            match socket.read(&mut self.buffer) {
                Ok(0) => return Err(Error::Gone),
                Ok(n) if n > MAX_PACKET => return Err(Error::Breach("packet: too long")),
                Ok(n) => {
                    self.unread = 0..n;
                    return Ok(true);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // They had not heard all of it when they hung up, which is told once, and before what they said.
                Err(e) if is_hangup(&e) && !was_reset => was_reset = true,
                Err(e) if is_hangup(&e) => return Err(Error::Gone),
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Lets the descriptor be readable at that time, whatever is said.
    pub fn wake_at(&mut self, at: Option<Instant>) -> Result<(), Error> {
        if self.alarm == at {
            return Ok(());
        }
        match at {
            None => self.timer.unset()?,
            Some(at) => {
                // Zero would switch it off.
                let left =
                    at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
                let once = Expiration::OneShot(TimeSpec::from_duration(left));
                self.timer.set(once, TimerSetTimeFlags::empty())?;
            }
        }
        self.alarm = at;
        Ok(())
    }

    /// Waits until the descriptor is readable. False: the time is up, or a signal was caught.
    pub fn wait(&self, until: Option<Instant>) -> Result<bool, Error> {
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            // Up to the next millisecond: too early would be once more around.
            let left = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => Ok(until.is_none_or(|until| Instant::now() < until)),
            Ok(_) => Ok(true),
            Err(Errno::EINTR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

fn dial(path: &std::path::Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

fn is_hangup(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
