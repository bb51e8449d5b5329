//! Being in a group of an mcaster: joining, being remembered, leaving (thesis VI.B.2, Figures 51 and 53).
//!
//! ```text
//!   Joining ── JOIN_ACK, DUP_MEMBER ──> Joined ── leave ──> Leaving ── LEAVE_ACK ──> Left
//!      └── NEG_JOIN, no answer: refused      └── JOIN_GROUP again, now and then
//! ```
//!
//! Beyond 1994: the JOIN is sent again until it is answered; DUP_MEMBER means that we are in the group; the JOIN
//! is repeated now and then, so that a restarted mcaster, which has forgotten its groups, learns of us.

use super::note::Note;
use super::params::Params;
use super::reliable::{Reliable, Waiting};
use super::step::Action;
use super::timer::Countdown;
use crate::name::GroupName;
use crate::wire::{Draft, Header, Kind, Sum};
use std::net::SocketAddrV4;

/// A JOIN is repeated at least this far apart, in milliseconds.
const REFRESH_MS: u64 = 10_000;
/// An mcaster is asked to let us in for at least so many milliseconds, however fast the timings are.
const JOIN_MS: u64 = 5_000;

/// Where we are between start and end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// A JOIN_GROUP is out.
    Joining { wait: Reliable },
    /// In the group; the next JOIN_GROUP is due at `refresh`. The last one is not answered yet if
    /// `asked`, one before it was not answered at all if `silent`.
    Joined { refresh: Countdown, asked: bool, silent: bool },
    /// A LEAVE_GROUP is out.
    Leaving { wait: Reliable },
    /// Out of it.
    Left,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// We hear the group now.
    Joined {
        /// The mcaster knew us before.
        before: bool,
    },
    /// We shall never hear it: why, in words.
    Refused(String),
    /// We do not hear it any more, as was wanted.
    Left {
        /// The mcaster said so.
        confirmed: bool,
    },
}

/// A place in one group of one mcaster.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Enrolment {
    group: GroupName,
    mcaster: SocketAddrV4,
    params: Params,
    phase: Phase,
}

impl Enrolment {
    /// Asks to be let in. The first action is a JOIN_GROUP.
    pub fn start(
        group: GroupName,
        mcaster: SocketAddrV4,
        params: Params,
        actions: &mut Vec<Action>,
    ) -> Enrolment {
        let phase = Phase::Joining { wait: Reliable::start(&joining(&params)) };
        let enrolment = Enrolment { group, mcaster, params, phase };
        enrolment.ask(Kind::JoinGroup, actions);
        enrolment
    }

    /// Whether messages of that type are answers of an mcaster.
    pub fn answers(kind: Kind) -> bool {
        matches!(
            kind,
            Kind::JoinAck
                | Kind::DupMember
                | Kind::NegJoin
                | Kind::LeaveAck
                | Kind::NoGroup
                | Kind::NoMember
                | Kind::NegLeave
        )
    }

    /// The group.
    pub fn group(&self) -> GroupName {
        self.group
    }

    /// The mcaster.
    pub fn mcaster(&self) -> SocketAddrV4 {
        self.mcaster
    }

    /// Whether we hear the group.
    pub fn is_joined(&self) -> bool {
        matches!(self.phase, Phase::Joined { .. })
    }

    /// Where we are, in a word.
    pub fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::Joining { .. } => "joining",
            Phase::Joined { .. } => "joined",
            Phase::Leaving { .. } => "leaving",
            Phase::Left => "left",
        }
    }

    /// Other timings from now on: what waits begins to wait anew.
    pub fn set_params(&mut self, params: Params) {
        self.params = params;
        let anew = self.refresh();
        match &mut self.phase {
            Phase::Joining { wait } | Phase::Leaving { wait } => *wait = Reliable::start(&params),
            Phase::Joined { refresh, .. } => *refresh = anew,
            Phase::Left => {}
        }
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is.
    pub fn due(&self) -> u32 {
        match self.phase {
            Phase::Joining { wait } | Phase::Leaving { wait } => wait.due(),
            Phase::Joined { refresh, .. } => refresh.left(),
            Phase::Left => u32::MAX,
        }
    }

    /// An answer of the mcaster about our group.
    ///
    /// # Errors
    /// The word under which an answer is counted that nobody waits for; nothing changed.
    pub fn answer(
        &mut self,
        kind: Kind,
        actions: &mut Vec<Action>,
    ) -> Result<Option<Outcome>, &'static str> {
        let mcaster = self.mcaster;
        match (self.phase, kind) {
            (Phase::Joining { .. }, Kind::JoinAck | Kind::DupMember) => {
                self.phase = self.joined();
                let before = kind == Kind::DupMember;
                let mcaster = Some(mcaster);
                actions.push(Action::Note(Note::Joined { group: self.group, mcaster, before }));
                Ok(Some(Outcome::Joined { before }))
            }
            (Phase::Joining { .. }, Kind::NegJoin) => {
                self.phase = Phase::Left;
                let why = format!("mcaster {mcaster} refused the join (NEG_JOIN)");
                Ok(Some(Outcome::Refused(why)))
            }
            (Phase::Joined { silent, .. }, Kind::JoinAck | Kind::DupMember) => {
                let forgotten = kind == Kind::JoinAck;
                if silent || forgotten {
                    actions.push(Action::Note(Note::McasterBack { mcaster, forgotten }));
                }
                self.phase = self.joined();
                Ok(None)
            }
            (Phase::Leaving { .. }, Kind::LeaveAck | Kind::NoGroup | Kind::NoMember) => {
                Ok(Some(self.left(true, actions)))
            }
            (Phase::Leaving { .. }, Kind::NegLeave) => Ok(Some(self.left(false, actions))),
            _ => Err("answer-not-expected"),
        }
    }

    /// Time passes.
    pub fn tick(&mut self, elapsed: u32, actions: &mut Vec<Action>) -> Option<Outcome> {
        match &mut self.phase {
            Phase::Joining { wait } => match wait.tick(elapsed, &joining(&self.params)) {
                Waiting::On => None,
                Waiting::Again => self.ask(Kind::JoinGroup, actions),
                Waiting::GaveUp => Some(self.nobody_there()),
            },
            Phase::Joined { refresh, asked, silent } => {
                if refresh.tick(elapsed) {
                    let newly_silent = *asked && !*silent;
                    let silent = *silent || newly_silent;
                    if newly_silent {
                        let mcaster = self.mcaster;
                        actions.push(Action::Note(Note::McasterSilent { mcaster }));
                    }
                    self.phase = Phase::Joined { asked: true, silent, refresh: self.refresh() };
                    self.ask(Kind::JoinGroup, actions);
                }
                None
            }
            Phase::Leaving { wait } => match wait.tick(elapsed, &self.params) {
                Waiting::On => None,
                Waiting::Again => self.ask(Kind::LeaveGroup, actions),
                Waiting::GaveUp => Some(self.left(false, actions)),
            },
            Phase::Left => None,
        }
    }

    /// Asks to be let go.
    pub fn leave(&mut self, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Joining { .. } | Phase::Joined { .. }) {
            self.phase = Phase::Leaving { wait: Reliable::start(&self.params) };
            self.ask(Kind::LeaveGroup, actions);
        }
    }

    fn nobody_there(&mut self) -> Outcome {
        self.phase = Phase::Left;
        Outcome::Refused(format!(
            "no answer from mcaster {} to {} JOIN_GROUPs: is it running, and may we join?",
            self.mcaster,
            joining(&self.params).retries + 1
        ))
    }

    fn left(&mut self, confirmed: bool, actions: &mut Vec<Action>) -> Outcome {
        self.phase = Phase::Left;
        actions.push(Action::Note(Note::Left { group: self.group, confirmed }));
        Outcome::Left { confirmed }
    }

    fn joined(&self) -> Phase {
        Phase::Joined { refresh: self.refresh(), asked: false, silent: false }
    }

    fn refresh(&self) -> Countdown {
        Countdown::after(self.params.query.max(self.params.ticks(REFRESH_MS)))
    }

    /// JOIN_GROUP and LEAVE_GROUP bear no gids, nothing but the header, and no checksum: an original's.
    fn ask(&self, kind: Kind, actions: &mut Vec<Action>) -> Option<Outcome> {
        let draft = Draft::bare(Header::new(self.group, kind));
        let bytes = draft.to_vec(Sum::None).expect("a bare header fits a datagram");
        actions.push(Action::Send { to: self.mcaster, bytes });
        None
    }
}

/// The timings of the first JOIN.
fn joining(params: &Params) -> Params {
    Params { retries: params.retries.max(params.ticks(JOIN_MS) / params.reply), ..*params }
}
