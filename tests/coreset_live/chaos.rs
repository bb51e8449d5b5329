//! Whatever can happen to daemons, at random and on top of each other; then it ends, and there is one view.
//!
//! `MS_CHAOS=N` makes N blows instead of a few, `MS_SEED=N` the same blows again: the seed is printed, but what daemons
//! do between two blows is the machine's.

use super::set::Set;
use membership::sim::Rng;
use nix::sys::signal::Signal;
use std::time::{SystemTime, UNIX_EPOCH};

const HOSTS: &[u8] = &[11, 12, 13, 14, 15, 16];
/// One that is in another set, to which nothing happens: its ticks are the time between two blows.
const CLOCK: u8 = 99;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn whatever_befalls_a_set_there_is_one_view_in_the_end() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = number("MS_SEED").unwrap_or(now.as_micros() as u64);
    println!("MS_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut set = Set::of(HOSTS, &[]);
    let clock = format!("{}clock", set.name);
    set.start_in(CLOCK, &["--create"], &[&clock]);
    let mut stopped = Vec::new();
    for _ in 0..number("MS_CHAOS").unwrap_or(12) {
        let host = rng.pick(HOSTS).expect("there are some");
        if stopped.contains(&host) {
            set.daemon(host).signal(Signal::SIGCONT);
            stopped.retain(|other| *other != host);
        }
        strike(&mut set, &mut rng, host, &mut stopped);
        set.pass_ticks(CLOCK, rng.between(5, 65).into());
    }
    for host in stopped {
        set.daemon(host).signal(Signal::SIGCONT);
    }
    set.heal(HOSTS);
    set.await_view(HOSTS);
}

/// One blow to one host.
fn strike(set: &mut Set, rng: &mut Rng, host: u8, stopped: &mut Vec<u8>) {
    match rng.below(6) {
        0 => {
            println!("{host} crashes and is restarted");
            set.crash(host);
            set.start(host, &[]);
        }
        1 => {
            println!("{host} is stopped");
            set.daemon(host).signal(Signal::SIGSTOP);
            stopped.push(host);
        }
        2 => {
            println!("{host} leaves and comes back");
            set.leave(host);
            set.start(host, &[]);
        }
        3 => {
            let deaf: Vec<u8> = HOSTS.iter().copied().filter(|_| rng.below(2) == 0).collect();
            println!("{host} hears nothing of {deaf:?}");
            set.fault(host, &set.deaf(&deaf));
        }
        4 => {
            println!("{host} loses much");
            set.fault(host, "drop 30%\n");
        }
        _ => {
            println!("{host} is well again");
            set.fault(host, "");
        }
    }
}
