//! How to join: what a member says of itself, what a creator chooses, and what to do when the member interface is away.

use super::error::new_group;
use super::{Error, Member, Place};
use crate::wire::group::{MAX_RULE, MAX_TAG, Mode, Monitor, Order, Qos, Reason, Scope};
use std::time::Duration;

/// How to join a group. All of it has defaults: join or create, no tag, the quality of service that suits most, a member
/// as long as its process lives, and rejoining when the member interface comes back.
///
/// ```no_run
/// use membership::client::JoinOptions;
///
/// let member = JoinOptions::new().tag("role=db").survive("majority").join("orders")?;
/// # Ok::<(), membership::client::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinOptions {
    pub(super) mode: Mode,
    pub(super) tag: Vec<u8>,
    pub(super) qos: Qos,
    pub(super) patience: Duration,
    pub(super) place: Place,
    pub(super) rejoin: Rejoin,
    pub(super) wait: bool,
}

/// When a membership that ended without our doing begins anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rejoin {
    /// Never: the end of the membership is the end.
    Never,
    /// After the member interface went away, and after the group took us for dead ([`Reason::Failed`]).
    #[default]
    Alive,
    /// Also after this side of a partition had to die ([`Reason::Terminated`]), or was cut off ([`Reason::Partitioned`]).
    /// Such a one joins the group where it lives on, and does not found another: until there is one again, it
    /// keeps asking.
    Always,
}

/// As one says whether.
impl From<bool> for Rejoin {
    fn from(yes: bool) -> Rejoin {
        if yes { Rejoin::Alive } else { Rejoin::Never }
    }
}

impl Rejoin {
    /// Whether one begins after an end for this reason.
    pub(super) fn follows(self, reason: Reason) -> bool {
        match reason {
            Reason::Failed => self != Rejoin::Never,
            Reason::Terminated | Reason::Partitioned => self == Rejoin::Always,
            _ => false,
        }
    }
}

impl Default for JoinOptions {
    fn default() -> JoinOptions {
        JoinOptions {
            mode: Mode::default(),
            tag: Vec::new(),
            qos: Qos::default(),
            patience: Duration::ZERO,
            place: Place::usual(),
            rejoin: Rejoin::default(),
            wait: false,
        }
    }
}

impl JoinOptions {
    /// The defaults.
    pub fn new() -> JoinOptions {
        JoinOptions::default()
    }

    /// Whether the group may or must be created by this join. Default: joined, or else created.
    pub fn mode(mut self, mode: Mode) -> JoinOptions {
        self.mode = mode;
        self
    }

    /// What the member says of itself, at most 64 bytes, as in `role=db`. Everybody in the group sees it.
    pub fn tag(mut self, tag: impl Into<Vec<u8>>) -> JoinOptions {
        self.tag = tag.into();
        self
    }

    /// All of the quality of service at once: it counts if this join creates the group.
    pub fn qos(mut self, qos: Qos) -> JoinOptions {
        self.qos = qos;
        self
    }

    /// Whether changes are agreed on before anybody sees them. Default: they are.
    pub fn order(mut self, order: Order) -> JoinOptions {
        self.qos.order = order;
        self
    }

    /// On which condition a side of a partition lives, at most 255 bytes, as in `majority` or `size >= 3`. Default: any
    /// side does.
    pub fn survive(mut self, rule: impl Into<String>) -> JoinOptions {
        self.qos.survive = rule.into();
        self
    }

    /// On which condition sides become one again, at most 255 bytes. Default: because they were one.
    pub fn merge(mut self, rule: impl Into<String>) -> JoinOptions {
        self.qos.merge = rule.into();
        self
    }

    /// So many changes, or those of so much time, become one view. Default: each is one.
    pub fn batch(mut self, changes: u16, time: Duration) -> JoinOptions {
        (self.qos.batch, self.qos.batch_ms) = (changes, millis(time));
        self
    }

    /// How it is seen that an application does not answer any more. Default: adaptive, timeouts follow what is measured.
    pub fn monitor(mut self, monitor: Monitor) -> JoinOptions {
        self.qos.monitor = monitor;
        self
    }

    /// A quality of service by its name and in words, both as ms(1) has them: `quality("monitor", "fixed 1s x 3")`.
    ///
    /// # Errors
    /// [`Error::Quality`]: there is none of that name, or it cannot be had in these words.
    pub fn quality(mut self, name: &str, words: &str) -> Result<JoinOptions, Error> {
        self.qos.set(name, words)?;
        Ok(self)
    }

    /// What was chosen so far.
    pub fn chosen(&self) -> &Qos {
        &self.qos
    }

    /// Members are told the size and their rank, not the roster.
    pub fn count_only(mut self, yes: bool) -> JoinOptions {
        self.qos.count_only = yes;
        self
    }

    /// Up to where the name is reserved, and so how high the group may come. Default: to the top.
    pub fn name_scope(mut self, scope: Scope) -> JoinOptions {
        self.qos.name_scope = scope;
        self
    }

    /// How far the search for the group goes, and, if it is created, how high its core may come. Default: as
    /// high as the name.
    pub fn membership_scope(mut self, scope: Scope) -> JoinOptions {
        self.qos.membership_scope = scope;
        self
    }

    /// How long the application may be silent before it counts as failed, at most 2^32 - 1 ms. It is asked, and answers
    /// whenever [`Member::try_event`] or [`Member::next_event`] is called. Default, zero: it is there as long as its
    /// process.
    pub fn patience(mut self, patience: Duration) -> JoinOptions {
        self.patience = patience;
        self
    }

    /// Where the member interface is. Default: [`Place::usual`].
    pub fn place(mut self, place: Place) -> JoinOptions {
        self.place = place;
        self
    }

    /// When to join again, as a new member. Default: [`Rejoin::Alive`]; `true` is that, and `false` is never.
    pub fn rejoin(mut self, when: impl Into<Rejoin>) -> JoinOptions {
        self.rejoin = when.into();
        self
    }

    /// Whether to wait for a member interface that is not there yet, instead of [`Error::NoMi`]. Default: no.
    pub fn wait(mut self, yes: bool) -> JoinOptions {
        self.wait = yes;
        self
    }

    /// Joins a group. It does not wait: whether the join came to be is told by the first event, an
    /// [`Event::View`](super::Event::View) or an [`Event::Refused`](super::Event::Refused).
    ///
    /// # Errors
    /// The name cannot be one, a tag or rule is too long, the quality of service cannot be ([`Error::Quality`]), there is no
    /// member interface. Nothing was asked for then.
    pub fn join(&self, group: &str) -> Result<Member, Error> {
        let group = new_group(group)?;
        for (what, have, most) in [
            ("tag", self.tag.len(), MAX_TAG),
            ("survive rule", self.qos.survive.len(), MAX_RULE),
            ("merge rule", self.qos.merge.len(), MAX_RULE),
        ] {
            if have > most {
                return Err(Error::TooLong { what, have, most });
            }
        }
        let mut options = self.clone();
        options.qos = options.qos.within_name();
        options.qos.check()?;
        Member::begin(group, options)
    }
}

/// Milliseconds as the packets have them; a part of one counts as one.
pub(super) fn millis(time: Duration) -> u32 {
    time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patience_is_never_cut_short() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_micros(1)), 1);
        assert_eq!(millis(Duration::MAX), u32::MAX);
    }
}
