//! The same rules over what daemons wrote down: their logs of views (`ms mserver --views`).
//!
//! A log says what was installed, not what was sent. So SELF, RANKS, RING, MONO, DIGEST, AGREE and UNIQUE are watched
//! as in the simulator, and of ONCE what shows in views; ACKED, FLOOR and TWICE are not.

use super::predicate::{Install, apart};
use super::{Violation, Watch, line, who};
use crate::name::Digest;
use crate::wire::coreset::{ChangeId, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One level's logs. An mserver may be in sets of two levels, whose views have nothing to do with each other.
struct Level {
    watch: Watch,
    views: BTreeMap<Digest, Install>,
    changes: BTreeMap<ChangeId, Vec<Install>>,
}

/// Whether the logs of any number of mservers, put in order by their ticks, keep the rules. Ticks are of one clock,
/// of whatever length; the installs of one mserver must be in the order in which it made them.
///
/// # Errors
/// The first breach.
pub fn check_log(installs: &[Install]) -> Result<(), Violation> {
    let mut levels: BTreeMap<u8, Level> = BTreeMap::new();
    for install in installs {
        let level = levels.entry(install.view.level).or_insert_with(Level::new);
        level.take(install);
        if let Some(violation) = level.watch.violation() {
            return Err(violation.clone());
        }
    }
    Ok(())
}

impl Level {
    fn new() -> Level {
        Level { watch: Watch::new(0, 0), views: BTreeMap::new(), changes: BTreeMap::new() }
    }

    fn take(&mut self, install: &Install) {
        let at = install.who.address;
        let known = self.views.entry(install.view.position.digest);
        let known = known.or_insert_with(|| install.clone());
        if known.view != install.view {
            let second = known.clone();
            return self.broken("DIGEST", install, &second);
        }
        if let Some(change) = install.change {
            let made = self.changes.entry(change).or_default();
            let other = made.iter().find(|other| !apart(other, install)).cloned();
            made.push(install.clone());
            if let Some(other) = other {
                return self.broken("ONCE", install, &other);
            }
        }
        match install.from {
            // Another process, or one that had been out.
            None => self.watch.began(at),
            Some(from) => self.pass_batches(install, from),
        }
        // What was applied is in no log, so the view's account of it cannot be compared but with itself, above.
        let view = View { done: Vec::new(), ..(*install.view).clone() };
        self.watch.installed(install.tick, at, &view, install.from, None, &[]);
        let entry = view.member(at).map(|member| member.life);
        if entry.is_some_and(|life| life != install.who) {
            self.broken("SELF", install, install);
        }
    }

    /// Batches of operations move a position within its number, and no log has them.
    fn pass_batches(&mut self, install: &Install, from: crate::wire::coreset::Position) {
        let process = self.watch.processes.entry(install.who.address).or_default();
        if let Some((_, view)) = &mut process.last {
            let at = view.position;
            if at.num == from.num && at.k < from.k {
                *view = Arc::new(View { position: from, ..(**view).clone() });
            }
        }
    }

    fn broken(&mut self, rule: &'static str, install: &Install, other: &Install) {
        let said = |i: &Install| format!("{} installs {}", who(i.who), line(&i.view));
        let (first, second) = (said(install), format!("{} at t{}", said(other), other.tick));
        self.watch.report(Violation { rule, tick: install.tick, first, second });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{life, position, view};
    use super::*;
    use crate::wire::coreset::Position;

    fn install(tick: u64, host: u8, view: View, from: Option<Position>) -> Install {
        Install { tick, who: life(host), view: Arc::new(view), from, change: None }
    }

    fn next(digest: u8, members: &[u8]) -> View {
        View { parents: vec![position(7, 1)], ..view(8, digest, members) }
    }

    fn rule(installs: &[Install]) -> &'static str {
        check_log(installs).map_or_else(|violation| violation.rule, |()| "none")
    }

    /// Two members in view 7.
    fn two() -> Vec<Install> {
        [1, 2].map(|host| install(0, host, view(7, 1, &[1, 2]), None)).to_vec()
    }

    #[test]
    fn a_log_in_order_keeps_the_rules() {
        let from = Some(position(7, 1));
        let mut log = two();
        log.push(install(1, 1, next(2, &[1]), from));
        log.push(install(2, 2, next(3, &[2]), from));
        assert_eq!(rule(&log), "none");
        log.push(install(3, 2, next(2, &[1]), from));
        assert_eq!(rule(&log), "SELF");
    }

    #[test]
    fn two_successors_one_number_or_one_digest_are_found_in_logs() {
        let from = Some(position(7, 1));
        let both = |digest| next(digest, &[1, 2]);
        let with = |one: Install, two_: Install| rule(&[two(), vec![one, two_]].concat());
        assert_eq!(with(install(1, 1, both(2), from), install(2, 2, both(3), from)), "UNIQUE");
        assert_eq!(with(install(1, 1, both(2), None), install(2, 2, both(3), None)), "AGREE");
        assert_eq!(
            with(install(1, 1, both(2), from), install(2, 2, next(2, &[2]), from)),
            "DIGEST"
        );
        let left = Some(position(6, 9));
        assert_eq!(with(install(1, 1, both(2), left), install(2, 2, both(2), from)), "MONO");
        let mut other = install(1, 1, both(2), from);
        other.who.inc = crate::name::Incarnation(9);
        assert_eq!(
            with(other, install(2, 2, both(2), from)),
            "SELF",
            "another life than its entry"
        );
    }

    #[test]
    fn batches_and_sets_of_other_levels_are_between_the_lines() {
        let from = Some(Position { k: 3, ..position(7, 5) });
        let mut eight = next(2, &[1, 2]);
        eight.parents = from.into_iter().collect();
        let mut log = two();
        log.push(install(1, 1, eight, from));
        log.push(install(2, 2, View { level: 2, ..view(8, 9, &[1, 2]) }, None));
        assert_eq!(rule(&log), "none");
    }

    #[test]
    fn one_change_that_made_two_joint_views_is_found() {
        let id = ChangeId { round: 0, class: 5, key: 1, crank: 0, coord: life(1), seq: 1 };
        let by = |install: Install| Install { change: Some(id), ..install };
        let log = [
            by(install(1, 1, view(7, 1, &[1, 2]), None)),
            by(install(2, 2, view(8, 2, &[1, 2]), None)),
        ];
        assert_eq!(rule(&log), "ONCE");
    }
}
