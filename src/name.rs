//! The nouns of the service: what every other module calls things.
//!
//! A gid is an index in a core table (Figure 57), a rank is a place in a view, a group name is what
//! stands in bytes 8 to 39 of a message. They are small, `Copy`, ordered, and mean one thing each.

use std::fmt;
use std::str::FromStr;

/// Index of a member in the table of its core-set (Figure 57); `FFFF` is "none yet".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Gid(pub u16);

impl Gid {
    /// What a joiner bears until a change gives it a gid.
    pub const NONE: Gid = Gid(0xFFFF);
}

impl fmt::Display for Gid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Place of a member in its view: 0 is the most senior.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Rank(pub u16);

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Number of a physical view. Numbers wrap, so they are compared by [`ViewNumber::newer`] and by
/// nothing else; the order of the type is only for keeping them in maps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ViewNumber(pub u16);

impl ViewNumber {
    /// Whether this one is newer than `other`, as serial numbers are.
    pub fn newer(self, other: ViewNumber) -> bool {
        self != other && self.0.wrapping_sub(other.0) < 1 << 15
    }

    /// The next one.
    pub fn next(self) -> ViewNumber {
        ViewNumber(self.0.wrapping_add(1))
    }
}

impl fmt::Display for ViewNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Which life of a daemon: larger each time it starts anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Incarnation(pub u32);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The first 128 bits of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 16]);

/// All of it, in digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Enough of it to tell digests apart.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Name of a core-set or group: up to 31 bytes, none of them NUL, kept as the 32 bytes of the
/// message header with zeros behind the name.
///
/// Any bytes are possible on the wire (the original is case sensitive and checks nothing), the
/// empty name too; [`FromStr`] is stricter, for what a person types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupName([u8; GroupName::FIELD]);

impl GroupName {
    /// Bytes of the header field.
    pub const FIELD: usize = 32;
    /// Longest name, in bytes: the field less its NUL.
    pub const MAX: usize = 31;

    /// The name up to the first NUL of a header field, or `None` where there is no NUL in it:
    /// the original overran its memory there.
    pub fn from_field(field: &[u8; GroupName::FIELD]) -> Option<GroupName> {
        let end = field.iter().position(|&b| b == 0)?;
        let mut bytes = [0; GroupName::FIELD];
        bytes[..end].copy_from_slice(&field[..end]);
        Some(GroupName(bytes))
    }

    /// The 32 bytes of the header field, zeros behind the name.
    pub fn field(&self) -> &[u8; GroupName::FIELD] {
        &self.0
    }

    /// The name itself, 0 to 31 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(GroupName::MAX);
        &self.0[..end]
    }
}

/// Why a string is no group name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// Nothing was given.
    Empty,
    /// The name has this many bytes, more than [`GroupName::MAX`].
    Long(usize),
    /// White space, a control character, `#` or `/`: it could not stand in a configuration file.
    Character(char),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "is empty, must have 1 to {} bytes", GroupName::MAX),
            NameError::Long(n) => {
                write!(f, "has {n} bytes, must have 1 to {}", GroupName::MAX)
            }
            NameError::Character(c) => write!(
                f,
                "contains {c:?}, must be free of white space, control characters, '#' and '/'"
            ),
        }
    }
}

impl std::error::Error for NameError {}

impl FromStr for GroupName {
    type Err = NameError;

    fn from_str(s: &str) -> Result<GroupName, NameError> {
        if s.is_empty() {
            return Err(NameError::Empty);
        }
        if s.len() > GroupName::MAX {
            return Err(NameError::Long(s.len()));
        }
        if let Some(c) =
            s.chars().find(|c| c.is_whitespace() || c.is_control() || "#/".contains(*c))
        {
            return Err(NameError::Character(c));
        }
        let mut bytes = [0; GroupName::FIELD];
        bytes[..s.len()].copy_from_slice(s.as_bytes());
        Ok(GroupName(bytes))
    }
}

/// The name in words: bytes that are not printable ASCII are escaped, so that no peer can write
/// control sequences into a log.
impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_bytes().escape_ascii().to_string())
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_its_nul_and_forgets_what_is_behind() {
        let mut field = [0xAA; 32];
        field[..5].copy_from_slice(b"ring\0");
        let name = GroupName::from_field(&field).unwrap();
        assert_eq!(name, "ring".parse().unwrap());
        assert_eq!(name.as_bytes(), b"ring");
        assert!(name.field()[4..].iter().all(|&b| b == 0));
        assert_eq!(GroupName::from_field(&[0xAA; 32]), None);
        assert_eq!(GroupName::from_field(&[0; 32]), Some(GroupName::default()));
    }

    #[test]
    fn a_typed_name_is_checked() {
        assert_eq!("".parse::<GroupName>(), Err(NameError::Empty));
        assert_eq!("x".repeat(32).parse::<GroupName>(), Err(NameError::Long(32)));
        assert!("x".repeat(31).parse::<GroupName>().is_ok());
        assert_eq!("a b".parse::<GroupName>(), Err(NameError::Character(' ')));
    }

    #[test]
    fn a_hostile_name_is_printed_harmlessly() {
        let mut field = [0; 32];
        field[..4].copy_from_slice(b"\x1b[2J");
        assert_eq!(GroupName::from_field(&field).unwrap().to_string(), "\\x1b[2J");
    }
}
