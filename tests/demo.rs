//! The first command of a fresh machine: `ms demo`, with real daemons.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take by its own account, and a little more to end.
const BOUND: Duration = Duration::from_secs(65);
/// The steps that it must have told of, in this order.
const STEPS: [&str; 9] =
    ["start", "boot", "join", "core up", "failed", "rejoin", "heir", "core down", "checked"];

struct Demo {
    child: Child,
    output: PathBuf,
    /// Its directory for temporary files.
    temporary: PathBuf,
}

impl Demo {
    fn start(name: &str, args: &[&str]) -> Demo {
        // Not the build directory: the path of a Unix socket has room for a hundred bytes.
        let own = format!("ms-demo-test-{name}-{}", std::process::id());
        let temporary = std::env::temp_dir().join(own);
        fs::create_dir_all(&temporary).unwrap();
        let output = temporary.join("output");
        let file = File::create(&output).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ms"))
            .arg("demo")
            .args(args)
            .env("TMPDIR", &temporary)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Demo { child, output, temporary }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    fn await_end(&mut self, most: Duration) -> i32 {
        let end = Instant::now() + most;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "it has not ended:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The processes that have its directory as their working directory: its daemons.
    fn daemons(&self) -> usize {
        let here = |path: &Path| fs::read_link(path).is_ok_and(|d| d.starts_with(&self.temporary));
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes.filter(|process| here(&process.path().join("cwd"))).count()
    }

    fn await_no_daemons(&self) {
        let end = Instant::now() + Duration::from_secs(5);
        while self.daemons() > 0 {
            assert!(Instant::now() < end, "{} daemons are left", self.daemons());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

#[test]
fn the_demonstration_comes_true_and_leaves_nothing_behind() {
    let mut demo = Demo::start("whole", &[]);
    let code = demo.await_end(BOUND);
    let said = demo.said();
    assert_eq!(code, 0, "{said}");
    let mut rest = said.as_str();
    for step in STEPS {
        let (_, behind) =
            rest.split_once(&format!("  {step}")).unwrap_or_else(|| panic!("{step}:\n{said}"));
        rest = behind;
    }
    assert!(said.contains("; LAN IN2") && said.contains("core of alpha bravo charlie"), "{said}");
    assert!(!said.contains('\x1b'), "colours are for terminals");
    demo.await_no_daemons();
    let left = fs::read_dir(&demo.temporary).unwrap().count();
    assert_eq!(left, 1, "nothing but what it said");
}

#[test]
fn its_daemons_end_with_it_however_it_ends() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut demo = Demo::start(signal.as_str(), &["--keep"]);
        let end = Instant::now() + BOUND;
        while !demo.said().contains("  boot") {
            assert!(Instant::now() < end, "{}", demo.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(demo.daemons() > 20);
        kill(Pid::from_raw(demo.child.id() as i32), signal).unwrap();
        assert_ne!(demo.await_end(Duration::from_secs(5)), 0);
        demo.await_no_daemons();
    }
}

#[test]
fn an_operand_is_one_too_many() {
    let output = Command::new(env!("CARGO_BIN_EXE_ms")).args(["demo", "campus"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}
