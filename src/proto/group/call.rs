//! What a call does where a group is decided (II.D.2): each once, in the order that was agreed on.

use super::registry::{Effect, Registry, Role, delta, direct};
use crate::name::GroupName;
use crate::wire::group::{
    Call, Core, Entry, GroupKey, Last, MemberId, Mode, Order, Path, Reason, Refusal, Request,
    RequestId, Statement, named,
};

impl Registry {
    /// A call for the group of that name. Where there is none, the request looks for it again.
    pub(super) fn call(&mut self, request: Request, effects: &mut Vec<Effect>) {
        let Some(record) = self.records.get_mut(&named(request.group)) else {
            return effects.push(Effect::Again(Box::new(request)));
        };
        let key = record.key;
        let Role::Core { core, lock } = &mut record.role else {
            return effects.push(Effect::Again(Box::new(request)));
        };
        if core.qos.order == Order::Weak {
            let term = core.term;
            return self.weak_call(&key, term, request, effects);
        }
        if let Some(lock) = lock {
            if !lock.waiting.iter().any(|waiting| waiting.id == request.id) {
                lock.waiting.push(request);
            }
            return;
        }
        if core.waits_for(&request) {
            return effects.push(Effect::Again(Box::new(request)));
        }
        if core.is_done(request.id) {
            reach_anew(core, &request, effects);
            let core = core.clone();
            return effects.push(Effect::Show { request: Box::new(request), core });
        }
        let Some(request) = self.gather(&key, request, effects) else { return };
        let outcome = match request.call.clone() {
            Call::Join { mode, .. } => self.join(&key, &request, mode, effects),
            Call::Leave { member } => self.leave(&key, &request, member, effects),
            Call::Fail { members, cut } => {
                let reason = if cut { Reason::Partitioned } else { Reason::Failed };
                self.fail(&key, &request, (&members, reason), effects)
            }
            Call::Here(statement) => self.here(&key, &request, &statement, effects),
            Call::Merge { other } => self.merge(&key, &request, other, effects),
            Call::Split { new, members } => self.split(&key, &request, (new, &members), effects),
            Call::View => {
                let Some((core, _)) = self.core_of(&key) else { return };
                let core = Box::new(core.clone());
                return effects.push(Effect::Show { request: Box::new(request), core });
            }
        };
        let id = request.id;
        let tells = |effect: &Effect| matches!(effect, Effect::View { direct, .. } if direct.causes.contains(&id));
        let by_view = effects.iter().any(tells);
        let request = Box::new(request);
        effects.push(match outcome {
            Ok(()) => Effect::Answer { request, outcome: Ok(()), by_view },
            Err(Refused::Because(refusal)) => {
                Effect::Answer { request, outcome: Err(refusal), by_view }
            }
            Err(Refused::NotHere) => Effect::Again(request),
        });
    }

    fn join(
        &mut self,
        key: &GroupKey,
        request: &Request,
        mode: Mode,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let (core, _) = self.core_of(key).ok_or(Refused::NotHere)?;
        let Some(entry) = Entry::of_join(request).filter(|e| core.entry(e.id).is_none()) else {
            return Ok(());
        };
        let creates = core.roster.is_empty() && core.key.inc == request.id;
        if let Some(refusal) = core.refuses_to_join(mode).filter(|_| !creates) {
            return Err(Refused::Because(refusal));
        }
        let entry = core.admit(entry);
        core.number = core.number.saturating_add(1);
        core.set_done(request.id, request.oldest);
        let direct = match creates {
            // The first view says what its creator chose.
            true => direct(core, Reason::Created, vec![request.id], core.whole()),
            false => delta(core, Reason::Joined, vec![request.id], (&[], &[entry])),
        };
        let core = Box::new(core.clone());
        effects.push(Effect::View { direct, core, gone: Vec::new() });
        Ok(())
    }

    fn leave(
        &mut self,
        key: &GroupKey,
        request: &Request,
        member: MemberId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let (core, _) = self.core_of(key).ok_or(Refused::NotHere)?;
        let gone: Vec<Entry> = core.entry(member).cloned().into_iter().collect();
        if gone.is_empty() {
            return Err(Refused::Because(Refusal::NotMember));
        }
        core.set_done(request.id, request.oldest);
        self.remove(key, gone, (Reason::Left, vec![request.id]), effects);
        Ok(())
    }

    /// Whoever of them is still there goes, in one view.
    fn fail(
        &mut self,
        key: &GroupKey,
        request: &Request,
        (members, reason): (&[MemberId], Reason),
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let (core, _) = self.core_of(key).ok_or(Refused::NotHere)?;
        core.set_done(request.id, request.oldest);
        let gone = core.failed(request, members);
        match reason {
            Reason::Partitioned => self.cut_off(key, gone, (vec![request.id], false), effects),
            _ => self.remove(key, gone, (reason, vec![request.id]), effects),
        }
        Ok(())
    }

    /// Members are reached by the way that the request came by. Those that are no members any more learn it from the
    /// view.
    fn here(
        &mut self,
        key: &GroupKey,
        request: &Request,
        statement: &Statement,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        if statement.key.inc != key.inc {
            return Err(Refused::Because(Refusal::Terminated));
        }
        let (core, _) = self.core_of(key).ok_or(Refused::NotHere)?;
        core.set_done(request.id, request.oldest);
        for stated in &statement.members {
            let ours = core.roster.iter_mut().find(|entry| entry.id == stated.id);
            let Some(ours) = ours.filter(|ours| ours.registration <= stated.registration) else {
                continue;
            };
            ours.registration = stated.registration;
            ours.path = [&request.path[..], &stated.path[..]].concat().into();
            (ours.roams, ours.lost) = (stated.roams, false);
        }
        Path::share(&mut core.roster);
        let behind = statement.term > core.term || statement.number >= core.number;
        if behind && statement.digest != core.digest() {
            // It has seen views that came after those we were rebuilt from, or those of another side: ours must be later.
            core.term = core.term.max(statement.term).saturating_add(1);
            core.number = core.number.max(statement.number).saturating_add(1);
            let direct = direct(core, Reason::Resync, vec![request.id], core.whole());
            let (term, core) = (core.term, Box::new(core.clone()));
            self.set_term(key, term);
            effects.push(Effect::View { direct, core, gone: Vec::new() });
            effects.push(Effect::Settled { key: *key, term });
            return Ok(());
        }
        effects.push(Effect::Repath(Box::new(core.clone())));
        Ok(())
    }

    /// Takes members away; a group without any has ended.
    pub(super) fn remove(
        &mut self,
        key: &GroupKey,
        gone: Vec<Entry>,
        (reason, causes): (Reason, Vec<RequestId>),
        effects: &mut Vec<Effect>,
    ) {
        let Some((core, _)) = self.core_of(key) else { return };
        if gone.is_empty() {
            return;
        }
        core.roster.retain(|entry| !gone.contains(entry));
        if let Reason::Left | Reason::Failed = reason {
            core.set_departed(&gone, reason == Reason::Left);
        }
        core.number = core.number.saturating_add(1);
        let direct = delta(core, reason, causes, (&gone, &[]));
        let (ended, term, number) = (core.roster.is_empty(), core.term, core.number);
        let roster = gone.iter().map(|entry| entry.gid).collect();
        let copy = Box::new(core.clone());
        let waiting = ended.then(|| core.give_up_gathered());
        effects.push(Effect::View { direct, core: copy, gone });
        effects.extend(waiting.into_iter().flatten());
        if ended {
            // Those who were cut off may live on elsewhere, and come back.
            match reason {
                Reason::Partitioned => self.set_lost(key, term, Last { number, roster }),
                _ => self.end(key, term),
            }
            effects.push(Effect::Ended { key: *key, term });
        }
    }

    /// Two groups become one: the other's members stand behind ours, with gids of their own where ours are taken.
    fn merge(
        &mut self,
        key: &GroupKey,
        request: &Request,
        other: GroupName,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let other_key = match self.get(named(other)) {
            Some(record) if matches!(record.role, Role::Core { lock: None, .. }) => record.key,
            _ => return Err(Refused::NotHere),
        };
        if other_key == *key {
            return Err(Refused::Because(Refusal::NotPossible));
        }
        self.gathered(&other_key, effects);
        let (theirs, _) = self.core_of(&other_key).ok_or(Refused::NotHere)?;
        effects.extend(theirs.give_up_gathered());
        let theirs = theirs.clone();
        let (core, _) = self.core_of(key).ok_or(Refused::NotHere)?;
        if core.qos.order != theirs.qos.order {
            return Err(Refused::Because(Refusal::NotPossible));
        }
        for mut entry in theirs.roster.clone() {
            if core.roster.iter().any(|ours| ours.gid == entry.gid) || entry.gid < core.next_gid {
                entry.gid = core.next_gid;
            }
            core.next_gid = core.next_gid.max(entry.gid.saturating_add(1));
            core.roster.push(entry);
        }
        core.number = core.number.max(theirs.number).saturating_add(1);
        core.set_done(request.id, request.oldest);
        let direct = direct(core, Reason::Merged, vec![request.id], core.whole());
        let core = Box::new(core.clone());
        effects.push(Effect::View { direct, core, gone: Vec::new() });
        self.end(&other_key, theirs.term);
        effects.push(Effect::Ended { key: other_key, term: theirs.term });
        Ok(())
    }

    /// Some members go to a group of their own, whose name was reserved before.
    fn split(
        &mut self,
        key: &GroupKey,
        request: &Request,
        (new, members): (GroupName, &[u32]),
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let new_key = GroupKey { name: new, suffix: None, inc: request.id };
        let ours = |role: &Role| matches!(role, Role::Reserved(first) if first.id == request.id);
        match self.get((new, None)) {
            None => {}
            Some(record) if record.is_over() || ours(&record.role) => {}
            Some(_) => return Err(Refused::Because(Refusal::Exists)),
        }
        let (core, _) = self.core_of(key).ok_or(Refused::NotHere)?;
        let all_here = members.iter().all(|gid| core.roster.iter().any(|e| e.gid == *gid));
        if members.is_empty() || !all_here {
            return Err(Refused::Because(Refusal::NotMember));
        }
        let goes = |e: &Entry| members.contains(&e.gid);
        if core.roster.iter().all(goes) {
            return Err(Refused::Because(Refusal::NotPossible));
        }
        core.set_done(request.id, request.oldest);
        let gone: Vec<Entry> = core.roster.iter().filter(|e| goes(e)).cloned().collect();
        let part = Core {
            key: new_key,
            qos: core.qos.clone(),
            term: 1,
            number: 1,
            roster: gone.clone(),
            next_gid: core.next_gid,
            done: core.done.clone(),
            departed: core.departed.clone(),
            gathered: Vec::new(),
        };
        self.remove(key, gone, (Reason::Split, vec![request.id]), effects);
        effects.push(first_view(&part));
        self.decide(part);
        effects.push(Effect::Settled { key: new_key, term: 1 });
        Ok(())
    }
}

/// Who joined comes again by another mserver: it is reached by that way from now on.
fn reach_anew(core: &mut Core, request: &Request, effects: &mut Vec<Effect>) {
    let Call::Join { member, roams, .. } = &request.call else { return };
    let later =
        |entry: &&mut Entry| entry.id == *member && entry.registration < request.registration;
    let Some(entry) = core.roster.iter_mut().find(later) else { return };
    (entry.registration, entry.roams, entry.lost) = (request.registration, *roams, false);
    entry.path = request.path.clone().into();
    Path::share(&mut core.roster);
    effects.push(Effect::Repath(Box::new(core.clone())));
}

fn first_view(core: &Core) -> Effect {
    let direct = direct(core, Reason::Split, Vec::new(), core.whole());
    Effect::View { direct, core: Box::new(core.clone()), gone: Vec::new() }
}

/// Why a call has no effect.
enum Refused {
    /// It never will.
    Because(Refusal),
    /// The core, or another one that it needs, is elsewhere.
    NotHere,
}
