//! Changes a second of a strong group of 100 members, while others come and go as fast as they are let.
//!
//! Every member is told every view, one after another; that, and that two members are told one digest under one number,
//! the crowd looks at. A change counts when the slowest member has been told it.

use super::Setup;
use super::app::{AppId, Crowd};
use super::fleet::Fleet;
use membership::name::GroupName;
use std::time::{Duration, Instant};

/// Members that stay.
const MEMBERS: usize = 100;
/// Hosts.
const HOSTS: usize = 5;

pub fn run(setup: &Setup) {
    let mut fleet = Fleet::new(HOSTS, 130, &["-q", "--mi"]);
    fleet.found();
    let (mut crowd, group): (Crowd, GroupName) = (Crowd::new(), "db".parse().unwrap());
    let mut stay: Vec<AppId> = Vec::new();
    for i in 0..if setup.quick { HOSTS } else { MEMBERS } {
        let app = crowd.open(&fleet.applications(i % HOSTS));
        stay.push(app);
        let begun = crowd.join(app, group);
        crowd.agreed(&[app], group, (i as u32 + 1, begun));
    }
    println!("changes a second of a group of {}, seen by all, for {:?}", stay.len(), setup.span);
    println!("{:>12} {:>12} {:>12} {:>16}", "outstanding", "changes/s", "views/s", "us of daemons");
    for window in [1, 2, 8, 32] {
        let come: Vec<AppId> =
            (0..window.min(HOSTS)).map(|i| crowd.open(&fleet.applications(i % HOSTS))).collect();
        let each = window.div_ceil(come.len());
        let before = (spent(&fleet), crowd.views);
        let (changes, time) = churn(&mut crowd, (&stay, &come, group), (each, setup.span));
        let spent = spent(&fleet) - before.0;
        let (rate, views) = (changes / time, (crowd.views - before.1) as f64 / time);
        let cost = spent * 1e6 / changes.max(1.0);
        println!("{:>12} {rate:>12.0} {views:>12.0} {cost:>16.0}", each * come.len());
        come.into_iter().for_each(|app| crowd.close(app));
        crowd.calm(&stay, group, stay.len() as u32);
    }
    println!();
}

/// As many calls of each who comes and goes are kept outstanding as it may; the changes that all have seen, and in
/// how many seconds.
fn churn(
    crowd: &mut Crowd,
    (stay, come, group): (&[AppId], &[AppId], GroupName),
    (each, span): (usize, Duration),
) -> (f64, f64) {
    let least = |crowd: &Crowd| {
        let numbers = stay.iter().flat_map(|&app| crowd.standings(app, group));
        numbers.map(|standing| standing.number).min().unwrap_or(0)
    };
    let (begun, first) = (Instant::now(), least(crowd));
    for &app in come {
        (0..each).for_each(|_| _ = crowd.join(app, group));
    }
    while begun.elapsed() < span {
        crowd.hear(Duration::from_millis(10));
        for &app in come {
            crowd.keep_going(app, group);
        }
    }
    (f64::from(least(crowd) - first), begun.elapsed().as_secs_f64())
}

/// Seconds of processor time of all daemons.
fn spent(fleet: &Fleet) -> f64 {
    let all = fleet.all();
    all.iter().map(|&i| super::costs::spent(fleet.pid(i))).sum()
}
