//! Many datagrams with one system call: recvmmsg(2) and sendmmsg(2).
//!
//! nix builds its headers anew for every call; these keep theirs. All pointers in a header point into
//! buffers of the same value, which are allocated once and never move, or are set right before the call.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Datagrams that one [`Receiver::receive`] takes at the most.
pub const BATCH: usize = 32;
/// Largest datagram that is taken, in bytes; a larger one is recognised and dropped.
pub const LARGEST: usize = 9216;
/// Most datagrams that sendmmsg(2) takes at a time.
const SEND_MOST: usize = 1024;

/// `sockaddr_in` of an address, as the kernel wants it.
pub(super) fn sockaddr(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn address(raw: &libc::sockaddr_in) -> SocketAddrV4 {
    let ip = Ipv4Addr::from(u32::from_be(raw.sin_addr.s_addr));
    SocketAddrV4::new(ip, u16::from_be(raw.sin_port))
}

fn zeroed_header() -> libc::mmsghdr {
    // SAFETY: mmsghdr is plain integers and pointers, for all of which zero bytes are a valid value.
    unsafe { std::mem::zeroed() }
}

/// A datagram that was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Whom it is from.
    pub from: SocketAddrV4,
    /// All of it, or its first [`LARGEST`] bytes.
    pub bytes: &'a [u8],
    /// It was larger than that.
    pub truncated: bool,
}

/// Buffers for a batch of datagrams.
pub struct Receiver {
    buffer: Box<[u8]>,
    names: Box<[libc::sockaddr_in]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    count: usize,
}

impl Receiver {
    /// Buffers for [`BATCH`] datagrams of [`LARGEST`] bytes.
    pub fn new() -> Receiver {
        let mut buffer = vec![0u8; BATCH * LARGEST].into_boxed_slice();
        let names = vec![sockaddr(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)); BATCH];
        let vectors: Vec<libc::iovec> = buffer
            .chunks_exact_mut(LARGEST)
            .map(|slot| libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: LARGEST })
            .collect();
        Receiver {
            buffer,
            names: names.into_boxed_slice(),
            vectors: vectors.into_boxed_slice(),
            headers: vec![zeroed_header(); BATCH].into_boxed_slice(),
            count: 0,
        }
    }

    /// Takes what is waiting at a non-blocking socket, and says how many datagrams that is; 0 if none
    /// is. What the last call took is gone.
    ///
    /// # Errors
    /// What recvmmsg(2) says, save for EAGAIN; an ICMP error of an earlier send counts as nothing waiting.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.count = 0;
        for i in 0..BATCH {
            self.vectors[i].iov_base = self.buffer[i * LARGEST..].as_mut_ptr().cast();
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[i];
            header.msg_iovlen = 1;
            header.msg_flags = 0;
        }
        // SAFETY: each of the BATCH headers was just pointed at a name, a vector and through it at a slot of
        // LARGEST bytes, all owned by self and borrowed mutably for the call; the kernel keeps no pointer.
        let n = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(n) {
            Ok(n) => self.count = n,
            Err(_) => match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::WouldBlock => {}
                e if e.kind() == io::ErrorKind::Interrupted => {}
                e if e.kind() == io::ErrorKind::ConnectionRefused => {}
                e => return Err(e),
            },
        }
        Ok(self.count)
    }

    /// The datagram in place `i` of the last batch.
    ///
    /// # Panics
    /// If there were not so many.
    pub fn get(&self, i: usize) -> Received<'_> {
        assert!(i < self.count);
        let header = &self.headers[i];
        let len = (header.msg_len as usize).min(LARGEST);
        Received {
            from: address(&self.names[i]),
            bytes: &self.buffer[i * LARGEST..][..len],
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        }
    }
}

impl Default for Receiver {
    fn default() -> Receiver {
        Receiver::new()
    }
}

/// One datagram of a [`Sender`]'s batch: two parts, one destination.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// The first part: the prefix of an mcaster.
    pub head: &'a [u8],
    /// The second part: the message.
    pub body: &'a [u8],
    /// To whom.
    pub to: &'a libc::sockaddr_in,
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Datagrams that the kernel took.
    pub taken: usize,
    /// Datagrams that it refused: no route, no permission.
    pub refused: usize,
    /// Datagrams that found its buffers full for too long.
    pub full: usize,
}

/// Headers for batches of datagrams.
#[derive(Default)]
pub struct Sender {
    vectors: Vec<[libc::iovec; 2]>,
    headers: Vec<libc::mmsghdr>,
}

// SAFETY of keeping headers between calls: their pointers are rewritten before every use and never
// followed in between.
impl Sender {
    /// Sends all of `batch` in its order, with as few calls as can be. A datagram that the kernel refuses
    /// costs none of the others.
    pub fn send(&mut self, socket: BorrowedFd<'_>, batch: &[Outgoing<'_>]) -> Sent {
        let mut sent = Sent::default();
        for part in batch.chunks(SEND_MOST) {
            self.prepare(part);
            self.send_prepared(socket, part.len(), &mut sent);
        }
        sent
    }

    fn prepare(&mut self, part: &[Outgoing<'_>]) {
        let vector =
            |b: &[u8]| libc::iovec { iov_base: b.as_ptr().cast_mut().cast(), iov_len: b.len() };
        self.vectors.clear();
        self.vectors.extend(part.iter().map(|out| [vector(out.head), vector(out.body)]));
        if self.headers.len() < part.len() {
            self.headers.resize(part.len(), zeroed_header());
        }
        for ((header, vectors), out) in
            self.headers.iter_mut().zip(self.vectors.iter_mut()).zip(part)
        {
            let header = &mut header.msg_hdr;
            header.msg_name = std::ptr::from_ref(out.to).cast_mut().cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = vectors.as_mut_ptr();
            header.msg_iovlen = 2;
        }
    }

    fn send_prepared(&mut self, socket: BorrowedFd<'_>, count: usize, sent: &mut Sent) {
        let mut next = 0;
        let mut waited = false;
        while next < count {
            // SAFETY: headers next..count were pointed by `prepare` at names and buffers that the caller's
            // batch borrows until we return, and at vectors of self that do not move meanwhile; sendmmsg
            // reads them and writes msg_len only.
            let n = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    self.headers.as_mut_ptr().add(next),
                    (count - next) as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                )
            };
            if let Ok(n) = usize::try_from(n) {
                sent.taken += n;
                next += n;
                continue;
            }
            match io::Error::last_os_error().kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock if !waited => {
                    waited = true;
                    wait_writable(socket);
                }
                io::ErrorKind::WouldBlock => {
                    sent.full += count - next;
                    return;
                }
                // An ICMP error of an earlier datagram is reported here; this one is fine.
                io::ErrorKind::ConnectionRefused if !waited => waited = true,
                _ => {
                    sent.refused += 1;
                    next += 1;
                }
            }
        }
    }
}

/// Waits until the kernel takes datagrams again, but no longer than a tick of the fastest profile.
fn wait_writable(socket: BorrowedFd<'_>) {
    let mut fds = [nix::poll::PollFd::new(socket, nix::poll::PollFlags::POLLOUT)];
    // Whatever it says, the next attempt shows.
    let _ = nix::poll::poll(&mut fds, 10u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    fn pair() -> (UdpSocket, UdpSocket, SocketAddrV4) {
        let a = UdpSocket::bind("127.0.0.1:0").unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").unwrap();
        b.set_nonblocking(true).unwrap();
        let std::net::SocketAddr::V4(to) = b.local_addr().unwrap() else { unreachable!() };
        (a, b, to)
    }

    #[test]
    fn a_batch_arrives_whole_in_its_order_and_a_refused_one_costs_no_other() {
        let (a, b, to) = pair();
        let (good, bad) = (sockaddr(to), sockaddr("0.0.0.0:0".parse().unwrap()));
        let bodies: Vec<[u8; 2]> = (0..40u8).map(|i| [i, i]).collect();
        let batch: Vec<Outgoing<'_>> = bodies
            .iter()
            .map(|body| Outgoing {
                head: b"head",
                body,
                to: if body[0] == 7 { &bad } else { &good },
            })
            .collect();
        let sent = Sender::default().send(a.as_fd(), &batch);
        assert_eq!(sent, Sent { taken: 39, refused: 1, full: 0 });

        let mut receiver = Receiver::new();
        let mut got = Vec::new();
        loop {
            let n = receiver.receive(b.as_fd()).unwrap();
            if n == 0 {
                break;
            }
            got.extend((0..n).map(|i| receiver.get(i).bytes.to_vec()));
        }
        let want: Vec<Vec<u8>> =
            (0..40u8).filter(|&i| i != 7).map(|i| [b"head".as_slice(), &[i, i]].concat()).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_datagram_larger_than_may_be_is_recognised() {
        let (a, b, to) = pair();
        a.send_to(&vec![1; LARGEST + 1], to).unwrap();
        a.send_to(&[], to).unwrap();
        let mut receiver = Receiver::new();
        assert_eq!(receiver.receive(b.as_fd()).unwrap(), 2);
        assert!(receiver.get(0).truncated);
        assert_eq!(receiver.get(0).bytes.len(), LARGEST);
        assert!(!receiver.get(1).truncated);
        assert!(receiver.get(1).bytes.is_empty());
    }
}
