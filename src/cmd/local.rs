//! The daemons of this host, by their control sockets: which there are, and what one answers.

use super::conf;
use crate::sys::control;
use crate::sys::process::{self, exit};
use getopts::Matches;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon may take for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What went wrong: the exit code, and why.
pub type Failure = (i32, String);

/// The control sockets of the daemon at `address`, or of all.
pub fn sockets(matches: &Matches, address: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let dir = matches.opt_str("run-dir").map_or_else(process::default_run_dir, PathBuf::from);
    if let Some(address) = address.filter(|word| *word != "all") {
        let at = conf::address(address, conf::PORT)
            .map_err(|why| (exit::USAGE, format!("ADDRESS {address}: {why}")))?;
        return Ok(vec![control::path(&dir, at)]);
    }
    match all(&dir) {
        Ok(sockets) if !sockets.is_empty() => Ok(sockets),
        Ok(_) | Err(_) => {
            let dir = dir.display();
            Err((exit::UNAVAILABLE, format!("no daemon runs here: no control socket in {dir}")))
        }
    }
}

fn all(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "ctl"))
        .collect();
    found.sort();
    Ok(found)
}

/// Asks a daemon.
pub fn ask(socket: &Path, request: &str) -> Result<Value, Failure> {
    let answer = control::ask(socket, request, PATIENCE).map_err(|e| in_words(socket, &e))?;
    serde_json::from_str(&answer)
        .map_err(|e| (exit::DATAERR, format!("{}: the answer is none: {e}", socket.display())))
}

/// Why a daemon cannot be asked.
pub fn in_words(socket: &Path, e: &io::Error) -> Failure {
    let name = socket.display();
    match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            (exit::UNAVAILABLE, format!("{name}: no daemon answers there; is it running?"))
        }
        io::ErrorKind::PermissionDenied => {
            (exit::NOPERM, format!("{name}: {e}; ask as root or as the daemon's user"))
        }
        _ => (exit::IOERR, format!("{name}: {e}")),
    }
}
