//! A program that we run for somebody, and the signals that come meanwhile.
//!
//! ```text
//!   SIGTERM, SIGINT ... ─┐
//!   SIGCHLD ─────────────┴─ blocked ──> a descriptor ──┐
//!   another descriptor ────────────────────────────────┴──> wait
//! ```
//!
//! Signals are read like anything else: none comes between a look and a sleep.

use super::guard::Guard;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getpid, getppid};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Signals that are read.
#[derive(Debug)]
pub struct Signals {
    descriptor: SignalFd,
    /// What was blocked before, and is for those whom we start.
    before: SigSet,
}

/// A signal that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    /// Which.
    pub signal: Signal,
    /// By a key of the terminal, which sends it to all programs of a job.
    pub from_terminal: bool,
}

impl Signals {
    /// These signals and SIGCHLD are read from now on, and have no other effect.
    ///
    /// # Errors
    /// What signalfd(2) and pthread_sigmask(3) say.
    pub fn take(signals: &[Signal]) -> io::Result<Signals> {
        let mut set: SigSet = signals.iter().copied().collect();
        set.add(Signal::SIGCHLD);
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Signals { descriptor: SignalFd::with_flags(&set, flags)?, before })
    }

    /// The next one that came, save SIGCHLD.
    ///
    /// # Errors
    /// What read(2) says.
    pub fn next(&self) -> io::Result<Option<Came>> {
        while let Some(info) = self.descriptor.read_signal()? {
            let signal = Signal::try_from(info.ssi_signo as i32)?;
            if signal != Signal::SIGCHLD {
                let from_terminal = info.ssi_code == libc::SI_KERNEL;
                return Ok(Some(Came { signal, from_terminal }));
            }
        }
        Ok(None)
    }

    /// Waits for a signal, for the other descriptor to be readable, or for that time.
    ///
    /// # Errors
    /// What poll(2) says.
    pub fn wait(&self, other: Option<BorrowedFd<'_>>, until: Option<Instant>) -> io::Result<()> {
        let mut fds = vec![PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
        fds.extend(other.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            // Up to the next millisecond: too early would be once more around.
            let left = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// What binds a program to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bond {
    /// It gets SIGTERM if we die.
    Loose,
    /// It is killed if we die. Signals go to what it starts as well, and when it has ended, or we have, nothing of that is
    /// left, save what went to a group or session of its own.
    Tight,
}

/// A program that runs. Dropped, it goes on, unless its bond is tight.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    /// Of a tight bond, as long as it runs.
    guard: Option<Guard>,
}

impl Child {
    /// Starts a program, the first of the words, with more in its environment.
    ///
    /// # Errors
    /// What fork(2) and execvp(3) say, as if it were this call's.
    pub fn start(
        words: &[String],
        environment: &[(&'static str, String)],
        input: Stdio,
        bond: Bond,
        signals: &Signals,
    ) -> io::Result<Child> {
        let [program, rest @ ..] = words else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut command = Command::new(program);
        command.args(rest).stdin(input);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let (before, parent) = (signals.before, getpid());
        let (last, guard) = match bond {
            Bond::Loose => (Signal::SIGTERM, None),
            Bond::Tight => {
                let guard = Guard::start()?;
                command.process_group(guard.group().as_raw());
                (Signal::SIGKILL, Some(guard))
            }
        };
        let prepare = move || {
            before.thread_set_mask()?;
            nix::sys::prctl::set_pdeathsig(last)?;
            // We may have died before that was said.
            if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        };
        // SAFETY: between fork and exec it makes three system calls and allocates nothing.
        unsafe { command.pre_exec(prepare) };
        Ok(Child { child: command.spawn()?, guard })
    }

    /// Sends it a signal; one that the terminal sent, only if it did not get it from there as well.
    pub fn pass(&self, came: Came) {
        if !came.from_terminal || self.guard.is_some() {
            self.signal(came.signal);
        }
    }

    /// Sends it a signal. It may be gone.
    pub fn signal(&self, signal: Signal) {
        match &self.guard {
            Some(guard) => guard.signal(signal),
            // Where there is nobody any more, there is nothing to stop.
            None => drop(kill(self.pid(), signal)),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// How it ended, if it has: its exit code as a shell has it, 128 and the signal's number if it died of one.
    ///
    /// # Errors
    /// What waitpid(2) says.
    pub fn ended(&mut self) -> io::Result<Option<i32>> {
        if self.guard.is_some() {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            if waitid(Id::Pid(self.pid()), flags)? == WaitStatus::StillAlive {
                return Ok(None);
            }
            self.guard = None;
        }
        Ok(self.child.try_wait()?.map(code_of))
    }
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(128)
}

/// Bytes for a program to read: a file without a name, so that a program that does not read keeps nobody waiting.
///
/// # Errors
/// What memfd_create(2) and write(2) say.
pub fn input(bytes: &[u8]) -> io::Result<Stdio> {
    let mut file = File::from(memfd_create(c"input", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// So long from now, if the clock goes that far.
pub fn in_time(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_string).to_vec()
    }

    fn code(script: &str, bond: Bond, meanwhile: impl FnOnce(&mut Child)) -> i32 {
        let signals = Signals::take(&[]).unwrap();
        let env = [("MS_TEST", "there".to_string())];
        let mut child = Child::start(&words(script), &env, Stdio::piped(), bond, &signals).unwrap();
        meanwhile(&mut child);
        loop {
            if let Some(code) = child.ended().unwrap() {
                return code;
            }
            // Tests are threads, and the signal may go to another one.
            signals.wait(None, in_time(Duration::from_millis(20))).unwrap();
            assert_eq!(signals.next().unwrap(), None);
        }
    }

    #[test]
    fn an_exit_code_is_that_of_a_shell() {
        assert_eq!(code("exit 7", Bond::Loose, |_| ()), 7);
        assert_eq!(code("kill -9 $$", Bond::Loose, |_| ()), 137);
        assert_eq!(code("test \"$MS_TEST\" = there", Bond::Loose, |_| ()), 0);
    }

    #[test]
    fn a_child_gets_the_signals_that_we_read() {
        // Sent until it is heard: the trap may not be set yet, and then it dies of it.
        let ended =
            code("trap 'exit 3' TERM; while :; do sleep 0.01; done", Bond::Tight, |child| {
                std::thread::sleep(Duration::from_millis(100));
                child.signal(Signal::SIGTERM);
            });
        assert!([3, 143].contains(&ended), "{ended}");
    }

    #[test]
    fn what_is_no_program_is_told_at_once() {
        let signals = Signals::take(&[]).unwrap();
        let nothing = [String::from("/no/such/program")];
        let said = Child::start(&nothing, &[], Stdio::null(), Bond::Loose, &signals);
        assert_eq!(said.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
