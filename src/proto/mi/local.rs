//! What applications call for and what they are told (II.D.2, II.D.3).

use crate::name::{Digest, GroupName};
use crate::proto::group::Known;
use crate::wire::group::{Content, Direct, Entry, GroupKey, MemberId, Mode, Qos, Reason, Refusal};

/// A call of an application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LocalCall {
    /// Become a member.
    Join {
        /// Joining, creating, or both.
        mode: Mode,
        /// What the member says of itself.
        tag: Vec<u8>,
        /// What a creator chooses.
        qos: Qos,
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
    /// Tell the roster once more.
    View,
}

/// What an application is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LocalEvent {
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
    /// A call had no effect.
    Refused {
        /// The group that it was for.
        group: GroupName,
        /// Why.
        refusal: Refusal,
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
