//! The sockets of a daemon: its own, that of an mcaster's messages, and those of IP multicast groups, which come
//! and go while it runs.

use super::socket;
use crate::proto::step::Via;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::Socket;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// One of them, and whether it may have something.
struct Slot {
    via: Via,
    socket: Socket,
    readable: bool,
}

/// All of them; the first one is our own and sends.
pub struct Sockets {
    slots: Vec<Option<Slot>>,
}

impl Sockets {
    /// Takes the sockets that a daemon begins with.
    ///
    /// # Errors
    /// The loop cannot watch one.
    pub fn new(sockets: Vec<(Via, Socket)>, registry: &Registry) -> io::Result<Sockets> {
        assert!(!sockets.is_empty(), "a daemon has a socket of its own");
        let mut all = Sockets { slots: Vec::new() };
        for (via, socket) in sockets {
            all.add(via, socket, registry)?;
        }
        Ok(all)
    }

    fn add(&mut self, via: Via, socket: Socket, registry: &Registry) -> io::Result<()> {
        let free = self.slots.iter().position(Option::is_none);
        let place = free.unwrap_or(self.slots.len());
        registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(place), Interest::READABLE)?;
        let slot = Some(Slot { via, socket, readable: true });
        match free {
            Some(place) => self.slots[place] = slot,
            None => self.slots.push(slot),
        }
        Ok(())
    }

    /// How many places there are, some of them empty.
    pub fn places(&self) -> usize {
        self.slots.len()
    }

    /// The socket that sends.
    pub fn own(&self) -> &Socket {
        &self.slots[0].as_ref().expect("our own socket is never given up").socket
    }

    /// The socket at a place, if it may have something.
    pub fn readable(&self, place: usize) -> Option<(Via, BorrowedFd<'_>)> {
        let slot = self.slots.get(place)?.as_ref()?;
        slot.readable.then(|| (slot.via, slot.socket.as_fd()))
    }

    /// Whether any may have something.
    pub fn any_readable(&self) -> bool {
        self.slots.iter().flatten().any(|slot| slot.readable)
    }

    /// The socket at a place has something, or has not.
    pub fn set_readable(&mut self, place: usize, readable: bool) {
        if let Some(Some(slot)) = self.slots.get_mut(place) {
            slot.readable = readable;
        }
    }

    /// Hears an IP multicast group by the interface of `own`.
    ///
    /// # Errors
    /// As those of [`socket::open_group`].
    pub fn hear(
        &mut self,
        group: SocketAddrV4,
        own: Ipv4Addr,
        registry: &Registry,
    ) -> io::Result<()> {
        if self.place_of(group).is_some() {
            return Ok(());
        }
        self.add(Via::Group, socket::open_group(group, own)?, registry)
    }

    /// Hears it no longer.
    pub fn unhear(&mut self, group: SocketAddrV4, registry: &Registry) {
        if let Some(place) = self.place_of(group)
            && let Some(slot) = self.slots[place].take()
        {
            // It is closed right after, which deregisters it as well.
            let _ = registry.deregister(&mut SourceFd(&slot.socket.as_raw_fd()));
        }
    }

    fn place_of(&self, group: SocketAddrV4) -> Option<usize> {
        self.slots.iter().position(|slot| {
            slot.as_ref().is_some_and(|slot| {
                let address = slot.socket.local_addr().ok().and_then(|a| a.as_socket());
                slot.via == Via::Group && address == Some(SocketAddr::V4(group))
            })
        })
    }
}
