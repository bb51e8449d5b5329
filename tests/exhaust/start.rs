//! Where a world starts: sets that have come together, and what will be asked of them.

use crate::habits::Habits;
use crate::machines::{Item, Machines, address, config, number};
use crate::search::{Budget, HOSTS, Report, Search, State};
use crate::story::report;
use membership::name::Incarnation;
use membership::proto::coreset::{CoreSet, Founding, SetAction, SetInput};
use membership::sim::Watch;
use membership::wire::coreset::{Body, CoreMessage, Request, SetName};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddrV4;

/// A world before anything happens in it.
pub struct World {
    habits: Habits,
    sets: BTreeMap<usize, CoreSet>,
    watch: Watch,
    mail: Vec<(usize, Item)>,
}

impl World {
    /// Sets of so many members each, numbered through. All start what all are asked at once.
    pub fn of(sizes: &[usize]) -> World {
        World::staggered(sizes, 0)
    }

    /// The same, but the most senior one starts what all are asked, and others when time passes.
    pub fn calm(sizes: &[usize]) -> World {
        World::staggered(sizes, 1)
    }

    fn staggered(sizes: &[usize], stagger: u32) -> World {
        let hosts: usize = sizes.iter().sum();
        let habits = Habits {
            hosts,
            cut: BTreeSet::new(),
            operations: false,
            merges: sizes.len() > 1,
            stagger,
            joiners: hosts + 1,
            keeps_all: false,
        };
        let watch = Watch::new(u32::MAX, 1);
        let mut world = World { habits, sets: BTreeMap::new(), watch, mail: Vec::new() };
        let mut first = 1;
        for size in sizes {
            for n in first..first + size {
                world.come(n, first..first + size);
            }
            first += size;
        }
        world
    }

    /// Founds a set or joins it, without any fault.
    fn come(&mut self, n: usize, side: std::ops::Range<usize>) {
        let founding = if n == side.start { Founding::AtOnce } else { Founding::Never };
        let mut mail = VecDeque::new();
        self.start(n, founding, &side, &mut mail);
        while let Some((to, message)) = mail.pop_front() {
            let Some(set) = self.sets.get_mut(&to) else { continue };
            if matches!(message.body, Body::Ack { .. }) {
                self.watch.sent(0, Some(address(to)), &message);
            }
            let mut out = Vec::new();
            set.step(SetInput::Message(&message), &mut out);
            post(&out, to, &side, &mut mail);
            report(&mut self.watch, &self.sets[&to], out, 0);
        }
        let members = self.sets[&side.start].view().map_or(0, |view| view.members.len());
        assert_eq!(members, n + 1 - side.start, "a set comes together");
    }

    fn start(
        &mut self,
        n: usize,
        founding: Founding,
        side: &std::ops::Range<usize>,
        mail: &mut VecDeque<(usize, CoreMessage)>,
    ) {
        let (config, life) = config(n, founding, self.habits.stagger);
        let mut out = Vec::new();
        let set = CoreSet::new(config, life, &mut out);
        self.watch.began(address(n));
        post(&out, n, side, mail);
        report(&mut self.watch, &set, out, 0);
        self.sets.insert(n, set);
    }

    /// Whatever `n` is asked, it may be asked at any time, or never.
    fn later(mut self, n: usize, item: Item) -> World {
        self.mail.push((n, item));
        self
    }

    /// `who` perceives the failure of `whom`: it hears of a newer life there.
    pub fn fails(self, who: usize, whom: usize) -> World {
        let set = &self.sets[&whom];
        let view = set.view().unwrap();
        let mut from = *view.members.iter().find(|m| m.life == set.life()).unwrap();
        from.life.inc = Incarnation(100);
        let message = CoreMessage {
            name: view.name,
            from,
            level: view.level,
            position: view.position,
            parents: view.parents.clone(),
            prev: None,
            exclude: Vec::new(),
            body: Body::Reply { nonce: 0, check: None },
        };
        self.later(who, Item::Message(message))
    }

    pub fn leaves(self, who: usize) -> World {
        self.later(who, Item::Leave)
    }

    pub fn submits(mut self, who: usize) -> World {
        self.habits.operations = true;
        self.later(who, Item::Submit(vec![who as u8]))
    }

    pub fn splits(self, who: usize, side: &[usize]) -> World {
        let side = side.iter().map(|n| address(*n)).collect();
        let name = self.sets[&who].view().unwrap().name;
        let name = SetName { base: "t".parse().unwrap(), ..name };
        self.later(who, Item::Ask(Request::Split { side, name }))
    }

    /// One more, who wants in.
    pub fn joins(self) -> World {
        self.wants_in(false)
    }

    /// One more, who is to be the parent.
    pub fn gets_parent(self) -> World {
        self.wants_in(true)
    }

    fn wants_in(mut self, parent: bool) -> World {
        self.habits.joiners = self.habits.joiners.min(self.habits.hosts + 1);
        self.habits.hosts += 1;
        let n = self.habits.hosts;
        let mut mail = VecDeque::new();
        self.start(n, Founding::Never, &(1..n), &mut mail);
        for (to, mut message) in mail {
            if let (true, Body::Request(Request::Join(life))) = (parent, &message.body) {
                message.body = Body::Request(Request::AddParent(*life));
            }
            self.mail.push((to, Item::Message(message)));
        }
        self
    }

    /// The leaders of all sets probe for each other.
    pub fn probe(mut self) -> World {
        let leaders: Vec<(usize, CoreMessage)> = self
            .sets
            .iter()
            .filter_map(|(n, set)| {
                let view = set.view().filter(|view| number(view.members[0].life.address) == *n)?;
                let body = Body::Probe { view: Box::new(view.clone()), force: false };
                let message = CoreMessage {
                    name: view.name,
                    from: view.members[0],
                    level: view.level,
                    position: view.position,
                    parents: view.parents.clone(),
                    prev: None,
                    exclude: Vec::new(),
                    body,
                };
                Some((*n, message))
            })
            .collect();
        for (to, _) in &leaders {
            for (from, message) in &leaders {
                if from != to {
                    self.mail.push((*to, Item::Message(message.clone())));
                }
            }
        }
        self
    }

    /// `one` and `two` never hear each other.
    pub fn apart(mut self, one: usize, two: usize) -> World {
        self.habits.cut.extend([(one, two), (two, one)]);
        self
    }

    /// Without any reduction but that each step of one mserver is made once.
    pub fn at_length(mut self) -> World {
        self.habits.keeps_all = true;
        self
    }

    /// Explores it.
    pub fn explore(self, timers: u8, crashes: u8) -> Report {
        let mut machines = Machines::new(self.habits);
        let mut at = [0; HOSTS];
        for (n, set) in &self.sets {
            at[n - 1] = machines.local(Some(set.clone()), 0);
        }
        let mut mail: Vec<u32> =
            self.mail.into_iter().map(|(to, item)| machines.copy(to, item)).collect();
        mail.sort_unstable();
        mail.dedup();
        let left = Budget { timers, crashes };
        Search::new(machines).run(State { at, mail, left }, self.watch)
    }
}

/// Puts what was sent behind what is under way.
fn post(
    out: &[SetAction],
    from: usize,
    side: &std::ops::Range<usize>,
    mail: &mut VecDeque<(usize, CoreMessage)>,
) {
    for action in out {
        let own = |to: &SocketAddrV4| side.contains(&number(*to));
        match action {
            SetAction::Send { to, message } if own(to) => {
                mail.push_back((number(*to), message.clone()))
            }
            SetAction::Multicast(message) => {
                let others = side.clone().filter(|n| *n != from);
                mail.extend(others.map(|n| (n, message.clone())));
            }
            _ => {}
        }
    }
}
