//! Joins in hierarchies: from the call to the last member's view, and what those hear of it whom it does not concern.
//!
//! ```text
//!   1 level    a1 a2 a3 a4
//!   2 levels   a        b        c          the core is with a, b, c: members below a and b
//!              a1 a2    b1 b2    c1 c2      below c nobody is a member, and nobody hears a thing
//!   3 levels   one more between
//! ```

use super::app::{AppId, Crowd};
use super::fleet::Fleet;
use super::{Setup, Times};
use membership::name::GroupName;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Daemons of a hierarchy, and where its applications call: the last two of them below the branch without members.
struct Campus {
    posts: Vec<Vec<String>>,
    leaves: Vec<usize>,
}

impl Campus {
    fn of(levels: usize) -> Campus {
        let mut campus = Campus { posts: Vec::new(), leaves: Vec::new() };
        match levels {
            1 => (0..4).for_each(|_| campus.leaf("bench-top")),
            _ => {
                for branch in ["a", "b", "c"] {
                    campus.branch("bench-top", branch, levels);
                }
            }
        }
        campus
    }

    fn branch(&mut self, set: &str, name: &str, level: usize) {
        let below = format!("bench-{level}-{name}");
        let words = ["--level", &level.to_string(), "--child", &below, set];
        self.posts.push(words.map(String::from).to_vec());
        match level {
            2 => (0..2).for_each(|_| self.leaf(&below)),
            _ => (0..2).for_each(|i| self.branch(&below, &format!("{name}{i}"), level - 1)),
        }
    }

    fn leaf(&mut self, set: &str) {
        self.leaves.push(self.posts.len());
        self.posts.push(["--mi", set].map(String::from).to_vec());
    }
}

pub fn run(setup: &Setup) {
    println!("milliseconds from a join to the last member's view, median / p90 of {}", setup.reps);
    print!("{:>8} {:>9} {:>8} {:>15} {:>15}", "levels", "daemons", "members", "join", "leave");
    println!(" {:>12} {:>12}", "idle: quiet", "busy");
    let (levels, crowds): (&[usize], &[usize]) = match setup.quick {
        true => (&[2], &[2]),
        false => (&[1, 2, 3], &[2, 10, 100, 1000]),
    };
    for &levels in levels {
        let campus = Campus::of(levels);
        let mut fleet = Fleet::of_posts(campus.posts.clone(), 140 + levels as u8, &["-q"]);
        fleet.all().into_iter().for_each(|i| _ = fleet.start(i));
        stand(&fleet, levels);
        let unconcerned = if levels == 1 { None } else { campus.leaves.last().copied() };
        let places = match levels {
            1 => &campus.leaves[..],
            _ => &campus.leaves[..campus.leaves.len() * 2 / 3],
        };
        for &members in crowds {
            measure(&fleet, (places, unconcerned), (levels, members), setup);
        }
    }
    println!();
}

/// Waits until every set is one, under a parent unless it is the highest.
fn stand(fleet: &Fleet, levels: usize) {
    let deadline = Instant::now() + Duration::from_secs(40);
    sleep(Duration::from_secs(1));
    let stands = |i: usize| {
        let status = fleet.status(i);
        let highest = status["set"] == "bench-top";
        let size = status["size"].as_u64().unwrap_or(0);
        let full = if levels == 1 { 4 } else { 3 };
        size == full && (highest || !status["parent"].is_null())
    };
    while !fleet.all().into_iter().all(stands) {
        if Instant::now() > deadline {
            panic!("the hierarchy does not stand: {}", fleet.status(fleet.all().len() - 1));
        }
        sleep(Duration::from_millis(100));
    }
    sleep(Duration::from_millis(500));
}

fn measure(
    fleet: &Fleet,
    (places, unconcerned): (&[usize], Option<usize>),
    (levels, members): (usize, usize),
    setup: &Setup,
) {
    let (mut crowd, group): (Crowd, GroupName) =
        (Crowd::new(), format!("g{members}").parse().unwrap());
    let mut stay: Vec<AppId> = Vec::new();
    for i in 0..members - 1 {
        let app = crowd.open(&fleet.applications(places[i % places.len()]));
        stay.push(app);
        let begun = crowd.join(app, group);
        crowd.agreed(&[app], group, (i as u32 + 1, begun));
    }
    crowd.calm(&stay, group, members as u32 - 1);
    let heard = |fleet: &Fleet| {
        unconcerned.map_or(0, |i| fleet.status(i)["io"]["received"].as_u64().unwrap())
    };
    let (mut join, mut leave) = (Times::default(), Times::default());
    // As long a quiet time first, to compare with.
    let rest = Duration::from_millis(20);
    let (begun, before) = (Instant::now(), heard(fleet));
    sleep(rest * 2 * setup.reps as u32);
    let quiet = (heard(fleet) - before) as f64 / begun.elapsed().as_secs_f64();
    let (began, before) = (Instant::now(), heard(fleet));
    for rep in 0..setup.reps {
        let app = crowd.open(&fleet.applications(places[(rep * 3 + 1) % places.len()]));
        let all = [&stay[..], &[app]].concat();
        sleep(rest);
        let begun = crowd.join(app, group);
        join.add(begun, crowd.agreed(&all, group, (members as u32, begun)));
        sleep(rest);
        let begun = crowd.leave(app, group);
        leave.add(begun, crowd.agreed(&stay, group, (members as u32 - 1, begun)));
        crowd.close(app);
    }
    let busy = (heard(fleet) - before) as f64 / began.elapsed().as_secs_f64();
    print!("{levels:>8} {:>9} {members:>8} {:>15}", fleet.all().len(), join.show());
    println!(" {:>15} {quiet:>12.1} {busy:>12.1}", leave.show());
    stay.into_iter().for_each(|app| crowd.close(app));
    sleep(Duration::from_secs(1));
}
