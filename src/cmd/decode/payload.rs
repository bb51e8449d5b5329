//! What is in the data of a message: the one place of `ms decode` that looks.
//!
//! The data of our own messages ends with an authentication trailer if they are signed, and is a part of
//! something larger in a FRAGMENT. Whoever defines such a payload in [`crate::wire`] adds its rows to
//! [`rows`] and its keys to [`keys`]; the bytes themselves are shown whatever they mean, so that nothing
//! hides behind an explanation.

use super::dissect::Reading;
use super::layout::{Field, OURS};
use super::{coreset, group};
use crate::name::{Gid, GroupName, Rank};
use crate::wire::auth::{Trailer, nonce_of};
use crate::wire::coreset::CoreMessage;
use crate::wire::fragment::{Fragment, Parts};
use crate::wire::group::GroupMessage;
use crate::wire::{Header, Kind};
use serde_json::{Map, Value, json};

/// Bytes in a row of a hex dump.
const ROW: usize = 16;

/// The rows of the text output: a label, or none for a row that continues the one above, and what stands
/// behind it.
pub fn rows(reading: &Reading<'_>) -> Vec<(&'static str, String)> {
    let Some(data) = reading.data else { return Vec::new() };
    if is_text(data) {
        return vec![("data", format!("\"{}\"", data.escape_ascii()))];
    }
    let (payload, trailer) = Trailer::split(data);
    let labels = std::iter::once("data").chain(std::iter::repeat(""));
    let mut rows: Vec<_> = labels.zip(dump(0, data)).collect();
    match said(reading, payload) {
        Some(Said::Words(words)) => rows.push(("payload", words)),
        Some(Said::Tree(tree)) => {
            let of = if is_of_a_group(payload) { "group" } else { "core-set" };
            rows.push(("payload", of.into()));
            rows.extend(coreset::rows(&tree).into_iter().map(|row| ("", row)));
        }
        None => {}
    }
    if let Some(t) = trailer {
        let (key, boot, sequence) = (t.key, t.boot, t.sequence);
        rows.push(("signature", format!("key {key}, boot {boot}, sequence {sequence}")));
        rows.push(("", format!("MAC {}", hex(&t.mac))));
    }
    rows
}

/// The keys of the JSON output.
pub fn keys(reading: &Reading<'_>, object: &mut Map<String, Value>) {
    let Some(data) = reading.data else { return };
    object.insert("data".into(), hex(data).into());
    if is_text(data) {
        object.insert("data_text".into(), String::from_utf8_lossy(data).into());
        return;
    }
    let (payload, trailer) = Trailer::split(data);
    if let Some(said) = said(reading, payload) {
        let value = match said {
            Said::Words(words) => words.into(),
            Said::Tree(tree) => tree.into(),
        };
        object.insert("payload".into(), value);
    }
    if let Some(t) = trailer {
        let (key, boot, sequence) = (t.key, t.boot, t.sequence);
        let mac = hex(&t.mac);
        let signature = json!({"key": key, "boot": boot, "sequence": sequence, "mac": mac});
        object.insert("signature".into(), signature);
    }
}

/// What a payload says.
enum Said {
    /// In a sentence.
    Words(String),
    /// Key by key: a core-set message has too much to say for one.
    Tree(Map<String, Value>),
}

/// What the payload of a message says, where we know the kind.
fn said(reading: &Reading<'_>, payload: &[u8]) -> Option<Said> {
    let kind = reading.kind()?;
    if payload.first() == Some(&crate::wire::coreset::KIND) && is_of_a_core_set(kind) {
        let exclude = reading.exclude.iter().flatten().map(|&gid| Gid(gid)).collect();
        return Some(match CoreMessage::from_parts(&header(reading)?, exclude, payload) {
            Ok(core) => Said::Tree(coreset::object(&core)),
            Err(refusal) => Said::Words(format!("core-set, {refusal}")),
        });
    }
    if is_of_a_group(payload) && !matches!(kind, Kind::Fragment | Kind::Challenge | Kind::Response)
    {
        return Some(match GroupMessage::from_parts(&header(reading)?, payload) {
            Ok(message) => Said::Tree(group::object(&message)),
            Err(refusal) => Said::Words(format!("group, {refusal}")),
        });
    }
    in_words(kind, payload).map(Said::Words)
}

/// Whether a payload says that it is about groups.
fn is_of_a_group(payload: &[u8]) -> bool {
    payload.first() == Some(&crate::wire::group::KIND)
}

/// The types of what mservers say to one another.
fn is_of_a_core_set(kind: Kind) -> bool {
    kind.code() <= Kind::MDelParReq.code()
        || matches!(kind, Kind::Application | Kind::Forward | Kind::Error)
}

/// The fixed part, if all of it is there and in our layout.
fn header(reading: &Reading<'_>) -> Option<Header> {
    let mut field = [0; GroupName::FIELD];
    let name = reading.group_name()?;
    field[..name.len()].copy_from_slice(name);
    Some(Header {
        group: GroupName::from_field(&field).filter(|_| *reading.layout == OURS)?,
        view: reading.short(Field::GroupView)?,
        authentication: reading.number(Field::Authentication)?,
        sender: Gid(reading.short(Field::SenderGid)?),
        code: reading.short(Field::MsgType)?,
        subject: Gid(reading.short(Field::SubjectGid)?),
        subject_addr: reading.subject_addr()?,
        subject_rank: Rank(reading.short(Field::SubjectRank)?),
    })
}

fn in_words(kind: Kind, payload: &[u8]) -> Option<String> {
    match kind {
        Kind::Challenge | Kind::Response => Some(match nonce_of(payload) {
            Some(nonce) => format!("nonce {}", hex(&nonce)),
            None => "no nonce, malformed".to_string(),
        }),
        Kind::Fragment => Some(match Fragment::decode(payload) {
            Ok(Fragment::Part(part)) => {
                let (w, range) = (part.whole, part.whole.range(part.index));
                let asks = match part.round {
                    0 => String::new(),
                    round => format!(", asks for a report (round {round})"),
                };
                format!(
                    "part {} of {}, bytes {} to {} of {}, whole {} with digest {}{asks}",
                    part.index + 1,
                    w.count,
                    range.start,
                    range.end,
                    w.total,
                    w.id,
                    hex(&w.digest),
                )
            }
            Ok(Fragment::Report(report)) => format!(
                "report on whole {} (round {}): {}",
                report.whole.id,
                report.round,
                missing(&report.missing)
            ),
            Err(refusal) => format!("malformed: {refusal}"),
        }),
        _ => None,
    }
}

fn missing(parts: &Parts) -> String {
    if parts.is_empty() {
        return "received".to_string();
    }
    let list: Vec<String> =
        (0..u16::MAX).filter(|i| parts.contains(*i)).map(|i| (i + 1).to_string()).collect();
    format!("missing parts {}", list.join(" "))
}

/// Whether bytes can be shown as text: nothing but printable ASCII, blanks and line ends. The text
/// output escapes even those, so that no peer writes control sequences to a terminal.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| matches!(b, b' '..=b'~' | b'\t' | b'\n' | b'\r'))
}

/// Bytes as digits and nothing else.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hex dump, a row a string, counted from `start`.
pub fn dump(start: usize, bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    bytes.chunks(ROW).enumerate().map(move |(i, row)| {
        let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = row
            .iter()
            .map(|&b| if b.is_ascii_graphic() || b == b' ' { char::from(b) } else { '.' })
            .collect();
        format!("{:04x}  {:<47}  |{text}|", start + ROW * i, digits.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::dissect::{Clue, dissect};
    use super::*;
    use crate::wire::auth::{Key, Signer};
    use crate::wire::{Draft, Header, Sum};

    #[test]
    fn a_signature_and_a_nonce_are_shown() {
        let header = Header::new("ring".parse().unwrap(), Kind::Challenge);
        let data = crate::wire::auth::PAYLOAD_KIND;
        let mut payload = [0; crate::wire::auth::PAYLOAD_LEN];
        payload[0] = data;
        let draft = Draft { data: &payload, ..Draft::bare(header) };
        let mut datagram = draft.to_vec(Sum::Crc).unwrap();
        let key = Key::new(7, &[9; 16]).unwrap();
        Signer::new(key, 5).seal(&mut datagram, "10.0.0.1:2900".parse().unwrap()).unwrap();
        let reading = dissect(&datagram, Clue::default());
        let rows = rows(&reading);
        let find = |label: &str| rows.iter().find(|r| r.0 == label).map(|r| r.1.as_str());
        assert_eq!(find("payload"), Some("nonce 00000000000000000000000000000000"));
        assert_eq!(find("signature"), Some("key 7, boot 5, sequence 1"));
        let mut object = Map::new();
        keys(&reading, &mut object);
        assert_eq!(object["signature"]["sequence"], 1);
    }

    #[test]
    fn a_dump_is_aligned_and_shows_no_control_character() {
        let rows: Vec<String> = dump(88, b"0123456789abcdef\x1b[2J").collect();
        assert_eq!(
            rows,
            [
                "0058  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|",
                "0068  1b 5b 32 4a                                      |.[2J|",
            ]
        );
    }
}
