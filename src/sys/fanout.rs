//! The copies of an mcaster: every datagram of a batch to every member of its group, with few calls.
//!
//! Nothing is copied: a copy is the prefix and the received bytes, gathered by the kernel from where they lie.
//! Each group's destinations are kept ready as the kernel wants them and made anew only when the group's member
//! list has another edition.

use super::batch::{Outgoing, Receiver, Sender, Sent, sockaddr};
use crate::proto::mcaster::Mcaster;
use crate::wire::prefix;
use std::net::SocketAddrV4;
use std::os::fd::BorrowedFd;

#[derive(Clone, Default)]
struct Destinations {
    edition: u64,
    addresses: Vec<libc::sockaddr_in>,
}

/// A datagram of the batch that is to be copied.
struct Job {
    /// Its place in the batch.
    place: usize,
    prefix: [u8; prefix::LEN],
    slot: usize,
    skip: Option<usize>,
}

/// Copies that are due, and the destinations of every group.
#[derive(Default)]
pub struct Fanout {
    ready: Vec<Destinations>,
    jobs: Vec<Job>,
    sender: Sender,
}

impl Fanout {
    /// Notes that the datagram in `place` of the batch is to go to the group in `slot`. The copies are
    /// sent by [`Fanout::flush`], at the latest when the group's member list has changed.
    pub fn relay(
        &mut self,
        mcaster: &Mcaster,
        (slot, skip): (u32, Option<u32>),
        (batch, place): (&Receiver, usize),
        socket: BorrowedFd<'_>,
    ) -> Sent {
        let slot = slot as usize;
        let (members, edition) = mcaster.members(slot as u32);
        let mut sent = Sent::default();
        if self.ready.get(slot).is_none_or(|d| d.edition != edition) {
            sent = self.flush(batch, socket);
            if self.ready.len() <= slot {
                self.ready.resize(slot + 1, Destinations::default());
            }
            let port = mcaster.member_port();
            let addresses = &mut self.ready[slot].addresses;
            addresses.clear();
            addresses.reserve_exact(members.len());
            addresses.extend(members.iter().map(|m| sockaddr(SocketAddrV4::new(m.address, port))));
            self.ready[slot].edition = edition;
        }
        self.jobs.push(Job {
            place,
            prefix: prefix::encode(batch.get(place).from),
            slot,
            skip: skip.map(|s| s as usize),
        });
        sent
    }

    /// Sends every copy that is due.
    pub fn flush(&mut self, batch: &Receiver, socket: BorrowedFd<'_>) -> Sent {
        if self.jobs.is_empty() {
            return Sent::default();
        }
        let copies: usize = self.jobs.iter().map(|j| self.ready[j.slot].addresses.len()).sum();
        let mut outgoing = Vec::with_capacity(copies);
        for job in &self.jobs {
            let body = batch.get(job.place).bytes;
            for (i, to) in self.ready[job.slot].addresses.iter().enumerate() {
                if job.skip != Some(i) {
                    outgoing.push(Outgoing { head: &job.prefix, body, to });
                }
            }
        }
        let sent = self.sender.send(socket, &outgoing);
        drop(outgoing);
        self.jobs.clear();
        sent
    }
}
