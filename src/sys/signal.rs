//! Signals: handlers set flags, the loop looks at them.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static STOPS: AtomicU32 = AtomicU32::new(0);
static RELOAD: AtomicBool = AtomicBool::new(false);
static STATUS: AtomicBool = AtomicBool::new(false);

extern "C" fn note(signal: libc::c_int) {
    match signal {
        libc::SIGTERM | libc::SIGINT => {
            STOPS.fetch_add(1, Ordering::Relaxed);
        }
        libc::SIGHUP => RELOAD.store(true, Ordering::Relaxed),
        libc::SIGUSR1 => STATUS.store(true, Ordering::Relaxed),
        _ => {}
    }
}

/// From now on SIGTERM, SIGINT, SIGHUP and SIGUSR1 are noted, and SIGPIPE is ignored. A sleep in the loop
/// is interrupted by them, and one that comes just before it is seen a tick later.
///
/// # Errors
/// What sigaction(2) says.
pub fn install() -> io::Result<()> {
    let noted = SigAction::new(SigHandler::Handler(note), SaFlags::empty(), SigSet::empty());
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1] {
        // SAFETY: the function installed touches atomics and nothing else.
        unsafe { sigaction(signal, &noted) }?;
    }
    // SAFETY: no function is installed.
    unsafe { sigaction(Signal::SIGPIPE, &ignored) }?;
    Ok(())
}

/// How often SIGTERM or SIGINT came: the first asks for an orderly end, the second for one at once.
pub fn stops() -> u32 {
    STOPS.load(Ordering::Relaxed)
}

/// Whether SIGHUP came since this was last asked.
pub fn reload() -> bool {
    RELOAD.swap(false, Ordering::Relaxed)
}

/// Whether SIGUSR1 came since this was last asked.
pub fn status() -> bool {
    STATUS.swap(false, Ordering::Relaxed)
}
