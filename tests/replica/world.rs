//! Core-sets with the registries that they agree on, and a network between them that loses what it is told to.

use membership::name::{Digest, Incarnation};
use membership::proto::coreset::{Config, CoreSet, Founding, SetAction, SetInput, SetParams};
use membership::proto::group::{Registry, Replica, ReplicaOut, reconcile};
use membership::sim::rng::Rng;
use membership::wire::Message;
use membership::wire::coreset::{
    Body, Change, ChangeKind, CoreMessage, Member, Operation, Position, SetName, View,
};
use membership::wire::group::GroupOp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

pub fn address(host: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host as u8 + 1), 2900)
}

/// What a host was told, as far as tests ask for it.
#[derive(Default)]
pub struct Told {
    pub effects: Vec<(Position, membership::proto::group::Effect)>,
    pub lost: Vec<Vec<SocketAddrV4>>,
    pub in_step: Vec<bool>,
}

pub struct Host {
    pub set: CoreSet,
    pub replica: Replica,
    pub told: Told,
    /// Where its registry was looked at.
    checked: Option<Position>,
}

/// A network with loss in percent, cuts, and SYNC answers that do not get through.
pub struct World {
    pub hosts: Vec<Option<Host>>,
    pub lives: Vec<u32>,
    /// Hosts with the same number reach each other.
    pub side: Vec<u32>,
    pub loss: u64,
    /// Hosts whose SYNC answers are lost.
    pub mute: BTreeSet<usize>,
    /// SYNC answers that arrived, and RESETs that were agreed on.
    pub synced: usize,
    pub resets: usize,
    flying: Vec<(u64, usize, usize, Vec<u8>)>,
    now: u64,
    rng: Rng,
    /// What the registry at each position must be; none: only its digest is known, from whoever was there first.
    right: BTreeMap<Position, Option<Registry>>,
    seen: BTreeMap<Position, Digest>,
}

pub fn params() -> SetParams {
    SetParams::default()
}

impl World {
    pub fn new(hosts: usize, seed: u64) -> World {
        World {
            hosts: (0..hosts).map(|_| None).collect(),
            lives: vec![0; hosts],
            side: vec![0; hosts],
            loss: 0,
            mute: BTreeSet::new(),
            synced: 0,
            resets: 0,
            flying: Vec::new(),
            now: 0,
            rng: Rng::new(seed),
            right: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    pub fn random(&mut self, below: u64) -> u64 {
        self.rng.draw() % below
    }

    pub fn start(&mut self, host: usize, founding: Founding) {
        self.lives[host] += 1000;
        let name = SetName { base: "ring".parse().unwrap(), suffix: None };
        let config = Config { name, level: 1, own: address(host), founding, params: params() };
        let mut out = Vec::new();
        let mut set = CoreSet::new(config, Incarnation(self.lives[host]), &mut out);
        set.step(SetInput::InStep(false), &mut out);
        let replica = Replica::new(address(host), params().reply, params().retries);
        self.hosts[host] = Some(Host { set, replica, told: Told::default(), checked: None });
        self.take(host, out);
    }

    pub fn crash(&mut self, host: usize) {
        self.hosts[host] = None;
    }

    pub fn host(&self, host: usize) -> &Host {
        self.hosts[host].as_ref().expect("it runs")
    }

    pub fn registry(&self, host: usize) -> &Registry {
        self.host(host).replica.registry().expect("in step")
    }

    pub fn submit(&mut self, host: usize, op: &GroupOp) {
        self.input(host, SetInput::Submit(op.encode()));
    }

    pub fn input(&mut self, host: usize, input: SetInput<'_>) {
        let Some(it) = &mut self.hosts[host] else { return };
        let mut out = Vec::new();
        it.set.step(input, &mut out);
        self.take(host, out);
    }

    pub fn run(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.now += 1;
            let due = |m: &(u64, usize, usize, Vec<u8>)| m.0 <= self.now;
            let (arrived, flying) = std::mem::take(&mut self.flying).into_iter().partition(due);
            self.flying = flying;
            for (_, from, to, bytes) in arrived {
                self.deliver(from, to, &bytes);
            }
            for host in 0..self.hosts.len() {
                self.input(host, SetInput::Tick { elapsed: 1 });
                let mut out = Vec::new();
                if let Some(it) = &mut self.hosts[host] {
                    it.replica.tick(1, &mut out);
                }
                self.follow(host, out);
            }
            self.check();
        }
    }

    fn deliver(&mut self, from: usize, to: usize, bytes: &[u8]) {
        if self.hosts[to].is_none() || self.side[from] != self.side[to] {
            return;
        }
        let message = Message::receive(bytes, false).expect("a message");
        let message = CoreMessage::decode(&message).expect("of a core-set");
        let answer = matches!(message.body, Body::Sync { .. });
        if answer && self.mute.contains(&from) {
            return;
        }
        self.synced += usize::from(answer);
        let sync = answer || matches!(message.body, Body::SyncRequest { .. });
        let mut out = Vec::new();
        if let Some(it) = &mut self.hosts[to]
            && (sync || matches!(message.body, Body::Init { .. }))
        {
            let _ = it.replica.message(message.from.life.address, &message.body, &mut out);
        }
        self.follow(to, out);
        if !sync {
            self.input(to, SetInput::Message(&message));
        }
    }

    fn send(&mut self, from: usize, to: usize, message: &CoreMessage) {
        if from == to || self.random(100) < self.loss {
            return;
        }
        let delay = 1 + self.random(2);
        let bytes = message.encode().expect("it keeps the rules");
        self.flying.push((self.now + delay, from, to, bytes));
    }

    fn take(&mut self, host: usize, actions: Vec<SetAction>) {
        for action in actions {
            let Some(it) = &mut self.hosts[host] else { return };
            let mut out = Vec::new();
            match action {
                SetAction::Send { to, mut message } => {
                    it.replica.complete(&mut message.body);
                    if let Some(to) = (0..self.hosts.len()).find(|h| address(*h) == to) {
                        self.send(host, to, &message);
                    }
                }
                SetAction::Multicast(message) => {
                    for to in 0..self.hosts.len() {
                        self.send(host, to, &message);
                    }
                }
                SetAction::Installed { view, from, change, applied } => {
                    it.replica.installed(&view, from.as_ref(), change.as_ref(), &applied, &mut out);
                    self.learn(&view, from, change.as_ref(), &applied);
                }
                SetAction::Out { .. } => it.replica.left(),
                SetAction::Note(_) => {}
            }
            self.follow(host, out);
        }
        self.gate(host);
    }

    fn follow(&mut self, host: usize, outs: Vec<ReplicaOut>) {
        let mut proposals = VecDeque::new();
        for out in outs {
            let Some(it) = &mut self.hosts[host] else { return };
            match out {
                ReplicaOut::Effect { effect, position } => {
                    it.told.effects.push((position, *effect));
                }
                ReplicaOut::Lost { removed, .. } => it.told.lost.push(removed),
                ReplicaOut::InStep { anew } => it.told.in_step.push(anew),
                ReplicaOut::Send { to, body } => {
                    let Some(view) = it.set.view() else { continue };
                    let message = CoreMessage {
                        name: view.name,
                        from: *view.member(address(host)).unwrap_or(&Member {
                            gid: membership::name::Gid::NONE,
                            life: it.set.life(),
                        }),
                        level: 1,
                        position: view.position,
                        parents: view.parents.clone(),
                        prev: None,
                        exclude: Vec::new(),
                        body,
                    };
                    if let Some(to) = (0..self.hosts.len()).find(|h| address(*h) == to) {
                        self.send(host, to, &message);
                    }
                }
                ReplicaOut::Propose(op) => proposals.push_back(op),
                ReplicaOut::Unreadable { operation, error } => panic!("{operation:?}: {error}"),
            }
        }
        for op in proposals {
            self.input(host, SetInput::Now(op.encode()));
        }
        self.gate(host);
    }

    /// The set is told whether its registry is there.
    fn gate(&mut self, host: usize) {
        let Some(it) = &mut self.hosts[host] else { return };
        let in_step = it.replica.registry().is_some();
        // It assumes the worst of some views by itself, so it is told each time.
        let mut out = Vec::new();
        it.set.step(SetInput::InStep(in_step), &mut out);
        if !out.is_empty() {
            self.take(host, out);
        }
    }

    /// What the registry must be at a position, by the rules and nothing else.
    fn learn(
        &mut self,
        view: &View,
        from: Option<Position>,
        change: Option<&Change>,
        applied: &[Operation],
    ) {
        if self.right.contains_key(&view.position) {
            return;
        }
        let Some(change) = change else {
            self.right.insert(view.position, Some(Registry::default()));
            return;
        };
        // A joiner's view was somebody else's before.
        let Some(from) = from else { return };
        let mut right = self.right.get(&from).cloned().flatten();
        if let ChangeKind::Merge { views, .. } = &change.kind {
            let sides = change.par.iter().map(|par| self.right.get(par).cloned().flatten());
            let sides: Vec<Option<Registry>> = sides.collect();
            right = match &sides[..] {
                [Some(one), Some(two)] => Some(reconcile(one, two).0),
                _ => None,
            };
            let gone: Vec<SocketAddrV4> = views
                .iter()
                .flat_map(|side| side.addresses())
                .filter(|who| !view.contains(*who))
                .collect();
            right.iter_mut().for_each(|right| right.lose(&gone));
        }
        let mut reset = false;
        for operation in applied {
            let op = GroupOp::decode(&operation.bytes).expect("an operation");
            reset |= op == GroupOp::Reset;
            right.iter_mut().for_each(|right| right.apply(op.clone(), &mut Vec::new()));
        }
        let gone: Vec<SocketAddrV4> = change.excl.iter().copied().chain(leaver(change)).collect();
        if !gone.is_empty() && !matches!(change.kind, ChangeKind::Merge { .. }) {
            right.iter_mut().for_each(|right| right.lose(&gone));
        }
        if view.members.len() == 1 && view.parent.is_some() {
            right.iter_mut().for_each(Registry::orphan);
        }
        self.resets += usize::from(reset);
        self.right.insert(view.position, right.filter(|_| !reset));
    }

    /// Equal positions have equal registries, and the right ones.
    fn check(&mut self) {
        for host in self.hosts.iter_mut().flatten() {
            let (Some(position), Some(registry)) =
                (host.replica.position(), host.replica.registry())
            else {
                continue;
            };
            assert_eq!(host.set.view().map(|view| view.position), Some(position));
            if host.checked == Some(position) {
                continue;
            }
            host.checked = Some(position);
            let digest = registry.digest();
            let first = *self.seen.entry(position).or_insert(digest);
            assert_eq!(first, digest, "at {position:?}");
            match self.right.get_mut(&position) {
                Some(Some(right)) => assert_eq!(right, registry, "at {position:?}"),
                // From here on it is known again.
                Some(right) => *right = Some(registry.clone()),
                None => panic!("nobody came to {position:?}"),
            }
        }
    }

    /// All who run are in one view, idle and in step.
    pub fn rests(&self) -> bool {
        let mut hosts = self.hosts.iter().flatten();
        let Some(first) = hosts.next().and_then(|host| host.set.view()) else { return false };
        let size = self.hosts.iter().flatten().count();
        first.members.len() == size
            && self.hosts.iter().flatten().all(|host| {
                host.set.view() == Some(first)
                    && host.set.is_idle()
                    && host.set.outstanding() == 0
                    && host.replica.registry().is_some()
            })
    }

    pub fn settle(&mut self) {
        for _ in 0..4000 {
            if self.rests() {
                return;
            }
            self.run(1);
        }
        let all: Vec<String> = self
            .hosts
            .iter()
            .flatten()
            .map(|h| {
                let view = h.set.view().map(|v| (v.position, v.addresses().collect::<Vec<_>>()));
                let (queues, known) = (h.set.queues(), h.replica.registry().is_some());
                format!("{} {view:?} {queues:?} {known}\n", h.set.phase_name())
            })
            .collect();
        panic!("it does not come to rest:\n{}", all.concat());
    }
}

fn leaver(change: &Change) -> Option<SocketAddrV4> {
    match &change.kind {
        ChangeKind::Leave { who } | ChangeKind::DelParent { who } => Some(*who),
        _ => None,
    }
}
