//! Being a daemon: detaching, the pid file, giving up privileges, exit codes.
//!
//! ```text
//!   started by hand or init        double fork               the daemon
//!   waits ─────────────────────────── pipe <──────────────── exit code when ready, or when it cannot be
//! ```

pub use crate::rundir::default_dir as default_run_dir;
use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Gid, Uid, User, chown, dup2_stderr, dup2_stdin, dup2_stdout};
use nix::unistd::{fork, getpid, getppid, initgroups, setgid, setsid, setuid};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Open files that are enough for any daemon.
const FILES: u64 = 4096;

/// Exit codes, from sysexits(3).
pub mod exit {
    /// All went well.
    pub const OK: i32 = 0;
    /// What was asked for is refused, and would be again.
    pub const REFUSED: i32 = 1;
    /// The command line is wrong.
    pub const USAGE: i32 = 64;
    /// Input data is no message.
    pub const DATAERR: i32 = 65;
    /// An input file cannot be read.
    pub const NOINPUT: i32 = 66;
    /// A service is not there: no daemon, no mcaster.
    pub const UNAVAILABLE: i32 = 69;
    /// The program itself failed.
    pub const SOFTWARE: i32 = 70;
    /// The system refused something: a socket, a fork.
    pub const OSERR: i32 = 71;
    /// A file could not be made.
    pub const CANTCREAT: i32 = 73;
    /// Reading or writing failed.
    pub const IOERR: i32 = 74;
    /// It did not come to pass in time; it may if it is tried again.
    pub const TEMPFAIL: i32 = 75;
    /// Not permitted.
    pub const NOPERM: i32 = 77;
    /// The configuration is wrong.
    pub const CONFIG: i32 = 78;
    /// A command that is to be started cannot be, as env(1) has it.
    pub const NOT_RUN: i32 = 126;
    /// A command that is to be started is not there.
    pub const NOT_FOUND: i32 = 127;
}

/// The end of the pipe at which the starting process waits.
pub struct Starter(Option<io::PipeWriter>);

impl Starter {
    /// Nobody waits: the daemon runs in the foreground.
    pub fn none() -> Starter {
        Starter(None)
    }

    /// Lets the starting process exit with `code`. Once: later calls do nothing.
    pub fn tell(&mut self, code: i32) {
        if let Some(mut pipe) = self.0.take() {
            // If it is gone, nobody cares.
            let _ = pipe.write_all(&[code as u8]);
        }
    }

    /// The daemon is ready: it gives up the terminal and the working directory, and the starting
    /// process exits with 0.
    ///
    /// # Errors
    /// /dev/null cannot be opened, or / not be entered.
    pub fn ready(&mut self) -> io::Result<()> {
        if self.0.is_some() {
            let null = open("/dev/null", OFlag::O_RDWR, Mode::empty())?;
            dup2_stdin(&null)?;
            dup2_stdout(&null)?;
            dup2_stderr(&null)?;
            std::env::set_current_dir("/")?;
        }
        self.tell(exit::OK);
        Ok(())
    }
}

/// Goes to the background by a double fork. Returns in the daemon only; the process that called
/// it exits with what the daemon tells it, or with [`exit::SOFTWARE`] if the daemon dies before.
///
/// # Errors
/// A pipe or a process cannot be made.
pub fn detach() -> io::Result<Starter> {
    let (mut reader, writer) = io::pipe()?;
    // SAFETY: the process has one thread, so the child may go on with anything.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        drop(writer);
        let mut code = [exit::SOFTWARE as u8];
        // An end of file leaves the code as it is: the daemon died without a word.
        let _ = reader.read(&mut code);
        std::process::exit(code[0].into());
    }
    drop(reader);
    setsid()?;
    // SAFETY: as above. The second fork makes a process that can never get a terminal again.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        // SAFETY: _exit(2) ends the process without running what the daemon will run at its own end.
        unsafe { libc::_exit(0) };
    }
    Ok(Starter(Some(writer)))
}

/// A pid file: locked while the daemon lives, written when it is ready, removed at its end.
pub struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Locks the file, making it if need be. It is not written yet.
    ///
    /// # Errors
    /// It cannot be made, or a running daemon holds it: the message says which.
    pub fn lock(path: &Path) -> Result<PidFile, String> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| format!("pid file {}: {e}", path.display()))?;
        let mut pid = String::new();
        // Only to be named in the error; what is no text is not named.
        let _ = file.read_to_string(&mut pid);
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(PidFile { path: path.to_path_buf(), file }),
            Err(_) => Err(format!(
                "pid file {} is held by a running daemon, process {}",
                path.display(),
                pid.trim()
            )),
        }
    }

    /// Writes our process number: from now on the file means "ready".
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())
    }

    /// Lets the file be owned by the user that the daemon will run as.
    ///
    /// # Errors
    /// What chown(2) says.
    pub fn give_to(&self, user: &Account) -> io::Result<()> {
        Ok(chown(&self.path, Some(user.uid), Some(user.gid))?)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Where the directory is not ours, an empty file says as much.
        if std::fs::remove_file(&self.path).is_err() {
            let _ = self.file.set_len(0);
        }
    }
}

/// A user to run as.
#[derive(Clone, Debug)]
pub struct Account {
    name: CString,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// Looks a user up by name.
    ///
    /// # Errors
    /// There is no such user, in words.
    pub fn named(name: &str) -> Result<Account, String> {
        match User::from_name(name) {
            Ok(Some(user)) => {
                let name = CString::new(name).map_err(|_| "has a NUL in it".to_string())?;
                Ok(Account { name, uid: user.uid, gid: user.gid })
            }
            Ok(None) => Err("must be a user of this host".to_string()),
            Err(e) => Err(format!("cannot be looked up: {e}")),
        }
    }

    /// Gives an open file to that user.
    ///
    /// # Errors
    /// What fchown(2) says.
    pub fn own(&self, file: &File) -> io::Result<()> {
        std::os::unix::fs::fchown(file, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
    }

    /// Becomes that user for good, with its groups. Nothing is done if we are it already.
    ///
    /// # Errors
    /// We are somebody else, and not root.
    pub fn assume(&self) -> io::Result<()> {
        if Uid::effective() == self.uid && !self.uid.is_root() {
            return Ok(());
        }
        initgroups(&self.name, self.gid)?;
        setgid(self.gid)?;
        setuid(self.uid)?;
        Ok(())
    }
}

/// Ties a process that is to be started to us: it is killed when the thread that starts it ends, however it ends, and the
/// keys of our terminal that mean us do not mean it.
pub fn tie_to_us(command: &mut Command) {
    let us = getpid();
    command.process_group(0);
    let tie = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // We may have died before it asked.
        if getppid() == us { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec it makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(tie) };
}

/// Lets the process have as many files open as it may at the most: each application of a member interface is one.
pub fn raise_file_limit() {
    // Where that is refused there is room for fewer of them.
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(FILES).max(soft), hard);
    }
}

/// Makes a directory, for `user` if one is given.
///
/// # Errors
/// It cannot be made or given away.
pub fn make_dir(path: &Path, user: Option<&Account>) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path)?;
    if let Some(user) = user.filter(|_| Uid::effective().is_root()) {
        chown(path, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}
