//! What operators ask of mservers, in memory: encoded requests in, encoded answers out.

use membership::name::{Gid, GroupName, Incarnation};
use membership::proto::coreset::Founding;
use membership::proto::mserver::{Below, Identity, Mserver, NOT_ALLOWED, Post};
use membership::proto::params::Profile;
use membership::proto::places::Places;
use membership::proto::step::{Action, Input, Via};
use membership::wire::Message;
use membership::wire::coreset::{
    Body, CoreMessage, Life, Member, Position, Request, SetName, View,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

/// Some mservers, what each hears, and an operator.
struct Net {
    mservers: BTreeMap<SocketAddrV4, (Mserver, BTreeSet<SocketAddrV4>)>,
    answers: Vec<CoreMessage>,
}

fn at(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 0, host].into(), 2900)
}

fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

const OPERATOR: u8 = 200;

impl Net {
    /// Mservers that found or join sets, some on level 2, until all are in a view.
    fn new(all: &[(u8, &str, u8)]) -> Net {
        let mut net = Net { mservers: BTreeMap::new(), answers: Vec::new() };
        for &(host, name, level) in all {
            let id = Identity {
                own: at(host),
                inc: Incarnation(100),
                places: Places::new(BTreeMap::new(), 2900),
                allow: vec!["10.0.0.0/24".parse().unwrap()],
                params: Profile::named("lan").unwrap().params(),
            };
            let mut actions = Vec::new();
            let below = Below::lan_of(at(host), false);
            let post = Post { set: group(name), level, founding: Founding::IfNone, below };
            let mserver = Mserver::start(id, &post, None, &mut actions);
            net.mservers.insert(at(host), (mserver, BTreeSet::new()));
            net.carry_out(at(host), actions);
        }
        net.run(1000);
        net
    }

    fn carry_out(&mut self, from: SocketAddrV4, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Hear { group, on } => {
                    let (_, heard) = self.mservers.get_mut(&from).unwrap();
                    if on {
                        heard.insert(group)
                    } else {
                        heard.remove(&group)
                    };
                }
                Action::Send { to, bytes } => self.deliver(from, to, &bytes),
                _ => {}
            }
        }
    }

    fn deliver(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8]) {
        if to == at(OPERATOR) {
            let message = Message::receive(bytes, true).unwrap();
            self.answers.push(CoreMessage::decode(&message).unwrap());
        }
        let hears = |who: &SocketAddrV4, heard: &BTreeSet<SocketAddrV4>| {
            *who == to || heard.contains(&to) && *who != from
        };
        let receivers = self.mservers.iter().filter(|(who, (_, heard))| hears(who, heard));
        for who in receivers.map(|(who, _)| *who).collect::<Vec<_>>() {
            let via = if who == to { Via::Own } else { Via::Group };
            self.input(who, Input::Datagram { via, from, bytes });
        }
    }

    fn input(&mut self, who: SocketAddrV4, input: Input<'_>) {
        let mut actions = Vec::new();
        self.mservers.get_mut(&who).unwrap().0.step(input, &mut actions);
        self.carry_out(who, actions);
    }

    fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            for who in self.mservers.keys().copied().collect::<Vec<_>>() {
                self.input(who, Input::Tick { elapsed: 1 });
            }
        }
    }

    /// What a mserver answers an operator, who is in the allowed network.
    fn ask(&mut self, host: u8, name: &str, level: u8, body: Body) -> CoreMessage {
        let life = Life { address: at(OPERATOR), inc: Incarnation(0) };
        let message = CoreMessage {
            name: SetName { base: group(name), suffix: None },
            from: Member { gid: Gid::NONE, life },
            level,
            position: Position::default(),
            parents: Vec::new(),
            prev: None,
            exclude: Vec::new(),
            body,
        };
        self.answers.clear();
        self.deliver(at(OPERATOR), at(host), &message.encode().unwrap());
        assert_eq!(self.answers.len(), 1, "one answer");
        self.answers[0].clone()
    }

    fn request(
        &mut self,
        host: u8,
        (name, level): (&str, u8),
        request: Request,
    ) -> Result<(), String> {
        match self.ask(host, name, level, Body::Request(request)).body {
            Body::Taken => Ok(()),
            Body::Refused { why, .. } => Err(why),
            other => panic!("{other:?}"),
        }
    }

    fn life(&mut self, host: u8, name: &str) -> Life {
        self.ask(host, name, 1, Body::StatsRequest { long: false }).from.life
    }

    fn view(&mut self, host: u8, name: &str) -> Option<View> {
        match self.ask(host, name, 1, Body::StatsRequest { long: true }).body {
            Body::Stats(stats) => stats.detail.unwrap().view.map(|view| *view),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_only_member_leaves_at_once_and_again_without_harm() {
    let mut net = Net::new(&[(1, "a", 1)]);
    let life = net.life(1, "a");
    assert_eq!(net.request(1, ("a", 1), Request::Leave(life)), Ok(()));
    assert_eq!(net.view(1, "a"), None);
    // The answer was lost, and the operator asks again.
    assert_eq!(net.request(1, ("a", 1), Request::Leave(life)), Ok(()));
}

#[test]
fn a_leave_of_an_earlier_life_ends_no_later_one() {
    let mut net = Net::new(&[(1, "a", 1), (2, "a", 1)]);
    let life = net.life(2, "a");
    let old = Life { inc: Incarnation(life.inc.0 - 1), ..life };
    assert!(net.request(2, ("a", 1), Request::Leave(old)).unwrap_err().contains("ask again"));
    net.run(200);
    assert_eq!(net.view(1, "a").unwrap().members.len(), 2);
}

#[test]
fn who_is_leaving_does_not_join_meanwhile_and_does_afterwards() {
    let mut net = Net::new(&[(1, "a", 1), (2, "a", 1)]);
    let life = net.life(1, "a");
    // The other one is gone, so the Leave takes its time.
    let (other, heard) = net.mservers.remove(&at(2)).unwrap();
    assert_eq!(net.request(1, ("a", 1), Request::Leave(life)), Ok(()));
    let why = net.request(1, ("a", 1), Request::Join(life)).unwrap_err();
    assert!(why.contains("leaving set a"), "{why}");
    net.mservers.insert(at(2), (other, heard));
    net.run(1000);
    assert_eq!(net.view(1, "a"), None);
    let life = net.life(1, "a");
    assert_eq!(net.request(1, ("a", 1), Request::Join(life)), Ok(()));
    net.run(1000);
    assert_eq!(net.view(2, "a").unwrap().members.len(), 2);
}

#[test]
fn a_parent_keeps_its_peers_until_it_is_relieved() {
    let mut net = Net::new(&[(1, "a", 1), (9, "top", 2)]);
    let parent = net.life(9, "a");
    assert!(net.request(1, ("a", 1), Request::DelParent).unwrap_err().contains("no parent"));
    assert_eq!(net.request(9, ("a", 1), Request::AddParent(parent)), Ok(()));
    net.run(500);
    assert_eq!(net.view(1, "a").unwrap().parent, Some(at(9)));
    let life = net.life(9, "top");
    let why = net.request(9, ("top", 2), Request::Leave(life)).unwrap_err();
    assert!(why.contains("del-parent that first"), "{why}");
    assert_eq!(net.request(1, ("a", 1), Request::DelParent), Ok(()));
    net.run(500);
    assert_eq!(net.view(1, "a").unwrap().parent, None);
    assert_eq!(net.request(9, ("top", 2), Request::Leave(life)), Ok(()));
}

#[test]
fn a_request_that_can_come_to_nothing_is_refused_at_once() {
    let mut net = Net::new(&[(1, "a", 1), (2, "a", 1)]);
    let name = SetName { base: group("a"), suffix: None };
    let side = vec![at(2)];
    let why = net.request(1, ("a", 1), Request::Split { side, name }).unwrap_err();
    assert!(why.contains("another name"), "{why}");
    let place = Places::new(BTreeMap::new(), 2900).of(&group("a"));
    let leader = net.view(1, "a").unwrap().members[0].life.address.ip().octets()[3];
    let why = net.request(leader, ("a", 1), Request::Merge { at: place }).unwrap_err();
    assert!(why.contains("this set itself"), "{why}");
    let elsewhere = "239.1.2.3:2900".parse().unwrap();
    let why = net.request(3 - leader, ("a", 1), Request::Merge { at: elsewhere }).unwrap_err();
    assert!(why.contains("ask 10.0.0."), "{why}");
}

#[test]
fn who_is_not_allowed_is_told_so_and_changes_nothing() {
    let mut net = Net::new(&[(1, "a", 1)]);
    let (mserver, _) = net.mservers.get_mut(&at(1)).unwrap();
    mserver.change(Profile::named("lan").unwrap().params(), Vec::new());
    for body in [Body::StatsRequest { long: false }, Body::Request(Request::DelParent)] {
        match net.ask(1, "a", 1, body).body {
            Body::Refused { code, .. } => assert_eq!(code, NOT_ALLOWED),
            other => panic!("{other:?}"),
        }
    }
}
