//! What comes down, and where members are afterwards (Figures 40, 42).
//!
//! ```text
//!   DIRECT ── follows, digest comes out ──> each member of ours: told; moved here; out; astray
//!     ├── here before, or older ──> acknowledged, told nobody
//!     ├── does not follow ──> MISSING, at most once in a T_REPLY
//!     ├── nobody of ours in it ──> acknowledged with 0 members
//!     └── the same, said to the whole LAN ──> ignored
//! ```
//!
//! A member follows its group wherever it goes: a group is known by its incarnation, so a new name is a new name and
//! nothing else; a view of another incarnation that has a member of ours takes it over (merge, split).

use super::doubt::{Absence, Doubt};
use super::local::of_view;
use super::session::Home;
use super::{Group, LocalEvent, Mi, MiAction, Pending, name_of};
use crate::name::GroupName;
use crate::proto::group::{Applied, Known, view_digest};
use crate::proto::timer::Countdown;
use crate::sorted::Sorted as _;
use crate::wire::group::{
    Call, Content, Direct, Entry, GroupBody, GroupKey, MemberId, Path, Reason, RequestId,
};
use std::collections::BTreeSet;

/// Groups without members here that are remembered, so that a late view of one is known as such.
const PAST: usize = 64;
/// Groups whose roster can be asked for within one T_REPLY.
const ASKED: usize = 1024;

/// What became of a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Taken {
    /// It is the last one now, and told.
    New,
    /// It was here before, or is older.
    Old,
    /// There is something missing before it, or it is not whole.
    Gap,
    /// No member of ours is in that group.
    Nothing,
}

impl Mi {
    /// A view: applied if it follows, acknowledged in any case, asked for anew if it does not.
    pub(super) fn direct(&mut self, mut direct: Direct, out: &mut Vec<MiAction>) {
        strip(&mut direct.content);
        let (key, inc) = (direct.key, direct.key.inc);
        let taken = self.take(&direct, out);
        self.caused(&direct, taken, out);
        if taken == Taken::Gap {
            return self.missing(key, out);
        }
        let (mut at, mut below) = ((direct.term, direct.number), 0);
        if let Some(group) = self.groups.get(&inc) {
            at = group.known.at();
            below = self.ours(&group.known).count() as u32;
        }
        let (term, number) = at;
        self.send(key.name, GroupBody::Got { key, term, number, below }, out);
    }

    /// A view that was said to the whole LAN is ignored where nobody is, or was, a member of it, or waits for it.
    pub(super) fn is_unconcerned(&self, body: &GroupBody) -> bool {
        let GroupBody::Direct(direct) = body else { return false };
        let life = self.config.life;
        let here = self.groups.contains_key(&direct.key.inc);
        let named = entries_of(&direct.content).iter().any(|entry| entry.id.mi == life);
        !here && !named && !direct.causes.iter().any(|cause| cause.origin == life)
    }

    /// The answer to a View, or to any call that was done before.
    pub(super) fn shown(
        &mut self,
        id: RequestId,
        mut direct: Direct,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        let call = self.expected(id)?.request.call.clone();
        strip(&mut direct.content);
        let Content::Whole(whole) = &direct.content else { return Err("not-whole") };
        let (order, inc) = (whole.qos.order, &direct.key.inc);
        if view_digest(order, inc, direct.number, &whole.entries) != direct.digest {
            return Err("digest-mismatch");
        }
        self.take(&direct, out);
        match call {
            Call::View => {
                let asker = self.close(id.number).and_then(|pending| pending.client);
                self.resolve(id.number, Some(direct.key.inc), out);
                if let (Some((client, call)), Content::Whole(whole)) = (asker, direct.content) {
                    let (key, term, number) = (direct.key, direct.term, direct.number);
                    let (digest, entries, qos) = (direct.digest, whole.entries, whole.qos.into());
                    let event =
                        LocalEvent::Roster { call, key, term, number, digest, qos, entries };
                    self.tell(client, event, out);
                }
            }
            Call::Join { member, .. } => self.seen_in(member.number, id.number, &direct.key),
            Call::Leave { .. }
            | Call::Fail { .. }
            | Call::Merge { .. }
            | Call::Split { .. }
            | Call::Here(_) => {
                self.had_effect(id.number, &call, out);
            }
        }
        Ok(())
    }

    /// A call had its effect, which no view tells.
    pub(super) fn done(
        &mut self,
        id: RequestId,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        let call = self.expected(id)?.request.call.clone();
        match call {
            // Only a roster answers.
            Call::View => return Err("answer-not-expected"),
            // Only a view says in which place. It may have been lost, or be long out of date.
            Call::Join { member, .. } => {
                let group = self.group_of(member.number).unwrap_or_default();
                self.was_let_in(member.number, id.number, (group, Absence::Unseen));
            }
            _ => self.had_effect(id.number, &call, out),
        }
        Ok(())
    }

    /// A view of a group of which we know none: why it is not taken, if it is not.
    fn declines(&mut self, direct: &Direct, out: &mut Vec<MiAction>) -> Option<Taken> {
        let (key, inc) = (direct.key, direct.key.inc);
        let (ours, strangers) = self.named(&direct.content);
        let elsewhere = self.groups_of(&ours);
        let is_delta = matches!(direct.content, Content::Delta { .. });
        let last = self.past.iter().find(|(past, _)| *past == inc).map(|(_, last)| *last);
        if ours.is_empty() && is_delta && (last.is_none() || self.asked.contains_key(&inc)) {
            // Only the whole roster shows that nobody of it is here.
            return Some(Taken::Gap);
        }
        let is_late = last.is_some_and(|last| (direct.term, direct.number) <= last);
        if ours.is_empty() || is_late {
            self.report(name_of(&key), strangers, out);
            elsewhere.into_iter().for_each(|other| self.doubt(other));
            return Some(Taken::Nothing);
        }
        // A join that was done twice, or is told late, takes nobody out of the group that it is in. If that one does
        // not have it any more, this one has.
        let moves = matches!(direct.reason, Reason::Merged | Reason::Split);
        if elsewhere.is_empty() || moves {
            return None;
        }
        self.claim(&key, &ours);
        elsewhere.into_iter().for_each(|other| self.question(other, out));
        Some(Taken::Gap)
    }

    /// A view, if it concerns us. Nothing is believed whose digest does not come out.
    fn take(&mut self, direct: &Direct, out: &mut Vec<MiAction>) -> Taken {
        let (key, inc) = (direct.key, direct.key.inc);
        let at = (direct.term, direct.number);
        if direct.reason == Reason::Terminated {
            return self.take_end(direct, out);
        }
        let mut before = Vec::new();
        if let Some(group) = self.groups.get(&inc) {
            before.extend(self.ours(&group.known));
        } else if let Some(declined) = self.declines(direct, out) {
            return declined;
        }
        let tries = Countdown::after(self.tries());
        let Some(group) = self.groups.get_mut(&inc) else {
            let mut known = Known::new(key);
            if known.apply(direct) != Applied::New {
                return Taken::Gap;
            }
            self.groups.insert(inc, Group { known, doubt: Doubt::None });
            self.settle(direct, &before, false, out);
            return Taken::New;
        };
        // The core has moved, or was rebuilt, and nothing has changed for those who are in the view.
        let number = group.known.at().1;
        let same = (group.known.key(), number, group.known.digest())
            == (key, direct.number, direct.digest);
        let follows = direct.number == number.wrapping_add(1);
        let renamed = group.known.key() != key && matches!(group.doubt, Doubt::Asked(_));
        let missing = self.departures.missing(&group.known, direct);
        match group.known.apply(direct) {
            Applied::Gap => Taken::Gap,
            Applied::Old => {
                if at == group.known.at() && direct.digest == group.known.digest() {
                    group.settled();
                } else if at == group.known.at() && group.doubt == Doubt::None {
                    // Two sides of it have counted alike: which of them is left, who decides says.
                    group.doubt = Doubt::Waits(tries);
                }
                Taken::Old
            }
            Applied::New => {
                self.departures.extend(missing);
                group.settled();
                if renamed {
                    // What we asked by its former name says nothing of it any more.
                    group.doubt = Doubt::Waits(tries);
                }
                match follows || jumps(direct.reason) {
                    true => self.settle(direct, &before, same, out),
                    false => {
                        // Why it differs from one that was never told is no news.
                        let resync = Direct { reason: Reason::Resync, ..direct.clone() };
                        self.settle(&resync, &before, same, out);
                    }
                }
                Taken::New
            }
        }
    }

    /// The group ends here. That is no view: a side that lives may have one of that number, which is not late then.
    fn take_end(&mut self, direct: &Direct, out: &mut Vec<MiAction>) -> Taken {
        let (inc, number) = (direct.key.inc, direct.number);
        let Some(group) = self.groups.get(&inc) else { return Taken::Nothing };
        if (direct.term, number) <= group.known.at() {
            return Taken::Old;
        }
        if view_digest(group.known.qos().order, &inc, number, &[]) != direct.digest {
            return Taken::Gap;
        }
        let missing = self.departures.missing(&group.known, direct);
        let members: Vec<u32> = self.ours(&group.known).collect();
        self.departures.extend(missing);
        for number in members {
            let reason = if self.is_leaving(number) { Reason::Left } else { direct.reason };
            self.out(number, reason, out);
        }
        Taken::New
    }

    /// Each of our members hears of the view that was applied: whoever is new in it of all, the others of what changed.
    fn settle(&mut self, direct: &Direct, before: &[u32], same: bool, out: &mut Vec<MiAction>) {
        let (key, inc, own) = (direct.key, direct.key.inc, self.config.life);
        self.asked.remove(&inc);
        self.past.retain(|(past, _)| *past != inc);
        let Some(group) = self.groups.get(&inc) else { return };
        let (mut seen, mut came, mut strangers) = (BTreeSet::new(), Vec::new(), Vec::new());
        let resync = Direct { reason: Reason::Resync, ..direct.clone() };
        for (rank, entry) in group.known.roster().iter().enumerate() {
            if entry.id.mi != own || !seen.insert(entry.id.number) {
                continue;
            }
            let Some(local) = self.local.get_mut(&entry.id.number) else {
                strangers.push(entry.id);
                continue;
            };
            let was = std::mem::replace(&mut local.home, Home::In(inc));
            let first = was != Home::In(inc);
            if first {
                came.push((entry.id.number, was));
            }
            if first || !same {
                let moved = matches!(direct.reason, Reason::Merged | Reason::Split);
                // Why its former group does not have it any more, nobody has said.
                let why = if was == Home::Astray && !moved { &resync } else { direct };
                let event = of_view(&group.known, why, (entry, rank as u32), first);
                out.push(MiAction::Tell { client: local.client, event });
            }
        }
        for &number in before.iter().filter(|number| !seen.contains(number)) {
            self.lose(number, direct, out);
        }
        if came.iter().any(|(_, was)| self.may_be_late(*was, direct)) {
            self.question(inc, out);
        }
        let leaves = |p: &Pending| matches!(p.request.call, Call::Leave { .. });
        let anyone_leaves = self.pending.values().any(leaves);
        for (number, was) in came {
            self.watch_by(number, inc);
            self.arrive(number, was);
            if anyone_leaves {
                self.redirect(number);
            }
        }
        // Another group of this name has ended, or has another name by now.
        let namesakes = self.groups.iter().filter(|(other, group)| {
            **other != inc && group.known.key().full_name() == key.full_name()
        });
        let namesakes: Vec<RequestId> = namesakes.map(|(other, _)| *other).collect();
        namesakes.into_iter().for_each(|other| self.doubt(other));
        self.report(name_of(&key), strangers, out);
        self.drop_group(inc);
    }

    /// A view that is late could take somebody back to where it was: such a group is asked whether it still is. Only of
    /// a merge it is clear, since its number is above those of both groups.
    fn may_be_late(&self, was: Home, direct: &Direct) -> bool {
        let Home::In(former) = was else { return false };
        let follows = |former: &Group| direct.number > former.known.at().1;
        direct.reason != Reason::Merged || !self.groups.get(&former).is_some_and(follows)
    }

    /// A member of ours is in a view for the first time, or has come from another group.
    fn arrive(&mut self, number: u32, was: Home) {
        match was {
            Home::Joining(join) => drop(self.close(join)),
            Home::Astray => drop(self.astray.remove(&number)),
            Home::In(former) => {
                // Whoever of ours is still there should have come as well.
                self.drop_group(former);
                self.doubt(former);
            }
        }
    }

    /// A member of ours is not where we thought. It is in another group if what we know of that one has it; else out.
    pub(super) fn out_or_back(&mut self, number: u32, reason: Reason, out: &mut Vec<MiAction>) {
        let (id, home) = (self.id_of(number), self.local.get(&number).map(|local| local.home));
        let has = |(inc, group): &(&RequestId, &Group)| {
            let elsewhere = home != Some(Home::In(**inc));
            elsewhere && group.known.roster().iter().any(|entry| entry.id == id)
        };
        let Some((&inc, group)) = self.groups.iter().find(has) else {
            return self.out(number, reason, out);
        };
        let rank = group.known.roster().iter().position(|entry| entry.id == id).unwrap_or(0);
        let entry = (&group.known.roster()[rank], rank as u32);
        let event = of_view(&group.known, &again(&group.known), entry, true);
        let Some(local) = self.local.get_mut(&number) else { return };
        let was = std::mem::replace(&mut local.home, Home::In(inc));
        out.push(MiAction::Tell { client: local.client, event });
        self.watch_by(number, inc);
        self.arrive(number, was);
        self.redirect(number);
    }

    /// A member of ours was in the view before, and is not in this one.
    fn lose(&mut self, number: u32, direct: &Direct, out: &mut Vec<MiAction>) {
        let is_delta = matches!(direct.content, Content::Delta { .. });
        match direct.reason {
            Reason::Split => {
                let new = direct.causes.iter().find_map(|cause| self.split_by(cause));
                self.stray(number, name_of(&direct.key), Absence::Split(new));
            }
            _ if self.is_leaving(number) => self.out(number, Reason::Left, out),
            reason @ (Reason::Left | Reason::Failed | Reason::Partitioned | Reason::Terminated) => {
                self.out(number, reason, out);
            }
            _ if is_delta => self.out(number, Reason::Failed, out),
            // Views were missed: one of them may have been of a split.
            _ => self.stray(number, name_of(&direct.key), Absence::Seen),
        }
    }

    /// The name of the new group, if the split was called for here.
    fn split_by(&self, cause: &RequestId) -> Option<GroupName> {
        let pending = self.pending.get(&cause.number).filter(|p| p.request.id == *cause)?;
        match pending.request.call {
            Call::Split { new, .. } => Some(new),
            _ => None,
        }
    }

    /// The calls that a view completes.
    fn caused(&mut self, direct: &Direct, taken: Taken, out: &mut Vec<MiAction>) {
        for cause in &direct.causes {
            let Ok(pending) = self.expected(*cause) else { continue };
            let call = pending.request.call.clone();
            match call {
                // A view that was not applied has not told the member; it is shown the group when it asks again.
                Call::Join { member, .. } if taken == Taken::New => {
                    self.seen_in(member.number, cause.number, &direct.key);
                }
                Call::Join { .. } | Call::View | Call::Here(_) => {}
                _ => self.had_effect(cause.number, &call, out),
            }
        }
    }

    /// A call other than a join or a view is done.
    fn had_effect(&mut self, number: u64, call: &Call, out: &mut Vec<MiAction>) {
        if let Call::Leave { member } = call {
            self.out(member.number, Reason::Left, out);
        }
        self.complete(number, out);
    }

    /// A join is done, and we have just seen the group.
    fn seen_in(&mut self, member: u32, join: u64, key: &GroupKey) {
        self.was_let_in(member, join, (name_of(key), Absence::Seen));
    }

    /// A join is done. A member that is still on its way has gone on to another group, or was taken out again.
    fn was_let_in(&mut self, member: u32, join: u64, (group, why): (GroupName, Absence)) {
        let home = self.local.get(&member).map(|local| local.home);
        if home == Some(Home::Joining(join)) {
            self.stray(member, group, why);
        }
        self.close(join);
    }

    /// The whole roster is wanted; once in a while, whatever comes.
    fn missing(&mut self, key: GroupKey, out: &mut Vec<MiAction>) {
        if self.asked.contains_key(&key.inc) || self.asked.len() >= ASKED {
            return;
        }
        self.asked.insert(key.inc, Countdown::after(self.config.params.reply));
        let at = self.groups.get(&key.inc).map(|group| group.known.at());
        let (term, number) = at.unwrap_or_default();
        self.send(key.name, GroupBody::Missing { key, term, number }, out);
        self.doubt(key.inc);
    }

    /// Members of ours that what we know of a group has in it.
    pub(super) fn ours(&self, known: &Known) -> impl Iterator<Item = u32> {
        let (own, home) = (self.config.life, Home::In(known.key().inc));
        let ours = known.roster().iter().filter(move |entry| entry.id.mi == own);
        let here = move |n: &u32| self.local.get(n).is_some_and(|local| local.home == home);
        ours.map(|entry| entry.id.number).filter(here)
    }

    /// Members of ours that a view tells of, and those that it says are ours and are not.
    fn named(&self, content: &Content) -> (Vec<u32>, Vec<MemberId>) {
        let ids = entries_of(content).iter().map(|entry: &Entry| entry.id);
        let (ours, strangers): (Vec<MemberId>, Vec<MemberId>) = ids
            .filter(|id| id.mi == self.config.life)
            .partition(|id| self.local.contains_key(&id.number));
        (ours.into_iter().map(|id| id.number).collect(), strangers)
    }

    /// The groups that members of ours are in.
    fn groups_of(&self, members: &[u32]) -> BTreeSet<RequestId> {
        let homes = members.iter().filter_map(|number| Some(self.local.get(number)?.home));
        homes
            .filter_map(|home| if let Home::In(inc) = home { Some(inc) } else { None })
            .sorted_set()
    }

    /// Nothing is kept of a group without members here, save how far it was.
    pub(super) fn drop_group(&mut self, inc: RequestId) {
        let Some(group) = self.groups.get(&inc) else { return };
        if self.ours(&group.known).next().is_some() {
            return;
        }
        let at = group.known.at();
        self.groups.remove(&inc);
        self.past.push_back((inc, at));
        if self.past.len() > PAST {
            self.past.pop_front();
        }
    }
}

/// A view that is known, told again to one who is new in it; the roster is taken from what is known.
fn again(known: &Known) -> Direct {
    let ((term, number), content) = (known.at(), Content::Whole(Box::default()));
    let (key, digest, reason, causes) = (known.key(), known.digest(), Reason::Resync, Vec::new());
    Direct { key, term, number, digest, reason, causes, content }
}

fn entries_of(content: &Content) -> &[Entry] {
    match content {
        Content::Whole(whole) => &whole.entries,
        Content::Delta { came, .. } => came,
    }
}

/// Whether numbers may jump with such a view.
fn jumps(reason: Reason) -> bool {
    matches!(reason, Reason::Partitioned | Reason::Merged | Reason::Split)
}

/// The way to a member concerns those who send to it.
fn strip(content: &mut Content) {
    let entries = match content {
        Content::Whole(whole) => &mut whole.entries,
        Content::Delta { came, .. } => came,
    };
    entries.iter_mut().for_each(|entry| entry.path = Path::default());
}
