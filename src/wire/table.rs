//! THE TABLE: every message there is, once.
//!
//! `code  NAME  origin  carries  what it is for`. The enum, the names that `ms decode` prints, the
//! message section of ms_protocol(7) and the Wireshark dissector are made from it or tested against
//! it. Codes of the thesis are never given another meaning; ours fill gaps it leaves (WIRE.md, Part B).

use std::fmt;

/// Who defined a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The thesis of 1994: the originals know the code.
    Thesis,
    /// An extension of `ms`: the originals ignore it.
    Ours,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Value of the `msg_type` field.
    pub code: u16,
    /// The message itself.
    pub kind: Kind,
    /// Its name, as the thesis writes it.
    pub name: &'static str,
    /// Who defined it.
    pub origin: Origin,
    /// What it carries beyond group name and sender, in a few words.
    pub carries: &'static str,
    /// What it is for, in a sentence.
    pub doc: &'static str,
}

macro_rules! messages {
    ($($code:literal $variant:ident $name:ident $origin:ident $carries:literal $doc:literal;)*) => {
        /// Every message type that has a meaning.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u16)]
        pub enum Kind {
            $(#[doc = $doc] $variant = $code,)*
        }

        /// The rows, in the order of their codes.
        pub const TABLE: &[Row] = &[
            $(Row {
                code: $code,
                kind: Kind::$variant,
                name: stringify!($name),
                origin: Origin::$origin,
                carries: $carries,
                doc: $doc,
            },)*
        ];

        impl Kind {
            /// The message with this code, if one is defined.
            pub const fn from_code(code: u16) -> Option<Kind> {
                match code {
                    $($code => Some(Kind::$variant),)*
                    _ => None,
                }
            }

            /// Its name, as the thesis writes it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Kind::$variant => stringify!($name),)*
                }
            }
        }
    };
}

messages! {
    0 Query QUERY Thesis "subject: the queried member; data: payload" "Are you there? To the ccw neighbour, always unicast.";
    1 Reply REPLY Thesis "subject: the querying member; data: payload" "I am. The answer to a QUERY, to the address and port it came from.";
    10 MJoin M_JOIN Thesis "subject: the joiner; data: payload" "Initiate: a mserver joins the core-set.";
    11 MLeave M_LEAVE Thesis "subject: the leaver; data: payload" "Initiate: a mserver leaves in good order.";
    12 MSplit M_SPLIT Thesis "subject list: who goes; data: payload" "Initiate: the core-set is split in two.";
    13 MMerge M_MERGE Thesis "data: payload" "Initiate: two core-sets become one.";
    14 MAddParent M_ADD_PARENT Thesis "subject: the parent; data: payload" "Initiate: the core-set gets a parent.";
    15 MDelParent M_DEL_PARENT Thesis "subject: the parent; data: payload" "Initiate: the core-set gives up its parent.";
    16 MStatsShort M_STATS_S Thesis "data: payload" "Short statistics of a core-set.";
    17 MStatsLong M_STATS_L Thesis "data: payload" "Long statistics of a core-set.";
    18 MFail M_FAIL Thesis "subject: the failed mserver; data: payload" "Initiate: one mserver is perceived failed.";
    19 MMultiFail M_MULTI_FAIL Thesis "subject list: the failed; data: payload" "Initiate: several mservers are perceived failed.";
    20 MCoordFail M_COORD_FAIL Thesis "exclude list: the coordinator; data: payload" "Election: the coordinator of a change is perceived failed.";
    21 Ack ACK Thesis "data: payload" "I accept the change.";
    22 Commit COMMIT Thesis "exclude list: who is removed; data: payload" "The change is decided: install the view.";
    23 Wait WAIT Thesis "data: payload" "Not yet, or not this one: what the sender is busy with.";
    24 MsgQuery MSG_QUERY Thesis "data: payload" "Where is the next message of this change?";
    25 Init INIT Thesis "data: payload" "Initial parameters: the whole state, for a joiner.";
    30 MJoinReq M_JOIN_REQ Thesis "subject: the joiner; data: payload" "Request: let this mserver join.";
    31 MLeaveReq M_LEAVE_REQ Thesis "subject: the leaver; data: payload" "Request: let this mserver leave.";
    32 MSplitReq M_SPLIT_REQ Thesis "subject list: who goes; data: payload" "Request: split the core-set.";
    33 MMergeReq M_MERGE_REQ Thesis "data: payload" "Request: merge with another core-set.";
    34 MAddParReq M_ADD_PAR_REQ Thesis "subject: the parent; data: payload" "Request: take this mserver as parent.";
    35 MDelParReq M_DEL_PAR_REQ Thesis "subject: the parent; data: payload" "Request: give up the parent.";
    36 MStatsShortReq M_STATS_S_REQ Thesis "data: payload" "Request: short statistics of a core-set.";
    37 MStatsLongReq M_STATS_L_REQ Thesis "data: payload" "Request: long statistics of a core-set.";
    70 AJoin A_JOIN Thesis "data: payload" "Initiate: a process joins an application group.";
    71 ALeave A_LEAVE Thesis "data: payload" "Initiate: a process leaves its group.";
    72 ASplit A_SPLIT Thesis "data: payload" "Initiate: an application group is split.";
    73 AMerge A_MERGE Thesis "data: payload" "Initiate: two application groups become one.";
    74 AStatsShort A_STATS_S Thesis "data: payload" "Short statistics of an application group.";
    75 AStatsLong A_STATS_L Thesis "data: payload" "Long statistics of an application group.";
    76 Submit SUBMIT Thesis "data: payload" "A request of an application on its way up to the core.";
    77 Direct DIRECT Thesis "data: payload" "A decision of the core on its way down to the members.";
    78 AFail A_FAIL Ours "data: payload" "Initiate: a member process is perceived failed.";
    79 AMultiFail A_MULTI_FAIL Ours "data: payload" "Initiate: several member processes are perceived failed.";
    80 AJoinReq A_JOIN_REQ Thesis "data: payload" "Call: join an application group.";
    81 ALeaveReq A_LEAVE_REQ Thesis "data: payload" "Call: leave an application group.";
    82 ASplitReq A_SPLIT_REQ Thesis "data: payload" "Call: split an application group.";
    83 AMergeReq A_MERGE_REQ Thesis "data: payload" "Call: merge two application groups.";
    84 AStatsShortReq A_STATS_S_REQ Thesis "data: payload" "Call: short statistics of a group.";
    85 AStatsLongReq A_STATS_L_REQ Thesis "data: payload" "Call: long statistics of a group.";
    86 AView A_VIEW Ours "data: payload" "A view of a group, for a member.";
    87 ARegister A_REGISTER Ours "data: payload" "The record of a group, on its way through the hierarchy.";
    88 AMove A_MOVE Ours "data: payload" "The core of a group moves to another core-set.";
    89 Error ERROR Ours "data: payload" "A request is refused: a code and a sentence.";
    90 Fragment FRAGMENT Ours "data: payload" "A part of a message that is too large for one datagram, or which parts are missing.";
    91 Sync SYNC Ours "data: payload" "Transfer of replicated state.";
    92 Application APPLICATION Ours "data: payload" "Initiate: a batch of operations of the group layer.";
    93 Forward FORWARD Ours "data: payload" "Operations for the leader to propose.";
    94 BranchLost BRANCH_LOST Ours "data: payload" "A branch of the hierarchy is cut off.";
    95 Challenge CHALLENGE Ours "data: payload" "Authentication, first contact: sign this nonce.";
    96 Response RESPONSE Ours "data: payload" "Authentication, first contact: the signed nonce.";
    120 JoinGroup JOIN_GROUP Thesis "nothing" "To an mcaster: send me what is multicast to the group.";
    121 LeaveGroup LEAVE_GROUP Thesis "nothing" "To an mcaster: no longer.";
    130 JoinAck JOIN_ACK Thesis "subject: the requester" "From an mcaster: you are a member now.";
    131 DupMember DUP_MEMBER Thesis "subject: the requester" "From an mcaster: you were a member before.";
    132 NegJoin NEG_JOIN Thesis "subject: the requester" "From an mcaster: refused, you are no member.";
    140 LeaveAck LEAVE_ACK Thesis "subject: the requester" "From an mcaster: you are no member any more.";
    141 NoGroup NO_GROUP Thesis "subject: the requester" "From an mcaster: there is no such group.";
    142 NoMember NO_MEMBER Thesis "subject: the requester" "From an mcaster: you are no member of that group.";
    143 NegLeave NEG_LEAVE Thesis "subject: the requester" "From an mcaster: refused, you are still a member.";
}

impl Kind {
    /// The value of the `msg_type` field.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Messages in which the originals leave stack content in `data_len` (WIRE.md, Part A section 2):
    /// all six are 88 bytes long, whatever the field says.
    pub const fn data_len_may_be_garbage(self) -> bool {
        matches!(
            self,
            Kind::Query
                | Kind::Reply
                | Kind::JoinGroup
                | Kind::LeaveGroup
                | Kind::JoinAck
                | Kind::DupMember
                | Kind::NegJoin
                | Kind::LeaveAck
                | Kind::NoGroup
                | Kind::NoMember
                | Kind::NegLeave
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_agrees_with_itself() {
        assert!(TABLE.windows(2).all(|w| w[0].code < w[1].code));
        for row in TABLE {
            assert_eq!(row.kind.code(), row.code);
            assert_eq!(Kind::from_code(row.code), Some(row.kind));
            assert_eq!(row.kind.name(), row.name);
        }
        assert_eq!(Kind::from_code(2), None);
        assert_eq!(TABLE.iter().filter(|r| r.origin == Origin::Thesis).count(), 49);
    }
}
