//! Who saw how much, over time: a row for each process, in characters or as a picture.
//!
//! ```text
//!                    0 s            30 s            60 s
//!  10.77.0.1         ................................        down
//!    10.77.1.1       ##66666666666666666666666666666#        sees six tenths of what it saw at first
//!      10.77.1.11    ##44444444444444444444444444444#
//! ```

use super::{Outage, Row};
use crate::sim::campus::plan::{NodeId, Plan, Post};
use std::fmt::Write;

/// Columns of the chart in characters.
const COLUMNS: u64 = 64;
/// Pixels of the picture: names, time, a row, above the rows.
const NAMES: u64 = 190;
const TIME: u64 = 900;
const ROW: u64 = 16;
const HEAD: u64 = 60;
/// Pixels that a remark in a bar needs.
const REMARK: u64 = 56;

const STYLE: &str = "text{font:11px sans-serif;fill:#111}.note{fill:#036}.axis{fill:#777}\
.act{stroke:#036;stroke-dasharray:4 3}";

/// The processes, those of parents above those of their children, and how deep each stands.
pub(super) fn order(plan: &Plan) -> Vec<(NodeId, usize)> {
    let mut all = Vec::new();
    let top = plan.sets().into_iter().map(|(_, level)| level).max().unwrap_or(0);
    for level in (0..=top).rev() {
        // What has no parent here stands at the left.
        let tops: Vec<NodeId> = plan
            .mservers()
            .filter(|node| plan.sets_of(*node).first().is_some_and(|set| set.1 == level))
            .collect();
        tops.into_iter().for_each(|node| walk(plan, node, 0, &mut all));
    }
    all
}

fn walk(plan: &Plan, node: NodeId, depth: usize, all: &mut Vec<(NodeId, usize)>) {
    if all.iter().any(|(known, _)| *known == node) {
        return;
    }
    all.push((node, depth));
    if let Post::Mserver { child: Some(child), .. } = plan.sites()[node].post {
        let peers = |node: &NodeId| plan.sets_of(*node).first().is_some_and(|set| set.0 == child);
        let peers: Vec<NodeId> = plan.mservers().filter(peers).collect();
        peers.into_iter().for_each(|node| walk(plan, node, depth + 1, all));
    }
    let below: Vec<NodeId> = plan.below(node).collect();
    below.into_iter().for_each(|node| walk(plan, node, depth + 1, all));
}

impl Row {
    /// The worst that it was in a span of ticks: none if it did not run at all or for a while.
    fn worst(&self, from: u64, to: u64) -> Option<(usize, usize)> {
        let inside = self.states.iter().enumerate().filter(|(place, (tick, _))| {
            let end = self.states.get(place + 1).map_or(u64::MAX, |next| next.0);
            *tick < to && end > from
        });
        let ratio = |state: &Option<(usize, usize)>| match state {
            None => 0,
            Some((seen, of)) => 1 + seen * 1000 / of,
        };
        inside.map(|(_, (_, state))| *state).min_by_key(ratio).flatten()
    }
}

impl Outage {
    fn end(&self) -> u64 {
        self.campus.now().max(self.begun + 1)
    }

    fn label(&self, node: NodeId) -> String {
        let depth = order(self.campus.plan()).iter().find(|(n, _)| *n == node).map_or(0, |o| o.1);
        format!("{:1$}{2}", "", 2 * depth, self.campus.plan().sites()[node].name)
    }

    /// In characters: `#` all, a digit so many tenths, `.` down.
    pub fn chart(&self) -> String {
        let labels: Vec<String> = self.rows.iter().map(|row| self.label(row.node)).collect();
        let width = labels.iter().map(String::len).max().unwrap_or(0) + 2;
        let ticks = self.end() - self.begun;
        let half = (COLUMNS / 2) as usize;
        let (middle, end) = (self.seconds(ticks / 2), self.seconds(ticks));
        let mut text = format!("{:width$}{:<half$}{middle:<half$}{end}\n", "", "0 s");
        for (row, label) in self.rows.iter().zip(labels) {
            let at = |column: u64| self.begun + column * ticks / COLUMNS;
            let sign = |column: u64| match row.worst(at(column), at(column + 1).max(at(column) + 1))
            {
                None => '.',
                Some((seen, of)) if seen >= of => '#',
                Some((seen, of)) => char::from(b'0' + (seen * 10 / of).min(9) as u8),
            };
            let line: String = (0..COLUMNS).map(sign).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{label:width$}{line}");
        }
        text.push_str(
            "\n# sees all that it saw at first, 0 to 9 so many tenths of it, . does not run\n",
        );
        text
    }

    /// As an SVG picture.
    pub fn svg(&self) -> String {
        let ticks = self.end() - self.begun;
        let x = |tick: u64| NAMES + tick.saturating_sub(self.begun) * TIME / ticks;
        let bottom = HEAD + self.rows.len() as u64 * ROW;
        let (width, height) = (NAMES + TIME + 40, bottom + 40);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\
             <style>{STYLE}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        for (place, row) in (0..).zip(&self.rows) {
            let y = HEAD + place * ROW;
            let label = self.label(row.node);
            let indent = 8 + 4 * (label.len() - label.trim_start().len());
            let label = label.trim_start();
            let _ = writeln!(out, "<text x=\"{indent}\" y=\"{}\">{label}</text>", y + 12);
            for (number, (tick, state)) in row.states.iter().enumerate() {
                let next = row.states.get(number + 1).map_or(self.end(), |next| next.0);
                let (from, to) = (x(*tick), x(next));
                bar(&mut out, (from, y), to.saturating_sub(from), *state);
            }
        }
        // What was done in one instant stands in one line.
        let mut marks: Vec<(u64, String)> = Vec::new();
        for (tick, act) in &self.acts {
            match marks.last_mut().filter(|(last, _)| last == tick) {
                Some((_, words)) => *words = format!("{words}, {act}"),
                None => marks.push((*tick, act.clone())),
            }
        }
        for (place, (tick, act)) in (0..).zip(&marks) {
            let (x, y) = (x(*tick), HEAD - 38 + place % 3 * 13);
            let _ = writeln!(
                out,
                "<path class=\"act\" d=\"M{x} {y}V{bottom}\"/>\
                 <text class=\"note\" x=\"{}\" y=\"{}\">{}</text>",
                x + 3,
                y + 3,
                act.replace('&', "&amp;").replace('<', "&lt;")
            );
        }
        for part in 0..=6 {
            let (x, at) = (NAMES + part * TIME / 6, self.seconds(part * ticks / 6));
            let _ = writeln!(
                out,
                "<text class=\"axis\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{at}</text>",
                bottom + 18
            );
        }
        out.push_str("</svg>\n");
        out
    }
}

/// A stretch of a row: green where all is seen, the redder the less; grey where nothing runs.
fn bar(out: &mut String, (x, y): (u64, u64), width: u64, state: Option<(usize, usize)>) {
    let (fill, remark) = match state {
        None => ("#bbb".to_string(), "down".to_string()),
        Some((seen, of)) if seen >= of => ("#bfe3c0".to_string(), String::new()),
        Some((seen, of)) => {
            let green = 90 + 130 * seen / of;
            (format!("rgb(245,{green},110)"), format!("{seen} of {of}"))
        }
    };
    let (top, height) = (y + 1, ROW - 2);
    let _ = write!(
        out,
        "<rect x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"{height}\" fill=\"{fill}\"/>",
        width.max(1)
    );
    if width > REMARK && !remark.is_empty() {
        let _ = write!(out, "<text x=\"{}\" y=\"{}\">{remark}</text>", x + 4, y + 12);
    }
    out.push('\n');
}
