//! What goes into the machine of a core-set and what comes out of it.

use super::cause::Cause;
use crate::name::{Incarnation, ViewNumber};
use crate::proto::params::Params;
use crate::wire::coreset::{
    Change, ChangeId, CoreMessage, Operation, Position, Request, SetName, View,
};
use std::net::SocketAddrV4;

/// Timings of a core-set, in ticks of the loop's clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SetParams {
    /// T_ACK, T_REPLY, T_MESSG: how long one message waits for its answer.
    pub reply: u32,
    /// How many times an unanswered one is sent again.
    pub retries: u32,
    /// T_QUERY: from one answered QUERY to the next.
    pub query: u32,
    /// T_JOIN: from one JOIN_REQ to the next.
    pub join: u32,
    /// STAGGER: how much later each rank coordinates a request that all have queued.
    pub stagger: u32,
    /// T_PROBE: from one probe for separated sides to the next, while some are missed.
    pub probe: u32,
    /// The same when nobody is missed.
    pub probe_idle: u32,
    /// T_MERGE: how long separated sides are looked for before a side takes a name of its own; 0: for ever.
    pub merge: u32,
    /// How often one message may extend a wait.
    pub extensions: u32,
    /// How many others are asked about a silent neighbour before it is judged.
    pub confirm: u32,
    /// Departed origins of operations that a view remembers one by one. It decides what a view is, so it must be the
    /// same at all mservers of a set: [`SetParams::of`] always takes [`REMEMBER`].
    pub remember: u32,
}

/// Departed origins that a view remembers: two views and what they are made from still travel in one message.
pub const REMEMBER: u32 = 512;

impl SetParams {
    /// The timings of a core-set that go with those of its monitoring. What nobody sets is a multiple of T_REPLY,
    /// but for the original's profile, whose values are those of the thesis.
    pub fn of(params: &Params) -> SetParams {
        let reply = params.reply;
        let halves = |n: u32| reply.saturating_mul(n).div_ceil(2);
        let (join, probe) = match params.report_each_round {
            true => (reply, halves(6)),
            false => (halves(5), halves(15)),
        };
        SetParams {
            reply,
            retries: params.retries,
            query: params.query,
            join,
            stagger: halves(1),
            probe,
            probe_idle: params.ticks(PROBE_IDLE_MS).max(probe),
            merge: params.merge,
            extensions: 6,
            confirm: params.confirm,
            remember: REMEMBER,
        }
    }
}

/// From one probe to the next when nobody is missed.
const PROBE_IDLE_MS: u64 = 2000;

impl Default for SetParams {
    /// The ticks of the specification's model: everything is tested with these.
    fn default() -> SetParams {
        SetParams {
            reply: 5,
            retries: 2,
            query: 60,
            join: 5,
            stagger: 3,
            probe: 15,
            probe_idle: 60,
            merge: 0,
            extensions: 6,
            confirm: 0,
            remember: REMEMBER,
        }
    }
}

/// What a mserver does that finds no set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Founding {
    /// It founds the set when its requests go unanswered.
    IfNone,
    /// It founds the set at once.
    AtOnce,
    /// It goes on asking.
    Never,
    /// It does not want in as a peer but as the set's parent (M_ADD_PAR_REQ), and goes on asking.
    AsParent,
}

/// Who we are and whom we look for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Config {
    /// Name of the set.
    pub name: SetName,
    /// Level of the set.
    pub level: u8,
    /// Our own address.
    pub own: SocketAddrV4,
    /// Whether we found the set.
    pub founding: Founding,
    /// Timings.
    pub params: SetParams,
}

/// What happens to a core-set at one of its mservers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetInput<'a> {
    /// A message arrived; from whom it really came the message itself says, and the caller has checked it.
    Message(&'a CoreMessage),
    /// Time passed: so many ticks, at least one.
    Tick {
        /// Ticks since the last one.
        elapsed: u32,
    },
    /// An operation of the layer above is to be agreed on.
    Submit(Vec<u8>),
    /// An operation that means this very position: we coordinate it at once, whatever waits before it and even out of
    /// step, or nothing comes of it.
    Now(Vec<u8>),
    /// The layer above has what was agreed on so far, or it lacks some of it: then we start no batch. Once this was
    /// said, it is assumed to lack something after a Join of ours and after a Merge, until it says otherwise.
    InStep(bool),
    /// A request of an operator or of ourselves.
    Request(Request),
    /// Leave in good order.
    Leave,
}

/// What a core-set wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetAction {
    /// Send to one mserver.
    Send {
        /// Its address.
        to: SocketAddrV4,
        /// What.
        message: CoreMessage,
    },
    /// Send to the set's group address: everybody who listens there, ourselves not.
    Multicast(CoreMessage),
    /// A view was installed.
    Installed {
        /// The view.
        view: View,
        /// The position that was left, if there was one.
        from: Option<Position>,
        /// The change that made it, if one did.
        change: Option<Change>,
        /// The operations that were applied with it, in their order.
        applied: Vec<Operation>,
    },
    /// We are in no view any more.
    Out {
        /// Because we asked for it; otherwise because the set says so.
        asked: bool,
    },
    /// Tell the operator.
    Note(SetNote),
}

/// What an operator, or a story, should be told of a core-set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetNote {
    /// A message was ignored; the word is the rule's.
    Ignored {
        /// Why.
        why: &'static str,
        /// Whose it was.
        from: SocketAddrV4,
    },
    /// We ceased to communicate with a member.
    Isolated {
        /// Whom.
        who: SocketAddrV4,
        /// Why, in a word.
        why: &'static str,
        /// Why, with all particulars.
        cause: Cause,
    },
    /// A change of phase.
    Phase {
        /// The phase left.
        from: &'static str,
        /// The phase entered.
        to: &'static str,
        /// Why, in a word.
        why: &'static str,
        /// The change that it is about, if one is current.
        change: Option<ChangeId>,
    },
    /// A request was refused.
    Refused {
        /// Why, in a sentence.
        why: String,
    },
    /// We founded the set.
    Founded {
        /// The number of its first view.
        num: ViewNumber,
        /// Our incarnation.
        inc: Incarnation,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::params::Profile;

    fn of(profile: &str) -> SetParams {
        SetParams::of(&Profile::named(profile).unwrap().params())
    }

    #[test]
    fn what_nobody_sets_is_a_multiple_of_the_reply_time() {
        let lan = of("lan");
        assert_eq!((lan.join, lan.stagger), (lan.reply * 5 / 2, lan.reply / 2));
        assert_eq!((lan.probe, lan.probe_idle, lan.merge), (lan.reply * 15 / 2, 200, 0));
        let wan = of("wan");
        assert_eq!((wan.reply, wan.probe, wan.probe_idle), (20, 150, 150));
    }

    #[test]
    fn the_original_has_the_ticks_of_the_thesis() {
        let thesis = of("thesis");
        assert_eq!((thesis.reply, thesis.query, thesis.join), (5, 60, 5));
        assert_eq!((thesis.stagger, thesis.probe, thesis.merge), (3, 15, 600));
    }
}
