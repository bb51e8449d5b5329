//! What a person says of a group on the command line: how to join it, and where the member interface is.

use crate::client::{JoinOptions, Mode, Place, Rejoin, VARIABLE};
use crate::cmd::conf;
use crate::proto::qos;
use crate::rundir;
use crate::sys::process;
use getopts::Matches;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a person waits, where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the member interface is: `--mi PATH|ADDRESS`, else the run directory that is given, else the usual places.
///
/// # Errors
/// The address is none, in words.
pub fn place(matches: &Matches) -> Result<Place, String> {
    Ok(named(matches, "mi")?.map_or_else(Place::usual, Place::at))
}

/// The control sockets of the daemons in the same places.
///
/// # Errors
/// As [`place`].
pub fn controls(matches: &Matches) -> Result<Vec<PathBuf>, String> {
    let said = named(matches, "ctl")?.or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    let mut dirs = match said {
        Some(path) if path.is_dir() => vec![path],
        Some(path) => return Ok(vec![path.with_extension("ctl")]),
        None => vec![process::default_run_dir(), PathBuf::from(rundir::OF_ROOT)],
    };
    dirs.dedup();
    Ok(dirs.iter().flat_map(|dir| rundir::sockets(dir, "ctl")).collect())
}

/// What the command line says of where a socket for `what` is: it, or a directory.
fn named(matches: &Matches, what: &str) -> Result<Option<PathBuf>, String> {
    let dir = matches.opt_str("run-dir").map(PathBuf::from);
    let Some(word) = matches.opt_str("mi") else { return Ok(dir) };
    if word.contains('/') || Path::new(&word).exists() {
        return Ok(Some(word.into()));
    }
    let at = conf::address(&word, conf::PORT).map_err(|why| format!("--mi {word}: {why}"))?;
    let dir = dir.unwrap_or_else(process::default_run_dir);
    let said = rundir::socket(&dir, at, what);
    if word.contains(':') || said.exists() {
        return Ok(Some(said));
    }
    // One that is no mserver has another port.
    let begin = format!("{}-", at.ip());
    let is_there = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&begin))
    };
    Ok(Some(rundir::sockets(&dir, what).into_iter().find(is_there).unwrap_or(said)))
}

/// A time in seconds, with a fraction if need be.
///
/// # Errors
/// It is none, in words.
pub fn seconds(matches: &Matches, name: &str) -> Result<Option<Duration>, String> {
    let Some(word) = matches.opt_str(name) else { return Ok(None) };
    let time = word.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    match time {
        Some(time) => Ok(Some(time)),
        None => Err(format!("--{name} {word}: must be a number of seconds")),
    }
}

/// How long it may take: `--timeout SECONDS`.
///
/// # Errors
/// As [`seconds`].
pub fn timeout(matches: &Matches) -> Result<Duration, String> {
    Ok(seconds(matches, "timeout")?.unwrap_or(PATIENCE))
}

/// A number of times: `--count N`.
///
/// # Errors
/// It is none, in words.
pub fn count(matches: &Matches) -> Result<Option<u64>, String> {
    let Some(word) = matches.opt_str("count") else { return Ok(None) };
    match word.parse() {
        Ok(n) if n > 0 => Ok(Some(n)),
        _ => Err(format!("--count {word}: must be a number from 1")),
    }
}

/// All that a join needs.
///
/// # Errors
/// What is wrong, in words.
pub fn joining(matches: &Matches) -> Result<JoinOptions, String> {
    let mut options = JoinOptions::new().place(place(matches)?);
    if let Some(tag) = matches.opt_str("tag") {
        options = options.tag(tag);
    }
    options = match matches.opt_str("mode").as_deref() {
        None => options,
        Some("create") => options.mode(Mode::Create),
        Some("existing") => options.mode(Mode::Existing),
        Some(other) => return Err(format!("--mode {other}: must be create or existing")),
    };
    if let Some(patience) = seconds(matches, "patience")? {
        options = options.patience(patience);
    }
    for name in qos::NAMES {
        if let Some(words) = matches.opt_str(name) {
            options = options.quality(name, &words).map_err(|why| format!("--{why}"))?;
        }
    }
    options.chosen().clone().within_name().check().map_err(|why| format!("--{why}"))?;
    let when = match (matches.opt_present("no-rejoin"), matches.opt_present("rejoin-always")) {
        (true, true) => return Err("--no-rejoin, --rejoin-always: must be one of them".to_string()),
        (true, false) => Rejoin::Never,
        (false, true) => Rejoin::Always,
        (false, false) => Rejoin::Alive,
    };
    Ok(options.wait(matches.opt_present("wait")).rejoin(when))
}
