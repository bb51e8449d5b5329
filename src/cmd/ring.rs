//! `ms mserver [options] --static RING ADDRESS GID CW_GID CW_ADDR CCW_GID CCW_ADDR`: the mserver of 1994.

use super::conf::{self, Settings};
use super::groups::Groups;
use super::serve::{self, Failure, Parts, Plan, refused};
use super::{Command, complain};
use crate::name::{Gid, GroupName};
use crate::proto::node::Role;
use crate::proto::ring::{GIDS, Neighbour, Places, Ring};
use crate::proto::step::Via;
use crate::sys::process::exit;
use crate::sys::{interface, socket};
use std::net::SocketAddrV4;

pub(super) fn run(command: &Command, plan: Plan<'_>) -> i32 {
    let usage = |why: &str| {
        complain(&format!("{why}\nusage: {}", command.synopsis()));
        exit::USAGE
    };
    let [ring, address, gid, cw_gid, cw_addr, ccw_gid, ccw_addr] = plan.operands() else {
        return usage(&format!("there must be 7 operands, not {}", plan.operands().len()));
    };
    let mut errors = Vec::new();
    let group = taken(&mut errors, "RING", ring, ring.parse::<GroupName>());
    let place = taken(&mut errors, "ADDRESS", address, find(address, group, &plan));
    let gid = taken(&mut errors, "GID", gid, gid_of(gid));
    let mut neighbour = |names: [&str; 2], gid: &str, at: &str| {
        let gid = taken(&mut errors, names[0], gid, gid_of(gid));
        let address = taken(&mut errors, names[1], at, host(at, &plan.settings));
        gid.zip(address).map(|(gid, address)| Neighbour { gid, address })
    };
    let cw = neighbour(["CW_GID", "CW_ADDR"], cw_gid, cw_addr);
    let ccw = neighbour(["CCW_GID", "CCW_ADDR"], ccw_gid, ccw_addr);
    let (Some(group), Some(at), Some(gid), Some(cw), Some(ccw)) = (group, place, gid, cw, ccw)
    else {
        return usage(errors.join("\n").as_str());
    };
    let mcaster = (!at.ip().is_multicast()).then_some(at);
    let places = Places { group, mcaster, gid, cw, ccw };
    plan.run(
        |plan| parts(plan, at),
        |context, actions| Role::Ring(Ring::start(places, context.settings.params(), actions)),
        |settings, _, role| {
            if let Role::Ring(ring) = role {
                ring.set_params(settings.params());
            }
        },
    )
}

fn taken<T, E: std::fmt::Display>(
    errors: &mut Vec<String>,
    name: &str,
    value: &str,
    result: Result<T, E>,
) -> Option<T> {
    result.map_err(|e| errors.push(format!("{name} {value}: {e}"))).ok()
}

/// An address, or `-` for the one that ms.groups has.
fn find(address: &str, ring: Option<GroupName>, plan: &Plan<'_>) -> Result<SocketAddrV4, String> {
    if address != "-" {
        return conf::group_address(address, plan.settings.port);
    }
    let groups: &Groups = &plan.groups;
    ring.and_then(|ring| groups.get(&ring).copied())
        .ok_or_else(|| "must be in ms.groups".to_string())
}

fn host(address: &str, settings: &Settings) -> Result<SocketAddrV4, String> {
    let address = conf::address(address, settings.port)?;
    match address.ip() {
        ip if ip.is_multicast() || ip.is_unspecified() || ip.is_broadcast() => {
            Err("must be the address of a host".to_string())
        }
        _ => Ok(address),
    }
}

fn gid_of(gid: &str) -> Result<Gid, String> {
    let allowance = || format!("must be 0 to {}", GIDS - 1);
    gid.parse().ok().filter(|&g| g < GIDS).map(Gid).ok_or_else(allowance)
}

fn parts(plan: &Plan<'_>, at: SocketAddrV4) -> Result<Parts, Failure> {
    let settings = &plan.settings;
    let ip = plan.own(|| interface::towards(at))?;
    let own = SocketAddrV4::new(ip, settings.port);
    let from_mcaster = SocketAddrV4::new(ip, settings.member_port);
    // Both sockets of 1994 are opened, whichever way multicasts come.
    let mut sockets = vec![
        (Via::Own, serve::open_own(own, settings)?),
        (Via::Mcaster, serve::open_own(from_mcaster, settings)?),
    ];
    if at.ip().is_multicast() {
        let group =
            socket::open_group(at, ip).map_err(|e| refused(&format!("group address {at}"), &e))?;
        sockets.push((Via::Group, group));
    }
    Ok(Parts { own, sockets, keeps_failures: true, keeps_life: false })
}
