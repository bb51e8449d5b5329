//! Rules as they are written, to rules.
//!
//! ```text
//!   size >= 3 and (tag role=db or member 10.0.0.1)
//!   ^1   ^6 ^9    ^15                                an error tells the place, what must be there, and what is
//! ```
//!
//! The text comes from whoever creates a group, by way of other hosts: it is at most [`MAX_RULE`] bytes long, and
//! parentheses go at most [`DEPTH`] deep, so that nothing here takes more than a few pages of stack.

use super::rule::{Merge, Survive, Who};
use crate::name::Incarnation;
use crate::wire::coreset::Life;
use crate::wire::group::{MAX_RULE, MAX_TAG, MemberId};
use std::fmt;
use std::str::FromStr;

/// Parentheses within one another, at the most.
const DEPTH: usize = 16;

/// What is wrong with a rule. Nothing was made of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleError {
    /// The character where it is, counted from 1.
    pub at: usize,
    /// What must be there.
    pub must: &'static str,
    /// What is there instead.
    pub is: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleError { at, must, is } = self;
        write!(f, "at {at}: must be {must}, is {is}")
    }
}

impl FromStr for Survive {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Survive, RuleError> {
        let mut words = Words::of(text)?;
        let rule = words.any_of(0)?;
        match words.next {
            Token::End => Ok(rule),
            _ => words.refuse("and, or, or the end"),
        }
    }
}

impl FromStr for Merge {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Merge, RuleError> {
        let mut words = Words::of(text)?;
        let rule = match words.next {
            Token::Word("name") => Merge::Name,
            Token::Word("none") => Merge::None,
            Token::Word("tag") => Merge::Tag(words.tag()?),
            Token::Word("member") => Merge::Member(words.who()?),
            _ => return words.refuse("name, none, tag or member"),
        };
        words.advance()?;
        match words.next {
            Token::End => Ok(rule),
            _ => words.refuse("the end"),
        }
    }
}

/// A word of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Token<'a> {
    Word(&'a str),
    Quoted(Vec<u8>),
    Open,
    Close,
    AtLeast,
    Below,
    End,
}

/// The words of a rule, one at a time.
struct Words<'a> {
    text: &'a str,
    /// The first byte of `next`, and the first behind it.
    at: usize,
    behind: usize,
    next: Token<'a>,
}

type Parsed<T> = Result<T, RuleError>;

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Parsed<Words<'a>> {
        let mut words = Words { text, at: 0, behind: 0, next: Token::End };
        if text.len() > MAX_RULE {
            let is = format!("{} bytes long", text.len());
            return Err(RuleError { at: 1, must: "at most 255 bytes long", is });
        }
        words.advance()?;
        Ok(words)
    }

    fn any_of(&mut self, depth: usize) -> Parsed<Survive> {
        let first = self.all_of(depth)?;
        let mut rules = vec![first];
        while self.next == Token::Word("or") {
            self.advance()?;
            rules.push(self.all_of(depth)?);
        }
        Ok(alone(rules, Survive::Or))
    }

    fn all_of(&mut self, depth: usize) -> Parsed<Survive> {
        let mut rules = vec![self.one(depth)?];
        while self.next == Token::Word("and") {
            self.advance()?;
            rules.push(self.one(depth)?);
        }
        Ok(alone(rules, Survive::And))
    }

    fn one(&mut self, depth: usize) -> Parsed<Survive> {
        let rule = match self.next {
            Token::Word("all") => Survive::All,
            Token::Word("none") => Survive::None,
            Token::Word("majority") => Survive::Majority,
            Token::Word("size") => self.size()?,
            Token::Word("tag") => Survive::Tag(self.tag()?),
            Token::Word("member") => Survive::Member(self.who()?),
            Token::Open if depth == DEPTH => {
                return self.refuse("at most 16 parentheses within one another");
            }
            Token::Open => {
                self.advance()?;
                let rule = self.any_of(depth + 1)?;
                if self.next != Token::Close {
                    return self.refuse("and, or, or )");
                }
                rule
            }
            _ => return self.refuse("all, none, majority, size, tag, member or ("),
        };
        self.advance()?;
        Ok(rule)
    }

    fn size(&mut self) -> Parsed<Survive> {
        self.advance()?;
        let make = match self.next {
            Token::AtLeast => Survive::AtLeast,
            Token::Below => Survive::Below,
            _ => return self.refuse(">= or <"),
        };
        self.advance()?;
        let number = match &self.next {
            Token::Word(word) => digits(word),
            _ => None,
        };
        number.map_or_else(|| self.refuse("a number of members"), |number| Ok(make(number)))
    }

    /// A tag may be any word, and anything at all in quotes.
    fn tag(&mut self) -> Parsed<Vec<u8>> {
        self.advance()?;
        let tag = match &self.next {
            Token::Word(word) => word.as_bytes().to_vec(),
            Token::Quoted(bytes) => bytes.clone(),
            _ => return self.refuse("a tag"),
        };
        match tag.len() {
            1..=MAX_TAG => Ok(tag),
            _ => self.refuse("a tag of 1 to 64 bytes"),
        }
    }

    fn who(&mut self) -> Parsed<Who> {
        self.advance()?;
        let who = match &self.next {
            Token::Word(word) => who(word),
            _ => None,
        };
        who.map_or_else(|| self.refuse("ADDRESS[:PORT[/LIFE[/NUMBER]]]"), Ok)
    }

    fn refuse<T>(&self, must: &'static str) -> Parsed<T> {
        let is = match &self.next {
            Token::End => "the end".to_string(),
            _ => format!("{:?}", &self.text[self.at..self.behind]),
        };
        Err(RuleError { at: self.place(self.at), must, is })
    }

    /// Which character a byte belongs to.
    fn place(&self, byte: usize) -> usize {
        self.text[..byte].chars().count() + 1
    }

    /// On to the next word.
    fn advance(&mut self) -> Parsed<()> {
        let rest = &self.text[self.behind..];
        let rest = rest.trim_start();
        self.at = self.text.len() - rest.len();
        let (next, len) = match rest.chars().next() {
            None => (Token::End, 0),
            Some('(') => (Token::Open, 1),
            Some(')') => (Token::Close, 1),
            Some('<') => (Token::Below, 1),
            Some('>') if rest.starts_with(">=") => (Token::AtLeast, 2),
            Some('"') => self.quoted(rest)?,
            Some(_) => {
                let ends = |c: char| c.is_whitespace() || "()<>\"".contains(c);
                // A lone > is a word of its own, for the error to tell.
                let len = rest.find(ends).map_or(rest.len(), |len| len.max(1));
                (Token::Word(&rest[..len]), len)
            }
        };
        (self.next, self.behind) = (next, self.at + len);
        Ok(())
    }

    /// `"..."`, in which `\"`, `\\` and `\x` with two digits are bytes that could not stand there otherwise.
    fn quoted(&self, rest: &'a str) -> Parsed<(Token<'a>, usize)> {
        let (bytes, mut tag, mut at) = (rest.as_bytes(), Vec::new(), 1);
        let refuse = |at: usize, must, is: &str| {
            Err(RuleError { at: self.place(self.at + at), must, is: is.to_string() })
        };
        while let Some(&byte) = bytes.get(at) {
            let (byte, len) = match byte {
                b'"' => return Ok((Token::Quoted(tag), at + 1)),
                b'\\' => match escaped(&bytes[at + 1..]) {
                    Some(escaped) => escaped,
                    None => {
                        return refuse(at, "\\\", \\\\ or \\x and two digits", "\\ and another");
                    }
                },
                _ => (byte, 1),
            };
            tag.push(byte);
            at += len;
        }
        refuse(bytes.len(), "a quote that ends the tag", "the end")
    }
}

/// The byte that is written behind a backslash, and how long that is together.
fn escaped(behind: &[u8]) -> Option<(u8, usize)> {
    match behind {
        [byte @ (b'"' | b'\\'), ..] => Some((*byte, 2)),
        [b'x', high, low, ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some(((digit(*high)? * 16 + digit(*low)?) as u8, 4))
        }
        _ => None,
    }
}

/// A single one is no list.
fn alone(mut rules: Vec<Survive>, make: fn(Vec<Survive>) -> Survive) -> Survive {
    match rules.len() {
        1 => rules.remove(0),
        _ => make(rules),
    }
}

fn who(word: &str) -> Option<Who> {
    let mut parts = word.splitn(3, ['/', '#']);
    let (address, life, number) = (parts.next()?, parts.next(), parts.next());
    let Some(life) = life else {
        return match address.parse() {
            Ok(ip) => Some(Who::Host(ip)),
            Err(_) => address.parse().ok().map(Who::Mi),
        };
    };
    let mi = Life { address: address.parse().ok()?, inc: Incarnation(digits(life)?) };
    Some(match number {
        None => Who::Life(mi),
        Some(number) => Who::Member(MemberId { mi, number: digits(number)? }),
    })
}

/// A number, and no sign.
fn digits(word: &str) -> Option<u32> {
    let all = word.bytes().all(|b| b.is_ascii_digit());
    word.parse().ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        text.parse::<Survive>().unwrap_err().to_string()
    }

    #[test]
    fn an_error_tells_where_what_must_be_and_what_is() {
        let atoms = "all, none, majority, size, tag, member or (";
        for (text, words) in [
            ("", format!("at 1: must be {atoms}, is the end")),
            ("most", format!("at 1: must be {atoms}, is \"most\"")),
            ("size > 3", "at 6: must be >= or <, is \">\"".into()),
            ("size >= three", "at 9: must be a number of members, is \"three\"".into()),
            ("size < 4294967296", "at 8: must be a number of members, is \"4294967296\"".into()),
            ("majority majority", "at 10: must be and, or, or the end, is \"majority\"".into()),
            ("majority and", format!("at 13: must be {atoms}, is the end")),
            ("(majority", "at 10: must be and, or, or ), is the end".into()),
            ("majority)", "at 9: must be and, or, or the end, is \")\"".into()),
            ("tag", "at 4: must be a tag, is the end".into()),
            ("tag \"\"", "at 5: must be a tag of 1 to 64 bytes, is \"\\\"\\\"\"".into()),
            (
                "tag \"ü\\y\"",
                "at 7: must be \\\", \\\\ or \\x and two digits, is \\ and another".into(),
            ),
            ("tag \"x", "at 7: must be a quote that ends the tag, is the end".into()),
            ("member db", "at 8: must be ADDRESS[:PORT[/LIFE[/NUMBER]]], is \"db\"".into()),
            (
                "member 10.0.0.1/7",
                "at 8: must be ADDRESS[:PORT[/LIFE[/NUMBER]]], is \"10.0.0.1/7\"".into(),
            ),
            ("size \u{1b}[2J", "at 6: must be >= or <, is \"\\u{1b}[2J\"".into()),
        ] {
            assert_eq!(said(text), words, "{text:?}");
        }
        let merge = "majority".parse::<Merge>().unwrap_err().to_string();
        assert_eq!(merge, "at 1: must be name, none, tag or member, is \"majority\"");
    }

    #[test]
    fn a_rule_can_neither_be_too_long_nor_too_deep() {
        let deep = |n: usize| "(".repeat(n) + "all" + &")".repeat(n);
        assert_eq!(deep(16).parse(), Ok(Survive::All));
        assert!(said(&deep(17)).starts_with("at 17: must be at most 16 parentheses"));
        let long = format!("all{}", " ".repeat(MAX_RULE));
        assert_eq!(said(&long), "at 1: must be at most 255 bytes long, is 258 bytes long");
        assert!(said(&format!("tag {}", "x".repeat(65))).contains("1 to 64 bytes"));
    }

    #[test]
    fn what_is_written_comes_out_alike() {
        for text in [
            "all",
            "size >= 3 and (tag role=db or member 10.0.0.1)",
            "tag \"a b\" and member 10.0.0.1:2901/7/3 or size < 2",
            "(majority or none) and (all and all)",
        ] {
            assert_eq!(text.parse::<Survive>().unwrap().to_string(), text);
        }
        let rule: Survive = "size>=3 and((tag \"role=db\"))and tag and".parse().unwrap();
        assert_eq!(rule.to_string(), "size >= 3 and tag role=db and tag and");
        let id: Survive = "member 10.0.0.1:2901/7#3".parse().unwrap();
        assert_eq!(id.to_string(), "member 10.0.0.1:2901/7/3", "as libmembership(3) writes it");
        let tag: Merge = r#"tag "\x00\"\\ü""#.parse().unwrap();
        assert_eq!(tag, Merge::Tag([b"\0\"\\", "ü".as_bytes()].concat()));
        assert_eq!(tag.to_string().parse(), Ok(tag));
    }
}
