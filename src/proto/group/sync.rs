//! Who is behind asks; who has something answers.
//!
//! ```text
//!   behind                                      any member
//!   SYNC: positions that would do ────────────> in step: its own, or the one that is wanted
//!         <─────────────────────────────────── behind too: a half that is wanted, or what it has left of it, or nothing
//!   SYNC: the rest from byte n on ────────────> ... until it is whole
//! ```
//!
//! A question that is not answered goes to the next member, after twice the time each time: a large registry takes its
//! time, and to ask for it twice would not make it faster. Who answers that it has nothing is not asked again in this
//! round; the next round begins after T_REPLY.

use super::history::History;
use super::registry::{Record, Registry};
use super::replica::{Place, Replica, ReplicaOut, Stand};
use crate::name::Digest;
use crate::proto::timer::Countdown;
use crate::wire::coreset::{Body, Position, RegistryPart};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Most doublings of the time that one answer may take.
const PATIENCE: u32 = 4;
/// Bytes of a registry that go in one message.
const PART: usize = 512 << 10;
/// Most bytes of a registry.
const MOST: u32 = 256 << 20;

/// What is missing, and who is asked for it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Behind {
    pub history: History,
    /// Who was asked last.
    pub asked: Option<SocketAddrV4>,
    /// Until another one is asked.
    pub timer: Countdown,
    /// Questions without an answer, one after the other.
    pub silences: u32,
    /// Who answered in this round: with nothing at this position, or with what was of no use.
    pub heard: BTreeMap<SocketAddrV4, bool>,
    /// Rounds in which nobody had anything.
    pub rounds: u32,
    /// A large one on its way.
    pub parts: Option<Parts>,
}

/// The beginning of a registry.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Parts {
    position: Position,
    total: u32,
    bytes: Vec<u8>,
}

impl Replica {
    /// Somebody else than last time; all who answered in this round wait for the next one.
    pub(super) fn ask_next(&mut self, out: &mut Vec<ReplicaOut>) {
        let Some(Place { stand: Stand::Behind(behind), members, .. }) = self.place.as_deref_mut()
        else {
            return;
        };
        if behind.asked.is_some() {
            behind.silences = (behind.silences + 1).min(PATIENCE);
        }
        let last = behind.asked.and_then(|who| members.iter().position(|m| m.address == who));
        let others = members.iter().cycle().skip(last.map_or(0, |last| last + 1));
        let next = others.take(members.len()).map(|m| m.address).find(|who| *who != self.own);
        self.ask(next, out);
    }

    /// Asks one for what is missing; `first`, or whoever comes first.
    pub(super) fn ask(&mut self, first: Option<SocketAddrV4>, out: &mut Vec<ReplicaOut>) {
        let own = self.own;
        let Some(Place { stand: Stand::Behind(behind), members, kept, .. }) =
            self.place.as_deref_mut()
        else {
            return;
        };
        let there = |who: &SocketAddrV4| *who != own && members.iter().any(|m| m.address == *who);
        let others = || members.iter().map(|m| m.address).filter(|who| *who != own);
        let Some(to) = first.filter(there).or_else(|| others().next()) else {
            // Nobody is left who could have it: that is known at once.
            behind.asked = None;
            if behind.timer.left() == 0 {
                behind.timer = Countdown::after(1);
            }
            return;
        };
        behind.asked = Some(to);
        behind.timer = Countdown::after(self.reply.saturating_mul(1 << behind.silences));
        let wanted = behind.history.missing(kept);
        let resume = behind.parts.as_ref().map(|parts| (parts.position, parts.bytes.len() as u32));
        out.push(ReplicaOut::Send { to, body: Body::SyncRequest { wanted, resume } });
    }

    pub(super) fn on_request(
        &mut self,
        from: SocketAddrV4,
        wanted: &[Position],
        resume: Option<&(Position, u32)>,
        out: &mut Vec<ReplicaOut>,
    ) -> Result<(), &'static str> {
        let forget = self.memory();
        let place = self.place.as_deref_mut().ok_or("sync-out")?;
        if !place.members.iter().any(|m| m.address == from) {
            return Err("sync-of-a-stranger");
        }
        let at = place.position;
        let part = place.part_for(wanted, resume);
        if let Some(part) = part.as_ref().filter(|part| part.total as usize > part.bytes.len())
            && let Stand::InStep(registry) = &place.stand
            && part.position == place.position
        {
            // The rest of it will be asked for when we are further.
            place.kept.insert(place.position, registry.clone());
            place.forget = Countdown::after(forget);
        }
        out.push(ReplicaOut::Send { to: from, body: Body::Sync { at, part } });
        Ok(())
    }

    /// What somebody has for us.
    pub(super) fn on_answer(
        &mut self,
        from: SocketAddrV4,
        at: &Position,
        part: Option<&RegistryPart>,
        out: &mut Vec<ReplicaOut>,
    ) -> Result<(), &'static str> {
        let place = self.place.as_deref_mut().ok_or("sync-out")?;
        let Stand::Behind(behind) = &mut place.stand else { return Err("sync-not-needed") };
        if !place.members.iter().any(|m| m.address == from) {
            return Err("sync-of-a-stranger");
        }
        let of_use = match part {
            None => false,
            Some(part) if part.exact => {
                if !behind.take(part)? {
                    // The rest, from the same one.
                    self.ask(Some(from), out);
                    return Ok(());
                }
                let registry = behind.whole(part.position, self.init)?;
                let news = place.kept.get(&part.position).is_none();
                place.kept.insert(part.position, registry);
                if news && behind.history.wants(&part.position) {
                    (behind.rounds, behind.silences, behind.asked) = (0, 0, None);
                    behind.heard.clear();
                    behind.timer = Countdown::OFF;
                    self.go_on(Some(from), out);
                    return Ok(());
                }
                // Of a position where we are not yet, perhaps.
                true
            }
            Some(part) => {
                let whole = part.bytes.len() == part.total as usize;
                let registry = Registry::decode(&part.bytes).ok().ok_or("sync-unreadable")?;
                if whole {
                    behind.history.keep_partial(part.position, registry);
                }
                false
            }
        };
        behind.heard.insert(from, !of_use && *at == place.position);
        if behind.asked == Some(from) {
            self.answered(out);
        }
        Ok(())
    }

    /// The one that was asked has nothing for us: the next one is asked, or the round is over.
    fn answered(&mut self, out: &mut Vec<ReplicaOut>) {
        let own = self.own;
        let Some(Place { stand: Stand::Behind(behind), members, .. }) = self.place.as_deref_mut()
        else {
            return;
        };
        behind.silences = 0;
        let others = members.iter().map(|m| m.address).filter(|who| *who != own);
        let next = others.clone().find(|who| !behind.heard.contains_key(who));
        if next.is_some() {
            return self.ask(next, out);
        }
        let nobody = others.clone().all(|who| behind.heard.get(&who) == Some(&true));
        behind.rounds = if nobody { behind.rounds + 1 } else { 0 };
        behind.heard.clear();
        behind.asked = None;
        behind.timer = Countdown::after(self.reply);
    }
}

impl Behind {
    pub fn new(history: History) -> Behind {
        let (timer, heard) = (Countdown::OFF, BTreeMap::new());
        Behind { history, asked: None, timer, silences: 0, heard, rounds: 0, parts: None }
    }

    /// The registry whose parts are complete. `init`: what was said of it when we came.
    fn whole(
        &mut self,
        position: Position,
        init: Option<(Position, Digest)>,
    ) -> Result<Registry, &'static str> {
        let bytes = self.parts.take().map(|parts| parts.bytes).unwrap_or_default();
        let told = init.filter(|(at, digest)| *at == position && *digest != Digest::default());
        if told.is_some_and(|(_, digest)| digest != Record::digest_of(&bytes)) {
            return Err("sync-of-another-digest");
        }
        Registry::decode(&bytes).ok().ok_or("sync-unreadable")
    }

    /// Puts a part behind those before it; true if that is all.
    fn take(&mut self, part: &RegistryPart) -> Result<bool, &'static str> {
        if part.total > MOST {
            return Err("sync-too-large");
        }
        let fits = |parts: &Parts| {
            (parts.position, parts.total) == (part.position, part.total)
                && parts.bytes.len() == part.offset as usize
        };
        match &mut self.parts {
            Some(parts) if fits(parts) => parts.bytes.extend(&part.bytes),
            _ if part.offset == 0 => {
                let (position, total, bytes) = (part.position, part.total, part.bytes.clone());
                self.parts = Some(Parts { position, total, bytes });
            }
            _ => return Err("sync-part-not-expected"),
        }
        Ok(self.parts.as_ref().is_some_and(|parts| parts.bytes.len() == parts.total as usize))
    }
}

impl Place {
    /// What we have of what somebody wants.
    fn part_for(
        &self,
        wanted: &[Position],
        resume: Option<&(Position, u32)>,
    ) -> Option<RegistryPart> {
        let exact = |position: &Position| match &self.stand {
            Stand::InStep(registry) if *position == self.position => Some(registry),
            Stand::InStep(_) => self.kept.get(position),
            Stand::Behind(behind) => behind.history.exact(position, &self.kept),
        };
        if let Some((position, offset)) = resume
            && let Some(registry) = exact(position)
        {
            let part = part_of(*position, &registry.encode(), *offset as usize, true);
            if part.is_some() {
                return part;
            }
        }
        let first = wanted.first().filter(|position| exact(position).is_some());
        let others = || wanted.iter().find(|position| exact(position).is_some());
        let chosen = first.copied().or(match &self.stand {
            Stand::InStep(_) => Some(self.position),
            Stand::Behind(_) => others().copied(),
        });
        if let Some(position) = chosen {
            return part_of(position, &exact(&position)?.encode(), 0, true);
        }
        let Stand::Behind(behind) = &self.stand else { return None };
        let left =
            |position: &Position| Some((*position, behind.history.left_at(position, &self.kept)?));
        let (position, registry) = wanted.iter().find_map(left)?;
        let bytes = registry.encode();
        part_of(position, &bytes, 0, false).filter(|part| part.bytes.len() == bytes.len())
    }
}

fn part_of(position: Position, bytes: &[u8], offset: usize, exact: bool) -> Option<RegistryPart> {
    let rest = bytes.get(offset..).filter(|rest| !rest.is_empty())?;
    let total = u32::try_from(bytes.len()).ok()?;
    let bytes = rest[..rest.len().min(PART)].to_vec();
    Some(RegistryPart { position, exact, total, offset: offset as u32, bytes })
}
