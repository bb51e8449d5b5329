//! What is done when a view is missed that should have come.
//!
//! ```text
//!   group:   gap, another group of its name, some members moved on, a new mserver ──> in doubt
//!            in doubt ── a view of it ──> known       ── none for a time ──> View
//!            a view that may be late takes somebody there ──> View at once
//!   member:  split off, or missing after a gap ──> astray ── a view that has it ──> in that group
//!                                                     └── none for a time ──> View, or out
//!   View:    the group as it is: known, its absent members astray;  no such group, another one: all are out
//! ```
//!
//! A member is never lost in silence: it is in a view, on its way to one, or told that it is out.

use super::session::Home;
use super::{Group, LocalEvent, Mi, MiAction, name_of};
use crate::name::GroupName;
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::group::{Call, GroupKey, MemberId, Reason, RequestId};
use std::collections::{BTreeMap, BTreeSet};

/// Groups that may claim members of ours at a time.
const CLAIMS: usize = 64;

/// Whether a group, or a member's place, is as we think.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubt {
    /// It is, as far as we know.
    None,
    /// A view may still tell, until then.
    Waits(Countdown),
    /// The request of that number asks.
    Asked(u64),
}

/// A member of ours that is in no view that we know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Astray {
    /// The group that it was in.
    was: GroupName,
    /// The one that it should be in.
    to: GroupName,
    why: Absence,
    doubt: Doubt,
}

/// Why a member is in no view that we know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Absence {
    /// It was split off, to a group of that name if we know it.
    Split(Option<GroupName>),
    /// We saw its group without it.
    Seen,
    /// It was let in, and we have not seen its group.
    Unseen,
}

impl Absence {
    /// What it is told if it is in no group.
    fn reason(self) -> Reason {
        match self {
            Absence::Split(_) => Reason::Split,
            Absence::Seen | Absence::Unseen => Reason::Failed,
        }
    }
}

impl Doubt {
    fn left(self) -> u32 {
        match self {
            Doubt::Waits(wait) => wait.left(),
            Doubt::None | Doubt::Asked(_) => 0,
        }
    }

    /// Time passes; true once, when waiting is over.
    fn tick(&mut self, elapsed: u32) -> bool {
        match self {
            Doubt::Waits(wait) => wait.tick(elapsed),
            Doubt::None | Doubt::Asked(_) => false,
        }
    }
}

impl Group {
    /// Our mserver has nothing newer of it. Where we have asked, the answer is waited for.
    pub fn settled(&mut self) {
        if !matches!(self.doubt, Doubt::Asked(_)) {
            self.doubt = Doubt::None;
        }
    }
}

impl Astray {
    /// What a request calls the group that it should be in.
    pub fn name(&self) -> GroupName {
        self.to
    }

    /// The group that it was in.
    pub fn was(&self) -> GroupName {
        self.was
    }
}

impl Mi {
    /// Ticks until waiting is over, of each that waits; 0 of others.
    pub(super) fn doubts_due(&self) -> impl Iterator<Item = u32> {
        let groups = self.groups.values().map(|group| group.doubt.left());
        groups.chain(self.astray.values().map(|astray| astray.doubt.left()))
    }

    /// The requests that ask.
    pub(super) fn doubted(&self) -> BTreeSet<u64> {
        let groups = self.groups.values().map(|group| group.doubt);
        let all = groups.chain(self.astray.values().map(|astray| astray.doubt));
        let asked = |doubt| if let Doubt::Asked(number) = doubt { Some(number) } else { None };
        all.filter_map(asked).sorted_set()
    }

    /// A group may not be as we think: unless a view comes soon, we ask.
    pub(super) fn doubt(&mut self, inc: RequestId) {
        let wait = Countdown::after(self.tries());
        if let Some(group) = self.groups.get_mut(&inc)
            && group.doubt == Doubt::None
        {
            group.doubt = Doubt::Waits(wait);
        }
    }

    /// A group may not be as we think, and what comes of it may be late as well: we ask at once.
    pub(super) fn question(&mut self, inc: RequestId, out: &mut Vec<MiAction>) {
        let asked = |group: &Group| matches!(group.doubt, Doubt::Asked(_));
        let Some(group) = self.groups.get(&inc).filter(|group| !asked(group)) else { return };
        let number = self.ask(name_of(&group.known.key()), out);
        if let Some(group) = self.groups.get_mut(&inc) {
            group.doubt = Doubt::Asked(number);
        }
    }

    /// We belong to another mserver: it may know of nothing yet, so it is given time.
    pub(super) fn doubt_all(&mut self) {
        let waits = Doubt::Waits(Countdown::after(self.longest()));
        self.groups.values_mut().for_each(|group| group.doubt = waits);
        self.astray.values_mut().for_each(|astray| astray.doubt = waits);
    }

    /// A member is in its group no longer, and another view may have it.
    pub(super) fn stray(&mut self, number: u32, was: GroupName, why: Absence) {
        let (to, wait) = match why {
            Absence::Split(new) => (new.unwrap_or(was), self.longest()),
            Absence::Seen | Absence::Unseen => (was, self.tries()),
        };
        let doubt = Doubt::Waits(Countdown::after(wait));
        self.astray.insert(number, Astray { was, to, why, doubt });
        if let Some(local) = self.local.get_mut(&number) {
            local.home = Home::Astray;
        }
    }

    pub(super) fn tick_asked(&mut self, elapsed: u32) {
        self.asked.retain(|_, wait| !wait.tick(elapsed));
    }

    pub(super) fn tick_doubts(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        let mut groups = Vec::new();
        for (&inc, group) in &mut self.groups {
            if group.doubt.tick(elapsed) {
                groups.push(inc);
            }
        }
        groups.into_iter().for_each(|inc| self.question(inc, out));
        let mut members = Vec::new();
        for (&number, astray) in &mut self.astray {
            if astray.doubt.tick(elapsed) {
                members.push((number, astray.to, astray.why));
            }
        }
        let mut names = BTreeMap::new();
        for (number, name, why) in members {
            // The whole roster of its group has been seen without it: there is nobody to ask.
            if why == Absence::Seen {
                self.out_or_back(number, why.reason(), out);
                continue;
            }
            let asked = *names.entry(name).or_insert_with(|| self.ask(name, out));
            if let Some(astray) = self.astray.get_mut(&number) {
                astray.doubt = Doubt::Asked(asked);
            }
        }
    }

    fn ask(&mut self, name: GroupName, out: &mut Vec<MiAction>) -> u64 {
        self.submit(None, name, Call::View, out);
        self.requests
    }

    /// What we asked was not answered with a view; `ended`: there is no such group.
    pub(super) fn unanswered(&mut self, number: u64, ended: bool, out: &mut Vec<MiAction>) {
        if ended {
            return self.resolve(number, None, out);
        }
        let waits = Doubt::Waits(Countdown::after(self.longest()));
        let groups = self.groups.values_mut().map(|group| &mut group.doubt);
        let all = groups.chain(self.astray.values_mut().map(|astray| &mut astray.doubt));
        all.filter(|doubt| **doubt == Doubt::Asked(number)).for_each(|doubt| *doubt = waits);
    }

    /// What we asked was answered, and members are where the answer has them: those of another group than that which
    /// was shown, and those that it does not have, are out.
    pub(super) fn resolve(
        &mut self,
        number: u64,
        shown: Option<RequestId>,
        out: &mut Vec<MiAction>,
    ) {
        let asked = Doubt::Asked(number);
        let mut ended = BTreeSet::new();
        for (&inc, group) in &mut self.groups {
            match group.doubt == asked {
                true if shown == Some(inc) => group.doubt = Doubt::None,
                true => drop(ended.insert(inc)),
                false => {}
            }
        }
        let of = |home| if let Home::In(inc) = home { ended.contains(&inc) } else { false };
        let members = self.local.iter().filter(|(_, local)| of(local.home));
        let members: Vec<u32> = members.map(|(&number, _)| number).collect();
        let is_claimed = |number: &u32| {
            self.claims.values().flat_map(|(_, ids)| ids).any(|id| id.number == *number)
        };
        let (claimed, members): (Vec<u32>, Vec<u32>) = members.into_iter().partition(is_claimed);
        for number in claimed {
            let group = self.group_of(number).unwrap_or_default();
            self.stray(number, group, Absence::Seen);
        }
        let mut lost: Vec<(u32, Reason)> =
            members.into_iter().map(|m| (m, Reason::Failed)).collect();
        let astray = self.astray.iter().filter(|(_, astray)| astray.doubt == asked);
        lost.extend(astray.map(|(&number, astray)| (number, astray.why.reason())));
        lost.into_iter().for_each(|(number, reason)| self.out_or_back(number, reason, out));
        if let Some(inc) = shown {
            self.reject_claims(inc, out);
        }
    }

    /// Another group has members of ours as its own. Which is right, their group is asked.
    pub(super) fn claim(&mut self, key: &GroupKey, members: &[u32]) {
        let ids = members.iter().map(|number| self.id_of(*number)).collect();
        if self.claims.len() < CLAIMS || self.claims.contains_key(&key.inc) {
            self.claims.insert(key.inc, (name_of(key), ids));
        }
    }

    /// That group was shown, with its members: they are in no other.
    fn reject_claims(&mut self, inc: RequestId, out: &mut Vec<MiAction>) {
        let home = Home::In(inc);
        for (group, members) in std::mem::take(&mut self.claims).into_values() {
            let stays = |id: &MemberId| self.local.get(&id.number).is_some_and(|l| l.home == home);
            self.report(group, members.into_iter().filter(stays).collect(), out);
        }
    }

    /// A member of ours is out: it is told, once, and whoever wanted it to leave is answered.
    pub(super) fn out(&mut self, number: u32, reason: Reason, out: &mut Vec<MiAction>) {
        let Some(local) = self.local.get(&number).copied() else { return };
        let group = match local.home {
            Home::Astray => self.astray.get(&number).map(Astray::was),
            Home::In(_) | Home::Joining(_) => self.group_of(number),
        };
        if let Home::Joining(join) = local.home {
            self.close(join);
        }
        let (group, member) = (group.unwrap_or_default(), self.id_of(number));
        self.remember_out(group, member, reason);
        self.tell(local.client, LocalEvent::Out { group, member, reason }, out);
        self.close_leaves(number, out);
        self.forget(number);
        if let Home::In(inc) = local.home {
            self.drop_group(inc);
        }
    }
}
