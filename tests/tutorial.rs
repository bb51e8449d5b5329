//! Every command of ms_tutorial(7), typed from top to bottom into one shell.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long all of it may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is typed: what stands behind a prompt in the literal parts, and the lines that go on below it.
fn commands() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/ms_tutorial.7");
    let text = fs::read_to_string(page).unwrap().replace("\\e", "\\");
    let (text, _) = text.split_once("\n.Sh HOSTS THAT ARE SOME\n").unwrap();
    let mut commands: Vec<String> = Vec::new();
    for block in text.split("\n.Bd -literal -offset indent\n").skip(1) {
        for line in block.split("\n.Ed").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push(command.to_string()),
                None => commands.last_mut().unwrap().push_str(&format!("\n{line}")),
            }
        }
    }
    commands
}

/// Ends whatever is left running in a directory.
struct Left(PathBuf);

impl Drop for Left {
    fn drop(&mut self) {
        let all = Command::new(env!("CARGO_BIN_EXE_ms"))
            .args(["status", "--json", "--run-dir"])
            .arg(self.0.join("run"))
            .stderr(Stdio::null())
            .output();
        let text = all.map(|output| output.stdout).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let status: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            let pid = status["pid"].to_string();
            let _ = Command::new("kill").args(["-9", &pid]).stderr(Stdio::null()).status();
        }
    }
}

/// A shell and what it has started; dropped, it ends: what stands in the background outlives the shell.
struct Job(Pid);

impl Drop for Job {
    fn drop(&mut self) {
        // It may have ended, all of it.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

#[test]
fn every_command_of_the_tutorial_does_what_it_says() {
    let deadline = Instant::now() + PATIENCE;
    // Others who type it at the same time are waited for.
    let _claim = loop {
        match UdpSocket::bind("127.77.3.254:2999") {
            Ok(claim) => break claim,
            Err(e) => assert!(Instant::now() < deadline, "127.77.3/24 is taken: {e}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_ms"), dir.join("bin/ms")).unwrap();
    let left = Left(dir.clone());
    let commands = commands();
    assert!(commands.len() > 40, "only {} commands were found", commands.len());
    let script = commands.join("\n") + "\n";
    fs::write(dir.join("script"), script).unwrap();
    let said = dir.join("said");
    let output = File::create(&said).unwrap();
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh")
        .process_group(0)
        .args(["-ex", "script"])
        .current_dir(&dir)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    let _background = Job(Pid::from_raw(shell.id() as i32));
    let status = loop {
        if let Some(status) = shell.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            panic!("not done in {PATIENCE:?}:\n{}", fs::read_to_string(&said).unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = fs::read_to_string(&said).unwrap();
    drop(left);
    assert!(status.success(), "{status}:\n{said}");
    for words in [
        "who=3",
        "view of 4 members",
        "perceived failed",
        "verified: the hierarchy is as later says",
        "would lose its parent",
        "! start on 127.77.3.1",
    ] {
        assert!(said.contains(words), "{words:?} in\n{said}");
    }
}
