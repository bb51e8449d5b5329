//! `ms trace [options] [ADDRESS|all]`: the protocol as it happens, from the daemons of this host.
//!
//! ```text
//!   daemon ─ lines of JSON ─> reader ─┐   sorted by their times       text, or JSON
//!   daemon ─ lines of JSON ─> reader ─┴─> for as long as REORDER ──>  and at the end, the SVG
//! ```

mod svg;

use super::local::{self, Failure};
use super::{Command, complain, print};
use crate::sys::control;
use crate::sys::process::exit;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long an event waits for earlier ones of other daemons.
const REORDER: Duration = Duration::from_millis(50);
/// Events that a diagram has room for.
const DRAWN: usize = 5000;
/// How long a reader may sit in one read: nothing depends on it but the end of the program.
const PATIENCE: Duration = Duration::from_secs(86_400);

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    match follow(&matches) {
        Ok(()) => exit::OK,
        Err((code, why)) if why.is_empty() => code,
        Err((exit::USAGE, why)) => {
            complain(&format!("{why}\nusage: {}", command.synopsis()));
            exit::USAGE
        }
        Err((code, why)) => {
            complain(&why);
            code
        }
    }
}

fn follow(matches: &getopts::Matches) -> Result<(), Failure> {
    let address = match matches.free.as_slice() {
        [] => None,
        [address] => Some(address.as_str()),
        _ => return Err((exit::USAGE, "there must be one ADDRESS".to_string())),
    };
    let until = match matches.opt_str("seconds") {
        None => None,
        Some(said) => match said.parse::<u32>() {
            Ok(n @ 1..=86_400) => Some(Instant::now() + Duration::from_secs(n.into())),
            _ => {
                return Err((exit::USAGE, format!("--seconds {said}: must be 1 to 86400")));
            }
        },
    };
    let picture = matches.opt_str("svg");
    if picture.is_some() && until.is_none() {
        // Who is interrupted draws nothing.
        return Err((exit::USAGE, "--svg: must go with --seconds".to_string()));
    }
    let (sender, receiver) = channel();
    let sockets = local::sockets(matches, address)?;
    let several = sockets.len() > 1;
    for socket in sockets {
        let stream = match control::follow(&socket, PATIENCE) {
            Ok(stream) => stream,
            Err(e) => match local::in_words(&socket, &e) {
                // What a daemon that died left behind.
                (exit::UNAVAILABLE, _) if several => continue,
                failure => return Err(failure),
            },
        };
        let sender = sender.clone();
        std::thread::spawn(move || read(stream, &sender));
    }
    drop(sender);
    let mut told = Told { json: matches.opt_present("json"), kept: Vec::new() };
    let done = told.all(&receiver, until, picture.is_some());
    if let Some(path) = picture {
        draw(Path::new(&path), &told.kept)?;
    }
    done
}

/// Hands on every line until the daemon ends, or nobody listens any more.
fn read(stream: UnixStream, sender: &Sender<Value>) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let Ok(event) = serde_json::from_str(&line) else { continue };
        if sender.send(event).is_err() {
            return;
        }
    }
}

fn draw(path: &Path, events: &[Value]) -> Result<(), Failure> {
    std::fs::write(path, svg::picture(events))
        .map_err(|e| (exit::CANTCREAT, format!("{}: {e}", path.display())))
}

struct Told {
    json: bool,
    /// For the picture.
    kept: Vec<Value>,
}

impl Told {
    /// Everything that comes, in the order of its times, until the time is over or all daemons have ended.
    fn all(
        &mut self,
        events: &Receiver<Value>,
        until: Option<Instant>,
        keep: bool,
    ) -> Result<(), Failure> {
        let mut waiting: BTreeMap<(u64, u64), (Instant, Value)> = BTreeMap::new();
        let mut count = 0;
        loop {
            let over = until.is_some_and(|until| Instant::now() >= until);
            let ended = match events.recv_timeout(REORDER / 5) {
                Ok(event) => {
                    let time = event["time"].as_u64().unwrap_or(0);
                    count += 1;
                    waiting.insert((time, count), (Instant::now(), event));
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            while let Some(first) = waiting.first_entry() {
                if !over && !ended && first.get().0.elapsed() < REORDER {
                    break;
                }
                let (_, event) = first.remove();
                self.tell(event, keep)?;
            }
            if over {
                return Ok(());
            }
            if ended {
                let why = "no daemon is left to follow".to_string();
                return Err((exit::UNAVAILABLE, why));
            }
        }
    }

    fn tell(&mut self, event: Value, keep: bool) -> Result<(), Failure> {
        let text = match self.json {
            true => format!("{event}\n"),
            false => in_words(&event),
        };
        if keep && self.kept.len() < DRAWN {
            self.kept.push(event);
        }
        match print_line(&text) {
            exit::OK => Ok(()),
            code => Err((code, String::new())),
        }
    }
}

/// At once, and the end of the program if nobody reads any more.
fn print_line(text: &str) -> i32 {
    use std::io::Write;
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => exit::OK,
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(print("")),
        Err(_) => exit::IOERR,
    }
}

/// `12:00:01.234567 10.0.0.1:2900 -> 10.0.0.2:2900 ACK 0/3 of 10.0.0.2:2900`.
fn in_words(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or("");
    if let Some(lost) = event["lost"].as_u64() {
        return format!("--- {lost} events lost: they came faster than they were read\n");
    }
    if let Some(why) = event["error"].as_str() {
        return format!("--- {why}\n");
    }
    let time = event["time"].as_u64().unwrap_or(0);
    let seconds = time / 1_000_000;
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let mut line = format!("{h:02}:{m:02}:{s:02}.{:06} {}", time % 1_000_000, text("own"));
    let arrow = match text("event") {
        "sent" => "->",
        "received" => "<-",
        what @ ("called" | "told") => {
            let (application, group) = (&event["application"], text("group"));
            let group = if group.is_empty() { String::new() } else { format!(" {group}:") };
            return format!("{line} application {application} {what}{group} {}\n", text("text"));
        }
        _ => return format!("{line} {}\n", text("text")),
    };
    line.push_str(&format!(" {arrow} {} {}", text("peer"), text("message")));
    let what = match text("text") {
        "" => text("change"),
        says => says,
    };
    let group = if text("via") == "own" { "" } else { " (to all)" };
    if !what.is_empty() {
        line.push_str(&format!(" {what}"));
    }
    format!("{line}{group}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_a_line() {
        let sent = json!({"time": 3_723_000_042_u64, "own": "10.0.0.1:2900", "event": "sent",
            "peer": "10.0.0.2:2900", "via": "own", "message": "ACK", "change": "0/3 of x",
            "text": ""});
        assert_eq!(
            in_words(&sent),
            "01:02:03.000042 10.0.0.1:2900 -> 10.0.0.2:2900 ACK 0/3 of x\n"
        );
        let called = json!({"time": 0, "own": "10.0.0.1:2901", "event": "called",
            "application": 4, "group": "orders", "text": "join"});
        assert_eq!(
            in_words(&called),
            "00:00:00.000000 10.0.0.1:2901 application 4 called orders: join\n"
        );
        assert!(in_words(&json!({"lost": 3})).starts_with("--- 3 events lost"));
    }
}
