//! What the user typed: options, configuration, one file per command.

pub mod conf;
pub mod decode;
pub mod groups;
pub mod options;

mod asker;
mod demo;
mod local;
mod mcaster;
mod member;
mod mgr;
mod mi;
mod mserver;
mod paint;
mod ring;
mod serve;
mod sim;
mod status;
mod trace;
mod tree;
mod why;

use crate::sys::process::exit;
use options::Opt;
use std::io::Write;

/// A command of `ms`.
pub struct Command {
    /// Its name: the first argument, or the name of a link to the program.
    pub name: &'static str,
    /// What may stand behind the options.
    pub operands: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Its options.
    pub options: &'static [&'static [Opt]],
    run: fn(&Command, &[String]) -> i32,
}

/// Every command there is.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "mserver",
        operands: "SET [ADDRESS] | --static RING ADDRESS GID CW_GID CW_ADDR CCW_GID CCW_ADDR",
        about: "membership server of a core-set, or of a fixed ring",
        options: &[
            options::DAEMON,
            options::ASKED,
            options::MSERVER,
            options::PLACED,
            options::ALWAYS,
        ],
        run: mserver::run,
    },
    Command {
        name: "mi",
        operands: "MSERVER...",
        about: "member interface of a host: what its applications call",
        options: &[options::DAEMON, options::MI, options::PLACED, options::ALWAYS],
        run: mi::run,
    },
    Command {
        name: "mcaster",
        operands: "",
        about: "multicast emulator for networks without IP multicast",
        options: &[options::DAEMON, options::ASKED, options::MCASTER, options::ALWAYS],
        run: mcaster::run,
    },
    member::JOIN,
    member::RUN,
    member::LEAVE,
    member::MERGE,
    member::SPLIT,
    member::VIEW,
    member::MEMBERS,
    member::WATCH,
    member::GROUPS,
    mgr::COMMAND,
    decode::COMMAND,
    Command {
        name: "status",
        operands: "[ADDRESS|all]",
        about: "show what the daemons of this host know",
        options: &[options::STATUS, options::ALWAYS],
        run: status::run,
    },
    tree::COMMAND,
    Command {
        name: "demo",
        operands: "",
        about: "show a campus of real daemons and groups on this host",
        options: &[options::DEMO, options::ALWAYS],
        run: demo::run,
    },
    Command {
        name: "sim",
        operands: "[SCENARIO|FILE]",
        about: "play core-sets, groups, your own hierarchy: what if?",
        options: &[options::SIM, options::ALWAYS],
        run: sim::run,
    },
    Command {
        name: "why",
        operands: "ADDRESS|GROUP|GROUP/MEMBER",
        about: "tell why a mserver was excluded or a member left, by whom, of what",
        options: &[options::WHY, options::ALWAYS],
        run: why::run,
    },
    Command {
        name: "trace",
        operands: "[ADDRESS|all]",
        about: "follow what the daemons of this host send, receive and decide",
        options: &[options::TRACE, options::ALWAYS],
        run: trace::run,
    },
];

impl Command {
    /// `ms mcaster [options]`
    pub fn synopsis(&self) -> String {
        format!("ms {} [options] {}", self.name, self.operands).trim_end().to_string()
    }

    /// The text that `--help` prints.
    pub fn usage(&self) -> String {
        let brief = format!("usage: {}\n{}", self.synopsis(), self.about);
        options::parser(self.options).usage(&brief)
    }

    /// Reads the command line; `Err` is the exit code when that is all there was to do.
    fn parse(&self, args: &[String]) -> Result<getopts::Matches, i32> {
        match options::parser(self.options).parse(args) {
            Ok(matches) if matches.opt_present("help") => Err(print(&self.usage())),
            Ok(matches) if matches.opt_present("version") => Err(print(&version())),
            Ok(matches) => Ok(matches),
            Err(e) => {
                complain(&format!("{e}\nusage: {}", self.synopsis()));
                Err(exit::USAGE)
            }
        }
    }
}

/// Runs the command that the program's name or its first argument names; returns the exit code.
pub fn main(args: &[String]) -> i32 {
    let (program, rest) = args.split_first().map_or(("ms", args), |(p, rest)| (p.as_str(), rest));
    let link = program.rsplit('/').next().unwrap_or(program);
    // The name that the thesis has for it.
    let link = if link == "ms_mgr" { "mgr" } else { link };
    if let Some(command) = COMMANDS.iter().find(|c| c.name == link) {
        return (command.run)(command, rest);
    }
    let Some((first, rest)) = rest.split_first() else {
        complain(&overview());
        return exit::USAGE;
    };
    match first.as_str() {
        "-h" | "--help" | "help" => print(&overview()),
        "-V" | "--version" => print(&version()),
        name => match COMMANDS.iter().find(|c| c.name == name) {
            Some(command) => (command.run)(command, rest),
            None => {
                complain(&format!("{name}: no such command\n{}", overview().trim_end()));
                exit::USAGE
            }
        },
    }
}

fn overview() -> String {
    let lines: String =
        COMMANDS.iter().map(|c| format!("    ms {:<10} {}\n", c.name, c.about)).collect();
    format!("usage: ms COMMAND [options] ...\n\n{lines}\nms COMMAND --help tells more.\n")
}

fn version() -> String {
    format!("ms {}\n", env!("CARGO_PKG_VERSION"))
}

/// To standard output; an output that is closed is no error of ours.
fn print(text: &str) -> i32 {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => exit::OK,
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => exit::OK,
        Err(_) => exit::IOERR,
    }
}

/// To standard error, behind our name.
fn complain(text: &str) {
    for line in text.lines() {
        // If standard error is closed, nobody listens.
        let _ = writeln!(std::io::stderr(), "ms: {line}");
    }
}
