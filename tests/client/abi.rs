//! The C ABI: a C program that calls all of it, and the examples for C and Python, against a member interface of ours.

use super::script::{Dir, Group, Peer, Script, member};
use membership::client::{Mode, Monitor, Order, Reason, Refusal, Scope};
use membership::wire::local::{Ask, LocalEvent};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether there is such a program; if not, what needs it is passed over, aloud.
fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("passed over: no {program} here");
    }
    there
}

/// The directory of the library that was built with this test, by the names that programs look for.
fn library(dir: &Dir) -> PathBuf {
    let built = std::env::current_exe().unwrap().with_file_name("libmembership.so");
    assert!(built.exists(), "{} was not built", built.display());
    let lib = dir.0.join("lib");
    fs::create_dir(&lib).unwrap();
    for name in ["libmembership.so", "libmembership.so.0"] {
        symlink(&built, lib.join(name)).unwrap();
    }
    lib
}

/// Compiles a C program against the header and the library.
fn compile(dir: &Dir, source: &Path) -> PathBuf {
    let (program, lib) = (dir.0.join("program"), library(dir));
    let out = Command::new("cc")
        .args([
            "-std=c99",
            "-D_POSIX_C_SOURCE=200809L",
            "-pedantic",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-O1",
        ])
        .arg("-I")
        .arg(repository().join("etc"))
        .arg("-o")
        .args([&program, source])
        .arg("-L")
        .arg(&lib)
        .arg("-lmembership")
        .arg(format!("-Wl,-rpath,{}", lib.display()))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let needs = fs::read(&program).unwrap();
    let versioned = needs.windows(19).any(|bytes| bytes == b"libmembership.so.0\0");
    assert!(versioned, "it would run with another ABI");
    program
}

/// What the C program needs to see all there is to see.
fn play_all(script: &Script) {
    let mut group = Group::of("orders", 3);
    let (peer, call) = script.takes(member(3));
    let Ask::Join { mode, tag, qos, patience_ms } = call.ask else { panic!("{call:?}") };
    assert_eq!((mode, tag.as_slice(), patience_ms), (Mode::Existing, &b"role=db"[..], 5000));
    assert_eq!((qos.order, qos.batch, qos.batch_ms), (Order::Weak, 3, 4));
    assert_eq!(qos.monitor, Monitor::Fixed { every_ms: 900, retries: 2 });
    assert_eq!((qos.survive.as_str(), qos.merge.as_str()), ("size >= 2", "none"));
    let scopes = (Scope::Set("campus".parse().unwrap()), Scope::Level(2));
    assert_eq!((qos.name_scope, qos.membership_scope), scopes);
    group.qos = *qos;
    peer.says(&group.whole(member(3), Reason::Joined));
    peer.says(&group.joins(member(3), member(7), "role=db"));
    peer.says(&group.fails(member(3), member(1)));
    peer.says(&LocalEvent::ServerLost);
    peer.says(&LocalEvent::ServerFound);
    drop(peer);

    let (peer, _) = script.takes(member(8));
    group.joins(member(7), member(8), "");
    group.key.suffix = Some(11);
    peer.says(&group.whole(member(8), Reason::Joined));
    leaves(&peer, &group, 8);

    let (peer, call) = script.takes(member(9));
    // Until it has looked for an event and found none: a refusal takes a while.
    std::thread::sleep(std::time::Duration::from_millis(200));
    peer.refuses(&call, Refusal::Terminated);

    let peer = script.accept();
    peer.says(&Group::of("orders", 3).answer(&peer.is_asked()));
    let call = peer.is_asked();
    peer.refuses(&call, Refusal::Exists);
    let call = peer.is_asked();
    assert_eq!(call.ask, Ask::Split { new: "other".parse().unwrap(), members: vec![4, 5] });
    peer.says(&LocalEvent::Done { call: call.number });
    peer.is_asked();
    peer.hears_that_it_hung_up();
}

fn leaves(peer: &Peer, group: &Group, number: u32) {
    assert_eq!(peer.is_asked().ask, Ask::Leave { member: member(number) });
    let (group, member) = (group.key.name, member(number));
    peer.says(&LocalEvent::Out { group, member, reason: Reason::Left });
}

#[test]
fn a_c_program_can_call_all_of_it() {
    if !is_there("cc") {
        return;
    }
    let dir = Dir::new();
    let program = compile(&dir, &repository().join("tests/client/abi.c"));
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut child = Command::new(program).arg(&dir.0).spawn().unwrap();
    play_all(&script);
    assert!(child.wait().unwrap().success());
}

/// A program that is a member, and what it says.
struct Told(Child, Lines<BufReader<ChildStdout>>);

impl Told {
    fn by(command: &mut Command) -> Told {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Told(child, lines)
    }

    fn line(&mut self) -> String {
        self.1.next().expect("a line").unwrap()
    }
}

#[test]
fn the_example_for_c_works() {
    if !is_there("cc") {
        return;
    }
    let dir = Dir::new();
    let program = compile(&dir, &repository().join("etc/examples/member.c"));
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut told = Told::by(Command::new(program).args(["orders", "role=db"]).env("MS_MI", &dir.0));
    let mut group = Group::of("orders", 1);
    let (peer, _) = script.takes(member(1));
    peer.says(&group.whole(member(1), Reason::Created));
    assert_eq!(told.line(), "orders: view 1 of 1 members, created");
    assert_eq!(told.line(), "  rank 0, gid 10");
    assert_eq!(told.line(), "  + 127.0.0.1:2900/1#1 ");
    peer.says(&group.joins(member(1), member(2), "role=web"));
    assert_eq!(told.line(), "orders: view 2 of 2 members, joined");
    assert_eq!(told.line(), "  rank 0, gid 10");
    assert_eq!(told.line(), "  + 127.0.0.1:2900/1#2 role=web");
    let pid = nix::unistd::Pid::from_raw(told.0.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    leaves(&peer, &group, 1);
    assert_eq!(told.line(), "127.0.0.1:2900/1#1 is out, left");
    assert!(told.0.wait().unwrap().success());

    let out = Command::new(dir.0.join("program")).arg("a b").output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).starts_with("a b: the group's name contains"));
}

#[test]
fn the_example_for_python_works() {
    if !is_there("python3") {
        return;
    }
    let dir = Dir::new();
    let lib = library(&dir);
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut told = Told::by(
        Command::new("python3")
            .arg(repository().join("etc/examples/member.py"))
            .args(["orders", "role=db", "monitor=fixed 1s x 3"])
            .env("MS_MI", &dir.0)
            .env("LIBMEMBERSHIP", lib.join("libmembership.so.0")),
    );
    let mut group = Group::of("orders", 2);
    let (peer, call) = script.takes(member(2));
    let Ask::Join { tag, qos, .. } = call.ask else { panic!("{call:?}") };
    assert_eq!((tag.as_slice(), qos.detection_ms()), (&b"role=db"[..], Some(5000)));
    group.qos = *qos;
    peer.says(&group.whole(member(2), Reason::Joined));
    let first = "['127.0.0.1:2900/1#1', '127.0.0.1:2900/1#2'] 1";
    let words = "orders: view 1 of 2 members, joined, monitor fixed 1s x 3";
    assert_eq!(told.line(), format!("{words} {first}"));
    peer.says(&group.fails(member(2), member(1)));
    let second = "['127.0.0.1:2900/1#2'] 0";
    assert_eq!(told.line(), format!("orders: view 2 of 1 members, failed {second}"));
    drop(told.0.stdin.take());
    leaves(&peer, &group, 2);
    assert!(told.line().starts_with("127.0.0.1:2900/1#2 is out, left"));
    assert!(told.0.wait().unwrap().success());
}

/// Every `ms_...` that is followed by a parenthesis.
fn functions(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.match_indices("ms_").filter(|(at, _)| {
        !text[..*at].ends_with(is_part) && !text[..*at].ends_with("typedef struct ")
    });
    words
        .filter_map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|c: char| !is_part(c))?;
            rest[end..].starts_with('(').then(|| rest[..end].to_string())
        })
        .collect()
}

#[test]
fn the_header_declares_what_the_library_has_and_the_c_program_calls_it() {
    let mut defined = BTreeSet::new();
    for entry in fs::read_dir(repository().join("src/client/ffi")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let exported = text.split("#[unsafe(no_mangle)]\npub extern \"C\" fn ").skip(1);
        defined.extend(exported.map(|rest| rest.split('(').next().unwrap().to_string()));
    }
    assert!(defined.len() > 50, "{defined:?}");
    let header = fs::read_to_string(repository().join("etc/membership.h")).unwrap();
    // What stands in comments is called as well, so that they name no function that is not there.
    assert_eq!(functions(&header), defined);
    let program = fs::read_to_string(repository().join("tests/client/abi.c")).unwrap();
    assert_eq!(functions(&program), defined);
}

#[test]
fn the_header_is_one_for_cplusplus_too() {
    if !is_there("c++") {
        return;
    }
    let out = Command::new("c++")
        .args(["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++"])
        .arg(repository().join("etc/membership.h"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// The words of `text` that begin so and stand alone.
fn constants(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let of_errors = ["MS_ERR_", "MS_REFUSED_", "MS_EVENT_"];
    words
        .filter(|word| {
            of_errors.iter().any(|start| word.len() > start.len() && word.starts_with(start))
        })
        .map(str::to_string)
        .collect()
}

#[test]
fn the_manual_has_every_error_and_event_and_its_example_works() {
    let page = fs::read_to_string(repository().join("man/libmembership.3")).unwrap();
    let header = fs::read_to_string(repository().join("etc/membership.h")).unwrap();
    let items: String = page.lines().filter(|line| line.starts_with(".It Dv ")).collect();
    assert_eq!(constants(&items), constants(&header));
    // `.Fn name arguments`, `.Nm name ,`
    let named: BTreeSet<String> = page
        .lines()
        .filter_map(|l| l.strip_prefix(".Fn ").or_else(|| l.strip_prefix(".Nm ")))
        .map(|l| l.split(' ').next().unwrap().to_string())
        .collect();
    assert!(named.is_subset(&functions(&header)), "{named:?}");

    if !is_there("cc") {
        return;
    }
    let dir = Dir::new();
    let (_, example) = page.split_once(".Bd -literal -offset indent\n").unwrap();
    let (example, _) = example.split_once("\n.Ed\n").unwrap();
    let source = dir.0.join("example.c");
    fs::write(&source, example.replace("\\e", "\\").replace("\\-", "-") + "\n").unwrap();
    let program = compile(&dir, &source);
    let script = dir.mi("127.0.0.1-2900.mi");
    let mut told = Told::by(Command::new(program).env("MS_MI", &dir.0));
    let mut group = Group::of("orders", 2);
    let (peer, call) = script.takes(member(2));
    assert!(matches!(call.ask, Ask::Join { qos, .. } if qos.survive == "majority"));
    peer.says(&group.whole(member(2), Reason::Joined));
    assert_eq!(told.line(), "standing by: orders: view 1 of 2 members, joined");
    peer.says(&group.fails(member(2), member(1)));
    assert_eq!(told.line(), "working: orders: view 2 of 1 members, failed");
    let (group, member) = (group.key.name, member(2));
    peer.says(&LocalEvent::Out { group, member, reason: Reason::Partitioned });
    assert_eq!(told.line(), "standing by: 127.0.0.1:2900/1#2 is out, partitioned");
    assert!(told.0.wait().unwrap().success());
}
