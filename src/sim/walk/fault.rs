//! What a random schedule does to a world.

use crate::proto::coreset::Founding;
use crate::sim::World;
use crate::sim::kind::Kind;
use crate::sim::links::{Catch, Filter, HostId};
use crate::sim::rng::Rng;
use crate::sim::world::address;
use crate::wire::coreset::{Request, SetName};

/// One thing that can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Messages are lost, up to 400 of a thousand.
    Loss,
    /// Messages are late, up to a dozen ticks, and overtake each other.
    Delay,
    /// Messages arrive twice.
    Duplicate,
    /// Messages arrive damaged.
    Damage,
    /// The hosts fall into two or three parts that do not hear each other.
    Partition,
    /// Some hosts are not heard by some others.
    Asymmetric,
    /// Some pairs do not hear each other, everybody else does.
    NonTransitive,
    /// One host hears nobody, or is heard by nobody, or both.
    CutOff,
    /// The next few messages of a kind are lost, late or repeated.
    Filter,
    /// Everybody hears everybody again.
    Heal,
    /// A process is gone.
    Crash,
    /// A process comes back, or comes at all.
    Start,
    /// A process is stopped.
    Stop,
    /// A stopped process continues.
    Resume,
    /// A clock goes wrong.
    Drift,
    /// A member leaves.
    Leave,
    /// A member leaves, but neither a joiner nor the last that were there from the start.
    Part,
    /// Some members go under another name.
    Split,
    /// A set takes a newcomer as its parent, or gives its parent up.
    Parent,
    /// A set shall merge with one of another name.
    Merge,
    /// A few operations.
    Submit,
    /// Members leave, crash, come and submit in one instant.
    Burst,
    /// An old message arrives again, perhaps at another host.
    Replay,
    /// A message of a stranger, made from an old one.
    Forge,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 23] = [
        Fault::Loss,
        Fault::Delay,
        Fault::Duplicate,
        Fault::Damage,
        Fault::Partition,
        Fault::Asymmetric,
        Fault::NonTransitive,
        Fault::CutOff,
        Fault::Filter,
        Fault::Heal,
        Fault::Crash,
        Fault::Start,
        Fault::Stop,
        Fault::Resume,
        Fault::Drift,
        Fault::Leave,
        Fault::Split,
        Fault::Parent,
        Fault::Merge,
        Fault::Submit,
        Fault::Burst,
        Fault::Replay,
        Fault::Forge,
    ];

    /// What happens where nothing fails.
    pub const CALM: [Fault; 3] = [Fault::Start, Fault::Part, Fault::Submit];

    /// Lets it happen.
    pub fn strike(self, world: &mut World, rng: &mut Rng) {
        match self {
            Fault::Loss => world.links.weather.loss = rng.between(0, 400),
            Fault::Delay => {
                let low = rng.between(0, 2);
                world.links.weather.delay = (low, low + rng.between(0, 10));
                world.links.weather.ordered = rng.chance(300);
            }
            Fault::Duplicate => world.links.weather.duplicate = rng.between(0, 200),
            Fault::Damage => world.links.weather.damage = rng.between(0, 200),
            Fault::Partition => partition(world, rng),
            Fault::Asymmetric => {
                let (these, those) = (some(world, rng), some(world, rng));
                world.cut_one_way(&these, &those);
            }
            Fault::NonTransitive => {
                for _ in 0..=rng.below(world.size()) {
                    let (a, b) = (rng.below(world.size()), rng.below(world.size()));
                    world.cut(&[a], &[b]);
                }
            }
            Fault::CutOff => cut_off(world, rng),
            Fault::Filter => filter(world, rng),
            Fault::Heal => world.heal(),
            Fault::Crash => on_one(world, rng, World::crash),
            Fault::Start => start(world, rng),
            Fault::Stop => on_one(world, rng, World::stop),
            Fault::Resume => on_one(world, rng, World::resume),
            Fault::Drift => {
                let permille = rng.between(0, 200);
                on_one(world, rng, |world, host| world.drift(host, permille));
            }
            Fault::Leave => on_one(world, rng, World::leave),
            Fault::Part => on_one(world, rng, part),
            Fault::Split => split(world, rng),
            Fault::Parent => parent(world, rng),
            Fault::Merge => merge(world, rng),
            Fault::Submit => submit(world, rng),
            Fault::Burst => burst(world, rng),
            Fault::Replay => replay(world, rng),
            Fault::Forge => forge(world, rng),
        }
    }
}

fn on_one(world: &mut World, rng: &mut Rng, mut what: impl FnMut(&mut World, HostId)) {
    if let Some(host) = rng.pick(&world.up()) {
        what(world, host);
    }
}

/// A set that everybody has left is founded anew, perhaps by several at once, who must isolate one
/// another until they have merged: so somebody stays.
fn part(world: &mut World, host: HostId) {
    let member = world.process(host).is_some_and(|process| process.view().is_some());
    if member && host > 1 {
        world.leave(host);
    }
}

/// Each host with an even chance.
fn some(world: &World, rng: &mut Rng) -> Vec<HostId> {
    (0..world.size()).filter(|_| rng.chance(500)).collect()
}

fn partition(world: &mut World, rng: &mut Rng) {
    let parts = 2 + rng.below(2);
    let part: Vec<usize> = (0..world.size()).map(|_| rng.below(parts)).collect();
    world.links.heal();
    world.say(format!("partition {part:?}"));
    for a in 0..world.size() {
        for b in 0..world.size() {
            if part[a] != part[b] {
                world.links.cut(a, b);
            }
        }
    }
}

fn cut_off(world: &mut World, rng: &mut Rng) {
    let host = rng.below(world.size());
    let others: Vec<HostId> = (0..world.size()).filter(|other| *other != host).collect();
    let shape = rng.below(3);
    if shape != 0 {
        world.cut_one_way(&[host], &others);
    }
    if shape != 1 {
        world.cut_one_way(&others, &[host]);
    }
}

fn filter(world: &mut World, rng: &mut Rng) {
    let mut end = |world: &World| rng.chance(500).then(|| rng.below(world.size()));
    let (from, to) = (end(world), end(world));
    let catch = match rng.below(4) {
        0 => Catch::Delay(rng.between(1, 60)),
        1 => Catch::Repeat(rng.between(1, 60)),
        _ => Catch::Lose,
    };
    let kind = rng.pick(&Kind::ALL);
    let left = rng.between(1, 8);
    world.say(format!("{catch:?} the next {left} {kind:?} from {from:?} to {to:?}"));
    world.links.filter(Filter { kind, from, to, catch, left });
}

fn start(world: &mut World, rng: &mut Rng) {
    let down: Vec<HostId> = (0..world.size()).filter(|h| world.process(*h).is_none()).collect();
    if let Some(host) = rng.pick(&down) {
        world.start(host, Founding::IfNone);
    }
}

fn split(world: &mut World, rng: &mut Rng) {
    let Some(host) = rng.pick(&world.up()) else { return };
    let Some(view) = world.process(host).and_then(|process| process.view()) else { return };
    let mut side: Vec<_> =
        view.members.iter().map(|m| m.life.address).filter(|_| rng.chance(500)).collect();
    side.sort_unstable();
    let base = if rng.chance(500) { "t" } else { "u" };
    let name = SetName { base: base.parse().expect("a name"), suffix: None };
    world.say(format!("{host} shall split {side:?} off as {base}"));
    world.request(host, Request::Split { side, name });
}

fn parent(world: &mut World, rng: &mut Rng) {
    let Some(host) = rng.pick(&world.up()) else { return };
    let request = if rng.chance(500) {
        world.say(format!("the set of {host} shall give up its parent"));
        Request::DelParent
    } else {
        let out: Vec<HostId> = (0..world.size()).filter(|host| is_out(world, *host)).collect();
        let Some(parent) = rng.pick(&out) else { return };
        if world.process(parent).is_none() {
            world.start(parent, Founding::IfNone);
        }
        let Some(life) = world.process(parent).map(|process| process.life()) else { return };
        world.say(format!("the set of {host} shall take {parent} as its parent"));
        Request::AddParent(life)
    };
    world.request(host, request);
}

/// Whether a host's process is in no view, or not there.
fn is_out(world: &World, host: HostId) -> bool {
    world.process(host).is_none_or(|process| process.view().is_none())
}

fn merge(world: &mut World, rng: &mut Rng) {
    let up = world.up();
    let (Some(host), Some(other)) = (rng.pick(&up), rng.pick(&up)) else { return };
    let name = |host| world.process(host).and_then(|process| process.view()).map(|v| v.name);
    if name(host) != name(other) {
        world.say(format!("the set of {host} shall merge with that of {other}"));
        world.request(host, Request::Merge { at: address(other) });
    }
}

fn submit(world: &mut World, rng: &mut Rng) {
    for _ in 0..=rng.below(5) {
        let bytes = rng.draw().to_be_bytes();
        on_one(world, rng, |world, host| world.submit(host, &bytes));
    }
}

fn burst(world: &mut World, rng: &mut Rng) {
    for _ in 0..1 + rng.below(world.size()) {
        match rng.below(5) {
            0 => on_one(world, rng, World::crash),
            1 => on_one(world, rng, World::leave),
            2 => submit(world, rng),
            _ => start(world, rng),
        }
    }
}

fn replay(world: &mut World, rng: &mut Rng) {
    for _ in 0..=rng.below(4) {
        let Some(message) = world.old_message() else { return };
        let to = rng.below(world.size());
        if message.from.life.address != address(to) {
            world.count("replayed");
            world.inject(to, message);
        }
    }
}

/// An old message under a name that nobody has: a stranger's, of an earlier life, of another set, or of a view that
/// there never was.
fn forge(world: &mut World, rng: &mut Rng) {
    let Some(mut message) = world.old_message() else { return };
    let to = rng.below(world.size());
    match rng.below(6) {
        0 => message.from.life.address = address(world.size() + 1),
        1 => message.from.life.inc.0 = 0,
        2 => message.from.life.inc.0 = message.from.life.inc.0.saturating_sub(1),
        3 => message.name.base = "v".parse().expect("a name"),
        4 => {
            let back = u16::try_from(rng.between(0, 3)).expect("3 at most");
            message.position.num.0 = message.position.num.0.wrapping_sub(back);
            message.position.digest.0 = [rng.draw().to_be_bytes(), rng.draw().to_be_bytes()]
                .concat()
                .try_into()
                .expect("twice 8 bytes");
        }
        _ => {
            message.from.life.address = address(world.size() + 1);
            message.position.num.0 = message.position.num.0.wrapping_add(7);
        }
    }
    if message.from.life.address != address(to) {
        world.count("forged");
        world.inject(to, message);
    }
}
