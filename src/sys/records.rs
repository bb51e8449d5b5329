//! What a daemon writes to files while it runs: detected failures, views, and the incarnation that it uses.
//!
//! None of them is needed to go on: a disk that is full costs the record and a line in the log. And none is urgent: a
//! record has the time at which it was taken, and is written a little later, when what it tells of is over. To
//! write a view takes longer than to agree on it, and on one host all members would do so at once.

use crate::name::Incarnation;
use crate::proto::note::{Note, SetNews};
use log::warn;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How much later records are written.
const LATER: Duration = Duration::from_millis(10);

/// The files, as far as there are any.
#[derive(Default)]
pub struct Records {
    /// Where detected failures are appended.
    failures: Option<File>,
    /// Where views are appended.
    views: Option<File>,
    /// Where the incarnation is kept.
    life: Option<PathBuf>,
    /// What is not written yet, with its time.
    taken: Vec<(SystemTime, Note)>,
    /// When it will be.
    due: Option<Instant>,
}

impl Records {
    /// Records go to those files, as far as there are any: detected failures, views, and the incarnation.
    pub fn new(failures: Option<File>, views: Option<File>, life: Option<PathBuf>) -> Records {
        Records { failures, views, life, taken: Vec::new(), due: None }
    }

    /// When there is something to write, if there is.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes a note, to write down a little later what is to be kept of it.
    pub fn take(&mut self, note: Note) {
        let kept = match note {
            Note::Failed { .. } => self.failures.is_some(),
            Note::Set(SetNews::View(_)) => self.views.is_some(),
            _ => false,
        };
        if kept {
            self.taken.push((SystemTime::now(), note));
            self.due.get_or_insert_with(|| Instant::now() + LATER);
        }
    }

    /// Writes what is due by now.
    pub fn write_due(&mut self, now: Instant) {
        if self.due.is_some_and(|due| now >= due) {
            self.write();
        }
    }

    fn write(&mut self) {
        self.due = None;
        for (time, note) in std::mem::take(&mut self.taken) {
            self.write_note(time, &note);
        }
    }

    fn write_note(&mut self, time: SystemTime, note: &Note) {
        let now = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if let (Note::Failed { gid, by, .. }, Some(file)) = (note, &mut self.failures) {
            let line =
                format!("Member {gid} is detected failed by {by} at {} sec.\n\n", now.as_secs());
            told("failures file", file.write_all(line.as_bytes()));
        }
        if let (Note::Set(SetNews::View(installed)), Some(file)) = (note, &mut self.views) {
            let mut view = installed.to_json();
            view["time"] = now.as_secs_f64().into();
            told("views file", file.write_all(format!("{view}\n").as_bytes()));
        }
    }

    /// Keeps an incarnation in mind.
    pub fn keep_life(&self, inc: Incarnation) {
        if let Some(path) = &self.life {
            told("incarnation", write_life(path, inc));
        }
    }
}

/// At the end, or when the files are opened anew, nothing is left out.
impl Drop for Records {
    fn drop(&mut self) {
        self.write();
    }
}

fn told(what: &str, result: io::Result<()>) {
    if let Err(e) = result {
        warn!("the {what} cannot be written: {e}");
    }
}

/// The file of the daemon at an address.
pub fn life_file(state_dir: &Path, own: SocketAddrV4) -> PathBuf {
    state_dir.join(format!("{}-{}.life", own.ip(), own.port()))
}

/// The incarnation of a life that begins now: above the last one that was kept, and not below the clock, so that
/// without the file it is above it as well, unless the clock was set back.
pub fn next_life(path: Option<&Path>) -> Incarnation {
    let kept = path.and_then(|path| std::fs::read_to_string(path).ok());
    let kept: u32 = kept.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let clock = u32::try_from(clock).unwrap_or(u32::MAX);
    Incarnation(clock.max(kept.saturating_add(1)))
}

/// Replaces the file as a whole: half a number would be a wrong one.
fn write_life(path: &Path, inc: Incarnation) -> io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, format!("{inc}\n"))?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_above_the_last_one_and_the_clock() {
        let dir = std::env::temp_dir().join(format!("ms-life-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = life_file(&dir, "127.0.0.1:2900".parse().unwrap());
        let first = next_life(Some(&file));
        assert!(first.0 > 1_700_000_000);
        write_life(&file, Incarnation(u32::MAX - 1)).unwrap();
        assert_eq!(next_life(Some(&file)), Incarnation(u32::MAX));
        std::fs::write(&file, "no number").unwrap();
        assert!(next_life(Some(&file)) >= first);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
