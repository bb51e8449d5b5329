//! Who is where: the campus of Figure 5, with an address for each host.
//!
//! ```text
//!   level 2   NPS             nps1          nps2       nps3, nps4
//!                              |             |             |
//!   level 1   Spanagel      ece1 ece2 sp1    |             |
//!             Root           |   |    |    ro1 ro2         |
//!             Ingersoll      |   |    |     |   |       in1 in2
//!   level 0   hosts          2   1    2     1   2        2   1
//! ```
//!
//! The figure has one parent for each building. Here Ingersoll has two to choose from, so that one may die.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The set at the top.
pub const TOP: &str = "NPS";
/// The sets below it: the buildings.
pub const BUILDINGS: [&str; 3] = ["Spanagel", "Root", "Ingersoll"];

/// What runs on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// A mserver at the top: parent of a building's set, or stands by to be.
    Parent {
        /// The building.
        of: &'static str,
    },
    /// The mserver of a LAN.
    Server {
        /// The building.
        set: &'static str,
        /// The LAN.
        lan: &'static str,
    },
    /// A member interface.
    Mi {
        /// The LAN.
        lan: &'static str,
    },
}

/// A host: a process with an address of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Host {
    /// What the story calls it.
    pub name: &'static str,
    /// The last byte of its address.
    pub number: u8,
    /// What runs there.
    pub work: Work,
}

const fn parent(name: &'static str, number: u8, of: &'static str) -> Host {
    Host { name, number, work: Work::Parent { of } }
}

const fn server(name: &'static str, number: u8, set: &'static str, lan: &'static str) -> Host {
    Host { name, number, work: Work::Server { set, lan } }
}

const fn mi(name: &'static str, number: u8, lan: &'static str) -> Host {
    Host { name, number, work: Work::Mi { lan } }
}

/// All hosts, those above before those below.
pub const HOSTS: &[Host] = &[
    parent("nps1", 1, "Spanagel"),
    parent("nps2", 2, "Root"),
    parent("nps3", 3, "Ingersoll"),
    parent("nps4", 4, "Ingersoll"),
    server("ece1", 11, "Spanagel", "ECE1"),
    server("ece2", 12, "Spanagel", "ECE2"),
    server("sp1", 13, "Spanagel", "SP1"),
    server("ro1", 21, "Root", "RO1"),
    server("ro2", 22, "Root", "RO2"),
    server("in1", 31, "Ingersoll", "IN1"),
    server("in2", 32, "Ingersoll", "IN2"),
    mi("ece1/1", 111, "ECE1"),
    mi("ece1/2", 112, "ECE1"),
    mi("ece2/1", 121, "ECE2"),
    mi("sp1/1", 131, "SP1"),
    mi("sp1/2", 132, "SP1"),
    mi("ro1/1", 211, "RO1"),
    mi("ro2/1", 221, "RO2"),
    mi("ro2/2", 222, "RO2"),
    mi("in1/1", 231, "IN1"),
    mi("in1/2", 232, "IN1"),
    mi("in2/1", 241, "IN2"),
];

/// Three of the four groups, and on which hosts their members are, in the order in which they join. Two of a group may
/// be on one host, two groups as well, and some hosts have none (`ro2/2`, `in1/2`). The fourth group, [`WANDERER`], comes later.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("alpha", &["ece1/1", "ece2/1", "ro1/1", "in1/1", "in2/1"]),
    ("bravo", &["ece1/2", "sp1/1", "sp1/2", "ro2/1", "in1/1"]),
    ("charlie", &["ece1/2", "ece1/2", "sp1/1", "ro1/1", "in2/1"]),
];

/// The group that begins on one LAN and comes to span the campus.
pub const WANDERER: &str = "delta";

impl Host {
    /// Its address in network `net`.
    pub fn at(&self, net: u8) -> SocketAddrV4 {
        let port = if matches!(self.work, Work::Mi { .. }) { 2901 } else { 2900 };
        SocketAddrV4::new(Ipv4Addr::new(127, 77, net, self.number), port)
    }
}

/// The host of that name, by its place in [`HOSTS`].
pub fn host(name: &str) -> usize {
    HOSTS.iter().position(|host| host.name == name).expect("the story names hosts that there are")
}

/// The mservers of a LAN.
pub fn servers(lan: &str) -> impl Iterator<Item = &'static Host> {
    HOSTS
        .iter()
        .filter(move |host| matches!(host.work, Work::Server { lan: its, .. } if its == lan))
}

/// The LANs of a building, in their order.
pub fn lans(building: &str) -> Vec<&'static str> {
    let mut all = Vec::new();
    for host in HOSTS {
        if let Work::Server { set, lan } = host.work
            && set == building
            && !all.contains(&lan)
        {
            all.push(lan);
        }
    }
    all
}

/// The lines of an ms.groups that gives every set and every LAN an address of network `net`, so that two campuses on one
/// machine do not hear each other.
pub fn addresses(net: u8) -> String {
    let lans = BUILDINGS.iter().flat_map(|building| lans(building));
    let names = [TOP].into_iter().chain(BUILDINGS).chain(lans);
    names.zip(1..).map(|(name, number)| format!("{name} 239.195.{net}.{number}\n")).collect()
}
