//! sd_notify(3): tells a service manager that asked for it how we are.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to the service manager, if the environment names one.
pub struct Notify {
    target: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// What `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    pub fn from_env() -> Notify {
        let target = std::env::var_os("NOTIFY_SOCKET").and_then(|path| {
            let bytes = path.as_encoded_bytes();
            let address = match bytes.strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&path),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        });
        let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|&us| ours && us > 0);
        Notify { target, watchdog: watchdog.map(|us| Duration::from_micros(us / 2)) }
    }

    /// How often it wants to hear from us, halved for safety.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells it: `READY=1`, `STOPPING=1`, `WATCHDOG=1`. It not listening is no fault of ours.
    pub fn say(&self, what: &str) {
        if let Some((socket, address)) = &self.target {
            let _ = socket.send_to_addr(what.as_bytes(), address);
        }
    }
}
