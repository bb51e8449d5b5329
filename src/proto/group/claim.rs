//! A group whose core is lost is rebuilt from what those below know of it (IV.E.2; HIERARCHY: partitions).
//!
//! ```text
//!   nobody decides ── Claim, Claim ... ──> claimed ── Rebuild ──> core: the highest term + 1
//! ```
//!
//! Each mserver, or member interface, states its own members with their gids and their places in the last view that it
//! has. If together they are that view, it goes on under its number; else the members that are left make the next one.

use super::registry::{Effect, Record, Registry, Role, direct};
use super::roster::digest_of;
use crate::wire::group::{
    Call, Core, Entry, GroupKey, Order, Path, Reason, Refusal, Request, Statement,
};

impl Registry {
    /// Somebody states what it knows of a group that nobody decides.
    pub(super) fn claim(&mut self, request: Request, effects: &mut Vec<Effect>) {
        let Call::Here(statement) = &request.call else { return };
        let (mut key, stated) = (statement.key, statement.term);
        if !self.outlives(&key, stated) {
            let (request, outcome) = (Box::new(request), Err(Refusal::Terminated));
            return effects.push(Effect::Answer { request, outcome, by_view: false });
        }
        let Some(name) = self.name_of(&key) else {
            let other = self.get(key.full_name()).is_some_and(|record| !record.is_over());
            if other {
                // It has the name, as it came later and found it free.
                key.suffix = self.free(key.full_name()).1;
            }
            return self.begin_claim(key, None, request, effects);
        };
        let Some(record) = self.records.get_mut(&name) else { return };
        match &mut record.role {
            Role::Core { .. } | Role::Above(_) => self.call(request, effects),
            Role::Claimed(claims) => {
                if !claims.iter().any(|claim| claim.id == request.id) {
                    claims.push(request);
                }
            }
            Role::Reserved(_) | Role::Suspended(_) | Role::Lost => {
                let (key, record) = (record.key, record.clone());
                self.begin_claim(key, Some(record), request, effects);
            }
        }
    }

    fn begin_claim(
        &mut self,
        key: GroupKey,
        before: Option<Record>,
        request: Request,
        effects: &mut Vec<Effect>,
    ) {
        let Call::Here(statement) = &request.call else { return };
        let (scope, term) = (statement.qos.name_scope, before.as_ref().map_or(0, |r| r.term));
        let last = before.map(|record| record.last).unwrap_or_default();
        let role = Role::Claimed(vec![request]);
        self.records.insert(key.full_name(), Record { key, term, scope, roams: false, last, role });
        effects.push(Effect::Claimed(key));
    }

    /// What was claimed becomes the group.
    pub(super) fn rebuild(&mut self, key: &GroupKey, effects: &mut Vec<Effect>) {
        let Some(record) = self.find(key) else { return };
        let key = &record.key.clone();
        let Role::Claimed(claims) = &record.role else { return };
        let claims = claims.clone();
        let Some(Rebuilt { core, latest, missing }) = rebuilt(key, record, &claims) else { return };
        let over = record.last.is_end_of(latest);
        if over || missing && !core.roster.is_empty() && !core.lives_with(&core.roster) {
            return self.end_claimed(core, claims, effects);
        }
        let term = core.term;
        if core.qos.order == Order::Weak {
            // Who is in it, those who claimed it say to each other.
            self.decide(Core { roster: Vec::new(), ..core });
            effects.push(Effect::Settled { key: *key, term });
            return effects.extend(claims.into_iter().map(|claim| Effect::Again(Box::new(claim))));
        }
        let ended = core.roster.is_empty();
        let causes: Vec<_> = claims.iter().map(|claim| claim.id).collect();
        let direct = direct(&core, Reason::Partitioned, causes, core.whole());
        let view = Effect::View { direct, core: Box::new(core.clone()), gone: Vec::new() };
        if ended {
            self.records.remove(&key.full_name());
        } else {
            self.decide(core);
            effects.push(view);
            effects.push(Effect::Settled { key: *key, term });
        }
        for request in claims {
            let request = Box::new(request);
            effects.push(Effect::Answer { request, outcome: Ok(()), by_view: !ended });
        }
    }
}

/// What claims make together.
struct Rebuilt {
    /// The record, with a term of its own.
    core: Core,
    /// The number of the latest view that was claimed.
    latest: u32,
    /// Some of that view, or of the last that was decided here, were claimed by nobody.
    missing: bool,
}

fn rebuilt(key: &GroupKey, record: &Record, claims: &[Request]) -> Option<Rebuilt> {
    let stated: Vec<(&Request, &Statement)> = claims
        .iter()
        .filter_map(|request| match &request.call {
            Call::Here(statement) => Some((request, &**statement)),
            _ => None,
        })
        .collect();
    // Who has the latest view knows best who stands where.
    let (_, latest) = stated.iter().max_by_key(|(_, s)| (s.term, s.number))?;
    let mut roster: Vec<Entry> = Vec::new();
    // Or we do, who decided it.
    let ours = record.last.number >= latest.number && !record.last.is_end();
    let order = if ours { &record.last.roster } else { &latest.roster };
    for gid in order {
        let all = stated.iter().filter_map(|(request, statement)| {
            let entry = statement.members.iter().find(|entry| entry.gid == *gid)?;
            let path = [&request.path[..], &entry.path[..]].concat();
            Some(Entry { path: path.into(), lost: false, ..entry.clone() })
        });
        let claimed = all.max_by_key(|entry| entry.registration);
        // Whoever is not in the latest view went before it; whoever nobody claims went since.
        roster.extend(claimed);
    }
    Path::share(&mut roster);
    let highest = |of: fn(&Statement) -> u32| stated.iter().map(|(_, s)| of(s)).max().unwrap_or(0);
    let number = highest(|s| s.number).max(record.last.number);
    // It is the view that its members have, and they need hear of nothing.
    let complete = number == latest.number
        && latest.key == *key
        && digest_of(&key.inc, latest.number, &roster) == latest.digest;
    let mut core = Core {
        key: *key,
        qos: latest.qos.clone(),
        term: highest(|s| s.term).max(record.term).saturating_add(1),
        number: if complete { latest.number } else { number.saturating_add(1) },
        roster,
        next_gid: highest(|s| s.next_gid),
        done: Vec::new(),
        departed: Vec::new(),
        gathered: Vec::new(),
    };
    claims.iter().for_each(|claim| core.set_done(claim.id, claim.oldest));
    let missing = core.roster.len() < order.len();
    Some(Rebuilt { core, latest: latest.number, missing })
}
