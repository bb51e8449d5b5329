//! The diagram in characters.

use super::{Diagram, End, Fan, Mark};
use crate::sim::links::HostId;
use std::fmt::Write;

/// Columns from one lifeline to the next.
const STEP: usize = 24;

impl Diagram {
    /// In characters: a line for every message, at the place where it was sent. `x`: the copy is lost;
    /// `~`: it arrives later than in a tick, at an arrow of dots.
    pub fn text(&self) -> String {
        let mut text = format!("{:>5}   ", "tick");
        for host in &self.hosts {
            let name = self.names.get(host).cloned().unwrap_or_else(|| host.to_string());
            let _ = write!(text, "{name:<STEP$}");
        }
        let mut text = text.trim_end().to_string() + "\n";
        for (tick, slots) in self.ticks() {
            for slot in 0..slots {
                for line in self.lines((tick, slot)) {
                    let _ = writeln!(text, "{tick:>5}   {}", line.trim_end());
                }
            }
        }
        text
    }

    fn lines(&self, at: (u64, usize)) -> Vec<String> {
        let mut lines = Vec::new();
        for (_, story) in self.stories.iter().filter(|(place, _)| *place == at) {
            lines.push(format!("-- {story}"));
        }
        let late = |fan: &&Fan| fan.arrows.iter().any(|a| a.end == End::At(at) && late(fan, a.end));
        for fan in self.fans.iter().filter(late) {
            let mut line = self.lifelines(at);
            for arrow in fan.arrows.iter().filter(|arrow| arrow.end == End::At(at)) {
                self.stroke(&mut line, fan.from, arrow.to, ('.', '>', '<'));
            }
            let side = fan.arrows.iter().find(|arrow| arrow.end == End::At(at));
            self.write_label(&mut line, fan, side.is_none_or(|arrow| arrow.to > fan.from));
            lines.push(line.into_iter().collect());
        }
        let marks: Vec<_> = self.marks.iter().filter(|(_, place, _)| *place == at).collect();
        if marks.iter().any(|(_, _, mark)| !words(mark).is_empty()) {
            let mut line = self.lifelines(at);
            for (host, _, mark) in marks {
                write_at(&mut line, self.column(*host), &words(mark));
            }
            lines.push(line.into_iter().collect());
        }
        for fan in self.fans.iter().filter(|fan| fan.at == at && !fan.arrows.is_empty()) {
            lines.push(self.sent(fan));
        }
        lines
    }

    fn sent(&self, fan: &Fan) -> String {
        let mut line = self.lifelines(fan.at);
        let mut arrows: Vec<_> = fan.arrows.iter().collect();
        // The longest first: the nearer ones stand on it.
        arrows.sort_unstable_by_key(|arrow| {
            (std::cmp::Reverse(arrow.to.abs_diff(fan.from)), arrow.to)
        });
        for arrow in &arrows {
            let heads = match arrow.end {
                End::Lost | End::Unheard(_) => ('-', 'x', 'x'),
                end if late(fan, end) => ('-', '~', '~'),
                End::At(_) => ('-', '>', '<'),
            };
            self.stroke(&mut line, fan.from, arrow.to, heads);
        }
        let right = arrows.iter().filter(|arrow| arrow.to > fan.from).count();
        self.write_label(&mut line, fan, 2 * right >= arrows.len());
        line.into_iter().collect()
    }

    fn stroke(&self, line: &mut [char], from: HostId, to: HostId, heads: (char, char, char)) {
        let (a, b) = (self.column(from), self.column(to));
        let (body, right, left) = heads;
        for (column, c) in line.iter_mut().enumerate() {
            if (a.min(b) + 1..a.max(b)).contains(&column) && *c == ' ' {
                *c = body;
            }
        }
        line[a] = 'o';
        if a < b {
            line[b - 1] = right;
        } else {
            line[b + 1] = left;
        }
    }

    fn write_label(&self, line: &mut Vec<char>, fan: &Fan, right: bool) {
        let column = self.column(fan.from);
        let label: String = fan.label.chars().take(STEP - 4).collect();
        let left = column.saturating_sub(label.chars().count() + 1);
        write_at(line, if right { column + 2 } else { left }, &label);
    }

    fn column(&self, host: HostId) -> usize {
        self.hosts.iter().position(|h| *h == host).unwrap_or(0) * STEP
    }

    /// The lifelines of those that live, at a place.
    fn lifelines(&self, at: (u64, usize)) -> Vec<char> {
        let mut line = vec![' '; self.hosts.len() * STEP];
        for host in &self.hosts {
            let mut sign = '|';
            for (_, _, mark) in self.marks.iter().filter(|(h, p, _)| h == host && *p <= at) {
                sign = match mark {
                    Mark::Starts | Mark::Stops(false) => '|',
                    Mark::Ends => ' ',
                    Mark::Stops(true) => ':',
                    _ => sign,
                };
            }
            line[self.column(*host)] = sign;
        }
        line
    }
}

/// Whether a copy takes longer than a tick.
fn late(fan: &Fan, end: End) -> bool {
    matches!(end, End::At((tick, _)) if tick > fan.at.0 + 1)
}

fn words(mark: &Mark) -> String {
    match mark {
        Mark::View(view) => format!("[{}]", view.replacen(" [", ": ", 1).trim_end_matches(']')),
        Mark::Isolates(who) => {
            let names: Vec<String> = who.iter().map(ToString::to_string).collect();
            format!("|!{}", names.join(","))
        }
        Mark::Phase(_) => String::new(),
        Mark::Starts => "|starts".to_string(),
        Mark::Ends => "X".to_string(),
        Mark::Stops(true) => ":stopped".to_string(),
        Mark::Stops(false) => "|continued".to_string(),
        Mark::Told(what) => format!("({what})"),
    }
}

fn write_at(line: &mut Vec<char>, column: usize, text: &str) {
    for (place, c) in text.chars().enumerate() {
        if line.len() <= column + place {
            line.push(' ');
        }
        line[column + place] = c;
    }
}
