//! How to join: what a member says of itself, what a creator chooses, and what to do when the member interface is away.

use super::error::new_group;
use super::{Error, Member, Place};
use crate::name::NameError;
use crate::wire::group::{MAX_RULE, MAX_TAG, Mode, Order, Qos, Scope};
use std::str::FromStr;
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
    pub(super) rejoin: bool,
    pub(super) wait: bool,
}

impl Default for JoinOptions {
    fn default() -> JoinOptions {
        JoinOptions {
            mode: Mode::default(),
            tag: Vec::new(),
            qos: Qos::default(),
            patience: Duration::ZERO,
            place: Place::usual(),
            rejoin: true,
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

    /// A fixed bound of detection. Default: timeouts follow what is measured.
    pub fn detect(mut self, bound: Duration) -> JoinOptions {
        self.qos.detect_ms = millis(bound);
        self
    }

    /// Members are told the size and their rank, not the roster.
    pub fn count_only(mut self, yes: bool) -> JoinOptions {
        self.qos.count_only = yes;
        self
    }

    /// Up to where the name is reserved. Default: to the top.
    pub fn name_scope(mut self, scope: Scope) -> JoinOptions {
        self.qos.name_scope = scope;
        self
    }

    /// How far the search for the group goes, and, if it is created, how high its core may come. Default: to the top.
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

    /// Whether to join again, as a new member, after the member interface went away or the group took us for dead.
    /// Default: yes.
    pub fn rejoin(mut self, yes: bool) -> JoinOptions {
        self.rejoin = yes;
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
    /// The name cannot be one, a tag or rule is too long, there is no member interface. Nothing was asked for then.
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
        Member::begin(group, self.clone())
    }
}

/// Milliseconds as the packets have them; a part of one counts as one.
pub(super) fn millis(time: Duration) -> u32 {
    time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(u32::MAX)
}

/// As a person says it: `top`, a level number (what is above 255 is as good as 255), or the name of a set.
impl FromStr for Scope {
    type Err = NameError;

    fn from_str(word: &str) -> Result<Scope, NameError> {
        if word == "top" {
            return Ok(Scope::Top);
        }
        if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Scope::Level(word.parse().unwrap_or(u8::MAX)));
        }
        word.parse().map(Scope::Set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_top_a_level_or_a_set() {
        assert_eq!("top".parse(), Ok(Scope::Top));
        assert_eq!("2".parse(), Ok(Scope::Level(2)));
        assert_eq!("1000".parse(), Ok(Scope::Level(255)));
        assert_eq!("campus".parse(), Ok(Scope::Set("campus".parse().unwrap())));
        assert_eq!("".parse::<Scope>(), Err(NameError::Empty));
    }

    #[test]
    fn a_patience_is_never_cut_short() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_micros(1)), 1);
        assert_eq!(millis(Duration::MAX), u32::MAX);
    }
}
