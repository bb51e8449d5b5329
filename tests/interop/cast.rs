//! Who plays: the peer of 1994 in its three parts, and `ms` in its two.

use crate::lab::{Host, Process, require};
use membership::wire::{Kind, Message};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const COMPILER: &str = "powerpc-linux-gnu-gcc";
const EMULATOR: &str = "qemu-ppc-static";
const SOURCES: [&str; 6] =
    ["peer.c", "message.c", "sockets.c", "mcaster.c", "mserver.c", "member.c"];

/// The group of the rings over IP multicast.
pub const MULTICAST: &str = "239.1.1.1";

/// Fails the test with the names of what it needs and does not have.
pub fn require_all() {
    require(&[
        ("ip", "iproute2"),
        (COMPILER, "gcc-powerpc-linux-gnu"),
        (EMULATOR, "qemu-user-static"),
    ]);
}

/// The peer, compiled once a run.
fn peer() -> &'static Path {
    static PEER: OnceLock<PathBuf> = OnceLock::new();
    PEER.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/peer");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // By way of a name of our own: another run may be using the finished one.
        let fresh = target.join(format!("peer-{}", std::process::id()));
        let output = Command::new(COMPILER)
            .args(["-std=c89", "-D_DEFAULT_SOURCE", "-pedantic", "-Wall", "-Wextra"])
            .args(["-O2", "-static", "-o"])
            .arg(&fresh)
            .args(SOURCES)
            .current_dir(source)
            .output()
            .expect("the cross compiler runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the peer does not compile: {complaint}");
        assert_eq!(complaint, "", "the peer compiles without a warning");
        let peer = target.join("peer");
        std::fs::rename(fresh, &peer).expect("the peer gets its name");
        peer
    })
}

/// Starts the peer on a host, in the part that its arguments say.
pub fn start_peer(host: &Host, args: &[&str]) -> Process {
    let peer = peer().to_str().expect("a path of UTF-8");
    host.spawn(Path::new(EMULATOR), &[&[peer], args].concat())
}

/// Starts `ms` on a host.
pub fn start_ms(host: &Host, args: &[&str]) -> Process {
    host.spawn(Path::new(env!("CARGO_BIN_EXE_ms")), &with_run_directory(host, args))
}

/// Runs `ms` on a host to its end and returns what it printed.
pub fn ask_ms(host: &Host, args: &[&str]) -> String {
    host.output(Path::new(env!("CARGO_BIN_EXE_ms")), &with_run_directory(host, args))
}

/// Each host has a run directory of its own: its directory.
fn with_run_directory<'a>(host: &'a Host, args: &[&'a str]) -> Vec<&'a str> {
    let run = host.directory.to_str().expect("a path of UTF-8");
    let (mode, rest) = args.split_first().expect("a mode");
    [&[mode, "--run-dir", run], rest].concat()
}

/// Whose program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Author {
    /// The peer's, in the manner of 1994.
    Original,
    /// `ms`.
    Ours,
}

impl Author {
    /// Starts an mcaster; returns when it can be talked to.
    pub fn start_mcaster(self, host: &Host) -> Process {
        let process = match self {
            Author::Original => start_peer(host, &["mcaster", "--garbage"]),
            Author::Ours => start_ms(host, &["mcaster", "-f", "-v"]),
        };
        host.await_port(2900);
        process
    }

    /// Starts an mserver with the options and the seven arguments of `line`. Which build of the original,
    /// for IP multicast or for an mcaster, follows from the address in it.
    pub fn start_mserver(self, host: &Host, line: &str) -> Process {
        let own = host.address.to_string();
        let words: Vec<&str> = line.split_whitespace().collect();
        let multicast = line.contains(MULTICAST);
        let mode: &[&str] = match self {
            Author::Original if multicast => &["mserver", "--faithful", "--garbage", "--multicast"],
            Author::Original => &["mserver", "--faithful", "--garbage"],
            Author::Ours => &["mserver", "--static", "-f", "-v", "-i", &own],
        };
        match self {
            Author::Original => start_peer(host, &[mode, &words].concat()),
            Author::Ours => start_ms(host, &[mode, &words].concat()),
        }
    }
}

/// A datagram as the driver printed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// The driver's port that it came to.
    pub port: u16,
    /// Where it came from.
    pub from: SocketAddrV4,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Received {
    /// Reads `recv PORT SENDER HEX`.
    pub fn parse(line: &str) -> Option<Received> {
        let mut words = line.strip_prefix("recv ")?.split(' ');
        let port = words.next()?.parse().ok()?;
        let from = words.next()?.parse().ok()?;
        Some(Received { port, from, bytes: unhex(words.next()?) })
    }
}

/// The bytes that a string of hexadecimal digits means.
pub fn unhex(digits: &str) -> Vec<u8> {
    let pair = |n| u8::from_str_radix(&digits[n..n + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// The member that does what the test says.
pub struct Driver {
    process: Process,
    syncs: u32,
}

impl Driver {
    /// Starts it on a host; it will send to the mcaster at, or multicast to, `address`.
    pub fn start(host: &Host, address: &str) -> Driver {
        let mut process = start_peer(host, &["member", address]);
        process.expect("ready");
        Driver { process, syncs: 0 }
    }

    /// Gives it a command.
    pub fn say(&mut self, command: &str) {
        self.process.say(command);
    }

    /// Waits for an answer of this kind from the mcaster about this group.
    pub fn expect(&mut self, kind: Kind, group: &str) -> Received {
        let line = self.process.expect_where(&format!("{kind} {group}"), |line| {
            Received::parse(line).is_some_and(|it| {
                Message::decode(&it.bytes).is_ok_and(|message| {
                    message.kind() == Some(kind)
                        && message.header.group.as_bytes() == group.as_bytes()
                })
            })
        });
        Received::parse(&line).expect("the line was read before")
    }

    /// Returns when the mcaster has dealt with all that was sent before. It is asked to let us leave a
    /// group that nobody has: it does one thing after the other, so its answer comes last.
    pub fn sync(&mut self) {
        self.syncs += 1;
        let group = format!("{SYNC_GROUP}{}", self.syncs);
        self.say(&format!("send {} {group}", Kind::LeaveGroup.code()));
        self.expect(Kind::NoGroup, &group);
    }

    /// Everything it has received so far, without the answers to [`Driver::sync`].
    pub fn received(&self) -> Vec<Received> {
        let lines = self.process.lines();
        let all = lines.iter().filter_map(|line| Received::parse(line));
        all.filter(|it| !it.bytes[8..].starts_with(SYNC_GROUP.as_bytes())).collect()
    }

    /// Ends it, so that its ports are free again.
    pub fn end(mut self) {
        self.process.hang_up();
        assert!(self.process.expect_exit().success());
    }
}

/// Prefix of the groups that [`Driver::sync`] asks about.
pub const SYNC_GROUP: &str = "~sync";
