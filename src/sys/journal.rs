//! Where log lines go: standard error by env_logger, or syslog(3).
//!
//! `log` calls are everywhere but in wire and proto; this decides what becomes of them. Until a daemon is ready, errors
//! also go to the terminal that it was started from.

use env_logger::{Builder, Logger, Target};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::ffi::CString;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

/// Where lines go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Sink {
    /// Standard error.
    Stderr = 0,
    /// syslog.
    Syslog = 1,
    /// syslog, and warnings and errors to standard error too: a daemon that is starting.
    Both = 2,
}

static SINK: AtomicU8 = AtomicU8::new(Sink::Stderr as u8);

struct Journal {
    stderr: Logger,
}

/// From now on lines up to `level` are logged to `sink` under the name `ident`. The environment variable
/// `RUST_LOG` overrides `level`.
pub fn start(ident: &str, level: LevelFilter, sink: Sink) {
    let name = ident.to_string();
    let mut builder = Builder::new();
    builder.filter_level(LevelFilter::Trace).target(Target::Stderr).format(move |out, record| {
        writeln!(out, "{name}[{}]: {}{}", std::process::id(), mark(record.level()), record.args())
    });
    let filter = std::env::var("RUST_LOG").ok();
    if let Some(filter) = &filter {
        builder.parse_filters(filter);
    }
    let stderr = builder.build();
    log::set_max_level(if filter.is_some() { stderr.filter() } else { level });
    set_sink(sink);
    if let Ok(ident) = CString::new(tag(ident)) {
        // openlog(3) keeps the pointer, so the name lives as long as the process.
        let ident = Box::leak(ident.into_boxed_c_str());
        // SAFETY: ident is a NUL-terminated string that is never freed.
        unsafe {
            libc::openlog(ident.as_ptr(), libc::LOG_PID | libc::LOG_NDELAY, libc::LOG_DAEMON)
        };
    }
    // Only the first start in a process sets the name.
    let _ = log::set_boxed_logger(Box::new(Journal { stderr }));
}

/// From now on lines go to `sink`.
pub fn set_sink(sink: Sink) {
    SINK.store(sink as u8, Ordering::Relaxed);
}

/// From now on lines up to `level` are logged.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// The name for syslog: a tag with a blank in it is none for syslogd and journald (RFC 3164, 4.1.3).
fn tag(ident: &str) -> String {
    ident.replace(' ', "-")
}

fn mark(level: Level) -> &'static str {
    match level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        Level::Info => "",
        Level::Debug => "debug: ",
        Level::Trace => "trace: ",
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.stderr.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let sink = SINK.load(Ordering::Relaxed);
        if sink == Sink::Stderr as u8 || (sink == Sink::Both as u8 && record.level() <= Level::Warn)
        {
            self.stderr.log(record);
        }
        if sink != Sink::Stderr as u8 && self.enabled(record.metadata()) {
            to_syslog(record);
        }
    }

    fn flush(&self) {}
}

fn to_syslog(record: &Record<'_>) {
    let priority = match record.level() {
        Level::Error => libc::LOG_ERR,
        Level::Warn => libc::LOG_WARNING,
        Level::Info => libc::LOG_NOTICE,
        Level::Debug | Level::Trace => libc::LOG_DEBUG,
    };
    let Ok(line) = CString::new(record.args().to_string()) else { return };
    // SAFETY: both strings are NUL-terminated, and the format takes exactly one string.
    unsafe { libc::syslog(priority, c"%s".as_ptr(), line.as_ptr()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_syslog_is_one_word() {
        assert_eq!(tag("ms mcaster"), "ms-mcaster");
    }
}
