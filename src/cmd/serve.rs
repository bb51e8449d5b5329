//! What all daemons have in common: from the command line to the loop and to the end.
//!
//! ```text
//!   options, ms.conf, ms.groups ── all errors at once, exit 78 ──> sockets, pid file, keys
//!   ── what can fail has failed ──> background ──> loop ── ready: pid file, starter exits 0 ──> end
//! ```

mod files;

use super::conf::{self, Said, Settings};
use super::groups::{self, Groups};
use super::{Command, complain, options, print};
use crate::name::Incarnation;
use crate::proto::door::Door;
use crate::proto::node::{Node, Role};
use crate::proto::step::{Action, End, Via};
use crate::sys::daemon::{Daemon, Event, Setup};
use crate::sys::fault::Faults;
use crate::sys::journal::{self, Sink};
use crate::sys::process::{self, Account, PidFile, Starter, exit};
use crate::sys::records::{Records, life_file, next_life};
use crate::sys::{control, entropy, interface, local, signal, socket};
use crate::wire::auth::{Keys, Mode};
use files::{Files, read_faults};
use getopts::Matches;
use log::{LevelFilter, error, info, warn};
use socket2::Socket;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a command line and its files came to.
pub struct Plan<'a> {
    command: &'a Command,
    matches: Matches,
    /// The working directory of the start: a daemon leaves it, and relative paths mean this one.
    base: PathBuf,
    /// All settings.
    pub settings: Settings,
    /// The addresses of groups.
    pub groups: Groups,
}

/// A daemon that cannot start: its exit code and why.
pub type Failure = (i32, String);

/// A start that the system refuses.
pub fn refused(what: &str, e: &io::Error) -> Failure {
    let code = match e.kind() {
        io::ErrorKind::PermissionDenied => exit::NOPERM,
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => exit::UNAVAILABLE,
        _ => exit::OSERR,
    };
    (code, format!("{what}: {e}"))
}

/// Reads the command line and the files. `Err` is the exit code when there is nothing more to do: an error,
/// or `--help`.
pub fn plan<'a>(command: &'a Command, args: &[String]) -> Result<Plan<'a>, i32> {
    let matches = command.parse(args)?;
    // Without a working directory, relative paths fail where they are used.
    let base = std::env::current_dir().unwrap_or_default();
    match read_all(command, &matches, &base) {
        Ok((settings, groups)) => Ok(Plan { command, matches, base, settings, groups }),
        Err(errors) => {
            complain(&conf::in_words(&errors));
            Err(exit::CONFIG)
        }
    }
}

fn read_all(
    command: &Command,
    matches: &Matches,
    base: &Path,
) -> Result<(Settings, Groups), Vec<String>> {
    let mut errors = Vec::new();
    let config = matches.opt_str("config");
    let mut said = Vec::new();
    match read_file(base, config.as_deref(), conf::DEFAULT_FILE) {
        Ok(Some((name, text))) => said = conf::read(&name, &text),
        Ok(None) => {}
        Err(e) => errors.push(e),
    }
    let by_hand = options::settings_of(matches, command.options);
    said.extend(by_hand.into_iter().map(|(keyword, value)| {
        Ok(Said { place: format!("--{keyword}"), keyword, value, by_hand: true })
    }));
    let (settings, more) = Settings::from_said(&said);
    errors.extend(more);
    let mut all_groups = Groups::new();
    let named = settings.groups.as_ref().map(|path| path.display().to_string());
    match read_file(base, named.as_deref(), conf::DEFAULT_GROUPS) {
        Ok(Some((name, text))) => match groups::read(&name, &text) {
            Ok(read) => all_groups = read,
            Err(more) => errors.extend(more),
        },
        Ok(None) => {}
        Err(e) => errors.push(e),
    }
    if errors.is_empty() { Ok((settings, all_groups)) } else { Err(errors) }
}

/// A file that was named must be there, the usual one need not.
fn read_file(
    base: &Path,
    named: Option<&str>,
    usual: &str,
) -> Result<Option<(String, String)>, String> {
    let path = named.unwrap_or(usual);
    match std::fs::read_to_string(base.join(path)) {
        Ok(text) => Ok(Some((path.to_string(), text))),
        Err(e) if e.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(None),
        Err(e) => Err(format!("{path}: {e}")),
    }
}

/// Everything that a daemon needs beyond its settings.
pub struct Parts {
    /// Our own address.
    pub own: SocketAddrV4,
    /// The sockets; the first one sends.
    pub sockets: Vec<(Via, Socket)>,
    /// Detected failures are appended to the file that the settings name.
    pub keeps_failures: bool,
    /// Incarnations are kept in the state directory.
    pub keeps_life: bool,
}

/// What a node is made from.
pub struct Context<'a> {
    /// All settings.
    pub settings: &'a Settings,
    /// Our own address.
    pub own: SocketAddrV4,
    /// The incarnation of this life, above all that were kept.
    pub inc: Incarnation,
}

impl Plan<'_> {
    /// Whether the flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.matches.opt_present(name)
    }

    /// The operands behind the options.
    pub fn operands(&self) -> &[String] {
        &self.matches.free
    }

    /// Our own address: what `--interface` names, or else the one that `usual` finds.
    pub fn own(&self, usual: impl FnOnce() -> io::Result<Ipv4Addr>) -> Result<Ipv4Addr, Failure> {
        let Some(value) = &self.settings.interface else {
            return usual().map_err(|e| refused("own address (give --interface)", &e));
        };
        if let Ok(address) = value.parse() {
            return Ok(address);
        }
        match interface::named(value) {
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err((
                exit::CONFIG,
                format!(
                    "interface {value}: must be an address of this host or an interface with one"
                ),
            )),
            Err(e) => Err(refused(&format!("interface {value}"), &e)),
        }
    }

    /// Runs the daemon to its end; returns the exit code. `make` makes the node and its first actions,
    /// `change` gives a running node new settings.
    pub fn run(
        self,
        parts: impl FnOnce(&Plan<'_>) -> Result<Parts, Failure>,
        make: impl FnOnce(&Context<'_>, &mut Vec<Action>) -> Role,
        change: impl Fn(&Settings, &Groups, &mut Role),
    ) -> i32 {
        if self.flag("check") {
            return self.check();
        }
        let foreground = self.flag("foreground");
        let ident = format!("ms {}", self.command.name);
        let sink = match (foreground, self.settings.syslog) {
            (true, false) => Sink::Stderr,
            (true, true) => Sink::Syslog,
            (false, _) => Sink::Both,
        };
        journal::start(&ident, self.level(), sink);
        match parts(&self).and_then(|parts| self.start(parts)) {
            Ok(started) => self.serve(started, make, change),
            Err(failure) => told(&failure, &mut Starter::none()),
        }
    }

    /// `--check`, when everything but the keys has been read.
    fn check(&self) -> i32 {
        match self.keys(&self.settings) {
            Ok(_) => print("the configuration is right\n"),
            Err(errors) => {
                complain(&conf::in_words(&errors));
                exit::CONFIG
            }
        }
    }

    /// The keys that the settings name, and how signatures are taken.
    fn keys(&self, settings: &Settings) -> Result<Option<(Keys, Mode)>, Vec<String>> {
        let Some(path) = &settings.key else { return Ok(None) };
        let name = path.display();
        let path = self.base.join(path);
        match std::fs::metadata(&path).map(|m| m.permissions().mode() & 0o077) {
            Ok(0) => {}
            Ok(_) => return Err(vec![format!("{name}: must be its owner's alone (chmod 600)")]),
            Err(e) => return Err(vec![format!("{name}: {e}")]),
        }
        let text = std::fs::read_to_string(&path).map_err(|e| vec![format!("{name}: {e}")])?;
        let keys = Keys::parse(&text)
            .map_err(|errors| errors.iter().map(|e| format!("{name}:{e}")).collect::<Vec<_>>())?;
        Ok(Some((keys, settings.auth)))
    }

    /// The value of an option that is no setting.
    pub fn value(&self, name: &str) -> Option<String> {
        self.matches.opt_str(name)
    }

    /// The door of whoever signs and judges at `own`, where a second has so many ticks; none without keys.
    pub fn door(&self, own: SocketAddrV4, second: u32) -> Result<Option<Door>, Failure> {
        let keys = self.keys(&self.settings).map_err(|errors| (exit::CONFIG, errors.join("\n")))?;
        let Some((keys, mode)) = keys else { return Ok(None) };
        if own.ip().is_unspecified() {
            return Err((exit::CONFIG, NO_OWN_ADDRESS.to_string()));
        }
        let life = entropy::life().map_err(|e| refused("random numbers", &e))?;
        Ok(Some(Door::new(own, keys, mode, life, second)))
    }

    fn level(&self) -> LevelFilter {
        match (self.flag("quiet"), self.matches.opt_count("verbose")) {
            (true, _) => LevelFilter::Warn,
            (false, 0) => LevelFilter::Info,
            (false, 1) => LevelFilter::Debug,
            (false, _) => LevelFilter::Trace,
        }
    }

    /// All that can fail before there is a daemon.
    fn start(&self, parts: Parts) -> Result<Started, Failure> {
        let settings = &self.settings;
        let account = match &settings.user {
            Some(user) => Some(
                Account::named(user).map_err(|e| (exit::CONFIG, format!("user {user}: {e}")))?,
            ),
            None => None,
        };
        let run_dir = settings.run_dir.clone().unwrap_or_else(process::default_run_dir);
        let run_dir = self.base.join(run_dir);
        process::make_dir(&run_dir, account.as_ref())
            .map_err(|e| refused(&format!("run directory {}", run_dir.display()), &e))?;
        let pid_file = match &settings.pid_file {
            Some(path) => {
                let file =
                    PidFile::lock(&self.base.join(path)).map_err(|e| (exit::CANTCREAT, e))?;
                if let Some(account) = &account {
                    // Without it the file is emptied, not removed, at the end.
                    let _ = file.give_to(account);
                }
                Some(file)
            }
            None => None,
        };
        let life = match parts.keeps_life {
            true => self.state_dir(account.as_ref())?.map(|dir| life_file(&dir, parts.own)),
            false => None,
        };
        let files = Files {
            failures: parts.keeps_failures.then(|| self.base.join(&settings.failures)),
            views: settings.views.as_ref().map(|path| self.base.join(path)),
            life,
        };
        let records = files.open(account.as_ref())?;
        let faults = read_faults().map_err(|e| (exit::CONFIG, e))?;
        let door = self.door(parts.own, settings.params().ticks(1000))?;
        signal::install().map_err(|e| refused("signals", &e))?;
        Ok(Started { account, run_dir, pid_file, files, records, faults, door, parts })
    }

    fn serve(
        mut self,
        started: Started,
        make: impl FnOnce(&Context<'_>, &mut Vec<Action>) -> Role,
        change: impl Fn(&Settings, &Groups, &mut Role),
    ) -> i32 {
        let mut starter = Starter::none();
        if !self.flag("foreground") {
            match process::detach() {
                Ok(waiting) => starter = waiting,
                Err(e) => return told(&refused("going to the background", &e), &mut starter),
            }
        }
        match self.serve_detached(started, &mut starter, make, change) {
            Ok(()) => exit::OK,
            Err(failure) => told(&failure, &mut starter),
        }
    }

    fn serve_detached(
        &mut self,
        started: Started,
        starter: &mut Starter,
        make: impl FnOnce(&Context<'_>, &mut Vec<Action>) -> Role,
        change: impl Fn(&Settings, &Groups, &mut Role),
    ) -> Result<(), Failure> {
        if let Some(account) = &started.account {
            account.assume().map_err(|e| refused("giving up privileges", &e))?;
        }
        let params = self.settings.params();
        let mut first = Vec::new();
        let own = started.parts.own;
        let inc = next_life(started.files.life.as_deref());
        let role = make(&Context { settings: &self.settings, own, inc }, &mut first);
        let node = Node::new(role, started.door, &mut first);
        let applications = node.member_interface().map(|mi| local::Setup {
            path: local::path(&started.run_dir, own),
            mi: mi.config().life,
            access: self.settings.access.clone(),
        });
        if applications.is_some() {
            process::raise_file_limit();
        }
        info!("{} starting at {own}", env!("CARGO_PKG_VERSION"));
        let mut daemon = Daemon::new(Setup {
            mode: self.command.name,
            own,
            sockets: started.parts.sockets,
            node,
            first,
            tick: Duration::from_millis(params.tick_ms.into()),
            late: params.reply,
            control: control::path(&started.run_dir, own),
            applications,
            records: started.records,
            faults: started.faults,
        })
        .map_err(|e| refused("starting", &e))?;
        let mut pid_file = started.pid_file;
        let mut ready = false;
        loop {
            match daemon.run().map_err(|e| refused("the loop", &e))? {
                Event::Ready => {
                    if let Some(file) = &mut pid_file {
                        file.write().map_err(|e| (exit::IOERR, format!("pid file: {e}")))?;
                    }
                    if !self.flag("foreground") {
                        journal::set_sink(Sink::Syslog);
                    }
                    starter.ready().map_err(|e| refused("going to the background", &e))?;
                    daemon.say("READY=1");
                    info!("ready");
                    ready = true;
                }
                Event::Reload if ready => {
                    daemon.say("RELOADING=1");
                    self.reload(&mut daemon, &started.files, &change);
                    daemon.say("READY=1");
                }
                // The service manager still waits for the first READY, and this is not it.
                Event::Reload => self.reload(&mut daemon, &started.files, &change),
                Event::Ended(End::Stopped) => {
                    info!("ended");
                    return Ok(());
                }
                Event::Ended(End::Unavailable(why)) => return Err((exit::UNAVAILABLE, why)),
            }
        }
    }

    /// SIGHUP: a bad file leaves everything as it is.
    fn reload(
        &mut self,
        daemon: &mut Daemon,
        files: &Files,
        change: &impl Fn(&Settings, &Groups, &mut Role),
    ) {
        let read =
            read_all(self.command, &self.matches, &self.base).and_then(|(settings, groups)| {
                let records = files.open(None).map_err(|f| vec![f.1])?;
                let keys = self.keys(&settings)?;
                Ok((settings, groups, records, keys, read_faults().map_err(|e| vec![e])?))
            });
        match read {
            Ok((settings, groups, records, keys, faults)) => {
                for name in self.settings.fixed_differences(&settings) {
                    warn!("{name}: cannot change while running, stays as it was until a restart");
                }
                let tick = Duration::from_millis(settings.params().tick_ms.into());
                daemon.change(tick, records, faults);
                self.settings.take_changeable(settings);
                daemon.change_access(self.settings.access.clone());
                let (role, door) = daemon.node().parts();
                change(&self.settings, &groups, role);
                match (door, keys) {
                    (Some(door), Some((keys, mode))) => door.change(keys, mode),
                    (None, None) => {}
                    _ => warn!("key: cannot come or go while running, only change"),
                }
                self.groups = groups;
                info!("configuration read again");
            }
            Err(errors) => {
                for line in errors {
                    error!("{line}");
                }
                error!("configuration not changed, the old one stays in force");
            }
        }
    }
}

struct Started {
    account: Option<Account>,
    run_dir: PathBuf,
    pid_file: Option<PidFile>,
    files: Files,
    records: Records,
    faults: Faults,
    door: Option<Door>,
    parts: Parts,
}

const NO_OWN_ADDRESS: &str =
    "key: signatures cover the sender's address, so --interface must name it";

/// Says why there is no daemon, and only then lets go the process that waits for it: a shell that prompts
/// again has the reason above its prompt.
fn told((code, why): &Failure, starter: &mut Starter) -> i32 {
    error!("{why}");
    starter.tell(*code);
    *code
}

/// Opens our own socket.
pub fn open_own(address: SocketAddrV4, settings: &Settings) -> Result<Socket, Failure> {
    socket::open_own(address, settings.ttl.into())
        .map_err(|e| refused(&format!("address {address}"), &e))
}
