//! A world in which a scenario is played, and what it expected of it in vain.

use super::ladder::ladder;
use crate::proto::coreset::SetParams;
use crate::sim::event::What;
use crate::sim::kind::Kind;
use crate::sim::links::HostId;
use crate::sim::world::World;
use std::ops::{Deref, DerefMut};

/// Ticks in which a world must come to rest.
const BOUND: u32 = 600;
/// Ticks for which it must then stay as it is: longer than any timer of the monitoring.
const STAY: u32 = 150;

/// A played scenario. It is its world, whose vocabulary tells the story.
#[derive(Clone, Debug)]
pub struct Play {
    world: World,
    /// Events before this one have been compared with a ladder.
    compared: usize,
    failed: Vec<String>,
}

impl Deref for Play {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Play {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// The timings of scenarios: those of the specification's model, but leaders probe seldom, so that
/// transcripts are about what they tell.
pub fn params() -> SetParams {
    SetParams { probe: 100, probe_idle: 1000, ..SetParams::default() }
}

impl Play {
    /// A set of those hosts, by rank, at rest.
    pub fn of(order: &[HostId]) -> Play {
        Play::with(order, 0, params())
    }

    /// The same with other timings, and `more` hosts on which nothing runs yet.
    pub fn with(order: &[HostId], more: usize, params: SetParams) -> Play {
        Play::on(World::ranked(1, order, more, params))
    }

    /// In a world made by hand.
    pub fn on(mut world: World) -> Play {
        world.record();
        Play { world, compared: 0, failed: Vec::new() }
    }

    /// Whatever was expected and did not happen: nothing, if the protocol does what it should.
    pub fn failed(&self) -> &[String] {
        &self.failed
    }

    /// Notes what was expected in vain.
    pub fn expect(&mut self, so: bool, what: impl Into<String>) {
        if !so {
            self.failed.push(format!("t{}: expected: {}", self.now(), what.into()));
        }
    }

    /// Lets time pass until something is so.
    pub fn until(&mut self, what: &str, so: impl FnMut(&World) -> bool) {
        let happened = self.world.run_until(BOUND, so);
        self.expect(happened, what);
    }

    /// Lets time pass until a host sends a message of a kind, and to the end of that tick.
    pub fn until_sent(&mut self, kind: Kind, from: HostId) {
        let before = self.events().len();
        self.until(&format!("{from} sends {kind}"), |world| {
            world.events()[before..].iter().any(|event| match &event.what {
                What::Sent { from: sender, message, .. } => {
                    *sender == from && kind.covers(Kind::of(message))
                }
                _ => false,
            })
        });
    }

    /// Lets time pass until a host's view has these members, by rank.
    pub fn until_in(&mut self, host: HostId, members: &[HostId]) {
        self.until(&format!("{host} in {members:?}"), |world| world.members(host) == members);
    }

    /// What was sent since the last comparison must be this ladder.
    pub fn ladder(&mut self, expected: &[&str]) {
        let found = ladder(&self.events()[self.compared..]);
        self.compared = self.events().len();
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        self.expect(found == expected, format!("{expected:#?}, not {found:#?}"));
    }

    /// What was sent since the last comparison needs none.
    pub fn skip(&mut self) {
        self.compared = self.events().len();
    }

    /// Nobody who was up and in reach may have been given up.
    pub fn nobody_accused(&mut self) {
        let accused = self.tally().of("false isolations");
        self.expect(accused == 0, format!("nobody accused, not {accused}"));
    }

    /// Each of these sets must come to rest as one view of its own, with these ranks.
    pub fn rest_in(&mut self, views: &[&[HostId]]) {
        let so = |world: &World| {
            views.iter().all(|view| {
                world.rests(view) && view.iter().all(|host| world.members(*host) == *view)
            })
        };
        if !self.world.run_until(BOUND, so) {
            let hosts = self.up();
            let found: Vec<_> = hosts.iter().map(|host| (*host, self.members(*host))).collect();
            self.expect(false, format!("{views:?}, not {found:?}"));
        }
    }

    /// The end: the sets are as [`Play::rest_in`] says, no rule was broken, and nothing more happens.
    pub fn end(mut self, views: &[&[HostId]]) -> Play {
        self.rest_in(views);
        let mut later = self.world.clone();
        later.run(STAY);
        let installs = |world: &World| world.tally().of("installs");
        let quiet = installs(&later) == installs(&self.world);
        self.expect(quiet, "a quiet end");
        if let Some(violation) = later.violation() {
            self.failed.push(violation.to_string());
        }
        self
    }
}
