//! One drawing after another: what just changed is marked.
//!
//! ```text
//!   + new since one of the last drawings      ~ says something else now      - is no more
//! ```

use super::text::{Line, printed};
use crate::cmd::paint::{Shade, paint};
use crate::sorted::Sorted as _;
use std::collections::{BTreeMap, BTreeSet};

/// Drawings for which a mark stays: a second each is too short to be seen.
const SHOWN: u64 = 5;

/// What was drawn last.
#[derive(Default)]
pub struct Watch {
    drawing: u64,
    /// What each line said, in which drawing it began to say so, and how it is marked.
    lines: BTreeMap<String, (String, u64, char)>,
    /// Lines that are no more, and since which drawing.
    gone: BTreeMap<String, (Line, u64)>,
    last: BTreeMap<String, Line>,
}

impl Watch {
    /// The next drawing with its marks, and whether anything changed since the last one. In the first one nothing has.
    pub fn next(&mut self, lines: &[Line], colours: bool) -> (Vec<String>, bool) {
        self.drawing += 1;
        let (now, first) = (self.drawing, self.drawing == 1);
        let mut changed = first;
        for line in lines {
            let says = format!("{} {}", line.text, line.cores);
            let mark = match self.lines.get(&line.key) {
                Some((said, ..)) if *said == says => continue,
                Some(_) => '~',
                None => '+',
            };
            changed = true;
            // As if it had been there for long.
            let since = if first { 0 } else { now };
            let mark = if first { ' ' } else { mark };
            self.lines.insert(line.key.clone(), (says, since, mark));
            self.gone.remove(&line.key);
        }
        let there: BTreeSet<&String> = lines.iter().map(|line| &line.key).sorted_set();
        for (key, line) in std::mem::take(&mut self.last) {
            if !there.contains(&key) {
                changed = true;
                self.lines.remove(&key);
                self.gone.insert(key, (line, now));
            }
        }
        self.last = lines.iter().map(|line| (line.key.clone(), line.clone())).sorted_map();
        self.gone.retain(|_, (_, since)| now < *since + SHOWN);
        let mut out: Vec<String> =
            lines.iter().map(|line| self.marked(line, now, colours)).collect();
        for (line, _) in self.gone.values() {
            let text = paint(Shade::Bad, &format!("{} {}", line.head, line.text), colours);
            out.push(format!("{} {text}", paint(Shade::Bad, "-", colours)));
        }
        (out, changed)
    }

    fn marked(&self, line: &Line, now: u64, colours: bool) -> String {
        let mark = match self.lines.get(&line.key) {
            Some((_, since, mark)) if *since > 0 && now < since + SHOWN => *mark,
            _ => ' ',
        };
        let shade = if mark == '+' { Shade::Good } else { Shade::Odd };
        let mark = paint(shade, &mark.to_string(), colours);
        format!("{mark} {}", printed(line, colours)).trim_end().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: &str, text: &str) -> Line {
        let (front, head, cores) = (String::new(), key.to_string(), String::new());
        let (key, text) = (key.to_string(), text.to_string());
        Line { key, front, head, text, cores, shade: Shade::Plain }
    }

    #[test]
    fn what_is_new_other_and_gone_is_marked_and_what_stays_is_not() {
        let mut watch = Watch::default();
        let (first, _) = watch.next(&[line("a", "1"), line("b", "1"), line("c", "1")], false);
        assert!(first.iter().all(|line| line.starts_with("  ")), "{first:?}");
        let second = [line("a", "1"), line("b", "2"), line("d", "1")];
        let (marked, changed) = watch.next(&second, false);
        let marks: String = marked.iter().map(|line| &line[..1]).collect();
        assert_eq!((marks.as_str(), changed), (" ~+-", true), "{marked:?}");
        let (marked, changed) = watch.next(&second, false);
        assert!(!changed && marked[1].starts_with('~'), "a mark stays for a while: {marked:?}");
        for _ in 0..SHOWN {
            watch.next(&second, false);
        }
        let (marked, _) = watch.next(&second, false);
        assert_eq!(marked.len(), 3, "who is gone is forgotten: {marked:?}");
        assert!(marked.iter().all(|line| line.starts_with("  ")), "{marked:?}");
    }
}
