//! How fast a core-set agrees, and what it costs: `cargo bench --bench coreset`.
//!
//! Real daemons on loopback, profile lan unless it says otherwise. Every time is that of the *last* member's view:
//!
//! * `join`: from the JOIN_REQ on the wire (the kernel's time of it), and from the start of the process;
//! * `leave`: from SIGTERM;
//! * `crash`: from SIGKILL, at a random moment of the monitoring's round;
//! * `partition`, `heal`: from the first SIGHUP by which half of the members no longer hear the others, or hear them
//!   again, to the view of both sides, or to the one view, at a random moment too;
//! * messages of a change: what the daemons count themselves, without monitoring and probes; a multicast is one;
//! * idle: datagrams received, share of a core and memory of one daemon, when probes have become seldom.
//!
//! By environment: `MS_BENCH_N` ("3 5 8 16 32"), `MS_BENCH_REPS` (9), `MS_BENCH_IDLE` (4, seconds; 0: not measured),
//! `MS_BENCH_CALM` (20, seconds that nothing must happen in with the fast profile).

mod costs;
mod fleet;

use costs::{Idle, Sent, idle, sent};
use fleet::{Fleet, Members};
use membership::wire::Kind;
use nix::sys::signal::Signal;
use std::thread::sleep;
use std::time::Duration;

fn main() {
    // `cargo test --benches` runs benches too, to see that they run at all.
    let quick = std::env::args().any(|a| a == "--test");
    let said = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_string());
    let number = |name: &str, usual: &str| -> u64 {
        said(name, usual).parse().unwrap_or_else(|_| panic!("{name}: must be a number"))
    };
    let sizes = said("MS_BENCH_N", if quick { "3" } else { "3 5 8 16 32" });
    let sizes: Vec<usize> = sizes.split_whitespace().map(|n| n.parse().expect("a size")).collect();
    let reps = number("MS_BENCH_REPS", if quick { "1" } else { "9" }) as usize;
    let seconds = number("MS_BENCH_IDLE", if quick { "0" } else { "4" });
    changes(&sizes, reps, seconds);
    if quick {
        return;
    }
    at_once(reps.div_ceil(3));
    stopped();
    fast(&sizes, reps, number("MS_BENCH_CALM", "20"));
}

/// Milliseconds of one kind of event.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn add(&mut self, seconds: f64) {
        self.0.push(seconds * 1e3);
    }

    /// The value below which that share of them lies.
    fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = ((sorted.len() - 1) as f64 * share).round() as usize;
        sorted[place]
    }

    fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// Median and p90.
    fn show(&self) -> String {
        format!("{:.2} / {:.2}", self.median(), self.at(0.9))
    }
}

#[derive(Default)]
struct Results {
    boot: f64,
    join: Times,
    started: Times,
    leave: Times,
    crash: Times,
    partition: Times,
    heal: Times,
    sent: [Vec<Sent>; 3],
    idle: Option<Idle>,
}

fn changes(sizes: &[usize], reps: usize, seconds: u64) {
    let results: Vec<Results> = sizes.iter().map(|&n| measure(n, reps, seconds)).collect();
    println!("milliseconds to the last member's view, median / p90 of {reps}");
    print!("{:>4} {:>15} {:>15} {:>15} {:>17}", "N", "join", "from start", "leave", "crash");
    println!(" {:>17} {:>17} {:>9}", "partition", "heal", "boot");
    for (n, r) in sizes.iter().zip(&results) {
        print!("{n:>4} {:>15} {:>15} {:>15}", r.join.show(), r.started.show(), r.leave.show());
        print!(" {:>17} {:>17} {:>17}", r.crash.show(), r.partition.show(), r.heal.show());
        println!(" {:>9.0}", r.boot * 1e3);
    }
    println!(
        "\nmessages of a change: to one receiver + by multicast, medians; and the time for each member"
    );
    print!("{:>4} {:>12} {:>12} {:>12}", "N", "join", "leave", "crash");
    println!(" {:>14} {:>14}", "join us/N", "leave us/N");
    for (n, r) in sizes.iter().zip(&results) {
        print!("{n:>4}");
        r.sent.iter().for_each(|sent| print!(" {:>12}", costs::median(sent)));
        let each = |times: &Times| times.median() * 1e3 / *n as f64;
        println!(" {:>14.0} {:>14.0}", each(&r.join), each(&r.leave));
    }
    if seconds > 0 {
        println!("\nidle for {seconds} s, each daemon");
        println!("{:>4} {:>12} {:>12} {:>12}", "N", "packets/s", "% of a core", "RSS KiB");
        for (n, r) in sizes.iter().zip(&results) {
            let Some(idle) = &r.idle else { continue };
            println!("{n:>4} {:>12.1} {:>12.3} {:>12}", idle.packets, idle.cpu, idle.rss);
        }
    }
}

/// All of it for one size.
fn measure(n: usize, reps: usize, seconds: u64) -> Results {
    let mut fleet = Fleet::new(n, n as u8, &["-q"]);
    let mut results = Results { boot: fleet.found(), ..Results::default() };
    if seconds > 0 {
        // Leaders probe more often for 10 s after a view.
        sleep(Duration::from_millis(10_500));
        results.idle = Some(idle(&fleet, seconds));
    }
    let mut dice = Dice(n as u64);
    for rep in 0..reps {
        leave_and_join(&mut fleet, (rep * 7 + 1) % n, &mut results);
    }
    for rep in 0..reps {
        crash(&mut fleet, (rep * 5 + 2) % n, &mut results, &mut dice);
    }
    for _ in 0..reps.div_ceil(3) {
        part(&mut fleet, &mut results, &mut dice);
    }
    results
}

fn leave_and_join(fleet: &mut Fleet, who: usize, results: &mut Results) {
    let (all, rest) = (fleet.all(), fleet.all_but(who));
    sleep(Duration::from_millis(60));
    let before = sent(fleet, &rest);
    let begun = fleet.signal(who, Signal::SIGTERM);
    results.leave.add(fleet.agreed(&rest, &rest, begun) - begun);
    fleet.ended(who);
    // The leaver takes its counters with it: its request and its ACK.
    results.sent[1].push(sent(fleet, &rest) - before + Sent { to_one: 1, to_all: 1 });
    let before = sent(fleet, &rest);
    let begun = fleet.start(who);
    let end = fleet.agreed(&all, &all, begun);
    let asked = fleet.requested(who, Kind::MJoinReq, begun).expect("its JOIN_REQ is heard");
    results.started.add(end - begun);
    results.join.add(end - asked);
    results.sent[0].push(sent(fleet, &all) - before);
}

fn crash(fleet: &mut Fleet, who: usize, results: &mut Results, dice: &mut Dice) {
    let (all, rest) = (fleet.all(), fleet.all_but(who));
    sleep(Duration::from_millis(60 + dice.below(400)));
    let before = sent(fleet, &rest);
    let begun = fleet.signal(who, Signal::SIGKILL);
    results.crash.add(fleet.agreed(&rest, &rest, begun) - begun);
    results.sent[2].push(sent(fleet, &rest) - before);
    fleet.ended(who);
    let begun = fleet.start(who);
    fleet.agreed(&all, &all, begun);
}

fn part(fleet: &mut Fleet, results: &mut Results, dice: &mut Dice) {
    let all = fleet.all();
    let (one, two): (Members, Members) = all.iter().partition(|i| **i < all.len() / 2);
    for (side, other) in [(&one, &two), (&two, &one)] {
        let rules = fleet.deaf_to(other);
        side.iter().for_each(|&i| fleet.set_faults(i, &rules));
    }
    sleep(Duration::from_millis(60 + dice.below(400)));
    let begun = reload(fleet, &all);
    let ends = [&one, &two].map(|side| fleet.agreed(side, side, begun));
    results.partition.add(ends[0].max(ends[1]) - begun);
    all.iter().for_each(|&i| fleet.set_faults(i, ""));
    let begun = reload(fleet, &all);
    results.heal.add(fleet.agreed(&all, &all, begun) - begun);
}

fn reload(fleet: &mut Fleet, all: &Members) -> f64 {
    let times: Vec<f64> = all.iter().map(|&i| fleet.signal(i, Signal::SIGHUP)).collect();
    times[0]
}

/// Eight of sixteen crash in one instant.
fn at_once(reps: usize) {
    let mut fleet = Fleet::new(16, 61, &["-q"]);
    fleet.found();
    let (mut times, mut most, mut dice) = (Times::default(), 0, Dice(8));
    for _ in 0..reps {
        let (dead, alive): (Members, Members) = fleet.all().iter().partition(|i| **i % 4 < 2);
        sleep(Duration::from_millis(60 + dice.below(400)));
        let kills: Vec<f64> = dead.iter().map(|&i| fleet.signal(i, Signal::SIGKILL)).collect();
        times.add(fleet.agreed(&alive, &alive, kills[0]) - kills[0]);
        let views = alive.iter().map(|&i| fleet.views(i, kills[0]).len()).max();
        most = most.max(views.unwrap_or(0));
        dead.iter().for_each(|&i| fleet.ended(i));
        dead.iter().for_each(|&i| _ = fleet.start(i));
        fleet.whole();
    }
    println!("\n8 crashes of 16: {} ms, at most {most} view(s) at a survivor", times.show());
}

/// One of sixteen is not run for ten seconds.
fn stopped() {
    let mut fleet = Fleet::new(16, 62, &["-q"]);
    fleet.found();
    sleep(Duration::from_secs(1));
    let begun = fleet.signal(7, Signal::SIGSTOP);
    sleep(Duration::from_secs(10));
    fleet.signal(7, Signal::SIGCONT);
    fleet.whole();
    sleep(Duration::from_secs(1));
    let mut removed = Members::new();
    for i in fleet.all_but(7) {
        let all = fleet.all();
        let views = fleet.views(i, begun);
        removed.extend(views.iter().flat_map(|v| all.difference(&v.members).copied()));
    }
    removed.remove(&7);
    println!("one of 16 stopped for 10 s: {} others removed", removed.len());
}

/// The fast profile: a crash, and a calm time in which nobody may be excluded.
fn fast(sizes: &[usize], reps: usize, calm: u64) {
    println!(
        "\nprofile fast: crash to the last survivor's view, median / p90; views in {calm} s of calm"
    );
    for &n in sizes.first().into_iter().chain(sizes.last()) {
        let mut fleet = Fleet::new(n, 63, &["-q", "--profile", "fast"]);
        fleet.found();
        let (mut results, mut dice) = (Results::default(), Dice(7));
        for rep in 0..reps {
            crash(&mut fleet, (rep * 5 + 2) % n, &mut results, &mut dice);
        }
        fleet.whole();
        let begun = fleet::now();
        sleep(Duration::from_secs(calm));
        let views = fleet.views(0, begun).len();
        println!("{n:>4} {:>17} {views:>8}", results.crash.show());
    }
}

/// splitmix64: a fixed sequence, so that two runs sample the same moments.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}
