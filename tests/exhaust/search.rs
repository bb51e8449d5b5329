//! The search: from each state everything that can happen next, until nothing is new.

use crate::machines::{Copy, Item, MARKS, Machines, Outcome, number};
use crate::story;
use membership::sim::Watch;
use membership::wire::coreset::Body;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Mservers at the most.
pub const HOSTS: usize = 5;

/// Which machine each mserver is.
pub type Places = [u32; HOSTS];

/// What may still happen: times that time passes at one mserver, and crashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    pub timers: u8,
    pub crashes: u8,
}

impl Budget {
    fn covers(self, other: Budget) -> bool {
        self.timers >= other.timers && self.crashes >= other.crashes
    }
}

/// A state of the world.
#[derive(Clone)]
pub struct State {
    pub at: Places,
    /// What may arrive, in order of numbers. A message stays: it may arrive again.
    pub mail: Vec<u32>,
    pub left: Budget,
}

/// Something that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Take(u32),
    Tick(usize),
    Crash(usize),
}

/// What came of a step: the state, and the messages that were answered on the way.
struct After {
    state: State,
    answered: Vec<u32>,
    /// Some mserver made a step for the first time.
    fresh: bool,
    useful: bool,
}

/// A state on the way to the one at hand.
struct Frame {
    state: State,
    how: Option<Step>,
    answered: Vec<u32>,
    steps: Vec<Step>,
    watch: Option<Box<Watch>>,
}

/// A state that was met.
struct Known {
    /// Which messages there may be, by their numbers modulo 64.
    sign: u64,
    left: Budget,
    mail: Box<[u32]>,
}

impl Known {
    /// Whether it has all of that, and perhaps more.
    fn covers(&self, sign: u64, left: Budget, mail: &[u32]) -> bool {
        sign & !self.sign == 0 && self.left.covers(left) && within(mail, &self.mail)
    }
}

/// What came of a search.
#[derive(Default, Clone, Debug)]
pub struct Report {
    pub states: usize,
    pub steps: u64,
    /// Distinct machines, and distinct steps of one.
    pub machines: usize,
    pub moves: usize,
    pub marks: BTreeMap<&'static str, u64>,
    /// Fingerprints of the machines that occurred together.
    pub together: BTreeSet<[u128; HOSTS]>,
}

pub struct Search {
    machines: Machines,
    ticks: Vec<u32>,
    seen: HashMap<Places, Vec<Known>>,
    pasts: HashSet<Places>,
    marks: [u64; MARKS.len()],
    overlaps: u64,
    report: Report,
    stack: Vec<Frame>,
}

impl Search {
    pub fn new(mut machines: Machines) -> Search {
        let ticks = (1..=machines.habits.hosts).map(|n| machines.copy(n, Item::Tick)).collect();
        Search {
            machines,
            ticks,
            seen: HashMap::new(),
            pasts: HashSet::new(),
            marks: [0; MARKS.len()],
            overlaps: 0,
            report: Report::default(),
            stack: Vec::new(),
        }
    }

    /// Everything that can come of `first`.
    pub fn run(mut self, first: State, watch: Watch) -> Report {
        self.is_new(&first);
        let (steps, watch) = (self.steps(&first), Some(Box::new(watch)));
        self.stack.push(Frame { state: first, how: None, answered: Vec::new(), steps, watch });
        while let Some(frame) = self.stack.last_mut() {
            match frame.steps.pop() {
                Some(step) => self.follow(step),
                None => {
                    self.stack.pop();
                }
            }
        }
        self.report.machines = self.machines.locals.len();
        self.report.moves = self.machines.outcomes.len();
        let marks = MARKS.into_iter().zip(self.marks);
        self.report.marks = marks.chain([("overlaps", self.overlaps)]).collect();
        let key = |at: &u32| self.machines.locals.get(*at as usize).map_or(0, |local| local.key);
        self.report.together =
            self.seen.keys().map(|at| std::array::from_fn(|i| key(&at[i]))).collect();
        self.report
    }

    fn follow(&mut self, step: Step) {
        let top = self.stack.len() - 1;
        let state = self.stack[top].state.clone();
        let after = self.after(&state, step);
        self.report.steps += u64::from(after.useful);
        let new = after.useful && self.is_new(&after.state);
        let mut watch = None;
        if after.fresh || new {
            let locals = &self.machines.locals;
            let past = after.state.at.map(|at| locals[at as usize].past);
            if self.pasts.insert(past) || after.fresh {
                watch = Some(self.watched(step, &after));
            }
        }
        if new {
            let After { state, answered, .. } = after;
            self.look(&state);
            let steps = self.steps(&state);
            self.stack.push(Frame { state, how: Some(step), answered, steps, watch });
        }
    }

    /// What may make a difference; what costs nothing is behind, and is tried first.
    fn steps(&self, state: &State) -> Vec<Step> {
        let locals = &self.machines.locals;
        let alive: Vec<usize> = (1..=self.machines.habits.hosts)
            .filter(|n| !locals[state.at[n - 1] as usize].deaf)
            .collect();
        let mut steps = Vec::new();
        if state.left.crashes > 0 {
            steps.extend(alive.iter().map(|n| Step::Crash(*n)));
        }
        if state.left.timers > 0 {
            steps.extend(alive.iter().map(|n| Step::Tick(*n)));
        }
        steps.extend(state.mail.iter().map(|copy| Step::Take(*copy)));
        steps
    }

    fn after(&mut self, state: &State, step: Step) -> After {
        let mut next = state.clone();
        let copy = self.item_of(step);
        match step {
            Step::Crash(who) => {
                next.left.crashes -= 1;
                next.at[who - 1] = self.machines.crashed(state.at[who - 1]);
                self.sweep(&mut next, who);
                return After { state: next, answered: Vec::new(), fresh: false, useful: true };
            }
            Step::Tick(_) => next.left.timers -= 1,
            Step::Take(_) if self.stays(copy) => {}
            Step::Take(_) => next.mail.retain(|c| *c != copy),
        }
        let who = self.machines.copies[copy as usize].to;
        let (became, news, fresh) = self.step(&mut next, copy);
        let moved = next.at[who - 1] != became;
        next.at[who - 1] = became;
        if moved {
            self.sweep(&mut next, who);
        }
        let mut after = After { state: next, answered: Vec::new(), fresh, useful: moved || news };
        if !self.machines.habits.keeps_all {
            self.answer(&mut after);
        }
        after
    }

    /// One mserver's step with an item: what it becomes, whether it said anything new, whether it is its first time.
    fn step(&mut self, state: &mut State, copy: u32) -> (u32, bool, bool) {
        let who = self.machines.copies[copy as usize].to;
        let outcome = self.machines.step(state.at[who - 1], copy) as usize;
        let fresh = !std::mem::replace(&mut self.machines.outcomes[outcome].told, true);
        let Outcome { next, sent, marks, .. } = self.machines.outcomes[outcome].clone();
        let mut news = false;
        for copy in sent {
            if let Err(place) = state.mail.binary_search(&copy)
                && !self.dead(state, copy)
            {
                state.mail.insert(place, copy);
                news = true;
            }
        }
        if news || next != state.at[who - 1] {
            for (bit, count) in self.marks.iter_mut().enumerate() {
                *count += u64::from(marks >> bit & 1);
            }
        }
        (next, news, fresh)
    }

    /// Lets everybody answer what changes nothing but that it is answered: with more mail and all else the same,
    /// nothing is lost by doing so first.
    fn answer(&mut self, after: &mut After) {
        let mut place = 0;
        while let Some(copy) = after.state.mail.get(place).copied() {
            place += 1;
            let who = self.machines.copies[copy as usize].to;
            let local = after.state.at[who - 1];
            let outcome = self.machines.step(local, copy) as usize;
            if !self.stays(copy) || self.machines.outcomes[outcome].next != local {
                continue;
            }
            let (_, news, fresh) = self.step(&mut after.state, copy);
            if news || fresh {
                after.answered.push(copy);
            }
            after.fresh |= fresh;
            if news {
                place = 0;
            }
        }
    }

    /// Whether a message may arrive more than once. A request or a probe is repeated by its sender when time passes,
    /// and every repetition may lead to a new change: those arrive once for each time that they are said.
    fn stays(&self, copy: u32) -> bool {
        match &self.machines.copies[copy as usize].item {
            Item::Message(message) => !matches!(
                message.body,
                Body::Request(_) | Body::Probe { .. } | Body::ProbeReply { .. }
            ),
            _ => false,
        }
    }

    fn item_of(&self, step: Step) -> u32 {
        match step {
            Step::Take(copy) => copy,
            Step::Tick(who) | Step::Crash(who) => self.ticks[who - 1],
        }
    }

    fn sender(&self, copy: u32) -> Option<usize> {
        match &self.machines.copies[copy as usize].item {
            Item::Message(message) => Some(number(message.from.life.address)),
            _ => None,
        }
    }

    fn dead(&mut self, state: &State, copy: u32) -> bool {
        let to = self.machines.copies[copy as usize].to;
        let from = self.sender(copy).map(|from| state.at[from - 1]);
        self.machines.is_dead(state.at[to - 1], copy, from)
    }

    /// Takes away what became dead by a step of `who`.
    fn sweep(&mut self, state: &mut State, who: usize) {
        let mut mail = std::mem::take(&mut state.mail);
        mail.retain(|copy| {
            let to = self.machines.copies[*copy as usize].to;
            let concerned = to == who || self.sender(*copy) == Some(who);
            !concerned || !self.dead(state, *copy)
        });
        state.mail = mail;
    }

    /// Whether no state was met that has all of this one's mail, and its budget, and perhaps more.
    fn is_new(&mut self, state: &State) -> bool {
        let sign = state.mail.iter().fold(0, |all, copy| all | 1 << (copy % 64));
        let known = self.seen.entry(state.at).or_default();
        if self.machines.habits.keeps_all {
            if known
                .iter()
                .any(|k| k.sign == sign && k.left == state.left && *k.mail == *state.mail)
            {
                return false;
            }
        } else {
            if known.iter().any(|k| k.covers(sign, state.left, &state.mail)) {
                return false;
            }
            known.retain(|k| {
                k.sign & !sign != 0 || !state.left.covers(k.left) || !within(&k.mail, &state.mail)
            });
        }
        known.push(Known { sign, left: state.left, mail: state.mail.clone().into() });
        self.report.states += 1;
        true
    }

    /// Counts two who coordinate at the same time in one view.
    fn look(&mut self, state: &State) {
        let locals = &self.machines.locals;
        let mut places: Vec<_> =
            state.at.iter().filter_map(|at| locals[*at as usize].coordinates).collect();
        let all = places.len();
        places.sort_unstable();
        places.dedup();
        self.overlaps += u64::from(places.len() < all);
    }

    /// The shipping invariants, over the run up to the top of the stack and one step more.
    fn watched(&mut self, step: Step, after: &After) -> Box<Watch> {
        let top = self.stack.len() - 1;
        let mut from = top;
        while self.stack[from].watch.is_none() {
            from -= 1;
        }
        let mut watch = self.stack[from].watch.clone().expect("the first frame has one");
        for place in from..top {
            let (old, new) = (&self.stack[place], &self.stack[place + 1]);
            let how = new.how.expect("only the first frame has none");
            self.tell(&mut watch, &old.state.at, how);
            self.tell_answers(&mut watch, &new.state.at, &new.answered);
        }
        if from < top {
            self.stack[top].watch = Some(watch.clone());
        }
        self.tell(&mut watch, &self.stack[top].state.at, step);
        self.tell_answers(&mut watch, &after.state.at, &after.answered);
        if let Some(violation) = watch.violation() {
            panic!("{violation}\n{}", self.trace(step));
        }
        watch
    }

    fn tell(&self, watch: &mut Watch, at: &Places, step: Step) {
        if !matches!(step, Step::Crash(_)) {
            let Copy { to, item } = &self.machines.copies[self.item_of(step) as usize];
            story::tell(watch, &self.machines.locals[at[to - 1] as usize], *to, item);
        }
    }

    fn tell_answers(&self, watch: &mut Watch, at: &Places, answered: &[u32]) {
        answered.iter().for_each(|copy| self.tell(watch, at, Step::Take(*copy)));
    }

    /// The run up to the top of the stack and one step more, in words.
    fn trace(&self, last: Step) -> String {
        let steps = self.stack.iter().skip(1).filter_map(|f| f.how).chain([last]);
        let mut trace = String::new();
        for (frame, step) in self.stack.iter().zip(steps) {
            for copy in &frame.answered {
                trace += &self.line(&frame.state.at, Step::Take(*copy));
            }
            trace += &self.line(&frame.state.at, step);
        }
        trace
    }

    fn line(&self, at: &Places, step: Step) -> String {
        let Copy { to, item } = &self.machines.copies[self.item_of(step) as usize];
        match step {
            Step::Crash(who) => format!("{who} crashes\n"),
            _ => story::line(&self.machines.locals[at[to - 1] as usize], *to, item),
        }
    }
}

/// Whether all of `small` is in `large`; both are in order.
fn within(small: &[u32], large: &[u32]) -> bool {
    let mut rest = large.iter();
    small.len() <= large.len() && small.iter().all(|want| rest.any(|has| has == want))
}
