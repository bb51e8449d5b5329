//! The socket of one application: packets in, and packets out as fast as it takes them.

use super::access::Caller;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::socket::{MsgFlags, recv, send};
use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Instant;

/// Bytes that are kept for an application that does not take them, unless one event has more.
const BACKLOG: usize = 256 * 1024;
/// Bytes up to which events share a packet.
const PACKED: usize = 4096;
/// Packets that one system call sends.
const SEND_MOST: usize = 32;

/// One application.
pub struct Connection {
    socket: Socket,
    /// Who it is.
    pub caller: Caller,
    /// It said its version, and was let in.
    pub greeted: bool,
    /// Until when it may say it.
    pub until: Instant,
    /// It waits to be read.
    pub in_turn: bool,
    /// The kernel is to tell when it takes more.
    awaits_room: bool,
    backlog: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// What was read.
pub enum Reading {
    /// A packet of so many bytes; more than a packet may have if it was longer than the buffer.
    Packet(usize),
    /// There is nothing now.
    Nothing,
    /// It is gone.
    Ended,
}

impl Connection {
    /// A socket that was just accepted.
    pub fn new(socket: Socket, caller: Caller, until: Instant) -> Connection {
        let (greeted, in_turn, awaits_room) = (false, false, false);
        let (backlog, bytes) = (VecDeque::new(), 0);
        Connection { socket, caller, greeted, until, in_turn, awaits_room, backlog, bytes }
    }

    /// The socket.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Bytes that it has not taken yet.
    pub fn waiting(&self) -> usize {
        self.bytes
    }

    /// The next packet, if there is one.
    pub fn read(&self, buffer: &mut [u8]) -> Reading {
        loop {
            // No packet of ours is empty, so that an empty one is as much as an end.
            return match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => Reading::Ended,
                Ok(len) => Reading::Packet(len),
                Err(nix::Error::EINTR) => continue,
                Err(nix::Error::EAGAIN) => Reading::Nothing,
                Err(_) => Reading::Ended,
            };
        }
    }

    /// Keeps packets, all of them or none: whether there is room. An event that is larger than the backlog may be has
    /// room all the same, three more like it before it: who reads is not punished for the size of its group.
    pub fn keep(&mut self, packets: Vec<Vec<u8>>) -> bool {
        let len: usize = packets.iter().map(Vec::len).sum();
        if self.bytes + len > BACKLOG.max(4 * len) {
            return false;
        }
        self.bytes += len;
        for packet in packets {
            // Several events go in one packet: what a busy group costs is packets, more than what is in them.
            match self.backlog.back_mut() {
                Some(last) if last.len() + packet.len() <= PACKED => last.extend(packet),
                _ => self.backlog.push_back(packet),
            }
        }
        true
    }

    /// Sends what it takes; true if that was all.
    ///
    /// # Errors
    /// It is gone.
    pub fn flush(&mut self) -> io::Result<bool> {
        while !self.backlog.is_empty() {
            let sent = match self.send_some() {
                Ok(sent) => sent,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            let lens = self.backlog.drain(..sent).map(|packet| packet.len());
            self.bytes -= lens.sum::<usize>();
        }
        Ok(true)
    }

    /// Whether the kernel is to tell when there is room for more. It would do so with every packet that the application
    /// takes, and each time wake us to find that there is nothing to send.
    ///
    /// # Errors
    /// The kernel does not watch it.
    pub fn await_room(&mut self, room: bool, token: Token, registry: &Registry) -> io::Result<()> {
        if std::mem::replace(&mut self.awaits_room, room) == room {
            return Ok(());
        }
        let interest = match room {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        registry.reregister(&mut SourceFd(&self.socket.as_raw_fd()), token, interest)
    }

    /// Sends some packets with one call: how many went.
    fn send_some(&self) -> io::Result<usize> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let count = self.backlog.len().min(SEND_MOST);
        if let (1, Some(packet)) = (count, self.backlog.front()) {
            send(self.socket.as_raw_fd(), packet, MsgFlags::from_bits_retain(flags))?;
            return Ok(1);
        }
        let nothing = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut vectors = [nothing; SEND_MOST];
        // SAFETY: mmsghdr is plain integers and pointers, for all of which zero bytes are a valid value.
        let mut headers: [libc::mmsghdr; SEND_MOST] = unsafe { std::mem::zeroed() };
        let places = headers.iter_mut().zip(&mut vectors);
        for ((header, vector), packet) in places.zip(&self.backlog) {
            vector.iov_base = packet.as_ptr().cast_mut().cast();
            vector.iov_len = packet.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the first `count` headers point at vectors of this function, and they at packets that self keeps
        // meanwhile; sendmmsg reads those and writes msg_len of the headers only.
        let sent = unsafe {
            libc::sendmmsg(
                self.socket.as_raw_fd(),
                headers.as_mut_ptr(),
                count as libc::c_uint,
                flags as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Says a last packet and ends. What was not read is thrown away first: it would make the kernel tell the
    /// application of a broken connection before it gets to our packet.
    pub fn end(mut self, last: Option<Vec<u8>>, buffer: &mut [u8], registry: &Registry) {
        // Closing the descriptor does so as well.
        let _ = registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()));
        let Some(last) = last else { return };
        for _ in 0..SEND_MOST {
            if !matches!(self.read(buffer), Reading::Packet(_)) {
                break;
            }
        }
        // Who does not read it need not be told.
        self.bytes += last.len();
        self.backlog.push_back(last);
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Type};

    fn pair() -> (Connection, Socket) {
        let (here, there) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        let caller = Caller::of(here.as_fd()).unwrap();
        (Connection::new(here, caller, Instant::now()), there)
    }

    #[test]
    fn packets_go_out_whole_and_in_order_many_at_a_time() {
        let (mut connection, there) = pair();
        let events: Vec<Vec<u8>> = (1..=100_u8).map(|n| vec![n; 1000 + usize::from(n)]).collect();
        assert!(connection.keep(events.clone()));
        assert!(connection.flush().unwrap());
        assert_eq!(connection.waiting(), 0);
        let mut buffer = [0; PACKED];
        let (mut came, mut packets): (Vec<u8>, usize) = (Vec::new(), 0);
        while let Ok(len) = recv(there.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            came.extend(&buffer[..len]);
            packets += 1;
        }
        assert!(came == events.concat());
        assert!((25..40).contains(&packets), "{packets}: as many in each as have room");
    }

    #[test]
    fn who_does_not_read_fills_its_backlog_and_no_more_than_that() {
        let (mut connection, there) = pair();
        let mut kept = 0;
        while connection.keep(vec![vec![7; 1000]]) {
            kept += 1;
            assert!(kept < 10_000, "there is an end");
            connection.flush().unwrap();
        }
        assert!(connection.waiting() <= BACKLOG);
        // It reads after all: everything comes.
        let mut buffer = [0; PACKED];
        let mut left = 1000 * kept;
        while left > 0 {
            match recv(there.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(len) => left -= len,
                Err(_) => drop(connection.flush().unwrap()),
            }
        }
        assert!(connection.flush().unwrap());
    }

    #[test]
    fn an_event_larger_than_the_backlog_has_room() {
        let (mut connection, _there) = pair();
        let large = || vec![vec![7; 60_000]; 50];
        for _ in 0..4 {
            assert!(connection.keep(large()));
        }
        assert!(!connection.keep(large()), "four times, not for ever");
    }
}
