//! The configuration: ms.conf, the command line, and what they come to.
//!
//! ms.conf has one `keyword value...` a line and `#` comments, as ntp.conf has; every keyword has the option of the
//! same name, and the command line wins. All errors of a file are told, each with place, thing, value and
//! allowance: `ms.conf:12: query 0: must be 1 to 3600000 ms`.

use super::options;
use crate::name::{GroupName, NameError};
use crate::proto::network::Network;
use crate::proto::params::{PROFILES, Params, Profile};
use crate::sys::local::{self, Access};
use crate::wire::auth::{Mode, ModeError};
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

/// Where the configuration is if nobody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/ms.conf";
/// Where the addresses of groups are if nobody says otherwise.
pub const DEFAULT_GROUPS: &str = "/etc/ms.groups";
/// Where incarnations are kept if nobody says otherwise.
pub const STATE_DIR: &str = "/var/lib/ms";
/// UDP port of plain messages.
pub const PORT: u16 = 2900;
/// UDP port of a member interface that is a process of its own.
pub const MI_PORT: u16 = 2901;
/// UDP port of messages from an mcaster.
pub const MEMBER_PORT: u16 = 3000;

/// One thing said, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// `ms.conf:12: query`, or `--query`.
    pub place: String,
    /// The keyword.
    pub keyword: &'static str,
    /// Its value.
    pub value: String,
    /// On the command line.
    pub by_hand: bool,
}

/// Everything that can be set. What nobody said is at its default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Own address or interface.
    pub interface: Option<String>,
    /// UDP port of plain messages.
    pub port: u16,
    /// UDP port of messages from an mcaster.
    pub member_port: u16,
    /// Where the process number is written.
    pub pid_file: Option<PathBuf>,
    /// Directory of the control socket.
    pub run_dir: Option<PathBuf>,
    /// Whom to run as.
    pub user: Option<String>,
    /// Log to syslog in the foreground too.
    pub syslog: bool,
    profile: &'static Profile,
    tick: Option<u32>,
    query: Option<u32>,
    reply: Option<u32>,
    retries: Option<u32>,
    /// Keys to sign with.
    pub key: Option<PathBuf>,
    /// How signatures are taken.
    pub auth: Mode,
    /// Who may; none said: the host's own networks.
    pub allow: Option<Vec<Network>>,
    /// Groups of an mcaster.
    pub max_groups: u32,
    /// Members of a group of an mcaster.
    pub max_members: u32,
    /// Seconds after which an mcaster removes a silent member; 0: never.
    pub expire: u32,
    /// Seconds after which a silent member of an mcaster may join anew; 0: never.
    pub rejoin: u32,
    /// Datagrams a second from one sender to an mcaster; 0: any number.
    pub rate: u32,
    /// Where detected failures are appended.
    pub failures: PathBuf,
    /// Others that are asked about a silent neighbour.
    pub confirm: u32,
    /// Where views are appended.
    pub views: Option<PathBuf>,
    /// Where the incarnation is kept.
    pub state_dir: Option<PathBuf>,
    level: Option<u8>,
    /// A member interface is built in.
    pub mi: bool,
    /// The set that it is to be the parent of.
    pub child: Option<GroupName>,
    /// Name of the LAN of member interfaces.
    pub lan: Option<GroupName>,
    /// Who may call the member interface.
    pub access: Access,
    /// Addresses of groups.
    pub groups: Option<PathBuf>,
    /// TTL of multicasts.
    pub ttl: u8,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            interface: None,
            port: PORT,
            member_port: MEMBER_PORT,
            pid_file: None,
            run_dir: None,
            user: None,
            syslog: false,
            profile: &PROFILES[0],
            tick: None,
            query: None,
            reply: None,
            retries: None,
            key: None,
            auth: Mode::Require,
            allow: None,
            max_groups: 16_384,
            max_members: 1024,
            expire: 0,
            rejoin: 0,
            rate: 0,
            failures: PathBuf::from("failures"),
            confirm: 0,
            views: None,
            state_dir: None,
            level: None,
            mi: false,
            child: None,
            lan: None,
            access: Access::default(),
            groups: None,
            ttl: 1,
        }
    }
}

/// Reads the lines of an ms.conf called `file`, in their order: each value that is said, and in
/// words each line that is no `keyword value...`. All go to [`Settings::from_said`], so that what is wrong
/// in one line does not hide what is wrong in another.
pub fn read(file: &str, text: &str) -> Vec<Result<Said, String>> {
    let mut said = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let Some(word) = words.next() else { continue };
        let Some(opt) = options::keywords().find(|opt| opt.long == word) else {
            said.push(Err(format!("{place}: {word}: must be a keyword of ms.conf(5)")));
            continue;
        };
        let place = format!("{place}: {word}");
        let mut values: Vec<&str> = words.collect();
        match values.len() {
            0 if opt.value.is_empty() => values.push("yes"),
            0 => said.push(Err(format!("{place}: must have a value, {}", opt.value))),
            n if n > 1 && !opt.many => {
                said.push(Err(format!("{place}: has {n} values, must have one")));
                continue;
            }
            _ => {}
        }
        said.extend(values.into_iter().map(|value| {
            let (place, value) = (place.clone(), value.to_string());
            Ok(Said { place, keyword: opt.long, value, by_hand: false })
        }));
    }
    said
}

impl Settings {
    /// What all that was said comes to, files before the command line; and in words everything that
    /// may not be said, or is no word at all, which counts as not said.
    pub fn from_said(said: &[Result<Said, String>]) -> (Settings, Vec<String>) {
        let mut settings = Settings::default();
        let mut errors = Vec::new();
        // The lists: what the command line says of one stands in place of all that files say of it.
        let listed_by_hand = ["allow", "mi-allow"]
            .map(|list| (list, said.iter().flatten().any(|s| s.by_hand && s.keyword == list)));
        for one in said {
            let one = match one {
                Ok(one) => one,
                Err(error) => {
                    errors.push(error.clone());
                    continue;
                }
            };
            let mut scratch = settings.clone();
            // Values of a file that the command line overrides must be right all the same.
            let into = match !one.by_hand && listed_by_hand.contains(&(one.keyword, true)) {
                true => &mut scratch,
                false => &mut settings,
            };
            if let Err(allowance) = into.set(one.keyword, &one.value) {
                errors.push(format!("{} {}: {allowance}", one.place, one.value));
            }
        }
        settings.check_timing(&mut errors);
        settings.check_below(&mut errors);
        (settings, errors)
    }

    fn set(&mut self, keyword: &str, value: &str) -> Result<(), String> {
        let path = || Some(PathBuf::from(value));
        match keyword {
            "interface" => self.interface = Some(interface(value)?),
            "port" => self.port = port(value)?,
            "member-port" => self.member_port = port(value)?,
            "pid-file" => self.pid_file = path(),
            "run-dir" => self.run_dir = path(),
            "user" => self.user = Some(value.to_string()),
            "syslog" => self.syslog = yes_or_no(value)?,
            "profile" => {
                self.profile =
                    Profile::named(value).ok_or("must be lan, fast, wan or thesis".to_string())?;
            }
            "tick" => self.tick = Some(number(value, 1, 60_000, " ms")?),
            "query" => self.query = Some(number(value, 1, 3_600_000, " ms")?),
            "reply" => self.reply = Some(number(value, 1, 3_600_000, " ms")?),
            "retries" => self.retries = Some(number(value, 0, 1000, "")?),
            "key" => self.key = path(),
            "auth" => self.auth = value.parse().map_err(|e: ModeError| e.to_string())?,
            "allow" => self.allow.get_or_insert_default().push(value.parse::<Network>()?),
            "max-groups" => self.max_groups = number(value, 1, 1_000_000, "")?,
            "max-members" => self.max_members = number(value, 1, 65_535, "")?,
            "expire" => self.expire = number(value, 0, 31_536_000, " seconds")?,
            "rejoin" => self.rejoin = number(value, 0, 31_536_000, " seconds")?,
            "rate" => self.rate = number(value, 0, 100_000_000, " datagrams a second")?,
            "failures" => self.failures = PathBuf::from(value),
            "confirm" => self.confirm = number(value, 0, 249, "")?,
            "views" => self.views = path(),
            "state-dir" => self.state_dir = path(),
            "level" => self.level = Some(number(value, 1, 255, "")?),
            "mi" => self.mi = yes_or_no(value)?,
            "child" => self.child = Some(set_name(value)?),
            "lan" => self.lan = Some(set_name(value)?),
            "mi-mode" => self.access.mode = mode(value)?,
            "mi-group" => self.access.group = Some(local::group_named(value)?),
            "mi-allow" => self.access.allow.push(value.parse()?),
            "groups" => self.groups = path(),
            "ttl" => self.ttl = number(value, 1, 255, "")?,
            other => unreachable!("{other} is a keyword of the option tables"),
        }
        Ok(())
    }

    /// Timings that contradict each other: an answer that is waited for longer than the tick counts.
    fn check_timing(&self, errors: &mut Vec<String>) {
        let tick = self.tick.unwrap_or(self.profile.tick_ms);
        for (name, ms) in [("query", self.query), ("reply", self.reply)] {
            if let Some(ms) = ms.filter(|&ms| ms < tick) {
                errors.push(format!("{name} {ms}: must be at least one tick, {tick} ms"));
            }
        }
    }

    /// A parent has no member interfaces below it: a host that is both runs two daemons on two addresses.
    fn check_below(&self, errors: &mut Vec<String>) {
        let Some(child) = self.child else { return };
        for (name, said) in [("mi", self.mi), ("lan", self.lan.is_some())] {
            if said {
                errors.push(format!("child {child}: must not be given together with {name}"));
            }
        }
    }

    /// Level of the set.
    pub fn level(&self) -> u8 {
        self.level.unwrap_or(if self.child.is_some() { 2 } else { 1 })
    }

    /// Names of what `new` has otherwise but cannot change while a daemon runs.
    pub fn fixed_differences(&self, new: &Settings) -> Vec<&'static str> {
        let fixed = [
            ("interface", self.interface != new.interface),
            ("port", self.port != new.port),
            ("member-port", self.member_port != new.member_port),
            ("pid-file", self.pid_file != new.pid_file),
            ("run-dir", self.run_dir != new.run_dir),
            ("user", self.user != new.user),
            ("syslog", self.syslog != new.syslog),
            ("failures", self.failures != new.failures),
            ("views", self.views != new.views),
            ("state-dir", self.state_dir != new.state_dir),
            ("level", self.level() != new.level()),
            ("mi", self.mi != new.mi),
            ("child", self.child != new.child),
            ("lan", self.lan != new.lan),
            ("ttl", self.ttl != new.ttl),
        ];
        fixed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// Takes from `new` what can change while a daemon runs.
    pub fn take_changeable(&mut self, new: Settings) {
        let old = std::mem::replace(self, new);
        self.interface = old.interface;
        self.port = old.port;
        self.member_port = old.member_port;
        self.pid_file = old.pid_file;
        self.run_dir = old.run_dir;
        self.user = old.user;
        self.syslog = old.syslog;
        self.failures = old.failures;
        self.views = old.views;
        self.state_dir = old.state_dir;
        self.level = old.level;
        self.mi = old.mi;
        self.child = old.child;
        self.lan = old.lan;
        self.ttl = old.ttl;
    }

    /// The timings, in ticks.
    pub fn params(&self) -> Params {
        let p = self.profile;
        let profile = Profile {
            tick_ms: self.tick.unwrap_or(p.tick_ms),
            query_ms: self.query.unwrap_or(p.query_ms),
            reply_ms: self.reply.unwrap_or(p.reply_ms),
            retries: self.retries.unwrap_or(p.retries),
            ..*p
        };
        Params { confirm: self.confirm, ..profile.params() }
    }
}

fn number<N: TryFrom<u64> + Into<u64> + Copy>(
    value: &str,
    least: N,
    most: N,
    unit: &str,
) -> Result<N, String> {
    let (least, most): (u64, u64) = (least.into(), most.into());
    value
        .parse::<u64>()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .and_then(|n| N::try_from(n).ok())
        .ok_or_else(|| format!("must be {least} to {most}{unit}"))
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("must be yes or no".to_string()),
    }
}

/// A UDP port of one's own.
///
/// # Errors
/// What would be right, in words.
pub fn port(value: &str) -> Result<u16, String> {
    number(value, 1, u16::MAX, "")
}

/// The name of a set as a person writes it.
///
/// # Errors
/// What would be right, in words.
pub fn set_name(value: &str) -> Result<GroupName, String> {
    if value.contains('.') {
        return Err("must have no dot: it sets off the suffix of a part".to_string());
    }
    value.parse().map_err(|e: NameError| e.to_string())
}

/// As chmod(1) takes it: octal digits.
fn mode(value: &str) -> Result<u32, String> {
    u32::from_str_radix(value, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "must be an octal mode, 0 to 0777".to_string())
}

fn interface(value: &str) -> Result<String, String> {
    if value.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(NO_IPV6.to_string());
    }
    Ok(value.to_string())
}

const NO_IPV6: &str = "must be an IPv4 address: the message header has no room for IPv6";

/// An address of a host as a person writes it: `address[:port]`.
///
/// # Errors
/// What would be right, in words.
pub fn address(value: &str, port: u16) -> Result<SocketAddrV4, String> {
    if let Ok(address) = value.parse::<SocketAddrV4>() {
        return Ok(address);
    }
    match value.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => Ok(SocketAddrV4::new(ip, port)),
        Ok(IpAddr::V6(_)) => Err(NO_IPV6.to_string()),
        Err(_) if value.parse::<std::net::SocketAddrV6>().is_ok() => Err(NO_IPV6.to_string()),
        Err(_) => Err("must be an IPv4 address, address[:port]".to_string()),
    }
}

/// Whether an address can be a group's: one of IP multicast, or a host's where an mcaster runs.
///
/// # Errors
/// What would be right, in words.
pub fn group_address(value: &str, port: u16) -> Result<SocketAddrV4, String> {
    let address = address(value, port)?;
    let ip = *address.ip();
    let local_control = ip.octets()[..3] == [224, 0, 0];
    if local_control || ip.is_unspecified() || ip.is_broadcast() || ip.octets()[0] >= 240 {
        return Err(format!(
            "must be a multicast address, 224.0.1.0 to 239.255.255.255, or the address of an \
             mcaster{}",
            if local_control { "; 224.0.0.x is for routers" } else { "" }
        ));
    }
    Ok(address)
}

/// `unknown keyword` and the like: one line each, to be told before anything is started.
pub fn in_words(errors: &[impl Display]) -> String {
    errors.iter().map(|e| format!("{e}\n")).collect()
}

/// The wildcard address: a daemon that was not told its own.
pub const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        Settings::from_said(&read("ms.conf", text)).1
    }

    #[test]
    fn every_error_of_a_file_is_told_with_its_place_and_allowance() {
        let text = "query 0\n# fine\nport 70000 # no\nallow 10.0.0.0/8 10.0.0.1/8\nttl x\n\
                    frobnicate 1\nquery\nquery 1 2\nrate x";
        assert_eq!(
            errors(text),
            [
                "ms.conf:1: query 0: must be 1 to 3600000 ms",
                "ms.conf:3: port 70000: must be 1 to 65535",
                "ms.conf:4: allow 10.0.0.1/8: has bits set behind its mask, must name the \
                 network's first address",
                "ms.conf:5: ttl x: must be 1 to 255",
                "ms.conf:6: frobnicate: must be a keyword of ms.conf(5)",
                "ms.conf:7: query: must have a value, MS",
                "ms.conf:8: query: has 2 values, must have one",
                "ms.conf:9: rate x: must be 0 to 100000000 datagrams a second",
            ]
        );
    }

    #[test]
    fn the_command_line_wins() {
        let mut said = read("ms.conf", "query 500\nallow 10.0.0.0/8\nprofile wan");
        let by_hand = |keyword, value: &str| Said {
            place: format!("--{keyword}"),
            keyword,
            value: value.to_string(),
            by_hand: true,
        };
        said.extend([by_hand("query", "900"), by_hand("allow", "127.0.0.0/8")].map(Ok));
        let (settings, errors) = Settings::from_said(&said);
        assert!(errors.is_empty());
        assert_eq!(settings.params().query, 18);
        assert_eq!(settings.allow, Some(vec!["127.0.0.0/8".parse().unwrap()]));
    }

    #[test]
    fn every_keyword_of_the_tables_can_be_set() {
        for opt in options::keywords() {
            let mut settings = Settings::default();
            // A value that no keyword takes shows that the keyword is known: it does not panic.
            let _ = settings.set(opt.long, "\u{1}");
        }
    }

    #[test]
    fn addresses_say_what_would_be_right() {
        assert!(address("::1", 1).unwrap_err().contains("IPv4"));
        assert!(address("[::1]:5", 1).unwrap_err().contains("IPv4"));
        assert_eq!(address("10.0.0.1:7", 1), Ok("10.0.0.1:7".parse().unwrap()));
        assert!(group_address("224.0.0.5", 1).unwrap_err().contains("routers"));
        assert!(group_address("239.1.1.1", 1).is_ok());
        assert!(group_address("10.1.1.1", 1).is_ok());
        assert!(group_address("255.255.255.255", 1).is_err());
    }
}
