//! What a random schedule does to a campus, and what applications do there.

use super::rules;
use crate::name::GroupName;
use crate::proto::coreset::Founding;
use crate::sim::campus::event::AppId;
use crate::sim::campus::invariants::Standing;
use crate::sim::campus::plan::NodeId;
use crate::sim::campus::sieve::Sieve;
use crate::sim::campus::world::Campus;
use crate::sim::links::Catch;
use crate::sim::rng::Rng;
use crate::wire::group::{Mode, Order, Qos, Scope};

/// Names of datagrams that are caught one by one.
const NAMES: [&str; 13] = [
    "SUBMIT",
    "DIRECT",
    "ACK",
    "WAIT",
    "MSG_QUERY",
    "SYNC",
    "GRANT",
    "ERROR",
    "REGISTER",
    "REGISTERED",
    "INITIATE",
    "COMMIT",
    "INIT",
];

/// One thing that can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Datagrams are lost, up to 300 of a thousand.
    Loss,
    /// Datagrams are late, up to a dozen ticks, and overtake each other.
    Delay,
    /// Datagrams arrive twice.
    Duplicate,
    /// Datagrams arrive damaged.
    Damage,
    /// The nodes fall into two parts that do not hear each other.
    Partition,
    /// Some pairs do not hear each other.
    Cut,
    /// One node hears nobody and is heard by nobody.
    CutOff,
    /// The next few datagrams of a name are lost, late or repeated.
    Sift,
    /// Everybody hears everybody again.
    Heal,
    /// A process is gone.
    Crash,
    /// A process comes back.
    Start,
    /// A process is stopped.
    Stop,
    /// A stopped process continues.
    Resume,
    /// A clock goes wrong.
    Drift,
    /// A process is told to leave in good order.
    Dismiss,
    /// Old datagrams arrive again, perhaps elsewhere.
    Replay,
    /// An application joins a group.
    Join,
    /// Several do, in one instant.
    Race,
    /// An application joins a group of a narrow scope.
    Narrow,
    /// An application joins a group whose sides live and merge by rules.
    Ruled,
    /// An application joins a weak group, which reaches no higher than one set.
    Weak,
    /// An application leaves a group.
    Leave,
    /// An application leaves a group that it is not in yet.
    Withdraw,
    /// An application is gone.
    End,
}

impl Fault {
    /// All of them, but those that make sense in some schedules only.
    pub const ALL: [Fault; 22] = [
        Fault::Loss,
        Fault::Delay,
        Fault::Duplicate,
        Fault::Damage,
        Fault::Partition,
        Fault::Cut,
        Fault::CutOff,
        Fault::Sift,
        Fault::Heal,
        Fault::Crash,
        Fault::Start,
        Fault::Stop,
        Fault::Resume,
        Fault::Drift,
        Fault::Dismiss,
        Fault::Replay,
        Fault::Join,
        Fault::Race,
        Fault::Narrow,
        Fault::Leave,
        Fault::Withdraw,
        Fault::End,
    ];

    /// Those by which the network falls into parts.
    pub const PARTITIONS: [Fault; 3] = [Fault::Partition, Fault::Cut, Fault::CutOff];
    /// What is wanted where it does.
    pub const RULED: [Fault; 2] = [Fault::Ruled, Fault::Ruled];
    /// What happens where nothing fails.
    pub const CALM: [Fault; 5] =
        [Fault::Join, Fault::Join, Fault::Race, Fault::Narrow, Fault::Leave];

    /// Lets it happen.
    pub fn strike(self, campus: &mut Campus, rng: &mut Rng) {
        let nodes = campus.plan().sites().len();
        match self {
            Fault::Loss => campus.network.weather.loss = rng.between(0, 300),
            Fault::Delay => {
                let low = rng.between(0, 2);
                campus.network.weather.delay = (low, low + rng.between(0, 10));
                campus.network.weather.ordered = rng.chance(300);
            }
            Fault::Duplicate => campus.network.weather.duplicate = rng.between(0, 200),
            Fault::Damage => campus.network.weather.damage = rng.between(0, 200),
            Fault::Partition => {
                campus.network.heal();
                let (these, those): (Vec<NodeId>, Vec<NodeId>) =
                    (0..nodes).partition(|_| rng.chance(500));
                campus.cut(&these, &those);
            }
            Fault::Cut => {
                for _ in 0..=rng.below(nodes) {
                    let (a, b) = (rng.below(nodes), rng.below(nodes));
                    campus.cut(&[a], &[b]);
                }
            }
            Fault::CutOff => {
                let node = rng.below(nodes);
                let others: Vec<NodeId> = (0..nodes).filter(|other| *other != node).collect();
                campus.cut(&[node], &others);
            }
            Fault::Sift => sift(campus, rng),
            Fault::Heal => campus.heal(),
            Fault::Crash => campus.kill(rng.below(nodes)),
            Fault::Start => start(campus, rng),
            Fault::Stop => campus.stop(rng.below(nodes)),
            Fault::Resume => campus.resume(rng.below(nodes)),
            Fault::Drift => campus.drift(rng.below(nodes), rng.between(800, 1200).into()),
            Fault::Dismiss => campus.dismiss(rng.below(nodes)),
            Fault::Replay => (0..=rng.below(4)).for_each(|_| campus.replay()),
            Fault::Join => join(campus, rng, Scope::Top),
            Fault::Race => (0..2 + rng.below(4)).for_each(|_| join(campus, rng, Scope::Top)),
            Fault::Narrow => {
                let level = 1 + rng.below(2);
                join(campus, rng, Scope::Level(if level == 1 { 1 } else { 2 }));
            }
            Fault::Ruled => rules::join(campus, rng),
            Fault::Weak => {
                let group = format!("w{}", 1 + rng.below(3)).parse().expect("a name");
                let scope = Scope::Level(1);
                join_group(campus, rng, group, Qos { order: Order::Weak, ..within(scope) });
            }
            Fault::Leave => leave(campus, rng, |standing| matches!(standing, Standing::In(_))),
            Fault::Withdraw => leave(campus, rng, |standing| *standing == Standing::Joining),
            Fault::End => {
                if let Some(app) = rng.pick(&alive(campus)) {
                    campus.end(app);
                }
            }
        }
    }
}

pub(super) fn alive(campus: &Campus) -> Vec<AppId> {
    campus.apps().filter(|(_, alive)| *alive).map(|(app, _)| app).collect()
}

/// One of the few groups of a campus; those of narrow scopes have names of their own.
fn some_group(rng: &mut Rng, scope: Scope) -> GroupName {
    let place = 1 + rng.below(3);
    let name = match scope {
        Scope::Level(level) => format!("l{level}-{place}"),
        Scope::Top | Scope::Set(_) => format!("g{place}"),
    };
    name.parse().expect("a name")
}

/// What reaches as far as that, and no farther.
fn within(scope: Scope) -> Qos {
    Qos { membership_scope: scope, name_scope: scope, ..Qos::default() }
}

fn join(campus: &mut Campus, rng: &mut Rng, scope: Scope) {
    let group = some_group(rng, scope);
    join_group(campus, rng, group, within(scope));
}

fn join_group(campus: &mut Campus, rng: &mut Rng, group: GroupName, qos: Qos) {
    let out = |app: &AppId| matches!(campus.member(*app, group), None | Some((_, Standing::Out)));
    let free: Vec<AppId> = alive(campus).into_iter().filter(out).collect();
    let Some(app) = rng.pick(&free) else { return another(campus, rng) };
    let mode = match rng.below(10) {
        0 => Mode::Create,
        1 => Mode::Existing,
        _ => Mode::JoinOrCreate,
    };
    // Some of the groups gather few changes, or many, if they do at all.
    let (batch, ticks) = match group.as_bytes().last() {
        Some(b'2') if campus.gathers => (2, 200),
        Some(b'3') if campus.gathers => (100, 15),
        _ => (0, 0),
    };
    let batch_ms = ticks * campus.params.tick_ms;
    let qos = match qos.order {
        Order::Strong => Qos { batch, batch_ms, ..qos },
        Order::Weak => qos,
    };
    campus.join_as(app, group, mode, qos);
}

/// One more application: all that there are have what they want.
pub(super) fn another(campus: &mut Campus, rng: &mut Rng) {
    let nodes: Vec<NodeId> = campus.plan().served().filter(|node| campus.is_up(*node)).collect();
    if let Some(node) = rng.pick(&nodes).filter(|_| campus.apps().count() < 30) {
        campus.app(node);
    }
}

fn leave(campus: &mut Campus, rng: &mut Rng, so: impl Fn(&Standing) -> bool) {
    let kinds = ["g", "l1-", "l2-", "r", "w"];
    let groups = (1..=3).flat_map(|n| kinds.map(|kind| format!("{kind}{n}")));
    let groups: Vec<GroupName> = groups.map(|name| name.parse().expect("a name")).collect();
    let mut all = Vec::new();
    for app in alive(campus) {
        let inside = |group: &&GroupName| {
            campus.member(app, **group).is_some_and(|(_, standing)| so(standing))
        };
        all.extend(groups.iter().filter(inside).map(|group| (app, *group)));
    }
    if let Some((app, group)) = rng.pick(&all) {
        campus.leave(app, group);
    }
}

fn sift(campus: &mut Campus, rng: &mut Rng) {
    let nodes = campus.plan().sites().len();
    let mut end = || rng.chance(300).then(|| rng.below(nodes));
    let (from, to) = (end(), end());
    let catch = match rng.below(4) {
        0 => Catch::Delay(rng.between(1, 60)),
        1 => Catch::Repeat(rng.between(1, 60)),
        _ => Catch::Lose,
    };
    let (name, left) = (rng.pick(&NAMES), rng.between(1, 8));
    campus.say(format!("{catch:?} the next {left} {name:?} from {from:?} to {to:?}"));
    campus.network.sift(Sieve { name, from, to, catch, left });
}

fn start(campus: &mut Campus, rng: &mut Rng) {
    let down: Vec<NodeId> =
        (0..campus.plan().sites().len()).filter(|node| !campus.is_up(*node)).collect();
    if let Some(node) = rng.pick(&down) {
        campus.start(node, Founding::IfNone);
    }
}
