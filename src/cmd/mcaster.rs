//! `ms mcaster [options]`: the multicast emulator.

use super::conf::{ANY, Settings};
use super::serve::{self, Failure, Parts, Plan, refused};
use super::{Command, complain};
use crate::proto::mcaster::{Limits, Mcaster};
use crate::proto::node::Role;
use crate::proto::step::{Action, Via};
use crate::sys::interface;
use crate::sys::process::exit;
use std::net::SocketAddrV4;

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let plan = match serve::plan(command, args) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    if !plan.operands().is_empty() {
        complain(&format!(
            "{}: must not be there\nusage: {}",
            plan.operands()[0],
            command.synopsis()
        ));
        return exit::USAGE;
    }
    let own = match plan.own(|| Ok(ANY)) {
        Ok(ip) => SocketAddrV4::new(ip, plan.settings.port),
        Err((code, why)) => {
            complain(&why);
            return code;
        }
    };
    plan.run(
        |plan| parts(plan, own),
        |context, actions| {
            actions.push(Action::Ready);
            Role::Mcaster(Mcaster::new(limits(context.settings, own)))
        },
        |settings, _, role| {
            if let Role::Mcaster(mcaster) = role {
                mcaster.set_limits(limits(settings, own));
            }
        },
    )
}

fn parts(plan: &Plan<'_>, own: SocketAddrV4) -> Result<Parts, Failure> {
    // Without a list of its own the mcaster needs the host's.
    interface::networks().map_err(|e| refused("the host's networks", &e))?;
    let socket = serve::open_own(own, &plan.settings)?;
    Ok(Parts { own, sockets: vec![(Via::Own, socket)], keeps_failures: false, keeps_life: false })
}

fn limits(settings: &Settings, own: SocketAddrV4) -> Limits {
    let ticks = |seconds: u32| match seconds {
        0 => 0,
        s => u64::from(settings.params().ticks(u64::from(s) * 1000)),
    };
    // The networks could be read when the daemon started; if no more, nobody new is let in.
    let networks = || interface::networks().unwrap_or_default();
    let addresses = match own.ip().is_unspecified() {
        true => interface::all().unwrap_or_default().into_iter().map(|i| i.address).collect(),
        false => vec![*own.ip()],
    };
    Limits {
        max_groups: settings.max_groups as usize,
        max_members: settings.max_members as usize,
        allow: settings.allow.clone().unwrap_or_else(networks),
        expire: ticks(settings.expire),
        rejoin: ticks(settings.rejoin),
        rate: settings.rate,
        second: settings.params().ticks(1000),
        member_port: settings.member_port,
        own: addresses.into_iter().map(|ip| SocketAddrV4::new(ip, own.port())).collect(),
    }
}
