//! What must hold once the faults have ended: CONVERGE, MERGED, DELIVERED.

use super::Violation;
use super::predicate::{entry, lists};
use crate::wire::coreset::{Life, View};
use std::net::SocketAddrV4;

/// A process that hears every other of its component.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resting<'a> {
    /// Who.
    pub who: SocketAddrV4,
    /// Its view.
    pub view: Option<&'a View>,
    /// Whether it has anything isolated.
    pub isolates: bool,
    /// Whether nothing is under way or waiting there.
    pub idle: bool,
    /// Its phase, for the report.
    pub phase: &'static str,
    /// Operations that were handed to this life.
    pub submitted: u64,
}

/// Whether a component is at rest, or what is not.
///
/// CONVERGE: everybody is in a view of living members who are all in that very view, and nothing is
/// under way. MERGED: no two views bear one name. DELIVERED: all operations of a process that
/// lived to see the end were applied.
pub fn settled(tick: u64, component: &[Resting<'_>]) -> Result<(), Violation> {
    let broken = |rule, first: &Resting<'_>, second: String| {
        Err(Violation { rule, tick, first: format!("{} {}", first.who, first.phase), second })
    };
    for one in component {
        let Some(view) = one.view else {
            return broken("CONVERGE", one, "is in no view".to_string());
        };
        if one.isolates || !one.idle {
            return broken("CONVERGE", one, "has not come to rest".to_string());
        }
        for member in &view.members {
            let who = member.life.address;
            let there = component.iter().find(|other| other.who == who).and_then(|o| o.view);
            let same = there
                .is_some_and(|other| other.position == view.position && lists(other, member.life));
            if !same {
                let is = there.map(|view| view.position);
                let second = format!("{:?} lists {who}, which is in {is:?}", view.position);
                return broken("CONVERGE", one, second);
            }
        }
        let twin = component.iter().find(|other| {
            other.view.is_some_and(|o| o.name == view.name && o.position != view.position)
        });
        if let Some(twin) = twin {
            let second = format!("{} bears the same name in another view", twin.who);
            return broken("MERGED", one, second);
        }
        let me = entry(view, one.who);
        let done = |life: Life| view.done.iter().find(|d| d.origin == life).map_or(0, |d| d.number);
        let done = me.map_or(0, done);
        if done != one.submitted {
            let second = format!("{done} of {} operations were applied", one.submitted);
            return broken("DELIVERED", one, second);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{life, view};
    use super::*;

    fn resting(who: u8, view: &View) -> Resting<'_> {
        Resting {
            who: life(who).address,
            view: Some(view),
            isolates: false,
            idle: true,
            phase: "idle",
            submitted: 0,
        }
    }

    fn rule(component: &[Resting<'_>]) -> &'static str {
        settled(9, component).map_or_else(|violation| violation.rule, |()| "none")
    }

    #[test]
    fn a_set_at_rest_is_in_one_view() {
        let both = view(8, 1, &[1, 2]);
        let one = view(8, 2, &[1]);
        let other = view(8, 3, &[2]);
        assert_eq!(rule(&[resting(1, &both), resting(2, &both)]), "none");
        assert_eq!(rule(&[resting(1, &both)]), "CONVERGE");
        assert_eq!(rule(&[resting(1, &both), resting(2, &other)]), "CONVERGE");
        assert_eq!(rule(&[resting(1, &one), resting(2, &other)]), "MERGED");
        let mut busy = resting(2, &both);
        busy.idle = false;
        assert_eq!(rule(&[resting(1, &both), busy.clone()]), "CONVERGE");
        busy.view = None;
        assert_eq!(rule(&[resting(1, &one), busy]), "CONVERGE");
    }

    #[test]
    fn what_was_submitted_has_been_applied() {
        let alone = view(8, 2, &[1]);
        let mut one = resting(1, &alone);
        one.submitted = 1;
        assert_eq!(rule(&[one]), "DELIVERED");
    }
}
