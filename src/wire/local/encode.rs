//! Calls and events to packets, and the one place that says how they lie there.
//!
//! All of it is big-endian; `life`, `key`, `member`, `qos`, `name` and what is in brackets are as in the data of
//! messages about groups. An entry has no path: ways are no matter of applications.
//!
//! ```text
//!  of an application: code (1), then by the code
//!      0 HELLO   version (2)
//!      1 JOIN    number (4), name, mode (1), length (1), tag, qos, patience ms (4)
//!      2 LEAVE   number (4), name, member
//!      3 MERGE   number (4), name, name of the other group
//!      4 SPLIT   number (4), name, name of the new group, count (4), gid (4) *
//!      5 VIEW    number (4), name
//!      6 ALIVE   number (4), name, nonce (4)
//!
//!  for an application, one or more: code (1), then by the code
//!      0 HELLO   version (2), life              6 ALIVE        nonce (4)
//!      1 CLOSING why (1), version (2)           7 VIEW         view, lists
//!      2 TAKEN   call (4), member               8 OUT          name, member, reason (1)
//!      3 DONE    call (4)                       9 SERVER LOST  nothing
//!      4 REFUSED call (4), name, code (2)      10 SERVER FOUND nothing
//!      5 ROSTER  call (4), key, term (4), number (4), digest (16), qos, lists
//!                                              11 REST         lists
//!  view    key, member, gid (4), rank (4), term (4), number (4), digest (16), size (4), reason (1), whole (1),
//!          count 0 or 1 (1), qos ?
//!  lists   more (1), count (4), gid (4) * of those who went, count (4), entry * of those who came
//!  entry   member, gid (4), length (1), tag
//! ```

use super::{Ask, Asking, Closing, LocalCall, LocalEvent, MAX_PACKET, Telling};
use crate::wire::WireError;
use crate::wire::cursor::Writer;
use crate::wire::group::{Entry, MAX_RULE, MAX_TAG, MODES, REASONS};

/// Bytes of an entry without its tag.
pub(super) const ENTRY: usize = 19;
/// Bytes that are enough for what changes in a view, as a rule.
const USUAL: usize = 192;
/// Bytes of lists without what is in them.
const LISTS: usize = 9;

impl Asking {
    /// The packet.
    ///
    /// # Errors
    /// [`WireError::Oversized`]: a tag, a rule or the packet is longer than it may be.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut writer = Writer::default();
        match self {
            Asking::Hello { version } => {
                writer.u8(0);
                writer.u16(*version);
            }
            Asking::Call(call) => {
                within_limits(&call.ask)?;
                writer.local_call(call);
            }
        }
        fits(writer.0.len(), MAX_PACKET)?;
        Ok(writer.0)
    }
}

/// Lengths of one byte hold what they count.
fn within_limits(ask: &Ask) -> Result<(), WireError> {
    let Ask::Join { tag, qos, .. } = ask else { return Ok(()) };
    fits(tag.len(), MAX_TAG)?;
    fits(qos.survive.len(), MAX_RULE)?;
    fits(qos.merge.len(), MAX_RULE)
}

fn fits(have: usize, most: usize) -> Result<(), WireError> {
    if have > most { Err(WireError::Oversized { have, most }) } else { Ok(()) }
}

impl Telling {
    /// The packet. The lists must fit it: [`LocalEvent::packets`] sees to that.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Telling::Hello { version, mi } => {
                writer.u8(0);
                writer.u16(*version);
                writer.life(mi);
            }
            Telling::Closing(closing) => writer.closing(*closing),
            Telling::Event { event, more } => {
                writer.event(event);
                if let Some((gone, came)) = lists(event) {
                    writer.lists(*more, gone, came);
                }
            }
            Telling::Rest { gone, came, more } => {
                writer.u8(11);
                writer.lists(*more, gone, came);
            }
        }
        writer.0
    }
}

impl LocalEvent {
    /// The packets of the event, in order: one, and more where its lists are long.
    pub fn packets(&self) -> Vec<Vec<u8>> {
        // Each of many members is told the same: room for it is made once.
        let mut writer = Writer(Vec::with_capacity(USUAL));
        writer.event(self);
        let Some((mut gone, mut came)) = lists(self) else { return vec![writer.0] };
        let mut packets = Vec::new();
        loop {
            let room = MAX_PACKET - writer.0.len() - LISTS;
            let (now_gone, then_gone) = gone.split_at(gone.len().min(room / 4));
            let (now_came, then_came) = came.split_at(fitting(came, room - 4 * now_gone.len()));
            let more = !then_gone.is_empty() || !then_came.is_empty();
            writer.lists(more, now_gone, now_came);
            packets.push(std::mem::take(&mut writer.0));
            if !more {
                return packets;
            }
            (gone, came) = (then_gone, then_came);
            writer.u8(11);
        }
    }
}

/// How many entries so many bytes have room for.
fn fitting(entries: &[Entry], mut room: usize) -> usize {
    let fits = |entry: &&Entry| match room.checked_sub(ENTRY + entry.tag.len()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    entries.iter().take_while(fits).count()
}

/// The lists of an event that has some.
fn lists(event: &LocalEvent) -> Option<(&[u32], &[Entry])> {
    match event {
        LocalEvent::View { gone, came, .. } => Some((gone, came)),
        LocalEvent::Roster { entries, .. } => Some((&[], entries)),
        _ => None,
    }
}

impl Writer {
    fn local_call(&mut self, call: &LocalCall) {
        self.u8(match call.ask {
            Ask::Join { .. } => 1,
            Ask::Leave { .. } => 2,
            Ask::Merge { .. } => 3,
            Ask::Split { .. } => 4,
            Ask::View => 5,
            Ask::Alive { .. } => 6,
        });
        self.u32(call.number);
        self.group_name(&call.group);
        match &call.ask {
            Ask::Join { mode, tag, qos, patience_ms } => {
                self.place(&MODES, *mode);
                self.short(tag);
                self.qos(qos);
                self.u32(*patience_ms);
            }
            Ask::Leave { member } => self.member_id(member),
            Ask::Merge { other } => self.group_name(other),
            Ask::Split { new, members } => {
                self.group_name(new);
                self.numbers(members);
            }
            Ask::View => {}
            Ask::Alive { nonce } => self.u32(*nonce),
        }
    }

    fn closing(&mut self, closing: Closing) {
        let (why, version) = match closing {
            Closing::Version { spoken } => (0, spoken),
            Closing::NotAuthorised => (1, 0),
            Closing::NoPlace => (2, 0),
            Closing::NotUnderstood => (3, 0),
        };
        self.u8(1);
        self.u8(why);
        self.u16(version);
    }

    /// An event up to its lists.
    fn event(&mut self, event: &LocalEvent) {
        match event {
            LocalEvent::Taken { call, member } => {
                self.of_call(2, *call);
                self.member_id(member);
            }
            LocalEvent::Done { call } => self.of_call(3, *call),
            LocalEvent::Refused { call, group, refusal } => {
                self.of_call(4, *call);
                self.group_name(group);
                self.refusal(*refusal);
            }
            LocalEvent::Roster { call, key, term, number, digest, qos, entries: _ } => {
                self.of_call(5, *call);
                self.key(key);
                self.u32(*term);
                self.u32(*number);
                self.0.extend(digest.0);
                self.qos(qos);
            }
            LocalEvent::Alive { nonce } => self.of_call(6, *nonce),
            LocalEvent::View { .. } => self.local_view(event),
            LocalEvent::Out { group, member, reason } => {
                self.u8(8);
                self.group_name(group);
                self.member_id(member);
                self.place(&REASONS, *reason);
            }
            LocalEvent::ServerLost => self.u8(9),
            LocalEvent::ServerFound => self.u8(10),
        }
    }

    fn local_view(&mut self, event: &LocalEvent) {
        let LocalEvent::View {
            key,
            member,
            gid,
            rank,
            term,
            number,
            digest,
            size,
            reason,
            qos,
            whole,
            ..
        } = event
        else {
            return;
        };
        self.u8(7);
        self.key(key);
        self.member_id(member);
        [gid, rank, term, number].into_iter().for_each(|n| self.u32(*n));
        self.0.extend(digest.0);
        self.u32(*size);
        self.place(&REASONS, *reason);
        self.u8((*whole).into());
        self.u8(qos.is_some().into());
        qos.iter().for_each(|qos| self.qos(qos));
    }

    fn of_call(&mut self, code: u8, call: u32) {
        self.u8(code);
        self.u32(call);
    }

    fn lists(&mut self, more: bool, gone: &[u32], came: &[Entry]) {
        self.u8(more.into());
        self.numbers(gone);
        self.u32(came.len() as u32);
        for Entry { id, gid, tag, .. } in came {
            self.member_id(id);
            self.u32(*gid);
            self.short(tag);
        }
    }
}
