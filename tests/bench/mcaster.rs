//! How fast an mcaster copies, and what its groups cost: `cargo bench --bench mcaster`.
//!
//! For 3, 16 and 64 members, 512-byte messages on loopback, in rounds that take turns so that a busy machine is unfair
//! to all alike:
//!
//! * `sendto`: a loop of bare sendto(2), everything ready made;
//! * `sendmmsg`: a loop of bare sendmmsg(2), one call a message, everything ready made;
//! * `ms`: what the daemon does with a datagram, from the socket it came by to the copies' being sent:
//!   recvmmsg, checks, group, fan-out. The bare loops receive and look up nothing.
//!
//! Printed are copies per second of one core (medians over the rounds) and the medians of the ratios within a
//! round. Then a real `ms mcaster` gets 10,000 groups of 10 members, and its resident memory is shown.

use membership::proto::mcaster::{Limits, Mcaster};
use membership::proto::step::{Action, Input, Via};
use membership::sys::batch::{BATCH, Receiver};
use membership::sys::fanout::Fanout;
use membership::wire::{Draft, Header, Kind, Sum, prefix};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MESSAGE: usize = 512;
const ROUNDS: usize = 21;
/// Time that each of the three has in a round.
const SLICE: Duration = Duration::from_millis(60);

fn main() {
    // `cargo test --benches` runs benches too, to see that they run at all.
    let quick = std::env::args().any(|a| a == "--test");
    println!("copies per second of one core, {MESSAGE}-byte messages");
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>12} {:>12}",
        "members", "sendto", "sendmmsg", "ms", "ms/sendmmsg", "ms/sendto"
    );
    for members in [3, 16, 64] {
        compare(members, if quick { 1 } else { ROUNDS });
    }
    memory(if quick { 10 } else { 10_000 });
}

fn compare(members: usize, rounds: usize) {
    let mut bench = Bench::new(members);
    let (mut sendto, mut sendmmsg, mut ms) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        sendto.push(bench.sendto());
        sendmmsg.push(bench.sendmmsg());
        ms.push(bench.ms());
    }
    let ratio = |other: &[f64]| median(ms.iter().zip(other).map(|(a, b)| a / b).collect());
    let (to_mmsg, to_sendto) = (ratio(&sendmmsg), ratio(&sendto));
    println!(
        "{members:>8} {:>10.0} {:>10.0} {:>10.0} {to_mmsg:>12.2} {to_sendto:>12.2}",
        median(sendto),
        median(sendmmsg),
        median(ms),
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Bench {
    /// They are never read: what does not fit their buffers is dropped, for all three alike.
    _members: Vec<UdpSocket>,
    addresses: Vec<libc::sockaddr_in>,
    extended: Vec<u8>,
    message: Vec<u8>,
    source: UdpSocket,
    socket: UdpSocket,
    own: SocketAddrV4,
    mcaster: Mcaster,
    receiver: Receiver,
    fanout: Fanout,
    actions: Vec<Action>,
}

impl Bench {
    fn new(members: usize) -> Bench {
        let port = {
            // A port that is free on one loopback address is as good as surely free on its neighbours.
            let probe = UdpSocket::bind("127.99.0.1:0").unwrap();
            probe.local_addr().unwrap().port()
        };
        let ips: Vec<Ipv4Addr> =
            (0..members).map(|i| Ipv4Addr::new(127, 99, 1, i as u8 + 1)).collect();
        let sockets = ips.iter().map(|ip| UdpSocket::bind((*ip, port)).unwrap()).collect();
        let socket = UdpSocket::bind("127.99.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let source = UdpSocket::bind("127.99.0.2:0").unwrap();
        let own = v4(&socket);
        let mut mcaster = Mcaster::new(Limits {
            max_groups: 10,
            max_members: 1024,
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            expire: 0,
            rejoin: 0,
            rate: 0,
            second: 100,
            member_port: port,
            own: vec![own],
        });
        let group = "bench".parse().unwrap();
        let join = Draft::bare(Header::new(group, Kind::JoinGroup)).to_vec(Sum::None).unwrap();
        let mut actions = Vec::new();
        for ip in &ips {
            let from = SocketAddrV4::new(*ip, 2900);
            mcaster.step(Input::Datagram { via: Via::Own, from, bytes: &join }, &mut actions);
        }
        actions.clear();
        let draft =
            Draft { data: &[7; MESSAGE - 88], ..Draft::bare(Header::new(group, Kind::Submit)) };
        let message = draft.to_vec(Sum::None).unwrap();
        Bench {
            _members: sockets,
            addresses: ips.iter().map(|ip| sockaddr(SocketAddrV4::new(*ip, port))).collect(),
            extended: [&prefix::encode(v4(&source))[..], &message].concat(),
            message,
            source,
            socket,
            own,
            mcaster,
            receiver: Receiver::new(),
            fanout: Fanout::default(),
            actions,
        }
    }

    fn sendto(&mut self) -> f64 {
        let (begin, mut copies) = (Instant::now(), 0u64);
        while begin.elapsed() < SLICE {
            for _ in 0..BATCH {
                for address in &self.addresses {
                    // SAFETY: pointers and lengths are those of live values.
                    let n = unsafe {
                        libc::sendto(
                            self.socket.as_raw_fd(),
                            self.extended.as_ptr().cast(),
                            self.extended.len(),
                            libc::MSG_DONTWAIT,
                            std::ptr::from_ref(address).cast(),
                            size_of::<libc::sockaddr_in>() as libc::socklen_t,
                        )
                    };
                    copies += u64::from(n > 0);
                }
            }
        }
        copies as f64 / begin.elapsed().as_secs_f64()
    }

    fn sendmmsg(&mut self) -> f64 {
        let mut vector = libc::iovec {
            iov_base: self.extended.as_mut_ptr().cast(),
            iov_len: self.extended.len(),
        };
        let mut headers: Vec<libc::mmsghdr> = self
            .addresses
            .iter_mut()
            .map(|address| {
                // SAFETY: zero is a valid value of all its fields.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_name = (&raw mut *address).cast();
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                header.msg_hdr.msg_iov = &raw mut vector;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        let (begin, mut copies) = (Instant::now(), 0u64);
        while begin.elapsed() < SLICE {
            for _ in 0..BATCH {
                // SAFETY: the headers point at values that outlive the call.
                let n = unsafe {
                    libc::sendmmsg(
                        self.socket.as_raw_fd(),
                        headers.as_mut_ptr(),
                        headers.len() as libc::c_uint,
                        libc::MSG_DONTWAIT,
                    )
                };
                copies += n.max(0) as u64;
            }
        }
        copies as f64 / begin.elapsed().as_secs_f64()
    }

    fn ms(&mut self) -> f64 {
        let (mut spent, mut copies) = (Duration::ZERO, 0u64);
        while spent < SLICE {
            // Other people's work, outside of the clock: the datagrams arrive.
            for _ in 0..BATCH {
                self.source.send_to(&self.message, self.own).unwrap();
            }
            let begin = Instant::now();
            copies += self.receive();
            spent += begin.elapsed();
        }
        copies as f64 / spent.as_secs_f64()
    }

    /// As the daemon's loop does it.
    fn receive(&mut self) -> u64 {
        let socket = self.socket.as_fd();
        let count = self.receiver.receive(socket).unwrap();
        assert_eq!(count, BATCH);
        let mut copies = 0;
        for place in 0..count {
            let datagram = self.receiver.get(place);
            let input =
                Input::Datagram { via: Via::Own, from: datagram.from, bytes: datagram.bytes };
            self.mcaster.step(input, &mut self.actions);
            let [Action::Relay { slot, skip }] = self.actions.as_slice() else {
                panic!("a relay is expected, not {:?}", self.actions)
            };
            let job = (*slot, *skip);
            copies += self.fanout.relay(&self.mcaster, job, (&self.receiver, place), socket).taken;
            self.actions.clear();
        }
        (copies + self.fanout.flush(&self.receiver, socket).taken) as u64
    }
}

fn v4(socket: &UdpSocket) -> SocketAddrV4 {
    match socket.local_addr().unwrap() {
        std::net::SocketAddr::V4(address) => address,
        std::net::SocketAddr::V6(_) => unreachable!("bound to an IPv4 address"),
    }
}

fn sockaddr(address: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What groups of ten members cost a real daemon, with each group's destinations ready made.
fn memory(groups: usize) {
    let dir = std::env::temp_dir().join(format!("ms-bench-{}", std::process::id()));
    let daemon = Command::new(env!("CARGO_BIN_EXE_ms"))
        .args(["mcaster", "-f", "-q", "-i", "127.99.0.3", "--run-dir"])
        .arg(&dir)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let daemon = Killed(daemon);
    let mcaster: SocketAddrV4 = "127.99.0.3:2900".parse().unwrap();
    let member = |i: u8| UdpSocket::bind((Ipv4Addr::new(127, 99, 2, i), 0)).unwrap();
    let members: Vec<UdpSocket> = (1..=10).map(member).collect();
    let outsider = UdpSocket::bind("127.99.0.4:0").unwrap();
    let before = resident_after_first_answer(&daemon, &members[0], mcaster);
    for group in 0..groups {
        let name = format!("group-{group}").parse().unwrap();
        let datagram = |kind| Draft::bare(Header::new(name, kind)).to_vec(Sum::None).unwrap();
        for member in &members {
            ask(member, &datagram(Kind::JoinGroup), mcaster);
        }
        outsider.send_to(&datagram(Kind::Submit), mcaster).unwrap();
    }
    // Once this is answered, all before it has been dealt with.
    ask(&members[0], &leave("no-such-group"), mcaster);
    let after = resident(&daemon);
    println!(
        "\n{groups} groups of 10 members: {:.1} MiB resident, {:.1} MiB without them",
        mib(after),
        mib(before)
    );
    let _ = std::fs::remove_dir_all(&dir);
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn leave(group: &str) -> Vec<u8> {
    let header = Header::new(group.parse().unwrap(), Kind::LeaveGroup);
    Draft::bare(header).to_vec(Sum::None).unwrap()
}

fn resident_after_first_answer(daemon: &Killed, member: &UdpSocket, mcaster: SocketAddrV4) -> u64 {
    ask(member, &leave("no-such-group"), mcaster);
    resident(daemon)
}

/// Sends a request until it is answered.
fn ask(member: &UdpSocket, request: &[u8], mcaster: SocketAddrV4) {
    member.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        member.send_to(request, mcaster).unwrap();
        if member.recv(&mut [0; 100]).is_ok() {
            return;
        }
        assert!(Instant::now() < deadline, "the mcaster does not answer");
    }
}

/// VmRSS in KiB.
fn resident(daemon: &Killed) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
