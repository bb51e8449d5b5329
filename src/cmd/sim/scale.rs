//! `ms sim --scale`: what a change costs as a hierarchy grows, in a table and as curves.

use super::plot::{Curve, Panel, picture};
use super::show;
use crate::cmd::complain;
use crate::proto::mserver::Mserver;
use crate::sim::campus::scale::{Point, Shape, is_whole, measure, shapes};
use crate::sys::process::exit;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Instant;

/// Mservers of a set: few, as in most hierarchies, many.
const FANS: [usize; 3] = [4, 10, 32];
/// Copies of a process by which it is weighed.
const COPIES: usize = 100;
/// How often so many.
const ROUNDS: usize = 6;

/// A hierarchy, with a group in one lowest set and one of the whole.
struct Measured {
    near: Point,
    far: Point,
    /// Bytes of the process that a change of the whole kept busiest.
    memory: Option<u64>,
}

/// Measures hierarchies of up to so many hosts.
pub fn run(most: u64, svg: Option<&str>) -> i32 {
    let begun = Instant::now();
    let all: Vec<Shape> = FANS.into_iter().flat_map(|fan| shapes(fan, most)).collect();
    let mut measured = Vec::new();
    for (number, shape) in all.iter().enumerate() {
        progress(&format!("{} of {}: {} hosts", number + 1, all.len(), shape.hosts()));
        let both = measure(*shape, false, false).and_then(|near| {
            let far = measure(*shape, true, false)?;
            Ok(Measured { memory: weigh(&far.busiest), near, far })
        });
        match both {
            Ok(both) => measured.push(both),
            Err(why) => {
                let Shape { fan, levels } = shape;
                complain(&format!("{levels} levels of fan-out {fan}: {why}"));
                return exit::SOFTWARE;
            }
        }
    }
    progress(&format!("{} s", begun.elapsed().as_secs()));
    show(&table(&measured), svg, || picture(&panels(&measured)))
}

/// Where the user waits: what is being done.
fn progress(what: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        // If standard error is closed, nobody waits.
        let _ = writeln!(err, "ms: {what}");
    }
}

/// What one more copy of a process takes, in bytes of anonymous memory; none if the system does not tell.
fn weigh(mserver: &Mserver) -> Option<u64> {
    let copies = || -> Vec<Mserver> { (0..COPIES).map(|_| mserver.clone()).collect() };
    let weighing = || {
        // The first ones may fill what is free of the thread's memory; the others cannot.
        let (mut kept, mut most) = (Vec::new(), 0);
        let mut before = anonymous()?;
        for _ in 0..ROUNDS {
            kept.extend(copies());
            let after = anonymous()?;
            most = most.max(after.saturating_sub(before));
            before = after;
        }
        Some(most / COPIES as u64)
    };
    // A thread of its own has memory of its own, where the hierarchy that was played has left no holes.
    std::thread::scope(|scope| scope.spawn(weighing).join().ok().flatten())
}

fn anonymous() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn table(all: &[Measured]) -> String {
    let mut text = "Messages of a change at the busiest mserver, ticks to the last view, and the \
                    memory of that mserver:\nof a group with its core in one lowest set / with \
                    members below two mservers of the highest.\n\n"
        .to_string();
    let head = ["fan-out", "levels", "hosts", "mservers", "played", "join", "leave", "crash"];
    for word in head {
        let _ = write!(text, "{word:>9}");
    }
    let _ = writeln!(text, "{:>9}{:>9}", "ticks", "KiB");
    for Measured { near, far, memory } in all {
        let Shape { fan, levels } = near.shape;
        let (hosts, mservers) = (near.shape.hosts(), near.shape.mservers());
        let both = |one: u64, two: u64| format!("{one} / {two}");
        let busiest = |of: fn(&Point) -> usize| both(of(near) as u64, of(far) as u64);
        let _ = write!(text, "{fan:>9}{levels:>9}{hosts:>9}{mservers:>9}{:>9}", far.played);
        let _ = write!(text, "{:>9}", busiest(|point| point.join.busiest));
        let _ = write!(text, "{:>9}", busiest(|point| point.leave.busiest));
        let _ = write!(text, "{:>9}", busiest(|point| point.crash.busiest));
        let _ = write!(text, "{:>9}", both(near.join.ticks, far.join.ticks));
        let memory = memory.map_or("-".to_string(), |bytes| bytes.div_ceil(1024).to_string());
        let _ = writeln!(text, "{memory:>9}");
    }
    let whole = all.iter().filter(|both| is_whole(&both.far)).count();
    let _ = writeln!(
        text,
        "\nAll figures are of messages that were sent and received; none is extrapolated. {whole} of \
         {} hierarchies were played\nwhole; of the others the sets with a member in or below them: \
         the rest are idle, their parents were\nplayed, and nothing about a group was sent to them. \
         A tick is the way of one datagram.",
        all.len()
    );
    text
}

fn panels(all: &[Measured]) -> Vec<Panel> {
    let value = |title: &'static str, of: fn(&Measured, bool) -> Option<u64>| {
        let mut curves = Vec::new();
        for fan in FANS {
            for far in [false, true] {
                let here = all.iter().filter(|both| both.near.shape.fan == fan);
                let at = |both: &Measured| Some((both.near.shape.hosts(), of(both, far)?));
                let name = format!("fan-out {fan}{}", if far { "" } else { ", one set" });
                let points: Vec<(u64, u64)> = here.filter_map(at).collect();
                curves.push(Curve { name, faint: !far, points });
            }
        }
        curves.retain(|curve| !curve.points.is_empty());
        Panel { title, curves }
    };
    vec![
        value("messages of a join at the busiest mserver", |both, far| {
            Some(side(both, far).join.busiest as u64)
        }),
        value("messages of a host's crash at the busiest mserver", |both, far| {
            Some(side(both, far).crash.busiest as u64)
        }),
        value("a join: datagrams one after another to the last view", |both, far| {
            Some(side(both, far).join.ticks)
        }),
        value("KiB of the busiest mserver", |both, far| {
            both.memory.filter(|_| far).map(|bytes| bytes.div_ceil(1024))
        }),
    ]
}

fn side(both: &Measured, far: bool) -> &Point {
    if far { &both.far } else { &both.near }
}
