//! Colours for terminals, and for nobody who wants none.

use std::io::{IsTerminal, stdout};

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
    /// Somebody may want to look at it.
    Odd,
    /// It is about a failure.
    Bad,
}

/// Whether standard output shows colours: it is a terminal that can, and `NO_COLOR` is not set.
pub fn colours() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

/// The text as a terminal shows it in that shade.
pub fn paint(shade: Shade, text: &str, colours: bool) -> String {
    let code = match shade {
        _ if !colours || text.is_empty() => return text.to_string(),
        Shade::Plain => return text.to_string(),
        Shade::Dim => "2",
        Shade::Bold => "1",
        Shade::Good => "32",
        Shade::Odd => "33",
        Shade::Bad => "31",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
