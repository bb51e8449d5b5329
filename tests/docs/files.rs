//! The files that are installed agree with the pages and with one another; the pages are sound.

use super::{DAEMONS, PAGES, ms, page, read, section};
use membership::cmd::{conf, groups};
use membership::sys::{control, local, records};
use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SECTIONS: &[&str] = &[
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "FILES",
    "EXIT STATUS",
    "EXAMPLES",
    "DIAGNOSTICS",
    "SEE ALSO",
];

fn sections(page: &str) -> Vec<&str> {
    page.lines().filter_map(|l| l.strip_prefix(".Sh ")).collect()
}

#[test]
fn every_page_has_its_sections_and_names_the_thesis() {
    for name in PAGES {
        let text = page(name);
        let found = sections(&text);
        let needed = match name.rsplit('.').next() {
            Some("1" | "8") => SECTIONS,
            _ => &["NAME", "DESCRIPTION", "EXAMPLES", "SEE ALSO"],
        };
        for wanted in needed {
            assert!(found.contains(wanted), "{name} has no {wanted}");
        }
        let thesis = ".%A David Neely\n.%T \"A Scalable Decentralized Group Membership Service for \
                      an Asynchronous Environment\"\n.%Q Naval Postgraduate School\n";
        assert!(text.contains(thesis), "{name} does not name the thesis");
    }
}

#[test]
fn every_reference_among_our_pages_leads_somewhere() {
    let others = ["hexdump 1", "hosts 5", "sd_notify 3", "syslog 3", "tcpdump 1", "xxd 1"];
    let of_the_library = ["epoll 7", "execve 2", "fork 2"];
    for name in PAGES {
        for line in page(name).lines().filter_map(|l| l.strip_prefix(".Xr ")) {
            let target: Vec<&str> = line.split(' ').collect();
            let ours = PAGES.contains(&format!("{}.{}", target[0], target[1]).as_str());
            let target = target[..2].join(" ");
            let theirs = others.iter().chain(&of_the_library).any(|other| *other == target);
            assert!(ours || theirs, "{name}: {line}");
        }
        for line in page(name).lines().filter_map(|l| l.strip_prefix(".Sx ")) {
            let title = line.trim_end_matches([' ', '.', ';', ',', ':', ')']);
            let text = page(name);
            let there = [".Sh ", ".Ss "].iter().any(|h| text.contains(&format!("\n{h}{title}\n")));
            assert!(there, "{name}: no section {title}");
        }
    }
}

#[test]
#[ignore = "needs mandoc"]
fn mandoc_has_nothing_to_say_of_any_page() {
    for name in PAGES {
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "all", &format!("man/{name}")])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let text = String::from_utf8(lint.stdout).unwrap();
        // Whether other pages are installed here is tested by their references.
        let said: Vec<&str> = text
            .lines()
            .filter(|l| !l.contains("referenced manual not found"))
            .filter(|l| !l.contains("outdated mandoc.db"))
            .collect();
        assert!(said.is_empty(), "{said:#?}");
    }
}

/// Paths that the FILES of a page name.
fn files(name: &str) -> Vec<String> {
    section(&page(name), ".Sh FILES")
        .lines()
        .filter_map(|l| l.strip_prefix(".It Pa "))
        .map(str::to_string)
        .collect()
}

#[test]
fn every_file_in_the_manual_is_where_the_program_or_its_scripts_have_it() {
    let address: SocketAddrV4 = "192.0.2.1:2900".parse().unwrap();
    let socket = control::path(Path::new("/run/ms"), address);
    assert_eq!(socket, PathBuf::from("/run/ms/192.0.2.1-2900.ctl"));
    let socket = local::path(Path::new("/run/ms"), address);
    assert_eq!(socket, PathBuf::from("/run/ms/192.0.2.1-2900.mi"));
    for name in PAGES.into_iter().filter(|name| page(name).contains("\n.Sh FILES\n")) {
        let daemon = name.trim_end_matches(".8");
        for path in files(name) {
            let right = match path.as_str() {
                "/run/ms/ADDRESS-PORT.mi" => !daemon.starts_with("mcaster"),
                "/run/ms/ADDRESS-PORT.ctl" | conf::DEFAULT_FILE | conf::DEFAULT_GROUPS => true,
                "/var/lib/ms/ADDRESS-PORT.life" => {
                    let file = records::life_file(Path::new(conf::STATE_DIR), address);
                    file == Path::new("/var/lib/ms/192.0.2.1-2900.life")
                }
                "/etc/ms.keys" => read("etc/ms.conf").contains("\n#key /etc/ms.keys\n"),
                "/var/lib/ms/failures" => {
                    conf::Settings::default().failures == Path::new("failures")
                        && read("etc/init.d/mserver").contains("\nSTATEDIR=/var/lib/ms\n")
                        && read("etc/systemd/mserver.service")
                            .contains("\nWorkingDirectory=/var/lib/ms\n")
                }
                path => {
                    let script = read(&format!("etc/init.d/{daemon}"));
                    script.contains(&format!("\nPIDFILE={path}\n"))
                        || script.contains(&format!("\nDEFAULTS=${{DEFAULTS:-{path}}}\n"))
                }
            };
            assert!(right, "{name}: {path}");
        }
    }
}

#[test]
fn the_variable_of_a_daemon_is_one_and_the_same_everywhere() {
    for daemon in DAEMONS {
        let variable = format!("{}_OPTS", daemon.to_uppercase());
        let default = read(&format!("etc/default/{daemon}"));
        assert!(default.contains(&format!("\n{variable}=\"\"\n")));
        let script = read(&format!("etc/init.d/{daemon}"));
        assert!(script.contains(&format!("\nOPTS=${variable}\n")));
        let unit = read(&format!("etc/systemd/{daemon}.service"));
        assert!(unit.contains(&format!("\nEnvironmentFile=-/etc/default/{daemon}\n")));
        let start = unit.lines().find(|l| l.starts_with("ExecStart=")).unwrap();
        assert!(start.ends_with(&format!(" ${variable}")));
        assert!(page(&format!("{daemon}.8")).contains(&format!("\n.Va {variable} .\n")));
        for text in [&default, &script, &unit] {
            let others = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
            let others: Vec<&str> =
                others.filter(|w| w.ends_with("_OPTS") && *w != variable).collect();
            assert!(others.is_empty(), "{daemon}: {others:?}");
        }
    }
}

#[test]
fn scripts_and_units_of_all_daemons_are_the_same_but_for_the_daemon() {
    let tail = |daemon: &str| {
        let script = read(&format!("etc/init.d/{daemon}"));
        script.split_once("\n# From here on").expect(daemon).1.to_string()
    };
    assert_eq!(tail("mserver"), tail("mcaster"));
    assert_eq!(tail("mserver"), tail("mi"));
    let unit = |daemon: &str| {
        let text = read(&format!("etc/systemd/{daemon}.service"));
        // An mcaster has no applications.
        let own = ["#", "Description=", "PrivateUsers=", "LimitNOFILE="];
        let lines = text.lines().filter(|l| !own.iter().any(|start| l.starts_with(start)));
        let variable = format!("{}_OPTS", daemon.to_uppercase());
        lines
            .map(|l| l.replace(&variable, "X").replace(&format!("/{daemon}"), "/X"))
            .map(|l| l.replace(&format!(":{daemon}("), ":X("))
            .collect::<Vec<_>>()
    };
    assert_eq!(unit("mserver"), unit("mcaster"));
    assert_eq!(unit("mserver"), unit("mi"));
    for daemon in ["mserver", "mi"] {
        let text = read(&format!("etc/systemd/{daemon}.service"));
        assert!(text.contains("\nPrivateUsers=no\n") && text.contains("\nLimitNOFILE="));
    }
}

#[test]
fn the_sample_files_are_right() {
    let out = Command::new(ms())
        .args(["mserver", "--check", "--config", "etc/ms.conf", "--groups", "etc/ms.groups"])
        .args(["--static", "r", "239.1.1.1", "1", "2", "10.0.0.2", "3", "10.0.0.3"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // With its entries taken out of their comments too.
    let groups: String = read("etc/ms.groups")
        .lines()
        .map(|l| l.strip_prefix('#').unwrap_or(l))
        .filter(|l| !l.starts_with(' '))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(groups::read("etc/ms.groups", &groups).unwrap().len(), 3);
}

#[test]
fn check_reads_the_keys() {
    let dir = std::env::temp_dir().join(format!("ms-docs-keys-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let keys = dir.join("keys");
    fs::write(&keys, "1 00\n").unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let check = || {
        let out = Command::new(ms())
            .args(["mcaster", "--check", "-i", "127.88.0.1", "--key"])
            .arg(&keys)
            .output()
            .unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let (code, said) = check();
    assert_eq!(code, Some(78));
    assert!(said.contains("keys:1: the key has 1 bytes, must have 16 to 64"), "{said}");
    fs::write(&keys, "1 000102030405060708090a0b0c0d0e0f\n").unwrap();
    assert_eq!(check().0, Some(0));
    fs::remove_dir_all(&dir).unwrap();
}

/// Words in a heading of DIAGNOSTICS that stand for something.
const PLACES: &[&str] = &[
    "NAME", "ADDRESS", "N", "CAUSE", "REASON", "FILE", "RING", "GID", "VERSION", "SOCKET", "DIR",
    "LINE", "WORD", "KEYWORD", "VALUE", "WHICH", "WHAT", "TEXT", "SET", "WHY",
];

/// The texts of sources below `dir`, with strings that go on in the next line put together.
fn program(dir: &str) -> String {
    let mut text = String::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => dirs.push(path),
                false => text.push_str(&fs::read_to_string(path).unwrap()),
            }
        }
    }
    let parts = text.split("\\\n").enumerate();
    parts.map(|(i, part)| if i == 0 { part } else { part.trim_start() }).collect()
}

#[test]
fn every_line_in_diagnostics_is_one_of_the_program() {
    let program = program("src");
    // What the system says, not we.
    let system = ["Address already in use", "No such file or directory (os error 2)"];
    for name in PAGES.into_iter().filter(|name| page(name).contains("\n.Sh DIAGNOSTICS\n")) {
        for line in section(&page(name), ".Sh DIAGNOSTICS").lines() {
            let Some(heading) = line.strip_prefix(".It \"") else { continue };
            let heading = heading.trim_end_matches('"');
            let mut fragment = String::new();
            let mut fragments = Vec::new();
            for word in heading.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                if PLACES.contains(&bare) {
                    fragments.push(std::mem::take(&mut fragment));
                    fragment.push_str(&word[bare.len()..]);
                } else {
                    fragment.push_str(word);
                }
            }
            fragments.push(fragment);
            for fragment in fragments
                .iter()
                .flat_map(|f| f.split(": "))
                .map(|f| f.trim_matches([' ', ':', ';', '(', ')', ',']))
            {
                let known =
                    program.contains(fragment) || system.iter().any(|s| s.contains(fragment));
                assert!(fragment.len() < 5 || known, "{name}: {heading}: {fragment:?}");
            }
        }
    }
}

/// The pieces of a format string between what is put in, as far as they say something.
fn pieces(format: &str) -> Vec<String> {
    let parts = format.split('{').flat_map(|part| part.split('}'));
    let pieces = parts.step_by(2).map(|p| p.trim_matches([' ', ':', ';', '(', ')', ',']));
    pieces.filter(|p| p.len() >= 5).map(str::to_string).collect()
}

#[test]
fn every_note_stands_in_diagnostics() {
    let notes = read("src/proto/note.rs").replace("\\\n", "\n");
    let notes: String = notes.lines().map(|l| format!("{} ", l.trim_start())).collect();
    let headings: String = PAGES
        .into_iter()
        .filter(|name| page(name).contains("\n.Sh DIAGNOSTICS\n"))
        .flat_map(|name| {
            let text = section(&page(name), ".Sh DIAGNOSTICS");
            text.lines().filter(|l| l.starts_with(".It \"")).map(str::to_string).collect::<Vec<_>>()
        })
        .collect();
    let mut tried = 0;
    for rest in notes.split("write!(").skip(1) {
        let format = rest.split('"').nth(1).unwrap().replace("  ", " ");
        for piece in pieces(&format) {
            assert!(headings.contains(&piece), "{piece:?} of {format:?}");
            tried += 1;
        }
    }
    assert!(tried > 20, "only {tried} pieces were found");
}

#[test]
fn every_reason_of_an_isolation_is_explained() {
    let page = page("mserver.8");
    let text = page.split(".Ss Why a member is isolated").nth(1).unwrap();
    let text = text.split(".Sh COUNTERS").next().unwrap();
    let program = program("src/proto/coreset");
    let display = program.split("impl fmt::Display for Cause").nth(1).unwrap();
    let display = display.split("fn named(").next().unwrap();
    let mut tried = 0;
    for string in display.split("write!(").skip(1).filter_map(|rest| rest.split('"').nth(1)) {
        // What stands between the particulars.
        for piece in string.split('{').flat_map(|piece| piece.rsplit('}').next()) {
            let piece = piece.trim_matches([' ', ',']);
            assert!(text.contains(piece), "{piece:?} of {string:?}");
            tried += 1;
        }
    }
    assert!(tried >= 25, "only {tried} pieces were found");
}
