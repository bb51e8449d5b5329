//! Datagrams that faults for tests hold back, until they are due.

use super::fault::{Faults, Way};
use crate::proto::step::Via;
use std::net::SocketAddrV4;
use std::time::Instant;

/// A datagram on a detour.
pub struct Delayed {
    /// When it goes on.
    pub due: Instant,
    /// Received, or to be sent.
    pub way: Way,
    /// The socket it came by.
    pub via: Via,
    /// The other side.
    pub peer: SocketAddrV4,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// The faults in force, and what they hold back.
#[derive(Default)]
pub struct Detour {
    faults: Faults,
    delayed: Vec<Delayed>,
}

impl Detour {
    /// Nothing held back yet.
    pub fn new(faults: Faults) -> Detour {
        Detour { faults, delayed: Vec::new() }
    }

    /// Other faults from now on; what is held back stays so.
    pub fn set(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Whether no datagram needs to come here.
    pub fn is_open(&self) -> bool {
        self.faults.is_empty()
    }

    /// Lets the faults judge a datagram: it is kept as often, and as long, as they say.
    pub fn take(&mut self, way: Way, via: Via, peer: SocketAddrV4, bytes: &[u8]) {
        let now = Instant::now();
        let copies = self.faults.judge(way, peer, bytes);
        self.delayed.extend(copies.into_iter().map(|delay| Delayed {
            due: now + delay,
            way,
            via,
            peer,
            bytes: bytes.to_vec(),
        }));
    }

    /// When the next one is due.
    pub fn due(&self) -> Option<Instant> {
        self.delayed.iter().map(|d| d.due).min()
    }

    /// One that is due by `now`.
    pub fn release(&mut self, now: Instant) -> Option<Delayed> {
        let place = self.delayed.iter().position(|d| d.due <= now)?;
        Some(self.delayed.remove(place))
    }
}
