//! How many opaque operations a core-set agrees on: `cargo bench --bench operations`.
//!
//! ```text
//!   thread: mserver.step <─> two UDP sockets on loopback, as the daemon has them      (one thread for each member)
//!           submit: as many operations are kept outstanding as the load says
//! ```
//!
//! Every member runs the very node of the daemon, over real sockets, with a loop of the same laps; the layer that
//! will submit operations is replaced by the load. `full`: all members keep a window of operations outstanding.
//! `low`: one member that does not lead submits an operation when the last one is committed. An operation counts when
//! *every* member has applied it; its latency runs from its submission to its being applied where it came from.
//!
//! By environment: `MS_BENCH_N` ("3 8 16"), `MS_BENCH_SECONDS` (3), `MS_BENCH_WINDOW` (600 operations of all members).

use membership::name::{GroupName, Incarnation};
use membership::proto::coreset::Founding;
use membership::proto::mserver::{Below, Identity, Mserver, Post};
use membership::proto::params::PROFILES;
use membership::proto::places::Places;
use membership::proto::step::{Action, Input, Via};
use membership::sys::batch::{BATCH, Receiver};
use membership::sys::clock::TickClock;
use membership::sys::socket;
use nix::poll::{PollFd, PollFlags, ppoll};
use socket2::Socket;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

fn main() {
    // `cargo test --benches` runs benches too, to see that they run at all.
    let quick = std::env::args().any(|a| a == "--test");
    let said = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_string());
    let sizes = said("MS_BENCH_N", if quick { "3" } else { "3 8 16" });
    let seconds: f64 = said("MS_BENCH_SECONDS", if quick { "0.2" } else { "3" }).parse().unwrap();
    let window: usize = said("MS_BENCH_WINDOW", "600").parse().unwrap();
    let span = Duration::from_secs_f64(seconds);
    println!("operations that all members have applied, and milliseconds to that at their origin");
    print!(
        "{:>4} {:>6} {:>12} {:>10} {:>9} {:>9}",
        "N", "bytes", "a second", "a batch", "median", "p99"
    );
    println!(" {:>12} {:>9} {:>9} {:>9}", "low: a second", "median", "p99", "views");
    for n in sizes.split_whitespace().map(|n| n.parse().expect("a size")) {
        for bytes in [16, 100] {
            let set = Set::start(n, bytes);
            let full = set.run(window.div_ceil(n), n, span);
            let low = set.run(1, 1, span);
            let views = set.end();
            print!("{n:>4} {bytes:>6} {:>12.0} {:>10.1}", full.rate, full.batch);
            print!(" {:>9.2} {:>9.2} {:>12.0}", full.at(0.5), full.at(0.99), low.rate);
            println!(" {:>9.2} {:>9.2} {views:>9}", low.at(0.5), low.at(0.99));
        }
    }
}

/// What all threads see.
struct Shared {
    /// Operations that each member keeps outstanding.
    window: AtomicUsize,
    /// The last so many members have a load: the first one leads.
    loaded: AtomicUsize,
    /// Latencies are written down.
    noting: AtomicBool,
    over: AtomicBool,
    bytes: usize,
    size: usize,
    members: Vec<Progress>,
}

/// How far a member is.
#[derive(Default)]
struct Progress {
    /// Members of its view.
    size: AtomicUsize,
    /// Views with another number.
    views: AtomicU64,
    /// Batches in its view.
    batches: AtomicU64,
    /// Operations of all that it has applied.
    applied: AtomicU64,
    /// Operations of its own that wait.
    waiting: AtomicUsize,
    latencies: std::sync::Mutex<Vec<f64>>,
}

struct Set {
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<()>>,
}

struct Outcome {
    rate: f64,
    batch: f64,
    /// In milliseconds, in ascending order.
    latencies: Vec<f64>,
}

impl Outcome {
    fn at(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}

impl Set {
    fn start(n: usize, bytes: usize) -> Set {
        let members = (0..n).map(|_| Progress::default()).collect();
        let shared = Arc::new(Shared {
            window: AtomicUsize::new(0),
            loaded: AtomicUsize::new(0),
            noting: AtomicBool::new(false),
            over: AtomicBool::new(false),
            bytes,
            size: n,
            members,
        });
        let mut threads = Vec::new();
        for i in 0..n {
            let shared = Arc::clone(&shared);
            threads.push(thread::spawn(move || Member::start(i, &shared).run(&shared)));
        }
        let set = Set { shared, threads };
        set.wait("one view", |p| p.size.load(Relaxed) == n);
        set
    }

    fn wait(&self, what: &str, holds: impl Fn(&Progress) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.shared.members.iter().all(&holds) {
            assert!(Instant::now() < deadline, "not within 30 s: {what}");
            sleep(Duration::from_millis(5));
        }
    }

    fn least(&self, value: fn(&Progress) -> &AtomicU64) -> u64 {
        self.shared.members.iter().map(|p| value(p).load(Relaxed)).min().unwrap()
    }

    /// A load on the last `loaded` members for a while, once it has become steady.
    fn run(&self, window: usize, loaded: usize, span: Duration) -> Outcome {
        self.shared.loaded.store(loaded, Relaxed);
        self.shared.window.store(window, Relaxed);
        sleep(span / 4);
        self.shared.noting.store(true, Relaxed);
        let (begun, applied, batches) =
            (Instant::now(), self.least(|p| &p.applied), self.least(|p| &p.batches));
        sleep(span);
        let done = (self.least(|p| &p.applied) - applied) as f64;
        let batches = self.least(|p| &p.batches).saturating_sub(batches);
        let rate = done / begun.elapsed().as_secs_f64();
        self.shared.noting.store(false, Relaxed);
        self.shared.window.store(0, Relaxed);
        self.wait("all are done", |p| p.waiting.load(Relaxed) == 0);
        let taken = |p: &Progress| std::mem::take(&mut *p.latencies.lock().unwrap());
        let mut latencies: Vec<f64> = self.shared.members.iter().flat_map(taken).collect();
        latencies.sort_by(f64::total_cmp);
        Outcome { rate, batch: done / batches.max(1) as f64, latencies }
    }

    /// Ends it; says how many views there were after that of all: 0 if nobody was lost.
    fn end(self) -> u64 {
        self.shared.over.store(true, Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        self.shared.members.iter().map(|p| p.views.load(Relaxed)).max().unwrap()
    }
}

struct Member {
    place: usize,
    mserver: Mserver,
    sockets: [(Via, Socket); 2],
    receiver: Receiver,
    clock: TickClock,
    planned: u32,
    actions: Vec<Action>,
    /// When each of our own operations was submitted that is not committed.
    submitted: VecDeque<Instant>,
    /// Number of the last one that was.
    done: u64,
    whole: Option<u16>,
}

impl Member {
    fn start(place: usize, shared: &Shared) -> Member {
        let own = SocketAddrV4::new(Ipv4Addr::new(127, 93, 200, place as u8 + 1), 2900);
        let group = SocketAddrV4::new(Ipv4Addr::new(239, 93, 200, shared.size as u8), 2900);
        let name: GroupName = "bench".parse().unwrap();
        let params = PROFILES[0].params();
        let mut places = Places::new(BTreeMap::new(), 2900);
        places.set(name, group);
        let allow = vec!["127.0.0.0/8".parse().unwrap()];
        let id = Identity { own, inc: Incarnation(1), places, allow, params };
        let sockets = [
            (Via::Own, socket::open_own(own, 1).unwrap()),
            (Via::Group, socket::open_group(group, *own.ip()).unwrap()),
        ];
        // The first one is there before the others ask, so it leads.
        let founding = if place == 0 { Founding::AtOnce } else { Founding::Never };
        let mut actions = Vec::new();
        let post = Post { set: name, level: 1, founding, below: Below::lan_of(own, false) };
        let mserver = Mserver::start(id, &post, Some(group), &mut actions);
        let tick = Duration::from_millis(params.tick_ms.into());
        Member {
            place,
            mserver,
            sockets,
            receiver: Receiver::new(),
            clock: TickClock::new(Instant::now(), tick),
            planned: 1,
            actions,
            submitted: VecDeque::new(),
            done: 0,
            whole: None,
        }
    }

    fn run(mut self, shared: &Shared) {
        while !shared.over.load(Relaxed) {
            self.act();
            self.submit(shared);
            self.act();
            self.tell(shared);
            self.sleep();
            self.ticks(true);
            while self.receive() {}
            self.ticks(false);
        }
    }

    /// Until input or the next tick at which something is due.
    fn sleep(&mut self) {
        self.planned = self.mserver.due().clamp(1, 2);
        let time = self.clock.sleep(Instant::now(), self.planned);
        let time = nix::sys::time::TimeSpec::from_duration(time);
        let [(_, own), (_, group)] = &self.sockets;
        let mut fds = [own, group].map(|s| PollFd::new(s.as_fd(), PollFlags::POLLIN));
        ppoll(&mut fds, Some(time), None).unwrap();
    }

    /// The ticks that passed: those that find nothing due come before the input.
    fn ticks(&mut self, quiet: bool) {
        if quiet && self.planned == 1 {
            return;
        }
        let elapsed = self.clock.elapsed(Instant::now());
        if elapsed > 0 {
            self.mserver.step(Input::Tick { elapsed }, &mut self.actions);
            self.act();
        }
    }

    /// A batch from each socket; whether there may be more.
    fn receive(&mut self) -> bool {
        let mut more = false;
        for place in 0..self.sockets.len() {
            let (via, socket) = &self.sockets[place];
            let count = self.receiver.receive(socket.as_fd()).unwrap();
            for i in 0..count {
                let datagram = self.receiver.get(i);
                let (from, bytes) = (datagram.from, datagram.bytes);
                self.mserver.step(Input::Datagram { via: *via, from, bytes }, &mut self.actions);
                send(&self.sockets[0].1, &mut self.actions);
            }
            more |= count == BATCH;
        }
        more
    }

    fn act(&mut self) {
        send(&self.sockets[0].1, &mut self.actions);
    }

    /// Keeps as many operations outstanding as the load says.
    fn submit(&mut self, shared: &Shared) {
        self.count_done(shared);
        if self.place + shared.loaded.load(Relaxed) < shared.size {
            return;
        }
        for _ in self.submitted.len()..shared.window.load(Relaxed) {
            self.submitted.push_back(Instant::now());
            self.mserver.submit(vec![7; shared.bytes], &mut self.actions);
        }
    }

    /// Whose operations of ours were committed.
    fn count_done(&mut self, shared: &Shared) {
        let Some(set) = self.mserver.peers().and_then(|seat| seat.set()) else { return };
        let Some(view) = set.view() else { return };
        let done = view.done_of(set.life());
        let (noting, now) = (shared.noting.load(Relaxed), Instant::now());
        let mut latencies = shared.members[self.place].latencies.lock().unwrap();
        for _ in self.done..done {
            let begun = self.submitted.pop_front().expect("it was submitted");
            if noting {
                latencies.push((now - begun).as_secs_f64() * 1e3);
            }
        }
        self.done = done;
    }

    fn tell(&mut self, shared: &Shared) {
        let Some(set) = self.mserver.peers().and_then(|seat| seat.set()) else { return };
        let Some(view) = set.view() else { return };
        let progress = &shared.members[self.place];
        let (size, num) = (view.members.len(), view.position.num.0);
        if size == shared.size && self.whole.is_none() {
            self.whole = Some(num);
        }
        let since = self.whole.map_or(0, |whole| num.wrapping_sub(whole));
        progress.size.store(size, Relaxed);
        progress.views.store(since.into(), Relaxed);
        progress.batches.store(view.position.k, Relaxed);
        progress.applied.store(view.done.iter().map(|d| d.number).sum(), Relaxed);
        progress.waiting.store(self.submitted.len(), Relaxed);
    }
}

fn send(socket: &Socket, actions: &mut Vec<Action>) {
    for action in actions.drain(..) {
        if let Action::Send { to, bytes } = action {
            // What the kernel refuses is lost, as on any network.
            let _ = socket.send_to(&bytes, &to.into());
        }
    }
}
