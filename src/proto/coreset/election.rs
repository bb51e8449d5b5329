//! The coordinator of a change fails (E-rules): Broadcast Election and Resume_change (Figures 30 and 32).
//!
//! ```text
//!   followers of a silent coordinator        everybody else that is left
//!   Coord_Fail(change, active) ────────────> I know it, or I do not
//!              <──────────── Coord_Fail(change, active or not, reply)
//!   all answered: the best-ranked that is active resumes it under a new id, the old coordinator excluded
//! ```
//!
//! Who has committed the change answers with the Commit (M10): that is the compressed protocol.

use super::cause::Cause;
use super::state::{Phase, Wait};
use super::turn::Turn;
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::coreset::{Body, Change};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

impl Turn<'_> {
    /// We gave up the coordinator of the floor; `first`: who told us, and whether it is active.
    pub fn elect(&mut self, first: Option<(SocketAddrV4, bool)>) {
        if self.at.floor.as_ref().is_none_or(Change::is_merge) {
            // Each side simply tries again later.
            return self.enter(Phase::Idle, "the coordinator of a Merge failed");
        }
        let wait = self.wait();
        self.enter(
            Phase::Elect { heard: first.into_iter().sorted_map(), wait },
            "coordinator failed",
        );
        self.call_election();
        self.check_elect();
    }

    fn electors(&self) -> Vec<SocketAddrV4> {
        let excl = self.at.floor.as_ref().map_or(&[][..], |c| &c.excl);
        self.others().into_iter().filter(|a| !excl.contains(a)).collect()
    }

    fn call_election(&mut self) {
        let Some(change) = self.at.floor.clone() else { return };
        let active = self.at.known;
        if !self.electors().is_empty() {
            self.multicast(Body::CoordFail { change, active, reply: false });
        }
    }

    fn answer_election(&mut self, to: SocketAddrV4) {
        let Some(change) = self.at.floor.clone() else { return };
        let active = self.at.known;
        self.send(to, Body::CoordFail { change, active, reply: true });
    }

    /// E1 to E5.
    pub fn on_coord_fail(
        &mut self,
        sender: SocketAddrV4,
        change: &Change,
        (active, reply): (bool, bool),
        excluded: &[SocketAddrV4],
    ) {
        if !change.par.contains(&self.at.view.position) {
            return self.ignore("election-for-another-view", sender);
        }
        let coord = change.id.coord.address;
        let same = self.at.floor.as_ref().is_some_and(|floor| floor.id == change.id);
        if !same {
            if !change.above(self.at.floor.as_ref()) {
                return self.answer_floor(sender);
            }
            if change.is_merge() || coord == self.own() {
                return self.ignore("election-of-no-use", sender);
            }
            return self.join_election(sender, change, active, excluded.contains(&coord));
        }
        match &mut self.at.phase {
            Phase::Follow { coord, .. } if excluded.contains(coord) => {
                let coord = *coord;
                if self.at.iso.insert(coord) {
                    let change = change.id;
                    let cause = Cause::GivenUpBy { by: sender, change, awaited: true };
                    self.tell_isolated(coord, cause);
                }
                self.at.pending.remove(&coord);
                self.elect(Some((sender, active)));
            }
            Phase::Elect { heard, .. } => {
                heard.insert(sender, active);
                if !reply {
                    self.answer_election(sender);
                }
                self.check_elect();
            }
            _ if !reply => self.answer_election(sender),
            _ => self.ignore("election-over", sender),
        }
    }

    /// E2: a change that we had not heard of, and its coordinator is said to have failed.
    fn join_election(&mut self, sender: SocketAddrV4, change: &Change, active: bool, failed: bool) {
        let coord = change.id.coord.address;
        // What we coordinated or followed is below this and ends here.
        self.at.floor = Some(change.clone());
        self.at.known = false;
        if failed && self.at.view.contains(coord) && self.at.iso.insert(coord) {
            let cause = Cause::GivenUpBy { by: sender, change: change.id, awaited: false };
            self.tell_isolated(coord, cause);
            self.at.pending.remove(&coord);
        }
        self.elect(Some((sender, active)));
    }

    /// E6, E7: the time is up.
    pub fn election_timeout(&mut self) {
        let fresh = Countdown::after(self.me.config.params.reply);
        let silent: Vec<SocketAddrV4> = match &self.at.phase {
            Phase::Elect { heard, .. } => {
                self.electors().into_iter().filter(|a| !heard.contains_key(a)).collect()
            }
            _ => return,
        };
        let Phase::Elect { wait, .. } = &mut self.at.phase else { return };
        if wait.retries > 0 {
            *wait = Wait { timer: fresh, retries: wait.retries - 1, ..*wait };
            let Some(change) = self.at.floor.clone() else { return };
            let active = self.at.known;
            for to in silent {
                self.send(to, Body::CoordFail { change: change.clone(), active, reply: false });
            }
            return;
        }
        let Some(change) = self.at.floor.as_ref().map(|floor| floor.id) else { return };
        let tries = self.me.config.params.retries + 1;
        for who in silent {
            self.isolate(who, Cause::NoAnswerInElection { change, tries });
        }
        self.check_elect();
    }

    /// Everybody has answered: somebody resumes the change, or it is lost with those who knew it.
    pub fn check_elect(&mut self) {
        let electors = self.electors();
        let Phase::Elect { heard, .. } = &self.at.phase else { return };
        if !electors.iter().all(|a| heard.contains_key(a)) {
            return;
        }
        let own = self.own();
        let active: BTreeMap<SocketAddrV4, bool> = heard.clone();
        let candidate = |a: &SocketAddrV4| match *a == own {
            true => self.at.known,
            false => electors.contains(a) && active.get(a) == Some(&true),
        };
        let winner = self.at.view.addresses().find(candidate);
        match winner {
            None => self.enter(Phase::Idle, "nobody knows the change"),
            Some(winner) if winner == own => self.resume(),
            Some(coord) => {
                let wait = self.wait();
                self.enter(Phase::Follow { coord, wait }, "elected another");
            }
        }
    }

    /// Resume_change (Figure 32): the same change under an id of ours, without those who failed meanwhile.
    fn resume(&mut self) {
        let Some(floor) = self.at.floor.clone() else { return };
        let again = self.resumed(&floor);
        self.coordinate(again, "elected");
    }
}
