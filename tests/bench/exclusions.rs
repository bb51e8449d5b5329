//! How often a live member is excluded, and how fast a dead one: `cargo bench --bench exclusions`.
//!
//! ```text
//!   loss, of each message and way    16 mservers in one core-set, ticks of 10 ms, for some hours
//!   idle | ten operations a second   members excluded that were up: per hour of the set
//!   a crash                          until all others have a view without it
//!   a boot in one instant            until all are in one view
//! ```
//!
//! The timings of the profile `lan` were chosen from these figures. The time is simulated; without more it is half a
//! minute for each figure. `MS_HOURS=1` makes it an hour, `MS_LOSS=300`, `MS_REPLY=20` and `MS_RETRIES=24` look at one candidate only.

use membership::proto::coreset::{Founding, SetParams};
use membership::proto::params::{Params, Profile};
use membership::sim::{HostId, Rng, Tally, Weather, World};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// T_REPLY in milliseconds, and retries.
const CANDIDATES: [(u32, u32); 5] = [(40, 6), (40, 12), (20, 17), (20, 22), (20, 24)];
const LOSSES: [u32; 3] = [100, 300, 500];
const MEMBERS: usize = 16;
/// Ticks in a world: what it remembers of its past has an end.
const MINUTE: u32 = 6000;
const HOUR: u32 = 60 * MINUTE;

fn main() {
    let quick = std::env::args().any(|a| a == "--test");
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<f64>().unwrap());
    let hours = number("MS_HOURS").unwrap_or(if quick { 1e-4 } else { 0.5 / 60.0 });
    let given = number("MS_REPLY").zip(number("MS_RETRIES"));
    let candidates: Vec<(u32, u32)> = match given {
        Some((reply, retries)) => vec![(reply as u32, retries as u32)],
        None => CANDIDATES.to_vec(),
    };
    let losses = number("MS_LOSS").map_or(LOSSES.to_vec(), |loss| vec![loss as u32]);
    let ticks = (f64::from(HOUR) * hours) as u32;
    println!("exclusions of live members per hour, {MEMBERS} members, {hours} hours each");
    println!("reply retries confirm loss       idle  operations (batches an hour)");
    for &loss in &losses {
        for &(reply, retries) in &candidates {
            for confirm in [0, 2] {
                let params = params(reply, retries, confirm);
                let (idle, _) = exclusions(params, loss, ticks, 0);
                let (busy, tally) = exclusions(params, loss, ticks, 100);
                let batches = tally.of("batches") as f64 / hours;
                print!("{reply:>5} {retries:>7} {confirm:>7} {:>3}%", loss / 10);
                println!("{:>11.2} {:>11.2} ({batches:.0})", idle / hours, busy / hours);
            }
        }
    }
    println!("\nms from a crash to a view without it everywhere, {MEMBERS} members: median, worst");
    for &(reply, retries) in &candidates {
        for loss in [0, 100, 300] {
            let times = crashes(params(reply, retries, 0), loss, if quick { 2 } else { 40 });
            println!(
                "{reply:>5} {retries:>7} {:>3}% {:>6} {:>6}",
                loss / 10,
                mid(&times),
                last(&times)
            );
        }
    }
    println!("\nms from a boot of all in one instant to one view: median, worst");
    for &(reply, retries) in &candidates {
        for hosts in if quick { vec![8] } else { vec![8, 16, 32] } {
            let times = boots(params(reply, retries, 0), hosts, if quick { 1 } else { 9 });
            println!(
                "{reply:>5} {retries:>7} {hosts:>3} hosts {:>6} {:>6}",
                mid(&times),
                last(&times)
            );
        }
    }
}

fn params(reply_ms: u32, retries: u32, confirm: u32) -> SetParams {
    let lan = Profile::named("lan").unwrap();
    let params = Profile { reply_ms, retries, ..*lan }.params();
    SetParams::of(&Params { confirm, ..params })
}

/// Exclusions of live members in so many ticks, with operations submitted in so many of a thousand ticks.
fn exclusions(params: SetParams, loss: u32, ticks: u32, submit: u32) -> (f64, Tally) {
    let worlds = u64::from(ticks.div_ceil(MINUTE));
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= worlds {
                        break;
                    }
                    let tally = minute(seed, params, loss, ticks.min(MINUTE), submit);
                    sum.lock().unwrap().merge(&tally);
                }
            });
        }
    });
    let tally = sum.into_inner().unwrap();
    (tally.of("false exclusions") as f64, tally)
}

fn minute(seed: u64, params: SetParams, loss: u32, ticks: u32, submit: u32) -> Tally {
    let mut world = World::formed(seed, MEMBERS, params);
    world.links.weather = Weather { loss, ..Weather::default() };
    let mut rng = Rng::new(seed);
    for _ in 0..ticks {
        if rng.chance(submit) {
            world.submit(rng.below(MEMBERS), &rng.draw().to_be_bytes());
        }
        world.run(1);
    }
    world.must_be_sound();
    world.tally().clone()
}

fn crashes(params: SetParams, loss: u32, many: u64) -> Vec<u32> {
    let times = (0..many).map(|seed| {
        let mut world = World::formed(seed, MEMBERS, params);
        world.links.weather = Weather { loss, ..Weather::default() };
        let mut rng = Rng::new(seed);
        world.run(rng.between(0, params.query));
        let dead = rng.below(MEMBERS);
        world.crash(dead);
        let lists = |world: &World, host: HostId| {
            let view = world.process(host).and_then(|process| process.view());
            view.is_some_and(|view| view.contains(membership::sim::world::address(dead)))
        };
        until(&mut world, |world| (0..MEMBERS).all(|host| host == dead || !lists(world, host)))
    });
    times.collect()
}

fn boots(params: SetParams, hosts: usize, many: u64) -> Vec<u32> {
    let times = (0..many).map(|seed| {
        let mut world = World::new(seed, hosts, &World::template(params));
        world.links.weather.delay = (0, 1);
        (0..hosts).for_each(|host| world.start(host, Founding::IfNone));
        let all: Vec<HostId> = (0..hosts).collect();
        until(&mut world, |world| world.rests(&all))
    });
    times.collect()
}

/// Milliseconds until something is so.
fn until(world: &mut World, so: impl FnMut(&World) -> bool) -> u32 {
    let begun = world.now();
    let happened = world.run_until(MINUTE, so);
    assert!(happened, "not in a minute: {:?}", world.violation());
    u32::try_from(world.now() - begun).unwrap() * 10
}

fn mid(times: &[u32]) -> u32 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

fn last(times: &[u32]) -> u32 {
    times.iter().copied().max().unwrap_or(0)
}
