//! What an operator, or a story, should be told: one event, in words.

use super::coreset::{Cause, HAS_PARENT};
use super::mserver::Installed;
use crate::name::{Gid, GroupName, Incarnation, ViewNumber};
use crate::wire::WireError;
use crate::wire::coreset::SetName;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Changes of one kind in an mcaster's groups that are told in a while.
const MEMBERS: u32 = 100;

/// Words under which messages are ignored that well-meaning daemons send in the normal course: at boot, when views
/// cross, when an answer comes twice. Whatever is not named here may be somebody's mistake, and is a warning.
const ORDINARY: [&str; 13] = [
    "answer-not-expected",
    "group-not-known",
    "not-concerned",
    "not-our-mserver",
    "not-our-parent",
    "not-registered",
    "older-registration",
    "other-set",
    "stranger",
    "sync-not-needed",
    "sync-of-a-stranger",
    "sync-out",
    "sync-part-not-expected",
];

/// How loud a note is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Something was lost or refused that an operator wants to know of.
    Warning,
    /// A membership changed.
    Notice,
    /// For those who look closely.
    Debug,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// A datagram was dropped and changed nothing.
    Dropped {
        /// The word under which it is counted.
        cause: &'static str,
        /// Whom it is from.
        from: SocketAddrV4,
        /// What exactly was wrong, if it was no message.
        error: Option<WireError>,
    },
    /// A datagram passed that would not where signatures are required.
    Doubted {
        /// The word under which it is counted.
        cause: &'static str,
        /// Whom it is from.
        from: SocketAddrV4,
    },
    /// A ring member hears its group now.
    Joined {
        /// The group.
        group: GroupName,
        /// The mcaster that was joined, or none for IP multicast.
        mcaster: Option<SocketAddrV4>,
        /// The mcaster knew us before.
        before: bool,
    },
    /// The mcaster does not answer any more; it is asked again and again.
    McasterSilent {
        /// Which.
        mcaster: SocketAddrV4,
    },
    /// The mcaster answers again, having forgotten us or not.
    McasterBack {
        /// Which.
        mcaster: SocketAddrV4,
        /// We had to be added anew.
        forgotten: bool,
    },
    /// The monitored neighbour is detected failed.
    Failed {
        /// The group.
        group: GroupName,
        /// The failed neighbour.
        gid: Gid,
        /// Its address.
        address: SocketAddrV4,
        /// Our gid.
        by: Gid,
        /// QUERYs that went unanswered.
        queries: u32,
    },
    /// The neighbour that was failed replies again.
    Recovered {
        /// The group.
        group: GroupName,
        /// The neighbour.
        gid: Gid,
        /// Its address.
        address: SocketAddrV4,
    },
    /// A ring member left its group in good order.
    Left {
        /// The group.
        group: GroupName,
        /// The mcaster confirmed it (always, with IP multicast).
        confirmed: bool,
    },
    /// An mcaster has a member more.
    MemberAdded {
        /// The group.
        group: GroupName,
        /// The member.
        member: Ipv4Addr,
        /// Members in the group now.
        members: usize,
    },
    /// An mcaster took a member in again that had been silent for longer than its limit.
    MemberRejoined {
        /// The group.
        group: GroupName,
        /// The member.
        member: Ipv4Addr,
    },
    /// An mcaster has a member less.
    MemberRemoved {
        /// The group.
        group: GroupName,
        /// The member.
        member: Ipv4Addr,
        /// Members in the group now; with none it is gone.
        members: usize,
        /// It did not leave, it was silent for too long.
        expired: bool,
    },
    /// An mcaster refused to add a member.
    MemberRefused {
        /// The group.
        group: GroupName,
        /// Who asked.
        member: SocketAddrV4,
        /// Why, in words.
        why: &'static str,
    },
    /// Something happened in a core-set.
    Set(SetNews),
    /// The member interface parted with an application of this host.
    Application {
        /// Number of its user.
        user: u32,
        /// Its process.
        process: i32,
        /// Why, in words.
        why: &'static str,
    },
    /// The process was not run for a while; timers that ran are started anew.
    Late {
        /// For how long, in milliseconds.
        ms: u64,
    },
}

/// News of a core-set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetNews {
    /// A mserver installed a view.
    View(Box<Installed>),
    /// A mserver ceased to communicate with a member of its view.
    Isolated {
        /// The set.
        set: SetName,
        /// Whom.
        who: SocketAddrV4,
        /// Why.
        cause: Cause,
    },
    /// A mserver founded its set.
    Founded {
        /// The set.
        set: SetName,
        /// Number of the first view.
        num: ViewNumber,
        /// The mserver's incarnation.
        inc: Incarnation,
    },
    /// A mserver is in no view of a set any more.
    OutOfSet {
        /// The set.
        set: SetName,
        /// It was asked for.
        asked: bool,
    },
    /// A request was refused.
    Refused {
        /// Why.
        why: String,
    },
}

impl Note {
    /// How loud it is.
    pub fn level(&self) -> Level {
        match self {
            Note::Dropped { cause, error: None, .. } if ORDINARY.contains(cause) => Level::Debug,
            Note::Dropped { .. }
            | Note::Doubted { .. }
            | Note::McasterSilent { .. }
            | Note::MemberRefused { .. }
            | Note::Failed { .. }
            | Note::Application { .. }
            | Note::Late { .. } => Level::Warning,
            Note::Joined { .. }
            | Note::McasterBack { .. }
            | Note::Recovered { .. }
            | Note::Left { .. }
            | Note::MemberAdded { .. }
            | Note::MemberRejoined { .. }
            | Note::MemberRemoved { .. } => Level::Notice,
            Note::Set(news) => news.level(),
        }
    }

    /// Notes that a peer can cause at will are told so many times in a while for each such word; the
    /// others have none. Members that join and leave are news, until they do nothing else.
    pub fn limited_as(&self) -> Option<(&'static str, u32)> {
        match self {
            Note::Dropped { cause, .. } | Note::Doubted { cause, .. } => Some((cause, 1)),
            Note::MemberRefused { why, .. } | Note::Application { why, .. } => Some((why, 1)),
            Note::Late { .. } => Some(("late", 1)),
            Note::Set(news) => news.limited_as(),
            Note::MemberAdded { .. } => Some(("member added", MEMBERS)),
            Note::MemberRejoined { .. } => Some(("member rejoined", MEMBERS)),
            Note::MemberRemoved { .. } => Some(("member removed", MEMBERS)),
            Note::Joined { .. }
            | Note::McasterSilent { .. }
            | Note::McasterBack { .. }
            | Note::Failed { .. }
            | Note::Recovered { .. }
            | Note::Left { .. } => None,
        }
    }
}

impl SetNews {
    /// Who stands by asks again and again, and is told each time that it is not needed: no news to anybody.
    fn is_standing_by(&self) -> bool {
        matches!(self, SetNews::Refused { why } if why.contains(HAS_PARENT))
    }

    fn level(&self) -> Level {
        match self {
            SetNews::Refused { .. } if self.is_standing_by() => Level::Debug,
            SetNews::Isolated { .. } | SetNews::Refused { .. } => Level::Warning,
            SetNews::View(_) | SetNews::Founded { .. } | SetNews::OutOfSet { .. } => Level::Notice,
        }
    }

    fn limited_as(&self) -> Option<(&'static str, u32)> {
        match self {
            // It must not use up what there is for others.
            SetNews::Refused { .. } if self.is_standing_by() => Some(("stands by", 1)),
            SetNews::Refused { .. } => Some(("refused", 10)),
            SetNews::View(_)
            | SetNews::Isolated { .. }
            | SetNews::Founded { .. }
            | SetNews::OutOfSet { .. } => None,
        }
    }
}

impl fmt::Display for SetNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetNews::View(installed) => write!(f, "{installed}"),
            SetNews::Isolated { set, who, cause } => {
                write!(f, "set {set}: {who} is isolated: {cause}")
            }
            SetNews::Founded { set, num, inc } => {
                write!(f, "set {set}: founded with view {num} in incarnation {inc}")
            }
            SetNews::OutOfSet { set, asked: true } => {
                write!(f, "set {set}: left, as was asked for")
            }
            SetNews::OutOfSet { set, asked: false } => {
                write!(f, "set {set}: in no view any more, joining again")
            }
            SetNews::Refused { why } => write!(f, "request refused: {why}"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Dropped { cause, from, error: Some(error) } => {
                write!(f, "datagram from {from} dropped ({cause}): {error}")
            }
            Note::Dropped { cause, from, error: None } => {
                write!(f, "datagram from {from} dropped: {cause}")
            }
            Note::Doubted { cause, from } => {
                write!(f, "datagram from {from} would be dropped with --auth require: {cause}")
            }
            Note::Joined { group, mcaster: None, .. } => {
                write!(f, "group {group} joined by IP multicast")
            }
            Note::Joined { group, mcaster: Some(m), before: false } => {
                write!(f, "group {group} joined at mcaster {m}")
            }
            Note::Joined { group, mcaster: Some(m), before: true } => {
                write!(f, "group {group} joined at mcaster {m}, which knew this address before")
            }
            Note::McasterSilent { mcaster } => {
                write!(f, "mcaster {mcaster} does not answer; asking on")
            }
            Note::McasterBack { mcaster, forgotten: true } => {
                write!(f, "mcaster {mcaster} had forgotten this member, joined again")
            }
            Note::McasterBack { mcaster, forgotten: false } => {
                write!(f, "mcaster {mcaster} answers again")
            }
            Note::Failed { group, gid, address, by, queries } => write!(
                f,
                "group {group}: member {gid} at {address} is detected failed by {by}: \
                 no REPLY to {queries} QUERYs"
            ),
            Note::Recovered { group, gid, address } => {
                write!(f, "group {group}: member {gid} at {address} replies again")
            }
            Note::Left { group, confirmed: true } => write!(f, "group {group} left"),
            Note::Left { group, confirmed: false } => {
                write!(f, "group {group} left, though the mcaster did not confirm it")
            }
            Note::MemberAdded { group, member, members } => {
                write!(f, "group {group}: {member} joined, {members} now")
            }
            Note::MemberRejoined { group, member } => {
                write!(f, "group {group}: {member} joined again after a silence")
            }
            Note::MemberRemoved { group, member, members, expired } => {
                let how = if *expired { "was silent for too long, removed" } else { "left" };
                write!(f, "group {group}: {member} {how}, {members} now")
            }
            Note::MemberRefused { group, member, why } => {
                write!(f, "group {group}: join of {member} refused: {why}")
            }
            Note::Set(news) => write!(f, "{news}"),
            Note::Application { user, process, why } => {
                write!(f, "application of user {user}, process {process}: {why}")
            }
            Note::Late { ms } => {
                write!(f, "not run for {ms} ms; timers started anew, nobody is accused")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(cause: &'static str, error: Option<WireError>) -> Level {
        Note::Dropped { cause, from: "10.0.0.1:2900".parse().unwrap(), error }.level()
    }

    #[test]
    fn what_happens_at_every_boot_is_for_those_who_look_closely() {
        assert_eq!(dropped("sync-of-a-stranger", None), Level::Debug);
        assert_eq!(dropped("answer-not-expected", None), Level::Debug);
        assert_eq!(dropped("not-allowed", None), Level::Warning);
        let error = Some(WireError::Oversized { have: 2, most: 1 });
        assert_eq!(dropped("oversized", error), Level::Warning);
    }

    #[test]
    fn who_stands_by_fills_no_log_and_hides_no_other_refusal() {
        let refused = |why: String| Note::Set(SetNews::Refused { why });
        let again = refused(format!("by 10.0.0.2:2900: {HAS_PARENT}, 10.0.0.1:2900"));
        let other = refused("too many merges are asked for".to_string());
        assert_eq!((again.level(), other.level()), (Level::Debug, Level::Warning));
        assert_ne!(again.limited_as(), other.limited_as());
    }
}
