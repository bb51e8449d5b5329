//! Words of an ms.campus, each with its place. `{` and `}` are words too and stand alone, so that names may contain them.

use std::fmt;

/// Line and column of a character, both from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word<'a> {
    /// What.
    pub text: &'a str,
    /// Where it begins.
    pub place: Place,
}

/// The words of a text, in their order; `#` begins a comment.
pub fn words(text: &str) -> Vec<Word<'_>> {
    text.lines().enumerate().flat_map(|(at, line)| of_line(at + 1, line)).collect()
}

fn of_line(number: usize, line: &str) -> Vec<Word<'_>> {
    let code = line.split('#').next().unwrap_or("");
    let mut found = Vec::new();
    // The byte and the column at which the word that we are in began.
    let mut begun: Option<(usize, usize)> = None;
    let end = (code.len(), ' ');
    for (column, (byte, c)) in code.char_indices().chain([end]).enumerate() {
        match (begun, c.is_whitespace()) {
            (None, false) => begun = Some((byte, column + 1)),
            (Some((from, column)), true) => {
                let place = Place { line: number, column };
                found.push(Word { text: &code[from..byte], place });
                begun = None;
            }
            _ => {}
        }
    }
    found
}
