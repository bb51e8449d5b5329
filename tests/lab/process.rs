//! A process of a lab whose output a test follows, line by line, with a deadline for each wait.
//!
//! ```text
//!   stdout --thread--+
//!   stderr --thread--+--> lines ... | cursor | ... <-- expect() waits here, moves the cursor
//!   exit   --thread------> status
//! ```
//!
//! No wait polls, none is endless, and one that is in vain because the process has ended is given up at
//! once. A process that is dropped is killed; if that is because the test fails, its output is shown.

use super::PATIENCE;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    lines: Vec<String>,
    open_streams: usize,
    status: Option<ExitStatus>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A running, or ended, process.
pub struct Process {
    title: String,
    pid: Pid,
    stdin: Option<ChildStdin>,
    shared: Arc<Shared>,
    cursor: usize,
}

impl Process {
    /// Starts `command`; `title` is what a failing test calls it.
    pub fn start(title: String, mut command: Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{title}: {e}"));
        let shared = Arc::new(Shared::default());
        shared.lock().open_streams = 2;
        follow(&shared, child.stdout.take().expect("stdout is piped"));
        follow(&shared, child.stderr.take().expect("stderr is piped"));
        let stdin = child.stdin.take();
        let pid = Pid::from_raw(child.id() as i32);
        let waiting = Arc::clone(&shared);
        thread::spawn(move || await_end(&waiting, child, pid));
        Process { title, pid, stdin, shared, cursor: 0 }
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its standard input is open");
        writeln!(stdin, "{line}").unwrap_or_else(|e| panic!("{}: {e}", self.title));
    }

    /// Closes its standard input.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Waits for a line that contains `text`, from the last one that was waited for; returns it.
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_where(text, |line| line.contains(text))
    }

    /// Waits for a line for which `wanted` holds; `what` says in a failure what that would be.
    pub fn expect_where(&mut self, what: &str, mut wanted: impl FnMut(&str) -> bool) -> String {
        let mut at = self.cursor;
        let found = self.wait(what, PATIENCE, |state| {
            let new = &state.lines[at..];
            let hit = new.iter().position(|line| wanted(line));
            at += hit.map_or(new.len(), |n| n + 1);
            hit.map(|_| state.lines[at - 1].clone())
        });
        self.cursor = at;
        found
    }

    /// Waits until each of `texts` has been in some line, in whatever order.
    pub fn expect_all(&mut self, texts: &[String]) {
        let mut missing = texts.to_vec();
        let mut at = self.cursor;
        self.wait(&texts.join("; "), PATIENCE, |state| {
            for line in &state.lines[at..] {
                missing.retain(|text| !line.contains(text.as_str()));
                at += 1;
                if missing.is_empty() {
                    return Some(());
                }
            }
            None
        });
        self.cursor = at;
    }

    /// Passes over everything printed so far.
    pub fn skip(&mut self) {
        self.cursor = self.shared.lock().lines.len();
    }

    /// Everything printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.shared.lock().lines.clone()
    }

    /// Waits for its end, all output read.
    pub fn expect_exit(&mut self) -> ExitStatus {
        self.wait("its end", PATIENCE, |state| state.status.filter(|_| state.open_streams == 0))
    }

    /// Waits for a line with `text` or for its end; `true` if it was the line.
    pub fn expect_or_exit(&mut self, text: &str) -> bool {
        let mut at = self.cursor;
        let found = self.wait(text, PATIENCE, |state| {
            let hit = state.lines[at..].iter().position(|line| line.contains(text));
            at += hit.map_or(state.lines.len() - at, |n| n + 1);
            let ended = state.status.is_some() && state.open_streams == 0;
            if hit.is_some() { Some(true) } else { ended.then_some(false) }
        });
        self.cursor = at;
        found
    }

    /// Sends it a signal, if it still runs.
    pub fn signal(&self, signal: Signal) {
        let state = self.shared.lock();
        if state.status.is_none() {
            signal::kill(self.pid, signal).unwrap_or_else(|e| panic!("{}: {e}", self.title));
        }
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.expect_exit();
    }

    fn wait<T>(
        &self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&State) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&state) {
                return found;
            }
            if let Some(status) = state.status.filter(|_| state.open_streams == 0) {
                drop(state);
                panic!("{}: ended ({status}) before: {what}", self.title);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                panic!("{}: not within {patience:?}: {what}", self.title);
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let state = self.shared.lock();
        if thread::panicking() {
            eprintln!("--- {} ({:?})", self.title, state.status);
            state.lines.iter().for_each(|line| eprintln!("    {line}"));
        }
        if state.status.is_none() {
            let _ = signal::kill(self.pid, Signal::SIGKILL);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn follow(shared: &Arc<Shared>, stream: impl Read + Send + 'static) {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            shared.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
            shared.changed.notify_all();
        }
        shared.lock().open_streams -= 1;
        shared.changed.notify_all();
    });
}

/// The status is fetched under the lock, so that no signal goes to a pid that is no longer ours.
fn await_end(shared: &Shared, mut child: Child, pid: Pid) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(pid), flags).is_err_and(|e| e == nix::errno::Errno::EINTR) {}
    let mut state = shared.lock();
    state.status = child.wait().ok();
    drop(state);
    shared.changed.notify_all();
}
