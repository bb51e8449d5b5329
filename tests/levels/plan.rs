//! Who is where: three levels, two buildings.
//!
//! ```text
//!   level 2   top      p1 (east)  p2 (west)  s1 (east, stands by)  s2 (west, stands by)
//!   level 1            east: e1 e2           west: w1 w2
//!   level 0            LAN lan-e: m1 ... m4   LAN lan-w: n1 ... n4
//! ```
//!
//! Both mservers of a building are on its one LAN, so every member interface has another one to go to.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The set at the top.
pub const TOP: &str = "top";
/// The sets below it, each with the LAN of its mservers.
pub const BUILDINGS: [(&str, &str); 2] = [("east", "lan-e"), ("west", "lan-w")];

/// What runs on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// A mserver of the top, parent of a building's set or standing by to be.
    Parent(usize),
    /// The mserver of a LAN, in the set of a building.
    Server(usize),
    /// A member interface in a building.
    Mi(usize),
}

/// A host, with one daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Host {
    /// Its name.
    pub name: &'static str,
    /// The last byte of its address.
    pub number: u8,
    /// What runs there.
    pub work: Work,
}

const fn host(name: &'static str, number: u8, work: Work) -> Host {
    Host { name, number, work }
}

/// All hosts, those above before those below.
pub const HOSTS: &[Host] = &[
    host("p1", 1, Work::Parent(0)),
    host("p2", 2, Work::Parent(1)),
    host("s1", 3, Work::Parent(0)),
    host("s2", 4, Work::Parent(1)),
    host("e1", 11, Work::Server(0)),
    host("e2", 12, Work::Server(0)),
    host("w1", 21, Work::Server(1)),
    host("w2", 22, Work::Server(1)),
    host("m1", 111, Work::Mi(0)),
    host("m2", 112, Work::Mi(0)),
    host("m3", 113, Work::Mi(0)),
    host("m4", 114, Work::Mi(0)),
    host("n1", 211, Work::Mi(1)),
    host("n2", 212, Work::Mi(1)),
    host("n3", 213, Work::Mi(1)),
    host("n4", 214, Work::Mi(1)),
];

/// The groups, and where their first members are: 40 of them. `lane` has one mserver below its core, `east` and `west` have a
/// building each, the others the whole campus.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("campus", &["m1", "n1", "m2", "n2", "m3", "n3", "m4", "n4", "m1", "n1"]),
    ("east", &["m1", "m2", "m3", "m4", "m1", "m2", "m3", "m4"]),
    ("west", &["n1", "n2", "n3", "n4", "n1", "n2", "n3", "n4"]),
    ("lane", &["m1", "m3", "m1", "m3"]),
    ("pair", &["m2", "n2"]),
    ("cross", &["n1", "m4", "m1", "n3", "m1", "n3", "n1", "m4"]),
];

/// The host of that name, by its place in [`HOSTS`].
pub fn at(name: &str) -> usize {
    HOSTS.iter().position(|host| host.name == name).expect("a host of the plan")
}

/// The hosts with work of a kind.
pub fn hosts(wanted: impl Fn(Work) -> bool) -> Vec<usize> {
    (0..HOSTS.len()).filter(|host| wanted(HOSTS[*host].work)).collect()
}

impl Host {
    /// Where its daemon is in network `net`, of which the last byte is free.
    pub fn address(&self, net: Ipv4Addr) -> SocketAddrV4 {
        let [a, b, c, _] = net.octets();
        let port = if matches!(self.work, Work::Mi(_)) { 2901 } else { 2900 };
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, self.number), port)
    }

    /// The building that it is in; a mserver at the top is in none.
    pub fn building(&self) -> Option<usize> {
        match self.work {
            Work::Parent(_) => None,
            Work::Server(building) | Work::Mi(building) => Some(building),
        }
    }

    /// The mode of its daemon, and what stands behind the common options.
    pub fn arguments(&self, net: Ipv4Addr) -> (&'static str, Vec<String>) {
        let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
        match self.work {
            Work::Parent(building) => ("mserver", words(&["--child", BUILDINGS[building].0, TOP])),
            Work::Server(building) => {
                let (set, lan) = BUILDINGS[building];
                ("mserver", words(&["--lan", lan, set]))
            }
            Work::Mi(building) => {
                let mut servers = hosts(|work| work == Work::Server(building));
                // Half of them prefer the one, half the other.
                servers.rotate_left(usize::from(self.number.is_multiple_of(2)));
                let mut all: Vec<String> = words(&["--lan", BUILDINGS[building].1]);
                all.extend(servers.iter().map(|server| HOSTS[*server].address(net).to_string()));
                ("mi", all)
            }
        }
    }
}

/// An ms.groups with addresses that no other campus on this machine has.
pub fn addresses(third: u8) -> String {
    let names = [TOP].into_iter().chain(BUILDINGS.iter().flat_map(|(set, lan)| [*set, *lan]));
    names.zip(1..).map(|(name, last)| format!("{name} 239.193.{third}.{last}\n")).collect()
}
