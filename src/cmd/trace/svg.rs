//! An event diagram of what was traced, in the manner of the thesis's Figures 21 to 28.
//!
//! ```text
//!   10.0.0.1      10.0.0.2      10.0.0.3
//!      o--Initiate--->|             |        a lifeline for every daemon, time downwards: a row for
//!      o--------------|------------>|        every event, an arrow for every copy that arrived, a
//!      |<---------ACK-o             |        short red one for what did not
//! ```
//!
//! Only messages of changes and of calls are drawn, with news and what applications call for and are told; monitoring and
//! probing run beside them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Pixels: from one lifeline to the next, from one row to the next, around.
const ACROSS: usize = 260;
const DOWN: usize = 18;
const MARGIN: usize = 70;
/// Letters of a remark that there is room for.
const REMARK: usize = 90;

const STYLE: &str = "text{font:11px sans-serif;fill:#111}.head{font-weight:bold}.time{fill:#888}\
.life{stroke:#999}.msg{stroke:#111;fill:none}.lost{stroke:#b00;stroke-dasharray:4 3}\
.note{fill:#036;paint-order:stroke;stroke:#fff;stroke-width:3px}\
.label{paint-order:stroke;stroke:#fff;stroke-width:3px}";

/// Where a datagram was sent: lifeline and row, to whom, and what it was.
struct Sent {
    from: usize,
    row: usize,
    label: String,
    to: Option<usize>,
    arrived: bool,
}

/// The picture, for itself: no font, script or style from elsewhere.
pub fn picture(events: &[Value]) -> String {
    let events: Vec<&Value> = events.iter().filter(|event| is_drawn(event)).collect();
    let mut lines: Vec<&str> = events.iter().map(|event| text(event, "own")).collect();
    lines.sort_unstable();
    lines.dedup();
    let place = |who: &str| lines.binary_search(&who).ok();
    let (width, height) =
        (MARGIN * 2 + lines.len().max(1) * ACROSS, MARGIN * 2 + events.len() * DOWN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\
         <style>{STYLE}</style><defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 1 8 4 0 7z\"/></marker>\
         </defs><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (i, who) in lines.iter().enumerate() {
        let (x, end) = (x(i), height - MARGIN / 2);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<text class=\"head\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <path class=\"life\" d=\"M{x} {MARGIN}V{end}\"/>",
            MARGIN - 14,
            escaped(who)
        );
    }
    let first = events.first().and_then(|event| event["time"].as_u64()).unwrap_or(0);
    let mut sent: BTreeMap<&str, Sent> = BTreeMap::new();
    for (row, event) in events.iter().enumerate() {
        let Some(own) = place(text(event, "own")) else { continue };
        let ms = event["time"].as_u64().unwrap_or(0).saturating_sub(first) as f64 / 1000.0;
        let _ =
            writeln!(out, "<text class=\"time\" x=\"4\" y=\"{}\">{ms:.1} ms</text>", y(row) + 4);
        match text(event, "event") {
            "sent" => {
                let label = label(event);
                let to = place(text(event, "peer"));
                let new = Sent { from: own, row, label, to, arrived: false };
                if let Some(old) = sent.insert(text(event, "id"), new) {
                    lost(&old, &mut out);
                }
            }
            "received" => match sent.get_mut(text(event, "id")) {
                Some(sent) => {
                    arrow((sent.from, sent.row), (own, row), &sent.label, !sent.arrived, &mut out);
                    sent.arrived = true;
                }
                None => remark(own, row, &format!("{} <", label(event)), &mut out),
            },
            "called" | "told" => {
                let words = [text(event, "event"), text(event, "group"), text(event, "text")];
                remark(own, row, &words.join(" "), &mut out);
            }
            _ => remark(own, row, text(event, "text"), &mut out),
        }
    }
    sent.values().for_each(|sent| lost(sent, &mut out));
    out.push_str("</svg>\n");
    out
}

fn is_drawn(event: &Value) -> bool {
    let beside = ["query", "reply", "probe", "stats", "taken", "poll"];
    let message = text(event, "message").to_lowercase();
    !text(event, "own").is_empty() && !beside.iter().any(|word| message.starts_with(word))
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or("")
}

/// The message, and as much of what it says as there is room for.
fn label(event: &Value) -> String {
    let says = text(event, "text").split(',').next().unwrap_or("");
    shortened(&format!("{} {says}", text(event, "message")), REMARK / 2)
}

fn shortened(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most).chain(['…']).collect(),
        false => text.trim_end().to_string(),
    }
}

fn x(lifeline: usize) -> usize {
    MARGIN + ACROSS / 2 + lifeline * ACROSS
}

fn y(row: usize) -> usize {
    MARGIN + DOWN + row * DOWN
}

fn arrow(from: (usize, usize), to: (usize, usize), label: &str, named: bool, out: &mut String) {
    let (x1, y1, x2, y2) = (x(from.0), y(from.1), x(to.0), y(to.1));
    let _ =
        writeln!(out, "<path class=\"msg\" marker-end=\"url(#a)\" d=\"M{x1} {y1}L{x2} {y2}\"/>");
    if named {
        let (x, y) = (x1.midpoint(x2), y1.midpoint(y2) - 3);
        let _ = writeln!(
            out,
            "<text class=\"label\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            escaped(label)
        );
    }
}

/// What no daemon of this host is known to have received, though one of them should have.
fn lost(sent: &Sent, out: &mut String) {
    let Some(to) = sent.to.filter(|_| !sent.arrived) else { return };
    let (x1, y1) = (x(sent.from), y(sent.row));
    let x2 = if to > sent.from { x1 + ACROSS / 3 } else { x1.saturating_sub(ACROSS / 3) };
    let _ = writeln!(
        out,
        "<path class=\"lost\" d=\"M{x1} {y1}L{x2} {}\"/><text x=\"{x2}\" y=\"{y1}\">{}</text>",
        y1 + DOWN / 2,
        escaped(&sent.label)
    );
}

fn remark(lifeline: usize, row: usize, text: &str, out: &mut String) {
    let text = escaped(&shortened(text, REMARK));
    let (x, y) = (x(lifeline) + 6, y(row) + 4);
    let _ = writeln!(out, "<text class=\"note\" x=\"{x}\" y=\"{y}\">{text}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_copy_that_arrives_is_an_arrow_and_one_that_does_not_is_lost() {
        let event = |what: &str, own: &str, peer: &str, id: &str| {
            json!({"time": 5, "event": what, "own": own, "peer": peer, "id": id,
                "message": "ACK", "text": "a < b"})
        };
        let other = event("received", "b", "c", "3");
        let events = [
            event("sent", "a", "b", "1"),
            event("received", "b", "a", "1"),
            event("sent", "b", "a", "2"),
            other,
        ];
        let svg = picture(&events);
        assert_eq!(svg.matches("class=\"msg\"").count(), 1, "{svg}");
        assert_eq!(svg.matches("class=\"lost\"").count(), 1, "{svg}");
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
    }
}
