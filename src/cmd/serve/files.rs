//! The files of a daemon: records that it appends, what it keeps beyond its end, faults for tests.

use super::{Failure, Plan, refused};
use crate::cmd::conf;
use crate::sys::fault::{self, Faults};
use crate::sys::process::{self, Account, exit};
use crate::sys::records::Records;
use log::warn;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// The files that records go to.
#[derive(Default)]
pub(super) struct Files {
    /// Where detected failures are appended.
    pub failures: Option<PathBuf>,
    /// Where views are appended.
    pub views: Option<PathBuf>,
    /// Where the incarnation is kept.
    pub life: Option<PathBuf>,
}

impl Files {
    /// Opens them, for `account` to open them again. Without that SIGHUP, which does so, is refused.
    pub fn open(&self, account: Option<&Account>) -> Result<Records, Failure> {
        let open = |path: &Option<PathBuf>, what: &str| match path {
            Some(path) => {
                let file = open_to_append(path, what)?;
                if let Some(account) = account {
                    let _ = account.own(&file);
                }
                Ok(Some(file))
            }
            None => Ok(None),
        };
        let failures = open(&self.failures, "failures")?;
        let views = open(&self.views, "views")?;
        Ok(Records::new(failures, views, self.life.clone()))
    }
}

impl Plan<'_> {
    /// The state directory; one that was not asked for need not be there.
    pub(super) fn state_dir(&self, account: Option<&Account>) -> Result<Option<PathBuf>, Failure> {
        let said = self.settings.state_dir.as_ref().map(|dir| self.base.join(dir));
        let dir = said.clone().unwrap_or_else(|| PathBuf::from(conf::STATE_DIR));
        match (process::make_dir(&dir, account), said) {
            (Ok(()), _) => Ok(Some(dir)),
            (Err(_), None) => Ok(None),
            (Err(e), Some(_)) => Err(refused(&format!("state directory {}", dir.display()), &e)),
        }
    }
}

fn open_to_append(path: &Path, what: &str) -> Result<File, Failure> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|e| (exit::CANTCREAT, format!("{what} file {}: {e}", path.display())))
}

pub(super) fn read_faults() -> Result<Faults, String> {
    let Some(path) = std::env::var_os(fault::VARIABLE) else { return Ok(Faults::default()) };
    let name = Path::new(&path).display();
    let text =
        std::fs::read_to_string(&path).map_err(|e| format!("{}: {name}: {e}", fault::VARIABLE))?;
    let faults = Faults::parse(&text).map_err(|e| format!("{name}: {e}"))?;
    if !faults.is_empty() {
        warn!("faults for tests are in force: {name}");
    }
    Ok(faults)
}
