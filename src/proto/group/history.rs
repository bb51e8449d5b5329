//! A line of positions, what each makes of the one before, and which registries on it are known.
//!
//! ```text
//!   Start ──> Plain ──> Plain ──> Merge ──> Plain ──> ...    the last one is where we are
//!    ?                             │
//!                              other: ?                      what is asked for
//! ```
//!
//! The registry at a position follows from that of the position before, so any one that becomes known makes all behind
//! it known, up to the next Merge whose other side is not. A RESET is known to its proposer alone, until it tells.

use super::reconcile::reconcile;
use super::registry::{Effect, Registry};
use crate::wire::WireError;
use crate::wire::coreset::{MAX_WANTED, Operation, Position};
use crate::wire::group::GroupOp;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

/// Registries at other positions than the present one that are kept for those who ask.
const KEPT: usize = 8;
/// Bytes of operations that are held while there is no registry to apply them to. There are others who have one, or
/// nothing would have been agreed on, so what is more is not needed either.
const HELD: usize = 4 << 20;
/// Positions of it.
const STAGES: usize = 1 << 14;

/// What a position says of the mservers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Fate {
    /// Mservers that are gone with it.
    pub removed: Vec<SocketAddrV4>,
    /// Nobody is left but the set's parent, which decides nothing here.
    pub parent_alone: bool,
}

impl Fate {
    /// What it does to a registry.
    pub fn befall(&self, registry: &mut Registry) {
        if !self.removed.is_empty() {
            registry.lose(&self.removed);
        }
        if self.parent_alone {
            registry.orphan();
        }
    }
}

/// What makes a registry of the one before.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Step {
    /// Nothing is known of what was before.
    Start,
    /// Operations, in their order.
    Plain(Vec<Operation>),
    /// The registry of the other side's position comes in. `first`: ours is that of the first side.
    Merge { other: Position, first: bool },
    /// What some other mserver had counts.
    Reset,
}

/// A position, and how it came about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Stage {
    pub position: Position,
    pub step: Step,
    pub fate: Fate,
}

/// What came of an operation, where it was.
pub(super) type Consequence = (Position, Result<Effect, (Operation, WireError)>);

/// Registries by position, the oldest forgotten first.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Kept(VecDeque<(Position, Registry)>);

impl Kept {
    pub fn get(&self, position: &Position) -> Option<&Registry> {
        self.0.iter().find(|(at, _)| at == position).map(|(_, registry)| registry)
    }

    pub fn insert(&mut self, position: Position, registry: Registry) {
        self.0.retain(|(at, _)| *at != position);
        self.0.push_back((position, registry));
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }
}

/// From the first position that may still be of use to the present one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct History {
    /// The registry of the first stage, whose step is over, if it is known.
    base: Option<Registry>,
    /// Never empty.
    stages: Vec<Stage>,
    /// What others have left of registries that nobody has.
    partial: BTreeMap<Position, Registry>,
    /// Everything since we last had a registry is on it.
    unbroken: bool,
    /// Bytes of operations on it.
    held: usize,
}

impl History {
    /// It begins at a position whose registry is known (then all that follows from now on is news to us), or is not.
    pub fn new(position: Position, base: Option<Registry>) -> History {
        let start = Stage { position, step: Step::Start, fate: Fate::default() };
        let unbroken = base.is_some();
        History { base, stages: vec![start], partial: BTreeMap::new(), unbroken, held: 0 }
    }

    /// One position further.
    pub fn push(&mut self, stage: Stage, kept: &Kept) {
        if let Step::Plain(operations) = &stage.step {
            self.held += operations.iter().map(|o| o.bytes.len()).sum::<usize>();
        }
        let position = stage.position;
        self.stages.push(stage);
        if self.held > HELD || self.stages.len() > STAGES {
            let left = self.left_at(&position, kept);
            *self = History::new(position, None);
            self.partial.extend(left.map(|registry| (position, registry)));
        }
    }

    /// Whether a registry of that position would be of use.
    pub fn wants(&self, position: &Position) -> bool {
        let of_use = |stage: &Stage| {
            stage.position == *position
                || matches!(&stage.step, Step::Merge { other, .. } if other == position)
        };
        self.stages.iter().any(of_use)
    }

    /// The registry of that position, all of it.
    pub fn exact<'a>(&'a self, position: &Position, kept: &'a Kept) -> Option<&'a Registry> {
        match &self.base {
            Some(base) if self.stages[0].position == *position => Some(base),
            _ => kept.get(position),
        }
    }

    /// Positions whose registries are missing, the first one first.
    pub fn missing(&self, kept: &Kept) -> Vec<Position> {
        let mut missing: Vec<Position> = Vec::new();
        let mut want = |position: Position| {
            let room = missing.len() < MAX_WANTED && !missing.contains(&position);
            if room && self.exact(&position, kept).is_none() {
                missing.push(position);
            }
        };
        let mut before = None;
        for stage in &self.stages {
            match stage.step {
                Step::Start | Step::Reset => want(stage.position),
                Step::Merge { other, .. } => {
                    want(other);
                    before.into_iter().for_each(&mut want);
                }
                Step::Plain(_) => {}
            }
            before = Some(stage.position);
        }
        missing
    }

    /// What somebody has left of a registry that it has not got either.
    pub fn keep_partial(&mut self, position: Position, registry: Registry) {
        if self.wants(&position) && self.partial.len() < KEPT {
            self.partial.entry(position).or_insert(registry);
        }
    }

    /// The registry of the present position, if everything that it takes is known, and whether no gap was skipped. What
    /// can be forgotten then is. As long as there was no gap, what came of operations goes to `news`.
    pub fn resolve(
        &mut self,
        kept: &mut Kept,
        news: &mut Vec<Consequence>,
    ) -> Option<(Registry, bool)> {
        if let Some(last) = self.stages.iter().rposition(|s| kept.get(&s.position).is_some())
            && (last > 0 || self.base.is_none())
        {
            self.base = kept.get(&self.stages[last].position).cloned();
            self.stages.drain(..last);
            self.unbroken = false;
        }
        let mut registry = self.base.take()?;
        let mut reached = 0;
        for (i, stage) in self.stages.iter().enumerate().skip(1) {
            if let Step::Merge { other, .. } = &stage.step {
                // Whoever has not got it yet will ask for it.
                kept.insert(self.stages[i - 1].position, registry.clone());
                if kept.get(other).is_none() {
                    break;
                }
            }
            if stage.step == Step::Reset {
                break;
            }
            let mut effects = Vec::new();
            registry = step(registry, stage, |other| kept.get(other).cloned(), &mut effects);
            if self.unbroken {
                news.append(&mut effects);
            }
            reached = i;
        }
        if reached + 1 == self.stages.len() {
            return Some((registry, self.unbroken));
        }
        self.base = Some(registry);
        self.stages.drain(..reached);
        None
    }

    /// What is left of the registry at a position of ours, where what is missing counts as empty; none if it is not
    /// one of ours.
    pub fn left_at(&self, position: &Position, kept: &Kept) -> Option<Registry> {
        let known = |at: &Position| self.exact(at, kept).or_else(|| self.partial.get(at));
        if let Some(registry) = known(position) {
            return Some(registry.clone());
        }
        let last = self.stages.iter().position(|stage| stage.position == *position)?;
        let first = self.stages[..=last].iter().rposition(|stage| known(&stage.position).is_some());
        let registry = first.and_then(|first| known(&self.stages[first].position)).cloned();
        let rest = &self.stages[first.map_or(0, |first| first + 1)..=last];
        let other = |at: &Position| known(at).cloned();
        Some(rest.iter().fold(registry.unwrap_or_default(), |registry, stage| {
            step(registry, stage, other, &mut Vec::new())
        }))
    }
}

/// What a stage makes of the registry before it; of what is missing, nothing comes in.
fn step(
    mut registry: Registry,
    stage: &Stage,
    known: impl Fn(&Position) -> Option<Registry>,
    news: &mut Vec<Consequence>,
) -> Registry {
    let position = stage.position;
    match &stage.step {
        Step::Start | Step::Reset => {}
        Step::Plain(operations) => apply(&mut registry, position, operations, news),
        Step::Merge { other, first } => {
            let theirs = known(other).unwrap_or_default();
            let (all, effects) = match first {
                true => reconcile(&registry, &theirs),
                false => reconcile(&theirs, &registry),
            };
            registry = all;
            news.extend(effects.into_iter().map(|effect| (position, Ok(effect))));
        }
    }
    stage.fate.befall(&mut registry);
    registry
}

/// Operations in their order. What cannot be read has no effect, here and everywhere.
pub(super) fn apply(
    registry: &mut Registry,
    position: Position,
    operations: &[Operation],
    news: &mut Vec<Consequence>,
) {
    for operation in operations {
        match GroupOp::decode(&operation.bytes) {
            Ok(op) => {
                let mut effects = Vec::new();
                registry.apply(op, &mut effects);
                news.extend(effects.into_iter().map(|effect| (position, Ok(effect))));
            }
            Err(error) => news.push((position, Err((operation.clone(), error)))),
        }
    }
}
