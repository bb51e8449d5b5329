//! A message for a person: one field a line, with the labels and the order that the program of 1994 prints
//! (appendix, the routine for debugging), and behind them what is wrong.
//!
//! ```text
//!  version:        1
//!  checksum:       0x0000ffff (none)
//!  group_name:     "ring"
//!  ...
//!  error:          data_len at byte 84: 5 bytes of data, 3 are there: must be 3
//! ```
//!
//! A field that cannot be trusted is not printed. Every string is escaped.

use super::dissect::Reading;
use super::layout::Field;
use super::payload;
use crate::name::Gid;
use crate::wire::checksum::Checksum;
use std::io::{self, Write};

/// Gids in a row.
const ROW: usize = 16;
/// Bytes of nonsense that are dumped; the rest is counted.
const NONSENSE: usize = 256;

/// Prints a message; the caller separates it from others.
///
/// # Errors
/// Those of `out`.
pub fn print(out: &mut dyn Write, reading: &Reading<'_>) -> io::Result<()> {
    for (label, value) in rows(reading) {
        let colon = if label.is_empty() { "" } else { ":" };
        writeln!(out, "{:<15} {value}", format!("{label}{colon}"))?;
    }
    Ok(())
}

type Row = (&'static str, String);

fn rows(reading: &Reading<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(prefix) = reading.prefix {
        rows.push(("prefix", format!("{} (family {})", prefix.sender, prefix.family)));
    }
    rows.extend(header(reading));
    for (list, len, gids, field) in [
        ("exclude_list", "excl_list_len", &reading.exclude, Field::ExclListLen),
        ("subject_list", "subj_list_len", &reading.subjects, Field::SubjListLen),
    ] {
        if let Some(gids) = gids {
            rows.extend(list_rows(list, gids));
        }
        rows.extend(reading.number(field).map(|n| (len, n.to_string())));
    }
    rows.extend(reading.number(Field::DataLen).map(|n| ("data_len", n.to_string())));
    rows.extend(payload::rows(reading));
    rows.extend(reading.notes.iter().map(|(field, note)| ("note", format!("{field}: {note}"))));
    for fault in &reading.faults {
        rows.push(("error", format!("{} at byte {}: {}", fault.field, fault.offset, fault.reason)));
    }
    rows.extend(nonsense(reading));
    rows
}

/// The fields that say one thing each.
fn header(reading: &Reading<'_>) -> impl Iterator<Item = Row> {
    let decimal = |field| reading.number(field).map(|n| n.to_string());
    let name = reading.group_name().map(|name| format!("\"{}\"", name.escape_ascii()));
    let address = reading.subject_addr().map(|ip| format!("{ip} ({})", u32::from(ip)));
    let number =
        reading.number(Field::Authentication).map(|number| format!("{number} (0x{number:08x})"));
    let kind = reading.number(Field::MsgType).map(|code| match reading.kind() {
        Some(kind) => format!("{kind} ({code})"),
        None => code.to_string(),
    });
    [
        ("version", decimal(Field::Vers)),
        ("checksum", checksum(reading)),
        ("group_name", name),
        ("authentication", number),
        ("group_view", decimal(Field::GroupView)),
        ("sender_gid", gid(reading, Field::SenderGid)),
        ("subject_gid", gid(reading, Field::SubjectGid)),
        ("subject_addr", address),
        ("subject_rank", decimal(Field::SubjectRank)),
        ("msg_type", kind),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some((label, value?)))
}

fn gid(reading: &Reading<'_>, field: Field) -> Option<String> {
    let gid = reading.short(field)?;
    Some(if gid == Gid::NONE.0 { format!("{gid} (none yet)") } else { gid.to_string() })
}

fn checksum(reading: &Reading<'_>) -> Option<String> {
    let found = reading.number(Field::Checksum)?;
    Some(match reading.checksum {
        Some(Checksum::None) => format!("0x{found:08x} (none)"),
        Some(Checksum::Good) => format!("0x{found:08x} (good)"),
        Some(Checksum::Bad { computed, .. }) => {
            format!("0x{found:08x} (bad, must be 0x{computed:08x})")
        }
        None => format!("0x{found:08x} (not checked)"),
    })
}

fn list_rows(label: &'static str, gids: &[u16]) -> Vec<Row> {
    if gids.is_empty() {
        return vec![(label, "none".into())];
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    let rows = gids.chunks(ROW).map(|row| {
        let words: Vec<String> = row.iter().map(u16::to_string).collect();
        words.join(" ")
    });
    labels.zip(rows).collect()
}

/// The bytes that belong to no field, counted from the start of the datagram.
fn nonsense(reading: &Reading<'_>) -> Vec<Row> {
    let (start, bytes) = reading.rest;
    let shown = &bytes[..bytes.len().min(NONSENSE)];
    let labels = std::iter::once("bytes").chain(std::iter::repeat(""));
    let mut rows: Vec<Row> = labels.zip(payload::dump(start, shown)).collect();
    if bytes.len() > shown.len() {
        rows.push(("", format!("and {} bytes more", bytes.len() - shown.len())));
    }
    rows
}
