//! The command lines of daemons: what a hierarchy needs and MS_mgr cannot do, since it starts nothing.

use super::print::{plain, short};
use super::{Campus, MI_PORT, PORT, lan_name};
use crate::name::GroupName;
use std::fmt::Write;
use std::net::SocketAddrV4;

/// The lines of an ms.groups for those sets and LANs that are given an address.
pub fn addresses(campus: &Campus) -> Vec<String> {
    let sets = campus.sets.iter().map(|(name, set)| (name, set.address));
    let lans = campus.lans.iter().map(|(name, lan)| (name, lan.address));
    let given = sets.chain(lans).filter_map(|(name, address)| Some((name, address?)));
    given.map(|(name, address)| format!("{} {}", plain(name), short(address, PORT))).collect()
}

/// The command that starts a mserver of the campus; none if it has none at that address.
pub fn command_of_mserver(campus: &Campus, who: SocketAddrV4) -> Option<String> {
    let home = campus.home(who)?;
    let set = &campus.sets[&home];
    let server = set.mservers[&who];
    let charge = campus.charge(who);
    let mut line = format!("ms mserver --interface {}", who.ip());
    // Writing to a String cannot fail.
    if who.port() != PORT {
        let _ = write!(line, " --port {}", who.port());
    }
    // What the daemon takes if it is not told.
    let usual = if charge.is_some() { 2 } else { 1 };
    if set.level != usual {
        let _ = write!(line, " --level {}", set.level);
    }
    if let Some(child) = charge {
        let _ = write!(line, " --child {}", quoted(&child));
    }
    if let Some(lan) = server.lan {
        let _ = write!(line, " --lan {}", quoted(&lan));
    }
    if server.mi {
        line.push_str(" --mi");
    }
    let _ = write!(line, " {}", quoted(&home));
    Some(line)
}

/// The command that starts a member interface of the campus; none if it has none at that address.
pub fn command_of_mi(campus: &Campus, who: SocketAddrV4) -> Option<String> {
    let lan = campus.lan_of_mi(who)?;
    let servers: Vec<SocketAddrV4> = campus.servers_of(lan).collect();
    let mut line = format!("ms mi --interface {}", who.ip());
    if who.port() != MI_PORT {
        let _ = write!(line, " --port {}", who.port());
    }
    if servers.first().is_some_and(|first| lan_name(*first, None) != lan) {
        let _ = write!(line, " --lan {}", quoted(&lan));
    }
    for server in servers {
        let _ = write!(line, " {}", short(server, PORT));
    }
    Some(line)
}

/// A name as a shell takes it.
fn quoted(name: &GroupName) -> String {
    let name = plain(name);
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-+=:,@%".contains(c);
    match name.chars().all(bare) && !name.starts_with('-') {
        true => name.into_owned(),
        false => format!("'{}'", name.replace('\'', "'\\''")),
    }
}

/// All of them, those of the highest sets first: `# HOST` above what is typed there.
pub fn commands(campus: &Campus) -> String {
    let mut out = String::new();
    let lines = addresses(campus);
    if !lines.is_empty() {
        out.push_str("# in the ms.groups of every host:\n");
        lines.iter().for_each(|line| out.push_str(&format!("#     {line}\n")));
    }
    let mut sets: Vec<_> = campus.sets.iter().collect();
    sets.sort_unstable_by_key(|(name, set)| (std::cmp::Reverse(set.level), **name));
    let mservers = sets.iter().flat_map(|(_, set)| set.mservers.keys().copied());
    let mut show = |who: SocketAddrV4, line: Option<String>| {
        line.into_iter().for_each(|line| out.push_str(&format!("# {}\n{line}\n", who.ip())));
    };
    mservers.for_each(|who| show(who, command_of_mserver(campus, who)));
    let mis = campus.lans.values().flat_map(|lan| lan.mis.iter().copied());
    mis.for_each(|who| show(who, command_of_mi(campus, who)));
    out
}
