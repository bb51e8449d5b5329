//! Groups from a shell, with real daemons: what is typed, what is printed, how it ends.
//!
//! ```text
//!   join.rs    ms join: lines, JSON, hooks       run.rs      ms run: exit status, signals, leaders
//!   calls.rs   leave, merge, split, view, members, watch, groups
//!   quality.rs what a creator chooses     refused.rs what is refused says why, and by its exit code
//!   operator.rs  status, metrics, why, trace           tree.rs     ms tree
//! ```

mod calls;
mod join;
mod operator;
mod quality;
mod refused;
mod run;
mod tree;
#[allow(dead_code)]
#[path = "../daemon/world.rs"]
mod world;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::File;
use std::process::Child;
use world::{Daemon, World, eventually};

/// A host: a mserver with a member interface built in. The hub is host 9.
fn host(world: &World, number: u8) -> Daemon {
    let hub = world.ip(9).to_string();
    let rest = ["--profile", "fast", "--state-dir", ".", "--mi", "office", &hub];
    let daemon = world.spawn("mserver", number, &rest);
    daemon.await_log("ready");
    daemon
}

/// Runs a command about groups at a host to its end: its exit code, and what it said on both ways out.
fn ms(world: &World, number: u8, args: &[&str]) -> (i32, String, String) {
    let at = world.ip(number).to_string();
    let output = world.command(&placed(args, &at)).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// The command, and right behind it where the member interface is.
fn placed<'a>(args: &[&'a str], at: &'a str) -> Vec<&'a str> {
    [&args[..1], &["--run-dir", "run", "--mi", at], &args[1..]].concat()
}

/// A command that goes on, with its output in a file.
struct Going {
    child: Child,
    world: std::path::PathBuf,
}

impl Going {
    fn start(world: &World, number: u8, name: &str, args: &[&str]) -> Going {
        let at = world.ip(number).to_string();
        let path = world.path(name);
        let mut command = world.command(&placed(args, &at));
        let output = File::create(&path).unwrap();
        let child = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        Going { child, world: path }
    }

    /// All that it has printed, whole lines.
    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.world).unwrap_or_default();
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        text[..end].lines().map(str::to_string).collect()
    }

    /// The first line with these words in it.
    fn await_line(&self, words: &str) -> String {
        eventually(&format!("{words:?} of {}", self.world.display()), || {
            self.lines().into_iter().find(|line| line.contains(words))
        })
    }

    /// The first event in JSON that is so.
    fn await_event(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let lines = self.lines();
            lines.iter().filter_map(|line| serde_json::from_str(line).ok()).find(|event| is(event))
        })
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// The exit code that it ends with, soon.
    fn ends(&mut self) -> i32 {
        eventually("its end", || self.child.try_wait().unwrap()).code().unwrap_or(-1)
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- {}\n{}", self.world.display(), self.lines().join("\n"));
        }
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A view of so many members.
fn of_size(size: u64) -> impl Fn(&Value) -> bool {
    move |event| event["event"] == "view" && event["size"] == size
}

/// Whether a process is there.
fn lives(pid: &str) -> bool {
    // One that has ended and is not yet asked for does not count.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}
