//! The daemons of this host, by their control sockets: which there are, and what one answers.

use super::{complain, conf};
use crate::sys::control;
use crate::sys::process::{self, exit};
use getopts::Matches;
use serde_json::Value;
use std::io;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon may take for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What went wrong: the exit code, and why.
pub type Failure = (i32, String);

/// The run directory that the options name, or the usual one.
pub fn run_dir(matches: &Matches) -> PathBuf {
    matches.opt_str("run-dir").map_or_else(process::default_run_dir, PathBuf::from)
}

/// The control sockets of the daemon at `address`, or of all.
pub fn sockets(matches: &Matches, address: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let dir = run_dir(matches);
    if let Some(address) = address.filter(|word| *word != "all") {
        let at = conf::address(address, conf::PORT)
            .map_err(|why| (exit::USAGE, format!("ADDRESS {address}: {why}")))?;
        return Ok(vec![control::path(&dir, at)]);
    }
    all_of(&dir)
}

/// The addresses of all daemons that have, or had, a control socket there.
pub fn addresses(dir: &Path) -> Result<Vec<SocketAddrV4>, Failure> {
    let named = |socket: PathBuf| daemon_of(&socket)?.parse().ok();
    Ok(all_of(dir)?.into_iter().filter_map(named).collect())
}

fn all_of(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    match all(dir) {
        Ok(sockets) if !sockets.is_empty() => Ok(sockets),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(in_words(dir, &e)),
        Ok(_) | Err(_) => {
            let dir = dir.display();
            let why = format!("no daemon runs here: no control socket in {dir}; see --run-dir");
            Err((exit::UNAVAILABLE, why))
        }
    }
}

fn all(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "ctl"))
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// The address of the daemon whose control socket that is: `10.0.0.1-2900.ctl` is that of `10.0.0.1:2900`.
pub fn daemon_of(socket: &Path) -> Option<String> {
    let (ip, port) = socket.file_stem()?.to_str()?.rsplit_once('-')?;
    Some(format!("{ip}:{port}"))
}

/// Asks a daemon.
pub fn ask(socket: &Path, request: &str) -> Result<Value, Failure> {
    let answer = control::ask(socket, request, PATIENCE).map_err(|e| in_words(socket, &e))?;
    let name = socket.display();
    if answer.is_empty() {
        return Err((exit::TEMPFAIL, format!("{name}: closed without an answer; ask again")));
    }
    serde_json::from_str(&answer).map_err(|e| {
        let why = format!("{name}: the answer is none ({e}); is it a daemon of another version?");
        (exit::DATAERR, why)
    })
}

/// Asks all of them. Whoever does not answer is complained about, and keeps nobody from being heard; the code is that of the
/// last failure. Sockets that dead daemons left are no failure where anybody answers.
pub fn ask_all(sockets: &[PathBuf], request: &str) -> (Vec<(PathBuf, Value)>, i32) {
    let (mut answers, mut code, mut dead) = (Vec::new(), exit::OK, false);
    for socket in sockets {
        match ask(socket, request) {
            Ok(answer) => answers.push((socket.clone(), answer)),
            Err((its_code, why)) => {
                complain(&why);
                match its_code {
                    exit::UNAVAILABLE => dead = true,
                    other => code = other,
                }
            }
        }
    }
    if answers.is_empty() && dead && code == exit::OK {
        code = exit::UNAVAILABLE;
    }
    (answers, code)
}

/// What is to be said of a daemon that does not know a request, since it is of another version: it was started before an
/// upgrade, as a rule. None: it answered, or is of this version and has nothing to say to that.
pub fn of_another_version(socket: &Path, answer: &Value) -> Option<Failure> {
    let why = answer["error"].as_str().filter(|why| why.starts_with("unknown request"))?;
    let (name, ours) = (socket.display(), env!("CARGO_PKG_VERSION"));
    let status = ask(socket, "status").ok()?;
    let theirs = status["version"].as_str().filter(|theirs| *theirs != ours)?;
    let why = format!("{name}: {why}: the daemon is of version {theirs}, not {ours}; restart it");
    Some((exit::UNAVAILABLE, why))
}

/// Why a daemon cannot be asked, and what is to be done about it.
pub fn in_words(socket: &Path, e: &io::Error) -> Failure {
    let name = socket.display();
    match e.kind() {
        io::ErrorKind::NotFound => (
            exit::UNAVAILABLE,
            format!("{name}: no daemon answers there; is it running? if so, name its --run-dir"),
        ),
        io::ErrorKind::ConnectionRefused => (
            exit::UNAVAILABLE,
            format!("{name}: left by a daemon that died; start it again, or remove the file"),
        ),
        io::ErrorKind::PermissionDenied => {
            (exit::NOPERM, format!("{name}: {e}; ask as root or as the daemon's user"))
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            let seconds = PATIENCE.as_secs();
            (
                exit::TEMPFAIL,
                format!("{name}: no answer in {seconds} s; it is stopped, or hangs: see its log"),
            )
        }
        _ => (exit::IOERR, format!("{name}: {e}")),
    }
}
