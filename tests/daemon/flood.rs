//! A flood of garbage: nobody falls, nobody is accused, the work goes on.
//!
//! ```text
//!   flood ── mutated and random datagrams ──> mcaster, host 1      prober: LEAVE_GROUP, NO_GROUP?
//!   flood ── mutated and random datagrams ──> member, host 12      prober: QUERY, REPLY?
//!   ring of hosts 11, 12, 13 ── goes on ──     group app of hosts 21, 22 ── host 23 sends to it on and on
//! ```
//!
//! The flood comes from an address that the mcaster allows, and from one that it does not; from the address of the
//! member's monitor, and from that of its mcaster. It goes out in bursts that most sockets can hold; what the
//! kernel loses all the same is sent again, until each daemon has received as many as it must.
//!
//! `MS_FLOOD` is their number, `MS_FLOOD_SEED` the seed.

use super::golden::{golden, plain};
use super::peer::{Peer, about, renamed};
use super::ring::{await_replies, member, ring};
use super::world::{Daemon, World, within};
use membership::sys::batch::{Outgoing, Sender};
use membership::sys::control;
use membership::wire::{Kind, prefix};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Datagrams in a burst.
const BURST: usize = 1024;
/// How long an answer may take in the flood, on a machine that is busy with it.
const BOUND: Duration = Duration::from_millis(500);

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().expect(name))
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_ne_bytes()[..part.len()]);
        }
    }
}

/// What the flood is made of: golden datagrams, plain, relayed, and about a group that is nobody's.
fn bases() -> Vec<Vec<u8>> {
    let mut bases = Vec::new();
    let relayed = prefix::encode("10.94.0.14:2900".parse().unwrap());
    for datagram in plain() {
        bases.push([&relayed[..], &datagram].concat());
        bases.extend((0..6).map(|_| renamed(datagram.clone(), "nobody")));
        bases.push(datagram);
    }
    bases
}

/// One datagram of it.
fn mutate(dice: &mut Dice, bases: &[Vec<u8>], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&bases[dice.below(bases.len())]);
    match dice.below(8) {
        0 => out.truncate(dice.below(out.len())),
        1 => {
            let len = out.len();
            out.resize(len + 1 + dice.below(64), 0);
            dice.fill(&mut out[len..]);
        }
        2 => {
            out.resize(dice.below(300), 0);
            dice.fill(out);
        }
        3 => {}
        _ => {
            for _ in 0..=dice.below(4) {
                let at = dice.below(out.len());
                out[at] ^= 1 << dice.below(8);
            }
        }
    }
}

/// Where a flood comes from and goes to.
struct Flood {
    seed: u64,
    sources: Vec<UdpSocket>,
    targets: Vec<SocketAddrV4>,
    /// The control socket of the daemon that it hits.
    control: PathBuf,
    wanted: u64,
}

impl Flood {
    /// Goes on until the daemon has received as many; says how many were sent.
    fn run(self) -> u64 {
        let (mut dice, bases) = (Dice(self.seed), bases());
        let mut burst = vec![Vec::new(); BURST];
        let mut sender = Sender::default();
        let first = received(&self.control);
        let mut sent = 0;
        loop {
            for datagram in &mut burst {
                mutate(&mut dice, &bases, datagram);
            }
            let targets: Vec<libc::sockaddr_in> = self.targets.iter().map(|&t| raw(t)).collect();
            let source = &self.sources[dice.below(self.sources.len())];
            let to = &targets[dice.below(targets.len())];
            let batch: Vec<Outgoing<'_>> =
                burst.iter().map(|body| Outgoing { head: &[], body, to }).collect();
            sent += sender.send(source.as_fd(), &batch).taken as u64;
            if received(&self.control) - first >= self.wanted {
                return sent;
            }
        }
    }
}

fn raw(address: SocketAddrV4) -> libc::sockaddr_in {
    let nix = nix::sys::socket::SockaddrIn::from(address);
    *nix.as_ref()
}

/// What a daemon has received; asking for it is the pause between bursts.
fn received(control: &Path) -> u64 {
    let answer = control::ask(control, "status", Duration::from_secs(30)).expect("a status");
    let status: serde_json::Value = serde_json::from_str(&answer).unwrap();
    status["io"]["received"].as_u64().unwrap()
}

/// Asks for an answer on and on; how long each took, and how many questions or answers were lost.
fn probe(
    peer: &Peer,
    to: SocketAddrV4,
    question: &[u8],
    over: &AtomicBool,
) -> (Vec<Duration>, u32) {
    let (mut times, mut lost) = (Vec::new(), 0);
    while !over.load(Ordering::Relaxed) {
        match peer.answer_time(to, question, BOUND) {
            Some(time) => times.push(time),
            None => lost += 1,
        }
        thread::sleep(Duration::from_millis(5));
    }
    times.sort();
    (times, lost)
}

/// Sends numbers to a group until each member has each; how many, and in how many attempts.
fn work(sender: &Peer, to: SocketAddrV4, members: &[Peer], over: &AtomicBool) -> (u32, u32) {
    let (mut number, mut attempts) = (0u32, 0);
    let mut message = about("app", "APP_MESSAGE");
    while !over.load(Ordering::Relaxed) {
        number += 1;
        message[94..98].copy_from_slice(&number.to_be_bytes());
        let mut missing: Vec<&Peer> = members.iter().collect();
        let start = Instant::now();
        while !missing.is_empty() {
            assert!(start.elapsed() < Duration::from_secs(10), "{number} does not get through");
            attempts += 1;
            sender.send(to, &message);
            missing.retain(|member| {
                // What the flood sends to the group comes too.
                while let Some((_, copy)) = member.receive_within(BOUND) {
                    if copy[prefix::LEN..] == message {
                        return false;
                    }
                }
                true
            });
        }
        thread::sleep(Duration::from_millis(5));
    }
    (number, attempts)
}

fn report(what: &str, (times, lost): &(Vec<Duration>, u32)) {
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: {} answers, median {median:?}, worst {worst:?}, {lost} lost", times.len());
    assert!(worst < BOUND, "{what}: an answer took {worst:?}");
    assert!(times.len() > 20 && (*lost as usize) < times.len() / 4, "{what}: {lost} lost");
}

/// What the flood joined, it leaves again.
fn leave_all(mcaster: &Daemon, peer: &Peer, host: Ipv4Addr, hub: SocketAddrV4) {
    let status = mcaster.status();
    for group in status["groups"].as_array().unwrap() {
        if group["members"].as_array().unwrap().contains(&host.to_string().into()) {
            let mut leave = golden("LEAVE_GROUP");
            leave[8..40].fill(0);
            let name = unescape(group["group"].as_str().unwrap());
            leave[8..8 + name.len()].copy_from_slice(&name);
            assert_eq!(peer.ask(hub, &leave), Kind::LeaveAck, "{group}");
        }
    }
}

/// The bytes of a name as status shows it.
fn unescape(shown: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = shown.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, byte == b'\\').1.then(|| rest.next().unwrap()) {
            None => byte,
            Some(b'x') => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(other) => other,
        });
    }
    bytes
}

/// The flood of the mcaster and that of the member at host 12.
fn floods(world: &World, wanted: u64, seed: u64) -> [Flood; 2] {
    let bind = |ip: Ipv4Addr| UdpSocket::bind((ip, 40_000)).unwrap();
    let control = |host| control::path(&world.path("run"), world.at(host));
    let of_mcaster = Flood {
        seed,
        sources: vec![bind(world.ip(31)), bind(world.foreign(31))],
        targets: vec![world.at(1)],
        control: control(1),
        wanted,
    };
    let of_member = Flood {
        seed: seed + 1,
        // Its monitor's address, its mcaster's, and one that means nothing to it.
        sources: [11, 1, 32].map(|host| bind(world.ip(host))).into(),
        targets: vec![world.at(12), SocketAddrV4::new(world.ip(12), 3000)],
        control: control(12),
        wanted,
    };
    [of_mcaster, of_member]
}

/// Floods both while questions are asked, work is done and, in the midst of it, `meanwhile` happens.
fn flooded(world: &World, floods: [Flood; 2], app: &[Peer], meanwhile: impl FnOnce()) {
    let (cw, other) = (Peer::new(world.ip(11), 40_001), Peer::new(world.ip(33), 2900));
    let sender = Peer::new(world.ip(23), 2900);
    let (query, leave) = (golden("QUERY"), about("nobody's", "LEAVE_GROUP"));
    let (over, start) = (AtomicBool::new(false), Instant::now());
    let (control, half) = (floods[1].control.clone(), floods[1].wanted / 2);
    thread::scope(|scope| {
        let floods = floods.map(|flood| scope.spawn(|| flood.run()));
        let replies = scope.spawn(|| probe(&cw, world.at(12), &query, &over));
        let answers = scope.spawn(|| probe(&other, world.at(1), &leave, &over));
        let worker = scope.spawn(|| work(&sender, world.at(1), app, &over));
        within(Duration::from_secs(300), "half of the flood", || {
            (received(&control) >= half).then_some(())
        });
        meanwhile();
        let sent = floods.map(|flood| flood.join().unwrap());
        over.store(true, Ordering::Relaxed);
        println!("{sent:?} sent in {:?}", start.elapsed());
        report("QUERY to the member", &replies.join().unwrap());
        report("LEAVE_GROUP to the mcaster", &answers.join().unwrap());
        let (numbers, attempts) = worker.join().unwrap();
        println!("group app: {numbers} messages in {attempts} attempts");
        assert!(numbers > 20 && attempts < 2 * numbers);
    });
}

#[test]
fn a_flood_of_garbage_stops_slows_and_changes_nothing() {
    let (wanted, seed) = (setting("MS_FLOOD", 1_000_000), setting("MS_FLOOD_SEED", 1994));
    println!("MS_FLOOD={wanted} MS_FLOOD_SEED={seed}");
    let world = World::alone();
    let (hub, start) = (world.at(1), Instant::now());
    let allow = format!("allow {}/24\nmax-groups 64\n", world.ip(0));
    world.write("ms.conf", &format!("groups ms.groups\nrun-dir run\n{allow}"));
    let (mcaster, mut members) = ring(&world);
    let app = [21, 22].map(|host| Peer::new(world.ip(host), 3000));
    for host in [21, 22] {
        let join = about("app", "JOIN_GROUP");
        assert_eq!(Peer::new(world.ip(host), 2900).ask(hub, &join), Kind::JoinAck);
    }
    let before = mcaster.status();
    let sizes = [&mcaster, &members[1]].map(|daemon| daemon.kilobytes("RssAnon:"));

    let gone = members.remove(2);
    flooded(&world, floods(&world, wanted, seed), &app, || {
        // What does happen is found in the flood too: the clock goes on.
        gone.kill();
        members[1].await_log("member 3 at");
    });

    let failures = [1, 2, 3].map(|gid| world.read(&format!("failures{gid}")));
    assert_eq!((failures[0].as_str(), failures[2].as_str()), ("", ""), "nobody else is accused");
    assert!(failures[1].starts_with("Member 3 is detected failed by 2 at "));
    members.push(member(&world, 3, &hub.ip().to_string(), &[]));
    members[1].await_log("replies again");
    members.iter().for_each(await_replies);

    let foreign = world.foreign(31).to_string();
    assert!(!mcaster.status()["groups"].to_string().contains(&foreign), "it may not join");
    leave_all(&mcaster, &Peer::new(world.ip(31), 2900), world.ip(31), hub);
    assert_eq!(mcaster.status()["groups"], before["groups"]);
    for (daemon, size) in [&mcaster, &members[1]].into_iter().zip(sizes) {
        let (now, status) = (daemon.kilobytes("RssAnon:"), daemon.status());
        println!("io {}, counters {}", status["io"], status["counters"]);
        println!("RssAnon {size} kB before, {now} kB after");
        assert!(now < size + 2048, "{size} kB before, {now} kB after");
    }
    // A minute of this may fill a page of the log, and no disk.
    let (lines, most) =
        (mcaster.log().lines().count(), 1000 * (1 + start.elapsed().as_secs() / 10));
    assert!((lines as u64) < most, "{lines} lines are in the log");
}
