//! The campus as a drawing: sets with their parents, LANs with their mservers, hosts with the members on them.
//!
//! ```text
//!   NPS        view 4: nps1 nps2 nps3 nps4                    core of alpha
//!   ├─ Spanagel   view 5: ece1 ece2 sp1, parent nps1
//!   │  ├─ ECE1       ece1
//!   │  │  ├─ ece1/1     alpha delta
//! ```
//!
//! All of it is what the daemons and the members say at this moment.

use super::figure::{
    BUILDINGS, GROUPS, HOSTS, Host, TOP, WANDERER, Work, host, hosts_of, lans, servers,
};
use super::stage::Stage;
use super::voice::Shade;
use serde_json::Value;
use std::collections::BTreeMap;

/// Column at which the second part of a line begins.
const COLUMN: usize = 22;

/// Which groups have their core where.
type Cores = BTreeMap<&'static str, Vec<&'static str>>;

/// The lines of the drawing.
pub fn draw(stage: &Stage) -> Vec<String> {
    let mut cores = Cores::new();
    for group in GROUPS.iter().map(|(group, _)| *group).chain([WANDERER]) {
        for place in stage.cores_of(group) {
            cores.entry(place).or_default().push(group);
        }
    }
    let mut lines = vec![line(stage, "", TOP, &set_in_words(stage, TOP), &cores)];
    for (n, building) in BUILDINGS.iter().enumerate() {
        let (knee, rail) = branch(n + 1 == BUILDINGS.len());
        lines.push(line(stage, knee, building, &set_in_words(stage, building), &cores));
        let lans = lans(building);
        for (n, lan) in lans.iter().enumerate() {
            let (knee, inner) = branch(n + 1 == lans.len());
            let mservers: Vec<String> = servers(lan).map(|host| in_words(stage, host)).collect();
            let mservers = format!("mserver {}", mservers.join(" "));
            lines.push(line(stage, &format!("{rail}{knee}"), lan, &mservers, &cores));
            let hosts: Vec<&Host> = hosts_of(lan).collect();
            for (n, site) in hosts.iter().enumerate() {
                let (knee, _) = branch(n + 1 == hosts.len());
                let front = format!("{rail}{inner}{knee}");
                lines.push(line(
                    stage,
                    &front,
                    &in_words(stage, site),
                    &members(stage, site),
                    &cores,
                ));
            }
        }
    }
    lines
}

/// What leads to the last one of a branch, or to another, and what goes on below it.
fn branch(last: bool) -> (&'static str, &'static str) {
    if last { ("└─ ", "   ") } else { ("├─ ", "│  ") }
}

fn line(stage: &Stage, front: &str, name: &str, text: &str, cores: &Cores) -> String {
    let width = COLUMN.saturating_sub(front.chars().count());
    let front = stage.voice.paint(Shade::Dim, front);
    let core = cores.get(name).map(|groups| format!("core of {}", groups.join(", ")));
    match core {
        Some(core) => {
            let core = stage.voice.paint(Shade::Good, &core);
            format!("{front}{name:<width$}{text:<44}  {core}")
        }
        None => format!("{front}{name:<width$}{text}"),
    }
}

/// A host by its name, in brackets where its daemon does not run.
fn in_words(stage: &Stage, site: &Host) -> String {
    if stage.campus.runs(host(site.name)) {
        site.name.to_string()
    } else {
        format!("({})", site.name)
    }
}

/// A set as its first mserver that runs sees it.
fn set_in_words(stage: &Stage, set: &str) -> String {
    let is_in = |work: Work| match work {
        Work::Parent { .. } => set == TOP,
        Work::Server { set: its, .. } => its == set,
        Work::Mi { .. } => false,
    };
    let found = (0..HOSTS.len()).filter(|&at| is_in(HOSTS[at].work));
    let Some(status) = found.filter_map(|at| stage.campus.status(at)).next() else {
        return "nobody".to_string();
    };
    let name_of = |address: &Value| stage.named(address).map_or("somebody", |at| HOSTS[at].name);
    let parent = &status["parent"];
    let members = status["members"].as_array().into_iter().flatten().map(|m| &m["address"]);
    let members: Vec<&str> = members.filter(|a| *a != parent).map(name_of).collect();
    let parent = match parent.is_null() {
        true => String::new(),
        false => format!(", parent {}", name_of(parent)),
    };
    format!("view {}: {}{parent}", status["view"], members.join(" "))
}

/// The groups of those on a host, twice if there are two of one.
fn members(stage: &Stage, site: &Host) -> String {
    let at = host(site.name);
    let here = stage.people.all().iter().filter(|p| p.host == at && p.view().is_some());
    here.map(|person| person.group).collect::<Vec<_>>().join(" ")
}
