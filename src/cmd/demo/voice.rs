//! What the demonstration says: a line a step, with the time since its start.
//!
//! ```text
//!    2.41  boot       every set has its parent
//!    ^     ^          ^
//!    s     what       what became of it
//! ```

pub use crate::cmd::paint::Shade;
use crate::cmd::paint::{colours, paint};
use crate::cmd::tree::text::{Line, printed};
use std::io::{Write, stderr, stdout};
use std::time::Instant;

/// The voice, with its clock.
pub struct Voice {
    start: Instant,
    colour: bool,
}

impl Voice {
    /// Its clock begins now. Colours are for terminals, and not for those who want none (`NO_COLOR`).
    pub fn new() -> Voice {
        Voice { start: Instant::now(), colour: colours() }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// A step: a word, and what became of it.
    pub fn step(&self, shade: Shade, word: &str, text: &str) {
        let time = self.paint(Shade::Dim, &format!("{:6.2}", self.seconds()));
        let word = self.paint(shade, &format!("{word:<9}"));
        self.line(&format!("{time}  {word}  {text}"));
    }

    /// What belongs to the step above.
    pub fn more(&self, text: &str) {
        self.line(&format!("{:19}{text}", ""));
    }

    /// A line of its own.
    pub fn line(&self, text: &str) {
        // Who closes the output has seen enough; the steps and the exit code are the same without.
        let _ = writeln!(stdout(), "{}", text.trim_end());
    }

    /// The text as a terminal shows it in that shade.
    pub fn paint(&self, shade: Shade, text: &str) -> String {
        paint(shade, text, self.colour)
    }

    /// A line of the tree.
    pub fn drawn(&self, line: &Line) -> String {
        printed(line, self.colour)
    }

    /// Why it ends without success, for who reads nothing else.
    pub fn fail(&self, text: &str) {
        let _ = writeln!(stderr(), "ms: demo: {text}");
    }
}
