//! Datagrams that somebody wrote down: hex digits, or the dump of one of the usual programs.
//!
//! ```text
//!  000100000000ffff72696e67...           one datagram a line; blanks, colons and 0x may stand in it
//!  00000000: 0001 0000 0000 ffff  ....   xxd; also of tcpdump -x, whose packets begin with IPv4
//!  00000000  00 01 00 00 00 00  |..|     hexdump -C, and Wireshark's
//!  0000000 00 01 00 00 00 00 ff ff       od -t x1, offsets octal if they have seven digits
//! ```
//!
//! A dump ends where the next begins at offset 0, or with anything that is no dump. `xxd -p` breaks its
//! lines after 30 bytes, and no message is that short: such a line goes on in the next.

/// The most that a datagram may have with the headers of everything below it, in bytes.
pub const MOST: usize = 65_536 + 64;
/// Bytes in a line of `xxd -p`.
const PLAIN: usize = 30;

/// The bytes of digits that may be parted by blanks and colons and begin with 0x; `None` if there is
/// anything else, half a byte, or nothing.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(text.len());
    for word in text.split(|c: char| c.is_ascii_whitespace() || c == ':') {
        let word = word.strip_prefix("0x").or(word.strip_prefix("0X")).unwrap_or(word);
        for c in word.chars() {
            digits.push(c.to_digit(16)? as u8);
        }
    }
    let whole = !digits.is_empty() && digits.len() % 2 == 0;
    whole.then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// A datagram and the line on which it starts, counted from 1.
pub type Written = (usize, Vec<u8>);

/// Puts datagrams together from lines.
#[derive(Default)]
pub struct Lines {
    line: usize,
    began: usize,
    bytes: Vec<u8>,
    state: State,
}

#[derive(Default, PartialEq)]
enum State {
    /// Between datagrams.
    #[default]
    Between,
    /// In lines of `xxd -p`.
    Plain,
    /// In a dump; the length of its last row, and whether a `*` says that it repeats.
    Dump { row: usize, repeats: bool },
    /// In a dump that has been complained about.
    Lost,
}

/// A line of a dump.
struct Row {
    offset: usize,
    bytes: Vec<u8>,
}

impl Lines {
    /// Takes the next line, and gives the datagrams that it completes.
    ///
    /// # Errors
    /// What is wrong with the line, for a person. What was put together so far is then dropped.
    pub fn feed(&mut self, text: &str) -> Result<Vec<Written>, String> {
        self.line += 1;
        let row = match self.state {
            State::Dump { .. } | State::Lost => match last_row(text) {
                Some(row) => Ok(Some(row)),
                None => dump_row(text),
            },
            _ => dump_row(text),
        };
        let was_lost = self.state == State::Lost;
        let fed = match row {
            Ok(Some(row)) => self.feed_row(row),
            Ok(None) => self.feed_plain(text.split('#').next().unwrap_or("").trim()),
            // Each line of such a dump is as bad as its first.
            Err(_) if was_lost => Ok(Vec::new()),
            Err(why) => Err(why),
        };
        if fed.is_err() {
            self.bytes.clear();
            self.state = State::Lost;
        }
        fed
    }

    /// The datagram that the end of the text completes.
    pub fn finish(&mut self) -> Option<Written> {
        self.state = State::Between;
        let bytes = std::mem::take(&mut self.bytes);
        (!bytes.is_empty()).then_some((self.began, bytes))
    }

    fn feed_row(&mut self, row: Row) -> Result<Vec<Written>, String> {
        let (mut done, have) = (None, self.bytes.len());
        match self.state {
            State::Lost if row.offset != 0 => return Ok(Vec::new()),
            State::Dump { row: last, repeats: true } if row.offset > have && last > 0 => {
                if row.offset > MOST {
                    return Err(format!("offset {:x} is beyond any datagram", row.offset));
                }
                let again = self.bytes[have - last..].to_vec();
                let more = again.iter().copied().cycle().take(row.offset - have);
                self.bytes.extend(more);
            }
            State::Dump { .. } if row.offset == have => {}
            _ if row.offset == 0 => {
                done = self.finish();
                self.began = self.line;
            }
            State::Dump { .. } => {
                return Err(format!("offset {:x}, must be {have:x} or 0", row.offset));
            }
            _ => return Err(format!("a dump begins at offset {:x}, must be 0", row.offset)),
        }
        if row.bytes.is_empty() {
            return Ok(done.into_iter().chain(self.finish()).collect());
        }
        self.append(&row.bytes)?;
        self.state = State::Dump { row: row.bytes.len(), repeats: false };
        Ok(done.into_iter().collect())
    }

    fn feed_plain(&mut self, text: &str) -> Result<Vec<Written>, String> {
        if let (State::Dump { repeats, .. }, "*") = (&mut self.state, text) {
            *repeats = true;
            return Ok(Vec::new());
        }
        if text.is_empty() || is_heading(text) {
            return Ok(self.finish().into_iter().collect());
        }
        let Some(bytes) = bytes(text) else {
            let start: String = text.chars().take(20).collect();
            return Err(format!("neither hex nor a dump: \"{}\"", start.escape_default()));
        };
        let done = if self.state == State::Plain { None } else { self.finish() };
        if self.bytes.is_empty() {
            self.began = self.line;
        }
        self.append(&bytes)?;
        self.state = State::Plain;
        let ended = if bytes.len() == PLAIN { None } else { self.finish() };
        Ok(done.into_iter().chain(ended).collect())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.bytes.len() + bytes.len() > MOST {
            return Err(format!("more than {MOST} bytes, which no datagram has"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// Whether a line is what tcpdump says of a packet above its dump: it begins with the time of day.
fn is_heading(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 8 && bytes[2] == b':' && bytes[5] == b':' && bytes[8] == b'.'
}

/// Reads a line of a dump; `None` if it is none.
fn dump_row(text: &str) -> Result<Option<Row>, String> {
    let text = text.trim();
    let (first, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    let name = first.trim_end_matches(':');
    let colon = name.len() < first.len();
    let digits = name.strip_prefix("0x").unwrap_or(name);
    let wide = rest.starts_with("  ");
    let is_offset = match digits.len() {
        6 | 7 => true,
        4 | 8 => colon || wide,
        _ => false,
    };
    let radix = if digits.len() == 7 { 8 } else { 16 };
    let offset = match usize::from_str_radix(digits, radix) {
        Ok(offset) if is_offset => offset,
        _ => return Ok(None),
    };
    if rest.is_empty() {
        return Ok(None);
    }
    let mut columns = rest.trim_start();
    let ends: &[&str] = if colon { &["  "] } else { &["  |", "  >", "   "] };
    for end in ends {
        columns = columns.split(end).next().unwrap_or(columns);
    }
    if !colon && columns.split_whitespace().any(|word| word.len() != 2) {
        if digits.len() == 7 {
            return Err("words in the order of a machine, must be bytes: od -t x1".into());
        }
        return Ok(None);
    }
    match bytes(columns) {
        Some(bytes) => Ok(Some(Row { offset, bytes })),
        None => Ok(None),
    }
}

/// The last line of a dump is often an offset and nothing else. Anywhere else that would be a datagram.
fn last_row(text: &str) -> Option<Row> {
    let text = text.trim();
    let radix = match text.len() {
        6 | 8 => 16,
        7 => 8,
        _ => return None,
    };
    let offset = usize::from_str_radix(text, radix).ok()?;
    Some(Row { offset, bytes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Written> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for line in text.lines() {
            all.extend(lines.feed(line).unwrap());
        }
        all.extend(lines.finish());
        all
    }

    #[test]
    fn digits_may_be_written_in_many_ways() {
        let three = Some(vec![0, 1, 0xAB]);
        for text in ["0001ab", "0x0001AB", "00:01:ab", " 00 01\tab ", "0x00 0x01 0xab"] {
            assert_eq!(bytes(text), three, "{text}");
        }
        for text in ["", "0x", "001", "00 01 ag", "/etc/motd"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_is_a_datagram_and_a_comment_is_none() {
        let text = "# two of them\n0001 # first\n\n00:02\n";
        assert_eq!(read(text), [(2, vec![0, 1]), (4, vec![0, 2])]);
    }

    #[test]
    fn the_dumps_of_the_usual_programs_are_read() {
        let mut all: Vec<u8> = (0..20).collect();
        all[16] = 0x20;
        let xxd = "00000000: 0001 0203 0405 0607 0809 0a0b 0c0d 0e0f  .....#..........\n\
                   00000010: 2011 1213                                 ab  \n";
        let hexdump = "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n\
             00000010  20 11 12 13                                       | ...|\n\
             00000014\n";
        let od = "0000000 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n\
                  0000020 20 11 12 13\n0000024\n";
        let tcpdump = "12:00:00.000001 IP 10.0.0.1.2900 > 10.0.0.2.2900: UDP, length 88\n\
                       \t0x0000:  0001 0203 0405 0607 0809 0a0b 0c0d 0e0f\n\
                       \t0x0010:  2011 1213\n";
        let wireshark = "0000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f   ................\n\
                         0010  20 11 12 13                                        ...\n";
        let plain = "000102030405060708090a0b0c0d0e0f20111213\n";
        for text in [xxd, hexdump, od, tcpdump, wireshark, plain] {
            assert_eq!(read(text).len(), 1, "{text}");
            assert_eq!(read(text)[0].1, all, "{text}");
            assert_eq!(read(&text.repeat(2)).len(), 2, "{text}");
        }
    }

    #[test]
    fn repeated_rows_and_broken_lines_are_joined() {
        let text = "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n\
                    *\n00000030  01                                                |.|\n";
        assert_eq!(read(text)[0].1.len(), 49);
        let text = format!("{}\n{}\n{}\n", "00".repeat(30), "11".repeat(30), "22".repeat(28));
        assert_eq!(read(&text).len(), 1);
        assert_eq!(read(&text)[0].1.len(), 88);
    }

    #[test]
    fn a_line_that_is_neither_is_refused_and_the_next_is_read() {
        let mut lines = Lines::default();
        assert!(lines.feed("hello \x1b[2J").unwrap_err().contains("\\u{1b}"));
        let mut lines = Lines::default();
        assert!(lines.feed("0000000 0100 0000 ffff").is_err());
        for line in ["0000020 0100 0000 ffff", "0000026"] {
            assert!(lines.feed(line).unwrap().is_empty(), "one complaint is enough");
        }
        assert!(lines.feed("00000010: 0001 0203").unwrap().is_empty());
        assert_eq!(lines.feed("0001").unwrap(), [(5, vec![0, 1])]);
        lines.feed("00000000: 0001 0203").unwrap();
        assert!(lines.feed("00000010: 0001 0203").is_err());
    }
}
