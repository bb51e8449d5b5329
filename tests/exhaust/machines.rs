//! What one mserver can be and do, each thing once: machines, messages and steps by number.
//!
//! ```text
//!   (machine 17, message 203) ── the shipping step, once ──> machine 18, messages 204 and 205
//! ```
//!
//! The same step of one mserver occurs in thousands of states of the world, so it is made once and remembered; the
//! search above juggles numbers only.

use crate::habits::{Habits, normal};
use membership::name::Incarnation;
use membership::proto::coreset::{
    Config, CoreSet, Founding, REMEMBER, SetAction, SetInput, SetNote, SetParams,
};
use membership::sim::kind;
use membership::wire::Message;
use membership::wire::coreset::{
    Body, Change, ChangeKind, CoreMessage, Position, Request, SetName,
};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Every timer is due whenever time passes, but those that monitor and probe, which never are: a perceived failure
/// and a probe are inputs here. An extension only makes a timer later, and here a timer is as late as it likes.
const PARAMS: SetParams = SetParams {
    reply: 1,
    retries: 0,
    query: 1000,
    join: 1,
    stagger: 0,
    probe: 1000,
    probe_idle: 1000,
    merge: 0,
    extensions: 0,
    confirm: 0,
    remember: REMEMBER,
};

/// Address of mserver `n`, counted from 1.
pub fn address(n: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n as u8), 2900)
}

/// Number of the mserver at an address.
pub fn number(address: SocketAddrV4) -> usize {
    address.ip().octets()[3].into()
}

/// What can happen to one mserver.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages")]
pub enum Item {
    Message(CoreMessage),
    Leave,
    Submit(Vec<u8>),
    Ask(Request),
    Tick,
}

impl Item {
    pub fn input(&self) -> SetInput<'_> {
        match self {
            Item::Message(message) => SetInput::Message(message),
            Item::Leave => SetInput::Leave,
            Item::Submit(bytes) => SetInput::Submit(bytes.clone()),
            Item::Ask(request) => SetInput::Request(request.clone()),
            Item::Tick => SetInput::Tick { elapsed: 1 },
        }
    }
}

/// An item for somebody.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Copy {
    pub to: usize,
    pub item: Item,
}

/// A view that was installed: what the invariants compare with the views of others.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Made {
    position: Position,
    from: Option<Position>,
    change: Option<Change>,
}

/// One mserver: its machine, and what it has installed, which outlives it.
#[derive(Clone, Debug)]
pub struct Local {
    /// None: it has crashed.
    pub set: Option<CoreSet>,
    /// Which list of [`Made`].
    pub past: u32,
    /// It will do nothing any more.
    pub deaf: bool,
    /// Where it coordinates a change, if it does.
    pub coordinates: Option<Position>,
    /// What it is, whatever its number.
    pub key: u128,
}

/// What became of a step.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub next: u32,
    pub sent: Box<[u32]>,
    pub marks: u32,
    /// The invariants have been told of it.
    pub told: bool,
}

/// What is counted, by the number of its bit in [`Outcome::marks`].
pub const MARKS: [&str; 16] = [
    "elections",
    "resumed",
    "compressed",
    "late commits",
    "stragglers",
    "merges",
    "exclusions",
    "WAIT-CURRENT",
    "WAIT-FLOOR",
    "WAIT-DROPPED",
    "WAIT-PREV",
    "joins",
    "leaves",
    "splits",
    "batches",
    "parents",
];

fn mark(name: &str) -> u32 {
    MARKS.iter().position(|m| *m == name).map_or(0, |bit| 1 << bit)
}

/// A hash for small numbers.
#[derive(Default, Clone)]
pub struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }
    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }
    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Mixed>>;

/// A fingerprint of 128 bits.
fn fingerprint(what: &impl Hash) -> u128 {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        what.hash(&mut hasher);
        hasher.finish()
    };
    u128::from(half(1)) << 64 | u128::from(half(2))
}

/// All that was found out.
pub struct Machines {
    pub habits: Habits,
    pub locals: Vec<Local>,
    pub copies: Vec<Copy>,
    pub outcomes: Vec<Outcome>,
    by_key: HashMap<u128, u32>,
    by_copy: HashMap<Copy, u32>,
    pasts: Vec<Vec<Made>>,
    by_past: HashMap<Vec<Made>, u32>,
    memo: Map<(u32, u32), u32>,
    dead: Map<(u32, u32, u32), bool>,
}

impl Machines {
    pub fn new(habits: Habits) -> Machines {
        Machines {
            habits,
            locals: Vec::new(),
            copies: Vec::new(),
            outcomes: Vec::new(),
            by_key: HashMap::new(),
            by_copy: HashMap::new(),
            pasts: vec![Vec::new()],
            by_past: HashMap::from([(Vec::new(), 0)]),
            memo: Map::default(),
            dead: Map::default(),
        }
    }

    /// Number of a machine with that past.
    pub fn local(&mut self, set: Option<CoreSet>, past: u32) -> u32 {
        let text = set.as_ref().map(|set| normal(set, &self.habits));
        // Digests are shortened in the text.
        let whole = set.as_ref().map(|set| (set.view().map(|v| v.position), set.floor().cloned()));
        let key = fingerprint(&(text, whole, &self.pasts[past as usize]));
        if let Some(found) = self.by_key.get(&key) {
            return *found;
        }
        let number = self.locals.len() as u32;
        let deaf = set.as_ref().is_none_or(|set| set.view().is_none() && set.is_idle());
        let coordinates = set
            .as_ref()
            .filter(|set| set.phase_name() == "coordinator")
            .and_then(|set| set.view().map(|view| view.position));
        self.locals.push(Local { set, past, deaf, coordinates, key });
        self.by_key.insert(key, number);
        number
    }

    /// Number of an item for somebody.
    pub fn copy(&mut self, to: usize, item: Item) -> u32 {
        let copy = Copy { to, item: self.habits.plain(item) };
        if let Some(found) = self.by_copy.get(&copy) {
            return *found;
        }
        if let Item::Message(message) = &copy.item {
            let bytes = message.encode().expect("what a machine says can be encoded");
            let read = Message::receive(&bytes, false).expect("it is a message");
            assert_eq!(
                CoreMessage::decode(&read).as_ref(),
                Ok(message),
                "it reads as it was meant"
            );
        }
        let number = self.copies.len() as u32;
        self.copies.push(copy.clone());
        self.by_copy.insert(copy, number);
        number
    }

    /// `local` once it has crashed: its past stays.
    pub fn crashed(&mut self, local: u32) -> u32 {
        let past = self.locals[local as usize].past;
        self.local(None, past)
    }

    /// Number of the outcome of the step of `local` with `copy`.
    pub fn step(&mut self, local: u32, copy: u32) -> u32 {
        if let Some(found) = self.memo.get(&(local, copy)) {
            return *found;
        }
        let outcome = self.make(local, copy);
        let number = self.outcomes.len() as u32;
        self.outcomes.push(outcome);
        self.memo.insert((local, copy), number);
        number
    }

    fn make(&mut self, local: u32, copy: u32) -> Outcome {
        let nothing = Outcome { next: local, sent: Box::new([]), marks: 0, told: true };
        let Local { set, past, .. } = &self.locals[local as usize];
        let (Some(before), mut past) = (set, *past) else { return nothing };
        let item = self.copies[copy as usize].item.clone();
        let mut set = before.clone();
        let mut out = Vec::new();
        set.step(item.input(), &mut out);
        let marks = marks(before, &item, &out);
        let same = set == *before;
        let who = self.copies[copy as usize].to;
        let mut sent = Vec::new();
        for action in out {
            match action {
                SetAction::Send { to, message } => self.post(who, number(to), message, &mut sent),
                SetAction::Multicast(message) => {
                    for to in 1..=self.habits.hosts {
                        self.post(who, to, message.clone(), &mut sent);
                    }
                }
                SetAction::Installed { view, from, change, .. } => {
                    past = self.after(past, Made { position: view.position, from, change });
                }
                SetAction::Out { .. } | SetAction::Note(_) => {}
            }
        }
        sent.sort_unstable();
        sent.dedup();
        let next = if same { local } else { self.local(Some(set), past) };
        Outcome { next, sent: sent.into(), marks, told: false }
    }

    /// The group is heard by all, even by one who is not in it yet: a datagram may be that late. Outside of a view
    /// nothing counts that is not sent to oneself as well. Where there are no merges, probes are lost.
    fn post(&mut self, from: usize, to: usize, message: CoreMessage, sent: &mut Vec<u32>) {
        if matches!(message.body, Body::Probe { .. }) && !self.habits.merges {
            return;
        }
        if from != to && to <= self.habits.hosts && !self.habits.cut.contains(&(from, to)) {
            let copy = self.copy(to, Item::Message(message));
            sent.push(copy);
        }
    }

    fn after(&mut self, past: u32, made: Made) -> u32 {
        let mut list = self.pasts[past as usize].clone();
        list.push(made);
        let next = self.pasts.len() as u32;
        let found = *self.by_past.entry(list.clone()).or_insert(next);
        if found == next {
            self.pasts.push(list);
        }
        found
    }

    /// Whether `copy` can never again make a difference to one who is, or was, `local`; `from`: its sender.
    pub fn is_dead(&mut self, local: u32, copy: u32, from: Option<u32>) -> bool {
        let key = (local, copy, from.unwrap_or(u32::MAX));
        if let Some(found) = self.dead.get(&key) {
            return *found;
        }
        let at = &self.locals[local as usize];
        let from = from.map(|from| &self.locals[from as usize]);
        let dead = at.deaf
            || match (&self.copies[copy as usize].item, &at.set) {
                (Item::Message(message), Some(set)) => self.habits.dead(set, message, from),
                _ => false,
            };
        self.dead.insert(key, dead);
        dead
    }
}

/// What was remarkable in a step.
fn marks(before: &CoreSet, item: &Item, out: &[SetAction]) -> u32 {
    let mut marks = 0;
    let election = before.phase_name() == "election";
    let commit = matches!(item, Item::Message(CoreMessage { body: Body::Commit(_), .. }));
    if let Item::Message(message) = item {
        marks |= mark(kind::name(message));
    }
    for action in out {
        match action {
            SetAction::Note(SetNote::Phase { to: "election", .. }) => marks |= mark("elections"),
            SetAction::Note(SetNote::Phase { to: "coordinator", why: "elected", .. }) => {
                marks |= mark("resumed");
            }
            SetAction::Note(SetNote::Isolated { why: "it committed another change", .. }) => {
                marks |= mark("late commits");
            }
            SetAction::Send { message: CoreMessage { body: Body::Commit(_), .. }, .. } => {
                marks |= mark("stragglers");
            }
            SetAction::Installed { change: Some(change), .. } => {
                marks |= marks_of(change);
                marks |= if election && commit { mark("compressed") } else { 0 };
            }
            _ => {}
        }
    }
    marks
}

fn marks_of(change: &Change) -> u32 {
    let exclusions = if change.excl.is_empty() { 0 } else { mark("exclusions") };
    exclusions
        | match &change.kind {
            ChangeKind::Merge { .. } => mark("merges"),
            ChangeKind::Join { .. } => mark("joins"),
            ChangeKind::Leave { .. } => mark("leaves"),
            ChangeKind::Split { .. } => mark("splits"),
            ChangeKind::Application { .. } => mark("batches"),
            ChangeKind::AddParent { .. } | ChangeKind::DelParent { .. } => mark("parents"),
            ChangeKind::Fail { .. } | ChangeKind::Rename => 0,
        }
}

/// How a mserver starts.
pub fn config(n: usize, founding: Founding, stagger: u32) -> (Config, Incarnation) {
    let name = SetName { base: "s".parse().unwrap(), suffix: None };
    let params = SetParams { stagger, ..PARAMS };
    (Config { name, level: 1, own: address(n), founding, params }, Incarnation(1))
}
