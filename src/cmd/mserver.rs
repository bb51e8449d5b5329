//! `ms mserver [options] SET [ADDRESS]`: a mserver of a core-set. With `--static`: of a fixed ring.

use super::conf::{self, Settings};
use super::groups::Groups;
use super::serve::{self, Context, Failure, Parts, Plan, refused};
use super::{Command, complain, ring};
use crate::name::GroupName;
use crate::proto::coreset::Founding;
use crate::proto::mserver::{Below, Identity, Mserver, Post};
use crate::proto::network::Network;
use crate::proto::node::Role;
use crate::proto::places::Places;
use crate::proto::step::{Action, Via};
use crate::sys::process::exit;
use crate::sys::{interface, socket};
use std::net::SocketAddrV4;

pub(super) fn run(command: &Command, args: &[String]) -> i32 {
    let plan = match serve::plan(command, args) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    if plan.flag("static") {
        return ring::run(command, plan);
    }
    match wanted(&plan) {
        Ok(wanted) => serve_set(plan, &wanted),
        Err(why) => {
            complain(&format!("{why}\nusage: {}", command.synopsis()));
            exit::USAGE
        }
    }
}

/// What the command line asks for.
struct Wanted {
    set: GroupName,
    founding: Founding,
    at: SocketAddrV4,
    places: Places,
}

fn wanted(plan: &Plan<'_>) -> Result<Wanted, String> {
    let (set, address) = match plan.operands() {
        [set] => (set, None),
        [set, address] => (set, Some(address)),
        operands => {
            return Err(format!(
                "there must be SET and perhaps ADDRESS, not {} operands",
                operands.len()
            ));
        }
    };
    let set = conf::set_name(set).map_err(|e| format!("SET {set}: {e}"))?;
    if plan.settings.child == Some(set) {
        return Err(format!(
            "child {set}: must be another set than SET, which is that of our peers"
        ));
    }
    let founding = match (plan.flag("create"), plan.flag("join-only")) {
        (true, true) => return Err("--create and --join-only: must not be given together".into()),
        (true, false) => Founding::AtOnce,
        (false, true) => Founding::Never,
        (false, false) => Founding::IfNone,
    };
    let mut places = places(&plan.groups, plan.settings.port);
    if let Some(address) = address.filter(|address| *address != "-") {
        let at = conf::group_address(address, plan.settings.port)
            .map_err(|e| format!("ADDRESS {address}: {e}"))?;
        places.set(set, at);
    }
    Ok(Wanted { set, founding, at: places.of(&set), places })
}

fn places(groups: &Groups, port: u16) -> Places {
    Places::new(groups.clone(), port)
}

fn serve_set(plan: Plan<'_>, wanted: &Wanted) -> i32 {
    let at = wanted.at;
    plan.run(
        |plan| parts(plan, at),
        |context, actions| Role::Mserver(Box::new(start(context, wanted, actions))),
        |settings, groups, role| {
            if let Role::Mserver(mserver) = role {
                mserver.change(settings.params(), allowed(settings.allow.as_ref()));
                let mut places = places(groups, settings.port);
                places.set(wanted.set, wanted.at);
                mserver.change_places(places);
            }
        },
    )
}

fn start(context: &Context<'_>, wanted: &Wanted, actions: &mut Vec<Action>) -> Mserver {
    let settings = context.settings;
    let id = Identity {
        own: context.own,
        inc: context.inc,
        places: wanted.places.clone(),
        allow: allowed(settings.allow.as_ref()),
        params: settings.params(),
    };
    let heard = Some(wanted.at).filter(|at| at.ip().is_multicast());
    let post = Post {
        set: wanted.set,
        level: settings.level(),
        founding: wanted.founding,
        below: below(settings, context.own),
    };
    Mserver::start(id, &post, heard, actions)
}

/// What the settings put below us.
fn below(settings: &Settings, own: SocketAddrV4) -> Below {
    match (settings.child, settings.lan) {
        (Some(set), _) => Below::Set(set),
        (None, Some(name)) => Below::Lan { name, mi: settings.mi },
        (None, None) => Below::lan_of(own, settings.mi),
    }
}

/// The networks whose requests are taken: those that were said, or the host's own.
fn allowed(said: Option<&Vec<Network>>) -> Vec<Network> {
    said.cloned().unwrap_or_else(|| interface::networks().unwrap_or_default())
}

fn parts(plan: &Plan<'_>, at: SocketAddrV4) -> Result<Parts, Failure> {
    let settings = &plan.settings;
    let ip = plan.own(|| interface::towards(at))?;
    let own = SocketAddrV4::new(ip, settings.port);
    if ip.is_unspecified() {
        let why = "own address: there is none towards the set, give --interface".to_string();
        return Err((exit::CONFIG, why));
    }
    let mut sockets = vec![(Via::Own, serve::open_own(own, settings)?)];
    if at.ip().is_multicast() {
        let group =
            socket::open_group(at, ip).map_err(|e| refused(&format!("group address {at}"), &e))?;
        sockets.push((Via::Group, group));
    }
    // A set that takes another name may be heard from an mcaster, whatever this one is heard from.
    let from_mcaster = SocketAddrV4::new(ip, settings.member_port);
    sockets.push((Via::Mcaster, serve::open_own(from_mcaster, settings)?));
    Ok(Parts { own, sockets, keeps_failures: false, keeps_life: true })
}
