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

use super::figure::{BUILDINGS, HOSTS, Host, TOP, Work, host, hosts_of, lans, servers};
use super::stage::{Cores, Stage};
use super::voice::Shade;
use serde_json::Value;

/// Column at which the second part of a line begins.
const COLUMN: usize = 22;

/// The lines of the drawing.
pub fn draw(stage: &Stage) -> Vec<String> {
    let cores = stage.cores();
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
    let here = cores.iter().filter(|(_, places)| places.contains(name));
    let here: Vec<&str> = here.map(|(group, _)| group.as_str()).collect();
    if here.is_empty() {
        return format!("{front}{name:<width$}{text}");
    }
    let core = stage.voice.paint(Shade::Good, &format!("core of {}", here.join(", ")));
    format!("{front}{name:<width$}{text:<44}  {core}")
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
