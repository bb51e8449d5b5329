//! The key file: who belongs to the circle.
//!
//! ```text
//!   # ID HEX; the first key signs, all verify
//!   2 8f1c3a5b7d9e0f214365870918a2b3c4   # since the change of the guard
//!   1 000102030405060708090a0b0c0d0e0f   # until everybody has key 2
//! ```
//!
//! A key is changed without a stop in three rounds: add the new one as the last line everywhere, then make it
//! the first, then take the old one away. Nothing of a secret, nor any word that could be one because its writer
//! forgot the id or swapped the columns, ever appears in an error or a debug print.

use std::fmt;
use std::ops::RangeInclusive;

/// Length of a secret in bytes: from the length of the MAC to the block of SHA-256, beyond which HMAC would
/// only hash it down.
const SECRET: RangeInclusive<usize> = 16..=64;

/// A shared secret and the number that says on the wire which one it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: u32,
    secret: Vec<u8>,
}

impl Key {
    /// A key from its parts: `id` from 1, `secret` of 16 to 64 bytes.
    ///
    /// # Errors
    /// [`KeyFault::Id`] or [`KeyFault::Length`].
    pub fn new(id: u32, secret: &[u8]) -> Result<Key, KeyFault> {
        if id == 0 {
            return Err(KeyFault::Id);
        }
        if !SECRET.contains(&secret.len()) {
            return Err(KeyFault::Length { bytes: secret.len() });
        }
        Ok(Key { id, secret: secret.to_vec() })
    }

    /// The number of the key, from 1.
    pub fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The live keys, 1 to [`Keys::MAX`]: the first signs, all verify.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Most keys that may be live at once. A rotation needs two.
    pub const MAX: usize = 8;

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// Everything that is wrong with the file, in the order of its lines; at least one error.
    pub fn parse(text: &str) -> Result<Keys, Vec<KeyError>> {
        let mut keys: Vec<Key> = Vec::new();
        let mut ids: Vec<(u32, usize)> = Vec::new();
        let mut entries = 0;
        let mut errors = Vec::new();
        for (line, entry) in (1..).zip(text.lines()) {
            let entry = entry.split('#').next().unwrap_or_default();
            let mut words = entry.split_whitespace();
            let Some(id) = words.next() else { continue };
            entries += 1;
            let mut refuse = |fault| errors.push(KeyError { line, fault });
            if entries > Keys::MAX {
                refuse(KeyFault::Many);
            }
            let id = parse_id(id).map_err(&mut refuse).ok();
            let secret = parse_secret(words.next()).map_err(&mut refuse).ok();
            if words.next().is_some() {
                refuse(KeyFault::Words);
            }
            let Some(id) = id else { continue };
            match ids.iter().find(|(other, _)| *other == id) {
                Some(&(_, first)) => refuse(KeyFault::Duplicate { id, first }),
                None => ids.push((id, line)),
            }
            keys.extend(secret.map(|secret| Key { id, secret }));
        }
        if entries == 0 {
            errors.push(KeyError { line: text.lines().count().max(1), fault: KeyFault::None });
        }
        if errors.is_empty() { Ok(Keys(keys)) } else { Err(errors) }
    }

    /// The key that signs.
    pub fn signing(&self) -> &Key {
        &self.0[0]
    }

    /// The key with this number, if it is live.
    pub fn get(&self, id: u32) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// The numbers of the live keys; the first one's signs.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.0.iter().map(Key::id)
    }
}

/// A single key, that signs and verifies.
impl From<Key> for Keys {
    fn from(key: Key) -> Keys {
        Keys(vec![key])
    }
}

fn parse_id(word: &str) -> Result<u32, KeyFault> {
    // parse() alone would let a sign pass.
    if !word.bytes().all(|b| b.is_ascii_digit()) {
        return Err(KeyFault::Id);
    }
    word.parse().ok().filter(|&id| id != 0).ok_or(KeyFault::Id)
}

fn parse_secret(word: Option<&str>) -> Result<Vec<u8>, KeyFault> {
    let word = word.ok_or(KeyFault::Missing)?;
    let mut digits = Vec::with_capacity(word.len());
    for (place, c) in (1..).zip(word.chars()) {
        // A hexadecimal digit is at most 15.
        digits.push(c.to_digit(16).ok_or(KeyFault::Digit { place })? as u8);
    }
    if digits.len() % 2 != 0 {
        return Err(KeyFault::Odd { digits: digits.len() });
    }
    let secret: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if !SECRET.contains(&secret.len()) {
        return Err(KeyFault::Length { bytes: secret.len() });
    }
    Ok(secret)
}

/// What is wrong with a key file, and where. Displayed as `LINE: what, what would be right`, to stand
/// behind the file's name and a colon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyError {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: KeyFault,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.fault)
    }
}

impl std::error::Error for KeyError {}

/// What is wrong with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFault {
    /// The first word is no number from 1 to `u32::MAX`.
    Id,
    /// There is nothing behind the id.
    Missing,
    /// The secret has a character that is no hexadecimal digit.
    Digit {
        /// Which one, from 1.
        place: usize,
    },
    /// The secret ends in the middle of a byte.
    Odd {
        /// Hexadecimal digits it has.
        digits: usize,
    },
    /// The secret is too short or too long.
    Length {
        /// Bytes it has.
        bytes: usize,
    },
    /// There is something behind the secret.
    Words,
    /// The id is used already.
    Duplicate {
        /// The id.
        id: u32,
        /// Line of its first use, from 1.
        first: usize,
    },
    /// There are more than [`Keys::MAX`] keys.
    Many,
    /// There is no key in the file.
    None,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (SECRET.start(), SECRET.end());
        match self {
            KeyFault::Id => {
                write!(f, "the key id is none, must be a decimal number from 1 to {}", u32::MAX)
            }
            KeyFault::Missing => write!(f, "there is no key behind the id, must be ID HEX"),
            KeyFault::Digit { place } => write!(
                f,
                "character {place} of the key is none of its kind, must be a hexadecimal digit"
            ),
            KeyFault::Odd { digits } => {
                write!(f, "the key has {digits} hexadecimal digits, must have two for each byte")
            }
            KeyFault::Length { bytes } => write!(
                f,
                "the key has {bytes} bytes, must have {least} to {most}: {} to {} hexadecimal digits",
                2 * least,
                2 * most
            ),
            KeyFault::Words => {
                write!(f, "there is more behind the key, must be ID HEX and comments begin with #")
            }
            KeyFault::Duplicate { id, first } => {
                write!(f, "key id {id} stands in line {first} already, must be used once")
            }
            KeyFault::Many => write!(f, "too many keys, must be 1 to {}", Keys::MAX),
            KeyFault::None => write!(f, "there is no key, must be 1 to {} lines ID HEX", Keys::MAX),
        }
    }
}

impl std::error::Error for KeyFault {}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "000102030405060708090a0b0c0d0e0f";
    const B: &str = "F0E1D2C3B4A5968778695a4b3c2d1e0f";

    fn faults(text: &str) -> Vec<(usize, KeyFault)> {
        Keys::parse(text).unwrap_err().iter().map(|e| (e.line, e.fault)).collect()
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let keys = Keys::parse(&format!("# keys\n\n 7 {B} # new\r\n3\t{A}")).unwrap();
        assert_eq!(keys.signing().id(), 7);
        assert_eq!(keys.ids().collect::<Vec<_>>(), [7, 3]);
        assert_eq!(keys.get(7).unwrap().secret()[..3], [0xF0, 0xE1, 0xD2]);
        assert_eq!(keys.get(3).unwrap().secret()[15], 0x0F);
        assert_eq!(keys.get(1), None);
    }

    #[test]
    fn every_error_of_the_file_is_told_with_its_line() {
        let text = format!(
            "{A}\n1 {A}\n0 {A}\n4294967296 {A}\n+5 xyz\n1 {B}\n6 {B}0\n7 0011\n8 {A} {B}\n9 {A}"
        );
        assert_eq!(
            faults(&text),
            [
                (1, KeyFault::Id),
                (1, KeyFault::Missing),
                (3, KeyFault::Id),
                (4, KeyFault::Id),
                (5, KeyFault::Id),
                (5, KeyFault::Digit { place: 1 }),
                (6, KeyFault::Duplicate { id: 1, first: 2 }),
                (7, KeyFault::Odd { digits: 33 }),
                (8, KeyFault::Length { bytes: 2 }),
                (9, KeyFault::Many),
                (9, KeyFault::Words),
                (10, KeyFault::Many),
            ]
        );
        assert_eq!(
            faults(&format!("3 {}", "00".repeat(65))),
            [(1, KeyFault::Length { bytes: 65 })]
        );
        assert!(Keys::parse(&format!("4294967295 {}", "0a".repeat(64))).is_ok());
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        assert_eq!(faults(""), [(1, KeyFault::None)]);
        assert_eq!(faults("# nothing\n\n# here\n"), [(3, KeyFault::None)]);
    }

    #[test]
    fn no_error_and_no_debug_print_shows_a_secret() {
        let word = "5ec4e75ec4e75ec4e75ec4e75ec4e75z";
        let text = format!("{word}\n1 {word}\n{word} 1\n1 {A} {word}\n1 {A}\n2 {}", &word[..31]);
        for error in Keys::parse(&text).unwrap_err() {
            assert!(!format!("{error} {error:?}").contains("5ec4"), "{error}");
        }
        let keys = Keys::parse(&format!("1 {}", "5e".repeat(16))).unwrap();
        assert_eq!(format!("{keys:?}"), "Keys([Key { id: 1, .. }])");
    }

    #[test]
    fn an_error_says_what_would_be_right() {
        let told: Vec<String> =
            Keys::parse("0 00").unwrap_err().iter().map(|e| format!("ms.keys:{e}")).collect();
        assert_eq!(
            told,
            [
                "ms.keys:1: the key id is none, must be a decimal number from 1 to 4294967295",
                "ms.keys:1: the key has 1 bytes, must have 16 to 64: 32 to 128 hexadecimal digits",
            ]
        );
    }

    #[test]
    fn a_key_from_its_parts_is_checked_too() {
        assert_eq!(Key::new(0, &[1; 16]), Err(KeyFault::Id));
        assert_eq!(Key::new(1, &[1; 15]), Err(KeyFault::Length { bytes: 15 }));
        assert_eq!(Keys::from(Key::new(9, &[1; 16]).unwrap()).signing().id(), 9);
    }
}
