//! What goes to the standard output: messages as text or as JSON, each with where it is from.

use super::capture::Time;
use super::dissect::Reading;
use super::{json, text};
use serde_json::Map;
use std::io::{self, Write};
use std::net::SocketAddrV4;

/// Where a datagram is from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whence {
    /// There is only one, and whoever typed it knows.
    Unsaid,
    /// A file, or a line of one.
    Place(String),
    /// A packet.
    Packet {
        /// When it was captured, if the capture says so.
        time: Option<Time>,
        /// Its source address.
        source: SocketAddrV4,
        /// Its destination address.
        destination: SocketAddrV4,
    },
}

/// The standard output, and how it is written.
pub struct Report<'a> {
    json: bool,
    out: &'a mut dyn Write,
    is_first: bool,
}

impl<'a> Report<'a> {
    /// A report in JSON lines or in text.
    pub fn new(json: bool, out: &'a mut dyn Write) -> Report<'a> {
        Report { json, out, is_first: true }
    }

    /// Reports a message.
    ///
    /// # Errors
    /// Those of the standard output.
    pub fn message(&mut self, whence: &Whence, reading: &Reading<'_>) -> io::Result<()> {
        if self.json { self.object(whence, reading) } else { self.text(whence, reading) }
    }

    /// Writes what a buffer holds.
    ///
    /// # Errors
    /// Those of the standard output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn object(&mut self, whence: &Whence, reading: &Reading<'_>) -> io::Result<()> {
        let mut object = Map::new();
        match whence {
            Whence::Unsaid => {}
            Whence::Place(place) => {
                object.insert("from".into(), place.as_str().into());
            }
            Whence::Packet { time, source, destination } => {
                if let Some(time) = time {
                    object.insert("time".into(), time.to_string().into());
                }
                object.insert("src".into(), source.to_string().into());
                object.insert("dst".into(), destination.to_string().into());
            }
        }
        json::keys(reading, &mut object);
        serde_json::to_writer(&mut *self.out, &object)?;
        writeln!(self.out)
    }

    fn text(&mut self, whence: &Whence, reading: &Reading<'_>) -> io::Result<()> {
        if !self.is_first {
            writeln!(self.out)?;
        }
        self.is_first = false;
        match whence {
            Whence::Unsaid => {}
            Whence::Place(place) => writeln!(self.out, "{place}")?,
            Whence::Packet { time, source, destination } => {
                if let Some(time) = time {
                    write!(self.out, "{time} ")?;
                }
                writeln!(self.out, "{source} -> {destination}")?;
            }
        }
        text::print(self.out, reading)
    }
}
