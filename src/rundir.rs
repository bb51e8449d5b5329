//! Where the daemons of a host have their sockets: `ADDRESS-PORT.ctl` and `ADDRESS-PORT.mi` in the run directory.
//!
//! Daemons, commands and applications must look in the same place, so this stands below all of them.

use nix::unistd::Uid;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

/// The run directory of daemons that root started.
pub const OF_ROOT: &str = "/run/ms";

/// The run directory where nobody named one: [`OF_ROOT`], or without root a directory of the user's own.
pub fn default_dir() -> PathBuf {
    if Uid::effective().is_root() {
        return PathBuf::from(OF_ROOT);
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) => PathBuf::from(dir).join("ms"),
        None => std::env::temp_dir().join(format!("ms-{}", Uid::effective())),
    }
}

/// The socket for `what` of the daemon at `address`: `ctl`, for commands, or `mi`, for applications.
pub fn socket(dir: &Path, address: SocketAddrV4, what: &str) -> PathBuf {
    dir.join(format!("{}-{}.{what}", address.ip(), address.port()))
}

/// The sockets for `what` in a directory, in the order of their names; none where there is no such directory.
pub fn sockets(dir: &Path, what: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == what))
        .collect();
    found.sort_unstable();
    found
}
