//! What the EXAMPLES of the pages print can be typed.

use super::{PAGES, ms, page, section};
use membership::campus::{self, Campus};
use membership::cmd::{conf, groups};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A directory of its own with `ms` and its links in it, gone at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("ms-docs-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("bin")).unwrap();
        for link in ["ms", "mserver", "mi", "mcaster"] {
            symlink(ms(), dir.join("bin").join(link)).unwrap();
        }
        Place(dir)
    }

    /// Types `line` into a shell that finds our program first.
    fn sh(&self, line: &str) -> Output {
        let path =
            format!("{}/bin:{}", self.0.display(), std::env::var("PATH").unwrap_or_default());
        Command::new("sh")
            .args(["-c", line])
            .env("PATH", path)
            .env("XDG_RUNTIME_DIR", &self.0)
            // No member interface of the host's own is to be bothered.
            .env("MS_MI", self.0.join("none"))
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The lines between `.Bd -literal` and `.Ed` in the EXAMPLES of a page, block by block.
fn blocks(name: &str) -> Vec<Vec<String>> {
    let text = section(&page(name), ".Sh EXAMPLES").replace("\\e", "\\");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|l| l.starts_with(".Bd -literal")) {
        blocks.push(lines.by_ref().take_while(|l| *l != ".Ed").map(str::to_string).collect());
    }
    blocks
}

/// Commands behind a prompt, with the lines that go on below them.
fn commands(block: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in block {
        if let Some(command) = line.strip_prefix("$ ").or_else(|| line.strip_prefix("# ")) {
            commands.push(command.to_string());
        } else if let Some(last) = commands.last_mut() {
            last.push('\n');
            last.push_str(line);
        }
    }
    commands
}

fn is_daemon(command: &str) -> bool {
    let command = command.strip_prefix("ms ").unwrap_or(command);
    ["mserver ", "mi ", "mcaster "].iter().any(|d| command.starts_with(d))
}

/// Whether a command asks the member interface or, to let somebody leave, its daemon.
fn is_about_groups(command: &str) -> bool {
    let words = ["join", "run", "leave", "merge", "split", "view", "members", "watch"];
    words.iter().any(|word| command.starts_with(&format!("ms {word} ")))
}

#[test]
fn every_example_is_a_command_that_works() {
    let place = Place::new("examples");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/ms.campus.sample");
    fs::copy(sample, place.0.join("ms.campus")).unwrap();
    let mut tried = 0;
    for name in PAGES {
        for command in blocks(name).iter().flat_map(|block| commands(block)) {
            let (line, right): (String, &[i32]) = match command.as_str() {
                // Of the system's own, only what they are piped into is ours.
                c if c.starts_with("systemctl ") => continue,
                c if c.starts_with("tcpdump ") => (c.split_once("| ").unwrap().1.into(), &[65]),
                c if c.contains("--check") => (c.into(), &[0]),
                c if is_daemon(c) => (format!("{c} --check"), &[0]),
                // Whether there is a daemon depends on the host.
                c if ["ms status", "ms why", "ms trace", "ms groups", "ms tree"]
                    .iter()
                    .any(|w| c.starts_with(w)) =>
                {
                    (c.into(), &[0, 69])
                }
                c if c.starts_with("ms watch ") && c.contains('|') => (c.into(), &[1]),
                c if c.starts_with("ms members ") && c.contains('|') => (c.into(), &[0]),
                // Nobody answers.
                c if is_about_groups(c) => (c.into(), &[69]),
                c if c.starts_with("ms mgr apply --commands") => (c.into(), &[0]),
                // They are not running.
                c if c.starts_with("ms mgr apply") => (format!("{c} --timeout 1"), &[75]),
                // Whether there is a way to 10/8, too.
                c if c.starts_with("ms mgr ") => (format!("{c} --timeout 1"), &[0, 69, 71]),
                c => (c.into(), &[0]),
            };
            let out = place.sh(&line);
            let code = out.status.code().unwrap();
            assert!(
                right.contains(&code),
                "{name}: {command}: {code}\n{}",
                String::from_utf8_lossy(&out.stderr)
            );
            tried += 1;
        }
    }
    assert!(tried >= 15, "only {tried} examples were found");
}

#[test]
fn the_example_files_are_right() {
    let block = |name: &str, first: &str| {
        let of_page = blocks(name);
        let block = of_page.iter().find(|b| b[0].starts_with(first)).expect(first);
        block.join("\n")
    };
    let said = conf::read("ms.conf", &block("ms.conf.5", "user"));
    let (settings, errors) = conf::Settings::from_said(&said);
    assert_eq!(errors, [""; 0]);
    assert_eq!(settings.user.as_deref(), Some("ms"));
    let groups = groups::read("ms.groups", &block("ms.groups.5", "nps")).unwrap();
    assert_eq!(groups.len(), 3);
    let keys = block("ms.conf.5", "2 ");
    assert_eq!(membership::wire::auth::Keys::parse(&keys).unwrap().signing().id(), 2);
}

#[test]
fn the_hierarchies_of_the_manual_and_the_sample_are_right() {
    let of_page = blocks("ms.campus.5");
    let read =
        |text: &str| campus::parse(text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
    let [office, two] = [0, 1].map(|n| read(&of_page[n].join("\n")));
    assert_eq!(office.sets.len(), 1);
    let level = |campus: &Campus, set: &str| campus.sets[&set.parse().unwrap()].level;
    assert_eq!([level(&two, "campus"), level(&two, "east"), level(&two, "west")], [2, 1, 1]);
    // The campus of Figure 5: four sets, and the hosts that the demonstration has too.
    let sample = read(&super::read("etc/ms.campus.sample"));
    let mis: usize = sample.lans.values().map(|lan| lan.mis.len()).sum();
    assert_eq!((sample.sets.len(), sample.mservers().count(), mis), (4, 11, 11));
    assert_eq!(read(&sample.to_string()), sample);
}

#[test]
fn the_key_that_the_manual_makes_is_one() {
    let place = Place::new("key");
    let command = blocks("ms.conf.5").iter().flat_map(|b| commands(b)).next().unwrap();
    let text = String::from_utf8(place.sh(&command).stdout).unwrap();
    assert_eq!(membership::wire::auth::Keys::parse(&text).unwrap().ids().len(), 1, "{text}");
}

#[test]
fn the_decoded_examples_say_what_the_manual_says() {
    let place = Place::new("decode");
    let commands: Vec<String> =
        blocks("ms_protocol.7").iter().flat_map(|block| commands(block)).collect();
    let [plain, relayed] = commands.as_slice() else { panic!("{commands:#?}") };
    for (command, prefixed) in [(plain, false), (relayed, true)] {
        let text = String::from_utf8(place.sh(command).stdout).unwrap();
        for field in ["group_name:     \"nps\"", "sender_gid:     2", "msg_type:       QUERY (0)"] {
            assert!(text.contains(field), "{text}");
        }
        assert_eq!(text.contains("10.0.0.12:2900"), prefixed, "{text}");
    }
}

fn status(place: &Place, run_dir: &Path) -> Vec<Value> {
    let out = place.sh(&format!("ms status --json --run-dir {}", run_dir.display()));
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Looks until `seen` says yes, at most ten seconds.
fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !seen() {
        assert!(Instant::now() < deadline, "not in ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_ring_on_a_single_host_works_as_printed() {
    let place = Place::new("ring");
    let run_dir = place.0.join("run");
    let all = blocks("mserver.8");
    let block = all.iter().find(|b| b[0].contains("ms mcaster -i 127.")).expect("the ring");
    let mut lines = commands(block);
    let ask = lines.pop().unwrap();
    for line in &lines {
        // Addresses of our own, so that a ring of the host's does not disturb.
        let line = line.replace("127.0.2.", "127.88.40.");
        let out = place.sh(&format!("{line} --run-dir {}", run_dir.display()));
        assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
    }
    until("all joined and answered", || {
        let all = status(&place, &run_dir);
        let members = all.iter().filter(|s| s["phase"] == "joined" && s["ccw"]["failed"] == false);
        let replies = |s: &&Value| s["counters"]["replies"].as_u64() > Some(0);
        all.len() == 4 && members.filter(replies).count() == 3
    });
    let ask = ask.replace("127.0.2.", "127.88.40.");
    let out = place.sh(&format!("{ask} --run-dir {}", run_dir.display()));
    assert!(String::from_utf8(out.stdout).unwrap().starts_with("mserver at 127.88.40.2:2900, "));
    // The members first: an mcaster that is gone cannot confirm that they leave.
    for mode in ["mserver", "mcaster"] {
        for daemon in status(&place, &run_dir).iter().filter(|s| s["mode"] == mode) {
            place.sh(&format!("kill {}", daemon["pid"]));
        }
        until("they have ended", || status(&place, &run_dir).iter().all(|s| s["mode"] != mode));
    }
}

#[test]
#[ignore = "needs root"]
fn a_daemon_that_gave_up_root_can_still_reload() {
    let place = Place::new("user");
    let run_dir = place.0.join("run");
    let log = place.0.join("log");
    let mut daemon = Command::new(ms())
        .args(["mserver", "-f", "-u", "nobody", "-i", "127.88.41.1", "--run-dir"])
        .arg(&run_dir)
        .args(["--static", "r", "239.88.41.1", "1", "2", "127.88.41.2", "2", "127.88.41.2"])
        .current_dir(&place.0)
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let said = |what: &str| fs::read_to_string(&log).unwrap().contains(what);
    until("ready", || said("ready"));
    place.sh(&format!("kill -HUP {}", daemon.id()));
    until("an answer to SIGHUP", || said("configuration"));
    assert!(said("configuration read again"), "{}", fs::read_to_string(&log).unwrap());
    place.sh(&format!("kill {}", daemon.id()));
    assert!(daemon.wait().unwrap().success());
}
