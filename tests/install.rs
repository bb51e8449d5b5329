//! `scripts/install`, what it puts where, whether that works, and `scripts/uninstall`.
//!
//! The program installed is the one under test; daemons run on addresses of 127.88.0.0/16. Beside it, the Debian package
//! made of the same, and what the shells complete: `cargo test --test install -- --ignored`, as root, with cargo-deb,
//! zsh, fish and systemd.

#[path = "install/completions.rs"]
mod completions;
#[path = "install/package.rs"]
mod package;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const PAGES: [&str; 12] = [
    "man1/ms.1",
    "man3/libmembership.3",
    "man5/ms.campus.5",
    "man5/ms.conf.5",
    "man5/ms.groups.5",
    "man7/ms_migration.7",
    "man7/ms_protocol.7",
    "man7/ms_tutorial.7",
    "man8/mcaster.8",
    "man8/mi.8",
    "man8/ms_mgr.8",
    "man8/mserver.8",
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An empty directory, gone at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("ms-install-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Place(dir)
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.join(relative)
    }

    /// Runs a script of ours for a package: below DESTDIR, with /usr for PREFIX.
    fn package(&self, script: &str) -> Output {
        let mut command = script_of(script);
        command.env("DESTDIR", &self.0).env("PREFIX", "/usr");
        succeed(&mut command)
    }

    /// Every file and link below, relative.
    fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut dirs = vec![self.0.clone()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() && !path.is_symlink() {
                    true => dirs.push(path),
                    false => {
                        let relative = path.strip_prefix(&self.0).unwrap();
                        found.insert(relative.to_str().unwrap().to_string());
                    }
                }
            }
        }
        found
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn script_of(script: &str) -> Command {
    let mut command = Command::new(repository().join("scripts").join(script));
    command.env("MS_BINARY", env!("CARGO_BIN_EXE_ms"));
    let library = std::env::current_exe().unwrap().with_file_name("libmembership.so");
    command.env("MS_LIBRARY", library);
    for variable in ["DESTDIR", "PREFIX", "SYSCONFDIR", "RUNDIR", "STATEDIR"] {
        command.env_remove(variable);
    }
    command
}

fn succeed(command: &mut Command) -> Output {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", text(&out.stderr));
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What there is to be after an installation below /usr.
fn expected() -> BTreeSet<String> {
    let mut all: Vec<String> = [
        "etc/ms.conf",
        "etc/ms.groups",
        "usr/bin/ms",
        "usr/lib/sysusers.d/ms.conf",
        "usr/lib/tmpfiles.d/ms.conf",
        "usr/share/bash-completion/completions/ms",
        "usr/share/doc/ms/examples/ms.campus.sample",
        "usr/share/doc/ms/examples/ms.conf",
        "usr/share/doc/ms/examples/ms.groups",
        "usr/share/fish/vendor_completions.d/ms.fish",
        "usr/share/ms/installed",
        "usr/share/zsh/site-functions/_ms",
    ]
    .map(str::to_string)
    .to_vec();
    let libraries = ["", ".0", concat!(".", env!("CARGO_PKG_VERSION"))];
    all.extend(libraries.map(|version| format!("usr/lib/libmembership.so{version}")));
    all.extend(["usr/include/membership.h", "usr/lib/pkgconfig/membership.pc"].map(str::to_string));
    all.extend(
        ["alerts.yml", "dashboard.json", "member.c", "member.py"]
            .map(|name| format!("usr/share/doc/ms/examples/{name}")),
    );
    all.push("usr/sbin/ms_mgr".to_string());
    all.push("usr/share/bash-completion/completions/ms_mgr".to_string());
    all.push("usr/share/fish/vendor_completions.d/ms_mgr.fish".to_string());
    for daemon in ["mserver", "mi", "mcaster"] {
        all.push(format!("etc/default/{daemon}"));
        all.push(format!("etc/init.d/{daemon}"));
        all.push(format!("usr/sbin/{daemon}"));
        all.push(format!("usr/lib/systemd/system/{daemon}.service"));
        all.push(format!("usr/share/bash-completion/completions/{daemon}"));
        all.push(format!("usr/share/fish/vendor_completions.d/{daemon}.fish"));
    }
    all.extend(PAGES.iter().map(|page| format!("usr/share/man/{page}")));
    let there = |file: &&&str| repository().join(file).exists();
    let papers = ["LICENSE", "README.md", "CHANGELOG.md"];
    all.extend(papers.iter().filter(there).map(|file| format!("usr/share/doc/ms/{file}")));
    if let Ok(dissectors) = fs::read_dir(repository().join("etc/wireshark")) {
        let names = dissectors.map(|e| e.unwrap().file_name().into_string().unwrap());
        let lua = names.filter(|name| name.ends_with(".lua"));
        all.extend(lua.map(|name| format!("usr/lib/wireshark/plugins/{name}")));
    }
    all.into_iter().collect()
}

#[test]
fn what_is_installed_works_and_is_taken_away_to_the_last_directory() {
    let place = Place::new("package");
    place.package("install");
    assert_eq!(place.files(), expected());
    assert!(place.path("var/lib/ms").is_dir());

    let version = succeed(Command::new(place.path("usr/bin/ms")).arg("--version"));
    assert_eq!(text(&version.stdout), format!("ms {}\n", env!("CARGO_PKG_VERSION")));
    for daemon in ["mserver", "mi", "mcaster"] {
        let help = succeed(Command::new(place.path("usr/sbin").join(daemon)).arg("--help"));
        assert!(text(&help.stdout).starts_with(&format!("usage: ms {daemon} ")));
    }

    let settings = fs::read_to_string(place.path("usr/lib/pkgconfig/membership.pc")).unwrap();
    assert!(settings.contains("\nlibdir=/usr/lib\nincludedir=/usr/include\n"), "{settings}");
    assert!(!settings.contains('@'), "{settings}");

    // Once more over itself: nothing changes, and nothing is forgotten.
    let manifest = fs::read_to_string(place.path("usr/share/ms/installed")).unwrap();
    assert_eq!(text(&place.package("install").stdout), "");
    assert_eq!(fs::read_to_string(place.path("usr/share/ms/installed")).unwrap(), manifest);

    assert_eq!(text(&place.package("uninstall").stdout), "");
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 0, "{:#?}", place.files());
}

#[test]
fn configuration_that_a_person_changed_survives_both() {
    let place = Place::new("changed");
    place.package("install");
    fs::write(place.path("etc/ms.conf"), "retries 9\n").unwrap();
    let out = place.package("install");
    assert_eq!(text(&out.stdout), "install: /etc/ms.conf is there already and stays as it is\n");
    let said = text(&place.package("uninstall").stdout);
    assert!(said.contains("uninstall: /etc/ms.conf was changed and stays\n"), "{said}");
    assert_eq!(place.files(), BTreeSet::from(["etc/ms.conf".to_string()]));
    assert_eq!(fs::read_to_string(place.path("etc/ms.conf")).unwrap(), "retries 9\n");
}

#[test]
fn configuration_that_was_there_before_is_nobodys_to_take_away() {
    let place = Place::new("before");
    fs::create_dir_all(place.path("etc")).unwrap();
    fs::copy(repository().join("etc/ms.groups"), place.path("etc/ms.groups")).unwrap();
    fs::write(place.path("etc/other"), "").unwrap();
    place.package("install");
    place.package("uninstall");
    let left = BTreeSet::from(["etc/ms.groups".to_string(), "etc/other".to_string()]);
    assert_eq!(place.files(), left);
}

#[test]
fn an_installation_without_a_program_is_refused() {
    let place = Place::new("nothing");
    let out = script_of("install")
        .env("DESTDIR", &place.0)
        .env("MS_BINARY", place.path("nowhere"))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("no such program"), "{}", text(&out.stderr));
    assert_eq!(place.files(), BTreeSet::new());
}

/// An installation that is run where it lies, and the init script of a daemon in it.
struct Host {
    place: Place,
    daemon: &'static str,
    /// Without start-stop-daemon, whether or not it is here.
    plain: bool,
}

impl Host {
    fn new(name: &str, daemon: &'static str, plain: bool, options: &str) -> Host {
        let place = Place::new(name);
        let mut command = script_of("install");
        command
            .env("PREFIX", place.path("usr"))
            .env("SYSCONFDIR", place.path("etc"))
            .env("RUNDIR", place.path("run"))
            .env("STATEDIR", place.path("state"));
        succeed(&mut command);
        let variable = format!("{}_OPTS", daemon.to_uppercase());
        let run = place.path("run");
        let conf = place.path("etc/ms.conf");
        let options = match options {
            "" => String::new(),
            some => format!("-c {} --run-dir {} {some}", conf.display(), run.display()),
        };
        fs::write(place.path("etc/default").join(daemon), format!("{variable}=\"{options}\"\n"))
            .unwrap();
        Host { place, daemon, plain }
    }

    /// Runs the script; its exit status and what it printed.
    fn script(&self, action: &str) -> (i32, String) {
        let mut command = Command::new("sh");
        command.arg(self.place.path("etc/init.d").join(self.daemon)).arg(action);
        if self.plain {
            command.env("START_STOP_DAEMON", "");
        }
        let out = command.output().unwrap();
        (out.status.code().unwrap(), text(&out.stdout) + &text(&out.stderr))
    }

    fn configure(&self, text: &str) {
        fs::write(self.place.path("etc/ms.conf"), text).unwrap();
    }

    fn pid_file(&self) -> PathBuf {
        self.place.path("run").join(format!("{}.pid", self.daemon))
    }

    fn pid(&self) -> String {
        fs::read_to_string(self.pid_file()).unwrap().trim().to_string()
    }

    fn status(&self) -> Value {
        let mut command = Command::new(self.place.path("usr/bin/ms"));
        command.args(["status", "--json", "--run-dir"]).arg(self.place.path("run"));
        serde_json::from_slice(&succeed(&mut command).stdout).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.script("stop");
    }
}

/// Looks until `seen` says yes, at most ten seconds.
fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !seen() {
        assert!(Instant::now() < deadline, "not in ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn the_script_keeps_a_daemon(host: &Host) {
    let code = |action: &str| host.script(action).0;
    assert_eq!(host.script("status"), (3, "mcaster is not running\n".to_string()));
    assert_eq!(code("reload"), 7);
    assert_eq!(code("stop"), 0);
    assert_eq!(code("bogus"), 2);

    // It is ready when the script returns, and a second start changes nothing.
    assert_eq!(host.script("start"), (0, String::new()));
    let pid = host.pid();
    assert_eq!(host.script("status"), (0, format!("mcaster is running, process {pid}\n")));
    assert_eq!(host.status()["pid"].to_string(), pid);
    assert_eq!(host.script("start"), (0, String::new()));
    assert_eq!(host.pid(), pid);

    host.configure("max-groups 7\n");
    assert_eq!(host.script("reload"), (0, String::new()));
    until("the new limit", || host.status()["limits"]["max_groups"] == 7);
    assert_eq!(host.pid(), pid);

    // A wrong file ends nothing.
    host.configure("max-groups none\n");
    for action in ["reload", "force-reload", "restart"] {
        let (code, said) = host.script(action);
        assert_eq!(code, 6);
        assert!(said.contains("ms.conf:1: max-groups none: must be 1 to 1000000"), "{said}");
    }
    assert_eq!((host.pid(), &host.status()["limits"]["max_groups"]), (pid.clone(), &7.into()));

    host.configure("max-groups 8\n");
    assert_eq!(host.script("restart"), (0, String::new()));
    assert_ne!(host.pid(), pid);
    assert_eq!(host.status()["limits"]["max_groups"], 8);

    assert_eq!(host.script("stop"), (0, String::new()));
    assert_eq!(code("status"), 3);
    assert!(!host.pid_file().exists());

    // What a daemon left that was killed: a number that is somebody else's now.
    fs::write(host.pid_file(), format!("{}\n", std::process::id())).unwrap();
    assert_eq!(code("status"), 1);
    assert_eq!(host.script("stop"), (0, String::new()));
    assert_eq!(host.script("start"), (0, String::new()));
    assert_eq!(code("status"), 0);
    assert_eq!(host.script("stop"), (0, String::new()));
}

#[test]
fn the_init_script_starts_reloads_restarts_and_stops() {
    the_script_keeps_a_daemon(&Host::new("init", "mcaster", false, "-i 127.88.50.1"));
}

#[test]
fn the_init_script_does_so_without_start_stop_daemon() {
    the_script_keeps_a_daemon(&Host::new("plain", "mcaster", true, "-i 127.88.51.1"));
}

#[test]
fn an_mserver_is_not_started_before_it_is_configured() {
    let host = Host::new("unconfigured", "mserver", false, "");
    let (code, said) = host.script("start");
    assert_eq!(code, 6);
    assert!(said.starts_with("mserver: not configured, see "), "{said}");
}

#[test]
fn a_daemon_that_cannot_serve_fails_the_start_with_its_own_words() {
    let options =
        "-i 127.88.52.1 --tick 1 --reply 1 --static r 127.88.52.9 1 2 127.88.52.2 2 127.88.52.2";
    for plain in [false, true] {
        let host = Host::new("failing", "mserver", plain, options);
        let (code, said) = host.script("start");
        assert_eq!(code, 69, "{said}");
        assert!(said.contains("no answer from mcaster 127.88.52.9:2900"), "{said}");
        assert_eq!(host.script("status").0, 3);
        assert!(host.place.path("state/failures").exists(), "it was started elsewhere");
    }
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_finds_the_units_right_and_well_confined() {
    let host = Host::new("units", "mcaster", true, "");
    for daemon in ["mserver", "mi", "mcaster"] {
        let unit = host.place.path("usr/lib/systemd/system").join(format!("{daemon}.service"));
        let out = succeed(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit));
        let said = text(&out.stderr);
        let name = format!("{daemon}.service");
        let said: Vec<&str> = said.lines().filter(|l| l.contains(&name)).collect();
        assert!(said.is_empty(), "{said:#?}");
        // In tenths of the exposure level: 20 is far into "OK".
        succeed(
            Command::new("systemd-analyze")
                .args(["security", "--offline=true", "--threshold=20"])
                .arg(&unit),
        );
    }
}
