//! `ms groups [options] [ADDRESS|all]`: the groups that the daemons of this host know, and what they are to them.

use super::misused;
use crate::client::Qos;
use crate::cmd::{Command, complain, local, print};
use crate::proto::qos::NAMES;
use crate::sys::process::exit;
use serde_json::Value;

pub fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let address = match matches.free.as_slice() {
        [] => None,
        [address] => Some(address.as_str()),
        _ => return misused(command, "there must be one ADDRESS"),
    };
    let sockets = match local::sockets(&matches, address) {
        Ok(sockets) => sockets,
        Err((code, why)) => {
            complain(&why);
            return code;
        }
    };
    let (answers, mut code) = local::ask_all(&sockets, "groups");
    let mut text = String::new();
    for (socket, answer) in answers {
        if answer["groups"].is_null() {
            // An mcaster, or a fixed ring: of application groups they know nothing.
            let named = address.is_some_and(|word| word != "all");
            let why = || format!("{}: no daemon that knows groups", socket.display());
            let nothing = named.then(|| (exit::UNAVAILABLE, why()));
            if let Some((its_code, why)) = local::of_another_version(&socket, &answer).or(nothing) {
                complain(&why);
                code = its_code;
            }
        } else if matches.opt_present("json") {
            text.push_str(&format!("{answer}\n"));
        } else {
            text.push_str(&show(&answer));
        }
    }
    match print(&text) {
        exit::OK => code,
        other => other,
    }
}

/// The daemon, and a line for each of its groups.
fn show(answer: &Value) -> String {
    let mut out = format!("{}\n", answer["address"].as_str().unwrap_or("?"));
    let groups = answer["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    if groups.is_empty() {
        out.push_str("    no groups\n");
    }
    groups.iter().for_each(|group| out.push_str(&line(group)));
    out
}

/// What its creator chose that is not the usual.
fn chosen(qos: &Value) -> Vec<String> {
    let usual = Qos::default();
    let word = |name: &str| qos[name.replace('-', "_")].as_str().map(str::to_string);
    let chosen = NAMES.into_iter().filter_map(|name| Some((name, word(name)?)));
    let chosen = chosen.filter(|(name, word)| usual.get(name).as_ref() != Some(word));
    chosen.map(|(name, word)| format!("{name} {word}")).collect()
}

/// `orders 1.3: 3 members; core in office; members below; here gid 0 2; roster count; incarnation ...`
fn line(group: &Value) -> String {
    let name = group["group"].as_str().unwrap_or("?");
    let mut parts = Vec::new();
    let at = match (group["number"].as_u64(), group["size"].as_u64()) {
        (Some(number), Some(size)) => {
            parts.push(format!("{size} member{}", if size == 1 { "" } else { "s" }));
            format!(" {}.{number}", group["term"])
        }
        _ => format!(" {}", group["term"]),
    };
    let roles = group["roles"].as_object().into_iter().flatten();
    parts.extend(roles.map(|(set, word)| format!("{} in {set}", word.as_str().unwrap_or("?"))));
    if group["below"] == true {
        parts.push("members below".to_string());
    }
    if let Some(here) = group["members"].as_array().filter(|here| !here.is_empty()) {
        let gids: Vec<String> = here.iter().map(Value::to_string).collect();
        parts.push(format!("here gid {}", gids.join(" ")));
    }
    parts.extend(chosen(&group["qos"]));
    parts.push(format!("incarnation {}", group["incarnation"].as_str().unwrap_or("?")));
    format!("    {name}{at}: {}\n", parts.join("; "))
}
