//! Every interleaving within a budget: of delivery, loss, duplication, time and crash, on the shipping machine.
//!
//! ```text
//!   state = machines + messages under way + what was installed + what is left of the budgets
//!   from each: deliver any message | lose one | deliver one twice | let time pass somewhere | crash somebody
//! ```
//!
//! An explorer of our own, since the machines are values that can be cloned, compared and hashed, and all it needs is
//! a stack and a set of what was seen. Timings are one tick each, so "time passes at X" is "every timer of X that
//! runs is due"; retries are 0. Each world is run to its end, not to a cap, and the number of states is asserted: a
//! change of the protocol shows in it. Larger budgets, and changes of more members, want a reduction of orders
//! that come to the same, which is not here yet.

use membership::name::Incarnation;
use membership::proto::coreset::{Config, CoreSet, Founding, SetAction, SetInput, SetParams};
use membership::sim::Watch;
use membership::sim::invariants::Seen;
use membership::wire::coreset::{Body, CoreMessage, Position, SetName};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddrV4};

const PARAMS: SetParams = SetParams {
    reply: 1,
    retries: 0,
    query: 1000,
    join: 1,
    stagger: 0,
    probe: 1000,
    probe_idle: 1000,
    merge: 0,
    extensions: 1,
    confirm: 0,
    remember: 512,
};

fn address(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

/// What may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Budget {
    losses: u8,
    timers: u8,
    crashes: u8,
    duplicates: u8,
}

/// How a world can be told from another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    sets: BTreeMap<SocketAddrV4, CoreSet>,
    /// Two copies of one message are one: a second delivery is what the budget of duplicates is for.
    mail: BTreeSet<(SocketAddrV4, Vec<u8>)>,
    installed: BTreeSet<(SocketAddrV4, Position, Option<Position>)>,
    budget: Budget,
}

#[derive(Clone)]
struct World {
    state: State,
    watch: Watch,
    messages: BTreeMap<Vec<u8>, CoreMessage>,
}

/// What must have happened somewhere, or the run was vacuous.
#[derive(Default, Debug)]
struct Sometimes {
    overlaps: u64,
    late_commits: u64,
    ends: u64,
}

impl World {
    fn of(members: u8, budget: Budget) -> World {
        let state = State {
            sets: BTreeMap::new(),
            mail: BTreeSet::new(),
            installed: BTreeSet::new(),
            budget,
        };
        let mut world = World { state, watch: Watch::new(1000, 1), messages: BTreeMap::new() };
        for n in 1..=members {
            world.start(n, if n == 1 { Founding::AtOnce } else { Founding::IfNone });
            world.calm();
        }
        // What it took to come together is not what is explored.
        world.state.installed.clear();
        for set in world.state.sets.values() {
            assert_eq!(set.view().map(|v| v.members.len()), Some(members.into()));
        }
        world
    }

    fn start(&mut self, n: u8, founding: Founding) {
        let name = SetName { base: "s".parse().unwrap(), suffix: None };
        let config = Config { name, level: 1, own: address(n), founding, params: PARAMS };
        let mut out = Vec::new();
        let set = CoreSet::new(config, Incarnation(1), &mut out);
        self.state.sets.insert(address(n), set);
        self.watch.began(address(n));
        self.carry(address(n), out, 0);
    }

    /// Delivers everything, in some order.
    fn calm(&mut self) {
        while let Some(key) = self.state.mail.first().cloned() {
            self.deliver(&key, false);
        }
    }

    fn input(&mut self, to: SocketAddrV4, input: SetInput<'_>) {
        let elapsed = match input {
            SetInput::Tick { elapsed } => elapsed,
            _ => 0,
        };
        let Some(set) = self.state.sets.get_mut(&to) else { return };
        let mut out = Vec::new();
        set.step(input, &mut out);
        self.carry(to, out, elapsed);
    }

    fn carry(&mut self, from: SocketAddrV4, out: Vec<SetAction>, elapsed: u32) {
        for action in out {
            match action {
                SetAction::Send { to, message } => {
                    self.watch.sent(0, Some(to), &message);
                    self.post(to, message);
                }
                SetAction::Multicast(message) => {
                    self.watch.sent(0, None, &message);
                    let hearing: Vec<SocketAddrV4> = self
                        .state
                        .sets
                        .iter()
                        .filter(|(a, s)| **a != from && s.view().is_some())
                        .map(|(a, _)| *a)
                        .collect();
                    hearing.into_iter().for_each(|to| self.post(to, message.clone()));
                }
                SetAction::Installed { view, from: left, change, applied } => {
                    self.state.installed.insert((from, view.position, left));
                    self.watch.installed(0, from, &view, left, change.as_ref(), &applied);
                }
                SetAction::Out { .. } => self.watch.began(from),
                SetAction::Note(_) => {}
            }
        }
        let Some(set) = self.state.sets.get(&from) else { return };
        let seen = Seen {
            who: from,
            elapsed,
            view: set.view(),
            isolated: set.isolated().collect(),
            floor: set.floor(),
            phase: set.phase_name(),
            awaited: set.awaited(),
            live: !matches!(set.phase_name(), "idle" | "out"),
        };
        self.watch.stepped(0, &seen);
    }

    fn post(&mut self, to: SocketAddrV4, message: CoreMessage) {
        if self.state.sets.contains_key(&to) {
            let bytes = message.encode().expect("what a machine says can be encoded");
            self.state.mail.insert((to, bytes.clone()));
            self.messages.insert(bytes, message);
        }
    }

    fn take(&mut self, key: &(SocketAddrV4, Vec<u8>)) {
        self.state.mail.remove(key);
    }

    fn deliver(&mut self, key: &(SocketAddrV4, Vec<u8>), keep: bool) {
        if !keep {
            self.take(key);
        }
        let message = self.messages[&key.1].clone();
        self.input(key.0, SetInput::Message(&message));
    }

    /// Everything that can happen next.
    fn next(&self) -> Vec<World> {
        let mut worlds = Vec::new();
        let mut then = |change: &dyn Fn(&mut World)| {
            let mut world = self.clone();
            change(&mut world);
            worlds.push(world);
        };
        let budget = self.state.budget;
        for key in &self.state.mail {
            then(&|w| w.deliver(key, false));
            if budget.losses > 0 {
                then(&|w| {
                    w.state.budget.losses -= 1;
                    w.take(key);
                });
            }
            if budget.duplicates > 0 {
                then(&|w| {
                    w.state.budget.duplicates -= 1;
                    w.deliver(key, true);
                });
            }
        }
        for who in self.state.sets.keys() {
            if budget.timers > 0 {
                then(&|w| {
                    w.state.budget.timers -= 1;
                    w.input(*who, SetInput::Tick { elapsed: 1 });
                });
            }
            if budget.crashes > 0 {
                then(&|w| {
                    w.state.budget.crashes -= 1;
                    w.state.sets.remove(who);
                    w.state.mail.retain(|(to, _)| to != who);
                });
            }
        }
        worlds
    }

    fn fingerprint(&self) -> u128 {
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            salt.hash(&mut hasher);
            self.state.hash(&mut hasher);
            hasher.finish()
        };
        u128::from(half(1)) << 64 | u128::from(half(2))
    }

    fn look(&self, sometimes: &mut Sometimes) {
        assert!(self.watch.violation().is_none(), "{:?}", self.watch.violation());
        let coordinators = self.state.sets.values().filter(|s| s.phase_name() == "coordinator");
        sometimes.overlaps += u64::from(coordinators.count() > 1);
        sometimes.ends += u64::from(self.state.mail.is_empty());
        for (to, bytes) in &self.state.mail {
            let behind = self.state.sets.get(to).and_then(CoreSet::view).map(|v| v.position);
            let message = &self.messages[bytes];
            let late = matches!(message.body, Body::Commit(_));
            sometimes.late_commits +=
                u64::from(late && behind.is_some_and(|p| !message.parents.contains(&p)));
        }
    }
}

/// Runs every world that can come of `first`; how many states there are, and what happened in them.
fn explore(first: World) -> (usize, Sometimes) {
    let mut seen: HashSet<u128, Plain> = HashSet::default();
    let mut sometimes = Sometimes::default();
    let mut stack = vec![first];
    while let Some(world) = stack.pop() {
        if seen.insert(world.fingerprint()) {
            world.look(&mut sometimes);
            stack.extend(world.next());
        }
    }
    (seen.len(), sometimes)
}

/// The fingerprints are hashes already.
#[derive(Clone, Default)]
struct Plain;

struct Low(u64);

impl BuildHasher for Plain {
    type Hasher = Low;
    fn build_hasher(&self) -> Low {
        Low(0)
    }
}

impl Hasher for Low {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for (i, byte) in bytes.iter().take(8).enumerate() {
            self.0 ^= u64::from(*byte) << (8 * i);
        }
    }
}

impl World {
    /// `who` perceives the failure of `whom`: it has heard of a newer life there.
    fn perceive_failure(&mut self, who: u8, whom: u8) {
        let mut message = self.any_message_of(whom);
        message.from.life.inc = Incarnation(100);
        self.input(address(who), SetInput::Message(&message));
    }

    fn any_message_of(&self, whom: u8) -> CoreMessage {
        let set = &self.state.sets[&address(whom)];
        let view = set.view().unwrap();
        CoreMessage {
            name: view.name,
            from: *view.member(address(whom)).unwrap(),
            level: view.level,
            position: view.position,
            parents: view.parents.clone(),
            prev: None,
            exclude: Vec::new(),
            body: Body::Reply { nonce: 0, check: None },
        }
    }

    fn ask_to_leave(&mut self, who: u8) {
        self.input(address(who), SetInput::Leave);
    }

    fn submit(&mut self, who: u8) {
        self.input(address(who), SetInput::Submit(vec![who]));
    }
}

fn budget(losses: u8, timers: u8, crashes: u8, duplicates: u8) -> Budget {
    Budget { losses, timers, crashes, duplicates }
}

/// Explores a world to its end; the number of its states is what it was.
fn complete(world: World, states: usize) -> Sometimes {
    let (found, sometimes) = explore(world);
    assert!(sometimes.ends > 0, "{sometimes:?}");
    assert_eq!(found, states, "{sometimes:?}");
    sometimes
}

#[test]
fn two_members_that_give_each_other_up() {
    let mut world = World::of(2, budget(1, 1, 1, 0));
    world.perceive_failure(1, 2);
    world.perceive_failure(2, 1);
    complete(world, 45);
}

#[test]
fn one_of_two_leaves_with_losses_a_crash_and_late_timers() {
    let mut world = World::of(2, budget(1, 2, 1, 0));
    world.ask_to_leave(2);
    complete(world, 570);
}

#[test]
fn operations_of_both_at_once() {
    let mut world = World::of(2, budget(1, 2, 1, 0));
    world.submit(1);
    world.submit(2);
    let sometimes = complete(world, 8955);
    assert!(sometimes.overlaps > 0, "{sometimes:?}");
}

#[test]
fn the_leader_leaves_while_an_operation_waits() {
    let mut world = World::of(2, budget(1, 1, 1, 0));
    world.submit(2);
    world.ask_to_leave(1);
    complete(world, 777);
}

#[test]
fn two_of_three_start_a_failure_each_at_once() {
    let mut world = World::of(3, budget(0, 0, 0, 0));
    world.perceive_failure(1, 3);
    world.perceive_failure(2, 1);
    let sometimes = complete(world, 14_032);
    assert!(sometimes.overlaps > 0 && sometimes.late_commits > 0, "{sometimes:?}");
}
