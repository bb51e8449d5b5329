//! A process that waits for our end, and ends a whole group of processes with us.
//!
//! ```text
//!   we ──── a pipe that nobody writes to ────> the guard, first of a group
//!    │                                             │   COMMAND joins that group, and so does what it starts
//!    └── however we end, the kernel closes it ───> end of file: SIGKILL to the group
//! ```
//!
//! The kernel can send a signal to our own child when we die (`PR_SET_PDEATHSIG`), but not to what that has started. Nobody else
//! can stand in for us: SIGKILL leaves no time for anything. As long as we have not asked how the guard ended, its number is
//! not given to others, so that the group cannot become somebody else's.

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pipe2, setpgid};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// The guard. Dropped, it ends its group, and itself.
#[derive(Debug)]
pub struct Guard {
    pid: Pid,
    line: Option<OwnedFd>,
}

impl Guard {
    /// A guard, and a group that has nobody else in it.
    ///
    /// # Errors
    /// What pipe2(2), fork(2) and setpgid(2) say.
    pub fn start() -> io::Result<Guard> {
        let (end, line) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        // SAFETY: the child makes system calls only and allocates nothing, until it ends.
        match unsafe { fork() }? {
            ForkResult::Child => watch(end.as_raw_fd()),
            ForkResult::Parent { child: pid } => {
                // The child does so as well: who comes first does not matter.
                let _ = setpgid(pid, pid);
                Ok(Guard { pid, line: Some(line) })
            }
        }
    }

    /// The group.
    pub fn group(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to all of the group; the guard heeds none but SIGKILL.
    pub fn signal(&self, signal: Signal) {
        // Where there is nobody any more, there is nothing to stop.
        let _ = killpg(self.pid, signal);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.line = None;
        self.signal(Signal::SIGKILL);
        // It is our child, and has ended.
        let _ = waitpid(self.pid, None);
    }
}

/// What the guard does. It is a copy of us after fork(2), perhaps with locks that nobody will open again: nothing here takes one.
fn watch(line: RawFd) -> ! {
    let own = Pid::from_raw(0);
    let _ = setpgid(own, own);
    let _ = SigSet::all().thread_set_mask();
    // SAFETY: these calls take numbers, and the address of one byte that is ours.
    unsafe {
        // Of our descriptors it keeps none but the line: the other end of it, above all, must be ours alone.
        libc::dup2(line, 0);
        if libc::syscall(libc::SYS_close_range, 1, libc::c_uint::MAX, 0) != 0 {
            for fd in 1..1 << 16 {
                libc::close(fd);
            }
        }
        let mut byte = 0_u8;
        while libc::read(0, (&raw mut byte).cast(), 1) < 0
            && *libc::__errno_location() == libc::EINTR
        {}
        libc::kill(0, libc::SIGKILL);
        libc::_exit(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    #[test]
    fn who_is_in_the_group_ends_with_the_guard() {
        let guard = Guard::start().unwrap();
        let mut sleeps = Command::new("sleep");
        let mut child = sleeps.arg("30").process_group(guard.group().as_raw()).spawn().unwrap();
        guard.signal(Signal::SIGCONT);
        assert_eq!(child.try_wait().unwrap(), None);
        drop(guard);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn a_guard_heeds_no_signal_but_the_last() {
        let guard = Guard::start().unwrap();
        let mut first = Command::new("sleep");
        let mut first = first.arg("30").process_group(guard.group().as_raw()).spawn().unwrap();
        guard.signal(Signal::SIGTERM);
        assert_eq!(first.wait().unwrap().signal(), Some(libc::SIGTERM));
        let mut second = Command::new("true");
        let second = second.stdin(Stdio::null()).process_group(guard.group().as_raw()).status();
        assert!(second.unwrap().success(), "the group is still there");
    }
}
