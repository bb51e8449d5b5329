//! What is in the data of a message: the one place of `ms decode` that looks.
//!
//! The data of our own messages ends with an authentication trailer if they are signed, and is a part of
//! something larger in a FRAGMENT. Whoever defines such a payload in [`crate::wire`] adds its rows to
//! [`rows`] and its keys to [`keys`]; the bytes themselves are shown whatever they mean, so that nothing
//! hides behind an explanation.

use super::dissect::Reading;
use serde_json::{Map, Value};

/// Bytes in a row of a hex dump.
const ROW: usize = 16;

/// The rows of the text output: a label, or none for a row that continues the one above, and what stands
/// behind it.
pub fn rows(reading: &Reading<'_>) -> Vec<(&'static str, String)> {
    let Some(data) = reading.data else { return Vec::new() };
    if is_text(data) {
        return vec![("data", format!("\"{}\"", data.escape_ascii()))];
    }
    let labels = std::iter::once("data").chain(std::iter::repeat(""));
    labels.zip(dump(0, data)).collect()
}

/// The keys of the JSON output.
pub fn keys(reading: &Reading<'_>, object: &mut Map<String, Value>) {
    let Some(data) = reading.data else { return };
    object.insert("data".into(), hex(data).into());
    if is_text(data) {
        object.insert("data_text".into(), String::from_utf8_lossy(data).into());
    }
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
    use super::*;

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
