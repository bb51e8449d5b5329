//! What can be said on a command line: the options, once.
//!
//! From these tables come the parsing, the usage text, the keywords of ms.conf and, compared by a test, the man
//! pages and the shell completions.

use getopts::{Matches, Options};

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// One letter, or nothing.
    pub short: &'static str,
    /// The long name; the keyword of ms.conf where it is one.
    pub long: &'static str,
    /// What stands for its value in the usage text; nothing for a flag.
    pub value: &'static str,
    /// It may be given more than once.
    pub many: bool,
    /// It is a keyword of ms.conf as well.
    pub keyword: bool,
    /// What it does, for the usage text.
    pub help: &'static str,
}

const fn flag(short: &'static str, long: &'static str, help: &'static str) -> Opt {
    Opt { short, long, value: "", many: false, keyword: false, help }
}

const fn with(
    short: &'static str,
    long: &'static str,
    value: &'static str,
    help: &'static str,
) -> Opt {
    Opt { short, long, value, many: false, keyword: true, help }
}

/// Options that every command has.
pub const ALWAYS: &[Opt] =
    &[flag("h", "help", "print this text"), flag("V", "version", "print the version")];

/// Options that every daemon has.
pub const DAEMON: &[Opt] = &[
    Opt { keyword: false, ..with("c", "config", "FILE", "configuration (default /etc/ms.conf)") },
    flag("", "check", "check the configuration and do nothing else"),
    flag("f", "foreground", "stay in the foreground and log to standard error"),
    with("i", "interface", "ADDRESS|NAME", "own address, or the interface that has it"),
    with("p", "pid-file", "FILE", "write the process number there when ready"),
    with("", "run-dir", "DIR", "directory of the sockets (default /run/ms)"),
    with("u", "user", "USER", "run as USER once the sockets are open"),
    Opt { many: true, ..flag("v", "verbose", "log more (twice: everything)") },
    flag("q", "quiet", "log warnings and errors only"),
    Opt { keyword: true, ..flag("", "syslog", "log to syslog in the foreground too") },
    with("", "profile", "NAME", "timings: lan (default), fast, wan or thesis"),
    with("", "tick", "MS", "length of a tick in milliseconds"),
    with("", "query", "MS", "from one answered QUERY to the next"),
    with("", "reply", "MS", "how long an answer is waited for"),
    with("", "retries", "N", "how often an unanswered message is sent again"),
    with("", "key", "FILE", "sign messages with the keys in FILE"),
    with("", "auth", "MODE", "sign, prefer or require (default) signatures"),
];

/// Options of daemons that others ask for something.
pub const ASKED: &[Opt] = &[
    with("", "port", "PORT", "UDP port of plain messages (default 2900)"),
    with("", "member-port", "PORT", "UDP port of messages from an mcaster (default 3000)"),
    Opt {
        many: true,
        ..with("", "allow", "NETWORK", "who may (default: the host's own networks)")
    },
];

/// Options of daemons that have a place in the hierarchy, and may have a member interface.
pub const PLACED: &[Opt] = &[
    with("", "groups", "FILE", "addresses of groups (default /etc/ms.groups)"),
    with("", "ttl", "N", "routers that multicasts cross, plus one (default 1)"),
    with("", "state-dir", "DIR", "where the incarnation is kept (default /var/lib/ms)"),
    with("", "lan", "NAME", "name of the LAN of member interfaces (default: by address)"),
    with("", "mi-mode", "MODE", "mode of the socket of applications (default 0666)"),
    with("", "mi-group", "GROUP", "group of that socket (default: the daemon's own)"),
    Opt { many: true, ..with("", "mi-allow", "WHO", "who may call there (default: everybody)") },
];

/// `ms mi [options] MSERVER...`
pub const MI: &[Opt] =
    &[Opt { keyword: false, ..with("", "port", "PORT", "own UDP port (default 2901)") }];

/// `ms mcaster [options]`
pub const MCASTER: &[Opt] = &[
    with("", "max-groups", "N", "groups at a time (default 16384)"),
    with("", "max-members", "N", "members of a group at a time (default 1024)"),
    with("", "expire", "SECONDS", "remove members silent for so long (default 0: never)"),
    with("", "rejoin", "SECONDS", "let members silent for so long join anew (default 0: never)"),
    with("", "rate", "N", "datagrams a second from one sender (default 0: any number)"),
];

/// `ms mserver [options] SET [ADDRESS]`, or
/// `ms mserver [options] --static RING ADDRESS GID CW_GID CW_ADDR CCW_GID CCW_ADDR`
pub const MSERVER: &[Opt] = &[
    flag("", "create", "found the set at once instead of looking for it"),
    flag("", "join-only", "never found the set; exit if none answers"),
    with("", "level", "N", "level of the set (default 1, or 2 with --child)"),
    Opt { keyword: true, ..flag("", "mi", "with a member interface built in") },
    with("", "child", "SET", "be the parent of SET, or stand by to be"),
    with("", "confirm", "K", "others asked about a silent neighbour (default 0)"),
    with("", "views", "FILE", "append every view there, a line of JSON each"),
    flag("", "static", "a fixed ring, the command line of 1994"),
    with("", "failures", "FILE", "append detected failures there (default: failures)"),
];

/// `ms mgr [options] CMD [OPERAND]...`
pub const MGR: &[Opt] = &[
    Opt { keyword: false, ..with("c", "config", "FILE", "configuration (default /etc/ms.conf)") },
    with("i", "interface", "ADDRESS|NAME", "own address, or the interface that has it"),
    with("", "port", "PORT", "UDP port of addresses without one (default 2900)"),
    with("", "level", "N", "level of the set to join (default 1)"),
    with("", "groups", "FILE", "addresses of groups (default /etc/ms.groups)"),
    with("", "ttl", "N", "routers that multicasts cross, plus one (default 1)"),
    with("", "key", "FILE", "sign messages with the keys in FILE"),
    with("", "auth", "MODE", "sign, prefer or require (default) signatures"),
    Opt { keyword: false, ..with("", "timeout", "SECONDS", "how long it may take (default 30)") },
    flag("", "no-wait", "do not wait until the view shows it"),
    flag("l", "long", "members and counters too"),
    flag("j", "json", "print statistics as JSON"),
    flag("y", "yes", "apply without asking"),
    flag("n", "dry-run", "show what apply would do, and do nothing"),
    flag("", "commands", "show the command line of each daemon in FILE, and do nothing"),
    flag("", "orphan-groups", "apply even if groups are cut off"),
];

/// Options of commands that talk to the member interface of this host.
pub const MEMBER: &[Opt] = &[
    Opt { keyword: false, ..with("", "mi", "PATH|ADDRESS", "which member interface") },
    Opt { keyword: false, ..with("", "run-dir", "DIR", "directory of the sockets") },
    Opt { keyword: false, ..with("", "timeout", "SECONDS", "how long it may take (default 30)") },
];

/// Options of commands that are members.
pub const JOINED: &[Opt] = &[
    Opt { keyword: false, ..with("", "tag", "TEXT", "what the member says of itself") },
    Opt { keyword: false, ..with("", "mode", "MODE", "create or existing (default: either)") },
    Opt { keyword: false, ..with("", "patience", "SECONDS", "failed if it hangs so long") },
    Opt { keyword: false, ..with("", "order", "ORDER", "strong (default) or weak") },
    Opt { keyword: false, ..with("", "batch", "CHANGES", "off (default), or N or TIME") },
    Opt { keyword: false, ..with("", "monitor", "HOW", "adaptive (default), or fixed TIME x N") },
    Opt { keyword: false, ..with("", "roster", "WHAT", "full (default) or count") },
    Opt { keyword: false, ..with("", "survive", "RULE", "which sides of a partition live: all") },
    Opt { keyword: false, ..with("", "merge", "RULE", "which of them become one again: name") },
    Opt { keyword: false, ..with("", "name-scope", "SCOPE", "up to where the name is reserved") },
    Opt { keyword: false, ..with("", "membership-scope", "SCOPE", "how far the group may reach") },
    flag("", "no-rejoin", "end when the membership does, instead of joining again"),
    flag("", "rejoin-always", "join again also where the group had to end"),
    flag("", "wait", "wait for a member interface if there is none yet"),
];

/// `ms join [options] GROUP [-- COMMAND...]`
pub const JOIN: &[Opt] = &[
    Opt { keyword: false, ..with("", "count", "N", "leave after so many views") },
    flag("j", "json", "print JSON, one event a line"),
];

/// `ms run [options] GROUP -- COMMAND...`
pub const RUN: &[Opt] = &[
    flag("", "leader", "run COMMAND only while the member is the first"),
    flag("", "allow-split", "accept a leader on each side of a partition"),
    Opt { keyword: false, ..with("", "grace", "SECONDS", "from SIGTERM to SIGKILL (default 10)") },
];

/// `ms leave [options] GROUP GID`
pub const LEAVE: &[Opt] = &[flag("", "no-wait", "do not wait until the member is out")];

/// Options of commands that show views.
pub const SHOWN: &[Opt] = &[flag("j", "json", "print JSON, one thing a line")];

/// `ms watch [options] GROUP`
pub const WATCH: &[Opt] = &[
    Opt { keyword: false, ..with("", "count", "N", "end after so many views") },
    Opt { keyword: false, ..with("", "interval", "SECONDS", "between questions (default 1)") },
];

/// `ms status [options] [ADDRESS|all]`
pub const STATUS: &[Opt] = &[
    flag("j", "json", "print JSON, one daemon a line"),
    flag("", "metrics", "print the text format of Prometheus"),
    Opt { keyword: false, ..with("", "run-dir", "DIR", "directory of control sockets") },
];

/// `ms groups [options] [ADDRESS|all]`
pub const GROUPS: &[Opt] = &[
    flag("j", "json", "print JSON, one daemon a line"),
    Opt { keyword: false, ..with("", "run-dir", "DIR", "directory of control sockets") },
];

/// `ms tree [options] [ADDRESS]`
pub const TREE: &[Opt] = &[
    flag("", "watch", "draw again each second, and mark what changed"),
    flag("", "dot", "print a graph for dot(1)"),
    Opt { keyword: false, ..with("", "svg", "FILE", "draw a picture there (-: print it)") },
    flag("j", "json", "print JSON"),
    Opt { keyword: false, ..with("", "run-dir", "DIR", "directory of control sockets") },
    flag("", "local", "ask no daemon of another host"),
    Opt { keyword: false, ..with("", "timeout", "SECONDS", "wait so long for others (default 1)") },
    Opt { keyword: false, ..with("c", "config", "FILE", "configuration (default /etc/ms.conf)") },
    with("i", "interface", "ADDRESS|NAME", "own address, or the interface that has it"),
    with("", "key", "FILE", "sign messages with the keys in FILE"),
    with("", "auth", "MODE", "sign, prefer or require (default) signatures"),
];

/// `ms sim [options] [SCENARIO|FILE]`
pub const SIM: &[Opt] = &[
    Opt { keyword: false, ..with("", "svg", "FILE", "draw it there as a picture") },
    Opt { keyword: false, ..with("", "walk", "SEED", "play the random walk of this seed") },
    Opt { keyword: false, ..with("", "walks", "N", "try so many random walks") },
    Opt { keyword: false, ..with("", "minutes", "N", "try random walks for so long") },
    Opt {
        keyword: false,
        ..with("", "seed", "SEED", "seed of the first of the walks (default 0)")
    },
    Opt { keyword: false, ..with("", "hosts", "N", "hosts of a walk at most (default 16)") },
    flag("", "campus", "play the ms.campus FILE; or walk over hierarchies with groups"),
    step("kill", "WHO", "let that host, set or lan of the FILE crash"),
    step("stop", "WHO", "let it leave in good order"),
    step("start", "WHO", "let it come back"),
    step("cut", "WHO", "cut it off the network"),
    step("heal", "", "mend the network"),
    step("wait", "SECONDS", "let time pass before the next of these"),
    flag("", "scale", "measure what a change costs as a hierarchy grows"),
    Opt { keyword: false, ..with("", "scale-hosts", "N", "up to so many hosts (default 1000000)") },
];

/// One of the steps of `ms sim --campus`, which may be told again and again, in their order.
const fn step(long: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { keyword: false, many: true, ..with("", long, value, help) }
}

/// `ms why [options] ADDRESS|GROUP|GROUP/MEMBER`
pub const WHY: &[Opt] = &[
    Opt { keyword: false, ..with("", "at", "ADDRESS", "ask the daemon there only (default: all)") },
    flag("j", "json", "print JSON, one daemon a line"),
    Opt { keyword: false, ..with("", "run-dir", "DIR", "directory of control sockets") },
];

/// `ms trace [options] [ADDRESS|all]`
pub const TRACE: &[Opt] = &[
    Opt { keyword: false, ..with("", "seconds", "N", "end after so long (default: never)") },
    Opt { keyword: false, ..with("", "svg", "FILE", "draw an event diagram at the end") },
    flag("j", "json", "print JSON, one event a line"),
    Opt { keyword: false, ..with("", "run-dir", "DIR", "directory of control sockets") },
];

/// `ms decode [options] [FILE|HEX|-]...`
pub const DECODE: &[Opt] = &[
    flag("j", "json", "print JSON, one message a line"),
    Opt {
        many: true,
        keyword: false,
        ..with("p", "port", "PORT", "take this UDP port of a capture too, besides 2900, 2901, 3000")
    },
];

/// `ms demo [options]`
pub const DEMO: &[Opt] = &[flag("", "keep", "let it run in the end, to play with, until SIGINT")];

/// The options of a command, made for getopts.
pub fn parser(tables: &[&[Opt]]) -> Options {
    let mut options = Options::new();
    for opt in tables.iter().copied().flatten() {
        match (opt.value, opt.many) {
            ("", false) => options.optflag(opt.short, opt.long, opt.help),
            ("", true) => options.optflagmulti(opt.short, opt.long, opt.help),
            (value, false) => options.optopt(opt.short, opt.long, opt.help, value),
            (value, true) => options.optmulti(opt.short, opt.long, opt.help, value),
        };
    }
    options
}

/// The keywords of ms.conf, of all daemons together.
pub fn keywords() -> impl Iterator<Item = &'static Opt> {
    [DAEMON, ASKED, MCASTER, MSERVER, PLACED].into_iter().flatten().filter(|opt| opt.keyword)
}

/// What was said on the command line for keywords of ms.conf: name and value, in the order of the tables.
pub fn settings_of(matches: &Matches, tables: &[&'static [Opt]]) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    for opt in tables.iter().copied().flatten().filter(|opt| opt.keyword) {
        if opt.value.is_empty() {
            if matches.opt_present(opt.long) {
                said.push((opt.long, "yes".to_string()));
            }
        } else {
            said.extend(matches.opt_strs(opt.long).into_iter().map(|value| (opt.long, value)));
        }
    }
    said
}
