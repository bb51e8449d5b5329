//! Every command in the README does what it says: on one host, and what is for three hosts, in network namespaces too.

#[path = "lab/mod.rs"]
mod lab;

use lab::{Host, Lab, Process, require};
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
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("etc"), dir.join("etc")).unwrap();
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap());
    let text = readme();
    let scripts = scripts(&text);
    assert_eq!(scripts.len(), 8);
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

/// What the README says under a heading to type on hosts, before it shows the same on one host.
fn typed(text: &str, heading: &str) -> Vec<String> {
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap().split("```").next().unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("    ms "));
    lines.map(|line| format!("ms {}", line.split(" # ").next().unwrap().trim_end())).collect()
}

/// Three hosts on one LAN, as a new user has them: each with directories of its own, and `ms` where commands are.
struct Hosts {
    lab: Lab,
    path: String,
}

impl Hosts {
    fn new() -> Hosts {
        require(&[("ip", "iproute2"), ("mount", "mount")]);
        let lab = Lab::new(&[("one", 11), ("two", 12), ("three", 13)]);
        let bin = lab.host("one").directory.join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_ms"), bin.join("ms")).unwrap();
        for host in Hosts::all(&lab) {
            ["run", "lib"].iter().for_each(|dir| fs::create_dir(host.directory.join(dir)).unwrap());
        }
        Hosts { lab, path: format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()) }
    }

    fn all(lab: &Lab) -> [Host; 3] {
        ["one", "two", "three"].map(|name| lab.host(name))
    }

    /// Types a line on a host. What hosts do not share, namespaces of the network do, but not these directories.
    fn start(&self, host: &Host, line: &str) -> Process {
        let own = "mount --bind run /run && mount --bind lib /var/lib && exec sh -c \"$0\"";
        let mut command = host.command(Path::new("sh"));
        command.args(["-c", own, line]).env("PATH", &self.path);
        for name in ["RUST_LOG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "MS_FAULTS", "MS_MI"] {
            command.env_remove(name);
        }
        Process::start(format!("{}$ {line}", host.name), command)
    }

    /// The same, and waits for its end; what it said.
    fn run(&self, host: &Host, line: &str) -> Vec<String> {
        let mut process = self.start(host, line);
        let status = process.expect_exit();
        assert!(status.success(), "{}$ {line}: {status}: {:?}", host.name, process.lines());
        process.lines()
    }
}

#[test]
#[ignore = "needs root, iproute2"]
fn a_group_on_three_hosts_is_on_three_hosts() {
    let lines = typed(&readme(), "A group on three hosts");
    let [daemon, join, run] = &lines[..] else { panic!("three commands, not {lines:?}") };
    let hosts = Hosts::new();
    let [one, two, three] = Hosts::all(&hosts.lab);
    for host in [&one, &two, &three] {
        assert_eq!(
            hosts.run(host, daemon),
            [""; 0],
            "it returns when it serves, and has nothing to say"
        );
    }
    let mut first = hosts.start(&one, join);
    first.expect("db 1.1 created: 1 member, rank 0, gid 0");
    fs::write(two.directory.join("server"), "#!/bin/sh\necho serves\nexec sleep 60\n").unwrap();
    hosts.run(&two, "chmod +x server");
    let mut server = hosts.start(&two, run);
    server.expect("serves");
    first.expect("joined: 2 members, rank 0, gid 0");
    first.expect(&format!("+ gid 1 at {}:2901", two.address));
    let mut third = hosts.start(&three, join);
    first.expect("joined: 3 members, rank 0, gid 0");
    third.expect("joined: 3 members, rank 2, gid 2");
    assert_eq!(hosts.run(&three, "ms members db").len(), 3);
    // A host that dies takes its members with it, in one view.
    two.unplug();
    for member in [&mut first, &mut third] {
        member.expect("partitioned: 2 members");
        member.expect(&format!("- gid 1 at {}:2901", two.address));
    }
}

#[test]
#[ignore = "needs root, iproute2"]
fn a_core_set_of_three_hosts_is_on_three_hosts() {
    let lines = typed(&readme(), "A core-set of three hosts");
    let [daemon] = &lines[..] else { panic!("one command, not {lines:?}") };
    let hosts = Hosts::new();
    let all = Hosts::all(&hosts.lab);
    for host in &all {
        assert_eq!(hosts.run(host, daemon), [""; 0], "it returns when it is in a view");
    }
    lab::await_truth("one view of three", || {
        let said = |host: &Host| hosts.run(host, "ms status").join("\n");
        all.iter().all(|host| said(host).contains("size 3,"))
    });
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
