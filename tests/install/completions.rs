//! What the shells complete, asked as their users do: bash by its function, fish by its own question, zsh by keys
//! typed into a terminal.

use super::{repository, succeed, text};
use std::process::Command;

/// What is typed, and what it becomes with the key of completion.
const TYPED: [(&str, &str); 5] = [
    ("ms mser", "ms mserver"),
    ("ms join --rejoin-a", "ms join --rejoin-always"),
    ("mserver --create --prof", "mserver --create --profile"),
    ("mi --profile wa", "mi --profile wan"),
    ("mcaster --max-m", "mcaster --max-members"),
];

fn file(name: &str) -> String {
    repository().join("etc/completions").join(name).to_str().unwrap().to_string()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = r#"
        . "$1"
        read -ra COMP_WORDS <<<"$2"
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _ms
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    for (typed, whole) in TYPED {
        let mut command = Command::new("bash");
        command.args(["-c", script, "bash", &file("ms.bash"), typed]);
        let offered = text(&succeed(&mut command).stdout);
        assert_eq!(offered.trim_end(), whole.rsplit(' ').next().unwrap(), "{typed}");
    }
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_commands_options_and_values() {
    for (typed, whole) in TYPED {
        let ask = format!("source {}; complete -C '{typed}'", file("ms.fish"));
        let offered = text(&succeed(Command::new("fish").args(["--no-config", "-c", &ask])).stdout);
        // What they are stands behind them.
        let offered: Vec<&str> =
            offered.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(offered, [whole.rsplit(' ').next().unwrap()], "{typed}");
    }
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes_commands_options_and_values() {
    // The line is completed, and then made one that prints its words.
    let script = r#"
        zmodload zsh/zpty
        zpty z zsh -f -i
        zpty -w z "PS1=; bindkey -e; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
        zpty -w z 'print READY-$((1 + 1))'
        zpty -r -m z out '*READY-2*'
        zpty -w -n z "$2"$'\t\x01print -rl -- GOT \n'
        zpty -w z 'print DONE-$((1 + 1))'
        zpty -r -m z out '*DONE-2*'
        print -r -- "$out"
    "#;
    let directory = repository().join("etc/completions");
    for (typed, whole) in TYPED {
        let mut command = Command::new("timeout");
        command.args(["20", "zsh", "-f", "-c", script, "zsh"]).arg(&directory).arg(typed);
        let out = text(&succeed(&mut command).stdout);
        let lines: Vec<&str> = out.lines().map(str::trim).collect();
        let wanted: Vec<&str> = whole.split(' ').collect();
        let got = lines.iter().rposition(|line| line.ends_with("GOT")).expect("an answer");
        assert_eq!(lines[got + 1..][..wanted.len()], wanted, "{typed}: {out:?}");
    }
}
