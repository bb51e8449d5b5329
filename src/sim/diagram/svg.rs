//! The diagram as a picture.

use super::{Diagram, End, Fan, Mark, Place};
use crate::sim::links::HostId;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Pixels: from one lifeline to the next, from one slot to the next, around.
const ACROSS: usize = 170;
const DOWN: usize = 20;
const MARGIN: usize = 60;
/// Pixels between ticks that follow one another, and between those that do not.
const TICK: usize = 14;
const GAP: usize = 26;
/// Pixels from one remark to the next below it.
const REMARK: usize = 14;

const STYLE: &str = "text{font:12px sans-serif;fill:#111}\
.tick{fill:#888;font-size:11px}.head{font-weight:bold;font-size:14px}\
.life{stroke:#777;stroke-width:1.2}.stopped{stroke-dasharray:2 4}\
.msg{stroke:#111;stroke-width:1.1;fill:none}.lost{stroke:#b00;stroke-dasharray:4 3}\
.cross{stroke:#b00;stroke-width:2}.dot{fill:#fff;stroke:#111;stroke-width:1.2}\
.view{fill:#fff;stroke:#111}.label{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}\
.iso{fill:#b00;paint-order:stroke;stroke:#fff;stroke-width:4px}.story{fill:#555;font-style:italic}\
.coordinator{fill:#444}.follower{fill:#ddd;stroke:#777;stroke-width:.6}.election{fill:#e80}";

/// Where things are, in pixels.
struct Plan<'a> {
    diagram: &'a Diagram,
    tops: BTreeMap<u64, usize>,
    height: usize,
    width: usize,
    /// Middle and width of the labels that are there.
    labels: Vec<(usize, usize, usize)>,
    out: String,
}

impl Diagram {
    /// An SVG picture, for itself: no font, script or style from elsewhere. A grey bar on a lifeline is a
    /// follower's, a dark one a coordinator's, an orange one an election.
    pub fn svg(&self) -> String {
        let mut tops = BTreeMap::new();
        let mut y = MARGIN;
        let mut last = None;
        for (tick, slots) in self.ticks() {
            y += match last {
                Some(last) if tick > last + 1 => GAP,
                _ => TICK,
            };
            tops.insert(tick, y);
            y += slots * DOWN;
            last = Some(tick);
        }
        let longest = self.stories.iter().map(|(_, text)| text.chars().count()).max();
        let margin = longest.map_or(0, |chars| chars * 6 + 20);
        let width = MARGIN * 2 + self.hosts.len().saturating_sub(1) * ACROSS + 60 + margin;
        let height = y + MARGIN / 2;
        let (labels, out) = (Vec::new(), String::new());
        let plan = Plan { diagram: self, tops, height, width, labels, out };
        plan.draw()
    }
}

impl Plan<'_> {
    fn draw(mut self) -> String {
        let (w, h) = (self.width, self.height);
        let _ = writeln!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\"><style>{STYLE}</style>\
             <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"9\" \
             markerHeight=\"9\" orient=\"auto\"><path d=\"M0 1 8 4 0 7z\"/></marker></defs>\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
        );
        let ticks: Vec<(u64, usize)> = self.tops.iter().map(|(t, y)| (*t, *y)).collect();
        for (tick, top) in ticks {
            let y = top + DOWN / 2 + 4;
            let _ = writeln!(self.out, "<text class=\"tick\" x=\"8\" y=\"{y}\">{tick}</text>");
        }
        for host in self.diagram.hosts.clone() {
            let x = self.x(host);
            let name =
                self.diagram.names.get(&host).map_or(format!("m{host}"), |name| escaped(name));
            let _ = writeln!(
                self.out,
                "<text class=\"head\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                MARGIN - 14
            );
            self.lifeline(host);
        }
        for fan in &self.diagram.fans {
            self.fan(fan);
        }
        for (host, at, mark) in &self.diagram.marks {
            self.mark(*host, *at, mark);
        }
        self.stories();
        for fan in &self.diagram.fans {
            self.label(fan);
        }
        self.out.push_str("</svg>\n");
        self.out
    }

    /// Remarks, beside the lifelines: those of one place one below the other.
    fn stories(&mut self) {
        let x = MARGIN + self.diagram.hosts.len() * ACROSS - ACROSS / 2;
        let mut below = (None, 0);
        for (at, story) in &self.diagram.stories {
            below = match below {
                (place, lines) if place == Some(at) => (place, lines + 1),
                _ => (Some(at), 0),
            };
            let y = self.y(*at) + 4 + below.1 * REMARK;
            let story = escaped(story);
            let _ = writeln!(self.out, "<text class=\"story\" x=\"{x}\" y=\"{y}\">{story}</text>");
        }
    }

    fn x(&self, host: HostId) -> usize {
        let place = self.diagram.hosts.iter().position(|h| *h == host).unwrap_or(0);
        MARGIN + 30 + place * ACROSS
    }

    fn y(&self, (tick, slot): Place) -> usize {
        self.tops.get(&tick).copied().unwrap_or_else(|| {
            // A phase without anything to be seen in its tick: at the next one.
            self.tops.range(tick..).next().map_or(self.height, |(_, y)| *y)
        }) + slot * DOWN
            + DOWN / 2
    }

    /// The line of a life, and bars for what it is busy with.
    fn lifeline(&mut self, host: HostId) {
        let marks: Vec<_> = self.diagram.marks.iter().filter(|(h, ..)| *h == host).collect();
        let begins = !matches!(
            marks.iter().find(|m| !matches!(m.2, Mark::Phase(_))),
            Some((_, _, Mark::Starts))
        );
        let mut line = begins.then_some((MARGIN, "life"));
        let mut bar: Option<(usize, &str)> = None;
        let end = self.height - MARGIN / 2;
        for (_, at, mark) in marks {
            let y = self.y(*at);
            let next = match mark {
                Mark::Starts | Mark::Stops(false) => Some((y, "life")),
                Mark::Stops(true) => Some((y, "life stopped")),
                Mark::Ends => None,
                Mark::Phase(phase) => {
                    self.bar(host, bar, y);
                    bar = (*phase != "idle").then_some((y, *phase));
                    continue;
                }
                Mark::View(_) | Mark::Isolates(_) | Mark::Told(_) => continue,
            };
            if *mark == Mark::Ends {
                self.bar(host, bar.take(), y);
            }
            self.line(host, line, y);
            line = next;
        }
        self.line(host, line, end);
        self.bar(host, bar, end);
    }

    fn line(&mut self, host: HostId, from: Option<(usize, &str)>, to: usize) {
        let Some((from, class)) = from else { return };
        let x = self.x(host);
        let _ = writeln!(
            self.out,
            "<line class=\"{class}\" x1=\"{x}\" y1=\"{from}\" x2=\"{x}\" y2=\"{to}\"/>"
        );
    }

    fn bar(&mut self, host: HostId, from: Option<(usize, &str)>, to: usize) {
        let Some((from, phase)) = from.filter(|(from, _)| *from < to) else { return };
        let (x, height) = (self.x(host) - 3, to - from);
        let _ = writeln!(
            self.out,
            "<rect class=\"{phase}\" x=\"{x}\" y=\"{from}\" width=\"6\" height=\"{height}\"/>"
        );
    }

    fn fan(&mut self, fan: &Fan) {
        let (x, y) = (self.x(fan.from), self.y(fan.at));
        for arrow in &fan.arrows {
            let to = self.x(arrow.to);
            let (class, tip, cross) = match arrow.end {
                End::At(at) => ("msg", (to, self.y(at)), false),
                End::Unheard(at) => ("msg lost", (to, self.y(at)), true),
                End::Lost => ("msg lost", (short_of(to, x), y + TICK), true),
            };
            let head = if cross { "" } else { " marker-end=\"url(#a)\"" };
            let _ = writeln!(
                self.out,
                "<line class=\"{class}\" x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{}\"{head}/>",
                tip.0, tip.1
            );
            if cross {
                self.cross(tip.0, tip.1, 5);
            }
        }
        if fan.group && !fan.arrows.is_empty() {
            let _ = writeln!(self.out, "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
        }
    }

    fn cross(&mut self, x: usize, y: usize, r: usize) {
        let (left, right, up, down) = (x.saturating_sub(r), x + r, y.saturating_sub(r), y + r);
        let _ = writeln!(
            self.out,
            "<path class=\"cross\" d=\"M{left} {up} {right} {down}M{right} {up} {left} {down}\"/>"
        );
    }

    /// Along the first stretch of the arrows, on the side where there are more.
    fn label(&mut self, fan: &Fan) {
        let right = fan.arrows.iter().filter(|arrow| arrow.to > fan.from).count();
        let right = 2 * right >= fan.arrows.len();
        let side = fan.arrows.iter().filter(|arrow| (arrow.to > fan.from) == right);
        let Some(nearest) = side.min_by_key(|arrow| arrow.to.abs_diff(fan.from)) else { return };
        let (x, y) = (self.x(fan.from), self.y(fan.at));
        let (to, below) = match nearest.end {
            End::At(at) | End::Unheard(at) => (self.x(nearest.to), self.y(at)),
            End::Lost => (self.x(nearest.to), y + TICK),
        };
        let (run, drop) = (to.abs_diff(x).max(ACROSS), below.saturating_sub(y));
        let width = fan.label.chars().count() * 7;
        // In the middle of the first stretch, where no arrow begins or ends; or beside it, if another
        // label is there.
        let place = |hundredth: usize| {
            let along = ACROSS * hundredth / 100;
            let x = if right { x + along } else { x.saturating_sub(along) };
            (x, y + drop * along / run - 3)
        };
        let free = |&(x, y): &(usize, usize)| {
            self.labels.iter().all(|&(other, level, wide)| {
                2 * x.abs_diff(other) > width + wide || y.abs_diff(level) > 11
            })
        };
        let (x, y) = [50, 35, 65, 25, 75].map(place).into_iter().find(free).unwrap_or(place(50));
        self.labels.push((x, y, width));
        let label = escaped(&fan.label);
        let _ = writeln!(
            self.out,
            "<text class=\"label\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"
        );
    }

    fn mark(&mut self, host: HostId, at: Place, mark: &Mark) {
        let (x, y) = (self.x(host), self.y(at));
        match mark {
            Mark::View(view) => {
                let half = 10 + view.chars().count() * 7 / 2;
                let _ = writeln!(
                    self.out,
                    "<rect class=\"view\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"18\" rx=\"3\"/>\
                     <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    x.saturating_sub(half),
                    y - 9,
                    2 * half,
                    y + 4,
                    escaped(view)
                );
            }
            Mark::Isolates(who) => {
                let names: Vec<String> = who.iter().map(|who| format!("m{who}")).collect();
                let _ = writeln!(
                    self.out,
                    "<text class=\"iso\" x=\"{}\" y=\"{}\">isolates {}</text>",
                    x + 8,
                    y + 4,
                    names.join(", ")
                );
            }
            Mark::Told(what) => {
                let _ = writeln!(
                    self.out,
                    "<text class=\"story\" x=\"{}\" y=\"{}\">{}</text>",
                    x + 8,
                    y + 4,
                    escaped(what)
                );
            }
            Mark::Ends => self.cross(x, y, 8),
            Mark::Stops(stops) => {
                let word = if *stops { "stopped" } else { "continued" };
                let _ = writeln!(
                    self.out,
                    "<text class=\"tick\" x=\"{}\" y=\"{}\">{word}</text>",
                    x + 8,
                    y + 4
                );
            }
            Mark::Phase(_) | Mark::Starts => {}
        }
    }
}

/// Where a copy gets lost: not far from the host that it is for.
fn short_of(to: usize, from: usize) -> usize {
    let rest = ACROSS / 4;
    if to > from { to - rest } else { to + rest }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
