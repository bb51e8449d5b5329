//! Which notes are told, so that no peer can fill a log.
//!
//! ```text
//!   told  told  (held back, counted ...)  |  told, with "(7 more like it were not logged)"  ...
//!   └──────────── a while ───────────────┘
//! ```

use crate::proto::note::Note;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a while is.
const WHILE: Duration = Duration::from_secs(10);

/// Notes of one kind in a while.
struct Held {
    until: Instant,
    told: u32,
    suppressed: u64,
}

/// What has been told lately.
#[derive(Default)]
pub struct Quiet(BTreeMap<&'static str, Held>);

impl Quiet {
    /// Whether a note is to be told `now`, and what is to be added to it: how many like it were not.
    pub fn judge(&mut self, note: &Note, now: Instant) -> Option<String> {
        let Some((word, most)) = note.limited_as() else { return Some(String::new()) };
        let anew = |suppressed| Held { until: now + WHILE, told: 1, suppressed };
        let Some(held) = self.0.get_mut(word) else {
            self.0.insert(word, anew(0));
            return Some(String::new());
        };
        if now < held.until {
            if held.told < most {
                held.told += 1;
                return Some(String::new());
            }
            held.suppressed += 1;
            return None;
        }
        let suppressed = held.suppressed;
        *held = anew(0);
        Some(match suppressed {
            0 => String::new(),
            n => format!(" ({n} more like it were not logged)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(cause: &'static str) -> Note {
        Note::Dropped { cause, from: "10.0.0.1:1".parse().unwrap(), error: None }
    }

    #[test]
    fn what_a_peer_repeats_is_told_once_in_a_while_and_then_counted() {
        let (mut quiet, start) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.judge(&note("short"), start), Some(String::new()));
        for _ in 0..7 {
            assert_eq!(quiet.judge(&note("short"), start), None);
        }
        assert_eq!(quiet.judge(&note("name"), start), Some(String::new()), "another kind");
        let more = " (7 more like it were not logged)".to_string();
        assert_eq!(quiet.judge(&note("short"), start + WHILE), Some(more));
        assert_eq!(quiet.judge(&note("short"), start + WHILE * 2), Some(String::new()));
    }

    #[test]
    fn members_come_and_go_aloud_until_there_are_too_many() {
        let (mut quiet, start) = (Quiet::default(), Instant::now());
        let group = "ring".parse().unwrap();
        let note = Note::MemberAdded { group, member: [10, 0, 0, 1].into(), members: 1 };
        let told = (0..100_000).filter(|_| quiet.judge(&note, start).is_some()).count();
        assert_eq!(told, 100);
    }
}
