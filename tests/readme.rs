//! Every command in the README does what it says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The fenced blocks of shell.
fn scripts(text: &str) -> Vec<&str> {
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Ends whatever a script has left running.
struct Daemons(PathBuf);

impl Drop for Daemons {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|e| e == "pid") {
                let pid = fs::read_to_string(entry.path()).unwrap_or_default();
                let _ =
                    Command::new("kill").args(["-9", pid.trim()]).stderr(Stdio::null()).status();
            }
        }
    }
}

#[test]
fn every_script_of_the_readme_runs_as_it_stands() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_ms"), dir.join("bin/ms")).unwrap();
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap());
    let text = readme();
    let scripts = scripts(&text);
    assert_eq!(scripts.len(), 7);
    let _daemons = [Daemons(dir.join("run")), Daemons(dir.join("cluster"))];
    for script in scripts {
        let output = dir.join("output");
        let file = fs::File::create(&output).unwrap();
        let mut child = Command::new("sh")
            .args(["-euc", script])
            .current_dir(&dir)
            .env("PATH", &path)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                panic!("not done after 30 s:\n{script}\n{}", fs::read_to_string(&output).unwrap());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = fs::read_to_string(&output).unwrap();
        assert!(status.success(), "{status}:\n{script}\n{said}");
    }
}

#[test]
fn cargo_commands_and_tests_that_the_readme_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = readme();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for rest in text.split("cargo bench --bench ").skip(1) {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
    for name in text.split('`').filter(|w| w.starts_with("tests/") || w.starts_with("src/")) {
        assert!(root.join(name).exists(), "{name}");
    }
    let gate = fs::read_to_string(root.join(".ci/run")).unwrap();
    assert!(text.contains("\n    cargo test\n") && gate.contains("\ncargo test\n"));
}
