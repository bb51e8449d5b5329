//! The hierarchy as a picture: a column for each level, the highest on the left.
//!
//! ```text
//!   ┌ NPS ────────┐    ┌ Spanagel ───┐
//!   │ nps1        ├────┤ ece1        ├──── LAN ece │ ece1/1  alpha
//!   │             │    │             │             │ ece1/2  bravo
//!   │             │    │ ece2        ├──── ...
//!   │ nps2        ├────┤ Root        │
//! ```
//!
//! A member of a set is as high as what is below it, so no line crosses another, and nothing lies over anything else
//! whatever its size: the picture grows downwards. The letters are of one width, so what fits is known without a font.

use super::model::{Lan, Member, Set, Tree};
use super::text::{Names, apart, interface_in_words, member_parts, set_parts, shortened};
use crate::cmd::paint::Shade;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Pixels: a letter across, a line down, from a box to the next, around all of it, inside a box.
const LETTER: f64 = 7.25;
const ROW: usize = 20;
const GAP: usize = 44;
const BETWEEN: usize = 12;
const MARGIN: usize = 20;
const PAD: usize = 8;
/// Letters in a set's box, of those for the name of a member, in the name of a LAN, and for a member interface.
const SET: usize = 38;
const NAME: usize = 21;
const LAN: usize = 18;
const INTERFACE: usize = 62;
/// Groups that are listed.
const GROUPS: usize = 60;

const STYLE: &str = "text{font:12px 'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#222}\
.set{fill:#fff;stroke:#456;stroke-width:1.5}.head{fill:#e4ebf3}.name{font-weight:bold}\
.dim{fill:#777}.bad{fill:#b3261e}.odd{fill:#8a5a00}.core{fill:#0b6b34}.edge{stroke:#456;fill:none}\
.row{stroke:#d5dce4}.trouble{stroke:#b3261e;stroke-width:2.5}.lan{fill:#f6f4ec;stroke:#b8b096}";

/// The picture, for itself: no font, script or style from elsewhere.
pub fn picture(tree: &Tree, names: Names<'_>) -> String {
    let mut drawing = Drawing { tree, names, out: String::new(), width: 0, drawn: BTreeSet::new() };
    let mut y = MARGIN;
    for set in tree.roots() {
        y = drawing.set(set, 0, y) + BETWEEN;
    }
    y = drawing.apart(y);
    y = drawing.groups(y);
    let (width, height) = (drawing.width + MARGIN, y + MARGIN);
    let body = drawing.out;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\"><style>{STYLE}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

struct Drawing<'a> {
    tree: &'a Tree,
    names: Names<'a>,
    out: String,
    width: usize,
    /// As in the text: what was drawn is not drawn in itself.
    drawn: BTreeSet<String>,
}

/// Pixels that so many letters take.
fn across(letters: usize) -> usize {
    (letters as f64 * LETTER).ceil() as usize
}

/// Where the column of sets begins that has so many on its left.
fn column(depth: usize) -> usize {
    MARGIN + depth * (across(SET) + 2 * PAD + GAP)
}

impl Drawing<'_> {
    /// A set with all that is below it, from `y` down; returns where it ends.
    fn set(&mut self, set: &Set, depth: usize, y: usize) -> usize {
        let first = set.members.first().map_or("", |member| &member.address);
        let again = !self.drawn.insert(format!("{}/{first}/{}", set.name, set.level));
        let (x, width) = (column(depth), across(SET) + 2 * PAD);
        let head = self.head_of(set);
        let mut row = y + head.len() * ROW + PAD;
        // What is behind must be written first, and its height is known last.
        let before = std::mem::take(&mut self.out);
        let peers = set.members.iter().filter(|m| set.parent.as_ref() != Some(&m.address));
        for (n, member) in peers.filter(|_| !again).enumerate() {
            if n > 0 {
                self.line("row", (x, row), (x + width, row));
            }
            row = self.member(set, member, depth, row);
        }
        let (rows, bottom) = (std::mem::replace(&mut self.out, before), row.max(y + ROW));
        let trouble = if set.parted { " trouble" } else { "" };
        self.rect(&format!("set{trouble}"), (x, y), (width, bottom - y));
        self.rect("head", (x + 1, y + 1), (width - 2, head.len() * ROW + PAD / 2));
        for (n, (class, text)) in head.iter().enumerate() {
            self.text(class, x + PAD, y + n * ROW, text, SET);
        }
        self.out.push_str(&rows);
        self.width = self.width.max(x + width);
        bottom
    }

    fn head_of(&self, set: &Set) -> Vec<(&'static str, String)> {
        let mut head = vec![("name", set.name.clone())];
        let parts = set_parts(set, self.names);
        head.extend(parts.into_iter().map(|(text, shade)| (class_of(shade), text)));
        head.extend(self.cores_of(&set.name));
        head
    }

    fn cores_of(&self, place: &str) -> Option<(&'static str, String)> {
        let here: Vec<&str> = self.tree.cores(place).map(|group| group.name.as_str()).collect();
        (!here.is_empty()).then(|| ("core", format!("core of {}", shortened(&here))))
    }

    /// A member, and on its right what is below it; returns where that ends.
    fn member(&mut self, set: &Set, member: &Member, depth: usize, y: usize) -> usize {
        let tree = self.tree;
        let server = tree.servers.get(&member.address);
        let below: Vec<&Set> = tree.below(set, member).collect();
        let parts = member_parts(set, member, server, below.is_empty());
        let (x, edge) = (column(depth), column(depth) + across(SET) + 2 * PAD);
        let bad = parts.iter().any(|(_, shade)| *shade == Shade::Bad);
        let name = (self.names)(&member.address);
        self.text(if bad { "bad" } else { "" }, x + PAD, y, &name, NAME);
        let place = format!("{:>w$}", parts[0].0.replace(',', ""), w = SET - NAME - 1);
        self.text("dim", x + PAD + across(NAME + 1), y, &place, SET - NAME - 1);
        let mut bottom = y + ROW;
        // What is wrong with it, or not known, is below its name.
        for (text, shade) in &parts[1..] {
            self.text(class_of(*shade), x + 2 * PAD, bottom, text, SET - 2);
            bottom += ROW;
        }
        let mut down = y;
        for child in &below {
            self.line("edge", (edge, down + ROW / 2), (edge + GAP, down + ROW / 2));
            down = self.set(child, depth + 1, down) + BETWEEN;
        }
        let lan = server.and_then(|server| server.lan.as_ref()).filter(|_| below.is_empty());
        if let Some(lan) = lan {
            self.line("edge", (edge, y + ROW / 2), (edge + GAP, y + ROW / 2));
            down = self.lan(lan, edge + GAP, y);
        }
        bottom.max(down)
    }

    /// The member interfaces of a LAN, a line each, beside its name.
    fn lan(&mut self, lan: &Lan, x: usize, y: usize) -> usize {
        let name = (("name", lan.name.clone()), self.cores_of(&lan.name));
        let lines = if name.1.is_some() { 2 } else { 1 };
        let rows = lan.interfaces.len().max(lines);
        let width = across(LAN + INTERFACE) + 3 * PAD;
        self.rect("lan", (x, y + 2), (width, rows * ROW - 4));
        self.text("name", x + PAD, y, &name.0.1, LAN);
        if let Some((class, text)) = &name.1 {
            self.text(class, x + PAD, y + ROW, text, LAN);
        }
        for (n, (address, interface)) in lan.interfaces.iter().enumerate() {
            let (words, shade) = interface_in_words(interface);
            let text = format!("{:<22} {words}", (self.names)(address));
            let at = x + 2 * PAD + across(LAN);
            self.text(class_of(shade), at, y + n * ROW, &text, INTERFACE);
        }
        self.width = self.width.max(x + width);
        y + rows * ROW
    }

    /// What has no place in the hierarchy, or none that is known.
    fn apart(&mut self, mut y: usize) -> usize {
        for (head, text, shade) in apart(self.tree, self.names) {
            let text = format!("{head}: {text}");
            let letters = text.chars().count().min(120);
            self.text(class_of(shade), MARGIN, y, &text, 120);
            self.width = self.width.max(MARGIN + across(letters));
            y += ROW;
        }
        y
    }

    fn groups(&mut self, mut y: usize) -> usize {
        let groups = &self.tree.groups;
        if groups.is_empty() {
            return y;
        }
        y += ROW / 2;
        self.text("name", MARGIN, y, &format!("groups: {}", groups.len()), SET);
        for group in groups.iter().take(GROUPS) {
            y += ROW;
            let class = if group.is_in_trouble() { "odd" } else { "" };
            self.text(class, MARGIN, y, &group.name, 32);
            let words = group.in_words();
            self.text(class, MARGIN + across(33), y, &words, 90);
            let letters = 33 + words.chars().count().min(90);
            self.width = self.width.max(MARGIN + across(letters));
        }
        if let Some(more) = groups.len().checked_sub(GROUPS).filter(|more| *more > 0) {
            y += ROW;
            self.text("dim", MARGIN, y, &format!("and {more} more"), SET);
        }
        y + ROW
    }

    /// A line of text in the row that begins at `y`, cut off where there is no room; all of it is shown when it is
    /// pointed at.
    fn text(&mut self, class: &str, x: usize, y: usize, text: &str, room: usize) {
        let shown: String = match text.chars().count() > room {
            true => text.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            false => text.to_string(),
        };
        let title = match shown == text {
            true => String::new(),
            false => format!("<title>{}</title>", escaped(text)),
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let baseline = y + ROW - 6;
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.out,
            "<text x=\"{x}\" y=\"{baseline}\"{class} xml:space=\"preserve\">{}{title}</text>",
            escaped(&shown)
        );
    }

    fn rect(&mut self, class: &str, (x, y): (usize, usize), (width, height): (usize, usize)) {
        let _ = writeln!(
            self.out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             rx=\"3\"/>"
        );
    }

    fn line(&mut self, class: &str, from: (usize, usize), to: (usize, usize)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(self.out, "<path class=\"{class}\" d=\"M{x1} {y1}L{x2} {y2}\"/>");
    }
}

fn class_of(shade: Shade) -> &'static str {
    match shade {
        Shade::Bad => "bad",
        Shade::Odd => "odd",
        Shade::Dim => "dim",
        Shade::Good => "core",
        Shade::Plain | Shade::Bold => "",
    }
}

/// As it may stand in XML.
pub fn escaped(text: &str) -> String {
    let no_control = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let text: String = text.chars().map(no_control).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
