//! What the demonstration says: a line a step, with the time since its start.
//!
//! ```text
//!    2.41  boot       every set has its parent
//!    ^     ^          ^
//!    s     what       what became of it
//! ```

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::Instant;

/// How a word is shown on a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shade {
    /// As it is.
    Plain,
    /// Less important.
    Dim,
    /// What the line is about.
    Bold,
    /// It came out right.
    Good,
    /// It is about a failure.
    Bad,
}

/// The voice, with its clock.
pub struct Voice {
    start: Instant,
    colour: bool,
}

impl Voice {
    /// Its clock begins now. Colours are for terminals, and not for those who want none (`NO_COLOR`).
    pub fn new() -> Voice {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = stdout().is_terminal() && !set("NO_COLOR") && !dumb;
        Voice { start: Instant::now(), colour }
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
        let code = match shade {
            _ if !self.colour => return text.to_string(),
            Shade::Plain => return text.to_string(),
            Shade::Dim => "2",
            Shade::Bold => "1",
            Shade::Good => "32",
            Shade::Bad => "31",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Why it ends without success, for who reads nothing else.
    pub fn fail(&self, text: &str) {
        let _ = writeln!(stderr(), "ms: demo: {text}");
    }
}
