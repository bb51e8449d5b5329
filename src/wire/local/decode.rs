//! Packets to calls and events; their layout is in `encode.rs`.

use super::encode::ENTRY;
use super::{Ask, Asking, Closing, LocalCall, LocalEvent, Telling};
use crate::name::Digest;
use crate::wire::WireError;
use crate::wire::cursor::{Limit, Read, Reader, refuse};
use crate::wire::group::{Entry, MODES, Path, REASONS};

impl Asking {
    /// Reads a packet of an application.
    ///
    /// # Errors
    /// [`WireError::Payload`] with a word for the field that does not make sense, `where: what`.
    pub fn decode(packet: &[u8]) -> Result<Asking, WireError> {
        let mut reader = Reader(packet);
        let asking = match reader.u8()? {
            0 => Asking::Hello { version: reader.u16()? },
            code => Asking::Call(reader.local_call(code)?),
        };
        reader.ended(asking)
    }
}

impl Telling {
    /// Reads a packet for an application.
    ///
    /// # Errors
    /// As [`Asking::decode`].
    pub fn decode(packet: &[u8]) -> Result<Telling, WireError> {
        let mut rest = packet;
        let telling = Telling::read(&mut rest)?;
        Reader(rest).ended(telling)
    }

    /// Reads the first of those that a packet for an application holds; `rest` is what is behind it.
    ///
    /// # Errors
    /// As [`Asking::decode`]; `rest` is as it was.
    pub fn read(rest: &mut &[u8]) -> Result<Telling, WireError> {
        let mut reader = Reader(rest);
        let telling = match reader.u8()? {
            0 => Telling::Hello { version: reader.u16()?, mi: reader.life()? },
            1 => Telling::Closing(reader.closing()?),
            11 => {
                let (more, gone, came) = reader.lists()?;
                Telling::Rest { gone, came, more }
            }
            code => {
                let (event, more) = reader.event(code)?;
                Telling::Event { event, more }
            }
        };
        *rest = reader.0;
        Ok(telling)
    }
}

impl Reader<'_> {
    fn ended<T>(self, whole: T) -> Read<T> {
        if self.0.is_empty() { Ok(whole) } else { refuse("length: ends too late") }
    }

    fn local_call(&mut self, code: u8) -> Read<LocalCall> {
        let (number, group) = (self.u32()?, self.group_name()?);
        let ask = match code {
            1 => Ask::Join {
                mode: self.place(&MODES, "mode: unknown")?,
                tag: self.tag()?,
                qos: Box::new(self.qos()?),
                patience_ms: self.u32()?,
            },
            2 => Ask::Leave { member: self.member_id()? },
            3 => Ask::Merge { other: self.group_name()? },
            4 => Ask::Split { new: self.group_name()?, members: self.numbers()? },
            5 => Ask::View,
            6 => Ask::Alive { nonce: self.u32()? },
            _ => return refuse("code: unknown"),
        };
        Ok(LocalCall { number, group, ask })
    }

    fn closing(&mut self) -> Read<Closing> {
        Ok(match (self.u8()?, self.u16()?) {
            (0, spoken) => Closing::Version { spoken },
            (1, 0) => Closing::NotAuthorised,
            (2, 0) => Closing::NoPlace,
            (3, 0) => Closing::NotUnderstood,
            _ => return refuse("closing: unknown"),
        })
    }

    fn event(&mut self, code: u8) -> Read<(LocalEvent, bool)> {
        let event = match code {
            2 => LocalEvent::Taken { call: self.u32()?, member: self.member_id()? },
            3 => LocalEvent::Done { call: self.u32()? },
            4 => LocalEvent::Refused {
                call: self.u32()?,
                group: self.group_name()?,
                refusal: self.refusal()?,
            },
            5 => return self.roster(),
            6 => LocalEvent::Alive { nonce: self.u32()? },
            7 => return self.local_view(),
            8 => LocalEvent::Out {
                group: self.group_name()?,
                member: self.member_id()?,
                reason: self.place(&REASONS, "reason: unknown")?,
            },
            9 => LocalEvent::ServerLost,
            10 => LocalEvent::ServerFound,
            _ => return refuse("code: unknown"),
        };
        Ok((event, false))
    }

    fn roster(&mut self) -> Read<(LocalEvent, bool)> {
        let (call, key, term, number) = (self.u32()?, self.key()?, self.u32()?, self.u32()?);
        let (digest, qos) = (Digest(self.array()?), Box::new(self.qos()?));
        let (more, gone, entries) = self.lists()?;
        if !gone.is_empty() {
            return refuse("roster: somebody went");
        }
        Ok((LocalEvent::Roster { call, key, term, number, digest, qos, entries }, more))
    }

    fn local_view(&mut self) -> Read<(LocalEvent, bool)> {
        let (key, member) = (self.key()?, self.member_id()?);
        let (gid, rank, term, number) = (self.u32()?, self.u32()?, self.u32()?, self.u32()?);
        let (digest, size) = (Digest(self.array()?), self.u32()?);
        let reason = self.place(&REASONS, "reason: unknown")?;
        let whole = self.has()?;
        let qos = if self.has()? { Some(Box::new(self.qos()?)) } else { None };
        let (more, gone, came) = self.lists()?;
        let view = LocalEvent::View {
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
            gone,
            came,
            whole,
        };
        Ok((view, more))
    }

    fn lists(&mut self) -> Read<(bool, Vec<u32>, Vec<Entry>)> {
        let (more, gone) = (self.has()?, self.numbers()?);
        let count = self.u32()? as usize;
        let came = self.list(count, Limit(usize::MAX, ENTRY, "roster: too many"), |reader| {
            let (id, gid) = (reader.member_id()?, reader.u32()?);
            Ok(Entry {
                id,
                gid,
                tag: reader.tag()?,
                roams: false,
                lost: false,
                registration: 0,
                path: Path::default(),
            })
        })?;
        Ok((more, gone, came))
    }
}
