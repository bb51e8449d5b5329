//! Daemons and members together, and waiting, with a deadline, for what must come true.

use super::campus::Campus;
use super::people::{Manners, People};
use super::plan::{self, GROUPS};
use membership::wire::group::Reason;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take, on a machine that is busy. Only a test that fails waits for so long.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(40);

/// All of it. Members are ended before their daemons.
pub struct Stage {
    /// The members.
    pub people: People,
    /// The daemons.
    pub campus: Campus,
    began: Instant,
}

impl Stage {
    /// Boots everything, and lets the first members join.
    pub fn boot(campus: Campus) -> Stage {
        Stage::boot_with(campus, Manners::default())
    }

    /// The same, where members join in a manner of their own.
    pub fn boot_with(campus: Campus, manners: Manners) -> Stage {
        let mut stage = Stage { people: People::new(manners), campus, began: Instant::now() };
        stage.campus.boot();
        stage.stands();
        for (group, hosts) in GROUPS {
            for host in *hosts {
                stage.people.join(&stage.campus, group, plan::at(host));
            }
        }
        stage.settles();
        stage.say("all have joined");
        stage
    }

    /// What happens, with the time since the beginning.
    pub fn say(&self, what: &str) {
        println!("{:6.2} {what}", self.began.elapsed().as_secs_f64());
    }

    /// Waits until `look` finds it true, and watches every rule meanwhile.
    ///
    /// # Panics
    /// It does not come true in time, a rule is broken, or somebody ended by himself.
    pub fn until(&mut self, what: &str, look: impl FnMut(&Stage) -> Result<(), String>) {
        if let Err(why) = self.within(PATIENCE, what, look) {
            self.write_state();
            panic!("{why}");
        }
    }

    /// The same with a patience of its own, and no panic.
    ///
    /// # Errors
    /// Why it would be one.
    pub fn within(
        &mut self,
        patience: Duration,
        what: &str,
        mut look: impl FnMut(&Stage) -> Result<(), String>,
    ) -> Result<(), String> {
        let end = Instant::now() + patience;
        loop {
            self.people.listen()?;
            self.campus.ended()?;
            match look(self) {
                Err(why) if Instant::now() > end => {
                    return Err(format!("not in {patience:?}: {what}: {why}"));
                }
                Err(_) => thread::sleep(PAUSE),
                done => return done,
            }
        }
    }

    /// Writes down what all know, while they are there, for whoever looks for what went wrong.
    pub fn write_state(&self) {
        let account = self.people.account();
        println!("{account}");
        let _ = fs::write(self.campus.dir().join("members"), account);
        self.campus.write_state();
    }

    /// Waits until no group waits for anything: for somebody who is lost to be found, or to be decided on.
    pub fn rests(&mut self) {
        self.until("no group waits for anything", |stage| stage.campus.rests());
    }

    /// Waits until every set has one view, a parent, and every member interface a mserver.
    pub fn stands(&mut self) {
        self.until("every set has one view and a parent", |stage| stage.campus.stands());
    }

    /// Waits until all members whose hosts run have one view a group.
    pub fn settles(&mut self) {
        self.settles_among(|_| true);
    }

    /// Waits until those on some hosts have one view a group, with nobody else in it.
    pub fn settles_among(&mut self, hosts: impl Fn(usize) -> bool) {
        self.until("all members of a group have one view", |stage| {
            stage.people.settled(|host| stage.campus.runs(host) && hosts(host))
        });
    }

    /// Whether each group has one core.
    ///
    /// # Errors
    /// One that has none, or several.
    pub fn one_core(&self) -> Result<(), String> {
        let cores = self.campus.cores()?;
        for group in self.people.groups() {
            let places = cores.get(&group).cloned().unwrap_or_default();
            if places.len() != 1 {
                return Err(format!("the core of {group} is {places:?}"));
            }
        }
        Ok(())
    }

    /// Nothing goes on any more: everything stands, each group has one view and one core, and every log of members and of
    /// mservers keeps the rules. Views must have come about for these reasons, or nothing was shown.
    pub fn concludes(mut self, sometimes: &[Reason]) {
        self.stands();
        self.settles();
        self.until("each group has one core", Stage::one_core);
        self.people.check();
        let (seen, wanted) = (self.people.reasons(), sometimes.iter().copied().collect());
        assert!(seen.is_superset(&wanted), "views came about for {seen:?} only");
        self.campus.check_views();
        let (processes, views) = (self.people.all().len(), self.people.views());
        self.say(&format!("{views} views of {processes} processes keep every rule"));
    }
}
