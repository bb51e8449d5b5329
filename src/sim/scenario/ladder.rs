//! Who sent what to whom, in the order of sending: the figure without its picture.
//!
//! ```text
//! 1 -> * INITIATE Fail{5}
//! 2 3 4 -> 1 ACK                  three messages, one after the other
//! 1 -> * COMMIT Fail{5}, not 3    3 does not get it
//! 3 -> 1 MSG_QUERY, lost
//! ```

use crate::sim::event::{Event, What};
use crate::sim::kind::{Kind, name};
use crate::sim::links::HostId;
use crate::sim::transcript::Names;
use crate::wire::coreset::{Body, ChangeKind, CoreMessage, Wait};

/// One rung.
struct Rung {
    from: Vec<HostId>,
    /// To whom; nobody: to the group.
    to: Vec<HostId>,
    says: String,
    lost: Vec<HostId>,
}

/// The messages of the two-phase protocol among some events; monitoring and probing are left out. What
/// several say to one, or one to several, is one line.
pub fn ladder(events: &[Event]) -> Vec<String> {
    let mut names = Names::default();
    let mut rungs: Vec<Rung> = Vec::new();
    for event in events {
        let What::Sent { from, group, message, copies, .. } = &event.what else { continue };
        if !Kind::of(message).changes() {
            continue;
        }
        let next = Rung {
            from: vec![*from],
            to: copies.iter().filter(|_| !group).map(|copy| copy.to).collect(),
            says: says(&mut names, message),
            lost: copies.iter().filter(|copy| copy.due.is_empty()).map(|copy| copy.to).collect(),
        };
        if !rungs.last_mut().is_some_and(|last| last.takes(&next)) {
            rungs.push(next);
        }
    }
    rungs.into_iter().map(|rung| rung.line()).collect()
}

impl Rung {
    /// Whether another message fits on this rung; if so, it is there.
    fn takes(&mut self, next: &Rung) -> bool {
        let alike = self.says == next.says && self.is_lost() == next.is_lost();
        let same_to = self.to == next.to && (!self.to.is_empty() || self.lost == next.lost);
        if alike && same_to && !self.from.contains(&next.from[0]) {
            self.from.extend(&next.from);
            return true;
        }
        let single = !self.to.is_empty() && !next.to.is_empty();
        if alike && single && self.from == next.from && !self.to.contains(&next.to[0]) {
            self.to.extend(&next.to);
            return true;
        }
        false
    }

    fn is_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    fn line(&self) -> String {
        let end = match self.lost.as_slice() {
            [] => String::new(),
            _ if !self.to.is_empty() => ", lost".to_string(),
            some => format!(", not {}", list(some)),
        };
        let to = if self.to.is_empty() { "*".to_string() } else { list(&self.to) };
        format!("{} -> {to} {}{end}", list(&self.from), self.says)
    }
}

fn list(hosts: &[HostId]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn says(names: &mut Names, message: &CoreMessage) -> String {
    let mut short = |kind: &ChangeKind| match kind {
        ChangeKind::Merge { .. } => "Merge".to_string(),
        other => names.kind(other),
    };
    let about = match &message.body {
        Body::Initiate(change)
        | Body::Commit(change)
        | Body::CoordFail { change, .. }
        | Body::Wait(Wait::Current(change) | Wait::Floor(change)) => short(&change.kind),
        Body::CommitInitiate(one, two) => format!("{} {}", short(&one.kind), short(&two.kind)),
        _ => return name(message).to_string(),
    };
    format!("{} {about}", name(message))
}
