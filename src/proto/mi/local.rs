//! What applications call for and what they are told (II.D.2, II.D.3).

use crate::name::{Digest, GroupName};
use crate::proto::group::Known;
use crate::wire::group::{Content, Direct, Entry, GroupKey, MemberId, Mode, Qos, Reason, Refusal};

/// A call of an application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalCall {
    /// The application's own count; answers bear it.
    pub number: u32,
    /// The group that it is about.
    pub group: GroupName,
    /// What is called for.
    pub ask: Ask,
}

/// What an application calls for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Become a member.
    Join {
        /// Joining, creating, or both.
        mode: Mode,
        /// What the member says of itself.
        tag: Vec<u8>,
        /// What a creator chooses.
        qos: Qos,
        /// Milliseconds that it may leave [`LocalEvent::Alive`] unanswered before it counts as failed; 0: it is
        /// there as long as its process.
        patience_ms: u32,
    },
    /// Be no longer.
    Leave {
        /// The member, which must be the application's own.
        member: MemberId,
    },
    /// Make another group part of this one.
    Merge {
        /// The other group.
        other: GroupName,
    },
    /// Let some members go to a group of their own.
    Split {
        /// Its name.
        new: GroupName,
        /// Their gids.
        members: Vec<u32>,
    },
    /// Tell the roster, also to one who is no member.
    View,
    /// It is there: the answer to [`LocalEvent::Alive`].
    Alive {
        /// Of the question.
        nonce: u32,
    },
}

/// What an application is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LocalEvent {
    /// A join is under way, for this member; views follow, or a refusal.
    Taken {
        /// Which call.
        call: u32,
        /// The member.
        member: MemberId,
    },
    /// A call had its effect.
    Done {
        /// Which.
        call: u32,
    },
    /// A call had no effect.
    Refused {
        /// Which.
        call: u32,
        /// The group that it was for.
        group: GroupName,
        /// Why.
        refusal: Refusal,
    },
    /// The roster that was asked for.
    Roster {
        /// By which call.
        call: u32,
        /// The group.
        key: GroupKey,
        /// The core's term.
        term: u32,
        /// Number of the view.
        number: u32,
        /// Its digest.
        digest: Digest,
        /// The members in the order of seniority.
        entries: Vec<Entry>,
    },
    /// Are you there? Asked of those who joined with a patience.
    Alive {
        /// Comes back in the answer.
        nonce: u32,
    },
    /// A view of a group, for one of the application's members.
    View {
        /// The group.
        key: GroupKey,
        /// The member that is told.
        member: MemberId,
        /// Its gid.
        gid: u32,
        /// Its place in the roster.
        rank: u32,
        /// The core's term: with the group's incarnation and the number it is a fencing token.
        term: u32,
        /// Number of the view.
        number: u32,
        /// Its digest.
        digest: Digest,
        /// Members in it.
        size: u32,
        /// Why it differs from the one before.
        reason: Reason,
        /// Gids of those who went. Empty where the whole roster is told.
        gone: Vec<u32>,
        /// Those who came, or the whole roster.
        came: Vec<Entry>,
        /// `came` is the whole roster.
        whole: bool,
    },
    /// One of the application's members is no longer in its group.
    Out {
        /// The group.
        group: GroupName,
        /// The member.
        member: MemberId,
        /// Why.
        reason: Reason,
    },
    /// The mserver does not poll us any more: views may be missing.
    ServerLost,
    /// We belong to one again.
    ServerFound,
}

impl LocalEvent {
    /// What one of our members is told of the view that was just applied; `first`: it was not in the one before.
    pub(super) fn of_view(
        known: &Known,
        direct: &Direct,
        (entry, rank): (&Entry, u32),
        first: bool,
    ) -> LocalEvent {
        let (whole, gone, came) = match &direct.content {
            Content::Delta { gone, came } if !first => (false, gone.clone(), came.clone()),
            Content::Delta { .. } | Content::Whole(_) => {
                (true, Vec::new(), known.roster().to_vec())
            }
        };
        LocalEvent::View {
            key: known.key(),
            member: entry.id,
            gid: entry.gid,
            rank,
            term: known.at().0,
            number: known.at().1,
            digest: known.digest(),
            size: known.roster().len() as u32,
            reason: direct.reason,
            gone,
            came,
            whole,
        }
    }
}
