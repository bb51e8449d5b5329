//! The file and the plan, without a daemon.

mod file;
mod planning;
mod random;

use super::*;
use crate::name::Digest;

fn name(text: &str) -> GroupName {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddrV4 {
    match text.contains(':') {
        true => text.parse().unwrap(),
        false => format!("{text}:2900").parse().unwrap(),
    }
}

const TWO_LEVELS: &str = "
    # comment
    set top { mserver 10.0.0.8
              mserver 10.0.0.9 }
    set west {
        address 239.1.1.1
        parent 10.0.0.8
        mserver 10.0.0.1 lan a
        mserver 10.0.0.2 mi   # built in
    }
    set east {
        parent 10.0.0.9 10.0.0.10
        mserver 10.0.0.3
        mserver 10.0.0.4:3900
    }
    set top2 {
        level 2
        mserver 10.0.0.10
    }
    lan a {
        mi 10.0.0.101 10.0.0.102:2999
    }
";

/// The answers of a hierarchy that is just so, in which each set knows so many groups.
fn answers(campus: &Campus, groups: u64) -> Vec<Answer> {
    let seat = |set: GroupName| {
        let said = &campus.sets[&set];
        let parent = said.parents.first().copied();
        let members: Vec<SocketAddrV4> = said.mservers.keys().copied().chain(parent).collect();
        let heard = Some(said.address.unwrap_or_else(|| derived(set)));
        let view = Some((members, parent, Digest::default()));
        Seat { set, level: said.level, heard, groups, view }
    };
    let answer = |(who, server): (SocketAddrV4, Server)| {
        let child = campus.charge(who).map(|child| {
            let is_parent = campus.sets[&child].parents.first() == Some(&who);
            let seat = seat(child);
            let view = seat.view.clone().filter(|_| is_parent);
            Seat { view, ..seat }
        });
        let of_lan = |name: GroupName| {
            let lan = campus.lans.get(&name).cloned().unwrap_or_default();
            let heard = Some(lan.address.unwrap_or_else(|| derived(name)));
            LanNow { name, heard, mis: lan.mis, built_in: server.mi }
        };
        let lan = child.is_none().then(|| of_lan(lan_name(who, server.lan)));
        Answer { who, peers: campus.home(who).map(seat), child, lan, groups }
    };
    campus.mservers().map(answer).collect()
}

fn live(text: &str, groups: u64) -> Live {
    Live::of(answers(&parse(text).unwrap(), groups))
}
