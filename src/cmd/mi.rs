//! `ms mi [options] MSERVER...`: the member interface of a host, which its applications call.

use super::conf;
use super::serve::{self, Context, Failure, Parts, Plan, refused};
use super::{Command, complain};
use crate::name::GroupName;
use crate::proto::mi::{Alone, MiConfig};
use crate::proto::mserver::Below;
use crate::proto::node::Role;
use crate::proto::places::Places;
use crate::proto::step::{Action, Via};
use crate::sys::process::exit;
use crate::sys::{interface, socket};
use crate::wire::coreset::Life;
use std::net::SocketAddrV4;

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let plan = match serve::plan(command, args) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    match wanted(&plan) {
        Ok(wanted) => serve_applications(plan, &wanted),
        Err(why) => {
            complain(&format!("{why}\nusage: {}", command.synopsis()));
            exit::USAGE
        }
    }
}

/// What the command line asks for.
struct Wanted {
    port: u16,
    servers: Vec<SocketAddrV4>,
    lan: GroupName,
    /// Where the LAN is heard.
    at: SocketAddrV4,
}

fn wanted(plan: &Plan<'_>) -> Result<Wanted, String> {
    let port = match plan.value("port") {
        Some(value) => conf::port(&value).map_err(|e| format!("--port {value}: {e}"))?,
        None => conf::MI_PORT,
    };
    let read = |operand: &String| {
        conf::address(operand, plan.settings.port).map_err(|e| format!("MSERVER {operand}: {e}"))
    };
    let servers: Vec<SocketAddrV4> = plan.operands().iter().map(read).collect::<Result<_, _>>()?;
    let Some(&first) = servers.first() else {
        return Err("there must be at least one MSERVER".to_string());
    };
    let lan = plan.settings.lan.unwrap_or_else(|| match Below::lan_of(first, false) {
        Below::Lan { name, .. } | Below::Set(name) => name,
    });
    let at = Places::new(plan.groups.clone(), plan.settings.port).of(&lan);
    Ok(Wanted { port, servers, lan, at })
}

fn serve_applications(plan: Plan<'_>, wanted: &Wanted) -> i32 {
    plan.run(
        |plan| parts(plan, wanted),
        |context, actions| Role::Mi(Box::new(start(context, wanted, actions))),
        |settings, _, role| {
            if let Role::Mi(mi) = role {
                mi.change(settings.params());
            }
        },
    )
}

fn start(context: &Context<'_>, wanted: &Wanted, actions: &mut Vec<Action>) -> Alone {
    actions.push(Action::KeepLife(context.inc));
    let config = MiConfig {
        life: Life { address: context.own, inc: context.inc },
        lan: wanted.lan,
        servers: wanted.servers.clone(),
        params: context.settings.params(),
        built_in: false,
    };
    Alone::start(config, actions)
}

fn parts(plan: &Plan<'_>, wanted: &Wanted) -> Result<Parts, Failure> {
    let Wanted { port, servers, lan, at } = wanted;
    let ip = plan.own(|| interface::towards(servers[0]))?;
    let own = SocketAddrV4::new(ip, *port);
    if ip.is_unspecified() {
        let why = "own address: there is none towards the mserver, give --interface".to_string();
        return Err((exit::CONFIG, why));
    }
    if servers.contains(&own) {
        let why = format!("MSERVER {own}: must be another address than our own, give --port");
        return Err((exit::CONFIG, why));
    }
    if !at.ip().is_multicast() {
        let why = format!("LAN {lan}: must be heard at an IP multicast address, {at} is none");
        return Err((exit::CONFIG, why));
    }
    let settings = &plan.settings;
    let group =
        socket::open_group(*at, ip).map_err(|e| refused(&format!("group address {at}"), &e))?;
    let sockets = vec![(Via::Own, serve::open_own(own, settings)?), (Via::Group, group)];
    Ok(Parts { own, sockets, keeps_failures: false, keeps_life: true })
}
