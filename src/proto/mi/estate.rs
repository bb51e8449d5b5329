//! What a member interface leaves to the process that follows it, so that an upgrade costs its applications no view.
//!
//! ```text
//!   old process ── bequeath ──> bytes ── inherit ──> new process, in the same life ── REGISTER n + 1 ──> mserver
//!
//!   magic 8, sum 4 | address 4+2, incarnation 4, mserver 4+2, registration 4, requests 8, members 4
//!                  | groups 4: each 4, a view as it lies in a DIRECT
//!                  | members 4: each number 4, application 8, group 4, patience 4
//!                  | past 4: each origin 4+2+4, number 8, view 4+4
//! ```
//!
//! To its mserver and to the core it is the same member interface, which was silent for a moment and registers again: it says
//! in which views its members are, and what was missed meanwhile is told then. Nothing is left while something is under way, a
//! call, a doubt, a member on its way: in a moment there is nothing of the kind. What is only for people, or is found again
//! by asking, is not left: who departed, and how long answers of applications take.

use super::session::{Home, Local};
use super::{Group, Mi, MiAction, MiConfig};
use crate::name::Incarnation;
use crate::proto::group::{Applied, Known};
use crate::proto::mi::doubt::Doubt;
use crate::wire::coreset::Life;
use crate::wire::group::{Direct, Reason, RequestId};
use std::net::SocketAddrV4;

/// What it begins with; the digits are those of the format.
const MAGIC: &[u8; 8] = b"ms-mi-01";
/// Of each list the longest: what is more was not written by us.
const MOST: u32 = 1 << 27;

/// Why there is nothing to leave yet.
const BUSY: &str = "something is under way";
/// Why it is not taken.
const DAMAGED: &str = "it is damaged";
const FOREIGN: &str = "it is of another member interface";
const STALE: &str = "it is of a later life than this one";

impl Mi {
    /// All that the next process of this life needs, as bytes. After it, this one must say nothing any more.
    ///
    /// # Errors
    /// That something is under way; nothing changed, and a moment later it can be tried again.
    pub fn bequeath(&self) -> Result<Vec<u8>, &'static str> {
        let at_rest = self.is_registered()
            && self.pending.is_empty()
            && self.astray.is_empty()
            && self.claims.is_empty()
            && self.groups.values().all(|group| group.doubt == Doubt::None);
        if !at_rest {
            return Err(BUSY);
        }
        let mut out = Vec::new();
        put_life(&mut out, &self.config.life);
        put_address(&mut out, self.server());
        out.extend(self.number.to_be_bytes());
        out.extend(self.requests.to_be_bytes());
        out.extend(self.members.to_be_bytes());
        put_count(&mut out, self.groups.len());
        for group in self.groups.values() {
            let view = group.known.whole(Reason::Resync, Vec::new()).encode();
            put_count(&mut out, view.len());
            out.extend(view);
        }
        put_count(&mut out, self.local.len());
        for (&number, local) in &self.local {
            let Home::In(inc) = local.home else { return Err(BUSY) };
            let Some(place) = self.groups.keys().position(|key| *key == inc) else {
                return Err(BUSY);
            };
            let session = self.sessions.get(&local.client);
            let patience = session.map_or(0, |session| session.watch.patience_of(number));
            out.extend(number.to_be_bytes());
            out.extend(local.client.to_be_bytes());
            put_count(&mut out, place);
            out.extend(patience.to_be_bytes());
        }
        put_count(&mut out, self.past.len());
        for (inc, (term, number)) in &self.past {
            put_life(&mut out, &inc.origin);
            out.extend(inc.number.to_be_bytes());
            out.extend(term.to_be_bytes());
            out.extend(number.to_be_bytes());
        }
        Ok([&MAGIC[..], &crc32c::crc32c(&out).to_be_bytes(), &out].concat())
    }

    /// Goes on in the life of the process that left these bytes. `config` is as for a new life; its incarnation must be
    /// above the one that is inherited. The first action is a registration.
    ///
    /// # Errors
    /// Why they are not taken: then a new life is to be begun.
    pub fn inherit(
        config: MiConfig,
        bytes: &[u8],
        out: &mut Vec<MiAction>,
    ) -> Result<Mi, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(DAMAGED)?;
        let (sum, rest) = rest.split_first_chunk().ok_or(DAMAGED)?;
        if crc32c::crc32c(rest) != u32::from_be_bytes(*sum) {
            return Err(DAMAGED);
        }
        let mut will = Will(rest);
        let life = will.life()?;
        if life.address != config.life.address {
            return Err(FOREIGN);
        }
        if life.inc >= config.life.inc {
            return Err(STALE);
        }
        let server = will.address()?;
        // If it is none of ours any more we begin with the one that is preferred.
        let place = config.servers.iter().position(|known| *known == server).unwrap_or(0);
        // What it registers with is overtaken at once, by what it registers with when it knows all.
        let mut mi = Mi::start(MiConfig { life, ..config }, &mut Vec::new());
        mi.server = place;
        mi.taken_over = true;
        mi.was_ready = true;
        mi.number = u32::from_be_bytes(will.array()?);
        mi.requests = u64::from_be_bytes(will.array()?);
        mi.members = u32::from_be_bytes(will.array()?);
        mi.inherit_groups(&mut will)?;
        mi.inherit_members(&mut will)?;
        for _ in 0..will.count()? {
            let (origin, number) = (will.life()?, u64::from_be_bytes(will.array()?));
            let at = (u32::from_be_bytes(will.array()?), u32::from_be_bytes(will.array()?));
            mi.past.push_back((RequestId { origin, number }, at));
        }
        if !will.0.is_empty() {
            return Err(DAMAGED);
        }
        mi.register(out);
        Ok(mi)
    }

    fn inherit_groups(&mut self, will: &mut Will<'_>) -> Result<(), &'static str> {
        for _ in 0..will.count()? {
            let length = will.count()?;
            let (view, rest) = will.0.split_at_checked(length as usize).ok_or(DAMAGED)?;
            will.0 = rest;
            let view = Direct::decode(view).map_err(|_| DAMAGED)?;
            let mut known = Known::new(view.key);
            if known.apply(&view) != Applied::New {
                return Err(DAMAGED);
            }
            self.groups.insert(view.key.inc, Group { known, doubt: Doubt::None });
        }
        Ok(())
    }

    fn inherit_members(&mut self, will: &mut Will<'_>) -> Result<(), &'static str> {
        for _ in 0..will.count()? {
            let number = u32::from_be_bytes(will.array()?);
            let client = u64::from_be_bytes(will.array()?);
            let place = will.count()? as usize;
            let patience = u32::from_be_bytes(will.array()?);
            let inc = *self.groups.keys().nth(place).ok_or(DAMAGED)?;
            self.local.insert(number, Local { client, home: Home::In(inc) });
            let session = self.sessions.entry(client).or_default();
            session.members.push(number);
            if patience > 0 {
                session.watch.add(number, patience);
            }
            self.watch_by(number, inc);
        }
        Ok(())
    }
}

fn put_address(out: &mut Vec<u8>, address: SocketAddrV4) {
    out.extend(address.ip().octets());
    out.extend(address.port().to_be_bytes());
}

fn put_life(out: &mut Vec<u8>, life: &Life) {
    put_address(out, life.address);
    out.extend(life.inc.0.to_be_bytes());
}

/// A count, or a length: what is kept in memory is far from its limit.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend((count as u32).to_be_bytes());
}

/// What is left to be read.
struct Will<'a>(&'a [u8]);

impl Will<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (first, rest) = self.0.split_first_chunk().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(*first)
    }

    fn count(&mut self) -> Result<u32, &'static str> {
        let count = u32::from_be_bytes(self.array()?);
        if count > MOST { Err(DAMAGED) } else { Ok(count) }
    }

    fn address(&mut self) -> Result<SocketAddrV4, &'static str> {
        let ip: [u8; 4] = self.array()?;
        Ok(SocketAddrV4::new(ip.into(), u16::from_be_bytes(self.array()?)))
    }

    fn life(&mut self) -> Result<Life, &'static str> {
        Ok(Life { address: self.address()?, inc: Incarnation(u32::from_be_bytes(self.array()?)) })
    }
}
