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
use crate::wire::group::{Call, Core, Entry, GroupKey, Path, Reason, Refusal, Request, Statement};

impl Registry {
    /// Somebody states what it knows of a group that nobody decides.
    pub(super) fn claim(&mut self, request: Request, effects: &mut Vec<Effect>) {
        let Call::Here(statement) = &request.call else { return };
        let key = statement.key;
        let refuse = |request| Effect::Answer {
            request: Box::new(request),
            outcome: Err(Refusal::Terminated),
            by_view: false,
        };
        match self.records.get_mut(&key.full_name()) {
            Some(Record { key: found, role: Role::Ended, .. }) if found.inc == key.inc => {
                effects.push(refuse(request));
            }
            Some(Record { key: found, role: Role::Core { .. } | Role::Above(_), .. }) => {
                // Another group has the name by now; this one has ended.
                match found.inc == key.inc {
                    true => self.call(request, effects),
                    false => effects.push(refuse(request)),
                }
            }
            Some(Record { key: found, role: Role::Claimed(claims), .. }) => {
                match found.inc == key.inc {
                    true if claims.iter().any(|claim| claim.id == request.id) => {}
                    true => claims.push(request),
                    false => effects.push(refuse(request)),
                }
            }
            found @ (None | Some(_)) => {
                let term = found.as_ref().map_or(0, |record| record.term);
                let same = found.filter(|record| record.key.inc == key.inc);
                let last = same.map(|record| record.last.clone()).unwrap_or_default();
                let (scope, role) = (statement.qos.name_scope, Role::Claimed(vec![request]));
                let record = Record { key, term, scope, roams: false, last, role };
                self.records.insert(key.full_name(), record);
                effects.push(Effect::Claimed(key));
            }
        }
    }

    /// What was claimed becomes the group.
    pub(super) fn rebuild(&mut self, key: &GroupKey, effects: &mut Vec<Effect>) {
        let Some(record) = self.records.get(&key.full_name()).filter(|r| r.key == *key) else {
            return;
        };
        let Role::Claimed(claims) = &record.role else { return };
        let claims = claims.clone();
        let Some(core) = rebuilt(key, record, &claims) else { return };
        let term = core.term;
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

/// The record that claims make together.
fn rebuilt(key: &GroupKey, record: &Record, claims: &[Request]) -> Option<Core> {
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
    let ours = record.last.number >= latest.number;
    let order = if ours { &record.last.roster } else { &latest.roster };
    for gid in order {
        let claimed = stated.iter().find_map(|(request, statement)| {
            let entry = statement.members.iter().find(|entry| entry.gid == *gid)?;
            let path = [&request.path[..], &entry.path[..]].concat();
            Some(Entry { path: path.into(), lost: false, ..entry.clone() })
        });
        // Whoever is not in the latest view went before it; whoever nobody claims went since.
        roster.extend(claimed);
    }
    Path::share(&mut roster);
    let highest = |of: fn(&Statement) -> u32| stated.iter().map(|(_, s)| of(s)).max().unwrap_or(0);
    let number = highest(|s| s.number).max(record.last.number);
    let complete =
        number == latest.number && digest_of(&key.inc, latest.number, &roster) == latest.digest;
    let mut core = Core {
        key: *key,
        qos: latest.qos.clone(),
        term: highest(|s| s.term).max(record.term).saturating_add(1),
        number: if complete { latest.number } else { number.saturating_add(1) },
        roster,
        next_gid: highest(|s| s.next_gid),
        done: Vec::new(),
    };
    claims.iter().for_each(|claim| core.set_done(claim.id, claim.oldest));
    Some(core)
}
