//! What a person installs and reads agrees with the program, word by word.
//!
//! ```text
//!   option tables ── --help ─┬─ man pages
//!                            └─ completions for bash, zsh and fish
//!   keywords ─────── ms.conf(5), etc/ms.conf        wire::TABLE ── ms_protocol(7)
//!   counters ─────── mserver(8), mcaster(8)         examples ───── run, or parsed with --check
//! ```

#[path = "docs/examples.rs"]
mod examples;
#[path = "docs/files.rs"]
mod files;
#[path = "docs/metrics.rs"]
mod metrics;
#[path = "docs/packets.rs"]
mod packets;
#[path = "docs/protocol.rs"]
mod protocol;
#[path = "docs/quality.rs"]
mod quality;

use membership::cmd::options;
use membership::cmd::{COMMANDS, Command as Mode, conf};
use membership::proto::params::PROFILES;
use membership::sys::local;
use membership::wire::auth::Finding;
use membership::wire::coreset::PHASES;
use membership::wire::fragment::Refusal;
use membership::wire::{TABLE, WireError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGES: [&str; 12] = [
    "ms.1",
    "libmembership.3",
    "ms.campus.5",
    "ms.conf.5",
    "ms.groups.5",
    "ms_migration.7",
    "ms_protocol.7",
    "ms_tutorial.7",
    "mcaster.8",
    "mi.8",
    "ms_mgr.8",
    "mserver.8",
];
/// The daemons: they have pages, links, units and init scripts of their own.
const DAEMONS: [&str; 3] = ["mserver", "mi", "mcaster"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn page(name: &str) -> String {
    read(&format!("man/{name}"))
}

/// The part of a page below `heading`, such as `.Sh OPTIONS`, to the next heading of its level.
fn section(page: &str, heading: &str) -> String {
    let same = |line: &&str| {
        !line.starts_with(".Sh ") && (heading.starts_with(".Sh ") || !line.starts_with(".Ss "))
    };
    let lines: Vec<&str> =
        page.lines().skip_while(|l| *l != heading).skip(1).take_while(same).collect();
    assert!(!lines.is_empty(), "{heading} is missing");
    lines.join("\n")
}

/// An option as something documents it: `-c` and `--config`, and the name of its value where that is told.
type Documented = BTreeMap<String, String>;

fn of_tables(mode: &Mode) -> Documented {
    let mut all = Documented::new();
    for opt in mode.options.iter().copied().flatten() {
        all.insert(format!("--{}", opt.long), opt.value.to_string());
        if !opt.short.is_empty() {
            all.insert(format!("-{}", opt.short), opt.value.to_string());
        }
    }
    all
}

fn names(documented: &Documented) -> BTreeSet<String> {
    documented.keys().cloned().collect()
}

/// `-c, --config FILE   configuration`, a line or two for each.
fn of_usage(usage: &str) -> Documented {
    let mut all = Documented::new();
    for line in usage.lines().filter(|l| l.trim_start().starts_with('-')) {
        let mut words = line.split_whitespace();
        let mut found = Vec::new();
        let mut value = String::new();
        for word in words.by_ref() {
            match word.strip_prefix('-') {
                Some(_) => found.push(word.trim_end_matches(',').to_string()),
                None => {
                    let is_value = word.chars().all(|c| c.is_ascii_uppercase() || c == '|');
                    value = if is_value { word.to_string() } else { String::new() };
                    break;
                }
            }
        }
        all.extend(found.into_iter().map(|name| (name, value.clone())));
    }
    all
}

/// `.It Fl c , Fl -config Ar FILE`
fn of_items(text: &str) -> Documented {
    let mut all = Documented::new();
    for line in text.lines().filter_map(|l| l.strip_prefix(".It Fl ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let value_at = words.iter().position(|w| *w == "Ar").unwrap_or(words.len());
        let (flags, value) = words.split_at(value_at);
        let value: String = value.iter().filter(|w| !["Ar", "Ns"].contains(w)).copied().collect();
        let flags = flags.iter().filter(|w| !["Fl", ","].contains(w));
        all.extend(flags.map(|flag| (format!("-{flag}"), value.clone())));
    }
    all
}

fn options_in_the_manual(mode: &Mode) -> Documented {
    match DAEMONS.contains(&mode.name) {
        true => of_items(&section(&page(&format!("{}.8", mode.name)), ".Sh OPTIONS")),
        false => of_items(&section(&page("ms.1"), &format!(".Ss Options of ms {}", mode.name))),
    }
}

fn ms() -> &'static str {
    env!("CARGO_BIN_EXE_ms")
}

#[test]
fn the_usage_and_the_manual_have_every_option_and_no_other() {
    for mode in COMMANDS {
        let help = Command::new(ms()).args([mode.name, "--help"]).output().unwrap();
        assert!(help.status.success());
        let tables = of_tables(mode);
        assert_eq!(of_usage(&String::from_utf8(help.stdout).unwrap()), tables, "{}", mode.name);
        assert_eq!(options_in_the_manual(mode), tables, "the manual of {}", mode.name);
    }
}

#[test]
fn the_manual_has_every_command_with_its_operands() {
    let overview = page("ms.1");
    for mode in COMMANDS {
        assert!(overview.contains(&format!("\n.It Cm {}\n", mode.name)), "{}", mode.name);
        let home = match DAEMONS.contains(&mode.name) {
            true => page(&format!("{}.8", mode.name)),
            false => overview.clone(),
        };
        let synopsis: String = section(&home, ".Sh SYNOPSIS")
            .split_whitespace()
            .filter(|w| !matches!(*w, ".Ar" | "Ar" | ".Op" | ".Oo" | "Oc" | "Cm" | "Ns" | ".Cm"))
            .map(|w| if w == ".Fl" { "-" } else { w })
            .collect();
        for operands in mode.operands.split(" | ") {
            let operands = operands.replace(['[', ']', ' '], "");
            assert!(synopsis.contains(&operands), "{operands} in {synopsis}");
        }
    }
}

/// Words of a line that are options: `{-c,--config}`, `'--check[check...`.
fn flags_of(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(|c: char| !is_part(c))
        .filter(|w| w.starts_with("--") && w.len() > 2 || w.starts_with('-') && w.len() == 2)
        .map(str::to_string)
        .collect()
}

#[test]
fn bash_completes_every_option_and_no_other() {
    let script = read("etc/completions/ms.bash");
    let between = |from: &str, to: &str| {
        let start = script.find(from).unwrap_or_else(|| panic!("{from} is missing")) + from.len();
        &script[start..start + script[start..].find(to).unwrap()]
    };
    let daemon = flags_of(between("local daemon=\"", "\""));
    for mode in COMMANDS {
        let case = between(&format!("        {}) ", mode.name).replace(") ", ")"), ";;");
        let mut flags = flags_of(case);
        if case.contains("$daemon") {
            flags.extend(daemon.clone());
        }
        assert_eq!(flags, names(&of_tables(mode)), "{}", mode.name);
    }
    let words = between("compgen -W \"", "\"");
    for mode in COMMANDS {
        assert!(words.split(' ').any(|w| w == mode.name), "{}", mode.name);
    }
}

#[test]
fn zsh_completes_every_option_and_no_other() {
    let script = read("etc/completions/_ms");
    // What stands in brackets and behind them is for people.
    let specs = |text: &str| -> BTreeSet<String> {
        let quoted = text.lines().map(str::trim_start).filter(|l| l.starts_with('\''));
        quoted.flat_map(|l| flags_of(l.split('[').next().unwrap_or(""))).collect()
    };
    let array = |name: &str| {
        let (_, rest) = script.split_once(&format!("\n{name}=(")).expect(name);
        specs(rest.split_once("\n)").unwrap().0)
    };
    for mode in COMMANDS {
        let (_, rest) = script.split_once(&format!("\n    ({})", mode.name)).expect(mode.name);
        let case = rest.split_once(";;").unwrap().0;
        let mut flags = specs(case);
        for shared in ["daemon", "asked", "placed", "always"] {
            if case.contains(&format!("${shared}\n")) {
                flags.extend(array(shared));
            }
        }
        assert_eq!(flags, names(&of_tables(mode)), "{}", mode.name);
        assert!(script.contains(&format!("'{}:", mode.name)), "{}", mode.name);
    }
}

#[test]
fn fish_completes_every_option_and_no_other() {
    let script = read("etc/completions/ms.fish");
    for mode in COMMANDS {
        let mut flags = BTreeSet::new();
        for line in script.lines().filter_map(|l| l.strip_prefix("__ms_option ")) {
            let (modes, rest) = line.split_once(' ').unwrap();
            if !modes.split(',').any(|m| m == mode.name) {
                continue;
            }
            let words: Vec<&str> = rest.split(' ').collect();
            for pair in words.windows(2) {
                match pair[0] {
                    "-s" => flags.insert(format!("-{}", pair[1])),
                    "-l" => flags.insert(format!("--{}", pair[1])),
                    _ => false,
                };
            }
        }
        assert_eq!(flags, names(&of_tables(mode)), "{}", mode.name);
        assert!(script.contains(&format!(" -a {} ", mode.name)), "{}", mode.name);
    }
}

#[test]
fn ms_conf_documents_every_keyword_and_no_other() {
    let text = section(&page("ms.conf.5"), ".Sh KEYWORDS");
    let documented: BTreeSet<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix(".It Cm "))
        // A profile stands in a table.
        .filter(|l| !l.contains(" Ta "))
        .map(|l| l.split(' ').next().unwrap())
        .filter(|word| !["sign", "prefer", "require"].contains(word))
        .collect();
    let keywords: BTreeSet<&str> = options::keywords().map(|opt| opt.long).collect();
    assert_eq!(documented, keywords);
}

#[test]
fn the_profiles_are_those_of_the_program() {
    for profile in PROFILES {
        let p = profile.params();
        let detection = p.detection_ms() as f64 / 1000.0;
        let row = format!(
            ".It Cm {} Ta {} ms Ta {} ms Ta {} ms Ta {} Ta {detection} s\n",
            profile.name, profile.tick_ms, profile.query_ms, profile.reply_ms, profile.retries
        );
        assert!(page("ms.conf.5").contains(&row), "{row}");
        let row = format!(
            ".It {} Ta {} ms Ta {} ms Ta {} ms Ta {}",
            profile.name, profile.tick_ms, profile.query_ms, profile.reply_ms, p.retries
        );
        assert!(page("ms_protocol.7").contains(&row), "{row}");
    }
}

/// Each `#keyword value` of the sample: the line is a setting when its `#` is taken away.
fn sample() -> Vec<(String, String)> {
    let is_setting = |l: &&str| l.starts_with(|c: char| c.is_ascii_lowercase());
    read("etc/ms.conf")
        .lines()
        .filter_map(|l| l.strip_prefix('#'))
        .filter(is_setting)
        .map(|l| l.split_once(' ').unwrap_or((l, "")))
        .map(|(keyword, value)| (keyword.to_string(), value.to_string()))
        .collect()
}

#[test]
fn the_sample_has_every_keyword_and_its_default() {
    let keywords: BTreeSet<&str> = options::keywords().map(|opt| opt.long).collect();
    let settings = sample();
    assert_eq!(settings.iter().map(|(k, _)| k.as_str()).collect::<BTreeSet<_>>(), keywords);
    assert_eq!(settings.len(), keywords.len());

    // What has no default stands there as an example.
    let examples = [
        "interface",
        "user",
        "pid-file",
        "allow",
        "key",
        "views",
        "child",
        "lan",
        "mi-group",
        "mi-allow",
    ];
    let text: String = settings
        .iter()
        .filter(|(keyword, _)| !examples.contains(&keyword.as_str()))
        .map(|(keyword, value)| format!("{keyword} {value}\n"))
        .collect();
    let (said, errors) = conf::Settings::from_said(&conf::read("etc/ms.conf", &text));
    assert_eq!(errors, [""; 0]);
    let default = conf::Settings::default();
    assert_eq!(said.params(), default.params());
    assert_eq!(said.groups, Some(PathBuf::from(conf::DEFAULT_GROUPS)));
    assert_eq!(said.run_dir, Some(PathBuf::from("/run/ms")));
    assert_eq!(said.state_dir, Some(PathBuf::from(conf::STATE_DIR)));
    let rest = |s: &conf::Settings| {
        (
            (s.port, s.member_port, s.syslog, s.auth, s.ttl, s.failures.clone()),
            (s.mi, s.access.clone()),
            (s.max_groups, s.max_members, s.expire, s.rejoin, s.rate, s.level()),
        )
    };
    assert_eq!(rest(&said), rest(&default));
    for keyword in examples {
        let heading = section(&page("ms.conf.5"), ".Sh KEYWORDS");
        let (_, text) = heading.split_once(&format!(".It Cm {keyword} Ar ")).unwrap();
        let said_default = text.split("\n.It ").next().unwrap();
        assert!(said_default.contains("Default: "), "{keyword}");
    }
}

#[test]
fn the_defaults_in_the_manual_are_those_of_the_program() {
    let keywords = section(&page("ms.conf.5"), ".Sh KEYWORDS");
    for (keyword, value) in sample() {
        let opt = options::keywords().find(|opt| opt.long == keyword).unwrap();
        let (_, text) = keywords.split_once(&format!(".It Cm {}", opt.long)).unwrap();
        let end = options::keywords()
            .filter_map(|next| text.find(&format!("\n.It Cm {} ", next.long)))
            .min()
            .unwrap_or(text.len());
        let item: String = text[..end].split_whitespace().collect();
        let told = ["Default:", "thedefault,"].iter().any(|word| {
            [value.clone(), format!(".Cm{value}"), format!(".Pa{value}")]
                .iter()
                .any(|v| item.contains(&format!("{word}{v}")))
        });
        let of_profile = ["tick", "query", "reply", "retries"].contains(&opt.long);
        let none = [
            "interface",
            "user",
            "pid-file",
            "allow",
            "key",
            "profile",
            "views",
            "child",
            "lan",
            "mi-group",
            "mi-allow",
        ];
        let none = none.contains(&opt.long);
        assert!(told || of_profile || none, "{keyword} {value}: {item}");
    }
}

/// What stands between quotes right behind `before`, wherever that occurs, and what follows the second one.
fn quoted<'a>(code: &'a str, before: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    code.split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'))
}

/// The words under which a source file counts: `count("...`, `Err(("...` and the like.
fn words_counted_in(path: &Path) -> BTreeSet<String> {
    let code = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let code = code.split("#[cfg(test)]").next().unwrap();
    let calls = ["count(", "ignore(", "Err((", "NOT_SIGNED: &str =", "sent.refused), ("];
    let calls = calls.iter().flat_map(|call| quoted(code, call));
    // An error that is a word and nothing else; sentences are made of a String.
    let errors = ["Err(", ".ok_or("].into_iter().flat_map(|call| quoted(code, call));
    let errors = errors.filter(|(_, rest)| rest.starts_with(')'));
    calls.chain(errors).map(|(word, _)| word.to_string()).collect()
}

/// The same of every file below a directory of sources, or of one file.
fn words_counted_below(path: &str) -> BTreeSet<String> {
    fn below(path: &Path) -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(path) else { return words_counted_in(path) };
        entries.flat_map(|entry| below(&entry.unwrap().path())).collect()
    }
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

#[test]
fn every_counter_stands_in_the_page_of_its_daemon() {
    let mserver = ["ring.rs", "enrolment.rs", "parcel.rs", "mserver", "coreset", "group"];
    let mi = ["mi", "parcel.rs"];
    for (daemon, sources) in [("mserver", &mserver[..]), ("mi", &mi), ("mcaster", &["mcaster.rs"])]
    {
        let mut counted = BTreeSet::new();
        for source in sources {
            counted.extend(words_counted_below(&format!("src/proto/{source}")));
        }
        if daemon != "mcaster" {
            counted.extend(Refusal::CAUSES.map(str::to_string));
            counted.extend(local::WORDS.map(str::to_string));
        }
        if daemon == "mserver" {
            // A phase is counted when it is entered.
            counted.extend(PHASES.map(str::to_string));
        }
        counted.extend(words_counted_below("src/sys/daemon.rs"));
        counted.extend(words_counted_below("src/proto/door.rs"));
        counted.extend(WireError::CAUSES.map(str::to_string));
        counted.extend(Finding::WORDS.map(str::to_string));
        let text = section(&page(&format!("{daemon}.8")), ".Sh COUNTERS");
        let documented: BTreeSet<String> = text
            .lines()
            .filter_map(|l| l.strip_prefix(".It Cm "))
            .flat_map(|l| l.split(" , "))
            .map(str::to_string)
            .collect();
        let missing: Vec<_> = counted.difference(&documented).collect();
        assert!(missing.is_empty(), "{daemon}(8) lacks {missing:?}");
        // The answers of an mcaster are counted by their names, and these without a count(...).
        let known = ["relayed", "copies", "copied-bytes"];
        let extra: Vec<_> = documented
            .difference(&counted)
            .filter(|w| !known.contains(&w.as_str()))
            .filter(|w| !TABLE.iter().any(|row| row.name == *w))
            .collect();
        assert!(extra.is_empty(), "{daemon}(8) has {extra:?}, which nobody counts");
    }
}
