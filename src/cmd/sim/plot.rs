//! Curves over the number of hosts, which grows by powers of ten: panels, two in a row.
//!
//! ```text
//!   messages
//!   20 |
//!      |  o----o----o----o     a colour for each fan-out, dashes for a group in one lowest set
//!    0 +--+----+----+----+
//!        10   100  1000  hosts
//! ```

use std::fmt::Write;

/// Pixels: a panel, and what is around its curves.
const WIDE: f64 = 520.0;
const HIGH: f64 = 300.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 42.0;
const RIGHT: f64 = 24.0;
const BELOW: f64 = 44.0;
/// Pixels for the legend, above all.
const HEAD: f64 = 40.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#111}.title{font-weight:bold}.axis{fill:#666}\
path{fill:none;stroke-width:2}\
.grid{stroke:#ddd;stroke-width:1}.faint{stroke-dasharray:5 4;stroke-width:1.5}";
/// Colours that people who do not see red or green tell apart.
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

/// A curve: values at numbers of hosts.
pub struct Curve {
    /// What it is of.
    pub name: String,
    /// It is dashed, and has the colour of the one that follows it.
    pub faint: bool,
    /// Hosts, value.
    pub points: Vec<(u64, u64)>,
}

/// Curves of one thing.
pub struct Panel {
    /// What it is.
    pub title: &'static str,
    /// In the order of their colours, the dashed one of each colour first.
    pub curves: Vec<Curve>,
}

/// The picture, for itself: no font, script or style from elsewhere.
pub fn picture(panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(2) as f64;
    let (width, height) = (2.0 * WIDE, HEAD + rows * HIGH);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\
         <style>{STYLE}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let hosts = panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| &curve.points);
    let most = hosts.map(|point| point.0).max().unwrap_or(10);
    let decades = log10(most as f64).ceil().max(2.0);
    if let Some(panel) = panels.first() {
        legend(&mut out, panel);
    }
    for (place, panel) in panels.iter().enumerate() {
        let (x, y) = ((place % 2) as f64 * WIDE, HEAD + (place / 2) as f64 * HIGH);
        draw(&mut out, panel, (x, y), decades);
    }
    out.push_str("</svg>\n");
    out
}

/// The colour of a curve: that of its fan-out, which two curves share.
fn colours(panel: &Panel) -> impl Iterator<Item = (&Curve, &'static str)> {
    let mut solid = 0;
    panel.curves.iter().map(move |curve| {
        let colour = COLOURS[solid % COLOURS.len()];
        solid += usize::from(!curve.faint);
        (curve, colour)
    })
}

fn legend(out: &mut String, panel: &Panel) {
    for (place, (curve, colour)) in (0..).zip(colours(panel)) {
        let x = LEFT + f64::from(place) * 162.0;
        let (class, name) = (if curve.faint { "faint" } else { "" }, &curve.name);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<path class=\"{class}\" stroke=\"{colour}\" d=\"M{x} 22h26\"/><text x=\"{}\" \
             y=\"26\">{name}</text>",
            x + 32.0
        );
    }
}

/// Four times a round number, not below a value.
fn round_up(value: u64) -> u64 {
    let part = value.div_ceil(4);
    let mut step = 1;
    while part > 10 * step {
        step *= 10;
    }
    let tenths = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100];
    let round = tenths.iter().map(|tenth| (tenth * step).div_ceil(10)).find(|round| *round >= part);
    4 * round.unwrap_or(part)
}

fn draw(out: &mut String, panel: &Panel, (left, top): (f64, f64), decades: f64) {
    let values = panel.curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
    let most = round_up(values.max().unwrap_or(1).max(4) * 11 / 10);
    let (wide, high) = (WIDE - LEFT - RIGHT, HIGH - TOP - BELOW);
    let x = |hosts: f64| left + LEFT + (log10(hosts) - 1.0) / (decades - 1.0) * wide;
    let y = |value: f64| top + TOP + high - value / most as f64 * high;
    let (bottom, right) = (y(0.0), left + WIDE - RIGHT);
    let title = panel.title;
    let (at, above) = (left + LEFT, top + TOP - 14.0);
    let _ = writeln!(out, "<text class=\"title\" x=\"{at}\" y=\"{above}\">{title}</text>");
    for part in 0..=4 {
        let word = most * part / 4;
        let level = y(word as f64);
        let _ = writeln!(
            out,
            "<path class=\"grid\" d=\"M{at} {level}H{right}\"/><text class=\"axis\" x=\"{}\" \
             y=\"{}\" text-anchor=\"end\">{word}</text>",
            at - 6.0,
            level + 4.0
        );
    }
    for decade in 1..=decades as u32 {
        let (place, number) = (x(10f64.powi(decade as i32)), 10u64.pow(decade));
        let (anchor, below) = (if decade == 1 { "start" } else { "middle" }, bottom + 18.0);
        let word = if decade == 1 { format!("{number} hosts") } else { number.to_string() };
        let _ = writeln!(
            out,
            "<text class=\"axis\" x=\"{place:.1}\" y=\"{below}\" text-anchor=\"{anchor}\">{word}\
             </text>"
        );
    }
    for (curve, colour) in colours(panel) {
        let mut path = String::new();
        for (place, (hosts, value)) in curve.points.iter().enumerate() {
            let (x, y) = (x(*hosts as f64), y(*value as f64));
            let _ = write!(path, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
            if !curve.faint {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
        }
        let class = if curve.faint { "faint" } else { "" };
        let _ = writeln!(out, "<path class=\"{class}\" stroke=\"{colour}\" d=\"{path}\"/>");
    }
}

/// The logarithm of a number from 1 on, as near as a picture needs it: the library that has one would be in the memory of
/// every daemon.
fn log10(number: f64) -> f64 {
    let (mut rest, mut sum, mut bit) = (number, 0.0, 0.5);
    while rest >= 10.0 {
        (rest, sum) = (rest / 10.0, sum + 1.0);
    }
    for _ in 0..20 {
        rest *= rest;
        if rest >= 10.0 {
            (rest, sum) = (rest / 10.0, sum + bit);
        }
        bit /= 2.0;
    }
    sum
}
