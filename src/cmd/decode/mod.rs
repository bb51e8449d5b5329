//! `ms decode`: any message, field by field, from wherever it was found.
//!
//! ```text
//!  argument -> hex digits ---------------------------------> datagram ----\
//!           -> file, stdin -> pcap, pcapng -> packet -> UDP -> datagram    > dissect -> text or JSON
//!                          -> hex text, dumps --------------> datagram ---/
//!                          -> anything else ----------------> datagram --/
//! ```
//!
//! Garbage is what this command is for: it is explained, and the exit status says that there was some.

mod capture;
mod coreset;
mod dissect;
mod group;
mod hex;
mod json;
mod layout;
mod packet;
mod payload;
mod report;
mod text;

use super::{Command, options};
use crate::sys::process::exit;
use capture::{Format, Stopped};
use dissect::Clue;
use packet::Found;
use report::{Report, Whence};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::path::Path;

/// The longest datagram, with the prefix of an mcaster and the headers below it, in bytes.
const DATAGRAM: usize = hex::MOST;
/// The longest line of hex text in bytes: a datagram with a blank behind each digit, and a comment.
const LINE: usize = 4 * DATAGRAM;
/// UDP ports whose packets in a capture are messages: plain, of mcaster's prefix, and of the daemons
/// that share a host with one.
const PORTS: [u16; 3] = [2900, MC_PORT, 2901];
/// The port of extended messages.
const MC_PORT: u16 = 3000;

/// The command as the table of commands has it.
pub(super) const COMMAND: Command = Command {
    name: "decode",
    operands: "[FILE|HEX|-]...",
    about: "print messages field by field: captures, bytes, hex digits",
    options: &[options::DECODE, options::ALWAYS],
    run: start,
};

/// `ms decode [options] [FILE|HEX|-]...`
struct Options {
    json: bool,
    ports: Vec<u16>,
    inputs: Vec<String>,
}

impl Options {
    /// The options, or the text that is all that was asked for.
    fn parse(args: &[String]) -> Result<Result<Options, String>, String> {
        let matches = options::parser(COMMAND.options).parse(args).map_err(|e| e.to_string())?;
        if matches.opt_present("help") {
            return Ok(Err(usage()));
        }
        if matches.opt_present("version") {
            return Ok(Err(super::version()));
        }
        let mut ports = PORTS.to_vec();
        for port in matches.opt_strs("port") {
            match port.parse() {
                Ok(port) if port > 0 => ports.push(port),
                _ => {
                    return Err(format!("--port {}: must be 1 to 65535", port.escape_default()));
                }
            }
        }
        let mut inputs = matches.free.clone();
        if inputs.is_empty() {
            inputs.push("-".into());
        }
        Ok(Ok(Options { json: matches.opt_present("json"), ports, inputs }))
    }
}

pub(super) fn start(_: &Command, args: &[String]) -> i32 {
    run(args, &mut io::stdin(), &mut io::stdout(), &mut io::stderr())
}

/// What `ms decode --help` prints.
pub fn usage() -> String {
    COMMAND.usage()
}

/// Runs `ms decode` with what stands behind its name on the command line, and gives its exit status, of
/// sysexits(3): 0 when every message is good, 64 for wrong options, 65 when something did not decode, 66
/// for an input that cannot be opened, 74 when reading or writing fails. The messages go to `out`, what is
/// to be said about the inputs to `err`. Every input is read even if one before it is no good; the status
/// is then the greatest.
pub fn run(args: &[String], stdin: &mut dyn Read, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let options = match Options::parse(args) {
        Ok(Ok(options)) => options,
        Ok(Err(text)) => {
            return written(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        }
        Err(why) => {
            // Nobody is left to be told if the terminal is gone.
            let _ = writeln!(err, "ms: {why}\nms: usage: {}", COMMAND.synopsis());
            return exit::USAGE;
        }
    };
    let mut decoder = Decoder {
        report: Report::new(options.json, out),
        err,
        ports: options.ports,
        status: exit::OK,
        several: options.inputs.len() > 1,
    };
    for input in &options.inputs {
        if let Err(error) = decoder.input(input, stdin) {
            return written(Err(error)).max(decoder.status);
        }
    }
    written(decoder.report.flush()).max(decoder.status)
}

/// The status for how writing went. Whoever closes the pipe has seen enough: no error.
fn written(result: io::Result<()>) -> i32 {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => exit::IOERR,
        _ => exit::OK,
    }
}

/// What a run has to remember. Its functions fail when writing fails, and then nothing more is to be done.
struct Decoder<'a> {
    report: Report<'a>,
    err: &'a mut dyn Write,
    ports: Vec<u16>,
    status: i32,
    several: bool,
}

impl Decoder<'_> {
    fn input(&mut self, input: &str, stdin: &mut dyn Read) -> io::Result<()> {
        if input == "-" {
            return self.stream("stdin", stdin);
        }
        match (File::open(input), hex::bytes(input)) {
            (Ok(mut file), _) => self.stream(input, &mut file),
            // Not only when opening says so: digits are soon too long for the name of a file.
            (Err(_), Some(bytes)) if !Path::new(input).exists() => {
                self.datagram(self.place(input), &bytes)
            }
            (Err(error), bytes) => {
                let hint = if bytes.is_none() { ", and not hex digits either" } else { "" };
                self.complain(exit::NOINPUT, input, &format!("{error}{hint}"))
            }
        }
    }

    /// Where a datagram is from that is an input of its own: said only if there are several.
    fn place(&self, input: &str) -> Whence {
        let name: String = input.chars().take(40).collect();
        let more = if name.len() < input.len() { "..." } else { "" };
        if self.several {
            Whence::Place(format!("{}{more}", name.escape_default()))
        } else {
            Whence::Unsaid
        }
    }

    fn stream(&mut self, name: &str, reader: &mut dyn Read) -> io::Result<()> {
        let mut head = Vec::new();
        // A capture may be a pipe that never ends: no more of it is waited for than tells the format.
        if let Err(error) = reader.take(Format::MAGIC as u64).read_to_end(&mut head) {
            return self.complain(exit::IOERR, name, &error.to_string());
        }
        if let Some(format) = Format::of(&head) {
            return self.capture(name, format, &mut Cursor::new(head).chain(reader));
        }
        let more = (DATAGRAM + 1 - head.len()) as u64;
        if let Err(error) = reader.take(more).read_to_end(&mut head) {
            return self.complain(exit::IOERR, name, &error.to_string());
        }
        let is_text =
            head.iter().all(|&b| matches!(b, b'\t' | b'\n' | b'\r' | 0x0C | b' '..=b'~' | 0x80..));
        match head.len() {
            0 => self.complain(exit::DATAERR, name, "is empty"),
            _ if is_text => self.text(name, &mut Cursor::new(head).chain(reader)),
            len if len > DATAGRAM => {
                let why = format!("more than {DATAGRAM} bytes, and no capture: no datagram");
                self.complain(exit::DATAERR, name, &why)
            }
            _ => self.datagram(self.place(name), &head),
        }
    }

    fn text(&mut self, name: &str, reader: &mut dyn Read) -> io::Result<()> {
        let mut reader = BufReader::new(reader);
        let mut lines = hex::Lines::default();
        for number in 1.. {
            let mut line = Vec::new();
            let more = reader.by_ref().take(LINE as u64).read_until(b'\n', &mut line);
            if let Err(error) = more {
                return self.complain(exit::IOERR, name, &error.to_string());
            }
            let place = format!("{name}:{number}");
            if line.is_empty() {
                break;
            }
            if line.len() == LINE {
                return self.complain(exit::DATAERR, &place, "the line is too long for a datagram");
            }
            match lines.feed(&String::from_utf8_lossy(&line)) {
                Ok(written) => self.written_down(name, written)?,
                Err(why) => self.complain(exit::DATAERR, &place, &why)?,
            }
        }
        self.written_down(name, lines.finish())
    }

    fn written_down(
        &mut self,
        name: &str,
        written: impl IntoIterator<Item = hex::Written>,
    ) -> io::Result<()> {
        for (line, bytes) in written {
            let place = format!("{}:{line}", name.escape_default());
            self.datagram(Whence::Place(place), &bytes)?;
        }
        Ok(())
    }

    fn capture(&mut self, name: &str, format: Format, reader: &mut dyn Read) -> io::Result<()> {
        let (mut seen, mut taken, mut later, mut unknown) = (0u64, 0u64, 0u64, None);
        let stopped = capture::packets(format, reader, &mut |packet| {
            seen = packet.number;
            match packet::find(packet.link, packet.bytes) {
                Ok(Found::Datagram(datagram)) if self.is_ours(&datagram) => {
                    taken += 1;
                    self.found(packet.time, &datagram)
                }
                Ok(Found::Later) => {
                    later += 1;
                    Ok(())
                }
                Ok(_) => Ok(()),
                Err(link) => {
                    unknown = Some(link.0);
                    Ok(())
                }
            }
        });
        if later > 0 {
            let why = "later IPv4 fragments of UDP passed over: only the first says for which port";
            self.note(name, &format!("{later} {why}"))?;
        }
        if let Some(link) = unknown {
            let why = format!("packets of link type {link}, which ms decode does not know");
            self.complain(exit::DATAERR, name, &why)?;
        } else if taken == 0 {
            let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
            let ports = ports.join(", ");
            self.note(name, &format!("no UDP of port {ports} in {seen} packets (see --port)"))?;
        }
        match stopped {
            Ok(()) => Ok(()),
            Err(Stopped::Unwanted(error)) => Err(error),
            Err(Stopped::Read(error)) => self.complain(exit::IOERR, name, &error.to_string()),
            Err(Stopped::Damaged(why)) => self.complain(exit::DATAERR, name, &why),
        }
    }

    fn is_ours(&self, datagram: &packet::Datagram<'_>) -> bool {
        let ports = [datagram.source.port(), datagram.destination.port()];
        ports.iter().any(|port| self.ports.contains(port))
    }

    /// A datagram that was found in a packet.
    fn found(
        &mut self,
        time: Option<capture::Time>,
        datagram: &packet::Datagram<'_>,
    ) -> io::Result<()> {
        let (source, destination) = (datagram.source, datagram.destination);
        let clue = Clue {
            extended: destination.port() == MC_PORT,
            missing: datagram.missing,
            fragment: datagram.fragment,
        };
        self.show(&Whence::Packet { time, source, destination }, datagram.payload, clue)
    }

    /// A datagram of unknown origin; it may be a whole packet.
    fn datagram(&mut self, whence: Whence, bytes: &[u8]) -> io::Result<()> {
        match packet::guess(bytes) {
            Some(datagram) => self.found(None, &datagram),
            None => self.show(&whence, bytes, Clue::default()),
        }
    }

    fn show(&mut self, whence: &Whence, bytes: &[u8], clue: Clue) -> io::Result<()> {
        let reading = dissect::dissect(bytes, clue);
        if !reading.faults.is_empty() {
            self.status = self.status.max(exit::DATAERR);
        }
        self.report.message(whence, &reading)
    }

    fn complain(&mut self, status: i32, place: &str, why: &str) -> io::Result<()> {
        self.status = self.status.max(status);
        self.note(place, why)
    }

    /// Says something about an input, behind what has been said of its messages.
    fn note(&mut self, place: &str, why: &str) -> io::Result<()> {
        self.report.flush()?;
        writeln!(self.err, "ms decode: {}: {why}", place.escape_default())
    }
}
