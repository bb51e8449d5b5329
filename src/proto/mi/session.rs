//! Applications as the member interface counts them: their members, their calls, and whether they are there.
//!
//! How that is watched is in `watch`.

use super::departures::Failing;
use super::watch::{Demand, Watch, Watched};
use super::{Client, LocalEvent, Mi, MiAction};
use crate::wire::group::{Monitor, Reason, RequestId};

/// Where one of our members is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    /// On its way in, by the request of that number.
    Joining(u64),
    /// In the last view of the group of this incarnation.
    In(RequestId),
    /// In no view that we know: another group should have it.
    Astray,
}

/// One of our members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Local {
    /// Whose it is.
    pub client: u64,
    /// Where it is.
    pub home: Home,
}

/// An application with members, or with calls under way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Session {
    /// Numbers of its members.
    pub members: Vec<u32>,
    /// Calls under way.
    pub calls: usize,
    /// Whether it is there.
    pub watch: Watch,
}

impl Session {
    /// One of its members is no more.
    pub fn forget(&mut self, member: u32) {
        self.members.retain(|&number| number != member);
        self.watch.forget(member);
    }

    /// Nothing is left to know of it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.calls == 0
    }
}

impl Mi {
    pub(super) fn tick_watches(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        let tick = |(client, session): (&Client, &mut super::Session)| {
            Some((*client, session.watch.tick(elapsed)?))
        };
        let due: Vec<(Client, Watched)> = self.sessions.iter_mut().filter_map(tick).collect();
        for (client, watched) in due {
            match watched {
                Watched::Ask(nonce) => self.tell(client, LocalEvent::Alive { nonce }, out),
                Watched::Silent(mut members) => {
                    // One may be late in two ways.
                    members.sort_unstable();
                    members.dedup();
                    self.end(&members, Reason::Failed, out);
                }
            }
        }
    }

    /// Members of ours are no more: they are told why, and to the core they failed.
    pub(super) fn end(&mut self, members: &[u32], reason: Reason, out: &mut Vec<MiAction>) {
        for &number in members {
            let Some(client) = self.local.get(&number).map(|local| local.client) else { continue };
            let (group, member) = (self.group_of(number).unwrap_or_default(), self.id_of(number));
            self.tell(client, LocalEvent::Out { group, member, reason }, out);
            self.answer_leaves(number, out);
        }
        let why = match reason {
            Reason::Terminated => Failing::CutOff,
            _ => Failing::Silent,
        };
        self.fail(members, why, out);
    }

    /// A member of ours is asked whether it is there as the group that it came to has it.
    pub(super) fn watch_by(&mut self, number: u32, inc: RequestId) {
        let Some(group) = self.groups.get(&inc) else { return };
        let fixed = match group.known.qos().monitor {
            Monitor::Adaptive => None,
            Monitor::Fixed { every_ms, retries } => {
                // The bound is kept: rather sooner than later.
                let every = (every_ms / self.config.params.tick_ms).max(1);
                Some(Demand::Fixed { every, retries: retries.into() })
            }
        };
        let client = self.local.get(&number).map(|local| local.client);
        if let Some(session) = client.and_then(|client| self.sessions.get_mut(&client)) {
            session.watch.fix(number, fixed);
        }
    }

    /// A member of ours is no more.
    pub(super) fn forget(&mut self, number: u32) {
        self.astray.remove(&number);
        let Some(local) = self.local.remove(&number) else { return };
        if let Some(session) = self.sessions.get_mut(&local.client) {
            session.forget(number);
        }
        self.tidy(local.client);
    }

    pub(super) fn tidy(&mut self, client: Client) {
        if self.sessions.get(&client).is_some_and(|session| session.is_empty()) {
            self.sessions.remove(&client);
        }
    }
}
