//! The house rules that a program can check.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom: `name <- wire <- proto <- sim`, `proto <- campus <- cmd`, `proto, wire <- client`, `proto <- sys <- cmd <- main`; where sockets are found
/// concerns all that have some.
const ARROWS: &[(&str, &[&str])] = &[
    ("name", &[]),
    ("rundir", &[]),
    ("wire", &["name"]),
    ("proto", &["name", "wire"]),
    ("sim", &["name", "wire", "proto"]),
    ("campus", &["name", "wire", "proto"]),
    ("client", &["name", "rundir", "wire", "proto"]),
    ("sys", &["name", "rundir", "wire", "proto"]),
    ("cmd", &["name", "rundir", "wire", "proto", "campus", "sim", "client", "sys"]),
];

/// What the pure modules may not so much as name.
const IMPURE: &[&str] = &[
    "std::time",
    "Instant",
    "SystemTime",
    "UdpSocket",
    "TcpStream",
    "std::fs",
    "std::env",
    "std::thread",
    "log::",
    "libc::",
    "nix::",
    "socket2",
    "mio::",
    "HashMap",
    "HashSet",
];

const BANNED_NAMES: &[&str] = &["util", "common", "helper", "manager", "handler", "misc"];

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut dirs = vec![root.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let relative = path.strip_prefix(&root).unwrap();
                let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
                let module = first.trim_end_matches(".rs").to_string();
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: relative.to_path_buf(), module, text });
            }
        }
    }
    assert!(found.len() > 20, "the sources are in src");
    found
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

/// The words behind every `crate::` of a line.
fn used(line: &str) -> impl Iterator<Item = &str> {
    code(line)
        .split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
}

#[test]
fn imports_follow_the_arrows() {
    for source in sources() {
        let Some((_, may)) = ARROWS.iter().find(|(module, _)| *module == source.module) else {
            assert!(
                ["lib", "main", "sorted"].contains(&source.module.as_str()),
                "{:?}",
                source.path
            );
            continue;
        };
        for (number, line) in source.text.lines().enumerate() {
            for module in used(line) {
                let fine = module == source.module
                    || may.contains(&module)
                    || !ARROWS.iter().any(|(m, _)| *m == module);
                assert!(fine, "{}:{}: {line}", source.path.display(), number + 1);
            }
        }
    }
}

#[test]
fn wire_proto_campus_and_sim_are_pure() {
    for source in
        sources().iter().filter(|s| ["wire", "proto", "campus", "sim"].contains(&&*s.module))
    {
        for (number, line) in source.text.lines().enumerate() {
            for word in IMPURE {
                let at = format!("{}:{}: {line}", source.path.display(), number + 1);
                assert!(!code(line).contains(word), "{at}");
            }
        }
    }
}

#[test]
fn unsafe_code_lives_in_sys_and_in_the_c_abi() {
    for source in sources().iter().filter(|s| s.module != "sys") {
        if source.path != Path::new("client/ffi.rs") {
            for (number, line) in source.text.lines().enumerate() {
                let at = format!("{}:{}: {line}", source.path.display(), number + 1);
                assert!(!code(line).contains("unsafe {"), "{at}");
            }
        }
    }
}

#[test]
fn files_have_at_most_500_lines_and_functions_70() {
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        assert!(lines.len() <= 500, "{}: {} lines", source.path.display(), lines.len());
        for (number, line) in lines.iter().enumerate() {
            let bare = line.trim_start();
            let is_fn = [
                "fn ",
                "pub fn ",
                "pub(super) fn ",
                "pub(crate) fn ",
                "const fn ",
                "pub const fn ",
            ]
            .iter()
            .any(|start| bare.starts_with(start));
            if !is_fn || bare.ends_with(';') {
                continue;
            }
            let end = format!("{}}}", &line[..line.len() - bare.len()]);
            let length = lines[number..].iter().position(|l| *l == end).map_or(1, |n| n + 1);
            let at = format!("{}:{}: {length} lines", source.path.display(), number + 1);
            assert!(length <= 70, "{at}");
        }
    }
}

#[test]
fn files_have_names_of_the_field_and_open_with_what_they_are() {
    for source in sources() {
        let stem = source.path.file_stem().unwrap().to_str().unwrap();
        for banned in BANNED_NAMES {
            assert!(!stem.contains(banned), "{}", source.path.display());
        }
        let opens = source.text.starts_with("//!");
        assert!(opens, "{}: does not open with a doc", source.path.display());
    }
}
