//! Where an application finds the member interface of its host.
//!
//! ```text
//!   a path ── was given ──> that socket, or the first that answers of a directory
//!          ── $MS_MI ─────> the same
//!          ── else ───────> the first that answers of the user's run directory, then of root's
//! ```

use crate::rundir;
use std::path::{Path, PathBuf};

/// The variable that says where.
pub const VARIABLE: &str = "MS_MI";

/// Where to look. It is looked for anew at each connection: a member interface may come back under another name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place(Option<PathBuf>);

impl Place {
    /// Where `$MS_MI` says, else in the run directories.
    pub fn usual() -> Place {
        Place(None)
    }

    /// A socket, or a directory of sockets that end in `.mi`.
    pub fn at(path: impl Into<PathBuf>) -> Place {
        Place(Some(path.into()))
    }

    /// The sockets that may be it, in the order in which they are tried.
    pub(super) fn candidates(&self) -> Vec<PathBuf> {
        self.roots().iter().flat_map(|root| below(root)).collect()
    }

    /// In words.
    pub(super) fn in_words(&self) -> String {
        let roots: Vec<String> = self.roots().iter().map(|p| p.display().to_string()).collect();
        roots.join(" or ")
    }

    fn roots(&self) -> Vec<PathBuf> {
        if let Some(path) = self.0.clone().or_else(|| std::env::var_os(VARIABLE).map(Into::into)) {
            return vec![path];
        }
        let mut dirs = vec![rundir::default_dir(), PathBuf::from(rundir::OF_ROOT)];
        dirs.dedup();
        dirs
    }
}

fn below(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() { rundir::sockets(path, "mi") } else { vec![path.to_path_buf()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_means_its_sockets_and_a_path_itself() {
        let dir = std::env::temp_dir().join(format!("ms-place-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["127.0.0.2-2901.mi", "127.0.0.1-2900.mi", "127.0.0.1-2900.ctl"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let found = Place::at(&dir).candidates();
        assert_eq!(found, ["127.0.0.1-2900.mi", "127.0.0.2-2901.mi"].map(|name| dir.join(name)));
        assert_eq!(Place::at(dir.join("x")).candidates(), [dir.join("x")]);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
